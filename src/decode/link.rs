//! Link layers: what a frame of each link type begins with (<https://www.tcpdump.org/linktypes.html>).

use super::walk::{Next, Step, Walk};
use super::wlan::Radio;
use super::{Kind, LinkProtocol, Reason};
use crate::packet::LinkType;

impl Walk<'_, '_> {
    pub(super) fn link(&mut self, link: LinkType) -> Step {
        if self.reader.len() == 0 {
            self.begin("link");
            self.reader.skip(1)?;
        }
        match link {
            LinkType::ETHERNET => Ok(Next::Ethernet),
            LinkType::LINUX_SLL | LinkType::NETLINK => self.linux_sll(),
            LinkType::LINUX_SLL2 => self.linux_sll2(),
            // The version in the packet is heeded, whatever the link type promises.
            LinkType::RAW | LinkType::RAW_BSD | LinkType::RAW_OPENBSD | LinkType::IPV4 | LinkType::IPV6 => {
                Ok(Next::Ip)
            }
            LinkType::NULL | LinkType::LOOP => self.null(),
            LinkType::PPP | LinkType::PPP_HDLC => self.ppp_link(),
            LinkType::PPP_ETHER => Ok(Next::EtherType(super::shim::PPPOE_SESSION)),
            LinkType::PPP_PPPD => self.after("ppp", 2, Next::PppProtocol),
            LinkType::PPP_WITH_DIR => self.after("ppp", 1, Next::Ppp),
            LinkType::C_HDLC => self.cisco_hdlc(),
            LinkType::C_HDLC_WITH_DIR => self.after("cisco hdlc", 1, Next::Link(LinkType::C_HDLC)),
            LinkType::FRELAY => self.frame_relay(),
            LinkType::FRELAY_WITH_DIR => self.after("frame relay", 1, Next::Link(LinkType::FRELAY)),
            LinkType::IEEE802_11 => Ok(Next::Wlan(Radio::default())),
            LinkType::IEEE802_11_RADIOTAP => self.radiotap(),
            LinkType::IEEE802_11_PRISM => self.prism(),
            LinkType::IEEE802_11_AVS => self.avs(),
            LinkType::PPI => self.ppi(),
            LinkType::NFLOG => self.nflog(),
            LinkType::PKTAP | LinkType::USER2 => self.pktap(link),
            LinkType::PFLOG => self.pflog(),
            LinkType::ENC => self.enc(),
            LinkType::MPLS => Ok(Next::Mpls),
            LinkType::FDDI => self.fddi(),
            LinkType::IEEE802_5 => self.token_ring(),
            LinkType::ARCNET_BSD => self.arcnet(2),
            LinkType::ARCNET_LINUX => self.arcnet(4),
            LinkType::IPOIB => self.ipoib(),
            LinkType::IP_OVER_FC => self.after("ip over fibre channel", 16, Next::Llc),
            LinkType::ATM_RFC1483 => self.atm_llc(),
            LinkType::ATM_CLIP | LinkType::ATM_CLIP_LINUX => self.classical_ip(),
            LinkType::IPNET => self.ipnet(),
            LinkType::ERF => self.erf(),
            LinkType::ATSC_ALP => self.alp(),
            LinkType::SUNATM => self.sunatm(),
            LinkType::APPLE_IP_OVER_IEEE1394 => self.ether_type_after("ip over ieee 1394", 16),
            LinkType::SLIP => self.after("slip", 16, Next::Ip),
            LinkType::NETANALYZER => self.after("netanalyzer", 4, Next::Ethernet),
            LinkType::DSA_TAG_BRCM_PREPEND => self.after("brcm tag", 4, Next::Ethernet),
            LinkType::DSA_TAG_BRCM | LinkType::DSA_TAG_DSA => self.switch_tag(4),
            LinkType::DSA_TAG_EDSA => self.switch_tag(8),
            LinkType::ETHERNET_MPACKET => self.mpacket(),
            LinkType::JUNIPER_ETHER => self.juniper(Next::Ethernet),
            LinkType::JUNIPER_PPP => self.juniper(Next::Ppp),
            LinkType::JUNIPER_FRELAY => self.juniper(Next::Link(LinkType::FRELAY)),
            LinkType::JUNIPER_CHDLC => self.juniper(Next::Link(LinkType::C_HDLC)),
            LinkType::IEEE802_15_4_WITHFCS => Ok(Next::Ieee802154 { check_sequence: 2 }),
            LinkType::IEEE802_15_4_NOFCS => Ok(Next::Ieee802154 { check_sequence: 0 }),
            LinkType::IEEE802_15_4_TAP => self.ieee802_15_4_tap(),
            _ => self.end(Kind::Unsupported(link)),
        }
    }

