//! `registry lookup` and `registry search`.

use std::{
    borrow::Cow,
    io::{self, Write},
};

use serde::Serialize;

use crate::packet::TransportProtocol;
use crate::registry::{PortClass, Registration, Registry, Status, Transport, TxtKeys, UserEntry};
use crate::{
    report::Format,
    text::{csv, json, table::Cell},
};

/// What was asked for.
enum Query<'a> {
    Port(u16, Option<Transport>),
    /// Name and `tcp` or `udp`.
    ServiceType(&'a str, &'a str),
    Name(&'a str),
}

impl<'a> Query<'a> {
    /// `443/tcp`, `443`, `_ipp._tcp`, or else a name (some legacy names have a slash: `914c/g`).
    fn parse(text: &'a str) -> Self {
        let (port, transport) = text.split_once('/').map_or((text, None), |(port, rest)| (port, Some(rest)));
        let digits = !port.is_empty() && port.bytes().all(|octet| octet.is_ascii_digit());
        if let Some(port) = port.parse().ok().filter(|_| digits) {
            match transport {
                None => return Self::Port(port, None),
                Some(keyword) if keyword.eq_ignore_ascii_case("udp-lite") => {
                    return Self::Port(port, Some(Transport::Udp));
                }
                Some(keyword) => {
                    if let Some(transport) = Transport::from_keyword(keyword) {
                        return Self::Port(port, Some(transport));
                    }
                }
            }
        }
        let labels = text.trim_end_matches('.').split_once("._");
        match (labels, text.strip_prefix('_')) {
            (Some((name, rest)), Some(_)) => {
                // A domain may follow: `_ipp._tcp.local`.
                let proto = rest.split('.').next().unwrap_or_default();
                Self::ServiceType(&name[1..], proto)
            }
            _ => Self::Name(text),
        }
    }
}

/// One answer. Absent means absent.
#[derive(Default, Serialize)]
struct Answer<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ports: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transport: Option<&'static str>,
    status: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    description: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alias_of: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_code: Option<u32>,
    #[serde(skip_serializing_if = "str::is_empty")]
    unauthorized: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    notes: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    txt_keys: Option<Vec<Key<'a>>>,
    /// Where the keys are described, or what the notes say instead of a list.
    #[serde(skip_serializing_if = "Option::is_none")]
    txt_keys_note: Option<&'a str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    assignee: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    contact: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    registered: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    modified: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    reference: &'a str,
    /// The addresses an entry of a user layer holds for.
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    source: String,
    registry: Updated<'a>,
}

#[derive(Serialize)]
struct Key<'a> {
    key: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    meaning: &'a str,
}

#[derive(Default, Serialize)]
struct Updated<'a> {
    updated: &'a str,
}

impl<'a> Answer<'a> {
    /// What a row says; `port` and `transport` are those asked for.
    fn of(
        registry: &'a Registry,
        row: Registration<'a>,
        port: Option<u16>,
        transport: Option<Transport>,
    ) -> Self {
        let ports = row.ports();
        let own = row.tables.transport(row.row).or(transport);
        let (keys, note) = match row.txt_keys() {
            None => (None, None),
            Some(TxtKeys::None) => (Some(Vec::new()), None),
            Some(TxtKeys::See(note) | TxtKeys::Unparsed(note)) => {
                (None, Some(note).filter(|note| !note.is_empty()))
            }
            Some(TxtKeys::Proprietary) => (None, Some("proprietary")),
            Some(TxtKeys::Keys(keys)) => {
                let keys = keys.into_iter().map(|key| Key { key: key.key, meaning: key.meaning });
                (Some(keys.collect()), None)
            }
        };
        let single = ports.filter(|(first, last)| first == last).map(|(first, _)| first);
        let shown = port.or(single);
        Self {
            name: Some(row.name()).filter(|name| !name.is_empty()),
            port: shown,
            ports: ports.filter(|(first, last)| first != last).map(|(first, last)| format!("{first}-{last}")),
            transport: own.map(Transport::as_str),
            status: row.status().as_str(),
            description: row.description(),
            class: shown.map(|port| PortClass::of(port).as_str()),
            alias_of: row.alias_of(),
            service_code: row.service_code(),
            unauthorized: row.unauthorized(),
            notes: row.notes(),
            txt_keys: keys,
            txt_keys_note: note,
            assignee: row.assignee(),
            contact: row.contact(),
            registered: row.registered(),
            modified: row.modified(),
            reference: row.reference(),
            address: None,
            source: registry.source().to_owned(),
            registry: Updated { updated: registry.updated() },
        }
    }

