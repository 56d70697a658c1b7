//! What one direction of a flow showed first: bounded, and joined exactly across stretches of a capture.

use super::datagrams::Datagrams;
use super::gist::{Gist, Words};
use super::reader::Reader;
use super::sight::Sight;
use super::stream::{Complete, Stream};
use crate::packet::TransportProtocol;

/// What one direction showed first. An empty window takes no memory of its own, nor does a SYN.
///
/// TCP: the first 256 octets of the stream in order of sequence number, and the length on the wire of its
/// first segment. Where they are of a protocol that can turn to another one, as SMTP does behind `STARTTLS`,
/// up to 4,096 octets, or 256 behind the turn. Retransmissions are ignored, a hole ends it, octets on the
/// SYN count, and a lone keep-alive octet before the first real one does not. Other protocols: up to four
/// datagrams, each with what it alone shows, its length and its first 48 octets; none is added once one was
/// strong. A window that will not be joined to an earlier one ([`Self::last_segment`]) keeps what the patterns say
/// in place of octets that no verdict needs.
///
/// Joining the windows of an earlier and a later stretch of a capture gives what one pass over both would
/// have given, wherever the capture was cut. It is exact for the first 256 octets; of those behind them, in
/// a protocol that can turn, some may be missing:
///
/// - a later stretch that begins in the middle of the direction cannot tell its protocol, and keeps no more
///   than 256 octets of it, unless it happens to begin with what shows such a protocol, too;
/// - octets that were captured before those that show the protocol are not kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Window(Shown);

/// What two complete directions say: all that a verdict on them depends on, beside their transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Gists([Gist; 2]);

/// The two kinds of windows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Shown {
    /// Nothing was shown.
    #[default]
    Nothing,
    /// A SYN, and no octets yet: the sequence number of the first one to come.
    Begun(u32),
    /// Octets of a stream.
    Stream(Stream),
    /// Datagrams.
    Datagrams(Datagrams),
    /// What a complete direction says, without its octets.
    Gist(Gist),
}

impl Shown {
    /// A stream, in the smaller form where it has one.
    fn of(stream: Stream) -> Self {
        stream.only_begun().map_or(Self::Stream(stream), Self::Begun)
    }
}

impl Window {
    /// A window that shows nothing yet.
    pub const fn new() -> Self {
        Self(Shown::Nothing)
    }

    /// Adds a TCP segment: its sequence number, whether it is a SYN, the octets captured of its payload and
    /// how many it had on the wire.
    ///
    /// Segments without payload that are no SYN show nothing and need not be told.
    pub fn segment(&mut self, sequence: u32, is_syn: bool, octets: &[u8], wire: u32) {
        match &mut self.0 {
            Shown::Stream(stream) => stream.add(sequence, is_syn, octets, wire),
            Shown::Nothing if is_syn && wire == 0 => self.0 = Shown::Begun(sequence.wrapping_add(1)),
            Shown::Nothing => {
                if let Some(stream) = Stream::segment(sequence, is_syn, octets, wire) {
                    self.0 = Shown::Stream(stream);
                }
            }
            // The SYN once more, or nothing.
            Shown::Begun(first) if wire == 0 && (!is_syn || *first == sequence.wrapping_add(1)) => {}
            Shown::Begun(first) => {
                let mut stream = Stream::begun(*first, octets.len());
                stream.add(sequence, is_syn, octets, wire);
                self.0 = Shown::of(stream);
            }
            Shown::Datagrams(_) | Shown::Gist(_) => {}
        }
    }

    /// As [`Self::segment`], for windows that no earlier stretch of the capture will be joined to: once complete, the
    /// direction keeps no octets that its verdicts do not need.
    ///
    /// Most directions show all in their first segment, which is then looked at where it lies.
    pub fn last_segment(&mut self, sequence: u32, is_syn: bool, octets: &[u8], wire: u32) {
        let complete = match &self.0 {
            _ if is_syn => None,
            Shown::Nothing => Stream::complete_at_once(octets, wire),
            Shown::Begun(first) if *first == sequence => Stream::complete_at_once(octets, wire),
            Shown::Stream(stream) => stream.completed_by(sequence, octets, wire),
            _ => None,
        };
        match complete {
            Some(Complete { gist, is_enough: true }) => self.0 = Shown::Gist(gist),
            Some(Complete { gist, .. }) => {
                self.segment(sequence, is_syn, octets, wire);
                if let Shown::Stream(stream) = &mut self.0 {
                    stream.said(gist);
                }
            }
            None => self.segment(sequence, is_syn, octets, wire),
        }
    }

