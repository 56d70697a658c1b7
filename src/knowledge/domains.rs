//! What the ends of every five-tuple are called, worked out from [`Knowledge`].

use std::net::IpAddr;

use hashbrown::HashMap;

use super::{Knowledge, answers::PerFlow};
use crate::{
    flow::{Direction, FiveTuple, FlowId, Leaving},
    hosts::{Hosts, Source},
    naming::Side,
    packet::Timestamp,
    payload::{Told, ToldBy},
};

/// What the ends of a flow are called, and how that is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Named<'a> {
    /// Name of the low end of its five-tuple, escaped as on a terminal.
    pub low: Option<&'a str>,
    /// Name of the high end.
    pub high: Option<&'a str>,
    /// What told the name of the end that serves.
    pub source: Option<ToldFrom>,
    /// The name that a ClientHello of TLS, DTLS or QUIC asks for (RFC 6066 section 3).
    pub server_name: Option<&'a str>,
    /// Whether that hello holds an encrypted one (RFC 9849), so that this name is the outer one.
    pub has_encrypted_hello: bool,
}

impl<'a> Named<'a> {
    /// The names of source and destination of a packet that went this way.
    pub fn ends(&self, direction: Direction) -> (Option<&'a str>, Option<&'a str>) {
        match direction {
            Direction::Up => (self.low, self.high),
            Direction::Down => (self.high, self.low),
        }
    }

    /// The name of the end that serves, and the word for what told it: `svc.domain_source`.
    pub fn server(&self, side: Side) -> Option<(&'a str, &'static str)> {
        let name = match side {
            Side::Low => self.low,
            Side::High => self.high,
            Side::Both | Side::Neither => None,
        };
        name.zip(self.source.map(ToldFrom::as_str))
    }
}

/// What told the name of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ToldFrom {
    /// What names hosts.
    Host(Source),
    /// The client, who asked for it.
    Client(ToldBy),
}

impl ToldFrom {
    /// Its word in records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Client(by) => by.as_str(),
            Self::Host(source) => source.as_str(),
        }
    }

    /// The words of all.
    pub fn words() -> Vec<&'static str> {
        let clients = ToldBy::ALL.into_iter().map(Self::Client);
        clients.chain(Source::ALL.into_iter().map(Self::Host)).map(Self::as_str).collect()
    }
}

/// The same by numbers; 0 stands for none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Numbers {
    /// Of the low and the high end, and of what the hello asks for.
    names: [u32; 3],
    source: Option<ToldFrom>,
    has_encrypted_hello: bool,
}

/// What names were worked out from, where only the past is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Basis {
    side: Side,
    /// Numbers of what both directions told.
    told: [u32; 2],
    /// How much was known of hosts.
    changes: u64,
}

/// Names that are kept, whoever has them, before it is looked which of them anyone still has.
const WORTH_SORTING_OUT: usize = 1 << 16;

/// What the ends of five-tuples are called.
#[derive(Debug, Default)]
pub(super) struct Domains {
    numbers: PerFlow<Numbers>,
    /// What they were worked out from, where they are revised.
    bases: PerFlow<Option<Basis>>,
    names: Vec<Box<str>>,
    ids: HashMap<Box<str>, u32>,
}

