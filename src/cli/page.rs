//! `summary --format html`, and what pages of other commands share with it.

use portolan::report::summary::Division;

use super::{End, args::Global, exit, message, output::Output, summary::Summary};

#[cfg(not(feature = "html"))]
pub(crate) fn run(_global: &Global, _args: &Summary, _by: Division) -> Result<u8, End> {
    Err(not_built())
}

#[cfg(not(feature = "html"))]
fn not_built() -> End {
    message::error("--format html: this build was made without the feature `html`");
    End::Said(exit::USAGE)
}

/// Refuses a page that would go to a terminal, or that this build does not make.
#[cfg_attr(not(feature = "html"), expect(unused_variables, reason = "no page is made at all"))]
pub(crate) fn refuse(out: &Output) -> Result<(), End> {
    #[cfg(not(feature = "html"))]
    return Err(not_built());
    #[cfg(feature = "html")]
    if out.is_terminal() {
        message::error("standard output is a terminal, which a page is not for: use -o FILE, or a pipe");
        return Err(End::Said(exit::USAGE));
    }
    #[cfg(feature = "html")]
    Ok(())
}

#[cfg(feature = "html")]
pub(crate) fn run(global: &Global, args: &Summary, by: Division) -> Result<u8, End> {
    use portolan::{
        Answers, Job, View,
        report::html::{Page, PageOptions},
    };

    use super::{input::Session, kept, knowledge, output, passes};

    if args.columns.is_some() && !global.is_configured("columns") {
        message::error("--columns chooses columns of tables, JSON and CSV: a page has its own");
        return Err(End::Said(exit::USAGE));
    }
    let wanted = args.chosen.packets()?;
    let places = args.geo.open()?;
    let session = Session::new(global, &args.input)?;
    let mut job = Job { wanted, ..session.job()? };
    passes::refuse_wanted(&session, &job)?;
    let mut out = output::of_job(global, &job)?;
    refuse(&out)?;
    let watch = session.watch("learning");
    // Of knowledge files nothing more is charted, as they hold no packets.
    let mut stored = None;
    if !session.stored.is_empty() {
        stored = Some(knowledge::joined(global, &session, &mut job, &watch, args.interval)?);
    }
    let interval = stored.as_ref().and_then(|(known, _)| known.interval());
    let options = PageOptions {
        by: Some(by),
        sort: args.sort.0,
        turned: args.sort.1,
        top: args.top,
        numeric: args.input.is_numeric(),
        times: args.times.moments(global),
        interval: args.interval.or(interval),
        threads: job.threads,
        separate: job.separate,
        selects: passes::charts_selection(&job),
        command: command(),
        places,
    };
    let registry = &session.registry;
    let mut page = Page::new(options, job.inputs.names());
    let (way, gather) = ((page.needs(), false, "counting"), page.gather());
    let mut gathered = gather.sink();
    let (code, outcome) = if let Some((mut known, outcome)) = stored {
        let answers = Answers::of(&known, registry, false, job.threads);
        gathered.add_known(&View { knowledge: &known, answers: &answers, registry });
        page.add(&mut known, &answers, registry, &mut gathered);
        (exit::worse(session.code.get(), watch.code(&outcome)?), outcome)
    } else {
        let passes = passes::chart(
            global,
            &session,
            &mut job,
            way,
            &gather,
            &mut gathered,
            |knowledge, answers, sink| {
                page.add(knowledge, answers, registry, sink);
            },
        )?;
        (passes.code, passes.outcome)
    };
    page.finish(gathered, &outcome);
    let page = kept(page);
    if !outcome.delivered {
        out.abandon()?;
        return Ok(code);
    }
    page.write(registry, &mut out)?;
    out.finish()?;
    Ok(code)
}

/// The command line, as a shell would take it.
#[cfg(feature = "html")]
pub(crate) fn command() -> String {
    let quoted = |word: std::ffi::OsString| {
        let word = word.to_string_lossy().into_owned();
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./,:=@%+".contains(c);
        let plain = !word.is_empty() && word.chars().all(is_plain);
        if plain { word } else { format!("'{}'", word.replace('\'', r"'\''")) }
    };
    let arguments = super::ARGUMENTS.get().into_iter().flatten().skip(1).cloned().map(quoted);
    std::iter::once("portolan".to_owned()).chain(arguments).collect::<Vec<_>>().join(" ")
}
