//! QUIC (RFC 9000, RFC 9369, RFC 8999) and DTLS (RFC 6347, RFC 9147).

use super::reader::{Reader, check};
use super::sight::{Said, Sight, client, peer};

/// QUIC: long headers of known versions, version negotiation, and the public header before IETF's.
pub(super) fn quic(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    let first = reader.u8()?;
    if first & 0x80 == 0 {
        return public_header(first, reader);
    }
    let version = reader.u32()?;
    if version == 0 {
        return version_negotiation(reader, sight);
    }
    check(first & 0xc0 == 0xc0 && is_known(version))?;
    let (destination, source) = match halves(version, reader) {
        Some(lengths) => lengths,
        None => {
            let destination = reader.u8()?;
            check(destination <= 20)?;
            reader.skip(usize::from(destination))?;
            (destination, reader.u8()?)
        }
    };
    check(destination <= 20 && source <= 20)?;
    // The type of an Initial packet is 0, in version 2 it is 1 (RFC 9369 section 3.2).
    let initial = if version == VERSION_2 { 0x10 } else { 0 };
    // RFC 9000 section 14.1: a client pads the datagram that holds its Initial packet.
    let opens = first & 0x30 == initial && destination >= 8 && sight.wire() >= 1_200;
    if opens { client(true) } else { peer(true) }
}

const VERSION_2: u32 = 0x6b33_43cf;
const Q046: u32 = 0x5130_3436;

fn is_known(version: u32) -> bool {
    // The last of gQUIC, `Q050`, `T050` and `T051`, have the header of IETF's QUIC.
    matches!(version, 1 | VERSION_2 | Q046 | 0x5130_3530 | 0x5430_3530 | 0x5430_3531)
        || matches!(version, 0xff00_000b..=0xff00_0022)
        || version & 0xffff_fff0 == 0xface_b000
        // Reserved to exercise version negotiation (RFC 9000 section 15).
        || version & 0x0f0f_0f0f == 0x0a0a_0a0a
}

/// Lengths of both connection ids where they share one octet: 0, or three more than the half says.
fn halves(version: u32, mut reader: Reader<'_>) -> Option<(u8, u8)> {
    check(matches!(version, Q046 | 0xff00_000b..=0xff00_0015))?;
    let both = reader.u8()?;
    let length = |half: u8| if half == 0 { 0 } else { half + 3 };
    Some((length(both >> 4), length(both & 15)))
}

/// Version negotiation (RFC 9000 section 17.2.1); says little alone, as many datagrams hold four zeroes.
fn version_negotiation(mut reader: Reader<'_>, sight: Sight<'_>) -> Option<Said> {
    for _ in 0..2 {
        let len = reader.u8()?;
        check(len <= 20)?;
        reader.skip(usize::from(len))?;
    }
    check(sight.wire() < 200 && !sight.is_cut())?;
    check(!reader.is_empty() && reader.len().is_multiple_of(4))?;
    Some(Said::SERVER_WEAK)
}

/// The public header of gQUIC up to version 43: version and an eight-octet connection id.
fn public_header(first: u8, mut reader: Reader<'_>) -> Option<Said> {
    check(first & 0x09 == 0x09 && first & 0x82 == 0)?;
    reader.skip(8)?;
    let [letter, digits @ ..] = reader.array::<4>()?;
    check(matches!(letter, b'Q' | b'T') && digits.iter().all(u8::is_ascii_digit))?;
    Some(Said::CLIENT)
}

/// DTLS: record header, and the handshake message within.
pub(super) fn dtls(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    let (kind, version, epoch) = (reader.u8()?, reader.u16()?, reader.u16()?);
    // DTLS 1.0 and 1.2, and what OpenSSL had before RFC 4347.
    check((20..=26).contains(&kind) && matches!(version, 0xfeff | 0xfefd | 0x0100))?;
    reader.skip(6)?;
    let len = usize::from(reader.u16()?);
    check(len > 0 && len + 13 <= sight.wire())?;
    if kind == 22
        && epoch == 0
        && let Some(said) = hello(len, reader)
    {
        return Some(said);
    }
    if len + 13 == sight.wire() {
        return Some(Said::PEER);
    }
    reader.skip(len)?;
    check((20..=26).contains(&reader.u8()?) && reader.u16()? == version)?;
    Some(Said::PEER)
}

fn hello(record: usize, mut reader: Reader<'_>) -> Option<Said> {
    let kind = reader.u8()?;
    let total = reader.u24()?;
    reader.skip(2)?;
    let (offset, fragment) = (reader.u24()?, reader.u24()?);
    check(fragment as usize + 12 <= record && u64::from(offset) + u64::from(fragment) <= u64::from(total))?;
    match kind {
        1 => Some(Said::CLIENT),
        2 | 3 => Some(Said::SERVER),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::payload::Protocol;
    use crate::payload::testing::*;

    #[test]
    fn long_headers_and_their_sides() {
        let mut initial = vec![0xc0, 0, 0, 0, 1, 8, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0x44, 0xd0];
        peer(UDP, Protocol::QUIC, &initial);
        initial.resize(1_200, 3);
        client(UDP, Protocol::QUIC, &initial);
        initial[5] = 21;
        nothing(UDP, &initial);
        let mut reserved = vec![0xc0, 0x1a, 0x2a, 0x3a, 0x4a, 8, 1, 2, 3, 4, 5, 6, 7, 8, 0];
        peer(UDP, Protocol::QUIC, &reserved);
        reserved[1] = 0x1b;
        nothing(UDP, &reserved);
    }

    #[test]
    fn version_negotiation_alone_is_weak() {
        weak(UDP, Protocol::QUIC, &[0x80, 0, 0, 0, 0, 1, 7, 1, 8, 0, 0, 0, 1]);
        nothing(UDP, &[0x80, 0, 0, 0, 0, 1, 7, 1, 8, 0, 0, 1]);
    }

    #[test]
    fn public_headers() {
        client(UDP, Protocol::QUIC, b"\x0d12345678Q043\x01");
        nothing(UDP, b"\x0d12345678Q0a3\x01");
    }

    #[test]
    fn dtls_records() {
        let mut hello =
            vec![22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 14, 1, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 2, 9, 9];
        client(UDP, Protocol::DTLS, &hello);
        hello[13] = 3;
        server(UDP, Protocol::DTLS, &hello);
        hello[13] = 11;
        peer(UDP, Protocol::DTLS, &hello);
        hello[12] = 15;
        nothing(UDP, &hello);
    }
}
