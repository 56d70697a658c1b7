//! What `explain` says agrees with what `annotate` says: the same rule, side and answer, the octets of the file.

use std::{collections::BTreeSet, io};

use portolan::{
    Answers, Encoder, Record, Registry, Sink, View,
    flow::Key,
    knowledge,
    naming::{self, Rule},
    payload::Protocol,
    report::{
        Format,
        explain::{self, Evidence, Seen, Watcher},
    },
};
use serde_json::Value;

use crate::{
    capture::Scratch,
    cli::{good, portolan},
    summary::{PLAIN, job, learn, samples},
};

/// The rule that decided is the rule of the answer, for every five-tuple of every sample; each explanation has it once.
#[test]
fn the_rule_that_decides_is_the_one_of_the_answer() {
    let registry = Registry::built_in();
    let mut met = BTreeSet::new();
    for sample in samples() {
        let knowledge = learn(&sample, PLAIN, knowledge::Options::default(), &registry).0;
        let answers = Answers::of(&knowledge, &registry, true, 1);
        let view = View { knowledge: &knowledge, answers: &answers, registry: &registry };
        for tuple in knowledge.flows().five_tuples().filter(|tuple| tuple.key.ports().is_some()) {
            let known = answers.get(tuple.id).unwrap();
            let spoke = explain::rules(&tuple.key, &Evidence::default(), &view);
            let chosen: Vec<_> = spoke.iter().filter(|spoke| spoke.chosen).collect();
            let [chosen] = chosen[..] else { panic!("{}: {spoke:?}", sample.display()) };
            assert_eq!((Some(chosen.rule), chosen.side), (known.rule, known.side), "{}", sample.display());
            assert!(!chosen.because.is_empty());
            met.extend(spoke.iter().map(|spoke| spoke.rule.as_str()));
        }
    }
    let unmet: Vec<_> =
        Rule::ALL.iter().map(|rule| rule.as_str()).filter(|rule| !met.contains(rule)).collect();
    // Nobody tells the samples' names by hand, nor which sockets listened; nor is there one of which nothing is known.
    let rare = ["user", "listening", "fan-in", "lower-port", "unknown"];
    assert!(unmet.iter().all(|rule| rare.contains(rule)), "{unmet:?}");
}

/// Many watchers in one pass over a capture: what each sees, by its place.
#[derive(Clone)]
struct All(Vec<Watcher>);

impl Encoder for All {
    type Part = Vec<(usize, Seen)>;

    fn packet(&mut self, record: &Record<'_>, part: &mut Self::Part) {
        for (place, watcher) in self.0.iter_mut().enumerate() {
            let mut seen = Vec::new();
            watcher.packet(record, &mut seen);
            part.extend(seen.into_iter().map(|seen| (place, seen)));
        }
    }
}

struct Found(Vec<Evidence>);

