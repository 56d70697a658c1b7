//! The side that serves, and what SRV records name, in the flows of the samples.

use std::process::Command;

use serde_json::Value;

use crate::{material, samples::services};

/// The flows of a sample as the command reports them.
fn flows(name: &str) -> Vec<Value> {
    let output = Command::new(env!("CARGO_BIN_EXE_portolan"))
        .args(["flows", "--format", "json"])
        .arg(material::sample(name))
        .output()
        .unwrap();
    assert!(output.status.success(), "{name}: {output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn the_serving_side_is_where_the_kernel_saw_a_socket_listen() {
    let mut judged = 0;
    for (name, serving) in services() {
        for flow in flows(&name) {
            let serves = |end: &str| {
                serving.iter().any(|socket| {
                    flow[end]["ip"] == socket.address.to_string()
                        && flow[end]["port"] == socket.port
                        && flow["network"]["transport"] == socket.transport
                })
            };
            let side = match (serves("source"), serves("destination")) {
                (false, false) => continue,
                // Both ends of mDNS have the same port; neither is more of a server (RFC 6762 section 5.2).
                _ if flow["source"]["port"] == flow["destination"]["port"] => "both",
                (true, _) => "source",
                (false, true) => "destination",
            };
            assert_eq!(flow["svc"]["side"], side, "{name}: {flow:#}");
            judged += 1;
        }
    }
    assert!(judged > 100, "{judged}");
}

#[test]
fn a_port_that_an_srv_record_names_is_advertised() {
    for (name, port, service) in [
        ("dns-srv.pcap", 8800, "caldav"),
        ("dns-srv-v6.pcap", 8800, "caldav"),
        // A TTL of 0 forbids caching; it is no goodbye outside of mDNS.
        ("dns-srv-ttl0.pcap", 8800, "caldav"),
        ("dns-srv-ttl0-v6.pcap", 8800, "caldav"),
        ("mdns-http-49154.pcap", 49154, "http"),
        ("mdns-http-49154-v6.pcap", 49154, "http"),
        ("mdns-ipp-6631.pcap", 6631, "ipp"),
        ("mdns-ipp-6631-v6.pcap", 6631, "ipp"),
        // Here HTTP comes before any record that explains its port.
        ("office.pcapng", 49154, "http"),
        ("office.pcapng", 6631, "ipp"),
        ("office.pcapng", 8800, "caldav"),
    ] {
        let flows = flows(name);
        let mut there = flows.iter().filter(|flow| flow["destination"]["port"] == port).peekable();
        assert!(there.peek().is_some(), "{name}: no flow to {port}");
        for flow in there {
            assert_eq!(flow["svc"]["evidence"], "advertised", "{name}: {flow:#}");
            assert_eq!(flow["svc"]["name"], service, "{name}: {flow:#}");
        }
    }
}
