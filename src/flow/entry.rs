//! What the flow table holds of one five-tuple, and what a packet adds to it.

use super::key::{Address, Direction, FlowKey};
use crate::{decode::Phase, packet::TransportProtocol};

/// Silence after which the next packet of a TCP five-tuple begins another flow: one hour, in ns.
pub const TCP_TIMEOUT: u64 = 3_600_000_000_000;
/// Silence after which the next packet of any other five-tuple begins another flow: 120 s, in ns.
pub const TIMEOUT: u64 = 120_000_000_000;

/// Stands for "no time known" where a time stamp is kept in one word.
pub(super) const NO_TIME: u64 = u64::MAX;

/// What the flow table wants to know of one packet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Observation<A> {
    /// Its five-tuple.
    pub(super) key: FlowKey<A>,
    /// Which way it went.
    pub(super) direction: Direction,
    /// Capture time in ns since the epoch.
    pub(super) time: Option<u64>,
    /// Octets on the wire.
    pub(super) octets: u32,
    /// What it does to its flow.
    pub(super) phase: Phase,
    /// Whether it was sent to a link-layer group address.
    pub(super) to_group: bool,
}

/// Packets, octets and times of one flow, or of several added up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally {
    /// Octets on the wire, upwards (low to high endpoint) and downwards.
    pub octets: [u64; 2],
    /// Packets, upwards and downwards.
    pub packets: [u64; 2],
    pub(super) first: u64,
    pub(super) last: u64,
}

impl Default for Tally {
    fn default() -> Self {
        Self { octets: [0; 2], packets: [0; 2], first: NO_TIME, last: NO_TIME }
    }
}

impl Tally {
    /// Time of the first packet, in capture order.
    pub fn first(&self) -> Option<u64> {
        (self.first != NO_TIME).then_some(self.first)
    }

    /// Time of the last packet, in capture order.
    pub fn last(&self) -> Option<u64> {
        (self.last != NO_TIME).then_some(self.last)
    }

    /// Packets in both directions.
    pub fn all_packets(&self) -> u64 {
        self.packets[0] + self.packets[1]
    }

    /// Octets in both directions.
    pub fn all_octets(&self) -> u64 {
        self.octets[0] + self.octets[1]
    }

    /// Counts one packet.
    pub fn count(&mut self, direction: Direction, octets: u64, time: Option<u64>) {
        self.packets[direction as usize] += 1;
        self.octets[direction as usize] += octets;
        self.then_times(time.unwrap_or(NO_TIME), time.unwrap_or(NO_TIME));
    }

    /// Adds what came later.
    pub fn then(&mut self, later: &Self) {
        for way in [0, 1] {
            self.octets[way] += later.octets[way];
            self.packets[way] += later.packets[way];
        }
        self.then_times(later.first, later.last);
    }

    fn then_times(&mut self, first: u64, last: u64) {
        if self.first == NO_TIME {
            self.first = first;
        }
        if last != NO_TIME {
            self.last = last;
        }
    }
}

/// One finished or current flow of a five-tuple.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flow {
    /// Its counters and times.
    pub tally: Tally,
    /// Way of its first packet.
    pub initiator: Direction,
}

/// What was seen of a five-tuple that helps to tell which side serves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts(pub(super) u16);

impl Facts {
    pub(super) const CURRENT_DOWN: u16 = 1;
    pub(super) const FIRST_DOWN: u16 = 2;
    pub(super) const SERVER_LOW: u16 = 4;
    pub(super) const SERVER_HIGH: u16 = 8;
    pub(super) const CLOSED: u16 = 16;
    pub(super) const GROUP_LOW: u16 = 32;
    pub(super) const GROUP_HIGH: u16 = 64;
    /// The first packet of the stretch asked to open.
    pub(super) const OPENED: u16 = 128;
    /// Flows before the current one are remembered: worth a look-up.
    pub(super) const HAS_EARLIER: u16 = 256;
    /// What came before the first SYN of a later stretch is kept apart.
    pub(super) const SET_APART: u16 = 512;
    /// What is true of a table's entry, not of its five-tuple.
    pub(super) const OF_ENTRY: u16 = Self::CLOSED
        | Self::CURRENT_DOWN
        | Self::FIRST_DOWN
        | Self::OPENED
        | Self::HAS_EARLIER
        | Self::SET_APART;

