//! Real servers on their own ports and on those of others, clients, refusals and scans on one bridge: who really serves
//! what, against what the command says of the capture.
//!
//! Needs root and the programs that build the lab; says so and passes where they are missing. A server that is missing is
//! left out with a word about it, and what is asked holds for the others.

#![allow(clippy::print_stderr, reason = "a skipped test says why")]

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::{capture::Scratch, cli::good};

/// An endpoint that listens in `laboratory.sh` and is talked to there.
struct Endpoint {
    address: &'static str,
    port: u16,
    transport: &'static str,
    /// The program behind it, as the kernel calls it.
    program: &'static str,
    /// What its service may be called.
    names: &'static [&'static str],
    /// What its octets speak.
    protocol: &'static str,
}

const fn endpoint(
    address: &'static str,
    port: u16,
    transport: &'static str,
    program: &'static str,
    names: &'static [&'static str],
    protocol: &'static str,
) -> Endpoint {
    Endpoint { address, port, transport, program, names, protocol }
}

const GATE: &str = "192.0.2.1";
const PRINTER: &str = "192.0.2.30";
const ANNEX: &str = "192.0.2.50";

/// Who serves what.
const TRUTH: [Endpoint; 23] = [
    endpoint(ANNEX, 80, "tcp", "nginx", &["http"], "http"),
    endpoint(ANNEX, 8000, "tcp", "nginx", &["http"], "http"),
    endpoint(ANNEX, 22222, "tcp", "nginx", &["http"], "http"),
    endpoint(ANNEX, 49200, "tcp", "nginx", &["http"], "http"),
    endpoint(ANNEX, 443, "tcp", "nginx", &["https"], "tls"),
    endpoint(ANNEX, 9443, "tcp", "nginx", &["tls"], "tls"),
    endpoint(ANNEX, 22, "tcp", "nginx", &["tls"], "tls"),
    endpoint(ANNEX, 2222, "tcp", "sshd", &["ssh"], "ssh"),
    endpoint(ANNEX, 8443, "tcp", "sshd", &["ssh"], "ssh"),
    endpoint(ANNEX, 9999, "tcp", "redis-server", &["redis"], "redis"),
    endpoint(ANNEX, 1883, "tcp", "mosquitto", &["mqtt"], "mqtt"),
    endpoint(ANNEX, 18830, "tcp", "mosquitto", &["mqtt"], "mqtt"),
    // Control and data begin with the same 37 octets (TCP), or are sent there and back (UDP); no registry has the name.
    endpoint(ANNEX, 5201, "tcp", "iperf3", &["iperf3"], "iperf3"),
    endpoint(ANNEX, 33333, "tcp", "iperf3", &["iperf3"], "iperf3"),
    endpoint(ANNEX, 33333, "udp", "iperf3", &["iperf3"], "iperf3"),
    endpoint(ANNEX, 50432, "tcp", "postgres", &["postgresql"], "postgresql"),
    endpoint(GATE, 123, "udp", "chronyd", &["ntp"], "ntp"),
    endpoint(GATE, 53, "udp", "dnsmasq", &["domain"], "domain"),
    endpoint(GATE, 53, "tcp", "dnsmasq", &["domain"], "domain"),
    endpoint(GATE, 5300, "udp", "dnsmasq", &["domain"], "domain"),
    // Named by the SRV record of the printer; its octets are HTTP.
    endpoint(PRINTER, 6310, "tcp", "ippeveprinter", &["ipp"], "http"),
    endpoint(PRINTER, 49500, "tcp", "nginx", &["http"], "http"),
    endpoint(PRINTER, 5353, "udp", "avahi-daemon", &["mdns"], "mdns"),
];

/// What is asked in vain at the annex: a port that a client wants, and those that are scanned.
const REFUSED: u16 = 8123;
const CLOSED: [u16; 27] = [
    21, 23, 25, 53, 110, 111, 135, 139, 143, 389, 445, 465, 587, 631, 993, 995, 1433, 1521, 3306, 3389, 5060,
    5432, 5900, 6379, 8080, 11211, 27017,
];

/// What the lab itself cannot do without.
const NEEDED: [&str; 11] = [
    "awk",
    "bash",
    "ethtool",
    "hostname",
    "ip",
    "nsenter",
    "openssl",
    "ss",
    "ssh-keygen",
    "tcpdump",
    "unshare",
];

