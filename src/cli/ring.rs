//! `annotate -w` into a ring of files: their names, how many are kept, and what a run that was killed left.

use std::{
    collections::VecDeque,
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};

use clap::Args;
use portolan::{
    Job,
    knowledge::Options,
    packet::Timestamp,
    report::top::stamp,
    sink::{Files, Pcapng, Ring, RingLimits},
    text::{
        number::octets,
        time::{NamePattern, duration},
    },
};

use super::{
    End,
    annotate::{self, Annotate},
    args::Global,
    exit,
    input::Session,
    message,
    output::{self, Output},
    passes::{self, Passes},
};

/// When a capture goes on in the next file.
#[derive(Args, Debug)]
pub(crate) struct Rotation {
    /// Begin a new file before -w has written more than this: `100M`, `1G`.
    ///
    /// Names of files are -w with number and time in front of the ending, `cap_00001_20260102T030405Z.pcapng`; or with what
    /// stands in it for the time of the first packet in UTC, as strftime(3) has it: `-w cap-%Y%m%dT%H%M%S.pcapng`. No file is
    /// replaced. SIGUSR2 begins the next file.
    #[arg(long, value_name = "SIZE", value_parser = octets, requires = "write", help_heading = "Output")]
    rotate_size: Option<u64>,
    /// Begin a new file at multiples of this time since 1970 (UTC): `1h` is at every full hour.
    #[arg(long, value_name = "TIME", value_parser = duration, requires = "write", help_heading = "Output")]
    rotate_interval: Option<Duration>,
    /// Keep the latest so many files, those of earlier runs among them; older ones are removed.
    #[arg(long, value_name = "FILES", value_parser = clap::value_parser!(u64).range(1..), requires = "write", help_heading = "Output")]
    rotate_files: Option<u64>,
}

impl Rotation {
    /// Whether there is to be more than one file.
    pub(crate) fn is_given(&self) -> bool {
        self.rotate_size.is_some() || self.rotate_interval.is_some() || self.rotate_files.is_some()
    }
}

/// What the files of a ring are called.
#[derive(Debug)]
enum Naming {
    /// By the time of their first packet.
    Time(NamePattern),
    /// By their number and that time.
    Number { before: String, after: String },
}

impl Naming {
    fn new(name: &str) -> Result<Self, String> {
        if name.contains('%') {
            return NamePattern::new(name).map(Self::Time);
        }
        let (before, after) = match name.rfind('.') {
            Some(dot) if dot > 0 => name.split_at(dot),
            _ => (name, ""),
        };
        Ok(Self::Number { before: before.to_owned(), after: after.to_owned() })
    }

    fn name(&self, number: u64, time: Timestamp) -> String {
        match self {
            Self::Time(pattern) => pattern.name(time),
            Self::Number { before, after } => format!("{before}_{number:05}_{}{after}", stamp(time.0)),
        }
    }

    /// The number of a file, if its name is one of these; 0 where they have none.
    fn number(&self, name: &str) -> Option<u64> {
        match self {
            Self::Time(pattern) => {
                let is_name = pattern.is_name(name) || pattern.is_name(&without_count(name)?);
                is_name.then_some(0)
            }
            Self::Number { before, after } => {
                let middle = name.strip_prefix(before.as_str())?.strip_suffix(after.as_str())?;
                let (number, time) = middle.strip_prefix('_')?.split_once('_')?;
                let is_stamp = |(at, octet): (usize, u8)| match at {
                    8 => octet == b'T',
                    15 => octet == b'Z',
                    _ => octet.is_ascii_digit(),
                };
                let is_name = number.len() >= 5 && time.len() == 16 && time.bytes().enumerate().all(is_stamp);
                number.parse().ok().filter(|_| is_name)
            }
        }
    }

    /// What all names begin with.
    fn prefix(&self, pattern: &str) -> String {
        match self {
            Self::Time(_) => pattern.split('%').next().unwrap_or_default().to_owned(),
            Self::Number { before, .. } => format!("{before}_"),
        }
    }
}

