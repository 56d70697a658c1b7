//! HTTP and its kin: HTTP/1 (RFC 9112), HTTP/2 (RFC 9113), ICAP (RFC 3507), SSDP, WS-Discovery.

use super::reader::{Reader, after, check, holds, is_printable, is_word};
use super::sight::{Said, Sight, client, server};

/// A request line: method, target and version word (RFC 9112 section 3, and all that took its form).
pub(super) struct RequestLine<'a> {
    pub(super) method: &'a [u8],
    pub(super) target: &'a [u8],
    /// What stands behind the target, to the end of the line or of the octets at hand.
    pub(super) version: &'a [u8],
    /// Whether the line ends within the octets at hand.
    pub(super) is_whole: bool,
}

/// A character of a token (RFC 9110 section 5.6.2).
pub(super) fn is_token_octet(octet: u8) -> bool {
    const TOKEN: [bool; 256] = {
        let mut token = [false; 256];
        let mut octet = 0;
        while octet < 256 {
            let letter = octet as u8;
            token[octet] = letter.is_ascii_alphanumeric()
                || matches!(letter, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~');
            octet += 1;
        }
        token
    };
    TOKEN[usize::from(octet)]
}

impl<'a> RequestLine<'a> {
    /// Reads the line; a target that is cut is given as far as it goes.
    pub(super) fn read(mut reader: Reader<'a>) -> Option<Self> {
        let method = reader.run(is_token_octet);
        check((1..=24).contains(&method.len()))?;
        reader.expect(b" ")?;
        let target = reader.run(|octet| octet > b' ' && octet != 0x7f);
        check(!target.is_empty() && matches!(reader.peek(), None | Some(b' ' | b'\r' | b'\n')))?;
        let (version, is_whole) = match reader.line() {
            Some(line) => (line, true),
            None => (reader.rest(), false),
        };
        let version = version.strip_prefix(b" ").unwrap_or(version);
        Some(Self { method, target, version, is_whole })
    }
}

/// Whether the first line ends with one of these words, or is not at hand as a whole: most requests are seen to be of another
/// protocol before their words are told apart.
pub(super) fn may_end_with(mut reader: Reader<'_>, words: &[&[u8]]) -> bool {
    reader.line().is_none_or(|line| words.iter().any(|word| line.ends_with(word)))
}

/// `name` and the digits of a version, as the last word of a line.
pub(super) fn is_version(word: &[u8], name: &[u8]) -> bool {
    word.strip_prefix(name).is_some_and(|digit| matches!(digit, [b'0'..=b'9']))
}

/// Methods of requests.
pub(super) const METHODS: [&[u8]; 24] = [
    b"GET",
    b"HEAD",
    b"POST",
    b"PUT",
    b"DELETE",
    b"CONNECT",
    b"OPTIONS",
    b"TRACE",
    b"PATCH",
    b"PROPFIND",
    b"PROPPATCH",
    b"MKCOL",
    b"COPY",
    b"MOVE",
    b"LOCK",
    b"UNLOCK",
    b"REPORT",
    b"SEARCH",
    b"MKCALENDAR",
    b"SUBSCRIBE",
    b"UNSUBSCRIBE",
    b"NOTIFY",
    b"PURGE",
    b"RPC_IN_DATA",
];

/// HTTP/1.
pub(super) fn http(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    if reader.expect(b"HTTP/1.").is_some() {
        check(reader.u8()?.is_ascii_digit())?;
        reader.expect(b" ")?;
        let status = reader.take(3)?;
        check(matches!(status, [b'1'..=b'5', b'0'..=b'9', b'0'..=b'9']))?;
        check(matches!(reader.u8()?, b' ' | b'\r' | b'\n'))?;
        return Some(Said::SERVER);
    }
    if reader.expect(b"ICY 200").is_some() {
        return Some(Said::SERVER_WEAK);
    }
    let line = RequestLine::read(reader)?;
    if line.is_whole {
        if is_version(line.version, b"HTTP/1.") {
            return Some(Said::CLIENT);
        }
        // HTTP/0.9 has no version.
        check(line.method == b"GET" && line.target.starts_with(b"/") && line.version.is_empty())?;
        return Some(Said::CLIENT_WEAK);
    }
    // The octets end before the line does.
    let methods = METHODS.contains(&line.method) || line.method == b"RPC_OUT_DATA";
    check(methods && may_be_target(line.target) && is_printable(line.target))?;
    check(b"HTTP/1.".starts_with(line.version) || begins_version(line.version))?;
    client(sight.octets().len() >= 48)
}

/// Whether a version word that may lack its end is one of HTTP/1.
fn begins_version(version: &[u8]) -> bool {
    matches!(version.strip_prefix(b"HTTP/1."), Some([b'0'..=b'9'] | [b'0'..=b'9', b'\r']))
}

/// `/…`, an absolute URI, `*`, or the host and port of CONNECT (RFC 9112 section 3.2).
fn may_be_target(target: &[u8]) -> bool {
    let has_port = || {
        let mut parts = target.rsplitn(2, |&octet| octet == b':');
        let port = parts.next().unwrap_or_default();
        parts.next().is_some_and(is_word) && !port.is_empty() && port.iter().all(u8::is_ascii_digit)
    };
    target.starts_with(b"/")
        || target.starts_with(b"http://")
        || target.starts_with(b"https://")
        || target == b"*"
        || has_port()
}

/// What a client of HTTP/2 says first (RFC 9113 section 3.4).
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// HTTP/2 with prior knowledge or behind TLS that was taken off.
pub(super) fn http2(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    let begin = sight.octets().get(..PREFACE.len()).unwrap_or(sight.octets());
    if begin.len() >= 14 && PREFACE.starts_with(begin) {
        return Some(Said::CLIENT);
    }
    // RFC 9113 section 3.4: a server's preface is a SETTINGS frame.
    let (len, kind, flags, stream) = (reader.u24()?, reader.u8()?, reader.u8()?, reader.u32()?);
    check(len.is_multiple_of(6) && len <= 96 && kind == 4 && flags == 0 && stream == 0)?;
    let mut settings = Reader::new(reader.rest().get(..len as usize).unwrap_or(reader.rest()));
    while let Some(identifier) = settings.u16() {
        check(matches!(identifier, 1..=9) || identifier & 0x0f0f == 0x0a0a)?;
        settings.skip_or_end(4);
    }
    server(len > 0)
}

/// ICAP (RFC 3507 section 4.3).
pub(super) fn icap(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    if reader.expect(b"ICAP/1.0 ").is_some() {
        check((100..600).contains(&reader.number()?))?;
        return Some(Said::SERVER);
    }
    let line = RequestLine::read(reader)?;
    check(matches!(line.method, b"REQMOD" | b"RESPMOD" | b"OPTIONS"))?;
    check(line.target.starts_with(b"icap://") || line.target.starts_with(b"icaps://"))?;
    check(!line.is_whole || line.version == b"ICAP/1.0")?;
    Some(Said::CLIENT)
}

/// SSDP (UPnP Device Architecture 1.1 sections 1.2 and 1.3). Any other HTTP in a datagram is nothing.
pub(super) fn ssdp(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    for opening in [&b"M-SEARCH * HTTP/1."[..], b"NOTIFY * HTTP/1."] {
        if reader.expect(opening).is_some() {
            return Some(Said::CLIENT);
        }
    }
    reader.expect(b"HTTP/1.")?;
    reader.skip(1)?;
    reader.expect(b" 200")?;
    let fields: [&[u8]; 5] = [b"\nST:", b"\nUSN:", b"\nEXT:", b"\nLOCATION:", b"\nCACHE-CONTROL:"];
    check(fields.iter().any(|field| holds(reader.rest(), field)))?;
    Some(Said::SERVER)
}

/// WS-Discovery (OASIS WS-Discovery 1.1): an XML document with a SOAP envelope.
pub(super) fn ws_discovery(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    let has_mark = reader.expect(b"\xef\xbb\xbf").is_some();
    check(has_mark || reader.expect(b"<?xml").is_some())?;
    let rest = reader.rest();
    check(after(rest, b"soap-envelope").is_some() || after(rest, b"schemas.xmlsoap.org").is_some())?;
    Some(Said::PEER)
}

#[cfg(test)]
mod tests {
    use crate::payload::Protocol;
    use crate::payload::testing::*;

    #[test]
    fn requests_and_answers() {
        client(TCP, Protocol::HTTP, b"GET / HTTP/1.1\r\n");
        client(TCP, Protocol::HTTP, b"FROB x HTTP/1.0\n");
        server(TCP, Protocol::HTTP, b"HTTP/1.1 204\r\n");
        nothing(TCP, b"HTTP/1.1 600 x\r\n");
        nothing(TCP, b"GET / HTTP/3.0\r\n");
        nothing(TCP, b"GET me that\r\n");
        weak(TCP, Protocol::HTTP, b"GET /\r\n");
        weak(TCP, Protocol::HTTP, b"GET /some");
        weak(TCP, Protocol::HTTP, b"ICY 200 OK\r\n");
    }

    #[test]
    fn a_request_without_its_end_needs_48_octets() {
        let mut long = b"PUT http://example.org/".to_vec();
        weak(TCP, Protocol::HTTP, &long);
        long.resize(48, b'a');
        assert_eq!(alone(TCP, &long).spoken, Some(Protocol::HTTP));
        long[47] = 1;
        nothing(TCP, &long);
    }

    #[test]
    fn settings_have_known_identifiers() {
        client(TCP, Protocol::HTTP2, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        server(TCP, Protocol::HTTP2, b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0d");
        server(TCP, Protocol::HTTP2, b"\0\0\x06\x04\0\0\0\0\0\x1a\x2a\0\0\0d");
        nothing(TCP, b"\0\0\x06\x04\0\0\0\0\0\0\x0b\0\0\0d");
        weak(TCP, Protocol::HTTP2, b"\0\0\0\x04\0\0\0\0\0");
    }

    #[test]
    fn kin() {
        client(TCP, Protocol::ICAP, b"OPTIONS icap://a/b ICAP/1.0\r\n");
        server(TCP, Protocol::ICAP, b"ICAP/1.0 200 OK\r\n");
        nothing(TCP, b"ICAP/1.0 999 OK\r\n");
        client(UDP, Protocol::SSDP, b"M-SEARCH * HTTP/1.1\r\n");
        server(UDP, Protocol::SSDP, b"HTTP/1.1 200 OK\r\nUsn: x\r\n");
        nothing(UDP, b"HTTP/1.1 200 OK\r\nServer: x\r\n");
        peer(
            UDP,
            Protocol::WS_DISCOVERY,
            b"<?xml version=\"1.0\"?><e xmlns=\"http://www.w3.org/2003/05/soap-envelope\">",
        );
        nothing(UDP, b"<?xml version=\"1.0\"?><html>");
    }
}
