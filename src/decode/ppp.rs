//! The Point-to-Point Protocol: framing, protocol field, and what compression and multilink make of packets.

use super::walk::{Next, Step, Walk};
use super::{Kind, Network, Piece, ip::number};

impl Walk<'_, '_> {
    /// PPP in HDLC-like framing (RFC 1662), or Cisco HDLC on the same interface type (RFC 1547).
    pub(super) fn ppp_link(&mut self) -> Step {
        match self.reader.peek() {
            Some(0x0f | 0x8f) => self.cisco_hdlc(),
            _ => Ok(Next::Ppp),
        }
    }

    /// PPP whose address and control fields may have been compressed away (RFC 1661 section 6.6).
    pub(super) fn ppp(&mut self) -> Step {
        self.begin("ppp");
        // No protocol begins with ff (RFC 1661 section 2).
        if self.reader.peek() == Some(0xff) {
            self.reader.skip(2)?;
        }
        Ok(Next::PppProtocol)
    }

    /// The protocol field: the lowest bit of its last octet is 1, so that one octet may do (RFC 1661 section 2).
    pub(super) fn ppp_protocol(&mut self) -> Step {
        self.begin("ppp");
        let first = self.reader.u8()?;
        let protocol = match first & 1 {
            1 => u16::from(first),
            _ => u16::from_be_bytes([first, self.reader.u8()?]),
        };
        match protocol {
            0x0021 => Ok(Next::Ipv4),
            0x002d => {
                self.headers.piece = Some(Piece::CompressedTcp);
                self.end(Kind::NonIp)
            }
            0x002f => self.uncompressed_tcp(),
            0x0057 => Ok(Next::Ipv6),
            0x0281 | 0x0283 => Ok(Next::Mpls),
            0x0031 => self.bridging_pdu(),
            0x003d => self.multilink(),
            // RFC 6361 section 3.
            0x005d => self.trill(),
            _ => self.end(Kind::NonIp),
        }
    }

    /// A frame bridged over PPP (RFC 3518 section 4.2): flags, MAC type (1 is Ethernet), the frame.
    fn bridging_pdu(&mut self) -> Step {
        match *self.reader.array()? {
            [_, 1] => Ok(Next::Ethernet),
            _ => self.end(Kind::NonIp),
        }
    }

    /// Van Jacobson's uncompressed TCP (RFC 1144 section 3.2.3, RFC 1332 section 4): an IPv4 packet in whose protocol
    /// field the number of the connection stands, as it cannot be anything but TCP.
    fn uncompressed_tcp(&mut self) -> Step {
        let step = self.ipv4();
        let headers = &self.headers;
        // A header too damaged to be believed leaves the packet around it as it was.
        let taken = headers.payload_offset >= self.reader.layer_offset() + 20;
        if headers.network == Network::None || !taken {
            return step;
        }
        self.set_protocol(number::TCP);
        step.map(|next| if next == Next::Done { next } else { Next::Protocol(number::TCP) })
    }

    /// Multilink (RFC 1990 section 3): two flags and a sequence number of 24 or 12 bits, as was agreed on; where both
    /// flags are set, the fragment is a whole packet from its protocol field on.
    fn multilink(&mut self) -> Step {
        const WHOLE: u8 = 0xc0;
        let Some(&[flags, _]) = self.reader.peek_array() else {
            return self.reader.skip(2).map(|()| Next::Done);
        };
        if flags & WHOLE != WHOLE {
            self.headers.piece = Some(Piece::Multilink);
            return self.end(Kind::NonIp);
        }
        let rest = self.reader.rest();
        let carries = |at| rest.get(at..).is_some_and(carries_ip);
        let len = if carries(2) && !carries(4) { 2 } else { 4 };
        self.reader.skip(len)?;
        Ok(Next::PppProtocol)
    }
}

