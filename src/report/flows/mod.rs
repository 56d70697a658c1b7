//! One record per flow, in the order the flows began.

mod brief;
pub mod fields;
mod pick;
mod stream;
mod text;
pub mod zeek;

use std::{
    io::{self, Write},
    net::IpAddr,
    sync::Arc,
};

use fields::{FLOW, OfFlow};
use hashbrown::HashMap;
pub use pick::{Pick, Picked};
pub use stream::{FlowStream, Reason, Times};
use text::text;
use zeek::Course;

#[cfg(feature = "parquet")]
use crate::{
    columns::{Layout, Origin, Table as RowTable, TableMaker},
    report::Columnar,
};
use crate::{
    flow::{Direction, Ends, FiveTuple, Flow, FlowId, Key, community_id},
    knowledge::{Answers, Knowledge, Known, Named, Options, ToldFrom},
    naming::label::Label,
    packet::{Timestamp, TransportProtocol},
    places::{Located, Location, Places},
    record::{
        Each, Put as _, Service, ValueWriter,
        process::{HeldEnds, LocalEnd},
    },
    registry::Registry,
    report::{Format, Report},
    select::{Choice, Schema, Subject},
    text::{
        Moments, escape,
        field::{Field, Need, Type, columns_with, distinct, grouped, header},
        table::{Cell, Table},
        time::{TimeStyle, TimeWriter},
    },
};

/// Forms of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A line per flow, for people.
    Text(TimeStyle),
    /// A JSON object per line.
    Json,
    /// A CSV row each.
    Csv,
    /// A line of Zeek's `conn.log` in JSON each.
    Zeek,
}

/// The report: every flow, one a line.
#[derive(Debug, Default)]
pub struct FlowList {
    times: TimeStyle,
    /// Show no names of hosts.
    numeric: bool,
    /// JSON is a log of Zeek's.
    is_zeek: bool,
    flows: Vec<Listed>,
    labels: Vec<Label>,
    /// What ends are called, each once.
    named: Vec<Called>,
    numbers: HashMap<Called, u32>,
    /// When the earliest packet came.
    began: Option<Timestamp>,
    picked: Option<Picked>,
    choice: Choice<Flows>,
    screen: Option<Screen>,
    /// Where ends are, where a file says that.
    located: Option<Located>,
}

/// A terminal that people look at.
#[derive(Clone, Copy, Debug)]
pub struct Screen {
    /// Its columns.
    pub width: u16,
    /// Whether figures are rounded.
    pub rounded: bool,
    /// Whether names are marked by their evidence.
    pub color: bool,
    /// Whether flows have lines with all there is to tell, as in a file.
    pub verbose: bool,
}

/// What the ends of a flow are called, for longer than it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Called {
    /// Of the low and the high end, and of what a hello asks for.
    names: [Option<Box<str>>; 3],
    source: Option<ToldFrom>,
    has_encrypted_hello: bool,
}

impl Called {
    fn of(named: &Named<'_>) -> Self {
        let Named { low, high, source, server_name, has_encrypted_hello } = *named;
        Self { names: [low, high, server_name].map(|name| name.map(Into::into)), source, has_encrypted_hello }
    }

    fn named(&self) -> Named<'_> {
        let [low, high, server_name] = self.names.each_ref().map(|name| name.as_deref());
        Named { low, high, source: self.source, server_name, has_encrypted_hello: self.has_encrypted_hello }
    }
}

/// A flow in the list: what a row shows, with its label by number.
#[derive(Clone, Copy, Debug)]
struct Listed {
    first: Option<u64>,
    last: Option<u64>,
    protocol: TransportProtocol,
    ends: [End; 2],
    service: Option<(Known, Direction)>,
    course: Course,
    /// What its ends are called: by the number of its five-tuple, or in the list.
    named: Namer,
    /// Why it is told, where flows are told as they end.
    reason: Option<Reason>,
    /// Where its ends are, by number.
    places: [u32; 2],
    /// Whether it is the latest of its five-tuple, and its source the high end: what is known of its processes.
    is_latest: bool,
    is_reversed: bool,
}

