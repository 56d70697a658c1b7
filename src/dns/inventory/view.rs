//! The inventory as reports read it.

use std::{cmp::Reverse, net::IpAddr};

use super::{
    About, Finding, FindingKind, Inventory, Packets, Subject,
    cache::{Ending, Held, HeldData},
    life::EventKind,
    names::{Known, NameId, Role, TypeId},
};
use crate::packet::PacketId;
use crate::{
    dns::{Meaning, Name, RecordType, ServiceType, Strings, Via},
    packet::Timestamp,
};

/// Whether an instance is there at the end of what was observed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum State {
    /// Its records are alive, and host, port, TXT and an address are known.
    Active,
    /// Its records are alive, but something was never told: see [`Instance::missing`].
    Partial,
    /// Its owner withdrew it.
    Goodbye,
    /// Its records ran out of time.
    Expired,
    /// Nobody announced it: others list it among what they know (RFC 6762 section 7.1).
    Heard,
}

impl State {
    /// Every one.
    pub const ALL: [Self; 5] = [Self::Active, Self::Partial, Self::Goodbye, Self::Expired, Self::Heard];

    /// The name in lower case: `active`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Partial => "partial",
            Self::Goodbye => "goodbye",
            Self::Expired => "expired",
            Self::Heard => "heard",
        }
    }
}

/// What no record told of an instance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Missing {
    /// No SRV record: neither host nor port.
    pub srv: bool,
    /// No TXT record, which every instance must have (RFC 6763 section 6).
    pub txt: bool,
    /// No address of the host.
    pub address: bool,
}

/// A service instance, joined from PTR, SRV, TXT, A and AAAA records.
#[derive(Clone, Debug)]
pub struct Instance<'a> {
    /// The whole name.
    pub name: Name<'a>,
    /// The instance label.
    pub label: &'a [u8],
    /// Its type.
    pub service: ServiceType<'a>,
    /// Its domain.
    pub domain: Name<'a>,
    /// Labels of the subtypes that list it, in the order first seen.
    pub subtypes: Vec<&'a [u8]>,
    /// Where it runs: host and port of the first of its servers. Port 0 is a placeholder.
    pub server: Option<(Name<'a>, u16)>,
    /// All that live SRV records say, or else the last ones: those to try first come first (RFC 2782), of equal ones the
    /// newest.
    pub servers: Vec<Server<'a>>,
    /// Addresses of all hosts, those alive if there are any; IPv4 first.
    pub addresses: Vec<IpAddr>,
    /// Strings of the live TXT records, or else of the last ones; the newest first (RFC 6763 section 6.8).
    pub txt: Vec<Strings<'a>>,
    /// What was never told.
    pub missing: Missing,
    /// Whether it is there.
    pub state: State,
    /// First sighting of one of its records, known answers only where nobody announced it.
    pub first: Option<Timestamp>,
    /// Last sighting of one of its records, likewise.
    pub last: Option<Timestamp>,
    /// Sources of the packets that told it, in the order first seen; with a reflector or sleep proxy not its host.
    pub announced_by: &'a [IpAddr],
    /// Who listed it among known answers, where nobody announced it; in the order first seen.
    pub known_by: &'a [IpAddr],
    /// What taught it, each way once.
    pub via: Vec<Via>,
}

/// What an SRV record says (RFC 2782).
#[derive(Clone, Debug)]
pub struct Server<'a> {
    /// The host.
    pub host: Name<'a>,
    /// Its port; 0 is a placeholder.
    pub port: u16,
    /// Lower ones are tried first.
    pub priority: u16,
    /// Share among those of one priority.
    pub weight: u16,
    /// Addresses of the host told while the record lived, those alive if there are any; IPv4 first.
    pub addresses: Vec<IpAddr>,
}

/// A service type that was asked for or told.
#[derive(Clone, Copy, Debug)]
pub struct Type<'a> {
    /// The type.
    pub service: ServiceType<'a>,
    /// Instances of it.
    pub instances: u64,
    /// Questions for it and its subtypes.
    pub queries: u64,
    /// Packets it was met in.
    pub packets: &'a Packets,
}

/// A question and who asks it.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// Who asks.
    pub client: IpAddr,
    /// The name asked for.
    pub name: Name<'a>,
    /// The type of records asked for.
    pub kind: RecordType,
    /// The packets that ask.
    pub packets: &'a Packets,
    /// Of these, how many had no answer before the next one, and did not say they know it already.
    pub unanswered: u64,
}

