//! `summary`: packets and octets per service, host, conversation and more.

use std::time::Duration;

use clap::{Args, ValueEnum};
use portolan::{
    knowledge::Options,
    report::{
        Format,
        summary::{self, Counted, Division, Scope, Sums, Totals},
    },
    text::time::duration,
};

use super::{
    End,
    args::Global,
    exit,
    input::{Input, Session},
    kept, message, output, page, passes, report,
};

#[derive(Args, Debug)]
pub(crate) struct Summary {
    #[command(flatten)]
    pub(crate) input: Input,
    /// What a row is about. Several, as in `service,server`, make a row for each combination of them.
    #[arg(
        long,
        value_name = "WHAT",
        default_value = "service",
        value_delimiter = ',',
        help_heading = "Output"
    )]
    pub(crate) by: Vec<By>,
    /// What rows are ordered by.
    #[arg(long, value_name = "WHAT", default_value = "bytes", help_heading = "Output")]
    pub(crate) sort: Sort,
    /// Only the first so many rows.
    #[arg(long, value_name = "ROWS", visible_alias = "limit", help_heading = "Output")]
    pub(crate) top: Option<usize>,
    /// One set of rows per interval of capture time: `10s`, `5m`.
    #[arg(long, value_name = "TIME", value_parser = duration, help_heading = "Output")]
    pub(crate) interval: Option<Duration>,
    /// Form of the report.
    #[arg(long, value_name = "FORMAT", default_value = "table", help_heading = "Output")]
    pub(crate) format: SummaryFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SummaryFormat {
    /// A table for people.
    Table,
    /// One JSON object.
    Json,
    /// CSV rows.
    Csv,
    /// A page for a browser, in one file: all that a capture tells, with charts.
    Html,
}

impl From<SummaryFormat> for Option<Format> {
    fn from(format: SummaryFormat) -> Self {
        match format {
            SummaryFormat::Table => Some(Format::Table),
            SummaryFormat::Json => Some(Format::Json),
            SummaryFormat::Csv => Some(Format::Csv),
            SummaryFormat::Html => None,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum By {
    Service,
    Protocol,
    Port,
    /// Address, port and transport.
    Endpoint,
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
            By::Endpoint => Self::Endpoint,
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
    #[value(alias = "octets")]
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

/// Refuses a table in a file whose name says that it is to hold something else.
fn refuse_other_form(global: &Global, args: &Summary) -> Result<(), End> {
    let end = global.output.as_deref().and_then(|path| path.extension()?.to_str());
    let form = ["html", "json", "csv"]
        .into_iter()
        .find(|form| end.is_some_and(|end| end.eq_ignore_ascii_case(form)));
    match form.filter(|_| args.format == SummaryFormat::Table) {
        Some(form) => {
            message::error(format_args!(
                "-o without --format writes a table, whatever the file is called: add --format {form}"
            ));
            Err(End::Said(exit::USAGE))
        }
        None => Ok(()),
    }
}

pub(crate) fn run(global: &Global, args: &Summary) -> Result<u8, End> {
    let by: Vec<_> = args.by.iter().map(|&by| by.into()).collect();
    let by = Division::new(&by).map_err(|senseless| {
        message::error(senseless);
        End::Said(exit::USAGE)
    })?;
    refuse_other_form(global, args)?;
    let Some(format) = args.format.into() else { return page::run(global, args, by) };
    let session = Session::new(global, &args.input)?;
    let mut job = session.job()?;
    let options = summary::Options {
        by,
        sort: args.sort.into(),
        top: args.top,
        numeric: args.input.is_numeric(),
        width: output::width(global),
    };
    let selects = passes::charts_selection(&job);
    if args.interval.is_none() && !by.needs_packets() && !selects {
        let totals = Totals::new(options, job.threads);
        return report::write(global, &session, &mut job, format, totals, |totals, outcome| {
            totals.files.clone_from(&outcome.opened);
        });
    }
    let mut out = output::of_job(global, &job)?;
    let mut counted = Counted::new(args.interval, by);
    let sums = Sums::new(args.interval, by);
    let (way, mut evicted) = ((Options { flows: selects, ..options.needs() }, false, "counting"), false);
    let passes =
        passes::chart(global, &session, &mut job, way, &sums, &mut counted, |knowledge, _, counted| {
            evicted |= knowledge.departed().next().is_some();
            counted.name_hosts(knowledge);
            counted.part();
        })?;
    let (span, (whole, parts)) = (*counted.span(), counted.into_parts());
    let (whole, parts) = (kept(whole), kept(parts));
    let intervals = args.interval.map(|_| &**parts);
    let files = &passes.outcome.opened;
    let scope = Scope { files, span: &span, evicted, registry: &session.registry };
    if !passes.outcome.delivered && out.is_file() {
        return Ok(out.abandon().map(|()| passes.code)?);
    }
    summary::write(&whole, intervals, &scope, &options, format, &mut out)?;
    out.finish()?;
    Ok(passes.code)
}
