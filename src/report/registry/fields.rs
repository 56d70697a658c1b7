//! All fields of the JSON of `registry lookup`, `search`, `info`, `export` and `diff`.

use crate::text::field::{COUNT, Field, PORT, Type};

/// The fields of each answer of `lookup` and `search`.
pub static ANSWER: [Field; 21] = [
    Field::new("name", Type::Text, "service name"),
    Field::new("port", PORT, "port: the one asked for, or the only one of the row"),
    Field::new("ports", Type::Word, "range of ports that the row holds: `6000-6063`"),
    Field::new("transport", Type::OneOf(transports), "transport; absent where the row holds for all"),
    Field::new("status", Type::OneOf(statuses), "what the port or name is").always(),
    Field::new("description", Type::Text, "what the registry, or the user, says about it"),
    Field::new(
        "class",
        Type::OneOf(|| vec!["system", "user", "dynamic"]),
        "range the port is in (RFC 6335 section 6)",
    ),
    Field::new("alias_of", Type::Text, "the name it is an alias of"),
    Field::new("service_code", Type::Number(u32::MAX as u64), "service code of DCCP"),
    Field::new("unauthorized", Type::Text, "unauthorised use that was reported"),
    Field::new("notes", Type::Text, "assignment notes"),
    Field::new(
        "txt_keys",
        Type::Object(&KEY),
        "TXT keys that the notes define; empty where they say that there are none",
    )
    .list(),
    Field::new(
        "txt_keys_note",
        Type::Text,
        "where the keys are described, or what the notes say instead of a list",
    ),
    Field::new("assignee", Type::Text, "assignee, where the registry in use keeps it"),
    Field::new("contact", Type::Text, "contact, where the registry in use keeps it"),
    Field::new("registered", Type::Text, "date of registration, where the registry in use keeps it"),
    Field::new("modified", Type::Text, "date of the last change, where the registry in use keeps it"),
    Field::new("reference", Type::Text, "reference, where the registry in use keeps it"),
    Field::new("address", Type::Word, "address or prefix that an entry of a user layer holds for"),
    Field::new("source", Type::Text, "where the row stands: `built-in`, or a file").always(),
    Field::new("registry.updated", Type::Word, "date of the registry in use").always(),
];

/// The fields of a TXT key.
static KEY: [Field; 2] = [
    Field::new("key", Type::Text, "key").always(),
    Field::new("meaning", Type::Text, "what the notes say of it"),
];

/// The fields of `registry info`.
pub static INFO: [Field; 12] = [
    Field::new("schema", Type::OneOf(|| vec!["portolan/registry-info/1"]), "what this object is").always(),
    Field::new("registry.updated", Type::Word, "date of the registry").always(),
    Field::new("registry.age_days", COUNT, "how long ago that is by the clock of this machine").unit("days"),
    Field::new("registry.source", Type::Text, "where it comes from").always(),
    Field::new("records", COUNT, "rows").always(),
    Field::new("names", COUNT, "distinct names, without regard to case").always(),
    Field::new("names_without_port", COUNT, "distinct names that no row gives a port").always(),
    Field::new("ranges", COUNT, "named rows that hold more than one port").always(),
    Field::new("reserved", COUNT, "reserved rows without a name").always(),
    Field::new("unassigned", COUNT, "unassigned rows").always(),
    Field::new("user_entries", COUNT, "entries of user layers").always(),
    Field::new("transports", Type::Object(&TRANSPORT), "the same by transport").list().always(),
];

/// The fields of a transport in `registry info`.
static TRANSPORT: [Field; 3] = [
    Field::new(
        "transport",
        Type::OneOf(|| [transports(), vec!["none"]].concat()),
        "`none`: rows that hold for all",
    )
    .always(),
    Field::new("records", COUNT, "rows of it").always(),
    Field::new("named_ports", COUNT, "ports with a name, ranges and rows that hold for all counted in"),
];

/// The fields of `registry export`.
pub static EXPORT: [Field; 4] = [
    Field::new("schema", Type::OneOf(|| vec!["portolan/registry/1"]), "what this object is").always(),
    Field::new("registry.updated", Type::Word, "date of the registry").always(),
    Field::new("registry.source", Type::Text, "where it comes from").always(),
    Field::new("records", Type::Object(&RECORD), "all rows, in the registry's order").list().always(),
];

/// The fields of a row in `registry export`: IANA's columns as they stand.
static RECORD: [Field; 14] = [
    Field::new("name", Type::Text, "Service Name"),
    Field::new("ports", Type::Word, "Port Number: one, or a range"),
    Field::new("transport", Type::Word, "Transport Protocol"),
    Field::new("description", Type::Text, "Description"),
    Field::new("assignee", Type::Text, "Assignee"),
    Field::new("contact", Type::Text, "Contact"),
    Field::new("registered", Type::Text, "Registration Date"),
    Field::new("modified", Type::Text, "Modification Date"),
    Field::new("reference", Type::Text, "Reference"),
    Field::new("service_code", Type::Text, "Service Code"),
    Field::new("unauthorized", Type::Text, "Unauthorized Use Reported"),
    Field::new("notes", Type::Text, "Assignment Notes"),
    Field::new("status", Type::OneOf(statuses), "what the port or name is").always(),
    Field::new("txt_keys", Type::Text, "TXT keys that the notes define").list(),
];

/// The fields of `registry diff`.
pub static DIFF: [Field; 8] = [
    Field::new("schema", Type::OneOf(|| vec!["portolan/registry-diff/1"]), "what this object is").always(),
    Field::new("old.updated", Type::Word, "date of the older registry").always(),
    Field::new("old.source", Type::Text, "where it comes from").always(),
    Field::new("old.records", COUNT, "its rows").always(),
    Field::new("new.updated", Type::Word, "date of the newer registry").always(),
    Field::new("new.source", Type::Text, "where it comes from").always(),
    Field::new("new.records", COUNT, "its rows").always(),
    Field::new("differences", Type::Object(&DIFFERENCE), "rows that one has and the other has not")
        .list()
        .always(),
];

/// The fields of a difference.
static DIFFERENCE: [Field; 5] = [
    Field::new("change", Type::OneOf(|| vec!["added", "removed", "changed"]), "what became of the row")
        .always(),
    Field::new("name", Type::Text, "service name"),
    Field::new("ports", Type::Word, "port or range"),
    Field::new("transport", Type::Word, "transport"),
    Field::new(
        "fields",
        Type::Object(&CHANGE),
        "the columns that changed; of a row added or removed, all it has",
    )
    .list()
    .always(),
];

/// The fields of a change.
static CHANGE: [Field; 3] = [
    Field::new("field", Type::Word, "the column's key in `registry export`").always(),
    Field::new("old", Type::Text, "text before"),
    Field::new("new", Type::Text, "text after"),
];

fn transports() -> Vec<&'static str> {
    vec!["tcp", "udp", "sctp", "dccp"]
}

fn statuses() -> Vec<&'static str> {
    vec!["assigned", "reserved", "unassigned", "dynamic"]
}
