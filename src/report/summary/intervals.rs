//! What adds up packet by packet: over the whole capture, or per interval of its time.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    net::IpAddr,
    time::Duration,
};

use super::{
    Division, MOST_ROWS, Summary, domains, item_of,
    key::{Item, Key},
    rows::Amount,
};
use crate::{
    flow::is_group,
    knowledge::{Carrier, Cell, Damaged, Knowledge, Span, Untold, View},
    naming::{self, Side},
    packet::LinkType,
    record::Record,
};

/// Intervals that are told apart at most: one with a single row takes about three kilobytes.
pub const MOST_INTERVALS: usize = 100_000;

impl Summary {
    /// Counts one packet, and on request its flow where that was not met before: for rows that flows as a whole do not
    /// tell, such as intervals of time and packets that were selected.
    ///
    /// Nothing is allocated for rows, ports and hosts that were met before.
    fn count(&mut self, record: &Record<'_>, by: Division, flows: bool) {
        let item = Item {
            label: record.label,
            // As in the key of its flow.
            ends: record
                .addresses()
                .map(|(source, destination)| (source.min(destination), source.max(destination))),
            side: record.service.map_or(Side::Neither, |service| service.known.side),
            group: group(record),
            flow: flows.then(|| record.flow()).flatten(),
            domains: domains(record.named, by),
            frame: Some((record.headers.vlan.as_slice(), interface(record))),
        };
        let time = record.frame.time.map(|time| time.0);
        let mut damaged = Damaged::default();
        if let Some(stopped) = record.headers.stopped {
            damaged.count(stopped.reason);
        }
        let octets = record.frame.counted_len().into();
        let amount =
            Amount { packets: 1, octets, first: time, last: time, flows: flows.then_some(0), damaged };
        self.count_item(by, &item, &amount);
    }

    /// Counts what was carried in an interval, as its packets would be.
    fn count_cell(&mut self, (carrier, cell): (Carrier<'_>, &Cell), view: &View<'_>, by: Division) {
        let Cell { packets, octets, damaged, .. } = *cell;
        let (first, last) = (cell.first(), cell.last());
        let amount = Amount { packets, octets, first, last, flows: None, damaged };
        let names = view.answers;
        match carrier {
            Carrier::Flow(id) => {
                let tuple = view.knowledge.flows().five_tuple(id);
                if let Some((_, item)) = tuple.and_then(|tuple| item_of(&tuple, names, by)) {
                    self.count_item(by, &item, &amount);
                }
            }
            Carrier::Other(kind) => {
                let label = names.kind(kind).unwrap_or_else(|| names.none());
                self.count_item(by, &Item::of_label(label), &amount);
            }
            Carrier::Label(label) => self.count_label(by, label, &amount),
            Carrier::Rest => {
                let number = self.others(by.parts().len());
                self.rows[number as usize].count(&Item::of_label(names.none()), &amount);
            }
        }
    }
}

/// The interface of a packet: by the name that the capture gives it; else by the kernel's index where the frame has it, as
/// those of the pseudo-device `any` have; else by its number in the file.
fn interface<'a>(record: &Record<'a>) -> Key<'a> {
    let frame = &record.frame;
    // draft-ietf-opsawg-pcaplinktype, LINKTYPE_LINUX_SLL2: protocol, two reserved octets, interface index.
    let index = frame.octets.get(4..8).filter(|_| frame.link == LinkType::LINUX_SLL2);
    match (index, record.named_interface()) {
        // In a file that name may be the pseudo-device's own.
        (None, Some(name)) => Key::Text(name),
        (Some(_), Some(name)) if name != "any" => Key::Text(name),
        (Some(&[a, b, c, d]), _) => Key::Interface(u32::from_be_bytes([a, b, c, d])),
        _ => Key::Interface(frame.interface),
    }
}

/// The end of a packet's flow that is a multicast or broadcast address.
fn group(record: &Record<'_>) -> Option<Side> {
    // The two ways of a flow may differ: what all of its packets tell counts for each of them.
    if let Some(tuple) = record.tuple.and_then(|(flows, id)| flows.five_tuple(id)) {
        return naming::group(&tuple);
    }
    let (source, destination) = record.addresses()?;
    let is_low = |address: IpAddr| address == source.min(destination);
    let group = match (is_group(source), is_group(destination) || record.headers.to_group) {
        (_, true) => destination,
        (true, false) => source,
        (false, false) => return None,
    };
    Some(if is_low(group) { Side::Low } else { Side::High })
}

/// What adds up packet by packet: over the whole capture, or per interval of its time.
#[derive(Clone, Debug)]
pub struct Intervals {
    /// Length of an interval in ns; absent for the whole capture.
    length: Option<u64>,
    by: Division,
    /// Whether distinct flows are counted.
    flows: bool,
    whole: Summary,
    parts: BTreeMap<u64, Summary>,
    /// What lies in intervals that found no room.
    rest: Summary,
    /// Rows there is room for in the parts.
    room: usize,
    span: Span,
}

