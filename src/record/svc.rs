//! The fields of an answer, which packets, quoted packets and flows share.

use super::{Each, Put, Service, Value};
use crate::{
    naming::{Evidence, Rule, State},
    payload::Protocol,
    text::field::{Field, PORT, Type},
};

/// How a field of an answer is read; the rule is the one that spoke.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OfService(fn(&Service<'_>, Rule, &mut Each<'_>));

impl Field<OfService> {
    /// Gives the values of an answer; packets without ports have none.
    pub(crate) fn of(&self, service: Option<Service<'_>>, put: &mut (impl Put + ?Sized)) {
        if let Some(service) = service
            && let Some(rule) = service.known.rule
        {
            put.all(|put| (self.get.0)(&service, rule, put));
        }
    }
}

const fn field(
    path: &'static str,
    kind: Type,
    doc: &'static str,
    get: fn(&Service<'_>, Rule, &mut Each<'_>),
) -> Field<OfService> {
    Field::read(path, kind, doc, OfService(get))
}

pub(crate) const NAME: Field<OfService> =
    field("name", Type::Text, "name of the service; absent where there is none", |service, _, put| {
        if let Some(name) = &service.label.name {
            put(Value::Text(name.as_bytes()));
        }
    });

pub(crate) const PORT_THAT_SERVES: Field<OfService> =
    field("port", PORT, "port that serves; absent where the side is unknown", |service, _, put| {
        if let Some(port) = service.label.port {
            put(Value::Number(port.into()));
        }
    });

pub(crate) const TRANSPORT: Field<OfService> =
    field("transport", Type::Word, "transport of that port", |service, _, put| {
        if let Some(transport) = &service.label.transport {
            put(Value::Word(transport.as_bytes()));
        }
    })
    .within();

pub(crate) const SIDE: Field<OfService> = field(
    "side",
    Type::OneOf(|| vec!["source", "destination", "both", "none"]),
    "which end of this record serves",
    |service, _, put| {
        put(Value::Word(service.side().as_bytes()));
    },
)
.within();

pub(crate) const EVIDENCE: Field<OfService> = field(
    "evidence",
    Type::OneOf(|| Evidence::ALL.map(Evidence::as_str).to_vec()),
    "how the name is known",
    |service, _, put| {
        if let Some(evidence) = service.label.evidence {
            put(Value::Word(evidence.as_str().as_bytes()));
        }
    },
)
.within();

pub(crate) const RULE: Field<OfService> = field(
    "rule",
    Type::OneOf(|| Rule::ALL.map(Rule::as_str).to_vec()),
    "the rule that told which side serves",
    |_, rule, put| {
        put(Value::Word(rule.as_str().as_bytes()));
    },
)
.within();

pub(crate) const DESCRIPTION: Field<OfService> =
    field("description", Type::Text, "what the registry, or the user, says about it", |service, _, put| {
        if let Some(description) = &service.label.description {
            put(Value::Text(description.as_bytes()));
        }
    });

pub(crate) const INSTANCE: Field<OfService> =
    field("instance", Type::Escaped, "DNS-SD instance, where it was advertised", |service, _, put| {
        if let Some(instance) = &service.label.instance {
            put(Value::Escaped(instance.as_bytes()));
        }
    });

pub(crate) const CANDIDATES: Field<OfService> = field(
    "candidates",
    Type::Word,
    "names registered for the port, in the registry's order",
    |service, _, put| {
        for candidate in &service.label.candidates {
            put(Value::Text(candidate.as_bytes()));
        }
    },
)
.list();

pub(crate) const REVISED: Field<OfService> = field(
    "revised",
    Type::Flag,
    "true where an earlier packet of the flow got another answer",
    |service, _, put| {
        if service.known.revised {
            put(Value::Flag(true));
        }
    },
);

pub(crate) const ADVERTISED_BY: Field<OfService> = field(
    "advertised_by",
    Type::OneOf(|| vec!["mdns", "dns", "ftp", "sip", "sunrpc", "ssdp"]),
    "protocol whose message told the name, where that is the evidence",
    |service, _, put| {
        if let Some(word) = service.label.advertised_by {
            put(Value::Word(word.as_bytes()));
        }
    },
);

pub(crate) const STATE: Field<OfService> = field(
    "state",
    Type::OneOf(|| State::ALL.map(State::as_str).to_vec()),
    "how far the flow came: who was asked need not serve",
    |service, _, put| {
        if let Some(state) = service.label.state {
            put(Value::Word(state.as_str().as_bytes()));
        }
    },
)
.within();

pub(crate) const PROTOCOL: Field<OfService> = field(
    "protocol",
    Type::OneOf(protocols),
    "protocol spoken, whatever the name; absent where the first octets do not tell",
    |service, _, put| {
        if let Some(speech) = &service.label.speech {
            put(Value::Word(speech.protocol.word().as_bytes()));
        }
    },
);

pub(crate) const ASKED: Field<OfService> = field(
    "asked",
    Type::OneOf(protocols),
    "protocol the client asked for, where the server answered in another one",
    |service, _, put| {
        if let Some(asked) = service.label.speech.and_then(|speech| speech.asked) {
            put(Value::Word(asked.word().as_bytes()));
        }
    },
);

pub(crate) const LAYERS: Field<OfService> = field(
    "layers",
    Type::OneOf(protocols),
    "what is spoken within what, from the outermost, where more than one is known",
    |service, _, put| {
        for layer in service.label.speech.iter().flat_map(|speech| speech.layers.iter()) {
            put(Value::Word(layer.word().as_bytes()));
        }
    },
)
.list();

pub(crate) const MISMATCH: Field<OfService> = field(
    "mismatch",
    Type::OneOf(|| {
        [Evidence::User, Evidence::Advertised, Evidence::Registered].map(Evidence::as_str).to_vec()
    }),
    "whose name of the port the first octets contradict",
    |service, _, put| {
        if let Some(mismatch) = service.label.mismatch {
            put(Value::Word(mismatch.as_str().as_bytes()));
        }
    },
);

pub(crate) const REGISTERED: Field<OfService> =
    field("registered", Type::Flag, "false where IANA does not have the name", |service, _, put| {
        if service.label.is_unregistered {
            put(Value::Flag(false));
        }
    });

/// The words of all protocols that first octets tell.
fn protocols() -> Vec<&'static str> {
    Protocol::all().map(Protocol::word).collect()
}
