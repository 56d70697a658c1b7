//! The flow table: every five-tuple of a capture, its counters, and what was seen of who serves.
//!
//! A lookup costs two cache misses: one for the slot, one for the entry (64 octets for IPv4). Packets therefore wait in
//! groups: a packet's slot is asked for when it comes, its entry when its group is complete, and it is counted when the next
//! group is. What the memory takes to answer passes while other packets are decoded.
//!
//! Tables of two stretches of one capture merge, in order, into exactly the table that one pass over
//! both would have made. The one thing a later stretch cannot know is whether a TCP connection had been closed before
//! it began; it keeps the counters before the first SYN of each five-tuple apart until [`FlowTable::merge`] tells.

use std::slice;

use hashbrown::HashMap;

use super::{
    key::{Address, Direction, FlowKey, Seed},
    prefetch, written_zeros,
};
use crate::{decode::Phase, packet::TransportProtocol};

/// Silence after which the next packet of a TCP five-tuple begins another flow: one hour, in ns.
pub const TCP_TIMEOUT: u64 = 3_600_000_000_000;
/// Silence after which the next packet of any other five-tuple begins another flow: 120 s, in ns.
pub const TIMEOUT: u64 = 120_000_000_000;
/// Five-tuples looked up together, so that their cache misses overlap.
pub(crate) const GROUP: usize = 32;
/// Five-tuples held by default before the least recently used leave.
pub const DEFAULT_LIMIT: usize = 4_000_000;

/// Stands for "no time known" where a time stamp is kept in one word.
const NO_TIME: u64 = u64::MAX;
/// Entries are kept in blocks of this many, so that growing copies none and doubles nothing.
const BLOCK: usize = 1 << 10;
/// Slots hold an index in the lower bits and a piece of the hash in the upper ones.
const INDEX_BITS: u32 = 24;
const INDEX_MASK: u32 = (1 << INDEX_BITS) - 1;
/// Five-tuples that slots can number while two groups of further ones wait.
pub(crate) const CAPACITY: usize = INDEX_MASK as usize - 2 * GROUP;

/// What the flow table wants to know of one packet.
#[derive(Clone, Copy, Debug)]
pub struct Observation<A> {
    /// Its five-tuple.
    pub key: FlowKey<A>,
    /// Which way it went.
    pub direction: Direction,
    /// Capture time in ns since the epoch.
    pub time: Option<u64>,
    /// Octets on the wire.
    pub octets: u32,
    /// What it does to its flow.
    pub phase: Phase,
    /// Whether it was sent to a link-layer group address.
    pub to_group: bool,
}

/// Packets, octets and times of one flow, or of several added up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally {
    /// Octets on the wire, upwards (low to high endpoint) and downwards.
    pub octets: [u64; 2],
    /// Packets, upwards and downwards.
    pub packets: [u64; 2],
    first: u64,
    last: u64,
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
pub struct Facts(u16);

impl Facts {
    const CURRENT_DOWN: u16 = 1;
    const FIRST_DOWN: u16 = 2;
    const SERVER_LOW: u16 = 4;
    const SERVER_HIGH: u16 = 8;
    const CLOSED: u16 = 16;
    const GROUP_LOW: u16 = 32;
    const GROUP_HIGH: u16 = 64;
    /// The first packet of the stretch asked to open.
    const OPENED: u16 = 128;
    /// Flows before the current one are remembered: worth a look-up.
    const HAS_EARLIER: u16 = 256;
    /// What came before the first SYN of a later stretch is kept apart.
    const SET_APART: u16 = 512;
    /// What is true of a table's entry, not of its five-tuple.
    const OF_ENTRY: u16 = Self::CLOSED
        | Self::CURRENT_DOWN
        | Self::FIRST_DOWN
        | Self::OPENED
        | Self::HAS_EARLIER
        | Self::SET_APART;

