//! Charting: from a frame and what is known to its [`Record`].

use crate::{
    decode::{Headers, Network, TransportProtocol},
    dns::inventory::Packet,
    flow::{
        fragment::DatagramKey,
        key::{Address, Direction, FlowKey, V4, V6},
    },
    frame::{Frame, Timestamp},
    knowledge::Knowledge,
    names::Names,
    record::{Record, Service},
};

/// Turns frames into records; needs no state of its own.
#[derive(Clone, Copy, Debug)]
pub struct Charter<'k> {
    knowledge: &'k Knowledge,
    names: &'k Names,
    file: u32,
}

/// The five-tuple of a packet over either family.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Flow {
    V4(FlowKey<V4>, Direction),
    V6(FlowKey<V6>, Direction),
}

impl<'k> Charter<'k> {
    /// A charter that knows this, for the first input.
    pub fn new(knowledge: &'k Knowledge, names: &'k Names) -> Self {
        Self { knowledge, names, file: 0 }
    }

    /// The same for another input, by the number it was learned with.
    pub fn of_file(&self, file: u32) -> Self {
        Self { file, ..*self }
    }

    /// The record of a frame whose headers were decoded.
    pub fn chart<'a>(
        &self,
        file: Option<&'a str>,
        (frame, raw): (Frame<'a>, &'a [u8]),
        headers: &'a Headers,
        previous: Option<Timestamp>,
    ) -> Record<'a>
    where
        'k: 'a,
    {
        let packet = Packet { file: self.file, number: frame.number };
        let fragment = headers.fragment.map(|_| packet);
        let flow = flow_of(self.knowledge, headers, frame.time);
        let index = flow.and_then(|flow| self.find(flow));
        let service = flow.zip(index).and_then(|(flow, index)| self.service(flow, index));
        let label = match service {
            Some(service) => service.label,
            None => self.names.kind(headers.kind).unwrap_or_else(|| self.names.none()),
        };
        Record {
            file,
            frame,
            raw,
            previous,
            began: self.knowledge.span().first(),
            headers,
            service,
            label,
            about: self.about(headers),
            whole: fragment.and_then(|packet| self.knowledge.whole(packet)),
            overlaps: fragment.is_some_and(|packet| self.knowledge.overlaps(packet)),
            community_id: flow.and_then(|flow| self.names.community_id(flow, index, headers.icmp)),
        }
    }

    /// The number of a five-tuple that is held.
    fn find(&self, flow: Flow) -> Option<u32> {
        match flow {
            Flow::V4(key, _) => self.knowledge.v4.find(&key),
            Flow::V6(key, _) => self.knowledge.v6.find(&key),
        }
    }

    fn service<'a>(&self, flow: Flow, index: u32) -> Option<Service<'a>>
    where
        'k: 'a,
    {
        let (known, direction) = match flow {
            Flow::V4(_, direction) => (self.names.v4(index)?, direction),
            Flow::V6(_, direction) => (self.names.v6(index)?, direction),
        };
        Some(Service { label: self.names.labels().label(known.label), known, direction })
    }

    fn about<'a>(&self, headers: &Headers) -> Option<Service<'a>>
    where
        'k: 'a,
    {
        let flow = quoted_flow(headers)?;
        self.service(flow, self.find(flow)?)
    }
}

/// The five-tuple of a packet; later fragments have that of the first one, where it is known.
pub(crate) fn flow_of(knowledge: &Knowledge, headers: &Headers, time: Option<Timestamp>) -> Option<Flow> {
    let mut ports = headers.ports;
    if let Some(fragment) = headers.fragment
        && ports.is_none()
        && fragment.offset > 0
        && headers.protocol.has_ports()
    {
        let (source, destination) = match headers.network {
            Network::V4(source, destination) => (source.into(), destination.into()),
            Network::V6(source, destination) => (source.into(), destination.into()),
            Network::None => return None,
        };
        let key = DatagramKey { source, destination, protocol: headers.protocol, id: fragment.id };
        ports = knowledge.fragments.ports(&key, time.map(|time| time.0));
    }
    flow_between(headers.network, headers.protocol, ports)
}

/// The five-tuple that an ICMP error complains about.
pub(crate) fn quoted_flow(headers: &Headers) -> Option<Flow> {
    let quoted = headers.quoted?;
    flow_between(quoted.network, quoted.protocol, quoted.ports)
}

fn flow_between(network: Network, protocol: TransportProtocol, ports: Option<(u16, u16)>) -> Option<Flow> {
    fn key<A: Address>(
        (source, destination): (A, A),
        protocol: TransportProtocol,
        ports: Option<(u16, u16)>,
    ) -> (FlowKey<A>, Direction) {
        let (from, to) = ports.unwrap_or_default();
        FlowKey::new((source, from), (destination, to), protocol, ports.is_some())
    }
    match network {
        Network::V4(source, destination) => {
            let (key, direction) = key((V4::from(source), V4::from(destination)), protocol, ports);
            Some(Flow::V4(key, direction))
        }
        Network::V6(source, destination) => {
            let (key, direction) = key((V6::from(source), V6::from(destination)), protocol, ports);
            Some(Flow::V6(key, direction))
        }
        Network::None => None,
    }
}
