//! Who was told which name when.

mod stored;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use hashbrown::HashMap;

use super::{
    HostsFile, Mac, Message, Source,
    dhcp::{self, Called, Dhcp},
    dns, is_host, link, netbios, snmp,
};
use crate::{
    announce,
    dns::{Message as DnsMessage, Name, Via},
    packet::{Share, Timestamp, TransportProtocol},
    text::escape,
};

/// Names of hosts learned from a stretch of a capture.
///
/// Several names of an address are told apart by time and by who was told. What two stretches taught,
/// [merged](Self::merge) in order, is what both together would have taught, as long as no bound is reached: further
/// addresses are not learned, of the names of one address the oldest go first, and both are [counted](Self::losses).
#[derive(Clone, Debug, Default)]
pub struct Hosts {
    names: Names,
    user: BTreeMap<IpAddr, u32>,
    told: BTreeMap<(IpAddr, Source), Series>,
    /// Answers of unicast DNS by address and client.
    answers: HashMap<(IpAddr, IpAddr), Series>,
    /// What is known of clients of DHCP, by transaction.
    leases: BTreeMap<Vec<u8>, Lease>,
    /// Which transactions lent an address.
    lent: BTreeSet<(IpAddr, Vec<u8>)>,
    /// MACs that addresses have for sure.
    macs: BTreeSet<(IpAddr, Mac)>,
    lost: u64,
    /// How much of the room there is by default the tables may take.
    share: Share,
    /// Grows whenever a name may be another one.
    changes: u64,
    /// Its value when something was learned of an address.
    changed: HashMap<IpAddr, u64>,
}

/// Texts, each once.
#[derive(Clone, Debug, Default)]
struct Names {
    all: Vec<Box<str>>,
    ids: HashMap<Box<str>, u32>,
    octets: usize,
    share: Share,
}

impl Names {
    /// The number of a text; `None` for a new one that finds no room.
    fn id(&mut self, text: &str) -> Option<u32> {
        if let Some(&id) = self.ids.get(text) {
            return Some(id);
        }
        if self.all.len() >= self.share.of(Hosts::MAX_NAMES)
            || self.octets + text.len() > self.share.of(Hosts::MAX_OCTETS)
        {
            return None;
        }
        let id = self.all.len() as u32;
        self.octets += text.len();
        self.all.push(text.into());
        self.ids.insert(text.into(), id);
        Some(id)
    }
}

/// One name after the other, each for as long as nothing else was told.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
struct Series {
    runs: Vec<Run>,
    overflowed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(into = "stored::Row", from = "stored::Row")]
struct Run {
    name: u32,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
}

#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
struct Lease {
    name: Option<u32>,
    address: Option<(IpAddr, Option<Timestamp>)>,
    mac: Option<Mac>,
}

/// A name that an address had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told<'h> {
    /// The name, escaped as on a terminal.
    pub name: &'h str,
    /// Where it comes from.
    pub source: Source,
    /// When it was first told; of the user's own names nobody asks.
    pub first: Option<Timestamp>,
    /// When it was last told.
    pub last: Option<Timestamp>,
}

impl Series {
    fn push(&mut self, run: Run) {
        if let Some(last) = self.runs.last_mut().filter(|last| last.name == run.name) {
            last.first = last.first.zip(run.first).map(|(a, b)| a.min(b));
            last.last = last.last.max(run.last);
            return;
        }
        if self.runs.len() >= Hosts::MAX_RUNS {
            self.runs.remove(0);
            self.overflowed = true;
        }
        self.runs.push(run);
    }

    /// The name told last before a moment.
    fn before(&self, time: Option<Timestamp>) -> Option<u32> {
        let Some(time) = time else { return self.runs.last().map(|run| run.name) };
        let told = self.runs.iter().rev().find(|run| run.first.is_none_or(|first| first <= time));
        told.map(|run| run.name)
    }

