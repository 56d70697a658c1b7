//! Reading registry files: which format it is, told by content, and the rows in it.

use std::{error, fmt, fs, io, path::Path, path::PathBuf};

use super::record::{Field, Malformed, Record};
use super::{table, text, xml};

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
    let mut imported = if table::is_table(&content) {
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
    let io = |cause| Error::Io { file: file.to_owned(), cause };
    let unsuited = |reason| Error::Unsuited { file: file.to_owned(), reason };
    let len = fs::metadata(file).map_err(io)?.len();
    if len > MAX_FILE {
        return Err(unsuited(format!("{len} octets are more than {MAX_FILE}")));
    }
    let octets = fs::read(file).map_err(io)?;
    String::from_utf8(octets).map_err(|error| {
        let sound = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
        let line = 1 + sound.iter().filter(|octet| **octet == b'\n').count() as u64;
        Error::Malformed { file: file.to_owned(), line, reason: "the line is no UTF-8 text".to_owned() }
    })
}

fn from_table(text: &str) -> Result<Imported, Malformed> {
    let mut imported = Imported::default();
    for row in table::parse(text)? {
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

#[cfg(test)]
mod tests {
    use super::super::layer::Layer;
    use super::*;

    const CSV: &str = "Service Name,Port Number,Transport Protocol,Description,Assignment Notes\n\
                       http,80,tcp,\"World, Wide\",Defined TXT keys: None\n,81-90,,Unassigned,\n";
    const XML: &str = "<?xml version='1.0'?>\n<registry id=\"service-names-port-numbers\">\n<updated>2025-02-25</updated>\n\
                       <record date=\"2000-01-02\"><name>a&amp;b</name><protocol>tcp</protocol><number>1-2</number>\n\
                       <description>x<br/>y</description><xref type=\"rfc\" data=\"rfc1\"/>\n\
                       <note>by <xref type=\"person\" data=\"P\"/></note></record>\n</registry>\n";
    const TEXT: &str = concat!(
        "   Internet Assigned Numbers Authority\n",
        "\n",
        "   Last Updated\n",
        "   2025-02-25\n",
        "\n",
        "Service Name Port Number Transport Description Assignee Contact Registration Modification Reference Service Unauthorized Assignment Notes\n",
        "                         Protocol                               Date         Date                   Code    Use Reported\n",
        "long-service 60000-60063 tcp       World Wide  [A]      [B]     2000-01-02   2001-02-03   [RFC1]    1       Reported-now Defined-TXT-keys:None\n",
    );
    const SERVICES: &str = "payroll 8443/tcp pay # comment\n10.0.0.0/8 1-2/udp x\n";

    fn file(name: &str, octets: &[u8]) -> PathBuf {
        let file = std::env::temp_dir().join(format!("portolan-import-{}-{name}", std::process::id()));
        fs::write(&file, octets).expect("a file");
        file
    }

    #[test]
    fn formats_are_told_by_content() {
        let file = file("formats", b"");
        let rows = |content: &str| {
            fs::write(&file, content).expect("a file");
            read(&file).map(|imported| (imported.records, imported.updated))
        };
        let (records, updated) = rows(XML).expect("sound");
        assert_eq!((records.len(), updated.as_str()), (1, "2025-02-25"));
        assert_eq!(records[0].text(Field::Name), "a&b");
        assert_eq!(records[0].text(Field::Description), "x y");
        assert_eq!(records[0].text(Field::Reference), "[RFC1]");
        assert_eq!(records[0].text(Field::Notes), "by [P]");
        let (records, updated) = rows(CSV).expect("sound");
        assert_eq!((records.len(), updated.as_str()), (2, "unknown"));
        let (records, updated) = rows(TEXT).expect("sound");
        assert_eq!((records.len(), updated.as_str()), (1, "2025-02-25"));
        assert_eq!(records[0].text(Field::Description), "World Wide");
        assert_eq!(records[0].text(Field::Modified), "2001-02-03");
        assert!(rows(SERVICES).is_err());
        assert!(Layer::read(&file).is_ok());
        let broken = rows(&XML.replace("1-2", "x")).expect_err("no port").to_string();
        assert!(broken.ends_with(":4: port `x` is no number from 0 to 65535"), "{broken}");
        let cut = rows(&XML.replace("</registry>", "")).expect_err("cut short").to_string();
        assert!(cut.ends_with("the file ends inside an element"), "{cut}");
        fs::remove_file(file).expect("removed");
    }

    #[test]
    fn what_is_no_text_is_told_with_its_line() {
        let file = file("octets", b"Service Name,\n\xff\n");
        let error = read(&file).expect_err("no text").to_string();
        assert!(error.ends_with(":2: the line is no UTF-8 text"), "{error}");
        fs::remove_file(file).expect("removed");
    }

    /// Every format cut at every octet, and with every octet replaced: a result or an error, never a panic.
    #[test]
    fn damaged_files_are_refused_without_panic() {
        for content in [CSV, XML, TEXT, SERVICES] {
            let octets = content.as_bytes();
            let read_all = |octets: &[u8]| {
                let Ok(text) = std::str::from_utf8(octets) else { return };
                // Whether it is read is all one; that it ends is the test.
                let _ = table::parse(text).is_ok();
                let _ = xml::parse(text).is_ok();
                let _ = text::parse(text).is_ok();
                let _ = super::super::layer::entries(text).is_ok();
            };
            for cut in 0..octets.len() {
                read_all(&octets[..cut]);
                for other in [b'\n', b'"', b'<', b'9', b' ', b'&', b','] {
                    let mut damaged = octets.to_vec();
                    damaged[cut] = other;
                    read_all(&damaged);
                }
            }
        }
    }

    #[test]
    fn hostile_files_end_quickly() {
        let header = "Service Name,Port Number,Transport Protocol,Description\n";
        let ranges = format!("{header}{}", "a,0-65535,tcp,x\n".repeat(100));
        let many = format!("{header}{}", "a,1,tcp,x\n".repeat(70_000));
        for (content, reason) in [(ranges, "ports"), (many, "rows")] {
            let file = file("hostile", content.as_bytes());
            let error = Layer::read(&file).expect_err("refused").to_string();
            assert!(error.contains(reason), "{error}");
            fs::remove_file(file).expect("removed");
        }
        let deep = format!("<registry id=\"service-names-port-numbers\">{}", "<a>".repeat(100_000));
        assert!(xml::parse(&deep).is_err());
        let table = TEXT.replace("long-service ", "\n".repeat(20_000).as_str());
        assert!(text::parse(&table).is_err());
    }
}
