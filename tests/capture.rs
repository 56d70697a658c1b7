//! Reading capture files: whole, from pipes, in stretches, changed anywhere; and what is refused.

use std::{
    fs,
    path::{Path, PathBuf},
};

use portolan::{
    capture::{self, Error, Source as _},
    packet::{Batch, LinkType, Timestamp},
};

use crate::material;

/// What is compared of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) time: Option<Timestamp>,
    pub(crate) captured: u32,
    pub(crate) original: u32,
}

/// All of a file.
#[derive(Default)]
pub(crate) struct Read {
    pub(crate) frames: Vec<Seen>,
    /// Link type of each frame.
    pub(crate) links: Vec<LinkType>,
    /// The batches joined.
    pub(crate) octets: Vec<u8>,
    pub(crate) error: Option<Error>,
}

pub(crate) fn read(path: &Path) -> Read {
    let mut all = Read::default();
    let mut source = match capture::open(path) {
        Ok(source) => source,
        Err(error) => return Read { error: Some(error), ..all },
    };
    let mut batch = Batch::new();
    loop {
        match source.fill(&mut batch) {
            Ok(true) => {}
            Ok(false) => return all,
            Err(error) => return Read { error: Some(error), ..all },
        }
        assert_eq!(batch.position(), all.octets.len() as u64);
        all.octets.extend_from_slice(batch.octets());
        for frame in batch.frames() {
            assert_eq!(frame.number, all.frames.len() as u64 + 1);
            assert_eq!(source.interfaces()[frame.interface as usize].link, frame.link);
            all.frames.push(Seen {
                time: frame.time,
                captured: frame.octets.len() as u32,
                original: frame.original_len,
            });
            all.links.push(frame.link);
        }
    }
}

