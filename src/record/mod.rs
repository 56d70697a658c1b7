//! One annotated packet, as the sinks see it.

mod charter;
pub mod fields;
mod note;
pub(crate) mod process;
pub(crate) mod svc;
mod value;

pub use charter::Charter;
pub use note::Note;
pub use value::{Anyone, Each, Put, Taker, Value};
pub(crate) use value::{Columns, ValueWriter};

use std::net::IpAddr;

use crate::{
    decode::Headers,
    dns::{Message, Via},
    flow::{Direction, FlowId, Flows, Key},
    knowledge::{Known, Named},
    naming::{Side, label::Label},
    packet::{Frame, Timestamp},
    places::Location,
};
use process::{HeldEnds, LocalEnd};

/// A packet and all that is said about it. Borrows everything.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Name of its file, where there is more than one input.
    pub file: Option<&'a str>,
    /// The frame.
    pub frame: Frame<'a>,
    /// Name of its interface, where the capture gives one.
    pub interface_name: Option<&'a str>,
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
    /// What the ends of its flow are called, where that was asked for.
    pub named: Option<Named<'a>>,
    /// Where its source and its destination are, where a file says that.
    pub places: [Option<&'a Location>; 2],
    /// Who owns its source and its destination, where that is asked for and they are on this host.
    pub(crate) held: HeldEnds<'a>,
    /// The number of its five-tuple, and the table that holds it.
    pub(crate) tuple: Option<(&'a Flows, FlowId)>,
    /// The flow that an ICMP error complains about.
    pub about: Option<Service<'a>>,
    /// Ports and payload of the datagram between DNS ports that it completes as its last fragment to come; or ports and
    /// messages, each behind its length, that it completes as a segment of DNS over TCP.
    pub whole: Option<((u16, u16), &'a [u8])>,
    /// Whether it is a fragment that overlaps another of its datagram.
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

impl<'a> Record<'a> {
    /// Name of its interface, where the capture gives it one that is not empty.
    #[inline]
    pub fn named_interface(&self) -> Option<&'a str> {
        self.interface_name.filter(|name| !name.is_empty())
    }

    /// The end whose process is told.
    #[inline]
    pub(crate) fn local_end(&self) -> Option<LocalEnd<'a>> {
        if self.held == [None; 2] {
            return None;
        }
        LocalEnd::of(self.held, self.service.as_ref().map(Service::side))
    }

    /// What its source and its destination are called.
    #[inline]
    pub fn domains(&self) -> (Option<&'a str>, Option<&'a str>) {
        self.named.zip(self.service).map_or((None, None), |(named, service)| named.ends(service.direction))
    }

    /// What the end that serves is called, and what told that.
    pub fn server_domain(&self) -> Option<(&'a str, &'static str)> {
        self.named?.server(self.service?.known.side)
    }
}

impl Record<'_> {
    /// Source and destination address of the innermost packet.
    pub fn addresses(&self) -> Option<(IpAddr, IpAddr)> {
        self.headers.network.addresses()
    }

    /// Its flow: the five-tuple, and [which of its flows](crate::flow::FiveTuple::flow_at); `None` where no five-tuple of
    /// it is held.
    pub fn flow(&self) -> Option<(Key, usize)> {
        let (flows, id) = self.tuple?;
        let tuple = flows.five_tuple(id)?;
        Some((tuple.key, tuple.flow_at(self.frame.time.map(|time| time.0))))
    }

    /// Whether [messages of DNS](Self::dns) may be in it: cheaper to ask than for the messages, and mostly not so.
    #[inline]
    pub fn may_carry_dns(&self) -> bool {
        let are_of_dns =
            |(source, destination)| Via::of(self.headers.protocol, source, destination).is_some();
        self.whole.is_some() || self.headers.ports.is_some_and(are_of_dns)
    }

    /// The DNS messages in its payload, and how they came; then those that it completes, as a fragment or a segment.
    pub fn dns(&self) -> impl Iterator<Item = (Via, Message<'_>)> {
        let own = self.headers.ports.filter(|_| self.headers.fragment.is_none());
        let own = own.map(|ports| (ports, self.headers.payload(self.frame.octets)));
        own.into_iter().chain(self.whole).flat_map(|(ports, payload)| {
            let via = Via::of(self.headers.protocol, ports.0, ports.1);
            via.map(|via| via.messages(payload).map(move |message| (via, message))).into_iter().flatten()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::naming::Rule;

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
