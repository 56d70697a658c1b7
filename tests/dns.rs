//! DNS messages and the inventory agree with tshark on every capture with mDNS of the shared material, but for
//! the differences listed with frame and reason in `dns-exceptions.tsv`.

use std::{collections::BTreeMap, fs, net::IpAddr, path::Path};

use portolan::{
    capture::{self, Source as _},
    decode::{Decoder, Headers},
    dns::{
        Advertised, Data, Meaning, Message, Moment, Origin, Reassembly, RecordType, Section, Via,
        inventory::{Inventory, Sighting},
        json, line,
    },
    packet::{Batch, PacketId, Timestamp, TransportProtocol},
    registry::Registry,
};

use crate::material;

/// Capture, what was counted, tshark's count, ours, and why.
const EXCEPTIONS: &str = include_str!("dns-exceptions.tsv");

/// Counts by name, and service types with their registry mark.
type Counts = BTreeMap<String, String>;

/// A DNS message and how it came.
struct Seen<'a> {
    sighting: Sighting,
    message: Message<'a>,
}

/// Calls `visit` with every DNS message of a capture.
fn messages(path: &Path, mut visit: impl FnMut(Via, Seen<'_>)) {
    let (decoder, mut headers, mut batch) = (Decoder::default(), Headers::default(), Batch::new());
    let mut fragments = Reassembly::new();
    let mut source = capture::open(path).unwrap();
    // Damage at a capture's end is another test's affair.
    while let Ok(true) = source.fill(&mut batch) {
        for frame in batch.frames() {
            decoder.decode(frame.link, frame.octets, frame.original_len, &mut headers);
            let Some((source, destination)) = headers.network.addresses() else { continue };
            let payload = headers.payload_offset as usize;
            let payload = &frame.octets[payload..payload + headers.payload_len as usize];
            let whole = match headers.fragment {
                None => headers.ports.map(|ports| (ports, payload)),
                Some(_) => fragments.push(frame.time, &headers, payload),
            };
            let Some((ports, payload)) = whole else { continue };
            let Some(via) = Via::of(headers.protocol, ports.0, ports.1) else { continue };
            for message in via.messages(payload) {
                let sighting = Sighting {
                    packet: PacketId { file: 0, number: frame.number },
                    time: frame.time,
                    interface: frame.interface,
                    source: (source, ports.0),
                    destination: (destination, ports.1),
                    protocol: headers.protocol,
                };
                visit(via, Seen { sighting, message });
            }
        }
    }
}

/// Whether a message is of those the table counts: mDNS, and unicast DNS that names `_dns-sd`.
fn is_counted(via: Via, message: &Message<'_>) -> bool {
    let is_meta =
        |name: &portolan::dns::Name<'_>| name.labels().any(|label| label.eq_ignore_ascii_case(b"_dns-sd"));
    via == Via::Mdns
        || message.questions().any(|question| is_meta(&question.name))
        || message.records().any(|record| is_meta(&record.name))
}

/// What portolan counts in a capture.
fn ours(path: &Path, registry: &Registry) -> Counts {
    let mut numbers: BTreeMap<String, u64> = BTreeMap::new();
    let mut inventory = Inventory::new();
    let mut names = Counts::new();
    messages(path, |via, Seen { sighting, message }| {
        if !is_counted(via, &message) {
            return;
        }
        let mut count = |name: &str, holds: bool| {
            *numbers.entry(name.to_owned()).or_default() += u64::from(holds);
        };
        let (query, records) = (!message.is_response(), || message.records());
        let multicast = sighting.destination.0.is_multicast();
        let has = |kind| records().any(|record| record.kind == kind);
        count("messages", true);
        count("queries", query);
        count("responses", !query);
        count("IPv4", sighting.source.0.is_ipv4());
        count("IPv6", sighting.source.0.is_ipv6());
        count("cf", records().any(|record| record.flushes()));
        let withdrawn = records().any(|record| record.ttl == 0 && record.kind != RecordType::OPT);
        count("gb", !query && withdrawn);
        count("ka", query && message.record_count(Section::Answer) > 0);
        count("qu", message.questions().any(|question| question.wants_unicast()));
        count("uc", !query && !multicast);
        count("legacy", query && sighting.source.1 != 5353);
        count("probe", query && message.record_count(Section::Authority) > 0);
        count("nsec", has(RecordType::NSEC));
        count("opt", has(RecordType::OPT));
        count("txt", has(RecordType::TXT));
        count("tc", message.is_truncated());
        count("id!=0", message.id() != 0);
        count("op!=0", message.opcode() != 0);
        count("rc!=0", message.rcode() != 0);
        count("qinr", !query && message.question_count() > 0);
        count("malf", message.damage().is_some());
        // The table holds the groups of mDNS against all other addresses, multicast ones too.
        let groups: [IpAddr; 2] = ["224.0.0.251".parse().unwrap(), "ff02::fb".parse().unwrap()];
        count("nonmc", !groups.contains(&sighting.destination.0));
        for question in message.questions() {
            count(&format!("question {}", question.kind.0), true);
            note_meta(&question.name, &mut names);
        }
        for record in records() {
            let section = match record.section {
                Section::Answer => "an",
                Section::Authority => "ns",
                Section::Additional => "ar",
            };
            count(&format!("record {section}:{}", record.kind.0), true);
            note_meta(&record.name, &mut names);
        }
        inventory.observe(sighting, &message);
    });
    for known in inventory.types() {
        let mut text = Vec::new();
        known.service.text(&mut text);
        let name = std::str::from_utf8(known.service.name).unwrap();
        let mark = match registry.service_type(name, if known.service.tcp { "tcp" } else { "udp" }) {
            Some(row) if row.transport().is_some() => "",
            Some(_) => "~",
            None if registry.by_name(name).next().is_some() => "!t",
            None => "?",
        };
        names.insert(
            format!("type {}", String::from_utf8(text).unwrap().to_ascii_lowercase()),
            mark.to_owned(),
        );
    }
    names.extend(
        numbers
            .into_iter()
            .filter(|(_, number)| *number > 0)
            .map(|(name, number)| (name, number.to_string())),
    );
    names
}

/// Notes subtypes and names below `_dns-sd._udp`.
fn note_meta(name: &portolan::dns::Name<'_>, names: &mut Counts) {
    let kind = match Meaning::of(name) {
        Meaning::Types | Meaning::Domains => "meta",
        Meaning::Subtype { .. } => "subtype",
        _ => return,
    };
    names.insert(format!("{kind} {name}"), String::new());
}

/// The captures of the table, each with tshark's counts.
fn oracle(text: &str) -> Vec<(String, Counts)> {
    let mut captures: Vec<(String, Counts)> = Vec::new();
    let quoted = |line: &str| -> Vec<(String, String)> {
        // `name`mark count, `name`mark count
        let mut parts = line.split('`').skip(1);
        let mut found = Vec::new();
        while let (Some(name), Some(rest)) = (parts.next(), parts.next()) {
            found.push((name.to_owned(), rest.split([' ', ',']).next().unwrap().to_owned()));
        }
        found
    };
    for text in text.lines() {
        if let Some(title) = text.strip_prefix("### ")
            && let Some((repository, path)) = title.split_once(" : `")
        {
            let path = format!("{}/{}", repository.replace('/', "+"), path.trim_end_matches('`'));
            captures.push((path, Counts::new()));
            continue;
        }
        let Some((_, counts)) = captures.last_mut() else { continue };
        let mut put = |name: String, value: &str| counts.insert(name, value.to_owned());
        if text.starts_with("sha256") {
            let numbers: Vec<_> =
                text.split(|c: char| !c.is_ascii_digit()).filter(|number| !number.is_empty()).collect();
            // Digits of the hash come first, "unicast DNS-SD 10" may come last.
            let text = text.split("messages").nth(1).unwrap();
            assert!(numbers.len() > 5);
            let number = |before: &str, after: &str| {
                let start = if before.is_empty() { text } else { text.split(before).nth(1).unwrap() };
                let digits = start.split(after).next().unwrap();
                digits.trim_matches(|c: char| !c.is_ascii_digit()).to_owned()
            };
            put("messages".into(), &number("", "="));
            for (name, before, after) in [
                ("queries", "=", "queries"),
                ("responses", "+", "responses"),
                ("IPv4", "IPv4", ","),
                ("IPv6", "IPv6", ";"),
            ] {
                let count = number(before, after);
                if count != "0" {
                    put(name.into(), &count);
                }
            }
        } else if let Some(odd) = text.strip_prefix("- odd: ") {
            let odd = odd.split("expert:").next().unwrap();
            for (name, value) in odd.split(", ").filter_map(|item| item.rsplit_once('=')) {
                put(name.to_owned(), value.trim_end_matches(','));
            }
        } else if let Some(types) = text.strip_prefix("- query types ") {
            let (questions, records) = types.split_once(" · RRs by section:type ").unwrap();
            let records = records.split(" · ").next().unwrap();
            for (prefix, list) in [("question", questions), ("record", records)] {
                for (name, value) in list.split(' ').filter_map(|item| item.split_once('×')) {
                    put(format!("{prefix} {name}"), value);
                }
            }
        } else {
            for (prefix, kind) in [
                ("- service types (mentions): ", "type"),
                ("- DNS-SD meta: ", "meta"),
                ("- subtypes: ", "subtype"),
            ] {
                if let Some(list) = text.strip_prefix(prefix) {
                    for (name, mark) in quoted(list) {
                        put(format!("{kind} {name}"), &mark);
                    }
                }
            }
        }
    }
    captures
}

#[test]
fn messages_and_service_types_agree_with_tshark() {
    let Some(folder) = material::shared("captures") else { return };
    let Some(registry) = material::shared("registry/iana-2025-02-25.xml") else { return };
    let registry = Registry::read(&registry).unwrap();
    let captures = oracle(&fs::read_to_string(folder.join("oracle/mdns.md")).unwrap());
    assert_eq!(captures.len(), 54);
    let mut differences = String::new();
    let (mut compared, mut agreed) = (0_u64, 0_u64);
    for (path, theirs) in &captures {
        let ours = ours(&folder.join(path), &registry);
        assert!(theirs["messages"].parse::<u64>().unwrap() > 0 && theirs.len() > 2, "{path}: {theirs:?}");
        let names: std::collections::BTreeSet<_> = theirs.keys().chain(ours.keys()).collect();
        for name in names {
            compared += 1;
            let value = |counts: &Counts| counts.get(name).map_or("-", |value| value.as_str()).to_owned();
            if value(theirs) == value(&ours) {
                agreed += 1;
            } else {
                differences += &format!("{path}\t{name}\t{}\t{}\n", value(theirs), value(&ours));
            }
        }
    }
    // The table has one line more for each difference: the reason.
    let listed: String = EXCEPTIONS
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.rsplit_once('\t').expect("a reason").0.to_owned() + "\n")
        .collect();
    println!("{agreed} of {compared} counts agree");
    assert_eq!(differences, listed);
}

