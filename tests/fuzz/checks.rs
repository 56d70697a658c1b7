//! What holds for any octets: one function a fuzz target. The tests call the same functions on what was found and on every
//! sample (`tests/regressions.rs`).

use std::{fs, net::Ipv4Addr, path::PathBuf, process, sync::Arc, thread};

use portolan::{
    Answers, Encoder, Job, Knowledge, Registry, Report, View,
    capture::{self, Source as _},
    decode::{Decoder, Headers},
    dns::{self, Message, Via, inventory},
    hosts::{HostsFile, Oui},
    knowledge::{Options, file as stored_file},
    packet::{Batch, LinkType, PacketId, Timestamp, TransportProtocol},
    payload::{Head, Hello, NameReader, Window, join_records, look},
    pipeline::Inputs,
    places::{Located, Places},
    report::{
        Format,
        discover::{DiscoverOptions, Discovery},
        flows::{self, FlowList},
        hosts::{HostList, HostsOptions},
        summary::{self, By, Summary},
    },
    select::{Packets, Predicate, packets},
    sink::{Csv, Json, Pcapng, Text, Writer},
    text::time::TimeStyle,
};

/// A check.
pub(crate) type Check = fn(&[u8]);

/// All of them by the names of their targets; the configuration is the command's.
pub(crate) const ALL: &[(&str, Check)] = &[
    #[cfg(feature = "cli")]
    ("config", config),
    ("container", container),
    ("dns", dns),
    ("filter", filter),
    ("frame", frame),
    ("hello", hello),
    ("hosts", hosts),
    ("knowledge", knowledge),
    ("makers", makers),
    ("payload", payload),
    ("pipeline", pipeline),
    ("places", places),
    ("registry", registry),
    ("rewrite", rewrite),
];

/// A file of its own for each thread, as readers want a path.
fn file(octets: &[u8]) -> PathBuf {
    let name = format!("portolan-check-{}-{:?}", process::id(), thread::current().id());
    let path = std::env::temp_dir().join(name);
    fs::write(&path, octets).expect("the folder for temporary files can be written to");
    path
}

/// Reading a capture: frames lie within what was read, one behind the other, and are numbered without gaps.
pub(crate) fn container(octets: &[u8]) {
    let path = file(octets);
    if let Ok(mut source) = capture::open(&path) {
        let (mut batch, mut number, mut end) = (Batch::new(), 0, 0);
        while let Ok(true) = source.fill(&mut batch) {
            let interfaces = source.interfaces().len();
            assert!(batch.position() >= end, "octets come twice");
            end = batch.position() + batch.octets().len() as u64;
            for frame in batch.frames() {
                number += 1;
                assert_eq!(frame.number, number);
                assert!((frame.interface as usize) < interfaces);
            }
        }
    }
    let _ = fs::remove_file(path);
}

/// Decoding: the first two octets are a link type, the next four the length on the wire, all others a frame. What is said
/// lies within the frame.
pub(crate) fn frame(octets: &[u8]) {
    let Some(&[l0, l1, w0, w1, w2, w3]) = octets.first_chunk() else { return };
    let octets = &octets[6..];
    let link = LinkType(u16::from_le_bytes([l0, l1]));
    let mut headers = Headers::default();
    // As a snapshot length leaves it, and whole.
    for wire in [u32::from_le_bytes([w0, w1, w2, w3]), octets.len() as u32] {
        Decoder::default().decode(link, octets, wire, &mut headers);
        let end = u64::from(headers.payload_offset) + u64::from(headers.payload_len);
        assert!(headers.payload_len == 0 || end <= octets.len() as u64, "payload ends beyond the frame");
        assert!(headers.payload_wire_len >= headers.payload_len);
        assert!(headers.stopped.is_none_or(|stopped| stopped.offset as usize <= octets.len()));
    }
}

/// Pieces of the octets: a head of `N` octets, the last of which is the length of what follows.
fn pieces<const N: usize>(mut octets: &[u8]) -> impl Iterator<Item = ([u8; N], &[u8])> {
    std::iter::from_fn(move || {
        let (head, rest) = octets.split_first_chunk::<N>()?;
        let (piece, rest) = rest.split_at(rest.len().min(head[N - 1].into()));
        octets = rest;
        Some((*head, piece))
    })
}

