//! Totals per service, port, server, client, host, conversation, transport, VLAN or interface.

mod sums;

pub use sums::{Counted, Sums};

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    hash::Hash,
    io::{self, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::Duration,
};

use hashbrown::{HashMap, HashSet};
use serde::Serialize;

use crate::{
    flow::{Direction, FiveTuple},
    knowledge::{Answers, Damaged, Knowledge, Subject},
    naming::{
        Evidence, Side,
        label::{Label, kind_word},
    },
    packet::Timestamp,
    record::Record,
    registry::Registry,
    text::{
        csv, json,
        table::{Cell, Table},
        time::machine_time,
    },
};

/// What a row of the summary is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum By {
    /// One row per service and transport.
    #[default]
    Service,
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

    const fn heading(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Port => "port",
            Self::Server => "server",
            Self::Client => "client",
            Self::Host => "host",
            Self::Conversation => "conversation",
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

/// One row.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// Its key: `https/tcp`, `49200/tcp`, `arp`.
    pub key: String,
    name: Option<String>,
    transport: Option<String>,
    ports: BTreeSet<u16>,
    description: Option<String>,
    /// Packets.
    pub packets: u64,
    /// Octets on the wire.
    pub bytes: u64,
    flows: u64,
    /// Spares looking for it again.
    last_port: Option<u16>,
    clients: Hosts,
    servers: Hosts,
    first: Option<u64>,
    last: Option<u64>,
    /// Packets by [`Evidence`].
    evidence: [u64; Evidence::ALL.len()],
    damaged: Damaged,
    /// Whether flows left early, so that distinct hosts were lost.
    approximate: bool,
    /// Whether it was added up packet by packet, so that how many flows there were is not known.
    by_packet: bool,
}

impl Row {
    fn new(key: String) -> Self {
        Self { key, ..Self::default() }
    }

    fn of_label(label: &Label) -> Self {
        Self {
            key: label.key.clone(),
            name: label.name.clone(),
            transport: label.transport.as_deref().map(ToOwned::to_owned),
            description: label.description.clone(),
            ..Self::default()
        }
    }

    /// Its damaged packets.
    pub fn damaged(&self) -> &Damaged {
        &self.damaged
    }

    /// How many flows, where that is known.
    fn flows(&self) -> Option<u64> {
        (!self.by_packet).then_some(self.flows)
    }

    fn tally(&mut self, packets: u64, bytes: u64, first: Option<u64>, last: Option<u64>) {
        self.packets += packets;
        self.bytes += bytes;
        self.first = match (self.first, first) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        self.last = self.last.max(last);
    }

    fn label(&mut self, label: &Label, packets: u64) {
        if let Some(port) = label.port
            && self.last_port != Some(port)
        {
            self.last_port = Some(port);
            self.ports.insert(port);
        }
        if let Some(evidence) = label.evidence {
            self.evidence[evidence as usize] += packets;
        }
    }

    /// Adds all flows of a five-tuple.
    fn flow(&mut self, tuple: &FiveTuple<'_>, server: Side, label: &Label, damaged: &Damaged) {
        let total = tuple.total();
        self.tally(total.all_packets(), total.all_octets(), total.first(), total.last());
        self.label(label, total.all_packets());
        self.flows += tuple.flows;
        self.sides(server, tuple.key.low().0, tuple.key.high().0);
        self.damaged.add(damaged);
    }

    /// Notes who serves whom.
    fn sides(&mut self, server: Side, low: IpAddr, high: IpAddr) {
        if matches!(server, Side::Low | Side::Both) {
            self.servers.insert(low);
            self.clients.insert(high);
        }
        if matches!(server, Side::High | Side::Both) {
            self.servers.insert(high);
            self.clients.insert(low);
        }
    }

