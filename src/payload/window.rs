//! What one direction of a flow showed first: bounded, and joined exactly across stretches of a capture.

use super::datagrams::Datagrams;
use super::reader::Reader;
use super::sight::Sight;
use super::stream::Stream;
use crate::packet::TransportProtocol;

/// What one direction showed first. An empty window takes no memory of its own.
///
/// TCP: the first 256 octets of the stream in order of sequence number, and the length on the wire of its
/// first segment. Retransmissions are ignored, a hole ends it, octets on the SYN count, and a lone
/// keep-alive octet before the first real one does not. Other protocols: up to four datagrams, each with
/// what it alone shows, its length and its first 48 octets; none is added once one was strong.
///
/// Joining the windows of an earlier and a later stretch of a capture gives what one pass over both would
/// have given, wherever the capture was cut.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Window(Shown);

/// The two kinds of windows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Shown {
    /// Nothing was shown.
    #[default]
    Nothing,
    /// Octets of a stream.
    Stream(Box<Stream>),
    /// Datagrams.
    Datagrams(Box<Datagrams>),
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
            Shown::Nothing => {
                if let Some(stream) = Stream::segment(sequence, is_syn, octets, wire) {
                    self.0 = Shown::Stream(Box::new(stream));
                }
            }
            Shown::Datagrams(_) => {}
        }
    }

    /// Adds a datagram of UDP, UDP-Lite or DCCP, or a message of SCTP: the octets captured of its payload
    /// and how many it had on the wire.
    pub fn datagram(&mut self, protocol: TransportProtocol, octets: &[u8], wire: u32) {
        match &mut self.0 {
            Shown::Datagrams(datagrams) => datagrams.add(protocol, octets, wire),
            Shown::Nothing if wire > 0 => {
                let mut datagrams = Box::<Datagrams>::default();
                datagrams.add(protocol, octets, wire);
                self.0 = Shown::Datagrams(datagrams);
            }
            Shown::Nothing | Shown::Stream(_) => {}
        }
    }

    /// Adds what the same direction showed in a later stretch of the capture.
    pub fn join(&mut self, later: Self) {
        match (&mut self.0, later.0) {
            (Shown::Stream(own), Shown::Stream(later)) => own.join(&later),
            (Shown::Datagrams(own), Shown::Datagrams(later)) => own.join(&later),
            (Shown::Nothing, later) => self.0 = later,
            // A flow has one protocol: the kinds never differ.
            (_, _) => {}
        }
    }

    /// Whether nothing was shown.
    pub fn is_empty(&self) -> bool {
        self.0 == Shown::Nothing
    }

    /// Whether octets were shown: of a stream, more than its beginning.
    pub fn has_octets(&self) -> bool {
        match &self.0 {
            Shown::Nothing => false,
            Shown::Stream(stream) => !stream.sight().octets().is_empty(),
            Shown::Datagrams(_) => true,
        }
    }

    /// Whether what comes later can add nothing, so that it need not be told.
    ///
    /// Two things may still come, and whoever drops full windows has decided not to wait for them: of a
    /// stream whose SYN was not captured, octets below the first, where segments change places; and what
    /// fills a hole when the stream is 64 KiB further.
    pub fn is_full(&self) -> bool {
        match &self.0 {
            Shown::Nothing => false,
            Shown::Stream(stream) => stream.is_full(),
            Shown::Datagrams(datagrams) => datagrams.is_full(),
        }
    }

    /// Writes the window so that [`Self::read`] gives it back; at most some 400 octets.
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
        }
    }

    /// Reads a window that [`Self::write`] wrote at the beginning of `octets`, and how many they are.
    ///
    /// Octets from elsewhere give `None` or some window, and never harm.
    pub fn read(octets: &[u8]) -> Option<(Self, usize)> {
        let mut reader = Reader::new(octets);
        let shown = match reader.u8()? {
            0 => Shown::Nothing,
            1 => Shown::Stream(Box::new(Stream::read(&mut reader)?)),
            2 => Shown::Datagrams(Box::new(Datagrams::read(&mut reader)?)),
            _ => return None,
        };
        Some((Self(shown), octets.len() - reader.len()))
    }

    /// What recognisers look at in a stream.
    pub(super) fn stream(&self) -> Option<Sight<'_>> {
        match &self.0 {
            Shown::Stream(stream) => Some(stream.sight()),
            Shown::Nothing | Shown::Datagrams(_) => None,
        }
    }

    /// The datagrams, where this is not a stream.
    pub(super) fn datagrams(&self) -> Option<&Datagrams> {
        match &self.0 {
            Shown::Datagrams(datagrams) => Some(datagrams),
            Shown::Nothing | Shown::Stream(_) => None,
        }
    }
}
