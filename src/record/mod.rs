//! One annotated packet, as the sinks see it.

mod charter;

pub use charter::Charter;

use std::net::IpAddr;

use crate::{
    decode::{Headers, Network, Reason},
    dns::{Message, Via},
    flow::Direction,
    knowledge::Known,
    naming::{Side, label::Label},
    packet::{Frame, Timestamp, TransportProtocol},
};

/// A packet and all that is said about it. Borrows everything.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Name of its file, where there is more than one input.
    pub file: Option<&'a str>,
    /// The frame.
    pub frame: Frame<'a>,
    /// The record or block it lies in, and what follows in the input up to the next one.
    pub raw: &'a [u8],
    /// Time of the packet before, in the same input.
    pub previous: Option<Timestamp>,
    /// When the capture began.
    pub began: Option<Timestamp>,
    /// Its headers.
    pub headers: &'a Headers,
    /// What its flow is; `None` where no IP addresses were read.
    pub service: Option<Service<'a>>,
    /// The row it is counted under.
    pub label: &'a Label,
    /// The flow that an ICMP error complains about.
    pub about: Option<Service<'a>>,
    /// Ports and payload of the datagram between DNS ports that it completes as its last fragment to come.
    pub whole: Option<((u16, u16), &'a [u8])>,
    /// Whether it is a fragment that overlaps another of a datagram that may be DNS: the datagram is not put together.
    pub overlaps: bool,
    /// Community ID v1 of its flow in base64, where it was asked for.
    pub community_id: Option<[u8; 28]>,
}

/// The answer of a flow, seen from one of its packets.
#[derive(Clone, Copy, Debug)]
pub struct Service<'a> {
    /// Its label.
    pub label: &'a Label,
    /// The answer.
    pub known: Known,
    /// Which way the packet went through its flow.
    pub direction: Direction,
}

impl Service<'_> {
    /// The side that serves, from where the packet stands: `source`, `destination`, `both` or `none`.
    pub fn side(&self) -> &'static str {
        match (self.known.side, self.direction) {
            (Side::Both, _) => "both",
            (Side::Neither, _) => "none",
            (Side::High, Direction::Up) | (Side::Low, Direction::Down) => "destination",
            (Side::Low, Direction::Up) | (Side::High, Direction::Down) => "source",
        }
    }
}