fn shell(line: &str) -> bool {
    let run = Command::new("sh").args(["-c", line]).stdin(Stdio::null()).output();
    run.is_ok_and(|output| output.status.success())
}

/// What came out of the lab.
struct Laboratory {
    capture: String,
    /// Address, port and transport of each socket that listened, and its program.
    listening: BTreeSet<(String, u16, String, String)>,
    absent: Vec<String>,
    _folder: Scratch,
}

/// Runs the lab; `None` with a printed reason where that is not possible here.
fn laboratory() -> Option<Laboratory> {
    if !shell("test $(id -u) = 0") {
        eprintln!("skipped: network namespaces need root");
        return None;
    }
    for program in NEEDED {
        if !shell(&format!("command -v {program}")) {
            eprintln!("skipped: {program} is not installed");
            return None;
        }
    }
    if !shell("unshare --net --uts --mount --pid --fork true") {
        eprintln!("skipped: no network namespaces here");
        return None;
    }
    let folder = Scratch::new("laboratory");
    let capture = folder.file("bridge.pcap", b"").display().to_string();
    let directory = Path::new(&capture).parent().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/laboratory.sh");
    let output = Command::new("bash").arg(script).arg(directory).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let lines = |name: &str| -> Vec<String> {
        fs::read_to_string(directory.join(name)).unwrap().lines().map(ToOwned::to_owned).collect()
    };
    let absent = lines("absent");
    for program in &absent {
        eprintln!("left out: {program} and what needs it, as it or its client is not installed");
    }
    let listening = lines("listening.tsv")
        .iter()
        .map(|line| {
            let [address, port, transport, program] = line.split('\t').collect::<Vec<_>>()[..] else {
                panic!("not four columns: {line}");
            };
            (address.to_owned(), port.parse().unwrap(), transport.to_owned(), program.to_owned())
        })
        .collect();
    Some(Laboratory { capture, listening, absent, _folder: folder })
}

impl Laboratory {
    fn listens(&self, address: &str, port: u16, transport: &str) -> bool {
        // iperf3 opens a socket for data over UDP while it is wanted.
        let transport = if matches!(port, 5201 | 33333) { "tcp" } else { transport };
        self.listening.iter().any(|one| (one.0.as_str(), one.1, one.2.as_str()) == (address, port, transport))
    }

    /// The endpoints of the truth whose server was there: what the kernel listed as listening.
    fn present(&self) -> Vec<&'static Endpoint> {
        let there = |one: &&Endpoint| self.listens(one.address, one.port, one.transport);
        TRUTH.iter().filter(there).collect()
    }
}

/// Address, port and transport of one end of a flow; its address alone where it has no ports.
fn end<'f>(flow: &'f Value, side: &str) -> (&'f str, Option<u64>, &'f str) {
    (
        flow[side]["ip"].as_str().unwrap_or_default(),
        flow[side]["port"].as_u64(),
        flow["network"]["transport"].as_str().unwrap_or_default(),
    )
}

