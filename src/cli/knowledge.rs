//! `learn` and `merge`: knowledge as files; and knowledge files as inputs, or beside them.

use std::{
    mem,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;
use portolan::{
    Job, Knowledge, Registry,
    knowledge::{Options, file},
    pipeline::{Inputs, Outcome},
    text::time::duration,
};

use super::{
    End,
    args::Global,
    exit,
    input::{Input, Session},
    message, output, passes, registry,
    watch::Watch,
};

#[derive(Args, Debug)]
pub(crate) struct Learn {
    #[command(flatten)]
    pub(crate) input: Input,
    /// Keep what was carried in each interval, too, so that `summary --interval` and charts over time need no packets: `60s`.
    #[arg(long, value_name = "TIME", value_parser = duration, help_heading = "Output")]
    pub(crate) interval: Option<Duration>,
}

#[derive(Args, Debug)]
pub(crate) struct Merge {
    /// Knowledge files of stretches of one capture, or of several.
    #[arg(value_name = "FILE", required = true, help_heading = "Input")]
    files: Vec<PathBuf>,
}

fn refuse(reason: &str) -> End {
    message::error(reason);
    End::Said(exit::USAGE)
}

/// Reads a knowledge file.
pub(crate) fn open(path: &Path) -> Result<Knowledge, End> {
    Knowledge::open_whole(path).map_err(|error| {
        message::error(format_args!("{}: {error}", path.display()));
        End::Said(exit::INPUT)
    })
}

/// Writes knowledge to where `-o` says.
fn write(known: &Knowledge, registry: &Registry, mut out: output::Output) -> Result<(), End> {
    if out.is_terminal() {
        return Err(refuse(
            "standard output is a terminal, which knowledge is not for: use -o FILE, or a pipe",
        ));
    }
    known.write(registry.updated(), &mut out)?;
    Ok(out.finish()?)
}

pub(crate) fn learn(global: &Global, args: &Learn) -> Result<u8, End> {
    args.input.refuse_selection("learn", "a knowledge file")?;
    let session = Session::new(global, &args.input)?;
    session.refuse_stored("learn reads captures; portolan merge joins knowledge files")?;
    let mut job = session.job()?;
    // Whatever is merged later is joined in order of time, and so is this.
    job.separate = false;
    job.inputs.sort_by_time();
    let out = output::of_job(global, &job)?;
    if out.is_terminal() {
        return Err(refuse(
            "standard output is a terminal, which knowledge is not for: use -o FILE, or a pipe",
        ));
    }
    let watch = session.watch("learning");
    let (known, outcome) =
        job.learn_part(everything(args.interval), &watch).map_err(|failure| watch.end(failure))?;
    let code = exit::worse(session.code.get(), watch.code(&outcome)?);
    passes::tell_losses(global, &known);
    if !outcome.delivered && out.is_file() {
        return Ok(out.abandon().map(|()| code)?);
    }
    write(&known, &session.registry, out)?;
    mem::forget(known);
    Ok(code)
}

pub(crate) fn merge(global: &Global, args: &Merge) -> Result<u8, End> {
    output::refuse(global, &args.files)?;
    let registry = registry::load(global)?;
    let out = output::open(global, &args.files)?;
    let mut parts = args.files.iter().map(|path| open(path)).collect::<Result<Vec<_>, _>>()?;
    tell_overlaps(global, &mut parts);
    let intervals: Vec<_> = parts.iter().map(Knowledge::interval).collect();
    let all = Knowledge::of_parts(parts, &registry);
    tell_intervals(global, &intervals, all.interval());
    passes::tell_losses(global, &all);
    write(&all, &registry, out)?;
    mem::forget(all);
    Ok(exit::GOOD)
}

/// Says where traffic over time is known less well than before.
fn tell_intervals(global: &Global, parts: &[Option<Duration>], merged: Option<Duration>) {
    if global.quiet || parts.iter().all(|&part| part == merged) {
        return;
    }
    match merged {
        Some(length) => {
            message::note(format_args!("traffic over time is kept in intervals of {length:?} now"));
        }
        None => message::note(format_args!(
            "traffic over time is not kept, as only {} of {} files have it",
            parts.iter().flatten().count(),
            parts.len()
        )),
    }
}

/// Puts parts in order of time, and says where they do not follow each other.
fn tell_overlaps(global: &Global, parts: &mut [Knowledge]) {
    Knowledge::sort(parts);
    let overlap = |pair: &[Knowledge]| {
        let (last, first) = (pair[0].span().last(), pair[1].span().first());
        last.zip(first).is_some_and(|(last, first)| first < last)
    };
    let count = parts.windows(2).filter(|pair| overlap(pair)).count();
    if count > 0 && !global.quiet {
        message::note(format_args!(
            "stretches of time that overlap are merged as if one followed the other: {count}"
        ));
    }
}

/// All that any report asks for, and traffic over time where an interval is given.
fn everything(interval: Option<Duration>) -> Options {
    Options { interval, ..Options::everything() }
}

/// What knowledge files that are given as inputs know together with the captures that are, settled; traffic over time by
/// intervals from which those asked for can be worked out.
pub(crate) fn joined(
    global: &Global,
    session: &Session<'_>,
    job: &mut Job<'_>,
    watch: &Watch<'_>,
    interval: Option<Duration>,
) -> Result<(Knowledge, Outcome), End> {
    let mut parts = session.stored.iter().map(|path| open(path)).collect::<Result<Vec<_>, _>>()?;
    for (path, part) in session.stored.iter().zip(&parts) {
        let known = interval.map_or(Ok(()), |interval| part.check_interval(interval));
        known.map_err(|untold| refuse(&format!("{}: {untold}", path.display())))?;
    }
    let interval = interval.or_else(|| parts.first()?.interval());
    let mut outcome = Outcome { delivered: true, ..Outcome::default() };
    outcome.opened = session.stored.iter().map(|path| path.display().to_string()).collect();
    if matches!(&job.inputs, Inputs::Files(files) if !files.is_empty()) {
        job.separate = false;
        let (part, learned) =
            job.learn_part(everything(interval), watch).map_err(|failure| watch.end(failure))?;
        parts.push(part);
        outcome.add(learned);
    }
    tell_overlaps(global, &mut parts);
    let mut known = Knowledge::whole_of(parts, &session.registry);
    known.settle();
    known.set_hosts(&job.hosts);
    Ok((known, outcome))
}

/// What `--knowledge` knows, to learn on.
pub(crate) fn base(session: &Session<'_>, job: &Job<'_>) -> Result<Option<Knowledge>, End> {
    let Some(path) = session.base() else { return Ok(None) };
    if !job.inputs.can_be_read_twice() {
        return Err(refuse("--knowledge names inputs that can be read twice: give files, not a pipe"));
    }
    if job.separate {
        return Err(refuse(
            "--knowledge is of one capture, and its inputs are pieces of it: files that are separate are not (--together)",
        ));
    }
    Ok(Some(Knowledge::whole_of(vec![open(path)?], &session.registry)))
}

/// Whether a file is one of knowledge.
pub(crate) fn is_stored(path: &Path) -> bool {
    file::is_knowledge(path)
}
