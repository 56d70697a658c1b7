//! Learning: inputs into [`Knowledge`], large files in stretches on several threads.

use std::{iter, mem, thread};

use super::{
    Failure, Job, Observer, Outcome, Reader, Run,
    batch::{Selection, for_each},
};
use crate::{
    capture::{self, Source, State, Stretches},
    knowledge::{Knowledge, Options, Shift},
    packet::Batch,
};

impl Job<'_> {
    /// Learns all inputs at hand. Where none could be opened, [`Outcome::opened`] is empty and nothing is known.
    ///
    /// What is selected does not change what is known: every packet teaches, and damage is told wherever it lies, behind
    /// the last packet asked for, too. Only inputs that cannot be read twice end with that packet, since nobody can wait
    /// for the rest of them; those of which only [wanted](Job::wanted) packets are charted are learned to their end, too.
    ///
    /// ```
    /// use portolan::{Job, Registry, knowledge::Options, pipeline::Inputs};
    ///
    /// let registry = Registry::built_in();
    /// let files = ["samples/snmp-get.pcap", "samples/missing.pcap"].map(Into::into);
    /// let (knowledge, outcome) =
    ///     Job::new(Inputs::Files(files.to_vec()), &registry).learn(Options::default(), &())?;
    /// assert_eq!(knowledge.span().packets, 2);
    /// assert_eq!((outcome.opened.len(), outcome.errors.len()), (1, 1));
    /// # Ok::<(), portolan::pipeline::Failure>(())
    /// ```
    ///
    /// # Errors
    /// [`Failure::Input`] where the filter does not fit an input that cannot be read twice. What else is wrong with inputs
    /// is no failure but told in the [`Outcome`].
    pub fn learn(
        &mut self,
        options: Options,
        observer: &impl Observer,
    ) -> Result<(Knowledge, Outcome), Failure> {
        let options = self.within(options);
        let mut knowledge = Knowledge::whole(options);
        knowledge.set_processes(self.processes.as_ref());
        let selects = self.selects() && self.wanted.is_none() && !self.inputs.can_be_read_twice();
        let outcome = self.each_input(observer, selects, None, |run, selection, open| {
            run.learn(open.reader, open.number, selection, &mut knowledge, options).map_err(Failure::Input)
        })?;
        knowledge.settle();
        knowledge.set_hosts(&self.hosts);
        knowledge.set_places(self.places.as_ref());
        Ok((knowledge, outcome))
    }
}

/// Where reading goes on, and what must be remembered for it.
#[derive(Clone)]
struct Position {
    offset: u64,
    state: State,
    /// Packets of the file before it; a guess is numbered as if it followed the first batch.
    packets: u64,
}

/// What came of a stretch.
struct Learned {
    knowledge: Knowledge,
    /// Where it ended.
    end: Position,
    result: Result<(), capture::Error>,
}

/// A file that is read in stretches.
struct Split<'s> {
    run: &'s Run<'s>,
    file: u32,
    options: Options,
    stretches: &'s Stretches,
    /// Where the first stretch begins: behind the first batch.
    begin: Position,
}

impl Run<'_> {
    /// Learns an input on as many threads as are worth it. The result does not depend on their number.
    ///
    /// # Errors
    /// Where the input is damaged; what came before it is learned.
    pub(super) fn learn(
        &self,
        mut reader: Reader<'_>,
        number: u32,
        selection: &mut Selection<'_>,
        knowledge: &mut Knowledge,
        options: Options,
    ) -> Result<(), capture::Error> {
        reader.pass_large_blocks();
        if let Reader::File(file) = &mut reader
            && self.threads > 1
            && selection.is_all()
            && let Some(stretches) = file.stretches()
            && self.is_worth_threads(stretches.len())
        {
            // The first batch shows the interfaces of most files, so that the other stretches can be read like it.
            let mut batch = Batch::new();
            if !file.fill(&mut batch)? {
                return Ok(());
            }
            self.observer.met(batch.len() as u64);
            self.learn_batch(&batch, number, selection, knowledge)?;
            let begin =
                Position { offset: file.position(), state: file.state(), packets: batch.len() as u64 };
            let split = Split { run: self, file: number, options, stretches: &stretches, begin };
            return split.learn(knowledge);
        }
        self.read(reader, |source| self.learn_source(source, number, selection, knowledge))
    }

    /// Learns a source to its end, on this thread.
    fn learn_source(
        &self,
        source: &mut dyn Source,
        file: u32,
        selection: &mut Selection<'_>,
        knowledge: &mut Knowledge,
    ) -> Result<(), capture::Error> {
        self.each_batch(source, selection, false, |batch, selection| {
            self.learn_batch(batch, file, selection, knowledge)?;
            if self.observer.wants_counters() {
                knowledge.settle_so_far();
                self.observer.so_far(knowledge, self.registry);
            }
            Ok(())
        })
    }

    fn learn_batch(
        &self,
        batch: &Batch,
        file: u32,
        selection: &mut Selection<'_>,
        knowledge: &mut Knowledge,
    ) -> Result<(), capture::Error> {
        knowledge.count_oddities(batch);
        knowledge.look_at_sockets();
        let mut learning = knowledge.learning(file);
        let learned = for_each(self.decoder, selection, batch, |_, frame, headers, _| {
            if let Some(headers) = headers {
                learning.learn(&frame, headers);
            }
            Ok(())
        });
        drop(learning);
        knowledge.make_room(self.registry);
        learned
    }
}

