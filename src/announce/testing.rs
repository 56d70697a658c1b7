//! What the tests of announcements share.

use std::net::IpAddr;

use super::{Announced, Control, Endpoint, Message};
use crate::packet::{Timestamp, TransportProtocol};

pub(super) const TCP: TransportProtocol = TransportProtocol::TCP;
pub(super) const UDP: TransportProtocol = TransportProtocol::UDP;

pub(super) const SERVER: &str = "192.0.2.1";
pub(super) const CLIENT: &str = "192.0.2.7";
pub(super) const THIRD: &str = "203.0.113.9";

pub(super) fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

pub(super) fn at(seconds: u64) -> Option<Timestamp> {
    Some(Timestamp(seconds * Timestamp::SECOND))
}

/// A message of which source and destination are given as address and port.
pub(super) fn message<'a>(
    protocol: TransportProtocol,
    source: (&str, u16),
    destination: (&str, u16),
    octets: &'a [u8],
) -> Message<'a> {
    let end = |(address, port): (&str, u16)| (ip(address), port);
    Message {
        time: at(10),
        protocol,
        source: end(source),
        destination: end(destination),
        spoken: None,
        octets,
    }
}

pub(super) fn control(message: &Message<'_>) -> Control {
    Control::new(message.protocol, message.source, message.destination)
}

/// What a store that saw these messages knows, as address, protocol, port and name.
pub(super) fn known(messages: &[Message<'_>]) -> Vec<(String, u8, u16, &'static str)> {
    let mut announced = Announced::new();
    for message in messages {
        announced.observe(message);
    }
    announced.all()
}

/// What a parser tells of, as address, protocol, port and name.
pub(super) fn told(read: impl FnOnce(super::Tell<'_>)) -> Vec<(String, u8, u16, &'static str)> {
    let mut all = Vec::new();
    read(&mut |Endpoint { address, protocol, port, name }| {
        all.push((address.to_string(), protocol.0, port, name));
    });
    all
}

pub(super) fn tcp(address: &str, port: u16, name: &'static str) -> (String, u8, u16, &'static str) {
    (address.to_owned(), TCP.0, port, name)
}

pub(super) fn udp(address: &str, port: u16, name: &'static str) -> (String, u8, u16, &'static str) {
    (address.to_owned(), UDP.0, port, name)
}

/// Cut anywhere, the octets tell of nothing that the whole does not; all of them tell of something.
pub(super) fn cut(octets: &[u8], read: impl Fn(&[u8], super::Tell<'_>)) {
    let whole = told(|tell| read(octets, tell));
    assert!(!whole.is_empty());
    for len in 0..octets.len() {
        for one in told(|tell| read(&octets[..len], tell)) {
            assert!(whole.contains(&one), "{one:?} of {len} octets is not in {whole:?}");
        }
    }
}

/// 32-bit words in network order.
pub(super) fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// A string of XDR.
pub(super) fn xdr(text: &str) -> Vec<u8> {
    let mut octets = words(&[text.len() as u32]);
    octets.extend(text.as_bytes());
    octets.resize(octets.len().next_multiple_of(4), 0);
    octets
}

/// A call to the port mapper: transaction, version, procedure, arguments (RFC 5531 section 9).
pub(super) fn call(transaction: u32, version: u32, procedure: u32, arguments: &[u8]) -> Vec<u8> {
    let mut octets = words(&[transaction, 0, 2, 100_000, version, procedure, 0, 0, 0, 0]);
    octets.extend(arguments);
    octets
}

/// An accepted reply that succeeded.
pub(super) fn reply(transaction: u32, result: &[u8]) -> Vec<u8> {
    let mut octets = words(&[transaction, 1, 0, 0, 0, 0]);
    octets.extend(result);
    octets
}
