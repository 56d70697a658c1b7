//! The hot path allocates nothing once its buffers have grown.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    fs, io,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

#[path = "../benches/generator/mod.rs"]
#[allow(dead_code, reason = "one shape of several is used here")]
mod captures;

use portolan::{
    Answers, Encoder, Job, Registry, Sink, View,
    capture::{self, Source as _},
    knowledge::Options,
    packet::Batch,
    pipeline::Inputs,
    record::Record,
    report::summary::{self, By, Intervals, Summary},
    select::{Predicate, packets},
    sink::{Csv, Json, Pcapng, Text},
    text::time::TimeStyle,
};

/// Frames of 60 to 187 octets.
const FRAMES: u32 = 100_000;

/// Packets of the generated captures: a dozen batches.
const PACKETS: u64 = 20_000;

/// A file that is removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str, octets: &[u8]) -> Self {
        let path = std::env::temp_dir().join(format!("portolan-{}-{name}", std::process::id()));
        fs::write(&path, octets).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn pcap() -> Vec<u8> {
    let mut file = b"\xd4\xc3\xb2\xa1\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\x04\0\x01\0\0\0".to_vec();
    for number in 0..FRAMES {
        let length = 60 + number % 128;
        for word in [1_700_000_000 + number / 1_000, number % 1_000, length, length] {
            file.extend(word.to_le_bytes());
        }
        file.resize(file.len() + length as usize, number as u8);
    }
    file
}

fn pcapng() -> Vec<u8> {
    let mut file =
        b"\x0a\x0d\x0d\x0a\x1c\0\0\0\x4d\x3c\x2b\x1a\x01\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\x1c\0\0\0\
        \x01\0\0\0\x14\0\0\0\x01\0\0\0\0\0\0\0\x14\0\0\0"
            .to_vec();
    for number in 0..FRAMES {
        let length = 60 + number % 128;
        let block = 32 + length.next_multiple_of(4);
        for word in [6, block, 0, 0x0006_0000, number, length, length] {
            file.extend(word.to_le_bytes());
        }
        file.resize(file.len() + length.next_multiple_of(4) as usize, number as u8);
        file.extend(block.to_le_bytes());
    }
    file
}

