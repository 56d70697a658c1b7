//! All fields of `discover --format json`.

use crate::text::field::{COUNT, Field, PORT, Type};

/// The fields of the object.
pub static DISCOVER: [Field; 16] = [
    Field::new("schema", Type::OneOf(|| vec!["portolan/discover/1"]), "what this object is").always(),
    Field::new("registry.updated", Type::Word, "date of the registry that types were looked up in").always(),
    Field::new("messages", COUNT, "DNS messages that were read").always(),
    Field::new("instances", Type::Object(&INSTANCE), "service instances").list().always(),
    Field::new("types", Type::Object(&TYPE), "service types").list().always(),
    Field::new("queries", Type::Object(&QUERY), "who asks for what").list().always(),
    Field::new("events", Type::Object(&EVENT), "the life line, in the order of the packets").list().always(),
    Field::new("findings", Type::Object(&FINDING), "what is remarkable").list().always(),
    Field::new("dropped.names", COUNT, "names that found no room"),
    Field::new("dropped.types", COUNT, "service types that found no room"),
    Field::new("dropped.texts", COUNT, "TXT records that found no room"),
    Field::new("dropped.records", COUNT, "records that found no room"),
    Field::new("dropped.questions", COUNT, "questions that found no room"),
    Field::new("dropped.events", COUNT, "events that found no room"),
    Field::new("dropped.findings", COUNT, "findings that found no room"),
    Field::new("dropped.left", COUNT, "instances that were over and left full tables"),
];

/// The input that a row is of.
const FILE: Field = Field::new("file", Type::Text, "its input, where several are taken apart (`--separate`)");

/// The fields of an instance.
pub static INSTANCE: [Field; 22] = [
    FILE,
    Field::new("instance", Type::Text, "its name within its type"),
    Field::new("instance_base64", Type::Base64, "its name, where it is no UTF-8"),
    Field::new("type", Type::Escaped, "its service type: `_ipp._tcp`").always(),
    Field::new("domain", Type::Escaped, "its domain").always(),
    Field::new("subtypes", Type::Escaped, "its subtypes").list(),
    Field::new("host", Type::Escaped, "the host it is on, where an SRV record was seen"),
    Field::new("port", PORT, "the port it is at, where an SRV record was seen"),
    Field::new("servers", Type::Object(&SERVER), "all hosts and ports, where SRV records tell of several")
        .list(),
    Field::new("addresses", Type::Address, "addresses of the host, or of all hosts").list(),
    Field::new(
        "txt",
        Type::Object(&ATTRIBUTE),
        "its attributes, and those the registry defines that it lacks",
    )
    .list(),
    Field::new(
        "txt_omitted",
        COUNT,
        "pairs of its TXT records beyond the first 1,024, which are not looked at",
    ),
    Field::new("registered.name", Type::Text, "name of its type in the registry").within(),
    Field::new("registered.description", Type::Text, "what the registry says of its type").within(),
    Field::new("registered.txt_keys", Type::Escaped, "TXT keys that the registry defines").list(),
    Field::new(
        "state",
        Type::OneOf(|| vec!["active", "partial", "goodbye", "expired", "heard"]),
        "its state at the end",
    )
    .always(),
    Field::new("missing", Type::OneOf(|| vec!["srv", "txt", "address"]), "records of it that were not seen")
        .list(),
    Field::new("first", Type::Time, "when it was first seen"),
    Field::new("last", Type::Time, "when it was last seen"),
    Field::new("announced_by", Type::Address, "who announced it").list().always(),
    Field::new("known_by", Type::Address, "who listed it as known, where nobody announced it").list(),
    Field::new("via", Type::OneOf(|| vec!["mdns", "llmnr", "dns", "dns-tcp"]), "how that came")
        .list()
        .always(),
];

/// The fields of a server of an instance, an SRV record (RFC 2782).
static SERVER: [Field; 5] = [
    Field::new("host", Type::Escaped, "the host").always(),
    Field::new("port", PORT, "the port").always(),
    Field::new("priority", COUNT, "lower ones are tried first").always(),
    Field::new("weight", COUNT, "share among those of one priority").always(),
    Field::new("addresses", Type::Address, "addresses of the host").list(),
];

/// The fields of an attribute of a TXT record, in the states of RFC 6763 section 6.4.
static ATTRIBUTE: [Field; 6] = [
    Field::new("key", Type::Text, "its key"),
    Field::new("key_base64", Type::Base64, "its key, where it is no UTF-8"),
    Field::new("value", Type::Text, "its value, where there is one"),
    Field::new("value_base64", Type::Base64, "its value, where it is no UTF-8"),
    Field::new("state", Type::OneOf(|| vec!["value", "empty", "no-value", "absent"]), "its state").always(),
    Field::new("registered", Type::Flag, "whether the registry defines the key, where it lists any"),
];

/// The fields of a service type.
static TYPE: [Field; 6] = [
    FILE,
    Field::new("type", Type::Escaped, "`_ipp._tcp`").always(),
    Field::new("registered", Type::Flag, "whether the registry has it").always(),
    Field::new("description", Type::Text, "what the registry says of it"),
    Field::new("instances", COUNT, "instances of it").always(),
    Field::new("queries", COUNT, "questions for it").always(),
];

/// The fields of a query.
pub(super) static QUERY: [Field; 6] = [
    FILE,
    Field::new("client", Type::Address, "who asks").always(),
    Field::new("name", Type::Escaped, "for which name").always(),
    Field::new("type", Type::Word, "for which type of records").always(),
    Field::new("count", COUNT, "how often").always(),
    Field::new("unanswered", COUNT, "how often without an answer that was seen").always(),
];

/// The fields of an event.
pub static EVENT: [Field; 6] = [
    Field::new(
        "event",
        Type::OneOf(|| vec!["probe", "announce", "update", "goodbye", "expiry", "conflict", "rename"]),
        "what happened",
    )
    .always(),
    Field::new("name", Type::Escaped, "to which name").always(),
    Field::new("from", Type::Escaped, "the name before a rename"),
    Field::new("time", Type::Time, "when"),
    Field::new("packet", Type::Object(&PACKET), "the packet that tells").always(),
    Field::new("source", Type::Address, "who sent it").always(),
];

/// The fields of a finding.
static FINDING: [Field; 5] = [
    Field::new("finding", Type::Word, "what is remarkable").always(),
    Field::new("subject", Type::Escaped, "the name, service type or address it is about").always(),
    Field::new("reference", Type::Text, "what it contradicts").always(),
    Field::new("count", COUNT, "packets that show it").always(),
    Field::new("packets", Type::Object(&PACKET), "the first of them").list().always(),
];

/// The fields of a packet's place.
static PACKET: [Field; 2] = [
    Field::new("number", COUNT, "its place in its input, from 1").always(),
    Field::new("file", Type::Text, "its input, where there is more than one"),
];
