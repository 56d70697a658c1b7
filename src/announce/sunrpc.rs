//! The port mapper of Sun RPC: version 2, and versions 3 and 4 as `rpcbind` (RFC 1833), in messages of RFC 5531.

use std::net::IpAddr;

use super::{Endpoint, PORT_MAPPER, Tell, address};
use crate::packed::Word;
use crate::packet::TransportProtocol;
use crate::payload::{Protocol, Reader, check, program_word};

/// A message with its transaction.
pub(super) enum Rpc<'a> {
    /// A call to the port mapper whose reply will tell of endpoints.
    Call(u32, Call),
    /// A reply, of which this is the result.
    Reply(u32, &'a [u8]),
}

/// What a call to the port mapper asks for, and so what its reply holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) enum Call {
    /// The port of a program over a protocol.
    Port(#[serde(with = "super::word")] Word, TransportProtocol),
    /// The universal address of a program over the protocol of the call.
    Address(#[serde(with = "super::word")] Word, TransportProtocol),
    /// All ports.
    Ports,
    /// All universal addresses.
    Addresses,
}

/// Reads a datagram, or a record that lies in one segment (RFC 5531 section 11).
pub(super) fn read(protocol: TransportProtocol, ports: (u16, u16), octets: &[u8]) -> Option<Rpc<'_>> {
    let mut reader = Reader::new(octets);
    if protocol == TransportProtocol::TCP {
        let mark = reader.u32()?;
        // The top bit says that this fragment is the last one.
        check(mark >> 31 == 1)?;
        reader = Reader::new(reader.take((mark & 0x7fff_ffff) as usize)?);
    }
    let transaction = reader.u32()?;
    match reader.u32()? {
        0 if ports.1 == PORT_MAPPER => Some(Rpc::Call(transaction, call(&mut reader, protocol)?)),
        1 if ports.0 == PORT_MAPPER => {
            // Accepted, a verifier, and success.
            check(reader.u32()? == 0)?;
            skip_authentication(&mut reader)?;
            check(reader.u32()? == 0)?;
            Some(Rpc::Reply(transaction, reader.rest()))
        }
        _ => None,
    }
}

fn call(reader: &mut Reader<'_>, protocol: TransportProtocol) -> Option<Call> {
    check(reader.u32()? == 2 && reader.u32()? == 100_000)?;
    let (version, procedure) = (reader.u32()?, reader.u32()?);
    skip_authentication(reader)?;
    skip_authentication(reader)?;
    match (version, procedure) {
        (2, 3) => {
            let name = name(reader.u32()?)?;
            reader.skip(4)?;
            Some(Call::Port(name, transport(reader.u32()?)?))
        }
        // Version 4 asks for one version of a program with procedure 9.
        (3 | 4, 3) | (4, 9) => {
            let name = name(reader.u32()?)?;
            reader.skip(4)?;
            // Servers answer for the transport that carried the call. Where the call names another, who knows?
            let asked = string(reader)?;
            check(asked.is_empty() || of_netid(asked)? == protocol)?;
            Some(Call::Address(name, protocol))
        }
        (2, 4) => Some(Call::Ports),
        (3 | 4, 4) => Some(Call::Addresses),
        _ => None,
    }
}

/// Tells of the endpoints in the result of a call, which `server` gave.
pub(super) fn result(call: Call, octets: &[u8], server: IpAddr, tell: Tell<'_>) -> Option<()> {
    let mut reader = Reader::new(octets);
    match call {
        Call::Port(name, protocol) => {
            let port = port(reader.u32()?)?;
            tell(Endpoint { address: server, protocol, port, name });
        }
        Call::Address(name, protocol) => {
            let (address, port) = universal(string(&mut reader)?, server)?;
            tell(Endpoint { address, protocol, port, name });
        }
        Call::Ports => {
            while reader.u32()? == 1 {
                let name = name(reader.u32()?);
                reader.skip(4)?;
                let (protocol, port) = (transport(reader.u32()?), port(reader.u32()?));
                if let (Some(name), Some(protocol), Some(port)) = (name, protocol, port) {
                    tell(Endpoint { address: server, protocol, port, name });
                }
            }
        }
        Call::Addresses => {
            while reader.u32()? == 1 {
                let name = name(reader.u32()?);
                reader.skip(4)?;
                let protocol = of_netid(string(&mut reader)?);
                let place = universal(string(&mut reader)?, server);
                string(&mut reader)?;
                if let (Some(name), Some(protocol), Some((address, port))) = (name, protocol, place) {
                    tell(Endpoint { address, protocol, port, name });
                }
            }
        }
    }
    Some(())
}

