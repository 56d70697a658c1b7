//! The DNS-SD inventory: what the messages of a capture say about services, joined and kept in bounds.
//!
//! [`Inventory::observe`] takes message by message, in capture order. Records live as RFC 6762 section 10 has
//! it: from their sighting to the end of their TTL, one second longer after a goodbye or when a
//! record with the cache-flush bit replaces them. Time is that of the capture, never a clock's. Multicast
//! records belong to the interface and IP family that showed them (section 4), those of unicast DNS to one
//! scope of their own; [`Inventory::instances`] joins all scopes by name.
//!
//! What is told by others than the owner is kept apart: known answers in queries (section 7.1) say who
//! asks, and of which instances the asker has heard, proposed records in probes (section 8.2) say what is claimed;
//! neither makes a record live.
//!
//! Every table is bounded by [`Limits`], which also counts what did not fit. Full ones let go of names of which nothing is
//! alive; no sender alone fills more than three quarters of one.

mod cache;
mod findings;
mod full;
mod life;
mod names;
mod questions;
mod view;

use std::net::IpAddr;

pub use findings::{Finding, FindingKind, Packets, Subject};
pub use life::EventKind;
pub use view::{Event, Instance, Missing, Query, Server, State, Type};

use super::{Data, Meaning, Message, Name, Record, RecordType, Section, ServiceType, Via, shares::Shares};
use crate::packet::{PacketId, Share, Timestamp, TransportProtocol};
use cache::{Cache, HeldData};
use findings::{About, Findings};
use names::{NameId, Names, Role, Texts, Types};
use questions::Questions;

/// Where and when a DNS message was seen.
#[derive(Clone, Copy, Debug)]
pub struct Sighting {
    /// The packet.
    pub packet: PacketId,
    /// Capture time, where known.
    pub time: Option<Timestamp>,
    /// Interface it was seen on.
    pub interface: u32,
    /// Sender's address and port.
    pub source: (IpAddr, u16),
    /// Receiver's address and port.
    pub destination: (IpAddr, u16),
    /// Transport that carried it.
    pub protocol: TransportProtocol,
}

/// The bounds of an [`Inventory`], and how often each kept something out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Names beyond [`Self::NAMES`].
    pub names: u64,
    /// Service types beyond [`Self::TYPES`].
    pub types: u64,
    /// TXT data beyond [`Self::TEXT_OCTETS`].
    pub texts: u64,
    /// Records beyond [`Self::RECORDS`] or [`Self::RECORDS_OF_NAME`].
    pub records: u64,
    /// Questions beyond [`Self::QUESTIONS`], and those that left for newer ones.
    pub questions: u64,
    /// Events beyond [`Self::EVENTS`], and those that left with their names or for newer ones.
    pub events: u64,
    /// Findings beyond [`Self::FINDINGS`], and those that left for newer ones.
    pub findings: u64,
    /// Instances that were over and left full tables.
    pub left: u64,
    /// How much of the room below the tables may take.
    pub(crate) share: Share,
}

impl Limits {
    /// What of a room may be taken.
    fn room(&self, room: usize) -> usize {
        self.share.of(room)
    }

    /// Most distinct names.
    pub const NAMES: usize = 131_072;
    /// Most distinct service types.
    pub const TYPES: usize = 16_384;
    /// Most octets of distinct TXT data.
    pub const TEXT_OCTETS: usize = 64 << 20;
    /// Most distinct records.
    pub const RECORDS: usize = 131_072;
    /// Most records of one name, and of those that point to one instance.
    pub const RECORDS_OF_NAME: usize = 128;
    /// Most distinct questions and clients that ask them.
    pub const QUESTIONS: usize = 131_072;
    /// Most events of the life line.
    pub const EVENTS: usize = 262_144;
    /// Most distinct findings.
    pub const FINDINGS: usize = 16_384;
}

/// What was counted while observing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Messages observed.
    pub messages: u64,
    /// Of these, queries; probes among them.
    pub queries: u64,
    /// Queries with proposed records (RFC 6762 section 8.1).
    pub probes: u64,
    /// Responses.
    pub responses: u64,
    /// Messages passed over: opcode not 0, and in mDNS rcode not 0 (RFC 6762 sections 18.3 and 18.11) and responses
    /// from another port than 5353 (section 6).
    pub ignored: u64,
    /// Known answers in queries (RFC 6762 section 7.1).
    pub known_answers: u64,
    /// Queries with known answers and no question: the rest of a list that did not fit (section 7.2).
    pub continuations: u64,
}