    /// Adds a row of the same key.
    fn add(&mut self, other: Self) {
        self.tally(other.packets, other.bytes, other.first, other.last);
        self.ports.extend(other.ports);
        self.flows += other.flows;
        self.clients.add(other.clients);
        self.servers.add(other.servers);
        for (all, more) in self.evidence.iter_mut().zip(other.evidence) {
            *all += more;
        }
        self.damaged.add(&other.damaged);
        self.approximate |= other.approximate;
        self.by_packet |= other.by_packet;
    }

    /// Packets by how their name is known, in the order of the words.
    fn evidence(&self) -> BTreeMap<&'static str, u64> {
        let counts =
            Evidence::ALL.iter().map(|&evidence| (evidence.as_str(), self.evidence[evidence as usize]));
        counts.filter(|&(_, packets)| packets > 0).collect()
    }
}

/// Distinct addresses.
#[derive(Clone, Debug, Default)]
struct Hosts {
    v4: HashSet<Ipv4Addr>,
    v6: HashSet<Ipv6Addr>,
}

impl Hosts {
    fn insert(&mut self, address: IpAddr) {
        match address {
            IpAddr::V4(address) => self.v4.insert(address),
            IpAddr::V6(address) => self.v6.insert(address),
        };
    }

    fn add(&mut self, other: Self) {
        // The larger one takes the smaller one in.
        fn join<T: Eq + Hash>(all: &mut HashSet<T>, mut more: HashSet<T>) {
            if more.len() > all.len() {
                std::mem::swap(all, &mut more);
            }
            all.extend(more);
        }
        join(&mut self.v4, other.v4);
        join(&mut self.v6, other.v6);
    }

    fn len(&self) -> usize {
        self.v4.len() + self.v6.len()
    }
}

/// Key of the row that a label belongs to, where that is all it takes.
fn label_key(label: &Label, by: By) -> Cow<'static, str> {
    match (by, label.port, label.transport.as_deref()) {
        (By::Port, Some(port), Some(transport)) => format!("{port}/{transport}").into(),
        (By::Transport, _, Some(transport)) => transport.to_owned().into(),
        _ => label.key.clone().into(),
    }
}

/// All rows of a summary, and what they add up to.
#[derive(Debug, Default)]
pub struct Summary {
    rows: Vec<Row>,
    index: HashMap<Cow<'static, str>, usize>,
}

