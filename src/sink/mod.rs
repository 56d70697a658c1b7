//! What becomes of each [`Record`]: an [`Encoder`] makes parts of them, a [`Sink`] takes the parts in order.
//!
//! An encoder keeps nothing from one packet to the next but reused memory, so clones of one work on different batches at a
//! time. What stands where all threads meet is the sink: it sees each part once, in the order of the input.

mod brief;
#[cfg(feature = "parquet")]
mod columns;
mod csv;
mod fields;
pub(crate) mod json;
mod pcapng;
mod pieces;
mod ring;
mod text;
mod writer;

use std::io;

#[cfg(feature = "parquet")]
pub use self::columns::{BatchWriter, Batches, Columns, Gathered};
pub(crate) use self::text::style;
pub use self::{
    brief::Brief,
    csv::Csv,
    fields::Fields,
    json::Json,
    pcapng::Pcapng,
    ring::{Files, Limits as RingLimits, Ring},
    text::Text,
    writer::Writer,
};
use crate::{
    capture::{BATCH_LEN, Losses},
    flow::FlowId,
    knowledge::{Knowledge, View},
    packet::{Batch, Interface},
    record::Record,
    savefile::FileFormat,
};

/// An input that is about to be charted.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// Its path, `-` for standard input, or the name of the interface.
    pub name: &'a str,
    /// A file's format, inside any compression; a live input has none.
    pub format: Option<FileFormat>,
    /// Whether the file's own numbers are big-endian, which is then the byte order of what the link types have in that of
    /// the capturing host; of a live input, whether this host is.
    pub big_endian: bool,
    /// The interfaces known before its first packet.
    pub interfaces: &'a [Interface],
}

/// Turns annotated packets into parts of an output, in capture order: `begin` once, `input` for each input, in it `batch`
/// for each batch, in it `packet` or `skip` for each packet; `end` once. Inputs that are learned apart have an encoder
/// each, which all but the first do not `begin`.
///
/// What is appended to a part comes before all that is appended later; when a part is handed to the sink is up to the
/// caller. Clones may be given batches of the same input, after `input`.
pub trait Encoder: Clone + Send {
    /// What a sink gets: octets, rows, sums. Its default is the empty one.
    type Part: Default + Send;

    /// Is told what was learned of the inputs, where that is known before their first packet: before all else.
    fn know(&mut self, _known: &Knowledge) {}

    /// Appends what comes before the first packet of an output.
    fn begin(&mut self, _part: &mut Self::Part) {}

    /// Appends what begins an input.
    fn input(&mut self, _input: &Input<'_>, _part: &mut Self::Part) {}

    /// Appends what lies before the first packet of a batch; for formats that keep the input's own form.
    fn batch(&mut self, _batch: &Batch, _part: &mut Self::Part) {}

    /// Appends one packet.
    fn packet(&mut self, record: &Record<'_>, part: &mut Self::Part);

    /// Appends what follows the record of a packet that was not selected; for formats that keep the input's own form.
    fn skip(&mut self, _octets: &[u8], _part: &mut Self::Part) {}

    /// Appends what became of the packets of each device of a live input, behind the last of them.
    fn losses(&mut self, _each: &[Losses], _part: &mut Self::Part) {}

    /// Appends what comes after the last packet of the last input.
    fn end(&mut self, _known: &Knowledge, _part: &mut Self::Part) {}

    /// Whether what lies between packets goes into the output, so that a file is read to its end even where no further
    /// packet is selected.
    fn keeps_blocks(&self) -> bool {
        false
    }

    /// Octets of a file to read at a time.
    fn batch_len(&self) -> usize {
        BATCH_LEN
    }

    /// Whether a packet is shown with something of the packet that is shown before it, so that they cannot be chosen and encoded
    /// side by side.
    fn looks_back(&self) -> bool {
        false
    }

    /// Whether records need their Community ID, which takes a while to work out.
    fn shows_community_ids(&self) -> bool {
        false
    }
}

/// Shows no packet: for sinks that are only [told what is known](Sink::learned).
#[derive(Clone, Copy, Debug, Default)]
pub struct Unseen;

impl Encoder for Unseen {
    type Part = ();

    fn packet(&mut self, _record: &Record<'_>, _part: &mut ()) {}
}

impl Sink<()> for Unseen {
    fn take(&mut self, _part: &mut ()) -> io::Result<()> {
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Takes the parts of an output in the order of the input. After an error no further call is made.
pub trait Sink<Part> {
    /// Takes what begins an input, and before the first one what begins the output.
    ///
    /// # Errors
    /// As [`Sink::take`].
    fn head(&mut self, part: &mut Part) -> io::Result<()> {
        self.take(part)
    }

    /// Takes a part and leaves an empty one behind, whose memory is used again.
    ///
    /// # Errors
    /// Those of the output.
    fn take(&mut self, part: &mut Part) -> io::Result<()>;

    /// Takes what [`Sink::take`] left in a part to let it grow, as those do for which the order of parts does not count.
    ///
    /// # Errors
    /// As [`Sink::take`].
    fn rest(&mut self, part: &mut Part) -> io::Result<()> {
        self.take(part)
    }

    /// Is told what is known by now, after each batch where only the past is known.
    ///
    /// # Errors
    /// Those of the output.
    fn learned(&mut self, _view: &View<'_>) -> io::Result<()> {
        Ok(())
    }

    /// Asked behind [`Sink::learned`]: what need not be remembered any more. Flows that gave way to others of their five-tuples
    /// are forgotten where this is not `None`, and these five-tuples, until they are met anew; totals stay.
    fn spent(&mut self) -> Option<Vec<FlowId>> {
        None
    }

    /// Makes what was taken appear: called after each batch where only the past is known.
    ///
    /// # Errors
    /// Those of the output.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Completes the output: called once, after all parts, if an input delivered something.
    ///
    /// # Errors
    /// Those of the output.
    fn finish(&mut self) -> io::Result<()>;

    /// Whether packets shall be handed over one by one, not batch by batch, where only the past is known.
    fn is_at_once(&self) -> bool {
        false
    }
}
