//! One JSON object per packet and line, in the shape of the Elastic Common Schema.
//!
//! It is written by hand since that is faster; `tests/fields.rs` holds it against [`crate::record::fields::PACKET`].

use std::io::Write as _;

use super::{Encoder, pieces::Pieces};
use crate::{
    decode::Network,
    dns,
    knowledge::Named,
    naming::{State, label::write_protocol_word},
    places::Location,
    record::{Record, Service, process::LocalEnd},
    text::{
        escape, number,
        time::{TimeStyle, TimeWriter},
    },
};

/// JSON lines.
#[derive(Clone, Debug)]
pub struct Json {
    clock: TimeWriter,
    answers: Pieces,
}

impl Default for Json {
    fn default() -> Self {
        Self { clock: TimeWriter::new(TimeStyle::Machine), answers: Pieces::default() }
    }
}

impl Encoder for Json {
    type Part = Vec<u8>;

    fn shows_community_ids(&self) -> bool {
        true
    }

    fn packet(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        let frame = &record.frame;
        out.push(b'{');
        if let Some(time) = frame.time {
            out.extend_from_slice(b"\"@timestamp\":\"");
            self.clock.write(time, None, out);
            out.extend_from_slice(b"\",");
        }
        if let Some(file) = record.file {
            out.extend_from_slice(b"\"file\":{\"name\":\"");
            escape::json(file.as_bytes(), out);
            out.extend_from_slice(b"\"},");
        }
        out.extend_from_slice(b"\"frame\":{\"number\":");
        number::decimal(frame.number, out);
        out.extend_from_slice(b",\"interface\":");
        number::decimal(frame.interface.into(), out);
        out.extend_from_slice(b",\"link\":\"");
        match frame.link.name() {
            Some(name) => out.extend_from_slice(name.as_bytes()),
            None => {
                // Writing to memory does not fail.
                let _ = write!(out, "{}", frame.link);
            }
        }
        out.extend_from_slice(b"\",\"captured\":");
        number::decimal(frame.octets.len() as u64, out);
        out.extend_from_slice(b",\"original\":");
        number::decimal(frame.original_len.into(), out);
        if let Some(ticks) = record.time_raw() {
            out.extend_from_slice(b",\"time_raw\":");
            number::decimal(ticks, out);
        }
        out.push(b'}');
        if let Some(name) = record.named_interface() {
            out.extend_from_slice(b",\"interface\":{");
            member("name", name, out);
            out.push(b'}');
        }
        network(record, out);
        endpoints(record, out);
        if let Some(local) = record.local_end() {
            process(&local, out);
        }
        match &record.service {
            Some(service) => self.answers.copy(service, out, |out| answer(record, out)),
            None => answer(record, out),
        }
        domain_source(record, out);
        about(record, out);
        if record.may_carry_dns() {
            messages(record, out);
        }
        let mut first = true;
        record.notes(|note| {
            out.extend_from_slice(if first { b",\"notes\":[\"" } else { b",\"" });
            first = false;
            // Words and numbers of ours: nothing to escape.
            note.write(out);
            out.push(b'"');
        });
        if !first {
            out.push(b']');
        }
        out.extend_from_slice(b"}\n");
    }
}

/// The DNS messages that it carries.
fn messages(record: &Record<'_>, out: &mut Vec<u8>) {
    let mut messages = record.dns();
    if let Some((via, message)) = messages.next() {
        out.extend_from_slice(b",\"dnssd\":");
        dns::json(via, &message, out);
    }
    // A TCP segment may hold several.
    for (position, (via, message)) in messages.enumerate() {
        if position == 0 {
            out.extend_from_slice(b",\"dnssd_more\":[");
        } else {
            out.pop();
            out.push(b',');
        }
        dns::json(via, &message, out);
        out.push(b']');
    }
}

