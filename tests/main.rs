//! The one integration test binary.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

/// Captures and registry files made by others, where they are at hand.
#[allow(dead_code, reason = "used module by module")]
mod material;

/// The floors of the house: who may use whom.
mod house;

/// Builds that leave something out say so.
#[cfg(any(
    not(feature = "compression"),
    not(feature = "html"),
    not(feature = "libpcap"),
    not(feature = "metrics"),
    not(feature = "parquet"),
    not(feature = "tui"),
    not(feature = "update")
))]
mod without;

/// Decoding, compared with tshark, whose tables are compressed.
#[cfg(feature = "compression")]
mod agreement;
/// Reading capture files.
mod capture;
/// Captures in each compression.
#[cfg(feature = "compression")]
mod compression;
/// Formats that are turned into pcapng, and rarer forms of pcap.
mod formats;
/// Reading capture files, compared with tshark.
#[cfg(feature = "compression")]
mod frames;
/// Annotated pcapng: nothing lost, and read by tshark.
mod pcapng;
/// The registry against a plain scan of its own file, and IANA's renderings of it against each other.
mod registry;

/// The synthetic captures that benchmarks are measured on.
mod generator;
/// The samples, against the tables that came with their recording.
mod samples;

/// What holds for any octets: the checks of the fuzz targets.
#[path = "fuzz/checks.rs"]
mod checks;
/// DNS messages and the inventory, compared with tshark.
mod dns;
/// The examples, run over samples.
mod examples;
/// The one loop over inputs: order of calls, ends, and what an observer sees.
mod job;
/// Captures mutated at random.
mod mutations;
/// What fuzzing found.
mod regressions;
/// Captures changed anywhere.
mod robustness;
/// Rows add up, and neither threads nor compression change a report.
mod summary;

// What follows runs the command, as it is released: with all features.

