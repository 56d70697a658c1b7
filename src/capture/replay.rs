//! A file as it happened: its packets come when they did, or so many times faster.

use std::{
    mem,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use super::{Error, FileSource, Source};
use crate::packet::{Batch, Frame, Interface};

/// How long a replay sleeps at most before it looks whether it shall end or go faster.
const NAP: Duration = Duration::from_millis(50);
/// By how much the clock of an unpaced replay goes on where no packet is due, in ns of the capture.
const STEP: u64 = 1_000_000_000;
/// Steps that an unpaced replay makes in which nothing comes; then it goes on with the next packet.
const IDLE_STEPS: u32 = 10;

/// The clock of a replay, which goes by the time of the capture.
#[derive(Debug, Default)]
pub struct Clock {
    /// In ns since the epoch; 0 before the first packet with a time.
    time: AtomicU64,
    /// Bits of a number.
    speed: AtomicU64,
}

impl Clock {
    /// A clock that goes so many times faster than ours. At 0 it does not wait: it goes as fast as packets can be read.
    pub fn new(speed: f64) -> Self {
        let clock = Self::default();
        clock.set_speed(speed);
        clock
    }

    /// What time it is, in ns since the epoch: all packets before it were handed over. 0 before the first packet that has a
    /// time.
    pub fn time(&self) -> u64 {
        self.time.load(Ordering::Relaxed)
    }

    /// How many times faster it goes than ours; 0 where it does not wait.
    pub fn speed(&self) -> f64 {
        f64::from_bits(self.speed.load(Ordering::Relaxed))
    }

    /// Goes so many times faster than ours from now on.
    pub fn set_speed(&self, speed: f64) {
        self.speed.store(speed.max(0.0).to_bits(), Ordering::Relaxed);
    }
}

/// Delivers the packets of a file when a [`Clock`] says that it is time for them; in the order of the file, and at once
/// where that goes back in time. Where nothing is due, it delivers empty batches, as an interface does.
pub struct Replay {
    file: FileSource,
    clock: Arc<Clock>,
    /// What was read, and which of its frames come next.
    read: Batch,
    next: usize,
    /// The time of the clock, and when it was that.
    now: Option<(u64, Instant)>,
    idle: u32,
}

impl Replay {
    /// Replays a file from where it is.
    pub fn new(file: FileSource, clock: Arc<Clock>) -> Self {
        Self { file, clock, read: Batch::new(), next: 0, now: None, idle: 0 }
    }

    /// Whether a packet is to be handed over.
    fn is_due(&mut self, frame: &Frame<'_>) -> bool {
        Self::due(&mut self.now, frame)
    }

    fn due(now: &mut Option<(u64, Instant)>, frame: &Frame<'_>) -> bool {
        frame.time.is_none_or(|time| time.0 <= now.get_or_insert((time.0, Instant::now())).0)
    }

    /// Lets time pass where the next packet is not due before `next`.
    fn wait(&mut self, next: u64) {
        let Some((now, since)) = self.now else { return };
        let speed = self.clock.speed();
        if speed <= 0.0 {
            self.idle += 1;
            let later = if self.idle > IDLE_STEPS { next } else { now + STEP };
            self.now = Some((later, Instant::now()));
            return;
        }
        // A nap that is too short would be no rest.
        let left = Duration::from_nanos(((next - now) as f64 / speed) as u64);
        thread::sleep(left.clamp(Duration::from_millis(1), NAP));
        let passed = (since.elapsed().as_nanos() as f64 * speed) as u64;
        self.now = Some((now.saturating_add(passed).min(next.max(now)), Instant::now()));
    }
}

impl Source for Replay {
    fn fill(&mut self, batch: &mut Batch) -> Result<bool, Error> {
        if self.next >= self.read.len() {
            self.next = 0;
            if !self.file.fill(&mut self.read)? {
                batch.begin(0, 0);
                return Ok(false);
            }
        }
        batch.begin(self.read.first_number + self.next as u64, 0);
        batch.names = Arc::clone(&self.read.names);
        batch.sections = self.read.sections;
        // Those of all its frames, told once.
        batch.oddities = mem::take(&mut self.read.oddities);
        let read = mem::take(&mut self.read);
        while self.next < read.len() {
            let frame = read.frame(self.next);
            if !self.is_due(&frame) {
                break;
            }
            batch.push(&frame);
            self.next += 1;
        }
        let waits_for = (self.next < read.len()).then(|| read.frame(self.next).time).flatten();
        self.read = read;
        if !batch.is_empty() {
            self.idle = 0;
        } else if let Some((next, (now, _))) = waits_for.zip(self.now) {
            self.clock.time.store(now, Ordering::Relaxed);
            self.wait(next.0);
        }
        Ok(true)
    }

    fn interfaces(&self) -> &[Interface] {
        self.file.interfaces()
    }

    fn consumed(&self) -> u64 {
        self.file.consumed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        capture::open,
        packet::{LinkType, Timestamp},
    };

    fn sample() -> FileSource {
        open(concat!(env!("CARGO_MANIFEST_DIR"), "/samples/http-get.pcap")).unwrap()
    }

    fn frames(source: &mut dyn Source) -> Vec<(u64, Option<Timestamp>, Vec<u8>)> {
        let (mut batch, mut all) = (Batch::new(), Vec::new());
        while source.fill(&mut batch).unwrap() {
            all.extend(batch.frames().map(|frame| (frame.number, frame.time, frame.octets.to_vec())));
        }
        all
    }

    #[test]
    fn a_replay_has_all_packets_of_the_file() {
        let clock = Arc::new(Clock::new(0.0));
        let replayed = frames(&mut Replay::new(sample(), Arc::clone(&clock)));
        assert_eq!(replayed, frames(&mut sample()));
        assert!(!replayed.is_empty());
    }

    #[test]
    fn the_clock_never_passes_a_packet_that_is_to_come() {
        let clock = Arc::new(Clock::new(0.0));
        let mut replay = Replay::new(sample(), Arc::clone(&clock));
        let mut batch = Batch::new();
        while replay.fill(&mut batch).unwrap() {
            let time = clock.time();
            assert!(batch.frames().all(|frame| frame.time.unwrap().0 >= time));
        }
    }

    #[test]
    fn a_replay_takes_its_time() {
        let times: Vec<_> = frames(&mut sample()).into_iter().map(|(_, time, _)| time.unwrap().0).collect();
        let length = times[times.len() - 1] - times[0];
        let speed = length as f64 / 100e6;
        let began = Instant::now();
        frames(&mut Replay::new(sample(), Arc::new(Clock::new(speed))));
        assert!(began.elapsed() >= Duration::from_millis(100), "{:?}", began.elapsed());
    }

    #[test]
    fn what_has_no_time_or_an_earlier_one_is_due_at_once() {
        let frame = |time: Option<u64>| Frame {
            number: 1,
            time: time.map(Timestamp),
            interface: 0,
            link: LinkType::ETHERNET,
            octets: &[],
            original_len: 0,
        };
        let mut now = None;
        assert!(Replay::due(&mut now, &frame(None)));
        assert!(now.is_none());
        assert!(Replay::due(&mut now, &frame(Some(50))));
        assert!(Replay::due(&mut now, &frame(Some(40))));
        assert!(!Replay::due(&mut now, &frame(Some(51))));
    }
}
