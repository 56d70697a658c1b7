//! The rows of a summary, and how things are counted into them.

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::Hash,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use hashbrown::HashSet;

use super::{By, Division, OTHERS, key::Item};
use crate::{
    flow::{Key as FlowKey, Tally},
    knowledge::Damaged,
    naming::{Evidence, Side, State, label::Label},
    packet::TransportProtocol,
};

/// How much there is of an item.
#[derive(Clone, Copy, Debug)]
pub(super) struct Amount {
    pub(super) packets: u64,
    pub(super) octets: u64,
    pub(super) first: Option<u64>,
    pub(super) last: Option<u64>,
    /// Absent where it is no flow but a packet.
    pub(super) flows: Option<u64>,
    pub(super) damaged: Damaged,
}

impl Amount {
    /// What a tally tells; no flows.
    pub(super) fn of(tally: &Tally, damaged: Damaged) -> Self {
        Self {
            packets: tally.all_packets(),
            octets: tally.all_octets(),
            first: tally.first(),
            last: tally.last(),
            flows: Some(0),
            damaged,
        }
    }
}

/// One row.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// Its key: `https/tcp`, `49200/tcp`, `arp`; of several parts joined by a space.
    pub key: String,
    /// Where in the key its parts end, but for the last one.
    pub(super) ends: Box<[u32]>,
    /// Whether it is named by the strongest evidence of what is counted.
    is_of_endpoint: bool,
    /// How strong that is.
    named_by: Option<Evidence>,
    pub(in crate::report) name: Option<String>,
    /// What the host is called that it is about, escaped as on a terminal.
    pub(in crate::report) host: Option<String>,
    pub(super) transport: Option<String>,
    pub(in crate::report) ports: BTreeSet<u16>,
    pub(in crate::report) description: Option<String>,
    /// Packets.
    pub packets: u64,
    /// Octets on the wire.
    pub bytes: u64,
    flows: u64,
    /// Flows that were met packet by packet.
    met: HashSet<(FlowKey, usize)>,
    /// Spares looking for it again.
    last_port: Option<u16>,
    pub(in crate::report) clients: Hosts,
    pub(in crate::report) servers: Hosts,
    /// Endpoints that were asked and did not answer.
    pub(in crate::report) asked: HashSet<Endpoint>,
    /// Endpoints that were asked and refused.
    pub(in crate::report) refused: HashSet<Endpoint>,
    /// Packets of flows that speak something else than their port's name says.
    pub(in crate::report) mismatch: u64,
    pub(super) first: Option<u64>,
    pub(super) last: Option<u64>,
    /// Packets by [`Evidence`].
    evidence: [u64; Evidence::ALL.len()],
    pub(super) damaged: Damaged,
    /// Whether flows left early, so that distinct hosts were lost.
    pub(in crate::report) approximate: bool,
    /// Whether it was added up packet by packet without a look at flows, so that how many there were is not known.
    by_packet: bool,
}

impl Row {
    /// An empty row, with what the label of the first that is counted tells of all: others may differ in the rest.
    pub(super) fn of(by: Division, label: &Label, key: String, ends: Box<[u32]>) -> Self {
        let is_of_endpoint = !by.has(By::Service) && by.is_of_endpoint();
        let mut row = Self { key, ends, is_of_endpoint, ..Self::default() };
        if by.has(By::Service) || by.has(By::Port) || by.has(By::Endpoint) {
            row.transport = label.transport.as_deref().map(ToOwned::to_owned);
        }
        if by.has(By::Service) && label.unserved().is_none() {
            row.name.clone_from(&label.name);
            row.description.clone_from(&label.description);
        }
        row
    }

    /// An empty row for what finds no room among the others, with a key of so many parts.
    pub(super) fn of_others(parts: usize) -> Self {
        let ends = (1..parts).map(|part| ((OTHERS.len() + 1) * part - 1) as u32).collect();
        Self { key: vec![OTHERS; parts].join(" "), ends, approximate: true, ..Self::default() }
    }

    /// The parts of its key.
    pub(super) fn parts(&self) -> impl Iterator<Item = &str> {
        let ends = self.ends.iter().map(|&end| end as usize);
        let begins = std::iter::once(0).chain(ends.clone().map(|end| end + 1));
        begins.zip(ends.chain([self.key.len()])).map(|(begin, end)| &self.key[begin..end])
    }

    /// Whether that is its key, with parts that end there.
    pub(super) fn has_key(&self, key: &[u8], ends: &[u32]) -> bool {
        self.key.as_bytes() == key && *self.ends == *ends
    }

    /// Whether another has the same key.
    pub(super) fn is_of(&self, other: &Self) -> bool {
        self.has_key(other.key.as_bytes(), &other.ends)
    }

    /// Takes a name that is known better than its own; of those that are known alike, the first of the alphabet.
    fn take_name(&mut self, evidence: Option<Evidence>, name: Option<&str>, description: Option<&str>) {
        let (Some(evidence), Some(name)) = (evidence, name) else { return };
        let own = self.named_by.zip(self.name.as_deref());
        if own.is_none_or(|own| (evidence, name) < own) {
            self.named_by = Some(evidence);
            self.name = Some(name.to_owned());
            self.description = description.map(ToOwned::to_owned);
        }
    }

    /// Its damaged packets.
    pub fn damaged(&self) -> &Damaged {
        &self.damaged
    }

