//! The first datagrams of one direction; each stands for itself.

use prefetch_index::prefetch_index;

use super::gist::Gist;
use super::heard::Heard;
use super::protocol::Protocol;
use super::reader::{Reader, check};
use super::sight::{Sight, Strength};
use super::table;
use crate::packet::TransportProtocol;

/// The first datagrams of one direction, with what each of them alone showed.
///
/// No more are kept once one was strong, but of STUN: what follows it in a WebRTC flow is a layer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Datagrams {
    /// Grows one by one: most directions that keep any keep few.
    kept: Vec<Datagram>,
    /// Whether one of them closes the direction.
    is_closed: bool,
}

/// One datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Datagram {
    heard: Heard,
    wire: u32,
    at_hand: u8,
    octets: [u8; Self::KEPT],
}

impl Datagram {
    /// Octets kept of each: enough for what is told from several together.
    const KEPT: usize = 48;

    /// Looks at one datagram of `wire` octets.
    fn read(protocol: TransportProtocol, octets: &[u8], wire: u32) -> Self {
        let octets = octets.get(..wire as usize).unwrap_or(octets);
        Self::of(table::of(protocol).hear(Sight::new(octets, wire as usize)), octets, wire)
    }

    /// One of which the patterns said this.
    fn of(heard: Heard, octets: &[u8], wire: u32) -> Self {
        let at_hand = octets.len().min(Self::KEPT);
        let mut kept = [0; Self::KEPT];
        kept[..at_hand].copy_from_slice(&octets[..at_hand]);
        Self { heard, wire, at_hand: at_hand as u8, octets: kept }
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.wire.to_be_bytes());
        out.push(self.at_hand);
        out.extend_from_slice(self.sight().octets());
        self.heard.write(out);
    }

    fn read_saved(reader: &mut Reader<'_>) -> Option<Self> {
        let (wire, at_hand) = (reader.u32()?, reader.u8()?);
        check(wire > 0 && u32::from(at_hand) <= wire)?;
        let mut octets = [0; Self::KEPT];
        octets.get_mut(..usize::from(at_hand))?.copy_from_slice(reader.take(usize::from(at_hand))?);
        Some(Self { heard: Heard::read(reader)?, wire, at_hand, octets })
    }

    /// What it alone showed.
    pub(super) fn heard(&self) -> Heard {
        self.heard
    }

    /// Its first octets, [`Self::KEPT`] at most.
    pub(super) fn sight(&self) -> Sight<'_> {
        let octets = self.octets.get(..usize::from(self.at_hand)).unwrap_or_default();
        Sight::new(octets, self.wire as usize)
    }
}

impl Datagrams {
    /// Most datagrams looked at.
    const KEPT: usize = 4;

    /// Adds a datagram that was captured after all others.
    pub(super) fn add(&mut self, protocol: TransportProtocol, octets: &[u8], wire: u32) {
        // An empty datagram says nothing and opens nothing.
        if wire > 0 && !self.is_full() {
            self.push(Datagram::read(protocol, octets, wire));
        }
    }

    /// Those of a direction of which nothing was shown before this one; without its octets, where it is all that will be
    /// looked at and its octets do not matter.
    pub(super) fn first(protocol: TransportProtocol, octets: &[u8], wire: u32) -> Result<Gist, Self> {
        let octets = octets.get(..wire as usize).unwrap_or(octets);
        let sight = Sight::new(octets, wire as usize);
        let heard = table::of(protocol).hear(sight);
        let gist = Gist::of_datagram(heard, sight);
        if Self::closes(&heard) && gist.needs_no_octets() {
            return Ok(gist);
        }
        let mut datagrams = Self::default();
        datagrams.push(Datagram::of(heard, octets, wire));
        Err(datagrams)
    }

    /// What they say, where none will be looked at any more and their octets do not matter.
    pub(super) fn complete(&self) -> Option<Gist> {
        check(self.is_full())?;
        Some(Gist::of_datagrams(self)).filter(Gist::needs_no_octets)
    }

    /// Adds what a later stretch of the capture showed.
    pub(super) fn join(&mut self, later: &Self) {
        for &datagram in later.iter() {
            self.push(datagram);
        }
    }

    fn push(&mut self, datagram: Datagram) {
        if self.is_full() {
            return;
        }
        self.is_closed = Self::closes(&datagram.heard);
        self.kept.reserve_exact(1);
        self.kept.push(datagram);
    }

    /// Writes them so that [`Self::read`] gives them back.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.push(self.iter().count() as u8);
        self.iter().for_each(|datagram| datagram.write(out));
    }

    /// Reads what [`Self::write`] wrote.
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let count = reader.u8()?;
        let mut all = Self::default();
        for _ in 0..count {
            check(!all.is_full())?;
            all.push(Datagram::read_saved(reader)?);
        }
        Some(all)
    }

    /// Octets that they take in memory beside themselves.
    pub(super) fn size(&self) -> usize {
        self.kept.capacity() * size_of::<Datagram>()
    }

    /// Tells the memory system to fetch where another one would go.
    #[inline]
    pub(super) fn ask(&self) {
        prefetch_index(&self.kept, self.kept.len());
    }

    /// Those kept, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Datagram> {
        self.kept.iter()
    }

    /// Whether no other datagram will be looked at.
    pub(super) fn is_full(&self) -> bool {
        self.is_closed || self.kept.len() >= Self::KEPT
    }

    /// Whether a datagram of which the patterns said this is the last to be looked at.
    fn closes(heard: &Heard) -> bool {
        heard.strength() == Strength::Strong && heard.of(Protocol::STUN).strength() != Strength::Strong
    }

    /// What the direction showed: the first strong datagram, else all of them together.
    pub(super) fn heard(&self) -> Heard {
        let mut all = Heard::default();
        for datagram in self.iter() {
            for (protocol, said) in datagram.heard.iter() {
                all.add(protocol, said);
            }
            if datagram.heard.strength() == Strength::Strong {
                break;
            }
        }
        all
    }
}
