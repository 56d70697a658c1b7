//! `discover`: what hosts advertise over DNS-SD.

use std::io::Write as _;

use clap::Args;
use portolan::{
    Job, Report as _,
    report::{
        Format,
        discover::{COLUMNS, DiscoverOptions, Discovery, EventStream, schema},
    },
    select::numbers,
    sink::Unseen,
};

use super::{
    End,
    args::{Global, RowFormat, Times},
    columns::Form,
    exit,
    input::{Input, Session},
    message,
    output::{self, Output},
    passes, report,
    select::{Rows, Where},
};

#[derive(Args, Debug)]
pub(crate) struct Discover {
    #[command(flatten)]
    pub(crate) input: Input,
    #[command(flatten)]
    pub(crate) chosen: Where,
    #[command(flatten)]
    pub(crate) rows: Rows,
    /// Form of the report.
    #[arg(long, value_name = "FORMAT", default_value = "table", help_heading = "Output")]
    pub(crate) format: RowFormat,
    #[command(flatten)]
    pub(crate) times: Times,
    /// Show the life line: probes, announcements, updates, goodbyes, expiries, conflicts, renames.
    #[arg(long, help_heading = "Output")]
    pub(crate) events: bool,
    /// Show TXT pairs on a terminal, too.
    #[arg(long, help_heading = "Output")]
    pub(crate) txt: bool,
    /// Show who asks for what, and what stays unanswered.
    #[arg(long, help_heading = "Output")]
    pub(crate) queries: bool,
    /// Only this service type: `_ipp._tcp`.
    #[arg(long = "type", value_name = "TYPE", help_heading = "Output")]
    pub(crate) kind: Option<String>,
    /// Only services of this host, by name or address.
    #[arg(long, value_name = "HOST", help_heading = "Output")]
    pub(crate) host: Option<String>,
    /// Of an interface, write each line out at once.
    #[arg(short, requires = "interface", conflicts_with_all = ["files", "read"], help_heading = "Output")]
    pub(crate) line_buffered: bool,
}

pub(crate) fn run(global: &Global, args: &Discover) -> Result<u8, End> {
    let form = Form::from(args.format);
    form.check()?;
    args.input.refuse_selection("discover", "what hosts advertise")?;
    let mut choice = args.rows.choice(&args.chosen, &schema(), |names| numbers(names, &COLUMNS))?;
    let is_flat = !matches!(args.format, RowFormat::Table | RowFormat::Json);
    let has_others = is_flat && (args.events || args.queries);
    if has_others && choice.columns.take().is_some() && !global.is_configured("columns") {
        message::error(
            "--columns chooses fields of instances, and --events and --queries write others in CSV, Parquet and Arrow",
        );
        return Err(End::Said(exit::USAGE));
    }
    let session = Session::new(global, &args.input)?;
    session.refuse_base("discover")?;
    let mut job = session.job()?;
    let options = DiscoverOptions {
        events: args.events,
        queries: args.queries,
        txt: args.txt,
        types: args.kind.iter().cloned().collect(),
        hosts: args.host.iter().cloned().collect(),
        choice,
        width: output::width(global),
        times: args.times.moments(global),
    };
    // Of an interface, events are told as they come; what is an object, or has rows of instances, at the end.
    let streams = match form {
        Form::Text(Format::Table) => true,
        Form::Text(_) => args.events,
        Form::Columns(_) => false,
    };
    if let Form::Text(format) = form
        && streams
        && !session.reads_files()
    {
        return stream(global, &session, &mut job, (options, format), args.line_buffered);
    }
    let discovery = Discovery::new(options, job.inputs.names());
    report::write(global, &session, &mut job, form, discovery, |_, _| {})
}

/// Tells events as they come, and people the instances behind them.
fn stream(
    global: &Global,
    session: &Session<'_>,
    job: &mut Job<'_>,
    (options, format): (DiscoverOptions, Format),
    at_once: bool,
) -> Result<u8, End> {
    let (names, registry) = (job.inputs.names(), &session.registry);
    let mut out = output::of_job(global, job)?;
    let mut stream = EventStream::new(options.clone(), names.clone(), format, &mut out).at_once(at_once);
    let way = (EventStream::<Output>::needs(), true, "listening");
    let (mut ended, mut discovery) =
        (Ok(()), Discovery::new(DiscoverOptions { events: false, ..options }, names));
    let passes =
        passes::chart(global, session, job, way, &Unseen, &mut stream, |knowledge, answers, stream| {
            knowledge.settle();
            ended = stream.end(knowledge, registry);
            discovery.add(knowledge, answers, registry);
        })?;
    ended?;
    if format == Format::Table {
        writeln!(out)?;
        discovery.write(registry, format, &mut out)?;
    }
    out.finish()?;
    Ok(passes.code)
}
