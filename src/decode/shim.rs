//! Between link and network: EtherTypes, VLAN tags, MPLS labels, PPPoE and other shims.

use super::walk::{Next, Step, Walk};
use super::{Kind, Network, Reason, Tunnel};

pub(super) const IPV4: u16 = 0x0800;
pub(super) const ARP: u16 = 0x0806;
pub(super) const TRANSPARENT_BRIDGING: u16 = 0x6558;
pub(super) const VLAN: u16 = 0x8100;
pub(super) const IPV6: u16 = 0x86dd;
pub(super) const MPLS: u16 = 0x8847;
pub(super) const MPLS_MULTICAST: u16 = 0x8848;
pub(super) const PPPOE_SESSION: u16 = 0x8864;
const JUMBO_LLC: u16 = 0x8870;
const PROVIDER_VLAN: u16 = 0x88a8;
const MACSEC: u16 = 0x88e5;
const PROVIDER_BACKBONE: u16 = 0x88e7;
const NSH: u16 = 0x894f;
/// VLAN tags of before IEEE 802.1ad, which switches still offer.
const OLD_QINQ: u16 = 0x9100;
const OLD_QINQ_2: u16 = 0x9200;
const OLD_QINQ_3: u16 = 0x9300;

impl Walk<'_, '_> {
    pub(super) fn ether_type(&mut self, ether_type: u16) -> Step {
        match ether_type {
            IPV4 => Ok(Next::Ipv4),
            IPV6 => Ok(Next::Ipv6),
            VLAN | PROVIDER_VLAN | OLD_QINQ | OLD_QINQ_2 | OLD_QINQ_3 => self.vlan(),
            MPLS | MPLS_MULTICAST => Ok(Next::Mpls),
            PPPOE_SESSION => self.pppoe(),
            PROVIDER_BACKBONE => self.provider_backbone(),
            MACSEC => self.macsec(),
            TRANSPARENT_BRIDGING => Ok(Next::Ethernet),
            JUMBO_LLC => Ok(Next::Llc),
            NSH => self.network_service_header(),
            other => self.switch_ether_type(other),
        }
    }

    /// A VLAN tag (IEEE 802.1Q): priority and identifier, then a length or an EtherType.
    fn vlan(&mut self) -> Step {
        self.begin("vlan");
        let tag = self.reader.u16()?;
        if !self.headers.vlan.push(tag & 0x0fff) {
            return Err(Reason::TooDeep);
        }
        self.length_or_type()
    }

    /// A label stack (RFC 3032). Labels do not say what they carry, so the first octet behind the last one does,
    /// as routers do it (RFC 4928 section 2): 4 and 6 are IP, unless an Ethernet address begins so (section 3),
    /// 0 is the control word of a pseudowire (RFC 4385), 1 its associated channel, all else an Ethernet pseudowire
    /// without a control word.
    pub(super) fn mpls(&mut self) -> Step {
        self.begin("mpls");
        self.push_tunnel(Tunnel::Mpls)?;
        loop {
            let entry = self.reader.u32()?;
            if entry & 0x100 != 0 {
                break;
            }
        }
        match self.reader.peek().map(|octet| octet >> 4) {
            Some(4 | 6) if self.looks_like_pseudowire() => Ok(Next::Ethernet),
            Some(4) => Ok(Next::Ipv4),
            Some(6) => Ok(Next::Ipv6),
            Some(0) if self.looks_like_control_word() => {
                self.reader.skip(4)?;
                Ok(Next::Ethernet)
            }
            Some(1) => self.end(Kind::EtherType(MPLS)),
            Some(_) => Ok(Next::Ethernet),
            None => {
                self.reader.skip(1)?;
                Ok(Next::Done)
            }
        }
    }

