//! TCP (RFC 9293), UDP (RFC 768), UDP-Lite (RFC 3828), SCTP (RFC 9260), DCCP (RFC 4340), and the
//! messages of ICMP (RFC 792) and ICMPv6 (RFC 4443).

use super::walk::{Next, Step, Walk};
use super::{Phase, Reason, TcpFlags, Tunnel};

impl Walk<'_, '_> {
    /// Source and destination port: the first four octets of every transport that has them.
    fn ports(&mut self) -> Result<(u16, u16), Reason> {
        let &[s0, s1, d0, d1] = self.reader.array()?;
        let ports = (u16::from_be_bytes([s0, s1]), u16::from_be_bytes([d0, d1]));
        self.set_ports(ports);
        Ok(ports)
    }

    /// Notes the ports; what follows them is not known to be payload yet.
    pub(super) fn set_ports(&mut self, ports: (u16, u16)) {
        self.headers.ports = Some(ports);
        self.headers.payload_offset = self.reader.offset();
        self.headers.payload_len = 0;
        self.headers.payload_wire_len = 0;
    }

    pub(super) fn tcp(&mut self) -> Step {
        self.begin("tcp");
        self.ports()?;
        let &[s0, s1, s2, s3, .., offset, flags] = self.reader.array::<10>()?;
        let flags = TcpFlags(flags);
        (self.headers.phase, self.headers.flags) = (tcp_phase(flags), Some(flags));
        self.headers.sequence = u32::from_be_bytes([s0, s1, s2, s3]);
        self.reader.skip(6)?;
        let header_len = usize::from(offset >> 4) * 4;
        let Some(options) = header_len.checked_sub(20) else {
            return Err(Reason::Malformed("the data offset is less than 20 octets"));
        };
        self.reader.skip(options)?;
        self.take_payload();
        Ok(Next::Done)
    }

    pub(super) fn udp(&mut self) -> Step {
        self.begin("udp");
        let (source, destination) = self.ports()?;
        let &[l0, l1, _, _] = self.reader.array()?;
        match u16::from_be_bytes([l0, l1]) {
            // RFC 2675 section 4: 0 in a jumbogram, whose length 16 bits cannot hold.
            0 if self.unbounded => {}
            0..8 => return Err(Reason::Malformed("the length is less than 8 octets")),
            len => self.reader.bound_layer(len.into()),
        }
        self.udp_payload((source, destination))
    }

    /// What UDP carries between these ports.
    pub(super) fn udp_payload(&mut self, (source, destination): (u16, u16)) -> Step {
        self.take_payload();
        Ok(match self.decoder.tunnel(destination).or_else(|| self.decoder.tunnel(source)) {
            Some(tunnel) => self.suppose(tunnel),
            None => Next::Done,
        })
    }

    pub(super) fn udp_lite(&mut self) -> Step {
        self.begin("udp-lite");
        self.ports()?;
        // The third field is the checksum coverage, not a length.
        self.reader.skip(4)?;
        self.take_payload();
        Ok(Next::Done)
    }

    pub(super) fn sctp(&mut self) -> Step {
        self.begin("sctp");
        self.ports()?;
        self.reader.skip(8)?;
        self.take_payload();
        self.headers.phase = sctp_phase(self.reader.rest());
        Ok(Next::Done)
    }

    /// SCTP in UDP (RFC 6951 section 4): the packet behind the UDP header, between the same addresses. Its chunks must
    /// fill what there is, and an INIT has the verification tag 0 (RFC 9260 section 8.5.1).
    pub(super) fn sctp_in_udp(&mut self) -> Step {
        const INIT: u8 = 1;
        self.begin("sctp in udp");
        let packet = self.reader;
        let &[s0, s1, d0, d1, t0, t1, t2, t3, _, _, _, _] = self.reader.array()?;
        let first = *self.reader.array::<4>()?;
        let tagged = [t0, t1, t2, t3] != [0; 4];
        self.reader = packet;
        let chunks = packet.rest().get(12..).unwrap_or_default();
        if [s0, s1] == [0, 0]
            || [d0, d1] == [0, 0]
            || tagged == (first[0] == INIT)
            || !are_chunks(chunks, packet.missing())
        {
            return Ok(Next::Done);
        }
        self.push_tunnel(Tunnel::SctpInUdp)?;
        self.commit_tunnels();
        self.confirm();
        self.set_protocol(super::ip::number::SCTP);
        (self.headers.fragment, self.headers.fragment_len) = (None, 0);
        Ok(Next::Protocol(super::ip::number::SCTP))
    }

