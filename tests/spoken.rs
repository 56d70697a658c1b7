//! What the samples' flows speak on ports of others, and what was asked in vain: facts of the recording, which the
//! command has to find in the octets.

use serde_json::Value;

use crate::{
    cli::good,
    samples::{Serving, services, table},
};

/// What the flows to one serving port of a sample have to say. `layers` and `asked` are those of one of them at least.
struct Spoken {
    /// The sample without its ending; its twin over IPv6 says the same.
    sample: &'static str,
    port: u16,
    transport: &'static str,
    name: &'static str,
    protocol: &'static str,
    evidence: &'static str,
    /// What the port would have promised is not what it is: `registered`, or nothing.
    mismatch: &'static str,
    asked: &'static str,
    layers: &'static [&'static str],
}

/// A flow that is named by its octets alone, without anything said within.
const fn plain(
    sample: &'static str,
    port: u16,
    transport: &'static str,
    name: &'static str,
    mismatch: &'static str,
) -> Spoken {
    Spoken {
        sample,
        port,
        transport,
        name,
        protocol: name,
        evidence: "payload",
        mismatch,
        asked: "",
        layers: &[],
    }
}

/// The same, with what it carries.
const fn layered(mut one: Spoken, layers: &'static [&'static str]) -> Spoken {
    one.layers = layers;
    one
}

/// The same, where the client wanted something else.
const fn asked(mut one: Spoken, asked: &'static str) -> Spoken {
    one.asked = asked;
    one
}

/// The same, where the service is not called as the protocol is.
const fn speaking(mut one: Spoken, protocol: &'static str) -> Spoken {
    one.protocol = protocol;
    one
}

const SPOKEN: &[Spoken] = &[
    plain("http-foreign", 8000, "tcp", "http", "registered"),
    plain("http-foreign", 22222, "tcp", "http", "registered"),
    plain("http-foreign", 49200, "tcp", "http", ""),
    // 9443 is called "WSO2 Tungsten HTTPS": TLS goes with it, and proves no Tungsten.
    plain("tls-foreign", 9443, "tcp", "tls", ""),
    plain("tls-foreign", 22, "tcp", "tls", "registered"),
    plain("ssh-foreign", 8443, "tcp", "ssh", "registered"),
    asked(plain("asked-foreign", 8000, "tcp", "http", "registered"), "tls"),
    asked(plain("asked-foreign", 2222, "tcp", "ssh", "registered"), "http"),
    // nginx answers in plain HTTP that this port wants TLS.
    plain("asked-foreign", 9443, "tcp", "http", "registered"),
    plain("redis-9999", 9999, "tcp", "redis", "registered"),
    layered(plain("postgres-50432", 50432, "tcp", "postgresql", ""), &["postgresql", "tls"]),
    plain("dns-5300", 5300, "udp", "domain", "registered"),
    plain("dns-5300", 5300, "tcp", "domain", "registered"),
    plain("dns-srv-mqtt", 53, "udp", "domain", ""),
    Spoken { evidence: "advertised", ..plain("dns-srv-mqtt", 18830, "tcp", "mqtt", "") },
    plain("mqtt-18830", 18830, "tcp", "mqtt", ""),
    plain("iperf3", 5201, "tcp", "iperf3", "registered"),
    plain("iperf3", 33333, "tcp", "iperf3", "registered"),
    plain("iperf3", 5201, "udp", "iperf3", "registered"),
    plain("iperf3", 33333, "udp", "iperf3", ""),
    plain("ftp-2121", 2121, "tcp", "ftp", "registered"),
    layered(plain("smtp-starttls", 25, "tcp", "smtp", ""), &["smtp", "tls"]),
    layered(plain("smtp-starttls", 2025, "tcp", "smtp", "registered"), &["smtp", "tls"]),
    layered(plain("proxy-connect", 3128, "tcp", "http", "registered"), &["http", "tls"]),
    plain("proxy-connect", 80, "tcp", "http", ""),
    speaking(plain("proxy-connect", 443, "tcp", "https", ""), "tls"),
    layered(speaking(plain("proxy-socks", 1080, "tcp", "socks", ""), "socks5"), &["socks", "tls"]),
    layered(speaking(plain("proxy-socks", 22080, "tcp", "socks", ""), "socks5"), &["socks", "tls"]),
    layered(plain("proxy-protocol", 8085, "tcp", "http", ""), &["proxy", "http"]),
    speaking(plain("quic-ports", 443, "udp", "https", ""), "quic"),
    plain("quic-ports", 4433, "udp", "quic", ""),
];

