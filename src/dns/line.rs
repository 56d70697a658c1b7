//! A DNS message as one line of text.

use std::io::Write as _;

use super::{Data, Message, Question, Record, Section, Via, pairs};
use crate::text::escape;

/// A line names questions and records until it is this long, in octets; the rest it counts.
const ENOUGH: usize = 320;
/// Octets of one TXT record that a line shows.
const TXT_ENOUGH: usize = 96;

/// Appends what a message says as one line without line feed, escaped for a terminal.
///
/// The line is bounded: what does not fit is counted (`+3 more`). Nothing is allocated but in `out`.
///
/// ```
/// use portolan::dns::{Message, Via, line};
/// let octets = b"\0\0\x84\0\0\0\0\x01\0\0\0\0\x04_ipp\x04_tcp\x05local\0\0\x0c\0\x01\0\0\x11\x94\0\x04\x01K\xc0\x0c";
/// let mut text = Vec::new();
/// line(Via::Mdns, &Message::new(octets).unwrap(), &mut text);
/// assert_eq!(text, "mdns response: PTR _ipp._tcp.local → K._ipp._tcp.local (ttl 4500)".as_bytes());
/// ```
pub fn line(via: Via, message: &Message<'_>, out: &mut Vec<u8>) {
    let mut line = Line {
        start: out.len(),
        out,
        section: None,
        begun: false,
        omitted: 0,
        goodbyes: via == Via::Mdns && message.is_response(),
    };
    let claims = message.record_count(Section::Authority) > 0;
    line.push(via.as_str());
    line.push(match (message.is_response(), message.opcode()) {
        (true, _) => " response",
        (false, 0) if via == Via::Mdns && claims => " probe",
        (false, 0) => " query",
        (false, _) => " request",
    });
    if message.opcode() != 0 {
        line.write(format_args!(" (opcode {})", message.opcode()));
    }
    if message.rcode() != 0 {
        line.write(format_args!(" (rcode {})", message.rcode()));
    }
    if message.is_truncated() {
        line.push(" (truncated)");
    }
    let mut questions = message.questions();
    for question in questions.by_ref() {
        if line.begin(None) {
            line.question(via, &question);
        }
    }
    let mut records = questions.records(message);
    for record in records.by_ref() {
        if line.begin(
            Some(record.section).filter(|_| !message.is_response() || record.section != Section::Answer),
        ) {
            line.record(&record);
        }
    }
    let omitted = line.omitted;
    if omitted > 0 {
        line.write(format_args!(", +{omitted} more"));
    }
    if let Some(damage) = records.damage() {
        line.write(format_args!("; damaged at {damage}"));
    }
}

struct Line<'o> {
    out: &'o mut Vec<u8>,
    start: usize,
    section: Option<Section>,
    begun: bool,
    omitted: u32,
    /// Whether a TTL of 0 says goodbye (RFC 6762 section 10.1).
    goodbyes: bool,
}

