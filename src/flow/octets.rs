//! What five-tuples showed first, as long as that may change what it says, and what it said.

use hashbrown::HashMap;

use super::{
    entry::Carried,
    key::{Direction, FlowKey},
};
use crate::{
    decode::Phase,
    packet::TransportProtocol,
    payload::{Sender, Verdict, Window, look},
};

/// Five-tuples of a table whose first octets are kept at a time.
pub(super) const LIMIT: usize = 1 << 16;
/// Octets that all of them may take in memory.
pub(super) const MOST_OCTETS: usize = 40 << 20;

/// What the first octets of a five-tuple say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shown {
    /// The verdict on what was sent first in both directions.
    pub verdict: Verdict,
    /// The way of the packets that the verdict has as those of the first sender.
    first: Direction,
}

impl Shown {
    /// The way to the side that serves, where the octets tell it surely.
    pub fn toward_server(&self) -> Option<Direction> {
        self.verdict.spoken?;
        self.leans()
    }

    /// The same where they are too weak to tell it surely: of two greetings that fit, each is a server's.
    pub fn leans(&self) -> Option<Direction> {
        Some(match (self.verdict.server?, self.first) {
            (Sender::Second, first) => first,
            (Sender::First, Direction::Up) => Direction::Down,
            (Sender::First, Direction::Down) => Direction::Up,
        })
    }
}

/// What both directions showed: upwards, downwards.
pub(super) type Windows = [Window; 2];

/// What windows take in memory beside themselves.
fn size(windows: &Windows) -> usize {
    windows.iter().map(Window::size).sum()
}

/// First octets of the five-tuples of a table, and the verdicts on them, by their numbers.
#[derive(Clone, Debug, Default)]
pub(super) struct Octets {
    windows: HashMap<u32, Windows>,
    /// What they take in memory beside their places.
    held: usize,
    /// Number of what a five-tuple showed, from 1; there are few that differ.
    numbers: Vec<u16>,
    shown: Vec<Shown>,
    known: HashMap<Shown, u16>,
    /// Five-tuples whose octets had to go before they were all there, or whose verdict found no number.
    pub(super) undecided: u64,
}

impl Octets {
    /// What a five-tuple was found to show.
    #[inline]
    pub(super) fn of(&self, index: u32) -> Option<&Shown> {
        let number = *self.numbers.get(index as usize)?;
        self.shown.get(usize::from(number).checked_sub(1)?)
    }

    /// Whether no further five-tuple finds room for its octets.
    pub(super) fn is_full(&self) -> bool {
        self.windows.len() >= LIMIT || self.held >= MOST_OCTETS
    }

    /// The numbers of five-tuples whose octets are kept.
    pub(super) fn open(&self) -> impl Iterator<Item = u32> {
        self.windows.keys().copied()
    }

    pub(super) fn windows(&self, index: u32) -> Option<&Windows> {
        self.windows.get(&index)
    }

    /// Adds what a packet carries. Returns whether what its direction shows is now complete.
    pub(super) fn feed(
        &mut self,
        index: u32,
        protocol: TransportProtocol,
        (direction, phase): (Direction, Phase),
        carried: &Carried<'_>,
    ) -> bool {
        let window = &mut self.windows.entry(index).or_default()[direction as usize];
        let before = window.size();
        if protocol == TransportProtocol::TCP {
            let is_syn = matches!(phase, Phase::Open | Phase::Accept);
            window.segment(carried.sequence, is_syn, carried.octets, carried.wire);
        } else {
            window.datagram(protocol, carried.octets, carried.wire);
        }
        let full = window.is_full();
        self.held = self.held + window.size() - before;
        full
    }

    /// Weighs what a five-tuple shows; the octets stay.
    pub(super) fn decide<A>(&mut self, index: u32, key: &FlowKey<A>, first: Direction) {
        let Some(windows) = self.windows.get(&index) else { return };
        let (one, other) = match first {
            Direction::Up => (&windows[0], &windows[1]),
            Direction::Down => (&windows[1], &windows[0]),
        };
        let verdict = look(key.protocol, one, other);
        self.note(index, Shown { verdict, first });
    }

    /// Forgets the octets of a five-tuple.
    pub(super) fn close(&mut self, index: u32) {
        if let Some(windows) = self.windows.remove(&index) {
            self.held -= size(&windows);
        }
    }

    /// Takes what a five-tuple of another table shows.
    pub(super) fn take(&mut self, index: u32, other: &Self, number: u32) {
        match other.windows.get(&number) {
            Some(windows) => {
                self.close(index);
                self.held += size(windows);
                self.windows.insert(index, windows.clone());
            }
            None => self.close(index),
        }
        if let Some(&shown) = other.of(number) {
            self.note(index, shown);
        }
    }

    /// Adds what a later stretch showed to octets that are kept here; a direction that is complete stays as it is.
    /// Returns which directions are complete.
    pub(super) fn join(&mut self, index: u32, later: &Windows) -> [bool; 2] {
        let Some(windows) = self.windows.get_mut(&index) else { return [false; 2] };
        let before = size(windows);
        for (own, later) in windows.iter_mut().zip(later) {
            if !own.is_full() {
                own.join(later.clone());
            }
        }
        let full = [0, 1].map(|way: usize| windows[way].is_full());
        self.held = self.held + size(windows) - before;
        full
    }

    fn note(&mut self, index: u32, shown: Shown) {
        let number = if shown.verdict.is_nothing() {
            0
        } else {
            let next = self.shown.len() + 1;
            match self.known.get(&shown) {
                Some(&number) => number,
                None => match u16::try_from(next) {
                    Ok(number) => {
                        self.shown.push(shown);
                        self.known.insert(shown, number);
                        number
                    }
                    Err(_) => {
                        self.undecided += 1;
                        0
                    }
                },
            }
        };
        let index = index as usize;
        if self.numbers.len() <= index {
            if number == 0 {
                return;
            }
            self.numbers.resize(index + 1, 0);
        }
        self.numbers[index] = number;
    }
}