    fn of_user(
        registry: &'a Registry,
        entry: UserEntry<'a>,
        port: Option<u16>,
        transport: Option<Transport>,
    ) -> Self {
        Self {
            address: entry.prefix.map(|prefix| prefix.to_string()),
            source: entry.file.display().to_string(),
            ..Self::of(registry, entry.registration, port, transport)
        }
    }

    /// A port that no row holds.
    fn of_none(registry: &'a Registry, port: u16, transport: Option<Transport>, status: Status) -> Self {
        Self {
            port: Some(port),
            transport: transport.map(Transport::as_str),
            status: status.as_str(),
            class: Some(PortClass::of(port).as_str()),
            source: registry.source().to_owned(),
            registry: Updated { updated: registry.updated() },
            ..Self::default()
        }
    }

    fn port_text(&self) -> String {
        let port = self.port.map(|port| port.to_string());
        let ports = match (&port, &self.ports) {
            (Some(port), Some(ports)) => format!("{port} ({ports})"),
            (port, ports) => port.clone().or_else(|| ports.clone()).unwrap_or_default(),
        };
        match self.transport {
            Some(transport) if ports.is_empty() => transport.to_owned(),
            Some(transport) => format!("{ports}/{transport}"),
            None => ports,
        }
    }

    fn key_list(&self) -> String {
        let keys = self.txt_keys.iter().flatten().map(|key| key.key).collect::<Vec<_>>().join(", ");
        self.txt_keys_note.map_or(keys, str::to_owned)
    }
}

/// Looks up ports (`443/tcp`; `443` for all transports), names (`https`) and DNS-SD service types (`_ipp._tcp`) and
/// writes all rows that answer, entries of user layers first.
///
/// Ports are always answered, with their status where they have no name. Returned are the queries without an answer:
/// names that are not registered.
///
/// ```
/// use portolan::{registry::Registry, report::{Format, registry::lookup}};
/// let (registry, mut out) = (Registry::built_in(), Vec::new());
/// let queries = ["443/tcp", "no-such-service"].map(str::to_owned);
/// let unanswered = lookup(&registry, &queries, Format::Csv, None, &mut out).unwrap();
/// assert_eq!(unanswered, ["no-such-service"]);
/// assert!(String::from_utf8(out).unwrap().contains("\nhttps,443,,tcp,assigned,"));
/// ```
///
/// # Errors
/// What `out` returns.
pub fn lookup(
    registry: &Registry,
    queries: &[String],
    format: Format,
    width: Option<u16>,
    out: &mut dyn Write,
) -> io::Result<Vec<String>> {
    let mut answers = Vec::new();
    let mut unanswered = Vec::new();
    for query in queries {
        let before = answers.len();
        match Query::parse(query) {
            Query::Port(port, transport) => by_port(registry, port, transport, &mut answers),
            Query::ServiceType(name, proto) => {
                let entries = registry.user_entries().filter(|entry| {
                    let own = entry.registration.tables.transport(entry.registration.row);
                    let tcp = proto.eq_ignore_ascii_case("tcp");
                    is_named(entry, name) && own.is_none_or(|own| (own == Transport::Tcp) == tcp)
                });
                answers.extend(entries.map(|entry| Answer::of_user(registry, entry, None, None)));
                let row = registry.service_type(name, proto);
                answers.extend(row.map(|row| Answer::of(registry, row, None, None)));
            }
            Query::Name(name) => {
                let entries = registry.user_entries().filter(|entry| is_named(entry, name));
                answers.extend(entries.map(|entry| Answer::of_user(registry, entry, None, None)));
                answers.extend(registry.by_name(name).map(|row| Answer::of(registry, row, None, None)));
            }
        }
        if answers.len() == before {
            unanswered.push(query.clone());
        }
    }
    write(&answers, format, width, out)?;
    Ok(unanswered)
}

fn is_named(entry: &UserEntry<'_>, name: &str) -> bool {
    entry.registration.name().eq_ignore_ascii_case(name)
}

