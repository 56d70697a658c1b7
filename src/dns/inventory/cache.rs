//! The records told by their owners, and how long they live (RFC 6762 section 10).

use std::{cmp::Reverse, collections::BinaryHeap, net::IpAddr};

use super::{
    About, Context, FindingKind, Inventory, Limits, Scope,
    full::{Moved, keep},
    names::{NameId, Role, TextId},
};
use crate::packet::PacketId;
use crate::{
    dns::{Meaning, Record, RecordType, Via, shares::Shares},
    packet::Timestamp,
};

/// The data of a record, names and TXT data by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum HeldData {
    Address(IpAddr),
    Pointer(NameId),
    Server { priority: u16, weight: u16, port: u16, host: NameId },
    Text(TextId),
}

/// How a record ends, or will.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// Its time runs out.
    Expiry,
    /// Its owner said goodbye.
    Goodbye,
    /// Another record with the cache-flush bit took its place.
    Flush,
}

/// A record, from its first sighting on.
#[derive(Debug)]
pub(super) struct Held {
    pub scope: Scope,
    pub owner: NameId,
    /// The name whose life it is part of: the instance for a pointer to it, else the owner.
    pub subject: NameId,
    pub kind: RecordType,
    pub data: HeldData,
    pub via: Via,
    pub first: Option<Timestamp>,
    pub last: Option<Timestamp>,
    pub alive: bool,
    pub ending: Ending,
    /// Number of the message that showed it last.
    pub message: u64,
    /// Who sent that message, and the packet.
    pub source: IpAddr,
    pub packet: PacketId,
    /// Who replaced it by a record with the cache-flush bit since it was told last.
    flushed_by: Option<IpAddr>,
    ends: Option<Timestamp>,
    /// The earliest time it stands for in the queue.
    queued: Option<Timestamp>,
}

impl Held {
    /// Whether both were ever alive at one time, as far as their first sightings and last ends tell.
    pub(super) fn met(&self, other: &Self) -> bool {
        let begins = |a: &Self, b: &Self| a.first.zip(b.ends).is_none_or(|(first, end)| first <= end);
        begins(self, other) && begins(other, self)
    }
}

impl Held {
    /// The host of a service.
    pub(super) fn host(&self) -> Option<NameId> {
        match self.data {
            HeldData::Server { host, .. } => Some(host),
            _ => None,
        }
    }
}

type Key = (Scope, NameId, RecordType, HeldData);

#[derive(Debug, Default)]
pub(super) struct Cache {
    pub records: Vec<Held>,
    queue: BinaryHeap<Reverse<(Timestamp, u32)>>,
    shares: Shares,
    /// Records that are not alive.
    pub over: usize,
}

impl Cache {
    #[cfg(test)]
    pub(super) fn queue_len(&self) -> usize {
        self.queue.len()
    }

    /// Keeps the records that have a new number. Their names and texts are all there.
    pub(super) fn keep(&mut self, records: &Moved, names: &Moved, texts: &Moved) {
        keep(&mut self.records, records);
        self.shares = Shares::default();
        self.queue.clear();
        self.over = 0;
        for (index, held) in self.records.iter_mut().enumerate() {
            held.owner.rename(names);
            held.subject.rename(names);
            match &mut held.data {
                HeldData::Pointer(name) | HeldData::Server { host: name, .. } => {
                    name.rename(names);
                }
                HeldData::Text(text) => text.0 = texts[text.0 as usize].unwrap_or(text.0),
                HeldData::Address(_) => {}
            }
            self.queue.extend(held.queued.map(|at| Reverse((at, index as u32))));
            self.over += usize::from(!held.alive);
            self.shares.take(held.source, 1);
        }
    }

    /// Puts the end of a record into the queue, unless it stands there for an earlier time.
    fn schedule(&mut self, index: u32) {
        let held = &mut self.records[index as usize];
        let Some(ends) = held.ends else { return };
        if held.queued.is_none_or(|queued| ends < queued) {
            held.queued = Some(ends);
            self.queue.push(Reverse((ends, index)));
        }
        // Entries that were overtaken by an earlier one stay behind; they are few unless someone plays.
        if self.queue.len() > 4 * self.records.len() + 1_024 {
            let live = self.records.iter().enumerate();
            self.queue =
                live.filter_map(|(index, held)| held.queued.map(|at| Reverse((at, index as u32)))).collect();
        }
    }
}

/// One second, the time a record lives on after a goodbye or a cache flush.
const GRACE: u64 = Timestamp::SECOND;

fn later(time: Option<Timestamp>, nanoseconds: u64) -> Option<Timestamp> {
    time.map(|time| Timestamp(time.0.saturating_add(nanoseconds)))
}