impl FlowList {
    /// A list that shows people times like that.
    pub fn new(times: TimeStyle) -> Self {
        Self { times, ..Self::default() }
    }

    /// The same without names of hosts.
    pub fn numeric(self) -> Self {
        Self { numeric: true, ..self }
    }

    /// The same with Zeek's log of connections for JSON; it has no columns to choose.
    pub fn zeek(self) -> Self {
        Self { is_zeek: true, ..self }
    }

    /// Tells where ends are, too.
    pub fn locate(&mut self, places: Arc<Places>) {
        self.located = Some(Located::new(places));
    }

    /// Shows these of them, in this order.
    pub fn choose(&mut self, choice: Choice<Flows>) {
        self.choice = choice;
    }

    /// Lays text out for a terminal.
    pub fn fit(&mut self, screen: Option<Screen>) {
        self.screen = screen;
    }

    /// Of what is taken in next, lists only these flows; each of them with its whole counters.
    pub fn pick(&mut self, picked: Picked) {
        self.picked = Some(picked);
    }
}

/// Where to find what the ends of a flow are called.
#[derive(Clone, Copy, Debug)]
enum Namer {
    Tuple(FlowId),
    Listed(u32),
    Nobody,
}

impl FlowList {
    /// Keeps what ends are called.
    fn call(&mut self, named: Option<Named<'_>>) -> Namer {
        let Some(called) =
            named.map(|named| Called::of(&named)).filter(|called| *called != Called::default())
        else {
            return Namer::Nobody;
        };
        let next = self.named.len() as u32;
        let number = *self.numbers.entry(called.clone()).or_insert(next);
        if number == next {
            self.named.push(called);
        }
        Namer::Listed(number)
    }
}

impl Report for FlowList {
    fn needs(&self) -> Options {
        Options { flows: true, history: self.is_zeek, domains: true, ..Options::default() }
    }

    fn add(&mut self, knowledge: &mut Knowledge, answers: &Answers, _registry: &Registry) {
        let known = self.labels.len() as u32;
        self.labels.extend_from_slice(answers.labels().all());
        let mut flows = listed(knowledge, answers, self.picked.take().as_ref());
        for flow in &mut flows {
            if let Some((service, _)) = &mut flow.service {
                service.label += known;
            }
            if let Namer::Tuple(id) = flow.named {
                flow.named = self.call(answers.named(id));
            }
            if let Some(located) = &mut self.located {
                flow.locate(located);
            }
        }
        match self.flows.is_empty() {
            true => self.flows = flows,
            false => self.flows.append(&mut flows),
        }
        self.began = [self.began, knowledge.span().first()].into_iter().flatten().min();
    }

    fn write(&self, _registry: &Registry, format: Format, out: &mut dyn Write) -> io::Result<()> {
        let form = match format {
            Format::Table => Form::Text(self.times),
            Format::Json if self.is_zeek => Form::Zeek,
            Format::Json => Form::Json,
            Format::Csv => Form::Csv,
        };
        let times = Moments::new(self.times).since(self.began);
        let brief = self.screen.as_ref().filter(|screen| matches!(form, Form::Text(_)) && !screen.verbose);
        self.with_rows(|rows| match (self.choice.columns.as_deref(), brief) {
            (None, Some(screen)) => brief::write(rows, times, screen, out),
            (None, None) => write_rows(rows, (self.began, self.extras()), form, out),
            (Some(columns), _) => {
                let width = self.screen.map(|screen| screen.width);
                write_columns(rows, columns, form, (width, times), out)
            }
        })
    }
}

#[cfg(feature = "parquet")]
impl Columnar for FlowList {
    fn table(&self, _registry: &Registry, origin: &Origin) -> io::Result<RowTable> {
        let fields: Vec<_> = match self.choice.columns.as_deref() {
            None => columns_with(&FLOW, self.extras()).collect(),
            Some(columns) => distinct(columns).into_iter().map(|column| &FLOW[column]).collect(),
        };
        let mut maker = TableMaker::new(Layout::new(fields.iter().copied()).told(origin));
        self.with_rows(|rows| {
            for flow in rows {
                for (number, field) in fields.iter().enumerate() {
                    maker.cell(number).all(|put| field.get.read(flow, put));
                }
                maker.end()?;
            }
            maker.finish()
        })
    }
}

