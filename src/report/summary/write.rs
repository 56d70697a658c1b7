//! A summary as table, JSON and CSV, all from one list of columns.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Write},
    rc::Rc,
};

use anstyle::{AnsiColor, Style};
use serde::{Serialize, Serializer, ser::SerializeMap as _};

#[cfg(feature = "parquet")]
use super::fields::{INTERVAL, ROW};
use super::{By, Division, Interval, OTHERS, Options, Row, Scope, Summary};
use crate::{
    capture::Losses,
    knowledge::Damaged,
    naming::Evidence,
    packet::Timestamp,
    report::Format,
    text::{
        Moments, csv, figure, json,
        table::{Cell, Table},
        time::machine_time,
    },
};
#[cfg(feature = "parquet")]
use crate::{
    columns::{Origin, Table as RowTable, TreeTable, spread},
    text::json::Tree,
};

/// One column of the rows.
pub(super) struct Column {
    /// Its key in JSON and its head in CSV.
    pub(super) path: &'static str,
    /// Its head in tables; absent where they leave it out.
    title: Option<&'static str>,
    value: fn(&Row) -> Value<'_>,
}

/// What stands in a column.
enum Value<'r> {
    Text(Option<&'r str>),
    /// Name of a host, escaped already.
    Host(&'r str),
    /// How much.
    Total(u64),
    /// How many, where that is known.
    Distinct(Option<u64>),
    Ports(&'r BTreeSet<u16>),
    /// In ns since the epoch.
    Time(Option<u64>),
    /// Packets by word, the words in this order, and whether JSON has them even if there are none.
    Packets(Vec<(&'static str, u64)>, bool),
    /// Said only where it holds.
    Flag(bool),
}

const fn column(path: &'static str, title: Option<&'static str>, value: fn(&Row) -> Value<'_>) -> Column {
    Column { path, title, value }
}

/// All columns. In tables the parts of the key stand in place of the first one, and `%` follows `bytes`.
pub(super) static COLUMNS: [Column; 18] = [
    column("key", None, |row| Value::Text(Some(&row.key))),
    column("name", Some("service"), |row| match &row.host {
        Some(host) => Value::Host(host),
        None => Value::Text(row.name.as_deref()),
    }),
    column("transport", None, |row| Value::Text(row.transport.as_deref())),
    column("ports", Some("port"), |row| Value::Ports(&row.ports)),
    column("description", None, |row| Value::Text(row.description.as_deref())),
    column("packets", Some("packets"), |row| Value::Total(row.packets)),
    column("bytes", Some("octets"), |row| Value::Total(row.bytes)),
    column("flows", Some("flows"), |row| Value::Distinct(row.flows())),
    column("clients", Some("clients"), |row| Value::Distinct(Some(row.clients.len()))),
    column("servers", Some("servers"), |row| Value::Distinct(Some(row.servers.len()))),
    column("first", None, |row| Value::Time(row.first)),
    column("last", None, |row| Value::Time(row.last)),
    column("evidence", Some("known by"), |row| Value::Packets(row.evidence().into_iter().collect(), true)),
    column("damaged", None, |row| Value::Packets(row.damaged.counts().collect(), false)),
    column("asked", Some("asked"), |row| Value::Distinct(Some(row.asked.len() as u64))),
    column("refused", Some("refused"), |row| Value::Distinct(Some(row.refused.len() as u64))),
    column("mismatch", Some("mismatch"), |row| Value::Distinct(Some(row.mismatch))),
    column("approximate", None, |row| Value::Flag(row.approximate)),
];

/// What CSV has in place of the column of packets by evidence: one for each of [`Evidence::ALL`].
pub(super) const EVIDENCE_COLUMNS: [&str; Evidence::ALL.len()] =
    ["evidence_user", "evidence_advertised", "evidence_payload", "evidence_registered", "evidence_none"];

impl Column {
    /// Whether it holds amounts, which stand to the right.
    fn is_amount(&self) -> bool {
        let words = [
            "name",
            "transport",
            "ports",
            "description",
            "first",
            "last",
            "evidence",
            "damaged",
            "approximate",
        ];
        !words.contains(&self.path)
    }
}

fn time_text(time: u64) -> String {
    machine_time(Timestamp(time))
}

fn ports_text(ports: &BTreeSet<u16>) -> String {
    ports.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

impl Value<'_> {
    /// As a field of CSV.
    fn field(&self) -> String {
        match self {
            Self::Text(text) => text.unwrap_or_default().to_owned(),
            Self::Host(name) => (*name).to_owned(),
            Self::Total(count) | Self::Distinct(Some(count)) => count.to_string(),
            Self::Ports(ports) => ports_text(ports),
            Self::Time(Some(time)) => time_text(*time),
            Self::Packets(counts, _) if counts.is_empty() => String::new(),
            Self::Packets(counts, _) => json::text(&counts.iter().copied().collect::<BTreeMap<_, _>>()),
            Self::Flag(true) => "true".to_owned(),
            Self::Distinct(None) | Self::Time(None) | Self::Flag(false) => String::new(),
        }
    }

    /// The same with amounts rounded.
    fn rounded(&self, path: &str) -> Cell {
        match self {
            Self::Total(octets) if path == "bytes" => Cell::shown(figure::octets(*octets)),
            Self::Total(count) => Cell::shown(figure::count(*count)),
            Self::Distinct(count) => Cell::maybe(count.filter(|&count| count > 0).map(figure::count)),
            _ => self.cell(Moments::default()),
        }
    }

    /// For people: the little that tells nothing is left out.
    fn cell(&self, times: Moments) -> Cell {
        match self {
            Self::Text(text) => Cell::text(text.unwrap_or_default()),
            Self::Host(name) => Cell::escaped(|out| out.extend_from_slice(name.as_bytes())),
            Self::Total(count) => Cell::shown(count),
            Self::Distinct(count) => Cell::maybe(count.filter(|&count| count > 0)),
            Self::Ports(ports) if ports.len() > 4 => Cell::shown(format_args!("{} ports", ports.len())),
            Self::Ports(ports) => Cell::shown(ports_text(ports)),
            Self::Time(time) => Cell::maybe(times.maybe(time.map(Timestamp))),
            Self::Flag(holds) => Cell::maybe(holds.then_some("yes")),
            Self::Packets(counts, _) => match counts.as_slice() {
                [(word, _)] => Cell::shown(word),
                many => {
                    let words: Vec<_> = many.iter().map(|(word, count)| format!("{word} {count}")).collect();
                    Cell::shown(words.join(", "))
                }
            },
        }
    }

    /// As a member of a JSON object, where there is anything to say.
    fn member<M: serde::ser::SerializeMap>(&self, path: &'static str, map: &mut M) -> Result<(), M::Error> {
        match self {
            Self::Text(Some(text)) => map.serialize_entry(path, text),
            Self::Host(name) => map.serialize_entry(path, name),
            Self::Total(count) | Self::Distinct(Some(count)) => map.serialize_entry(path, count),
            Self::Ports(ports) if !ports.is_empty() => map.serialize_entry(path, ports),
            Self::Time(Some(time)) => map.serialize_entry(path, &time_text(*time)),
            Self::Flag(true) => map.serialize_entry(path, &true),
            Self::Packets(counts, always) if *always || !counts.is_empty() => {
                map.serialize_entry(path, &counts.iter().copied().collect::<BTreeMap<_, _>>())
            }
            _ => Ok(()),
        }
    }
}

/// Writes a summary in any form.
///
/// # Errors
/// Those of `out`.
pub fn write(
    summary: &Summary,
    intervals: Option<&[Interval]>,
    scope: &Scope<'_>,
    options: &Options,
    format: Format,
    out: &mut dyn Write,
) -> io::Result<()> {
    match format {
        Format::Table => table(summary, intervals, scope, options, out),
        Format::Json => json(summary, intervals, scope, options, out),
        Format::Csv => csv(summary, intervals, options, out),
    }
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
    let span = scope.span;
    let times = options.times.since(span.first());
    let options = &Options { times, ..*options };
    if intervals.is_none() {
        rows_table(summary, span.octets, options).write(options.width, out)?;
    }
    tables(intervals.unwrap_or_default(), options, out)?;
    let mut line = format!("{} packets, {} octets", span.packets, span.octets);
    if options.rounded {
        line = format!("{} packets, {}", figure::count(span.packets), figure::octets(span.octets));
        if let (Some(first), Some(last)) = (span.first(), span.last()) {
            line += &format!(", {}", figure::length(last.since(first)));
            if let Some(beginning) = times.beginning(first) {
                line += &format!(" from {beginning}");
            }
        }
    } else if let (Some(first), Some(last)) = (span.first(), span.last()) {
        let seconds = last.since(first) as f64 / 1e9;
        line += &format!(", {seconds:.3} s from {} to {}", times.text(first), times.text(last));
    }
    writeln!(out, "{line}")?;
    if span.implausible > 0 {
        let packets = if span.implausible == 1 { "packet counts" } else { "packets count" };
        writeln!(out, "implausible lengths: {} {packets} as captured", span.implausible)?;
    }
    let parts = intervals.unwrap_or_default().iter().map(|interval| &interval.summary);
    let mut damaged = Damaged::default();
    std::iter::once(summary).chain(parts).for_each(|summary| damaged.add(&summary.damaged()));
    let damaged: Vec<_> = damaged.counts().map(|(reason, count)| format!("{count} {reason}")).collect();
    if !damaged.is_empty() {
        writeln!(out, "not decoded to the end: {}", damaged.join(", "))?;
    }
    let mismatched = summary.mismatched;
    if mismatched > 0 {
        let speak = if mismatched == 1 { "flow speaks" } else { "flows speak" };
        writeln!(out, "{mismatched} {speak} something other than their port")?;
    } else {
        // Where packets were counted, not flows.
        let parts = intervals.unwrap_or_default().iter().map(|interval| &interval.summary);
        let all = std::iter::once(summary).chain(parts).flat_map(|summary| &summary.rows);
        if all.into_iter().any(|row| row.mismatch > 0) {
            writeln!(out, "some flows speak something other than their port")?;
        }
    }
    if let Some(losses) = scope.losses.filter(|losses| losses.dropped() > 0) {
        let Losses { kernel_dropped, interface_dropped, .. } = losses;
        writeln!(
            out,
            "lost before they were counted: {kernel_dropped} packets in the kernel, {interface_dropped} at the interface"
        )?;
    }
    let parts = intervals.unwrap_or_default().iter().map(|interval| &interval.summary);
    if std::iter::once(summary).chain(parts).any(Summary::is_full) {
        writeln!(
            out,
            "more rows than there is room for, {}: the rest is in those called `{OTHERS}`",
            summary.most()
        )?;
    }
    if scope.evicted {
        writeln!(out, "the flow table was full: distinct clients and servers are at least those shown")?;
    }
    let updated = scope.registry.updated();
    writeln!(out, "names: IANA registry of {updated}; a registered port does not prove a service")?;
    let all = std::iter::once(summary).chain(intervals.unwrap_or_default().iter().map(|part| &part.summary));
    if all.into_iter().any(|summary| summary.rows(options).into_iter().any(Row::is_guess)) {
        writeln!(out, "~ only registered, for a port above 1023: nothing confirms it")?;
    }
    Ok(())
}

fn tables(intervals: &[Interval], options: &Options, out: &mut dyn Write) -> io::Result<()> {
    for Interval { start, summary } in intervals {
        match start {
            Some(start) => writeln!(out, "from {}", options.times.text(Timestamp(*start)))?,
            None => writeln!(out, "in other intervals, too many to be told apart")?,
        }
        rows_table(summary, summary.octets(), options).write(options.width, out)?;
        writeln!(out)?;
    }
    Ok(())
}

/// Columns that tables have only where they tell something.
const RARE: [&str; 3] = ["asked", "refused", "mismatch"];

/// The columns that are shown, in their order.
fn chosen(options: &Options) -> Vec<&'static Column> {
    match &options.columns {
        Some(columns) => columns.as_slice().iter().map(|&number| &COLUMNS[usize::from(number)]).collect(),
        None => COLUMNS.iter().collect(),
    }
}

/// A table of the columns that were asked for; the parts of the key stand in place of it.
fn chosen_table(summary: &Summary, options: &Options) -> Table {
    let (rows, columns) = (summary.rows(options), chosen(options));
    let parts = options.by.parts();
    let (mut header, mut right) = (Vec::new(), Vec::new());
    for column in &columns {
        if column.path == "key" {
            header.extend(parts.iter().map(|part| part.as_str()));
        } else {
            right.extend(column.is_amount().then_some(header.len()));
            header.push(column.path);
        }
    }
    let mut table = right.into_iter().fold(Table::new(&header), |table, at| table.right(at..at + 1));
    for row in rows {
        let cells = columns.iter().flat_map(|column| match column.path {
            "key" => row.parts().map(Cell::text).collect(),
            _ => vec![(column.value)(row).cell(options.times)],
        });
        table.row(cells);
    }
    table
}

/// A row as its JSON has it.
pub(in crate::report) fn record(row: &Row, by: Division) -> Vec<u8> {
    let mut record = Vec::new();
    // Writing to memory does not fail.
    let _ = json::line(&JsonRow(row, by, COLUMNS.iter().collect()), &mut record);
    record.pop();
    record
}

/// What a table has in columns of these paths.
pub(in crate::report) fn cells<const N: usize>(row: &Row, paths: [&str; N]) -> [Cell; N] {
    paths.map(|path| {
        let column = COLUMNS.iter().find(|column| column.path == path);
        column.map(|column| (column.value)(row).cell(Moments::default())).unwrap_or_default()
    })
}

/// The columns that a narrow terminal has no room for, the first to go first.
const DISPENSABLE: [&str; 8] =
    ["servers", "clients", "flows", "mismatch", "refused", "asked", "%", "packets"];

/// How wide bars are: where there is not so much room left, there are none; and at most.
const BARS: (u16, u16) = (10, 30);

/// A table with all that tells something; for people, with what there is room for.
fn rows_table(summary: &Summary, octets: u64, options: &Options) -> Table {
    if options.columns.is_some() {
        return chosen_table(summary, options);
    }
    let width = options.width.filter(|_| options.rounded).map(usize::from);
    let mut table = full_table(summary, octets, options, &[], None);
    for left_out in 1..=DISPENSABLE.len() {
        if width.is_none_or(|width| table.width() <= width) {
            break;
        }
        table = full_table(summary, octets, options, &DISPENSABLE[..left_out], None);
    }
    let room = width.and_then(|width| u16::try_from(width.checked_sub(table.width() + 2)?).ok());
    match room.filter(|&room| room >= BARS.0 && table.len() > 1) {
        Some(room) => full_table(summary, octets, options, &[], Some(room.min(BARS.1))),
        None => table,
    }
}

fn full_table(
    summary: &Summary,
    octets: u64,
    options: &Options,
    left_out: &[&str],
    bars: Option<u16>,
) -> Table {
    let (rows, by) = (summary.rows(options), options.by);
    let says_something = |column: &Column, row: &Row| match (column.value)(row) {
        Value::Distinct(count) if RARE.contains(&column.path) => count > Some(0),
        value => value.cell(options.times) != Cell::default(),
    };
    let tells = |column: &&Column| {
        let is_told = column.title.is_none() || by.tells(column.path) || left_out.contains(&column.path);
        !is_told && (rows.is_empty() || rows.iter().any(|row| says_something(column, row)))
    };
    let shown: Vec<&Column> = COLUMNS[1..].iter().filter(tells).collect();
    let has_share = !left_out.contains(&"%");
    let mut header: Vec<_> = by.parts().iter().map(|part| part.as_str()).collect();
    let mut right = Vec::new();
    for column in &shown {
        right.extend(column.is_amount().then_some(header.len()));
        // What a row is about may be a host, and then it has the host's name.
        let is_of_hosts = column.path == "name" && by.is_of_hosts();
        header.extend(if is_of_hosts { Some("name") } else { column.title });
        if column.path == "bytes" && has_share {
            right.push(header.len());
            header.push("%");
        }
    }
    header.extend(bars.map(|_| ""));
    let mut table = right.into_iter().fold(Table::new(&header), |table, at| table.right(at..at + 1));
    let most = rows.iter().map(|row| row.bytes).max().unwrap_or(0);
    for (number, row) in rows.into_iter().enumerate() {
        let share = if octets == 0 { 0.0 } else { row.bytes as f64 * 100.0 / octets as f64 };
        let named = |is_name: bool, text: &str| {
            if is_name && row.is_guess() { Cell::text(&format!("~ {text}")) } else { Cell::text(text) }
        };
        let parts = by.parts().iter().zip(row.parts());
        let mut cells: Vec<_> = parts.map(|(&part, text)| named(part == By::Service, text)).collect();
        for column in &shown {
            cells.push(match (column.value)(row) {
                Value::Text(Some(text)) => named(column.path == "name", text),
                value if options.rounded => value.rounded(column.path),
                value => value.cell(options.times),
            });
            let has_share = has_share && column.path == "bytes";
            cells.extend(has_share.then(|| Cell::shown(format_args!("{share:.1}"))));
        }
        cells.extend(bars.map(|columns| Cell::shown(figure::bar(row.bytes, most, columns))));
        table.row(cells);
        if let Some(style) = style(row).filter(|_| options.color) {
            table.style(number + 1, style);
        }
    }
    table
}

/// How a row is drawn whose name is not to be taken as it stands.
fn style(row: &Row) -> Option<Style> {
    match row {
        row if row.mismatch > 0 => Some(AnsiColor::Yellow.on_default()),
        row if row.is_guess() => Some(AnsiColor::BrightBlack.on_default()),
        _ => None,
    }
}

#[derive(Serialize)]
struct JsonSummary<'a> {
    schema: &'static str,
    registry: JsonRegistry<'a>,
    capture: JsonCapture<'a>,
    by: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<Vec<JsonRow<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    intervals: Option<Vec<JsonInterval<'a>>>,
}

#[derive(Serialize)]
struct JsonInterval<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    start: Option<String>,
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
    #[serde(skip_serializing_if = "is_none")]
    implausible_lengths: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    first: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    received: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dropped: Option<JsonDropped>,
}

/// Packets of a live input that were lost before they were counted.
#[derive(Serialize)]
struct JsonDropped {
    kernel: u64,
    interface: u64,
}

/// Whether there are none.
fn is_none(count: &u64) -> bool {
    *count == 0
}

struct JsonRow<'a>(&'a Row, Division, Rc<[&'static Column]>);

/// The parts of a row's key.
struct JsonKeys<'a>(&'a Row, Division);

impl Serialize for JsonKeys<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.1.parts().iter().map(|part| part.as_str()).zip(self.0.parts()))
    }
}

