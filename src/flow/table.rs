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
    FiveTuple, FlowOptions,
    entry::{Entry, Facts, Flow, NO_TIME, facts_of, latest},
    history::History,
    key::{Address, Direction, FlowKey, Seed},
    names::{Before, Names},
    observed::Observation,
    octets::Octets,
    prefetch, written_zeros,
};
use crate::{
    decode::Phase,
    packet::{Share, TransportProtocol},
    payload::{Told, Window},
};

/// Five-tuples looked up together, so that their cache misses overlap.
pub(crate) const GROUP: usize = 32;
/// Five-tuples of each family held by default before the least recently used leave.
pub const DEFAULT_LIMIT: usize = 4_000_000;
/// Flows of each family that ended and are kept apart; further ones are added to the last one of their five-tuple.
pub(super) const ENDED: usize = 4_000_000;

/// Entries are kept in blocks of this many, so that growing copies none and doubles nothing.
const BLOCK: usize = 1 << 10;
/// Slots hold an index in the lower bits and a piece of the hash in the upper ones.
const INDEX_BITS: u32 = 24;
const INDEX_MASK: u32 = (1 << INDEX_BITS) - 1;
/// Most packets that come between two looks at whether there is room: those of a batch.
const BETWEEN_LOOKS: usize = 1 << 16;
/// Five-tuples that slots can number while those of a batch are still to come.
pub(crate) const CAPACITY: usize = INDEX_MASK as usize - BETWEEN_LOOKS;

/// A packet that is not counted yet.
#[derive(Clone, Copy, Debug, Default)]
struct Waiting<'b, A> {
    observation: Observation<'b, A>,
    hash: u64,
    /// The entry that is likely its five-tuple's: index + 1, or 0.
    likely: u32,
}

/// Packets of a batch that wait to be counted in groups.
#[derive(Debug)]
pub(super) struct Pending<'b, A> {
    /// Two groups that change places.
    groups: [Group<'b, A>; 2],
    /// Which of them has the packets whose slots were asked for; the other has those before them, whose entries were.
    coming: usize,
}

/// Packets that are looked up together. They take no memory of their own, as each batch has its groups.
#[derive(Debug)]
struct Group<'b, A> {
    waiting: [Waiting<'b, A>; GROUP],
    len: usize,
}

impl<A: Address> Default for Pending<'_, A> {
    fn default() -> Self {
        let group = || Group { waiting: [Waiting::default(); GROUP], len: 0 };
        Self { groups: [group(), group()], coming: 0 }
    }
}

/// All five-tuples with addresses of one family.
#[derive(Debug)]
pub(super) struct FlowTable<A> {
    pub(super) seed: Seed,
    /// Open addressing, linear probing, at most three quarters full: piece of hash and index + 1, or 0.
    pub(super) slots: Vec<u32>,
    pub(super) shift: u32,
    pub(super) blocks: Vec<Box<[Entry<A>; BLOCK]>>,
    pub(super) len: usize,
    /// Flows that ended, by five-tuple. Few five-tuples are used twice.
    pub(super) earlier: HashMap<u32, Vec<Flow>>,
    pub(super) keep_earlier: bool,
    /// How much of the room there is by default the table may take.
    pub(super) share: Share,
    /// How many more of them may be kept apart.
    pub(super) room_for_ended: usize,
    /// Flows that were to be kept apart and found no room.
    pub(super) joined: u64,
    /// Set in a table of a later stretch: counters before the first SYN, until it is known whether it began a flow.
    pub(super) tentative: Option<HashMap<u32, Flow>>,
    /// Histories of current flows, by the numbers of their five-tuples, where they are wanted.
    pub(super) histories: Option<Vec<History>>,
    pub(super) octets: Octets,
    /// Names of servers, where they are wanted.
    pub(super) names: Option<Box<Names>>,
    /// Verdicts are wanted after every packet.
    at_once: bool,
}

impl<A: Address> FlowTable<A> {
    /// An empty table.
    pub(super) fn new(seed: Seed, options: FlowOptions) -> Self {
        Self {
            seed,
            slots: Vec::new(),
            // Any shift will do while there are no slots.
            shift: 63,
            blocks: Vec::new(),
            len: 0,
            earlier: HashMap::new(),
            keep_earlier: options.each,
            share: options.share,
            room_for_ended: options.share.of(ENDED),
            joined: 0,
            tentative: options.part.then(HashMap::new),
            histories: options.history.then(Vec::new),
            octets: Octets::default(),
            names: options.names.then(|| Box::new(Names::new(options.part, options.share))),
            at_once: options.at_once,
        }
    }

