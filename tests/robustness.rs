//! Captures changed anywhere: nothing panics, and all reports are made.

use std::fs;

use portolan::{knowledge::Options, registry::Registry};

use crate::{
    capture::Scratch,
    summary::{PLAIN, learn, reports, samples},
};

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
