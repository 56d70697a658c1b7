//! Reading agrees with tshark on every capture of the shared material.

use std::{fs, io::Read as _, path::Path};

use portolan::packet::{LinkType, Timestamp};

use crate::{
    capture::{Read, Seen, read},
    material,
};

/// A row of tshark's: seconds and nanoseconds apart, as it does not carry a fraction of a second or more.
#[derive(Clone, Copy, Debug)]
struct Row {
    time: Option<(i64, i64)>,
    captured: u32,
    original: u32,
}

fn oracle(path: &Path) -> Vec<Row> {
    let mut text = String::new();
    let file = fs::File::open(path).unwrap();
    flate2::read::MultiGzDecoder::new(file).read_to_string(&mut text).unwrap();
    let parse = |line: &str| {
        let fields: Vec<_> = line.split('\t').collect();
        let time = fields[1].split_once('.').map(|(seconds, fraction)| {
            // The sign is that of the nanoseconds; no time is before 1970.
            let sign = if seconds.starts_with('-') { -1 } else { 1 };
            (seconds.trim_start_matches('-').parse().unwrap(), sign * fraction.parse::<i64>().unwrap())
        });
        Row { time, original: fields[2].parse().unwrap(), captured: fields[3].parse().unwrap() }
    };
    text.lines().skip(1).filter(|line| line.contains('\t')).map(parse).collect()
}

/// Whether a frame of ours is tshark's row, but for what tshark is known to do differently.
fn agrees(our: &Seen, link: LinkType, their: &Row) -> bool {
    // tshark takes these pseudo-headers for its own and does not count their octets.
    let pseudo_header = match link.0 {
        123 => 4,        // SunATM
        144 | 177 => 16, // Linux cooked IrDA and LAPD
        196 | 209 => 5,  // SITA, IPMB with flags
        _ => 0,
    };
    let time = match (our.time, their.time) {
        (None, None) => true,
        // After 2554.
        (None, Some((seconds, _))) => seconds > (u64::MAX / Timestamp::SECOND).cast_signed(),
        (Some(our), Some((seconds, fraction))) => {
            let exact = i128::from(seconds) * 1_000_000_000 + i128::from(fraction);
            // A fraction of a second or more: its nanoseconds wrap at 32 bits in tshark, and can be negative.
            let wrapped = (i128::from(our.0) - i128::from(seconds) * 1_000_000_000 - i128::from(fraction))
                .rem_euclid(1 << 32)
                == 0;
            exact == i128::from(our.0) || wrapped
        }
        _ => false,
    };
    // tshark has signed lengths.
    let original = our.original.saturating_sub(pseudo_header).min(i32::MAX as u32);
    time && our.captured.saturating_sub(pseudo_header) == their.captured && original == their.original
}

/// Captures of which tshark and portolan read a different number of frames, or different ones: first octets of the
/// SHA-256, frames of ours, and why.
const DIFFERING: &[(&str, usize, &str)] = &[
    ("dc5f9e7c", 1, "damaged; tshark guesses at another layout of records"),
    ("ebe67fe9", 2, "damaged; tshark guesses at another layout of records"),
    ("327e33c4", 2, "damaged; tshark guesses at another layout of records"),
    ("2009252b", 88, "options of a packet run over their block, of which only tshark takes notice"),
    ("49ee70c7", 413, "tshark stops at a Bluetooth frame too short for its pseudo-header"),
    (
        "5d26187a",
        1,
        "a length of a frame check sequence that the link type word says is not there; tshark refuses it",
    ),
    ("9e35eccc", 1, "damaged; tshark guesses at another layout of records"),
    ("b90f6025", 5, "tshark counts custom blocks"),
    ("4669188e", 8, "tshark counts custom blocks"),
    ("6af66f32", 5, "tshark counts custom blocks"),
    ("045e5b59", 8, "tshark counts custom blocks"),
    ("4caae575", 0, "a JPEG image"),
    ("e98ff84e", 0, "text of an Ascend router"),
    ("f7c82c36", 0, "text of an iSeries"),
];

/// Captures that the answers beside them leave out, in Network Monitor's, NetXray's and hcidump's formats, with the frames that
/// `tshark -r FILE` prints.
const OTHER_FORMATS: &[(&str, usize)] = &[
    ("25a29640", 13),
    ("6ef8184b", 566),
    ("834b3cb5", 1288),
    ("3d7a8994", 574),
    ("a6530cb9", 20),
    ("0596f6a9", 20),
    ("a347df63", 39),
    ("f890e409", 21),
    ("37470b15", 12),
    ("9c4aefea", 3),
    ("69ec6d04", 38),
];

/// Link types that tshark 4.0 refuses: it reads no frame of such a file.
const REFUSED_BY_TSHARK: &[u16] = &[182, 281, 284, 285, 289];

/// Frames that a shared capture has: tshark's count, or ours where they are known to differ; `None` where tshark reads
/// none of the file.
pub(crate) fn frames_of(folder: &Path, sha256: &str) -> Option<u64> {
    let oracle_file = folder.join(format!("oracle/{sha256}.tsv.gz"));
    if let Some((_, count, _)) = DIFFERING.iter().find(|(prefix, ..)| sha256.starts_with(prefix)) {
        return Some(*count as u64);
    }
    if let Some((_, count)) = OTHER_FORMATS.iter().find(|(prefix, _)| sha256.starts_with(prefix)) {
        return Some(*count as u64);
    }
    let frames = if oracle_file.exists() { oracle(&oracle_file).len() as u64 } else { 0 };
    (frames > 0).then_some(frames)
}

#[test]
fn frames_agree_with_tshark() {
    let Some(folder) = material::shared("captures") else { return };
    let manifest = fs::read_to_string(folder.join("MANIFEST.tsv")).unwrap();
    let (mut compared, mut frames, mut failures) = (0, 0, Vec::new());
    for line in manifest.lines().skip(1) {
        let [repository, path, _, sha256, ..] = line.split('\t').collect::<Vec<_>>()[..] else { panic!() };
        let oracle_file = folder.join(format!("oracle/{sha256}.tsv.gz"));
        if !oracle_file.exists() {
            continue;
        }
        let file = folder.join(repository.replace('/', "+")).join(path);
        let theirs = oracle(&oracle_file);
        let Read { frames: ours, links, error, .. } = read(&file);
        compared += 1;
        frames += ours.len();
        if let Some((_, count, _)) = DIFFERING.iter().find(|(prefix, ..)| sha256.starts_with(prefix)) {
            if ours.len() != *count {
                failures.push(format!("{file:?}: {} frames, not {count} as listed", ours.len()));
            }
            continue;
        }
        if let Some((_, count)) = OTHER_FORMATS.iter().find(|(prefix, _)| sha256.starts_with(prefix)) {
            if ours.len() != *count {
                failures.push(format!("{file:?}: {} frames, tshark {count}", ours.len()));
            }
            continue;
        }
        if theirs.is_empty() && links.iter().any(|link| REFUSED_BY_TSHARK.contains(&link.0)) {
            continue;
        }
        let differ = (0..ours.len().min(theirs.len()))
            .find(|&index| !agrees(&ours[index], links[index], &theirs[index]));
        if ours.len() != theirs.len() || differ.is_some() {
            failures.push(format!(
                "{} {file:?}: {} frames, tshark {}; first difference {:?}; {error:?}",
                &sha256[..8],
                ours.len(),
                theirs.len(),
                differ.map(|index| (index + 1, ours[index], theirs[index])),
            ));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    println!("{compared} captures, {frames} frames");
    assert!(compared > 1_300 && frames > 100_000);
}
