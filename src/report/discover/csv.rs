//! `discover --format csv`: one table, of instances, events or queries.

use std::{io, net::IpAddr};

use super::{All, COLUMNS, View, json, missing};
use crate::{
    dns::{
        Name,
        inventory::{Event, Instance},
        name::label_text,
    },
    packet::Timestamp,
    text::{
        Moments,
        csv::{self, Line},
        escape, number,
        table::{Cell, Table},
    },
};

pub(super) fn write(all: &All<'_, '_>, out: &mut impl io::Write) -> io::Result<()> {
    if all.options.events {
        events(all, out)
    } else if all.options.queries {
        queries(all, out)
    } else {
        instances(all, out)
    }?;
    out.flush()
}

/// Writes a header and a line for each item, which may begin with the file that it is `of`. Several values in a field are
/// joined by spaces.
fn lines<'v, 'a: 'v, T>(
    header: &[&str],
    of: bool,
    items: impl Iterator<Item = (&'v View<'a>, T)>,
    out: &mut impl io::Write,
    fill: impl Fn(&View<'a>, &T, &mut Line<'_>),
) -> io::Result<()> {
    let mut buffer = Vec::new();
    let header: Vec<_> = of.then_some("file").into_iter().chain(header.iter().copied()).collect();
    csv::line(&header, &mut buffer);
    out.write_all(&buffer)?;
    for (view, item) in items {
        buffer.clear();
        let mut line = Line::new(&mut buffer);
        if of {
            line.text(view.of.unwrap_or_default());
        }
        fill(view, &item, &mut line);
        line.end();
        out.write_all(&buffer)?;
    }
    Ok(())
}

fn name(line: &mut Line<'_>, name: Option<&Name<'_>>) {
    line.escaped(|field| {
        if let Some(name) = name {
            name.text(field);
        }
    });
}

fn time(line: &mut Line<'_>, times: Moments, time: Option<Timestamp>) {
    line.shown(times.maybe(time).unwrap_or_default());
}

/// A field of several values, each of which `write` appends as text that is harmless on a terminal.
fn list<T>(line: &mut Line<'_>, items: impl IntoIterator<Item = T>, write: impl Fn(T, &mut Vec<u8>)) {
    line.escaped(|field| {
        for (index, item) in items.into_iter().enumerate() {
            if index > 0 {
                field.push(b' ');
            }
            let start = field.len();
            write(item, field);
            // A space within a value is told apart as RFC 6763 section 4.3 escapes.
            let value = field.split_off(start);
            for octet in value {
                if octet == b' ' { field.extend_from_slice(br"\032") } else { field.push(octet) }
            }
        }
    });
}

fn address(address: &IpAddr, field: &mut Vec<u8>) {
    number::address(*address, field);
}

fn instances(all: &All<'_, '_>, out: &mut impl io::Write) -> io::Result<()> {
    let Some(columns) = &all.options.choice.columns else {
        return lines(&COLUMNS, all.are_apart(), all.instances(), out, |view, item, line| {
            instance(view, item, Moments::default(), line);
        });
    };
    let header: Vec<_> = columns.iter().map(|&column| COLUMNS[column]).collect();
    let (mut whole, mut starts) = (Vec::new(), Vec::new());
    let mut rows = Vec::new();
    for (view, item) in all.instances() {
        whole.clear();
        let mut line = Line::noting(&mut whole, &mut starts);
        instance(view, &item, Moments::default(), &mut line);
        line.end();
        let fields = columns.iter().map(|&column| csv::field(&whole, &starts, column).to_vec());
        rows.push((view, fields.collect::<Vec<_>>()));
    }
    lines(&header, all.are_apart(), rows.into_iter(), out, |_, fields, line| {
        fields.iter().for_each(|field| line.plain(|out| out.extend_from_slice(field)));
    })
}

/// A table of chosen columns, as CSV has them.
pub(super) fn table(all: &All<'_, '_>, columns: &[usize]) -> Table {
    let header: Vec<_> = columns.iter().map(|&column| COLUMNS[column]).collect();
    let mut table = super::table::new(all, &header);
    let (mut whole, mut starts) = (Vec::new(), Vec::new());
    for (view, item) in all.instances() {
        whole.clear();
        let mut line = Line::noting(&mut whole, &mut starts);
        instance(view, &item, all.options.times, &mut line);
        line.end();
        let cells = columns.iter().map(|&column| {
            let text = csv::unquoted(csv::field(&whole, &starts, column));
            Cell::escaped(|out| out.extend_from_slice(&text))
        });
        table.row(super::table::file(view).chain(cells));
    }
    table
}

fn instance(view: &View<'_>, instance: &Instance<'_>, times: Moments, line: &mut Line<'_>) {
    let registration = view.registration(&instance.service);
    line.escaped(|field| escape::terminal(instance.label, field));
    line.escaped(|field| instance.service.text(field));
    name(line, Some(&instance.domain));
    list(line, &instance.subtypes, |subtype, field| label_text(subtype, field));
    list(line, &instance.servers, |server, field| server.host.text(field));
    list(line, &instance.servers, |server, field| number::decimal(server.port.into(), field));
    list(line, &instance.addresses, address);
    line.escaped(|field| field.extend_from_slice(json::txt(view, instance).as_bytes()));
    line.text(registration.map(|registration| registration.name()).unwrap_or_default());
    line.text(registration.map(|registration| registration.description()).unwrap_or_default());
    line.shown(instance.state.as_str());
    list(line, missing(instance), |name, field| field.extend_from_slice(name.as_bytes()));
    time(line, times, instance.first);
    time(line, times, instance.last);
    list(line, instance.announced_by, address);
    list(line, &instance.via, |via, field| field.extend_from_slice(via.as_str().as_bytes()));
    list(line, instance.known_by, address);
}

fn events(all: &All<'_, '_>, out: &mut impl io::Write) -> io::Result<()> {
    lines(&EVENT, false, all.each(View::events), out, event)
}

/// The columns of events.
pub(super) const EVENT: [&str; 7] = ["time", "event", "name", "from", "packet", "file", "source"];

pub(super) fn event(view: &View<'_>, event: &Event<'_>, line: &mut Line<'_>) {
    time(line, Moments::default(), event.time);
    line.shown(event.kind.as_str());
    name(line, Some(&event.name));
    name(line, event.from.as_ref());
    line.shown(event.packet.number);
    line.text(view.file(event.packet.file).unwrap_or_default());
    line.shown(event.source);
}

fn queries(all: &All<'_, '_>, out: &mut impl io::Write) -> io::Result<()> {
    let header = ["client", "name", "type", "count", "unanswered"];
    lines(&header, all.are_apart(), all.each(View::queries), out, |_, query, line| {
        line.shown(query.client);
        name(line, Some(&query.name));
        line.shown(query.kind);
        line.shown(query.packets.count());
        line.shown(query.unanswered);
    })
}
