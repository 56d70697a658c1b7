//! The hello of TLS, read from a whole stream: name of the server, protocols offered, encrypted hello.

use super::reader::{Reader, check};
use super::tls::Record;

/// A ClientHello or ServerHello (RFC 8446 section 4.1), as far as its octets are at hand.
#[derive(Clone, Copy, Debug)]
pub struct Hello<'a> {
    /// Whether a client sent it.
    pub is_client: bool,
    /// Whether all of it is at hand.
    pub is_whole: bool,
    extensions: &'a [u8],
}

/// Why no hello can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HelloError {
    /// More octets are needed.
    Incomplete,
    /// It is none.
    NoHello,
}

impl<'a> Hello<'a> {
    /// Longest handshake message that is waited for.
    pub const LIMIT: usize = 16_384;

    const SERVER_NAME: u16 = 0;
    const ALPN: u16 = 16;
    pub(super) const SUPPORTED_VERSIONS: u16 = 43;
    const ENCRYPTED_CLIENT_HELLO: u16 = 0xfe0d;

    /// Reads a handshake message without records, as QUIC carries it and [`join_records`] joins it.
    ///
    /// Where the message goes beyond `octets`, what is there can be read, and `is_whole` is false.
    pub fn read(octets: &'a [u8]) -> Result<Self, HelloError> {
        Self::read_as(octets, false)
    }

    /// Reads a whole ClientHello of DTLS, whose header was made that of TLS: it has a cookie (RFC 6347 section
    /// 4.2.1, RFC 9147 section 5.3).
    pub(super) fn read_datagram(octets: &'a [u8]) -> Result<Self, HelloError> {
        Self::read_as(octets, true)
    }

    fn read_as(octets: &'a [u8], has_cookie: bool) -> Result<Self, HelloError> {
        let mut reader = Reader::new(octets);
        let head = (reader.u8(), reader.u24());
        let (Some(kind), Some(len)) = head else { return Err(HelloError::Incomplete) };
        let len = len as usize;
        if !matches!(kind, 1 | 2) || !(38..=131_071).contains(&len) {
            return Err(HelloError::NoHello);
        }
        let is_whole = len <= reader.len();
        let mut body = Reader::new(reader.rest().get(..len).unwrap_or(reader.rest()));
        match Self::body(&mut body, kind == 1, has_cookie) {
            Some(extensions) => Ok(Self { is_client: kind == 1, is_whole, extensions }),
            // RFC 8446 section 4.1.2: a hello may end before the extensions.
            None if is_whole && body.is_empty() => {
                Ok(Self { is_client: kind == 1, is_whole, extensions: &[] })
            }
            None if is_whole => Err(HelloError::NoHello),
            None => Err(HelloError::Incomplete),
        }
    }

    /// Reads the hello in the first record of a stream.
    pub(super) fn of_record(octets: &'a [u8]) -> Result<Self, HelloError> {
        let mut reader = Reader::new(octets);
        let record = Record::read(&mut reader).ok_or(HelloError::NoHello)?;
        if record.kind != Record::HANDSHAKE {
            return Err(HelloError::NoHello);
        }
        Self::read(reader.rest().get(..record.len).unwrap_or(reader.rest()))
    }

    /// Passes over all that stands before the extensions, and gives them.
    fn body(reader: &mut Reader<'a>, is_client: bool, has_cookie: bool) -> Option<&'a [u8]> {
        // Version and random.
        reader.skip(34)?;
        let session = reader.u8()?;
        reader.skip(usize::from(session))?;
        if has_cookie {
            let cookie = reader.u8()?;
            reader.skip(usize::from(cookie))?;
        }
        if is_client {
            let ciphers = reader.u16()?;
            reader.skip(usize::from(ciphers))?;
            let compressions = reader.u8()?;
            reader.skip(usize::from(compressions))?;
        } else {
            reader.skip(3)?;
        }
        let len = usize::from(reader.u16()?);
        Some(reader.rest().get(..len).unwrap_or(reader.rest()))
    }

    /// The extensions that are whole: their types and their data.
    pub fn extensions(&self) -> Extensions<'a> {
        Extensions(Reader::new(self.extensions))
    }

    fn extension(&self, kind: u16) -> Option<Reader<'a>> {
        self.extensions().find(|&(found, _)| found == kind).map(|(_, data)| Reader::new(data))
    }

    /// The name of the server that the client wants (RFC 6066 section 3), as it lies in the octets.
    ///
    /// With an encrypted hello it is the name of who takes the hello in.
    pub fn server_name(&self) -> Option<&'a [u8]> {
        let mut list = self.extension(Self::SERVER_NAME)?;
        list.u16()?;
        // Names of hosts have type 0, and no other type was ever defined.
        check(list.u8()? == 0)?;
        let len = list.u16()?;
        list.take(usize::from(len)).filter(|name| !name.is_empty())
    }

    /// The protocols offered, or the one chosen (RFC 7301 section 3.1).
    pub fn protocols(&self) -> Option<impl Iterator<Item = &'a [u8]> + use<'a>> {
        let mut list = self.extension(Self::ALPN)?;
        list.u16()?;
        Some(std::iter::from_fn(move || {
            let len = list.u8()?;
            list.take(usize::from(len))
        }))
    }

    /// Whether the hello holds an encrypted one (RFC 9849 section 5).
    pub fn has_encrypted_hello(&self) -> bool {
        self.extension(Self::ENCRYPTED_CLIENT_HELLO).is_some()
    }
}

