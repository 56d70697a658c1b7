//! The rules, in the order they are asked.

use std::net::IpAddr;

use super::{Context, Name, Rule, Side, goes_to_group};
use crate::{
    flow::{Direction, Facts, FiveTuple, Key, Shown},
    packet::{Timestamp, TransportProtocol},
    payload::Protocol,
};

/// What is known of the five-tuple in question.
pub(super) struct Case<'t> {
    key: &'t Key,
    low: (IpAddr, u16),
    high: (IpAddr, u16),
    pub(super) protocol: TransportProtocol,
    facts: Facts,
    first: Option<u64>,
    pub(super) shown: Option<&'t Shown>,
    to_group: bool,
}

impl<'t> Case<'t> {
    pub(super) fn of(tuple: &'t FiveTuple<'_>) -> Self {
        let FiveTuple { key, facts, shown, .. } = tuple;
        let (low, high, protocol) = (key.low(), key.high(), key.protocol());
        let to_group = goes_to_group(tuple);
        Self { key, low, high, protocol, facts: *facts, first: tuple.first(), shown: *shown, to_group }
    }

    /// Address and port of one side: the higher one for [`Side::High`], else the lower one.
    fn end(&self, side: Side) -> (IpAddr, u16) {
        if side == Side::High { self.high } else { self.low }
    }

    pub(super) fn port(&self, side: Side) -> u16 {
        self.end(side).1
    }
}

/// A rule: names the side that serves, or stays silent.
type Ask = fn(&Case<'_>, &Context<'_>) -> Option<Side>;

/// The rules in the order they are asked.
pub(super) const RULES: [(Rule, Ask); 13] = [
    (Rule::User, user),
    (Rule::Advertised, advertised),
    (Rule::Handshake, handshake),
    (Rule::Payload, payload),
    (Rule::Symmetric, symmetric),
    (Rule::Multicast, multicast),
    (Rule::FanIn, fan_in),
    (Rule::SystemPort, system_port),
    (Rule::Opening, opening),
    (Rule::DynamicRange, dynamic_range),
    (Rule::EphemeralRange, ephemeral_range),
    (Rule::Registered, registered),
    (Rule::LowerPort, lower_port),
];

/// What a user layer calls a side.
#[inline]
pub(super) fn user_name<'k>(case: &Case<'_>, side: Side, context: &Context<'k>) -> Option<Name<'k>> {
    if !context.registry.has_layers() {
        return None;
    }
    let (address, port) = case.end(side);
    context.registry.user(address, case.protocol, port).map(Name::User)
}

/// What an SRV record calls a side.
#[inline]
pub(super) fn advertised_name<'k>(case: &Case<'_>, side: Side, context: &Context<'k>) -> Option<Name<'k>> {
    let (address, port) = case.end(side);
    if !context.advertised.may_name(port) {
        return None;
    }
    context.advertised.lookup(address, case.protocol, port, context.at).map(Name::Advertised)
}

/// What the registry calls the port of a side.
pub(super) fn registered_name<'k>(case: &Case<'_>, side: Side, context: &Context<'k>) -> Option<Name<'k>> {
    context.registry.primary(case.protocol, case.port(side)).map(Name::Registered)
}

fn has_name(case: &Case<'_>, side: Side, context: &Context<'_>) -> bool {
    registered_name(case, side, context).is_some()
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

/// Whether an address names a group: multicast, or the IPv4 limited broadcast address.
pub(crate) const fn is_group(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_multicast() || v4.is_broadcast(),
        IpAddr::V6(v6) => v6.is_multicast(),
    }
}

/// A user layer names one endpoint.
fn user(case: &Case<'_>, context: &Context<'_>) -> Option<Side> {
    if !context.registry.has_layers() {
        return None;
    }
    only(|side| user_name(case, side, context).is_some())
}

/// An SRV record names one endpoint.
fn advertised(case: &Case<'_>, context: &Context<'_>) -> Option<Side> {
    only(|side| advertised_name(case, side, context).is_some())
}

/// TCP SYN without ACK goes to the server, SYN and ACK comes from it; SCTP INIT and INIT ACK, DCCP Request and
/// Response likewise.
fn handshake(case: &Case<'_>, _: &Context<'_>) -> Option<Side> {
    case.facts.handshake().map(toward)
}

/// The octets of one direction are a client's, or a server's. What is sent to a group tells nothing by that, but in DHCP.
fn payload(case: &Case<'_>, _: &Context<'_>) -> Option<Side> {
    let shown = case.shown?;
    let is_dhcp = shown.verdict.spoken == Some(Protocol::DHCP);
    shown.toward_server().filter(|_| is_dhcp || !case.to_group).map(toward)
}

/// Both ports are equal and registered.
fn symmetric(case: &Case<'_>, context: &Context<'_>) -> Option<Side> {
    (case.low.1 == case.high.1 && has_name(case, Side::Low, context)).then_some(Side::Both)
}

/// The destination is a multicast or broadcast address: its port.
fn multicast(case: &Case<'_>, _: &Context<'_>) -> Option<Side> {
    let to_group = |side| match side {
        Side::High => is_group(case.high.0) || case.facts.to_group(Direction::Up),
        _ => is_group(case.low.0) || case.facts.to_group(Direction::Down),
    };
    only(to_group)
}

/// One endpoint is met by three or more distinct peers, the other by one.
fn fan_in(case: &Case<'_>, context: &Context<'_>) -> Option<Side> {
    let flows = context.flows;
    match flows.peers(context.threads).meeting(case.key, flows.seed()) {
        [low, 1] if low >= 3 => Some(Side::Low),
        [1, high] if high >= 3 => Some(Side::High),
        _ => None,
    }
}

/// One port is a system port (RFC 6335 section 6), the other is above.
fn system_port(case: &Case<'_>, _: &Context<'_>) -> Option<Side> {
    only(|side| case.port(side) <= 1023)
}

/// How long after the beginning of a capture a flow must begin for its first packet to be the first there was: 5 s, in ns.
const SETTLING: u64 = 5 * Timestamp::SECOND;

/// A UDP flow that began during the capture: its first packet is a request.
fn opening(case: &Case<'_>, context: &Context<'_>) -> Option<Side> {
    let udp = matches!(case.protocol, TransportProtocol::UDP | TransportProtocol::UDP_LITE);
    let late = case.first?.saturating_sub(context.began?) > SETTLING;
    (udp && late).then(|| toward(case.facts.first()))
}

/// One port is in the dynamic range (RFC 6335 section 6) and the other is not: the other serves, with or without a name.
fn dynamic_range(case: &Case<'_>, _: &Context<'_>) -> Option<Side> {
    only(|side| case.port(side) < 49152)
}

/// One port is where common systems take ephemeral ports from and has no name, the other is below: the other serves.
fn ephemeral_range(case: &Case<'_>, context: &Context<'_>) -> Option<Side> {
    let client = only(|side| case.port(side) >= 32768 && !has_name(case, side, context))?;
    let server = if client == Side::Low { Side::High } else { Side::Low };
    (case.port(server) < 32768).then_some(server)
}

/// Only one of the two has a name.
fn registered(case: &Case<'_>, context: &Context<'_>) -> Option<Side> {
    only(|side| has_name(case, side, context))
}

/// The lower of two named ports: weak.
fn lower_port(case: &Case<'_>, context: &Context<'_>) -> Option<Side> {
    let both = has_name(case, Side::Low, context) && has_name(case, Side::High, context);
    let (low, high) = (case.low.1, case.high.1);
    (both && low != high).then_some(if low < high { Side::Low } else { Side::High })
}
