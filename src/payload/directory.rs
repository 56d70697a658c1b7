//! Protocols in BER: LDAP (RFC 4511), Kerberos (RFC 4120), SNMP (RFC 1157, RFC 3416, RFC 3412).

use super::reader::{Reader, check};
use super::sight::{Said, Sight, client, server};

/// Tag and length of one element (X.690 section 8.1); lengths of at most four octets.
fn element(reader: &mut Reader<'_>) -> Option<(u8, usize)> {
    let tag = reader.u8()?;
    let len = match reader.u8()? {
        short @ 0..=0x7f => usize::from(short),
        0x81 => usize::from(reader.u8()?),
        0x82 => usize::from(reader.u16()?),
        0x83 => reader.u24()? as usize,
        0x84 => reader.u32()? as usize,
        _ => return None,
    };
    Some((tag, len))
}

/// An element with this tag; its length.
fn tagged(reader: &mut Reader<'_>, tag: u8) -> Option<usize> {
    let (found, len) = element(reader)?;
    check(found == tag)?;
    Some(len)
}

/// A non-negative number of at most four octets.
fn integer(reader: &mut Reader<'_>) -> Option<u32> {
    let len = tagged(reader, 2)?;
    check((1..=4).contains(&len))?;
    let octets = reader.take(len)?;
    Some(octets.iter().fold(0, |value, &octet| value << 8 | u32::from(octet)))
}

/// LDAP over TCP.
pub(super) fn ldap(sight: Sight<'_>) -> Option<Said> {
    ldap_message(sight.reader()).map(|(said, _)| said)
}

/// LDAP over UDP ([MS-ADTS] 3.1.1.3, RFC 1798): the message is the datagram.
pub(super) fn ldap_udp(sight: Sight<'_>) -> Option<Said> {
    let (said, len) = ldap_message(sight.reader())?;
    sight.ends_at(len)?;
    Some(said)
}

/// A message, and its length.
fn ldap_message(mut reader: Reader<'_>) -> Option<(Said, usize)> {
    let begin = reader.len();
    let outer = tagged(&mut reader, 0x30)?;
    let head = begin - reader.len();
    let before = reader.len();
    integer(&mut reader)?;
    let (operation, len) = element(&mut reader)?;
    // The operation lies within the message.
    check(before - reader.len() + len <= outer)?;
    // What the operation begins with, as (tag, length).
    let mut inner = reader;
    let said = match operation {
        0x60 => {
            check(matches!(integer(&mut inner)?, 2 | 3))?;
            Said::CLIENT
        }
        0x63 | 0x66 | 0x68 | 0x6e => {
            check(tagged(&mut inner, 0x04)? <= len)?;
            Said::CLIENT
        }
        0x77 => {
            check(tagged(&mut inner, 0x80)? <= len)?;
            Said::CLIENT
        }
        0x42 => {
            check(len == 0)?;
            Said::CLIENT_WEAK
        }
        0x61 | 0x65 | 0x67 | 0x69 | 0x6b | 0x6d | 0x78 => {
            check(tagged(&mut inner, 0x0a)? == 1)?;
            Said::SERVER
        }
        0x64 | 0x73 => {
            check(tagged(&mut inner, 0x04)? <= len)?;
            Said::SERVER
        }
        _ => return None,
    };
    Some((said, head + outer))
}

/// A message of LDAP that is whole.
pub(super) struct LdapMessage<'a> {
    id: u32,
    operation: u8,
    body: &'a [u8],
}

impl<'a> LdapMessage<'a> {
    /// Reads the next one.
    pub(super) fn read(reader: &mut Reader<'a>) -> Option<Self> {
        let mut message = *reader;
        let len = tagged(&mut message, 0x30)?;
        let mut content = Reader::new(message.take(len)?);
        let id = integer(&mut content)?;
        let (operation, len) = element(&mut content)?;
        let body = content.take(len)?;
        *reader = message;
        Some(Self { id, operation, body })
    }

    /// Whether a client asks to begin TLS (RFC 4511 section 4.14.1).
    pub(super) fn asks_for_tls(&self) -> bool {
        const OID: &[u8] = b"1.3.6.1.4.1.1466.20037";
        let mut body = Reader::new(self.body);
        self.operation == 0x77 && tagged(&mut body, 0x80) == Some(OID.len()) && body.expect(OID).is_some()
    }

    /// Whether a server agrees to an extended operation, be it any or the one of `request`.
    pub(super) fn agrees(&self, request: Option<&Self>) -> Option<bool> {
        check(self.operation == 0x78 && request.is_none_or(|request| request.id == self.id))?;
        let mut body = Reader::new(self.body);
        check(tagged(&mut body, 0x0a)? == 1)?;
        Some(body.u8()? == 0)
    }
}

/// Kerberos over UDP.
pub(super) fn kerberos(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    let (said, len) = kerberos_message(&mut reader, true)?;
    sight.ends_at(len)?;
    Some(said)
}

/// Kerberos over TCP: behind a length (RFC 4120 section 7.2.2).
pub(super) fn kerberos_tcp(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    let len = reader.u32()? as usize;
    let (said, inner) = kerberos_message(&mut reader, false)?;
    check(inner == len)?;
    Some(said)
}

