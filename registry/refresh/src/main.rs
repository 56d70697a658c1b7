//! Writes the registry files of portolan from the crates that carry IANA's data.
//!
//! Run in this folder: `cargo update && cargo run`. The same crates give the same octets.

#[allow(dead_code, unreachable_pub, reason = "shared with portolan, which uses and exports the rest")]
#[path = "../../../src/registry/name.rs"]
mod name;
#[allow(dead_code, reason = "shared with portolan, which uses the rest")]
#[path = "../../../src/registry/record.rs"]
mod record;
#[allow(dead_code, reason = "shared with portolan, which uses the rest")]
#[path = "../../../src/registry/table.rs"]
mod table;

use std::{error::Error, fs, path::Path};

use etherparse::IpNumber;
use iana_service::{Record, service_names_port_numbers as iana};

/// Protocol numbers assigned after the list in `etherparse` was taken (2023-04-11).
const LATER_PROTOCOLS: [(u8, &str, &str); 3] =
    [(145, "NSH", "Network Service Header"), (146, "Homa", "Homa"), (147, "BIT-EMU", "Bit-stream Emulation")];

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let records: Vec<&Record> = iana::REGISTRIES.iter().flat_map(|registry| registry.records).collect();
    write_services(&records, &folder.join("service-names-port-numbers.csv"))?;
    write_protocols(&folder.join("protocol-numbers.csv"))?;
    fs::write(folder.join("UPDATED"), format!("{}\n", iana::UPDATED))?;
    println!("{} records of {}", records.len(), iana::UPDATED);
    Ok(())
}

fn write_services(records: &[&Record], path: &Path) -> Result<(), Box<dyn Error>> {
    let mut out = csv::Writer::from_path(path)?;
    out.write_record(table::COLUMNS)?;
    for record in records {
        out.write_record([
            field(record, "name")?,
            field(record, "number")?,
            field(record, "protocol")?,
            field(record, "description")?,
            String::new(),
            String::new(),
            String::new(),
            String::new(),
            references(record),
            field(record, "sc")?,
            field(record, "unauthorized")?,
            field(record, "note")?,
        ])?;
    }
    out.flush()?;
    Ok(())
}

/// The one value of a field, empty where the record has none.
fn field(record: &Record, name: &str) -> Result<String, String> {
    let mut values = record.fields.iter().filter(|(key, _)| *key == name);
    match (values.next(), values.next()) {
        (_, Some(_)) => Err(format!("several `{name}` in {record:?}")),
        (value, None) => Ok(value.map_or_else(String::new, |(_, text)| text.trim().to_owned())),
    }
}

/// What the crate keeps of a record's references: those written out as text, in IANA's brackets.
/// Persons, RFCs and addresses are attributes in IANA's XML and are not kept.
fn references(record: &Record) -> String {
    let texts = record.fields.iter().filter(|(key, text)| *key == "xref" && !text.trim().is_empty());
    texts.map(|(_, text)| format!("[{}]", text.split_whitespace().collect::<Vec<_>>().join(" "))).collect()
}

fn write_protocols(path: &Path) -> Result<(), Box<dyn Error>> {
    let mut out = csv::Writer::from_path(path)?;
    out.write_record(["Decimal", "Keyword", "Protocol"])?;
    for number in 0..=u8::MAX {
        let later = LATER_PROTOCOLS.iter().find(|(later, ..)| *later == number);
        let keyword = IpNumber(number).keyword_str().or(later.map(|(_, keyword, _)| *keyword));
        let Some(keyword) = keyword.filter(|keyword| *keyword != "Reserved") else { continue };
        let protocol = IpNumber(number).protocol_str().or(later.map(|(_, _, protocol)| *protocol));
        out.write_record([number.to_string().as_str(), keyword, protocol.unwrap_or_default()])?;
    }
    out.flush()?;
    Ok(())
}
