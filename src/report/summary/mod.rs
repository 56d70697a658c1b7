//! Totals per service, protocol, port, endpoint, server, client, host, domain, conversation, transport, VLAN or interface, and per
//! combination of them.

mod columns;
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

pub use columns::{Columns, Sort};
pub use division::{By, Division, Senseless};
pub use intervals::{Interval, Intervals, MOST_INTERVALS};
pub use rows::Row;
pub use sums::{Counted, Sums};
#[cfg(feature = "parquet")]
pub use write::table_of_columns;
pub(super) use write::{cells, record};
pub use write::{closed, csv, json, table, write};

use crate::{
    capture::Losses,
    flow::FiveTuple,
    knowledge::{self, Answers, Damaged, Knowledge, Known, Named, Span, Subject},
    naming::{self, label::Label},
    registry::Registry,
    report::{Format, Report},
    text::Moments,
};
use key::{Item, Key};
use rows::Amount;

/// Rows of a summary at most, in all of its intervals together: each takes about a kilobyte. What finds no room is counted
/// into one row more, [`OTHERS`].
pub const MOST_ROWS: usize = 1 << 18;

/// The key of the row that holds what found no room among the others.
pub const OTHERS: &str = "others";

/// Which rows are shown, and how.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// What a row is about.
    pub by: Division,
    /// The order.
    pub sort: Sort,
    /// Whether it is turned round.
    pub turned: bool,
    /// Only these columns.
    pub columns: Option<Columns>,
    /// Only so many rows.
    pub top: Option<usize>,
    /// Show no names of hosts.
    pub numeric: bool,
    /// Width of the terminal in columns, to which tables are wrapped.
    pub width: Option<u16>,
    /// Whether tables have rounded figures with units, leave columns out where they find no room, and draw bars where there is
    /// some: for people.
    pub rounded: bool,
    /// How tables show times.
    pub times: Moments,
    /// Whether rows are drawn in colours: grey where a name is only registered, yellow where something else is spoken.
    pub color: bool,
}

impl Options {
    /// What must be learned for it beside flows: names, where rows are about hosts.
    pub fn needs(&self) -> knowledge::Options {
        let hosts = self.by.is_of_hosts() && !self.numeric;
        let domains = self.by.has(By::Domain);
        knowledge::Options { hosts, domains, ..knowledge::Options::default() }
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
    /// What a live input lost.
    pub losses: Option<Losses>,
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
        self.summary.limit(room(knowledge));
        self.summary.add(Summary::of(knowledge, answers, self.options.by, self.threads.max(1)));
        self.summary.name_hosts(knowledge);
        self.span.add(knowledge.span());
        self.evicted |= knowledge.departed().next().is_some();
    }

    fn write(&self, registry: &Registry, format: Format, out: &mut dyn io::Write) -> io::Result<()> {
        let Self { files, span, evicted, losses, .. } = self;
        let scope = Scope { files, span, evicted: *evicted, losses: *losses, registry };
        write(&self.summary, None, &scope, &self.options, format, out)
    }
}

#[cfg(feature = "parquet")]
impl crate::report::Columnar for Totals {
    fn table(
        &self,
        _registry: &Registry,
        origin: &crate::columns::Origin,
    ) -> io::Result<crate::columns::Table> {
        table_of_columns(&self.summary, None, &self.options, origin)
    }
}

/// All rows of a summary, and what they add up to.
#[derive(Clone, Debug)]
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
    /// Rows at most.
    most: usize,
    /// The number of the row of what found no room.
    others: Option<u32>,
}

/// Rows that there is room for.
fn room(knowledge: &Knowledge) -> usize {
    knowledge.options().share.of(MOST_ROWS)
}

