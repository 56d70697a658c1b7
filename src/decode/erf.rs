//! Endace's Extensible Record Format (LINKTYPE_ERF): what its records hold, and ATM behind them.

use super::walk::{Next, Step, Walk};
use super::{Kind, LinkProtocol};
use crate::packet::LinkType;

/// Types of records, in the low 7 bits of the type field.
mod kind {
    pub(super) const HDLC: u8 = 1;
    pub(super) const ETHERNET: u8 = 2;
    pub(super) const ATM: u8 = 3;
    pub(super) const AAL5: u8 = 4;
    pub(super) const MC_HDLC: u8 = 5;
    pub(super) const MC_ATM: u8 = 7;
    pub(super) const MC_AAL5: u8 = 9;
    pub(super) const COLOR_HDLC: u8 = 10;
    pub(super) const COLOR_ETHERNET: u8 = 11;
    pub(super) const DSM_COLOR_HDLC: u8 = 15;
    pub(super) const DSM_COLOR_ETHERNET: u8 = 16;
    pub(super) const COLOR_MC_HDLC: u8 = 17;
    pub(super) const COLOR_HASH_HDLC: u8 = 19;
    pub(super) const COLOR_HASH_ETHERNET: u8 = 20;
    pub(super) const INFINIBAND: u8 = 21;
    pub(super) const IPV4: u8 = 22;
    pub(super) const IPV6: u8 = 23;
    pub(super) const INFINIBAND_LINK: u8 = 25;
}

impl Walk<'_, '_> {
    /// A record: time, type, flags, record length, losses or colour, length on the wire; extension headers of 8 octets
    /// while the top bit of type or extension says that one follows; a header of the type's own, then the frame.
    pub(super) fn erf(&mut self) -> Step {
        const MORE: u8 = 0x80;
        self.begin("erf");
        let &[_, _, _, _, _, _, _, _, mut more, _, _, _, _, _, w0, w1] = self.reader.array()?;
        let kind = more & !MORE;
        while more & MORE != 0 {
            more = self.reader.u8()?;
            self.reader.skip(7)?;
        }
        match kind {
            kind::ETHERNET | kind::COLOR_ETHERNET | kind::DSM_COLOR_ETHERNET | kind::COLOR_HASH_ETHERNET => {
                // Where the destination address begins, which hardware has ignored so far; padding.
                self.reader.skip(2)?;
                self.on_the_wire([w0, w1]);
                Ok(Next::Ethernet)
            }
            kind::HDLC | kind::COLOR_HDLC | kind::DSM_COLOR_HDLC | kind::COLOR_HASH_HDLC => {
                self.on_the_wire([w0, w1]);
                self.hdlc()
            }
            kind::MC_HDLC | kind::COLOR_MC_HDLC => {
                self.reader.skip(4)?;
                self.hdlc()
            }
            // The header of the cell without its check, the first cell of a packet or the packet itself.
            kind::ATM | kind::AAL5 => self.aal5(4),
            kind::MC_ATM | kind::MC_AAL5 => self.aal5(8),
            kind::IPV4 => {
                self.on_the_wire([w0, w1]);
                Ok(Next::Ipv4)
            }
            kind::IPV6 => {
                self.on_the_wire([w0, w1]);
                Ok(Next::Ipv6)
            }
            kind::INFINIBAND | kind::INFINIBAND_LINK => self.end(Kind::Link(LinkProtocol::Infiniband)),
            _ => self.end(Kind::NonIp),
        }
    }

    /// Heeds the length on the wire where the record holds less of the frame.
    fn on_the_wire(&mut self, len: [u8; 2]) {
        let len = usize::from(u16::from_be_bytes(len));
        if len > self.reader.len() + self.reader.missing() {
            self.reader.bound(len);
        }
    }

    /// What HDLC frames hold is not told: Cisco HDLC and PPP are known by their first octets, Frame Relay by the last bit
    /// of its address.
    fn hdlc(&mut self) -> Step {
        match self.reader.peek_array::<2>() {
            Some([0x0f | 0x8f, _]) => Ok(Next::Link(LinkType::C_HDLC)),
            Some([0xff, 3] | [0, 0x21 | 0x57] | [0x21 | 0x57, _]) => Ok(Next::Ppp),
            Some([first, second]) if first & 1 == 0 && second & 1 == 1 => Ok(Next::Link(LinkType::FRELAY)),
            Some(_) => self.end(Kind::NonIp),
            None => Ok(Next::Ppp),
        }
    }

