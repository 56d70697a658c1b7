//! The answer of every five-tuple, worked out from [`Knowledge`].

use hashbrown::HashMap;

use crate::{
    decode::{Headers, Kind},
    flow::{
        Ends, community_id,
        key::{Address, Direction, FlowKey},
        table::{FlowTable, GROUP},
    },
    knowledge::{Knowledge, flow_of, quoted_flow},
    naming::{
        Case, Context, Rule, Side, answer,
        label::{Label, Labels},
    },
    packet::Timestamp,
    ranges,
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
    v4: Vec<Option<Known>>,
    v6: Vec<Option<Known>>,
    generation: u64,
    none: Label,
    community_ids: Option<CommunityIds>,
}

/// Community IDs by number of the five-tuple: a capture has far more packets than flows.
#[derive(Debug, Default)]
struct CommunityIds {
    v4: Vec<[u8; 28]>,
    v6: Vec<[u8; 28]>,
}

impl Answers {
    /// No answers yet; `community_ids` for records that carry them.
    pub fn new(community_ids: bool) -> Self {
        Self { community_ids: community_ids.then(CommunityIds::default), ..Self::default() }
    }

    /// Answers for all that is known, worked out on so many threads; they do not depend on their number.
    pub fn of(knowledge: &Knowledge, registry: &Registry, community_ids: bool, threads: usize) -> Self {
        let mut names = Self::new(community_ids);
        let count_peers = || knowledge.count_peers(threads);
        let context = knowledge.context(registry, &count_peers);
        names.v4 = names.of_table(&knowledge.v4, &context, threads);
        names.v6 = names.of_table(&knowledge.v6, &context, threads);
        for (kind, _) in knowledge.others() {
            names.learn_kind(kind);
        }
        for gone in knowledge.evicted() {
            names.learn_kind(Kind::Ip(gone.protocol));
        }
        if let Some(ids) = &mut names.community_ids {
            ids.v4 = ids_of(&knowledge.v4, threads);
            ids.v6 = ids_of(&knowledge.v6, threads);
        }
        names
    }

    /// The Community ID of a packet's flow, where they were asked for; `index` is the number of its five-tuple.
    pub(crate) fn community_id(
        &self,
        flow: Ends,
        index: Option<u32>,
        icmp: Option<(u8, u8)>,
    ) -> Option<[u8; 28]> {
        let ids = self.community_ids.as_ref()?;
        match (flow, icmp) {
            (Ends::V4(key, direction), Some(icmp)) => Some(icmp_id(&key, direction, icmp)),
            (Ends::V6(key, direction), Some(icmp)) => Some(icmp_id(&key, direction, icmp)),
            (Ends::V4(..), None) => ids.v4.get(index? as usize).copied(),
            (Ends::V6(..), None) => ids.v6.get(index? as usize).copied(),
        }
    }

    fn of_table<A: Address>(
        &mut self,
        table: &FlowTable<A>,
        context: &Context<'_>,
        threads: usize,
    ) -> Vec<Option<Known>> {
        let parts = ranges::map_large(table.len(), threads, |range| {
            let mut labels = Labels::default();
            let mut answers = Vec::with_capacity(range.len());
            let group = |start: usize| {
                let count = GROUP.min(range.end.saturating_sub(start));
                table.tuples_from(start).take(count)
            };
            let look_ahead = |start| {
                if let Some(fan_in) = context.fan_in.get() {
                    let undecided = group(start).filter(|tuple| tuple.facts.handshake().is_none());
                    fan_in.look_ahead(undecided.map(|tuple| tuple.key), context.seed);
                }
            };
            look_ahead(range.start);
            for start in range.clone().step_by(GROUP) {
                look_ahead(start + GROUP);
                answers.extend(group(start).map(|tuple| of_case(&Case::from(&tuple), &mut labels, context)));
            }
            (labels, answers)
        });
        let mut all = Vec::with_capacity(table.len());
        for (labels, answers) in parts {
            let ids = self.labels.append(labels);
            let numbered = |known: Known| Known { label: ids[known.label as usize], ..known };
            all.extend(answers.into_iter().map(|known| Some(numbered(known))));
        }
        all
    }

