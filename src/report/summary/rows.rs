//! The rows of a summary, and how they are told apart.

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::Hash,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use hashbrown::HashSet;

use super::By;
use crate::{
    flow::{Key as FlowKey, Tally},
    knowledge::Damaged,
    naming::{Evidence, Side, State, label::Label},
    packet::TransportProtocol,
    text::number,
};

/// What is counted into rows: a flow, or one packet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item<'a> {
    pub(super) label: &'a Label,
    /// Its addresses in ascending order, where they were read.
    pub(super) ends: Option<(IpAddr, IpAddr)>,
    pub(super) side: Side,
    /// The end that is a multicast or broadcast address.
    pub(super) group: Option<Side>,
    /// The flow of a packet, where distinct ones are counted: its five-tuple, and which of its flows.
    pub(super) flow: Option<(FlowKey, usize)>,
    /// What only a packet tells: its VLAN identifiers from the outermost on, and its interface.
    pub(super) frame: Option<(&'a [u16], u32)>,
}

/// The key of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key<'a> {
    /// What a label is called, a transport.
    Text(&'a str),
    /// A serving port and its transport.
    Port(u16, &'a str),
    /// No side is known to serve; the transport.
    Unknown(&'a str),
    /// One address.
    Host(IpAddr),
    /// Two addresses that serve each other.
    Both(IpAddr, IpAddr),
    /// Two addresses that talk to each other.
    Conversation(IpAddr, IpAddr),
    /// VLAN identifiers.
    Vlan(&'a [u16]),
    /// An interface.
    Interface(u32),
}

impl<'a> Item<'a> {
    /// Something of which the label is all that is known.
    pub(super) fn of_label(label: &'a Label) -> Self {
        Self { label, ends: None, side: Side::Neither, group: None, flow: None, frame: None }
    }

    /// The key that the label tells.
    pub(super) fn label_key(&self, by: By) -> Key<'a> {
        match (by, self.label.port, self.label.transport.as_deref()) {
            (By::Port, Some(port), Some(transport)) => Key::Port(port, transport),
            (By::Transport, _, Some(transport)) => Key::Text(transport),
            (By::Protocol, _, Some(transport)) if self.label.evidence.is_some() => match &self.label.speech {
                Some(speech) => Key::Text(speech.protocol.word()),
                None => Key::Unknown(transport),
            },
            (By::Evidence, ..) => Key::Text(self.label.evidence.unwrap_or(Evidence::None).as_str()),
            _ => Key::Text(&self.label.key),
        }
    }

    /// The keys of its rows: one, or two where it counts for both of its hosts.
    pub(super) fn keys(&self, by: By) -> [Option<Key<'a>>; 2] {
        let key = match (by, self.ends) {
            (By::Vlan, _) => return [self.frame.map(|(ids, _)| Key::Vlan(ids)), None],
            (By::Interface, _) => return [self.frame.map(|(_, interface)| Key::Interface(interface)), None],
            (By::Service | By::Protocol | By::Port | By::Evidence | By::Transport, _) | (_, None) => {
                self.label_key(by)
            }
            (By::Conversation, Some((low, high))) => Key::Conversation(low, high),
            (By::Host, Some((low, high))) => {
                return [Some(Key::Host(low)), (low != high).then_some(Key::Host(high))];
            }
            (By::Server | By::Client, Some((low, high))) => match self.side {
                Side::Neither => Key::Unknown(self.label.transport.as_deref().unwrap_or("ip")),
                // Who speaks to a group of peers is the one that serves, and the one that is served.
                Side::Both if self.group == Some(Side::High) => Key::Host(low),
                Side::Both if self.group == Some(Side::Low) => Key::Host(high),
                Side::Both if low != high => Key::Both(low, high),
                Side::High => Key::Host(if by == By::Server { high } else { low }),
                Side::Low | Side::Both => Key::Host(if by == By::Server { low } else { high }),
            },
        };
        [Some(key), None]
    }
}

impl Key<'_> {
    /// Appends it as the row shows it.
    pub(super) fn write(self, out: &mut Vec<u8>) {
        let mut pair = |low, between: &[u8], high| {
            number::address(low, out);
            out.extend_from_slice(between);
            number::address(high, out);
        };
        match self {
            Self::Text(text) => out.extend_from_slice(text.as_bytes()),
            Self::Port(port, transport) => {
                number::decimal(port.into(), out);
                out.push(b'/');
                out.extend_from_slice(transport.as_bytes());
            }
            Self::Unknown(transport) => {
                out.extend_from_slice(b"unknown/");
                out.extend_from_slice(transport.as_bytes());
            }
            Self::Host(address) => number::address(address, out),
            Self::Both(low, high) => pair(low, b" and ", high),
            Self::Conversation(low, high) => pair(low, b" <> ", high),
            Self::Vlan([]) => out.extend_from_slice(b"untagged"),
            Self::Vlan(ids) => {
                for (place, &id) in ids.iter().enumerate() {
                    out.extend_from_slice(if place == 0 { b"" } else { b"." });
                    number::decimal(id.into(), out);
                }
            }
            Self::Interface(number) => number::decimal(number.into(), out),
        }
    }
}

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
    /// Its key: `https/tcp`, `49200/tcp`, `arp`.
    pub key: String,
    pub(super) name: Option<String>,
    pub(super) transport: Option<String>,
    pub(super) ports: BTreeSet<u16>,
    pub(super) description: Option<String>,
    /// Packets.
    pub packets: u64,
    /// Octets on the wire.
    pub bytes: u64,
    flows: u64,
    /// Flows that were met packet by packet.
    met: HashSet<(FlowKey, usize)>,
    /// Spares looking for it again.
    last_port: Option<u16>,
    pub(super) clients: Hosts,
    pub(super) servers: Hosts,
    /// Endpoints that were asked and did not answer.
    pub(super) asked: HashSet<Endpoint>,
    /// Endpoints that were asked and refused.
    pub(super) refused: HashSet<Endpoint>,
    /// Packets of flows that speak something else than their port's name says.
    pub(super) mismatch: u64,
    pub(super) first: Option<u64>,
    pub(super) last: Option<u64>,
    /// Packets by [`Evidence`].
    evidence: [u64; Evidence::ALL.len()],
    pub(super) damaged: Damaged,
    /// Whether flows left early, so that distinct hosts were lost.
    pub(super) approximate: bool,
    /// Whether it was added up packet by packet without a look at flows, so that how many there were is not known.
    by_packet: bool,
}

