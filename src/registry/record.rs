//! One row of the registry as its files give it. Shared with the build script.

use std::fmt;

/// The transports the registry knows, in the order of its indexes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Transport {
    Tcp,
    Udp,
    Sctp,
    Dccp,
}

impl Transport {
    pub(crate) const ALL: [Self; 4] = [Self::Tcp, Self::Udp, Self::Sctp, Self::Dccp];

    /// The transport of IANA's keyword, in any case.
    pub(crate) fn from_keyword(keyword: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|transport| transport.as_str().eq_ignore_ascii_case(keyword))
    }

    /// IANA's keyword.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
            Self::Dccp => "dccp",
        }
    }
}

/// The texts of a row, in the order they are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    Name,
    Description,
    Assignee,
    Contact,
    Registered,
    Modified,
    Reference,
    ServiceCode,
    Unauthorized,
    Notes,
}

impl Field {
    pub(crate) const COUNT: usize = 10;
}

/// A row: ports and transport understood, everything else as text with its line breaks put in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Record {
    /// First and last port, both included.
    pub(crate) ports: Option<(u16, u16)>,
    pub(crate) transport: Option<Transport>,
    pub(crate) texts: [String; Field::COUNT],
}

impl Record {
    pub(crate) fn text(&self, field: Field) -> &str {
        self.texts.get(field as usize).map_or("", String::as_str)
    }

    /// Sets a text: line breaks of descriptions are layout and become spaces, those of notes mean something.
    /// Control characters mean nothing in a registry and are left out.
    pub(crate) fn set(&mut self, field: Field, text: &str) {
        if let Some(slot) = self.texts.get_mut(field as usize) {
            let text: String = text.chars().filter(|c| !c.is_control() || c.is_whitespace()).collect();
            *slot = if field == Field::Notes { tidy_lines(&text) } else { one_line(&text) };
        }
    }

    /// Reads a port, a range of ports, or nothing.
    pub(crate) fn set_ports(&mut self, text: &str) -> Result<(), String> {
        let text = text.trim();
        self.ports = match text.split_once('-') {
            _ if text.is_empty() => None,
            Some((first, last)) if !first.is_empty() && !last.is_empty() => Some((port(first)?, port(last)?)),
            _ => Some((port(text)?, port(text)?)),
        };
        match self.ports {
            Some((first, last)) if first > last => Err(format!("port range {first}-{last} runs backwards")),
            _ => Ok(()),
        }
    }

    /// Reads a transport's keyword, or nothing.
    pub(crate) fn set_transport(&mut self, text: &str) -> Result<(), String> {
        let text = text.trim();
        self.transport = match Transport::from_keyword(text) {
            None if !text.is_empty() => {
                return Err(format!("transport protocol `{text}` is none of tcp, udp, sctp and dccp"));
            }
            transport => transport,
        };
        Ok(())
    }

    /// Checks what only the whole row can tell.
    pub(crate) fn check(&self) -> Result<(), String> {
        let code = self.text(Field::ServiceCode);
        if !code.is_empty() && code.parse::<u32>().is_err() {
            return Err(format!("service code `{code}` is no 32-bit number"));
        }
        let name = self.text(Field::Name);
        if name.chars().any(char::is_whitespace) {
            return Err(format!("service name `{name}` has a space in it"));
        }
        if name.is_empty() && self.ports.is_none() {
            return Err("the row has neither a service name nor a port".to_owned());
        }
        match self.longest() {
            len if len > Self::MAX_TEXT => {
                Err(format!("a text of {len} octets is longer than {}", Self::MAX_TEXT))
            }
            _ => Ok(()),
        }
    }

    /// Octets of the longest text.
    pub(crate) fn longest(&self) -> usize {
        self.texts.iter().map(String::len).max().unwrap_or(0)
    }

    /// The longest text of a row, in octets. IANA's own longest has about 1,700.
    pub(crate) const MAX_TEXT: usize = 16_384;
}

/// The well-formed name that a legacy name stands for, told in its notes (RFC 6335 section 10.1).
pub(crate) fn alias_target(notes: &str) -> Option<&str> {
    let (_, rest) = notes.split_once("This entry is an alias to \"")?;
    rest.split_once('"').map(|(name, _)| name)
}

/// Where and why a registry file cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Malformed {
    /// Line of the file, from 1.
    pub(crate) line: u64,
    pub(crate) reason: String,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.line, self.reason)
    }
}

fn port(text: &str) -> Result<u16, String> {
    let digits = !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
    let number = if digits { text.parse().ok() } else { None };
    number.ok_or_else(|| format!("port `{text}` is no number from 0 to 65535"))
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn tidy_lines(text: &str) -> String {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_read_strictly() {
        let read = |text: &str| {
            let mut record = Record::default();
            record.set_ports(text).map(|()| record.ports)
        };
        assert_eq!(read(" 6000-6063 "), Ok(Some((6000, 6063))));
        assert_eq!(read("0"), Ok(Some((0, 0))));
        assert_eq!(read(""), Ok(None));
        for odd in ["-1", "5-", "-"] {
            assert_eq!(read(odd), Err(format!("port `{odd}` is no number from 0 to 65535")));
        }
        assert_eq!(read("2-1").unwrap_err(), "port range 2-1 runs backwards");
        for wrong in ["65536", "+80", "80-", "-80", "1-2-3", "8O", "99999999999999999999"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_alias_names_its_target() {
        let notes = "This entry is an alias to \"whoispp\".\nThis entry is now historic";
        assert_eq!(alias_target(notes), Some("whoispp"));
        assert_eq!(alias_target("This entry is an alias to \"open"), None);
    }
}
