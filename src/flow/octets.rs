//! What five-tuples showed first, as long as that may change what it says, and what it said.

mod stored;

use hashbrown::HashMap;

use super::{
    key::{Direction, FlowKey},
    observed::Carried,
    prefetch,
};
use crate::{
    decode::Phase,
    packet::TransportProtocol,
    payload::{Gists, Sender, Verdict, Window, look},
};

/// Five-tuples of a table whose first octets are kept at a time.
pub(super) const LIMIT: usize = u16::MAX as usize;
/// Octets that all of them may take in memory.
pub(super) const MOST_OCTETS: usize = 40 << 20;

/// What the first octets of a five-tuple say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
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
        Some(match self.verdict.server? {
            Sender::Second => self.first,
            Sender::First => self.first.reverse(),
        })
    }
}

/// All that a verdict depends on: the transport, what both directions say, and which of them came first.
type Weighed = (TransportProtocol, Gists, Direction);

/// Verdicts whose reasons are remembered at a time.
const WEIGHED: usize = 4_096;

/// What both directions showed: upwards, downwards.
pub(super) type Windows = [Window; 2];

/// What windows take in memory beside themselves.
fn size(windows: &Windows) -> usize {
    windows.iter().map(Window::size).sum()
}

/// First octets of the five-tuples of a table, and the verdicts on them, by their numbers.
#[derive(Clone, Debug, Default)]
pub(super) struct Octets {
    /// Where to find what a five-tuple showed; absent beyond the last one that showed anything.
    places: Vec<Place>,
    kept: Vec<Kept>,
    /// Numbers of those of `kept` that are free.
    free: Vec<u16>,
    /// What the octets kept take in memory beside their places.
    held: usize,
    /// Verdicts; there are few that differ.
    shown: Vec<Shown>,
    known: HashMap<Shown, u16>,
    /// Numbers of verdicts on directions without octets, as they were worked out before: no more than [`WEIGHED`].
    weighed: HashMap<Weighed, u16>,
    /// Five-tuples whose octets had to go before they were all there, or whose verdict found no number.
    pub(super) undecided: u64,
}

/// What there is of a five-tuple.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    /// Number of its octets, from 1; 0 where none are kept.
    kept: u16,
    /// Number of its verdict, from 1; 0 where it says nothing.
    shown: u16,
}

/// Octets of a five-tuple.
#[derive(Clone, Debug)]
struct Kept {
    index: u32,
    windows: Windows,
}

impl Octets {
    /// What a five-tuple was found to show.
    #[inline]
    pub(super) fn of(&self, index: u32) -> Option<&Shown> {
        let place = self.places.get(index as usize)?;
        self.shown.get(usize::from(place.shown).checked_sub(1)?)
    }

    /// Whether no further five-tuple finds room for its octets.
    pub(super) fn is_full(&self) -> bool {
        self.kept.len() - self.free.len() >= LIMIT || self.held >= MOST_OCTETS
    }

    /// The numbers of five-tuples whose octets are kept.
    pub(super) fn open(&self) -> impl Iterator<Item = u32> {
        self.kept.iter().enumerate().filter_map(|(number, kept)| {
            let place = self.places.get(kept.index as usize)?;
            (usize::from(place.kept) == number + 1).then_some(kept.index)
        })
    }

    /// Tells the memory system to fetch where a five-tuple's octets are found.
    #[inline]
    pub(super) fn ask_for_place(&self, index: u32) {
        prefetch(&self.places, index as usize);
    }

    /// Tells it to fetch what is there of them.
    #[inline]
    pub(super) fn ask_for_windows(&self, index: u32) {
        if let Some(windows) = self.windows(index) {
            prefetch(windows, 0);
            prefetch(windows, 1);
        }
    }

    /// Tells it to fetch what the window of a direction has elsewhere.
    #[inline]
    pub(super) fn ask_for_window(&self, index: u32, direction: Direction) {
        if let Some(windows) = self.windows(index) {
            windows[direction as usize].ask();
        }
    }

    /// What a five-tuple showed so far, where that is kept.
    #[inline]
    pub(super) fn windows(&self, index: u32) -> Option<&Windows> {
        let place = self.places.get(index as usize)?;
        Some(&self.kept.get(usize::from(place.kept).checked_sub(1)?)?.windows)
    }

    #[inline]
    fn windows_mut(&mut self, index: u32) -> Option<&mut Windows> {
        let place = self.places.get(index as usize)?;
        Some(&mut self.kept.get_mut(usize::from(place.kept).checked_sub(1)?)?.windows)
    }

    fn place(&mut self, index: u32) -> &mut Place {
        let index = index as usize;
        if self.places.len() <= index {
            self.places.resize(index + 1, Place::default());
        }
        &mut self.places[index]
    }