/// The samples of what was asked in vain.
const ASKED: [&str; 6] =
    ["unanswered", "late-answers", "scan-syn", "scan-syn-data", "scan-flags", "scan-udp"];

fn flows(sample: &str) -> Vec<Value> {
    let out = good(&["flows", "--format", "json", sample]);
    out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Whether a flow goes to this port.
fn goes_to(flow: &Value, port: u16, transport: &str) -> bool {
    flow["destination"]["port"] == port && flow["network"]["transport"] == transport
}

/// The names in `layers`, which other layers may stand between.
fn has_layers(svc: &Value, wanted: &[&str]) -> bool {
    let mut layers = svc["layers"].as_array().into_iter().flatten();
    wanted.iter().all(|wanted| layers.any(|layer| layer == wanted))
}

#[test]
fn octets_name_what_the_port_does_not() {
    let mut faults = Vec::new();
    for one in SPOKEN {
        for sample in [format!("{}.pcap", one.sample), format!("{}-v6.pcap", one.sample)] {
            let flows = flows(&sample);
            let there: Vec<_> = flows.iter().filter(|flow| goes_to(flow, one.port, one.transport)).collect();
            assert!(!there.is_empty(), "{sample}: no flow to {}/{}", one.port, one.transport);
            for flow in &there {
                let svc = &flow["svc"];
                let same = |key: &str, wanted: &str| svc[key].as_str().unwrap_or_default() == wanted;
                let asked = one.asked.is_empty() || same("asked", one.asked);
                if !same("name", one.name)
                    || !same("protocol", one.protocol)
                    || !same("evidence", one.evidence)
                    || !same("mismatch", one.mismatch)
                    || !same("side", "destination")
                    || !asked
                {
                    faults.push(format!("{sample}: {svc}"));
                }
            }
            if !one.layers.is_empty() && !there.iter().any(|flow| has_layers(&flow["svc"], one.layers)) {
                faults.push(format!("{sample}: nothing carries {:?} on {}", one.layers, one.port));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The data of FTP goes where one end told the other by PASV, EPSV, PORT or EPRT.
#[test]
fn announced_data_connections_are_named() {
    for (sample, server) in [("ftp-2121.pcap", "192.0.2.50"), ("ftp-2121-v6.pcap", "2001:db8::50")] {
        let flows = flows(sample);
        let data: Vec<_> = flows.iter().filter(|flow| !goes_to(flow, 2121, "tcp")).collect();
        // One to the server's port, one to the client's.
        assert_eq!(data.len(), 2, "{sample}");
        assert_eq!(data.iter().filter(|flow| flow["destination"]["ip"] == server).count(), 1, "{sample}");
        for flow in data {
            let svc = &flow["svc"];
            assert_eq!(svc["name"], "ftp-data", "{sample}: {flow:#}");
            assert_eq!(
                (&svc["evidence"], &svc["advertised_by"]),
                (&"advertised".into(), &"ftp".into()),
                "{sample}: {flow:#}"
            );
            assert_eq!(svc["side"], "destination", "{sample}: {flow:#}");
        }
    }
}

/// Whether the kernel listed one end of the flow as serving, and it spoke.
fn is_served(flow: &Value, serving: &[Serving]) -> bool {
    serving.iter().any(|socket| {
        flow["destination"]["ip"] == socket.address.to_string()
            && goes_to(flow, socket.port, &socket.transport)
    })
}

#[test]
fn who_is_only_asked_does_not_serve() {
    let services = services();
    let mut faults = Vec::new();
    for sample in ASKED.iter().flat_map(|stem| [format!("{stem}.pcap"), format!("{stem}-v6.pcap")]) {
        let serving = services.get(&sample).map(Vec::as_slice).unwrap_or_default();
        // Everything was asked by the desk, and no packet of the captures begins at another end.
        for flow in flows(&sample).iter().filter(|flow| flow.get("svc").is_some()) {
            let svc = &flow["svc"];
            let state = svc["state"].as_str().unwrap_or_default();
            let as_told = match (is_served(flow, serving), flow["network"]["transport"].as_str()) {
                (true, Some("tcp")) => state == "established",
                (true, _) => state == "answered",
                (false, _) => matches!(state, "asked" | "refused"),
            };
            if !as_told || svc["side"] != "destination" {
                faults.push(format!("{sample}: to {}: {svc}", flow["destination"]));
            }
        }
        let out = good(&["summary", "--by", "port", "--format", "json", &sample]);
        let summary: Value = serde_json::from_str(&out).unwrap();
        for row in summary["rows"].as_array().unwrap() {
            let serves = |port: &Value| {
                serving.iter().any(|socket| *port == socket.port && row["transport"] == socket.transport)
            };
            let ports = row["ports"].as_array().map(Vec::as_slice).unwrap_or_default();
            if row["servers"] != 0 && !ports.iter().all(serves) {
                faults.push(format!("{sample}: {} servers in the row {}", row["servers"], row["key"]));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Refusal is told from silence. Who asks and has gone when the answer comes does not refuse the server.
#[test]
fn refusals_are_told_from_silence() {
    let state = |sample: &str, address: &str, port: u16| -> String {
        let flows = flows(sample);
        let flow = flows
            .iter()
            .find(|flow| flow["destination"]["ip"] == address && flow["destination"]["port"] == port);
        let flow = flow.unwrap_or_else(|| panic!("{sample}: no flow to {address} {port}"));
        flow["svc"]["state"].as_str().unwrap_or_default().to_owned()
    };
    for (sample, address, port, expected) in [
        // RST; ICMP port unreachable of the host itself.
        ("unanswered.pcap", "192.0.2.50", 8123, "refused"),
        ("unanswered-v6.pcap", "2001:db8::50", 8123, "refused"),
        ("unanswered.pcap", "192.0.2.50", 161, "refused"),
        ("unanswered-v6.pcap", "2001:db8::50", 161, "refused"),
        // ICMP of the gate: host unreachable (1), filtered (13); ICMPv6: no route (0), prohibited (1).
        ("unanswered.pcap", "198.51.100.7", 80, "refused"),
        ("unanswered.pcap", "198.51.100.7", 53, "refused"),
        ("unanswered.pcap", "198.51.100.207", 80, "refused"),
        ("unanswered.pcap", "198.51.100.207", 53, "refused"),
        ("unanswered-v6.pcap", "2001:db8:1::7", 80, "refused"),
        ("unanswered-v6.pcap", "2001:db8:1::7", 53, "refused"),
        ("unanswered-v6.pcap", "2001:db8:2::7", 80, "refused"),
        ("unanswered-v6.pcap", "2001:db8:2::7", 53, "refused"),
        // Nobody there.
        ("unanswered.pcap", "192.0.2.99", 80, "asked"),
        ("unanswered.pcap", "192.0.2.99", 53, "asked"),
        ("unanswered-v6.pcap", "2001:db8::99", 80, "asked"),
        ("unanswered-v6.pcap", "2001:db8::99", 53, "asked"),
        // The client's ICMP error quotes the server.
        ("late-answers.pcap", "192.0.2.1", 53, "answered"),
        ("late-answers-v6.pcap", "2001:db8::1", 53, "answered"),
        // nmap -sU sends syslog's port an empty datagram.
        ("scan-udp.pcap", "192.0.2.1", 514, "refused"),
    ] {
        assert_eq!(state(sample, address, port), expected, "{sample}: {address} {port}");
    }
}

/// A sample that is listed in no table above would not be looked at.
#[test]
fn every_sample_of_these_is_judged() {
    let names: Vec<_> = table().into_iter().map(|row| row[0].clone()).collect();
    let judged = SPOKEN.iter().map(|one| one.sample).chain(ASKED);
    for stem in judged {
        for sample in [format!("{stem}.pcap"), format!("{stem}-v6.pcap")] {
            assert!(names.contains(&sample), "{sample}");
        }
    }
}
