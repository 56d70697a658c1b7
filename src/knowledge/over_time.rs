//! Traffic over time: what was carried in each interval, kept where it is asked for, so that reports over time need no packets.
//!
//! It is kept by five-tuple, as what that is called is known at the end only. Five-tuples that leave, and the earliest intervals
//! where there are too many cells, go on under the label that they had then.

use std::{collections::BTreeMap, fmt, time::Duration};

use hashbrown::HashMap;

use super::{Damaged, Knowledge, Subject, answers::label_of, context};
use crate::{
    decode::{Headers, Kind, Reason},
    flow::{Ends, FlowId, Flows, Leaving, fragment::DatagramKey},
    naming::label::{Label, Labels},
    packet::{Timestamp, common_divisor},
    registry::Registry,
};

mod stored;
#[cfg(test)]
mod tests;

/// Cells of five-tuples and intervals at most, and those of one batch.
pub const MOST_CELLS: usize = 1 << 19;
/// Cells of labels and intervals at most.
pub const MOST_NAMED: usize = 100_000;
/// Later fragments that wait for their ports at most.
const MOST_WAITING: usize = 1 << 16;

/// What was carried in an interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Cell {
    /// Packets.
    pub packets: u64,
    /// Octets on the wire.
    pub octets: u64,
    /// Damaged packets.
    pub damaged: Damaged,
    /// Earliest and latest time in ns since the epoch, the wrong way round where there is none.
    times: [u64; 2],
}

impl Default for Cell {
    fn default() -> Self {
        Self { packets: 0, octets: 0, damaged: Damaged::default(), times: [u64::MAX, 0] }
    }
}

impl Cell {
    fn of(time: Option<u64>, octets: u64, stopped: Option<Reason>) -> Self {
        let times = time.map_or([u64::MAX, 0], |time| [time; 2]);
        let mut cell = Self { packets: 1, octets, times, ..Self::default() };
        if let Some(reason) = stopped {
            cell.damaged.count(reason);
        }
        cell
    }

    fn add(&mut self, more: &Self) {
        self.packets += more.packets;
        self.octets += more.octets;
        self.damaged.add(&more.damaged);
        self.times = [self.times[0].min(more.times[0]), self.times[1].max(more.times[1])];
    }

    /// Earliest time in ns since the epoch; absent where no packet has one.
    pub fn first(&self) -> Option<u64> {
        let [first, last] = self.times;
        (first <= last).then_some(first)
    }

    /// Latest time in ns since the epoch.
    pub fn last(&self) -> Option<u64> {
        let [first, last] = self.times;
        (first <= last).then_some(last)
    }
}

/// Who carried it.
#[derive(Clone, Copy, Debug)]
pub enum Carrier<'k> {
    /// A five-tuple that is held.
    Flow(FlowId),
    /// Frames in which no IP addresses were read.
    Other(Kind),
    /// Five-tuples of which no more is known than the label that they had.
    Label(&'k Label),
    /// What found no room.
    Rest,
}

/// A later fragment whose ports are not known yet.
#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize)]
struct Waiting {
    datagram: DatagramKey,
    cell: Cell,
}

/// Traffic over time.
#[derive(Clone, Debug)]
pub(super) struct OverTime {
    /// Length of an interval in ns, at least 1.
    length: u64,
    /// By the number of the interval since the epoch, ascending. Packets without a time belong to the first of all.
    cells: HashMap<Subject, Vec<(u64, Cell)>>,
    /// Cells of all subjects.
    count: usize,
    waiting: Vec<Waiting>,
    labels: Vec<Label>,
    numbers: HashMap<(String, Option<u16>), u32>,
    /// By the number of the interval and of the label.
    named: BTreeMap<(u64, u32), Cell>,
    /// What found no room.
    rest: Cell,
}

/// Adds to the cell of an interval; returns whether it is a new one.
fn add(cells: &mut Vec<(u64, Cell)>, at: u64, more: &Cell) -> bool {
    // Time mostly goes on.
    let place = match cells.last() {
        Some((last, _)) if *last < at => Err(cells.len()),
        Some((last, _)) if *last == at => Ok(cells.len() - 1),
        _ => cells.binary_search_by_key(&at, |(at, _)| *at),
    };
    match place {
        Ok(place) => cells[place].1.add(more),
        Err(place) => cells.insert(place, (at, *more)),
    }
    place.is_err()
}

impl OverTime {
    /// Nothing yet, in intervals of that length in ns.
    pub(super) fn new(length: u64) -> Self {
        Self {
            length: length.max(1),
            cells: HashMap::new(),
            count: 0,
            waiting: Vec::new(),
            labels: Vec::new(),
            numbers: HashMap::new(),
            named: BTreeMap::new(),
            rest: Cell::default(),
        }
    }

    fn at(&self, cell: &Cell) -> u64 {
        cell.first().unwrap_or(0) / self.length
    }

