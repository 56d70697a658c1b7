//! `registry info`: what the registry in use holds.

use std::collections::HashSet;
use std::io::{self, Write};

use serde::Serialize;

use crate::packet::TransportProtocol;
use crate::registry::{Registry, Status, Transport};
use crate::{
    report::Format,
    text::{csv, json, table::Cell, time::days_since},
};

#[derive(Serialize)]
struct Overview<'a> {
    schema: &'static str,
    registry: About<'a>,
    records: usize,
    /// Distinct names, without regard to case.
    names: usize,
    /// Distinct names that no row gives a port.
    names_without_port: usize,
    ranges: usize,
    reserved: usize,
    unassigned: usize,
    user_entries: usize,
    transports: Vec<PerTransport>,
}

#[derive(Serialize)]
struct About<'a> {
    updated: &'a str,
    /// Days since then.
    #[serde(skip_serializing_if = "Option::is_none")]
    age_days: Option<u64>,
    source: &'a str,
}

#[derive(Serialize)]
struct PerTransport {
    /// `tcp`, `udp`, `sctp`, `dccp`, or `none` for rows that hold for all.
    transport: &'static str,
    records: usize,
    /// Ports with a name, ranges and rows without a transport counted in.
    #[serde(skip_serializing_if = "Option::is_none")]
    named_ports: Option<usize>,
}

/// Writes the registry's date and source and counts of what it holds.
///
/// ```
/// use portolan::{registry::Registry, report::{Format, registry::overview}};
/// let (registry, mut out) = (Registry::built_in(), Vec::new());
/// overview(&registry, Format::Csv, None, &mut out).unwrap();
/// let updated = format!("updated,{}\n", registry.updated());
/// assert!(String::from_utf8(out).unwrap().contains(&updated));
/// ```
///
/// # Errors
/// What `out` returns.
pub fn overview(
    registry: &Registry,
    format: Format,
    width: Option<u16>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let overview = Overview::of(registry);
    if format == Format::Json {
        return json::line(&overview, out);
    }
    let mut rows = vec![
        ("updated".to_owned(), registry.updated().to_owned()),
        (
            "age in days".to_owned(),
            overview.registry.age_days.map(|days| days.to_string()).unwrap_or_default(),
        ),
        ("source".to_owned(), registry.source().to_owned()),
        ("records".to_owned(), overview.records.to_string()),
        ("names".to_owned(), overview.names.to_string()),
        ("names without a port".to_owned(), overview.names_without_port.to_string()),
        ("named ranges".to_owned(), overview.ranges.to_string()),
        ("reserved rows".to_owned(), overview.reserved.to_string()),
        ("unassigned rows".to_owned(), overview.unassigned.to_string()),
        ("user entries".to_owned(), overview.user_entries.to_string()),
    ];
    for of in &overview.transports {
        let transport = if of.transport == "none" { "no transport" } else { of.transport };
        rows.push((format!("records, {transport}"), of.records.to_string()));
        rows.extend(of.named_ports.map(|ports| (format!("named ports, {transport}"), ports.to_string())));
    }
    let rows = rows.iter().map(|(key, value)| [key, value]);
    match format {
        Format::Csv => csv::rows(&["key", "value"], rows, out),
        _ => super::table(&["REGISTRY", ""], rows.map(|row| row.map(|text| Cell::text(text))), width, out),
    }
}

impl<'a> Overview<'a> {
    fn of(registry: &'a Registry) -> Self {
        let named = || registry.rows().filter(|row| !row.name().is_empty());
        let names: HashSet<String> = named().map(|row| row.name().to_ascii_lowercase()).collect();
        let with_port = named().filter(|row| row.ports().is_some());
        let with_port: HashSet<String> = with_port.map(|row| row.name().to_ascii_lowercase()).collect();
        let count =
            |status| registry.rows().filter(|row| row.name().is_empty() && row.status() == status).count();
        let transports = Transport::ALL.into_iter().map(Some).chain([None]);
        Self {
            schema: "portolan/registry-info/1",
            registry: About {
                updated: registry.updated(),
                age_days: days_since(registry.updated()),
                source: registry.source(),
            },
            records: registry.len(),
            names: names.len(),
            names_without_port: names.len() - with_port.len(),
            ranges: named().filter(|row| row.ports().is_some_and(|(first, last)| first != last)).count(),
            reserved: count(Status::Reserved),
            unassigned: count(Status::Unassigned),
            user_entries: registry.user_entries().count(),
            transports: transports.map(|transport| PerTransport::of(registry, transport)).collect(),
        }
    }
}

impl PerTransport {
    fn of(registry: &Registry, transport: Option<Transport>) -> Self {
        let protocol = transport.map(TransportProtocol::from);
        let own = registry.rows().filter(|row| row.transport() == protocol).count();
        let named = |transport: Transport| {
            let protocol = TransportProtocol::from(transport);
            (0..=u16::MAX).filter(|port| registry.primary(protocol, *port).is_some()).count()
        };
        Self {
            transport: transport.map_or("none", Transport::as_str),
            records: own,
            named_ports: transport.map(named),
        }
    }
}
