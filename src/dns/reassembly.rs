//! DNS messages in fragmented IP packets, which mDNS allows (RFC 6762 section 17).

use super::Via;
use crate::{
    decode::{Headers, Network},
    packet::{Timestamp, TransportProtocol},
};

/// Puts the fragments of UDP datagrams between DNS ports together again.
///
/// Bounded: [`Self::MAX_DATAGRAMS`] at a time, the oldest leaves first; [`Self::MAX_FRAGMENTS`] of each;
/// [`Self::TIMEOUT`] of capture time. Fragments that overlap end their datagram, as RFC 5722 demands for
/// IPv6; exact repetitions are passed over.
#[derive(Debug, Default)]
pub struct Reassembly {
    datagrams: Vec<Datagram>,
    whole: Vec<u8>,
    overlapped: bool,
    dropped: u64,
}

#[derive(Debug)]
struct Datagram {
    network: Network,
    id: u32,
    begun: Option<Timestamp>,
    /// Its ports, once the first fragment was seen.
    ports: Option<(u16, u16)>,
    /// Not DNS, or broken: fragments to come are passed over.
    ignored: bool,
    /// What is there of the payload, and where: offset and length in octets.
    octets: Vec<u8>,
    pieces: Vec<(usize, usize)>,
    total: Option<usize>,
}

/// Octets of the UDP header, which the first fragment begins with.
const UDP_HEADER: usize = 8;
/// Most octets a UDP datagram can carry.
const MAX_PAYLOAD: usize = 65_535 - UDP_HEADER;

impl Reassembly {
    /// Most datagrams under way at a time.
    pub const MAX_DATAGRAMS: usize = 64;
    /// Most fragments of one datagram.
    pub const MAX_FRAGMENTS: usize = 128;
    /// How long a datagram may take, in nanoseconds of capture time (RFC 8200 section 4.5).
    pub const TIMEOUT: u64 = 60 * Timestamp::SECOND;

    /// Knows no fragment yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a fragment: `headers` with [`Headers::fragment`] set, and the octets of its payload as the headers
    /// locate it. When that completes a datagram, returns its ports and whole payload.
    pub fn push(
        &mut self,
        time: Option<Timestamp>,
        headers: &Headers,
        payload: &[u8],
    ) -> Option<((u16, u16), &[u8])> {
        let fragment = headers.fragment.filter(|_| headers.protocol == TransportProtocol::UDP)?;
        self.overlapped = false;
        let at = self.datagram(time, headers.network, fragment.id);
        let datagram = &mut self.datagrams[at];
        let start = if fragment.offset == 0 {
            datagram.ports = headers.ports;
            let (source, destination) = headers.ports?;
            datagram.ignored |= Via::of(headers.protocol, source, destination).is_none();
            Some(0)
        } else {
            (fragment.offset as usize).checked_sub(UDP_HEADER)
        };
        match start {
            Some(_) if datagram.pieces.len() >= Self::MAX_FRAGMENTS => {
                self.dropped += u64::from(!datagram.ignored);
                datagram.ignored = true;
            }
            Some(start) if !datagram.ignored => {
                self.overlapped = datagram.add(start, payload, fragment.more);
            }
            _ => datagram.ignored = true,
        }
        if datagram.ignored {
            (datagram.octets, datagram.pieces) = (Vec::new(), Vec::new());
            return None;
        }
        let held: usize = datagram.pieces.iter().map(|(_, len)| len).sum();
        if datagram.total != Some(held) {
            return None;
        }
        let ports = datagram.ports?;
        self.whole = self.datagrams.swap_remove(at).octets;
        Some((ports, &self.whole))
    }

    /// The payload that was completed last.
    pub(crate) fn whole(&self) -> &[u8] {
        &self.whole
    }

    /// Datagrams that may hold DNS and were given up for want of room.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Whether the fragment just taken overlaps others of its datagram.
    pub(crate) fn overlapped(&self) -> bool {
        self.overlapped
    }

    /// Index of the datagram under way, which begins here if there is none.
    fn datagram(&mut self, time: Option<Timestamp>, network: Network, id: u32) -> usize {
        let late = |begun: Option<Timestamp>| {
            time.zip(begun).is_some_and(|(time, begun)| time.since(begun) > Self::TIMEOUT)
        };
        self.datagrams.retain(|datagram| !late(datagram.begun));
        let known = self.datagrams.iter().position(|known| known.id == id && known.network == network);
        known.unwrap_or_else(|| {
            if self.datagrams.len() >= Self::MAX_DATAGRAMS {
                let oldest = self.datagrams.iter().enumerate().min_by_key(|(_, datagram)| datagram.begun);
                if let Some((oldest, _)) = oldest {
                    self.dropped += u64::from(!self.datagrams.swap_remove(oldest).ignored);
                }
            }
            self.datagrams.push(Datagram {
                network,
                id,
                begun: time,
                ports: None,
                ignored: false,
                octets: Vec::new(),
                pieces: Vec::new(),
                total: None,
            });
            self.datagrams.len() - 1
        })
    }
}

