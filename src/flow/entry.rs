//! What the flow table holds of one five-tuple, and what a packet adds to it.

use super::{
    history::History,
    key::{Address, Direction, FlowKey},
    observed::Observation,
};
use crate::{decode::Phase, packet::TransportProtocol};

/// Silence after which the next packet of a TCP five-tuple begins another flow: one hour, in ns.
pub const TCP_TIMEOUT: u64 = 3_600_000_000_000;
/// Silence after which the next packet of any other five-tuple begins another flow: 120 s, in ns.
pub const TIMEOUT: u64 = 120_000_000_000;

/// Stands for "no time known" where a time stamp is kept in one word.
pub(super) const NO_TIME: u64 = u64::MAX;

/// Packets, octets and times of one flow, or of several added up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
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
    /// The earliest time of its packets, whatever their order.
    pub fn first(&self) -> Option<u64> {
        (self.first != NO_TIME).then_some(self.first)
    }

    /// The latest time of its packets, whatever their order.
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
        // No time is later than every time.
        self.first = self.first.min(first);
        self.last = latest(self.last, last);
    }
}

/// The later of two times, of which either may be unknown.
pub(super) fn latest(one: u64, other: u64) -> u64 {
    if one == NO_TIME || other == NO_TIME { one.min(other) } else { one.max(other) }
}

/// One finished or current flow of a five-tuple.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Flow {
    /// Its counters and times.
    pub tally: Tally,
    /// Way of its first packet.
    pub initiator: Direction,
    /// What its ends did, where it is of TCP and [kept](super::FlowOptions::history).
    pub history: History,
}

impl Flow {
    /// Adds another one of its five-tuple, of which it is not told apart any longer.
    pub(super) fn add(&mut self, later: &Self) {
        self.tally.then(&later.tally);
        self.history = History::UNKNOWN;
    }
}

/// What was seen of a five-tuple that helps to tell which side serves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Facts(pub(super) u32);

impl Facts {
    pub(super) const CURRENT_DOWN: u32 = 1;
    pub(super) const FIRST_DOWN: u32 = 1 << 1;
    pub(super) const SERVER_LOW: u32 = 1 << 2;
    pub(super) const SERVER_HIGH: u32 = 1 << 3;
    pub(super) const CLOSED: u32 = 1 << 4;
    /// The first packet of the stretch asked to open.
    pub(super) const OPENED: u32 = 1 << 5;
    /// Flows before the current one are remembered: worth a look-up.
    pub(super) const HAS_EARLIER: u32 = 1 << 6;
    /// What came before the first SYN of a later stretch is kept apart.
    pub(super) const SET_APART: u32 = 1 << 7;
    /// A SYN and ACK, INIT ACK or Response was seen.
    pub(super) const ACCEPTED: u32 = 1 << 8;
    /// The first data went downwards.
    pub(super) const FIRST_DATA_DOWN: u32 = 1 << 9;
    /// Its first octets, or a verdict on them, are in the side table.
    pub(super) const SHOWS: u32 = 1 << 10;

    // Of each of the following, the bit for upwards; the next one is for downwards.
    /// A packet was sent to a link-layer group address.
    pub(super) const GROUP: u32 = 1 << 16;
    /// A packet was sent that neither opens nor breaks off.
    pub(super) const SENT: u32 = 1 << 18;
    /// Data was sent, outside a SYN.
    pub(super) const DATA: u32 = 1 << 20;
    /// An ICMP error says that a packet could not be delivered.
    pub(super) const REFUSED: u32 = 1 << 22;
    /// What is sent can add nothing to what was shown first.
    pub(super) const SHOWN: u32 = 1 << 24;

    /// A pure ACK of the current flow is in its history, where that is kept.
    pub(super) const ACKED: u32 = 1 << 26;
    /// The same of data.
    pub(super) const SPOKE: u32 = 1 << 28;

    /// What no five-tuple has: a packet that needs it is always looked at.
    pub(super) const NEVER: u32 = 1 << 31;
    pub(super) const BOTH_DATA: u32 = Self::DATA | Self::DATA << 1;
    pub(super) const BOTH_SHOWN: u32 = Self::SHOWN | Self::SHOWN << 1;
    pub(super) const NOTED: u32 = Self::ACKED | Self::ACKED << 1 | Self::SPOKE | Self::SPOKE << 1;
    /// What is true of a table's entry, not of its five-tuple.
    pub(super) const OF_ENTRY: u32 = Self::CLOSED
        | Self::CURRENT_DOWN
        | Self::FIRST_DOWN
        | Self::OPENED
        | Self::HAS_EARLIER
        | Self::SET_APART
        | Self::SHOWS
        | Self::BOTH_SHOWN
        | Self::NOTED;

