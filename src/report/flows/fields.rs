//! All fields of a flow record, in the order in which JSON has them.

use super::{End, FlowRow, Reason};
use crate::{
    knowledge::ToldFrom,
    packet::Timestamp,
    record::{
        Each, Value,
        fields::{
            AS, AS_NUMBER, COUNTRY, DESTINATION_DOMAIN, DOMAIN_SOURCE, ENCRYPTED_HELLO, ORGANIZATION,
            PROTOCOL_IN_ECS, SERVER_NAME, SOURCE_DOMAIN, country, organization, protocol, system,
        },
        process::{
            ENDS, HOW, PID, PROCESS_END, PROCESS_EXECUTABLE, PROCESS_KNOWN_BY, PROCESS_NAME, PROCESS_PID,
            PROCESS_USER, process_end, process_executable, process_known_by, process_name, process_pid,
            process_user,
        },
        svc::{
            ADVERTISED_BY, ASKED, CANDIDATES, DESCRIPTION, EVIDENCE, INSTANCE, LAYERS, MISMATCH, NAME,
            OfService, PORT_THAT_SERVES, PROTOCOL, REGISTERED, REVISED, RULE, SIDE, STATE, TRANSPORT,
        },
    },
    text::field::{COUNT, Field, Need, PORT, Type},
};

/// How a field of a flow is read.
#[derive(Clone, Copy, Debug)]
pub struct OfFlow(Get);

type Get = fn(&FlowRow<'_>, &mut Each<'_>);

impl OfFlow {
    /// Gives the values of a flow to `put`: no call means that the field is absent, several are a list.
    pub fn read(self, flow: &FlowRow<'_>, put: &mut Each<'_>) {
        (self.0)(flow, put);
    }
}

const fn flow(path: &'static str, kind: Type, doc: &'static str, get: Get) -> Field<OfFlow> {
    Field::read(path, kind, doc, OfFlow(get))
}

const fn answer(path: &'static str, of: Field<OfService>, get: Get) -> Field<OfFlow> {
    of.at(path, OfFlow(get))
}

const fn place(path: &'static str, kind: Type, doc: &'static str, get: Get) -> Field<OfFlow> {
    flow(path, kind, doc, get).of_wave(4).with(Need::Places).ecs()
}

const fn process(path: &'static str, kind: Type, doc: &'static str, get: Get) -> Field<OfFlow> {
    flow(path, kind, doc, get).of_wave(5).with(Need::Processes)
}