impl Line<'_> {
    fn push(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    fn write(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a vector does not fail.
        let _ = self.out.write_fmt(text);
    }

    /// Writes what stands before an item, or counts it where the line is long enough already.
    fn begin(&mut self, section: Option<Section>) -> bool {
        if self.out.len() - self.start > ENOUGH {
            self.omitted += 1;
            return false;
        }
        let change = section != self.section;
        self.push(match (self.begun, change) {
            (false, _) => ": ",
            (true, true) => "; ",
            (true, false) => ", ",
        });
        if change {
            self.push(match section {
                None => "",
                Some(Section::Answer) => "knows ",
                Some(Section::Authority) => "authority ",
                Some(Section::Additional) => "additional ",
            });
        }
        (self.begun, self.section) = (true, section);
        true
    }

    fn question(&mut self, via: Via, question: &Question<'_>) {
        self.write(format_args!("{}", question.kind));
        self.push(" ");
        question.name.text(self.out);
        self.push("?");
        if via == Via::Mdns && question.wants_unicast() {
            self.push(" (QU)");
        }
    }

    fn record(&mut self, record: &Record<'_>) {
        self.write(format_args!("{}", record.kind));
        if let Data::Opt(options) = record.data() {
            match options.owner() {
                Some([a, b, c, d, e, f]) => {
                    self.write(format_args!(" for {a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}"));
                }
                None => self.write(format_args!(" payload {}", record.class())),
            }
            return;
        }
        self.push(" ");
        record.name.text(self.out);
        match record.data() {
            Data::A(address) => self.write(format_args!(" → {address}")),
            Data::Aaaa(address) => self.write(format_args!(" → {address}")),
            Data::Ptr(name) | Data::Cname(name) => {
                self.push(" → ");
                name.text(self.out);
            }
            Data::Srv { port, target, .. } => {
                self.push(" → ");
                target.text(self.out);
                self.write(format_args!(":{port}"));
            }
            Data::Txt(strings) => {
                self.push(" [");
                let start = self.out.len();
                for (index, pair) in pairs(strings).enumerate() {
                    if self.out.len() - start > TXT_ENOUGH {
                        self.push(" …");
                        break;
                    }
                    if index > 0 {
                        self.push(" ");
                    }
                    self.octets(pair.key);
                    if let Some(value) = pair.value {
                        self.push("=");
                        self.octets(value);
                    }
                }
                self.push("]");
            }
            Data::Nsec { types, .. } => {
                self.push(" has only");
                // Sixteen types are more than any mDNS name has.
                types.take(16).for_each(|kind| self.write(format_args!(" {kind}")));
            }
            Data::Hinfo(cpu, system) => {
                self.push(" → ");
                self.octets(cpu);
                self.push(" ");
                self.octets(system);
            }
            Data::Svcb { priority, target, .. } => {
                self.write(format_args!(" → {priority} "));
                target.text(self.out);
            }
            Data::Malformed(damage) => self.write(format_args!(" damaged at {damage}")),
            Data::Opt(_) => {}
            Data::Other(octets) => self.write(format_args!(" ({} octets)", octets.len())),
        }
        match (record.ttl, record.flushes()) {
            (0, _) if self.goodbyes => self.push(" (goodbye)"),
            (ttl, true) => self.write(format_args!(" (ttl {ttl}, flush)")),
            (ttl, false) => self.write(format_args!(" (ttl {ttl})")),
        }
    }

    /// Appends octets of one string, cut where they are many.
    fn octets(&mut self, octets: &[u8]) {
        let shown = octets.get(..TXT_ENOUGH).unwrap_or(octets);
        escape::terminal(shown, self.out);
        if shown.len() < octets.len() {
            self.push("…");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::RecordType;
    use crate::dns::testing::{Builder, srv, wire};

    const LOCAL: &[u8] = b"local";
    const INSTANCE: &[&[u8]] = &[b"Kitchen.Printer", b"_ipp", b"_tcp", LOCAL];

    fn text(message: Builder) -> String {
        let mut out = b"> ".to_vec();
        line(Via::Mdns, &Message::new(&message.octets()).unwrap(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn queries_with_known_answers_and_probes() {
        let kind: &[&[u8]] = &[b"_ipp", b"_tcp", LOCAL];
        let query = Builder::query()
            .question(kind, RecordType::PTR, 0x8001)
            .question(kind, RecordType::PTR, 1)
            .answer(kind, RecordType::PTR, 2300, &wire(INSTANCE))
            .record(Section::Additional, &[], RecordType::OPT, 1440, 0, &[]);
        assert_eq!(
            text(query),
            concat!(
                r"> mdns query: PTR _ipp._tcp.local? (QU), PTR _ipp._tcp.local?; knows PTR _ipp._tcp.local → ",
                r"Kitchen\.Printer._ipp._tcp.local (ttl 2300); additional OPT payload 1440"
            )
        );
        let probe = Builder::query().question(INSTANCE, RecordType::ANY, 0x8001).record(
            Section::Authority,
            INSTANCE,
            RecordType::SRV,
            1,
            120,
            &srv(631, &[b"h", LOCAL]),
        );
        assert_eq!(
            text(probe),
            concat!(
                r"> mdns probe: ANY Kitchen\.Printer._ipp._tcp.local? (QU); authority SRV ",
                r"Kitchen\.Printer._ipp._tcp.local → h.local:631 (ttl 120)"
            )
        );
    }

    #[test]
    fn responses_of_every_type() {
        let host: &[&[u8]] = &[b"h", LOCAL];
        let response = Builder::response()
            .flush(INSTANCE, RecordType::TXT, 4500, b"\x04rp=a\x02On\x03n=\xff")
            .flush(host, RecordType::A, 120, &[192, 0, 2, 7])
            .answer(host, RecordType::HINFO, 0, b"\x03ARM\x05Linux")
            .answer(host, RecordType(4711), 1, b"xy")
            .answer(host, RecordType::A, 1, b"xy")
            .flush(host, RecordType::NSEC, 120, &[wire(host).as_slice(), &[0, 4, 0x40, 0, 0, 8]].concat());
        assert_eq!(
            text(response),
            concat!(
                r"> mdns response: TXT Kitchen\.Printer._ipp._tcp.local [rp=a On n=\255] (ttl 4500, flush), ",
                r"A h.local → 192.0.2.7 (ttl 120, flush), HINFO h.local → ARM Linux (goodbye), ",
                r"TYPE4711 h.local (2 octets) (ttl 1), ",
                r"A h.local damaged at offset 159: 2 octets are no A data (ttl 1), ",
                r"NSEC h.local has only A AAAA (ttl 120, flush)"
            )
        );
    }

    #[test]
    fn bounded_whatever_comes() {
        let long = [b'\xff'; 63];
        let name: &[&[u8]] = &[&long, &long, &long, &long[..61]];
        let mut message = Builder::response();
        for _ in 0..100 {
            message = message.answer(name, RecordType::PTR, 1, &wire(name));
        }
        let text = text(message);
        assert!(text.len() < 2_500 && text.ends_with(", +99 more"), "{text}");
        let cut =
            Builder::query().question(&[b"a"], RecordType::A, 1).question(&[b"a"], RecordType::A, 1).octets();
        let mut out = Vec::new();
        line(Via::Udp, &Message::new(&cut[..cut.len() - 1]).unwrap(), &mut out);
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, "dns query: A a?; damaged at offset 22: message needs 26 octets and has 25");
    }
}