fn network(record: &Record<'_>, out: &mut Vec<u8>) {
    let headers = record.headers;
    let before = out.len();
    out.extend_from_slice(b",\"network\":{");
    let start = out.len();
    let kind = match headers.network {
        Network::V4(..) => Some(&b"\"type\":\"ipv4\","[..]),
        Network::V6(..) => Some(&b"\"type\":\"ipv6\","[..]),
        Network::None => None,
    };
    if let Some(kind) = kind {
        out.extend_from_slice(kind);
        out.extend_from_slice(b"\"transport\":\"");
        match record.label.transport.as_deref() {
            Some(transport) => out.extend_from_slice(transport.as_bytes()),
            None => write_protocol_word(headers.protocol, out),
        }
        out.extend_from_slice(b"\",");
        if let Some(speech) = record.service.as_ref().and_then(|service| service.label.speech.as_ref()) {
            member("protocol", speech.protocol.word(), out);
            out.push(b',');
        }
        out.extend_from_slice(b"\"iana_number\":\"");
        number::decimal(headers.protocol.0.into(), out);
        out.extend_from_slice(b"\",");
    }
    if let Some((&outer, inner)) = headers.vlan.as_slice().split_first() {
        out.extend_from_slice(b"\"vlan\":{\"id\":\"");
        number::decimal(outer.into(), out);
        out.extend_from_slice(b"\"},");
        for (position, &id) in inner.iter().enumerate() {
            if position == 0 {
                out.extend_from_slice(b"\"inner\":{\"vlan\":{\"id\":[\"");
            } else {
                out.truncate(out.len() - b"]}},".len());
                out.extend_from_slice(b",\"");
            }
            number::decimal(id.into(), out);
            out.extend_from_slice(b"\"]}},");
        }
    }
    if !headers.tunnels.as_slice().is_empty() {
        out.extend_from_slice(b"\"tunnel\":[");
        for tunnel in headers.tunnels.as_slice() {
            out.push(b'"');
            out.extend_from_slice(tunnel.as_str().as_bytes());
            out.extend_from_slice(b"\",");
        }
        out.pop();
        out.extend_from_slice(b"],");
    }
    if let Some(id) = record.community_id {
        out.extend_from_slice(b"\"community_id\":\"1:");
        out.extend_from_slice(&id);
        out.extend_from_slice(b"\",");
    }
    if out.len() == start {
        out.truncate(before);
    } else {
        out.pop();
        out.push(b'}');
    }
}

fn endpoints(record: &Record<'_>, out: &mut Vec<u8>) {
    let headers = record.headers;
    let (macs, ips, ports) = (headers.macs, headers.network.addresses(), headers.ports);
    let domains = record.domains();
    let sides = [
        (
            &b",\"source\":{"[..],
            macs.map(|macs| macs.0),
            ips.map(|ips| ips.0),
            ports.map(|ports| ports.0),
            domains.0,
            record.places[0],
        ),
        (
            &b",\"destination\":{"[..],
            macs.map(|macs| macs.1),
            ips.map(|ips| ips.1),
            ports.map(|ports| ports.1),
            domains.1,
            record.places[1],
        ),
    ];
    if macs.is_none() && ips.is_none() {
        return;
    }
    for (key, mac, ip, port, domain, place) in sides {
        out.extend_from_slice(key);
        if let Some(mac) = mac {
            out.extend_from_slice(b"\"mac\":\"");
            number::mac_hyphens(mac, out);
            out.extend_from_slice(b"\",");
        }
        if let Some(ip) = ip {
            out.extend_from_slice(b"\"ip\":\"");
            number::address(ip, out);
            out.extend_from_slice(b"\",");
        }
        if let Some(port) = port {
            out.extend_from_slice(b"\"port\":");
            number::decimal(port.into(), out);
            out.push(b',');
        }
        if let Some(domain) = domain {
            member("domain", domain, out);
            out.push(b',');
        }
        if let Some(place) = place {
            whereabouts(place, out);
        }
        out.pop();
        out.push(b'}');
    }
    if let Some(named) = record.named {
        hello(&named, out);
    }
}

/// Appends who owns the local end: `,"process":{…},"user":{…}`.
#[cold]
fn process(local: &LocalEnd<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"process\":{");
    if let Some(owner) = local.owner() {
        member("name", &owner.name, out);
        out.push(b',');
        if let Some(pid) = owner.pid {
            out.extend_from_slice(b"\"pid\":");
            number::decimal(pid.into(), out);
            out.push(b',');
        }
        if let Some(executable) = &owner.executable {
            member("executable", executable, out);
            out.push(b',');
        }
    }
    member("end", local.end(), out);
    out.push(b',');
    member("known_by", local.known_by(), out);
    out.push(b'}');
    if let Some(user) = local.owner().and_then(|owner| owner.user.as_ref()) {
        out.extend_from_slice(b",\"user\":{");
        member("name", user, out);
        out.push(b'}');
    }
}

/// Appends where an address is: `"geo":{…},"as":{…},`.
#[cold]
fn whereabouts(place: &Location, out: &mut Vec<u8>) {
    if let Some(code) = &place.country {
        out.extend_from_slice(b"\"geo\":{");
        member("country_iso_code", code, out);
        out.extend_from_slice(b"},");
    }
    if place.system.is_none() && place.organization.is_none() {
        return;
    }
    out.extend_from_slice(b"\"as\":{");
    if let Some(system) = place.system {
        out.extend_from_slice(b"\"number\":");
        number::decimal(system.into(), out);
        out.push(b',');
    }
    if let Some(name) = &place.organization {
        out.extend_from_slice(b"\"organization\":{");
        member("name", name, out);
        out.extend_from_slice(b"},");
    }
    out.pop();
    out.extend_from_slice(b"},");
}

