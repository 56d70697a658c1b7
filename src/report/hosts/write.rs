//! Hosts as table, JSON and CSV.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Write},
    net::IpAddr,
};

use serde::Serialize;

use super::{COLUMNS, Host, HostsOptions, Name, Peers, Service, member};
use crate::{
    hosts::{Mac, Source},
    knowledge::ToldFrom,
    naming::{Evidence, State},
    packet::Timestamp,
    places::Location,
    text::{
        Moments, csv,
        field::distinct,
        figure,
        json::{self, Tree},
        number,
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
    Moments::default().maybe(time.map(Timestamp))
}

/// Ports of a service that are listed; more are counted.
const PORTS: usize = 3;

/// Services in a cell: `443/tcp https`, `38616,48166,49816,+2/udp ssdp`, `~ 8443/tcp pcsync-https` where the name is a guess.
/// Of what was asked for it is told where nobody answered; who serves was heard.
fn services(services: &BTreeMap<&Service, Peers>, offered: bool) -> Vec<String> {
    let mut groups: Vec<((&str, String), Vec<u16>)> = Vec::new();
    for (service, peers) in services {
        let guess = service.name.is_some() && peers.evidence() == Evidence::Registered && service.port > 1023;
        let state = peers.state.filter(|state| state.is_unserved() && !offered);
        let state = state.map_or_else(String::new, |state| format!(" ({})", state.as_str()));
        let name = service.name.as_deref().unwrap_or("–");
        let group = (if guess { "~ " } else { "" }, format!("/{} {name}{state}", service.transport));
        match groups.iter_mut().find(|(known, _)| *known == group && service.name.is_some()) {
            Some((_, ports)) => ports.push(service.port),
            None => groups.push((group, vec![service.port])),
        }
    }
    let texts = groups.into_iter().map(|((mark, name), ports)| {
        let mut listed: Vec<_> = ports.iter().take(PORTS).map(ToString::to_string).collect();
        listed.extend((ports.len() > PORTS).then(|| format!("+{}", ports.len() - PORTS)));
        format!("{mark}{}{name}", listed.join(","))
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

/// A name as cells have it. What a host says it is stands in brackets; behind what clients asked for stands by what.
fn name_text(name: &Name) -> String {
    match name.source {
        ToldFrom::Host(Source::Ssdp) => format!("({})", name.name),
        ToldFrom::Host(_) => name.name.clone(),
        ToldFrom::Client(by) => format!("{} ({})", name.name, by.as_str()),
    }
}

/// What a host is called, and what it is asked for by name.
pub(in crate::report) fn called(host: &Host<'_>) -> Cell {
    let mut names: Vec<_> = host.names.iter().collect();
    names.sort_by_key(|name| (name.source, &name.name));
    // Escaped already; a name of two sources is shown once.
    let mut shown: Vec<&Name> = Vec::new();
    for name in names {
        if !shown.iter().any(|known| known.name.eq_ignore_ascii_case(&name.name)) {
            shown.push(name);
        }
    }
    let mut shown: Vec<_> = shown.into_iter().map(name_text).collect();
    let more = if shown.len() > 3 { format!(" +{}", shown.len() - 3) } else { String::new() };
    shown.truncate(3);
    Cell::escaped(|text| {
        text.extend_from_slice(shown.join(" ").as_bytes());
        text.extend_from_slice(more.as_bytes());
    })
}

/// What a host offers, and what it uses.
pub(in crate::report) fn sides(host: &Host<'_>) -> [Cell; 2] {
    [cut(services(&host.offers, true)), cut(services(&host.uses, false))]
}

pub(super) fn table(hosts: &[Host<'_>], options: &HostsOptions, out: &mut dyn Write) -> io::Result<()> {
    let has_vendor = hosts.iter().any(|host| host.vendor.is_some());
    let mut header = vec!["HOST", "NAME", "MAC"];
    header.extend(has_vendor.then_some("VENDOR"));
    header.extend(options.places.is_some().then_some("PLACE"));
    header.extend(options.processes.then_some("PROCESSES"));
    header.extend(["SERVES", "USES", "PACKETS", "OCTETS"]);
    let numbers = header.len() - 2..header.len();
    // First the vendor, then packets, then the MAC.
    let dispensable = has_vendor.then_some(3).into_iter().chain([numbers.start, 2]);
    let mut table = Table::new(&header).right(numbers).without(dispensable);
    for host in hosts {
        let mut cells = vec![Cell::lines(&host.addresses), called(host)];
        cells.push(Cell::lines(host.macs.iter().map(|&mac| mac_text(mac))));
        cells.extend(has_vendor.then(|| Cell::text(host.vendor.unwrap_or_default())));
        cells.extend(options.places.is_some().then(|| match &host.place {
            Some(place) => Cell::text(&place.to_string()),
            None => Cell::text(""),
        }));
        cells.extend(options.processes.then(|| {
            // Harmless already.
            cut(host.programs.iter().map(ToString::to_string).collect())
        }));
        cells.extend(sides(host));
        let (packets, octets) = (host.tally.all_packets(), host.tally.all_octets());
        cells.extend(match options.rounded {
            true => [Cell::shown(figure::count(packets)), Cell::shown(figure::octets(octets))],
            false => [Cell::shown(packets), Cell::shown(octets)],
        });
        table.row(cells);
    }
    table.write(options.width, out)?;
    writeln!(out, "{} {}", hosts.len(), if hosts.len() == 1 { "host" } else { "hosts" })?;
    let guesses = |host: &Host<'_>| {
        let all = services(&host.offers, true).into_iter().chain(services(&host.uses, false));
        all.into_iter().any(|text| text.starts_with('~'))
    };
    if hosts.iter().any(guesses) {
        writeln!(out, "~ only registered, for a port above 1023: nothing confirms it")?;
    }
    Ok(())
}

#[derive(Serialize)]
struct JsonHosts<'a, H> {
    schema: &'static str,
    registry: JsonRegistry<'a>,
    hosts: Vec<H>,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    geo: Option<JsonGeo<'a>>,
    #[serde(rename = "as", skip_serializing_if = "Option::is_none")]
    system: Option<JsonSystem<'a>>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    processes: &'a BTreeSet<&'a str>,
}

#[derive(Serialize)]
struct JsonGeo<'a> {
    country_iso_code: &'a str,
}

#[derive(Serialize)]
struct JsonSystem<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    organization: Option<JsonOrganization<'a>>,
}

#[derive(Serialize)]
struct JsonOrganization<'a> {
    name: &'a str,
}