/// Whether octets begin with a protocol field of IP and a first octet that fits it.
fn carries_ip(octets: &[u8]) -> bool {
    match octets.strip_prefix(&[0]).unwrap_or(octets) {
        [0x21, first, ..] => first >> 4 == 4,
        [0x57, first, ..] => first >> 4 == 6,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{INNER_V4, OUTER_V4, PORTS, decode, decode_cut, inner_v4, ipv4};
    use super::super::{Headers, Reason, Stopped, TransportProtocol};
    use super::*;
    use crate::packet::LinkType;

    /// The same packet with a connection's number for its protocol.
    fn numbered(mut packet: Vec<u8>) -> Vec<u8> {
        packet[9] = 3;
        [&[0xff, 3, 0, 0x2f], &packet[..]].concat()
    }

    #[test]
    fn the_number_of_a_connection_stands_for_tcp() {
        let octets = numbered(inner_v4());
        let headers = decode(LinkType::PPP, &octets);
        assert_eq!((headers.network, headers.ports, headers.stopped), (INNER_V4, Some(PORTS), None));
        assert_eq!(headers.kind, Kind::Ip(TransportProtocol::TCP));
        // Cut within the ports, it is TCP; within the header of IP, nothing.
        let headers = decode_cut(LinkType::PPP, &octets, 4 + 20 + 3);
        assert_eq!((headers.protocol, headers.ports), (TransportProtocol::TCP, None));
        assert!(matches!(headers.stopped, Some(Stopped { layer: "tcp", .. })));
        assert_eq!(decode_cut(LinkType::PPP, &octets, 4 + 19).kind, Kind::Undecodable);
        // A later fragment has no ports, and is TCP as well.
        let mut later = inner_v4();
        later[7] = 9;
        let headers = decode(LinkType::PPP, &numbered(later));
        assert_eq!((headers.protocol, headers.ports, headers.stopped), (TransportProtocol::TCP, None, None));
        assert!(headers.fragment.is_some());
    }

    #[test]
    fn what_cannot_be_ip_leaves_the_packet_around_it() {
        let mut broken = inner_v4();
        broken[0] = 0x42;
        let pptp = [0x30, 1, 0x88, 0x0b, 0, 60, 0, 1, 0, 0, 0, 1];
        let headers = decode(LinkType::RAW, &ipv4(47, &[&pptp[..], &numbered(broken)].concat()));
        assert_eq!((headers.network, headers.protocol), (OUTER_V4, TransportProtocol(47)));
    }

    #[test]
    fn what_has_a_compressed_header_is_told() {
        // RFC 1332 section 4: protocol 0x002d; RFC 1144: changes, checksum.
        let headers = decode(LinkType::PPP, &[0xff, 3, 0, 0x2d, 0x10, 0x12, 0x34, b'x']);
        assert_eq!((headers.kind, headers.piece), (Kind::NonIp, Some(Piece::CompressedTcp)));
        assert_eq!(decode(LinkType::PPP, &[0xff, 3, 0xc0, 0x21, 9, 1, 0, 4]).piece, None);
    }

    #[test]
    fn only_whole_packets_are_read_of_multilink() {
        let fragment = |head: &[u8]| -> Headers {
            decode(LinkType::PPP, &[&[0xff, 3, 0, 0x3d], head, &inner_v4()].concat())
        };
        // Sequence numbers of 24 and of 12 bits, protocols of two octets and of one.
        for head in [
            &[0xc0, 0, 0x12, 0x34, 0, 0x21][..],
            &[0xc0, 0, 0, 1, 0x21],
            &[0xc1, 0x23, 0, 0x21],
            &[0xc0, 7, 0x21],
            &[0xfc, 1, 2, 3, 0, 0x21],
        ] {
            let headers = fragment(head);
            assert_eq!((headers.ports, headers.stopped), (Some(PORTS), None), "{head:02x?}");
        }
        for head in [[0x80, 0, 0, 1, 0, 0x21], [0x40, 0, 0, 2, 0, 0x21], [0, 0, 0, 3, 0, 0x21]] {
            let headers = fragment(&head);
            assert_eq!((headers.kind, headers.stopped), (Kind::NonIp, None), "{head:02x?}");
            assert_eq!(headers.piece, Some(Piece::Multilink));
        }
        let cut = decode_cut(LinkType::PPP, &[0xff, 3, 0, 0x3d, 0xc0, 0, 0, 1, 0, 0x21], 7);
        assert!(matches!(cut.stopped, Some(Stopped { layer: "ppp", reason: Reason::Truncated { .. }, .. })));
    }
}