impl FlowList {
    /// What brings further columns.
    fn extras(&self) -> &'static [Need] {
        if self.located.is_some() { &[Need::Places] } else { &[] }
    }

    /// Hands over the rows that were asked for, in their order.
    fn with_rows<T>(&self, take: impl FnOnce(&[FlowRow<'_>]) -> T) -> T {
        let named = |namer| match namer {
            Namer::Listed(number) => (self.named.get(number as usize).map(Called::named), [None; 2]),
            _ => Told::default(),
        };
        let mut rows =
            self.choice.of(sorted(&self.flows, &self.labels, named, self.located.as_ref()), |row| row);
        if self.numeric {
            // They may have been asked for to choose flows.
            rows.iter_mut().for_each(|row| row.named = None);
        }
        take(&rows)
    }
}

/// One flow; its source is the side whose packet came first (the initiator of RFC 5103).
#[derive(Debug)]
pub struct FlowRow<'n> {
    first: Option<u64>,
    last: Option<u64>,
    protocol: TransportProtocol,
    ends: [End; 2],
    service: Option<Service<'n>>,
    course: Course,
    named: Option<Named<'n>>,
    reason: Option<Reason>,
    places: [Option<&'n Location>; 2],
    /// Who owns its source and its destination, where they are on this host.
    held: HeldEnds<'n>,
}

#[derive(Clone, Copy, Debug)]
struct End {
    ip: IpAddr,
    port: Option<u16>,
    packets: u64,
    octets: u64,
}

/// Flows, as they are chosen.
#[derive(Clone, Copy, Debug)]
pub struct Flows;

impl Subject for Flows {
    type Row<'r> = FlowRow<'r>;
    type Get = OfFlow;
    type Shared = ();
    type Quick = std::convert::Infallible;

    fn read(get: &OfFlow, row: &FlowRow<'_>, put: &mut Each<'_>) {
        get.read(row, put);
    }
}

/// The fields of flows.
pub fn schema() -> Schema<Flows> {
    Schema::of(&FLOW).short(&[
        ("bytes", "network.bytes"),
        ("packets", "network.packets"),
        ("duration", "event.duration"),
        ("first", "event.start"),
        ("last", "event.end"),
        ("name", "svc.name"),
    ])
}

/// Writes every flow.
///
/// # Errors
/// Those of `out`.
pub fn write(knowledge: &Knowledge, names: &Answers, form: Form, out: &mut dyn Write) -> io::Result<()> {
    write_rows(&rows(knowledge, names), (knowledge.span().first(), &[]), form, out)
}

fn write_rows(
    flows: &[FlowRow<'_>],
    (began, needs): (Option<Timestamp>, &[Need]),
    form: Form,
    out: &mut dyn Write,
) -> io::Result<()> {
    match form {
        Form::Text(times) => {
            let mut clock = TimeWriter::new(times);
            flows.iter().try_for_each(|flow| out.write_all(&text(flow, began, &mut clock)))
        }
        Form::Json => json_lines(flows, &FLOW.iter().collect::<Vec<_>>(), out),
        Form::Csv => csv_lines(flows, &columns_with(&FLOW, needs).collect::<Vec<_>>(), out),
        Form::Zeek => records(flows, out, |flow, _, line| zeek::line(flow, line)),
    }
}

/// Writes these fields of flows: a table where people read, else as all of them are written.
fn write_columns(
    flows: &[FlowRow<'_>],
    columns: &[usize],
    form: Form,
    (width, times): (Option<u16>, Moments),
    out: &mut dyn Write,
) -> io::Result<()> {
    let fields: Vec<_> = columns.iter().map(|&column| &FLOW[column]).collect();
    match form {
        Form::Text(_) => {
            let header: Vec<_> = fields.iter().map(|field| field.path).collect();
            let mut table = Table::new(&header);
            for (number, field) in fields.iter().enumerate() {
                if matches!(field.kind, Type::Number(_)) {
                    table = table.right(number..number + 1);
                }
            }
            let mut writer = ValueWriter::default();
            for flow in flows {
                table.row(fields.iter().map(|field| {
                    Cell::escaped(|text| writer.shown(times, text, |put| field.get.read(flow, put)))
                }));
            }
            table.write(width, out)
        }
        Form::Json => {
            json_lines(flows, &grouped(distinct(columns).into_iter().map(|at| &FLOW[at]).collect()), out)
        }
        Form::Csv => csv_lines(flows, &fields, out),
        Form::Zeek => write_rows(flows, (None, &[]), form, out),
    }
}

fn json_lines(
    flows: &[FlowRow<'_>],
    fields: &[&'static Field<OfFlow>],
    out: &mut dyn Write,
) -> io::Result<()> {
    records(flows, out, |flow, writer, line| {
        writer.object(fields.iter().copied(), |get, put| get.read(flow, put), line);
        line.push(b'\n');
    })
}

fn csv_lines(
    flows: &[FlowRow<'_>],
    fields: &[&'static Field<OfFlow>],
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut line = Vec::new();
    header(fields.iter().copied(), &mut line);
    out.write_all(&line)?;
    records(flows, out, |flow, writer, line| {
        let mut cells = writer.cells(line);
        for field in fields {
            cells.cell(|cell| cell.all(|put| field.get.read(flow, put)));
        }
        cells.end();
    })
}

/// Every flow, in the order they began.
pub fn rows<'n>(knowledge: &Knowledge, names: &'n Answers) -> Vec<FlowRow<'n>> {
    sorted(&listed(knowledge, names, None), names.labels().all(), |namer| told(namer, names), None)
}

/// The flows with most octets and those whose last packets are the latest, so many of each; and how many there are. Holds
/// no more than twice as many at a time.
pub(super) fn foremost<'n>(
    knowledge: &Knowledge,
    names: &'n Answers,
    most: usize,
) -> (Vec<FlowRow<'n>>, usize) {
    let (mut largest, mut latest, mut new, mut all) = (Vec::new(), Vec::new(), Vec::new(), 0);
    let octets = |flow: &Listed| std::cmp::Reverse(flow.octets());
    let last = |flow: &Listed| std::cmp::Reverse(flow.last);
    for tuple in knowledge.flows().five_tuples() {
        collect(&tuple, names.get(tuple.id), None, &mut new);
        all += new.len();
        for flow in new.drain(..) {
            keep(&mut largest, flow, most, octets);
            keep(&mut latest, flow, most, last);
        }
    }
    largest.sort_by_key(octets);
    latest.sort_by_key(last);
    largest.truncate(most);
    latest.truncate(most);
    let is_new = |flow: &Listed| !largest.iter().any(|known| known.is(flow));
    latest.retain(is_new);
    largest.append(&mut latest);
    (sorted(&largest, names.labels().all(), |namer| told(namer, names), None), all)
}

/// The latest flow of a five-tuple, if that is held.
pub(super) fn latest<'n>(key: &Key, knowledge: &Knowledge, names: &'n Answers) -> Option<FlowRow<'n>> {
    let id = knowledge.flows().find(key)?;
    let mut flows = Vec::new();
    collect(&knowledge.flows().five_tuple(id)?, names.get(id), None, &mut flows);
    flows.sort_by_key(|flow| flow.last);
    let last = flows.len().checked_sub(1)?;
    sorted(&flows[last..], names.labels().all(), |namer| told(namer, names), None).pop()
}

/// Adds a flow; of twice as many as are wanted, the half that comes last leaves.
fn keep<K: Ord>(flows: &mut Vec<Listed>, flow: Listed, most: usize, key: impl Fn(&Listed) -> K) {
    flows.push(flow);
    if flows.len() >= 2 * most {
        flows.select_nth_unstable_by_key(most, key);
        flows.truncate(most);
    }
}

impl Listed {
    fn octets(&self) -> u64 {
        self.ends.iter().map(|end| end.octets).sum()
    }

    /// Finds where its ends are.
    fn locate(&mut self, located: &mut Located) {
        self.places = self.ends.map(|end| located.number(end.ip));
    }

    /// Whether another is the same flow.
    fn is(&self, other: &Self) -> bool {
        let ends = |flow: &Self| flow.ends.map(|end| (end.ip, end.port));
        (self.first, self.protocol, ends(self)) == (other.first, other.protocol, ends(other))
    }
}

/// What the ends of a flow are called, and who owns the low and the high one.
type Told<'n> = (Option<Named<'n>>, HeldEnds<'n>);

fn told<'n>(namer: Namer, answers: &'n Answers) -> Told<'n> {
    match namer {
        Namer::Tuple(id) => (answers.named(id), answers.held(id)),
        _ => Told::default(),
    }
}