    /// Whether it has one of these.
    pub(super) const fn has(self, bits: u32) -> bool {
        self.0 & bits != 0
    }

    /// Whether it has this in a direction.
    const fn has_way(self, bit: u32, direction: Direction) -> bool {
        self.has(bit << direction as u32)
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
    pub(super) fn learns(self, later: Self) -> u32 {
        let known = if self.handshake().is_some() { Self::SERVER_LOW | Self::SERVER_HIGH } else { 0 };
        let begun = if self.has(Self::BOTH_DATA) { Self::FIRST_DATA_DOWN } else { 0 };
        later.0 & !(Self::OF_ENTRY | known | begun)
    }

    /// Whether a packet in this direction was sent to a link-layer group address.
    pub fn to_group(self, direction: Direction) -> bool {
        self.has_way(Self::GROUP, direction)
    }

    /// Whether a SYN and ACK, SCTP INIT ACK or DCCP Response was seen.
    pub fn accepted(self) -> bool {
        self.has(Self::ACCEPTED)
    }

    /// Whether the current flow was closed or broken off: a packet that opens begins another one.
    pub fn closed(self) -> bool {
        self.has(Self::CLOSED)
    }

    /// Whether a packet went this way that neither opens nor breaks off.
    pub fn sent(self, direction: Direction) -> bool {
        self.has_way(Self::SENT, direction)
    }

    /// Whether data went this way, outside a SYN.
    pub fn data(self, direction: Direction) -> bool {
        self.has_way(Self::DATA, direction)
    }

    /// The way of the first data outside a SYN.
    pub fn first_data(self) -> Option<Direction> {
        self.has(Self::BOTH_DATA)
            .then(|| if self.has(Self::FIRST_DATA_DOWN) { Direction::Down } else { Direction::Up })
    }

    /// Whether an ICMP error says that a packet which went this way could not be delivered.
    pub fn refused(self, direction: Direction) -> bool {
        self.has_way(Self::REFUSED, direction)
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
    /// The counters of the current flow.
    pub(super) fn tally(&self) -> Tally {
        Tally {
            octets: self.octets,
            packets: self.packets.map(u64::from),
            first: self.first,
            last: self.last,
        }
    }

    /// Way of the first packet of the current flow.
    pub(super) fn initiator(&self) -> Direction {
        if self.facts.has(Facts::CURRENT_DOWN) { Direction::Down } else { Direction::Up }
    }

    /// Forgets the counters and begins a flow with a packet in this direction.
    pub(super) fn restart(&mut self, initiator: Direction) {
        self.first = NO_TIME;
        self.last = NO_TIME;
        self.octets = [0; 2];
        self.packets = [0; 2];
        self.facts.0 &= !(Facts::CURRENT_DOWN | Facts::CLOSED | Facts::NOTED);
        self.facts.0 |= if initiator == Direction::Down { Facts::CURRENT_DOWN } else { 0 };
    }

    /// Counts a packet, if it is of this five-tuple and goes on with its current flow; most do no more.
    #[inline(always)]
    pub(super) fn takes(&mut self, observation: &Observation<'_, A>) -> bool {
        let time = observation.time.unwrap_or(NO_TIME);
        let way = observation.direction as usize;
        let plain = self.key == observation.key
            && observation.needs & !self.facts.0 == 0
            && time != NO_TIME
            && self.first != NO_TIME
            && !self.is_over(time, false)
            && self.packets[way] != u32::MAX;
        if plain {
            if time >= self.last {
                self.last = time;
            } else {
                self.first = self.first.min(time);
            }
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

/// What a packet adds to the facts.
pub(super) fn facts_of<A>(known: Facts, observation: &Observation<'_, A>) -> u32 {
    let up = observation.direction == Direction::Up;
    let way = observation.direction as u32;
    let mut facts = if observation.to_group { Facts::GROUP << way } else { 0 };
    match observation.phase {
        Phase::Open | Phase::Accept => {
            let server_is_high = up == (observation.phase == Phase::Open);
            if known.handshake().is_none() {
                facts |= if server_is_high { Facts::SERVER_HIGH } else { Facts::SERVER_LOW };
            }
            facts |= if observation.phase == Phase::Accept { Facts::ACCEPTED } else { 0 };
        }
        Phase::Close => facts |= Facts::CLOSED | Facts::SENT << way,
        Phase::Abort => facts |= Facts::CLOSED,
        Phase::None => facts |= Facts::SENT << way,
    }
    if observation.carried.wire > 0 && matches!(observation.phase, Phase::None | Phase::Close) {
        facts |= Facts::DATA << way;
        if !known.has(Facts::BOTH_DATA) && !up {
            facts |= Facts::FIRST_DATA_DOWN;
        }
    }
    facts
}