    /// As [`Self::datagram`], for windows that no earlier stretch of the capture will be joined to.
    pub fn last_datagram(&mut self, protocol: TransportProtocol, octets: &[u8], wire: u32) {
        match &mut self.0 {
            Shown::Nothing if wire > 0 => {
                self.0 = match Datagrams::first(protocol, octets, wire) {
                    Ok(gist) => Shown::Gist(gist),
                    Err(datagrams) => Shown::Datagrams(datagrams),
                };
            }
            Shown::Datagrams(datagrams) => {
                datagrams.add(protocol, octets, wire);
                if let Some(gist) = datagrams.complete() {
                    self.0 = Shown::Gist(gist);
                }
            }
            _ => {}
        }
    }

    /// Adds a datagram of UDP, UDP-Lite or DCCP, or a message of SCTP: the octets captured of its payload
    /// and how many it had on the wire.
    pub fn datagram(&mut self, protocol: TransportProtocol, octets: &[u8], wire: u32) {
        match &mut self.0 {
            Shown::Datagrams(datagrams) => datagrams.add(protocol, octets, wire),
            Shown::Nothing if wire > 0 => {
                let mut datagrams = Datagrams::default();
                datagrams.add(protocol, octets, wire);
                self.0 = Shown::Datagrams(datagrams);
            }
            Shown::Nothing | Shown::Begun(_) | Shown::Stream(_) | Shown::Gist(_) => {}
        }
    }

    /// Adds what the same direction showed in a later stretch of the capture.
    pub fn join(&mut self, later: Self) {
        match (&mut self.0, later.0) {
            (Shown::Stream(own), Shown::Stream(later)) => own.join(&later),
            (Shown::Stream(own), Shown::Begun(later)) => own.join(&Stream::begun(later, 0)),
            // An empty SYN as one more segment.
            (Shown::Begun(_), Shown::Begun(later)) => self.segment(later.wrapping_sub(1), true, &[], 0),
            (Shown::Begun(own), Shown::Stream(later)) => {
                let mut stream = Stream::begun(*own, later.len());
                stream.join(&later);
                self.0 = Shown::of(stream);
            }
            (Shown::Datagrams(own), Shown::Datagrams(later)) => own.join(&later),
            (Shown::Nothing, later) | (Shown::Begun(_), later @ Shown::Gist(_)) => self.0 = later,
            // A flow has one protocol: the kinds never differ.
            (_, _) => {}
        }
    }

    /// Whether nothing was shown.
    pub fn is_empty(&self) -> bool {
        self.0 == Shown::Nothing
    }

    /// The sequence number of the first octet to come, where only a SYN was shown.
    pub fn first(&self) -> Option<u32> {
        match self.0 {
            Shown::Begun(first) => Some(first),
            _ => None,
        }
    }

    /// Whether octets were shown: of a stream, more than its beginning.
    pub fn has_octets(&self) -> bool {
        match &self.0 {
            Shown::Nothing | Shown::Begun(_) => false,
            Shown::Stream(stream) => !stream.sight().octets().is_empty(),
            Shown::Datagrams(_) | Shown::Gist(_) => true,
        }
    }

    /// Whether what comes later can add nothing, so that it need not be told.
    ///
    /// Two things may still come, and whoever drops full windows has decided not to wait for them: of a
    /// stream whose SYN was not captured, octets below the first, where segments change places; and what
    /// fills a hole when the stream is 64 KiB further.
    pub fn is_full(&self) -> bool {
        match &self.0 {
            Shown::Nothing | Shown::Begun(_) => false,
            Shown::Stream(stream) => stream.is_full(),
            Shown::Datagrams(datagrams) => datagrams.is_full(),
            Shown::Gist(_) => true,
        }
    }