/// Of each endpoint whether all its flows are named right, and every name that is wrong though more than the registry's.
fn judge(present: &[&'static Endpoint], flows: &[Value]) -> (Vec<String>, Vec<String>) {
    let (mut not_right, mut wrong) = (Vec::new(), Vec::new());
    for one in present {
        let here = (one.address, Some(u64::from(one.port)), one.transport);
        let met: Vec<_> = flows
            .iter()
            .filter_map(|flow| {
                ["source", "destination"]
                    .into_iter()
                    .find(|side| end(flow, side) == here)
                    .map(|side| (flow, side))
            })
            .collect();
        assert!(!met.is_empty(), "nobody talked to {here:?}");
        let mut right = true;
        for (flow, at) in met {
            let svc = &flow["svc"];
            let named = svc["name"].as_str().is_some_and(|name| one.names.contains(&name));
            let protocol = svc["protocol"] == one.protocol;
            // Between equal ports, both serve.
            let side = svc["side"] == at || flow["source"]["port"] == flow["destination"]["port"];
            if named && side && protocol {
                continue;
            }
            right = false;
            let weak = matches!(svc["evidence"].as_str(), Some("registered" | "none"));
            // A side that is not told is silence; another one is a false server.
            if !weak && !named || !side && svc["side"] != "none" {
                wrong.push(format!("{here:?}: {svc}"));
            }
        }
        if !right {
            not_right.push(format!("{here:?} ({}): {}", one.program, one.names[0]));
        }
    }
    (not_right, wrong)
}

#[test]
fn real_servers_are_named_and_nobody_else_serves() {
    let Some(lab) = laboratory() else { return };
    let present = lab.present();
    if lab.absent.is_empty() {
        assert_eq!(present.len(), TRUTH.len(), "{:#?}", lab.listening);
    }
    for one in &present {
        // The table above is what the kernel said, but for the socket of iperf3 that comes and goes.
        let kernel = (one.address.to_owned(), one.port, one.transport.to_owned(), one.program.to_owned());
        assert!(lab.listening.contains(&kernel) || one.program == "iperf3", "{kernel:?}");
    }
    let out = good(&["flows", "--format", "json", &lab.capture]);
    let flows: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();

    let (not_right, wrong) = judge(&present, &flows);
    assert!(wrong.is_empty(), "wrong, and sure of it:\n{}", wrong.join("\n"));
    assert!(
        not_right.len() <= 1,
        "{} of {} not right:\n{}",
        not_right.len(),
        present.len(),
        not_right.join("\n")
    );
    the_asked_do_not_serve(&lab, &flows);
    summaries_count_servers(&lab);
}

/// What was scanned or refused has no state of a server, and whoever has one listened.
fn the_asked_do_not_serve(lab: &Laboratory, flows: &[Value]) {
    let mut asked = BTreeSet::new();
    for flow in flows.iter().filter(|flow| flow.get("svc").is_some()) {
        let (source, destination) = (end(flow, "source"), end(flow, "destination"));
        let listens =
            |one: (&str, Option<u64>, &str)| one.1.is_some_and(|port| lab.listens(one.0, port as u16, one.2));
        let state = flow["svc"]["state"].as_str();
        if matches!(state, Some("established" | "answered")) {
            assert!(listens(source) || listens(destination), "nobody listens there: {flow:#}");
        } else if destination.0 == ANNEX {
            assert!(matches!(state, Some("asked" | "refused")), "{flow:#}");
            asked.insert((destination.1.unwrap() as u16, destination.2));
        }
    }
    if !lab.absent.iter().any(|program| program == "nmap") {
        let missing: Vec<_> = CLOSED.iter().filter(|port| !asked.contains(&(**port, "tcp"))).collect();
        assert!(missing.is_empty(), "not seen as asked: {missing:?}");
    }
    let refused = |flow: &&Value| end(flow, "destination") == (ANNEX, Some(u64::from(REFUSED)), "tcp");
    for flow in flows.iter().filter(refused) {
        assert_eq!(flow["svc"]["state"], "refused", "{flow:#}");
    }
}

fn rows(lab: &Laboratory, by: &str) -> Vec<Value> {
    let out = good(&["summary", "--by", by, "--format", "json", &lab.capture]);
    let summary: Value = serde_json::from_str(&out).unwrap();
    summary["rows"].as_array().unwrap().clone()
}

/// `servers` counts those that listen, in every division.
fn summaries_count_servers(lab: &Laboratory) {
    let hosts: BTreeSet<&str> = lab.listening.iter().map(|one| one.0.as_str()).collect();
    for row in rows(lab, "server") {
        // Two that serve each other are one row.
        let serving = row["key"].as_str().unwrap().split(" and ").filter(|host| hosts.contains(host)).count();
        assert!(row["servers"].as_u64().unwrap() <= serving as u64, "not a server: {row:#}");
    }
    for row in rows(lab, "port") {
        let Some(port) = row["ports"][0].as_u64() else { continue };
        let transport = row["transport"].as_str().unwrap();
        let serves = lab.listening.iter().any(|one| lab.listens(&one.0, port as u16, transport));
        assert!(row["servers"] == 0 || serves, "nobody listens there: {row:#}");
    }
    // A service has a server where one of the truth speaks it; what was only asked for has a row of its own.
    let names: BTreeSet<&str> = lab.present().iter().flat_map(|one| one.names).copied().collect();
    let rows = rows(lab, "service");
    for row in rows.iter().filter(|row| row["servers"] != 0) {
        let name = row["name"].as_str().unwrap_or_default();
        assert!(names.contains(name) || row["evidence"].get("payload").is_none(), "{row:#}");
    }
    if !lab.absent.iter().any(|program| program == "nmap") {
        let asked = rows.iter().find(|row| row["key"] == "refused/tcp").expect("a row refused/tcp");
        assert!(asked["refused"].as_u64() >= Some(CLOSED.len() as u64), "{asked:#}");
    }
}