    pub(super) fn dccp(&mut self) -> Step {
        self.begin("dccp");
        self.ports()?;
        let &[data_offset, _, _, _, kind] = self.reader.array()?;
        // The packet type is the middle of: 3 bits reserved, 4 bits type, 1 bit X (section 5.1).
        self.headers.phase = match kind >> 1 & 0xf {
            0 => Phase::Open,
            1 => Phase::Accept,
            6 => Phase::Close,
            7 => Phase::Abort,
            _ => Phase::None,
        };
        let Some(more) = (usize::from(data_offset) * 4).checked_sub(9) else {
            return Err(Reason::Malformed("the data offset is less than the header"));
        };
        self.reader.skip(more)?;
        self.take_payload();
        Ok(Next::Done)
    }

    pub(super) fn icmp(&mut self) -> Step {
        self.begin("icmp");
        let &[kind, code] = self.reader.array()?;
        self.headers.icmp = Some((kind, code));
        // Destination unreachable, source quench, redirect, time exceeded, parameter problem.
        if matches!(kind, 3 | 4 | 5 | 11 | 12) && self.reader.skip(6).is_ok() {
            self.headers.quoted = self.quoted();
        }
        Ok(Next::Done)
    }

    pub(super) fn icmpv6(&mut self) -> Step {
        self.begin("icmpv6");
        let &[kind, code] = self.reader.array()?;
        self.headers.icmp = Some((kind, code));
        // The errors (RFC 4443 section 2.1) that are defined: 1 to 4; all quote after 8 octets.
        if matches!(kind, 1..=4) && self.reader.skip(6).is_ok() {
            self.headers.quoted = self.quoted();
        }
        Ok(Next::Done)
    }
}

/// What the flags of a TCP segment do to its flow.
pub(super) fn tcp_phase(flags: TcpFlags) -> Phase {
    const FIN: u8 = TcpFlags::FIN;
    const SYN: u8 = TcpFlags::SYN;
    const RST: u8 = TcpFlags::RST;
    const ACK: u8 = TcpFlags::ACK;
    match flags.0 & (FIN | SYN | RST | ACK) {
        0 | ACK => Phase::None,
        set if set & RST != 0 => Phase::Abort,
        set if set & SYN == 0 => Phase::Close,
        set if set & ACK != 0 => Phase::Accept,
        _ => Phase::Open,
    }
}

/// What the chunks of an SCTP packet do to its association. Each is type, flags, length (its header
/// included), value and padding to 4 octets; ABORT may follow other control chunks.
fn sctp_phase(mut chunks: &[u8]) -> Phase {
    while let [kind, _, l0, l1, ..] = *chunks {
        match kind {
            1 => return Phase::Open,
            2 => return Phase::Accept,
            6 => return Phase::Abort,
            14 => return Phase::Close,
            _ => {}
        }
        let len = usize::from(u16::from_be_bytes([l0, l1])).max(4).next_multiple_of(4);
        chunks = chunks.get(len..).unwrap_or_default();
    }
    Phase::None
}

/// Whether octets are chunks of SCTP and nothing else; `missing` more were not captured. The last one may go without
/// its padding.
fn are_chunks(mut chunks: &[u8], missing: usize) -> bool {
    while let [kind, _, l0, l1, ..] = *chunks {
        let len = usize::from(u16::from_be_bytes([l0, l1]));
        // Those of RFC 9260 and 3758 to 8540: low numbers, and some whose top bits say what to do with an unknown one.
        let known = matches!(kind, 0..=15 | 64 | 0x80..=0x84 | 0xc0..=0xc2);
        if !known || len < 4 {
            return false;
        }
        let Some(rest) = chunks.get(len.next_multiple_of(4)..) else {
            return len <= chunks.len() + missing;
        };
        chunks = rest;
    }
    chunks.is_empty() || missing > 0
}

