//! A capture in a ring of files: annotated pcapng is cut between packets, and each file is whole by itself.
//!
//! Every file begins with the section at hand and its interfaces, and holds the names that were learned by its end. Files
//! are opened with their first packet, so that none is empty.

use std::{
    io::{self, Write},
    mem,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use super::{Pcapng, Sink};
use crate::{
    knowledge::View,
    packet::Timestamp,
    savefile::{
        Order,
        pcapng::{Block, Clock, kind, packet_time},
    },
};

/// Keys of encrypted traffic (draft-ietf-opsawg-pcapng section 4.7): later packets need them, too.
const DECRYPTION_SECRETS: u32 = 0x0a;
/// How long after the end of an interval a file waits for packets that are still on their way.
const GRACE: Duration = Duration::from_secs(2);

/// Where the files of a ring are.
pub trait Files {
    /// A file that is written.
    type File: Write;

    /// Begins the next file, whose first packet came at that time.
    ///
    /// # Errors
    /// Those of the system.
    fn open(&mut self, first: Option<Timestamp>) -> io::Result<Self::File>;

    /// Completes a file.
    ///
    /// # Errors
    /// Those of the system.
    fn close(&mut self, file: Self::File) -> io::Result<()>;

    /// Whether the next file is to be begun, as somebody asks for it; told once.
    fn is_next_wanted(&self) -> bool;
}

/// When a file gives way to the next one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limits {
    /// Before it has more octets than these; a file has one packet at least.
    pub size: Option<u64>,
    /// At multiples of this since 1970, by the times of packets.
    pub interval: Option<Duration>,
    /// Whether these times are those of the clock, so that a file ends even where no packet comes.
    pub is_live: bool,
}

/// A file that is written.
struct Open<F> {
    file: F,
    octets: u64,
    packets: u64,
    /// The number of its interval.
    interval: Option<u64>,
}

/// Writes octets of annotated pcapng to the files of a ring.
pub struct Ring<F: Files> {
    files: F,
    limits: Limits,
    /// What makes blocks of names, where only the past is known.
    names: Option<Pcapng>,
    order: Order,
    /// The section at hand and its interfaces: what a file begins with.
    head: Vec<u8>,
    clocks: Vec<Clock>,
    open: Option<Open<F::File>>,
    /// Files that lack nothing but names.
    nameless: Vec<F::File>,
    /// Blocks that tell of no packet, before a file is open.
    before: Vec<u8>,
    /// Whether there was a file.
    has_begun: bool,
}

impl<F: Files> Ring<F> {
    /// A ring of these files. `names` is the encoder of what is written, where that ends with the names that were learned;
    /// `None` where it begins with them.
    pub fn new(files: F, limits: Limits, names: Option<Pcapng>) -> Self {
        Self {
            files,
            limits,
            names,
            order: Order::Little,
            head: Vec::new(),
            clocks: Vec::new(),
            open: None,
            nameless: Vec::new(),
            before: Vec::new(),
            has_begun: false,
        }
    }

    /// Where the files are.
    pub fn files(&mut self) -> &mut F {
        &mut self.files
    }

    /// The file that is written, and those that lack names: what is left after an error.
    pub fn take_open(&mut self) -> impl Iterator<Item = F::File> {
        let open = self.open.take().map(|open| open.file);
        mem::take(&mut self.nameless).into_iter().chain(open)
    }

    fn block(&mut self, block: &Block<'_>) -> io::Result<()> {
        match block.kind {
            kind::SECTION_HEADER => {
                self.head.clear();
                self.clocks.clear();
                self.order = block.order;
                self.keep(block)
            }
            kind::INTERFACE_DESCRIPTION => {
                self.clocks.push(Clock::of(block));
                self.keep(block)
            }
            kind::NAME_RESOLUTION | DECRYPTION_SECRETS => self.keep(block),
            kind::ENHANCED_PACKET | kind::PACKET | kind::SIMPLE_PACKET => {
                let time = packet_time(block, &self.clocks);
                self.make_room(time, block.octets.len() as u64)?;
                self.write(time, block.octets)?;
                if let Some(open) = &mut self.open {
                    open.packets += 1;
                }
                Ok(())
            }
            _ => self.write_beside(block.octets),
        }
    }

    /// Takes a block that all files behind it begin with.
    fn keep(&mut self, block: &Block<'_>) -> io::Result<()> {
        self.head.extend_from_slice(block.octets);
        match &mut self.open {
            Some(open) => {
                open.octets += block.octets.len() as u64;
                open.file.write_all(block.octets)
            }
            None => Ok(()),
        }
    }

    /// Writes what is no packet.
    fn write_beside(&mut self, octets: &[u8]) -> io::Result<()> {
        match &mut self.open {
            Some(open) => {
                open.octets += octets.len() as u64;
                open.file.write_all(octets)
            }
            None => {
                self.before.extend_from_slice(octets);
                Ok(())
            }
        }
    }

    /// Ends the file at hand where a packet does not belong into it.
    fn make_room(&mut self, time: Option<Timestamp>, octets: u64) -> io::Result<()> {
        let interval = self.interval(time);
        let Some(open) = &self.open else { return Ok(()) };
        let is_full = self.limits.size.is_some_and(|size| open.octets + octets > size) && open.packets > 0;
        let is_over =
            interval.zip(open.interval).is_some_and(|(now, then)| now > then || self.is_set_back(now, then));
        if is_full || is_over { self.end_file() } else { Ok(()) }
    }

