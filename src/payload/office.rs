//! Windows networks: SMB, NetBIOS sessions and datagrams, DCE/RPC, RDP.

use super::domain::encoded_name;
use super::reader::check;
use super::sight::{Said, Sight};

/// SMB in its two forms ([MS-CIFS] 2.2.3, [MS-SMB2] 2.2.1), behind a length.
pub(super) fn smb(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    check(reader.u8()? == 0 && reader.u24()? >= 32)?;
    let magic = reader.array()?;
    match &magic {
        b"\xffSMB" => {
            reader.skip(5)?;
            Some(if reader.u8()? & 0x80 == 0 { Said::CLIENT } else { Said::SERVER })
        }
        b"\xfeSMB" => {
            check(reader.le16()? == 64)?;
            reader.skip(10)?;
            Some(if reader.u8()? & 1 == 0 { Said::CLIENT } else { Said::SERVER })
        }
        // Encrypted.
        b"\xfdSMB" => Some(Said::PEER_WEAK),
        _ => None,
    }
}

/// NetBIOS sessions (RFC 1002 section 4.3).
pub(super) fn netbios_ssn(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    match reader.u32()? {
        0x8100_0044 => {
            encoded_name(&mut reader)?;
            Some(Said::CLIENT)
        }
        0x8200_0000 => Some(Said::SERVER_WEAK),
        0x8300_0001 => {
            check(matches!(reader.u8()?, 0x80..=0x83 | 0x8f))?;
            Some(Said::SERVER_WEAK)
        }
        _ => None,
    }
}

/// NetBIOS datagrams (RFC 1002 section 4.4).
pub(super) fn netbios_dgm(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    let [kind, flags] = reader.array()?;
    check((0x10..=0x16).contains(&kind) && flags <= 0x0f)?;
    reader.skip(6)?;
    let port = reader.u16()?;
    reader.skip(4)?;
    check(port == 138 || encoded_name(&mut reader).is_some())?;
    Some(Said::PEER)
}

/// DCE/RPC over connections (C706 section 12.6).
pub(super) fn dcerpc(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    let [version, minor, kind, _flags] = reader.array()?;
    check(version == 5 && minor <= 1)?;
    let [integers, floats, zero, other] = reader.array()?;
    check(matches!(integers, 0x00 | 0x01 | 0x10 | 0x11) && floats <= 3 && zero == 0 && other == 0)?;
    let is_little = integers & 0x10 != 0;
    let mut length = || if is_little { reader.le16() } else { reader.u16() };
    let (fragment, auth) = (usize::from(length()?), usize::from(length()?));
    check(fragment >= 16 && fragment <= sight.wire() && auth + 16 <= fragment)?;
    match kind {
        0 | 11 | 14 | 16 | 18 | 19 => Some(Said::CLIENT),
        2 | 3 | 12 | 13 | 15 => Some(Said::SERVER),
        _ => None,
    }
}

/// DCE/RPC over datagrams (C706 section 12.5).
pub(super) fn dcerpc_udp(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    let [version, kind, _, _, integers] = reader.array()?;
    check(version == 4 && matches!(integers, 0x00 | 0x10))?;
    // The length of the body stands at 74.
    reader.skip(69)?;
    let len = if integers == 0x10 { reader.le16()? } else { reader.u16()? };
    sight.ends_at(usize::from(len) + 80)?;
    match kind {
        0 | 1 | 7 | 8 => Some(Said::CLIENT),
        2..=6 | 9 => Some(Said::SERVER),
        _ => None,
    }
}

/// RPC over HTTP, version 1 ([MS-RPCH] 2.1.1): the server begins.
pub(super) fn ncacn_http(sight: Sight<'_>) -> Option<Said> {
    sight.reader().expect(b"ncacn_http/1.0")?;
    Some(Said::SERVER)
}

/// RDP ([MS-RDPBCGR] 2.2.1.1 and 2.2.1.2): an X.224 connection with a cookie or a negotiation.
pub(super) fn rdp(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    reader.expect(&[3, 0])?;
    let total = usize::from(reader.u16()?);
    sight.ends_at(total)?;
    let (len, code, destination) = (usize::from(reader.u8()?), reader.u8()?, reader.u16()?);
    check(len + 5 == total)?;
    // Source reference and class.
    reader.skip(3)?;
    match code {
        0xe0 if destination == 0 => {
            if len == 6 {
                return Some(Said::CLIENT_WEAK);
            }
            let has_cookie = reader.expect(b"Cookie:").is_some();
            check(has_cookie || len == 14 && reader.u8()? == 1 && negotiation(reader).is_some())?;
            Some(Said::CLIENT)
        }
        0xd0 => {
            check(total == 19 && matches!(reader.u8()?, 2 | 3))?;
            negotiation(reader)?;
            Some(Said::SERVER)
        }
        _ => None,
    }
}