/// Where a record is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Scope {
    /// Multicast: one interface, one IP family.
    Link { interface: u32, v6: bool },
    /// Unicast DNS.
    Unicast,
}

/// Services, types, questions, events and findings of a capture. See the [module](self).
#[derive(Debug, Default)]
pub struct Inventory {
    names: Names,
    types: Types,
    texts: Texts,
    cache: Cache,
    /// Instances that a record was seen of, in that order.
    instances: Vec<NameId>,
    /// Instances that a known answer was seen of, in that order.
    heard: Vec<NameId>,
    events: Vec<life::Logged>,
    /// Events that ever stood in the life line.
    logged: u64,
    event_shares: Shares,
    findings: Findings,
    questions: Questions,
    limits: Limits,
    /// The same when room was last looked for, and what was offered to the tables since.
    limits_before: Limits,
    offered: usize,
    counts: Counts,
    now: Option<Timestamp>,
}

/// What stays the same while one message is read.
struct Context {
    number: u64,
    packet: PacketId,
    time: Option<Timestamp>,
    via: Via,
    scope: Scope,
    source: IpAddr,
    /// A reply to a legacy query (RFC 6762 section 6.7).
    legacy: bool,
}

impl Inventory {
    /// Knows nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with this share of the room.
    pub(crate) fn within(share: Share) -> Self {
        Self { limits: Limits { share, ..Limits::default() }, ..Self::default() }
    }

    /// What was counted so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// What the bounds kept out so far.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Moves capture time on, as packets without DNS do; records whose time is over end.
    pub fn advance(&mut self, time: Timestamp) {
        if self.now.is_none_or(|now| now < time) {
            self.now = Some(time);
            self.expire(time);
        }
    }

    /// Takes in one message.
    pub fn observe(&mut self, sighting: Sighting, message: &Message<'_>) {
        if let Some(time) = sighting.time {
            self.advance(time);
        }
        // Only between messages, as numbers change.
        self.make_room();
        let (source, source_port) = sighting.source;
        let (_, destination_port) = sighting.destination;
        let via = Via::of(sighting.protocol, source_port, destination_port).unwrap_or(Via::Udp);
        let link = Scope::Link { interface: sighting.interface, v6: source.is_ipv6() };
        self.counts.messages += 1;
        let context = Context {
            number: self.counts.messages,
            packet: sighting.packet,
            time: sighting.time.or(self.now),
            via,
            scope: if via.is_multicast() { link } else { Scope::Unicast },
            source,
            legacy: via == Via::Mdns && message.is_response() && destination_port != 5353,
        };
        if message.is_response() {
            self.counts.responses += 1;
        } else {
            self.counts.queries += 1;
        }
        if via.ignores(source_port, message) {
            self.counts.ignored += 1;
            return self.found(&context, FindingKind::SourcePort, About::Source(source));
        }
        if message.opcode() != 0 || message.rcode() != 0 {
            if message.opcode() == 0 && via != Via::Mdns {
                if message.is_response() {
                    self.negative(&context, message);
                }
                return;
            }
            self.counts.ignored += 1;
            if via == Via::Mdns {
                self.found(&context, FindingKind::OpcodeOrRcode, About::Source(source));
            }
            return;
        }
        if message.is_response() {
            if via == Via::Mdns {
                if !context.legacy && message.question_count() > 0 {
                    self.found(&context, FindingKind::QuestionInResponse, About::Source(source));
                }
                if is_off_link(source, sighting.destination.0) {
                    self.found(&context, FindingKind::OffLink, About::Source(source));
                }
            }
            self.response(&context, message);
        } else {
            self.query(&context, message);
        }
    }

    fn found(&mut self, context: &Context, kind: FindingKind, about: About) {
        self.offered += 1;
        self.findings.add(kind, about, (context.source, context.packet), &mut self.limits);
    }

    /// Takes it that a unicast message answers the questions it repeats, be it with nothing.
    fn negative(&mut self, context: &Context, message: &Message<'_>) {
        for question in message.questions() {
            if let Some(name) = self.names.find(&question.name) {
                self.questions.answer(context.number, (context.scope, name, question.kind));
            }
        }
    }

