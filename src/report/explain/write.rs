//! An explanation as text and as JSON.

use std::io::{self, Write};

use super::{Evidence, Spoke, at, rules};
use crate::{
    flow::{Direction, Key},
    knowledge::View,
    naming::{Side, label::protocol_word},
    report::Format,
    text::escape,
};

/// Octets of a direction that are shown.
const SHOWN: usize = 64;

/// The way of the packet that is explained: what `source` and `destination` mean.
fn side_word(side: Side, way: Direction) -> &'static str {
    match (side, way) {
        (Side::Both, _) => "both",
        (Side::Neither, _) => "none",
        (Side::High, Direction::Up) | (Side::Low, Direction::Down) => "destination",
        (Side::Low, Direction::Up) | (Side::High, Direction::Down) => "source",
    }
}

fn quoted(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    escape::json(text.as_bytes(), out);
    out.push(b'"');
}

fn plain(text: &str, out: &mut Vec<u8>) {
    escape::terminal(text.as_bytes(), out);
}

/// The object behind `,"svc":`; absent where there is none.
fn object(svc: &[u8]) -> Option<&str> {
    std::str::from_utf8(svc.strip_prefix(b",\"svc\":")?).ok()
}

fn hex(octets: &[u8]) -> String {
    octets.iter().take(SHOWN).map(|octet| format!("{octet:02x}")).collect()
}

fn printable(octets: &[u8]) -> String {
    let shown = |&octet: &u8| if matches!(octet, b' '..=b'~') { char::from(octet) } else { '.' };
    octets.iter().take(SHOWN).map(shown).collect()
}

/// One registry row of an end: port, name, description.
fn registry(key: &Key, view: &View<'_>) -> Vec<(u16, String, String)> {
    let (low, high) = key.ports().unwrap_or_default();
    let ports = if low == high { vec![low] } else { vec![low, high] };
    let of = |port| view.registry.by_port(key.protocol(), port).map(move |row| (port, row));
    let rows = ports.into_iter().flat_map(of);
    rows.map(|(port, row)| (port, row.name().to_owned(), row.description().to_owned())).collect()
}

/// What would make the answer another one, or a surer one.
fn changes(all: &[Spoke]) -> &'static str {
    match all.first().map(|spoke| spoke.rule.as_str()) {
        Some("user") => "only another registry file of the user outweighs this one",
        Some("advertised") => "only a registry file of the user outweighs an SRV record",
        Some("handshake" | "payload") => "a registry file of the user, or an SRV record for one of its ends",
        Some("unknown") => {
            "a handshake, recognised first octets, an SRV record, or a registry file of the user for one of its ends"
        }
        _ => {
            "any stronger rule: a registry file of the user, an SRV record, the handshake, or recognised first octets"
        }
    }
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
    let seen = packet.and_then(Evidence::first).or_else(|| evidence.first());
    let mut text = Vec::new();
    let all = key.map(|key| rules(&key, evidence, view)).unwrap_or_default();
    match format {
        Format::Json => json(seen, key.as_ref(), evidence, &all, view, &mut text),
        _ => lines(seen, key.as_ref(), evidence, &all, view, &mut text),
    }
    out.write_all(&text)
}

fn json(
    seen: Option<&super::Seen>,
    key: Option<&Key>,
    evidence: &Evidence,
    all: &[Spoke],
    view: &View<'_>,
    out: &mut Vec<u8>,
) {
    out.extend_from_slice(b"{\"schema\":\"portolan/explain/1\",\"registry_updated\":");
    quoted(view.registry.updated(), out);
    let way = seen.map_or(Direction::Up, |seen| seen.direction);
    if let Some(seen) = seen {
        out.extend_from_slice(format!(",\"frame\":{},\"row\":", seen.number).as_bytes());
        quoted(&seen.row, out);
        if let Some(answer) = object(&seen.svc) {
            out.extend_from_slice(b",\"answer\":");
            out.extend_from_slice(answer.as_bytes());
        }
        if let Some((about, svc)) = &seen.about {
            out.extend_from_slice(b",\"about\":{\"flow\":");
            quoted(about, out);
            out.extend_from_slice(svc);
            out.push(b'}');
        }
    }
    out.extend_from_slice(b",\"rules\":[");
    for (place, spoke) in all.iter().enumerate() {
        out.extend_from_slice(if place == 0 { b"{\"rule\":\"" } else { b",{\"rule\":\"" });
        let (rule, side, chosen) = (spoke.rule.as_str(), side_word(spoke.side, way), spoke.chosen);
        out.extend_from_slice(
            format!("{rule}\",\"side\":\"{side}\",\"chosen\":{chosen},\"because\":").as_bytes(),
        );
        quoted(&spoke.because, out);
        if let Some(frame) = spoke.frame {
            out.extend_from_slice(format!(",\"frame\":{frame}").as_bytes());
        }
        out.push(b'}');
    }
    out.extend_from_slice(b"],\"octets\":[");
    let mut between: &[u8] = b"";
    for (number, data) in evidence.data.iter().enumerate() {
        let (Some(data), Some(key)) = (data, key) else { continue };
        out.extend_from_slice(between);
        between = b",";
        let (from, to) = ends(key, data.direction);
        out.extend_from_slice(b"{\"direction\":");
        quoted(&format!("{} > {}", at(from), at(to)), out);
        out.extend_from_slice(
            format!(",\"frame\":{},\"offset\":{},\"hex\":\"", data.number, data.offset).as_bytes(),
        );
        out.extend_from_slice(hex(&data.octets).as_bytes());
        out.extend_from_slice(b"\",\"text\":");
        quoted(&printable(&data.octets), out);
        if let Some(matched) = evidence.matched(number, key.protocol()) {
            out.extend_from_slice(b",\"matched\":");
            quoted(&matched, out);
        }
        out.push(b'}');
    }
    out.extend_from_slice(b"],\"registry\":[");
    let rows = key.map(|key| registry(key, view)).unwrap_or_default();
    for (place, (port, name, description)) in rows.iter().enumerate() {
        out.extend_from_slice(if place == 0 { b"{\"name\":" } else { b",{\"name\":" });
        quoted(name, out);
        out.extend_from_slice(format!(",\"port\":{port},\"description\":").as_bytes());
        quoted(description, out);
        out.push(b'}');
    }
    out.push(b']');
    if let Some(frame) = evidence.quoted {
        out.extend_from_slice(format!(",\"icmp_error\":{frame}").as_bytes());
    }
    if key.is_some() {
        out.extend_from_slice(b",\"would_change\":");
        quoted(changes(all), out);
    }
    out.extend_from_slice(b"}\n");
}

