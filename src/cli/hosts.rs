//! `hosts`: one record per host.

use std::{path::PathBuf, time::Duration};

use clap::Args;
use portolan::{
    Job,
    hosts::Oui,
    report::{
        Format,
        hosts::{COLUMNS, HostList, HostStream, HostsOptions, schema},
    },
    select::numbers,
    sink::Unseen,
    text::time::duration,
};

use super::{
    End,
    args::{Global, RowFormat, Times},
    columns::Form,
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
pub(crate) struct Hosts {
    #[command(flatten)]
    pub(crate) input: Input,
    #[command(flatten)]
    pub(crate) chosen: Where,
    #[command(flatten)]
    pub(crate) geo: Geo,
    #[command(flatten)]
    pub(crate) rows: Rows,
    /// Form of the report.
    #[arg(long, value_name = "FORMAT", default_value = "table", help_heading = "Output")]
    pub(crate) format: RowFormat,
    #[command(flatten)]
    pub(crate) times: Times,
    /// Tell who made network adapters by this file: IEEE's registry of MAC prefixes as CSV.
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) oui: Option<PathBuf>,
    /// Of an interface, look so often and tell hosts that are new, or of which more is known: `10s`. Else all are told at the
    /// end.
    #[arg(long, value_name = "TIME", value_parser = duration, requires = "interface", conflicts_with_all = ["files", "read"], help_heading = "Output")]
    pub(crate) every: Option<Duration>,
    /// Of an interface, write each line out at once.
    #[arg(short, requires = "every", help_heading = "Output")]
    pub(crate) line_buffered: bool,
}

pub(crate) fn run(global: &Global, args: &Hosts) -> Result<u8, End> {
    let form = Form::from(args.format);
    form.check()?;
    args.input.refuse_selection("hosts", "what hosts are")?;
    let oui = args.oui.as_deref().map(Oui::read).transpose().map_err(|error| {
        message::error(error);
        End::Said(exit::INPUT)
    })?;
    let choice = args.rows.choice(&args.chosen, &schema(), |names| numbers(names, &COLUMNS))?;
    let places = args.geo.open()?;
    let session = Session::new(global, &args.input)?;
    session.refuse_base("hosts")?;
    let mut job = session.job()?;
    output::refuse(global, &args.oui)?;
    let options = HostsOptions {
        numeric: args.input.is_numeric(),
        oui,
        places,
        processes: job.processes.is_some(),
        choice,
        width: output::width(global),
        times: args.times.moments(global),
        rounded: output::rounds(global),
    };
    match (args.every, form) {
        (Some(every), Form::Text(format)) if !args.rows.ranks() => {
            return stream(global, &session, &mut job, (options, format), (every, args.line_buffered));
        }
        (Some(_), _) => {
            message::error(
                "--every is for hosts that are told as they come: without --sort, --top, and forms of columns",
            );
            return Err(End::Said(exit::USAGE));
        }
        (None, _) => {}
    }
    report::write(global, &session, &mut job, form, HostList::new(options), |_, _| {})
}

/// Tells hosts that are new, or of which more is known.
fn stream(
    global: &Global,
    session: &Session<'_>,
    job: &mut Job<'_>,
    (options, format): (HostsOptions, Format),
    (every, at_once): (Duration, bool),
) -> Result<u8, End> {
    let mut out = output::of_job(global, job)?;
    let mut stream = HostStream::new(options, format, every, &mut out).at_once(at_once);
    let way = (HostStream::<Output>::needs(), true, "listening");
    let mut ended = Ok(());
    let passes =
        passes::chart(global, session, job, way, &Unseen, &mut stream, |knowledge, answers, stream| {
            ended = stream.end(knowledge, answers);
        })?;
    ended?;
    out.finish()?;
    Ok(passes.code)
}