impl Default for Summary {
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            index: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            key: Vec::new(),
            ends: Vec::new(),
            mismatched: 0,
            most: MOST_ROWS,
            others: None,
        }
    }
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
        let mut summary = Self { most: room(knowledge), ..Self::default() };
        for (_, part) in parts {
            summary.add(part);
        }
        for gone in knowledge.departed() {
            let amount = Amount { flows: Some(gone.flows), ..Amount::of(&gone.tally, gone.damaged) };
            summary.count_label(by, &gone.label, &amount);
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
        let mut summary = Self { most: room(knowledge), ..Self::default() };
        // A capture has far more flows than labels.
        let mut by_label = vec![None; names.labels().all().len()];
        let is_of_label = by.is_of_label();
        for tuple in tuples {
            let Some((known, item)) = item_of(&tuple, names, by) else { continue };
            let label = item.label;
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

    /// Counts something of which the label that it had is all that is known.
    fn count_label(&mut self, by: Division, label: &Label, amount: &Amount) {
        let item = Item::of_label(label);
        let told = |part: By| if part.is_of_label() { item.label_key(part) } else { Key::Text("evicted") };
        if let Some(number) = self.row_number(by, label, |part| Some(told(part))) {
            let row = &mut self.rows[number as usize];
            row.count(&item, amount);
            row.approximate = true;
        }
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
            None if self.rows.len() >= self.most => Some(self.others(by.parts().len())),
            None => {
                let key = String::from_utf8_lossy(&self.key).into_owned();
                Some(self.push(hash, Row::of(by, label, key, self.ends.as_slice().into())))
            }
        }
    }

    /// The number of the row of what finds no room, whose key has so many parts.
    #[cold]
    fn others(&mut self, parts: usize) -> u32 {
        if let Some(number) = self.others {
            return number;
        }
        // It is not in the index, as something else may be called so.
        let number = self.rows.len() as u32;
        self.rows.push(Row::of_others(parts));
        self.others = Some(number);
        number
    }

    /// Has no further rows made than so many.
    fn limit(&mut self, most: usize) {
        self.most = most.min(MOST_ROWS);
    }

    /// Rows that there is room for.
    pub(super) fn most(&self) -> usize {
        self.most
    }

    /// Whether more was told apart than there is room for.
    pub fn is_full(&self) -> bool {
        self.others.is_some()
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
        if self.rows.is_empty() && other.rows.len() <= self.most {
            *self = Self { most: self.most, ..other };
            return;
        }
        self.mismatched += other.mismatched;
        if other.is_full() {
            // Among what found no room there may be more of each.
            self.rows.iter_mut().for_each(|row| row.approximate = true);
        }
        for (number, row) in (0..).zip(other.rows) {
            let hash = self.hasher.hash_one(row.key.as_bytes());
            let is_others = other.others == Some(number);
            let found = self.index.find(hash, |&number| self.rows[number as usize].is_of(&row));
            match found.copied().filter(|_| !is_others) {
                Some(number) => self.rows[number as usize].add(row),
                None if is_others || self.rows.len() >= self.most => {
                    let number = self.others(row.ends.len() + 1);
                    self.rows[number as usize].add(row);
                }
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
        rows.sort_by(|a, b| options.sort.order(options.turned, a, b));
        rows.truncate(options.top.unwrap_or(usize::MAX));
        rows
    }
}

/// What all packets of a five-tuple count as, and its answer.
fn item_of<'a>(tuple: &FiveTuple<'_>, names: &'a Answers, by: Division) -> Option<(Known, Item<'a>)> {
    let known = names.get(tuple.id)?;
    let label = names.labels().label(known.label);
    let ends = Some((tuple.key.low().0, tuple.key.high().0));
    let (group, domains) = (naming::group(tuple), domains(names.named(tuple.id), by));
    Some((known, Item { ends, side: known.side, group, domains, ..Item::of_label(label) }))
}

/// What the ends of a flow are called, as rows have it.
fn domains<'a>(named: Option<Named<'a>>, by: Division) -> [Option<&'a str>; 2] {
    let named = named.filter(|_| by.has(By::Domain));
    let shorten = |domain| by.shorten(domain);
    named.map_or([None; 2], |named| [named.low.map(shorten), named.high.map(shorten)])
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
    /// What a live input lost.
    pub losses: Option<Losses>,
    /// The registry in use.
    pub registry: &'a Registry,
}
