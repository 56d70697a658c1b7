//! What names and TXT strings mean to DNS-SD (RFC 6763), read by label, never from dotted text.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Name, Strings, name::label_text};

/// A service type: the label pair `_ipp._tcp` (RFC 6763 section 7).
#[derive(Clone, Copy, Debug)]
pub struct ServiceType<'a> {
    /// The service label without its underscore, in the case of the wire. RFC 6335 allows 15 octets;
    /// broken ones are kept.
    pub name: &'a [u8],
    /// Whether it is `_tcp`; `_udp` stands for every other transport.
    pub tcp: bool,
}

impl<'a> ServiceType<'a> {
    /// The service type in `name`: the pair nearest to the root, as RFC 8552 scopes underscored labels.
    ///
    /// A pair is a service only if its first label has an underscore and a letter: `_443._tcp` belongs to a
    /// TLSA record, and `_dns-sd._udp` to the enumerations (sections 9 and 11).
    pub fn of(name: &Name<'a>) -> Option<Self> {
        Shape::of(name).pair.filter(|service| !service.name.eq_ignore_ascii_case(b"dns-sd"))
    }

    fn new(label: &'a [u8], protocol: &'a [u8]) -> Option<Self> {
        let tcp = protocol.eq_ignore_ascii_case(b"_tcp");
        let name = label.strip_prefix(b"_")?;
        let plausible = name.iter().any(u8::is_ascii_alphabetic);
        (plausible && (tcp || protocol.eq_ignore_ascii_case(b"_udp"))).then_some(Self { name, tcp })
    }

    /// The part of a name that looks like a service type and is none: the two labels nearest to the root that both begin with
    /// an underscore, and what follows them. Either the first has no letter, or the second is not of the two that RFC 6763
    /// section 7 allows.
    pub fn broken(name: &Name<'a>) -> Option<Name<'a>> {
        if Shape::of(name).pair.is_some() {
            return None;
        }
        let (mut found, mut at) = (None, Some(*name));
        while let Some(name) = at {
            let mut labels = name.labels();
            if labels.next()?.starts_with(b"_") && labels.next().is_some_and(|label| label.starts_with(b"_"))
            {
                found = Some(name);
            }
            at = name.parent().filter(|parent| !parent.is_root());
        }
        found
    }

    /// Whether the name follows RFC 6335 section 5.1: 1 to 15 letters, digits and hyphens, at least one
    /// letter, no hyphen at an end or beside another.
    pub fn is_well_formed(&self) -> bool {
        let name = self.name;
        name.len() <= 15
            && name.iter().all(|octet| octet.is_ascii_alphanumeric() || *octet == b'-')
            && name.iter().any(u8::is_ascii_alphabetic)
            && !name.starts_with(b"-")
            && !name.ends_with(b"-")
            && !name.windows(2).any(|pair| pair == b"--")
    }

    /// Appends `_ipp._tcp`, escaped as [`Name::text`] does.
    pub fn text(&self, out: &mut Vec<u8>) {
        out.push(b'_');
        label_text(self.name, out);
        out.extend_from_slice(if self.tcp { b"._tcp" } else { b"._udp" });
    }
}

impl PartialEq for ServiceType<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.tcp == other.tcp && self.name.eq_ignore_ascii_case(other.name)
    }
}

impl Eq for ServiceType<'_> {}

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning<'a> {
    /// A service type in a domain: `_ipp._tcp.local`.
    Type {
        /// The type.
        service: ServiceType<'a>,
        /// The domain.
        domain: Name<'a>,
    },
    /// A service instance: one label of any text before the type.
    Instance {
        /// The instance label; net-unicode by the rules, any octets in fact.
        label: &'a [u8],
        /// Its type.
        service: ServiceType<'a>,
        /// Its domain.
        domain: Name<'a>,
    },
    /// A subtype: `_printer._sub._http._tcp.local` (RFC 6763 section 7.1).
    Subtype {
        /// The subtype label, underscore and all.
        label: &'a [u8],
        /// The type it is of.
        service: ServiceType<'a>,
        /// The domain.
        domain: Name<'a>,
    },
    /// `_services._dns-sd._udp`: enumeration of service types (RFC 6763 section 9).
    Types,
    /// `b`, `db`, `r`, `dr` or `lb` before `_dns-sd._udp`: enumeration of domains (RFC 6763 section 11).
    Domains,
    /// A name under `in-addr.arpa` or `ip6.arpa` that is a whole address.
    Reverse(IpAddr),
    /// Any other name: a host, as far as mDNS goes.
    Other,
}