/// Rows of flows, in the order they began.
fn sorted<'n>(
    flows: &[Listed],
    labels: &'n [Label],
    told: impl Fn(Namer) -> Told<'n>,
    located: Option<&'n Located>,
) -> Vec<FlowRow<'n>> {
    let row = |flow: &Listed| {
        let &Listed { first, last, protocol, ends, service, course, named, reason, places, .. } = flow;
        let (named, held) = told(named);
        let held = if flow.is_latest { held } else { [None; 2] };
        let [low, high] = held;
        FlowRow {
            places: places.map(|number| located.and_then(|located| located.get(number))),
            held: if flow.is_reversed { [high, low] } else { held },
            named,
            reason,
            first,
            last,
            protocol,
            ends,
            course,
            service: service.and_then(|(known, direction)| {
                Some(Service { label: labels.get(known.label as usize)?, known, direction })
            }),
        }
    };
    let mut rows: Vec<_> = flows.iter().map(row).collect();
    rows.sort_by_key(|flow| flow.first);
    rows
}

/// The flows of a capture: all, or those that were picked.
fn listed(knowledge: &Knowledge, names: &Answers, picked: Option<&Picked>) -> Vec<Listed> {
    let mut flows = Vec::new();
    for tuple in knowledge.flows().five_tuples() {
        collect(&tuple, names.get(tuple.id), picked, &mut flows);
    }
    flows
}

