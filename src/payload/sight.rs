//! What a recogniser gets to see of one direction, and how it answers.

use super::reader::{Reader, check};

/// First octets of one direction: at most [`Sight::BOUND`] of them, and a length from the wire.
#[derive(Clone, Copy)]
pub(super) struct Sight<'a> {
    octets: &'a [u8],
    /// The same and what was kept behind them, where another protocol may follow.
    all: &'a [u8],
    wire: usize,
}

impl<'a> Sight<'a> {
    /// Most octets that are ever looked at.
    pub(super) const BOUND: usize = 256;

    /// Octets that make up for a check that could not be made, when all checks before it held.
    const ENOUGH: usize = 48;

    /// A datagram, or what is known of a stream whose first segment had `wire` octets.
    pub(super) fn new(octets: &'a [u8], wire: usize) -> Self {
        Self { octets: octets.get(..Self::BOUND).unwrap_or(octets), all: octets, wire }
    }

    /// A cursor at the first octet.
    pub(super) fn reader(&self) -> Reader<'a> {
        Reader::new(self.octets)
    }

    /// A cursor over no more than the datagram, or the first segment: what follows it is left out.
    pub(super) fn first_message(&self) -> Reader<'a> {
        Reader::new(self.octets.get(..self.wire).unwrap_or(self.octets))
    }

    /// All octets at hand.
    pub(super) fn octets(&self) -> &'a [u8] {
        self.octets
    }

    /// All octets at hand and those kept behind them: for readers that follow a turn, not for recognisers.
    pub(super) fn all(&self) -> &'a [u8] {
        self.all
    }

    /// Length on the wire of the datagram, or of the first segment.
    pub(super) fn wire(&self) -> usize {
        self.wire
    }

    /// Whether the datagram or first segment has octets that are not at hand.
    pub(super) fn is_cut(&self) -> bool {
        self.octets.len() < self.wire
    }

    /// Whether a check that needs more octets than are at hand may count as passed.
    pub(super) fn excuses(&self) -> bool {
        self.is_cut() && self.octets.len() >= Self::ENOUGH
    }

    /// Where a message of `len` octets must end: exactly with the datagram or first segment.
    pub(super) fn ends_at(&self, len: usize) -> Option<()> {
        check(len == self.wire)
    }

    /// Octets of the wire that lie behind what `reader` has read.
    pub(super) fn left(&self, reader: &Reader<'a>) -> usize {
        self.wire.saturating_sub(self.octets.len() - reader.len())
    }

    /// The same without the first `len` octets, and no more of what follows.
    pub(super) fn without(&self, len: usize) -> Self {
        Self::new(self.octets.get(len..).unwrap_or_default(), self.wire.saturating_sub(len))
    }

    /// What a stream says behind its first `len` octets: a new beginning.
    pub(super) fn behind(&self, len: usize) -> Self {
        let rest = self.all.get(len..).unwrap_or_default();
        // A header may have a segment of its own; where the next one ends is not known.
        Self::new(rest, if self.wire > len { self.wire - len } else { rest.len() })
    }

    /// What follows a turn: where its segments end is not known.
    pub(super) fn of_rest(rest: &'a [u8]) -> Self {
        Self::new(rest, rest.len())
    }
}

/// How sure a pattern is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum Strength {
    /// Nothing is known.
    Nothing,
    /// Enough to confirm the port's own name, never enough to name.
    Weak,
    /// Enough to name a flow on any port.
    Strong,
}

impl Strength {
    /// Its number, for what is saved.
    fn number(self) -> u8 {
        match self {
            Self::Nothing => 0,
            Self::Weak => 1,
            Self::Strong => 2,
        }
    }

    /// The strength of the lowest two bits.
    fn of_number(number: u8) -> Option<Self> {
        match number & 3 {
            0 => Some(Self::Nothing),
            1 => Some(Self::Weak),
            2 => Some(Self::Strong),
            _ => None,
        }
    }
}

/// What octets say in one protocol: how sure they are a client's, a server's, or either's.
///
/// Several may hold at once: the echo of a Modbus write is the same in both directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Said {
    /// As the words of a client.
    pub(super) client: Strength,
    /// As the words of a server.
    pub(super) server: Strength,
    /// As words that tell no side.
    pub(super) peer: Strength,
    /// Whether the pattern is too short to ever name: it confirms its own port only.
    pub(super) confirms: bool,
}

impl Said {
    /// Not a word of the protocol.
    pub(super) const NOTHING: Self = Self {
        client: Strength::Nothing,
        server: Strength::Nothing,
        peer: Strength::Nothing,
        confirms: false,
    };

    /// Surely a client's words.
    pub(super) const CLIENT: Self = Self { client: Strength::Strong, ..Self::NOTHING };

    /// Perhaps a client's words.
    pub(super) const CLIENT_WEAK: Self = Self { client: Strength::Weak, ..Self::NOTHING };

    /// Surely a server's words.
    pub(super) const SERVER: Self = Self { server: Strength::Strong, ..Self::NOTHING };

    /// Perhaps a server's words.
    pub(super) const SERVER_WEAK: Self = Self { server: Strength::Weak, ..Self::NOTHING };

    /// Surely words of the protocol, without a side.
    pub(super) const PEER: Self = Self { peer: Strength::Strong, ..Self::NOTHING };

    /// Perhaps words of the protocol, without a side.
    pub(super) const PEER_WEAK: Self = Self { peer: Strength::Weak, ..Self::NOTHING };

    /// Too short to name anything.
    pub(super) const CONFIRM: Self = Self { confirms: true, ..Self::NOTHING };

    /// Both what `self` and what `other` say.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            client: self.client.max(other.client),
            server: self.server.max(other.server),
            peer: self.peer.max(other.peer),
            confirms: self.confirms || other.confirms,
        }
    }

    /// In one octet, for what is saved.
    pub(super) fn number(self) -> u8 {
        let strengths = self.client.number() | self.server.number() << 2 | self.peer.number() << 4;
        strengths | u8::from(self.confirms) << 6
    }

    /// What [`Self::number`] gave.
    pub(super) fn of_number(number: u8) -> Option<Self> {
        check(number >> 7 == 0)?;
        Some(Self {
            client: Strength::of_number(number)?,
            server: Strength::of_number(number >> 2)?,
            peer: Strength::of_number(number >> 4)?,
            confirms: number >> 6 == 1,
        })
    }

    /// How sure it is at most.
    pub(super) fn strength(self) -> Strength {
        self.client.max(self.server).max(self.peer)
    }

    /// As a client's words, where those of either side will do.
    pub(super) fn as_client(self) -> Strength {
        self.client.max(self.peer)
    }

    /// As a server's words, where those of either side will do.
    pub(super) fn as_server(self) -> Strength {
        self.server.max(self.peer)
    }
}

/// A client's words, strong or weak.
pub(super) fn client(is_strong: bool) -> Option<Said> {
    Some(if is_strong { Said::CLIENT } else { Said::CLIENT_WEAK })
}

/// A server's words, strong or weak.
pub(super) fn server(is_strong: bool) -> Option<Said> {
    Some(if is_strong { Said::SERVER } else { Said::SERVER_WEAK })
}

/// Either side's words, strong or weak.
pub(super) fn peer(is_strong: bool) -> Option<Said> {
    Some(if is_strong { Said::PEER } else { Said::PEER_WEAK })
}
