//! The rows of a summary.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    hash::Hash,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use hashbrown::HashSet;

use super::By;
use crate::{
    flow::FiveTuple,
    knowledge::Damaged,
    naming::{Evidence, Side, label::Label},
};

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
    pub(super) flows: u64,
    /// Spares looking for it again.
    pub(super) last_port: Option<u16>,
    pub(super) clients: Hosts,
    pub(super) servers: Hosts,
    pub(super) first: Option<u64>,
    pub(super) last: Option<u64>,
    /// Packets by [`Evidence`].
    pub(super) evidence: [u64; Evidence::ALL.len()],
    pub(super) damaged: Damaged,
    /// Whether flows left early, so that distinct hosts were lost.
    pub(super) approximate: bool,
    /// Whether it was added up packet by packet, so that how many flows there were is not known.
    pub(super) by_packet: bool,
}

impl Row {
    pub(super) fn new(key: String) -> Self {
        Self { key, ..Self::default() }
    }

    pub(super) fn of_label(label: &Label) -> Self {
        Self {
            key: label.key.clone(),
            name: label.name.clone(),
            transport: label.transport.as_deref().map(ToOwned::to_owned),
            description: label.description.clone(),
            ..Self::default()
        }
    }

    /// Its damaged packets.
    pub fn damaged(&self) -> &Damaged {
        &self.damaged
    }

    /// How many flows, where that is known.
    pub(super) fn flows(&self) -> Option<u64> {
        (!self.by_packet).then_some(self.flows)
    }

    pub(super) fn tally(&mut self, packets: u64, bytes: u64, first: Option<u64>, last: Option<u64>) {
        self.packets += packets;
        self.bytes += bytes;
        self.first = match (self.first, first) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        self.last = self.last.max(last);
    }

    pub(super) fn label(&mut self, label: &Label, packets: u64) {
        if let Some(port) = label.port
            && self.last_port != Some(port)
        {
            self.last_port = Some(port);
            self.ports.insert(port);
        }
        if let Some(evidence) = label.evidence {
            self.evidence[evidence as usize] += packets;
        }
    }

    /// Adds all flows of a five-tuple.
    pub(super) fn flow(&mut self, tuple: &FiveTuple<'_>, server: Side, label: &Label, damaged: &Damaged) {
        let total = tuple.total();
        self.tally(total.all_packets(), total.all_octets(), total.first(), total.last());
        self.label(label, total.all_packets());
        self.flows += tuple.flows;
        self.sides(server, tuple.key.low().0, tuple.key.high().0);
        self.damaged.add(damaged);
    }

    /// Notes who serves whom.
    pub(super) fn sides(&mut self, server: Side, low: IpAddr, high: IpAddr) {
        if matches!(server, Side::Low | Side::Both) {
            self.servers.insert(low);
            self.clients.insert(high);
        }
        if matches!(server, Side::High | Side::Both) {
            self.servers.insert(high);
            self.clients.insert(low);
        }
    }

    /// Adds a row of the same key.
    pub(super) fn add(&mut self, other: Self) {
        self.tally(other.packets, other.bytes, other.first, other.last);
        self.ports.extend(other.ports);
        self.flows += other.flows;
        self.clients.add(other.clients);
        self.servers.add(other.servers);
        for (all, more) in self.evidence.iter_mut().zip(other.evidence) {
            *all += more;
        }
        self.damaged.add(&other.damaged);
        self.approximate |= other.approximate;
        self.by_packet |= other.by_packet;
    }

    /// Packets by how their name is known, in the order of the words.
    pub(super) fn evidence(&self) -> BTreeMap<&'static str, u64> {
        let counts =
            Evidence::ALL.iter().map(|&evidence| (evidence.as_str(), self.evidence[evidence as usize]));
        counts.filter(|&(_, packets)| packets > 0).collect()
    }
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

    pub(super) fn add(&mut self, other: Self) {
        // The larger one takes the smaller one in.
        fn join<T: Eq + Hash>(all: &mut HashSet<T>, mut more: HashSet<T>) {
            if more.len() > all.len() {
                std::mem::swap(all, &mut more);
            }
            all.extend(more);
        }
        join(&mut self.v4, other.v4);
        join(&mut self.v6, other.v6);
    }

    pub(super) fn len(&self) -> usize {
        self.v4.len() + self.v6.len()
    }
}

/// Key of the row that a label belongs to, where that is all it takes.
pub(super) fn label_key(label: &Label, by: By) -> Cow<'static, str> {
    match (by, label.port, label.transport.as_deref()) {
        (By::Port, Some(port), Some(transport)) => format!("{port}/{transport}").into(),
        (By::Transport, _, Some(transport)) => transport.to_owned().into(),
        _ => label.key.clone().into(),
    }
}
