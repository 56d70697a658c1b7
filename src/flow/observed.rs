//! What the flow table wants to know of a packet.

use super::{
    entry::Facts,
    history::Step,
    key::{Direction, FlowKey},
};
use crate::{
    decode::{Phase, TcpFlags},
    packet::{Timestamp, TransportProtocol},
};

/// What the flow table wants to know of one packet beside its five-tuple.
#[derive(Clone, Copy, Debug)]
pub struct Observed<'b> {
    /// Capture time, where known.
    pub time: Option<Timestamp>,
    /// Octets on the wire.
    pub octets: u32,
    /// What it does to its flow.
    pub phase: Phase,
    /// The flags of a TCP segment, where they were captured.
    pub flags: Option<TcpFlags>,
    /// Whether it was sent to a link-layer group address.
    pub to_group: bool,
    /// What it carries.
    pub carried: Carried<'b>,
}

impl<'b> Observed<'b> {
    /// `looks` has [`Facts::SHOWN`] where first octets are looked at, and [`Facts::NOTED`] where histories are kept.
    #[inline]
    pub(super) fn of<A>(self, key: FlowKey<A>, direction: Direction, looks: u32) -> Observation<'b, A> {
        let Self { time, octets, phase, flags, to_group, carried } = self;
        let shown = looks & Facts::SHOWN;
        let begins = matches!(phase, Phase::Open | Phase::Accept);
        let mut needs = Facts::SENT;
        needs |= if to_group { Facts::GROUP } else { 0 };
        needs |= if carried.wire > 0 { Facts::DATA | shown } else { 0 };
        needs |= if begins { shown } else { 0 };
        needs <<= direction as u32;
        needs |= if phase == Phase::None { 0 } else { Facts::NEVER };
        if looks & Facts::NOTED != 0 && key.protocol == TransportProtocol::TCP {
            needs |= self.needs_of_history(direction);
        }
        let time = time.map(|time| time.0);
        Observation { key, direction, time, octets, phase, flags, to_group, needs, carried }
    }

    /// The facts that a segment needs if it is to add nothing to the history of its connection.
    fn needs_of_history(&self, direction: Direction) -> u32 {
        match self.flags.map(|flags| Step::of(flags, self.carried.wire > 0)) {
            // Nothing that is noted.
            Some(None) => 0,
            Some(Some(step)) if step.fact() != 0 => step.fact() << direction as u32,
            _ => Facts::NEVER,
        }
    }
}

/// What the flow table wants to know of one packet.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Observation<'b, A> {
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
    /// The flags of a TCP segment.
    pub(super) flags: Option<TcpFlags>,
    /// Whether it was sent to a link-layer group address.
    pub(super) to_group: bool,
    /// Facts that must be known of its five-tuple for it to add nothing but its octets and time.
    pub(super) needs: u32,
    /// What it carries.
    pub(super) carried: Carried<'b>,
}

/// What a packet carries.
#[derive(Clone, Copy, Debug, Default)]
pub struct Carried<'b> {
    /// The octets captured of its payload: of TCP a segment's, of SCTP the first message's.
    pub octets: &'b [u8],
    /// How many they were on the wire.
    pub wire: u32,
    /// Sequence number of a TCP segment.
    pub sequence: u32,
}
