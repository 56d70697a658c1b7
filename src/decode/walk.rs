//! The walk through the layers of a frame: one step a layer, until nothing further can be read.

use super::{Decoder, Headers, Kind, Network, Reader, Reason, Stopped, TransportProtocol, Tunnel};
use crate::frame::LinkType;

/// What comes next, as the layer just read says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Nothing more is read.
    Done,
    /// A frame of this link type.
    Link(LinkType),
    /// An Ethernet frame, from its destination address on.
    Ethernet,
    /// What this EtherType announces.
    EtherType(u16),
    /// An IEEE 802.2 LLC header.
    Llc,
    /// A PPP frame, from its (perhaps absent) address field on.
    Ppp,
    /// A PPP frame, from its protocol field on.
    PppProtocol,
    /// An MPLS label stack.
    Mpls,
    /// An IP packet of either version.
    Ip,
    /// An IPv4 packet.
    Ipv4,
    /// An IPv6 packet.
    Ipv6,
    /// What this protocol number announces.
    Protocol(u8),
    /// What this tunnel carries, from the tunnel's own header on.
    Tunnel(Tunnel),
    /// An IEEE 802.11 frame.
    Wlan(super::wlan::Radio),
}

/// The next layer, or why there is none.
pub(super) type Step = Result<Next, Reason>;

/// The state of one walk.
pub(super) struct Walk<'d, 'a> {
    pub(super) decoder: &'d Decoder,
    pub(super) headers: &'d mut Headers,
    pub(super) reader: Reader<'a>,
    /// Name of the layer being read, for [`Stopped`].
    layer: &'static str,
    /// Tunnels on the way to the innermost IP packet.
    entered: usize,
    /// Whether the IP packet being read gave no length, so that its payload is all that was captured.
    pub(super) unbounded: bool,
}

impl<'d, 'a> Walk<'d, 'a> {
    /// Reads a frame of type `link` from the outside in.
    pub(super) fn run(decoder: &'d Decoder, link: LinkType, reader: Reader<'a>, headers: &'d mut Headers) {
        let mut walk = Self { decoder, headers, reader, layer: "link", entered: 0, unbounded: false };
        let mut next = Next::Link(link);
        while next != Next::Done {
            next = match walk.step(next) {
                Ok(next) => next,
                Err(reason) => {
                    let offset = walk.reader.layer_offset();
                    walk.headers.stopped = Some(Stopped { layer: walk.layer, offset, reason });
                    Next::Done
                }
            };
        }
        // A tunnel whose inside could not be read was not entered: its own flow is the innermost.
        if walk.headers.network != Network::None {
            walk.headers.tunnels.truncate(walk.entered);
        }
    }

    fn step(&mut self, next: Next) -> Step {
        match next {
            Next::Done => Ok(Next::Done),
            Next::EtherType(ether_type) => self.ether_type(ether_type),
            Next::Ipv4 => self.ipv4(),
            Next::Ipv6 => self.ipv6(),
            Next::Protocol(protocol) => self.protocol(protocol),
            Next::Ethernet => self.ethernet(),
            Next::Ip => self.ip(),
            Next::Link(link) => self.link(link),
            Next::Llc => self.llc(),
            Next::Mpls => self.mpls(),
            Next::Ppp => self.ppp(),
            Next::PppProtocol => self.ppp_protocol(),
            Next::Tunnel(tunnel) => self.tunnel(tunnel),
            Next::Wlan(radio) => self.wlan(radio),
        }
    }

    /// Begins a layer at the present position.
    pub(super) fn begin(&mut self, layer: &'static str) {
        self.layer = layer;
        self.reader.begin_layer();
    }

    /// Ends the walk at something that is no IP packet; inside a tunnel the tunnel's own flow stays the named one.
    pub(super) fn end(&mut self, kind: Kind) -> Step {
        if self.headers.network == Network::None {
            self.headers.kind = kind;
        }
        Ok(Next::Done)
    }

    /// Takes this packet as the innermost one so far.
    pub(super) fn begin_packet(&mut self, network: Network, protocol: u8) {
        let headers = &mut *self.headers;
        headers.network = network;
        headers.ports = None;
        headers.phase = super::Phase::None;
        headers.fragment = None;
        headers.icmp = None;
        headers.quoted = None;
        headers.payload_offset = self.reader.offset();
        headers.payload_len = 0;
        self.set_protocol(protocol);
        self.commit_tunnels();
    }

    /// Sets the protocol of the innermost packet.
    pub(super) fn set_protocol(&mut self, protocol: u8) {
        self.headers.protocol = TransportProtocol(protocol);
        self.headers.kind = Kind::Ip(TransportProtocol(protocol));
    }

    /// Takes all that is left as the payload of the innermost packet.
    pub(super) fn take_payload(&mut self) {
        self.headers.payload_offset = self.reader.offset();
        self.headers.payload_len = self.reader.len() as u32;
    }

    /// Notes a tunnel; it counts as entered once an IP packet is read inside it.
    pub(super) fn push_tunnel(&mut self, tunnel: Tunnel) -> Result<(), Reason> {
        if self.headers.tunnels.push(tunnel) { Ok(()) } else { Err(Reason::TooDeep) }
    }

    /// Takes the tunnels noted so far as entered.
    pub(super) fn commit_tunnels(&mut self) {
        self.entered = self.headers.tunnels.as_slice().len();
    }
}
