//! What routers and switches tell each other: BGP, RIP, RIPng, HSRP, LDP, OpenFlow.

use super::reader::{Reader, check};
use super::sight::{Said, Sight, peer};

/// BGP (RFC 4271 section 4.1).
pub(super) fn bgp(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    reader.expect(&[0xff; 16])?;
    let (len, kind) = (reader.u16()?, reader.u8()?);
    check((19..=4_096).contains(&len))?;
    match kind {
        1 => check(len >= 29 && reader.u8()? == 4)?,
        2 | 3 | 5 => {}
        4 => check(len == 19)?,
        _ => return None,
    }
    Some(Said::PEER)
}

/// RIP (RFC 1058 section 3.1, RFC 2453 section 4): entries of 20 octets.
pub(super) fn rip(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    let [command, version] = reader.array()?;
    check(matches!(command, 1 | 2) && matches!(version, 1 | 2) && reader.u16()? == 0)?;
    check(sight.wire() >= 24 && (sight.wire() - 4).is_multiple_of(20) && sight.wire() <= 504)?;
    // The first entry must be at hand; those behind it are checked as far as they are.
    check(reader.len() >= 20)?;
    while !reader.is_empty() {
        // Internet, a request for everything, or authentication.
        let Some(family) = reader.u16() else { break };
        check(matches!(family, 2 | 0 | 0xffff))?;
        let Some(metric) = reader.skip(14).and_then(|()| reader.u32()) else { break };
        check(metric <= 16 || command == 2 && version == 2)?;
    }
    Some(Said::PEER)
}

/// RIPng (RFC 2080 section 2.1): entries of 20 octets.
pub(super) fn ripng(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    let [command, version] = reader.array()?;
    check(matches!(command, 1 | 2) && version == 1 && reader.u16()? == 0)?;
    check(sight.wire() >= 24 && (sight.wire() - 4).is_multiple_of(20))?;
    let mut entries = 0;
    while reader.len() >= 20 {
        let prefix: [u8; 16] = reader.array()?;
        reader.skip(2)?;
        let [len, metric] = reader.array()?;
        check(len <= 128 && (metric <= 16 && metric > 0 || metric == 0xff))?;
        // RIP has the same head, and its address family where the prefix begins: no address does so.
        check(prefix[0] != 0 || prefix == [0; 16])?;
        entries += 1;
    }
    check(entries > 0)?;
    Some(Said::PEER)
}

/// HSRP (RFC 2281 section 5), and its version 2.
pub(super) fn hsrp(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    if reader.expect(&[1, 40, 2]).is_some() {
        check(sight.wire() >= 42)?;
        return Some(Said::PEER);
    }
    let [version, operation, state, hello, hold] = reader.array()?;
    check(version == 0 && operation <= 2 && matches!(state, 0 | 1 | 2 | 4 | 8 | 16))?;
    check(hello > 0 && hold > hello)?;
    sight.ends_at(20)?;
    // Priority, group, and a reserved octet.
    reader.skip(2)?;
    check(reader.u8()? == 0)?;
    Some(Said::PEER)
}

/// Sessions of LDP over TCP (RFC 5036 section 3.1): of a PDU no more than 4,096 octets, until the ends agree on more.
pub(super) fn ldp(sight: Sight<'_>) -> Option<Said> {
    let (len, kind) = ldp_pdu(sight)?;
    let kinds = [0x0001, 0x0100, 0x0200, 0x0201, 0x0300, 0x0301, 0x0400, 0x0401, 0x0402, 0x0403, 0x0404];
    check(len <= 4_096 && kinds.contains(&kind))?;
    Some(Said::PEER)
}

/// Hellos of LDP over UDP (RFC 5036 section 2.4): nothing else goes that way, and the PDU ends with the datagram.
///
/// Less would not do: a datagram of iperf3 begins with the seconds since the sender started, and those of its second day
/// begin as a PDU does.
pub(super) fn ldp_hello(sight: Sight<'_>) -> Option<Said> {
    let (len, kind) = ldp_pdu(sight)?;
    check(kind == 0x0100)?;
    sight.ends_at(len + 4)?;
    Some(Said::PEER)
}

