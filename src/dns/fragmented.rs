//! What came of DNS messages in fragments of IP or in several segments of TCP: each by the frame that completes it,
//! however a capture is cut into stretches.

use hashbrown::{HashMap, HashSet};

use super::{
    Reassembly,
    overlaps::Overlaps,
    streams::{Segment, Streams},
};
use crate::{
    decode::{Fragment, Headers, Network},
    packed::{Broken, Reader, Writer, check},
    packet::{PacketId, Timestamp, TransportProtocol},
};

/// Ports and payload of a reassembled UDP datagram; or those of a TCP segment, with the messages that it completes, each
/// behind its length.
pub(crate) type Whole<'a> = ((u16, u16), &'a [u8]);

/// Puts messages together and remembers them.
///
/// Pieces of a message may lie in several stretches, and which messages there is room for depends on all that came
/// before. A later stretch therefore only notes down its pieces; they are put together when it is merged.
#[derive(Debug, Default)]
pub(crate) struct Fragmented {
    reassembly: Reassembly,
    streams: Streams,
    under_way: Overlaps,
    /// The pieces of a later stretch.
    log: Option<Log>,
    /// Where only the past is known, nothing is looked up but the last frame.
    causal: bool,
    messages: Messages,
    /// Fragments that overlap others.
    overlaps: HashSet<PacketId>,
}

/// Messages by the frames that complete them.
#[derive(Debug, Default)]
struct Messages {
    kept: HashMap<PacketId, Kept>,
    /// Octets that they take.
    held: usize,
    dropped: u64,
}

/// Ports and payload, as they are kept.
type Kept = ((u16, u16), Box<[u8]>);

/// Pieces noted down.
#[derive(Debug, Default)]
struct Log {
    pieces: Vec<Piece>,
    octets: Vec<u8>,
    /// There were more than there is room for: the stretch must be read again for them.
    full: bool,
}

#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct Piece {
    packet: PacketId,
    time: Option<Timestamp>,
    interface: u32,
    network: Network,
    protocol: TransportProtocol,
    part: Part,
    ports: Option<(u16, u16)>,
    len: usize,
}

#[derive(Clone, Copy, Debug, serde::Serialize, serde::Deserialize)]
enum Part {
    /// With the octets that it had on the wire.
    Fragment(Fragment, u32),
    Segment(Segment),
}

impl Fragmented {
    /// Most octets of reassembled messages that are kept for charting.
    const MAX_HELD: usize = 4 << 20;
    /// Most octets that a stretch notes down.
    const MAX_LOG: usize = 8 << 20;
    /// What an entry of a table or a log takes beside the octets of its payload, about.
    const ENTRY: usize = 96;
    /// Most overlapping fragments that are remembered.
    const MAX_OVERLAPS: usize = 1 << 16;

    /// Knows no fragment yet; `later_stretch` as in [`crate::knowledge::Knowledge::new`].
    pub(crate) fn new(later_stretch: bool, causal: bool) -> Self {
        Self { log: later_stretch.then(Log::default), causal, ..Self::default() }
    }