fn name(program: u32) -> Option<&'static str> {
    program_word(program).map(Protocol::service)
}

/// Ports of the port mapper are 32 bits wide; 0 says that the program is not there.
fn port(number: u32) -> Option<u16> {
    u16::try_from(number).ok().filter(|&port| port != 0)
}

fn transport(number: u32) -> Option<TransportProtocol> {
    let protocol = TransportProtocol(u8::try_from(number).ok()?);
    matches!(protocol, TransportProtocol::TCP | TransportProtocol::UDP).then_some(protocol)
}

/// The transport of a network identifier (RFC 5665 section 5.1.1).
fn of_netid(netid: &[u8]) -> Option<TransportProtocol> {
    match netid {
        b"tcp" | b"tcp6" => Some(TransportProtocol::TCP),
        b"udp" | b"udp6" => Some(TransportProtocol::UDP),
        _ => None,
    }
}

/// `address.high.low` (RFC 5665 section 5.2.3). The unspecified address stands for all of the server's own, of which
/// only the one of the same family is known.
fn universal(text: &[u8], server: IpAddr) -> Option<(IpAddr, u16)> {
    let mut parts = text.rsplitn(3, |&octet| octet == b'.');
    let mut octet = || {
        let mut reader = Reader::new(parts.next()?);
        let number = reader.number().filter(|_| reader.rest().is_empty())?;
        u8::try_from(number).ok()
    };
    let (low, high) = (octet()?, octet()?);
    let address = address(parts.next()?)?;
    let is_any = address.is_unspecified() && address.is_ipv4() == server.is_ipv4();
    Some((if is_any { server } else { address }, port(u32::from(high) << 8 | u32::from(low))?))
}

/// A string of XDR (RFC 4506 section 4.11): its length, its octets, and zeros up to a multiple of four.
fn string<'a>(reader: &mut Reader<'a>) -> Option<&'a [u8]> {
    let len = reader.u32()? as usize;
    let text = reader.take(len)?;
    reader.skip(len.wrapping_neg() % 4)?;
    Some(text)
}

/// A credential or verifier: its flavor and at most 400 octets (RFC 5531 section 8.2).
fn skip_authentication(reader: &mut Reader<'_>) -> Option<()> {
    reader.u32()?;
    let len = reader.u32()?;
    check(len <= 400 && len.is_multiple_of(4))?;
    reader.skip(len as usize)
}

#[cfg(test)]
mod tests {
    use crate::announce::{Announced, testing::*};
    use crate::packet::TransportProtocol;

    /// What a call and its reply teach, over this transport.
    fn over(on: TransportProtocol, call: &[u8], reply: &[u8]) -> Vec<(String, u8, u16, &'static str)> {
        let record = |octets: &[u8]| match on {
            TCP => [&words(&[0x8000_0000 | octets.len() as u32]), octets].concat(),
            _ => octets.to_vec(),
        };
        let (call, reply) = (record(call), record(reply));
        known(&[
            message(on, (CLIENT, 900), (SERVER, 111), &call),
            message(on, (SERVER, 111), (CLIENT, 900), &reply),
        ])
    }

