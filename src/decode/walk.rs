//! The walk through the layers of a frame: one step a layer, until nothing further can be read.

use super::{Decoder, Headers, Kind, Network, Reader, Reason, Stopped, Tunnel};
use crate::packet::{LinkType, TransportProtocol};

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
    /// An IEEE 802.15.4 frame that ends with a check sequence of so many octets.
    Ieee802154 { check_sequence: u8 },
}

/// The next layer, or why there is none.
pub(super) type Step = Result<Next, Reason>;

/// What a port alone says to be a tunnel, until what is inside shows that it is one: the port may be a client's.
struct Guess {
    /// What is said of the frame if it is none.
    around: Headers,
    /// Whether the capture was cut within what the port carries.
    cut: bool,
    /// Whether an IP packet inside was begun.
    begun: bool,
}

/// The state of one walk.
pub(super) struct Walk<'d, 'a> {
    pub(super) decoder: &'d Decoder,
    pub(super) headers: &'d mut Headers,
    pub(super) reader: Reader<'a>,
    /// Name of the layer being read, for [`Stopped`].
    layer: &'static str,
    /// Tunnels on the way to the innermost IP packet.
    entered: usize,
    /// The tunnel that the last port met may stand for.
    guess: Option<Guess>,
    /// Whether the IP packet being read gave no length, so that its payload is all that was captured.
    pub(super) unbounded: bool,
    /// The fragment, of a layer below IP, that the next IP packet begins in.
    pub(super) carried_in: Option<super::Fragment>,
}

impl<'d, 'a> Walk<'d, 'a> {
    /// Reads a frame of type `link` from the outside in.
    pub(super) fn run(decoder: &'d Decoder, link: LinkType, reader: Reader<'a>, headers: &'d mut Headers) {
        let mut walk = Self {
            decoder,
            headers,
            reader,
            layer: "link",
            entered: 0,
            guess: None,
            unbounded: false,
            carried_in: None,
        };
        walk.go(Next::Link(link));
        walk.settle_guess();
        // A tunnel whose inside could not be read was not entered: its own flow is the innermost.
        if walk.headers.network != Network::None {
            walk.headers.tunnels.truncate(walk.entered);
        }
    }

    /// Reads layer by layer until nothing more can be read.
    fn go(&mut self, mut next: Next) {
        while next != Next::Done {
            next = match self.step(next) {
                Ok(next) => next,
                Err(reason) => {
                    let offset = self.reader.layer_offset();
                    self.headers.stopped = Some(Stopped { layer: self.layer, offset, reason });
                    Next::Done
                }
            };
        }
    }

    /// Goes on in octets that the frame holds in packed form, and that are all there are if `whole`. The packed ones
    /// are what is left here: offsets and lengths in the headers point to them, as there is no payload in the frame.
    pub(super) fn unpacked(&mut self, octets: &[u8], whole: bool, next: Next) -> Step {
        let packed = self.reader.offset();
        let len = octets.len() as u32;
        let mut walk = Walk {
            decoder: self.decoder,
            headers: &mut *self.headers,
            reader: Reader::new(octets, if whole { len } else { len + 1 }),
            layer: self.layer,
            entered: self.entered,
            guess: self.guess.take(),
            unbounded: false,
            carried_in: None,
        };
        walk.go(next);
        self.entered = walk.entered;
        self.guess = walk.guess.take();
        self.headers.payload_offset = packed;
        self.headers.payload_len = 0;
        if let Some(stopped) = &mut self.headers.stopped {
            stopped.offset = packed;
        }
        Ok(Next::Done)
    }

    /// Takes what comes next for the tunnel that a port stands for, unless it turns out to be something else.
    pub(super) fn suppose(&mut self, tunnel: Tunnel) -> Next {
        self.guess = Some(Guess { around: self.headers.clone(), cut: self.reader.is_cut(), begun: false });
        Next::Tunnel(tunnel)
    }

    /// Whether a port alone led here.
    pub(super) fn is_guess(&self) -> bool {
        self.guess.is_some()
    }

    /// What was read is what the port says.
    pub(super) fn confirm(&mut self) {
        self.guess = None;
    }