    /// All labels in the order they were met.
    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    /// The answer of the five-tuple of that number over IPv4.
    pub fn v4(&self, index: u32) -> Option<Known> {
        self.v4.get(index as usize).copied().flatten()
    }

    /// The answer of the five-tuple of that number over IPv6.
    pub fn v6(&self, index: u32) -> Option<Known> {
        self.v6.get(index as usize).copied().flatten()
    }

    /// The label of frames in which no IP addresses were read.
    pub fn kind(&self, kind: Kind) -> Option<&Label> {
        self.kinds.get(&kind).map(|&id| self.labels.label(id))
    }

    /// The label of packets whose five-tuple is not held any more.
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

    /// Works out the answers that a packet needs anew, by what is known now, and marks those that changed.
    pub fn revise(
        &mut self,
        headers: &Headers,
        time: Option<Timestamp>,
        knowledge: &Knowledge,
        registry: &Registry,
    ) {
        self.forget_other_generations(knowledge);
        self.learn_kind(headers.kind);
        let count_peers = || knowledge.count_peers(1);
        let context = knowledge.context(registry, &count_peers);
        let flows = [flow_of(knowledge, headers, time), quoted_flow(headers)];
        for flow in flows.into_iter().flatten() {
            match flow {
                Ends::V4(key, _) => revise(&mut self.v4, &mut self.labels, &key, &knowledge.v4, &context),
                Ends::V6(key, _) => revise(&mut self.v6, &mut self.labels, &key, &knowledge.v6, &context),
            }
        }
        if let Some(ids) = &mut self.community_ids {
            let (v4, v6) = (knowledge.v4.tuples_from(ids.v4.len()), knowledge.v6.tuples_from(ids.v6.len()));
            ids.v4.extend(v4.map(|tuple| id_of(&tuple.key)));
            ids.v6.extend(v6.map(|tuple| id_of(&tuple.key)));
        }
    }

    fn forget_other_generations(&mut self, knowledge: &Knowledge) {
        if self.generation != knowledge.generation() {
            self.generation = knowledge.generation();
            self.v4.clear();
            self.v6.clear();
            self.community_ids = self.community_ids.take().map(|_| CommunityIds::default());
        }
    }
}

fn ids_of<A: Address>(table: &FlowTable<A>, threads: usize) -> Vec<[u8; 28]> {
    let parts = ranges::map_large(table.len(), threads, |range| {
        table.tuples_from(range.start).take(range.len()).map(|tuple| id_of(&tuple.key)).collect::<Vec<_>>()
    });
    parts.concat()
}

fn id_of<A: Address>(key: &FlowKey<A>) -> [u8; 28] {
    let ports = key.ported.then_some((key.low_port, key.high_port));
    community_id(key.protocol, key.low.ip(), key.high.ip(), ports)
}

fn icmp_id<A: Address>(key: &FlowKey<A>, direction: Direction, (kind, code): (u8, u8)) -> [u8; 28] {
    let (source, destination) = match direction {
        Direction::Up => (key.low.ip(), key.high.ip()),
        Direction::Down => (key.high.ip(), key.low.ip()),
    };
    community_id(key.protocol, source, destination, Some((kind.into(), code.into())))
}

fn of_case<A: Address>(case: &Case<A>, labels: &mut Labels, context: &Context<'_>) -> Known {
    if case.key.ported {
        let answer = answer(case, context);
        let label = labels.of_flow(case, answer, context);
        Known { label, side: answer.side, rule: Some(answer.rule), revised: false }
    } else {
        let label = labels.of_kind(Kind::Ip(case.key.protocol));
        Known { label, side: Side::Neither, rule: None, revised: false }
    }
}

fn revise<A: Address>(
    answers: &mut Vec<Option<Known>>,
    labels: &mut Labels,
    key: &FlowKey<A>,
    table: &FlowTable<A>,
    context: &Context<'_>,
) {
    let Some(tuple) = table.find(key).and_then(|index| table.tuple(index)) else { return };
    let new = of_case(&Case::from(&tuple), labels, context);
    let at = tuple.index as usize;
    if answers.len() <= at {
        answers.resize(at + 1, None);
    }
    let changed = |old: Known| old.revised || Known { revised: false, ..old } != new;
    answers[at] = Some(Known { revised: answers[at].is_some_and(changed), ..new });
}