    /// Passes over a header of which nothing is used.
    fn after(&mut self, layer: &'static str, len: usize, next: Next) -> Step {
        self.begin(layer);
        self.reader.skip(len)?;
        Ok(next)
    }

    /// Passes over a header that an EtherType ends.
    fn ether_type_after(&mut self, layer: &'static str, len: usize) -> Step {
        self.begin(layer);
        self.reader.skip(len)?;
        Ok(Next::EtherType(self.reader.u16()?))
    }

    /// The link-layer addresses, unless an outer header gave them already.
    pub(super) fn addresses(&mut self, source: [u8; 6], destination: [u8; 6]) {
        if self.headers.macs.is_none() {
            self.headers.macs = Some((source, destination));
            self.headers.to_group = destination[0] & 1 != 0;
        }
    }

    /// IEEE 802.3, clause 3: destination, source, and a length or an EtherType.
    pub(super) fn ethernet(&mut self) -> Step {
        self.begin("ethernet");
        let &[d0, d1, d2, d3, d4, d5, s0, s1, s2, s3, s4, s5] = self.reader.array()?;
        self.addresses([s0, s1, s2, s3, s4, s5], [d0, d1, d2, d3, d4, d5]);
        self.length_or_type()
    }

    /// The field that is a length up to 1500 and an EtherType from 1536 on (IEEE 802.3, 3.2.6).
    pub(super) fn length_or_type(&mut self) -> Step {
        match self.reader.u16()? {
            len @ 0..=1500 => {
                if usize::from(len) <= self.reader.len() {
                    self.reader.bound(len.into());
                }
                Ok(Next::Llc)
            }
            ether_type @ 1501..1536 => self.end(Kind::EtherType(ether_type)),
            ether_type => Ok(Next::EtherType(ether_type)),
        }
    }

    /// IEEE 802.2 LLC, and the SNAP header of IEEE 802.
    pub(super) fn llc(&mut self) -> Step {
        self.begin("llc");
        let &[destination, source] = self.reader.array()?;
        if destination == 0xff && source == 0xff {
            // No LLC header at all: Novell's raw 802.3 puts IPX, whose checksum is unused, here.
            return self.end(Kind::Llc(destination));
        }
        let control = self.reader.u8()?;
        match (destination, control) {
            (0xaa | 0xab, 0x03) => self.snap(),
            (0x06, 0x03) => Ok(Next::Ip),
            // RFC 2684 section 5.1: routed protocols other than IP by their NLPID.
            (0xfe, 0x03) => match self.reader.u8()? {
                NLPID_IPV4 => Ok(Next::Ipv4),
                NLPID_IPV6 => Ok(Next::Ipv6),
                _ => self.end(Kind::Llc(destination)),
            },
            _ => self.end(Kind::Llc(destination)),
        }
    }

