//! Sums of packets as a job makes them: on any number of threads.

use std::{io, time::Duration};

use super::{Division, Interval, Intervals, Summary};
use crate::{
    knowledge::{Knowledge, Span, Untold, View},
    record::Record,
    sink::{Encoder, Sink},
};

/// Adds up packet by packet: over the whole capture, or per interval of its time.
#[derive(Clone, Debug)]
pub struct Sums {
    length: Option<Duration>,
    by: Division,
}

impl Sums {
    /// As [`Intervals::new`].
    pub fn new(length: Option<Duration>, by: impl Into<Division>) -> Self {
        Self { length, by: by.into() }
    }
}

impl Encoder for Sums {
    type Part = Option<Intervals>;

    fn packet(&mut self, record: &Record<'_>, part: &mut Self::Part) {
        part.get_or_insert_with(|| Intervals::new(self.length, self.by)).count(record);
    }
}

/// Packets a part has at least before it is added up with the others.
const WORTH_ADDING: u64 = 1 << 16;

/// What [`Sums`] add up to.
#[derive(Clone, Debug)]
pub struct Counted(Intervals);

impl Counted {
    /// Nothing yet.
    pub fn new(length: Option<Duration>, by: impl Into<Division>) -> Self {
        Self(Intervals::new(length, by))
    }

    /// Totals of all packets that were counted.
    pub fn span(&self) -> &Span {
        self.0.span()
    }

    /// As [`Intervals::add_known`].
    ///
    /// # Errors
    /// As that has them.
    pub fn add_known(&mut self, view: &View<'_>) -> Result<(), Untold> {
        self.0.add_known(view)
    }

    /// As [`Intervals::part`].
    pub fn part(&mut self) {
        self.0.part();
    }

    /// As [`Intervals::name_hosts`].
    pub fn name_hosts(&mut self, knowledge: &Knowledge) {
        self.0.name_hosts(knowledge);
    }

    /// As [`Intervals::take_before`].
    pub fn take_before(&mut self, time: u64) -> Vec<Interval> {
        self.0.take_before(time)
    }

    /// As [`Intervals::into_parts`].
    pub fn into_parts(self) -> (Summary, Vec<Interval>) {
        self.0.into_parts()
    }
}

impl Sink<Option<Intervals>> for Counted {
    fn take(&mut self, part: &mut Option<Intervals>) -> io::Result<()> {
        match part {
            // Hosts and rows of one batch are mostly those of the next one: adding them up each time would cost as much
            // as counting.
            Some(grown) if grown.span().packets >= WORTH_ADDING => self.rest(part),
            _ => Ok(()),
        }
    }

    fn rest(&mut self, part: &mut Option<Intervals>) -> io::Result<()> {
        if let Some(later) = part.take() {
            self.0.add(later);
        }
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }
}
