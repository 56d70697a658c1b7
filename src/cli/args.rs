//! The command line as it is typed: what is common to the commands. Nothing outside `cli` sees these types.

use std::{
    io::{self, IsTerminal as _},
    path::PathBuf,
};

use clap::{Args, Parser, Subcommand, ValueEnum};
use portolan::{
    report,
    text::{
        Moments,
        time::{self, TimeStyle},
    },
};

use super::{
    annotate::Annotate,
    columns::{Columns, Form},
    config::Config,
    diff::Difference,
    discover::Discover,
    explain::Explain,
    extcap::Extcap,
    flows::Flows,
    hosts::Hosts,
    interfaces::Interfaces,
    knowledge::{Learn, Merge},
    manual::{Completions, Help, Man},
    message,
    registry::Registry,
    summary::Summary,
    top::Top,
};

/// Charts the services on a wire: names every flow of a capture and says how it knows.
///
/// A name always comes with its evidence: told by the user, advertised by DNS-SD, seen in the first octets, or only
/// registered with IANA for that port, which proves nothing; and with the side that serves.
#[derive(Debug, Parser)]
#[command(
    name = "portolan",
    version = version(),
    arg_required_else_help = true,
    disable_help_subcommand = true,
    max_term_width = 100,
    after_help = "Examples:
  portolan office.pcapng                        as portolan summary office.pcapng
  portolan annotate office.pcapng               one line per packet
  portolan summary office.pcapng                which services, how much
  portolan summary -i eth0 --duration 30s       the same, live
  portolan top -i eth0                          live, in the terminal
  portolan hosts office.pcapng                  which hosts, and what they offer
  portolan discover office.pcapng               what hosts advertise over DNS-SD
  portolan diff monday.pcapng friday.pcapng     what is new, gone or changed
  portolan registry lookup 443/tcp _ipp._tcp    what IANA has registered
  portolan help evidence                        how a name is known; others: rules, formats, filters, fields

Exit codes:
  0 good · 1 differences found (diff, registry diff), or nothing (explain, registry lookup, registry search)
  2 usage
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
    color: Color,
    /// Use no colours: as --color never.
    #[arg(long, global = true, conflicts_with = "color", help_heading = "Diagnostics")]
    no_color: bool,
    /// Add a registry file of your own; it wins over IANA. May be given several times, later ones win.
    ///
    /// IANA's CSV, XML or text, a file like /etc/services, or what `registry export` writes. An entry may begin with
    /// an address or prefix, and end in what it speaks: `10.0.0.5 8443/tcp payroll protocol=tls`.
    #[arg(long, value_name = "FILE", global = true, help_heading = "Annotation")]
    pub(crate) registry: Vec<PathBuf>,
    /// Names of hosts of your own, in the form of /etc/hosts; they win over all others. May be given several times.
    #[arg(long, value_name = "FILE", global = true, help_heading = "Annotation")]
    pub(crate) hosts: Vec<PathBuf>,
    /// Write the output to this file, which appears whole or not at all; `-` is standard output.
    #[arg(short, long, value_name = "FILE", global = true, help_heading = "Output")]
    pub(crate) output: Option<PathBuf>,
    /// Figures as they are, where tables on a terminal would have them rounded: `50645` for `50.6 kB`.
    #[arg(long, global = true, help_heading = "Output")]
    pub(crate) exact: bool,
    /// What shows output on a terminal that is longer than the screen; `cat` shows it at once.
    ///
    /// Else PAGER says it, and else it is `less -FRX`. What goes to a file or a pipe, and what comes of live input, is never paged.
    #[arg(long, value_name = "COMMAND", global = true, help_heading = "Output")]
    pub(crate) pager: Option<String>,
    /// Show long output at once: as --pager cat.
    #[arg(long, global = true, help_heading = "Output")]
    pub(crate) no_pager: bool,
    /// Show no progress bar.
    #[arg(long, global = true, help_heading = "Diagnostics")]
    pub(crate) no_progress: bool,
    /// Say less: no progress, no closing remarks.
    #[arg(short, long, global = true, help_heading = "Diagnostics")]
    pub(crate) quiet: bool,
    /// Say more.
    #[arg(short, long, global = true, help_heading = "Diagnostics")]
    pub(crate) verbose: bool,
    /// The options that settings say and the command line does not.
    #[arg(skip)]
    pub(crate) configured: Vec<String>,
}

impl Global {
    /// Whether an option is what a setting says: for a case in which nobody has asked for it.
    pub(crate) fn is_configured(&self, option: &str) -> bool {
        self.configured.iter().any(|known| known == option)
    }

