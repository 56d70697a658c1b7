//! Which side of a flow serves, what the service is called, and how we know.
//!
//! One pure function, [`answer`], asks every [`Rule`] in order (`rules`); the first that speaks decides. What it is told
//! of the flow is a [`FiveTuple`], what it is told of the rest of the capture and of the registry a [`Context`]. The
//! texts of the answers are [`label`]s.

pub mod label;
mod rules;
mod speech;
mod state;

use std::net::IpAddr;

use crate::{
    announce::{Announced, Announcement},
    dns::{Advertised, Advertisement},
    flow::{Direction, FiveTuple, Flows, Key, Peers},
    packet::Timestamp,
    processes::Listeners,
    registry::{Registration, Registry, UserEntry},
};
use rules::{Case, RULES, advertised_name, announced_name, registered_name, user_name};
pub(crate) use speech::Memo;
pub use speech::Speech;
use speech::{Called, contradicts, is_other};
pub use state::State;
use state::goes_to_group;
pub(crate) use state::group;

/// The side of a flow that serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The endpoint that is lower in the flow's key.
    Low,
    /// The endpoint that is higher in the flow's key.
    High,
    /// Both: peers that use the same port.
    Both,
    /// Unknown.
    Neither,
}

impl Side {
    /// The way that leads to it, if it is one.
    const fn way(self) -> Option<Direction> {
        match self {
            Self::Low => Some(Direction::Down),
            Self::High => Some(Direction::Up),
            Self::Both | Self::Neither => None,
        }
    }
}

/// How a name is known, strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub enum Evidence {
    /// A user layer says so.
    User,
    /// A DNS SRV record, or another protocol's message, names this address, transport and port.
    Advertised,
    /// The first octets of the flow are those of this service's protocol.
    Payload,
    /// The IANA registry assigns the port to it; nothing confirms it.
    Registered,
    /// There is no name, or the side is unknown.
    None,
}

impl Evidence {
    /// Every value, strongest first.
    pub const ALL: [Self; 5] = [Self::User, Self::Advertised, Self::Payload, Self::Registered, Self::None];

    /// The word of the output fields.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Advertised => "advertised",
            Self::Payload => "payload",
            Self::Registered => "registered",
            Self::None => "none",
        }
    }
}

/// The rule that told which side serves, in the order they are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rule {
    /// A user layer names one endpoint.
    User,
    /// An SRV record names one endpoint.
    Advertised,
    /// The socket of one endpoint listens on this host; live runs alone can tell.
    Listening,
    /// A TCP SYN or SYN and ACK, SCTP INIT or INIT ACK, DCCP Request or Response was seen.
    Handshake,
    /// The octets of one direction are a client's, or a server's.
    Payload,
    /// Another protocol's message names one endpoint.
    Announced,
    /// Both ports are equal and registered.
    Symmetric,
    /// The destination is a multicast or broadcast address.
    Multicast,
    /// Its first datagram answers a question to a group, or to a TFTP server.
    GroupAnswer,
    /// One endpoint proved in other flows that it serves, the other did not.
    Served,
    /// Three or more peers meet one endpoint, one meets the other; or all peers of a high port use one port.
    FanIn,
    /// One port is an assigned system port (RFC 6335 section 6), the other is above.
    SystemPort,
    /// One port is in the dynamic range (RFC 6335 section 6), the other is not.
    DynamicRange,
    /// One port is where common systems take ephemeral ports from and has no name; the other is below.
    EphemeralRange,
    /// Only one of the two ports has a name.
    Registered,
    /// The way of the first TCP data: it leads to the server.
    FirstData,
    /// The lower of two named ports: weak.
    LowerPort,
    /// No rule spoke.
    Unknown,
}

impl Rule {
    /// Every rule, in the order they are asked.
    pub const ALL: [Self; 18] = [
        Self::User,
        Self::Advertised,
        Self::Listening,
        Self::Handshake,
        Self::Payload,
        Self::Announced,
        Self::Symmetric,
        Self::Multicast,
        Self::GroupAnswer,
        Self::Served,
        Self::FanIn,
        Self::SystemPort,
        Self::DynamicRange,
        Self::EphemeralRange,
        Self::Registered,
        Self::FirstData,
        Self::LowerPort,
        Self::Unknown,
    ];

