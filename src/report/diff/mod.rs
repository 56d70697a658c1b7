//! `diff`: what one capture has that another has not: services, servers, hosts, DNS-SD instances and domains.

mod compare;
pub mod fields;
mod gather;
mod write;

use std::io;

use serde::Serialize;

#[cfg(feature = "html")]
pub(super) use self::write::texts;
pub use compare::Change;
use gather::Side;

use crate::{
    knowledge::{Answers, Knowledge, Options},
    registry::Registry,
    report::{Format, Report},
    select::{Choice, Schema, Trees},
    text::{Moments, json::Tree},
};

/// What can be shown of a difference, by the names of the columns.
pub const COLUMNS: [&str; 5] = ["kind", "what", "changes", "before", "after"];

/// By how much the octets of something must have changed to be told, in per cent of what they were.
pub const THRESHOLD: u64 = 50;

/// The fields of differences.
pub fn schema() -> Schema<Trees> {
    Schema::of_tree(&fields::DIFFERENCE)
}

/// What a difference is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A row of `summary`: a service, or what has no ports.
    Service,
    /// An address, port and transport that answered.
    Server,
    /// A host.
    Host,
    /// An instance that DNS-SD tells of.
    Instance,
    /// What a host that serves is called.
    Domain,
}

impl Kind {
    /// Every one.
    pub const ALL: [Self; 5] = [Self::Service, Self::Server, Self::Host, Self::Instance, Self::Domain];

    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Server => "server",
            Self::Host => "host",
            Self::Instance => "instance",
            Self::Domain => "domain",
        }
    }
}

/// What is known of something on one side. What is empty is not told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// What it is told from others of its kind by, on this side.
    pub key: String,
    /// Name of the service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How that is known, the strongest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<&'static str>,
    /// Ports it was met on, in ascending order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<u16>,
    /// Its transport.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transport: Option<String>,
    /// Addresses, in ascending order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<std::net::IpAddr>,
    /// MACs, as RFC 7042 section 2.1 writes them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub macs: Vec<String>,
    /// Names of a host; the host that an instance is on. Escaped as on a terminal.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// The attributes of an instance, escaped as on a terminal.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub txt: Vec<String>,
    /// Whether an instance is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<&'static str>,
    /// Distinct addresses that were served.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clients: Option<u64>,
    /// Packets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub packets: Option<u64>,
    /// Octets on the wire.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What it is about.
    pub kind: Kind,
    /// Which one: its key afterwards, or before where it is gone.
    pub what: String,
    /// What became of it; never empty.
    pub changes: Vec<Change>,
    /// Absent where it is new.
    pub before: Option<Facts>,
    /// Absent where it is gone.
    pub after: Option<Facts>,
}

/// What is compared, and how it is shown.
#[derive(Clone, Debug, Default)]
pub struct DiffOptions {
    /// By how many per cent of what they were octets must have changed.
    pub threshold: u64,
    /// Compare and show no names of hosts.
    pub numeric: bool,
    /// Which differences are shown, in which order, and which of their [`COLUMNS`].
    pub choice: Choice<Trees>,
    /// Threads to sum up on, at least 1.
    pub threads: usize,
    /// Width of the terminal in columns, to which tables are wrapped.
    pub width: Option<u16>,
    /// How tables and pages show times: where seconds are counted, from the beginning of each side.
    pub times: Moments,
}

/// The report: a table, or one JSON object (`portolan/diff/1`). There is no CSV: what stands on either side differs by kind.
///
/// What is [added](Report::add) first is compared with what is added second.
///
/// ```
/// use portolan::{Answers, Job, Registry, Report as _, pipeline::Inputs};
/// use portolan::report::diff::{Change, Diff, DiffOptions, Kind, THRESHOLD};
///
/// let registry = Registry::built_in();
/// let mut diff = Diff::new(DiffOptions { threshold: THRESHOLD, ..DiffOptions::default() });
/// for file in ["samples/mdns-announce.pcap", "samples/mdns-ipp-6631.pcap"] {
///     let mut job = Job::new(Inputs::Files(vec![file.into()]), &registry);
///     let (mut knowledge, _) = job.learn(diff.needs(), &())?;
///     let answers = Answers::of(&knowledge, &registry, false, 1);
///     diff.add(&mut knowledge, &answers, &registry);
/// }
/// let ipp = diff.differences().into_iter().find(|it| (it.kind, &*it.what) == (Kind::Service, "ipp/tcp"));
/// assert_eq!(ipp.unwrap().changes, [Change::New]);
/// # Ok::<(), portolan::pipeline::Failure>(())
/// ```
#[derive(Debug, Default)]
pub struct Diff {
    options: DiffOptions,
    sides: Vec<Side>,
    /// What the two sides are called.
    pub files: Vec<String>,
}

impl Diff {
    /// A report that compares and shows so.
    pub fn new(options: DiffOptions) -> Self {
        Self { options, ..Self::default() }
    }

    /// The differences that are asked for, but for a bound of how many are shown: by kind, then what is new, gone, moved and
    /// changed, then by what they are about, unless another order is asked for.
    pub fn differences(&self) -> Vec<Difference> {
        let [before, after] = [0, 1].map(|side| self.sides.get(side));
        let (Some(before), Some(after)) = (before, after) else { return Vec::new() };
        let all = compare::differences(before, after, self.options.threshold);
        let choice = Choice { top: None, ..self.options.choice.clone() };
        if choice.is_all() {
            return all;
        }
        let rows = all.into_iter().map(|difference| {
            let tree = difference.tree();
            (difference, tree)
        });
        choice.of(rows.collect(), |(_, tree)| tree).into_iter().map(|(difference, _)| difference).collect()
    }

    /// How many of them are shown.
    pub(super) fn most(&self) -> usize {
        self.options.choice.top.unwrap_or(usize::MAX)
    }

    /// By how many per cent octets must have changed.
    #[cfg(feature = "html")]
    pub(super) fn threshold(&self) -> u64 {
        self.options.threshold
    }

    /// How times are shown.
    #[cfg(feature = "html")]
    pub(super) fn times(&self) -> Moments {
        self.options.times
    }

    /// What the sides are, beside their rows.
    pub(super) fn captures(&self) -> Vec<write::Capture<'_>> {
        let names = self.files.iter().map(String::as_str).chain(std::iter::repeat(""));
        self.sides.iter().zip(names).map(|(side, file)| write::Capture::of(side, file)).collect()
    }
}

impl Difference {
    /// It as its JSON has it.
    fn tree(&self) -> Tree {
        Tree::of(&write::Row::of(self))
    }
}

impl Report for Diff {
    fn needs(&self) -> Options {
        Options { hosts: true, domains: true, inventory: true, ..Options::default() }
    }

    fn add(&mut self, knowledge: &mut Knowledge, answers: &Answers, registry: &Registry) {
        self.sides.push(Side::of(knowledge, answers, registry, &self.options));
    }

    fn write(&self, registry: &Registry, format: Format, out: &mut dyn io::Write) -> io::Result<()> {
        match format {
            Format::Json => write::json(self, registry.updated(), out),
            Format::Table | Format::Csv => write::table(self, out),
        }
    }
}
