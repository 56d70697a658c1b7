//! Names of hosts: which addresses DNS, multicast DNS, LLMNR, NetBIOS and DHCP gave which names, when, and to
//! whom; and what SNMP and SSDP say of a host.
//!
//! A message is read where it lies in one packet. [`Hosts`] remembers who was told what; [`Hosts::name_of`] says what an
//! address was called for a client at a time.

mod dhcp;
mod dns;
mod file;
mod link;
mod netbios;
mod oui;
mod snmp;
mod store;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

pub use file::{FileError, HostsFile};
pub use link::Mac;
pub use oui::Oui;
pub use store::{Hosts, Told};

pub use crate::announce::Message;
use crate::packet::TransportProtocol;

/// Where the name of a host comes from: `svc.domain_source`, the strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
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
    /// `sysName` as the host itself tells it in SNMP (RFC 3418): text of its administrator's.
    Snmp,
    /// System and product as the host itself tells them in SSDP: what it is, not what it is called.
    Ssdp,
}

impl Source {
    /// Every source, the strongest first.
    pub const ALL: [Self; 8] =
        [Self::User, Self::Dns, Self::Mdns, Self::Llmnr, Self::Netbios, Self::Dhcp, Self::Snmp, Self::Ssdp];

    /// Whether its names come from messages of DNS.
    pub(crate) const fn is_of_dns(self) -> bool {
        matches!(self, Self::Dns | Self::Mdns | Self::Llmnr)
    }

    /// Whether its names are those by which a host is found, not texts about it.
    pub const fn finds(self) -> bool {
        !matches!(self, Self::Snmp | Self::Ssdp)
    }

    /// Its word: `dns`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Dns => "dns",
            Self::Mdns => "mdns",
            Self::Llmnr => "llmnr",
            Self::Netbios => "netbios",
            Self::Dhcp => "dhcp",
            Self::Snmp => "snmp",
            Self::Ssdp => "ssdp",
        }
    }
}

/// Whether a packet between these ports is worth to be given to [`Hosts::observe`].
#[inline]
pub fn may_name(protocol: TransportProtocol, (source, destination): (u16, u16)) -> bool {
    match protocol {
        // Names are told by whoever answers, but for what NetBIOS registers and clients of DHCP call themselves.
        TransportProtocol::UDP => {
            matches!(source, 53 | 67 | 68 | 137 | 161 | 546 | 547 | 1900 | 5353 | 5355)
                || matches!(destination, 67 | 547 | 1900)
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
