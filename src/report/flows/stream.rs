//! Flows of an interface, each told when it ends, and if wanted while it lasts.
//!
//! Nothing is remembered of what was told but until when: whether a flow is over, and since when, is worked out of its last
//! packet. So a flow to which packets come after it was told is told again, with whole counters: its last record counts.

use std::{
    io::{self, Write},
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use super::{FLOW, FlowRow, Flows, Form, Listed, OfFlow, listed_flow, sorted, text, told, zeek};
use crate::{
    flow::{FiveTuple, Flow, FlowId, TCP_TIMEOUT, TIMEOUT},
    knowledge::{Answers, Knowledge, Options, View},
    packet::{Timestamp, TransportProtocol},
    places::{Located, Places},
    record::{Put as _, Record, ValueWriter},
    select::Choice,
    sink::{Encoder, Sink},
    text::{
        field::{Field, Need, columns_with, distinct, grouped, header},
        time::{TimeStyle, TimeWriter},
    },
};

/// How long a connection may be silent once it is closed before it is told, in ns: what closes it may take some packets.
const LINGER: u64 = 5_000_000_000;
/// How long what was told is held, in ns, should more of it come.
const HELD: u64 = 60_000_000_000;
/// Time between two looks at all flows, in ns.
const TICK: u64 = 1_000_000_000;
/// For so many times as long as a look took, none is taken.
const REST: u32 = 10;
/// A time so much earlier than the last one, in ns, is that of a clock that was set back.
const SET_BACK: u64 = 10_000_000_000;
/// Five-tuples that a batch may add to a table.
const BATCH: usize = 1 << 16;
/// Five-tuples that are worth forgetting at a time.
const WORTH_FORGETTING: usize = 1 << 12;

/// Why a flow is told: `flowEndReason` of IPFIX (RFC 5102 section 5.11.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It was silent for too long: the idle timeout.
    Idle,
    /// It goes on, and a while has passed: the active timeout.
    Active,
    /// It was closed or broken off.
    End,
    /// The run ends.
    Forced,
    /// The table of flows is full.
    LackOfResources,
}

impl Reason {
    /// Every one.
    pub const ALL: [Self; 5] = [Self::Idle, Self::Active, Self::End, Self::Forced, Self::LackOfResources];

    /// Its word in records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Active => "active",
            Self::End => "end",
            Self::Forced => "forced",
            Self::LackOfResources => "lack-of-resources",
        }
    }
}

/// Tells a [`FlowStream`] the time of the packets.
#[derive(Clone, Copy, Debug, Default)]
pub struct Times;

impl Encoder for Times {
    type Part = Option<u64>;

    fn packet(&mut self, record: &Record<'_>, part: &mut Option<u64>) {
        *part = record.frame.time.map(|time| time.0).or(*part);
    }
}

/// Writes flows as they end. To be followed by [`Times`], with [`FlowStream::needs`].
#[derive(Debug)]
pub struct FlowStream<W> {
    form: Form,
    choice: Choice<Flows>,
    numeric: bool,
    /// How often a flow is told while it lasts, in ns.
    every: Option<u64>,
    at_once: bool,
    /// Whether time passes where no packet comes.
    is_live: bool,
    clock: TimeWriter,
    out: W,
    has_begun: bool,
    /// Time of the last packet since the last look.
    latest: Option<u64>,
    /// Until when all flows that were over are told, in ns since the epoch.
    told: Option<u64>,
    rest_until: Option<Instant>,
    spent: Option<Vec<FlowId>>,
    located: Option<Located>,
    /// Whether it is told who owns ends.
    owned: bool,
}

impl<W: Write> FlowStream<W> {
    /// Writes flows in this form to `out`.
    pub fn new(form: Form, out: W) -> Self {
        let style = if let Form::Text(style) = form { style } else { TimeStyle::default() };
        Self {
            form,
            choice: Choice::default(),
            numeric: false,
            every: None,
            at_once: false,
            is_live: false,
            clock: TimeWriter::new(style),
            out,
            has_begun: false,
            latest: None,
            told: None,
            rest_until: None,
            spent: None,
            located: None,
            owned: false,
        }
    }

    /// The same of flows and fields that are chosen; an order or a number of rows is of no use here.
    #[must_use]
    pub fn choose(self, choice: Choice<Flows>) -> Self {
        Self { choice: Choice { order: None, top: None, ..choice }, ..self }
    }

    /// The same with where ends are.
    #[must_use]
    pub fn locate(self, places: Option<Arc<Places>>) -> Self {
        Self { located: places.map(Located::new), ..self }
    }

    /// The same with who owns ends, where that is known.
    #[must_use]
    pub fn owned(self, owned: bool) -> Self {
        Self { owned, ..self }
    }

    /// The same without names of hosts.
    #[must_use]
    pub fn numeric(self) -> Self {
        Self { numeric: true, ..self }
    }

