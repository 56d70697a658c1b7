//! What the commands share that read inputs: all together or each alone, learned and then charted or both at once.

use std::{
    mem,
    time::{Duration, Instant},
};

use portolan::{Answers, Encoder, Job, Knowledge, Sink, View, knowledge::Options, pipeline::Outcome};

use super::{End, args::Global, exit, input::Session, knowledge, message, watch::Show};

/// How the passes over all inputs went.
pub(crate) struct Passes {
    /// The exit code.
    pub(crate) code: u8,
    /// What was learned from, and whether anything came of it.
    pub(crate) outcome: Outcome,
    /// How long learning took before charting began.
    pub(crate) learning: Duration,
}

/// Whether only some packets of what is learned are charted. What can be read only once ends with the last one asked for,
/// so that a count alone leaves nothing out.
pub(crate) fn charts_selection(job: &Job<'_>) -> bool {
    let is_counted = job.count.is_some() && job.inputs.can_be_read_twice();
    job.accept.is_some() || job.wanted.is_some() || !job.window.is_all() || is_counted
}

/// Learns inputs, and hands `known` what is known of all, or of each that is separate in turn.
pub(crate) fn learn(
    global: &Global,
    session: &Session<'_>,
    job: &mut Job<'_>,
    (options, needs_answers): (Options, bool),
    show: Option<&Show<'_>>,
    mut known: impl FnMut(&mut Knowledge, &Answers),
) -> Result<Passes, End> {
    let watch = session.watch("learning").showing(show);
    let (began, mut all, mut losses) = (Instant::now(), Outcome::default(), Losses::default());
    let mut base = knowledge::base(session, job)?;
    while !all.stopped && job.next_turn() {
        let is_stored = !session.stored.is_empty();
        let (mut knowledge, outcome) = if is_stored {
            knowledge::joined(global, session, job, &watch, options.interval)?
        } else {
            job.learn(options, &watch).map_err(|failure| watch.end(failure))?
        };
        let answers = match base.take() {
            _ if !needs_answers => Answers::default(),
            Some(base) => {
                let again = session.watch("learning").again();
                again.knows(&watch);
                let (whole, _) = job.learn_on(base, &again).map_err(|failure| again.end(failure))?;
                let of_whole = Answers::of(&whole, &session.registry, false, job.threads);
                let answers = Answers::of_piece(&knowledge, &whole, &of_whole);
                knowledge.set_learned_hosts(whole);
                answers
            }
            None => Answers::of(&knowledge, &session.registry, false, job.threads),
        };
        losses.add(&knowledge);
        known(&mut knowledge, &answers);
        all.add(outcome);
        leave(job, (knowledge, answers));
    }
    let code = exit::worse(session.code.get(), watch.code(&all)?);
    losses.tell(global);
    Ok(Passes { code, outcome: all, learning: began.elapsed() })
}

/// Charts inputs: those that can be read twice after they were learned, unless only the past shall be known. Then hands
/// `known` what is known by the end: of all, or of each that is separate in turn.
pub(crate) fn chart<E: Encoder, S: Sink<E::Part>>(
    global: &Global,
    session: &Session<'_>,
    job: &mut Job<'_>,
    (options, causal, doing): (Options, bool, &'static str),
    encoder: &E,
    sink: &mut S,
    mut known: impl FnMut(&mut Knowledge, &Answers, &mut S),
) -> Result<Passes, End> {
    let mut base = knowledge::base(session, job)?;
    refuse_packets(session, job, base.is_some() && causal)?;
    let causal = causal || !job.inputs.can_be_read_twice();
    let options = Options { domains: options.domains || job.asks_domains(), ..options };
    let watch = session.watch(if causal { doing } else { "learning" });
    let again = session.watch(doing).again();
    let (mut all, mut losses, mut learning) = (Outcome::default(), Losses::default(), Duration::ZERO);
    while !all.stopped && job.next_turn() {
        let (mut knowledge, answers) = if causal {
            let followed = job.follow(options, encoder.clone(), sink, &watch);
            let (knowledge, answers, outcome) = followed.map_err(|failure| watch.end(failure))?;
            all.add(outcome);
            (knowledge, answers)
        } else {
            let (began, registry) = (Instant::now(), &session.registry);
            let learned = match base.take() {
                Some(base) => job.learn_on(base, &watch),
                None => job.learn(options, &watch),
            };
            let (knowledge, learned) = learned.map_err(|failure| watch.end(failure))?;
            let ids = encoder.shows_community_ids() || job.asks_community_ids();
            let answers = Answers::of(&knowledge, registry, ids, job.threads);
            learning += began.elapsed();
            again.knows(&watch);
            let view = View { knowledge: &knowledge, answers: &answers, registry };
            let charted = job.chart(&view, encoder.clone(), sink, &again);
            let charted = charted.map_err(|failure| again.end(failure))?;
            all.add(Outcome { delivered: charted.delivered, ..learned });
            all.errors.extend(charted.errors);
            all.stopped |= charted.stopped;
            (knowledge, answers)
        };
        losses.add(&knowledge);
        known(&mut knowledge, &answers, sink);
        leave(job, (knowledge, answers));
    }
    let code = exit::worse(watch.code(&all)?, again.code(&all)?);
    let code = exit::worse(session.code.get(), code);
    losses.tell(global);
    Ok(Passes { code, outcome: all, learning })
}

/// Refuses to show packets of inputs that hold none, and to know only the past where a file knows more.
fn refuse_packets(session: &Session<'_>, job: &Job<'_>, is_contradiction: bool) -> Result<(), End> {
    if is_contradiction {
        message::error(
            "--causal knows only the past, and --knowledge names by more than that: give one of them",
        );
        return Err(End::Said(exit::USAGE));
    }
    refuse_wanted(session, job)?;
    session.refuse_stored("a knowledge file holds no packets: only sums of flows are in it")
}

/// Refuses to choose packets by what they say of inputs that hold none.
pub(crate) fn refuse_wanted(session: &Session<'_>, job: &Job<'_>) -> Result<(), End> {
    let Some(path) = session.stored.first().filter(|_| job.wanted.is_some()) else { return Ok(()) };
    let reason = "--where asks packets here, and a knowledge file holds none";
    message::error(format_args!("{}: {reason}", path.display()));
    Err(End::Said(exit::FILTER))
}

/// Says what did not fit into memory.
pub(crate) fn tell_losses(global: &Global, knowledge: &Knowledge) {
    let mut losses = Losses::default();
    losses.add(knowledge);
    losses.tell(global);
}

/// Forgets what was known where inputs are separate. Else the process ends next, and keeps it to its end: the system takes
/// all memory back at once, while freeing a large capture's piece by piece takes up to a tenth of the run.
fn leave<T>(job: &Job<'_>, known: T) {
    if job.separate {
        drop(known);
    } else {
        mem::forget(known);
    }
}

/// What did not fit into memory, over all inputs.
#[derive(Default)]
struct Losses(Vec<(u64, &'static str)>);

impl Losses {
    fn add(&mut self, knowledge: &Knowledge) {
        for (count, what) in knowledge.losses() {
            match self.0.iter_mut().find(|(_, known)| *known == what) {
                Some((all, _)) => *all += count,
                None => self.0.push((count, what)),
            }
        }
    }

    fn tell(&self, global: &Global) {
        for (count, what) in self.0.iter().filter(|_| !global.quiet) {
            message::note(format_args!("{what}: {count}"));
        }
    }
}