/// Flags, and a length that is always 8.
fn negotiation(mut reader: super::reader::Reader<'_>) -> Option<()> {
    reader.skip(1)?;
    check(reader.le16()? == 8)
}

#[cfg(test)]
mod tests {
    use crate::payload::Protocol;
    use crate::payload::testing::*;

    #[test]
    fn smb_tells_its_side() {
        let mut old = b"\0\0\0\x23\xffSMB\x72\0\0\0\0\x18\x01\xc8".to_vec();
        old.resize(39, 0);
        client(TCP, Protocol::SMB, &old);
        old[13] = 0x98;
        server(TCP, Protocol::SMB, &old);
        let mut new = b"\0\0\0\x40\xfeSMB\x40\0".to_vec();
        new.resize(68, 0);
        client(TCP, Protocol::SMB, &new);
        new[20] = 1;
        server(TCP, Protocol::SMB, &new);
        weak(TCP, Protocol::SMB, b"\0\0\0\x40\xfdSMB");
        nothing(TCP, b"\0\0\0\x40\xfcSMB");
    }

    #[test]
    fn netbios_sessions_and_datagrams() {
        let mut request = vec![0x81, 0, 0, 0x44, 32];
        request.extend([b'C', b'A'].repeat(16));
        client(TCP, Protocol::NETBIOS_SSN, &request);
        request[9] = b'a';
        nothing(TCP, &request);
        weak(TCP, Protocol::NETBIOS_SSN, &[0x82, 0, 0, 0]);
        weak(TCP, Protocol::NETBIOS_SSN, &[0x83, 0, 0, 1, 0x82]);
        nothing(TCP, &[0x83, 0, 0, 1, 0x84]);
        let mut datagram = vec![0x11, 2, 0, 1, 10, 0, 0, 1, 0, 138, 0, 10, 0, 0];
        peer(UDP, Protocol::NETBIOS_DGM, &datagram);
        datagram[9] = 137;
        nothing(UDP, &datagram);
    }

    #[test]
    fn rpc_has_a_length_in_its_own_order() {
        let mut bind = vec![5, 0, 11, 3, 0x10, 0, 0, 0, 24, 0, 0, 0, 1, 0, 0, 0];
        bind.resize(24, 0);
        client(TCP, Protocol::DCERPC, &bind);
        bind[2] = 12;
        server(TCP, Protocol::DCERPC, &bind);
        bind[4] = 0;
        nothing(TCP, &bind);
        let mut request = vec![4, 0, 0, 0, 0x10];
        request.resize(80, 0);
        // WireGuard's data has this form too; the length within decides.
        assert_eq!(alone(UDP, &request).spoken, Some(Protocol::DCERPC));
        request[2] = 0x20;
        client(UDP, Protocol::DCERPC, &request);
        request[1] = 2;
        server(UDP, Protocol::DCERPC, &request);
        request[74] = 1;
        nothing(UDP, &request);
        server(TCP, Protocol::NCACN_HTTP, b"ncacn_http/1.0");
        nothing(TCP, b"ncacn_http/2.0");
    }

    #[test]
    fn rdp_negotiates() {
        let request = [3, 0, 0, 19, 14, 0xe0, 0, 0, 0, 0, 0, 1, 0, 8, 0, 3, 0, 0, 0];
        client(TCP, Protocol::RDP, &request);
        let answer = [3, 0, 0, 19, 14, 0xd0, 0, 0, 0x12, 0x34, 0, 2, 0, 8, 0, 1, 0, 0, 0];
        server(TCP, Protocol::RDP, &answer);
        weak(TCP, Protocol::RDP, &[3, 0, 0, 11, 6, 0xe0, 0, 0, 0, 0, 0]);
        let cookie = [&[3, 0, 0, 20, 15, 0xe0, 0, 0, 0, 0, 0][..], b"Cookie: x"].concat();
        client(TCP, Protocol::RDP, &cookie);
        nothing(TCP, &[3, 0, 0, 12, 6, 0xe0, 0, 0, 0, 0, 0]);
    }
}
