//! Names of servers, as clients tell them.

/// What the first words of a client tell of the server that they are for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Told {
    /// The name, where it is told and may be one.
    pub name: Option<ServerName>,
    /// Whether a hello holds an encrypted one: the name is the outer one then, which may not be that of the
    /// server meant. Clients also send such extensions without meaning (RFC 9849 section 6.2), and nobody on
    /// the way can tell which they are.
    pub has_encrypted_hello: bool,
    /// What told it.
    pub by: ToldBy,
}

/// What the name of a server is told in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub enum ToldBy {
    /// The ClientHello of TLS or DTLS.
    Tls,
    /// The first request of HTTP.
    Http,
    /// The ClientHello in QUIC.
    Quic,
}

impl Told {
    /// Whether what a file says can have been told: its name is one that is shown as it is.
    pub(crate) fn is_sound(&self) -> bool {
        self.name.as_ref().is_none_or(|name| ServerName::of_hello(name.0.as_bytes()).as_ref() == Some(name))
    }
}

impl ToldBy {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Tls, Self::Http, Self::Quic];

    /// Its word in records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tls => "tls",
            Self::Http => "http",
            Self::Quic => "quic",
        }
    }
}

/// The name of a host: letters, digits, hyphens and underscores in labels, as it was written but for a dot
/// at its end; or an IPv4 address in its place, or what else a hello asks for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct ServerName(Box<str>);

impl ServerName {
    /// Most octets of a name without the dot at its end: 255 on the wire (RFC 1035 section 2.3.4).
    pub const LIMIT: usize = 253;

    /// Most octets of a label.
    const LABEL: usize = 63;

    /// Reads a name without a port.
    ///
    /// RFC 5890 section 2.3.1 says what a label may be; underscores are in use beside that. A last label of
    /// digits is that of an address (RFC 1123 section 2.1).
    pub fn read(octets: &[u8]) -> Option<Self> {
        let octets = octets.strip_suffix(b".").unwrap_or(octets);
        let is_name = octets.len() <= Self::LIMIT && octets.split(|&octet| octet == b'.').all(is_label);
        let name = std::str::from_utf8(octets).ok().filter(|_| is_name)?;
        let name = Self(name.into());
        let last = name.as_str().rsplit('.').next().unwrap_or_default();
        let ends_in_number = last.bytes().all(|octet| octet.is_ascii_digit());
        (!ends_in_number || name.is_address()).then_some(name)
    }

    /// Reads what a hello asks for: where that is no name of a host, as it is, if it is printable and holds no space.
    pub(super) fn of_hello(octets: &[u8]) -> Option<Self> {
        Self::read(octets).or_else(|| {
            let is_shown = (1..=Self::LIMIT).contains(&octets.len())
                && octets.iter().all(|octet| octet.is_ascii_graphic() && !matches!(octet, b'"' | b'\\'));
            let text = std::str::from_utf8(octets).ok().filter(|_| is_shown)?;
            Some(Self(text.into()))
        })
    }

    /// Reads the host of `host`, `host:port` or `[address]:port` (RFC 3986 section 3.2): addresses, and what is
    /// none of these, have no name.
    pub(super) fn of_authority(octets: &[u8]) -> Option<Self> {
        let mut parts = octets.splitn(2, |&octet| octet == b':');
        let name = Self::read(parts.next()?)?;
        let has_port = parts.next().is_none_or(|port| port.iter().all(u8::is_ascii_digit));
        (has_port && !name.is_address()).then_some(name)
    }

    /// The name as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it names a host: neither an address stands in its place, nor what cannot be a name.
    pub fn is_domain(&self) -> bool {
        !self.is_address() && Self::read(self.as_str().as_bytes()).is_some()
    }

    /// Whether an address stands in place of a name: it is no domain.
    pub fn is_address(&self) -> bool {
        self.0.parse::<std::net::Ipv4Addr>().is_ok()
    }
}

/// Whether this may be a label of a host's name.
fn is_label(octets: &[u8]) -> bool {
    let may_be = |&octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_');
    (1..=ServerName::LABEL).contains(&octets.len())
        && octets.iter().all(may_be)
        && !octets.starts_with(b"-")
        && !octets.ends_with(b"-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str) -> Option<String> {
        ServerName::read(name.as_bytes()).map(|name| name.as_str().to_owned())
    }

    #[test]
    fn names_keep_their_form() {
        for name in
            ["example.org", "WWW.Example.ORG", "_dmarc.a-b.c", "localhost", "xn--bcher-kva.example", "3com"]
        {
            assert_eq!(read(name).as_deref(), Some(name));
        }
        assert_eq!(read("example.org.").as_deref(), Some("example.org"));
    }

    #[test]
    fn what_is_no_name_is_none() {
        let label = "a".repeat(64);
        for name in [
            "",
            ".",
            "a..b",
            ".a",
            "a.b..",
            "a b",
            "a\u{e9}.b",
            "a/b",
            "a:1",
            "-a.b",
            "a-.b",
            "::1",
            "a\0",
            &label,
        ] {
            assert_eq!(read(name), None, "{name:?}");
        }
        assert_eq!(read("1.2.3"), None);
        assert_eq!(read("256.1.1.1"), None);
    }

    #[test]
    fn lengths_are_those_of_dns() {
        let label = "a".repeat(63);
        let longest = [&label[..], &label, &label, &label[..61]].join(".");
        assert_eq!(longest.len(), 253);
        assert_eq!(read(&longest).as_deref(), Some(&longest[..]));
        assert_eq!(read(&format!("{longest}.")).as_deref(), Some(&longest[..]));
        assert_eq!(read(&format!("{longest}a")), None);
    }

    #[test]
    fn addresses_are_told_apart() {
        assert!(ServerName::read(b"192.0.2.1").expect("an address").is_address());
        assert!(!ServerName::read(b"a192.0.2.1a").expect("a name").is_address());
    }

    #[test]
    fn authorities_lose_their_port() {
        let of =
            |octets: &str| ServerName::of_authority(octets.as_bytes()).map(|name| name.as_str().to_owned());
        assert_eq!(of("a.example:8080").as_deref(), Some("a.example"));
        assert_eq!(of("a.example:").as_deref(), Some("a.example"));
        assert_eq!(of("a.example.:80").as_deref(), Some("a.example"));
        for none in [
            "192.0.2.1",
            "192.0.2.1:80",
            "[2001:db8::1]",
            "[::1]:80",
            "2001:db8::1",
            "a:b",
            "a:1:2",
            ":80",
            "u@h",
        ] {
            assert_eq!(of(none), None, "{none}");
        }
    }
}
