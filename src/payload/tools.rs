//! Measuring, watching, debugging, printing: small protocols that are cheap to recognise.

use super::datagrams::Datagrams;
use super::reader::{check, is_printable};
use super::sight::{Said, Sight};

/// The control connection of iperf3: a cookie of 36 characters and NUL, answered by a state.
pub(super) fn iperf3(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    // PARAM_EXCHANGE.
    if sight.wire() == 1 && reader.peek() == Some(9) {
        return Some(Said::SERVER_WEAK);
    }
    sight.ends_at(37)?;
    let cookie = reader.take(36)?;
    reader.expect(&[0])?;
    check(cookie.iter().all(|letter| matches!(letter, b'a'..=b'z' | b'2'..=b'7')) || is_old_cookie(cookie))?;
    Some(Said::CLIENT)
}

/// Cookies before version 3.2: name of the host, seconds, six digits of microseconds, and a number, cut.
fn is_old_cookie(cookie: &[u8]) -> bool {
    let is_time = |seconds: &[u8], micros: &[u8]| {
        seconds.len() >= 9 && micros.len() == 6 && seconds.iter().chain(micros).all(u8::is_ascii_digit)
    };
    let mut before: &[u8] = b"";
    let has_time =
        cookie.split(|&octet| octet == b'.').any(|part| is_time(std::mem::replace(&mut before, part), part));
    has_time && cookie.iter().all(|octet| octet.is_ascii_alphanumeric() || b".-_".contains(octet))
}

/// Datagrams of iperf3: a number in the host's own order that the server answers by its mirror. Of the newer pair the
/// order of the octets tells whose it is, as nearly all hosts are little-endian.
pub(super) fn iperf3_udp(sight: Sight<'_>) -> Option<Said> {
    let is = |number: u32, known: u32| number == known || number.swap_bytes() == known;
    match iperf3_number(sight)? {
        0x3938_3736 => Some(Said::CLIENT_WEAK),
        number if is(number, 123_456_789) => Some(Said::CLIENT_WEAK),
        _ => Some(Said::SERVER_WEAK),
    }
}

/// The number, as it lies in the octets.
fn iperf3_number(sight: Sight<'_>) -> Option<u32> {
    let number = sight.reader().u32()?;
    let known = [0x3637_3839, 123_456_789, 987_654_321];
    check(known.contains(&number) || known.contains(&number.swap_bytes()))?;
    Some(number)
}

/// Whether the number of one direction is the mirror of the other's.
pub(super) fn iperf3_answers(first: &Datagrams, second: &Datagrams) -> bool {
    let number = |datagrams: &Datagrams| iperf3_number(datagrams.iter().next()?.sight());
    let mirrored = |number: u32| match number {
        // The older pair is mirrored in decimal digits.
        123_456_789 => 987_654_321,
        987_654_321 => 123_456_789,
        other if other.swap_bytes() == 123_456_789 => 987_654_321_u32.swap_bytes(),
        other if other.swap_bytes() == 987_654_321 => 123_456_789_u32.swap_bytes(),
        other => other.swap_bytes(),
    };
    number(first).is_some_and(|asked| number(second) == Some(mirrored(asked)))
}

/// Zabbix: `ZBXD`, flags, and a length.
pub(super) fn zabbix(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    reader.expect(b"ZBXD")?;
    check(matches!(reader.u8()?, 1 | 3 | 5))?;
    Some(Said::PEER)
}

/// collectd: parts of a type, a length and a value, the first of them the host; nothing is answered.
pub(super) fn collectd(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    check(reader.u16()? == 0)?;
    let len = usize::from(reader.u16()?);
    check((6..=255).contains(&len))?;
    let host = reader.take(len - 4)?;
    let name = host.strip_suffix(&[0])?;
    check(is_printable(name))?;
    // Time, interval, plugin: what stands behind the host.
    let kind = reader.u16()?;
    check(matches!(kind, 1..=9) && reader.u16()? >= 5)?;
    Some(Said::CLIENT)
}

/// X11 (X Window System Protocol, section 8): byte order, version 11, and lengths that add up.
pub(super) fn x11(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    let order = reader.u8()?;
    reader.skip(1)?;
    let mut number = || if order == b'l' { reader.le16() } else { reader.u16() };
    let (major, minor, name, data) = (number()?, number()?, number()?, number()?);
    check(matches!(order, b'l' | b'B') && major == 11 && minor == 0)?;
    let padded = |len: u16| usize::from(len).next_multiple_of(4);
    sight.ends_at(12 + padded(name) + padded(data))?;
    Some(Said::CLIENT)
}

/// FIX: `8=FIX` begins every message.
pub(super) fn fix(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    reader.expect(b"8=FIX")?;
    check(matches!(reader.u8()?, b'.' | b'T'))?;
    Some(Said::PEER)
}

/// The bridge to Android devices: the last word of the header is the first one complemented.
pub(super) fn adb(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    let command = reader.le32()?;
    reader.skip(16)?;
    check(reader.le32()? == !command)?;
    check(command.to_le_bytes().iter().all(u8::is_ascii_uppercase))?;
    Some(Said::PEER)
}

/// Java's debugger (Java Debug Wire Protocol): both sides say the same.
pub(super) fn jdwp(sight: Sight<'_>) -> Option<Said> {
    sight.reader().expect(b"JDWP-Handshake")?;
    Some(Said::PEER)
}

