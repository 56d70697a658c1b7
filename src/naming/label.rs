//! Labels: what all flows with the same answer have in common.
//!
//! A capture has millions of packets and a few hundred labels. Their texts, and the pieces of output that are the
//! same for every packet, are therefore made once and copied from then on.

use std::borrow::Cow;

use hashbrown::HashMap;

use crate::{
    decode::Kind,
    flow::Key,
    naming::{Answer, Evidence, Name, serving},
    packet::TransportProtocol,
    registry::{self, Registry, UserEntry},
    text::{escape, number},
};

/// Lower-case word of a protocol: `tcp`, `udp-lite`, else IANA's keyword (`ipv6-icmp`), else `ip-` and its number.
pub fn protocol_word(protocol: TransportProtocol) -> Cow<'static, str> {
    match protocol {
        TransportProtocol::TCP => "tcp".into(),
        TransportProtocol::UDP => "udp".into(),
        TransportProtocol::UDP_LITE => "udp-lite".into(),
        other => match registry::protocol_keyword(other.0) {
            Some(keyword) => keyword.into(),
            None => format!("ip-{}", other.0).into(),
        },
    }
}

/// Appends what [`protocol_word`] returns, without making a string of its own.
pub(crate) fn write_protocol_word(protocol: TransportProtocol, out: &mut Vec<u8>) {
    if protocol.has_ports() || registry::protocol_keyword(protocol.0).is_some() {
        out.extend_from_slice(protocol_word(protocol).as_bytes());
    } else {
        out.extend_from_slice(b"ip-");
        number::decimal(protocol.0.into(), out);
    }
}

/// The row of a frame that is no IP packet: `arp`, `lldp`, `stp`, `0x88cc`-style EtherTypes, `non-ip`, `undecodable`.
pub fn kind_word(kind: Kind) -> Cow<'static, str> {
    match kind {
        Kind::Ip(protocol) if protocol.has_ports() => format!("unknown/{}", protocol_word(protocol)).into(),
        Kind::Ip(protocol) => protocol_word(protocol),
        Kind::EtherType(0x0806) => "arp".into(),
        Kind::EtherType(0x8035) => "rarp".into(),
        Kind::EtherType(0x88cc) => "lldp".into(),
        Kind::EtherType(other) => format!("{other:#06x}").into(),
        Kind::Llc(0x42) => "stp".into(),
        Kind::Llc(service) => format!("llc-{service:#04x}").into(),
        Kind::NonIp => "non-ip".into(),
        Kind::Unsupported(link) => link.to_string().into(),
        Kind::Undecodable => "undecodable".into(),
    }
}

/// What all flows with the same answer have in common.
#[derive(Clone, Debug, Default)]
pub struct Label {
    /// Key of its row in a summary: `https/tcp`, `49200/tcp`, `unknown/udp`, `icmp`, `arp`.
    pub key: String,
    /// Service name.
    pub name: Option<String>,
    /// Port that serves.
    pub port: Option<u16>,
    /// Transport or protocol word; absent where there is no IP.
    pub transport: Option<Cow<'static, str>>,
    /// What the registry, or the user, says about the service.
    pub description: Option<String>,
    /// How the name is known; `None` where there are no ports.
    pub evidence: Option<Evidence>,
    /// DNS-SD instance, where it was advertised.
    pub instance: Option<String>,
    /// Answers registered for the port, in registry order.
    pub candidates: Vec<String>,
    /// `443/tcp https`, harmless on a terminal.
    pub(crate) text: Vec<u8>,
    /// The `svc` object of a packet record, up to the side and from the evidence on.
    pub(crate) json: [Vec<u8>; 2],
}

/// What tells one label from another.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Identity {
    kind: Kind,
    port: Option<u16>,
    evidence: Option<Evidence>,
    name: Option<Box<str>>,
    instance: Option<Box<str>>,
}

/// All labels of a run, numbered as they were met.
#[derive(Clone, Debug, Default)]
pub struct Labels {
    all: Vec<Label>,
    ids: HashMap<Identity, u32>,
    /// Labels of names that need no look at the address, by protocol, port and whether there is a name.
    plain: HashMap<(TransportProtocol, u16, Evidence), u32>,
}

impl Labels {
    /// The label of that number.
    pub fn label(&self, id: u32) -> &Label {
        &self.all[id as usize]
    }

    /// All labels in the order they were met.
    pub fn all(&self) -> &[Label] {
        &self.all
    }

