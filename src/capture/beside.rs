//! A source that is read by a thread of its own, which does nothing else: whoever works on its batches may lag behind, and
//! nothing is lost as long as what waits fits into a bound.

use std::{
    mem, panic,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use super::{Error, Losses, Source};
use crate::packet::{Batch, Interface};

/// Octets that may wait to be worked on; where they do, the source is not read, and its own buffer has to do.
pub const MOST_WAITING: u64 = 64 << 20;
/// What a frame takes beside its octets.
const FRAME: u64 = 48;
/// Batches that wait from which on the reader lets more come together: many small ones would take more room than they hold.
const MANY: u64 = 8;
/// How long it lets more come together, and waits for room.
const NAP: Duration = Duration::from_millis(1);
/// How often the source is asked what it lost.
const ASK: Duration = Duration::from_millis(200);
/// Batches that were worked on and are kept for further use.
const SPARE: usize = 16;

/// What a source lost, and each of several devices of it.
type Lost = (Option<Losses>, Vec<(String, Losses)>);

/// What the reader tells of itself.
#[derive(Debug, Default)]
pub struct Backlog {
    waiting: AtomicU64,
    batches: AtomicU64,
    highest: AtomicU64,
    losses: Mutex<Lost>,
    is_left: AtomicBool,
}

impl Backlog {
    /// Octets that wait to be worked on.
    pub fn waiting(&self) -> u64 {
        self.waiting.load(Ordering::Relaxed)
    }

    /// The most that waited so far, in octets.
    pub fn highest(&self) -> u64 {
        self.highest.load(Ordering::Relaxed)
    }
}

/// What one call of [`Source::fill`] gave.
struct Filled {
    result: Result<bool, Error>,
    batch: Batch,
    /// Those met in this batch.
    interfaces: Vec<Interface>,
}

/// A source that is read beside the work on it.
pub struct Beside {
    name: Option<String>,
    interfaces: Vec<Interface>,
    filled: Receiver<Filled>,
    empty: Sender<Batch>,
    backlog: Arc<Backlog>,
    reader: Option<JoinHandle<()>>,
}

impl Beside {
    /// Begins to read a source, which must come back from [`Source::fill`] some times a second.
    pub fn new(mut source: impl Source + Send + 'static) -> Self {
        let (to_worker, filled) = channel();
        let (empty, spare) = channel();
        let backlog = Arc::new(Backlog::default());
        let (name, interfaces) = (source.name(), source.interfaces().to_vec());
        // Whoever asks before anything came is told of nothing, not that it is not known.
        *backlog.losses.lock().unwrap_or_else(PoisonError::into_inner) =
            (source.losses(), source.losses_of_each());
        let own = Arc::clone(&backlog);
        let reader = thread::spawn(move || read(&mut source, &to_worker, &spare, &own));
        Self { name, interfaces, filled, empty, backlog, reader: Some(reader) }
    }

    /// How far the work lags behind.
    pub fn backlog(&self) -> Arc<Backlog> {
        Arc::clone(&self.backlog)
    }
}

fn size(batch: &Batch) -> u64 {
    batch.octets().len() as u64 + FRAME * batch.len() as u64
}

/// Reads a source to its end, or until nobody wants it any more.
fn read(source: &mut dyn Source, to_worker: &Sender<Filled>, spare: &Receiver<Batch>, backlog: &Backlog) {
    let (mut known, mut asked) = (source.interfaces().len(), None::<Instant>);
    while !backlog.is_left.load(Ordering::Relaxed) {
        let waiting = backlog.waiting.load(Ordering::Relaxed);
        if waiting > MOST_WAITING {
            thread::sleep(NAP);
            continue;
        }
        if backlog.batches.load(Ordering::Relaxed) > MANY {
            thread::sleep(NAP);
        }
        let mut batch = spare.try_recv().unwrap_or_default();
        let result = source.fill(&mut batch);
        let is_over = !matches!(result, Ok(true));
        if is_over || asked.is_none_or(|asked| asked.elapsed() >= ASK) {
            asked = Some(Instant::now());
            let losses = (source.losses(), source.losses_of_each());
            *backlog.losses.lock().unwrap_or_else(PoisonError::into_inner) = losses;
        }
        let interfaces = source.interfaces()[known..].to_vec();
        known += interfaces.len();
        let waiting = backlog.waiting.fetch_add(size(&batch), Ordering::Relaxed) + size(&batch);
        backlog.highest.fetch_max(waiting, Ordering::Relaxed);
        backlog.batches.fetch_add(1, Ordering::Relaxed);
        if to_worker.send(Filled { result, batch, interfaces }).is_err() || is_over {
            return;
        }
    }
}

impl Beside {
    /// The same as [`Source::fill`], where no longer than that is waited: `None` where nothing came by then.
    pub(super) fn poll(&mut self, batch: &mut Batch, wait: Duration) -> Option<Result<bool, Error>> {
        match self.filled.recv_timeout(wait) {
            Ok(filled) => Some(self.take(filled, batch)),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(self.end(batch)),
        }
    }

    fn take(&mut self, filled: Filled, batch: &mut Batch) -> Result<bool, Error> {
        self.backlog.waiting.fetch_sub(size(&filled.batch), Ordering::Relaxed);
        let left = self.backlog.batches.fetch_sub(1, Ordering::Relaxed);
        let used = mem::replace(batch, filled.batch);
        if left <= SPARE as u64 {
            // At the end nobody waits for it.
            let _ = self.empty.send(used);
        }
        self.interfaces.extend(filled.interfaces);
        filled.result
    }

    /// The end was told before, or the reader has panicked.
    fn end(&mut self, batch: &mut Batch) -> Result<bool, Error> {
        if let Some(Err(reason)) = self.reader.take().map(JoinHandle::join) {
            panic::resume_unwind(reason);
        }
        batch.begin(0, 0);
        Ok(false)
    }
}

impl Source for Beside {
    fn fill(&mut self, batch: &mut Batch) -> Result<bool, Error> {
        match self.filled.recv() {
            Ok(filled) => self.take(filled, batch),
            Err(_) => self.end(batch),
        }
    }

    fn interfaces(&self) -> &[Interface] {
        &self.interfaces
    }

    fn losses(&mut self) -> Option<Losses> {
        self.backlog.losses.lock().unwrap_or_else(PoisonError::into_inner).0
    }

    fn losses_of_each(&mut self) -> Vec<(String, Losses)> {
        self.backlog.losses.lock().unwrap_or_else(PoisonError::into_inner).1.clone()
    }

    fn name(&self) -> Option<String> {
        self.name.clone()
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        self.backlog.is_left.store(true, Ordering::Relaxed);
        if let Some(reader) = self.reader.take() {
            // Its panic was passed on by `fill`, or nobody reads it any more.
            let _ = reader.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::{Frame, LinkType, Timestamp};

    /// Delivers frames of these octets each, so many to a batch.
    struct Made {
        frames: u64,
        to_come: u64,
        len: usize,
        fails: bool,
    }

    impl Source for Made {
        fn fill(&mut self, batch: &mut Batch) -> Result<bool, Error> {
            batch.begin(self.frames + 1, 0);
            for _ in 0..self.to_come.min(10) {
                self.frames += 1;
                self.to_come -= 1;
                batch.push(&Frame {
                    number: 0,
                    time: Some(Timestamp(self.frames)),
                    interface: 0,
                    link: LinkType::ETHERNET,
                    octets: &vec![self.frames as u8; self.len],
                    original_len: self.len as u32,
                });
            }
            assert!(!self.fails || self.to_come > 0, "made to fail");
            Ok(self.to_come > 0)
        }

        fn interfaces(&self) -> &[Interface] {
            &[]
        }

        fn losses(&mut self) -> Option<Losses> {
            Some(Losses { received: self.frames, kernel_dropped: 3, interface_dropped: 0 })
        }
    }

    #[test]
    fn all_frames_come_in_order_and_losses_with_the_last_of_them() {
        let mut source = Beside::new(Made { frames: 0, to_come: 10_000, len: 100, fails: false });
        let (mut batch, mut times, mut goes_on) = (Batch::new(), Vec::new(), true);
        while goes_on {
            goes_on = source.fill(&mut batch).unwrap();
            times.extend(batch.frames().map(|frame| (frame.number, frame.time.unwrap().0, frame.octets[0])));
        }
        assert!(times.iter().copied().eq((1..=10_000).map(|number| (number, number, number as u8))));
        assert_eq!(source.losses().map(|losses| (losses.received, losses.kernel_dropped)), Some((10_000, 3)));
        assert!(!source.fill(&mut batch).unwrap() && batch.is_empty());
        assert_eq!(source.backlog().waiting(), 0);
    }

    /// A reader that has not begun is as one that has nothing yet.
    #[test]
    fn losses_are_known_before_anything_comes() {
        struct Waits(Receiver<()>);
        impl Source for Waits {
            fn fill(&mut self, _batch: &mut Batch) -> Result<bool, Error> {
                let _ = self.0.recv();
                Ok(false)
            }
            fn interfaces(&self) -> &[Interface] {
                &[]
            }
            fn losses(&mut self) -> Option<Losses> {
                Some(Losses::default())
            }
        }
        let (go, waits) = channel();
        let mut source = Beside::new(Waits(waits));
        assert_eq!(source.losses(), Some(Losses::default()));
        drop(go);
        assert!(!source.fill(&mut Batch::new()).unwrap());
    }

    #[test]
    fn what_waits_is_bounded_and_the_reader_lets_go() {
        let mut source = Beside::new(Made { frames: 0, to_come: u64::MAX, len: 1 << 17, fails: false });
        let mut batch = Batch::new();
        assert!(source.fill(&mut batch).unwrap());
        let backlog = source.backlog();
        let began = Instant::now();
        while backlog.waiting() <= MOST_WAITING && began.elapsed() < Duration::from_secs(20) {
            thread::sleep(NAP);
        }
        thread::sleep(Duration::from_millis(50));
        // One batch of ten frames more than the bound at most.
        let most = MOST_WAITING + 10 * ((1 << 17) + FRAME);
        assert!(backlog.highest() > MOST_WAITING && backlog.highest() <= most, "{}", backlog.highest());
        drop(source);
    }

    #[test]
    #[should_panic(expected = "made to fail")]
    fn a_panic_of_the_reader_is_passed_on() {
        let mut source = Beside::new(Made { frames: 0, to_come: 20, len: 1, fails: true });
        let mut batch = Batch::new();
        while source.fill(&mut batch).unwrap() {}
    }
}
