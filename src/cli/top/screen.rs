//! The terminal: taken over, drawn on, and given back whatever happens.

use std::{
    io, mem, panic,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use portolan::{
    Job, View,
    capture::{Backlog, Clock},
    packet::Share,
    pipeline::{Failure, Outcome},
    report::top::{self, Chosen},
    sink::Unseen,
};
use ratatui::{
    DefaultTerminal,
    crossterm::event::{self, Event, KeyEventKind},
};

use super::{
    app::App,
    history::{History, MOST_OCTETS, Picture},
    teller::Teller,
};
use crate::cli::{
    End,
    args::Global,
    exit, message,
    metrics::Metrics,
    watch::{counters, tell_each},
};

/// How long a key may wait for the screen, and a picture for a key.
const NAP: Duration = Duration::from_millis(50);

/// Whether the terminal is ours.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// Gives the terminal back, if it was taken.
pub(crate) fn leave() {
    if TAKEN.swap(false, Ordering::Relaxed) {
        ratatui::restore();
    }
}

/// The terminal as long as it is ours.
struct Screen(DefaultTerminal);

impl Screen {
    fn take() -> io::Result<Self> {
        // A panic, on whichever thread, gives the terminal back before it says what it has to say.
        let terminal = ratatui::try_init().inspect_err(|_| ratatui::restore())?;
        TAKEN.store(true, Ordering::Relaxed);
        Ok(Self(terminal))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        leave();
    }
}

/// Where the newest picture waits for the screen: it replaces one that was not drawn, so that learning never waits.
type Slot = Mutex<Option<Arc<Picture>>>;

/// Learns what a job reads on a thread of its own, and draws it until the user has seen enough. Returns the exit code.
pub(super) fn show(
    global: &Global,
    mut job: Job<'_>,
    name: &str,
    clock: Option<Arc<Clock>>,
    (backlog, metrics, exports): (Option<Arc<Backlog>>, Option<Arc<Metrics>>, PathBuf),
) -> Result<u8, End> {
    let (stop, registry, is_live) = (Arc::clone(&job.limits.stop), job.registry, clock.is_none());
    let (slot, shown) = (Slot::default(), AtomicUsize::new(0));
    let put = |picture| *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(picture);
    let room = job.memory.map_or(MOST_OCTETS, |memory| MOST_OCTETS.min((memory / 8) as usize));
    if job.selects() {
        // The chosen packets are learned once more.
        job.memory = job.memory.map(|memory| memory / 2);
    }
    let options =
        job.memory.map_or_else(top::needs, |memory| top::needs().within(Share::of_memory(memory, 1)));
    let chosen = Chosen::new(options, registry, job.selects());
    let mut teller = Teller::new(clock.clone(), chosen.clone(), &shown, &stop, &put);
    (teller.backlog, teller.metrics) = (backlog, metrics);
    let mut app = App::new(name, clock, global.wants_color());
    (app.exports, app.history) = (exports, History::within(room));
    app.has_processes = job.processes.is_some();
    let mut screen = Screen::take()?;
    let (drawn, learned) = thread::scope(|scope| {
        let learner = scope.spawn(|| {
            let (knowledge, answers, outcome) = job.follow(top::needs(), chosen, &mut Unseen, &teller)?;
            let view = View { knowledge: &knowledge, answers: &answers, registry };
            teller.end(&view, outcome.losses);
            teller.serve(&view);
            // The process ends next, and the system takes all memory back at once.
            mem::forget((knowledge, answers));
            Ok(outcome)
        });
        let drawn = screen.draw(&mut app, &teller, &slot, || learner.is_finished());
        stop.store(true, Ordering::Relaxed);
        // Before the learner comes to its end, which may take a while.
        drop(screen);
        (drawn, learner.join())
    });
    let learned = learned.unwrap_or_else(|panic| panic::resume_unwind(panic));
    drawn?;
    teller.said().iter().for_each(message::error);
    let outcome = match learned {
        Ok(outcome) => outcome,
        Err(Failure::Input(_)) => Outcome::default(),
        Err(Failure::Output(error)) => return Err(End::Output(error)),
    };
    if let Some(losses) = outcome.losses.filter(|_| is_live && !global.quiet) {
        tell_each(&outcome.losses_of_each);
        message::line("", format_args!("{name}: {}", counters(outcome.packets, losses)));
    }
    let code = teller.code.load(Ordering::Relaxed);
    Ok(if app.was_interrupted && !is_live { exit::worse(code, exit::DAMAGED) } else { code })
}

impl Screen {
    /// Draws pictures and obeys keys, until one of them or a signal ends it.
    fn draw(
        &mut self,
        app: &mut App,
        teller: &Teller<'_>,
        slot: &Slot,
        has_learned: impl Fn() -> bool,
    ) -> io::Result<()> {
        let mut is_stale = true;
        while !app.is_done {
            // A signal; an input that ended by itself stays on the screen until then.
            if teller.stop.load(Ordering::Relaxed) {
                app.was_interrupted = !app.is_over();
                return Ok(());
            }
            // Asked before the picture is taken, as the last one is put before the end.
            let is_over = has_learned();
            let picture = slot.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(picture) = picture {
                app.take(picture);
                is_stale = true;
            } else if is_over && !app.is_over() {
                // It failed, or there was nothing at all: what is to be said of that is said outside.
                return Ok(());
            }
            if let Some(said) = teller.said().last()
                && app.said.as_ref() != Some(said)
            {
                app.said = Some(said.clone());
                is_stale = true;
            }
            if is_stale {
                self.0.draw(|frame| app.draw(frame))?;
            }
            is_stale = event::poll(NAP)?;
            if is_stale
                && let Event::Key(key) = event::read()?
                && key.kind == KeyEventKind::Press
            {
                app.key(key);
                teller.shown.store(app.topic, Ordering::Relaxed);
                *teller.looked_at.lock().unwrap_or_else(PoisonError::into_inner) = app.looked_at();
            }
        }
        Ok(())
    }
}
