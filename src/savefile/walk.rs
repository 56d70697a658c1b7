//! From octets of a capture file to the frames in them: one walker for each format, free of I/O.

use std::sync::Arc;

use crate::packet::{Interface, Located, Oddities, Sections};
use crate::savefile::{FileFormat, pcap, pcapng, snoop};

/// How far a walk came and why it stopped there.
#[derive(Debug)]
pub(crate) struct Walked {
    /// Octets of whole records, from the start.
    pub(crate) consumed: usize,
    pub(crate) stop: Stop,
}

#[derive(Debug)]
pub(crate) enum Stop {
    /// The next record is not all there. At the end of the input nothing is left.
    Incomplete,
    /// The next record begins at `until` or after it.
    Reached,
    /// The next record cannot be read.
    Damaged(String),
}

impl Walked {
    /// A record of `needed` octets begins at `at`, where only `left` are there.
    ///
    /// At the end of the input that is damage unless nothing is left.
    pub(crate) fn short(at: usize, needed: usize, left: usize, eof: bool, what: &str) -> Self {
        let stop = if eof && left > 0 {
            Stop::Damaged(format!("{what} of {needed} octets is cut short: the input ends after {left}"))
        } else {
            Stop::Incomplete
        };
        Self { consumed: at, stop }
    }

    pub(crate) fn damaged(at: usize, reason: String) -> Self {
        Self { consumed: at, stop: Stop::Damaged(reason) }
    }
}

/// A piece of a file that is at hand to be walked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Piece<'a> {
    /// Its octets and what follows them: they begin at a record, or at the start of the file.
    pub(crate) octets: &'a [u8],
    /// Where it ends: records that begin there or later are not its own.
    pub(crate) until: usize,
    /// Whether nothing follows the octets.
    pub(crate) eof: bool,
}

/// All a format must remember between two stretches of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Walker {
    Pcap(pcap::Walker),
    Pcapng(pcapng::Walker),
    Snoop(snoop::Walker),
}

impl Walker {
    /// Appends a [`Located`] for each frame of a piece whose record begins before its end and is whole.
    pub(crate) fn walk(&mut self, piece: &Piece<'_>, frames: &mut Vec<Located>) -> Walked {
        match self {
            Self::Pcap(walker) => walker.walk(piece, frames),
            Self::Pcapng(walker) => walker.walk(piece, frames),
            Self::Snoop(walker) => walker.walk(piece, frames),
        }
    }

    /// From now on large blocks that tell nothing of packets are consumed piece by piece, as they come, where the format
    /// has such: for who does not copy them.
    pub(crate) fn pass_large_blocks(&mut self) {
        if let Self::Pcapng(walker) = self {
            walker.pass_large_blocks();
        }
    }

    /// Octets consumed of a record that is not all consumed.
    pub(crate) fn passed(&self) -> usize {
        match self {
            Self::Pcapng(walker) => walker.passed(),
            Self::Pcap(_) | Self::Snoop(_) => 0,
        }
    }

    pub(crate) fn interfaces(&self) -> &[Interface] {
        match self {
            Self::Pcap(walker) => walker.interfaces(),
            Self::Pcapng(walker) => walker.interfaces(),
            Self::Snoop(walker) => walker.interfaces(),
        }
    }

    /// What comes before the next record, for who copies blocks; of a pcap its byte order.
    pub(crate) fn sections(&self) -> Sections {
        match self {
            Self::Pcapng(walker) => walker.sections(),
            Self::Pcap(walker) => Sections { big_endian: walker.is_big_endian(), begun: 0 },
            Self::Snoop(_) => Sections::default(),
        }
    }

    /// Names of the interfaces met so far, where the format has any.
    pub(crate) fn names(&self) -> Option<Arc<Vec<Option<String>>>> {
        match self {
            Self::Pcapng(walker) => Some(walker.names()),
            // These formats have none.
            Self::Pcap(_) | Self::Snoop(_) => None,
        }
    }

    /// Packets with odd times since this was asked last.
    pub(crate) fn take_oddities(&mut self) -> Oddities {
        match self {
            Self::Pcap(walker) => walker.take_oddities(),
            Self::Pcapng(walker) => walker.take_oddities(),
            Self::Snoop(_) => Oddities::default(),
        }
    }

    pub(crate) fn format(&self) -> FileFormat {
        match self {
            Self::Pcap(walker) => walker.format(),
            Self::Pcapng(_) => FileFormat::Pcapng,
            Self::Snoop(_) => FileFormat::Snoop,
        }
    }

    /// Offset of a plausible record boundary, or `None` where there is none or the format has no search.
    pub(crate) fn resync(&self, octets: &[u8]) -> Option<usize> {
        match self {
            Self::Pcap(walker) => walker.resync(octets),
            Self::Pcapng(walker) => walker.resync(octets),
            Self::Snoop(_) => None,
        }
    }
}
