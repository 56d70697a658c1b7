//! `summary`: packets and octets per service, host, conversation and more.

use std::time::Duration;

use clap::{Args, ValueEnum};
use portolan::{
    Answers, Job, Knowledge, View,
    knowledge::Options,
    pipeline::Outcome,
    report::summary::{self, Counted, Scope, Sums, Totals},
    text::time::duration,
};

use super::{
    End,
    args::{Global, ReportFormat},
    exit,
    input::{Input, Session},
    kept,
    output::{self, Output},
    report, tell_losses,
};

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

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum By {
    Service,
    Protocol,
    Port,
    Server,
    Client,
    Host,
    Conversation,
    Evidence,
    Vlan,
    Interface,
    Transport,
}

impl From<By> for summary::By {
    fn from(by: By) -> Self {
        match by {
            By::Service => Self::Service,
            By::Protocol => Self::Protocol,
            By::Evidence => Self::Evidence,
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

pub(crate) fn run(global: &Global, args: &Summary) -> Result<u8, End> {
    let session = Session::new(global, &args.input)?;
    let mut job = session.job()?;
    let by: summary::By = args.by.into();
    let options = summary::Options { by, sort: args.sort.into(), top: args.top, width: output::width() };
    if args.interval.is_none() && !by.needs_packets() {
        let totals = Totals { options, threads: job.threads, files: Vec::new() };
        return report::write(global, &session, &mut job, args.format.into(), totals, |totals, outcome| {
            totals.files.clone_from(&outcome.opened);
        });
    }
    let mut counted = Counted::new(args.interval, by);
    let sums = Sums::new(args.interval, by);
    let (knowledge, outcome, code) = count(&session, &mut job, sums, &mut counted)?;
    let (knowledge, (whole, parts)) = (kept(knowledge), counted.into_parts());
    let (whole, parts) = (kept(whole), kept(parts));
    let intervals = args.interval.map(|_| &**parts);
    let scope = Scope { files: &outcome.opened, knowledge: &knowledge, registry: &session.registry };
    let mut out = Output::new(None)?;
    summary::write(&whole, intervals, &scope, &options, args.format.into(), &mut out)?;
    out.finish()?;
    tell_losses(global, &knowledge);
    Ok(code)
}

/// Adds up packet by packet, for reports that flows cannot tell.
fn count(
    session: &Session<'_>,
    job: &mut Job<'_>,
    sums: Sums,
    counted: &mut Counted,
) -> Result<(Knowledge, Outcome, u8), End> {
    let watch = session.watch("learning");
    if !job.inputs.can_be_read_twice() {
        let followed = job.follow(Options::default(), sums, counted, &watch);
        let (knowledge, _, outcome) = followed.map_err(|failure| watch.end(failure))?;
        let code = watch.code(&outcome)?;
        return Ok((knowledge, outcome, code));
    }
    let (knowledge, outcome) = job.learn(Options::default(), &watch).map_err(|failure| watch.end(failure))?;
    let code = watch.code(&outcome)?;
    let answers = Answers::of(&knowledge, &session.registry, false, job.threads);
    let view = View { knowledge: &knowledge, answers: &answers, registry: &session.registry };
    let again = session.watch("counting").again();
    let charted = job.chart(&view, sums, counted, &again).map_err(|failure| again.end(failure))?;
    let code = exit::worse(code, again.code(&charted)?);
    Ok((knowledge, outcome, code))
}
