//! Names of servers that five-tuples told, and what is read of those that may still tell one.

mod stored;

use hashbrown::HashMap;

use super::{key::Direction, observed::Carried};
use crate::{
    decode::Phase,
    packet::{Share, TransportProtocol},
    payload::{NameReader, Progress, Told},
};

/// Directions of five-tuples that may still tell a name, at a time: a reader of each holds at most 17 KiB.
const OPEN: usize = 4_096;
/// Octets that all noted for a merge may take.
const NOTED: usize = 16 << 20;
/// Octets that are noted of one direction: those of the longest hello.
const NOTED_EACH: usize = 17 << 10;
/// Segments or datagrams that are noted of one direction.
const PIECES: usize = 64;
/// Distinct names that are kept.
const NAMES: usize = 1 << 18;

/// One direction of a five-tuple, by its number.
type Way = (u32, Direction);

/// What the five-tuples of a table told of the servers that they are for.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    open: HashMap<Way, Open>,
    /// Octets noted.
    noted: usize,
    /// What directions told: upwards, downwards; numbers in `all` from 1, 0 for nothing.
    told: HashMap<u32, [u32; 2]>,
    all: Vec<Told>,
    ids: HashMap<Told, u32>,
    /// Whether a table of a later stretch will be merged to another.
    is_part: bool,
    share: Share,
    /// Names that found no room, and directions that had to be given up before they told one.
    pub(super) lost: u64,
}

/// What may still tell a name.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
enum Open {
    Reader(NameReader),
    /// In a later stretch, of which the beginning may lie in an earlier one.
    Notes(Notes),
}

/// What a direction sent, until it is known what it goes on with.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
struct Notes {
    pieces: Vec<Piece>,
    octets: usize,
    /// Whether what follows can tell nothing.
    is_complete: bool,
}

#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
struct Piece {
    sequence: u32,
    wire: u32,
    octets: Box<[u8]>,
}

impl Notes {
    fn add(&mut self, carried: &Carried<'_>) {
        let Carried { octets, wire, sequence } = *carried;
        self.octets += octets.len();
        self.pieces.push(Piece { sequence, wire, octets: octets.into() });
        self.is_complete |= self.pieces.len() >= PIECES || self.octets >= NOTED_EACH;
    }

    fn append(&mut self, later: &Self) {
        for piece in &later.pieces {
            if self.is_complete {
                return;
            }
            self.add(&piece.carried());
        }
        self.is_complete |= later.is_complete;
    }
}

impl Piece {
    fn carried(&self) -> Carried<'_> {
        Carried { octets: &self.octets, wire: self.wire, sequence: self.sequence }
    }
}

fn read(reader: &mut NameReader, protocol: TransportProtocol, carried: &Carried<'_>) -> Progress {
    match protocol {
        TransportProtocol::TCP => reader.segment(carried.sequence, carried.octets, carried.wire),
        _ => reader.datagram(carried.octets),
    }
}

/// What a direction showed before a stretch that is merged.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Before {
    /// Whether it sent octets.
    pub(super) has_octets: bool,
    /// The number of its first octet, where a SYN told it.
    pub(super) first: Option<u32>,
}

impl Names {
    /// None, with this share of the room.
    pub(super) fn new(is_part: bool, share: Share) -> Self {
        Self { is_part, share, ..Self::default() }
    }

    /// What a direction told.
    pub(super) fn told(&self, (index, direction): Way) -> Option<&Told> {
        let number = self.told.get(&index)?[direction as usize];
        self.all.get((number as usize).checked_sub(1)?)
    }

    /// Numbers of what both directions told; 0 where that is nothing.
    pub(super) fn numbers(&self, index: u32) -> [u32; 2] {
        self.told.get(&index).copied().unwrap_or_default()
    }

    /// Whether what else may tell a name finds no room.
    pub(super) fn is_full(&self) -> bool {
        self.open.len() >= OPEN || self.noted >= self.share.of(NOTED)
    }

    /// The five-tuples that may still tell a name.
    pub(super) fn open(&self) -> impl Iterator<Item = u32> {
        self.open.keys().map(|&(index, _)| index)
    }

    /// Whether a direction may still tell a name.
    pub(super) fn is_open(&self, way: Way) -> bool {
        match self.open.get(&way) {
            Some(Open::Reader(_)) => true,
            Some(Open::Notes(notes)) => !notes.is_complete,
            None => false,
        }
    }