impl Inventory {
    /// Takes in a record of a response.
    pub(super) fn hold(
        &mut self,
        context: &Context,
        record: &Record<'_>,
        owner: NameId,
        data: HeldData,
        subject: NameId,
    ) {
        let Some(index) = self.held(context, (context.scope, owner, record.kind, data), subject) else {
            return;
        };
        if let HeldData::Text(text) = data {
            let flaws = self.texts.flaws(text);
            for (flaw, kind) in [
                (flaws.long, FindingKind::LongTxt),
                (flaws.repeated_key, FindingKind::RepeatedKey),
                (flaws.malformed_key, FindingKind::MalformedKey),
            ] {
                if flaw {
                    self.found(context, kind, About::Name(owner));
                }
            }
        }
        let goodbye = record.ttl == 0 && context.via == Via::Mdns;
        let claims = record.flushes() && !goodbye && context.via == Via::Mdns && !context.legacy;
        let disputed = claims && self.is_disputed(context, index);
        let held = &mut self.cache.records[index as usize];
        let was_alive = held.alive;
        let flushed_by = held.flushed_by.take();
        held.first = [held.first, context.time].into_iter().flatten().min();
        held.last = context.time.max(held.last);
        (held.message, held.source, held.packet) = (context.number, context.source, context.packet);
        held.alive = true;
        self.cache.over -= usize::from(!was_alive);
        if goodbye {
            (held.ends, held.ending) = (later(self.now, GRACE), Ending::Goodbye);
        } else {
            let ends = later(self.now, u64::from(record.ttl) * Timestamp::SECOND);
            // A reply to a legacy query has a short TTL by rule (RFC 6762 section 6.7).
            held.ends = if context.legacy && was_alive { held.ends.max(ends) } else { ends };
            held.ending = Ending::Expiry;
        }
        self.cache.schedule(index);
        self.lived(context, index, was_alive, goodbye, flushed_by);
        if disputed {
            self.found(context, FindingKind::Conflict, About::Name(owner));
        }
        let shared = matches!(data, HeldData::Pointer(_));
        if claims && !shared {
            self.flush(context, owner, record.kind);
        }
    }

    /// The number of a record, which is made if it is new and there is room.
    fn held(&mut self, context: &Context, key: Key, subject: NameId) -> Option<u32> {
        let (scope, owner, kind, data) = key;
        let known = self.names.at_mut(subject);
        // A name has few records: looking through them costs less than a hash of all that makes one.
        let same = |&&index: &&u32| {
            let held = &self.cache.records[index as usize];
            held.kind == kind && held.data == data && held.owner == owner && held.scope == scope
        };
        if let Some(&index) = known.records.iter().find(same) {
            return Some(index);
        }
        if self.cache.records.len() >= self.limits.room(Limits::RECORDS)
            || known.records.len() >= Limits::RECORDS_OF_NAME
            || !self.cache.shares.may_take(context.source, 1, self.limits.room(Limits::RECORDS))
        {
            self.limits.records += 1;
            return None;
        }
        self.cache.shares.take(context.source, 1);
        let index = self.cache.records.len() as u32;
        known.records.push(index);
        if let (Role::Instance(_), 1) = (known.role, known.records.len()) {
            self.instances.push(subject);
            let clean = match Meaning::of(&known.name()) {
                Meaning::Instance { label, .. } => std::str::from_utf8(label)
                    .is_ok_and(|text| !text.contains(|c: char| c.is_ascii_control())),
                _ => true,
            };
            if !clean {
                self.found(context, FindingKind::InstanceName, About::Name(subject));
            }
        }
        self.cache.over += 1;
        self.cache.records.push(Held {
            scope,
            owner,
            subject,
            kind,
            data,
            via: context.via,
            first: context.time,
            last: context.time,
            alive: false,
            ending: Ending::Expiry,
            message: 0,
            source: context.source,
            packet: context.packet,
            flushed_by: None,
            ends: None,
            queued: None,
        });
        Some(index)
    }

    /// Lets the other records of this name and type end in a second, if they are older than one second and
    /// not of this message (RFC 6762 section 10.2).
    fn flush(&mut self, context: &Context, owner: NameId, kind: RecordType) {
        let end = later(self.now, GRACE);
        for at in 0..self.names.at(owner).records.len() {
            let index = self.names.at(owner).records[at];
            let held = &mut self.cache.records[index as usize];
            let same_set = held.kind == kind && held.owner == owner && held.scope == context.scope;
            let old = self.now.zip(held.last).is_some_and(|(now, last)| now.since(last) > GRACE);
            if same_set
                && old
                && held.alive
                && held.message != context.number
                && held.ending == Ending::Expiry
            {
                held.ending = Ending::Flush;
                held.flushed_by = Some(context.source);
                held.ends = held.ends.min(end).or(end);
                self.cache.schedule(index);
            }
        }
    }

    /// Whether another host claims other data for a record that its owner is about to claim again: two hosts think the name
    /// theirs (RFC 6762 section 9). One that moved does not come back, and one that left has said so.
    fn is_disputed(&self, context: &Context, index: u32) -> bool {
        let held = &self.cache.records[index as usize];
        held.source == context.source
            && held.message > 0
            && self.names.at(held.owner).records.iter().any(|&other| {
                let other = &self.cache.records[other as usize];
                (other.scope, other.owner, other.kind) == (held.scope, held.owner, held.kind)
                    && other.data != held.data
                    && (held.message + 1..context.number).contains(&other.message)
                    && other.source != context.source
                    && other.source.is_ipv6() == context.source.is_ipv6()
                    && other.alive
                    && other.ending != Ending::Goodbye
            })
    }

    /// Ends the records whose time is over at `now`.
    pub(super) fn expire(&mut self, now: Timestamp) {
        while let Some(&Reverse((time, index))) = self.cache.queue.peek()
            && time <= now
        {
            self.cache.queue.pop();
            let held = &mut self.cache.records[index as usize];
            if held.queued != Some(time) {
                continue;
            }
            held.queued = None;
            if held.alive && held.ends.is_some_and(|ends| ends <= time) {
                held.alive = false;
                self.cache.over += 1;
                self.ended(index, time);
            } else if held.alive {
                self.cache.schedule(index);
            }
        }
    }
}