    /// The name told first after it.
    fn after(&self) -> Option<u32> {
        self.runs.first().map(|run| run.name)
    }
}

impl Hosts {
    /// Most addresses whose names are kept of a source; most pairs of an address and a client; most transactions of
    /// DHCP; most proofs that addresses are one host's.
    pub const MAX_ADDRESSES: usize = 65_536;
    /// Most distinct names that are kept, and most octets of all of them.
    pub const MAX_NAMES: usize = 1 << 18;
    /// See [`Self::MAX_NAMES`].
    pub const MAX_OCTETS: usize = 32 << 20;
    /// Most names after each other that are kept of an address.
    pub const MAX_RUNS: usize = 64;
    /// Most octets of what a host says of itself; what is longer is not kept. RFC 3418 has 255 as the most of `sysName`.
    pub const MAX_TEXT: usize = 255;

    /// Knows nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Knows nothing yet, and gives its tables this share of their room.
    pub(crate) fn within(share: Share) -> Self {
        Self { share, names: Names { share, ..Names::default() }, ..Self::default() }
    }

    fn most(&self) -> usize {
        self.share.of(Self::MAX_ADDRESSES)
    }

    /// Takes in what the user says: it wins over all else, and the last line about an address counts.
    pub fn set_user(&mut self, file: &HostsFile) {
        for (address, name) in &file.names {
            let mut text = Vec::new();
            escape::terminal(name.as_bytes(), &mut text);
            match self.names.id(&String::from_utf8_lossy(&text)) {
                Some(name) => _ = self.user.insert(*address, name),
                None => self.lost += 1,
            }
        }
    }

    /// Learns from one packet.
    pub fn observe(&mut self, message: &Message<'_>) {
        let Message { protocol, source, destination, octets, .. } = *message;
        match (protocol, source.1, destination.1) {
            (TransportProtocol::UDP, 67 | 68, 67 | 68) => {
                self.dhcp(dhcp::v4(octets), message.time);
            }
            (TransportProtocol::UDP, 546 | 547, 546 | 547) => self.dhcp(dhcp::v6(octets), message.time),
            (TransportProtocol::UDP, 137, _) => {
                netbios::read(octets, source.0, &mut |address, name| {
                    let mut text = Vec::new();
                    escape::terminal(name, &mut text);
                    self.tell(Source::Netbios, address, None, &text, message.time);
                });
            }
            (TransportProtocol::UDP, 161, _) => {
                self.describe(Source::Snmp, source.0, snmp::system_name(octets), message.time);
            }
            (TransportProtocol::UDP, 1900, _) | (TransportProtocol::UDP, _, 1900) => {
                self.describe(Source::Ssdp, source.0, announce::product(octets), message.time);
            }
            (TransportProtocol::UDP | TransportProtocol::TCP, port, _) => {
                // Only what the port of the protocol itself says: whoever asks from another one teaches nothing.
                let Some(via) = Via::of(protocol, port, port) else { return };
                for dns in via.messages(octets) {
                    self.observe_answer(via, (message.time, destination.0), &dns);
                }
            }
            _ => {}
        }
    }

    /// Learns what a host says of itself.
    fn describe(&mut self, source: Source, host: IpAddr, said: Option<&[u8]>, time: Option<Timestamp>) {
        let Some(said) = said.filter(|said| said.len() <= Self::MAX_TEXT) else { return };
        let mut text = Vec::new();
        escape::terminal(said, &mut text);
        self.tell(source, host, None, &text, time);
    }

    /// Learns from a message of DNS that came this way from the port of its protocol, be it put together from pieces:
    /// when, and to whom.
    pub(crate) fn observe_answer(
        &mut self,
        via: Via,
        (time, client): (Option<Timestamp>, IpAddr),
        dns: &DnsMessage<'_>,
    ) {
        let client = (!via.is_multicast()).then_some(client);
        dns::read(via, dns, &mut |source, address, name| {
            let text = name_text(name);
            self.tell(source, address, client, &text, time);
        });
    }

