//! Formats that are read by turning them into pcapng: record by record, so that everything behind the reader, and the
//! annotated capture, has one form. Free of I/O.
//!
//! Each frame keeps its link type, lengths and the resolution of its time, if that is no finer than a nanosecond.

mod blocks;
mod bluetooth;
mod erf;
pub(crate) mod netmon;
mod netxray;
mod pppdump;

use std::{error, fmt};

pub(crate) use blocks::Blocks;

use super::{FileFormat, octets::Order};

/// The largest record believed, in octets: frames have no more than 256 KiB.
pub(crate) const LIMIT: u32 = 262_144;

/// Where a record cannot be read.
#[derive(Debug)]
pub(crate) struct Broken {
    /// Offset of the record in the input.
    pub(crate) offset: u64,
    /// What is wrong with it.
    pub(crate) reason: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "offset {}: {}", self.offset, self.reason)
    }
}

impl error::Error for Broken {}

/// What became of the octets at hand.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// So many of them were taken; more than are at hand are passed over when they come.
    Taken(u64),
    /// So many are needed for what is named.
    Needs(usize, &'static str),
    /// Nothing that follows belongs to the capture.
    End,
}

/// A format whose records follow each other.
#[derive(Debug)]
pub(crate) enum Translator {
    Btsnoop(bluetooth::Btsnoop),
    Hcidump(bluetooth::Hcidump),
    Erf(erf::Erf),
    NetXray(netxray::NetXray),
    Pppdump(pppdump::Pppdump),
}

impl Translator {
    /// What a file that begins with `head` is; an error where its header is damaged, or of a kind that is not read.
    pub(crate) fn recognise(head: &[u8]) -> Option<Result<Self, String>> {
        if head.starts_with(bluetooth::BTSNOOP) {
            return Some(bluetooth::Btsnoop::new(head).map(Self::Btsnoop));
        }
        if head.starts_with(netxray::MAGIC) {
            return Some(netxray::NetXray::new(head).map(Self::NetXray));
        }
        if pppdump::Pppdump::recognises(head) {
            return Some(Ok(Self::Pppdump(pppdump::Pppdump::default())));
        }
        if bluetooth::Hcidump::recognises(head) {
            return Some(Ok(Self::Hcidump(bluetooth::Hcidump)));
        }
        erf::Erf::recognises(head).then_some(Ok(Self::Erf(erf::Erf)))
    }

    pub(crate) fn format(&self) -> FileFormat {
        match self {
            Self::Btsnoop(_) => FileFormat::Btsnoop,
            Self::Hcidump(_) => FileFormat::Hcidump,
            Self::Erf(_) => FileFormat::Erf,
            Self::NetXray(_) => FileFormat::NetXray,
            Self::Pppdump(_) => FileFormat::Pppdump,
        }
    }

    /// The blocks that a capture of this format begins with.
    pub(crate) fn blocks(&self) -> Blocks {
        Blocks::new(match self {
            Self::Btsnoop(_) | Self::Hcidump(_) => blocks::MICROSECONDS,
            Self::Erf(_) | Self::NetXray(_) => blocks::NANOSECONDS,
            Self::Pppdump(_) => blocks::TENTHS,
        })
    }

    /// Takes the record that begins `octets`, and writes the frames that it completes.
    ///
    /// # Errors
    /// What is wrong with the record.
    pub(crate) fn step(&mut self, octets: &[u8], out: &mut Blocks) -> Result<Step, String> {
        match self {
            Self::Btsnoop(btsnoop) => btsnoop.step(octets, out),
            Self::Hcidump(hcidump) => hcidump.step(octets, out),
            Self::Erf(erf) => erf.step(octets, out),
            Self::NetXray(netxray) => netxray.step(octets, out),
            Self::Pppdump(pppdump) => pppdump.step(octets, out),
        }
    }
}

/// The error of a record that says it is longer than any.
fn beyond_limit(captured: u32) -> String {
    format!("record says {captured} captured octets, more than the limit of {LIMIT}")
}

/// The error of a file header that is not all there.
fn short_header(format: &str, needed: usize, present: usize) -> String {
    format!("the {format} file header of {needed} octets is cut short: {present} are there")
}

fn u16_at(order: Order, octets: &[u8], at: usize) -> Option<u16> {
    Some(order.u16(*octets.get(at..)?.first_chunk()?))
}

fn u64_at(order: Order, octets: &[u8], at: usize) -> Option<u64> {
    Some(order.u64(*octets.get(at..)?.first_chunk()?))
}
