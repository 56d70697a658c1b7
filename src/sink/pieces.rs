//! Pieces of output that are the same for all packets with the same answer, made once.

use std::ops::Range;

use crate::{flow::Direction, knowledge::Known, record::Service};

/// Pieces of output by answer, as they were met. The answers must be those of one run, as labels are told by number.
#[derive(Clone, Debug, Default)]
pub(super) struct Pieces {
    /// By number of the label: an answer differs from others with that label in its side, its rule and the mark that it
    /// was revised, so there are few.
    by_label: Vec<Vec<(Known, Direction, Range<usize>)>>,
    text: Vec<u8>,
}

impl Pieces {
    /// Appends the piece of an answer, which `make` makes where it was not met before.
    #[inline]
    pub(super) fn copy(&mut self, service: &Service<'_>, out: &mut Vec<u8>, make: impl FnOnce(&mut Vec<u8>)) {
        let label = service.known.label as usize;
        let met = self.by_label.get(label).map_or(&[][..], Vec::as_slice);
        let same = |(known, direction, _): &&(Known, Direction, Range<usize>)| {
            *known == service.known && *direction == service.direction
        };
        match met.iter().find(same) {
            Some((_, _, range)) => out.extend_from_slice(&self.text[range.clone()]),
            None => self.add(service, out, make),
        }
    }

    #[cold]
    fn add(&mut self, service: &Service<'_>, out: &mut Vec<u8>, make: impl FnOnce(&mut Vec<u8>)) {
        let (label, start, piece) = (service.known.label as usize, self.text.len(), out.len());
        make(out);
        self.text.extend_from_slice(&out[piece..]);
        if self.by_label.len() <= label {
            self.by_label.resize(label + 1, Vec::new());
        }
        self.by_label[label].push((service.known, service.direction, start..self.text.len()));
    }
}
