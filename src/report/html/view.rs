//! What the template of a page is filled with.

use std::path::Path;

use askama::Template;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest as _, Sha256};

use super::{
    Page,
    chart::Chart,
    network::{self, Advertised},
    rows::{Room, Rows, cut},
    services::{self, Figure, Part, TopSection},
};
use crate::{naming::Evidence, registry::Registry, text::figure};

/// The only script and the only style of a page.
pub(super) const SCRIPT: &str = include_str!("../../../templates/page.js");
pub(super) const STYLE: &str = include_str!("../../../templates/page.css");

/// How much room the figures of the chart have.
const STEPS: Room = Room { rows: 1000, octets: 160_000 };
/// Names of inputs, and errors of them, that are listed.
const INPUTS: usize = 40;

/// A page.
#[derive(Template)]
#[template(path = "page.html")]
pub(super) struct View {
    script: &'static str,
    style: &'static str,
    /// Their hashes, as a policy has them (CSP3 section 2.3.1).
    script_hash: String,
    style_hash: String,
    title: String,
    files: Vec<String>,
    more_files: usize,
    time: String,
    facts: Vec<Fact>,
    sentences: Vec<String>,
    chart: Option<Chart>,
    steps: Rows,
    causal: bool,
    selects: bool,
    untimed: u64,
    evidence: Vec<EvidenceRow>,
    evidence_bar: Vec<Part>,
    services: Rows,
    has_guesses: bool,
    tops: Vec<TopSection>,
    hosts: Rows,
    advertised: Advertised,
    troubles: Vec<Trouble>,
    left_out: Vec<String>,
    packets: String,
    version: &'static str,
    updated: String,
    command: String,
}

/// A figure that stands for the whole.
pub(super) struct Fact {
    pub(super) name: &'static str,
    pub(super) value: String,
    pub(super) exact: String,
}

/// How much is known in one way.
struct EvidenceRow {
    word: &'static str,
    meaning: &'static str,
    packets: Figure,
    octets: Figure,
    share: String,
}

/// The figures of a step of time.
#[derive(Template)]
#[template(path = "step.html")]
struct StepRow<'c> {
    at: usize,
    time: &'c str,
    octets: Vec<Figure>,
}

/// What is damaged, lost or was not kept.
struct Trouble {
    what: String,
    count: String,
    means: &'static str,
}

/// What a policy calls a script or a style by.
pub(super) fn hash(text: &str) -> String {
    let mut base64 = [0; 44];
    // 32 octets are 44 characters with their padding.
    let written = STANDARD.encode_slice(Sha256::digest(text.as_bytes()), &mut base64);
    format!("sha256-{}", String::from_utf8_lossy(&base64[..written.unwrap_or(0)]))
}

/// What a page is filled with.
pub(super) fn of(page: &Page, registry: &Registry) -> askama::Result<View> {
    let chart = Chart::of(&page.traffic, page.options.times);
    let steps = match &chart {
        Some(chart) => steps(chart)?,
        None => Rows::default(),
    };
    let alone = chart.as_ref().map_or(&[][..], |chart| &chart.alone);
    let (services, tops) = (services::services(page, alone)?, services::tops(page)?);
    let (hosts, advertised) = (network::hosts(page)?, network::advertised(page, registry)?);
    let troubles = troubles(page, &advertised);
    let evidence = evidence(page);
    let parts = services::parts(evidence.iter().map(|row| (row.word, row.octets.value)));
    let files = page.files.iter().take(INPUTS).map(|file| cut(file)).collect();
    Ok(View {
        script: SCRIPT,
        style: STYLE,
        script_hash: hash(SCRIPT),
        style_hash: hash(STYLE),
        title: title(page),
        files,
        more_files: page.files.len().saturating_sub(INPUTS),
        time: time(page),
        facts: facts(page, hosts.all, &evidence),
        sentences: sentences(page, hosts.all, &evidence, troubles.len()),
        left_out: left_out(&services, &tops, &hosts, &advertised),
        chart,
        steps,
        causal: page.causal,
        selects: page.options.selects,
        untimed: page.traffic.untimed,
        evidence,
        evidence_bar: parts,
        services,
        has_guesses: page.tables[0].summary.rows(&Default::default()).iter().any(|row| row.is_guess()),
        tops,
        hosts,
        advertised,
        troubles,
        packets: figure::count(page.span.packets),
        version: env!("CARGO_PKG_VERSION"),
        updated: registry.updated().to_owned(),
        command: page.options.command.clone(),
    })
}

