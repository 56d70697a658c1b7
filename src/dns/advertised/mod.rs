//! Where SRV records say services are: the endpoints that naming may call `advertised`.

mod full;
mod stored;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

use hashbrown::HashMap;

use super::{
    Data, Meaning, Message, Name, Origin, RecordType, Section, ServiceType, Via, life::Life,
    name::label_text, shares::Shares,
};
use crate::packet::{Share, Timestamp, TransportProtocol};

/// Endpoints learned from the SRV, A and AAAA records of a stretch of a capture.
///
/// Only responses teach: questions, known answers and probes do not, nor do port 0 (RFC 6763 section 8) and the target
/// `.` (RFC 2782). A record counts from its first sighting to the TTL of its last.
///
/// With hindsight all that was told counts for the whole capture, whatever ended it, and what two stretches taught,
/// [merged](Self::merge) in order, is what both together would have taught. A service and an address whose lives never
/// met name nothing.
/// Full tables let go of what is over, and no sender fills more than three quarters of one. A goodbye (RFC 6762 section 10.1) says
/// "until now": what is met in goodbyes alone holds for flows that began before the last of them, and only with what
/// else was known by then. Whoever knows only the past begins with [`Self::causal`]: goodbyes and the cache-flush bit
/// (section 10.2) end endpoints there, each on its interface.
#[derive(Clone, Debug, Default)]
pub struct Advertised {
    services: Vec<Service>,
    hosts: Vec<Host>,
    /// Index in `services` by owner, target and port; names without case.
    service_of: HashMap<Box<[u8]>, u32>,
    /// Index in `hosts` by name without case.
    host_of: HashMap<Box<[u8]>, u32>,
    /// Indexes in `services`, ascending.
    endpoints: HashMap<Endpoint, Vec<u32>>,
    /// A bit for the port of every endpoint: most flows need no look at the endpoints. Empty as long as they are.
    ports: Vec<u64>,
    dropped: u64,
    /// Places in `services` and in `hosts` by who told of them first.
    service_shares: Shares,
    host_shares: Shares,
    /// The latest time a message came.
    now: Option<Timestamp>,
    /// When it is worth a look what is over in a full table, and how often one was met since the last look.
    room_at: Option<Timestamp>,
    refused: usize,
    /// Indexes in `services` by owner, where only the past is known.
    of_owner: HashMap<Box<[u8]>, Vec<u32>>,
    /// Interface of the packet that is asked for, where only the past is known.
    interface: u32,
    /// Whether only the past is known.
    causal: bool,
    /// How much of the room there is by default the tables may take.
    share: Share,
    key: Vec<u8>,
}

/// Address, whether TCP, port.
type Endpoint = (IpAddr, bool, u16);

#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
struct Service {
    key: Box<[u8]>,
    name: Box<str>,
    /// The same as it was spelt first.
    spelt: Box<str>,
    kind: Box<str>,
    instance: Option<Box<str>>,
    host_text: Box<str>,
    host: u32,
    tcp: bool,
    port: u16,
    /// How its record came first, and who sent it.
    via: Via,
    sender: IpAddr,
    seen: Life,
}

#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
struct Host {
    name: Box<[u8]>,
    /// Who told of it first.
    sender: IpAddr,
    addresses: Vec<(IpAddr, Life)>,
    services: Vec<u32>,
}

/// One sighting of a record.
#[derive(Clone, Copy, Debug)]
struct Sight {
    origin: Origin,
    time: Option<Timestamp>,
    /// In seconds; 0 is a goodbye.
    ttl: u32,
}

/// Whose knowledge counts when an endpoint is looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// What is alive at this time.
    At(Timestamp),
    /// That of the whole capture.
    Hindsight {
        /// When the flow in question began, where that is known.
        began: Option<Timestamp>,
    },
}

/// What an SRV record says about an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advertisement<'a> {
    /// Service name without underscore, ASCII letters in lower case, escaped: `ipp`.
    pub name: &'a str,
    /// The same as it was first announced: `IPP`.
    pub spelt: &'a str,
    /// Service type, as it was first announced: `_ipp._tcp`.
    pub kind: &'a str,
    /// DNS-SD instance label, where the SRV record is of an instance; escaped.
    pub instance: Option<&'a str>,
    /// Host the record points to, escaped.
    pub host: &'a str,
    /// When the record was first seen.
    pub first: Option<Timestamp>,
    /// How it came then.
    pub via: Via,
}

