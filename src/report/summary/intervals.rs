//! What adds up packet by packet: over the whole capture, or per interval of its time.

use std::{collections::BTreeMap, net::IpAddr, time::Duration};

use super::{
    Division, Summary, domains,
    key::{Item, Key},
    rows::Amount,
};
use crate::{
    flow::is_group,
    knowledge::{Damaged, Knowledge, Span},
    naming::{self, Side},
    packet::LinkType,
    record::Record,
};

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
}

/// The interface of a packet: by the kernel's index where the frame has it, as those of the pseudo-device `any` have; by
/// name where the capture gives one; else by its number in the file.
fn interface<'a>(record: &Record<'a>) -> Key<'a> {
    let frame = &record.frame;
    // draft-ietf-opsawg-pcaplinktype, LINKTYPE_LINUX_SLL2: protocol, two reserved octets, interface index.
    let index = frame.octets.get(4..8).filter(|_| frame.link == LinkType::LINUX_SLL2);
    match (index, record.named_interface()) {
        (Some(&[a, b, c, d]), _) => Key::Interface(u32::from_be_bytes([a, b, c, d])),
        (_, Some(name)) => Key::Text(name),
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
#[derive(Debug)]
pub struct Intervals {
    /// Length of an interval in ns; absent for the whole capture.
    length: Option<u64>,
    by: Division,
    /// Whether distinct flows are counted.
    flows: bool,
    whole: Summary,
    parts: BTreeMap<u64, Summary>,
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
        Self { length, by, flows, whole: Summary::default(), parts: BTreeMap::new(), span: Span::default() }
    }

    /// Counts one packet. Packets without a time stamp belong to the first interval of all, that of the epoch.
    pub fn count(&mut self, record: &Record<'_>) {
        let summary = match self.length {
            None => &mut self.whole,
            Some(length) => {
                let time = record.frame.time.map_or(0, |time| time.0);
                self.parts.entry(time - time % length).or_default()
            }
        };
        summary.count(record, self.by, self.flows);
        self.span.count(&record.frame);
    }

    /// Totals of the packets that were counted.
    pub fn span(&self) -> &Span {
        &self.span
    }

    /// Adds what was counted of later packets.
    pub fn add(&mut self, later: Self) {
        self.span.add(&later.span);
        self.whole.add(later.whole);
        for (start, summary) in later.parts {
            self.parts.entry(start).or_default().add(summary);
        }
    }

    /// What is counted from now on is of inputs that have no flow in common with those before.
    pub fn part(&mut self) {
        self.whole.part();
    }

    /// As [`Summary::name_hosts`], in all intervals.
    pub fn name_hosts(&mut self, knowledge: &Knowledge) {
        self.whole.name_hosts(knowledge);
        self.parts.values_mut().for_each(|part| part.name_hosts(knowledge));
    }

    /// What was added up: over all, and per interval in ascending order.
    pub fn into_parts(self) -> (Summary, Vec<Interval>) {
        let parts = self.parts.into_iter().map(|(start, summary)| Interval { start, summary });
        (self.whole, parts.collect())
    }
}

/// One stretch of time and what it holds.
#[derive(Debug)]
pub struct Interval {
    /// When it begins, in ns since the epoch; a multiple of its length.
    pub start: u64,
    /// Its rows.
    pub summary: Summary,
}
