//! What the commands share that report on what was learned.

use portolan::{Job, Report, pipeline::Outcome, report::Format};

use super::{
    End,
    args::Global,
    input::Session,
    kept,
    output::{self, Output},
    passes,
    watch::Show,
};

/// Learns what a report needs and writes it. `complete` tells the report what was read.
pub(crate) fn write<R: Report>(
    global: &Global,
    session: &Session<'_>,
    job: &mut Job<'_>,
    format: Format,
    report: R,
    complete: impl FnOnce(&mut R, &Outcome),
) -> Result<u8, End> {
    write_showing(global, session, job, format, report, complete, None)
}

/// The same where more than counters is shown on SIGUSR1 of a live input.
pub(crate) fn write_showing<R: Report>(
    global: &Global,
    session: &Session<'_>,
    job: &mut Job<'_>,
    format: Format,
    mut report: R,
    complete: impl FnOnce(&mut R, &Outcome),
    show: Option<&Show<'_>>,
) -> Result<u8, End> {
    let out = output::of_job(global, job)?;
    let needs = (report.needs(), report.needs_answers());
    let passes = passes::learn(global, session, job, needs, show, |knowledge, answers| {
        report.add(knowledge, answers, &session.registry);
    })?;
    complete(&mut report, &passes.outcome);
    print(session, format, report, &passes.outcome, out)?;
    Ok(passes.code)
}

/// Writes a report; to a file only where there is anything to tell of, so that none of before is lost for nothing.
pub(crate) fn print(
    session: &Session<'_>,
    format: Format,
    report: impl Report,
    outcome: &Outcome,
    mut out: Output,
) -> Result<(), End> {
    let report = kept(report);
    if !outcome.delivered && out.is_file() {
        return Ok(out.abandon()?);
    }
    report.write(&session.registry, format, &mut out)?;
    Ok(out.finish()?)
}