impl Summary {
    /// Sums up all that is known, on so many threads; the sums do not depend on their number.
    pub fn of(knowledge: &Knowledge, names: &Answers, by: By, threads: usize) -> Self {
        let flows = knowledge.flows();
        let parts = flows.map_ranges(threads, |family, range| {
            Self::of_tuples(flows.five_tuples_in(family, range), knowledge, names, by)
        });
        let mut summary = Self::default();
        for (_, part) in parts {
            summary.add(part);
        }
        for evicted in knowledge.departed() {
            let key = if by == By::Service { evicted.label.key.clone() } else { "evicted".to_owned() };
            let row = summary.row(key.into(), || Row::of_label(&evicted.label));
            let tally = &evicted.tally;
            row.tally(tally.all_packets(), tally.all_octets(), tally.first(), tally.last());
            row.label(&evicted.label, tally.all_packets());
            row.flows += evicted.flows;
            row.damaged.add(&evicted.damaged);
            row.approximate = true;
        }
        for (kind, tally) in knowledge.others() {
            let key = kind_word(kind);
            let row = summary.row(key.clone(), || Row::new(key.into_owned()));
            row.tally(tally.all_packets(), tally.all_octets(), tally.first(), tally.last());
            row.damaged.add(&knowledge.damaged(&Subject::Other(kind)));
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
        // Rows by label, where it alone tells the row: a capture has far more flows than labels.
        let mut by_label = vec![None; names.labels().all().len()];
        for tuple in tuples {
            let Some(known) = names.get(tuple.id) else { continue };
            let damaged = knowledge.damaged(&Subject::Flow(tuple.key));
            let label = names.labels().label(known.label);
            if let By::Service | By::Port | By::Transport = by {
                let at = match by_label[known.label as usize] {
                    Some(at) => at,
                    None => summary.row_number(label_key(label, by), || match by {
                        By::Service => Row::of_label(label),
                        By::Port => Row {
                            key: label_key(label, by).into_owned(),
                            transport: label.transport.as_deref().map(ToOwned::to_owned),
                            ..Row::default()
                        },
                        _ => Row::new(label_key(label, by).into_owned()),
                    }),
                };
                by_label[known.label as usize] = Some(at);
                summary.rows[at].flow(&tuple, known.side, label, &damaged);
                continue;
            }
            let (low, high) = (tuple.key.low().0, tuple.key.high().0);
            let unknown = || format!("unknown/{}", label.transport.as_deref().unwrap_or("ip"));
            let both = || format!("{low} and {high}");
            let keys = match (by, known.side) {
                (By::Host, _) if low == high => vec![low.to_string()],
                (By::Host, _) => vec![low.to_string(), high.to_string()],
                (By::Conversation, _) => vec![format!("{low} <> {high}")],
                (By::Vlan | By::Interface, _) => vec![],
                (_, Side::Neither) => vec![unknown()],
                (_, Side::Both) if low != high => vec![both()],
                (By::Server, Side::High) | (By::Client, Side::Low) => vec![high.to_string()],
                _ => vec![low.to_string()],
            };
            for key in keys {
                let row = summary.row(key.clone().into(), || Row::new(key));
                row.flow(&tuple, known.side, label, &damaged);
            }
        }
        summary
    }

    /// Adds the rows of another.
    fn add(&mut self, other: Self) {
        for row in other.rows {
            match self.index.get(row.key.as_str()) {
                Some(&at) => self.rows[at].add(row),
                None => {
                    self.index.insert(row.key.clone().into(), self.rows.len());
                    self.rows.push(row);
                }
            }
        }
    }

    /// Counts one packet: for rows that no flow tells, such as intervals of time.
    pub fn count(&mut self, record: &Record<'_>, by: By) {
        let label = record.label;
        let server = record.service.map(|service| (service.known.side, service.direction));
        let serving = |client: bool| {
            let (server, direction) = server?;
            let (source, destination) = record.addresses()?;
            let up = direction == Direction::Up;
            Some(match server {
                Side::Both if source == destination => source.to_string(),
                Side::Both => format!("{} and {}", source.min(destination), source.max(destination)),
                Side::Neither => return None,
                Side::High if up != client => destination.to_string(),
                Side::Low if up == client => destination.to_string(),
                _ => source.to_string(),
            })
        };
        // As for flows: without a side, a row per protocol; without addresses, what the frame is.
        let unknown = || match record.addresses() {
            Some(_) => format!("unknown/{}", label.transport.as_deref().unwrap_or("ip")),
            None => label.key.clone(),
        };
        let keys: Vec<Cow<'static, str>> = match by {
            By::Service | By::Port | By::Transport => vec![label_key(label, by)],
            By::Server => vec![serving(false).unwrap_or_else(unknown).into()],
            By::Client => vec![serving(true).unwrap_or_else(unknown).into()],
            By::Host => match record.addresses() {
                Some((source, destination)) if source == destination => vec![source.to_string().into()],
                Some((source, destination)) => {
                    vec![source.to_string().into(), destination.to_string().into()]
                }
                None => vec![label.key.clone().into()],
            },
            By::Conversation => vec![match record.addresses() {
                Some((source, destination)) => {
                    format!("{} <> {}", source.min(destination), source.max(destination)).into()
                }
                None => label.key.clone().into(),
            }],
            By::Vlan => {
                let ids: Vec<_> = record.headers.vlan.as_slice().iter().map(ToString::to_string).collect();
                vec![if ids.is_empty() { "untagged".into() } else { ids.join(".").into() }]
            }
            By::Interface => vec![record.frame.interface.to_string().into()],
        };
        let time = record.frame.time.map(|time| time.0);
        for key in keys {
            let row = self.row(key.clone(), || match by {
                By::Service => Row::of_label(label),
                _ => Row::new(key.into_owned()),
            });
            row.by_packet = true;
            row.tally(1, record.frame.original_len.into(), time, time);
            if let (Some((server, direction)), Some((source, destination))) = (server, record.addresses()) {
                let (low, high) =
                    if direction == Direction::Up { (source, destination) } else { (destination, source) };
                row.sides(server, low, high);
            }
            row.label(label, 1);
            if let Some(stopped) = record.headers.stopped {
                row.damaged.count(stopped.reason);
            }
        }
    }

