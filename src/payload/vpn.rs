//! Tunnels: OpenVPN, WireGuard, IKE and its NAT traversal, L2TP, PPTP, and those too short to tell.

use super::reader::{Reader, check};
use super::sight::{Said, Sight, peer};

/// OpenVPN over UDP.
pub(super) fn openvpn(sight: Sight<'_>) -> Option<Said> {
    packet(sight.reader(), sight.wire())
}

/// OpenVPN over TCP: each packet behind its length.
pub(super) fn openvpn_tcp(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    let len = usize::from(reader.u16()?);
    sight.ends_at(len + 2)?;
    packet(reader, len).filter(|said| !said.confirms)
}

/// A control packet that resets the session; `wire` is its length.
fn packet(mut reader: Reader<'_>, wire: usize) -> Option<Said> {
    let first = reader.u8()?;
    let said = match first {
        // P_CONTROL_HARD_RESET_CLIENT_V1, V2 and V3 with key 0.
        0x08 | 0x38 | 0x50 => Said::CLIENT,
        0x10 | 0x40 => Said::SERVER,
        // Data, acknowledgements and control packets in the middle.
        _ => {
            check(matches!(first >> 3, 4..=6 | 9))?;
            return Some(Said::CONFIRM);
        }
    };
    let session: [u8; 8] = reader.array()?;
    check(session != [0; 8])?;
    // A length that leaves out what was just read is of no packet.
    let left = wire.checked_sub(9)?;
    let len = reader.len();
    let mut plain = reader;
    if tail(&mut plain, said, left).is_some() {
        return Some(said);
    }
    // With tls-crypt: replay id 1 and a time, a tag of 32 octets, and the rest encrypted.
    let mut crypt = reader;
    if crypt.u32() == Some(1) {
        let is_time = crypt.u32()? > 1_000_000_000;
        let expected =
            if first == 0x50 { wire >= 54 } else { wire == 54 || said == Said::SERVER && wire == 66 };
        if is_time && expected {
            return Some(said);
        }
    }
    // With tls-auth: a tag first, replay id 1 and a time behind it.
    for tag in [16, 20, 28, 32, 48, 64] {
        let mut signed = reader;
        if tag + 8 <= len && signed.skip(tag).is_some() && signed.u32() == Some(1) {
            signed.skip(4)?;
            tail(&mut signed, said, left.saturating_sub(tag + 8))?;
            return Some(said);
        }
    }
    None
}

/// Acknowledged packets and packet id 0, ending with the packet, of which `wire` octets are left.
fn tail(reader: &mut Reader<'_>, said: Said, wire: usize) -> Option<()> {
    match reader.u8()? {
        0 => check(reader.u32()? == 0 && wire == 5),
        // A server's answer: the client's packet 0 and the client's session.
        1 if said == Said::SERVER => {
            check(reader.u32()? == 0)?;
            reader.skip(8)?;
            check(reader.u32()? == 0 && wire == 17)
        }
        _ => None,
    }
}

/// WireGuard: messages of fixed lengths.
pub(super) fn wireguard(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    match (reader.le32()?, sight.wire()) {
        (1, 148) => Some(Said::CLIENT),
        (2, 92) | (3, 64) => Some(Said::SERVER),
        (4, wire) => {
            check(wire >= 32 && wire.is_multiple_of(16) && reader.le32()? != 0)?;
            let (low, high) = (reader.le32()?, reader.le32()?);
            check(high == 0 && low < 1 << 24)?;
            Some(Said::PEER)
        }
        _ => None,
    }
}

/// IKE (RFC 7296 section 3.1, RFC 2408 section 3.1), perhaps behind the marker of RFC 3948.
pub(super) fn isakmp(sight: Sight<'_>) -> Option<Said> {
    match sight.octets() {
        [0, 0, 0, 0, ..] => ike(sight.without(4)),
        _ => ike(sight),
    }
}

