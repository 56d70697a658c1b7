//! How far a flow came: asked is not served.

use super::Side;
use crate::{
    flow::{Direction, FiveTuple, is_group},
    packet::TransportProtocol,
    payload::Protocol,
};

/// How far a flow came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum State {
    /// A connection was made, or both ends sent data.
    Established,
    /// A datagram was answered.
    Answered,
    /// Nothing came back but a refusal.
    Refused,
    /// It went to a multicast or broadcast address.
    Group,
    /// Datagrams that nobody is expected to answer, or ten and more that nobody did.
    OneWay,
    /// Nothing came back.
    Asked,
}

impl State {
    /// Every value, in the order in which they are tried.
    pub const ALL: [Self; 6] =
        [Self::Established, Self::Answered, Self::Refused, Self::Group, Self::OneWay, Self::Asked];

    /// The word of the output fields.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Established => "established",
            Self::Answered => "answered",
            Self::Refused => "refused",
            Self::Group => "group",
            Self::OneWay => "one-way",
            Self::Asked => "asked",
        }
    }

    /// Whether the side that serves was heard: only then is it a server.
    pub const fn is_served(self) -> bool {
        matches!(self, Self::Established | Self::Answered)
    }

    /// Whether somebody was asked who gave no service.
    pub const fn is_unserved(self) -> bool {
        matches!(self, Self::Refused | Self::Asked)
    }
}

/// Datagrams in one direction from which on they are a stream that nobody answers, not requests.
const MANY: u64 = 10;

/// Protocols whose datagrams are never answered.
const NEVER_ANSWERED: [Protocol; 9] = [
    Protocol::SYSLOG,
    Protocol::SNMPTRAP,
    Protocol::NETFLOW,
    Protocol::IPFIX,
    Protocol::SFLOW,
    Protocol::COLLECTD,
    Protocol::RTP,
    Protocol::RTCP,
    Protocol::HSRP,
];

/// How far a flow came whose serving side is this; the first that holds.
pub(super) fn state(tuple: &FiveTuple<'_>, side: Side) -> State {
    match tuple.key.protocol() {
        TransportProtocol::UDP | TransportProtocol::UDP_LITE => of_datagrams(tuple, side),
        _ => of_connection(tuple, side),
    }
}

const BOTH: [Direction; 2] = [Direction::Up, Direction::Down];

const fn back(direction: Direction) -> Direction {
    match direction {
        Direction::Up => Direction::Down,
        Direction::Down => Direction::Up,
    }
}

fn of_connection(tuple: &FiveTuple<'_>, side: Side) -> State {
    let (facts, packets) = (tuple.facts, tuple.total().packets);
    let came = |way: Direction| packets[way as usize] > 0;
    let opened = |way: Direction| facts.handshake() == Some(way);
    // Anything but a refusal.
    let spoke = |way: Direction| facts.sent(way) || opened(way);
    let alone = |way: Direction| came(way) && !came(back(way));
    let is_established = facts.accepted()
        || BOTH.iter().all(|&way| spoke(way)) && BOTH.iter().any(|&way| facts.data(way))
        || BOTH.iter().any(|&way| alone(way) && (facts.data(way) || opened(way) && facts.sent(way)));
    let only_refused = BOTH.iter().any(|&way| came(way) && !spoke(way) && spoke(back(way)));
    match () {
        () if is_established => State::Established,
        () if only_refused || is_unreachable(tuple, side) => State::Refused,
        () => State::Asked,
    }
}

fn of_datagrams(tuple: &FiveTuple<'_>, side: Side) -> State {
    let packets = tuple.total().packets;
    let spoken = tuple.shown.and_then(|shown| shown.verdict.spoken);
    let is_never_answered = spoken.is_some_and(|spoken| NEVER_ANSWERED.contains(&spoken));
    match () {
        () if packets.iter().all(|&count| count > 0) => State::Answered,
        () if is_unreachable(tuple, side) => State::Refused,
        () if goes_to_group(tuple) => State::Group,
        () if is_never_answered || packets.iter().sum::<u64>() >= MANY => State::OneWay,
        () => State::Asked,
    }
}

/// Whether an ICMP error says that what went to the server could not be delivered, and nothing else came from there.
fn is_unreachable(tuple: &FiveTuple<'_>, side: Side) -> bool {
    let packets = tuple.total().packets;
    let refused = |way: Direction| tuple.facts.refused(way) && packets[back(way) as usize] == 0;
    match side {
        Side::High => refused(Direction::Up),
        Side::Low => refused(Direction::Down),
        Side::Both | Side::Neither => BOTH.into_iter().any(refused),
    }
}

/// Whether one end is a multicast or broadcast address, or datagrams went to a link-layer one.
pub(super) fn goes_to_group(tuple: &FiveTuple<'_>) -> bool {
    group(tuple).is_some()
}

/// The end that is a multicast or broadcast address: by itself, or as datagrams went to a link-layer one.
pub(crate) fn group(tuple: &FiveTuple<'_>) -> Option<Side> {
    let is_datagram = matches!(tuple.key.protocol(), TransportProtocol::UDP | TransportProtocol::UDP_LITE);
    let to_group = |way| is_datagram && tuple.facts.to_group(way);
    match () {
        () if is_group(tuple.key.high().0) => Some(Side::High),
        () if is_group(tuple.key.low().0) => Some(Side::Low),
        () if to_group(Direction::Up) => Some(Side::High),
        () if to_group(Direction::Down) => Some(Side::Low),
        () => None,
    }
}
