//! One line per packet, for people: time, transport, endpoints, length, service and how it is known.

use std::{io::Write as _, net::IpAddr};

use anstyle::{AnsiColor, Style};

use super::{Encoder, pieces::Pieces};
use crate::{
    dns,
    naming::Evidence,
    record::{Record, Service},
    text::{
        escape, number,
        time::{TimeStyle, TimeWriter},
    },
};

/// Lines of text.
#[derive(Clone, Debug)]
pub struct Text {
    clock: TimeWriter,
    delta: bool,
    color: bool,
    numbers: bool,
    answers: Pieces,
}

impl Text {
    /// Lines with times in this style; `color` marks names by their evidence.
    pub fn new(times: TimeStyle, color: bool, verbose: bool) -> Self {
        Self {
            clock: TimeWriter::new(times),
            delta: times == TimeStyle::Delta,
            color,
            numbers: verbose,
            answers: Pieces::default(),
        }
    }

    /// What is known of a flow, with its name in colour where that is wanted.
    fn service(service: &Service<'_>, color: bool, out: &mut Vec<u8>) {
        let label = service.label;
        let style = label.evidence.filter(|_| color).map(style);
        // Writing to memory does not fail.
        if let Some(style) = style {
            let _ = write!(out, "{}", style.render());
        }
        out.extend_from_slice(&label.text);
        if let Some(style) = style {
            let _ = write!(out, "{}", style.render_reset());
        }
        if let (Some(evidence), Some(rule)) = (label.evidence, service.known.rule) {
            out.extend_from_slice(b" (");
            out.extend_from_slice(service.side().as_bytes());
            out.extend_from_slice(b", ");
            out.extend_from_slice(evidence.as_str().as_bytes());
            if rule.as_str() != evidence.as_str() {
                out.extend_from_slice(b", ");
                out.extend_from_slice(rule.as_str().as_bytes());
            }
            if let Some(state) = label.unserved() {
                out.extend_from_slice(b", ");
                out.extend_from_slice(state.as_bytes());
            }
            if service.known.revised {
                out.extend_from_slice(b", revised");
            }
            out.push(b')');
        }
        if let Some(instance) = &label.instance {
            out.extend_from_slice(b" \"");
            out.extend_from_slice(instance.as_bytes());
            out.push(b'"');
        }
        label.write_speech(out);
    }
}

/// The colour of a name: the stronger its evidence, the calmer.
pub(crate) fn style(evidence: Evidence) -> Style {
    match evidence {
        Evidence::User => AnsiColor::Cyan.on_default().bold(),
        Evidence::Advertised => AnsiColor::Green.on_default().bold(),
        Evidence::Payload => AnsiColor::Green.on_default(),
        Evidence::Registered => AnsiColor::Yellow.on_default(),
        Evidence::None => Style::new().dimmed(),
    }
}

impl Encoder for Text {
    type Part = Vec<u8>;

    fn looks_back(&self) -> bool {
        self.delta
    }

    fn packet(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        let headers = record.headers;
        if let Some(file) = record.file {
            escape::terminal(file.as_bytes(), out);
            out.extend_from_slice(b": ");
        }
        if self.numbers {
            number::decimal(record.frame.number, out);
            out.push(b' ');
        }
        match record.frame.time {
            Some(time) => {
                let origin = if self.delta { record.previous } else { record.began };
                self.clock.write(time, origin, out);
            }
            None => out.extend_from_slice(b"(no time)"),
        }
        out.push(b' ');
        match record.label.transport.as_deref() {
            Some(transport) => out.extend_from_slice(transport.as_bytes()),
            None => escape::terminal(record.label.key.as_bytes(), out),
        }
        out.push(b' ');
        if let Some((source, destination)) = headers.network.addresses() {
            endpoint(source, headers.ports.map(|ports| ports.0), out);
            out.extend_from_slice(b" > ");
            endpoint(destination, headers.ports.map(|ports| ports.1), out);
            out.push(b' ');
        } else if let Some((source, destination)) = headers.macs {
            number::mac(source, out);
            out.extend_from_slice(b" > ");
            number::mac(destination, out);
            out.push(b' ');
        }
        number::decimal(record.frame.original_len.into(), out);
        if let Some(service) = &record.service
            && service.label.evidence.is_some()
        {
            out.extend_from_slice(b"  ");
            let color = self.color;
            self.answers.copy(service, out, |out| Self::service(service, color, out));
            if let Some((domain, _)) = record.server_domain() {
                out.extend_from_slice(b" at ");
                out.extend_from_slice(domain.as_bytes());
            }
        }
        if let Some(local) = record.local_end() {
            local.write(out);
        }
        if let Some(about) = &record.about {
            out.extend_from_slice(b"  about ");
            Self::service(about, self.color, out);
        }
        for (position, &id) in headers.vlan.as_slice().iter().enumerate() {
            out.extend_from_slice(if position == 0 { b"  vlan " } else { b"." });
            number::decimal(id.into(), out);
        }
        for (position, tunnel) in headers.tunnels.as_slice().iter().enumerate() {
            out.extend_from_slice(if position == 0 { b"  in " } else { b"/" });
            out.extend_from_slice(tunnel.as_str().as_bytes());
        }
        if record.may_carry_dns() {
            for (via, message) in record.dns() {
                out.extend_from_slice(b"  ");
                dns::line(via, &message, out);
            }
        }
        record.notes(|note| {
            out.extend_from_slice(b"  [");
            note.write(out);
            out.push(b']');
        });
        out.push(b'\n');
    }
}

pub(super) fn endpoint(address: IpAddr, port: Option<u16>, out: &mut Vec<u8>) {
    match port {
        None => number::address(address, out),
        Some(port) => {
            let bracket = address.is_ipv6();
            if bracket {
                out.push(b'[');
            }
            number::address(address, out);
            if bracket {
                out.push(b']');
            }
            out.push(b':');
            number::decimal(port.into(), out);
        }
    }
}
