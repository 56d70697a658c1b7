//! The command line as it is typed. Nothing outside `cli` sees these types.

use std::{
    path::PathBuf,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use clap::{Args, Parser, Subcommand, ValueEnum};
use portolan::{
    capture, decode,
    report::{self, summary},
    text::time::{TimeStyle, duration},
};

/// Charts the services on a wire: names every flow of a capture and says how it knows.
///
/// A name always comes with its evidence: told by the user, advertised by DNS-SD, or only registered
/// with IANA for that port, which proves nothing; and with the side that serves.
#[derive(Debug, Parser)]
#[command(
    name = "portolan",
    version = version(),
    arg_required_else_help = true,
    max_term_width = 100,
    after_help = "Examples:
  portolan annotate office.pcapng               one line per packet
  portolan summary office.pcapng                which services, how much
  portolan summary -i eth0 --duration 30s       the same, live
  portolan discover office.pcapng               what hosts advertise over DNS-SD
  portolan registry lookup 443/tcp _ipp._tcp    what IANA has registered

Exit codes:
  0 good · 1 differences found (registry diff) · 2 usage
  3 input cannot be opened or is no capture
  4 input damaged or cut short, results up to there printed
  5 bad filter · 6 no permission to capture · 7 interface error · 8 output error
  70 internal error"
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The version with the date of the registry inside.
fn version() -> &'static str {
    concat!(
        env!("CARGO_PKG_VERSION"),
        " (IANA registry of ",
        include_str!(concat!(env!("OUT_DIR"), "/updated")),
        ")"
    )
}

#[derive(Args, Debug)]
pub(crate) struct Global {
    /// When to use colours.
    ///
    /// `auto` uses them on a terminal, unless NO_COLOR is set; CLICOLOR_FORCE turns them on everywhere.
    #[arg(long, value_name = "WHEN", default_value = "auto", global = true, help_heading = "Diagnostics")]
    pub(crate) color: Color,
    /// Add a registry file of your own; it wins over IANA. May be given several times, later ones win.
    ///
    /// IANA's CSV, XML or text, a file like /etc/services, or what `registry export` writes. An entry may begin with
    /// an address or prefix: `10.0.0.5 8443/tcp payroll`.
    #[arg(long, value_name = "FILE", global = true, help_heading = "Annotation")]
    pub(crate) registry: Vec<PathBuf>,
    /// Show no progress bar.
    #[arg(long, global = true, help_heading = "Diagnostics")]
    pub(crate) no_progress: bool,
    /// Say less: no progress, no closing remarks.
    #[arg(short, long, global = true, help_heading = "Diagnostics")]
    pub(crate) quiet: bool,
    /// Say more.
    #[arg(short, long, global = true, help_heading = "Diagnostics")]
    pub(crate) verbose: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Name the service of every packet: one record per packet.
    #[command(after_help = "Examples:
  portolan annotate office.pcapng
  portolan annotate --format json office.pcapng | jq .svc
  portolan annotate -i eth0 -f 'port 53' -c 100
  tcpdump -i eth0 -w - | portolan annotate -

Files are read twice, so that the first packet can be named by what a later one proves. Standard input \
and live interfaces know only the past; --causal reads files that way too.")]
    Annotate(Annotate),
    /// Add up packets and octets per service, host, conversation…
    #[command(after_help = "Examples:
  portolan summary office.pcapng
  portolan summary --by conversation --top 10 office.pcapng
  portolan summary --interval 10s --format csv office.pcapng
  portolan summary -i eth0 --duration 1m --format json")]
    Summary(Summary),
    /// List every flow with its service: one record per flow.
    #[command(after_help = "Examples:
  portolan flows office.pcapng
  portolan flows --format csv office.pcapng > flows.csv")]
    Flows(Flows),
    /// List what hosts advertise over mDNS and DNS-SD.
    #[command(after_help = "Examples:
  portolan discover office.pcapng
  portolan discover --events office.pcapng
  portolan discover --queries --type _ipp._tcp office.pcapng")]
    Discover(Discover),
    /// Look into the IANA registry of service names and port numbers.
    #[command(subcommand)]
    Registry(Registry),
    /// List the interfaces one can capture on, and what is missing to use them.
    Interfaces(Interfaces),
}

