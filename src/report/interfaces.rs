//! All fields of `interfaces --format json`, which is a list of such objects.

use crate::text::field::{COUNT, Field, Type};

/// The fields of an interface.
pub static INTERFACE: [Field; 7] = [
    Field::new("number", COUNT, "its place in the list, from 1").always(),
    Field::new("name", Type::Text, "its name, as `-i` takes it").always(),
    Field::new("addresses", Type::Address, "its addresses").list().always(),
    Field::new("link_types", Type::Word, "link types it can be captured with").list().always(),
    Field::new(
        "state",
        Type::OneOf(|| vec!["up", "running", "loopback", "wireless", "disconnected"]),
        "its state",
    )
    .list()
    .always(),
    Field::new("description", Type::Text, "what the system calls it"),
    Field::new("missing", Type::Text, "why one cannot capture on it, and what would help"),
];
