//! Annotated pcapng keeps all that was there and adds what it should: block by block, by our reader and by tshark.

#![allow(clippy::print_stderr, reason = "a skipped test says why")]

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::AtomicBool,
};

use portolan::{
    capture::{self, FileSource, Filter, Source as _},
    decode::Decoder,
    knowledge::{Answers, Knowledge, Options},
    packet::{Batch, Interface, LinkType, Timestamp},
    pipeline::{Failure, Run, Selection},
    record::Charter,
    registry::Registry,
    savefile::FileFormat,
    sink::{self, Sink as _},
};

use crate::material;

/// A folder that is removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("portolan-pcapng-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn file(&self, name: &str, octets: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, octets).unwrap();
        path
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// How a file is annotated.
#[derive(Clone, Copy)]
struct Way {
    threads: usize,
    filter: Option<&'static str>,
    limit: Option<u64>,
}

const ALL: Way = Way { threads: 1, filter: None, limit: None };

/// Annotates a capture. Returns the pcapng and the damage met, or `None` where the file is no capture.
fn annotate(path: &Path, way: Way) -> Option<(Vec<u8>, Option<Failure>)> {
    let (registry, decoder, stop) = (Registry::built_in(), Decoder::default(), AtomicBool::new(false));
    let run = Run {
        registry: &registry,
        decoder: &decoder,
        stop: &stop,
        progress: &|_| {},
        threads: way.threads,
        // So small that threads share what little there is.
        min_stretch: 64,
    };
    let mut selection = Selection::new(way.filter.map(|filter| Filter::new(filter).unwrap()), way.limit);
    let mut knowledge = Knowledge::whole(Options::default());
    let mut source = capture::open(path).ok()?;
    let _ = run.learn_file(&mut source, 0, &mut selection, &mut knowledge, Options::default());
    knowledge.settle();
    let names = Answers::of(&knowledge, &registry, false, 1);
    let charter = Charter::new(&knowledge, &names);
    let mut sink = sink::Pcapng::new(registry.updated());
    sink.learned(&knowledge);
    selection.restart();
    source.rewind().unwrap();
    let mut out = Vec::new();
    let result = run.chart_file(&mut source, None, &mut selection, &charter, &mut sink, &mut out);
    Some((out, result.err()))
}

/// All that our reader says of a file's frames.
#[derive(Debug, PartialEq)]
struct Frames {
    frames: Vec<(Option<Timestamp>, u32, Vec<u8>)>,
    /// Link type, snap length, frame check sequence and name of each frame's interface.
    interfaces: Vec<(LinkType, u32, Option<u8>, Option<String>)>,
}

fn frames(source: &mut FileSource) -> (Frames, Option<capture::Error>) {
    let mut all = Frames { frames: Vec::new(), interfaces: Vec::new() };
    let mut batch = Batch::new();
    loop {
        match source.fill(&mut batch) {
            Ok(true) => {}
            Ok(false) => return (all, None),
            Err(error) => return (all, Some(error)),
        }
        for frame in batch.frames() {
            let Interface { link, snap_len, fcs_len, name } =
                source.interfaces()[frame.interface as usize].clone();
            assert_eq!(link, frame.link);
            all.interfaces.push((link, snap_len, fcs_len, name));
            all.frames.push((frame.time, frame.original_len, frame.octets.to_vec()));
        }
    }
}

/// A block: its octets and byte order, found without the code under test.
#[derive(Clone, Debug, PartialEq)]
struct Block {
    octets: Vec<u8>,
    big: bool,
}

impl Block {
    fn u32(&self, at: usize) -> u32 {
        let word = self.octets[at..at + 4].try_into().unwrap();
        if self.big { u32::from_be_bytes(word) } else { u32::from_le_bytes(word) }
    }

    fn u16(&self, at: usize) -> usize {
        let half = self.octets[at..at + 2].try_into().unwrap();
        usize::from(if self.big { u16::from_be_bytes(half) } else { u16::from_le_bytes(half) })
    }

