//! Formats that are turned into pcapng while they are read, and rarer forms of pcap: octets written by hand, cut anywhere.
//! Those that another program wrote are in `twins`.

use std::path::Path;

use portolan::{
    capture::{self, Error, Source as _},
    packet::{Batch, LinkType, Timestamp},
    savefile::FileFormat,
};

use crate::capture::{Scratch, read};

/// 2026-09-21T14:13:20Z (`date -ud @1790000000`).
const BEGAN: u64 = 1_790_000_000;

/// A frame: nanoseconds after [`BEGAN`], link type, octets, length on the wire.
type Expected<'a> = (i64, u16, &'a [u8], u32);

/// Asserts that a file holds these frames.
fn holds(path: &Path, format: FileFormat, expected: &[Expected<'_>]) {
    let mut source = capture::open(path).unwrap();
    assert_eq!(source.format(), format);
    assert!(source.stretches().is_none());
    let (mut batch, mut at) = (Batch::new(), 0);
    while source.fill(&mut batch).unwrap() {
        for frame in batch.frames() {
            let (after, link, octets, original) = expected[at];
            let time = (BEGAN * Timestamp::SECOND).checked_add_signed(after).unwrap();
            assert_eq!(frame.time, Some(Timestamp(time)), "frame {at}");
            assert_eq!((frame.link, frame.octets), (LinkType(link), octets), "frame {at}");
            assert_eq!(frame.original_len, original, "frame {at}");
            at += 1;
        }
    }
    assert_eq!(at, expected.len());
}

/// Cuts a file at every octet, and changes each: nothing panics, what comes first is as it was, and damage is told.
fn survives(folder: &Scratch, name: &str, file: &[u8]) {
    let whole = read(&folder.file(name, file));
    assert!(whole.error.is_none());
    for len in 0..file.len() {
        let cut = read(&folder.file(name, &file[..len]));
        assert!(cut.frames.len() <= whole.frames.len(), "{name} cut at {len}");
        assert_eq!(cut.frames, whole.frames[..cut.frames.len()], "{name} cut at {len}");
        match cut.error {
            Some(Error::Damaged { packet, offset, reason, .. }) => {
                assert_eq!(packet, cut.frames.len() as u64 + 1, "{name} cut at {len}: {reason}");
                // A table at the end may lie where nothing is left.
                assert!(offset <= len as u64 || reason.contains("table"), "{name} cut at {len}: {reason}");
            }
            Some(Error::NotACapture { .. }) => assert!(cut.frames.is_empty()),
            Some(other) => panic!("{name} cut at {len}: {other}"),
            None => {}
        }
    }
    for at in 0..file.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut changed = file.to_vec();
            changed[at] ^= flip;
            // Whatever comes of it.
            read(&folder.file(name, &changed));
        }
    }
}

