//! Ranges of octets of one capture as pieces: learned each alone, checked where they end, merged, and annotated each with all of
//! it, they say what one run says.

use std::{fs, ops::Range, path::Path};

use portolan::{
    Job, Registry,
    capture::{self, Reached},
    knowledge::Options,
    pipeline::Inputs,
};

use crate::{
    capture::Scratch,
    generator::captures::{Format, Plan, Shape},
    know::{annotated, job, merged, whole, written},
    material::sample,
    summary::{samples, shared_captures},
};

/// What came of a capture.
#[derive(Debug, PartialEq, Eq)]
enum Read {
    /// It is read in so many pieces, of which so many did not begin where they were thought to.
    Pieces(usize, usize),
    /// It has to be read whole.
    Whole,
}

fn job_of<'r>(path: &Path, piece: &Range<u64>, registry: &'r Registry) -> Job<'r> {
    let mut job = Job { threads: 1, ..Job::new(Inputs::Files(vec![path.to_owned()]), registry) };
    job.limits.piece = Some(piece.clone());
    job
}

/// Reads a capture in pieces of so many octets, and compares with one run.
fn check(path: &Path, octets: u64, registry: &Registry) -> Read {
    let planned = capture::pieces(path, octets).unwrap();
    if planned.len() < 2 {
        return Read::Whole;
    }
    assert!(planned.windows(2).all(|pair| pair[0].end == pair[1].start) && planned[0].start == 0);
    let learn = |piece: &Range<u64>| -> (Vec<u8>, Option<Reached>) {
        let (known, outcome) = job_of(path, piece, registry).learn_part(Options::everything(), &()).unwrap();
        assert_eq!(known.inputs().len(), 1, "{path:?}");
        (written(&known), outcome.reached.filter(|_| outcome.errors.is_empty()))
    };
    let (mut pieces, mut parts, mut wrong) = (Vec::new(), Vec::new(), 0);
    let mut reached = 0;
    for piece in &planned {
        if reached >= piece.end {
            // Records of the piece before reach over all of it.
            continue;
        }
        wrong += usize::from(reached != piece.start);
        let piece = reached..piece.end;
        let (part, ended) = learn(&piece);
        pieces.push(piece);
        parts.push(part);
        // Behind damage nothing is read.
        let Some(ended) = ended else { break };
        reached = ended.offset;
        if !ended.is_alike {
            return Read::Whole;
        }
    }
    let known = parts.into_iter().reduce(|known, part| merged(&known, &part, registry)).unwrap();
    let mut joined = String::new();
    for piece in &pieces {
        let mut job = job_of(path, piece, registry);
        let (known, _) = job.learn_on(whole(&known, registry), &()).unwrap();
        assert_eq!(known.inputs().len(), pieces.len(), "{path:?}: a piece is not recognised");
        joined.push_str(&annotated(&mut job, &known, registry));
    }
    let (known, _) = job(path, registry).learn(Options { domains: true, ..Options::default() }, &()).unwrap();
    let expected = annotated(&mut job(path, registry), &known, registry);
    let pair = joined.lines().zip(expected.lines()).find(|(one, other)| one != other);
    assert!(joined == expected, "{path:?} in pieces of {octets}: {pair:#?}");
    Read::Pieces(pieces.len(), wrong)
}

#[test]
fn ranges_of_every_sample_say_what_one_run_says() {
    let registry = Registry::built_in();
    let (mut read, mut in_pieces) = (0, 0);
    for path in samples() {
        let len = fs::metadata(&path).unwrap().len();
        if capture::open(&path).is_err() {
            continue;
        }
        for count in [2, 3, 7] {
            read += 1;
            in_pieces += usize::from(check(&path, len / count + 1, &registry) != Read::Whole);
        }
    }
    assert!(in_pieces > read / 2, "{in_pieces} of {read}");
}

#[test]
fn ranges_of_shared_captures_say_what_one_run_says() {
    let registry = Registry::built_in();
    let large = |path: &std::path::PathBuf| {
        fs::metadata(path).is_ok_and(|file| (4 << 10..200 << 10).contains(&file.len()))
    };
    let all: Vec<_> = shared_captures().into_iter().map(|(path, _)| path).filter(large).collect();
    let step = (all.len() / 100).max(1);
    let (mut read, mut in_pieces) = (0, 0);
    for path in all.iter().step_by(step).filter(|path| capture::open(path).is_ok()) {
        let len = fs::metadata(path).unwrap().len();
        read += 1;
        in_pieces += usize::from(check(path, len / 3 + 1, &registry) != Read::Whole);
    }
    println!("{in_pieces} of {read} captures are read in pieces");
    assert!(all.is_empty() || in_pieces >= 40, "{in_pieces} of {read}");
}

/// Payloads that hold records in a chain through the whole file fool the search, which the piece before notices.
#[test]
fn forged_records_are_noticed() {
    let (scratch, registry) = (Scratch::new("forged"), Registry::built_in());
    for format in [Format::Pcap, Format::Pcapng] {
        let plan = Plan { packets: 4_000, flows: 400, format, ..Plan::new(Shape::Adversarial) };
        let mut octets = Vec::new();
        plan.write(&mut octets).unwrap();
        let path = scratch.file("forged", &octets);
        let Read::Pieces(pieces, wrong) = check(&path, octets.len() as u64 / 5, &registry) else {
            panic!("{format:?} is not read in pieces")
        };
        assert!(pieces >= 5 && wrong > 0, "{format:?}: {wrong} of {pieces}");
    }
}

#[test]
fn what_cannot_be_read_in_pieces_says_so() {
    let scratch = Scratch::new("whole");
    let packed = zstd::encode_all(&fs::read(sample("office.pcapng")).unwrap()[..], 1).unwrap();
    let path = scratch.file("office.pcapng.zst", &packed);
    assert_eq!(capture::pieces(&path, 1_000).unwrap().len(), 1);
    let limits = capture::Limits { piece: Some(0..1_000), ..capture::Limits::default() };
    let error = capture::open_within(&path, &limits).err().unwrap().to_string();
    assert!(error.contains("it is read whole"), "{error}");
}
