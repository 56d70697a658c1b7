//! Views of what is known. Adding a report is writing a view: none touches a packet.

pub mod discover;
pub mod flows;
pub mod summary;

pub use crate::registry::report::Format;
