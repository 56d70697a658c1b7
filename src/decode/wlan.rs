//! IEEE 802.11 data frames, and the headers that radios put before them.

use super::walk::{Next, Step, Walk};
use super::{Kind, Reason};
use crate::packet::LinkType;

/// What a radio header says about the frame behind it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Radio {
    /// A frame check sequence of 4 octets ends the frame.
    pub(super) check_sequence: bool,
    /// The frame's header is padded to a multiple of 4 octets.
    pub(super) padded: bool,
    /// The octets of frame control are swapped, as some access points do in CAPWAP.
    pub(super) swapped: bool,
    /// Protected frames were deciphered before they were captured, though what surrounds their octets is still there.
    pub(super) deciphered: bool,
}

impl Walk<'_, '_> {
    /// An 802.11 frame (IEEE 802.11, clause 9.3): only unprotected data frames carry something to read.
    pub(super) fn wlan(&mut self, radio: Radio) -> Step {
        self.begin("ieee 802.11");
        let &[mut f0, mut f1] = self.reader.array()?;
        if radio.swapped {
            (f0, f1) = (f1, f0);
        }
        if radio.check_sequence {
            self.reader.drop_trailer(4);
        }
        let (kind, subtype) = (f0 >> 2 & 3, f0 >> 4);
        if f0 & 3 != 0 || kind != 2 {
            return self.end(Kind::NonIp);
        }
        self.reader.skip(2)?;
        let [a1, a2, a3] = [*self.reader.array::<6>()?, *self.reader.array()?, *self.reader.array()?];
        self.reader.skip(2)?;
        match f1 & 3 {
            0 => self.addresses(a2, a1),
            1 => self.addresses(a2, a3),
            2 => self.addresses(a3, a1),
            _ => {
                let a4 = *self.reader.array()?;
                self.addresses(a4, a3);
            }
        }
        let mut aggregated = false;
        let mut header_len = if f1 & 3 == 3 { 30 } else { 24 };
        if subtype & 8 != 0 {
            aggregated = self.reader.u16()? & 0x8000 != 0;
            header_len += 2;
            if f1 & 0x80 != 0 {
                self.reader.skip(4)?;
                header_len += 4;
            }
        }
        // Subtypes with the third bit set carry no data; protected ones none that can be read.
        if subtype & 4 != 0 || f1 & 0x40 != 0 && !radio.deciphered {
            return self.end(Kind::NonIp);
        }
        if radio.padded && header_len % 4 != 0 {
            self.reader.skip(4 - header_len % 4)?;
        }
        if self.reader.len() == 0 && !self.reader.is_cut() {
            return self.end(Kind::NonIp);
        }
        if f1 & 0x40 != 0 && !self.pass_cipher_header()? {
            return self.end(Kind::NonIp);
        }
        if aggregated {
            // An aggregate: the first frame in it speaks for all (addresses, length, frame).
            self.reader.skip(12)?;
            let len = self.reader.u16()?.into();
            self.headers.further = further_subframes(self.reader.rest(), len);
            self.reader.bound(len);
        }
        Ok(Next::Llc)
    }

    /// Passes over what a cipher puts before LLC (IEEE 802.11, clause 12: 4 octets of WEP, 8 of TKIP and CCMP) and drops
    /// the check that it puts behind; `false` where no LLC is found.
    fn pass_cipher_header(&mut self) -> Result<bool, Reason> {
        const SNAP: [u8; 3] = [0xaa, 0xaa, 3];
        let rest = self.reader.rest();
        let len =
            [0, 4, 8].into_iter().find(|&len| rest.get(len..).is_some_and(|rest| rest.starts_with(&SNAP)));
        let Some(len) = len else {
            if self.reader.is_cut() {
                self.reader.take(8 + SNAP.len())?;
            }
            return Ok(false);
        };
        self.reader.drop_trailer(len);
        self.reader.skip(len)?;
        Ok(true)
    }

    /// Radiotap (<https://www.radiotap.org>): version 0, length, words of present bits, fields aligned to their size.
    pub(super) fn radiotap(&mut self) -> Step {
        self.begin("radiotap");
        let &[version, _, l0, l1, p0, p1, p2, p3] = self.reader.array()?;
        let len = usize::from(u16::from_le_bytes([l0, l1]));
        if version != 0 {
            return Err(Reason::Malformed("the version is not 0"));
        }
        let Some(more) = len.checked_sub(8) else {
            return Err(Reason::Malformed("the length is less than 8 octets"));
        };
        let present = u32::from_le_bytes([p0, p1, p2, p3]);
        let fields = self.reader.take(more)?;
        Ok(Next::Wlan(radiotap_flags(present, fields)))
    }