    fn kind(&self) -> u32 {
        self.u32(0)
    }

    /// Where the options begin of the blocks that portolan may change.
    fn options_at(&self) -> Option<usize> {
        let at = match self.kind() {
            0x0a0d_0d0a => 24,
            2 | 6 => 28 + (self.u32(20) as usize).div_ceil(4) * 4,
            4 => {
                let mut at = 8;
                while self.u16(at) != 0 {
                    at += 4 + self.u16(at + 2).div_ceil(4) * 4;
                }
                at + 4
            }
            _ => return None,
        };
        (at < self.octets.len() - 4).then_some(at)
    }

    /// Place, code and value of each option; `None` where they run over the block.
    fn options(&self) -> Option<Vec<(usize, usize, Vec<u8>)>> {
        let (mut at, end) = (self.options_at()?, self.octets.len() - 4);
        let mut all = Vec::new();
        while at < end && self.u16(at) != 0 {
            let len = self.u16(at + 2);
            if at + 4 + len.div_ceil(4) * 4 > end {
                return None;
            }
            all.push((at, self.u16(at), self.octets[at + 4..at + 4 + len].to_vec()));
            at += 4 + len.div_ceil(4) * 4;
        }
        Some(all)
    }

    fn ours(&self) -> Vec<String> {
        let options = self.options().unwrap_or_default();
        let ours =
            options.into_iter().filter(|(_, code, value)| *code == 1 && value.starts_with(b"portolan: "));
        ours.map(|(_, _, value)| String::from_utf8(value).unwrap()).collect()
    }

    /// The block without our comments, and without end-of-options where nothing else is left.
    fn bare(&self) -> Vec<u8> {
        let mut out = self.octets.clone();
        for (at, code, value) in self.options().unwrap_or_default().into_iter().rev() {
            if code == 1 && value.starts_with(b"portolan: ") {
                out.drain(at..at + 4 + value.len().div_ceil(4) * 4);
            }
        }
        if let Some(at) = self.options_at()
            && out[at..out.len() - 4] == [0; 4]
        {
            out.drain(at..at + 4);
        }
        if self.kind() == 0x0a0d_0d0a {
            out[16..24].fill(0xff);
        }
        // The lengths follow from the rest.
        out.drain(4..8);
        out.truncate(out.len() - 4);
        out
    }
}

fn blocks(octets: &[u8]) -> Vec<Block> {
    let (mut at, mut big, mut all) = (0, false, Vec::new());
    while at < octets.len() {
        if octets[at..at + 4] == [0x0a, 0x0d, 0x0d, 0x0a] {
            big = octets[at + 8] == 0x1a;
        }
        let head = Block { octets: octets[at..at + 8].to_vec(), big };
        let len = (head.u32(4) as usize).div_ceil(4) * 4;
        let block = Block { octets: octets[at..at + len].to_vec(), big };
        assert_eq!(block.u32(4), block.u32(len - 4), "at {at}");
        all.push(block);
        at += len;
    }
    all
}

/// What was read of a capture, joined: the original blocks up to any damage.
fn original(path: &Path) -> Vec<u8> {
    let (mut source, mut batch, mut octets) = (capture::open(path).unwrap(), Batch::new(), Vec::new());
    while let Ok(true) = source.fill(&mut batch) {
        octets.extend_from_slice(batch.octets());
    }
    octets
}

