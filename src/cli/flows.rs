//! `flows`: one record per flow.

use std::mem;

use clap::{Args, ValueEnum};
use portolan::{
    Answers, Report as _,
    report::{
        Format,
        flows::{FlowList, Pick, Picked, Screen, schema},
    },
};

use super::{
    End,
    args::{Global, Times},
    columns::{Columns, Form},
    exit,
    input::{Input, Session},
    message, output, passes, report,
    select::{Rows, Where},
};

#[derive(Args, Debug)]
pub(crate) struct Flows {
    #[command(flatten)]
    pub(crate) input: Input,
    #[command(flatten)]
    pub(crate) chosen: Where,
    #[command(flatten)]
    pub(crate) rows: Rows,
    /// Form of the records.
    #[arg(long, value_name = "FORMAT", default_value = "text", help_heading = "Output")]
    pub(crate) format: FlowFormat,
    #[command(flatten)]
    pub(crate) times: Times,
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

pub(crate) fn run(global: &Global, args: &Flows) -> Result<u8, End> {
    let (form, is_zeek) = (Form::from(args.format), matches!(args.format, FlowFormat::Zeek));
    form.check()?;
    let schema = schema();
    let mut choice = args.rows.choice(&args.chosen, &schema, |names| schema.columns(names))?;
    if is_zeek && choice.columns.take().is_some() && !global.is_configured("columns") {
        message::error("--columns does not go with --format zeek, whose fields are Zeek's");
        return Err(End::Said(exit::USAGE));
    }
    let session = Session::new(global, &args.input)?;
    let (mut job, mut list) = (session.job()?, FlowList::new(args.times.time.into()));
    list.choose(choice);
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
