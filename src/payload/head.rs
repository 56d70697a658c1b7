//! The head of an HTTP request, read from a whole stream: which host is meant.

use super::reader::{Reader, check, is_word};
use super::web::RequestLine;

/// The head of an HTTP/1 request (RFC 9112 section 2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head<'a> {
    /// The method.
    pub method: &'a [u8],
    /// The host that the request is for, with its port if it has one: from the target where that names
    /// it (RFC 9112 section 3.2.2), else from the Host field.
    pub host: Option<&'a [u8]>,
    /// Octets of the head, with the empty line that ends it.
    pub len: usize,
}

/// Why no head can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadError {
    /// More octets are needed.
    Incomplete,
    /// It is none, or longer than [`Head::LIMIT`].
    NoHead,
}

impl<'a> Head<'a> {
    /// Longest head that is waited for.
    pub const LIMIT: usize = 8_192;

    /// Reads the head at the beginning of a stream.
    pub fn read(stream: &'a [u8]) -> Result<Self, HeadError> {
        let octets = stream.get(..Self::LIMIT).unwrap_or(stream);
        let incomplete = if octets.len() < Self::LIMIT { HeadError::Incomplete } else { HeadError::NoHead };
        let mut reader = Reader::new(octets);
        let line = RequestLine::read(reader);
        if reader.line().is_none() {
            // What has no line yet may become a head, unless its beginning rules that out.
            return Err(if line.is_some() || octets.len() < 32 { incomplete } else { HeadError::NoHead });
        }
        let line = line.filter(|line| line.version.starts_with(b"HTTP/1.")).ok_or(HeadError::NoHead)?;
        let mut host = None;
        loop {
            let field = reader.line().ok_or(incomplete)?;
            if field.is_empty() {
                break;
            }
            host = host.or_else(|| host_field(field));
        }
        let host = authority(&line).or(host);
        Ok(Self { method: line.method, host, len: octets.len() - reader.len() })
    }
}

/// The value of a Host field.
fn host_field(field: &[u8]) -> Option<&[u8]> {
    let mut reader = Reader::new(field);
    reader.expect_word(b"host:")?;
    Some(reader.rest().trim_ascii()).filter(|host| is_word(host))
}

/// The host in an absolute target or in that of CONNECT.
fn authority<'a>(line: &RequestLine<'a>) -> Option<&'a [u8]> {
    let mut reader = Reader::new(line.target);
    if line.method != b"CONNECT" {
        check(reader.expect_word(b"http://").is_some() || reader.expect_word(b"https://").is_some())?;
    }
    let authority = reader.run(|octet| !matches!(octet, b'/' | b'?' | b'#'));
    // A user's name and password are no part of the host.
    authority.rsplit(|&octet| octet == b'@').next().filter(|host| !host.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: &[u8] = b"GET /a HTTP/1.1\r\nAccept: */*\r\nhOST:  example.org:8080 \r\n\r\nbody";

    #[test]
    fn the_host_is_in_a_field_or_in_the_target() {
        let head = Head::read(REQUEST).expect("a head");
        assert_eq!(head.host, Some(&b"example.org:8080"[..]));
        assert_eq!(head.len, REQUEST.len() - 4);
        let head = Head::read(b"GET http://u:p@a.example/x HTTP/1.1\r\nHost: b\r\n\r\n").expect("a head");
        assert_eq!(head.host, Some(&b"a.example"[..]));
        let head = Head::read(b"CONNECT c.example:443 HTTP/1.1\r\n\r\n").expect("a head");
        assert_eq!((head.method, head.host), (&b"CONNECT"[..], Some(&b"c.example:443"[..])));
        assert_eq!(Head::read(b"GET / HTTP/1.0\r\n\r\n").expect("a head").host, None);
    }

    #[test]
    fn every_cut_asks_for_more() {
        for cut in 0..REQUEST.len() - 4 {
            assert_eq!(Head::read(&REQUEST[..cut]), Err(HeadError::Incomplete), "{cut}");
        }
    }

    #[test]
    fn other_things_and_endless_heads_are_none() {
        assert_eq!(Head::read(b"HTTP/1.1 200 OK\r\n\r\n"), Err(HeadError::NoHead));
        assert_eq!(Head::read(&[7; 40]), Err(HeadError::NoHead));
        let mut endless = b"GET / HTTP/1.1\r\n".to_vec();
        endless.resize(9_000, b'a');
        assert_eq!(Head::read(&endless), Err(HeadError::NoHead));
    }
}
