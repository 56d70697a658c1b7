//! Names that messages give to endpoints, as text in files: the program has each of them for good.

use serde::{Deserializer, Serializer};

use crate::{packed::word, payload::Protocol};

pub(super) fn serialize<S: Serializer>(name: &str, serializer: S) -> Result<S::Ok, S::Error> {
    word::write(name, serializer)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<&'static str, D::Error> {
    word::read(deserializer, Protocol::all().map(Protocol::service).chain(["ftp-data", "http", "https"]))
}
