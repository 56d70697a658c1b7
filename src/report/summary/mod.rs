//! Totals per service, protocol, port, server, client, host, conversation, transport, VLAN or interface.

pub mod fields;
mod intervals;
mod rows;
mod sums;
#[cfg(test)]
mod tests;
mod write;

use std::{hash::BuildHasher as _, io};

use hashbrown::{DefaultHashBuilder, HashTable};

pub use intervals::{Interval, Intervals};
pub use rows::Row;
pub use sums::{Counted, Sums};
pub use write::{csv, json, table, write};

use crate::{
    flow::FiveTuple,
    knowledge::{Answers, Damaged, Knowledge, Span, Subject},
    naming::{self, label::Label},
    registry::Registry,
    report::{Format, Report},
};
use rows::{Amount, Item, Key};

/// What a row of the summary is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum By {
    /// One row per service and transport.
    #[default]
    Service,
    /// One row per protocol spoken.
    Protocol,
    /// One row per serving port and transport.
    Port,
    /// One row per serving address.
    Server,
    /// One row per address that is served.
    Client,
    /// One row per address; a packet counts for both of its hosts.
    Host,
    /// One row per pair of addresses.
    Conversation,
    /// One row per way in which names are known.
    Evidence,
    /// One row per transport protocol.
    Transport,
    /// One row per stack of VLAN identifiers.
    Vlan,
    /// One row per capture interface.
    Interface,
}

impl By {
    /// Whether the rows need a look at every packet, not only at what is known of its flow.
    pub fn needs_packets(self) -> bool {
        matches!(self, Self::Vlan | Self::Interface)
    }

    /// Whether a label alone tells the row.
    fn is_of_label(self) -> bool {
        matches!(self, Self::Service | Self::Protocol | Self::Port | Self::Evidence | Self::Transport)
    }

    const fn heading(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Protocol => "protocol",
            Self::Port => "port",
            Self::Server => "server",
            Self::Client => "client",
            Self::Host => "host",
            Self::Conversation => "conversation",
            Self::Evidence => "evidence",
            Self::Transport => "transport",
            Self::Vlan => "vlan",
            Self::Interface => "interface",
        }
    }
}

/// What rows are ordered by, largest first; names in ascending order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// Octets on the wire.
    #[default]
    Bytes,
    /// Packets.
    Packets,
    /// Flows.
    Flows,
    /// The row's key.
    Name,
}

/// Which rows are shown, and how.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// What a row is about.
    pub by: By,
    /// The order.
    pub sort: Sort,
    /// Only so many rows.
    pub top: Option<usize>,
    /// Width of the terminal in columns, to which tables are wrapped.
    pub width: Option<u16>,
}

/// The report: what all flows add up to.
#[derive(Debug, Default)]
pub struct Totals {
    options: Options,
    threads: usize,
    summary: Summary,
    span: Span,
    evicted: bool,
    /// The names of the inputs that were read.
    pub files: Vec<String>,
}

impl Totals {
    /// What its rows are about, and which are shown; rows that [need packets](By::needs_packets) are empty. Worked out on
    /// so many threads, at least 1.
    pub fn new(options: Options, threads: usize) -> Self {
        Self { options, threads, ..Self::default() }
    }
}

impl Report for Totals {
    fn add(&mut self, knowledge: &mut Knowledge, answers: &Answers, _registry: &Registry) {
        self.summary.add(Summary::of(knowledge, answers, self.options.by, self.threads.max(1)));
        self.span.add(knowledge.span());
        self.evicted |= knowledge.departed().next().is_some();
    }

    fn write(&self, registry: &Registry, format: Format, out: &mut dyn io::Write) -> io::Result<()> {
        let Self { files, span, evicted, .. } = self;
        let scope = Scope { files, span, evicted: *evicted, registry };
        write(&self.summary, None, &scope, &self.options, format, out)
    }
}

/// All rows of a summary, and what they add up to.
#[derive(Debug, Default)]
pub struct Summary {
    rows: Vec<Row>,
    /// Numbers of the rows, by their keys.
    index: HashTable<u32>,
    hasher: DefaultHashBuilder,
    /// The key that is looked for.
    key: Vec<u8>,
    /// Flows that speak something else than their port's name says.
    mismatched: u64,
}

impl Summary {
    /// Sums up all that is known, on so many threads; the sums do not depend on their number.
    ///
    /// Rows that [need packets](By::needs_packets) are those of [`Intervals`].
    pub fn of(knowledge: &Knowledge, names: &Answers, by: By, threads: usize) -> Self {
        let flows = knowledge.flows();
        let parts = flows.map_ranges(threads, |family, range| {
            Self::of_tuples(flows.five_tuples_in(family, range), knowledge, names, by)
        });
        let mut summary = Self::default();
        for (_, part) in parts {
            summary.add(part);
        }
        for gone in knowledge.departed() {
            let item = Item::of_label(&gone.label);
            // Of what left, the label is all that is known.
            let key = if by.is_of_label() { item.label_key(by) } else { Key::Text("evicted") };
            let amount = Amount { flows: Some(gone.flows), ..Amount::of(&gone.tally, gone.damaged) };
            let row = summary.row(key, by, item.label);
            row.count(&item, &amount);
            row.approximate = true;
        }
        for (kind, tally) in knowledge.others() {
            let item = Item::of_label(names.kind(kind).unwrap_or_else(|| names.none()));
            let amount = Amount::of(tally, knowledge.damaged(&Subject::Other(kind)));
            summary.count_item(by, &item, &amount);
        }
        summary
    }

