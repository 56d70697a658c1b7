//! What other flows say of an endpoint: how many peers meet it, whether from one port, and whether it was seen to serve.

use hashbrown::HashSet;

use super::{
    FiveTuple,
    key::{Address, Direction, FlowKey, Key, Seed, V4, V6},
    prefetch,
    table::{FlowTable, GROUP},
    written_zeros,
};
use crate::ranges;

/// Endpoints of five-tuples that left whose service is remembered.
pub(super) const MOST_SERVED: usize = 1 << 16;

/// What all flows of an endpoint say of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Met {
    /// Distinct peers that meet it: three stand for more, too.
    pub(crate) peers: u8,
    /// Whether its peers use different ports.
    pub(crate) ports_differ: bool,
    /// Whether a flow of it proved that it serves.
    pub(crate) served: bool,
}

/// What meets each endpoint of a capture.
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

/// How an endpoint is met by one five-tuple.
struct Meeting {
    /// Hash of the endpoint.
    hash: u64,
    /// Port of the other one.
    port: u16,
    /// Whether the five-tuple proves that it serves.
    served: bool,
}

impl Peers {
    /// Counts the five-tuples of both tables, of which those without ports have no endpoints, on so many threads. `server`
    /// says which way leads to the server, where a five-tuple proves that.
    pub(super) fn of(
        (v4, v6): (&FlowTable<V4>, &FlowTable<V6>),
        before: &Served,
        seed: Seed,
        threads: usize,
        server: impl Fn(&FiveTuple<'_>) -> Option<Direction> + Sync,
    ) -> Self {
        let len = v4.len() + v6.len();
        let count = threads.min(len / ranges::WORTH_A_THREAD).max(1);
        let parts = ranges::map(count, count, |share| {
            let mut endpoints = Endpoints::default();
            // Clients take another port for each flow; servers are few.
            endpoints.reserve(len / count);
            let ours = |hash| share.contains(&part_of(hash, count));
            endpoints.count_all(meetings(v4, seed, ours, &server));
            endpoints.count_all(meetings(v6, seed, ours, &server));
            for hash in before.0.iter().map(|key| hashes(key, seed)[0]).filter(|&hash| ours(hash)) {
                endpoints.reserve(1);
                endpoints.mark(hash);
            }
            endpoints
        });
        Self { parts }
    }

    /// Counts a five-tuple; each is to be counted once.
    pub(super) fn add(&mut self, key: &Key, seed: Seed) {
        let (low, high) = key.ports().unwrap_or_default();
        for (hash, port) in hashes(key, seed).into_iter().zip([high, low]) {
            let part = self.part_mut(hash);
            part.reserve(1);
            part.count(hash, port);
        }
    }

    /// Notes that the endpoint which this way leads to serves.
    pub(super) fn mark(&mut self, key: &Key, server: Direction, seed: Seed) {
        let [low, high] = hashes(key, seed);
        let hash = if server == Direction::Up { high } else { low };
        let part = self.part_mut(hash);
        part.reserve(1);
        part.mark(hash);
    }

    /// Has the memory system fetch what [`Peers::meeting`] will look at.
    pub(crate) fn look_ahead(&self, keys: impl Iterator<Item = Key>, seed: Seed) {
        for hash in keys.flat_map(|key| hashes(&key, seed)) {
            self.part(hash).prefetch(hash);
        }
    }

    /// What is known of the lower and the higher endpoint of a key.
    pub(crate) fn meeting(&self, key: &Key, seed: Seed) -> [Met; 2] {
        hashes(key, seed).map(|hash| self.part(hash).met(hash))
    }

    fn part(&self, hash: u64) -> &Endpoints {
        &self.parts[part_of(hash, self.parts.len())]
    }

    fn part_mut(&mut self, hash: u64) -> &mut Endpoints {
        let count = self.parts.len();
        &mut self.parts[part_of(hash, count)]
    }
}

/// The part that an endpoint belongs to, by the upper half of its hash.
fn part_of(hash: u64, count: usize) -> usize {
    (((hash >> 32) * count as u64) >> 32) as usize
}

/// How the endpoints that are ours are met by the five-tuples of a table.
fn meetings<'t, A: Address>(
    table: &'t FlowTable<A>,
    seed: Seed,
    ours: impl Fn(u64) -> bool + 't,
    server: &'t impl Fn(&FiveTuple<'_>) -> Option<Direction>,
) -> impl Iterator<Item = Meeting> + 't {
    let ported = table.entries().zip(0..).filter(|(entry, _)| entry.key.ported);
    ported.flat_map(move |(entry, index)| {
        let hashes = endpoints(&entry.key, seed);
        let wanted = hashes.map(&ours);
        let server = if wanted == [false; 2] { None } else { server(&table.view(index, entry)) };
        let ends = [(entry.key.high_port, Direction::Down), (entry.key.low_port, Direction::Up)];
        let met = [0, 1].map(|end: usize| {
            let (port, way) = ends[end];
            wanted[end].then_some(Meeting { hash: hashes[end], port, served: server == Some(way) })
        });
        met.into_iter().flatten()
    })
}

