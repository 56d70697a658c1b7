//! The life line of names: claimed, told, changed, withdrawn, run out, disputed, renamed.

use std::net::IpAddr;

use super::{
    About, Context, FindingKind, Inventory, Limits,
    cache::{Ending, HeldData},
    full::Moved,
    names::{NameId, Role},
};
use crate::packet::PacketId;
use crate::{
    dns::{Name, RecordType},
    packet::Timestamp,
};

/// What happened to a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EventKind {
    /// It is claimed: a probe (RFC 6762 section 8.1).
    Probe,
    /// Its owner tells it for the first time in the capture, or again after it was gone.
    Announce,
    /// Its owner tells something else than before (section 8.4).
    Update,
    /// Its owner withdraws it (section 10.1).
    Goodbye,
    /// The last of its records ran out of time.
    Expiry,
    /// Two hosts claim it with different data (section 9).
    Conflict,
    /// Its owner gave up another name for it (section 9).
    Rename,
}

impl EventKind {
    /// The name in lower case: `announce`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Probe => "probe",
            Self::Announce => "announce",
            Self::Update => "update",
            Self::Goodbye => "goodbye",
            Self::Expiry => "expiry",
            Self::Conflict => "conflict",
            Self::Rename => "rename",
        }
    }
}

#[derive(Debug)]
pub(super) struct Logged {
    /// How many events were logged before it.
    pub number: u64,
    pub kind: EventKind,
    pub name: NameId,
    pub time: Option<Timestamp>,
    /// The packet that shows it; for an expiry the last one that told the name.
    pub packet: PacketId,
    pub source: IpAddr,
    /// The name before a rename.
    pub from: Option<NameId>,
}