/// Source and destination of a packet that goes this way.
fn ends(key: &Key, way: Direction) -> ((std::net::IpAddr, u16), (std::net::IpAddr, u16)) {
    match way {
        Direction::Up => (key.low(), key.high()),
        Direction::Down => (key.high(), key.low()),
    }
}

fn lines(
    seen: Option<&super::Seen>,
    key: Option<&Key>,
    evidence: &Evidence,
    all: &[Spoke],
    view: &View<'_>,
    out: &mut Vec<u8>,
) {
    let mut line = |text: String| {
        plain(&text, out);
        out.push(b'\n');
    };
    let Some(seen) = seen else { return };
    let Some(key) = key else {
        line(format!("frame {}: {}", seen.number, seen.row));
        line("it has no ports, so there is no service to name".to_owned());
        if let Some((about, svc)) = &seen.about {
            line(format!("it is an error about {about}"));
            object(svc).into_iter().for_each(|answer| line(format!("whose answer is {answer}")));
        }
        return;
    };
    let (from, to) = ends(key, seen.direction);
    line(format!("frame {}: {} > {} {}", seen.number, at(from), at(to), protocol_word(key.protocol())));
    let known = view.knowledge.flows().find(key).and_then(|id| view.answers.get(id));
    if let Some(known) = known {
        let label = view.answers.labels().label(known.label);
        let port = label.port.map_or_else(|| "unknown".to_owned(), |port| port.to_string());
        let transport = label.transport.as_deref().unwrap_or_default();
        let name =
            label.name.as_deref().map_or_else(|| "has no name".to_owned(), |name| format!("is {name}"));
        let evidence = label.evidence.map_or("none", |evidence| evidence.as_str());
        let state = label.state.map_or("", |state| state.as_str());
        let side = side_word(known.side, seen.direction);
        line(format!("{port}/{transport} {name}; serves: {side}; evidence: {evidence}; state: {state}"));
        if let Some(mismatch) = label.mismatch {
            line(format!("the octets contradict the {} name", mismatch.as_str()));
        }
    }
    line("rules that spoke, in the order they are asked; the first decides:".to_owned());
    for spoke in all {
        let mark = if spoke.chosen { '>' } else { ' ' };
        let side = side_word(spoke.side, seen.direction);
        let frame = spoke.frame.map_or_else(String::new, |frame| format!(" (frame {frame})"));
        line(format!("{mark} {:<15} {side:<11} {}{frame}", spoke.rule.as_str(), spoke.because));
    }
    for (number, data) in evidence.data.iter().enumerate() {
        let Some(data) = data else { continue };
        let (from, to) = ends(key, data.direction);
        let matched = evidence.matched(number, key.protocol());
        let matched = matched.unwrap_or_else(|| "nothing alone".to_owned());
        line(format!(
            "first octets {} > {} (frame {}, offset {}) match {matched}:",
            at(from),
            at(to),
            data.number,
            data.offset
        ));
        for row in data.octets[..data.octets.len().min(SHOWN)].chunks(16) {
            line(format!("  {:<32}  {}", hex(row), printable(row)));
        }
    }
    if let Some(frame) = evidence.quoted {
        line(format!("an ICMP error complains about it (frame {frame})"));
    }
    for (port, name, description) in registry(key, view) {
        line(format!("registry: {port}/{} {name}: {description}", protocol_word(key.protocol())));
    }
    line(format!("what would change the answer: {}", changes(all)));
}
