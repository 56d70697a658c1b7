//! Captures that other programs wrote in the formats that are read, each beside its twin in pcap: the same records of
//! packets come of both.
#![allow(clippy::print_stderr, reason = "a skipped test says why")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use portolan::savefile::FileFormat;
use serde_json::Value;

use crate::{
    capture::{Scratch, read},
    cli,
    material::{sample, shared},
};

/// What `annotate` says of each packet, without its time.
fn packets(path: &Path) -> Vec<Value> {
    let mut command = cli::command(&["annotate", "--format", "json"]);
    let said = cli::said(command.arg(path).output().unwrap());
    assert_eq!((said.code, &*said.error), (0, ""), "{}", path.display());
    let mut packets = cli::lines(&said.out);
    for packet in &mut packets {
        assert!(packet.as_object_mut().unwrap().remove("@timestamp").is_some());
    }
    packets
}

/// Nanoseconds since 1970.
fn times(path: &Path) -> Vec<u64> {
    read(path).frames.iter().map(|frame| frame.time.unwrap().0).collect()
}

/// Asserts that both say the same of each packet, at times no further apart than this, in nanoseconds.
fn are_twins(one: &Path, other: &Path, apart: u64) {
    let [packets, expected] = [one, other].map(packets);
    assert_eq!(packets.len(), expected.len(), "{}", one.display());
    for (packet, expected) in packets.iter().zip(&expected) {
        assert_eq!(packet, expected, "{} and {}", one.display(), other.display());
    }
    for (time, expected) in times(one).into_iter().zip(times(other)) {
        assert!(time.abs_diff(expected) <= apart, "{}: {time}, not {expected}", one.display());
    }
}

/// Whether a program of Wireshark's ran, and succeeded.
fn ran(program: &str, arguments: &[&str], from: &Path, to: &Path) -> bool {
    let mut command = Command::new(program);
    command.args(arguments);
    // What mergecap writes comes before what it reads.
    if program == "mergecap" {
        command.arg("-w").args([to, from]);
    } else {
        command.args([from, to]);
    }
    command.output().unwrap().status.success()
}

fn has_editcap() -> bool {
    let found = Command::new("editcap").arg("--version").output().is_ok();
    if !found {
        eprintln!("skipped: editcap is not installed, so nobody else writes these formats");
    }
    found
}

/// A pcap of this link type with a frame a second.
fn pcap(link: u32, frames: &[&[u8]]) -> Vec<u8> {
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<_>>();
    let mut file = words(&[0xa1b2_c3d4, 0x0004_0002, 0, 0, 65_535, link]);
    for (number, frame) in frames.iter().enumerate() {
        let (number, length) = (number as u32, frame.len() as u32);
        file.extend(words(&[1_790_000_000 + number, 1_000 * number, length, length]));
        file.extend(*frame);
    }
    file
}

#[test]
fn samples_in_other_formats() {
    if !has_editcap() {
        return;
    }
    let folder = Scratch::new("twins");
    let mut samples: Vec<_> = fs::read_dir(sample("")).unwrap().map(|entry| entry.unwrap().path()).collect();
    samples.retain(|path| path.extension().is_some_and(|extension| extension == "pcap"));
    samples.sort();
    // Every fifth, and what is no Ethernet or was cut.
    let special =
        ["raw-redis.pcap", "http-any-sll.pcap", "http-any-sll2.pcap", "http-snap64.pcap"].map(sample);
    let chosen: Vec<PathBuf> = samples.into_iter().step_by(5).chain(special).collect();
    // The format, how it is read, and the nanoseconds that it cannot hold; one sample has some.
    for (format, read_as, lost) in [
        ("netmon1", FileFormat::NetMon, 999_999),
        ("netmon2", FileFormat::NetMon, 999),
        ("ngwsniffer_1_1", FileFormat::NetXray, 999),
        ("ngwsniffer_2_0", FileFormat::NetXray, 999),
        ("nokiapcap", FileFormat::PcapModified, 999),
        ("rh6_1pcap", FileFormat::PcapModified, 999),
        ("modpcap", FileFormat::PcapModified, 999),
        ("suse6_3pcap", FileFormat::PcapModified, 999),
        ("nsecpcap", FileFormat::PcapNanoseconds, 0),
        ("pcapng", FileFormat::Pcapng, 0),
        ("snoop", FileFormat::Snoop, 999),
    ] {
        let mut compared = 0;
        for path in &chosen {
            let converted = folder.0.join(format);
            // Not every format has a number for every link type.
            if ran("editcap", &["-F", format], path, &converted) {
                assert_eq!(portolan::capture::open(&converted).unwrap().format(), read_as);
                are_twins(&converted, path, lost);
                compared += 1;
            }
        }
        assert!(compared > 15, "{format}: {compared}");
    }
}

