//! IPv4 (RFC 791), IPv6 (RFC 8200), their fragments and extension headers.

use super::walk::{Next, Step, Walk};
use super::{Fragment, Network, Reason, Tunnel};
use crate::packet::TransportProtocol;

/// Protocol numbers that only this folder names (IANA "Assigned Internet Protocol Numbers").
pub(super) mod number {
    pub(crate) const HOP_BY_HOP: u8 = 0;
    pub(crate) const ICMP: u8 = 1;
    pub(crate) const IPV4: u8 = 4;
    pub(crate) const TCP: u8 = 6;
    pub(crate) const UDP: u8 = 17;
    pub(crate) const DCCP: u8 = 33;
    pub(crate) const IPV6: u8 = 41;
    pub(crate) const ROUTING: u8 = 43;
    pub(crate) const FRAGMENT: u8 = 44;
    pub(crate) const GRE: u8 = 47;
    pub(crate) const AH: u8 = 51;
    pub(crate) const ICMPV6: u8 = 58;
    pub(crate) const NO_NEXT_HEADER: u8 = 59;
    pub(crate) const DESTINATION_OPTIONS: u8 = 60;
    pub(crate) const ETHERIP: u8 = 97;
    pub(crate) const PIM: u8 = 103;
    pub(crate) const IPCOMP: u8 = 108;
    pub(crate) const L2TP: u8 = 115;
    pub(crate) const SCTP: u8 = 132;
    pub(crate) const MOBILITY: u8 = 135;
    pub(crate) const UDP_LITE: u8 = 136;
    pub(crate) const MPLS: u8 = 137;
    pub(crate) const HIP: u8 = 139;
    pub(crate) const SHIM6: u8 = 140;
    pub(crate) const ETHERNET: u8 = 143;
}

/// Why a port is not that of a tunnel after all.
const TOO_LONG: &str = "the packet is longer than what carries it";

impl Walk<'_, '_> {
    /// An IP packet whose version only its first four bits tell.
    pub(super) fn ip(&mut self) -> Step {
        match self.reader.peek().map(|octet| octet >> 4) {
            Some(4) => Ok(Next::Ipv4),
            Some(6) => Ok(Next::Ipv6),
            Some(_) => {
                self.begin("ip");
                Err(Reason::Malformed("the version is neither 4 nor 6"))
            }
            None => {
                self.begin("ip");
                self.reader.skip(1)?;
                Ok(Next::Done)
            }
        }
    }

    /// Whether what follows can be an IP packet by its version and lengths, as far as they were captured.
    pub(super) fn may_be_ip(&self) -> bool {
        let room = self.reader.len() + self.reader.missing();
        match self.reader.rest() {
            [0x45..=0x4f] | [0x45..=0x4f, _] | [0x45..=0x4f, _, _] | [0x60..=0x6f, ..] | [] => {
                self.ip_len().is_none_or(|len| len <= room)
            }
            [first @ 0x45..=0x4f, ..] => {
                let header_len = usize::from(first & 0xf) * 4;
                self.ip_len().is_some_and(|len| (header_len..=room).contains(&len))
            }
            _ => false,
        }
    }

    /// The length that the IP packet beginning here says it has, if so much was captured.
    pub(super) fn ip_len(&self) -> Option<usize> {
        match *self.reader.rest() {
            [0x40..=0x4f, _, l0, l1, ..] => Some(u16::from_be_bytes([l0, l1]).into()),
            [0x60..=0x6f, _, _, _, l0, l1, ..] => Some(usize::from(u16::from_be_bytes([l0, l1])) + 40),
            _ => None,
        }
    }

