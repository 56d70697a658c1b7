//! `discover --format csv`: one table, of instances, events or queries.

use std::io;

use super::{View, attributes, missing};
use crate::{
    dns::{Name, name::label_text},
    packet::Timestamp,
    text::{escape, time::machine_time},
};

pub(super) fn write(view: &View<'_>, out: &mut impl io::Write) -> io::Result<()> {
    if view.options.events {
        events(view, out)
    } else if view.options.queries {
        queries(view, out)
    } else {
        instances(view, out)
    }?;
    out.flush()
}

/// One line in the making. What stands in a field is harmless text; several values are joined by semicolons.
#[derive(Default)]
struct Line {
    text: Vec<u8>,
    field: Vec<u8>,
    begun: bool,
}

impl Line {
    fn field(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        self.field.clear();
        write(&mut self.field);
        if std::mem::replace(&mut self.begun, true) {
            self.text.push(b',');
        }
        escape::csv_text(&self.field, &mut self.text);
    }

    fn text(&mut self, text: &str) {
        self.field(|field| field.extend_from_slice(text.as_bytes()));
    }

    fn name(&mut self, name: Option<&Name<'_>>) {
        self.field(|field| {
            if let Some(name) = name {
                name.text(field);
            }
        });
    }

    fn time(&mut self, time: Option<Timestamp>) {
        self.text(&time.map(machine_time).unwrap_or_default());
    }

    fn list<T>(&mut self, items: impl IntoIterator<Item = T>, write: impl Fn(T, &mut Vec<u8>)) {
        self.field(|field| {
            for (index, item) in items.into_iter().enumerate() {
                if index > 0 {
                    field.push(b';');
                }
                let start = field.len();
                write(item, field);
                // A semicolon within a value is told apart as RFC 6763 section 4.3 escapes.
                let value = field.split_off(start);
                for octet in value {
                    if octet == b';' { field.extend_from_slice(br"\059") } else { field.push(octet) }
                }
            }
        });
    }

    fn end(&mut self, out: &mut impl io::Write) -> io::Result<()> {
        self.text.push(b'\n');
        out.write_all(&self.text)?;
        self.text.clear();
        self.begun = false;
        Ok(())
    }
}

fn instances(view: &View<'_>, out: &mut impl io::Write) -> io::Result<()> {
    out.write_all(
        b"instance,type,domain,subtypes,host,port,addresses,txt,registered_name,registered_description,state,\
        missing,first,last,announced_by,via\n",
    )?;
    let mut line = Line::default();
    for instance in view.instances() {
        let registration = view.registration(&instance.service);
        line.field(|field| escape::terminal(instance.label, field));
        line.field(|field| instance.service.text(field));
        line.name(Some(&instance.domain));
        line.list(&instance.subtypes, |subtype, field| label_text(subtype, field));
        line.name(instance.server.as_ref().map(|(host, _)| host));
        line.text(&instance.server.map(|(_, port)| port.to_string()).unwrap_or_default());
        line.list(&instance.addresses, |address, field| {
            field.extend_from_slice(address.to_string().as_bytes());
        });
        line.list(attributes(&instance), |pair, field| {
            escape::terminal(pair.key, field);
            if let Some(value) = pair.value {
                field.push(b'=');
                escape::terminal(value, field);
            }
        });
        line.field(|field| {
            let name = registration.map(|registration| registration.name()).unwrap_or_default();
            escape::terminal(name.as_bytes(), field);
        });
        line.field(|field| {
            let description = registration.map(|registration| registration.description()).unwrap_or_default();
            escape::terminal(description.as_bytes(), field);
        });
        line.text(instance.state.as_str());
        line.list(missing(&instance), |name, field| field.extend_from_slice(name.as_bytes()));
        line.time(instance.first);
        line.time(instance.last);
        line.list(instance.announced_by, |source, field| {
            field.extend_from_slice(source.to_string().as_bytes());
        });
        line.list(&instance.via, |via, field| field.extend_from_slice(via.as_str().as_bytes()));
        line.end(out)?;
    }
    Ok(())
}

fn events(view: &View<'_>, out: &mut impl io::Write) -> io::Result<()> {
    out.write_all(b"time,event,name,from,packet,file,source\n")?;
    let mut line = Line::default();
    for event in view.events() {
        line.time(event.time);
        line.text(event.kind.as_str());
        line.name(Some(&event.name));
        line.name(event.from.as_ref());
        line.text(&event.packet.number.to_string());
        line.field(|field| {
            escape::terminal(view.file(event.packet.file).unwrap_or_default().as_bytes(), field);
        });
        line.text(&event.source.to_string());
        line.end(out)?;
    }
    Ok(())
}

fn queries(view: &View<'_>, out: &mut impl io::Write) -> io::Result<()> {
    out.write_all(b"client,name,type,count,unanswered\n")?;
    let mut line = Line::default();
    for query in view.queries() {
        line.text(&query.client.to_string());
        line.name(Some(&query.name));
        line.text(&query.kind.to_string());
        line.text(&query.packets.count().to_string());
        line.text(&query.unanswered.to_string());
        line.end(out)?;
    }
    Ok(())
}
