//! Flows as Zeek logs connections: lines of `conn.log` in JSON, with Zeek's names, types and units.
//!
//! Only what portolan knows is there, which Zeek's own optional fields allow; `docs/zeek.md` lists the fields from the table
//! here, and what is different.

mod course;

use std::io::Write as _;

pub(super) use course::Course;
use sha2::{Digest as _, Sha256};

use super::{End, FlowRow};
use crate::{packet::TransportProtocol, payload::Protocol, text::number};

/// One field of a line.
#[derive(Clone, Copy, Debug)]
pub struct ZeekField {
    /// Zeek's name of it: a key of the line, dots and all.
    pub name: &'static str,
    /// Zeek's type of it: `time` and `interval` are seconds, `count` is a whole number, `string`, `addr` and `enum` are text.
    pub kind: &'static str,
    /// What it means here, in half a sentence.
    pub doc: &'static str,
    /// Appends its value as JSON; nothing where it is absent.
    get: fn(&FlowRow<'_>, &mut Vec<u8>),
}

const fn field(
    name: &'static str,
    kind: &'static str,
    doc: &'static str,
    get: fn(&FlowRow<'_>, &mut Vec<u8>),
) -> ZeekField {
    ZeekField { name, kind, doc, get }
}

/// The fields, in Zeek's order, and behind them what Zeek does not have.
pub static CONNECTION: [ZeekField; 17] = [
    field("ts", "time", "when its first packet came; absent where no packet has a time", |flow, out| {
        if let Some(first) = flow.first {
            seconds(first, out);
        }
    }),
    field(
        "uid",
        "string",
        "worked out of its ends, its protocol and that time: the same in every run",
        |flow, out| {
            quoted(&unique_id(flow), out);
        },
    ),
    field("id.orig_h", "addr", "who opened it, or sent its first packet", |flow, out| {
        quoted(&flow.originator().ip.to_string(), out);
    }),
    field(
        "id.orig_p",
        "port",
        "from which port; absent where its protocol has none, as ICMP",
        |flow, out| {
            count(flow.originator().port.map(u64::from), out);
        },
    ),
    field("id.resp_h", "addr", "to whom", |flow, out| quoted(&flow.responder().ip.to_string(), out)),
    field("id.resp_p", "port", "to which port", |flow, out| {
        count(flow.responder().port.map(u64::from), out);
    }),
    field("proto", "enum", "`tcp`, `udp`, `icmp` (ICMPv6, too) or `unknown_transport`", |flow, out| {
        quoted(transport(flow.protocol), out);
    }),
    field(
        "service",
        "string",
        "the protocol that its octets tell, never what only its port is registered for",
        |flow, out| {
            let speech = flow.service.as_ref().and_then(|service| service.label.speech);
            if let Some(speech) = speech {
                quoted(service(speech.protocol), out);
            }
        },
    ),
    field(
        "duration",
        "interval",
        "from its first packet to the last, where that is more than nothing",
        |flow, out| {
            if let Some(duration) = flow.duration().filter(|&duration| duration > 0) {
                seconds(duration, out);
            }
        },
    ),
    field("conn_state", "string", "how far it came and how it ended, where that can be told", |flow, out| {
        if let Some(state) = flow.course.state(flow.protocol, flow.packets()) {
            quoted(state, out);
        }
    }),
    field(
        "history",
        "string",
        "what its ends did, a letter each, in the order in which it came first: upper case from there, lower case back",
        |flow, out| {
            let mut letters = Vec::new();
            flow.course.history(flow.protocol, flow.packets(), &mut letters);
            if !letters.is_empty() {
                quoted(&String::from_utf8_lossy(&letters), out);
            }
        },
    ),
    field("orig_pkts", "count", "packets from there", |flow, out| {
        count(Some(flow.originator().packets), out);
    }),
    field("resp_pkts", "count", "packets back", |flow, out| count(Some(flow.responder().packets), out)),
    field("ip_proto", "count", "number of its protocol (Zeek 7.1 and later)", |flow, out| {
        count(Some(flow.protocol.0.into()), out);
    }),
    field(
        "community_id",
        "string",
        "its Community ID, as Zeek's script `community-id-logging` adds it",
        |flow, out| {
            if let Some(id) = flow.community_id() {
                quoted(&String::from_utf8_lossy(&id), out);
            }
        },
    ),
    field(
        "orig_wire_bytes",
        "count",
        "octets of the packets from there as frames on the wire; not Zeek's",
        |flow, out| {
            count(Some(flow.originator().octets), out);
        },
    ),
    field("resp_wire_bytes", "count", "the same of the packets back; not Zeek's", |flow, out| {
        count(Some(flow.responder().octets), out);
    }),
];

impl FlowRow<'_> {
    fn originator(&self) -> &End {
        &self.ends[usize::from(self.course.is_turned)]
    }

    fn responder(&self) -> &End {
        &self.ends[usize::from(!self.course.is_turned)]
    }

    /// Packets of the originator and of the responder.
    fn packets(&self) -> [u64; 2] {
        [self.originator().packets, self.responder().packets]
    }
}

/// Appends the line of a flow.
pub(super) fn line(flow: &FlowRow<'_>, out: &mut Vec<u8>) {
    let mut mark = b'{';
    for field in &CONNECTION {
        let start = out.len();
        out.push(mark);
        quoted(field.name, out);
        out.push(b':');
        let value = out.len();
        (field.get)(flow, out);
        if out.len() == value {
            out.truncate(start);
        } else {
            mark = b',';
        }
    }
    out.extend_from_slice(b"}\n");
}

/// Appends text that needs no escapes in JSON: words of ours, and addresses.
fn quoted(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
}

fn count(value: Option<u64>, out: &mut Vec<u8>) {
    if let Some(value) = value {
        number::decimal(value, out);
    }
}

/// Appends seconds with six digits behind the point, as Zeek writes them; further digits are cut off.
fn seconds(nanoseconds: u64, out: &mut Vec<u8>) {
    let (whole, micro) = (nanoseconds / 1_000_000_000, nanoseconds % 1_000_000_000 / 1_000);
    // Writing to memory cannot fail.
    let _ = write!(out, "{whole}.{micro:06}");
}

/// Zeek's word for a protocol that IP carries (its type `transport_proto`).
fn transport(protocol: TransportProtocol) -> &'static str {
    match protocol.0 {
        6 => "tcp",
        17 => "udp",
        1 | 58 => "icmp",
        _ => "unknown_transport",
    }
}

