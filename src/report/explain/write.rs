//! An explanation as text and as JSON.

use std::io::{self, Write};

use serde::Serialize;

use super::{
    Considered, Evidence, Seen, Shown, Spoke, Spot, at, changes, names, rules,
    watch::{ends, in_words},
};
use crate::{
    flow::{Direction, Key},
    knowledge::View,
    naming::{Side, label::protocol_word},
    record::Service,
    report::Format,
    sink,
    text::{
        escape,
        json::{self, Raw},
    },
};

/// Octets of a packet that are shown, unless more decided.
const SHOWN: usize = 64;
/// Most octets of a packet that are shown.
const MOST: usize = 256;

/// The way of the packet that is explained: what `source` and `destination` mean.
fn side_word(side: Side, way: Direction) -> &'static str {
    match (side, way) {
        (Side::Both, _) => "both",
        (Side::Neither, _) => "none",
        (Side::High, Direction::Up) | (Side::Low, Direction::Down) => "destination",
        (Side::Low, Direction::Up) | (Side::High, Direction::Down) => "source",
    }
}

/// The object behind `,"svc":`; absent where there is none.
fn object(svc: &[u8]) -> Option<&str> {
    std::str::from_utf8(svc.strip_prefix(b",\"svc\":")?).ok()
}

impl Shown {
    /// The octets that are worth a look.
    fn octets(&self) -> &[u8] {
        let most = self.decisive.unwrap_or_default().clamp(SHOWN, MOST);
        self.seen.octets.get(..most).unwrap_or(&self.seen.octets)
    }
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

fn printable(octets: &[u8]) -> String {
    let shown = |&octet: &u8| if matches!(octet, b' '..=b'~') { char::from(octet) } else { '.' };
    octets.iter().map(shown).collect()
}

/// What the registry has of a port of an end.
#[derive(Serialize)]
struct Row {
    port: u16,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    description: String,
}

fn registry(key: &Key, view: &View<'_>) -> Vec<Row> {
    let (low, high) = key.ports().unwrap_or_default();
    let mut all = Vec::new();
    for port in if low == high { vec![low] } else { vec![low, high] } {
        let status = view.registry.status(key.protocol(), port).as_str();
        let rows = view.registry.by_port(key.protocol(), port).map(|row| {
            let (name, description) = (Some(row.name().to_owned()), row.description().to_owned());
            Row { port, status, name, description }
        });
        let before = all.len();
        all.extend(rows);
        if all.len() == before {
            all.push(Row { port, status, name: None, description: String::new() });
        }
    }
    all
}

/// What is explained: a packet, or the first one of a flow, and all that was found out.
struct Explained<'e> {
    seen: Option<&'e Seen>,
    key: Option<&'e Key>,
    evidence: &'e Evidence,
    rules: Vec<Spoke>,
    names: Vec<Considered>,
    changes: Option<[String; 2]>,
    view: &'e View<'e>,
}

/// Writes why a packet (`packet`, or absent) or a flow (`key`) got its name.
///
/// # Errors
/// Those of `out`.
pub fn write(
    packet: Option<&Evidence>,
    (key, evidence): (Option<Key>, &Evidence),
    view: &View<'_>,
    format: Format,
    out: &mut dyn Write,
) -> io::Result<()> {
    let key = key.as_ref();
    let explained = Explained {
        seen: packet.and_then(Evidence::first).or_else(|| evidence.first()),
        key,
        evidence,
        rules: key.map(|key| rules(key, evidence, view)).unwrap_or_default(),
        names: key.map(|key| names(key, view)).unwrap_or_default(),
        changes: key.and_then(|key| changes(key, view)),
        view,
    };
    match format {
        Format::Json => explained.json(out),
        _ => {
            let mut text = Vec::new();
            explained.lines(&mut text);
            out.write_all(&text)
        }
    }
}

#[derive(Serialize)]
struct JsonExplained<'a> {
    schema: &'static str,
    registry_updated: &'a str,
    #[serde(flatten)]
    spot: Option<JsonSpot<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    row: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<Raw<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    about: Option<JsonAbout<'a>>,
    rules: Vec<JsonRule<'a>>,
    names: Vec<JsonName<'a>>,
    octets: Vec<JsonOctets<'a>>,
    registry: Vec<Row>,
    #[serde(skip_serializing_if = "Option::is_none")]
    icmp_error: Option<JsonSpot<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    would_change: Option<JsonChanges<'a>>,
}

