//! Following: learn and chart in one pass, each packet named by what was known when it came.

use super::{
    Failure, Job, Observer, Open, Outcome, Run,
    batch::{Selection, for_each},
    chart::Outlet,
};
use crate::{
    decode::Headers,
    flow::Leaving,
    knowledge::{Answers, Knowledge, Options, View},
    packet::{Batch, Frame, Timestamp},
    record::Charter,
    sink::{Encoder, Sink},
};

impl Job<'_> {
    /// Learns all inputs at hand and charts them at the same time, packet by packet. Needs no second reading, so that
    /// pipes and interfaces can be annotated. All packets teach, up to the last one that is charted.
    ///
    /// # Errors
    /// As [`Job::chart`].
    pub fn follow<E: Encoder>(
        &mut self,
        options: Options,
        encoder: E,
        sink: &mut impl Sink<E::Part>,
        observer: &impl Observer,
    ) -> Result<(Knowledge, Answers, Outcome), Failure> {
        let mut state = State {
            // Packets come one after the other: whatever the threads, there is one set of tables.
            knowledge: Knowledge::whole(Options { causal: true, ..self.within_sets(options, 1) }),
            answers: Answers::new(encoder.shows_community_ids() || self.asks_community_ids()),
        };
        state.knowledge.set_hosts(&self.hosts);
        state.knowledge.set_places(self.places.as_ref());
        state.knowledge.set_processes(self.processes.as_ref());
        let mut outlet = Outlet::new(encoder, sink, self.turns.has_begun);
        let outcome = self.each_input(observer, true, None, |run, selection, open| {
            outlet.begin(&open)?;
            run.follow(open, selection, &mut state, &mut outlet)
        })?;
        let State { knowledge, answers } = state;
        self.finish(outlet, &knowledge, &outcome)?;
        Ok((knowledge, answers, outcome))
    }
}

/// What is known by now.
struct State {
    knowledge: Knowledge,
    answers: Answers,
}

/// What follows an input.
struct Follower<'f, 's, E: Encoder, S> {
    run: &'f Run<'f>,
    state: &'f mut State,
    outlet: &'f mut Outlet<'s, E, S>,
    /// The number of the input.
    file: u32,
    /// Its name in its records.
    label: Option<&'f str>,
    /// Time of the packet before.
    previous: Option<Timestamp>,
}

impl Run<'_> {
    /// Follows an input.
    ///
    /// # Errors
    /// [`Failure`]: what came before it was handed over.
    fn follow<E: Encoder, S: Sink<E::Part>>(
        &self,
        open: Open<'_>,
        selection: &mut Selection<'_>,
        state: &mut State,
        outlet: &mut Outlet<'_, E, S>,
    ) -> Result<(), Failure> {
        let Open { number: file, label, mut reader, .. } = open;
        if !outlet.encoder.keeps_blocks() {
            reader.pass_large_blocks();
        }
        let to_end = outlet.encoder.keeps_blocks() && reader.ends();
        let mut follower = Follower { run: self, state, outlet, file, label, previous: None };
        self.read(reader, |source| {
            self.each_batch(source, selection, to_end, |batch, selection| follower.batch(batch, selection))
        })
    }
}

impl<E: Encoder, S: Sink<E::Part>> Follower<'_, '_, E, S> {
    fn batch(&mut self, batch: &Batch, selection: &mut Selection<'_>) -> Result<(), Failure> {
        self.state.knowledge.count_oddities(batch);
        self.state.knowledge.look_at_sockets();
        self.outlet.encoder.batch(batch, &mut self.outlet.part);
        let followed = for_each(self.run.decoder, selection, batch, |index, frame, headers, selection| {
            let raw = batch.record(index);
            let is_shown = headers.is_some_and(|headers| {
                let name = batch.interface_name(frame.interface);
                self.packet((frame, raw, name), headers, selection)
            });
            if !is_shown {
                self.outlet.encoder.skip(raw, &mut self.outlet.part);
            }
            if self.outlet.sink.is_at_once() {
                self.outlet.take()?;
                self.outlet.sink.flush()?;
            }
            Ok(())
        });
        if matches!(followed, Err(Failure::Output(_))) {
            return followed;
        }
        self.outlet.take()?;
        let State { knowledge, answers } = &mut *self.state;
        answers.keep_up(knowledge);
        knowledge.pass_time();
        let view = View { knowledge, answers, registry: self.run.registry };
        self.outlet.sink.learned(&view)?;
        self.outlet.sink.flush()?;
        self.run.observer.learned(&view);
        if let Some(spent) = self.outlet.sink.spent() {
            let (leaving, State { knowledge, answers }) = (Leaving::new(&spent), &mut *self.state);
            knowledge.release(&leaving, self.run.registry);
            answers.release(&leaving, knowledge);
        }
        followed
    }

    /// Learns a packet, and charts it where it is taken by a selection. Returns whether it is shown.
    fn packet(
        &mut self,
        (frame, raw, name): (Frame<'_>, &[u8], Option<&str>),
        headers: &Headers,
        selection: Option<&mut Selection<'_>>,
    ) -> bool {
        let (State { knowledge, answers }, registry) = (&mut *self.state, self.run.registry);
        let place = knowledge.follow(&frame, headers, self.file);
        answers.revise(headers, &place, knowledge, registry);
        let mut is_shown = false;
        if let Some(selection) = selection {
            let charter = Charter::new(knowledge, answers).of_file(self.file);
            let names = (self.label, name);
            let record = charter.chart(names, (frame, raw), headers, &place, self.previous);
            is_shown = selection.wants(&record);
            if is_shown {
                self.outlet.encoder.packet(&record, &mut self.outlet.part);
                self.previous = frame.time.or(self.previous);
            }
        }
        // Rarely called for, so it need not wait for the end of the batch.
        if let Some(left) = knowledge.let_oldest_leave(registry) {
            answers.release(&left, knowledge);
        }
        is_shown
    }
}