    /// Takes a fragment; when that completes a message, returns it.
    pub(crate) fn push(
        &mut self,
        (packet, interface): (PacketId, u32),
        time: Option<Timestamp>,
        headers: &Headers,
        payload: &[u8],
    ) -> Option<Whole<'_>> {
        let fragment = headers.fragment?;
        let is_udp = headers.protocol == TransportProtocol::UDP;
        if let Some(log) = &mut self.log {
            let payload = if is_udp { payload } else { &[] };
            let part = Part::Fragment(fragment, headers.fragment_len);
            log.add((packet, interface), time, headers, part, payload);
            return None;
        }
        self.forget();
        let complete = self.reassembly.push(time, headers, payload).map(|(ports, _)| ports);
        let overlaps = self.under_way.push(time, headers) || is_udp && self.reassembly.overlapped();
        if overlaps && self.overlaps.len() < Self::MAX_OVERLAPS {
            self.overlaps.insert(packet);
        }
        let ports = complete?;
        let whole = self.reassembly.whole();
        self.messages.keep(packet, ports, whole);
        Some((ports, whole))
    }

    /// Takes what a TCP segment holds beside whole messages; when that completes messages, returns them.
    pub(crate) fn push_segment(
        &mut self,
        (packet, interface): (PacketId, u32),
        time: Option<Timestamp>,
        headers: &Headers,
        (segment, octets): (Segment, &[u8]),
    ) -> Option<Whole<'_>> {
        if let Some(log) = &mut self.log {
            log.add((packet, interface), time, headers, Part::Segment(segment), octets);
            return None;
        }
        self.forget();
        let ports = headers.ports.filter(|_| self.streams.push(time, headers, segment, octets))?;
        let whole = self.streams.whole();
        self.messages.keep(packet, ports, whole);
        Some((ports, whole))
    }

    /// Forgets what came of the frames before, where nobody asks for it again.
    fn forget(&mut self) {
        if self.causal {
            self.messages.kept.clear();
            self.messages.held = 0;
            self.overlaps.clear();
        }
    }

    /// The message that this frame completes.
    pub(crate) fn message(&self, packet: PacketId) -> Option<Whole<'_>> {
        self.messages.kept.get(&packet).map(|(ports, whole)| (*ports, &**whole))
    }

    /// Whether this frame holds a fragment that overlaps another.
    pub(crate) fn overlaps(&self, packet: PacketId) -> bool {
        self.overlaps.contains(&packet)
    }

    /// Messages that charting will not show because there is no room for them.
    pub(crate) fn dropped(&self) -> u64 {
        self.messages.dropped
    }

    /// Datagrams that may hold DNS and were given up for want of room.
    pub(crate) fn given_up(&self) -> u64 {
        self.reassembly.dropped()
    }

    /// How often octets of DNS over TCP that waited for others were given up for want of room.
    pub(crate) fn streams_given_up(&self) -> u64 {
        self.streams.dropped()
    }

    /// Whether the stretch has more pieces than could be noted down.
    pub(crate) fn is_full(&self) -> bool {
        self.log.as_ref().is_some_and(|log| log.full)
    }

    /// Forgets the pieces of a part that were learned otherwise.
    pub(crate) fn forget_log(&mut self) {
        self.log = Some(Log::default());
    }

    /// Writes the pieces that a part noted down.
    pub(crate) fn write(&self, out: &mut Writer) {
        let empty = Log::default();
        let log = self.log.as_ref().unwrap_or(&empty);
        out.put(&log.full);
        out.all(log.pieces.iter());
        out.put(&log.octets[..]);
    }

    /// Reads what [`Self::write`] wrote.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, Broken> {
        let mut log = Log { full: reader.get()?, ..Log::default() };
        let mut len = 0usize;
        reader.all(Self::MAX_LOG / Self::ENTRY, |piece: Piece| {
            len = len.checked_add(piece.len).ok_or(Broken)?;
            let in_order = log.pieces.last().is_none_or(|last| last.packet <= piece.packet);
            let ends = match piece.part {
                Part::Fragment(fragment, len) => [fragment.offset, len],
                Part::Segment(_) => [0; 2],
            };
            check(in_order && piece.packet.number < 1 << 52 && ends.iter().all(|&end| end <= 1 << 24))?;
            log.pieces.push(piece);
            Ok(())
        })?;
        let octets: &[u8] = reader.get()?;
        check(octets.len() == len && len <= Self::MAX_LOG)?;
        log.octets = octets.to_vec();
        Ok(Self { log: Some(log), ..Self::default() })
    }

    /// Calls `visit` with each piece noted down, in order: fragments, and what segments hold beside whole messages.
    pub(crate) fn replay(
        self,
        mut visit: impl FnMut((PacketId, u32), Option<Timestamp>, &Headers, Option<Segment>, &[u8]),
    ) {
        let log = self.log.unwrap_or_default();
        let mut headers = Headers::default();
        let mut rest = &log.octets[..];
        for piece in log.pieces {
            let (payload, more) = rest.split_at(piece.len);
            rest = more;
            headers.network = piece.network;
            headers.protocol = piece.protocol;
            headers.ports = piece.ports;
            let segment;
            (headers.fragment, headers.fragment_len, segment) = match piece.part {
                Part::Fragment(fragment, len) => (Some(fragment), len, None),
                Part::Segment(segment) => (None, 0, Some(segment)),
            };
            visit((piece.packet, piece.interface), piece.time, &headers, segment, payload);
        }
    }
}