    /// An empty table of the same kind.
    pub(super) fn fresh(&self) -> Self {
        let Self { keep_earlier: each, at_once, share, .. } = *self;
        let (part, names, history) =
            (self.tentative.is_some(), self.names.is_some(), self.histories.is_some());
        let options = FlowOptions { each, part, at_once, names, history, share, ..FlowOptions::default() };
        Self::new(self.seed, options)
    }

    /// Five-tuples in the table.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Whether it holds as many five-tuples as it may.
    pub(super) fn is_full(&self, limit: usize) -> bool {
        self.len >= limit.min(CAPACITY)
    }

    /// Lets a packet wait for its turn, in capture order; `true` when it completes a group, for which
    /// [`FlowTable::advance`] is to be called.
    #[inline]
    pub(super) fn push<'b>(&self, pending: &mut Pending<'b, A>, observation: Observation<'b, A>) -> bool {
        let hash = self.ask_for_slot(&observation.key);
        let group = &mut pending.groups[pending.coming & 1];
        let place = group.len % GROUP;
        group.waiting[place] = Waiting { observation, hash, likely: 0 };
        group.len = place + 1;
        group.len >= GROUP
    }

    /// Counts the group before the one just completed.
    #[inline(never)]
    pub(super) fn advance(&mut self, pending: &mut Pending<'_, A>) {
        let [one, other] = &mut pending.groups;
        let (coming, ready) = if pending.coming == 0 { (one, other) } else { (other, one) };
        for waiting in &mut coming.waiting[..coming.len] {
            waiting.likely = self.ask_for_entry(waiting.hash);
            self.octets.ask_for_place(waiting.likely.wrapping_sub(1));
        }
        self.ask_for_octets(&ready.waiting[..ready.len]);
        self.count(&ready.waiting[..ready.len]);
        ready.len = 0;
        pending.coming ^= 1;
    }

    /// Counts all packets that wait.
    pub(super) fn flush(&mut self, pending: &mut Pending<'_, A>) {
        self.advance(pending);
        self.advance(pending);
    }

    /// Counts a packet at once: the number of its five-tuple, and whether that is new.
    pub(super) fn take(&mut self, observation: &Observation<'_, A>) -> (u32, bool) {
        let hash = observation.key.hash(self.seed);
        let (index, new) = self.find_or_insert(&observation.key, hash);
        if !self.entry_mut(index + 1).is_some_and(|entry| entry.takes(observation)) {
            self.update(index, new, observation);
        }
        (index, new)
    }

    /// Tells the memory system to fetch what was shown before of the five-tuples that packets may tell more of. Their entries
    /// are at hand.
    fn ask_for_octets(&self, packets: &[Waiting<'_, A>]) {
        const { assert!(GROUP <= u32::BITS as usize, "a bit for each packet of a group") };
        let mut showing: u32 = 0;
        for (number, Waiting { observation, likely, .. }) in packets.iter().enumerate() {
            let lacks = self.entry(*likely).is_some_and(|entry| {
                entry.facts.has(Facts::SHOWS) && observation.needs & !entry.facts.0 & Facts::BOTH_SHOWN != 0
            });
            if lacks {
                showing |= 1 << number;
                self.octets.ask_for_windows(*likely - 1);
            }
        }
        while let Some(Waiting { observation, likely, .. }) = packets.get(showing.trailing_zeros() as usize) {
            self.octets.ask_for_window(*likely - 1, observation.direction);
            showing &= showing - 1;
        }
    }

    fn count(&mut self, packets: &[Waiting<'_, A>]) {
        for Waiting { observation, hash, likely } in packets {
            let (index, new) = match self.entry_mut(*likely).filter(|entry| entry.key == observation.key) {
                Some(entry) => {
                    if entry.takes(observation) {
                        continue;
                    }
                    (*likely - 1, false)
                }
                None => self.find_or_insert(&observation.key, *hash),
            };
            self.update(index, new, observation);
        }
    }

    /// The hash of a key, whose slot the memory system is told to fetch.
    #[inline]
    pub(super) fn ask_for_slot(&self, key: &FlowKey<A>) -> u64 {
        let hash = key.hash(self.seed);
        prefetch(&self.slots, (hash >> self.shift) as usize);
        hash
    }

    /// Index + 1 of the entry that a key of that hash likely has, which the memory system is told to fetch; or 0.
    #[inline]
    pub(super) fn ask_for_entry(&self, hash: u64) -> u32 {
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
    pub(super) fn find(&self, key: &FlowKey<A>) -> Option<u32> {
        self.find_hashed(key, key.hash(self.seed))
    }

    /// The same for a key whose hash is known.
    pub(super) fn find_hashed(&self, key: &FlowKey<A>, hash: u64) -> Option<u32> {
        if self.slots.is_empty() {
            return None;
        }
        self.probe(key, hash).ok()
    }

    /// The five-tuple of that number.
    #[inline]
    pub(super) fn tuple(&self, index: u32) -> Option<FiveTuple<'_>> {
        let entry = self.entry(index + 1).filter(|_| (index as usize) < self.len)?;
        Some(self.view(index, entry))
    }

    /// All entries in groups, as slices.
    pub(super) fn groups(&self) -> impl Iterator<Item = &[Entry<A>]> {
        let starts = (0..self.len).step_by(GROUP);
        starts.map(|start| &self.blocks[start / BLOCK][start % BLOCK..][..GROUP.min(self.len - start)])
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry<A>> {
        self.blocks.iter().flat_map(|block| block.iter()).take(self.len)
    }

    #[inline]
    pub(super) fn view(&self, index: u32, entry: &Entry<A>) -> FiveTuple<'_> {
        let earlier = if entry.facts.has(Facts::HAS_EARLIER) {
            self.earlier.get(&index).map_or(&[][..], Vec::as_slice)
        } else {
            &[]
        };
        let apart = match &self.tentative {
            Some(heads) if entry.facts.has(Facts::SET_APART) => heads.get(&index),
            _ => None,
        };
        FiveTuple {
            id: A::id(index),
            key: A::key(entry.key),
            facts: entry.facts,
            current: self.flow(index, entry),
            earlier,
            apart,
            flows: u64::from(entry.ended) + 1,
            shown: self.octets.of(index),
        }
    }

    /// The current flow of the five-tuple of that number.
    #[inline]
    pub(super) fn flow(&self, index: u32, entry: &Entry<A>) -> Flow {
        Flow { tally: entry.tally(), initiator: entry.initiator(), history: self.history(index) }
    }

    /// The history of that flow.
    #[inline]
    pub(super) fn history(&self, index: u32) -> History {
        let histories = self.histories.as_ref();
        histories.and_then(|all| all.get(index as usize)).copied().unwrap_or(History::UNKNOWN)
    }

    /// The same, to be changed, where it is kept.
    pub(super) fn history_mut(&mut self, index: u32) -> Option<&mut History> {
        self.histories.as_mut()?.get_mut(index as usize)
    }

    /// The entry of a slot's value: index + 1.
    #[inline]
    pub(super) fn entry(&self, value: u32) -> Option<&Entry<A>> {
        let index = value.wrapping_sub(1) as usize;
        Some(&self.blocks.get(index / BLOCK)?[index % BLOCK])
    }

    #[inline]
    pub(super) fn entry_mut(&mut self, value: u32) -> Option<&mut Entry<A>> {
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
    pub(super) fn find_or_insert(&mut self, key: &FlowKey<A>, hash: u64) -> (u32, bool) {
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
        if let Some(histories) = &mut self.histories {
            histories.push(History::EMPTY);
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

    fn update(&mut self, index: u32, new: bool, observation: &Observation<'_, A>) {
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
            entry.first = entry.first.min(time);
            entry.last = latest(entry.last, time);
        }
        let way = direction as usize;
        entry.octets[way] += u64::from(observation.octets);
        let (packets, overflow) = entry.packets[way].overflowing_add(1);
        entry.packets[way] = packets;
        let lacks = observation.needs & !entry.facts.0;
        if lacks != 0 {
            entry.facts.0 |= facts_of(entry.facts, observation);
        }
        if overflow {
            entry.packets[way] = u32::MAX;
            if let Some(spilled) = self.begin(index, direction) {
                self.add_earlier(index, spilled);
            }
            if let Some(entry) = self.entry_mut(index + 1) {
                entry.packets[way] = 1;
                (entry.first, entry.last) = (time, time);
            }
        }
        self.note(index, observation);
        if lacks & Facts::BOTH_SHOWN != 0 {
            self.show(index, observation, lacks);
        }
    }

    /// Adds what a segment does to the history of its connection.
    #[inline]
    fn note(&mut self, index: u32, observation: &Observation<'_, A>) {
        let Some(history) = self.history_mut(index) else { return };
        let Some(step) = observation.step() else { return };
        let Some(step) = step else {
            *history = History::UNKNOWN;
            return;
        };
        history.note(step, observation.direction);
        if let Some(entry) = self.entry_mut(index + 1) {
            entry.facts.0 |= step.fact() << observation.direction as u32;
        }
    }

    /// Takes in what a packet carries, as long as that may tell what its five-tuple speaks; `lacked` are the facts that were
    /// not known before it.
    fn show(&mut self, index: u32, observation: &Observation<'_, A>, lacked: u32) {
        let Some(entry) = self.entry_mut(index + 1) else { return };
        entry.facts.0 |= Facts::SHOWS;
        let (facts, key) = (entry.facts, entry.key);
        if self.octets.is_full() && self.octets.windows(index).is_none() {
            self.forget_octets();
        }
        let (direction, phase) = (observation.direction, observation.phase);
        let is_part = self.tentative.is_some();
        let open = match &self.names {
            Some(_) => self.feed_names(index, key.protocol, observation, lacked),
            None => false,
        };
        let full = self.octets.feed(index, (key.protocol, is_part), (direction, phase), &observation.carried);
        if full
            && !open
            && let Some(entry) = self.entry_mut(index + 1)
        {
            entry.facts.0 |= Facts::SHOWN << direction as u32;
            self.settle_octets(index);
        }
        // Nothing is done where that was just settled.
        if self.at_once {
            self.octets.decide(index, &key, facts.first());
        }
    }

    /// Reads what a packet carries for the name of a server. Returns whether its direction may still tell one.
    fn feed_names(
        &mut self,
        index: u32,
        protocol: TransportProtocol,
        observation: &Observation<'_, A>,
        lacked: u32,
    ) -> bool {
        let (direction, phase) = (observation.direction, observation.phase);
        if self.names.as_ref().is_some_and(|names| names.is_full()) {
            self.forget_names();
        }
        let windows = self.octets.windows(index);
        let first = windows.and_then(|windows| windows[direction as usize].first());
        let is_first = lacked & (Facts::DATA << direction as u32) != 0;
        let way = (index, direction);
        let carried = &observation.carried;
        self.names
            .as_mut()
            .is_some_and(|names| names.feed(way, (protocol, phase), (is_first, first), carried))
    }

    /// What directions showed before a later stretch, as far as it matters for names.
    pub(super) fn before(&self, index: u32) -> [Before; 2] {
        let of = |window: &Window| Before { has_octets: window.has_octets(), first: window.first() };
        self.octets.windows(index).map_or([Before::default(); 2], |windows| windows.each_ref().map(of))
    }

    /// What the packets of one direction told of the server that they are for.
    pub(super) fn told(&self, index: u32, direction: Direction) -> Option<&Told> {
        self.names.as_ref()?.told((index, direction))
    }

    /// Weighs what a five-tuple showed and lets the octets go, where both directions are complete.
    ///
    /// A part of a capture keeps them where it did not see the beginning.
    pub(super) fn settle_octets(&mut self, index: u32) {
        let Some(entry) = self.entry(index + 1) else { return };
        let is_whole = entry.facts.0 & Facts::BOTH_SHOWN == Facts::BOTH_SHOWN;
        let has_begun = self.tentative.is_none() || entry.facts.has(Facts::OPENED);
        if is_whole && has_begun {
            self.decide(index);
        }
    }

    /// Weighs what a five-tuple showed so far, and lets the octets go.
    pub(super) fn decide(&mut self, index: u32) {
        let Some(entry) = self.entry_mut(index + 1) else { return };
        entry.facts.0 |= Facts::BOTH_SHOWN;
        let (facts, key) = (entry.facts, entry.key);
        self.octets.decide(index, &key, facts.first());
        self.octets.close(index);
        if let Some(names) = &mut self.names {
            names.close_both(index);
        }
    }

    /// Weighs what all five-tuples showed.
    pub(super) fn decide_all(&mut self) {
        let open: Vec<u32> = self.octets.open().collect();
        open.into_iter().for_each(|index| self.decide(index));
    }

    /// Weighs what all five-tuples showed so far, and keeps the octets.
    pub(super) fn weigh_all(&mut self) {
        let open: Vec<u32> = self.octets.open().collect();
        for index in open {
            if let Some(&Entry { facts, key, .. }) = self.entry(index + 1) {
                self.octets.decide(index, &key, facts.first());
            }
        }
    }

    /// Makes room for the octets of other five-tuples: those of the least recently seen quarter go.
    #[cold]
    pub(super) fn forget_octets(&mut self) {
        for index in self.oldest_quarter(self.octets.open()) {
            self.decide(index);
            self.octets.undecided += 1;
        }
    }

    /// Makes room for other five-tuples that may tell a name: the least recently seen quarter is read no further.
    #[cold]
    pub(super) fn forget_names(&mut self) {
        let Some(names) = &self.names else { return };
        let oldest = self.oldest_quarter(names.open());
        if let Some(names) = &mut self.names {
            for index in oldest {
                names.close_both(index);
                names.lost += 1;
            }
        }
    }

    /// The least recently seen quarter of five-tuples, and at least one.
    fn oldest_quarter(&self, open: impl Iterator<Item = u32>) -> Vec<u32> {
        let age = |index: u32| self.entry(index + 1).map_or(0, |entry| entry.last);
        let mut open: Vec<(u64, u32)> = open.map(|index| (age(index), index)).collect();
        let count = (open.len() / 4).max(1).min(open.len());
        if count < open.len() {
            open.select_nth_unstable(count);
        }
        open[..count].iter().map(|&(_, index)| index).collect()
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
    pub(super) fn end(&mut self, index: u32, initiator: Direction) {
        let Some(flow) = self.begin(index, initiator) else { return };
        if let Some(entry) = self.entry_mut(index + 1) {
            entry.ended += 1;
        }
        self.add_earlier(index, flow);
    }

    /// Begins another flow with a packet in this direction, and returns the one before.
    pub(super) fn begin(&mut self, index: u32, initiator: Direction) -> Option<Flow> {
        let flow = self.flow(index, self.entry(index + 1)?);
        self.entry_mut(index + 1)?.restart(initiator);
        if let Some(history) = self.history_mut(index) {
            *history = History::EMPTY;
        }
        Some(flow)
    }

    pub(super) fn add_earlier(&mut self, index: u32, flow: Flow) {
        if let Some(entry) = self.entry_mut(index + 1) {
            entry.facts.0 |= Facts::HAS_EARLIER;
        }
        let earlier = self.earlier.entry(index).or_default();
        match earlier.last_mut() {
            Some(sum) if !self.keep_earlier => sum.add(&flow),
            Some(sum) if self.room_for_ended == 0 => {
                sum.add(&flow);
                self.joined += 1;
            }
            _ => {
                earlier.push(flow);
                self.room_for_ended = self.room_for_ended.saturating_sub(1);
            }
        }
    }

    /// Takes out the flows that gave way to others, by the numbers of their five-tuples in ascending order.
    pub(super) fn take_earlier(&mut self) -> Vec<(u32, Vec<Flow>)> {
        let mut earlier: Vec<_> = std::mem::take(&mut self.earlier).into_iter().collect();
        earlier.sort_unstable_by_key(|&(index, _)| index);
        for (index, flows) in &earlier {
            self.room_for_ended += flows.len();
            if let Some(entry) = self.entry_mut(index + 1) {
                entry.facts.0 &= !Facts::HAS_EARLIER;
                entry.ended = 0;
            }
        }
        earlier
    }

    /// Keeps what came before the first SYN of a later stretch apart, until [`FlowTable::merge`].
    #[cold]
    pub(super) fn set_apart(&mut self, index: u32, initiator: Direction) {
        let Some(entry) = self.entry(index + 1) else { return };
        let first_flow = entry.ended == 0 && !entry.facts.has(Facts::CLOSED);
        let is_free = self.tentative.as_ref().is_some_and(|heads| !heads.contains_key(&index));
        if first_flow && is_free {
            let head = self.begin(index, initiator);
            if let (Some(tentative), Some(head)) = (&mut self.tentative, head) {
                tentative.insert(index, head);
            }
            if let Some(entry) = self.entry_mut(index + 1) {
                entry.facts.0 |= Facts::SET_APART;
            }
        }
    }
}
