//! The answer of every five-tuple, worked out from [`Knowledge`].

use std::{ops::Range, sync::Arc};

use hashbrown::HashMap;

use super::{
    Knowledge, Place,
    domains::{Domains, Named},
    ownership::Ownership,
};
use crate::{
    decode::{Headers, Kind},
    flow::{
        Direction, Ends, Facts, Family, FiveTuple, FlowId, Flows, GROUP, Key, Leaving, Met, Shown,
        community_id, prefetch,
    },
    naming::{
        self, Context, Memo, Rule, Side, answer_by,
        label::{Label, Labels},
    },
    places::{Located, Location, Places},
    processes::Held,
    registry::Registry,
};

/// The answer of one five-tuple.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// Number of its label.
    pub label: u32,
    /// Which side serves.
    pub side: Side,
    /// The rule that said so; `None` where there are no ports.
    pub rule: Option<Rule>,
    /// Whether an earlier packet of the flow got another answer.
    pub revised: bool,
}

/// The answers of all five-tuples.
#[derive(Debug, Default)]
pub struct Answers {
    labels: Labels,
    kinds: HashMap<Kind, u32>,
    known: PerFlow<Option<Known>>,
    /// Those of five-tuples that only ICMP errors spoke of; where the past alone is known, of the last such error.
    quoted: HashMap<Key, Known>,
    /// What the answers were worked out from, where they are revised.
    bases: PerFlow<Option<Basis>>,
    generation: u64,
    none: Label,
    /// A capture has far more packets than flows.
    community_ids: Option<PerFlow<[u8; 28]>>,
    /// What ends are called, where that was asked for.
    domains: Option<Box<Domains>>,
    /// Where their ends are, where a file says that.
    places: Option<Box<Whereabouts>>,
    /// Which processes own their ends, where that was asked for.
    owners: Option<Box<Ownership>>,
}

/// Where the ends of five-tuples are.
#[derive(Debug)]
struct Whereabouts {
    placed: Located,
    /// The numbers of the low and the high end's place, where they were asked for.
    numbers: PerFlow<Option<[u32; 2]>>,
}

impl Whereabouts {
    fn new(places: &Arc<Places>) -> Box<Self> {
        Box::new(Self { placed: Located::new(Arc::clone(places)), numbers: PerFlow::default() })
    }

    /// Asks for those of a five-tuple, once.
    fn learn(&mut self, tuple: &FiveTuple<'_>) {
        let known = self.numbers.at(tuple.id, None);
        if known.is_none() {
            *known = Some([tuple.key.low().0, tuple.key.high().0].map(|end| self.placed.number(end)));
        }
    }

    fn of_all(knowledge: &Knowledge) -> Option<Box<Self>> {
        let mut all = Self::new(knowledge.places.as_ref()?);
        knowledge.flows().five_tuples().for_each(|tuple| all.learn(&tuple));
        Some(all)
    }
}

/// Something about each five-tuple, by its number.
#[derive(Debug)]
pub(super) struct PerFlow<T> {
    v4: Vec<T>,
    v6: Vec<T>,
}

impl<T> Default for PerFlow<T> {
    fn default() -> Self {
        Self { v4: Vec::new(), v6: Vec::new() }
    }
}

impl<T: Clone> PerFlow<T> {
    #[inline]
    pub(super) fn get(&self, id: FlowId) -> Option<T> {
        match id {
            FlowId::V4(index) => self.v4.get(index as usize).cloned(),
            FlowId::V6(index) => self.v6.get(index as usize).cloned(),
        }
    }

    pub(super) fn get_ref(&self, id: FlowId) -> Option<&T> {
        match id {
            FlowId::V4(index) => self.v4.get(index as usize),
            FlowId::V6(index) => self.v6.get(index as usize),
        }
    }

    fn of(&mut self, family: Family) -> &mut Vec<T> {
        match family {
            Family::V4 => &mut self.v4,
            Family::V6 => &mut self.v6,
        }
    }

