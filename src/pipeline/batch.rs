//! The one loop over the frames of a batch: what their headers are, and which of them are charted.

use crate::{
    capture::{self, Accept},
    decode::{Decoder, Headers},
    packet::{Batch, Frame, Timestamp},
    record::Record,
    select::{Packets, Predicate, Stretch, Window},
};

/// Which frames are charted, and how many were.
///
/// A frame is asked for in this order: the capture filter, the window of time, the predicate, the count.
pub(super) struct Selection<'s> {
    accept: Option<&'s mut Accept>,
    window: Window,
    /// What the window is of this capture, once its begin is known.
    stretch: Option<Stretch>,
    wanted: Option<Predicate<Packets>>,
    limit: Option<u64>,
    taken: u64,
    seen: u64,
}

impl<'s> Selection<'s> {
    /// Frames that `accept` lets pass, at most so many, of which some were taken before.
    pub(super) fn new(accept: Option<&'s mut Accept>, limit: Option<u64>, taken: u64) -> Self {
        Self { accept, window: Window::default(), stretch: None, wanted: None, limit, taken, seen: 0 }
    }

    /// The same, of those only which lie in a window of a capture that `began` then, or does with the first time stamp that is
    /// met; and whose records are wanted.
    pub(super) fn only(
        self,
        window: Window,
        began: Option<Timestamp>,
        wanted: Option<Predicate<Packets>>,
    ) -> Self {
        Self { window, stretch: began.map(|began| window.of(began)), wanted, ..self }
    }

    /// Every frame.
    pub(super) fn all() -> Self {
        Self::new(None, None, 0)
    }

    /// Whether every frame is taken.
    pub(super) fn is_all(&self) -> bool {
        self.is_by_record() && self.wanted.is_none()
    }

    /// Whether every frame is taken as far as the frame alone tells.
    pub(super) fn is_by_record(&self) -> bool {
        self.accept.is_none() && self.limit.is_none() && self.window.is_all()
    }

    /// Whether frames are taken or not whatever became of others.
    pub(super) fn is_apart(&self) -> bool {
        self.accept.is_none() && self.limit.is_none() && (self.window.is_all() || self.stretch.is_some())
    }

    /// The same choice for a thread of its own, where frames are chosen apart; counted anew.
    pub(super) fn fork(&self) -> Selection<'static> {
        let Self { window, stretch, wanted, .. } = self;
        Selection { stretch: *stretch, ..Selection::all().only(*window, None, wanted.clone()) }
    }

    /// Counts frames that forks took.
    pub(super) fn count(&mut self, taken: u64) {
        self.taken += taken;
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

    /// Whether this frame is taken, as far as the frame alone tells; need not be asked where all are.
    ///
    /// # Errors
    /// Those of the filter.
    pub(super) fn takes(&mut self, frame: &Frame<'_>) -> Result<bool, capture::Error> {
        if self.is_over() {
            return Ok(false);
        }
        let passes = match &mut self.accept {
            Some(accept) => accept(frame)?,
            None => true,
        };
        let takes = passes && (self.window.is_all() || self.is_within(frame.time));
        self.taken += u64::from(takes && self.wanted.is_none());
        Ok(takes)
    }

    /// Whether a time lies in the window; what has none does not.
    fn is_within(&mut self, time: Option<Timestamp>) -> bool {
        let window = self.window;
        time.is_some_and(|time| self.stretch.get_or_insert_with(|| window.of(time)).holds(time))
    }

    /// Whether the record of a frame that is [taken](Self::takes) is wanted; need not be asked where all are.
    pub(super) fn wants(&mut self, record: &Record<'_>) -> bool {
        let Some(predicate) = &mut self.wanted else { return true };
        // Others of its group may have been the last ones.
        let wants = self.limit.is_none_or(|limit| self.taken < limit) && predicate.holds(record);
        self.taken += u64::from(wants);
        wants
    }
}

/// Goes through a batch frame by frame: calls `visit` with the index of each, the frame, its headers, and the selection if
/// it is taken. All frames teach up to the last one taken; those behind it come without headers.
///
/// # Errors
/// Those of the selection and of `visit`, which end it.
#[inline]
pub(super) fn for_each<'b, E: From<capture::Error>>(
    decoder: &Decoder,
    selection: &mut Selection<'_>,
    batch: &'b Batch,
    mut visit: impl FnMut(usize, Frame<'b>, Option<&Headers>, Option<&mut Selection<'_>>) -> Result<(), E>,
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
        visit(index, frame, teaches.then_some(&headers), taken.then_some(&mut *selection))?;
    }
    Ok(())
}
