//! From a reader and a walker to batches.

use std::{
    io::{self, ErrorKind, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use super::Error;
use crate::packet::{Batch, Oddities};
use crate::savefile::{Piece, Stop, Walked, Walker, at_the_start, translate::Broken};

/// Octets read at a time, where nothing else is asked for. A batch is as large, or as its one record where that is larger.
pub(crate) const BATCH_LEN: usize = 1 << 18;

/// Fills batches from a reader; the walker finds the frames in place.
///
/// A record that is not whole at the end of a batch is carried over to the next, so what lies between
/// two calls is less than one record.
pub(crate) struct Filler<R> {
    reader: R,
    file: PathBuf,
    walker: Walker,
    batch_len: usize,
    carry: Vec<u8>,
    /// Offset in the input of the first octet not yet delivered.
    position: u64,
    /// Number of the next frame.
    number: u64,
    /// No record that begins here or after is delivered.
    until: u64,
    /// What the reader has ended with.
    ended: Option<io::Result<()>>,
    /// Met with frames in hand: to be told at the next call.
    pending: Option<Error>,
    finished: bool,
}

impl<R: Read> Filler<R> {
    /// Reads from a record (or the file's start) at `position` to the last record that begins before `until`.
    pub(crate) fn new(
        reader: R,
        file: &Path,
        walker: Walker,
        position: u64,
        until: u64,
        number: u64,
    ) -> Self {
        Self {
            reader,
            file: file.to_owned(),
            walker,
            batch_len: BATCH_LEN,
            // Longer than most records.
            carry: Vec::with_capacity(64 << 10),
            position,
            number,
            until,
            ended: None,
            pending: None,
            finished: false,
        }
    }

    pub(crate) fn walker(&self) -> &Walker {
        &self.walker
    }

    /// Has large blocks passed over piece by piece that tell nothing of packets.
    pub(crate) fn pass_large_blocks(&mut self) {
        self.walker.pass_large_blocks();
    }

    /// Reads so many octets at a time.
    pub(crate) fn set_batch_len(&mut self, octets: usize) {
        self.batch_len = octets;
    }

    /// Number of the next frame.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Offset in the input of the first octet not yet delivered.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// See [`super::Source::fill`].
    pub(crate) fn fill(&mut self, batch: &mut Batch) -> Result<bool, Error> {
        batch.begin(self.number, self.position);
        batch.sections = self.walker.sections();
        batch.oddities = Oddities::default();
        if let Some(error) = self.pending.take() {
            self.finished = true;
            return Err(error);
        }
        if self.finished {
            return Ok(false);
        }
        batch.extend(&self.carry);
        self.carry.clear();
        let until = usize::try_from(self.until.saturating_sub(self.position)).unwrap_or(usize::MAX);
        let walked = loop {
            if self.ended.is_none() {
                self.read(batch);
            }
            let eof = matches!(self.ended, Some(Ok(())));
            let octets = &batch.buffer[..batch.filled];
            let walked = self.walker.walk(&Piece { octets, until, eof }, &mut batch.frames);
            match walked.stop {
                Stop::Incomplete if walked.consumed == 0 && self.ended.is_none() => {}
                _ => break walked,
            }
        };
        batch.oddities = self.walker.take_oddities();
        match self.walker.names() {
            Some(names) => batch.names = names,
            // An empty list would be made anew for each batch.
            None if batch.names.is_empty() => {}
            None => batch.names = Arc::default(),
        }
        self.finish(batch, walked)
    }

    /// One read into the free part of the batch's buffer, which grows if there is none.
    fn read(&mut self, batch: &mut Batch) {
        if batch.filled == batch.buffer.len() {
            // By what is there, not what the record asks for: memory follows what is there, not what is claimed. By half of it
            // where it is much, as all of it is touched.
            let more = if batch.filled < 16 * BATCH_LEN { batch.filled } else { batch.filled / 2 };
            batch.buffer.resize((batch.filled + more).max(self.batch_len), 0);
        }
        match self.reader.read(&mut batch.buffer[batch.filled..]) {
            Ok(0) => self.ended = Some(Ok(())),
            Ok(count) => batch.filled += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => self.ended = Some(Err(error)),
        }
    }

    /// Keeps what is not delivered for the next call, and decides what this one returns.
    fn finish(&mut self, batch: &mut Batch, walked: Walked) -> Result<bool, Error> {
        let consumed = walked.consumed;
        self.carry.extend_from_slice(&batch.buffer[consumed..batch.filled]);
        batch.filled = consumed;
        self.position += consumed as u64;
        self.number += batch.frames.len() as u64;
        let error = match walked.stop {
            Stop::Reached => {
                self.finished = true;
                None
            }
            Stop::Damaged(reason) => Some(self.damage(reason)),
            Stop::Incomplete => match self.ended.take() {
                Some(Err(cause)) if cause.raw_os_error().is_some() => {
                    Some(Error::Io { file: self.file.clone(), cause })
                }
                Some(Err(cause)) => Some(self.failure(&cause)),
                Some(Ok(())) => {
                    self.finished = true;
                    None
                }
                None => None,
            },
        };
        match error {
            Some(error) if consumed == 0 => {
                self.finished = true;
                Err(error)
            }
            error => {
                self.pending = error;
                Ok(consumed > 0)
            }
        }
    }

    /// What a reader that makes octets of others failed with.
    fn failure(&self, cause: &io::Error) -> Error {
        match cause.get_ref().and_then(|cause| cause.downcast_ref::<Broken>()) {
            // The place in the input, not in the blocks that are made of it.
            Some(Broken { offset, reason }) => Error::Damaged {
                file: self.file.clone(),
                packet: self.number,
                offset: *offset,
                reason: reason.clone(),
            },
            None => self.damage(format!("decompression fails: {cause}")),
        }
    }

    fn damage(&self, reason: String) -> Error {
        let file = self.file.clone();
        if self.position == 0 {
            return Error::NotACapture { file, reason: at_the_start(reason) };
        }
        // Where the record begins.
        let offset = self.position - self.walker.passed() as u64;
        Error::Damaged { file, packet: self.number, offset, reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::savefile::{Order, Recognised, recognise, testing::*};

    /// What is delivered: octets, frames, octets of the largest batch, and the error at the end.
    fn delivered(file: &[u8], passes: bool, until: u64) -> (Vec<u8>, usize, usize, String) {
        let Recognised::Capture(walker) = recognise(file) else { panic!("no capture") };
        let mut filler = Filler::new(file, Path::new("x"), walker, 0, until, 1);
        if passes {
            filler.pass_large_blocks();
        }
        let (mut batch, mut octets, mut frames, mut largest) = (Batch::new(), Vec::new(), 0, 0);
        let error = loop {
            match filler.fill(&mut batch) {
                Ok(true) => {}
                Ok(false) => break String::new(),
                Err(error) => break error.to_string(),
            }
            octets.extend_from_slice(batch.octets());
            frames += batch.len();
            largest = largest.max(batch.buffer.len());
        };
        (octets, frames, largest, error)
    }

    #[test]
    fn large_blocks_that_tell_nothing_are_passed_over_piece_by_piece() {
        for order in ORDERS {
            let frame = enhanced(order, 0, 1, b"frame", 5);
            let start = [section(order), interface(order, 1, 0, &[]), frame.clone()].concat();
            let large = block(order, 0x1234_5678, &vec![7; (10 << 20) + 3]);
            let file = [&start[..], &large, &frame, &large, &large, &frame].concat();
            let (held, frames, largest, _) = delivered(&file, false, u64::MAX);
            assert!(held == file && frames == 3 && largest > 10 << 20);
            let (passed, frames, largest, error) = delivered(&file, true, u64::MAX);
            assert!(passed == file && frames == 3 && error.is_empty());
            assert!(largest <= 2 * BATCH_LEN, "{largest}");
            // A block that begins before the end of a stretch is its own.
            let end = start.len() + large.len();
            let (stretch, frames, ..) = delivered(&file, true, (start.len() + 1) as u64);
            assert!(stretch == file[..end] && frames == 1);
        }
    }

    #[test]
    fn what_is_wrong_with_large_blocks_is_said_alike() {
        let order = Order::Little;
        let start =
            [section(order), interface(order, 1, 0, &[]), enhanced(order, 0, 1, b"frame", 5)].concat();
        let file = [&start[..], &block(order, 99, &vec![7; 2 << 20]), &start].concat();
        let end = start.len() + (2 << 20) + 12;
        let mut wrong = file.clone();
        wrong[end - 4] ^= 1;
        let cuts = [start.len() + (1 << 20), end - 5, end - 4, end - 3, end - 1];
        for file in cuts.map(|cut| file[..cut].to_vec()).into_iter().chain([wrong]) {
            let (_, frames, _, expected) = delivered(&file, false, u64::MAX);
            let (_, passed_frames, _, error) = delivered(&file, true, u64::MAX);
            assert!(expected.contains(&format!("packet 2, offset {}: ", start.len())), "{expected}");
            assert_eq!((passed_frames, error), (frames, expected));
        }
    }
}