    /// Adds what a packet carries; `is_first` where it is the first data of its direction, of whose first octet a SYN may
    /// have told the number. Returns whether the direction may still tell a name.
    pub(super) fn feed(
        &mut self,
        way: Way,
        (protocol, phase): (TransportProtocol, Phase),
        (is_first, mut first): (bool, Option<u32>),
        carried: &Carried<'_>,
    ) -> bool {
        let mut carried = *carried;
        let mut begins = is_first && self.told(way).is_none();
        if protocol == TransportProtocol::TCP && matches!(phase, Phase::Open | Phase::Accept) {
            carried.sequence = carried.sequence.wrapping_add(1);
            self.opens_again(way, carried.sequence);
            // Octets on a SYN are the first.
            begins |= carried.wire > 0 && self.told(way).is_none();
            first = Some(carried.sequence);
        }
        let ends = matches!(phase, Phase::Close | Phase::Abort);
        let may_tell = carried.wire > 0 && self.add(way, protocol, (begins, first), &carried);
        if ends {
            self.end(way);
        }
        may_tell && !ends || carried.wire == 0 && self.is_open(way)
    }

    /// Nothing follows in a direction.
    fn end(&mut self, way: Way) {
        match self.open.get_mut(&way) {
            Some(Open::Reader(_)) => self.close(way),
            Some(Open::Notes(notes)) => notes.is_complete = true,
            None => {}
        }
    }

    /// Adds octets. Returns whether the direction may still tell a name.
    fn add(
        &mut self,
        way: Way,
        protocol: TransportProtocol,
        (begins, first): (bool, Option<u32>),
        carried: &Carried<'_>,
    ) -> bool {
        let progress = match self.open.get_mut(&way) {
            Some(Open::Reader(reader)) => read(reader, protocol, carried),
            Some(Open::Notes(notes)) => {
                if !notes.is_complete {
                    self.noted += carried.octets.len();
                    notes.add(carried);
                    notes.is_complete |=
                        protocol == TransportProtocol::UDP && !NameReader::datagram_may_go_on(carried.octets);
                }
                return !notes.is_complete;
            }
            None if begins => return self.begin(way, protocol, first, carried),
            None => return false,
        };
        self.settle(way, progress)
    }

    /// A direction opens with another sequence number than before, or seems to.
    fn opens_again(&mut self, way: Way, first: u32) {
        match self.open.get_mut(&way) {
            Some(Open::Reader(reader)) if reader.is_of_another(first) => self.close(way),
            Some(Open::Notes(notes)) => notes.is_complete = true,
            _ => {}
        }
    }

    fn begin(
        &mut self,
        way: Way,
        protocol: TransportProtocol,
        first: Option<u32>,
        carried: &Carried<'_>,
    ) -> bool {
        if self.is_part && first.is_none() {
            let may_go_on = match protocol {
                TransportProtocol::TCP => true,
                TransportProtocol::UDP => NameReader::datagram_may_go_on(carried.octets),
                _ => false,
            };
            if may_go_on {
                let mut notes = Notes::default();
                notes.add(carried);
                self.noted += notes.octets;
                self.open.insert(way, Open::Notes(notes));
            }
            return may_go_on;
        }
        let (progress, reader) = match protocol {
            TransportProtocol::TCP => {
                NameReader::read_segment(first, carried.sequence, (carried.octets, carried.wire))
            }
            TransportProtocol::UDP => NameReader::read_datagram(carried.octets),
            _ => return false,
        };
        match (progress, reader) {
            (Progress::More, Some(reader)) => _ = self.open.insert(way, Open::Reader(reader)),
            (Progress::Told(told), _) => self.note(way, &told),
            _ => {}
        }
        self.is_open(way)
    }

    fn settle(&mut self, way: Way, progress: Progress) -> bool {
        match progress {
            Progress::More => return true,
            Progress::Told(told) => self.note(way, &told),
            Progress::Nothing => {}
        }
        self.close(way);
        false
    }

    fn note(&mut self, (index, direction): Way, told: &Told) {
        let number = match self.ids.get(told) {
            Some(&number) => number,
            None if self.all.len() < self.share.of(NAMES) => {
                self.all.push(told.clone());
                let number = self.all.len() as u32;
                self.ids.insert(told.clone(), number);
                number
            }
            None => {
                self.lost += 1;
                return;
            }
        };
        self.told.entry(index).or_default()[direction as usize] = number;
    }

