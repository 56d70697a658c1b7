//! Plants, buildings and meters: Modbus, DNP3, IEC 104, S7, BACnet, OPC UA, EtherNet/IP, CoAP, HART-IP.

use super::reader::{Reader, check, is_printable};
use super::sight::{Said, Sight, client, server};

/// Modbus (Messaging on TCP/IP section 3.1, Application Protocol section 6).
pub(super) fn modbus(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    reader.skip(2)?;
    check(reader.u16()? == 0)?;
    let len = usize::from(reader.u16()?);
    check((3..=254).contains(&len))?;
    sight.ends_at(len + 6)?;
    reader.skip(1)?;
    let function = reader.u8()?;
    let asked = modbus_request(function, len, reader);
    let answered = modbus_answer(function, len, reader);
    match (asked, answered) {
        (Some(asked), Some(answered)) => Some(asked.and(answered)),
        (one, other) => one.or(other),
    }
}

fn modbus_request(function: u8, len: usize, mut reader: Reader<'_>) -> Option<Said> {
    match function {
        // Reads: address and count.
        1..=4 => {
            reader.skip(2)?;
            check(len == 6 && (1..=2_000).contains(&reader.u16()?))?;
            Some(Said::CLIENT)
        }
        5 => {
            reader.skip(2)?;
            check(len == 6 && matches!(reader.u16()?, 0 | 0xff00))?;
            Some(Said::CLIENT)
        }
        6 => {
            check(len == 6)?;
            Some(Said::CLIENT)
        }
        15 | 16 => {
            reader.skip(4)?;
            check(usize::from(reader.u8()?) + 7 == len)?;
            Some(Said::CLIENT)
        }
        7 | 8 | 11 | 12 | 17 | 20..=24 | 43 => Some(Said::CLIENT_WEAK),
        _ => None,
    }
}

fn modbus_answer(function: u8, len: usize, mut reader: Reader<'_>) -> Option<Said> {
    match function {
        1..=4 => {
            let count = usize::from(reader.u8()?);
            check(count > 0 && count + 3 == len)?;
            Some(Said::SERVER)
        }
        // Writes are told back as they came.
        5 | 6 | 15 | 16 => {
            check(len == 6)?;
            Some(Said::SERVER)
        }
        0x81..=0x98 | 0xab => {
            check(len == 3 && (1..=11).contains(&reader.u8()?))?;
            Some(Said::SERVER)
        }
        _ => None,
    }
}

/// DNP3 (IEEE 1815 section 9.2): the header has a check sum of its own.
pub(super) fn dnp3(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    let header: [u8; 8] = reader.array()?;
    let [start, second, len, control, ..] = header;
    check(start == 0x05 && second == 0x64 && len >= 5)?;
    check(reader.le16()? == dnp3_check_sum(&header))?;
    Some(if control & 0x80 != 0 { Said::CLIENT } else { Said::SERVER })
}

/// CRC-16/DNP (IEEE 1815 section 9.2.6): polynomial 0x3d65 reflected, complemented.
fn dnp3_check_sum(octets: &[u8]) -> u16 {
    let mut sum = 0_u16;
    for &octet in octets {
        sum ^= u16::from(octet);
        for _ in 0..8 {
            sum = if sum & 1 == 1 { sum >> 1 ^ 0xa6bc } else { sum >> 1 };
        }
    }
    !sum
}

/// IEC 60870-5-104 (section 5).
pub(super) fn iec_104(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    check(reader.u8()? == 0x68)?;
    let len = usize::from(reader.u8()?);
    check((4..=253).contains(&len))?;
    let control: [u8; 4] = reader.array()?;
    match control {
        [function, 0, 0, 0] if function & 3 == 3 => {
            check(len == 4)?;
            match function {
                // STARTDT and STOPDT: asked, confirmed.
                0x07 | 0x13 => Some(Said::CLIENT),
                0x0b | 0x23 => Some(Said::SERVER),
                // Test frames go either way.
                0x43 | 0x83 => Some(Said::PEER),
                _ => None,
            }
        }
        [1, 0, _, _] => {
            check(len == 4 && control[2] & 1 == 0)?;
            iec_104_next(reader)?;
            Some(Said::PEER_WEAK)
        }
        _ => {
            check(control[0] & 1 == 0 && control[2] & 1 == 0 && len >= 10)?;
            let [kind, _, cause] = reader.array()?;
            check((1..=127).contains(&kind) && (1..=47).contains(&(cause & 0x3f)))?;
            // Frames are short and sent whole: ciphertext seldom ends where its second octet says.
            check(len + 2 <= sight.wire())?;
            if reader.skip_or_end(len - 7) && len + 2 < sight.wire() {
                iec_104_next(reader)?;
            }
            Some(Said::PEER)
        }
    }
}

