//! The one integration test binary.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

/// Captures and registry files made by others, where they are at hand.
#[allow(dead_code, reason = "used module by module")]
mod material;

/// The floors of the house: who may use whom.
mod house;

/// Decoding, compared with tshark.
mod agreement;
/// Reading capture files, compared with tshark.
mod capture;
/// Annotated pcapng: nothing lost, and read by tshark.
mod pcapng;
/// The registry against a plain scan of its own file, and IANA's renderings of it against each other.
mod registry;

/// The synthetic captures that benchmarks are measured on.
mod generator;
/// The command on a live interface, with real servers in network namespaces.
mod live;
/// The samples, against the tables that came with their recording.
mod samples;

/// How long SRV records name endpoints.
mod advertised;
/// DNS messages and the inventory, compared with tshark.
mod dns;
/// DNS messages in fragments.
mod fragments;

/// The command line: exit codes, messages, formats.
mod cli;
/// Captures cut anywhere.
mod cuts;
/// What the command prints about each sample, word for word, and the facts it may not contradict.
mod golden;
/// Hostile text, in every command and format.
mod harmless;
/// Interfaces of different link types in one file.
mod mixed;
/// Captures changed anywhere.
mod robustness;
/// Rows add up, and neither threads nor compression change a report.
mod summary;
