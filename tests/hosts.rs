//! `hosts`: names, joined addresses, and the user's own names.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::Command,
};

use portolan::{Job, Registry, knowledge::Options, pipeline::Inputs};
use serde_json::Value;

use crate::{
    capture::Scratch,
    cli::{good, portolan},
    material::shared,
};

fn hosts(arguments: &[&str]) -> Vec<Value> {
    let out: Value =
        serde_json::from_str(&good(&[&["hosts", "--format", "json"], arguments].concat())).unwrap();
    out["hosts"].as_array().unwrap().clone()
}

fn addresses(host: &Value) -> Vec<&str> {
    host["addresses"].as_array().unwrap().iter().map(|address| address.as_str().unwrap()).collect()
}

/// The lab has four hosts, each with an address of both families (samples/README.md).
#[test]
fn each_host_of_the_lab_is_listed_once() {
    let hosts = hosts(&["office.pcapng"]);
    let found: BTreeSet<Vec<&str>> = hosts.iter().map(addresses).collect();
    let expected = [
        vec!["192.0.2.1", "2001:db8::1", "fe80::ff:fe00:1"],
        vec!["192.0.2.10", "2001:db8::10"],
        vec!["192.0.2.20", "2001:db8::20"],
        vec!["192.0.2.30", "2001:db8::30", "fe80::ff:fe00:1e"],
    ];
    assert_eq!(found, BTreeSet::from(expected));
    let printer = hosts.iter().find(|host| addresses(host).contains(&"192.0.2.30")).unwrap();
    assert_eq!(
        (&printer["names"][0]["name"], &printer["names"][0]["source"]),
        (&"printer.local".into(), &"mdns".into())
    );
    assert_eq!(printer["macs"][0], "02-00-00-00-00-1E");
}

