//! Views of what is known. Adding a report is writing a view: none touches a packet.

pub mod discover;
pub mod flows;
pub mod registry;
pub mod summary;

/// How a report is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Columns for reading.
    #[default]
    Table,
    /// JSON (RFC 8259), one document.
    Json,
    /// CSV (RFC 4180) with a header.
    Csv,
}
