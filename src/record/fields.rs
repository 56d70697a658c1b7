//! All fields of a packet record, in the order in which JSON has them.

use std::{fmt::Arguments, io::Write as _};

use super::{
    Anyone, Columns, Each, Put, Record, Taker, Value,
    process::{
        ENDS, HOW, PID, PROCESS_END, PROCESS_EXECUTABLE, PROCESS_KNOWN_BY, PROCESS_NAME, PROCESS_PID,
        PROCESS_USER, process_end, process_executable, process_known_by, process_name, process_pid,
        process_user,
    },
    svc::{
        ADVERTISED_BY, ASKED, CANDIDATES, DESCRIPTION, EVIDENCE, INSTANCE, LAYERS, MISMATCH, NAME, OfService,
        PORT_THAT_SERVES, PROTOCOL, REGISTERED, REVISED, RULE, SIDE, STATE, TRANSPORT,
    },
};
use crate::{
    decode::{Network, Tunnel},
    dns::fields::MESSAGE,
    knowledge::ToldFrom,
    naming::label::protocol_keyword,
    packet::TransportProtocol,
    places::Location,
    text::field::{COUNT, Field, Need, PORT, Type},
};

/// How a field of a packet is read.
#[derive(Clone, Copy, Debug)]
pub struct OfPacket<T: Taker = Anyone> {
    /// What it depends on.
    pub per: Per,
    get: Get<T>,
}

type Get<T> = fn(&Record<'_>, &mut <T as Taker>::Put<'_>);

/// What a field of a packet depends on, so that it need not be worked out for each packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Per {
    /// Every packet has its own.
    Packet,
    /// The same for all packets that have the same answer and go the same way through their flow.
    Answer,
    /// Absent unless the packet is an ICMP error that quotes another.
    Quoted,
    /// What the ends of its flow are called, which is [learned](crate::knowledge::Options::domains) on request only.
    Names,
    /// Where its ends are, which only a file of the user's tells.
    Places,
    /// What lies around its innermost packet: tags and tunnels.
    Layers,
    /// The messages of DNS that it carries.
    Messages,
}

impl Per {
    /// Whether a packet has no such fields: so that they need not be read one by one.
    #[inline]
    pub fn is_absent(self, record: &Record<'_>) -> bool {
        match self {
            Self::Packet | Self::Answer => false,
            Self::Quoted => record.headers.quoted.is_none(),
            Self::Names => record.named.is_none(),
            Self::Places => record.places.iter().all(Option::is_none),
            Self::Layers => {
                record.headers.vlan.as_slice().is_empty() && record.headers.tunnels.as_slice().is_empty()
            }
            Self::Messages => !record.may_carry_dns(),
        }
    }
}

impl<T: Taker> OfPacket<T> {
    /// Gives the values of a packet to `put`: no call means that the field is absent, several are a list.
    #[inline]
    pub fn read(self, record: &Record<'_>, put: &mut T::Put<'_>) {
        (self.get)(record, put);
    }
}

const fn packet<T: Taker>(
    path: &'static str,
    kind: Type,
    doc: &'static str,
    get: Get<T>,
) -> Field<OfPacket<T>> {
    Field::read(path, kind, doc, OfPacket { per: Per::Packet, get })
}

const fn answer<T: Taker>(path: &'static str, of: Field<OfService>, get: Get<T>) -> Field<OfPacket<T>> {
    of.at(path, OfPacket { per: Per::Answer, get })
}

const fn quoted<T: Taker>(
    path: &'static str,
    kind: Type,
    doc: &'static str,
    get: Get<T>,
) -> Field<OfPacket<T>> {
    Field::read(path, kind, doc, OfPacket { per: Per::Quoted, get }).late()
}

const fn about<T: Taker>(path: &'static str, of: Field<OfService>, get: Get<T>) -> Field<OfPacket<T>> {
    of.at(path, OfPacket { per: Per::Quoted, get }).late()
}

const fn names<T: Taker>(
    path: &'static str,
    kind: Type,
    doc: &'static str,
    get: Get<T>,
) -> Field<OfPacket<T>> {
    Field::read(path, kind, doc, OfPacket { per: Per::Names, get }).of_wave(4)
}

const fn place<T: Taker>(
    path: &'static str,
    kind: Type,
    doc: &'static str,
    get: Get<T>,
) -> Field<OfPacket<T>> {
    Field::read(path, kind, doc, OfPacket { per: Per::Places, get }).of_wave(5).with(Need::Places)
}