    /// Reads no further what a direction sends.
    fn close(&mut self, way: Way) {
        if let Some(Open::Notes(notes)) = self.open.remove(&way) {
            self.noted -= notes.octets;
        }
    }

    /// Reads no further what a five-tuple sends.
    pub(super) fn close_both(&mut self, index: u32) {
        if !self.open.is_empty() {
            self.close((index, Direction::Up));
            self.close((index, Direction::Down));
        }
    }

    /// Takes what a five-tuple of another table told, or may tell.
    pub(super) fn take(&mut self, index: u32, other: &Self, number: u32) {
        for direction in [Direction::Up, Direction::Down] {
            if let Some(told) = other.told((number, direction)) {
                self.note((index, direction), told);
            }
            if let Some(open) = other.open.get(&(number, direction)) {
                self.put((index, direction), open.clone());
            }
        }
    }

    fn put(&mut self, way: Way, open: Open) {
        self.close(way);
        if let Open::Notes(notes) = &open {
            self.noted += notes.octets;
        }
        self.open.insert(way, open);
    }

    /// Adds what a direction sent in a later stretch, where its five-tuple has the number `number`: as if it had been fed here.
    pub(super) fn join(
        &mut self,
        way: Way,
        protocol: TransportProtocol,
        before: Before,
        (later, number): (&Self, u32),
    ) {
        let later_way = (number, way.1);
        let later_open = later.open.get(&later_way);
        if self.told(way).is_some() {
            return;
        }
        if before.has_octets {
            match (self.open.get_mut(&way), later_open) {
                (Some(Open::Notes(notes)), Some(Open::Notes(more))) => {
                    self.noted -= notes.octets;
                    notes.append(more);
                    self.noted += notes.octets;
                }
                (Some(Open::Notes(notes)), _) => notes.is_complete = true,
                (Some(Open::Reader(_)), Some(Open::Notes(notes))) => {
                    self.replay(way, protocol, (&notes.pieces, notes.is_complete));
                }
                // It went on with what can tell nothing, or with another connection.
                (Some(Open::Reader(_)), _) => self.close(way),
                (None, _) => {}
            }
            return;
        }
        match later_open {
            Some(Open::Notes(notes)) if !self.is_part || before.first.is_some() => {
                let Some((first, rest)) = notes.pieces.split_first() else { return };
                self.begin(way, protocol, before.first, &first.carried());
                self.replay(way, protocol, (rest, notes.is_complete));
            }
            Some(open) => self.put(way, open.clone()),
            None => {}
        }
        if let Some(told) = later.told(later_way) {
            self.note(way, told);
        }
    }

