//! Inputs of formats that are turned into pcapng while they are read.

use std::{
    fs::File,
    io::{self, ErrorKind, Read},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use super::input::{Input, read_at};
use crate::savefile::translate::{Blocks, Broken, Step, Translator, netmon::NetMon};

/// Octets read at a time.
const READ_LEN: usize = 64 << 10;
/// Blocks that are made ahead, in octets, so that batches are large.
const AHEAD: usize = 256 << 10;
/// The most octets of a Network Monitor capture that are kept where its file cannot be read out of order.
const KEPT_LIMIT: u64 = 64 << 20;

/// The records of an input as pcapng blocks.
pub(super) struct Translated<R> {
    source: R,
    translator: Translator,
    out: Blocks,
    /// What was read and not yet taken; it begins at `offset` of the input.
    buffer: Vec<u8>,
    taken: usize,
    offset: u64,
    /// Octets that are still to be passed over.
    skip: u64,
    ended: bool,
    /// Told when the blocks before are read.
    error: Option<io::Error>,
}

impl<R: Read> Translated<R> {
    pub(super) fn new(source: R, translator: Translator) -> Self {
        let out = translator.blocks();
        let buffer = Vec::new();
        Self { source, translator, out, buffer, taken: 0, offset: 0, skip: 0, ended: false, error: None }
    }

    /// Takes records until blocks wait, the input has ended, or fails.
    fn advance(&mut self) -> io::Result<()> {
        loop {
            let passed = self.skip.min((self.buffer.len() - self.taken) as u64);
            self.taken += passed as usize;
            self.skip -= passed;
            let octets = &self.buffer[self.taken..];
            let needs = if self.skip > 0 {
                (1, "the file header")
            } else {
                match self.translator.step(octets, &mut self.out) {
                    Ok(Step::Taken(count)) => {
                        self.skip = count;
                        if self.out.len() < AHEAD {
                            continue;
                        }
                        return Ok(());
                    }
                    Ok(Step::Needs(needed, what)) => (needed, what),
                    Ok(Step::End) => {
                        self.ended = true;
                        return Ok(());
                    }
                    Err(reason) => return Err(self.broken(reason)),
                }
            };
            // What was made so far can be read before more is waited for.
            if self.out.len() > 0 && !self.ended {
                return Ok(());
            }
            if self.read_more()? == 0 {
                self.ended = true;
                let left = self.buffer.len() - self.taken;
                let (needed, what) = needs;
                if left == 0 && self.skip == 0 {
                    return Ok(());
                }
                let reason = format!("{what} of {needed} octets is cut short: the input ends after {left}");
                return Err(self.broken(reason));
            }
        }
    }

    fn read_more(&mut self) -> io::Result<usize> {
        self.buffer.drain(..self.taken);
        self.offset += self.taken as u64;
        self.taken = 0;
        let filled = self.buffer.len();
        self.buffer.resize(filled + READ_LEN, 0);
        let count = loop {
            match self.source.read(&mut self.buffer[filled..]) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                count => break count,
            }
        };
        self.buffer.truncate(filled + *count.as_ref().unwrap_or(&0));
        count
    }

    fn broken(&self, reason: String) -> io::Error {
        io::Error::other(Broken { offset: self.offset + self.taken as u64, reason })
    }
}

impl<R: Read> Read for Translated<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.out.len() == 0 {
            if let Some(error) = self.error.take() {
                self.ended = true;
                return Err(error);
            }
            if self.ended {
                return Ok(0);
            }
            self.error = self.advance().err();
        }
        Ok(self.out.read(buffer))
    }
}

/// Octets that can be read at any offset.
#[derive(Clone)]
pub(super) enum Anywhere {
    File {
        file: Arc<File>,
        /// Octets read so far, to show progress.
        count: Arc<AtomicU64>,
    },
    Memory(Arc<[u8]>),
}

impl Anywhere {
    /// All of an input that can be read once only.
    pub(super) fn keep(source: Input) -> io::Result<Option<Self>> {
        let mut octets = Vec::new();
        source.take(KEPT_LIMIT + 1).read_to_end(&mut octets)?;
        Ok((octets.len() as u64 <= KEPT_LIMIT).then(|| Self::Memory(octets.into())))
    }