/// Open addressing, at most three quarters full. A slot is one word: 44 bits of an endpoint's hash under a secret seed stand
/// for it, then come the port of its first peer, whether it served, whether other peers have other ports, and how many
/// there are.
#[derive(Debug, Default)]
struct Endpoints {
    slots: Vec<u64>,
    len: usize,
}

/// Peers, up to three.
const PEERS: u64 = 3;
const DIFFER: u64 = 4;
const SERVED: u64 = 8;
/// Where the port of the first peer begins.
const PORT: u32 = 4;
/// Where the bits of the hash begin.
const HASH: u32 = 20;

impl Endpoints {
    /// Counts how many endpoints are met, in groups, so that their cache misses overlap.
    fn count_all(&mut self, meetings: impl Iterator<Item = Meeting>) {
        let mut meetings = meetings.fuse();
        // A group is asked for before the one ahead of it is counted, so that the memory answers meanwhile.
        let (mut ahead, mut group) = (Vec::with_capacity(GROUP), Vec::with_capacity(GROUP));
        loop {
            self.reserve(2 * GROUP);
            ahead.extend(meetings.by_ref().take(GROUP).inspect(|meeting| self.prefetch(meeting.hash)));
            for Meeting { hash, port, served } in group.drain(..) {
                self.count(hash, port);
                if served {
                    self.mark(hash);
                }
            }
            if ahead.is_empty() {
                return;
            }
            std::mem::swap(&mut ahead, &mut group);
        }
    }

    fn met(&self, hash: u64) -> Met {
        if self.slots.is_empty() {
            return Met::default();
        }
        let slot = self.slots[self.find(hash)];
        Met { peers: (slot & PEERS) as u8, ports_differ: slot & DIFFER != 0, served: slot & SERVED != 0 }
    }

    /// Has the memory system fetch the slot where the endpoint is looked for first.
    fn prefetch(&self, hash: u64) {
        if !self.slots.is_empty() {
            prefetch(&self.slots, self.place(hash));
        }
    }

    fn place(&self, hash: u64) -> usize {
        (hash >> HASH) as usize & (self.slots.len() - 1)
    }

    /// Where the endpoint is, or belongs.
    fn find(&self, hash: u64) -> usize {
        let mut at = self.place(hash);
        while self.slots[at] != 0 && (self.slots[at] ^ hash) >> HASH != 0 {
            at = (at + 1) & (self.slots.len() - 1);
        }
        at
    }

    /// The slot of an endpoint, which gets one if it has none.
    fn slot(&mut self, hash: u64) -> &mut u64 {
        let at = self.find(hash);
        if self.slots[at] == 0 {
            self.slots[at] = hash >> HASH << HASH;
            self.len += 1;
        }
        &mut self.slots[at]
    }

    fn count(&mut self, hash: u64, port: u16) {
        let slot = self.slot(hash);
        let peers = *slot & PEERS;
        if peers == 0 {
            *slot |= u64::from(port) << PORT;
        } else if (*slot >> PORT) as u16 != port {
            // Whichever came first, one that differs from it differs from another.
            *slot |= DIFFER;
        }
        *slot += u64::from(peers < PEERS);
    }