/// Length of a PDU behind that length, and the type of its first message.
fn ldp_pdu(sight: Sight<'_>) -> Option<(usize, u16)> {
    let mut reader = sight.reader();
    check(reader.u16()? == 1)?;
    let len = usize::from(reader.u16()?);
    reader.skip(4)?;
    check(reader.u16()? == 0)?;
    let (kind, message) = (reader.u16()? & 0x7fff, usize::from(reader.u16()?));
    check(message >= 4 && message + 10 <= len)?;
    Some((len, kind))
}

/// OpenFlow: a HELLO of eight octets, or from version 1.3 with elements (OpenFlow 1.3.1 section A.5.1).
pub(super) fn openflow(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    let [version, kind] = reader.array()?;
    check((1..=6).contains(&version) && kind == 0)?;
    let len = usize::from(reader.u16()?);
    reader.skip(4)?;
    if len == 8 {
        return peer(version >= 4 || sight.wire() == 8).filter(|_| sight.wire() >= 8);
    }
    check(version >= 4 && len <= sight.wire())?;
    // The one element there is: a bitmap of versions.
    check(reader.u16()? == 1)?;
    let element = usize::from(reader.u16()?);
    check(element >= 8 && element.is_multiple_of(4) && element + 8 == len)?;
    Some(Said::PEER)
}

/// Flow export: NetFlow 5, 7 and 9. The receiver serves and never answers.
pub(super) fn netflow(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    let (version, count) = (reader.u16()?, usize::from(reader.u16()?));
    match version {
        5 => check((1..=30).contains(&count) && sight.wire() == 24 + count * 48)?,
        7 => check((1..=28).contains(&count) && sight.wire() == 24 + count * 52)?,
        9 => {
            check(count > 0)?;
            reader.skip(16)?;
            sets(reader, sight, |set| matches!(set, 0 | 1 | 256..))?;
        }
        _ => return None,
    }
    Some(Said::CLIENT)
}

/// IPFIX (RFC 7011 section 3.1).
pub(super) fn ipfix(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    check(reader.u16()? == 10)?;
    let len = usize::from(reader.u16()?);
    check(len >= 20)?;
    sight.ends_at(len)?;
    reader.skip(12)?;
    sets(reader, sight, |set| matches!(set, 2 | 3 | 256..))?;
    Some(Said::CLIENT)
}

/// Sets of records, whose lengths chain as far as they are at hand.
fn sets(mut reader: Reader<'_>, sight: Sight<'_>, is_set: impl Fn(u16) -> bool) -> Option<()> {
    while sight.left(&reader) > 0 {
        let (Some(set), Some(len)) = (reader.u16(), reader.u16()) else {
            return check(sight.excuses());
        };
        let len = usize::from(len);
        check(is_set(set) && len >= 4 && len - 4 <= sight.left(&reader))?;
        if !reader.skip_or_end(len - 4) {
            break;
        }
    }
    Some(())
}

/// sFlow (sFlow version 5, section 5): the receiver serves.
pub(super) fn sflow(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    check(matches!(reader.u32()?, 2 | 4 | 5))?;
    match reader.u32()? {
        1 => check(reader.u32()? != 0)?,
        2 => check(reader.u64()? != 0)?,
        _ => return None,
    }
    check(sight.wire() >= 28)?;
    Some(Said::CLIENT)
}

#[cfg(test)]
mod tests {
    use crate::payload::Protocol;
    use crate::payload::testing::*;

    #[test]
    fn bgp_behind_its_marker() {
        let message = |tail: &[u8]| [&[0xff; 16][..], tail].concat();
        peer(TCP, Protocol::BGP, &message(&[0, 19, 4]));
        peer(TCP, Protocol::BGP, &message(&[0, 29, 1, 4, 0, 1, 0, 90, 1, 1, 1, 1, 0]));
        nothing(TCP, &message(&[0, 20, 4]));
        nothing(TCP, &message(&[0, 29, 1, 3, 0, 1]));
        nothing(TCP, &message(&[0xff, 0xff, 1, 4]));
    }

