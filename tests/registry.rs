use std::{collections::BTreeMap, path::Path};

use portolan::decode::TransportProtocol;
use portolan::registry::Registry;

const TRANSPORTS: [(&str, TransportProtocol); 5] = [
    ("tcp", TransportProtocol::TCP),
    ("udp", TransportProtocol::UDP),
    ("sctp", TransportProtocol::SCTP),
    ("dccp", TransportProtocol::DCCP),
    // RFC 3828 section 7: UDP-Lite shares the registrations of UDP.
    ("udp", TransportProtocol::UDP_LITE),
];

/// The committed CSV, read plainly.
fn committed_rows() -> Vec<csv::StringRecord> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("registry/service-names-port-numbers.csv");
    let mut reader = csv::Reader::from_path(path).expect("the committed registry");
    reader.records().map(|row| row.expect("a sound row")).collect()
}

#[test]
fn the_committed_registry_is_whole() {
    let registry = Registry::built_in();
    assert_eq!(registry.len(), 14_536);
    assert_eq!(registry.updated(), "2026-09-30");
    for (row, cells) in registry.rows().zip(committed_rows()) {
        assert_eq!(row.name(), &cells[0]);
        assert_eq!(
            row.transport(),
            TRANSPORTS.iter().find(|(name, _)| *name == &cells[2]).map(|(_, it)| *it)
        );
        assert_eq!(row.description(), cells[3].split_whitespace().collect::<Vec<_>>().join(" "));
        assert_eq!(row.service_code().map(|code| code.to_string()).unwrap_or_default(), &cells[9]);
    }
}

#[test]
fn the_port_index_agrees_with_a_linear_scan() {
    let registry = Registry::built_in();
    let rows = committed_rows();
    let mut named = 0;
    for (keyword, protocol) in TRANSPORTS {
        // The naive twin: every row laid on every port it holds.
        let mut expected = vec![Vec::new(); 65_536];
        for (id, row) in rows.iter().enumerate() {
            if row[0].is_empty() || row[1].is_empty() || !(row[2].is_empty() || &row[2] == keyword) {
                continue;
            }
            let (first, last) = row[1].split_once('-').unwrap_or((&row[1], &row[1]));
            let ports = first.parse::<usize>().expect("a port")..=last.parse().expect("a port");
            expected[ports].iter_mut().for_each(|ids| ids.push(id as u32));
        }
        for (port, expected) in (0..=u16::MAX).zip(&expected) {
            let found: Vec<u32> = registry.by_port(protocol, port).map(|row| row.id()).collect();
            assert_eq!(&found, expected, "{keyword} {port}");
            let primary = registry.primary(protocol, port).map(|row| row.id());
            assert_eq!(primary.is_some(), !expected.is_empty(), "{keyword} {port}");
            assert!(primary.is_none_or(|id| expected.contains(&id)), "{keyword} {port}");
            named += usize::from(primary.is_some());
        }
    }
    assert!(named > 17_000, "{named}");
}

#[test]
fn the_name_index_agrees_with_a_linear_scan() {
    let registry = Registry::built_in();
    let mut expected: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    for (id, row) in committed_rows().iter().enumerate().filter(|(_, row)| !row[0].is_empty()) {
        expected.entry(row[0].to_ascii_lowercase()).or_default().push(id as u32);
    }
    assert!(expected.len() > 6_300);
    for (name, expected) in expected {
        for name in [name.to_ascii_uppercase(), name] {
            let found: Vec<u32> = registry.by_name(&name).map(|row| row.id()).collect();
            assert_eq!(found, expected, "{name}");
        }
    }
    assert_eq!(registry.by_name("").len(), 0);
    assert_eq!(registry.by_name("no-such-name").len(), 0);
}