    pub(super) fn all_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.v4.iter_mut().chain(&mut self.v6)
    }

    /// Leaves out what is about five-tuples that left, as these are left out of the numbers.
    pub(super) fn remove(&mut self, leaving: &Leaving) {
        for family in [Family::V4, Family::V6] {
            let (mut gone, mut index) = (leaving.of(family).iter().peekable(), 0);
            self.of(family).retain(|_| {
                index += 1;
                gone.next_if_eq(&&(index - 1)).is_none()
            });
        }
    }

    /// The place of a number, which is made where there is none.
    pub(super) fn at(&mut self, id: FlowId, fill: T) -> &mut T {
        let (all, index) = match id {
            FlowId::V4(index) => (&mut self.v4, index as usize),
            FlowId::V6(index) => (&mut self.v6, index as usize),
        };
        if all.len() <= index {
            all.resize(index + 1, fill);
        }
        &mut all[index]
    }
}

impl Answers {
    /// No answers yet, to be [revised](Self::revise) as packets come; `community_ids` for records that carry them.
    pub fn new(community_ids: bool) -> Self {
        let labels = Labels::causal();
        Self { labels, community_ids: community_ids.then(PerFlow::default), ..Self::default() }
    }

    /// Answers for all that is known, worked out on so many threads; they do not depend on their number.
    pub fn of(knowledge: &Knowledge, registry: &Registry, community_ids: bool, threads: usize) -> Self {
        let mut answers = Self { community_ids: community_ids.then(PerFlow::default), ..Self::default() };
        let (flows, context) = (knowledge.flows(), knowledge.context(registry, threads));
        let parts = flows.map_ranges(threads, |family, range| of_range(flows, family, range, &context));
        for (family, (labels, known)) in parts {
            let ids = answers.labels.append(labels);
            let numbered = |known: Known| Some(Known { label: ids[known.label as usize], ..known });
            answers.known.of(family).extend(known.into_iter().map(numbered));
        }
        for tuple in knowledge.only_quoted() {
            answers.answer_quoted(&tuple, &context);
        }
        for (kind, _) in knowledge.others() {
            answers.learn_kind(kind);
        }
        for gone in knowledge.departed() {
            answers.learn_kind(Kind::Ip(gone.protocol));
        }
        if knowledge.options().domains {
            let mut domains = Box::<Domains>::default();
            domains.learn(knowledge, |id| answers.get(id).map_or(Side::Neither, |known| known.side));
            answers.domains = Some(domains);
        }
        answers.places = Whereabouts::of_all(knowledge);
        answers.owners = Ownership::of_all(knowledge).map(Box::new);
        if let Some(ids) = &mut answers.community_ids {
            let parts = flows.map_ranges(threads, |family, range| {
                flows.five_tuples_in(family, range).map(|tuple| id_of(&tuple.key)).collect::<Vec<_>>()
            });
            for (family, part) in parts {
                ids.of(family).extend(part);
            }
        }
        answers
    }

    /// Answers for a piece of what is known of a `whole`, as this has them: what is counted is the piece's.
    pub fn of_piece(piece: &Knowledge, whole: &Knowledge, answers: &Self) -> Self {
        let mut own = Self { labels: answers.labels.clone(), ..Self::default() };
        let mut ids = Vec::with_capacity(piece.flows().len());
        for tuple in piece.flows().five_tuples() {
            let id = whole.flows().find(&tuple.key);
            *own.known.at(tuple.id, None) = id.and_then(|id| answers.get(id));
            ids.push((tuple.id, id));
        }
        own.places = Whereabouts::of_all(piece);
        own.owners = answers.owners.as_ref().map(|owners| Box::new(owners.of_piece(&ids)));
        own.domains = answers.domains.as_ref().map(|domains| Box::new(domains.of_piece(&ids)));
        for tuple in piece.only_quoted() {
            let known = whole.flows().find(&tuple.key).and_then(|id| answers.get(id));
            if let Some(known) = known.or_else(|| answers.quoted(&tuple.key)) {
                own.quoted.insert(tuple.key, known);
            }
        }
        let gone = piece.departed().map(|gone| Kind::Ip(gone.protocol));
        for kind in piece.others().map(|(kind, _)| kind).chain(gone) {
            own.learn_kind(kind);
        }
        own
    }

    /// All labels in the order they were met.
    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    /// The answer of a five-tuple.
    #[inline]
    pub fn get(&self, id: FlowId) -> Option<Known> {
        self.known.get(id).flatten()
    }

