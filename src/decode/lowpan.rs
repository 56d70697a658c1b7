//! 6LoWPAN in IEEE 802.15.4 frames: RFC 4944 and the header compression of RFC 6282.

use super::ieee802154::{Address, Link};
use super::walk::{Next, Step, Walk};
use super::{Fragment, Kind, Network, Reader, Reason, Tunnel, ip::number};

/// EtherType of 6LoWPAN (RFC 7973), under which later fragments, which have no addresses, are counted.
const LOWPAN_ENCAPSULATION: u16 = 0xa0ed;

/// The octets of fe80::/64 that are not an interface identifier.
const LINK_LOCAL: [u8; 8] = [0xfe, 0x80, 0, 0, 0, 0, 0, 0];

impl Address {
    /// The interface identifier of RFC 6282 section 3.2.2.
    fn interface(self) -> [u8; 8] {
        self.interface_in([0, 0])
    }

    /// The interface identifier of RFC 4944 section 6, which of a short address has the network in it.
    fn interface_in(self, pan: [u8; 2]) -> [u8; 8] {
        match self {
            Self::None => [0; 8],
            Self::Short([a, b]) => [pan[0] & !2, pan[1], 0, 0xff, 0xfe, 0, a, b],
            Self::Extended([first, rest @ ..]) => {
                let [b, c, d, e, f, g, h] = rest;
                [first ^ 2, b, c, d, e, f, g, h]
            }
        }
    }
}

/// Fields of a multiple of 4 bits, as the compression of RFC 4944 section 10 packs them.
#[derive(Default)]
struct Nibbles {
    half: Option<u8>,
}

impl Nibbles {
    /// A field of `count` times 4 bits, at most 32 bits.
    fn read(&mut self, reader: &mut Reader<'_>, count: u8) -> Result<u32, Reason> {
        let mut value = 0;
        for _ in 0..count {
            let nibble = match self.half.take() {
                Some(nibble) => nibble,
                None => {
                    let octet = reader.u8()?;
                    self.half = Some(octet & 0xf);
                    octet >> 4
                }
            };
            value = value << 4 | u32::from(nibble);
        }
        Ok(value)
    }

    /// A port: 16 bits, or 4 bits from 0xf0b0 on.
    fn port(&mut self, reader: &mut Reader<'_>, compressed: bool) -> Result<u16, Reason> {
        Ok(if compressed { 0xf0b0 | self.read(reader, 1)? as u16 } else { self.read(reader, 4)? as u16 })
    }
}

impl Walk<'_, '_> {
    /// 6LoWPAN: dispatch values (RFC 4944 section 5.1), each with its own header.
    pub(super) fn lowpan(&mut self, mut link: Link) -> Step {
        self.begin("6lowpan");
        loop {
            if self.reader.len() == 0 && !self.reader.is_cut() {
                return self.end(Kind::NonIp);
            }
            match self.reader.u8()? {
                0x41 => return Ok(Next::Ipv6),
                0x42 => return self.hc1(link),
                // Broadcast: a sequence number.
                0x50 => self.reader.skip(1)?,
                dispatch @ 0x60..=0x7f => return self.iphc(dispatch, link),
                dispatch @ 0x80..=0xbf => {
                    if dispatch & 0x0f == 0x0f {
                        self.reader.skip(1)?;
                    }
                    link.source = self.mesh_address(dispatch & 0x20 != 0)?;
                    link.destination = self.mesh_address(dispatch & 0x10 != 0)?;
                }
                dispatch @ 0xc0..=0xc7 => {
                    let &[size, t0, t1] = self.reader.array()?;
                    let size = usize::from(u16::from_be_bytes([dispatch & 7, size]));
                    let id = u16::from_be_bytes([t0, t1]).into();
                    // Later fragments have no addresses to find this one's flow by: in a tunnel, all fragments of a
                    // datagram stay with the flow around them.
                    if self.headers.network != Network::None {
                        return self.end(Kind::EtherType(LOWPAN_ENCAPSULATION));
                    }
                    self.carried_in = Some(Fragment { id, offset: 0, more: true });
                    // The size is that of the datagram before compression and without a dispatch octet. What is
                    // missing up to it is in other frames.
                    self.reader.bound(size + 1);
                }
                // A later fragment: neither addresses nor ports, only tag and offset.
                0xe0..=0xe7 => {
                    self.reader.skip(4)?;
                    return self.end(Kind::EtherType(LOWPAN_ENCAPSULATION));
                }
                _ => return self.end(Kind::NonIp),
            }
        }
    }