impl<'a> Meaning<'a> {
    /// What `name` stands for.
    ///
    /// ```
    /// use portolan::dns::{Meaning, Name};
    /// let name = Name::from_wire(b"\x07Dr. Foo\x05_http\x04_tcp\x05local\0").unwrap();
    /// let Meaning::Instance { label, service, domain } = Meaning::of(&name) else { panic!() };
    /// assert_eq!((label, service.name, service.tcp), (&b"Dr. Foo"[..], &b"http"[..], true));
    /// assert!(domain.is(&[b"local"]));
    /// ```
    pub fn of(name: &Name<'a>) -> Self {
        let Shape { pair: Some(service), before, prefix: [label, second], domain: Some(domain) } =
            Shape::of(name)
        else {
            return reverse_address(name).map_or(Self::Other, Self::Reverse);
        };
        if service.name.eq_ignore_ascii_case(b"dns-sd") {
            const DOMAINS: [&[u8]; 5] = [b"b", b"db", b"r", b"dr", b"lb"];
            return match before {
                1 if label.eq_ignore_ascii_case(b"_services") => Self::Types,
                1 if DOMAINS.iter().any(|domain| label.eq_ignore_ascii_case(domain)) => Self::Domains,
                _ => Self::Other,
            };
        }
        match before {
            0 => Self::Type { service, domain },
            1 => Self::Instance { label, service, domain },
            2 if second.eq_ignore_ascii_case(b"_sub") => Self::Subtype { label, service, domain },
            _ => Self::Other,
        }
    }
}

/// A name cut at its service type.
struct Shape<'a> {
    pair: Option<ServiceType<'a>>,
    /// Labels before the pair, and the first two of them.
    before: usize,
    prefix: [&'a [u8]; 2],
    domain: Option<Name<'a>>,
}

impl<'a> Shape<'a> {
    fn of(name: &Name<'a>) -> Self {
        let mut shape = Self { pair: None, before: 0, prefix: [&[]; 2], domain: None };
        let (mut previous, mut rest): (&[u8], _) = (&[], Some(*name));
        for (index, label) in name.labels().enumerate() {
            rest = rest.and_then(|name| name.parent());
            if index > 0
                && let Some(service) = ServiceType::new(previous, label)
            {
                (shape.pair, shape.before, shape.domain) = (Some(service), index - 1, rest);
            }
            if let Some(slot) = shape.prefix.get_mut(index) {
                *slot = label;
            }
            previous = label;
        }
        shape
    }
}

/// The address a name under `in-addr.arpa` (RFC 1035 section 3.5) or `ip6.arpa` (RFC 3596) stands for.
fn reverse_address(name: &Name<'_>) -> Option<IpAddr> {
    let mut labels = name.labels();
    let mut digits = [0_u8; 32];
    let mut count = 0;
    let zone = loop {
        let label = labels.next()?;
        if label.eq_ignore_ascii_case(b"in-addr") || label.eq_ignore_ascii_case(b"ip6") {
            break label;
        }
        let text = std::str::from_utf8(label).ok()?;
        *digits.get_mut(count)? = u8::from_str_radix(text, if text.len() == 1 { 16 } else { 10 }).ok()?;
        count += 1;
    };
    if !labels.next()?.eq_ignore_ascii_case(b"arpa") || labels.next().is_some() {
        return None;
    }
    match (zone.len(), count) {
        (7, 4) => Some(Ipv4Addr::new(digits[3], digits[2], digits[1], digits[0]).into()),
        (3, 32) if digits.iter().all(|&digit| digit < 16) => {
            let octets = std::array::from_fn(|i| digits[31 - 2 * i] << 4 | digits[30 - 2 * i]);
            Some(Ipv6Addr::from_octets(octets).into())
        }
        _ => None,
    }
}

/// One attribute of a TXT record (RFC 6763 section 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair<'a> {
    /// What stands before the first `=`.
    pub key: &'a [u8],
    /// What stands after it: `None` without a `=`, empty where nothing follows (section 6.4).
    pub value: Option<&'a [u8]>,
}

impl Pair<'_> {
    /// Which of the states of RFC 6763 section 6.4 it is in: `value`, `empty` or `no-value`. The fourth,
    /// `absent`, is that of a key without a pair.
    pub fn state(&self) -> &'static str {
        match self.value {
            None => "no-value",
            Some([]) => "empty",
            Some(_) => "value",
        }
    }

    /// Whether the key follows RFC 6763 section 6.4: printable ASCII. Longer than nine characters is legal.
    pub fn is_well_formed(&self) -> bool {
        self.key.iter().all(|octet| (0x20..0x7f).contains(octet))
    }
}

