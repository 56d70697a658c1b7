//! The octets of a file, decompressed where they are compressed.

use std::{
    fs::File,
    io::{self, ErrorKind, Read},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

#[cfg(feature = "compression")]
use super::decompress::decompressor;
use super::translated::{Anywhere, Frames, Translated};
#[cfg(not(feature = "compression"))]
use super::without::decompressor;
use crate::savefile::{
    Compression, FileFormat, HEAD_LEN, LONG_HEAD_LEN, Recognised, Walker, pcapng, recognise,
    translate::netmon::NetMon,
};

/// Compressions in each other that are undone.
const NESTING_LIMIT: usize = 2;

/// The octets of an input after decompression, from the first on.
pub(super) struct Input {
    /// Octets already read to recognise the format, and how many of them were handed out.
    head: Vec<u8>,
    head_at: usize,
    rest: Rest,
}

enum Rest {
    Plain(Counted),
    /// Decompressed, or turned into another format.
    Made(Box<dyn Read + Send>),
}

/// An input and what it is.
pub(super) struct Opened {
    pub(super) input: Input,
    pub(super) walker: Walker,
    /// The format, where the walker reads what is made of it.
    pub(super) translated: Option<FileFormat>,
    /// The outermost compression.
    pub(super) compression: Option<Compression>,
}

impl Opened {
    /// An input that is read as pcapng.
    fn made(made: Box<dyn Read + Send>, format: FileFormat, compression: Option<Compression>) -> Self {
        let input = Input { head: Vec::new(), head_at: 0, rest: Rest::Made(made) };
        let walker = Walker::Pcapng(pcapng::Walker::new());
        Self { input, walker, translated: Some(format), compression }
    }
}

impl Input {
    /// What is read of a piece of a file.
    pub(super) fn of(piece: Positioned) -> Self {
        Self { head: Vec::new(), head_at: 0, rest: Rest::Made(Box::new(piece)) }
    }
}

/// Why an input was not opened.
pub(super) enum Refused {
    Io(io::Error),
    NotACapture(String),
    /// This build has no decompression.
    #[cfg(not(feature = "compression"))]
    Compressed(Compression),
}

impl From<io::Error> for Refused {
    fn from(cause: io::Error) -> Self {
        Self::Io(cause)
    }
}

/// Recognises and unwraps `file`, from where it stands.
pub(super) fn unwrap(file: Counted) -> Result<Opened, Refused> {
    let mut rest = Rest::Plain(file);
    let mut outermost = None;
    for depth in 0..=NESTING_LIMIT {
        let mut head = Vec::new();
        read_head(&mut rest, &mut head, HEAD_LEN).map_err(|cause| refused(cause, outermost))?;
        let mut recognised = recognise(&head);
        if matches!(recognised, Recognised::Other(_)) && head.len() < LONG_HEAD_LEN {
            read_head(&mut rest, &mut head, LONG_HEAD_LEN).map_err(|cause| refused(cause, outermost))?;
            recognised = recognise(&head);
        }
        match recognised {
            Recognised::Capture(walker) => {
                let input = Input { head, head_at: 0, rest };
                return Ok(Opened { input, walker, translated: None, compression: outermost });
            }
            Recognised::Translated(translator) => {
                let format = translator.format();
                let made = Translated::new(Input { head, head_at: 0, rest }, translator);
                return Ok(Opened::made(Box::new(made), format, outermost));
            }
            Recognised::NetMon(netmon) => {
                let format = netmon.format();
                let frames = frames(netmon, Input { head, head_at: 0, rest })
                    .map_err(|cause| refused(cause, outermost))?
                    .ok_or_else(|| Refused::NotACapture(Anywhere::refusal()))?;
                return Ok(Opened::made(Box::new(frames), format, outermost));
            }
            Recognised::Compressed(_) if depth == NESTING_LIMIT => break,
            Recognised::Compressed(compression) => {
                outermost = outermost.or(Some(compression));
                let source = Input { head, head_at: 0, rest };
                rest = Rest::Made(decompressor(compression, source)?);
            }
            Recognised::Other(reason) => {
                return Err(Refused::NotACapture(match outermost {
                    Some(compression) => format!("inside {compression}: {reason}"),
                    None => reason,
                }));
            }
        }
    }
    Err(Refused::NotACapture(format!("compressed more than {NESTING_LIMIT} times")))
}

/// An error of the system is its own; one of a decompressor means that there is no capture inside.
fn refused(cause: io::Error, compression: Option<Compression>) -> Refused {
    match compression {
        Some(compression) if cause.raw_os_error().is_none() => {
            Refused::NotACapture(format!("inside {compression}: {cause}"))
        }
        _ => Refused::Io(cause),
    }
}

/// Reads until `head` has `needed` octets or the input ends; more, where they are there.
fn read_head(rest: &mut Rest, head: &mut Vec<u8>, needed: usize) -> io::Result<()> {
    let mut filled = head.len();
    head.resize(LONG_HEAD_LEN, 0);
    // No more than needed: a pipe may show its file header long before the first packet.
    while filled < needed {
        match rest.read(&mut head[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    head.truncate(filled);
    Ok(())
}

/// The frames of a Network Monitor capture: of a file where it is one, else of what it holds, where that is not too much.
fn frames(netmon: NetMon, input: Input) -> io::Result<Option<Frames>> {
    if let Rest::Plain(counted) = &input.rest
        && counted.file.metadata()?.is_file()
    {
        let anywhere =
            || Anywhere::File { file: Arc::clone(&counted.file), count: Arc::clone(&counted.count) };
        return Ok(Some(Frames::new(netmon, anywhere(), anywhere())));
    }
    let Some(kept) = Anywhere::keep(input)? else { return Ok(None) };
    Ok(Some(Frames::new(netmon, kept.clone(), kept)))
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.head_at < self.head.len() {
            let count = (&self.head[self.head_at..]).read(buffer)?;
            self.head_at += count;
            return Ok(count);
        }
        self.rest.read(buffer)
    }
}

impl Read for Rest {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(file) => file.read(buffer),
            Self::Made(reader) => reader.read(buffer),
        }
    }
}

/// A file that counts the octets read from it.
pub(super) struct Counted {
    file: Arc<File>,
    count: Arc<AtomicU64>,
    /// Ends a read that waits; only of what may have to wait.
    stop: Option<Arc<AtomicBool>>,
}

impl Counted {
    pub(super) fn new(file: Arc<File>, count: Arc<AtomicU64>, stop: Option<Arc<AtomicBool>>) -> Self {
        Self { file, count, stop }
    }
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(stop) = &self.stop
                && !wait_to_read(&self.file, stop)
            {
                return Ok(0);
            }
            match (&*self.file).read(buffer) {
                Ok(count) => {
                    self.count.fetch_add(count as u64, Ordering::Relaxed);
                    return Ok(count);
                }
                // Another reader of the same pipe was faster.
                Err(error) if self.stop.is_some() && error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// Waits until there is something to read, or the end of the input; returns `false` where `stop` is set before.
#[cfg(unix)]
fn wait_to_read(file: &File, stop: &AtomicBool) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    // How soon a stop is noticed.
    const WAIT: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
    while !stop.load(Ordering::Relaxed) {
        match poll(&mut [PollFd::new(file, PollFlags::IN)], Some(&WAIT)) {
            // The time is over, or a signal came.
            Ok(0) | Err(rustix::io::Errno::INTR) => {}
            // What else may be wrong the read tells.
            _ => return true,
        }
    }
    false
}

#[cfg(not(unix))]
fn wait_to_read(_: &File, stop: &AtomicBool) -> bool {
    !stop.load(Ordering::Relaxed)
}

/// A stretch of a file by positioned reads, so that several can be read at once.
pub(super) struct Positioned {
    file: Arc<File>,
    next: u64,
    end: u64,
}

impl Positioned {
    /// From `start` on; reads past `end` are small, they only complete the last record.
    pub(super) fn new(file: Arc<File>, start: u64, end: u64) -> Self {
        Self { file, next: start, end }
    }
}

impl Read for Positioned {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        const PAST_END: u64 = 64 << 10;
        let most = if self.next < self.end { self.end - self.next } else { PAST_END };
        let most = buffer.len().min(usize::try_from(most).unwrap_or(usize::MAX));
        let count = read_at(&self.file, &mut buffer[..most], self.next)?;
        self.next += count as u64;
        Ok(count)
    }
}

/// Reads at an offset without moving the file's own position.
pub(super) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    #[cfg(unix)]
    {
        std::os::unix::fs::FileExt::read_at(file, buffer, offset)
    }
    #[cfg(windows)]
    {
        std::os::windows::fs::FileExt::seek_read(file, buffer, offset)
    }
}
