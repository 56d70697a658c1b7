//! What `explain` says agrees with what `annotate` says: the same rule, side and answer, the octets of the file.

use std::collections::BTreeSet;

use portolan::{
    Answers, Registry, View, knowledge,
    naming::Rule,
    report::{
        Format,
        explain::{self, Evidence, Subject, Watcher},
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
    // Nobody tells the samples' names by hand; nor is there one of which nothing is known.
    let rare = ["user", "fan-in", "lower-port", "unknown"];
    assert!(unmet.iter().all(|rule| rare.contains(rule)), "{unmet:?}");
}

/// The answer of every packet is its `svc`, and the octets shown are those of the frame.
#[test]
fn an_explained_packet_has_the_answer_of_its_record() {
    let registry = Registry::built_in();
    for sample in
        ["office.pcapng", "ftp-passive.pcap", "icmp-errors.pcap", "dns-srv-v6.pcap", "tftp-read.pcap"]
    {
        let path = samples().into_iter().find(|path| path.ends_with(sample)).unwrap();
        let knowledge = learn(&path, PLAIN, knowledge::Options::default(), &registry).0;
        let answers = Answers::of(&knowledge, &registry, true, 1);
        let view = View { knowledge: &knowledge, answers: &answers, registry: &registry };
        let look = |watcher| {
            let mut evidence = Evidence::default();
            job(&path, PLAIN, &registry).chart(&view, watcher, &mut evidence, &()).unwrap();
            evidence
        };
        for line in good(&["annotate", "--format", "json", sample]).lines() {
            let record: Value = serde_json::from_str(line).unwrap();
            let packet = look(Watcher::of_packet(record["frame"]["number"].as_u64().unwrap()));
            let key = packet.first().unwrap().key;
            let evidence = key.map(|key| look(Watcher::of_flow(key, &view))).unwrap_or_default();
            let mut json = Vec::new();
            explain::write(Some(&packet), (key, &evidence), &view, Format::Json, &mut json).unwrap();
            let told: Value = serde_json::from_slice(&json).unwrap();
            let mut answer = record.get("svc").cloned();
            // A host's name is none of a service.
            answer
                .iter_mut()
                .filter_map(Value::as_object_mut)
                .for_each(|svc| _ = svc.remove("domain_source"));
            assert_eq!(told.get("answer"), answer.as_ref(), "{line}");
            assert_eq!(told["about"].get("svc"), record["about"].get("svc"), "{line}");
            let rules = told["rules"].as_array().unwrap();
            let chosen: Vec<_> = rules.iter().filter(|rule| rule["chosen"] == true).collect();
            assert_eq!(chosen.len(), usize::from(record.get("svc").is_some()), "{line}");
            for rule in chosen {
                assert_eq!((&rule["rule"], &rule["side"]), (&record["svc"]["rule"], &record["svc"]["side"]));
            }
            let mut text = Vec::new();
            explain::write(Some(&packet), (key, &evidence), &view, Format::Table, &mut text).unwrap();
            assert!(text.iter().all(|&octet| octet == b'\n' || !octet.is_ascii_control()));
        }
    }
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
    let mut packet =
        vec![0x45, 0, 0, 40 + payload.len() as u8, 0, 0, 0, 0, 64, 6, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2];
    packet.extend([0xc3, 0x50, 0x1f, 0x90, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x18, 0, 0, 0, 0, 0, 0]);
    packet.extend(payload);
    let mut file = Vec::new();
    for word in
        [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65_535, 101, 1, 0, packet.len() as u32, packet.len() as u32]
    {
        file.extend(word.to_le_bytes());
    }
    file.extend(&packet);
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
    assert!(Subject::Packet(1) != Subject::Packet(2));
}
