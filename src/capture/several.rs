//! Several interfaces as one source: each is read by a thread of its own, and their frames come in one order of time.
//!
//! The frame at hand with the earliest time stamp is next once each other interface has one, too, or [`HOLD`] has passed since it
//! came: the kernel hands frames over within a tenth of a second, so that by then nothing earlier is to be expected.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{Beside, Error, Losses, Source, filler::BATCH_LEN};
use crate::packet::{Batch, Frame, Interface};

/// How long frames of one interface wait for those of the others at most.
pub const HOLD: Duration = Duration::from_millis(250);
/// How long [`Several::fill`] waits for a frame.
const WAIT: Duration = Duration::from_millis(100);
/// How long one interface is waited for while others may have frames.
const NAP: Duration = Duration::from_millis(5);

/// An interface among several.
struct Line {
    source: Beside,
    /// What was read of it, which of its frames comes next, and when it came.
    read: Batch,
    next: usize,
    came: Instant,
    is_over: bool,
    /// The places of its interfaces among those of all.
    places: Vec<u32>,
}

impl Line {
    /// The time of its next frame; the beginning of all times where it has none.
    fn head(&self) -> Option<u64> {
        let is_there = self.next < self.read.len();
        is_there.then(|| self.read.frame(self.next).time.map_or(0, |time| time.0))
    }
}

/// Several live sources.
pub struct Several {
    lines: Vec<Line>,
    interfaces: Vec<Interface>,
    names: Arc<Vec<Option<String>>>,
    number: u64,
    /// Why one of them failed: told behind the frames that came before.
    failed: Option<Error>,
}

impl Several {
    /// Begins to read sources, each of which must come back from [`Source::fill`] some times a second. The first interface of
    /// each has the number of its place among them.
    pub fn new<S: Source + Send + 'static>(sources: impl IntoIterator<Item = S>) -> Self {
        let mut all = Self {
            lines: Vec::new(),
            interfaces: Vec::new(),
            names: Arc::default(),
            number: 1,
            failed: None,
        };
        for source in sources {
            let source = Beside::new(source);
            let (read, came) = (Batch::new(), Instant::now());
            all.lines.push(Line { source, read, next: 0, came, is_over: false, places: Vec::new() });
        }
        // Those that one of them met before are behind the first ones of all.
        let firsts: Vec<_> = all.lines.iter().map(|line| line.source.interfaces().first().cloned()).collect();
        for (line, first) in firsts.into_iter().enumerate() {
            let place = first.map(|first| all.add(first));
            all.lines[line].places.extend(place);
        }
        (0..all.lines.len()).for_each(|line| all.meet(line));
        all
    }

    fn add(&mut self, interface: Interface) -> u32 {
        Arc::make_mut(&mut self.names).push(interface.name.clone());
        self.interfaces.push(interface);
        self.interfaces.len() as u32 - 1
    }

    /// Takes in the interfaces that one of them met since.
    fn meet(&mut self, line: usize) {
        let known = self.lines[line].places.len();
        let met = self.lines[line].source.interfaces()[known..].to_vec();
        for interface in met {
            let place = self.add(interface);
            self.lines[line].places.push(place);
        }
    }

    /// Reads what one of them has, where nothing is left of what it had before.
    fn read(&mut self, number: usize, wait: Duration) {
        let line = &mut self.lines[number];
        if line.is_over || line.next < line.read.len() {
            return;
        }
        line.next = 0;
        match line.source.poll(&mut line.read, wait) {
            // It is still to come.
            None => return line.read.begin(0, 0),
            Some(Ok(true)) => line.came = Instant::now(),
            Some(result) => {
                line.is_over = true;
                self.failed = self.failed.take().or(result.err());
            }
        }
        self.meet(number);
    }

    /// Which of them has the next frame, if that is certain by now.
    fn next(&self) -> Option<usize> {
        let heads = self.lines.iter().enumerate().filter_map(|(number, line)| Some((line.head()?, number)));
        let (_, first) = heads.min()?;
        let is_awaited = |line: &Line| !line.is_over && line.head().is_none();
        let is_certain = self.failed.is_some() || !self.lines.iter().any(is_awaited);
        (is_certain || self.lines[first].came.elapsed() >= HOLD).then_some(first)
    }
}