/// Zeek's word for a protocol that octets tell: ours, but where its analyzer is called otherwise.
fn service(protocol: Protocol) -> &'static str {
    RENAMED.iter().find(|(ours, _)| *ours == protocol).map_or(protocol.word(), |(_, zeeks)| zeeks)
}

/// Protocols that Zeek has another word for. Its analyzer for DNS reads the ports of mDNS, LLMNR and the name service of
/// NetBIOS, too (`base/protocols/dns`).
pub static RENAMED: [(Protocol, &str); 9] = [
    (Protocol::TLS, "ssl"),
    (Protocol::DOMAIN, "dns"),
    (Protocol::MDNS, "dns"),
    (Protocol::LLMNR, "dns"),
    (Protocol::NETBIOS_NS, "dns"),
    (Protocol::DCERPC, "dce_rpc"),
    (Protocol::SNMPTRAP, "snmp"),
    (Protocol::SOCKS4, "socks"),
    (Protocol::SOCKS5, "socks"),
];

/// `C` and 17 digits of base 62, as long as Zeek's: 96 bits of SHA-256 over what makes a flow.
fn unique_id(flow: &FlowRow<'_>) -> String {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut hash = Sha256::new();
    hash.update([flow.protocol.0]);
    for end in [flow.originator(), flow.responder()] {
        hash.update(end.ip.to_string());
        hash.update([0]);
        hash.update(end.port.unwrap_or_default().to_be_bytes());
    }
    hash.update(flow.first.unwrap_or(u64::MAX).to_be_bytes());
    let mut left = hash.finalize()[..12].iter().fold(0, |sum, &octet| sum << 8 | u128::from(octet));
    let mut digits = [b'C'; 18];
    for digit in digits[1..].iter_mut().rev() {
        *digit = DIGITS[(left % 62) as usize];
        left /= 62;
    }
    digits.map(char::from).iter().collect()
}
