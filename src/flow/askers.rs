//! Sockets that asked a group, or a TFTP server: who sends them a datagram soon after answers.

use std::net::IpAddr;

use hashbrown::HashMap;

use super::{
    FiveTuple, Flows,
    key::{Direction, Seed},
    peers::hashes,
};
use crate::packet::{Share, Timestamp, TransportProtocol};

/// How long after a question its answers come: 30 s, in ns.
const PATIENCE: u64 = 30 * Timestamp::SECOND;
/// Sockets remembered before the quarter that asked least recently is forgotten.
const MOST: usize = 1 << 18;
/// A TFTP server answers from another port than the one that is asked (RFC 1350 section 4).
const TFTP: u16 = 69;

/// When and how a socket asked.
#[derive(Clone, Copy, Debug)]
struct Asked {
    /// Its first question, in ns since the epoch.
    first: u64,
    /// Its last one.
    last: u64,
    /// Whether it asked a group from the port that it asked: it belongs to the group itself.
    member: bool,
}

/// UDP sockets that asked a group, or a TFTP server: 64 bits under a secret seed stand for each. How much of the room there
/// is by default they may take.
#[derive(Debug, Default)]
pub(crate) struct Askers(HashMap<u64, Asked>, Share);

impl Askers {
    /// None, with this share of the room.
    pub(super) fn within(share: Share) -> Self {
        Self(HashMap::new(), share)
    }

    /// Notes all five-tuples that are questions, found on so many threads.
    pub(super) fn of(flows: &Flows, threads: usize) -> Self {
        let parts = flows.map_ranges(threads, |family, range| {
            let tuples = flows.five_tuples_in(family, range);
            tuples.filter_map(|tuple| question(&tuple, flows.seed())).collect::<Vec<_>>()
        });
        let mut all = Self::within(flows.options.share);
        // Which ones are forgotten follows from the order of the five-tuples.
        parts.into_iter().flat_map(|(_, part)| part).for_each(|(hash, asked)| all.add(hash, asked));
        all
    }

    /// Notes the five-tuple, if it is a question.
    pub(super) fn note(&mut self, tuple: &FiveTuple<'_>, seed: Seed) {
        if let Some((hash, asked)) = question(tuple, seed) {
            self.add(hash, asked);
        }
    }

    fn add(&mut self, hash: u64, new: Asked) {
        if self.0.len() >= self.1.of(MOST) && !self.0.contains_key(&hash) {
            self.forget();
        }
        let known = self.0.entry(hash).or_insert(new);
        known.first = known.first.min(new.first);
        known.last = known.last.max(new.last);
        known.member |= new.member;
    }

    /// Forgets the quarter that asked least recently.
    #[cold]
    fn forget(&mut self) {
        let mut ages: Vec<u64> = self.0.values().map(|asked| asked.last).collect();
        let quarter = ages.len() / 4;
        let cutoff = *ages.select_nth_unstable(quarter).1;
        self.0.retain(|_, asked| asked.last > cutoff);
    }

    /// The way to the server, where the first packet of a five-tuple is such an answer.
    pub(crate) fn server(&self, tuple: &FiveTuple<'_>, seed: Seed) -> Option<Direction> {
        if self.0.is_empty() || tuple.key.protocol() != TransportProtocol::UDP || tuple.group_way().is_some()
        {
            return None;
        }
        let first = tuple.first()?;
        let [low, high] = hashes(&tuple.key, seed);
        let before = |hash| {
            let asked = self.0.get(hash)?;
            (asked.first <= first && first.saturating_sub(asked.last) <= PATIENCE).then_some(asked)
        };
        let answer = tuple.facts.first();
        let (source, destination) = if answer == Direction::Up { (&low, &high) } else { (&high, &low) };
        let asker = before(destination)?;
        match before(source) {
            None => Some(answer.reverse()),
            Some(other) => match (other.member, asker.member) {
                (true, false) => Some(answer.reverse()),
                (false, true) => Some(answer),
                _ => None,
            },
        }
    }
}

/// The socket that asks, and when, where a five-tuple is a question.
fn question(tuple: &FiveTuple<'_>, seed: Seed) -> Option<(u64, Asked)> {
    if tuple.key.protocol() != TransportProtocol::UDP {
        return None;
    }
    let (low, high) = tuple.key.ports()?;
    let ports = |way| if way == Direction::Up { (low, high) } else { (high, low) };
    let way = tuple.group_way().or_else(|| {
        let way = tuple.facts.first();
        let (from, to) = ports(way);
        (to == TFTP && from != TFTP).then_some(way)
    })?;
    let [low, high] = hashes(&tuple.key, seed);
    let (from, to) = ports(way);
    let asked = Asked { first: tuple.first()?, last: tuple.last()?, member: from == to };
    Some((if way == Direction::Up { low } else { high }, asked))
}

impl FiveTuple<'_> {
    /// The way to a group of hosts: a multicast address, or the IPv4 limited broadcast address (RFC 919 section 7).
    pub(crate) fn group_way(&self) -> Option<Direction> {
        match [self.key.low().0, self.key.high().0].map(is_group) {
            [true, false] => Some(Direction::Down),
            [false, true] => Some(Direction::Up),
            _ => None,
        }
    }

    /// Time of its last packet, in ns since the epoch.
    fn last(&self) -> Option<u64> {
        self.total().last()
    }
}

/// Whether an address names a group.
pub(crate) const fn is_group(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_multicast() || v4.is_broadcast(),
        IpAddr::V6(v6) => v6.is_multicast(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_asked_least_recently_are_forgotten() {
        let mut askers = Askers::default();
        for number in 0..=MOST as u64 {
            askers.add(number, Asked { first: number, last: number, member: false });
        }
        // A quarter left, and one came.
        assert_eq!(askers.0.len(), MOST - MOST / 4);
        assert!(!askers.0.contains_key(&(MOST as u64 / 4)) && askers.0.contains_key(&(MOST as u64 / 4 + 1)));
        let asked = Asked { first: 1, last: 9, member: true };
        askers.add(MOST as u64, asked);
        let known = askers.0[&(MOST as u64)];
        assert_eq!((known.first, known.last, known.member), (1, MOST as u64, true));
    }
}
