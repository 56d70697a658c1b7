//! Labels: what all flows with the same answer have in common.
//!
//! A capture has millions of packets and a few hundred labels. Their texts are therefore made once and copied from
//! then on.

use std::borrow::Cow;

use hashbrown::HashMap;

use crate::{
    decode::Kind,
    dns::Via,
    flow::Key,
    naming::{Answer, Evidence, Name, Speech, State, serving},
    packed::Word,
    packet::TransportProtocol,
    registry::{self, Registration, Registry, UserEntry},
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

/// The row of a frame that is no IP packet: `arp`, `lldp`, `stp`, `cdp`, `0x88cc`-style EtherTypes, `non-ip`, `undecodable`.
pub fn kind_word(kind: Kind) -> Cow<'static, str> {
    match kind {
        Kind::Ip(protocol) if protocol.has_ports() => format!("unknown/{}", protocol_word(protocol)).into(),
        Kind::Ip(protocol) => protocol_word(protocol),
        Kind::EtherType(0x0806) => "arp".into(),
        Kind::EtherType(0x8035) => "rarp".into(),
        Kind::EtherType(0x88cc) => "lldp".into(),
        Kind::EtherType(other) => format!("{other:#06x}").into(),
        Kind::Link(protocol) => protocol.as_str().into(),
        Kind::Llc(0x42) => "stp".into(),
        Kind::Llc(service) => format!("llc-{service:#04x}").into(),
        Kind::NonIp => "non-ip".into(),
        Kind::Unsupported(link) => link.to_string().into(),
        Kind::Undecodable => "undecodable".into(),
    }
}

/// What all flows with the same answer have in common.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
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
    /// What advertised it: `mdns`, `dns`, `ftp`, `sip`, `sunrpc`, `ssdp`.
    #[serde(with = "announcer")]
    pub advertised_by: Option<Word>,
    /// Answers registered for the port, in registry order.
    pub candidates: Vec<String>,
    /// Its protocol; 0 where there is no IP.
    pub protocol: TransportProtocol,
    /// How far its flows came; absent where there are no ports.
    pub state: Option<State>,
    /// What is spoken, where the first octets tell.
    pub speech: Option<Speech>,
    /// Whose name the first octets contradict.
    pub mismatch: Option<Evidence>,
    /// Whether who was asked may still answer, as only the past is known.
    pub is_open: bool,
    /// Whether the first octets gave a name that IANA does not have.
    pub is_unregistered: bool,
    /// `443/tcp https`, harmless on a terminal.
    pub(crate) text: Vec<u8>,
}

/// The words for what advertises a service, as text in files.
mod announcer {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    use crate::packed::word;

    pub(super) fn serialize<S: Serializer>(
        by: &Option<&'static str>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        by.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<&'static str>, D::Error> {
        const WORDS: [&str; 6] = ["mdns", "dns", "ftp", "sip", "sunrpc", "ssdp"];
        let find = |text: &str| word::find(text, WORDS).ok_or_else(|| D::Error::custom("no such word"));
        <Option<&str>>::deserialize(deserializer)?.map(find).transpose()
    }
}

/// What tells one label from another.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Identity {
    kind: Kind,
    port: Option<u16>,
    evidence: Option<Evidence>,
    name: Option<Box<str>>,
    instance: Option<Box<str>>,
    advertised_by: Option<&'static str>,
    state: Option<State>,
    speech: Option<Speech>,
    mismatch: Option<Evidence>,
}

/// What tells one label from another where a look at the address is not needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Plain {
    protocol: TransportProtocol,
    port: Option<u16>,
    evidence: Evidence,
    state: State,
    speech: Option<Speech>,
}

/// All labels of a run, numbered as they were met.
#[derive(Clone, Debug, Default)]
pub struct Labels {
    all: Vec<Label>,
    ids: HashMap<Identity, u32>,
    /// Only the past is known: who was asked may still answer.
    is_causal: bool,
    /// Labels of names that need no look at the address.
    plain: HashMap<Plain, u32>,
}