    /// The word of the output fields.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Advertised => "advertised",
            Self::Listening => "listening",
            Self::Handshake => "handshake",
            Self::Payload => "payload",
            Self::Announced => "announced",
            Self::Symmetric => "symmetric",
            Self::Multicast => "multicast",
            Self::GroupAnswer => "group-answer",
            Self::Served => "served",
            Self::FanIn => "fan-in",
            Self::SystemPort => "system-port",
            Self::DynamicRange => "dynamic-range",
            Self::EphemeralRange => "ephemeral-range",
            Self::Registered => "registered",
            Self::FirstData => "first-data",
            Self::LowerPort => "lower-port",
            Self::Unknown => "unknown",
        }
    }

    /// Whether it proves who serves, so that other flows of the endpoint may count on it. Such a rule must not ask for
    /// what other flows say.
    const fn proves(self) -> bool {
        matches!(
            self,
            Self::User
                | Self::Advertised
                | Self::Listening
                | Self::Handshake
                | Self::Payload
                | Self::Announced
        )
    }
}

/// What the rules may know beside the flow itself.
pub struct Context<'k> {
    /// The registry with the user's layers.
    pub registry: &'k Registry,
    /// Endpoints that DNS taught.
    pub advertised: &'k Advertised,
    /// Endpoints that messages of other protocols told of.
    pub announced: &'k Announced,
    /// The moment whose knowledge counts; `None` means all of the capture.
    pub at: Option<Timestamp>,
    /// The sockets of this host that listen, where they are looked at.
    pub listeners: Option<&'k Listeners>,
    /// All flows, for what others say of an endpoint; that is counted when a rule first asks.
    pub(crate) flows: &'k Flows,
    /// Threads that it may be counted on.
    pub(crate) threads: usize,
}

impl Context<'_> {
    /// What other flows say of every endpoint.
    pub(crate) fn peers(&self) -> &Peers {
        self.flows.peers(self.threads, |tuple| proven(tuple, self))
    }
}

/// What a service is called, and who says so.
#[derive(Clone, Copy, Debug)]
pub enum Name<'k> {
    /// An entry of a user layer.
    User(UserEntry<'k>),
    /// An SRV record.
    Advertised(Advertisement<'k>),
    /// A message of another protocol.
    Announced(&'k Announcement),
    /// What the first octets speak.
    Payload {
        /// The service.
        service: &'static str,
        /// Whether IANA has that name.
        is_registered: bool,
    },
    /// A row of the registry for the port, whose service rides on what the first octets speak.
    Confirmed(Registration<'k>),
    /// The registry's first row for the port.
    Registered(Registration<'k>),
}

impl Name<'_> {
    /// How the name is known.
    pub const fn evidence(&self) -> Evidence {
        match self {
            Self::User(_) => Evidence::User,
            Self::Advertised(_) | Self::Announced(_) => Evidence::Advertised,
            Self::Payload { .. } | Self::Confirmed(_) => Evidence::Payload,
            Self::Registered(_) => Evidence::Registered,
        }
    }

    /// The name itself.
    pub fn text(&self) -> &str {
        match self {
            Self::User(entry) => entry.registration.name(),
            Self::Advertised(record) => record.name,
            Self::Announced(message) => message.name,
            Self::Payload { service, .. } => service,
            Self::Confirmed(row) | Self::Registered(row) => row.name(),
        }
    }
}

/// The answer to "which service is this flow".
#[derive(Clone, Copy, Debug)]
pub struct Answer<'k> {
    /// Which side serves.
    pub side: Side,
    /// The rule that said so.
    pub rule: Rule,
    /// What the service is called, where it has a name.
    pub name: Option<Name<'k>>,
    /// What is spoken, where the first octets tell.
    pub speech: Option<Speech>,
    /// Whose name the first octets contradict, if they do: the user's, an advertised or a registered one.
    pub mismatch: Option<Evidence>,
    /// How far the flow came.
    pub state: State,
}

impl Answer<'_> {
    /// How the name is known; [`Evidence::None`] where there is none.
    pub fn evidence(&self) -> Evidence {
        self.name.as_ref().map_or(Evidence::None, Name::evidence)
    }
}

/// Which side of the flow serves, and what the service is called.
pub fn answer<'k>(tuple: &FiveTuple<'_>, context: &Context<'k>) -> Answer<'k> {
    answer_by(tuple, context, &mut Memo::default())
}

/// The same for many flows, with the same memo.
pub(crate) fn answer_by<'k>(tuple: &FiveTuple<'_>, context: &Context<'k>, memo: &mut Memo<'k>) -> Answer<'k> {
    let case = Case::of(tuple);
    let spoke = RULES.into_iter().find_map(|(rule, ask)| Some((rule, ask(&case, context)?)));
    let (rule, side) = spoke.unwrap_or((Rule::Unknown, Side::Neither));
    let (name, mismatch) = name(&case, side, context, memo);
    let ports = tuple.key.ports().unwrap_or_default();
    Answer {
        side,
        rule,
        name,
        speech: tuple.shown.and_then(|shown| Speech::of(&shown.verdict, ports)),
        mismatch,
        state: state::state(tuple, side),
    }
}

