//! ATSC 3.0 link-layer protocol (A/330): packets of digital television.

use super::walk::{Next, Step, Walk};
use super::{Kind, Piece};

impl Walk<'_, '_> {
    /// A packet (A/330 section 5): type, how the payload is configured, a length of 11 bits, perhaps an additional
    /// header. Of several packets in one the first speaks for all; of segments none does.
    pub(super) fn alp(&mut self) -> Step {
        const CONFIGURED: u8 = 0x10;
        const MODE: u8 = 0x08;
        self.begin("atsc alp");
        let &[first, low] = self.reader.array()?;
        // 0 is IPv4; compressed IP, signalling and transport streams are other types.
        if first >> 5 != 0 {
            return self.end(Kind::NonIp);
        }
        let mut len = usize::from(u16::from_be_bytes([first & 7, low]));
        match (first & CONFIGURED != 0, first & MODE != 0) {
            (false, false) => {}
            (false, true) => len |= self.alp_single()? << 11,
            (true, false) => {
                self.headers.piece = Some(Piece::AlpSegment);
                return self.end(Kind::NonIp);
            }
            (true, true) => len = self.alp_first_of_several()?,
        }
        self.reader.bound(len);
        Ok(Next::Ipv4)
    }

    /// The additional header of a single packet: five more bits of the length, whether there are a sub-stream and an
    /// extension. Returns those bits.
    fn alp_single(&mut self) -> Result<usize, super::Reason> {
        let header = self.reader.u8()?;
        if header & 2 != 0 {
            self.reader.skip(1)?;
        }
        if header & 1 != 0 {
            // Type, length less 1.
            let &[_, less] = self.reader.array()?;
            self.reader.skip(usize::from(less) + 1)?;
        }
        Ok(usize::from(header >> 3))
    }

    /// The additional header of several packets in one: four more bits of the length, the number of packets less 2, whether
    /// there is a sub-stream; then the lengths of all packets but the last, 12 bits each. Returns the first of them.
    fn alp_first_of_several(&mut self) -> Result<usize, super::Reason> {
        let header = self.reader.u8()?;
        if header & 1 != 0 {
            self.reader.skip(1)?;
        }
        let lengths = usize::from(header >> 1 & 7) + 1;
        let octets = self.reader.take((lengths * 12).div_ceil(8))?;
        let first = octets.first_chunk().map_or(0, |pair| u16::from_be_bytes(*pair) >> 4);
        self.headers.further = lengths as u16;
        Ok(first.into())
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{INNER_V4, PORTS, decode, decode_cut, inner_v4};
    use super::super::{Reason, Stopped};
    use super::*;
    use crate::packet::LinkType;

    #[test]
    fn additional_headers_are_passed_over() {
        let packet = inner_v4();
        let len = packet.len() as u8;
        for head in [
            &[0x00, len][..],
            &[0x08, len, 0x00],
            // A sub-stream; an extension of 2 octets; both.
            &[0x08, len, 0x02, 9],
            &[0x08, len, 0x01, 1, 1, 7, 7],
            &[0x08, len, 0x03, 9, 1, 0, 7],
        ] {
            let octets = [head, &packet].concat();
            let headers = decode(LinkType::ATSC_ALP, &octets);
            assert_eq!((headers.network, headers.ports), (INNER_V4, Some(PORTS)), "{head:02x?}");
            assert_eq!((headers.stopped, headers.further), (None, 0));
            for cut in 1..head.len() {
                let headers = decode_cut(LinkType::ATSC_ALP, &octets, cut);
                assert!(matches!(
                    headers.stopped,
                    Some(Stopped { layer: "atsc alp", offset: 0, reason: Reason::Truncated { .. } })
                ));
            }
        }
    }

    #[test]
    fn the_first_of_several_packets_speaks_for_all() {
        let packet = inner_v4();
        // Two packets: one length; three: two lengths of 12 bits in 3 octets.
        let len = packet.len() as u16;
        let one = (len << 4).to_be_bytes();
        let two = [&[0x18, 0, 0x00][..], &one, &packet, &packet].concat();
        let three = [
            &[0x18, 0, 0x02, (len >> 4) as u8, ((len & 0xf) << 4) as u8, len as u8],
            &[&packet[..]; 3].concat()[..],
        ]
        .concat();
        for (octets, further) in [(two, 1), (three, 2)] {
            let headers = decode(LinkType::ATSC_ALP, &octets);
            assert_eq!((headers.ports, headers.further, headers.stopped), (Some(PORTS), further, None));
            assert_eq!(headers.payload_len, 5);
        }
    }

    #[test]
    fn segments_and_other_types_are_not_opened() {
        for head in [[0x10, 40], [0x40, 40], [0x80, 40], [0xe0, 40]] {
            let headers = decode(LinkType::ATSC_ALP, &[&head[..], &inner_v4()].concat());
            assert_eq!((headers.kind, headers.stopped), (Kind::NonIp, None), "{head:02x?}");
            assert_eq!(headers.piece, (head[0] == 0x10).then_some(Piece::AlpSegment));
        }
    }
}
