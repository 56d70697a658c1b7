//! Names, service types and TXT data, each kept once and known by a number.

use std::{
    hash::{BuildHasher as _, RandomState},
    net::IpAddr,
};

use hashbrown::{HashTable, hash_table::Entry};

use super::{
    Limits, Packets,
    full::{Moved, keep},
};
use crate::dns::{Meaning, Name, Pair, ServiceType, Strings, pairs, shares::Shares};

/// A name in [`Names`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct NameId(pub u32);

/// A service type in [`Types`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct TypeId(pub u32);

/// TXT data in [`Texts`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct TextId(pub u32);

/// What a name is to the inventory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// A service type, or a subtype of it.
    Type(TypeId),
    Subtype(TypeId),
    Instance(TypeId),
    Types,
    Domains,
    Reverse,
    Other,
}

/// One name, and the numbers of the records that concern it: its own, and for an instance those that point
/// to it.
#[derive(Debug)]
pub(super) struct Known {
    pub wire: Box<[u8]>,
    /// Who told it first.
    sender: IpAddr,
    pub role: Role,
    /// Whether a question was for it.
    pub asked: bool,
    pub records: Vec<u32>,
    pub life: Option<Box<super::life::Life>>,
    /// Of an instance, who listed it among known answers.
    pub heard: Option<Box<super::life::Heard>>,
}

impl Known {
    pub(super) fn name(&self) -> Name<'_> {
        // Only whole names are stored.
        Name::from_wire(&self.wire).unwrap_or_else(Name::root)
    }
}

/// All names met, compared without ASCII case.
#[derive(Debug, Default)]
pub(super) struct Names {
    entries: Vec<Known>,
    ids: HashTable<u32>,
    hasher: RandomState,
    shares: Shares,
}

impl Names {
    /// The number of `name` if it was met before.
    pub(super) fn find(&self, name: &Name<'_>) -> Option<NameId> {
        let mut buffer = [0; Name::MAX_LEN];
        let len = name.expand(&mut buffer).len();
        let folded = fold(&mut buffer, len);
        let hash = self.hasher.hash_one(folded);
        let id = self.ids.find(hash, |&id| self.entries[id as usize].wire.eq_ignore_ascii_case(folded));
        id.map(|&id| NameId(id))
    }