/// What to read.
#[derive(Args, Debug)]
#[command(next_help_heading = "Input")]
pub(crate) struct Input {
    /// Capture files; `-` is standard input. Format and compression (gzip, zstd, lz4, xz) are told by content.
    #[arg(value_name = "FILE", required_unless_present_any = ["read", "interface"], conflicts_with = "interface")]
    pub(crate) files: Vec<PathBuf>,
    /// Read this file, as other tools spell it.
    #[arg(short, value_name = "FILE", conflicts_with = "interface")]
    pub(crate) read: Vec<PathBuf>,
    /// Capture live on this interface: a name or number of `portolan interfaces`, or `any`.
    #[arg(short, long, value_name = "INTERFACE")]
    pub(crate) interface: Option<String>,
    /// Read the captures in directories, and in the directories below; links to directories are not followed.
    #[arg(long)]
    pub(crate) recursive: bool,
    /// Stop after so many packets.
    ///
    /// An annotated pcapng of a file still gets what else the file holds behind them, such as statistics.
    #[arg(short, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,
    /// Take only packets that this capture filter (BPF, pcap-filter(7)) passes; live and in files.
    #[arg(short, value_name = "FILTER")]
    pub(crate) filter: Option<String>,
    /// Stop a live run after this long: `30s`, `5m`, `1h`.
    #[arg(long, value_name = "TIME", value_parser = duration, requires = "interface", conflicts_with_all = ["files", "read"])]
    pub(crate) duration: Option<Duration>,
    /// Octets to keep of each packet captured live; 0 is all of it.
    #[arg(
        short,
        value_name = "OCTETS",
        default_value_t = 0,
        requires = "interface", conflicts_with_all = ["files", "read"],
        hide_default_value = true
    )]
    pub(crate) snap_len: u32,
    /// Do not put the interface into promiscuous mode.
    #[arg(short = 'p', requires = "interface", conflicts_with_all = ["files", "read"])]
    pub(crate) no_promiscuous: bool,
    /// Link-layer type to capture, where the interface has several.
    #[arg(short = 'y', value_name = "TYPE", requires = "interface", conflicts_with_all = ["files", "read"])]
    pub(crate) link_type: Option<String>,
    /// Size of the kernel's capture buffer, in MiB; 32 by default.
    #[arg(long, value_name = "MIB", requires = "interface", conflicts_with_all = ["files", "read"])]
    pub(crate) buffer: Option<u32>,
    /// Numbers instead of host names; accepted for habit's sake, hosts are never resolved.
    #[arg(short, hide_short_help = true)]
    pub(crate) numeric: bool,
    /// Name the outermost flow: open no tunnels.
    #[arg(long, help_heading = "Annotation")]
    pub(crate) no_decap: bool,
    /// Open a tunnel on a port that is not its own: `udp:8472=vxlan`.
    #[arg(long, value_name = "PORT=TUNNEL", help_heading = "Annotation")]
    pub(crate) decap: Vec<decode::Decap>,
    /// Threads to use; all processors by default. The output does not depend on it.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256), help_heading = "Diagnostics")]
    pub(crate) threads: Option<u16>,
    #[arg(long, hide = true, default_value_t = portolan::pipeline::MIN_STRETCH)]
    pub(crate) min_stretch: u64,
}

impl Input {
    /// Files in the order given, `-r` last.
    pub(crate) fn paths(&self) -> Vec<PathBuf> {
        self.files.iter().chain(&self.read).cloned().collect()
    }