impl Row {
    /// An empty row, with what the label of the first that is counted tells of all: others may differ in the rest.
    pub(super) fn of(by: By, label: &Label, key: String) -> Self {
        let mut row = Self { key, ..Self::default() };
        if matches!(by, By::Service | By::Port) {
            row.transport = label.transport.as_deref().map(ToOwned::to_owned);
        }
        if by == By::Service && label.unserved().is_none() {
            row.name.clone_from(&label.name);
            row.description.clone_from(&label.description);
        }
        row
    }

    /// Its damaged packets.
    pub fn damaged(&self) -> &Damaged {
        &self.damaged
    }

    /// How many flows, where that is known.
    pub(super) fn flows(&self) -> Option<u64> {
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
    pub(super) fn is_guess(&self) -> bool {
        let only = self.evidence[Evidence::Registered as usize];
        self.name.is_some() && only > 0 && only == self.packets && self.ports.iter().all(|&port| port > 1023)
    }

    /// Adds a row of the same key.
    pub(super) fn add(&mut self, other: Self) {
        self.tally(other.packets, other.bytes, other.first, other.last);
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

    /// Packets by how their name is known, in the order of the words.
    pub(super) fn evidence(&self) -> BTreeMap<&'static str, u64> {
        let counts =
            Evidence::ALL.iter().map(|&evidence| (evidence.as_str(), self.evidence[evidence as usize]));
        counts.filter(|&(_, packets)| packets > 0).collect()
    }
}

/// An address, a port of it and the protocol.
pub(super) type Endpoint = (IpAddr, u16, TransportProtocol);

/// Adds a set to another: the larger one takes the smaller one in.
fn join<T: Eq + Hash>(all: &mut HashSet<T>, mut more: HashSet<T>) {
    if more.len() > all.len() {
        std::mem::swap(all, &mut more);
    }
    all.extend(more);
}

/// Distinct addresses.
#[derive(Clone, Debug, Default)]
pub(super) struct Hosts {
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

    pub(super) fn len(&self) -> u64 {
        (self.v4.len() + self.v6.len()) as u64
    }
}