impl Messages {
    /// Keeps a message, while there is room, for charting.
    fn keep(&mut self, packet: PacketId, ports: (u16, u16), whole: &[u8]) {
        let needed = whole.len() + Fragmented::ENTRY;
        if self.held + needed <= Fragmented::MAX_HELD {
            self.held += needed;
            self.kept.insert(packet, (ports, whole.into()));
        } else {
            self.dropped += 1;
        }
    }
}

impl Log {
    fn add(
        &mut self,
        (packet, interface): (PacketId, u32),
        time: Option<Timestamp>,
        headers: &Headers,
        part: Part,
        payload: &[u8],
    ) {
        let needed = self.octets.len() + payload.len() + (self.pieces.len() + 1) * Fragmented::ENTRY;
        if self.full || needed > Fragmented::MAX_LOG {
            *self = Self { full: true, ..Self::default() };
            return;
        }
        let (&Headers { network, protocol, ports, .. }, len) = (headers, payload.len());
        self.pieces.push(Piece { packet, time, interface, network, protocol, part, ports, len });
        self.octets.extend_from_slice(payload);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(id: u32, offset: u32, more: bool) -> Headers {
        Headers {
            network: Network::V4([192, 0, 2, 1], [224, 0, 0, 251]),
            protocol: TransportProtocol::UDP,
            ports: (offset == 0).then_some((5353, 5353)),
            fragment: Some(Fragment { id, offset, more }),
            ..Headers::default()
        }
    }

    fn packet(number: u64) -> PacketId {
        PacketId { file: 0, number }
    }

    #[test]
    fn messages_are_kept_up_to_a_bound_and_counted_beyond() {
        let mut fragmented = Fragmented::new(false, false);
        let half = vec![7; 32 << 10];
        for id in 0..200 {
            let number = u64::from(id) * 2;
            assert!(fragmented.push((packet(number), 0), None, &headers(id, 0, true), &half).is_none());
            let tail = headers(id, 8 + half.len() as u32, false);
            let (ports, whole) = fragmented.push((packet(number + 1), 0), None, &tail, b"tail").unwrap();
            assert_eq!((ports, whole.len()), ((5353, 5353), half.len() + 4));
        }
        let kept = (0..400).filter(|&number| fragmented.message(packet(number)).is_some()).count() as u64;
        assert_eq!(kept, (4 << 20) / (half.len() as u64 + 4 + 96));
        assert_eq!(fragmented.dropped(), 200 - kept);
    }

    /// Those of a datagram that is no UDP, of which a later stretch has the other half.
    #[test]
    fn overlaps_are_told_across_stretches() {
        let piece = |offset| Headers {
            protocol: TransportProtocol::TCP,
            fragment_len: 24,
            ports: None,
            ..headers(7, offset, true)
        };
        let (mut first, mut later) = (Fragmented::new(false, false), Fragmented::new(true, false));
        first.push((packet(1), 0), None, &piece(0), b"");
        later.push((packet(2), 0), None, &piece(16), b"");
        later.push((packet(3), 0), None, &piece(24), b"");
        later.replay(|packet, time, headers, _, payload| {
            first.push(packet, time, headers, payload);
        });
        let told: Vec<_> = (0..4).filter(|&number| first.overlaps(packet(number))).collect();
        assert_eq!(told, [2]);
    }

    #[test]
    fn a_log_that_overflows_says_so_and_gives_its_memory_back() {
        let mut fragmented = Fragmented::new(true, false);
        for number in 0..200 {
            assert!(fragmented.push((packet(number), 0), None, &headers(1, 0, true), &[7; 60_000]).is_none());
            assert_eq!(fragmented.is_full(), number >= 139, "{number}");
        }
        assert_eq!(fragmented.log.as_ref().unwrap().octets.capacity(), 0);
        fragmented.replay(|_, _, _, _, _| panic!("there is nothing left"));
    }
}