    fn interval(&self, time: Option<Timestamp>) -> Option<u64> {
        let length = u64::try_from(self.limits.interval?.as_nanos()).ok().filter(|&length| length > 0)?;
        Some(time?.0 / length)
    }

    fn write(&mut self, time: Option<Timestamp>, octets: &[u8]) -> io::Result<()> {
        let interval = self.interval(time);
        let open = match &mut self.open {
            Some(open) => open,
            none => {
                let mut file = self.files.open(time)?;
                file.write_all(&self.head)?;
                file.write_all(&self.before)?;
                self.has_begun = true;
                let octets = (self.head.len() + self.before.len()) as u64;
                self.before.clear();
                none.insert(Open { file, octets, packets: 0, interval })
            }
        };
        open.interval = open.interval.or(interval);
        open.octets += octets.len() as u64;
        open.file.write_all(octets)
    }

    /// Ends the file at hand; where it lacks names, when these are told.
    fn end_file(&mut self) -> io::Result<()> {
        let Some(open) = self.open.take() else { return Ok(()) };
        if self.names.is_some() {
            self.nameless.push(open.file);
            return Ok(());
        }
        self.files.close(open.file)
    }

    /// Whether the interval of the file at hand is over by the clock.
    fn is_over_by_clock(&self) -> bool {
        let Some(open) = self.open.as_ref().filter(|_| self.limits.is_live) else { return false };
        let past = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().saturating_sub(GRACE);
        let now = self.interval(u64::try_from(past.as_nanos()).ok().map(Timestamp));
        now.zip(open.interval).is_some_and(|(now, then)| now > then)
    }

    /// Whether the clock of a live run was set back by more than the interval of the file at hand, and by ten seconds at least:
    /// nobody waits until it is there again. By less it begins no file, nor do packets of a capture that are in no order.
    fn is_set_back(&self, now: u64, then: u64) -> bool {
        let length = self.limits.interval.unwrap_or_default().as_nanos();
        let back = u128::from(then.saturating_sub(now).saturating_sub(1)) * length;
        self.limits.is_live && back > 0 && back >= u128::from(Timestamp::SET_BACK)
    }
}

impl<F: Files> Sink<Vec<u8>> for Ring<F> {
    fn take(&mut self, part: &mut Vec<u8>) -> io::Result<()> {
        if self.files.is_next_wanted() || self.is_over_by_clock() {
            self.end_file()?;
        }
        let mut rest = &part[..];
        while let Some((block, behind)) = Block::split(rest, self.order) {
            rest = behind;
            self.block(&block)?;
        }
        part.clear();
        Ok(())
    }

    fn learned(&mut self, view: &View<'_>) -> io::Result<()> {
        if self.nameless.is_empty() {
            return Ok(());
        }
        let names = self.names.as_ref().map(|names| names.names(view.knowledge, self.order));
        for mut file in mem::take(&mut self.nameless) {
            file.write_all(names.as_deref().unwrap_or_default())?;
            self.files.close(file)?;
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.open.as_mut().map_or(Ok(()), |open| open.file.flush())
    }

    fn finish(&mut self) -> io::Result<()> {
        // A capture without packets is a file, too; and what lies behind the last packet belongs into some file.
        if self.open.is_some() || !self.before.is_empty() || !self.has_begun && !self.head.is_empty() {
            self.write(None, &[])?;
        }
        self.names = None;
        for file in mem::take(&mut self.nameless) {
            self.files.close(file)?;
        }
        self.end_file()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The files that were closed.
    #[derive(Default)]
    struct Shelf(Vec<Vec<u8>>);

    impl Files for Shelf {
        type File = Vec<u8>;

        fn open(&mut self, _first: Option<Timestamp>) -> io::Result<Vec<u8>> {
            Ok(Vec::new())
        }

        fn close(&mut self, file: Vec<u8>) -> io::Result<()> {
            self.0.push(file);
            Ok(())
        }

        fn is_next_wanted(&self) -> bool {
            false
        }
    }

    /// A section with one interface of microseconds, and empty packets at these seconds (draft-ietf-opsawg-pcapng section 4).
    fn capture(seconds: &[u64]) -> Vec<u8> {
        let mut words = vec![0x0a0d_0d0a, 28, 0x1a2b_3c4d, 1, u32::MAX, u32::MAX, 28, 1, 20, 1, 0, 20];
        for time in seconds.iter().map(|second| second * 1_000_000) {
            words.extend([6, 32, 0, (time >> 32) as u32, time as u32, 0, 0, 32]);
        }
        words.into_iter().flat_map(u32::to_le_bytes).collect()
    }

    #[test]
    fn files_begin_whatever_becomes_of_the_clock() {
        let written = |is_live, seconds: &[u64]| -> Vec<usize> {
            let limits = Limits { interval: Some(Duration::from_secs(60)), is_live, ..Limits::default() };
            let mut ring = Ring::new(Shelf::default(), limits, None);
            ring.take(&mut capture(seconds)).unwrap();
            ring.finish().unwrap();
            ring.files.0.iter().map(|file| (file.len() - 48) / 32).collect()
        };
        // Set right by some seconds into the minute before, set forward by an hour, and back.
        let times = [120, 130, 115, 3_720, 130, 190];
        assert_eq!(written(true, &times), [3, 1, 1, 1]);
        // The packets of a capture may be in no order.
        assert_eq!(written(false, &times), [3, 3]);
    }
}
