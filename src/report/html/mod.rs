//! A page for a browser: one file that needs no network and no script to be read.
//!
//! It is a view like the other reports and written from theirs: the rows of summaries, the hosts, the inventory. Beside
//! that it counts nothing but octets over time ([`timeline`]). Pages are templates that escape all they are filled with
//! ([`Harmless`]); what they may load is bounded by a policy in their head that knows the hashes of their own script and style.

mod chart;
mod difference;
mod gather;
mod network;
mod rows;
mod services;
#[cfg(test)]
mod tests;
mod timeline;
mod view;

use std::{
    fmt, io,
    sync::{Arc, LazyLock},
    time::Duration,
};

use askama::{Template as _, filters::Escaper};

pub use difference::differences;
pub use gather::{Gather, Gathered};
pub use timeline::{Timeline, Traffic};

use crate::{
    capture,
    knowledge::{self, Answers, Damaged, Knowledge, Span},
    pipeline::Outcome,
    places::Places,
    registry::Registry,
    report::{
        discover::{DiscoverOptions, Discovery},
        hosts::{HostList, HostsOptions},
        summary::{By, Division, Sort, Summary},
    },
    text::{Moments, escape},
};

/// How templates escape what they are filled with: [`escape::html`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Harmless;

impl Escaper for Harmless {
    fn write_escaped_str<W: fmt::Write>(&self, mut page: W, text: &str) -> fmt::Result {
        escape::html(text, &mut page)
    }
}

/// What a page shows, and how.
#[derive(Clone, Debug, Default)]
pub struct PageOptions {
    /// Rows about something else beside those that a page has anyway.
    pub by: Option<Division>,
    /// The order of rows.
    pub sort: Sort,
    /// Whether the order is turned round.
    pub turned: bool,
    /// Only so many rows of each table.
    pub top: Option<usize>,
    /// Show no names of hosts.
    pub numeric: bool,
    /// How times are shown.
    pub times: Moments,
    /// Length of the steps of time; one that fits if absent. It is doubled where there would be over a thousand.
    pub interval: Option<Duration>,
    /// Threads to use, at least 1.
    pub threads: usize,
    /// Whether only some packets are charted, so that rows are sums of these.
    pub selects: bool,
    /// Whether inputs are learned apart, so that there is more than one to add up.
    pub separate: bool,
    /// The command line, for whoever wants to make the page again.
    pub command: String,
    /// Where addresses are.
    pub places: Option<Arc<Places>>,
}

/// What the first two tables are about. Their rows are all needed, and few beside those of hosts.
static FEW: LazyLock<[Division; 2]> = LazyLock::new(|| [By::Service.into(), By::Evidence.into()]);

/// Rows about one thing.
#[derive(Debug)]
struct Table {
    by: Division,
    /// Whether packets are counted for it, as what is known of flows does not tell its rows.
    counted: bool,
    summary: Summary,
    /// How many rows there were, where only the first are kept.
    before: Option<usize>,
}

impl Table {
    /// How many rows there are, those that are not kept included.
    fn rows(&self) -> usize {
        self.before.unwrap_or(self.summary.len())
    }
}

/// The report.
#[derive(Debug)]
pub struct Page {
    options: PageOptions,
    tables: Vec<Table>,
    hosts: HostList,
    discovery: Discovery,
    span: Span,
    damaged: Damaged,
    evicted: bool,
    /// What the bounds of learning kept out.
    losses: Vec<(u64, &'static str)>,
    traffic: Traffic,
    /// Whether traffic over time has the names that were known when packets came.
    causal: bool,
    files: Vec<String>,
    /// What was wrong with inputs.
    errors: Vec<String>,
    /// What a live input lost.
    live: Option<capture::Losses>,
    stopped: bool,
}

impl Page {
    /// A page that shows this, on inputs of these names by their numbers.
    pub fn new(options: PageOptions, inputs: Vec<String>) -> Self {
        let mut all = FEW.to_vec();
        all.extend(services::TOPS.iter().map(|top| Division::from(top.by)));
        all.extend(options.by.filter(|by| !all.contains(by)));
        let tables = all.into_iter().map(|by| Table {
            by,
            counted: options.selects || by.needs_packets(),
            summary: Summary::default(),
            before: None,
        });
        let hosts = HostsOptions {
            numeric: options.numeric,
            places: options.places.clone(),
            ..HostsOptions::default()
        };
        Self {
            tables: tables.collect(),
            hosts: HostList::new(hosts),
            discovery: Discovery::new(DiscoverOptions::default(), inputs),
            span: Span::default(),
            damaged: Damaged::default(),
            evicted: false,
            losses: Vec::new(),
            traffic: Traffic::default(),
            causal: false,
            files: Vec::new(),
            errors: Vec::new(),
            live: None,
            stopped: false,
            options,
        }
    }