impl Datagram {
    /// Returns whether the fragment overlaps others.
    fn add(&mut self, start: usize, payload: &[u8], more: bool) -> bool {
        let end = start + payload.len();
        if self.pieces.contains(&(start, payload.len())) {
            return false;
        }
        let overlaps = self.pieces.iter().any(|&(known, len)| start < known + len && known < end);
        let beyond = self.total.is_some_and(|total| end > total || !more);
        if overlaps || beyond || end > MAX_PAYLOAD {
            self.ignored = true;
            return overlaps;
        }
        if !more {
            self.total = Some(end);
        }
        if self.octets.len() < end {
            self.octets.resize(end, 0);
        }
        self.octets[start..end].copy_from_slice(payload);
        self.pieces.push((start, payload.len()));
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::Fragment;

    const PORTS: (u16, u16) = (5353, 5353);
    const WHOLE: &[u8] = b"0123456789abcdefABCDEFGH";

    /// The fragment with octets `start` to `end` of the payload.
    fn fragment(id: u32, start: usize, end: usize) -> (Headers, &'static [u8]) {
        let offset = if start == 0 { 0 } else { start + UDP_HEADER } as u32;
        let headers = Headers {
            network: Network::V4([192, 0, 2, 1], [224, 0, 0, 251]),
            protocol: TransportProtocol::UDP,
            ports: (start == 0).then_some(PORTS),
            fragment: Some(Fragment { id, offset, more: end < WHOLE.len() }),
            ..Headers::default()
        };
        (headers, &WHOLE[start..end])
    }

    fn push(reassembly: &mut Reassembly, seconds: u64, piece: (Headers, &[u8])) -> Option<Vec<u8>> {
        let (headers, payload) = piece;
        let time = Some(Timestamp(seconds * Timestamp::SECOND));
        reassembly.push(time, &headers, payload).map(|(ports, whole)| {
            assert_eq!(ports, PORTS);
            whole.to_vec()
        })
    }

    #[test]
    fn fragments_in_any_order_and_twice() {
        let pieces = [(0, 8), (8, 16), (16, 24)];
        for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0], [2, 0, 1]] {
            let mut reassembly = Reassembly::new();
            for (index, piece) in order.into_iter().enumerate() {
                let (start, end) = pieces[piece];
                // Another datagram between the same hosts does not get in the way.
                assert_eq!(push(&mut reassembly, 1, fragment(2, 8, 16)), None);
                let whole = push(&mut reassembly, 1, fragment(1, start, end));
                assert_eq!(whole.as_deref(), (index == 2).then_some(WHOLE), "{order:?}");
            }
        }
    }

    #[test]
    fn overlaps_gaps_and_late_fragments_give_nothing() {
        let none = |pieces: &[(u64, usize, usize)]| {
            let mut reassembly = Reassembly::new();
            pieces
                .iter()
                .all(|&(at, start, end)| push(&mut reassembly, at, fragment(1, start, end)).is_none())
        };
        assert!(none(&[(1, 0, 16), (1, 8, 16), (1, 16, 24)]), "overlap");
        assert!(none(&[(1, 0, 8), (1, 16, 24)]), "gap");
        assert!(none(&[(1, 0, 8), (62, 8, 24)]), "late");
        assert!(!none(&[(1, 0, 8), (61, 8, 24)]), "in time");
    }

    #[test]
    fn bounded_whatever_comes() {
        let mut reassembly = Reassembly::new();
        for id in 0..10_000 {
            assert_eq!(push(&mut reassembly, u64::from(id) / 1_000, fragment(id, 0, 8)), None);
        }
        assert_eq!(reassembly.datagrams.len(), Reassembly::MAX_DATAGRAMS);
        assert_eq!(reassembly.dropped(), 10_000 - 64);
        let (mut headers, _) = fragment(1, 0, 8);
        headers.ports = Some((1000, 2000));
        let mut reassembly = Reassembly::new();
        assert_eq!(push(&mut reassembly, 1, fragment(1, 8, 16)), None);
        assert_eq!(reassembly.push(None, &headers, b"01234567"), None);
        assert!(reassembly.datagrams[0].ignored && reassembly.datagrams[0].octets.is_empty());
        // The last octet a datagram can have, and one more.
        headers.fragment = Some(Fragment { id: 9, offset: 65_528, more: false });
        assert_eq!(reassembly.push(None, &headers, b"01234567"), None);
        assert!(reassembly.datagrams[1].ignored);
        assert_eq!(reassembly.dropped(), 0);
        for piece in 0..=Reassembly::MAX_FRAGMENTS as u32 {
            headers.fragment = Some(Fragment { id: 10, offset: 8 + piece * 8, more: true });
            assert_eq!(reassembly.push(None, &headers, b"01234567"), None);
            assert_eq!(reassembly.dropped(), u64::from(piece == 128), "{piece}");
        }
    }
}
