//! Tunnels over IP and UDP: what their headers are, and what they carry.

use super::walk::{Next, Step, Walk};
use super::wlan::Radio;
use super::{Reason, Tunnel};

impl Walk<'_, '_> {
    /// A tunnel's own header. Where the header shows that the port was used for something else, the walk ends
    /// without complaint.
    pub(super) fn tunnel(&mut self, tunnel: Tunnel) -> Step {
        match tunnel {
            Tunnel::Vxlan => self.vxlan(),
            Tunnel::Geneve => self.geneve(),
            Tunnel::GtpU => self.gtp_u(),
            Tunnel::Gre => self.gre(),
            Tunnel::Teredo => self.teredo(),
            Tunnel::L2tp => self.l2tp(),
            Tunnel::MplsInUdp => {
                self.push_tunnel(Tunnel::MplsInUdp)?;
                Ok(Next::Mpls)
            }
            Tunnel::Mpls => Ok(Next::Mpls),
            Tunnel::IpInIp => {
                self.push_tunnel(Tunnel::IpInIp)?;
                Ok(Next::Ip)
            }
            Tunnel::Lisp => self.lisp(),
            Tunnel::Capwap => self.capwap(),
            Tunnel::Ayiya => self.ayiya(),
            Tunnel::Nsh => self.network_service_header(),
            Tunnel::EtherIp => self.etherip(),
            Tunnel::Zep => self.zep(),
            Tunnel::SctpInUdp => self.sctp_in_udp(),
            Tunnel::Tzsp => self.tzsp(),
            Tunnel::HpErm => self.hp_erm(),
            // These are not found by a port.
            Tunnel::Ah
            | Tunnel::Erspan
            | Tunnel::FabricPath
            | Tunnel::IpComp
            | Tunnel::Macsec
            | Tunnel::Pbb
            | Tunnel::Pim
            | Tunnel::Pppoe
            | Tunnel::Trill => Ok(Next::Done),
        }
    }

    /// VXLAN (RFC 7348), with the next protocol of VXLAN-GPE where its bit is set.
    fn vxlan(&mut self) -> Step {
        const IDENTIFIER_PRESENT: u8 = 0x08;
        const PROTOCOL_PRESENT: u8 = 0x04;
        self.begin("vxlan");
        let &[flags, _, _, protocol, _, _, _, _] = self.reader.array()?;
        if flags & IDENTIFIER_PRESENT == 0 {
            return Ok(Next::Done);
        }
        self.push_tunnel(Tunnel::Vxlan)?;
        match protocol {
            // Other values are no protocol: RFC 7348 has receivers ignore the bits and octets it reserves.
            1..=5 if flags & PROTOCOL_PRESENT != 0 => self.generic_protocol(protocol),
            _ => Ok(Next::Ethernet),
        }
    }

    /// GENEVE (RFC 8926): version 0, option length in units of 4 octets, EtherType, network identifier.
    fn geneve(&mut self) -> Step {
        self.begin("geneve");
        let &[version_len, _, p0, p1, _, _, _, _] = self.reader.array()?;
        if version_len >> 6 != 0 {
            return Ok(Next::Done);
        }
        self.reader.skip(usize::from(version_len & 0x3f) * 4)?;
        self.push_tunnel(Tunnel::Geneve)?;
        Ok(Next::EtherType(u16::from_be_bytes([p0, p1])))
    }

