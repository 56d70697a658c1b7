//! Text for people and machines: made harmless for its medium, and written fast.
//!
//! - [`escape`]: what comes from strangers, for a terminal, JSON or CSV.
//! - [`number`], [`time`]: numbers, addresses and times, appended to a reused buffer; lengths of time read.
//! - [`Prefix`]: addresses and prefixes read.
//! - [`table`], [`json`], `csv`: the three forms of reports. Nothing else draws tables, writes JSON with serde or ends a
//!   line of CSV.

pub(crate) mod csv;
pub mod escape;
#[doc(hidden)]
pub mod json;
pub mod number;
mod prefix;
#[doc(hidden)]
pub mod table;
pub mod time;

pub use prefix::Prefix;
pub use time::TimeStyle;