impl Sink<Vec<(usize, Seen)>> for Found {
    fn take(&mut self, part: &mut Vec<(usize, Seen)>) -> io::Result<()> {
        part.drain(..).try_for_each(|(place, seen)| self.0[place].take(&mut vec![seen]))
    }

    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The answer of every packet of every sample is its `svc`, the rule and the name that were chosen are the answer's, what
/// the octets say at their end is what it speaks, and the octets shown are those of the frame.
#[test]
fn every_explained_packet_has_the_answer_of_its_record() {
    let (registry, mut packets) = (Registry::built_in(), 0);
    for path in samples() {
        let sample = path.file_name().unwrap().to_str().unwrap();
        let knowledge = learn(&path, PLAIN, knowledge::Options::default(), &registry).0;
        let answers = Answers::of(&knowledge, &registry, true, 1);
        let view = View { knowledge: &knowledge, answers: &answers, registry: &registry };
        let look = |watchers: Vec<Watcher>| {
            let mut found = Found(watchers.iter().map(Evidence::of).collect());
            job(&path, PLAIN, &registry).chart(&view, All(watchers), &mut found, &()).unwrap();
            found.0
        };
        let records = good(&["annotate", "--format", "json", sample]);
        let records: Vec<Value> = records.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let number = |record: &Value| record["frame"]["number"].as_u64().unwrap();
        let own = look(records.iter().map(|record| Watcher::of_packet(None, number(record))).collect());
        let keys: Vec<Key> = knowledge.flows().five_tuples().map(|tuple| tuple.key).collect();
        let flows = look(keys.iter().map(|&key| Watcher::of_flow(key, &view)).collect());
        for (packet, record) in own.iter().zip(&records) {
            let key = packet.first().unwrap().key;
            let nothing = Evidence::default();
            let place = key.map(|key| keys.iter().position(|&known| known == key).unwrap());
            let evidence = place.map_or(&nothing, |place| &flows[place]);
            let explained = |format| {
                let mut out = Vec::new();
                explain::write(Some(packet), (key, evidence), &view, format, &mut out).unwrap();
                out
            };
            let told: Value = serde_json::from_slice(&explained(Format::Json)).unwrap();
            let mut svc = record.get("svc").cloned();
            // The name of a host is none of its service.
            let members = svc.iter_mut().filter_map(Value::as_object_mut);
            members.for_each(|members| _ = members.remove("domain_source"));
            let (svc, place) = (svc.as_ref(), format!("{sample}: {record}: {told}"));
            assert_eq!(told.get("answer"), svc, "{place}");
            assert_eq!(told["about"].get("svc"), record["about"].get("svc"), "{place}");
            assert_eq!(told["frame"], record["frame"]["number"], "{place}");
            let chosen = |list: &str| -> Vec<Value> {
                let all = told[list].as_array().unwrap();
                all.iter().filter(|one| one["chosen"] == true).cloned().collect()
            };
            let (rules, names) = (chosen("rules"), chosen("names"));
            assert_eq!(rules.len(), usize::from(svc.is_some()), "{place}");
            for rule in rules {
                assert_eq!((&rule["rule"], &rule["side"]), (&record["svc"]["rule"], &record["svc"]["side"]));
            }
            let named = svc.is_some_and(|svc| svc.get("name").is_some());
            assert_eq!(names.len(), usize::from(named), "{place}");
            for name in names {
                assert_eq!(
                    (&name["name"], &name["evidence"]),
                    (&record["svc"]["name"], &record["svc"]["evidence"])
                );
            }
            let all = told["names"].as_array().unwrap();
            for candidate in svc.and_then(|svc| svc["candidates"].as_array()).into_iter().flatten() {
                assert!(all.iter().any(|name| name["name"] == *candidate), "{place}");
            }
            let word = |protocol: Protocol| Value::from(protocol.word());
            let verdict = evidence.verdict().filter(|_| svc.is_some());
            let asked = verdict.and_then(|verdict| verdict.asked).map(word);
            assert_eq!(asked.as_ref(), svc.and_then(|svc| svc.get("asked")), "{place}");
            let speaks = verdict.is_some_and(|verdict| verdict.spoken.is_some());
            assert_eq!(speaks, svc.is_some_and(|svc| svc.get("protocol").is_some()), "{place}");
            let layers: Vec<_> = verdict.iter().flat_map(|verdict| verdict.layers.iter()).map(word).collect();
            let own = svc.and_then(|svc| svc["layers"].as_array()).cloned().unwrap_or_default();
            assert_eq!(layers, own, "{place}");
            let text = explained(Format::Table);
            assert!(text.iter().all(|&octet| octet == b'\n' || !octet.is_ascii_control()), "{place}");
            packets += 1;
        }
    }
    assert!(packets > 3000, "{packets}");
}

/// A packet over IPv4 from one host of 192.0.2.0/24 to another, and what is behind its ports.
fn packet(protocol: u8, from: (u8, u16), to: (u8, u16), behind: &[u8]) -> Vec<u8> {
    let len = 24 + behind.len() as u8;
    let mut packet =
        vec![0x45, 0, 0, len, 0, 0, 0, 0, 64, protocol, 0, 0, 192, 0, 2, from.0, 192, 0, 2, to.0];
    packet.extend([from.1, to.1].map(u16::to_be_bytes).as_flattened());
    packet.extend(behind);
    packet
}

/// A segment with these flags (RFC 9293 section 3.1): 2 is SYN, 0x10 ACK.
fn tcp(from: (u8, u16), to: (u8, u16), flags: u8, payload: &[u8]) -> Vec<u8> {
    let head = [0, 0, 0, 1, 0, 0, 0, 1, 0x50, flags, 0, 0, 0, 0, 0, 0];
    packet(6, from, to, &[&head, payload].concat())
}

fn udp(from: (u8, u16), to: (u8, u16)) -> Vec<u8> {
    packet(17, from, to, &[0, 9, 0, 0, 0xee])
}

/// A pcap of such packets, a second apart.
fn capture(packets: &[Vec<u8>]) -> Vec<u8> {
    let mut file: Vec<u8> =
        [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65_535, 101].map(u32::to_le_bytes).as_flattened().to_vec();
    for (second, packet) in (1..).zip(packets) {
        let len = packet.len() as u32;
        file.extend([second, 0, len, len].map(u32::to_le_bytes).as_flattened());
        file.extend(packet);
    }
    file
}

/// For each rule a packet whose side it decides, the reason in words, and the packet that decided, where one did: of samples
/// read off by tshark; else of packets without handshakes to ports of which IANA has 2222 and 8000, but neither 4 nor 6.
#[test]
fn why_is_told_of_every_rule_and_every_evidence() {
    let folder = Scratch::new("explain-rules");
    let file = |name: &str, packets: &[Vec<u8>]| folder.file(name, &capture(packets)).display().to_string();
    let layer = folder.file("layer", b"192.0.2.20 80/tcp payroll\n").display().to_string();
    let passive = tcp((1, 21), (7, 50_000), 0x18, b"227 Entering Passive Mode (192,0,2,1,200,13)\r\n");
    let announced = file("announced", &[passive, tcp((7, 50_001), (1, 51_213), 0x18, b"\xee")]);
    let served =
        file("served", &[tcp((7, 1024), (1, 50_001), 2, b""), tcp((8, 443), (1, 50_001), 0x10, b"")]);
    let met = |peer: u8| tcp((100 + peer, 8000 + u16::from(peer)), (1, 60_000), 0x10, b"");
    let fan_in = file("fan-in", &[met(1), met(2), met(3)]);
    let registered = file("registered", &[udp((7, 4), (1, 2222))]);
    let first_data = file("first-data", &[tcp((7, 4), (1, 6), 0x18, b"\xee")]);
    let lower_port = file("lower-port", &[udp((7, 8000), (1, 2222))]);
    let unknown = file("unknown", &[udp((7, 4), (1, 6))]);
    let cases: [(Rule, &str, u64, &str, Option<u64>); 17] = [
        (Rule::User, "http-get.pcap", 1, "layer calls 192.0.2.20:80 payroll", None),
        (Rule::Advertised, "office.pcapng", 3, "an SRV record names 192.0.2.30:49154", Some(44)),
        (Rule::Handshake, "ftp-passive.pcap", 30, "192.0.2.20:21 was asked to open", Some(1)),
        (Rule::Payload, "ntp-client.pcap", 1, "those of ntp, in which 192.0.2.1:123 is the server", Some(2)),
        (Rule::Announced, &announced, 2, "a message of ftp tells of ftp-data at 192.0.2.1:51213", Some(1)),
        (Rule::Symmetric, "mdns-browse.pcap", 1, "both ports are 5353", Some(1)),
        (Rule::Multicast, "mdns-legacy-query.pcap", 1, "is a multicast or broadcast address", Some(1)),
        (Rule::GroupAnswer, "tftp-read.pcap", 3, "TFTP's port: 192.0.2.10:37365", Some(1)),
        (Rule::Served, &served, 2, "192.0.2.1:50001 proved that it serves, as to 192.0.2.7:1024", None),
        (Rule::FanIn, &fan_in, 2, "three peers or more meet 192.0.2.1:60000", None),
        (Rule::SystemPort, "scan-flags.pcap", 1, "is an assigned system port", Some(1)),
        (Rule::DynamicRange, "mqtt-midstream.pcap", 1, "is in the dynamic range", Some(1)),
        (Rule::EphemeralRange, "scan-flags.pcap", 79, "is where systems take client ports from", Some(79)),
        (Rule::Registered, &registered, 1, "2222 has a registered name, 4 has none", Some(1)),
        (Rule::FirstData, &first_data, 1, "192.0.2.7:4 sent the first data", Some(1)),
        (Rule::LowerPort, &lower_port, 1, "2222 is the lower of two registered ports", Some(1)),
        (Rule::Unknown, &unknown, 1, "no rule says which side serves", None),
    ];
    let mut known_by = BTreeSet::new();
    // Files do not tell which sockets listened.
    let all: Vec<_> = Rule::ALL.into_iter().filter(|&rule| rule != Rule::Listening).collect();
    assert_eq!(cases.each_ref().map(|case| case.0), all[..]);
    for (rule, file, number, because, frame) in cases {
        let number = number.to_string();
        let mut run = vec!["explain", file, "--packet", &number];
        run.extend((rule == Rule::User).then_some(["--registry", &layer]).iter().flatten());
        let text = good(&run);
        let decided = text.lines().find(|line| line.starts_with("> ")).unwrap();
        assert!(decided.starts_with(&format!("> {} ", rule.as_str())) && decided.contains(because), "{text}");
        let told: Value = serde_json::from_str(&good(&[&run[..], &["--format", "json"]].concat())).unwrap();
        let spoke = &told["rules"][0];
        assert_eq!((&spoke["rule"], &told["answer"]["rule"]), (&rule.as_str().into(), &rule.as_str().into()));
        assert_eq!(spoke["frame"].as_u64(), frame, "{spoke}");
        let names = told["names"].as_array().unwrap().iter();
        let taken = names.filter(|name| name["chosen"] == true).map(|name| name["evidence"].clone());
        known_by.extend(taken.map(|evidence| evidence.as_str().unwrap().to_owned()));
        known_by.insert(told["answer"]["evidence"].as_str().unwrap().to_owned());
    }
    let all = naming::Evidence::ALL.map(|evidence| evidence.as_str().to_owned());
    assert_eq!(known_by, BTreeSet::from(all));
}

/// In pieces of one capture a packet is named with its file, and a flow is explained across them; apart, where it is.
#[test]
fn several_files_are_explained() {
    let folder = Scratch::new("explain-pieces");
    let (one, two) =
        (tcp((7, 50_000), (1, 2222), 2, b""), tcp((7, 50_000), (1, 2222), 0x18, b"SSH-2.0-x\r\n"));
    let whole = capture(&[one, two]);
    let behind_first = 24 + 16 + 40;
    let first = folder.file("first.pcap", &whole[..behind_first]).display().to_string();
    let second = [&whole[..24], &whole[behind_first..]].concat();
    let second = folder.file("second.pcap", &second).display().to_string();
    let json = |more: &[&str]| -> Value {
        let out = good(&[&["explain", &second, &first, "--format", "json"], more].concat());
        serde_json::from_str(&out).unwrap()
    };
    let flow = ["--flow", "192.0.2.1:2222-192.0.2.7:50000/tcp"];
    let told = json(&flow);
    assert_eq!((&told["frame"], &told["file"]), (&1.into(), &first.as_str().into()));
    assert_eq!(
        (&told["rules"][0]["rule"], &told["rules"][0]["file"]),
        (&"handshake".into(), &first.as_str().into())
    );
    let octets = &told["octets"][0];
    assert_eq!((&octets["frame"], &octets["file"]), (&1.into(), &second.as_str().into()));
    let told = json(&["--packet", &format!("{second}:1")]);
    assert_eq!((&told["file"], &told["rules"][0]["rule"]), (&second.as_str().into(), &"handshake".into()));
    // Alone, the second has no handshake.
    let told = json(&["--separate", "--packet", &format!("{second}:1")]);
    assert_eq!(
        (&told["file"], &told["rules"][0]["rule"]),
        (&second.as_str().into(), &"dynamic-range".into())
    );
    let code = |more: &[&str]| portolan(&[&["explain", &first, &second], more].concat()).code;
    assert_eq!((code(&["--packet", "1"]), code(&["--packet", "other.pcap:1"])), (2, 2));
    assert_eq!(code(&["--packet", &format!("{second}:2")]), 1);
}

/// Frames 3 and 6 and offset 66 were read off the capture by tshark: SYN, and `GET` behind 14 + 20 + 32 octets.
#[test]
fn packets_that_decided_are_told() {
    let flow =
        ["explain", "office.pcapng", "--flow", "192.0.2.30:49154-192.0.2.10:51996/tcp", "--format", "json"];
    let told: Value = serde_json::from_str(&good(&flow)).unwrap();
    assert_eq!((&told["rules"][0]["rule"], &told["answer"]["name"]), (&"advertised".into(), &"http".into()));
    assert_eq!((&told["rules"][1]["rule"], &told["rules"][1]["frame"]), (&"handshake".into(), &3.into()));
    let octets = &told["octets"][0];
    assert_eq!((&octets["frame"], &octets["offset"]), (&6.into(), &66.into()));
    assert!(octets["hex"].as_str().unwrap().starts_with("474554202f"), "{octets}");
    assert_eq!(octets["matched"], "http");
    let endpoint = good(&["explain", "office.pcapng", "--endpoint", "[2001:db8::20]:8443/tcp"]);
    assert!(endpoint.contains("8443/tcp is tls;"), "{endpoint}");
    // By the Community ID of a packet the same flow is found.
    let line = good(&["annotate", "--format", "json", "-c", "3", "office.pcapng"]);
    let record: Value = serde_json::from_str(line.lines().last().unwrap()).unwrap();
    let id = record["network"]["community_id"].as_str().unwrap();
    let by_id = ["explain", "office.pcapng", "--community-id", id, "--format", "json"];
    assert_eq!(serde_json::from_str::<Value>(&good(&by_id)).unwrap(), told);
}

#[test]
fn whoever_wants_to_know_more_is_told_where() {
    let said = portolan(&["annotate", "-v", "-c", "1", "http-get.pcap"]);
    assert!(said.error.contains("`portolan explain FILE --packet NUMBER`"), "{}", said.error);
    assert_eq!(portolan(&["annotate", "-c", "1", "http-get.pcap"]).error, "");
}

#[test]
fn what_cannot_be_explained_is_said() {
    let code = |arguments: &[&str]| portolan(&[&["explain", "office.pcapng"], arguments].concat()).code;
    assert_eq!(code(&["--packet", "99999"]), 1);
    assert_eq!(code(&["--endpoint", "192.0.2.99:1/tcp"]), 1);
    assert_eq!(code(&["--community-id", "1:nonsense"]), 1);
    for wrong in [
        &["--packet", "0"][..],
        &["--flow", "192.0.2.1:1-192.0.2.2/tcp"],
        &["--flow", "192.0.2.1:1-[2001:db8::1]:2/tcp"],
        &["--endpoint", "192.0.2.1:1/icmp"],
        &["--endpoint", "192.0.2.1:1"],
        &["--packet", "1", "--endpoint", "192.0.2.1:1/tcp"],
        &[],
    ] {
        assert_eq!(code(wrong), 2, "{wrong:?}");
    }
    let portless = good(&["explain", "ping-arp.pcap", "--packet", "1"]);
    assert!(portless.contains("no ports"), "{portless}");
}

/// Hostile octets are harmless in both forms, and a capture that is cut short is explained as far as it goes.
#[test]
fn hostile_and_cut_captures_are_explained() {
    let folder = Scratch::new("explain");
    let payload = b"GET /\x1b[31m\"\\<b> HTTP/1.1\r\nHost: x\r\n\r\n";
    let mut file = capture(&[tcp((1, 50_000), (2, 8080), 0x18, payload)]);
    let whole = folder.file("whole.pcap", &file).display().to_string();
    let text = good(&["explain", &whole, "--packet", "1"]);
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
    let json = good(&["explain", &whole, "--packet", "1", "--format", "json"]);
    let told: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(told["octets"][0]["offset"], 40);
    assert_eq!(told["octets"][0]["text"], "GET /.[31m\"\\<b> HTTP/1.1..Host: x....");
    file.extend([0; 9]);
    let cut = folder.file("cut.pcap", &file).display().to_string();
    let said = portolan(&["explain", &cut, "--packet", "1"]);
    assert_eq!(said.code, 4);
}