impl Split<'_> {
    /// Learns the file from where the first stretch begins.
    fn learn(self, knowledge: &mut Knowledge) -> Result<(), capture::Error> {
        let starts = self.starts()?;
        let ends: Vec<u64> = starts.iter().skip(1).copied().chain([u64::MAX]).collect();
        let known = mem::replace(knowledge, Knowledge::part(self.options));
        let mut read = self.read_all(&starts, &ends, known).into_iter();
        let Some(first) = read.next() else { return Ok(()) };
        *knowledge = first.knowledge;
        first.result?;
        let mut expected = first.end;
        for ((guess, &start), &end) in read.zip(&starts[1..]).zip(&ends[1..]) {
            expected = self.join(guess, start, end, expected, knowledge)?;
        }
        Ok(())
    }

    /// Where stretches begin that are worth a thread each. All but the first are guesses.
    fn starts(&self) -> Result<Vec<u64>, capture::Error> {
        let rest = self.stretches.len().saturating_sub(self.begin.offset);
        let count = (rest / self.run.min_stretch.max(1)).clamp(1, self.run.threads as u64);
        let mut starts = vec![self.begin.offset];
        for part in 1..count {
            let from = self.begin.offset + rest / count * part;
            if let Some(start) = self.stretches.boundary(&self.begin.state, from)?
                && starts.last().is_some_and(|&last| last < start)
            {
                starts.push(start);
            }
        }
        Ok(starts)
    }

    /// Reads all stretches, on a thread each. The first goes on with what is known already; the others begin with nothing.
    fn read_all(&self, starts: &[u64], ends: &[u64], known: Knowledge) -> Vec<Learned> {
        let fresh = iter::repeat_with(|| Knowledge::part(self.options));
        thread::scope(|scope| {
            let workers: Vec<_> = starts
                .iter()
                .zip(ends)
                .zip(iter::once(known).chain(fresh))
                .map(|((&offset, &end), knowledge)| {
                    let from = Position { offset, ..self.begin.clone() };
                    scope.spawn(move || self.read(from, end, knowledge))
                })
                .collect();
            let join = |worker: thread::ScopedJoinHandle<'_, _>| {
                worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            };
            workers.into_iter().map(join).collect()
        })
    }

    /// Learns one stretch.
    fn read(&self, from: Position, end: u64, mut knowledge: Knowledge) -> Learned {
        let known = knowledge.span().packets;
        let mut stretch = self.stretches.stretch(from.state, from.offset..end, from.packets + 1);
        let result = self.run.learn_source(&mut stretch, self.file, &mut Selection::all(), &mut knowledge);
        let packets = from.packets + knowledge.span().packets - known;
        let end = Position { offset: stretch.position(), state: stretch.state(), packets };
        Learned { knowledge, end, result }
    }

    /// Appends a stretch that was read from the guess `start`, while the one before it ended at `expected`. Returns where
    /// this one ended.
    fn join(
        &self,
        guess: Learned,
        start: u64,
        end: u64,
        expected: Position,
        knowledge: &mut Knowledge,
    ) -> Result<Position, capture::Error> {
        // A boundary that the stretch before does not end at was a guess misled by a payload; so was one behind which
        // interfaces differ. Then the stretch is read again, from where it truly begins.
        let right = start == expected.offset && self.begin.state == expected.state;
        let (later, shift) = if right {
            (guess, expected.packets - self.begin.packets)
        } else {
            drop(guess);
            (self.read(expected.clone(), end, Knowledge::part(self.options)), 0)
        };
        let Learned { knowledge: mut later, end: ended, result } = later;
        if later.lacks_notes() {
            self.learn_order(&expected, end, knowledge);
            later.forget_notes();
        }
        knowledge.merge(later, Shift { number: shift, file: 0 }, self.run.registry);
        result.map_err(|error| error.after(shift))?;
        Ok(Position { packets: ended.packets + shift, ..ended })
    }

    /// Reads a stretch again for the DNS messages in it, where there were too many to be noted down.
    #[cold]
    fn learn_order(&self, from: &Position, end: u64, knowledge: &mut Knowledge) {
        let mut stretch = self.stretches.stretch(from.state.clone(), from.offset..end, from.packets + 1);
        let mut batch = Batch::new();
        // Damage ends this turn where it ended the first one, which reports it.
        while let Ok(true) = stretch.fill(&mut batch) {
            let learned =
                for_each(self.run.decoder, &mut Selection::all(), &batch, |_, frame, headers, _| {
                    if let Some(headers) = headers {
                        knowledge.learn_order(&frame, headers, self.file);
                    }
                    Ok::<(), capture::Error>(())
                });
            if learned.is_err() || self.run.is_stopped() {
                break;
            }
        }
    }
}