/// How long SRV records name endpoints.
#[cfg(all(feature = "cli", feature = "compression", feature = "libpcap"))]
mod advertised;
/// Lines and tables on terminals of several widths.
#[cfg(all(unix, feature = "tui", feature = "compression", feature = "libpcap"))]
mod brief;
/// The command line: exit codes, messages, formats.
#[cfg(all(feature = "cli", feature = "compression", feature = "libpcap"))]
mod cli;
/// Settings of the environment and of files.
#[cfg(all(feature = "cli", feature = "compression", feature = "libpcap"))]
mod config;
/// The commands of the cookbook.
#[cfg(all(unix, feature = "cli", feature = "compression", feature = "html", feature = "libpcap"))]
mod cookbook;
/// Captures cut anywhere.
#[cfg(all(feature = "cli", feature = "compression", feature = "libpcap"))]
mod cuts;
/// Two captures compared.
#[cfg(all(feature = "cli", feature = "compression", feature = "libpcap"))]
mod diff;
/// What servers are called, by what clients ask them for and by what was told of their addresses.
#[cfg(all(feature = "cli", feature = "compression", feature = "libpcap"))]
mod domains;
/// What `explain` says is what `annotate` says.
#[cfg(all(feature = "cli", feature = "compression", feature = "libpcap"))]
mod explain;
/// Our interfaces in Wireshark.
#[cfg(all(unix, feature = "cli", feature = "compression", feature = "libpcap"))]
mod extcap;
/// Outputs that cannot be written.
#[cfg(all(unix, feature = "cli", feature = "compression", feature = "libpcap"))]
mod failing;
/// Inputs that change, clocks that jump, little memory, few files.
#[cfg(all(unix, feature = "cli", feature = "compression", feature = "libpcap"))]
mod faults;
/// Every format holds the fields that the tables say.
#[cfg(all(feature = "cli", feature = "compression", feature = "libpcap"))]
mod fields;
/// Rows that are chosen, sorted and cut; and what the manual says of that.
#[cfg(all(feature = "cli", feature = "compression", feature = "libpcap"))]
mod filters;
/// One record per flow, of packets made by hand.
#[cfg(all(feature = "cli", feature = "compression", feature = "libpcap"))]
mod flows;
/// DNS messages in fragments.
#[cfg(all(feature = "cli", feature = "compression", feature = "libpcap"))]
mod fragments;
/// What the command prints about each sample, word for word, and the facts it may not contradict.
#[cfg(all(feature = "cli", feature = "compression", feature = "libpcap"))]
mod golden;
/// Hostile text, in every command and format.
#[cfg(all(feature = "cli", feature = "compression", feature = "libpcap"))]
mod harmless;
/// Hosts, their names, and what proves that addresses belong together.
#[cfg(all(feature = "cli", feature = "compression", feature = "libpcap"))]
mod hosts;
/// Knowledge as files: pieces of a capture say what one run says.
#[cfg(all(feature = "cli", feature = "compression", feature = "libpcap"))]
mod know;
/// Real servers on their own ports and on those of others, and what the command says of them.
#[cfg(all(feature = "cli", feature = "compression", feature = "libpcap"))]
mod laboratory;
/// Registry files of the user's that are odd, and what is said of them.
#[cfg(all(unix, feature = "cli", feature = "compression", feature = "libpcap"))]
mod layers;
/// What finds no room is counted all the same, and told in every format.
#[cfg(all(feature = "cli", feature = "compression", feature = "libpcap"))]
mod limits;
/// The command on a live interface, with real servers in network namespaces.
#[cfg(all(feature = "cli", feature = "compression", feature = "libpcap"))]
mod live;
/// Help, man pages, completions, and what `make install` does with them.
#[cfg(all(unix, feature = "cli", feature = "compression", feature = "libpcap"))]
mod manual;
/// Interfaces of different link types in one file.
#[cfg(all(feature = "cli", feature = "compression", feature = "libpcap"))]
mod mixed;
/// What `-w` may replace, and what becomes of it.
#[cfg(all(unix, feature = "cli", feature = "compression", feature = "libpcap"))]
mod outputs;
/// The page of a summary.
#[cfg(all(feature = "cli", feature = "compression", feature = "html", feature = "libpcap"))]
mod page;
/// Output that is longer than a screen.
#[cfg(all(unix, feature = "tui", feature = "compression", feature = "libpcap"))]
mod pager;
/// Ranges of octets of a capture as pieces of it.
#[cfg(all(feature = "cli", feature = "compression", feature = "libpcap"))]
mod pieces;
/// Country and autonomous system of addresses.
#[cfg(all(feature = "cli", feature = "compression", feature = "libpcap"))]
mod places;
/// What live runs give up.
#[cfg(all(target_os = "linux", feature = "cli", feature = "compression", feature = "libpcap"))]
mod privileges;
/// Which program of this host owns the local end of a flow.
#[cfg(all(target_os = "linux", feature = "cli", feature = "compression", feature = "libpcap"))]
mod processes;
/// What holds of any capture.
#[cfg(all(feature = "cli", feature = "compression", feature = "libpcap"))]
mod properties;
/// What is read, as `docs/reads.md` lists it.
#[cfg(all(feature = "cli", feature = "compression", feature = "libpcap"))]
mod reads;
/// Captures in a ring of files.
#[cfg(all(unix, feature = "cli", feature = "compression", feature = "libpcap"))]
mod ring;
/// What commands write is what the schemas under `docs/` say.
#[cfg(all(feature = "cli", feature = "compression", feature = "libpcap"))]
mod schema;
/// DNS over TCP in several segments.
#[cfg(all(feature = "cli", feature = "compression", feature = "libpcap"))]
mod segments;
/// What is chosen by expressions: the language.
mod select;
/// Selected packets, and files that are learned apart.
#[cfg(all(feature = "cli", feature = "compression", feature = "libpcap"))]
mod selection;
/// The serving side of every flow of the samples.
#[cfg(all(feature = "cli", feature = "compression", feature = "libpcap"))]
mod serving;
/// Several interfaces at once.
#[cfg(all(feature = "cli", feature = "compression", feature = "libpcap"))]
mod several;
/// Signals, and inputs that are silent.
#[cfg(all(unix, feature = "cli", feature = "compression", feature = "libpcap"))]
mod signals;
/// What the samples speak on ports of others, and what was asked in vain.
#[cfg(all(feature = "cli", feature = "compression", feature = "libpcap"))]
mod spoken;
/// Flows and hosts of an interface, told while the command goes on.
#[cfg(all(unix, feature = "cli", feature = "compression", feature = "libpcap"))]
mod streams;
/// Times as people are shown them.
#[cfg(all(feature = "cli", feature = "compression", feature = "libpcap"))]
mod times;
/// A screen in a real terminal.
#[cfg(all(unix, feature = "tui", feature = "compression", feature = "libpcap"))]
mod top;
/// What other programs wrote, in the formats that are read.
#[cfg(all(feature = "cli", feature = "compression", feature = "libpcap"))]
mod twins;
/// The registry fetched anew.
#[cfg(all(feature = "cli", feature = "compression", feature = "libpcap", feature = "update"))]
mod update;
/// Command lines that cannot be followed, those of other tools among them, and inputs that are not named.
#[cfg(all(unix, feature = "cli", feature = "compression", feature = "libpcap"))]
mod usage;
/// Interfaces that go away and come back.
#[cfg(all(feature = "cli", feature = "compression", feature = "libpcap"))]
mod waiting;
/// Flows as Zeek's log of connections.
#[cfg(all(feature = "cli", feature = "compression", feature = "libpcap"))]
mod zeek;
