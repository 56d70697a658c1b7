//! All fields of `summary --format json`.

use super::By;
use crate::{
    naming::Evidence,
    text::field::{COUNT, Field, PORT, Type},
};

/// The fields of the object.
pub static SUMMARY: [Field; 15] = [
    Field::new("schema", Type::OneOf(|| vec!["portolan/summary/1"]), "what this object is").always(),
    Field::new("registry.updated", Type::Word, "date of the registry that gave the names").always(),
    Field::new("capture.files", Type::Text, "what was read").list().always(),
    Field::new("capture.packets", COUNT, "packets of all that was read, or of those selected").always(),
    Field::new("capture.bytes", COUNT, "what they took on the wire").unit("octets").always(),
    Field::new("capture.captured_bytes", COUNT, "what was captured of them").unit("octets").always(),
    Field::new(
        "capture.implausible_lengths",
        COUNT,
        "packets whose length on the wire cannot be (over 256 KiB, or over 65,600 octets and more than 64 times what \
         was captured): they count as captured",
    ),
    Field::new("capture.first", Type::Time, "earliest time stamp"),
    Field::new("capture.last", Type::Time, "latest time stamp"),
    Field::new("capture.received", COUNT, "packets that passed the filter; only of an interface"),
    Field::new(
        "capture.dropped.kernel",
        COUNT,
        "packets lost because the kernel's buffer was full; only of an interface",
    ),
    Field::new(
        "capture.dropped.interface",
        COUNT,
        "packets lost by the interface or its driver, where it tells; only of an interface",
    ),
    Field::new("by", Type::Word, "what a row is about: the words of `--by`, joined by a comma").always(),
    Field::new("rows", Type::Object(&ROW), "the rows, in the order asked for; absent with `--interval`")
        .list(),
    Field::new("intervals", Type::Object(&INTERVAL), "the rows of each interval; only with `--interval`")
        .list(),
];

/// The fields of an interval.
pub(super) static INTERVAL: [Field; 2] = [
    Field::new(
        "start",
        Type::Time,
        "when it begins: a multiple of its length since the Unix epoch; absent in the one that holds what lies beyond \
         100,000 intervals, or beyond 262,144 rows of all",
    ),
    Field::new("rows", Type::Object(&ROW), "its rows").list().always(),
];

/// The fields of a row.
pub static ROW: [Field; 19] = [
    Field::new("key", Type::Text, "`https/tcp`, `49200/tcp` for a port without a name, `arp`, an address…")
        .always(),
    Field::new(
        "keys",
        Type::Object(&KEYS),
        "the parts of the key, which joins them by a space; only with several",
    ),
    Field::new("name", Type::Text, "name of the service; of the host, where rows are about hosts"),
    Field::new("transport", Type::Word, "its transport"),
    Field::new("ports", PORT, "ports that served it, in ascending order").list(),
    Field::new("description", Type::Text, "what the registry, or the user, says about it"),
    Field::new("packets", COUNT, "packets").always(),
    Field::new("bytes", COUNT, "what they took on the wire").unit("octets").always(),
    Field::new("flows", COUNT, "flows, where they were counted"),
    Field::new("clients", COUNT, "distinct addresses that were served").always(),
    Field::new("servers", COUNT, "distinct addresses that served").always(),
    Field::new("asked", COUNT, "distinct endpoints that were asked and did not answer").always(),
    Field::new("refused", COUNT, "distinct endpoints that were asked and refused").always(),
    Field::new("first", Type::Time, "time of its first packet"),
    Field::new("last", Type::Time, "time of its last packet"),
    Field::new("evidence", Type::Object(&EVIDENCE), "packets by how the name is known").always(),
    Field::new("damaged", Type::Object(&DAMAGED), "packets that could not be decoded to the end, by reason"),
    Field::new("mismatch", COUNT, "packets of flows whose first octets contradict the port's name").always(),
    Field::new(
        "approximate",
        Type::Flag,
        "true where flows left early, or found no room among 262,144 rows, as all those in the row `others`: numbers \
         are at least those shown",
    ),
];

/// The parts of a key: a field for each of [`By::ALL`].
static KEYS: [Field; By::ALL.len()] = {
    let mut fields = [Field::new("", Type::Text, ""); By::ALL.len()];
    let mut at = 0;
    while at < fields.len() {
        fields[at] = Field::new(By::ALL[at].as_str(), Type::Text, "the key by this word of `--by`");
        at += 1;
    }
    fields
};

/// Packets by evidence: a field for each of [`Evidence::ALL`].
static EVIDENCE: [Field; Evidence::ALL.len()] = {
    let mut fields = [Field::new("", COUNT, ""); Evidence::ALL.len()];
    let mut at = 0;
    while at < fields.len() {
        fields[at] = Field::new(Evidence::ALL[at].as_str(), COUNT, "packets with that evidence");
        at += 1;
    }
    fields
};

/// Packets by reason.
static DAMAGED: [Field; 3] = [
    Field::new("truncated", COUNT, "cut by the snap length inside a header"),
    Field::new("malformed", COUNT, "a header contradicts its standard"),
    Field::new("too-deep", COUNT, "nested deeper than is followed"),
];
