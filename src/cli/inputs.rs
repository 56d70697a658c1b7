//! The inputs of a run: files in turn, or one live interface.

use std::{
    cell::RefCell,
    io::{IsTerminal, Write},
    mem::ManuallyDrop,
    path::PathBuf,
    sync::Arc,
};

use indicatif::{ProgressBar, ProgressStyle};
use portolan::{
    capture::{self, FileSource, Filter, Live, Source},
    knowledge::{self, Answers, Knowledge},
    packet::Interface,
    pipeline::{Failure, Selection},
    record::Charter,
    report::summary::Intervals,
    savefile::FileFormat,
    sink::{Sink, Step},
};

use super::{
    End, Session,
    args::{Global, Input},
    exit, kept,
    output::Output,
};
use crate::cli::message;

/// What is read.
pub(crate) struct Inputs {
    from: From,
    filter: Option<String>,
    count: Option<u64>,
    progress: bool,
    quiet: bool,
    /// Answers of the files that could be opened.
    opened: RefCell<Vec<String>>,
}

enum From {
    Files(Vec<PathBuf>),
    Live { interface: String, options: capture::LiveOptions },
}

impl Inputs {
    /// Finds the files, and checks the filter before anything is read.
    pub(crate) fn open(global: &Global, input: &Input, session: &Session) -> Result<Self, End> {
        let from = match &input.interface {
            Some(interface) => From::Live {
                interface: interface.clone(),
                options: input.live_options(Arc::clone(&session.stop)),
            },
            None => {
                let found = capture::expand(&input.paths(), input.recursive)?;
                if found.skipped > 0 && !global.quiet {
                    message::note(format_args!("files left out that are no captures: {}", found.skipped));
                }
                From::Files(found.files)
            }
        };
        if let Some(filter) = &input.filter {
            Filter::new(filter)?;
        }
        let progress = !global.no_progress && !global.quiet && std::io::stderr().is_terminal();
        let opened = RefCell::default();
        Ok(Self {
            from,
            filter: input.filter.clone(),
            count: input.count,
            progress,
            quiet: global.quiet,
            opened,
        })
    }

    /// What was read: the names for the report.
    pub(crate) fn read(&self) -> Vec<String> {
        match &self.from {
            From::Files(_) => self.opened.borrow().clone(),
            From::Live { interface, .. } => vec![interface.clone()],
        }
    }

    /// Answers of all inputs, in the order of their numbers.
    pub(crate) fn names(&self) -> Vec<String> {
        match &self.from {
            From::Files(files) => files.iter().map(|file| file.display().to_string()).collect(),
            From::Live { interface, .. } => vec![interface.clone()],
        }
    }

    pub(crate) fn are_files(&self) -> bool {
        matches!(self.from, From::Files(_))
    }

    /// Whether everything can be read twice. What cannot be opened is no obstacle: it is reported when its turn comes.
    pub(crate) fn are_rewindable(&self) -> bool {
        match &self.from {
            From::Files(files) => files.iter().all(|file| {
                file.as_os_str() != "-" && std::fs::metadata(file).map_or(true, |metadata| metadata.is_file())
            }),
            From::Live { .. } => false,
        }
    }

