//! The registry written as IANA's CSV, to be read again.

use std::io::{self, Write};

use super::{
    Registration, Registry,
    csv::{COLUMNS, UPDATED, guarded},
    record::{Field, Transport},
};

impl Registry {
    /// Writes all rows as CSV, texts as they are but for an apostrophe before what a spreadsheet would take for a formula;
    /// reading the file again takes it off.
    ///
    /// # Errors
    /// What `out` returns.
    pub fn write_csv(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut writer = ::csv::Writer::from_writer(out);
        writer.write_record(COLUMNS.into_iter().chain([UPDATED])).map_err(plain)?;
        for row in self.rows() {
            let cells = row.cells();
            let cells = cells.iter().map(|cell| guarded(cell));
            for cell in cells.chain([self.updated().into()]) {
                writer.write_field(cell.as_bytes()).map_err(plain)?;
            }
            writer.write_record(None::<&[u8]>).map_err(plain)?;
        }
        writer.flush()
    }
}

impl Registration<'_> {
    /// A row in IANA's columns.
    pub(crate) fn cells(self) -> [String; 12] {
        let ports = self
            .ports()
            .map(|(first, last)| if first == last { first.to_string() } else { format!("{first}-{last}") });
        let transport = self.tables.transport(self.row).map_or("", Transport::as_str);
        let code = self.tables.text(self.row, Field::ServiceCode);
        let ports = ports.unwrap_or_default();
        [
            self.name(),
            &ports,
            transport,
            self.description(),
            self.assignee(),
            self.contact(),
            self.registered(),
            self.modified(),
            self.reference(),
            code,
            self.unauthorized(),
            self.notes(),
        ]
        .map(str::to_owned)
    }
}

/// The error of what is written to, with its kind: a pipe that its reader closed is told by it.
fn plain(error: ::csv::Error) -> io::Error {
    let text = error.to_string();
    match error.into_kind() {
        ::csv::ErrorKind::Io(error) => error,
        _ => io::Error::other(text),
    }
}