impl Logged {
    /// Takes new numbers of its names, both of which are there.
    pub(super) fn rename(&mut self, names: &Moved) {
        self.name.rename(names);
        if let Some(from) = &mut self.from {
            from.rename(names);
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Unknown,
    Alive,
    Gone,
}

/// A claim that waits for objections.
#[derive(Debug)]
struct Probe {
    time: Option<Timestamp>,
    source: IpAddr,
    proposed: Vec<(RecordType, HeldData)>,
}

/// What is remembered of a name's life.
#[derive(Debug, Default)]
pub(super) struct Life {
    stage: Stage,
    /// Records of it that are alive.
    alive: u32,
    /// Who told it; at most [`Life::SOURCES`].
    pub announcers: Vec<IpAddr>,
    /// Who claimed it; at most [`Life::SOURCES`].
    claimants: Vec<IpAddr>,
    /// The latest claims over IPv4 and IPv6.
    probes: [Option<Box<Probe>>; 2],
    /// Number of the message that showed the last event, and of the last conflict.
    message: u64,
    conflict: u64,
    /// Whether two sources told different addresses: two hosts in conflict, or one with several links that the
    /// capture shows as one. That the loser takes another name settles it.
    disputed: bool,
    goodbye: Option<Timestamp>,
    renames: u32,
}

/// What known answers say of an instance.
#[derive(Debug)]
pub(super) struct Heard {
    /// Who knew it; at most [`Life::SOURCES`].
    pub by: Vec<IpAddr>,
    pub first: Option<Timestamp>,
    pub last: Option<Timestamp>,
}

impl Life {
    const SOURCES: usize = 8;
    /// Most records kept of one claim.
    const PROPOSED: usize = 16;
    /// Renames in a row that make a storm.
    const STORM: u32 = 4;

    /// Forgets what was claimed, of which the numbers have changed.
    pub(super) fn forget_claims(&mut self) {
        self.probes = Default::default();
    }
}

/// How long a claim waits: three probes, 250 ms apart, and as much again for delays.
const PROBING: u64 = Timestamp::SECOND;
/// Goodbyes closer than this are one, sent over both IP families or again to be sure.
const ONE_GOODBYE: u64 = 2 * Timestamp::SECOND;

fn family(address: IpAddr) -> usize {
    usize::from(address.is_ipv6())
}

impl Inventory {
    fn log(&mut self, context: &Context, kind: EventKind, name: NameId, from: Option<NameId>) {
        let (time, packet, source) = (context.time, context.packet, context.source);
        self.push_event(Logged { number: self.logged, kind, name, time, packet, source, from });
    }

    fn push_event(&mut self, event: Logged) {
        self.offered += 1;
        if self.events.len() < self.limits.room(Limits::EVENTS)
            && self.event_shares.may_take(event.source, 1, self.limits.room(Limits::EVENTS))
        {
            self.event_shares.take(event.source, 1);
            self.events.push(event);
            self.logged += 1;
        } else {
            self.limits.events += 1;
        }
    }

    /// The life of a name; when it begins, it may turn out to be that of another with a new name.
    fn life(&mut self, context: &Context, name: NameId) -> &mut Life {
        if self.names.at(name).life.is_none() {
            // A server of unicast DNS tells the names of many hosts.
            let renamed = if context.via.is_multicast() { self.predecessor(context, name) } else { None };
            let renames = renamed.map_or(0, |(_, renames)| renames + 1);
            self.names.at_mut(name).life = Some(Box::new(Life { renames, ..Life::default() }));
            if let Some((from, _)) = renamed {
                if self.names.at(from).life.as_ref().is_some_and(|life| life.disputed) {
                    self.happened(context, EventKind::Conflict, from);
                }
                self.log(context, EventKind::Rename, name, Some(from));
                if renames >= Life::STORM {
                    self.found(context, FindingKind::RenameStorm, About::Name(name));
                }
            }
        }
        self.names.at_mut(name).life.get_or_insert_default()
    }

    /// The name that this one would be the next choice after, if the same host held or claimed it.
    fn predecessor(&self, context: &Context, name: NameId) -> Option<(NameId, u32)> {
        let name = self.names.at(name).name();
        let label = name.labels().next()?;
        let previous = Numbered::of(label)?.previous();
        let mut buffer = [0; Name::MAX_LEN];
        // It is no longer than `label`, which has at most 63 octets.
        let wire =
            [&[previous.len() as u8], previous.as_slice(), name.parent()?.expand(&mut buffer)].concat();
        let from = self.names.find(&Name::from_wire(&wire)?)?;
        let life = self.names.at(from).life.as_deref()?;
        let own = life.claimants.contains(&context.source) || life.announcers.contains(&context.source);
        // A host may well serve both `Printer` and `Printer (2)`.
        let lost = life.conflict > 0 || life.disputed || life.stage != Stage::Alive;
        (own && lost).then_some((from, life.renames))
    }

    /// Logs one event of a name for each message; that it is disputed outweighs the rest.
    fn happened(&mut self, context: &Context, kind: EventKind, name: NameId) {
        let number = context.number;
        let life = self.life(context, name);
        let shown = if kind == EventKind::Conflict { &mut life.conflict } else { &mut life.message };
        if std::mem::replace(shown, number) == number {
            return;
        }
        life.message = number;
        self.log(context, kind, name, None);
    }

    /// Takes in that a query lists records of an instance as known: hearsay (RFC 6762 section 7.1), which makes
    /// nothing live.
    pub(super) fn heard_of(&mut self, context: &Context, instance: NameId) {
        let known = self.names.at_mut(instance);
        if !matches!(known.role, Role::Instance(_)) {
            return;
        }
        if known.heard.is_none() {
            self.heard.push(instance);
        }
        let heard = known
            .heard
            .get_or_insert_with(|| Box::new(Heard { by: Vec::new(), first: context.time, last: None }));
        heard.last = context.time.max(heard.last);
        note(&mut heard.by, context.source);
    }

    /// Takes in a record that a probe proposes.
    pub(super) fn claimed(&mut self, context: &Context, name: NameId, kind: RecordType, data: HeldData) {
        let side = family(context.source);
        let (now, source) = (context.time, context.source);
        let life = self.life(context, name);
        note(&mut life.claimants, source);
        let running = life.probes.iter().flatten().any(|probe| probe.is_recent(now));
        let opposed = life.probes[side].as_ref().is_some_and(|probe| probe.opposes(context, kind, data));
        let address = matches!(data, HeldData::Address(_));
        life.disputed |= opposed && address;
        let rival = opposed && !address;
        match &mut life.probes[side] {
            Some(probe) if probe.is_recent(now) && probe.source == source => {
                probe.time = now;
                if probe.proposed.len() < Life::PROPOSED && !probe.proposed.contains(&(kind, data)) {
                    probe.proposed.push((kind, data));
                }
            }
            slot => *slot = Some(Box::new(Probe { time: now, source, proposed: vec![(kind, data)] })),
        }
        // Hosts claim the reverse names of their addresses, too; only a quarrel about one is news.
        let reverse = self.names.at(name).role == Role::Reverse;
        let event = match (rival, running) {
            (true, _) => EventKind::Conflict,
            (false, false) if !reverse => EventKind::Probe,
            _ => return,
        };
        self.happened(context, event, name);
    }

    /// Follows up a record that was told; `flushed_by` names who had replaced it within the last second.
    pub(super) fn lived(
        &mut self,
        context: &Context,
        index: u32,
        was_alive: bool,
        goodbye: bool,
        flushed_by: Option<IpAddr>,
    ) {
        let held = &self.cache.records[index as usize];
        let (subject, kind, data) = (held.subject, held.kind, held.data);
        // A pointer from a subtype says that the instance lives, but its goodbye ends the subtype only.
        let of_subtype = matches!(self.names.at(held.owner).role, Role::Subtype(_));
        let (source, side) = (context.source, family(context.source));
        let rivals = if goodbye || was_alive || !self.is_alive(subject) {
            Rivals::None
        } else {
            self.rivals(context, index)
        };
        let life = self.life(context, subject);
        life.alive += u32::from(!was_alive);
        let denies = life.probes[side].as_ref().is_some_and(|probe| probe.opposes(context, kind, data));
        if !goodbye {
            note(&mut life.announcers, source);
        }
        if !context.via.is_multicast() {
            // A server of unicast DNS answers; it does not live and die with what it tells.
            return;
        }
        let event = if goodbye {
            let again =
                life.goodbye.zip(context.time).is_some_and(|(last, now)| now.since(last) <= ONE_GOODBYE);
            if of_subtype || kind == RecordType::TXT || (life.stage == Stage::Gone && again) {
                return;
            }
            (life.stage, life.goodbye) = (Stage::Gone, context.time);
            EventKind::Goodbye
        } else {
            let replaced = flushed_by.is_some_and(|by| by != source && family(by) == side);
            let address = matches!(data, HeldData::Address(_));
            life.disputed |= (denies || replaced) && address;
            let stage = std::mem::replace(&mut life.stage, Stage::Alive);
            match rivals {
                _ if (denies || replaced) && !address => EventKind::Conflict,
                _ if stage != Stage::Alive => EventKind::Announce,
                Rivals::OfAnother => EventKind::Conflict,
                Rivals::Own => EventKind::Update,
                Rivals::None => return,
            }
        };
        self.happened(context, event, subject);
    }

    fn is_alive(&self, name: NameId) -> bool {
        self.names.at(name).life.as_ref().is_some_and(|life| life.stage == Stage::Alive)
    }

    /// Whether other data of the same unique set is alive, told by another message.
    fn rivals(&self, context: &Context, index: u32) -> Rivals {
        let new = &self.cache.records[index as usize];
        if matches!(new.data, HeldData::Pointer(_)) {
            return Rivals::None;
        }
        let set = self.names.at(new.owner).records.iter().map(|&other| &self.cache.records[other as usize]);
        let mut others = set.filter(|other| {
            other.alive
                && other.ending == Ending::Expiry
                && (other.scope, other.owner, other.kind) == (new.scope, new.owner, new.kind)
                && other.data != new.data
                && other.message != context.number
        });
        match others.next() {
            None => Rivals::None,
            // An address may move with its host; where a service is, only its owner says.
            Some(other) if new.kind == RecordType::SRV && other.source != context.source => Rivals::OfAnother,
            Some(_) => Rivals::Own,
        }
    }

    /// Follows up a record that ended.
    pub(super) fn ended(&mut self, index: u32, time: Timestamp) {
        let held = &self.cache.records[index as usize];
        let (name, packet, source) = (held.subject, held.packet, held.source);
        let Some(life) = &mut self.names.at_mut(name).life else { return };
        life.alive = life.alive.saturating_sub(1);
        if life.alive == 0 && life.stage == Stage::Alive {
            life.stage = Stage::Gone;
            self.push_event(Logged {
                number: self.logged,
                kind: EventKind::Expiry,
                name,
                time: Some(time),
                packet,
                source,
                from: None,
            });
        }
    }
}

/// Other data of a unique record set.
enum Rivals {
    None,
    /// Told by the same host.
    Own,
    /// Told by another host.
    OfAnother,
}

/// Keeps a source, if it is new and there is room.
fn note(sources: &mut Vec<IpAddr>, source: IpAddr) {
    if sources.len() < Life::SOURCES && !sources.contains(&source) {
        sources.push(source);
    }
}

impl Probe {
    fn is_recent(&self, now: Option<Timestamp>) -> bool {
        self.time.zip(now).is_some_and(|(time, now)| now.since(time) <= PROBING)
    }

    /// Whether this claim of another host still waits, is for records of this type, and none has this data.
    fn opposes(&self, context: &Context, kind: RecordType, data: HeldData) -> bool {
        if self.source == context.source || !self.is_recent(context.time) {
            return false;
        }
        let mut same_kind = self.proposed.iter().filter(|(proposed, _)| *proposed == kind).peekable();
        same_kind.peek().is_some() && same_kind.all(|&(_, proposed)| proposed != data)
    }
}

/// A label with a number that renaming put there: `Printer (2)`, `Printer #2` or `printer-2`.
#[derive(Debug, PartialEq, Eq)]
struct Numbered<'a> {
    base: &'a [u8],
    /// What stands before and after the number.
    around: [&'static [u8]; 2],
    number: u32,
}

impl<'a> Numbered<'a> {
    fn of(label: &'a [u8]) -> Option<Self> {
        const SHAPES: [[&[u8]; 2]; 3] = [[b" (", b")"], [b" #", b""], [b"-", b""]];
        SHAPES.into_iter().find_map(|around| {
            let rest = label.strip_suffix(around[1])?;
            let digits = rest.iter().rev().take_while(|octet| octet.is_ascii_digit()).count();
            let (rest, digits) = rest.split_at(rest.len() - digits);
            let base = rest.strip_suffix(around[0]).filter(|base| !base.is_empty())?;
            let number = std::str::from_utf8(digits).ok()?.parse().ok()?;
            (number >= 2 && digits[0] != b'0').then_some(Self { base, around, number })
        })
    }

    /// The label this one is the next choice after.
    fn previous(&self) -> Vec<u8> {
        let number = (self.number - 1).to_string();
        let [before, after] = self.around;
        let end: [&[u8]; 3] = if self.number > 2 { [before, number.as_bytes(), after] } else { [&[]; 3] };
        [self.base, end[0], end[1], end[2]].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_renaming_adds() {
        let previous = |label: &str| Numbered::of(label.as_bytes()).map(|numbered| numbered.previous());
        assert_eq!(previous("Printer (2)"), Some(b"Printer".to_vec()));
        assert_eq!(previous("Printer #13"), Some(b"Printer #12".to_vec()));
        assert_eq!(previous("my-host-3"), Some(b"my-host-2".to_vec()));
        for label in ["Printer", "Printer (1)", "-2", "host-02", "host-99999999999", "(2)", ""] {
            assert_eq!(previous(label), None, "{label}");
        }
    }
}
