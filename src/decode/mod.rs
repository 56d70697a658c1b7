//! From the octets of a frame to the addresses, ports and oddities in its headers.
//!
//! Decoding is a pure function of link type and octets. It never fails: what could be read is in
//! [`Headers`], and [`Headers::stopped`] says where and why it went no further.

mod alp;
mod decoder;
mod erf;
mod fast;
mod ieee802154;
mod inflate;
mod ip;
mod link;
mod link_protocol;
mod lowpan;
mod mirror;
mod netlink;
mod packed;
mod ppp;
mod reader;
#[cfg(test)]
mod samples;
mod shim;
mod snap;
mod tag;
mod transport;
mod tunnel;
mod walk;
mod wlan;
mod wrapper;

use std::net::IpAddr;

pub use decoder::{Decap, DecapError, Decoder};
pub use link_protocol::LinkProtocol;
use reader::Reader;
pub(crate) use transport::sctp_message;

use crate::packet::{LinkType, TransportProtocol};

/// The innermost network addresses of a frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Network {
    /// No IP header was read.
    #[default]
    None,
    /// IPv4 source and destination, in wire order.
    V4([u8; 4], [u8; 4]),
    /// IPv6 source and destination, in wire order.
    V6([u8; 16], [u8; 16]),
}

impl Network {
    /// Source and destination as the standard library has them.
    #[inline]
    pub fn addresses(&self) -> Option<(IpAddr, IpAddr)> {
        match *self {
            Self::V4(source, destination) => Some((source.into(), destination.into())),
            Self::V6(source, destination) => Some((source.into(), destination.into())),
            Self::None => None,
        }
    }
}

/// What a packet does to its flow, as far as a service's side can be told from it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// Nothing that tells.
    #[default]
    None,
    /// The source asks the destination to open: TCP SYN without ACK, SCTP INIT, DCCP Request.
    Open,
    /// The source accepts: TCP SYN and ACK, SCTP INIT ACK, DCCP Response.
    Accept,
    /// The flow ends in order: TCP FIN, SCTP SHUTDOWN COMPLETE, DCCP Close.
    Close,
    /// The source refuses or breaks off: TCP RST, SCTP ABORT, DCCP Reset.
    Abort,
}

/// The flags of a TCP segment (RFC 9293 section 3.1): the octet behind the one with the data offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpFlags(pub u8);

impl TcpFlags {
    /// No more comes from the sender.
    pub const FIN: u8 = 0x01;
    /// Sequence numbers begin here.
    pub const SYN: u8 = 0x02;
    /// The connection is refused or broken off.
    pub const RST: u8 = 0x04;
    /// The acknowledgement number counts.
    pub const ACK: u8 = 0x10;

    /// Whether one of these is set.
    pub const fn has(self, flags: u8) -> bool {
        self.0 & flags != 0
    }
}

/// A way one packet travels inside another, outermost first in [`Headers::tunnels`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Tunnel {
    /// Generic Routing Encapsulation, all versions (RFC 2784, 2890, 2637; NVGRE RFC 7637).
    #[default]
    Gre,
    /// Encapsulated Remote Switched Port Analyzer, types I to III.
    Erspan,
    /// IP directly in IP, all four combinations (RFC 2003, 2473, 4213).
    IpInIp,
    /// Virtual eXtensible Local Area Network, GPE included (RFC 7348).
    Vxlan,
    /// Generic Network Virtualization Encapsulation (RFC 8926).
    Geneve,
    /// GPRS Tunnelling Protocol, user plane (3GPP TS 29.281).
    GtpU,
    /// Teredo (RFC 4380).
    Teredo,
    /// Layer Two Tunnelling Protocol data (RFC 2661, 3931).
    L2tp,
    /// Multiprotocol Label Switching (RFC 3032).
    Mpls,
    /// MPLS in UDP (RFC 7510).
    MplsInUdp,
    /// PPP over Ethernet session (RFC 2516).
    Pppoe,
    /// Provider Backbone Bridge (IEEE 802.1ah).
    Pbb,
    /// Authentication Header (RFC 4302).
    Ah,
    /// MACsec without encryption (IEEE 802.1AE).
    Macsec,
    /// Ethernet in IP: EtherIP (RFC 3378), and the Ethernet of segment routing (RFC 8986).
    EtherIp,
    /// Network Service Header (RFC 8300).
    Nsh,
    /// Locator/ID Separation Protocol data (RFC 9300).
    Lisp,
    /// Control and Provisioning of Wireless Access Points, data channel (RFC 5415).
    Capwap,
    /// Protocol Independent Multicast, Register messages (RFC 7761).
    Pim,
    /// Anything In Anything.
    Ayiya,
    /// ZigBee Encapsulation Protocol: IEEE 802.15.4 frames.
    Zep,
    /// IP Payload Compression by DEFLATE (RFC 3173, 2394).
    IpComp,
    /// SCTP in UDP (RFC 6951).
    SctpInUdp,
    /// TaZmen Sniffer Protocol: frames that a sniffer sends on.
    Tzsp,
    /// Remote mirroring of HP switches.
    HpErm,
    /// Cisco FabricPath.
    FabricPath,
    /// Transparent Interconnection of Lots of Links (RFC 6325).
    Trill,
}