    fn dhcp(&mut self, message: Option<Dhcp<'_>>, time: Option<Timestamp>) {
        let Some(Dhcp { transaction, name, address, mac }) = message else { return };
        let text = name.map(|name| match name {
            Called::Text(octets) => {
                let mut text = Vec::new();
                escape::terminal(octets, &mut text);
                text
            }
            Called::Domain(name) => name_text(&name),
        });
        let name = text.and_then(|text| self.names.id(&String::from_utf8_lossy(&text)));
        let address = address.filter(|&address| is_host(address)).zip(Some(time));
        self.lend(transaction, Lease { name, address, mac });
    }

    /// Adds what is known of a transaction.
    fn lend(&mut self, transaction: Vec<u8>, later: Lease) {
        if self.leases.len() >= self.most() && !self.leases.contains_key(&transaction) {
            self.lost += 1;
            return;
        }
        self.changes += 1;
        let lease = self.leases.entry(transaction.clone()).or_default();
        let before = lease.address.map(|(address, _)| address);
        lease.add(later);
        let now = lease.address.map(|(address, _)| address);
        for address in [before, now].into_iter().flatten() {
            self.changed.insert(address, self.changes);
        }
        if before != now {
            before.map(|address| self.lent.remove(&(address, transaction.clone())));
            now.map(|address| self.lent.insert((address, transaction)));
        }
    }

    /// Learns that an address has a name, which `client` was told.
    fn tell(
        &mut self,
        source: Source,
        address: IpAddr,
        client: Option<IpAddr>,
        text: &[u8],
        time: Option<Timestamp>,
    ) {
        if !is_host(address) || text == b"." || text.is_empty() {
            return;
        }
        let has_room = self.told.len() < self.most() || self.told.contains_key(&(address, source));
        if !has_room {
            self.lost += 1;
            return;
        }
        let Some(name) = self.names.id(&String::from_utf8_lossy(text)) else {
            self.lost += 1;
            return;
        };
        self.changes += 1;
        self.changed.insert(address, self.changes);
        let run = Run { name, first: time, last: time };
        self.told.entry((address, source)).or_default().push(run);
        if let Some(client) = client {
            let has_room = self.answers.len() < self.most() || self.answers.contains_key(&(address, client));
            if has_room {
                self.answers.entry((address, client)).or_default().push(run);
            } else {
                self.lost += 1;
            }
        }
    }

    /// Learns from a packet that its source has a MAC, where it cannot have come over a router: so it is with messages of
    /// Neighbor Discovery, too, whose `icmp` are types 133 to 137 (RFC 4861 sections 4 and 3.1).
    pub fn observe_link(&mut self, addresses: (IpAddr, IpAddr), icmp: Option<(u8, u8)>, mac: Mac) {
        let discovers = addresses.0.is_ipv6() && matches!(icmp, Some((133..=137, 0))) && is_host(addresses.0);
        if (discovers || link::stays_on_link(addresses.0, addresses.1)) && link::is_one(mac) {
            self.note_mac(addresses.0, mac);
        }
    }

    /// Learns from an ARP packet over Ethernet.
    pub fn observe_arp(&mut self, frame: &[u8]) {
        if let Some((address, mac)) = link::arp(frame) {
            self.note_mac(address, mac);
        }
    }

    fn note_mac(&mut self, address: IpAddr, mac: Mac) {
        if self.macs.len() < self.most() {
            self.macs.insert((address, mac));
        } else if !self.macs.contains(&(address, mac)) {
            self.lost += 1;
        }
    }

    /// [`Self::changes`] when something was last learned of an address; 0 for never.
    pub(crate) fn changed(&self, address: IpAddr) -> u64 {
        self.changed.get(&address).copied().unwrap_or_default()
    }

