//! How long the endpoints that SRV records teach are named, where only the past is known.

use crate::{
    capture::Scratch,
    cli::good,
    fragments::{name, packet, segment, udp},
};

/// A response between these ports with an SRV record of a printer at that port and its address.
fn told(ports: (u16, u16), ttl: u8, port: u16) -> Vec<u8> {
    let (owner, host) = (name(&["Desk", "_ipp", "_tcp", "local"]), name(&["host", "local"]));
    let target = [&[0; 4][..], &port.to_be_bytes(), &host].concat();
    let mut message = b"\0\0\x84\0\0\0\0\x02\0\0\0\0".to_vec();
    let records: [(&[u8], u8, &[u8]); 2] = [(&owner, 33, &target), (&host, 1, &[192, 0, 2, 7])];
    for (owner, kind, data) in records {
        message.extend_from_slice(owner);
        message.extend([0, kind, 0, 1, 0, 0, 0, ttl]);
        message.extend((data.len() as u16).to_be_bytes());
        message.extend_from_slice(data);
    }
    let datagram = udp(ports.0, ports.1, &message);
    packet(false, 0, 17, 0, &datagram, 0..datagram.len())
}

#[test]
fn answers_for_one_transaction_and_goodbyes() {
    let (mdns, unicast) = ((5353, 5353), (53, 40_000));
    let rows: [(u32, Vec<u8>, Option<&str>); 9] = [
        (0, told(unicast, 0, 40_001), None),
        (5, segment(false, 40_001), Some("advertised")),
        (11, segment(false, 40_001), Some("none")),
        (20, told(mdns, 120, 40_002), None),
        (25, segment(false, 40_002), Some("advertised")),
        (30, told(mdns, 0, 40_002), None),
        (31, segment(false, 40_002), Some("advertised")),
        (32, segment(false, 40_002), Some("none")),
        (33, segment(false, 40_003), Some("none")),
    ];
    let mut file = b"\xd4\xc3\xb2\xa1\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\x04\0\x01\0\0\0".to_vec();
    for (time, frame, _) in &rows {
        for word in [1_700_000_000 + time, 0, frame.len() as u32, frame.len() as u32] {
            file.extend(word.to_le_bytes());
        }
        file.extend_from_slice(frame);
    }
    let folder = Scratch::new("advertised-ends");
    let file = folder.file("in.pcap", &file).display().to_string();
    let evidence = |arguments: &[&str]| -> Vec<String> {
        let out = good(&[&["annotate", "--format", "json", &file], arguments].concat());
        let record = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap();
        out.lines().map(|line| record(line)["svc"]["evidence"].as_str().unwrap().to_owned()).collect()
    };
    for (of, (time, _, expected)) in evidence(&["--causal"]).iter().zip(&rows) {
        assert!(expected.is_none_or(|expected| of == expected), "{of} at {time}");
    }
    // With hindsight all that was ever told counts.
    for (of, (time, _, expected)) in evidence(&[]).iter().zip(&rows) {
        let expected = expected.map(|_| if *time == 33 { "none" } else { "advertised" });
        assert!(expected.is_none_or(|expected| of == expected), "{of} at {time}");
    }
}
