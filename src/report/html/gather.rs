//! What a page needs beside what is known: traffic over time, and sums of packets where only some were selected.

use std::io;

use super::timeline::Timeline;
use crate::{
    knowledge::{Carrier, Damaged, Knowledge, Span, View},
    packet::Timestamp,
    record::Record,
    report::summary::{Division, Intervals, OTHERS, Summary},
    sink::{Encoder, Sink},
};

/// Packets a part has at least before it is added up with the others.
const WORTH_ADDING: u64 = 1 << 16;

/// Adds up packet by packet.
#[derive(Clone, Debug)]
pub struct Gather {
    step: Option<u64>,
    counted: Vec<Division>,
}

/// What was added up.
#[derive(Debug)]
pub struct Gathered {
    timeline: Timeline,
    sums: Vec<Intervals>,
    span: Span,
    damaged: Damaged,
}

impl Gather {
    /// Steps of time of that length in ns, or of one that fits; and the divisions in which packets are counted.
    pub(super) fn new(step: Option<u64>, counted: Vec<Division>) -> Self {
        Self { step, counted }
    }

    /// Nothing yet.
    pub fn sink(&self) -> Gathered {
        Gathered {
            timeline: Timeline::new(self.step),
            sums: self.counted.iter().map(|&by| Intervals::new(None, by)).collect(),
            span: Span::default(),
            damaged: Damaged::default(),
        }
    }
}

impl Encoder for Gather {
    type Part = Option<Gathered>;

    fn packet(&mut self, record: &Record<'_>, part: &mut Self::Part) {
        part.get_or_insert_with(|| self.sink()).count(record);
    }
}

impl Gathered {
    fn count(&mut self, record: &Record<'_>) {
        let frame = &record.frame;
        self.timeline.count(&record.label.key, frame.time, frame.counted_len().into());
        self.sums.iter_mut().for_each(|sums| sums.count(record));
        self.span.count(frame);
        if let Some(stopped) = record.headers.stopped {
            self.damaged.count(stopped.reason);
        }
    }

    /// Adds what is known of a capture whose packets are not at hand: traffic over time, where the steps are the intervals
    /// that it is known by.
    pub fn add_known(&mut self, view: &View<'_>) {
        let names = view.answers;
        for (carrier, _, cell) in view.knowledge.traffic() {
            let key = match carrier {
                Carrier::Flow(id) => names.get(id).map(|known| &*names.labels().label(known.label).key),
                Carrier::Other(kind) => names.kind(kind).map(|label| &*label.key),
                Carrier::Label(label) => Some(&*label.key),
                Carrier::Rest => Some(OTHERS),
            };
            let key = key.unwrap_or(&names.none().key);
            self.timeline.count_all(key, (cell.first().map(Timestamp), cell.packets), cell.octets);
        }
    }

    fn add(&mut self, later: Self) {
        self.timeline.add(later.timeline);
        for (all, later) in self.sums.iter_mut().zip(later.sums) {
            all.add(later);
        }
        self.span.add(&later.span);
        self.damaged.add(&later.damaged);
    }

    /// Gives hosts their names, unless they are to be numbers. What is counted from now on is of inputs that have no flow in common with those before.
    pub(super) fn part(&mut self, knowledge: &Knowledge, numeric: bool) {
        for sums in &mut self.sums {
            if !numeric {
                sums.name_hosts(knowledge);
            }
            sums.part();
        }
    }

    /// Traffic over time, the sums in the order of their divisions, and the totals of all packets that were counted.
    pub(super) fn into_parts(self) -> (Timeline, Vec<Summary>, Span, Damaged) {
        let sums = self.sums.into_iter().map(|sums| sums.into_parts().0);
        (self.timeline, sums.collect(), self.span, self.damaged)
    }
}

impl Sink<Option<Self>> for Gathered {
    fn take(&mut self, part: &mut Option<Self>) -> io::Result<()> {
        match part {
            Some(grown) if grown.span.packets >= WORTH_ADDING => self.rest(part),
            _ => Ok(()),
        }
    }

    fn rest(&mut self, part: &mut Option<Self>) -> io::Result<()> {
        if let Some(later) = part.take() {
            self.add(later);
        }
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }
}
