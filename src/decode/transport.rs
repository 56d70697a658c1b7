//! TCP (RFC 9293), UDP (RFC 768), UDP-Lite (RFC 3828), SCTP (RFC 9260), DCCP (RFC 4340), and the
//! messages of ICMP (RFC 792) and ICMPv6 (RFC 4443).

use super::walk::{Next, Step, Walk};
use super::{Phase, Reason};

impl Walk<'_, '_> {
    /// Source and destination port: the first four octets of every transport that has them.
    fn ports(&mut self) -> Result<(u16, u16), Reason> {
        let &[s0, s1, d0, d1] = self.reader.array()?;
        let ports = (u16::from_be_bytes([s0, s1]), u16::from_be_bytes([d0, d1]));
        self.headers.ports = Some(ports);
        self.headers.payload_offset = self.reader.offset();
        self.headers.payload_len = 0;
        Ok(ports)
    }

    pub(super) fn tcp(&mut self) -> Step {
        self.begin("tcp");
        self.ports()?;
        let &[.., offset, flags] = self.reader.array::<10>()?;
        self.headers.phase = tcp_phase(flags);
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
        self.take_payload();
        Ok(match self.decoder.tunnel(destination).or_else(|| self.decoder.tunnel(source)) {
            Some(tunnel) => Next::Tunnel(tunnel),
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

    pub(super) fn dccp(&mut self) -> Step {
        self.begin("dccp");
        self.ports()?;
        let &[data_offset, _, _, _, kind] = self.reader.array()?;
        // The packet type is the middle of: 3 bits reserved, 4 bits type, 1 bit X (section 5.1).
        self.headers.phase = match kind >> 1 & 0xf {
            0 => Phase::Open,
            1 => Phase::Accept,
            6 | 7 => Phase::Close,
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
pub(super) fn tcp_phase(flags: u8) -> Phase {
    const FIN: u8 = 0x01;
    const SYN: u8 = 0x02;
    const RST: u8 = 0x04;
    const ACK: u8 = 0x10;
    match flags & (FIN | SYN | RST | ACK) {
        0 | ACK => Phase::None,
        set if set & RST != 0 => Phase::Close,
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
            6 | 14 => return Phase::Close,
            _ => {}
        }
        let len = usize::from(u16::from_be_bytes([l0, l1])).max(4).next_multiple_of(4);
        chunks = chunks.get(len..).unwrap_or_default();
    }
    Phase::None
}