    /// Has the reader of a direction read what was noted, which may be all it sent that matters.
    fn replay(&mut self, way: Way, protocol: TransportProtocol, (pieces, is_complete): (&[Piece], bool)) {
        for piece in pieces {
            let Some(Open::Reader(reader)) = self.open.get_mut(&way) else { return };
            let progress = read(reader, protocol, &piece.carried());
            if !self.settle(way, progress) {
                return;
            }
        }
        if is_complete {
            self.close(way);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payload::ServerName;

    const HEAD: &[u8] = b"GET / HTTP/1.1\r\nHost: www.example.org\r\n\r\n";
    const WAY: Way = (7, Direction::Up);
    const TCP: (TransportProtocol, Phase) = (TransportProtocol::TCP, Phase::None);

    fn feed(names: &mut Names, way: Way, at: usize, octets: &[u8], first: Option<u32>) -> bool {
        let carried = Carried { octets, wire: octets.len() as u32, sequence: 1_000 + at as u32 };
        let is_first = !names.is_open(way) && names.told(way).is_none();
        names.feed(way, TCP, (is_first, first), &carried)
    }

    fn name(names: &Names, way: Way) -> Option<&str> {
        names.told(way)?.name.as_ref().map(ServerName::as_str)
    }

    /// What one pass would read of a request in three segments, two stretches read together, wherever the cut lies and
    /// whether a SYN was seen or not.
    #[test]
    fn two_stretches_read_what_one_pass_reads() {
        let segments: Vec<_> = [0, 5, 30].into_iter().zip([&HEAD[..5], &HEAD[5..30], &HEAD[30..]]).collect();
        for first in [None, Some(1_000)] {
            for cut in 0..=segments.len() {
                let (mut early, mut late) = (Names::new(false, Share::ALL), Names::new(true, Share::ALL));
                for &(at, octets) in &segments[..cut] {
                    feed(&mut early, WAY, at, octets, first);
                }
                for &(at, octets) in &segments[cut..] {
                    feed(&mut late, (3, Direction::Up), at, octets, None);
                }
                assert_eq!(name(&late, (3, Direction::Up)), None, "a part does not know what it begins with");
                let before = Before { has_octets: cut > 0, first };
                early.join(WAY, TransportProtocol::TCP, before, (&late, 3));
                assert_eq!(name(&early, WAY), Some("www.example.org"), "cut at {cut}");
                assert!(early.open.is_empty() && early.noted == 0);
            }
        }
    }

    /// Parts join to parts, in any grouping.
    #[test]
    fn parts_join_in_any_grouping() {
        let part = |from: usize, to: usize| {
            let mut names = Names::new(true, Share::ALL);
            feed(&mut names, WAY, from, &HEAD[from..to], None);
            names
        };
        let later = Before { has_octets: true, first: None };
        let nothing = Before::default();
        let mut left = Names::new(false, Share::ALL);
        left.join(WAY, TransportProtocol::TCP, nothing, (&part(0, 10), WAY.0));
        left.join(WAY, TransportProtocol::TCP, later, (&part(10, 20), WAY.0));
        left.join(WAY, TransportProtocol::TCP, later, (&part(20, HEAD.len()), WAY.0));
        let mut right = part(10, 20);
        right.join(WAY, TransportProtocol::TCP, later, (&part(20, HEAD.len()), WAY.0));
        let mut all = Names::new(false, Share::ALL);
        all.join(WAY, TransportProtocol::TCP, nothing, (&part(0, 10), WAY.0));
        all.join(WAY, TransportProtocol::TCP, later, (&right, WAY.0));
        for names in [left, all] {
            assert_eq!(name(&names, WAY), Some("www.example.org"));
        }
    }

    #[test]
    fn what_a_direction_said_first_is_all_that_counts() {
        let mut names = Names::new(false, Share::ALL);
        assert!(!feed(&mut names, WAY, 0, b"\x00\x01\x02\x03", None));
        let carried = Carried { octets: HEAD, wire: HEAD.len() as u32, sequence: 1_004 };
        assert!(!names.feed(WAY, TCP, (false, None), &carried));
        assert_eq!(name(&names, WAY), None);
    }

    /// A stretch that goes on with what cannot be a hello ends what the one before it had begun.
    #[test]
    fn notes_are_bounded() {
        let mut late = Names::new(true, Share::ALL);
        let mut at = 0;
        while feed(&mut late, WAY, at, &[0x16; 1_400], None) {
            at += 1_400;
        }
        assert!(late.noted < NOTED_EACH + 1_400, "{}", late.noted);
        assert!(!feed(&mut late, WAY, at + 1_400, &[0x16; 1_400], None));
        late.close_both(WAY.0);
        assert_eq!(late.noted, 0);
    }

    /// Parts that are joined to parts note no more than one of them would.
    #[test]
    fn notes_of_many_parts_are_bounded() {
        let mut all = Names::new(true, Share::ALL);
        for number in 0..200 {
            let mut part = Names::new(true, Share::ALL);
            feed(&mut part, WAY, number * 1_400, &[0x16; 1_400], None);
            let before = Before { has_octets: number > 0, first: None };
            all.join(WAY, TransportProtocol::TCP, before, (&part, WAY.0));
        }
        assert!((NOTED_EACH..NOTED_EACH + 1_400).contains(&all.noted), "{}", all.noted);
        all.close_both(WAY.0);
        assert_eq!(all.noted, 0);
    }

    #[test]
    fn names_are_kept_once_and_no_more_than_there_is_room_for() {
        let mut names = Names::new(false, Share::ALL);
        let told = |number: usize| Told {
            name: ServerName::read(format!("host{number}.example").as_bytes()),
            has_encrypted_hello: false,
            by: crate::payload::ToldBy::Http,
        };
        for number in 0..NAMES {
            names.note((number as u32, Direction::Up), &told(number));
        }
        assert_eq!((names.all.len(), names.lost), (NAMES, 0));
        names.note((1, Direction::Down), &told(5));
        assert_eq!(name(&names, (1, Direction::Down)), Some("host5.example"));
        names.note((2, Direction::Down), &told(NAMES));
        assert_eq!((name(&names, (2, Direction::Down)), names.lost), (None, 1));
    }
}
