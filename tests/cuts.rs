//! Every capture cut at every 97th octet: what lies before the cut is read as it was, and the message says where reading
//! ended.
//!
//! The first test reads every cut (of five large compressed captures every 16th), and learns all cuts of small captures and
//! a sample of the others. The second one, left out unless asked for, runs the command on every cut:
//!
//! ```text
//! cargo test --profile checked --test portolan -- --ignored --nocapture cuts
//! ```

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use portolan::{
    capture::{self, Error, Source as _},
    knowledge::Options,
    packet::{Batch, Interface, LinkType, Located, Timestamp},
    registry::Registry,
    savefile::FileFormat,
};

use crate::{
    capture::Scratch,
    cli::command,
    summary::{PLAIN, learn, samples, shared_captures},
};

/// Octets between two cuts.
const STEP: usize = 97;
/// Frames compared before every cut; at some cuts all are.
const NEAR: usize = 16;
/// Compressed captures of more octets inside take minutes to cut everywhere: most of what is unpacked is theirs.
const LARGE: usize = 1 << 20;
/// Captures up to this size are learned at every cut, larger ones at so many cuts.
const SMALL: usize = 12 << 10;

/// A frame by its place in the (decompressed) input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Placed {
    record: u64,
    offset: u64,
    time: Option<Timestamp>,
    captured: u32,
    original: u32,
    interface: u32,
    link: LinkType,
}

impl Placed {
    fn new(located: &Located, position: u64) -> Self {
        Self {
            record: position + u64::from(located.record),
            offset: position + u64::from(located.offset),
            time: located.time,
            captured: located.captured_len,
            original: located.original_len,
            interface: located.interface,
            link: located.link,
        }
    }
}

/// All that reading an input gives.
struct Whole {
    format: Option<FileFormat>,
    compressed: bool,
    /// Its batches are made of its records.
    translated: bool,
    interfaces: Vec<Interface>,
    /// The batches joined.
    octets: Vec<u8>,
    frames: Vec<Placed>,
    error: Option<Error>,
}

impl Whole {
    fn read(path: &Path) -> Self {
        let mut whole = Self {
            format: None,
            compressed: false,
            translated: false,
            interfaces: Vec::new(),
            octets: Vec::new(),
            frames: Vec::new(),
            error: None,
        };
        let mut source = match capture::open(path) {
            Ok(source) => source,
            Err(error) => return Self { error: Some(error), ..whole },
        };
        whole.format = Some(source.format());
        whole.translated = source.format().is_translated();
        whole.compressed = source.compression().is_some() || whole.translated;
        let mut batch = Batch::new();
        loop {
            match source.fill(&mut batch) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    whole.error = Some(error);
                    break;
                }
            }
            whole.octets.extend_from_slice(batch.octets());
            let position = batch.position();
            whole.frames.extend(batch.located().iter().map(|located| Placed::new(located, position)));
        }
        whole.interfaces = source.interfaces().to_vec();
        whole
    }

    /// Where the file header ends and each record or block, by the file's own length fields alone, as far as the
    /// file was read.
    fn boundaries(&self) -> Vec<usize> {
        let octets = self.octets.as_slice();
        let u32_at = |at: usize, big: bool| {
            let field = octets[at..at + 4].try_into().unwrap();
            if big { u32::from_be_bytes(field) } else { u32::from_le_bytes(field) }
        };
        let mut ends = Vec::new();
        let mut at = match self.format {
            None | Some(FileFormat::Pcapng) => 0,
            Some(FileFormat::Snoop) => 16,
            Some(_) => 24,
        };
        let mut big = matches!(octets, [0xa1 | 0x1a, ..]);
        let minor = octets.get(6..8).map_or(0, |minor| minor[0].max(minor[1]));
        if at > 0 && !octets.is_empty() {
            ends.push(at);
        }
        while at < octets.len() {
            at += match self.format {
                Some(FileFormat::Snoop) => u32_at(at + 8, true) as usize,
                Some(FileFormat::Pcapng) => {
                    if octets[at..].starts_with(&[0x0a, 0x0d, 0x0d, 0x0a]) {
                        big = octets[at + 8] == 0x1a;
                    }
                    u32_at(at + 4, big).next_multiple_of(4) as usize
                }
                format => {
                    let header = if format == Some(FileFormat::PcapModified) { 24 } else { 16 };
                    let lengths = [u32_at(at + 8, big), u32_at(at + 12, big)];
                    let captured = match minor {
                        0..=2 => lengths[1],
                        3 => lengths[0].min(lengths[1]),
                        _ => lengths[0],
                    };
                    header + captured as usize
                }
            };
            ends.push(at);
        }
        ends
    }

    /// What reading the input gives that is cut after `len` octets: how many frames, and where and how it ends.
    fn cut(&self, ends: &[usize], len: usize) -> (usize, End) {
        let whole = ends.partition_point(|&end| end <= len);
        let Some(&end) = whole.checked_sub(1).and_then(|last| ends.get(last)) else {
            return (0, End::NotACapture);
        };
        let frames = self.frames.partition_point(|frame| frame.record < end as u64);
        (frames, if end == len { End::Good } else { End::Damaged(end as u64) })
    }
}

