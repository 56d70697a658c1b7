//! Tables of two stretches of one capture become that of both, and five-tuples leave a table.

use super::{
    entry::{Entry, Facts, Flow, Tally, latest},
    history::History,
    key::{Address, Direction, FlowKey},
    names::Before,
    octets::Windows,
    table::{FlowTable, GROUP},
};
use crate::payload::Window;

impl<A: Address> FlowTable<A> {
    /// Adds packets to a five-tuple's current flow, such as fragments whose flow is known only later.
    pub(super) fn credit(&mut self, key: &FlowKey<A>, direction: Direction, tally: &Tally) {
        let (index, new) = self.find_or_insert(key, key.hash(self.seed));
        let mut all = Tally::default();
        let Some(entry) = self.entry_mut(index + 1) else { return };
        if new {
            entry.restart(direction);
            entry.facts.0 |= if direction == Direction::Down { Facts::FIRST_DOWN } else { 0 };
        }
        all.then(&entry.tally());
        all.octets[direction as usize] += tally.all_octets();
        all.packets[direction as usize] += tally.all_packets();
        all.first = all.first.min(tally.first);
        all.last = latest(all.last, tally.last);
        self.store(index, &all);
    }

    /// Appends the table of the stretch that follows: the result is that of one pass over both. Together they may hold
    /// [`CAPACITY`] five-tuples.
    pub(super) fn merge(&mut self, later: &Self) {
        let tentative = later.tentative.as_ref();
        // One group is asked for before the other is taken in.
        let (mut ahead, mut asked) = (Vec::with_capacity(GROUP), Vec::with_capacity(GROUP));
        let (mut group, mut number): (&[Entry<A>], u32) = (&[], 0);
        for next in later.groups().chain(std::iter::once(&[][..])) {
            ahead.extend(next.iter().map(|entry| self.ask_for_slot(&entry.key)));
            for (entry, &hash) in group.iter().zip(&asked) {
                let (index, new) = self.find_or_insert(&entry.key, hash);
                if self.append_plain(index, new, entry) {
                    self.join_history(index, later.history(number));
                } else {
                    let head = tentative.and_then(|heads| heads.get(&number));
                    let ended = later.earlier.get(&number).map_or(&[][..], Vec::as_slice);
                    self.append(index, new, head, ended, (entry, &later.flow(number, entry)));
                }
                if entry.facts.has(Facts::SHOWS) {
                    self.join_octets(index, number, entry.facts, later);
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
        self.joined += later.joined;
        self.octets.undecided += later.octets.undecided;
        if let (Some(names), Some(later)) = (&mut self.names, &later.names) {
            names.lost += later.lost;
        }
    }

    /// Adds what a five-tuple showed in a later stretch, where it has the number `number`.
    #[cold]
    fn join_octets(&mut self, index: u32, number: u32, later: Facts, theirs: &Self) {
        let octets = &theirs.octets;
        let Some(entry) = self.entry_mut(index + 1) else { return };
        let shows = entry.facts.has(Facts::SHOWS);
        entry.facts.0 |= Facts::SHOWS;
        if self.octets.is_full() {
            self.forget_octets();
        }
        let before = self.before(index);
        let says_more = |own: &Windows| own.iter().any(Window::has_octets);
        let complete = match (self.octets.windows(index), octets.windows(number)) {
            // What was decided stays so.
            (None, _) if shows => return,
            (Some(_), Some(windows)) => {
                let full = self.octets.join(index, windows);
                [0, 1].map(|way| if full[way] { Facts::SHOWN << way } else { 0 }).iter().sum()
            }
            // A connection that opened later does not change what the first one showed.
            (Some(own), None) if says_more(own) => return,
            _ => {
                self.octets.take(index, octets, number);
                later.0 & Facts::BOTH_SHOWN
            }
        };
        let open = self.join_names(index, before, (later, number), theirs);
        if let Some(entry) = self.entry_mut(index + 1) {
            entry.facts.0 = (entry.facts.0 | complete) & !open;
        }
        if self.octets.windows(index).is_some() {
            self.settle_octets(index);
        }
    }

    /// Adds what a five-tuple told in a later stretch, or may tell. Returns [`Facts::SHOWN`] of the directions that may still.
    fn join_names(
        &mut self,
        index: u32,
        before: [Before; 2],
        (later, number): (Facts, u32),
        theirs: &Self,
    ) -> u32 {
        if self.names.as_ref().is_some_and(|names| names.is_full()) {
            self.forget_names();
        }
        let protocol = self.entry(index + 1).map(|entry| entry.key.protocol);
        let (Some(names), Some(theirs), Some(protocol)) = (&mut self.names, &theirs.names, protocol) else {
            return 0;
        };
        let mut open = 0;
        for (direction, before) in [Direction::Up, Direction::Down].into_iter().zip(before) {
            let way = (index, direction);
            if later.data(direction) || theirs.told((number, direction)).is_some() {
                names.join(way, protocol, before, (theirs, number));
            }
            open |= if names.is_open(way) { Facts::SHOWN << direction as u32 } else { 0 };
        }
        open
    }

    /// Numbers, in ascending order, of the least recently seen five-tuples but for `keep` others.
    pub(super) fn oldest(&self, keep: usize) -> Vec<u32> {
        let mut ages: Vec<u64> = self.entries().map(|entry| entry.last).collect();
        let surplus = ages.len().saturating_sub(keep);
        if surplus == 0 {
            return Vec::new();
        }
        let cutoff = *ages.select_nth_unstable(surplus - 1).1;
        drop(ages);
        let old = self.entries().zip(0..).filter(|(entry, _)| entry.last <= cutoff);
        old.map(|(_, index)| index).take(surplus).collect()
    }

    /// Removes five-tuples by their numbers, in ascending order; the others get new numbers.
    ///
    /// No packet may wait: its entry would move.
    pub(super) fn remove(&mut self, leaving: &[u32]) {
        let mut rest = self.fresh();
        let mut leaving = leaving.iter().peekable();
        for (entry, index) in self.entries().zip(0..) {
            if leaving.next_if_eq(&&index).is_some() {
                continue;
            }
            let (kept, _) = rest.find_or_insert(&entry.key, entry.key.hash(self.seed));
            if let Some(slot) = rest.entry_mut(kept + 1) {
                *slot = *entry;
            }
            if let Some(history) = rest.history_mut(kept) {
                *history = self.history(index);
            }
            if entry.facts.has(Facts::SHOWS) {
                rest.octets.take(kept, &self.octets, index);
                if let (Some(names), Some(own)) = (&mut rest.names, &self.names) {
                    names.take(kept, own, index);
                }
            }
            if let Some(flows) = self.earlier.get(&index) {
                rest.room_for_ended = rest.room_for_ended.saturating_sub(flows.len());
                rest.earlier.insert(kept, flows.clone());
            }
            if let (Some(tentative), Some(Some(head))) =
                (&mut rest.tentative, self.tentative.as_ref().map(|heads| heads.get(&index)))
            {
                tentative.insert(kept, *head);
            }
        }
        rest.joined = self.joined;
        rest.octets.undecided = self.octets.undecided;
        if let (Some(names), Some(own)) = (&mut rest.names, &self.names) {
            names.lost = own.lost;
        }
        *self = rest;
    }

    /// Appends one five-tuple of a later stretch if it is as most are: one flow, of which nothing was kept apart.
    #[inline]
    fn append_plain(&mut self, index: u32, new: bool, later: &Entry<A>) -> bool {
        let is_part = self.tentative.is_some();
        let Some(entry) = self.entry_mut(index + 1) else { return false };
        if later.ended > 0 || later.facts.has(Facts::HAS_EARLIER) || later.facts.has(Facts::SET_APART) {
            return false;
        }
        if new {
            *entry = *later;
            entry.facts.0 &= !(Facts::SHOWS | Facts::BOTH_SHOWN);
            return true;
        }
        if later.facts.has(Facts::OPENED) && is_part {
            return false;
        }
        let packets = [0, 1].map(|way: usize| entry.packets[way].checked_add(later.packets[way]));
        let [Some(up), Some(down)] = packets else { return false };
        if entry.is_over(later.first, later.facts.has(Facts::OPENED)) {
            return false;
        }
        entry.packets = [up, down];
        entry.octets = [0, 1].map(|way: usize| entry.octets[way] + later.octets[way]);
        entry.first = entry.first.min(later.first);
        entry.last = latest(entry.last, later.last);
        entry.facts.0 |= entry.facts.learns(later.facts) | later.facts.0 & Facts::CLOSED;
        true
    }

    /// Appends one five-tuple of a later stretch: what it had before its first SYN, the flows that ended in it, and
    /// its current flow.
    fn append(
        &mut self,
        index: u32,
        new: bool,
        head: Option<&Flow>,
        ended: &[Flow],
        (later, current): (&Entry<A>, &Flow),
    ) {
        if new && self.tentative.is_some() {
            self.join_history(index, current.history);
            return self.append_apart(index, head, ended, later);
        }
        let Some(entry) = self.entry_mut(index + 1) else { return };
        if new {
            *entry = Entry { ended: 0, ..*later };
            entry.facts.0 &= !(Facts::HAS_EARLIER | Facts::SET_APART | Facts::SHOWS | Facts::BOTH_SHOWN);
            entry.restart(Direction::Up);
        } else {
            entry.facts.0 |= entry.facts.learns(later.facts);
        }
        // `ended` may be flows added up, so their number is counted apart from the steps below.
        let flows_before = entry.ended;
        let mut steps = 0;
        let mut begun = new;
        let opened = later.facts.has(Facts::OPENED);
        let whole = head.into_iter().chain(ended).chain(std::iter::once(current));
        for (position, flow) in whole.enumerate() {
            let Some(entry) = self.entry_mut(index + 1) else { return };
            let splits = match position {
                0 => !begun && entry.is_over(flow.tally.first, opened),
                // A SYN after what was set apart begins a flow where the one before had been closed.
                1 if head.is_some() => entry.facts.has(Facts::CLOSED),
                _ => true,
            };
            let opens = if position == 0 { opened } else { head.is_some() && position == 1 };
            if splits {
                self.end(index, flow.initiator);
                steps += 1;
            } else if begun {
                // Nothing has come to its history yet.
                entry.restart(flow.initiator);
            } else if opens {
                self.set_apart(index, flow.initiator);
            }
            begun = false;
            self.join(index, flow);
        }
        let Some(entry) = self.entry_mut(index + 1) else { return };
        // Steps over `ended` count it as so many flows as it has members; it stands for `later.ended`.
        entry.ended = flows_before + steps + later.ended - ended.len() as u32;
        if later.facts.has(Facts::CLOSED) {
            entry.facts.0 |= Facts::CLOSED;
        }
    }

    /// Takes a five-tuple of a later stretch over into a part that did not meet it: what came before its first SYN stays apart.
    fn append_apart(&mut self, index: u32, head: Option<&Flow>, ended: &[Flow], later: &Entry<A>) {
        let Some(entry) = self.entry_mut(index + 1) else { return };
        *entry = *later;
        entry.facts.0 &= !(Facts::SHOWS | Facts::BOTH_SHOWN);
        ended.iter().for_each(|flow| self.add_earlier(index, *flow));
        if let (Some(tentative), Some(head)) = (&mut self.tentative, head) {
            tentative.insert(index, *head);
        }
    }

    /// Adds what came later to the current flow.
    fn join(&mut self, index: u32, later: &Flow) {
        let Some(entry) = self.entry(index + 1) else { return };
        let mut all = entry.tally();
        all.then(&later.tally);
        self.store(index, &all);
        self.join_history(index, later.history);
    }

    /// Adds what came later to the history of the current flow.
    fn join_history(&mut self, index: u32, later: History) {
        if let Some(history) = self.history_mut(index) {
            history.then(later);
        }
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
            let (initiator, history) = (entry.initiator(), History::UNKNOWN);
            let tally = Tally { packets: surplus, ..Tally::default() };
            self.add_earlier(index, Flow { tally, initiator, history });
        }
    }
}