    const fn has(self, bit: u16) -> bool {
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
    fn learns(self, later: Self) -> u16 {
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
struct Entry<A> {
    key: FlowKey<A>,
    first: u64,
    last: u64,
    octets: [u64; 2],
    packets: [u32; 2],
    /// Flows of this five-tuple that ended before the current one.
    ended: u32,
    facts: Facts,
}

const _: () = assert!(size_of::<Entry<super::key::V4>>() == 64);

impl<A: Address> Entry<A> {
    fn segment(&self) -> Flow {
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
    fn restart(&mut self, initiator: Direction) {
        self.first = NO_TIME;
        self.last = NO_TIME;
        self.octets = [0; 2];
        self.packets = [0; 2];
        self.facts.0 &= !(Facts::CURRENT_DOWN | Facts::CLOSED);
        self.facts.0 |= if initiator == Direction::Down { Facts::CURRENT_DOWN } else { 0 };
    }

    /// Counts a packet, if it is of this five-tuple and goes on with its current flow; most do no more.
    #[inline(always)]
    fn takes(&mut self, observation: &Observation<A>) -> bool {
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
    fn is_over(&self, next: u64, opens: bool) -> bool {
        let timeout = if self.key.protocol == TransportProtocol::TCP { TCP_TIMEOUT } else { TIMEOUT };
        // No time known before is later than every time.
        let silent = next != NO_TIME && next.saturating_sub(self.last) > timeout;
        silent || opens && self.facts.has(Facts::CLOSED)
    }
}

/// A packet that is not counted yet.
#[derive(Clone, Copy, Debug)]
struct Waiting<A> {
    observation: Observation<A>,
    hash: u64,
    /// The entry that is likely its five-tuple's: index + 1, or 0.
    likely: u32,
}

/// One five-tuple as the table's readers see it.
#[derive(Clone, Copy, Debug)]
pub struct FiveTuple<'t, A> {
    /// Its number: five-tuples are numbered in the order of their first packets.
    pub index: u32,
    /// Its key.
    pub key: FlowKey<A>,
    /// What tells which side serves.
    pub facts: Facts,
    /// The flow that its last packet belongs to.
    pub current: Flow,
    /// Flows before that, oldest first; added up into one unless the table keeps them.
    pub earlier: &'t [Flow],
    /// How many flows it had.
    pub flows: u64,
}

impl<A: Address> FiveTuple<'_, A> {
    /// Counters of all its flows together.
    pub fn total(&self) -> Tally {
        let mut total = Tally::default();
        for segment in self.segments() {
            total.then(&segment.tally);
        }
        total
    }

    /// Its flows, oldest first; all but the last added up into one unless the table keeps them.
    pub fn segments(&self) -> impl Iterator<Item = &Flow> {
        self.earlier.iter().chain(std::iter::once(&self.current))
    }
}

/// All five-tuples with addresses of one family.
#[derive(Debug)]
pub struct FlowTable<A> {
    seed: Seed,
    /// Packets whose slots were asked for.
    coming: Vec<Waiting<A>>,
    /// Packets before these, whose entries were asked for.
    ready: Vec<Waiting<A>>,
    /// Open addressing, linear probing, at most three quarters full: piece of hash and index + 1, or 0.
    slots: Vec<u32>,
    shift: u32,
    blocks: Vec<Box<[Entry<A>; BLOCK]>>,
    len: usize,
    /// Flows that ended, by five-tuple. Few five-tuples are used twice.
    earlier: HashMap<u32, Vec<Flow>>,
    keep_earlier: bool,
    /// Set in a table of a later stretch: counters before the first SYN, until it is known whether it began a flow.
    tentative: Option<HashMap<u32, Flow>>,
}

impl<A: Address> FlowTable<A> {
    /// An empty table.
    ///
    /// `keep_earlier` keeps each flow of a five-tuple apart; otherwise all but the current are added up.
    /// `later_stretch` is for a table that [`FlowTable::merge`] will append to another.
    pub fn new(seed: Seed, keep_earlier: bool, later_stretch: bool) -> Self {
        Self {
            seed,
            coming: Vec::with_capacity(GROUP),
            ready: Vec::with_capacity(GROUP),
            slots: Vec::new(),
            // Any shift will do while there are no slots.
            shift: 63,
            blocks: Vec::new(),
            len: 0,
            earlier: HashMap::new(),
            keep_earlier,
            tentative: later_stretch.then(HashMap::new),
        }
    }

    /// Five-tuples in the table; those of packets that still wait are not among them.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether the table is empty.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether there would be no numbers left for the five-tuples of two more groups.
    pub(crate) fn is_full(&self, limit: usize) -> bool {
        self.len + self.ready.len() >= limit.min(CAPACITY)
    }

    /// Lets a packet wait for its turn, in capture order; `true` when it completes a group, for which
    /// [`FlowTable::advance`] is to be called.
    #[inline]
    pub fn push(&mut self, observation: Observation<A>) -> bool {
        let hash = self.ask_for_slot(&observation.key);
        self.coming.push(Waiting { observation, hash, likely: 0 });
        self.coming.len() >= GROUP
    }

    /// Counts the group before the one just completed, and calls `met` with its new five-tuples.
    pub fn advance(&mut self, met: impl FnMut(&FlowKey<A>)) {
        let mut coming = std::mem::take(&mut self.coming);
        for waiting in &mut coming {
            waiting.likely = self.ask_for_entry(waiting.hash);
        }
        let mut ready = std::mem::replace(&mut self.ready, coming);
        self.count(&ready, met);
        ready.clear();
        self.coming = ready;
    }

    /// Counts all packets that wait, and calls `met` with each new five-tuple.
    pub fn flush(&mut self, mut met: impl FnMut(&FlowKey<A>)) {
        self.advance(&mut met);
        self.advance(met);
    }

    fn count(&mut self, packets: &[Waiting<A>], mut met: impl FnMut(&FlowKey<A>)) {
        for Waiting { observation, hash, likely } in packets {
            if !self.entry_mut(*likely).is_some_and(|entry| entry.takes(observation)) {
                let (index, new) = self.find_or_insert(&observation.key, *hash);
                self.update(index, new, observation);
                if new {
                    met(&observation.key);
                }
            }
        }
    }

    /// The hash of a key, whose slot the memory system is told to fetch.
    #[inline]
    fn ask_for_slot(&self, key: &FlowKey<A>) -> u64 {
        let hash = key.hash(self.seed);
        prefetch(&self.slots, (hash >> self.shift) as usize);
        hash
    }

    /// Index + 1 of the entry that a key of that hash likely has, which the memory system is told to fetch; or 0.
    #[inline]
    fn ask_for_entry(&self, hash: u64) -> u32 {
        if self.slots.is_empty() {
            return 0;
        }
        let likely = self.seek(hash, &mut ((hash >> self.shift) as usize));
        if let Some(entry) = self.entry(likely) {
            prefetch(slice::from_ref(&entry.key), 0);
            // Where addresses are long, an entry is two cache lines.
            if size_of::<Entry<A>>() > 64 {
                prefetch(slice::from_ref(&entry.facts), 0);
            }
        }
        likely
    }

    /// The number of a five-tuple, if it is there.
    pub fn find(&self, key: &FlowKey<A>) -> Option<u32> {
        if self.slots.is_empty() {
            return None;
        }
        let hash = key.hash(self.seed);
        self.probe(key, hash).ok()
    }

    /// The five-tuple of that number.
    pub fn tuple(&self, index: u32) -> Option<FiveTuple<'_, A>> {
        let entry = self.entry(index + 1)?;
        Some(self.view(index, entry))
    }

    /// All five-tuples in the order of their first packets.
    pub fn tuples(&self) -> impl Iterator<Item = FiveTuple<'_, A>> {
        self.tuples_from(0)
    }

    /// All keys in the order of their first packets.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &FlowKey<A>> {
        self.entries().map(|entry| &entry.key)
    }

