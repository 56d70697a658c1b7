//! Rows add up to the capture, and neither the number of threads nor a compression changes a report.

use std::{
    fs, io, mem,
    path::{Path, PathBuf},
    time::Duration,
};

use portolan::{
    Answers, Encoder, Job, Knowledge, Record, Registry, Sink, View,
    capture::{self, Source as _},
    decode::{Decoder, Headers},
    knowledge::{self, Shift, Span},
    packet::{Batch, TransportProtocol},
    pipeline::{Inputs, Outcome},
    report::{
        flows,
        summary::{By, Counted, Division, Options, Scope, Summary, Sums, json},
    },
    sink::{Text, Writer},
    text::time::TimeStyle,
};

use proptest::prelude::*;

use crate::{
    capture::Scratch,
    generator::captures::{Format, Plan, Shape},
    material,
};
#[cfg(feature = "compression")]
use crate::{compression::compressed, frames::frames_of};

/// How a capture is read.
#[derive(Clone, Copy)]
pub(crate) struct Way {
    pub(crate) threads: usize,
    pub(crate) min_stretch: u64,
}

/// On one thread, in one piece.
pub(crate) const PLAIN: Way = Way { threads: 1, min_stretch: u64::MAX };

/// A job that reads a file this way.
pub(crate) fn job<'r>(path: &Path, way: Way, registry: &'r Registry) -> Job<'r> {
    let Way { threads, min_stretch } = way;
    Job { threads, min_stretch, ..Job::new(Inputs::Files(vec![path.to_owned()]), registry) }
}

/// What ended reading.
fn error(outcome: &Outcome) -> Option<String> {
    outcome.errors.first().map(ToString::to_string)
}

/// Learns a file as the command does; with the error that ended it.
pub(crate) fn learn(
    path: &Path,
    way: Way,
    options: knowledge::Options,
    registry: &Registry,
) -> (Knowledge, Option<String>) {
    let (knowledge, outcome) = job(path, way, registry).learn(options, &()).unwrap();
    (knowledge, error(&outcome))
}

/// All reports of a file, and the error that ended reading.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reports {
    pub(crate) summary: String,
    pub(crate) flows: String,
    pub(crate) text: String,
    pub(crate) error: Option<String>,
}

pub(crate) fn reports(path: &Path, way: Way, registry: &Registry) -> Reports {
    let options = knowledge::Options { flows: true, domains: true, ..knowledge::Options::default() };
    // Flows are learned apart, as the commands do it.
    let (knowledge, error) = learn(path, way, knowledge::Options { flows: false, ..options }, registry);
    let names = Answers::of(&knowledge, registry, false, 1);
    let summary = as_json(&Summary::of(&knowledge, &names, By::Service, 1), &knowledge, registry);
    let mut text = Vec::new();
    let view = View { knowledge: &knowledge, answers: &names, registry };
    let sink = &mut Writer::new(&mut text);
    let charted = job(path, way, registry).chart(&view, Text::new(TimeStyle::Utc, false, false), sink, &());
    let again = self::error(&charted.unwrap());
    assert_eq!(again, error, "{}: the second reading ends otherwise", path.display());
    let (knowledge, third) = learn(path, way, options, registry);
    assert_eq!(third, error);
    let names = Answers::of(&knowledge, registry, false, 1);
    let mut out = Vec::new();
    flows::write(&knowledge, &names, flows::Form::Json, &mut out).unwrap();
    let [text, flows] = [text, out].map(|octets| String::from_utf8(octets).unwrap());
    Reports { summary, flows, text, error }
}