#[test]
fn the_users_names_win_unless_none_are_wanted() {
    let folder = Scratch::new("hosts");
    let file = folder.file("hosts", b"192.0.2.30 paper # ours\n").display().to_string();
    let names = |more: &[&str]| -> Vec<String> {
        let hosts = hosts(&[more, &["--hosts", &file, "office.pcapng"]].concat());
        let printer = hosts.iter().find(|host| addresses(host).contains(&"192.0.2.30")).unwrap();
        let names = printer["names"].as_array().map(Vec::as_slice).unwrap_or_default();
        names.iter().map(|name| name["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&[]), ["paper", "printer.local"]);
    assert_eq!(names(&["-n"]), [""; 0]);
    let summary = |more: &[&str]| {
        good(&[&["summary", "--by", "host", "--hosts", &file], more, &["office.pcapng"]].concat())
    };
    assert!(summary(&[]).contains(" paper "));
    assert!(!summary(&["-n"]).contains(" paper "));
    let bad = folder.file("bad", b"192.0.2.30 a\n192.0.2.300 b\n").display().to_string();
    let said = portolan(&["hosts", "--hosts", &bad, "office.pcapng"]);
    assert_eq!(said.code, 3);
    assert!(said.error.contains("bad:2: `192.0.2.300` is no address"), "{}", said.error);
}

#[test]
fn stretches_know_the_names_of_the_whole() {
    let one = good(&["hosts", "--threads", "1", "office.pcapng"]);
    let many = good(&["hosts", "--threads", "4", "--min-stretch", "4000", "office.pcapng"]);
    assert_eq!(one, many);
}

/// The lab's hosts hold what nobody else could: the DHCP server was heard though it was asked by broadcast, and `snmpd` calls
/// itself `server` (samples/record.sh).
#[test]
fn who_was_heard_serves_and_names_itself() {
    let lease = hosts(&["dhcp-lease.pcap"]);
    let server = lease.iter().find(|host| addresses(host) == ["192.0.2.1"]).unwrap();
    assert_eq!((&server["offers"][0]["port"], &server["offers"][0]["clients"]), (&67.into(), &1.into()));
    let snmp = hosts(&["snmp-get.pcap"]);
    let server = snmp.iter().find(|host| addresses(host) == ["192.0.2.20"]).unwrap();
    assert_eq!(
        (&server["names"][0]["name"], &server["names"][0]["source"]),
        (&"server".into(), &"snmp".into())
    );
}

/// A service that octets confirm in one flow and not in another is one service; a name that multicast DNS gives two
/// addresses, on a link, makes them one host's (RFC 6762 section 9); what came through a fragment names, too.
#[test]
fn no_host_and_no_service_stands_twice() {
    let Some(folder) = shared("captures") else { return };
    for name in ["anyconnect-vpn.pcap", "iphone.pcap"] {
        let file = folder.join("ntop+nDPI/tests/cfgs/default/pcap").join(name).display().to_string();
        let hosts = hosts(&[&file]);
        let mut met = BTreeSet::new();
        for host in &hosts {
            assert!(addresses(host).iter().all(|address| met.insert((*address).to_owned())), "{host}");
            for list in ["offers", "uses"] {
                let services = host[list].as_array().map(Vec::as_slice).unwrap_or_default();
                let all: BTreeSet<_> =
                    services.iter().map(|one| format!("{} {}", one["port"], one["key"])).collect();
                assert_eq!(all.len(), services.len(), "{host}");
            }
        }
        let groups = ["10.0.0.255", "192.168.2.255", "224.0.0.251", "239.255.255.250"];
        assert!(groups.iter().all(|group| !met.contains(*group)), "{met:?}");
        if name == "iphone.pcap" {
            let mac = hosts.iter().find(|host| addresses(host).contains(&"192.168.2.1")).unwrap();
            let all = ["169.254.225.216", "192.168.2.1", "fe80::c42c:3ff:fe60:6a64"];
            assert_eq!((addresses(mac), mac["macs"].as_array().unwrap().len()), (all.to_vec(), 2));
        }
    }
}

/// The user's names reach the Name Resolution Block in every way to know; the names there are those of `hosts`.
#[test]
fn names_are_written_into_the_capture() {
    let folder = Scratch::new("hosts-block");
    let file = folder.file("hosts", b"192.0.2.30 paper\n").display().to_string();
    let target = folder.0.join("out.pcapng").display().to_string();
    for more in [&[][..], &["--causal"]] {
        let run = [&["annotate", "-w", &target, "--hosts", &file], more, &["office.pcapng"]].concat();
        good(&run);
        let written = std::fs::read(&target).unwrap();
        // Type 1 with its length, the address, the name, a zero (draft-ietf-opsawg-pcapng section 4.5).
        let has = |record: &[u8]| written.windows(record.len()).any(|octets| octets == record);
        assert!(has(b"\x01\0\x0a\0\xc0\0\x02\x1epaper\0"), "{more:?}");
        assert!(has(b"\x01\0\x1a\0\xc0\0\x02\x14server.office.example"), "{more:?}");
        assert!(!has(b"\xc0\0\x02\x1eprinter.local"), "{more:?}");
    }
}

/// Pairs of an address and the name that was asked for it, as DNS fields of tshark tell: aliases are followed back.
fn joined_by_tshark(file: &Path) -> BTreeSet<(String, String)> {
    let fields = ["dns.resp.type", "dns.resp.name", "dns.a", "dns.aaaa", "dns.cname"];
    let mut tshark = Command::new("tshark");
    tshark.args(["-n", "-Tfields", "-Eoccurrence=a", "-Eaggregator=,"]);
    let filter = "udp.srcport == 53 && dns.flags.response == 1 && dns.flags.rcode == 0 && !icmp";
    tshark.args(["-Y", filter, "-r"]).arg(file);
    tshark.args(fields.map(|field| ["-e", field]).concat());
    let out = tshark.output().unwrap();
    let mut pairs = BTreeSet::new();
    for line in String::from_utf8_lossy(&out.stdout).lines() {
        let columns: Vec<Vec<&str>> = line
            .split('\t')
            .map(|column| column.split(',').filter(|text| !text.is_empty()).collect())
            .collect();
        let [types, names, v4, v6, aliases] = &columns[..] else { panic!("{line}") };
        let (mut v4, mut v6, mut targets) = (v4.iter(), v6.iter(), aliases.iter());
        let (mut owner_of, mut found) = (BTreeMap::new(), Vec::new());
        for (kind, name) in types.iter().zip(names) {
            match *kind {
                "1" => found.push((*v4.next().unwrap(), *name)),
                "28" => found.push((*v6.next().unwrap(), *name)),
                "5" => _ = owner_of.insert(targets.next().unwrap().to_ascii_lowercase(), *name),
                _ => {}
            }
        }
        for (address, mut name) in found {
            while let Some(owner) = owner_of.get(&name.to_ascii_lowercase()) {
                name = owner;
            }
            pairs.insert((address.to_owned(), name.to_ascii_lowercase()));
        }
    }
    pairs
}

/// Names from answers of DNS are, for every host shown, those of a join made with tshark, no more and no less; CSV has them
/// all.
#[test]
fn names_from_answers_equal_a_join_of_tshark() {
    let Some(folder) = shared("captures").filter(|_| has_tshark()) else { return };
    let (mut names, mut aliased) = (0, 0);
    for (file, at_least) in [
        ("ntop+nDPI/tests/cfgs/default/pcap/iphone.pcap", 14),
        ("ntop+nDPI/tests/cfgs/default/pcap/anyconnect-vpn.pcap", 4),
        ("ajbanjara+Wireshark/uploads/__moin_import__/attachments/SampleCaptures/anoop.pcap", 3),
    ] {
        let file = folder.join(file);
        let joined = joined_by_tshark(&file);
        let path = file.display().to_string();
        let csv = good(&["hosts", "--format", "csv", &path]);
        let mut table = csv::Reader::from_reader(csv.as_bytes());
        let rows: Vec<csv::StringRecord> = table.records().map(Result::unwrap).collect();
        let before = names;
        for (host, row) in hosts(&[&path]).iter().zip(&rows) {
            let of_host = joined.iter().filter(|(known, _)| addresses(host).contains(&known.as_str()));
            let expected: BTreeSet<&str> = of_host.map(|(_, name)| name.as_str()).collect();
            let all = host["names"].as_array().map(Vec::as_slice).unwrap_or_default();
            let told = all.iter().filter(|name| name["source"] == "dns");
            let told: BTreeSet<&str> = told.map(|name| name["name"].as_str().unwrap()).collect();
            assert_eq!(told, expected, "{path}: {host}");
            assert_eq!(row[0], addresses(host).join(" "));
            let listed: Vec<String> = all
                .iter()
                .map(|name| match (name["name"].as_str().unwrap(), name["source"].as_str().unwrap()) {
                    (name, source @ ("tls" | "http" | "quic")) => format!("{name} ({source})"),
                    (name, _) => name.to_owned(),
                })
                .collect();
            assert_eq!(row[3], listed.join(" | "));
            names += told.len();
            aliased += usize::from(told.len() > 1);
        }
        assert!(names - before >= at_least, "{path}: {}", names - before);
    }
    assert!(names > 20 && aliased > 0, "{names} {aliased}");
}

fn has_tshark() -> bool {
    let has = Command::new("tshark").arg("-v").output().is_ok();
    #[allow(clippy::print_stderr, reason = "the reason of a skip belongs in the test log")]
    if !has {
        eprintln!("skipped: tshark is not installed");
    }
    has
}

/// Every address of an answer to a question, as tshark reads them, has the name that was asked for among its names.
#[test]
fn names_are_those_that_tshark_reads() {
    if !has_tshark() {
        return;
    }
    let registry = Registry::built_in();
    let Some(folder) = shared("captures") else { return };
    let captures = [
        "ajbanjara+Wireshark/uploads/__moin_import__/attachments/SampleCaptures/anoop.pcap",
        "ajbanjara+Wireshark/uploads/__moin_import__/attachments/SampleCaptures/dof-short-capture.pcapng",
        "ntop+nDPI/tests/cfgs/default/pcap/anyconnect-vpn.pcap",
        "ntop+nDPI/tests/cfgs/default/pcap/iphone.pcap",
        "snabbco+snabb/lib/ljndpi/examples/lamernews.pcap",
    ];
    let (mut asked, mut files) = (0, 0);
    for file in captures.map(|name| folder.join(name)) {
        let fields = ["dns.qry.name", "dns.a", "dns.aaaa"].map(|field| ["-e", field]).concat();
        let filter = "udp.srcport == 53 && dns.flags.response == 1 && dns.flags.rcode == 0 && dns.count.queries == 1 \
                      && dns.count.auth_rr == 0 && dns.count.add_rr == 0 && !icmp && !_ws.malformed && !dns.cname";
        let mut tshark = Command::new("tshark");
        let out = tshark
            .args(["-n", "-Tfields", "-Eoccurrence=a", "-Y", filter])
            .args(&fields)
            .arg("-r")
            .arg(&file);
        let out = out.output().unwrap();
        let told = String::from_utf8_lossy(&out.stdout).into_owned();
        if told.trim().is_empty() {
            continue;
        }
        let options = Options { hosts: true, ..Options::default() };
        let job = Job::new(Inputs::Files(vec![file.clone()]), &registry).learn(options, &());
        let (knowledge, _) = job.unwrap();
        let known = knowledge.hosts().unwrap();
        for line in told.lines() {
            let mut columns = line.split('\t');
            let name = columns.next().unwrap_or_default().to_ascii_lowercase();
            // What is escaped differs in form.
            if !name.bytes().all(|octet| octet.is_ascii_alphanumeric() || b".-_".contains(&octet))
                || name.is_empty()
            {
                continue;
            }
            for address in columns.flat_map(|column| column.split(',')).filter_map(|text| text.parse().ok()) {
                let names = known.names_of(address);
                let is_known = names.iter().any(|told| told.name == name);
                assert!(
                    is_known || !portolan::hosts::is_host(address),
                    "{}: {address} {name} {names:?}",
                    file.display()
                );
                asked += 1;
            }
        }
        files += 1;
    }
    assert!(asked > 50 && files > 3, "{asked} answers in {files} captures");
}

/// A TCP segment from port to port between 192.0.2.1, which asks, and 192.0.2.2 in a record of pcap.
fn segment(number: u32, ports: [u16; 2], (sequence, flags): (u32, u8), octets: &[u8]) -> Vec<u8> {
    let asks = ports[1] < 1_024;
    let [from, to] = if asks { [1, 2] } else { [2, 1] };
    let mut frame = vec![2, 0, 0, 0, 0, to, 2, 0, 0, 0, 0, from, 8, 0, 0x45, 0];
    frame.extend((40 + octets.len() as u16).to_be_bytes());
    frame.extend([0, 0, 0, 0, 64, 6, 0, 0, 192, 0, 2, from, 192, 0, 2, to]);
    frame.extend(ports.iter().flat_map(|port| port.to_be_bytes()));
    frame.extend(sequence.to_be_bytes());
    frame.extend([0, 0, 0, 1, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    frame.extend(octets);
    let length = frame.len() as u32;
    let words = [1_790_000_000 + number, 0, length, length].map(u32::to_le_bytes);
    [words.as_flattened(), &frame].concat()
}

/// What clients asked a server for and got is told with its source, is no name of its own, and proves nothing: the server of
/// 70 sites, of which one refused.
#[test]
fn what_clients_ask_for_is_told_apart() {
    let mut file = b"\xd4\xc3\xb2\xa1\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\x04\0\x01\0\0\0".to_vec();
    for site in 0..70_u16 {
        let (port, time) = (50_000 + site, u32::from(site) * 10);
        let request = format!("GET / HTTP/1.1\r\nHost: site{site}.example\r\n\r\n");
        file.extend(segment(time, [port, 80], (7, 2), b""));
        let flags = if site == 3 { 0x14 } else { 0x12 };
        file.extend(segment(time + 1, [80, port], (0, flags), b""));
        file.extend(segment(time + 2, [port, 80], (8, 0x18), request.as_bytes()));
        if site != 3 {
            file.extend(segment(time + 3, [80, port], (1, 0x18), b"HTTP/1.1 200 OK\r\n\r\n"));
        }
    }
    let folder = Scratch::new("hosts-asked");
    let path = folder.file("sites.pcap", &file).display().to_string();
    let found = hosts(&[&path]);
    let of = |address: &str| found.iter().find(|host| addresses(host) == [address]).unwrap();
    let names = of("192.0.2.2")["names"].as_array().unwrap();
    assert_eq!(names.len(), 64);
    assert!(names.iter().all(|name| name["source"] == "http" && name["name"] != "site3.example"));
    assert_eq!(
        names[1],
        serde_json::json!({"name": "site1.example", "source": "http",
            "first": "2026-09-21T14:13:30.000000000Z", "last": "2026-09-21T14:13:33.000000000Z"})
    );
    assert_eq!(of("192.0.2.1").get("names"), None);
    let csv = good(&["hosts", "--format", "csv", "--columns", "addresses,names", &path]);
    assert!(csv.contains("192.0.2.2,site0.example (http) | site1.example (http) | "), "{csv}");
    let table = good(&["hosts", &path]);
    assert!(table.contains("site0.example (http) site1.example (http) site10.example (http) +61"), "{table}");
    assert!(!good(&["hosts", "-n", &path]).contains("site"));
    // A user's own name comes first, and stands for the host elsewhere.
    let file = folder.file("hosts", b"192.0.2.2 web\n").display().to_string();
    let named = hosts(&["--hosts", &file, &path]);
    let names = named.iter().find(|host| addresses(host) == ["192.0.2.2"]).unwrap()["names"].clone();
    assert_eq!((&names[0]["name"], &names[0]["source"]), (&"web".into(), &"user".into()));
}