    /// Why an input that is longer is refused.
    pub(super) fn refusal() -> String {
        format!(
            "a Network Monitor capture of more than {} MiB, whose frames lie where a table says, so it is read from a plain \
             file only: unpack or save it first",
            KEPT_LIMIT >> 20
        )
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let count = match self {
            Self::File { file, count } => {
                let read = read_at(file, buffer, offset)?;
                count.fetch_add(read as u64, Ordering::Relaxed);
                read
            }
            Self::Memory(octets) => {
                let start = usize::try_from(offset).unwrap_or(usize::MAX);
                octets.get(start..).unwrap_or_default().read(buffer)?
            }
        };
        Ok(count)
    }
}

/// The octets at hand of an input that is read out of order.
struct Window {
    source: Anywhere,
    octets: Vec<u8>,
    at: u64,
}

impl Window {
    fn new(source: Anywhere) -> Self {
        Self { source, octets: Vec::new(), at: 0 }
    }

    /// Octets from `offset` on: `needed` of them and maybe more, or what the input has.
    fn get(&mut self, offset: u64, needed: usize) -> io::Result<&[u8]> {
        let start = offset.checked_sub(self.at).and_then(|start| usize::try_from(start).ok());
        let present = start.and_then(|start| self.octets.len().checked_sub(start)).unwrap_or_default();
        if present >= needed {
            return Ok(&self.octets[start.unwrap_or_default()..]);
        }
        self.at = offset;
        self.octets.resize(needed.max(READ_LEN), 0);
        let mut filled = 0;
        while filled < self.octets.len() {
            match self.source.read_at(&mut self.octets[filled..], offset + filled as u64) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.octets.truncate(filled);
        Ok(&self.octets)
    }
}

/// The frames of a Network Monitor capture as pcapng blocks, in the order of its table.
pub(super) struct Frames {
    netmon: NetMon,
    table: Window,
    frames: Window,
    out: Blocks,
    /// Entries of the table that were read.
    read: u64,
    entries: u64,
    error: Option<io::Error>,
}

impl Frames {
    /// Both read the same input.
    pub(super) fn new(netmon: NetMon, table: Anywhere, frames: Anywhere) -> Self {
        let entries = u64::from(netmon.table.1) / 4;
        let out = netmon.blocks();
        let (table, frames) = (Window::new(table), Window::new(frames));
        Self { netmon, table, frames, out, read: 0, entries, error: None }
    }

    /// Reads the next frame of the table.
    fn advance(&mut self) -> io::Result<()> {
        let entry = u64::from(self.netmon.table.0) + self.read * 4;
        let table = self.table.get(entry, 4)?;
        let Some(offset) = table.first_chunk::<4>() else {
            let reason = format!(
                "the table of {} frames is cut short: the input ends at entry {}",
                self.entries,
                self.read + 1
            );
            return Err(io::Error::other(Broken { offset: entry, reason }));
        };
        let offset = u64::from(u32::from_le_bytes(*offset));
        let mut needed = 1;
        loop {
            let octets = self.frames.get(offset, needed)?;
            let broken = |reason| io::Error::other(Broken { offset, reason });
            match self.netmon.frame(octets, &mut self.out).map_err(broken)? {
                Step::Needs(more, _) if more > needed => needed = more,
                Step::Needs(_, what) => {
                    let left = octets.len();
                    let reason =
                        format!("{what} of {needed} octets is cut short: the input ends after {left}");
                    return Err(broken(reason));
                }
                Step::Taken(_) | Step::End => break,
            }
        }
        self.read += 1;
        Ok(())
    }
}

impl Read for Frames {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.out.len() < AHEAD && self.read < self.entries && self.error.is_none() {
            self.error = self.advance().err();
        }
        if self.out.len() == 0
            && let Some(error) = self.error.take()
        {
            self.read = self.entries;
            return Err(error);
        }
        Ok(self.out.read(buffer))
    }
}