impl Advertised {
    /// Most SRV records that are kept; what a limit keeps out is counted in [`Self::dropped`].
    pub const MAX_SERVICES: usize = 32_768;
    /// Most host names that are kept.
    pub const MAX_HOSTS: usize = 65_536;
    /// Most addresses kept of one host.
    pub const MAX_ADDRESSES: usize = 32;

    /// How long at least a record counts that did not come by multicast DNS, in seconds. A TTL of 0 means that it is for
    /// the transaction in progress (RFC 1035 section 3.2.1): the connection that follows within this time is that.
    pub const MIN_UNICAST_TTL: u32 = 10;

    /// Knows nothing yet, and will be asked with hindsight.
    pub fn new() -> Self {
        Self::default()
    }

    /// Knows nothing yet, and will be asked what holds at the moment; not to be merged.
    pub fn causal() -> Self {
        Self { causal: true, ..Self::default() }
    }

    /// Gives the tables this share of their room.
    pub(crate) fn within(self, share: Share) -> Self {
        Self { share, ..self }
    }

    fn most_services(&self) -> usize {
        self.share.of(Self::MAX_SERVICES)
    }

    fn most_hosts(&self) -> usize {
        self.share.of(Self::MAX_HOSTS)
    }

    /// Says which interface showed the packet that will be asked for at the moment.
    pub fn look_from(&mut self, interface: u32) {
        self.interface = interface;
    }

    /// Whether no endpoint is known, so that [`Self::lookup`] finds nothing.
    pub fn is_empty(&self) -> bool {
        self.endpoints.is_empty()
    }

    /// Records that a limit kept out.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Learns from one message that came this way at `time`.
    ///
    /// A TTL of 0 says goodbye in multicast DNS: the record ends one second later (RFC 6762 section 10.1), and with
    /// hindsight it is known to have lived until then. Elsewhere it
    /// forbids caching only, see [`Self::MIN_UNICAST_TTL`].
    pub fn observe(&mut self, origin: Origin, time: Option<Timestamp>, message: &Message<'_>) {
        if !message.is_response() || message.opcode() != 0 || message.rcode() != 0 {
            return;
        }
        self.now = self.now.max(time);
        let mdns = origin.via == Via::Mdns;
        let least = if mdns { 0 } else { Self::MIN_UNICAST_TTL };
        for record in message.records().filter(|record| record.class() == 1) {
            let sight = Sight { origin, time, ttl: record.ttl.max(least) };
            let data = record.data();
            match &data {
                Data::Srv { port, target, .. } if *port != 0 && !target.is_root() => {
                    self.learn_service(&record.name, *port, target, sight);
                }
                // Addresses in the authority section belong to name servers.
                Data::A(address) if record.section != Section::Authority => {
                    self.learn_address(&record.name, (*address).into(), sight);
                }
                Data::Aaaa(address) if record.section != Section::Authority => {
                    self.learn_address(&record.name, (*address).into(), sight);
                }
                _ => {}
            }
            if self.causal && mdns && record.flushes() && sight.ttl > 0 {
                self.flush(&record.name, record.kind, sight);
            }
        }
    }

    /// Ends older records of a name and type, whose place one of the message took.
    fn flush(&mut self, owner: &Name<'_>, kind: RecordType, sight: Sight) {
        self.key.clear();
        fold(owner, &mut self.key);
        let key = self.key.as_slice();
        if kind == RecordType::SRV {
            for &index in self.of_owner.get(key).into_iter().flatten() {
                self.services[index as usize].seen.flush(sight.origin, sight.time);
            }
        } else if let Some(&host) = self.host_of.get(key) {
            let same = |address: &IpAddr| match kind {
                RecordType::A => address.is_ipv4(),
                RecordType::AAAA => address.is_ipv6(),
                _ => false,
            };
            let addresses = &mut self.hosts[host as usize].addresses;
            for (_, seen) in addresses.iter_mut().filter(|(address, _)| same(address)) {
                seen.flush(sight.origin, sight.time);
            }
        }
    }