    /// Writes the window so that [`Self::read`] gives it back: some 300 octets, and at most 5,000.
    pub fn write(&self, out: &mut Vec<u8>) {
        match &self.0 {
            Shown::Nothing => out.push(0),
            Shown::Stream(stream) => {
                out.push(1);
                stream.write(out);
            }
            Shown::Datagrams(datagrams) => {
                out.push(2);
                datagrams.write(out);
            }
            Shown::Begun(first) => {
                out.push(3);
                out.extend_from_slice(&first.to_be_bytes());
            }
            Shown::Gist(gist) => {
                out.push(4);
                gist.write(out);
            }
        }
    }

    /// Reads a window that [`Self::write`] wrote at the beginning of `octets`, and how many they are.
    ///
    /// Octets from elsewhere give `None` or some window, and never harm.
    pub fn read(octets: &[u8]) -> Option<(Self, usize)> {
        let mut reader = Reader::new(octets);
        let shown = match reader.u8()? {
            0 => Shown::Nothing,
            1 => Shown::of(Stream::read(&mut reader)?),
            2 => Shown::Datagrams(Datagrams::read(&mut reader)?),
            3 => Shown::Begun(reader.u32()?),
            4 => Shown::Gist(Gist::read(&mut reader)?),
            _ => return None,
        };
        Some((Self(shown), octets.len() - reader.len()))
    }

    /// What tells the verdict on two windows of one transport, where both are complete without their octets.
    pub(crate) fn gists(windows: [&Self; 2]) -> Option<Gists> {
        match windows.map(|window| &window.0) {
            [&Shown::Gist(one), &Shown::Gist(other)] => Some(Gists([one, other])),
            _ => None,
        }
    }

    /// What a stream says.
    pub(super) fn words(&self) -> Words<'_> {
        match &self.0 {
            Shown::Stream(stream) => stream.words(),
            Shown::Gist(gist) => Words::without_octets(*gist),
            Shown::Nothing | Shown::Begun(_) | Shown::Datagrams(_) => Words::of(Sight::new(&[], 0)),
        }
    }

    /// What datagrams say, beside their octets.
    pub(super) fn gist(&self) -> Gist {
        match &self.0 {
            Shown::Datagrams(datagrams) => Gist::of_datagrams(datagrams),
            Shown::Gist(gist) => *gist,
            Shown::Nothing | Shown::Begun(_) | Shown::Stream(_) => Gist::default(),
        }
    }

    /// The datagrams, where this is not a stream and they are kept.
    pub(super) fn datagrams(&self) -> Option<&Datagrams> {
        match &self.0 {
            Shown::Datagrams(datagrams) => Some(datagrams),
            Shown::Nothing | Shown::Begun(_) | Shown::Stream(_) | Shown::Gist(_) => None,
        }
    }

    /// The octets of a stream that are kept.
    #[cfg(test)]
    pub(super) fn stream(&self) -> Option<Sight<'_>> {
        match &self.0 {
            Shown::Stream(stream) => Some(stream.sight()),
            _ => None,
        }
    }

    /// The window without what lies behind the octets that are kept of every stream.
    #[cfg(test)]
    pub(super) fn short(&self) -> Self {
        match &self.0 {
            Shown::Stream(stream) => Self(Shown::Stream(stream.short())),
            _ => self.clone(),
        }
    }

    /// Octets from the first to the last one kept of a stream.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        match &self.0 {
            Shown::Stream(stream) => stream.len(),
            _ => 0,
        }
    }

    /// Tells the memory system to fetch what adding to it will look at first.
    #[inline]
    pub(crate) fn ask(&self) {
        match &self.0 {
            Shown::Datagrams(datagrams) => datagrams.ask(),
            Shown::Stream(stream) => stream.ask(),
            Shown::Nothing | Shown::Begun(_) | Shown::Gist(_) => {}
        }
    }

    /// Octets that it takes in memory, beside itself.
    pub fn size(&self) -> usize {
        match &self.0 {
            Shown::Nothing | Shown::Begun(_) | Shown::Gist(_) => 0,
            Shown::Stream(stream) => stream.size(),
            Shown::Datagrams(datagrams) => datagrams.size(),
        }
    }
}
