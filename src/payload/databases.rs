//! Databases: PostgreSQL, MySQL, MongoDB, Cassandra, TDS, TNS, DRDA.

use super::reader::{Reader, after, check, is_printable};
use super::sight::{Said, Sight, client, server};

/// PostgreSQL (protocol 3.0, section 55.7 of its manual).
pub(super) fn postgresql(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    match reader.peek()? {
        0 => postgresql_client(reader),
        b'R' => {
            reader.skip(1)?;
            check((8..=400).contains(&reader.u32()?) && reader.u32()? <= 12)?;
            Some(Said::SERVER)
        }
        b'E' => {
            reader.skip(1)?;
            check((8..=65_535).contains(&reader.u32()?) && reader.u8()? == b'S')?;
            let severity = reader.until(0)?;
            check(matches!(severity, b"ERROR" | b"FATAL" | b"PANIC"))?;
            Some(Said::SERVER)
        }
        // The answer to a request for SSL or GSS encryption: one octet alone.
        b'S' | b'N' if sight.wire() == 1 => Some(Said::SERVER_WEAK),
        _ => None,
    }
}

fn postgresql_client(mut reader: Reader<'_>) -> Option<Said> {
    let (len, code) = (reader.u32()?, reader.u32()?);
    match (len, code) {
        (8, 80_877_103 | 80_877_104) | (16, 80_877_102) => Some(Said::CLIENT),
        (9..=10_000, 0x0003_0000..=0x0003_0002) => {
            const NAMES: [&[u8]; 6] =
                [b"user", b"database", b"application_name", b"client_encoding", b"replication", b"options"];
            client(reader.until(0).is_some_and(|name| NAMES.contains(&name)))
        }
        _ => None,
    }
}

/// MySQL and MariaDB (client/server protocol, connection phase): the server begins.
pub(super) fn mysql(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    let (len, sequence) = (reader.le24()?, reader.u8()?);
    match sequence {
        0 => mysql_server(len, reader),
        1 => {
            check((32..=65_535).contains(&len) && len as usize + 4 <= sight.wire())?;
            // CLIENT_PROTOCOL_41 among the capabilities; then 19 reserved zeroes behind the character set.
            check(reader.le16()? & 0x0200 != 0)?;
            reader.skip(7)?;
            check(reader.take(19)?.iter().all(|&octet| octet == 0))?;
            Some(Said::CLIENT)
        }
        _ => None,
    }
}

fn mysql_server(len: u32, mut reader: Reader<'_>) -> Option<Said> {
    match reader.u8()? {
        10 => {
            check((20..=300).contains(&len))?;
            let version = reader.until(0)?;
            let mut digits = Reader::new(version);
            digits.number()?;
            digits.expect(b".")?;
            digits.number()?;
            check(is_printable(version))?;
            Some(Said::SERVER)
        }
        0xff => {
            check((4..=512).contains(&len) && (1_000..=4_100).contains(&reader.le16()?))?;
            let text = reader.rest().get(..len as usize - 3).unwrap_or(reader.rest());
            check(!text.is_empty() && is_printable(text))?;
            Some(Said::SERVER)
        }
        _ => None,
    }
}

/// Octets of a MySQL request for SSL: header and 32 octets of which nothing follows in the clear.
pub(super) const MYSQL_SSL_REQUEST: usize = 36;

/// Whether a client's first message asks for SSL (Protocol::SSLRequest: its length, and a capability).
pub(super) fn mysql_asks_ssl(octets: &[u8]) -> bool {
    let mut reader = Reader::new(octets);
    let head = (reader.le24(), reader.u8(), reader.le16());
    matches!(head, (Some(32), Some(1), Some(flags)) if flags & 0x0800 != 0)
}

/// Length of a MySQL server's greeting, with its header (Protocol::HandshakeV10).
pub(super) fn mysql_greeting(octets: &[u8]) -> Option<usize> {
    let mut reader = Reader::new(octets);
    let (len, sequence) = (reader.le24()?, reader.u8()?);
    check(sequence == 0 && reader.peek()? == 10 && mysql_server(len, reader).is_some())?;
    Some(len as usize + 4)
}

/// Length of the PRELOGIN packet that a direction of TDS begins with.
pub(super) fn tds_prelogin_packet(octets: &[u8]) -> Option<usize> {
    let mut reader = Reader::new(octets);
    let [kind, status] = reader.array()?;
    let len = usize::from(reader.u16()?);
    reader.skip(3)?;
    check(matches!(kind, 4 | 0x12) && status <= 7 && (14..=512).contains(&len) && reader.u8()? == 0)?;
    tds_prelogin(reader)?;
    Some(len)
}