/// Writes each flow as `make` puts it into its line.
fn records(
    flows: &[FlowRow<'_>],
    out: &mut dyn Write,
    make: impl Fn(&FlowRow<'_>, &mut ValueWriter, &mut Vec<u8>),
) -> io::Result<()> {
    let (mut writer, mut line) = (ValueWriter::default(), Vec::new());
    flows.iter().try_for_each(|flow| {
        line.clear();
        make(flow, &mut writer, &mut line);
        out.write_all(&line)
    })
}

fn collect(tuple: &FiveTuple<'_>, known: Option<Known>, picked: Option<&Picked>, flows: &mut Vec<Listed>) {
    for (number, flow) in tuple.all().enumerate() {
        if picked.is_none_or(|picked| picked.contains(tuple.key, number)) {
            flows.push(listed_flow(tuple, flow, known));
        }
    }
}

/// One flow of a five-tuple.
fn listed_flow(tuple: &FiveTuple<'_>, flow: &Flow, known: Option<Known>) -> Listed {
    let Flow { tally, initiator, .. } = flow;
    let ports = tuple.key.ports();
    let end = |ip, port, way: Direction| End {
        ip,
        port,
        packets: tally.packets[way as usize],
        octets: tally.octets[way as usize],
    };
    let mut ends = [
        end(tuple.key.low().0, ports.map(|ports| ports.0), Direction::Up),
        end(tuple.key.high().0, ports.map(|ports| ports.1), Direction::Down),
    ];
    if *initiator == Direction::Down {
        ends.reverse();
    }
    Listed {
        first: tally.first(),
        last: tally.last(),
        protocol: tuple.key.protocol(),
        ends,
        service: known.map(|known| (known, *initiator)),
        course: Course::of(tuple, flow),
        named: Namer::Tuple(tuple.id),
        reason: None,
        places: [0; 2],
        is_latest: std::ptr::eq(flow, &tuple.current),
        is_reversed: flow.initiator == Direction::Down,
    }
}

impl FlowRow<'_> {
    /// The end whose process is told.
    fn local_end(&self) -> Option<LocalEnd<'_>> {
        LocalEnd::of(self.held, self.service.as_ref().map(Service::side))
    }

    fn is_guess(&self) -> bool {
        self.service.as_ref().is_some_and(|service| service.label.is_guess())
    }

    fn duration(&self) -> Option<u64> {
        self.last.zip(self.first).map(|(last, first)| last.saturating_sub(first))
    }

    fn named(&self) -> Option<(&Service<'_>, &'static str)> {
        let service = self.service.as_ref()?;
        Some((service, service.known.rule?.as_str()))
    }

    /// Its parts for a screen: source, destination, service and how that is known.
    pub(super) fn cells(&self) -> [Cell; 5] {
        let (source, destination) = self.domains();
        let end = |end: &End, name: Option<&str>| {
            let ip = end.ip;
            let text = match (name, end.port) {
                (Some(name), Some(port)) => format!("{name}:{port}"),
                (Some(name), None) => name.to_owned(),
                (None, Some(port)) if ip.is_ipv6() => format!("[{ip}]:{port}"),
                (None, Some(port)) => format!("{ip}:{port}"),
                (None, None) => ip.to_string(),
            };
            // Names are escaped already.
            Cell::escaped(|out| out.extend_from_slice(text.as_bytes()))
        };
        let label = self.service.as_ref().map(|service| service.label);
        let evidence = label.and_then(|label| label.evidence).map_or("", |evidence| evidence.as_str());
        let state = label.and_then(|label| label.state).map_or("", |state| state.as_str());
        [
            end(&self.ends[0], source),
            end(&self.ends[1], destination),
            Cell::escaped(|out| {
                if let Some(label) = label {
                    out.extend_from_slice(if label.is_guess() { b"~ " } else { b"" });
                    // The port stands at its end.
                    match label.name.as_deref().zip(label.transport.as_deref()) {
                        Some((name, transport)) => {
                            escape::terminal(name.as_bytes(), out);
                            out.push(b'/');
                            out.extend_from_slice(transport.as_bytes());
                        }
                        None => out.extend_from_slice(&label.text),
                    }
                    label.write_speech(out);
                }
            }),
            Cell::shown(evidence),
            Cell::shown(state),
        ]
    }

    /// What tells it from all others: ends, protocol and when it began, in ns since the epoch.
    pub(super) fn key(&self) -> String {
        let [one, other] = self.ends.map(|end| format!("{} {}", end.ip, end.port.unwrap_or_default()));
        format!("{one} {other} {} {}", self.protocol.0, self.first.unwrap_or_default())
    }

    /// Its five-tuple.
    pub(super) fn tuple(&self) -> Option<Key> {
        let [one, other] = self.ends;
        Ends::between_ips((one.ip, other.ip), self.protocol, one.port.zip(other.port)).map(|ends| ends.key)
    }

    /// Its record, as its JSON has it.
    pub(super) fn record(&self) -> Vec<u8> {
        let mut record = Vec::new();
        ValueWriter::default().object(FLOW.iter(), |get, put| get.read(self, put), &mut record);
        record
    }

    /// Packets and octets, both ways.
    pub(super) fn amounts(&self) -> [(u64, u64); 2] {
        self.ends.map(|end| (end.packets, end.octets))
    }

    fn source(&self) -> &End {
        &self.ends[0]
    }

    fn destination(&self) -> &End {
        &self.ends[1]
    }

    /// What its source and its destination are called.
    fn domains(&self) -> (Option<&str>, Option<&str>) {
        self.named.zip(self.service).map_or((None, None), |(named, service)| named.ends(service.direction))
    }

    /// What the end that serves is called, and what told that.
    fn server_domain(&self) -> Option<(&str, &'static str)> {
        self.named?.server(self.service?.known.side)
    }

    fn community_id(&self) -> Option<[u8; 30]> {
        let ports = self.ends[0].port.zip(self.ends[1].port);
        // Type and code of ICMP stand in for ports there, and a flow may hold several.
        let icmp = matches!(self.protocol.0, 1 | 58);
        (!icmp).then(|| {
            let id = community_id(self.protocol, self.ends[0].ip, self.ends[1].ip, ports);
            let mut text = *b"1:............................";
            text[2..].copy_from_slice(&id);
            text
        })
    }
}
