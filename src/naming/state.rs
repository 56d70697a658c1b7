//! How far a flow came: asked is not served.

use super::Side;
use crate::{
    flow::{Direction, FiveTuple, is_group},
    packet::TransportProtocol,
    payload::Protocol,
};

/// How far a flow came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
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

fn of_connection(tuple: &FiveTuple<'_>, side: Side) -> State {
    let (facts, packets) = (tuple.facts, tuple.total().packets);
    let came = |way: Direction| packets[way as usize] > 0;
    let opened = |way: Direction| facts.handshake() == Some(way);
    // Anything but a refusal.
    let spoke = |way: Direction| facts.sent(way) || opened(way);
    let alone = |way: Direction| came(way) && !came(way.reverse());
    let is_established = facts.accepted()
        || BOTH.iter().all(|&way| spoke(way)) && BOTH.iter().any(|&way| facts.data(way))
        || BOTH.iter().any(|&way| alone(way) && (facts.data(way) || opened(way) && facts.sent(way)));
    let only_refused = BOTH.iter().any(|&way| came(way) && !spoke(way) && spoke(way.reverse()));
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
    let refused = |way: Direction| tuple.facts.refused(way) && packets[way.reverse() as usize] == 0;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        decode::{Network, Phase},
        flow::{Carried, Ends, FlowOptions, Flows, Observed},
        packet::Timestamp,
    };

    const CLIENT: [u8; 4] = [192, 0, 2, 7];
    const SERVER: [u8; 4] = [192, 0, 2, 10];

    /// A packet: whether it goes to the server, what it does, octets that it carries.
    type Packet = (bool, Phase, &'static [u8]);

    fn told(
        protocol: TransportProtocol,
        server: [u8; 4],
        packets: &[Packet],
        refused: Option<bool>,
    ) -> State {
        let mut flows = Flows::new(FlowOptions { at_once: true, ..FlowOptions::default() });
        let ends = |asks| {
            let (network, ports) = if asks {
                (Network::V4(CLIENT, server), (50_000, 514))
            } else {
                (Network::V4(server, CLIENT), (514, 50_000))
            };
            Ends::between(network, protocol, Some(ports)).unwrap()
        };
        for &(asks, phase, octets) in packets {
            let carried = Carried { octets, wire: octets.len() as u32, sequence: 1 };
            let time = Some(Timestamp(1));
            flows.take(
                &ends(asks),
                Observed { time, octets: 60, phase, flags: None, to_group: false, carried },
            );
        }
        if let Some(asked) = refused {
            flows.refuse(&ends(asked));
        }
        let tuple = flows.five_tuples().next().unwrap();
        let server_is_low = tuple.key.low().0 == std::net::IpAddr::from(server);
        state(&tuple, if server_is_low { Side::Low } else { Side::High })
    }

    #[test]
    fn connections() {
        use Phase::{Abort, Accept, Close, None, Open};
        const ASKS: bool = true;
        const ANSWERS: bool = false;
        let cases: [(&str, &[Packet], State); 16] = [
            ("accepted", &[(ASKS, Open, b""), (ANSWERS, Accept, b"")], State::Established),
            (
                "scanned half open",
                &[(ASKS, Open, b""), (ANSWERS, Accept, b""), (ASKS, Abort, b"")],
                State::Established,
            ),
            ("refused", &[(ASKS, Open, b""), (ANSWERS, Abort, b"")], State::Refused),
            ("refused with data on the SYN", &[(ASKS, Open, b"x"), (ANSWERS, Abort, b"")], State::Refused),
            ("ACK scan", &[(ASKS, None, b""), (ANSWERS, Abort, b"")], State::Refused),
            ("FIN scan", &[(ASKS, Close, b""), (ANSWERS, Abort, b"")], State::Refused),
            ("data into the void", &[(ASKS, None, b"x"), (ANSWERS, Abort, b"")], State::Refused),
            ("no answer", &[(ASKS, Open, b""), (ASKS, Open, b"")], State::Asked),
            ("no answer to data on the SYN", &[(ASKS, Open, b"x")], State::Asked),
            ("FIN scan without answer", &[(ASKS, Close, b"")], State::Asked),
            ("ACK scan without answer", &[(ASKS, None, b"")], State::Asked),
            ("data both ways", &[(ASKS, None, b"x"), (ANSWERS, None, b"y")], State::Established),
            ("data one way, acknowledged", &[(ASKS, None, b""), (ANSWERS, None, b"y")], State::Established),
            ("acknowledgements alone", &[(ASKS, None, b""), (ANSWERS, None, b"")], State::Asked),
            ("one end captured, with data", &[(ANSWERS, None, b"y")], State::Established),
            (
                "one end captured, from its SYN on",
                &[(ASKS, Open, b""), (ASKS, None, b"")],
                State::Established,
            ),
        ];
        for (what, packets, state) in cases {
            assert_eq!(told(TransportProtocol::TCP, SERVER, packets, Option::None), state, "{what}");
        }
        let unreachable = told(TransportProtocol::TCP, SERVER, &[(ASKS, Open, b"")], Some(true));
        assert_eq!(unreachable, State::Refused);
    }

    #[test]
    fn datagrams() {
        let of = |packets: &[Packet], refused| told(TransportProtocol::UDP, SERVER, packets, refused);
        let (ask, answer): (Packet, Packet) = ((true, Phase::None, b"?"), (false, Phase::None, b"!"));
        assert_eq!(of(&[ask], None), State::Asked);
        assert_eq!(of(&[ask, answer], None), State::Answered);
        assert_eq!(of(&[ask], Some(true)), State::Refused);
        assert_eq!(of(&[ask, answer], Some(true)), State::Answered, "something else came back");
        assert_eq!(of(&[answer], Some(false)), State::Asked, "a late answer that the client refused");
        assert_eq!(of(&[ask; 9], None), State::Asked);
        assert_eq!(of(&[ask; 10], None), State::OneWay);
        // RFC 5424 section 6.5, example 2, cut.
        let log: Packet =
            (true, Phase::None, b"<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc 8710 - - x");
        assert_eq!(of(&[log], None), State::OneWay);
        let group = told(TransportProtocol::UDP, [224, 0, 0, 251], &[ask], None);
        assert_eq!(group, State::Group);
    }
}