    /// Address, control, EtherType; the tags of IEEE 802 do not occur here.
    pub(super) fn cisco_hdlc(&mut self) -> Step {
        use super::shim::{IPV4, IPV6, MPLS, MPLS_MULTICAST};
        self.begin("cisco hdlc");
        self.reader.skip(2)?;
        match self.reader.u16()? {
            ether_type @ (IPV4 | IPV6 | MPLS | MPLS_MULTICAST) => Ok(Next::EtherType(ether_type)),
            // What are RARP and no EtherType elsewhere.
            0x8035 => self.end(Kind::Link(LinkProtocol::Slarp)),
            0x2000 => self.end(Kind::Link(LinkProtocol::Cdp)),
            other => self.end(Kind::EtherType(other)),
        }
    }

    /// Frame Relay (RFC 2427): a Q.922 address of 2 to 4 octets, then a control octet and an NLPID, or, as Cisco
    /// does it, an EtherType.
    fn frame_relay(&mut self) -> Step {
        self.begin("frame relay");
        for octet in 0..4 {
            let last = self.reader.u8()? & 1 != 0;
            if last && octet == 0 || !last && octet == 3 {
                return Err(Reason::Malformed("the address has not 2 to 4 octets"));
            }
            if last {
                break;
            }
        }
        if self.reader.peek() != Some(0x03) {
            return Ok(Next::EtherType(self.reader.u16()?));
        }
        self.reader.skip(1)?;
        let nlpid = match self.reader.u8()? {
            0 => self.reader.u8()?,
            nlpid => nlpid,
        };
        match nlpid {
            NLPID_IPV4 => Ok(Next::Ipv4),
            NLPID_IPV6 => Ok(Next::Ipv6),
            NLPID_SNAP => self.snap(),
            _ => self.end(Kind::NonIp),
        }
    }

    /// FDDI: frame control, destination, source; LLC follows in asynchronous LLC frames.
    fn fddi(&mut self) -> Step {
        self.begin("fddi");
        let &[control, d0, d1, d2, d3, d4, d5, s0, s1, s2, s3, s4, s5] = self.reader.array()?;
        self.addresses([s0, s1, s2, s3, s4, s5], [d0, d1, d2, d3, d4, d5]);
        if matches!(control & 0xf8, 0x50 | 0xd0) { Ok(Next::Llc) } else { self.end(Kind::NonIp) }
    }

    /// Token Ring (IEEE 802.5): access control, frame control, addresses, source route where the source says so.
    fn token_ring(&mut self) -> Step {
        self.begin("token ring");
        let &[_, control, d0, d1, d2, d3, d4, d5, s0, s1, s2, s3, s4, s5] = self.reader.array()?;
        self.addresses([s0 & 0x7f, s1, s2, s3, s4, s5], [d0, d1, d2, d3, d4, d5]);
        if s0 & 0x80 != 0 {
            let route = usize::from(self.reader.peek().unwrap_or_default() & 0x1f);
            self.reader.skip(route.max(2))?;
        }
        if control >> 6 == 1 { Ok(Next::Llc) } else { self.end(Kind::NonIp) }
    }

    /// ARCNET: source, destination (and in Linux captures an offset), type; IP as in RFC 1201 or RFC 1051.
    fn arcnet(&mut self, addresses: usize) -> Step {
        self.begin("arcnet");
        self.reader.skip(addresses)?;
        let kind = self.reader.u8()?;
        match kind {
            // RFC 1201: a split flag and a sequence number; an exception frame has 4 octets of padding before.
            212 | 213 => {
                if self.reader.u8()? == 0xff {
                    self.reader.skip(4)?;
                }
                self.reader.skip(2)?;
                if kind == 212 { Ok(Next::Ipv4) } else { Ok(Next::EtherType(super::shim::ARP)) }
            }
            240 => Ok(Next::Ipv4),
            241 => Ok(Next::EtherType(super::shim::ARP)),
            205 => Ok(Next::Llc),
            _ => self.end(Kind::NonIp),
        }
    }

    /// IP over InfiniBand (RFC 4391) as captured: 40 octets of global route header, EtherType, 2 reserved.
    fn ipoib(&mut self) -> Step {
        self.begin("ipoib");
        self.reader.skip(40)?;
        let &[t0, t1, _, _] = self.reader.array()?;
        Ok(Next::EtherType(u16::from_be_bytes([t0, t1])))
    }

