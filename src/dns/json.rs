//! A DNS message as a JSON object.

use std::{io::Write as _, net::IpAddr};

use super::{Data, Message, Name, Pair, Record, Section, Strings, Via, pairs};
use crate::text::{
    json::{member_base64, member_escaped, member_text},
    number,
};

/// Most questions, most records, and most pairs of all TXT records, that the object lists; the others are counted in `omitted`.
const MAX_LISTED: usize = 1_024;

/// Appends a message as one JSON object: header bits, `questions`, `answers`, `authorities`, `additionals`
/// and `damage`. What is absent or not set is left out.
///
/// Names stand escaped as [`Name::text`] writes them. Text from the wire is never a key of the object;
/// octets that are no UTF-8 stand under the key with `_base64` added. Nothing is allocated but in `out`.
///
/// ```
/// use portolan::dns::{Message, Via, json};
/// let octets = b"\0\0\0\0\0\x01\0\0\0\0\0\0\x04_ipp\x04_tcp\x05local\0\0\x0c\x80\x01";
/// let mut object = Vec::new();
/// json(Via::Mdns, &Message::new(octets).unwrap(), &mut object);
/// assert_eq!(
///     String::from_utf8(object).unwrap(),
///     r#"{"via":"mdns","response":false,"questions":[{"name":"_ipp._tcp.local","type":"PTR","unicast":true}]}"#
/// );
/// ```
pub fn json(via: Via, message: &Message<'_>, out: &mut Vec<u8>) {
    put(out, format_args!(r#"{{"via":"{}","response":{}"#, via.as_str(), message.is_response()));
    if message.id() != 0 {
        put(out, format_args!(r#","id":{}"#, message.id()));
    }
    if message.opcode() != 0 {
        put(out, format_args!(r#","opcode":{}"#, message.opcode()));
    }
    if message.rcode() != 0 {
        put(out, format_args!(r#","rcode":{}"#, message.rcode()));
    }
    if message.is_authoritative() {
        push(out, r#","authoritative":true"#);
    }
    if message.is_truncated() {
        push(out, r#","truncated":true"#);
    }
    let mut omitted = 0;
    let mut questions = message.questions();
    for (index, question) in questions.by_ref().enumerate() {
        if index >= MAX_LISTED {
            omitted += 1;
            continue;
        }
        push(out, if index == 0 { r#","questions":[{"# } else { ",{" });
        member_name("name", &question.name, out);
        put(out, format_args!(r#","type":"{}""#, question.kind));
        let unicast = via == Via::Mdns && question.wants_unicast();
        class(question.class(), out);
        push(out, if unicast { r#","unicast":true}"# } else { "}" });
    }
    if message.questions().next().is_some() {
        push(out, "]");
    }
    let mut section = None;
    let mut room = MAX_LISTED;
    let mut records = questions.records(message);
    for (index, record) in records.by_ref().enumerate() {
        if index >= MAX_LISTED {
            omitted += 1;
            continue;
        }
        if section == Some(record.section) {
            push(out, ",");
        } else {
            push(out, if section.is_some() { "]," } else { "," });
            push(
                out,
                match record.section {
                    Section::Answer => r#""answers":["#,
                    Section::Authority => r#""authorities":["#,
                    Section::Additional => r#""additionals":["#,
                },
            );
            section = Some(record.section);
        }
        omitted += object(&record, &mut room, out);
    }
    if section.is_some() {
        push(out, "]");
    }
    if omitted > 0 {
        put(out, format_args!(r#","omitted":{omitted}"#));
    }
    if let Some(damage) = records.damage() {
        put(out, format_args!(r#","damage":"{damage}""#));
    }
    push(out, "}");
}

/// Appends a record; of TXT pairs as many as there is room for. Says how many were left out.
fn object(record: &Record<'_>, room: &mut usize, out: &mut Vec<u8>) -> usize {
    let mut omitted = 0;
    push(out, "{");
    member_name("name", &record.name, out);
    put(out, format_args!(r#","type":"{}""#, record.kind));
    if let Data::Opt(options) = record.data() {
        put(out, format_args!(r#","payload_size":{}"#, record.class()));
        if let Some(owner) = options.owner() {
            push(out, r#","owner":""#);
            number::mac_hyphens(owner, out);
            push(out, "\"");
        }
        for (index, (code, octets)) in options.enumerate() {
            push(out, if index == 0 { r#","options":[{"# } else { ",{" });
            put(out, format_args!(r#""code":{code},"#));
            member_base64("data", octets, out);
            push(out, "}");
        }
        push(out, if options.count() > 0 { "]}" } else { "}" });
        return omitted;
    }
    class(record.class(), out);
    put(out, format_args!(r#","ttl":{}"#, record.ttl));
    if record.flushes() {
        push(out, r#","flush":true"#);
    }
    push(out, ",");
    match record.data() {
        Data::A(address) => member_address("address", address.into(), out),
        Data::Aaaa(address) => member_address("address", address.into(), out),
        Data::Ptr(name) | Data::Cname(name) => member_name("target", &name, out),
        Data::Srv { priority, weight, port, target } => {
            put(out, format_args!(r#""priority":{priority},"weight":{weight},"port":{port},"#));
            member_name("target", &target, out);
        }
        Data::Txt(strings) => omitted = txt(strings, room, out),
        Data::Nsec { next, types } => {
            member_name("next", &next, out);
            push(out, r#","types":["#);
            for (index, kind) in types.take(MAX_LISTED).enumerate() {
                put(out, format_args!(r#"{}"{kind}""#, if index == 0 { "" } else { "," }));
            }
            push(out, "]");
        }
        Data::Hinfo(cpu, system) => {
            member_text("cpu", cpu, out);
            push(out, ",");
            member_text("os", system, out);
        }
        Data::Svcb { priority, target, parameters } => {
            put(out, format_args!(r#""priority":{priority},"#));
            member_name("target", &target, out);
            push(out, ",");
            member_base64("parameters", parameters, out);
        }
        Data::Malformed(damage) => put(out, format_args!(r#""damage":"{damage}""#)),
        Data::Opt(_) => {}
        Data::Other(octets) => member_base64("data", octets, out),
    }
    push(out, "}");
    omitted
}

fn txt(strings: Strings<'_>, room: &mut usize, out: &mut Vec<u8>) -> usize {
    push(out, r#""txt":["#);
    let mut all = pairs(strings);
    for (index, pair) in all.by_ref().take(*room).enumerate() {
        push(out, if index == 0 { "{" } else { ",{" });
        member_pair(&pair, out);
        push(out, "}");
        *room -= 1;
    }
    push(out, "]");
    all.count()
}

/// Appends `"key":…,"value":…,"state":…` of one TXT attribute; `value` only where there is one.
pub(crate) fn member_pair(pair: &Pair<'_>, out: &mut Vec<u8>) {
    member_text("key", pair.key, out);
    if let Some(value) = pair.value {
        push(out, ",");
        member_text("value", value, out);
    }
    put(out, format_args!(r#","state":"{}""#, pair.state()));
}

/// Appends `"key":"…"` with a name as [`Name::text`] writes it.
pub(crate) fn member_name(key: &str, name: &Name<'_>, out: &mut Vec<u8>) {
    member_escaped(key, out, |out| name.text(out));
}

fn member_address(key: &str, address: IpAddr, out: &mut Vec<u8>) {
    put(out, format_args!(r#""{key}":"{address}""#));
}

/// Appends the class where it is not the Internet's.
fn class(class: u16, out: &mut Vec<u8>) {
    if class != 1 {
        put(out, format_args!(r#","class":{class}"#));
    }
}

fn push(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}

fn put(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // Writing to a vector does not fail.
    let _ = out.write_fmt(text);
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::json as write;
    use super::*;
    use crate::dns::{
        RecordType,
        testing::{Builder, srv, wire},
    };

    const LOCAL: &[u8] = b"local";

    fn value(message: Builder) -> Value {
        let mut out = b"x".to_vec();
        write(Via::Mdns, &Message::new(&message.octets()).unwrap(), &mut out);
        serde_json::from_slice(&out[1..]).unwrap()
    }

    #[test]
    fn every_type_and_section() {
        let host: &[&[u8]] = &[b"h", LOCAL];
        let option = [0, 4, 0, 8, 0, 7, 2, 0, 0, 0, 0, 9];
        let message = Builder::response()
            .question(host, RecordType::ANY, 0x80ff)
            .flush(&[b"i", b"_x", b"_tcp"], RecordType::SRV, 120, &srv(631, host))
            .answer(host, RecordType::HINFO, 0, b"\x03A\"B\x01\xff")
            .record(Section::Authority, host, RecordType(4711), 3, 1, b"xyz")
            .record(Section::Additional, host, RecordType::AAAA, 1, 9, &[0; 16])
            .record(Section::Additional, host, RecordType::A, 1, 9, &[0; 16])
            .record(
                Section::Additional,
                host,
                RecordType::NSEC,
                1,
                9,
                &[wire(host).as_slice(), &[0, 1, 0x40]].concat(),
            )
            .record(Section::Additional, &[], RecordType::OPT, 1440, 0, &option);
        assert_eq!(
            value(message),
            json!({
                "via": "mdns", "response": true, "authoritative": true,
                "questions": [{"name": "h.local", "type": "ANY", "class": 255, "unicast": true}],
                "answers": [
                    {"name": "i._x._tcp", "type": "SRV", "ttl": 120, "flush": true,
                     "priority": 0, "weight": 0, "port": 631, "target": "h.local"},
                    {"name": "h.local", "type": "HINFO", "ttl": 0, "cpu": "A\"B", "os_base64": "/w=="},
                ],
                "authorities": [{"name": "h.local", "type": "TYPE4711", "class": 3, "ttl": 1, "data_base64": "eHl6"}],
                "additionals": [
                    {"name": "h.local", "type": "AAAA", "ttl": 9, "address": "::"},
                    {"name": "h.local", "type": "A", "ttl": 9, "damage": "offset 162: 16 octets are no A data"},
                    {"name": "h.local", "type": "NSEC", "ttl": 9, "next": "h.local", "types": ["A"]},
                    {"name": ".", "type": "OPT", "payload_size": 1440, "owner": "02-00-00-00-00-09",
                     "options": [{"code": 4, "data_base64": "AAcCAAAAAAk="}]},
                ],
            })
        );
    }

    #[test]
    fn names_and_txt_come_through_unharmed() {
        let long = "ü".repeat(31) + "x";
        let labels: [&[u8]; 4] = [b"a.b", b"back\\slash", b"\x1b[31m\"\xff", long.as_bytes()];
        for label in labels {
            let message = Builder::response().answer(&[label, LOCAL], RecordType::PTR, 1, &wire(&[label]));
            let octets = message.clone().octets();
            let name = Message::new(&octets).unwrap().records().next().unwrap().name.to_string();
            assert_eq!(value(message)["answers"][0]["name"], name.as_str());
            assert!(!name.bytes().any(|octet| octet < 0x20));
        }
        let txt = Builder::response().answer(
            &[b"i"],
            RecordType::TXT,
            1,
            b"\x03a==\x02b=\x01c\x04d=\xff\xfe\x04\xffk=1\x06e=\x1b[1m",
        );
        assert_eq!(
            value(txt)["answers"][0]["txt"],
            json!([
                {"key": "a", "value": "=", "state": "value"},
                {"key": "b", "value": "", "state": "empty"},
                {"key": "c", "state": "no-value"},
                {"key": "d", "value_base64": "//4=", "state": "value"},
                {"key_base64": "/2s=", "value": "1", "state": "value"},
                {"key": "e", "value": "\u{1b}[1m", "state": "value"},
            ])
        );
    }

    #[test]
    fn damage_and_bounds() {
        let octets = Builder::query().question(&[b"a"], RecordType::A, 1).flags(0x0200).octets();
        let mut out = Vec::new();
        write(Via::Udp, &Message::new(&octets[..octets.len() - 1]).unwrap(), &mut out);
        let found: Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(found["damage"], "offset 15: message needs 19 octets and has 18");
        assert_eq!((&found["truncated"], found.get("questions")), (&json!(true), None));
        let mut many = Builder::response();
        for _ in 0..MAX_LISTED + 5 {
            many = many.answer(&[], RecordType::A, 1, &[0; 4]);
        }
        let found = value(many);
        assert_eq!((found["answers"].as_array().unwrap().len(), &found["omitted"]), (MAX_LISTED, &json!(5)));
        // Of two TXT records 600 pairs and the first 424, of 606.
        let text = b"\x01a".repeat(600);
        let more = b"\x01b".repeat(606);
        let message = Builder::response()
            .answer(&[b"i"], RecordType::TXT, 1, &text)
            .answer(&[b"j"], RecordType::TXT, 1, &more)
            .answer(&[b"k"], RecordType::TXT, 1, b"\x01c");
        let found = value(message);
        let pairs = |at: usize| found["answers"][at]["txt"].as_array().unwrap().len();
        assert_eq!(([0, 1, 2].map(pairs), &found["omitted"]), ([600, 424, 0], &json!(182 + 1)));
    }
}
