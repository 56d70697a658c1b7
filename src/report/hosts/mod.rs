//! `hosts`: one record per host: its addresses, names, MACs, and the services it offers and uses.

pub mod fields;
mod write;

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    net::IpAddr,
};

use hashbrown::HashMap;

#[cfg(feature = "html")]
pub(super) use self::write::mac_text;
use crate::{
    flow::{FiveTuple, Tally},
    hosts::{Mac, Oui, Source, is_host},
    knowledge::{Answers, Knowledge, Options},
    naming::{self, Evidence, Side, State, label::Label},
    packet::Timestamp,
    registry::Registry,
    report::{Format, Report},
};

/// Of a MAC that has more IPv4 addresses than this, a router or a proxy that answers for others is the likelier owner.
const MAX_OF_A_MAC: usize = 4;

/// What `hosts` shows, and how.
#[derive(Clone, Debug, Default)]
pub struct HostsOptions {
    /// Show no names of hosts.
    pub numeric: bool,
    /// Who made which adapters.
    pub oui: Option<Oui>,
    /// Width of the terminal in columns, to which tables are wrapped.
    pub width: Option<u16>,
}

/// The report: a table, one JSON object (`portolan/hosts/1`), or CSV.
#[derive(Debug, Default)]
pub struct HostList {
    options: HostsOptions,
    addresses: BTreeMap<IpAddr, Seen>,
    /// Addresses that packets went to as to a group.
    groups: BTreeSet<IpAddr>,
    /// Addresses that are one host's.
    joined: BTreeSet<(IpAddr, IpAddr)>,
}

/// What is known of an address.
#[derive(Debug, Default)]
struct Seen {
    tally: Tally,
    /// Whether it sent anything.
    sent: bool,
    macs: BTreeSet<Mac>,
    names: Vec<Name>,
    offers: BTreeMap<Service, Peers>,
    uses: BTreeMap<Service, Peers>,
}

/// A name of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) name: String,
    pub(super) source: Source,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
}

/// A service, from one side or the other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Service {
    pub(super) port: u16,
    pub(super) transport: String,
    pub(super) name: Option<String>,
    pub(super) evidence: Evidence,
}

/// Who is at the other side, and the best that came of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Peers {
    pub(super) addresses: BTreeSet<IpAddr>,
    pub(super) state: Option<State>,
}

/// A record: one host.
#[derive(Debug, Default)]
pub(super) struct Host<'r> {
    pub(super) addresses: Vec<IpAddr>,
    pub(super) macs: BTreeSet<Mac>,
    pub(super) vendor: Option<&'r str>,
    pub(super) names: Vec<Name>,
    pub(super) offers: BTreeMap<&'r Service, Peers>,
    pub(super) uses: BTreeMap<&'r Service, Peers>,
    pub(super) tally: Tally,
}

impl HostList {
    /// A report that shows this.
    pub fn new(options: HostsOptions) -> Self {
        Self { options, ..Self::default() }
    }

    fn count(&mut self, tuple: &FiveTuple<'_>, label: Option<(&Label, Side)>) {
        let total = tuple.total();
        let ends = [tuple.key.low().0, tuple.key.high().0];
        let group = naming::group(tuple);
        for (place, &address) in ends.iter().enumerate().filter(|(_, address)| is_host(**address)) {
            let seen = self.addresses.entry(address).or_default();
            // A host that speaks to itself has one tally for both.
            if place == 0 || ends[0] != ends[1] {
                seen.tally.then(&total);
            }
            seen.sent |= total.packets[place] > 0;
            if group == Some([Side::Low, Side::High][place]) {
                self.groups.insert(address);
            }
        }
        let Some((label, side)) = label else { return };
        let Some((port, transport)) = label.port.zip(label.transport.as_deref()) else { return };
        let service = Service {
            port,
            transport: transport.to_owned(),
            name: label.name.clone(),
            evidence: label.evidence.unwrap_or(Evidence::None),
        };
        let [low, high] = ends;
        if let (Some(State::Group), Some(group)) = (label.state, group) {
            // A group neither asks nor serves: whoever speaks to it does.
            let (sender, group) = if group == Side::Low { (high, low) } else { (low, high) };
            self.note(sender, group, side == Side::Both, &service, label.state);
            return;
        }
        for (server, client, serves) in
            [(low, high, [Side::Low, Side::Both]), (high, low, [Side::High, Side::Both])]
        {
            if serves.contains(&side) {
                self.note_use(client, server, &service, label.state);
                if matches!(label.state, Some(State::Established | State::Answered)) {
                    self.note_offer(server, Some(client), &service, label.state);
                }
            }
        }
    }

    /// Notes that somebody speaks to a group, and serves its peers there.
    fn note(&mut self, sender: IpAddr, group: IpAddr, serves: bool, service: &Service, state: Option<State>) {
        self.note_use(sender, group, service, state);
        if serves {
            self.note_offer(sender, None, service, state);
        }
    }

    fn note_use(&mut self, client: IpAddr, server: IpAddr, service: &Service, state: Option<State>) {
        if let Some(seen) = self.addresses.get_mut(&client) {
            seen.uses.entry(service.clone()).or_default().add(Some(server), state);
        }
    }

    fn note_offer(
        &mut self,
        server: IpAddr,
        client: Option<IpAddr>,
        service: &Service,
        state: Option<State>,
    ) {
        if let Some(seen) = self.addresses.get_mut(&server) {
            seen.offers.entry(service.clone()).or_default().add(client, state);
        }
    }