impl Serialize for JsonRow<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for column in &*self.2 {
            (column.value)(self.0).member(column.path, &mut map)?;
            if column.path == "key" && self.1.parts().len() > 1 {
                map.serialize_entry("keys", &JsonKeys(self.0, self.1))?;
            }
        }
        map.end()
    }
}

fn json_rows<'a>(summary: &'a Summary, options: &Options) -> Vec<JsonRow<'a>> {
    let columns: Rc<[_]> = chosen(options).into();
    summary.rows(options).into_iter().map(|row| JsonRow(row, options.by, Rc::clone(&columns))).collect()
}

/// Writes intervals that are over, where more are to come: their tables; an object of JSON on one line, which is as that of
/// the report; lines of CSV, with a header where they are the first. `scope` is of all up to now.
///
/// # Errors
/// Those of `out`.
pub fn closed(
    intervals: &[Interval],
    scope: &Scope<'_>,
    options: &Options,
    (format, is_first): (Format, bool),
    out: &mut dyn Write,
) -> io::Result<()> {
    match format {
        Format::Table => {
            let times = options.times.since(scope.span.first());
            tables(intervals, &Options { times, ..*options }, out)
        }
        Format::Json => json::line(&object(&Summary::default(), Some(intervals), scope, options), out),
        Format::Csv => rows_csv(&Summary::default(), Some(intervals), options, is_first, out),
    }
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
    json::pretty(&object(summary, intervals, scope, options), out)
}