const fn process<T: Taker>(
    path: &'static str,
    kind: Type,
    doc: &'static str,
    get: Get<T>,
) -> Field<OfPacket<T>> {
    packet(path, kind, doc, get).of_wave(6).with(Need::Processes)
}

/// A field of packets of one kind, which others have not.
const fn of<T: Taker>(
    per: Per,
    path: &'static str,
    kind: Type,
    doc: &'static str,
    get: Get<T>,
) -> Field<OfPacket<T>> {
    Field::read(path, kind, doc, OfPacket { per, get })
}

const fn answers<T: Taker>(
    path: &'static str,
    kind: Type,
    doc: &'static str,
    get: Get<T>,
) -> Field<OfPacket<T>> {
    Field::read(path, kind, doc, OfPacket { per: Per::Answer, get })
}

/// The number of an interface.
const INTERFACE: Type = Type::Number(u32::MAX as u64);

/// How the protocol words differ from ECS, which wants IANA's keywords in lower case.
pub(crate) const PROTOCOL_IN_ECS: &str =
    "`udp-lite` for IANA's UDPLite; `ip-253` and so on for numbers without a keyword";

pub(crate) const SOURCE_DOMAIN: &str =
    "name of the sender's host: what it is asked for where it serves, else what was told of its address";
pub(crate) const DESTINATION_DOMAIN: &str =
    "name of the receiver's host: what it is asked for where it serves, else what was told of its address";
pub(crate) const SERVER_NAME: &str = "name that the ClientHello of TLS, DTLS or QUIC asks for (RFC 6066 section 3), in all packets of the flow";
pub(crate) const ENCRYPTED_HELLO: &str = "true where that hello holds an encrypted one (RFC 9849): the name is the outer one, if it is not sent without meaning";
pub(crate) const DOMAIN_SOURCE: &str = "what told the name of the end that serves";

/// The number of an autonomous system (RFC 6793).
pub(crate) const AS_NUMBER: Type = Type::Number(u32::MAX as u64);
pub(crate) const COUNTRY: &str = "country of its address: two letters (ISO 3166-1)";
pub(crate) const AS: &str = "autonomous system that announces its address";
pub(crate) const ORGANIZATION: &str = "who runs that";

pub(crate) fn country(place: &Location) -> Option<Value<'_>> {
    place.country.as_deref().map(|code| Value::Text(code.as_bytes()))
}

pub(crate) fn system(place: &Location) -> Option<Value<'_>> {
    place.system.map(|number| Value::Number(number.into()))
}

pub(crate) fn organization(place: &Location) -> Option<Value<'_>> {
    place.organization.as_deref().map(|name| Value::Text(name.as_bytes()))
}

/// The fields of a packet.
pub static PACKET: [Field<OfPacket>; 83] = packet_fields();

/// The fields of a packet for the writer of columns.
pub(crate) static COLUMNS: [Field<OfPacket<Columns>>; 83] = packet_fields();

