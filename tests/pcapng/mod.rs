//! Annotated pcapng keeps all that was there and adds what it should: block by block, by our reader and by tshark.

#![allow(clippy::print_stderr, reason = "a skipped test says why")]

mod big_endian;
mod block;
#[cfg(feature = "cli")]
mod command;
mod maker;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use portolan::{
    Answers, Job, Registry, View,
    capture::{self, FileSource, Filter, Source as _},
    knowledge::Options,
    packet::{Batch, Interface, LinkType, Timestamp},
    pipeline::Inputs,
    savefile::FileFormat,
    sink::{Pcapng, Writer},
};

use crate::material;
use block::{Block, assert_lossless, blocks, others, packets};
use maker::{Maker, announcement, everything, udp};

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
fn annotate(path: &Path, way: Way) -> Option<(Vec<u8>, Option<capture::Error>)> {
    let registry = Registry::built_in();
    let mut job = Job {
        accept: way.filter.map(|filter| Filter::new(filter).unwrap().accept()),
        count: way.limit,
        threads: way.threads,
        // So small that threads share what little there is.
        min_stretch: 64,
        ..Job::new(Inputs::Files(vec![path.to_owned()]), &registry)
    };
    let options = Options { hosts: true, ..Options::default() };
    let (knowledge, outcome) = job.learn(options, &()).unwrap();
    if outcome.opened.is_empty() {
        return None;
    }
    let answers = Answers::of(&knowledge, &registry, false, 1);
    let view = View { knowledge: &knowledge, answers: &answers, registry: &registry };
    let mut out = Vec::new();
    let encoder = Pcapng::new(registry.updated());
    let mut outcome = job.chart(&view, encoder, &mut Writer::new(&mut out), &()).unwrap();
    Some((out, outcome.errors.pop()))
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

/// What was read of a capture, joined: the original blocks up to any damage.
fn original(path: &Path) -> Vec<u8> {
    let (mut source, mut batch, mut octets) = (capture::open(path).unwrap(), Batch::new(), Vec::new());
    while let Ok(true) = source.fill(&mut batch) {
        octets.extend_from_slice(batch.octets());
    }
    octets
}

fn is_pcapng(path: &Path) -> bool {
    capture::open(path).is_ok_and(|source| source.format() == FileFormat::Pcapng)
}

/// Every file of the shared captures.
fn captures() -> Vec<PathBuf> {
    let Some(folder) = material::shared("captures") else { return Vec::new() };
    capture::expand(&[folder], true, &|_| false).files
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
        "portolan: 53/udp domain; server=192.0.2.2; evidence=registered; rule=system-port; state=one-way",
        "portolan: 7/udp echo; server=192.0.2.2; evidence=registered; rule=system-port; state=asked",
        "portolan: 5353/udp mdns; server=both; evidence=payload; rule=symmetric; state=group; protocol=mdns",
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
    for number in 0..1000_u16 {
        let mut frame = announcement(format!("host{number:0>50}").as_bytes());
        // Names of one address are bounded: each has one of its own.
        let at = frame.len() - 2;
        frame[at..].copy_from_slice(&number.to_be_bytes());
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
    for (way, count) in [
        (Way { limit: Some(2), ..ALL }, 2),
        (Way { limit: Some(7), ..ALL }, 7),
        #[cfg(feature = "libpcap")]
        (Way { filter: Some("udp port 7"), ..ALL }, 9),
        #[cfg(feature = "libpcap")]
        (Way { filter: Some("udp port 9"), ..ALL }, 0),
        #[cfg(feature = "libpcap")]
        (Way { filter: Some("udp port 53"), limit: Some(5), ..ALL }, 5),
    ] {
        let annotated = annotate(&path, way).unwrap().0;
        assert_eq!(others(&annotated), others(&octets));
        assert_eq!(packets(&annotated), count);
    }
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
        // What is turned into pcapng while it is read has a resolution of its own.
        let kept = format.is_translated() || interface.octets.windows(8).any(|part| part == option);
        assert!(kept, "{what}");
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
            ["portolan: 53/udp domain; server=192.0.2.2; evidence=registered; rule=system-port; state=asked"]
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
