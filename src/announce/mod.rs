//! Endpoints that messages of other protocols tell of: where FTP will transfer, where media of a SIP call go, where
//! the port mapper of Sun RPC says its programs are, and where SSDP has a device described.
//!
//! A message is read where it lies in one packet, nothing is put together. [`may_announce`] says cheaply which packets
//! are worth the look; [`Announced`] reads them and remembers who said what, and for which flows it counts.
//!
//! ```
//! use portolan::announce::{Announced, Message, may_announce};
//! use portolan::packet::{Timestamp, TransportProtocol};
//!
//! let (server, client) = ("192.0.2.1".parse().unwrap(), "192.0.2.7".parse().unwrap());
//! let reply = Message {
//!     time: Some(Timestamp(5)),
//!     protocol: TransportProtocol::TCP,
//!     source: (server, 21),
//!     destination: (client, 50_512),
//!     spoken: None,
//!     octets: b"227 Entering Passive Mode (192,0,2,1,200,13)\r\n",
//! };
//! assert!(may_announce(reply.protocol, (21, 50_512), None));
//! let mut announced = Announced::new();
//! announced.observe(&reply);
//! let found = announced.lookup(server, TransportProtocol::TCP, 200 << 8 | 13, Some(Timestamp(9))).unwrap();
//! assert_eq!((found.name, found.by.word()), ("ftp-data", "ftp"));
//! ```

mod calls;
mod ftp;
mod sip;
mod ssdp;
mod store;
mod sunrpc;
mod word;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use std::net::IpAddr;

pub(crate) use ssdp::product;
pub use store::{Announced, Announcement, Control};

use crate::packet::{Timestamp, TransportProtocol};
use crate::payload::Protocol;

/// The port of the port mapper (RFC 1833 section 3).
const PORT_MAPPER: u16 = 111;

/// The protocol of a message that tells of endpoints: `svc.advertised_by`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub enum Announcer {
    /// FTP: replies 227 and 229, commands PORT and EPRT (RFC 959 section 5.3, RFC 2428).
    Ftp,
    /// SIP, in a session description (RFC 3261, RFC 4566).
    Sip,
    /// The port mapper of Sun RPC (RFC 1833).
    Sunrpc,
    /// SSDP (UPnP Device Architecture 1.1 section 1).
    Ssdp,
}

impl Announcer {
    /// What messages between these ports are read as; `spoken` is what their flow is known to speak.
    #[inline]
    fn of(protocol: TransportProtocol, ports: (u16, u16), spoken: Option<Protocol>) -> Option<Self> {
        let on = |port| ports.0 == port || ports.1 == port;
        let speaks = |protocol| spoken == Some(protocol);
        match protocol {
            TransportProtocol::TCP if on(21) || speaks(Protocol::FTP) => Some(Self::Ftp),
            TransportProtocol::UDP if on(1900) || speaks(Protocol::SSDP) => Some(Self::Ssdp),
            TransportProtocol::TCP | TransportProtocol::UDP => {
                if on(5060) || speaks(Protocol::SIP) {
                    Some(Self::Sip)
                } else if on(PORT_MAPPER) {
                    // Wherever else Sun RPC is spoken, it is the programs themselves that speak.
                    Some(Self::Sunrpc)
                } else {
                    None
                }
            }
            _ => None,
        }
    }

    /// What the flow of such a message speaks.
    pub const fn spoken(self) -> Protocol {
        match self {
            Self::Ftp => Protocol::FTP,
            Self::Sip => Protocol::SIP,
            Self::Sunrpc => Protocol::SUNRPC,
            Self::Ssdp => Protocol::SSDP,
        }
    }

    /// The word of `svc.advertised_by`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ftp => "ftp",
            Self::Sip => "sip",
            Self::Sunrpc => "sunrpc",
            Self::Ssdp => "ssdp",
        }
    }
}

/// Whether a packet between these ports is worth to be given to [`Announced::observe`].
///
/// `ports` are those of source and destination. The protocol that octets of the flow were recognised as is `spoken`,
/// which finds FTP, SIP and SSDP on other ports than their own.
#[inline(always)]
pub fn may_announce(protocol: TransportProtocol, ports: (u16, u16), spoken: Option<Protocol>) -> bool {
    // Nearly all packets go no further: bits of the low six of each port tell of most that it is none of these.
    const OWN: [u16; 4] = [21, PORT_MAPPER, 1900, 5060];
    const BITS: u64 = 1 << (OWN[0] % 64) | 1 << (OWN[1] % 64) | 1 << (OWN[2] % 64) | 1 << (OWN[3] % 64);
    let may_own = (BITS >> (ports.0 % 64) | BITS >> (ports.1 % 64)) & 1 == 1;
    (spoken.is_some() || may_own) && Announcer::of(protocol, ports, spoken).is_some()
}

/// What a payload begins like, where messages of that protocol tell of endpoints on ports that are not their own.
///
/// This proves nothing: [`Announcement::is_on_own_port`] tells whether the flow must be known to speak it.
#[inline(always)]
pub fn begins_like(protocol: TransportProtocol, octets: &[u8]) -> Option<Protocol> {
    let first = octets.first_chunk()?;
    // Nearly all packets go no further.
    if matches!(first[0], b'2' | b'A' | b'E' | b'I' | b'P' | b'S' | b'U') {
        like(protocol, *first)
    } else {
        None
    }
}

#[cold]
fn like(protocol: TransportProtocol, first: [u8; 4]) -> Option<Protocol> {
    match (protocol, &first) {
        (TransportProtocol::TCP, b"227 " | b"229 " | b"PORT" | b"EPRT") => Some(Protocol::FTP),
        (
            TransportProtocol::TCP | TransportProtocol::UDP,
            b"SIP/" | b"INVI" | b"ACK " | b"UPDA" | b"PRAC",
        ) => Some(Protocol::SIP),
        _ => None,
    }
}

/// A packet that may tell of endpoints, or of names of hosts.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// Capture time. What came without time teaches nothing, as nobody can say what came after it.
    pub time: Option<Timestamp>,
    /// TCP or UDP.
    pub protocol: TransportProtocol,
    /// Address and port of the sender.
    pub source: (IpAddr, u16),
    /// Address and port of the receiver.
    pub destination: (IpAddr, u16),
    /// What its flow is known to speak.
    pub spoken: Option<Protocol>,
    /// What it carries behind its TCP or UDP header, as far as it was captured.
    pub octets: &'a [u8],
}

/// What a message says: this endpoint takes what the name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Endpoint {
    address: IpAddr,
    protocol: TransportProtocol,
    port: u16,
    name: &'static str,
}

/// Takes the endpoints of a message in their order.
type Tell<'t> = &'t mut dyn FnMut(Endpoint);

/// A port in decimal digits, not 0.
fn port(text: &[u8]) -> Option<u16> {
    let mut reader = crate::payload::Reader::new(text);
    let port = reader.number().filter(|_| reader.rest().is_empty())?;
    u16::try_from(port).ok().filter(|&port| port != 0)
}

/// An address as text.
fn address(text: &[u8]) -> Option<IpAddr> {
    std::str::from_utf8(text).ok()?.parse().ok()
}
