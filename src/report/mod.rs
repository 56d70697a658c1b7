//! Views of what is known. Adding a report is writing a view: none touches a packet.

pub mod diff;
pub mod discover;
pub mod explain;
pub mod flows;
pub mod hosts;
#[cfg(feature = "html")]
pub mod html;
pub mod interfaces;
pub mod registry;
pub mod settings;
pub mod summary;
#[cfg(test)]
mod tests;
pub mod top;

use std::io;

#[cfg(feature = "parquet")]
use crate::columns::{Origin, Table};
use crate::{
    knowledge::{Answers, Knowledge, Options},
    registry::Registry,
};

/// A report on what was learned.
pub trait Report {
    /// What must be learned for it.
    fn needs(&self) -> Options {
        Options::default()
    }

    /// Whether it needs the answers of five-tuples; those that it is given may be empty otherwise.
    fn needs_answers(&self) -> bool {
        true
    }

    /// Takes in what is known: once, of all inputs; or of inputs that are separate, of each in turn. What it takes out of
    /// the knowledge is what it must keep of it.
    fn add(&mut self, knowledge: &mut Knowledge, answers: &Answers, registry: &Registry);

    /// Writes it.
    ///
    /// # Errors
    /// Those of `out`.
    fn write(&self, registry: &Registry, format: Format, out: &mut dyn io::Write) -> io::Result<()>;
}

/// A report whose rows can be columns.
#[cfg(feature = "parquet")]
pub trait Columnar: Report {
    /// Its rows as columns, which tell where they come from.
    ///
    /// # Errors
    /// None but those of a fault of ours.
    fn table(&self, registry: &Registry, origin: &Origin) -> io::Result<Table>;
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