impl Tunnel {
    /// Every tunnel, in the order of their names.
    pub const ALL: [Self; 27] = [
        Self::Ah,
        Self::Ayiya,
        Self::Capwap,
        Self::Erspan,
        Self::EtherIp,
        Self::FabricPath,
        Self::Geneve,
        Self::Gre,
        Self::GtpU,
        Self::HpErm,
        Self::IpInIp,
        Self::IpComp,
        Self::L2tp,
        Self::Lisp,
        Self::Macsec,
        Self::Mpls,
        Self::MplsInUdp,
        Self::Nsh,
        Self::Pbb,
        Self::Pim,
        Self::Pppoe,
        Self::SctpInUdp,
        Self::Teredo,
        Self::Trill,
        Self::Tzsp,
        Self::Vxlan,
        Self::Zep,
    ];

    /// The name in records and on the command line: lower case, with hyphens.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ah => "ah",
            Self::Ayiya => "ayiya",
            Self::Capwap => "capwap",
            Self::Erspan => "erspan",
            Self::EtherIp => "ether-ip",
            Self::FabricPath => "fabricpath",
            Self::Geneve => "geneve",
            Self::Gre => "gre",
            Self::GtpU => "gtp-u",
            Self::IpInIp => "ip-in-ip",
            Self::L2tp => "l2tp",
            Self::Lisp => "lisp",
            Self::Macsec => "macsec",
            Self::Mpls => "mpls",
            Self::MplsInUdp => "mpls-in-udp",
            Self::Nsh => "nsh",
            Self::Pbb => "pbb",
            Self::Pim => "pim",
            Self::Pppoe => "pppoe",
            Self::Teredo => "teredo",
            Self::Trill => "trill",
            Self::Vxlan => "vxlan",
            Self::Zep => "zep",
            Self::IpComp => "ipcomp",
            Self::SctpInUdp => "sctp-in-udp",
            Self::Tzsp => "tzsp",
            Self::HpErm => "hp-erm",
        }
    }

    /// The tunnel of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tunnel| tunnel.as_str() == name)
    }

    /// Whether it can be found by a UDP port.
    pub const fn travels_in_udp(self) -> bool {
        use Tunnel::{
            Ayiya, Capwap, EtherIp, Geneve, Gre, GtpU, HpErm, IpInIp, L2tp, Lisp, Mpls, MplsInUdp, Nsh,
            SctpInUdp, Teredo, Tzsp, Vxlan, Zep,
        };
        matches!(
            self,
            Ayiya
                | Capwap
                | EtherIp
                | Geneve
                | Gre
                | GtpU
                | HpErm
                | IpInIp
                | L2tp
                | Lisp
                | Mpls
                | MplsInUdp
                | Nsh
                | SctpInUdp
                | Teredo
                | Tzsp
                | Vxlan
                | Zep
        )
    }
}

/// What a frame is counted under where it has no ports.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[non_exhaustive]
pub enum Kind {
    /// An IP packet of this protocol: its ports, or its keyword in IANA's "Protocol Numbers".
    Ip(TransportProtocol),
    /// A frame of this EtherType that is not IP (ARP is 0x0806, LLDP 0x88cc).
    EtherType(u16),
    /// A frame of a protocol between link and network that has no number of those above.
    Link(LinkProtocol),
    /// An IEEE 802.2 LLC frame to this destination service access point (STP is 0x42).
    Llc(u8),
    /// A frame of a link type that carries no IP, or one not decoded.
    #[default]
    NonIp,
    /// A frame of a link type that is not supported.
    Unsupported(LinkType),
    /// Too damaged or too short to tell.
    Undecodable,
}

/// An IP fragment (RFC 791, RFC 8200 section 4.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Fragment {
    /// Identification: 16 bits in IPv4, 32 in IPv6.
    pub id: u32,
    /// Offset of this fragment's payload in the original datagram's, in octets.
    pub offset: u32,
    /// Whether more fragments follow.
    pub more: bool,
}

/// The flow that an ICMP error complains about, read from the packet it quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quoted {
    /// Addresses of the quoted packet.
    pub network: Network,
    /// Its protocol.
    pub protocol: TransportProtocol,
    /// Its source and destination port, where its first four octets were quoted.
    pub ports: Option<(u16, u16)>,
}

/// A piece of a packet, which is counted, and not put together with the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Piece {
    /// A fragment of PPP multilink (RFC 1990).
    Multilink,
    /// What has changed since the packet before of the same TCP connection: Van Jacobson's compressed header (RFC 1144).
    CompressedTcp,
    /// A segment of the ATSC link-layer protocol (A/330 section 5.1).
    AlpSegment,
}

