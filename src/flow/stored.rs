//! Flows as octets in a knowledge file. Five-tuples are written in the order of their numbers, and go into a table anew under a
//! seed of its own, which no file ever holds.

use serde::{Serialize, de::DeserializeOwned};

use super::{
    Flow, FlowOptions, Flows, Key, MOST_REFUSALS, Tally,
    entry::{Entry, Facts, NO_TIME},
    fragment::{self, Datagram, DatagramKey, Fragments},
    history::History,
    key::{Address, FlowKey},
    names::Names,
    octets::Octets,
    peers::{MOST_SERVED, Served},
    table::{CAPACITY, FlowTable},
};
use crate::packed::{Broken, Reader, Writer, check};

/// Most octets, packets and flows that are believed of anything: no sum of them overflows.
const MOST: u64 = 1 << 52;

/// An entry: its times as differences that are small, the first one to that of the entry before.
type Row<A> = (FlowKey<A>, i64, i64, [u64; 2], [u32; 2], u32, u32);

impl Tally {
    /// Whether what a file says can have been counted.
    pub(crate) fn is_sound(&self) -> bool {
        let counts = self.octets.iter().chain(&self.packets).all(|&count| count <= MOST);
        let times = (self.first == NO_TIME) == (self.last == NO_TIME) && self.first <= self.last;
        counts && times
    }
}

impl Flow {
    fn is_sound(&self) -> bool {
        self.tally.is_sound() && self.history.is_sound()
    }
}

impl<A: Address + Serialize + DeserializeOwned> FlowTable<A> {
    fn write(&self, out: &mut Writer) {
        out.put(&self.joined);
        out.count(self.len());
        let mut before = 0u64;
        for entry in self.entries() {
            let (first, lasted) = (entry.first.wrapping_sub(before), entry.last.wrapping_sub(entry.first));
            let Entry { key, octets, packets, ended, facts, .. } = *entry;
            // What is noted is what the history has.
            let facts = facts.0 & !Facts::NOTED;
            let row: Row<A> = (key, first as i64, lasted as i64, octets, packets, ended, facts);
            out.put(&row);
            before = if entry.first == NO_TIME { before } else { entry.first };
        }
        let mut earlier: Vec<_> = self.earlier.iter().collect();
        earlier.sort_unstable_by_key(|&(index, _)| *index);
        out.all(earlier.into_iter());
        let mut apart: Vec<_> = self.tentative.iter().flatten().collect();
        apart.sort_unstable_by_key(|&(index, _)| *index);
        out.all(apart.into_iter());
        self.histories.iter().flatten().for_each(|history| out.put(history));
        self.octets.write(self.len(), out);
        if let Some(names) = &self.names {
            names.write(self.len(), out);
        }
    }

    /// Reads what [`Self::write`] wrote of a table of the same kind into this one, which is empty.
    fn read(&mut self, reader: &mut Reader<'_>) -> Result<(), Broken> {
        self.joined = reader.get_if(|&joined| joined <= MOST)?;
        let mut before = 0u64;
        let count = reader.count(CAPACITY)?;
        for index in 0..count {
            let (key, first, lasted, octets, packets, ended, facts): Row<A> = reader.get()?;
            let first = before.wrapping_add(first as u64);
            let last = first.wrapping_add(lasted as u64);
            before = if first == NO_TIME { before } else { first };
            let facts = Facts(facts & !(Facts::NEVER | Facts::NOTED));
            let entry = Entry { key, first, last, octets, packets, ended, facts };
            check(entry.tally().is_sound() && u64::from(ended) <= MOST >> 20)?;
            check(
                FlowKey::new((key.low, key.low_port), (key.high, key.high_port), key.protocol, key.ported).0
                    == key,
            )?;
            let (number, is_new) = self.find_or_insert(&key, key.hash(self.seed));
            check(is_new && number as usize == index)?;
            if let Some(place) = self.entry_mut(number + 1) {
                *place = entry;
            }
        }
        let (mut earlier, mut apart) = (Vec::new(), Vec::new());
        let (is_part, keeps_each) = (self.tentative.is_some(), self.keep_earlier);
        reader.all(count, |(index, flows): (u32, Vec<Flow>)| {
            let sound = !flows.is_empty() && (keeps_each || flows.len() == 1);
            check((index as usize) < count && sound && flows.iter().all(Flow::is_sound))?;
            let left = self.room_for_ended.checked_sub(flows.len());
            self.room_for_ended = left.ok_or(Broken)?;
            earlier.push((index, flows));
            Ok(())
        })?;
        reader.all(count, |(index, flow): (u32, Flow)| {
            check(is_part && (index as usize) < count && flow.is_sound())?;
            apart.push((index, flow));
            Ok(())
        })?;
        self.earlier.extend(earlier);
        if let Some(tentative) = &mut self.tentative {
            tentative.extend(apart);
        }
        for history in self.histories.iter_mut().flatten() {
            *history = reader.get_if(|history: &History| history.is_sound())?;
        }
        self.octets = Octets::read(count, reader)?;
        if self.names.is_some() {
            self.names = Some(Box::new(Names::read(count, is_part, reader)?));
        }
        Ok(())
    }
}

impl Flows {
    /// Writes those of a part.
    pub(crate) fn write(&self, out: &mut Writer) {
        self.v4.write(out);
        self.v6.write(out);
        self.fragments.write(out);
        let mut served: Vec<_> = self.served.keys().collect();
        served.sort_unstable_by_key(|key| key.order());
        out.all(served.into_iter());
        let mut refusals: Vec<_> = self.refusals.iter().collect();
        refusals.sort_unstable_by_key(|(key, _)| key.order());
        out.all(refusals.into_iter());
    }

    /// Reads what [`Self::write`] wrote of flows that were kept in this way.
    pub(crate) fn read(options: FlowOptions, reader: &mut Reader<'_>) -> Result<Self, Broken> {
        let mut flows = Self::new(options);
        flows.v4.read(reader)?;
        flows.v6.read(reader)?;
        flows.fragments = Fragments::read(reader)?;
        let mut served = Vec::new();
        reader.all(MOST_SERVED, |key: Key| {
            served.push(key);
            Ok(())
        })?;
        flows.served = Served::of(served);
        reader.all(MOST_REFUSALS, |(key, facts): (Key, u32)| {
            flows.refusals.insert(key, facts & (Facts::REFUSED | Facts::REFUSED << 1));
            Ok(())
        })?;
        Ok(flows)
    }
}

impl Fragments {
    fn write(&self, out: &mut Writer) {
        out.put(&self.unplaced);
        let mut all: Vec<(&DatagramKey, &Vec<Datagram>)> = self.datagrams.iter().collect();
        all.sort_unstable_by_key(|(key, _)| (key.source, key.destination, key.protocol, key.id));
        out.all(all.into_iter());
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Broken> {
        let mut fragments = Self { unplaced: reader.get_if(|&count| count <= MOST)?, ..Self::default() };
        let most = fragment::LIMIT.saturating_mul(2);
        reader.all(most, |(key, datagrams): (DatagramKey, Vec<Datagram>)| {
            fragments.len += datagrams.len();
            let sound = |datagram: &Datagram| datagram.before.is_sound() && datagram.after.is_sound();
            check(!datagrams.is_empty() && fragments.len <= most && datagrams.iter().all(sound))?;
            check(fragments.datagrams.insert(key, datagrams).is_none())
        })?;
        Ok(fragments)
    }
}
