//! Totals of what was learned, and what is counted beside the flows.

use std::collections::BTreeMap;

use hashbrown::HashMap;

use crate::{
    decode::{Headers, Kind, Reason},
    flow::{Direction, Ends, Key, Tally},
    packed::{Broken, Reader, Writer, check},
    packet::{Frame, Oddities, Timestamp},
};

/// Packets by the reason their decoding stopped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Damaged {
    /// Cut by the snap length inside a header.
    pub truncated: u64,
    /// A header contradicts its standard.
    pub malformed: u64,
    /// Nested deeper than is followed.
    pub too_deep: u64,
}

impl Damaged {
    /// Counts by the words of the output, those that are not zero.
    pub fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let all = [("truncated", self.truncated), ("malformed", self.malformed), ("too-deep", self.too_deep)];
        all.into_iter().filter(|&(_, count)| count > 0)
    }

    /// Adds the counts of another.
    pub fn add(&mut self, other: &Self) {
        self.truncated += other.truncated;
        self.malformed += other.malformed;
        self.too_deep += other.too_deep;
    }

    /// Counts one packet.
    pub fn count(&mut self, reason: Reason) {
        match reason {
            Reason::Truncated { .. } => self.truncated += 1,
            Reason::Malformed(_) => self.malformed += 1,
            Reason::TooDeep => self.too_deep += 1,
        }
    }
}

/// What a packet is counted under: its five-tuple, or what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum Subject {
    /// A five-tuple.
    Flow(Key),
    /// No IP addresses were read.
    Other(Kind),
}

/// Totals of a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Span {
    /// Packets.
    pub packets: u64,
    /// Octets on the wire, as [`Frame::counted_len`] has them.
    pub octets: u64,
    /// Octets captured.
    pub captured: u64,
    /// Packets whose length on the wire cannot be.
    pub implausible: u64,
    /// Earliest and latest time stamp, the wrong way round where there is none.
    times: [u64; 2],
}

impl Default for Span {
    fn default() -> Self {
        Self { packets: 0, octets: 0, captured: 0, implausible: 0, times: [u64::MAX, 0] }
    }
}

impl Span {
    /// Earliest time stamp.
    pub fn first(&self) -> Option<Timestamp> {
        let [first, last] = self.times;
        (first <= last).then_some(Timestamp(first))
    }

    /// Latest time stamp.
    pub fn last(&self) -> Option<Timestamp> {
        let [first, last] = self.times;
        (first <= last).then_some(Timestamp(last))
    }

    /// Counts one packet.
    #[inline]
    pub(crate) fn count(&mut self, frame: &Frame<'_>) {
        self.packets += 1;
        self.octets += u64::from(frame.counted_len());
        self.captured += frame.octets.len() as u64;
        self.implausible += u64::from(frame.has_implausible_len());
        if let Some(Timestamp(time)) = frame.time {
            self.times = [self.times[0].min(time), self.times[1].max(time)];
        }
    }

    /// Adds the totals of others.
    pub(crate) fn add(&mut self, later: &Self) {
        self.packets += later.packets;
        self.octets += later.octets;
        self.captured += later.captured;
        self.implausible += later.implausible;
        self.times = [self.times[0].min(later.times[0]), self.times[1].max(later.times[1])];
    }
}

/// All counters but those of flows.
#[derive(Debug, Default)]
pub(super) struct Totals {
    pub(super) span: Span,
    pub(super) oddities: Oddities,
    /// Frames in which no IP addresses were read.
    pub(super) others: BTreeMap<Kind, Tally>,
    damaged: HashMap<Subject, Damaged>,
}

impl Totals {
    /// Counts a frame in which no IP addresses were read.
    #[inline(never)]
    pub(super) fn count_other(&mut self, frame: &Frame<'_>, headers: &Headers) {
        let tally = self.others.entry(headers.kind).or_default();
        tally.count(Direction::Up, frame.counted_len().into(), frame.time.map(|time| time.0));
    }

    /// Counts a packet whose decoding stopped, under its five-tuple with these ports or what else it is.
    #[cold]
    pub(super) fn count_damage(&mut self, headers: &Headers, ports: Option<(u16, u16)>) {
        let ends = Ends::between(headers.network, headers.protocol, ports);
        let subject = ends.map_or(Subject::Other(headers.kind), |ends| Subject::Flow(ends.key));
        if let Some(stopped) = headers.stopped {
            self.damaged.entry(subject).or_default().count(stopped.reason);
        }
    }

    pub(super) fn damaged(&self, subject: &Subject) -> Damaged {
        // Spares the hash where nothing is damaged, as in most captures.
        if self.damaged.is_empty() {
            return Damaged::default();
        }
        self.damaged.get(subject).copied().unwrap_or_default()
    }

    /// The damaged packets of a five-tuple that leaves.
    pub(super) fn forget(&mut self, key: Key) -> Damaged {
        self.damaged.remove(&Subject::Flow(key)).unwrap_or_default()
    }

    pub(super) fn write(&self, out: &mut Writer) {
        out.put(&(self.span, self.oddities));
        out.all(self.others.iter());
        let mut damaged: Vec<_> = self.damaged.iter().collect();
        damaged.sort_unstable_by_key(|(subject, _)| match subject {
            Subject::Flow(key) => (Some(key.order()), None),
            Subject::Other(kind) => (None, Some(*kind)),
        });
        out.all(damaged.into_iter());
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Broken> {
        let may_be = |count: u64| count < 1 << 52;
        let (span, oddities): (Span, Oddities) = reader.get()?;
        let counts = [span.packets, span.octets, span.captured, span.implausible];
        let odd = [oddities.fractions, oddities.beyond, oddities.unnamed];
        check(counts.into_iter().chain(odd).all(may_be))?;
        let mut totals = Self { span, oddities, ..Self::default() };
        reader.all(1 << 20, |(kind, tally): (Kind, Tally)| {
            check(tally.is_sound() && totals.others.insert(kind, tally).is_none())
        })?;
        reader.all(1 << 24, |(subject, damaged): (Subject, Damaged)| {
            check([damaged.truncated, damaged.malformed, damaged.too_deep].into_iter().all(may_be))?;
            check(totals.damaged.insert(subject, damaged).is_none())
        })?;
        Ok(totals)
    }

    pub(super) fn merge(&mut self, later: Self) {
        self.span.add(&later.span);
        self.oddities.add(later.oddities);
        for (kind, tally) in later.others {
            self.others.entry(kind).or_default().then(&tally);
        }
        for (subject, damaged) in later.damaged {
            self.damaged.entry(subject).or_default().add(&damaged);
        }
    }
}