/// What the packet of TDS at the beginning carries, as far as it goes ([MS-TDS] 2.2.6.5: TLS is carried in
/// packets until its handshake is over).
pub(super) fn tds_carried(octets: &[u8]) -> Option<&[u8]> {
    let mut reader = Reader::new(octets);
    let [kind, status] = reader.array()?;
    let len = usize::from(reader.u16()?).checked_sub(8)?;
    check(matches!(kind, 4 | 0x12) && status <= 7)?;
    reader.skip(4)?;
    Some(reader.rest().get(..len).unwrap_or(reader.rest()))
}

/// MongoDB (wire protocol: standard message header).
pub(super) fn mongodb(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    let len = reader.le32()? as usize;
    reader.skip(4)?;
    let (answers, operation) = (reader.le32()?, reader.le32()?);
    // A message of more than one segment goes on behind the first, which holds the header at least.
    check(len > 16 && len <= 48_000_000 && len >= sight.wire() && sight.wire() >= 16)?;
    match (operation, answers) {
        (2013, 0) => {
            check(reader.le32()? & 0xfffc == 0)?;
            Some(Said::CLIENT)
        }
        (2012 | 2004, 0) => Some(Said::CLIENT),
        (2013 | 2012, _) => Some(Said::SERVER),
        (1, 1..) => {
            check(len >= 36)?;
            Some(Said::SERVER)
        }
        _ => None,
    }
}

/// Cassandra (native protocol versions 1 to 5, sections 2 and 4.1).
pub(super) fn cassandra(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    let [version, flags] = reader.array()?;
    check(matches!(version & 0x7f, 1..=5) && flags <= 0x1f)?;
    // The stream has one octet before version 3, and two since.
    let is_long = version & 0x7f >= 3;
    let stream = if is_long { reader.u16()? } else { u16::from(reader.u8()?) };
    let (operation, len) = (reader.u8()?, reader.u32()? as usize);
    sight.ends_at(len + if is_long { 9 } else { 8 })?;
    if version & 0x80 == 0 {
        return match operation {
            5 => client(len == 0 && stream == 0),
            1 => client(after(reader.rest(), b"CQL_VERSION").is_some()),
            7 | 9 | 10 | 11 | 13 | 15 => Some(Said::CLIENT_WEAK),
            _ => None,
        };
    }
    match operation {
        // SUPPORTED: a multimap of options.
        6 => server(
            after(reader.rest(), b"CQL_VERSION").is_some() || after(reader.rest(), b"COMPRESSION").is_some(),
        ),
        // AUTHENTICATE: the name of a class; ERROR: a code and text.
        3 => {
            let name_len = usize::from(reader.u16()?);
            server(reader.take(name_len).is_some_and(|name| !name.is_empty() && is_printable(name)))
        }
        0 => {
            reader.skip(4)?;
            let text_len = usize::from(reader.u16()?);
            server(reader.take(text_len).is_some_and(|text| !text.is_empty() && is_printable(text)))
        }
        2 => {
            check(len == 0)?;
            Some(Said::SERVER_WEAK)
        }
        _ => None,
    }
}

/// TDS ([MS-TDS] 2.2): packets of a type, a status and a length.
pub(super) fn tds(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    let [kind, status] = reader.array()?;
    check(status <= 7)?;
    sight.ends_at(usize::from(reader.u16()?))?;
    // Channel and packet number; the window is always 0.
    reader.skip(3)?;
    check(reader.u8()? == 0)?;
    match kind {
        0x12 => {
            tds_prelogin(reader)?;
            Some(Said::CLIENT)
        }
        0x10 => {
            check(reader.le32()? as usize + 8 == sight.wire())?;
            Some(Said::CLIENT)
        }
        4 => match reader.peek()? {
            0 => {
                tds_prelogin(reader)?;
                Some(Said::SERVER)
            }
            // LOGINACK, ENVCHANGE, ERROR, INFO.
            0xad | 0xe3 | 0xaa | 0xab => {
                reader.skip(1)?;
                check(usize::from(reader.le16()?) + 11 <= sight.wire())?;
                Some(Said::SERVER)
            }
            _ => None,
        },
        _ => None,
    }
}

/// The first option of PRELOGIN: the version, behind the table of options.
fn tds_prelogin(mut reader: Reader<'_>) -> Option<()> {
    check(reader.u8()? == 0)?;
    let (offset, len) = (reader.u16()?, reader.u16()?);
    check((6..=256).contains(&offset) && len <= 64)
}

/// TNS of Oracle; no specification is public, this is what was seen.
pub(super) fn tns(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    let (short, checksum) = (reader.u16()?, reader.u16()?);
    let long = u32::from(short) << 16 | u32::from(checksum);
    check(usize::from(short) == sight.wire() && checksum == 0 || long as usize == sight.wire())?;
    let kind = reader.u8()?;
    reader.skip(1)?;
    check(reader.u16()? == 0)?;
    match kind {
        1 => {
            check((300..=320).contains(&reader.u16()?))?;
            Some(Said::CLIENT)
        }
        2 => {
            check((300..=320).contains(&reader.u16()?))?;
            Some(Said::SERVER)
        }
        4 | 5 | 11 => {
            check(kind != 11 || sight.wire() == 8)?;
            Some(Said::SERVER)
        }
        _ => None,
    }
}