    fn row(&mut self, key: Cow<'static, str>, make: impl FnOnce() -> Row) -> &mut Row {
        let at = self.row_number(key, make);
        &mut self.rows[at]
    }

    fn row_number(&mut self, key: Cow<'static, str>, make: impl FnOnce() -> Row) -> usize {
        let rows = &mut self.rows;
        *self.index.entry(key).or_insert_with(|| {
            rows.push(make());
            rows.len() - 1
        })
    }

    /// Its rows in the order asked for.
    pub fn rows(&self, options: &Options) -> Vec<&Row> {
        let mut rows: Vec<_> = self.rows.iter().collect();
        rows.sort_by(|a, b| {
            let more = match options.sort {
                Sort::Bytes => (b.bytes, b.packets).cmp(&(a.bytes, a.packets)),
                Sort::Packets => (b.packets, b.bytes).cmp(&(a.packets, a.bytes)),
                Sort::Flows => (b.flows, b.bytes).cmp(&(a.flows, a.bytes)),
                Sort::Name => std::cmp::Ordering::Equal,
            };
            more.then_with(|| a.key.cmp(&b.key))
        });
        rows.truncate(options.top.unwrap_or(usize::MAX));
        rows
    }
}

/// Adds up packet by packet: over the whole capture, or per interval of its time.
#[derive(Debug)]
pub struct Intervals {
    /// Length in ns; absent for the whole capture.
    length: Option<u64>,
    by: By,
    whole: Summary,
    parts: BTreeMap<u64, Summary>,
}

impl Intervals {
    /// Intervals of that length, aligned to whole multiples of it since the epoch.
    pub fn new(length: Option<Duration>, by: By) -> Self {
        let length = length.map(|length| u64::try_from(length.as_nanos()).unwrap_or(u64::MAX).max(1));
        Self { length, by, whole: Summary::default(), parts: BTreeMap::new() }
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
        summary.count(record, self.by);
    }

