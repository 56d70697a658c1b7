//! One record per flow, in every form, of a capture made by hand.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{capture::Scratch, cli::good};

/// A capture of raw IP packets (LINKTYPE_RAW), each with its time in microseconds.
pub(crate) fn pcap(packets: &[(u32, Vec<u8>)]) -> Vec<u8> {
    let mut file = b"\xd4\xc3\xb2\xa1\x02\0\x04\0\0\0\0\0\0\0\0\0\xff\xff\0\0\x65\0\0\0".to_vec();
    for (time, octets) in packets {
        let len = octets.len() as u32;
        file.extend([time / 1_000_000, time % 1_000_000, len, len].into_iter().flat_map(u32::to_le_bytes));
        file.extend_from_slice(octets);
    }
    file
}

pub(crate) fn v4(protocol: u8, source: [u8; 4], destination: [u8; 4], payload: &[u8]) -> Vec<u8> {
    let len = 20 + payload.len() as u8;
    let head = [0x45, 0, 0, len, 0, 0, 0, 0, 64, protocol, 0, 0];
    [&head[..], &source, &destination, payload].concat()
}

/// A UDP datagram between 2001:db8::1 and 2001:db8::2, the last octets of which are given.
fn v6_udp([source, destination]: [u8; 2], [from, to]: [u16; 2]) -> Vec<u8> {
    let address = |last| [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last];
    let udp: Vec<_> = [from, to, 8, 0].into_iter().flat_map(u16::to_be_bytes).collect();
    [&[0x60, 0, 0, 0, 0, 8, 17, 64][..], &address(source), &address(destination), &udp].concat()
}

const CLIENT: ([u8; 4], u16) = ([128, 232, 110, 120], 34_855);
const SERVER: ([u8; 4], u16) = ([66, 35, 250, 204], 80);
const SYN: u8 = 2;
const RST: u8 = 4;
const ACK: u8 = 16;

fn tcp(from: ([u8; 4], u16), to: ([u8; 4], u16), flags: u8) -> Vec<u8> {
    let ports = [from.1, to.1].map(u16::to_be_bytes).concat();
    v4(6, from.0, to.0, &[&ports[..], &[0, 0, 0, 1, 0, 0, 0, 1, 0x50, flags, 0, 0, 0, 0, 0, 0]].concat())
}

/// Two connections of the same five-tuple, a question over IPv6 and a ping, in the order of the file.
pub(crate) fn capture() -> Vec<u8> {
    pcap(&[
        (10_000_000, tcp(CLIENT, SERVER, SYN)),
        (10_100_000, tcp(SERVER, CLIENT, SYN | ACK)),
        (10_200_000, tcp(CLIENT, SERVER, ACK)),
        (9_000_000, v6_udp([1, 2], [40_000, 53])),
        (10_500_000, tcp(CLIENT, SERVER, RST)),
        (12_000_000, v4(1, [192, 0, 2, 1], [192, 0, 2, 2], &[8, 0, 0, 0, 0, 1, 0, 1])),
        (12_000_001, v4(1, [192, 0, 2, 2], [192, 0, 2, 1], &[0, 0, 0, 0, 0, 1, 0, 1])),
        (20_000_000, tcp(CLIENT, SERVER, SYN)),
    ])
}

#[test]
fn flows_are_told_in_the_order_they_began() {
    let folder = Scratch::new("flows");
    let file = folder.file("flows.pcap", &capture()).display().to_string();
    let text = good(&["flows", &file]);
    let expected = [
        "1970-01-01 00:00:09.000000 0.000 s udp [2001:db8::1]:40000 > [2001:db8::2]:53 packets 1+0 octets 48+0  \
         53/udp domain (destination, registered, system-port, asked)",
        "1970-01-01 00:00:10.000000 0.500 s tcp 128.232.110.120:34855 > 66.35.250.204:80 packets 3+1 octets 120+40  \
         80/tcp http (destination, registered, handshake)",
        "1970-01-01 00:00:12.000000 0.000 s icmp 192.0.2.1 > 192.0.2.2 packets 1+1 octets 28+28",
        "1970-01-01 00:00:20.000000 0.000 s tcp 128.232.110.120:34855 > 66.35.250.204:80 packets 1+0 octets 40+0  \
         80/tcp http (destination, registered, handshake)",
    ];
    assert_eq!(text.lines().collect::<Vec<_>>(), expected);
    let relative = good(&["flows", "--time", "relative", &file]);
    let starts: Vec<_> = relative.lines().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(starts, ["0.000000", "1.000000", "3.000000", "11.000000"]);
}