impl Record<'_> {
    /// Source and destination address of the innermost packet.
    pub fn addresses(&self) -> Option<(IpAddr, IpAddr)> {
        match self.headers.network {
            Network::V4(source, destination) => Some((source.into(), destination.into())),
            Network::V6(source, destination) => Some((source.into(), destination.into())),
            Network::None => None,
        }
    }

    /// The DNS messages in its payload, and how they came. Those of a fragmented datagram are of the fragment that
    /// completes it.
    pub fn dns(&self) -> impl Iterator<Item = (Via, Message<'_>)> {
        let (ports, payload) = match self.headers.fragment {
            None => (self.headers.ports, self.headers.payload(self.frame.octets)),
            Some(_) => self.whole.map_or((None, &[][..]), |(ports, whole)| (Some(ports), whole)),
        };
        let via = ports.and_then(|(source, destination)| Via::of(self.headers.protocol, source, destination));
        via.map(|via| via.messages(payload).map(move |message| (via, message))).into_iter().flatten()
    }

    /// Whether it is a fragment that other fragments follow, with no more payload than the least there can be.
    fn is_tiny_fragment(&self) -> bool {
        /// Offsets of fragments count in these.
        const UNIT: u32 = 8;
        let headers = self.headers;
        let header =
            if headers.ports.is_some() && headers.protocol == TransportProtocol::UDP { UNIT } else { 0 };
        let present = headers.payload_len + header;
        let cut = (self.frame.octets.len() as u32) < self.frame.original_len;
        headers.fragment.is_some_and(|fragment| fragment.more && present <= UNIT && !cut)
    }

    /// Appends what is odd about the packet, one call of `note` each.
    pub fn notes(&self, text: &mut Vec<u8>, mut note: impl FnMut(&[u8])) {
        use crate::text::number::decimal;
        let captured = self.frame.octets.len() as u64;
        let original = u64::from(self.frame.original_len);
        if captured < original {
            text.clear();
            text.extend_from_slice(b"truncated: ");
            decimal(captured, text);
            text.extend_from_slice(b" of ");
            decimal(original, text);
            text.extend_from_slice(b" octets captured");
            note(text);
        }
        if let Some(stopped) = self.headers.stopped {
            text.clear();
            text.extend_from_slice(stopped.layer.as_bytes());
            text.extend_from_slice(b" at offset ");
            decimal(stopped.offset.into(), text);
            text.extend_from_slice(b": ");
            match stopped.reason {
                Reason::Truncated { needed, present } => {
                    text.extend_from_slice(b"needs ");
                    decimal(needed.into(), text);
                    text.extend_from_slice(b" octets, ");
                    decimal(present.into(), text);
                    text.extend_from_slice(b" present");
                }
                Reason::Malformed(what) => text.extend_from_slice(what.as_bytes()),
                Reason::TooDeep => text.extend_from_slice(b"nested too deep"),
            }
            note(text);
        }
        if let Some(fragment) = self.headers.fragment {
            text.clear();
            text.extend_from_slice(b"fragment: offset ");
            decimal(fragment.offset.into(), text);
            text.extend_from_slice(b" of datagram ");
            decimal(fragment.id.into(), text);
            if fragment.offset == 0
                && self.headers.ports.is_none()
                && self.headers.protocol == TransportProtocol::TCP
            {
                text.extend_from_slice(b", too small for its ports");
            }
            if self.is_tiny_fragment() {
                text.extend_from_slice(b", tiny");
            }
            if self.overlaps {
                text.extend_from_slice(b", overlaps another");
            }
            if let Some((_, whole)) = self.whole {
                text.extend_from_slice(b", completes ");
                decimal(whole.len() as u64, text);
                text.extend_from_slice(b" octets");
            }
            note(text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        decode::{Fragment, Stopped},
        naming::Rule,
        packet::LinkType,
    };

    fn notes(headers: &Headers, captured: &[u8], original_len: u32, whole: Option<&[u8]>) -> Vec<String> {
        let link = LinkType::ETHERNET;
        let frame = Frame { number: 1, time: None, interface: 0, link, octets: captured, original_len };
        let label = Label::default();
        let record = Record {
            file: None,
            frame,
            raw: &[],
            previous: None,
            began: None,
            headers,
            service: None,
            label: &label,
            about: None,
            whole: whole.map(|octets| ((5353, 5353), octets)),
            overlaps: false,
            community_id: None,
        };
        let mut all = Vec::new();
        record.notes(&mut Vec::new(), |note| all.push(String::from_utf8(note.to_vec()).unwrap()));
        all
    }

    #[test]
    fn what_is_odd_about_a_packet() {
        let sound = Headers::default();
        assert!(notes(&sound, &[0; 60], 60, None).is_empty());
        assert_eq!(notes(&sound, &[0; 54], 1460, None), ["truncated: 54 of 1460 octets captured"]);
        let stopped = |reason| Headers {
            stopped: Some(Stopped { layer: "tcp", offset: 34, reason }),
            ..Headers::default()
        };
        let cut = stopped(Reason::Truncated { needed: 20, present: 4 });
        assert_eq!(notes(&cut, &[], 0, None), ["tcp at offset 34: needs 20 octets, 4 present"]);
        let deep = stopped(Reason::TooDeep);
        assert_eq!(notes(&deep, &[], 0, None), ["tcp at offset 34: nested too deep"]);
        let fragment = |offset, more, payload_len| Headers {
            fragment: Some(Fragment { id: 7, offset, more }),
            protocol: TransportProtocol::UDP,
            payload_len,
            ..Headers::default()
        };
        assert_eq!(notes(&fragment(1480, true, 1480), &[], 0, None), ["fragment: offset 1480 of datagram 7"]);
        let tiny = notes(&fragment(8, true, 8), &[], 0, None);
        assert_eq!(tiny, ["fragment: offset 8 of datagram 7, tiny"]);
        let last = notes(&fragment(16, false, 3), &[], 0, Some(b"nineteen octets in all"));
        assert_eq!(last, ["fragment: offset 16 of datagram 7, completes 22 octets"]);
    }

    #[test]
    fn sides_as_a_packet_sees_them() {
        let label = Label::default();
        let seen = |side, direction| {
            let known = Known { label: 0, side, rule: Some(Rule::Handshake), revised: false };
            Service { label: &label, known, direction }.side()
        };
        assert_eq!(seen(Side::High, Direction::Up), "destination");
        assert_eq!(seen(Side::High, Direction::Down), "source");
        assert_eq!(seen(Side::Low, Direction::Up), "source");
        assert_eq!(seen(Side::Low, Direction::Down), "destination");
        assert_eq!(seen(Side::Both, Direction::Up), "both");
        assert_eq!(seen(Side::Neither, Direction::Down), "none");
    }
}