/// editcap 4.0 writes no packets of ERF, mergecap does. Ethernet has its frame check sequence there, and a record that is no
/// packet follows the last one.
#[test]
fn samples_as_erf() {
    if !has_editcap() {
        return;
    }
    let folder = Scratch::new("twin-erf");
    for name in ["tls-client-port.pcap", "mdns-announce.pcap", "dns-tcp-v6.pcap", "http-get.pcap"] {
        let path = sample(name);
        let converted = folder.0.join("erf");
        assert!(ran("mergecap", &["-F", "erf"], &path, &converted));
        assert_eq!(portolan::capture::open(&converted).unwrap().format(), FileFormat::Erf);
        assert_eq!(times(&converted), times(&path), "{name}");
        let mut expected = packets(&path);
        for packet in &mut expected {
            for length in ["captured", "original"] {
                let frame = &mut packet["frame"][length];
                *frame = (frame.as_u64().unwrap() + 4).into();
            }
        }
        let packets = packets(&converted);
        assert_eq!(packets.len(), expected.len(), "{name}");
        for (packet, expected) in packets.iter().zip(&expected) {
            assert_eq!(packet, expected, "{name}");
        }
    }
}

/// HCI: a reset with its answer, and data in both directions (Bluetooth Core, volume 4, parts A and E). Which side sent
/// them stands before them.
const HCI: [&[u8]; 4] = [
    b"\0\0\0\0\x01\x03\x0c\0",
    b"\0\0\0\x01\x04\x0e\x04\x01\x03\x0c\0",
    b"\0\0\0\0\x02\x01\x20\x05\0\x01\0\x04\0\x0a",
    b"\0\0\0\x01\x02\x01\x20\x05\0\x01\0\x04\0\x0b",
];

#[test]
fn logs_of_bluetooth_in_other_formats() {
    if !has_editcap() {
        return;
    }
    let folder = Scratch::new("twin-bluetooth");
    let h4 = folder.file("h4.pcap", &pcap(201, &HCI));
    // The monitor: adapter 0, a command and an event.
    let monitor = pcap(254, &[b"\0\0\0\x02\x03\x0c\0", b"\0\0\0\x03\x0e\x04\x01\x03\x0c\0"]);
    let monitor = folder.file("monitor.pcap", &monitor);
    for path in [&h4, &monitor] {
        let converted = folder.0.join("btsnoop");
        assert!(ran("editcap", &["-F", "btsnoop"], path, &converted));
        assert_eq!(portolan::capture::open(&converted).unwrap().format(), FileFormat::Btsnoop);
        are_twins(&converted, path, 0);
    }
    // Nobody at hand writes hcidump; Wireshark reads it. Length, direction, seconds, microseconds.
    let dump = HCI.iter().enumerate().flat_map(|(number, packet)| {
        let number = number as u32;
        let [seconds, microseconds] = [1_790_000_000 + number, 1_000 * number].map(u32::to_le_bytes);
        [&[packet.len() as u8 - 4, 0, packet[3], 0], &seconds[..], &microseconds, &packet[4..]].concat()
    });
    let dump = folder.file("hcidump", &dump.collect::<Vec<_>>());
    assert_eq!(portolan::capture::open(&dump).unwrap().format(), FileFormat::Hcidump);
    are_twins(&dump, &h4, 0);
    let twin = folder.0.join("twin.pcap");
    assert!(ran("editcap", &["-F", "nsecpcap"], &dump, &twin));
    are_twins(&dump, &twin, 0);
}