    /// Grows whenever something is learned by which an address may be called otherwise.
    pub(crate) fn changes(&self) -> u64 {
        self.changes
    }

    /// What the bounds kept out: how often, and what in words.
    pub fn losses(&self) -> [(u64, &'static str); 2] {
        let series = self.told.values().chain(self.answers.values());
        let overflowed = series.filter(|series| series.overflowed).count() as u64;
        [
            (self.lost, "names of hosts too many to be learned"),
            (overflowed, "addresses with so many names that the oldest were forgotten"),
        ]
    }

    /// Adds what the next stretch of the capture taught.
    pub fn merge(&mut self, later: Self) {
        let ids: Vec<Option<u32>> = later.names.all.iter().map(|name| self.names.id(name)).collect();
        let renamed = |run: Run| Some(Run { name: ids[run.name as usize]?, ..run });
        self.lost += later.lost + ids.iter().filter(|id| id.is_none()).count() as u64;
        self.changes += 1;
        for (key, series) in later.told {
            if self.told.len() < self.most() || self.told.contains_key(&key) {
                self.changed.insert(key.0, self.changes);
                self.told.entry(key).or_default().add(series, renamed);
            } else {
                self.lost += 1;
            }
        }
        // Each pair goes to its own, so their order tells nothing.
        let mut answers: Vec<_> = later.answers.into_iter().collect();
        answers.sort_by_key(|(key, _)| *key);
        for (key, series) in answers {
            if self.answers.len() < self.most() || self.answers.contains_key(&key) {
                self.answers.entry(key).or_default().add(series, renamed);
            } else {
                self.lost += 1;
            }
        }
        for (key, lease) in later.leases {
            self.lend(key, Lease { name: lease.name.and_then(|name| ids[name as usize]), ..lease });
        }
        for (address, mac) in later.macs {
            self.note_mac(address, mac);
        }
    }

    /// What an address is called for a client at a time, and where that name comes from.
    ///
    /// Of answers of unicast DNS the last to this client before the flow began counts; else the last to any client; else
    /// the first after it. Without a time the last of all counts.
    pub fn name_of(
        &self,
        address: IpAddr,
        client: Option<IpAddr>,
        time: Option<Timestamp>,
    ) -> Option<(&str, Source)> {
        let text = |name: u32, source| Some((&*self.names.all[name as usize], source));
        if let Some(&name) = self.user.get(&address) {
            return text(name, Source::User);
        }
        // Of most addresses nothing was told, and this takes the shortest look.
        if !self.changed.contains_key(&address) {
            return None;
        }
        // In the order of the sources.
        for (&(_, source), any) in self.told.range((address, Source::User)..=(address, Source::Dhcp)) {
            let own = client.filter(|_| source == Source::Dns);
            let own = own.and_then(|client| self.answers.get(&(address, client)));
            let name = own.and_then(|series| series.before(time));
            let name = name.or_else(|| any.before(time)).or_else(|| any.after());
            if let Some(name) = name {
                return text(name, source);
            }
        }
        let lent = self.lent(address, time).or_else(|| self.lent(address, None));
        lent.and_then(|run| text(run.name, Source::Dhcp))
    }

    /// The name of whom the address was lent to last before a moment.
    fn lent(&self, address: IpAddr, time: Option<Timestamp>) -> Option<Run> {
        let runs = self.lent_all(address);
        runs.filter(|run| time.is_none_or(|time| run.last.is_none_or(|last| last <= time)))
            .max_by_key(|run| run.last)
    }

    fn lent_all(&self, address: IpAddr) -> impl Iterator<Item = Run> {
        let lent = self.lent.range((address, Vec::new())..).take_while(move |(lent, _)| *lent == address);
        lent.filter_map(|(_, transaction)| {
            let lease = self.leases.get(transaction)?;
            let (_, time) = lease.address?;
            Some(Run { name: lease.name?, first: time, last: time })
        })
    }

    /// Every name that an address had, the strongest source first, then in the order told.
    pub fn names_of(&self, address: IpAddr) -> Vec<Told<'_>> {
        let user = self.user.get(&address).map(|&name| (Source::User, Run { name, first: None, last: None }));
        let told = self.told.range((address, Source::User)..=(address, Source::Ssdp));
        let told = told.flat_map(|(&(_, source), series)| series.runs.iter().map(move |&run| (source, run)));
        let lent = self.lent_all(address).map(|run| (Source::Dhcp, run));
        let mut all: Vec<Told<'_>> = Vec::new();
        for (source, run) in user.into_iter().chain(told).chain(lent) {
            let name = &*self.names.all[run.name as usize];
            match all.iter_mut().find(|known| known.name == name && known.source == source) {
                Some(known) => {
                    known.first = known.first.zip(run.first).map(|(a, b)| a.min(b));
                    known.last = known.last.max(run.last);
                }
                None => all.push(Told { name, source, first: run.first, last: run.last }),
            }
        }
        all
    }

