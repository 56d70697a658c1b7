//! The one loop over the frames of a batch: what their headers are, and which of them are charted.

use crate::{
    capture::{self, Accept},
    decode::{Decoder, Headers},
    packet::{Batch, Frame},
};

/// Which frames are charted, and how many were.
pub(super) struct Selection<'s> {
    accept: Option<&'s mut Accept>,
    limit: Option<u64>,
    taken: u64,
    seen: u64,
}

impl<'s> Selection<'s> {
    /// Frames that `accept` lets pass, at most so many, of which some were taken before.
    pub(super) fn new(accept: Option<&'s mut Accept>, limit: Option<u64>, taken: u64) -> Self {
        Self { accept, limit, taken, seen: 0 }
    }

    /// Every frame.
    pub(super) fn all() -> Self {
        Self::new(None, None, 0)
    }

    /// Whether every frame is taken.
    pub(super) fn is_all(&self) -> bool {
        self.accept.is_none() && self.limit.is_none()
    }

    /// Whether no further frame is taken.
    pub(super) fn is_over(&self) -> bool {
        self.limit.is_some_and(|limit| self.taken >= limit)
    }

    /// Frames taken so far, those before among them.
    pub(super) fn taken(&self) -> u64 {
        self.taken
    }

    /// Frames met so far, taken or not.
    pub(super) fn seen(&self) -> u64 {
        self.seen
    }

    /// Notes that the frames of a batch were met.
    pub(super) fn see(&mut self, batch: &Batch) {
        self.seen += batch.len() as u64;
    }

    /// Whether this frame is taken; need not be asked where all are.
    ///
    /// # Errors
    /// Those of the filter.
    #[cold]
    pub(super) fn takes(&mut self, frame: &Frame<'_>) -> Result<bool, capture::Error> {
        if self.is_over() {
            return Ok(false);
        }
        let takes = match &mut self.accept {
            Some(accept) => accept(frame)?,
            None => true,
        };
        self.taken += u64::from(takes);
        Ok(takes)
    }
}

/// Goes through a batch frame by frame: calls `visit` with the index of each, the frame, its headers, and whether it is
/// taken. All frames teach up to the last one taken; those behind it come without headers.
///
/// # Errors
/// Those of the selection and of `visit`, which end it.
#[inline]
pub(super) fn for_each<'b, E: From<capture::Error>>(
    decoder: &Decoder,
    selection: &mut Selection<'_>,
    batch: &'b Batch,
    mut visit: impl FnMut(usize, Frame<'b>, Option<&Headers>, bool) -> Result<(), E>,
) -> Result<(), E> {
    selection.see(batch);
    let all = selection.is_all();
    let mut headers = Headers::default();
    for (index, frame) in batch.frames().enumerate() {
        let teaches = all || !selection.is_over();
        let taken = all || selection.takes(&frame)?;
        if teaches {
            decoder.decode(frame.link, frame.octets, frame.original_len, &mut headers);
        }
        visit(index, frame, teaches.then_some(&headers), taken)?;
    }
    Ok(())
}