fn kerberos_message(reader: &mut Reader<'_>, is_datagram: bool) -> Option<(Said, usize)> {
    let begin = reader.len();
    let (tag, len) = element(reader)?;
    let total = begin - reader.len() + len;
    let said = match tag {
        0x6a | 0x6c | 0x6e => Said::CLIENT,
        0x74 | 0x75 if is_datagram => Said::CLIENT,
        0x6b | 0x6d | 0x6f | 0x7e => Said::SERVER,
        _ => return None,
    };
    check(tagged(reader, 0x30)? <= len)?;
    check(matches!(reader.u8()?, 0xa0 | 0xa1))?;
    // pvno: version 5.
    reader.expect(&[3, 2, 1, 5])?;
    Some((said, total))
}

/// What a message of SNMP is.
enum Snmp {
    Request,
    Answer,
    /// Sent to a receiver that listens for it.
    Trap,
}

/// SNMP but for traps.
pub(super) fn snmp(sight: Sight<'_>) -> Option<Said> {
    match snmp_message(sight)? {
        Snmp::Request => client(true),
        Snmp::Answer => server(true),
        Snmp::Trap => None,
    }
}

/// Traps of SNMP: the receiver serves.
pub(super) fn snmptrap(sight: Sight<'_>) -> Option<Said> {
    match snmp_message(sight)? {
        Snmp::Trap => client(true),
        Snmp::Request | Snmp::Answer => None,
    }
}

fn snmp_message(sight: Sight<'_>) -> Option<Snmp> {
    let mut reader = sight.reader();
    let begin = reader.len();
    let len = tagged(&mut reader, 0x30)?;
    sight.ends_at(begin - reader.len() + len)?;
    match integer(&mut reader)? {
        0 | 1 => {
            let community = tagged(&mut reader, 0x04)?;
            reader.skip(community)?;
            let (kind, len) = element(&mut reader)?;
            check(len <= sight.left(&reader))?;
            match kind {
                0xa0 | 0xa1 | 0xa3 | 0xa5 => Some(Snmp::Request),
                0xa2 | 0xa8 => Some(Snmp::Answer),
                0xa4 | 0xa6 | 0xa7 => Some(Snmp::Trap),
                _ => None,
            }
        }
        3 => {
            tagged(&mut reader, 0x30)?;
            // Message id and largest size.
            integer(&mut reader)?;
            integer(&mut reader)?;
            reader.expect(&[4, 1])?;
            // RFC 3412 section 6.4: set where a report is wanted, so in what a client sends.
            Some(if reader.u8()? & 4 != 0 { Snmp::Request } else { Snmp::Answer })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::payload::Protocol;
    use crate::payload::testing::*;

    #[test]
    fn ldap_lengths_nest() {
        client(TCP, Protocol::LDAP, &[0x30, 12, 2, 1, 1, 0x60, 7, 2, 1, 3, 4, 0, 0x80, 0]);
        server(UDP, Protocol::LDAP, &[0x30, 12, 2, 1, 1, 0x61, 7, 10, 1, 0, 4, 0, 4, 0]);
        nothing(UDP, &[0x30, 11, 2, 1, 1, 0x61, 7, 10, 1, 0, 4, 0, 4, 0]);
        nothing(TCP, &[0x30, 12, 2, 1, 1, 0x60, 8, 2, 1, 3, 4, 0, 0x80, 0]);
        nothing(TCP, &[0x30, 12, 2, 1, 1, 0x60, 7, 2, 1, 9, 4, 0, 0x80, 0]);
        weak(TCP, Protocol::LDAP, &[0x30, 5, 2, 1, 1, 0x42, 0]);
        client(TCP, Protocol::LDAP, &[0x30, 0x84, 0, 0, 0, 12, 2, 1, 1, 0x60, 7, 2, 1, 3, 4, 0, 0x80, 0]);
    }

    #[test]
    fn kerberos_is_version_5() {
        let mut request = vec![0x6a, 11, 0x30, 9, 0xa1, 3, 2, 1, 5, 0xa2, 2, 1, 1];
        client(UDP, Protocol::KERBEROS, &request);
        client(TCP, Protocol::KERBEROS, &[&[0, 0, 0, 13][..], &request].concat());
        nothing(TCP, &[&[0, 0, 0, 14][..], &request].concat());
        request[0] = 0x7e;
        server(UDP, Protocol::KERBEROS, &request);
        request[8] = 4;
        nothing(UDP, &request);
    }

    #[test]
    fn snmp_requests_answers_and_traps() {
        let mut get = vec![0x30, 18, 2, 1, 1, 4, 6];
        get.extend(b"public");
        get.extend([0xa0, 5, 2, 1, 1, 2, 0]);
        client(UDP, Protocol::SNMP, &get);
        get[13] = 0xa2;
        server(UDP, Protocol::SNMP, &get);
        get[13] = 0xa7;
        client(UDP, Protocol::SNMPTRAP, &get);
        get[13] = 0xa9;
        nothing(UDP, &get);
        get[13] = 0xa0;
        get[1] = 19;
        nothing(UDP, &get);
        let version_3 = [0x30, 14, 2, 1, 3, 0x30, 9, 2, 1, 1, 2, 1, 9, 4, 1, 4];
        client(UDP, Protocol::SNMP, &version_3);
    }
}
