//! `registry diff`: what one registry has that another has not.

use std::collections::HashMap;
use std::io::{self, Write};

use serde::Serialize;

use super::export::KEYS;
use crate::registry::Registry;
use crate::{
    report::Format,
    text::{csv, json, table::Cell},
};

/// What became of a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// `added`, `removed` or `changed`.
    pub change: &'static str,
    /// Service name, empty in rows without one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Port or range, empty in rows without one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub ports: String,
    /// Transport, empty in rows that hold for all.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub transport: String,
    /// The fields that changed; of a row added or removed, all it has.
    pub fields: Vec<Change>,
}

/// One field of a row before and after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The field's key in an export.
    pub field: &'static str,
    /// Text before, empty where there was none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub old: String,
    /// Text after, empty where there is none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub new: String,
}

type Cells = [String; 12];

/// All differences, in the order of the newer registry; removed rows come last, in the order of the older.
///
/// Rows are told apart by name, ports and transport. Columns that one of the registries does not keep at all, as the
/// built-in one keeps no contacts, are not compared.
///
/// ```
/// use portolan::{registry::Registry, report::registry::diff};
/// let registry = Registry::built_in();
/// assert_eq!(diff(&registry, &registry), []);
/// ```
pub fn diff(old: &Registry, new: &Registry) -> Vec<Difference> {
    let (old, new) = (comparable(old), comparable(new));
    let kept = |rows: &[Cells], column: usize| rows.iter().any(|row| !row[column].is_empty());
    let compared: Vec<usize> =
        (3..KEYS.len()).filter(|column| kept(&old, *column) && kept(&new, *column)).collect();

    let mut places: HashMap<&[String], Vec<usize>> = HashMap::new();
    for (place, row) in old.iter().enumerate().rev() {
        places.entry(&row[..3]).or_default().push(place);
    }
    let mut differences = Vec::new();
    let mut matched = vec![false; old.len()];
    let blank = Cells::default();
    for row in &new {
        let before = places.get_mut(&row[..3]).and_then(Vec::pop);
        let Some(before) = before else {
            differences.push(difference("added", row, &blank, row, &compared));
            continue;
        };
        matched[before] = true;
        let changed = difference("changed", row, &old[before], row, &compared);
        if !changed.fields.is_empty() {
            differences.push(changed);
        }
    }
    let removed = old.iter().zip(matched).filter(|(_, matched)| !matched);
    differences.extend(removed.map(|(row, _)| difference("removed", row, row, &blank, &compared)));
    differences
}

/// All rows, line breaks in notes made spaces: IANA's renderings break lines in different places.
fn comparable(registry: &Registry) -> Vec<Cells> {
    let rows = registry.rows().map(|row| row.cells().map(|cell| cell.replace('\n', " ")));
    rows.collect()
}

fn difference(change: &'static str, key: &Cells, old: &Cells, new: &Cells, compared: &[usize]) -> Difference {
    let fields = compared.iter().filter(|column| old[**column] != new[**column]);
    let fields = fields.map(|column| Change {
        field: KEYS[*column],
        old: old[*column].clone(),
        new: new[*column].clone(),
    });
    let [name, ports, transport, ..] = key.clone();
    Difference { change, name, ports, transport, fields: fields.collect() }
}

