//! Charting: from a frame and what is known to its [`Record`].

use crate::{
    decode::Headers,
    flow::Ends,
    knowledge::{Answers, Knowledge, flow_of, quoted_flow},
    packet::{Frame, PacketId, Timestamp},
    record::{Record, Service},
};

/// Turns frames into records; needs no state of its own.
#[derive(Clone, Copy, Debug)]
pub struct Charter<'k> {
    knowledge: &'k Knowledge,
    names: &'k Answers,
    file: u32,
}

impl<'k> Charter<'k> {
    /// A charter that knows this, for the first input.
    pub fn new(knowledge: &'k Knowledge, names: &'k Answers) -> Self {
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
        let packet = PacketId { file: self.file, number: frame.number };
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
    fn find(&self, flow: Ends) -> Option<u32> {
        match flow {
            Ends::V4(key, _) => self.knowledge.v4.find(&key),
            Ends::V6(key, _) => self.knowledge.v6.find(&key),
        }
    }

    fn service<'a>(&self, flow: Ends, index: u32) -> Option<Service<'a>>
    where
        'k: 'a,
    {
        let (known, direction) = match flow {
            Ends::V4(_, direction) => (self.names.v4(index)?, direction),
            Ends::V6(_, direction) => (self.names.v6(index)?, direction),
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
