//! Text for people and machines: made harmless for its medium, and written fast.
//!
//! - [`escape`]: what comes from strangers, for a terminal, JSON or CSV.
//! - [`number`], [`time`]: numbers, addresses and times, appended to a reused buffer; lengths of time read.
//! - [`Prefix`]: addresses and prefixes read.
//! - `table`: tables, JSON and CSV of reports.

pub mod escape;
pub mod number;
mod prefix;
pub(crate) mod table;
pub mod time;

pub use prefix::Prefix;
pub use time::TimeStyle;