#[derive(Serialize)]
struct JsonSpot<'a> {
    frame: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a str>,
}

#[derive(Serialize)]
struct JsonAbout<'a> {
    flow: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    svc: Option<Raw<'a>>,
}

#[derive(Serialize)]
struct JsonRule<'a> {
    rule: &'static str,
    side: &'static str,
    chosen: bool,
    because: &'a str,
    #[serde(flatten)]
    spot: Option<JsonSpot<'a>>,
}

#[derive(Serialize)]
struct JsonName<'a> {
    name: &'a str,
    evidence: &'static str,
    chosen: bool,
    because: &'a str,
}

#[derive(Serialize)]
struct JsonOctets<'a> {
    direction: String,
    #[serde(flatten)]
    spot: JsonSpot<'a>,
    offset: u32,
    hex: String,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    matched: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decisive: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    spoken: Option<&'a str>,
}

#[derive(Serialize)]
struct JsonChanges<'a> {
    side: &'a str,
    name: &'a str,
}

fn json_spot(spot: &Spot) -> JsonSpot<'_> {
    JsonSpot { frame: spot.number, file: spot.file.as_deref() }
}

/// `frame 3`, `frame 3 of day1.pcap`.
fn frame(spot: &Spot) -> String {
    match &spot.file {
        Some(file) => format!("frame {} of {file}", spot.number),
        None => format!("frame {}", spot.number),
    }
}