    /// Prism monitor header: 144 octets, unless it is really an AVS header.
    pub(super) fn prism(&mut self) -> Step {
        if let Some([0x80, 0x21, 0x10, _]) = self.reader.peek_array() {
            return self.avs();
        }
        self.begin("prism");
        self.reader.skip(144)?;
        Ok(Next::Wlan(Radio::default()))
    }

    /// AVS header: a magic word with the version, the header's length.
    pub(super) fn avs(&mut self) -> Step {
        self.begin("avs");
        let &[_, _, _, _, l0, l1, l2, l3] = self.reader.array()?;
        let Some(more) = (u32::from_be_bytes([l0, l1, l2, l3]) as usize).checked_sub(8) else {
            return Err(Reason::Malformed("the length is less than 8 octets"));
        };
        self.reader.skip(more)?;
        Ok(Next::Wlan(Radio::default()))
    }

    /// Per-Packet Information: version, flags, length and inner link type, then typed fields.
    pub(super) fn ppi(&mut self) -> Step {
        self.begin("ppi");
        let &[_, _, l0, l1, d0, d1, d2, d3] = self.reader.array()?;
        let Some(more) = usize::from(u16::from_le_bytes([l0, l1])).checked_sub(8) else {
            return Err(Reason::Malformed("the length is less than 8 octets"));
        };
        let fields = self.reader.take(more)?;
        match u16::try_from(u32::from_le_bytes([d0, d1, d2, d3])) {
            Ok(105) => Ok(Next::Wlan(ppi_flags(fields))),
            Ok(link) if LinkType(link) != LinkType::PPI => Ok(Next::Link(LinkType(link))),
            _ => Err(Reason::Malformed("the inner link type is unknown")),
        }
    }
}

/// How many whole subframes follow the first of an A-MSDU (IEEE 802.11, clause 9.3.2.2), whose `len` octets `rest` begins
/// with: addresses and a length, the octets, and padding to a multiple of 4 behind all but the last.
fn further_subframes(mut rest: &[u8], mut len: usize) -> u16 {
    const HEADER: usize = 14;
    let mut further = 0;
    // The caller has read the header of the first one.
    let mut read = HEADER;
    loop {
        let padded = (HEADER + len).next_multiple_of(4) - read;
        let Some(tail) = rest.get(padded..) else { return further };
        let Some(&[.., l0, l1]) = tail.first_chunk::<HEADER>() else { return further };
        len = u16::from_be_bytes([l0, l1]).into();
        // Zeros are padding.
        if len == 0 || tail.len() < HEADER + len {
            return further;
        }
        further = u16::saturating_add(further, 1);
        (rest, read) = (tail, 0);
    }
}

/// The flags field of radiotap (bit 1), which only the time stamp field (bit 0, 8 octets aligned to 8) precedes.
/// `fields` begins at octet 8 of the header.
fn radiotap_flags(mut present: u32, mut fields: &[u8]) -> Radio {
    const EXTENDED: u32 = 1 << 31;
    const FLAGS: u32 = 1 << 1;
    const TIME: u32 = 1;
    let first = present;
    let mut offset = 8_usize;
    while present & EXTENDED != 0 {
        let Some((word, rest)) = fields.split_first_chunk() else { return Radio::default() };
        present = u32::from_le_bytes(*word);
        fields = rest;
        offset += 4;
    }
    let time = if first & TIME != 0 { offset.next_multiple_of(8) - offset + 8 } else { 0 };
    match fields.get(time) {
        Some(flags) if first & FLAGS != 0 => {
            Radio { check_sequence: flags & 0x10 != 0, padded: flags & 0x20 != 0, ..Radio::default() }
        }
        _ => Radio::default(),
    }
}

/// The flags of the 802.11-Common field (type 2): time stamp 8 octets, then 2 of flags.
fn ppi_flags(mut fields: &[u8]) -> Radio {
    while let [t0, t1, l0, l1, ref rest @ ..] = *fields {
        let len = usize::from(u16::from_le_bytes([l0, l1]));
        if u16::from_le_bytes([t0, t1]) == 2 {
            let flags = rest.get(8).copied().unwrap_or_default();
            return Radio { check_sequence: flags & 1 != 0, ..Radio::default() };
        }
        fields = rest.get(len..).unwrap_or_default();
    }
    Radio::default()
}

#[cfg(test)]
mod tests {
    use super::super::samples::{PORTS, decode, inner_v4, joined};
    use super::*;

    /// A data frame of this frame control, with QoS control where the subtype has it, and IP behind SNAP.
    fn data(control: [u8; 2]) -> Vec<u8> {
        let head = [0, 0, 1, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0, 0];
        let qos: &[u8] = if control[0] & 0x80 != 0 { &[0, 0] } else { &[] };
        joined(&[&control, &head, qos, &[0xaa, 0xaa, 3, 0, 0, 0, 8, 0], &inner_v4()])
    }

