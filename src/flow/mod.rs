//! Flows: packets that share the bidirectional five-tuple (RFC 7011 section 2, RFC 5103).
//! [`Flows`] holds all five-tuples of a capture, over both address families, with their counters and what was seen of
//! who serves. Whoever reads it sees addresses as the standard library has them; only this module knows the two tables.
//!
//! - `key`: the five-tuple in canonical order, and which way a packet went through it.
//! - `observed`: what it wants to know of a packet.
//! - `entry`, `table`, `merge`: the table of one family; `stored`: its octets in a file.
//! - [`fragment`]: which flow a later IP fragment belongs to.
//! - `history`: what the ends of a TCP connection did, in order.
//! - `octets`, `names`: what it showed first, and which server that names.
//! - `peers`: what other flows say of each endpoint.
//! - `askers`: sockets that asked a group, whose answers come from servers.
//! - [`community_id`](fn@community_id): one name for a flow that many tools agree on.

mod askers;
mod community_id;
mod entry;
pub mod fragment;
mod history;
mod key;
mod merge;
mod names;
mod observed;
mod octets;
mod peers;
mod stored;
mod table;
#[cfg(test)]
mod tests;

use std::{net::IpAddr, ops::Range, sync::OnceLock, thread};

pub(crate) use askers::{Askers, is_group};
pub use community_id::community_id;
pub use entry::{Facts, Flow, TCP_TIMEOUT, TIMEOUT, Tally};
pub use history::{History, Step};
pub(crate) use key::Seed;
pub use key::{Address, Direction, FlowId, FlowKey, Key, V4, V6};
pub use observed::{Carried, Observed};
pub use octets::Shown;
pub(crate) use peers::{Met, Peers, Served};
pub use table::DEFAULT_LIMIT;
pub(crate) use table::GROUP;

use hashbrown::HashMap;

use crate::{
    decode::Network,
    packet::{Share, TransportProtocol},
    payload::Told,
    ranges,
};
use fragment::Fragments;
use table::{CAPACITY, FlowTable};

/// The five-tuple of a packet, and which way the packet goes through it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    /// The five-tuple.
    pub key: Key,
    /// The packet's way.
    pub direction: Direction,
}

impl Ends {
    /// The five-tuple between two addresses; `None` where there are none.
    #[inline]
    pub fn between(network: Network, protocol: TransportProtocol, ports: Option<(u16, u16)>) -> Option<Self> {
        match network {
            Network::V4(source, destination) => {
                let (key, direction) = V4::key_between(source, destination, protocol, ports);
                Some(Self { key: Key::V4(key), direction })
            }
            Network::V6(source, destination) => {
                let (key, direction) = V6::key_between(source, destination, protocol, ports);
                Some(Self { key: Key::V6(key), direction })
            }
            Network::None => None,
        }
    }

    /// The same between addresses of the standard library; `None` where they are of two families.
    pub(crate) fn between_ips(
        (source, destination): (IpAddr, IpAddr),
        protocol: TransportProtocol,
        ports: Option<(u16, u16)>,
    ) -> Option<Self> {
        let network = match (source, destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                Network::V4(source.octets(), destination.octets())
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                Network::V6(source.octets(), destination.octets())
            }
            _ => Network::None,
        };
        Self::between(network, protocol, ports)
    }

    /// Source and destination address of the packet.
    pub fn addresses(&self) -> (IpAddr, IpAddr) {
        let (low, high) = (self.key.low().0, self.key.high().0);
        match self.direction {
            Direction::Up => (low, high),
            Direction::Down => (high, low),
        }
    }
}

/// One five-tuple as readers see it.
#[derive(Clone, Copy, Debug)]
pub struct FiveTuple<'t> {
    /// Its number.
    pub id: FlowId,
    /// Its key.
    pub key: Key,
    /// What tells which side serves.
    pub facts: Facts,
    /// The flow that its last packet belongs to.
    pub current: Flow,
    /// Flows before that, oldest first; added up into one unless [`FlowOptions::each`] keeps them, and there is room.
    pub earlier: &'t [Flow],
    /// What came before its first SYN, where only a merge can tell whether that was another flow.
    pub apart: Option<&'t Flow>,
    /// How many flows it had.
    pub flows: u64,
    /// What its first octets say, where they say anything.
    pub shown: Option<&'t Shown>,
}

