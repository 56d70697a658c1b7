//! `discover` for people: tables of instances, types, findings, and on request events and queries.

use std::io;

use super::{All, View, attributes, defines, missing, pair_text, subject_text};
use crate::{
    dns::inventory::{Event, Instance, State},
    packet::PacketId,
    text::{
        escape, number,
        table::{Cell, Table},
    },
};

pub(super) fn write(all: &All<'_, '_>, out: &mut impl io::Write) -> io::Result<()> {
    let counts = all.counts();
    writeln!(
        out,
        "{} DNS messages: {} queries, {} of them probes, {} responses, {} ignored",
        counts.messages, counts.queries, counts.probes, counts.responses, counts.ignored
    )?;
    match &all.options.choice.columns {
        Some(columns) => section(all, out, "Instances", super::csv::table(all, columns))?,
        None => {
            section(all, out, "Instances", instances(all))?;
            // They fill screens.
            let texts = texts(all);
            if all.options.width.is_some() && !all.options.txt && !texts.is_empty() {
                writeln!(out, "\nTXT pairs: {} (--txt shows them)", texts.len())?;
            } else {
                section(all, out, "TXT pairs", texts)?;
            }
        }
    }
    section(all, out, "Types", types(all))?;
    if all.options.events {
        section(all, out, "Events", events(all))?;
    }
    if all.options.queries {
        section(all, out, "Queries", queries(all))?;
    }
    section(all, out, "Findings", findings(all))?;
    out.flush()
}

fn section(all: &All<'_, '_>, out: &mut impl io::Write, title: &str, table: Table) -> io::Result<()> {
    if table.is_empty() {
        return writeln!(out, "\n{title}: none");
    }
    writeln!(out, "\n{title}: {}", table.len())?;
    table.write(all.options.width, out)
}

/// A table whose rows begin with their file where there are several inventories.
pub(super) fn new(all: &All<'_, '_>, header: &[&'static str]) -> Table {
    let file = all.are_apart().then_some("FILE");
    Table::new(&file.into_iter().chain(header.iter().copied()).collect::<Vec<_>>())
}

pub(super) fn file(view: &View<'_>) -> impl Iterator<Item = Cell> {
    view.of.map(Cell::text).into_iter()
}

fn instances(all: &All<'_, '_>) -> Table {
    let mut table = new(all, &["INSTANCE", "TYPE", "HOST", "PORT", "ADDRESSES", "STATE"]);
    // Hosts have their addresses in `portolan hosts`.
    table = table.without([4 + usize::from(all.are_apart())]);
    for (view, instance) in all.instances() {
        table.row(file(view).chain(cells(&instance)));
    }
    table
}

/// An instance: its label, type, hosts, ports, addresses and state.
pub(in crate::report) fn cells(instance: &Instance<'_>) -> [Cell; 6] {
    let missing: Vec<_> = missing(instance).collect();
    [
        Cell::escaped(|text| escape::terminal(instance.label, text)),
        Cell::escaped(|text| instance.service.text(text)),
        Cell::lines(instance.servers.iter().map(|server| server.host)),
        // Port 0 only guards the name: there is no server (RFC 6763 section 8).
        Cell::lines(instance.servers.iter().map(|server| match server.port {
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
    ]
}

/// What each instance says of itself, and whether the registry defines its keys.
fn texts(all: &All<'_, '_>) -> Table {
    let mut table = new(all, &["INSTANCE", "TYPE", "PAIR", "KEY DEFINED"]);
    for (view, instance) in all.instances() {
        let registration = view.registration(&instance.service);
        let keys = registration.and_then(|row| row.txt_keys());
        for pair in attributes(&instance) {
            table.row(file(view).chain([
                Cell::escaped(|text| escape::terminal(instance.label, text)),
                Cell::escaped(|text| instance.service.text(text)),
                Cell::escaped(|text| pair_text(&pair, text)),
                // The registry lists keys of few types.
                Cell::shown(match defines(keys.as_ref(), pair.key) {
                    Some(true) => "yes",
                    Some(false) => "no",
                    None => "not listed",
                }),
            ]));
        }
    }
    table
}

fn types(all: &All<'_, '_>) -> Table {
    let mut table = new(all, &["TYPE", "INSTANCES", "QUERIES", "REGISTERED FOR"]);
    for (view, known) in all.each(View::types) {
        // A description of the registry or of a user may hold line breaks.
        let words = |description: &str| description.split_whitespace().collect::<Vec<_>>().join(" ");
        let description = view.registration(&known.service).map(|row| words(row.description()));
        table.row(file(view).chain([
            Cell::escaped(|text| known.service.text(text)),
            Cell::shown(known.instances),
            Cell::shown(known.queries),
            Cell::text(description.as_deref().unwrap_or("not registered")),
        ]));
    }
    table
}

/// An event: when it was, its packet, who sent that, what it was, and to which name.
pub(in crate::report) fn event_cells(view: &View<'_>, event: &Event<'_>) -> [Cell; 5] {
    [
        Cell::maybe(view.options.times.maybe(event.time)),
        Cell::shown(packet(view, event.packet)),
        Cell::shown(event.source),
        Cell::shown(event.kind.as_str()),
        match event.from {
            Some(from) => Cell::shown(format_args!("{from} → {}", event.name)),
            None => Cell::shown(event.name),
        },
    ]
}

fn events(all: &All<'_, '_>) -> Table {
    let mut table = Table::new(&["TIME", "PACKET", "SOURCE", "EVENT", "NAME"]);
    for (view, event) in all.each(View::events) {
        table.row(event_cells(view, &event));
    }
    table
}

fn queries(all: &All<'_, '_>) -> Table {
    let mut table = new(all, &["CLIENT", "NAME", "TYPE", "COUNT", "UNANSWERED"]);
    for (view, query) in all.each(View::queries) {
        table.row(file(view).chain([
            Cell::shown(query.client),
            Cell::shown(query.name),
            Cell::shown(query.kind),
            Cell::shown(query.packets.count()),
            Cell::shown(query.unanswered),
        ]));
    }
    table
}

fn findings(all: &All<'_, '_>) -> Table {
    let mut table = Table::new(&["FINDING", "SUBJECT", "COUNT", "PACKETS", "SEE"]);
    for (view, finding) in all.each(View::findings) {
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
pub(in crate::report) fn packet(view: &View<'_>, packet: PacketId) -> String {
    let mut text = Vec::new();
    if let Some(file) = view.file(packet.file) {
        escape::terminal(file.as_bytes(), &mut text);
        text.push(b':');
    }
    number::decimal(packet.number, &mut text);
    String::from_utf8_lossy(&text).into_owned()
}
