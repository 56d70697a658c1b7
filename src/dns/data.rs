//! Record types and the data of records (RFC 1035, 2782, 3596, 4034, 6763, 6891, 9460).

use std::{
    fmt,
    net::{Ipv4Addr, Ipv6Addr},
};

use super::{
    Damage, DamageReason, Name,
    message::{Record, take},
};

/// A record type of IANA's "Domain Name System (DNS) Parameters". Any value is representable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecordType(pub u16);

macro_rules! record_types {
    ($($constant:ident $number:literal $name:literal;)*) => {
        impl RecordType {
            $(#[doc = concat!("`", $name, "`.")]
            pub const $constant: Self = Self($number);)*

            /// The mnemonic in IANA's list, where portolan knows it.
            pub fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($number => Some($name),)*
                    _ => None,
                }
            }
        }
    };
}

record_types! {
    A 1 "A";
    NS 2 "NS";
    CNAME 5 "CNAME";
    SOA 6 "SOA";
    PTR 12 "PTR";
    HINFO 13 "HINFO";
    MX 15 "MX";
    TXT 16 "TXT";
    KEY 25 "KEY";
    AAAA 28 "AAAA";
    SRV 33 "SRV";
    NAPTR 35 "NAPTR";
    DNAME 39 "DNAME";
    OPT 41 "OPT";
    DS 43 "DS";
    RRSIG 46 "RRSIG";
    NSEC 47 "NSEC";
    DNSKEY 48 "DNSKEY";
    NSEC3 50 "NSEC3";
    TLSA 52 "TLSA";
    SVCB 64 "SVCB";
    HTTPS 65 "HTTPS";
    ANY 255 "ANY";
    CAA 257 "CAA";
}

impl fmt::Display for RecordType {
    /// The mnemonic, or `TYPE` and the number (RFC 3597 section 5).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "TYPE{}", self.0),
        }
    }
}

/// The data of a record.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Data<'a> {
    /// An IPv4 address.
    A(Ipv4Addr),
    /// An IPv6 address.
    Aaaa(Ipv6Addr),
    /// The name this one stands for.
    Cname(Name<'a>),
    /// Processor and operating system, each a character string (RFC 1035 section 3.3.2).
    Hinfo(&'a [u8], &'a [u8]),
    /// Which types of records a name has: in mDNS, that it has no others (RFC 6762 section 6.1).
    Nsec {
        /// The next name; in mDNS the owner itself.
        next: Name<'a>,
        /// The types that exist.
        types: TypeBitmap<'a>,
    },
    /// Extensions (EDNS): the options; payload size and flags are the record's class and TTL.
    Opt(Options<'a>),
    /// The name pointed to.
    Ptr(Name<'a>),
    /// Where a service is (RFC 2782).
    Srv {
        /// Lower ones are tried first.
        priority: u16,
        /// Share among those of one priority.
        weight: u16,
        /// Port on the target; 0 in a placeholder that only guards the name (RFC 6763 section 8).
        port: u16,
        /// Host that serves; the root means: decidedly not available.
        target: Name<'a>,
    },
    /// How to reach a service (RFC 9460), for SVCB and HTTPS.
    Svcb {
        /// 0 for an alias.
        priority: u16,
        /// Host that serves; the root stands for the owner.
        target: Name<'a>,
        /// Parameters as on the wire.
        parameters: &'a [u8],
    },
    /// Strings, for DNS-SD `key=value` pairs.
    Txt(Strings<'a>),
    /// A type that is not decoded: octets as on the wire.
    Other(&'a [u8]),
    /// Not of the shape its type demands.
    Malformed(Damage),
}

impl<'a> Data<'a> {
    #[inline]
    pub(super) fn read(record: &Record<'a>) -> Self {
        Self::try_read(record).unwrap_or_else(Self::Malformed)
    }

    #[inline]
    fn try_read(record: &Record<'a>) -> Result<Self, Damage> {
        // Names may point anywhere in the message but may not lie beyond the record's own data.
        let end = record.data_at + record.data_len;
        let (whole, at) = (record.octets, record.data_at);
        let data = record.octets();
        let bad =
            Damage { offset: at, reason: DamageReason::BadData { kind: record.kind, len: record.data_len } };
        // As of owners' names (`Message`), but of each record for itself.
        let name = |at| match Name::read_within(whole, at, &mut (96 + 4 * record.data_len))? {
            (name, behind) if behind <= end => Ok((name, behind)),
            _ => Err(bad),
        };
        let last_name = |at| match name(at)? {
            (name, behind) if behind == end => Ok(name),
            _ => Err(bad),
        };
        let fixed = |at| take::<2>(data, at).map(|octets| u16::from_be_bytes(*octets)).map_err(|_| bad);
        Ok(match record.kind {
            RecordType::A => Self::A(<[u8; 4]>::try_from(data).map_err(|_| bad)?.into()),
            RecordType::AAAA => Self::Aaaa(<[u8; 16]>::try_from(data).map_err(|_| bad)?.into()),
            RecordType::PTR => Self::Ptr(last_name(at)?),
            RecordType::CNAME => Self::Cname(last_name(at)?),
            RecordType::SRV => Self::Srv {
                priority: fixed(0)?,
                weight: fixed(2)?,
                port: fixed(4)?,
                target: last_name(at + 6)?,
            },
            RecordType::TXT => Self::Txt(Strings::read(data).ok_or(bad)?),
            RecordType::NSEC => {
                let (next, behind) = name(at)?;
                Self::Nsec { next, types: TypeBitmap::read(&whole[behind..end]).ok_or(bad)? }
            }
            RecordType::HINFO => {
                let mut strings = Strings::read(data).ok_or(bad)?;
                match (strings.next(), strings.next(), strings.next()) {
                    (Some(cpu), Some(system), None) => Self::Hinfo(cpu, system),
                    _ => return Err(bad),
                }
            }
            RecordType::OPT => Self::Opt(Options::read(data).ok_or(bad)?),
            RecordType::SVCB | RecordType::HTTPS => {
                let priority = fixed(0)?;
                let (target, behind) = name(at + 2)?;
                Self::Svcb { priority, target, parameters: &whole[behind..end] }
            }
            _ => Self::Other(data),
        })
    }
}

/// Character strings one after the other, each with a length octet (RFC 1035 section 3.3).
#[derive(Clone, Copy, Debug)]
pub struct Strings<'a>(&'a [u8]);

impl<'a> Strings<'a> {
    /// Checks that the strings fill `data` exactly; no octets at all are tolerated as no string.
    #[inline]
    pub(crate) fn read(data: &'a [u8]) -> Option<Self> {
        let mut rest = data;
        while let [len, tail @ ..] = rest {
            rest = tail.get(usize::from(*len)..)?;
        }
        Some(Self(data))
    }

    /// All octets of the strings, length octets included.
    pub fn octets(&self) -> &'a [u8] {
        self.0
    }
}

impl<'a> Iterator for Strings<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        let (&len, rest) = self.0.split_first()?;
        let (string, rest) = rest.split_at_checked(usize::from(len))?;
        self.0 = rest;
        Some(string)
    }
}

