//! One line per packet on a terminal: what people look for first, cut to the width with a sign. [`Text`](super::Text) has all of it.

use std::io::Write as _;

use super::{
    Encoder,
    text::{endpoint, style},
};
use crate::{
    dns,
    naming::Evidence,
    record::{Record, Service},
    text::{
        escape, fit, number,
        time::{TimeStyle, TimeWriter},
    },
};

/// Columns that two IPv4 endpoints and the arrow between them take at most, and mostly; the length of a packet stands behind.
const ENDS: (usize, usize) = (45, 35);

/// A terminal that has so many columns has room for whole words of evidence, and for microseconds.
const WIDE: usize = 120;

/// Lines for a terminal: the day stands above them, where it begins.
#[derive(Clone, Debug)]
pub struct Brief {
    clock: TimeWriter,
    style: TimeStyle,
    color: bool,
    width: usize,
    line: Vec<u8>,
}

impl Brief {
    /// Lines of so many columns, with times in this style; `color` marks names by their evidence.
    pub fn new(times: TimeStyle, color: bool, width: u16) -> Self {
        let width = usize::from(width).max(1);
        Self { clock: TimeWriter::new(times), style: times, color, width, line: Vec::new() }
    }

    /// Whether times have days.
    const fn has_days(&self) -> bool {
        matches!(self.style, TimeStyle::Machine | TimeStyle::Utc | TimeStyle::Local)
    }

    /// Writes when the packet came; above its line the day, where the packet before has another.
    fn time(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        let Some(time) = record.frame.time else { return self.line.extend_from_slice(b"(no time)") };
        let origin = if self.style == TimeStyle::Delta { record.previous } else { record.began };
        if !self.has_days() {
            return self.clock.write(time, origin, &mut self.line);
        }
        let mut day = Vec::new();
        if let Some(previous) = record.previous {
            self.clock.write(previous, None, &mut day);
        }
        self.clock.write(time, None, &mut self.line);
        let own = self.line.split_off(self.line.len() - 16);
        let this = self.line.split_off(self.line.len() - 10);
        if !day.starts_with(&this) {
            out.extend_from_slice(&this);
            out.extend_from_slice(if self.style == TimeStyle::Local { b"\n" } else { b" UTC\n" });
        }
        // The space that parts the two goes with the day, and where there is little room, so do microseconds.
        let clock = own.trim_ascii_start();
        let spared = if self.width < WIDE { 3 } else { 0 };
        self.line.extend_from_slice(&clock[..clock.len() - spared]);
    }

    /// Appends who sent the packet to whom; the arrow points to who serves.
    fn ends(&mut self, record: &Record<'_>) {
        let start = columns(&self.line);
        let headers = record.headers;
        let arrow = match record.service.filter(|service| service.label.evidence.is_some()) {
            Some(service) if service.side() == "destination" => " → ",
            Some(service) if service.side() == "source" => " ← ",
            Some(service) if service.side() == "both" => " ↔ ",
            _ => " > ",
        };
        if let Some((source, destination)) = headers.network.addresses() {
            endpoint(source, headers.ports.map(|ports| ports.0), &mut self.line);
            self.line.extend_from_slice(arrow.as_bytes());
            endpoint(destination, headers.ports.map(|ports| ports.1), &mut self.line);
        } else if let Some((source, destination)) = headers.macs {
            number::mac(source, &mut self.line);
            self.line.extend_from_slice(arrow.as_bytes());
            number::mac(destination, &mut self.line);
        }
        let mut len = Vec::new();
        number::decimal(record.frame.original_len.into(), &mut len);
        let taken = columns(&self.line) - start + len.len();
        let ends = if self.width < WIDE { ENDS.1 } else { ENDS.0 };
        self.line.resize(self.line.len() + (ends + 5).saturating_sub(taken).max(1), b' ');
        self.line.extend_from_slice(&len);
    }

