//! Flows, hosts and DNS-SD events told as they come: of packets that come a few at a time, as those of an interface do.

use std::{collections::BTreeMap, path::Path, time::Duration};

use crate::{
    Job, Registry,
    capture::{self, Source},
    knowledge::Options,
    packet::{Batch, Frame, Interface, LinkType, Timestamp},
    pipeline::Inputs,
    report::{
        Format,
        discover::{DiscoverOptions, EventStream},
        flows::{FlowStream, Form, Times},
        hosts::{HostStream, HostsOptions},
    },
    sink::Unseen,
};
use serde_json::Value;

const SECOND: u64 = 1_000_000_000;
const SYN: u8 = 2;
const RST: u8 = 4;
const ACK: u8 = 16;
const CLIENT: ([u8; 4], u16) = ([192, 0, 2, 10], 40_000);
const SERVER: ([u8; 4], u16) = ([192, 0, 2, 20], 80);

/// Packets with their times in ns, so many at a time, after which an empty batch says that nothing comes.
struct Drip {
    packets: Vec<(u64, Vec<u8>)>,
    at: usize,
    most: usize,
}

impl Source for Drip {
    fn fill(&mut self, batch: &mut Batch) -> Result<bool, capture::Error> {
        batch.begin(self.at as u64 + 1, 0);
        let end = self.packets.len().min(self.at + self.most);
        for (time, octets) in &self.packets[self.at..end] {
            batch.push(&Frame {
                number: 0,
                time: Some(Timestamp(*time)),
                interface: 0,
                link: LinkType(101),
                octets,
                original_len: octets.len() as u32,
            });
        }
        self.at = end;
        Ok(!batch.is_empty())
    }

    fn interfaces(&self) -> &[Interface] {
        &[]
    }
}

fn ip(protocol: u8, source: [u8; 4], destination: [u8; 4], payload: &[u8]) -> Vec<u8> {
    let len = 20 + payload.len() as u8;
    [&[0x45, 0, 0, len, 0, 0, 0, 0, 64, protocol, 0, 0][..], &source, &destination, payload].concat()
}

fn tcp(from: ([u8; 4], u16), to: ([u8; 4], u16), flags: u8) -> Vec<u8> {
    let ports = [from.1, to.1].map(u16::to_be_bytes).concat();
    ip(6, from.0, to.0, &[&ports[..], &[0, 0, 0, 1, 0, 0, 0, 1, 0x50, flags, 0, 0, 0, 0, 0, 0]].concat())
}

fn udp(from: ([u8; 4], u16), to: ([u8; 4], u16)) -> Vec<u8> {
    let head = [from.1, to.1, 8, 0].map(u16::to_be_bytes).concat();
    ip(17, from.0, to.0, &head)
}

/// What is told of these packets as JSON, and how many five-tuples were left in the end.
fn told(
    packets: Vec<(u64, Vec<u8>)>,
    (most, limit): (usize, usize),
    every: Option<Duration>,
) -> (Vec<Value>, usize) {
    let registry = Registry::built_in();
    let mut job = Job::new(Inputs::Live(Box::new(Drip { packets, at: 0, most })), &registry);
    let mut out = Vec::new();
    let mut stream = FlowStream::new(Form::Json, &mut out).every(every);
    let options = Options { limit, ..FlowStream::<Vec<u8>>::needs(Form::Json) };
    let (knowledge, answers, _) = job.follow(options, Times, &mut stream, &()).unwrap();
    stream.end(&knowledge, &answers).unwrap();
    let lines = String::from_utf8(out).unwrap();
    let records = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (records, knowledge.flows().len())
}

/// Reason, port of the source, and packets of each record.
fn gist(records: &[Value]) -> Vec<(&str, u64, u64)> {
    let number = |value: &Value| value.as_u64().unwrap();
    let gist = |record| {
        let record: &Value = record;
        let reason = record["event"]["reason"].as_str().unwrap();
        (reason, number(&record["source"]["port"]), number(&record["network"]["packets"]))
    };
    records.iter().map(gist).collect()
}

