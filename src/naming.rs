//! Which side of a flow serves, what the service is called, and how we know.
//!
//! One pure function, [`answer`], asks every [`Rule`] in order; the first that speaks decides. What it is told
//! of the flow is a [`Case`], what it is told of the rest of the capture and of the registry a [`Context`].

use std::{net::IpAddr, sync::OnceLock};

use hashbrown::HashMap;

use crate::{
    decode::TransportProtocol,
    dns::Advertised,
    flow::{
        key::{Address, Direction, FlowKey, Seed},
        table::{Facts, Tuple},
    },
    frame::Timestamp,
    registry::Registry,
};

/// The side of a flow that serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Server {
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
    pub const fn word(self) -> &'static str {
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
    FanIn,
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
    pub const fn word(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Advertised => "advertised",
            Self::Handshake => "handshake",
            Self::Symmetric => "symmetric",
            Self::Multicast => "multicast",
            Self::FanIn => "fan-in",
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

impl<A: Address> From<&Tuple<'_, A>> for Case<A> {
    fn from(tuple: &Tuple<'_, A>) -> Self {
        let first = tuple.segments().find_map(|segment| segment.tally.first());
        Self { key: tuple.key, facts: tuple.facts, first }
    }
}

/// How many peers meet each endpoint of a capture.
#[derive(Debug, Default)]
pub struct FanIn {
    peers: HashMap<u64, u8>,
}

impl FanIn {
    /// Counts a five-tuple; each is to be counted once.
    pub fn add<A: Address>(&mut self, key: &FlowKey<A>, seed: Seed) {
        for endpoint in endpoints(key, seed) {
            let peers = self.peers.entry(endpoint).or_default();
            *peers = peers.saturating_add(1);
        }
    }

    fn peers<A: Address>(&self, key: &FlowKey<A>, seed: Seed) -> [u8; 2] {
        endpoints(key, seed).map(|endpoint| self.peers.get(&endpoint).copied().unwrap_or(0))
    }
}

/// The two endpoints of a key as hashes: 64 bits under a secret seed stand for them.
fn endpoints<A: Address>(key: &FlowKey<A>, seed: Seed) -> [u64; 2] {
    [(key.low, key.low_port), (key.high, key.high_port)].map(|(address, port)| {
        let alone = FlowKey { low: address, low_port: port, protocol: key.protocol, ..FlowKey::default() };
        alone.hash(seed)
    })
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
    pub fan_in: &'k OnceLock<FanIn>,
    /// Counts the peers where that was not done yet.
    pub count_peers: &'k (dyn Fn() -> FanIn + Sync),
    /// The secret that endpoints are hashed with.
    pub seed: Seed,
}

/// The answer to "which service is this flow".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Which side serves.
    pub server: Server,
    /// The rule that said so.
    pub rule: Rule,
    /// How the name of its port is known.
    pub evidence: Evidence,
}

/// A rule: names the side that serves, or stays silent.
type Ask<A> = fn(&Case<A>, &Context<'_>) -> Option<Server>;

/// The rules in the order they are asked.
fn rules<A: Address>() -> [(Rule, Ask<A>); 12] {
    [
        (Rule::User, user),
        (Rule::Advertised, advertised),
        (Rule::Handshake, handshake),
        (Rule::Symmetric, symmetric),
        (Rule::Multicast, multicast),
        (Rule::FanIn, fan_in),
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
            return Answer { server, rule, evidence: evidence(case, server, context) };
        }
    }
    Answer { server: Server::Neither, rule: Rule::Unknown, evidence: Evidence::None }
}

/// What each rule says of the flow, asked or not; the first that names a side decides.
pub fn hearing<A: Address>(
    case: &Case<A>,
    context: &Context<'_>,
) -> impl Iterator<Item = (Rule, Option<Server>)> {
    rules().into_iter().map(|(rule, ask)| (rule, ask(case, context)))
}

/// Address and port of the side that serves; the lower endpoint where both do.
pub fn serving<A: Address>(key: &FlowKey<A>, server: Server) -> Option<(IpAddr, u16)> {
    match server {
        Server::Low | Server::Both => Some((key.low.ip(), key.low_port)),
        Server::High => Some((key.high.ip(), key.high_port)),
        Server::Neither => None,
    }
}

