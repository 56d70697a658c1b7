//! Reading agrees with tshark on every capture of the shared material.

use std::{
    fs,
    io::{Read as _, Write as _},
    path::{Path, PathBuf},
};

use portolan::{
    capture::{self, Error, Source as _},
    packet::{Batch, LinkType, Timestamp},
    savefile::{Compression, FileFormat},
};

use crate::material;

/// What is compared of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seen {
    time: Option<Timestamp>,
    captured: u32,
    original: u32,
}

/// All of a file.
#[derive(Default)]
struct Read {
    frames: Vec<Seen>,
    /// Link type of each frame.
    links: Vec<LinkType>,
    /// The batches joined.
    octets: Vec<u8>,
    error: Option<Error>,
}

fn read(path: &Path) -> Read {
    let mut all = Read::default();
    let mut source = match capture::open(path) {
        Ok(source) => source,
        Err(error) => return Read { error: Some(error), ..all },
    };
    let mut batch = Batch::new();
    loop {
        match source.fill(&mut batch) {
            Ok(true) => {}
            Ok(false) => return all,
            Err(error) => return Read { error: Some(error), ..all },
        }
        assert_eq!(batch.position(), all.octets.len() as u64);
        all.octets.extend_from_slice(batch.octets());
        for frame in batch.frames() {
            assert_eq!(frame.number, all.frames.len() as u64 + 1);
            assert_eq!(source.interfaces()[frame.interface as usize].link, frame.link);
            all.frames.push(Seen {
                time: frame.time,
                captured: frame.octets.len() as u32,
                original: frame.original_len,
            });
            all.links.push(frame.link);
        }
    }
}

/// A row of tshark's: seconds and nanoseconds apart, as it does not carry a fraction of a second or more.
#[derive(Clone, Copy, Debug)]
struct Row {
    time: Option<(i64, i64)>,
    captured: u32,
    original: u32,
}

fn oracle(path: &Path) -> Vec<Row> {
    let mut text = String::new();
    let file = fs::File::open(path).unwrap();
    flate2::read::MultiGzDecoder::new(file).read_to_string(&mut text).unwrap();
    let parse = |line: &str| {
        let fields: Vec<_> = line.split('\t').collect();
        let time = fields[1].split_once('.').map(|(seconds, fraction)| {
            // The sign is that of the nanoseconds; no time is before 1970.
            let sign = if seconds.starts_with('-') { -1 } else { 1 };
            (seconds.trim_start_matches('-').parse().unwrap(), sign * fraction.parse::<i64>().unwrap())
        });
        Row { time, original: fields[2].parse().unwrap(), captured: fields[3].parse().unwrap() }
    };
    text.lines().skip(1).filter(|line| line.contains('\t')).map(parse).collect()
}

/// Whether a frame of ours is tshark's row, but for what tshark is known to do differently.
fn agrees(our: &Seen, link: LinkType, their: &Row) -> bool {
    // tshark takes these pseudo-headers for its own and does not count their octets.
    let pseudo_header = match link.0 {
        123 => 4,        // SunATM
        144 | 177 => 16, // Linux cooked IrDA and LAPD
        196 | 209 => 5,  // SITA, IPMB with flags
        _ => 0,
    };
    let time = match (our.time, their.time) {
        (None, None) => true,
        // After 2554.
        (None, Some((seconds, _))) => seconds > (u64::MAX / Timestamp::SECOND).cast_signed(),
        (Some(our), Some((seconds, fraction))) => {
            let exact = i128::from(seconds) * 1_000_000_000 + i128::from(fraction);
            // A fraction of a second or more: its nanoseconds wrap at 32 bits in tshark, and can be negative.
            let wrapped = (i128::from(our.0) - i128::from(seconds) * 1_000_000_000 - i128::from(fraction))
                .rem_euclid(1 << 32)
                == 0;
            exact == i128::from(our.0) || wrapped
        }
        _ => false,
    };
    // tshark has signed lengths.
    let original = our.original.saturating_sub(pseudo_header).min(i32::MAX as u32);
    time && our.captured.saturating_sub(pseudo_header) == their.captured && original == their.original
}