    /// AAL5 behind `header_len` octets: LLC (RFC 2684 section 5), PPP over either (RFC 2364), or, as whole circuits
    /// carry one protocol, IP or PPP alone (sections 6.1 and RFC 2364 section 4).
    fn aal5(&mut self, header_len: usize) -> Step {
        self.begin("aal5");
        self.reader.skip(header_len)?;
        match *self.reader.rest() {
            [0xaa, 0xaa, 3, ..] => self.atm_llc(),
            [0xfe, 0xfe, 3, 0xcf, ..] => {
                self.reader.skip(4)?;
                Ok(Next::Ppp)
            }
            [0xfe, 0xfe, 3, ..] => Ok(Next::Llc),
            [0x45..=0x4f | 0x60..=0x6f, ..] => Ok(Next::Ip),
            [0xff, 3, ..] | [0, 0x21 | 0x57, ..] | [0x21 | 0x57, ..] => Ok(Next::Ppp),
            [] => self.reader.skip(3).map(|()| Next::Done),
            _ => self.end(Kind::NonIp),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{PORTS, decode, decode_cut, ethernet, inner_v4, ipv6, tcp};
    use super::super::{Headers, Reason, Stopped};
    use super::*;

    /// A record of this type with extension headers, from Endace's description of the format.
    fn record(kind: u8, extensions: &[[u8; 8]], inside: &[u8]) -> Vec<u8> {
        let len = (inside.len() as u16).to_be_bytes();
        let head = [0, 0, 0, 0, 0x80, 0x3b, 0xb1, 0x6a, kind, 4, 0, 0, 0, 0, len[0], len[1]];
        [&head[..], &extensions.concat(), inside].concat()
    }

    fn read(kind: u8, inside: &[&[u8]]) -> Headers {
        decode(LinkType::ERF, &record(kind, &[], &inside.concat()))
    }

    #[test]
    fn every_type_that_holds_packets_is_opened() {
        let (packet, frame) = (inner_v4(), ethernet(0x0800, &inner_v4()));
        for kind in [2, 11, 16, 20] {
            assert_eq!(read(kind, &[&[0, 0], &frame]).ports, Some(PORTS), "{kind}");
        }
        for kind in [1, 10, 15, 19] {
            for head in [&[0xff, 3, 0, 0x21][..], &[0x0f, 0, 8, 0], &[0x18, 0x41, 3, 0xcc], &[0x21]] {
                assert_eq!(read(kind, &[head, &packet]).ports, Some(PORTS), "{kind} {head:02x?}");
            }
        }
        for kind in [5, 17] {
            assert_eq!(read(kind, &[&[0, 0, 0, 7, 0xff, 3, 0, 0x21], &packet]).ports, Some(PORTS), "{kind}");
        }
        for (kind, header) in [(3, 4), (4, 4), (7, 8), (9, 8)] {
            let cell = &[0; 8][..header];
            for head in [
                &[0xaa, 0xaa, 3, 0, 0, 0, 8, 0][..],
                &[0xfe, 0xfe, 3, 0xcc],
                &[0xfe, 0xfe, 3, 0xcf, 0, 0x21],
                &[0, 0x21],
                &[],
            ] {
                assert_eq!(read(kind, &[cell, head, &packet]).ports, Some(PORTS), "{kind} {head:02x?}");
            }
            let bridged = [0xaa, 0xaa, 3, 0, 0x80, 0xc2, 0, 7, 0, 0];
            assert_eq!(read(kind, &[cell, &bridged, &frame]).ports, Some(PORTS), "{kind}");
        }
        assert_eq!(read(22, &[&packet]).ports, Some(PORTS));
        assert_eq!(read(23, &[&ipv6(6, &tcp(PORTS.0, PORTS.1, 2, b""))]).ports, Some(PORTS));
    }

    #[test]
    fn what_holds_no_packet_is_told_by_its_kind() {
        for (kind, expected) in [
            (21, Kind::Link(LinkProtocol::Infiniband)),
            (25, Kind::Link(LinkProtocol::Infiniband)),
            (13, Kind::NonIp),
            (27, Kind::NonIp),
            (48, Kind::NonIp),
        ] {
            let headers = read(kind, &[&[0x45; 40]]);
            assert_eq!((headers.kind, headers.stopped), (expected, None), "{kind}");
        }
    }

    #[test]
    fn extension_headers_follow_while_a_bit_says_so() {
        let inside = [&[0, 0], &ethernet(0x0800, &inner_v4())[..]].concat();
        let octets = record(0x82, &[[0x83, 0, 0, 0, 0, 0, 0, 1], [5; 8]], &inside);
        assert_eq!(decode(LinkType::ERF, &octets).ports, Some(PORTS));
        for len in [12, 17, 30] {
            let cut = decode_cut(LinkType::ERF, &octets, len);
            assert!(matches!(
                cut.stopped,
                Some(Stopped { layer: "erf", offset: 0, reason: Reason::Truncated { .. } })
            ));
        }
        // A bit that is never cleared ends with the record.
        let endless = record(0x82, &[[0x80; 8]; 4], &[]);
        assert!(matches!(
            decode(LinkType::ERF, &endless).stopped,
            Some(Stopped { reason: Reason::Malformed(_), .. })
        ));
    }

    #[test]
    fn the_length_on_the_wire_tells_what_the_record_left_out() {
        let mut octets = record(2, &[], &[&[0, 0], &ethernet(0x0800, &inner_v4())[..]].concat());
        octets.truncate(16 + 2 + 14 + 20 + 3);
        let headers = decode(LinkType::ERF, &octets);
        assert!(matches!(
            headers.stopped,
            Some(Stopped { layer: "tcp", reason: Reason::Truncated { present: 3, .. }, .. })
        ));
    }
}