/// Recognising what two directions show: pieces with way, flags, distance from the piece before, octets missing, length.
pub(crate) fn payload(octets: &[u8]) {
    let Some((&first, rest)) = octets.split_first() else { return };
    let protocol = if first & 1 == 0 { TransportProtocol::TCP } else { TransportProtocol::UDP };
    let mut windows = [Window::new(), Window::new()];
    let mut next = [1_u32, u32::MAX - 64];
    for ([way, flags, step, missing, _], piece) in pieces(rest).take(256) {
        let way = usize::from(way & 1);
        let wire = piece.len() as u32 + u32::from(missing);
        if protocol == TransportProtocol::TCP {
            let sequence = next[way].wrapping_add_signed(step.cast_signed().into());
            windows[way].segment(sequence, flags & 2 != 0, piece, wire);
            next[way] = sequence.wrapping_add(wire);
        } else {
            windows[way].datagram(protocol, piece, wire);
        }
        let [client, server] = &windows;
        let verdict = look(protocol, client, server);
        assert_eq!(verdict, look(protocol, client, server));
    }
    for window in &windows {
        let mut written = Vec::new();
        window.write(&mut written);
        let read = Window::read(&written).expect("what was written can be read");
        assert_eq!((&read.0, read.1), (window, written.len()));
        let _ = Window::read(octets);
    }
}

/// Names of servers in hellos and heads, in segments of any order and in datagrams.
pub(crate) fn hello(octets: &[u8]) {
    let _ = (Hello::read(octets).map(|hello| hello.server_name()), Head::read(octets).map(|_| ()));
    let mut message = Vec::new();
    let _ = join_records(octets, &mut message);
    let Some((&first, rest)) = octets.split_first() else { return };
    let mut reader: Option<NameReader> = None;
    let mut next = 1_u32;
    for ([step, missing, _], piece) in pieces(rest).take(256) {
        let wire = piece.len() as u32 + u32::from(missing);
        let sequence = next.wrapping_add_signed(step.cast_signed().into());
        next = sequence.wrapping_add(wire);
        match (&mut reader, first & 1) {
            (Some(reader), 0) => _ = reader.segment(sequence, piece, wire),
            (Some(reader), _) => _ = reader.datagram(piece),
            (None, 0) => reader = NameReader::read_segment(Some(1), sequence, (piece, wire)).1,
            (None, _) => reader = NameReader::read_datagram(piece).1,
        }
    }
}

/// DNS messages: read, shown as valid JSON and as one harmless line, and taken into an inventory.
pub(crate) fn dns(octets: &[u8]) {
    let mut inventory = inventory::Inventory::new();
    for (number, ([seconds, sender, high, low], piece)) in (0..).zip(pieces::<4>(octets)).take(64) {
        let _ = low;
        let Some(message) = Message::new(piece) else { continue };
        let (mut json, mut line) = (Vec::new(), Vec::new());
        dns::json(Via::Mdns, &message, &mut json);
        serde_json::from_slice::<serde_json::Value>(&json).expect("the JSON is valid");
        dns::line(Via::Mdns, &message, &mut line);
        let line = std::str::from_utf8(&line).expect("the line is UTF-8");
        assert!(!line.chars().any(char::is_control), "{line:?}");
        let sighting = inventory::Sighting {
            packet: PacketId { file: 0, number: number + 1 },
            time: Some(Timestamp(u64::from(seconds) * 10_000_000_000)),
            interface: u32::from(high & 1),
            source: (Ipv4Addr::new(192, 0, 2, sender).into(), 5353),
            destination: (Ipv4Addr::new(224, 0, 0, 251).into(), 5353),
            protocol: TransportProtocol::UDP,
        };
        inventory.observe(sighting, &message);
    }
    inventory.advance(Timestamp(u64::MAX));
    let instances = inventory.instances().count();
    assert!(instances <= inventory::Limits::NAMES);
    let _ = (inventory.types().count(), inventory.queries().count(), inventory.findings().count());
}

