//! Lays out the registry's indexes when the program is built: static octets in `OUT_DIR`, nothing else.
//! How rows are read and laid out is in `src/registry`, shared with the program.

use std::{env, fmt::Write as _, fs, path::Path, process::ExitCode};

#[allow(dead_code, reason = "shared with the library, which uses the rest")]
#[path = "../src/registry/csv.rs"]
mod csv;
#[allow(dead_code, reason = "shared with the library, which uses the rest")]
#[path = "../src/registry/layout.rs"]
mod layout;
#[allow(dead_code, unreachable_pub, reason = "shared with the library, which uses and exports the rest")]
#[path = "../src/registry/name.rs"]
mod name;
#[allow(dead_code, reason = "shared with the library, which uses the rest")]
#[path = "../src/registry/record.rs"]
mod record;

use layout::{Index, Layout, Preferred, Word};
use record::{Field, Record, Transport};

fn main() -> ExitCode {
    for file in [SERVICES, PREFERRED, PROTOCOLS, UPDATED, "registry/build.rs"] {
        println!("cargo::rerun-if-changed={file}");
    }
    for module in ["layout", "name", "record", "csv"] {
        println!("cargo::rerun-if-changed=src/registry/{module}.rs");
    }
    match write_tables() {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            println!("cargo::error={reason}");
            ExitCode::FAILURE
        }
    }
}

const SERVICES: &str = "registry/service-names-port-numbers.csv";
const PREFERRED: &str = "registry/preferred.csv";
const PROTOCOLS: &str = "registry/protocol-numbers.csv";
const UPDATED: &str = "registry/UPDATED";

fn write_tables() -> Result<(), String> {
    let rows = csv::parse(&read(SERVICES)?).map_err(|malformed| format!("{SERVICES}:{malformed}"))?;
    let records: Vec<Record> = rows.into_iter().map(|row| row.record).collect();
    let rows = read(PREFERRED)?;
    let rows: Result<Vec<_>, _> = ::csv::Reader::from_reader(rows.as_bytes()).into_records().collect();
    let rows = rows.map_err(|error| format!("{PREFERRED}: {error}"))?;
    let preferred = preferred(&rows, &records)?;
    let layout = Layout::new(&records, &preferred).map_err(|reason| format!("{SERVICES}: {reason}"))?;

    write("text", layout.text.as_bytes())?;
    let mut source = String::from(
        "Self {\n    text: Cow::Borrowed(include_str!(concat!(env!(\"OUT_DIR\"), \"/text\"))),\n",
    );
    let parts = [
        ("ends", &layout.ends),
        ("rows", &layout.rows),
        ("lists", &layout.lists),
        ("groups", &layout.groups),
        ("spans", &layout.spans),
    ];
    for (part, words) in parts {
        line(&mut source, format_args!("    {part}: {},", words_of(part, words)?));
    }
    line(&mut source, format_args!("    ports: ["));
    for (part, index) in ["tcp", "udp", "sctp", "dccp"].into_iter().zip(&layout.ports) {
        line(&mut source, format_args!("        {},", index_of(part, index)?));
    }
    line(&mut source, format_args!("    ],\n    names: {},\n}}", index_of("names", &layout.names)?));
    write("tables.rs", source.as_bytes())?;
    let mut source = String::from("&[\n");
    for Preferred { transport, port, name } in preferred {
        let row = format_args!(
            "    Preferred {{ transport: Transport::{transport:?}, port: {port}, name: {name:?} }},"
        );
        line(&mut source, row);
    }
    write("preferred.rs", (source + "]").as_bytes())?;
    write("updated", read(UPDATED)?.trim().as_bytes())?;
    write("protocols.rs", protocols()?.as_bytes())
}

/// The table of preferred names, each checked against the registry: what it says must decide something.
fn preferred<'t>(rows: &'t [::csv::StringRecord], records: &[Record]) -> Result<Vec<Preferred<'t>>, String> {
    let mut preferred: Vec<Preferred<'_>> = Vec::new();
    for row in rows {
        let line = row.position().map_or(0, ::csv::Position::line);
        let wrong = |reason: &str| format!("{PREFERRED}:{line}: {reason}");
        let cell = |place| row.get(place).unwrap_or_default();
        let (Some(transport), Ok(port)) = (Transport::from_keyword(cell(0)), cell(1).parse()) else {
            return Err(wrong("no transport of the registry and port from 0 to 65535"));
        };
        if cell(3).is_empty() {
            return Err(wrong("no source says so"));
        }
        if preferred.iter().any(|earlier| (earlier.transport, earlier.port) == (transport, port)) {
            return Err(wrong("the port appears twice"));
        }
        let name = cell(2);
        let holds = |record: &&Record| {
            record.ports.is_some_and(|(first, last)| (first..=last).contains(&port))
                && record.transport.is_none_or(|own| own == transport)
        };
        let names = records.iter().filter(holds).map(|record| record.text(Field::Name));
        let names: Vec<_> = names.filter(|name| !name.is_empty()).collect();
        if !names.contains(&name) {
            return Err(wrong("the registry has no such name for the port"));
        }
        if names.len() < 2 {
            return Err(wrong("the registry has no other name for the port"));
        }
        preferred.push(Preferred { transport, port, name });
    }
    Ok(preferred)
}

/// Writes words and gives the expression that holds them.
fn words_of(part: &str, words: &[Word]) -> Result<String, String> {
    write(part, words.as_flattened())?;
    Ok(format!("words(include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{part}\")))"))
}

fn index_of(part: &str, index: &Index) -> Result<String, String> {
    let slots = words_of(part, &index.slots)?;
    Ok(format!("Slots {{ slots: {slots}, seed: {:#x}, shift: {} }}", index.seed, index.shift))
}

/// The keywords of all 256 protocol numbers in lower case, spaces turned into hyphens.
fn protocols() -> Result<String, String> {
    let mut keywords = vec![None; 256];
    let text = read(PROTOCOLS)?;
    let mut reader = ::csv::Reader::from_reader(text.as_bytes());
    for row in reader.records() {
        let row = row.map_err(|error| format!("{PROTOCOLS}: {error}"))?;
        let line = row.position().map_or(0, ::csv::Position::line);
        let number = row.get(0).and_then(|number| number.parse::<u8>().ok());
        let slot = number.and_then(|number| keywords.get_mut(usize::from(number)));
        let (Some(slot), Some(keyword)) = (slot, row.get(1)) else {
            return Err(format!("{PROTOCOLS}:{line}: no protocol number from 0 to 255 and keyword"));
        };
        let keyword = keyword.trim_end_matches(" (deprecated)").to_ascii_lowercase().replace(' ', "-");
        if slot.replace(keyword).is_some() {
            return Err(format!("{PROTOCOLS}:{line}: the number appears twice"));
        }
    }
    Ok(format!("{keywords:?}"))
}

fn line(source: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = writeln!(source, "{text}");
}

fn read(file: &str) -> Result<String, String> {
    fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))
}

fn write(file: &str, octets: &[u8]) -> Result<(), String> {
    let folder = env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?;
    fs::write(Path::new(&folder).join(file), octets).map_err(|error| format!("{file}: {error}"))
}
