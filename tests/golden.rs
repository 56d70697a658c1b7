//! What the command prints about each sample, word for word; and what may not be contradicted by any of it.
//!
//! `UPDATE_GOLDEN=1 cargo test golden` writes the files anew: read the difference before it is committed.

use std::{env, fs, path::Path};

use serde_json::Value;

use crate::{cli::good, samples::services, summary::samples};

/// The commands of a transcript, and how many lines of their output are kept.
const COMMANDS: &[(&[&str], usize)] = &[
    (&["summary"], usize::MAX),
    (&["summary", "--format", "json"], usize::MAX),
    (&["flows"], 60),
    (&["discover"], 60),
    (&["discover", "--format", "json"], 60),
    (&["annotate"], 40),
    (&["annotate", "--format", "json"], 3),
    (&["annotate", "--format", "csv"], 3),
];

/// Those of samples that have several hosts, or names won in several ways.
const OF_SOME: &[(&[&str], usize)] = &[
    (&["hosts"], usize::MAX),
    (&["hosts", "--format", "json"], usize::MAX),
    (&["hosts", "--format", "csv"], usize::MAX),
    (&["explain", "--packet", "3"], usize::MAX),
    (&["explain", "--packet", "3", "--format", "json"], usize::MAX),
];

/// These samples.
const SOME: [&str; 6] = [
    "asked-foreign.pcap",
    "dhcp-lease.pcap",
    "dns-srv-mqtt.pcap",
    "icmp-errors.pcap",
    "office.pcapng",
    "tftp-read.pcap",
];

/// What the commands print about a sample.
fn transcript(name: &str) -> String {
    let mut all = String::new();
    let has_dns = ["dns-", "mdns-", "office"].iter().any(|start| name.starts_with(start));
    let more = if SOME.contains(&name) { OF_SOME } else { &[] };
    for (command, kept) in COMMANDS.iter().chain(more) {
        // Machine formats of a capture's twin over IPv6 show nothing new, nor does an empty inventory.
        if name.contains("-v6.") && command.len() > 1 || command[0] == "discover" && !has_dns {
            continue;
        }
        let out = good(&[command, &[name][..]].concat());
        all += &format!("$ portolan {} {name}\n", command.join(" "));
        let lines: Vec<_> = out.lines().collect();
        for line in lines.iter().take(*kept) {
            all += line.trim_end();
            all += "\n";
        }
        if lines.len() > *kept {
            all += &format!("({} more lines)\n", lines.len() - kept);
        }
        all += "\n";
    }
    all
}

#[test]
fn outputs_are_as_they_were() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let update = env::var_os("UPDATE_GOLDEN").is_some();
    let mut different = Vec::new();
    for sample in samples() {
        let name = sample.file_name().unwrap().to_str().unwrap();
        let file = folder.join(format!("{name}.txt"));
        let new = transcript(name);
        if update {
            fs::create_dir_all(&folder).unwrap();
            fs::write(&file, new).unwrap();
            continue;
        }
        let old = fs::read_to_string(&file).unwrap_or_default();
        if old != new {
            let line = (1..).zip(old.lines().zip(new.lines())).find(|(_, (old, new))| old != new);
            different.push(format!("{name}: {line:#?}"));
        }
    }
    let count = samples().len();
    assert_eq!(fs::read_dir(&folder).unwrap().count(), count, "a golden file for each sample and no other");
    assert!(
        different.is_empty(),
        "{}\nIf this is what was meant, run again with UPDATE_GOLDEN=1 and read the difference",
        different.join("\n")
    );
}

