//! What the commands share that report on what was learned.

use portolan::{Job, pipeline::Outcome};

use super::{
    End,
    args::Global,
    columns::{self, Columnar, Form},
    input::Session,
    kept,
    output::{self, Output},
    passes,
    watch::Show,
};

/// Learns what a report needs and writes it. `complete` tells the report what was read.
pub(crate) fn write<R: Columnar>(
    global: &Global,
    session: &Session<'_>,
    job: &mut Job<'_>,
    form: Form,
    report: R,
    complete: impl FnOnce(&mut R, &Outcome),
) -> Result<u8, End> {
    write_showing(global, session, job, form, report, complete, None)
}

/// The same where more than counters is shown on SIGUSR1 of a live input.
pub(crate) fn write_showing<R: Columnar>(
    global: &Global,
    session: &Session<'_>,
    job: &mut Job<'_>,
    form: Form,
    mut report: R,
    complete: impl FnOnce(&mut R, &Outcome),
    show: Option<&Show<'_>>,
) -> Result<u8, End> {
    let out = output::of_job(global, job)?;
    form.refuse_terminal(&out)?;
    let needs = (report.needs(), report.needs_answers());
    let passes = passes::learn(global, session, job, needs, show, |knowledge, answers| {
        report.add(knowledge, answers, &session.registry);
    })?;
    complete(&mut report, &passes.outcome);
    print(session, form, report, &passes.outcome, out)?;
    Ok(passes.code)
}

/// Writes a report; to a file only where there is anything to tell of, so that none of before is lost for nothing.
pub(crate) fn print(
    session: &Session<'_>,
    form: Form,
    report: impl Columnar,
    outcome: &Outcome,
    mut out: Output,
) -> Result<(), End> {
    let report = kept(report);
    if !outcome.delivered && out.is_file() {
        return Ok(out.abandon()?);
    }
    match form {
        Form::Text(format) => report.write(&session.registry, format, &mut out)?,
        Form::Columns(form) => {
            columns::write(&*report, &session.registry, &outcome.opened, form, &mut out)?;
        }
    }
    Ok(out.finish()?)
}