    fn learn_service(&mut self, owner: &Name<'_>, port: u16, target: &Name<'_>, sight: Sight) {
        let Some(service) = ServiceType::of(owner) else { return };
        let mut key = std::mem::take(&mut self.key);
        service_key(owner, target, port, &mut key);
        if let Some(&index) = self.service_of.get(key.as_slice()) {
            sight.note(&mut self.services[index as usize].seen);
        } else if !self.causal || sight.ttl > 0 {
            let host_key = key[owner.wire_len()..key.len() - 2].into();
            let mut texts = [Vec::new(), Vec::new(), Vec::new(), Vec::new()];
            label_text(&service.name.to_ascii_lowercase(), &mut texts[0]);
            label_text(service.name, &mut texts[1]);
            service.text(&mut texts[2]);
            target.text(&mut texts[3]);
            let instance = match Meaning::of(owner) {
                Meaning::Instance { label, .. } => {
                    let mut text = Vec::new();
                    crate::text::escape::terminal(label, &mut text);
                    Some(into_text(text))
                }
                _ => None,
            };
            let [name, spelt, kind, host_text] = texts.map(into_text);
            let key = key.as_slice().into();
            let (tcp, host, Origin { via, sender, .. }) = (service.tcp, 0, sight.origin);
            let mut seen = Life::default();
            sight.note(&mut seen);
            self.insert_service(
                Service { key, name, spelt, kind, instance, host_text, host, tcp, port, via, sender, seen },
                host_key,
            );
        }
        self.key = key;
    }

    fn insert_service(&mut self, mut service: Service, host_key: Box<[u8]>) {
        if self.services.len() >= self.most_services() {
            self.let_go();
        }
        if self.services.len() >= self.most_services()
            || !self.service_shares.may_take(service.sender, 1, self.most_services())
        {
            self.dropped += 1;
            return;
        }
        let Some(host) = self.host(host_key, service.sender) else { return };
        self.service_shares.take(service.sender, 1);
        let index = self.services.len() as u32;
        service.host = host;
        let (tcp, port) = (service.tcp, service.port);
        if self.causal
            && let Some(owner) = Name::read(&service.key, 0).ok().and_then(|(_, end)| service.key.get(..end))
        {
            self.of_owner.entry(owner.into()).or_default().push(index);
        }
        self.service_of.insert(service.key.clone(), index);
        self.services.push(service);
        let host = &mut self.hosts[host as usize];
        host.services.push(index);
        for (address, _) in &host.addresses {
            // The newest index is the largest.
            note_port(&mut self.ports, port);
            self.endpoints.entry((*address, tcp, port)).or_default().push(index);
        }
    }

    fn learn_address(&mut self, name: &Name<'_>, address: IpAddr, sight: Sight) {
        let mut key = std::mem::take(&mut self.key);
        key.clear();
        fold(name, &mut key);
        let host = match self.host_of.get(key.as_slice()) {
            Some(&host) => Some(host),
            None if self.causal && sight.ttl == 0 => None,
            None => self.host(key.as_slice().into(), sight.origin.sender),
        };
        self.key = key;
        let Some(host) = host else { return };
        let known = self.hosts[host as usize].addresses.iter_mut().find(|(known, _)| *known == address);
        if let Some((_, seen)) = known {
            sight.note(seen);
        } else if !self.causal || sight.ttl > 0 {
            let mut seen = Life::default();
            sight.note(&mut seen);
            self.insert_address(host, address, seen);
        }
    }

    fn insert_address(&mut self, host: u32, address: IpAddr, seen: Life) {
        let host = &mut self.hosts[host as usize];
        if let Some((_, known)) = host.addresses.iter_mut().find(|(known, _)| *known == address) {
            known.merge(&seen);
            return;
        }
        if host.addresses.len() >= Self::MAX_ADDRESSES {
            self.dropped += 1;
            return;
        }
        host.addresses.push((address, seen));
        for &index in &host.services {
            let service = &self.services[index as usize];
            note_port(&mut self.ports, service.port);
            let known = self.endpoints.entry((address, service.tcp, service.port)).or_default();
            if let Err(at) = known.binary_search(&index) {
                known.insert(at, index);
            }
        }
    }

    /// The index of a host, which is made if there is room.
    fn host(&mut self, name: Box<[u8]>, sender: IpAddr) -> Option<u32> {
        if let Some(&host) = self.host_of.get(&name) {
            return Some(host);
        }
        if self.hosts.len() >= self.most_hosts() {
            self.let_go();
        }
        if self.hosts.len() >= self.most_hosts() || !self.host_shares.may_take(sender, 1, self.most_hosts()) {
            self.dropped += 1;
            return None;
        }
        self.host_shares.take(sender, 1);
        let index = self.hosts.len() as u32;
        self.host_of.insert(name.clone(), index);
        self.hosts.push(Host { name, sender, addresses: Vec::new(), services: Vec::new() });
        Some(index)
    }