/// Checks that `annotated` is `original` with nothing but what portolan may add. Returns the comments of packets.
fn assert_lossless(original: &[u8], annotated: &[u8], what: &str) -> Vec<String> {
    let (before, after) = (blocks(original), blocks(annotated));
    let mut comments = Vec::new();
    let mut rest = before.iter();
    for block in &after {
        if block.kind() == 4 && !block.ours().is_empty() {
            continue;
        }
        let was = rest.next().unwrap_or_else(|| panic!("{what}: a block more"));
        assert_eq!(block.big, was.big, "{what}");
        if matches!(block.kind(), 2 | 6 | 0x0a0d_0d0a) {
            assert_eq!(block.bare(), was.bare(), "{what}");
            assert!(block.ours().len() <= 1, "{what}");
            if block.kind() != 0x0a0d_0d0a {
                comments.extend(block.ours());
            } else if was.octets.len() == 28 || was.options().is_some() {
                assert!(block.ours()[0].starts_with("portolan: annotated by portolan "), "{what}");
            }
        } else {
            assert_eq!(block, was, "{what}");
        }
    }
    assert_eq!(rest.next(), None, "{what}: a block is lost");
    comments
}

fn is_pcapng(path: &Path) -> bool {
    capture::open(path).is_ok_and(|source| source.format() == FileFormat::Pcapng)
}

/// Every file of the shared captures.
fn captures() -> Vec<PathBuf> {
    let Some(folder) = material::shared("captures") else { return Vec::new() };
    capture::expand(&[folder], true).unwrap().files
}

/// Blocks made by hand.
struct Maker {
    big: bool,
    octets: Vec<u8>,
}

