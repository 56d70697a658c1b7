//! The project's own captures: their tables, written by other tools, hold for our reading of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    net::IpAddr,
};

use portolan::{
    capture::{self, Source as _},
    decode::{Decoder, Headers},
    packet::{Batch, TransportProtocol},
};

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
            let Some((source, destination)) = headers.network.addresses() else { continue };
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