fn by_port<'a>(registry: &'a Registry, port: u16, asked: Option<Transport>, answers: &mut Vec<Answer<'a>>) {
    let entries = registry.user_entries().filter(|entry| {
        let own = entry.registration.tables.transport(entry.registration.row);
        let fits = asked.is_none() || own.is_none() || own == asked;
        fits && entry.registration.ports().is_some_and(|(first, last)| (first..=last).contains(&port))
    });
    answers.extend(entries.map(|entry| Answer::of_user(registry, entry, Some(port), asked)));
    // A row without a transport answers for all of them once, where no single one was asked for.
    let mut told = Vec::new();
    let transports =
        Transport::ALL.into_iter().filter(|transport| asked.is_none_or(|asked| asked == *transport));
    for transport in transports {
        let protocol = TransportProtocol::from(transport);
        let named = registry.by_port(protocol, port);
        let rows: Vec<_> =
            if named.len() > 0 { named.collect() } else { registry.unnamed(protocol, port).collect() };
        if rows.is_empty() {
            let status = registry.status(protocol, port);
            answers.push(Answer::of_none(registry, port, Some(transport), status));
        }
        for row in rows {
            if !told.contains(&row.id()) {
                told.push(row.id());
                answers.push(Answer::of(registry, row, Some(port), asked));
            }
        }
    }
}

/// Writes all rows that hold every word of a text; returns how many.
///
/// ```
/// use portolan::{registry::Registry, report::{Format, registry::search}};
/// let (registry, mut out) = (Registry::built_in(), Vec::new());
/// let found = search(&registry, "multicast DNS", Format::Table, Some(80), &mut out).unwrap();
/// assert!(found > 0 && String::from_utf8(out).unwrap().contains("mdns"));
/// ```
///
/// # Errors
/// What `out` returns.
pub fn search(
    registry: &Registry,
    text: &str,
    format: Format,
    width: Option<u16>,
    out: &mut dyn Write,
) -> io::Result<usize> {
    let answers: Vec<_> = registry.search(text).map(|row| Answer::of(registry, row, None, None)).collect();
    write(&answers, format, width, out)?;
    Ok(answers.len())
}