    pub(super) fn ipv4(&mut self) -> Step {
        self.begin("ipv4");
        let room = self.reader.len() + self.reader.missing();
        let &[first, _, t0, t1, i0, i1, f0, f1, _, protocol, _, _, addresses @ ..] =
            self.reader.array::<20>()?;
        let header_len = usize::from(first & 0xf) * 4;
        let total_len = usize::from(u16::from_be_bytes([t0, t1]));
        // Segmentation offload hands the capture packets of length 0: the octets captured are the packet.
        self.unbounded = total_len == 0;
        let damage = match first >> 4 {
            4 if header_len < 20 => Some("the header length is less than 20 octets"),
            4 if total_len < header_len && !self.unbounded => {
                Some("the total length is less than the header")
            }
            4 if total_len > room && self.is_guess() => Some(TOO_LONG),
            4 => None,
            _ => return Err(Reason::Malformed("the version is not 4")),
        };
        // Inside a tunnel a damaged header is more likely no header at all; outside there is nothing better.
        if damage.is_none() || self.headers.network == Network::None {
            let [s0, s1, s2, s3, d0, d1, d2, d3] = addresses;
            self.begin_packet(Network::V4([s0, s1, s2, s3], [d0, d1, d2, d3]), protocol);
        }
        if let Some(damage) = damage {
            return Err(Reason::Malformed(damage));
        }
        if !self.unbounded {
            self.reader.bound_layer(total_len);
        }
        let field = u16::from_be_bytes([f0, f1]);
        let fragment = Fragment {
            id: u16::from_be_bytes([i0, i1]).into(),
            offset: u32::from(field & 0x1fff) * 8,
            more: field & 0x2000 != 0,
        };
        self.reader.skip(header_len - 20)?;
        self.take_payload();
        if fragment.more || fragment.offset > 0 {
            self.headers.fragment = Some(fragment);
            self.headers.fragment_len = self.headers.payload_wire_len;
        }
        Ok(if fragment.offset > 0 { Next::Done } else { Next::Protocol(protocol) })
    }

    pub(super) fn ipv6(&mut self) -> Step {
        self.begin("ipv6");
        let room = self.reader.len() + self.reader.missing();
        let fixed = self.reader.array::<40>()?;
        let &[first, _, _, _, l0, l1, next, _, ref addresses @ ..] = fixed;
        if first >> 4 != 6 {
            return Err(Reason::Malformed("the version is not 6"));
        }
        if self.is_guess() && usize::from(u16::from_be_bytes([l0, l1])) + 40 > room {
            return Err(Reason::Malformed(TOO_LONG));
        }
        let (source, destination) = addresses.split_at(16);
        let (Ok(source), Ok(destination)) = (source.try_into(), destination.try_into()) else {
            return Ok(Next::Done);
        };
        self.begin_packet(Network::V6(source, destination), next);
        // 0 stands for a jumbogram (RFC 2675), whose length a hop-by-hop option gives, or for
        // segmentation offload: the octets captured are the packet.
        let payload_len = match u16::from_be_bytes([l0, l1]) {
            0 if next == number::HOP_BY_HOP => jumbo_payload_len(self.reader.rest()),
            0 => None,
            len => Some(usize::from(len)),
        };
        self.unbounded = l0 == 0 && l1 == 0;
        if let Some(len) = payload_len {
            self.reader.bound(len);
        }
        self.take_payload();
        Ok(Next::Protocol(next))
    }

    /// What the protocol field of IPv4 or the next header field of IPv6 announces.
    pub(super) fn protocol(&mut self, protocol: u8) -> Step {
        use number::*;
        self.take_payload();
        let is_v6 = matches!(self.headers.network, Network::V6(..));
        if !matches!(protocol, HOP_BY_HOP | ROUTING | DESTINATION_OPTIONS | FRAGMENT | AH) {
            self.confirm();
        }
        match protocol {
            TCP => self.tcp(),
            UDP => self.udp(),
            SCTP => self.sctp(),
            DCCP => self.dccp(),
            UDP_LITE => self.udp_lite(),
            ICMP => self.icmp(),
            ICMPV6 => self.icmpv6(),
            HOP_BY_HOP | ROUTING | DESTINATION_OPTIONS | MOBILITY | HIP | SHIM6 if is_v6 => {
                self.extension(protocol)
            }
            FRAGMENT if is_v6 => self.fragment(),
            AH => self.authentication_header(),
            IPCOMP => self.ip_payload_compression(),
            _ if !self.decoder.opens_tunnels() => Ok(Next::Done),
            IPV4 => self.enter(Tunnel::IpInIp, Next::Ipv4),
            IPV6 => self.enter(Tunnel::IpInIp, Next::Ipv6),
            GRE => Ok(Next::Tunnel(Tunnel::Gre)),
            MPLS => Ok(Next::Mpls),
            L2TP => self.l2tp_over_ip(),
            ETHERIP => self.etherip(),
            ETHERNET => self.enter(Tunnel::EtherIp, Next::Ethernet),
            PIM => self.pim(),
            _ => Ok(Next::Done),
        }
    }

    fn enter(&mut self, tunnel: Tunnel, next: Next) -> Step {
        self.push_tunnel(tunnel)?;
        Ok(next)
    }