fn le32(values: &[u32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn be32(values: &[u32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_be_bytes()).collect()
}

/// A Network Monitor 2 capture of that minor version, whose second frame lies before its first.
fn netmon(minor: u8) -> Vec<u8> {
    let trailer = |network: u16, after: u64| {
        // 100 ns since 1601, which was 11,644,473,600 s before 1970.
        let utc = (BEGAN + 11_644_473_600) * 10_000_000 + after * 10;
        let all = [&network.to_le_bytes()[..], &[0; 4], &utc.to_le_bytes(), &[0]].concat();
        all[..[0, 2, 6, 15][usize::from(minor)]].to_vec()
    };
    let frame = |after: u64, octets: &[u8], original: u32, network: u16| {
        let lengths = le32(&[original, octets.len() as u32]);
        [&after.to_le_bytes()[..], &lengths, octets, &trailer(network, after)].concat()
    };
    let second = frame(2_000_001, b"second", 60, 1);
    let first = frame(500_000, b"first", 5, 0xe065);
    // Names that were resolved: no packet.
    let names = frame(0, b"names", 5, 0xfffe);
    let mut file = b"GMBU".to_vec();
    file.extend([minor, 2]);
    // Ethernet; 2026-09-21, a Monday, 14:13:20.000.
    file.extend([1_u16, 2026, 9, 1, 21, 14, 13, 20, 0].iter().flat_map(|field| field.to_le_bytes()));
    let offsets = [128 + second.len(), 128, 128 + second.len() + first.len()].map(|offset| offset as u32);
    let listed = if minor == 0 { 2 } else { 3 };
    let table = 128 + second.len() + first.len() + names.len();
    file.extend(le32(&[table as u32, listed * 4]));
    file.resize(128, 0);
    file.extend([second, first, names].concat());
    file.extend(le32(&offsets[..listed as usize]));
    file
}

#[test]
fn network_monitor_in_the_order_of_its_table() {
    let folder = Scratch::new("netmon");
    for minor in 0..=3 {
        let file = netmon(minor);
        // Since 2.1 each frame says its type: here a LINKTYPE, raw IP.
        let link = if minor == 0 { 1 } else { 101 };
        let frames: [Expected<'_>; 2] = [(500_000_000, link, b"first", 5), (2_000_001_000, 1, b"second", 60)];
        holds(&folder.file("netmon", &file), FileFormat::NetMon, &frames);
        survives(&folder, "netmon", &file);
    }
    // Times before the capture began: -1,000,000 us, times 10, as an unsigned number of 64 bits divided by 10.
    let mut file = netmon(0);
    let at = 128 + 16 + 6;
    file[at..at + 8].copy_from_slice(&((u64::MAX - 10_000_000 + 1) / 10).to_le_bytes());
    let path = folder.file("netmon", &file);
    assert!(read(&path).frames[0].time.unwrap() < Timestamp(BEGAN * Timestamp::SECOND));
    let mut version = netmon(0);
    version[5] = 3;
    let Some(Error::NotACapture { reason, .. }) = read(&folder.file("netmon", &version)).error else {
        panic!("refused")
    };
    assert_eq!(reason, "packet 1, offset 0: Network Monitor version 3.0 is not known; 1 and 2 are");
}

/// A NetXray capture of that version.
fn netxray(version: &[u8; 7], per_second: u64) -> Vec<u8> {
    let record_len = if version[2] == b'1' { 28 } else { 40 };
    let record = |after: u64, octets: &[u8], original: u16| {
        // The clock showed 7 when the capture began.
        let mut record = (7 + after).to_le_bytes().to_vec();
        record.extend(original.to_le_bytes());
        record.extend((octets.len() as u16).to_le_bytes());
        record.resize(record_len, 0);
        [&record[..], octets].concat()
    };
    let records = [record(0, b"one", 60), record(per_second * 3 / 2, b"three", 5)].concat();
    let mut file = [&b"XCP\0"[..], version, b"\0"].concat();
    file.extend(le32(&[BEGAN as u32, 2, 0, 128, 128 + records.len() as u32]));
    file.resize(52, 0);
    file.extend(7_u64.to_le_bytes());
    file.resize(128, 0);
    // What lies behind the last record does not count.
    [file, records, b"junk".to_vec()].concat()
}

#[test]
fn netxray_of_several_versions() {
    let folder = Scratch::new("netxray");
    for (version, per_second) in [(b"001.000", 1_000), (b"001.100", 1_000_000), (b"002.002", 1_000_000)] {
        let file = netxray(version, per_second);
        let frames: [Expected<'_>; 2] = [(0, 1, b"one", 60), (1_500_000_000, 1, b"three", 5)];
        holds(&folder.file("netxray", &file), FileFormat::NetXray, &frames);
        survives(&folder, "netxray", &file);
    }
    let unknown = folder.file("netxray", &netxray(b"009.000", 1));
    assert!(read(&unknown).error.unwrap().to_string().ends_with("NetXray version 009.000 is not known"));
}

#[test]
fn pppdump_puts_frames_together_and_undoes_their_stuffing() {
    let folder = Scratch::new("pppdump");
    let mut file = [&[7][..], &be32(&[BEGAN as u32])].concat();
    // Sent in two pieces, with another that was received between them; 0x7d 0x5e is 0x7e.
    file.extend(b"\x01\0\x03\x7eab\x06\x05\x02\0\x04\x7ecd\x7e");
    file.extend(b"\x05\0\0\0\x0a\x01\0\x05\x7d\x5ee\x7e\x7e");
    // A frame that never ends.
    file.extend(b"\x01\0\x02fg");
    let frames: [Expected<'_>; 2] = [(500_000_000, 204, b"\0cd", 3), (1_500_000_000, 204, b"\x01ab\x7ee", 5)];
    holds(&folder.file("ppp", &file), FileFormat::Pppdump, &frames);
    survives(&folder, "ppp", &file);
    // A record of kind 9.
    let wrong = folder.file("ppp", &[&file[..], &[0; 4096], b"\x09"].concat());
    let error = read(&wrong).error.unwrap();
    assert!(matches!(error, Error::NotACapture { .. } | Error::Damaged { .. }), "{error}");
}

#[test]
fn logs_of_bluetooth() {
    let folder = Scratch::new("bluetooth");
    // Microseconds; 1970 is 0x00dcddb30f2f8000.
    let time = |after: u64| {
        let time = 0x00dc_ddb3_0f2f_8000 + BEGAN * 1_000_000 + after;
        be32(&[(time >> 32) as u32, time as u32])
    };
    let record = |flags: u32, after: u64, octets: &[u8]| {
        let length = octets.len() as u32;
        [be32(&[length + 1, length, flags, 0]), time(after), octets.to_vec()].concat()
    };
    let file = |datalink: u32| {
        let header = [b"btsnoop\0".to_vec(), be32(&[1, datalink])].concat();
        [header, record(2, 0, b"command"), record(3, 1_000, b"event")].concat()
    };
    let h4: [Expected<'_>; 2] = [(0, 201, b"\0\0\0\0command", 12), (1_000_000, 201, b"\0\0\0\x01event", 10)];
    let h1: [Expected<'_>; 2] =
        [(0, 201, b"\0\0\0\0\x01command", 13), (1_000_000, 201, b"\0\0\0\x01\x04event", 11)];
    // The monitor: adapter 0, operations 2 and 3.
    let monitor: [Expected<'_>; 2] =
        [(0, 254, b"\0\0\0\x02command", 12), (1_000_000, 254, b"\0\0\0\x03event", 10)];
    for (datalink, frames) in [(1001, h1), (1002, h4), (2001, monitor)] {
        holds(&folder.file("btsnoop", &file(datalink)), FileFormat::Btsnoop, &frames);
        survives(&folder, "btsnoop", &file(datalink));
    }
    let unread = read(&folder.file("btsnoop", &file(1003))).error.unwrap().to_string();
    assert!(unread.ends_with("btsnoop datalink type 1003 is not read; 1001, 1002 and 2001 are"), "{unread}");

    let dump = |received: u8, microseconds: u32, octets: &[u8]| {
        let head = [octets.len() as u8, 0, received, 0];
        [&head[..], &le32(&[BEGAN as u32, microseconds]), octets].concat()
    };
    let file = [dump(0, 0, b"\x01\x03\x0c\0"), dump(1, 999_999, b"\x04\x0e\x01\0")].concat();
    let frames: [Expected<'_>; 2] =
        [(0, 201, b"\0\0\0\0\x01\x03\x0c\0", 8), (999_999_000, 201, b"\0\0\0\x01\x04\x0e\x01\0", 8)];
    holds(&folder.file("hcidump", &file), FileFormat::Hcidump, &frames);
    survives(&folder, "hcidump", &file);
}

#[test]
fn erf_by_its_chained_records() {
    let folder = Scratch::new("erf");
    let record = |kind: u8, half_seconds: u32, wire: u16, body: &[u8]| {
        // 32 bits below the second, then seconds.
        let mut record = le32(&[(half_seconds % 2) << 31, BEGAN as u32 + half_seconds / 2]);
        record.extend([kind, 4]);
        record.extend((16 + body.len() as u16).to_be_bytes());
        record.extend([0, 0]);
        record.extend(wire.to_be_bytes());
        [&record[..], body].concat()
    };
    // Ethernet; IPv4 behind an extension header; ATM cells, which stay as they are; and facts about the host.
    let atm = record(3, 3, 52, b"cell");
    let file = [
        record(2, 0, 60, b"\0\0ethernet"),
        record(22 | 0x80, 1, 6, b"\x05\0\0\0\0\0\0\0packet\0\0"),
        record(27, 0, 0, b"meta"),
        atm.clone(),
    ]
    .concat();
    let frames: [Expected<'_>; 3] =
        [(0, 1, b"ethernet", 60), (500_000_000, 228, b"packet", 6), (1_500_000_000, 197, &atm, 68)];
    holds(&folder.file("erf", &file), FileFormat::Erf, &frames);
    survives(&folder, "erf", &file);
    // One record is not enough to tell, nor are two a year apart.
    for unlike in
        [record(2, 0, 60, b"\0\0ethernet"), [atm.clone(), record(2, 1 << 26, 60, b"\0\0x")].concat()]
    {
        assert!(matches!(read(&folder.file("erf", &unlike)).error, Some(Error::NotACapture { .. })));
    }
}

/// A pcap file header.
fn pcap_header(magic: u32, minor: u16, link: u32) -> Vec<u8> {
    let version = u32::from(minor) << 16 | 2;
    le32(&[magic, version, 0, 0, 65_535, link])
}

fn pcap_record(seconds: u32, fraction: u32, extra: &[u8], octets: &[u8]) -> Vec<u8> {
    let length = octets.len() as u32;
    [&le32(&[seconds, fraction, length, length]), extra, octets].concat()
}

fn frames_of(folder: &Scratch, file: &[u8]) -> (Vec<(u64, u32)>, String) {
    let all = read(&folder.file("pcap", file));
    let frames = all.frames.iter().map(|seen| (seen.time.unwrap().0, seen.captured)).collect();
    (frames, all.error.map(|error| error.to_string()).unwrap_or_default())
}

#[test]
fn forms_of_pcap_that_share_magic_numbers() {
    let folder = Scratch::new("pcap-forms");
    let expected = vec![(7_000_005_000, 3), (8_000_006_000, 4)];
    let file = |header: Vec<u8>, extra: &[u8]| {
        [header, pcap_record(7, 5, extra, b"abc"), pcap_record(8, 6, extra, b"abcd")].concat()
    };
    // Red Hat 6.1 under the common magic number, Nokia likewise, the modified form, and SuSE 6.3 under its number.
    for (magic, extra) in [
        (0xa1b2_c3d4, &b"\x02\0\0\0\0\x08\0\0"[..]),
        (0xa1b2_c3d4, b"\x01\0\x02\0"),
        (0xa1b2_cd34, b"\x02\0\0\0\0\x08\0\0"),
        (0xa1b2_cd34, b"\x02\0\0\0\0\x08\0\0\0\0\0\0"),
    ] {
        let found = frames_of(&folder, &file(pcap_header(magic, 4, 1), extra));
        assert_eq!(found, (expected.clone(), String::new()), "{magic:x} {extra:?}");
    }
    // Ixia: the header ends with the octets that follow. AIX: SNMP's type for Ethernet, nanoseconds.
    let ixia = |magic| [pcap_header(magic, 4, 1), le32(&[39])].concat();
    assert_eq!(frames_of(&folder, &file(ixia(0x1c00_01ab), b"")).0, expected);
    let nanoseconds = vec![(7_000_000_005, 3), (8_000_000_006, 4)];
    assert_eq!(frames_of(&folder, &file(ixia(0x1c00_01ac), b"")).0, nanoseconds);
    let aix = read(&folder.file("pcap", &file(pcap_header(0xa1b2_c3d4, 2, 6), b"")));
    assert_eq!(aix.links, [LinkType::ETHERNET; 2]);
    assert_eq!(aix.frames[1].time, Some(Timestamp(8_000_000_006)));
}

#[test]
fn captures_one_behind_the_other() {
    let folder = Scratch::new("chained");
    let one = |link| [pcap_header(0xa1b2_c3d4, 4, link), pcap_record(7, 5, b"", b"abc")].concat();
    let (frames, error) = frames_of(&folder, &[one(1), one(1)].concat());
    assert_eq!((frames, &*error), (vec![(7_000_005_000, 3); 2], ""));
    // In the other byte order.
    let swapped: Vec<u8> = {
        let words =
            |bytes: &[u8]| bytes.chunks(4).flat_map(|word| word.iter().rev().copied()).collect::<Vec<_>>();
        let mut header = words(&pcap_header(0xa1b2_c3d4, 4, 1));
        header[4..8].copy_from_slice(&[0, 2, 0, 4]);
        [header, words(&le32(&[7, 5, 3, 3])), b"abc".to_vec()].concat()
    };
    let (frames, error) = frames_of(&folder, &[one(1), swapped, one(1)].concat());
    assert_eq!((frames.len(), &*error), (3, ""));
    // Nothing but a header, and one that is cut.
    assert_eq!(frames_of(&folder, &[one(1), pcap_header(0xa1b2_c3d4, 4, 1)].concat()).0.len(), 1);
    let (frames, error) = frames_of(&folder, &[&one(1)[..], &one(1)[..17]].concat());
    assert_eq!(frames.len(), 1);
    assert!(error.contains("packet 2, offset 43: a file header of 24 octets is cut short"), "{error}");
    // What an annotated capture could not hold with the first is told.
    let (frames, error) = frames_of(&folder, &[one(1), one(101)].concat());
    assert_eq!(frames.len(), 1);
    assert!(error.contains("packet 2, offset 43: another capture begins here (pcap, raw)"), "{error}");
    let section =
        b"\x0a\x0d\x0d\x0a\x1c\0\0\0\x4d\x3c\x2b\x1a\x01\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\x1c\0\0\0";
    let (frames, error) = frames_of(&folder, &[&one(1)[..], section].concat());
    assert_eq!(frames.len(), 1);
    assert!(error.ends_with("a pcapng capture begins here, behind one of pcap"), "{error}");
}

/// The rows of interfaces go by their names, where the file gives them.
#[cfg(all(feature = "cli", feature = "compression", feature = "libpcap"))]
#[test]
fn interfaces_are_shown_by_name() {
    let folder = Scratch::new("names");
    let block = |kind: u32, body: &[u8]| {
        let length = body.len() as u32 + 12;
        [&le32(&[kind, length]), body, &le32(&[length])].concat()
    };
    let section = block(0x0a0d_0d0a, &[&le32(&[0x1a2b_3c4d, 1])[..], &[0xff; 8]].concat());
    // if_name of five octets; a second interface has none.
    let named = block(1, b"\x01\0\0\0\0\0\0\0\x02\0\x05\0w\x1b[m0\0\0\0\0\0\0\0");
    let nameless = block(1, &[1, 0, 0, 0, 0, 0, 0, 0]);
    let packet = |interface| block(6, &[&le32(&[interface, 0, 0, 4, 4])[..], b"abcd"].concat());
    let file = [section, named, nameless, packet(0), packet(1), packet(0)].concat();
    let path = folder.file("names", &file);
    let run = |format: &str| {
        let mut command = crate::cli::command(&["summary", "--by", "interface", "--format", format]);
        let done = command.arg(&path).output().unwrap();
        String::from_utf8(done.stdout).unwrap()
    };
    let json: serde_json::Value = serde_json::from_str(&run("json")).unwrap();
    let rows: Vec<_> =
        json["rows"].as_array().unwrap().iter().map(|row| (&row["key"], &row["packets"])).collect();
    assert_eq!(rows, [(&"w\u{1b}[m0".into(), &2.into()), (&"1".into(), &1.into())]);
    for format in ["table", "csv"] {
        let shown = run(format);
        assert!(shown.contains("[m0") && !shown.contains('\x1b'), "{shown}");
    }
}