/// The way to the server, where a five-tuple itself proves it, whatever others say.
pub(crate) fn proven(tuple: &FiveTuple<'_>, context: &Context<'_>) -> Option<Direction> {
    let case = Case::of(tuple);
    let mut proofs = RULES.iter().filter(|(rule, _)| rule.proves());
    proofs.find_map(|(_, ask)| ask(&case, context)).and_then(Side::way)
}

/// The side whose socket listens on this host, if it is one.
pub(crate) fn listens(tuple: &FiveTuple<'_>, context: &Context<'_>) -> Option<Side> {
    rules::listening(&Case::of(tuple), context)
}

/// What each rule says of the flow, asked or not; the first that names a side decides.
pub fn hearing<'t>(
    tuple: &'t FiveTuple<'t>,
    context: &'t Context<'_>,
) -> impl Iterator<Item = (Rule, Option<Side>)> + 't {
    let case = Case::of(tuple);
    RULES.into_iter().map(move |(rule, ask)| (rule, ask(&case, context)))
}

/// What each source of names calls a side: a user layer, an SRV record, the first octets, another protocol's message, the
/// registry.
pub(crate) fn names<'k>(
    tuple: &FiveTuple<'_>,
    side: Side,
    context: &Context<'k>,
) -> impl Iterator<Item = Name<'k>> {
    let case = Case::of(tuple);
    let port = (side != Side::Neither).then(|| case.port(side));
    let heard = case.shown.and_then(|shown| Memo::default().name(case.protocol, port, shown, context));
    let [user, record, message, row] =
        [user_name, advertised_name, announced_name, registered_name].map(|told| told(&case, side, context));
    [user, record, heard.map(|called| called.name), message, row].into_iter().flatten()
}

/// Address and port of the side that serves; the lower endpoint where both do.
pub fn serving(key: &Key, side: Side) -> Option<(IpAddr, u16)> {
    match side {
        Side::Low | Side::Both => Some(key.low()),
        Side::High => Some(key.high()),
        Side::Neither => None,
    }
}

