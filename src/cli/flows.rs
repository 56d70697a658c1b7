//! `flows`: one record per flow.

use std::{mem, sync::Arc, time::Duration};

use clap::{Args, ValueEnum};
use portolan::{
    Answers, Job, Report as _,
    places::Places,
    report::{
        Format,
        flows::{self, FlowList, FlowStream, Pick, Picked, Screen, schema},
    },
    select::Choice,
    text::time::duration,
};

use super::{
    End,
    args::{Global, Times},
    columns::{Columns, Form},
    exit,
    input::{Input, Session},
    message,
    output::{self, Output},
    passes,
    places::Geo,
    report,
    select::{Rows, Where},
};

#[derive(Args, Debug)]
pub(crate) struct Flows {
    #[command(flatten)]
    pub(crate) input: Input,
    #[command(flatten)]
    pub(crate) chosen: Where,
    #[command(flatten)]
    pub(crate) geo: Geo,
    #[command(flatten)]
    pub(crate) rows: Rows,
    /// Form of the records.
    #[arg(long, value_name = "FORMAT", default_value = "text", help_heading = "Output")]
    pub(crate) format: FlowFormat,
    #[command(flatten)]
    pub(crate) times: Times,
    /// Of an interface, tell flows that last, too, each so often: `60s`.
    ///
    /// Flows of an interface are told as they end: when they are closed, silent for too long, or the run ends. `event.reason` says
    /// which; the last record of a flow counts.
    #[arg(long, value_name = "TIME", value_parser = duration, requires = "interface", conflicts_with_all = ["files", "read"], help_heading = "Output")]
    pub(crate) every: Option<Duration>,
    /// Of an interface, write each line out at once.
    #[arg(short, requires = "interface", conflicts_with_all = ["files", "read"], help_heading = "Output")]
    pub(crate) line_buffered: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum FlowFormat {
    /// A line per flow, for people.
    Text,
    /// A JSON object per line.
    Json,
    /// A CSV row each.
    Csv,
    /// A line of Zeek's conn.log in JSON each.
    Zeek,
    /// A file of Apache Parquet.
    Parquet,
    /// A stream of Apache Arrow (IPC).
    Arrow,
}

impl From<FlowFormat> for Form {
    fn from(format: FlowFormat) -> Self {
        match format {
            FlowFormat::Text => Self::Text(Format::Table),
            FlowFormat::Json | FlowFormat::Zeek => Self::Text(Format::Json),
            FlowFormat::Csv => Self::Text(Format::Csv),
            FlowFormat::Parquet => Self::Columns(Columns::Parquet),
            FlowFormat::Arrow => Self::Columns(Columns::Arrow),
        }
    }
}

/// The form in which flows are told as they end: of an interface, unless something is wanted that only the end can tell.
fn stream_form(args: &Flows, session: &Session<'_>, job: &Job<'_>) -> Option<flows::Form> {
    if session.reads_files() || passes::charts_selection(job) || args.rows.ranks() {
        return None;
    }
    Some(match args.format {
        // A table is as wide as its rows.
        FlowFormat::Text if args.rows.has_columns() => return None,
        FlowFormat::Text => flows::Form::Text(args.times.time.into()),
        FlowFormat::Json => flows::Form::Json,
        FlowFormat::Csv => flows::Form::Csv,
        FlowFormat::Zeek => flows::Form::Zeek,
        FlowFormat::Parquet | FlowFormat::Arrow => return None,
    })
}

/// Tells flows as they end.
fn stream(
    global: &Global,
    session: &Session<'_>,
    job: &mut Job<'_>,
    (args, form, places): (&Flows, flows::Form, Option<Arc<Places>>),
    choice: Choice<flows::Flows>,
) -> Result<u8, End> {
    let mut out = output::of_job(global, job)?;
    let mut stream = FlowStream::new(form, &mut out)
        .choose(choice)
        .every(args.every)
        .locate(places)
        .owned(job.processes.is_some());
    stream = stream.at_once(args.line_buffered).live();
    if matches!(args.format, FlowFormat::Text) && args.input.is_numeric() {
        stream = stream.numeric();
    }
    let way = (FlowStream::<Output>::needs(form), true, "telling");
    let mut ended = Ok(());
    let passes = passes::chart(
        global,
        session,
        job,
        way,
        &flows::Times,
        &mut stream,
        |knowledge, answers, stream| {
            ended = stream.end(knowledge, answers);
        },
    )?;
    ended?;
    out.finish()?;
    Ok(passes.code)
}

pub(crate) fn run(global: &Global, args: &Flows) -> Result<u8, End> {
    let (form, is_zeek) = (Form::from(args.format), matches!(args.format, FlowFormat::Zeek));
    form.check()?;
    let schema = schema();
    let mut choice = args.rows.choice(&args.chosen, &schema, |names| schema.columns(names))?;
    if is_zeek && choice.columns.take().is_some() && !global.is_configured("columns") {
        message::error("--columns does not go with --format zeek, whose fields are Zeek's");
        return Err(End::Said(exit::USAGE));
    }
    let places = args.geo.open()?;
    let session = Session::new(global, &args.input)?;
    let (mut job, mut list) = (session.job()?, FlowList::new(args.times.time.into()));
    list.fit(output::width(global).map(|width| Screen {
        width,
        rounded: output::rounds(global),
        color: global.wants_color(),
        verbose: global.verbose,
    }));
    if matches!(args.format, FlowFormat::Text) {
        args.times.time.tell_unknown_zone(global);
        // Programs get all fields.
        list = if args.input.is_numeric() { list.numeric() } else { list };
    }
    list = if is_zeek { list.zeek() } else { list };
    if let Some(form) = stream_form(args, &session, &job) {
        return stream(global, &session, &mut job, (args, form, places), choice);
    }
    if args.every.is_some() {
        message::error(
            "--every is for flows that are told as they end: without --sort, --top, --from, --to and such forms",
        );
        return Err(End::Said(exit::USAGE));
    }
    list.choose(choice);
    places.into_iter().for_each(|places| list.locate(places));
    if !passes::charts_selection(&job) {
        return report::write(global, &session, &mut job, form, list, |_, _| {});
    }
    if session.base().is_some() {
        message::error(
            "--knowledge does not go with -f, -c, --from and --to in flows: flows have whole counters",
        );
        return Err(End::Said(exit::USAGE));
    }
    let out = output::of_job(global, &job)?;
    form.refuse_terminal(&out)?;
    let (registry, threads) = (&session.registry, job.threads);
    let (way, mut picked) = ((list.needs(), false, "choosing"), Picked::default());
    let passes =
        passes::chart(global, &session, &mut job, way, &Pick, &mut picked, |knowledge, answers, picked| {
            list.pick(mem::take(picked));
            if knowledge.options().causal {
                // A flow is named by all that is known at the end, not only by what was at its last packet.
                list.add(knowledge, &Answers::of(knowledge, registry, false, threads), registry);
            } else {
                list.add(knowledge, answers, registry);
            }
        })?;
    report::print(&session, form, list, &passes.outcome, out)?;
    Ok(passes.code)
}
