//! `diff`: what one capture has that another has not.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use portolan::{
    Report as _,
    report::{
        Format,
        diff::{COLUMNS, Diff, DiffOptions, THRESHOLD, schema},
    },
    select::numbers,
};

use super::{
    End,
    args::{Global, Times},
    exit,
    input::{Input, Reading, Session},
    kept, message, output,
    passes::{self, Passes},
    select::{Rows, Where},
};

#[derive(Args, Debug)]
pub(crate) struct Difference {
    /// What it was before; `-` is standard input.
    #[arg(value_name = "BEFORE", help_heading = "Input")]
    pub(crate) before: PathBuf,
    /// What it is now.
    #[arg(value_name = "AFTER", help_heading = "Input")]
    pub(crate) after: PathBuf,
    #[command(flatten)]
    pub(crate) reading: Reading,
    /// By how many per cent of what they were octets must have changed to be told.
    ///
    /// Octets are compared as they are: captures of the same length of time tell most.
    #[arg(long, value_name = "PCT", default_value_t = THRESHOLD, help_heading = "Selection")]
    pub(crate) threshold: u64,
    #[command(flatten)]
    pub(crate) chosen: Where,
    #[command(flatten)]
    pub(crate) rows: Rows,
    /// Form of the report.
    #[arg(long, value_name = "FORMAT", default_value = "table", help_heading = "Output")]
    pub(crate) format: DiffFormat,
    #[command(flatten)]
    pub(crate) times: Times,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DiffFormat {
    /// A table for people.
    Table,
    /// One JSON object.
    Json,
    /// A page for a browser, in one file.
    Html,
}

pub(crate) fn run(global: &Global, args: &Difference) -> Result<u8, End> {
    let both = [&args.before, &args.after];
    if both.iter().all(|path| path.as_os_str() == "-") {
        message::error("standard input can be one of the two only");
        return Err(End::Said(exit::USAGE));
    }
    let choice = args.rows.choice(&args.chosen, &schema(), |names| numbers(names, &COLUMNS))?;
    let input = Input::apart(both.map(Clone::clone).to_vec(), args.reading.clone());
    let session = Session::new(global, &input)?;
    let mut job = session.job()?;
    let is_stored = !session.stored.is_empty();
    if !is_stored && job.inputs.names().len() < both.len() {
        return Err(End::Said(session.code.get()));
    }
    let mut out = output::of_job(global, &job)?;
    refuse_page(args, &out)?;
    let mut diff = Diff::new(DiffOptions {
        threshold: args.threshold,
        numeric: input.is_numeric(),
        choice,
        threads: job.threads,
        width: output::width(global),
        times: args.times.moments(global),
    });
    let passes = if is_stored {
        each_alone(global, args, &mut diff)?
    } else {
        passes::learn(global, &session, &mut job, (diff.needs(), true), None, |known, answers| {
            diff.add(known, answers, &session.registry);
        })?
    };
    if passes.outcome.opened.len() < both.len() || passes.outcome.stopped {
        // Of one side alone nothing can be told.
        out.abandon()?;
        return Ok(passes.code);
    }
    diff.files.clone_from(&passes.outcome.opened);
    let differs = !diff.differences().is_empty();
    let diff = kept(diff);
    match args.format {
        DiffFormat::Table => diff.write(&session.registry, Format::Table, &mut out)?,
        DiffFormat::Json => diff.write(&session.registry, Format::Json, &mut out)?,
        #[cfg(feature = "html")]
        DiffFormat::Html => {
            portolan::report::html::differences(&diff, &session.registry, super::page::command(), &mut out)?;
        }
        #[cfg(not(feature = "html"))]
        DiffFormat::Html => {}
    }
    out.finish()?;
    Ok(if differs { exit::worse(passes.code, exit::DIFFERENT) } else { passes.code })
}

/// Takes in both sides, of which one or both are knowledge files.
fn each_alone(global: &Global, args: &Difference, diff: &mut Diff) -> Result<Passes, End> {
    let mut all: Option<Passes> = None;
    for path in [&args.before, &args.after] {
        let input = Input::apart(vec![path.clone()], args.reading.clone());
        let side = Session::new(global, &input)?;
        let mut job = side.job()?;
        let needs = (diff.needs(), true);
        let passes = passes::learn(global, &side, &mut job, needs, None, |known, answers| {
            diff.add(known, answers, &side.registry);
        })?;
        all = Some(match all {
            None => passes,
            Some(mut all) => {
                all.code = exit::worse(all.code, passes.code);
                all.outcome.add(passes.outcome);
                all
            }
        });
    }
    all.ok_or(End::Said(exit::INTERNAL))
}

/// Refuses a page that this build does not make, or that would go to a terminal.
fn refuse_page(args: &Difference, out: &output::Output) -> Result<(), End> {
    if args.format != DiffFormat::Html {
        return Ok(());
    }
    super::page::refuse(out)
}
