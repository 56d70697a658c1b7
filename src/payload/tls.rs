//! TLS records and their first handshake messages (RFC 8446 sections 4 and 5, RFC 5246).

use super::reader::{Reader, check};
use super::sight::{Said, Sight, peer};

/// Longest record: 2^14 octets and what encryption may add to them.
const RECORD_LIMIT: u16 = 16_640;

/// The header of a record (RFC 8446 section 5.1).
#[derive(Clone, Copy)]
pub(super) struct Record {
    pub(super) kind: u8,
    pub(super) len: usize,
}

impl Record {
    const CHANGE_CIPHER_SPEC: u8 = 20;
    const ALERT: u8 = 21;
    pub(super) const HANDSHAKE: u8 = 22;
    const APPLICATION_DATA: u8 = 23;

    /// Reads the header; `None` where there is none that may be one.
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let [kind, major, minor] = reader.array()?;
        let len = reader.u16()?;
        check((Self::CHANGE_CIPHER_SPEC..=24).contains(&kind) && major == 3 && minor <= 4)?;
        check((1..=RECORD_LIMIT).contains(&len))?;
        Some(Self { kind, len: usize::from(len) })
    }
}

/// Whether a record begins here.
pub(super) fn begins(octets: &[u8]) -> bool {
    Record::read(&mut Reader::new(octets)).is_some()
}

/// Whether these octets are a record, or too few to tell.
pub(super) fn may_begin(octets: &[u8]) -> bool {
    let could_be = |at: usize, is: fn(u8) -> bool| octets.get(at).is_none_or(|&octet| is(octet));
    begins(octets)
        || octets.len() < 5
            && could_be(0, |kind| (Record::CHANGE_CIPHER_SPEC..=24).contains(&kind))
            && could_be(1, |major| major == 3)
            && could_be(2, |minor| minor <= 4)
}

/// TLS, and the SSLv2 form of its hello.
pub(super) fn tls(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    if reader.peek()? & 0x80 != 0 {
        return version_2_hello(reader);
    }
    let record = Record::read(&mut reader)?;
    let records = chain(sight)?;
    match record.kind {
        Record::HANDSHAKE => handshake(record, reader, sight).or_else(|| peer(records >= 2).filter(is_sure)),
        Record::ALERT if is_alert(record, reader) => Some(Said::PEER),
        Record::CHANGE_CIPHER_SPEC if record.len == 1 && reader.peek() == Some(1) => Some(Said::PEER),
        Record::APPLICATION_DATA => peer(records >= 2),
        _ => peer(records >= 2).filter(is_sure),
    }
}

fn is_sure(said: &Said) -> bool {
    *said == Said::PEER
}

/// The records whose headers are whole, each beginning where the one before it ends; `None` where
/// something else than a record follows one.
fn chain(sight: Sight<'_>) -> Option<usize> {
    let mut reader = sight.reader();
    let mut records = 0;
    while reader.len() >= 5 {
        let record = Record::read(&mut reader)?;
        records += 1;
        if !reader.skip_or_end(record.len) {
            break;
        }
    }
    Some(records)
}

/// A handshake message: a hello of either side, or another one in clear text.
fn handshake(record: Record, mut reader: Reader<'_>, sight: Sight<'_>) -> Option<Said> {
    let kind = reader.u8()?;
    let len = reader.u24()?;
    match kind {
        // A hello may go on in another record: its length may exceed the record's.
        1 | 2 => {
            let [major, minor] = reader.array()?;
            check((38..=131_071).contains(&len) && major == 3)?;
            if kind == 1 {
                check(minor <= 4)?;
                Some(Said::CLIENT)
            } else {
                check(minor <= 3)?;
                Some(Said::SERVER)
            }
        }
        0 | 4 | 11..=16 | 20 | 22 => {
            check(len as usize + 4 <= record.len)?;
            sight.ends_at(record.len + 5)?;
            Some(Said::PEER)
        }
        _ => None,
    }
}

/// An alert in clear text (RFC 8446 section 6): a level and a description that exists.
fn is_alert(record: Record, mut reader: Reader<'_>) -> bool {
    let Some([level, description]) = reader.array() else { return false };
    record.len == 2 && matches!(level, 1 | 2) && is_description(description)
}

/// Descriptions of alerts (IANA "TLS Alerts").
fn is_description(description: u8) -> bool {
    matches!(description, 0 | 10 | 20..=22 | 30 | 40..=51 | 60 | 70 | 71 | 80 | 86 | 90 | 100)
        || matches!(description, 109..=116 | 120 | 121)
}

/// A hello of version 2 that offers newer ones (RFC 5246 appendix E.2).
fn version_2_hello(mut reader: Reader<'_>) -> Option<Said> {
    let len = reader.u16()? & 0x7fff;
    check(reader.u8()? == 1)?;
    check(matches!(reader.u16()?, 2 | 0x0300..=0x0303))?;
    let (ciphers, session, challenge) = (reader.u16()?, reader.u16()?, reader.u16()?);
    check(ciphers > 0 && ciphers.is_multiple_of(3) && matches!(session, 0 | 16 | 32))?;
    check((16..=32).contains(&challenge))?;
    check(9 + u32::from(ciphers) + u32::from(session) + u32::from(challenge) == u32::from(len))?;
    Some(Said::CLIENT)
}

#[cfg(test)]
mod tests {
    use crate::payload::Protocol;
    use crate::payload::testing::*;

    fn client_hello() -> Vec<u8> {
        let mut hello = vec![22, 3, 1, 0, 50, 1, 0, 0, 46, 3, 3];
        hello.resize(55, 7);
        hello
    }

    #[test]
    fn hellos_tell_their_side() {
        client(TCP, Protocol::TLS, &client_hello());
        let mut server_hello = client_hello();
        server_hello[5] = 2;
        server(TCP, Protocol::TLS, &server_hello);
        server_hello[10] = 4;
        nothing(TCP, &server_hello);
        let mut short = client_hello();
        short[8] = 37;
        nothing(TCP, &short);
    }

    #[test]
    fn version_2_hello_adds_up() {
        let mut hello = vec![0x80, 9 + 3 + 16, 1, 3, 1, 0, 3, 0, 0, 0, 16, 1, 0, 0x80];
        hello.resize(30, 5);
        client(TCP, Protocol::TLS, &hello);
        hello[1] += 1;
        nothing(TCP, &hello);
    }

    #[test]
    fn records_alerts_and_the_middle() {
        peer(TCP, Protocol::TLS, &[21, 3, 3, 0, 2, 1, 0]);
        nothing(TCP, &[21, 3, 3, 0, 2, 3, 0]);
        peer(TCP, Protocol::TLS, &[20, 3, 3, 0, 1, 1]);
        weak(TCP, Protocol::TLS, &[23, 3, 3, 0, 2, 9, 9]);
        peer(TCP, Protocol::TLS, &[23, 3, 3, 0, 2, 9, 9, 23, 3, 3, 0, 1, 5]);
        peer(TCP, Protocol::TLS, &[22, 3, 3, 0, 4, 14, 0, 0, 0]);
        nothing(TCP, &[23, 3, 3, 0, 2, 9, 9, 1, 1, 1, 1, 1, 1]);
        nothing(TCP, &[23, 3, 3, 0, 0, 9, 9]);
    }
}