    fn exchange(
        version: u32,
        procedure: u32,
        arguments: &[u8],
        result: &[u8],
    ) -> Vec<(String, u8, u16, &'static str)> {
        let (call, reply) = (call(7, version, procedure, arguments), reply(7, result));
        let found = over(UDP, &call, &reply);
        let cut_replies = (0..reply.len()).map(|len| (&call[..], &reply[..len]));
        let cut_calls = (0..call.len()).map(|len| (&call[..len], &reply[..]));
        for (call, reply) in cut_replies.chain(cut_calls) {
            for one in over(UDP, call, reply) {
                assert!(found.contains(&one), "{one:?} of {} and {} octets", call.len(), reply.len());
            }
        }
        found
    }

    #[test]
    fn the_port_of_a_program() {
        // RFC 1833 section 3.2: program, version, protocol, port.
        for (program, protocol, port, found) in [
            (100_003, 17, 2049, Some(udp(SERVER, 2049, "nfs"))),
            (100_005, 6, 635, Some(tcp(SERVER, 635, "mountd"))),
            (100_005, 6, 0, None),
            (100_005, 6, 65_536, None),
            (100_005, 6, u32::MAX, None),
            (100_005, 132, 635, None),
            (100_005, 6 + 256, 635, None),
            (400_000, 6, 635, None),
        ] {
            let arguments = words(&[program, 3, protocol, 0]);
            assert_eq!(exchange(2, 3, &arguments, &words(&[port])), Vec::from_iter(found.clone()));
            let (call, reply) = (call(8, 2, 3, &arguments), reply(8, &words(&[port])));
            assert_eq!(over(TCP, &call, &reply), Vec::from_iter(found));
        }
    }

    #[test]
    fn the_universal_address_of_a_program() {
        let arguments = [words(&[100_005, 3]), xdr("udp"), xdr(""), xdr("")].concat();
        for (text, found) in [
            ("192.0.2.1.3.88", Some(udp(SERVER, 856, "mountd"))),
            ("0.0.0.0.3.88", Some(udp(SERVER, 856, "mountd"))),
            ("203.0.113.9.3.88", None),
            ("192.0.2.1.0.0", None),
            ("192.0.2.1.3.256", None),
            ("192.0.2.1.3.-1", None),
            ("192.0.2.1.3", None),
            ("::.3.88", None),
            ("", None),
        ] {
            for (version, procedure) in [(3, 3), (4, 3), (4, 9)] {
                let result = xdr(text);
                assert_eq!(
                    exchange(version, procedure, &arguments, &result),
                    Vec::from_iter(found.clone()),
                    "{text}"
                );
            }
            assert_eq!(exchange(3, 9, &arguments, &xdr(text)), []);
        }
        // The reply is for the transport of the call.
        let other = [words(&[100_005, 3]), xdr("tcp"), xdr(""), xdr("")].concat();
        assert_eq!(exchange(3, 3, &other, &xdr("192.0.2.1.3.88")), []);
    }

    #[test]
    fn universal_addresses_of_both_families() {
        let server = ip("2001:db8::1");
        let found = |text: &str| super::universal(text.as_bytes(), server);
        assert_eq!(found("2001:db8::1.8.1"), Some((server, 2049)));
        assert_eq!(found("::.8.1"), Some((server, 2049)));
        assert_eq!(found("0.0.0.0.8.1"), Some((ip("0.0.0.0"), 2049)));
        assert_eq!(found("fe80::1%eth0.8.1"), None);
    }

    #[test]
    fn all_ports() {
        let list = words(&[
            1, 100_000, 2, 6, 111, //
            1, 100_003, 3, 6, 2049, //
            1, 100_227, 3, 6, 2049, //
            1, 391_002, 2, 6, 1024, //
            1, 100_024, 1, 17, 32_768, //
            1, 100_024, 1, 17, 70_000, //
            0,
        ]);
        let found = [tcp(SERVER, 111, "sunrpc"), tcp(SERVER, 2049, "nfs"), udp(SERVER, 32_768, "status")];
        assert_eq!(exchange(2, 4, &[], &list), found);
        let endless = words(&[1, 100_003, 3, 6, 2049].repeat(100_000));
        assert_eq!(over(UDP, &call(1, 2, 4, &[]), &reply(1, &endless)), [tcp(SERVER, 2049, "nfs")]);
        let many: Vec<u32> = (1..=60_000).flat_map(|port| [1, 100_003, 3, 6, port]).collect();
        let many = over(UDP, &call(1, 2, 4, &[]), &reply(1, &words(&many)));
        assert_eq!(many.len(), Announced::MAX_ENDPOINTS);
    }

