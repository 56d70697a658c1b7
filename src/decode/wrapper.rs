//! Headers that the capturing system makes up and puts before packets: cooked captures, loopback, logs and taps.

use super::walk::{Next, Step, Walk};
use super::{Kind, Reason};
use crate::packet::LinkType;

impl Walk<'_, '_> {
    /// Linux cooked capture: packet type, ARPHRD_* type, address, protocol.
    pub(super) fn linux_sll(&mut self) -> Step {
        self.begin("linux cooked");
        let &[_, packet_type, h0, h1, _, _, _, _, _, _, _, _, _, _, p0, p1] = self.reader.array()?;
        let (hardware, protocol) = (u16::from_be_bytes([h0, h1]), u16::from_be_bytes([p0, p1]));
        self.cooked(packet_type, hardware, protocol)
    }

    /// Linux cooked capture, version 2: the protocol comes first, and the interface index is there.
    pub(super) fn linux_sll2(&mut self) -> Step {
        self.begin("linux cooked 2");
        let &[p0, p1, _, _, _, _, _, _, h0, h1, packet_type, _, _, _, _, _, _, _, _, _] =
            self.reader.array()?;
        let (hardware, protocol) = (u16::from_be_bytes([h0, h1]), u16::from_be_bytes([p0, p1]));
        self.cooked(packet_type, hardware, protocol)
    }

    /// What both cooked headers say: how the packet was addressed, the device's ARPHRD_* type, the protocol.
    fn cooked(&mut self, packet_type: u8, hardware: u16, protocol: u16) -> Step {
        const NETLINK: u16 = 824;
        const FRAME_RELAY: u16 = 770;
        const RADIOTAP: u16 = 803;
        const GRE: u16 = 778;
        const GRE_IPV6: u16 = 823;
        self.headers.to_group = matches!(packet_type, 1 | 2);
        match (hardware, protocol) {
            (NETLINK, family) => self.netlink(family),
            (FRAME_RELAY, _) => Ok(Next::Link(LinkType::FRELAY)),
            (RADIOTAP, _) => Ok(Next::Link(LinkType::IEEE802_11_RADIOTAP)),
            // What GRE says: its header was taken off, its protocol field is this one.
            (GRE | GRE_IPV6, _) => self.cooked_gre(protocol),
            // 4: 802.2 LLC. 1: 802.3 without LLC, which is Novell's IPX.
            (_, 4) => Ok(Next::Llc),
            (_, 1) => self.end(Kind::Llc(0xff)),
            (_, 0..1536) => self.end(Kind::NonIp),
            _ => Ok(Next::EtherType(protocol)),
        }
    }

    /// What GRE carried. Whether it had a sequence number, and so ERSPAN a header of 8 octets, is no longer seen.
    fn cooked_gre(&mut self, protocol: u16) -> Step {
        use super::shim::is_ethernet;
        match protocol {
            0x880b => Ok(Next::Ppp),
            0x88be => {
                let rest = self.reader.rest();
                let has_header = rest.first().is_some_and(|octet| octet >> 4 == 1)
                    && !is_ethernet(rest)
                    && rest.get(8..).is_some_and(is_ethernet);
                self.enter_erspan(if has_header { 8 } else { 0 })
            }
            0x22eb => self.erspan_3(),
            0x883e => self.wccp(),
            0x6400 => Ok(Next::Ethernet),
            0..1536 => self.end(Kind::NonIp),
            _ => Ok(Next::EtherType(protocol)),
        }
    }

    /// BSD loopback: an address family in the byte order of the capturing machine (`null`) or in network order
    /// (`loop`). Families are small, so the order shows.
    pub(super) fn null(&mut self) -> Step {
        // Point-to-point drivers hand over their Cisco HDLC header here.
        if let Some([0x0f | 0x8f, 0, 0x06..=0xff, _]) = self.reader.peek_array() {
            return self.cisco_hdlc();
        }
        self.begin("null");
        let field = *self.reader.array::<4>()?;
        let family = match u32::from_be_bytes(field) {
            small @ 0..=0xffff => small,
            _ => u32::from_le_bytes(field),
        };
        self.family(family)
    }

    /// An address family, as the systems that write captures number it.
    fn family(&mut self, family: u32) -> Step {
        match family {
            2 => Ok(Next::Ipv4),
            // Linux 10; Windows 23; NetBSD and OpenBSD 24; Solaris 26; FreeBSD 28; macOS 30.
            10 | 23 | 24 | 26 | 28 | 30 => Ok(Next::Ipv6),
            // Some drivers write an EtherType.
            1536..=0xffff => Ok(Next::EtherType(family as u16)),
            _ => self.end(Kind::NonIp),
        }
    }