/// Registry files of any form: refused with a message, or read so that every row is found by its name.
pub(crate) fn registry(octets: &[u8]) {
    let path = file(octets);
    if let Ok(registry) = Registry::read(&path) {
        for row in registry.rows().take(1_000) {
            assert!(
                registry.by_name(row.name()).any(|found| found.name() == row.name()) || row.name().is_empty()
            );
        }
    }
    let mut layered = Registry::built_in();
    if let Err(error) = layered.add_layer(&path) {
        assert!(!error.to_string().is_empty());
    }
    let _ = fs::remove_file(path);
}

/// Configurations: refused with the line and what is wrong there, or all of their settings can be used.
#[cfg(feature = "cli")]
pub(crate) fn config(octets: &[u8]) {
    let Ok(text) = std::str::from_utf8(octets) else { return };
    let Err(what) = portolan::cli::check_configuration(text) else { return };
    let rest = what.strip_prefix("config.toml:").expect("the file is named");
    let (line, what) = rest.split_once(": ").expect("the line is told");
    assert!((1..=text.matches('\n').count() + 1).contains(&line.parse().expect("a line is a number")));
    assert!(!what.is_empty() && !what.contains('\n'), "{what:?}");
}

/// Files of hosts: refused with the line, or names of addresses.
pub(crate) fn hosts(octets: &[u8]) {
    let Ok(text) = std::str::from_utf8(octets) else { return };
    match HostsFile::parse(text) {
        Err((line, what)) => {
            assert!((1..=text.lines().count()).contains(&line));
            assert!(!what.is_empty());
        }
        Ok(mut file) => file.add(HostsFile::default()),
    }
}

/// Lists of makers: refused with the line, or asked for what they say first and for what nobody made.
pub(crate) fn makers(octets: &[u8]) {
    let path = file(octets);
    match Oui::read(&path) {
        Err(error) => assert!(error.to_string().starts_with(&path.display().to_string())),
        Ok(makers) => {
            let digits = octets.split(|octet| !octet.is_ascii_hexdigit()).find(|word| word.len() >= 6);
            let text = digits.and_then(|word| std::str::from_utf8(&word[..6]).ok()).unwrap_or("000000");
            let [_, a, b, c] = u32::from_str_radix(text, 16).expect("six digits").to_be_bytes();
            let _ = makers.maker([a, b, c, 0, 0, 0]);
            assert_eq!(makers.maker([a | 2, b, c, 0, 0, 0]), None, "a local address has a maker");
        }
    }
    let _ = fs::remove_file(path);
}

/// Files of places: refused, or asked where addresses are, the same with a number and without.
pub(crate) fn places(octets: &[u8]) {
    let path = file(octets);
    if let Ok(places) = Places::open(&[&path]) {
        let places = Arc::new(places);
        let mut located = Located::new(places.clone());
        for address in ["192.0.2.1", "10.0.0.1", "255.255.255.255", "2001:db8::1", "::", "::1.2.3.4"] {
            let address = address.parse().expect("an address");
            let place = places.of(address);
            let number = located.number(address);
            assert_eq!(located.get(number).cloned().unwrap_or_default(), place);
            let _ = place.to_string();
        }
    }
    let _ = fs::remove_file(path);
}

/// The octets of a recorded exchange.
const SAMPLE: &[u8] = include_bytes!("../../samples/snmp-get.pcap");

