//! All fields of `explain --format json`.

use crate::{
    naming::{Evidence, Rule},
    record::svc::{
        ADVERTISED_BY, ASKED, CANDIDATES, DESCRIPTION, EVIDENCE, INSTANCE, LAYERS, MISMATCH, NAME, OfService,
        PORT_THAT_SERVES, PROTOCOL, REGISTERED, RULE, SIDE, STATE, TRANSPORT,
    },
    registry::Status,
    text::field::{COUNT, Field, PORT, Type},
};

const FRAME: Field = Field::new("frame", COUNT, "number of the packet in its file, from 1");
const FILE: Field = Field::new("file", Type::Text, "name of that file, where there are several");

/// The fields of the object.
pub static EXPLAIN: [Field; 13] = [
    Field::new("schema", Type::OneOf(|| vec!["portolan/explain/1"]), "what this object is").always(),
    Field::new("registry_updated", Type::Word, "date of the registry that gave the names of services")
        .always(),
    Field::new("frame", COUNT, "number of the packet that is explained, or of the first one of the flow"),
    FILE,
    Field::new("row", Type::Text, "row that a summary per service counts it in"),
    Field::new(
        "answer",
        Type::Object(&ANSWER),
        "the answer, seen from that packet: its `svc`; absent without ports",
    ),
    Field::new("about", Type::Object(&ABOUT), "the flow that the packet is an ICMP error about"),
    Field::new("rules", Type::Object(&SPOKE), "the rules that spoke, in the order they are asked")
        .list()
        .always(),
    Field::new("names", Type::Object(&CONSIDERED), "the names that it could have, the strongest first")
        .list()
        .always(),
    Field::new(
        "octets",
        Type::Object(&OCTETS),
        "first octets of each direction, and later ones that decided",
    )
    .list()
    .always(),
    Field::new("registry", Type::Object(&ROW), "what the registry has of the ports of both ends")
        .list()
        .always(),
    Field::new("icmp_error", Type::Object(&SPOT), "an ICMP error that complains about the flow"),
    Field::new("would_change", Type::Object(&CHANGES), "what would make the answer another one"),
];

const fn answer(field: Field<OfService>) -> Field {
    field.at(field.path, ())
}

/// The fields of the answer.
static ANSWER: [Field; 16] = [
    answer(NAME),
    answer(PORT_THAT_SERVES),
    answer(TRANSPORT),
    answer(SIDE),
    answer(STATE),
    answer(EVIDENCE),
    answer(DESCRIPTION),
    answer(INSTANCE),
    answer(ADVERTISED_BY),
    answer(CANDIDATES),
    answer(RULE),
    answer(MISMATCH),
    answer(PROTOCOL),
    answer(ASKED),
    answer(LAYERS),
    answer(REGISTERED),
];

static ABOUT: [Field; 2] = [
    Field::new("flow", Type::Text, "`192.0.2.1:50000 > 192.0.2.2:53 udp`").always(),
    Field::new("svc", Type::Object(&ANSWER), "its answer, seen from the packet quoted"),
];

static SPOKE: [Field; 6] = [
    Field::new("rule", Type::OneOf(|| Rule::ALL.map(Rule::as_str).to_vec()), "the rule").always(),
    Field::new(
        "side",
        Type::OneOf(|| vec!["source", "destination", "both", "none"]),
        "the side that it names, seen from the packet that is explained",
    )
    .always(),
    Field::new("chosen", Type::Flag, "whether it decided: the first that spoke").always(),
    Field::new("because", Type::Text, "why it names that side").always(),
    Field::new("frame", COUNT, "number of the packet that decided"),
    FILE,
];

static CONSIDERED: [Field; 4] = [
    Field::new("name", Type::Text, "the name").always(),
    Field::new(
        "evidence",
        Type::OneOf(|| Evidence::ALL.map(Evidence::as_str).to_vec()),
        "how it would be known",
    )
    .always(),
    Field::new("chosen", Type::Flag, "whether it was taken").always(),
    Field::new("because", Type::Text, "why it was taken or rejected").always(),
];

static OCTETS: [Field; 9] = [
    Field::new("direction", Type::Text, "`192.0.2.1:50000 > 192.0.2.2:80`").always(),
    FRAME.always(),
    FILE,
    Field::new("offset", COUNT, "where in the frame they begin").unit("octets").always(),
    Field::new("hex", Type::Word, "the octets, two digits each").always(),
    Field::new("text", Type::Text, "the same, with a dot for what is no printable ASCII").always(),
    Field::new(
        "matched",
        Type::Text,
        "the protocol that this direction matches alone up to here, or those it may be",
    ),
    Field::new("decisive", COUNT, "how many of them are enough for that").unit("octets"),
    Field::new("spoken", Type::Text, "what both directions say from here on, where it changed: `smtp/tls`"),
];

static ROW: [Field; 4] = [
    Field::new("port", PORT, "the port").always(),
    Field::new(
        "status",
        Type::OneOf(|| {
            [Status::Assigned, Status::Reserved, Status::Unassigned, Status::Dynamic]
                .map(Status::as_str)
                .to_vec()
        }),
        "what the registry says of it",
    )
    .always(),
    Field::new("name", Type::Text, "name of a row; absent where the port has none"),
    Field::new("description", Type::Text, "description of that row"),
];

static SPOT: [Field; 2] = [FRAME.always(), FILE];

static CHANGES: [Field; 2] = [
    Field::new("side", Type::Text, "who serves").always(),
    Field::new("name", Type::Text, "what the service is called").always(),
];
