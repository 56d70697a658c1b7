//! portolan charts the services on a wire: it reads packets, names the service behind each flow,
//! and says how it knows.
//!
//! ```
//! use portolan::{
//!     Answers, Job, Registry, View,
//!     knowledge::Options,
//!     pipeline::Inputs,
//!     sink::{Text, Writer},
//!     text::time::TimeStyle,
//! };
//!
//! let registry = Registry::built_in();
//! let mut job = Job::new(Inputs::Files(vec!["samples/snmp-get.pcap".into()]), &registry);
//! // First everything is learned, then each packet is charted with all that is known.
//! let (knowledge, _) = job.learn(Options::default(), &())?;
//! let answers = Answers::of(&knowledge, &registry, false, job.threads);
//! let view = View { knowledge: &knowledge, answers: &answers, registry: &registry };
//! let mut lines = Vec::new();
//! job.chart(&view, Text::new(TimeStyle::Utc, false, false), &mut Writer::new(&mut lines), &())?;
//!
//! let lines = String::from_utf8_lossy(&lines);
//! assert!(lines.lines().all(|line| line.contains("161/udp snmp (")));
//! # Ok::<(), portolan::pipeline::Failure>(())
//! ```
//!
//! A [`Job`] reads inputs, an [`Observer`] watches it. [`Knowledge`] is what was learned, [`Answers`] are the names worked
//! out from it; a [`Record`] is one packet with all that is said about it. An [`Encoder`] makes something of records, and
//! a [`Sink`] takes it in order; a [`Report`] tells of all that is known. More programs are in `examples/`.
//!
//! ```text
//!                     ┌────────────── learn ──────────────┐
//! bytes ─source→ Batch ─decode→ Headers ─observe→ Knowledge ─→ summary · flows · discover
//!                     └──────────────── chart ────────────┴─→ Record ─encoder→ Part ─sink→ annotate
//! ```
//!
//! The modules, from the ground up; each uses only those before it (`tests/house.rs` sees to that):
//!
//! - [`packet`]: the words every stage shares; `ranges`: shares of work for threads.
//! - [`text`]: what comes from strangers made harmless; numbers and times written fast; [`savefile`]: the formats of
//!   capture files, free of I/O; [`decode`]: from the octets of a frame to addresses and ports; [`payload`]: what the
//!   first octets of a flow say; [`announce`]: endpoints that messages of FTP, SIP, SSDP and the port mapper of Sun RPC tell
//!   of.
//! - [`registry`]: the IANA Service Name and Transport Protocol Port Number Registry; [`capture`]: files, standard
//!   input and live interfaces as a [`capture::Source`] of batches; [`dns`]: DNS messages, mDNS and DNS-SD;
//!   [`flow`]: the flow table, fragments, peers.
//! - [`naming`]: the rules that say which side serves and how its name is known.
//! - [`knowledge`]: all that is remembered of a capture, and the answers of all its flows.
//! - [`record`]: one annotated packet; `columns`: many of them as batches of Arrow.
//! - [`select`]: which records are shown, by what they say, and in which order.
//! - [`sink`]: what becomes of records.
//! - [`pipeline`]: the one loop over inputs; [`report`]: views of what is known: summary, flows, discovery.
//!
//! Of the Cargo features, all but `parquet` on by default, `compression` and `libpcap` are told of in [`capture`]; `html`
//! brings `report::html`, `parquet` brings `columns`; `cli` is the command, which the rest of the library does not need.

// What the command names as `portolan`, like any program that uses the library.
#[cfg(feature = "cli")]
extern crate self as portolan;

pub mod announce;
pub mod capture;
#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "parquet")]
pub mod columns;
pub mod decode;
pub mod dns;
pub mod flow;
pub mod hosts;
pub mod knowledge;
pub mod naming;
mod packed;
pub mod packet;
pub mod payload;
pub mod pipeline;
pub mod places;
pub mod processes;
mod ranges;
pub mod record;
pub mod registry;
pub mod report;
pub mod savefile;
pub mod select;
pub mod sink;
pub mod text;

pub use capture::open;
pub use knowledge::{Answers, Knowledge, View};
pub use pipeline::{Job, Observer};
pub use record::Record;
pub use registry::Registry;
pub use report::Report;
pub use sink::{Encoder, Sink};
