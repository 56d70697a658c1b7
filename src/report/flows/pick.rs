//! Flows with at least one packet that was selected, as charting tells them.

use std::io;

use hashbrown::HashSet;

use crate::{
    flow::Key,
    record::Record,
    sink::{Encoder, Sink},
};

/// Notes down the flow of each packet. What is charted must have been learned with flows
/// [kept apart](crate::knowledge::Options::flows).
#[derive(Clone, Copy, Debug, Default)]
pub struct Pick;

impl Encoder for Pick {
    type Part = HashSet<(Key, usize)>;

    fn packet(&mut self, record: &Record<'_>, part: &mut Self::Part) {
        part.extend(record.flow());
    }
}

/// The flows that were noted down: five-tuples, and [which of their flows](crate::flow::FiveTuple::flow_at).
#[derive(Debug, Default)]
pub struct Picked(HashSet<(Key, usize)>);

impl Picked {
    /// Whether a flow was.
    pub fn contains(&self, key: Key, number: usize) -> bool {
        self.0.contains(&(key, number))
    }
}

impl Sink<HashSet<(Key, usize)>> for Picked {
    fn take(&mut self, part: &mut HashSet<(Key, usize)>) -> io::Result<()> {
        self.0.extend(part.drain());
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }
}