/// The table. It is as long as there are fields.
pub(crate) const fn packet_fields<T: Taker>() -> [Field<OfPacket<T>>; 83] {
    [
        packet("@timestamp", Type::Time, "when it was captured", |record, put| {
            one(record.frame.time.map(Value::Time), put);
        })
        .ecs(),
        packet("file.name", Type::Text, "its input, where there is more than one", |record, put| {
            one(record.file.map(|name| Value::Text(name.as_bytes())), put);
        })
        .ecs_but("the path as it was given"),
        packet("frame.number", COUNT, "its place in its input, from 1", |record, put| {
            give(Value::Number(record.frame.number), put);
        })
        .always(),
        packet(
            "frame.interface",
            INTERFACE,
            "interface of its input it was seen on, from 0",
            |record, put| {
                give(Value::Number(record.frame.interface.into()), put);
            },
        )
        .always(),
        packet("frame.link", Type::Word, "link type of that interface", |record, put| {
            match record.frame.link.name() {
                Some(name) => give(Value::Word(name.as_bytes()), put),
                None => shown(format_args!("{}", record.frame.link), put),
            }
        })
        .always(),
        packet("frame.captured", COUNT, "length that was captured", |record, put| {
            give(Value::Number(record.frame.octets.len() as u64), put);
        })
        .unit("octets")
        .always(),
        packet("frame.original", COUNT, "length on the wire", |record, put| {
            give(Value::Number(record.frame.original_len.into()), put);
        })
        .unit("octets")
        .always(),
        packet(
            "frame.time_raw",
            COUNT,
            "its time as its block has it, where that is before 1970 or after 2554 and `@timestamp` cannot hold it: in units \
             of its interface's clock, from where that begins",
            |record, put| {
                one(record.time_raw().map(Value::Number), put);
            },
        )
        .of_wave(3),
        packet(
            "interface.name",
            Type::Text,
            "name of the interface it was seen on, where the capture tells it",
            |record, put| {
                one(record.named_interface().map(|name| Value::Text(name.as_bytes())), put);
            },
        )
        .of_wave(2),
        packet(
            "network.type",
            Type::OneOf(|| vec!["ipv4", "ipv6"]),
            "family of the addresses",
            |record, put| match record.headers.network {
                Network::V4(..) => give(Value::Word(b"ipv4"), put),
                Network::V6(..) => give(Value::Word(b"ipv6"), put),
                Network::None => {}
            },
        )
        .ecs(),
        packet("network.transport", Type::Word, "protocol that IP carries", |record, put| {
            if record.headers.network != Network::None {
                match record.label.transport.as_deref() {
                    Some(transport) => give(Value::Word(transport.as_bytes()), put),
                    None => protocol(record.headers.protocol, put),
                }
            }
        })
        .ecs_but(PROTOCOL_IN_ECS),
        packet("network.iana_number", Type::Word, "number of that protocol", |record, put| {
            if record.headers.network != Network::None {
                give(Value::Identifier(record.headers.protocol.0.into()), put);
            }
        })
        .ecs(),
        answer("network.protocol", PROTOCOL, |record, put| PROTOCOL.of(record.service, put)).late().ecs(),
        of(Per::Layers, "network.vlan.id", Type::Word, "outermost VLAN tag, 0 to 4095", |record, put| {
            one(record.headers.vlan.as_slice().first().map(|&id| Value::Identifier(id.into())), put);
        })
        .ecs(),
        of(
            Per::Layers,
            "network.inner.vlan.id",
            Type::Word,
            "the other VLAN tags, from the outside in",
            |record, put| {
                let inner = record.headers.vlan.as_slice().iter().skip(1);
                all(put, |put| inner.for_each(|&id| put(Value::Identifier(id.into()))));
            },
        )
        .list()
        .late()
        .ecs_but("a list, as there may be more than two tags"),
        of(
            Per::Layers,
            "network.tunnel",
            Type::OneOf(|| Tunnel::ALL.map(Tunnel::as_str).to_vec()),
            "tunnels, from the outside in",
            |record, put| {
                let tunnels = record.headers.tunnels.as_slice().iter();
                all(put, |put| tunnels.for_each(|tunnel| put(Value::Word(tunnel.as_str().as_bytes()))));
            },
        )
        .list(),
        packet("network.community_id", Type::Word, "Community ID (version 1) of the flow", |record, put| {
            if let Some(id) = record.community_id {
                let mut text = *b"1:............................";
                text[2..].copy_from_slice(&id);
                give(Value::Word(&text), put);
            }
        })
        .ecs(),
        packet("source.mac", Type::Mac, "link-layer address of the sender, the outermost", |record, put| {
            one(record.headers.macs.map(|macs| Value::Mac(macs.0)), put);
        })
        .ecs(),
        packet("source.ip", Type::Address, "address of the sender, the innermost", |record, put| {
            one(record.addresses().map(|ends| Value::Address(ends.0)), put);
        })
        .ecs(),
        packet("source.port", PORT, "port of the sender", |record, put| {
            one(record.headers.ports.map(|ports| Value::Number(ports.0.into())), put);
        })
        .ecs(),
        names("source.domain", Type::Escaped, SOURCE_DOMAIN, |record, put| {
            one(record.domains().0.map(|name| Value::Escaped(name.as_bytes())), put);
        })
        .ecs(),
        place("source.geo.country_iso_code", Type::Word, COUNTRY, |record, put| {
            one(record.places[0].and_then(country), put);
        })
        .ecs(),
        place("source.as.number", AS_NUMBER, AS, |record, put| {
            one(record.places[0].and_then(system), put);
        })
        .ecs(),
        place("source.as.organization.name", Type::Text, ORGANIZATION, |record, put| {
            one(record.places[0].and_then(organization), put);
        })
        .ecs(),
        packet(
            "destination.mac",
            Type::Mac,
            "link-layer address of the receiver, the outermost",
            |record, put| {
                one(record.headers.macs.map(|macs| Value::Mac(macs.1)), put);
            },
        )
        .ecs(),
        packet("destination.ip", Type::Address, "address of the receiver, the innermost", |record, put| {
            one(record.addresses().map(|ends| Value::Address(ends.1)), put);
        })
        .ecs(),
        packet("destination.port", PORT, "port of the receiver", |record, put| {
            one(record.headers.ports.map(|ports| Value::Number(ports.1.into())), put);
        })
        .ecs(),
        names("destination.domain", Type::Escaped, DESTINATION_DOMAIN, |record, put| {
            one(record.domains().1.map(|name| Value::Escaped(name.as_bytes())), put);
        })
        .ecs(),
        place("destination.geo.country_iso_code", Type::Word, COUNTRY, |record, put| {
            one(record.places[1].and_then(country), put);
        })
        .ecs(),
        place("destination.as.number", AS_NUMBER, AS, |record, put| {
            one(record.places[1].and_then(system), put);
        })
        .ecs(),
        place("destination.as.organization.name", Type::Text, ORGANIZATION, |record, put| {
            one(record.places[1].and_then(organization), put);
        })
        .ecs(),
        names("tls.client.server_name", Type::Escaped, SERVER_NAME, |record, put| {
            let name = record.named.and_then(|named| named.server_name);
            one(name.map(|name| Value::Escaped(name.as_bytes())), put);
        })
        .ecs(),
        names("tls.client.encrypted_hello", Type::Flag, ENCRYPTED_HELLO, |record, put| {
            let hides = record.named.is_some_and(|named| named.has_encrypted_hello);
            one(hides.then_some(Value::Flag(true)), put);
        }),
        process("process.name", Type::Escaped, PROCESS_NAME, |record, put| {
            one(record.local_end().and_then(process_name), put);
        })
        .ecs(),
        process("process.pid", PID, PROCESS_PID, |record, put| {
            one(record.local_end().and_then(process_pid), put);
        })
        .ecs(),
        process("process.executable", Type::Escaped, PROCESS_EXECUTABLE, |record, put| {
            one(record.local_end().and_then(process_executable), put);
        })
        .ecs(),
        process("process.end", ENDS, PROCESS_END, |record, put| {
            one(record.local_end().and_then(process_end), put);
        }),
        process("process.known_by", HOW, PROCESS_KNOWN_BY, |record, put| {
            one(record.local_end().and_then(process_known_by), put);
        }),
        process("user.name", Type::Escaped, PROCESS_USER, |record, put| {
            one(record.local_end().and_then(process_user), put);
        })
        .ecs(),
        answers(
            "row",
            Type::Text,
            "row that a summary per service counts it in, with `svc` and without",
            |record, put| {
                give(Value::Text(record.label.key.as_bytes()), put);
            },
        )
        .always(),
        answer("svc.name", NAME, |record, put| NAME.of(record.service, put)),
        answer("svc.port", PORT_THAT_SERVES, |record, put| PORT_THAT_SERVES.of(record.service, put)),
        answer("svc.transport", TRANSPORT, |record, put| TRANSPORT.of(record.service, put)),
        answer("svc.side", SIDE, |record, put| SIDE.of(record.service, put)),
        answer("svc.evidence", EVIDENCE, |record, put| EVIDENCE.of(record.service, put)),
        answer("svc.rule", RULE, |record, put| RULE.of(record.service, put)),
        answer("svc.description", DESCRIPTION, |record, put| DESCRIPTION.of(record.service, put)),
        answer("svc.instance", INSTANCE, |record, put| INSTANCE.of(record.service, put)),
        answer("svc.candidates", CANDIDATES, |record, put| CANDIDATES.of(record.service, put)),
        answer("svc.revised", REVISED, |record, put| REVISED.of(record.service, put)),
        answer("svc.advertised_by", ADVERTISED_BY, |record, put| ADVERTISED_BY.of(record.service, put))
            .late(),
        answer("svc.state", STATE, |record, put| STATE.of(record.service, put)).late(),
        answer("svc.protocol", PROTOCOL, |record, put| PROTOCOL.of(record.service, put)).late(),
        answer("svc.asked", ASKED, |record, put| ASKED.of(record.service, put)).late(),
        answer("svc.layers", LAYERS, |record, put| LAYERS.of(record.service, put)).late(),
        answer("svc.mismatch", MISMATCH, |record, put| MISMATCH.of(record.service, put)).late(),
        answer("svc.registered", REGISTERED, |record, put| REGISTERED.of(record.service, put)).late(),
        names("svc.domain_source", Type::OneOf(ToldFrom::words), DOMAIN_SOURCE, |record, put| {
            one(record.server_domain().map(|(_, source)| Value::Word(source.as_bytes())), put);
        }),
        quoted(
            "about.transport",
            Type::Word,
            "protocol of the packet that an ICMP error quotes",
            |record, put| {
                if let Some(quoted) = record.headers.quoted {
                    protocol(quoted.protocol, put);
                }
            },
        )
        .within(),
        quoted("about.source.ip", Type::Address, "who sent that packet", |record, put| {
            one(
                record
                    .headers
                    .quoted
                    .and_then(|quoted| quoted.network.addresses())
                    .map(|ends| Value::Address(ends.0)),
                put,
            );
        })
        .within(),
        quoted("about.source.port", PORT, "from which port", |record, put| {
            let ports = record.headers.quoted.and_then(|quoted| quoted.ports);
            one(ports.map(|ports| Value::Number(ports.0.into())), put);
        }),
        quoted("about.destination.ip", Type::Address, "to whom", |record, put| {
            one(
                record
                    .headers
                    .quoted
                    .and_then(|quoted| quoted.network.addresses())
                    .map(|ends| Value::Address(ends.1)),
                put,
            );
        })
        .within(),
        quoted("about.destination.port", PORT, "to which port", |record, put| {
            let ports = record.headers.quoted.and_then(|quoted| quoted.ports);
            one(ports.map(|ports| Value::Number(ports.1.into())), put);
        }),
        about("about.svc.name", NAME, |record, put| NAME.of(record.about, put)),
        about("about.svc.port", PORT_THAT_SERVES, |record, put| PORT_THAT_SERVES.of(record.about, put)),
        about("about.svc.transport", TRANSPORT, |record, put| TRANSPORT.of(record.about, put)),
        about("about.svc.side", SIDE, |record, put| SIDE.of(record.about, put)),
        about("about.svc.evidence", EVIDENCE, |record, put| EVIDENCE.of(record.about, put)),
        about("about.svc.rule", RULE, |record, put| RULE.of(record.about, put)),
        about("about.svc.description", DESCRIPTION, |record, put| DESCRIPTION.of(record.about, put)),
        about("about.svc.instance", INSTANCE, |record, put| INSTANCE.of(record.about, put)),
        about("about.svc.candidates", CANDIDATES, |record, put| CANDIDATES.of(record.about, put)),
        about("about.svc.revised", REVISED, |record, put| REVISED.of(record.about, put)),
        about("about.svc.advertised_by", ADVERTISED_BY, |record, put| ADVERTISED_BY.of(record.about, put)),
        about("about.svc.state", STATE, |record, put| STATE.of(record.about, put)),
        about("about.svc.protocol", PROTOCOL, |record, put| PROTOCOL.of(record.about, put)),
        about("about.svc.asked", ASKED, |record, put| ASKED.of(record.about, put)),
        about("about.svc.layers", LAYERS, |record, put| LAYERS.of(record.about, put)),
        about("about.svc.mismatch", MISMATCH, |record, put| MISMATCH.of(record.about, put)),
        about("about.svc.registered", REGISTERED, |record, put| REGISTERED.of(record.about, put)),
        of(Per::Messages, "dnssd", Type::Object(&MESSAGE), "the DNS message that it carries", |record, put| {
            one(record.dns().next().map(|(via, message)| Value::Message(via, message)), put);
        }),
        of(
            Per::Messages,
            "dnssd_more",
            Type::Object(&MESSAGE),
            "further DNS messages in a TCP segment",
            |record, put| {
                let further = record.dns().skip(1);
                all(put, |put| further.for_each(|(via, message)| put(Value::Message(via, message))));
            },
        )
        .list()
        .late(),
        packet("notes", Type::Text, "what is odd about it", |record, put| {
            all(put, |put| record.notes(|note| put(Value::Note(note))));
        })
        .list(),
    ]
}

#[inline(always)]
fn give(value: Value<'_>, put: &mut (impl Put + ?Sized)) {
    put.one(value);
}

#[inline(always)]
fn all(put: &mut (impl Put + ?Sized), give: impl FnOnce(&mut Each<'_>)) {
    put.all(give);
}

#[inline(always)]
fn one(value: Option<Value<'_>>, put: &mut (impl Put + ?Sized)) {
    if let Some(value) = value {
        put.one(value);
    }
}

/// Gives the word of a protocol.
pub(crate) fn protocol(protocol: TransportProtocol, put: &mut (impl Put + ?Sized)) {
    match protocol_keyword(protocol) {
        Some(keyword) => give(Value::Word(keyword.as_bytes()), put),
        None => shown(format_args!("ip-{}", protocol.0), put),
    }
}

/// Gives a word that is put together, which takes no memory.
fn shown(word: Arguments<'_>, put: &mut (impl Put + ?Sized)) {
    let mut text = [0; 24];
    let mut rest = &mut text[..];
    // Words are short: none is cut.
    let _ = rest.write_fmt(word);
    let left = rest.len();
    give(Value::Word(&text[..text.len() - left]), put);
}
