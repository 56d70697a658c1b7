//! Hosts as table, JSON and CSV.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Write},
    net::IpAddr,
};

use serde::Serialize;

use super::{Host, Name, Peers, Service};
use crate::{
    hosts::Mac,
    naming::{Evidence, State},
    packet::Timestamp,
    text::{
        csv, json, number,
        table::{Cell, Table},
        time::machine_time,
    },
};

pub(in crate::report) fn mac_text(mac: Mac) -> String {
    let mut text = Vec::new();
    number::mac_hyphens(mac, &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

fn time_text(time: Option<u64>) -> Option<String> {
    time.map(|time| machine_time(Timestamp(time)))
}

/// Services in a cell: `443 https`, `~ 8443 pcsync-https` where the name is a guess.
fn services(services: &BTreeMap<&Service, Peers>) -> Vec<String> {
    let texts = services.iter().map(|(service, peers)| {
        let guess = service.name.is_some() && service.evidence == Evidence::Registered && service.port > 1023;
        let (mark, name) = (if guess { "~ " } else { "" }, service.name.as_deref().unwrap_or("–"));
        let state = match peers.state {
            Some(state @ (State::Refused | State::Asked)) => format!(" ({})", state.as_str()),
            _ => String::new(),
        };
        format!("{mark}{}/{} {name}{state}", service.port, service.transport)
    });
    texts.collect()
}

/// At most so many lines in a cell.
const MOST: usize = 8;

fn cut(mut texts: Vec<String>) -> Cell {
    if texts.len() > MOST {
        let more = texts.len() - (MOST - 1);
        texts.truncate(MOST - 1);
        texts.push(format!("+{more}"));
    }
    Cell::lines(texts)
}

pub(super) fn table(hosts: &[Host<'_>], width: Option<u16>, out: &mut dyn Write) -> io::Result<()> {
    let has_vendor = hosts.iter().any(|host| host.vendor.is_some());
    let mut header = vec!["HOST", "NAME", "MAC"];
    header.extend(has_vendor.then_some("VENDOR"));
    header.extend(["SERVES", "USES", "PACKETS", "OCTETS"]);
    let mut table = Table::new(&header).right(header.len() - 2..header.len());
    for host in hosts {
        let mut cells = vec![Cell::lines(&host.addresses)];
        let names: BTreeSet<_> = host.names.iter().map(|name| (name.source, &name.name)).collect();
        // Escaped already; a name of two sources is shown once.
        let mut shown: Vec<&str> = Vec::new();
        for (_, name) in names {
            if !shown.contains(&name.as_str()) {
                shown.push(name);
            }
        }
        let more = if shown.len() > 3 { format!(" +{}", shown.len() - 3) } else { String::new() };
        shown.truncate(3);
        cells.push(Cell::escaped(|text| {
            text.extend_from_slice(shown.join(" ").as_bytes());
            text.extend_from_slice(more.as_bytes());
        }));
        cells.push(Cell::lines(host.macs.iter().map(|&mac| mac_text(mac))));
        cells.extend(has_vendor.then(|| Cell::text(host.vendor.unwrap_or_default())));
        cells.push(cut(services(&host.offers)));
        cells.push(cut(services(&host.uses)));
        cells.push(Cell::shown(host.tally.all_packets()));
        cells.push(Cell::shown(host.tally.all_octets()));
        table.row(cells);
    }
    table.write(width, out)?;
    writeln!(out, "{} {}", hosts.len(), if hosts.len() == 1 { "host" } else { "hosts" })?;
    if hosts.iter().any(|host| {
        services(&host.offers).iter().chain(&services(&host.uses)).any(|text| text.starts_with('~'))
    }) {
        writeln!(out, "~ only registered, for a port above 1023: nothing confirms it")?;
    }
    Ok(())
}

#[derive(Serialize)]
struct JsonHosts<'a> {
    schema: &'static str,
    registry: JsonRegistry<'a>,
    hosts: Vec<JsonHost<'a>>,
}

#[derive(Serialize)]
struct JsonRegistry<'a> {
    updated: &'a str,
}

#[derive(Serialize)]
struct JsonHost<'a> {
    addresses: &'a [IpAddr],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    macs: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vendor: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    names: Vec<JsonName<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    offers: Vec<JsonService<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    uses: Vec<JsonService<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<String>,
    packets: u64,
    bytes: u64,
}

#[derive(Serialize)]
struct JsonName<'a> {
    name: &'a str,
    source: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    first: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<String>,
}

#[derive(Serialize)]
struct JsonService<'a> {
    key: String,
    port: u16,
    transport: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    evidence: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    clients: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    servers: Option<usize>,
}

fn json_services<'a>(services: &'a BTreeMap<&Service, Peers>, offered: bool) -> Vec<JsonService<'a>> {
    let all = services.iter().map(|(service, peers)| {
        let count = Some(peers.addresses.len());
        JsonService {
            key: service.key(),
            port: service.port,
            transport: &service.transport,
            name: service.name.as_deref(),
            evidence: service.evidence.as_str(),
            state: peers.state.map(State::as_str),
            clients: count.filter(|_| offered),
            servers: count.filter(|_| !offered),
        }
    });
    all.collect()
}

fn json_name(name: &Name) -> JsonName<'_> {
    let time = |time: Option<Timestamp>| time.map(machine_time);
    let Name { name, source, first, last } = name;
    JsonName { name, source: source.as_str(), first: time(*first), last: time(*last) }
}

pub(super) fn json(hosts: &[Host<'_>], updated: &str, out: &mut dyn Write) -> io::Result<()> {
    let hosts = hosts.iter().map(|host| JsonHost {
        addresses: &host.addresses,
        macs: host.macs.iter().map(|&mac| mac_text(mac)).collect(),
        vendor: host.vendor,
        names: host.names.iter().map(json_name).collect(),
        offers: json_services(&host.offers, true),
        uses: json_services(&host.uses, false),
        first: time_text(host.tally.first()),
        last: time_text(host.tally.last()),
        packets: host.tally.all_packets(),
        bytes: host.tally.all_octets(),
    });
    let object =
        JsonHosts { schema: "portolan/hosts/1", registry: JsonRegistry { updated }, hosts: hosts.collect() };
    json::pretty(&object, out)
}

pub(super) fn csv(hosts: &[Host<'_>], out: &mut dyn Write) -> io::Result<()> {
    let header =
        ["addresses", "macs", "vendor", "names", "offers", "uses", "first", "last", "packets", "bytes"];
    let joined = |services: &BTreeMap<&Service, Peers>| {
        services
            .keys()
            .map(|service| service.key())
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect::<Vec<_>>()
            .join(" ")
    };
    let rows = hosts.iter().map(|host| {
        [
            host.addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
            host.macs.iter().map(|&mac| mac_text(mac)).collect::<Vec<_>>().join(" "),
            host.vendor.unwrap_or_default().to_owned(),
            host.names.iter().map(|name| &*name.name).collect::<Vec<_>>().join(" | "),
            joined(&host.offers),
            joined(&host.uses),
            time_text(host.tally.first()).unwrap_or_default(),
            time_text(host.tally.last()).unwrap_or_default(),
            host.tally.all_packets().to_string(),
            host.tally.all_octets().to_string(),
        ]
    });
    csv::rows(&header, rows, out)
}