    /// At the end: a tunnel in which no packet could be read is none. What does not fit it is no damage then; that the
    /// capture was cut is still told.
    fn settle_guess(&mut self) {
        let Some(guess) = self.guess.take() else { return };
        let stopped = self.headers.stopped.filter(|stopped| match stopped.reason {
            Reason::Truncated { .. } => guess.cut,
            Reason::Malformed(_) => false,
            Reason::TooDeep => true,
        });
        if guess.begun && self.headers.stopped == stopped {
            return;
        }
        self.entered = guess.around.tunnels.as_slice().len();
        *self.headers = Headers { stopped, ..guess.around };
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
            Next::Ieee802154 { check_sequence } => self.ieee802_15_4(check_sequence),
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
        } else if kind == Kind::EtherType(super::shim::ARP) {
            // Nothing else that a port carries looks like a frame with ARP in it.
            self.confirm();
        }
        Ok(Next::Done)
    }

    /// Takes this packet as the innermost one so far.
    pub(super) fn begin_packet(&mut self, network: Network, protocol: u8) {
        if let Some(guess) = &mut self.guess {
            guess.begun = true;
        }
        let headers = &mut *self.headers;
        headers.network = network;
        headers.ports = None;
        headers.phase = super::Phase::None;
        headers.flags = None;
        headers.fragment = self.carried_in.take();
        headers.fragment_len = 0;
        headers.icmp = None;
        headers.quoted = None;
        headers.payload_offset = self.reader.offset();
        headers.payload_len = 0;
        headers.payload_wire_len = 0;
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
        self.headers.payload_wire_len = (self.reader.len() + self.reader.missing()) as u32;
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

#[cfg(test)]
mod tests {
    use super::super::samples::{
        INNER_V4, OUTER_V4, PAYLOAD, PORTS, decode, decode_cut, ethernet, inner_v4, ipv4, samples, udp,
    };
    use super::*;

    #[test]
    fn every_way_in_leads_to_the_innermost_flow() {
        for sample in samples() {
            let headers = decode(sample.link, &sample.octets);
            let name = sample.name;
            assert_eq!(headers.stopped, None, "{name}");
            assert_eq!(headers.tunnels.as_slice(), sample.tunnels, "{name}");
            assert_eq!(headers.vlan.as_slice(), sample.vlan, "{name}");
            assert_eq!((headers.network, headers.ports), (INNER_V4, Some(PORTS)), "{name}");
            assert_eq!(headers.kind, Kind::Ip(TransportProtocol::TCP), "{name}");
            assert_eq!(headers.phase, super::super::Phase::Open, "{name}");
            assert_eq!(headers.fragment, None, "{name}");
            let start = headers.payload_offset as usize;
            assert_eq!(&sample.octets[start..start + headers.payload_len as usize], PAYLOAD, "{name}");
        }
    }

    /// What is read of a frame only grows with the octets captured, and what is missing is called truncated.
    #[test]
    fn every_short_length_tells_what_is_there() {
        for sample in samples() {
            let whole = decode(sample.link, &sample.octets);
            let mut before = Headers::default();
            for len in 0..sample.octets.len() {
                let headers = decode_cut(sample.link, &sample.octets, len);
                let at = format!("{} at {len}: {headers:?}", sample.name);
                assert!((headers.payload_offset + headers.payload_len) as usize <= len, "{at}");
                assert!(whole.vlan.as_slice().starts_with(headers.vlan.as_slice()), "{at}");
                assert!(headers.vlan.as_slice().starts_with(before.vlan.as_slice()), "{at}");
                assert!(headers.macs == before.macs || before.macs.is_none(), "{at}");
                let same = headers.network == before.network
                    && headers.tunnels.as_slice() == before.tunnels.as_slice();
                if same && before.ports.is_some() {
                    assert_eq!(headers.ports, before.ports, "{at}");
                }
                if headers.tunnels.as_slice() == sample.tunnels && len >= whole.payload_offset as usize {
                    assert_eq!(headers.ports, whole.ports, "{at}");
                    assert_eq!(headers.stopped, None, "{at}");
                } else {
                    let Some(Stopped { reason: Reason::Truncated { needed, present }, offset, .. }) =
                        headers.stopped
                    else {
                        panic!("{at}")
                    };
                    assert!(needed > present && (offset + present) as usize <= len, "{at}");
                }
                before = headers;
            }
        }
    }

    #[test]
    fn a_tunnel_with_an_unreadable_inside_is_not_entered() {
        for inside in
            [&b""[..], b"\x02\0\0\0\0\x02", &ethernet(0x0806, &[0; 28]), &ethernet(0x0800, &[0x45; 12])]
        {
            let vxlan = [&[8, 0, 0, 0, 0, 0, 7, 0], inside].concat();
            let headers =
                decode(LinkType::ETHERNET, &ethernet(0x0800, &ipv4(17, &udp(49_152, 4789, &vxlan))));
            assert_eq!((headers.network, headers.ports), (OUTER_V4, Some((49_152, 4789))), "{inside:?}");
            assert_eq!(headers.tunnels.as_slice(), []);
            assert_eq!(headers.kind, Kind::Ip(TransportProtocol::UDP));
            assert_eq!(headers.payload_len as usize, 8 + inside.len());
        }
    }

    #[test]
    fn a_packet_without_ports_in_a_tunnel_names_the_frame() {
        let mut echo = ipv4(1, &[8, 0, 0, 0, 0, 1, 0, 1]);
        echo[12..20].copy_from_slice(&[198, 51, 100, 1, 198, 51, 100, 2]);
        let gtp = [&[0x30, 255, 0, echo.len() as u8, 0, 0, 0, 1], &echo[..]].concat();
        for (protocol, payload, tunnel) in
            [(17, udp(2152, 2152, &gtp), Tunnel::GtpU), (4, echo.clone(), Tunnel::IpInIp)]
        {
            let headers = decode(LinkType::ETHERNET, &ethernet(0x0800, &ipv4(protocol, &payload)));
            assert_eq!(headers.kind, Kind::Ip(TransportProtocol(1)));
            assert_eq!((headers.network, headers.ports), (INNER_V4, None));
            assert_eq!((headers.icmp, headers.stopped), (Some((8, 0)), None));
            assert_eq!(headers.tunnels.as_slice(), [tunnel]);
        }
    }

    /// A DNS answer to a client whose port is that of a tunnel: the identification is its first octets. The last octets
    /// are such that a packet could follow.
    #[test]
    fn a_client_may_have_the_port_of_a_tunnel() {
        let rest = [0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0, 3, b'w', b'w', b'w', 7, b'e', b'x', b'a', b'm'];
        for port in
            [1701, 2152, 3386, 3544, 4341, 4754, 4789, 4790, 5072, 5247, 6081, 6635, 7932, 9899, 37_008]
        {
            for id in 0..=u16::MAX {
                let message = [&id.to_be_bytes(), &rest[..], &[0; 60]].concat();
                let headers = decode(LinkType::RAW, &ipv4(17, &udp(53, port, &message)));
                let at = format!("{port} {id:04x} {headers:?}");
                assert_eq!((headers.network, headers.ports), (OUTER_V4, Some((53, port))), "{at}");
                assert_eq!((headers.stopped, headers.tunnels.as_slice()), (None, &[][..]), "{at}");
                assert_eq!((headers.vlan.as_slice(), headers.payload_offset), (&[][..], 28), "{at}");
            }
        }
    }

    #[test]
    fn nesting_ends_at_the_limit_with_what_was_read() {
        let mut octets = inner_v4();
        for _ in 0..=Headers::DEPTH {
            octets = ipv4(4, &octets);
        }
        let headers = decode(LinkType::RAW, &octets);
        assert_eq!(headers.stopped.map(|stopped| stopped.reason), Some(Reason::TooDeep));
        assert_eq!(headers.tunnels.as_slice().len(), Headers::DEPTH);
        assert_eq!((headers.network, headers.ports), (OUTER_V4, None));

        let tags = [[0, 7, 0x81, 0]; Headers::DEPTH + 1].concat();
        let headers = decode(LinkType::ETHERNET, &ethernet(0x8100, &tags));
        assert_eq!(headers.stopped.map(|stopped| stopped.reason), Some(Reason::TooDeep));
        assert_eq!(headers.vlan.as_slice(), [7; Headers::DEPTH]);
        assert_eq!(headers.kind, Kind::Undecodable);
    }
}
