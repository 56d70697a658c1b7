//! Community ID v1: one name for a flow that many tools agree on (<https://github.com/corelight/community-id-spec>).

use std::net::IpAddr;

use base64::{Engine, engine::general_purpose::STANDARD};
use sha1::{Digest, Sha1};

use crate::packet::TransportProtocol;

/// The hash part of a flow's Community ID with seed 0, in base64; what follows `1:`.
///
/// `ports` are source and destination port; for ICMP and ICMPv6 their type and code; `None` for other protocols.
///
/// ```
/// use portolan::{flow::community_id, packet::TransportProtocol};
///
/// let client = "128.232.110.120".parse()?;
/// let server = "66.35.250.204".parse()?;
/// let id = community_id(TransportProtocol::TCP, client, server, Some((34855, 80)));
/// assert_eq!(&id, b"LQU9qZlK+B5F3KDmev6m5PMibrg=");
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
pub fn community_id(
    protocol: TransportProtocol,
    source: IpAddr,
    destination: IpAddr,
    ports: Option<(u16, u16)>,
) -> [u8; 28] {
    let (ports, one_way) = match ports {
        Some((kind, code)) if protocol.0 == 1 => counterpart(kind, code, ICMP),
        Some((kind, code)) if protocol.0 == 58 => counterpart(kind, code, ICMP_V6),
        other => (other, false),
    };
    let (mut from, mut to) =
        ((source, ports.map(|ports| ports.0)), (destination, ports.map(|ports| ports.1)));
    if !one_way && from > to {
        (from, to) = (to, from);
    }
    let mut hash = Sha1::new();
    hash.update([0, 0]);
    for address in [from.0, to.0] {
        match address {
            IpAddr::V4(v4) => hash.update(v4.octets()),
            IpAddr::V6(v6) => hash.update(v6.octets()),
        }
    }
    hash.update([protocol.0, 0]);
    for port in [from.1, to.1].into_iter().flatten() {
        hash.update(port.to_be_bytes());
    }
    let mut text = [0; 28];
    // 20 octets are exactly 28 characters of base64.
    let _ = STANDARD.encode_slice(hash.finalize(), &mut text);
    text
}

/// Pairs of ICMP types that ask and answer each other.
const ICMP: &[(u16, u16)] = &[(8, 0), (13, 14), (15, 16), (17, 18), (10, 9)];
/// Pairs of ICMPv6 types that ask and answer each other.
const ICMP_V6: &[(u16, u16)] = &[(128, 129), (133, 134), (135, 136), (130, 131), (139, 140), (144, 145)];

/// What stands for the ports of an ICMP message: its type and the type that answers it, else type and code, one-way.
fn counterpart(kind: u16, code: u16, pairs: &[(u16, u16)]) -> (Option<(u16, u16)>, bool) {
    for &(ask, reply) in pairs {
        if kind == ask {
            return (Some((ask, reply)), false);
        }
        if kind == reply {
            return (Some((reply, ask)), false);
        }
    }
    (Some((kind, code)), true)
}
