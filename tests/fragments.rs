//! DNS messages in fragments: they teach, they are shown where they are complete, and threads do not matter.

use std::{fs, path::Path, process::Command};

use serde_json::Value;

use crate::{capture::Scratch, material};

/// The two families of addresses.
const FAMILIES: [bool; 2] = [false, true];

pub(crate) fn name(labels: &[&str]) -> Vec<u8> {
    let mut wire: Vec<u8> =
        labels.iter().flat_map(|label| std::iter::once(label.len() as u8).chain(label.bytes())).collect();
    wire.push(0);
    wire
}

/// A multicast DNS response: `Desk NUMBER._ipp._tcp.local` is at `host.local` and that port, and 192.0.2.7 or
/// 2001:db8::7 is its address. Padded by a TXT record.
pub(crate) fn announcement(number: u32, port: u16) -> Vec<u8> {
    let owner = name(&[&format!("Desk {number}"), "_ipp", "_tcp", "local"]);
    let host = name(&["host", "local"]);
    let target = [&[0; 4][..], &port.to_be_bytes(), &host].concat();
    let padding = [&[255][..], &[b'x'; 255]].concat();
    let v6 = [&[0x20, 1, 0x0d, 0xb8][..], &[0; 11], &[7]].concat();
    let mut message = b"\0\0\x84\0\0\0\0\x04\0\0\0\0".to_vec();
    let records: [(&[u8], u16, &[u8]); 4] =
        [(&owner, 16, &padding), (&owner, 33, &target), (&host, 1, &[192, 0, 2, 7]), (&host, 28, &v6)];
    for (owner, kind, data) in records {
        message.extend_from_slice(owner);
        message.extend(kind.to_be_bytes());
        message.extend([0x80, 1, 0, 0, 0, 120]);
        message.extend((data.len() as u16).to_be_bytes());
        message.extend_from_slice(data);
    }
    message
}

/// A UDP datagram.
pub(crate) fn udp(source: u16, destination: u16, payload: &[u8]) -> Vec<u8> {
    let len = 8 + payload.len() as u16;
    [&source.to_be_bytes()[..], &destination.to_be_bytes(), &len.to_be_bytes(), &[0; 2], payload].concat()
}

/// An Ethernet frame with IP from host 1 to `to` (0 is the multicast group), and the fragment of the datagram that
/// `range` says.
pub(crate) fn packet(
    v6: bool,
    to: u8,
    protocol: u8,
    id: u32,
    datagram: &[u8],
    range: std::ops::Range<usize>,
) -> Vec<u8> {
    let more = range.end < datagram.len();
    let whole = range == (0..datagram.len());
    let octets = &datagram[range.clone()];
    let offset = range.start as u16;
    let mut frame = vec![1, 0, 0x5e, 0, 0, 0xfb, 2, 0, 0, 0, 0, 1];
    if v6 {
        let extension = if whole { 0 } else { 8 };
        frame.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
        frame.extend((octets.len() as u16 + extension).to_be_bytes());
        frame.extend([if whole { protocol } else { 44 }, 255]);
        frame.extend([&[0x20, 1, 0x0d, 0xb8][..], &[0; 11], &[1]].concat());
        match to {
            0 => frame.extend([&[0xff, 2][..], &[0; 13], &[0xfb]].concat()),
            _ => frame.extend([&[0x20, 1, 0x0d, 0xb8][..], &[0; 11], &[to]].concat()),
        }
        if !whole {
            frame.extend([protocol, 0]);
            frame.extend((offset | u16::from(more)).to_be_bytes());
            frame.extend(id.to_be_bytes());
        }
    } else {
        frame.extend([8, 0, 0x45, 0]);
        frame.extend((20 + octets.len() as u16).to_be_bytes());
        frame.extend((id as u16).to_be_bytes());
        frame.extend(((offset / 8) | if more { 0x2000 } else { 0 }).to_be_bytes());
        frame.extend([255, protocol, 0, 0, 192, 0, 2, 1]);
        frame.extend(if to == 0 { [224, 0, 0, 251] } else { [192, 0, 2, to] });
    }
    frame.extend_from_slice(octets);
    frame
}