    /// SunATM: direction and traffic type, virtual path and circuit; traffic type 2 is LLC.
    fn sunatm(&mut self) -> Step {
        self.begin("sunatm");
        let &[kind, _, _, _] = self.reader.array()?;
        if kind & 0xf == 2 { self.atm_llc() } else { self.end(Kind::NonIp) }
    }

    /// Classical IP over ATM as Linux hands it over: IP, with or without LLC before it (RFC 2684 section 5.1).
    fn classical_ip(&mut self) -> Step {
        match self.reader.peek() {
            Some(0xaa) => Ok(Next::Llc),
            _ => Ok(Next::Ip),
        }
    }

    /// An Ethernet frame with a switch's own tag behind the addresses.
    fn switch_tag(&mut self, len: usize) -> Step {
        self.begin("switch tag");
        let &[d0, d1, d2, d3, d4, d5, s0, s1, s2, s3, s4, s5] = self.reader.array()?;
        self.addresses([s0, s1, s2, s3, s4, s5], [d0, d1, d2, d3, d4, d5]);
        self.reader.skip(len)?;
        self.length_or_type()
    }

    /// IEEE 802.3br mPacket: preamble and start delimiter, 8 octets in all; only a whole or first packet has headers.
    fn mpacket(&mut self) -> Step {
        self.begin("mpacket");
        let preamble = self.reader.array::<8>()?;
        match preamble {
            // SMD-E (express) or SMD-S0…S3 (start) in the last octet: IEEE 802.3 table 99-1.
            [.., 0x55, 0xd5 | 0xe6 | 0x4c | 0x7f | 0xb3] => Ok(Next::Ethernet),
            _ => self.end(Kind::NonIp),
        }
    }
}

/// Network layer protocol identifiers (ISO/IEC TR 9577).
const NLPID_SNAP: u8 = 0x80;
const NLPID_IPV6: u8 = 0x8e;
const NLPID_IPV4: u8 = 0xcc;

#[cfg(test)]
mod tests {
    use super::super::samples::{decode, ethernet, inner_v4, ipv6, udp};
    use super::super::{Network, Stopped, TransportProtocol};
    use super::*;

    #[test]
    fn frames_that_carry_no_ip_are_told_by_what_they_are() {
        let snap = [0xaa, 0xaa, 3, 0, 0, 0x0c, 0x20, 9];
        for (link, octets, kind) in [
            (LinkType::ETHERNET, ethernet(0x0806, &[0; 28]), Kind::EtherType(0x0806)),
            (LinkType::ETHERNET, ethernet(0x88cc, &[2, 7]), Kind::EtherType(0x88cc)),
            (LinkType::ETHERNET, ethernet(0x8863, &[0x11, 9]), Kind::EtherType(0x8863)),
            (LinkType::ETHERNET, ethernet(0x05ff, &[0; 28]), Kind::EtherType(0x05ff)),
            // Spanning tree, Cisco's protocols, Novell's raw 802.3.
            (LinkType::ETHERNET, ethernet(38, &[0x42; 38]), Kind::Llc(0x42)),
            (LinkType::ETHERNET, ethernet(8, &snap), Kind::Llc(0xaa)),
            (LinkType::ETHERNET, ethernet(30, &[0xff; 30]), Kind::Llc(0xff)),
            // Encrypted MACsec; PPP link control in PPPoE.
            (LinkType::ETHERNET, ethernet(0x88e5, &[0x2c, 0, 0, 0, 0, 1, 9, 9]), Kind::EtherType(0x88e5)),
            (LinkType::ETHERNET, ethernet(0x8864, &[0x11, 0, 0, 1, 0, 4, 0xc0, 0x21, 9, 1]), Kind::NonIp),
            (LinkType::PPP, vec![0xff, 3, 0xc0, 0x21, 1], Kind::NonIp),
            (LinkType::C_HDLC, vec![0x8f, 0, 0x80, 0x35, 0], Kind::Link(LinkProtocol::Slarp)),
            (LinkType::PPP_HDLC, vec![0x0f, 0, 0x20, 0, 1], Kind::Link(LinkProtocol::Cdp)),
            (LinkType::C_HDLC, vec![0x0f, 0, 0x80, 0x36, 0], Kind::EtherType(0x8036)),
            (LinkType::ETHERNET, ethernet(0x8035, &[0; 28]), Kind::EtherType(0x8035)),
            (LinkType::NULL, vec![7, 0, 0, 0, 1], Kind::NonIp),
            (LinkType::LINUX_SLL, vec![0, 0, 3, 0x38, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], Kind::NonIp),
            (LinkType::FDDI, vec![0x4f; 20], Kind::NonIp),
            (LinkType(220), vec![1, 2, 3], Kind::Unsupported(LinkType(220))),
            (LinkType(65_000), vec![1, 2, 3], Kind::Unsupported(LinkType(65_000))),
        ] {
            let headers = decode(link, &octets);
            assert_eq!((headers.kind, headers.stopped), (kind, None), "{link}: {octets:?}");
            assert_eq!((headers.network, headers.ports), (Network::None, None));
        }
    }

