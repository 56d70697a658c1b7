//! Views of what is known. Adding a report is writing a view: none touches a packet.

pub mod discover;
pub mod flows;
pub mod interfaces;
pub mod registry;
pub mod summary;

use std::io;

use crate::knowledge::{Options, View};

/// A report on what was learned.
pub trait Report {
    /// What must be learned for it.
    fn needs(&self) -> Options {
        Options::default()
    }

    /// Whether it needs the answers of five-tuples; those of its view may be empty otherwise.
    fn needs_answers(&self) -> bool {
        true
    }

    /// Writes it.
    ///
    /// # Errors
    /// Those of `out`.
    fn write(&self, view: &View<'_>, format: Format, out: &mut dyn io::Write) -> io::Result<()>;
}

/// How a report is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Columns or lines for reading.
    #[default]
    Table,
    /// JSON (RFC 8259): one document, or one a line where there are many records.
    Json,
    /// CSV (RFC 4180) with a header.
    Csv,
}