    /// Records carry the file's name where there are several.
    fn label<'f>(&self, name: &'f str) -> Option<&'f str> {
        matches!(&self.from, From::Files(files) if files.len() > 1).then_some(name)
    }

    fn selection(&self, live: bool) -> Result<Selection, End> {
        // A live filter works in the kernel.
        let filter = self.filter.as_deref().filter(|_| !live).map(Filter::new).transpose()?;
        Ok(Selection::new(filter, self.count))
    }

    /// Learns everything.
    pub(crate) fn learn(
        &self,
        session: &Session,
        options: knowledge::Options,
    ) -> Result<(ManuallyDrop<Knowledge>, u8), End> {
        let mut knowledge = Knowledge::whole(options);
        let mut code = exit::GOOD;
        match &self.from {
            From::Files(_) => {
                let mut selection = self.selection(false)?;
                code = self.each_file(session, "learning", |number, source, progress| {
                    let run = session.run(progress);
                    run.learn_file(source, number, &mut selection, &mut knowledge, options)
                        .map_err(Failure::Input)?;
                    Ok(selection.is_over())
                })?;
            }
            From::Live { interface, options } => {
                let mut live = self.capture(interface, options)?;
                let selection = &mut self.selection(true)?;
                let learned = session.live_run().learn(&mut live, 0, selection, &mut knowledge);
                code = code.max(said(learned.map_err(Failure::Input))?);
                self.report_losses(&mut live);
            }
        }
        knowledge.settle();
        Ok((kept(knowledge), code))
    }

    /// Charts every file into the sink, with all that was learned.
    pub(crate) fn chart(
        &self,
        session: &Session,
        charter: &Charter<'_>,
        sink: &mut impl Sink,
        out: &mut Output,
    ) -> Result<u8, End> {
        let mut selection = self.selection(false)?;
        self.each_file_quietly(session, |number, source, name, progress| {
            let run = session.run(progress);
            let charter = charter.of_file(number);
            run.chart_file(source, self.label(name), &mut selection, &charter, sink, out)?;
            Ok(selection.is_over())
        })
    }

    /// Learns and charts packet by packet.
    pub(crate) fn causal(
        &self,
        session: &Session,
        knowledge: &mut Knowledge,
        names: &mut Answers,
        sink: &mut impl Sink,
        out: &mut Output,
        at_once: bool,
    ) -> Result<u8, End> {
        let out = RefCell::new(out);
        let mut buffer = Vec::new();
        let mut head = Vec::new();
        sink.begin(&mut head);
        let sink = RefCell::new(sink);
        let visit = |step: Step<'_>| {
            buffer.clear();
            sink.borrow_mut().step(step, &mut buffer);
            let mut out = out.borrow_mut();
            out.write_all(&buffer)?;
            if at_once { out.flush() } else { Ok(()) }
        };
        let begin = |form, interfaces: &[Interface]| {
            // Nothing is written before an input is open.
            let mut head = std::mem::take(&mut head);
            sink.borrow_mut().file(form, interfaces, &mut head);
            out.borrow_mut().write_all(&head)
        };
        let flush = || out.borrow_mut().flush();
        let to_end = sink.borrow().keeps_blocks();
        let code = self.follow(session, "annotating", knowledge, names, to_end, begin, visit, flush)?;
        let mut tail = Vec::new();
        sink.borrow_mut().end(knowledge, &mut tail);
        out.borrow_mut().write_all(&tail)?;
        Ok(code)
    }

    /// Adds up packet by packet, for reports that flows cannot tell.
    pub(crate) fn count(
        &self,
        session: &Session,
        sums: &mut Intervals,
    ) -> Result<(ManuallyDrop<Knowledge>, u8), End> {
        if self.are_rewindable() {
            let (knowledge, code) = self.learn(session, knowledge::Options::default())?;
            let names = Answers::of(&knowledge, &session.registry, false, session.threads);
            let charter = Charter::new(&knowledge, &names);
            let mut selection = self.selection(false)?;
            let again = self.each_file_quietly(session, |_, source, name, progress| {
                let run = session.run(progress);
                let file = self.label(name);
                run.chart(source, file, &mut selection, &charter, false, |step| count(sums, step))?;
                Ok(selection.is_over())
            })?;
            return Ok((knowledge, code.max(again)));
        }
        let options = knowledge::Options { causal: true, ..knowledge::Options::default() };
        let mut knowledge = Knowledge::whole(options);
        let mut names = Answers::new(false);
        let visit = |step: Step<'_>| count(sums, step);
        let begin = |_, _: &[Interface]| Ok(());
        let code =
            self.follow(session, "learning", &mut knowledge, &mut names, false, begin, visit, || Ok(()))?;
        Ok((kept(knowledge), code))
    }

    /// Learns packet by packet and calls `begin` with each input, `visit` with what it holds and `flush` after each
    /// batch. `to_end` reads a file to its end where no further packet is asked for; what comes by a pipe or live may
    /// never end.
    #[expect(clippy::too_many_arguments, reason = "input, state and output of one loop")]
    fn follow(
        &self,
        session: &Session,
        doing: &'static str,
        knowledge: &mut Knowledge,
        names: &mut Answers,
        to_end: bool,
        mut begin: impl FnMut(Option<FileFormat>, &[Interface]) -> std::io::Result<()>,
        mut visit: impl FnMut(Step<'_>) -> std::io::Result<()>,
        mut flush: impl FnMut() -> std::io::Result<()>,
    ) -> Result<u8, End> {
        match &self.from {
            From::Files(_) => {
                let mut selection = self.selection(false)?;
                self.each_file_named(session, doing, |number, source, name, progress| {
                    let file = (number, self.label(name));
                    begin(Some(source.format()), source.interfaces())?;
                    let run = session.run(progress);
                    let to_end = to_end && source.size().is_some();
                    run.causal_file(
                        source,
                        file,
                        &mut selection,
                        knowledge,
                        names,
                        to_end,
                        &mut visit,
                        &mut flush,
                    )?;
                    Ok(selection.is_over())
                })
            }
            From::Live { interface, options } => {
                let mut live = self.capture(interface, options)?;
                let run = session.live_run();
                let mut selection = self.selection(true)?;
                begin(None, live.interfaces())?;
                let done =
                    run.causal(&mut live, (0, None), &mut selection, knowledge, names, false, visit, flush);
                self.report_losses(&mut live);
                said(done)
            }
        }
    }

    fn each_file(
        &self,
        session: &Session,
        doing: &'static str,
        mut read: impl FnMut(u32, &mut FileSource, &(dyn Fn(u64) + Sync)) -> Result<bool, Failure>,
    ) -> Result<u8, End> {
        self.each_file_named(session, doing, |number, source, _, progress| read(number, source, progress))
    }

    /// Opens each file in turn and reads it; what cannot be read is reported, and the next one is tried.
    ///
    /// Where none can be opened, there is nothing to report on and the run ends.
    fn each_file_named(
        &self,
        session: &Session,
        doing: &'static str,
        read: impl FnMut(u32, &mut FileSource, &str, &(dyn Fn(u64) + Sync)) -> Result<bool, Failure>,
    ) -> Result<u8, End> {
        self.read_files(session, doing, true, read)
    }

    /// The same for files that were read before: what is wrong with them was said then.
    fn each_file_quietly(
        &self,
        session: &Session,
        read: impl FnMut(u32, &mut FileSource, &str, &(dyn Fn(u64) + Sync)) -> Result<bool, Failure>,
    ) -> Result<u8, End> {
        self.read_files(session, "annotating", false, read)
    }

    fn read_files(
        &self,
        session: &Session,
        doing: &'static str,
        say: bool,
        mut read: impl FnMut(u32, &mut FileSource, &str, &(dyn Fn(u64) + Sync)) -> Result<bool, Failure>,
    ) -> Result<u8, End> {
        let From::Files(files) = &self.from else { return Ok(exit::GOOD) };
        let mut code = exit::GOOD;
        for (number, file) in files.iter().enumerate() {
            if session.is_stopped() {
                break;
            }
            let result = capture::open(file).map_err(Failure::Input).and_then(|mut source| {
                if say {
                    self.opened.borrow_mut().push(file.display().to_string());
                }
                let bar = self.bar(source.size(), doing);
                let progress = |consumed| {
                    if let Some(bar) = &bar {
                        bar.set_position(consumed);
                    }
                };
                let result = read(number as u32, &mut source, &file.display().to_string(), &progress);
                if let Some(bar) = bar {
                    bar.finish_and_clear();
                }
                result
            });
            match result {
                Ok(true) => break,
                Ok(false) => {}
                Err(Failure::Input(error)) => {
                    if say {
                        message::error(&error);
                    }
                    code = worse(code, exit::of(&error));
                    if matches!(error, capture::Error::Filter { .. }) {
                        return Err(End::Said(code));
                    }
                }
                Err(Failure::Output(error)) => return Err(error.into()),
            }
        }
        if say && !self.quiet && session.is_stopped() {
            message::note("interrupted: the results are of what was read until then");
        }
        if code != exit::GOOD && self.opened.borrow().is_empty() {
            return Err(End::Said(code));
        }
        Ok(code)
    }

    fn bar(&self, size: Option<u64>, doing: &'static str) -> Option<ProgressBar> {
        /// Files that are read in a blink need no bar.
        const WORTH_SHOWING: u64 = 64 << 20;
        let size = size.filter(|&size| self.progress && size >= WORTH_SHOWING)?;
        let template = "{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}";
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        Some(ProgressBar::new(size).with_style(style).with_message(doing))
    }

    /// Begins to capture, and says so: whoever starts something to be captured can wait for it.
    fn capture(&self, interface: &str, options: &capture::LiveOptions) -> Result<Live, End> {
        let live = Live::open(interface, options)?;
        if !self.quiet {
            let link = live.interfaces().first().map(|interface| interface.link.to_string());
            message::line("", format_args!("capturing on {} ({})", live.name(), link.unwrap_or_default()));
        }
        Ok(live)
    }

    fn report_losses(&self, live: &mut Live) {
        if self.quiet {
            return;
        }
        match live.statistics() {
            Ok(seen) => message::line(
                "",
                format_args!(
                    "{}: {} packets received, {} dropped by the kernel, {} dropped by the interface",
                    live.name(),
                    seen.received,
                    seen.kernel_dropped,
                    seen.interface_dropped
                ),
            ),
            Err(error) => message::error(error),
        }
    }
}

fn count(sums: &mut Intervals, step: Step<'_>) -> std::io::Result<()> {
    if let Step::Packet(record) = step {
        sums.count(record);
    }
    Ok(())
}

/// An input that cannot be opened weighs more than one that is damaged.
fn worse(a: u8, b: u8) -> u8 {
    if a == exit::INPUT || b == exit::INPUT { exit::INPUT } else { a.max(b) }
}

/// Prints an input's error; passes on an output's.
fn said(result: Result<(), Failure>) -> Result<u8, End> {
    match result {
        Ok(()) => Ok(exit::GOOD),
        Err(Failure::Input(error)) => {
            message::error(&error);
            Ok(exit::of(&error))
        }
        Err(Failure::Output(error)) => Err(error.into()),
    }
}