    /// The number of `name`, which is stored if it is new and there is room for what this sender says.
    pub(super) fn intern(
        &mut self,
        sender: IpAddr,
        name: &Name<'_>,
        types: &mut Types,
        limits: &mut Limits,
    ) -> Option<NameId> {
        let mut buffer = [0; Name::MAX_LEN];
        let len = name.expand(&mut buffer).len();
        let folded = fold(&mut buffer, len);
        let hash = self.hasher.hash_one(folded);
        let same = |&id: &u32| self.entries[id as usize].wire.eq_ignore_ascii_case(folded);
        if let Some(&id) = self.ids.find(hash, same) {
            return Some(NameId(id));
        }
        if self.entries.len() >= limits.room(Limits::NAMES)
            || !self.shares.may_take(sender, 1, limits.room(Limits::NAMES))
        {
            limits.names += 1;
            return None;
        }
        self.shares.take(sender, 1);
        let mut kind = |service: &ServiceType<'_>| types.intern(sender, service, limits);
        let role = match Meaning::of(name) {
            Meaning::Type { service, .. } => kind(&service).map_or(Role::Other, Role::Type),
            Meaning::Subtype { service, .. } => kind(&service).map_or(Role::Other, Role::Subtype),
            Meaning::Instance { service, .. } => kind(&service).map_or(Role::Other, Role::Instance),
            Meaning::Types => Role::Types,
            Meaning::Domains => Role::Domains,
            Meaning::Reverse(_) => Role::Reverse,
            Meaning::Other => Role::Other,
        };
        let id = self.entries.len() as u32;
        let wire = name.expand(&mut [0; Name::MAX_LEN]).into();
        let (asked, records, life, heard) = (false, Vec::new(), None, None);
        self.entries.push(Known { wire, sender, role, asked, records, life, heard });
        let (entries, hasher) = (&self.entries, &self.hasher);
        self.ids.insert_unique(hash, id, |&id| {
            hasher.hash_one(entries[id as usize].wire.to_ascii_lowercase().as_slice())
        });
        Some(NameId(id))
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Known> {
        self.entries.iter()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Known> {
        self.entries.iter_mut()
    }

    /// Keeps the names that have a new number. Types of those are all there; of their records some may have left.
    pub(super) fn keep(&mut self, names: &Moved, types: &Moved, records: &Moved) {
        keep(&mut self.entries, names);
        self.ids.clear();
        self.shares = Shares::default();
        let hash = |hasher: &RandomState, wire: &[u8]| hasher.hash_one(wire.to_ascii_lowercase().as_slice());
        for (index, known) in self.entries.iter_mut().enumerate() {
            if let Role::Type(id) | Role::Subtype(id) | Role::Instance(id) = &mut known.role {
                id.0 = types[id.0 as usize].unwrap_or(id.0);
            }
            known.records.retain_mut(|record| match records[*record as usize] {
                Some(new) => {
                    *record = new;
                    true
                }
                None => false,
            });
            if let Some(life) = &mut known.life {
                life.forget_claims();
            }
            self.shares.take(known.sender, 1);
            let hash = hash(&self.hasher, &known.wire);
            // There was room for more.
            self.ids.insert_unique(hash, index as u32, |_| hash);
        }
    }

    pub(super) fn at(&self, id: NameId) -> &Known {
        &self.entries[id.0 as usize]
    }

    pub(super) fn at_mut(&mut self, id: NameId) -> &mut Known {
        &mut self.entries[id.0 as usize]
    }
}

/// Puts the first `len` octets into lower case; length octets are below all letters.
fn fold(buffer: &mut [u8; Name::MAX_LEN], len: usize) -> &[u8] {
    let name = &mut buffer[..len];
    name.make_ascii_lowercase();
    name
}

/// One service type.
#[derive(Debug)]
pub(super) struct KnownType {
    pub name: Box<[u8]>,
    pub tcp: bool,
    /// Who told it first.
    sender: IpAddr,
    /// Questions for it.
    pub queries: u64,
    /// Where it was met, in questions, records and known answers.
    pub packets: Packets,
}

impl KnownType {
    pub(super) fn service(&self) -> ServiceType<'_> {
        ServiceType { name: &self.name, tcp: self.tcp }
    }
}

/// All service types met, in any domain.
#[derive(Debug, Default)]
pub(super) struct Types {
    entries: Vec<KnownType>,
    ids: HashTable<u32>,
    hasher: RandomState,
    shares: Shares,
}

impl Types {
    fn intern(&mut self, sender: IpAddr, service: &ServiceType<'_>, limits: &mut Limits) -> Option<TypeId> {
        let hash = |service: &ServiceType<'_>, hasher: &RandomState| {
            hasher.hash_one((service.name.to_ascii_lowercase(), service.tcp))
        };
        let (entries, hasher) = (&self.entries, &self.hasher);
        let slot = self.ids.entry(
            hash(service, hasher),
            |&id| entries[id as usize].service() == *service,
            |&id| hash(&entries[id as usize].service(), hasher),
        );
        match slot {
            Entry::Occupied(id) => Some(TypeId(*id.get())),
            Entry::Vacant(_)
                if self.entries.len() >= limits.room(Limits::TYPES)
                    || !self.shares.may_take(sender, 1, limits.room(Limits::TYPES)) =>
            {
                limits.types += 1;
                None
            }
            Entry::Vacant(slot) => {
                self.shares.take(sender, 1);
                let id = self.entries.len() as u32;
                slot.insert(id);
                self.entries.push(KnownType {
                    name: service.name.into(),
                    tcp: service.tcp,
                    sender,
                    queries: 0,
                    packets: Packets::default(),
                });
                Some(TypeId(id))
            }
        }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Keeps the types that have a new number.
    pub(super) fn keep(&mut self, types: &Moved) {
        keep(&mut self.entries, types);
        self.ids.clear();
        self.shares = Shares::default();
        for (index, known) in self.entries.iter().enumerate() {
            self.shares.take(known.sender, 1);
            let hash = self.hasher.hash_one((known.name.to_ascii_lowercase(), known.tcp));
            // There was room for more.
            self.ids.insert_unique(hash, index as u32, |_| hash);
        }
    }

