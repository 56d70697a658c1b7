//! Files and blocks: TFTP (RFC 1350), iSCSI (RFC 7143), AFP over TCP.

use super::reader::{after, check, is_printable};
use super::sight::{Said, Sight, client};

/// TFTP (RFC 1350 section 5, RFC 2347).
pub(super) fn tftp(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    match reader.u16()? {
        1 | 2 => {
            let name = reader.until(0)?;
            check(!name.is_empty() && is_printable(name))?;
            let mode = reader.until(0)?;
            let modes: [&[u8]; 3] = [b"netascii", b"octet", b"mail"];
            check(modes.iter().any(|known| mode.eq_ignore_ascii_case(known)))?;
            Some(Said::CLIENT)
        }
        3 => {
            check(reader.u16()? == 1 && sight.wire() <= 65_468)?;
            Some(Said::SERVER_WEAK)
        }
        4 => {
            check(reader.u16()? <= 1)?;
            sight.ends_at(4)?;
            Some(Said::SERVER_WEAK)
        }
        5 => {
            check(reader.u16()? <= 8 && is_printable(reader.until(0)?) && reader.is_empty())?;
            Some(Said::SERVER_WEAK)
        }
        6 => {
            let option = reader.until(0)?;
            let options: [&[u8]; 5] = [b"blksize", b"timeout", b"tsize", b"windowsize", b"multicast"];
            check(options.iter().any(|known| option.eq_ignore_ascii_case(known)))?;
            check(is_printable(reader.until(0)?))?;
            Some(Said::SERVER)
        }
        _ => None,
    }
}

/// iSCSI (RFC 7143 sections 11.12 and 11.13): a login whose text names the initiator.
pub(super) fn iscsi(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    let [operation, flags, newest, oldest] = reader.array()?;
    check(newest == 0 && oldest == 0 && flags & 0x30 == 0)?;
    // No additional headers; length of the text.
    check(reader.u8()? == 0)?;
    let len = reader.u24()? as usize;
    check(len <= 8_192)?;
    reader.skip(40)?;
    let text = reader.rest().get(..len).unwrap_or(reader.rest());
    match operation {
        0x43 | 0x03 => {
            check(after(text, b"Name=").is_some())?;
            Some(Said::CLIENT)
        }
        0x23 => {
            check(text.contains(&b'=') && text.first().is_some_and(u8::is_ascii_uppercase))?;
            Some(Said::SERVER_WEAK)
        }
        _ => None,
    }
}

/// AFP over TCP: the Data Stream Interface, whose first command gets the status or opens a session.
pub(super) fn afp(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    let [flags, command] = reader.array()?;
    check(flags <= 1 && matches!(command, 3 | 4))?;
    reader.skip(2)?;
    let (code, len, reserved) = (reader.u32()?, reader.u32()? as usize, reader.u32()?);
    check(reserved == 0 && code == 0 && len <= 4_096)?;
    if flags == 0 {
        sight.ends_at(len + 16)?;
        // The option of a session: its quantum, four octets.
        return client(command == 3 && len == 0 || command == 4 && reader.rest().starts_with(&[1, 4]));
    }
    check(len > 0 && len + 16 >= sight.wire())?;
    Some(Said::SERVER_WEAK)
}

#[cfg(test)]
mod tests {
    use crate::payload::Protocol;
    use crate::payload::testing::*;

    #[test]
    fn tftp_requests_and_answers() {
        client(UDP, Protocol::TFTP, b"\0\x01boot\0octet\0");
        client(UDP, Protocol::TFTP, b"\0\x02boot\0NetASCII\0blksize\x001400\0");
        server(UDP, Protocol::TFTP, b"\0\x06blksize\x001400\0");
        weak(UDP, Protocol::TFTP, b"\0\x03\0\x01data");
        weak(UDP, Protocol::TFTP, b"\0\x04\0\0");
        weak(UDP, Protocol::TFTP, b"\0\x05\0\x01none\0");
        nothing(UDP, b"\0\x01boot\0strange\0");
        nothing(UDP, b"\0\x06other\x001\0");
    }

    #[test]
    fn blocks_and_volumes() {
        let mut login = vec![0x43, 0x87, 0, 0, 0, 0, 0, 30];
        login.resize(48, 0);
        login.extend(b"InitiatorName=iqn.example:host\0\0");
        client(TCP, Protocol::ISCSI, &login);
        login[4] = 1;
        nothing(TCP, &login);
        client(TCP, Protocol::AFP, &[0, 3, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        client(TCP, Protocol::AFP, &[0, 4, 0, 1, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0, 1, 4, 0, 0, 4, 0]);
        nothing(TCP, &[0, 3, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]);
    }
}
