//! Writes what is shown into a file.

use std::{
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use portolan::report::top::{Row, csv, stamp};

use super::columns::{Column, What};

/// Files of one second at most.
const MOST: u32 = 1000;

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// The record of each row on a line of its own.
    Json,
    /// The columns of the screen, with whole numbers, and a header.
    Csv,
}

impl Form {
    fn extension(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Csv => "csv",
        }
    }
}

/// Writes rows of a topic as they were at a time, in ns, into a new file in a folder. Returns where.
pub(super) fn write(
    folder: &Path,
    (topic, time): (&str, u64),
    form: Form,
    columns: &[Column],
    rows: &[&Row],
) -> io::Result<PathBuf> {
    let mut octets = Vec::new();
    match form {
        Form::Json => {
            for row in rows {
                octets.extend_from_slice(row.record().as_bytes());
                octets.push(b'\n');
            }
        }
        Form::Csv => table(columns, rows, &mut octets),
    }
    // It appears whole or not at all, and takes the place of none.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(&octets)?;
    let base = format!("portolan-{topic}-{}", stamp(time));
    for number in 1..=MOST {
        let more = if number == 1 { String::new() } else { format!("-{number}") };
        let path = folder.join(format!("{base}{more}.{}", form.extension()));
        match file.persist_noclobber(&path) {
            Ok(_) => return Ok(path),
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => file = error.file,
            Err(error) => return Err(error.error),
        }
    }
    Err(io::Error::from(io::ErrorKind::AlreadyExists))
}

fn table(columns: &[Column], rows: &[&Row], out: &mut Vec<u8>) {
    // What changes with the eye on it is no property of a row.
    let kept = columns.iter().filter(|column| !matches!(column.what, What::Rate | What::Spark));
    let kept: Vec<_> = kept.collect();
    let header: Vec<_> =
        kept.iter().map(|column| column.title.to_lowercase().replace([' ', ','], "_")).collect();
    let cells = |row: &&Row| {
        let cell = |column: &&Column| match column.what {
            What::Cell(number) | What::Number(number) | What::Amount(number) => row.cell(number).to_owned(),
            What::Octets => row.octets.to_string(),
            What::Packets => row.packets.to_string(),
            What::Rate | What::Spark => String::new(),
        };
        kept.iter().map(cell).collect()
    };
    csv(&header, rows.iter().map(cells), out);
}