/// The attributes of a TXT record as they stand, repeated keys included.
///
/// Empty strings, and strings without a key, are passed over (sections 6.1 and 6.4).
pub fn pairs<'a>(strings: Strings<'a>) -> impl Iterator<Item = Pair<'a>> + Clone {
    strings.filter(|string| !string.is_empty() && string[0] != b'=').map(|string| {
        match string.iter().position(|&octet| octet == b'=') {
            Some(at) => Pair { key: &string[..at], value: Some(&string[at + 1..]) },
            None => Pair { key: string, value: None },
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::testing::wire;

    fn meaning(labels: &[&[u8]], check: impl FnOnce(Meaning<'_>)) {
        check(Meaning::of(&Name::from_wire(&wire(labels)).unwrap()));
    }

    fn is_service(labels: &[&[u8]]) -> bool {
        ServiceType::of(&Name::from_wire(&wire(labels)).unwrap()).is_some()
    }

    #[test]
    fn types_instances_and_subtypes() {
        meaning(&[b"_IPP", b"_TCP", b"local"], |meaning| {
            assert!(
                matches!(meaning, Meaning::Type { service: ServiceType { name: b"IPP", tcp: true }, domain }
                if domain.is(&[b"local"]))
            );
        });
        meaning(&[b"_printer", b"_sub", b"_http", b"_tcp", b"example", b"org"], |meaning| {
            assert!(matches!(meaning, Meaning::Subtype { label: b"_printer", service, domain }
                if service.name == b"http" && domain.is(&[b"example", b"org"])));
        });
        meaning(&[b"\xff_a._tcp", b"_osc", b"_udp", b"local"], |meaning| {
            assert!(matches!(meaning, Meaning::Instance { label: b"\xff_a._tcp", service, .. }
                if service.name == b"osc" && !service.tcp));
        });
        // The pair nearest the root is the type; an instance may be called like one.
        meaning(&[b"_ssh", b"_tcp", b"_http", b"_tcp", b"local"], |meaning| {
            assert_eq!(meaning, Meaning::Other);
        });
        meaning(&[b"_http", b"_sftp", b"_tcp", b"local"], |meaning| {
            assert!(matches!(meaning, Meaning::Instance { label: b"_http", .. }));
        });
    }

    #[test]
    fn enumerations_are_no_services() {
        meaning(&[b"_services", b"_dns-sd", b"_udp", b"local"], |meaning| {
            assert_eq!(meaning, Meaning::Types);
        });
        meaning(&[b"LB", b"_dns-sd", b"_udp", b"local"], |meaning| assert_eq!(meaning, Meaning::Domains));
        meaning(&[b"x", b"_dns-sd", b"_udp", b"local"], |meaning| assert_eq!(meaning, Meaning::Other));
        assert!(!is_service(&[b"_services", b"_dns-sd", b"_udp", b"local"]));
    }

    #[test]
    fn underscored_names_of_others_are_no_services() {
        assert!(!is_service(&[b"_443", b"_tcp", b"example", b"com"]));
        assert!(!is_service(&[b"_dmarc", b"example", b"com"]));
        assert!(!is_service(&[b"s", b"_domainkey", b"example", b"com"]));
        assert!(!is_service(&[b"_", b"_tcp", b"local"]));
        assert!(!is_service(&[b"http", b"_tcp", b"local"]));
        assert!(!is_service(&[b"_http", b"_sctp", b"local"]));
        assert!(is_service(&[b"_3com-tsmux", b"_udp"]));
    }

    #[test]
    fn service_names_by_rfc_6335() {
        let good = |name: &str| ServiceType { name: name.as_bytes(), tcp: true }.is_well_formed();
        for name in ["http", "3com-tsmux", "A", "a23456789012345", "x-y-z"] {
            assert!(good(name), "{name}");
        }
        for name in ["", "123", "-a", "a-", "a--b", "a_b", "a234567890123456", "é", "a b"] {
            assert!(!good(name), "{name}");
        }
    }

    #[test]
    fn reverse_names() {
        meaning(&[b"7", b"2", b"0", b"192", b"in-addr", b"arpa"], |meaning| {
            assert_eq!(meaning, Meaning::Reverse(Ipv4Addr::new(192, 0, 2, 7).into()));
        });
        // RFC 3596 section 2.5's example, 4321:0:1:2:3:4:567:89ab.
        let nibbles = b"ba987650400030002000100000001234";
        let mut labels: Vec<&[u8]> = nibbles.iter().map(std::slice::from_ref).collect();
        labels.extend([b"IP6".as_slice(), b"ARPA"]);
        meaning(&labels, |meaning| {
            assert_eq!(meaning, Meaning::Reverse("4321:0:1:2:3:4:567:89ab".parse().unwrap()));
        });
        meaning(&[b"2", b"0", b"192", b"in-addr", b"arpa"], |meaning| assert_eq!(meaning, Meaning::Other));
        meaning(&[b"256", b"2", b"0", b"192", b"in-addr", b"arpa"], |meaning| {
            assert_eq!(meaning, Meaning::Other);
        });
    }

    #[test]
    fn txt_in_four_states() {
        let data = b"\x08PaperSrc\x07Empty==\x05a=b=c\x00\x04=bad\x02k=\x03 k ";
        let found: Vec<_> = pairs(Strings::read(data).unwrap()).collect();
        let pair = |key, value| Pair { key, value };
        assert_eq!(
            found,
            [
                pair(&b"PaperSrc"[..], None),
                pair(b"Empty", Some(&b"="[..])),
                pair(b"a", Some(b"b=c")),
                pair(b"k", Some(b"")),
                pair(b" k ", None),
            ]
        );
        assert!(!pair(b"k\x7f", None).is_well_formed());
        assert_eq!(pairs(Strings::read(b"\0").unwrap()).count(), 0);
    }
}
