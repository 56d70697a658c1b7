//! Which side of a flow serves, what the service is called, and how we know.
//!
//! One pure function, [`answer`], asks every [`Rule`] in order; the first that speaks decides. What it is told
//! of the flow is a [`Case`], what it is told of the rest of the capture and of the registry a [`Context`].

pub mod label;

use std::{net::IpAddr, sync::OnceLock};

use crate::{
    dns::Advertised,
    flow::{
        key::{Address, Direction, FlowKey, Seed},
        peers::Peers,
        table::{Facts, FiveTuple},
    },
    packet::{Timestamp, TransportProtocol},
    registry::Registry,
};

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

/// How a name is known, strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Evidence {
    /// A user layer says so.
    User,
    /// A DNS SRV record seen in the capture names this address, transport and port.
    Advertised,
    /// The IANA registry assigns the port to it; nothing confirms it.
    Registered,
    /// There is no name, or the side is unknown.
    None,
}

impl Evidence {
    /// Every value, strongest first.
    pub const ALL: [Self; 4] = [Self::User, Self::Advertised, Self::Registered, Self::None];

    /// The word of the output fields.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Advertised => "advertised",
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
    /// A TCP SYN or SYN and ACK, SCTP INIT or INIT ACK, DCCP Request or Response was seen.
    Handshake,
    /// Both ports are equal and registered.
    Symmetric,
    /// The destination is a multicast or broadcast address.
    Multicast,
    /// Three or more peers meet one endpoint, one meets the other.
    Peers,
    /// One port is a system port (RFC 6335 section 6), the other is not.
    SystemPort,
    /// The first packet of a UDP flow that began during the capture.
    Opening,
    /// One port is in the dynamic range (RFC 6335 section 6), the other is not.
    DynamicRange,
    /// One port is where common systems take ephemeral ports from and has no name; the other is below.
    EphemeralRange,
    /// Only one of the two ports has a name.
    Registered,
    /// The lower of two named ports: weak.
    LowerPort,
    /// No rule spoke.
    Unknown,
}

impl Rule {
    /// The word of the output fields.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Advertised => "advertised",
            Self::Handshake => "handshake",
            Self::Symmetric => "symmetric",
            Self::Multicast => "multicast",
            Self::Peers => "fan-in",
            Self::SystemPort => "system-port",
            Self::Opening => "opening",
            Self::DynamicRange => "dynamic-range",
            Self::EphemeralRange => "ephemeral-range",
            Self::Registered => "registered",
            Self::LowerPort => "lower-port",
            Self::Unknown => "unknown",
        }
    }
}

/// What is known of one five-tuple.
#[derive(Clone, Copy, Debug)]
pub struct Case<A> {
    /// Its key.
    pub key: FlowKey<A>,
    /// What its packets told.
    pub facts: Facts,
    /// Time of its first packet.
    pub first: Option<u64>,
}

impl<A: Address> From<&FiveTuple<'_, A>> for Case<A> {
    fn from(tuple: &FiveTuple<'_, A>) -> Self {
        let first = tuple.segments().find_map(|segment| segment.tally.first());
        Self { key: tuple.key, facts: tuple.facts, first }
    }
}

/// What the rules may know beside the flow itself.
pub struct Context<'k> {
    /// The registry with the user's layers.
    pub registry: &'k Registry,
    /// Endpoints that DNS taught.
    pub advertised: &'k Advertised,
    /// When the capture began, in ns since the epoch.
    pub began: Option<u64>,
    /// The moment whose knowledge counts; `None` means all of the capture.
    pub at: Option<Timestamp>,
    /// Peers of every endpoint; worked out when a rule first asks.
    pub fan_in: &'k OnceLock<Peers>,
    /// Counts the peers where that was not done yet.
    pub count_peers: &'k (dyn Fn() -> Peers + Sync),
    /// The secret that endpoints are hashed with.
    pub seed: Seed,
}