    /// Appends the name and how it is known. Returns where the name stands.
    fn service(&mut self, service: &Service<'_>) -> Option<(usize, usize)> {
        let label = service.label;
        let evidence = label.evidence?;
        let line = &mut self.line;
        line.push(b' ');
        let start = line.len();
        if label.is_guess() {
            line.extend_from_slice(b"~ ");
        }
        match label.name.as_deref().filter(|_| evidence != Evidence::None) {
            Some(name) => escape::terminal(name.as_bytes(), line),
            None => line.extend_from_slice(&label.text),
        }
        let end = line.len();
        let word = evidence.as_str();
        if evidence != Evidence::None {
            line.push(b' ');
            line.extend_from_slice(if self.width < WIDE { &word.as_bytes()[..3] } else { word.as_bytes() });
        }
        for word in [label.unserved(), service.known.revised.then_some("revised")].into_iter().flatten() {
            line.push(b' ');
            line.extend_from_slice(word.as_bytes());
        }
        if let Some(instance) = &label.instance {
            line.extend_from_slice(b" \"");
            line.extend_from_slice(instance.as_bytes());
            line.push(b'"');
        }
        label.write_speech(line);
        Some((start, end))
    }

    /// Writes the line as far as there is room, the name in its colour.
    fn write(&self, name: Option<((usize, usize), Evidence)>, out: &mut Vec<u8>) {
        let line = String::from_utf8_lossy(&self.line);
        let shown = fit::cut(&line, self.width);
        match name.filter(|((start, _), _)| self.color && *start < shown.len()) {
            Some(((start, end), evidence)) => {
                let (before, rest) = shown.split_at(start);
                let (name, behind) = rest.split_at((end - start).min(rest.len()));
                let style = style(evidence);
                // Writing to memory does not fail.
                let _ = writeln!(out, "{before}{style}{name}{style:#}{behind}");
            }
            None => {
                out.extend_from_slice(shown.as_bytes());
                out.push(b'\n');
            }
        }
    }
}

fn columns(text: &[u8]) -> usize {
    fit::columns(&String::from_utf8_lossy(text))
}

impl Encoder for Brief {
    type Part = Vec<u8>;

    fn looks_back(&self) -> bool {
        true
    }

    fn packet(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        self.line.clear();
        if let Some(file) = record.file {
            escape::terminal(file.as_bytes(), &mut self.line);
            self.line.extend_from_slice(b": ");
        }
        self.time(record, out);
        self.line.push(b' ');
        match record.label.transport.as_deref() {
            Some(transport) => self.line.extend_from_slice(transport.as_bytes()),
            None => escape::terminal(record.label.key.as_bytes(), &mut self.line),
        }
        self.line.push(b' ');
        self.ends(record);
        let mut name = None;
        if let Some(service) = &record.service {
            name = self.service(service).zip(service.label.evidence);
            if let Some((domain, _)) = record.server_domain().filter(|_| name.is_some()) {
                self.line.extend_from_slice(b" at ");
                self.line.extend_from_slice(domain.as_bytes());
            }
        }
        if let Some(local) = record.local_end() {
            local.write(&mut self.line);
        }
        if let Some(about) = &record.about {
            self.line.extend_from_slice(b"  about");
            self.service(about);
        }
        let headers = record.headers;
        for (position, &id) in headers.vlan.as_slice().iter().enumerate() {
            self.line.extend_from_slice(if position == 0 { b"  vlan " } else { b"." });
            number::decimal(id.into(), &mut self.line);
        }
        for (position, tunnel) in headers.tunnels.as_slice().iter().enumerate() {
            self.line.extend_from_slice(if position == 0 { b"  in " } else { b"/" });
            self.line.extend_from_slice(tunnel.as_str().as_bytes());
        }
        for (via, message) in record.dns() {
            self.line.extend_from_slice(b"  ");
            dns::line(via, &message, &mut self.line);
        }
        record.notes(|note| {
            self.line.extend_from_slice(b"  [");
            note.write(&mut self.line);
            self.line.push(b']');
        });
        self.write(name, out);
    }
}
