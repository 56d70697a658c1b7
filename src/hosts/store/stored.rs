//! Names of hosts as octets in a knowledge file; not those of the user's, which each run is given anew.

use std::net::IpAddr;

use hashbrown::HashMap;

use super::{Hosts, Lease, Mac, Run, Series, Source};
use crate::{
    packed::{Broken, Reader, Writer, check},
    packet::Timestamp,
    text::escape::is_harmless,
};

/// A run in files: its name, when it was first told, and how many nanoseconds later it was last, most often none.
pub(super) type Row = (u32, Option<Timestamp>, Option<u64>);

impl From<Run> for Row {
    fn from(Run { name, first, last }: Run) -> Self {
        let begin = first.map_or(0, |first| first.0);
        (name, first, last.map(|last| last.0.wrapping_sub(begin)))
    }
}

impl From<Row> for Run {
    fn from((name, first, lasted): Row) -> Self {
        let begin = first.map_or(0, |first| first.0);
        Self { name, first, last: lasted.map(|lasted| Timestamp(begin.wrapping_add(lasted))) }
    }
}

impl Hosts {
    /// Whether all that messages of DNS told is what another heard of them, and that lost nothing.
    fn has_heard(&self, heard: &Self) -> bool {
        let is_same = |one: &Series, other: &Series| {
            let texts = |hosts: &'_ Self, run: &Run| hosts.names.all[run.name as usize].clone();
            let same_run = |(one, other): (&Run, &Run)| {
                (one.first, one.last) == (other.first, other.last) && texts(self, one) == texts(heard, other)
            };
            (one.overflowed, one.runs.len()) == (other.overflowed, other.runs.len())
                && one.runs.iter().zip(&other.runs).all(same_run)
        };
        let told = |hosts: &'_ Self| hosts.told.keys().filter(|(_, source)| source.is_of_dns()).count();
        heard.lost == 0
            && (told(self), self.answers.len()) == (heard.told.len(), heard.answers.len())
            && heard.told.iter().all(|(key, other)| self.told.get(key).is_some_and(|one| is_same(one, other)))
            && heard
                .answers
                .iter()
                .all(|(key, other)| self.answers.get(key).is_some_and(|one| is_same(one, other)))
    }

    /// Writes what was learned, but for what was `heard` of messages that are kept themselves, where that is all that such
    /// messages told. Names are numbered as they are met.
    pub(crate) fn write(&self, heard: &Self, out: &mut Writer) {
        out.put(&self.lost);
        let is_heard = self.has_heard(heard);
        out.put(&is_heard);
        let (mut numbers, mut names) = (HashMap::new(), Vec::new());
        let mut number = |name: u32| {
            *numbers.entry(name).or_insert_with(|| {
                names.push(&*self.names.all[name as usize]);
                names.len() as u32 - 1
            })
        };
        let mut numbered = |series: &Series| {
            let runs = series.runs.iter().map(|run| Run { name: number(run.name), ..*run });
            Series { runs: runs.collect(), overflowed: series.overflowed }
        };
        let told = self.told.iter().filter(|((_, source), _)| !is_heard || !source.is_of_dns());
        let told: Vec<_> = told.map(|(key, series)| (*key, numbered(series))).collect();
        let mut answers: Vec<_> = self.answers.iter().filter(|_| !is_heard).collect();
        answers.sort_unstable_by_key(|&(key, _)| *key);
        let answers: Vec<_> = answers.into_iter().map(|(key, series)| (*key, numbered(series))).collect();
        let leases = self.leases.iter().map(|(key, lease)| {
            let name = lease.name.map(&mut number);
            (key, Lease { name, ..lease.clone() })
        });
        let leases: Vec<_> = leases.collect();
        out.all(names.iter());
        out.all(told.iter());
        out.all(answers.iter());
        out.all(leases.iter());
        out.all(self.macs.iter());
    }

    /// Reads what [`Self::write`] wrote; `heard` is what the messages tell that are kept themselves.
    pub(crate) fn read(reader: &mut Reader<'_>, heard: impl FnOnce() -> Self) -> Result<Self, Broken> {
        // What was learned is merged to nothing, which holds the bounds.
        let mut learned = Self { lost: reader.get_if(|&lost| lost < 1 << 52)?, ..Self::default() };
        let is_heard: bool = reader.get()?;
        reader.all(Self::MAX_NAMES, |name: &str| {
            check(
                is_harmless(name)
                    && learned.names.id(name).map(|id| id as usize + 1) == Some(learned.names.all.len()),
            )
        })?;
        let names = learned.names.all.len();
        let is_name = |name: u32| (name as usize) < names;
        let is_sound = |series: &Series| {
            series.runs.len() <= Self::MAX_RUNS && series.runs.iter().all(|run| is_name(run.name))
        };
        reader.all(Self::MAX_ADDRESSES, |(key, series): ((IpAddr, Source), Series)| {
            check(is_sound(&series) && learned.told.insert(key, series).is_none())
        })?;
        reader.all(Self::MAX_ADDRESSES, |(key, series): ((IpAddr, IpAddr), Series)| {
            check(is_sound(&series) && learned.answers.insert(key, series).is_none())
        })?;
        reader.all(Self::MAX_ADDRESSES, |(key, lease): (Vec<u8>, Lease)| {
            check(lease.name.is_none_or(is_name) && learned.leases.insert(key, lease).is_none())
        })?;
        reader.all(Self::MAX_ADDRESSES, |mac: (IpAddr, Mac)| check(learned.macs.insert(mac)))?;
        let mut all = Self::default();
        all.merge(learned);
        if is_heard {
            all.merge(heard());
        }
        Ok(all)
    }
}
