//! Packets that the frame holds in another form than their own: escaped, or compressed. Only as much is unpacked as
//! headers need, on the stack; addresses, ports and protocol are read, and there is no payload to point to.

use super::Tunnel;
use super::inflate::inflate;
use super::ip::number;
use super::walk::{Next, Step, Walk};

/// Most octets that are unpacked: several headers, one in another.
const ROOM: usize = 512;

impl Walk<'_, '_> {
    /// IPComp (RFC 3173 section 3.1): next header, flags, compression parameter index. Of those that are well known only
    /// that of DEFLATE is open (RFC 2394); what one that was agreed on stands for shows when it unpacks. What cannot be
    /// unpacked stays with this protocol.
    pub(super) fn ip_payload_compression(&mut self) -> Step {
        const DEFLATE: u16 = 2;
        const NEGOTIATED: u16 = 256;
        self.begin("ipcomp");
        let &[next, _, i0, i1] = self.reader.array()?;
        let index = u16::from_be_bytes([i0, i1]);
        if index != DEFLATE && index < NEGOTIATED {
            return Ok(Next::Done);
        }
        let mut room = [0; ROOM];
        let Some((len, whole)) = inflate(self.reader.rest(), &mut room) else { return Ok(Next::Done) };
        // Octets of another algorithm hardly ever are a stream for so long.
        let is_version = matches!((next, room[0] >> 4), (number::IPV4, 4) | (number::IPV6, 6));
        if index != DEFLATE && !(whole || len == ROOM || is_version && len >= 20) {
            return Ok(Next::Done);
        }
        if len == 0 && self.reader.is_cut() {
            self.reader.skip(self.reader.len() + 1)?;
        }
        if len == 0 {
            return Ok(Next::Done);
        }
        self.push_tunnel(Tunnel::IpComp)?;
        self.commit_tunnels();
        self.set_protocol(next);
        self.unpacked(&room[..len], whole, Next::Protocol(next))
    }

    /// 3GPP2 A10 (A.S0017): attributes of type and length, of which the top bit of the type marks the last.
    pub(super) fn a10(&mut self) -> Step {
        const LAST: u8 = 0x80;
        self.begin("a10");
        loop {
            let &[kind, len] = self.reader.array()?;
            self.reader.skip(len.into())?;
            if kind & LAST != 0 {
                return self.framed_ppp();
            }
        }
    }