    /// GTP-U (3GPP TS 29.281, clause 5), and version 0 of GTP (GSM 09.60, clause 6): only message type 255 carries
    /// something. Of what kind that is the session alone knows: what can be an IP packet is one, else an Ethernet frame
    /// is told by its EtherType and what fits behind it (TS 23.501, clause 5.6.10.2).
    fn gtp_u(&mut self) -> Step {
        const VERSION_0: u8 = 0x10;
        const VERSION_1: u8 = 0x30;
        const EXTENSION: u8 = 0x04;
        const ANY_OPTION: u8 = 0x07;
        const G_PDU: u8 = 255;
        self.begin("gtp-u");
        let &[flags, kind, l0, l1, _, _, _, _] = self.reader.array()?;
        let len = usize::from(u16::from_be_bytes([l0, l1]));
        match flags & 0xf0 {
            VERSION_1 if kind == G_PDU => {}
            VERSION_0 if kind == G_PDU => self.reader.skip(12)?,
            _ => return Ok(Next::Done),
        }
        let room = self.reader.len() + self.reader.missing();
        if len > room {
            return Ok(Next::Done);
        }
        let is_sure = len == room;
        self.reader.bound(len);
        if flags & 0xf0 == VERSION_1 && flags & ANY_OPTION != 0 {
            let &[_, _, _, mut extension] = self.reader.array()?;
            while flags & EXTENSION != 0 && extension != 0 {
                // Length in units of 4 octets, itself and the next type included.
                let Some(more) = (usize::from(self.reader.u8()?) * 4).checked_sub(2) else {
                    return Err(Reason::Malformed("an extension header has length 0"));
                };
                self.reader.skip(more)?;
                extension = self.reader.u8()?;
            }
        }
        // An Ethernet address may begin like IP: then the packet's length must be just what there is.
        let is_frame = super::shim::is_ethernet(self.reader.rest());
        let room = self.reader.len() + self.reader.missing();
        let begins_like_ip = self.reader.peek().is_none_or(|octet| matches!(octet >> 4, 4 | 6));
        let is_ip = if is_frame {
            self.ip_len() == Some(room)
        } else {
            self.may_be_ip() || is_sure && begins_like_ip
        };
        if !is_ip && !is_frame && !self.reader.is_cut() {
            return Ok(Next::Done);
        }
        if is_sure {
            // Type, version and length are those of a G-PDU: what is inside may be damaged.
            self.confirm();
        }
        self.push_tunnel(Tunnel::GtpU)?;
        Ok(if is_ip { Next::Ip } else { Next::Ethernet })
    }

    /// Teredo (RFC 4380 section 5.1.1): perhaps an authentication and an origin indication, then IPv6, then perhaps
    /// trailers of type, length and value (RFC 6081 section 4).
    fn teredo(&mut self) -> Step {
        self.begin("teredo");
        let mut head = self.teredo_head()?;
        if head == [0, 1] {
            let &[_, _, id_len, value_len] = self.reader.array()?;
            self.reader.skip(usize::from(id_len) + usize::from(value_len) + 9)?;
            head = self.teredo_head()?;
        }
        if head == [0, 0] {
            self.reader.skip(8)?;
            head = self.teredo_head()?;
        }
        if head[0] >> 4 != 6 || !self.has_only_trailers() {
            return Ok(Next::Done);
        }
        self.push_tunnel(Tunnel::Teredo)?;
        Ok(Next::Ipv6)
    }

    /// Whether nothing but trailers follows the IPv6 packet that begins here, as far as it was captured.
    fn has_only_trailers(&self) -> bool {
        let rest = self.reader.rest();
        let Some(len) = rest.get(4..6) else { return true };
        if let (&[0, 0], Some(&super::ip::number::NO_NEXT_HEADER)) = (len, rest.get(6)) {
            // A bubble: some have data behind them.
            return true;
        }
        let len = usize::from(u16::from_be_bytes([len[0], len[1]])) + 40;
        if len > rest.len() {
            return len <= rest.len() + self.reader.missing();
        }
        let mut trailers = rest.get(len..).unwrap_or_default();
        while let [_, len, ref behind @ ..] = *trailers {
            let Some(behind) = behind.get(usize::from(len)..) else { return self.reader.is_cut() };
            trailers = behind;
        }
        trailers.is_empty() || self.reader.is_cut()
    }

    /// The two octets that tell the parts of a Teredo packet apart, left unread.
    fn teredo_head(&self) -> Result<[u8; 2], Reason> {
        { self.reader }.array().copied()
    }

