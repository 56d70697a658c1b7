//! A DNS message (RFC 1035 section 4) as a borrowed view: header, questions and records, read on demand.

use std::{error, fmt};

use super::{Data, Name, RecordType};

/// One DNS message. Nothing of it is copied; questions and records are decoded while iterating.
///
/// ```
/// use portolan::dns::{Message, RecordType};
/// // RFC 6762 section 5.2: a query for _ipp._tcp.local.
/// let octets = b"\0\0\0\0\0\x01\0\0\0\0\0\0\x04_ipp\x04_tcp\x05local\0\0\x0c\0\x01";
/// let message = Message::new(octets).unwrap();
/// let question = message.questions().next().unwrap();
/// assert!(!message.is_response());
/// assert_eq!(question.name.to_string(), "_ipp._tcp.local");
/// assert_eq!(question.kind, RecordType::PTR);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    octets: &'a [u8],
    header: &'a [u8; HEADER_LEN],
}

/// Octets of the header.
const HEADER_LEN: usize = 12;

/// What labels and pointers of all owners' names in a message may take to follow, by its octets, so that work is linear in
/// these. A name of four labels with two pointers takes 24, and it is rare that the 16 octets of a record have more.
const fn allowance(octets: usize) -> usize {
    1024 + 4 * octets
}

/// The part of a message a record stands in (RFC 1035 section 4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Section {
    /// Answers; in an mDNS query, what the asker knows already (RFC 6762 section 7.1).
    Answer,
    /// Authority; in an mDNS query, what a prober claims (RFC 6762 section 8.2).
    Authority,
    /// Additional records.
    Additional,
}

/// Where a message is damaged and how; everything before that place was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Offset in the message, in octets.
    pub offset: usize,
    /// What is wrong there.
    pub reason: DamageReason,
}

/// What is wrong with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DamageReason {
    /// The message ends early.
    Truncated {
        /// Octets of the message needed to go on.
        needed: usize,
        /// Octets there are.
        present: usize,
    },
    /// A label of a type that is reserved (top bits 01 or 10).
    ReservedLabel(u8),
    /// A compression pointer leads out of the message.
    PointerOutside {
        /// Offset it leads to.
        target: usize,
    },
    /// More than [`Name::MAX_POINTERS`] pointers in one name: a loop.
    TooManyPointers,
    /// Names of more labels and pointers, one into the other, than so many octets need.
    TooMuchToFollow,
    /// A name longer than [`Name::MAX_LEN`] octets.
    NameTooLong,
    /// The data of a record does not have the length or shape of its type.
    BadData {
        /// The record's type.
        kind: RecordType,
        /// Octets of its data.
        len: usize,
    },
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "offset {}: ", self.offset)?;
        match self.reason {
            DamageReason::Truncated { needed, present } => {
                write!(f, "message needs {needed} octets and has {present}")
            }
            DamageReason::ReservedLabel(octet) => write!(f, "reserved label type {octet:#04x}"),
            DamageReason::PointerOutside { target } => write!(f, "compression pointer to {target} leads out"),
            DamageReason::TooManyPointers => {
                write!(f, "more than {} compression pointers in one name", Name::MAX_POINTERS)
            }
            DamageReason::TooMuchToFollow => f.write_str("names of too many labels and compression pointers"),
            DamageReason::NameTooLong => write!(f, "name longer than {} octets", Name::MAX_LEN),
            DamageReason::BadData { kind, len } => write!(f, "{len} octets are no {kind} data"),
        }
    }
}

impl error::Error for Damage {}

impl<'a> Message<'a> {
    /// Views `octets` as a message; `None` where there are fewer than the 12 of the header.
    #[inline]
    pub fn new(octets: &'a [u8]) -> Option<Self> {
        octets.first_chunk().map(|header| Self { octets, header })
    }