/// Another frame follows, or none.
fn iec_104_next(reader: Reader<'_>) -> Option<()> {
    check(matches!(reader.peek(), None | Some(0x68)))
}

/// ISO transport (RFC 1006 section 6, X.224 section 13): connections, and the data of S7 and MMS in them.
pub(super) fn cotp(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.first_message();
    reader.expect(&[3, 0])?;
    let total = usize::from(reader.u16()?);
    let (len, code) = (usize::from(reader.u8()?), reader.u8()?);
    match code {
        0xe0 | 0xd0 => {
            sight.ends_at(total)?;
            check(len + 5 == total)?;
            // References and class.
            reader.skip(5)?;
            cotp_parameters(reader)?;
            Some(if code == 0xe0 { Said::CLIENT } else { Said::SERVER })
        }
        0xf0 => {
            check(len == 2 && total >= 7 && reader.u8()? == 0x80)?;
            Some(if matches!(reader.peek(), Some(0x32 | 0x72)) { Said::PEER } else { Said::PEER_WEAK })
        }
        _ => None,
    }
}

/// Size, calling and called selector: the last two must be there, and all must end with the packet.
fn cotp_parameters(mut reader: Reader<'_>) -> Option<()> {
    let (mut calling, mut called) = (false, false);
    while !reader.is_empty() {
        let [code, len] = reader.array()?;
        check((0xc0..=0xc7).contains(&code) || matches!(code, 0x85..=0x8b | 0xf0))?;
        calling |= code == 0xc1;
        called |= code == 0xc2;
        reader.skip(usize::from(len))?;
    }
    check(calling && called)
}

/// Whether what follows the data header is S7.
pub(super) fn is_s7(sight: Sight<'_>) -> bool {
    let mut reader = sight.reader();
    reader.skip(4).is_some()
        && reader.expect(&[2, 0xf0, 0x80]).is_some()
        && matches!(reader.peek(), Some(0x32 | 0x72))
}

/// BACnet over IP (ASHRAE 135 J.2).
pub(super) fn bacnet(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    let [kind, function] = reader.array()?;
    check(kind == 0x81 && function <= 12)?;
    sight.ends_at(usize::from(reader.u16()?))?;
    match function {
        // Unicast and broadcast: a network header follows, of version 1.
        9..=11 => check(reader.u8()? == 1)?,
        // Forwarded: behind the address it came from.
        4 => {
            reader.skip(6)?;
            check(reader.u8()? == 1)?;
        }
        _ => {}
    }
    Some(Said::PEER)
}

/// OPC UA over TCP (OPC 10000-6 section 7.1.2).
pub(super) fn opcua(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    let kind = reader.array()?;
    let len = reader.le32()? as usize;
    match &kind {
        b"HELF" => {
            reader.skip(20)?;
            let url = reader.le32()?;
            check(url == u32::MAX && len == 32 || len == url as usize + 32)?;
            Some(Said::CLIENT)
        }
        b"RHEF" => {
            check(len >= 16 && len <= sight.wire())?;
            Some(Said::CLIENT)
        }
        b"ACKF" => {
            check(len == 28)?;
            Some(Said::SERVER)
        }
        b"ERRF" => {
            check(len >= 16 && len <= sight.wire())?;
            Some(Said::SERVER)
        }
        b"OPNF" | b"MSGF" | b"MSGC" | b"CLOF" => {
            sight.ends_at(len)?;
            Some(Said::PEER)
        }
        _ => None,
    }
}