fn object<'a>(
    summary: &'a Summary,
    intervals: Option<&'a [Interval]>,
    scope: &'a Scope<'_>,
    options: &Options,
) -> JsonSummary<'a> {
    let span = scope.span;
    JsonSummary {
        schema: "portolan/summary/1",
        registry: JsonRegistry { updated: scope.registry.updated() },
        capture: JsonCapture {
            files: scope.files,
            packets: span.packets,
            bytes: span.octets,
            captured_bytes: span.captured,
            implausible_lengths: span.implausible,
            first: span.first().map(machine_time),
            last: span.last().map(machine_time),
            received: scope.losses.map(|losses| losses.received),
            dropped: scope.losses.map(|losses| JsonDropped {
                kernel: losses.kernel_dropped,
                interface: losses.interface_dropped,
            }),
        },
        by: options.by.to_string(),
        rows: intervals.is_none().then(|| json_rows(summary, options)),
        intervals: intervals.map(|intervals| {
            let parts = intervals.iter();
            parts
                .map(|part| JsonInterval {
                    start: part.start.map(time_text),
                    rows: json_rows(&part.summary, options),
                })
                .collect()
        }),
    }
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
    rows_csv(summary, intervals, options, true, out)
}

fn rows_csv(
    summary: &Summary,
    intervals: Option<&[Interval]>,
    options: &Options,
    has_header: bool,
    out: &mut dyn Write,
) -> io::Result<()> {
    let columns = chosen(options);
    let paths = columns.iter().flat_map(|column| match column.path {
        "key" => [column.path]
            .into_iter()
            .chain(key_columns(&options.by).iter().map(|part| part.column()))
            .collect(),
        "evidence" => EVIDENCE_COLUMNS.to_vec(),
        path => vec![path],
    });
    let header: Vec<_> = intervals.is_some().then_some("start").into_iter().chain(paths).collect();
    if has_header {
        csv::rows(&header, [[""; 0]; 0], out)?;
    }
    match intervals {
        None => csv::more(csv_rows(None, summary, options), out),
        Some(intervals) => {
            let rows = intervals.iter().flat_map(|part| {
                let start = part.start.map(time_text).unwrap_or_default();
                csv_rows(Some(start), &part.summary, options)
            });
            csv::more(rows, out)
        }
    }
}