    /// Keeps these octets of a five-tuple; `None` where there is no room for them.
    fn keep(&mut self, index: u32, windows: Windows) -> Option<&mut Windows> {
        let kept = Kept { index, windows };
        let number = match self.free.pop() {
            Some(number) => {
                self.kept[usize::from(number) - 1] = kept;
                number
            }
            None => {
                let number = u16::try_from(self.kept.len() + 1).ok()?;
                self.kept.push(kept);
                number
            }
        };
        self.place(index).kept = number;
        Some(&mut self.kept[usize::from(number) - 1].windows)
    }

    /// Adds what a packet carries; `is_part` where an earlier stretch may have to be joined to it. Returns whether what its
    /// direction shows is now complete.
    pub(super) fn feed(
        &mut self,
        index: u32,
        (protocol, is_part): (TransportProtocol, bool),
        (direction, phase): (Direction, Phase),
        carried: &Carried<'_>,
    ) -> bool {
        let number = self.places.get(index as usize).map_or(0, |place| place.kept);
        let windows = match usize::from(number).checked_sub(1) {
            Some(at) => self.kept.get_mut(at).map(|kept| &mut kept.windows),
            None => self.keep(index, Windows::default()),
        };
        let Some(windows) = windows else { return false };
        let window = &mut windows[direction as usize];
        if window.is_full() {
            // Its direction is still read for a name.
            return true;
        }
        let before = window.size();
        let Carried { octets, wire, sequence } = *carried;
        let is_syn = matches!(phase, Phase::Open | Phase::Accept);
        match (protocol, is_part) {
            (TransportProtocol::TCP, false) => window.last_segment(sequence, is_syn, octets, wire),
            (TransportProtocol::TCP, true) => window.segment(sequence, is_syn, octets, wire),
            (_, false) => window.last_datagram(protocol, octets, wire),
            (_, true) => window.datagram(protocol, octets, wire),
        }
        let (full, after) = (window.is_full(), window.size());
        self.held = self.held + after - before;
        full
    }

    /// Weighs what a five-tuple shows; the octets stay.
    pub(super) fn decide<A>(&mut self, index: u32, key: &FlowKey<A>, first: Direction) {
        let Some(windows) = self.windows(index) else { return };
        let (one, other) = match first {
            Direction::Up => (&windows[0], &windows[1]),
            Direction::Down => (&windows[1], &windows[0]),
        };
        let reasons = Window::gists([one, other]).map(|gists| (key.protocol, gists, first));
        if let Some(&number) = reasons.as_ref().and_then(|reasons| self.weighed.get(reasons)) {
            return self.set(index, number);
        }
        let verdict = look(key.protocol, one, other);
        let number = self.number(Shown { verdict, first });
        if let Some(reasons) = reasons.filter(|_| number > 0 || verdict.is_nothing()) {
            if self.weighed.len() >= WEIGHED {
                self.weighed.clear();
            }
            self.weighed.insert(reasons, number);
        }
        self.set(index, number);
    }

    /// Forgets the octets of a five-tuple.
    pub(super) fn close(&mut self, index: u32) {
        let Some(place) = self.places.get_mut(index as usize) else { return };
        let number = std::mem::take(&mut place.kept);
        if let Some(kept) = usize::from(number).checked_sub(1).and_then(|at| self.kept.get_mut(at)) {
            self.held -= size(&kept.windows);
            kept.windows = Windows::default();
            self.free.push(number);
        }
    }

    /// Takes what a five-tuple of another table shows.
    pub(super) fn take(&mut self, index: u32, other: &Self, number: u32) {
        self.close(index);
        if let Some(windows) = other.windows(number) {
            let kept = self.keep(index, windows.clone()).map_or(0, |windows| size(windows));
            self.held += kept;
        }
        if let Some(&shown) = other.of(number) {
            self.note(index, shown);
        }
    }

    /// Adds what a later stretch showed to octets that are kept here; a direction that is complete stays as it is.
    /// Returns which directions are complete.
    pub(super) fn join(&mut self, index: u32, later: &Windows) -> [bool; 2] {
        let Some(windows) = self.windows_mut(index) else { return [false; 2] };
        let before = size(windows);
        for (own, later) in windows.iter_mut().zip(later) {
            if !own.is_full() {
                own.join(later.clone());
            }
        }
        let full = [0, 1].map(|way: usize| windows[way].is_full());
        let after = size(windows);
        self.held = self.held + after - before;
        full
    }

    fn note(&mut self, index: u32, shown: Shown) {
        let number = self.number(shown);
        self.set(index, number);
    }

    /// The number of a verdict; 0 where it says nothing.
    fn number(&mut self, shown: Shown) -> u16 {
        if shown.verdict.is_nothing() {
            return 0;
        }
        if let Some(&number) = self.known.get(&shown) {
            return number;
        }
        let Ok(number) = u16::try_from(self.shown.len() + 1) else {
            self.undecided += 1;
            return 0;
        };
        self.shown.push(shown);
        self.known.insert(shown, number);
        number
    }

    /// Sets the number of a five-tuple's verdict.
    fn set(&mut self, index: u32, number: u16) {
        if number > 0 || self.of(index).is_some() {
            self.place(index).shown = number;
        }
    }
}
