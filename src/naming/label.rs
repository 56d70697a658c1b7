//! Labels: what all flows with the same answer have in common.
//!
//! A capture has millions of packets and a few hundred labels. Their texts are therefore made once and copied from
//! then on.

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
    protocol_keyword(protocol).map_or_else(|| format!("ip-{}", protocol.0).into(), Into::into)
}

/// The same, where it is not put together from the number.
pub(crate) fn protocol_keyword(protocol: TransportProtocol) -> Option<&'static str> {
    match protocol {
        TransportProtocol::TCP => Some("tcp"),
        TransportProtocol::UDP => Some("udp"),
        TransportProtocol::UDP_LITE => Some("udp-lite"),
        other => registry::protocol_keyword(other.0),
    }
}

/// Appends what [`protocol_word`] returns, without making a string of its own.
pub(crate) fn write_protocol_word(protocol: TransportProtocol, out: &mut Vec<u8>) {
    match protocol_keyword(protocol) {
        Some(keyword) => out.extend_from_slice(keyword.as_bytes()),
        None => {
            out.extend_from_slice(b"ip-");
            number::decimal(protocol.0.into(), out);
        }
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
            Label { key: kind_word(kind).into(), transport, ..Label::default() }.with_text()
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
            .with_text()
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
    fn with_text(mut self) -> Self {
        let transport = self.transport.as_deref().unwrap_or_default();
        match (self.port, &self.name) {
            (Some(port), Some(name)) => {
                self.text.extend_from_slice(format!("{port}/{transport} ").as_bytes());
                escape::terminal(name.as_bytes(), &mut self.text);
            }
            (Some(port), None) => self.text.extend_from_slice(format!("{port}/{transport}").as_bytes()),
            (None, _) => escape::terminal(self.key.as_bytes(), &mut self.text),
        }
        self
    }
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