/// Something that happened to a name.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// What happened.
    pub kind: EventKind,
    /// The name of an instance or a host.
    pub name: Name<'a>,
    /// When.
    pub time: Option<Timestamp>,
    /// The packet that shows it; for an expiry the last one that told the name.
    pub packet: PacketId,
    /// Who sent that packet.
    pub source: IpAddr,
    /// The name before a rename.
    pub from: Option<Name<'a>>,
}

impl Inventory {
    /// The instances that records were seen of, in the order first seen, then those met in known answers only.
    pub fn instances(&self) -> impl Iterator<Item = Instance<'_>> {
        self.all_instances().filter_map(|id| self.instance(self.names.at(id)))
    }

    fn all_instances(&self) -> impl Iterator<Item = NameId> {
        let unseen = |id: &&NameId| self.names.at(**id).records.is_empty();
        self.instances.iter().chain(self.heard.iter().filter(unseen)).copied()
    }

    /// The service types met, in that order.
    pub fn types(&self) -> impl Iterator<Item = Type<'_>> {
        let mut counts = vec![0_u64; self.types.iter().count()];
        for id in self.all_instances() {
            if let Role::Instance(TypeId(kind)) = self.names.at(id).role {
                counts[kind as usize] += 1;
            }
        }
        self.types.iter().map(move |(TypeId(id), known)| Type {
            service: known.service(),
            instances: counts[id as usize],
            queries: known.queries,
            packets: &known.packets,
        })
    }

    /// The questions, in the order first asked.
    pub fn queries(&self) -> impl ExactSizeIterator<Item = Query<'_>> {
        self.questions.iter().map(|(asked, unanswered)| Query {
            client: asked.client,
            name: self.resolve(asked.name),
            kind: asked.kind,
            packets: &asked.packets,
            unanswered,
        })
    }

    /// The life line, in the order it was seen.
    pub fn events(&self) -> impl ExactSizeIterator<Item = Event<'_>> {
        self.events_from(0)
    }

    /// Those of the life line before which at least `number` others were logged; such as left it since are not among them.
    pub fn events_from(&self, number: u64) -> impl ExactSizeIterator<Item = Event<'_>> {
        let begin = self.events.partition_point(|event| event.number < number);
        self.events.iter().skip(begin).map(|event| Event {
            kind: event.kind,
            name: self.resolve(event.name),
            time: event.time,
            packet: event.packet,
            source: event.source,
            from: event.from.map(|name| self.resolve(name)),
        })
    }

    /// Events that were ever logged: the number of the next one.
    pub fn logged(&self) -> u64 {
        self.logged
    }

    /// The findings: malformed service names first, then the others in the order first seen.
    pub fn findings(&self) -> impl Iterator<Item = Finding<'_>> {
        let malformed = self.types.iter().filter(|(_, known)| !known.service().is_well_formed());
        let of_types = malformed.map(|(_, known)| Finding {
            kind: FindingKind::ServiceName,
            subject: Subject::Type(known.service()),
            packets: &known.packets,
        });
        of_types.chain(self.findings.iter().map(|(kind, about, packets)| Finding {
            kind,
            subject: match about {
                About::Name(name) => Subject::Name(self.resolve(name)),
                About::Source(source) => Subject::Source(source),
            },
            packets,
        }))
    }

    fn resolve(&self, name: NameId) -> Name<'_> {
        self.names.at(name).name()
    }

    fn records<'a>(&'a self, known: &'a Known) -> impl Iterator<Item = &'a Held> + Clone {
        known.records.iter().map(|&index| &self.cache.records[index as usize])
    }

    fn instance<'a>(&'a self, known: &'a Known) -> Option<Instance<'a>> {
        let name = known.name();
        let Meaning::Instance { label, service, domain } = Meaning::of(&name) else { return None };
        let records = self.records(known);
        let servers = self.servers(known);
        let server = servers.first().map(|server| (server.host, server.port));
        let txt: Vec<_> = self
            .set(known, RecordType::TXT)
            .into_iter()
            .filter_map(|held| match held.data {
                HeldData::Text(text) => self.texts.strings(text),
                _ => None,
            })
            .collect();
        let mut addresses: Vec<_> = servers.iter().flat_map(|server| &server.addresses).copied().collect();
        addresses.sort_unstable();
        addresses.dedup();
        let missing = Missing { srv: server.is_none(), txt: txt.is_empty(), address: addresses.is_empty() };
        let mut subtypes: Vec<&[u8]> = Vec::new();
        let mut via = Vec::new();
        for held in records.clone() {
            if let Meaning::Subtype { label, .. } = Meaning::of(&self.resolve(held.owner))
                && !subtypes.iter().any(|known| known.eq_ignore_ascii_case(label))
            {
                subtypes.push(label);
            }
            if !via.contains(&held.via) {
                via.push(held.via);
            }
        }
        let heard = known.heard.as_deref().filter(|_| known.records.is_empty());
        if heard.is_some() {
            via.push(Via::Mdns);
        }
        Some(Instance {
            name,
            label,
            service,
            domain,
            subtypes,
            server,
            servers,
            addresses,
            txt,
            missing,
            state: self.state(known, missing),
            first: heard
                .map_or_else(|| records.clone().filter_map(|held| held.first).min(), |heard| heard.first),
            last: heard.map_or_else(|| records.filter_map(|held| held.last).max(), |heard| heard.last),
            announced_by: known.life.as_deref().map(|life| life.announcers.as_slice()).unwrap_or_default(),
            known_by: heard.map(|heard| heard.by.as_slice()).unwrap_or_default(),
            via,
        })
    }

    /// The records of a type that count: all that are alive, or else those told last. The newest come first.
    fn set<'a>(&'a self, known: &'a Known, kind: RecordType) -> Vec<&'a Held> {
        let of_kind = self.records(known).filter(move |held| held.kind == kind);
        let rank = |held: &&Held| (held.alive && held.ending == Ending::Expiry, held.message);
        let Some((alive, newest)) = of_kind.clone().map(|held| rank(&held)).max() else { return Vec::new() };
        let mut set: Vec<_> = of_kind
            .filter(|held| {
                let (is_alive, message) = rank(held);
                is_alive == alive && (alive || message == newest)
            })
            .collect();
        set.sort_by_key(|held| Reverse(held.message));
        set
    }

    fn servers<'a>(&'a self, known: &'a Known) -> Vec<Server<'a>> {
        let mut servers: Vec<Server<'a>> = Vec::new();
        for held in self.set(known, RecordType::SRV) {
            let HeldData::Server { priority, weight, port, host } = held.data else { continue };
            let host_name = self.resolve(host);
            // The same may come over IPv4, IPv6 and several interfaces.
            let addresses = self.addresses(host, held);
            match servers.iter_mut().find(|server| server.port == port && server.host == host_name) {
                Some(server) => {
                    server.addresses.extend(addresses);
                    server.addresses.sort_unstable();
                    server.addresses.dedup();
                }
                None => servers.push(Server { host: host_name, port, priority, weight, addresses }),
            }
        }
        servers.sort_by_key(|server| (server.priority, Reverse(server.weight)));
        servers
    }

    /// Addresses of a host that were alive at some time with an SRV record.
    fn addresses(&self, host: NameId, server: &Held) -> Vec<IpAddr> {
        let told = self.records(self.names.at(host)).filter(|held| held.met(server));
        let held = told.filter_map(|held| match held.data {
            HeldData::Address(address) => Some((address, held.alive && held.ending == Ending::Expiry)),
            _ => None,
        });
        let any_alive = held.clone().any(|(_, alive)| alive);
        let mut addresses: Vec<_> =
            held.filter(|&(_, alive)| alive || !any_alive).map(|(address, _)| address).collect();
        addresses.sort_unstable();
        addresses.dedup();
        addresses
    }

    /// The pointer from the type says whether an instance is there (RFC 6762 section 10.1); where none was
    /// seen the SRV record, and else what there is. A withdrawn SRV record withdraws the instance, too.
    fn state(&self, known: &Known, missing: Missing) -> State {
        if known.records.is_empty() {
            return State::Heard;
        }
        let records = self.records(known);
        let is_pointer = |held: &Held| {
            held.kind == RecordType::PTR && matches!(self.names.at(held.owner).role, Role::Type(_))
        };
        let is_server = |held: &Held| held.kind == RecordType::SRV;
        let has = |test: &dyn Fn(&Held) -> bool| records.clone().any(test);
        let (pointer, server) = (has(&is_pointer), has(&is_server));
        let decides = |held: &Held| {
            if pointer {
                is_pointer(held)
            } else if server {
                is_server(held)
            } else {
                true
            }
        };
        let there = |held: &Held| held.alive && held.ending != Ending::Goodbye;
        let withdrawn = server && !has(&|held| is_server(held) && held.ending != Ending::Goodbye);
        if has(&|held| decides(held) && there(held)) && !withdrawn {
            return if missing == Missing::default() { State::Active } else { State::Partial };
        }
        if withdrawn || has(&|held| decides(held) && held.ending == Ending::Goodbye) {
            State::Goodbye
        } else {
            State::Expired
        }
    }
}