    /// Adds what was counted of later packets.
    fn add(&mut self, later: Self) {
        self.whole.add(later.whole);
        for (start, summary) in later.parts {
            self.parts.entry(start).or_default().add(summary);
        }
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

/// What a report says of the run beside its rows.
#[derive(Debug)]
pub struct Scope<'a> {
    /// The files or interfaces read.
    pub files: &'a [String],
    /// What was learned.
    pub knowledge: &'a Knowledge,
    /// The registry in use.
    pub registry: &'a Registry,
}

/// Writes a table for people.
///
/// # Errors
/// Those of `out`.
pub fn table(
    summary: &Summary,
    intervals: Option<&[Interval]>,
    scope: &Scope<'_>,
    options: &Options,
    out: &mut dyn Write,
) -> io::Result<()> {
    let span = scope.knowledge.span();
    if intervals.is_none() {
        rows_table(summary, span.octets, options).write(options.width, out)?;
    }
    for interval in intervals.unwrap_or_default() {
        writeln!(out, "from {}", machine_time(Timestamp(interval.start)))?;
        let octets = interval.summary.rows.iter().map(|row| row.bytes).sum();
        rows_table(&interval.summary, octets, options).write(options.width, out)?;
        writeln!(out)?;
    }
    let mut line = format!("{} packets, {} octets", span.packets, span.octets);
    if let (Some(first), Some(last)) = (span.first(), span.last()) {
        let seconds = last.since(first) as f64 / 1e9;
        line += &format!(", {seconds:.3} s from {} to {}", machine_time(first), machine_time(last));
    }
    writeln!(out, "{line}")?;
    let parts = intervals.unwrap_or_default().iter().map(|interval| &interval.summary);
    let damaged = std::iter::once(summary).chain(parts).flat_map(|summary| &summary.rows).fold(
        Damaged::default(),
        |mut all, row| {
            all.add(&row.damaged);
            all
        },
    );
    let damaged: Vec<_> = damaged.counts().map(|(reason, count)| format!("{count} {reason}")).collect();
    if !damaged.is_empty() {
        writeln!(out, "not decoded to the end: {}", damaged.join(", "))?;
    }
    if scope.knowledge.departed().next().is_some() {
        writeln!(out, "the flow table was full: distinct clients and servers are at least those shown")?;
    }
    writeln!(
        out,
        "names: IANA registry of {}; a registered port does not prove a service",
        scope.registry.updated()
    )
}

fn rows_table(summary: &Summary, octets: u64, options: &Options) -> Table {
    let heading = options.by.heading();
    let header = [heading, "port", "packets", "octets", "%", "flows", "clients", "servers", "known by"];
    let mut table = Table::new(&header).right(2..8);
    for row in summary.rows(options) {
        let share = if octets == 0 { 0.0 } else { row.bytes as f64 * 100.0 / octets as f64 };
        let ports: Vec<_> = row.ports.iter().map(ToString::to_string).collect();
        let ports = if ports.len() > 4 { format!("{} ports", ports.len()) } else { ports.join(" ") };
        let evidence: Vec<_> = row.evidence().into_iter().map(|(word, count)| (count, word)).collect();
        let evidence = match evidence.as_slice() {
            [] => String::new(),
            [(_, word)] => (*word).to_owned(),
            many => many.iter().map(|(count, word)| format!("{word} {count}")).collect::<Vec<_>>().join(", "),
        };
        let count = |count: u64| Cell::maybe((count > 0).then_some(count));
        table.row([
            Cell::text(&row.key),
            Cell::shown(ports),
            Cell::shown(row.packets),
            Cell::shown(row.bytes),
            Cell::shown(format_args!("{share:.1}")),
            count(row.flows),
            count(row.clients.len() as u64),
            count(row.servers.len() as u64),
            Cell::shown(evidence),
        ]);
    }
    table
}

#[derive(Serialize)]
struct JsonSummary<'a> {
    schema: &'static str,
    registry: JsonRegistry<'a>,
    capture: JsonCapture<'a>,
    by: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<Vec<JsonRow<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    intervals: Option<Vec<JsonInterval<'a>>>,
}

#[derive(Serialize)]
struct JsonInterval<'a> {
    start: String,
    rows: Vec<JsonRow<'a>>,
}

#[derive(Serialize)]
struct JsonRegistry<'a> {
    updated: &'a str,
}

#[derive(Serialize)]
struct JsonCapture<'a> {
    files: &'a [String],
    packets: u64,
    bytes: u64,
    captured_bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    first: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<String>,
}

#[derive(Serialize)]
struct JsonRow<'a> {
    key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transport: Option<&'a str>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    ports: &'a BTreeSet<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    packets: u64,
    bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    flows: Option<u64>,
    clients: usize,
    servers: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    first: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<String>,
    evidence: BTreeMap<&'static str, u64>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    damaged: BTreeMap<&'static str, u64>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    approximate: bool,
}

