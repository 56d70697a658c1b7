//! Captures cut anywhere and changed anywhere: nothing panics, and what lies before the damage is read.

use std::{fs, path::Path};

use portolan::{
    capture::{self, Source as _},
    frame::Batch,
    knowledge::Options,
    registry::Registry,
};

use crate::{
    capture::Scratch,
    summary::{PLAIN, learn, reports, samples, shared_captures},
};

/// Hash of each packet: time, lengths and octets.
fn packets(path: &Path) -> Vec<u64> {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};
    let mut all = Vec::new();
    let Ok(mut source) = capture::open(path) else { return all };
    let mut batch = Batch::new();
    while let Ok(true) = source.fill(&mut batch) {
        for frame in batch.frames() {
            let mut hasher = DefaultHasher::new();
            let time = frame.time.map(|time| time.0);
            (frame.number, time, frame.original_len, frame.link.0, frame.octets).hash(&mut hasher);
            all.push(hasher.finish());
        }
    }
    all
}

/// Cuts a capture at every `step` octets: each prefix has the packets of the whole that lie in it.
fn check_cuts(folder: &Scratch, original: &Path, step: u64, registry: &Registry) -> u64 {
    let octets = fs::read(original).unwrap();
    let path = folder.file("cut", &octets);
    let whole = packets(&path);
    let file = fs::File::options().write(true).open(&path).unwrap();
    let mut len = octets.len() as u64;
    let (mut before, mut cuts) = (whole.len(), 0);
    while len > step {
        len -= step;
        cuts += 1;
        file.set_len(len).unwrap();
        let prefix = packets(&path);
        assert!(whole.starts_with(&prefix), "{} cut at {len}", original.display());
        assert!(prefix.len() <= before, "{} cut at {len}", original.display());
        before = prefix.len();
        let (knowledge, error) =
            learn(&path, PLAIN, Options { inventory: true, ..Options::default() }, registry);
        assert_eq!(knowledge.span().packets, prefix.len() as u64);
        // A cut between two records is no damage; any other has to be told.
        if error.is_none() {
            assert!(len >= 24, "{} cut at {len}", original.display());
        }
    }
    cuts
}

#[test]
fn samples_cut_anywhere_keep_what_lies_before() {
    let registry = Registry::built_in();
    let folder = Scratch::new("cut-samples");
    for path in samples() {
        check_cuts(&folder, &path, 97, &registry);
    }
}

/// At every 97th octet of a small capture, at 120 places of a larger one.
#[test]
fn shared_captures_cut_anywhere_keep_what_lies_before() {
    let registry = Registry::built_in();
    let folder = Scratch::new("cut-shared");
    let mut cuts = 0;
    for (path, _) in shared_captures() {
        let size = fs::metadata(&path).map_or(0, |metadata| metadata.len());
        // Some of them are in compressions or formats of which a prefix may hold other packets; these are left out.
        let known = capture::open(&path).is_ok_and(|source| source.compression().is_none());
        if known {
            cuts += check_cuts(&folder, &path, (size / 120).max(97), &registry);
        }
    }
    println!("{cuts} cuts");
}

/// Each octet of the small samples flipped in one bit, and of the others every 13th: all reports are made.
#[test]
fn flipped_bits_do_no_harm() {
    let registry = Registry::built_in();
    let folder = Scratch::new("flips");
    let mut flips = 0;
    for sample in samples() {
        let mut octets = fs::read(&sample).unwrap();
        let step = if octets.len() < 600 { 1 } else { octets.len() / 60 };
        for at in (0..octets.len()).step_by(step) {
            let bit = 1 << (at % 8);
            octets[at] ^= bit;
            let path = folder.file("flipped", &octets);
            let first = reports(&path, PLAIN, &registry);
            let lines = first.text.lines().count();
            let (knowledge, _) =
                learn(&path, PLAIN, Options { inventory: true, ..Options::default() }, &registry);
            assert_eq!(lines as u64, knowledge.span().packets, "{} at {at}", sample.display());
            octets[at] ^= bit;
            flips += 1;
        }
    }
    println!("{flips} flips");
    assert!(flips > 3_000);
}