    pub(super) const fn has(self, bit: u16) -> bool {
        self.0 & bit != 0
    }

    /// Way of the first packet of the five-tuple.
    pub fn first(self) -> Direction {
        if self.has(Self::FIRST_DOWN) { Direction::Down } else { Direction::Up }
    }

    /// The direction that leads to the server, as the first handshake seen tells.
    pub fn handshake(self) -> Option<Direction> {
        if self.has(Self::SERVER_HIGH) {
            Some(Direction::Up)
        } else if self.has(Self::SERVER_LOW) {
            Some(Direction::Down)
        } else {
            None
        }
    }

    /// What a later stretch knows besides.
    pub(super) fn learns(self, later: Self) -> u16 {
        let known = if self.handshake().is_some() { Self::SERVER_LOW | Self::SERVER_HIGH } else { 0 };
        later.0 & !(Self::OF_ENTRY | known)
    }

    /// Whether a packet in this direction was sent to a link-layer group address.
    pub fn to_group(self, direction: Direction) -> bool {
        self.has(match direction {
            Direction::Up => Self::GROUP_HIGH,
            Direction::Down => Self::GROUP_LOW,
        })
    }
}

/// One five-tuple. 64 octets for IPv4: one cache line.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(64))]
pub(super) struct Entry<A> {
    pub(super) key: FlowKey<A>,
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) octets: [u64; 2],
    pub(super) packets: [u32; 2],
    /// Flows of this five-tuple that ended before the current one.
    pub(super) ended: u32,
    pub(super) facts: Facts,
}

const _: () = assert!(size_of::<Entry<super::key::V4>>() == 64);

impl<A: Address> Entry<A> {
    pub(super) fn flow(&self) -> Flow {
        Flow {
            tally: Tally {
                octets: self.octets,
                packets: self.packets.map(u64::from),
                first: self.first,
                last: self.last,
            },
            initiator: if self.facts.has(Facts::CURRENT_DOWN) { Direction::Down } else { Direction::Up },
        }
    }

    /// Forgets the counters and begins a flow with a packet in this direction.
    pub(super) fn restart(&mut self, initiator: Direction) {
        self.first = NO_TIME;
        self.last = NO_TIME;
        self.octets = [0; 2];
        self.packets = [0; 2];
        self.facts.0 &= !(Facts::CURRENT_DOWN | Facts::CLOSED);
        self.facts.0 |= if initiator == Direction::Down { Facts::CURRENT_DOWN } else { 0 };
    }

    /// Counts a packet, if it is of this five-tuple and goes on with its current flow; most do no more.
    #[inline(always)]
    pub(super) fn takes(&mut self, observation: &Observation<A>) -> bool {
        let time = observation.time.unwrap_or(NO_TIME);
        let way = observation.direction as usize;
        let plain = self.key == observation.key
            && observation.phase == Phase::None
            && !observation.to_group
            && time != NO_TIME
            && self.first != NO_TIME
            && !self.is_over(time, false)
            && self.packets[way] != u32::MAX;
        if plain {
            self.last = time;
            self.octets[way] += u64::from(observation.octets);
            self.packets[way] += 1;
        }
        plain
    }

    /// Whether `next`, that came after the current flow, belongs to another one.
    pub(super) fn is_over(&self, next: u64, opens: bool) -> bool {
        let timeout = if self.key.protocol == TransportProtocol::TCP { TCP_TIMEOUT } else { TIMEOUT };
        // No time known before is later than every time.
        let silent = next != NO_TIME && next.saturating_sub(self.last) > timeout;
        silent || opens && self.facts.has(Facts::CLOSED)
    }
}

/// What a packet's phase and destination add to the facts.
pub(super) fn facts_of<A>(known: Facts, observation: &Observation<A>) -> u16 {
    let up = observation.direction == Direction::Up;
    let mut facts = 0;
    if observation.to_group {
        facts |= if up { Facts::GROUP_HIGH } else { Facts::GROUP_LOW };
    }
    match observation.phase {
        Phase::Open | Phase::Accept if known.handshake().is_none() => {
            let server_is_high = up == (observation.phase == Phase::Open);
            facts |= if server_is_high { Facts::SERVER_HIGH } else { Facts::SERVER_LOW };
        }
        Phase::Close => facts |= Facts::CLOSED,
        _ => {}
    }
    facts
}