    /// Five-tuples from that number on.
    pub(crate) fn tuples_from(&self, index: usize) -> impl Iterator<Item = FiveTuple<'_, A>> {
        let blocks = self.blocks.get(index / BLOCK..).unwrap_or_default();
        let entries = blocks.iter().flat_map(|block| block.iter()).skip(index % BLOCK);
        let count = self.len.saturating_sub(index);
        entries.take(count).zip(index as u32..).map(|(entry, index)| self.view(index, entry))
    }

    /// The same entries as slices.
    fn groups(&self) -> impl Iterator<Item = &[Entry<A>]> {
        let starts = (0..self.len).step_by(GROUP);
        starts.map(|start| &self.blocks[start / BLOCK][start % BLOCK..][..GROUP.min(self.len - start)])
    }

    fn entries(&self) -> impl Iterator<Item = &Entry<A>> {
        self.blocks.iter().flat_map(|block| block.iter()).take(self.len)
    }

    /// Adds packets to a five-tuple's current flow, such as fragments whose flow is known only later.
    pub fn credit(&mut self, key: &FlowKey<A>, direction: Direction, tally: &Tally) -> (u32, bool) {
        let (index, new) = self.find_or_insert(key, key.hash(self.seed));
        let mut all = Tally::default();
        let Some(entry) = self.entry_mut(index + 1) else { return (index, new) };
        if new {
            entry.restart(direction);
            entry.facts.0 |= if direction == Direction::Down { Facts::FIRST_DOWN } else { 0 };
        }
        all.then(&entry.segment().tally);
        all.octets[direction as usize] += tally.all_octets();
        all.packets[direction as usize] += tally.all_packets();
        all.first = all.first.min(tally.first);
        all.last = if all.last == NO_TIME || tally.last == NO_TIME {
            all.last.min(tally.last)
        } else {
            all.last.max(tally.last)
        };
        self.store(index, &all);
        (index, new)
    }

    /// Appends the table of the stretch that follows: the result is that of one pass over both. Together they may hold
    /// [`CAPACITY`] five-tuples.
    pub fn merge(&mut self, later: &Self) {
        let tentative = later.tentative.as_ref();
        // One group is asked for before the other is taken in.
        let (mut ahead, mut asked) = (Vec::with_capacity(GROUP), Vec::with_capacity(GROUP));
        let (mut group, mut number): (&[Entry<A>], u32) = (&[], 0);
        for next in later.groups().chain(std::iter::once(&[][..])) {
            ahead.extend(next.iter().map(|entry| self.ask_for_slot(&entry.key)));
            for (entry, &hash) in group.iter().zip(&asked) {
                let (index, new) = self.find_or_insert(&entry.key, hash);
                if !self.append_plain(index, new, entry) {
                    let head = tentative.and_then(|heads| heads.get(&number));
                    let ended = later.earlier.get(&number).map_or(&[][..], Vec::as_slice);
                    self.append(index, new, head, ended, entry);
                }
                number += 1;
            }
            for &hash in &ahead {
                self.ask_for_entry(hash);
            }
            asked.clear();
            std::mem::swap(&mut ahead, &mut asked);
            group = next;
        }
    }

    /// Removes the least recently seen five-tuples until at most `keep` remain; calls `leave` with each.
    ///
    /// No packet may wait: its entry would move.
    pub(crate) fn evict(&mut self, keep: usize, mut leave: impl FnMut(FiveTuple<'_, A>)) {
        debug_assert!(self.coming.is_empty() && self.ready.is_empty(), "packets wait");
        let mut ages: Vec<u64> = self.entries().map(|entry| entry.last).collect();
        let surplus = ages.len().saturating_sub(keep);
        if surplus == 0 {
            return;
        }
        let cutoff = *ages.select_nth_unstable(surplus - 1).1;
        drop(ages);
        let mut rest = Self::new(self.seed, self.keep_earlier, self.tentative.is_some());
        let mut left = 0;
        for (index, entry) in self.entries().enumerate() {
            let index = index as u32;
            if entry.last <= cutoff && left < surplus {
                left += 1;
                leave(self.view(index, entry));
                continue;
            }
            let (kept, _) = rest.find_or_insert(&entry.key, entry.key.hash(self.seed));
            if let Some(slot) = rest.entry_mut(kept + 1) {
                *slot = *entry;
            }
            if let Some(segments) = self.earlier.get(&index) {
                rest.earlier.insert(kept, segments.clone());
            }
            if let (Some(tentative), Some(Some(head))) =
                (&mut rest.tentative, self.tentative.as_ref().map(|heads| heads.get(&index)))
            {
                tentative.insert(kept, *head);
            }
        }
        *self = rest;
    }

    fn view(&self, index: u32, entry: &Entry<A>) -> FiveTuple<'_, A> {
        let earlier = if entry.facts.has(Facts::HAS_EARLIER) {
            self.earlier.get(&index).map_or(&[][..], Vec::as_slice)
        } else {
            &[]
        };
        FiveTuple {
            index,
            key: entry.key,
            facts: entry.facts,
            current: entry.segment(),
            earlier,
            flows: u64::from(entry.ended) + 1,
        }
    }

    /// The entry of a slot's value: index + 1.
    #[inline]
    fn entry(&self, value: u32) -> Option<&Entry<A>> {
        let index = value.wrapping_sub(1) as usize;
        Some(&self.blocks.get(index / BLOCK)?[index % BLOCK])
    }

    #[inline]
    fn entry_mut(&mut self, value: u32) -> Option<&mut Entry<A>> {
        let index = value.wrapping_sub(1) as usize;
        Some(&mut self.blocks.get_mut(index / BLOCK)?[index % BLOCK])
    }

    /// Goes on from slot `at` to the next one that may hold a key of that hash, or is empty, and returns what is in it.
    #[inline]
    fn seek(&self, hash: u64, at: &mut usize) -> u32 {
        let mask = self.slots.len() - 1;
        let tag = (hash as u32) << INDEX_BITS;
        loop {
            let slot = self.slots[*at & mask];
            if slot == 0 || (slot ^ tag) >> INDEX_BITS == 0 {
                return slot & INDEX_MASK;
            }
            *at += 1;
        }
    }

    /// The number of the key, or the slot where it belongs.
    #[inline]
    fn probe(&self, key: &FlowKey<A>, hash: u64) -> Result<u32, usize> {
        let mut at = (hash >> self.shift) as usize;
        loop {
            let value = self.seek(hash, &mut at);
            if value == 0 {
                return Err(at);
            }
            if self.entry(value).is_some_and(|entry| entry.key == *key) {
                return Ok(value - 1);
            }
            at += 1;
        }
    }

    /// The number of the key, which goes in where it is not there yet, and whether it did.
    fn find_or_insert(&mut self, key: &FlowKey<A>, hash: u64) -> (u32, bool) {
        if self.lacks_room(1) {
            self.grow(1);
        }
        match self.probe(key, hash) {
            Ok(index) => (index, false),
            Err(at) => (self.add(key, hash, at), true),
        }
    }

    fn add(&mut self, key: &FlowKey<A>, hash: u64, at: usize) -> u32 {
        // Beyond it, indexes would run into the hash pieces and five-tuples be lost: who adds makes room before.
        assert!(self.len < INDEX_MASK as usize, "no number left for a five-tuple");
        let index = self.len as u32;
        if self.len.is_multiple_of(BLOCK) {
            self.blocks.extend(vec![Entry::default(); BLOCK].into_boxed_slice().try_into());
        }
        self.len += 1;
        if let Some(entry) = self.entry_mut(index + 1) {
            *entry = Entry { key: *key, first: NO_TIME, last: NO_TIME, ..Entry::default() };
        }
        let mask = self.slots.len() - 1;
        self.slots[at & mask] = (hash as u32) << INDEX_BITS | (index + 1);
        index
    }

    /// Whether less than a quarter of the slots would stay empty.
    #[inline]
    fn lacks_room(&self, more: usize) -> bool {
        (self.len + more) * 4 > self.slots.len() * 3
    }

    #[cold]
    fn grow(&mut self, more: usize) {
        let size = ((self.len + more) * 4 / 3 + 1).next_power_of_two().max(1024);
        let mut slots = written_zeros(size);
        self.shift = 64 - size.trailing_zeros();
        let mut index = 0;
        for entry in self.entries() {
            let hash = entry.key.hash(self.seed);
            let mut at = (hash >> self.shift) as usize;
            while slots[at & (size - 1)] != 0 {
                at += 1;
            }
            index += 1;
            slots[at & (size - 1)] = (hash as u32) << INDEX_BITS | index;
        }
        self.slots = slots;
    }

    fn update(&mut self, index: u32, new: bool, observation: &Observation<A>) {
        let time = observation.time.unwrap_or(NO_TIME);
        let direction = observation.direction;
        let opens = observation.phase == Phase::Open;
        let Some(mut entry) = self.entry_mut(index + 1) else { return };
        if new {
            entry.restart(direction);
            entry.facts.0 |= if direction == Direction::Down { Facts::FIRST_DOWN } else { 0 };
            entry.facts.0 |= if opens { Facts::OPENED } else { 0 };
        } else if opens || entry.is_over(time, false) {
            self.turn(index, time, opens, direction);
            let Some(same) = self.entry_mut(index + 1) else { return };
            entry = same;
        }
        if time != NO_TIME {
            if entry.first == NO_TIME {
                entry.first = time;
            }
            entry.last = time;
        }
        let way = direction as usize;
        entry.octets[way] += u64::from(observation.octets);
        let (packets, overflow) = entry.packets[way].overflowing_add(1);
        entry.packets[way] = packets;
        if observation.phase != Phase::None || observation.to_group {
            entry.facts.0 |= facts_of(entry.facts, observation);
        }
        if overflow {
            entry.packets[way] = u32::MAX;
            let spilled = entry.segment();
            entry.restart(direction);
            entry.packets[way] = 1;
            (entry.first, entry.last) = (time, time);
            self.add_earlier(index, spilled);
        }
    }

    /// Ends the current flow where this packet begins another, or keeps it apart where that cannot be known yet.
    #[cold]
    fn turn(&mut self, index: u32, time: u64, opens: bool, direction: Direction) {
        if self.entry(index + 1).is_some_and(|entry| entry.is_over(time, opens)) {
            self.end(index, direction);
        } else if opens && self.tentative.is_some() {
            self.set_apart(index, direction);
        }
    }

    /// Ends the current flow and begins another.
    #[cold]
    fn end(&mut self, index: u32, initiator: Direction) {
        let Some(entry) = self.entry_mut(index + 1) else { return };
        let segment = entry.segment();
        entry.restart(initiator);
        entry.ended += 1;
        self.add_earlier(index, segment);
    }

    fn add_earlier(&mut self, index: u32, segment: Flow) {
        if let Some(entry) = self.entry_mut(index + 1) {
            entry.facts.0 |= Facts::HAS_EARLIER;
        }
        let earlier = self.earlier.entry(index).or_default();
        match earlier.last_mut() {
            Some(sum) if !self.keep_earlier => sum.tally.then(&segment.tally),
            _ => earlier.push(segment),
        }
    }

    /// Keeps what came before the first SYN of a later stretch apart, until [`FlowTable::merge`].
    #[cold]
    fn set_apart(&mut self, index: u32, initiator: Direction) {
        let Some(entry) = self.entry(index + 1) else { return };
        let first_flow = entry.ended == 0 && !entry.facts.has(Facts::CLOSED);
        let segment = entry.segment();
        let Some(tentative) = &mut self.tentative else { return };
        if first_flow && !tentative.contains_key(&index) {
            tentative.insert(index, segment);
            if let Some(entry) = self.entry_mut(index + 1) {
                entry.facts.0 |= Facts::SET_APART;
                entry.restart(initiator);
            }
        }
    }

    /// Appends one five-tuple of a later stretch if it is as most are: one flow, of which nothing was kept apart.
    #[inline]
    fn append_plain(&mut self, index: u32, new: bool, later: &Entry<A>) -> bool {
        let Some(entry) = self.entry_mut(index + 1) else { return false };
        if later.ended > 0 || later.facts.has(Facts::HAS_EARLIER) || later.facts.has(Facts::SET_APART) {
            return false;
        }
        if new {
            *entry = *later;
            return true;
        }
        let packets = [0, 1].map(|way: usize| entry.packets[way].checked_add(later.packets[way]));
        let [Some(up), Some(down)] = packets else { return false };
        if entry.is_over(later.first, later.facts.has(Facts::OPENED)) {
            return false;
        }
        entry.packets = [up, down];
        entry.octets = [0, 1].map(|way: usize| entry.octets[way] + later.octets[way]);
        entry.first = if entry.first == NO_TIME { later.first } else { entry.first };
        entry.last = if later.last == NO_TIME { entry.last } else { later.last };
        entry.facts.0 |= entry.facts.learns(later.facts) | later.facts.0 & Facts::CLOSED;
        true
    }

    /// Appends one five-tuple of a later stretch: what it had before its first SYN, the flows that ended in it, and
    /// its current flow.
    fn append(&mut self, index: u32, new: bool, head: Option<&Flow>, ended: &[Flow], later: &Entry<A>) {
        let Some(entry) = self.entry_mut(index + 1) else { return };
        if new {
            *entry = Entry { ended: 0, ..*later };
            entry.facts.0 &= !(Facts::HAS_EARLIER | Facts::SET_APART);
            entry.restart(Direction::Up);
        } else {
            entry.facts.0 |= entry.facts.learns(later.facts);
        }
        // `ended` may be flows added up, so their number is counted apart from the steps below.
        let flows_before = entry.ended;
        let mut steps = 0;
        let mut begun = new;
        let opened = later.facts.has(Facts::OPENED);
        let current = later.segment();
        let whole = head.into_iter().chain(ended).chain(std::iter::once(&current));
        for (position, segment) in whole.enumerate() {
            let Some(entry) = self.entry_mut(index + 1) else { return };
            let splits = match position {
                0 => !begun && entry.is_over(segment.tally.first, opened),
                // A SYN after what was set apart begins a flow where the one before had been closed.
                1 if head.is_some() => entry.facts.has(Facts::CLOSED),
                _ => true,
            };
            if splits {
                self.end(index, segment.initiator);
                steps += 1;
            } else if begun {
                entry.restart(segment.initiator);
            }
            begun = false;
            self.join(index, &segment.tally);
        }
        let Some(entry) = self.entry_mut(index + 1) else { return };
        // Steps over `ended` count it as so many flows as it has members; it stands for `later.ended`.
        entry.ended = flows_before + steps + later.ended - ended.len() as u32;
        if later.facts.has(Facts::CLOSED) {
            entry.facts.0 |= Facts::CLOSED;
        }
    }

    /// Adds what came later to the current flow.
    fn join(&mut self, index: u32, tally: &Tally) {
        let Some(entry) = self.entry(index + 1) else { return };
        let mut all = entry.segment().tally;
        all.then(tally);
        self.store(index, &all);
    }

    /// Writes counters back to the current flow; what 32 bits cannot hold goes to the earlier ones.
    fn store(&mut self, index: u32, tally: &Tally) {
        let Some(entry) = self.entry_mut(index + 1) else { return };
        (entry.first, entry.last, entry.octets) = (tally.first, tally.last, tally.octets);
        let mut surplus = [0; 2];
        for way in [0, 1] {
            entry.packets[way] = u32::try_from(tally.packets[way]).unwrap_or(u32::MAX);
            surplus[way] = tally.packets[way] - u64::from(entry.packets[way]);
        }
        if surplus != [0; 2] {
            let initiator = entry.segment().initiator;
            self.add_earlier(
                index,
                Flow { tally: Tally { packets: surplus, ..Tally::default() }, initiator },
            );
        }
    }
}