    pub(super) fn at_mut(&mut self, id: TypeId) -> &mut KnownType {
        &mut self.entries[id.0 as usize]
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (TypeId, &KnownType)> {
        self.entries.iter().enumerate().map(|(id, known)| (TypeId(id as u32), known))
    }
}

/// What is wrong with TXT data, worked out once for each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct TextFlaws {
    pub long: bool,
    pub repeated_key: bool,
    pub malformed_key: bool,
}

/// TXT data met, and who told it first.
#[derive(Debug)]
struct Text {
    octets: Box<[u8]>,
    flaws: TextFlaws,
    sender: IpAddr,
}

impl Text {
    /// Octets that it takes; an empty one still takes a place.
    fn size(octets: &[u8]) -> usize {
        octets.len() + size_of::<Self>()
    }
}

/// All TXT data met.
#[derive(Debug, Default)]
pub(super) struct Texts {
    entries: Vec<Text>,
    ids: HashTable<u32>,
    hasher: RandomState,
    octets: usize,
    shares: Shares,
}

impl Texts {
    pub(super) fn intern(
        &mut self,
        sender: IpAddr,
        strings: Strings<'_>,
        limits: &mut Limits,
    ) -> Option<TextId> {
        let octets = strings.octets();
        let size = Text::size(octets);
        let (entries, hasher) = (&self.entries, &self.hasher);
        let slot = self.ids.entry(
            hasher.hash_one(octets),
            |&id| *entries[id as usize].octets == *octets,
            |&id| hasher.hash_one(&*entries[id as usize].octets),
        );
        match slot {
            Entry::Occupied(id) => Some(TextId(*id.get())),
            Entry::Vacant(_)
                if self.octets + size > limits.room(Limits::TEXT_OCTETS)
                    || !self.shares.may_take(sender, size, limits.room(Limits::TEXT_OCTETS)) =>
            {
                limits.texts += 1;
                None
            }
            Entry::Vacant(slot) => {
                let id = self.entries.len() as u32;
                slot.insert(id);
                self.octets += size;
                self.shares.take(sender, size);
                self.entries.push(Text { octets: octets.into(), flaws: TextFlaws::of(strings), sender });
                Some(TextId(id))
            }
        }
    }

    pub(super) fn strings(&self, id: TextId) -> Option<Strings<'_>> {
        Strings::read(&self.entries[id.0 as usize].octets)
    }

    pub(super) fn flaws(&self, id: TextId) -> TextFlaws {
        self.entries[id.0 as usize].flaws
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Octets they take.
    pub(super) fn octets(&self) -> usize {
        self.octets
    }

    /// Keeps the data that has a new number.
    pub(super) fn keep(&mut self, texts: &Moved) {
        keep(&mut self.entries, texts);
        self.ids.clear();
        (self.octets, self.shares) = Default::default();
        for (index, text) in self.entries.iter().enumerate() {
            let size = Text::size(&text.octets);
            self.octets += size;
            self.shares.take(text.sender, size);
            let hash = self.hasher.hash_one(&*text.octets);
            // There was room for more.
            self.ids.insert_unique(hash, index as u32, |_| hash);
        }
    }
}

impl TextFlaws {
    /// More octets of TXT data than this are not recommended (RFC 6763 section 6.2).
    const LONG: usize = 1_300;

    fn of(strings: Strings<'_>) -> Self {
        let mut keys: Vec<_> = pairs(strings).map(|pair| pair.key.to_ascii_lowercase()).collect();
        keys.sort_unstable();
        Self {
            long: strings.octets().len() > Self::LONG,
            repeated_key: keys.windows(2).any(|pair| pair[0] == pair[1]),
            malformed_key: pairs(strings).any(|pair: Pair<'_>| !pair.is_well_formed())
                || strings.into_iter().any(|string| string.first() == Some(&b'=')),
        }
    }
}
