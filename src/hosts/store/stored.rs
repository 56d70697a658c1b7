//! Names of hosts as octets in a knowledge file; not those of the user's, which each run is given anew.

use std::net::IpAddr;

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
    /// Writes what was learned.
    pub(crate) fn write(&self, out: &mut Writer) {
        out.put(&self.lost);
        out.all(self.names.all.iter());
        out.all(self.told.iter());
        let mut answers: Vec<_> = self.answers.iter().collect();
        answers.sort_unstable_by_key(|&(key, _)| *key);
        out.all(answers.into_iter());
        out.all(self.leases.iter());
        out.all(self.macs.iter());
    }

    /// Reads what [`Self::write`] wrote.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, Broken> {
        // What was learned is merged to nothing, which holds the bounds.
        let mut learned = Self { lost: reader.get_if(|&lost| lost < 1 << 52)?, ..Self::default() };
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
        Ok(all)
    }
}