    fn query(&mut self, context: &Context, message: &Message<'_>) {
        let probe = context.via == Via::Mdns && message.record_count(Section::Authority) > 0;
        self.counts.probes += u64::from(probe);
        let mut questions = message.questions();
        for question in questions.by_ref() {
            let Some(name) = self.name(context, &question.name) else { continue };
            if let Role::Type(id) | Role::Subtype(id) = self.names.at(name).role {
                self.types.at_mut(id).queries += 1;
            }
            // Silence is what a prober hopes for: its questions do not wait for answers.
            if !probe {
                let key = (context.scope, name, question.kind);
                self.names.at_mut(name).asked = true;
                self.offered += 1;
                self.questions.ask(context.number, key, context.source, context.packet, &mut self.limits);
            }
        }
        let mut known = 0;
        let mut records = questions.records(message);
        for record in records.by_ref() {
            if record.section == Section::Additional || record.class() != 1 {
                continue;
            }
            let Some(owner) = self.name(context, &record.name) else { continue };
            if record.section == Section::Answer {
                known += 1;
                self.questions.known((context.scope, owner, record.kind), context.source);
                if record.flushes() {
                    self.found(context, FindingKind::FlushMisplaced, About::Source(context.source));
                }
                // Of pointers only those of service types name instances.
                let role = self.names.at(owner).role;
                let instance = match record.data() {
                    Data::Ptr(target) => self
                        .name(context, &target)
                        .filter(|_| matches!(role, Role::Type(_) | Role::Subtype(_))),
                    Data::Srv { .. } | Data::Txt(_) => Some(owner),
                    _ => None,
                };
                if context.via == Via::Mdns
                    && let Some(instance) = instance
                {
                    self.heard_of(context, instance);
                }
            } else if context.via == Via::Mdns
                && let Some(data) = self.held_data(context, &record.data())
            {
                self.claimed(context, owner, record.kind, data);
            }
        }
        self.counts.known_answers += known;
        self.counts.continuations += u64::from(known > 0 && message.question_count() == 0);
        if records.damage().is_some() {
            self.found(context, FindingKind::Damaged, About::Source(context.source));
        }
    }

    fn response(&mut self, context: &Context, message: &Message<'_>) {
        if !context.via.is_multicast() {
            self.negative(context, message);
        }
        let mut records = message.records();
        let mut damaged = false;
        for record in records.by_ref().filter(|record| record.class() == 1) {
            let data = record.data();
            if let Data::Malformed(_) = data {
                damaged = true;
                continue;
            }
            let Some(owner) = self.owner(context, &record.name, record.kind) else { continue };
            let asked = self.names.at(owner).asked;
            if asked {
                self.questions.answer(context.number, (context.scope, owner, record.kind));
            }
            if let Data::Nsec { types, .. } = data {
                if !asked {
                    continue;
                }
                // "Only these types exist" answers the questions for the others (RFC 6762 section 6.1).
                for kind in [RecordType::A, RecordType::AAAA, RecordType::SRV, RecordType::TXT] {
                    if types.clone().all(|exists| exists != kind) {
                        self.questions.answer(context.number, (context.scope, owner, kind));
                    }
                }
                continue;
            }
            if context.legacy && record.flushes() {
                self.found(context, FindingKind::FlushMisplaced, About::Source(context.source));
            }
            if context.legacy && record.ttl > 10 {
                self.found(context, FindingKind::LegacyTtl, About::Source(context.source));
            }
            if let Some(held) = self.held_data(context, &data) {
                self.told(context, &record, owner, held);
            }
        }
        if damaged || records.damage().is_some() {
            self.found(context, FindingKind::Damaged, About::Source(context.source));
        }
    }