    fn of_tuples<'k>(
        tuples: impl Iterator<Item = FiveTuple<'k>>,
        knowledge: &Knowledge,
        names: &Answers,
        by: By,
    ) -> Self {
        let mut summary = Self::default();
        // A capture has far more flows than labels.
        let mut by_label = vec![None; names.labels().all().len()];
        for tuple in tuples {
            let Some(known) = names.get(tuple.id) else { continue };
            let label = names.labels().label(known.label);
            let ends = Some((tuple.key.low().0, tuple.key.high().0));
            let item = Item { ends, side: known.side, group: naming::group(&tuple), ..Item::of_label(label) };
            let damaged = knowledge.damaged(&Subject::Flow(tuple.key));
            let amount = Amount { flows: Some(tuple.flows), ..Amount::of(&tuple.total(), damaged) };
            summary.mismatched += if label.mismatch.is_some() { tuple.flows } else { 0 };
            if by.is_of_label() {
                let number = by_label[known.label as usize]
                    .get_or_insert_with(|| summary.row_number(item.label_key(by), by, label));
                summary.rows[*number as usize].count(&item, &amount);
            } else {
                summary.count_item(by, &item, &amount);
            }
        }
        summary
    }

    /// Counts something into its rows.
    fn count_item(&mut self, by: By, item: &Item<'_>, amount: &Amount) {
        for key in item.keys(by).into_iter().flatten() {
            self.row(key, by, item.label).count(item, amount);
        }
    }

    fn row(&mut self, key: Key<'_>, by: By, label: &Label) -> &mut Row {
        let number = self.row_number(key, by, label);
        &mut self.rows[number as usize]
    }

    /// The number of the row of that key; one is made where there is none. Nothing is allocated where there is.
    fn row_number(&mut self, key: Key<'_>, by: By, label: &Label) -> u32 {
        self.key.clear();
        key.write(&mut self.key);
        let hash = self.hasher.hash_one(&*self.key);
        match self.index.find(hash, |&number| self.rows[number as usize].key.as_bytes() == self.key) {
            Some(&number) => number,
            None => self.push(hash, Row::of(by, label, String::from_utf8_lossy(&self.key).into_owned())),
        }
    }

    fn push(&mut self, hash: u64, row: Row) -> u32 {
        let number = self.rows.len() as u32;
        self.rows.push(row);
        let (rows, hasher) = (&self.rows, &self.hasher);
        self.index
            .insert_unique(hash, number, |&number| hasher.hash_one(rows[number as usize].key.as_bytes()));
        number
    }

    /// Adds the rows of another.
    fn add(&mut self, other: Self) {
        if self.rows.is_empty() {
            *self = other;
            return;
        }
        self.mismatched += other.mismatched;
        for row in other.rows {
            let hash = self.hasher.hash_one(row.key.as_bytes());
            match self.index.find(hash, |&number| self.rows[number as usize].key == row.key) {
                Some(&number) => self.rows[number as usize].add(row),
                None => _ = self.push(hash, row),
            }
        }
    }

    /// Takes flows that are counted later for others, even if they have the same five-tuples.
    fn part(&mut self) {
        self.rows.iter_mut().for_each(Row::part);
    }

    /// Octets of all rows.
    fn octets(&self) -> u64 {
        self.rows.iter().map(|row| row.bytes).sum()
    }

    /// Damaged packets of all rows.
    fn damaged(&self) -> Damaged {
        let mut all = Damaged::default();
        self.rows.iter().for_each(|row| all.add(&row.damaged));
        all
    }

    /// Its rows in the order asked for.
    pub fn rows(&self, options: &Options) -> Vec<&Row> {
        let mut rows: Vec<_> = self.rows.iter().collect();
        rows.sort_by(|a, b| {
            let more = match options.sort {
                Sort::Bytes => (b.bytes, b.packets).cmp(&(a.bytes, a.packets)),
                Sort::Packets => (b.packets, b.bytes).cmp(&(a.packets, a.bytes)),
                Sort::Flows => (b.flows(), b.bytes).cmp(&(a.flows(), a.bytes)),
                Sort::Name => std::cmp::Ordering::Equal,
            };
            more.then_with(|| a.key.cmp(&b.key))
        });
        rows.truncate(options.top.unwrap_or(usize::MAX));
        rows
    }
}

/// What a report says of the run beside its rows.
#[derive(Debug)]
pub struct Scope<'a> {
    /// The files or interfaces read.
    pub files: &'a [String],
    /// Totals of the packets that were counted.
    pub span: &'a Span,
    /// Whether flows left a full table early, so that distinct hosts were lost.
    pub evicted: bool,
    /// The registry in use.
    pub registry: &'a Registry,
}