/// The answer to "which service is this flow".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Which side serves.
    pub side: Side,
    /// The rule that said so.
    pub rule: Rule,
    /// How the name of its port is known.
    pub evidence: Evidence,
}

/// A rule: names the side that serves, or stays silent.
type Ask<A> = fn(&Case<A>, &Context<'_>) -> Option<Side>;

/// The rules in the order they are asked.
fn rules<A: Address>() -> [(Rule, Ask<A>); 12] {
    [
        (Rule::User, user),
        (Rule::Advertised, advertised),
        (Rule::Handshake, handshake),
        (Rule::Symmetric, symmetric),
        (Rule::Multicast, multicast),
        (Rule::Peers, fan_in),
        (Rule::SystemPort, system_port),
        (Rule::Opening, opening),
        (Rule::DynamicRange, dynamic_range),
        (Rule::EphemeralRange, ephemeral_range),
        (Rule::Registered, registered),
        (Rule::LowerPort, lower_port),
    ]
}

/// Which side of the flow serves and how its name is known.
pub fn answer<A: Address>(case: &Case<A>, context: &Context<'_>) -> Answer {
    for (rule, ask) in rules() {
        if let Some(server) = ask(case, context) {
            return Answer { side: server, rule, evidence: evidence(case, server, context) };
        }
    }
    Answer { side: Side::Neither, rule: Rule::Unknown, evidence: Evidence::None }
}

/// What each rule says of the flow, asked or not; the first that names a side decides.
pub fn hearing<A: Address>(
    case: &Case<A>,
    context: &Context<'_>,
) -> impl Iterator<Item = (Rule, Option<Side>)> {
    rules().into_iter().map(|(rule, ask)| (rule, ask(case, context)))
}

/// Address and port of the side that serves; the lower endpoint where both do.
pub fn serving<A: Address>(key: &FlowKey<A>, server: Side) -> Option<(IpAddr, u16)> {
    match server {
        Side::Low | Side::Both => Some((key.low.ip(), key.low_port)),
        Side::High => Some((key.high.ip(), key.high_port)),
        Side::Neither => None,
    }
}

fn evidence<A: Address>(case: &Case<A>, server: Side, context: &Context<'_>) -> Evidence {
    let sides: &[Side] = match server {
        Side::Both => &[Side::Low, Side::High],
        Side::Neither => &[],
        _ => &[server],
    };
    let any =
        |told: fn(&Case<A>, Side, &Context<'_>) -> bool| sides.iter().any(|&side| told(case, side, context));
    if any(user_names) {
        Evidence::User
    } else if any(advertises) {
        Evidence::Advertised
    } else if any(has_name) {
        Evidence::Registered
    } else {
        Evidence::None
    }
}

fn port<A>(case: &Case<A>, side: Side) -> u16 {
    if side == Side::High { case.key.high_port } else { case.key.low_port }
}

fn user_names<A: Address>(case: &Case<A>, side: Side, context: &Context<'_>) -> bool {
    context.registry.has_layers()
        && serving(&case.key, side)
            .is_some_and(|(address, port)| context.registry.user(address, case.key.protocol, port).is_some())
}

fn advertises<A: Address>(case: &Case<A>, side: Side, context: &Context<'_>) -> bool {
    !context.advertised.is_empty()
        && serving(&case.key, side).is_some_and(|(address, port)| {
            context.advertised.lookup(address, case.key.protocol, port, context.at).is_some()
        })
}

fn has_name<A: Address>(case: &Case<A>, side: Side, context: &Context<'_>) -> bool {
    context.registry.primary(case.key.protocol, port(case, side)).is_some()
}

/// The one side of which `holds` is true, if it is one.
fn only(holds: impl Fn(Side) -> bool) -> Option<Side> {
    match (holds(Side::Low), holds(Side::High)) {
        (true, false) => Some(Side::Low),
        (false, true) => Some(Side::High),
        _ => None,
    }
}

const fn toward(direction: Direction) -> Side {
    match direction {
        Direction::Up => Side::High,
        Direction::Down => Side::Low,
    }
}

fn user<A: Address>(case: &Case<A>, context: &Context<'_>) -> Option<Side> {
    only(|side| user_names(case, side, context))
}

fn advertised<A: Address>(case: &Case<A>, context: &Context<'_>) -> Option<Side> {
    only(|side| advertises(case, side, context))
}

fn handshake<A: Address>(case: &Case<A>, _: &Context<'_>) -> Option<Side> {
    case.facts.handshake().map(toward)
}

fn symmetric<A: Address>(case: &Case<A>, context: &Context<'_>) -> Option<Side> {
    (case.key.low_port == case.key.high_port && has_name(case, Side::Low, context)).then_some(Side::Both)
}

fn multicast<A: Address>(case: &Case<A>, _: &Context<'_>) -> Option<Side> {
    let to_group = |side| match side {
        Side::High => case.key.high.is_group() || case.facts.to_group(Direction::Up),
        _ => case.key.low.is_group() || case.facts.to_group(Direction::Down),
    };
    only(to_group)
}

fn fan_in<A: Address>(case: &Case<A>, context: &Context<'_>) -> Option<Side> {
    match context.fan_in.get_or_init(context.count_peers).peers(&case.key, context.seed) {
        [low, 1] if low >= 3 => Some(Side::Low),
        [1, high] if high >= 3 => Some(Side::High),
        _ => None,
    }
}

fn system_port<A: Address>(case: &Case<A>, _: &Context<'_>) -> Option<Side> {
    only(|side| port(case, side) <= 1023)
}

/// How long after the beginning of a capture a flow must begin for its first packet to be the first there was: 5 s, in ns.
const SETTLING: u64 = 5 * Timestamp::SECOND;

fn opening<A: Address>(case: &Case<A>, context: &Context<'_>) -> Option<Side> {
    let udp = matches!(case.key.protocol, TransportProtocol::UDP | TransportProtocol::UDP_LITE);
    let late = case.first?.saturating_sub(context.began?) > SETTLING;
    (udp && late).then(|| toward(case.facts.first()))
}

fn dynamic_range<A: Address>(case: &Case<A>, _: &Context<'_>) -> Option<Side> {
    only(|side| port(case, side) < 49152)
}

fn ephemeral_range<A: Address>(case: &Case<A>, context: &Context<'_>) -> Option<Side> {
    let client = only(|side| port(case, side) >= 32768 && !has_name(case, side, context))?;
    let server = if client == Side::Low { Side::High } else { Side::Low };
    (port(case, server) < 32768).then_some(server)
}

fn registered<A: Address>(case: &Case<A>, context: &Context<'_>) -> Option<Side> {
    only(|side| has_name(case, side, context))
}

fn lower_port<A: Address>(case: &Case<A>, context: &Context<'_>) -> Option<Side> {
    let both = has_name(case, Side::Low, context) && has_name(case, Side::High, context);
    let (low, high) = (case.key.low_port, case.key.high_port);
    (both && low != high).then_some(if low < high { Side::Low } else { Side::High })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        decode::Phase,
        flow::{
            key::V4,
            table::{FlowTable, Observation},
        },
    };

    const CLIENT: [u8; 4] = [192, 0, 2, 7];
    const SERVER: [u8; 4] = [192, 0, 2, 10];
    const SECOND: u64 = Timestamp::SECOND;

    /// A capture of a few packets: source, destination, protocol, phase, time in seconds.
    #[derive(Default)]
    struct World {
        table: Option<FlowTable<V4>>,
        registry: Option<Registry>,
        advertised: Advertised,
    }

    impl World {
        fn packet(
            mut self,
            source: ([u8; 4], u16),
            destination: ([u8; 4], u16),
            protocol: TransportProtocol,
            phase: Phase,
            second: u64,
        ) -> Self {
            let table = self.table.get_or_insert_with(|| FlowTable::new(Seed::random(), false, false));
            let ends = ((source.0.into(), source.1), (destination.0.into(), destination.1));
            let (key, direction) = FlowKey::new(ends.0, ends.1, protocol, true);
            let time = Some(second * SECOND);
            let packet = Observation { key, direction, time, octets: 60, phase, to_group: false };
            table.push(packet);
            table.flush(|_| {});
            self
        }

        /// The rule, the serving port (both: 0) and the evidence of the last five-tuple.
        fn answer(&self) -> (Rule, Option<u16>, Evidence) {
            let table = self.table.as_ref().unwrap();
            let built_in = Registry::built_in();
            let seed = Seed::random();
            let count_peers = || Peers::of(table, &FlowTable::new(seed, false, false), seed, 1);
            let context = Context {
                registry: self.registry.as_ref().unwrap_or(&built_in),
                advertised: &self.advertised,
                began: Some(0),
                at: None,
                fan_in: &OnceLock::new(),
                count_peers: &count_peers,
                seed,
            };
            let case = Case::from(&table.tuples().last().unwrap());
            let answer = answer(&case, &context);
            let heard = hearing(&case, &context).find(|(_, server)| server.is_some());
            assert_eq!(heard.map_or(Rule::Unknown, |(rule, _)| rule), answer.rule);
            let port = serving(&case.key, answer.side).map(|(_, port)| port);
            (answer.rule, port.filter(|_| answer.side != Side::Both), answer.evidence)
        }
    }

    fn tcp(source: u16, destination: u16, phase: Phase) -> (Rule, Option<u16>, Evidence) {
        let ends = ((CLIENT, source), (SERVER, destination));
        World::default().packet(ends.0, ends.1, TransportProtocol::TCP, phase, 0).answer()
    }

    fn udp(source: u16, destination: ([u8; 4], u16), second: u64) -> (Rule, Option<u16>, Evidence) {
        World::default()
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
            (1..=peers).fold(World::default(), |world, peer| {
                let client = ([192, 0, 2, 100 + peer], 8000 + u16::from(peer));
                world.packet(client, (SERVER, 60_000), TransportProtocol::TCP, Phase::None, 0)
            })
        };
        assert_eq!(open(3).answer(), (Rule::Peers, Some(60_000), Evidence::None));
        // With two, the dynamic range speaks: 60000 is in it, 8002 is not.
        assert_eq!(open(2).answer(), (Rule::DynamicRange, Some(8002), Evidence::Registered));
    }

    #[test]
    fn ports_speak_in_order_of_what_they_prove() {
        use Evidence::{None, Registered};
        assert_eq!(tcp(8080, 443, Phase::None), (Rule::SystemPort, Some(443), Registered));
        assert_eq!(udp(8080, (SERVER, 9999), 3), (Rule::LowerPort, Some(8080), Registered));
        assert_eq!(udp(8080, (SERVER, 9999), 6), (Rule::Opening, Some(9999), Registered));
        assert_eq!(tcp(49152, 40_007, Phase::None), (Rule::DynamicRange, Some(40_007), None));
        // 40001 has no name; 24242 is registered for filesphere, 24243 for nobody.
        assert_eq!(tcp(40_001, 24_243, Phase::None), (Rule::EphemeralRange, Some(24_243), None));
        assert_eq!(tcp(24_243, 24_242, Phase::None), (Rule::Registered, Some(24_242), Registered));
        assert_eq!(tcp(24_243, 24_244, Phase::None), (Rule::Unknown, Option::None, None));
    }

    #[test]
    fn the_user_outranks_the_handshake() {
        let folder = std::env::temp_dir().join(format!("portolan-naming-{}", std::process::id()));
        std::fs::write(&folder, "192.0.2.7 50512/tcp payroll\n").unwrap();
        let mut registry = Registry::built_in();
        registry.add_layer(&folder).unwrap();
        std::fs::remove_file(&folder).unwrap();
        let world = World { registry: Some(registry), ..World::default() };
        let world = world.packet((CLIENT, 50512), (SERVER, 443), TransportProtocol::TCP, Phase::Open, 0);
        assert_eq!(world.answer(), (Rule::User, Some(50512), Evidence::User));
    }
}
