//! What breaks the rules, or is remarkable, with the packets that show it.

use std::{collections::HashMap, net::IpAddr};

use super::{Limits, full::Moved, names::NameId};
use crate::dns::{Name, ServiceType, shares::Shares};
use crate::packet::PacketId;

/// Where something was seen: the first few packets, and how many there are.
#[derive(Clone, Debug, Default)]
pub struct Packets {
    first: Vec<PacketId>,
    count: u64,
}

impl Packets {
    /// Most packets that are kept.
    pub const KEPT: usize = 8;

    /// The first packets, at most [`Self::KEPT`].
    pub fn first(&self) -> &[PacketId] {
        &self.first
    }

    /// How many packets there are; one that shows the same twice counts once.
    pub fn count(&self) -> u64 {
        self.count
    }

    pub(super) fn add(&mut self, packet: PacketId) {
        if self.count > 0 && self.first.last() == Some(&packet) {
            return;
        }
        self.count += 1;
        if self.first.len() < Self::KEPT {
            self.first.push(packet);
        }
    }
}

/// A rule that was broken, or a state worth knowing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum FindingKind {
    /// A message with a name, record or data that cannot be read.
    Damaged,
    /// A response with questions in it, which receivers ignore.
    QuestionInResponse,
    /// An mDNS response whose source port is not 5353, which receivers ignore.
    SourcePort,
    /// Opcode or rcode is not zero in mDNS: receivers ignore the message.
    OpcodeOrRcode,
    /// An mDNS response from a global IPv4 address to a private or link-local one: not of this link.
    OffLink,
    /// Cache-flush bit on a shared record: the PTR of a service type.
    FlushOnShared,
    /// Cache-flush bit on a known answer or in a reply to a legacy query.
    FlushMisplaced,
    /// TTL above 10 s in a reply to a legacy query.
    LegacyTtl,
    /// A service type that breaks RFC 6335 or RFC 6763: its name too long, with other characters, empty or without a
    /// letter, or behind it neither `_tcp` nor `_udp`.
    ServiceName,
    /// An SRV record whose target is an address written as a name.
    TargetAddress,
    /// An SRV record whose target is the root: decidedly not available.
    TargetRoot,
    /// Two hosts tell different data of a unique record at once.
    Conflict,
    /// The enumeration of service types lists something that is no service type.
    NotAType,
    /// An instance name with control characters, or that is no UTF-8.
    InstanceName,
    /// TXT data over 1,300 octets.
    LongTxt,
    /// A TXT key that occurs more than once; only the first counts.
    RepeatedKey,
    /// A TXT key that is empty or not printable ASCII.
    MalformedKey,
    /// A name that was renamed again and again.
    RenameStorm,
    /// A service type that the registry does not have. Only reports that look it up there say so.
    Unregistered,
}

impl FindingKind {
    /// A short fixed name: `flush-on-shared`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Damaged => "damaged",
            Self::QuestionInResponse => "question-in-response",
            Self::SourcePort => "source-port",
            Self::OpcodeOrRcode => "opcode-or-rcode",
            Self::OffLink => "off-link",
            Self::FlushOnShared => "flush-on-shared",
            Self::FlushMisplaced => "flush-misplaced",
            Self::LegacyTtl => "legacy-ttl",
            Self::ServiceName => "service-name",
            Self::TargetAddress => "target-address",
            Self::TargetRoot => "target-root",
            Self::Conflict => "conflict",
            Self::NotAType => "not-a-type",
            Self::InstanceName => "instance-name",
            Self::LongTxt => "long-txt",
            Self::RepeatedKey => "repeated-key",
            Self::MalformedKey => "malformed-key",
            Self::RenameStorm => "rename-storm",
            Self::Unregistered => "unregistered",
        }
    }

    /// The section that says so: `RFC 6762 10.2`.
    pub fn reference(self) -> &'static str {
        match self {
            Self::Damaged => "RFC 1035 4.1",
            Self::QuestionInResponse | Self::SourcePort => "RFC 6762 6",
            Self::OpcodeOrRcode => "RFC 6762 18.3, 18.11",
            Self::OffLink => "RFC 6762 11",
            Self::FlushOnShared | Self::FlushMisplaced => "RFC 6762 10.2",
            Self::LegacyTtl => "RFC 6762 6.7",
            Self::ServiceName => "RFC 6335 5.1, RFC 6763 7",
            Self::TargetAddress | Self::TargetRoot => "RFC 2782",
            Self::NotAType => "RFC 6763 9",
            Self::InstanceName => "RFC 6763 4.1.1",
            Self::LongTxt => "RFC 6763 6.2",
            Self::RepeatedKey | Self::MalformedKey => "RFC 6763 6.4",
            Self::RenameStorm | Self::Conflict => "RFC 6762 9",
            Self::Unregistered => "RFC 6763 7, RFC 6335 5",
        }
    }
}

/// What a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject<'a> {
    /// A name.
    Name(Name<'a>),
    /// A service type.
    Type(ServiceType<'a>),
    /// Who sent the packets.
    Source(IpAddr),
}

/// One finding.
#[derive(Clone, Copy, Debug)]
pub struct Finding<'a> {
    /// What was found.
    pub kind: FindingKind,
    /// What it is about.
    pub subject: Subject<'a>,
    /// Where it shows.
    pub packets: &'a Packets,
}

/// A [`Subject`] by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum About {
    Name(NameId),
    Source(IpAddr),
}

#[derive(Debug, Default)]
pub(super) struct Findings {
    entries: Vec<Entry>,
    index: HashMap<(FindingKind, About), u32>,
    shares: Shares,
}

#[derive(Debug)]
struct Entry {
    kind: FindingKind,
    about: About,
    packets: Packets,
    /// Who sent the first of them.
    sender: IpAddr,
}

impl Findings {
    pub(super) fn add(
        &mut self,
        kind: FindingKind,
        about: About,
        (sender, packet): (IpAddr, PacketId),
        limits: &mut Limits,
    ) {
        if let Some(&at) = self.index.get(&(kind, about)) {
            self.entries[at as usize].packets.add(packet);
        } else if self.entries.len() < limits.room(Limits::FINDINGS)
            && self.shares.may_take(sender, 1, limits.room(Limits::FINDINGS))
        {
            self.shares.take(sender, 1);
            self.index.insert((kind, about), self.entries.len() as u32);
            let mut packets = Packets::default();
            packets.add(packet);
            self.entries.push(Entry { kind, about, packets, sender });
        } else {
            limits.findings += 1;
        }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The names they are about.
    pub(super) fn names(&self) -> impl Iterator<Item = NameId> {
        self.entries.iter().filter_map(|entry| match entry.about {
            About::Name(name) => Some(name),
            About::Source(_) => None,
        })
    }

    /// Lets go of the oldest beyond `most`; says how many left.
    pub(super) fn keep_newest(&mut self, most: usize) -> u64 {
        let surplus = self.entries.len().saturating_sub(most);
        self.entries.drain(..surplus);
        surplus as u64
    }

    /// Takes new numbers of names, all of which are there.
    pub(super) fn rename(&mut self, names: &Moved) {
        (self.index, self.shares) = Default::default();
        for (at, entry) in self.entries.iter_mut().enumerate() {
            if let About::Name(name) = &mut entry.about {
                name.rename(names);
            }
            self.index.insert((entry.kind, entry.about), at as u32);
            self.shares.take(entry.sender, 1);
        }
    }

    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = (FindingKind, About, &Packets)> {
        self.entries.iter().map(|entry| (entry.kind, entry.about, &entry.packets))
    }
}
