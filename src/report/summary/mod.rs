//! Totals per service, protocol, port, endpoint, server, client, host, conversation, transport, VLAN or interface, and per
//! combination of them.

mod division;
pub mod fields;
mod intervals;
mod key;
mod rows;
mod sums;
#[cfg(test)]
mod tests;
mod write;

use std::{hash::BuildHasher as _, io};

use hashbrown::{DefaultHashBuilder, HashTable};

pub use division::{By, Division, Senseless};
pub use intervals::{Interval, Intervals};
pub use rows::Row;
pub use sums::{Counted, Sums};
pub use write::{csv, json, table, write};

use crate::{
    flow::FiveTuple,
    knowledge::{self, Answers, Damaged, Knowledge, Span, Subject},
    naming::{self, label::Label},
    registry::Registry,
    report::{Format, Report},
};
use key::{Item, Key};
use rows::Amount;

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
    pub by: Division,
    /// The order.
    pub sort: Sort,
    /// Only so many rows.
    pub top: Option<usize>,
    /// Show no names of hosts.
    pub numeric: bool,
    /// Width of the terminal in columns, to which tables are wrapped.
    pub width: Option<u16>,
}

impl Options {
    /// What must be learned for it beside flows: names, where rows are about hosts.
    pub fn needs(&self) -> knowledge::Options {
        let hosts = self.by.is_of_hosts() && !self.numeric;
        knowledge::Options { hosts, ..knowledge::Options::default() }
    }
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
    /// What its rows are about, and which are shown; rows that [need packets](Division::needs_packets) are empty. Worked out on
    /// so many threads, at least 1.
    pub fn new(options: Options, threads: usize) -> Self {
        Self { options, threads, ..Self::default() }
    }
}

impl Report for Totals {
    fn needs(&self) -> knowledge::Options {
        self.options.needs()
    }