    /// PPPoE session (RFC 2516): version and type, code 0, session, length; then PPP without framing.
    ///
    /// Version and type must be 1 (section 4), yet senders that got them wrong carry packets all the same.
    fn pppoe(&mut self) -> Step {
        self.begin("pppoe");
        let &[_, code, _, _, l0, l1] = self.reader.array()?;
        if code != 0 {
            return self.end(Kind::EtherType(PPPOE_SESSION));
        }
        self.push_tunnel(Tunnel::Pppoe)?;
        self.reader.bound(u16::from_be_bytes([l0, l1]).into());
        Ok(Next::PppProtocol)
    }

    /// Provider backbone bridging (IEEE 802.1ah): a service tag, then the customer's frame.
    fn provider_backbone(&mut self) -> Step {
        self.begin("pbb");
        self.reader.skip(4)?;
        self.push_tunnel(Tunnel::Pbb)?;
        Ok(Next::Ethernet)
    }

    /// MACsec (IEEE 802.1AE): tag control, short length, packet number, perhaps a channel identifier.
    /// Without encryption the frame goes on as it was, and 16 octets of check value end it.
    fn macsec(&mut self) -> Step {
        const CHANNEL_PRESENT: u8 = 0x20;
        const ENCRYPTED_OR_CHANGED: u8 = 0x0c;
        self.begin("macsec");
        let &[control, short_len, _, _, _, _] = self.reader.array()?;
        if control & ENCRYPTED_OR_CHANGED != 0 {
            return self.end(Kind::EtherType(MACSEC));
        }
        if control & CHANNEL_PRESENT != 0 {
            self.reader.skip(8)?;
        }
        match usize::from(short_len & 0x3f) {
            0 => self.reader.drop_trailer(16),
            len => self.reader.bound(len),
        }
        self.push_tunnel(Tunnel::Macsec)?;
        Ok(Next::EtherType(self.reader.u16()?))
    }

    /// Network service header (RFC 8300): its length in units of 4 octets, the protocol that follows.
    pub(super) fn network_service_header(&mut self) -> Step {
        self.begin("nsh");
        let &[_, ttl_len, _, protocol] = self.reader.array()?;
        let Some(more) = (usize::from(ttl_len & 0x3f) * 4).checked_sub(4) else {
            return Err(Reason::Malformed("the length is 0"));
        };
        self.reader.skip(more)?;
        self.push_tunnel(Tunnel::Nsh)?;
        self.generic_protocol(protocol)
    }

    /// The protocol numbers that NSH (RFC 8300) and VXLAN-GPE share.
    pub(super) fn generic_protocol(&mut self, protocol: u8) -> Step {
        match protocol {
            1 => Ok(Next::Ipv4),
            2 => Ok(Next::Ipv6),
            3 => Ok(Next::Ethernet),
            4 => self.network_service_header(),
            5 => Ok(Next::Mpls),
            _ if self.headers.network == Network::None => self.end(Kind::EtherType(NSH)),
            _ => Ok(Next::Done),
        }
    }

    /// Whether what begins like IP is an Ethernet frame to an address that begins with the same nibble: its type fits
    /// what it carries, and the header of IP does not hold.
    fn looks_like_pseudowire(&self) -> bool {
        let rest = self.reader.rest();
        is_ethernet(rest) && !is_ip(rest, rest.len() + self.reader.missing())
    }

    /// Whether a label stack is followed by a control word rather than an Ethernet address that begins with a
    /// zero nibble: the Ethernet header behind it has a known EtherType or a length that fits.
    fn looks_like_control_word(&self) -> bool {
        let rest = self.reader.rest();
        !is_ethernet(rest) || rest.get(4..).is_some_and(is_ethernet)
    }
}

