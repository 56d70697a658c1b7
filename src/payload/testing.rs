//! What the tests of the recognisers share.

use super::{Protocol, Sender, Strength, Verdict, Window, look};
pub(super) use crate::packet::TransportProtocol;

pub(super) const TCP: TransportProtocol = TransportProtocol::TCP;
pub(super) const UDP: TransportProtocol = TransportProtocol::UDP;

/// Octets from hexadecimal digits, which may have spaces between them.
pub(super) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        text.chars().filter_map(|digit| digit.to_digit(16)).map(|digit| digit as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// A window of one segment or datagram, of which `octets` were captured.
pub(super) fn window(on: TransportProtocol, octets: &[u8], wire: usize) -> Window {
    let mut window = Window::new();
    if on == TCP {
        window.segment(1, false, octets, wire as u32);
    } else {
        window.datagram(on, octets, wire as u32);
    }
    window
}

/// What octets of one direction say alone.
pub(super) fn alone(on: TransportProtocol, octets: &[u8]) -> Verdict {
    look(on, &window(on, octets, octets.len()), &Window::new())
}

/// What two directions say together.
pub(super) fn both(on: TransportProtocol, first: &[u8], second: &[u8]) -> Verdict {
    look(on, &window(on, first, first.len()), &window(on, second, second.len()))
}

/// The octets are surely a client's, whole; cut anywhere they are surely nothing else.
pub(super) fn client(on: TransportProtocol, protocol: Protocol, octets: &[u8]) {
    strong(on, protocol, octets, Some(Sender::Second));
}

/// The octets are surely a server's.
pub(super) fn server(on: TransportProtocol, protocol: Protocol, octets: &[u8]) {
    strong(on, protocol, octets, Some(Sender::First));
}

/// The octets are surely of the protocol, and tell no side.
pub(super) fn peer(on: TransportProtocol, protocol: Protocol, octets: &[u8]) {
    strong(on, protocol, octets, None);
}

fn strong(on: TransportProtocol, protocol: Protocol, octets: &[u8], server: Option<Sender>) {
    let verdict = alone(on, octets);
    assert_eq!(verdict.spoken, Some(protocol), "{verdict:?}");
    assert_eq!(verdict.server, server, "{protocol:?}");
    cut(on, protocol, octets);
    if on == TCP {
        // What follows in the stream changes nothing.
        let mut stream = window(on, octets, octets.len());
        stream.segment(1 + octets.len() as u32, false, octets, octets.len() as u32);
        let verdict = look(on, &stream, &Window::new());
        assert_eq!(verdict.spoken, Some(protocol), "with more behind it: {verdict:?}");
    }
}

/// The octets may be of the protocol, and name nothing.
pub(super) fn weak(on: TransportProtocol, protocol: Protocol, octets: &[u8]) {
    let verdict = alone(on, octets);
    assert_eq!(verdict.strength, Strength::Weak, "{verdict:?}");
    assert!(verdict.weak.contains(protocol), "{verdict:?}");
    cut(on, protocol, octets);
}

/// The octets fit a pattern that never says anything.
pub(super) fn fits(on: TransportProtocol, protocol: Protocol, octets: &[u8]) {
    let verdict = alone(on, octets);
    assert_eq!(verdict.strength, Strength::Nothing, "{verdict:?}");
    assert!(verdict.fits.contains(protocol), "{verdict:?}");
    cut(on, protocol, octets);
}

/// The octets say nothing.
pub(super) fn nothing(on: TransportProtocol, octets: &[u8]) {
    let verdict = alone(on, octets);
    assert_eq!(verdict.strength, Strength::Nothing, "{verdict:?}");
}

/// Cut at every octet, by the capture or by the sender, the octets are never surely of another protocol.
fn cut(on: TransportProtocol, protocol: Protocol, octets: &[u8]) {
    for len in 0..octets.len().min(300) {
        for wire in [len, octets.len()] {
            let verdict = look(on, &window(on, &octets[..len], wire), &Window::new());
            let kin = |other: Protocol| other == protocol || other.service() == protocol.service();
            assert!(verdict.spoken.is_none_or(kin), "{protocol:?} cut to {len} of {wire}: {verdict:?}");
        }
    }
}
