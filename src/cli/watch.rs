//! The command's eye on a job: progress, remarks and exit codes.

use std::{
    io::IsTerminal as _,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU8, Ordering},
    },
    time::Instant,
};

use indicatif::{ProgressBar, ProgressFinish, ProgressStyle};
use portolan::{
    Answers, Knowledge, Observer, Registry, View,
    capture::{self, Losses},
    pipeline::{Failure, Outcome},
};

use super::{
    End, exit, message,
    metrics::Metrics,
    signals::{Progress, Wishes},
};

/// Shows what is known so far.
pub(crate) type Show<'s> = dyn Fn(&mut Knowledge, &Registry) + Sync + 's;

/// Watches a job.
pub(crate) struct Watch<'s> {
    /// Set to end the job.
    stop: Option<&'s AtomicBool>,
    /// Set to have the counters told.
    tell: &'s AtomicBool,
    /// What Prometheus asks for.
    metrics: Option<Arc<Metrics>>,
    /// How far the run is.
    progress: &'s Progress,
    /// What is shown beside the counters of a live input.
    show: Option<&'s Show<'s>>,
    /// What the progress bar says, if there shall be one.
    doing: Option<&'static str>,
    /// Whether to leave out remarks.
    quiet: bool,
    /// Whether inputs are read once more.
    again: bool,
    bar: Mutex<Option<ProgressBar>>,
    /// The exit code by what failed so far.
    code: AtomicU8,
    /// What was said so far.
    told: Mutex<Vec<String>>,
    /// What each of several interfaces lost, to be told with all of it.
    each: Mutex<Vec<(String, Losses)>>,
}

impl<'s> Watch<'s> {
    pub(crate) fn new(
        stop: Option<&'s AtomicBool>,
        wishes: &'s Wishes,
        doing: Option<&'static str>,
        quiet: bool,
    ) -> Self {
        let Wishes { tell, progress, .. } = wishes;
        let doing = doing.filter(|_| std::io::stderr().is_terminal());
        Self {
            stop,
            tell,
            metrics: None,
            progress,
            show: None,
            doing,
            quiet,
            again: false,
            bar: Mutex::default(),
            code: AtomicU8::new(exit::GOOD),
            told: Mutex::default(),
            each: Mutex::default(),
        }
    }

    /// The same where more than counters is shown.
    pub(crate) fn showing(self, show: Option<&'s Show<'s>>) -> Self {
        Self { show, ..self }
    }

    /// The same where Prometheus may ask, too.
    pub(crate) fn measured(self, metrics: Option<Arc<Metrics>>) -> Self {
        Self { metrics, ..self }
    }

    /// The same for inputs that `first` watches as they are read before.
    pub(crate) fn again(self) -> Self {
        Self { again: true, ..self }
    }

    /// Takes over what was said while the inputs were read before, so that only what is new is said.
    pub(crate) fn knows(&self, first: &Self) {
        let told = first.told.lock().unwrap_or_else(PoisonError::into_inner).clone();
        *self.told.lock().unwrap_or_else(PoisonError::into_inner) = told;
    }

    /// Says how a job went, and returns its exit code. Where no input could be opened, there is nothing to report on and
    /// the run ends.
    pub(crate) fn code(&self, outcome: &Outcome) -> Result<u8, End> {
        self.hide();
        if !self.quiet && !self.again {
            self.remark(outcome);
        }
        let mut code = self.code.load(Ordering::Relaxed);
        if outcome.stopped {
            code = exit::worse(code, exit::DAMAGED);
        }
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
                Some(losses) => {
                    tell_each(&outcome.losses_of_each);
                    message::line("", format_args!("{name}: {}", counters(outcome.packets, losses)));
                }
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

/// Tells what became of the packets of each of several interfaces.
pub(super) fn tell_each(losses: &[(String, Losses)]) {
    for (name, Losses { received, kernel_dropped, interface_dropped }) in losses {
        message::line(
            "",
            format_args!(
                "{name}: {received} passed the filter; {kernel_dropped} lost in the kernel, {interface_dropped} at the interface"
            ),
        );
    }
}

/// What became of the packets of a live input.
pub(super) fn counters(packets: u64, losses: Losses) -> String {
    let Losses { received, kernel_dropped, interface_dropped } = losses;
    let share = match kernel_dropped {
        0 => String::new(),
        _ => format!(" ({:.1} %)", kernel_dropped as f64 * 100.0 / received.max(kernel_dropped) as f64),
    };
    format!(
        "{packets} packets charted of {received} that passed the filter; {kernel_dropped} lost in the kernel{share}, \
         {interface_dropped} at the interface"
    )
}

impl Observer for Watch<'_> {
    fn opened(&self, _name: &str, size: Option<u64>) {
        self.hide();
        *self.bar.lock().unwrap_or_else(PoisonError::into_inner) = self.bar(size);
    }

    fn read(&self, octets: u64) {
        if super::pager::has_terminal() {
            self.hide();
        } else if self.doing.is_some()
            && let Some(bar) = &*self.bar.lock().unwrap_or_else(PoisonError::into_inner)
        {
            bar.set_position(octets);
        }
    }

    fn wants_counters(&self) -> bool {
        self.tell.load(Ordering::Relaxed) || self.metrics.as_ref().is_some_and(|metrics| metrics.is_asked())
    }

    fn met(&self, packets: u64) {
        if let Some(metrics) = &self.metrics {
            metrics.beat();
        }
        let count = if self.again { &self.progress.charted } else { &self.progress.read };
        count.fetch_add(packets, Ordering::Relaxed);
    }

    fn so_far(&self, known: &mut Knowledge, registry: &Registry) {
        if let Some(show) = self.show.filter(|_| self.tell.load(Ordering::Relaxed)) {
            show(known, registry);
        }
        if let Some(metrics) = self.metrics.as_ref().filter(|metrics| metrics.is_wanted()) {
            let began = Instant::now();
            let answers = Answers::of(known, registry, false, 1);
            metrics.make(&View { knowledge: known, answers: &answers, registry }, began);
        }
    }

    fn learned(&self, view: &View<'_>) {
        if let Some(metrics) = self.metrics.as_ref().filter(|metrics| metrics.is_wanted()) {
            metrics.make(view, Instant::now());
        }
    }

    fn counters_of_each(&self, losses: &[(String, Losses)]) {
        *self.each.lock().unwrap_or_else(PoisonError::into_inner) = losses.to_vec();
    }

    fn counters(&self, packets: u64, losses: Option<Losses>) {
        if let Some(metrics) = &self.metrics {
            metrics.take_losses(losses);
        }
        if !self.tell.swap(false, Ordering::Relaxed) {
            return;
        }
        tell_each(&self.each.lock().unwrap_or_else(PoisonError::into_inner));
        match losses {
            Some(losses) => message::note(counters(packets, losses)),
            None => message::note(format_args!("{packets} packets read so far")),
        }
    }

    fn failed(&self, error: &capture::Error) {
        self.hide();
        let text = error.to_string();
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        // What is met in the second reading was most likely told in the first.
        if !told.contains(&text) {
            message::error(error);
            told.push(text);
        }
        let code = exit::worse(self.code.load(Ordering::Relaxed), exit::of(error));
        self.code.store(code, Ordering::Relaxed);
    }

    fn is_stopped(&self) -> bool {
        self.stop.is_some_and(|stop| stop.load(Ordering::Relaxed))
    }
}