/// PPP as pppd records it (pppdump(8)): stuffed as RFC 1662 has it. Wireshark reads it, nobody at hand writes it.
#[test]
fn recordings_of_pppd() {
    // An echo request from 192.0.2.1 to 192.0.2.2 and its answer, and a query of DNS, without frame check sequences.
    let [request, answer] = [(8, [1, 2]), (0, [2, 1])].map(|(kind, [from, to])| {
        let ip =
            [b"\x45\0\0\x1c\0\x01\0\0\x40\x01\0\0\xc0\0\x02", &[from][..], b"\xc0\0\x02", &[to]].concat();
        [b"\xff\x03\0\x21", &ip[..], &[kind], b"\0\x7d\x7e\0\x01\0\x11"].concat()
    });
    let query = b"\xff\x03\0\x21\x45\0\0\x2d\0\x02\0\0\x40\x11\0\0\xc0\0\x02\x01\xc0\0\x02\x35\xc3\x50\0\x35\0\x19\0\0\
        \0\x07\x01\0\0\x01\0\0\0\0\0\0\0\0\x02\0\x01";
    let frames = [(1_u8, &request[..]), (2, &answer), (1, query)];
    let mut file = [&[7][..], &1_790_000_000_u32.to_be_bytes()].concat();
    for (direction, frame) in frames {
        let stuffed: Vec<u8> = frame
            .iter()
            .flat_map(|&octet| match octet {
                ..0x20 | 0x7d | 0x7e => vec![0x7d, octet ^ 0x20],
                _ => vec![octet],
            })
            .collect();
        file.push(direction);
        file.extend((stuffed.len() as u16 + 2).to_be_bytes());
        file.extend([&[0x7e][..], &stuffed, &[0x7e]].concat());
        // Half a second.
        file.extend([6, 5]);
    }
    let folder = Scratch::new("twin-pppdump");
    let path = folder.file("pppdump", &file);
    assert_eq!(portolan::capture::open(&path).unwrap().format(), FileFormat::Pppdump);
    assert_eq!(times(&path), [0, 500_000_000, 1_000_000_000].map(|after| 1_790_000_000_000_000_000 + after));
    let octets: Vec<Vec<u8>> =
        frames.iter().map(|(direction, frame)| [&[u8::from(*direction == 1)], *frame].concat()).collect();
    // LINKTYPE_PPP_WITH_DIR; its times are of whole seconds and milliseconds here.
    let twin = folder.file("twin.pcap", &pcap(204, &octets.iter().map(Vec::as_slice).collect::<Vec<_>>()));
    assert_eq!(packets(&path), packets(&twin));
    assert_eq!(packets(&path)[2]["svc"]["port"], 53);
    if has_editcap() {
        let twin = folder.0.join("editcap.pcap");
        assert!(ran("editcap", &["-F", "nsecpcap"], &path, &twin));
        are_twins(&path, &twin, 0);
    }
}

/// What came from Network Monitor, Sniffer and others, as Wireshark turns it into pcapng. It reckons Sniffer's 1,193,182
/// ticks of a second in floating point, and is a microsecond early at times.
#[test]
fn captures_of_others_in_other_formats() {
    let Some(captures) = shared("captures").filter(|_| has_editcap()) else { return };
    let folder = Scratch::new("twin-shared");
    let (mut folders, mut compared) = (vec![captures], 0);
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap().map(|entry| entry.unwrap()) {
            let path = entry.path();
            if entry.file_type().unwrap().is_dir() {
                folders.push(path);
                continue;
            }
            let translated = ["cap", "snoop"];
            if path.extension().is_none_or(|extension| !translated.iter().any(|known| extension == *known)) {
                continue;
            }
            let Ok(source) = portolan::capture::open(&path) else { continue };
            let format = source.format();
            if !format.is_translated() && format != FileFormat::Snoop {
                continue;
            }
            let twin = folder.0.join("twin");
            if ran("editcap", &["-F", "pcapng"], &path, &twin) {
                are_twins(&path, &twin, if format == FileFormat::NetXray { 1_000 } else { 0 });
                compared += 1;
            }
        }
    }
    assert!(compared >= 10, "{compared}");
}