/// The fields of a flow.
pub static FLOW: [Field<OfFlow>; 54] = [
    flow("@timestamp", Type::Time, "when it began", |flow, put| time(flow.first, put)).late().ecs(),
    flow("event.start", Type::Time, "time of its first packet", |flow, put| time(flow.first, put)).ecs(),
    flow("event.end", Type::Time, "time of its last packet", |flow, put| time(flow.last, put)).ecs(),
    flow("event.duration", COUNT, "from the first packet to the last", |flow, put| {
        if let Some(duration) = flow.duration() {
            put(Value::Number(duration));
        }
    })
    .unit("ns")
    .ecs(),
    flow(
        "event.reason",
        Type::OneOf(|| Reason::ALL.map(Reason::as_str).to_vec()),
        "why it is told: `flowEndReason` of IPFIX; the last record of a flow counts",
        |flow, put| {
            if let Some(reason) = flow.reason() {
                put(Value::Word(reason.as_bytes()));
            }
        },
    )
    .of_wave(3)
    .with(Need::Stream)
    .ecs(),
    flow("network.type", Type::OneOf(|| vec!["ipv4", "ipv6"]), "family of its addresses", |flow, put| {
        put(Value::Word(if flow.source().ip.is_ipv4() { b"ipv4" } else { b"ipv6" }));
    })
    .always()
    .ecs(),
    flow("network.transport", Type::Word, "its protocol", |flow, put| protocol(flow.protocol, put))
        .always()
        .ecs_but(PROTOCOL_IN_ECS),
    flow("network.iana_number", Type::Word, "number of that protocol", |flow, put| {
        put(Value::Identifier(flow.protocol.0.into()));
    })
    .always()
    .ecs(),
    answer("network.protocol", PROTOCOL, |flow, put| PROTOCOL.of(flow.service, put)).late().ecs(),
    flow(
        "network.community_id",
        Type::Word,
        "its Community ID (version 1); ICMP has none here",
        |flow, put| {
            if let Some(id) = flow.community_id() {
                put(Value::Word(&id));
            }
        },
    )
    .ecs(),
    flow("network.packets", COUNT, "packets of both directions", |flow, put| {
        put(Value::Number(flow.source().packets + flow.destination().packets));
    })
    .always()
    .late()
    .ecs(),
    flow("network.bytes", COUNT, "what both directions took on the wire", |flow, put| {
        put(Value::Number(flow.source().octets + flow.destination().octets));
    })
    .unit("octets")
    .always()
    .late()
    .ecs(),
    flow("source.ip", Type::Address, "who sent its first packet", |flow, put| address(flow.source(), put))
        .always()
        .ecs(),
    flow("source.port", PORT, "from which port", |flow, put| port(flow.source(), put)).ecs(),
    flow("source.domain", Type::Escaped, SOURCE_DOMAIN, |flow, put| name(flow.domains().0, put))
        .of_wave(2)
        .ecs(),
    place("source.geo.country_iso_code", Type::Word, COUNTRY, |flow, put| {
        if let Some(code) = flow.places[0].and_then(country) {
            put(code);
        }
    }),
    place("source.as.number", AS_NUMBER, AS, |flow, put| {
        if let Some(number) = flow.places[0].and_then(system) {
            put(number);
        }
    }),
    place("source.as.organization.name", Type::Text, ORGANIZATION, |flow, put| {
        if let Some(name) = flow.places[0].and_then(organization) {
            put(name);
        }
    }),
    flow("source.packets", COUNT, "packets from there", |flow, put| packets(flow.source(), put))
        .always()
        .ecs(),
    flow("source.bytes", COUNT, "what they took on the wire", |flow, put| octets(flow.source(), put))
        .unit("octets")
        .always()
        .ecs(),
    flow("destination.ip", Type::Address, "to whom", |flow, put| address(flow.destination(), put))
        .always()
        .ecs(),
    flow("destination.port", PORT, "to which port", |flow, put| port(flow.destination(), put)).ecs(),
    flow("destination.domain", Type::Escaped, DESTINATION_DOMAIN, |flow, put| name(flow.domains().1, put))
        .of_wave(2)
        .ecs(),
    place("destination.geo.country_iso_code", Type::Word, COUNTRY, |flow, put| {
        if let Some(code) = flow.places[1].and_then(country) {
            put(code);
        }
    }),
    place("destination.as.number", AS_NUMBER, AS, |flow, put| {
        if let Some(number) = flow.places[1].and_then(system) {
            put(number);
        }
    }),
    place("destination.as.organization.name", Type::Text, ORGANIZATION, |flow, put| {
        if let Some(name) = flow.places[1].and_then(organization) {
            put(name);
        }
    }),
    flow("destination.packets", COUNT, "packets from there", |flow, put| packets(flow.destination(), put))
        .always()
        .ecs(),
    flow("destination.bytes", COUNT, "what they took on the wire", |flow, put| {
        octets(flow.destination(), put);
    })
    .unit("octets")
    .always()
    .ecs(),
    flow("tls.client.server_name", Type::Escaped, SERVER_NAME, |flow, put| {
        name(flow.named.and_then(|named| named.server_name), put);
    })
    .of_wave(2)
    .ecs(),
    flow("tls.client.encrypted_hello", Type::Flag, ENCRYPTED_HELLO, |flow, put| {
        if flow.named.is_some_and(|named| named.has_encrypted_hello) {
            put(Value::Flag(true));
        }
    })
    .of_wave(2),
    process("process.name", Type::Escaped, PROCESS_NAME, |flow, put| {
        flow.local_end().and_then(process_name).into_iter().for_each(put);
    })
    .ecs(),
    process("process.pid", PID, PROCESS_PID, |flow, put| {
        flow.local_end().and_then(process_pid).into_iter().for_each(put);
    })
    .ecs(),
    process("process.executable", Type::Escaped, PROCESS_EXECUTABLE, |flow, put| {
        flow.local_end().and_then(process_executable).into_iter().for_each(put);
    })
    .ecs(),
    process("process.end", ENDS, PROCESS_END, |flow, put| {
        flow.local_end().and_then(process_end).into_iter().for_each(put);
    }),
    process("process.known_by", HOW, PROCESS_KNOWN_BY, |flow, put| {
        flow.local_end().and_then(process_known_by).into_iter().for_each(put);
    }),
    process("user.name", Type::Escaped, PROCESS_USER, |flow, put| {
        flow.local_end().and_then(process_user).into_iter().for_each(put);
    })
    .ecs(),
    answer("svc.name", NAME, |flow, put| NAME.of(flow.service, put)),
    answer("svc.port", PORT_THAT_SERVES, |flow, put| PORT_THAT_SERVES.of(flow.service, put)),
    answer("svc.transport", TRANSPORT, |flow, put| TRANSPORT.of(flow.service, put)),
    answer("svc.side", SIDE, |flow, put| SIDE.of(flow.service, put)),
    answer("svc.evidence", EVIDENCE, |flow, put| EVIDENCE.of(flow.service, put)),
    answer("svc.rule", RULE, |flow, put| RULE.of(flow.service, put)),
    answer("svc.description", DESCRIPTION, |flow, put| DESCRIPTION.of(flow.service, put)),
    answer("svc.instance", INSTANCE, |flow, put| INSTANCE.of(flow.service, put)),
    answer("svc.candidates", CANDIDATES, |flow, put| CANDIDATES.of(flow.service, put)),
    answer("svc.advertised_by", ADVERTISED_BY, |flow, put| ADVERTISED_BY.of(flow.service, put)).late(),
    answer("svc.state", STATE, |flow, put| STATE.of(flow.service, put)).late(),
    answer("svc.protocol", PROTOCOL, |flow, put| PROTOCOL.of(flow.service, put)).late(),
    answer("svc.asked", ASKED, |flow, put| ASKED.of(flow.service, put)).late(),
    answer("svc.layers", LAYERS, |flow, put| LAYERS.of(flow.service, put)).late(),
    answer("svc.mismatch", MISMATCH, |flow, put| MISMATCH.of(flow.service, put)).late(),
    answer("svc.registered", REGISTERED, |flow, put| REGISTERED.of(flow.service, put)).late(),
    flow("svc.domain_source", Type::OneOf(ToldFrom::words), DOMAIN_SOURCE, |flow, put| {
        if let Some((_, source)) = flow.server_domain() {
            put(Value::Word(source.as_bytes()));
        }
    })
    .of_wave(2),
    answer("svc.revised", REVISED, |flow, put| {
        // Else all is known that can be.
        REVISED.of(flow.service.filter(|_| flow.reason().is_some()), put);
    })
    .of_wave(3)
    .with(Need::Stream),
];

fn name(name: Option<&str>, put: &mut Each<'_>) {
    if let Some(name) = name {
        put(Value::Escaped(name.as_bytes()));
    }
}

fn time(time: Option<u64>, put: &mut Each<'_>) {
    if let Some(time) = time {
        put(Value::Time(Timestamp(time)));
    }
}

fn address(end: &End, put: &mut Each<'_>) {
    put(Value::Address(end.ip));
}

fn port(end: &End, put: &mut Each<'_>) {
    if let Some(port) = end.port {
        put(Value::Number(port.into()));
    }
}

fn packets(end: &End, put: &mut Each<'_>) {
    put(Value::Number(end.packets));
}

fn octets(end: &End, put: &mut Each<'_>) {
    put(Value::Number(end.octets));
}