    /// Counts a packet under its five-tuple with these ports, or what else it is.
    #[inline(never)]
    pub(super) fn count(
        &mut self,
        (time, octets): (Option<Timestamp>, u32),
        headers: &Headers,
        ports: Option<(u16, u16)>,
    ) {
        let ends = Ends::between(headers.network, headers.protocol, ports);
        let subject = ends.map_or(Subject::Other(headers.kind), |ends| Subject::Flow(ends.key));
        let stopped = headers.stopped.as_ref().map(|stopped| stopped.reason);
        let cell = Cell::of(time.map(|time| time.0), octets.into(), stopped);
        self.add(subject, self.at(&cell), &cell);
    }

    fn add(&mut self, subject: Subject, at: u64, cell: &Cell) {
        self.count += usize::from(add(self.cells.entry(subject).or_default(), at, cell));
    }

    /// Counts a later fragment whose ports are yet to come.
    #[cold]
    pub(super) fn wait(
        &mut self,
        datagram: DatagramKey,
        (time, octets): (Option<Timestamp>, u32),
        headers: &Headers,
    ) {
        let stopped = headers.stopped.as_ref().map(|stopped| stopped.reason);
        let cell = Cell::of(time.map(|time| time.0), octets.into(), stopped);
        if self.waiting.len() < MOST_WAITING {
            self.waiting.push(Waiting { datagram, cell });
        } else {
            self.rest.add(&cell);
        }
    }

    /// Goes on with the cells of a subject under a label: those of intervals up to this number.
    fn name(&mut self, subject: &Subject, label: &Label, until: u64) {
        let Some(cells) = self.cells.get_mut(subject) else { return };
        let left = cells.split_off(cells.partition_point(|(at, _)| *at <= until));
        let named = std::mem::replace(cells, left);
        if cells.is_empty() {
            self.cells.remove(subject);
        }
        self.count -= named.len();
        let number = self.number(label);
        for (at, cell) in named {
            self.add_named((at, number), &cell);
        }
    }

    fn number(&mut self, label: &Label) -> u32 {
        let next = self.labels.len() as u32;
        let number = *self.numbers.entry((label.key.clone(), label.port)).or_insert(next);
        if number == next {
            self.labels.push(label.clone());
        }
        number
    }

    fn add_named(&mut self, at: (u64, u32), cell: &Cell) {
        let has_room = self.named.len() < MOST_NAMED || self.named.contains_key(&at);
        if has_room { self.named.entry(at).or_default() } else { &mut self.rest }.add(cell);
    }

    /// The number of the interval up to which cells are to go on under labels so that a quarter of the room becomes free.
    fn must_name(&self) -> Option<u64> {
        if self.count <= MOST_CELLS {
            return None;
        }
        let mut all: Vec<u64> = self.cells.values().flatten().map(|(at, _)| *at).collect();
        let many = self.count - MOST_CELLS / 4 * 3;
        Some(*all.select_nth_unstable(many.saturating_sub(1)).1)
    }

    /// Packets that were counted under labels, and those that found no room.
    pub(super) fn losses(&self) -> [u64; 2] {
        [self.named.values().map(|cell| cell.packets).sum(), self.rest.packets]
    }

    /// Makes intervals longer by that factor.
    fn lengthen(&mut self, factor: u64) {
        if factor <= 1 {
            return;
        }
        self.length = self.length.saturating_mul(factor);
        self.count = 0;
        for cells in self.cells.values_mut() {
            cells.dedup_by(|(later, more), (at, cell)| {
                let is_same = *later / factor == *at / factor;
                if is_same {
                    cell.add(more);
                }
                is_same
            });
            cells.iter_mut().for_each(|(at, _)| *at /= factor);
            self.count += cells.len();
        }
        for ((at, number), cell) in std::mem::take(&mut self.named) {
            self.named.entry((at / factor, number)).or_default().add(&cell);
        }
    }

    /// Appends what came later, in intervals that are multiples of both lengths. `None` where these are longer than 584 years.
    pub(super) fn merge(mut self, mut later: Self) -> Option<Self> {
        let common = least_common_multiple(self.length, later.length)?;
        self.lengthen(common / self.length);
        later.lengthen(common / later.length);
        for (subject, cells) in later.cells {
            for (at, cell) in cells {
                self.add(subject, at, &cell);
            }
        }
        for waiting in later.waiting {
            if self.waiting.len() < MOST_WAITING {
                self.waiting.push(waiting);
            } else {
                self.rest.add(&waiting.cell);
            }
        }
        let numbers: Vec<_> = later.labels.iter().map(|label| self.number(label)).collect();
        for ((at, number), cell) in later.named {
            self.add_named((at, numbers[number as usize]), &cell);
        }
        self.rest.add(&later.rest);
        Some(self)
    }
}

fn least_common_multiple(a: u64, b: u64) -> Option<u64> {
    (a / common_divisor(a, b)).checked_mul(b)
}

/// What knowledge cannot tell of traffic over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Untold {
    /// It was learned without [`Options::interval`](super::Options::interval).
    Never,
    /// The intervals asked for are no multiples of these.
    Multiples(Duration),
}

