//! Media and how they get through: STUN, RTP, RTCP, RTMP.

use super::datagrams::{Datagram, Datagrams};
use super::reader::{Reader, check};
use super::sight::{Said, Sight, peer};

const COOKIE: u32 = 0x2112_a442;

/// STUN and TURN in datagrams (RFC 8489 section 5, RFC 8656); also the form of RFC 3489, without cookie.
pub(super) fn stun(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    let (kind, len, cookie) = (reader.u16()?, reader.u16()?, reader.u32()?);
    sight.ends_at(usize::from(len) + 20)?;
    let said = stun_side(kind, len)?;
    if cookie == COOKIE {
        return Some(said);
    }
    // Binding and shared secret were all that RFC 3489 had.
    check(matches!(kind, 0x0001 | 0x0101 | 0x0111 | 0x0002 | 0x0102 | 0x0112) && !sight.is_cut())?;
    reader.skip(12)?;
    let mut attributes = 0;
    while !reader.is_empty() {
        let kind = reader.u16()?;
        let len = reader.u16()?;
        check(matches!(kind, 1..=11 | 0x0020 | 0x8020..=0x8030) && len.is_multiple_of(4))?;
        reader.skip(usize::from(len))?;
        attributes += 1;
    }
    check(attributes > 0)?;
    Some(said)
}

/// STUN over TCP: other messages may follow.
pub(super) fn stun_tcp(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    let (kind, len, cookie) = (reader.u16()?, reader.u16()?, reader.u32()?);
    check(cookie == COOKIE && usize::from(len) + 20 <= sight.wire())?;
    stun_side(kind, len)
}

fn stun_side(kind: u16, len: u16) -> Option<Said> {
    check(kind & 0xc000 == 0 && len.is_multiple_of(4))?;
    // Request and indication come from a client, success and error from a server.
    Some(if kind & 0x0100 == 0 { Said::CLIENT } else { Said::SERVER })
}

/// What RTP (RFC 3550 section 5.1) needs to be told from noise.
struct RtpHeader {
    kind: u8,
    sequence: u16,
    time: u32,
    source: u32,
}

impl RtpHeader {
    fn read(datagram: &Datagram) -> Option<Self> {
        let sight = datagram.sight();
        let mut reader = sight.reader();
        let [first, second] = reader.array()?;
        check(first & 0xc0 == 0x80 && matches!(second & 0x7f, 0..=34 | 96..=127))?;
        check(sight.wire() > 12 + 4 * usize::from(first & 15))?;
        let sequence = reader.u16()?;
        Some(Self { kind: second & 0x7f, sequence, time: reader.u32()?, source: reader.u32()? })
    }

    /// Whether `next` goes on where this one ends.
    fn leads_to(&self, next: &Self) -> bool {
        self.kind == next.kind
            && self.source == next.source
            && (1..=16).contains(&next.sequence.wrapping_sub(self.sequence))
            && next.time.wrapping_sub(self.time) < 1 << 20
    }
}

/// RTP: one datagram says nothing, three that go on from each other are certain.
pub(super) fn rtp(datagrams: &Datagrams) -> Option<Said> {
    let mut longest = 0;
    let mut run = 0;
    let mut last: Option<RtpHeader> = None;
    for datagram in datagrams.iter() {
        let header = RtpHeader::read(datagram);
        run = match (&last, &header) {
            (Some(last), Some(header)) if last.leads_to(header) => run + 1,
            (_, Some(_)) => 1,
            (_, None) => 0,
        };
        longest = longest.max(run);
        last = header;
    }
    check(longest >= 2)?;
    peer(longest >= 3)
}

/// RTCP (RFC 3550 section 6.4): a report, and what is compounded with it.
pub(super) fn rtcp(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    let mut packets = 0;
    while sight.left(&reader) > 0 {
        let Some([first, kind]) = reader.array() else {
            check(sight.excuses())?;
            break;
        };
        check(first & 0xc0 == 0x80 && (192..=213).contains(&kind))?;
        check(packets > 0 || matches!(kind, 200 | 201))?;
        let len = usize::from(reader.u16()?) * 4;
        check(len <= sight.left(&reader))?;
        packets += 1;
        if !reader.skip_or_end(len) {
            check(sight.excuses())?;
            break;
        }
    }
    check(packets > 0)?;
    peer(packets >= 2)
}