    /// The label of packets that have no ports.
    pub fn of_kind(&mut self, kind: Kind) -> u32 {
        let identity = Identity { kind, port: None, evidence: None, name: None, instance: None };
        self.intern(identity, || {
            let transport = if let Kind::Ip(protocol) = kind { Some(protocol_word(protocol)) } else { None };
            Label { key: kind_word(kind).into(), transport, ..Label::default() }.with_pieces()
        })
    }

    /// The label of a flow with ports.
    pub fn of_flow(&mut self, key: &Key, answer: &Answer<'_>, registry: &Registry) -> u32 {
        let protocol = key.protocol();
        let evidence = answer.evidence();
        let Some((_, port)) = serving(key, answer.side) else {
            return self.of_port(protocol, None, evidence, None, None, registry);
        };
        let plain = matches!(evidence, Evidence::Registered | Evidence::None);
        if let Some(&id) = self.plain.get(&(protocol, port, evidence)).filter(|_| plain) {
            return id;
        }
        let mut instance = None;
        let named = answer.name.map(|name| match name {
            Name::User(UserEntry { registration: row, .. }) | Name::Registered(row) => {
                (row.name().to_owned(), row.description().to_owned())
            }
            Name::Advertised(advertisement) => {
                instance = advertisement.instance.map(ToOwned::to_owned);
                let proto = if protocol == TransportProtocol::TCP { "tcp" } else { "udp" };
                let registered = registry.service_type(advertisement.name, proto);
                let description = registered.map_or("", |row| row.description());
                (advertisement.name.to_owned(), description.to_owned())
            }
        });
        let named = named.map(|(name, text)| (name, Some(text).filter(|text| !text.is_empty())));
        let id = self.of_port(protocol, Some(port), evidence, named, instance, registry);
        if plain {
            self.plain.insert((protocol, port, evidence), id);
        }
        id
    }

    fn of_port(
        &mut self,
        protocol: TransportProtocol,
        port: Option<u16>,
        evidence: Evidence,
        named: Option<(String, Option<String>)>,
        instance: Option<String>,
        registry: &Registry,
    ) -> u32 {
        let (name, description) = named.map_or((None, None), |(name, description)| (Some(name), description));
        let identity = Identity {
            kind: Kind::Ip(protocol),
            port,
            evidence: Some(evidence),
            name: name.as_deref().map(Into::into),
            instance: instance.as_deref().map(Into::into),
        };
        self.intern(identity, || {
            let transport = protocol_word(protocol);
            let key = match (&name, port) {
                (Some(name), _) => format!("{name}/{transport}"),
                (None, Some(port)) => format!("{port}/{transport}"),
                (None, None) => format!("unknown/{transport}"),
            };
            let registered = |port| registry.by_port(protocol, port).map(|row| row.name().to_owned());
            let candidates = port.map(registered).into_iter().flatten().collect();
            let transport = Some(transport);
            let evidence = Some(evidence);
            Label {
                key,
                name,
                port,
                transport,
                description,
                evidence,
                instance,
                candidates,
                ..Label::default()
            }
            .with_pieces()
        })
    }

    /// Takes in the labels that another thread met, and says which number each of them has here.
    pub(crate) fn append(&mut self, other: Self) -> Vec<u32> {
        let mut identities: Vec<_> = other.ids.into_iter().collect();
        identities.sort_unstable_by_key(|&(_, id)| id);
        let labels = identities.into_iter().zip(other.all);
        labels.map(|((identity, _), label)| self.intern(identity, || label)).collect()
    }

    fn intern(&mut self, identity: Identity, make: impl FnOnce() -> Label) -> u32 {
        *self.ids.entry(identity).or_insert_with(|| {
            self.all.push(make());
            self.all.len() as u32 - 1
        })
    }
}

impl Label {
    fn with_pieces(mut self) -> Self {
        self.write_pieces();
        self
    }