    /// Takes in names and MACs, and what proves that addresses belong together.
    fn learn(&mut self, knowledge: &Knowledge) {
        let Some(known) = knowledge.hosts() else { return };
        let mut of_mac: BTreeMap<Mac, BTreeSet<IpAddr>> = BTreeMap::new();
        for (address, mac) in known.macs() {
            of_mac.entry(mac).or_default().insert(address);
        }
        for (mac, addresses) in of_mac {
            let is_v4 = |address: &&IpAddr| matches!(address, IpAddr::V4(v4) if !v4.is_link_local());
            if addresses.iter().filter(is_v4).count() > MAX_OF_A_MAC {
                continue;
            }
            for &address in &addresses {
                self.addresses.entry(address).or_default().macs.insert(mac);
            }
            let first = addresses.iter().next().copied();
            self.joined.extend(
                first.into_iter().flat_map(|first| addresses.iter().map(move |&other| (first, other))),
            );
        }
        for (one, other) in known.twins() {
            if self.addresses.contains_key(&one) || self.addresses.contains_key(&other) {
                self.addresses.entry(one).or_default();
                self.addresses.entry(other).or_default();
                self.joined.insert((one, other));
            }
        }
        for (&address, seen) in self.addresses.iter_mut().filter(|_| !self.options.numeric) {
            add_names(
                &mut seen.names,
                known.names_of(address).into_iter().map(|told| Name {
                    name: told.name.to_owned(),
                    source: told.source,
                    first: told.first,
                    last: told.last,
                }),
            );
        }
    }

    /// The records, those with most octets first.
    pub(super) fn hosts(&self) -> Vec<Host<'_>> {
        let is_shown = |address: &IpAddr, seen: &Seen| seen.sent || !self.groups.contains(address);
        let mut roots: HashMap<IpAddr, IpAddr> = HashMap::new();
        for &(one, other) in &self.joined {
            let (one, other) = (root(&roots, one), root(&roots, other));
            if one != other {
                // The lower one stands for both, so that paths end.
                roots.insert(one.max(other), one.min(other));
            }
        }
        let mut hosts: BTreeMap<IpAddr, Host<'_>> = BTreeMap::new();
        for (&address, seen) in self.addresses.iter().filter(|(address, seen)| is_shown(address, seen)) {
            let host = hosts.entry(root(&roots, address)).or_default();
            host.addresses.push(address);
            host.macs.extend(&seen.macs);
            add_names(&mut host.names, seen.names.iter().cloned());
            host.tally.then(&seen.tally);
            for (all, more) in [(&mut host.offers, &seen.offers), (&mut host.uses, &seen.uses)] {
                for (service, peers) in more {
                    let known = all.entry(service).or_default();
                    known.addresses.extend(&peers.addresses);
                    known.add(None, peers.state);
                }
            }
        }
        let mut hosts: Vec<_> = hosts.into_values().collect();
        if let Some(oui) = &self.options.oui {
            for host in &mut hosts {
                host.vendor = host.macs.iter().find_map(|&mac| oui.maker(mac));
            }
        }
        hosts.sort_by(|a, b| {
            let more = b.tally.all_octets().cmp(&a.tally.all_octets());
            more.then_with(|| a.addresses.cmp(&b.addresses))
        });
        hosts
    }
}

/// The address that stands for all that are joined with this one.
fn root(roots: &HashMap<IpAddr, IpAddr>, mut address: IpAddr) -> IpAddr {
    while let Some(&lower) = roots.get(&address) {
        address = lower;
    }
    address
}

/// Adds names, those of the same source once.
fn add_names(all: &mut Vec<Name>, more: impl Iterator<Item = Name>) {
    for name in more {
        match all.iter_mut().find(|known| known.name == name.name && known.source == name.source) {
            Some(known) => {
                known.first = known.first.zip(name.first).map(|(a, b)| a.min(b));
                known.last = known.last.max(name.last);
            }
            None => all.push(name),
        }
    }
    all.sort_by_key(|name| name.source);
}

impl Peers {
    fn add(&mut self, address: Option<IpAddr>, state: Option<State>) {
        self.addresses.extend(address);
        let rank = |state: State| State::ALL.iter().position(|&known| known == state);
        self.state = [self.state, state].into_iter().flatten().min_by_key(|&state| rank(state));
    }
}

impl Service {
    fn key(&self) -> String {
        match &self.name {
            Some(name) => format!("{name}/{}", self.transport),
            None => format!("{}/{}", self.port, self.transport),
        }
    }
}

impl Report for HostList {
    fn needs(&self) -> Options {
        Options { hosts: true, ..Options::default() }
    }

    fn add(&mut self, knowledge: &mut Knowledge, answers: &Answers, _registry: &Registry) {
        for tuple in knowledge.flows().five_tuples() {
            let known = answers.get(tuple.id);
            self.count(&tuple, known.map(|known| (answers.labels().label(known.label), known.side)));
        }
        self.learn(knowledge);
    }

    fn write(&self, registry: &Registry, format: Format, out: &mut dyn io::Write) -> io::Result<()> {
        let hosts = self.hosts();
        match format {
            Format::Table => write::table(&hosts, self.options.width, out),
            Format::Json => write::json(&hosts, registry.updated(), out),
            Format::Csv => write::csv(&hosts, out),
        }
    }
}
