//! What one direction was heard to say: protocols, and how sure each of them is.

use std::hash::{Hash, Hasher};

use super::protocol::Protocol;
use super::reader::{Reader, check};
use super::sight::{Said, Strength};

/// The patterns that matched, at most [`Heard::KEPT`]: protocols, and what was said in them as [`Said::number`] has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Heard([Option<(Protocol, u8)>; Self::KEPT]);

/// In one step: most directions have one pattern that matches.
impl Hash for Heard {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let digest = |sum: u64, (protocol, said): &(Protocol, u8)| {
            sum << 16 ^ u64::from(protocol.id()) << 8 ^ u64::from(*said)
        };
        state.write_u64(self.0.iter().flatten().fold(0, digest));
    }
}

impl Heard {
    /// Patterns that can match at once; a test over random and real octets has never met more than four.
    pub(super) const KEPT: usize = 6;

    /// Whether no pattern matched.
    pub(super) fn is_empty(&self) -> bool {
        self.0[0].is_none()
    }

    /// Adds what a pattern said.
    pub(super) fn add(&mut self, protocol: Protocol, said: Said) {
        let place = self.0.iter_mut().find(|place| place.is_none_or(|(other, _)| other == protocol));
        if let Some(place) = place {
            let before = place.and_then(|(_, before)| Said::of_number(before));
            *place = Some((protocol, before.map_or(said, |before| before.and(said)).number()));
        }
    }

    /// Writes it so that [`Self::read`] gives it back.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.push(self.iter().count() as u8);
        out.extend(self.iter().flat_map(|(protocol, said)| [protocol.id(), said.number()]));
    }

    /// Reads what [`Self::write`] wrote.
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let count = reader.u8()?;
        check(usize::from(count) <= Self::KEPT)?;
        let mut heard = Self::default();
        for _ in 0..count {
            let [id, said] = reader.array()?;
            heard.add(Protocol::from_id(id)?, Said::of_number(said)?);
        }
        Some(heard)
    }

    /// What was said in this protocol.
    pub(super) fn of(&self, protocol: Protocol) -> Said {
        self.iter().find(|&(other, _)| other == protocol).map_or(Said::NOTHING, |(_, said)| said)
    }

    /// The protocols that something was said in.
    pub(super) fn protocols(&self) -> impl Iterator<Item = Protocol> + '_ {
        self.0.iter().map_while(|place| place.map(|(protocol, _)| protocol))
    }

    /// All that was said.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Protocol, Said)> + '_ {
        // What was heard stands before the free places.
        self.0.iter().map_while(|&place| {
            let (protocol, said) = place?;
            Some((protocol, Said::of_number(said)?))
        })
    }

    /// How sure the surest pattern is.
    pub(super) fn strength(&self) -> Strength {
        self.iter().map(|(_, said)| said.strength()).max().unwrap_or(Strength::Nothing)
    }
}
