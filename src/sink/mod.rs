//! Sinks: what becomes of each [`Record`].
//!
//! A sink turns records into octets appended to a buffer; who calls it writes the buffers out in order. Sinks keep
//! nothing from one packet to the next but reused memory, so clones of one can work on different stretches at a time.

mod csv;
mod json;
mod pcapng;
mod text;

pub use self::{csv::Csv, json::Json, pcapng::Pcapng, text::Text};
use crate::{
    knowledge::Knowledge,
    packet::{Batch, Interface},
    record::Record,
    savefile::FileFormat,
};

/// One thing that charting meets, in the order of the input.
#[derive(Clone, Copy, Debug)]
pub enum Step<'a> {
    /// A batch, before its first packet.
    Batch(&'a Batch),
    /// The record of a packet that was not selected, and what follows up to the next one.
    Skipped(&'a [u8]),
    /// A packet.
    Packet(&'a Record<'a>),
}

/// Receives annotated packets in capture order: `begin` once, `file` for each input, in it `batch` for each batch, in it
/// `packet` or `skip` for each packet; then `end`.
pub trait Sink: Clone + Send {
    /// Appends what comes before the first packet.
    fn begin(&mut self, _out: &mut Vec<u8>) {}

    /// Told what was learned of the whole capture, where that is known before the first packet.
    fn learned(&mut self, _knowledge: &Knowledge) {}

    /// Appends what begins an input: `form` is a file's format, `interfaces` those known before its first packet.
    fn file(&mut self, _form: Option<FileFormat>, _interfaces: &[Interface], _out: &mut Vec<u8>) {}

    /// Appends one packet.
    fn packet(&mut self, record: &Record<'_>, out: &mut Vec<u8>);

    /// Whether what lies between packets goes into the output, so that an input is read to its end even where no
    /// further packet is selected.
    fn keeps_blocks(&self) -> bool {
        false
    }

    /// Appends what lies before the first packet of a batch; for sinks that keep the input's own form.
    fn batch(&mut self, _batch: &Batch, _out: &mut Vec<u8>) {}

    /// Appends what follows the record of a packet that was not selected; for sinks that keep the input's own form.
    fn skip(&mut self, _octets: &[u8], _out: &mut Vec<u8>) {}

    /// Appends what comes after the last packet of the last input.
    fn end(&mut self, _knowledge: &Knowledge, _out: &mut Vec<u8>) {}

    /// Appends whatever charting met.
    fn step(&mut self, step: Step<'_>, out: &mut Vec<u8>) {
        match step {
            Step::Packet(record) => self.packet(record, out),
            Step::Batch(batch) => self.batch(batch, out),
            Step::Skipped(octets) => self.skip(octets, out),
        }
    }
}
