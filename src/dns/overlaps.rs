//! Which IP fragments overlap others of their datagram (RFC 1858, RFC 5722), whatever the datagram holds: told beside the
//! messages in fragments, as both depend on all fragments in their order.

use std::net::IpAddr;

use hashbrown::HashMap;

use super::Reassembly;
use crate::{
    decode::Headers,
    packet::{Timestamp, TransportProtocol},
};

/// Addresses, protocol and identification (RFC 791, RFC 8200 section 4.5).
type Key = (IpAddr, IpAddr, TransportProtocol, u32);

/// The datagrams under way.
#[derive(Debug, Default)]
pub(super) struct Overlaps {
    datagrams: HashMap<Key, Datagram>,
    /// Pieces of all of them.
    pieces: usize,
}

/// A datagram of which not all is there yet.
#[derive(Debug, Default)]
struct Datagram {
    begun: Option<Timestamp>,
    /// What is there, in octets: from and to, in order, apart from each other.
    pieces: Vec<(u32, u32)>,
    /// Where the last fragment ends.
    total: Option<u32>,
}

impl Overlaps {
    /// Most datagrams at a time, and most pieces of all of them; at either the late ones go, and if there are none, all.
    const MAX_DATAGRAMS: usize = 1 << 14;
    const MAX_PIECES: usize = 1 << 18;
    /// Most pieces of one datagram; what comes then is not looked at.
    const MAX_FRAGMENTS: usize = 512;

    /// Takes a fragment, whose datagram is forgotten when it completes that. Returns whether it overlaps others; a
    /// repetition does not.
    pub(super) fn push(&mut self, time: Option<Timestamp>, headers: &Headers) -> bool {
        let (Some(fragment), Some((source, destination))) = (headers.fragment, headers.network.addresses())
        else {
            return false;
        };
        if headers.fragment_len == 0 {
            return false;
        }
        self.make_room(time);
        let key = (source, destination, headers.protocol, fragment.id);
        let datagram = self.datagrams.entry(key).or_default();
        if datagram.is_late(time) {
            self.pieces -= datagram.pieces.len();
            *datagram = Datagram::default();
        }
        datagram.begun = datagram.begun.or(time);
        let (start, end) = (fragment.offset, fragment.offset.saturating_add(headers.fragment_len));
        if datagram.pieces.len() >= Self::MAX_FRAGMENTS {
            return false;
        }
        let at = datagram.pieces.partition_point(|&(_, known)| known <= start);
        match datagram.pieces.get(at) {
            Some(&known) if known == (start, end) => return false,
            Some(&(known, _)) if known < end => return true,
            _ => datagram.pieces.insert(at, (start, end)),
        }
        self.pieces += 1;
        if !fragment.more {
            datagram.total = Some(end);
        }
        if datagram.is_complete() {
            self.pieces -= datagram.pieces.len();
            self.datagrams.remove(&key);
        }
        false
    }

    fn make_room(&mut self, time: Option<Timestamp>) {
        let is_full =
            |all: &Self| all.datagrams.len() >= Self::MAX_DATAGRAMS || all.pieces >= Self::MAX_PIECES;
        if is_full(self) {
            self.datagrams.retain(|_, datagram| !datagram.is_late(time));
            self.pieces = self.datagrams.values().map(|datagram| datagram.pieces.len()).sum();
        }
        if is_full(self) {
            *self = Self::default();
        }
    }
}

impl Datagram {
    fn is_late(&self, time: Option<Timestamp>) -> bool {
        time.zip(self.begun).is_some_and(|(time, begun)| time.since(begun) > Reassembly::TIMEOUT)
    }

    fn is_complete(&self) -> bool {
        let (Some(total), Some(&(0, _))) = (self.total, self.pieces.first()) else { return false };
        self.pieces.last().is_some_and(|&(_, end)| end == total)
            && self.pieces.windows(2).all(|pair| pair[0].1 == pair[1].0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::{Fragment, Network};

    fn headers(id: u32, (start, end): (u32, u32), more: bool) -> Headers {
        Headers {
            network: Network::V4([192, 0, 2, 1], [192, 0, 2, 2]),
            protocol: TransportProtocol::TCP,
            fragment: Some(Fragment { id, offset: start, more }),
            fragment_len: end - start,
            ..Headers::default()
        }
    }

    #[test]
    fn fragments_that_share_octets_overlap() {
        let mut overlaps = Overlaps::default();
        let mut push = |id, range, more| overlaps.push(Some(Timestamp(1)), &headers(id, range, more));
        assert!(!push(7, (0, 24), true));
        assert!(!push(7, (48, 72), true));
        assert!(!push(7, (0, 24), true), "a repetition");
        assert!(push(7, (16, 40), true), "the end of the first");
        assert!(push(7, (8, 16), true), "within the first");
        assert!(push(7, (0, 16), true), "a part of the first");
        assert!(push(7, (40, 56), false), "the beginning of the other");
        assert!(push(7, (40, 80), false), "around the other");
        assert!(!push(8, (16, 40), true), "another datagram");
        assert!(!push(7, (24, 48), true), "between them");
        assert!(!push(7, (72, 80), false));
        assert!(!push(7, (16, 40), true), "complete: the identification is used again");
    }

    #[test]
    fn datagrams_end_with_time_and_for_want_of_room() {
        let mut overlaps = Overlaps::default();
        let minute = 60 * Timestamp::SECOND;
        assert!(!overlaps.push(Some(Timestamp(0)), &headers(7, (0, 24), true)));
        assert!(overlaps.push(Some(Timestamp(minute)), &headers(7, (8, 32), true)));
        assert!(!overlaps.push(Some(Timestamp(minute + 1)), &headers(7, (8, 32), true)));
        for id in 0..100_000 {
            overlaps.push(None, &headers(id, (0, 8), true));
            overlaps.push(None, &headers(id, (16, 24), true));
            assert!(overlaps.datagrams.len() <= Overlaps::MAX_DATAGRAMS);
        }
        for piece in 0..1_000 {
            overlaps.push(None, &headers(7, (piece * 16, piece * 16 + 8), true));
        }
        let counted = overlaps.datagrams.values().map(|datagram| datagram.pieces.len()).sum::<usize>();
        assert_eq!(overlaps.pieces, counted);
        assert!(overlaps.datagrams.values().all(|datagram| datagram.pieces.len() <= Overlaps::MAX_FRAGMENTS));
    }
}
