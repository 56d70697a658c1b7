//! What stands before another protocol: SOCKS, the PROXY protocol, AJP.

use super::reader::{Reader, check, is_printable};
use super::sight::{Said, Sight};
use super::turns::Answer;
use super::verdict::Sender;

/// SOCKS version 5 (RFC 1928 section 3): so short that it takes both directions.
pub(super) fn socks5(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    let [version, count] = reader.array()?;
    check(version == 5)?;
    if sight.wire() == 2 && matches!(count, 0 | 1 | 2 | 0xff) {
        return Some(Said::SERVER_WEAK);
    }
    check((1..=10).contains(&count) && sight.wire() == usize::from(count) + 2)?;
    // Methods that have a number at IANA.
    check(reader.take(usize::from(count))?.iter().all(|method| matches!(method, 0..=9 | 0x80)))?;
    Some(Said::CLIENT_WEAK)
}

/// SOCKS version 4 and 4a.
pub(super) fn socks4(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.first_message();
    match reader.array()? {
        [4, 1 | 2] => {
            check(reader.u16()? != 0 && !sight.is_cut())?;
            reader.skip(4)?;
            check(is_printable(reader.until(0)?))?;
            // Version 4a: the name of the host.
            check(reader.is_empty() || is_printable(reader.until(0)?) && reader.is_empty())?;
            Some(Said::CLIENT_WEAK)
        }
        [0, 0x5a..=0x5d] => {
            sight.ends_at(8)?;
            Some(Said::SERVER_WEAK)
        }
        _ => None,
    }
}

/// The signature of version 2 of the PROXY protocol.
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// Whether more octets may make a PROXY header of these.
pub(super) fn may_begin_proxy_header(octets: &[u8]) -> bool {
    const LINES: [&[u8]; 3] = [b"PROXY TCP4 ", b"PROXY TCP6 ", b"PROXY UNKNOWN"];
    // Behind the signature stand four octets that tell the length.
    let is_signed = octets.len() < SIGNATURE.len() + 4 && octets.starts_with(SIGNATURE);
    is_signed || SIGNATURE.starts_with(octets) || LINES.iter().any(|line| line.starts_with(octets))
}

/// Length of a PROXY header at the beginning; 0 where it goes beyond the octets at hand.
pub(super) fn proxy_header(octets: &[u8]) -> Option<usize> {
    let mut reader = Reader::new(octets);
    // Nearly all streams begin otherwise.
    check(matches!(reader.peek()?, b'\r' | b'P'))?;
    if reader.expect(SIGNATURE).is_some() {
        let [command, family] = reader.array()?;
        check(matches!(command, 0x20 | 0x21) && family >> 4 <= 3 && family & 15 <= 2)?;
        let len = usize::from(reader.u16()?);
        return Some(if reader.skip_or_end(len) { octets.len() - reader.len() } else { 0 });
    }
    reader.expect(b"PROXY ")?;
    let kinds: [&[u8]; 3] = [b"TCP4 ", b"TCP6 ", b"UNKNOWN"];
    check(kinds.iter().any(|kind| reader.expect(kind).is_some()))?;
    // The line has at most 107 octets (proxy-protocol section 2.1).
    Some(reader.line().map_or(0, |_| octets.len() - reader.len()))
}

/// Both directions without the PROXY header of one of them, and who sent it.
pub(super) fn unwrap<'a>(first: Sight<'a>, second: Sight<'a>) -> Option<((Sight<'a>, Sight<'a>), Sender)> {
    let rest = |sight: Sight<'a>, len| if len == 0 { Sight::of_rest(&[]) } else { sight.behind(len) };
    if let Some(len) = proxy_header(first.all()) {
        return Some(((rest(first, len), second), Sender::First));
    }
    let len = proxy_header(second.all())?;
    Some(((first, rest(second, len)), Sender::Second))
}

/// AJP 1.3: packets of a web server to its container, and back.
pub(super) fn ajp13(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    let magic: [u8; 2] = reader.array()?;
    let len = usize::from(reader.u16()?);
    let kind = reader.u8()?;
    check((1..=8_192).contains(&len))?;
    match magic {
        // Forward request, shutdown, ping, cping.
        [0x12, 0x34] if matches!(kind, 2 | 7 | 8 | 10) => {
            check(len + 4 <= sight.wire() || kind == 2)?;
            Some(Said::CLIENT)
        }
        [b'A', b'B'] if matches!(kind, 3..=6 | 9) => Some(Said::SERVER),
        _ => None,
    }
}

