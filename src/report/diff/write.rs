//! Differences as table and JSON.

use std::io::{self, Write};

use serde::Serialize;

use super::{COLUMNS, Change, Diff, Difference, Facts, Kind, gather::Side};
use crate::{
    packet::Timestamp,
    text::{
        Moments, escape,
        field::distinct,
        figure,
        json::{self, Tree},
        table::{Cell, Table},
        time::machine_time,
    },
};

/// An input, beside what was found in it.
#[derive(Debug, Serialize)]
pub(in crate::report) struct Capture<'a> {
    pub(in crate::report) file: &'a str,
    pub(in crate::report) packets: u64,
    pub(in crate::report) bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::report) first: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::report) last: Option<String>,
    /// When its first and its last packet came.
    #[serde(skip)]
    span: Option<(Timestamp, Timestamp)>,
    #[serde(rename = "incomplete", skip_serializing_if = "std::ops::Not::not")]
    pub(in crate::report) is_incomplete: bool,
}

impl<'a> Capture<'a> {
    pub(super) fn of(side: &Side, file: &'a str) -> Self {
        let time = |time: Option<Timestamp>| time.map(machine_time);
        Self {
            file,
            packets: side.span.packets,
            bytes: side.span.octets,
            first: time(side.span.first()),
            last: time(side.span.last()),
            span: side.span.first().zip(side.span.last()),
            is_incomplete: side.is_incomplete,
        }
    }

    /// Its first and its last moment, as people are shown them.
    pub(in crate::report) fn times(&self, times: Moments) -> Option<[String; 2]> {
        let (first, last) = self.span?;
        let times = times.since(Some(first));
        Some([times.text(first), times.text(last)])
    }
}

/// A difference as JSON has it.
#[derive(Serialize)]
pub(super) struct Row<'a> {
    kind: &'static str,
    what: &'a str,
    changes: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<&'a Facts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<&'a Facts>,
}

impl<'a> Row<'a> {
    pub(super) fn of(difference: &'a Difference) -> Self {
        Self {
            kind: difference.kind.as_str(),
            what: &difference.what,
            changes: difference.changes.iter().map(|change| change.as_str()).collect(),
            before: difference.before.as_ref(),
            after: difference.after.as_ref(),
        }
    }
}

#[derive(Serialize)]
struct Registry<'a> {
    updated: &'a str,
}

#[derive(Serialize)]
struct Document<'a, R> {
    schema: &'static str,
    registry: Registry<'a>,
    threshold: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<&'a Capture<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<&'a Capture<'a>>,
    differences: Vec<R>,
}

pub(super) fn json(diff: &Diff, updated: &str, out: &mut dyn Write) -> io::Result<()> {
    let (differences, captures) = (diff.differences(), diff.captures());
    let shown = differences.iter().take(diff.most());
    let document = Document {
        schema: "portolan/diff/1",
        registry: Registry { updated },
        threshold: diff.options.threshold,
        before: captures.first(),
        after: captures.get(1),
        differences: Vec::<Row<'_>>::new(),
    };
    let Some(columns) = &diff.options.choice.columns else {
        return json::pretty(&Document { differences: shown.map(Row::of).collect(), ..document }, out);
    };
    let keys: Vec<_> = distinct(columns).into_iter().map(|column| COLUMNS[column]).collect();
    let trees: Vec<Tree> = shown.map(Difference::tree).collect();
    let Document { schema, registry, threshold, before, after, .. } = document;
    let differences = trees.iter().map(|tree| tree.only(&keys)).collect();
    json::pretty(&Document { schema, registry, threshold, before, after, differences }, out)
}

/// An amount of octets, and of packets.
pub(in crate::report) fn amount(facts: &Facts) -> Option<String> {
    let (packets, bytes) = facts.packets.zip(facts.bytes)?;
    let many = if packets == 1 { "packet" } else { "packets" };
    Some(format!("{} in {} {many}", figure::octets(bytes), figure::count(packets)))
}