/// Expressions: refused with the mistake shown below the expression, or asked of packets.
pub(crate) fn filter(octets: &[u8]) {
    let Ok(text) = std::str::from_utf8(octets) else { return };
    match Predicate::<Packets>::new(text, &packets()) {
        Err(fault) => {
            let [shown, carets] = fault.shown();
            assert!(!shown.chars().chain(carets.chars()).any(char::is_control), "{shown:?}");
            assert!(!fault.what().is_empty());
        }
        Ok(wanted) => {
            let (path, registry) = (file(SAMPLE), Registry::built_in());
            let mut job = Job { wanted: Some(wanted), threads: 1, ..reading(&path, &registry) };
            let (knowledge, _) = job.learn(Options::default(), &()).expect("a sample can be read");
            let answers = Answers::of(&knowledge, &registry, false, 1);
            let view = View { knowledge: &knowledge, answers: &answers, registry: &registry };
            let text = chart(&mut job, &view, Text::new(TimeStyle::Utc, false, false));
            assert!(text.iter().filter(|&&octet| octet == b'\n').count() <= 2);
            let _ = fs::remove_file(path);
        }
    }
}

fn reading<'r>(path: &std::path::Path, registry: &'r Registry) -> Job<'r> {
    // So small that threads share what little there is.
    Job { min_stretch: 64, threads: 1, ..Job::new(Inputs::Files(vec![path.to_owned()]), registry) }
}

fn chart(job: &mut Job<'_>, view: &View<'_>, encoder: impl Encoder<Part = Vec<u8>>) -> Vec<u8> {
    let mut out = Vec::new();
    job.chart(view, encoder, &mut Writer::new(&mut out), &()).expect("memory takes all output");
    out
}

/// Lines of text as they are to be: UTF-8 and no control characters but the ends of lines.
fn lines(octets: &[u8]) -> Vec<&str> {
    let text = std::str::from_utf8(octets).expect("the output is UTF-8");
    assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
    text.lines().collect()
}

/// The sections of a knowledge file: refused, or what is written of them is read again as it was, merged, and asked.
pub(crate) fn knowledge(octets: &[u8]) {
    let file = stored(octets);
    let Ok(part) = Knowledge::read(&mut &file[..]) else { return };
    let written = |known: &Knowledge| {
        let mut file = Vec::new();
        known.write("2026-09-30", &mut file).expect("a part is written to memory");
        file
    };
    let first = written(&part);
    let again = Knowledge::read(&mut &first[..]).expect("what was written is read");
    assert_eq!(written(&again), first);
    let registry = Registry::built_in();
    let mut known = Knowledge::whole(*part.options());
    known.append(part, &registry);
    known.append(again, &registry);
    known.settle();
    let answers = Answers::of(&known, &registry, true, 1);
    let mut log = Vec::new();
    flows::write(&known, &answers, flows::Form::Zeek, &mut log).expect("a log is written to memory");
    if let Some(interval) = known.interval() {
        let mut counted = summary::Counted::new(Some(interval), By::Service);
        let view = View { knowledge: &known, answers: &answers, registry: &registry };
        counted.add_known(&view).expect("these are the intervals that it has");
        let (_, parts) = counted.into_parts();
        let packets = |rows: &Summary| {
            rows.rows(&summary::Options::default()).iter().map(|row| row.packets).sum::<u64>()
        };
        let sum: u64 = parts.iter().map(|part| packets(&part.summary)).sum();
        assert_eq!(sum, known.traffic().map(|(.., cell)| cell.packets).sum::<u64>());
    }
}

/// A knowledge file of these sections, whose frame of zstd is neither packed nor has a checksum (RFC 8878 section 3.1.1).
pub(crate) fn stored(sections: &[u8]) -> Vec<u8> {
    let mut file =
        [&stored_file::MAGIC[..], &stored_file::VERSION.to_le_bytes(), b"\x28\xb5\x2f\xfd\0\x58"].concat();
    let mut blocks = sections.chunks(128 << 10).peekable();
    while let Some(block) = blocks.next() {
        let is_last = u32::from(blocks.peek().is_none());
        file.extend_from_slice(&(is_last | (block.len() as u32) << 3).to_le_bytes()[..3]);
        file.extend_from_slice(block);
    }
    file
}

