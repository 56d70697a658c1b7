//! Who asks for what, and whether an answer came.

use std::{collections::HashMap, net::IpAddr};

use super::{
    Limits, Packets, Scope,
    full::{Moved, keep, moved},
    names::NameId,
};
use crate::dns::{RecordType, shares::Shares};
use crate::packet::PacketId;

/// A question asked by a client, and how often.
#[derive(Debug)]
pub(super) struct Asked {
    pub client: IpAddr,
    pub name: NameId,
    pub kind: RecordType,
    pub packets: Packets,
    pub unanswered: u64,
    question: u32,
    /// Messages seen when it was asked last.
    at: u64,
    /// Whether the last asking still waits: no answer, and the client did not say it knows one.
    waits: bool,
}

/// The questions asked, on any link.
#[derive(Debug, Default)]
pub(super) struct Questions {
    entries: Vec<Asked>,
    by_client: HashMap<(u32, IpAddr), u32>,
    /// Message that answered each question last; 0 for none.
    answered: Vec<u64>,
    questions: HashMap<(Scope, NameId, RecordType), u32>,
    shares: Shares,
}

impl Questions {
    /// Notes a question in message number `message`.
    pub(super) fn ask(
        &mut self,
        message: u64,
        key: (Scope, NameId, RecordType),
        client: IpAddr,
        packet: PacketId,
        limits: &mut Limits,
    ) {
        let has_room = self.entries.len() < limits.room(Limits::QUESTIONS)
            && self.shares.may_take(client, 1, limits.room(Limits::QUESTIONS));
        if !has_room
            && self
                .questions
                .get(&key)
                .is_none_or(|&question| !self.by_client.contains_key(&(question, client)))
        {
            limits.questions += 1;
            return;
        }
        let next = self.answered.len() as u32;
        let question = *self.questions.entry(key).or_insert(next);
        if question == next {
            self.answered.push(0);
        }
        let (_, name, kind) = key;
        let next = self.entries.len() as u32;
        let index = *self.by_client.entry((question, client)).or_insert(next);
        if index == next {
            self.shares.take(client, 1);
            self.entries.push(Asked {
                client,
                name,
                kind,
                packets: Packets::default(),
                unanswered: 0,
                question,
                at: message,
                waits: false,
            });
        }
        let entry = &mut self.entries[index as usize];
        // What was asked before and not answered since will not be.
        entry.unanswered += u64::from(entry.waits && self.answered[question as usize] < entry.at);
        entry.packets.add(packet);
        (entry.at, entry.waits) = (message, true);
    }

    /// Notes that a response in message number `message` holds records of that name and type.
    pub(super) fn answer(&mut self, message: u64, (scope, name, kind): (Scope, NameId, RecordType)) {
        for kind in [kind, RecordType::ANY] {
            if let Some(&question) = self.questions.get(&(scope, name, kind)) {
                self.answered[question as usize] = message;
            }
        }
    }

    /// Notes that `client` says it knows the answer already, so that nobody will give it (RFC 6762 7.1).
    pub(super) fn known(&mut self, key: (Scope, NameId, RecordType), client: IpAddr) {
        if let Some(&question) = self.questions.get(&key)
            && let Some(&index) = self.by_client.get(&(question, client))
        {
            self.entries[index as usize].waits = false;
        }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The names asked for.
    pub(super) fn names(&self) -> impl Iterator<Item = NameId> {
        self.entries.iter().map(|asked| asked.name)
    }

    /// Lets go of all but the `most` that were asked last; says how many left.
    pub(super) fn keep_newest(&mut self, most: usize) -> u64 {
        let before = self.entries.len();
        if before <= most {
            return 0;
        }
        let mut times: Vec<_> = self.entries.iter().map(|asked| asked.at).collect();
        // Those that one message asked leave together.
        let (_, &mut last, _) = times.select_nth_unstable(before - most - 1);
        self.entries.retain(|asked| asked.at > last);
        (before - self.entries.len()) as u64
    }

    /// Takes new numbers of names, all of which are there, after some questions left.
    pub(super) fn rename(&mut self, names: &Moved) {
        let mut stays = vec![false; self.answered.len()];
        for asked in &self.entries {
            stays[asked.question as usize] = true;
        }
        let questions = moved(stays.into_iter());
        let number = |old: u32| questions[old as usize];
        keep(&mut self.answered, &questions);
        let old = std::mem::take(&mut self.questions).into_iter();
        self.questions = old
            .filter_map(|((scope, mut name, kind), question)| {
                let question = number(question)?;
                name.rename(names).then_some(((scope, name, kind), question))
            })
            .collect();
        self.by_client.clear();
        self.shares = Shares::default();
        for (index, asked) in self.entries.iter_mut().enumerate() {
            asked.name.rename(names);
            asked.question = number(asked.question).unwrap_or_default();
            self.by_client.insert((asked.question, asked.client), index as u32);
            self.shares.take(asked.client, 1);
        }
    }

    /// The questions in the order first asked, each with the number of askings that had no answer.
    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = (&Asked, u64)> {
        self.entries.iter().map(|entry| {
            let open = entry.waits && self.answered[entry.question as usize] < entry.at;
            (entry, entry.unanswered + u64::from(open))
        })
    }
}