    /// An address of the mesh header (RFC 4944 section 5.2), in network order.
    fn mesh_address(&mut self, short: bool) -> Result<Address, Reason> {
        Ok(if short {
            Address::Short(*self.reader.array()?)
        } else {
            Address::Extended(*self.reader.array()?)
        })
    }

    /// LOWPAN_HC1, and HC_UDP behind it (RFC 4944 section 10).
    fn hc1(&mut self, link: Link) -> Step {
        let encoding = self.reader.u8()?;
        let udp = if encoding & 1 != 0 { Some(self.reader.u8()?) } else { None };
        if udp.is_some() && encoding & 6 != 2 {
            return Err(Reason::Malformed("the second compression is not of UDP"));
        }
        // Hop limit.
        self.reader.skip(1)?;
        let source = self.hc1_address(encoding >> 6, link.source.interface_in(link.pan))?;
        let destination = self.hc1_address(encoding >> 4, link.destination.interface_in(link.pan))?;
        let mut fields = Nibbles::default();
        if encoding & 8 == 0 {
            // Traffic class and flow label.
            fields.read(&mut self.reader, 7)?;
        }
        let protocol = match encoding >> 1 & 3 {
            0 => fields.read(&mut self.reader, 2)? as u8,
            1 => number::UDP,
            2 => number::ICMPV6,
            _ => number::TCP,
        };
        self.begin_packet(Network::V6(source, destination), protocol);
        self.unbounded = false;
        let Some(udp) = udp else { return Ok(Next::Protocol(protocol)) };

        self.begin("udp");
        let source = fields.port(&mut self.reader, udp & 0x80 != 0)?;
        let destination = fields.port(&mut self.reader, udp & 0x40 != 0)?;
        self.set_ports((source, destination));
        let len = if udp & 0x20 == 0 { Some(fields.read(&mut self.reader, 4)? as usize) } else { None };
        // Checksum.
        fields.read(&mut self.reader, 4)?;
        if let Some(len) = len {
            self.reader.bound(len.saturating_sub(8));
        }
        self.udp_payload((source, destination))
    }

    /// Prefix and interface identifier; the lower two bits of `encoding` tell which of them is left out.
    fn hc1_address(&mut self, encoding: u8, derived: [u8; 8]) -> Result<[u8; 16], Reason> {
        let prefix = if encoding & 2 == 0 { *self.reader.array()? } else { LINK_LOCAL };
        let interface = if encoding & 1 == 0 { *self.reader.array()? } else { derived };
        Ok(address(prefix, interface))
    }

    /// LOWPAN_IPHC (RFC 6282 section 3), and again for a packet that is compressed inside this one.
    fn iphc(&mut self, mut dispatch: u8, link: Link) -> Step {
        let (mut from, mut to) = (link.source.interface(), link.destination.interface());
        loop {
            let modes = self.reader.u8()?;
            if modes & 0x80 != 0 {
                // Context identifiers.
                self.reader.skip(1)?;
            }
            // Traffic class and flow label.
            self.reader.skip(match dispatch >> 3 & 3 {
                0 => 4,
                1 => 3,
                2 => 1,
                _ => 0,
            })?;
            let plain = if dispatch & 4 == 0 { Some(self.reader.u8()?) } else { None };
            if dispatch & 3 == 0 {
                // Hop limit.
                self.reader.skip(1)?;
            }
            let source = self.unicast(modes >> 4 & 7, from)?;
            let destination = match modes & 0xf {
                4 => return Err(Reason::Malformed("the destination's address mode is reserved")),
                mode @ 0..=7 => self.unicast(mode, to)?,
                mode => self.multicast(mode & 7)?,
            };
            let network = Network::V6(source, destination);
            self.unbounded = false;
            if let Some(protocol) = plain {
                self.begin_packet(network, protocol);
                return Ok(Next::Protocol(protocol));
            }
            let first = self.reader.u8()?;
            self.begin_packet(network, compressed_protocol(first)?);
            self.take_payload();
            if let Some(next) = self.next_headers(first)? {
                return Ok(next);
            }
            self.begin("6lowpan");
            dispatch = self.reader.u8()?;
            if dispatch >> 5 != 3 {
                return Err(Reason::Malformed("the packet inside is not compressed"));
            }
            // What is left out is derived from the addresses of the packet around.
            let ([.., a, b, c, d, e, f, g, h], [.., i, j, k, l, m, n, o, p]) = (source, destination);
            (from, to) = ([a, b, c, d, e, f, g, h], [i, j, k, l, m, n, o, p]);
        }
    }

