//! The command's eye on a job: progress, remarks and exit codes.

use std::{
    io::IsTerminal as _,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU8, Ordering},
    },
};

use indicatif::{ProgressBar, ProgressFinish, ProgressStyle};
use portolan::{
    Observer, capture,
    pipeline::{Failure, Outcome},
};

use super::{End, exit, message};

/// Watches a job.
pub(crate) struct Watch<'s> {
    /// Set to end the job.
    stop: Option<&'s AtomicBool>,
    /// What the progress bar says, if there shall be one.
    doing: Option<&'static str>,
    /// Whether to leave out remarks.
    quiet: bool,
    /// Whether inputs are read once more: what is wrong with them was said then.
    again: bool,
    bar: Mutex<Option<ProgressBar>>,
    /// The exit code by what failed so far.
    code: AtomicU8,
}

impl<'s> Watch<'s> {
    pub(crate) fn new(stop: Option<&'s AtomicBool>, doing: Option<&'static str>, quiet: bool) -> Self {
        let doing = doing.filter(|_| std::io::stderr().is_terminal());
        Self { stop, doing, quiet, again: false, bar: Mutex::default(), code: AtomicU8::new(exit::GOOD) }
    }

    /// The same for inputs that were read before.
    pub(crate) fn again(self) -> Self {
        Self { again: true, ..self }
    }

    /// Says how a job went, and returns its exit code. Where no input could be opened, there is nothing to report on and
    /// the run ends.
    pub(crate) fn code(&self, outcome: &Outcome) -> Result<u8, End> {
        self.hide();
        if !self.quiet && !self.again {
            self.remark(outcome);
        }
        let code = self.code.load(Ordering::Relaxed);
        if code != exit::GOOD && outcome.opened.is_empty() { Err(End::Said(code)) } else { Ok(code) }
    }

    fn remark(&self, outcome: &Outcome) {
        if outcome.stopped {
            message::note("interrupted: the results are of what was read until then");
        }
        // Only a live input ends by itself.
        if self.stop.is_none() {
            let name = outcome.opened.first().map(String::as_str).unwrap_or_default();
            match outcome.losses {
                Some(losses) => message::line(
                    "",
                    format_args!(
                        "{name}: {} packets received, {} dropped by the kernel, {} dropped by the interface",
                        losses.received, losses.kernel_dropped, losses.interface_dropped
                    ),
                ),
                None => message::note(format_args!("{name}: how many packets were lost is not known")),
            }
        }
    }

    /// The end of a run whose job ended early; what is wrong with an input was said.
    pub(crate) fn end(&self, failure: Failure) -> End {
        self.hide();
        match failure {
            Failure::Input(_) => End::Said(self.code.load(Ordering::Relaxed)),
            Failure::Output(error) => End::Output(error),
        }
    }

    /// Takes the bar away.
    fn hide(&self) {
        *self.bar.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn bar(&self, size: Option<u64>) -> Option<ProgressBar> {
        /// Files that are read in a blink need no bar.
        const WORTH_SHOWING: u64 = 64 << 20;
        let (doing, size) = self.doing.zip(size.filter(|&size| size >= WORTH_SHOWING))?;
        let template = "{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}";
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::new(size).with_style(style).with_message(doing);
        Some(bar.with_finish(ProgressFinish::AndClear))
    }
}

impl Observer for Watch<'_> {
    fn opened(&self, _name: &str, size: Option<u64>) {
        self.hide();
        *self.bar.lock().unwrap_or_else(PoisonError::into_inner) = self.bar(size);
    }

    fn read(&self, octets: u64) {
        if self.doing.is_some()
            && let Some(bar) = &*self.bar.lock().unwrap_or_else(PoisonError::into_inner)
        {
            bar.set_position(octets);
        }
    }

    fn failed(&self, error: &capture::Error) {
        self.hide();
        // Charting alone filters.
        if !self.again || matches!(error, capture::Error::Filter { .. }) {
            message::error(error);
        }
        let code = exit::worse(self.code.load(Ordering::Relaxed), exit::of(error));
        self.code.store(code, Ordering::Relaxed);
    }

    fn is_stopped(&self) -> bool {
        self.stop.is_some_and(|stop| stop.load(Ordering::Relaxed))
    }
}