fn json_system(place: &Location) -> Option<JsonSystem<'_>> {
    let organization = place.organization.as_deref().map(|name| JsonOrganization { name });
    let system = JsonSystem { number: place.system, organization };
    (system.number.is_some() || system.organization.is_some()).then_some(system)
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
            evidence: peers.evidence().as_str(),
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

fn json_host<'a>(host: &'a Host<'_>) -> JsonHost<'a> {
    JsonHost {
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
        geo: host
            .place
            .as_ref()
            .and_then(|place| place.country.as_deref())
            .map(|code| JsonGeo { country_iso_code: code }),
        system: host.place.as_ref().and_then(json_system),
        processes: &host.programs,
    }
}

/// A host as its JSON has it.
pub(in crate::report) fn record(host: &Host<'_>) -> Vec<u8> {
    let mut record = Vec::new();
    // Writing to memory does not fail.
    let _ = json::line(&json_host(host), &mut record);
    record.pop();
    record
}

/// The same, to be asked for what stands in it.
pub(super) fn tree(host: &Host<'_>) -> Tree {
    Tree::of(&json_host(host))
}

pub(super) fn json(
    hosts: &[Host<'_>],
    columns: Option<&[usize]>,
    updated: &str,
    out: &mut dyn Write,
) -> io::Result<()> {
    let (schema, registry) = ("portolan/hosts/1", JsonRegistry { updated });
    let Some(columns) = columns else {
        let hosts = hosts.iter().map(json_host).collect();
        return json::pretty(&JsonHosts { schema, registry, hosts }, out);
    };
    let keys: Vec<_> = distinct(columns).into_iter().map(member).collect();
    let trees: Vec<_> = hosts.iter().map(tree).collect();
    let hosts = trees.iter().map(|tree| tree.only(&keys)).collect();
    json::pretty(&JsonHosts { schema, registry, hosts }, out)
}

/// All columns.
pub(super) const ALL: [usize; COLUMNS.len()] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13];

