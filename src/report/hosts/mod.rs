//! `hosts`: one record per host: its addresses, names, MACs, and the services it offers and uses.

pub mod fields;
mod stream;
mod write;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    io,
    net::IpAddr,
    sync::Arc,
};

use hashbrown::{HashMap, HashSet};

pub use self::stream::HostStream;
pub(super) use self::write::mac_text;
pub(super) use self::write::{called, record, sides};
#[cfg(feature = "parquet")]
use crate::{
    columns::{Origin, Table, TreeTable},
    text::field::distinct,
};
use crate::{
    flow::{FiveTuple, Tally},
    hosts::{Hosts, Mac, Oui, is_host},
    knowledge::{Answers, Knowledge, Named, Options, ToldFrom},
    naming::{self, Evidence, Side, State, label::Label},
    packet::Timestamp,
    places::{Location, Places},
    processes::Held,
    registry::Registry,
    report::{Format, Report},
    select::{Choice, Schema, Trees},
    text::Moments,
};

/// What can be shown of a host, by the names of the columns.
pub const COLUMNS: [&str; 14] = [
    "addresses",
    "macs",
    "vendor",
    "names",
    "offers",
    "uses",
    "first",
    "last",
    "packets",
    "bytes",
    "geo_country_iso_code",
    "as_number",
    "as_organization_name",
    "processes",
];

/// The member of a record that a column is of.
fn member(column: usize) -> &'static str {
    match COLUMNS[column] {
        "geo_country_iso_code" => "geo",
        "as_number" | "as_organization_name" => "as",
        name => name,
    }
}

/// The fields of hosts.
pub fn schema() -> Schema<Trees> {
    Schema::of_tree(&fields::HOST).short(&[("name", "names.name"), ("address", "addresses")])
}

/// Of a MAC that has more IPv4 addresses than this, a router or a proxy that answers for others is the likelier owner.
const MAX_OF_A_MAC: usize = 4;

/// Most names that clients asked for, kept of an address: those of a host of many are only examples.
const MAX_ASKED: usize = 64;
/// Most programs that are kept of an address.
const MAX_PROGRAMS: usize = 256;

/// What `hosts` shows, and how.
#[derive(Clone, Debug, Default)]
pub struct HostsOptions {
    /// Show no names of hosts.
    pub numeric: bool,
    /// Who made which adapters.
    pub oui: Option<Oui>,
    /// Where addresses are.
    pub places: Option<Arc<Places>>,
    /// Whether it is told which programs of this host own its ends.
    pub processes: bool,
    /// Which hosts are shown, in which order, and which of their [`COLUMNS`].
    pub choice: Choice<Trees>,
    /// Width of the terminal in columns, to which tables are wrapped.
    pub width: Option<u16>,
    /// Whether tables have rounded figures with units: for people.
    pub rounded: bool,
    /// How tables show times.
    pub times: Moments,
}

impl HostsOptions {
    /// The columns where none are chosen.
    fn columns(&self) -> &'static [usize] {
        match (self.places.is_some(), self.processes) {
            (true, true) => &write::ALL,
            (true, false) => &write::ALL[..13],
            (false, true) => &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 13],
            (false, false) => &write::ALL[..10],
        }
    }
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
    /// Only these are taken in, where there are any.
    only: Option<HashSet<IpAddr>>,
}

/// What is known of an address.
#[derive(Debug, Default)]
struct Seen {
    tally: Tally,
    /// Whether it sent anything.
    sent: bool,
    macs: BTreeSet<Mac>,
    names: Vec<Name>,
    /// What clients asked it for by name, and when.
    asked: BTreeMap<(ToldFrom, String), Tally>,
    offers: BTreeMap<Service, Peers>,
    uses: BTreeMap<Service, Peers>,
    /// Names of the programs that own its ends.
    programs: BTreeSet<Box<str>>,
}

/// A name of a host, or one that a client asked it for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::report) struct Name {
    pub(super) name: String,
    pub(super) source: ToldFrom,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
}

/// A service, from one side or the other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Service {
    pub(super) port: u16,
    pub(super) transport: String,
    pub(super) name: Option<String>,
}

/// Who is at the other side, the best that came of it, and the strongest evidence of its name.
#[derive(Clone, Debug, Default)]
pub(super) struct Peers {
    pub(super) addresses: BTreeSet<IpAddr>,
    pub(super) state: Option<State>,
    pub(super) evidence: Option<Evidence>,
}

/// A record: one host.
#[derive(Clone, Debug, Default)]
pub(super) struct Host<'r> {
    pub(super) addresses: Vec<IpAddr>,
    pub(super) macs: BTreeSet<Mac>,
    pub(super) vendor: Option<&'r str>,
    /// Where the first of its addresses is that a file knows.
    pub(super) place: Option<Location>,
    pub(super) names: Vec<Name>,
    pub(super) offers: BTreeMap<&'r Service, Peers>,
    pub(super) uses: BTreeMap<&'r Service, Peers>,
    pub(super) programs: BTreeSet<&'r str>,
    pub(super) tally: Tally,
}

