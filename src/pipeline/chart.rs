//! Charting: a record of each packet, with all that was learned. On several threads batch by batch, written in order.

use std::{
    array, io,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
};

use super::{Failure, Job, Observer, Open, Outcome, Reader, Run, batch::Selection};
use crate::{
    capture::{self, FileSource, Losses, Source},
    decode::{Decoder, Headers},
    knowledge::{Knowledge, Place, View},
    packet::{Batch, Timestamp},
    record::Charter,
    sink::{Encoder, Input, Sink},
};

/// Frames that are decoded before the first of them is charted.
const GROUP: usize = 32;
/// Octets of a batch above which no other is on its way, and its memory is given back: only a record that large makes one.
const LARGE: usize = 4 << 20;
/// Octets a thread has at least before charting is shared out to several.
const MIN_SHARE: u64 = 4 << 20;

impl Job<'_> {
    /// Charts all inputs at hand: encodes each packet that is selected with what is known, and hands it to the sink.
    ///
    /// Of inputs that are learned apart ([`Job::next_turn`]) the outputs are one: it begins with the first and is
    /// finished with the last.
    ///
    /// # Errors
    /// [`Failure::Output`] where the sink fails, [`Failure::Input`] where the filter does not fit an input; what came
    /// before was handed over, and the sink not finished. What else is wrong with inputs is told in the [`Outcome`].
    pub fn chart<E: Encoder>(
        &mut self,
        view: &View<'_>,
        encoder: E,
        sink: &mut impl Sink<E::Part>,
        observer: &impl Observer,
    ) -> Result<Outcome, Failure> {
        let charter = Charter::new(view.knowledge, view.answers);
        let mut outlet = Outlet::new(encoder, sink, self.turns.has_begun);
        outlet.encoder.know(view.knowledge);
        let began = view.knowledge.span().first();
        let outcome = self.each_input(observer, true, began, |run, selection, open| {
            outlet.begin(&open)?;
            run.chart(open, selection, &charter, &mut outlet)
        })?;
        self.finish(outlet, view.knowledge, &outcome)?;
        Ok(outcome)
    }

    /// Completes what came of the inputs at hand, and the output if they are the last, where there is anything to tell.
    pub(super) fn finish<E: Encoder>(
        &mut self,
        outlet: Outlet<'_, E, impl Sink<E::Part>>,
        knowledge: &Knowledge,
        outcome: &Outcome,
    ) -> io::Result<()> {
        let delivered = self.turns.delivered || outcome.delivered;
        let last = outcome.stopped || self.turns.at.is_none() || self.rest().is_empty();
        let ends = outcome.delivered || last && delivered;
        let each: Vec<_> = match outcome.losses_of_each.as_slice() {
            [] => outcome.losses.into_iter().collect(),
            each => each.iter().map(|(_, losses)| *losses).collect(),
        };
        let has_begun = outlet.finish(knowledge, &each, ends, last && delivered)?;
        if self.turns.at.is_some() {
            (self.turns.has_begun, self.turns.delivered) = (has_begun, delivered);
        }
        Ok(())
    }
}

/// Where records go: the encoder, the sink, and what is on its way from one to the other.
pub(super) struct Outlet<'s, E: Encoder, S> {
    pub(super) encoder: E,
    pub(super) sink: &'s mut S,
    pub(super) part: E::Part,
    has_begun: bool,
}

impl<'s, E: Encoder, S: Sink<E::Part>> Outlet<'s, E, S> {
    /// An output, which other inputs may have begun.
    pub(super) fn new(encoder: E, sink: &'s mut S, has_begun: bool) -> Self {
        Self { encoder, sink, part: E::Part::default(), has_begun }
    }

    /// Begins an input, and before the first one the output: nothing is written before an input is open.
    pub(super) fn begin(&mut self, open: &Open<'_>) -> io::Result<()> {
        self.begin_output();
        let (format, interfaces) = (open.reader.format(), open.reader.interfaces());
        let big_endian = open.reader.is_big_endian();
        self.encoder.input(&Input { name: open.name, format, big_endian, interfaces }, &mut self.part);
        self.sink.head(&mut self.part)
    }

    fn begin_output(&mut self) {
        if !self.has_begun {
            self.has_begun = true;
            self.encoder.begin(&mut self.part);
        }
    }

    /// Hands over what was encoded.
    pub(super) fn take(&mut self) -> io::Result<()> {
        self.sink.take(&mut self.part)
    }