    /// GRE: version 0 (RFC 2784, 2890, and the routing of RFC 1701) and version 1 (RFC 2637).
    fn gre(&mut self) -> Step {
        const CHECKSUM: u16 = 0x8000;
        const ROUTING: u16 = 0x4000;
        const KEY: u16 = 0x2000;
        const SEQUENCE: u16 = 0x1000;
        const ACKNOWLEDGEMENT: u16 = 0x0080;
        self.begin("gre");
        let &[f0, f1, p0, p1] = self.reader.array()?;
        let (flags, protocol) = (u16::from_be_bytes([f0, f1]), u16::from_be_bytes([p0, p1]));
        let version = flags & 7;
        if version > 1 {
            return Err(Reason::Malformed("the version is neither 0 nor 1"));
        }
        let words = [flags & (CHECKSUM | ROUTING), flags & KEY, flags & SEQUENCE];
        let mut len = words.iter().filter(|&&word| word != 0).count() * 4;
        if version == 1 && flags & ACKNOWLEDGEMENT != 0 {
            len += 4;
        }
        self.reader.skip(len)?;
        if version == 0 && flags & ROUTING != 0 {
            // Source route entries: address family, offset, length, route; an empty one of family 0 ends them.
            loop {
                let &[a0, a1, _, len] = self.reader.array()?;
                self.reader.skip(len.into())?;
                if [a0, a1, len] == [0, 0, 0] {
                    break;
                }
            }
        }
        self.push_tunnel(Tunnel::Gre)?;
        self.gre_payload(protocol, flags & SEQUENCE != 0)
    }

    /// What GRE says it carries; `sequenced` if its header has a sequence number.
    fn gre_payload(&mut self, protocol: u16, sequenced: bool) -> Step {
        match protocol {
            0x880b => Ok(Next::Ppp),
            // Without a sequence number it is type I, which has no header of its own.
            0x88be if !sequenced => self.enter_erspan(0),
            0x88be => self.enter_erspan(8),
            0x22eb => self.erspan_3(),
            0x883e => self.wccp(),
            // Aruba's access points: a number for each of their queues.
            0x8200..=0x8370 if protocol & 0xf == 0 => Ok(Next::Wlan(Radio::default())),
            0x8881 => self.framed_ppp(),
            0x88d2 => self.a10(),
            0x8909 => self.metadata_in_gre(sequenced),
            // MikroTik's Ethernet over IP borrows the version and key of PPTP.
            0x6400 => Ok(Next::Ethernet),
            // Keep-alives, and protocols that are not Ethernet's.
            0..1536 => Ok(Next::Done),
            _ => Ok(Next::EtherType(protocol)),
        }
    }

    /// Cisco's metadata behind GRE: what follows it comes first, then version, length in units of 4 octets, options.
    fn metadata_in_gre(&mut self, sequenced: bool) -> Step {
        self.begin("cisco metadata");
        let &[p0, p1, _, words] = self.reader.array()?;
        self.reader.skip(usize::from(words) * 4)?;
        match u16::from_be_bytes([p0, p1]) {
            // Another one would make this a loop without an end.
            0x8909 => Ok(Next::Done),
            protocol => self.gre_payload(protocol, sequenced),
        }
    }

    pub(super) fn enter_erspan(&mut self, header_len: usize) -> Step {
        self.begin("erspan");
        self.reader.skip(header_len)?;
        self.push_tunnel(Tunnel::Erspan)?;
        Ok(Next::Ethernet)
    }

    /// ERSPAN type III: 12 octets, the last of which says what follows and whether 8 more octets come before.
    pub(super) fn erspan_3(&mut self) -> Step {
        self.begin("erspan");
        let &[.., kind, options] = self.reader.array::<12>()?;
        if options & 1 != 0 {
            self.reader.skip(8)?;
        }
        self.push_tunnel(Tunnel::Erspan)?;
        // Frame type, 5 bits behind the first: 0 is Ethernet, 2 is IP.
        match kind >> 2 & 0x1f {
            2 => Ok(Next::Ip),
            _ => Ok(Next::Ethernet),
        }
    }

    /// Packets redirected to a web cache: IP, in the second version behind 4 octets.
    pub(super) fn wccp(&mut self) -> Step {
        self.begin("wccp");
        if self.reader.peek().is_some_and(|octet| octet >> 4 != 4) {
            self.reader.skip(4)?;
        }
        Ok(Next::Ipv4)
    }

