//! All fields of a DNS message as a JSON object.

use crate::text::field::{Field, PORT, Type};

/// Sixteen bits of a message.
const SIXTEEN: Type = Type::Number(u16::MAX as u64);
/// Four bits of a header.
const FOUR: Type = Type::Number(15);

/// The fields of a message.
pub static MESSAGE: [Field; 13] = [
    Field::new("via", Type::OneOf(|| vec!["mdns", "llmnr", "dns", "dns-tcp"]), "how it came").always(),
    Field::new("response", Type::Flag, "whether it is a response").always(),
    Field::new("id", SIXTEEN, "its identifier, where it is not 0"),
    Field::new("opcode", FOUR, "its operation, where it is not a query's"),
    Field::new("rcode", FOUR, "its response code, where it is not 0"),
    Field::new("authoritative", Type::Flag, "true where the answer is authoritative"),
    Field::new("truncated", Type::Flag, "true where there is more than it holds"),
    Field::new("questions", Type::Object(&QUESTION), "what it asks").list(),
    Field::new("answers", Type::Object(&RECORD), "answers; in an mDNS query, those already known").list(),
    Field::new("authorities", Type::Object(&RECORD), "records of its authority section").list(),
    Field::new("additionals", Type::Object(&RECORD), "further records").list(),
    Field::new(
        "omitted",
        Type::Number(u64::MAX),
        "questions, records, and pairs of TXT records beyond the first 1,024 of each",
    ),
    Field::new("damage", Type::Text, "what is wrong with it, and where"),
];

/// The fields of a question.
static QUESTION: [Field; 4] = [
    Field::new("name", Type::Escaped, "name").always(),
    Field::new("type", Type::Word, "type: IANA's mnemonic, or TYPE and its number (RFC 3597)").always(),
    Field::new("class", SIXTEEN, "class, where it is not the Internet's"),
    Field::new("unicast", Type::Flag, "true where a unicast response is wanted (QU)"),
];

/// The fields of a record; which of them are there depends on its type.
static RECORD: [Field; 23] = [
    Field::new("name", Type::Escaped, "name of its owner").always(),
    Field::new("type", Type::Word, "type: IANA's mnemonic, or TYPE and its number (RFC 3597)").always(),
    Field::new("class", SIXTEEN, "class, where it is not the Internet's"),
    Field::new("ttl", Type::Number(u32::MAX as u64), "how long it holds").unit("s"),
    Field::new("flush", Type::Flag, "true where it replaces what was known before (cache-flush)"),
    Field::new("address", Type::Address, "A, AAAA: the address"),
    Field::new("target", Type::Escaped, "PTR, CNAME, SRV, SVCB, HTTPS: the name it leads to"),
    Field::new("priority", SIXTEEN, "SRV, SVCB, HTTPS: priority"),
    Field::new("weight", SIXTEEN, "SRV: share among those of one priority"),
    Field::new("port", PORT, "SRV: port on the target"),
    Field::new("txt", Type::Object(&PAIR), "TXT: its attributes (RFC 6763 section 6)").list(),
    Field::new("next", Type::Escaped, "NSEC: the next name; in mDNS the owner itself"),
    Field::new("types", Type::Word, "NSEC: the types that exist").list(),
    Field::new("cpu", Type::Text, "HINFO: processor"),
    Field::new("cpu_base64", Type::Base64, "HINFO: processor, where it is no UTF-8"),
    Field::new("os", Type::Text, "HINFO: operating system"),
    Field::new("os_base64", Type::Base64, "HINFO: operating system, where it is no UTF-8"),
    Field::new("parameters_base64", Type::Base64, "SVCB, HTTPS: parameters as on the wire"),
    Field::new("payload_size", SIXTEEN, "OPT: largest message that is taken").unit("octets"),
    Field::new("owner", Type::Mac, "OPT: link-layer address of a sleeping host"),
    Field::new("options", Type::Object(&OPTION), "OPT: options").list(),
    Field::new("data_base64", Type::Base64, "other types: data as on the wire"),
    Field::new("damage", Type::Text, "what is wrong with its data, and where"),
];

/// The fields of an attribute in a TXT record.
pub static PAIR: [Field; 5] = [
    Field::new("key", Type::Text, "key"),
    Field::new("key_base64", Type::Base64, "key, where it is no UTF-8"),
    Field::new("value", Type::Text, "value, where there is one"),
    Field::new("value_base64", Type::Base64, "value, where it is no UTF-8"),
    Field::new("state", Type::OneOf(|| vec!["value", "empty", "no-value"]), "what stands behind the key")
        .always(),
];

/// The fields of an option of an OPT record (RFC 6891).
static OPTION: [Field; 2] = [
    Field::new("code", SIXTEEN, "its code").always(),
    Field::new("data_base64", Type::Base64, "its data").always(),
];