impl Name {
    /// Whether it is only what clients asked for: a server has as many of those as it serves, and its host is none of them.
    pub(in crate::report) fn was_asked_for(&self) -> bool {
        matches!(self.source, ToldFrom::Client(_))
    }
}

impl HostList {
    /// A report that shows this.
    pub fn new(options: HostsOptions) -> Self {
        Self { options, ..Self::default() }
    }

    fn count(&mut self, tuple: &FiveTuple<'_>, label: Option<(&Label, Side)>) {
        let total = tuple.total();
        let ends = [tuple.key.low().0, tuple.key.high().0];
        if !ends.iter().any(|end| self.wants(end)) {
            return;
        }
        let group = naming::group(tuple);
        let is_seen = |address: &IpAddr| is_host(*address) && is_among(self.only.as_ref(), address);
        for (place, &address) in ends.iter().enumerate().filter(|(_, address)| is_seen(address)) {
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
        let service = Service { port, transport: transport.to_owned(), name: label.name.clone() };
        let met = |peer| Peers {
            addresses: Option::into_iter(peer).collect(),
            state: label.state,
            evidence: label.evidence,
        };
        let [low, high] = ends;
        if let (Some(State::Group), Some(group)) = (label.state, group) {
            // A group neither asks nor serves: whoever speaks to it does.
            let (sender, group) = if group == Side::Low { (high, low) } else { (low, high) };
            self.note_use(sender, &service, met(Some(group)));
            if side == Side::Both {
                self.note_offer(sender, &service, met(None));
            }
            return;
        }
        for (server, client, own) in [(low, high, Side::Low), (high, low, Side::High)] {
            if side == own || side == Side::Both {
                self.note_use(client, &service, met(Some(server)));
                // Whose question went to a group, or was not captured, is heard all the same.
                let is_heard = total.packets[usize::from(own == Side::High)] > 0;
                let is_refusal = label.state == Some(State::Refused);
                if label.state.is_some_and(State::is_served) || is_heard && !is_refusal {
                    self.note_offer(server, &service, met(Some(client)));
                }
            }
        }
    }

    /// Notes the name that a client asked a server for, and got an answer.
    fn note_asked(&mut self, tuple: &FiveTuple<'_>, side: Side, named: Named<'_>) {
        let (address, name) = match side {
            Side::Low => (tuple.key.low().0, named.low),
            Side::High => (tuple.key.high().0, named.high),
            Side::Both | Side::Neither => return,
        };
        let told = named.source.filter(|source| matches!(source, ToldFrom::Client(_)));
        let (Some(name), Some(source)) = (name, told) else { return };
        let Some(seen) = self.addresses.get_mut(&address) else { return };
        let key = (source, name.to_owned());
        if seen.asked.len() < MAX_ASKED || seen.asked.contains_key(&key) {
            seen.asked.entry(key).or_default().then(&tuple.total());
        }
    }

    /// Notes which programs of this host own the ends.
    fn note_programs(&mut self, tuple: &FiveTuple<'_>, held: [Option<&Held>; 2]) {
        for (end, held) in [tuple.key.low().0, tuple.key.high().0].iter().zip(held) {
            let owner = held.and_then(|held| held.owner.as_ref());
            if let (Some(owner), Some(seen)) = (owner, self.addresses.get_mut(end))
                && seen.programs.len() < MAX_PROGRAMS
                && !seen.programs.contains(&owner.name)
            {
                seen.programs.insert(owner.name.clone());
            }
        }
    }

    fn note_use(&mut self, client: IpAddr, service: &Service, met: Peers) {
        if let Some(seen) = self.addresses.get_mut(&client) {
            seen.uses.entry(service.clone()).or_default().add(&met);
        }
    }

    fn note_offer(&mut self, server: IpAddr, service: &Service, met: Peers) {
        if let Some(seen) = self.addresses.get_mut(&server) {
            seen.offers.entry(service.clone()).or_default().add(&met);
        }
    }

    /// Whether an address is taken in.
    fn wants(&self, address: &IpAddr) -> bool {
        is_among(self.only.as_ref(), address)
    }

    /// Takes in the hosts with most octets, so many; and how many there are. What is gathered of the others is no more than
    /// their octets.
    pub(super) fn foremost(knowledge: &Knowledge, answers: &Answers, most: usize) -> (Self, usize) {
        let mut amounts: HashMap<IpAddr, Amount> = HashMap::new();
        for tuple in knowledge.flows().five_tuples() {
            let (total, group) = (tuple.total(), naming::group(&tuple));
            let ends = [(tuple.key.low().0, Side::Low), (tuple.key.high().0, Side::High)];
            for (place, (address, side)) in ends.into_iter().enumerate().filter(|(_, end)| is_host(end.0)) {
                let amount = amounts.entry(address).or_default();
                // A host that speaks to itself has one tally for both.
                amount.octets += if place == 0 || ends[0].0 != ends[1].0 { total.all_octets() } else { 0 };
                amount.sent |= total.packets[place] > 0;
                amount.is_group |= group == Some(side);
            }
        }
        let mut list = Self::default();
        if let Some(known) = knowledge.hosts() {
            list.join(known, |address| amounts.contains_key(address));
        }
        // Those that only ARP or a name tells of.
        list.addresses.keys().for_each(|&address| _ = amounts.entry(address).or_default());
        let roots = roots(&list.joined);
        let mut hosts: HashMap<IpAddr, u64> = HashMap::new();
        // A group is none, whatever was sent to it.
        for (&address, amount) in amounts.iter().filter(|(_, amount)| amount.sent || !amount.is_group) {
            *hosts.entry(root(&roots, address)).or_default() += amount.octets;
        }
        let all = hosts.len();
        let mut largest: Vec<_> = hosts.into_iter().map(|(root, octets)| (Reverse(octets), root)).collect();
        if largest.len() > most {
            largest.select_nth_unstable(most);
            largest.truncate(most);
        }
        let largest: HashSet<_> = largest.into_iter().map(|(_, root)| root).collect();
        let is_shown = |address: &IpAddr| largest.contains(&root(&roots, *address));
        let only = amounts.keys().copied().filter(is_shown).collect();
        let mut list = Self { only: Some(only), ..Self::default() };
        list.take(knowledge, answers);
        (list, all)
    }

    /// Takes in what is known.
    pub(super) fn take(&mut self, knowledge: &Knowledge, answers: &Answers) {
        for tuple in knowledge.flows().five_tuples() {
            let known = answers.get(tuple.id);
            let known = known.map(|known| (answers.labels().label(known.label), known.side));
            self.count(&tuple, known);
            if let (Some((label, side)), Some(named)) = (known, answers.named(tuple.id))
                && label.state.is_some_and(State::is_served)
                && !self.options.numeric
            {
                self.note_asked(&tuple, side, named);
            }
            self.note_programs(&tuple, answers.held(tuple.id));
        }
        self.learn(knowledge);
    }

    /// Takes in names and MACs, and what proves that addresses belong together.
    fn learn(&mut self, knowledge: &Knowledge) {
        let Some(known) = knowledge.hosts() else { return };
        self.join(known, |_| false);
        for (&address, seen) in self.addresses.iter_mut().filter(|_| !self.options.numeric) {
            add_names(
                &mut seen.names,
                known.names_of(address).into_iter().map(|told| Name {
                    name: told.name.to_owned(),
                    source: ToldFrom::Host(told.source),
                    first: told.first,
                    last: told.last,
                }),
            );
            let asked = seen.asked.iter().map(|((source, name), tally)| Name {
                name: name.clone(),
                source: *source,
                first: tally.first().map(Timestamp),
                last: tally.last().map(Timestamp),
            });
            add_names(&mut seen.names, asked);
        }
    }

    /// Takes in MACs, and what proves that addresses belong together.
    fn join(&mut self, known: &Hosts, is_met: impl Fn(&IpAddr) -> bool) {
        let mut of_mac: BTreeMap<Mac, BTreeSet<IpAddr>> = BTreeMap::new();
        for (address, mac) in known.macs() {
            of_mac.entry(mac).or_default().insert(address);
        }
        for (mac, addresses) in of_mac {
            let is_v4 = |address: &&IpAddr| matches!(address, IpAddr::V4(v4) if !v4.is_link_local());
            if addresses.iter().filter(is_v4).count() > MAX_OF_A_MAC {
                continue;
            }
            for &address in addresses.iter().filter(|address| is_among(self.only.as_ref(), address)) {
                self.addresses.entry(address).or_default().macs.insert(mac);
            }
            let first = addresses.iter().next().copied();
            self.joined.extend(
                first.into_iter().flat_map(|first| addresses.iter().map(move |&other| (first, other))),
            );
        }
        for (one, other) in known.twins() {
            if [one, other].iter().any(|end| self.addresses.contains_key(end) || is_met(end)) {
                for end in [one, other].into_iter().filter(|end| is_among(self.only.as_ref(), end)) {
                    self.addresses.entry(end).or_default();
                }
                self.joined.insert((one, other));
            }
        }
    }

    /// The records that are shown.
    fn chosen(&self) -> Vec<Host<'_>> {
        let (hosts, choice) = (self.hosts(), &self.options.choice);
        if choice.is_all() {
            return hosts;
        }
        let rows = hosts.into_iter().map(|host| {
            let tree = write::tree(&host);
            (host, tree)
        });
        choice.of(rows.collect(), |(_, tree)| tree).into_iter().map(|(host, _)| host).collect()
    }