    /// Every address that was told, but for those met in goodbyes alone, with the name of its host (ASCII letters in
    /// lower case, escaped), in the order first seen.
    #[cfg(test)]
    pub(crate) fn host_names(&self) -> impl Iterator<Item = (IpAddr, String)> {
        self.hosts.iter().flat_map(|host| {
            let mut text = Vec::new();
            if let Some(name) = Name::from_wire(&host.name) {
                name.text(&mut text);
            }
            let text = String::from_utf8_lossy(&text).trim_end_matches('.').to_owned();
            let told = host.addresses.iter().filter(|(_, seen)| seen.was_told());
            told.map(move |(address, _)| (*address, text.clone()))
        })
    }

    /// Adds what the next stretch of the capture taught.
    pub fn merge(&mut self, later: Self) {
        self.dropped += later.dropped;
        self.now = self.now.max(later.now);
        // Hosts first and in order, so that the limits keep the same ones as in a single run.
        for host in &later.hosts {
            if let Some(index) = self.host(host.name.clone(), host.sender) {
                for (address, seen) in &host.addresses {
                    self.insert_address(index, *address, seen.clone());
                }
            }
        }
        for service in later.services {
            match self.service_of.get(&service.key) {
                Some(&index) => self.services[index as usize].seen.merge(&service.seen),
                None => {
                    let host_key = later.hosts[service.host as usize].name.clone();
                    self.insert_service(service, host_key);
                }
            }
        }
    }

    /// What is known about the service at this endpoint: the record that was seen first, among those that count at
    /// this moment.
    ///
    /// `_udp` covers every protocol but TCP (RFC 6763 section 7).
    pub fn lookup(
        &self,
        address: IpAddr,
        protocol: TransportProtocol,
        port: u16,
        moment: Moment,
    ) -> Option<Advertisement<'_>> {
        self.lookup_all(address, protocol, port, moment).next()
    }

    /// Whether any endpoint with this port was ever learned.
    #[inline]
    pub fn may_name(&self, port: u16) -> bool {
        self.ports.get(usize::from(port / 64)).is_some_and(|ports| ports >> (port % 64) & 1 != 0)
    }

    /// All that [`Self::lookup`] chooses from, in the order first seen.
    fn lookup_all(
        &self,
        address: IpAddr,
        protocol: TransportProtocol,
        port: u16,
        moment: Moment,
    ) -> impl Iterator<Item = Advertisement<'_>> {
        let tcp = protocol == TransportProtocol::TCP;
        let known = if self.may_name(port) { self.endpoints.get(&(address, tcp, port)) } else { None };
        let services = known.into_iter().flatten().map(|&index| &self.services[index as usize]);
        let alive = move |service: &&Service| {
            let mut addresses = self.hosts[service.host as usize].addresses.iter();
            let host = addresses.find(|(known, _)| *known == address);
            host.is_some_and(|(_, host)| match moment {
                Moment::At(at) => service.seen.covers(at, self.interface) && host.covers(at, self.interface),
                Moment::Hindsight { began } => service.seen.meets(host, began),
            })
        };
        services.filter(alive).map(|service| Advertisement {
            name: &service.name,
            spelt: &service.spelt,
            kind: &service.kind,
            instance: service.instance.as_deref(),
            host: &service.host_text,
            first: service.seen.first(),
            via: service.via,
        })
    }
}

impl Sight {
    fn note(self, seen: &mut Life) {
        if self.ttl == 0 {
            seen.goodbye(self.origin, self.time);
        } else {
            seen.see(self.origin, self.time, self.ttl);
        }
    }
}

/// What tells a service from others: owner, target and port.
fn service_key(owner: &Name<'_>, target: &Name<'_>, port: u16, key: &mut Vec<u8>) {
    key.clear();
    for name in [owner, target] {
        fold(name, key);
    }
    key.extend(port.to_be_bytes());
}

fn note_port(ports: &mut Vec<u64>, port: u16) {
    ports.resize(1 << 10, 0);
    ports[usize::from(port / 64)] |= 1 << (port % 64);
}

/// Appends a name without compression and without ASCII case.
fn fold(name: &Name<'_>, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(name.expand(&mut [0; Name::MAX_LEN]));
    // Length octets are at most 63, below every letter.
    out[start..].make_ascii_lowercase();
}

fn into_text(escaped: Vec<u8>) -> Box<str> {
    String::from_utf8_lossy(&escaped).into()
}