/// RFC 5102 section 5.11.3: idle timeout, end of flow, forced end. A connection is told five seconds after it was broken off, a
/// datagram after 120 s of silence, and what is new when the run ends, then.
#[test]
fn flows_are_told_when_they_end() {
    let other = ([192, 0, 2, 11], 40_001);
    let packets = vec![
        (10 * SECOND, tcp(CLIENT, SERVER, SYN)),
        (10 * SECOND + 1, tcp(SERVER, CLIENT, SYN | ACK)),
        (11 * SECOND, udp(other, ([192, 0, 2, 20], 53))),
        (12 * SECOND, tcp(CLIENT, SERVER, RST)),
        // Nothing is over yet, and then the connection is.
        (16 * SECOND, udp(([192, 0, 2, 12], 40_002), SERVER)),
        (18 * SECOND, udp(([192, 0, 2, 12], 40_002), SERVER)),
        // Of the same five-tuple, another connection.
        (20 * SECOND, tcp(CLIENT, SERVER, SYN)),
        (130 * SECOND, udp(([192, 0, 2, 12], 40_002), SERVER)),
        (132 * SECOND, udp(([192, 0, 2, 12], 40_002), SERVER)),
    ];
    let (records, _) = told(packets, (1, 1 << 20), None);
    let expected = [("end", 40_000, 3), ("idle", 40_001, 1), ("forced", 40_002, 4), ("forced", 40_000, 1)];
    assert_eq!(gist(&records), expected);
    assert_eq!(records[0]["svc"]["name"], "http");
    assert_eq!(records[0]["event"]["duration"], 2 * SECOND);
}

/// A connection whose ends are used again at once, and one to which a packet comes after it was told.
#[test]
fn no_flow_is_lost_and_the_last_record_counts() {
    let packets = vec![
        (10 * SECOND, tcp(CLIENT, SERVER, SYN)),
        (11 * SECOND, tcp(CLIENT, SERVER, RST)),
        (12 * SECOND, tcp(CLIENT, SERVER, SYN)),
        (13 * SECOND, tcp(CLIENT, SERVER, RST)),
        (19 * SECOND, udp(([192, 0, 2, 12], 40_002), SERVER)),
        (20 * SECOND, tcp(SERVER, CLIENT, RST)),
        (22 * SECOND, tcp(SERVER, CLIENT, RST)),
        (40 * SECOND, udp(([192, 0, 2, 12], 40_002), SERVER)),
        (42 * SECOND, udp(([192, 0, 2, 12], 40_002), SERVER)),
    ];
    let (records, _) = told(packets, (1, 1 << 20), None);
    let expected = [("end", 40_000, 2), ("end", 40_000, 2), ("end", 40_000, 4), ("forced", 40_002, 3)];
    assert_eq!(gist(&records), expected);
    let starts: Vec<_> = records.iter().map(|record| record["event"]["start"].clone()).collect();
    assert!(starts[0] != starts[1] && starts[1] == starts[2], "{starts:?}");
}

/// `--every 10s`: a flow that lasts is told with what it has by then, where there was more.
#[test]
fn flows_that_last_are_told_so_often() {
    let mut packets: Vec<_> = (0..35).map(|second| (second * SECOND, udp(CLIENT, SERVER))).collect();
    packets.extend((35..60).map(|second| (second * SECOND, udp(([192, 0, 2, 11], 40_001), SERVER))));
    let (records, _) = told(packets, (1, 1 << 20), Some(Duration::from_secs(10)));
    let of = |port| gist(&records).into_iter().filter(move |(_, known, _)| *known == port);
    let of = |port| of(port).map(|(reason, _, packets)| (reason, packets)).collect::<Vec<_>>();
    assert_eq!(of(40_000), [("active", 11), ("active", 21), ("active", 31), ("active", 35), ("forced", 35)]);
    assert_eq!(of(40_001), [("active", 11), ("active", 21), ("forced", 25)]);
}

