//! What a screen shows while more is learned: the rows of the other reports, bounded in number, small enough to keep many
//! pictures of them.

use std::{cmp::Reverse, slice, sync::Arc};

use super::{
    discover::{self, DiscoverOptions},
    flows,
    hosts::{self, HostList, HostsOptions},
    summary::{self, By, Options, Summary},
};
use crate::{
    capture::Losses,
    knowledge::{self, View},
    text::table::Cell,
};

/// Rows of a topic that are kept.
pub const MOST_ROWS: usize = 500;

/// What rows are about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Topic {
    /// Services: service, ports, flows, clients, servers, evidence, packets whose octets contradict their port.
    #[default]
    Services,
    /// Flows: source, destination, service, evidence, state, octets from the source, octets to it.
    Flows,
    /// Hosts: addresses, names, what they offer, what they use.
    Hosts,
    /// Domains of what serves: domain, ports, flows, clients, evidence.
    Domains,
    /// DNS-SD instances: instance, type, hosts, ports, addresses, state.
    Instances,
    /// What was lost, and what found no room: what, and how often.
    Limits,
}

impl Topic {
    /// All of them, in the order of a screen.
    pub const ALL: [Self; 6] =
        [Self::Services, Self::Flows, Self::Hosts, Self::Domains, Self::Instances, Self::Limits];
}

/// What must be learned for all topics.
pub fn needs() -> knowledge::Options {
    knowledge::Options { flows: true, inventory: true, hosts: true, domains: true, ..Default::default() }
}

/// A row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// What tells it from all others of its topic.
    key: Box<str>,
    /// What stands in it, and where each cell ends.
    text: Box<str>,
    ends: Box<[u32]>,
    /// Packets.
    pub packets: u64,
    /// Octets on the wire.
    pub octets: u64,
}

impl Row {
    /// A row of cells; several values in one are parted by spaces.
    fn new(key: String, cells: impl IntoIterator<Item = Cell>, packets: u64, octets: u64) -> Self {
        let (mut text, mut ends) = (String::new(), Vec::new());
        for cell in cells {
            text.extend(cell.as_str().chars().map(|c| if c == '\n' { ' ' } else { c }));
            ends.push(text.len() as u32);
        }
        Self { key: key.into(), text: text.into(), ends: ends.into(), packets, octets }
    }

    /// What tells it from all others of its topic.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// A cell by its number, harmless on a terminal; empty where there is none.
    pub fn cell(&self, number: usize) -> &str {
        let end = |number: usize| self.ends.get(number).map_or(self.text.len(), |&end| end as usize);
        let begin = if number == 0 { 0 } else { end(number - 1) };
        self.text.get(begin..end(number)).unwrap_or_default()
    }

    /// Whether a text stands in it, whatever the case of its letters.
    pub fn contains(&self, lowercase: &str) -> bool {
        self.text.to_lowercase().contains(lowercase)
    }

    /// Octets of memory that it takes.
    pub fn size(&self) -> usize {
        size_of::<Self>() + self.key.len() + self.text.len() + size_of_val(&*self.ends)
    }
}

/// The rows of a topic at a time.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    /// At most [`MOST_ROWS`], in the order of their keys. Those that did not change since the picture before are its own.
    pub rows: Vec<Arc<Row>>,
    /// How many there are, shown or not.
    pub all: usize,
    /// When that was, in ns of the clock at hand.
    pub time: u64,
}

impl Rows {
    /// The rows of a topic as they are known at a time, in ns, of an input that `lost` so many packets. `before` are those of
    /// the picture before.
    pub fn of(topic: Topic, view: &View<'_>, lost: Option<Losses>, time: u64, before: Option<&Self>) -> Self {
        let (mut made, all) = match topic {
            Topic::Services => services(view),
            Topic::Flows => flows(view),
            Topic::Hosts => hosts(view),
            Topic::Domains => domains(view),
            Topic::Instances => instances(view),
            Topic::Limits => limits(view, lost),
        };
        made.sort_by(|a, b| a.key.cmp(&b.key));
        made.dedup_by(|a, b| a.key == b.key);
        let rows = made.into_iter().map(|row| match before.and_then(|before| before.shared(&row.key)) {
            Some(known) if **known == row => Arc::clone(known),
            _ => Arc::new(row),
        });
        Self { rows: rows.collect(), all, time }
    }

    /// The row of a key, as the pictures behind may share it.
    pub fn shared(&self, key: &str) -> Option<&Arc<Row>> {
        let found = self.rows.binary_search_by(|row| row.key().cmp(key));
        found.ok().and_then(|at| self.rows.get(at))
    }