fn evidence<A: Address>(case: &Case<A>, server: Server, context: &Context<'_>) -> Evidence {
    let sides: &[Server] = match server {
        Server::Both => &[Server::Low, Server::High],
        Server::Neither => &[],
        _ => &[server],
    };
    let any = |told: fn(&Case<A>, Server, &Context<'_>) -> bool| {
        sides.iter().any(|&side| told(case, side, context))
    };
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

fn port<A>(case: &Case<A>, side: Server) -> u16 {
    if side == Server::High { case.key.high_port } else { case.key.low_port }
}

fn user_names<A: Address>(case: &Case<A>, side: Server, context: &Context<'_>) -> bool {
    context.registry.has_layers()
        && serving(&case.key, side)
            .is_some_and(|(address, port)| context.registry.user(address, case.key.protocol, port).is_some())
}

fn advertises<A: Address>(case: &Case<A>, side: Server, context: &Context<'_>) -> bool {
    !context.advertised.is_empty()
        && serving(&case.key, side).is_some_and(|(address, port)| {
            context.advertised.lookup(address, case.key.protocol, port, context.at).is_some()
        })
}

fn has_name<A: Address>(case: &Case<A>, side: Server, context: &Context<'_>) -> bool {
    context.registry.primary(case.key.protocol, port(case, side)).is_some()
}

/// The one side of which `holds` is true, if it is one.
fn only(holds: impl Fn(Server) -> bool) -> Option<Server> {
    match (holds(Server::Low), holds(Server::High)) {
        (true, false) => Some(Server::Low),
        (false, true) => Some(Server::High),
        _ => None,
    }
}

const fn toward(direction: Direction) -> Server {
    match direction {
        Direction::Up => Server::High,
        Direction::Down => Server::Low,
    }
}

fn user<A: Address>(case: &Case<A>, context: &Context<'_>) -> Option<Server> {
    only(|side| user_names(case, side, context))
}

fn advertised<A: Address>(case: &Case<A>, context: &Context<'_>) -> Option<Server> {
    only(|side| advertises(case, side, context))
}

fn handshake<A: Address>(case: &Case<A>, _: &Context<'_>) -> Option<Server> {
    case.facts.handshake().map(toward)
}

fn symmetric<A: Address>(case: &Case<A>, context: &Context<'_>) -> Option<Server> {
    (case.key.low_port == case.key.high_port && has_name(case, Server::Low, context)).then_some(Server::Both)
}

fn multicast<A: Address>(case: &Case<A>, _: &Context<'_>) -> Option<Server> {
    let to_group = |side| match side {
        Server::High => case.key.high.is_group() || case.facts.to_group(Direction::Up),
        _ => case.key.low.is_group() || case.facts.to_group(Direction::Down),
    };
    only(to_group)
}

fn fan_in<A: Address>(case: &Case<A>, context: &Context<'_>) -> Option<Server> {
    match context.fan_in.get_or_init(context.count_peers).peers(&case.key, context.seed) {
        [low, 1] if low >= 3 => Some(Server::Low),
        [1, high] if high >= 3 => Some(Server::High),
        _ => None,
    }
}

fn system_port<A: Address>(case: &Case<A>, _: &Context<'_>) -> Option<Server> {
    only(|side| port(case, side) <= 1023)
}

/// How long after the beginning of a capture a flow must begin for its first packet to be the first there was: 5 s, in ns.
const SETTLING: u64 = 5 * Timestamp::SECOND;

fn opening<A: Address>(case: &Case<A>, context: &Context<'_>) -> Option<Server> {
    let udp = matches!(case.key.protocol, TransportProtocol::UDP | TransportProtocol::UDP_LITE);
    let late = case.first?.saturating_sub(context.began?) > SETTLING;
    (udp && late).then(|| toward(case.facts.first()))
}

fn dynamic_range<A: Address>(case: &Case<A>, _: &Context<'_>) -> Option<Server> {
    only(|side| port(case, side) < 49152)
}

fn ephemeral_range<A: Address>(case: &Case<A>, context: &Context<'_>) -> Option<Server> {
    let client = only(|side| port(case, side) >= 32768 && !has_name(case, side, context))?;
    let server = if client == Server::Low { Server::High } else { Server::Low };
    (port(case, server) < 32768).then_some(server)
}

fn registered<A: Address>(case: &Case<A>, context: &Context<'_>) -> Option<Server> {
    only(|side| has_name(case, side, context))
}

fn lower_port<A: Address>(case: &Case<A>, context: &Context<'_>) -> Option<Server> {
    let both = has_name(case, Server::Low, context) && has_name(case, Server::High, context);
    let (low, high) = (case.key.low_port, case.key.high_port);
    (both && low != high).then_some(if low < high { Server::Low } else { Server::High })
}