/// EtherNet/IP (CIP volume 2, section 2-3).
pub(super) fn enip(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    let (command, len) = (reader.le16()?, usize::from(reader.le16()?));
    check(matches!(command, 4 | 0x63..=0x66 | 0x6f | 0x70))?;
    sight.ends_at(len + 24)?;
    let (session, status) = (reader.le32()?, reader.le32()?);
    // Sender's context, which the answer brings back.
    reader.skip(8)?;
    check(reader.le32()? == 0)?;
    let lists = matches!(command, 4 | 0x63 | 0x64);
    match command {
        4 | 0x63 | 0x64 if len == 0 => {
            check(status == 0)?;
            Some(Said::CLIENT)
        }
        0x65 => {
            if session == 0 && status == 0 {
                check(len == 4 && reader.le16()? == 1)?;
                return Some(Said::CLIENT);
            }
            check(len == 4 && status <= 0x69)?;
            Some(Said::SERVER)
        }
        _ if lists => {
            check(status == 0 && (1..=64).contains(&reader.le16()?))?;
            Some(Said::SERVER)
        }
        // Data of a session goes either way.
        _ => {
            check(session != 0 && status <= 0x69)?;
            Some(if status == 0 { Said::PEER } else { Said::SERVER })
        }
    }
}

/// CoAP (RFC 7252 sections 3 and 12.2).
pub(super) fn coap(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    let [first, code] = reader.array()?;
    let (version, kind, token) = (first >> 6, first >> 4 & 3, usize::from(first & 15));
    check(version == 1 && token <= 8)?;
    reader.skip(2 + token)?;
    match (code >> 5, code & 31) {
        (0, 1..=7) if kind <= 1 => {
            let options = coap_options(reader, sight)?;
            client(options.has_path)
        }
        (2, 1..=5 | 31) | (4, 0..=6 | 8 | 9 | 12 | 13 | 15 | 22 | 29) | (5, 0..=5 | 8) => {
            coap_options(reader, sight)?;
            Some(Said::SERVER_WEAK)
        }
        _ => None,
    }
}

struct CoapOptions {
    /// Whether a path was among them.
    has_path: bool,
}

/// The options, each counted from the one before (RFC 7252 section 3.1).
fn coap_options(mut reader: Reader<'_>, sight: Sight<'_>) -> Option<CoapOptions> {
    let mut number = 0;
    let mut has_path = false;
    while let Some(head) = reader.u8() {
        if head == 0xff {
            // A marker must have a payload behind it.
            check(sight.left(&reader) > 0)?;
            break;
        }
        number += coap_extended(head >> 4, &mut reader)?;
        let len = coap_extended(head & 15, &mut reader)?;
        let known =
            [1, 3, 4, 5, 6, 7, 8, 9, 11, 12, 14, 15, 16, 17, 19, 20, 23, 27, 28, 35, 39, 60, 252, 258, 292];
        check(known.contains(&number) && len <= sight.left(&reader))?;
        let Some(value) = reader.take(len) else {
            check(sight.excuses())?;
            break;
        };
        if number == 11 {
            check(is_printable(value))?;
            has_path = true;
        }
    }
    Some(CoapOptions { has_path })
}

fn coap_extended(half: u8, reader: &mut Reader<'_>) -> Option<usize> {
    match half {
        0..=12 => Some(usize::from(half)),
        13 => Some(usize::from(reader.u8()?) + 13),
        14 => Some(usize::from(reader.u16()?) + 269),
        _ => None,
    }
}

/// HART-IP (HCF_SPEC-085): version 1, and a length that ends with the message.
pub(super) fn hart_ip(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    let [version, kind, id, status] = reader.array()?;
    check(version == 1 && kind <= 3 && id <= 4)?;
    reader.skip(2)?;
    let len = usize::from(reader.u16()?);
    check(len >= 8)?;
    sight.ends_at(len)?;
    match kind {
        0 => {
            check(status == 0)?;
            // A session begins with who is master and how long it may be silent.
            client(id != 0 || len == 13)
        }
        1 => server(id != 0 || len == 13),
        _ => Some(Said::SERVER_WEAK),
    }
}

#[cfg(test)]
mod tests {
    use crate::payload::testing::*;
    use crate::payload::{Protocol, Sender};

    #[test]
    fn modbus_asks_and_answers() {
        client(TCP, Protocol::MODBUS, &[0, 1, 0, 0, 0, 6, 1, 3, 0, 0, 0, 10]);
        server(TCP, Protocol::MODBUS, &[0, 1, 0, 0, 0, 5, 1, 3, 2, 0, 7]);
        server(TCP, Protocol::MODBUS, &[0, 1, 0, 0, 0, 3, 1, 0x83, 2]);
        weak(TCP, Protocol::MODBUS, &[0, 1, 0, 0, 0, 3, 1, 17, 0]);
        nothing(TCP, &[0, 1, 0, 0, 0, 6, 1, 3, 0, 0, 0, 0]);
        nothing(TCP, &[0, 1, 0, 1, 0, 6, 1, 3, 0, 0, 0, 10]);
        // A write is told back as it came: the first one asks.
        let write = [0, 1, 0, 0, 0, 6, 1, 6, 0, 1, 0, 3];
        peer(TCP, Protocol::MODBUS, &write);
        assert_eq!(both(TCP, &write, &write).server, Some(Sender::Second));
    }

