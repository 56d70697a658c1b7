//! Text for people and machines: made harmless for its medium, and written fast.
//!
//! - [`escape`]: what comes from strangers, for a terminal, JSON or CSV.
//! - [`number`], [`time`]: numbers, addresses and times, appended to a reused buffer; lengths of time read.
//! - [`Moments`]: how reports show people times.
//! - `figure`: figures as people read them, rounded.
//! - `file`: files that users name, read whole in bounds.
//! - `fit`: text cut to the columns of a terminal.
//! - [`domain`]: names of hosts, shortened to what belongs together.
//! - [`field`]: what a field of an output is.
//! - [`Prefix`]: addresses and prefixes read.
//! - [`table`], [`json`], `csv`: the three forms of reports. Nothing else draws tables or writes JSON with serde, and
//!   only the columns of packets and flows (`record::Value`) are CSV written elsewhere.

pub(crate) mod csv;
pub mod domain;
pub mod escape;
pub mod field;
#[cfg_attr(not(feature = "html"), allow(dead_code, reason = "pages show the most kinds of figures"))]
pub(crate) mod figure;
pub(crate) mod file;
pub(crate) mod fit;
#[doc(hidden)]
pub mod json;
mod moments;
pub mod number;
mod prefix;
#[doc(hidden)]
pub mod table;
pub mod time;

pub use moments::Moments;
pub use prefix::Prefix;
pub use time::TimeStyle;