/// DRDA of Db2 and Derby: a DDM object that exchanges attributes.
pub(super) fn drda(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    let len = usize::from(reader.u16()?);
    let [magic, _format] = reader.array()?;
    check(magic == 0xd0 && len >= 10 && len <= sight.wire())?;
    reader.skip(2)?;
    let (inner, code) = (usize::from(reader.u16()?), reader.u16()?);
    check(inner + 6 <= len)?;
    match code {
        0x1041 => Some(Said::CLIENT),
        0x1443 => Some(Said::SERVER),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::payload::Protocol;
    use crate::payload::testing::*;

    #[test]
    fn postgresql_starts() {
        client(TCP, Protocol::POSTGRESQL, &[0, 0, 0, 8, 4, 210, 22, 47]);
        client(TCP, Protocol::POSTGRESQL, b"\0\0\0\x11\0\x03\0\0user\0me\0\0");
        weak(TCP, Protocol::POSTGRESQL, b"\0\0\0\x11\0\x03\0\0usar\0me\0\0");
        server(TCP, Protocol::POSTGRESQL, b"R\0\0\0\x08\0\0\0\0");
        server(TCP, Protocol::POSTGRESQL, b"E\0\0\0\x10SFATAL\0C28000\0\0");
        weak(TCP, Protocol::POSTGRESQL, b"N");
        nothing(TCP, b"\0\0\0\x11\0\x04\0\0user\0me\0\0");
        nothing(TCP, b"R\0\0\0\x08\0\0\0\x0d");
    }

    #[test]
    fn mysql_greets() {
        server(TCP, Protocol::MYSQL, b"\x1e\0\0\0\x0a8.0.33\0abcdefghijklmnopqrstuv");
        server(TCP, Protocol::MYSQL, b"\x0b\0\0\0\xff\x10\x04Too many");
        let mut login = vec![40, 0, 0, 1, 0x85, 0xa6, 0, 0, 0, 0, 0, 1, 45];
        login.resize(44, 0);
        client(TCP, Protocol::MYSQL, &login);
        login[20] = 1;
        nothing(TCP, &login);
        nothing(TCP, b"\x1e\0\0\0\x0ax.0.33\0abcdefghijklmnopqrstuv");
    }

    #[test]
    fn documents_and_columns() {
        let mut message =
            vec![26, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0xdd, 7, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0];
        client(TCP, Protocol::MONGODB, &message);
        message[8] = 1;
        server(TCP, Protocol::MONGODB, &message);
        message[12] = 0xde;
        nothing(TCP, &message);
        client(TCP, Protocol::CASSANDRA, &[4, 0, 0, 0, 5, 0, 0, 0, 0]);
        client(TCP, Protocol::CASSANDRA, b"\x04\0\0\0\x01\0\0\0\x10\0\x01\0\x0bCQL_VERSION\0");
        weak(TCP, Protocol::CASSANDRA, &[0x84, 0, 0, 0, 2, 0, 0, 0, 0]);
        server(TCP, Protocol::CASSANDRA, b"\x84\0\0\0\x03\0\0\0\x06\0\x04Auth");
        nothing(TCP, &[4, 0, 0, 0, 5, 0, 0, 0, 1]);
        nothing(TCP, &[4, 0, 0, 0, 4, 0, 0, 0, 0]);
    }

    #[test]
    fn packets_with_a_length() {
        let mut prelogin = vec![0x12, 1, 0, 20, 0, 0, 1, 0, 0, 0, 6, 0, 6, 0xff];
        prelogin.resize(20, 0);
        client(TCP, Protocol::TDS, &prelogin);
        prelogin[0] = 4;
        server(TCP, Protocol::TDS, &prelogin);
        prelogin[3] = 21;
        nothing(TCP, &prelogin);
        let mut connect = vec![0, 12, 0, 0, 1, 0, 0, 0, 1, 0x3a, 1, 0x2c];
        client(TCP, Protocol::TNS, &connect);
        connect[4] = 2;
        server(TCP, Protocol::TNS, &connect);
        connect[4] = 3;
        nothing(TCP, &connect);
        client(TCP, Protocol::DRDA, &[0, 14, 0xd0, 1, 0, 1, 0, 8, 0x10, 0x41, 0, 4, 0, 0]);
        server(TCP, Protocol::DRDA, &[0, 14, 0xd0, 1, 0, 1, 0, 8, 0x14, 0x43, 0, 4, 0, 0]);
        nothing(TCP, &[0, 14, 0xd0, 1, 0, 1, 0, 9, 0x10, 0x41, 0, 4, 0, 0]);
    }
}