/// Fresh flows all the time leave the table again, and every packet is told exactly once in the last records of flows.
#[test]
fn what_was_told_is_not_held() {
    let flow = |number: u64| {
        let [.., high, low] = number.to_be_bytes();
        udp(([10, 1, high, low], 40_000), SERVER)
    };
    let packets: Vec<_> = (0..60_000_u64).map(|number| (number * SECOND / 100, flow(number))).collect();
    for limit in [1 << 20, 1000] {
        let (records, left) = told(packets.clone(), (500, limit), None);
        let mut last = BTreeMap::new();
        for record in &records {
            let key = (record["source"]["ip"].to_string(), record["event"]["start"].to_string());
            last.insert(key, record["network"]["packets"].as_u64().unwrap());
        }
        assert_eq!(last.values().sum::<u64>(), 60_000);
        // 120 s of silence, 60 s held and some to make it worth while; or as many as there is room for.
        let most = if limit == 1000 { 1000 } else { 180 * 100 + 5000 };
        assert!(left <= most, "{left} five-tuples are left of {limit}");
        // Names are kept where five-tuples get new numbers.
        assert!(records.iter().all(|record| record["svc"]["port"] == 80));
    }
}

fn sample(name: &str) -> Inputs {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples").join(name);
    Inputs::Live(Box::new(capture::open(path).unwrap()))
}

/// As they come, the events are those that the report has in the end, and in its form.
#[test]
fn events_are_told_as_they_come() {
    let registry = Registry::built_in();
    let mut job = Job::new(sample("office.pcapng"), &registry);
    let mut out = Vec::new();
    let mut stream =
        EventStream::new(DiscoverOptions::default(), vec!["wire".into()], Format::Json, &mut out);
    let needs = EventStream::<Vec<u8>>::needs();
    let (mut knowledge, ..) = job.follow(needs, Unseen, &mut stream, &()).unwrap();
    knowledge.settle();
    stream.end(&knowledge, &registry).unwrap();
    let lines: Vec<Value> =
        String::from_utf8(out).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/office.pcapng");
    let (mut whole, _) =
        Job::new(Inputs::Files(vec![path]), &registry).learn(EventStream::<Vec<u8>>::needs(), &()).unwrap();
    let mut json = Vec::new();
    let inventories: Vec<_> = whole.take_inventory().into_iter().collect();
    let files = ["wire".to_owned()];
    let options = DiscoverOptions::default();
    crate::report::discover::write(&inventories, &registry, &files, &options, Format::Json, &mut json)
        .unwrap();
    let report: Value = serde_json::from_slice(&json).unwrap();
    assert!(lines.len() > 10);
    assert_eq!(Value::Array(lines), report["events"]);
}

/// Each host once, and again only where more is known.
#[test]
fn hosts_are_told_when_more_is_known_of_them() {
    let registry = Registry::built_in();
    let packets: Vec<_> = (0..50_u64)
        .flat_map(|second| {
            let mut packets = vec![(second * SECOND, udp(CLIENT, ([192, 0, 2, 20], 53)))];
            // An answer makes a server of it.
            if second == 30 {
                packets.push((second * SECOND + 1, udp(([192, 0, 2, 20], 53), CLIENT)));
            }
            packets
        })
        .collect();
    let mut job = Job::new(Inputs::Live(Box::new(Drip { packets, at: 0, most: 1 })), &registry);
    let mut out = Vec::new();
    let mut stream = HostStream::new(HostsOptions::default(), Format::Json, Duration::ZERO, &mut out);
    let needs = HostStream::<Vec<u8>>::needs();
    let (knowledge, answers, _) = job.follow(needs, Unseen, &mut stream, &()).unwrap();
    stream.end(&knowledge, &answers).unwrap();
    let records: Vec<Value> =
        String::from_utf8(out).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of =
        |address: &str| records.iter().filter(|record| record["addresses"][0] == address).collect::<Vec<_>>();
    let server = of("192.0.2.20").last().copied().unwrap();
    assert_eq!(server["offers"][0]["key"], "domain/udp");
    // Asked, asked more than ten times without an answer, answered: no record a packet.
    assert!((2..=3).contains(&of("192.0.2.10").len()), "{records:#?}");
}