/// A pcap of these frames, a millisecond apart.
pub(crate) fn pcap(frames: &[Vec<u8>]) -> Vec<u8> {
    let mut file = b"\xd4\xc3\xb2\xa1\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\x04\0\x01\0\0\0".to_vec();
    for (number, frame) in frames.iter().enumerate() {
        let (number, len) = (number as u32, frame.len() as u32);
        for word in [1_700_000_000 + number / 1_000, number % 1_000 * 1_000, len, len] {
            file.extend(word.to_le_bytes());
        }
        file.extend_from_slice(frame);
    }
    file
}

/// A segment without SYN between two ports of which none is registered, to the advertised address.
pub(crate) fn segment(v6: bool, port: u16) -> Vec<u8> {
    let mut tcp = [&50_000_u16.to_be_bytes()[..], &port.to_be_bytes(), &[0; 8], &[0x50, 0x10]].concat();
    tcp.resize(20, 0);
    packet(v6, 7, 6, 0, &tcp, 0..20)
}

pub(crate) fn annotate(arguments: &[&str], files: &[&Path]) -> Vec<u8> {
    let run = Command::new(env!("CARGO_BIN_EXE_portolan"))
        .args(["annotate", "--format", "json"])
        .args(arguments)
        .args(files)
        .output()
        .unwrap();
    assert!(run.status.success(), "{run:?}");
    run.stdout
}

pub(crate) fn records(arguments: &[&str], files: &[&Path]) -> Vec<Value> {
    let lines = annotate(arguments, files);
    lines.split_inclusive(|&octet| octet == b'\n').map(|line| serde_json::from_slice(line).unwrap()).collect()
}

#[test]
fn the_frame_that_completes_a_message_shows_it_in_every_order() {
    let folder = Scratch::new("fragment-orders");
    for v6 in FAMILIES {
        let datagram = udp(5353, 5353, &announcement(1, 40_001));
        let len = datagram.len();
        let pieces = [0..16, 16..304, 304..len].map(|range| packet(v6, 0, 17, 7, &datagram, range));
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            // A repeated fragment changes nothing.
            let mut frames: Vec<_> = [0, 0, 1, 2].map(|place| pieces[order[place]].clone()).into();
            frames.push(segment(v6, 40_001));
            let file = folder.file("in.pcap", &pcap(&frames));
            for arguments in [&[][..], &["--causal"], &["--threads", "3"]] {
                let records = records(arguments, &[&file]);
                let shown: Vec<_> = records.iter().map(|record| record.get("dnssd").is_some()).collect();
                assert_eq!(shown, [false, false, false, true, false], "{v6} {order:?} {arguments:?}");
                let srv = &records[3]["dnssd"]["answers"][1];
                assert_eq!(srv["name"], "Desk 1._ipp._tcp.local");
                let note = records[3]["notes"].to_string();
                assert!(note.contains(&format!("completes {} octets", len - 8)), "{note}");
                let svc = &records[4]["svc"];
                assert_eq!(svc["evidence"], "advertised", "{v6} {order:?} {arguments:?}: {}", records[4]);
                assert_eq!((&svc["name"], &svc["instance"]), (&"ipp".into(), &"Desk 1".into()));
            }
        }
    }
}

#[test]
fn overlapping_and_tiny_fragments_are_noted_and_teach_nothing() {
    let folder = Scratch::new("fragment-odd");
    for v6 in FAMILIES {
        let datagram = udp(5353, 5353, &announcement(1, 40_001));
        let len = datagram.len();
        let ranges = [0..8, 8..304, 296..len, 304..len];
        let mut frames: Vec<_> = ranges.map(|range| packet(v6, 0, 17, 7, &datagram, range)).into();
        frames.push(segment(v6, 40_001));
        let records = records(&[], &[&folder.file("in.pcap", &pcap(&frames))]);
        let notes: Vec<_> = records.iter().map(|record| record["notes"].to_string()).collect();
        let tiny: Vec<_> = notes.iter().map(|note| note.contains(", tiny")).collect();
        assert_eq!(tiny, [true, false, false, false, false], "{notes:?}");
        let overlaps: Vec<_> = notes.iter().map(|note| note.contains(", overlaps another")).collect();
        assert_eq!(overlaps, [false, false, true, false, false], "{notes:?}");
        assert!(records.iter().all(|record| record.get("dnssd").is_none()));
        assert_ne!(records[4]["svc"]["evidence"], "advertised");
    }
}