/// Captures of which tshark and portolan read a different number of frames, or different ones: first octets of the
/// SHA-256, frames of ours, and why.
const DIFFERING: &[(&str, usize, &str)] = &[
    ("dc5f9e7c", 1, "damaged; tshark guesses at another layout of records"),
    ("ebe67fe9", 2, "damaged; tshark guesses at another layout of records"),
    ("327e33c4", 2, "damaged; tshark guesses at another layout of records"),
    ("2009252b", 88, "options of a packet run over their block, of which only tshark takes notice"),
    ("49ee70c7", 413, "tshark stops at a Bluetooth frame too short for its pseudo-header"),
    (
        "5d26187a",
        1,
        "a length of a frame check sequence that the link type word says is not there; tshark refuses it",
    ),
    ("9e35eccc", 1, "damaged; tshark guesses at another layout of records"),
    ("b90f6025", 5, "tshark counts custom blocks"),
    ("4669188e", 8, "tshark counts custom blocks"),
    ("6af66f32", 5, "tshark counts custom blocks"),
    ("045e5b59", 8, "tshark counts custom blocks"),
    ("4caae575", 0, "a JPEG image"),
    ("25a29640", 0, "Network Monitor 2"),
    ("6ef8184b", 0, "Network Monitor 2"),
    ("834b3cb5", 0, "Network Monitor 2"),
    ("3d7a8994", 0, "Network Monitor 2"),
    ("a6530cb9", 0, "Network Monitor 2"),
    ("0596f6a9", 0, "Network Monitor 2"),
    ("a347df63", 0, "Network Monitor 2"),
    ("37470b15", 0, "NetXray"),
    ("9c4aefea", 0, "NetXray"),
    ("69ec6d04", 0, "NetXray"),
    ("e98ff84e", 0, "text of an Ascend router"),
    ("f7c82c36", 0, "text of an iSeries"),
    ("f890e409", 0, "Bluetooth hcidump"),
];

/// Link types that tshark 4.0 refuses: it reads no frame of such a file.
const REFUSED_BY_TSHARK: &[u16] = &[182, 281, 284, 285, 289];

/// Frames that a shared capture has: tshark's count, or ours where they are known to differ; `None` where tshark reads
/// none of the file.
pub(crate) fn frames_of(folder: &Path, sha256: &str) -> Option<u64> {
    let oracle_file = folder.join(format!("oracle/{sha256}.tsv.gz"));
    if let Some((_, count, _)) = DIFFERING.iter().find(|(prefix, ..)| sha256.starts_with(prefix)) {
        return Some(*count as u64);
    }
    let frames = if oracle_file.exists() { oracle(&oracle_file).len() as u64 } else { 0 };
    (frames > 0).then_some(frames)
}