/// What there is to tell of something, and the change by which that may become another.
fn parts(kind: Kind, facts: &Facts) -> Vec<(Change, String)> {
    let ports = || joined(&facts.ports);
    let names = || joined(&facts.names);
    let addresses = || (Change::Address, joined(&facts.addresses));
    let evidence = || (Change::Evidence, facts.evidence.join(" "));
    let volume = || (Change::Volume, amount(facts).unwrap_or_default());
    match kind {
        Kind::Service => vec![(Change::Moved, ports()), evidence(), volume()],
        Kind::Server => {
            let name = facts.name.clone().unwrap_or_default();
            vec![(Change::Moved, ports()), (Change::Name, name), evidence(), volume()]
        }
        Kind::Host => {
            let places = [joined(&facts.addresses), joined(&facts.macs)].join(" ").trim_end().to_owned();
            vec![(Change::Address, places), (Change::Name, names()), volume()]
        }
        Kind::Instance => {
            let state = facts.state.unwrap_or_default().to_owned();
            let [txt, host] = [(Change::Txt, joined(&facts.txt)), (Change::Host, names())];
            vec![(Change::Moved, ports()), host, addresses(), txt, (Change::State, state)]
        }
        Kind::Domain => vec![(Change::Moved, ports()), volume()],
    }
}

fn joined<T: ToString>(values: &[T]) -> String {
    values.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

/// What is told of one side: of what is new or gone all there is to know of it, of the rest what changed. Texts from the wire
/// in it are escaped as on a terminal.
pub(in crate::report) fn texts(difference: &Difference, facts: Option<&Facts>) -> Vec<String> {
    let Some(facts) = facts else { return Vec::new() };
    let is_whole = difference.before.is_none() || difference.after.is_none();
    let parts = parts(difference.kind, facts).into_iter();
    let told = parts.filter(|(change, text)| {
        // The port of a server stands in its key, and attributes would fill the page.
        let is_known = (difference.kind, *change) == (Kind::Server, Change::Moved) || *change == Change::Txt;
        let is_news = !text.is_empty() && !is_known;
        if is_whole { is_news } else { difference.changes.contains(change) }
    });
    told.map(|(_, text)| if text.is_empty() { "–".to_owned() } else { text }).collect()
}

/// How many of each change there are: `3 new, 1 gone`.
fn counted(differences: &[Difference]) -> String {
    let count = |change: &Change| {
        let count = differences.iter().filter(|difference| difference.changes.contains(change)).count();
        (count > 0).then(|| format!("{count} {}", change.as_str()))
    };
    Change::ALL.iter().filter_map(count).collect::<Vec<_>>().join(", ")
}

pub(super) fn table(diff: &Diff, out: &mut dyn Write) -> io::Result<()> {
    let differences = diff.differences();
    let all: Vec<_> = (0..COLUMNS.len()).collect();
    let columns = diff.options.choice.columns.as_deref().unwrap_or(&all);
    let header: Vec<_> =
        columns.iter().map(|&column| ["KIND", "WHAT", "CHANGE", "BEFORE", "AFTER"][column]).collect();
    let mut table = Table::new(&header);
    for difference in differences.iter().take(diff.most()) {
        table.row(columns.iter().map(|&column| cell(difference, column)));
    }
    if !differences.is_empty() {
        table.write(diff.options.width, out)?;
    }
    for (side, capture) in ["before", "after"].into_iter().zip(diff.captures()) {
        let time = capture.times(diff.options.times).map(|[first, last]| format!(", {first} to {last}"));
        let time = time.unwrap_or_default();
        let many = if capture.packets == 1 { "packet" } else { "packets" };
        let mut file = Vec::new();
        escape::terminal(capture.file.as_bytes(), &mut file);
        let [packets, octets] = [figure::count(capture.packets), figure::octets(capture.bytes)];
        writeln!(out, "{side}: {}: {packets} {many}, {octets}{time}", String::from_utf8_lossy(&file))?;
        if capture.is_incomplete {
            writeln!(
                out,
                "{side}: a bound of memory kept something out: what is missing there may have been there"
            )?;
        }
    }
    match differences.len() {
        0 => writeln!(out, "no differences"),
        1 => writeln!(out, "1 difference: {}", counted(&differences)),
        count => writeln!(out, "{count} differences: {}", counted(&differences)),
    }
}

fn cell(difference: &Difference, column: usize) -> Cell {
    // Escaped already where it came from the wire.
    let side = |facts: Option<&Facts>| Cell::shown(texts(difference, facts).join(", "));
    match COLUMNS[column] {
        "kind" => Cell::shown(difference.kind.as_str()),
        "what" => Cell::shown(&difference.what),
        "changes" => {
            let words: Vec<_> = difference.changes.iter().map(|change| change.as_str()).collect();
            Cell::shown(words.join(" "))
        }
        "before" => side(difference.before.as_ref()),
        _ => side(difference.after.as_ref()),
    }
}
