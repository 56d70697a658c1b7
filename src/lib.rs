//! portolan charts the services on a wire: it reads packets, names the service behind each flow,
//! and says how it knows.
//!
//! ```text
//!                     ┌────────────── learn ──────────────┐
//! bytes ─source→ Batch ─decode→ Headers ─observe→ Knowledge ─→ summary · flows · discover
//!                     └──────────────── chart ────────────┴─→ Record ─sink→ annotate
//! ```
//!
//! The modules, in the order data passes through them; each uses only those above it:
//!
//! - [`frame`]: the words every stage shares; [`escape`] and [`mod@format`]: text, harmless and fast.
//! - [`registry`]: the IANA Service Name and Transport Protocol Port Number Registry.
//! - [`capture`]: files, standard input and live interfaces as a [`capture::Source`] of batches.
//! - [`decode`]: from the octets of a frame to addresses and ports.
//! - [`dns`]: DNS messages, mDNS and DNS-SD.
//! - [`flow`]: the flow table and the fragments.
//! - [`naming`]: the rules that say which side serves and how its name is known; [`label`]: the answers' texts.
//! - [`knowledge`]: all that is remembered of a capture; [`names`]: the answers of all its flows.
//! - [`chart`]: from a frame and what is known to a [`record`]; [`sink`]: what becomes of records.
//! - [`report`]: views of what is known: summary, flows, discovery.
//! - [`pipeline`]: the two loops over all of this.

pub mod capture;
pub mod chart;
pub mod community;
pub mod decode;
pub mod dns;
pub mod escape;
pub mod flow;
pub mod format;
pub mod frame;
pub mod knowledge;
pub mod label;
pub mod names;
pub mod naming;
pub mod pipeline;
mod ranges;
pub mod record;
pub mod registry;
pub mod report;
pub mod sink;