#[test]
fn frames_agree_with_tshark() {
    let Some(folder) = material::shared("captures") else { return };
    let manifest = fs::read_to_string(folder.join("MANIFEST.tsv")).unwrap();
    let (mut compared, mut frames, mut failures) = (0, 0, Vec::new());
    for line in manifest.lines().skip(1) {
        let [repository, path, _, sha256, ..] = line.split('\t').collect::<Vec<_>>()[..] else { panic!() };
        let oracle_file = folder.join(format!("oracle/{sha256}.tsv.gz"));
        if !oracle_file.exists() {
            continue;
        }
        let file = folder.join(repository.replace('/', "+")).join(path);
        let theirs = oracle(&oracle_file);
        let Read { frames: ours, links, error, .. } = read(&file);
        compared += 1;
        frames += ours.len();
        if let Some((_, count, _)) = DIFFERING.iter().find(|(prefix, ..)| sha256.starts_with(prefix)) {
            if ours.len() != *count {
                failures.push(format!("{file:?}: {} frames, not {count} as listed", ours.len()));
            }
            continue;
        }
        if theirs.is_empty() && links.iter().any(|link| REFUSED_BY_TSHARK.contains(&link.0)) {
            continue;
        }
        let differ = (0..ours.len().min(theirs.len()))
            .find(|&index| !agrees(&ours[index], links[index], &theirs[index]));
        if ours.len() != theirs.len() || differ.is_some() {
            failures.push(format!(
                "{} {file:?}: {} frames, tshark {}; first difference {:?}; {error:?}",
                &sha256[..8],
                ours.len(),
                theirs.len(),
                differ.map(|index| (index + 1, ours[index], theirs[index])),
            ));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    println!("{compared} captures, {frames} frames");
    assert!(compared > 1_300 && frames > 100_000);
}

/// A folder that is removed at the end.
pub(crate) struct Scratch(pub(crate) PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("portolan-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn file(&self, name: &str, octets: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        // Some file systems wait for the disk where an old file is emptied.
        let _ = fs::remove_file(&path);
        fs::write(&path, octets).unwrap();
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A pcap file of `count` Ethernet frames that do not compress well.
fn pcap(count: u32) -> Vec<u8> {
    let mut file = b"\xd4\xc3\xb2\xa1\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\x04\0\x01\0\0\0".to_vec();
    let mut state = 1_u32;
    for number in 0..count {
        let length = 60 + number % 1_400;
        for word in [1_700_000_000 + number / 100, number % 1_000_000, length, length] {
            file.extend(word.to_le_bytes());
        }
        for _ in 0..length {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            file.push((state >> 24) as u8 & 0x3f);
        }
    }
    file
}

/// The octets in each compression, in two pieces where the compression lets several follow each other.
pub(crate) fn compressed(octets: &[u8]) -> Vec<(Compression, Vec<u8>)> {
    let (first, second) = octets.split_at(octets.len() / 3);
    let gzip = |piece: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(piece).unwrap();
        encoder.finish().unwrap()
    };
    let lz4 = |piece: &[u8]| {
        let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
        encoder.write_all(piece).unwrap();
        encoder.finish().unwrap()
    };
    let xz = |piece: &[u8]| {
        let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 1);
        encoder.write_all(piece).unwrap();
        encoder.finish().unwrap()
    };
    let zstd = |piece: &[u8]| zstd::encode_all(piece, 1).unwrap();
    // As parallel compressors write it: a skippable frame first.
    let skippable = b"\x50\x2a\x4d\x18\x03\0\0\0abc".to_vec();
    vec![
        (Compression::Gzip, [gzip(first), gzip(second)].concat()),
        (Compression::Lz4, [lz4(first), lz4(second)].concat()),
        (Compression::Xz, [xz(first), xz(second)].concat()),
        (Compression::Zstd, [skippable, zstd(first), zstd(second)].concat()),
    ]
}

#[test]
fn compressions_are_undone_and_rewound() {
    let folder = Scratch::new("compressions");
    let plain = pcap(4_000);
    let expected = read(&folder.file("plain", &plain));
    assert_eq!(expected.frames.len(), 4_000);
    for (compression, packed) in compressed(&plain) {
        let path = folder.file("packed", &packed);
        let whole = read(&path);
        assert!(whole.error.is_none(), "{compression}: {:?}", whole.error);
        assert!(whole.octets == plain && whole.frames == expected.frames, "{compression}");
        let mut source = capture::open(&path).unwrap();
        assert_eq!(source.compression(), Some(compression));
        assert_eq!(source.format(), FileFormat::Pcap);
        assert_eq!(source.size(), Some(packed.len() as u64));
        let mut batch = Batch::new();
        for _ in 0..2 {
            assert!(source.fill(&mut batch).unwrap());
            assert_eq!((batch.frames().next().unwrap().number, batch.position()), (1, 0));
            assert!(source.rewind().unwrap());
        }
        while source.fill(&mut batch).unwrap() {}
        assert_eq!(source.consumed(), packed.len() as u64);
        // Once more around, and once too often.
        for (depth, refused) in [(2, false), (3, true)] {
            let mut nested = packed.clone();
            for _ in 1..depth {
                nested = zstd::encode_all(&nested[..], 1).unwrap();
            }
            match (refused, read(&folder.file("nested", &nested))) {
                (false, whole) => assert!(whole.octets == plain, "{compression}: {:?}", whole.error),
                (true, whole) => {
                    let text = whole.error.unwrap().to_string();
                    assert!(text.ends_with("compressed more than 2 times"), "{text}");
                }
            }
        }
    }
}

#[test]
fn cut_and_broken_compressions_deliver_what_lies_before() {
    let folder = Scratch::new("cut-compressions");
    let plain = pcap(1_000);
    for (compression, packed) in compressed(&plain) {
        for part in 1..20 {
            let len = packed.len() * part / 20;
            let whole = read(&folder.file("cut", &packed[..len]));
            assert!(whole.octets == plain[..whole.octets.len()], "{compression}");
            let error = whole.error.unwrap_or_else(|| panic!("{compression} cut at {len} reads to an end"));
            match error {
                Error::Damaged { packet, offset, .. } => {
                    assert_eq!(packet, whole.frames.len() as u64 + 1);
                    assert_eq!(offset, whole.octets.len() as u64);
                }
                Error::NotACapture { .. } => assert!(whole.octets.is_empty()),
                other => panic!("{compression}: {other}"),
            }
        }
        let mut broken = packed.clone();
        for at in (0..broken.len()).step_by(broken.len() / 50) {
            broken[at] ^= 0x55;
            read(&folder.file("broken", &broken));
            broken[at] ^= 0x55;
        }
    }
}

#[test]
fn what_is_no_capture_is_named() {
    let folder = Scratch::new("refusals");
    let packed = |octets: &[u8]| zstd::encode_all(octets, 1).unwrap();
    for (octets, expected) in [
        (&b""[..], "the file is empty"),
        (&packed(b""), "inside zstd: the file is empty"),
        (
            b"\xd4\xc3\xb2\xa1\x02\0\x04\0",
            "packet 1, offset 0: the pcap file header of 24 octets is cut short: 8 are there",
        ),
        (
            b"\x0a\x0d\x0d\x0a",
            "packet 1, offset 0: a block header of 12 octets is cut short: the input ends after 4",
        ),
        (b"GMBU\0\x01", "a Network Monitor 2 capture, which is not read; pcap, pcapng and snoop are"),
        (
            &packed(b"btsnoop\0\0"),
            "inside zstd: a btsnoop (Bluetooth) capture, which is not read; pcap, pcapng and snoop are",
        ),
        (b"\x7fELF\x02", "an ELF program or library, which is not read; pcap, pcapng and snoop are"),
        ("größer\n".as_bytes(), "a text file, no capture"),
        (b"\0\0\x84\0\0\0\0\x01\0", "no capture of a known format; it begins with 00 00 84 00 00 00 00 01"),
    ] {
        match read(&folder.file("file", octets)).error {
            Some(Error::NotACapture { reason, .. }) => assert_eq!(reason, expected),
            other => panic!("{expected}: {other:?}"),
        }
    }
    match capture::open(&folder.0).map(|_| ()) {
        Err(Error::NotACapture { reason, .. }) => assert!(reason.contains("--recursive"), "{reason}"),
        other => panic!("{other:?}"),
    }
    assert!(matches!(capture::open(folder.0.join("missing")), Err(Error::Io { .. })));
}

/// A named pipe is read as it comes and cannot be read again.
#[cfg(unix)]
#[test]
fn pipes_are_read_once() {
    let folder = Scratch::new("pipes");
    let path = folder.0.join("pipe");
    if !std::process::Command::new("mkfifo").arg(&path).status().is_ok_and(|status| status.success()) {
        return;
    }
    let plain = pcap(2_000);
    let writer = std::thread::spawn({
        let (path, plain) = (path.clone(), plain.clone());
        move || fs::write(path, plain).unwrap()
    });
    let mut source = capture::open(&path).unwrap();
    assert!(!source.is_rewindable() && !source.rewind().unwrap());
    assert!(source.size().is_none() && source.stretches().is_none());
    let (mut batch, mut octets, mut frames) = (Batch::new(), Vec::new(), 0);
    while source.fill(&mut batch).unwrap() {
        octets.extend_from_slice(batch.octets());
        frames += batch.len();
    }
    writer.join().unwrap();
    assert_eq!(frames, 2_000);
    assert!(octets == plain);
    assert_eq!(source.consumed(), plain.len() as u64);
}

/// Reads a file in stretches that begin at guessed boundaries, as threads would, and counts the guesses that were
/// missing or wrong. Where one was, the stretch before goes on.
fn read_in_stretches(path: &Path, stretch_len: u64) -> (Vec<Seen>, [u32; 3]) {
    let mut source = capture::open(path).unwrap();
    let stretches = source.stretches().unwrap();
    let mut state = source.state();
    // The interfaces at the file's start are known to all stretches.
    let mut batch = Batch::new();
    let _ = source.fill(&mut batch);
    let guessed_state = source.state();
    let (mut frames, mut at, [mut good, mut wrong, mut missing]) = (Vec::new(), 0, [0_u32; 3]);
    while at < stretches.len() {
        let aim = (at / stretch_len + 1) * stretch_len;
        let guess =
            if aim < stretches.len() { stretches.boundary(&guessed_state, aim).unwrap() } else { None };
        let mut stretch = stretches.stretch(state.clone(), at..guess.unwrap_or(aim), frames.len() as u64 + 1);
        loop {
            match stretch.fill(&mut batch) {
                Ok(true) => {}
                Ok(false) => break,
                Err(_) => return (frames, [good, wrong, missing]),
            }
            for frame in batch.frames() {
                assert_eq!(frame.number, frames.len() as u64 + 1);
                frames.push(Seen {
                    time: frame.time,
                    captured: frame.octets.len() as u32,
                    original: frame.original_len,
                });
            }
        }
        match guess {
            Some(guess) if guess == stretch.position() => good += 1,
            Some(_) => wrong += 1,
            // Past the last record there is none to find.
            None if stretch.position() < stretches.len() => missing += 1,
            None => {}
        }
        state = stretch.state();
        at = stretch.position();
    }
    (frames, [good, wrong, missing])
}

#[test]
fn stretches_read_the_same_and_boundaries_are_found() {
    let folder = Scratch::new("stretches");
    let path = folder.file("generated", &pcap(4_000));
    let whole = read(&path);
    let (frames, [good, wrong, missing]) = read_in_stretches(&path, 10_000);
    assert_eq!(frames, whole.frames);
    assert_eq!((wrong, missing), (0, 0));
    assert!(good > 200);

    let Some(captures) = material::shared("captures") else { return };
    let mut all = [0; 3];
    for file in files(&captures) {
        let Ok(source) = capture::open(&file) else { continue };
        if source.stretches().is_none() {
            continue;
        }
        let whole = read(&file);
        let (frames, counts) = read_in_stretches(&file, 5_000);
        assert_eq!(frames, whole.frames, "{}", file.display());
        for (sum, count) in all.iter_mut().zip(counts) {
            *sum += count;
        }
    }
    let [good, wrong, missing] = all;
    println!("{good} boundaries found, {wrong} wrong, {missing} missing");
    assert!(good > 4_000 && wrong * 100 < good && missing * 100 < good, "{all:?}");
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let manifest = fs::read_to_string(folder.join("MANIFEST.tsv")).unwrap();
    let path = |line: &str| {
        let mut fields = line.split('\t');
        Some(folder.join(fields.next()?.replace('/', "+")).join(fields.next()?))
    };
    manifest.lines().skip(1).filter_map(path).collect()
}

/// Each shared capture up to 4 KiB with some octets changed: nothing panics, and what is delivered is the file's.
#[test]
fn changed_octets_do_no_harm() {
    let Some(captures) = material::shared("captures") else { return };
    let folder = Scratch::new("changes");
    for file in files(&captures) {
        let Ok(original) = fs::read(&file) else { continue };
        if original.len() > 4_096 {
            continue;
        }
        for round in 0..4_usize {
            let mut octets = original.clone();
            for at in (round * 7..octets.len()).step_by(61 + round * 30) {
                octets[at] ^= [0xff, 0x80, 0x01, 0x10][round];
            }
            let whole = read(&folder.file("changed", &octets));
            if !whole.octets.is_empty() && octets.starts_with(&whole.octets[..4]) {
                assert_eq!(whole.octets, octets[..whole.octets.len()], "{}", file.display());
            }
        }
    }
}