impl FiveTuple<'_> {
    /// Counters of all its flows together.
    pub fn total(&self) -> Tally {
        let mut total = Tally::default();
        for flow in self.all() {
            total.then(&flow.tally);
        }
        total
    }

    /// Its flows, oldest first; all but the last added up into one unless [`FlowOptions::each`] keeps them.
    pub fn all(&self) -> impl Iterator<Item = &Flow> {
        self.apart.into_iter().chain(self.earlier).chain(std::iter::once(&self.current))
    }

    /// Which of [all](Self::all) its flows a packet of that time belongs to: the last that had begun by then.
    ///
    /// Where time stamps go back from one flow of a five-tuple to the next, that may be another one of its flows; packets
    /// without a time stamp belong to the first, or where no packet has one, to the last.
    pub fn flow_at(&self, time: Option<u64>) -> usize {
        let apart = usize::from(self.apart.is_some());
        let had_begun = |flow: &Flow| flow.tally.first() <= time;
        if had_begun(&self.current) {
            return apart + self.earlier.len();
        }
        (apart + self.earlier.partition_point(had_begun)).saturating_sub(1)
    }

    /// Time of its first packet, in ns since the epoch.
    pub fn first(&self) -> Option<u64> {
        self.all().find_map(|flow| flow.tally.first())
    }
}

/// How flows are kept.
#[derive(Clone, Copy, Debug, Default)]
pub struct FlowOptions {
    /// Keep each flow of a five-tuple apart instead of adding up those that ended.
    pub each: bool,
    /// What is learned follows a stretch that it will be merged to.
    pub part: bool,
    /// Packets count at once instead of in groups, and peers and questions as they come.
    pub at_once: bool,
    /// Look at no payload.
    pub ports_only: bool,
    /// Read the names of servers in what is sent first.
    pub names: bool,
    /// Keep the [`History`] of each TCP connection: eight octets a five-tuple. Only where each flow is kept apart.
    pub history: bool,
    /// How much of the room that tables have by default they may take.
    pub share: Share,
}

/// Five-tuples that are to leave, by their numbers in ascending order.
#[derive(Debug, Default)]
pub(crate) struct Leaving {
    v4: Vec<u32>,
    v6: Vec<u32>,
}

impl Leaving {
    /// These, in any order.
    pub(crate) fn new(ids: &[FlowId]) -> Self {
        let mut leaving = Self::default();
        for id in ids {
            match *id {
                FlowId::V4(index) => leaving.v4.push(index),
                FlowId::V6(index) => leaving.v6.push(index),
            }
        }
        leaving.v4.sort_unstable();
        leaving.v6.sort_unstable();
        leaving
    }

    /// Those of one family, in ascending order.
    pub(crate) fn of(&self, family: Family) -> &[u32] {
        match family {
            Family::V4 => &self.v4,
            Family::V6 => &self.v6,
        }
    }

    /// Their numbers.
    pub(crate) fn ids(&self) -> impl Iterator<Item = FlowId> {
        let v4 = self.v4.iter().map(|&index| FlowId::V4(index));
        v4.chain(self.v6.iter().map(|&index| FlowId::V6(index)))
    }
}

/// An address family, as the tables are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    V4,
    V6,
}

impl Family {
    const fn id(self, index: u32) -> FlowId {
        match self {
            Self::V4 => FlowId::V4(index),
            Self::V6 => FlowId::V6(index),
        }
    }
}

/// All five-tuples of a capture, and the fragments that wait for theirs.
#[derive(Debug)]
pub struct Flows {
    options: FlowOptions,
    /// The facts that a packet may need if it is not to be looked into.
    looks: u32,
    seed: Seed,
    v4: FlowTable<V4>,
    v6: FlowTable<V6>,
    pub(crate) fragments: Fragments,
    /// What other flows say of every endpoint: counted as five-tuples come where these count at once, else when a rule asks.
    peers: OnceLock<Peers>,
    /// Endpoints that five-tuples which left were seen to serve.
    served: Served,
    /// Sockets that asked a group: noted as packets come where these count at once, else when a rule asks.
    askers: OnceLock<Askers>,
    /// Grows when five-tuples leave and the others get new numbers.
    generation: u64,
    /// What ICMP errors say of five-tuples, until these are known: facts by their keys.
    refusals: HashMap<Key, u32>,
}