    /// L2TP over UDP: version 2 (RFC 2661 section 3.1) and version 3 (RFC 3931 section 4.1.2).
    fn l2tp(&mut self) -> Step {
        const CONTROL: u16 = 0x8000;
        const LENGTH: u16 = 0x4000;
        const SEQUENCE: u16 = 0x0800;
        const OFFSET: u16 = 0x0200;
        self.begin("l2tp");
        let flags = self.reader.u16()?;
        if flags & CONTROL != 0 {
            return Ok(Next::Done);
        }
        match flags & 0xf {
            2 => {
                if flags & LENGTH != 0 {
                    let len = self.reader.u16()?;
                    self.reader.bound_layer(len.into());
                }
                self.reader.skip(if flags & SEQUENCE != 0 { 8 } else { 4 })?;
                if flags & OFFSET != 0 {
                    let padding = self.reader.u16()?;
                    self.reader.skip(padding.into())?;
                }
                self.push_tunnel(Tunnel::L2tp)?;
                Ok(Next::Ppp)
            }
            3 => {
                self.reader.skip(6)?;
                self.l2tp_3_payload()
            }
            _ => Ok(Next::Done),
        }
    }

    /// L2TP version 3 directly over IP (RFC 3931 section 4.1.1): session 0 is control.
    pub(super) fn l2tp_over_ip(&mut self) -> Step {
        self.begin("l2tp");
        match self.reader.u32()? {
            0 => Ok(Next::Done),
            _ => self.l2tp_3_payload(),
        }
    }

    /// What a version 3 session carries is agreed on out of band: a cookie of 0, 4 or 8 octets, perhaps a
    /// sublayer of 4, and a frame. Only an Ethernet frame with IP or ARP in it is recognised.
    fn l2tp_3_payload(&mut self) -> Step {
        let rest = self.reader.rest();
        let skip =
            [0, 4, 8, 12].into_iter().find(|&skip| rest.get(skip..).is_some_and(super::shim::is_ethernet));
        let Some(skip) = skip else {
            if self.reader.is_cut() {
                self.reader.skip(12 + 15)?;
            }
            return Ok(Next::Done);
        };
        self.reader.skip(skip)?;
        self.push_tunnel(Tunnel::L2tp)?;
        Ok(Next::Ethernet)
    }

    /// EtherIP (RFC 3378): version 3 and 12 reserved bits.
    pub(super) fn etherip(&mut self) -> Step {
        self.begin("etherip");
        if self.reader.u16()? >> 12 != 3 {
            return Err(Reason::Malformed("the version is not 3"));
        }
        self.push_tunnel(Tunnel::EtherIp)?;
        Ok(Next::Ethernet)
    }

    /// A PIM Register message (RFC 7761 section 4.9.3) brings a multicast packet to the rendezvous point.
    pub(super) fn pim(&mut self) -> Step {
        const NULL_REGISTER: u8 = 0x40;
        self.begin("pim");
        let &[version_type, _, _, _, flags, _, _, _] = self.reader.array()?;
        if version_type != 0x21 || flags & NULL_REGISTER != 0 {
            return Ok(Next::Done);
        }
        self.push_tunnel(Tunnel::Pim)?;
        Ok(Next::Ip)
    }

    /// LISP data (RFC 9300 section 5): 8 octets of flags, nonce and locator bits, then IP.
    fn lisp(&mut self) -> Step {
        self.begin("lisp");
        self.reader.skip(8)?;
        if !self.may_be_ip() {
            return Ok(Next::Done);
        }
        self.push_tunnel(Tunnel::Lisp)?;
        Ok(Next::Ip)
    }

    /// CAPWAP data (RFC 5415 section 4.3): preamble 0, header length in units of 4 octets, and whether the frame
    /// is an 802.11 one.
    fn capwap(&mut self) -> Step {
        self.begin("capwap");
        let &[preamble, h0, h1, flags] = self.reader.array()?;
        let header_len = usize::from(h0 >> 3) * 4;
        // Binding, 5 bits across two octets: 1 is IEEE 802.11. The lowest bit: the frame is in its native form.
        let binding = (h1 & 0x3e) >> 1;
        let (native, fragment, keep_alive) = (h1 & 1 != 0, flags & 0x80 != 0, flags & 0x08 != 0);
        let Some(more) = header_len.checked_sub(4) else { return Ok(Next::Done) };
        if preamble != 0 || fragment || keep_alive || native && binding != 1 {
            return Ok(Next::Done);
        }
        self.reader.skip(more)?;
        self.push_tunnel(Tunnel::Capwap)?;
        if !native {
            return Ok(Next::Ethernet);
        }
        // Version 0 and type data in the first octet, or, with the octets swapped, in the second.
        let swapped = matches!(self.reader.peek_array(), Some(&[f0, f1]) if f0 & 0x0f != 8 && f1 & 0x0f == 8);
        Ok(Next::Wlan(Radio { swapped, ..Radio::default() }))
    }