    /// The same of flows that last, too: each that had packets is told so often.
    #[must_use]
    pub fn every(self, time: Option<Duration>) -> Self {
        let every = time.map(|time| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX).max(1));
        Self { every, ..self }
    }

    /// The same, where each line appears at once.
    #[must_use]
    pub fn at_once(self, at_once: bool) -> Self {
        Self { at_once, ..self }
    }

    /// The same of an interface: time passes where nothing comes, too.
    #[must_use]
    pub fn live(self) -> Self {
        Self { is_live: true, ..self }
    }

    /// What is to be learned for flows in this form.
    pub fn needs(form: Form) -> Options {
        let history = form == Form::Zeek;
        Options { flows: true, history, domains: true, causal: true, ..Options::default() }
    }

    /// Tells all flows that are left.
    ///
    /// # Errors
    /// Those of the output.
    pub fn end(&mut self, knowledge: &Knowledge, answers: &Answers) -> io::Result<()> {
        self.has_begun = self.has_begun || self.begin().map(|()| true)?;
        let told = self.told;
        let is_told = |over: Option<u64>| told.is_some_and(|told| over.is_some_and(|over| over <= told));
        let mut flows = Vec::new();
        for tuple in knowledge.flows().five_tuples() {
            earlier(&tuple, told, |flow, reason| flows.push(line(&tuple, flow, answers, reason)));
            let (over, reason) = over(&tuple);
            if !is_told(over) {
                let now = self.latest.max(told);
                let is_over = over.is_some_and(|over| now.is_some_and(|now| over <= now));
                flows.push(line(
                    &tuple,
                    &tuple.current,
                    answers,
                    if is_over { reason } else { Reason::Forced },
                ));
            }
        }
        self.write(&mut flows, answers, knowledge.span().first())?;
        self.out.flush()
    }

    /// What comes before all flows.
    fn begin(&mut self) -> io::Result<()> {
        if self.form == Form::Csv {
            let mut line = Vec::new();
            header(self.fields(), &mut line);
            self.out.write_all(&line)?;
        }
        Ok(())
    }

    /// The fields of a line.
    fn fields(&self) -> Vec<&'static Field<OfFlow>> {
        match (self.choice.columns.as_deref(), self.form) {
            (None, Form::Csv) => {
                let mut needs = vec![Need::Stream];
                needs.extend(self.located.is_some().then_some(Need::Places));
                needs.extend(self.owned.then_some(Need::Processes));
                columns_with(&FLOW, &needs).collect()
            }
            (None, _) => FLOW.iter().collect(),
            (Some(columns), Form::Csv) => columns.iter().map(|&column| &FLOW[column]).collect(),
            (Some(columns), _) => {
                grouped(distinct(columns).into_iter().map(|column| &FLOW[column]).collect())
            }
        }
    }

    /// The time by which flows are told, in ns since the epoch: that of the last packet; ours where none comes.
    fn now(&self) -> Option<u64> {
        let clock = || {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
        };
        self.latest.or_else(|| self.is_live.then(clock))
    }

    fn look(&mut self, view: &View<'_>, now: u64, is_full: bool) -> io::Result<()> {
        let began = Instant::now();
        let told = self.told;
        let (mut flows, mut spent, mut held) = (Vec::new(), Vec::new(), Vec::new());
        let mut has_earlier = false;
        for tuple in view.knowledge.flows().five_tuples() {
            has_earlier |= !tuple.earlier.is_empty();
            earlier(&tuple, told, |flow, reason| flows.push(line(&tuple, flow, view.answers, reason)));
            let (over, reason) = over(&tuple);
            let Some(over) = over else { continue };
            if over > now {
                if is_full {
                    held.push((tuple.current.tally.last(), tuple.id));
                }
                if self.is_due(&tuple.current, told, now) {
                    flows.push(line(&tuple, &tuple.current, view.answers, Reason::Active));
                }
                continue;
            }
            if told.is_none_or(|told| over > told) {
                flows.push(line(&tuple, &tuple.current, view.answers, reason));
            }
            if is_full || over.saturating_add(HELD) <= now {
                spent.push(tuple.id);
            }
        }
        let all = view.knowledge.flows().len();
        let surplus = if is_full { all.saturating_sub(room(view) / 4 * 3) } else { 0 };
        if spent.len() < surplus {
            // Those silent for longest make room, whatever may come of them.
            held.sort_by_key(|&(last, _)| last);
            for &(_, id) in held.iter().take(surplus - spent.len()) {
                if let Some(tuple) = view.knowledge.flows().five_tuple(id) {
                    flows.push(line(&tuple, &tuple.current, view.answers, Reason::LackOfResources));
                    spent.push(id);
                }
            }
        }
        if is_full || spent.len() >= WORTH_FORGETTING.max(all / 8) {
            self.spent = Some(spent);
        } else if has_earlier {
            self.spent = Some(Vec::new());
        }
        self.told = Some(now);
        self.write(&mut flows, view.answers, view.knowledge.span().first())?;
        self.rest_until = self.is_live.then(|| Instant::now() + began.elapsed() * REST);
        Ok(())
    }

    /// Whether a flow that lasts is told: as often as that is wanted, counted from its first packet, if it had any since.
    fn is_due(&self, flow: &Flow, told: Option<u64>, now: u64) -> bool {
        let (Some(every), Some((first, last))) = (self.every, flow.tally.first().zip(flow.tally.last()))
        else {
            return false;
        };
        let passed = |time: u64| time.saturating_sub(first) / every;
        passed(now) > told.map_or(0, passed) && last > now.saturating_sub(every)
    }

    fn write(&mut self, flows: &mut [Listed], answers: &Answers, began: Option<Timestamp>) -> io::Result<()> {
        if let Some(located) = &mut self.located {
            flows.iter_mut().for_each(|flow| flow.locate(located));
        }
        let rows = sorted(flows, answers.labels().all(), |namer| told(namer, answers), self.located.as_ref());
        let mut rows = self.choice.of(rows, |row| row);
        let (fields, mut writer, mut octets) = (self.fields(), ValueWriter::default(), Vec::new());
        for row in &mut rows {
            if self.numeric {
                row.named = None;
            }
            octets.clear();
            match self.form {
                Form::Text(_) => octets = text(row, began, &mut self.clock),
                Form::Zeek => zeek::line(row, &mut octets),
                Form::Json => {
                    writer.object(fields.iter().copied(), |get, put| get.read(row, put), &mut octets);
                    octets.push(b'\n');
                }
                Form::Csv => {
                    let mut cells = writer.cells(&mut octets);
                    for field in &fields {
                        cells.cell(|cell| cell.all(|put| field.get.read(row, put)));
                    }
                    cells.end();
                }
            }
            self.out.write_all(&octets)?;
            if self.at_once {
                self.out.flush()?;
            }
        }
        if rows.is_empty() { Ok(()) } else { self.out.flush() }
    }
}

