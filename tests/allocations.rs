//! The hot path allocates nothing once its buffers have grown.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{fs, path::PathBuf};

use portolan::{
    capture::{self, Source as _},
    frame::Batch,
};

/// Frames of 60 to 187 octets.
const FRAMES: u32 = 100_000;

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

#[test]
fn reading_allocates_nothing_after_warm_up() {
    let gzip = {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut encoder, &pcap()).unwrap();
        encoder.finish().unwrap()
    };
    for (name, octets) in [("pcap", pcap()), ("pcapng", pcapng()), ("pcap.gz", gzip)] {
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