    /// The row of a key.
    pub fn get(&self, key: &str) -> Option<&Row> {
        self.shared(key).map(|row| &**row)
    }

    /// Whether there are no further rows.
    pub fn is_whole(&self) -> bool {
        self.rows.len() == self.all
    }
}

/// The rows of a summary with most octets.
fn sums(view: &View<'_>, by: By, make: impl Fn(&summary::Row) -> Vec<Cell>) -> (Vec<Row>, usize) {
    let summary = Summary::of(view.knowledge, view.answers, by, 1);
    let options = Options { by: by.into(), top: Some(MOST_ROWS), ..Options::default() };
    let rows = summary.rows(&options);
    let rows = rows.into_iter().map(|row| Row::new(row.key.clone(), make(row), row.packets, row.bytes));
    (rows.collect(), summary.len())
}

fn services(view: &View<'_>) -> (Vec<Row>, usize) {
    let paths = ["ports", "flows", "clients", "servers", "evidence", "mismatch"];
    sums(view, By::Service, |row| {
        let name = if row.is_guess() { format!("~ {}", row.key) } else { row.key.clone() };
        let mut cells = vec![Cell::text(&name)];
        cells.extend(summary::cells(row, paths));
        cells
    })
}

fn domains(view: &View<'_>) -> (Vec<Row>, usize) {
    let paths = ["ports", "flows", "clients", "evidence"];
    sums(view, By::Domain, |row| {
        let mut cells = vec![Cell::text(&row.key)];
        cells.extend(summary::cells(row, paths));
        cells
    })
}

fn flows(view: &View<'_>) -> (Vec<Row>, usize) {
    let (flows, all) = flows::foremost(view.knowledge, view.answers, MOST_ROWS / 2);
    let row = |flow: flows::FlowRow<'_>| {
        let [up, down] = flow.amounts();
        let cells = flow.cells().into_iter().chain([up.1, down.1].map(Cell::shown));
        Row::new(flow.key(), cells, up.0 + down.0, up.1 + down.1)
    };
    (flows.into_iter().map(row).collect(), all)
}

fn hosts(view: &View<'_>) -> (Vec<Row>, usize) {
    let mut list = HostList::new(HostsOptions::default());
    list.take(view.knowledge, view.answers);
    let hosts = list.hosts();
    let all = hosts.len();
    let row = |host: &hosts::Host<'_>| {
        let key = host.addresses.first().map(ToString::to_string).unwrap_or_default();
        let mut cells = vec![Cell::lines(&host.addresses), hosts::called(host)];
        cells.extend(hosts::sides(host));
        Row::new(key, cells, host.tally.all_packets(), host.tally.all_octets())
    };
    (hosts.iter().take(MOST_ROWS).map(row).collect(), all)
}

fn instances(view: &View<'_>) -> (Vec<Row>, usize) {
    let Some(inventory) = view.knowledge.inventory() else { return Default::default() };
    let options = DiscoverOptions::default();
    let views = discover::views(slice::from_ref(inventory), view.registry, &[], &options);
    let mut all: Vec<_> = views.iter().flat_map(discover::View::instances).collect();
    let count = all.len();
    // Those that were seen last, as what goes is as telling as what comes.
    all.sort_by_key(|instance| Reverse(instance.last));
    all.truncate(MOST_ROWS);
    let rows = all.iter().map(|instance| {
        let cells = discover::cells(instance);
        let key = cells.iter().take(2).map(Cell::as_str).collect::<Vec<_>>().join(".");
        Row::new(format!("{key}.{}", instance.domain), cells, 0, 0)
    });
    (rows.collect(), count)
}

/// What was lost on the way here, and what the bounds of learning kept out.
fn limits(view: &View<'_>, lost: Option<Losses>) -> (Vec<Row>, usize) {
    let mut lines: Vec<(&str, Option<u64>)> = vec![
        ("packets that passed the filter, as the kernel counts", lost.map(|lost| lost.received)),
        ("packets lost in the kernel, its buffer being full", lost.map(|lost| lost.kernel_dropped)),
        ("packets lost at the interface", lost.map(|lost| lost.interface_dropped)),
        ("five-tuples held", Some(view.knowledge.flows().len() as u64)),
        ("packets whose length on the wire cannot be", Some(view.knowledge.span().implausible)),
    ];
    lines.extend(view.knowledge.losses().map(|(count, what)| (what, Some(count))));
    let rows: Vec<_> = (0..)
        .zip(lines)
        .map(|(number, (what, count)): (u32, _)| {
            let count = count.map_or_else(|| Cell::text("not told"), Cell::shown);
            Row::new(format!("{number:03}"), [Cell::text(what), count], 0, 0)
        })
        .collect();
    let all = rows.len();
    (rows, all)
}