    pub(crate) fn live_options(&self, stop: Arc<AtomicBool>) -> capture::LiveOptions {
        let defaults = capture::LiveOptions::default();
        capture::LiveOptions {
            snap_len: self.snap_len,
            promiscuous: !self.no_promiscuous,
            buffer: self.buffer.map_or(defaults.buffer, |mebibytes| mebibytes.saturating_mul(1 << 20)),
            link: self.link_type.clone(),
            filter: self.filter.clone(),
            stop,
            duration: self.duration,
            ..defaults
        }
    }
}

#[derive(Args, Debug)]
pub(crate) struct Annotate {
    #[command(flatten)]
    pub(crate) input: Input,
    /// Form of the records.
    #[arg(long, value_name = "FORMAT", help_heading = "Output")]
    pub(crate) format: Option<RecordFormat>,
    /// Write to this file: annotated pcapng, unless --format says otherwise.
    #[arg(short, value_name = "FILE", help_heading = "Output")]
    pub(crate) write: Option<PathBuf>,
    /// How text shows times.
    #[arg(long, value_name = "STYLE", default_value = "utc", help_heading = "Output")]
    pub(crate) time: Time,
    /// Name each packet by what was known when it came.
    #[arg(long, help_heading = "Annotation")]
    pub(crate) causal: bool,
    /// Write each packet out at once.
    #[arg(short, help_heading = "Output")]
    pub(crate) line_buffered: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RecordFormat {
    /// Lines for people.
    Text,
    /// A JSON object per line, in the shape of the Elastic Common Schema.
    Json,
    /// A CSV row each.
    Csv,
    /// The capture itself, with annotations as packet comments.
    Pcapng,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Time {
    /// Date and time in UTC.
    Utc,
    /// Date and time where you are.
    Local,
    /// Seconds since 1970.
    Epoch,
    /// Seconds since the first packet.
    Relative,
    /// Seconds since the packet before.
    Delta,
}

impl From<Time> for TimeStyle {
    fn from(time: Time) -> Self {
        match time {
            Time::Utc => Self::Utc,
            Time::Local => Self::Local,
            Time::Epoch => Self::Epoch,
            Time::Relative => Self::Relative,
            Time::Delta => Self::Delta,
        }
    }
}

#[derive(Args, Debug)]
pub(crate) struct Summary {
    #[command(flatten)]
    pub(crate) input: Input,
    /// What a row is about.
    #[arg(long, value_name = "WHAT", default_value = "service", help_heading = "Output")]
    pub(crate) by: By,
    /// What rows are ordered by.
    #[arg(long, value_name = "WHAT", default_value = "bytes", help_heading = "Output")]
    pub(crate) sort: Sort,
    /// Only the first so many rows.
    #[arg(long, value_name = "ROWS", help_heading = "Output")]
    pub(crate) top: Option<usize>,
    /// One set of rows per interval of capture time: `10s`, `5m`.
    #[arg(long, value_name = "TIME", value_parser = duration, help_heading = "Output")]
    pub(crate) interval: Option<Duration>,
    /// Form of the report.
    #[arg(long, value_name = "FORMAT", default_value = "table", help_heading = "Output")]
    pub(crate) format: ReportFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportFormat {
    /// A table for people.
    Table,
    /// One JSON object.
    Json,
    /// CSV rows.
    Csv,
}

impl From<ReportFormat> for report::Format {
    fn from(format: ReportFormat) -> Self {
        match format {
            ReportFormat::Table => Self::Table,
            ReportFormat::Json => Self::Json,
            ReportFormat::Csv => Self::Csv,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum By {
    Service,
    Port,
    Server,
    Client,
    Host,
    Conversation,
    Vlan,
    Interface,
    Transport,
}

impl From<By> for summary::By {
    fn from(by: By) -> Self {
        match by {
            By::Service => Self::Service,
            By::Port => Self::Port,
            By::Server => Self::Server,
            By::Client => Self::Client,
            By::Host => Self::Host,
            By::Conversation => Self::Conversation,
            By::Vlan => Self::Vlan,
            By::Interface => Self::Interface,
            By::Transport => Self::Transport,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Sort {
    Bytes,
    Packets,
    Flows,
    Name,
}

impl From<Sort> for summary::Sort {
    fn from(sort: Sort) -> Self {
        match sort {
            Sort::Bytes => Self::Bytes,
            Sort::Packets => Self::Packets,
            Sort::Flows => Self::Flows,
            Sort::Name => Self::Name,
        }
    }
}

#[derive(Args, Debug)]
pub(crate) struct Flows {
    #[command(flatten)]
    pub(crate) input: Input,
    /// Form of the records.
    #[arg(long, value_name = "FORMAT", default_value = "text", help_heading = "Output")]
    pub(crate) format: FlowFormat,
    /// How text shows times.
    #[arg(long, value_name = "STYLE", default_value = "utc", help_heading = "Output")]
    pub(crate) time: Time,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum FlowFormat {
    /// A line per flow, for people.
    Text,
    /// A JSON object per line.
    Json,
    /// A CSV row each.
    Csv,
}

#[derive(Args, Debug)]
pub(crate) struct Discover {
    #[command(flatten)]
    pub(crate) input: Input,
    /// Form of the report.
    #[arg(long, value_name = "FORMAT", default_value = "table", help_heading = "Output")]
    pub(crate) format: ReportFormat,
    /// Show the life line: probes, announcements, updates, goodbyes, expiries, conflicts, renames.
    #[arg(long, help_heading = "Output")]
    pub(crate) events: bool,
    /// Show who asks for what, and what stays unanswered.
    #[arg(long, help_heading = "Output")]
    pub(crate) queries: bool,
    /// Only this service type: `_ipp._tcp`.
    #[arg(long = "type", value_name = "TYPE", help_heading = "Output")]
    pub(crate) kind: Option<String>,
    /// Only services of this host, by name or address.
    #[arg(long, value_name = "HOST", help_heading = "Output")]
    pub(crate) host: Option<String>,
}

/// Queries and care of the registry.
#[derive(Debug, Subcommand)]
pub(crate) enum Registry {
    /// Look up ports and names: `443/tcp`, `443`, `https`, `_ipp._tcp`.
    Lookup {
        /// Ports (`443/tcp`, `443`), service names (`https`) or DNS-SD types (`_ipp._tcp`).
        #[arg(value_name = "WHAT", required = true)]
        queries: Vec<String>,
        /// Form of the answer.
        #[arg(long, value_name = "FORMAT", default_value = "table")]
        format: ReportFormat,
    },
    /// Find registrations by a word in their name, description or notes.
    Search {
        /// The word.
        #[arg(value_name = "TEXT")]
        text: String,
        /// Form of the answer.
        #[arg(long, value_name = "FORMAT", default_value = "table")]
        format: ReportFormat,
    },
    /// Show the registry's date, source and size.
    Info {
        /// Form of the answer.
        #[arg(long, value_name = "FORMAT", default_value = "table")]
        format: ReportFormat,
    },
    /// Use the registry in this file from now on: IANA's CSV, XML or plain text.
    Import {
        /// The file.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Write the registry in use, as CSV or JSON.
    Export {
        /// Form of the output.
        #[arg(long, value_name = "FORMAT", default_value = "csv")]
        format: ReportFormat,
    },
    /// Show what changed from one registry file to another; exits with 1 if anything did.
    Diff {
        /// The older file.
        #[arg(value_name = "OLD")]
        old: PathBuf,
        /// The newer file.
        #[arg(value_name = "NEW")]
        new: PathBuf,
        /// Form of the answer.
        #[arg(long, value_name = "FORMAT", default_value = "table")]
        format: ReportFormat,
    },
}

#[derive(Args, Debug)]
pub(crate) struct Interfaces {
    /// Form of the list.
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub(crate) format: ListFormat,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum ListFormat {
    /// A table for people.
    Table,
    /// One JSON array.
    Json,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
