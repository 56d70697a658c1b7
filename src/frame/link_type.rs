//! Link-layer header types and their names.

use std::fmt;

/// A link-layer header type: the LINKTYPE_* value of a pcap file header or of a pcapng
/// Interface Description Block (<https://www.tcpdump.org/linktypes.html>). Any value is representable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LinkType(pub u16);

impl LinkType {
    /// IEEE 802.3 Ethernet.
    pub const ETHERNET: Self = Self(1);

    /// The registered name in lower case with hyphens (`ethernet`, `linux-sll2`), if there is one.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::ETHERNET => Some("ethernet"),
            _ => None,
        }
    }
}

impl fmt::Display for LinkType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "linktype-{}", self.0),
        }
    }
}