    /// Whether the user names an address.
    pub fn has_user_name(&self, address: IpAddr) -> bool {
        self.user.contains_key(&address)
    }

    /// Addresses and the names by which they are found, in the order of the addresses: the user's own, else all that were
    /// told, each once.
    pub fn found_by(&self) -> impl Iterator<Item = (IpAddr, &str)> {
        let told = self.told.keys().filter(|(_, source)| source.finds()).map(|&(address, _)| address);
        let lent = self.lent.iter().map(|&(address, _)| address);
        let all: BTreeSet<IpAddr> = self.user.keys().copied().chain(told).chain(lent).collect();
        all.into_iter().flat_map(|address| {
            let mut names: Vec<_> =
                self.names_of(address).into_iter().filter(|told| told.source.finds()).collect();
            if names.first().is_some_and(|told| told.source == Source::User) {
                names.truncate(1);
            }
            let mut met = BTreeSet::new();
            names.into_iter().filter(move |told| met.insert(told.name)).map(move |told| (address, told.name))
        })
    }

    /// Pairs of addresses that multicast DNS proves to be one host's: on a link a name is one host's (RFC 6762 section 9).
    pub fn twins(&self) -> impl Iterator<Item = (IpAddr, IpAddr)> {
        let mut first = HashMap::new();
        let told = self.told.iter().filter(|((_, source), _)| *source == Source::Mdns);
        let named =
            told.flat_map(|(&(address, _), series)| series.runs.iter().map(move |run| (address, run.name)));
        named.filter_map(move |(address, name)| {
            let known = *first.entry(name).or_insert(address);
            (known != address).then_some((known, address))
        })
    }

    /// Addresses and the MACs that they have for sure: told by ARP or DHCP, or by packets that no router forwards.
    pub fn macs(&self) -> impl Iterator<Item = (IpAddr, Mac)> {
        let lent = self.leases.values().filter_map(|lease| Some((lease.address?.0, lease.mac?)));
        self.macs.iter().copied().chain(lent)
    }
}

impl Series {
    /// Appends those of the next stretch.
    fn add(&mut self, later: Self, renamed: impl Fn(Run) -> Option<Run>) {
        if later.overflowed {
            *self = Self::default();
        }
        later.runs.into_iter().filter_map(renamed).for_each(|run| self.push(run));
        self.overflowed |= later.overflowed;
    }
}

impl Lease {
    /// What was told later counts.
    fn add(&mut self, later: Self) {
        self.name = later.name.or(self.name);
        self.address = later.address.or(self.address);
        self.mac = later.mac.or(self.mac);
    }
}

/// A name without its last dot, ASCII letters in lower case, escaped.
fn name_text(name: &Name<'_>) -> Vec<u8> {
    let mut text = Vec::new();
    name.text(&mut text);
    text.make_ascii_lowercase();
    text
}