/// Whether octets begin like an Ethernet frame: a familiar EtherType, or a length that the octets allow.
pub(super) fn is_ethernet(octets: &[u8]) -> bool {
    let Some((header, rest)) = octets.split_first_chunk::<14>() else { return false };
    match u16::from_be_bytes([header[12], header[13]]) {
        IPV4 => rest.first().is_none_or(|octet| octet >> 4 == 4),
        IPV6 => rest.first().is_none_or(|octet| octet >> 4 == 6),
        ARP | VLAN | PROVIDER_VLAN | OLD_QINQ | OLD_QINQ_2 | MPLS | PPPOE_SESSION | 0x8863 | 0x88cc
        | 0x8809 => true,
        len @ 3..=1500 => usize::from(len) <= rest.len() && rest.len() < usize::from(len) + 60,
        _ => false,
    }
}

/// Whether the header of an IP packet of `wire_len` octets holds: lengths, and the checksum of IPv4 (RFC 791) where it is
/// there, which offloading may leave 0.
fn is_ip(octets: &[u8], wire_len: usize) -> bool {
    // Padding of short frames, or a check sequence, may follow IPv4; IPv6 fills a frame.
    const CHECK_SEQUENCE: usize = 4;
    match *octets {
        [first @ 0x45..=0x4f, _, l0, l1, ..] => {
            let header_len = usize::from(first & 0xf) * 4;
            let total_len = usize::from(u16::from_be_bytes([l0, l1]));
            let Some(header) = octets.get(..header_len) else { return false };
            let sum = header
                .chunks_exact(2)
                .fold(0_u32, |sum, pair| sum + u32::from(u16::from_be_bytes([pair[0], pair[1]])));
            let sum = (sum & 0xffff) + (sum >> 16);
            let unset = header[10..12] == [0, 0];
            (sum == 0xffff && total_len <= wire_len || unset && (total_len == wire_len || total_len == 0))
                && (total_len >= header_len || total_len == 0)
        }
        [0x60..=0x6f, _, _, _, l0, l1, next, ..] => {
            let payload_len = usize::from(u16::from_be_bytes([l0, l1]));
            // What the next header needs at least; those of IPv4 alone are none.
            let least = match next {
                1 | 2 => return false,
                6 => 20,
                59 => 0,
                47 | 58 => 4,
                _ => 8,
            };
            (40 + payload_len..=40 + payload_len + CHECK_SEQUENCE).contains(&wire_len) && payload_len >= least
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{INNER_V4, PORTS, decode, ethernet, inner_v4, ipv6, tcp};
    use super::super::{Headers, Stopped};
    use super::*;
    use crate::packet::LinkType;

    fn behind_label(inside: &[u8]) -> Headers {
        decode(LinkType::MPLS, &[&[0, 2, 1, 64], inside].concat())
    }

    #[test]
    fn the_first_octet_behind_labels_tells_what_they_carry() {
        let frame = ethernet(0x0800, &inner_v4());
        let mut universal = frame.clone();
        universal[0] = 0xa0;
        // IP; a pseudowire with control word, empty or with a sequence number; without one, to addresses that
        // begin with other nibbles.
        let with_word = |word: [u8; 4]| [&word[..], &frame].concat();
        for inside in [inner_v4(), with_word([0; 4]), with_word([0, 0, 0x12, 0x34]), frame.clone(), universal]
        {
            let headers = behind_label(&inside);
            assert_eq!((headers.network, headers.ports, headers.stopped), (INNER_V4, Some(PORTS), None));
            assert_eq!(headers.tunnels.as_slice(), [Tunnel::Mpls]);
        }
        // An associated channel (RFC 4385 section 5) is no frame.
        assert_eq!(behind_label(&[0x10, 0, 0, 7, 0x20, 0x40]).kind, Kind::EtherType(MPLS));
    }

    #[test]
    fn addresses_that_begin_like_ip_are_told_from_it() {
        let to = |first: u8, last: u8, mut frame: Vec<u8>| {
            (frame[0], frame[5]) = (first, last);
            frame
        };
        let frame = || ethernet(0x0800, &inner_v4());
        let snap = [&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0], &inner_v4()[..]].concat();
        for inside in [
            to(0x42, 2, frame()),
            to(0x45, 2, frame()),
            to(0x4e, 2, frame()),
            to(0x62, 2, frame()),
            to(0x66, 0x7f, frame()),
            to(0x60, 2, ethernet(0x8100, &[&[0, 7, 8, 0], &inner_v4()[..]].concat())),
            to(0x46, 2, ethernet(snap.len() as u16, &snap)),
        ] {
            let headers = behind_label(&inside);
            let first = inside[0];
            assert_eq!((headers.network, headers.ports), (INNER_V4, Some(PORTS)), "{first:02x}");
            assert_eq!((headers.stopped, headers.macs.is_some()), (None, true), "{first:02x}");
        }
        // As a length of IPv6, the last octets of the address fit the frame.
        for last in [1, 2, 8] {
            let arp = to(0x66, last, ethernet(0x0806, &[0; 28]));
            assert_eq!(behind_label(&arp).kind, Kind::EtherType(ARP), "{last}");
        }
        // IP whose addresses look like an EtherType and what it announces: 8.0.69.1, and 2001:db8:800:4500::.
        for checksum in [[0, 0], [0xf1, 0x60]] {
            let mut packet = inner_v4();
            packet[10..12].copy_from_slice(&checksum);
            packet[12..16].copy_from_slice(&[8, 0, 69, 1]);
            let headers = behind_label(&packet);
            assert_eq!((headers.ports, headers.macs), (Some(PORTS), None), "{checksum:02x?}");
        }
        let mut packet = ipv6(6, &tcp(PORTS.0, PORTS.1, 2, b""));
        packet[12..16].copy_from_slice(&[8, 0, 0x45, 0]);
        let headers = behind_label(&packet);
        assert_eq!((headers.ports, headers.macs), (Some(PORTS), None));
    }

    #[test]
    fn only_sessions_of_pppoe_carry_packets() {
        let session = |version_type, code| {
            let len = (inner_v4().len() as u16 + 2).to_be_bytes();
            let head = [version_type, code, 0, 9, len[0], len[1], 0, 0x21];
            decode(LinkType::ETHERNET, &ethernet(PPPOE_SESSION, &[&head[..], &inner_v4()].concat()))
        };
        assert_eq!(session(0x11, 0).ports, Some(PORTS));
        assert_eq!(session(0x12, 0).ports, Some(PORTS));
        assert_eq!(session(0x11, 9).kind, Kind::EtherType(PPPOE_SESSION));
    }

    #[test]
    fn the_short_length_of_macsec_leaves_padding_out() {
        // 8 octets: an EtherType and 6 of ARP's; then padding and check value.
        let octets = ethernet(0x88e5, &[&[0, 8, 0, 0, 0, 1, 0x08, 0x06][..], &[0; 50]].concat());
        let headers = decode(LinkType::ETHERNET, &octets);
        assert_eq!((headers.kind, headers.stopped), (Kind::EtherType(ARP), None));
        assert_eq!(headers.tunnels.as_slice(), [Tunnel::Macsec]);
    }

    #[test]
    fn a_service_header_may_follow_another_and_has_a_length() {
        let head = |protocol| [0, 2, 2, protocol, 0, 0, 1, 255];
        let twice = [&head(4)[..], &head(1), &inner_v4()].concat();
        let headers = decode(LinkType::ETHERNET, &ethernet(NSH, &twice));
        assert_eq!(
            (headers.ports, headers.tunnels.as_slice()),
            (Some(PORTS), &[Tunnel::Nsh, Tunnel::Nsh][..])
        );
        let headers = decode(LinkType::ETHERNET, &ethernet(NSH, &[0, 0, 2, 1]));
        assert!(matches!(
            headers.stopped,
            Some(Stopped { layer: "nsh", offset: 14, reason: Reason::Malformed(_) })
        ));
        let unknown = decode(LinkType::ETHERNET, &ethernet(NSH, &head(9)));
        assert_eq!(unknown.kind, Kind::EtherType(NSH));
    }
}