impl Piece {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Multilink, Self::CompressedTcp, Self::AlpSegment];

    /// What it is, in words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Multilink => "a fragment of PPP multilink, not put together",
            Self::CompressedTcp => "TCP with a compressed header (Van Jacobson), not read",
            Self::AlpSegment => "a segment of ATSC ALP, not put together",
        }
    }
}

/// Why decoding went no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped {
    /// The layer that could not be read, in lower case: `ipv4`, `tcp`, `gre`…
    pub layer: &'static str,
    /// Offset of that layer in the captured octets.
    pub offset: u32,
    /// What is wrong.
    pub reason: Reason,
}

/// What is wrong with a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The capture kept fewer octets than the layer has (the snap length cut it).
    Truncated {
        /// Octets needed.
        needed: u32,
        /// Octets there.
        present: u32,
    },
    /// A length or field contradicts the standard; the text says which, with both numbers where they help.
    Malformed(&'static str),
    /// More than [`Headers::DEPTH`] nested tunnels or tags.
    TooDeep,
}

/// Up to [`Headers::DEPTH`] values, kept in place.
#[derive(Clone, Copy, Debug)]
pub struct Stack<T> {
    len: u8,
    items: [T; Headers::DEPTH],
}

/// The headers of one frame; meant to be reused from frame to frame.
///
/// Addresses, protocol, ports, fragment and payload are those of the innermost packet that could be read.
#[derive(Clone, Debug, Default)]
pub struct Headers {
    /// Link-layer source and destination, where the frame has two 48-bit addresses (outermost).
    pub macs: Option<([u8; 6], [u8; 6])>,
    /// Whether the frame was sent to a link-layer group (multicast or broadcast) address.
    pub to_group: bool,
    /// VLAN identifiers, 0 to 4095, outermost first, through all tunnels.
    pub vlan: Stack<u16>,
    /// Tunnels on the way to the innermost packet, outermost first.
    pub tunnels: Stack<Tunnel>,
    /// What the frame is.
    pub kind: Kind,
    /// Innermost network addresses.
    pub network: Network,
    /// Protocol of the innermost IP packet, behind all extension headers; 0 where there is none.
    pub protocol: TransportProtocol,
    /// Innermost source and destination port: TCP, UDP, UDP-Lite, SCTP and DCCP only.
    pub ports: Option<(u16, u16)>,
    /// What the packet does to its flow.
    pub phase: Phase,
    /// The flags of a TCP segment, where so much of its header was captured.
    pub flags: Option<TcpFlags>,
    /// Set on every fragment, the first one included; not on atomic fragments (RFC 6946).
    pub fragment: Option<Fragment>,
    /// Octets of the original datagram's payload that the fragment had on the wire; 0 where it is none, or where a layer
    /// below IP made it.
    pub fragment_len: u32,
    /// Type and code of an ICMP or ICMPv6 message.
    pub icmp: Option<(u8, u8)>,
    /// The packet an ICMP error quotes.
    pub quoted: Option<Quoted>,
    /// Offset of the innermost transport payload in the captured octets; of the IP payload where there are no
    /// ports (later fragments included).
    pub payload_offset: u32,
    /// Captured octets of that payload, padding excluded.
    pub payload_len: u32,
    /// Octets that payload had on the wire, as the lengths in the headers tell; at least those captured.
    pub payload_wire_len: u32,
    /// Sequence number of a TCP segment whose header was read whole; else 0.
    pub sequence: u32,
    /// Frames or packets that came behind the one read in the same aggregate (A-MSDU, ALP, netlink); they are not read.
    pub further: u16,
    /// What kind of piece of a packet it is, where such are not put together.
    pub piece: Option<Piece>,
    /// Why decoding stopped early, if it did.
    pub stopped: Option<Stopped>,
}

impl Headers {
    /// The most tunnels, and the most VLAN tags, kept of one frame.
    pub const DEPTH: usize = 8;

    /// The captured octets of the innermost transport payload; `octets` are those the headers were read from.
    pub fn payload<'a>(&self, octets: &'a [u8]) -> &'a [u8] {
        let start = self.payload_offset as usize;
        octets.get(start..start + self.payload_len as usize).unwrap_or_default()
    }
}

impl<T: Copy + Default> Default for Stack<T> {
    fn default() -> Self {
        Self { len: 0, items: [T::default(); Headers::DEPTH] }
    }
}

impl<T: Copy> Stack<T> {
    /// The values, outermost first.
    pub fn as_slice(&self) -> &[T] {
        self.items.get(..usize::from(self.len)).unwrap_or_default()
    }

    /// Adds the next inner value; `false` where [`Headers::DEPTH`] are there already.
    pub(crate) fn push(&mut self, value: T) -> bool {
        let Some(item) = self.items.get_mut(usize::from(self.len)) else { return false };
        *item = value;
        self.len += 1;
        true
    }

    /// Keeps at most the outermost `len` values.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len as u8);
    }
}