impl Domains {
    /// Names of the five-tuple of that number.
    #[inline]
    pub(super) fn get(&self, id: FlowId) -> Option<Named<'_>> {
        let Numbers { names, source, has_encrypted_hello, .. } = self.numbers.get(id)?;
        let [low, high, server_name] =
            names.map(|number| self.names.get((number as usize).wrapping_sub(1)).map(|name| &**name));
        Some(Named { low, high, source, server_name, has_encrypted_hello })
    }

    /// The names that five-tuples of a piece have here, by their numbers there and here.
    pub(super) fn of_piece(&self, ids: &[(FlowId, Option<FlowId>)]) -> Self {
        let mut piece = Self { names: self.names.clone(), ..Self::default() };
        for &(own, id) in ids {
            let numbers = id.and_then(|id| self.numbers.get(id)).unwrap_or_default();
            *piece.numbers.at(own, Numbers::default()) = numbers;
        }
        piece
    }

    /// Forgets whose numbers the names have.
    pub(super) fn renumber(&mut self) {
        (self.numbers, self.bases) = (PerFlow::default(), PerFlow::default());
    }

    /// Keeps the names of those that stay where five-tuples left and the others got new numbers, and forgets the other names
    /// where they are many.
    pub(super) fn release(&mut self, leaving: &Leaving) {
        self.numbers.remove(leaving);
        self.bases.remove(leaving);
        if self.names.len() < WORTH_SORTING_OUT {
            return;
        }
        let names = std::mem::take(&mut self.names);
        self.ids.clear();
        let Self { numbers, names: kept, ids, .. } = self;
        for number in numbers.all_mut().flat_map(|numbers| &mut numbers.names) {
            let Some(name) = names.get((*number as usize).wrapping_sub(1)) else { continue };
            *number = *ids.entry_ref(name).or_insert_with(|| {
                kept.push(name.clone());
                kept.len() as u32
            });
        }
    }

    /// Works out the names of all five-tuples, which serve as `side` says.
    pub(super) fn learn(&mut self, knowledge: &Knowledge, side: impl Fn(FlowId) -> Side) {
        for tuple in knowledge.flows().five_tuples() {
            self.name(&tuple, side(tuple.id), knowledge);
        }
    }

    /// Works out the names of a five-tuple anew, where more is known than before.
    pub(super) fn revise(&mut self, tuple: &FiveTuple<'_>, side: Side, knowledge: &Knowledge) {
        let told = knowledge.flows().told_numbers(tuple.id);
        let changes = knowledge.hosts().map_or(0, Hosts::changes);
        if let Some(basis) = self.bases.at(tuple.id, None)
            && (basis.side, basis.told) == (side, told)
        {
            let ends = [tuple.key.low().0, tuple.key.high().0];
            let is_news =
                |address| knowledge.hosts().is_some_and(|hosts| hosts.changed(address) > basis.changes);
            if basis.changes == changes || !ends.into_iter().any(is_news) {
                basis.changes = changes;
                return;
            }
        }
        self.name(tuple, side, knowledge);
        *self.bases.at(tuple.id, None) = Some(Basis { side, told, changes });
    }

    fn name(&mut self, tuple: &FiveTuple<'_>, side: Side, knowledge: &Knowledge) {
        let (flows, hosts) = (knowledge.flows(), knowledge.hosts());
        let addresses = [tuple.key.low().0, tuple.key.high().0];
        let time = tuple.first().map(Timestamp);
        // Who is asked for by a name is the one that the words go to.
        let [to_high, to_low] = [Direction::Up, Direction::Down].map(|way| flows.told(tuple.id, way));
        let serves = |end| side == end || side == Side::Both;
        let low = end(addresses, to_low.filter(|_| serves(Side::Low)), time, hosts);
        let [low_address, high_address] = addresses;
        let high = end([high_address, low_address], to_high.filter(|_| serves(Side::High)), time, hosts);
        let source = match side {
            Side::Low => low,
            Side::High => high,
            Side::Both | Side::Neither => None,
        };
        let hello = [to_high, to_low].into_iter().flatten().find(|told| told.by != ToldBy::Http);
        let server_name = hello.and_then(|told| told.name.as_ref()).map(|name| name.as_str());
        let names = [low.map(|(name, _)| name), high.map(|(name, _)| name), server_name];
        let names = names.map(|name| name.map_or(0, |name| self.number(name)));
        *self.numbers.at(tuple.id, Numbers::default()) = Numbers {
            names,
            source: source.map(|(_, source)| source),
            has_encrypted_hello: hello.is_some_and(|told| told.has_encrypted_hello),
        };
    }

    fn number(&mut self, name: &str) -> u32 {
        if let Some(&number) = self.ids.get(name) {
            return number;
        }
        self.names.push(name.into());
        let number = self.names.len() as u32;
        self.ids.insert(name.into(), number);
        number
    }
}

/// What an end is called, and by whom: by the user, by what the other end asked it for, else by what was told of its address.
fn end<'a>(
    [address, peer]: [IpAddr; 2],
    told: Option<&'a Told>,
    time: Option<Timestamp>,
    hosts: Option<&'a Hosts>,
) -> Option<(&'a str, ToldFrom)> {
    let known = || hosts?.name_of(address, Some(peer), time);
    let told = told.and_then(|told| Some((told.name.as_ref()?, told.by)));
    match told.filter(|(name, _)| name.is_domain()) {
        Some((name, by)) if !hosts.is_some_and(|hosts| hosts.has_user_name(address)) => {
            Some((name.as_str(), ToldFrom::Client(by)))
        }
        _ => known().map(|(name, source)| (name, ToldFrom::Host(source))),
    }
}