/// Java's remote method invocation (RMI specification section 10.2).
pub(super) fn java_rmi(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    if reader.expect(b"JRMI\0").is_some() {
        check(matches!(reader.array()?, [1 | 2, 0x4b..=0x4d]))?;
        return Some(Said::CLIENT);
    }
    // The answer: the client's host and port as the server sees them.
    check(reader.u8()? == 0x4e)?;
    let len = usize::from(reader.u16()?);
    check((3..=64).contains(&len) && is_printable(reader.take(len)?))?;
    sight.ends_at(len + 7)?;
    Some(Said::SERVER_WEAK)
}

/// GIOP of CORBA (GIOP 1.3 section 9.4).
pub(super) fn giop(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    reader.expect(b"GIOP\x01")?;
    let [minor, flags, kind] = reader.array()?;
    check(minor <= 3 && flags <= 3)?;
    let len = if flags & 1 == 1 { reader.le32()? } else { reader.u32()? };
    check(len <= 1 << 24)?;
    match kind {
        0 | 2 | 3 => Some(Said::CLIENT),
        1 | 4 => Some(Said::SERVER),
        5..=7 => Some(Said::PEER),
        _ => None,
    }
}

/// Discovery of Dropbox clients: JSON with known first members.
pub(super) fn db_lsp_disc(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    let members: [&[u8]; 3] = [b"{\"host_int\"", b"{\"version\"", b"{\"namespaces\""];
    check(members.iter().any(|member| reader.expect(member).is_some()))?;
    Some(Said::PEER)
}

/// BJNP of Canon's printers and scanners.
pub(super) fn bjnp(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    let magic = reader.array()?;
    check(matches!(&magic, b"BJNP" | b"BJNB" | b"MFNP" | b"BNJB"))?;
    match reader.u8()? {
        1..=3 => Some(Said::CLIENT),
        0x81..=0x83 => Some(Said::SERVER),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::payload::Protocol;
    use crate::payload::Sender;
    use crate::payload::testing::*;

    #[test]
    fn measuring() {
        client(TCP, Protocol::IPERF3, b"abcdefghijklmnopqrstuvwxyz234567abcd\0");
        weak(TCP, Protocol::IPERF3, &[9]);
        client(TCP, Protocol::IPERF3, b"a.example.1478705546.220992.712f36d5\0");
        nothing(TCP, b"a.example.1478705546.22099.712f36d56\0");
        nothing(TCP, b"abcdefghijklmnopqrstuvwxyz234567abc8\0");
        weak(UDP, Protocol::IPERF3, &[0x39, 0x38, 0x37, 0x36]);
        let verdict = both(UDP, &[0x39, 0x38, 0x37, 0x36], &[0x36, 0x37, 0x38, 0x39]);
        assert_eq!((verdict.spoken, verdict.server), (Some(Protocol::IPERF3), Some(Sender::Second)));
        let old = both(UDP, &123_456_789_u32.to_le_bytes(), &987_654_321_u32.to_le_bytes());
        assert_eq!((old.spoken, old.server), (Some(Protocol::IPERF3), Some(Sender::Second)));
        assert_eq!(both(UDP, &[0x36, 0x37, 0x38, 0x39], &[0x36, 0x37, 0x38, 0x39]).spoken, None);
        peer(TCP, Protocol::ZABBIX, b"ZBXD\x01\x05\0\0\0\0\0\0\0hello");
        nothing(TCP, b"ZBXD\x02");
        client(UDP, Protocol::COLLECTD, b"\0\0\0\x09host\0\0\x01\0\x0c\0\0\0\0\0\0\0\0");
        nothing(UDP, b"\0\0\0\x09hosty\0\x01\0\x0c\0\0\0\0\0\0\0\0");
    }

    #[test]
    fn desktops_and_programs() {
        client(TCP, Protocol::X11, &[b'l', 0, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        nothing(TCP, &[b'l', 0, 11, 0, 0, 0, 1, 0, 0, 0, 0, 0]);
        peer(TCP, Protocol::FIX, b"8=FIX.4.4\x019=70");
        nothing(TCP, b"8=FOX.4.4\x019=70");
        let mut connect = b"CNXN\0\0\0\x01\0\x10\0\0\x07\0\0\0\0\0\0\0".to_vec();
        connect.extend(b"CNXN".map(|octet| !octet));
        peer(TCP, Protocol::ADB, &connect);
        connect[23] ^= 1;
        nothing(TCP, &connect);
        peer(TCP, Protocol::JDWP, b"JDWP-Handshake");
        client(TCP, Protocol::JAVA_RMI, b"JRMI\0\x02\x4b");
        weak(TCP, Protocol::JAVA_RMI, b"\x4e\0\x0910.0.0.10\0\0\x1f\x40");
        nothing(TCP, b"JRMI\0\x03\x4b");
        client(TCP, Protocol::GIOP, b"GIOP\x01\x02\x01\0\x04\0\0\0abcd");
        server(TCP, Protocol::GIOP, b"GIOP\x01\x02\x01\x01\x04\0\0\0abcd");
        nothing(TCP, b"GIOP\x02\x02\x01\x01\x04\0\0\0abcd");
    }

    #[test]
    fn discovery() {
        peer(UDP, Protocol::DROPBOX_LANSYNC, b"{\"host_int\": 1}");
        nothing(UDP, b"{\"host\": 1}");
        client(UDP, Protocol::BJNP, b"BJNP\x01\x01\0\0");
        server(UDP, Protocol::BJNP, b"BJNP\x81\x01\0\0");
        nothing(UDP, b"BJNP\x71\x01\0\0");
    }
}