impl Explained<'_> {
    /// The way of the packet that is explained; where none is at hand, of the flow's first one.
    fn way(&self) -> Direction {
        let flows = self.view.knowledge.flows();
        let first = || Some(flows.five_tuple(flows.find(self.key?)?)?.facts.first());
        self.seen.map(|seen| seen.direction).or_else(first).unwrap_or(Direction::Up)
    }

    /// The answer for the flow.
    fn service(&self) -> Option<Service<'_>> {
        let id = self.view.knowledge.flows().find(self.key?)?;
        let known = self.view.answers.get(id)?;
        Some(Service { label: self.view.answers.labels().label(known.label), known, direction: self.way() })
    }

    /// Packets whose octets are shown, and between which ends each went.
    fn shown<'s>(&'s self, key: &'s Key) -> impl Iterator<Item = (&'s Shown, String)> {
        self.evidence.shown.iter().map(|shown| {
            let (from, to) = ends(key, shown.seen.direction);
            (shown, format!("{} > {}", at(from), at(to)))
        })
    }

    fn json(&self, out: &mut dyn Write) -> io::Result<()> {
        let rules = self.rules.iter().map(|spoke| JsonRule {
            rule: spoke.rule.as_str(),
            side: side_word(spoke.side, self.way()),
            chosen: spoke.chosen,
            because: &spoke.because,
            spot: spoke.frame.as_ref().map(json_spot),
        });
        let names = self.names.iter().map(|considered| {
            let Considered { name, evidence, chosen, because } = considered;
            JsonName { name, evidence: evidence.as_str(), chosen: *chosen, because }
        });
        let octets = self.key.into_iter().flat_map(|key| self.shown(key));
        let octets = octets.map(|(shown, direction)| JsonOctets {
            direction,
            spot: json_spot(&shown.seen.spot),
            offset: shown.seen.offset,
            hex: hex(shown.octets()),
            text: printable(shown.octets()),
            matched: shown.matched.as_deref(),
            decisive: shown.decisive,
            spoken: shown.spoken.as_deref(),
        });
        let about = self.seen.and_then(|seen| seen.about.as_ref());
        // Where no packet at hand has the answer with it: that of the flow.
        let service = self.service();
        let mut svc = self.seen.map(|seen| seen.svc.clone()).unwrap_or_default();
        if svc.is_empty() {
            service.iter().for_each(|service| sink::json::svc(service, &mut svc));
        }
        let explained = JsonExplained {
            schema: "portolan/explain/1",
            registry_updated: self.view.registry.updated(),
            spot: self.seen.map(|seen| json_spot(&seen.spot)),
            row: self.seen.map(|seen| &*seen.row).or(service.as_ref().map(|service| &*service.label.key)),
            answer: object(&svc).map(Raw),
            about: about.map(|about| JsonAbout { flow: &about.flow, svc: object(&about.svc).map(Raw) }),
            rules: rules.collect(),
            names: names.collect(),
            octets: octets.collect(),
            registry: self.key.map(|key| registry(key, self.view)).unwrap_or_default(),
            icmp_error: self.evidence.quoted().map(json_spot),
            would_change: self.changes.as_ref().map(|[side, name]| JsonChanges { side, name }),
        };
        json::pretty(&explained, out)
    }

    fn lines(&self, out: &mut Vec<u8>) {
        let mut line = |text: String| {
            escape::terminal(text.as_bytes(), out);
            out.push(b'\n');
        };
        let Some(key) = self.key else {
            let Some(seen) = self.seen else { return };
            line(format!("{}: {}", frame(&seen.spot), seen.row));
            line("it has no ports, so there is no service to name".to_owned());
            if let Some(about) = &seen.about {
                line(format!("it is an error about {}", about.flow));
                about.answer.iter().for_each(|answer| line(format!("whose answer is: {answer}")));
                let subject = about.subject.iter();
                subject.for_each(|subject| line(format!("why: portolan explain FILE --flow {subject}")));
            }
            return;
        };
        let (from, to) = ends(key, self.way());
        let transport = protocol_word(key.protocol());
        let spot = self.seen.map_or_else(String::new, |seen| format!("{}: ", frame(&seen.spot)));
        line(format!("{spot}{} > {} {transport}", at(from), at(to)));
        if let Some((service, rule)) = self.service().and_then(|service| Some((service, service.known.rule?)))
        {
            line(in_words(service.label, rule.as_str(), service.side()));
        }
        self.reasons(&mut line);
        for (shown, ends) in self.shown(key) {
            octets(shown, &ends, &mut line);
        }
        if let Some(spot) = self.evidence.quoted() {
            line(format!("an ICMP error complains about it ({})", frame(spot)));
        }
        for Row { port, status, name, description } in registry(key, self.view) {
            match name {
                Some(name) => line(format!("registry: {port}/{transport} {name}: {description}")),
                None => line(format!("registry: {port}/{transport} has no name ({status})")),
            }
        }
        if let Some([side, name]) = &self.changes {
            line(format!("what would change who serves: {side}"));
            line(format!("what would change its name: {name}"));
        }
    }

    /// The rules that spoke, and the names that it could have.
    fn reasons(&self, line: &mut dyn FnMut(String)) {
        let decided = self.rules.first().map(|spoke| spoke.side);
        line("rules that spoke, in the order they are asked; > decided, ! says otherwise:".to_owned());
        for spoke in &self.rules {
            let is_against = decided.is_some_and(|side| side != spoke.side);
            let mark = if spoke.chosen {
                '>'
            } else if is_against {
                '!'
            } else {
                ' '
            };
            let side = side_word(spoke.side, self.way());
            let place = spoke.frame.as_ref().map_or_else(String::new, |spot| format!(" ({})", frame(spot)));
            line(format!("{mark} {:<15} {side:<11} {}{place}", spoke.rule.as_str(), spoke.because));
        }
        if self.names.is_empty() {
            line("names it could have: none".to_owned());
            return;
        }
        line("names it could have; > was taken:".to_owned());
        for considered in &self.names {
            let Considered { name, evidence, chosen, because } = considered;
            let mark = if *chosen { '>' } else { ' ' };
            line(format!("{mark} {name:<15} {:<11} {because}", evidence.as_str()));
        }
    }
}

/// The octets of a packet, and what they say.
fn octets(shown: &Shown, ends: &str, line: &mut dyn FnMut(String)) {
    let offset = shown.seen.offset;
    let says = match (&shown.matched, shown.decisive) {
        (None, _) => "match nothing alone".to_owned(),
        (Some(matched), None) => format!("match {matched}, as those before did"),
        (Some(matched), Some(decisive)) => {
            let last = offset as usize + decisive - 1;
            format!("match {matched}; enough for that: octets {offset} to {last}")
        }
    };
    line(format!("{ends} ({}, offset {offset}) {says}", frame(&shown.seen.spot)));
    if let Some(spoken) = &shown.spoken {
        line(format!("from here on both directions say {spoken}"));
    }
    for row in shown.octets().chunks(16) {
        line(format!("  {:<32}  {}", hex(row), printable(row)));
    }
}