    /// Ends what these inputs `delivered`, and if nothing `last`s behind it, the output. Returns whether that has begun.
    fn finish(
        mut self,
        knowledge: &Knowledge,
        losses: &[Losses],
        delivered: bool,
        last: bool,
    ) -> io::Result<bool> {
        if delivered {
            self.begin_output();
            self.encoder.losses(losses, &mut self.part);
            self.encoder.end(knowledge, &mut self.part);
            self.sink.rest(&mut self.part)?;
        }
        if last {
            self.sink.finish()?;
        }
        Ok(self.has_begun)
    }
}

/// What charts batches: one, or one a thread.
#[derive(Clone)]
struct Worker<'k> {
    charter: Charter<'k>,
    /// The name of the input in its records.
    label: Option<&'k str>,
    decoder: &'k Decoder,
    /// What is known of the frames of a group, so that what the memory takes to answer passes for all at the same time.
    headers: [Headers; GROUP],
    places: [Place; GROUP],
    taken: [bool; GROUP],
}

impl<'k> Worker<'k> {
    fn new(charter: Charter<'k>, label: Option<&'k str>, decoder: &'k Decoder) -> Self {
        let headers = array::from_fn(|_| Headers::default());
        let (places, taken) = ([Place::default(); GROUP], [false; GROUP]);
        Self { charter, label, decoder, headers, places, taken }
    }

    /// Charts a batch; `previous` is the time of the packet before it, and then that of its last one.
    fn chart<E: Encoder>(
        &mut self,
        batch: &Batch,
        selection: &mut Selection<'_>,
        previous: &mut Option<Timestamp>,
        encoder: &mut E,
        part: &mut E::Part,
    ) -> Result<(), capture::Error> {
        let Self { charter, label, decoder, headers, places, taken } = self;
        encoder.batch(batch, part);
        selection.see(batch);
        let (all, by_record) = (selection.is_all(), selection.is_by_record());
        for start in (0..batch.len()).step_by(GROUP) {
            let range = start..batch.len().min(start + GROUP);
            let group = headers.iter_mut().zip(&mut *places).zip(&mut *taken);
            for (index, ((headers, place), taken)) in range.clone().zip(group) {
                let frame = batch.frame(index);
                *taken = by_record || selection.takes(&frame)?;
                *place = if *taken {
                    decoder.decode(frame.link, frame.octets, frame.original_len, headers);
                    charter.place(headers, frame.time)
                } else {
                    Place::default()
                };
            }
            charter.locate(&mut places[..range.len()]);
            let group = headers.iter().zip(&*places).zip(&*taken);
            for (index, ((headers, place), &taken)) in range.zip(group) {
                let (frame, raw) = (batch.frame(index), batch.record(index));
                if !taken {
                    encoder.skip(raw, part);
                    continue;
                }
                let names = (*label, batch.interface_name(frame.interface));
                let record = charter.chart(names, (frame, raw), headers, place, *previous);
                if all || selection.wants(&record) {
                    encoder.packet(&record, part);
                    *previous = frame.time.or(*previous);
                } else {
                    encoder.skip(raw, part);
                }
            }
        }
        Ok(())
    }
}