impl Maker {
    fn u32(&self, value: u32) -> [u8; 4] {
        if self.big { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    fn u16(&self, value: u16) -> [u8; 2] {
        if self.big { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    fn block(&mut self, kind: u32, body: &[u8]) -> &mut Self {
        self.odd_block(kind, body, body.len().next_multiple_of(4))
    }

    /// With a length that counts so many octets of the body.
    fn odd_block(&mut self, kind: u32, body: &[u8], counted: usize) -> &mut Self {
        let length = self.u32(counted as u32 + 12);
        self.octets.extend(self.u32(kind));
        self.octets.extend(length);
        self.octets.extend_from_slice(body);
        self.octets.resize(self.octets.len().next_multiple_of(4), 0);
        self.octets.extend(length);
        self
    }

    fn options(&self, list: &[(u16, &[u8])]) -> Vec<u8> {
        let mut out = Vec::new();
        for (code, value) in list {
            out.extend(self.u16(*code));
            out.extend(self.u16(value.len() as u16));
            out.extend_from_slice(value);
            out.resize(out.len().next_multiple_of(4), 0);
        }
        out
    }

    fn section(&mut self, length: u64, options: &[(u16, &[u8])]) -> &mut Self {
        let mut body = [self.u32(0x1a2b_3c4d).to_vec(), self.u16(1).to_vec(), self.u16(0).to_vec()].concat();
        body.extend(if self.big { length.to_be_bytes() } else { length.to_le_bytes() });
        body.extend(self.options(options));
        self.block(0x0a0d_0d0a, &body)
    }

    fn interface(&mut self, link: u16, snap_len: u32, options: &[(u16, &[u8])]) -> &mut Self {
        let body = [self.u16(link).to_vec(), vec![0; 2], self.u32(snap_len).to_vec(), self.options(options)];
        self.block(1, &body.concat())
    }

    /// The body of an Enhanced Packet Block or, with `interface` in its upper half, of an obsolete Packet Block.
    fn packet_body(&self, interface: u32, ticks: u64, octets: &[u8], options: &[(u16, &[u8])]) -> Vec<u8> {
        let len = octets.len() as u32;
        let mut body: Vec<u8> = [interface, (ticks >> 32) as u32, ticks as u32, len, len + 1000]
            .into_iter()
            .flat_map(|word| self.u32(word))
            .collect();
        body.extend_from_slice(octets);
        body.resize(body.len().next_multiple_of(4), 0);
        body.extend(self.options(options));
        body
    }
}

/// Ethernet, IPv4, UDP from a dynamic port of 192.0.2.1 to `port` of 192.0.2.2.
fn udp(port: u16, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0];
    frame.extend((28 + payload.len() as u16).to_be_bytes());
    frame.extend([0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2]);
    frame.extend(50_000_u16.to_be_bytes());
    frame.extend(port.to_be_bytes());
    frame.extend((8 + payload.len() as u16).to_be_bytes());
    frame.extend([0, 0]);
    frame.extend_from_slice(payload);
    frame
}

/// A multicast DNS response: `name.local A 192.0.2.7`.
fn announcement(label: &[u8]) -> Vec<u8> {
    let mut message = b"\0\0\x84\0\0\0\0\x01\0\0\0\0".to_vec();
    message.push(label.len() as u8);
    message.extend_from_slice(label);
    message.extend_from_slice(b"\x05local\0\0\x01\x80\x01\0\0\0\x78\0\x04\xc0\0\x02\x07");
    let mut frame = udp(5353, &message);
    frame[30..34].copy_from_slice(&[224, 0, 0, 251]);
    frame[34..36].copy_from_slice(&5353_u16.to_be_bytes());
    frame
}

/// Every kind of block there is, in three sections of which the second has the other byte order.
fn everything() -> Vec<u8> {
    let mut file = Maker { big: false, octets: Vec::new() };
    let (dns, http) = (udp(53, b"\0\x01\x02"), udp(7, b"12345"));
    for big in [false, true, false] {
        file.big = big;
        let reversed = file.packet_body(if big { 0x0000_0001 } else { 0x0001_0000 }, 7, &dns, &[]);
        let enhanced = file.packet_body(0, 1 << 50, &dns, &[(2, &[0; 4]), (1, b"theirs"), (0, b"")]);
        let twice =
            file.packet_body(1, 5, &http, &[(1, b"portolan: old"), (2988, b"\x7f\0\0\x01x"), (0, b"")]);
        let plain = file.packet_body(0, 6, &http, &[]);
        let broken =
            [file.packet_body(0, 8, &dns, &[]), file.options(&[(1, b"abcd")])[..4].to_vec()].concat();
        let odd = file.packet_body(0, 9, &http[..45], &[]);
        let simple = [&file.u32(45)[..], &dns].concat();
        let resolution = [file.options(&[(1, b"\xc0\0\x02\x01one\0"), (0, b"")]), vec![]].concat();
        let marked = file.options(&[(2, &[b'n'; 30]), (0, b""), (1, b"portolan: earlier"), (0, b"")]);
        file.section(if big { 5000 } else { u64::MAX }, if big { &[(4, b"editor"), (0, b"")] } else { &[] })
            .block(4, &marked)
            .interface(1, 96, &[(2, b"eth0"), (9, &[9]), (0, b"")])
            .block(6, &enhanced)
            .interface(1, 0, &[])
            .block(6, &twice)
            .block(4, &resolution)
            .block(6, &plain)
            .block(2, &reversed)
            .block(6, &broken)
            .odd_block(6, &odd, 20 + 45)
            .block(10, b"TLSK\x04\0\0\0keys")
            .block(3, &simple)
            .block(0x0bad, b"\0\0\x7f\x01custom")
            .block(0x4000_0bad, b"\0\0\x7f\x01not copied")
            .odd_block(0x8000_0001, b"12345", 5)
            .block(0x77, b"")
            .block(6, &file_announcement(big))
            .block(5, &[0; 12]);
    }
    file.octets
}

fn file_announcement(big: bool) -> Vec<u8> {
    let maker = Maker { big, octets: Vec::new() };
    maker.packet_body(0, 10, &announcement(b"printer"), &[])
}

#[test]
fn every_kind_of_block_in_both_orders() {
    let folder = Scratch::new("blocks");
    let octets = everything();
    let path = folder.file("in", &octets);
    let (annotated, damage) = annotate(&path, ALL).unwrap();
    assert!(damage.is_none(), "{damage:?}");
    // Ours of an earlier run are gone and not among what must be found again.
    let mut kept: Vec<Block> = blocks(&octets);
    kept.retain(|block| block.kind() != 4 || block.ours().is_empty());
    let kept: Vec<u8> = kept.into_iter().flat_map(|block| block.octets).collect();
    let comments = assert_lossless(&kept, &annotated, "made by hand");
    let (domain, echo, mdns) = (
        "portolan: 53/udp domain; server=192.0.2.2; evidence=registered; rule=system-port",
        "portolan: 7/udp echo; server=192.0.2.2; evidence=registered; rule=system-port",
        "portolan: 5353/udp mdns; server=both; evidence=registered; rule=symmetric",
    );
    // Not the one whose options run over the block, nor the Simple Packet Block.
    assert_eq!(comments, [domain, echo, echo, domain, echo, mdns].repeat(3));
    let after = blocks(&annotated);
    for (place, block) in after.iter().enumerate() {
        if block.kind() == 0x0a0d_0d0a {
            assert_eq!(block.octets[16..24], [0xff; 8]);
            let names = &after[place + 1];
            assert_eq!((names.kind(), names.big, names.ours().len()), (4, block.big, 1));
            let record = if block.big { b"\0\x01\0\x12" } else { b"\x01\0\x12\0" };
            assert_eq!(names.octets[8..32], [&record[..], b"\xc0\0\x02\x07printer.local\0\0\0"].concat());
        }
    }
    // The same again, on threads, and annotated twice.
    for threads in [2, 3] {
        assert!(annotate(&path, Way { threads, ..ALL }).unwrap().0 == annotated);
    }
    let again = annotate(&folder.file("again", &annotated), ALL).unwrap().0;
    assert!(again == annotated);
}

#[test]
fn names_do_not_multiply_with_sections() {
    let folder = Scratch::new("names");
    let mut file = Maker { big: false, octets: Vec::new() };
    file.section(u64::MAX, &[]).interface(1, 0, &[]);
    for number in 0..1000 {
        let frame = announcement(format!("host{number:0>50}").as_bytes());
        let body = file.packet_body(0, 1, &frame, &[]);
        file.block(6, &body);
    }
    for _ in 0..10_000 {
        file.section(u64::MAX, &[]);
    }
    let path = folder.file("in", &file.octets);
    let annotated = annotate(&path, ALL).unwrap().0;
    assert_lossless(&file.octets, &annotated, "many sections");
    let names: Vec<_> = blocks(&annotated).into_iter().filter(|block| block.kind() == 4).collect();
    let len = names[0].octets.len();
    assert!(len > 70_000 && names.len() == (16 << 20) / len, "{len} {}", names.len());
    assert!(annotate(&folder.file("again", &annotated), ALL).unwrap().0 == annotated);
}

#[test]
fn selection_keeps_the_other_blocks() {
    let folder = Scratch::new("selection");
    let octets = everything();
    let path = folder.file("in", &octets);
    let other = |octets: &[u8]| -> Vec<Block> {
        let mut all = blocks(octets);
        all.retain(|block| !matches!(block.kind(), 2 | 3 | 6) && block.ours().is_empty());
        all.retain(|block| block.kind() != 0x0a0d_0d0a);
        all
    };
    let packets =
        |octets: &[u8]| blocks(octets).iter().filter(|block| matches!(block.kind(), 2 | 3 | 6)).count();
    for (way, count) in [
        (Way { limit: Some(2), ..ALL }, 2),
        (Way { filter: Some("udp port 7"), ..ALL }, 9),
        (Way { filter: Some("udp port 9"), ..ALL }, 0),
        (Way { filter: Some("udp port 53"), limit: Some(5), ..ALL }, 5),
    ] {
        let annotated = annotate(&path, way).unwrap().0;
        assert_eq!(other(&annotated), other(&octets));
        assert_eq!(packets(&annotated), count);
    }
    // The same where each packet is named by what came before it.
    let (input, target) = (path.to_str().unwrap(), folder.0.join("out.pcapng"));
    let run = ["annotate", "--causal", "-c", "2", input, "-w", target.to_str().unwrap()];
    assert_eq!(portolan(&run, None), (0, String::new()));
    let annotated = fs::read(&target).unwrap();
    assert_eq!(packets(&annotated), 2);
    assert_eq!(other(&annotated), other(&octets));
}

#[test]
fn shared_pcapng_captures_are_kept_to_the_octet() {
    let folder = Scratch::new("round");
    let (mut files, mut commented) = (0, 0);
    for path in captures().into_iter().filter(|path| is_pcapng(path)) {
        let what = path.display().to_string();
        let (annotated, damage) = annotate(&path, ALL).unwrap();
        let kept = original(&path);
        if kept.is_empty() {
            assert!(annotated.is_empty() && damage.is_some(), "{what}");
            continue;
        }
        files += 1;
        commented += assert_lossless(&kept, &annotated, &what).len();
        let copy = folder.file("copy", &annotated);
        let (before, error) = frames(&mut capture::open(&path).unwrap());
        assert_eq!(error.is_some(), damage.is_some(), "{what}");
        let (after, error) = frames(&mut capture::open(&copy).unwrap());
        assert!(error.is_none(), "{what}: {error:?}");
        assert!(before == after, "{what}");
        assert!(annotate(&path, Way { threads: 2, ..ALL }).unwrap().0 == annotated, "{what}");
        assert!(annotate(&copy, ALL).unwrap().0 == annotated, "{what}");
    }
    if material::shared("captures").is_some() {
        assert!(files > 150 && commented > 10_000, "{files} files, {commented} comments");
    }
}

#[test]
fn other_formats_become_pcapng_with_equal_frames() {
    let folder = Scratch::new("others");
    let mut formats = std::collections::BTreeMap::new();
    for path in captures() {
        let Ok(mut source) = capture::open(&path) else { continue };
        let format = source.format();
        // Many files are alike; one thousand frames of each format and more than that of rare ones are enough.
        let seen = formats.entry(format!("{format} {:?}", source.compression())).or_insert(0);
        if format == FileFormat::Pcapng || *seen > 1_000 {
            continue;
        }
        let what = path.display().to_string();
        let (before, error) = frames(&mut source);
        *seen += before.frames.len();
        let (annotated, damage) = annotate(&path, ALL).unwrap();
        assert_eq!(error.is_some(), damage.is_some(), "{what}");
        let copy = folder.file("copy", &annotated);
        let (after, error) = frames(&mut capture::open(&copy).unwrap());
        assert!(error.is_none(), "{what}: {error:?}");
        assert!(before == after, "{what}");
        let resolution = if format == FileFormat::PcapNanoseconds { 9 } else { 6 };
        let interface = blocks(&annotated).into_iter().find(|block| block.kind() == 1).unwrap();
        // if_tsresol, one octet.
        let option = if interface.big { [0, 9, 0, 1] } else { [9, 0, 1, 0] };
        let option = [&option[..], &[resolution, 0, 0, 0]].concat();
        assert!(interface.octets.windows(8).any(|part| part == option), "{what}");
        assert!(annotate(&copy, ALL).unwrap().0 == annotated, "{what}");
        assert!(annotate(&path, Way { threads: 2, ..ALL }).unwrap().0 == annotated, "{what}");
    }
    if material::shared("captures").is_some() {
        assert!(formats.len() >= 4, "{formats:?}");
    }
}

/// The length of the frame check sequence in a pcap header, the snap length, and a time to the nanosecond.
#[test]
fn what_a_pcap_header_says_is_kept() {
    let folder = Scratch::new("header");
    for big in [false, true] {
        let maker = Maker { big, octets: Vec::new() };
        let frame = udp(53, b"abcd");
        // Four octets of frame check sequence: bit 26 says that the length in 16-bit words is in the upper four.
        let words = [0, 0, 96, 0x2400_0001, 1_700_000_000, 123_456_789, frame.len() as u32, 1500];
        let mut file = maker.u32(0xa1b2_3c4d).to_vec();
        file.extend([maker.u16(2), maker.u16(4)].concat());
        file.extend(words.into_iter().flat_map(|word| maker.u32(word)));
        file.extend_from_slice(&frame);
        let (annotated, _) = annotate(&folder.file("in.pcap", &file), ALL).unwrap();
        let (read, _) = frames(&mut capture::open(folder.file("out", &annotated)).unwrap());
        assert_eq!(read.interfaces, [(LinkType::ETHERNET, 96, Some(4), None)]);
        assert_eq!(read.frames, [(Some(Timestamp(1_700_000_000_123_456_789)), 1500, frame)]);
        let comments: Vec<_> = blocks(&annotated).iter().skip(1).flat_map(Block::ours).collect();
        assert_eq!(
            comments,
            ["portolan: 53/udp domain; server=192.0.2.2; evidence=registered; rule=system-port"]
        );
    }
}

/// Runs a program; `None` with a printed reason where it is not installed.
fn program(name: &str, arguments: &[&str], file: &Path) -> Option<String> {
    match Command::new(name).args(arguments).arg(file).env("TZ", "UTC").output() {
        Ok(output) => {
            assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
            Some(String::from_utf8(output.stdout).unwrap())
        }
        Err(_) => {
            eprintln!("skipped: {name} is not installed");
            None
        }
    }
}

#[test]
fn tshark_and_capinfos_read_what_was_written() {
    let folder = Scratch::new("tshark");
    for name in [
        "office.pcapng",
        "interfaces-mixed.pcapng",
        "mdns-ipp-6631.pcap",
        "http-snap64.pcap",
        "vxlan-http.pcap",
    ] {
        let path = material::sample(name);
        let copy = folder.file(name, &annotate(&path, ALL).unwrap().0);
        // A pcap has no interfaces.
        let interface = if name.ends_with(".pcapng") { "frame.interface_id" } else { "frame.number" };
        let fields = ["frame.time_epoch", "frame.len", "frame.cap_len", "frame.protocols", interface];
        let mut columns = vec!["-n", "-T", "fields"];
        columns.extend(fields.into_iter().flat_map(|field| ["-e", field]));
        let list = |file: &Path| program("tshark", &[&columns[..], &["-r"]].concat(), file);
        let Some(before) = list(&path) else { return };
        assert_eq!(before, list(&copy).unwrap(), "{name}");
        let comments = program("tshark", &["-T", "fields", "-e", "frame.comment", "-r"], &copy).unwrap();
        let ours: Vec<_> = blocks(&fs::read(&copy).unwrap())
            .iter()
            .filter(|block| block.kind() == 6)
            .map(|block| block.ours().concat())
            .collect();
        assert!(ours.iter().any(|comment| comment.contains("evidence=")), "{name}");
        let theirs: Vec<_> = comments.lines().map(|line| line.replace("\\\\", "\\")).collect();
        assert_eq!(theirs, ours, "{name}");
        let summary = |file: &Path| program("capinfos", &["-T", "-r", "-m", "-c", "-a", "-e", "-S"], file);
        let cells = |text: String| text.split_once(',').map(|(_, rest)| rest.to_owned());
        assert_eq!(summary(&path).map(cells), summary(&copy).map(cells), "{name}");
    }
    // The names of the network, as tshark resolves addresses with them.
    let names = folder.0.join("mdns-ipp-6631.pcap");
    let resolved = program("tshark", &["-N", "n", "-T", "fields", "-e", "ip.src_host", "-r"], &names);
    if let Some(resolved) = resolved {
        assert!(resolved.lines().any(|name| name.ends_with(".local")), "{resolved}");
    }
}

/// Runs the command and returns its exit code and what it said.
fn portolan(arguments: &[&str], stdin: Option<&[u8]>) -> (i32, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_portolan"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(stdin.unwrap_or_default()).unwrap();
    let output = child.wait_with_output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn the_file_appears_whole_or_not_at_all() {
    let folder = Scratch::new("files");
    let octets = everything();
    let path = folder.file("in.pcapng", &octets);
    let target = folder.0.join("out.pcapng");
    let (input, output) = (path.to_str().unwrap(), target.to_str().unwrap());

    let (code, said) = portolan(&["annotate", input, "-w", output], None);
    assert_eq!((code, said.as_str()), (0, ""));
    let annotated = annotate(&path, ALL).unwrap().0;
    assert!(fs::read(&target).unwrap() == annotated);

    // Over itself.
    let (code, _) = portolan(&["annotate", output, "-w", output], None);
    assert_eq!(code, 0);
    assert!(fs::read(&target).unwrap() == annotated);

    // Damaged: what can be read is written, and the file put in its place.
    let cut = folder.file("cut.pcapng", &octets[..octets.len() - 5]);
    let (code, said) = portolan(&["annotate", cut.to_str().unwrap(), "-w", output], None);
    assert_eq!(code, 4, "{said}");
    assert_eq!(blocks(&fs::read(&target).unwrap()).len() + 1, blocks(&annotated).len());

    // Nothing to be read: what was there stays.
    fs::write(&target, "before").unwrap();
    for bad in ["missing.pcapng", "text"] {
        fs::write(folder.0.join("text"), "no capture").unwrap();
        let bad = folder.0.join(bad);
        let (code, said) = portolan(&["annotate", bad.to_str().unwrap(), "-w", output], None);
        assert_eq!(code, 3, "{said}");
        assert_eq!(fs::read(&target).unwrap(), b"before");
    }
    let (code, said) = portolan(&["annotate", input, "-f", "wlan type mgt", "-w", output], None);
    assert_eq!(code, 5, "{said}");
    assert_eq!(fs::read(&target).unwrap(), b"before");
    assert_eq!(folder.names(), ["cut.pcapng", "in.pcapng", "out.pcapng", "text"]);

    // The output cannot be written.
    let nowhere = folder.0.join("no/such/folder.pcapng");
    let (code, _) = portolan(&["annotate", input, "-w", nowhere.to_str().unwrap()], None);
    assert_eq!(code, 8);
    if Path::new("/dev/full").exists() {
        assert_eq!(portolan(&["annotate", input, "-w", "/dev/full"], None).0, 8);
    }
    let (code, said) = portolan(&["annotate", input, "-w", &output.replace("pcapng", "pcap")], None);
    assert_eq!(code, 2, "{said}");
}

/// Standard input knows only the past, so the names that DNS taught come last; annotated again, they come first.
#[test]
fn standard_input_is_kept_to_the_octet() {
    let folder = Scratch::new("stdin");
    let target = folder.0.join("out.pcapng");
    let output = target.to_str().unwrap();
    let mut octets = blocks(&everything());
    octets.retain(|block| block.kind() != 4 || block.ours().is_empty());
    let octets: Vec<u8> = octets.into_iter().flat_map(|block| block.octets).collect();
    let (code, said) = portolan(&["annotate", "-", "-w", output], Some(&octets));
    assert_eq!(code, 0, "{said}");
    let annotated = fs::read(&target).unwrap();
    assert_eq!(assert_lossless(&octets, &annotated, "standard input").len(), 18);
    let last = blocks(&annotated).pop().unwrap();
    assert_eq!((last.kind(), last.ours().len()), (4, 1));
    let direct = annotate(&folder.file("in", &octets), ALL).unwrap().0;
    assert!(annotate(&target, ALL).unwrap().0 == direct);
}
