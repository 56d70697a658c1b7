//! Sinks: what becomes of each [`Record`].
//!
//! A sink turns records into octets appended to a buffer; who calls it writes the buffers out in order. Sinks keep
//! nothing from one packet to the next but reused memory, so clones of one can work on different stretches at a time.

mod csv;
mod json;
mod text;

pub use self::{csv::Csv, json::Json, text::Text};
use crate::record::Record;

/// Receives annotated packets in capture order: `begin` once, then `packet` for each.
pub trait Sink: Clone + Send {
    /// Appends what comes before the first packet.
    fn begin(&mut self, _out: &mut Vec<u8>) {}

    /// Appends one packet.
    fn packet(&mut self, record: &Record<'_>, out: &mut Vec<u8>);
}