    /// Anything In Anything: lengths of identity and signature as powers and words, next header, epoch.
    fn ayiya(&mut self) -> Step {
        self.begin("ayiya");
        let &[identity, signature, _, next, _, _, _, _] = self.reader.array()?;
        self.reader.skip((1 << (identity >> 4)) + usize::from(signature >> 4) * 4)?;
        self.push_tunnel(Tunnel::Ayiya)?;
        match next {
            super::ip::number::IPV6 => Ok(Next::Ipv6),
            super::ip::number::IPV4 => Ok(Next::Ipv4),
            _ => Ok(Next::Done),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{INNER_V4, OUTER_V4, decode, ethernet, inner_v4, ipv4, samples, udp};
    use super::super::{Headers, Kind, Stopped, TransportProtocol};
    use super::*;
    use crate::packet::LinkType;

    fn in_udp(port: u16, header: &[u8]) -> Headers {
        let inside = [header, &ethernet(0x0800, &inner_v4())].concat();
        decode(LinkType::RAW, &ipv4(17, &udp(49_152, port, &inside)))
    }

    #[test]
    fn what_a_tunnel_port_carries_besides_packets_stays_with_the_port() {
        for (port, header) in [
            (4789, &[0, 0, 0, 0, 0, 0, 7, 0][..]),      // VXLAN without an identifier
            (6081, &[0x40, 0, 0x65, 0x58, 0, 0, 7, 0]), // GENEVE of another version
            (2152, &[0x32, 1, 0, 4, 0, 0, 0, 0]),       // GTP-U echo request
            (2152, &[0x48, 255, 0, 80, 0, 0, 0, 0]),    // GTP of version 2
            (3386, &[0x0e, 1, 0, 0, 0, 0]),             // GTP'
            (1701, &[0xc8, 2, 0, 20, 0, 1, 0, 0, 0, 0]), // L2TP control
            (5247, &[0, 0x10, 2, 8, 0, 0, 0, 0]),       // CAPWAP keep-alive
            (5247, &[0, 0x10, 2, 0x80, 0, 0, 0, 0]),    // CAPWAP fragment
            (5247, &[1, 0, 0, 0, 0x16, 0xfe, 0xfd]),    // CAPWAP in DTLS
            (3544, &[0x16, 0xfe]),                      // not Teredo
        ] {
            let headers = in_udp(port, header);
            assert_eq!(
                (headers.network, headers.ports),
                (OUTER_V4, Some((49_152, port))),
                "{port} {header:?}"
            );
            assert_eq!((headers.tunnels.as_slice(), headers.stopped), (&[][..], None), "{port} {header:?}");
        }
    }

    #[test]
    fn what_ip_tunnels_carry_besides_packets_stays_with_the_protocol() {
        for (protocol, payload) in [
            (47, &[0, 0, 0, 0][..]),                // GRE keep-alive
            (47, &[0x20, 0, 0, 0xfe, 0, 0, 0, 1]),  // GRE with OSI
            (103, &[0x20, 0, 0, 0, 0, 1, 0, 2]),    // PIM hello
            (103, &[0x21, 0, 0, 0, 0x40, 0, 0, 0]), // PIM null register
            (115, &[0, 0, 0, 0, 0xc8, 3]),          // L2TP 3 control
        ] {
            let headers = decode(LinkType::RAW, &ipv4(protocol, payload));
            assert_eq!((headers.kind, headers.stopped), (Kind::Ip(TransportProtocol(protocol)), None));
            assert_eq!((headers.network, headers.tunnels.as_slice()), (OUTER_V4, &[][..]), "{payload:?}");
        }
    }

    #[test]
    fn headers_that_contradict_their_standard_are_damage() {
        for (protocol, payload, layer) in
            [(47, &[0, 2, 8, 0][..], "gre"), (97, &[0x40, 0, 0, 0], "etherip"), (4, &[0x55; 40], "ipv4")]
        {
            let headers = decode(LinkType::RAW, &ipv4(protocol, payload));
            let Some(Stopped { layer: at, offset: 20, reason: Reason::Malformed(_) }) = headers.stopped
            else {
                panic!("{headers:?}")
            };
            assert_eq!((at, headers.kind), (layer, Kind::Ip(TransportProtocol(protocol))));
        }
        // Behind a port, which may be a client's, it is no tunnel.
        let extension = in_udp(2152, &[0x34, 255, 0, 50, 0, 0, 0, 1, 0, 0, 0, 0x85, 0]);
        assert_eq!((extension.ports, extension.stopped), (Some((49_152, 2152)), None));
    }

    /// RFC 6081 section 4: trailers of type, length and value follow the packet.
    #[test]
    fn teredo_has_trailers_and_nothing_else_behind_its_packet() {
        use super::super::samples::ipv6;
        let packet = ipv6(17, &udp(50_000, 53, &[]));
        for (behind, opened) in [
            (&[][..], true),
            (&[1, 4, 9, 9, 9, 9, 4, 2, 0, 1], true),
            (&[1, 4, 9, 9, 9], false),
            (&[1], false),
        ] {
            let payload = [&packet, behind].concat();
            let headers = decode(LinkType::RAW, &ipv4(17, &udp(3544, 49_152, &payload)));
            assert_eq!(headers.tunnels.as_slice() == [Tunnel::Teredo], opened, "{behind:?}");
            assert_eq!(headers.stopped, None);
        }
    }

    #[test]
    fn a_frame_in_gtp_must_be_one() {
        let frame = ethernet(0x0800, &inner_v4());
        let gtp = |inside: &[u8]| {
            let head = [0x30, 255, 0, inside.len() as u8, 0, 0, 0, 1];
            decode(LinkType::RAW, &ipv4(17, &udp(2152, 2152, &[&head, inside].concat())))
        };
        // A destination that begins like the version of IP.
        let (mut like_v4, mut like_v6, mut other) = (frame.clone(), frame.clone(), frame.clone());
        (like_v4[0], like_v6[0], other[12]) = (0x46, 0x62, 0x99);
        for inside in [&frame, &like_v4, &like_v6] {
            assert_eq!(gtp(inside).network, INNER_V4);
        }
        assert_eq!((gtp(&other).network, gtp(&other).stopped), (OUTER_V4, None));
        // The header is that of a G-PDU, so a part of a frame is damage.
        let part = gtp(&frame[..30]);
        assert_eq!((part.network, part.tunnels.as_slice()), (OUTER_V4, &[][..]));
        assert!(matches!(part.stopped, Some(Stopped { layer: "ipv4", reason: Reason::Malformed(_), .. })));
    }

    #[test]
    fn a_tunnel_is_found_by_either_port() {
        let sample = samples().into_iter().find(|sample| sample.name == "teredo").expect("a sample");
        let mut octets = sample.octets;
        // Source and destination port lie behind Ethernet and IPv4.
        octets[34..38].copy_from_slice(&[0x0d, 0xd8, 0xc0, 0x00]);
        assert_eq!(decode(LinkType::ETHERNET, &octets).tunnels.as_slice(), sample.tunnels);
    }

    #[test]
    fn all_four_combinations_of_ip_in_ip_are_opened() {
        use super::super::samples::ipv6;
        let datagram = udp(50_000, 53, &[]);
        for outer_v6 in [false, true] {
            for inner in [ipv4(17, &datagram), ipv6(17, &datagram)] {
                let protocol = if inner[0] >> 4 == 4 { 4 } else { 41 };
                let octets = if outer_v6 { ipv6(protocol, &inner) } else { ipv4(protocol, &inner) };
                let headers = decode(LinkType::RAW, &octets);
                assert_eq!(headers.tunnels.as_slice(), [Tunnel::IpInIp]);
                assert_eq!((headers.ports, headers.stopped), (Some((50_000, 53)), None));
            }
        }
    }
}