#[cfg(feature = "compression")]
fn gzip(octets: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    io::Write::write_all(&mut encoder, octets).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn reading_allocates_nothing_after_warm_up() {
    for (name, octets) in [
        ("pcap", pcap()),
        ("pcapng", pcapng()),
        #[cfg(feature = "compression")]
        ("pcap.gz", gzip(&pcap())),
    ] {
        let file = Scratch::new(name, &octets);
        let mut source = capture::open(&file.0).unwrap();
        let mut batch = Batch::new();
        // Two batches: the first grows the buffers, the second is the first with a record carried over.
        let mut frames = 0;
        for _ in 0..2 {
            assert!(source.fill(&mut batch).unwrap());
            frames += batch.len();
        }
        let allocations = allocation_counter::measure(|| {
            while source.fill(&mut batch).unwrap() {
                frames += batch.frames().filter(|frame| frame.octets.len() >= 60).count();
            }
        });
        assert_eq!(frames, FRAMES as usize, "{name}");
        assert_eq!(allocations.count_total, 0, "{name}: {allocations:?}");
    }
}

/// Counts what is handed over, and keeps the part as large as that of any batch.
struct Count {
    octets: usize,
}

impl Sink<Vec<u8>> for Count {
    fn head(&mut self, part: &mut Vec<u8>) -> io::Result<()> {
        part.reserve(4 << 20);
        self.take(part)
    }

    fn take(&mut self, part: &mut Vec<u8>) -> io::Result<()> {
        self.octets += part.len();
        part.clear();
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Allocations of a whole pass over a capture.
fn measured(pass: impl FnOnce()) -> u64 {
    allocation_counter::measure(pass).count_total
}

/// A pass over more of the same traffic allocates no more often.
#[test]
fn learning_and_charting_allocate_nothing_after_warm_up() {
    let registry = Registry::built_in();
    for (name, format) in [("mix.pcap", captures::Format::Pcap), ("mix.pcapng", captures::Format::Pcapng)] {
        let mut octets = Vec::new();
        let totals = plan(format).write(&mut octets).unwrap();
        assert!(totals.mdns > 50 && totals.icmp > 50 && totals.arp > 50, "{totals:?}");
        let packets = octets[begin(&octets)..].to_vec();
        (1..11).for_each(|_| octets.extend(&packets));
        // What all has been seen, and met again until first octets and states are settled, takes no more room.
        let [before, after] = [12, 13].map(|times| {
            octets.extend(&packets);
            allocations(&Scratch::new(name, &octets), times, &registry)
        });
        assert_eq!(before, after, "{name}");
    }
}

fn plan(format: captures::Format) -> captures::Plan {
    captures::Plan {
        packets: PACKETS,
        flows: 1_000,
        format,
        ..captures::Plan::new(captures::Shape::Hosts200)
    }
}

/// Where the first packet's record or block begins.
fn begin(octets: &[u8]) -> usize {
    let word = |at: usize| u32::from_le_bytes(octets[at..at + 4].try_into().unwrap());
    if word(0) != 0x0a0d_0d0a {
        return 24;
    }
    let mut at = 0;
    while word(at) != 6 {
        at += word(at + 4) as usize;
    }
    at
}

/// How often learning and charting into each format allocate for a file with so many times the packets.
fn allocations(file: &Scratch, times: u64, registry: &Registry) -> Vec<(&'static str, u64)> {
    let inputs = Inputs::Files(vec![file.0.clone()]);
    let mut job = Job { threads: 1, ..Job::new(inputs, registry) };
    let mut learned = None;
    let mut all =
        vec![("learning", measured(|| learned = Some(job.learn(Options::default(), &()).unwrap())))];
    let (knowledge, _) = learned.unwrap();
    assert_eq!(knowledge.span().packets, times * PACKETS);
    let answers = Answers::of(&knowledge, registry, true, 1);
    let view = View { knowledge: &knowledge, answers: &answers, registry };
    let date = registry.updated();
    for color in [false, true] {
        all.push(("text", chart(&mut job, &view, Text::new(TimeStyle::Utc, color, true))));
    }
    all.push(("JSON", chart(&mut job, &view, Json::default())));
    all.push(("CSV", chart(&mut job, &view, Csv::default())));
    all.push(("pcapng", chart(&mut job, &view, Pcapng::new(date))));
    // Holds for every packet, and asks each kind of value.
    let text = "(svc.name matches \"^no\" or notes contains \"no\" or dnssd contains \"no\" or ip in {192.0.2.1} or \
                network.iana_number == \"999\" or mac != 02-00-00-00-00-01 or @timestamp > 1970-01-01T00:00:00Z) and \
                not row == nothing";
    job.wanted = Some(Predicate::new(text, &packets()).unwrap());
    all.push(("text of chosen packets", chart(&mut job, &view, Text::new(TimeStyle::Utc, false, true))));
    job.wanted = None;
    for (what, by) in [
        ("sums by service", By::Service),
        ("sums by port", By::Port),
        ("sums by server", By::Server),
        ("sums by endpoint", By::Endpoint),
        ("sums by client", By::Client),
        ("sums by host", By::Host),
        ("sums by conversation", By::Conversation),
        ("sums by transport", By::Transport),
        ("sums by VLAN", By::Vlan),
        ("sums by interface", By::Interface),
    ] {
        all.push((what, sum_up(&mut job, &view, by)));
    }
    all
}

fn chart(job: &mut Job<'_>, view: &View<'_>, encoder: impl Encoder<Part = Vec<u8>>) -> u64 {
    let mut count = Count { octets: 0 };
    let allocations = measured(|| {
        job.chart(view, encoder, &mut count, &()).unwrap();
    });
    assert!(count.octets as u64 > view.knowledge.span().packets * 50, "{} octets", count.octets);
    allocations
}

/// Sums packets up in one place, per minute and over all.
#[derive(Clone)]
struct Sum(Arc<Mutex<[Intervals; 2]>>);

impl Encoder for Sum {
    type Part = ();

    fn packet(&mut self, record: &Record<'_>, _: &mut ()) {
        self.0.lock().unwrap().iter_mut().for_each(|sums| sums.count(record));
    }
}

impl Sink<()> for Sum {
    fn take(&mut self, _: &mut ()) -> io::Result<()> {
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn sum_up(job: &mut Job<'_>, view: &View<'_>, by: By) -> u64 {
    let sums = [Some(Duration::from_secs(60)), None].map(|length| Intervals::new(length, by));
    let mut sum = Sum(Arc::new(Mutex::new(sums)));
    let allocations = measured(|| {
        job.chart(view, sum.clone(), &mut sum, &()).unwrap();
    });
    let [(_, parts), (whole, _)] =
        Arc::into_inner(sum.0).unwrap().into_inner().unwrap().map(Intervals::into_parts);
    let packets = |summary: &Summary| {
        summary.rows(&summary::Options::default()).iter().map(|row| row.packets).sum::<u64>()
    };
    // By host most packets count twice.
    assert!(packets(&whole) >= view.knowledge.span().packets, "{by:?}");
    assert_eq!(parts.iter().map(|part| packets(&part.summary)).sum::<u64>(), packets(&whole));
    allocations
}