fn steps(chart: &Chart) -> askama::Result<Rows> {
    let rows = chart.table.iter().map(|step| StepRow {
        at: step.at,
        time: &step.time,
        octets: step.octets.iter().map(|&octets| Figure::octets(octets)).collect(),
    });
    Rows::of(rows, chart.table.len(), STEPS)
}

/// The name of a file without its folder.
pub(super) fn name(file: &str) -> String {
    match file {
        "-" => "standard input".to_owned(),
        file => {
            let name = Path::new(file).file_name().map_or(file.into(), |name| name.to_string_lossy());
            cut(&name)
        }
    }
}

/// The names of the files without their folders.
fn title(page: &Page) -> String {
    match page.files.as_slice() {
        [] => "nothing".to_owned(),
        [file] => name(file),
        [first, others @ ..] => format!("{} and {} more", name(first), others.len()),
    }
}

fn time(page: &Page) -> String {
    match (page.span.first(), page.span.last()) {
        (Some(first), Some(last)) => {
            let times = page.options.times;
            let text = format!("{} to {} {}", times.millis(first), times.millis(last), times.zone(first));
            text.trim_end().to_owned()
        }
        _ => "without time stamps".to_owned(),
    }
}

/// How long the capture took, in ns.
fn length(page: &Page) -> Option<u64> {
    Some(page.span.last()?.since(page.span.first()?))
}

fn facts(page: &Page, hosts: usize, evidence: &[EvidenceRow]) -> Vec<Fact> {
    let span = &page.span;
    let fact = |name, value: String, exact: String| Fact { name, value, exact };
    let mut facts = vec![
        fact("packets", figure::count(span.packets), String::new()),
        fact("on the wire", figure::octets(span.octets), format!("{} octets", figure::count(span.octets))),
    ];
    facts
        .extend(length(page).map(|length| fact("from first to last", figure::length(length), String::new())));
    facts.push(fact("services", figure::count(services_of(page) as u64), String::new()));
    facts.push(fact("hosts", figure::count(hosts as u64), String::new()));
    facts.push(fact(
        "confirmed by more than a port",
        figure::share(confirmed(evidence), span.octets),
        "share of octets whose name a user, an advertisement or the first octets tell".to_owned(),
    ));
    facts
}

/// Services that have a name.
fn services_of(page: &Page) -> usize {
    page.tables[0].summary.rows(&Default::default()).iter().filter(|row| row.name.is_some()).count()
}

/// Octets that are named by more than their port.
fn confirmed(evidence: &[EvidenceRow]) -> u64 {
    let strong = evidence.iter().filter(|row| !["registered", "none"].contains(&row.word));
    strong.map(|row| row.octets.value).sum()
}

/// What to know first.
fn sentences(page: &Page, hosts: usize, evidence: &[EvidenceRow], troubles: usize) -> Vec<String> {
    let span = &page.span;
    let mut sentences = Vec::new();
    let summary = &page.tables[0].summary;
    if let Some(largest) = summary.rows(&Default::default()).first() {
        let only_port = largest.evidence().keys().all(|&word| word == "registered");
        let guess =
            if largest.name.is_some() && only_port { ", by what its port is registered for" } else { "" };
        sentences.push(format!(
            "Most traffic is {}{guess}: {} of {}.",
            cut(&largest.key),
            figure::share(largest.bytes, span.octets),
            figure::octets(span.octets)
        ));
    }
    let of = |word| evidence.iter().find(|row| row.word == word).map_or(0, |row| row.octets.value);
    sentences.push(format!(
        "{} {}; {} of the octets are named by more than their port, {} by the port alone, {} not at all.",
        figure::count(hosts as u64),
        if hosts == 1 { "host was met" } else { "hosts were met" },
        figure::share(confirmed(evidence), span.octets),
        figure::share(of("registered"), span.octets),
        figure::share(of("none"), span.octets),
    ));
    let mismatched = summary.rows(&Default::default()).iter().map(|row| row.mismatch).sum::<u64>();
    if mismatched > 0 {
        sentences.push(format!(
            "{} packets belong to flows that speak something other than their port says.",
            figure::count(mismatched)
        ));
    }
    sentences.push(match troubles {
        0 => "Nothing was damaged, lost or left out while it was read.".to_owned(),
        _ => "Some of it was damaged, lost or not kept: see the end of this page.".to_owned(),
    });
    sentences
}

