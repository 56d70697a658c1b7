//! How many peers meet each endpoint.

use super::{
    key::{Address, FlowKey, Key, Seed, V4, V6},
    prefetch,
    table::{FlowTable, GROUP},
    written_zeros,
};
use crate::ranges;

/// How many peers meet each endpoint of a capture.
///
/// The endpoints are dealt out by their hashes to as many parts as there were threads to count them.
#[derive(Debug)]
pub(crate) struct Peers {
    parts: Vec<Endpoints>,
}

impl Default for Peers {
    fn default() -> Self {
        Self { parts: vec![Endpoints::default()] }
    }
}

impl Peers {
    /// Counts the five-tuples of both tables, of which those without ports have no endpoints, on so many threads.
    pub(super) fn of(v4: &FlowTable<V4>, v6: &FlowTable<V6>, seed: Seed, threads: usize) -> Self {
        let len = v4.len() + v6.len();
        let count = threads.min(len / ranges::WORTH_A_THREAD).max(1);
        let parts = ranges::map(count, count, |share| {
            let mut endpoints = Endpoints::default();
            // Clients take another port for each flow; servers are few.
            endpoints.reserve(len / count);
            let ours = |hash| share.contains(&part_of(hash, count));
            endpoints.count_all(v4.keys().filter(|key| key.ported), seed, ours);
            endpoints.count_all(v6.keys().filter(|key| key.ported), seed, ours);
            endpoints
        });
        Self { parts }
    }

    /// Counts a five-tuple; each is to be counted once.
    pub(super) fn add(&mut self, key: &Key, seed: Seed) {
        let count = self.parts.len();
        for hash in hashes(key, seed) {
            let part = &mut self.parts[part_of(hash, count)];
            part.reserve(1);
            part.count(hash);
        }
    }

    /// Has the memory system fetch what [`FanIn::peers`] will look at.
    pub(crate) fn look_ahead(&self, keys: impl Iterator<Item = Key>, seed: Seed) {
        for hash in keys.flat_map(|key| hashes(&key, seed)) {
            self.part(hash).prefetch(hash);
        }
    }

    pub(crate) fn meeting(&self, key: &Key, seed: Seed) -> [u8; 2] {
        hashes(key, seed).map(|hash| self.part(hash).peers(hash))
    }

    fn part(&self, hash: u64) -> &Endpoints {
        &self.parts[part_of(hash, self.parts.len())]
    }
}

/// The part that an endpoint belongs to, by the upper half of its hash.
fn part_of(hash: u64, count: usize) -> usize {
    (((hash >> 32) * count as u64) >> 32) as usize
}

/// Open addressing, at most three quarters full: 56 bits of an endpoint's hash under a secret seed stand for it, the last 8 count
/// up to 255 peers.
#[derive(Debug, Default)]
struct Endpoints {
    slots: Vec<u64>,
    len: usize,
}

impl Endpoints {
    /// Counts the endpoints of many five-tuples that are wanted, in groups, so that their cache misses overlap.
    fn count_all<'k, A: Address + 'k>(
        &mut self,
        keys: impl Iterator<Item = &'k FlowKey<A>>,
        seed: Seed,
        wanted: impl Fn(u64) -> bool,
    ) {
        let mut hashes = keys.flat_map(|key| endpoints(key, seed)).filter(|&hash| wanted(hash)).fuse();
        // A group is asked for before the one ahead of it is counted, so that the memory answers meanwhile.
        let (mut ahead, mut group) = (Vec::with_capacity(GROUP), Vec::with_capacity(GROUP));
        loop {
            self.reserve(2 * GROUP);
            ahead.extend(hashes.by_ref().take(GROUP).inspect(|&hash| self.prefetch(hash)));
            group.drain(..).for_each(|hash| self.count(hash));
            if ahead.is_empty() {
                return;
            }
            std::mem::swap(&mut ahead, &mut group);
        }
    }

    fn peers(&self, hash: u64) -> u8 {
        if self.slots.is_empty() { 0 } else { (self.slots[self.find(hash)] & 0xff) as u8 }
    }

    /// Has the memory system fetch the slot where the endpoint is looked for first.
    fn prefetch(&self, hash: u64) {
        if !self.slots.is_empty() {
            prefetch(&self.slots, self.place(hash));
        }
    }

    fn place(&self, hash: u64) -> usize {
        (hash >> 8) as usize & (self.slots.len() - 1)
    }

    /// Where the endpoint is, or belongs.
    fn find(&self, hash: u64) -> usize {
        let mut at = self.place(hash);
        while self.slots[at] != 0 && (self.slots[at] ^ hash) >> 8 != 0 {
            at = (at + 1) & (self.slots.len() - 1);
        }
        at
    }

    fn count(&mut self, hash: u64) {
        let at = self.find(hash);
        match self.slots[at] {
            0 => {
                self.slots[at] = hash & !0xff | 1;
                self.len += 1;
            }
            slot if slot & 0xff < 0xff => self.slots[at] += 1,
            _ => {}
        }
    }

    /// Makes room for so many further endpoints.
    fn reserve(&mut self, more: usize) {
        if (self.len + more) * 4 <= self.slots.len() * 3 {
            return;
        }
        let size = ((self.len + more) * 4 / 3 + 1).next_power_of_two().max(64);
        let old = std::mem::replace(&mut self.slots, written_zeros(size));
        for slot in old.into_iter().filter(|&slot| slot != 0) {
            let at = self.find(slot);
            self.slots[at] = slot;
        }
    }
}

fn hashes(key: &Key, seed: Seed) -> [u64; 2] {
    match key {
        Key::V4(key) => endpoints(key, seed),
        Key::V6(key) => endpoints(key, seed),
    }
}

/// The two endpoints of a key as hashes: 64 bits under a secret seed stand for them.
fn endpoints<A: Address>(key: &FlowKey<A>, seed: Seed) -> [u64; 2] {
    [(key.low, key.low_port), (key.high, key.high_port)].map(|(address, port)| {
        let alone = FlowKey { low: address, low_port: port, protocol: key.protocol, ..FlowKey::default() };
        alone.hash(seed)
    })
}