    /// The records, those with most octets first.
    pub(super) fn hosts(&self) -> Vec<Host<'_>> {
        let is_shown = |address: &IpAddr, seen: &Seen| seen.sent || !self.groups.contains(address);
        let roots = roots(&self.joined);
        let mut hosts: BTreeMap<IpAddr, Host<'_>> = BTreeMap::new();
        for (&address, seen) in self.addresses.iter().filter(|(address, seen)| is_shown(address, seen)) {
            let host = hosts.entry(root(&roots, address)).or_default();
            host.addresses.push(address);
            host.macs.extend(&seen.macs);
            add_names(&mut host.names, seen.names.iter().cloned());
            host.tally.then(&seen.tally);
            host.programs.extend(seen.programs.iter().map(|name| &**name));
            for (all, more) in [(&mut host.offers, &seen.offers), (&mut host.uses, &seen.uses)] {
                for (service, peers) in more {
                    all.entry(service).or_default().add(peers);
                }
            }
        }
        let mut hosts: Vec<_> = hosts.into_values().collect();
        if let Some(oui) = &self.options.oui {
            for host in &mut hosts {
                host.vendor = host.macs.iter().find_map(|&mac| oui.maker(mac));
            }
        }
        if let Some(places) = &self.options.places {
            for host in &mut hosts {
                let known = host.addresses.iter().map(|&address| places.of(address));
                host.place = known.into_iter().find(|place| *place != Location::default());
            }
        }
        hosts.sort_by(|a, b| {
            let more = b.tally.all_octets().cmp(&a.tally.all_octets());
            more.then_with(|| a.addresses.cmp(&b.addresses))
        });
        hosts
    }
}