fn evidence(page: &Page) -> Vec<EvidenceRow> {
    let (summary, whole) = (&page.tables[1].summary, page.span.octets);
    let rows = summary.rows(&Default::default());
    let row = |evidence: &Evidence| {
        let row = rows.iter().find(|row| row.key == evidence.as_str())?;
        Some(EvidenceRow {
            word: evidence.as_str(),
            meaning: services::meaning(*evidence),
            packets: Figure { value: row.packets, text: figure::count(row.packets) },
            octets: Figure { value: row.bytes, text: figure::octets(row.bytes) },
            share: figure::share(row.bytes, whole),
        })
    };
    Evidence::ALL.iter().filter_map(row).collect()
}

fn troubles(page: &Page, advertised: &Advertised) -> Vec<Trouble> {
    let mut all = Vec::new();
    let mut tell = |what: String, count: u64, means| {
        if count > 0 {
            all.push(Trouble { what, count: figure::count(count), means });
        }
    };
    for error in page.errors.iter().take(INPUTS) {
        tell(
            cut(error),
            1,
            "what comes before it in that input is in this page, what comes behind it is not",
        );
    }
    let more = page.errors.len().saturating_sub(INPUTS);
    tell("further inputs with errors".to_owned(), more as u64, "as those above");
    if page.stopped {
        tell("the run was interrupted".to_owned(), 1, "this page is about what was read until then");
    }
    if let Some(live) = page.live {
        let means = "they passed the filter, but are in no figure of this page";
        tell("packets lost in the kernel".to_owned(), live.kernel_dropped, means);
        tell("packets lost at the interface".to_owned(), live.interface_dropped, means);
    }
    for (reason, count) in page.damaged.counts() {
        tell(
            format!("packets not decoded to the end: {reason}"),
            count,
            match reason {
                "truncated" => "cut by the snap length inside a header: what is behind it could not be named",
                "malformed" => "a header contradicts its standard",
                _ => "nested deeper than is followed",
            },
        );
    }
    tell(
        "implausible lengths".to_owned(),
        page.span.implausible,
        "lengths on the wire that cannot be: these packets count as captured",
    );
    tell("packets without a time stamp".to_owned(), page.traffic.untimed, "they are in no chart over time");
    for &(count, what) in &page.losses {
        tell(
            what.to_owned(),
            count,
            "no room was left for them, or they make no sense: what they would have told is missing",
        );
    }
    if page.evicted {
        tell(
            "the flow table was full".to_owned(),
            1,
            "distinct clients and servers are at least those shown; all sums are right",
        );
    }
    for (what, count) in &advertised.dropped {
        tell(
            format!("DNS-SD {what} beyond the bounds of the inventory"),
            *count,
            "memory is bounded: they were not kept",
        );
    }
    all
}

/// What the page itself leaves out, so that it stays small.
fn left_out(services: &Rows, tops: &[TopSection], hosts: &Rows, advertised: &Advertised) -> Vec<String> {
    let tops = tops.iter().map(|top| (top.title.as_str(), &top.rows));
    let all = [("Services", services)].into_iter().chain(tops).chain([
        ("Hosts", hosts),
        ("DNS-SD instances", &advertised.instances),
        ("DNS-SD types", &advertised.types),
        ("Findings", &advertised.findings),
    ]);
    let left_out = all.filter(|(_, rows)| rows.left_out() > 0).map(|(what, rows)| {
        let [left_out, all] = [rows.left_out(), rows.all].map(|count| figure::count(count as u64));
        format!("{what}: {left_out} of {all} rows are left out")
    });
    left_out.collect()
}
