//! Signalling of calls and streams: SIP, RTSP, MGCP, H.225.0.

use super::mail::command;
use super::reader::{Reader, check, is_word};
use super::sight::{Said, Sight};
use super::web::{RequestLine, may_end_with};

/// SIP (RFC 3261 section 7).
pub(super) fn sip(sight: Sight<'_>) -> Option<Said> {
    const METHODS: [&[u8]; 14] = [
        b"INVITE",
        b"ACK",
        b"OPTIONS",
        b"BYE",
        b"CANCEL",
        b"REGISTER",
        b"PRACK",
        b"SUBSCRIBE",
        b"NOTIFY",
        b"PUBLISH",
        b"INFO",
        b"REFER",
        b"MESSAGE",
        b"UPDATE",
    ];
    let mut reader = sight.reader();
    if reader.expect(b"SIP/2.0 ").is_some() {
        check((100..700).contains(&status(&mut reader)?))?;
        return Some(Said::SERVER);
    }
    check(may_end_with(reader, &[b"SIP/2.0"]))?;
    let line = RequestLine::read(reader)?;
    if line.is_whole {
        check(line.version == b"SIP/2.0")?;
    } else {
        let is_uri = |scheme: &[u8]| Reader::new(line.target).expect_word(scheme).is_some();
        check(METHODS.contains(&line.method) && (is_uri(b"sip:") || is_uri(b"sips:") || is_uri(b"tel:")))?;
    }
    Some(Said::CLIENT)
}

/// A status code of three digits and SP.
fn status(reader: &mut Reader<'_>) -> Option<u32> {
    let digits = reader.take(3)?;
    check(digits.iter().all(u8::is_ascii_digit))?;
    check(matches!(reader.u8()?, b' ' | b'\r'))?;
    Reader::new(digits).number()
}

/// RTSP (RFC 2326 section 6, RFC 7826).
pub(super) fn rtsp(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    if reader.expect(b"RTSP/").is_some() {
        check(matches!(reader.array()?, [b'1' | b'2', b'.', b'0', b' ']))?;
        check((100..600).contains(&status(&mut reader)?))?;
        return Some(Said::SERVER);
    }
    check(may_end_with(reader, &[b"RTSP/1.0", b"RTSP/2.0"]))?;
    let line = RequestLine::read(reader)?;
    if line.is_whole {
        check(matches!(line.version, b"RTSP/1.0" | b"RTSP/2.0"))?;
    } else {
        check(line.method.iter().all(|octet| octet.is_ascii_uppercase() || *octet == b'_'))?;
        check(
            [&b"rtsp://"[..], b"rtspu://", b"rtsps://"].iter().any(|scheme| line.target.starts_with(scheme)),
        )?;
    }
    Some(Said::CLIENT)
}

/// MGCP (RFC 3435 section 3.2).
pub(super) fn mgcp(sight: Sight<'_>) -> Option<Said> {
    const VERBS: [&[u8]; 9] =
        [b"EPCF", b"CRCX", b"MDCX", b"DLCX", b"RQNT", b"NTFY", b"AUEP", b"AUCX", b"RSIP"];
    let mut reader = sight.reader();
    if reader.peek()?.is_ascii_digit() {
        status(&mut reader)?;
        reader.number()?;
        check(matches!(reader.u8()?, b' ' | b'\r' | b'\n'))?;
        return Some(Said::SERVER_WEAK);
    }
    let (_, rest) = command(&mut reader, &VERBS)?;
    let mut words = rest.split(|&octet| octet == b' ');
    let mut number = Reader::new(words.next()?);
    check(number.number().is_some() && number.is_empty())?;
    check(is_word(words.next()?) && words.next()? == b"MGCP" && words.next()? == b"1.0")?;
    Some(Said::CLIENT)
}

/// Call signalling of H.323 (H.225.0): Q.931 messages in TPKT.
pub(super) fn h323(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    reader.expect(&[3, 0])?;
    let len = usize::from(reader.u16()?);
    check(len >= 9 && len <= sight.wire())?;
    // Protocol discriminator and length of the call reference (Q.931 section 4).
    reader.expect(&[8, 2])?;
    reader.skip(2)?;
    let kinds = [0x01, 0x02, 0x03, 0x05, 0x07, 0x0d, 0x0f, 0x5a, 0x62, 0x6e, 0x75, 0x7b, 0x7d];
    check(kinds.contains(&reader.u8()?))?;
    Some(Said::PEER)
}

#[cfg(test)]
mod tests {
    use crate::payload::Protocol;
    use crate::payload::testing::*;

    #[test]
    fn the_version_word_tells() {
        client(UDP, Protocol::SIP, b"OPTIONS sip:a@b SIP/2.0\r\n");
        client(TCP, Protocol::SIP, b"INVITE sip:a@b");
        server(UDP, Protocol::SIP, b"SIP/2.0 180 Ringing\r\n");
        nothing(UDP, b"SIP/2.0 700 x\r\n");
        nothing(UDP, b"OPTIONS sip:a@b SIP/3.0\r\n");
        client(TCP, Protocol::RTSP, b"OPTIONS * RTSP/1.0\r\n");
        client(TCP, Protocol::RTSP, b"SETUP rtsp://a/b RTSP/2.0\r\n");
        server(TCP, Protocol::RTSP, b"RTSP/1.0 200 OK\r\n");
        nothing(TCP, b"OPTIONS * RTSP/4.0\r\n");
        nothing(TCP, b"RTSP/1.0 2000 OK\r\n");
    }

    #[test]
    fn gateways() {
        client(UDP, Protocol::MGCP, b"CRCX 1204 aaln/1@rgw.example MGCP 1.0\r\n");
        weak(UDP, Protocol::MGCP, b"200 1204 OK\r\n");
        nothing(UDP, b"CRCX x aaln/1@rgw.example MGCP 1.0\r\n");
        peer(TCP, Protocol::H323_Q931, &[3, 0, 0, 10, 8, 2, 0, 1, 5, 4]);
        nothing(TCP, &[3, 0, 0, 10, 8, 2, 0, 1, 4, 4]);
        nothing(TCP, &[3, 0, 0, 11, 8, 2, 0, 1, 5, 4]);
    }
}