    /// PPP in octet-stuffed HDLC-like framing (RFC 1662 section 4): flags around frames, escapes, a check sequence.
    /// The first frame that begins here speaks for all.
    pub(super) fn framed_ppp(&mut self) -> Step {
        const FLAG: u8 = 0x7e;
        const ESCAPE: u8 = 0x7d;
        const CHECK_SEQUENCE: usize = 2;
        self.begin("ppp framing");
        let first = { self.reader }.u8();
        if first != Ok(FLAG) && !self.reader.is_cut() || first.is_ok_and(|first| first != FLAG) {
            // Nothing, or the middle of a frame, which an earlier packet began.
            return Ok(Next::Done);
        }
        first?;
        while self.reader.peek() == Some(FLAG) {
            self.reader.skip(1)?;
        }
        let rest = self.reader.rest();
        let end = rest.iter().position(|&octet| octet == FLAG);
        let frame = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
        if !frame.contains(&ESCAPE) {
            if end.is_some() {
                self.reader.bound(frame.len().saturating_sub(CHECK_SEQUENCE));
            }
            return Ok(Next::Ppp);
        }
        let mut room = [0; ROOM];
        let mut octets = frame.iter();
        let mut len = 0;
        while let (Some(place), Some(&octet)) = (room.get_mut(len), octets.next()) {
            *place = match octet {
                ESCAPE => match octets.next() {
                    Some(escaped) => escaped ^ 0x20,
                    None => break,
                },
                _ => octet,
            };
            len += 1;
        }
        let whole = end.is_some() && octets.as_slice().is_empty();
        if whole {
            len = len.saturating_sub(CHECK_SEQUENCE);
        }
        self.unpacked(&room[..len], whole, Next::Ppp)
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{INNER_V4, OUTER_V4, PORTS, decode, decode_cut, inner_v4, ipv4, tcp};
    use super::super::{Headers, Kind, Phase, Reason};
    use super::*;
    use crate::packet::{LinkType, TransportProtocol};

    /// IPComp with a stored block, the last one (RFC 1951 section 3.2.4).
    fn packed(next: u8, octets: &[u8]) -> Vec<u8> {
        let len = octets.len() as u16;
        let block = [&[0x01][..], &len.to_le_bytes(), &(!len).to_le_bytes(), octets].concat();
        ipv4(108, &[&[next, 0, 0, 2][..], &block].concat())
    }

    /// PPP in HDLC-like framing behind GRE, all control characters escaped (RFC 1662 section 7.1).
    fn framed(packet: &[u8]) -> Vec<u8> {
        let mut octets = vec![0, 0, 0x88, 0x81, 0x7e];
        for &octet in &[&[0xff, 3, 0, 0x21], packet, &[0xaa, 0xbb]].concat() {
            match octet {
                0..0x20 | 0x7d | 0x7e => octets.extend([0x7d, octet ^ 0x20]),
                _ => octets.push(octet),
            }
        }
        octets.push(0x7e);
        ipv4(47, &octets)
    }

    #[test]
    fn what_ipcomp_packs_is_read_and_has_no_payload() {
        let headers = decode(LinkType::RAW, &packed(6, &tcp(50_000, 443, 0x02, b"hello")));
        assert_eq!((headers.network, headers.ports), (OUTER_V4, Some(PORTS)));
        assert_eq!((headers.phase, headers.sequence, headers.stopped), (Phase::Open, 1, None));
        assert_eq!(headers.tunnels.as_slice(), [Tunnel::IpComp]);
        assert_eq!((headers.payload_offset, headers.payload_len, headers.payload_wire_len), (24, 0, 5));
        // An index that was agreed on.
        let mut agreed = packed(6, &tcp(50_000, 443, 0x02, b"hello"));
        agreed[22] = 0x63;
        assert_eq!(decode(LinkType::RAW, &agreed).ports, Some(PORTS));
        assert_eq!(decode_cut(LinkType::RAW, &agreed, 44).ports, None);
        // Tunnel mode, and one in the other.
        let headers = decode(LinkType::RAW, &packed(4, &inner_v4()));
        assert_eq!((headers.network, headers.ports), (INNER_V4, Some(PORTS)));
        assert_eq!(headers.tunnels.as_slice(), [Tunnel::IpComp, Tunnel::IpInIp]);
        let headers = decode(LinkType::RAW, &packed(4, &packed(4, &inner_v4())));
        assert_eq!(headers.tunnels.as_slice().len(), 4);
        assert_eq!((headers.network, headers.payload_offset), (INNER_V4, 24));
    }

    #[test]
    fn what_cannot_be_unpacked_stays_with_its_protocol() {
        let other_algorithm = ipv4(108, &[6, 0, 0, 3, 1, 2, 3, 4]);
        let no_stream = ipv4(108, &[6, 0, 0, 2, 0x07, 2, 3, 4]);
        let nothing = ipv4(108, &[6, 0, 0, 2]);
        let empty = packed(6, &[]);
        for octets in [other_algorithm, no_stream, nothing, empty] {
            let headers = decode(LinkType::RAW, &octets);
            assert_eq!((headers.kind, headers.ports), (Kind::Ip(TransportProtocol(108)), None));
            assert_eq!((headers.tunnels.as_slice(), headers.stopped), (&[][..], None), "{octets:x?}");
        }
        let mut deep = inner_v4();
        for _ in 0..6 {
            deep = packed(4, &deep);
        }
        let headers = decode(LinkType::RAW, &deep);
        assert_eq!(headers.stopped.map(|stopped| stopped.reason), Some(Reason::TooDeep));
        assert_eq!(headers.tunnels.as_slice().len(), Headers::DEPTH);
    }

    #[test]
    fn escaped_frames_are_read() {
        let octets = framed(&inner_v4());
        let headers = decode(LinkType::RAW, &octets);
        assert_eq!((headers.network, headers.ports), (INNER_V4, Some(PORTS)));
        assert_eq!((headers.tunnels.as_slice(), headers.stopped), (&[Tunnel::Gre][..], None));
        assert_eq!((headers.payload_offset, headers.payload_len), (25, 0));
        // The end of a frame, and nothing.
        for rest in [&octets[26..], &[]] {
            let headers = decode(LinkType::RAW, &ipv4(47, &[&[0, 0, 0x88, 0x81], rest].concat()));
            assert_eq!((headers.network, headers.stopped), (OUTER_V4, None));
            assert_eq!(headers.kind, Kind::Ip(TransportProtocol(47)));
        }
    }

    #[test]
    fn cut_anywhere_there_are_the_ports_or_a_reason() {
        let whole = packed(4, &framed(&packed(4, &inner_v4())));
        for octets in [packed(6, &tcp(50_000, 443, 0x02, b"hello")), framed(&inner_v4()), whole] {
            for len in 0..octets.len() {
                let headers = decode_cut(LinkType::RAW, &octets, len);
                let at = format!("{len}: {headers:?}");
                match headers.stopped.map(|stopped| stopped.reason) {
                    Some(Reason::Truncated { .. }) => {}
                    None => assert_eq!(headers.ports, Some(PORTS), "{at}"),
                    Some(_) => panic!("{at}"),
                }
                assert!((headers.payload_offset + headers.payload_len) as usize <= len, "{at}");
            }
        }
    }
}