    /// An extension header that gives its length in units of 8 octets, the first not counted.
    fn extension(&mut self, protocol: u8) -> Step {
        self.begin(match protocol {
            number::HOP_BY_HOP => "ipv6 hop-by-hop options",
            number::ROUTING => "ipv6 routing",
            number::DESTINATION_OPTIONS => "ipv6 destination options",
            _ => "ipv6 extension",
        });
        let &[next, units] = self.reader.array()?;
        self.reader.skip(usize::from(units) * 8 + 6)?;
        // Mobility, HIP and Shim6 messages end the chain and are what the packet is about.
        if next == number::NO_NEXT_HEADER && protocol >= number::MOBILITY {
            return Ok(Next::Done);
        }
        self.set_protocol(next);
        Ok(Next::Protocol(next))
    }

    fn fragment(&mut self) -> Step {
        self.begin("ipv6 fragment");
        let &[next, _, o0, o1, i0, i1, i2, i3] = self.reader.array()?;
        self.set_protocol(next);
        let later = self.set_fragment([o0, o1], [i0, i1, i2, i3]);
        self.take_payload();
        if self.headers.fragment.is_some() {
            self.headers.fragment_len = self.headers.payload_wire_len;
        }
        Ok(if later { Next::Done } else { Next::Protocol(next) })
    }

    /// Notes the fields of a fragment header unless the fragment is atomic; `true` for a later fragment.
    pub(super) fn set_fragment(&mut self, offset: [u8; 2], id: [u8; 4]) -> bool {
        let field = u16::from_be_bytes(offset);
        let fragment =
            Fragment { id: u32::from_be_bytes(id), offset: u32::from(field & 0xfff8), more: field & 1 != 0 };
        if fragment.more || fragment.offset > 0 {
            self.headers.fragment = Some(fragment);
        }
        fragment.offset > 0
    }

    fn authentication_header(&mut self) -> Step {
        self.begin("ah");
        let &[next, words] = self.reader.array()?;
        // The length is in units of 4 octets, less 2 (RFC 4302 section 2.2); the fixed part has 12 octets.
        let len = (usize::from(words) + 2) * 4;
        if len < 12 {
            return Err(Reason::Malformed("the length is less than 12 octets"));
        }
        self.reader.skip(len - 2)?;
        self.push_tunnel(Tunnel::Ah)?;
        self.commit_tunnels();
        self.set_protocol(next);
        Ok(Next::Protocol(next))
    }

    /// Reads as much as is there of a packet that an ICMP error quotes.
    pub(super) fn quoted(&mut self) -> Option<super::Quoted> {
        let mut reader = self.reader;
        match reader.peek()? >> 4 {
            4 => {
                let header = reader.array::<20>().ok()?;
                let &[first, _, _, _, _, _, f0, f1, _, protocol, _, _, s0, s1, s2, s3, d0, d1, d2, d3] =
                    header;
                let is_first = u16::from_be_bytes([f0, f1]) & 0x1fff == 0;
                let options = usize::from(first & 0xf) * 4;
                let ports = is_first && reader.skip(options.checked_sub(20)?).is_ok();
                Some(super::Quoted {
                    network: Network::V4([s0, s1, s2, s3], [d0, d1, d2, d3]),
                    protocol: TransportProtocol(protocol),
                    ports: if ports { quoted_ports(&mut reader, protocol) } else { None },
                })
            }
            6 => {
                let header = reader.array::<40>().ok()?;
                let (source, destination) = header.get(8..)?.split_at_checked(16)?;
                let network = Network::V6(source.try_into().ok()?, destination.try_into().ok()?);
                let mut protocol = header[6];
                let mut is_first = true;
                while is_first {
                    let len = match (protocol, reader.peek_array::<4>()) {
                        (number::HOP_BY_HOP | number::ROUTING | number::DESTINATION_OPTIONS, Some(head)) => {
                            usize::from(head[1]) * 8 + 8
                        }
                        (number::FRAGMENT, Some(head)) => {
                            is_first = head[2] == 0 && head[3] & 0xf8 == 0;
                            8
                        }
                        (number::AH, Some(head)) => (usize::from(head[1]) + 2) * 4,
                        _ => break,
                    };
                    protocol = reader.peek()?;
                    if reader.skip(len).is_err() {
                        is_first = false;
                    }
                }
                let ports = if is_first { quoted_ports(&mut reader, protocol) } else { None };
                Some(super::Quoted { network, protocol: TransportProtocol(protocol), ports })
            }
            _ => None,
        }
    }
}

fn quoted_ports(reader: &mut super::Reader<'_>, protocol: u8) -> Option<(u16, u16)> {
    TransportProtocol(protocol).has_ports().then_some(())?;
    Some((reader.u16().ok()?, reader.u16().ok()?))
}