#[test]
fn the_srv_records_of_a_printer_name_its_endpoints() {
    let Some(path) = material::shared("captures/dankamongmen+omphalos/test/printer.pcap") else { return };
    let mut advertised = Advertised::new();
    messages(&path, |via, Seen { sighting, message }| {
        let origin = Origin { sender: sighting.source.0, via, interface: 0 };
        advertised.observe(origin, sighting.time, &message);
    });
    // tshark: dns.srv.port 9100, 80, 9500 on printer.local, dns.a 10.10.2.31, first told in frame 191.
    let address = IpAddr::from([10, 10, 2, 31]);
    let found =
        |port| advertised.lookup(address, TransportProtocol::TCP, port, Moment::Hindsight { began: None });
    for (port, name) in [(9100, "pdl-datastream"), (80, "http"), (9500, "scanner")] {
        let found = found(port).unwrap();
        assert_eq!((found.name, found.host), (name, "printer.local"));
        assert_eq!(found.instance, Some("Photosmart Premium C309g-m [6A17BF]"));
        assert!(advertised.lookup(address, TransportProtocol::TCP, port, Moment::At(Timestamp(0))).is_none());
    }
    assert_eq!(found(631), None);
}

#[test]
fn a_message_of_64_thousand_forward_pointers_is_read_to_its_damage() {
    let Some(path) = material::shared("captures/the-tcpdump-group+tcpdump/tests/dns_fwdptr.pcap") else {
        return;
    };
    let mut seen = 0;
    messages(&path, |via, Seen { sighting, message }| {
        seen += 1;
        assert_eq!((via, message.question_count()), (Via::Udp, 64_259));
        assert!(message.damage().is_some());
        let (mut text, mut object) = (Vec::new(), Vec::new());
        line(via, &message, &mut text);
        json(via, &message, &mut object);
        assert!(text.len() < 4_096 && String::from_utf8(text).unwrap().contains("damaged at offset"));
        let object: serde_json::Value = serde_json::from_slice(&object).unwrap();
        assert!(object["damage"].is_string());
        let mut inventory = Inventory::new();
        inventory.observe(sighting, &message);
        assert_eq!(inventory.counts().messages, 1);
    });
    assert_eq!(seen, 1);
}

