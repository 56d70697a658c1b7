//! The SNAP header, and protocols without IP that an organisation numbers for itself.

use super::walk::{Next, Step, Walk};
use super::{Kind, LinkProtocol};

/// Service access point of spanning tree.
const SPANNING_TREE: u8 = 0x42;

impl Walk<'_, '_> {
    /// The organisation and its protocol identifier (IEEE 802, clause 10.3).
    pub(super) fn snap(&mut self) -> Step {
        self.begin("snap");
        let &[o0, o1, o2, p0, p1] = self.reader.array()?;
        let protocol = u16::from_be_bytes([p0, p1]);
        match ([o0, o1, o2], protocol) {
            // EtherTypes: RFC 1042, and the bridge tunnel of IEEE 802.1H.
            ([0, 0, 0] | [0, 0, 0xf8], _) => Ok(Next::EtherType(protocol)),
            // Bridged Ethernet with and without its frame check sequence (RFC 2427 section 4.2).
            ([0, 0x80, 0xc2], 1 | 7) => Ok(Next::Ethernet),
            // Bridge protocol data units, from their protocol identifier on.
            ([0, 0x80, 0xc2], 0xe) => self.end(Kind::Llc(SPANNING_TREE)),
            (organisation, _) => self.end(match of_organisation(organisation, protocol) {
                Some(protocol) => Kind::Link(protocol),
                None => Kind::Llc(0xaa),
            }),
        }
    }

    /// LLC behind an ATM header: as elsewhere, but bridged Ethernet has 2 octets of padding before it (RFC 2684
    /// section 5.2).
    pub(super) fn atm_llc(&mut self) -> Step {
        if let Some([0xaa, 0xaa, 3, 0, 0x80, 0xc2, 0, 1 | 7, 0, 0]) = self.reader.peek_array() {
            self.begin("llc");
            self.reader.skip(10)?;
            return Ok(Next::Ethernet);
        }
        Ok(Next::Llc)
    }
}

/// What an organisation's protocol identifier stands for.
const fn of_organisation(organisation: [u8; 3], protocol: u16) -> Option<LinkProtocol> {
    use LinkProtocol::{
        AppleTalk, Cdp, Cgmp, Drip, Dtp, Edp, Fdp, Mcp, MlsHello, Pagp, Pvst, Sonmp, StpUplinkFast, Udld,
        VlanBridge, Vtp,
    };
    Some(match (organisation, protocol) {
        // Cisco.
        ([0, 0, 0x0c], 0x0102) => Drip,
        ([0, 0, 0x0c], 0x0104) => Pagp,
        ([0, 0, 0x0c], 0x0105) => MlsHello,
        ([0, 0, 0x0c], 0x010b) => Pvst,
        ([0, 0, 0x0c], 0x010c) => VlanBridge,
        ([0, 0, 0x0c], 0x0111) => Udld,
        ([0, 0, 0x0c], 0x0139) => Mcp,
        ([0, 0, 0x0c], 0x2000) => Cdp,
        ([0, 0, 0x0c], 0x2001) => Cgmp,
        ([0, 0, 0x0c], 0x2003) => Vtp,
        ([0, 0, 0x0c], 0x2004) => Dtp,
        ([0, 0, 0x0c], 0x200a) => StpUplinkFast,
        // Apple.
        ([8, 0, 7], 0x809b) => AppleTalk,
        // Extreme Networks, Foundry, Bay Networks.
        ([0, 0xe0, 0x2b], 0x00bb) => Edp,
        ([0, 0xe0, 0x52], 0x2000) => Fdp,
        ([0, 0, 0x81], 0x01a1 | 0x01a2) => Sonmp,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::samples::{PORTS, decode, decode_cut, ethernet, inner_v4};
    use super::super::{Reason, Stopped};
    use super::*;
    use crate::packet::LinkType;

    fn snap(organisation: [u8; 3], protocol: u16) -> Vec<u8> {
        let head = [&[0xaa, 0xaa, 3][..], &organisation, &protocol.to_be_bytes(), &[1, 0xb4, 0, 0]].concat();
        ethernet(head.len() as u16, &head)
    }

    #[test]
    fn organisations_number_their_own_protocols() {
        for (organisation, protocol, kind) in [
            ([0, 0, 0x0c], 0x2000, Kind::Link(LinkProtocol::Cdp)),
            ([0, 0, 0x0c], 0x2003, Kind::Link(LinkProtocol::Vtp)),
            ([0, 0, 0x0c], 0x2004, Kind::Link(LinkProtocol::Dtp)),
            ([0, 0, 0x0c], 0x010b, Kind::Link(LinkProtocol::Pvst)),
            ([0, 0, 0x0c], 0x0111, Kind::Link(LinkProtocol::Udld)),
            ([0, 0, 0x0c], 0x0104, Kind::Link(LinkProtocol::Pagp)),
            ([8, 0, 7], 0x809b, Kind::Link(LinkProtocol::AppleTalk)),
            ([0, 0xe0, 0x2b], 0x00bb, Kind::Link(LinkProtocol::Edp)),
            ([0, 0, 0x81], 0x01a2, Kind::Link(LinkProtocol::Sonmp)),
            // The same numbers of others are other protocols.
            ([0, 0xe0, 0x52], 0x2000, Kind::Link(LinkProtocol::Fdp)),
            ([8, 0, 7], 0x2000, Kind::Llc(0xaa)),
            ([0, 0, 0x0c], 0x2002, Kind::Llc(0xaa)),
            ([0, 0, 0], 0x80f3, Kind::EtherType(0x80f3)),
            ([0, 0x80, 0xc2], 0x000e, Kind::Llc(0x42)),
        ] {
            let octets = snap(organisation, protocol);
            let headers = decode(LinkType::ETHERNET, &octets);
            assert_eq!((headers.kind, headers.stopped), (kind, None), "{organisation:02x?} {protocol:#06x}");
            // The identifier ends at octet 22.
            assert_eq!(decode_cut(LinkType::ETHERNET, &octets, 22).kind, kind);
            assert!(matches!(
                decode_cut(LinkType::ETHERNET, &octets, 21).stopped,
                Some(Stopped {
                    layer: "snap",
                    offset: 17,
                    reason: Reason::Truncated { needed: 5, present: 4 }
                })
            ));
        }
    }

    #[test]
    fn frames_bridged_over_atm_may_be_padded() {
        for padding in [&[][..], &[0, 0]] {
            let head = [&[0xaa, 0xaa, 3, 0, 0x80, 0xc2, 0, 7][..], padding].concat();
            let octets = [&head[..], &ethernet(0x0800, &inner_v4())].concat();
            assert_eq!(decode(LinkType::ATM_RFC1483, &octets).ports, Some(PORTS), "{padding:?}");
        }
    }

    #[test]
    fn every_protocol_has_a_name_of_its_own() {
        assert!(LinkProtocol::ALL.is_sorted_by(|a, b| a.as_str() < b.as_str()));
    }
}