/// What a packet's phase and destination add to the facts.
fn facts_of<A>(known: Facts, observation: &Observation<A>) -> u16 {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::key::V4, *};

    const MINUTE: u64 = 60_000_000_000;

    /// A packet between host `from` and host `to` of a small world.
    fn packet(from: u8, to: u8, tcp: bool, time: u64, phase: Phase) -> Observation<V4> {
        let protocol = if tcp { TransportProtocol::TCP } else { TransportProtocol::UDP };
        let (source, destination) = (([10, 0, 0, from].into(), 1000), ([10, 0, 0, to].into(), 1000));
        let (key, direction) = FlowKey::new(source, destination, protocol, true);
        let octets = 60 + u32::from(from);
        Observation { key, direction, time: Some(time), octets, phase, to_group: to == 3 }
    }

    fn filled(packets: &[Observation<V4>], keep: bool, later: bool) -> FlowTable<V4> {
        let mut table = FlowTable::new(Seed::random(), keep, later);
        take(&mut table, packets);
        table
    }

    fn take(table: &mut FlowTable<V4>, packets: &[Observation<V4>]) {
        for packet in packets {
            if table.push(*packet) {
                table.advance(|_| {});
            }
        }
        table.flush(|_| {});
    }

    type Seen = (FlowKey<V4>, Vec<Flow>, u64, Option<Direction>, Direction, [bool; 2]);

    fn seen(table: &FlowTable<V4>) -> Vec<Seen> {
        table
            .tuples()
            .map(|tuple| {
                let facts = tuple.facts;
                let groups = [Direction::Up, Direction::Down].map(|way| facts.to_group(way));
                let segments = tuple.segments().copied().collect();
                (tuple.key, segments, tuple.flows, facts.handshake(), facts.first(), groups)
            })
            .collect()
    }

    /// The same, the slow way: a list searched from its start, one rule after the other.
    fn naive(packets: &[Observation<V4>]) -> Vec<Seen> {
        let mut all: Vec<(Seen, u64, bool)> = Vec::new();
        for packet in packets {
            let time = packet.time.unwrap();
            let opens = packet.phase == Phase::Open;
            let at = all.iter().position(|(seen, _, _)| seen.0 == packet.key).unwrap_or_else(|| {
                all.push(((packet.key, vec![], 0, None, packet.direction, [false; 2]), time, false));
                all.len() - 1
            });
            let (seen, last, closed) = &mut all[at];
            let timeout = if packet.key.protocol == TransportProtocol::TCP { 60 } else { 2 } * MINUTE;
            if seen.1.is_empty() || time > *last && time - *last > timeout || opens && *closed {
                seen.1.push(Flow { tally: Tally::default(), initiator: packet.direction });
                seen.2 += 1;
                *closed = false;
            }
            seen.1.last_mut().unwrap().tally.count(packet.direction, packet.octets.into(), packet.time);
            *last = time;
            *closed |= packet.phase == Phase::Close;
            let back = if packet.direction == Direction::Up { Direction::Down } else { Direction::Up };
            match packet.phase {
                Phase::Open => seen.3 = seen.3.or(Some(packet.direction)),
                Phase::Accept => seen.3 = seen.3.or(Some(back)),
                _ => {}
            }
            seen.5[packet.direction as usize] |= packet.to_group;
        }
        all.into_iter().map(|(seen, _, _)| seen).collect()
    }

    fn histories() -> impl Strategy<Value = Vec<Observation<V4>>> {
        let phase = prop_oneof![
            4 => Just(Phase::None), 2 => Just(Phase::Open), 1 => Just(Phase::Accept), 2 => Just(Phase::Close)
        ];
        let gap =
            prop_oneof![6 => 0..3u64, 1 => Just(3 * MINUTE), 1 => Just(61 * MINUTE), 1 => Just(u64::MAX)];
        let step = (0u8..4, 0u8..4, any::<bool>(), gap, phase);
        proptest::collection::vec(step, 0..120).prop_map(|steps| {
            let mut now = 1_000 * MINUTE;
            let packets = steps.into_iter().map(|(from, to, tcp, gap, phase)| {
                // The largest gap stands for a clock that was set back.
                now = if gap == u64::MAX { now - 5 * MINUTE } else { now + gap };
                packet(from, to, tcp, now, phase)
            });
            packets.collect()
        })
    }

    proptest! {
        #[test]
        fn equals_the_naive_table(packets in histories()) {
            prop_assert_eq!(seen(&filled(&packets, true, false)), naive(&packets));
        }

        #[test]
        fn stretches_merge_into_the_whole(packets in histories(), cuts in proptest::array::uniform2(0usize..120)) {
            let mut cuts = cuts.map(|cut| cut.min(packets.len()));
            cuts.sort_unstable();
            for keep in [true, false] {
                let mut merged = filled(&packets[..cuts[0]], keep, false);
                merged.merge(&filled(&packets[cuts[0]..cuts[1]], keep, true));
                merged.merge(&filled(&packets[cuts[1]..], keep, true));
                prop_assert_eq!(seen(&merged), seen(&filled(&packets, keep, false)));
            }
        }
    }

    #[test]
    fn many_five_tuples_are_found_again() {
        let packets: Vec<_> = (0..50_000u32)
            .map(|n| {
                let client = (V4::from(n.to_be_bytes()), 40_000);
                let server = (V4::from([192, 0, 2, 1]), 443);
                let (key, direction) = FlowKey::new(client, server, TransportProtocol::TCP, true);
                let phase = Phase::None;
                Observation { key, direction, time: Some(u64::from(n)), octets: 64, phase, to_group: false }
            })
            .collect();
        let table = filled(&packets, false, false);
        assert_eq!(table.len(), packets.len());
        for (number, packet) in packets.iter().enumerate() {
            assert_eq!(table.find(&packet.key), Some(number as u32));
        }
        let absent = FlowKey { low_port: 1, ..packets[0].key };
        assert_eq!(table.find(&absent), None);
    }

    #[test]
    fn a_credit_joins_the_current_flow() {
        let first = packet(1, 2, false, 10 * MINUTE, Phase::None);
        let mut table = filled(&[first], false, false);
        let mut tally = Tally::default();
        tally.count(Direction::Up, 500, Some(11 * MINUTE));
        table.credit(&first.key, Direction::Up, &tally);
        let total = table.tuple(0).unwrap().total();
        assert_eq!((total.packets, total.octets), ([2, 0], [561, 0]));
        assert_eq!((total.first(), total.last()), (Some(10 * MINUTE), Some(11 * MINUTE)));
    }

    #[test]
    fn the_least_recently_seen_leave_first() {
        let packets: Vec<_> = (0..6).map(|n| packet(n, 9, false, u64::from(n), Phase::None)).collect();
        let mut table = filled(&packets, false, false);
        take(&mut table, &[packet(0, 9, false, 7, Phase::None)]);
        let mut left = Vec::new();
        table.evict(4, |tuple| left.push(tuple.total().last().unwrap()));
        assert_eq!(left, [1, 2]);
        assert_eq!(table.len(), 4);
        assert!(table.find(&packets[0].key).is_some());
        assert!(table.find(&packets[1].key).is_none());
    }
}
