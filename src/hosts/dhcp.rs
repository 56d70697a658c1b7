//! What clients of DHCP call themselves, and which addresses they are lent (RFC 2131, 2132, 4702; 8415, 4704).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Mac;
use crate::dns::Name;

/// What one message says of the client and its transaction.
#[derive(Debug, Default)]
pub(super) struct Dhcp<'a> {
    /// What tells the transaction of the client from others.
    pub(super) transaction: Vec<u8>,
    /// The client's name, not escaped.
    pub(super) name: Option<Called<'a>>,
    /// The address that it was lent for sure.
    pub(super) address: Option<IpAddr>,
    /// Its MAC, where the message has it.
    pub(super) mac: Option<Mac>,
}

/// A name of a client.
#[derive(Debug)]
pub(super) enum Called<'a> {
    Text(&'a [u8]),
    Domain(Name<'a>),
}

/// Reads a message of DHCP for IPv4.
pub(super) fn v4(octets: &[u8]) -> Option<Dhcp<'_>> {
    let (head, options) = octets.split_at_checked(240)?;
    // Ethernet addresses of six octets; the magic cookie.
    if head[1] != 1 || head[2] != 6 || head[236..] != [99, 130, 83, 99] {
        return None;
    }
    let quad = |at: usize| Ipv4Addr::new(head[at], head[at + 1], head[at + 2], head[at + 3]);
    let mut found = Dhcp { transaction: [&[4], &head[4..8], &head[28..34]].concat(), ..Dhcp::default() };
    found.mac = head[28..34].try_into().ok();
    let (mut kind, mut rest) = (0, options);
    while let [code, tail @ ..] = rest {
        if *code == 0 {
            rest = tail;
            continue;
        }
        let Some((&len, tail)) = tail.split_first().filter(|_| *code != 255) else { break };
        let Some((value, tail)) = tail.split_at_checked(len.into()) else { break };
        rest = tail;
        match (*code, value) {
            (53, &[value]) => kind = value,
            (12, text) if found.name.is_none() => found.name = text_name(text),
            // Flags, two results; the name as labels where the flag E is set. The longer name is the better one.
            (81, [flags, _, _, name @ ..]) => {
                let domain = if flags & 4 != 0 { domain(name) } else { text_name(name) };
                found.name = domain.or(found.name);
            }
            _ => {}
        }
    }
    let [ciaddr, yiaddr] = [quad(12), quad(16)];
    match (head[0], kind) {
        // An acknowledged INFORM lends nothing, and confirms the address that the client has.
        (2, 5) => found.address = Some(if yiaddr.is_unspecified() { ciaddr } else { yiaddr }.into()),
        (1, 1 | 3 | 8) => {}
        _ => return None,
    }
    Some(found)
}

/// Reads a message of DHCP for IPv6.
pub(super) fn v6(octets: &[u8]) -> Option<Dhcp<'_>> {
    let (&[kind, transaction @ ..], options) = octets.split_first_chunk::<4>()?;
    // Solicit, request, renew, rebind; reply.
    if !matches!(kind, 1 | 3 | 5 | 6 | 7) {
        return None;
    }
    let mut found = Dhcp::default();
    for (code, value) in each_option(options) {
        match (code, value) {
            (1, duid) => found.transaction = [&[6], &transaction[..], &duid[..duid.len().min(130)]].concat(),
            (39, [_flags, name @ ..]) => found.name = domain(name),
            // Addresses lent for good, or for a while: identity, in the first two times, then options.
            (3, _) | (4, _) if kind == 7 => {
                let inner = value.get(if code == 3 { 12 } else { 4 }..).unwrap_or_default();
                let lent = each_option(inner).find(|&(code, _)| code == 5);
                let address = lent.and_then(|(_, value)| value.first_chunk::<16>().copied());
                found.address = found.address.or(address.map(|octets| Ipv6Addr::from(octets).into()));
            }
            _ => {}
        }
    }
    (!found.transaction.is_empty()).then_some(found)
}

fn each_option(mut rest: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let [c0, c1, l0, l1, tail @ ..] = rest else { return None };
        let (value, tail) = tail.split_at_checked(usize::from(u16::from_be_bytes([*l0, *l1])))?;
        rest = tail;
        Some((u16::from_be_bytes([*c0, *c1]), value))
    })
}

/// Text without the zeros that some end it with.
fn text_name(text: &[u8]) -> Option<Called<'_>> {
    let end = text.iter().rposition(|&octet| octet != 0).map_or(0, |last| last + 1);
    (end > 0).then(|| Called::Text(&text[..end]))
}

/// A name as labels; a partial one lacks the root's octet (RFC 4702 section 2.3.1).
fn domain(octets: &[u8]) -> Option<Called<'_>> {
    Name::from_wire(octets).filter(|name| !name.is_root()).map(Called::Domain)
}
