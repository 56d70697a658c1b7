//! Which link-layer addresses hosts have for sure.

use std::net::{IpAddr, Ipv4Addr};

use super::is_host;

/// A MAC-48 address.
pub type Mac = [u8; 6];

/// The owner that an ARP packet over Ethernet tells (RFC 826): the sender's addresses, VLAN tags skipped.
pub(super) fn arp(frame: &[u8]) -> Option<(IpAddr, Mac)> {
    let mut rest = frame.get(12..)?;
    while let [0x81, 0, _, _, tail @ ..] | [0x88, 0xa8, _, _, tail @ ..] = rest {
        rest = tail;
    }
    // Ethernet and IPv4, a request or a reply.
    let [0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0, 1 | 2, body @ ..] = rest else { return None };
    let (mac, body) = body.split_first_chunk::<6>()?;
    let address = IpAddr::from(Ipv4Addr::from(*body.first_chunk::<4>()?));
    (is_host(address) && is_one(*mac)).then_some((address, *mac))
}

/// Whether a packet between these addresses never left the link of its source: no router forwards what goes to groups
/// of the link (RFC 5771 section 4, RFC 4291 section 2.7), to its broadcast address, or comes from a link-local address.
pub(super) fn stays_on_link(source: IpAddr, destination: IpAddr) -> bool {
    is_host(source)
        && match (source, destination) {
            (IpAddr::V4(source), IpAddr::V4(to)) => {
                to.is_broadcast() || to.octets()[..3] == [224, 0, 0] || source.is_link_local()
            }
            (IpAddr::V6(source), IpAddr::V6(to)) => {
                let [first, second, ..] = to.octets();
                first == 0xff && second & 0xf == 2 || source.is_unicast_link_local()
            }
            _ => false,
        }
}

/// Whether a MAC is that of one station.
pub(super) fn is_one(mac: Mac) -> bool {
    mac[0] & 1 == 0 && mac != [0; 6]
}
