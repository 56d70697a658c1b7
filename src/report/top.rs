//! What a screen shows while more is learned: the rows of the other reports, bounded in number, small enough to keep many
//! pictures of them.

mod chosen;
mod processes;

use std::{cmp::Reverse, slice, sync::Arc};

pub use chosen::Chosen;

use super::{
    discover::{self, DiscoverOptions},
    explain, flows,
    hosts::{self, HostList},
    summary::{self, By, Division, Options, Summary},
};
use crate::{
    capture::Losses,
    flow::Key,
    knowledge::{self, View},
    naming::Rule,
    packet::Timestamp,
    select::{Fault, Predicate, Schema, Trees},
    text::{
        csv,
        field::{COUNT, Field, Type},
        json::{self, Tree},
        table::Cell,
        time::machine_time,
    },
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
    /// What became of names of DNS-SD, the latest first: time, packet, who said so, what, name.
    Events,
    /// How well names are known, and which rule told the side: what, flows, of how many packets and octets.
    Evidence,
    /// What was lost, and what found no room: what, and how often.
    Limits,
    /// Programs of this host that own ends of flows: name, process, user, what it serves, flows, what it runs. Where that is asked
    /// for alone.
    Processes,
}

impl Topic {
    /// All of them, in the order of a screen.
    pub const ALL: [Self; 9] = [
        Self::Services,
        Self::Flows,
        Self::Hosts,
        Self::Domains,
        Self::Instances,
        Self::Events,
        Self::Evidence,
        Self::Limits,
        Self::Processes,
    ];

    /// The fields of its [records](Row::record): those that the reports of the same rows have.
    pub fn schema(self) -> Schema<Trees> {
        match self {
            Self::Services | Self::Domains => Schema::of_tree(&summary::fields::ROW),
            Self::Flows => Schema::of_paths(&flows::fields::FLOW),
            Self::Hosts => Schema::of_tree(&hosts::fields::HOST),
            Self::Instances => Schema::of_tree(&discover::fields::INSTANCE),
            Self::Events => Schema::of_tree(&discover::fields::EVENT),
            Self::Evidence => Schema::of_tree(&KNOWN),
            Self::Limits => Schema::of_tree(&LIMIT),
            Self::Processes => Schema::of_tree(&processes::FIELDS),
        }
    }

    /// Compiles an expression over those fields.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn predicate(self, text: &str) -> Result<Predicate<Trees>, Fault> {
        Predicate::new(text, &self.schema())
    }
}

/// The fields of rows that tell how well names are known.
static KNOWN: [Field; 5] = [
    Field::new("kind", Type::OneOf(|| vec!["evidence", "rule"]), "what the row is about").always(),
    Field::new("word", Type::Word, "which evidence, or which rule").always(),
    Field::new("flows", COUNT, "flows").always(),
    Field::new("packets", COUNT, "packets of both directions").always(),
    Field::new("bytes", COUNT, "what they took on the wire").unit("octets").always(),
];

/// The fields of rows that tell what was lost.
static LIMIT: [Field; 2] = [
    Field::new("what", Type::Text, "what was counted").always(),
    Field::new("count", COUNT, "how often; absent where that is not told"),
];

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
    record: Box<str>,
    /// The five-tuple of a flow.
    pub flow: Option<Key>,
}