/// RFC 1858 and RFC 5722, whatever the datagram holds; a repetition is no overlap.
#[test]
fn overlaps_are_noted_of_every_protocol() {
    let folder = Scratch::new("fragment-overlaps");
    for (v6, protocol) in [(false, 1), (true, 58), (false, 6), (true, 6), (false, 17), (true, 17)] {
        let mut datagram = udp(40_000, 40_001, &[7; 192]);
        datagram[12] = 0x50;
        let ranges = [0..64, 0..64, 128..200, 56..136, 64..128];
        let frames: Vec<_> = ranges.map(|range| packet(v6, 7, protocol, 7, &datagram, range)).into();
        let file = folder.file("in.pcap", &pcap(&frames));
        for arguments in [&[][..], &["--causal"], &["--threads", "3"]] {
            let records = records(arguments, &[&file]);
            let notes: Vec<_> = records.iter().map(|record| record["notes"].to_string()).collect();
            let overlaps: Vec<_> = notes.iter().map(|note| note.contains(", overlaps another")).collect();
            assert_eq!(overlaps, [false, false, false, true, false], "{protocol} {arguments:?} {notes:?}");
        }
    }
}

#[test]
fn each_file_has_its_own_frames() {
    let folder = Scratch::new("fragment-files");
    let files: Vec<_> = FAMILIES
        .into_iter()
        .map(|v6| {
            let datagram = udp(5353, 5353, &announcement(v6.into(), 40_001));
            let mut frames = vec![segment(v6, 40_001); if v6 { 3 } else { 1 }];
            for range in [0..104, 104..datagram.len()] {
                frames.push(packet(v6, 0, 17, 7, &datagram, range));
            }
            folder.file(if v6 { "v6.pcap" } else { "v4.pcap" }, &pcap(&frames))
        })
        .collect();
    let records = records(&[], &[&files[0], &files[1]]);
    let shown: Vec<_> = records
        .iter()
        .filter(|record| record.get("dnssd").is_some())
        .map(|record| (record["frame"]["number"].clone(), record["dnssd"]["answers"][1]["name"].clone()))
        .collect();
    let expected = [(3, "Desk 0._ipp._tcp.local"), (5, "Desk 1._ipp._tcp.local")];
    assert_eq!(shown, expected.map(|(number, name)| (number.into(), name.into())));
}

/// 100 datagrams whose fragments are strewn over the capture, as many as fit at a time and more, and in the second turn
/// so many fragments of other datagrams that they cannot all be noted down.
#[test]
fn threads_do_not_change_what_fragments_teach() {
    let folder = Scratch::new("fragment-threads");
    for (fillers, filler_len) in [(6_000, 700), (16_000, 1_400)] {
        let mut frames = Vec::new();
        let other = udp(9_000, 9_001, &vec![7; 65_000]);
        // The further apart the fragments of a datagram are, the more come between them, at last too many.
        let mut pieces: Vec<_> = (0..100_usize)
            .flat_map(|number| {
                let datagram = udp(5353, 5353, &announcement(number as u32, 40_000 + number as u16));
                let ranges = [0..104, 104..304, 304..datagram.len()];
                ranges.into_iter().enumerate().map(move |(place, range)| {
                    let v6 = number % 2 == 1;
                    let piece = packet(v6, 0, 17, number as u32, &datagram, range);
                    (number * 3 + place * (10 + number % 30), piece)
                })
            })
            .collect();
        pieces.sort_by_key(|(slot, _)| *slot);
        let mut pieces = pieces.into_iter().map(|(_, piece)| piece);
        for number in 0..fillers {
            if number % (fillers / 300) == 0 {
                frames.extend(pieces.next());
            }
            let at = number % 40 * 1_400 + 8;
            frames.push(packet(
                false,
                3,
                17,
                1_000 + number as u32 / 40,
                &other,
                at..at + filler_len / 8 * 8,
            ));
        }
        frames.extend((0..100).map(|port| segment(port % 2 == 1, 40_000 + port)));
        let file = folder.file("in.pcap", &pcap(&frames));
        let whole = annotate(&["--threads", "1"], &[&file]);
        let text = String::from_utf8(whole.clone()).unwrap();
        let shown = text.lines().filter(|line| line.contains("\"dnssd\"")).count();
        let named = text.lines().filter(|line| line.contains("\"evidence\":\"advertised\"")).count();
        let all = if filler_len == 700 { 100..=100 } else { 20..=99 };
        assert!(all.contains(&shown) && named == shown, "{shown} shown, {named} named");
        for threads in ["2", "5"] {
            let parts = annotate(&["--threads", threads, "--min-stretch", "200000"], &[&file]);
            assert!(parts == whole, "{threads} threads");
        }
    }
}