/// RTMP (Adobe RTMP 1.0 section 5.2): version 3 and 1,536 octets of noise.
pub(super) fn rtmp(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    check(reader.u8()? == 3 && sight.wire() >= 1_000)?;
    reader.skip(4)?;
    // Zero, or in later players their version; what servers put there is theirs to choose.
    let [major, _, _, minor] = reader.array()?;
    let is_player = major == 0 && minor == 0 || matches!(major, 9..=32 | 128);
    Some(if is_player { Said::CLIENT_WEAK.and(Said::SERVER_WEAK) } else { Said::SERVER_WEAK })
}

/// Whether this is the first octet of RTP or RTCP (RFC 7983 section 7).
pub(super) fn may_be_media(mut reader: Reader<'_>) -> bool {
    reader.u8().is_some_and(|octet| (128..=191).contains(&octet))
}

#[cfg(test)]
mod tests {
    use crate::payload::testing::*;
    use crate::payload::{Protocol, Sender, Strength, Window, look};

    #[test]
    fn stun_has_a_cookie_and_a_length() {
        let mut request = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
        client(UDP, Protocol::STUN, &request);
        client(TCP, Protocol::STUN, &request);
        request[0] = 1;
        server(UDP, Protocol::STUN, &request);
        request[3] = 4;
        nothing(UDP, &request);
        let old = [&[0, 1, 0, 8][..], &[7; 16], &[0, 3, 0, 4, 0, 0, 0, 6]].concat();
        client(UDP, Protocol::STUN, &old);
        nothing(TCP, &old);
    }

    #[test]
    fn what_comes_after_stun_is_a_layer() {
        let request = [0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
        let hello = [22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 14, 1, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 2, 9, 9];
        let mut window = Window::new();
        window.datagram(UDP, &request, 20);
        window.datagram(UDP, &hello, 27);
        let verdict = look(UDP, &window, &Window::new());
        assert_eq!(verdict.spoken, Some(Protocol::STUN));
        assert!(verdict.layers.iter().eq([Protocol::STUN, Protocol::DTLS]));
    }

    fn rtp(sequences: &[u16]) -> Strength {
        let mut window = Window::new();
        for &sequence in sequences {
            let mut packet = vec![0x80, 0];
            packet.extend(sequence.to_be_bytes());
            packet.extend([0, 0, 0, 1, 7, 7, 7, 7]);
            packet.resize(40, 1);
            window.datagram(UDP, &packet, 40);
        }
        look(UDP, &window, &Window::new()).strength
    }

    #[test]
    fn rtp_needs_a_run() {
        assert_eq!(rtp(&[5]), Strength::Nothing);
        assert_eq!(rtp(&[5, 6]), Strength::Weak);
        assert_eq!(rtp(&[65_535, 0, 2]), Strength::Strong);
        assert_eq!(rtp(&[900, 5, 6, 7]), Strength::Strong);
        assert_eq!(rtp(&[5, 5, 5]), Strength::Nothing);
    }

    #[test]
    fn reports_are_compounded() {
        let report = [0x80, 201, 0, 1, 1, 2, 3, 4];
        weak(UDP, Protocol::RTCP, &report);
        peer(UDP, Protocol::RTCP, &[&report[..], &[0x81, 202, 0, 1, 1, 2, 3, 4]].concat());
        nothing(UDP, &[&report[..], &[0x81, 202, 0, 2, 1, 2, 3, 4]].concat());
    }

    #[test]
    fn rtmp_in_both_directions() {
        let mut hello = vec![3, 0, 0, 0, 0, 0, 0, 0, 0];
        hello.resize(1_537, 7);
        weak(TCP, Protocol::RTMP, &hello);
        let verdict = both(TCP, &hello, &hello);
        assert_eq!((verdict.spoken, verdict.server), (Some(Protocol::RTMP), Some(Sender::Second)));
        nothing(TCP, &hello[..900]);
    }
}