impl Source for Several {
    fn fill(&mut self, batch: &mut Batch) -> Result<bool, Error> {
        batch.begin(self.number, 0);
        let began = Instant::now();
        loop {
            (0..self.lines.len()).for_each(|line| self.read(line, Duration::ZERO));
            while let Some(number) = self.next().filter(|_| batch.octets().len() < BATCH_LEN) {
                let line = &mut self.lines[number];
                let frame = line.read.frame(line.next);
                let place = line.places.get(frame.interface as usize).or(line.places.first());
                let interface = place.copied().unwrap_or_default();
                batch.push(&Frame { interface, ..frame });
                line.next += 1;
                if line.head().is_none() {
                    self.read(number, Duration::ZERO);
                }
            }
            let is_over = self.failed.is_some() || self.lines.iter().all(|line| line.is_over);
            if !batch.is_empty() || !is_over && began.elapsed() >= WAIT {
                break;
            }
            if is_over && self.lines.iter().all(|line| line.head().is_none()) {
                return self.failed.take().map_or(Ok(false), Err);
            }
            let awaited = self.lines.iter().position(|line| !line.is_over && line.head().is_none());
            if let Some(line) = awaited {
                self.read(line, NAP);
            }
        }
        batch.names = Arc::clone(&self.names);
        self.number += batch.len() as u64;
        Ok(true)
    }

    fn interfaces(&self) -> &[Interface] {
        &self.interfaces
    }

    fn losses(&mut self) -> Option<Losses> {
        let each = self.losses_of_each();
        let known: Vec<_> = each.iter().map(|(_, losses)| *losses).collect();
        (known.len() == self.lines.len()).then(|| known.into_iter().fold(Losses::default(), Losses::and))
    }

    fn losses_of_each(&mut self) -> Vec<(String, Losses)> {
        let of = |line: &mut Line| {
            let name = line.source.interfaces().first().and_then(|first| first.name.clone());
            Some((name.unwrap_or_default(), line.source.losses()?))
        };
        self.lines.iter_mut().filter_map(of).collect()
    }

    fn name(&self) -> Option<String> {
        let names: Option<Vec<_>> = self.lines.iter().map(|line| line.source.name()).collect();
        names.map(|names| names.join("+"))
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::VecDeque, thread};

    use super::*;
    use crate::packet::{LinkType, Timestamp};

    /// What comes of an interface: times of frames in one batch, a rest, or its failure.
    enum Step {
        Frames(Vec<u64>),
        Rest(u64),
        Fails,
    }
    use Step::{Fails, Frames, Rest};

    struct Made {
        interfaces: Vec<Interface>,
        steps: VecDeque<Step>,
        frames: u64,
    }

    fn made(name: &str, link: LinkType, steps: impl IntoIterator<Item = Step>) -> Made {
        let interface = Interface { link, snap_len: 100, name: Some(name.to_owned()), fcs_len: None };
        Made { interfaces: vec![interface], steps: steps.into_iter().collect(), frames: 0 }
    }

    impl Source for Made {
        fn fill(&mut self, batch: &mut Batch) -> Result<bool, Error> {
            batch.begin(self.frames + 1, 0);
            match self.steps.pop_front() {
                None => return Ok(false),
                Some(Rest(milliseconds)) => thread::sleep(Duration::from_millis(milliseconds)),
                Some(Fails) => {
                    let interface = self.interfaces[0].name.clone().unwrap();
                    return Err(Error::Interface { interface, reason: "went away".to_owned() });
                }
                Some(Frames(times)) => {
                    for time in times {
                        self.frames += 1;
                        let (link, octets) = (self.interfaces[0].link, [self.frames as u8]);
                        let time = Some(Timestamp(time));
                        batch.push(&Frame {
                            number: 0,
                            time,
                            interface: 0,
                            link,
                            octets: &octets,
                            original_len: 1,
                        });
                    }
                }
            }
            Ok(true)
        }