    /// All octets of the message.
    pub fn octets(&self) -> &'a [u8] {
        self.octets
    }

    /// Message identifier; zero in multicast DNS and to be ignored there (RFC 6762 section 18.1).
    pub fn id(&self) -> u16 {
        self.field(0)
    }

    /// The flag word: QR, opcode, AA, TC, RD, RA, Z, AD, CD and rcode as on the wire.
    pub fn flags(&self) -> u16 {
        self.field(1)
    }

    /// Whether QR is set: a response, not a query.
    pub fn is_response(&self) -> bool {
        self.flags() & 0x8000 != 0
    }

    /// Operation, 0 to 15; 0 is a standard query, 5 an update (RFC 2136).
    pub fn opcode(&self) -> u8 {
        (self.flags() >> 11 & 0xf) as u8
    }

    /// Whether AA is set: an authoritative answer.
    pub fn is_authoritative(&self) -> bool {
        self.flags() & 0x0400 != 0
    }

    /// Whether TC is set: cut short, or in an mDNS query: more known answers follow (RFC 6762 section 7.2).
    pub fn is_truncated(&self) -> bool {
        self.flags() & 0x0200 != 0
    }

    /// Response code of the header, 0 to 15, without the bits an OPT record may add.
    pub fn rcode(&self) -> u8 {
        (self.flags() & 0xf) as u8
    }

    /// Questions the header announces.
    pub fn question_count(&self) -> u16 {
        self.field(2)
    }

    /// Records the header announces for a section.
    pub fn record_count(&self, section: Section) -> u16 {
        self.field(3 + section as usize)
    }

    /// The questions up to the first damage.
    pub fn questions(&self) -> Questions<'a> {
        Questions {
            octets: self.octets,
            at: HEADER_LEN,
            left: self.question_count(),
            allowance: allowance(self.octets.len()),
            damage: None,
        }
    }

    /// The records of all sections in wire order, up to the first damage.
    #[inline]
    pub fn records(&self) -> Records<'a> {
        let mut questions = self.questions();
        questions.by_ref().for_each(drop);
        questions.records(self)
    }

    /// The first damage in the message, data of records included, if there is any.
    pub fn damage(&self) -> Option<Damage> {
        let mut records = self.records();
        let data = records.by_ref().find_map(|record| match record.data() {
            Data::Malformed(damage) => Some(damage),
            _ => None,
        });
        data.or(records.damage())
    }

    fn field(&self, index: usize) -> u16 {
        u16::from_be_bytes([self.header[2 * index], self.header[2 * index + 1]])
    }
}

/// A question: which records are asked for.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// Name asked for.
    pub name: Name<'a>,
    /// Type asked for; [`RecordType::ANY`] for all.
    pub kind: RecordType,
    class: u16,
}

impl Question<'_> {
    /// Class asked for, without the top bit: 1 is the Internet, 255 any.
    pub fn class(&self) -> u16 {
        self.class & 0x7fff
    }

    /// Whether an mDNS asker wants a unicast response, QU (RFC 6762 section 5.4).
    pub fn wants_unicast(&self) -> bool {
        self.class & 0x8000 != 0
    }
}

/// The questions of a message.
#[derive(Clone, Debug)]
pub struct Questions<'a> {
    octets: &'a [u8],
    at: usize,
    left: u16,
    allowance: usize,
    damage: Option<Damage>,
}

impl<'a> Questions<'a> {
    /// The damage that ended the iteration, once it has ended.
    pub fn damage(&self) -> Option<Damage> {
        self.damage
    }

    /// Goes on with the records of `message`, whose questions these are and were all read.
    pub(super) fn records(self, message: &Message<'a>) -> Records<'a> {
        use Section::{Additional, Answer, Authority};
        Records {
            octets: self.octets,
            at: self.at,
            left: [Answer, Authority, Additional].map(|section| message.record_count(section)),
            section: Answer,
            allowance: self.allowance,
            damage: self.damage,
        }
    }

    fn read(&mut self) -> Result<Question<'a>, Damage> {
        let (name, at) = Name::read_within(self.octets, self.at, &mut self.allowance)?;
        let [t0, t1, c0, c1] = *take(self.octets, at)?;
        self.at = at + 4;
        Ok(Question {
            name,
            kind: RecordType(u16::from_be_bytes([t0, t1])),
            class: u16::from_be_bytes([c0, c1]),
        })
    }
}

impl<'a> Iterator for Questions<'a> {
    type Item = Question<'a>;

    #[inline]
    fn next(&mut self) -> Option<Question<'a>> {
        self.left = self.left.checked_sub(1)?;
        self.read()
            .map_err(|damage| {
                self.left = 0;
                self.damage = Some(damage);
            })
            .ok()
    }
}

/// A resource record.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// The section it stands in.
    pub section: Section,
    /// Name of the owner.
    pub name: Name<'a>,
    /// Its type.
    pub kind: RecordType,
    /// Time to live in seconds; for OPT the extended flags (RFC 6891 section 6.1.3).
    pub ttl: u32,
    pub(super) class: u16,
    pub(super) octets: &'a [u8],
    pub(super) data_at: usize,
    pub(super) data_len: usize,
}

