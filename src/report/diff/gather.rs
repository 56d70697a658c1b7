//! One side of a comparison: what a view of knowledge has of each kind.

use std::collections::BTreeMap;

use super::{DiffOptions, Facts, Kind};
use crate::{
    knowledge::{Answers, Knowledge, Span},
    naming::Evidence,
    registry::Registry,
    report::{
        Report as _,
        discover::{self, DiscoverOptions, Discovery, attributes, pair_text},
        hosts::{Host, HostList, HostsOptions, mac_text},
        summary::{By, Row, Summary},
    },
    text::escape,
};

/// What one side has.
#[derive(Debug, Default)]
pub(super) struct Side {
    pub(super) span: Span,
    /// Whether a bound kept something out: what is missing here may have been there.
    pub(super) is_incomplete: bool,
    kinds: BTreeMap<Kind, Vec<Facts>>,
}

impl Side {
    /// Takes in what is known.
    pub(super) fn of(
        knowledge: &mut Knowledge,
        answers: &Answers,
        registry: &Registry,
        options: &DiffOptions,
    ) -> Self {
        let sums = |by: By| Summary::of(knowledge, answers, by, options.threads.max(1));
        let [services, servers, domains] = [By::Service, By::Endpoint, By::Domain].map(sums);
        let is_full = [&services, &servers, &domains].into_iter().any(Summary::is_full);
        let has_left = knowledge.departed().next().is_some() || knowledge.losses().next().is_some();
        let rows = |summary: &Summary, of: fn(&Row) -> Option<Facts>| {
            summary.rows(&Default::default()).into_iter().filter_map(of).collect()
        };
        let mut hosts = HostList::new(HostsOptions { numeric: options.numeric, ..HostsOptions::default() });
        hosts.add(knowledge, answers, registry);
        let mut discovery = Discovery::new(DiscoverOptions::default(), Vec::new());
        let span = *knowledge.span();
        discovery.add(knowledge, answers, registry);
        let mut kinds = BTreeMap::from([
            (Kind::Service, rows(&services, service)),
            (Kind::Server, rows(&servers, server)),
            (Kind::Host, hosts.hosts().iter().map(host).collect()),
            (Kind::Instance, discovery.tell(registry, instances)),
        ]);
        if !options.numeric {
            kinds.insert(Kind::Domain, rows(&domains, domain));
        }
        Self { span, is_incomplete: is_full || has_left, kinds }
    }

    /// What it has of a kind.
    pub(super) fn of_kind(&self, kind: Kind) -> &[Facts] {
        self.kinds.get(&kind).map_or(&[], Vec::as_slice)
    }
}

/// Words of evidence, the strongest first.
fn evidence(row: &Row) -> Vec<&'static str> {
    let counts = row.evidence();
    Evidence::ALL.map(Evidence::as_str).into_iter().filter(|word| counts.contains_key(word)).collect()
}

fn of_row(row: &Row) -> Facts {
    Facts { key: row.key.clone(), packets: Some(row.packets), bytes: Some(row.bytes), ..Facts::default() }
}

fn service(row: &Row) -> Option<Facts> {
    // A port without a name is its own key; rows without a name hold all kinds of ports.
    let ports = row.name.iter().flat_map(|_| row.ports.iter().copied()).collect();
    let clients = Some(row.clients.len()).filter(|_| row.name.is_some());
    Some(Facts { name: row.name.clone(), evidence: evidence(row), ports, clients, ..of_row(row) })
}

/// An endpoint that answered.
fn server(row: &Row) -> Option<Facts> {
    if row.servers.len() == 0 {
        return None;
    }
    let (address, transport) = row.key.rsplit_once('/')?;
    let address = address.rsplit_once(':')?.0.trim_start_matches('[').trim_end_matches(']').parse();
    Some(Facts {
        name: row.name.clone(),
        evidence: evidence(row),
        ports: row.ports.iter().copied().collect(),
        transport: Some(transport.to_owned()),
        addresses: address.into_iter().collect(),
        clients: Some(row.clients.len()),
        ..of_row(row)
    })
}

/// A name that something is served under; what has no name stands under its address, or serves nothing.
fn domain(row: &Row) -> Option<Facts> {
    let is_name = row.key.parse::<std::net::IpAddr>().is_err() && !row.key.contains([' ', '/']);
    let clients = Some(row.clients.len()).filter(|&clients| clients > 0 && is_name)?;
    let ports = row.ports.iter().copied().collect();
    Some(Facts { ports, clients: Some(clients), ..of_row(row) })
}

fn host(host: &Host<'_>) -> Facts {
    // What clients ask for changes with them, not with the host.
    let own = host.names.iter().filter(|name| !name.was_asked_for());
    let mut names: Vec<String> = own.map(|name| name.name.clone()).collect();
    names.sort_unstable();
    names.dedup();
    Facts {
        key: host.addresses.first().map(ToString::to_string).unwrap_or_default(),
        addresses: host.addresses.clone(),
        macs: host.macs.iter().map(|&mac| mac_text(mac)).collect(),
        names,
        packets: Some(host.tally.all_packets()),
        bytes: Some(host.tally.all_octets()),
        ..Facts::default()
    }
}

/// Text that `write` appends escaped for a terminal.
fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut text = Vec::new();
    write(&mut text);
    String::from_utf8_lossy(&text).into_owned()
}

fn instances(all: &discover::All<'_, '_>) -> Vec<Facts> {
    let instances = all.each(discover::View::instances).map(|(_, instance)| {
        let mut addresses = instance.addresses.clone();
        addresses.sort_unstable();
        Facts {
            key: text(|out| {
                escape::terminal(instance.label, out);
                out.push(b'.');
                instance.service.text(out);
                out.push(b'.');
                instance.domain.text(out);
            }),
            ports: instance.servers.iter().map(|server| server.port).collect(),
            addresses,
            names: instance.servers.iter().map(|server| text(|out| server.host.text(out))).collect(),
            txt: attributes(&instance).iter().map(|pair| text(|out| pair_text(pair, out))).collect(),
            state: Some(instance.state.as_str()),
            ..Facts::default()
        }
    });
    instances.collect()
}
