//! The rules, in the order they are asked.

use std::net::IpAddr;

use super::{Context, Name, Rule, Side, goes_to_group};
use crate::{
    announce::Control,
    dns::Moment,
    flow::{Direction, Ends, FiveTuple, Met, Shown},
    packet::{Timestamp, TransportProtocol},
    payload::Protocol,
};

/// What is known of the five-tuple in question.
pub(super) struct Case<'t> {
    tuple: &'t FiveTuple<'t>,
    low: (IpAddr, u16),
    high: (IpAddr, u16),
    pub(super) protocol: TransportProtocol,
    pub(super) shown: Option<&'t Shown>,
}

impl<'t> Case<'t> {
    pub(super) fn of(tuple: &'t FiveTuple<'t>) -> Self {
        let key = &tuple.key;
        Self { tuple, low: key.low(), high: key.high(), protocol: key.protocol(), shown: tuple.shown }
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
pub(super) const RULES: [(Rule, Ask); 17] = [
    (Rule::User, user),
    (Rule::Advertised, advertised),
    (Rule::Listening, listening),
    (Rule::Handshake, handshake),
    (Rule::Payload, payload),
    (Rule::Announced, announced),
    (Rule::Symmetric, symmetric),
    (Rule::Multicast, multicast),
    (Rule::GroupAnswer, group_answer),
    (Rule::Served, served),
    (Rule::FanIn, fan_in),
    (Rule::SystemPort, system_port),
    (Rule::DynamicRange, dynamic_range),
    (Rule::EphemeralRange, ephemeral_range),
    (Rule::Registered, registered),
    (Rule::FirstData, first_data),
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
    let began = case.tuple.first().map(Timestamp);
    let moment = context.at.map_or(Moment::Hindsight { began }, Moment::At);
    context.advertised.lookup(address, case.protocol, port, moment).map(Name::Advertised)
}

/// What a message of another protocol calls a side.
#[inline]
pub(super) fn announced_name<'k>(case: &Case<'_>, side: Side, context: &Context<'k>) -> Option<Name<'k>> {
    let (address, port) = case.end(side);
    if !context.announced.may_name(port) {
        return None;
    }
    let began = case.tuple.current.tally.first().map(Timestamp);
    let announcement = context.announced.lookup(address, case.protocol, port, began)?;
    let is_sure = announcement.is_on_own_port() || {
        let Control { protocol, low, high } = announcement.control;
        let control = Ends::between_ips((low.0, high.0), protocol, Some((low.1, high.1)))?;
        let tuple = context.flows.five_tuple(context.flows.find(&control.key)?)?;
        tuple.shown.and_then(|shown| shown.verdict.spoken) == Some(announcement.by.spoken())
    };
    is_sure.then_some(Name::Announced(announcement))
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

/// The side that this way leads to.
const fn toward(direction: Direction) -> Side {
    match direction {
        Direction::Up => Side::High,
        Direction::Down => Side::Low,
    }
}

/// The other of two sides.
const fn other(side: Side) -> Side {
    match side {
        Side::Low => Side::High,
        Side::High => Side::Low,
        Side::Both | Side::Neither => side,
    }
}

/// What other flows say of a side.
fn met(case: &Case<'_>, context: &Context<'_>) -> impl Fn(Side) -> Met + use<> {
    let [low, high] = context.peers().meeting(&case.tuple.key, context.flows.seed());
    move |side| if side == Side::High { high } else { low }
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

/// The socket of one endpoint listens on this host.
pub(super) fn listening(case: &Case<'_>, context: &Context<'_>) -> Option<Side> {
    let listeners = context.listeners?;
    let tally = &case.tuple.current.tally;
    only(|side| listeners.hears(case.protocol, case.end(side), (tally.first(), tally.last())))
}

/// TCP SYN without ACK goes to the server, SYN and ACK comes from it; SCTP INIT and INIT ACK, DCCP Request and
/// Response likewise.
fn handshake(case: &Case<'_>, _: &Context<'_>) -> Option<Side> {
    case.tuple.facts.handshake().map(toward)
}

/// The octets of one direction are a client's, or a server's. What is sent to a group tells nothing by that, but in DHCP.
fn payload(case: &Case<'_>, _: &Context<'_>) -> Option<Side> {
    let shown = case.shown?;
    let is_dhcp = shown.verdict.spoken == Some(Protocol::DHCP);
    shown.toward_server().filter(|_| is_dhcp || !goes_to_group(case.tuple)).map(toward)
}

/// Another protocol's message names one endpoint.
fn announced(case: &Case<'_>, context: &Context<'_>) -> Option<Side> {
    only(|side| announced_name(case, side, context).is_some())
}

/// Both ports are equal and registered. Of a TCP connection only one end was asked, whatever its ports.
fn symmetric(case: &Case<'_>, context: &Context<'_>) -> Option<Side> {
    (case.protocol != TransportProtocol::TCP
        && case.low.1 == case.high.1
        && has_name(case, Side::Low, context))
    .then_some(Side::Both)
}

/// The destination address is a multicast or broadcast address: its port.
fn multicast(case: &Case<'_>, _: &Context<'_>) -> Option<Side> {
    case.tuple.group_way().map(toward)
}

/// Its first datagram went to a socket that had asked a group or a TFTP server: its source. Where both had asked, the one
/// that belongs to the group.
fn group_answer(case: &Case<'_>, context: &Context<'_>) -> Option<Side> {
    context.flows.askers(context.threads).server(case.tuple, context.flows.seed()).map(toward)
}

/// One endpoint proved in other flows that it serves, the other did not.
fn served(case: &Case<'_>, context: &Context<'_>) -> Option<Side> {
    let met = met(case, context);
    only(|side| met(side).served)
}

/// One endpoint is met by three or more distinct peers, the other by one. Where all those peers use one port, it is theirs
/// that serves, if the endpoint's looks like a client's: above theirs, and ephemeral or without a name.
fn fan_in(case: &Case<'_>, context: &Context<'_>) -> Option<Side> {
    if not_the_client(case).is_some() {
        return None;
    }
    let met = met(case, context);
    let scattered = only(|side| {
        let Met { peers, ports_differ, .. } = met(side);
        let high = case.port(side) >= 32768 || !has_name(case, side, context);
        peers >= 3 && !ports_differ && high && case.port(side) > case.port(other(side))
    });
    let server =
        scattered.map(other).or_else(|| only(|side| met(side).peers >= 3 && met(other(side)).peers == 1))?;
    // Whoever was refused had asked: who asks many is met by many.
    let to_it = server.way()?;
    let answers = case.tuple.total().packets[to_it as usize];
    (!case.tuple.facts.refused(to_it.reverse()) || answers > 0).then_some(server)
}

/// One port is an assigned system port (RFC 6335 section 6), the other is above.
fn system_port(case: &Case<'_>, context: &Context<'_>) -> Option<Side> {
    only(|side| case.port(side) <= 1023).filter(|&side| has_name(case, side, context))
}

/// One port is in the dynamic range (RFC 6335 section 6) and the other is not: the other serves, with or without a name.
fn dynamic_range(case: &Case<'_>, _: &Context<'_>) -> Option<Side> {
    only(|side| case.port(side) < 49152)
}

/// One port is where common systems take ephemeral ports from and has no name, the other is below: the other serves.
fn ephemeral_range(case: &Case<'_>, context: &Context<'_>) -> Option<Side> {
    let client = only(|side| case.port(side) >= 32768 && !has_name(case, side, context))?;
    let server = other(client);
    (case.port(server) < 32768).then_some(server)
}

/// Only one of the two has a name.
fn registered(case: &Case<'_>, context: &Context<'_>) -> Option<Side> {
    only(|side| has_name(case, side, context))
}

/// Who sends the first data of a TCP connection asks for something, unless it looks like a server's greeting.
fn first_data(case: &Case<'_>, _: &Context<'_>) -> Option<Side> {
    let greeted = case.shown.and_then(Shown::leans);
    let first = greeted.or_else(|| case.tuple.facts.first_data());
    first.filter(|_| case.protocol == TransportProtocol::TCP).map(toward)
}

/// Ports that a standard gives to clients, each with its server's. A client of DHCPv6 hears on 546, servers and relays on 547
/// (RFC 8415 section 7.2); of DHCP on 68 and 67 (RFC 2131 section 4.1).
const CLIENTS: [(u16, u16); 2] = [(546, 547), (68, 67)];

/// The side that serves where a standard gives one port to clients and the other to their servers.
fn not_the_client(case: &Case<'_>) -> Option<Side> {
    let is_pair = |side| CLIENTS.contains(&(case.port(other(side)), case.port(side)));
    only(is_pair).filter(|_| case.protocol == TransportProtocol::UDP)
}

/// The lower of two named ports: weak, unless it is one that a standard gives to clients.
fn lower_port(case: &Case<'_>, context: &Context<'_>) -> Option<Side> {
    if let Some(server) = not_the_client(case) {
        return Some(server);
    }
    let both = has_name(case, Side::Low, context) && has_name(case, Side::High, context);
    let (low, high) = (case.low.1, case.high.1);
    (both && low != high).then_some(if low < high { Side::Low } else { Side::High })
}