impl Intervals {
    /// Intervals of that length, aligned to whole multiples of it since the epoch; or the whole capture.
    ///
    /// Flows are counted only over the whole capture, in rows that do not [need packets](Division::needs_packets), and rightly
    /// where they were [kept apart](crate::knowledge::Options::flows): those that had a packet.
    pub fn new(length: Option<Duration>, by: impl Into<Division>) -> Self {
        let by = by.into();
        let length = length.map(|length| u64::try_from(length.as_nanos()).unwrap_or(u64::MAX).max(1));
        let flows = length.is_none() && !by.needs_packets();
        Self {
            length,
            by,
            flows,
            whole: Summary::default(),
            parts: BTreeMap::new(),
            rest: Summary::default(),
            room: MOST_ROWS,
            span: Span::default(),
        }
    }

    /// Adds what is known of a capture whose packets are not at hand, in place of these.
    ///
    /// # Errors
    /// Where nothing is known of traffic over time, or of other intervals only.
    pub fn add_known(&mut self, view: &View<'_>) -> Result<(), Untold> {
        let length = self.length.unwrap_or(u64::MAX);
        view.knowledge.check_interval(Duration::from_nanos(length))?;
        self.span.add(view.knowledge.span());
        let by = self.by;
        for (carrier, start, cell) in view.knowledge.traffic() {
            match start {
                Some(start) => {
                    self.change(start - start % length, |part| part.count_cell((carrier, cell), view, by));
                }
                None => self.rest.count_cell((carrier, cell), view, by),
            }
        }
        Ok(())
    }

    /// Counts one packet. Packets without a time stamp belong to the first interval of all, that of the epoch.
    pub fn count(&mut self, record: &Record<'_>) {
        self.span.count(&record.frame);
        let (by, flows) = (self.by, self.flows);
        let Some(length) = self.length else { return self.whole.count(record, by, flows) };
        let time = record.frame.time.map_or(0, |time| time.0);
        self.change(time - time % length, |summary| summary.count(record, by, flows));
    }

    /// Changes the part that begins then, or what is counted in its stead.
    fn change(&mut self, start: u64, change: impl FnOnce(&mut Summary)) {
        let is_full = self.parts.len() >= MOST_INTERVALS || self.room == 0;
        let part = match self.parts.entry(start) {
            Entry::Occupied(part) => part.into_mut(),
            Entry::Vacant(_) if is_full => return change(&mut self.rest),
            Entry::Vacant(place) => place.insert(Summary::default()),
        };
        let before = part.len();
        part.limit(before + self.room);
        change(part);
        self.room = self.room.saturating_sub(part.len() - before);
    }

    /// Totals of the packets that were counted.
    pub fn span(&self) -> &Span {
        &self.span
    }

    /// Adds what was counted of later packets.
    pub fn add(&mut self, later: Self) {
        self.span.add(&later.span);
        self.whole.add(later.whole);
        self.rest.add(later.rest);
        for (start, summary) in later.parts {
            self.change(start, |part| part.add(summary));
        }
    }

    /// What is counted from now on is of inputs that have no flow in common with those before.
    pub fn part(&mut self) {
        self.whole.part();
    }

    /// As [`Summary::name_hosts`], in all intervals.
    pub fn name_hosts(&mut self, knowledge: &Knowledge) {
        self.whole.name_hosts(knowledge);
        self.parts.values_mut().chain([&mut self.rest]).for_each(|part| part.name_hosts(knowledge));
    }

    /// Takes out the intervals that begin before a time, in ns since the epoch, in ascending order; what comes later for one of
    /// them begins it anew.
    pub fn take_before(&mut self, time: u64) -> Vec<Interval> {
        let later = self.parts.split_off(&time);
        let taken = std::mem::replace(&mut self.parts, later);
        self.room += taken.values().map(Summary::len).sum::<usize>();
        taken.into_iter().map(|(start, summary)| Interval { start: Some(start), summary }).collect()
    }

    /// What was added up: over all, and per interval in ascending order. What lies in intervals that found no room comes
    /// last.
    pub fn into_parts(self) -> (Summary, Vec<Interval>) {
        let parts = self.parts.into_iter().map(|(start, summary)| Interval { start: Some(start), summary });
        let rest = Some(self.rest).filter(|rest| rest.len() > 0);
        let rest = rest.map(|summary| Interval { start: None, summary });
        (self.whole, parts.chain(rest).collect())
    }
}

/// One stretch of time and what it holds.
#[derive(Debug)]
pub struct Interval {
    /// When it begins, in ns since the epoch; a multiple of its length. Absent where many are taken together, as they are
    /// more than [`MOST_INTERVALS`] or have more than [`MOST_ROWS`](super::MOST_ROWS) rows.
    pub start: Option<u64>,
    /// Its rows.
    pub summary: Summary,
}
