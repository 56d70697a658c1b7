//! One pcapng file whose interfaces have different link types, which libpcap refuses to read.

use std::process::Command;

/// An IPv4 packet with a UDP header and nothing in it.
fn udp(source_port: u16, destination_port: u16) -> Vec<u8> {
    let mut packet = vec![0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2];
    for value in [source_port, destination_port, 8, 0] {
        packet.extend_from_slice(&value.to_be_bytes());
    }
    packet
}

/// A block (little-endian): type, length, body, length.
fn block(kind: u32, body: &[u8]) -> Vec<u8> {
    let len = 12 + body.len() as u32;
    [&kind.to_le_bytes(), &len.to_le_bytes(), body, &len.to_le_bytes()].concat()
}

fn interface(link: u16) -> Vec<u8> {
    block(1, &[&link.to_le_bytes()[..], &[0, 0, 0, 0, 0, 0]].concat())
}

fn packet(interface: u32, microseconds: u32, octets: &[u8]) -> Vec<u8> {
    let len = octets.len() as u32;
    let mut body: Vec<u8> =
        [interface, 0, microseconds, len, len].iter().flat_map(|value| value.to_le_bytes()).collect();
    body.extend_from_slice(octets);
    body.resize(body.len().next_multiple_of(4), 0);
    block(6, &body)
}

#[test]
fn ethernet_wlan_and_raw_ip_in_one_file_are_annotated_in_file_order() {
    const ETHERNET: u16 = 1;
    const IEEE802_11: u16 = 105;
    const RAW: u16 = 101;
    let ethernet = [&[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0][..], &udp(40_001, 53)].concat();
    // Data frame to the access point: three addresses, LLC and SNAP, then IPv4.
    let mut wlan = vec![0x08, 0x01, 0, 0];
    wlan.extend_from_slice(&[[2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2], [2, 0, 0, 0, 0, 3]].concat());
    wlan.extend_from_slice(&[0, 0, 0xaa, 0xaa, 3, 0, 0, 0, 8, 0]);
    wlan.extend_from_slice(&udp(40_002, 123));

    let mut section = 0x1a2b_3c4d_u32.to_le_bytes().to_vec();
    section.extend_from_slice(&[1, 0, 0, 0]);
    section.extend_from_slice(&[0xff; 8]);
    let file = [
        block(0x0a0d_0d0a, &section),
        interface(ETHERNET),
        interface(IEEE802_11),
        interface(RAW),
        packet(2, 1, &udp(40_003, 161)),
        packet(0, 2, &ethernet),
        packet(1, 3, &wlan),
        packet(0, 4, &ethernet),
    ]
    .concat();
    let path = std::env::temp_dir().join(format!("portolan-mixed-{}.pcapng", std::process::id()));
    std::fs::write(&path, file).unwrap();

    let run = Command::new(env!("CARGO_BIN_EXE_portolan"))
        .args(["annotate", "--format", "json"])
        .arg(&path)
        .output()
        .unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!((run.status.code(), run.stderr.as_slice()), (Some(0), &b""[..]));
    let seen: Vec<_> = String::from_utf8(run.stdout)
        .unwrap()
        .lines()
        .map(|line| {
            let record: serde_json::Value = serde_json::from_str(line).unwrap();
            let link = record["frame"]["link"].as_str().unwrap().to_owned();
            (record["frame"]["number"].as_u64(), link, record["svc"]["name"].as_str().unwrap().to_owned())
        })
        .collect();
    let expected =
        [(1, "raw", "snmp"), (2, "ethernet", "domain"), (3, "ieee802-11", "ntp"), (4, "ethernet", "domain")];
    let expected = expected.map(|(number, link, name)| (Some(number), link.to_owned(), name.to_owned()));
    assert_eq!(seen, expected);
}