    /// Tells the memory system to fetch the answers of these packets, which are located, so that cache misses overlap.
    pub(crate) fn ask(&self, places: &[Place]) {
        for id in places.iter().filter_map(|place| place.id) {
            match id {
                FlowId::V4(index) => prefetch(&self.known.v4, index as usize),
                FlowId::V6(index) => prefetch(&self.known.v6, index as usize),
            }
        }
        for known in places.iter().filter_map(|place| self.get(place.id?)) {
            prefetch(self.labels.all(), known.label as usize);
        }
    }

    /// The answer of a five-tuple that an ICMP error quotes, where none of it is held.
    pub(crate) fn quoted(&self, key: &Key) -> Option<Known> {
        self.quoted.get(key).copied()
    }

    fn answer_quoted(&mut self, tuple: &FiveTuple<'_>, context: &Context<'_>) {
        let known = of_tuple(tuple, &mut self.labels, context, &mut Memo::default());
        self.quoted.insert(tuple.key, known);
    }

    /// The label of frames in which no IP addresses were read.
    pub fn kind(&self, kind: Kind) -> Option<&Label> {
        self.kinds.get(&kind).map(|&id| self.labels.label(id))
    }

    /// The label of packets of which nothing is known.
    pub fn none(&self) -> &Label {
        &self.none
    }

    /// Makes a label for frames in which no IP addresses were read.
    pub fn learn_kind(&mut self, kind: Kind) {
        if !self.kinds.contains_key(&kind) {
            let id = self.labels.of_kind(kind);
            self.kinds.insert(kind, id);
        }
    }

    /// The Community ID of a packet's flow, where they were asked for; `icmp` is type and code of an ICMP message.
    pub(crate) fn community_id(&self, place: &Place, icmp: Option<(u8, u8)>) -> Option<[u8; 28]> {
        let ids = self.community_ids.as_ref()?;
        match icmp {
            Some(icmp) => Some(icmp_id(&place.ends?, icmp)),
            None => ids.get(place.id?),
        }
    }