    /// A unicast address by its context bit and mode. Contexts are agreed on out of band: the prefix of an address
    /// that has one is unknown, and left 0, not to be taken for a link-local one.
    fn unicast(&mut self, mode: u8, derived: [u8; 8]) -> Result<[u8; 16], Reason> {
        let prefix = if mode & 4 == 0 { LINK_LOCAL } else { [0; 8] };
        Ok(match mode {
            0 => *self.reader.array()?,
            // The unspecified address.
            4 => [0; 16],
            _ => match mode & 3 {
                1 => address(prefix, *self.reader.array()?),
                2 => address(prefix, Address::Short(*self.reader.array()?).interface()),
                _ => address(prefix, derived),
            },
        })
    }

    /// A multicast address by its context bit and mode; the prefix that a context would give stays 0.
    fn multicast(&mut self, mode: u8) -> Result<[u8; 16], Reason> {
        let mut address = [0; 16];
        address[0] = 0xff;
        match mode {
            0 => address = *self.reader.array()?,
            1 => {
                [address[1], address[11], address[12], address[13], address[14], address[15]] =
                    *self.reader.array()?;
            }
            2 => [address[1], address[13], address[14], address[15]] = *self.reader.array()?,
            3 => (address[1], address[15]) = (2, self.reader.u8()?),
            4 => {
                [address[1], address[2], address[12], address[13], address[14], address[15]] =
                    *self.reader.array()?;
            }
            _ => return Err(Reason::Malformed("the destination's address mode is reserved")),
        }
        Ok(address)
    }

    /// LOWPAN_NHC (RFC 6282 section 4) from its first octet on; `None` where a compressed IPv6 packet is next.
    fn next_headers(&mut self, mut encoding: u8) -> Result<Option<Next>, Reason> {
        loop {
            self.set_protocol(compressed_protocol(encoding)?);
            if encoding >> 3 == 0x1e {
                return self.compressed_udp(encoding).map(Some);
            }
            self.begin("ipv6 extension");
            let id = encoding >> 1 & 7;
            if id == 7 {
                if !self.decoder.opens_tunnels() {
                    return Ok(Some(Next::Done));
                }
                self.push_tunnel(Tunnel::IpInIp)?;
                return Ok(None);
            }
            let plain = if encoding & 1 == 0 { Some(self.reader.u8()?) } else { None };
            let mut later = false;
            if id == 2 {
                let &[_, o0, o1, i0, i1, i2, i3] = self.reader.array()?;
                later = self.set_fragment([o0, o1], [i0, i1, i2, i3]);
            } else {
                let len = self.reader.u8()?;
                self.reader.skip(len.into())?;
            }
            self.take_payload();
            match plain {
                // A mobility message ends the chain and is what the packet is about.
                Some(number::NO_NEXT_HEADER) if id == 4 => return Ok(Some(Next::Done)),
                Some(protocol) => {
                    self.set_protocol(protocol);
                    return Ok(Some(if later { Next::Done } else { Next::Protocol(protocol) }));
                }
                None if later => return Ok(Some(Next::Done)),
                None => encoding = self.reader.u8()?,
            }
        }
    }

    /// UDP of RFC 6282 section 4.3, which leaves out the length and perhaps the checksum.
    fn compressed_udp(&mut self, encoding: u8) -> Step {
        self.begin("udp");
        let ports = match encoding & 3 {
            0 => (self.reader.u16()?, self.reader.u16()?),
            1 => (self.reader.u16()?, 0xf000 | u16::from(self.reader.u8()?)),
            2 => {
                let &[source, d0, d1] = self.reader.array()?;
                (0xf000 | u16::from(source), u16::from_be_bytes([d0, d1]))
            }
            _ => {
                let both = u16::from(self.reader.u8()?);
                (0xf0b0 | both >> 4, 0xf0b0 | both & 0xf)
            }
        };
        self.set_ports(ports);
        if encoding & 4 == 0 {
            // Checksum.
            self.reader.skip(2)?;
        }
        self.udp_payload(ports)
    }
}

