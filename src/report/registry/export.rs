//! `registry export`: the whole registry in IANA's columns, to be read again by `registry import`.

use std::io::{self, Write};

use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};

use crate::registry::{Registration, Registry, TxtKeys};
use crate::{report::Format, text::json};

/// Writes all rows: CSV in IANA's columns with the registry's date as a thirteenth, or one JSON object
/// (`portolan/registry/1`). A table is written as CSV.
///
/// ```
/// use portolan::{registry::Registry, report::{Format, registry::export}};
/// let (registry, mut out) = (Registry::built_in(), Vec::new());
/// export(&registry, Format::Csv, &mut out).unwrap();
/// assert!(out.starts_with(b"Service Name,Port Number,Transport Protocol,"));
/// ```
///
/// # Errors
/// What `out` returns.
pub fn export(registry: &Registry, format: Format, out: &mut dyn Write) -> io::Result<()> {
    match format {
        Format::Json => json::line(&Export { registry }, out),
        Format::Csv | Format::Table => registry.write_csv(out),
    }
}

struct Export<'a> {
    registry: &'a Registry,
}

impl Serialize for Export<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct About<'a> {
            updated: &'a str,
            source: &'a str,
        }
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("schema", "portolan/registry/1")?;
        let about = About { updated: self.registry.updated(), source: self.registry.source() };
        map.serialize_entry("registry", &about)?;
        map.serialize_entry("records", &Records { registry: self.registry })?;
        map.end()
    }
}

struct Records<'a> {
    registry: &'a Registry,
}

impl Serialize for Records<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.registry.len()))?;
        for row in self.registry.rows() {
            list.serialize_element(&Record { row })?;
        }
        list.end()
    }
}

struct Record<'a> {
    row: Registration<'a>,
}

/// Keys of the columns, in their order.
pub(super) const KEYS: [&str; 12] = [
    "name",
    "ports",
    "transport",
    "description",
    "assignee",
    "contact",
    "registered",
    "modified",
    "reference",
    "service_code",
    "unauthorized",
    "notes",
];

impl Serialize for Record<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (key, cell) in KEYS.iter().zip(self.row.cells()).filter(|(_, cell)| !cell.is_empty()) {
            map.serialize_entry(key, &cell)?;
        }
        map.serialize_entry("status", self.row.status().as_str())?;
        if let Some(TxtKeys::Keys(keys)) = self.row.txt_keys() {
            let keys: Vec<&str> = keys.iter().map(|key| key.key).collect();
            map.serialize_entry("txt_keys", &keys)?;
        }
        map.end()
    }
}
