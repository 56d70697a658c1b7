//! What the commands share that report on what was learned.

use portolan::{Answers, Job, Report, View, pipeline::Outcome, report::Format};

use super::{End, args::Global, input::Session, kept, output::Output, tell_losses};

/// Learns what a report needs and writes it. `complete` tells the report what was read.
pub(crate) fn write<R: Report>(
    global: &Global,
    session: &Session<'_>,
    job: &mut Job<'_>,
    format: Format,
    mut report: R,
    complete: impl FnOnce(&mut R, &Outcome),
) -> Result<u8, End> {
    let watch = session.watch("learning");
    let learned = job.learn(report.needs(), &watch).map_err(|failure| watch.end(failure))?;
    let (knowledge, outcome) = (kept(learned.0), learned.1);
    let code = watch.code(&outcome)?;
    complete(&mut report, &outcome);
    let registry = &session.registry;
    let answers = if report.needs_answers() {
        Answers::of(&knowledge, registry, false, job.threads)
    } else {
        Answers::default()
    };
    let answers = kept(answers);
    let view = View { knowledge: &knowledge, answers: &answers, registry };
    let mut out = Output::new(None)?;
    report.write(&view, format, &mut out)?;
    out.finish()?;
    tell_losses(global, &knowledge);
    Ok(code)
}