impl<'a> Record<'a> {
    /// Class without the top bit: 1 is the Internet. For OPT the whole field, the sender's payload size.
    pub fn class(&self) -> u16 {
        if self.kind == RecordType::OPT { self.class } else { self.class & 0x7fff }
    }

    /// Whether the cache-flush bit is set: this replaces all older records of the same name, type and
    /// class (RFC 6762 section 10.2). Never for OPT.
    pub fn flushes(&self) -> bool {
        self.class & 0x8000 != 0 && self.kind != RecordType::OPT
    }

    /// Octets of the data as on the wire, names in it perhaps compressed.
    #[inline]
    pub fn octets(&self) -> &'a [u8] {
        self.octets.get(self.data_at..self.data_at + self.data_len).unwrap_or_default()
    }

    /// The data, decoded by type.
    #[inline]
    pub fn data(&self) -> Data<'a> {
        Data::read(self)
    }
}

/// The records of a message in wire order.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    octets: &'a [u8],
    at: usize,
    left: [u16; 3],
    section: Section,
    allowance: usize,
    damage: Option<Damage>,
}

impl<'a> Records<'a> {
    /// The damage that ended the iteration, once it has ended.
    pub fn damage(&self) -> Option<Damage> {
        self.damage
    }

    #[inline]
    fn read(&mut self) -> Result<Record<'a>, Damage> {
        let (name, at) = Name::read_within(self.octets, self.at, &mut self.allowance)?;
        let fixed: &[u8; 10] = take(self.octets, at)?;
        let [t0, t1, c0, c1, l0, l1, l2, l3, d0, d1] = *fixed;
        let (data_at, data_len) = (at + 10, usize::from(u16::from_be_bytes([d0, d1])));
        if self.octets.len() - data_at < data_len {
            let reason = DamageReason::Truncated { needed: data_at + data_len, present: self.octets.len() };
            return Err(Damage { offset: data_at, reason });
        }
        self.at = data_at + data_len;
        Ok(Record {
            section: self.section,
            name,
            kind: RecordType(u16::from_be_bytes([t0, t1])),
            ttl: u32::from_be_bytes([l0, l1, l2, l3]),
            class: u16::from_be_bytes([c0, c1]),
            octets: self.octets,
            data_at,
            data_len,
        })
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    #[inline]
    fn next(&mut self) -> Option<Record<'a>> {
        if self.damage.is_some() {
            return None;
        }
        while self.left[self.section as usize] == 0 {
            self.section = match self.section {
                Section::Answer => Section::Authority,
                Section::Authority => Section::Additional,
                Section::Additional => return None,
            };
        }
        self.left[self.section as usize] -= 1;
        self.read().map_err(|damage| self.damage = Some(damage)).ok()
    }
}