/// The Jumbo Payload option (type 0xc2, RFC 2675) of a hop-by-hop options header.
fn jumbo_payload_len(header: &[u8]) -> Option<usize> {
    let len = usize::from(*header.get(1)?) * 8 + 8;
    let mut options = header.get(2..len)?;
    loop {
        options = match *options {
            [0xc2, 4, a, b, c, d, ..] => return usize::try_from(u32::from_be_bytes([a, b, c, d])).ok(),
            [0, ref rest @ ..] => rest,
            [_, len, ref rest @ ..] => rest.get(usize::from(len)..)?,
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{OUTER_V4, decode, decode_cut, ethernet, ipv4, ipv6, udp};
    use super::super::{Kind, Stopped};
    use super::*;
    use crate::packet::LinkType;

    fn changed(mut octets: Vec<u8>, changes: &[(usize, u8)]) -> Vec<u8> {
        changes.iter().for_each(|&(at, value)| octets[at] = value);
        octets
    }

    #[test]
    fn padding_behind_the_packet_is_no_payload() {
        let mut frame = ethernet(0x0800, &ipv4(17, &udp(50_000, 53, b"hello")));
        frame.extend([0; 13]);
        let headers = decode(LinkType::ETHERNET, &frame);
        assert_eq!((headers.payload_offset, headers.payload_len), (42, 5));
        let mut frame = ethernet(0x86dd, &ipv6(50, b"sealed"));
        frame.extend([0; 13]);
        let headers = decode(LinkType::ETHERNET, &frame);
        assert_eq!((headers.payload_offset, headers.payload_len), (54, 6));
        assert_eq!((headers.kind, headers.ports), (Kind::Ip(TransportProtocol(50)), None));
    }

    #[test]
    fn length_0_means_all_that_was_captured() {
        let v4 = changed(ipv4(17, &udp(50_000, 53, b"hello")), &[(2, 0), (3, 0), (24, 0), (25, 0)]);
        let v6 = changed(ipv6(17, &udp(50_000, 53, b"hello")), &[(4, 0), (5, 0), (44, 0), (45, 0)]);
        for octets in [v4, v6] {
            let headers = decode(LinkType::RAW, &octets);
            assert_eq!((headers.ports, headers.payload_len, headers.stopped), (Some((50_000, 53)), 5, None));
        }
    }

    #[test]
    fn a_jumbogram_has_the_length_of_its_option() {
        // Hop-by-hop: next header UDP, no more units; Jumbo Payload of 8 + 8 + 70,000 octets (RFC 2675 section 2).
        let len = (8 + 8 + 70_000_u32).to_be_bytes();
        let datagram = changed(udp(50_000, 53, &[]), &[(5, 0)]);
        let mut octets = ipv6(0, &[&[17, 0, 0xc2, 4], &len[..], &datagram, &vec![7; 70_000]].concat());
        (octets[4], octets[5]) = (0, 0);
        octets.extend([0; 6]);
        let headers = decode(LinkType::RAW, &octets);
        assert_eq!((headers.ports, headers.payload_len), (Some((50_000, 53)), 70_000));
        assert_eq!(headers.stopped, None);
    }

    #[test]
    fn fragments_are_told_and_only_the_first_has_ports() {
        let datagram = udp(50_000, 53, b"hello");
        let first = decode(LinkType::RAW, &changed(ipv4(17, &datagram), &[(6, 0x20)]));
        assert_eq!(first.fragment, Some(Fragment { id: 0x1234, offset: 0, more: true }));
        assert_eq!((first.fragment_len, first.payload_wire_len), (13, 5));
        assert_eq!(first.ports, Some((50_000, 53)));
        let later = decode(LinkType::RAW, &changed(ipv4(17, &datagram), &[(6, 0x20), (7, 185)]));
        assert_eq!(later.fragment, Some(Fragment { id: 0x1234, offset: 1480, more: true }));
        assert_eq!((later.ports, later.kind), (None, Kind::Ip(TransportProtocol::UDP)));
        assert_eq!((later.payload_offset, later.payload_len), (20, 13));
        let whole = decode(LinkType::RAW, &changed(ipv4(17, &datagram), &[(6, 0x40)]));
        assert_eq!((whole.fragment, whole.ports), (None, Some((50_000, 53))), "do not fragment");
    }

    #[test]
    fn a_first_fragment_of_8_octets_has_ports() {
        // RFC 1858: the tiny fragment.
        let octets = changed(ipv4(6, &[0xc3, 0x50, 0, 80, 0, 0, 0, 1]), &[(6, 0x20)]);
        let headers = decode(LinkType::RAW, &octets);
        assert_eq!(headers.ports, Some((50_000, 80)));
        assert!(matches!(headers.stopped, Some(Stopped { layer: "tcp", .. })));
    }

    #[test]
    fn ipv6_fragments_count_in_8_octets_and_atomic_ones_are_none() {
        let datagram = udp(50_000, 53, b"hello");
        let fragment = |field: [u8; 2]| {
            let header = [17, 0, field[0], field[1], 0xde, 0xad, 0xbe, 0xef];
            decode(LinkType::RAW, &ipv6(44, &[&header[..], &datagram].concat()))
        };
        let first = fragment([0, 1]);
        assert_eq!(first.fragment, Some(Fragment { id: 0xdead_beef, offset: 0, more: true }));
        assert_eq!(first.ports, Some((50_000, 53)));
        let last = fragment([0x05, 0xa8]);
        assert_eq!(last.fragment, Some(Fragment { id: 0xdead_beef, offset: 1448, more: false }));
        assert_eq!((last.ports, last.payload_offset, last.payload_len), (None, 48, 13));
        assert_eq!((first.fragment_len, last.fragment_len), (13, 13));
        let atomic = fragment([0, 0]);
        assert_eq!((atomic.fragment, atomic.ports), (None, Some((50_000, 53))));
    }

    #[test]
    fn extension_headers_are_passed_over() {
        let options = |next: u8| [next, 0, 1, 4, 0, 0, 0, 0];
        let routing = [60, 2, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
        let chain = [&options(43)[..], &routing, &options(17), &udp(50_000, 53, b"hello")].concat();
        let octets = ipv6(0, &chain);
        let headers = decode(LinkType::IPV6, &octets);
        assert_eq!((headers.protocol, headers.ports), (TransportProtocol::UDP, Some((50_000, 53))));
        let cut = decode_cut(LinkType::IPV6, &octets, 60);
        let reason = Reason::Truncated { needed: 24, present: 12 };
        assert_eq!(cut.stopped, Some(Stopped { layer: "ipv6 routing", offset: 48, reason }));
        assert_eq!(cut.kind, Kind::Ip(TransportProtocol(43)));
    }

    #[test]
    fn what_ends_an_ipv6_chain_is_what_the_packet_is() {
        let none = decode(LinkType::RAW, &ipv6(59, b"ignored"));
        assert_eq!(none.kind, Kind::Ip(TransportProtocol(59)));
        // A mobility header's next header is always 59 (RFC 6275 section 6.1.1).
        let mobility = decode(LinkType::RAW, &ipv6(135, &[59, 1, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]));
        assert_eq!((mobility.kind, mobility.stopped), (Kind::Ip(TransportProtocol(135)), None));
    }

    #[test]
    fn the_authentication_header_is_passed_over() {
        let header = [17, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let octets = ipv6(51, &[&header[..], &udp(50_000, 53, b"hello")].concat());
        let headers = decode(LinkType::RAW, &octets);
        assert_eq!((headers.ports, headers.tunnels.as_slice()), (Some((50_000, 53)), &[Tunnel::Ah][..]));
        let short = decode(LinkType::RAW, &changed(octets, &[(41, 0)]));
        assert!(matches!(short.stopped, Some(Stopped { layer: "ah", reason: Reason::Malformed(_), .. })));
    }

    #[test]
    fn a_damaged_header_still_has_addresses() {
        let octets = ipv4(17, &udp(50_000, 53, b"hello"));
        for (at, value) in [(0, 0x44), (3, 19)] {
            let headers = decode(LinkType::IPV4, &changed(octets.clone(), &[(at, value)]));
            assert_eq!((headers.network, headers.ports), (OUTER_V4, None));
            assert!(matches!(
                headers.stopped,
                Some(Stopped { layer: "ipv4", reason: Reason::Malformed(_), .. })
            ));
        }
        let headers = decode(LinkType::IPV4, &changed(octets.clone(), &[(0, 0x55)]));
        assert_eq!((headers.network, headers.kind), (Network::None, Kind::Undecodable));
        let headers = decode(LinkType::RAW, &changed(octets, &[(0, 0x55)]));
        assert!(matches!(
            headers.stopped,
            Some(Stopped { layer: "ip", offset: 0, reason: Reason::Malformed(_) })
        ));
    }

    #[test]
    fn options_lie_between_header_and_ports() {
        let mut octets = ipv4(17, &[&[1, 1, 1, 0][..], &udp(50_000, 53, b"hello")].concat());
        octets[0] = 0x46;
        let headers = decode(LinkType::RAW, &octets);
        assert_eq!((headers.ports, headers.payload_offset), (Some((50_000, 53)), 32));
    }
}