        fn interfaces(&self) -> &[Interface] {
            &self.interfaces
        }

        fn losses(&mut self) -> Option<Losses> {
            Some(Losses { received: self.frames, kernel_dropped: 1, interface_dropped: 0 })
        }
    }

    /// Number, time and interface of all frames, and the error at the end.
    fn all(source: &mut Several) -> (Vec<(u64, u64, u32)>, Option<String>) {
        let (mut batch, mut frames) = (Batch::new(), Vec::new());
        loop {
            let result = source.fill(&mut batch);
            let times = |frame: Frame<'_>| (frame.number, frame.time.unwrap().0, frame.interface);
            match result {
                Ok(true) => frames.extend(batch.frames().map(times)),
                Ok(false) => return (frames, None),
                Err(error) => return (frames, Some(error.to_string())),
            }
        }
    }

    #[test]
    fn frames_of_all_come_in_one_order_of_time() {
        let one = made("one", LinkType::ETHERNET, [Frames(vec![10, 30]), Rest(40), Frames(vec![50, 51])]);
        let other =
            made("other", LinkType::RAW, [Rest(60), Frames(vec![20, 40]), Frames(vec![]), Frames(vec![60])]);
        let mut source = Several::new([one, other]);
        let (frames, error) = all(&mut source);
        assert_eq!(error, None);
        assert_eq!(
            frames,
            [(1, 10, 0), (2, 20, 1), (3, 30, 0), (4, 40, 1), (5, 50, 0), (6, 51, 0), (7, 60, 1)]
        );
        let named: Vec<_> =
            source.interfaces().iter().map(|one| (one.name.as_deref().unwrap(), one.link)).collect();
        assert_eq!(named, [("one", LinkType::ETHERNET), ("other", LinkType::RAW)]);
        let losses = source.losses().unwrap();
        assert_eq!((losses.received, losses.kernel_dropped), (7, 2));
        let each: Vec<_> =
            source.losses_of_each().into_iter().map(|(name, losses)| (name, losses.received)).collect();
        assert_eq!(each, [("one".to_owned(), 4), ("other".to_owned(), 3)]);
    }

    #[test]
    fn nobody_waits_for_long_for_an_interface_that_is_silent() {
        let one = made("one", LinkType::ETHERNET, [Frames(vec![10]), Rest(2_000)]);
        let silent = made("silent", LinkType::ETHERNET, [Rest(2_000)]);
        let mut source = Several::new([one, silent]);
        let (mut batch, began) = (Batch::new(), Instant::now());
        while batch.is_empty() {
            assert!(source.fill(&mut batch).unwrap());
        }
        let took = began.elapsed();
        assert!(took >= HOLD && took < Duration::from_millis(1_500), "{took:?}");
        drop(batch);
    }

    #[test]
    fn the_failure_of_one_is_told_behind_what_came_before() {
        let one = made("one", LinkType::ETHERNET, [Frames(vec![10, 30]), Rest(300), Frames(vec![40])]);
        let other = made("other", LinkType::ETHERNET, [Frames(vec![20]), Fails]);
        let (frames, error) = all(&mut Several::new([one, other]));
        let times: Vec<_> = frames.iter().map(|&(_, time, _)| time).collect();
        assert_eq!(times[..3], [10, 20, 30]);
        assert_eq!(error.as_deref(), Some("other: went away"));
    }

    /// What `any` meets later has a number behind those of all devices.
    #[test]
    fn interfaces_that_are_met_later_come_behind() {
        let mut any = made("any", LinkType::LINUX_SLL2, [Rest(1), Frames(vec![5])]);
        any.interfaces.push(Interface { name: Some("eth7".to_owned()), ..any.interfaces[0].clone() });
        let other = made("lan", LinkType::ETHERNET, [Frames(vec![4])]);
        let mut source = Several::new([any, other]);
        let (frames, _) = all(&mut source);
        assert_eq!(frames, [(1, 4, 1), (2, 5, 0)]);
        let names: Vec<_> = source.interfaces().iter().map(|one| one.name.as_deref().unwrap()).collect();
        assert_eq!(names, ["any", "lan", "eth7"]);
    }
}