/// A whole run over a capture: every packet has its record in every format, sums are those of the packets, every report is
/// written, and threads change nothing.
pub(crate) fn pipeline(octets: &[u8]) {
    let (path, registry) = (file(octets), Registry::built_in());
    let options = Options { domains: true, ..Options::default() };
    let mut outputs = [1, 2].map(|threads| {
        let mut job = Job { threads, ..reading(&path, &registry) };
        let (knowledge, _) = job.learn(options, &()).expect("learning has no output");
        let answers = Answers::of(&knowledge, &registry, false, 1);
        let view = View { knowledge: &knowledge, answers: &answers, registry: &registry };
        let packets = knowledge.span().packets;
        let text = chart(&mut job, &view, Text::new(TimeStyle::Utc, false, false));
        let json = chart(&mut job, &view, Json::default());
        let csv = chart(&mut job, &view, Csv::default());
        assert_eq!(lines(&text).len() as u64, packets);
        let objects = lines(&json);
        assert_eq!(objects.len() as u64, packets);
        for object in objects {
            serde_json::from_str::<serde_json::Value>(object).expect("every line of JSON is an object");
        }
        let rows =
            csv::ReaderBuilder::new().from_reader(&csv[..]).into_records().collect::<Result<Vec<_>, _>>();
        assert_eq!(rows.expect("every row has all columns").len() as u64, packets);
        let sum = summed(&knowledge, &answers);
        assert_eq!(sum, (packets, knowledge.span().octets));
        [text, json, csv]
    });
    let [one, two] = &mut outputs;
    assert_eq!(one, two, "threads change the output");
    reports(&path, &registry);
    let _ = fs::remove_file(path);
}

/// Packets and octets of all rows of a summary.
fn summed(knowledge: &Knowledge, answers: &Answers) -> (u64, u64) {
    let summary = Summary::of(knowledge, answers, By::Service, 1);
    let rows = summary.rows(&summary::Options::default());
    rows.iter().fold((0, 0), |(packets, octets), row| (packets + row.packets, octets + row.bytes))
}

/// Writes the reports of a capture in every format.
fn reports(path: &std::path::Path, registry: &Registry) {
    let all: [Box<dyn Report>; 3] = [
        Box::new(Discovery::new(DiscoverOptions::default(), vec!["capture".into()])),
        Box::new(FlowList::new(TimeStyle::Utc)),
        Box::new(HostList::new(HostsOptions::default())),
    ];
    for mut report in all {
        let mut job = reading(path, registry);
        let (mut knowledge, _) = job.learn(report.needs(), &()).expect("learning has no output");
        let answers = Answers::of(&knowledge, registry, false, 1);
        report.add(&mut knowledge, &answers, registry);
        for format in [Format::Table, Format::Json, Format::Csv] {
            let mut out = Vec::new();
            report.write(registry, format, &mut out).expect("memory takes all output");
            lines(&out);
        }
    }
}

/// What a reader sees of a capture's frames.
type Seen = Vec<(Option<Timestamp>, LinkType, u32, Vec<u8>)>;

fn seen(path: &std::path::Path) -> Option<Seen> {
    let mut source = capture::open(path).ok()?;
    let (mut batch, mut frames) = (Batch::new(), Vec::new());
    while let Ok(true) = source.fill(&mut batch) {
        let all = batch.frames();
        frames.extend(all.map(|frame| (frame.time, frame.link, frame.original_len, frame.octets.to_vec())));
    }
    Some(frames)
}

/// Annotating a capture: the frames stay what they were, and annotating again changes nothing.
pub(crate) fn rewrite(octets: &[u8]) {
    let (path, registry) = (file(octets), Registry::built_in());
    let annotate = || {
        let mut job = reading(&path, &registry);
        let (knowledge, _) = job.learn(Options { hosts: true, ..Options::default() }, &()).ok()?;
        let answers = Answers::of(&knowledge, &registry, false, 1);
        let view = View { knowledge: &knowledge, answers: &answers, registry: &registry };
        Some(chart(&mut job, &view, Pcapng::new(registry.updated())))
    };
    if let (Some(before), Some(once)) = (seen(&path), annotate())
        && !once.is_empty()
    {
        fs::write(&path, &once).expect("the file was written before");
        assert_eq!(seen(&path), Some(before), "frames changed");
        assert_eq!(annotate(), Some(once), "annotating again changes something");
    }
    let _ = fs::remove_file(path);
}
