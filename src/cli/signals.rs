//! What signals ask for: to end in order, to end at once, to say how far a run is.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

#[cfg(unix)]
use super::message;

/// What signals have asked for so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wishes {
    /// To end in order.
    pub(crate) stop: Arc<AtomicBool>,
    /// To tell the counters of a live input, which only its reader knows.
    pub(crate) tell: Arc<AtomicBool>,
    /// To begin the next file of a ring.
    pub(crate) next: Arc<AtomicBool>,
    /// What is told at once of other inputs, whose reader may wait.
    pub(crate) progress: Arc<Progress>,
}

/// How far a run is.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// Whether the input is live.
    pub(crate) is_live: AtomicBool,
    /// Packets read.
    pub(crate) read: AtomicU64,
    /// Packets read once more, to be charted.
    pub(crate) charted: AtomicU64,
}

impl Progress {
    #[cfg(unix)]
    fn tell(&self) {
        let (read, charted) = (self.read.load(Ordering::Relaxed), self.charted.load(Ordering::Relaxed));
        match charted {
            0 => message::note(format_args!("{read} packets read so far")),
            _ => message::note(format_args!("{charted} packets charted so far of {read}")),
        }
    }
}

/// What waits for signals, on a thread that is yet to begin.
#[must_use = "until it begins, signals wait"]
pub(crate) struct Listener(Box<dyn FnOnce() + Send>);

impl Listener {
    /// Begins to wait for signals.
    pub(crate) fn begin(self) {
        (self.0)();
    }
}

/// Makes a file that has grown too large an error of the output, not the end of the process.
pub(crate) fn outlive_large_files() {
    /// Its number in Linux, on most processors.
    #[cfg(target_os = "linux")]
    const SIGXFSZ: i32 = 25;
    #[cfg(target_os = "linux")]
    let _ = signal_hook::flag::register(SIGXFSZ, Arc::default());
}

/// Begins to listen to signals.
#[cfg(unix)]
pub(crate) fn listen() -> (Wishes, Listener) {
    use signal_hook::{
        consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2},
        flag,
        iterator::Signals,
    };
    use std::thread;

    let wishes = Wishes::default();
    let _ = flag::register(SIGUSR2, Arc::clone(&wishes.next));
    let mut endings = vec![SIGINT, SIGTERM, SIGQUIT];
    // nohup(1) has it ignored, and means it.
    if !is_ignored(SIGHUP) {
        endings.push(SIGHUP);
    }
    let (own, all) = (wishes.clone(), endings.iter().copied().chain([SIGUSR1]));
    let signals = Signals::new(all);
    let listener = Listener(Box::new(move || {
        let stop = Arc::clone(&own.stop);
        let listening = signals.and_then(|signals| {
            let listener = thread::Builder::new().name("signals".to_owned());
            listener.spawn(move || obey(signals, &own))
        });
        if listening.is_err() {
            // Without room for a thread or descriptors the run can still be ended.
            for signal in endings {
                let _ = flag::register(signal, Arc::clone(&stop));
            }
        }
    }));
    (wishes, listener)
}

/// Waits for signals as long as the process lives.
#[cfg(unix)]
fn obey(mut signals: signal_hook::iterator::Signals, wishes: &Wishes) {
    use std::{
        process,
        time::{Duration, Instant},
    };

    /// How long further signals say the same as the first: timeout(1) sends one to the process and one to its group,
    /// and wrappers pass on what the terminal has sent to all.
    const SAME: Duration = Duration::from_secs(1);

    let mut first: Option<Instant> = None;
    for signal in signals.forever() {
        match first {
            _ if signal == signal_hook::consts::SIGUSR1 => {
                if wishes.progress.is_live.load(Ordering::Relaxed) {
                    wishes.tell.store(true, Ordering::Relaxed);
                } else {
                    wishes.progress.tell();
                }
            }
            None => {
                first = Some(Instant::now());
                wishes.stop.store(true, Ordering::Relaxed);
            }
            Some(first) if first.elapsed() < SAME => {}
            // Keys of a terminal go to all that run in it, and are meant for what shows pages.
            Some(_) if signal == signal_hook::consts::SIGINT && super::pager::has_terminal() => {}
            Some(_) => {
                super::output::discard();
                super::top::leave();
                #[allow(clippy::exit, reason = "the work that is at hand may not come to its end")]
                process::exit(128 + signal);
            }
        }
    }
}

/// Whether whoever started this process had it ignore a signal.
#[cfg(unix)]
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

/// Begins to listen to signals.
#[cfg(not(unix))]
pub(crate) fn listen() -> (Wishes, Listener) {
    let wishes = Wishes::default();
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        let _ =
            signal_hook::flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&wishes.stop));
        let _ = signal_hook::flag::register(signal, Arc::clone(&wishes.stop));
    }
    (wishes, Listener(Box::new(|| ())))
}
