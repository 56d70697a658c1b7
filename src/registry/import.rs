//! Reading registry files: which format it is, told by content, and the rows in it.

use std::{
    error, fmt, io,
    path::{Path, PathBuf},
};

use super::record::{Field, Malformed, Record};
use super::{csv, text, xml};
use crate::text::file::bounded;

/// Why a registry file cannot be used.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The file cannot be read or written.
    Io {
        /// The file.
        file: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// A line is malformed.
    Malformed {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// The file as a whole is none of the formats, or too large.
    Unsuited {
        /// The file.
        file: PathBuf,
        /// What was expected.
        reason: String,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { file, cause } => write!(f, "{}: {cause}", file.display()),
            Self::Malformed { file, line, reason } => write!(f, "{}:{line}: {reason}", file.display()),
            Self::Unsuited { file, reason } => write!(f, "{}: {reason}", file.display()),
        }
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Io { cause, .. } => Some(cause),
            _ => None,
        }
    }
}

/// A registry file's rows, with the date of the registry where the file tells it.
#[derive(Debug, Default)]
pub(crate) struct Imported {
    pub(crate) records: Vec<Record>,
    pub(crate) updated: String,
}

/// The largest registry file read, in octets; IANA's largest rendering has 4 MB.
const MAX_FILE: u64 = 64 << 20;

/// Reads a whole registry in one of IANA's renderings.
pub(crate) fn read(file: &Path) -> Result<Imported, Error> {
    let content = read_text(file)?;
    let malformed = |Malformed { line, reason }| Error::Malformed { file: file.to_owned(), line, reason };
    let mut imported = if csv::is_table(&content) {
        from_table(&content).map_err(malformed)?
    } else if xml::is_xml(&content) {
        xml::parse(&content).map_err(malformed)?
    } else if text::is_text(&content) {
        text::parse(&content).map_err(malformed)?
    } else {
        return Err(Error::Unsuited {
            file: file.to_owned(),
            reason: "neither IANA's CSV, XML or text of the port registry nor an export of it".to_owned(),
        });
    };
    if imported.updated.is_empty() {
        imported.updated = latest_date(&imported.records);
    }
    Ok(imported)
}

/// The file as text, bounded.
pub(crate) fn read_text(file: &Path) -> Result<String, Error> {
    let octets = bounded(file, MAX_FILE).map_err(|cause| {
        let file = file.to_owned();
        match cause.kind() {
            io::ErrorKind::FileTooLarge => Error::Unsuited { file, reason: cause.to_string() },
            _ => Error::Io { file, cause },
        }
    })?;
    String::from_utf8(octets).map_err(|error| {
        let sound = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
        let line = 1 + sound.iter().filter(|octet| **octet == b'\n').count() as u64;
        Error::Malformed { file: file.to_owned(), line, reason: "the line is no UTF-8 text".to_owned() }
    })
}

fn from_table(text: &str) -> Result<Imported, Malformed> {
    let mut imported = Imported::default();
    for row in csv::parse(text)? {
        if !row.address.is_empty() {
            let reason = "a row with an address belongs to a user layer, not to the registry".to_owned();
            return Err(Malformed { line: row.line, reason });
        }
        imported.updated = imported.updated.max(row.updated);
        imported.records.push(row.record);
    }
    Ok(imported)
}

/// The latest date of any row: what is known of the registry's date from IANA's CSV, which does not tell it.
fn latest_date(records: &[Record]) -> String {
    let dates =
        records.iter().flat_map(|record| [record.text(Field::Registered), record.text(Field::Modified)]);
    dates.filter(|date| is_date(date)).max().unwrap_or("unknown").to_owned()
}

/// Whether a text is `YYYY-MM-DD`.
fn is_date(text: &str) -> bool {
    text.len() == 10
        && text.bytes().zip(*b"dddd-dd-dd").all(|(octet, form)| match form {
            b'd' => octet.is_ascii_digit(),
            _ => octet == form,
        })
}