/// Packets of a batch that wait to be counted in groups.
#[derive(Debug, Default)]
pub(crate) struct Pending<'b> {
    v4: table::Pending<'b, V4>,
    v6: table::Pending<'b, V6>,
}

/// ICMP errors that are kept until the five-tuples are known that they complain about.
const MOST_REFUSALS: usize = 1 << 16;

impl Flows {
    pub(crate) fn new(options: FlowOptions) -> Self {
        let seed = Seed::random();
        let noted = if options.history { Facts::NOTED } else { 0 };
        Self {
            options,
            looks: noted | if options.ports_only { 0 } else { Facts::SHOWN },
            seed,
            v4: FlowTable::new(seed, options),
            v6: FlowTable::new(seed, options),
            fragments: Fragments::within(options.share),
            peers: if options.at_once { Peers::default().into() } else { OnceLock::new() },
            served: Served::default(),
            askers: if options.at_once { Askers::within(options.share).into() } else { OnceLock::new() },
            generation: 0,
            refusals: HashMap::new(),
        }
    }

    /// Five-tuples that are held.
    pub fn len(&self) -> usize {
        self.v4.len() + self.v6.len()
    }

    /// Whether no five-tuple is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes in a packet between two addresses; it counts with its group, when `pending` is [flushed](Flows::flush) at
    /// the latest.
    /// Returns `false` where there are no addresses.
    #[inline]
    pub(crate) fn observe<'b>(
        &mut self,
        pending: &mut Pending<'b>,
        (network, protocol, ports): (Network, TransportProtocol, Option<(u16, u16)>),
        seen: Observed<'b>,
    ) -> bool {
        let looks = self.looks;
        match network {
            Network::V4(source, destination) => {
                let (key, direction) = V4::key_between(source, destination, protocol, ports);
                if self.v4.push(&mut pending.v4, seen.of(key, direction, looks)) {
                    self.v4.advance(&mut pending.v4);
                }
            }
            Network::V6(source, destination) => {
                let (key, direction) = V6::key_between(source, destination, protocol, ports);
                if self.v6.push(&mut pending.v6, seen.of(key, direction, looks)) {
                    self.v6.advance(&mut pending.v6);
                }
            }
            Network::None => return false,
        }
        true
    }

    /// Counts a packet at once, and returns the number of its five-tuple.
    pub(crate) fn take(&mut self, ends: &Ends, seen: Observed<'_>) -> FlowId {
        let looks = self.looks;
        let (id, new) = match ends.key {
            Key::V4(key) => {
                let (index, new) = self.v4.take(&seen.of(key, ends.direction, looks));
                (FlowId::V4(index), new)
            }
            Key::V6(key) => {
                let (index, new) = self.v6.take(&seen.of(key, ends.direction, looks));
                (FlowId::V6(index), new)
            }
        };
        if new
            && ends.key.ports().is_some()
            && let Some(peers) = self.peers.get_mut()
        {
            peers.add(&ends.key, self.seed);
        }
        if ends.key.protocol() == TransportProtocol::UDP {
            self.note_question(id);
        }
        id
    }

    /// Notes what a datagram that just came asks.
    fn note_question(&mut self, id: FlowId) {
        let Self { v4, v6, askers, seed, .. } = self;
        let tuple = match id {
            FlowId::V4(index) => v4.tuple(index),
            FlowId::V6(index) => v6.tuple(index),
        };
        if let (Some(tuple), Some(askers)) = (tuple, askers.get_mut()) {
            askers.note(&tuple, *seed);
        }
    }

    /// Makes all packets count that wait.
    pub(crate) fn flush(&mut self, pending: &mut Pending<'_>) {
        self.v4.flush(&mut pending.v4);
        self.v6.flush(&mut pending.v6);
    }

    /// Notes that an ICMP error says a packet could not be delivered. `ends` are those of that packet.
    #[cold]
    pub(crate) fn refuse(&mut self, ends: &Ends) {
        let fact = Facts::REFUSED << ends.direction as u32;
        if self.options.at_once {
            // Whatever the error is about came before it.
            self.learn_fact(&ends.key, fact);
            return;
        }
        if self.refusals.len() >= MOST_REFUSALS && !self.refusals.contains_key(&ends.key) {
            self.apply_refusals();
            if self.refusals.len() >= MOST_REFUSALS {
                return;
            }
        }
        *self.refusals.entry(ends.key).or_default() |= fact;
    }

    /// A five-tuple that is not held: nothing is known of it but what ICMP errors said.
    pub(crate) fn unmet(&self, key: Key) -> FiveTuple<'static> {
        FiveTuple {
            // A number that no five-tuple has.
            id: FlowId::V4(u32::MAX),
            key,
            facts: Facts(self.refusals.get(&key).copied().unwrap_or_default()),
            current: Flow { tally: Tally::default(), initiator: Direction::Up, history: History::UNKNOWN },
            earlier: &[],
            apart: None,
            flows: 0,
            shown: None,
        }
    }

    /// Gives five-tuples what ICMP errors said of them; what is about others is kept.
    fn apply_refusals(&mut self) {
        let mut refusals = std::mem::take(&mut self.refusals);
        refusals.retain(|key, &mut fact| !self.learn_fact(key, fact));
        self.refusals = refusals;
    }

    /// Adds facts to a five-tuple; `false` where it is not held.
    fn learn_fact(&mut self, key: &Key, fact: u32) -> bool {
        let facts = match self.find(key) {
            Some(FlowId::V4(index)) => self.v4.entry_mut(index + 1).map(|entry| &mut entry.facts),
            Some(FlowId::V6(index)) => self.v6.entry_mut(index + 1).map(|entry| &mut entry.facts),
            None => None,
        };
        facts.map(|facts| facts.0 |= fact).is_some()
    }

    /// Five-tuples whose first octets had to go before they were all there.
    pub(crate) fn undecided(&self) -> u64 {
        self.v4.octets.undecided + self.v6.octets.undecided
    }

    /// Flows that ended and were added to another of their five-tuple, as there was no room to keep them apart.
    pub(crate) fn joined(&self) -> u64 {
        self.v4.joined + self.v6.joined
    }

    /// Names of servers that found no room, or could not be read to their end.
    pub(crate) fn lost_names(&self) -> u64 {
        let of = |names: &Option<Box<names::Names>>| names.as_ref().map_or(0, |names| names.lost);
        of(&self.v4.names) + of(&self.v6.names)
    }

    /// What the packets of one direction told of the server that they are for, where that is [read](FlowOptions::names).
    pub fn told(&self, id: FlowId, direction: Direction) -> Option<&Told> {
        match id {
            FlowId::V4(index) => self.v4.told(index, direction),
            FlowId::V6(index) => self.v6.told(index, direction),
        }
    }

    /// Numbers of what both directions of a five-tuple told, 0 where they told nothing: another one where they told more.
    #[inline]
    pub(crate) fn told_numbers(&self, id: FlowId) -> [u32; 2] {
        let (names, index) = match id {
            FlowId::V4(index) => (&self.v4.names, index),
            FlowId::V6(index) => (&self.v6.names, index),
        };
        names.as_ref().map_or([0; 2], |names| names.numbers(index))
    }

    /// The number of a five-tuple that is held.
    #[inline]
    pub fn find(&self, key: &Key) -> Option<FlowId> {
        match key {
            Key::V4(key) => self.v4.find(key).map(FlowId::V4),
            Key::V6(key) => self.v6.find(key).map(FlowId::V6),
        }
    }

    /// The hash of a key; the memory system is told to fetch its slot.
    #[inline]
    pub(crate) fn ask_for_slot(&self, key: &Key) -> u64 {
        match key {
            Key::V4(key) => self.v4.ask_for_slot(key),
            Key::V6(key) => self.v6.ask_for_slot(key),
        }
    }

    /// Has the memory system fetch the entry that a key of that hash likely has.
    #[inline]
    pub(crate) fn ask_for_entry(&self, key: &Key, hash: u64) {
        match key {
            Key::V4(_) => self.v4.ask_for_entry(hash),
            Key::V6(_) => self.v6.ask_for_entry(hash),
        };
    }

    /// The number of a five-tuple of that hash, if it is held.
    #[inline]
    pub(crate) fn find_hashed(&self, key: &Key, hash: u64) -> Option<FlowId> {
        match key {
            Key::V4(key) => self.v4.find_hashed(key, hash).map(FlowId::V4),
            Key::V6(key) => self.v6.find_hashed(key, hash).map(FlowId::V6),
        }
    }

    /// The five-tuple of that number.
    #[inline]
    pub fn five_tuple(&self, id: FlowId) -> Option<FiveTuple<'_>> {
        match id {
            FlowId::V4(index) => self.v4.tuple(index),
            FlowId::V6(index) => self.v6.tuple(index),
        }
    }

    /// All five-tuples: those over IPv4, then those over IPv6, each in the order of their first packets.
    pub fn five_tuples(&self) -> impl Iterator<Item = FiveTuple<'_>> {
        let of = |family| self.five_tuples_in(family, 0..self.len_of(family));
        of(Family::V4).chain(of(Family::V6))
    }

    /// Those of one family whose numbers lie in a range.
    #[inline]
    pub(crate) fn five_tuples_in(
        &self,
        family: Family,
        range: Range<usize>,
    ) -> impl Iterator<Item = FiveTuple<'_>> {
        range.map_while(move |index| self.five_tuple(family.id(index as u32)))
    }

    /// How many of one family are held.
    pub(crate) fn len_of(&self, family: Family) -> usize {
        match family {
            Family::V4 => self.v4.len(),
            Family::V6 => self.v6.len(),
        }
    }

    /// Works on ranges of the five-tuples of each family, on so many threads where they are many; the results come in
    /// the order of [`Flows::five_tuples`].
    pub(crate) fn map_ranges<T: Send>(
        &self,
        threads: usize,
        work: impl Fn(Family, Range<usize>) -> T + Sync,
    ) -> Vec<(Family, T)> {
        let mut all = Vec::new();
        for family in [Family::V4, Family::V6] {
            let parts = ranges::map_large(self.len_of(family), threads, |range| work(family, range));
            all.extend(parts.into_iter().map(|part| (family, part)));
        }
        all
    }

    /// The secret that endpoints are hashed with.
    pub(crate) fn seed(&self) -> Seed {
        self.seed
    }

    /// What other flows say of every endpoint, counted on so many threads where that was not done yet; `server` says which
    /// way leads to the server where a five-tuple proves that, without asking for peers.
    pub(crate) fn peers(
        &self,
        threads: usize,
        server: impl Fn(&FiveTuple<'_>) -> Option<Direction> + Sync,
    ) -> &Peers {
        let tables = (&self.v4, &self.v6);
        self.peers.get_or_init(|| Peers::of(tables, &self.served, self.seed, threads, server))
    }

    /// The same, where they are counted already.
    pub(crate) fn counted_peers(&self) -> Option<&Peers> {
        self.peers.get()
    }

    /// Sockets that asked a group, found on so many threads where that was not done yet.
    pub(crate) fn askers(&self, threads: usize) -> &Askers {
        self.askers.get_or_init(|| Askers::of(self, threads))
    }

    /// Notes that a five-tuple proved which way leads to the server, where peers are counted already; else they will be when
    /// it still proves that.
    pub(crate) fn mark(&mut self, key: &Key, server: Direction) {
        if let Some(peers) = self.peers.get_mut() {
            peers.mark(key, server, self.seed);
        }
    }

    /// Changes whenever five-tuples get new numbers.
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// Whether a table holds as many five-tuples as it may.
    pub(crate) fn is_full(&self, limit: usize) -> bool {
        self.v4.is_full(limit) || self.v6.is_full(limit)
    }

    /// How many five-tuples of each family may stay so that those of a later stretch find numbers; `None` if all may.
    pub(crate) fn must_shrink(&self, later: &Self) -> Option<usize> {
        let more = later.v4.len().max(later.v6.len());
        (self.v4.len().max(self.v6.len()) + more > CAPACITY).then(|| CAPACITY.saturating_sub(more))
    }

    /// The least recently seen five-tuples but for `keep` others of each family.
    pub(crate) fn oldest(&self, keep: usize) -> Leaving {
        Leaving { v4: self.v4.oldest(keep), v6: self.v6.oldest(keep) }
    }

    /// Makes five-tuples that are to leave show what is known of them.
    pub(crate) fn prepare(&mut self, leaving: &Leaving) {
        self.apply_refusals();
        leaving.v4.iter().for_each(|&index| self.v4.decide(index));
        leaving.v6.iter().for_each(|&index| self.v6.decide(index));
    }

    /// Removes five-tuples, which were seen to serve these endpoints; the others get new numbers. All must be
    /// [flushed](Self::flush).
    pub(crate) fn remove(&mut self, leaving: &Leaving, served: Served) {
        self.generation += 1;
        self.v4.remove(&leaving.v4);
        self.v6.remove(&leaving.v6);
        self.served.extend(served);
        self.peers = OnceLock::new();
        if !self.options.at_once {
            self.askers = OnceLock::new();
        }
    }

    /// Takes out the flows that gave way to others of their five-tuples, oldest first.
    pub(crate) fn take_earlier(&mut self) -> Vec<(FlowId, Vec<Flow>)> {
        let v4 = self.v4.take_earlier().into_iter().map(|(index, flows)| (FlowId::V4(index), flows));
        let v6 = self.v6.take_earlier().into_iter().map(|(index, flows)| (FlowId::V6(index), flows));
        v4.chain(v6).collect()
    }

    /// Gives later fragments to the flows of their first ones, and weighs what all showed.
    pub(crate) fn settle(&mut self) {
        self.apply_refusals();
        self.refusals = HashMap::new();
        self.v4.decide_all();
        self.v6.decide_all();
        self.forget_peers();
        self.settle_fragments();
    }

    /// The same in the middle: what is shown later is weighed, too.
    pub(crate) fn settle_so_far(&mut self) {
        self.apply_refusals();
        self.v4.weigh_all();
        self.v6.weigh_all();
        self.forget_peers();
        self.settle_fragments();
    }

    /// Forgets what was worked out of flows for whoever asked before, and knew less.
    fn forget_peers(&mut self) {
        if !self.options.at_once {
            (self.peers, self.askers) = (OnceLock::new(), OnceLock::new());
        }
    }

    fn settle_fragments(&mut self) {
        let Self { fragments, v4, v6, .. } = self;
        fragments.settle(|datagram, ports, tally| {
            let addresses = (datagram.source, datagram.destination);
            match Ends::between_ips(addresses, datagram.protocol, ports) {
                Some(Ends { key: Key::V4(key), direction }) => v4.credit(&key, direction, tally),
                Some(Ends { key: Key::V6(key), direction }) => v6.credit(&key, direction, tally),
                None => {}
            }
        });
    }

    /// Appends the flows of the stretch that follows; both must be flushed, and [have room](Self::must_shrink).
    pub(crate) fn merge(&mut self, later: Self) {
        let (v4, v6) = (&mut self.v4, &mut self.v6);
        if later.v4.len().min(later.v6.len()) < ranges::WORTH_A_THREAD {
            v4.merge(&later.v4);
            v6.merge(&later.v6);
        } else {
            thread::scope(|scope| {
                scope.spawn(|| v6.merge(&later.v6));
                v4.merge(&later.v4);
            });
        }
        self.fragments.merge(later.fragments);
        for (key, fact) in later.refusals {
            if self.refusals.len() < MOST_REFUSALS {
                *self.refusals.entry(key).or_default() |= fact;
            }
        }
        self.apply_refusals();
        self.served.extend(later.served);
        self.forget_peers();
    }
}

/// Has the memory system fetch an element that is going to be used; what lies outside is no harm.
#[inline(always)]
pub(crate) fn prefetch<T>(all: &[T], index: usize) {
    prefetch_index::prefetch_index(all, index);
}

/// Zeros that were written, not only promised.
///
/// Memory that comes zeroed from the system is one shared page until it is written to. A hash table reads a slot
/// before it writes to it, so each of its pages would be mapped twice, and the second time all other threads be interrupted.
fn written_zeros<T: Copy + Default>(len: usize) -> Vec<T> {
    // Whoever sees both the allocation and the zeros makes one request to the system of them.
    let mut zeros = std::hint::black_box(Vec::with_capacity(len));
    zeros.resize(len, T::default());
    zeros
}
