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
        let Self { time, octets, phase, to_group, carried, .. } = self;
        let shown = looks & Facts::SHOWN;
        let begins = matches!(phase, Phase::Open | Phase::Accept);
        let mut needs = Facts::SENT;
        needs |= if to_group { Facts::GROUP } else { 0 };
        needs |= if carried.wire > 0 { Facts::DATA | shown } else { 0 };
        needs |= if begins { shown } else { 0 };
        needs <<= direction as u32;
        needs |= if phase == Phase::None { 0 } else { Facts::NEVER };
        if looks & Facts::NOTED != 0 {
            needs |= needs_of_history(key.protocol, self.flags, carried.wire > 0, direction);
        }
        Observation { key, direction, time: time.map(|time| time.0), octets, phase, to_group, needs, carried }
    }
}

/// Where [`Observation::needs`] has the number of what a segment does, from 1, if it is always looked at: bits that are no facts.
const STEP: u32 = 11;
const STEP_MASK: u32 = 0xf;
/// Stands there for a segment whose flags were not captured.
const UNREAD: u32 = 0xf;

/// What a segment needs if it is to add nothing to the history of its connection. Few runs ask for it.
#[inline(never)]
fn needs_of_history(
    protocol: TransportProtocol,
    flags: Option<TcpFlags>,
    has_data: bool,
    direction: Direction,
) -> u32 {
    if protocol != TransportProtocol::TCP {
        return 0;
    }
    match flags.map(|flags| Step::of(flags, has_data)) {
        None => Facts::NEVER | UNREAD << STEP,
        // Nothing that is noted.
        Some(None) => 0,
        Some(Some(step)) if step.fact() != 0 => step.fact() << direction as u32,
        Some(Some(step)) => Facts::NEVER | (step as u32 + 1) << STEP,
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
    /// Whether it was sent to a link-layer group address.
    pub(super) to_group: bool,
    /// Facts that must be known of its five-tuple for it to add nothing but its octets and time.
    pub(super) needs: u32,
    /// What it carries.
    pub(super) carried: Carried<'b>,
}

impl<A> Observation<'_, A> {
    /// What it does to the history of its connection, where that is kept: `Some(None)` where its flags were not captured.
    pub(super) fn step(&self) -> Option<Option<Step>> {
        let plain = self.needs >> self.direction as u32;
        match self.needs >> STEP & STEP_MASK {
            0 if plain & Facts::ACKED != 0 => Some(Some(Step::Ack)),
            0 if plain & Facts::SPOKE != 0 => Some(Some(Step::Data)),
            0 => None,
            UNREAD => Some(None),
            number => Some(Step::numbered(number - 1)),
        }
    }
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

#[cfg(test)]
mod tests {
    use super::super::key::V4;
    use super::*;

    #[test]
    fn what_a_segment_does_is_read_again_where_histories_are_kept() {
        let ends =
            [([10, 0, 0, 1], 1), ([10, 0, 0, 2], 2)].map(|(ip, port): ([u8; 4], u16)| (V4::from(ip), port));
        let step = |flags: Option<u8>, wire, [from, to]: [(V4, u16); 2], protocol, looks| {
            let (key, direction) = FlowKey::new(from, to, protocol, true);
            let carried = Carried { wire, ..Carried::default() };
            let flags = flags.map(TcpFlags);
            let seen =
                Observed { time: None, octets: 60, phase: Phase::None, flags, to_group: false, carried };
            let observation = seen.of(key, direction, looks);
            (observation.step(), observation.needs & Facts::NEVER != 0)
        };
        let (tcp, noted) = (TransportProtocol::TCP, Facts::NOTED);
        for ends in [ends, [ends[1], ends[0]]] {
            for (flags, wire) in (0..=u8::MAX).flat_map(|flags| [(flags, 0), (flags, 9)]) {
                let does = Step::of(TcpFlags(flags), wire > 0);
                let always = !matches!(does, None | Some(Step::Ack | Step::Data));
                assert_eq!(step(Some(flags), wire, ends, tcp, noted), (does.map(Some), always), "{flags:x}");
                assert_eq!(step(Some(flags), wire, ends, tcp, 0), (None, false), "{flags:x}");
            }
            assert_eq!(step(None, 9, ends, tcp, noted), (Some(None), true));
            assert_eq!(step(None, 9, ends, TransportProtocol::UDP, noted), (None, false));
        }
    }
}
