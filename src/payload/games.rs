//! Games: queries of Source and Quake servers, Minecraft, RakNet.

use super::reader::{Reader, check, is_printable};
use super::sight::{Said, Sight};

/// Queries of Source servers and of Quake 3 and its kin: four octets of ones, and a word.
pub(super) fn source_query(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    reader.expect(&[0xff; 4])?;
    for question in [&b"TSource Engine Query\0"[..], b"getinfo", b"getstatus", b"getchallenge", b"connect "] {
        if reader.expect(question).is_some() {
            return Some(Said::CLIENT);
        }
    }
    for answer in [&b"statusResponse"[..], b"infoResponse", b"challengeResponse", b"connectResponse"] {
        if reader.expect(answer).is_some() {
            return Some(Said::SERVER);
        }
    }
    match reader.u8()? {
        // Players, rules, challenge: and the challenge that was given.
        b'U' | b'V' | b'W' if sight.wire() == 9 => Some(Said::CLIENT_WEAK),
        b'I' => {
            reader.skip(1)?;
            let (name, map) = (reader.until(0)?, reader.until(0)?);
            check(is_printable(name) && is_printable(map))?;
            Some(Said::SERVER)
        }
        b'A' if sight.wire() == 9 => Some(Said::SERVER_WEAK),
        b'D' | b'E' | b'm' if sight.wire() > 5 => Some(Said::SERVER_WEAK),
        _ => None,
    }
}

/// Minecraft, Java edition: the handshake that every connection begins with.
pub(super) fn minecraft(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    let len = variable(&mut reader)? as usize;
    check((7..=275).contains(&len) && len <= reader.len())?;
    let mut packet = Reader::new(reader.take(len)?);
    check(variable(&mut packet)? == 0)?;
    variable(&mut packet)?;
    let host = variable(&mut packet)? as usize;
    check((1..=255).contains(&host) && is_printable(packet.take(host)?.split(|&octet| octet == 0).next()?))?;
    packet.skip(2)?;
    check((1..=3).contains(&variable(&mut packet)?) && packet.is_empty())?;
    Some(Said::CLIENT)
}

/// A number of up to five octets, seven bits each, the lowest first.
fn variable(reader: &mut Reader<'_>) -> Option<u32> {
    let mut value = 0;
    for at in 0..5 {
        let octet = reader.u8()?;
        value |= u32::from(octet & 0x7f).checked_shl(7 * at).unwrap_or_default();
        if octet & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// RakNet: messages before a connection, all with the same sixteen octets.
pub(super) fn raknet(sight: Sight<'_>) -> Option<Said> {
    const MAGIC: &[u8] = b"\0\xff\xff\0\xfe\xfe\xfe\xfe\xfd\xfd\xfd\xfd\x12\x34\x56\x78";
    let mut reader = sight.reader();
    let kind = reader.u8()?;
    let (skipped, said) = match kind {
        1 | 2 => (8, Said::CLIENT),
        5 | 7 => (0, Said::CLIENT),
        0x1c => (16, Said::SERVER),
        6 | 8 | 0x19 => (0, Said::SERVER),
        _ => return None,
    };
    reader.skip(skipped)?;
    reader.expect(MAGIC)?;
    Some(said)
}

#[cfg(test)]
mod tests {
    use crate::payload::Protocol;
    use crate::payload::testing::*;

    #[test]
    fn queries() {
        client(UDP, Protocol::SOURCE_QUERY, b"\xff\xff\xff\xffTSource Engine Query\0");
        client(UDP, Protocol::SOURCE_QUERY, b"\xff\xff\xff\xffgetstatus\n");
        server(UDP, Protocol::SOURCE_QUERY, b"\xff\xff\xff\xffI\x11name\0map\0");
        weak(UDP, Protocol::SOURCE_QUERY, b"\xff\xff\xff\xffU\x01\x02\x03\x04");
        weak(UDP, Protocol::SOURCE_QUERY, b"\xff\xff\xff\xffA\x01\x02\x03\x04");
        nothing(UDP, b"\xff\xff\xff\xffX\x01\x02\x03\x04");
    }

    #[test]
    fn handshakes() {
        client(TCP, Protocol::MINECRAFT, b"\x08\0\x05\x02mc\x63\xdd\x01\x01\0");
        nothing(TCP, b"\x08\0\x05\x02mc\x63\xdd\x04\x01\0");
        nothing(TCP, b"\x09\0\x05\x02mc\x63\xdd\x01\x01\0");
        let ping =
            [&[1][..], &[0; 8], b"\0\xff\xff\0\xfe\xfe\xfe\xfe\xfd\xfd\xfd\xfd\x12\x34\x56\x78"].concat();
        client(UDP, Protocol::RAKNET, &ping);
        let reply = [&[6][..], b"\0\xff\xff\0\xfe\xfe\xfe\xfe\xfd\xfd\xfd\xfd\x12\x34\x56\x78"].concat();
        server(UDP, Protocol::RAKNET, &reply);
        nothing(UDP, &ping[..24]);
    }
}