fn write(answers: &[Answer<'_>], format: Format, width: Option<u16>, out: &mut dyn Write) -> io::Result<()> {
    match format {
        Format::Json => json::line(&answers, out),
        Format::Table => {
            let header = ["PORT", "NAME", "STATUS", "DESCRIPTION", "TXT KEYS", "SOURCE"];
            super::table(&header, answers.iter().map(table_row), width, out)
        }
        Format::Csv => {
            let rows = answers.iter().map(|answer| COLUMNS.iter().map(|(_, field)| field(answer)));
            csv::rows(&COLUMNS.map(|(name, _)| name), rows, out)
        }
    }
}

fn table_row(answer: &Answer<'_>) -> [Cell; 6] {
    let mut description = answer.description.to_owned();
    if let Some(target) = answer.alias_of {
        description.push_str(&format!(" (alias of {target})"));
    }
    if !answer.unauthorized.is_empty() {
        description.push_str(&format!(" [unauthorized use: {}]", answer.unauthorized));
    }
    let source = match &answer.address {
        Some(address) => format!("{} for {address}", answer.source),
        None => format!("{} {}", answer.source, answer.registry.updated),
    };
    [
        &answer.port_text(),
        answer.name.unwrap_or_default(),
        answer.status,
        &description,
        &answer.key_list(),
        &source,
    ]
    .map(Cell::text)
}

/// A column of CSV: its name, and what stands in it.
type Column = (&'static str, for<'r> fn(&'r Answer<'_>) -> Cow<'r, str>);

static COLUMNS: [Column; 18] = [
    ("name", |answer| answer.name.unwrap_or_default().into()),
    ("port", |answer| number(answer.port.map(u32::from))),
    ("ports", |answer| answer.ports.as_deref().unwrap_or_default().into()),
    ("transport", |answer| answer.transport.unwrap_or_default().into()),
    ("status", |answer| answer.status.into()),
    ("description", |answer| answer.description.into()),
    ("unauthorized", |answer| answer.unauthorized.into()),
    ("notes", |answer| answer.notes.into()),
    ("txt_keys", |answer| answer.key_list().into()),
    ("assignee", |answer| answer.assignee.into()),
    ("contact", |answer| answer.contact.into()),
    ("registered", |answer| answer.registered.into()),
    ("modified", |answer| answer.modified.into()),
    ("reference", |answer| answer.reference.into()),
    ("service_code", |answer| number(answer.service_code)),
    ("address", |answer| answer.address.as_deref().unwrap_or_default().into()),
    ("source", |answer| answer.source.as_str().into()),
    ("registry_updated", |answer| answer.registry.updated.into()),
];

fn number(number: Option<u32>) -> Cow<'static, str> {
    number.map(|number| number.to_string()).unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn ask(queries: &[&str]) -> (Vec<Value>, Vec<String>) {
        let queries: Vec<String> = queries.iter().map(|query| (*query).to_owned()).collect();
        let mut out = Vec::new();
        let unknown = lookup(&Registry::built_in(), &queries, Format::Json, None, &mut out).expect("written");
        (serde_json::from_slice(&out).expect("a list"), unknown)
    }

    fn names(queries: &[&str]) -> Vec<String> {
        let (answers, _) = ask(queries);
        let text = |answer: &Value| {
            let part = |key: &str| answer[key].as_str().unwrap_or("-").to_owned();
            let port = answer["port"].as_u64().map_or("-".to_owned(), |port| port.to_string());
            format!("{} {port} {} {}", part("name"), part("transport"), part("status"))
        };
        answers.iter().map(text).collect()
    }

    #[test]
    fn ports_names_and_service_types() {
        assert_eq!(names(&["443/tcp"]), ["https 443 tcp assigned"]);
        assert_eq!(
            names(&["80/tcp"]),
            ["http 80 tcp assigned", "www 80 tcp assigned", "www-http 80 tcp assigned"]
        );
        // The one that is shown for the port comes first.
        assert_eq!(names(&["465/tcp"]), ["submissions 465 tcp assigned", "urd 465 tcp assigned"]);
        assert_eq!(names(&["6010/tcp"]), ["x11 6010 tcp assigned"]);
        assert_eq!(names(&["5353/UDP"]), ["mdns 5353 udp assigned"]);
        assert_eq!(names(&["_ipp._tcp"]), ["ipp 631 tcp assigned"]);
        assert_eq!(names(&["_IPP._TCP.local."]), ["ipp 631 tcp assigned"]);
        assert_eq!(names(&["wot"]), ["wot - tcp assigned", "wot - udp assigned"]);
        assert_eq!(names(&["914c/g"]).len(), 2);
        assert_eq!(
            names(&["49200"]),
            ["- 49200 tcp dynamic", "- 49200 udp dynamic", "- 49200 sctp dynamic", "- 49200 dccp dynamic"]
        );
        assert_eq!(names(&["4242/sctp"]), ["vrml-multi-use 4242 sctp assigned"]);
        assert_eq!(names(&["4242"]), ["vrml-multi-use 4242 - assigned"]);
        assert_eq!(names(&["9981/udp"]), ["- 9981 udp reserved"]);
        assert_eq!(ask(&["no-such-name", "_no._tcp", "65536"]).1, ["no-such-name", "_no._tcp", "65536"]);
    }

    #[test]
    fn an_answer_holds_what_the_row_holds_and_nothing_else() {
        let (answers, _) = ask(&["6003/tcp", "vxi-11", "wot"]);
        assert_eq!(
            answers[0],
            json!({
                "name": "x11", "port": 6003, "ports": "6000-6063", "transport": "tcp", "status": "assigned",
                "description": "X Window System", "class": "user",
                "unauthorized": "Known Unauthorized Use on port 6003",
                "source": "built-in", "registry": {"updated": "2026-09-30"},
            })
        );
        assert_eq!(answers[1]["txt_keys"], json!([]));
        assert!(answers[1].get("port").is_none() && answers[1].get("transport").is_none());
        let keys = answers[2]["txt_keys"].as_array().expect("keys");
        assert_eq!(keys.iter().map(|key| &key["key"]).collect::<Vec<_>>(), ["td", "type", "scheme"]);
    }

    #[test]
    fn every_format_has_all_rows() {
        let registry = Registry::built_in();
        let mut out = Vec::new();
        let found = search(&registry, "PRINTER ipp", Format::Csv, None, &mut out).expect("written");
        let rows = ::csv::Reader::from_reader(&out[..]).records().filter(Result::is_ok).count();
        assert_eq!(rows, found);
        out.clear();
        lookup(&registry, &["80/tcp".to_owned()], Format::Table, Some(100), &mut out).expect("written");
        let text = String::from_utf8(out).expect("UTF-8");
        assert!(text.lines().any(|line| line.starts_with("80/tcp") && line.contains("www-http")), "{text}");
    }
}
