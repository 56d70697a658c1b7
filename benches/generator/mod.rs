//! Synthetic captures from a seed: the same plan gives the same octets on every machine.
//!
//! It knows nothing of the library it is used to measure, so a fault in one is not hidden by the other.
//! All lengths and checksums are right, times never run backwards, and memory grows with the number of
//! flows (about 40 octets each in [`Shape::Mix`] and [`Shape::Talk`], nothing in the others), not with that of packets.

mod container;
mod day;
mod flow;
mod frame;
pub(crate) mod hostile;
mod message;
mod mix;
pub(crate) mod random;
mod rounds;
mod talk;

pub(crate) use container::Format;

use std::{fmt, io, io::Write};

use flow::{Flows, Hosts};
use hostile::Hostile;

/// What a capture looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Traffic at a gateway: three modes of size with a mean of about 670 octets, Zipf popularity of flows, TCP with
    /// its handshakes, UDP, 30 % IPv6, and half a per cent each of mDNS, ICMP and ARP.
    Mix,
    /// As [`Shape::Mix`], between 200 hosts.
    Hosts200,
    /// Frames of 64 octets; every flow once in a random order, then every flow in another, and so on.
    Small,
    /// Frames of 1,066 octets whose payloads hold records (or blocks) in a chain that runs from payload to payload
    /// through the whole file: who starts reading at a wrong place never notices.
    Adversarial,
    /// Flows of 10 to 40 packets that begin as those of 36 protocols do, on their own ports and on others, and go on with
    /// octets without meaning, as ciphertext has none: two fifths are TLS with a ClientHello of 1,800 octets in two segments,
    /// 2 % are QUIC.
    Talk,
    /// Questions for addresses and their answers, and devices that announce themselves over mDNS.
    Lookups,
    /// TCP in VXLAN and in GTP-U.
    Tunnels,
    /// Look-ups, connections and devices that are all new, and end.
    Day,
    /// What floods tables or costs most per octet.
    Hostile(Hostile),
}

/// A capture to be written.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// What it looks like.
    pub(crate) shape: Shape,
    /// Container.
    pub(crate) format: Format,
    /// Number of packets.
    pub(crate) packets: u64,
    /// Number of different five-tuples among the packets that have ports.
    pub(crate) flows: u64,
    /// Captures of different seeds have different hosts, sizes and orders.
    pub(crate) seed: u64,
    /// Octets kept of a frame.
    pub(crate) snap_len: u32,
}

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    /// All packets.
    pub(crate) packets: u64,
    /// Their octets on the wire.
    pub(crate) octets: u64,
    /// Packets of unicast TCP.
    pub(crate) tcp: u64,
    /// Packets of unicast UDP.
    pub(crate) udp: u64,
    /// Packets of multicast DNS.
    pub(crate) mdns: u64,
    /// ICMP and ICMPv6 packets.
    pub(crate) icmp: u64,
    /// ARP packets.
    pub(crate) arp: u64,
    /// Nanoseconds from the first packet to the last.
    pub(crate) duration: u64,
}

/// Why a plan cannot be written.
#[derive(Debug)]
pub(crate) enum Error {
    /// The numbers of the plan contradict each other.
    Impossible(&'static str),
    /// The output failed.
    Io(io::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Impossible(reason) => f.write_str(reason),
            Self::Io(cause) => cause.fmt(f),
        }
    }
}

impl std::error::Error for Error {}

impl From<io::Error> for Error {
    fn from(cause: io::Error) -> Self {
        Self::Io(cause)
    }
}

/// The time of the first packet: 2026-01-02T03:04:05Z, in nanoseconds since the epoch.
const START: u64 = 1_767_323_045_000_000_000;

impl Plan {
    /// The size at which figures are quoted.
    pub(crate) const fn new(shape: Shape) -> Self {
        let (packets, flows) = match shape {
            Shape::Mix | Shape::Hosts200 => (4_800_000, 200_000),
            Shape::Small => (10_000_000, 1_000_000),
            Shape::Adversarial => (1_000_000, 10_000),
            Shape::Talk => (1_500_000, 60_000),
            Shape::Lookups => (2_000_000, 100_000),
            Shape::Tunnels => (2_000_000, 50_000),
            // Two of each visit, and one of each address that devices have.
            Shape::Day => (9_000_000, 2_065_536),
            Shape::Hostile(_) => (1_000_000, 1),
        };
        Self { shape, format: Format::Pcap, packets, flows, seed: 1, snap_len: 262_144 }
    }

    /// Writes the capture.
    ///
    /// # Errors
    /// [`Error::Impossible`] before anything is written, [`Error::Io`] where `out` fails.
    pub(crate) fn write(&self, out: &mut dyn Write) -> Result<Totals, Error> {
        let hosts = match self.shape {
            Shape::Hosts200 => Hosts { clients: 110, servers: 70, devices: 20 },
            Shape::Mix | Shape::Talk | Shape::Lookups | Shape::Tunnels => {
                Hosts { clients: 4_000, servers: 6_000, devices: 60 }
            }
            _ => Hosts { clients: 20_000, servers: 10_000, devices: 60 },
        };
        if self.flows == 0 || self.flows > self.packets {
            return Err(Error::Impossible(
                "a capture has at least one flow, and at least one packet of each",
            ));
        }
        if self.flows > Flows::capacity(&hosts) {
            return Err(Error::Impossible("these hosts cannot have so many flows"));
        }
        if self.shape == Shape::Adversarial && self.snap_len < rounds::FORGED_LEN {
            return Err(Error::Impossible("the forged records would be cut by the snap length"));
        }
        match self.shape {
            Shape::Mix | Shape::Hosts200 => mix::write(self, hosts, out),
            Shape::Small => rounds::small(self, hosts, out),
            Shape::Adversarial => rounds::adversarial(self, out),
            Shape::Talk => talk::write(self, hosts, out),
            Shape::Lookups => rounds::lookups(self, hosts, out),
            Shape::Tunnels => rounds::tunnels(self, hosts, out),
            Shape::Day => day::write(self, out),
            Shape::Hostile(what) => hostile::write(self, what, out),
        }
    }
}