/// The extensions of a hello: type and data of each.
#[derive(Clone)]
pub struct Extensions<'a>(Reader<'a>);

impl<'a> Iterator for Extensions<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (kind, len) = (self.0.u16()?, self.0.u16()?);
        Some((kind, self.0.take(usize::from(len))?))
    }
}

/// Joins the handshake message at the beginning of a stream, which may span records, into `message`.
///
/// `message` is cleared first and holds at most [`Hello::LIMIT`] octets; tell it to [`Hello::read`] once
/// this says `Ok`. [`HelloError::Incomplete`] asks for more of the stream.
pub fn join_records(stream: &[u8], message: &mut Vec<u8>) -> Result<(), HelloError> {
    message.clear();
    let mut reader = Reader::new(stream);
    loop {
        if reader.len() < 5 {
            return Err(HelloError::Incomplete);
        }
        let record = Record::read(&mut reader).ok_or(HelloError::NoHello)?;
        if record.kind != Record::HANDSHAKE {
            return Err(HelloError::NoHello);
        }
        let is_whole = record.len <= reader.len();
        message.extend_from_slice(reader.take(record.len.min(reader.len())).unwrap_or_default());
        let head = Reader::new(message).array().map(|[_, a, b, c]| u32::from_be_bytes([0, a, b, c]));
        let needed = head.map(|len| len as usize + 4);
        match needed {
            Some(needed) if needed > Hello::LIMIT => return Err(HelloError::NoHello),
            Some(needed) if message.len() >= needed => {
                message.truncate(needed);
                return Ok(());
            }
            _ if !is_whole || message.len() > Hello::LIMIT => return Err(HelloError::Incomplete),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hello() -> Vec<u8> {
        let extensions =
            [&b"\0\0\0\x10\0\x0e\0\0\x0bexample.org"[..], b"\0\x10\0\x05\0\x03\x02h2", b"\xfe\x0d\0\x01\0"]
                .concat();
        let mut body = vec![3, 3];
        body.extend([9; 32]);
        body.extend([0, 0, 2, 0x13, 1, 1, 0, 0, extensions.len() as u8]);
        body.extend(extensions);
        let mut message = vec![1, 0, 0, body.len() as u8];
        message.extend(body);
        message
    }

    fn records(message: &[u8], size: usize) -> Vec<u8> {
        message.chunks(size).flat_map(|part| [&[22, 3, 1, 0, part.len() as u8][..], part].concat()).collect()
    }

    #[test]
    fn name_protocols_and_encryption() {
        let message = hello();
        let hello = Hello::read(&message).expect("a hello");
        assert!(hello.is_client && hello.is_whole && hello.has_encrypted_hello());
        assert_eq!(hello.server_name(), Some(&b"example.org"[..]));
        assert!(hello.protocols().expect("protocols").eq([&b"h2"[..]]));
    }

    #[test]
    fn records_of_any_size_are_joined() {
        let message = hello();
        for size in 1..=message.len() {
            let stream = records(&message, size);
            let mut joined = Vec::new();
            assert_eq!(join_records(&stream, &mut joined), Ok(()));
            assert_eq!(joined, message);
            for cut in 0..stream.len() {
                assert_eq!(join_records(&stream[..cut], &mut joined), Err(HelloError::Incomplete));
            }
        }
    }

    #[test]
    fn a_cut_hello_gives_what_it_has() {
        let message = hello();
        for cut in 0..message.len() {
            if let Ok(hello) = Hello::read(&message[..cut]) {
                assert!(!hello.is_whole);
                assert!(hello.server_name().is_none_or(|name| name == b"example.org"));
            }
        }
        let cut = Hello::read(&message[..message.len() - 2]).expect("most of a hello");
        assert_eq!(cut.server_name(), Some(&b"example.org"[..]));
        assert!(!cut.has_encrypted_hello());
    }

    #[test]
    fn other_things_are_no_hello() {
        assert_eq!(Hello::read(&[3, 0, 0, 50, 3, 3]).err(), Some(HelloError::NoHello));
        assert_eq!(join_records(b"GET / HTTP/1.1", &mut Vec::new()), Err(HelloError::NoHello));
        assert_eq!(join_records(&[22, 3, 1, 0, 4, 1, 1, 0, 0], &mut Vec::new()), Err(HelloError::NoHello));
    }
}