fn json_rows<'a>(summary: &'a Summary, options: &Options) -> Vec<JsonRow<'a>> {
    let time = |time: Option<u64>| time.map(|time| machine_time(Timestamp(time)));
    let rows = summary.rows(options).into_iter().map(|row| JsonRow {
        key: &row.key,
        name: row.name.as_deref(),
        transport: row.transport.as_deref(),
        ports: &row.ports,
        description: row.description.as_deref(),
        packets: row.packets,
        bytes: row.bytes,
        flows: row.flows(),
        clients: row.clients.len(),
        servers: row.servers.len(),
        first: time(row.first),
        last: time(row.last),
        evidence: row.evidence(),
        damaged: row.damaged.counts().collect(),
        approximate: row.approximate,
    });
    rows.collect()
}

/// Writes one JSON object.
///
/// # Errors
/// Those of `out`.
pub fn json(
    summary: &Summary,
    intervals: Option<&[Interval]>,
    scope: &Scope<'_>,
    options: &Options,
    out: &mut dyn Write,
) -> io::Result<()> {
    let span = scope.knowledge.span();
    let rows = intervals.is_none().then(|| json_rows(summary, options));
    let intervals = intervals.map(|intervals| {
        let interval = |interval: &'_ Interval| machine_time(Timestamp(interval.start));
        intervals
            .iter()
            .map(|each| JsonInterval { start: interval(each), rows: json_rows(&each.summary, options) })
            .collect()
    });
    let object = JsonSummary {
        schema: "portolan/summary/1",
        registry: JsonRegistry { updated: scope.registry.updated() },
        capture: JsonCapture {
            files: scope.files,
            packets: span.packets,
            bytes: span.octets,
            captured_bytes: span.captured,
            first: span.first().map(machine_time),
            last: span.last().map(machine_time),
        },
        by: options.by.heading(),
        rows,
        intervals,
    };
    json::pretty(&object, out)
}

/// Writes CSV: one line per row, and interval where there are any.
///
/// # Errors
/// Those of `out`.
pub fn csv(
    summary: &Summary,
    intervals: Option<&[Interval]>,
    options: &Options,
    out: &mut dyn Write,
) -> io::Result<()> {
    let header = [
        "key",
        "name",
        "transport",
        "ports",
        "description",
        "packets",
        "bytes",
        "flows",
        "clients",
        "servers",
        "first",
        "last",
        "evidence",
        "damaged",
    ];
    let start = intervals.is_some().then_some("start");
    let mut line = Vec::new();
    csv::line(start.into_iter().chain(header), &mut line);
    out.write_all(&line)?;
    let mut lines = |start: Option<u64>, summary: &Summary| -> io::Result<()> {
        for row in summary.rows(options) {
            let time = |time: Option<u64>| time.map(|time| machine_time(Timestamp(time))).unwrap_or_default();
            let words = |pairs: &mut dyn Iterator<Item = (&'static str, u64)>| {
                pairs.map(|(word, count)| format!("{word}:{count}")).collect::<Vec<_>>().join(" ")
            };
            let ports: Vec<_> = row.ports.iter().map(ToString::to_string).collect();
            let fields = [
                row.key.clone(),
                row.name.clone().unwrap_or_default(),
                row.transport.clone().unwrap_or_default(),
                ports.join(" "),
                row.description.clone().unwrap_or_default(),
                row.packets.to_string(),
                row.bytes.to_string(),
                row.flows().map(|flows| flows.to_string()).unwrap_or_default(),
                row.clients.len().to_string(),
                row.servers.len().to_string(),
                time(row.first),
                time(row.last),
                words(&mut row.evidence().into_iter()),
                words(&mut row.damaged.counts()),
            ];
            line.clear();
            csv::line(start.map(|start| time(Some(start))).into_iter().chain(fields), &mut line);
            out.write_all(&line)?;
        }
        Ok(())
    };
    match intervals {
        None => lines(None, summary),
        Some(intervals) => intervals.iter().try_for_each(|each| lines(Some(each.start), &each.summary)),
    }
}