    #[test]
    fn only_open_data_frames_are_read() {
        assert_eq!(decode(LinkType::IEEE802_11, &data([0x08, 0])).ports, Some(PORTS));
        assert_eq!(decode(LinkType::IEEE802_11, &data([0x88, 0])).ports, Some(PORTS));
        // Protected; null; QoS null; beacon; acknowledgement.
        for control in [[0x08, 0x40], [0x48, 0], [0xc8, 0], [0x80, 0], [0xd4, 0]] {
            let headers = decode(LinkType::IEEE802_11, &data(control));
            assert_eq!(
                (headers.ports, headers.kind, headers.stopped),
                (None, Kind::NonIp, None),
                "{control:?}"
            );
        }
    }

    #[test]
    fn the_distribution_bits_say_which_address_is_whose() {
        let [bssid, source, destination] = [[1, 0, 0, 0, 0, 9], [2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]];
        for (bits, macs) in [(0, (source, bssid)), (1, (source, destination)), (2, (destination, bssid))] {
            let headers = decode(LinkType::IEEE802_11, &data([0x08, bits]));
            assert_eq!(headers.macs, Some(macs), "{bits}");
            assert_eq!(headers.to_group, bits != 1, "the first address is a group's");
        }
    }

    /// A subframe of an A-MSDU: addresses, length, LLC and IP.
    fn subframe(packet: &[u8]) -> Vec<u8> {
        let len = (8 + packet.len() as u16).to_be_bytes();
        joined(&[&[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1], &len, &[0xaa, 0xaa, 3, 0, 0, 0, 8, 0], packet])
    }

    #[test]
    fn frames_behind_the_first_of_an_aggregate_are_counted() {
        let mut head = data([0x88, 1])[..26].to_vec();
        head[24] = 0x80;
        // 67 octets and 1 of padding.
        let first = joined(&[&subframe(&inner_v4()), &[0]]);
        let further = |parts: &[&[u8]]| {
            let headers = decode(LinkType::IEEE802_11, &joined(&[&head, &joined(parts)]));
            assert_eq!((headers.ports, headers.stopped), (Some(PORTS), None));
            headers.further
        };
        assert_eq!(first.len(), 68);
        assert_eq!(further(&[&first[..67]]), 0);
        assert_eq!(further(&[&first, &first[..67]]), 1);
        assert_eq!(further(&[&first, &first, &first]), 2);
        // Cut short, padding, a check sequence: no further frames.
        assert_eq!(further(&[&first, &first[..66]]), 0);
        assert_eq!(further(&[&first, &[0; 40]]), 0);
        assert_eq!(further(&[&first, &[1, 2, 3, 4]]), 0);
    }

    #[test]
    fn deciphered_frames_are_opened_where_their_llc_shows() {
        use super::super::samples::ethernet;
        let frame = data([0x08, 0x41]);
        let (head, clear) = frame.split_at(24);
        let open = |parts: &[&[u8]]| {
            let headers = decode(LinkType::ETHERNET, &ethernet(0x2452, &joined(&[head, &joined(parts)])));
            assert_eq!(headers.stopped, None);
            headers.ports
        };
        assert_eq!(open(&[clear]), Some(PORTS));
        assert_eq!(open(&[&[1, 2, 3, 0], clear, &[9; 4]]), Some(PORTS));
        assert_eq!(open(&[&[1, 2, 3, 0x20, 5, 6, 7, 8], clear, &[9; 8]]), Some(PORTS));
        // Still enciphered.
        assert_eq!(open(&[&[1, 2, 3, 0], &[0x5a; 60]]), None);
    }

    #[test]
    fn radiotap_flags_are_found_behind_what_comes_first() {
        let fcs = Radio { check_sequence: true, ..Radio::default() };
        assert_eq!(radiotap_flags(2, &[0x10]), fcs);
        assert_eq!(radiotap_flags(3, &[0, 0, 0, 0, 0, 0, 0, 0, 0x10]), fcs);
        // An extended present word moves the time stamp to offset 16.
        assert_eq!(radiotap_flags(0x8000_0003, &[&[0; 16][..], &[0x10]].concat()), fcs);
        assert_eq!(radiotap_flags(0x8000_0002, &[0, 0, 0, 0, 0x10]), fcs);
        assert_eq!(radiotap_flags(4, &[0x10]), Radio::default());
        assert_eq!(radiotap_flags(0xffff_ffff, &[0xff; 6]), Radio::default(), "cut within the present words");
    }

    #[test]
    fn ppi_flags_are_those_of_the_common_field() {
        let common = [2, 0, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0];
        assert!(ppi_flags(&common).check_sequence);
        assert!(ppi_flags(&[&[9, 0, 2, 0, 7, 7][..], &common].concat()).check_sequence);
        assert!(!ppi_flags(&common[..10]).check_sequence);
    }
}