/// The record types listed in an NSEC record (RFC 4034 section 4.1.2), in ascending order.
#[derive(Clone, Copy, Debug)]
pub struct TypeBitmap<'a> {
    rest: &'a [u8],
    window: u8,
    bits: &'a [u8],
    next: u16,
}

impl<'a> TypeBitmap<'a> {
    fn read(data: &'a [u8]) -> Option<Self> {
        let mut rest = data;
        while let [_window, len, tail @ ..] = rest {
            if !(1..=32).contains(len) {
                return None;
            }
            rest = tail.get(usize::from(*len)..)?;
        }
        rest.is_empty().then_some(Self { rest: data, window: 0, bits: &[], next: 0 })
    }
}

impl Iterator for TypeBitmap<'_> {
    type Item = RecordType;

    fn next(&mut self) -> Option<RecordType> {
        loop {
            while let Some(octet) = self.bits.get(usize::from(self.next / 8)) {
                let bit = self.next;
                self.next += 1;
                if octet & (0x80 >> (bit % 8)) != 0 {
                    return Some(RecordType(u16::from(self.window) << 8 | bit));
                }
            }
            let [window, len, tail @ ..] = self.rest else { return None };
            (self.bits, self.rest) = tail.split_at_checked(usize::from(*len))?;
            (self.window, self.next) = (*window, 0);
        }
    }
}

/// The options of an OPT record (RFC 6891 section 6.1.2): code and octets.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a>(&'a [u8]);

impl<'a> Options<'a> {
    /// Code of the Owner option, by which a sleep proxy names the host it speaks for
    /// (draft-cheshire-edns0-owner-option).
    pub const OWNER: u16 = 4;

    fn read(data: &'a [u8]) -> Option<Self> {
        let mut rest = data;
        while let [_, _, len0, len1, tail @ ..] = rest {
            rest = tail.get(usize::from(u16::from_be_bytes([*len0, *len1]))..)?;
        }
        rest.is_empty().then_some(Self(data))
    }

    /// The hardware address of the host a sleep proxy speaks for, from the Owner option.
    pub fn owner(mut self) -> Option<[u8; 6]> {
        // Version, sequence, primary MAC address; an optional wakeup address and password follow.
        self.find(|&(code, _)| code == Self::OWNER)?.1.get(2..8)?.try_into().ok()
    }
}

impl<'a> Iterator for Options<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<(u16, &'a [u8])> {
        let [c0, c1, l0, l1, tail @ ..] = self.0 else { return None };
        let (octets, rest) = tail.split_at_checked(usize::from(u16::from_be_bytes([*l0, *l1])))?;
        self.0 = rest;
        Some((u16::from_be_bytes([*c0, *c1]), octets))
    }
}
