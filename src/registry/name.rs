//! Service names and port classes (RFC 6335 sections 5.1 and 6).

use std::fmt;

/// A service name in the syntax of RFC 6335 section 5.1, kept as written.
///
/// 1 to 15 letters, digits and hyphens, at least one of them a letter, no hyphen at either end or beside
/// another. Answers compare without regard to case, as the section has it. Legacy names of the registry that
/// break the syntax (`whois++`) are plain text, never a `ServiceName`.
///
/// ```
/// use portolan::registry::ServiceName;
/// assert_eq!(ServiceName::new("3com-tsmux").map(ServiceName::as_str), Some("3com-tsmux"));
/// assert_eq!(ServiceName::new("HTTP"), ServiceName::new("http"));
/// for broken in ["", "whois++", "443", "-a", "a-", "a--b", "sixteen-octets-x"] {
///     assert_eq!(ServiceName::new(broken), None, "{broken}");
/// }
/// ```
#[derive(Clone, Copy, Debug, Eq)]
pub struct ServiceName<'a>(&'a str);

impl<'a> ServiceName<'a> {
    /// The most octets of a service name.
    pub const MAX_LEN: usize = 15;

    /// The name, if its syntax is right.
    pub fn new(name: &'a str) -> Option<Self> {
        let octets = name.as_bytes();
        let right = (1..=Self::MAX_LEN).contains(&octets.len())
            && octets.iter().all(|octet| octet.is_ascii_alphanumeric() || *octet == b'-')
            && octets.iter().any(u8::is_ascii_alphabetic)
            && !name.starts_with('-')
            && !name.ends_with('-')
            && !name.contains("--");
        right.then_some(Self(name))
    }

    /// The name as written.
    pub const fn as_str(self) -> &'a str {
        self.0
    }
}

impl PartialEq for ServiceName<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(other.0)
    }
}

impl fmt::Display for ServiceName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// The three ranges of port numbers (RFC 6335 section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PortClass {
    /// 0 to 1023: assigned by IETF review.
    System,
    /// 1024 to 49151: assigned by IANA on request.
    User,
    /// 49152 to 65535: never assigned; private and ephemeral use.
    Dynamic,
}

impl PortClass {
    /// The class of a port.
    ///
    /// ```
    /// use portolan::registry::PortClass;
    /// assert_eq!([1023, 1024, 49151, 49152].map(PortClass::of), [
    ///     PortClass::System, PortClass::User, PortClass::User, PortClass::Dynamic,
    /// ]);
    /// ```
    pub const fn of(port: u16) -> Self {
        match port {
            0..=1023 => Self::System,
            1024..=49151 => Self::User,
            49152.. => Self::Dynamic,
        }
    }

    /// The class in lower case: `system`, `user` or `dynamic`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Dynamic => "dynamic",
        }
    }
}