/// Appends `,"tls":{…}` where a hello tells anything.
fn hello(named: &Named<'_>, out: &mut Vec<u8>) {
    if named.server_name.is_none() && !named.has_encrypted_hello {
        return;
    }
    out.extend_from_slice(b",\"tls\":{\"client\":{");
    if let Some(name) = named.server_name {
        member("server_name", name, out);
    }
    if named.has_encrypted_hello {
        out.extend_from_slice(if named.server_name.is_some() { b"," } else { b"" });
        out.extend_from_slice(b"\"encrypted_hello\":true");
    }
    out.extend_from_slice(b"}}");
}

/// Appends what told the server's name to the answer that ends here.
fn domain_source(record: &Record<'_>, out: &mut Vec<u8>) {
    if let Some((_, source)) = record.server_domain() {
        out.pop();
        out.push(b',');
        member("domain_source", source, out);
        out.push(b'}');
    }
}

/// Appends the row and, where there is an answer, `,"svc":{…}`.
fn answer(record: &Record<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"row\":\"");
    escape::json(record.label.key.as_bytes(), out);
    out.push(b'"');
    if let Some(service) = &record.service {
        svc(service, out);
    }
}

/// Appends `,"svc":{…}` where there is an answer.
pub(crate) fn svc(service: &Service<'_>, out: &mut Vec<u8>) {
    let label = service.label;
    let (Some(rule), Some(evidence)) = (service.known.rule, label.evidence) else { return };
    out.extend_from_slice(b",\"svc\":{");
    if let Some(name) = &label.name {
        member("name", name, out);
        out.push(b',');
    }
    if let Some(port) = label.port {
        out.extend_from_slice(b"\"port\":");
        number::decimal(port.into(), out);
        out.push(b',');
    }
    member("transport", label.transport.as_deref().unwrap_or_default(), out);
    let state = label.state.map_or("", State::as_str);
    for (key, word) in [("side", service.side()), ("state", state), ("evidence", evidence.as_str())] {
        out.push(b',');
        member(key, word, out);
    }
    for (key, text) in [("description", &label.description), ("instance", &label.instance)] {
        if let Some(text) = text {
            out.push(b',');
            member(key, text, out);
        }
    }
    if let Some(word) = label.advertised_by {
        out.push(b',');
        member("advertised_by", word, out);
    }
    if !label.candidates.is_empty() {
        out.extend_from_slice(b",\"candidates\":[");
        for candidate in &label.candidates {
            out.push(b'"');
            escape::json(candidate.as_bytes(), out);
            out.extend_from_slice(b"\",");
        }
        out.pop();
        out.push(b']');
    }
    out.push(b',');
    member("rule", rule.as_str(), out);
    if let Some(mismatch) = label.mismatch {
        out.push(b',');
        member("mismatch", mismatch.as_str(), out);
    }
    if let Some(speech) = &label.speech {
        out.push(b',');
        member("protocol", speech.protocol.word(), out);
        if let Some(asked) = speech.asked {
            out.push(b',');
            member("asked", asked.word(), out);
        }
        for (position, layer) in speech.layers.iter().enumerate() {
            out.extend_from_slice(if position == 0 { b",\"layers\":[\"" } else { b",\"" });
            out.extend_from_slice(layer.word().as_bytes());
            out.push(b'"');
        }
        if !speech.layers.is_empty() {
            out.push(b']');
        }
    }
    if label.is_unregistered {
        out.extend_from_slice(b",\"registered\":false");
    }
    if service.known.revised {
        out.extend_from_slice(b",\"revised\":true");
    }
    out.push(b'}');
}

fn member(key: &str, text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(b"\":\"");
    escape::json(text.as_bytes(), out);
    out.push(b'"');
}

fn about(record: &Record<'_>, out: &mut Vec<u8>) {
    let Some(quoted) = record.headers.quoted else { return };
    let Some((source, destination)) = quoted.network.addresses() else { return };
    out.extend_from_slice(b",\"about\":{\"transport\":\"");
    write_protocol_word(quoted.protocol, out);
    out.push(b'"');
    let ends = [
        (&b"source"[..], source, quoted.ports.map(|p| p.0)),
        (b"destination", destination, quoted.ports.map(|p| p.1)),
    ];
    for (key, ip, port) in ends {
        out.extend_from_slice(b",\"");
        out.extend_from_slice(key);
        out.extend_from_slice(b"\":{\"ip\":\"");
        number::address(ip, out);
        out.push(b'"');
        if let Some(port) = port {
            out.extend_from_slice(b",\"port\":");
            number::decimal(port.into(), out);
        }
        out.push(b'}');
    }
    if let Some(about) = &record.about {
        svc(about, out);
    }
    out.push(b'}');
}