/// How much was met of an address.
#[derive(Clone, Copy, Debug, Default)]
struct Amount {
    octets: u64,
    /// Whether it sent anything.
    sent: bool,
    /// Whether packets went to it as to a group.
    is_group: bool,
}

/// Whether an address is one of these, where only these are asked for.
fn is_among(only: Option<&HashSet<IpAddr>>, address: &IpAddr) -> bool {
    only.is_none_or(|only| only.contains(address))
}

/// The addresses that stand for others they are joined with.
fn roots(joined: &BTreeSet<(IpAddr, IpAddr)>) -> HashMap<IpAddr, IpAddr> {
    let mut roots: HashMap<IpAddr, IpAddr> = HashMap::new();
    for &(one, other) in joined {
        let (one, other) = (root(&roots, one), root(&roots, other));
        if one != other {
            // The lower one stands for both, so that paths end.
            roots.insert(one.max(other), one.min(other));
        }
    }
    roots
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
    fn add(&mut self, more: &Self) {
        self.addresses.extend(&more.addresses);
        let rank = |state: State| State::ALL.iter().position(|&known| known == state);
        self.state = [self.state, more.state].into_iter().flatten().min_by_key(|&state| rank(state));
        self.evidence = [self.evidence, more.evidence].into_iter().flatten().min();
    }

    pub(super) fn evidence(&self) -> Evidence {
        self.evidence.unwrap_or(Evidence::None)
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
        Options { hosts: true, domains: true, ..Options::default() }
    }

    fn add(&mut self, knowledge: &mut Knowledge, answers: &Answers, _registry: &Registry) {
        self.options.times.begin(knowledge.span().first());
        self.take(knowledge, answers);
    }

    fn write(&self, registry: &Registry, format: Format, out: &mut dyn io::Write) -> io::Result<()> {
        let (hosts, columns) = (self.chosen(), self.options.choice.columns.as_deref());
        match (format, columns) {
            (Format::Table, None) => write::table(&hosts, &self.options, out),
            (Format::Table, Some(columns)) => write::columns(&hosts, columns, &self.options, out),
            (Format::Json, _) => write::json(&hosts, columns, registry.updated(), out),
            (Format::Csv, _) => write::csv(&hosts, columns.unwrap_or(self.options.columns()), out),
        }
    }
}

#[cfg(feature = "parquet")]
impl crate::report::Columnar for HostList {
    fn table(&self, _registry: &Registry, origin: &Origin) -> io::Result<Table> {
        let columns = self.options.choice.columns.as_deref().map(distinct);
        let columns = columns.as_deref().unwrap_or(self.options.columns());
        let named = columns
            .iter()
            .filter_map(|&column| fields::HOST.iter().find(|field| field.column() == COLUMNS[column]));
        let mut rows = TreeTable::new(named.map(|field| (field.path.to_owned(), field)).collect(), origin);
        self.chosen().iter().try_for_each(|host| rows.row(&write::tree(host)))?;
        rows.finish()
    }
}