impl Labels {
    /// No labels yet, for answers that only know the past.
    pub(crate) fn causal() -> Self {
        Self { is_causal: true, ..Self::default() }
    }

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
        let identity = Identity {
            kind,
            port: None,
            evidence: None,
            name: None,
            instance: None,
            advertised_by: None,
            state: None,
            speech: None,
            mismatch: None,
        };
        self.intern(identity, || {
            let transport = if let Kind::Ip(protocol) = kind { Some(protocol_word(protocol)) } else { None };
            Label { key: kind_word(kind).into(), transport, ..Label::default() }.with_text()
        })
    }

    /// The label of a flow with ports.
    pub fn of_flow(&mut self, key: &Key, answer: &Answer<'_>, registry: &Registry) -> u32 {
        let port = serving(key, answer.side).map(|(_, port)| port);
        let (protocol, evidence) = (key.protocol(), answer.evidence());
        let plain = Plain { protocol, port, evidence, state: answer.state, speech: answer.speech };
        let is_plain = !matches!(evidence, Evidence::User | Evidence::Advertised);
        if let Some(&id) = self.plain.get(&plain).filter(|_| is_plain) {
            return id;
        }
        let id = self.of_answer(protocol, port, answer, registry);
        if is_plain {
            self.plain.insert(plain, id);
        }
        id
    }

    fn of_answer(
        &mut self,
        protocol: TransportProtocol,
        port: Option<u16>,
        answer: &Answer<'_>,
        registry: &Registry,
    ) -> u32 {
        let (mut instance, mut is_unregistered, mut advertised_by) = (None, false, None);
        let mut row_name = None;
        let (name, description) = match answer.name {
            None => (None, ""),
            Some(
                Name::User(UserEntry { registration: row, .. })
                | Name::Registered(row)
                | Name::Confirmed(row),
            ) => (Some(row.name()), row.description()),
            Some(Name::Payload { service, is_registered }) => {
                is_unregistered = !is_registered;
                let row = row_of(service, protocol, registry);
                (Some(service), row.filter(|_| is_registered).map_or("", |row| row.description()))
            }
            Some(Name::Announced(announcement)) => {
                advertised_by = Some(announcement.by.word());
                let row = row_of(announcement.name, protocol, registry);
                is_unregistered = row.is_none();
                (Some(announcement.name), row.map_or("", |row| row.description()))
            }
            Some(Name::Advertised(advertisement)) => {
                instance = advertisement.instance;
                advertised_by = Some(if advertisement.via == Via::Mdns { "mdns" } else { "dns" });
                let proto = if protocol == TransportProtocol::TCP { "tcp" } else { "udp" };
                let registered = registry.service_type(advertisement.name, proto);
                // Spelling tells no services apart: rows are of all of them.
                row_name = registered.is_none().then_some(advertisement.name);
                (
                    Some(registered.map_or(advertisement.spelt, |row| row.name())),
                    registered.map_or("", |row| row.description()),
                )
            }
        };
        let Answer { state, speech, mismatch, .. } = *answer;
        let is_open = self.is_causal && state == State::Asked;
        let identity = Identity {
            kind: Kind::Ip(protocol),
            port,
            evidence: Some(answer.evidence()),
            name: name.map(Into::into),
            instance: instance.map(Into::into),
            advertised_by,
            state: Some(state),
            speech,
            mismatch,
        };
        self.intern(identity, || {
            let transport = protocol_word(protocol);
            let key = match (row_name.or(name), port) {
                _ if state.is_unserved() && !is_open => format!("{}/{transport}", state.as_str()),
                (Some(name), _) => format!("{name}/{transport}"),
                (None, Some(port)) => format!("{port}/{transport}"),
                (None, None) => format!("unknown/{transport}"),
            };
            let registered = |port| registry.by_port(protocol, port).map(|row| row.name().to_owned());
            Label {
                key,
                name: name.map(ToOwned::to_owned),
                port,
                transport: Some(transport),
                protocol,
                description: Some(description.to_owned()).filter(|text| !text.is_empty()),
                evidence: Some(answer.evidence()),
                instance: instance.map(ToOwned::to_owned),
                advertised_by,
                candidates: port.map(registered).into_iter().flatten().collect(),
                state: Some(state),
                speech,
                mismatch,
                is_unregistered,
                is_open,
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

/// The row of a name, for this protocol where there is one.
fn row_of<'r>(name: &str, protocol: TransportProtocol, registry: &'r Registry) -> Option<Registration<'r>> {
    let rows = || registry.by_name(name).filter(|row| row.name() == name);
    rows().find(|row| row.transport() == Some(protocol)).or_else(|| rows().next())
}

impl Label {
    /// The word of its state, where people are to know that nobody served.
    pub(crate) fn unserved(&self) -> Option<&'static str> {
        self.state.filter(|state| state.is_unserved() && !self.is_open).map(State::as_str)
    }

    /// Whether the name is only registered, for a port above 1023, and nothing confirms it.
    pub fn is_guess(&self) -> bool {
        self.evidence == Some(Evidence::Registered) && self.port.is_some_and(|port| port > 1023)
    }

    /// Appends what people are told of what is spoken beside the name, where that says more: ` speaks tls/http`,
    /// ` speaks ssh, asked for http, not EtherNet-IP-1`.
    pub(crate) fn write_speech(&self, out: &mut Vec<u8>) {
        let Some(speech) = &self.speech else { return };
        let word = speech.protocol.word();
        let says_more = self.name.as_deref() != Some(word) || !speech.layers.is_empty();
        if !says_more && speech.asked.is_none() && self.mismatch.is_none() {
            return;
        }
        out.extend_from_slice(b" speaks ");
        if speech.layers.is_empty() {
            out.extend_from_slice(word.as_bytes());
        }
        for (position, layer) in speech.layers.iter().enumerate() {
            out.extend_from_slice(if position == 0 { b"" } else { b"/" });
            out.extend_from_slice(layer.word().as_bytes());
        }
        if let Some(asked) = speech.asked {
            out.extend_from_slice(b", asked for ");
            out.extend_from_slice(asked.word().as_bytes());
        }
        match self.mismatch {
            Some(Evidence::Registered) => {
                out.extend_from_slice(b", not ");
                if let Some(name) = self.candidates.first() {
                    escape::terminal(name.as_bytes(), out);
                }
            }
            Some(_) => out.extend_from_slice(b", not what it is called"),
            None => {}
        }
    }

    fn with_text(mut self) -> Self {
        let transport = self.transport.as_deref().unwrap_or_default();
        match (self.port, &self.name) {
            (Some(port), Some(name)) => {
                let mark = if self.is_guess() { "~ " } else { "" };
                self.text.extend_from_slice(format!("{port}/{transport} {mark}").as_bytes());
                escape::terminal(name.as_bytes(), &mut self.text);
            }
            (Some(port), None) => self.text.extend_from_slice(format!("{port}/{transport}").as_bytes()),
            (None, Some(name)) if self.evidence.is_some() => {
                self.text.extend_from_slice(format!("{name}/{transport}").as_bytes());
            }
            (None, _) if self.evidence.is_some() => {
                self.text.extend_from_slice(format!("unknown/{transport}").as_bytes());
            }
            (None, _) => escape::terminal(self.key.as_bytes(), &mut self.text),
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        decode::{LinkProtocol, Network},
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
            let answer = Answer {
                side,
                rule: Rule::Handshake,
                name: row.map(Name::Registered),
                speech: None,
                mismatch: None,
                state: State::Established,
            };
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
            (Kind::Link(LinkProtocol::Slarp), "slarp", None),
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