    /// Netfilter log: family, version, resource, then type-length-value items in the writer's byte order;
    /// item 9 is the packet. What a bridge or a device logs is a network-layer packet, too: item 1 begins with its
    /// EtherType.
    pub(super) fn nflog(&mut self) -> Step {
        self.begin("nflog");
        let &[family, _, _, _] = self.reader.array()?;
        let mut ether_type = None;
        loop {
            let &[l0, l1, t0, t1] = self.reader.array()?;
            let (le_len, le_type) = (u16::from_le_bytes([l0, l1]), u16::from_le_bytes([t0, t1]));
            let (be_len, be_type) = (u16::from_be_bytes([l0, l1]), u16::from_be_bytes([t0, t1]));
            // Item types are small, so the byte order shows.
            let (len, item) = if le_type < 0x100 { (le_len, le_type) } else { (be_len, be_type) };
            let Some(value) = usize::from(len).checked_sub(4) else {
                return Err(Reason::Malformed("an item is shorter than its header"));
            };
            if item == 9 {
                self.reader.bound(value);
                return self.logged(family, ether_type);
            }
            if let (1, Some(field)) = (item, self.reader.peek_array()) {
                ether_type = Some(u16::from_be_bytes(*field));
            }
            // The last item may go without its padding.
            self.reader.skip(value.next_multiple_of(4).min(self.reader.len().max(value)))?;
            if self.reader.len() == 0 && !self.reader.is_cut() {
                return self.end(Kind::NonIp);
            }
        }
    }

    /// A packet that netfilter logged in this family (NFPROTO_*), and what the kernel says its EtherType is: 4 stands for
    /// 802.2 LLC.
    fn logged(&mut self, family: u8, ether_type: Option<u16>) -> Step {
        match (family, ether_type) {
            (2 | 10, _) => self.family(family.into()),
            (3, _) => Ok(Next::EtherType(super::shim::ARP)),
            (_, Some(4)) => Ok(Next::Llc),
            (_, Some(ether_type @ 1536..)) => Ok(Next::EtherType(ether_type)),
            _ => self.end(Kind::NonIp),
        }
    }

    /// Solaris IP observability: version, family, …, lengths, interfaces and zones, 24 octets in all; then the packet.
    pub(super) fn ipnet(&mut self) -> Step {
        self.begin("ipnet");
        let &[version, family, ..] = self.reader.array::<24>()?;
        if version != 1 {
            return Err(Reason::Malformed("the version is not 1"));
        }
        match family {
            2 => Ok(Next::Ipv4),
            26 => Ok(Next::Ipv6),
            _ => self.end(Kind::NonIp),
        }
    }

    /// Apple's packet tap: a header whose first word is its length, then record type and the link type inside.
    /// Captures made before the link type was assigned use the second user type.
    pub(super) fn pktap(&mut self, link: LinkType) -> Step {
        self.begin("pktap");
        let header = self.reader.peek_array::<12>();
        let &[l0, l1, l2, l3, record, _, _, _, d0, d1, d2, d3] = match header {
            Some(header) => header,
            None if link == LinkType::USER2 => return self.end(Kind::Unsupported(link)),
            None => self.reader.array()?,
        };
        let len = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
        let inner = u32::from_le_bytes([d0, d1, d2, d3]);
        let known = matches!(len, 108..=256) && record == 1;
        match u16::try_from(inner) {
            Ok(inner) if known && !matches!(LinkType(inner), LinkType::PKTAP | LinkType::USER2) => {
                self.reader.skip(len)?;
                Ok(Next::Link(LinkType(inner)))
            }
            _ if link == LinkType::USER2 => self.end(Kind::Unsupported(link)),
            _ => Err(Reason::Malformed("the header's length, record type or link type is unknown")),
        }
    }

    /// OpenBSD packet filter log: length (of what matters, padded to 4), address family, …, the packet.
    pub(super) fn pflog(&mut self) -> Step {
        self.begin("pflog");
        let &[len, family] = self.reader.array()?;
        let Some(more) = usize::from(len).next_multiple_of(4).checked_sub(2) else {
            return Err(Reason::Malformed("the length is 0"));
        };
        self.reader.skip(more)?;
        self.family(family.into())
    }

    /// OpenBSD IPsec interface: address family, security parameter index and flags, the packet.
    pub(super) fn enc(&mut self) -> Step {
        self.begin("enc");
        let field = *self.reader.array::<4>()?;
        self.reader.skip(8)?;
        self.family(u32::from_be_bytes(field).min(u32::from_le_bytes(field)))
    }

    /// Juniper's header: a magic number, flags, and perhaps extensions with their length; then the frame.
    pub(super) fn juniper(&mut self, next: Next) -> Step {
        const NO_LINK_LAYER: u8 = 0x02;
        const EXTENSIONS: u8 = 0x80;
        self.begin("juniper");
        let &[m0, m1, m2, flags] = self.reader.array()?;
        if [m0, m1, m2] != *b"MGC" {
            return Err(Reason::Malformed("the magic number is not 4d4743"));
        }
        if flags & EXTENSIONS != 0 {
            let len = self.reader.u16()?;
            self.reader.skip(len.into())?;
        }
        if flags & NO_LINK_LAYER != 0 { self.end(Kind::NonIp) } else { Ok(next) }
    }
}