/// The first message that begins in an SCTP packet, from the chunks behind the common header: octets captured of its
/// first DATA chunk's user data, and how many that had (RFC 9260 section 3.3.1).
#[cold]
pub(crate) fn sctp_message(mut chunks: &[u8]) -> Option<(&[u8], u32)> {
    /// Header, TSN, stream, sequence number and payload protocol of a DATA chunk.
    const BEFORE: u32 = 16;
    while let [kind, flags, l0, l1, ..] = *chunks {
        let len = u32::from(u16::from_be_bytes([l0, l1]));
        // The beginning of a message, not a later fragment.
        if kind == 0 && flags & 2 != 0 {
            let wire = len.checked_sub(BEFORE)?;
            let data = chunks.get(BEFORE as usize..)?;
            return Some((data.get(..wire as usize).unwrap_or(data), wire));
        }
        chunks = chunks.get((len.max(4) as usize).next_multiple_of(4)..)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::samples::{decode, decode_cut, ipv4, ipv6, tcp, udp};
    use super::super::{Headers, Kind, Network, Quoted, Stopped, TransportProtocol};
    use super::*;
    use crate::packet::LinkType;

    fn raw(protocol: u8, payload: &[u8]) -> Headers {
        decode(LinkType::RAW, &ipv4(protocol, payload))
    }

    #[test]
    fn tcp_flags_tell_the_phase() {
        const FIN: u8 = 0x01;
        const SYN: u8 = 0x02;
        const RST: u8 = 0x04;
        const PSH: u8 = 0x08;
        const ACK: u8 = 0x10;
        const ECE_CWR: u8 = 0xc0;
        for (flags, phase) in [
            (SYN, Phase::Open),
            (SYN | ECE_CWR, Phase::Open),
            (SYN | ACK, Phase::Accept),
            (ACK, Phase::None),
            (PSH | ACK, Phase::None),
            (0, Phase::None),
            (FIN | ACK, Phase::Close),
            (FIN, Phase::Close),
            (RST, Phase::Abort),
            (RST | ACK, Phase::Abort),
            (SYN | RST, Phase::Abort),
        ] {
            assert_eq!(raw(6, &tcp(1, 2, flags, &[])).phase, phase, "{flags:#04x}");
        }
    }

    #[test]
    fn the_phase_is_known_as_soon_as_the_flags_are_there() {
        let octets = ipv4(6, &tcp(50_000, 80, 0x02, &[]));
        assert_eq!(decode_cut(LinkType::RAW, &octets, 23).ports, None);
        assert_eq!(decode_cut(LinkType::RAW, &octets, 24).ports, Some((50_000, 80)));
        assert_eq!(decode_cut(LinkType::RAW, &octets, 33).phase, Phase::None);
        let headers = decode_cut(LinkType::RAW, &octets, 34);
        assert_eq!((headers.ports, headers.phase), (Some((50_000, 80)), Phase::Open));
        let reason = Reason::Truncated { needed: 20, present: 14 };
        assert_eq!(headers.stopped, Some(Stopped { layer: "tcp", offset: 20, reason }));
    }

    #[test]
    fn a_wrong_data_offset_leaves_the_ports() {
        let mut segment = tcp(50_000, 80, 0x10, b"hello");
        segment[12] = 0x40;
        let headers = raw(6, &segment);
        assert_eq!((headers.ports, headers.payload_len), (Some((50_000, 80)), 0));
        assert!(matches!(
            headers.stopped,
            Some(Stopped { layer: "tcp", offset: 20, reason: Reason::Malformed(_) })
        ));
        // Options beyond the packet's end.
        segment[12] = 0xf0;
        assert!(matches!(raw(6, &segment).stopped, Some(Stopped { reason: Reason::Malformed(_), .. })));
        segment[12] = 0x60;
        assert_eq!((raw(6, &segment).stopped, raw(6, &segment).payload_len), (None, 1));
    }

    #[test]
    fn udp_length_bounds_the_payload() {
        let mut datagram = udp(50_000, 53, b"hello");
        datagram[5] = 10;
        assert_eq!((raw(17, &datagram).payload_offset, raw(17, &datagram).payload_len), (28, 2));
        for len in [0, 7] {
            datagram[5] = len;
            let headers = raw(17, &datagram);
            assert_eq!(headers.ports, Some((50_000, 53)));
            assert!(matches!(headers.stopped, Some(Stopped { layer: "udp", offset: 20, .. })), "{len}");
        }
        datagram[5] = 200;
        assert_eq!((raw(17, &datagram).payload_len, raw(17, &datagram).stopped), (5, None));
    }

    #[test]
    fn udp_lite_has_a_coverage_in_place_of_a_length() {
        let mut datagram = udp(50_000, 53, b"hello");
        datagram[5] = 8;
        let headers = raw(136, &datagram);
        assert_eq!((headers.protocol, headers.ports), (TransportProtocol::UDP_LITE, Some((50_000, 53))));
        assert_eq!(headers.payload_len, 5);
    }

    #[test]
    fn sctp_chunks_tell_the_phase() {
        let packet = |chunks: &[u8]| [&[0x80, 0, 0x0b, 0x59, 0, 0, 0, 1, 0, 0, 0, 0], chunks].concat();
        for (chunks, phase) in [
            (&[1, 0, 0, 4][..], Phase::Open),
            (&[2, 0, 0, 4], Phase::Accept),
            (&[0, 3, 0, 5, 9, 0, 0, 0], Phase::None),
            // COOKIE ECHO of 5 octets and its padding, then ABORT.
            (&[10, 0, 0, 5, 9, 0, 0, 0, 6, 0, 0, 4], Phase::Abort),
            (&[14, 0, 0, 4], Phase::Close),
            // A length of 0 must not stop the scan.
            (&[3, 0, 0, 0, 6, 0, 0, 4], Phase::Abort),
            (&[], Phase::None),
        ] {
            let headers = raw(132, &packet(chunks));
            assert_eq!((headers.ports, headers.phase), (Some((32_768, 2905)), phase), "{chunks:?}");
            assert_eq!((headers.payload_offset, headers.payload_len as usize), (32, chunks.len()));
        }
    }

    /// RFC 6951 section 4; INIT of RFC 9260 section 3.3.2.
    #[test]
    fn sctp_in_udp_is_the_packet_inside() {
        let common = [0x9c, 0x40, 0x0f, 0x1c, 0, 0, 0, 0, 0, 0, 0, 0];
        let init = [1, 0, 0, 20, 0, 0, 0, 1, 0, 1, 0, 0, 0, 10, 0, 10, 0, 0, 0, 1];
        let packet = [&common[..], &init].concat();
        let octets = ipv4(17, &udp(9899, 9899, &packet));
        let headers = decode(LinkType::RAW, &octets);
        assert_eq!((headers.protocol, headers.ports), (TransportProtocol::SCTP, Some((40_000, 3868))));
        assert_eq!((headers.phase, headers.stopped), (Phase::Open, None));
        assert_eq!(headers.tunnels.as_slice(), [Tunnel::SctpInUdp]);
        assert_eq!((headers.payload_offset, headers.payload_len), (40, 20));
        for len in 0..octets.len() {
            let cut = decode_cut(LinkType::RAW, &octets, len);
            assert_eq!(cut.tunnels.as_slice() == [Tunnel::SctpInUdp], len >= 44, "{len}");
            assert_eq!(cut.stopped.is_none(), len >= 44, "{len}");
        }
        // A tag on an INIT; none on DATA; a chunk beyond the end; an unknown one; port 0; too short.
        let changed = |at: usize, value: u8| {
            let mut packet = packet.clone();
            packet[at] = value;
            packet
        };
        let others = [(7, 1), (12, 0), (15, 21), (15, 3), (12, 0x3f)].map(|(at, value)| changed(at, value));
        let zero = [&[0, 0], &packet[2..]].concat();
        for packet in others.iter().map(Vec::as_slice).chain([&zero[..], &packet[..12], &packet[..11], &[]]) {
            let headers = raw(17, &udp(9899, 9899, packet));
            assert_eq!((headers.protocol, headers.ports), (TransportProtocol::UDP, Some((9899, 9899))));
            assert_eq!((headers.tunnels.as_slice(), headers.stopped), (&[][..], None), "{packet:?}");
        }
    }

    #[test]
    fn dccp_types_tell_the_phase() {
        for (kind, phase) in [
            (0, Phase::Open),
            (1, Phase::Accept),
            (2, Phase::None),
            (3, Phase::None),
            (5, Phase::None),
            (6, Phase::Close),
            (7, Phase::Abort),
        ] {
            let head = [0x80, 0, 0x13, 0x89, 4, 0, 0, 0, kind << 1 | 1, 0, 0, 0, 0, 0, 0, 1, 0xaa, 0xbb];
            let headers = raw(33, &head);
            assert_eq!((headers.ports, headers.phase), (Some((32_768, 5001)), phase), "{kind}");
            assert_eq!((headers.payload_offset, headers.payload_len), (36, 2));
        }
    }

    #[test]
    fn an_icmp_error_quotes_a_flow_and_has_none() {
        let quoted = ipv4(17, &udp(50_000, 53, &[])[..8]);
        for kind in [3, 4, 5, 11, 12] {
            let headers = raw(1, &[&[kind, 3, 0, 0, 0, 0, 0, 0], &quoted[..]].concat());
            assert_eq!((headers.icmp, headers.ports), (Some((kind, 3)), None));
            let network = Network::V4([192, 0, 2, 1], [192, 0, 2, 2]);
            let protocol = TransportProtocol::UDP;
            assert_eq!(headers.quoted, Some(Quoted { network, protocol, ports: Some((50_000, 53)) }));
            assert_eq!((headers.kind, headers.stopped), (Kind::Ip(TransportProtocol(1)), None));
        }
        let echo = raw(1, &[&[8, 0, 0, 0, 0, 0, 0, 0], &quoted[..]].concat());
        assert_eq!((echo.icmp, echo.quoted), (Some((8, 0)), None));
    }

    #[test]
    fn what_is_quoted_may_be_cut_or_a_later_fragment() {
        let mut quoted = ipv4(6, &tcp(50_000, 80, 0x10, &[]));
        let error = |quoted: &[u8]| raw(1, &[&[11, 0, 0, 0, 0, 0, 0, 0], quoted].concat()).quoted;
        assert_eq!(error(&quoted[..19]), None);
        assert_eq!(error(&quoted[..23]).map(|quoted| quoted.ports), Some(None));
        assert_eq!(error(&quoted[..24]).map(|quoted| quoted.ports), Some(Some((50_000, 80))));
        quoted[7] = 1;
        assert_eq!(error(&quoted).map(|quoted| quoted.ports), Some(None), "a later fragment");
    }

    #[test]
    fn icmpv6_errors_quote_through_extension_headers() {
        let datagram = udp(50_000, 53, &[]);
        let fragment = [17, 0, 0, 0, 0, 0, 0, 9];
        let options = [44, 0, 1, 4, 0, 0, 0, 0];
        let quoted = ipv6(60, &[&options[..], &fragment, &datagram].concat());
        let error = ipv6(58, &[&[1, 4, 0, 0, 0, 0, 0, 0], &quoted[..]].concat());
        let headers = decode(LinkType::RAW, &error);
        assert_eq!((headers.icmp, headers.ports), (Some((1, 4)), None));
        let quoted = headers.quoted.expect("a quoted packet");
        assert_eq!((quoted.protocol, quoted.ports), (TransportProtocol::UDP, Some((50_000, 53))));
    }
}
