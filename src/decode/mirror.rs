//! Frames that switches and sniffers send on in UDP. None of these headers has a magic number, so the frame inside must
//! look like one.

use super::walk::{Next, Step, Walk};
use super::{Tunnel, shim};
use crate::packet::LinkType;

impl Walk<'_, '_> {
    /// TaZmen Sniffer Protocol: version 1, type, what is encapsulated, tags of type and length up to the one that ends
    /// them, then the frame. Types 0 and 1 carry frames that were received or are to be sent.
    pub(super) fn tzsp(&mut self) -> Step {
        const PADDING: u8 = 0;
        const END: u8 = 1;
        self.begin("tzsp");
        let &[version, kind, e0, e1] = self.reader.array()?;
        let link = match u16::from_be_bytes([e0, e1]) {
            1 => LinkType::ETHERNET,
            2 => LinkType::IEEE802_5,
            4 => LinkType::PPP,
            5 => LinkType::FDDI,
            7 => LinkType::RAW,
            18 => LinkType::IEEE802_11,
            119 => LinkType::IEEE802_11_PRISM,
            127 => LinkType::IEEE802_11_AVS,
            _ => return Ok(Next::Done),
        };
        if version != 1 || kind > 1 {
            return Ok(Next::Done);
        }
        loop {
            match self.reader.u8()? {
                PADDING => {}
                END => break,
                _ => {
                    let len = self.reader.u8()?;
                    self.reader.skip(len.into())?;
                }
            }
        }
        self.push_tunnel(Tunnel::Tzsp)?;
        Ok(Next::Link(link))
    }

    /// Remote mirroring of HP switches: 12 octets, then an Ethernet frame.
    pub(super) fn hp_erm(&mut self) -> Step {
        self.begin("hp erm");
        self.reader.skip(12)?;
        if !self.reader.is_cut() && !shim::is_ethernet(self.reader.rest()) {
            return Ok(Next::Done);
        }
        self.push_tunnel(Tunnel::HpErm)?;
        Ok(Next::Ethernet)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Headers;
    use super::super::samples::{INNER_V4, OUTER_V4, PORTS, decode, ethernet, inner_v4, ipv4, udp};
    use super::*;

    fn in_udp(port: u16, header: &[u8], inside: &[u8]) -> Headers {
        decode(LinkType::RAW, &ipv4(17, &udp(49_152, port, &[header, inside].concat())))
    }

    #[test]
    fn a_sniffer_says_what_it_sends_on() {
        let frame = ethernet(0x0800, &inner_v4());
        let snap = [0xaa, 0xaa, 3, 0, 0, 0, 8, 0];
        let wlan = [&[8, 0, 0, 0][..], &[2; 18], &[0, 0], &snap, &inner_v4()].concat();
        let tags = |encapsulated: u8| [1, 0, 0, encapsulated, 0, 10, 1, 0x2b, 18, 1, 6, 1];
        for (encapsulated, inside) in [(1, &frame), (7, &inner_v4()), (18, &wlan)] {
            let headers = in_udp(37_008, &tags(encapsulated), inside);
            assert_eq!((headers.network, headers.ports), (INNER_V4, Some(PORTS)), "{encapsulated}");
            assert_eq!(headers.tunnels.as_slice(), [Tunnel::Tzsp], "{encapsulated}");
        }
        // Another version; a keep-alive; an unknown encapsulation; tags without an end.
        for header in
            [&[2, 0, 0, 1, 1][..], &[1, 4, 0, 1, 1], &[1, 0, 0, 0, 1], &[1, 0, 0, 1, 10, 200], &[1, 0, 0, 1]]
        {
            let headers = in_udp(37_008, header, &frame);
            assert_eq!((headers.network, headers.ports), (OUTER_V4, Some((49_152, 37_008))), "{header:?}");
            assert_eq!((headers.tunnels.as_slice(), headers.stopped), (&[][..], None), "{header:?}");
        }
    }

    #[test]
    fn only_what_looks_like_a_frame_is_a_mirrored_one() {
        let mut frame = ethernet(0x0800, &inner_v4());
        let headers = in_udp(7932, &[0; 12], &frame);
        assert_eq!((headers.network, headers.tunnels.as_slice()), (INNER_V4, &[Tunnel::HpErm][..]));
        frame[13] = 1;
        for inside in [&frame[..], &[]] {
            let headers = in_udp(7932, &[0; 12], inside);
            assert_eq!((headers.network, headers.ports), (OUTER_V4, Some((49_152, 7932))));
            assert_eq!((headers.tunnels.as_slice(), headers.stopped), (&[][..], None));
        }
    }
}
