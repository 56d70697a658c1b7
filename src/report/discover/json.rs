//! `discover --format json`: one object, `portolan/discover/1`.

use std::{
    io::{self, Write},
    net::IpAddr,
};

#[cfg(feature = "parquet")]
use super::fields::{EVENT, INSTANCE, QUERY};
use super::{All, COLUMNS, View, attributes, defines, missing, omitted_pairs, subject_text};
#[cfg(feature = "parquet")]
use crate::{
    columns::{Origin, Table, TreeTable, spread},
    text::field::{Field, distinct},
};
use crate::{
    dns::{
        inventory::{Event, Finding, Instance, Query, Server, Type},
        json::{member_name, member_pair},
        name::label_text,
    },
    packet::{PacketId, Timestamp},
    registry::{Registration, TxtKeys},
    text::{
        escape,
        json::{self, Tree, member_escaped, member_text, string_escaped},
        time::machine_time,
    },
};

/// Octets collected before they are written.
const ENOUGH: usize = 64 << 10;

pub(super) fn write(all: &All<'_, '_>, out: &mut impl Write) -> io::Result<()> {
    let mut json = Json { text: Vec::new(), out };
    json.push(r#"{"schema":"portolan/discover/1","registry":{"updated":""#);
    escape::json(all.registry.updated().as_bytes(), &mut json.text);
    json.push(r#""},"messages":"#);
    json.put(format_args!("{}", all.counts().messages))?;
    let columns = all.options.choice.columns.as_deref();
    let keys: Option<Vec<_>> =
        columns.map(|columns| columns.iter().flat_map(|&column| keys(column)).collect());
    json.list("instances", all.instances(), |json, view, instance| match &keys {
        None => json.instance(view, instance),
        Some(keys) => json.members(view, instance, keys),
    })?;
    json.list("types", all.each(View::types), Json::service_type)?;
    json.list("queries", all.each(View::queries), Json::query)?;
    json.list("events", all.each(View::events), Json::event)?;
    json.list("findings", all.each(View::findings), Json::finding)?;
    json.limits(all)?;
    json.push("}\n");
    json.out.write_all(&json.text)?;
    json.out.flush()
}

/// The pairs of an instance as JSON; empty where it has none.
pub(super) fn txt(view: &View<'_>, instance: &Instance<'_>) -> String {
    tree(view, instance).json(&["txt"]).unwrap_or_default()
}

/// An instance as its JSON has it.
pub(super) fn tree(view: &View<'_>, instance: &Instance<'_>) -> Tree {
    tree_of(|json| json.instance(view, instance))
}

/// An instance as its JSON has it.
pub(in crate::report) fn instance(view: &View<'_>, instance: &Instance<'_>) -> Vec<u8> {
    record(|json| json.instance(view, instance))
}

/// An event as its JSON has it.
pub(in crate::report) fn event(view: &View<'_>, event: &Event<'_>) -> Vec<u8> {
    record(|json| json.event(view, event))
}

/// What `write` writes as an object, for whoever asks single members.
fn tree_of(write: impl FnOnce(&mut Json<'_, io::Sink>) -> io::Result<()>) -> Tree {
    Tree::parse(&record(write))
}

/// What `write` writes as an object.
fn record(write: impl FnOnce(&mut Json<'_, io::Sink>) -> io::Result<()>) -> Vec<u8> {
    let mut json = Json { text: b"{".to_vec(), out: &mut io::sink() };
    // Writing to memory does not fail.
    let _ = write(&mut json);
    json.push("}");
    json.text
}

/// Instances, events or queries as columns, as CSV has one of them.
#[cfg(feature = "parquet")]
pub(super) fn table(all: &All<'_, '_>, origin: &Origin) -> io::Result<Table> {
    let options = all.options;
    if options.events {
        let mut rows = TreeTable::new(spread(&EVENT, &["packet"]), origin);
        all.each(View::events)
            .try_for_each(|(view, event)| rows.row(&tree_of(|json| json.event(view, &event))))?;
        return rows.finish();
    }
    let apart = |(path, _): &(String, &Field)| path != "file" || all.are_apart();
    if options.queries {
        let mut rows = TreeTable::new(spread(&QUERY, &[]).into_iter().filter(apart).collect(), origin);
        all.each(View::queries)
            .try_for_each(|(view, query)| rows.row(&tree_of(|json| json.query(view, &query))))?;
        return rows.finish();
    }
    let mut fields: Vec<_> = spread(&INSTANCE, &[]).into_iter().filter(apart).collect();
    if let Some(columns) = options.choice.columns.as_deref() {
        let is_of = |path: &str, key: &str| {
            path.strip_prefix(key).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let keys = distinct(columns).into_iter().flat_map(keys);
        let chosen = ["file"]
            .into_iter()
            .chain(keys)
            .flat_map(|key| fields.iter().filter(move |(path, _)| is_of(path, key)).cloned());
        let mut distinct: Vec<(String, &Field)> = Vec::new();
        for field in chosen {
            if !distinct.iter().any(|(path, _)| *path == field.0) {
                distinct.push(field);
            }
        }
        fields = distinct;
    }
    let mut rows = TreeTable::new(fields, origin);
    all.instances().try_for_each(|(view, instance)| rows.row(&tree(view, &instance)))?;
    rows.finish()
}

/// The keys of what stands in a column.
fn keys(column: usize) -> impl Iterator<Item = &'static str> {
    let (first, second) = match COLUMNS[column] {
        "instance" => ("instance", Some("instance_base64")),
        "host" => ("host", Some("servers")),
        "registered_name" | "registered_description" => ("registered", None),
        name => (name, None),
    };
    [first].into_iter().chain(second)
}

struct Json<'w, W> {
    text: Vec<u8>,
    out: &'w mut W,
}

impl<W: Write> Json<'_, W> {
    fn push(&mut self, text: &str) {
        self.text.extend_from_slice(text.as_bytes());
    }

    fn put(&mut self, text: std::fmt::Arguments<'_>) -> io::Result<()> {
        self.text.write_fmt(text)
    }

    fn list<'v, 'a: 'v, T>(
        &mut self,
        key: &str,
        items: impl Iterator<Item = (&'v View<'a>, T)>,
        write: impl Fn(&mut Self, &View<'a>, &T) -> io::Result<()>,
    ) -> io::Result<()> {
        self.put(format_args!(r#","{key}":["#))?;
        for (index, (view, item)) in items.enumerate() {
            self.push(if index == 0 { "\n{" } else { ",\n{" });
            write(self, view, &item)?;
            self.push("}");
            if self.text.len() > ENOUGH {
                self.out.write_all(&self.text)?;
                self.text.clear();
            }
        }
        self.push("]");
        Ok(())
    }

    fn instance(&mut self, view: &View<'_>, instance: &Instance<'_>) -> io::Result<()> {
        self.of(view);
        let text = &mut self.text;
        member_text("instance", instance.label, text);
        text.push(b',');
        member_escaped("type", text, |text| instance.service.text(text));
        text.push(b',');
        member_name("domain", &instance.domain, text);
        if !instance.subtypes.is_empty() {
            self.strings("subtypes", &instance.subtypes, |subtype, text| label_text(subtype, text));
        }
        if let Some((host, port)) = instance.server {
            self.push(",");
            member_name("host", &host, &mut self.text);
            self.put(format_args!(r#","port":{port}"#))?;
        }
        if instance.servers.len() > 1 {
            self.servers(&instance.servers)?;
        }
        if !instance.addresses.is_empty() {
            self.strings("addresses", &instance.addresses, address_text);
        }
        let registration = view.registration(&instance.service);
        let keys = registration.and_then(Registration::txt_keys);
        if !instance.txt.is_empty() {
            self.attributes(instance, keys.as_ref())?;
        }
        if let Some(registration) = registration {
            self.push(r#","registered":{"#);
            member_text("name", registration.name().as_bytes(), &mut self.text);
            self.push(",");
            member_text("description", registration.description().as_bytes(), &mut self.text);
            if let Some(TxtKeys::Keys(_) | TxtKeys::None) = keys {
                let keys = keys.as_ref().map(TxtKeys::keys).unwrap_or_default();
                self.strings("txt_keys", keys, |key, text| escape::terminal(key.key.as_bytes(), text));
            }
            self.push("}");
        }
        self.put(format_args!(r#","state":"{}""#, instance.state.as_str()))?;
        let missing: Vec<_> = missing(instance).collect();
        if !missing.is_empty() {
            self.strings("missing", &missing, |name, text| text.extend_from_slice(name.as_bytes()));
        }
        self.time("first", instance.first)?;
        self.time("last", instance.last)?;
        self.strings("announced_by", instance.announced_by, address_text);
        if !instance.known_by.is_empty() {
            self.strings("known_by", instance.known_by, address_text);
        }
        self.strings("via", &instance.via, |via, text| text.extend_from_slice(via.as_str().as_bytes()));
        Ok(())
    }

    /// An instance with these keys only, and that of its file.
    fn members(&mut self, view: &View<'_>, instance: &Instance<'_>, keys: &[&str]) -> io::Result<()> {
        let mut all = Vec::new();
        for key in ["file"].iter().chain(keys) {
            if !all.contains(key) {
                all.push(*key);
            }
        }
        let mut object = Vec::new();
        json::line(&tree(view, instance).only(&all), &mut object)?;
        // Without its braces and the end of the line.
        self.text.extend_from_slice(&object[1..object.len() - 2]);
        Ok(())
    }

    fn servers(&mut self, servers: &[Server<'_>]) -> io::Result<()> {
        for (index, server) in servers.iter().enumerate() {
            self.push(if index == 0 { r#","servers":[{"# } else { ",{" });
            member_name("host", &server.host, &mut self.text);
            let Server { port, priority, weight, .. } = server;
            self.put(format_args!(r#","port":{port},"priority":{priority},"weight":{weight}"#))?;
            if !server.addresses.is_empty() {
                self.strings("addresses", &server.addresses, address_text);
            }
            self.push("}");
        }
        self.push("]");
        Ok(())
    }

    /// The pairs, and the keys the registry defines that are absent: the four states of RFC 6763 section 6.4.
    fn attributes(&mut self, instance: &Instance<'_>, keys: Option<&TxtKeys<'_>>) -> io::Result<()> {
        let pairs = attributes(instance);
        self.push(r#","txt":["#);
        for (index, pair) in pairs.iter().enumerate() {
            self.push(if index == 0 { "{" } else { ",{" });
            member_pair(pair, &mut self.text);
            if let Some(registered) = defines(keys, pair.key) {
                self.put(format_args!(r#","registered":{registered}"#))?;
            }
            self.push("}");
        }
        let defined = keys.map(TxtKeys::keys).unwrap_or_default();
        let absent = defined.iter().filter(|defined| {
            !pairs.iter().any(|pair| pair.key.eq_ignore_ascii_case(defined.key.as_bytes()))
        });
        for (index, key) in absent.enumerate() {
            self.push(if index == 0 && pairs.is_empty() { "{" } else { ",{" });
            member_text("key", key.key.as_bytes(), &mut self.text);
            self.push(r#","state":"absent","registered":true}"#);
        }
        self.push("]");
        let omitted = omitted_pairs(instance);
        if omitted > 0 {
            self.put(format_args!(r#","txt_omitted":{omitted}"#))?;
        }
        Ok(())
    }

    fn service_type(&mut self, view: &View<'_>, known: &Type<'_>) -> io::Result<()> {
        self.of(view);
        member_escaped("type", &mut self.text, |text| known.service.text(text));
        let registration = view.registration(&known.service);
        self.put(format_args!(r#","registered":{}"#, registration.is_some()))?;
        if let Some(registration) = registration {
            self.push(",");
            member_text("description", registration.description().as_bytes(), &mut self.text);
        }
        self.put(format_args!(r#","instances":{},"queries":{}"#, known.instances, known.queries))
    }

    fn query(&mut self, view: &View<'_>, query: &Query<'_>) -> io::Result<()> {
        self.of(view);
        self.put(format_args!(r#""client":"{}","#, query.client))?;
        member_name("name", &query.name, &mut self.text);
        self.put(format_args!(
            r#","type":"{}","count":{},"unanswered":{}"#,
            query.kind,
            query.packets.count(),
            query.unanswered
        ))
    }

    fn event(&mut self, view: &View<'_>, event: &Event<'_>) -> io::Result<()> {
        self.put(format_args!(r#""event":"{}","#, event.kind.as_str()))?;
        member_name("name", &event.name, &mut self.text);
        if let Some(from) = event.from {
            self.push(",");
            member_name("from", &from, &mut self.text);
        }
        self.time("time", event.time)?;
        self.push(r#","packet":"#);
        self.packet(view, event.packet)?;
        self.put(format_args!(r#","source":"{}""#, event.source))
    }

    fn finding(&mut self, view: &View<'_>, finding: &Finding<'_>) -> io::Result<()> {
        self.put(format_args!(r#""finding":"{}","#, finding.kind.as_str()))?;
        member_escaped("subject", &mut self.text, |text| subject_text(&finding.subject, text));
        self.put(format_args!(
            r#","reference":"{}","count":{},"packets":["#,
            finding.kind.reference(),
            finding.packets.count()
        ))?;
        for (index, &packet) in finding.packets.first().iter().enumerate() {
            self.push(if index == 0 { "" } else { "," });
            self.packet(view, packet)?;
        }
        self.push("]");
        Ok(())
    }

    /// Begins an item with its file, where each has an inventory.
    fn of(&mut self, view: &View<'_>) {
        if let Some(file) = view.of {
            member_text("file", file.as_bytes(), &mut self.text);
            self.push(",");
        }
    }

    /// `{"number":17}`, with the file's name where there are several.
    fn packet(&mut self, view: &View<'_>, packet: PacketId) -> io::Result<()> {
        self.put(format_args!(r#"{{"number":{}"#, packet.number))?;
        if let Some(file) = view.file(packet.file) {
            self.push(",");
            member_text("file", file.as_bytes(), &mut self.text);
        }
        self.push("}");
        Ok(())
    }

    /// What the bounds of the inventory kept out, where they did.
    fn limits(&mut self, all: &All<'_, '_>) -> io::Result<()> {
        let mut before = r#","dropped":{"#;
        for (name, count) in all.dropped() {
            self.put(format_args!(r#"{before}"{name}":{count}"#))?;
            before = ",";
        }
        self.push(if before == "," { "}" } else { "" });
        Ok(())
    }

    fn time(&mut self, key: &str, time: Option<Timestamp>) -> io::Result<()> {
        time.map_or(Ok(()), |time| self.put(format_args!(r#","{key}":"{}""#, machine_time(time))))
    }

    /// `,"key":["…","…"]` of texts that `write` escapes for a terminal.
    fn strings<T>(&mut self, key: &str, items: &[T], write: impl Fn(&T, &mut Vec<u8>)) {
        self.push(",\"");
        self.push(key);
        self.push("\":[");
        for (index, item) in items.iter().enumerate() {
            self.push(if index == 0 { "" } else { "," });
            string_escaped(&mut self.text, |text| write(item, text));
        }
        self.push("]");
    }
}

fn address_text(address: &IpAddr, text: &mut Vec<u8>) {
    text.extend_from_slice(address.to_string().as_bytes());
}