/// Every message of the shared captures can be written, and what is written is JSON and harmless.
#[test]
fn every_message_is_written_as_valid_json_and_one_harmless_line() {
    let Some(folder) = material::shared("captures") else { return };
    let manifest = fs::read_to_string(folder.join("MANIFEST.tsv")).unwrap();
    let (mut text, mut object, mut count) = (Vec::new(), Vec::new(), 0_u64);
    for row in manifest.lines().skip(1) {
        let mut columns = row.split('\t');
        let (repository, path) = (columns.next().unwrap().replace('/', "+"), columns.next().unwrap());
        let features = columns.nth(5).unwrap_or_default();
        if !features.contains("mdns") && !features.contains("dns=") {
            continue;
        }
        let path = folder.join(repository).join(path);
        if capture::open(&path).is_err() {
            continue;
        }
        messages(&path, |via, Seen { message, .. }| {
            count += 1;
            text.clear();
            object.clear();
            line(via, &message, &mut text);
            json(via, &message, &mut object);
            let text = std::str::from_utf8(&text).expect("a line is UTF-8");
            assert!(text.len() < 4_096 && !text.contains(char::is_control), "{}: {text}", path.display());
            if let Err(error) = serde_json::from_slice::<serde::de::IgnoredAny>(&object) {
                panic!("{}: {error}: {}", path.display(), String::from_utf8_lossy(&object));
            }
            if message.damage().is_none() {
                let records: u16 = [Section::Answer, Section::Authority, Section::Additional]
                    .map(|section| message.record_count(section))
                    .iter()
                    .sum();
                assert_eq!(message.records().count(), usize::from(records));
                assert!(message.records().all(|record| !matches!(record.data(), Data::Malformed(_))));
            }
        });
    }
    println!("{count} messages");
    assert!(count > 1_553, "only {count} messages");
}

#[cfg(feature = "cli")]
#[test]
fn discover_joins_what_came_in_fragments() {
    let Some(path) =
        material::shared("captures/seladb+PcapPlusPlus/Tests/Pcap++Test/PcapExamples/ip6_fragments.pcap")
    else {
        return;
    };
    let run = std::process::Command::new(env!("CARGO_BIN_EXE_portolan"))
        .args(["discover", "--format", "json", "--type", "_sftp-ssh._tcp"])
        .arg(path)
        .output()
        .unwrap();
    assert!(run.status.success(), "{run:?}");
    let found: serde_json::Value = serde_json::from_slice(&run.stdout).unwrap();
    // tshark, frame 20: SRV Roscorii._sftp-ssh._tcp.local 22 Roscorii.local, in 13 fragments.
    let instance = &found["instances"][0];
    assert_eq!(instance["instance"], "Roscorii");
    assert_eq!((&instance["host"], &instance["port"]), (&"Roscorii.local".into(), &22.into()));
    assert_eq!(found["messages"], 2);
    let announced =
        found["events"].as_array().unwrap().iter().find(|event| event["event"] == "announce").unwrap();
    assert_eq!(announced["packet"]["number"], 20);
}