pub(super) fn csv(hosts: &[Host<'_>], columns: &[usize], out: &mut dyn Write) -> io::Result<()> {
    let header: Vec<_> = columns.iter().map(|&column| COLUMNS[column]).collect();
    csv::rows(&header, hosts.iter().map(|host| chosen(host, columns, Moments::default())), out)
}

/// A row of these columns.
pub(super) fn csv_line(host: &Host<'_>, columns: &[usize], out: &mut dyn Write) -> io::Result<()> {
    let mut line = Vec::new();
    csv::line(chosen(host, columns, Moments::default()), &mut line);
    out.write_all(&line)
}

/// A host as an object in a line, of these members or of all.
pub(super) fn json_line(host: &Host<'_>, keys: Option<&[&str]>, out: &mut dyn Write) -> io::Result<()> {
    match keys {
        None => json::line(&json_host(host), out),
        Some(keys) => json::line(&tree(host).only(keys), out),
    }
}

/// A table of these columns as CSV has them.
pub(super) fn columns(
    hosts: &[Host<'_>],
    columns: &[usize],
    options: &HostsOptions,
    out: &mut dyn Write,
) -> io::Result<()> {
    let header: Vec<_> = columns.iter().map(|&column| COLUMNS[column]).collect();
    let mut table = Table::new(&header);
    for (number, name) in header.iter().enumerate() {
        if ["packets", "bytes"].contains(name) {
            table = table.right(number..number + 1);
        }
    }
    for host in hosts {
        let cells = chosen(host, columns, options.times);
        table.row(cells.iter().map(|cell| Cell::escaped(|out| out.extend_from_slice(cell.as_bytes()))));
    }
    table.write(options.width, out)
}

fn chosen(host: &Host<'_>, columns: &[usize], times: Moments) -> Vec<String> {
    let cells = cells(host, times);
    columns.iter().map(|&column| cells[column].clone()).collect()
}

/// A name as CSV has it.
fn cell_of_name(name: &Name) -> String {
    if name.was_asked_for() { name_text(name) } else { name.name.clone() }
}

/// What stands in each of the columns.
fn cells(host: &Host<'_>, times: Moments) -> [String; COLUMNS.len()] {
    let place = host.place.clone().unwrap_or_default();
    let joined = |services: &BTreeMap<&Service, Peers>| {
        let keys: BTreeSet<_> = services.keys().map(|service| service.key()).collect();
        keys.into_iter().collect::<Vec<_>>().join(" ")
    };
    [
        host.addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
        host.macs.iter().map(|&mac| mac_text(mac)).collect::<Vec<_>>().join(" "),
        host.vendor.unwrap_or_default().to_owned(),
        host.names.iter().map(cell_of_name).collect::<Vec<_>>().join(" | "),
        joined(&host.offers),
        joined(&host.uses),
        times.maybe(host.tally.first().map(Timestamp)).unwrap_or_default(),
        times.maybe(host.tally.last().map(Timestamp)).unwrap_or_default(),
        host.tally.all_packets().to_string(),
        host.tally.all_octets().to_string(),
        place.country.as_deref().unwrap_or_default().to_owned(),
        place.system.map_or(String::new(), |number| number.to_string()),
        place.organization.as_deref().unwrap_or_default().to_owned(),
        host.programs.iter().copied().collect::<Vec<_>>().join(" | "),
    ]
}
