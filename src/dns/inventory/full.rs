//! What leaves full tables: names of which nothing is alive any more, and with them what was told of them.

use super::{
    Inventory, Limits,
    cache::{Held, HeldData},
    names::{NameId, Role},
};
use crate::packet::Timestamp;

/// Places that have to be taken, wished for or over since room was last looked for, as that looks at everything: an eighth
/// of the smallest of the large tables, so that looking costs no more than a few times of what fills them.
const ROOM: usize = Limits::RECORDS / 8;
/// How long an instance that is only known from known answers is kept: the usual life of a pointer (RFC 6762 section 10).
const HEARD: u64 = 75 * 60 * Timestamp::SECOND;

/// New numbers of entries by their old ones; `None` for those that left.
pub(super) type Moved = Vec<Option<u32>>;

/// Numbers those that stay anew, in their order.
pub(super) fn moved(stays: impl Iterator<Item = bool>) -> Moved {
    let mut next = 0..;
    stays.map(|stays| if stays { next.next() } else { None }).collect()
}

/// Keeps the entries that have a new number.
pub(super) fn keep<T>(entries: &mut Vec<T>, moved: &Moved) {
    let mut numbers = moved.iter();
    entries.retain(|_| numbers.next().is_some_and(Option::is_some));
}

impl Inventory {
    /// Lets go of what is over, where a table is full or nearly so, or refused something since, and enough came or ended that
    /// it is worth a look.
    pub(super) fn make_room(&mut self) {
        let short = self.limits != self.limits_before || self.is_nearly_full();
        if short && self.offered + self.cache.over >= self.limits.room(ROOM) {
            self.let_go();
            (self.offered, self.limits_before) = (0, self.limits);
        }
    }

    /// Whether the next message may find a table full.
    fn is_nearly_full(&self) -> bool {
        let full = |len: usize, room: usize| len >= self.limits.room(room) / 16 * 15;
        full(self.names.len(), Limits::NAMES)
            || full(self.types.len(), Limits::TYPES)
            || full(self.texts.octets(), Limits::TEXT_OCTETS)
            || full(self.cache.records.len(), Limits::RECORDS)
            || full(self.questions.len(), Limits::QUESTIONS)
            || full(self.events.len(), Limits::EVENTS)
            || full(self.findings.len(), Limits::FINDINGS)
    }

    /// Keeps the records that are alive, the others of live names and of their hosts, the questions asked last, and what
    /// speaks of these names. What leaves is counted.
    fn let_go(&mut self) {
        self.limits.questions += self.questions.keep_newest(self.limits.room(Limits::QUESTIONS) / 2);
        self.limits.findings += self.findings.keep_newest(self.limits.room(Limits::FINDINGS) / 2);
        let records = moved(self.records_that_stay().into_iter());
        let (mut stays, texts) = self.needed(&records);
        self.keep_events(&mut stays);
        let names = moved(stays.iter().copied());
        let mut types = vec![false; self.types.len()];
        for known in stays.iter().zip(self.names.iter()).filter(|(stays, _)| **stays).map(|(_, known)| known)
        {
            if let Role::Type(id) | Role::Subtype(id) | Role::Instance(id) = known.role {
                types[id.0 as usize] = true;
            }
        }
        let types = moved(types.into_iter());
        let texts = moved(texts.into_iter());
        self.types.keep(&types);
        self.texts.keep(&texts);
        self.names.keep(&names, &types, &records);
        self.cache.keep(&records, &names, &texts);
        self.questions.rename(&names);
        self.findings.rename(&names);
        for event in &mut self.events {
            event.rename(&names);
        }
        let before = self.instances.len();
        for list in [&mut self.instances, &mut self.heard] {
            list.retain_mut(|name| name.rename(&names));
        }
        // Who comes back is listed anew.
        let all = &self.names;
        self.instances.retain(|&name| !all.at(name).records.is_empty());
        self.heard.retain(|&name| all.at(name).heard.is_some());
        self.limits.left += (before - self.instances.len()) as u64;
    }

    /// By number, whether a record stays. Those that are over stay with what is alive of their names, if that leaves room.
    fn records_that_stay(&self) -> Vec<bool> {
        let records = &self.cache.records;
        let mut live = vec![false; self.names.len()];
        for held in records.iter().filter(|held| held.alive) {
            live[held.subject.0 as usize] = true;
        }
        let served = records.iter().filter(|held| live[held.subject.0 as usize]);
        let hosts: Vec<_> = served.filter_map(Held::host).collect();
        for host in hosts {
            live[host.0 as usize] = true;
        }
        let stays: Vec<_> = records.iter().map(|held| held.alive || live[held.subject.0 as usize]).collect();
        if stays.iter().filter(|stays| **stays).count() > self.limits.room(Limits::RECORDS) / 8 * 7 {
            return records.iter().map(|held| held.alive).collect();
        }
        stays
    }

    /// By number, whether names and texts are needed for the records that stay, or otherwise.
    fn needed(&mut self, records: &Moved) -> (Vec<bool>, Vec<bool>) {
        let mut names = vec![false; self.names.len()];
        let mut texts = vec![false; self.texts.len()];
        let mut need = |name: NameId| names[name.0 as usize] = true;
        for held in
            self.cache.records.iter().zip(records).filter(|(_, new)| new.is_some()).map(|(held, _)| held)
        {
            need(held.owner);
            need(held.subject);
            match held.data {
                HeldData::Pointer(name) | HeldData::Server { host: name, .. } => need(name),
                HeldData::Text(text) => texts[text.0 as usize] = true,
                HeldData::Address(_) => {}
            }
        }
        self.questions.names().chain(self.findings.names()).for_each(&mut need);
        let now = self.now;
        for (index, known) in self.names.iter_mut().enumerate() {
            let recent = |heard: &super::life::Heard| {
                heard.last.zip(now).is_some_and(|(last, now)| now.since(last) <= HEARD)
            };
            if known.heard.as_deref().is_some_and(recent) {
                need(NameId(index as u32));
            } else {
                known.heard = None;
            }
        }
        (names, texts)
    }

    /// Keeps the newest half of what the life line has room for, and of it what is of names that stay. What they were
    /// called before stays, too.
    fn keep_events(&mut self, stays: &mut [bool]) {
        let before = self.events.len();
        self.events.retain(|event| stays[event.name.0 as usize]);
        let surplus = self.events.len().saturating_sub(self.limits.room(Limits::EVENTS) / 2);
        self.events.drain(..surplus);
        self.limits.events += (before - self.events.len()) as u64;
        self.event_shares = Default::default();
        for event in &self.events {
            self.event_shares.take(event.source, 1);
            if let Some(from) = event.from {
                stays[from.0 as usize] = true;
            }
        }
    }
}

impl NameId {
    /// Takes the new number; false where the name left.
    pub(super) fn rename(&mut self, names: &Moved) -> bool {
        let new = names[self.0 as usize];
        self.0 = new.unwrap_or(self.0);
        new.is_some()
    }
}
