//! All fields of `hosts --format json`.

use crate::{
    hosts::Source,
    knowledge::ToldFrom,
    naming::{Evidence, State},
    payload::ToldBy,
    record::fields::{AS, AS_NUMBER, COUNTRY, ORGANIZATION},
    text::field::{COUNT, Field, Need, PORT, Type},
};

/// The fields of the object.
pub static HOSTS: [Field; 3] = [
    Field::new("schema", Type::OneOf(|| vec!["portolan/hosts/1"]), "what this object is").always(),
    Field::new("registry.updated", Type::Word, "date of the registry that gave the names of services")
        .always(),
    Field::new("hosts", Type::Object(&HOST), "the hosts, those with most octets first").list().always(),
];

/// The fields of a host.
pub static HOST: [Field; 14] = [
    Field::new("addresses", Type::Address, "its addresses; joined only where a name or a MAC proves it")
        .list()
        .always(),
    Field::new("macs", Type::Mac, "its MACs, where no router can have put them there").list(),
    Field::new("vendor", Type::Text, "who made the adapter of the first MAC (`--oui`)"),
    Field::new(
        "names",
        Type::Object(&NAME),
        "its names, the strongest source first; of those that clients asked for at most 64 of an address",
    )
    .list(),
    Field::new("offers", Type::Object(&OFFER), "services that it serves").list(),
    Field::new("uses", Type::Object(&USE), "services that it asks for").list(),
    Field::new("first", Type::Time, "time of its first packet"),
    Field::new("last", Type::Time, "time of its last packet"),
    Field::new("packets", COUNT, "packets from it and to it").always(),
    Field::new("bytes", COUNT, "what they took on the wire").unit("octets").always(),
    Field::new("geo.country_iso_code", Type::Word, COUNTRY).with(Need::Places),
    Field::new("as.number", AS_NUMBER, AS).with(Need::Places),
    Field::new("as.organization.name", Type::Text, ORGANIZATION).with(Need::Places),
    Field::new(
        "processes",
        Type::Escaped,
        "programs that own ends of this host, by name; at most 256 of an address",
    )
    .list()
    .with(Need::Processes),
];

/// The fields of a name.
static NAME: [Field; 4] = [
    Field::new("name", Type::Escaped, "the name").always(),
    Field::new(
        "source",
        Type::OneOf(words),
        "what tells it; `tls`, `http` and `quic` are names that clients asked it for, and got an answer",
    )
    .always(),
    Field::new("first", Type::Time, "when it was first told"),
    Field::new("last", Type::Time, "when it was last told"),
];

fn words() -> Vec<&'static str> {
    let hosts = Source::ALL.into_iter().map(ToldFrom::Host);
    hosts.chain(ToldBy::ALL.into_iter().map(ToldFrom::Client)).map(ToldFrom::as_str).collect()
}

const KEY: Field =
    Field::new("key", Type::Text, "`https/tcp`, `49200/tcp` for a port without a name").always();
const AT: Field = Field::new("port", PORT, "its port").always();
const TRANSPORT: Field = Field::new("transport", Type::Word, "its transport").always();
const CALLED: Field = Field::new("name", Type::Text, "name of the service");
const EVIDENCE: Field = Field::new(
    "evidence",
    Type::OneOf(|| Evidence::ALL.map(Evidence::as_str).to_vec()),
    "how the name is known",
)
.always();
const STATE: Field = Field::new(
    "state",
    Type::OneOf(|| State::ALL.map(State::as_str).to_vec()),
    "how far the best of its flows came",
);

/// The fields of a service that a host serves.
static OFFER: [Field; 7] = [
    KEY,
    AT,
    TRANSPORT,
    CALLED,
    EVIDENCE,
    STATE,
    Field::new("clients", COUNT, "distinct addresses it served").always(),
];

/// The fields of a service that a host asks for.
static USE: [Field; 7] = [
    KEY,
    AT,
    TRANSPORT,
    CALLED,
    EVIDENCE,
    STATE,
    Field::new("servers", COUNT, "distinct addresses it asked").always(),
];