/// The parts of a key that have columns of their own: where there are several.
fn key_columns(by: &Division) -> &[By] {
    if by.parts().len() > 1 { by.parts() } else { &[] }
}

fn csv_rows(
    start: Option<String>,
    summary: &Summary,
    options: &Options,
) -> impl Iterator<Item = Vec<String>> {
    let (columns, parts) = (chosen(options), key_columns(&options.by).len());
    summary.rows(options).into_iter().map(move |row| {
        let fields = columns.iter().flat_map(|column| match column.path {
            "key" => {
                let parts = row.parts().take(parts).map(ToOwned::to_owned);
                [(column.value)(row).field()].into_iter().chain(parts).collect()
            }
            "evidence" => row.evidence_counts().iter().map(ToString::to_string).collect(),
            _ => vec![(column.value)(row).field()],
        });
        start.clone().into_iter().chain(fields).collect()
    })
}

/// A row, and the interval that it is of.
#[cfg(feature = "parquet")]
#[derive(Serialize)]
struct TimedRow<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    start: Option<&'a str>,
    #[serde(flatten)]
    row: JsonRow<'a>,
}

/// The rows as columns: those of CSV, with packets by evidence in a column each.
///
/// # Errors
/// None but those of a fault of ours.
#[cfg(feature = "parquet")]
pub fn table_of_columns(
    summary: &Summary,
    intervals: Option<&[Interval]>,
    options: &Options,
    origin: &Origin,
) -> io::Result<RowTable> {
    let all = spread(&ROW, &["keys", "evidence"]);
    let start = intervals.map(|_| (INTERVAL[0].path.to_owned(), &INTERVAL[0]));
    let mut fields: Vec<_> = start.into_iter().collect();
    for column in chosen(options) {
        let parts = if column.path == "key" { key_columns(&options.by) } else { &[] };
        let of_keys = parts.iter().map(|part| format!("keys.{}", part.as_str()));
        let wanted: Vec<_> = [column.path.to_owned()].into_iter().chain(of_keys).collect();
        let is_wanted = |path: &str| {
            let within =
                |wanted: &String| path.strip_prefix(wanted).is_some_and(|rest| rest.starts_with('.'));
            wanted.iter().any(|wanted| wanted == path || within(wanted))
        };
        fields.extend(all.iter().filter(|(path, _)| is_wanted(path)).cloned());
    }
    let mut table = TreeTable::new(fields, origin);
    let mut add = |start: Option<&str>, summary: &Summary| {
        let mut rows = json_rows(summary, options).into_iter();
        rows.try_for_each(|row| table.row(&Tree::of(&TimedRow { start, row })))
    };
    match intervals {
        None => add(None, summary)?,
        Some(intervals) => {
            for part in intervals {
                add(part.start.map(time_text).as_deref(), &part.summary)?;
            }
        }
    }
    table.finish()
}