/// The strongest name of a side, and whose name the octets contradict; of two sides that serve, the lower one's where
/// both have such a name.
fn name<'k>(
    case: &Case<'_>,
    side: Side,
    context: &Context<'k>,
    memo: &mut Memo<'k>,
) -> (Option<Name<'k>>, Option<Evidence>) {
    let sides: &[Side] = match side {
        Side::Both => &[Side::Low, Side::High],
        Side::Neither => &[],
        _ => &[side],
    };
    let any = |told: fn(&Case<'_>, Side, &Context<'k>) -> Option<Name<'k>>| {
        sides.iter().find_map(|&side| told(case, side, context))
    };
    let verdict = case.shown.map(|shown| &shown.verdict);
    if let Some(name) = any(user_name).or_else(|| any(advertised_name)) {
        let (text, description) = match &name {
            Name::User(entry) => (entry.registration.name(), entry.registration.description()),
            Name::Advertised(advertisement) => (advertisement.name, ""),
            _ => ("", ""),
        };
        let protocol = if let Name::User(entry) = &name { entry.protocol } else { None };
        let is_mismatch = verdict.is_some_and(|verdict| match protocol {
            Some(protocol) => is_other(verdict, protocol),
            None => contradicts(verdict, text, description),
        });
        return (Some(name), is_mismatch.then_some(name.evidence()));
    }
    if let Some(shown) = case.shown {
        let mut called = |port| memo.name(case.protocol, port, shown, context);
        let found = match sides {
            [] => called(None),
            sides => sides.iter().find_map(|&side| called(Some(case.port(side)))),
        };
        // What is only weakly confirmed says less than what a message tells.
        let is_weak = verdict.is_some_and(|verdict| verdict.spoken.is_none());
        let told = is_weak && any(announced_name).is_some();
        if let Some(Called { name, is_mismatch }) = found.filter(|_| !told) {
            return (Some(name), is_mismatch.then_some(Evidence::Registered));
        }
    }
    (any(announced_name).or_else(|| any(registered_name)), None)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        decode::{Network, Phase},
        flow::{Carried, Ends, FlowOptions, Observed},
        packet::TransportProtocol,
        processes::Processes,
    };

    const CLIENT: [u8; 4] = [192, 0, 2, 7];
    const SERVER: [u8; 4] = [192, 0, 2, 10];

    /// A capture of a few packets: source, destination, protocol, phase, time in seconds.
    struct World {
        flows: Flows,
        registry: Registry,
        advertised: Advertised,
        announced: Announced,
        listeners: Option<Arc<Listeners>>,
    }

    impl World {
        fn new() -> Self {
            let flows = Flows::new(FlowOptions::default());
            Self {
                flows,
                registry: Registry::built_in(),
                advertised: Advertised::new(),
                announced: Announced::new(),
                listeners: None,
            }
        }

        fn packet(
            mut self,
            source: ([u8; 4], u16),
            destination: ([u8; 4], u16),
            protocol: TransportProtocol,
            phase: Phase,
            second: u64,
        ) -> Self {
            let network = Network::V4(source.0, destination.0);
            let time = Some(Timestamp(second * Timestamp::SECOND));
            // The bit of the link layer proves nothing: loopback addresses may have it, too.
            let seen = Observed {
                time,
                octets: 60,
                phase,
                flags: None,
                to_group: true,
                carried: Carried::default(),
            };
            self.flows
                .take(&Ends::between(network, protocol, Some((source.1, destination.1))).unwrap(), seen);
            self
        }

        fn context(&self) -> Context<'_> {
            Context {
                registry: &self.registry,
                advertised: &self.advertised,
                announced: &self.announced,
                at: None,
                listeners: self.listeners.as_deref(),
                flows: &self.flows,
                threads: 1,
            }
        }

        /// The rule, the serving port (both: 0) and the evidence of the last five-tuple.
        fn answer(&self) -> (Rule, Option<u16>, Evidence) {
            let context = self.context();
            let tuple = self.flows.five_tuples().last().unwrap();
            let answer = answer(&tuple, &context);
            let heard = hearing(&tuple, &context).find(|(_, side)| side.is_some());
            assert_eq!(heard.map_or(Rule::Unknown, |(rule, _)| rule), answer.rule);
            let port = serving(&tuple.key, answer.side).map(|(_, port)| port);
            (answer.rule, port.filter(|_| answer.side != Side::Both), answer.evidence())
        }
    }

    fn tcp(source: u16, destination: u16, phase: Phase) -> (Rule, Option<u16>, Evidence) {
        let ends = ((CLIENT, source), (SERVER, destination));
        World::new().packet(ends.0, ends.1, TransportProtocol::TCP, phase, 0).answer()
    }

    fn udp(source: u16, destination: ([u8; 4], u16), second: u64) -> (Rule, Option<u16>, Evidence) {
        World::new()
            .packet((CLIENT, source), destination, TransportProtocol::UDP, Phase::None, second)
            .answer()
    }

    #[test]
    fn a_handshake_outranks_every_port() {
        use Evidence::{None, Registered};
        // 443 connects to 50512 here, against all appearance.
        assert_eq!(tcp(443, 50512, Phase::Open), (Rule::Handshake, Some(50512), None));
        assert_eq!(tcp(443, 50512, Phase::Accept), (Rule::Handshake, Some(443), Registered));
        assert_eq!(tcp(50512, 2222, Phase::Open), (Rule::Handshake, Some(2222), Registered));
    }

    /// Two sockets of this host, which is the client of that handshake, listen: at 443 and 8080.
    #[test]
    fn who_listens_serves_whatever_the_handshake_says() {
        let tcp = TransportProtocol::TCP;
        let listeners = || {
            let sockets = [443, 8080].map(|port| (tcp, (CLIENT.into(), port), None, ("server", 1)));
            Some(Processes::met(0, [CLIENT.into()], &sockets).listeners())
        };
        let told = |source, destination, phase| {
            let world = World { listeners: listeners(), ..World::new() };
            world.packet(source, destination, tcp, phase, 0).answer()
        };
        use Evidence::Registered;
        let (own, other) = ((CLIENT, 443), (SERVER, 50512));
        assert_eq!(told(own, other, Phase::Open), (Rule::Listening, Some(443), Registered));
        assert_eq!(told(other, own, Phase::None), (Rule::Listening, Some(443), Registered));
        // No socket of ours listens there, nor of hosts that are not looked at; where both do, it tells nothing.
        assert_eq!(told((CLIENT, 444), other, Phase::Open).0, Rule::Handshake);
        assert_eq!(told((SERVER, 443), (CLIENT, 50512), Phase::Open).0, Rule::Handshake);
        assert_eq!(told((CLIENT, 443), (CLIENT, 8080), Phase::Open).0, Rule::Handshake);
        let world = World { listeners: listeners(), ..World::new() };
        let udp = world.packet(own, other, TransportProtocol::UDP, Phase::None, 0);
        assert_eq!(udp.answer().0, Rule::SystemPort);
    }

    #[test]
    fn equal_registered_ports_serve_each_other() {
        assert_eq!(udp(123, (SERVER, 123), 0), (Rule::Symmetric, None, Evidence::Registered));
        // 9 registered peers exist for 179/tcp (BGP): a handshake still tells who asked.
        assert_eq!(tcp(179, 179, Phase::Open), (Rule::Handshake, Some(179), Evidence::Registered));
        // 5 is registered for rje, 4 is unassigned.
        assert_eq!(tcp(4, 4, Phase::None).0, Rule::Unknown);
    }

    #[test]
    fn groups_are_served() {
        let group = [239, 255, 255, 250];
        assert_eq!(udp(1900, (group, 39_999), 0), (Rule::Multicast, Some(39_999), Evidence::None));
        let all = [255, 255, 255, 255];
        assert_eq!(udp(68, (all, 67), 0), (Rule::Multicast, Some(67), Evidence::Registered));
    }

    #[test]
    fn three_peers_make_a_server() {
        let open = |peers: u8| {
            (1..=peers).fold(World::new(), |world, peer| {
                let client = ([192, 0, 2, 100 + peer], 8000 + u16::from(peer));
                world.packet(client, (SERVER, 60_000), TransportProtocol::TCP, Phase::None, 0)
            })
        };
        assert_eq!(open(3).answer(), (Rule::FanIn, Some(60_000), Evidence::None));
        // With two, the dynamic range speaks: 60000 is in it, 8002 is not.
        assert_eq!(open(2).answer(), (Rule::DynamicRange, Some(8002), Evidence::Registered));
    }

    /// Peers that all use one port are servers of one client, if its port looks like a client's.
    #[test]
    fn three_peers_with_one_port_serve_a_high_one() {
        let open = |peers: u8, theirs: u16, port: u16| {
            let world = (1..=peers).fold(World::new(), |world, peer| {
                let peer = ([192, 0, 2, 100 + peer], theirs);
                world.packet(peer, (CLIENT, port), TransportProtocol::UDP, Phase::None, 0)
            });
            let (rule, port, _) = world.answer();
            (rule, port)
        };
        assert_eq!(open(3, 53, 38_603), (Rule::FanIn, Some(53)));
        assert_eq!(open(4, 24_243, 50_000), (Rule::FanIn, Some(24_243)));
        // Two tell nothing.
        assert_eq!(open(2, 53, 38_603), (Rule::SystemPort, Some(53)));
        // Access servers ask a RADIUS server, its port has a name; sensors send to a collector of flows.
        assert_eq!(open(3, 1645, 1812), (Rule::FanIn, Some(1812)));
        assert_eq!(open(3, 50_000, 2055), (Rule::FanIn, Some(2055)));
    }

    #[test]
    fn who_served_others_serves() {
        let tcp = TransportProtocol::TCP;
        let one = || {
            let world = World::new().packet((CLIENT, 1024), (SERVER, 50_001), tcp, Phase::Open, 0);
            world.packet(([192, 0, 2, 8], 443), (SERVER, 50_001), tcp, Phase::None, 1)
        };
        assert_eq!(one().answer(), (Rule::Served, Some(50_001), Evidence::None));
        // Where both did, it tells nothing.
        let both = one().packet((CLIENT, 1025), ([192, 0, 2, 8], 443), tcp, Phase::Open, 2);
        let context = both.context();
        let asked = both.flows.five_tuples().nth(1).unwrap();
        assert_eq!(answer(&asked, &context).rule, Rule::SystemPort);
        // The same port over another transport is another endpoint.
        let udp = World::new().packet((CLIENT, 1024), (SERVER, 50_001), tcp, Phase::Open, 0);
        let udp = udp.packet(([192, 0, 2, 8], 443), (SERVER, 50_001), TransportProtocol::UDP, Phase::None, 1);
        assert_eq!(udp.answer().0, Rule::SystemPort);
    }

    #[test]
    fn who_answers_a_group_serves() {
        let udp = TransportProtocol::UDP;
        let asked = || {
            let group = ([239, 255, 255, 250], 1900);
            World::new().packet((CLIENT, 1901), group, udp, Phase::None, 10)
        };
        let answered = |second| asked().packet((SERVER, 50_000), (CLIENT, 1901), udp, Phase::None, second);
        assert_eq!(answered(10).answer(), (Rule::GroupAnswer, Some(50_000), Evidence::None));
        assert_eq!(answered(40).answer().0, Rule::GroupAnswer);
        // Before the question, after 30 s, to another socket, over another transport, by the socket that asked.
        assert_eq!(answered(9).answer().0, Rule::DynamicRange);
        assert_eq!(answered(41).answer().0, Rule::DynamicRange);
        let other = |to, protocol| asked().packet((SERVER, 50_000), to, protocol, Phase::None, 11).answer().0;
        assert_eq!(other((CLIENT, 1902), udp), Rule::DynamicRange);
        assert_eq!(other(([192, 0, 2, 8], 1901), udp), Rule::DynamicRange);
        assert_eq!(other((CLIENT, 1901), TransportProtocol::TCP), Rule::DynamicRange);
        let goes_on = asked().packet((CLIENT, 1901), (SERVER, 50_000), udp, Phase::None, 11);
        assert_eq!(goes_on.answer().0, Rule::DynamicRange);
    }

    #[test]
    fn of_two_that_asked_the_member_of_the_group_serves() {
        let (udp, group) = (TransportProtocol::UDP, ([224, 0, 0, 251], 5353));
        let asked = || {
            let world = World::new().packet((SERVER, 5353), group, udp, Phase::None, 0);
            world.packet((CLIENT, 3237), group, udp, Phase::None, 1)
        };
        let answer = asked().packet((SERVER, 5353), (CLIENT, 3237), udp, Phase::None, 2);
        assert_eq!(answer.answer(), (Rule::GroupAnswer, Some(5353), Evidence::Registered));
        let question = asked().packet((CLIENT, 3237), (SERVER, 5353), udp, Phase::None, 2);
        assert_eq!(question.answer().0, Rule::GroupAnswer);
        assert_eq!(question.answer().1, Some(5353));
    }

    /// RFC 1350 section 4: the server's port of a transfer is another one than that of the request.
    #[test]
    fn a_tftp_server_answers_from_elsewhere() {
        let udp = TransportProtocol::UDP;
        let world = World::new().packet((CLIENT, 2000), (SERVER, 69), udp, Phase::None, 0);
        let world = world.packet((SERVER, 50_000), (CLIENT, 2000), udp, Phase::None, 1);
        assert_eq!(world.answer(), (Rule::GroupAnswer, Some(50_000), Evidence::None));
        // What its port sends is no request.
        let world = World::new().packet((SERVER, 69), (CLIENT, 2000), udp, Phase::None, 0);
        let world = world.packet(([192, 0, 2, 8], 50_000), (CLIENT, 2000), udp, Phase::None, 1);
        assert_eq!(world.answer().0, Rule::DynamicRange);
    }

    #[test]
    fn ports_speak_in_order_of_what_they_prove() {
        use Evidence::{None, Registered};
        assert_eq!(tcp(8080, 443, Phase::None), (Rule::SystemPort, Some(443), Registered));
        // 225 is reserved, 4660 registered for mosmig; 60000 is dynamic.
        assert_eq!(tcp(4660, 225, Phase::None), (Rule::Registered, Some(4660), Registered));
        assert_eq!(tcp(60_000, 225, Phase::None), (Rule::DynamicRange, Some(225), None));
        assert_eq!(udp(9999, (SERVER, 8080), 6), (Rule::LowerPort, Some(8080), Registered));
        assert_eq!(tcp(49152, 40_007, Phase::None), (Rule::DynamicRange, Some(40_007), None));
        // 40001 has no name; 24242 is registered for filesphere, 24243 for nobody.
        assert_eq!(tcp(40_001, 24_243, Phase::None), (Rule::EphemeralRange, Some(24_243), None));
        assert_eq!(tcp(24_243, 24_242, Phase::None), (Rule::Registered, Some(24_242), Registered));
        assert_eq!(tcp(24_243, 24_244, Phase::None), (Rule::Unknown, Option::None, None));
    }

    /// RFC 8415 section 7.2 and RFC 2131 section 4.1: the lower port may be the client's, and who is met by many, too.
    #[test]
    fn ports_that_a_standard_gives_to_clients_do_not_serve() {
        let told = |client, server| {
            let udp = TransportProtocol::UDP;
            let mut world = World::new();
            for last in 10..14 {
                world = world.packet(([192, 0, 2, last], server), (CLIENT, client), udp, Phase::None, 0);
            }
            world.packet((SERVER, server), (CLIENT, client), udp, Phase::None, 1).answer()
        };
        assert_eq!(told(546, 547).1, Some(547));
        assert_eq!(told(68, 67).1, Some(67));
        // No pair: the one that many meet serves.
        assert_eq!(told(546, 548).1, Some(546));
        assert_eq!(tcp(546, 547, Phase::None), (Rule::LowerPort, Some(546), Evidence::Registered));
    }

    /// Who sent the first data asked, where ports say nothing: 24243 and 24244 are nobody's.
    #[test]
    fn the_first_data_of_a_connection_is_a_question() {
        let told = |protocol| {
            let mut world = World::new();
            for (ends, octets) in
                [((24_244, 24_243), &b""[..]), ((24_243, 24_244), b"?"), ((24_244, 24_243), b"!")]
            {
                let network =
                    if ends.0 == 24_243 { Network::V4(CLIENT, SERVER) } else { Network::V4(SERVER, CLIENT) };
                let carried = Carried { octets, wire: octets.len() as u32, sequence: 1 };
                let (time, phase) = (Some(Timestamp(0)), Phase::None);
                let seen = Observed { time, octets: 60, phase, flags: None, to_group: false, carried };
                world.flows.take(&Ends::between(network, protocol, Some(ends)).unwrap(), seen);
            }
            world.answer()
        };
        assert_eq!(told(TransportProtocol::TCP), (Rule::FirstData, Some(24_244), Evidence::None));
        assert_eq!(told(TransportProtocol::UDP), (Rule::Unknown, None, Evidence::None));
    }

    #[test]
    fn the_user_outranks_the_handshake() {
        let folder = std::env::temp_dir().join(format!("portolan-naming-{}", std::process::id()));
        std::fs::write(&folder, "192.0.2.7 50512/tcp payroll\n").unwrap();
        let mut registry = Registry::built_in();
        registry.add_layer(&folder).unwrap();
        std::fs::remove_file(&folder).unwrap();
        let world = World { registry, ..World::new() };
        let world = world.packet((CLIENT, 50512), (SERVER, 443), TransportProtocol::TCP, Phase::Open, 0);
        assert_eq!(world.answer(), (Rule::User, Some(50512), Evidence::User));
    }
}