#[test]
fn what_finds_no_room_is_told() {
    let folder = Scratch::new("fragment-losses");
    let run = |command: &str, file: &Path| {
        let mut run = Command::new(env!("CARGO_BIN_EXE_portolan"));
        let run = run.arg(command).arg(file).output().unwrap();
        assert!(run.status.success(), "{run:?}");
        String::from_utf8(run.stderr).unwrap()
    };
    // 70 datagrams under way at a time where there is room for 64.
    let datagram = udp(5353, 5353, &announcement(1, 40_001));
    let begun: Vec<_> = (0..70).map(|id| packet(false, 0, 17, id, &datagram, 0..104)).collect();
    let file = folder.file("begun.pcap", &pcap(&begun));
    let note = "portolan: note: datagrams that may hold DNS, too many at a time to be put together: 6\n";
    for command in ["annotate", "summary", "flows", "discover"] {
        assert_eq!(run(command, &file), note);
    }
    // 75 messages of 60,000 octets are learned, but not all of them kept: 4 MiB / (60,000 + 96) are 69.
    let datagram = udp(5353, 5353, &[0; 60_000]);
    let large = |id| [0..30_000, 30_000..60_008].map(|range| packet(false, 0, 17, id, &datagram, range));
    let frames: Vec<_> = (0..75).flat_map(large).collect();
    let file = folder.file("large.pcap", &pcap(&frames));
    let note = "portolan: note: DNS messages in fragments or several segments that are not shown, too many to keep: 6\n";
    assert_eq!((run("annotate", &file).as_str(), run("summary", &file).as_str()), (note, ""));
    // 130 addresses of a host: 32 make endpoints, 128 enter the inventory.
    let mut message = b"\0\0\x84\0\0\0\0\x82\0\0\0\0".to_vec();
    for last in 0..130 {
        message.extend(name(&["host", "local"]));
        message.extend([0, 1, 0, 1, 0, 0, 0, 120, 0, 4, 192, 0, 2, last]);
    }
    let datagram = udp(5353, 5353, &message);
    let file = folder.file("hosts.pcap", &pcap(&[packet(false, 0, 17, 0, &datagram, 0..datagram.len())]));
    let records = "portolan: note: SRV and address records too many to be learned: 98\n";
    assert_eq!(run("summary", &file), records);
    let inventory = "portolan: note: no room in the inventory for records: 2\n";
    assert_eq!(run("discover", &file), format!("{records}{inventory}"));
}

/// Recorded from dnsmasq; tshark shows the answer in frame 3 of both.
#[test]
fn samples_show_their_answers_in_the_last_fragment() {
    for name in ["dns-fragments.pcap", "dns-fragments-v6.pcap"] {
        let file = material::sample(name);
        assert!(fs::metadata(&file).is_ok(), "{name}");
        let records = records(&[], &[&file]);
        let answers: Vec<_> =
            records.iter().map(|record| record["dnssd"]["answers"].as_array().map(Vec::len)).collect();
        assert_eq!(answers, [None, None, Some(12)], "{name}");
    }
}
