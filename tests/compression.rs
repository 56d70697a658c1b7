//! Captures in gzip, lz4, xz and zstd: read as they were, cut and broken.

use std::io::Write as _;

use portolan::{
    capture::{self, Error, Source as _},
    packet::Batch,
    savefile::{Compression, FileFormat},
};

use crate::capture::{Scratch, pcap, read};

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
fn compressions_are_undone() {
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
fn what_is_no_capture_inside_is_named() {
    let folder = Scratch::new("refusals-inside");
    for (octets, expected) in [
        (&b""[..], "inside zstd: the file is empty"),
        (
            b"btsnoop\0\0",
            "inside zstd: packet 1, offset 0: the btsnoop file header of 16 octets is cut short: 9 are there",
        ),
    ] {
        let packed = zstd::encode_all(octets, 1).unwrap();
        match read(&folder.file("file", &packed)).error {
            Some(Error::NotACapture { reason, .. }) => assert_eq!(reason, expected),
            other => panic!("{expected}: {other:?}"),
        }
    }
}