    #[test]
    fn routes() {
        let mut rip = vec![2, 1, 0, 0, 0, 2, 0, 0, 10, 0, 0, 0];
        rip.extend([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        peer(UDP, Protocol::RIP, &rip);
        let many = [&rip[..4], &rip[4..].repeat(14)].concat();
        peer(UDP, Protocol::RIP, &many);
        rip.push(0);
        nothing(UDP, &rip);
        let mut ripng = vec![2, 1, 0, 0, 0x20, 1, 0x0d, 0xb8];
        ripng.extend([0; 14]);
        ripng.extend([32, 1]);
        peer(UDP, Protocol::RIPNG, &ripng);
        ripng[2] = 1;
        nothing(UDP, &ripng);
        let mut hsrp = vec![0, 0, 16, 3, 10, 100, 1, 0];
        hsrp.resize(20, b'c');
        peer(UDP, Protocol::HSRP, &hsrp);
        hsrp[2] = 3;
        nothing(UDP, &hsrp);
    }

    #[test]
    fn labels_and_switches() {
        let hello = [0, 1, 0, 14, 10, 0, 0, 1, 0, 0, 1, 0, 0, 4, 0, 0, 0, 1];
        peer(UDP, Protocol::LDP, &hello);
        peer(TCP, Protocol::LDP, &hello);
        nothing(UDP, &[0, 1, 0, 14, 10, 0, 0, 1, 0, 1, 1, 0, 0, 4, 0, 0, 0, 1]);
        // One PDU fills the datagram, and is a hello.
        nothing(UDP, &[&hello[..], &[0]].concat());
        nothing(UDP, &[0, 1, 0, 14, 10, 0, 0, 1, 0, 0, 0, 1, 0, 4, 0, 0, 0, 1]);
        // iperf3 on a machine that runs for 71,340 s: seconds, microseconds, the number of the datagram, noise.
        let mut data = [71_340_u32, 484_089, 1].map(u32::to_be_bytes).concat();
        data.extend([0, 4]);
        data.resize(462, 0x5a);
        nothing(UDP, &data);
        // Until its ends agree on more, a session has PDU of 4,096 octets at most.
        nothing(TCP, &[0, 1, 16, 1, 10, 0, 0, 1, 0, 0, 2, 0, 0, 4, 0, 0, 0, 1]);
        peer(TCP, Protocol::OPENFLOW, &[1, 0, 0, 8, 0, 0, 0, 1]);
        peer(TCP, Protocol::OPENFLOW, &[4, 0, 0, 16, 0, 0, 0, 1, 0, 1, 0, 8, 0, 0, 0, 18]);
        nothing(TCP, &[3, 0, 0, 16, 0, 0, 0, 1, 0, 1, 0, 8, 0, 0, 0, 18]);
    }

    #[test]
    fn exporters() {
        let mut five = vec![0, 5, 0, 1];
        five.resize(72, 0);
        client(UDP, Protocol::NETFLOW, &five);
        five.push(0);
        nothing(UDP, &five);
        let mut nine = vec![0, 9, 0, 1];
        nine.resize(20, 0);
        nine.extend([1, 0, 0, 8, 0, 0, 0, 0]);
        client(UDP, Protocol::NETFLOW, &nine);
        let mut ten = vec![0, 10, 0, 24];
        ten.resize(16, 0);
        ten.extend([0, 2, 0, 8, 0, 0, 0, 0]);
        client(UDP, Protocol::IPFIX, &ten);
        ten[17] = 4;
        nothing(UDP, &ten);
        let mut sflow = vec![0, 0, 0, 5, 0, 0, 0, 1, 10, 0, 0, 1];
        sflow.resize(28, 0);
        client(UDP, Protocol::SFLOW, &sflow);
        sflow[7] = 3;
        nothing(UDP, &sflow);
    }
}
