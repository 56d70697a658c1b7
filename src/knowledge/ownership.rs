//! Which processes own the ends of five-tuples, where that is asked for: asked when a flow is met, and again after each look at
//! the sockets of this host while it is unknown.

use std::sync::Arc;

use super::{Knowledge, answers::PerFlow};
use crate::{
    flow::{FiveTuple, FlowId, Leaving},
    packet::Timestamp,
    processes::{Held, Listeners, Processes},
};

/// Five-tuples that are asked for again after each look; of more it is asked when their next packet comes.
const MOST_OPEN: usize = 1 << 16;
/// How long after its last packet a five-tuple is asked for again, in ns: several looks.
const PATIENCE: u64 = 5 * Timestamp::SECOND;

/// The sockets of this host, as they are known between two batches.
#[derive(Clone, Debug)]
pub(super) struct Sockets {
    processes: Arc<Processes>,
    pub(super) listeners: Arc<Listeners>,
}

impl Knowledge {
    /// Has answers say which process owns an end, and the rule `listening` speak.
    pub fn set_processes(&mut self, processes: Option<&Arc<Processes>>) {
        self.sockets = processes
            .map(|processes| Sockets { processes: Arc::clone(processes), listeners: processes.listeners() });
    }

    /// Takes in what was met of this host's sockets since the batch before.
    pub(crate) fn look_at_sockets(&mut self) {
        if let Some(sockets) = &mut self.sockets
            && sockets.processes.looks() != sockets.listeners.look()
        {
            sockets.listeners = sockets.processes.listeners();
        }
    }

    pub(super) fn processes(&self) -> Option<Arc<Processes>> {
        self.sockets.as_ref().map(|sockets| Arc::clone(&sockets.processes))
    }
}

/// What was said of the ends of a five-tuple.
#[derive(Clone, Debug)]
struct Asked {
    /// How many flows it had by then: the next one is another.
    flows: u64,
    ends: [Option<Held>; 2],
    /// Whether it is among those that are asked for again.
    is_open: bool,
}

/// The owners of all ends.
#[derive(Debug)]
pub(super) struct Ownership {
    processes: Arc<Processes>,
    of: PerFlow<Option<Asked>>,
    open: Vec<FlowId>,
    /// The look that those were asked for after.
    look: u64,
}

impl Ownership {
    pub(super) fn new(processes: Arc<Processes>) -> Self {
        let look = processes.looks();
        Self { processes, of: PerFlow::default(), open: Vec::new(), look }
    }

    /// Those of all five-tuples that are held.
    pub(super) fn of_all(knowledge: &Knowledge) -> Option<Self> {
        let mut all = Self::new(knowledge.processes()?);
        knowledge.flows().five_tuples().for_each(|tuple| all.learn(&tuple));
        Some(all)
    }

    /// The same for a piece, whose five-tuples have these numbers in the whole.
    pub(super) fn of_piece(&self, ids: &[(FlowId, Option<FlowId>)]) -> Self {
        let mut own = Self::new(Arc::clone(&self.processes));
        for &(id, whole) in ids {
            *own.of.at(id, None) = whole.and_then(|whole| self.of.get(whole)).flatten();
        }
        own
    }

    /// Who owns the low and the high end of a five-tuple's current flow; `None` of an end that is not on this host.
    pub(super) fn get(&self, id: FlowId) -> [Option<&Held>; 2] {
        let asked = self.of.get_ref(id).and_then(Option::as_ref);
        asked.map_or([None; 2], |asked| asked.ends.each_ref().map(Option::as_ref))
    }

    fn ask(&self, tuple: &FiveTuple<'_>) -> ([Option<Held>; 2], bool) {
        let (protocol, tally) = (tuple.key.protocol(), &tuple.current.tally);
        let span = (tally.first(), tally.last());
        let ends = self.processes.held(protocol, [tuple.key.low(), tuple.key.high()], span);
        let is_settled = ends.iter().flatten().all(|held| held.is_settled(protocol));
        (ends, is_settled)
    }

    /// Asks for a five-tuple that a packet came of.
    #[inline]
    pub(super) fn learn(&mut self, tuple: &FiveTuple<'_>) {
        let asked = self.of.at(tuple.id, None);
        let is_known = |asked: &Asked| {
            asked.flows == tuple.flows
                && (asked.is_open
                    || asked.ends.iter().flatten().all(|held| held.is_settled(tuple.key.protocol())))
        };
        if tuple.key.ports().is_some() && !asked.as_ref().is_some_and(is_known) {
            self.learn_anew(tuple);
        }
    }

    #[cold]
    fn learn_anew(&mut self, tuple: &FiveTuple<'_>) {
        let (ends, is_settled) = self.ask(tuple);
        let is_open = !is_settled && self.open.len() < MOST_OPEN;
        if is_open {
            self.open.push(tuple.id);
        }
        *self.of.at(tuple.id, None) = Some(Asked { flows: tuple.flows, ends, is_open });
    }

    /// Asks again for those of which more may be known, where there was a look since.
    pub(super) fn keep_up(&mut self, knowledge: &Knowledge) {
        let look = self.processes.looks();
        if self.look == look {
            return;
        }
        self.look = look;
        let now = knowledge.span().last().map(|now| now.0);
        let mut open = std::mem::take(&mut self.open);
        open.retain(|&id| {
            let Some(tuple) = knowledge.flows().five_tuple(id) else { return false };
            let (ends, is_settled) = self.ask(&tuple);
            let last = tuple.current.tally.last();
            let is_over = last.zip(now).is_some_and(|(last, now)| last.saturating_add(PATIENCE) < now);
            let is_open = !is_settled && !is_over;
            if let Some(asked) = self.of.at(id, None) {
                // A socket that was closed is met no more, but was known.
                if asked.flows != tuple.flows || ends.iter().flatten().any(|held| held.owner.is_some()) {
                    asked.ends = ends;
                }
                (asked.flows, asked.is_open) = (tuple.flows, is_open);
            }
            is_open
        });
        self.open = open;
    }

    /// Leaves out what is about five-tuples that left.
    pub(super) fn remove(&mut self, leaving: &Leaving) {
        self.of.remove(leaving);
        self.forget_open();
    }

    /// Forgets all where five-tuples got new numbers.
    pub(super) fn renumber(&mut self) {
        self.of = PerFlow::default();
        self.open.clear();
    }

    /// Five-tuples that were to be asked for again have other numbers now: it is done with their next packets.
    fn forget_open(&mut self) {
        self.open.clear();
        for asked in self.of.all_mut().flatten() {
            asked.is_open = false;
        }
    }
}
