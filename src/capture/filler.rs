//! From a reader and a walker to batches.

use std::{
    io::{self, ErrorKind, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use super::Error;
use crate::packet::{Batch, OddTimes};
use crate::savefile::{Piece, Stop, Walked, Walker, at_the_start, translate::Broken};

/// Octets read at a time. A batch is as large, or as its one record where that is larger.
pub(crate) const BATCH_LEN: usize = 1 << 18;

/// Fills batches from a reader; the walker finds the frames in place.
///
/// A record that is not whole at the end of a batch is carried over to the next, so what lies between
/// two calls is less than one record.
pub(crate) struct Filler<R> {
    reader: R,
    file: PathBuf,
    walker: Walker,
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

    /// Offset in the input of the first octet not yet delivered.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// See [`super::Source::fill`].
    pub(crate) fn fill(&mut self, batch: &mut Batch) -> Result<bool, Error> {
        batch.begin(self.number, self.position);
        batch.sections = self.walker.sections();
        batch.odd_times = OddTimes::default();
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
        batch.odd_times = self.walker.take_odd_times();
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
            // Doubling, not what the record asks for: memory follows what is there, not what is claimed.
            batch.buffer.resize((batch.filled * 2).max(BATCH_LEN), 0);
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
        Error::Damaged { file, packet: self.number, offset: self.position, reason }
    }
}