    /// How many flows, where that is known.
    pub fn flows(&self) -> Option<u64> {
        (!self.by_packet).then_some(self.flows + self.met.len() as u64)
    }

    /// Counts an item of its key.
    pub(super) fn count(&mut self, item: &Item<'_>, amount: &Amount) {
        self.tally(amount.packets, amount.octets, amount.first, amount.last);
        match amount.flows {
            Some(flows) => self.flows += flows,
            None => self.by_packet = true,
        }
        self.met.extend(item.flow);
        if self.is_of_endpoint {
            let Label { evidence, name, description, .. } = item.label;
            self.take_name(*evidence, name.as_deref(), description.as_deref());
        }
        self.damaged.add(&amount.damaged);
        if let Some(port) = item.label.port
            && self.last_port != Some(port)
        {
            self.last_port = Some(port);
            self.ports.insert(port);
        }
        if let Some(evidence) = item.label.evidence {
            self.evidence[evidence as usize] += amount.packets;
        }
        if item.label.mismatch.is_some() {
            self.mismatch += amount.packets;
        }
        if let Some(ends) = item.ends {
            self.sides(item, ends);
        }
    }

    fn tally(&mut self, packets: u64, octets: u64, first: Option<u64>, last: Option<u64>) {
        self.packets += packets;
        self.bytes += octets;
        self.first = match (self.first, first) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        self.last = self.last.max(last);
    }

    /// Notes who serves whom, and who was only asked.
    fn sides(&mut self, item: &Item<'_>, (low, high): (IpAddr, IpAddr)) {
        let Item { label, side, group, .. } = *item;
        if let (Some(State::Group), Some(group)) = (label.state, group) {
            // A group neither asks nor serves: whoever speaks to it does.
            let sender = if group == Side::Low { high } else { low };
            self.clients.insert(sender);
            if side == Side::Both {
                self.servers.insert(sender);
            }
            return;
        }
        for (server, client, serves) in
            [(low, high, [Side::Low, Side::Both]), (high, low, [Side::High, Side::Both])]
        {
            if !serves.contains(&side) {
                continue;
            }
            self.clients.insert(client);
            let endpoint = label.port.map(|port| (server, port, label.protocol));
            match label.state {
                Some(State::Established | State::Answered) => self.servers.insert(server),
                Some(State::Refused) => self.refused.extend(endpoint),
                Some(State::Asked) if !label.is_open => self.asked.extend(endpoint),
                Some(State::Asked | State::Group | State::OneWay) | None => {}
            }
        }
    }

    /// Whether its name is only registered, for ports above 1023, and nothing confirms it.
    pub(in crate::report) fn is_guess(&self) -> bool {
        let only = self.evidence[Evidence::Registered as usize];
        self.name.is_some() && only > 0 && only == self.packets && self.ports.iter().all(|&port| port > 1023)
    }

    /// Adds a row of the same key.
    pub(super) fn add(&mut self, other: Self) {
        self.tally(other.packets, other.bytes, other.first, other.last);
        if self.is_of_endpoint {
            self.take_name(other.named_by, other.name.as_deref(), other.description.as_deref());
        }
        self.ports.extend(other.ports);
        self.flows += other.flows;
        join(&mut self.met, other.met);
        self.clients.add(other.clients);
        self.servers.add(other.servers);
        join(&mut self.asked, other.asked);
        join(&mut self.refused, other.refused);
        self.mismatch += other.mismatch;
        for (all, more) in self.evidence.iter_mut().zip(other.evidence) {
            *all += more;
        }
        self.damaged.add(&other.damaged);
        self.approximate |= other.approximate;
        self.by_packet |= other.by_packet;
    }

    /// Takes flows that are counted later for others, even if they have the same five-tuples.
    pub(super) fn part(&mut self) {
        self.flows += self.met.len() as u64;
        self.met = HashSet::default();
    }

    /// Packets by evidence, in the order of [`Evidence::ALL`].
    pub(super) fn evidence_counts(&self) -> [u64; Evidence::ALL.len()] {
        self.evidence
    }

    /// Packets by how their name is known, in the order of the words.
    pub(in crate::report) fn evidence(&self) -> BTreeMap<&'static str, u64> {
        let counts =
            Evidence::ALL.iter().map(|&evidence| (evidence.as_str(), self.evidence[evidence as usize]));
        counts.filter(|&(_, packets)| packets > 0).collect()
    }
}

/// An address, a port of it and the protocol.
pub(in crate::report) type Endpoint = (IpAddr, u16, TransportProtocol);

/// Adds a set to another: the larger one takes the smaller one in.
fn join<T: Eq + Hash>(all: &mut HashSet<T>, mut more: HashSet<T>) {
    if more.len() > all.len() {
        std::mem::swap(all, &mut more);
    }
    all.extend(more);
}

/// Distinct addresses.
#[derive(Clone, Debug, Default)]
pub(in crate::report) struct Hosts {
    v4: HashSet<Ipv4Addr>,
    v6: HashSet<Ipv6Addr>,
}

impl Hosts {
    fn insert(&mut self, address: IpAddr) {
        match address {
            IpAddr::V4(address) => self.v4.insert(address),
            IpAddr::V6(address) => self.v6.insert(address),
        };
    }

    fn add(&mut self, other: Self) {
        join(&mut self.v4, other.v4);
        join(&mut self.v6, other.v6);
    }

    pub(in crate::report) fn len(&self) -> u64 {
        (self.v4.len() + self.v6.len()) as u64
    }
}
