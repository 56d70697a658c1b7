//! Names of hosts: which addresses DNS, multicast DNS, LLMNR, NetBIOS and DHCP gave which names, when, and to whom.
//!
//! A message is read where it lies in one packet. [`Hosts`] remembers who was told what; [`Hosts::name_of`] says what an
//! address was called for a client at a time.

mod dhcp;
mod dns;
mod file;
mod link;
mod netbios;
mod oui;
mod store;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

pub use file::{FileError, HostsFile};
pub use link::Mac;
pub use oui::Oui;
pub use store::{Hosts, Told};

use crate::packet::{Timestamp, TransportProtocol};

/// Where the name of a host comes from: `svc.domain_source`, the strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Source {
    /// The user says so (`--hosts`).
    User,
    /// An answer of unicast DNS, by the name that was asked for; or of its reverse zones.
    Dns,
    /// Multicast DNS (RFC 6762).
    Mdns,
    /// Link-Local Multicast Name Resolution (RFC 4795).
    Llmnr,
    /// The NetBIOS name service (RFC 1002).
    Netbios,
    /// The name a host gave itself when DHCP lent it the address (RFC 2132, 4702, 4704).
    Dhcp,
}

impl Source {
    /// Every source, the strongest first.
    pub const ALL: [Self; 6] = [Self::User, Self::Dns, Self::Mdns, Self::Llmnr, Self::Netbios, Self::Dhcp];

    /// Its word: `dns`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Dns => "dns",
            Self::Mdns => "mdns",
            Self::Llmnr => "llmnr",
            Self::Netbios => "netbios",
            Self::Dhcp => "dhcp",
        }
    }
}

/// A packet that may tell names.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// Capture time.
    pub time: Option<Timestamp>,
    /// UDP or TCP.
    pub protocol: TransportProtocol,
    /// Address and port of the sender.
    pub source: (IpAddr, u16),
    /// Address and port of the receiver.
    pub destination: (IpAddr, u16),
    /// What it carries, as far as it was captured.
    pub octets: &'a [u8],
}

/// Whether a packet between these ports is worth to be given to [`Hosts::observe`].
#[inline]
pub fn may_name(protocol: TransportProtocol, (source, destination): (u16, u16)) -> bool {
    match protocol {
        // Names are told by whoever answers, but for what NetBIOS registers and clients of DHCP call themselves.
        TransportProtocol::UDP => {
            matches!(source, 53 | 67 | 68 | 137 | 546 | 547 | 5353 | 5355) || matches!(destination, 67 | 547)
        }
        TransportProtocol::TCP => source == 53,
        _ => false,
    }
}

/// Whether an address can be that of one host: neither a group nor unspecified.
pub fn is_host(address: IpAddr) -> bool {
    !address.is_unspecified()
        && match address {
            IpAddr::V4(address) => !address.is_multicast() && !address.is_broadcast(),
            IpAddr::V6(address) => !address.is_multicast(),
        }
}
