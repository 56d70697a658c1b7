//! Packets that are chosen, counted by themselves: the rows of a screen are of them alone, and their names come from all packets.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{
    knowledge::{Answers, Knowledge, Options, View},
    record::Record,
    registry::Registry,
    sink::Encoder,
};

/// What the chosen packets of a job that [follows](crate::Job::follow) its inputs teach: every clone adds to the same.
#[derive(Clone, Debug)]
pub struct Chosen<'r> {
    registry: &'r Registry,
    /// `None` where all packets are wanted, which are known already.
    known: Option<Arc<Mutex<Knowledge>>>,
}

impl<'r> Chosen<'r> {
    /// No packets yet, of which this is to be learned; or all there are, where `chooses` is not set.
    pub fn new(options: Options, registry: &'r Registry, chooses: bool) -> Self {
        let options = Options { causal: true, ..options };
        Self { registry, known: chooses.then(|| Arc::new(Mutex::new(Knowledge::whole(options)))) }
    }

    /// Hands what is known of the chosen packets to `show`, named as in the whole.
    pub fn view<T>(&self, whole: &View<'_>, show: impl FnOnce(&View<'_>) -> T) -> T {
        let Some(known) = &self.known else { return show(whole) };
        let mut known = locked(known);
        known.pass_time();
        // Of few or none of them it is told what hosts are called.
        known.copy_hosts(whole.knowledge);
        let answers = Answers::of_piece(&known, whole.knowledge, whole.answers);
        show(&View { knowledge: &known, answers: &answers, registry: whole.registry })
    }
}

fn locked(known: &Mutex<Knowledge>) -> MutexGuard<'_, Knowledge> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Encoder for Chosen<'_> {
    type Part = ();

    fn packet(&mut self, record: &Record<'_>, _part: &mut ()) {
        if let Some(known) = &self.known {
            let mut known = locked(known);
            known.follow(&record.frame, record.headers, 0);
            known.make_room(self.registry);
        }
    }
}