    #[test]
    fn check_sums_and_frames() {
        client(TCP, Protocol::DNP3, &[5, 0x64, 5, 0xc9, 1, 0, 0, 4, 0xa6, 0x57]);
        nothing(TCP, &[5, 0x64, 5, 0xc9, 1, 0, 0, 5, 0xa6, 0x57]);
        client(TCP, Protocol::IEC_104, &[0x68, 4, 7, 0, 0, 0]);
        server(TCP, Protocol::IEC_104, &[0x68, 4, 0x0b, 0, 0, 0]);
        peer(TCP, Protocol::IEC_104, &[0x68, 14, 0, 0, 0, 0, 100, 1, 6, 0, 1, 0, 0, 0, 0, 20]);
        nothing(TCP, b"hello world, this is text");
        nothing(TCP, &[0x68, 4, 0x0f, 0, 0, 0]);
    }

    #[test]
    fn cotp_selectors() {
        let mut connect =
            vec![3, 0, 0, 22, 17, 0xe0, 0, 0, 0, 1, 0, 0xc0, 1, 10, 0xc1, 2, 1, 0, 0xc2, 2, 1, 2];
        client(TCP, Protocol::COTP, &connect);
        connect[5] = 0xd0;
        server(TCP, Protocol::COTP, &connect);
        connect[14] = 0xc3;
        nothing(TCP, &connect);
        weak(TCP, Protocol::COTP, &[3, 0, 0, 10, 2, 0xf0, 0x80, 1, 2, 3]);
        let data = [3, 0, 0, 9, 2, 0xf0, 0x80, 0x32, 1];
        peer(TCP, Protocol::COTP, &data);
        assert!(alone(TCP, &data).layers.iter().eq([Protocol::COTP, Protocol::S7COMM]));
    }

    #[test]
    fn buildings_and_plants() {
        peer(UDP, Protocol::BACNET, &[0x81, 10, 0, 8, 1, 0, 16, 8]);
        nothing(UDP, &[0x81, 10, 0, 8, 2, 0, 16, 8]);
        nothing(UDP, &[0x81, 10, 0, 9, 1, 0, 16, 8]);
        let mut hello = b"HELF\x24\0\0\0".to_vec();
        hello.resize(28, 0);
        hello.extend(b"\x04\0\0\0opc:");
        client(TCP, Protocol::OPCUA, &hello);
        hello[4] = 0x25;
        nothing(TCP, &hello);
        let mut register = vec![0x65, 0, 4, 0];
        register.resize(24, 0);
        register.extend([1, 0, 0, 0]);
        client(TCP, Protocol::ENIP, &register);
        register[4] = 9;
        server(TCP, Protocol::ENIP, &register);
        register[20] = 1;
        nothing(TCP, &register);
    }

    #[test]
    fn coap_options_chain() {
        client(UDP, Protocol::COAP, b"\x41\x01\x7d\x34\x20\xb4temp");
        weak(UDP, Protocol::COAP, b"\x40\x01\x7d\x34");
        weak(UDP, Protocol::COAP, b"\x61\x45\x7d\x34\x20\xc0\xff22");
        nothing(UDP, b"\x41\x01\x7d\x34\x20\xb5temp");
        nothing(UDP, b"\x41\x01\x7d\x34\x20\xff");
        let both_weak = both(UDP, b"\x40\x01\x7d\x34", b"\x60\x45\x7d\x34\xc0\xff22");
        assert_eq!(both_weak.spoken, Some(Protocol::COAP));
        client(UDP, Protocol::HART_IP, &[1, 0, 0, 0, 0, 2, 0, 13, 1, 0, 0, 0x75, 0x30]);
        server(UDP, Protocol::HART_IP, &[1, 1, 0, 0, 0, 2, 0, 13, 1, 0, 0, 0x75, 0x30]);
        nothing(UDP, &[1, 0, 0, 0, 0, 2, 0, 14, 1, 0, 0, 0x75, 0x30]);
    }
}