    /// What the ends of a five-tuple are called, where [names were asked for](super::Options::domains).
    #[inline]
    pub fn named(&self, id: FlowId) -> Option<Named<'_>> {
        self.domains.as_ref()?.get(id)
    }

    /// Keeps the answers of those that stay where five-tuples left and the others got new numbers.
    pub(crate) fn release(&mut self, leaving: &Leaving, knowledge: &Knowledge) {
        self.generation = knowledge.flows().generation();
        self.known.remove(leaving);
        self.bases.remove(leaving);
        self.community_ids.iter_mut().for_each(|ids| ids.remove(leaving));
        self.domains.iter_mut().for_each(|domains| domains.release(leaving));
        self.places.iter_mut().for_each(|places| places.numbers.remove(leaving));
        self.owners.iter_mut().for_each(|owners| owners.remove(leaving));
    }

    /// Who owns the low and the high end of a five-tuple's latest flow, where that is asked for; `None` of an end that is not on
    /// this host.
    #[inline]
    pub fn held(&self, id: FlowId) -> [Option<&Held>; 2] {
        self.owners.as_ref().map_or([None; 2], |owners| owners.get(id))
    }

    /// Where the low and the high end of a five-tuple are, where a file says that.
    #[inline]
    pub fn places(&self, id: FlowId) -> [Option<&Location>; 2] {
        let Some(all) = &self.places else { return [None; 2] };
        all.numbers.get(id).flatten().unwrap_or_default().map(|number| all.placed.get(number))
    }

    /// Forgets the answers where five-tuples left and the others got new numbers.
    pub(crate) fn keep_up(&mut self, knowledge: &Knowledge) {
        let generation = knowledge.flows().generation();
        if self.generation != generation {
            self.generation = generation;
            (self.known, self.bases) = (PerFlow::default(), PerFlow::default());
            self.community_ids = self.community_ids.take().map(|_| PerFlow::default());
            self.domains.iter_mut().for_each(|domains| domains.renumber());
            self.places.iter_mut().for_each(|places| places.numbers = PerFlow::default());
            self.owners.iter_mut().for_each(|owners| owners.renumber());
        }
        self.owners.iter_mut().for_each(|owners| owners.keep_up(knowledge));
    }

    /// Works out the answers that a packet needs anew, by what is known now, and marks those that changed.
    pub fn revise(
        &mut self,
        headers: &Headers,
        place: &Place,
        knowledge: &mut Knowledge,
        registry: &Registry,
    ) {
        self.keep_up(knowledge);
        if place.ends.is_none() {
            self.learn_kind(headers.kind);
        }
        if let Some(tuple) = knowledge.unmet(headers) {
            self.quoted.clear();
            self.answer_quoted(&tuple, &knowledge.context(registry, 1));
        }
        let asked_places = knowledge.places.clone();
        if self.owners.is_none() {
            self.owners = knowledge.processes().map(|processes| Box::new(Ownership::new(processes)));
        }
        for id in [place.id, knowledge.quoted(headers).id].into_iter().flatten() {
            let context = knowledge.context(registry, 1);
            let Some(tuple) = context.flows.five_tuple(id) else { continue };
            self.owners.iter_mut().for_each(|owners| owners.learn(&tuple));
            let basis = Basis::of(&tuple, &context);
            let known = self.bases.at(id, None);
            let mut proven = None;
            if basis.is_none() || *known != basis {
                *known = basis;
                self.answer(&tuple, &context);
                if let Some(places) = &asked_places {
                    self.places.get_or_insert_with(|| Whereabouts::new(places)).learn(&tuple);
                }
                proven = naming::proven(&tuple, &context).map(|server| (tuple.key, server));
            }
            if knowledge.options.domains {
                let side = self.get(id).map_or(Side::Neither, |known| known.side);
                self.domains.get_or_insert_default().revise(&tuple, side, knowledge);
            }
            if let Some((key, server)) = proven {
                knowledge.flows.mark(&key, server);
            }
        }
    }

    fn answer(&mut self, tuple: &FiveTuple<'_>, context: &Context<'_>) {
        let new = of_tuple(tuple, &mut self.labels, context, &mut Memo::default());
        let old = self.known.at(tuple.id, None);
        let labels = &self.labels;
        let changed = |old: Known| old.revised || is_another(&old, &new, labels);
        *old = Some(Known { revised: old.is_some_and(changed), ..new });
        if let Some(ids) = &mut self.community_ids {
            // The text of an identifier never begins with a zero.
            let id = ids.at(tuple.id, [0; 28]);
            if id[0] == 0 {
                *id = id_of(&tuple.key);
            }
        }
    }
}

/// Whether an answer says something else than the one before. How far the flow came, and that its octets confirm the name,
/// is no other answer.
fn is_another(old: &Known, new: &Known, labels: &Labels) -> bool {
    let (before, after) = (labels.label(old.label), labels.label(new.label));
    (old.side, old.rule) != (new.side, new.rule)
        || (&before.name, before.port, &before.instance) != (&after.name, after.port, &after.instance)
}

/// All that an answer is worked out from and that may change while a capture goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Basis {
    facts: Facts,
    met: [Met; 2],
    group_answer: Option<Direction>,
    /// What was shown first.
    shown: Option<Shown>,
    /// The side whose socket listens on this host.
    listening: Option<Side>,
    /// Packets each way, as far as they tell how far the flow came.
    packets: [u8; 2],
}

impl Basis {
    /// `None` where an endpoint may be advertised: such a name comes and goes with time.
    #[inline]
    fn of(tuple: &FiveTuple<'_>, context: &Context<'_>) -> Option<Self> {
        let facts = tuple.facts;
        let (low, high) = tuple.key.ports().unwrap_or_default();
        let may_name = |port| context.advertised.may_name(port) || context.announced.may_name(port);
        if may_name(low) || may_name(high) {
            return None;
        }
        let packets = tuple.total().packets;
        let is_answered = packets.iter().all(|&count| count > 0);
        let packets = packets.map(|count| count.min(if is_answered { 1 } else { 10 }) as u8);
        let (shown, listening) = (tuple.shown.copied(), naming::listens(tuple, context));
        if facts.handshake().is_some() {
            // Nobody asks what other flows say.
            let met = [Met::default(); 2];
            return Some(Self { facts, met, group_answer: None, shown, listening, packets });
        }
        let (flows, seed) = (context.flows, context.flows.seed());
        let met = context.peers().meeting(&tuple.key, seed);
        let group_answer = flows.askers(context.threads).server(tuple, seed);
        Some(Self { facts, met, group_answer, shown, listening, packets })
    }
}