impl<W: Write> Sink<Option<u64>> for FlowStream<W> {
    fn take(&mut self, part: &mut Option<u64>) -> io::Result<()> {
        self.latest = part.take();
        Ok(())
    }

    fn learned(&mut self, view: &View<'_>) -> io::Result<()> {
        if !self.has_begun {
            self.begin()?;
            self.has_begun = true;
        }
        let Some(now) = self.now() else { return Ok(()) };
        if self.told.is_some_and(|told| now.saturating_add(SET_BACK) < told) {
            self.told = Some(now);
        }
        let is_full = view.knowledge.flows().is_full(room(view));
        let told = *self.told.get_or_insert(now.saturating_sub(1));
        let rests = self.rest_until.is_some_and(|until| Instant::now() < until);
        if is_full || now >= told.saturating_add(TICK) && !rests {
            self.look(view, now, is_full)?;
        }
        Ok(())
    }

    fn spent(&mut self) -> Option<Vec<FlowId>> {
        self.spent.take()
    }

    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Five-tuples that a table may hold so that those of the next batch find room, and none leaves untold.
fn room(view: &View<'_>) -> usize {
    let limit = view.knowledge.options().limit;
    limit.saturating_sub(2 * BATCH).max(limit / 4)
}

/// Since when the current flow of a five-tuple is over if nothing more comes, and why; unknown where its times are.
fn over(tuple: &FiveTuple<'_>) -> (Option<u64>, Reason) {
    let after = |wait: u64| tuple.current.tally.last().map(|last| last.saturating_add(wait));
    if tuple.facts.closed() {
        return (after(LINGER), Reason::End);
    }
    (after(timeout(tuple)), Reason::Idle)
}

fn timeout(tuple: &FiveTuple<'_>) -> u64 {
    if tuple.key.protocol() == TransportProtocol::TCP { TCP_TIMEOUT } else { TIMEOUT }
}

/// Hands over the flows that gave way to others of their five-tuple and were not told yet.
fn earlier(tuple: &FiveTuple<'_>, told: Option<u64>, mut tell: impl FnMut(&Flow, Reason)) {
    for (number, flow) in tuple.earlier.iter().enumerate() {
        let next = tuple.earlier.get(number + 1).unwrap_or(&tuple.current);
        // Only what was closed gives way before it was silent for too long.
        let silence = next.tally.first().zip(flow.tally.last()).map(|(next, last)| next.saturating_sub(last));
        let is_idle = silence.is_none_or(|silence| silence > timeout(tuple));
        let (wait, reason) = if is_idle { (timeout(tuple), Reason::Idle) } else { (LINGER, Reason::End) };
        let over = flow.tally.last().map(|last| last.saturating_add(wait));
        if told.is_none_or(|told| over.is_none_or(|over| over > told)) {
            tell(flow, reason);
        }
    }
}

fn line(tuple: &FiveTuple<'_>, flow: &Flow, answers: &Answers, reason: Reason) -> Listed {
    Listed { reason: Some(reason), ..listed_flow(tuple, flow, answers.get(tuple.id)) }
}

impl FlowRow<'_> {
    /// Why it is told, where flows are told as they end.
    pub(super) fn reason(&self) -> Option<&'static str> {
        self.reason.map(Reason::as_str)
    }
}