/// An address of its prefix and its interface identifier.
fn address(prefix: [u8; 8], interface: [u8; 8]) -> [u8; 16] {
    let mut address = [0; 16];
    address[..8].copy_from_slice(&prefix);
    address[8..].copy_from_slice(&interface);
    address
}

/// The protocol that the first octet of LOWPAN_NHC stands for.
fn compressed_protocol(encoding: u8) -> Result<u8, Reason> {
    match (encoding, encoding >> 1 & 7) {
        (0xf0..=0xf7, _) => Ok(number::UDP),
        (0xe0..=0xef, 0) => Ok(number::HOP_BY_HOP),
        (0xe0..=0xef, 1) => Ok(number::ROUTING),
        (0xe0..=0xef, 2) => Ok(number::FRAGMENT),
        (0xe0..=0xef, 3) => Ok(number::DESTINATION_OPTIONS),
        (0xe0..=0xef, 4) => Ok(number::MOBILITY),
        (0xe0..=0xef, 7) => Ok(number::IPV6),
        _ => Err(Reason::Malformed("the compression of the next header is unknown")),
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use super::super::samples::{OUTER_V4, decode, decode_cut, ipv4, ipv6, udp};
    use super::super::{Headers, Stopped, TransportProtocol};
    use super::*;
    use crate::packet::LinkType;

    /// Network beef, from 0001 to 0002.
    const SHORT: [u8; 9] = [0x41, 0x88, 9, 0xef, 0xbe, 2, 0, 1, 0];
    /// From 02:…:01 to 02:…:02.
    const EXTENDED: [u8; 21] = [0x41, 0xcc, 9, 0xef, 0xbe, 2, 0, 0, 0, 0, 0, 0, 2, 1, 0, 0, 0, 0, 0, 0, 2];

    fn frame(head: &[u8], inside: &[u8]) -> Headers {
        decode(LinkType::IEEE802_15_4_NOFCS, &[head, inside].concat())
    }

    fn addresses(headers: &Headers) -> [String; 2] {
        let Network::V6(source, destination) = headers.network else { panic!("{headers:?}") };
        [source, destination].map(|address| Ipv6Addr::from(address).to_string())
    }

    fn in_zep(inside: &[u8]) -> Vec<u8> {
        let len = (SHORT.len() + inside.len() + 2) as u8;
        let zep = [&b"EX\x02\x01"[..], &[0; 27], &[len], &SHORT, inside, &[1, 2]].concat();
        ipv4(17, &udp(17_754, 17_754, &zep))
    }

    #[test]
    fn addresses_are_derived_from_the_link_layer() {
        for (head, inside, source, destination) in [
            // RFC 6282 section 3.2.2: EUI-64 with the universal bit inverted, short ones behind 0000:00ff:fe00.
            (&EXTENDED[..], &[0x7a, 0x33, 58, 128, 0][..], "fe80::1", "fe80::2"),
            (&SHORT, &[0x7a, 0x33, 58, 128, 0], "fe80::ff:fe00:1", "fe80::ff:fe00:2"),
            (&SHORT, &[0x7a, 0x23, 58, 0xab, 0xcd, 128, 0], "fe80::ff:fe00:abcd", "fe80::ff:fe00:2"),
            (
                &SHORT,
                &[0x7a, 0x13, 58, 1, 2, 3, 4, 5, 6, 7, 8, 128, 0],
                "fe80::102:304:506:708",
                "fe80::ff:fe00:2",
            ),
            // Contexts: unspecified source, and prefixes that are not known.
            (&SHORT, &[0x7a, 0x47, 58, 128, 0], "::", "::ff:fe00:2"),
            (&SHORT, &[0x7a, 0xf6, 0x10, 58, 0, 9, 128, 0], "::ff:fe00:1", "::ff:fe00:9"),
            (
                &SHORT,
                &[0x7a, 0x35, 58, 1, 2, 3, 4, 5, 6, 7, 8, 128, 0],
                "fe80::ff:fe00:1",
                "::102:304:506:708",
            ),
            // Multicast (section 3.1.1).
            (&SHORT, &[0x7a, 0x3b, 58, 0xfb, 128, 0], "fe80::ff:fe00:1", "ff02::fb"),
            (&SHORT, &[0x7a, 0x3a, 58, 5, 1, 2, 3, 128, 0], "fe80::ff:fe00:1", "ff05::1:203"),
            (&SHORT, &[0x7a, 0x39, 58, 2, 1, 0xff, 2, 3, 4, 128, 0], "fe80::ff:fe00:1", "ff02::1:ff02:304"),
            (&SHORT, &[0x7a, 0x3c, 58, 0x35, 1, 2, 3, 4, 5, 128, 0], "fe80::ff:fe00:1", "ff35:100::203:405"),
            // RFC 4944 section 6: short addresses behind the network, its universal bit 0.
            (&SHORT, &[0x42, 0xfc, 64, 128, 0], "fe80::bcef:ff:fe00:1", "fe80::bcef:ff:fe00:2"),
            (&EXTENDED, &[0x42, 0xfc, 64, 128, 0], "fe80::1", "fe80::2"),
            // The mesh header has the ends of the way.
            (&SHORT, &[0xb5, 0, 7, 0, 8, 0x7a, 0x33, 58, 128, 0], "fe80::ff:fe00:7", "fe80::ff:fe00:8"),
        ] {
            let headers = frame(head, inside);
            assert_eq!(addresses(&headers), [source, destination], "{inside:x?}");
            assert_eq!((headers.icmp, headers.stopped), (Some((128, 0)), None), "{inside:x?}");
            assert_eq!(headers.kind, Kind::Ip(TransportProtocol(58)), "{inside:x?}");
        }
    }

    #[test]
    fn compressed_ports_are_restored() {
        for (inside, ports) in [
            // RFC 6282 section 4.3.3, with and without a checksum.
            (&[0x7e, 0x33, 0xf0, 0x12, 0x34, 0x56, 0x78, 0, 0][..], (0x1234, 0x5678)),
            (&[0x7e, 0x33, 0xf1, 0x12, 0x34, 0x56, 0, 0], (0x1234, 0xf056)),
            (&[0x7e, 0x33, 0xf2, 0x12, 0x34, 0x56, 0, 0], (0xf012, 0x3456)),
            (&[0x7e, 0x33, 0xf3, 0x12, 0, 0], (0xf0b1, 0xf0b2)),
            (&[0x7e, 0x33, 0xf7, 0x12], (0xf0b1, 0xf0b2)),
            // RFC 4944 section 10.3: each field in 4 bits or in all, and zeros up to the next octet.
            (&[0x42, 0xfb, 0xe0, 64, 0x12, 0, 0], (0xf0b1, 0xf0b2)),
            (&[0x42, 0xfb, 0x60, 64, 0x12, 0x34, 0x50, 0, 0], (0x1234, 0xf0b5)),
            (&[0x42, 0xfb, 0xa0, 64, 0x12, 0x34, 0x50, 0, 0], (0xf0b1, 0x2345)),
            (&[0x42, 0xfb, 0x00, 64, 0x12, 0x34, 0x56, 0x78, 0, 13, 0, 0], (0x1234, 0x5678)),
            (&[0x42, 0xfa, 64, 0x12, 0x34, 0x56, 0x78, 0, 13, 0, 0], (0x1234, 0x5678)),
        ] {
            let octets = [&SHORT[..], inside, b"hello"].concat();
            let headers = decode(LinkType::IEEE802_15_4_NOFCS, &octets);
            assert_eq!((headers.ports, headers.stopped), (Some(ports), None), "{inside:x?}");
            assert_eq!(headers.payload(&octets), b"hello", "{inside:x?}");
            for len in 0..octets.len() - 5 {
                let cut = decode_cut(LinkType::IEEE802_15_4_NOFCS, &octets, len);
                let Some(Stopped { reason: Reason::Truncated { .. }, .. }) = cut.stopped else {
                    panic!("{inside:x?} at {len}: {cut:?}")
                };
            }
        }
    }

    #[test]
    fn only_the_first_fragment_has_ports() {
        let whole = ipv6(17, &udp(1025, 5683, &[7; 200]));
        let size = whole.len() as u8;
        let headers = frame(&SHORT, &[&[0xc0, size, 0x12, 0x34, 0x41][..], &whole[..96]].concat());
        assert_eq!((headers.ports, headers.stopped), (Some((1025, 5683)), None));
        assert_eq!(headers.fragment, Some(Fragment { id: 0x1234, offset: 0, more: true }));
        assert_eq!(headers.payload_len, 48);

        let compressed = frame(&SHORT, &[0xc0, 255, 0x12, 0x34, 0x7e, 0x33, 0xf7, 0x12, 1, 2, 3]);
        assert_eq!((compressed.ports, compressed.payload_len), (Some((0xf0b1, 0xf0b2)), 3));
        assert_eq!(compressed.fragment, headers.fragment);

        let later = [&[0xe0, size, 0x12, 0x34, 12][..], &whole[96..120]].concat();
        let headers = frame(&SHORT, &later);
        assert_eq!((headers.kind, headers.ports), (Kind::EtherType(0xa0ed), None));
        // In ZEP the flow around it is named.
        let headers = decode(LinkType::RAW, &in_zep(&later));
        assert_eq!((headers.network, headers.ports), (OUTER_V4, Some((17_754, 17_754))));
        assert_eq!((headers.tunnels.as_slice(), headers.stopped), (&[][..], None));

        // A compressed fragment header (RFC 6282 section 4.2) has a reserved octet where others have a length.
        let head = [0x7e, 0x33, 0xe4, 17, 0, 0, 9, 0, 0, 0, 7];
        let headers = frame(&SHORT, &[&head[..], &udp(1025, 5683, b"hello")].concat());
        assert_eq!(headers.fragment, Some(Fragment { id: 7, offset: 8, more: true }));
        assert_eq!((headers.ports, headers.payload_len), (None, 13));
    }

    #[test]
    fn a_message_without_ports_in_zep_names_the_frame() {
        let headers = decode(LinkType::RAW, &in_zep(&[0x7a, 0x33, 58, 128, 0, 0, 0]));
        assert!(matches!(headers.network, Network::V6(..)), "{headers:?}");
        assert_eq!((headers.ports, headers.icmp), (None, Some((128, 0))));
        assert_eq!(headers.tunnels.as_slice(), [Tunnel::Zep]);
        // An acknowledgement, another version, something else.
        for zep in [&b"EX\x02\x02\0\0\0\x01"[..], b"EX\x03\x01\0\0", b"HTTP/1.1"] {
            let headers = decode(LinkType::RAW, &ipv4(17, &udp(17_754, 17_754, zep)));
            assert_eq!((headers.ports, headers.stopped), (Some((17_754, 17_754)), None));
        }
    }

    #[test]
    fn headers_that_contradict_their_standard_are_damage() {
        for inside in [
            &[0x7a, 0x34, 58, 0][..],        // reserved address mode
            &[0x7a, 0x3d, 58, 0],            // reserved multicast mode
            &[0x7e, 0x33, 0xd0, 0],          // unknown next header compression
            &[0x7e, 0x33, 0xea, 0],          // reserved extension header
            &[0x7e, 0x33, 0xee, 0x41, 0x60], // an uncompressed packet inside
            &[0x42, 0xfd, 0, 64, 0],         // HC2 of ICMPv6
            &[0x7e, 0x33, 0xe0, 17, 200, 0], // an extension beyond the end
            &[0x41, 0x40],                   // another version
        ] {
            let headers = frame(&SHORT, inside);
            assert!(
                matches!(headers.stopped, Some(Stopped { reason: Reason::Malformed(_), .. })),
                "{inside:x?}"
            );
            assert_eq!(headers.ports, None, "{inside:x?}");
        }
        let nested = [&SHORT[..], &[0x7e, 0x33, 0xee].repeat(20)].concat();
        let headers = decode(LinkType::IEEE802_15_4_NOFCS, &nested);
        assert_eq!(headers.stopped.map(|stopped| stopped.reason), Some(Reason::TooDeep));
    }
}
