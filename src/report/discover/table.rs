//! `discover` for people: tables of instances, types, findings, and on request events and queries.

use std::io;

use comfy_table::{ContentArrangement, Table, presets};

use super::{View, attributes, defines, missing, subject_text};
use crate::{
    dns::{Name, inventory::State},
    text::{escape, time::machine_time},
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

/// A header and rows; what stands in a cell is harmless text.
struct Rows {
    header: &'static [&'static str],
    rows: Vec<Vec<String>>,
}

fn section(view: &View<'_>, out: &mut impl io::Write, title: &str, rows: Rows) -> io::Result<()> {
    if rows.rows.is_empty() {
        return writeln!(out, "\n{title}: none");
    }
    writeln!(out, "\n{title}: {}", rows.rows.len())?;
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(rows.header);
    table.add_rows(rows.rows);
    if let Some(width) = view.options.width {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    }
    for line in table.lines() {
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

fn instances(view: &View<'_>) -> Rows {
    let header = &["INSTANCE", "TYPE", "HOST", "PORT", "ADDRESSES", "STATE"];
    let rows = view.instances().map(|instance| {
        let missing: Vec<_> = missing(&instance).collect();
        let state = match instance.state {
            State::Partial => format!("partial (no {})", missing.join(", ")),
            state => state.as_str().to_owned(),
        };
        let addresses: Vec<_> = instance.addresses.iter().map(ToString::to_string).collect();
        vec![
            text(|text| escape::terminal(instance.label, text)),
            text(|text| instance.service.text(text)),
            instance.server.map(|(host, _)| name(&host)).unwrap_or_default(),
            instance.server.map(|(_, port)| port.to_string()).unwrap_or_default(),
            addresses.join("\n"),
            state,
        ]
    });
    Rows { header, rows: rows.collect() }
}

/// What each instance says of itself, and whether the registry defines its keys.
fn texts(view: &View<'_>) -> Rows {
    let header = &["INSTANCE", "TYPE", "PAIR", "KEY DEFINED"];
    let mut rows = Vec::new();
    for instance in view.instances() {
        let registration = view.registration(&instance.service);
        let keys = registration.and_then(|row| row.txt_keys());
        for pair in attributes(&instance) {
            let defined = match defines(keys.as_ref(), pair.key) {
                Some(true) => "yes",
                Some(false) => "no",
                None => "",
            };
            rows.push(vec![
                text(|text| escape::terminal(instance.label, text)),
                text(|text| instance.service.text(text)),
                text(|text| {
                    escape::terminal(pair.key, text);
                    if let Some(value) = pair.value {
                        text.push(b'=');
                        escape::terminal(value, text);
                    }
                }),
                defined.to_owned(),
            ]);
        }
    }
    Rows { header, rows }
}

fn types(view: &View<'_>) -> Rows {
    let header = &["TYPE", "INSTANCES", "QUERIES", "REGISTERED FOR"];
    let rows = view.types().map(|known| {
        let registration = view.registration(&known.service);
        vec![
            text(|text| known.service.text(text)),
            known.instances.to_string(),
            known.queries.to_string(),
            registration.map_or_else(|| "not registered".to_owned(), |row| one_line(row.description())),
        ]
    });
    Rows { header, rows: rows.collect() }
}

fn events(view: &View<'_>) -> Rows {
    let header = &["TIME", "PACKET", "SOURCE", "EVENT", "NAME"];
    let rows = view.events().map(|event| {
        let name = match event.from {
            Some(from) => format!("{} → {}", name(&from), name(&event.name)),
            None => name(&event.name),
        };
        vec![
            event.time.map(machine_time).unwrap_or_default(),
            packet(view, event.packet),
            event.source.to_string(),
            event.kind.as_str().to_owned(),
            name,
        ]
    });
    Rows { header, rows: rows.collect() }
}

fn queries(view: &View<'_>) -> Rows {
    let header = &["CLIENT", "NAME", "TYPE", "COUNT", "UNANSWERED"];
    let rows = view.queries().map(|query| {
        vec![
            query.client.to_string(),
            name(&query.name),
            query.kind.to_string(),
            query.packets.count().to_string(),
            query.unanswered.to_string(),
        ]
    });
    Rows { header, rows: rows.collect() }
}

fn findings(view: &View<'_>) -> Rows {
    let header = &["FINDING", "SUBJECT", "COUNT", "PACKETS", "SEE"];
    let rows = view.findings().map(|finding| {
        let packets: Vec<_> = finding.packets.first().iter().map(|&first| packet(view, first)).collect();
        let more = finding.packets.count() > packets.len() as u64;
        vec![
            finding.kind.as_str().to_owned(),
            text(|text| subject_text(&finding.subject, text)),
            finding.packets.count().to_string(),
            packets.join(" ") + if more { " …" } else { "" },
            finding.kind.reference().to_owned(),
        ]
    });
    Rows { header, rows: rows.collect() }
}

/// `17`, or `office.pcapng:17` where there are several files.
fn packet(view: &View<'_>, packet: crate::packet::PacketId) -> String {
    match view.file(packet.file) {
        Some(file) => format!("{}:{}", text(|text| escape::terminal(file.as_bytes(), text)), packet.number),
        None => packet.number.to_string(),
    }
}

fn name(name: &Name<'_>) -> String {
    text(|text| name.text(text))
}

/// A description of the registry or of a user, which may hold line breaks.
fn one_line(description: &str) -> String {
    let words: Vec<_> = description.split_whitespace().collect();
    text(|text| escape::terminal(words.join(" ").as_bytes(), text))
}

fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut octets = Vec::new();
    write(&mut octets);
    String::from_utf8_lossy(&octets).into_owned()
}
