//! The ordinary frame read straight through: Ethernet II, at most one VLAN tag, IPv4 or IPv6, and a whole
//! TCP or UDP header; the payload may be cut. Everything else is refused, and [`super::walk`] reads it.

use etherparse::{
    EtherType, Ethernet2HeaderSlice, IpNumber, Ipv4HeaderSlice, Ipv6HeaderSlice, SingleVlanHeaderSlice,
    TcpHeaderSlice, UdpHeaderSlice,
};

use super::transport::tcp_phase;
use super::{Decoder, Headers, Kind, Network, TcpFlags};
use crate::packet::TransportProtocol;

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

    let (protocol, packet, packet_len) = match ether_type {
        EtherType::IPV4 => {
            let ip = Ipv4HeaderSlice::from_slice(rest).ok()?;
            if ip.is_fragmenting_payload() {
                return None;
            }
            headers.network = Network::V4(ip.source(), ip.destination());
            within(rest, ip.slice().len(), ip.total_len().into(), ip.protocol())?
        }
        EtherType::IPV6 => {
            let ip = Ipv6HeaderSlice::from_slice(rest).ok()?;
            headers.network = Network::V6(ip.source(), ip.destination());
            within(rest, 40, 40 + usize::from(ip.payload_length()), ip.next_header())?
        }
        _ => return None,
    };

    let (payload, payload_wire_len) = match protocol {
        IpNumber::TCP => {
            let tcp = TcpHeaderSlice::from_slice(packet).ok()?;
            headers.ports = Some((tcp.source_port(), tcp.destination_port()));
            let flags = TcpFlags(*tcp.slice().get(13)?);
            (headers.phase, headers.flags) = (tcp_phase(flags), Some(flags));
            headers.sequence = tcp.sequence_number();
            let header_len = tcp.slice().len();
            (packet.get(header_len..)?, packet_len - header_len)
        }
        IpNumber::UDP => {
            let udp = UdpHeaderSlice::from_slice(packet).ok()?;
            let (source, destination) = (udp.source_port(), udp.destination_port());
            if decoder.tunnel(source).is_some() || decoder.tunnel(destination).is_some() {
                return None;
            }
            headers.ports = Some((source, destination));
            let (.., payload, len) = within(packet, 8, udp.length().into(), protocol)?;
            (payload, len)
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
    headers.payload_wire_len = payload_wire_len as u32;
    Some(())
}

/// The octets of `protocol` from `start` to `end`, or as many as were captured; and how many the wire had.
fn within(octets: &[u8], start: usize, end: usize, protocol: IpNumber) -> Option<(IpNumber, &[u8], usize)> {
    Some((protocol, octets.get(start..end.min(octets.len()))?, end.checked_sub(start)?))
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*, sample::Index};

    use super::super::{Reader, samples, walk::Walk};
    use super::*;
    use crate::packet::LinkType;

    /// Frames that the fast path takes: both versions, both transports, with and without a tag.
    fn ordinary() -> Vec<Vec<u8>> {
        let mut frames = Vec::new();
        for segment in
            [(6, samples::tcp(50_000, 443, 0x10, b"hello")), (17, samples::udp(50_000, 53, b"hello"))]
        {
            for (ether_type, packet) in [
                (0x0800, samples::ipv4(segment.0, &segment.1)),
                (0x86dd_u16, samples::ipv6(segment.0, &segment.1)),
            ] {
                let tag = samples::joined(&[&[0x60, 7], &ether_type.to_be_bytes(), &packet]);
                frames.extend([samples::ethernet(ether_type, &packet), samples::ethernet(0x8100, &tag)]);
            }
        }
        frames
    }

    #[test]
    fn ordinary_frames_are_taken_and_padding_is_left_out() {
        for mut frame in ordinary() {
            frame.extend([0; 6]);
            let mut headers = Headers::default();
            assert!(read(&Decoder::default(), &frame, &mut headers).is_some());
            let start = headers.payload_offset as usize;
            assert_eq!(&frame[start..start + headers.payload_len as usize], b"hello");
        }
    }

    proptest! {
        /// What the fast path takes, the walk reads the same way.
        #[test]
        fn the_walk_agrees(
            frame in any::<Index>(),
            changes in vec((any::<Index>(), any::<u8>()), 0..4),
            len in any::<Index>(),
            cut in any::<bool>(),
        ) {
            let mut octets = ordinary()[frame.index(8)].clone();
            for (at, value) in changes {
                let at = at.index(octets.len());
                octets[at] = value;
            }
            let original_len = octets.len() as u32;
            if cut {
                octets.truncate(len.index(octets.len()));
            }
            let decoder = Decoder::default();
            let (mut fast, mut walked) = (Headers::default(), Headers::default());
            if read(&decoder, &octets, &mut fast).is_some() {
                walked.reset();
                Walk::run(&decoder, LinkType::ETHERNET, Reader::new(&octets, original_len), &mut walked);
                prop_assert_eq!(format!("{fast:?}"), format!("{walked:?}"));
            }
        }
    }
}
