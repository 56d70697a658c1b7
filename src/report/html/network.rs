//! Hosts, and what they advertise: the records of `hosts` and `discover` as rows of a page.

use std::collections::BTreeMap;

use askama::Template;

use super::{
    Page,
    rows::{Room, Rows, cut, escaped},
};
use crate::{
    dns::inventory::{Instance, State as Life},
    naming::{Evidence, State},
    packet::Timestamp,
    registry::{Registration, Registry},
    report::{
        discover::{self, All, View, attributes, defines, pair_text, subject_text},
        hosts::{Host, Peers, Service, mac_text},
    },
    text::{Moments, escape, figure},
};

const HOSTS: Room = Room { rows: 300, octets: 320_000 };
const INSTANCES: Room = Room { rows: 300, octets: 320_000 };
const TYPES: Room = Room { rows: 200, octets: 60_000 };
const FINDINGS: Room = Room { rows: 200, octets: 80_000 };
/// Services of a host, its names and addresses, and TXT pairs of an instance that are shown at most.
const SERVICES: usize = 12;
const NAMES: usize = 4;
const ADDRESSES: usize = 6;
const PAIRS: usize = 40;

/// A service that a host offers or uses.
struct Offer {
    text: String,
    evidence: &'static str,
    is_guess: bool,
    /// What came of it, where nobody served.
    state: &'static str,
}

/// A name of a host, and who says so.
struct Named {
    name: String,
    source: &'static str,
}

#[derive(Template)]
#[template(path = "host.html")]
struct HostRow {
    addresses: Vec<String>,
    more_addresses: usize,
    names: Vec<Named>,
    more_names: usize,
    macs: Vec<String>,
    vendor: String,
    place: String,
    offers: Vec<Offer>,
    more_offers: usize,
    uses: Vec<Offer>,
    more_uses: usize,
    packets: u64,
    packets_text: String,
    octets: u64,
    octets_text: String,
}

/// The first of some things as they are shown, and how many are left out.
fn few<T, U>(
    all: impl ExactSizeIterator<Item = T>,
    most: usize,
    shown: impl FnMut(T) -> U,
) -> (Vec<U>, usize) {
    let more = all.len().saturating_sub(most);
    (all.take(most).map(shown).collect(), more)
}

fn offers(services: &BTreeMap<&Service, Peers>) -> (Vec<Offer>, usize) {
    few(services.iter(), SERVICES, |(service, peers)| Offer {
        text: match &service.name {
            Some(name) => format!("{} {}/{}", cut(name), service.port, service.transport),
            None => format!("{}/{}", service.port, service.transport),
        },
        evidence: peers.evidence().as_str(),
        is_guess: service.name.is_some() && peers.evidence() == Evidence::Registered && service.port > 1023,
        state: match peers.state {
            Some(state @ (State::Refused | State::Asked)) => state.as_str(),
            _ => "",
        },
    })
}

impl HostRow {
    fn of(host: &Host<'_>) -> Self {
        let (addresses, more_addresses) = few(host.addresses.iter(), ADDRESSES, ToString::to_string);
        // A name of two sources is shown once, with the stronger one.
        let mut named: Vec<Named> = Vec::new();
        for name in &host.names {
            if !named.iter().any(|known| known.name == name.name) {
                named.push(Named { name: name.name.clone(), source: name.source.as_str() });
            }
        }
        let (names, more_names) =
            few(named.into_iter(), NAMES, |named| Named { name: cut(&named.name), source: named.source });
        let ((offers, more_offers), (uses, more_uses)) = (offers(&host.offers), offers(&host.uses));
        let (packets, octets) = (host.tally.all_packets(), host.tally.all_octets());
        Self {
            addresses,
            more_addresses,
            names,
            more_names,
            macs: host.macs.iter().take(ADDRESSES).map(|&mac| mac_text(mac)).collect(),
            vendor: cut(host.vendor.unwrap_or_default()),
            place: host.place.as_ref().map_or(String::new(), |place| cut(&place.to_string())),
            offers,
            more_offers,
            uses,
            more_uses,
            packets,
            packets_text: figure::count(packets),
            octets,
            octets_text: figure::octets(octets),
        }
    }
}

/// The rows of the hosts.
pub(super) fn hosts(page: &Page) -> askama::Result<Rows> {
    let hosts = page.hosts.hosts();
    Rows::of(hosts.iter().map(HostRow::of), hosts.len(), HOSTS.at_most(page.options.top))
}

/// A pair of TXT data.
struct Pair {
    text: String,
    /// Whether the registry has a list of keys for this type, and not this one in it.
    is_undefined: bool,
}

#[derive(Template)]
#[template(path = "instance.html")]
struct InstanceCard {
    label: String,
    kind: String,
    description: String,
    is_registered: bool,
    servers: Vec<String>,
    addresses: Vec<String>,
    more_addresses: usize,
    /// `active`, and what is missing of a partial one.
    state: &'static str,
    missing: String,
    pairs: Vec<Pair>,
    more_pairs: usize,
    seen: String,
    via: String,
    file: String,
}