/// What a client sends behind its requests for a connection: its methods, perhaps a login, and the request.
///
/// `login` tells whether the server wants one, where its answer was seen.
pub(super) fn socks_requests(octets: &[u8], login: Option<bool>) -> Option<&[u8]> {
    let mut reader = Reader::new(octets);
    match reader.array()? {
        [5, count] => {
            reader.skip(usize::from(count))?;
            if login.unwrap_or(reader.peek() == Some(1)) {
                // RFC 1929 section 2: version, user, password.
                reader.expect(&[1])?;
                for _ in 0..2 {
                    let len = reader.u8()?;
                    reader.skip(usize::from(len))?;
                }
            }
            // CONNECT: the other commands open connections of their own.
            reader.expect(&[5, 1, 0])?;
            socks_address(&mut reader)?;
        }
        [4, 1] => {
            let [_, _, a, b, c, d] = reader.array()?;
            reader.until(0)?;
            if [a, b, c] == [0; 3] && d != 0 {
                reader.until(0)?;
            }
        }
        _ => return None,
    }
    Some(reader.rest())
}

/// An address and a port of version 5 (RFC 1928 section 5).
fn socks_address(reader: &mut Reader<'_>) -> Option<()> {
    let len = match reader.u8()? {
        1 => 4,
        3 => usize::from(reader.u8()?),
        4 => 16,
        _ => return None,
    };
    reader.skip(len + 2)
}

/// Whether a server of version 5 wants a login, as its first octets tell; `None` where it has no method
/// that leaves the stream as it is.
pub(super) fn socks_login(octets: &[u8]) -> Option<bool> {
    match octets {
        [5, 0, ..] => Some(false),
        [5, 2, ..] => Some(true),
        _ => None,
    }
}

/// What a server says to the requests.
pub(super) fn socks_answers(octets: &[u8]) -> Answer<'_> {
    let mut reader = Reader::new(octets);
    let mut answer = || {
        let [version, code] = reader.array()?;
        if version == 0 {
            // Version 4: eight octets.
            reader.skip(6)?;
            return Some(code == 0x5a);
        }
        let Some(login) = socks_login(octets) else { return Some(false) };
        if login && reader.array::<2>()? != [1, 0] {
            return Some(false);
        }
        let [_, code, _] = reader.array()?;
        if code == 0 {
            socks_address(&mut reader)?;
        }
        Some(code == 0)
    };
    match answer() {
        None => Answer::Unseen,
        Some(false) => Answer::Refused,
        Some(true) => Answer::Agreed(reader.rest()),
    }
}

#[cfg(test)]
mod tests {
    use crate::payload::testing::*;
    use crate::payload::{Protocol, Sender};

    #[test]
    fn socks_takes_both_directions() {
        weak(TCP, Protocol::SOCKS5, &[5, 1, 0]);
        weak(TCP, Protocol::SOCKS5, &[5, 0xff]);
        nothing(TCP, &[5, 1, 0, 0]);
        nothing(TCP, &[5, 3]);
        let verdict = both(TCP, &[5, 2, 0, 2], &[5, 0]);
        assert_eq!((verdict.spoken, verdict.server), (Some(Protocol::SOCKS5), Some(Sender::Second)));
        weak(TCP, Protocol::SOCKS4, b"\x04\x01\0\x50\x0a\0\0\x01me\0");
        weak(TCP, Protocol::SOCKS4, &[0, 0x5a, 0, 0, 0, 0, 0, 0]);
        nothing(TCP, b"\x04\x01\0\0\x0a\0\0\x01me\0");
    }

    #[test]
    fn the_proxied_protocol_names_the_flow() {
        let verdict = alone(TCP, b"PROXY TCP4 10.0.0.1 10.0.0.2 4000 80\r\nGET / HTTP/1.1\r\n");
        assert_eq!((verdict.spoken, verdict.server), (Some(Protocol::HTTP), Some(Sender::Second)));
        assert!(verdict.layers.iter().eq([Protocol::PROXY, Protocol::HTTP]));
        let header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x0a\0\0\x01\x0a\0\0\x02\x0f\xa0\0\x50";
        let verdict = alone(TCP, &[&header[..], b"SSH-2.0-x\r\n"].concat());
        assert_eq!(verdict.spoken, Some(Protocol::SSH));
        client(TCP, Protocol::PROXY, header);
        client(TCP, Protocol::PROXY, b"PROXY UNKNOWN\r\n");
        nothing(TCP, b"PROXY TCP5 10.0.0.1 10.0.0.2 4000 80\r\nx");
    }

    #[test]
    fn ajp_packets() {
        client(TCP, Protocol::AJP13, &[0x12, 0x34, 0, 1, 10]);
        server(TCP, Protocol::AJP13, &[b'A', b'B', 0, 1, 9]);
        nothing(TCP, &[0x12, 0x34, 0, 1, 11]);
    }

    #[test]
    fn tls_within_socks_is_a_layer() {
        let mut hello = vec![22, 3, 1, 0, 50, 1, 0, 0, 46, 3, 3];
        hello.resize(55, 7);
        let mut stream = crate::payload::Window::new();
        stream.segment(10, false, &[5, 1, 0], 3);
        stream.segment(13, false, &[5, 1, 0, 1, 10, 0, 0, 1, 1, 187], 10);
        stream.segment(23, false, &hello, 55);
        let verdict = crate::payload::look(TCP, &stream, &window(TCP, &[5, 0], 2));
        assert!(verdict.layers.iter().eq([Protocol::SOCKS, Protocol::TLS]));
    }
}