fn ike(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    let (initiator, responder) = (reader.u64()?, reader.u64()?);
    check(initiator != 0)?;
    reader.skip(1)?;
    let [version, exchange, flags] = reader.array()?;
    reader.skip(4)?;
    sight.ends_at(reader.u32()? as usize)?;
    match version {
        0x10 => {
            check(matches!(exchange, 1..=6 | 32 | 33) && flags & 0xf8 == 0)?;
            if responder == 0 { Some(Said::CLIENT) } else { peer(true) }
        }
        0x20 => {
            check((34..=43).contains(&exchange) && flags & 0xc7 == 0)?;
            Some(if flags & 0x20 == 0 { Said::CLIENT } else { Said::SERVER })
        }
        _ => None,
    }
}

/// ESP in UDP (RFC 3948 section 2): anything may look so.
pub(super) fn ipsec_nat_t(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    if sight.wire() == 1 {
        reader.expect(&[0xff])?;
        return Some(Said::CONFIRM);
    }
    check(reader.u32()? > 255 && reader.u32()? < 1 << 24 && sight.wire() >= 28)?;
    Some(Said::CONFIRM)
}

/// L2TP (RFC 2661 section 3.1).
pub(super) fn l2tp(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    let flags = reader.u16()?;
    // Version 2, reserved bits clear, and the length that control messages must have.
    check(flags & 0x34ff == 0x0002 && flags & 0x4000 != 0)?;
    sight.ends_at(usize::from(reader.u16()?))?;
    if flags & 0x8000 == 0 {
        return Some(Said::PEER_WEAK);
    }
    check(flags & 0x0800 != 0 && flags & 0x0300 == 0)?;
    // Tunnel, session, and both sequence numbers.
    reader.skip(8)?;
    if reader.is_empty() {
        return Some(Said::PEER_WEAK);
    }
    let (head, vendor) = (reader.u16()?, reader.u16()?);
    check(head & 0x8000 != 0 && head & 0x3c00 == 0 && vendor == 0)?;
    Some(Said::PEER)
}

/// PPTP (RFC 2637 section 2): the control connection is begun with 156 octets.
pub(super) fn pptp(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    check(reader.u16()? == 156 && reader.u16()? == 1 && reader.u32()? == 0x1a2b_3c4d)?;
    let message = reader.u16()?;
    check((1..=15).contains(&message))?;
    Some(if message % 2 == 1 { Said::CLIENT } else { Said::SERVER })
}

/// VXLAN (RFC 7348 section 5): one flag and zeroes.
pub(super) fn vxlan(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    check(reader.u32()? == 0x0800_0000 && reader.u32()? & 0xff == 0 && sight.wire() >= 22)?;
    Some(Said::CONFIRM)
}

/// GENEVE (RFC 8926 section 3.4).
pub(super) fn geneve(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    let [first, flags] = reader.array()?;
    check(first >> 6 == 0 && flags & 0x3f == 0)?;
    check(matches!(reader.u16()?, 0x6558 | 0x0800 | 0x86dd) && reader.u32()? & 0xff == 0)?;
    Some(Said::CONFIRM)
}

/// CAPWAP (RFC 5415 section 4.2): version 0, clear or encrypted.
pub(super) fn capwap(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    check(reader.u8()? <= 1 && sight.wire() >= 16)?;
    Some(Said::CONFIRM)
}

/// Teredo (RFC 4380 section 5.1): IPv6, or an authentication or origin before it.
pub(super) fn teredo(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    let first = reader.u16()?;
    check(matches!(first, 0 | 1) || first >> 12 == 6)?;
    check(sight.wire() >= 40)?;
    Some(Said::CONFIRM)
}

#[cfg(test)]
mod tests {
    use crate::payload::Protocol;
    use crate::payload::testing::*;

