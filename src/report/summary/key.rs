//! How the rows of a summary are told apart: the key of what is counted, in each division.

use std::net::IpAddr;

use super::{By, Division};
use crate::{
    flow::Key as FlowKey,
    naming::{Evidence, Side, label::Label},
    text::number,
};

/// What is counted into rows: a flow, or one packet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item<'a> {
    pub(super) label: &'a Label,
    /// Its addresses in ascending order, where they were read.
    pub(super) ends: Option<(IpAddr, IpAddr)>,
    pub(super) side: Side,
    /// The end that is a multicast or broadcast address.
    pub(super) group: Option<Side>,
    /// The flow of a packet, where distinct ones are counted: its five-tuple, and which of its flows.
    pub(super) flow: Option<(FlowKey, usize)>,
    /// What its low and its high end are called, as far as rows are about that.
    pub(super) domains: [Option<&'a str>; 2],
    /// What only a packet tells: its VLAN identifiers from the outermost on, and its interface.
    pub(super) frame: Option<(&'a [u16], Key<'a>)>,
}

/// The key of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key<'a> {
    /// What a label is called, a transport, the name of an interface.
    Text(&'a str),
    /// A serving port and its transport.
    Port(u16, &'a str),
    /// No side is known to serve; the transport.
    Unknown(&'a str),
    /// A name of a host, in lower case.
    Domain(&'a str),
    /// One address.
    Host(IpAddr),
    /// Two addresses that serve each other.
    Both(IpAddr, IpAddr),
    /// An address, a port of it and the transport.
    Endpoint(IpAddr, u16, &'a str),
    /// Two addresses that serve each other on that port.
    Endpoints(IpAddr, IpAddr, u16, &'a str),
    /// Two addresses that talk to each other.
    Conversation(IpAddr, IpAddr),
    /// VLAN identifiers.
    Vlan(&'a [u16]),
    /// An interface without a name: its number.
    Interface(u32),
}

impl<'a> Item<'a> {
    /// Something of which the label is all that is known.
    pub(super) fn of_label(label: &'a Label) -> Self {
        Self {
            label,
            ends: None,
            side: Side::Neither,
            group: None,
            flow: None,
            domains: [None; 2],
            frame: None,
        }
    }

    /// The key that the label tells.
    pub(super) fn label_key(&self, by: By) -> Key<'a> {
        match (by, self.label.port, self.label.transport.as_deref()) {
            (By::Port, Some(port), Some(transport)) => Key::Port(port, transport),
            (By::Transport, _, Some(transport)) => Key::Text(transport),
            (By::Protocol, _, Some(transport)) if self.label.evidence.is_some() => match &self.label.speech {
                Some(speech) => Key::Text(speech.protocol.word()),
                None => Key::Unknown(transport),
            },
            (By::Evidence, ..) => Key::Text(self.label.evidence.unwrap_or(Evidence::None).as_str()),
            _ => Key::Text(&self.label.key),
        }
    }

    /// Whose rows it counts into: a packet counts for both of its hosts.
    pub(super) fn whose(&self, by: Division) -> &'static [Side] {
        match self.ends {
            Some((low, high)) if low != high && by.has(By::Host) => &[Side::Low, Side::High],
            _ => &[Side::Low],
        }
    }

    /// Its key in this division, in the row of one of its hosts; absent where only a packet tells it.
    pub(super) fn key(&self, by: By, whose: Side) -> Option<Key<'a>> {
        let Some((low, high)) = self.ends else {
            return match by {
                By::Vlan | By::Interface => self.frame_key(by),
                _ => Some(self.label_key(by)),
            };
        };
        Some(match by {
            By::Vlan | By::Interface => return self.frame_key(by),
            By::Service | By::Protocol | By::Port | By::Evidence | By::Transport => self.label_key(by),
            By::Conversation => Key::Conversation(low, high),
            By::Host => Key::Host(if whose == Side::High { high } else { low }),
            By::Server | By::Client => match self.serving(low, high) {
                None => Key::Unknown(self.label.transport.as_deref().unwrap_or("ip")),
                Some((server, None)) => Key::Host(if by == By::Server { server } else { self.peer(server) }),
                Some((one, Some(other))) => Key::Both(one, other),
            },
            By::Domain => match self.serving(low, high) {
                None => Key::Unknown(self.label.transport.as_deref().unwrap_or("ip")),
                Some((server, None)) => match self.domains[usize::from(server != low)] {
                    Some(domain) => Key::Domain(domain),
                    None => Key::Host(server),
                },
                Some((one, Some(other))) => Key::Both(one, other),
            },
            By::Endpoint => match (self.serving(low, high), self.label.port, self.label.transport.as_deref())
            {
                (Some((server, None)), Some(port), Some(transport)) => Key::Endpoint(server, port, transport),
                (Some((one, Some(other))), Some(port), Some(transport)) => {
                    Key::Endpoints(one, other, port, transport)
                }
                (_, _, Some(transport)) if self.label.evidence.is_some() => Key::Unknown(transport),
                _ => Key::Text(&self.label.key),
            },
        })
    }

    /// The key that only a packet tells.
    fn frame_key(&self, by: By) -> Option<Key<'a>> {
        let (ids, interface) = self.frame?;
        Some(if by == By::Vlan { Key::Vlan(ids) } else { interface })
    }

    /// The address that serves; both where they serve each other.
    fn serving(&self, low: IpAddr, high: IpAddr) -> Option<(IpAddr, Option<IpAddr>)> {
        match self.side {
            Side::Neither => None,
            // Who speaks to a group of peers is the one that serves, and the one that is served.
            Side::Both if self.group == Some(Side::High) => Some((low, None)),
            Side::Both if self.group == Some(Side::Low) => Some((high, None)),
            Side::Both if low != high => Some((low, Some(high))),
            Side::High => Some((high, None)),
            Side::Low | Side::Both => Some((low, None)),
        }
    }

    /// Whom an address of its serves.
    fn peer(&self, server: IpAddr) -> IpAddr {
        match self.ends {
            Some((low, high)) if self.side != Side::Both => {
                if server == low {
                    high
                } else {
                    low
                }
            }
            _ => server,
        }
    }
}

impl Key<'_> {
    /// Appends it as the row shows it.
    pub(super) fn write(self, out: &mut Vec<u8>) {
        match self {
            Self::Text(text) => out.extend_from_slice(text.as_bytes()),
            Self::Port(port, transport) => {
                number::decimal(port.into(), out);
                out.push(b'/');
                out.extend_from_slice(transport.as_bytes());
            }
            Self::Unknown(transport) => {
                out.extend_from_slice(b"unknown/");
                out.extend_from_slice(transport.as_bytes());
            }
            Self::Domain(name) => out.extend(name.bytes().map(|octet| octet.to_ascii_lowercase())),
            Self::Host(address) => number::address(address, out),
            Self::Both(low, high) => pair(low, b" and ", high, out),
            Self::Conversation(low, high) => pair(low, b" <> ", high, out),
            Self::Endpoint(address, port, transport) => endpoint(address, port, transport, out),
            Self::Endpoints(low, high, port, transport) => {
                endpoint(low, port, transport, out);
                out.extend_from_slice(b" and ");
                endpoint(high, port, transport, out);
            }
            Self::Vlan([]) => out.extend_from_slice(b"untagged"),
            Self::Vlan(ids) => {
                for (place, &id) in ids.iter().enumerate() {
                    out.extend_from_slice(if place == 0 { b"" } else { b"." });
                    number::decimal(id.into(), out);
                }
            }
            Self::Interface(number) => number::decimal(number.into(), out),
        }
    }
}

/// Two addresses and what stands between them.
fn pair(low: IpAddr, between: &[u8], high: IpAddr, out: &mut Vec<u8>) {
    number::address(low, out);
    out.extend_from_slice(between);
    number::address(high, out);
}

/// `192.0.2.10:443/tcp`, `[2001:db8::1]:443/tcp`.
fn endpoint(address: IpAddr, port: u16, transport: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(if address.is_ipv6() { b"[" } else { b"" });
    number::address(address, out);
    out.extend_from_slice(if address.is_ipv6() { b"]:" } else { b":" });
    number::decimal(port.into(), out);
    out.push(b'/');
    out.extend_from_slice(transport.as_bytes());
}