    #[test]
    fn all_universal_addresses() {
        let entry = |program: u32, netid: &str, place: &str| {
            [words(&[1, program, 4]), xdr(netid), xdr(place), xdr("superuser")].concat()
        };
        let list = [
            entry(100_000, "tcp6", "::.0.111"),
            entry(100_000, "tcp", "0.0.0.0.0.111"),
            entry(100_000, "local", "/run/rpcbind.sock"),
            entry(100_021, "udp", "0.0.0.0.156.64"),
            words(&[0]),
        ]
        .concat();
        let found = [tcp(SERVER, 111, "sunrpc"), udp(SERVER, 40_000, "nlockmgr")];
        assert_eq!(exchange(3, 4, &[], &list), found);
        assert_eq!(exchange(4, 4, &[], &list), found);
    }

    #[test]
    fn a_reply_needs_its_call() {
        let (ask, answer) = (call(7, 2, 3, &words(&[100_003, 3, 6, 0])), reply(7, &words(&[2049])));
        let asked = message(UDP, (CLIENT, 900), (SERVER, 111), &ask);
        let answered = message(UDP, (SERVER, 111), (CLIENT, 900), &answer);
        assert_eq!(known(&[asked, answered]).len(), 1);
        assert_eq!(known(&[answered, asked]), []);
        let other = reply(8, &words(&[2049]));
        assert_eq!(known(&[asked, message(UDP, (SERVER, 111), (CLIENT, 900), &other)]), []);
        assert_eq!(known(&[asked, message(UDP, (SERVER, 111), (CLIENT, 901), &answer)]), []);
        assert_eq!(known(&[asked, message(UDP, (THIRD, 111), (CLIENT, 900), &answer)]), []);
        // Denied (RFC 5531 section 9), accepted without success, and a credential that is too long.
        for reply in [
            words(&[7, 1, 1, 0, 2049]),
            words(&[7, 1, 0, 0, 0, 1, 2049]),
            words(&[7, 1, 0, 0, 404, 0, 2049]),
            words(&[7, 1, 0, 0, u32::MAX, 0, 2049]),
        ] {
            assert_eq!(known(&[asked, message(UDP, (SERVER, 111), (CLIENT, 900), &reply)]), []);
        }
        // A verifier of four octets.
        let verified = words(&[7, 1, 0, 6, 4, 99, 0, 2049]);
        assert_eq!(known(&[asked, message(UDP, (SERVER, 111), (CLIENT, 900), &verified)]).len(), 1);
    }

    #[test]
    fn a_record_lies_in_one_segment() {
        let (ask, answer) = (call(7, 2, 3, &words(&[100_003, 3, 6, 0])), reply(7, &words(&[2049])));
        let marked = |mark: u32, octets: &[u8]| [&words(&[mark]), octets].concat();
        let ask = marked(0x8000_0000 | ask.len() as u32, &ask);
        for (mark, count) in
            [(0x8000_001c, 1), (0x8000_001d, 0), (0x8000_001b, 0), (0x1c, 0), (0xffff_ffff, 0)]
        {
            let answer = marked(mark, &answer);
            let known = known(&[
                message(TCP, (CLIENT, 900), (SERVER, 111), &ask),
                message(TCP, (SERVER, 111), (CLIENT, 900), &answer),
            ]);
            assert_eq!(known.len(), count, "{mark:x}");
        }
    }
}