/// Answers of a range of five-tuples, with labels of their own.
fn of_range(
    flows: &Flows,
    family: Family,
    range: Range<usize>,
    context: &Context<'_>,
) -> (Labels, Vec<Known>) {
    let (mut labels, mut memo) = (Labels::default(), Memo::default());
    let mut known = Vec::with_capacity(range.len());
    let group = |start: usize| flows.five_tuples_in(family, start..range.end.min(start + GROUP));
    // Peers are asked for ahead, so that cache misses overlap.
    let look_ahead = |start: usize| {
        if let Some(peers) = flows.counted_peers().filter(|_| start < range.end) {
            let undecided = group(start).filter(|tuple| tuple.facts.handshake().is_none());
            peers.look_ahead(undecided.map(|tuple| tuple.key), flows.seed());
        }
    };
    look_ahead(range.start);
    for start in range.clone().step_by(GROUP) {
        look_ahead(start + GROUP);
        known.extend(group(start).map(|tuple| of_tuple(&tuple, &mut labels, context, &mut memo)));
    }
    (labels, known)
}

fn id_of(key: &Key) -> [u8; 28] {
    community_id(key.protocol(), key.low().0, key.high().0, key.ports())
}

fn icmp_id(ends: &Ends, (kind, code): (u8, u8)) -> [u8; 28] {
    let (source, destination) = ends.addresses();
    community_id(ends.key.protocol(), source, destination, Some((kind.into(), code.into())))
}

fn of_tuple<'k>(
    tuple: &FiveTuple<'_>,
    labels: &mut Labels,
    context: &Context<'k>,
    memo: &mut Memo<'k>,
) -> Known {
    if tuple.key.ports().is_some() {
        let answer = answer_by(tuple, context, memo);
        let label = labels.of_flow(&tuple.key, &answer, context.registry);
        Known { label, side: answer.side, rule: Some(answer.rule), revised: false }
    } else {
        let label = labels.of_kind(Kind::Ip(tuple.key.protocol()));
        Known { label, side: Side::Neither, rule: None, revised: false }
    }
}

/// The label of a five-tuple as the context knows it.
pub(super) fn label_of(tuple: &FiveTuple<'_>, labels: &mut Labels, context: &Context<'_>) -> u32 {
    of_tuple(tuple, labels, context, &mut Memo::default()).label
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        capture::{self, Source as _},
        decode::Decoder,
        knowledge::Options,
        packet::Batch,
    };

    /// An answer that was kept is the one that would be worked out anew, after every packet of every sample.
    #[test]
    fn answers_are_kept_only_while_they_are_right() {
        let registry = Registry::built_in();
        let (decoder, mut headers, mut batch) = (Decoder::default(), Headers::default(), Batch::new());
        let (mut packets, mut kept) = (0, 0);
        for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/samples")).unwrap() {
            let Ok(mut source) = capture::open(entry.unwrap().path()) else { continue };
            let mut knowledge = Knowledge::whole(Options { causal: true, ..Options::default() });
            let mut answers = Answers::new(false);
            while let Ok(true) = source.fill(&mut batch) {
                for frame in batch.frames() {
                    decoder.decode(frame.link, frame.octets, frame.original_len, &mut headers);
                    let place = knowledge.follow(&frame, &headers, 0);
                    answers.revise(&headers, &place, &mut knowledge, &registry);
                    let context = knowledge.context(&registry, 1);
                    let Some(id) = place.id else { continue };
                    let tuple = knowledge.flows().five_tuple(id).unwrap();
                    let known = answers.get(id).unwrap();
                    let fresh = of_tuple(&tuple, &mut answers.labels, &context, &mut Memo::default());
                    assert_eq!(Known { revised: false, ..known }, fresh, "packet {}", frame.number);
                    packets += 1;
                    kept += u32::from(Basis::of(&tuple, &context).is_some());
                }
            }
        }
        assert!(kept > packets / 2 && kept < packets, "{kept} of {packets} answers could be kept");
    }
}
