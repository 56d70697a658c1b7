//! Protocols that hand out addresses and ports: DHCP, DHCPv6, NAT-PMP, PCP.

use super::reader::{Reader, check};
use super::sight::{Said, Sight, client, server};

/// DHCP and BOOTP (RFC 2131 section 2, RFC 951).
pub(super) fn dhcp(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    let [op, hardware, address_len, hops] = reader.array()?;
    check(matches!(op, 1 | 2) && matches!(hardware, 1 | 6 | 7 | 8 | 15 | 20 | 32))?;
    check(address_len <= 16 && hops <= 16 && (hardware != 1 || matches!(address_len, 0 | 6)))?;
    check(sight.wire() >= 236)?;
    // Up to the server's name, which begins at 44.
    reader.skip(40)?;
    let names = reader.rest();
    let names = names.get(..192).unwrap_or(names);
    reader.skip_or_end(192);
    let cookie = reader.array();
    let is_dhcp = cookie == Some([0x63, 0x82, 0x53, 0x63]);
    // Without a cookie it may be BOOTP; where that is not at hand, empty names make it likely.
    check(cookie.is_some() || names.iter().all(|&octet| octet == 0))?;
    if op == 1 { client(is_dhcp) } else { server(is_dhcp) }
}

/// DHCPv6 (RFC 8415 sections 8, 9 and 21).
pub(super) fn dhcpv6(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    let kind = reader.u8()?;
    if matches!(kind, 12 | 13) {
        check(reader.u8()? <= 32)?;
        // Link address and peer address.
        reader.skip(32)?;
    } else {
        reader.skip(3)?;
    }
    let options = dhcpv6_options(reader, sight)?;
    let is_strong = options.has_proof;
    check(is_strong || options.count >= 2)?;
    match kind {
        1 | 3..=6 | 8 | 9 | 11 | 12 | 14 | 20 => client(is_strong),
        2 | 7 | 10 | 13 | 15..=17 => server(is_strong),
        _ => None,
    }
}

struct Options {
    count: usize,
    /// Whether an identifier or a relayed message was among them.
    has_proof: bool,
}

/// The options, whose lengths must end with the datagram.
fn dhcpv6_options(mut reader: Reader<'_>, sight: Sight<'_>) -> Option<Options> {
    let mut options = Options { count: 0, has_proof: false };
    while sight.left(&reader) > 0 {
        let (Some(code), Some(len)) = (reader.u16(), reader.u16()) else { return cut(options, sight) };
        let len = usize::from(len);
        check((1..=200).contains(&code) && len <= sight.left(&reader))?;
        options.count += 1;
        let mut data = reader;
        // Client identifier and server identifier hold a DUID; 9 is a relayed message.
        options.has_proof |= match code {
            1 | 2 => len >= 4 && data.u16().is_some_and(|kind| (1..=4).contains(&kind)),
            9 => len >= 4,
            _ => false,
        };
        if !reader.skip_or_end(len) {
            return cut(options, sight);
        }
    }
    Some(options)
}

/// Options that go beyond the octets at hand.
fn cut(options: Options, sight: Sight<'_>) -> Option<Options> {
    check(sight.excuses())?;
    Some(options)
}

/// NAT-PMP (RFC 6886 section 3): two or twelve octets, so never more than weak.
pub(super) fn nat_pmp(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    check(reader.u8()? == 0)?;
    match (reader.u8()?, sight.wire()) {
        (0, 2) => Some(Said::CLIENT_WEAK),
        (1 | 2, 12) => {
            check(reader.u16()? == 0)?;
            Some(Said::CLIENT_WEAK)
        }
        (128, 12) | (129 | 130, 16) => {
            check(reader.u16()? <= 5)?;
            Some(Said::SERVER_WEAK)
        }
        _ => None,
    }
}

/// PCP (RFC 6887 sections 7.1 and 7.2).
pub(super) fn pcp(sight: Sight<'_>) -> Option<Said> {
    let mut reader = sight.reader();
    let [version, operation, reserved, result] = reader.array()?;
    check(version == 2 && operation & 0x7f <= 2 && reserved == 0)?;
    check((24..=1_100).contains(&sight.wire()) && sight.wire().is_multiple_of(4))?;
    reader.skip(4)?;
    if operation & 0x80 == 0 {
        check(result == 0)?;
        // The client's address, IPv4 as ::ffff:a.b.c.d.
        let address: [u8; 16] = reader.array()?;
        return client(address.starts_with(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]));
    }
    check(result <= 13)?;
    reader.skip(4)?;
    let reserved: [u8; 12] = reader.array()?;
    check(reserved == [0; 12])?;
    Some(Said::SERVER_WEAK)
}

#[cfg(test)]
mod tests {
    use crate::payload::Protocol;
    use crate::payload::testing::*;

    fn dhcp_message(op: u8) -> Vec<u8> {
        let mut message = vec![op, 1, 6, 0];
        message.resize(236, 0);
        message.extend([0x63, 0x82, 0x53, 0x63, 53, 1, 1, 255]);
        message
    }

    #[test]
    fn dhcp_has_a_cookie() {
        client(UDP, Protocol::DHCP, &dhcp_message(1));
        server(UDP, Protocol::DHCP, &dhcp_message(2));
        let mut bootp = dhcp_message(1);
        bootp[236] = 0;
        bootp.resize(300, 0);
        weak(UDP, Protocol::DHCP, &bootp);
        bootp[2] = 7;
        nothing(UDP, &bootp);
    }

    #[test]
    fn dhcp_cut_before_its_cookie_is_weak() {
        let verdict =
            crate::payload::look(UDP, &window(UDP, &dhcp_message(1)[..100], 300), &Default::default());
        assert!(verdict.weak.contains(Protocol::DHCP) && verdict.spoken.is_none());
    }

    #[test]
    fn dhcpv6_options_chain() {
        let mut solicit = b"\x01\x12\x34\x56\0\x01\0\x06\0\x03\0\x01\x0a\x0b\0\x08\0\x02\0\0".to_vec();
        client(UDP, Protocol::DHCPV6, &solicit);
        solicit[0] = 7;
        server(UDP, Protocol::DHCPV6, &solicit);
        solicit[9] = 9;
        weak(UDP, Protocol::DHCPV6, &solicit);
        solicit[7] = 7;
        nothing(UDP, &solicit);
    }

    #[test]
    fn ports_on_request() {
        weak(UDP, Protocol::NAT_PMP, &[0, 0]);
        weak(UDP, Protocol::NAT_PMP, &[0, 129, 0, 0, 0, 0, 0, 1, 0, 80, 0, 80, 0, 0, 0, 1]);
        assert_eq!(
            both(UDP, &[0, 0], &[0, 128, 0, 0, 0, 0, 0, 1, 9, 9, 9, 9]).spoken,
            Some(Protocol::NAT_PMP)
        );
        let mut map = vec![2, 1, 0, 0, 0, 0, 0, 60];
        map.extend([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 0, 0, 1]);
        client(UDP, Protocol::PCP, &map);
        map[2] = 1;
        nothing(UDP, &map);
    }
}