fn records(arguments: &[&str]) -> Vec<Value> {
    let out = good(&[&["annotate", "--format", "json"], arguments].concat());
    out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The name and evidence that a program's socket has to get in a sample.
fn expected(sample: &str, program: &str, port: u16) -> (&'static str, &'static str) {
    let name = match (program, port) {
        ("aiosmtpd", 25 | 2025) => "smtp",
        ("avahi-daemon", 5353) => "mdns",
        ("chronyd", 123) => "ntp",
        ("dnsmasq", 53 | 5300) => "domain",
        ("dnsmasq", 67) => "bootps",
        ("in.tftpd", 69) => "tftp",
        // No registry has it.
        ("iperf3", 5201 | 33333) => "iperf3",
        // By the SRV record that avahi announces for it.
        ("ippeveprinter", 6631) => return ("ipp", "advertised"),
        ("microsocks", 1080 | 22080) => "socks",
        // By the SRV record that dnsmasq answers with.
        ("mosquitto", 18830) if sample.starts_with("dns-srv") => return ("mqtt", "advertised"),
        ("mosquitto", 1883 | 18830) => "mqtt",
        // By SRV records, too.
        ("nginx", 8800) => return ("caldav", "advertised"),
        ("nginx", 49154) => return ("http", "advertised"),
        // A port of TLS that is asked in plain HTTP answers in it.
        ("nginx", 9443) if sample.starts_with("asked-") => "http",
        ("nginx", 80 | 8000 | 8085 | 22222 | 49200) => "http",
        ("nginx", 443) => "https",
        // Half-open scans hear no octet of it.
        ("nginx", 22) if sample.starts_with("scan-") => "ssh",
        ("nginx", 22 | 8443 | 9443) => "tls",
        ("postgres", 5432 | 50432) => "postgresql",
        ("python", 443) => "https",
        ("python", 4433) => "quic",
        ("redis-server", 6379 | 9999) => "redis",
        ("snmpd", 161) => "snmp",
        ("sshd", 22 | 2222 | 8443) => "ssh",
        ("tinyproxy", 3128) => "http",
        ("vsftpd", 21 | 2121) => "ftp",
        _ => panic!("{program} on {port}"),
    };
    // Nothing of the octets that would tell is in these.
    let silent = ["http-snap64", "mqtt-midstream", "scan-syn"].iter().any(|start| sample.starts_with(start));
    (name, if silent { "registered" } else { "payload" })
}

/// Every socket that the kernel listed as serving is named, with its own port, on its own side, in every packet.
#[test]
fn every_serving_socket_is_named_on_its_side() {
    let mut sockets = 0;
    for (name, serving) in services() {
        let records = records(&[&name]);
        for socket in serving.iter().filter(|socket| socket.program != "kernel") {
            let is_at = |record: &Value, side: &str| {
                record[side]["ip"] == socket.address.to_string()
                    && record[side]["port"] == socket.port
                    && record["network"]["transport"] == socket.transport
            };
            let (service, evidence) = expected(&name, &socket.program, socket.port);
            let mut packets = 0;
            for record in &records {
                let (from, to) = (is_at(record, "source"), is_at(record, "destination"));
                if !from && !to {
                    continue;
                }
                let svc = &record["svc"];
                let place = format!("{name}: frame {}: {svc}", record["frame"]["number"]);
                assert_eq!((&svc["name"], &svc["evidence"]), (&service.into(), &evidence.into()), "{place}");
                assert_eq!(
                    (&svc["port"], &svc["transport"]),
                    (&socket.port.into(), &socket.transport.clone().into()),
                    "{place}"
                );
                // Between equal ports, both serve.
                let equal = record["source"]["port"] == record["destination"]["port"];
                let side = if equal {
                    "both"
                } else if from {
                    "source"
                } else {
                    "destination"
                };
                assert_eq!(svc["side"], side, "{place}");
                packets += 1;
            }
            assert!(packets > 0, "{name}: {socket:?}");
            sockets += 1;
        }
    }
    assert!(sockets > 150, "{sockets}");
}

/// The services whose port is not their own are told by their SRV records: with hindsight from the first packet on, else
/// from the record on.
#[test]
fn unusual_ports_are_known_by_their_advertisement() {
    // In the office, HTTP goes to 49154 in frames 3 to 12 (tshark -Y tcp.port==49154) and avahi starts later.
    let to_printer = |arguments: &[&str]| {
        let records = records(&[arguments, &["office.pcapng"]].concat());
        let mut ours: Vec<_> = records
            .into_iter()
            .filter(|record| {
                record["network"]["transport"] == "tcp"
                    && (record["source"]["port"] == 49154 || record["destination"]["port"] == 49154)
            })
            .collect();
        ours.iter_mut()
            .map(|record| (record["frame"]["number"].as_u64().unwrap(), record["svc"].take()))
            .collect::<Vec<_>>()
    };
    let known = to_printer(&[]);
    assert_eq!(known.iter().map(|(number, _)| *number).collect::<Vec<_>>(), (3..=12).collect::<Vec<_>>());
    for (number, svc) in known {
        assert_eq!((&svc["name"], &svc["evidence"]), (&"http".into(), &"advertised".into()), "{number}");
        assert_eq!(svc["instance"], "Printer pages on printer");
    }
    for (number, svc) in to_printer(&["--causal"]) {
        // Packet 6 is the request.
        if number < 6 {
            assert_eq!((svc.get("name"), &svc["evidence"]), (None, &"none".into()), "{number}");
        } else {
            assert_eq!((&svc["name"], &svc["evidence"]), (&"http".into(), &"payload".into()), "{number}");
        }
        assert_eq!((&svc["port"], &svc["rule"]), (&49154.into(), &"handshake".into()), "{number}");
    }
    for name in ["mdns-http-49154.pcap", "mdns-http-49154-v6.pcap"] {
        for arguments in [&[name][..], &["--causal", name]] {
            let records = records(arguments);
            let http: Vec<_> =
                records.iter().filter(|record| record["network"]["transport"] == "tcp").collect();
            assert_eq!(http.len(), 10);
            for record in http {
                let svc = &record["svc"];
                assert_eq!(
                    (&svc["name"], &svc["evidence"]),
                    (&"http".into(), &"advertised".into()),
                    "{record}"
                );
                assert_eq!(svc.get("revised"), None);
            }
        }
        let summary: Value = serde_json::from_str(&good(&["summary", "--format", "json", name])).unwrap();
        let row =
            summary["rows"].as_array().unwrap().iter().find(|row| row["key"] == "http/tcp").unwrap().clone();
        assert_eq!(row["evidence"], serde_json::json!({"advertised": 10}));
        assert_eq!(row["ports"], serde_json::json!([49154]));
    }
}

/// `discover` lists exactly what `record.sh` made the daemons announce.
#[test]
fn the_inventory_is_what_was_configured() {
    for name in ["mdns-announce.pcap", "mdns-announce-v6.pcap"] {
        let out: Value = serde_json::from_str(&good(&["discover", "--format", "json", name])).unwrap();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let mut instances: Vec<_> = out["instances"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| {
                let pairs: Vec<_> = one["txt"]
                    .as_array()
                    .unwrap()
                    .iter()
                    // Registered keys that are not there are listed, too.
                    .filter(|pair| pair["state"] != "absent")
                    .map(|pair| (text(&pair["key"]), pair["value"].as_str().map(ToOwned::to_owned)))
                    .collect();
                let registered = one.get("registered").map(|registered| text(&registered["name"]));
                (
                    text(&one["instance"]),
                    text(&one["type"]),
                    text(&one["host"]),
                    one["port"].as_u64(),
                    pairs,
                    registered,
                )
            })
            .collect();
        instances.sort();
        let pair = |key: &str, value: Option<&str>| (key.to_owned(), value.map(ToOwned::to_owned));
        let instance = |name: &str, kind: &str, host: &str, port, pairs, registered: Option<&str>| {
            (
                name.to_owned(),
                kind.to_owned(),
                host.to_owned(),
                Some(port),
                pairs,
                registered.map(ToOwned::to_owned),
            )
        };
        let files = "Zoë’s files, v2.1 (3rd floor)";
        let expected = [
            instance(
                "Printer pages on printer",
                "_http._tcp",
                "printer.local",
                49_154,
                vec![pair("path", Some("/status/")), pair("floor", Some("3"))],
                Some("http"),
            ),
            instance(files, "_label-maker._udp", "desk.local", 40_404, vec![], None),
            instance(
                files,
                "_sftp-ssh._tcp",
                "desk.local",
                22,
                vec![pair("u", Some("zoe")), pair("p", Some("")), pair("readonly", None)],
                Some("sftp-ssh"),
            ),
        ];
        assert_eq!(instances, expected, "{name}");
        let by_name = |wanted: &str| {
            out["instances"].as_array().unwrap().iter().find(|one| one["type"] == wanted).unwrap().clone()
        };
        let pages = by_name("_http._tcp");
        assert_eq!(pages["subtypes"], serde_json::json!(["_printer"]));
        assert_eq!(pages["state"], "active");
        let addresses = pages["addresses"].as_array().unwrap();
        let expected = if name.contains("v6") { "2001:db8::30" } else { "192.0.2.30" };
        assert!(addresses.contains(&expected.into()), "{addresses:?}");
        // IANA: "Defined TXT keys: u=<username> p=<password> path=<path>" for both types; floor and readonly are nobody's.
        let registered = |one: &Value| {
            let pairs = one["txt"].as_array().unwrap().clone();
            let there = pairs.iter().filter(|pair| pair["state"] != "absent");
            there.map(|pair| pair["registered"].as_bool()).collect::<Vec<_>>()
        };
        assert_eq!(registered(&pages), [Some(true), Some(false)]);
        assert_eq!(registered(&by_name("_sftp-ssh._tcp")), [Some(true), Some(true), Some(false)]);
    }
    // One after the other takes leave.
    let out: Value =
        serde_json::from_str(&good(&["discover", "--format", "json", "mdns-goodbye.pcap"])).unwrap();
    for one in out["instances"].as_array().unwrap() {
        assert_eq!(one["state"], "goodbye", "{one}");
    }
}