/// What the registry or a user says of a service, on one line.
fn described(registration: Option<Registration<'_>>) -> String {
    let words = registration.map(|row| row.description().split_whitespace().collect::<Vec<_>>().join(" "));
    cut(&words.unwrap_or_default())
}

impl InstanceCard {
    fn of(view: &View<'_>, instance: &Instance<'_>, times: Moments) -> Self {
        let registration = view.registration(&instance.service);
        let keys = registration.and_then(|row| row.txt_keys());
        let (pairs, more_pairs) = few(attributes(instance).into_iter(), PAIRS, |pair| Pair {
            is_undefined: defines(keys.as_ref(), pair.key) == Some(false),
            text: escaped(|text| pair_text(&pair, text)),
        });
        let (addresses, more_addresses) = few(instance.addresses.iter(), ADDRESSES, ToString::to_string);
        let servers = instance.servers.iter().take(ADDRESSES).map(|server| match server.port {
            // Port 0 only guards the name: there is no server (RFC 6763 section 8).
            0 => format!("{}, no port: it only guards the name", cut(&server.host.to_string())),
            port => format!("{}:{port}", cut(&server.host.to_string())),
        });
        let clock = |time: Option<Timestamp>| time.map(|time| times.clock(time, 1_000_000_000));
        let via: Vec<_> = instance.via.iter().map(|via| via.as_str()).collect();
        Self {
            label: escaped(|text| escape::terminal(instance.label, text)),
            kind: escaped(|text| instance.service.text(text)),
            description: described(registration),
            is_registered: registration.is_some(),
            servers: servers.collect(),
            addresses,
            more_addresses,
            state: instance.state.as_str(),
            missing: match instance.state {
                Life::Partial => discover::missing(instance).collect::<Vec<_>>().join(", "),
                _ => String::new(),
            },
            pairs,
            more_pairs,
            seen: match (clock(instance.first), clock(instance.last)) {
                (Some(first), Some(last)) if first != last => format!("{first} to {last}"),
                (Some(first), _) => first,
                _ => String::new(),
            },
            via: via.join(", "),
            file: view
                .of
                .map(|file| escaped(|text| escape::terminal(file.as_bytes(), text)))
                .unwrap_or_default(),
        }
    }
}

#[derive(Template)]
#[template(path = "type.html")]
struct TypeRow {
    kind: String,
    instances: u64,
    queries: u64,
    is_registered: bool,
    description: String,
}

#[derive(Template)]
#[template(path = "finding.html")]
struct FindingRow {
    kind: &'static str,
    subject: String,
    count: u64,
    count_text: String,
    packets: String,
    reference: &'static str,
}

/// What hosts advertise over DNS-SD, and what is remarkable about it.
pub(super) struct Advertised {
    pub(super) messages: String,
    pub(super) instances: Rows,
    pub(super) types: Rows,
    pub(super) findings: Rows,
    /// What the bounds of the inventory kept out.
    pub(super) dropped: Vec<(&'static str, u64)>,
}

/// What hosts advertise.
pub(super) fn advertised(page: &Page, registry: &Registry) -> askama::Result<Advertised> {
    page.discovery.tell(registry, |all| {
        let room = |room: Room| room.at_most(page.options.top);
        let counts = all.counts();
        let instances = all
            .each(View::instances)
            .map(|(view, instance)| InstanceCard::of(view, &instance, page.options.times));
        let types = all.each(View::types).map(|(view, known)| {
            let registration = view.registration(&known.service);
            TypeRow {
                kind: escaped(|text| known.service.text(text)),
                instances: known.instances,
                queries: known.queries,
                is_registered: registration.is_some(),
                description: described(registration),
            }
        });
        Ok(Advertised {
            messages: format!(
                "{} DNS messages: {} queries and {} responses",
                figure::count(counts.messages),
                figure::count(counts.queries),
                figure::count(counts.responses)
            ),
            instances: Rows::of(instances, all.each(View::instances).count(), room(INSTANCES))?,
            types: Rows::of(types, all.each(View::types).count(), room(TYPES))?,
            findings: findings(all, room(FINDINGS))?,
            dropped: all.dropped().collect(),
        })
    })
}

fn findings(all: &All<'_, '_>, room: Room) -> askama::Result<Rows> {
    let rows = all.each(View::findings).map(|(view, finding)| {
        let first = finding.packets.first();
        let packets: Vec<_> = first.iter().map(|&packet| discover::packet(view, packet)).collect();
        let more = finding.packets.count() > packets.len() as u64;
        FindingRow {
            kind: finding.kind.as_str(),
            subject: escaped(|text| subject_text(&finding.subject, text)),
            count: finding.packets.count(),
            count_text: figure::count(finding.packets.count()),
            packets: cut(&packets.join(" ")) + if more { " …" } else { "" },
            reference: finding.kind.reference(),
        }
    });
    Rows::of(rows, all.each(View::findings).count(), room)
}