    /// Keeps what a record of a response says, if it is of those that DNS-SD joins.
    fn told(&mut self, context: &Context, record: &Record<'_>, owner: NameId, data: HeldData) {
        let role = self.names.at(owner).role;
        let target = match data {
            HeldData::Pointer(target) => Some((target, self.names.at(target).role)),
            _ => None,
        };
        match (role, target) {
            (Role::Types, Some((target, found))) => {
                if record.flushes() && context.via == Via::Mdns {
                    self.found(context, FindingKind::FlushOnShared, About::Name(owner));
                }
                if !matches!(found, Role::Type(_)) {
                    self.found(context, FindingKind::NotAType, About::Name(target));
                }
            }
            (Role::Type(_) | Role::Subtype(_), Some((instance, Role::Instance(_)))) => {
                if record.flushes() && context.via == Via::Mdns {
                    self.found(context, FindingKind::FlushOnShared, About::Name(owner));
                }
                self.hold(context, record, owner, data, instance);
            }
            (Role::Instance(_), None) if matches!(data, HeldData::Server { .. } | HeldData::Text(_)) => {
                if let HeldData::Server { host, .. } = data
                    && let Some(flaw) = flaw_of_target(&self.names.at(host).name())
                {
                    self.found(context, flaw, About::Name(owner));
                }
                self.hold(context, record, owner, data, owner);
            }
            (Role::Other, None) if matches!(data, HeldData::Address(_)) => {
                self.hold(context, record, owner, data, owner);
            }
            (Role::Other, _) if matches!(data, HeldData::Pointer(_) | HeldData::Server { .. }) => {
                if let Some(broken) = ServiceType::broken(&record.name)
                    && let Some(name) = self.interned(context, &broken)
                {
                    self.found(context, FindingKind::ServiceName, About::Name(name));
                }
            }
            _ => {}
        }
    }

    /// The number of a name in a message; for unicast DNS only of names that have to do with services.
    fn name(&mut self, context: &Context, name: &Name<'_>) -> Option<NameId> {
        if !context.via.is_multicast() && matches!(Meaning::of(name), Meaning::Other | Meaning::Reverse(_)) {
            return self.names.find(name);
        }
        self.interned(context, name)
    }

    /// The number of the owner of a record in a response. Addresses in unicast DNS are kept of hosts only
    /// that an SRV record points to.
    fn owner(&mut self, context: &Context, name: &Name<'_>, kind: RecordType) -> Option<NameId> {
        match kind {
            RecordType::PTR | RecordType::SRV | RecordType::TXT => self.name(context, name),
            _ if context.via.is_multicast() => self.interned(context, name),
            _ => self.names.find(name),
        }
    }

    fn interned(&mut self, context: &Context, name: &Name<'_>) -> Option<NameId> {
        self.offered += 1;
        let id = self.names.intern(context.source, name, &mut self.types, &mut self.limits)?;
        if let Role::Type(kind) | Role::Subtype(kind) | Role::Instance(kind) = self.names.at(id).role {
            self.types.at_mut(kind).packets.add(context.packet);
        }
        Some(id)
    }

    /// What is kept of a record's data; `None` for types that are not joined.
    fn held_data(&mut self, context: &Context, data: &Data<'_>) -> Option<HeldData> {
        Some(match data {
            Data::A(address) => HeldData::Address((*address).into()),
            Data::Aaaa(address) => HeldData::Address((*address).into()),
            Data::Ptr(target) => HeldData::Pointer(self.name(context, target)?),
            Data::Srv { priority, weight, port, target } => HeldData::Server {
                priority: *priority,
                weight: *weight,
                port: *port,
                host: self.interned(context, target)?,
            },
            Data::Txt(strings) => {
                HeldData::Text(self.texts.intern(context.source, *strings, &mut self.limits)?)
            }
            _ => return None,
        })
    }
}

/// What is wrong with the target of an SRV record (RFC 2782): it is to be the name of a host, and the root says that there
/// is no service. An address may be written into one label, or into one for each number.
fn flaw_of_target(target: &Name<'_>) -> Option<FindingKind> {
    if target.is_root() {
        return Some(FindingKind::TargetRoot);
    }
    let labels: Vec<_> =
        target.labels().filter_map(|label| std::str::from_utf8(label).ok()).take(4).collect();
    let is_address = |text: &str| text.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
    (is_address(labels.first()?) || is_address(&labels.join("."))).then_some(FindingKind::TargetAddress)
}

/// Whether a response comes from beyond the link, as far as that can be told without the link's prefixes: from a
/// global IPv4 address to a private one.
fn is_off_link(source: IpAddr, destination: IpAddr) -> bool {
    let (IpAddr::V4(source), IpAddr::V4(destination)) = (source, destination) else { return false };
    let is_local = |address: std::net::Ipv4Addr| address.is_private() || address.is_link_local();
    let is_special =
        source.is_multicast() || source.is_broadcast() || source.is_unspecified() || source.is_loopback();
    is_local(destination) && !is_local(source) && !is_special
}

#[cfg(test)]
mod tests;