/// A folder that is removed at the end.
pub(crate) struct Scratch(pub(crate) PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("portolan-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn file(&self, name: &str, octets: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        // Some file systems wait for the disk where an old file is emptied.
        let _ = fs::remove_file(&path);
        fs::write(&path, octets).unwrap();
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A pcap file of `count` Ethernet frames that do not compress well.
pub(crate) fn pcap(count: u32) -> Vec<u8> {
    let mut file = b"\xd4\xc3\xb2\xa1\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\x04\0\x01\0\0\0".to_vec();
    let mut state = 1_u32;
    for number in 0..count {
        let length = 60 + number % 1_400;
        for word in [1_700_000_000 + number / 100, number % 1_000_000, length, length] {
            file.extend(word.to_le_bytes());
        }
        for _ in 0..length {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            file.push((state >> 24) as u8 & 0x3f);
        }
    }
    file
}

#[test]
fn what_is_no_capture_is_named() {
    let folder = Scratch::new("refusals");
    for (octets, expected) in [
        (&b""[..], "the file is empty"),
        (
            b"\xd4\xc3\xb2\xa1\x02\0\x04\0",
            "packet 1, offset 0: the pcap file header of 24 octets is cut short: 8 are there",
        ),
        (
            b"\x0a\x0d\x0d\x0a",
            "packet 1, offset 0: a block header of 12 octets is cut short: the input ends after 4",
        ),
        (
            b"GMBU\0\x01",
            "packet 1, offset 0: the Network Monitor file header of 32 octets is cut short: 6 are there",
        ),
        (
            b"\x7fELF\x02",
            "an ELF program or library, which is not read; pcap, pcapng, snoop, Network Monitor, NetXray, btsnoop, \
             hcidump, pppdump and ERF are",
        ),
        ("größer\n".as_bytes(), "a text file, no capture"),
        (b"\0\0\x84\0\0\0\0\x01\0", "no capture of a known format; it begins with 00 00 84 00 00 00 00 01"),
    ] {
        match read(&folder.file("file", octets)).error {
            Some(Error::NotACapture { reason, .. }) => assert_eq!(reason, expected),
            other => panic!("{expected}: {other:?}"),
        }
    }
    match capture::open(&folder.0).map(|_| ()) {
        Err(Error::NotACapture { reason, .. }) => assert!(reason.contains("--recursive"), "{reason}"),
        other => panic!("{other:?}"),
    }
    assert!(matches!(capture::open(folder.0.join("missing")), Err(Error::Io { .. })));
}

/// A named pipe is read as it comes and cannot be read again.
#[cfg(unix)]
#[test]
fn pipes_are_read_once() {
    let folder = Scratch::new("pipes");
    let path = folder.0.join("pipe");
    if !std::process::Command::new("mkfifo").arg(&path).status().is_ok_and(|status| status.success()) {
        return;
    }
    let plain = pcap(2_000);
    let writer = std::thread::spawn({
        let (path, plain) = (path.clone(), plain.clone());
        move || fs::write(path, plain).unwrap()
    });
    let mut source = capture::open(&path).unwrap();
    assert!(source.size().is_none() && source.stretches().is_none());
    let (mut batch, mut octets, mut frames) = (Batch::new(), Vec::new(), 0);
    while source.fill(&mut batch).unwrap() {
        octets.extend_from_slice(batch.octets());
        frames += batch.len();
    }
    writer.join().unwrap();
    assert_eq!(frames, 2_000);
    assert!(octets == plain);
    assert_eq!(source.consumed(), plain.len() as u64);
}

/// Reads a file in stretches that begin at guessed boundaries, as threads would, and counts the guesses that were
/// missing or wrong. Where one was, the stretch before goes on.
fn read_in_stretches(path: &Path, stretch_len: u64) -> (Vec<Seen>, [u32; 3]) {
    let mut source = capture::open(path).unwrap();
    let stretches = source.stretches().unwrap();
    let mut state = source.state();
    // The interfaces at the file's start are known to all stretches.
    let mut batch = Batch::new();
    let _ = source.fill(&mut batch);
    let guessed_state = source.state();
    let (mut frames, mut at, [mut good, mut wrong, mut missing]) = (Vec::new(), 0, [0_u32; 3]);
    while at < stretches.len() {
        let aim = (at / stretch_len + 1) * stretch_len;
        let guess =
            if aim < stretches.len() { stretches.boundary(&guessed_state, aim).unwrap() } else { None };
        let mut stretch = stretches.stretch(state.clone(), at..guess.unwrap_or(aim), frames.len() as u64 + 1);
        loop {
            match stretch.fill(&mut batch) {
                Ok(true) => {}
                Ok(false) => break,
                Err(_) => return (frames, [good, wrong, missing]),
            }
            for frame in batch.frames() {
                assert_eq!(frame.number, frames.len() as u64 + 1);
                frames.push(Seen {
                    time: frame.time,
                    captured: frame.octets.len() as u32,
                    original: frame.original_len,
                });
            }
        }
        match guess {
            Some(guess) if guess == stretch.position() => good += 1,
            Some(_) => wrong += 1,
            // Past the last record there is none to find.
            None if stretch.position() < stretches.len() => missing += 1,
            None => {}
        }
        state = stretch.state();
        at = stretch.position();
    }
    (frames, [good, wrong, missing])
}

#[test]
fn stretches_read_the_same_and_boundaries_are_found() {
    let folder = Scratch::new("stretches");
    let path = folder.file("generated", &pcap(4_000));
    let whole = read(&path);
    let (frames, [good, wrong, missing]) = read_in_stretches(&path, 10_000);
    assert_eq!(frames, whole.frames);
    assert_eq!((wrong, missing), (0, 0));
    assert!(good > 200);

    let Some(captures) = material::shared("captures") else { return };
    let mut all = [0; 3];
    for file in files(&captures) {
        let Ok(source) = capture::open(&file) else { continue };
        if source.stretches().is_none() {
            continue;
        }
        let whole = read(&file);
        let (frames, counts) = read_in_stretches(&file, 5_000);
        assert_eq!(frames, whole.frames, "{}", file.display());
        for (sum, count) in all.iter_mut().zip(counts) {
            *sum += count;
        }
    }
    let [good, wrong, missing] = all;
    println!("{good} boundaries found, {wrong} wrong, {missing} missing");
    assert!(good > 4_000 && wrong * 100 < good && missing * 100 < good, "{all:?}");
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let manifest = fs::read_to_string(folder.join("MANIFEST.tsv")).unwrap();
    let path = |line: &str| {
        let mut fields = line.split('\t');
        Some(folder.join(fields.next()?.replace('/', "+")).join(fields.next()?))
    };
    manifest.lines().skip(1).filter_map(path).collect()
}

/// Each shared capture up to 4 KiB with some octets changed: nothing panics, and what is delivered is the file's.
#[test]
fn changed_octets_do_no_harm() {
    let Some(captures) = material::shared("captures") else { return };
    let folder = Scratch::new("changes");
    for file in files(&captures) {
        let Ok(original) = fs::read(&file) else { continue };
        if original.len() > 4_096 {
            continue;
        }
        for round in 0..4_usize {
            let mut octets = original.clone();
            for at in (round * 7..octets.len()).step_by(61 + round * 30) {
                octets[at] ^= [0xff, 0x80, 0x01, 0x10][round];
            }
            let whole = read(&folder.file("changed", &octets));
            if !whole.octets.is_empty() && octets.starts_with(&whole.octets[..4]) {
                assert_eq!(whole.octets, octets[..whole.octets.len()], "{}", file.display());
            }
        }
    }
}