    fn mark(&mut self, hash: u64) {
        *self.slot(hash) |= SERVED;
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

/// Endpoints that five-tuples proved to serve before they left: up to 65,536, further ones are forgotten.
#[derive(Debug, Default)]
pub(crate) struct Served(HashSet<Key>);

impl Served {
    /// Remembers the endpoint which this way leads to.
    pub(crate) fn insert(&mut self, key: &Key, server: Direction) {
        self.insert_alone(match key {
            Key::V4(key) => Key::V4(alone(key, server)),
            Key::V6(key) => Key::V6(alone(key, server)),
        });
    }

    /// Remembers those of another one, too.
    pub(super) fn extend(&mut self, later: Self) {
        // Which of too many stay must not depend on the order of a hash table.
        let mut later: Vec<_> = later.0.into_iter().collect();
        if self.0.len() + later.len() > MOST_SERVED {
            later.sort_unstable_by_key(|key| (key.low(), key.protocol().0));
        }
        later.into_iter().for_each(|key| self.insert_alone(key));
    }

    /// Those endpoints, as the lower ones of keys that have no other.
    pub(super) fn of(keys: Vec<Key>) -> Self {
        Self(keys.into_iter().collect())
    }

    /// The endpoints, as [`Self::of`] takes them, in no order.
    pub(super) fn keys(&self) -> impl Iterator<Item = Key> {
        self.0.iter().copied()
    }

    fn insert_alone(&mut self, key: Key) {
        if self.0.len() < MOST_SERVED {
            self.0.insert(key);
        }
    }
}

/// Hashes of the lower and the higher endpoint of a key: 64 bits under a secret seed stand for each.
pub(super) fn hashes(key: &Key, seed: Seed) -> [u64; 2] {
    match key {
        Key::V4(key) => endpoints(key, seed),
        Key::V6(key) => endpoints(key, seed),
    }
}

fn endpoints<A: Address>(key: &FlowKey<A>, seed: Seed) -> [u64; 2] {
    [alone(key, Direction::Down), alone(key, Direction::Up)].map(|end| end.hash(seed))
}

/// The endpoint which this way leads to, as the lower one of a key that has no other.
fn alone<A: Address>(key: &FlowKey<A>, to: Direction) -> FlowKey<A> {
    let (low, low_port) = match to {
        Direction::Up => (key.high, key.high_port),
        Direction::Down => (key.low, key.low_port),
    };
    FlowKey { low, low_port, protocol: key.protocol, ..FlowKey::default() }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::*;
    use crate::{
        decode::{Network, Phase},
        flow::{FlowOptions, Flows, Observed},
        packet::{Timestamp, TransportProtocol},
    };

    /// Many clients of few servers, each with a host and a port from a small choice; every seventh with a handshake.
    fn packets() -> Vec<(u32, u16, u8, u16, Phase)> {
        let step = |number: u32| number.wrapping_mul(0x9e37_79b9) >> 7;
        (0..3 * ranges::WORTH_A_THREAD as u32)
            .map(|number| {
                let random = step(number);
                let (host, port) = (random % 9000, 1024 + (random >> 14) as u16 % 7);
                let (server, to) = ((number % 250) as u8, 80 + (number % 3) as u16);
                (host, port, server, to, if number % 7 == 0 { Phase::Open } else { Phase::None })
            })
            .collect()
    }

    fn flows<'p>(packets: impl IntoIterator<Item = &'p (u32, u16, u8, u16, Phase)>, at_once: bool) -> Flows {
        let mut flows = Flows::new(FlowOptions { at_once, ..FlowOptions::default() });
        let mut pending = crate::flow::Pending::default();
        for &(host, port, server, to, phase) in packets {
            let [_, a, b, c] = host.to_be_bytes();
            let network = Network::V4([10, a, b, c], [192, 0, 2, server]);
            let (time, carried) = (Some(Timestamp(1)), crate::flow::Carried::default());
            let seen = Observed { time, octets: 60, phase, flags: None, to_group: false, carried };
            let ends = crate::flow::Ends::between(network, TransportProtocol::TCP, Some((port, to))).unwrap();
            if at_once {
                flows.take(&ends, seen);
            } else {
                assert!(flows.observe(
                    &mut pending,
                    (network, TransportProtocol::TCP, Some((port, to))),
                    seen
                ));
            }
        }
        flows.flush(&mut pending);
        flows
    }

    #[test]
    fn peers_are_those_of_a_plain_count_on_any_number_of_threads() {
        let packets = packets();
        let (mut peers, mut served) = (HashMap::<_, HashSet<_>>::new(), HashSet::new());
        for &(host, port, server, to, phase) in &packets {
            let [_, a, b, c] = host.to_be_bytes();
            let ends = [([10, a, b, c], port), ([192, 0, 2, server], to)];
            peers.entry(ends[0]).or_default().insert(ends[1]);
            peers.entry(ends[1]).or_default().insert(ends[0]);
            if phase == Phase::Open {
                served.insert(ends[1]);
            }
        }
        let expected = |(address, port): (std::net::IpAddr, u16)| {
            let std::net::IpAddr::V4(address) = address else { panic!("{address}") };
            let end = (address.octets(), port);
            let ports: HashSet<_> = peers[&end].iter().map(|(_, port)| port).collect();
            Met {
                peers: peers[&end].len().min(3) as u8,
                ports_differ: ports.len() > 1,
                served: served.contains(&end),
            }
        };
        let handshake = |tuple: &FiveTuple<'_>| tuple.facts.handshake();
        let assert_all = |flows: &Flows, threads: usize| {
            let counted = flows.peers(threads, handshake);
            for tuple in flows.five_tuples() {
                let met = counted.meeting(&tuple.key, flows.seed());
                assert_eq!(met, [expected(tuple.key.low()), expected(tuple.key.high())], "{threads}");
            }
        };
        let forward = flows(&packets, false);
        assert!(forward.len() > 2 * ranges::WORTH_A_THREAD, "{} five-tuples", forward.len());
        assert_all(&forward, 1);
        for threads in [2, 3] {
            assert_all(&flows(packets.iter().rev(), false), threads);
        }
        let mut at_once = flows(&packets, true);
        let proven: Vec<_> =
            at_once.five_tuples().filter_map(|tuple| Some((tuple.key, handshake(&tuple)?))).collect();
        for (key, server) in proven {
            at_once.mark(&key, server);
        }
        assert_all(&at_once, 1);
    }

    #[test]
    fn what_is_remembered_of_the_departed_is_bounded() {
        let mut served = Served::default();
        for number in 0..MOST_SERVED as u32 + 10 {
            let [_, a, b, c] = number.to_be_bytes();
            let ends = (V4::from([10, a, b, c]), 80);
            let (key, _) = FlowKey::new((V4::from([9, 0, 0, 1]), 1024), ends, TransportProtocol::TCP, true);
            served.insert(&Key::V4(key), Direction::Up);
        }
        assert_eq!(served.0.len(), MOST_SERVED);
        let mut other = Served::default();
        other.extend(served);
        assert_eq!(other.0.len(), MOST_SERVED);
    }
}
