//! The hot path allocates nothing once its buffers have grown.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    fs,
    path::{Path, PathBuf},
};

#[path = "../benches/generator/mod.rs"]
#[allow(dead_code, reason = "one shape of several is used here")]
mod captures;

use portolan::{
    capture::{self, Source as _},
    decode::{Decoder, Headers},
    knowledge::{Answers, Knowledge, Options},
    packet::Batch,
    record::Charter,
    registry::Registry,
    sink::{self, Sink, Step},
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
    std::io::Write::write_all(&mut encoder, octets).unwrap();
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

/// Charts a capture into a sink, which allocates nothing after the first batches.
fn chart(path: &Path, (knowledge, names): (&Knowledge, &Answers), mut sink: impl Sink, what: &str) {
    let charter = Charter::new(knowledge, names);
    let (decoder, mut headers) = (Decoder::default(), Headers::default());
    // As large as those of a run, which holds many records at once.
    let (mut batch, mut out) = (Batch::new(), Vec::with_capacity(1 << 16));
    let mut source = capture::open(path).unwrap();
    sink.learned(knowledge);
    sink.file(Some(source.format()), source.interfaces(), &mut out);
    let (mut frames, mut written) = (0, 0);
    let mut chart = |batches: usize| {
        for _ in 0..batches {
            if !source.fill(&mut batch).unwrap() {
                return;
            }
            sink.step(Step::Batch(&batch), &mut out);
            for (frame, raw) in batch.frames().zip(batch.records()) {
                decoder.decode(frame.link, frame.octets, frame.original_len, &mut headers);
                let mut place = [charter.place(&headers, frame.time)];
                charter.locate(&mut place);
                let record = charter.chart(Some("a, \"b\""), (frame, raw), &headers, &place[0], None);
                sink.step(Step::Packet(&record), &mut out);
                (frames, written) = (frames + 1, written + out.len());
                out.clear();
            }
        }
    };
    chart(8);
    let allocations = allocation_counter::measure(|| chart(usize::MAX));
    assert_eq!(allocations.count_total, 0, "{what}: {allocations:?}");
    assert!(frames == PACKETS && written as u64 > PACKETS * 50, "{what}: {frames} frames, {written} octets");
}

#[test]
fn learning_and_charting_allocate_nothing_after_warm_up() {
    let plan = |format| captures::Plan {
        packets: PACKETS,
        flows: 1_000,
        format,
        ..captures::Plan::new(captures::Shape::Hosts200)
    };
    let (registry, decoder) = (Registry::built_in(), Decoder::default());
    for (name, format) in [("mix.pcap", captures::Format::Pcap), ("mix.pcapng", captures::Format::Pcapng)] {
        let mut octets = Vec::new();
        let totals = plan(format).write(&mut octets).unwrap();
        assert!(totals.mdns > 50 && totals.icmp > 50 && totals.arp > 50, "{totals:?}");
        let file = Scratch::new(name, &octets);
        let mut knowledge = Knowledge::whole(Options::default());
        let (mut batch, mut headers) = (Batch::new(), Headers::default());
        for turn in 0..3 {
            let mut source = capture::open(&file.0).unwrap();
            let mut number = 0;
            while source.fill(&mut batch).unwrap() {
                let counted = allocation_counter::measure(|| {
                    for frame in batch.frames() {
                        decoder.decode(frame.link, frame.octets, frame.original_len, &mut headers);
                        knowledge.learn(&frame, &headers, 0);
                    }
                });
                number += batch.len();
                // What all has been seen once takes no more room.
                assert!(turn < 2 || counted.count_total == 0, "{name}, up to {number}: {counted:?}");
            }
            // Packets wait in groups before they count.
            knowledge.flush();
        }
        knowledge.settle();
        let names = Answers::of(&knowledge, &registry, true, 1);
        let known = (&knowledge, &names);
        for color in [false, true] {
            chart(&file.0, known, sink::Text::new(TimeStyle::Utc, color, true), "text");
        }
        chart(&file.0, known, sink::Json::default(), "JSON");
        chart(&file.0, known, sink::Csv::default(), "CSV");
        chart(&file.0, known, sink::Pcapng::new(registry.updated()), "pcapng");
    }
}
