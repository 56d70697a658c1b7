//! What adds up packet by packet: over the whole capture, or per interval of its time.

use std::{collections::BTreeMap, time::Duration};

use super::{By, Summary};
use crate::record::Record;

/// Adds up packet by packet: over the whole capture, or per interval of its time.
#[derive(Debug)]
pub struct Intervals {
    /// Length in ns; absent for the whole capture.
    length: Option<u64>,
    by: By,
    whole: Summary,
    parts: BTreeMap<u64, Summary>,
}

impl Intervals {
    /// Intervals of that length, aligned to whole multiples of it since the epoch.
    pub fn new(length: Option<Duration>, by: By) -> Self {
        let length = length.map(|length| u64::try_from(length.as_nanos()).unwrap_or(u64::MAX).max(1));
        Self { length, by, whole: Summary::default(), parts: BTreeMap::new() }
    }

    /// Counts one packet. Packets without a time stamp belong to the first interval of all, that of the epoch.
    pub fn count(&mut self, record: &Record<'_>) {
        let summary = match self.length {
            None => &mut self.whole,
            Some(length) => {
                let time = record.frame.time.map_or(0, |time| time.0);
                self.parts.entry(time - time % length).or_default()
            }
        };
        summary.count(record, self.by);
    }

    /// Adds what was counted of later packets.
    pub(super) fn add(&mut self, later: Self) {
        self.whole.add(later.whole);
        for (start, summary) in later.parts {
            self.parts.entry(start).or_default().add(summary);
        }
    }

    /// What was added up: over all, and per interval in ascending order.
    pub fn into_parts(self) -> (Summary, Vec<Interval>) {
        let parts = self.parts.into_iter().map(|(start, summary)| Interval { start, summary });
        (self.whole, parts.collect())
    }
}

/// One stretch of time and what it holds.
#[derive(Debug)]
pub struct Interval {
    /// When it begins, in ns since the epoch; a multiple of its length.
    pub start: u64,
    /// Its rows.
    pub summary: Summary,
}