    /// What must be learned for it.
    pub fn needs(&self) -> knowledge::Options {
        let flows = self.options.selects;
        knowledge::Options {
            flows,
            hosts: true,
            domains: true,
            inventory: true,
            ..knowledge::Options::default()
        }
    }

    /// What is to be counted packet by packet: an encoder, whose [`Gather::sink`] is the sink.
    pub fn gather(&self) -> Gather {
        let step = self.options.interval;
        let step = step.map(|step| u64::try_from(step.as_nanos()).unwrap_or(u64::MAX));
        let counted = self.tables.iter().filter(|table| table.counted).map(|table| table.by);
        Gather::new(step, counted.collect())
    }

    /// Takes in what is known: once, of all inputs; or of inputs that are separate, of each in turn. What it takes out of
    /// the knowledge is what it must keep of it.
    pub fn add(
        &mut self,
        knowledge: &mut Knowledge,
        answers: &Answers,
        registry: &Registry,
        gathered: &mut Gathered,
    ) {
        use crate::report::Report as _;
        let threads = self.options.threads.max(1);
        self.causal |= knowledge.options().causal;
        // Rows are named by all that is known at the end, not only by what was at the last packet of a flow.
        let anew = self.causal.then(|| Answers::of(knowledge, registry, false, threads));
        let answers = anew.as_ref().unwrap_or(answers);
        for table in self.tables.iter_mut().filter(|table| !table.counted) {
            let mut summary = Summary::of(knowledge, answers, table.by, threads);
            if !self.options.numeric && table.by.is_of_hosts() {
                summary.name_hosts(knowledge);
            }
            table.summary.add(summary);
            if !self.options.separate && !FEW.contains(&table.by) {
                table.before = Some(table.summary.len());
                table.summary.keep(&services::first(&self.options));
            }
        }
        gathered.part(knowledge, self.options.numeric);
        self.options.times.begin(knowledge.span().first());
        self.hosts.add(knowledge, answers, registry);
        self.discovery.add(knowledge, answers, registry);
        self.span.add(knowledge.span());
        self.evicted |= knowledge.departed().next().is_some();
        for (count, what) in knowledge.losses() {
            match self.losses.iter_mut().find(|(_, known)| *known == what) {
                Some((all, _)) => *all += count,
                None => self.losses.push((count, what)),
            }
        }
    }

    /// Takes in what was counted, and how it went.
    pub fn finish(&mut self, gathered: Gathered, outcome: &Outcome) {
        let (timeline, sums, span, damaged) = gathered.into_parts();
        for (table, sums) in self.tables.iter_mut().filter(|table| table.counted).zip(sums) {
            table.summary = sums;
        }
        self.damaged = self.tables[0].summary.damaged();
        if self.options.selects {
            (self.span, self.damaged) = (span, damaged);
        }
        self.traffic = timeline.finish();
        self.files.clone_from(&outcome.opened);
        for error in outcome.errors.iter().map(ToString::to_string) {
            // What is met when an input is read again was met before.
            if !self.errors.contains(&error) {
                self.errors.push(error);
            }
        }
        self.live = outcome.losses;
        self.stopped = outcome.stopped;
    }

    /// Writes it.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write(&self, registry: &Registry, out: &mut dyn io::Write) -> io::Result<()> {
        let page = view::of(self, registry).and_then(|view| view.render());
        out.write_all(page.map_err(io::Error::other)?.as_bytes())?;
        // Templates lose their last line's end.
        out.write_all(b"\n")
    }
}