    fn add(&mut self, knowledge: &mut Knowledge, answers: &Answers, _registry: &Registry) {
        self.summary.add(Summary::of(knowledge, answers, self.options.by, self.threads.max(1)));
        self.summary.name_hosts(knowledge);
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
    /// The key that is looked for, and where its parts end.
    key: Vec<u8>,
    ends: Vec<u32>,
    /// Flows that speak something else than their port's name says.
    mismatched: u64,
}

impl Summary {
    /// Sums up all that is known, on so many threads; the sums do not depend on their number.
    ///
    /// Rows that [need packets](Division::needs_packets) are those of [`Intervals`].
    pub fn of(knowledge: &Knowledge, names: &Answers, by: impl Into<Division>, threads: usize) -> Self {
        let (flows, by) = (knowledge.flows(), by.into());
        let parts = flows.map_ranges(threads, |family, range| {
            Self::of_tuples(flows.five_tuples_in(family, range), knowledge, names, by)
        });
        let mut summary = Self::default();
        for (_, part) in parts {
            summary.add(part);
        }
        for gone in knowledge.departed() {
            let item = Item::of_label(&gone.label);
            let amount = Amount { flows: Some(gone.flows), ..Amount::of(&gone.tally, gone.damaged) };
            // Of what left, the label is all that is known.
            let told =
                |part: By| if part.is_of_label() { item.label_key(part) } else { Key::Text("evicted") };
            if let Some(number) = summary.row_number(by, item.label, |part| Some(told(part))) {
                let row = &mut summary.rows[number as usize];
                row.count(&item, &amount);
                row.approximate = true;
            }
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
        by: Division,
    ) -> Self {
        let mut summary = Self::default();
        // A capture has far more flows than labels.
        let mut by_label = vec![None; names.labels().all().len()];
        let is_of_label = by.is_of_label();
        for tuple in tuples {
            let Some(known) = names.get(tuple.id) else { continue };
            let label = names.labels().label(known.label);
            let ends = Some((tuple.key.low().0, tuple.key.high().0));
            let item = Item { ends, side: known.side, group: naming::group(&tuple), ..Item::of_label(label) };
            let damaged = knowledge.damaged(&Subject::Flow(tuple.key));
            let amount = Amount { flows: Some(tuple.flows), ..Amount::of(&tuple.total(), damaged) };
            summary.mismatched += if label.mismatch.is_some() { tuple.flows } else { 0 };
            if !is_of_label {
                summary.count_item(by, &item, &amount);
                continue;
            }
            let number = &mut by_label[known.label as usize];
            *number = number.or_else(|| summary.row_number(by, label, |part| Some(item.label_key(part))));
            if let Some(number) = *number {
                summary.rows[number as usize].count(&item, &amount);
            }
        }
        summary
    }

    /// Counts something into its rows.
    fn count_item(&mut self, by: Division, item: &Item<'_>, amount: &Amount) {
        for &whose in item.whose(by) {
            if let Some(number) = self.row_number(by, item.label, |part| item.key(part, whose)) {
                self.rows[number as usize].count(item, amount);
            }
        }
    }

    /// The number of the row of these parts, if all of them have something to say; one is made where there is none. Nothing
    /// is allocated where there is.
    fn row_number<'k>(
        &mut self,
        by: Division,
        label: &Label,
        told: impl Fn(By) -> Option<Key<'k>>,
    ) -> Option<u32> {
        self.key.clear();
        self.ends.clear();
        for (place, &part) in by.parts().iter().enumerate() {
            if place > 0 {
                self.ends.push(self.key.len() as u32);
                self.key.push(b' ');
            }
            told(part)?.write(&mut self.key);
        }
        let hash = self.hasher.hash_one(&*self.key);
        let is_it = |&number: &u32| self.rows[number as usize].has_key(&self.key, &self.ends);
        match self.index.find(hash, is_it) {
            Some(&number) => Some(number),
            None => {
                let key = String::from_utf8_lossy(&self.key).into_owned();
                Some(self.push(hash, Row::of(by, label, key, self.ends.as_slice().into())))
            }
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
    pub(in crate::report) fn add(&mut self, other: Self) {
        if self.rows.is_empty() {
            *self = other;
            return;
        }
        self.mismatched += other.mismatched;
        for row in other.rows {
            let hash = self.hasher.hash_one(row.key.as_bytes());
            match self.index.find(hash, |&number| self.rows[number as usize].is_of(&row)) {
                Some(&number) => self.rows[number as usize].add(row),
                None => _ = self.push(hash, row),
            }
        }
    }

    /// Gives rows about hosts the names that are known of them.
    pub fn name_hosts(&mut self, knowledge: &Knowledge) {
        let Some(hosts) = knowledge.hosts() else { return };
        for row in self.rows.iter_mut().filter(|row| row.host.is_none()) {
            let name = row.key.parse().ok().and_then(|address| hosts.name_of(address, None, None));
            row.host = name.map(|(name, _)| name.to_owned());
        }
    }

    /// Takes flows that are counted later for others, even if they have the same five-tuples.
    fn part(&mut self) {
        self.rows.iter_mut().for_each(Row::part);
    }

    /// Forgets all but the rows asked for: nothing can be added any more.
    #[cfg(feature = "html")]
    pub(in crate::report) fn keep(&mut self, options: &Options) {
        let kept: Vec<_> = self.rows(options).into_iter().cloned().collect();
        *self = Self { rows: kept, mismatched: self.mismatched, ..Self::default() };
    }

    /// How many rows there are.
    #[cfg(feature = "html")]
    pub(in crate::report) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Octets of all rows.
    pub(in crate::report) fn octets(&self) -> u64 {
        self.rows.iter().map(|row| row.bytes).sum()
    }

    /// Damaged packets of all rows.
    pub(in crate::report) fn damaged(&self) -> Damaged {
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
            more.then_with(|| a.key.cmp(&b.key)).then_with(|| a.ends.cmp(&b.ends))
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