    /// Whether standard output gets colours.
    pub(crate) fn wants_color(&self) -> bool {
        !self.no_color && self.output.is_none() && self.color.is_wanted()
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Color {
    Auto,
    Always,
    Never,
}

impl Color {
    fn is_wanted(self) -> bool {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto if set("NO_COLOR") => false,
            Self::Auto if set("CLICOLOR_FORCE") => true,
            Self::Auto => {
                io::stdout().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
            }
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Name the service of every packet: one record per packet.
    #[command(after_help = "Examples:
  portolan annotate office.pcapng
  portolan annotate --format json office.pcapng | jq 'select(.svc).svc'
  portolan annotate --where 'svc.name == https and ip in 192.0.2.0/24' office.pcapng
  portolan annotate --where 'svc.state == refused' --from +2s --to +12s office.pcapng
  portolan annotate --format csv --columns frame.number,source.ip,svc.name office.pcapng
  portolan annotate -i eth0 -f 'port 53' -c 100
  tcpdump -i eth0 -w - | portolan annotate

Files are read twice, so that the first packet can be named by what a later one proves. Standard input \
and live interfaces know only the past; --causal reads files that way too.")]
    Annotate(Annotate),
    /// Add up packets and octets per service, host, conversation…
    #[command(after_help = "Examples:
  portolan summary office.pcapng
  portolan summary --by conversation --top 10 office.pcapng
  portolan summary --by service,server office.pcapng   who serves what
  portolan summary --where 'source.ip == 192.0.2.10' office.pcapng
  portolan summary --interval 10s --format csv office.pcapng
  portolan summary -i eth0 --duration 1m --format json")]
    Summary(Summary),
    /// List every flow with its service: one record per flow.
    #[command(after_help = "Examples:
  portolan flows office.pcapng
  portolan flows --where 'ip == 192.0.2.20' --sort bytes --top 10 office.pcapng
  portolan flows --columns source.ip,svc.name,network.bytes office.pcapng
  portolan flows --format csv office.pcapng > flows.csv")]
    Flows(Flows),
    /// List hosts: one record each, with addresses, names, and the services they offer and use.
    #[command(after_help = "Examples:
  portolan hosts office.pcapng
  portolan hosts --where 'offers.name == ipp' office.pcapng
  portolan hosts --hosts /etc/hosts --oui oui.csv office.pcapng
  portolan hosts --format json office.pcapng | jq '.hosts[].names'

Addresses are joined into one host only where a name of multicast DNS or a MAC proves it.")]
    Hosts(Hosts),
    /// List what hosts advertise over mDNS and DNS-SD.
    #[command(after_help = "Examples:
  portolan discover office.pcapng
  portolan discover --where 'state == active and ip == 192.0.2.30' office.pcapng
  portolan discover --events office.pcapng
  portolan discover --queries --type _ipp._tcp office.pcapng")]
    Discover(Discover),
    /// Watch an interface in the terminal: services, flows, hosts and what they advertise; or a file as it happened.
    #[command(after_help = "Examples:
  portolan top -i eth0
  portolan top office.pcapng --speed 10

Keys: 1 to 8 choose what is shown, s how it is sorted, / what is left out, p holds it, ? tells the others, q ends.")]
    Top(Top),
    /// Say why a packet, a flow or an endpoint got its name: every rule that spoke, and the octets that decided.
    #[command(after_help = "Examples:
  portolan explain office.pcapng --packet 17
  portolan explain office.pcapng --flow 192.0.2.10:51996-192.0.2.30:49154/tcp
  portolan explain office.pcapng --endpoint '[2001:db8::20]:8443/tcp' --format json

Exit code 1: what is asked for is not in the capture.")]
    Explain(Explain),
    /// Compare two captures: what is new, gone, moved or changed.
    #[command(after_help = "Examples:
  portolan diff yesterday.pcapng today.pcapng
  portolan diff --where 'kind == server and changes == new' yesterday.pcapng today.pcapng
  portolan diff --threshold 200 --format json yesterday.pcapng today.pcapng | jq '.differences[].what'
  portolan diff --format html -o changes.html yesterday.pcapng today.pcapng

Services, servers, hosts, instances of DNS-SD and domains are compared. Exit code 1: something is different; \
4 where an input is damaged, whatever is different.")]
    Diff(Difference),
    /// Write what captures teach to a file, for later runs, other machines and merging.
    #[command(after_help = "Examples:
  portolan learn monday.pcapng -o monday.know
  portolan learn --recursive captures -o all.know
  portolan summary monday.know
  portolan annotate --knowledge monday.know monday-9h.pcapng

A knowledge file holds flows, names, what DNS-SD advertised, and counters: no packets. `summary`, `flows`, `hosts`, `discover` and `diff` \
take it in place of captures.")]
    Learn(Learn),
    /// Join knowledge files, of pieces of one capture or of several captures, in order of time.
    #[command(after_help = "Examples:
  portolan merge monday.know tuesday.know -o week.know
  portolan merge days/*.know -o month.know

Merging is exact below the bounds, in any grouping of pieces that follow each other.")]
    Merge(Merge),
    /// Look into the IANA registry of service names and port numbers.
    #[command(
        subcommand,
        after_help = "Examples:
  portolan registry lookup 443/tcp https _ipp._tcp
  portolan registry search printer
  portolan registry diff old.csv new.csv"
    )]
    Registry(Registry),
    /// Have Wireshark list our annotated live interfaces, and answer its calls.
    #[command(after_help = "Examples:
  portolan extcap install
  wireshark -k -i portolan-eth0

Wireshark then shows `portolan: eth0, annotated` beside eth0. Our comments are in its packets: the display filter \
`frame.comment contains \"https\"` finds them, and a column of `frame.comment` shows them.")]
    Extcap(Extcap),
    /// List the interfaces one can capture on, and what is missing to use them.
    #[command(after_help = "Examples:
  portolan interfaces
  portolan interfaces --format json | jq '.[].name'")]
    Interfaces(Interfaces),
    /// Show the settings: of the environment, of config.toml, and those built in.
    #[command(
        subcommand,
        after_help = "Examples:
  portolan config path
  portolan config show
  PORTOLAN_COLOR=never portolan config show

Every long option that does not say what one run is about can be set: as a line `threads = 2` of config.toml, for one command below \
`[flows]`, or as PORTOLAN_THREADS. Options given win over the environment, that over the user's file, and that over the system's."
    )]
    Config(Config),
    /// Print what a shell completes the command line with.
    #[command(after_help = "Examples:
  portolan completions bash > ~/.local/share/bash-completion/completions/portolan
  portolan completions zsh > ~/.zfunc/_portolan
  portolan completions fish > ~/.config/fish/completions/portolan.fish
  portolan completions powershell >> $PROFILE

`make install` and the Debian package put them where shells look for them.")]
    Completions(Completions),
    /// Print the manual page of a command or a topic, or write all of them.
    #[command(after_help = "Examples:
  portolan man flows | man -l -
  portolan man registry lookup > portolan-registry-lookup.1
  portolan man --out ~/.local/share/man")]
    Man(Man),
    /// Explain a command, or a topic: evidence, rules, formats, filters, fields.
    #[command(after_help = "Examples:
  portolan help flows
  portolan help registry lookup
  portolan help evidence")]
    Help(Help),
}

impl Command {
    /// Its word on the command line.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Annotate(_) => "annotate",
            Self::Summary(_) => "summary",
            Self::Top(_) => "top",
            Self::Flows(_) => "flows",
            Self::Hosts(_) => "hosts",
            Self::Discover(_) => "discover",
            Self::Explain(_) => "explain",
            Self::Diff(_) => "diff",
            Self::Registry(_) => "registry",
            Self::Interfaces(_) => "interfaces",
            Self::Extcap(_) => "extcap",
            Self::Config(_) => "config",
            Self::Completions(_) => "completions",
            Self::Man(_) => "man",
            Self::Help(_) => "help",
            Self::Learn(_) => "learn",
            Self::Merge(_) => "merge",
        }
    }

    /// Whether settings hold for it: what explains the program, or finds the settings, must work where these are wrong.
    pub(crate) const fn takes_settings(&self) -> bool {
        !matches!(
            self,
            Self::Config(_) | Self::Extcap(_) | Self::Completions(_) | Self::Man(_) | Self::Help(_)
        )
    }
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
    /// Seconds since the packet before; in reports, since the first packet.
    Delta,
}

/// How people are shown times.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Times {
    /// How people are shown times, in lines, tables and pages; programs always get UTC.
    #[arg(long, value_name = "STYLE", default_value = "utc", help_heading = "Output")]
    pub(crate) time: Time,
}

impl Times {
    /// The same for a report; says where local times are not those of the place.
    pub(crate) fn moments(self, global: &Global) -> Moments {
        self.time.tell_unknown_zone(global);
        Moments::new(self.time.into())
    }
}

impl Time {
    /// Says that local times are not those of the place.
    pub(crate) fn tell_unknown_zone(self, global: &Global) {
        if matches!(self, Self::Local) && !global.quiet {
            time::unknown_zone().into_iter().for_each(message::note);
        }
    }
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

/// Forms of reports of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RowFormat {
    /// A table for people.
    Table,
    /// One JSON object.
    Json,
    /// CSV rows.
    Csv,
    /// A file of Apache Parquet.
    Parquet,
    /// A stream of Apache Arrow (IPC).
    Arrow,
}

impl From<RowFormat> for Form {
    fn from(format: RowFormat) -> Self {
        match format {
            RowFormat::Table => Self::Text(report::Format::Table),
            RowFormat::Json => Self::Text(report::Format::Json),
            RowFormat::Csv => Self::Text(report::Format::Csv),
            RowFormat::Parquet => Self::Columns(Columns::Parquet),
            RowFormat::Arrow => Self::Columns(Columns::Arrow),
        }
    }
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