impl Row {
    /// A row of cells; several values in one are parted by spaces.
    fn new(
        key: String,
        cells: impl IntoIterator<Item = Cell>,
        (packets, octets): (u64, u64),
        record: Vec<u8>,
    ) -> Self {
        let (mut text, mut ends) = (String::new(), Vec::new());
        for cell in cells {
            text.extend(cell.as_str().chars().map(|c| if c == '\n' { ' ' } else { c }));
            ends.push(text.len() as u32);
        }
        let record = String::from_utf8(record).unwrap_or_default().into();
        Self { key: key.into(), text: text.into(), ends: ends.into(), packets, octets, record, flow: None }
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

    /// Its record, as the report of the same rows writes it: an object of JSON.
    pub fn record(&self) -> &str {
        &self.record
    }

    /// The same, to be asked for what stands in it.
    pub fn tree(&self) -> Tree {
        Tree::parse(self.record.as_bytes())
    }

    /// Whether a text stands in it, whatever the case of its letters.
    pub fn contains(&self, lowercase: &str) -> bool {
        self.text.to_lowercase().contains(lowercase)
    }

    /// Octets of memory that it takes.
    pub fn size(&self) -> usize {
        size_of::<Self>() + self.key.len() + self.text.len() + size_of_val(&*self.ends) + self.record.len()
    }
}

/// What an input lost on the way here, as far as that is known.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lost {
    /// What the input tells.
    pub input: Option<Losses>,
    /// Octets that wait between input and learning, and the most that did.
    pub waiting: Option<(u64, u64)>,
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
    /// The rows of a topic as they are known at a time, in ns, of an input that lost so much. `before` are those of the
    /// picture before.
    pub fn of(topic: Topic, view: &View<'_>, lost: &Lost, time: u64, before: Option<&Self>) -> Self {
        let (mut made, all) = match topic {
            Topic::Services => services(view),
            Topic::Flows => flows(view),
            Topic::Hosts => hosts(view),
            Topic::Domains => domains(view),
            Topic::Instances => instances(view),
            Topic::Events => events(view),
            Topic::Evidence => evidence(view),
            Topic::Limits => limits(view, lost),
            Topic::Processes => processes::rows(view),
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

/// A flow that is looked at: its rows, as its five-tuple may have had several flows, and why it is named as it is.
#[derive(Clone, Debug, Default)]
pub struct Followed {
    /// The latest flow of the five-tuple; `None` where it has left.
    pub row: Option<Arc<Row>>,
    /// What each rule said, which names there were, and what would change the answer.
    pub why: Vec<String>,
}

impl Followed {
    /// What is known of a five-tuple in a whole, and how much of it there was among the packets that are chosen.
    pub fn of(key: &Key, view: &View<'_>, chosen: &View<'_>) -> Self {
        let row = flows::latest(key, chosen.knowledge, chosen.answers).map(|flow| Arc::new(flow_row(&flow)));
        let (mut why, evidence) = (Vec::new(), explain::Evidence::default());
        for spoke in explain::rules(key, &evidence, view) {
            let mark = if spoke.chosen { "decided by" } else { "also spoke" };
            why.push(format!("{mark} {}: {}", spoke.rule.as_str(), spoke.because));
        }
        for name in explain::names(key, view) {
            let mark = if name.chosen { "named" } else { "not named" };
            why.push(format!("{mark} {} ({}): {}", name.name, name.evidence.as_str(), name.because));
        }
        if let Some([side, name]) = explain::changes(key, view) {
            why.push(format!("another side would be told by {side}"));
            why.push(format!("another name would be told by {name}"));
        }
        // Names in it may come from the wire.
        let harmless = |line: &String| Cell::text(line).as_str().to_owned();
        Self { row, why: why.iter().map(harmless).collect() }
    }
}

/// The rows of a summary with most octets.
fn sums(view: &View<'_>, by: By, make: impl Fn(&summary::Row) -> Vec<Cell>) -> (Vec<Row>, usize) {
    let summary = Summary::of(view.knowledge, view.answers, by, 1);
    let division = Division::from(by);
    let options = Options { by: division, top: Some(MOST_ROWS), ..Options::default() };
    let rows = summary.rows(&options).into_iter().map(|row| {
        let record = summary::record(row, division);
        Row::new(row.key.clone(), make(row), (row.packets, row.bytes), record)
    });
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

fn flow_row(flow: &flows::FlowRow<'_>) -> Row {
    let [up, down] = flow.amounts();
    let cells = flow.cells().into_iter().chain([up.1, down.1].map(Cell::shown));
    let row = Row::new(flow.key(), cells, (up.0 + down.0, up.1 + down.1), flow.record());
    Row { flow: flow.tuple(), ..row }
}

fn flows(view: &View<'_>) -> (Vec<Row>, usize) {
    let (flows, all) = flows::foremost(view.knowledge, view.answers, MOST_ROWS / 2);
    (flows.iter().map(flow_row).collect(), all)
}

fn hosts(view: &View<'_>) -> (Vec<Row>, usize) {
    let (list, all) = HostList::foremost(view.knowledge, view.answers, MOST_ROWS);
    let row = |host: &hosts::Host<'_>| {
        let key = host.addresses.first().map(ToString::to_string).unwrap_or_default();
        let mut cells = vec![Cell::lines(&host.addresses), hosts::called(host)];
        cells.extend(hosts::sides(host));
        let amounts = (host.tally.all_packets(), host.tally.all_octets());
        Row::new(key, cells, amounts, hosts::record(host))
    };
    (list.hosts().iter().map(row).collect(), all)
}

/// What the inventory has, as `make` takes it.
fn of_inventory(
    view: &View<'_>,
    make: impl FnOnce(&discover::View<'_>) -> (Vec<Row>, usize),
) -> (Vec<Row>, usize) {
    let Some(inventory) = view.knowledge.inventory() else { return Default::default() };
    let options = DiscoverOptions::default();
    let views = discover::views(slice::from_ref(inventory), view.registry, &[], &options);
    views.first().map(make).unwrap_or_default()
}

fn instances(view: &View<'_>) -> (Vec<Row>, usize) {
    of_inventory(view, |view| {
        let mut all: Vec<_> = view.instances().collect();
        let count = all.len();
        // Those that were seen last, as what goes is as telling as what comes.
        all.sort_by_key(|instance| Reverse(instance.last));
        all.truncate(MOST_ROWS);
        let rows = all.iter().map(|instance| {
            let cells = discover::cells(instance);
            let key = cells.iter().take(2).map(Cell::as_str).collect::<Vec<_>>().join(".");
            let record = discover::instance_record(view, instance);
            Row::new(format!("{key}.{}", instance.domain), cells, (0, 0), record)
        });
        (rows.collect(), count)
    })
}

fn events(view: &View<'_>) -> (Vec<Row>, usize) {
    of_inventory(view, |view| {
        let all: Vec<_> = view.events().collect();
        let first = all.len().saturating_sub(MOST_ROWS);
        let rows = (first..).zip(&all[first..]).map(|(number, event)| {
            let record = discover::event_record(view, event);
            // The latest has the lowest key.
            let key = format!("{:010}", u32::MAX as usize - number.min(u32::MAX as usize));
            Row::new(key, discover::event_cells(view, event), (0, 0), record)
        });
        (rows.collect(), all.len())
    })
}

fn evidence(view: &View<'_>) -> (Vec<Row>, usize) {
    let summary = Summary::of(view.knowledge, view.answers, By::Evidence, 1);
    let options = Options { by: By::Evidence.into(), ..Options::default() };
    let mut all: Vec<_> = summary
        .rows(&options)
        .into_iter()
        .map(|row| ("evidence", row.key.clone(), row.flows().unwrap_or(0), row.packets, row.bytes))
        .collect();
    let mut rules = [(0, 0, 0); Rule::ALL.len() + 1];
    for tuple in view.knowledge.flows().five_tuples() {
        let Some(rule) = view.answers.get(tuple.id).and_then(|known| known.rule) else { continue };
        let number = Rule::ALL.iter().position(|&known| known == rule).unwrap_or(Rule::ALL.len());
        let (total, sum) = (tuple.total(), &mut rules[number]);
        *sum = (sum.0 + tuple.flows, sum.1 + total.all_packets(), sum.2 + total.all_octets());
    }
    let words = Rule::ALL.iter().map(|rule| rule.as_str()).chain([Rule::Unknown.as_str()]);
    let met = words.zip(rules).filter(|(_, sum)| sum.0 > 0);
    all.extend(met.map(|(word, (flows, packets, octets))| ("rule", word.to_owned(), flows, packets, octets)));
    let rows: Vec<_> = all
        .into_iter()
        .map(|(kind, word, flows, packets, bytes)| {
            let cells = [Cell::shown(kind), Cell::text(&word), Cell::shown(flows)];
            let mut record = format!(r#"{{"kind":"{kind}","word":"#).into_bytes();
            json::string_escaped(&mut record, |text| text.extend_from_slice(word.as_bytes()));
            record.extend(format!(r#","flows":{flows},"packets":{packets},"bytes":{bytes}}}"#).into_bytes());
            Row::new(format!("{kind} {word}"), cells, (packets, bytes), record)
        })
        .collect();
    let count = rows.len();
    (rows, count)
}

/// What was lost on the way here, and what the bounds of learning kept out.
fn limits(view: &View<'_>, lost: &Lost) -> (Vec<Row>, usize) {
    let (input, waiting, span) = (lost.input, lost.waiting, view.knowledge.span());
    let mut lines: Vec<(&str, Option<u64>)> = vec![
        ("packets charted", Some(span.packets)),
        ("packets that passed the filter, as the kernel counts", input.map(|lost| lost.received)),
        ("packets lost in the kernel, its buffer being full", input.map(|lost| lost.kernel_dropped)),
        ("packets lost at the interface", input.map(|lost| lost.interface_dropped)),
        ("octets that wait to be charted", waiting.map(|waiting| waiting.0)),
        ("the most octets that waited so far", waiting.map(|waiting| waiting.1)),
        ("five-tuples held", Some(view.knowledge.flows().len() as u64)),
        ("packets whose length on the wire cannot be", Some(span.implausible)),
    ];
    lines.extend(view.knowledge.losses().map(|(count, what)| (what, Some(count))));
    let rows: Vec<_> = (0..)
        .zip(lines)
        .map(|(number, (what, count)): (u32, _)| {
            let told = count.map_or_else(|| Cell::text("not told"), Cell::shown);
            let count = count.map_or_else(String::new, |count| format!(r#","count":{count}"#));
            let mut record = br#"{"what":"#.to_vec();
            json::string_escaped(&mut record, |text| text.extend_from_slice(what.as_bytes()));
            record.extend(format!("{count}}}").into_bytes());
            Row::new(format!("{number:03}"), [Cell::text(what), told], (0, 0), record)
        })
        .collect();
    let all = rows.len();
    (rows, all)
}

/// Writes rows of texts that are harmless on a terminal already, as CSV with a header.
pub fn csv(header: &[String], rows: impl Iterator<Item = Vec<String>>, out: &mut Vec<u8>) {
    csv::line(header, out);
    for row in rows {
        let mut line = csv::Line::new(out);
        row.iter().for_each(|text| line.escaped(|out| out.extend_from_slice(text.as_bytes())));
        line.end();
    }
}

/// A time as it stands in names of files: `20260102T030405Z`.
pub fn stamp(time: u64) -> String {
    let text = machine_time(Timestamp(time));
    let seconds = text.split('.').next().unwrap_or_default();
    let digits: String = seconds.chars().filter(|c| c.is_ascii_digit() || *c == 'T').collect();
    format!("{digits}Z")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        knowledge::Answers,
        pipeline::{Inputs, Job},
        registry::Registry,
    };

    /// The largest hosts are what the whole list has, record by record; how many there are does not depend on how many are
    /// asked for.
    #[test]
    fn the_foremost_hosts_are_those_of_the_whole_list() {
        let registry = Registry::built_in();
        for sample in ["office.pcapng", "mdns-goodbye.pcap", "ping-arp.pcap"] {
            let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("samples").join(sample);
            let (knowledge, _) = Job::new(Inputs::Files(vec![file]), &registry).learn(needs(), &()).unwrap();
            let answers = Answers::of(&knowledge, &registry, false, 1);
            let mut list = HostList::default();
            list.take(&knowledge, &answers);
            let records = |list: &HostList| list.hosts().iter().map(hosts::record).collect::<Vec<_>>();
            let whole = records(&list);
            assert!(!whole.is_empty());
            for most in [1, 2, 3, MOST_ROWS] {
                let (foremost, all) = HostList::foremost(&knowledge, &answers, most);
                assert_eq!(all, whole.len(), "{sample}");
                assert_eq!(records(&foremost), whole[..most.min(whole.len())], "{sample}, {most}");
            }
        }
    }

    #[test]
    fn every_record_has_the_fields_that_its_topic_says() {
        let registry = Registry::built_in();
        let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/office.pcapng");
        let (knowledge, _) = Job::new(Inputs::Files(vec![file]), &registry).learn(needs(), &()).unwrap();
        let view = View {
            answers: &Answers::of(&knowledge, &registry, false, 1),
            knowledge: &knowledge,
            registry: &registry,
        };
        // A field that each record of a topic has.
        let fields = ["key", "network.bytes", "addresses", "key", "instance", "event", "flows", "what"];
        for (topic, field) in Topic::ALL.into_iter().zip(fields) {
            let rows = Rows::of(topic, &view, &Lost::default(), 1, None);
            assert!(!rows.rows.is_empty(), "{topic:?}");
            let mut predicate = topic.predicate(field).unwrap();
            assert!(rows.rows.iter().all(|row| predicate.holds(&row.tree())), "{topic:?}");
        }
    }

    #[test]
    fn a_stamp_has_no_sign_that_a_file_system_minds() {
        // 2026-01-02T03:04:05Z, by `date -u -d @1767323045`.
        assert_eq!(stamp(1_767_323_045_999_999_999), "20260102T030405Z");
    }
}
