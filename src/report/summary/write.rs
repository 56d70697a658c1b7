//! A summary as table, JSON and CSV.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Write},
};

use serde::Serialize;

use super::{Interval, Options, Scope, Summary};
use crate::{
    knowledge::Damaged,
    packet::Timestamp,
    text::{
        csv, json,
        table::{Cell, Table},
        time::machine_time,
    },
};

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