/// How reading ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Good,
    NotACapture,
    /// Damaged at this offset.
    Damaged(u64),
}

/// A cut as it was read.
struct Cut<'c> {
    path: &'c Path,
    /// Which one of the capture, from 0.
    number: usize,
    frames: usize,
    error: Option<String>,
    end: End,
}

/// Reads `original` cut at every [`STEP`]th octet, and as it is; compares each with the whole.
///
/// In haste, the few captures that unpack to more than [`LARGE`] are cut at every 16th of these places only.
fn check(scratch: &Path, original: &Path, batch: &mut Batch, haste: bool, mut each: impl FnMut(&Cut<'_>)) {
    let octets = fs::read(original).unwrap();
    let whole = Whole::read(original);
    if !whole.compressed && whole.format.is_some() {
        assert!(octets.starts_with(&whole.octets));
    }
    let ends = if whole.compressed { Vec::new() } else { whole.boundaries() };
    if let (false, Some(&last)) = (whole.compressed, ends.last()) {
        assert_eq!(last, whole.octets.len(), "{}", original.display());
    }
    let _ = fs::remove_file(scratch);
    fs::write(scratch, &octets).unwrap();
    let file = fs::File::options().write(true).open(scratch).unwrap();
    // From the end, so that the file need not be written again.
    let step = if haste && whole.compressed && whole.octets.len() > LARGE { 16 * STEP } else { STEP };
    let lens = (0..octets.len()).step_by(step).chain([octets.len()]);
    for (number, len) in lens.enumerate().collect::<Vec<_>>().into_iter().rev() {
        file.set_len(len as u64).unwrap();
        let what = || format!("{} cut at {len}", original.display());
        let (frames, delivered, error) = read_again(scratch, &whole, batch, number % 16 == 0, &what);
        let error_text = error.as_ref().map(ToString::to_string);
        let end = match &error {
            None => End::Good,
            Some(Error::NotACapture { file, .. }) => {
                assert_eq!(file, scratch);
                End::NotACapture
            }
            Some(Error::Damaged { file, packet, offset, .. }) => {
                assert_eq!(file, scratch);
                assert_eq!(*packet, frames as u64 + 1, "{}", what());
                assert!(*offset <= len as u64 || whole.compressed, "{}", what());
                assert!(*offset == delivered as u64 || whole.translated, "{}", what());
                End::Damaged(*offset)
            }
            Some(other) => panic!("{}: {other}", what()),
        };
        if whole.compressed {
            // The whole is there only where nothing but padding was cut off.
            // Some translated formats do not say how much follows.
            assert!(end != End::Good || delivered == whole.octets.len() || whole.translated, "{}", what());
        } else if whole.format.is_some() {
            assert_eq!((frames, end), whole.cut(&ends, len), "{}: {error_text:?}", what());
        } else {
            assert_eq!((frames, end), (0, End::NotACapture), "{}", what());
        }
        each(&Cut { path: scratch, number, frames, error: error_text, end });
    }
}

/// Reads a cut, comparing what comes with the whole; how many frames and octets came, and what ended it.
fn read_again(
    path: &Path,
    whole: &Whole,
    batch: &mut Batch,
    all: bool,
    what: &dyn Fn() -> String,
) -> (usize, usize, Option<Error>) {
    let (mut frames, mut delivered) = (0, 0);
    let mut source = match capture::open(path) {
        Ok(source) => source,
        Err(error) => return (0, 0, Some(error)),
    };
    let error = loop {
        match source.fill(batch) {
            Ok(true) => {}
            Ok(false) => break None,
            Err(error) => break Some(error),
        }
        assert_eq!(batch.position(), delivered as u64, "{}", what());
        let end = delivered + batch.octets().len();
        assert!(whole.octets.get(delivered..end) == Some(batch.octets()), "{}: other octets", what());
        // The octets are the same, so a frame far from the cut can hardly differ: these are compared at some cuts.
        let skip = if all { 0 } else { batch.len().saturating_sub(NEAR) };
        let same = batch.located()[skip..]
            .iter()
            .zip(&whole.frames[frames + skip..])
            .all(|(located, expected)| Placed::new(located, batch.position()) == *expected);
        assert!(same && frames + batch.len() <= whole.frames.len(), "{}: other frames", what());
        assert_eq!(batch.frames().next().map_or(frames as u64 + 1, |frame| frame.number), frames as u64 + 1);
        delivered = end;
        frames += batch.len();
    };
    assert!(whole.interfaces.starts_with(source.interfaces()), "{}", what());
    (frames, delivered, error)
}

/// Calls `work` with each capture, the largest first, on two threads, each with a file of its own to cut.
fn for_all(name: &str, work: impl Fn(&Path, &Path, &mut Batch) + Sync) -> usize {
    let size = |path: &PathBuf| fs::metadata(path).map_or(0, |metadata| metadata.len());
    let shared = shared_captures().into_iter().map(|(path, _)| path);
    let mut paths: Vec<_> = samples().into_iter().chain(shared).collect();
    paths.sort_by_key(|path| std::cmp::Reverse(size(path)));
    let (folder, next) = (Scratch::new(name), AtomicUsize::new(0));
    thread::scope(|scope| {
        for worker in 0..2 {
            let (folder, next, paths, work) = (&folder, &next, &paths, &work);
            scope.spawn(move || {
                let scratch = folder.file(&format!("cut-{worker}"), b"");
                let mut batch = Batch::new();
                while let Some(path) = paths.get(next.fetch_add(1, Ordering::Relaxed)) {
                    work(&scratch, path, &mut batch);
                }
            });
        }
    });
    paths.len()
}

#[test]
fn every_cut_is_read_to_where_it_was_made() {
    let registry = Registry::built_in();
    let cuts = AtomicUsize::new(0);
    let files = for_all("cuts", |scratch, original, batch| {
        let size = fs::metadata(original).unwrap().len() as usize;
        let every = (size / SMALL).max(1);
        check(scratch, original, batch, true, |cut| {
            cuts.fetch_add(1, Ordering::Relaxed);
            if cut.number % every == 0 {
                let options = Options { inventory: true, ..Options::default() };
                let (knowledge, error) = learn(cut.path, PLAIN, options, &registry);
                assert_eq!((knowledge.span().packets, error), (cut.frames as u64, cut.error.clone()));
            }
        });
    });
    println!("{files} captures, {} cuts", cuts.into_inner());
}

/// What the command is asked to do with a cut, in turns.
const COMMANDS: [&[&str]; 11] = [
    &["annotate"],
    &["summary", "--format", "json"],
    &["annotate", "--format", "json"],
    &["flows", "--format", "csv"],
    &["annotate", "--format", "csv"],
    &["summary", "--by", "host", "--interval", "1s"],
    &["annotate", "--verbose", "--threads", "3", "--min-stretch", "2000"],
    &["discover", "--format", "json", "--events", "--queries"],
    &["annotate", "--format", "pcapng", "--no-decap"],
    &["annotate", "--causal"],
    &["hosts", "--format", "json"],
];

/// What is counted of all runs.
#[derive(Default)]
struct Runs {
    codes: BTreeMap<i32, u64>,
    longest: Duration,
    longest_of: String,
}

#[test]
#[ignore = "starts the command 300,000 times: half an hour"]
fn every_cut_ends_the_command_with_a_code_and_a_place() {
    let runs = Mutex::new(Runs::default());
    let files = for_all("cut-commands", |scratch, original, batch| {
        check(scratch, original, batch, false, |cut| {
            let arguments = COMMANDS[cut.number % COMMANDS.len()];
            let begun = Instant::now();
            let output = command(arguments).arg(cut.path).output().unwrap();
            let took = begun.elapsed();
            let what = || format!("{arguments:?} on {} cut at {}", original.display(), cut.number * STEP);
            let code = output.status.code().unwrap_or_else(|| panic!("{}: {output:?}", what()));
            let expected = match cut.end {
                End::Good => 0,
                End::NotACapture => 3,
                End::Damaged(_) => 4,
            };
            let said = String::from_utf8(output.stderr).unwrap();
            assert_eq!(code, expected, "{}: {said}", what());
            let said: Vec<_> = said.lines().filter(|line| !line.starts_with("portolan: note: ")).collect();
            let message = cut.error.iter().map(|error| format!("portolan: {error}")).collect::<Vec<_>>();
            assert_eq!(said, message, "{}", what());
            // A packet is a line, except where DNS is told in lines of its own.
            if arguments == ["annotate"] || arguments == ["annotate", "--format", "json"] {
                let lines = output.stdout.iter().filter(|&&octet| octet == b'\n').count();
                assert_eq!(lines, cut.frames, "{}", what());
            }
            let mut runs = runs.lock().unwrap();
            *runs.codes.entry(code).or_default() += 1;
            if took > runs.longest {
                (runs.longest, runs.longest_of) = (took, what());
            }
        });
    });
    let runs = runs.into_inner().unwrap();
    println!(
        "{files} captures, {} runs, exit codes {:?}, longest {:?}: {}",
        runs.codes.values().sum::<u64>(),
        runs.codes,
        runs.longest,
        runs.longest_of
    );
}