    fn write_pieces(&mut self) {
        let transport = self.transport.as_deref().unwrap_or_default();
        match (self.port, &self.name) {
            (Some(port), Some(name)) => {
                self.text.extend_from_slice(format!("{port}/{transport} ").as_bytes());
                escape::terminal(name.as_bytes(), &mut self.text);
            }
            (Some(port), None) => self.text.extend_from_slice(format!("{port}/{transport}").as_bytes()),
            (None, _) => escape::terminal(self.key.as_bytes(), &mut self.text),
        }
        let Some(evidence) = self.evidence else { return };
        let [head, tail] = &mut self.json;
        head.extend_from_slice(b"\"svc\":{");
        if let Some(name) = &self.name {
            string_member("name", name, head);
            head.push(b',');
        }
        if let Some(port) = self.port {
            head.extend_from_slice(format!("\"port\":{port},").as_bytes());
        }
        string_member("transport", transport, head);
        head.extend_from_slice(b",\"side\":\"");
        tail.extend_from_slice(b"\",");
        string_member("evidence", evidence.as_str(), tail);
        for (member, value) in [("description", &self.description), ("instance", &self.instance)] {
            if let Some(value) = value {
                tail.push(b',');
                string_member(member, value, tail);
            }
        }
        if !self.candidates.is_empty() {
            tail.extend_from_slice(b",\"candidates\":[");
            for (position, candidate) in self.candidates.iter().enumerate() {
                tail.extend_from_slice(if position == 0 { b"\"" } else { b",\"" });
                escape::json(candidate.as_bytes(), tail);
                tail.push(b'"');
            }
            tail.push(b']');
        }
    }
}

fn string_member(name: &str, value: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":\"");
    escape::json(value.as_bytes(), out);
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        decode::Network,
        flow::Ends,
        naming::{Rule, Side},
    };

    fn key(protocol: TransportProtocol, low: u16, high: u16) -> Key {
        let network = Network::V4([192, 0, 2, 1], [192, 0, 2, 2]);
        Ends::between(network, protocol, Some((low, high))).unwrap().key
    }

    #[test]
    fn a_label_says_port_transport_and_name() {
        let (registry, mut labels) = (Registry::built_in(), Labels::default());
        let mut of = |low, high, side| {
            let key = key(TransportProtocol::TCP, low, high);
            let port = serving(&key, side).map(|(_, port)| port);
            let row = port.and_then(|port| registry.primary(TransportProtocol::TCP, port));
            let answer = Answer { side, rule: Rule::Handshake, name: row.map(Name::Registered) };
            let id = labels.of_flow(&key, &answer, &registry);
            (id, labels.label(id).clone())
        };
        let (id, https) = of(50_000, 443, Side::High);
        assert_eq!((&*https.key, https.name.as_deref(), https.port), ("https/tcp", Some("https"), Some(443)));
        assert_eq!(https.description.as_deref(), Some("http protocol over TLS/SSL"));
        assert_eq!((https.evidence, &*https.text), (Some(Evidence::Registered), &b"443/tcp https"[..]));
        assert_eq!(of(443, 60_000, Side::Low).0, id, "one label for all flows with the same answer");
        // 80/tcp has three names in the registry.
        assert_eq!(of(50_000, 80, Side::High).1.candidates, ["http", "www", "www-http"]);
        let (_, nameless) = of(50_000, 49_200, Side::High);
        assert_eq!((&*nameless.key, nameless.evidence), ("49200/tcp", Some(Evidence::None)));
        let (_, unknown) = of(50_000, 50_001, Side::Neither);
        assert_eq!((&*unknown.key, unknown.port), ("unknown/tcp", None));
    }

    #[test]
    fn rows_of_what_has_no_ports() {
        for (kind, key, transport) in [
            (Kind::Ip(TransportProtocol(1)), "icmp", Some("icmp")),
            (Kind::Ip(TransportProtocol(253)), "ip-253", Some("ip-253")),
            (Kind::Ip(TransportProtocol::SCTP), "unknown/sctp", Some("sctp")),
            (Kind::EtherType(0x88cc), "lldp", None),
            (Kind::EtherType(0x1234), "0x1234", None),
            (Kind::Llc(0x42), "stp", None),
            (Kind::Undecodable, "undecodable", None),
        ] {
            let mut labels = Labels::default();
            let id = labels.of_kind(kind);
            let label = labels.label(id);
            assert_eq!((&*label.key, label.transport.as_deref(), label.evidence), (key, transport, None));
        }
    }

    #[test]
    fn labels_of_another_thread_get_numbers_here() {
        let mut here = Labels::default();
        let mut there = Labels::default();
        let arp = Kind::EtherType(0x0806);
        let icmp = Kind::Ip(TransportProtocol(1));
        assert_eq!(here.of_kind(arp), 0);
        assert_eq!((there.of_kind(icmp), there.of_kind(arp)), (0, 1));
        assert_eq!(here.append(there), [1, 0]);
        assert_eq!(here.all().len(), 2);
    }
}
