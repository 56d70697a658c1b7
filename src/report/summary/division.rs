//! What the rows of a summary are about: one kind of key, or several at once.

use std::fmt;

use crate::text::domain;

/// What a row of the summary is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum By {
    /// One row per service and transport.
    #[default]
    Service,
    /// One row per protocol spoken.
    Protocol,
    /// One row per serving port and transport.
    Port,
    /// One row per address, port and transport that serves.
    Endpoint,
    /// One row per serving address.
    Server,
    /// One row per address that is served.
    Client,
    /// One row per address; a packet counts for both of its hosts.
    Host,
    /// One row per name of the host that serves; its address where it has none.
    Domain,
    /// One row per pair of addresses.
    Conversation,
    /// One row per way in which names are known.
    Evidence,
    /// One row per transport protocol.
    Transport,
    /// One row per stack of VLAN identifiers.
    Vlan,
    /// One row per capture interface.
    Interface,
}

impl By {
    /// Every one.
    pub const ALL: [Self; 13] = [
        Self::Service,
        Self::Protocol,
        Self::Port,
        Self::Endpoint,
        Self::Server,
        Self::Client,
        Self::Host,
        Self::Domain,
        Self::Conversation,
        Self::Evidence,
        Self::Transport,
        Self::Vlan,
        Self::Interface,
    ];

    /// Whether the rows need a look at every packet, not only at what is known of its flow.
    pub fn needs_packets(self) -> bool {
        matches!(self, Self::Vlan | Self::Interface)
    }

    /// Whether a label alone tells the row.
    pub(super) fn is_of_label(self) -> bool {
        matches!(self, Self::Service | Self::Protocol | Self::Port | Self::Evidence | Self::Transport)
    }

    /// Whether rows are about one host each, which may have a name.
    fn is_of_hosts(self) -> bool {
        matches!(self, Self::Server | Self::Client | Self::Host)
    }

    /// Its word on the command line and in the output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Protocol => "protocol",
            Self::Port => "port",
            Self::Endpoint => "endpoint",
            Self::Server => "server",
            Self::Client => "client",
            Self::Host => "host",
            Self::Domain => "domain",
            Self::Conversation => "conversation",
            Self::Evidence => "evidence",
            Self::Transport => "transport",
            Self::Vlan => "vlan",
            Self::Interface => "interface",
        }
    }

    /// The path of its part of the key in CSV.
    pub(super) const fn column(self) -> &'static str {
        match self {
            Self::Service => "keys_service",
            Self::Protocol => "keys_protocol",
            Self::Port => "keys_port",
            Self::Endpoint => "keys_endpoint",
            Self::Server => "keys_server",
            Self::Client => "keys_client",
            Self::Host => "keys_host",
            Self::Domain => "keys_domain",
            Self::Conversation => "keys_conversation",
            Self::Evidence => "keys_evidence",
            Self::Transport => "keys_transport",
            Self::Vlan => "keys_vlan",
            Self::Interface => "keys_interface",
        }
    }

    /// Why rows are not divided by both.
    fn clash(self, other: Self) -> Option<&'static str> {
        let both = [self, other];
        let is = |a, b| both == [a, b] || both == [b, a];
        if is(Self::Service, Self::Transport) || is(Self::Port, Self::Transport) {
            return Some("services and ports have their transport with them");
        }
        let endpoint =
            [Self::Port, Self::Transport, Self::Server].into_iter().any(|part| is(Self::Endpoint, part));
        if endpoint {
            return Some("an endpoint is an address, a port and a transport already");
        }
        let ends = [Self::Server, Self::Client, Self::Conversation, Self::Endpoint, Self::Domain];
        if ends.into_iter().any(|end| is(Self::Host, end)) {
            return Some("by host a packet counts for both of its ends");
        }
        (self == other).then_some("a key is given twice")
    }
}

/// What the rows are about: one row for each combination of what these tell, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Division {
    parts: [By; By::ALL.len()],
    count: u8,
    /// To how many labels domains are shortened.
    depth: Option<u8>,
}

impl Default for Division {
    fn default() -> Self {
        By::default().into()
    }
}

impl From<By> for Division {
    fn from(by: By) -> Self {
        Self { parts: [by; By::ALL.len()], count: 1, depth: None }
    }
}

impl Division {
    /// By all of these at once; by the default if there are none.
    ///
    /// # Errors
    /// Two of them cannot be combined.
    pub fn new(parts: &[By]) -> Result<Self, Senseless> {
        for (place, &second) in parts.iter().enumerate() {
            for &first in &parts[..place] {
                if let Some(reason) = first.clash(second) {
                    return Err(Senseless { first, second, reason });
                }
            }
        }
        let Some(&first) = parts.first() else { return Ok(Self::default()) };
        // None is there twice.
        let mut division = Self { count: parts.len() as u8, ..Self::from(first) };
        division.parts[..parts.len()].copy_from_slice(parts);
        Ok(division)
    }

    /// Shortens domains to so many labels, the public suffix counted as one.
    pub fn with_depth(self, depth: Option<u8>) -> Self {
        Self { depth, ..self }
    }

    /// A domain, as its rows have it.
    pub(super) fn shorten<'a>(&self, domain: &'a str) -> &'a str {
        self.depth.map_or(domain, |depth| domain::shorten(domain, depth))
    }

    /// What its rows are about, in the order of the key's parts.
    pub fn parts(&self) -> &[By] {
        &self.parts[..usize::from(self.count)]
    }

    /// Whether the rows need a look at every packet, not only at what is known of its flow.
    pub fn needs_packets(&self) -> bool {
        self.parts().iter().any(|part| part.needs_packets())
    }

    /// Whether it is one of its parts.
    pub(super) fn has(&self, by: By) -> bool {
        self.parts().contains(&by)
    }

    /// Whether a label alone tells the row.
    pub(super) fn is_of_label(&self) -> bool {
        self.parts().iter().all(|part| part.is_of_label())
    }

    /// Whether rows are about one host each, which may have a name.
    pub fn is_of_hosts(&self) -> bool {
        matches!(self.parts(), [part] if part.is_of_hosts())
    }

    /// Whether a row is of no more than one endpoint.
    pub(super) fn is_of_endpoint(&self) -> bool {
        self.has(By::Endpoint) || self.has(By::Server) && self.has(By::Port)
    }

    /// Whether the parts tell a column, so that tables need not have it.
    pub(in crate::report) fn tells(&self, path: &str) -> bool {
        let any = |parts: &[By]| parts.iter().any(|&part| self.has(part));
        match path {
            "name" => !self.is_of_hosts() && !self.is_of_endpoint() || any(&[By::Service]),
            "ports" => any(&[By::Port, By::Endpoint]),
            "clients" => any(&[By::Client, By::Conversation]),
            "servers" => any(&[By::Server, By::Endpoint, By::Conversation]),
            "evidence" => any(&[By::Evidence]),
            _ => false,
        }
    }
}

impl fmt::Display for Division {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, part) in self.parts().iter().enumerate() {
            f.write_str(if place == 0 { "" } else { "," })?;
            f.write_str(part.as_str())?;
        }
        Ok(())
    }
}

/// Why rows cannot be divided by two keys at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Senseless {
    first: By,
    second: By,
    reason: &'static str,
}

impl fmt::Display for Senseless {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { first, second, reason } = self;
        write!(f, "rows cannot be divided by {} and {}: {reason}", first.as_str(), second.as_str())
    }
}

impl std::error::Error for Senseless {}