/// Writes differences; JSON is one object (`portolan/registry-diff/1`).
///
/// ```
/// use portolan::{registry::Registry, report::{Format, registry::{diff, write_diff}}};
/// let (registry, mut out) = (Registry::built_in(), Vec::new());
/// let differences = diff(&registry, &registry);
/// write_diff(&registry, &registry, &differences, Format::Csv, None, &mut out).unwrap();
/// assert_eq!(out, b"change,name,ports,transport,field,old,new\n");
/// ```
///
/// # Errors
/// What `out` returns.
pub fn write_diff(
    old: &Registry,
    new: &Registry,
    differences: &[Difference],
    format: Format,
    width: Option<u16>,
    out: &mut dyn Write,
) -> io::Result<()> {
    #[derive(Serialize)]
    struct Side<'a> {
        updated: &'a str,
        source: &'a str,
        records: usize,
    }
    #[derive(Serialize)]
    struct Report<'a> {
        schema: &'static str,
        old: Side<'a>,
        new: Side<'a>,
        differences: &'a [Difference],
    }
    fn side(registry: &Registry) -> Side<'_> {
        Side { updated: registry.updated(), source: registry.source(), records: registry.len() }
    }
    match format {
        Format::Json => {
            let report =
                Report { schema: "portolan/registry-diff/1", old: side(old), new: side(new), differences };
            json::line(&report, out)
        }
        Format::Csv => {
            let header = ["change", "name", "ports", "transport", "field", "old", "new"];
            csv::rows(&header, differences.iter().flat_map(csv_rows), out)
        }
        Format::Table => {
            super::table(&["CHANGE", "PORT", "NAME", "WHAT"], differences.iter().map(table_row), width, out)
        }
    }
}

/// A row for each field; one without a field for a row that has none.
fn csv_rows(difference: &Difference) -> Vec<[&str; 7]> {
    let Difference { change, name, ports, transport, fields } = difference;
    let row = |field, old, new| [*change, name.as_str(), ports, transport, field, old, new];
    if fields.is_empty() {
        return vec![row("", "", "")];
    }
    fields.iter().map(|change| row(change.field, &change.old, &change.new)).collect()
}

fn table_row(difference: &Difference) -> [Cell; 4] {
    let port = match difference.transport.as_str() {
        "" => difference.ports.clone(),
        transport if difference.ports.is_empty() => transport.to_owned(),
        transport => format!("{}/{transport}", difference.ports),
    };
    let what = |change: &Change| match (change.old.as_str(), change.new.as_str()) {
        ("", new) => format!("{}: {new}", change.field),
        (old, "") => format!("{} was: {old}", change.field),
        (old, new) => format!("{}: {old} -> {new}", change.field),
    };
    let what: Vec<String> = difference.fields.iter().map(what).collect();
    [
        Cell::shown(difference.change),
        Cell::text(&port),
        Cell::text(&difference.name),
        Cell::text(&what.join("; ")),
    ]
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn registry(name: &str, rows: &str) -> Registry {
        let file = std::env::temp_dir().join(format!("portolan-diff-{}-{name}.csv", std::process::id()));
        let header = "Service Name,Port Number,Transport Protocol,Description,Contact,Assignment Notes";
        fs::write(&file, format!("{header}\n{rows}")).expect("a file");
        let registry = Registry::read(&file).expect("sound rows");
        fs::remove_file(file).expect("removed");
        registry
    }

    #[test]
    fn rows_added_removed_and_changed() {
        let old =
            registry("old", "a,1,tcp,one,[x],\"two\nlines\"\nb,2,tcp,two,,\nb,2,tcp,twin,,\nc,3,,three,,\n");
        let new = registry("new", "a,1,tcp,one,,two lines\nb,2,tcp,two,,\nd,4,udp,four,,\nc,3,,drei,,\n");
        let told: Vec<String> = diff(&old, &new)
            .iter()
            .map(|it| {
                let fields = it.fields.iter().map(|of| format!("{} {}>{}", of.field, of.old, of.new));
                format!("{} {} {}", it.change, it.name, fields.collect::<String>())
            })
            .collect();
        // The newer registry keeps no contacts at all: that is no change of a row.
        let expected =
            ["added d description >four", "changed c description three>drei", "removed b description twin>"];
        assert_eq!(told, expected);
        assert_eq!(diff(&old, &old), []);
        let mut out = Vec::new();
        write_diff(&old, &new, &diff(&old, &new), Format::Json, None, &mut out).expect("written");
        let json: serde_json::Value = serde_json::from_slice(&out).expect("JSON");
        assert_eq!(json["schema"], "portolan/registry-diff/1");
        assert_eq!(json["old"]["records"], 4);
        assert_eq!(json["differences"][1]["fields"][0]["new"], "drei");
    }
}
