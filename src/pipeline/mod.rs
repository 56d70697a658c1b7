//! The straight line: learn a capture, then chart it; or both at once, packet by packet, where only the past is known.
//!
//! Large files are learned in stretches on several threads, and charted batch by batch on several threads. Any number of
//! threads gives the same knowledge and the same octets of output.

use std::{
    io,
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
};

use crate::{
    capture::{self, FileSource, Filter, Source, Stretches, ahead},
    decode::{Decoder, Headers},
    knowledge::{Answers, Knowledge, Options, Shift},
    packet::{Batch, Frame, Timestamp},
    record::Charter,
    registry::Registry,
    sink::{Sink, Step},
};

/// Octets of output that are written at once.
const WRITE_SIZE: usize = 1 << 16;
/// Octets a stretch has at least before a thread is worth starting for it.
pub const MIN_STRETCH: u64 = 16 << 20;
/// Octets a compressed file has at least before a thread is worth starting for it.
const MIN_COMPRESSED: u64 = 64 << 10;

/// Why a run ended early.
#[derive(Debug)]
pub enum Failure {
    /// The input failed; what came before it was taken in.
    Input(capture::Error),
    /// The output failed.
    Output(io::Error),
}

impl From<capture::Error> for Failure {
    fn from(error: capture::Error) -> Self {
        Self::Input(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

/// Which frames are taken.
#[derive(Default)]
pub struct Selection {
    /// Only those that this capture filter passes.
    pub filter: Option<Filter>,
    /// Only so many.
    pub limit: Option<u64>,
    taken: u64,
}

impl Selection {
    /// Frames that pass the filter, at most so many.
    pub fn new(filter: Option<Filter>, limit: Option<u64>) -> Self {
        Self { filter, limit, taken: 0 }
    }

    /// Whether every frame is taken.
    pub fn is_all(&self) -> bool {
        self.filter.is_none() && self.limit.is_none()
    }

    /// Whether no further frame is taken.
    pub fn is_over(&self) -> bool {
        self.limit.is_some_and(|limit| self.taken >= limit)
    }

    /// Begins to count anew.
    pub fn restart(&mut self) {
        self.taken = 0;
    }

    fn takes(&mut self, frame: &Frame<'_>) -> Result<bool, capture::Error> {
        if self.is_over() {
            return Ok(false);
        }
        let takes = match &mut self.filter {
            Some(filter) => filter.matches(frame)?,
            None => true,
        };
        self.taken += u64::from(takes);
        Ok(takes)
    }
}

/// What a run needs beside its input and output.
pub struct Run<'r> {
    /// The registry with the user's layers.
    pub registry: &'r Registry,
    /// How frames are decoded.
    pub decoder: &'r Decoder,
    /// Set to end the run after the batch at hand.
    pub stop: &'r AtomicBool,
    /// Told how many octets of the input were read so far, after each batch.
    pub progress: &'r (dyn Fn(u64) + Sync),
    /// Threads to use.
    pub threads: usize,
    /// Octets a stretch has at least: [`MIN_STRETCH`].
    pub min_stretch: u64,
}

impl Run<'_> {
    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Whether a file is worth a thread that reads it, or decompresses it, ahead.
    fn reads_ahead(&self, source: &FileSource) -> bool {
        let is_large = |size| match source.compression() {
            Some(_) => size >= MIN_COMPRESSED.min(self.min_stretch),
            None => self.is_worth_threads(size),
        };
        // A pipe may wait for its writer when no more is asked for, and its writer works while this reads.
        self.threads > 1 && source.size().is_some_and(is_large)
    }

    /// Whether a file has room for two stretches.
    fn is_worth_threads(&self, size: u64) -> bool {
        size / 2 >= self.min_stretch
    }

    /// Learns a source to its end.
    ///
    /// # Errors
    /// [`capture::Error`] where the input is damaged; what came before it is learned.
    pub fn learn<S: Source>(
        &self,
        source: &mut S,
        file: u32,
        selection: &mut Selection,
        knowledge: &mut Knowledge,
    ) -> Result<(), capture::Error> {
        let mut batch = Batch::new();
        let mut headers = Headers::default();
        let all = selection.is_all();
        let result = loop {
            match source.fill(&mut batch) {
                Ok(true) => {}
                Ok(false) => break Ok(()),
                Err(error) => break Err(error),
            }
            for frame in batch.frames() {
                if !all && !selection.takes(&frame)? {
                    continue;
                }
                self.decoder.decode(frame.link, frame.octets, frame.original_len, &mut headers);
                knowledge.learn(&frame, &headers, file);
            }
            knowledge.make_room(self.registry);
            (self.progress)(source.consumed());
            if self.is_stopped() || selection.is_over() {
                break Ok(());
            }
        };
        knowledge.flush();
        result
    }

    /// Learns a file on as many threads as are worth it. The result does not depend on their number.
    ///
    /// # Errors
    /// As [`Run::learn`].
    pub fn learn_file(
        &self,
        source: &mut FileSource,
        file: u32,
        selection: &mut Selection,
        knowledge: &mut Knowledge,
        options: Options,
    ) -> Result<(), capture::Error> {
        let stretches = source.stretches().filter(|stretches| {
            self.threads > 1
                && self.is_worth_threads(stretches.len())
                && selection.is_all()
                && !options.inventory
        });
        let Some(stretches) = stretches else {
            if self.reads_ahead(source) {
                return ahead(source, |source| self.learn(source, file, selection, knowledge));
            }
            return self.learn(source, file, selection, knowledge);
        };
        // The first batch shows the interfaces of most files, so that the other stretches can be read like it.
        let mut batch = Batch::new();
        let mut headers = Headers::default();
        if !source.fill(&mut batch)? {
            return Ok(());
        }
        for frame in batch.frames() {
            self.decoder.decode(frame.link, frame.octets, frame.original_len, &mut headers);
            knowledge.learn(&frame, &headers, file);
        }
        knowledge.flush();
        let begin = Place { position: source.position(), state: source.state(), packets: batch.len() as u64 };
        self.learn_stretches(&stretches, begin, file, knowledge, options)
    }

    fn learn_stretches(
        &self,
        stretches: &Stretches,
        begin: Place,
        file: u32,
        knowledge: &mut Knowledge,
        options: Options,
    ) -> Result<(), capture::Error> {
        let rest = stretches.len().saturating_sub(begin.position);
        let count = (rest / self.min_stretch.max(1)).clamp(1, self.threads as u64);
        let mut starts = vec![begin.position];
        for part in 1..count {
            let from = begin.position + rest / count * part;
            if let Some(start) = stretches.boundary(&begin.state, from)?
                && starts.last().is_some_and(|&last| last < start)
            {
                starts.push(start);
            }
        }
        let ends: Vec<u64> = starts.iter().skip(1).copied().chain([u64::MAX]).collect();
        let stretch = |place: Place, end: u64, mut knowledge: Knowledge| {
            let known = knowledge.span().packets;
            let mut stretch = stretches.stretch(place.state, place.position..end, place.packets + 1);
            let result = self.learn(&mut stretch, file, &mut Selection::default(), &mut knowledge);
            let packets = place.packets + knowledge.span().packets - known;
            let place = Place { position: stretch.position(), state: stretch.state(), packets };
            (knowledge, place, result)
        };
        // The first stretch goes on with what is known already; the others begin with nothing and are appended.
        let known = std::mem::replace(knowledge, Knowledge::part(options));
        let fresh = starts.iter().skip(1).map(|_| Knowledge::part(options));
        let guessed: Vec<_> = thread::scope(|scope| {
            let workers: Vec<_> = starts
                .iter()
                .zip(&ends)
                .zip(std::iter::once(known).chain(fresh))
                .map(|((&position, &end), knowledge)| {
                    let place = Place { position, ..begin.clone() };
                    let stretch = &stretch;
                    scope.spawn(move || stretch(place, end, knowledge))
                })
                .collect();
            workers.into_iter().map(thread::ScopedJoinHandle::join).collect()
        });
        let mut expected = begin.clone();
        for ((learned, &start), &end) in guessed.into_iter().zip(&starts).zip(&ends) {
            let learned = learned.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            if start == begin.position {
                let (first, place, result) = learned;
                *knowledge = first;
                result?;
                expected = place;
                continue;
            }
            // A boundary that the stretch before does not end at was a guess misled by a payload; so was one behind which
            // interfaces differ. Then the stretch is read again, from where it truly begins.
            let right = start == expected.position && begin.state == expected.state;
            let (later, place, result) = if right {
                learned
            } else {
                drop(learned);
                stretch(expected.clone(), end, Knowledge::part(options))
            };
            if later.lacks_fragments() {
                self.learn_fragments(stretches, &expected, end, file, knowledge);
            }
            let shift = if right { expected.packets - begin.packets } else { 0 };
            knowledge.merge(later, Shift { number: shift }, self.registry);
            result
                .map_err(|error| if right { error.after(expected.packets - begin.packets) } else { error })?;
            expected = Place {
                packets: if right { expected.packets + place.packets - begin.packets } else { place.packets },
                ..place
            };
        }
        Ok(())
    }

    /// Reads a stretch again for the fragments in it, where there were too many to be noted down.
    #[cold]
    fn learn_fragments(
        &self,
        stretches: &Stretches,
        place: &Place,
        end: u64,
        file: u32,
        knowledge: &mut Knowledge,
    ) {
        let mut stretch = stretches.stretch(place.state.clone(), place.position..end, place.packets + 1);
        let (mut batch, mut headers) = (Batch::new(), Headers::default());
        // Damage ends this turn where it ended the first one, which reports it.
        while let Ok(true) = stretch.fill(&mut batch) {
            for frame in batch.frames() {
                self.decoder.decode(frame.link, frame.octets, frame.original_len, &mut headers);
                if headers.fragment.is_some() {
                    knowledge.learn_dns_fragment(&frame, &headers, file);
                }
            }
            if self.is_stopped() {
                break;
            }
        }
    }

    /// Charts a source: calls `visit` with each batch and packet. Ends where the selection is over, or with `to_end` at
    /// the end of the source.
    ///
    /// # Errors
    /// [`Failure`]: what came before it was charted.
    pub fn chart(
        &self,
        source: &mut impl Source,
        file: Option<&str>,
        selection: &mut Selection,
        charter: &Charter<'_>,
        to_end: bool,
        mut visit: impl FnMut(Step<'_>) -> io::Result<()>,
    ) -> Result<(), Failure> {
        let chart = |(frame, raw): (Frame<'_>, &[u8]), headers: &Headers, previous, visit: &mut Visit<'_>| {
            let mut place = [charter.place(headers, frame.time)];
            charter.locate(&mut place);
            visit(Step::Packet(&charter.chart(file, (frame, raw), headers, &place[0], previous)))
        };
        self.follow(source, selection, to_end, &mut visit, chart, || Ok(()))
    }

    /// Goes through a source: hands `visit` each batch and what is not taken of it, `packet` each packet that is, and
    /// calls `flush` after each batch.
    fn follow(
        &self,
        source: &mut impl Source,
        selection: &mut Selection,
        to_end: bool,
        visit: &mut Visit<'_>,
        mut packet: impl FnMut((Frame<'_>, &[u8]), &Headers, Option<Timestamp>, &mut Visit<'_>) -> io::Result<()>,
        mut flush: impl FnMut() -> io::Result<()>,
    ) -> Result<(), Failure> {
        let mut batch = Batch::new();
        let mut headers = Headers::default();
        let mut previous = None;
        loop {
            match source.fill(&mut batch) {
                Ok(true) => {}
                Ok(false) => break,
                // Behind the last packet asked for, damage is nobody's concern.
                Err(_) if selection.is_over() => break,
                Err(error) => return Err(error.into()),
            }
            visit(Step::Batch(&batch))?;
            for (frame, raw) in batch.frames().zip(batch.records()) {
                if !selection.takes(&frame)? {
                    visit(Step::Skipped(raw))?;
                    continue;
                }
                self.decoder.decode(frame.link, frame.octets, frame.original_len, &mut headers);
                packet((frame, raw), &headers, previous, visit)?;
                previous = frame.time.or(previous);
            }
            flush()?;
            (self.progress)(source.consumed());
            if self.is_stopped() || !to_end && selection.is_over() {
                break;
            }
        }
        Ok(())
    }

    /// Charts a file into a sink on several threads and writes its output in order.
    ///
    /// # Errors
    /// [`Failure`]: what came before it was written.
    pub fn chart_file(
        &self,
        source: &mut FileSource,
        file: Option<&str>,
        selection: &mut Selection,
        charter: &Charter<'_>,
        sink: &mut impl Sink,
        out: &mut impl io::Write,
    ) -> Result<(), Failure> {
        let mut head = Vec::new();
        sink.file(Some(source.format()), source.interfaces(), &mut head);
        out.write_all(&head)?;
        let large = source.size().is_none_or(|size| size >= 2 * self.min_stretch.min(4 << 20));
        if self.threads < 2 || !selection.is_all() || !large {
            let mut buffer = Vec::with_capacity(2 * WRITE_SIZE);
            let to_end = sink.keeps_blocks();
            let visit = |step: Step<'_>| {
                sink.step(step, &mut buffer);
                if buffer.len() >= WRITE_SIZE {
                    out.write_all(&buffer)?;
                    buffer.clear();
                }
                Ok(())
            };
            let result = if self.reads_ahead(source) {
                ahead(source, |source| self.chart(source, file, selection, charter, to_end, visit))
            } else {
                self.chart(source, file, selection, charter, to_end, visit)
            };
            // Damage ends the input, not what was written of it.
            if !matches!(result, Err(Failure::Output(_))) {
                out.write_all(&buffer)?;
            }
            return result;
        }
        self.chart_on_threads(source, file, charter, sink, out)
    }

    fn chart_on_threads(
        &self,
        source: &mut FileSource,
        file: Option<&str>,
        charter: &Charter<'_>,
        sink: &impl Sink,
        out: &mut impl io::Write,
    ) -> Result<(), Failure> {
        thread::scope(|scope| {
            // Batch n goes to worker n modulo their number, and its output is fetched in the same turn: order needs no
            // sorting, and every channel is bounded.
            let mut lanes: Vec<Lane> = Vec::new();
            for _ in 0..self.threads {
                let (to_worker, work) = sync_channel::<Work>(1);
                let (done, from_worker) = sync_channel::<Work>(1);
                let mut sink = sink.clone();
                scope.spawn(move || self.chart_work(file, charter, &mut sink, &work, &done));
                lanes.push(Lane { to_worker, from_worker, spare: vec![Work::default(), Work::default()] });
            }
            let mut previous = None;
            let (mut sent, mut fetched) = (0, 0);
            let mut end = Ok(());
            let workers = lanes.len();
            loop {
                let lane = &mut lanes[sent % workers];
                let Some(mut work) = lane.spare.pop() else {
                    fetch(&mut lanes, &mut fetched, out)?;
                    continue;
                };
                match source.fill(&mut work.batch) {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(error) => {
                        end = Err(error.into());
                        break;
                    }
                }
                (self.progress)(source.consumed());
                work.previous = previous;
                previous = work.batch.frames().filter_map(|frame| frame.time).last().or(previous);
                if lane.to_worker.send(work).is_err() {
                    break;
                }
                sent += 1;
                if self.is_stopped() {
                    break;
                }
            }
            while fetched < sent {
                fetch(&mut lanes, &mut fetched, out)?;
            }
            end
        })
    }

    fn chart_work(
        &self,
        file: Option<&str>,
        charter: &Charter<'_>,
        sink: &mut impl Sink,
        work: &Receiver<Work>,
        done: &SyncSender<Work>,
    ) {
        let mut headers = Headers::default();
        while let Ok(mut work) = work.recv() {
            let Work { batch, previous, out } = &mut work;
            out.clear();
            sink.batch(batch, out);
            for (frame, raw) in batch.frames().zip(batch.records()) {
                self.decoder.decode(frame.link, frame.octets, frame.original_len, &mut headers);
                let mut place = [charter.place(&headers, frame.time)];
                charter.locate(&mut place);
                sink.packet(&charter.chart(file, (frame, raw), &headers, &place[0], *previous), out);
                *previous = frame.time.or(*previous);
            }
            if done.send(work).is_err() {
                return;
            }
        }
    }

    /// [`Run::causal`] for a file, which is read ahead where that is worth a thread.
    ///
    /// # Errors
    /// [`Failure`]: what came before it was charted.
    #[expect(clippy::too_many_arguments, reason = "input, state and output of one loop")]
    pub fn causal_file(
        &self,
        source: &mut FileSource,
        file: (u32, Option<&str>),
        selection: &mut Selection,
        knowledge: &mut Knowledge,
        names: &mut Answers,
        to_end: bool,
        visit: impl FnMut(Step<'_>) -> io::Result<()>,
        flush: impl FnMut() -> io::Result<()>,
    ) -> Result<(), Failure> {
        if self.reads_ahead(source) {
            ahead(source, |source| {
                self.causal(source, file, selection, knowledge, names, to_end, visit, flush)
            })
        } else {
            self.causal(source, file, selection, knowledge, names, to_end, visit, flush)
        }
    }

    /// Learns and charts packet by packet: each is named by what was known when it came.
    ///
    /// Ends where the selection is over, or with `to_end` at the end of the source. `flush` is called after each batch.
    ///
    /// # Errors
    /// [`Failure`]: what came before it was charted.
    #[expect(clippy::too_many_arguments, reason = "input, state and output of one loop")]
    pub fn causal(
        &self,
        source: &mut impl Source,
        (index, file): (u32, Option<&str>),
        selection: &mut Selection,
        knowledge: &mut Knowledge,
        names: &mut Answers,
        to_end: bool,
        mut visit: impl FnMut(Step<'_>) -> io::Result<()>,
        flush: impl FnMut() -> io::Result<()>,
    ) -> Result<(), Failure> {
        let learn = |(frame, raw): (Frame<'_>, &[u8]), headers: &Headers, previous, visit: &mut Visit<'_>| {
            let place = knowledge.follow(&frame, headers, index);
            names.revise(headers.kind, &place, knowledge, self.registry);
            let charter = Charter::new(knowledge, names).of_file(index);
            visit(Step::Packet(&charter.chart(file, (frame, raw), headers, &place, previous)))?;
            // Rarely called for, so it need not wait for the end of the batch.
            knowledge.make_room(self.registry);
            Ok(())
        };
        self.follow(source, selection, to_end, &mut visit, learn, flush)
    }
}

/// What is told of an input as it is charted.
type Visit<'v> = dyn FnMut(Step<'_>) -> io::Result<()> + 'v;

/// Where reading goes on, and what must be remembered for it.
#[derive(Clone)]
struct Place {
    position: u64,
    state: capture::State,
    /// Packets of the file before it; a guess is numbered as if it followed the first batch.
    packets: u64,
}

/// A batch on its way to a worker, and its output on the way back. Reused.
#[derive(Default)]
struct Work {
    batch: Batch,
    /// Time of the packet before the batch.
    previous: Option<Timestamp>,
    out: Vec<u8>,
}

struct Lane {
    to_worker: SyncSender<Work>,
    from_worker: Receiver<Work>,
    spare: Vec<Work>,
}

/// Writes the output whose turn it is.
fn fetch(lanes: &mut [Lane], fetched: &mut usize, out: &mut impl io::Write) -> io::Result<()> {
    let workers = lanes.len();
    let lane = &mut lanes[*fetched % workers];
    *fetched += 1;
    // A worker that is gone has panicked; the scope passes its panic on.
    if let Ok(work) = lane.from_worker.recv() {
        out.write_all(&work.out)?;
        lane.spare.push(work);
    }
    Ok(())
}
