//! A flow as a line for people.

use super::FlowRow;
use crate::{naming::label::protocol_word, packet::Timestamp, text::time::TimeWriter};

/// When it began, how long it took, its ends and counters, and what it is.
pub(super) fn text(flow: &FlowRow<'_>, began: Option<Timestamp>, clock: &mut TimeWriter) -> Vec<u8> {
    let mut out = Vec::new();
    match flow.first {
        Some(first) => clock.write(Timestamp(first), began, &mut out),
        None => out.extend_from_slice(b"(no time)"),
    }
    let seconds = flow.duration().unwrap_or(0) as f64 / 1e9;
    out.extend_from_slice(format!(" {seconds:.3} s {} ", protocol_word(flow.protocol)).as_bytes());
    for (position, end) in flow.ends.iter().enumerate() {
        out.extend_from_slice(if position == 0 { b"" } else { b" > " });
        let ip = end.ip;
        let endpoint = match end.port {
            Some(port) if ip.is_ipv6() => format!("[{ip}]:{port}"),
            Some(port) => format!("{ip}:{port}"),
            None => ip.to_string(),
        };
        out.extend_from_slice(endpoint.as_bytes());
    }
    let [source, destination] = flow.ends;
    let counts = format!(
        " packets {}+{} octets {}+{}",
        source.packets, destination.packets, source.octets, destination.octets
    );
    out.extend_from_slice(counts.as_bytes());
    if let Some(reason) = flow.reason() {
        out.extend_from_slice(b", ");
        out.extend_from_slice(reason.as_bytes());
    }
    if let Some((service, rule)) = flow.named() {
        let evidence = service.label.evidence.map_or("", |evidence| evidence.as_str());
        out.extend_from_slice(b"  ");
        out.extend_from_slice(&service.label.text);
        let rule = if rule == evidence { String::new() } else { format!(", {rule}") };
        let state = service.label.unserved().map_or(String::new(), |state| format!(", {state}"));
        out.extend_from_slice(format!(" ({}, {evidence}{rule}{state})", service.side()).as_bytes());
        if let Some(instance) = &service.label.instance {
            out.extend_from_slice(format!(" \"{instance}\"").as_bytes());
        }
        service.label.write_speech(&mut out);
        if flow.reason.is_some() && service.known.revised {
            out.extend_from_slice(b", revised");
        }
        if let Some((domain, _)) = flow.server_domain() {
            out.extend_from_slice(format!(" at {domain}").as_bytes());
        }
    }
    if let Some(local) = flow.local_end() {
        local.write(&mut out);
    }
    out.push(b'\n');
    out
}