fn as_json(summary: &Summary, knowledge: &Knowledge, registry: &Registry) -> String {
    let mut out = Vec::new();
    let scope = Scope {
        files: &["capture".to_owned()],
        span: knowledge.span(),
        evicted: false,
        losses: None,
        registry,
    };
    json(summary, None, &scope, &Options::default(), &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// Packets and octets of all rows.
fn sum(summary: &Summary) -> (u64, u64) {
    let rows = summary.rows(&Options::default());
    rows.iter().fold((0, 0), |(packets, octets), row| (packets + row.packets, octets + row.bytes))
}

/// Every row with all it holds but for these members.
fn rows_without(
    members: &[&str],
    summary: &Summary,
    knowledge: &Knowledge,
    registry: &Registry,
) -> Vec<serde_json::Value> {
    let text = as_json(summary, knowledge, registry);
    let mut all: serde_json::Value = serde_json::from_str(&text).unwrap();
    let rows = all["rows"].as_array_mut().unwrap();
    for row in rows.iter_mut().filter_map(serde_json::Value::as_object_mut) {
        row.retain(|member, _| !members.contains(&member.as_str()));
    }
    mem::take(rows)
}

/// The rows of each division that gives a packet to one row, by flow and by packet.
fn check_rows(path: &Path, registry: &Registry) -> Span {
    let (knowledge, _) = learn(path, PLAIN, knowledge::Options::default(), registry);
    let names = Answers::of(&knowledge, registry, false, 1);
    let span = *knowledge.span();
    let file = path.display();
    let divisions: [&[By]; 14] = [
        &[By::Service],
        &[By::Port],
        &[By::Endpoint],
        &[By::Server],
        &[By::Client],
        &[By::Host],
        &[By::Conversation],
        &[By::Transport],
        &[By::Vlan],
        &[By::Interface],
        &[By::Service, By::Server],
        &[By::Client, By::Endpoint],
        &[By::Protocol, By::Conversation, By::Evidence],
        &[By::Vlan, By::Service],
    ];
    for by in divisions.map(|parts| Division::new(parts).unwrap()) {
        let view = View { knowledge: &knowledge, answers: &names, registry };
        let [(_, parts), (whole, _)] = [Some(Duration::from_secs(1)), None].map(|length| {
            let mut counted = Counted::new(length, by);
            job(path, PLAIN, registry).chart(&view, Sums::new(length, by), &mut counted, &()).unwrap();
            counted.into_parts()
        });
        let (mut latest, mut in_order, mut batch) = (None, true, Batch::new());
        if let Ok(mut source) = capture::open(path) {
            while let Ok(true) = source.fill(&mut batch) {
                for frame in batch.frames() {
                    in_order &= frame.time >= latest;
                    latest = latest.max(frame.time);
                }
            }
        }
        let in_parts =
            parts.iter().map(|part| sum(&part.summary)).fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
        assert_eq!(in_parts, sum(&whole), "{file}: {by:?} per second");
        // A packet counts for both of its hosts.
        if by != By::Host.into() {
            assert_eq!(sum(&whole), (span.packets, span.octets), "{file}: {by:?} by packet");
        }
        if !by.needs_packets() {
            let by_flow = Summary::of(&knowledge, &names, by, 1);
            // Packets do not tell flows, and flows end with their last packet, not with the latest one.
            let but = if in_order { &["flows"][..] } else { &["flows", "first", "last"] };
            let [by_flow, by_packet] =
                [&by_flow, &whole].map(|summary| rows_without(but, summary, &knowledge, registry));
            assert_eq!(by_flow, by_packet, "{file}: {by:?} by flow and by packet");
        }
    }
    span
}

pub(crate) fn samples() -> Vec<PathBuf> {
    let entries = fs::read_dir(material::sample("")).unwrap().map(|entry| entry.unwrap().path());
    let is_capture = |path: &PathBuf| path.extension().is_some_and(|end| end == "pcap" || end == "pcapng");
    let mut samples: Vec<_> = entries.filter(is_capture).collect();
    samples.sort();
    samples
}

/// The captures of the shared material, each with its SHA-256.
pub(crate) fn shared_captures() -> Vec<(PathBuf, String)> {
    let Some(folder) = material::shared("captures") else { return Vec::new() };
    let manifest = fs::read_to_string(folder.join("MANIFEST.tsv")).unwrap();
    let row = |line: &str| {
        let fields: Vec<_> = line.split('\t').collect();
        (folder.join(fields[0].replace('/', "+")).join(fields[1]), fields[3].to_owned())
    };
    manifest.lines().skip(1).map(row).collect()
}

#[test]
fn rows_of_every_sample_add_up() {
    let registry = Registry::built_in();
    for path in samples() {
        assert!(check_rows(&path, &registry).packets > 0);
    }
}

#[cfg(feature = "compression")]
#[test]
fn rows_of_every_shared_capture_add_up_to_what_tshark_counts() {
    let Some(folder) = material::shared("captures") else { return };
    let registry = Registry::built_in();
    let (mut agree, mut packets, mut differ) = (0, 0, Vec::new());
    for (path, sha256) in shared_captures() {
        let span = check_rows(&path, &registry);
        let Some(frames) = frames_of(&folder, &sha256) else { continue };
        if span.packets == frames {
            agree += 1;
            packets += frames;
        } else {
            differ.push(format!("{}: {} packets, tshark {frames}", path.display(), span.packets));
        }
    }
    assert!(differ.is_empty(), "{}", differ.join("\n"));
    println!("{agree} captures, {packets} packets");
    assert!(agree > 1_300 && packets > 100_000);
}

/// Compares every report over numbers of threads, in stretches of a few packets.
fn check_threads(path: &Path, registry: &Registry, failures: &mut Vec<String>) {
    let plain = reports(path, PLAIN, registry);
    let size = fs::metadata(path).map_or(0, |metadata| metadata.len());
    for threads in [1, 2, 3, 8] {
        let way = Way { threads, min_stretch: (size / 11).max(1) };
        let other = reports(path, way, registry);
        let parts = [
            ("summary", &plain.summary, &other.summary),
            ("flows", &plain.flows, &other.flows),
            ("annotate", &plain.text, &other.text),
        ];
        for (what, one, many) in parts {
            if one != many {
                let line = one.lines().zip(many.lines()).find(|(a, b)| a != b);
                failures.push(format!("{}: {what}, {threads} threads: {line:?}", path.display()));
            }
        }
        if plain.error != other.error {
            failures.push(format!("{}: {:?} and {:?}", path.display(), plain.error, other.error));
        }
    }
}

/// Knowledge of a capture learned in stretches of so many packets, merged in order.
pub(crate) fn learn_in_stretches(
    path: &Path,
    len: u64,
    options: knowledge::Options,
    registry: &Registry,
) -> Knowledge {
    let mut whole = Knowledge::whole(options);
    let mut stretch = Knowledge::part(options);
    let (decoder, mut headers, mut batch) = (Decoder::default(), Headers::default(), Batch::new());
    if let Ok(mut source) = capture::open(path) {
        while let Ok(true) = source.fill(&mut batch) {
            for frame in batch.frames() {
                decoder.decode(frame.link, frame.octets, frame.original_len, &mut headers);
                stretch.learning(0).learn(&frame, &headers);
                if stretch.span().packets == len {
                    whole.merge(
                        mem::replace(&mut stretch, Knowledge::part(options)),
                        Shift::default(),
                        registry,
                    );
                }
            }
        }
    }
    whole.merge(stretch, Shift::default(), registry);
    whole.settle();
    whole
}

/// Packets wait in groups before they count; none is lost when five-tuples have to leave, however many wait.
#[test]
fn packets_of_flows_that_leave_a_full_table_stay_counted() {
    const LIMIT: usize = 100;
    let (registry, folder) = (Registry::built_in(), Scratch::new("full"));
    let plan = Plan { packets: 5_000, flows: 1_500, ..Plan::new(Shape::Mix) };
    let mut octets = Vec::new();
    plan.write(&mut octets).unwrap();
    let path = folder.file("mix.pcap", &octets);
    for causal in [false, true] {
        let options = knowledge::Options { causal, limit: LIMIT, ..knowledge::Options::default() };
        let mut knowledge = Knowledge::whole(options);
        let (decoder, mut headers, mut batch) = (Decoder::default(), Headers::default(), Batch::new());
        let (mut source, mut largest) = (capture::open(&path).unwrap(), 0);
        while source.fill(&mut batch).unwrap() {
            for frame in batch.frames() {
                decoder.decode(frame.link, frame.octets, frame.original_len, &mut headers);
                knowledge.learning(0).learn(&frame, &headers);
            }
            largest = largest.max(batch.len());
            knowledge.make_room(&registry);
        }
        knowledge.settle();
        // The five-tuples of a batch may come after it was seen that there is room.
        let held = knowledge.flows().len();
        assert!(held <= 2 * LIMIT + largest, "{held}");
        let current: u64 = knowledge.flows().five_tuples().map(|tuple| tuple.total().all_packets()).sum();
        let gone: u64 = knowledge.departed().map(|evicted| evicted.tally.all_packets()).sum();
        let others: u64 = knowledge.others().map(|(_, tally)| tally.all_packets()).sum();
        assert_eq!(current + gone + others, plan.packets, "causal: {causal}");
        assert!(gone > plan.packets / 4, "{gone} packets left");
    }
}

/// Packets, octets and damaged packets of all rows.
fn sums(knowledge: &Knowledge, registry: &Registry) -> [u64; 3] {
    let names = Answers::of(knowledge, registry, false, 1);
    let summary = Summary::of(knowledge, &names, By::Service, 1);
    let rows = summary.rows(&Options::default());
    rows.iter().fold([0; 3], |[packets, bytes, damaged], row| {
        let broken: u64 = row.damaged().counts().map(|(_, count)| count).sum();
        [packets + row.packets, bytes + row.bytes, damaged + broken]
    })
}

/// Where five-tuples have to leave, stretches merge into other tables than one pass would make, but nothing is lost.
#[test]
fn full_tables_merge_without_loss() {
    const LIMIT: usize = 100;
    let (registry, folder) = (Registry::built_in(), Scratch::new("full-merge"));
    let plan = Plan { packets: 4_000, flows: 1_200, ..Plan::new(Shape::Mix) };
    let mut octets = Vec::new();
    plan.write(&mut octets).unwrap();
    let path = folder.file("mix.pcap", &octets);
    let options = knowledge::Options { limit: LIMIT, ..knowledge::Options::default() };
    let whole = learn(&path, PLAIN, options, &registry).0;
    assert!(whole.departed().next().is_some());
    let expected = sums(&whole, &registry);
    assert_eq!(expected[..2], [plan.packets, whole.span().octets]);
    proptest!(ProptestConfig::with_cases(24), |(len in 1u64..4_000)| {
        // Thousands of stretches show nothing that hundreds do not.
        let parts = learn_in_stretches(&path, len.max(20), options, &registry);
        prop_assert_eq!(sums(&parts, &registry), expected);

    });
    for threads in [2, 3, 8] {
        let way = Way { threads, min_stretch: 4_000 };
        let parts = learn(&path, way, options, &registry).0;
        assert_eq!(sums(&parts, &registry), expected, "{threads} threads");
    }
}

/// Counts packets whose five-tuple left.
#[derive(Clone)]
struct Left;

impl Encoder for Left {
    type Part = u64;

    fn packet(&mut self, record: &Record<'_>, count: &mut u64) {
        if record.service.is_none() && record.headers.ports.is_some() {
            *count += 1;
            let is_tcp = record.headers.protocol == TransportProtocol::TCP;
            let protocol = if is_tcp { "tcp" } else { "udp" };
            assert_eq!(record.label.key, format!("unknown/{protocol}"));
            assert_eq!(record.label.transport.as_deref(), Some(protocol));
        }
    }
}

struct Total(u64);

impl Sink<u64> for Total {
    fn take(&mut self, count: &mut u64) -> io::Result<()> {
        self.0 += mem::take(count);
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A packet whose five-tuple left still stands in a row, of its protocol.
#[test]
fn packets_of_flows_that_left_have_a_row() {
    let (registry, folder) = (Registry::built_in(), Scratch::new("left"));
    let plan = Plan { packets: 1_000, flows: 400, ..Plan::new(Shape::Mix) };
    let mut octets = Vec::new();
    plan.write(&mut octets).unwrap();
    let path = folder.file("mix.pcap", &octets);
    let options = knowledge::Options { limit: 40, ..knowledge::Options::default() };
    let knowledge = learn(&path, PLAIN, options, &registry).0;
    let names = Answers::of(&knowledge, &registry, false, 1);
    let view = View { knowledge: &knowledge, answers: &names, registry: &registry };
    let mut left = Total(0);
    job(&path, PLAIN, &registry).chart(&view, Left, &mut left, &()).unwrap();
    let Total(left) = left;
    assert!(left > 100, "{left} packets of flows that left");
}

/// Most captures are read in one piece, as they are small: here they are taken apart between any two packets.
#[test]
fn knowledge_of_stretches_merges_into_that_of_the_whole() {
    let registry = Registry::built_in();
    let mut failures = Vec::new();
    let paths = samples().into_iter().chain(shared_captures().into_iter().map(|(path, _)| path));
    for path in paths {
        for flows in [false, true] {
            let options = knowledge::Options { flows, domains: flows, ..knowledge::Options::default() };
            let told = |knowledge: &Knowledge| {
                let names = Answers::of(knowledge, &registry, false, 1);
                let mut out = Vec::new();
                if flows {
                    flows::write(knowledge, &names, flows::Form::Json, &mut out).unwrap();
                    return String::from_utf8(out).unwrap();
                }
                as_json(&Summary::of(knowledge, &names, By::Service, 1), knowledge, &registry)
            };
            let (whole, _) = learn(&path, PLAIN, options, &registry);
            let packets = whole.span().packets;
            let whole = told(&whole);
            for len in [1, 2, 3, 7, packets.div_ceil(2)] {
                // Thousands of stretches show nothing that hundreds do not.
                let len = len.max(packets / 400).max(1);
                let parts = told(&learn_in_stretches(&path, len, options, &registry));
                if whole != parts {
                    let line = whole.lines().zip(parts.lines()).find(|(a, b)| a != b);
                    failures.push(format!("{}: stretches of {len}, {line:#?}", path.display()));
                }
            }
        }
    }
    assert!(failures.is_empty(), "{} differ:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn threads_do_not_change_reports() {
    let registry = Registry::built_in();
    let mut failures = Vec::new();
    let folder = Scratch::new("threads");
    for format in [Format::Pcap, Format::Pcapng] {
        // Payloads that look like records lead every guessed boundary astray.
        for shape in [Shape::Adversarial, Shape::Mix] {
            let plan = Plan { packets: 3_000, flows: 200, format, ..Plan::new(shape) };
            let mut octets = Vec::new();
            plan.write(&mut octets).unwrap();
            check_threads(&folder.file("generated", &octets), &registry, &mut failures);
        }
    }
    for path in samples() {
        check_threads(&path, &registry, &mut failures);
    }
    for (path, _) in shared_captures() {
        check_threads(&path, &registry, &mut failures);
    }
    assert!(failures.is_empty(), "{} differ:\n{}", failures.len(), failures.join("\n"));
}

#[cfg(feature = "compression")]
#[test]
fn compression_does_not_change_reports() {
    let registry = Registry::built_in();
    let folder = Scratch::new("compression");
    for path in samples() {
        let octets = fs::read(&path).unwrap();
        let plain = reports(&path, PLAIN, &registry);
        assert_eq!(plain.error, None);
        for (compression, packed) in compressed(&octets) {
            let packed = folder.file("packed", &packed);
            for threads in [1, 2] {
                let way = Way { threads, min_stretch: 100 };
                assert_eq!(reports(&packed, way, &registry), plain, "{} in {compression}", path.display());
            }
        }
    }
}