impl fmt::Display for Untold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Never => f.write_str("nothing in it says when octets came: learn it with --interval"),
            Self::Multiples(length) => {
                write!(
                    f,
                    "it has sums of intervals of {length:?}, and others only that are multiples of them"
                )
            }
        }
    }
}

impl std::error::Error for Untold {}

impl Knowledge {
    /// The intervals that traffic is known by, where it was [asked for](super::Options::interval).
    pub fn interval(&self) -> Option<Duration> {
        self.over_time.as_ref().map(|over_time| Duration::from_nanos(over_time.length))
    }

    /// Checks that traffic is known by intervals of this length.
    ///
    /// # Errors
    /// Where it is not.
    pub fn check_interval(&self, length: Duration) -> Result<(), Untold> {
        let known = self.interval().ok_or(Untold::Never)?;
        let is_multiple = length.as_nanos().is_multiple_of(known.as_nanos());
        if is_multiple { Ok(()) } else { Err(Untold::Multiples(known)) }
    }

    /// What was carried in each interval, with the time in ns since the epoch at which it begins, five-tuple by five-tuple; of
    /// what found no room, that is absent. Empty where traffic over time [is not known](Self::interval).
    pub fn traffic(&self) -> impl Iterator<Item = (Carrier<'_>, Option<u64>, &Cell)> {
        self.over_time.iter().flat_map(move |over_time| {
            let start = move |at: u64| Some(at * over_time.length);
            let of = move |subject: Subject| {
                over_time.cells.get(&subject).into_iter().flatten().map(move |(at, cell)| (start(*at), cell))
            };
            let flows = self.flows.five_tuples().flat_map(move |tuple| {
                of(Subject::Flow(tuple.key)).map(move |(start, cell)| (Carrier::Flow(tuple.id), start, cell))
            });
            let others = self.others().flat_map(move |(kind, _)| {
                of(Subject::Other(kind)).map(move |(start, cell)| (Carrier::Other(kind), start, cell))
            });
            let waiting = over_time.waiting.iter().map(move |waiting| {
                let carrier = waiting.flow(&self.flows).map_or(Carrier::Rest, Carrier::Flow);
                (carrier, start(over_time.at(&waiting.cell)), &waiting.cell)
            });
            let named = over_time.named.iter().map(move |(&(at, number), cell)| {
                (Carrier::Label(&over_time.labels[number as usize]), start(at), cell)
            });
            let rest = Some((Carrier::Rest, None, &over_time.rest)).filter(|(.., rest)| rest.packets > 0);
            flows.chain(others).chain(waiting).chain(named).chain(rest)
        })
    }

    /// Has cells go on under the labels that their five-tuples have now, where there are too many.
    pub(super) fn shorten_traffic(&mut self, registry: &Registry) {
        let Self { options, flows, dns, announced, totals, over_time, .. } = self;
        let Some(over_time) = over_time.as_deref_mut() else { return };
        let Some(until) = over_time.must_name() else { return };
        let has_early = |subject: &Subject| {
            over_time.cells.get(subject).and_then(|cells| cells.first()).is_some_and(|(at, _)| *at <= until)
        };
        let early: Vec<FlowId> = flows
            .five_tuples()
            .filter(|tuple| has_early(&Subject::Flow(tuple.key)))
            .map(|tuple| tuple.id)
            .collect();
        flows.prepare(&Leaving::new(&early));
        let context = context(options, flows, (dns, announced), &totals.span, registry, 1);
        let mut labels = Labels::default();
        for tuple in early.into_iter().filter_map(|id| flows.five_tuple(id)) {
            let label = label_of(&tuple, &mut labels, &context);
            over_time.name(&Subject::Flow(tuple.key), labels.label(label), until);
        }
        for kind in totals.others.keys() {
            let label = labels.of_kind(*kind);
            over_time.name(&Subject::Other(*kind), labels.label(label), until);
        }
    }

    /// Appends traffic over time; where only one of both knows it, though the other knows of packets, nobody does.
    pub(super) fn merge_traffic(&mut self, later: Option<Box<OverTime>>, later_is_empty: bool) {
        let is_empty = self.totals.span.packets == 0 && self.inputs.is_empty();
        self.over_time = match (self.over_time.take(), later) {
            (Some(own), Some(later)) => own.merge(*later).map(Box::new),
            (own, None) if later_is_empty => own,
            (None, later) if is_empty => later,
            _ => None,
        };
        self.options.interval = self.interval();
    }
}

impl OverTime {
    /// Has all that a five-tuple carried go on under the label that it leaves with.
    pub(super) fn leave(&mut self, subject: &Subject, label: &Label) {
        self.name(subject, label, u64::MAX);
    }
}

impl Waiting {
    /// The five-tuple of its datagram.
    fn flow(&self, flows: &Flows) -> Option<FlowId> {
        let DatagramKey { source, destination, protocol, .. } = self.datagram;
        let ports = flows.fragments.ports(&self.datagram, self.cell.first());
        let ends = Ends::between_ips((source, destination), protocol, ports)?;
        flows.find(&ends.key)
    }
}