/// A name with a count in front of its ending: `cap-0304.pcapng` is `cap-0304-2.pcapng`.
fn with_count(name: &str, count: u32) -> String {
    let (before, after) = name.rfind('.').filter(|&dot| dot > 0).map_or((name, ""), |dot| name.split_at(dot));
    format!("{before}-{count}{after}")
}

/// The same without it.
fn without_count(name: &str) -> Option<String> {
    let (before, after) = name.rfind('.').filter(|&dot| dot > 0).map_or((name, ""), |dot| name.split_at(dot));
    let (before, count) = before.rsplit_once('-')?;
    count.parse::<u32>().ok()?;
    Some(format!("{before}{after}"))
}

/// The files of a ring.
struct Named {
    folder: PathBuf,
    naming: Naming,
    /// The number of the next one.
    number: u64,
    /// How many are kept.
    most: Option<u64>,
    /// Those that are there, the oldest first.
    there: VecDeque<PathBuf>,
    written: u64,
    next: Arc<AtomicBool>,
}

/// Files of one name and second at most.
const MOST_OF_A_SECOND: u32 = 100_000;

impl Named {
    /// Files by that name, after those of earlier runs. Says what a run that was killed has left.
    fn new(path: &Path, most: Option<u64>, next: Arc<AtomicBool>) -> Result<Self, End> {
        let refuse = |reason: &str| {
            message::error(format_args!("-w {}: {reason}", path.display()));
            Err(End::Said(exit::USAGE))
        };
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            return refuse("a ring needs a name of files that is text");
        };
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new(".")).to_owned();
        let naming = match Naming::new(name) {
            Ok(naming) => naming,
            Err(reason) => return refuse(&reason),
        };
        let entries = fs::read_dir(&folder)
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", folder.display())))?;
        let (mut there, mut number, prefix) = (Vec::new(), 1, naming.prefix(name));
        for entry in entries.flatten() {
            let own = entry.file_name();
            let Some(own) = own.to_str().filter(|own| own.starts_with(&prefix)) else { continue };
            if output::is_left(&entry.path()) {
                output::tell_left(&entry.path());
                // `NAME.aB3dE6.part`, which may get its name yet.
                let whole = own.rsplitn(3, '.').nth(2).and_then(|whole| naming.number(whole));
                number = number.max(whole.unwrap_or(0).saturating_add(1));
            } else if let Some(earlier) = naming.number(own) {
                number = number.max(earlier.saturating_add(1));
                let time = entry.metadata().and_then(|metadata| metadata.modified());
                there.push((time.unwrap_or(SystemTime::UNIX_EPOCH), entry.path()));
            }
        }
        there.sort();
        let there = there.into_iter().map(|(_, path)| path).collect();
        Ok(Self { folder, naming, number, most, there, written: 0, next })
    }

    /// Removes the oldest files, until there are no more than shall be kept.
    fn prune(&mut self) -> io::Result<()> {
        while self.most.is_some_and(|most| self.there.len() as u64 > most) {
            let Some(oldest) = self.there.pop_front() else { break };
            match fs::remove_file(&oldest) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(io::Error::new(error.kind(), format!("{}: {error}", oldest.display())));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

impl Files for Named {
    type File = Output;

    fn open(&mut self, first: Option<Timestamp>) -> io::Result<Output> {
        let now = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let time = first.unwrap_or_else(|| Timestamp(u64::try_from(now().as_nanos()).unwrap_or(u64::MAX)));
        let name = self.naming.name(self.number, time);
        self.number += 1;
        let names = (1..=MOST_OF_A_SECOND).map(|count| match count {
            1 => name.clone(),
            _ => with_count(&name, count),
        });
        // One that is not whole yet has its name already.
        let is_free = |path: &PathBuf| !path.exists() && !self.there.contains(path);
        let path = names.map(|name| self.folder.join(name)).find(is_free);
        let path = path.ok_or_else(|| io::Error::from(io::ErrorKind::AlreadyExists))?;
        let output = Output::to_file(&path)?;
        self.there.push_back(path);
        Ok(output)
    }

    fn close(&mut self, file: Output) -> io::Result<()> {
        file.finish()?;
        self.written += 1;
        self.prune()
    }

    fn is_next_wanted(&self) -> bool {
        self.next.swap(false, Ordering::Relaxed)
    }
}

/// Writes an annotated capture into a ring.
pub(crate) fn run(
    global: &Global,
    session: &Session<'_>,
    mut job: Job<'_>,
    args: &Annotate,
    path: &Path,
) -> Result<u8, End> {
    let hindsight = job.inputs.can_be_read_twice() && !args.causal;
    let encoder = Pcapng::new(session.registry.updated());
    let limits = RingLimits {
        size: args.rotation.rotate_size,
        interval: args.rotation.rotate_interval,
        is_live: !session.reads_files(),
    };
    let named = Named::new(path, args.rotation.rotate_files, session.next_file())?;
    let mut ring = Ring::new(named, limits, (!hindsight).then(|| encoder.clone()));
    let way = (Options { domains: true, ..Options::default() }, args.causal, "annotating");
    match passes::chart(global, session, &mut job, way, &encoder, &mut ring, |_, _, _| {}) {
        Ok(Passes { code, outcome, .. }) => {
            if !global.quiet && outcome.delivered {
                message::note(format_args!("files written: {}", ring.files().written));
            }
            Ok(code)
        }
        Err(End::Output(error)) => {
            for file in ring.take_open() {
                annotate::tell_rescued(file.rescue(annotate::whole_blocks));
            }
            Err(End::Output(error))
        }
        Err(end) => Err(end),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-01-02T03:04:05Z, by `date -u -d @1767323045`.
    const TIME: Timestamp = Timestamp(1_767_323_045_600_000_000);

    #[test]
    fn names_are_made_and_known_again() {
        let numbered = Naming::new("cap.pcapng").unwrap();
        assert_eq!(numbered.name(7, TIME), "cap_00007_20260102T030405Z.pcapng");
        assert_eq!(numbered.number("cap_00007_20260102T030405Z.pcapng"), Some(7));
        assert_eq!(numbered.number("cap_123456_20260102T030405Z.pcapng"), Some(123_456));
        for other in [
            "cap.pcapng",
            "cap_7_20260102T030405Z.pcapng",
            "cap_00007_20260102.pcapng",
            "cup_00007_20260102T030405Z.pcapng",
        ] {
            assert_eq!(numbered.number(other), None, "{other}");
        }
        let timed = Naming::new("cap-%Y%m%d-%H%M%S.pcapng").unwrap();
        assert_eq!(timed.name(7, TIME), "cap-20260102-030405.pcapng");
        assert_eq!(timed.number("cap-20260102-030405.pcapng"), Some(0));
        assert_eq!(timed.number("cap-20260102-030405-2.pcapng"), Some(0));
        for other in ["cap-20261302-030405.pcapng", "cap-20260102-030405.pcap", "cap-2026.pcapng"] {
            assert_eq!(timed.number(other), None, "{other}");
        }
        assert_eq!(Naming::new("noend").unwrap().name(1, TIME), "noend_00001_20260102T030405Z");
        assert!(Naming::new("cap-%Q.pcapng").is_err());
        assert!(Naming::new("%D").is_err(), "it has slashes");
    }

    #[test]
    fn a_count_stands_in_front_of_the_ending() {
        assert_eq!(with_count("a.b.pcapng", 2), "a.b-2.pcapng");
        assert_eq!(with_count("a", 3), "a-3");
        assert_eq!(without_count("a.b-2.pcapng").as_deref(), Some("a.b.pcapng"));
        assert_eq!(without_count("a.b.pcapng"), None);
    }
}
