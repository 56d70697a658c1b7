//! The eye on a job that learns: takes a picture now and then, and hands it over without waiting.

use std::{
    array,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant, SystemTime},
};

use portolan::{
    Observer, View,
    capture::{self, Backlog, Clock, Losses},
    flow::Key,
    packet::Timestamp,
    report::top::{Chosen, Followed, Lost, Rows, Topic},
};

use super::history::Picture;
use crate::cli::{exit, metrics::Metrics};

/// Capture time between two pictures, in ns.
const INTERVAL: u64 = 1_000_000_000;
/// After a picture, learning goes on for so many times as long as that took: no more than an eleventh of the time is
/// spent on pictures.
const REST: u32 = 10;
/// How often a flow that is looked at is asked for after the end.
const NAP: Duration = Duration::from_millis(50);
/// Where a picture takes longer, only what is on the screen is worked out anew.
const LONG: Duration = Duration::from_millis(50);

/// Watches a job.
pub(super) struct Teller<'t> {
    /// The clock of a replay; ours for an interface.
    pub(super) clock: Option<Arc<Clock>>,
    /// The number of the topic on the screen.
    pub(super) shown: &'t AtomicUsize,
    /// The flow that is looked at on the screen.
    pub(super) looked_at: Mutex<Option<Key>>,
    /// What waits to be learned, where a thread of its own reads.
    pub(super) backlog: Option<Arc<Backlog>>,
    /// What Prometheus asks for.
    pub(super) metrics: Option<Arc<Metrics>>,
    /// The packets that are counted.
    pub(super) chosen: Chosen<'t>,
    /// Set to end the job.
    pub(super) stop: &'t AtomicBool,
    /// Takes a picture at once.
    pub(super) put: &'t (dyn Fn(Arc<Picture>) + Sync),
    /// Whether learning has to go on between pictures, however many are due and whatever they take.
    pub(super) rests: bool,
    last: Mutex<Last>,
    /// Whether to ask what was lost.
    asks: AtomicBool,
    /// What is to be told at the end.
    said: Mutex<Vec<String>>,
    pub(super) code: AtomicU8,
}

/// The last picture, and what it took.
#[derive(Default)]
struct Last {
    picture: Option<Arc<Picture>>,
    took: Duration,
    rest_until: Option<Instant>,
    losses: Option<Losses>,
}

/// Whether a picture is due, so long after the last one; all in ns. Nobody waits for a clock that was set back to come that far again.
fn is_due(last: Option<u64>, now: u64, interval: u64) -> bool {
    last.is_none_or(|last| now >= last.saturating_add(interval) || is_set_back(last, now))
}

fn is_set_back(last: u64, now: u64) -> bool {
    now.saturating_add(Timestamp::SET_BACK) < last
}

impl<'t> Teller<'t> {
    pub(super) fn new(
        clock: Option<Arc<Clock>>,
        chosen: Chosen<'t>,
        shown: &'t AtomicUsize,
        stop: &'t AtomicBool,
        put: &'t (dyn Fn(Arc<Picture>) + Sync),
    ) -> Self {
        Self {
            clock,
            shown,
            looked_at: Mutex::default(),
            backlog: None,
            metrics: None,
            chosen,
            stop,
            put,
            rests: true,
            last: Mutex::default(),
            asks: AtomicBool::new(true),
            said: Mutex::default(),
            code: AtomicU8::new(exit::GOOD),
        }
    }

    /// What time it is, in ns; `None` before a replay begins.
    fn now(&self) -> Option<u64> {
        match &self.clock {
            Some(clock) => Some(clock.time()).filter(|&time| time > 0),
            None => {
                let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
                Some(since.map_or(0, |since| since.as_nanos() as u64))
            }
        }
    }

    /// What went wrong so far.
    pub(super) fn said(&self) -> MutexGuard<'_, Vec<String>> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the last picture, with what was lost in all.
    pub(super) fn end(&self, view: &View<'_>, losses: Option<Losses>) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.losses = losses.or(last.losses);
        last.took = Duration::ZERO;
        if self.stop.load(Ordering::Relaxed) {
            // Nobody looks any more.
            return;
        }
        let before = last.picture.as_ref().map_or(0, |picture| picture.time);
        // A replay ends with its last packet, which the clock has not passed.
        let end = view.knowledge.span().last().map(|time| time.0).filter(|_| self.clock.is_some());
        let time = end.or_else(|| self.now()).unwrap_or_default();
        let time = if is_set_back(before, time) { time } else { time.max(before + 1) };
        self.take(&mut last, view, time, true);
    }

    fn take(&self, last: &mut Last, view: &View<'_>, time: u64, is_last: bool) {
        let began = Instant::now();
        let picture = self.chosen.view(view, |chosen| self.picture(last, (view, chosen), time, is_last));
        let picture = Arc::new(picture);
        last.picture = Some(Arc::clone(&picture));
        last.took = began.elapsed();
        last.rest_until = self.rests.then(|| Instant::now() + last.took * REST);
        self.asks.store(true, Ordering::Relaxed);
        (self.put)(picture);
    }

