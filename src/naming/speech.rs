//! What a flow's first octets do to its name.

use hashbrown::HashMap;

use super::{Context, Name};
use crate::{
    flow::Shown,
    packet::TransportProtocol,
    payload::{Layers, Protocol, Ride, Verdict, is_known_name},
};

/// What is spoken, as far as the octets tell surely.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Speech {
    /// The protocol.
    pub protocol: Protocol,
    /// The protocol that the client asked for, where the server answered in another one.
    pub asked: Option<Protocol>,
    /// Layers from the outermost, where more than one is known.
    pub layers: Layers,
}

impl Speech {
    /// What a verdict says of a flow between these ports.
    pub(super) fn of(verdict: &Verdict, ports: (u16, u16)) -> Option<Self> {
        let spoken = verdict.spoken?;
        let [low, high] = [ports.0, ports.1].map(|port| spoken.on_port(port));
        let protocol = if low == spoken { high } else { low };
        Some(Self { protocol, asked: verdict.asked, layers: verdict.layers })
    }
}

/// What a port's names come to where the octets say something.
#[derive(Clone, Copy, Debug)]
pub(super) struct Called<'k> {
    pub(super) name: Name<'k>,
    /// Whether the octets contradict what the port is registered for.
    pub(super) is_mismatch: bool,
}

/// What was worked out for ports and verdicts before; flows have few of them.
#[derive(Debug, Default)]
pub(crate) struct Memo<'k>(HashMap<(TransportProtocol, Option<u16>, Shown), Option<Called<'k>>>);

impl<'k> Memo<'k> {
    /// The name that the octets give to a port, or confirm; `port` is absent where no side is known to serve.
    pub(super) fn name(
        &mut self,
        protocol: TransportProtocol,
        port: Option<u16>,
        shown: &Shown,
        context: &Context<'k>,
    ) -> Option<Called<'k>> {
        let case = (protocol, port, *shown);
        *self.0.entry(case).or_insert_with(|| name(protocol, port, &shown.verdict, context))
    }
}

/// Ports above it are registered by companies for products of their own, of which a description proves little.
const LAST_SYSTEM_PORT: u16 = 1023;

fn name<'k>(
    protocol: TransportProtocol,
    port: Option<u16>,
    verdict: &Verdict,
    context: &Context<'k>,
) -> Option<Called<'k>> {
    let rows = || port.into_iter().flat_map(|port| context.registry.by_port(protocol, port));
    let riding = |ride| rows().find(|row| verdict.ride(row.name(), row.description()) == ride);
    let named = riding(Ride::Named);
    let described = riding(Ride::Described);
    let is_system = port.is_some_and(|port| port <= LAST_SYSTEM_PORT);
    match (named.or(described.filter(|_| is_system)), verdict.service()) {
        (Some(row), _) => Some(Called { name: Name::Confirmed(row), is_mismatch: false }),
        (None, Some(service)) => {
            let is_registered = verdict.is_registered() == Some(true);
            let is_mismatch = described.is_none() && rows().next().is_some();
            Some(Called { name: Name::Payload { service, is_registered }, is_mismatch })
        }
        (None, None) => None,
    }
}

/// Whether octets contradict a name that somebody gave: only one whose protocol is known can be contradicted.
pub(super) fn contradicts(verdict: &Verdict, name: &str, description: &str) -> bool {
    verdict.spoken.is_some() && is_known_name(name) && verdict.ride(name, description) == Ride::No
}
