//! The ordinary frame read straight through: Ethernet II, at most one VLAN tag, IPv4 or IPv6, and a whole
//! TCP or UDP header. Everything else is refused, and [`super::walk`] reads it.

use etherparse::{
    EtherType, Ethernet2HeaderSlice, IpNumber, Ipv4HeaderSlice, Ipv6HeaderSlice, SingleVlanHeaderSlice,
    TcpHeaderSlice, UdpHeaderSlice,
};

use super::transport::tcp_phase;
use super::{Decoder, Headers, Kind, Network, TransportProtocol};

/// Reads an ordinary frame into `headers`, which were reset. `None` leaves them partly filled: the frame is to be
/// walked from its start, after another reset.
#[inline]
pub(super) fn read(decoder: &Decoder, octets: &[u8], headers: &mut Headers) -> Option<()> {
    let ethernet = Ethernet2HeaderSlice::from_slice(octets).ok()?;
    let (mut ether_type, mut rest) = (ethernet.ether_type(), octets.get(14..)?);
    if ether_type == EtherType::VLAN_TAGGED_FRAME {
        let tag = SingleVlanHeaderSlice::from_slice(rest).ok()?;
        headers.vlan.push(tag.vlan_identifier().value());
        (ether_type, rest) = (tag.ether_type(), rest.get(4..)?);
    }

    let (protocol, packet) = match ether_type {
        EtherType::IPV4 => {
            let ip = Ipv4HeaderSlice::from_slice(rest).ok()?;
            if ip.is_fragmenting_payload() {
                return None;
            }
            headers.network = Network::V4(ip.source(), ip.destination());
            (ip.protocol(), rest.get(ip.slice().len()..usize::from(ip.total_len()))?)
        }
        EtherType::IPV6 => {
            let ip = Ipv6HeaderSlice::from_slice(rest).ok()?;
            headers.network = Network::V6(ip.source(), ip.destination());
            (ip.next_header(), rest.get(40..40 + usize::from(ip.payload_length()))?)
        }
        _ => return None,
    };

    let payload = match protocol {
        IpNumber::TCP => {
            let tcp = TcpHeaderSlice::from_slice(packet).ok()?;
            headers.ports = Some((tcp.source_port(), tcp.destination_port()));
            headers.phase = tcp_phase(*tcp.slice().get(13)?);
            packet.get(tcp.slice().len()..)?
        }
        IpNumber::UDP => {
            let udp = UdpHeaderSlice::from_slice(packet).ok()?;
            let (source, destination) = (udp.source_port(), udp.destination_port());
            if decoder.tunnel(source).is_some() || decoder.tunnel(destination).is_some() {
                return None;
            }
            headers.ports = Some((source, destination));
            packet.get(8..usize::from(udp.length()))?
        }
        _ => return None,
    };

    headers.macs = Some((ethernet.source(), ethernet.destination()));
    headers.to_group = ethernet.destination()[0] & 1 != 0;
    headers.protocol = TransportProtocol(protocol.0);
    headers.kind = Kind::Ip(headers.protocol);
    // `payload` lies in `octets`, so the distance between their starts is its offset.
    headers.payload_offset = (payload.as_ptr().addr() - octets.as_ptr().addr()) as u32;
    headers.payload_len = payload.len() as u32;
    Some(())
}
