//! DNS over TCP in several segments: it teaches, it is shown where it is complete, and threads do not matter.

use std::{ops::Range, path::Path, process::Command};

use crate::{
    capture::Scratch,
    fragments::{annotate, name, packet, pcap, records, segment},
};

/// A response of DNS with its length: `_ipp._tcp.example` is served by `host.example` at that port, `Desk` is an
/// instance of it, and 192.0.2.7 is its address. Padded by a TXT record.
fn response(port: u16) -> Vec<u8> {
    let owner = name(&["Desk", "_ipp", "_tcp", "example"]);
    let host = name(&["host", "example"]);
    let target = [&[0; 4][..], &port.to_be_bytes(), &host].concat();
    let padding = [&[255][..], &[b'x'; 255]].concat();
    let mut message = b"\x12\x34\x84\0\0\0\0\x03\0\0\0\0".to_vec();
    let records: [(&[u8], u16, &[u8]); 3] =
        [(&owner, 16, &padding), (&owner, 33, &target), (&host, 1, &[192, 0, 2, 7])];
    for (owner, kind, data) in records {
        message.extend_from_slice(owner);
        message.extend(kind.to_be_bytes());
        message.extend([0, 1, 0, 0, 0, 120]);
        message.extend((data.len() as u16).to_be_bytes());
        message.extend_from_slice(data);
    }
    [&(message.len() as u16).to_be_bytes(), &message[..]].concat()
}

/// A frame with what `range` says of a stream from port 53 to this one.
fn part(v6: bool, client: u16, stream: &[u8], range: Range<usize>) -> Vec<u8> {
    let mut tcp = [53_u16.to_be_bytes(), client.to_be_bytes()].concat();
    tcp.extend((u32::MAX - 9).wrapping_add(range.start as u32).to_be_bytes());
    tcp.extend([0, 0, 0, 0, 0x50, 0x18, 1, 0, 0, 0, 0, 0]);
    tcp.extend_from_slice(&stream[range]);
    packet(v6, 9, 6, 0, &tcp, 0..tcp.len())
}

#[test]
fn the_segment_that_completes_a_message_shows_it_in_every_order() {
    let folder = Scratch::new("segment-orders");
    let stream = response(40_001);
    let len = stream.len();
    for v6 in [false, true] {
        for ranges in [[0..2, 2..300, 300..len], [0..1, 1..14, 14..len]] {
            let pieces = ranges.map(|range| part(v6, 50_000, &stream, range));
            for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
                // A repeated segment changes nothing, before and after.
                let mut frames: Vec<_> = [0, 0, 1, 2, 1].map(|place| pieces[order[place]].clone()).into();
                frames.push(segment(false, 40_001));
                let file = folder.file("in.pcap", &pcap(&frames));
                for arguments in [&[][..], &["--causal"], &["--threads", "3"]] {
                    let records = records(arguments, &[&file]);
                    let shown: Vec<_> = records.iter().map(|record| record.get("dnssd").is_some()).collect();
                    let expected = [false, false, false, true, false, false];
                    assert_eq!(shown, expected, "{v6} {order:?} {arguments:?}");
                    assert_eq!(records[3]["dnssd"]["via"], "dns-tcp", "{}", records[3]["dnssd"]);
                    let svc = &records[5]["svc"];
                    assert_eq!(svc["evidence"], "advertised", "{v6} {order:?} {arguments:?}");
                    assert_eq!((&svc["name"], &svc["instance"]), (&"ipp".into(), &"Desk".into()));
                }
            }
        }
    }
}

#[test]
fn several_messages_in_a_stream_and_one_that_is_cut_short() {
    let folder = Scratch::new("segment-several");
    let stream: Vec<u8> = (40_001..40_004).flat_map(response).collect();
    let one = stream.len() / 3;
    let run = |command: &str, file: &Path| {
        let run = Command::new(env!("CARGO_BIN_EXE_portolan")).arg(command).arg(file).output().unwrap();
        assert!(run.status.success() && run.stderr.is_empty(), "{run:?}");
        String::from_utf8(run.stdout).unwrap()
    };
    let shown = |ranges: &[Range<usize>]| {
        let frames: Vec<_> = ranges.iter().map(|range| part(false, 50_000, &stream, range.clone())).collect();
        let text = run("annotate", &folder.file("in.pcap", &pcap(&frames)));
        text.lines().map(|line| line.matches("dns-tcp response").count()).collect::<Vec<_>>()
    };
    // The first whole, the second in halves, the third with the second half.
    assert_eq!(shown(&[0..one + 50, one + 50..3 * one]), [1, 2]);
    assert_eq!(shown(&[0..one, one..one + 50, one + 50..2 * one + 1, 2 * one + 1..3 * one]), [1, 0, 1, 1]);
    // A hole in the second one; and the end of the third is missing.
    assert_eq!(shown(&[0..one, one..one + 50, one + 51..2 * one, 2 * one..3 * one - 1]), [1, 0, 0, 0]);
    let file =
        folder.file("in.pcap", &pcap(&[part(false, 1, &stream, 0..50), part(false, 1, &stream, 50..one)]));
    let text = run("discover", &file);
    assert!(text.contains("1 responses") && text.contains("Desk"), "{text}");
}

#[test]
fn threads_do_not_matter() {
    let folder = Scratch::new("segment-threads");
    // 100 messages in three segments each, far apart and interleaved; the fillers are of other ports, or so many pieces
    // that a stretch cannot note them all down.
    for (client, count, len) in [(53_000, 1_500, 700), (54_000, 16_000, 1_400)] {
        let other = vec![255; len];
        let filler = |number: usize| {
            if client == 53_000 {
                return packet(false, 3, 17, 0, &other, 0..len);
            }
            part(false, client + number as u16 % 4, &other, 0..len)
        };
        let mut pieces: Vec<_> = (0..100usize)
            .flat_map(|number| {
                let stream = response(40_000 + number as u16);
                let ranges = [0..104, 104..204, 204..stream.len()];
                ranges.into_iter().enumerate().map(move |(place, range)| {
                    let piece = part(number % 2 == 1, 50_000 + number as u16, &stream, range);
                    (number * 3 + place * (10 + number % 30), piece)
                })
            })
            .collect();
        pieces.sort_by_key(|(slot, _)| *slot);
        let mut pieces = pieces.into_iter().map(|(_, piece)| piece);
        let mut frames = Vec::new();
        for number in 0..count {
            if number % (count / 300) == 0 {
                frames.extend(pieces.next());
            }
            frames.push(filler(number));
        }
        frames.extend((0..100).map(|port| segment(false, 40_000 + port)));
        let file = folder.file("in.pcap", &pcap(&frames));
        let whole = annotate(&["--threads", "1"], &[&file]);
        let text = String::from_utf8(whole.clone()).unwrap();
        let shown = text.lines().filter(|line| line.contains("\"dnssd\"")).count();
        let named = text.lines().filter(|line| line.contains("\"evidence\":\"advertised\"")).count();
        assert_eq!((shown, named), (100, 100));
        for threads in ["2", "5"] {
            let parts = annotate(&["--threads", threads, "--min-stretch", "200000"], &[&file]);
            assert!(parts == whole, "{threads} threads");
        }
    }
}