#[test]
fn flows_for_machines() {
    let folder = Scratch::new("flows-json");
    let file = folder.file("flows.pcap", &capture()).display().to_string();
    let out = good(&["flows", "--format", "json", &file]);
    let records: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(records.len(), 4);
    let connection = json!({
        "@timestamp": "1970-01-01T00:00:10.000000000Z",
        "event": {
            "start": "1970-01-01T00:00:10.000000000Z", "end": "1970-01-01T00:00:10.500000000Z",
            "duration": 500_000_000,
        },
        // The identifier is that of the specification's own example of this five-tuple.
        "network": {
            "type": "ipv4", "transport": "tcp", "iana_number": "6",
            "community_id": "1:LQU9qZlK+B5F3KDmev6m5PMibrg=", "packets": 4, "bytes": 160,
        },
        "source": {"ip": "128.232.110.120", "port": 34855, "packets": 3, "bytes": 120},
        "destination": {"ip": "66.35.250.204", "port": 80, "packets": 1, "bytes": 40},
    });
    for (member, value) in connection.as_object().unwrap() {
        assert_eq!(&records[1][member], value);
    }
    let service = &records[1]["svc"];
    for (member, value) in [
        ("name", "http"),
        ("transport", "tcp"),
        ("side", "destination"),
        ("evidence", "registered"),
        ("rule", "handshake"),
    ] {
        assert_eq!(service[member], value, "{member}");
    }
    // An identifier of ICMP holds type and code, of which a flow may have several.
    let ping = &records[2];
    assert_eq!((ping.get("svc"), ping["network"].get("community_id")), (None, None));
    assert_eq!((ping["source"].get("port"), &ping["network"]["transport"]), (None, &json!("icmp")));
    assert_eq!(ping["event"]["duration"], 1_000);
}

/// Paths of a record with dots turned into underscores, and their values as CSV writes them.
fn flat(prefix: &str, value: &Value, all: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(members) => {
            for (member, value) in members {
                let path = if prefix.is_empty() { member.clone() } else { format!("{prefix}_{member}") };
                flat(&path, value, all);
            }
        }
        Value::Array(values) => {
            let words: Vec<_> = values.iter().filter_map(Value::as_str).collect();
            all.insert(prefix.to_owned(), words.join(" "));
        }
        Value::String(text) => _ = all.insert(prefix.to_owned(), text.clone()),
        other => _ = all.insert(prefix.to_owned(), other.to_string()),
    }
}

#[test]
fn csv_says_of_flows_what_json_says() {
    let folder = Scratch::new("flows-csv");
    let made = folder.file("flows.pcap", &capture()).display().to_string();
    for file in [made.as_str(), "office.pcapng", "mdns-ipp-6631.pcap"] {
        let out = good(&["flows", "--format", "json", file]);
        let records = out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let table = good(&["flows", "--format", "csv", file]);
        let mut reader = csv::Reader::from_reader(table.as_bytes());
        let columns = reader.headers().unwrap().clone();
        assert!(columns.iter().any(|column| column == "svc_candidates"));
        let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
        assert_eq!(rows.len(), records.clone().count(), "{file}");
        for (row, record) in rows.iter().zip(records) {
            let mut expected = BTreeMap::new();
            flat("", &record, &mut expected);
            for (column, field) in columns.iter().zip(row) {
                let value = expected.get(column).map_or("", String::as_str);
                assert_eq!(field, value, "{file}: {column} of {record}");
            }
        }
    }
}

#[test]
fn a_length_that_cannot_be_counts_as_captured_everywhere() {
    let folder = Scratch::new("implausible");
    let mut file = capture();
    // The original length of the first packet, which has 40 octets, and of the ping (28 octets).
    let ping = 24 + 3 * (16 + 40) + (16 + 48) + (16 + 40);
    for (record, length) in [(24, 538_976_288_u32), (ping, u32::MAX)] {
        file[record + 12..record + 16].copy_from_slice(&length.to_le_bytes());
    }
    let path = folder.file("capture.pcap", &file).display().to_string();
    let sound = folder.file("sound.pcap", &capture()).display().to_string();
    let told = |command: &[&str], path: &str| {
        let text = good(&[command, &[path]].concat());
        text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).collect::<Vec<_>>()
    };
    let flows = ["flows", "--format", "json"];
    assert_eq!(told(&flows, &path), told(&flows, &sound));

    let summary = |by: &[&str], path: &str| {
        let text = good(&[&["summary", "--format", "json"], by, &[path]].concat());
        serde_json::from_str::<Value>(&text).unwrap()
    };
    for by in [&["--by", "service"][..], &["--by", "interface"], &["--interval", "1s"]] {
        let (counted, expected) = (summary(by, &path), summary(by, &sound));
        assert_eq!((&counted["rows"], &counted["intervals"]), (&expected["rows"], &expected["intervals"]));
        assert_eq!(counted["capture"]["bytes"], 5 * 40 + 48 + 2 * 28);
        assert_eq!(counted["capture"]["implausible_lengths"], 2);
        assert_eq!(expected["capture"].get("implausible_lengths"), None);
    }
    assert!(good(&["summary", &path]).contains("\nimplausible lengths: 2 packets count as captured\n"));
    assert!(!good(&["summary", &sound]).contains("implausible"));

    let packets = told(&["annotate", "--format", "json"], &path);
    assert_eq!(
        packets[0]["frame"],
        json!({"number": 1, "interface": 0, "link": "raw", "captured": 40, "original": 538_976_288})
    );
    let note = "length implausible: 538976288 octets on the wire, 40 captured";
    assert_eq!(packets[0]["notes"], json!([note]));
    assert_eq!(packets[0]["svc"]["name"], "http");
    assert_eq!(
        packets[5]["notes"],
        json!(["length implausible: 4294967295 octets on the wire, 28 captured"])
    );
    assert_eq!(packets[1].get("notes"), None);
}