    #[test]
    fn an_empty_frame_is_undecodable() {
        for link in [LinkType::ETHERNET, LinkType::RAW, LinkType(220)] {
            let headers = decode(link, &[]);
            assert_eq!(headers.kind, Kind::Undecodable);
            assert!(matches!(headers.stopped, Some(Stopped { layer: "link", offset: 0, .. })));
        }
    }

    #[test]
    fn addresses_are_the_outermost_and_groups_are_told() {
        let mut frame = ethernet(0x0800, &inner_v4());
        assert_eq!(decode(LinkType::ETHERNET, &frame).macs, Some(([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2])));
        assert!(!decode(LinkType::ETHERNET, &frame).to_group);
        frame[0] = 0x01;
        assert!(decode(LinkType::ETHERNET, &frame).to_group);
        for (packet_type, to_group) in [(0, false), (1, true), (2, true), (4, false)] {
            let head = [0, packet_type, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 8, 0];
            let headers = decode(LinkType::LINUX_SLL, &[&head[..], &inner_v4()].concat());
            assert_eq!((headers.to_group, headers.macs), (to_group, None));
        }
    }

    #[test]
    fn the_length_of_802_3_leaves_padding_out() {
        let mut octets = ethernet(3, &[0x42, 0x42, 3]);
        octets.extend([0; 43]);
        assert_eq!(decode(LinkType::ETHERNET, &octets).kind, Kind::Llc(0x42));
        let octets = ethernet(2, &[0x42, 0x42, 3, 0, 0]);
        assert!(matches!(
            decode(LinkType::ETHERNET, &octets).stopped,
            Some(Stopped { layer: "llc", offset: 14, .. })
        ));
    }

    #[test]
    fn every_family_number_of_ipv6_is_known() {
        let packet = ipv6(17, &udp(50_000, 53, b"hello"));
        for family in [10, 23, 24, 26, 28, 30] {
            let headers = decode(LinkType::NULL, &[&[family, 0, 0, 0], &packet[..]].concat());
            assert_eq!((headers.protocol, headers.ports), (TransportProtocol::UDP, Some((50_000, 53))));
        }
    }

    #[test]
    fn ppp_over_ethernet_has_a_link_type_of_its_own() {
        let head = [0x11, 0, 0, 9, 0, 2 + inner_v4().len() as u8, 0, 0x21];
        let headers = decode(LinkType::PPP_ETHER, &[&head[..], &inner_v4()].concat());
        assert_eq!(headers.ports, Some((50_000, 443)));
    }
}
