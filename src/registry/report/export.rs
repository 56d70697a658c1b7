//! `registry export`: the whole registry in IANA's columns, to be read again by `registry import`.

use std::io::{self, Write};

use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};

use super::print::{self, Format};
use crate::registry::record::{Field, Transport};
use crate::registry::registration::Registration;
use crate::registry::table::{COLUMNS, UPDATED, guarded};
use crate::registry::{Registry, TxtKeys};

/// Writes all rows: CSV in IANA's columns with the registry's date as a thirteenth, or one JSON object
/// (`portolan/registry/1`). A table is written as CSV.
///
/// # Errors
/// What `out` returns.
pub fn export(registry: &Registry, format: Format, out: &mut dyn Write) -> io::Result<()> {
    match format {
        Format::Json => print::json(&Export { registry }, out),
        Format::Csv | Format::Table => export_csv(registry, out),
    }
}

/// Writes all rows as CSV, texts as they are but for an apostrophe before what a spreadsheet would take for a formula;
/// reading the file again takes it off.
///
/// # Errors
/// What `out` returns.
pub fn export_csv(registry: &Registry, out: &mut dyn Write) -> io::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record(COLUMNS.into_iter().chain([UPDATED])).map_err(plain)?;
    for row in registry.rows() {
        let cells = cells(row);
        let cells = cells.iter().map(|cell| guarded(cell));
        for cell in cells.chain([registry.updated().into()]) {
            writer.write_field(cell.as_bytes()).map_err(plain)?;
        }
        writer.write_record(None::<&[u8]>).map_err(plain)?;
    }
    writer.flush()
}

/// The error of what is written to, with its kind: a pipe that its reader closed is told by it.
fn plain(error: csv::Error) -> io::Error {
    let text = error.to_string();
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        _ => io::Error::other(text),
    }
}

/// A row in IANA's columns.
pub(super) fn cells(row: Registration<'_>) -> [String; 12] {
    let ports = row
        .ports()
        .map(|(first, last)| if first == last { first.to_string() } else { format!("{first}-{last}") });
    let transport = row.tables.transport(row.row).map_or("", Transport::keyword);
    let code = row.tables.text(row.row, Field::ServiceCode);
    let ports = ports.unwrap_or_default();
    [
        row.name(),
        &ports,
        transport,
        row.description(),
        row.assignee(),
        row.contact(),
        row.registered(),
        row.modified(),
        row.reference(),
        code,
        row.unauthorized(),
        row.notes(),
    ]
    .map(str::to_owned)
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
        for (key, cell) in KEYS.iter().zip(cells(self.row)).filter(|(_, cell)| !cell.is_empty()) {
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
