//! The fields of an answer, which packets, quoted packets and flows share.

use super::{Each, Put, Service, Value};
use crate::{
    naming::{Evidence, Rule},
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
