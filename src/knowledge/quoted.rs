//! Five-tuples that ICMP errors complain about. Where no packet of theirs was captured their ports alone name them.

use hashbrown::HashSet;

use super::Knowledge;
use crate::{
    decode::Headers,
    flow::{Ends, FiveTuple, Key},
    packed::{Broken, Reader, Writer},
};

/// Five-tuples that were quoted, in the order they were met.
#[derive(Debug, Default)]
pub(super) struct Quoted {
    met: HashSet<Key>,
    all: Vec<Key>,
}

impl Quoted {
    /// Five-tuples remembered; what complains about further ones says nothing of their service.
    const LIMIT: usize = 1 << 16;

    /// Notes the five-tuple that a packet quotes.
    #[cold]
    pub(super) fn note(&mut self, headers: &Headers) {
        self.add(ends(headers).map(|ends| ends.key));
    }

    fn add(&mut self, keys: impl IntoIterator<Item = Key>) {
        for key in keys {
            if self.all.len() < Self::LIMIT && self.met.insert(key) {
                self.all.push(key);
            }
        }
    }

    pub(super) fn write(&self, out: &mut Writer) {
        out.all(self.all.iter());
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Broken> {
        let mut quoted = Self::default();
        reader.all(Self::LIMIT, |key| {
            quoted.add([key]);
            Ok(())
        })?;
        Ok(quoted)
    }

    /// Appends those of the stretch that follows.
    pub(super) fn merge(&mut self, later: Self) {
        self.add(later.all);
    }
}

/// The five-tuple of the packet that an ICMP error quotes, where its ports are there.
pub(super) fn ends(headers: &Headers) -> Option<Ends> {
    let quoted = headers.quoted.filter(|quoted| quoted.ports.is_some())?;
    Ends::between(quoted.network, quoted.protocol, quoted.ports)
}

impl Knowledge {
    /// Five-tuples that were quoted, and that no packet was captured of or none is held any more.
    pub(super) fn only_quoted(&self) -> impl Iterator<Item = FiveTuple<'static>> {
        self.quoted.all.iter().filter(|key| self.flows.find(key).is_none()).map(|&key| self.flows.unmet(key))
    }

    /// The same of the packet that this one quotes.
    pub(super) fn unmet(&self, headers: &Headers) -> Option<FiveTuple<'static>> {
        let Ends { key, .. } = ends(headers)?;
        self.flows.find(&key).is_none().then(|| self.flows.unmet(key))
    }
}