/// The `N` octets at `at`.
pub(super) fn take<const N: usize>(octets: &[u8], at: usize) -> Result<&[u8; N], Damage> {
    octets.get(at..).and_then(<[u8]>::first_chunk).ok_or(Damage {
        offset: at,
        reason: DamageReason::Truncated { needed: at + N, present: octets.len() },
    })
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;
    use crate::dns::testing::{Builder, srv, wire};

    const LOCAL: &[u8] = b"local";

    fn printer() -> Builder {
        let instance: &[&[u8]] = &[b"Kitchen.Printer", b"_ipp", b"_tcp", LOCAL];
        Builder::response()
            .answer(&[b"_ipp", b"_tcp", LOCAL], RecordType::PTR, 4500, &wire(instance))
            .flush(instance, RecordType::SRV, 120, &srv(631, &[b"printer", LOCAL]))
            .flush(instance, RecordType::TXT, 4500, b"\x09txtvers=1\x06rp=ipp")
            .record(Section::Additional, &[b"printer", LOCAL], RecordType::A, 0x8001, 120, &[192, 0, 2, 7])
            .record(
                Section::Additional,
                &[b"printer", LOCAL],
                RecordType::NSEC,
                0x8001,
                120,
                &[wire(&[b"printer", LOCAL]).as_slice(), &[0, 4, 0x40, 0, 0, 8]].concat(),
            )
    }

    #[test]
    fn header_bits() {
        let octets = Builder::query().flags(0x2f83).octets();
        let message = Message::new(&octets).unwrap();
        assert!(!message.is_response());
        assert_eq!((message.opcode(), message.rcode()), (5, 3));
        assert!(message.is_authoritative() && message.is_truncated());
        let octets = Builder::response().octets();
        let message = Message::new(&octets).unwrap();
        assert!(message.is_response() && message.is_authoritative() && !message.is_truncated());
        assert!(Message::new(&octets[..11]).is_none());
    }

    #[test]
    fn announcement_with_all_its_bits() {
        let octets = printer().octets();
        let message = Message::new(&octets).unwrap();
        let records: Vec<_> = message.records().collect();
        let seen: Vec<_> = records
            .iter()
            .map(|r| (r.section, r.name.to_string(), r.kind, r.class(), r.flushes(), r.ttl))
            .collect();
        let instance = r"Kitchen\.Printer._ipp._tcp.local";
        use Section::{Additional, Answer};
        assert_eq!(
            seen,
            [
                (Answer, "_ipp._tcp.local".into(), RecordType::PTR, 1, false, 4500),
                (Answer, instance.into(), RecordType::SRV, 1, true, 120),
                (Answer, instance.into(), RecordType::TXT, 1, true, 4500),
                (Additional, "printer.local".into(), RecordType::A, 1, true, 120),
                (Additional, "printer.local".into(), RecordType::NSEC, 1, true, 120),
            ]
        );
        assert!(matches!(records[0].data(), Data::Ptr(name) if name.to_string() == instance));
        assert!(matches!(records[1].data(), Data::Srv { priority: 0, weight: 0, port: 631, target }
            if target.is(&[b"PRINTER", LOCAL])));
        let Data::Txt(strings) = records[2].data() else { panic!("no TXT") };
        assert_eq!(strings.collect::<Vec<_>>(), [b"txtvers=1".as_slice(), b"rp=ipp"]);
        assert!(matches!(records[3].data(), Data::A(address) if address == Ipv4Addr::new(192, 0, 2, 7)));
        let Data::Nsec { next, types } = records[4].data() else { panic!("no NSEC") };
        assert_eq!(next, records[4].name);
        assert_eq!(types.collect::<Vec<_>>(), [RecordType::A, RecordType::AAAA]);
        assert_eq!(message.damage(), None);
    }

    #[test]
    fn question_bits() {
        let octets = Builder::query().question(&[b"x", LOCAL], RecordType::ANY, 0x8001).octets();
        let question = Message::new(&octets).unwrap().questions().next().unwrap();
        assert!(question.wants_unicast());
        assert_eq!((question.class(), question.kind), (1, RecordType::ANY));
    }

    #[test]
    fn compressed_srv_target_and_types_by_name() {
        // RFC 6762 section 18.14: the target of SRV is compressed in multicast.
        let octets = Builder::response()
            .answer(&[b"a", LOCAL], RecordType::AAAA, 1, &Ipv6Addr::LOCALHOST.octets())
            .answer(&[b"i", b"_x", b"_udp"], RecordType::SRV, 1, &[0, 1, 0, 2, 0, 3, 0xc0, 12])
            .answer(&[b"h"], RecordType::HINFO, 1, b"\x03ARM\x05Linux")
            .octets();
        let records: Vec<_> = Message::new(&octets).unwrap().records().collect();
        assert!(matches!(records[0].data(), Data::Aaaa(Ipv6Addr::LOCALHOST)));
        assert!(matches!(records[1].data(), Data::Srv { priority: 1, weight: 2, port: 3, target }
            if target.to_string() == "a.local"));
        assert!(matches!(records[2].data(), Data::Hinfo(b"ARM", b"Linux")));
        assert_eq!(
            (RecordType::HTTPS.to_string(), RecordType(999).to_string()),
            ("HTTPS".into(), "TYPE999".into())
        );
    }

    #[test]
    fn owner_option_of_a_sleep_proxy() {
        let option = [0, 4, 0, 8, 0, 7, 2, 0, 0, 0, 0, 9];
        let octets =
            Builder::query().record(Section::Additional, &[], RecordType::OPT, 1440, 0, &option).octets();
        let record = Message::new(&octets).unwrap().records().next().unwrap();
        assert_eq!((record.class(), record.flushes()), (1440, false));
        let Data::Opt(options) = record.data() else { panic!("no OPT") };
        assert_eq!(options.owner(), Some([2, 0, 0, 0, 0, 9]));
        assert_eq!(options.count(), 1);
    }

    #[test]
    fn records_before_the_damage_are_kept_at_every_cut() {
        let octets = printer().octets();
        let whole = Message::new(&octets).unwrap();
        let ends: Vec<_> = whole.records().map(|record| record.data_at + record.data_len).collect();
        for cut in 12..octets.len() {
            let message = Message::new(&octets[..cut]).unwrap();
            let mut records = message.records();
            let kept = records.by_ref().count();
            assert_eq!(kept, ends.iter().filter(|&&end| end <= cut).count(), "cut at {cut}");
            let damage = records.damage().expect("a cut is damage");
            assert!(
                matches!(damage.reason, DamageReason::Truncated { present, .. } if present == cut),
                "{damage}"
            );
        }
    }

    #[test]
    fn broken_data_spoils_its_record_only() {
        let octets = Builder::response()
            .answer(&[b"a"], RecordType::A, 1, &[1, 2, 3])
            .answer(&[b"a"], RecordType::SRV, 1, &[0; 6])
            .answer(&[b"a"], RecordType::PTR, 1, b"\x01b\0junk")
            .answer(&[b"a"], RecordType::TXT, 1, b"\x05abc")
            .answer(&[b"a"], RecordType::NSEC, 1, &[0, 0, 33])
            .answer(&[b"a"], RecordType::TXT, 1, b"")
            .answer(&[b"a"], RecordType::A, 1, &[1, 2, 3, 4])
            .octets();
        let message = Message::new(&octets).unwrap();
        let broken: Vec<_> =
            message.records().map(|record| matches!(record.data(), Data::Malformed(_))).collect();
        assert_eq!(broken, [true, true, true, true, true, false, false]);
        assert_eq!(message.damage().unwrap().to_string(), "offset 25: 3 octets are no A data");
    }

    /// The largest message, full of names that all point at one of 127 labels.
    fn bomb(entry: &[u8], count_at: usize, first: &[u8]) -> (Vec<u8>, usize) {
        let mut octets = Builder::response().octets();
        octets.extend(b"\x01a".repeat(127));
        octets.push(0);
        octets.extend(first);
        let entries = (65_535 - octets.len()) / entry.len();
        octets.extend(entry.repeat(entries));
        octets[count_at..count_at + 2].copy_from_slice(&10_900_u16.to_be_bytes());
        (octets, 1 + entries)
    }

    /// A name of 127 labels behind a pointer takes 264, and the first one, in its place, 256: of the 1,024 + 4 x 65,5xx that
    /// the message has, that is enough for 996.
    #[test]
    fn work_is_linear_in_octets_whatever_names_point_at() {
        // 12 octets is the shortest record with a name other than the root, 6 the shortest question.
        let (octets, records) = bomb(b"\xc0\x0c\0\x01\0\x01\0\0\0\x01\0\0", 6, b"\0\x01\0\x01\0\0\0\x01\0\0");
        let message = Message::new(&octets).unwrap();
        let mut read = message.records();
        let labels: usize = read.by_ref().map(|record| record.name.labels().count()).sum();
        assert_eq!((records, labels), (5_439, 996 * 127));
        assert_eq!(read.damage().unwrap().reason, DamageReason::TooMuchToFollow);

        let (octets, questions) = bomb(b"\xc0\x0c\0\x01\0\x01", 4, b"\0\x01\0\x01");
        let mut read = Message::new(&octets).unwrap().questions();
        let labels: usize = read.by_ref().map(|question| question.name.labels().count()).sum();
        assert_eq!((questions, labels), (10_878, 996 * 127));
        let told = read.damage().unwrap().to_string();
        assert!(told.ends_with(": names of too many labels and compression pointers"), "{told}");
    }

    /// Names as devices write them, each pointing into the one before it, are far from what is allowed.
    #[test]
    fn a_long_message_of_ordinary_names_is_read_whole() {
        let mut octets = Builder::response()
            .answer(&[b"_ipp", b"_tcp", LOCAL], RecordType::PTR, 1, b"\x01a\xc0\x0c")
            .octets();
        // The owner points at the target of the first, which points at the type.
        let target = (12 + 17 + 10) as u8;
        for _ in 0..4_000 {
            octets.extend([0xc0, target, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 192, 0, 2, 1]);
        }
        octets[6..8].copy_from_slice(&4_001_u16.to_be_bytes());
        let message = Message::new(&octets).unwrap();
        let last = message.records().last().unwrap();
        assert_eq!((message.records().count(), last.name.to_string().as_str()), (4_001, "a._ipp._tcp.local"));
        assert_eq!(message.damage(), None);
    }
}