    /// A picture of the packets that are chosen, of all that is known.
    fn picture(
        &self,
        last: &Last,
        (whole, chosen): (&View<'_>, &View<'_>),
        time: u64,
        is_last: bool,
    ) -> Picture {
        let shown = self.shown.load(Ordering::Relaxed);
        let waiting = self.backlog.as_ref().map(|backlog| (backlog.waiting(), backlog.highest()));
        let lost = Lost { input: last.losses, waiting };
        let before = last.picture.as_deref();
        let rows = array::from_fn(|number| {
            let topic = Topic::ALL[number];
            let known = before.map(|before| &before.rows[number]);
            match known {
                Some(known)
                    if self.rests && last.took > LONG && number != shown && topic != Topic::Limits =>
                {
                    Arc::clone(known)
                }
                _ => {
                    // What found no room is lost to all.
                    let view = if topic == Topic::Limits { whole } else { chosen };
                    Arc::new(Rows::of(topic, view, &lost, time, known.map(|known| &**known)))
                }
            }
        });
        let span = chosen.knowledge.span();
        let (packets, octets, losses) = (span.packets, span.octets, last.losses);
        Picture { time, packets, octets, losses, rows, followed: self.look((whole, chosen)), is_last }
    }
}

impl Teller<'_> {
    /// What is known of the flow that is looked at.
    fn look(&self, (whole, chosen): (&View<'_>, &View<'_>)) -> Option<(Key, Arc<Followed>)> {
        let key = *self.looked_at.lock().unwrap_or_else(PoisonError::into_inner);
        key.map(|key| (key, Arc::new(Followed::of(&key, whole, chosen))))
    }

    /// Puts the last picture once more, with the flow that is looked at, if that is another one.
    fn look_again(&self, last: &mut Last, view: &View<'_>) {
        let key = *self.looked_at.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(picture) = last.picture.as_ref() else { return };
        if key.is_none() || picture.followed.as_ref().map(|(known, _)| *known) == key {
            return;
        }
        let followed = self.chosen.view(view, |chosen| self.look((view, chosen)));
        let picture = Arc::new(Picture { followed, ..Picture::clone(picture) });
        last.picture = Some(Arc::clone(&picture));
        (self.put)(picture);
    }

    /// Answers what is looked at after the end, until the user has seen enough.
    pub(super) fn serve(&self, view: &View<'_>) {
        while !self.stop.load(Ordering::Relaxed) {
            self.look_again(&mut self.last.lock().unwrap_or_else(PoisonError::into_inner), view);
            thread::sleep(NAP);
        }
    }
}

impl Observer for Teller<'_> {
    fn learned(&self, view: &View<'_>) {
        if let Some(metrics) = &self.metrics {
            metrics.beat();
            if metrics.is_wanted() {
                metrics.make(view, Instant::now());
            }
        }
        let Some(now) = self.now() else { return };
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let slow = self.clock.as_ref().map_or(1.0, |clock| clock.speed()).min(1.0);
        let interval = if slow > 0.0 { (INTERVAL as f64 * slow) as u64 } else { INTERVAL };
        let before = last.picture.as_ref().map(|picture| picture.time);
        if is_due(before, now, interval) && last.rest_until.is_none_or(|until| Instant::now() >= until) {
            self.take(&mut last, view, now, false);
        } else {
            self.look_again(&mut last, view);
        }
    }

    fn wants_counters(&self) -> bool {
        self.asks.load(Ordering::Relaxed) || self.metrics.as_ref().is_some_and(|metrics| metrics.is_asked())
    }

    fn counters(&self, _packets: u64, losses: Option<Losses>) {
        self.asks.store(false, Ordering::Relaxed);
        if let Some(metrics) = &self.metrics {
            metrics.take_losses(losses);
        }
        self.last.lock().unwrap_or_else(PoisonError::into_inner).losses = losses;
    }

    fn failed(&self, error: &capture::Error) {
        self.said().push(error.to_string());
        let code = exit::worse(self.code.load(Ordering::Relaxed), exit::of(error));
        self.code.store(code, Ordering::Relaxed);
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::{Timestamp, is_due};

    #[test]
    fn pictures_go_on_whatever_becomes_of_the_clock() {
        let (second, hour) = (1_000_000_000, 3_600_000_000_000);
        assert!(is_due(None, hour, second));
        assert!(is_due(Some(hour), hour + second, second) && !is_due(Some(hour), hour + second - 1, second));
        // A clock that is set right by little is waited for; one that is set back by an hour is not.
        assert!(
            !is_due(Some(hour), hour - 1, second) && !is_due(Some(hour), hour - Timestamp::SET_BACK, second)
        );
        assert!(
            is_due(Some(2 * hour), hour, second)
                && is_due(Some(hour), hour - Timestamp::SET_BACK - 1, second)
        );
    }
}
