//! Five-tuples that had to leave a full table: their totals stay, under the name they had.

use std::collections::BTreeMap;

use super::{Damaged, Knowledge, Subject, answers::label_of, context};
use crate::{
    flow::{FiveTuple, Leaving, Served, Tally},
    naming::{
        self,
        label::{Label, Labels},
    },
    packed::{Broken, Reader, Writer, check},
    packet::TransportProtocol,
    registry::Registry,
    text::escape::is_harmless,
};

/// Totals of five-tuples that had to leave, under the name they had then.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct Departed {
    /// Their label.
    pub label: Label,
    /// Their protocol.
    pub protocol: TransportProtocol,
    /// Their counters.
    pub tally: Tally,
    /// How many flows they had.
    pub flows: u64,
    /// Their damaged packets.
    pub damaged: Damaged,
}

impl Departed {
    fn of(label: Label, protocol: TransportProtocol) -> Self {
        Self { label, protocol, ..Self::default() }
    }

    fn then(&mut self, later: &Self) {
        self.tally.then(&later.tally);
        self.flows += later.flows;
        self.damaged.add(&later.damaged);
    }
}

/// All that left, by the key of their label and the port that serves.
#[derive(Debug, Default)]
pub(super) struct Graves(BTreeMap<(String, Option<u16>), Departed>);

impl Graves {
    pub(super) fn all(&self) -> impl Iterator<Item = &Departed> {
        self.0.values()
    }

    pub(super) fn flows(&self) -> u64 {
        self.all().map(|gone| gone.flows).sum()
    }

    fn bury(&mut self, tuple: &FiveTuple<'_>, label: &Label, damaged: &Damaged) {
        let grave = self.of(label, tuple.key.protocol());
        grave.tally.then(&tuple.total());
        grave.flows += tuple.flows;
        grave.damaged.add(damaged);
    }

    /// Where those with a label lie.
    fn of(&mut self, label: &Label, protocol: TransportProtocol) -> &mut Departed {
        let known = self.0.entry((label.key.clone(), label.port));
        known.or_insert_with(|| Departed::of(label.clone(), protocol))
    }

    pub(super) fn write(&self, out: &mut Writer) {
        out.all(self.0.iter());
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Broken> {
        let mut graves = Self::default();
        reader.all(1 << 22, |(key, gone): ((String, Option<u16>), Departed)| {
            let text = std::str::from_utf8(&gone.label.text).map_err(|_| Broken)?;
            check(is_harmless(text) && gone.tally.is_sound() && gone.flows < 1 << 52)?;
            check(gone.damaged.counts().all(|(_, count)| count < 1 << 52))?;
            check(graves.0.insert(key, gone).is_none())
        })?;
        Ok(graves)
    }

    pub(super) fn merge(&mut self, later: Self) {
        for (key, gone) in later.0 {
            let known = self.0.entry(key);
            known.or_insert_with(|| Departed::of(gone.label.clone(), gone.protocol)).then(&gone);
        }
    }
}

impl Knowledge {
    /// Makes room where the tables hold as many five-tuples as they may: the least recently seen quarter leaves.
    ///
    /// To be called once per batch: the tables grow by no more than the five-tuples of one beyond
    /// [their limit](super::Options::limit).
    #[inline]
    pub fn make_room(&mut self, registry: &Registry) {
        self.let_oldest_leave(registry);
    }

    /// The same, and tells which five-tuples left, if any: whoever has [answers](super::Answers::release) for the others keeps
    /// them.
    #[inline]
    pub(crate) fn let_oldest_leave(&mut self, registry: &Registry) -> Option<Leaving> {
        let is_full = self.flows.is_full(self.options.limit);
        let left = is_full.then(|| self.shrink(self.options.limit / 4 * 3, registry));
        self.shorten_traffic(registry);
        left
    }

    /// Makes room for the five-tuples of a stretch that is to be merged.
    pub(super) fn make_room_for(&mut self, later: &Self, registry: &Registry) {
        self.make_room(registry);
        if let Some(keep) = self.flows.must_shrink(&later.flows) {
            self.shrink(keep, registry);
        }
    }

    /// Lets the least recently seen five-tuples leave, under the names they have now, until so many are left per family.
    #[cold]
    fn shrink(&mut self, keep: usize, registry: &Registry) -> Leaving {
        let leaving = self.flows.oldest(keep);
        self.let_go(&leaving, registry);
        leaving
    }

    /// Lets go what was told of already: flows that gave way to others of their five-tuples, and these five-tuples. Their
    /// totals stay under the names they have now.
    pub(crate) fn release(&mut self, leaving: &Leaving, registry: &Registry) {
        let Self { options, flows, dns, announced, totals, departed, .. } = self;
        let earlier = flows.take_earlier();
        let context = context(options, flows, (dns, announced), &totals.span, registry, 1);
        let mut labels = Labels::default();
        for (id, ended) in earlier {
            let Some(tuple) = flows.five_tuple(id) else { continue };
            let label = label_of(&tuple, &mut labels, &context);
            let grave = departed.of(labels.label(label), tuple.key.protocol());
            ended.iter().for_each(|flow| grave.tally.then(&flow.tally));
            grave.flows += ended.len() as u64;
        }
        if leaving.ids().next().is_some() {
            self.let_go(leaving, registry);
        }
    }

    fn let_go(&mut self, leaving: &Leaving, registry: &Registry) {
        let Self { options, flows, dns, announced, totals, departed, over_time, .. } = self;
        flows.prepare(leaving);
        let context = context(options, flows, (dns, announced), &totals.span, registry, 1);
        let (mut labels, mut served) = (Labels::default(), Served::default());
        for tuple in leaving.ids().filter_map(|id| flows.five_tuple(id)) {
            let label = label_of(&tuple, &mut labels, &context);
            let damaged = totals.forget(tuple.key);
            departed.bury(&tuple, labels.label(label), &damaged);
            if let Some(over_time) = over_time {
                over_time.leave(&Subject::Flow(tuple.key), labels.label(label));
            }
            if let Some(server) = naming::proven(&tuple, &context) {
                served.insert(&tuple.key, server);
            }
        }
        flows.remove(leaving, served);
    }
}
