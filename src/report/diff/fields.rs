//! All fields of `diff --format json`.

use super::{Change, Kind};
use crate::{
    dns::inventory::State,
    naming::Evidence,
    text::field::{COUNT, Field, PORT, Type},
};

/// The fields of the object.
pub static DIFF: [Field; 6] = [
    Field::new("schema", Type::OneOf(|| vec!["portolan/diff/1"]), "what this object is").always(),
    Field::new("registry.updated", Type::Word, "date of the registry that gave the names").always(),
    Field::new("threshold", COUNT, "by how much octets must have changed to be told")
        .unit("per cent of what they were")
        .always(),
    Field::new("before", Type::Object(&CAPTURE), "what was compared").always(),
    Field::new("after", Type::Object(&CAPTURE), "what it was compared with").always(),
    Field::new("differences", Type::Object(&DIFFERENCE), "the differences; none where all is the same")
        .list()
        .always(),
];

/// The fields of an input.
static CAPTURE: [Field; 6] = [
    Field::new("file", Type::Text, "its name").always(),
    Field::new("packets", COUNT, "its packets").always(),
    Field::new("bytes", COUNT, "what they took on the wire").unit("octets").always(),
    Field::new("first", Type::Time, "earliest time stamp"),
    Field::new("last", Type::Time, "latest time stamp"),
    Field::new(
        "incomplete",
        Type::Flag,
        "true where a bound of memory kept something out: what is missing on this side may have been there",
    ),
];

/// The fields of a difference.
pub static DIFFERENCE: [Field; 5] = [
    Field::new("kind", Type::OneOf(|| Kind::ALL.map(Kind::as_str).to_vec()), "what it is about").always(),
    Field::new("what", Type::Escaped, "which one: its key afterwards, or before where it is gone").always(),
    Field::new(
        "changes",
        Type::OneOf(|| Change::ALL.map(Change::as_str).to_vec()),
        "what became of it: `moved` is the same name on other ports, `volume` more or fewer octets than the threshold \
         allows",
    )
    .list()
    .always(),
    Field::new("before", Type::Object(&FACTS), "what it was; absent where it is new"),
    Field::new("after", Type::Object(&FACTS), "what it is; absent where it is gone"),
];

/// The fields of one side of a difference.
static FACTS: [Field; 13] = [
    Field::new(
        "key",
        Type::Escaped,
        "`https/tcp`, `192.0.2.10:443/tcp`, an address, `Office._ipp._tcp.local`, `www.example.com`",
    )
    .always(),
    Field::new("name", Type::Text, "name of the service"),
    Field::new(
        "evidence",
        Type::OneOf(|| Evidence::ALL.map(Evidence::as_str).to_vec()),
        "how the name is known, the strongest first",
    )
    .list(),
    Field::new("ports", PORT, "ports it was met on").list(),
    Field::new("transport", Type::Word, "transport of a server"),
    Field::new("addresses", Type::Address, "addresses of a server, a host or an instance").list(),
    Field::new("macs", Type::Mac, "MACs of a host").list(),
    Field::new("names", Type::Escaped, "names of a host; the hosts that an instance is on").list(),
    Field::new("txt", Type::Escaped, "attributes of an instance: `key=value`, or a key alone").list(),
    Field::new(
        "state",
        Type::OneOf(|| State::ALL.map(State::as_str).to_vec()),
        "whether an instance is there, as `discover` tells it",
    ),
    Field::new("clients", COUNT, "distinct addresses that were served"),
    Field::new("packets", COUNT, "packets"),
    Field::new("bytes", COUNT, "what they took on the wire").unit("octets"),
];
