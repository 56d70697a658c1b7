//! The core of mobile networks: GTP, PFCP, SMPP.

use super::reader::check;
use super::sight::{Said, Sight};

/// GTP-C in versions 1 (3GPP TS 29.060 section 6) and 2 (3GPP TS 29.274 section 5.1).
pub(super) fn gtp_control(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    let [first, kind] = reader.array()?;
    let len = usize::from(reader.u16()?);
    match first >> 5 {
        1 => {
            // Protocol type 1, spare bit clear.
            check(first & 0x18 == 0x10 && is_version_1(kind))?;
            sight.ends_at(len + 8)?;
        }
        2 => {
            check(first & 7 == 0 && is_version_2(kind))?;
            sight.ends_at(len + 4)?;
            // With the T bit a tunnel id stands before the sequence number.
            if first & 8 != 0 {
                reader.skip(4)?;
            }
            reader.skip(3)?;
            check(reader.u8()? == 0)?;
        }
        _ => return None,
    }
    Some(Said::PEER)
}

/// Messages of version 1 (3GPP TS 29.060 section 7.1). Echo is that of GTP-U too, which is asked for it.
fn is_version_1(kind: u8) -> bool {
    matches!(kind, 3..=7 | 16..=25 | 27..=30 | 32..=38 | 48..=70)
        || matches!(kind, 96..=105 | 112..=121 | 128 | 129)
}

/// Messages of version 2 (3GPP TS 29.274 section 6.1).
fn is_version_2(kind: u8) -> bool {
    matches!(kind, 1..=3 | 25..=44 | 64..=73 | 95..=107)
        || matches!(kind, 128..=171 | 176..=181 | 200 | 201 | 211 | 212 | 231..=236)
}

/// GTP-U (3GPP TS 29.281 section 5.1).
pub(super) fn gtp_user(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    let [first, kind] = reader.array()?;
    check((0x30..=0x37).contains(&first) && matches!(kind, 1 | 2 | 26 | 31 | 254 | 255))?;
    sight.ends_at(usize::from(reader.u16()?) + 8)?;
    reader.skip(4)?;
    if kind == 255 {
        if first & 7 != 0 {
            // Sequence number, N-PDU number, and the type of the next extension header.
            reader.skip(3)?;
            let mut next = reader.u8()?;
            while first & 4 != 0 && next != 0 {
                let len = usize::from(reader.u8()?) * 4;
                check(len > 0)?;
                reader.skip(len - 2)?;
                next = reader.u8()?;
            }
        }
        check(matches!(reader.u8()? >> 4, 4 | 6))?;
    }
    Some(Said::PEER)
}

/// PFCP (3GPP TS 29.244 section 7.2).
pub(super) fn pfcp(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    let [first, kind] = reader.array()?;
    check(matches!(first, 0x20 | 0x21))?;
    // A session's id stands in messages of sessions only.
    check((first & 1 != 0) == (kind >= 50))?;
    sight.ends_at(usize::from(reader.u16()?) + 4)?;
    match kind {
        1 | 3 | 5 | 7 | 9 | 12 | 14 | 50 | 52 | 54 | 56 => Some(Said::CLIENT),
        2 | 4 | 6 | 8 | 10 | 11 | 13 | 15 | 51 | 53 | 55 | 57 => Some(Said::SERVER),
        _ => None,
    }
}

/// SMPP 3.4 and 5.0: a header of four numbers.
pub(super) fn smpp(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    let (len, command) = (reader.u32()? as usize, reader.u32()?);
    let (status, sequence) = (reader.u32()?, reader.u32()?);
    check(len >= 16 && sequence != 0 && sequence < 1 << 31)?;
    sight.ends_at(len)?;
    match command {
        // Bind as receiver, transmitter or both: a name follows.
        1 | 2 | 9 => {
            check(status == 0 && reader.until(0).is_some_and(|name| name.iter().all(u8::is_ascii_graphic)))?;
            Some(Said::CLIENT)
        }
        0x8000_0001 | 0x8000_0002 | 0x8000_0009 => {
            check(status < 1 << 12)?;
            Some(Said::SERVER)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::payload::Protocol;
    use crate::payload::testing::*;

    #[test]
    fn gtp_lengths() {
        peer(UDP, Protocol::GTP_CONTROL, &[0x32, 16, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0]);
        peer(UDP, Protocol::GTP_CONTROL, &[0x48, 32, 0, 8, 0, 0, 0, 1, 0, 0, 1, 0]);
        peer(UDP, Protocol::GTP_CONTROL, &[0x40, 1, 0, 4, 0, 0, 1, 0]);
        nothing(UDP, &[0x48, 32, 0, 8, 0, 0, 0, 1, 0, 0, 1, 7]);
        peer(UDP, Protocol::GTP_USER, &[0x32, 1, 0, 4, 0, 0, 0, 0, 0, 1, 0, 0]);
        peer(UDP, Protocol::GTP_USER, &[0x30, 255, 0, 2, 0, 0, 0, 9, 0x45, 0]);
        nothing(UDP, &[0x30, 255, 0, 2, 0, 0, 0, 9, 0x55, 0]);
        nothing(UDP, &[0x30, 255, 0, 3, 0, 0, 0, 9, 0x45, 0]);
    }

    #[test]
    fn sessions_and_messages() {
        client(UDP, Protocol::PFCP, &[0x20, 5, 0, 4, 0, 0, 1, 0]);
        server(UDP, Protocol::PFCP, &[0x20, 6, 0, 4, 0, 0, 1, 0]);
        nothing(UDP, &[0x21, 5, 0, 4, 0, 0, 1, 0]);
        let mut bind = vec![0, 0, 0, 20, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 1, b'm', b'e', 0, 0];
        client(TCP, Protocol::SMPP, &bind);
        bind[4] = 0x80;
        server(TCP, Protocol::SMPP, &bind);
        bind[3] = 21;
        nothing(TCP, &bind);
    }
}
