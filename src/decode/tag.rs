//! Tags and headers of switches between Ethernet addresses and what they carry: time stamps, sequence numbers, and the
//! whole frames of FabricPath and TRILL.

use super::walk::{Next, Step, Walk};
use super::wlan::Radio;
use super::{Kind, Reason, Tunnel};

pub(super) const TRILL: u16 = 0x22f3;
pub(super) const CENTRINO: u16 = 0x2452;
pub(super) const FABRIC_PATH: u16 = 0x8903;
pub(super) const CISCO_METADATA: u16 = 0x8909;
pub(super) const VN_TAG: u16 = 0x8926;
/// High-availability Seamless Redundancy (IEC 62439-3).
pub(super) const HSR: u16 = 0x892f;
/// The extended tag of bridge ports (IEEE 802.1BR).
pub(super) const E_TAG: u16 = 0x893f;
/// Cisco's time stamp tag.
pub(super) const T_TAG: u16 = 0x8988;
pub(super) const ARISTA: u16 = 0xd28b;
/// The redundancy tag of IEEE 802.1CB.
pub(super) const R_TAG: u16 = 0xf1c1;

impl Walk<'_, '_> {
    /// What one of the EtherTypes above announces.
    pub(super) fn switch_ether_type(&mut self, ether_type: u16) -> Step {
        match ether_type {
            CISCO_METADATA => self.tag("cisco metadata", 6),
            VN_TAG => self.tag("vn-tag", 4),
            // Path and size, sequence number.
            HSR => self.tag("hsr", 4),
            E_TAG => self.tag("e-tag", 6),
            T_TAG => self.tag("cisco time stamp", 6),
            // 2 reserved octets, sequence number.
            R_TAG => self.tag("r-tag", 4),
            ARISTA => self.arista_time(),
            FABRIC_PATH => self.fabric_path(),
            TRILL => self.trill(),
            CENTRINO => Ok(Next::Wlan(Radio { deciphered: true, ..Radio::default() })),
            other => self.end(Kind::EtherType(other)),
        }
    }

    /// A tag of which nothing is used: `len` octets, then a length or an EtherType.
    fn tag(&mut self, layer: &'static str, len: usize) -> Step {
        self.begin(layer);
        self.reader.skip(len)?;
        self.length_or_type()
    }

    /// Arista's time stamp: subtype 1, a version that tells clock and width (10 hexadecimal: 8 octets, 20: 6), the time.
    fn arista_time(&mut self) -> Step {
        self.begin("arista time stamp");
        match *self.reader.array()? {
            [0, 1, 0 | 1, 0x10] => self.reader.skip(8)?,
            [0, 1, 0 | 1, 0x20] => self.reader.skip(6)?,
            _ => return self.end(Kind::EtherType(ARISTA)),
        }
        self.length_or_type()
    }

    /// Cisco FabricPath: forwarding tag and time to live, then a whole frame.
    fn fabric_path(&mut self) -> Step {
        self.begin("fabricpath");
        self.reader.skip(2)?;
        self.push_tunnel(Tunnel::FabricPath)?;
        Ok(Next::Ethernet)
    }

    /// TRILL (RFC 6325 section 3): version, length of the options in units of 4 octets and hop count, two nicknames, the
    /// options, then a whole frame.
    pub(super) fn trill(&mut self) -> Step {
        self.begin("trill");
        let flags = self.reader.u16()?;
        if flags >> 14 != 0 {
            return Err(Reason::Malformed("the version is not 0"));
        }
        self.reader.skip(4)?;
        self.reader.skip(usize::from(flags >> 6 & 0x1f) * 4)?;
        self.push_tunnel(Tunnel::Trill)?;
        Ok(Next::Ethernet)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Stopped;
    use super::super::samples::{PORTS, decode, decode_cut, ethernet, inner_v4};
    use super::*;
    use crate::packet::LinkType;

    #[test]
    fn tags_lead_to_lengths_vlans_and_each_other() {
        let snap = [&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0], &inner_v4()[..]].concat();
        let len = (snap.len() as u16).to_be_bytes();
        let in_llc = [&[0, 0, 0, 9], &len[..], &snap[..]].concat();
        assert_eq!(decode(LinkType::ETHERNET, &ethernet(R_TAG, &in_llc)).ports, Some(PORTS));

        // A VLAN tag, a redundancy tag, a time stamp.
        let tags = [0, 9, 0xf1, 0xc1, 0, 0, 0, 1, 0x89, 0x88, 1, 2, 3, 4, 5, 6, 8, 0];
        let headers = decode(LinkType::ETHERNET, &ethernet(0x8100, &[&tags[..], &inner_v4()].concat()));
        assert_eq!((headers.vlan.as_slice(), headers.ports, headers.stopped), (&[9][..], Some(PORTS), None));
        // Supervision of the redundant ring is no IP.
        let supervision = decode(LinkType::ETHERNET, &ethernet(HSR, &[0, 0x40, 0, 1, 0x88, 0xfb, 0, 1]));
        assert_eq!((supervision.kind, supervision.stopped), (Kind::EtherType(0x88fb), None));
    }

    /// Parallel redundancy (IEC 62439-3) puts 6 octets behind the frame: sequence number, path and size, 88fb.
    #[test]
    fn a_trailer_of_parallel_redundancy_is_no_payload() {
        let octets = [&ethernet(0x0800, &inner_v4())[..], &[0, 1, 0xa0, 0x33, 0x88, 0xfb]].concat();
        let headers = decode(LinkType::ETHERNET, &octets);
        assert_eq!((headers.ports, headers.payload_len, headers.stopped), (Some(PORTS), 5, None));
    }

    #[test]
    fn time_stamps_have_the_width_that_their_version_says() {
        for (version, width) in [([0, 0x10], 8), ([0, 0x20], 6), ([1, 0x10], 8), ([1, 0x20], 6)] {
            let octets = [&[0, 1][..], &version, &[7; 8][..width], &[8, 0], &inner_v4()].concat();
            assert_eq!(
                decode(LinkType::ETHERNET, &ethernet(ARISTA, &octets)).ports,
                Some(PORTS),
                "{version:?}"
            );
        }
        for head in [[0, 2, 0, 0x10], [0, 1, 0, 0x30], [0, 1, 2, 0x10]] {
            let headers = decode(LinkType::ETHERNET, &ethernet(ARISTA, &[&head[..], &[7; 40]].concat()));
            assert_eq!((headers.kind, headers.stopped), (Kind::EtherType(ARISTA), None), "{head:?}");
        }
    }

    #[test]
    fn trill_has_options_and_a_version() {
        let frame = ethernet(0x0800, &inner_v4());
        // Two words of options: 2 in 5 bits above 6 bits of hop count.
        let head = [0, 0x80 | 9, 0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0];
        let octets = ethernet(TRILL, &[&head[..], &frame].concat());
        let headers = decode(LinkType::ETHERNET, &octets);
        assert_eq!((headers.ports, headers.tunnels.as_slice()), (Some(PORTS), &[Tunnel::Trill][..]));
        let wrong =
            decode(LinkType::ETHERNET, &ethernet(TRILL, &[&[0x40, 9, 0, 1, 0, 2], &frame[..]].concat()));
        assert!(matches!(
            wrong.stopped,
            Some(Stopped { layer: "trill", offset: 14, reason: Reason::Malformed(_) })
        ));
        let cut = decode_cut(LinkType::ETHERNET, &octets, 14 + 9);
        assert!(matches!(
            cut.stopped,
            Some(Stopped {
                layer: "trill",
                offset: 14,
                reason: Reason::Truncated { needed: 14, present: 9 }
            })
        ));
    }
}
