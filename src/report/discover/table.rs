//! `discover` for people: tables of instances, types, findings, and on request events and queries.

use std::io;

use super::{View, attributes, defines, missing, pair_text, subject_text};
use crate::{
    dns::inventory::State,
    packet::PacketId,
    text::{
        escape, number,
        table::{Cell, Table},
        time::machine_time,
    },
};

pub(super) fn write(view: &View<'_>, out: &mut impl io::Write) -> io::Result<()> {
    let counts = view.inventory.counts();
    writeln!(
        out,
        "{} DNS messages: {} queries, {} of them probes, {} responses, {} ignored",
        counts.messages, counts.queries, counts.probes, counts.responses, counts.ignored
    )?;
    section(view, out, "Instances", instances(view))?;
    section(view, out, "TXT pairs", texts(view))?;
    section(view, out, "Types", types(view))?;
    if view.options.events {
        section(view, out, "Events", events(view))?;
    }
    if view.options.queries {
        section(view, out, "Queries", queries(view))?;
    }
    section(view, out, "Findings", findings(view))?;
    out.flush()
}

fn section(view: &View<'_>, out: &mut impl io::Write, title: &str, table: Table) -> io::Result<()> {
    if table.is_empty() {
        return writeln!(out, "\n{title}: none");
    }
    writeln!(out, "\n{title}: {}", table.len())?;
    table.write(view.options.width, out)
}

fn instances(view: &View<'_>) -> Table {
    let mut table = Table::new(&["INSTANCE", "TYPE", "HOST", "PORT", "ADDRESSES", "STATE"]);
    for instance in view.instances() {
        let missing: Vec<_> = missing(&instance).collect();
        table.row([
            Cell::escaped(|text| escape::terminal(instance.label, text)),
            Cell::escaped(|text| instance.service.text(text)),
            Cell::maybe(instance.server.map(|(host, _)| host)),
            // Port 0 only guards the name: there is no server (RFC 6763 section 8).
            Cell::maybe(instance.server.map(|(_, port)| match port {
                0 => "– (flagship)".to_owned(),
                port => port.to_string(),
            })),
            Cell::lines(&instance.addresses),
            match instance.state {
                State::Partial => Cell::shown(format_args!("partial (no {})", missing.join(", "))),
                State::Heard => {
                    let by: Vec<_> = instance.known_by.iter().map(ToString::to_string).collect();
                    Cell::shown(format_args!("heard (known to {})", by.join(", ")))
                }
                state => Cell::shown(state.as_str()),
            },
        ]);
    }
    table
}

/// What each instance says of itself, and whether the registry defines its keys.
fn texts(view: &View<'_>) -> Table {
    let mut table = Table::new(&["INSTANCE", "TYPE", "PAIR", "KEY DEFINED"]);
    for instance in view.instances() {
        let registration = view.registration(&instance.service);
        let keys = registration.and_then(|row| row.txt_keys());
        for pair in attributes(&instance) {
            table.row([
                Cell::escaped(|text| escape::terminal(instance.label, text)),
                Cell::escaped(|text| instance.service.text(text)),
                Cell::escaped(|text| pair_text(&pair, text)),
                Cell::maybe(
                    defines(keys.as_ref(), pair.key).map(|defined| if defined { "yes" } else { "no" }),
                ),
            ]);
        }
    }
    table
}

fn types(view: &View<'_>) -> Table {
    let mut table = Table::new(&["TYPE", "INSTANCES", "QUERIES", "REGISTERED FOR"]);
    for known in view.types() {
        // A description of the registry or of a user may hold line breaks.
        let words = |description: &str| description.split_whitespace().collect::<Vec<_>>().join(" ");
        let description = view.registration(&known.service).map(|row| words(row.description()));
        table.row([
            Cell::escaped(|text| known.service.text(text)),
            Cell::shown(known.instances),
            Cell::shown(known.queries),
            Cell::text(description.as_deref().unwrap_or("not registered")),
        ]);
    }
    table
}

fn events(view: &View<'_>) -> Table {
    let mut table = Table::new(&["TIME", "PACKET", "SOURCE", "EVENT", "NAME"]);
    for event in view.events() {
        table.row([
            Cell::maybe(event.time.map(machine_time)),
            Cell::shown(packet(view, event.packet)),
            Cell::shown(event.source),
            Cell::shown(event.kind.as_str()),
            match event.from {
                Some(from) => Cell::shown(format_args!("{from} → {}", event.name)),
                None => Cell::shown(event.name),
            },
        ]);
    }
    table
}

fn queries(view: &View<'_>) -> Table {
    let mut table = Table::new(&["CLIENT", "NAME", "TYPE", "COUNT", "UNANSWERED"]);
    for query in view.queries() {
        table.row([
            Cell::shown(query.client),
            Cell::shown(query.name),
            Cell::shown(query.kind),
            Cell::shown(query.packets.count()),
            Cell::shown(query.unanswered),
        ]);
    }
    table
}

fn findings(view: &View<'_>) -> Table {
    let mut table = Table::new(&["FINDING", "SUBJECT", "COUNT", "PACKETS", "SEE"]);
    for finding in view.findings() {
        let packets: Vec<_> = finding.packets.first().iter().map(|&first| packet(view, first)).collect();
        let more = finding.packets.count() > packets.len() as u64;
        table.row([
            Cell::shown(finding.kind.as_str()),
            Cell::escaped(|text| subject_text(&finding.subject, text)),
            Cell::shown(finding.packets.count()),
            Cell::shown(packets.join(" ") + if more { " …" } else { "" }),
            Cell::shown(finding.kind.reference()),
        ]);
    }
    table
}

/// `17`, or `office.pcapng:17` where there are several files.
fn packet(view: &View<'_>, packet: PacketId) -> String {
    let mut text = Vec::new();
    if let Some(file) = view.file(packet.file) {
        escape::terminal(file.as_bytes(), &mut text);
        text.push(b':');
    }
    number::decimal(packet.number, &mut text);
    String::from_utf8_lossy(&text).into_owned()
}
