//! The project's own captures: their tables, written by other tools, hold for our reading of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    net::IpAddr,
    process::Command,
};

use portolan::{
    capture::{self, Source as _},
    decode::{Decoder, Headers, Network},
    packet::{Batch, TransportProtocol},
};
use serde_json::Value;

use crate::material;

/// A serving socket as the kernel listed it while the capture ran.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Serving {
    pub(crate) address: IpAddr,
    pub(crate) port: u16,
    pub(crate) transport: String,
    pub(crate) program: String,
}

/// `services.tsv`, by capture.
pub(crate) fn services() -> BTreeMap<String, Vec<Serving>> {
    let text = fs::read_to_string(material::sample("services.tsv")).unwrap();
    let mut services = BTreeMap::<String, Vec<Serving>>::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let [capture, address, port, transport, program] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("not five columns: {line}");
        };
        services.entry(capture.into()).or_default().push(Serving {
            address: address.parse().unwrap(),
            port: port.parse().unwrap(),
            transport: transport.into(),
            program: program.into(),
        });
    }
    services
}

/// Cells of the captures' table in the README, without the backquotes.
pub(crate) fn table() -> Vec<Vec<String>> {
    let text = fs::read_to_string(material::sample("README.md")).unwrap();
    text.lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| line.trim_matches('|').split(" | ").map(|cell| cell.trim().replace('`', "")).collect())
        .collect()
}

/// Number of frames of a sample, and every endpoint its packets were sent from or to.
fn read(name: &str) -> (u64, BTreeSet<(IpAddr, u16, &'static str)>) {
    let mut source = capture::open(material::sample(name)).unwrap();
    let (mut batch, mut headers, decoder) = (Batch::new(), Headers::default(), Decoder::default());
    let (mut packets, mut endpoints) = (0, BTreeSet::new());
    while source.fill(&mut batch).unwrap() {
        packets += batch.len() as u64;
        for frame in batch.frames() {
            decoder.decode(frame.link, frame.octets, frame.original_len, &mut headers);
            let transport = match headers.protocol {
                TransportProtocol::TCP => "tcp",
                TransportProtocol::UDP => "udp",
                _ => continue,
            };
            let (source, destination) = match headers.network {
                Network::None => continue,
                Network::V4(source, destination) => (IpAddr::from(source), IpAddr::from(destination)),
                Network::V6(source, destination) => (IpAddr::from(source), IpAddr::from(destination)),
            };
            if let Some((from, to)) = headers.ports {
                endpoints.extend([(source, from, transport), (destination, to, transport)]);
            }
        }
    }
    (packets, endpoints)
}

#[test]
fn every_sample_has_the_packets_that_capinfos_counted() {
    let table = table();
    let listed: BTreeSet<_> = table.iter().map(|row| row[0].clone()).collect();
    let present: BTreeSet<_> = fs::read_dir(material::sample(""))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".pcap") || name.ends_with(".pcapng"))
        .collect();
    assert_eq!(listed, present);
    for row in table {
        assert_eq!(read(&row[0]).0, row[4].parse::<u64>().unwrap(), "{}", row[0]);
    }
}

#[test]
fn decoding_finds_every_serving_socket() {
    let services = services();
    assert!(services.len() > 40);
    for (name, serving) in services {
        let (_, endpoints) = read(&name);
        for socket in serving {
            // A tunnel that is opened shows its inner packets.
            if socket.program == "kernel" {
                continue;
            }
            let endpoint = (socket.address, socket.port, socket.transport.as_str());
            assert!(endpoints.contains(&endpoint), "{name}: {endpoint:?} ({})", socket.program);
        }
    }
}

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
