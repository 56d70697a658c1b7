//! IEEE 802.15.4 data frames, and the ZigBee Encapsulation Protocol and the TAP header around them.

use super::walk::{Next, Step, Walk};
use super::{Kind, Reason, Tunnel};

/// A link-layer address, octets in network order.
#[derive(Clone, Copy)]
pub(super) enum Address {
    None,
    Short([u8; 2]),
    Extended([u8; 8]),
}

/// What an IEEE 802.15.4 or a mesh header says that addresses can be derived from.
#[derive(Clone, Copy)]
pub(super) struct Link {
    pub(super) pan: [u8; 2],
    pub(super) source: Address,
    pub(super) destination: Address,
}

impl Walk<'_, '_> {
    /// ZigBee Encapsulation Protocol, versions 1 and 2: only data carries a frame, the last two octets of which are
    /// its check sequence or what a radio chip puts in its place.
    pub(super) fn zep(&mut self) -> Step {
        self.begin("zep");
        let &[e, x, version, kind] = self.reader.array()?;
        if [e, x] != *b"EX" {
            return Ok(Next::Done);
        }
        match (version, kind) {
            (1, _) => self.reader.skip(11)?,
            (2, 1) => self.reader.skip(27)?,
            _ => return Ok(Next::Done),
        }
        let len = self.reader.u8()? & 0x7f;
        self.reader.bound(len.into());
        self.push_tunnel(Tunnel::Zep)?;
        Ok(Next::Ieee802154 { check_sequence: 2 })
    }

    /// The header of LINKTYPE_IEEE802_15_4_TAP: length, then fields of type, length, and a value padded to 4 octets.
    pub(super) fn ieee802_15_4_tap(&mut self) -> Step {
        const CHECK_SEQUENCE_TYPE: [u8; 2] = [0, 0];
        self.begin("ieee 802.15.4 tap");
        let &[_, _, l0, l1] = self.reader.array()?;
        let Some(len) = usize::from(u16::from_le_bytes([l0, l1])).checked_sub(4) else {
            return Err(Reason::Malformed("the length is less than 4 octets"));
        };
        let mut fields = self.reader.take(len)?;
        let mut check_sequence = 0;
        while let [t0, t1, l0, l1, ref rest @ ..] = *fields {
            let len = usize::from(u16::from_le_bytes([l0, l1]));
            if [t0, t1] == CHECK_SEQUENCE_TYPE {
                check_sequence = match rest.first() {
                    Some(1) => 2,
                    Some(2) => 4,
                    _ => 0,
                };
            }
            fields = rest.get(len.next_multiple_of(4)..).unwrap_or_default();
        }
        Ok(Next::Ieee802154 { check_sequence })
    }

    /// A frame (IEEE 802.15.4, clause 7.2) that ends with a check sequence of so many octets: only data frames
    /// without security carry something to read.
    pub(super) fn ieee802_15_4(&mut self, check_sequence: u8) -> Step {
        const DATA: u16 = 1;
        const SECURITY: u16 = 0x0008;
        const SAME_NETWORK: u16 = 0x0040;
        const NO_SEQUENCE_NUMBER: u16 = 0x0100;
        const ELEMENTS: u16 = 0x0200;
        self.begin("ieee 802.15.4");
        self.reader.drop_trailer(check_sequence.into());
        let control = u16::from_le_bytes(*self.reader.array()?);
        let (to, version, from) = (control >> 10 & 3, control >> 12 & 3, control >> 14);
        if control & 7 != DATA || control & SECURITY != 0 || version == 3 || to == 1 || from == 1 {
            return self.end(Kind::NonIp);
        }
        if version < 2 || control & NO_SEQUENCE_NUMBER == 0 {
            self.reader.skip(1)?;
        }
        let same = control & SAME_NETWORK != 0;
        // Table 7-2 of the edition of 2015; the earlier ones leave out only the source's.
        let (to_network, from_network) = match (version, to, from) {
            (0 | 1, ..) => (to != 0, from != 0 && !(same && to != 0)),
            (_, 0, 0) => (same, false),
            (_, _, 0) => (!same, false),
            (_, 0, _) => (false, !same),
            (_, 3, 3) => (!same, false),
            _ => (true, !same),
        };
        let mut pan = [0; 2];
        if to_network {
            pan = self.reversed()?;
        }
        let destination = self.link_address(to)?;
        if from_network {
            pan = self.reversed()?;
        }
        let source = self.link_address(from)?;
        if version == 2 && control & ELEMENTS != 0 {
            self.information_elements()?;
        }
        self.lowpan(Link { pan, source, destination })
    }

    /// The next octets, which are sent last one first.
    fn reversed<const N: usize>(&mut self) -> Result<[u8; N], Reason> {
        let mut octets = *self.reader.array()?;
        octets.reverse();
        Ok(octets)
    }

    /// An address of this mode: 0 is none, 2 a short one, 3 an extended one.
    fn link_address(&mut self, mode: u16) -> Result<Address, Reason> {
        Ok(match mode {
            0 => Address::None,
            2 => Address::Short(self.reversed()?),
            _ => Address::Extended(self.reversed()?),
        })
    }

    /// Header elements up to a termination, and payload elements up to theirs (IEEE 802.15.4, clause 7.4), or all
    /// there is.
    fn information_elements(&mut self) -> Result<(), Reason> {
        const PAYLOAD_ELEMENTS_FOLLOW: u16 = 0x7e;
        const PAYLOAD_FOLLOWS: u16 = 0x7f;
        const END_OF_PAYLOAD_ELEMENTS: u16 = 0xf;
        let mut in_payload = false;
        while self.reader.len() > 0 || self.reader.is_cut() {
            let head = u16::from_le_bytes(*self.reader.array()?);
            if in_payload {
                self.reader.skip((head & 0x7ff).into())?;
                if head >> 11 & 0xf == END_OF_PAYLOAD_ELEMENTS {
                    break;
                }
            } else {
                self.reader.skip((head & 0x7f).into())?;
                match head >> 7 & 0xff {
                    PAYLOAD_FOLLOWS => break,
                    PAYLOAD_ELEMENTS_FOLLOW => in_payload = true,
                    _ => {}
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::decode;
    use super::*;
    use crate::packet::LinkType;

    #[test]
    fn other_frames_are_not_ip() {
        for octets in [
            &[0x40, 0x88, 9, 0xef, 0xbe, 2, 0, 1, 0, 0x41][..], // beacon
            &[0x49, 0x88, 9, 0xef, 0xbe, 2, 0, 1, 0, 0x41],     // secured
            &[0x41, 0xb8, 9, 0xef, 0xbe, 2, 0, 1, 0, 0x41],     // reserved version
            &[0x41, 0x84, 9, 0xef, 0xbe, 2, 0, 1, 0, 0x41],     // reserved address mode
            &[0x41, 0x88, 9, 0xef, 0xbe, 2, 0, 1, 0, 0x48, 2, 0, 0], // ZigBee
            &[0x41, 0x88, 9, 0xef, 0xbe, 2, 0, 1, 0],           // empty
        ] {
            let headers = decode(LinkType::IEEE802_15_4_NOFCS, octets);
            assert_eq!((headers.kind, headers.stopped), (Kind::NonIp, None), "{octets:x?}");
        }
    }
}