impl Run<'_> {
    /// Charts an input on as many threads as are worth it.
    ///
    /// # Errors
    /// [`Failure`]: what came before it was handed over.
    fn chart<E: Encoder, S: Sink<E::Part>>(
        &self,
        open: Open<'_>,
        selection: &mut Selection<'_>,
        charter: &Charter<'_>,
        outlet: &mut Outlet<'_, E, S>,
    ) -> Result<(), Failure> {
        let Open { number, label, mut reader, .. } = open;
        if !outlet.encoder.keeps_blocks() {
            reader.pass_large_blocks();
        }
        let charter = charter.of_file(number);
        let mut worker = Worker::new(charter, label, self.decoder);
        if let Reader::File(file) = &mut reader {
            file.set_batch_len(outlet.encoder.batch_len());
            let large = file.size().is_none_or(|size| size >= 2 * self.min_stretch.min(MIN_SHARE));
            let apart = selection.is_all() || selection.is_apart() && !outlet.encoder.looks_back();
            if self.threads > 1 && apart && large {
                return self.chart_on_threads(file, selection, &worker, outlet);
            }
        }
        let to_end = outlet.encoder.keeps_blocks() && reader.ends();
        let mut previous = None;
        self.read(reader, |source| {
            self.each_batch(source, selection, to_end, |batch, selection| {
                let (encoder, part) = (&mut outlet.encoder, &mut outlet.part);
                let charted = worker.chart(batch, selection, &mut previous, encoder, part);
                // Damage ends the input, not what was made of it before.
                outlet.take()?;
                Ok(charted?)
            })
        })
    }

    fn chart_on_threads<E: Encoder, S: Sink<E::Part>>(
        &self,
        source: &mut FileSource,
        selection: &mut Selection<'_>,
        worker: &Worker<'_>,
        outlet: &mut Outlet<'_, E, S>,
    ) -> Result<(), Failure> {
        thread::scope(|scope| {
            // Batch n goes to worker n modulo their number, and its part is fetched in the same turn: order needs no
            // sorting, and every channel is bounded.
            let mut lanes: Vec<Lane<E::Part>> = Vec::new();
            for _ in 0..self.threads {
                let (to_worker, work) = sync_channel::<Work<E::Part>>(1);
                let (done, from_worker) = sync_channel::<Work<E::Part>>(1);
                let (mut worker, encoder) = (worker.clone(), outlet.encoder.clone());
                let selection = selection.fork();
                scope.spawn(move || worker.run(encoder, selection, &work, &done));
                lanes.push(Lane { to_worker, from_worker, spare: vec![Work::default(), Work::default()] });
            }
            let mut previous = None;
            let (mut sent, mut fetched) = (0, 0);
            let mut end = Ok(());
            let count = lanes.len();
            loop {
                let lane = &mut lanes[sent % count];
                let Some(mut work) = lane.spare.pop() else {
                    selection.count(fetch(&mut lanes, &mut fetched, outlet.sink)?);
                    continue;
                };
                let filled = source.fill(&mut work.batch);
                if !matches!(filled, Ok(true)) {
                    // What grew in its part is taken at the end.
                    lane.spare.push(work);
                    end = filled.map(|_| ()).map_err(Failure::Input);
                    break;
                }
                selection.see(&work.batch);
                self.observer.met(work.batch.len() as u64);
                self.observer.read(source.consumed());
                work.previous = previous;
                previous = work.batch.frames().filter_map(|frame| frame.time).last().or(previous);
                let alone = work.batch.octets().len() > LARGE;
                if lane.to_worker.send(work).is_err() {
                    break;
                }
                sent += 1;
                while alone && fetched < sent {
                    selection.count(fetch(&mut lanes, &mut fetched, outlet.sink)?);
                }
                if self.is_stopped() {
                    break;
                }
            }
            while fetched < sent {
                selection.count(fetch(&mut lanes, &mut fetched, outlet.sink)?);
            }
            for work in lanes.iter_mut().flat_map(|lane| &mut lane.spare) {
                outlet.sink.rest(&mut work.part)?;
            }
            end
        })
    }
}

/// A batch on its way to a worker, and what was made of it on the way back. Reused.
#[derive(Default)]
struct Work<P> {
    batch: Batch,
    /// Time of the packet before the batch.
    previous: Option<Timestamp>,
    /// Frames of it that were chosen, where not all are.
    taken: u64,
    part: P,
}

/// The way to a worker and back.
struct Lane<P> {
    to_worker: SyncSender<Work<P>>,
    from_worker: Receiver<Work<P>>,
    spare: Vec<Work<P>>,
}

impl Worker<'_> {
    /// Charts what comes until nothing more does.
    fn run<E: Encoder>(
        &mut self,
        mut encoder: E,
        mut selection: Selection<'_>,
        work: &Receiver<Work<E::Part>>,
        done: &SyncSender<Work<E::Part>>,
    ) {
        while let Ok(mut work) = work.recv() {
            let Work { batch, previous, taken, part } = &mut work;
            let before = selection.taken();
            // Without a capture filter choosing cannot fail.
            let charted = self.chart(batch, &mut selection, previous, &mut encoder, part);
            *taken = selection.taken() - before;
            if charted.is_err() || done.send(work).is_err() {
                return;
            }
        }
    }
}

/// Hands the part whose turn it is to the sink. Returns how many frames were chosen for it.
fn fetch<P>(lanes: &mut [Lane<P>], fetched: &mut usize, sink: &mut impl Sink<P>) -> io::Result<u64> {
    let count = lanes.len();
    let lane = &mut lanes[*fetched % count];
    *fetched += 1;
    // A worker that is gone has panicked; the scope passes its panic on.
    if let Ok(mut work) = lane.from_worker.recv() {
        sink.take(&mut work.part)?;
        let taken = work.taken;
        if work.batch.octets().len() > LARGE {
            work.batch = Batch::new();
        }
        lane.spare.push(work);
        return Ok(taken);
    }
    Ok(0)
}
