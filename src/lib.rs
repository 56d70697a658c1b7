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
//! - [`frame`]: the words every stage shares.
//! - [`registry`]: the IANA Service Name and Transport Protocol Port Number Registry.
//! - [`capture`]: files, standard input and live interfaces as a [`capture::Source`] of batches.
//! - [`decode`]: from the octets of a frame to addresses and ports.
//! - [`dns`]: DNS messages, mDNS and DNS-SD.
//! - [`report`]: views of what was learned.

pub mod capture;
pub mod decode;
pub mod dns;
pub mod escape;
pub mod frame;
pub mod registry;
pub mod report;