    #[test]
    fn openvpn_resets() {
        client(UDP, Protocol::OPENVPN, &[0x38, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 0]);
        client(TCP, Protocol::OPENVPN, &[0, 14, 0x38, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 0]);
        let answer = [0x40, 1, 2, 3, 4, 5, 6, 7, 8, 1, 0, 0, 0, 0, 9, 9, 9, 9, 9, 9, 9, 9, 0, 0, 0, 0];
        server(UDP, Protocol::OPENVPN, &answer);
        let mut signed = vec![0x38, 1, 2, 3, 4, 5, 6, 7, 8];
        signed.extend([7; 20]);
        signed.extend([0, 0, 0, 1, 0x65, 0, 0, 0, 0, 0, 0, 0, 0]);
        client(UDP, Protocol::OPENVPN, &signed);
        let mut crypted = vec![0x38, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 1, 0x65, 0, 0, 0];
        crypted.resize(54, 7);
        client(UDP, Protocol::OPENVPN, &crypted);
        nothing(UDP, &[0x3d, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 0]);
        nothing(UDP, &[0x38, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn wireguard_lengths() {
        let message = |kind: u8, len: usize| {
            let mut message = vec![kind, 0, 0, 0, 7, 0, 0, 0, 1];
            message.resize(16, 0);
            message.resize(len, 9);
            message
        };
        client(UDP, Protocol::WIREGUARD, &message(1, 148));
        server(UDP, Protocol::WIREGUARD, &message(2, 92));
        server(UDP, Protocol::WIREGUARD, &message(3, 64));
        peer(UDP, Protocol::WIREGUARD, &message(4, 96));
        nothing(UDP, &message(1, 147));
        nothing(UDP, &message(4, 97));
    }

    #[test]
    fn keys_are_exchanged() {
        let mut init =
            vec![1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0, 33, 0x20, 34, 8, 0, 0, 0, 0, 0, 0, 0, 28];
        client(UDP, Protocol::ISAKMP, &init);
        client(UDP, Protocol::ISAKMP, &[&[0; 4][..], &init].concat());
        init[19] = 0x20;
        server(UDP, Protocol::ISAKMP, &init);
        init[17] = 0x55;
        nothing(UDP, &init);
        init[17] = 0x10;
        init[18] = 2;
        init[19] = 0;
        client(UDP, Protocol::ISAKMP, &init);
        init[15] = 1;
        peer(UDP, Protocol::ISAKMP, &init);
    }

    #[test]
    fn dialled_tunnels() {
        let control = [0xc8, 2, 0, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0x80, 8, 0, 0, 0, 0, 0, 1];
        peer(UDP, Protocol::L2TP, &control);
        weak(UDP, Protocol::L2TP, &[0x40, 2, 0, 8, 0, 1, 0, 1]);
        nothing(UDP, &[0x40, 3, 0, 8, 0, 1, 0, 1]);
        let mut pptp = vec![0, 156, 0, 1, 0x1a, 0x2b, 0x3c, 0x4d, 0, 1, 0, 0];
        pptp.resize(156, 0);
        client(TCP, Protocol::PPTP, &pptp);
        pptp[9] = 2;
        server(TCP, Protocol::PPTP, &pptp);
        pptp[4] = 0;
        nothing(TCP, &pptp);
    }

    #[test]
    fn short_patterns_only_confirm() {
        fits(UDP, Protocol::IPSEC_NAT_T, &[0xff]);
        let mut vxlan = vec![8, 0, 0, 0, 0, 0, 7, 0];
        vxlan.resize(60, 3);
        fits(UDP, Protocol::VXLAN, &vxlan);
        let mut geneve = vec![0, 0, 0x65, 0x58, 0, 0, 7, 0];
        geneve.resize(60, 3);
        fits(UDP, Protocol::GENEVE, &geneve);
        assert!(alone(UDP, &geneve).fits.contains(Protocol::CAPWAP));
        assert!(alone(UDP, &[0x60; 48]).fits.contains(Protocol::TEREDO));
    }
}
