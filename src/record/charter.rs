//! Charting: from a frame and what is known to its [`Record`].

use crate::{
    decode::Headers,
    dns::Via,
    flow::Direction,
    knowledge::{Answers, Knowledge, Place},
    packet::{Frame, PacketId, Timestamp, TransportProtocol},
    places::Location,
    record::{Record, Service, process::HeldEnds},
};

/// Turns frames into records; needs no state of its own.
#[derive(Clone, Copy, Debug)]
pub struct Charter<'k> {
    knowledge: &'k Knowledge,
    answers: &'k Answers,
    file: u32,
}

impl<'k> Charter<'k> {
    /// A charter that knows this, for the first input.
    pub fn new(knowledge: &'k Knowledge, answers: &'k Answers) -> Self {
        Self { knowledge, answers, file: 0 }
    }

    /// The same for another input, by the number it was learned with.
    pub fn of_file(&self, file: u32) -> Self {
        Self { file, ..*self }
    }

    /// Where a packet belongs; see [`Knowledge::place`].
    #[inline]
    pub fn place(&self, headers: &Headers, time: Option<Timestamp>) -> Place {
        self.knowledge.place(headers, time)
    }

    /// Finds the flows of packets; see [`Knowledge::locate`].
    pub fn locate(&self, places: &mut [Place]) {
        self.knowledge.locate(places);
        self.answers.ask(places);
    }

    /// The record of a frame whose headers were decoded, and whose place is [located](Knowledge::locate); with the names of its
    /// input and of its interface, where they are told.
    #[inline]
    pub fn chart<'a>(
        &self,
        (file, interface_name): (Option<&'a str>, Option<&'a str>),
        (frame, raw): (Frame<'a>, &'a [u8]),
        headers: &'a Headers,
        place: &Place,
        previous: Option<Timestamp>,
    ) -> Record<'a>
    where
        'k: 'a,
    {
        let packet = PacketId { file: self.file, number: frame.number };
        let fragment = headers.fragment.map(|_| packet);
        let service = self.service(place);
        let label = match service {
            Some(service) => service.label,
            None => self.answers.kind(headers.kind).unwrap_or_else(|| self.answers.none()),
        };
        Record {
            file,
            frame,
            interface_name,
            raw,
            previous,
            began: self.knowledge.span().first(),
            headers,
            service,
            label,
            places: self.places(place),
            held: self.held(place),
            named: place.id.and_then(|id| self.answers.named(id)),
            tuple: place.id.map(|id| (self.knowledge.flows(), id)),
            about: headers.quoted.and_then(|_| self.about(headers)),
            whole: may_complete(headers).then(|| self.knowledge.whole_message(packet)).flatten(),
            overlaps: fragment.is_some_and(|packet| self.knowledge.overlaps(packet)),
            community_id: self.answers.community_id(place, headers.icmp),
        }
    }

    /// What the flow is that an ICMP error complains about.
    #[cold]
    fn about<'a>(&self, headers: &Headers) -> Option<Service<'a>>
    where
        'k: 'a,
    {
        let place = self.knowledge.quoted(headers);
        if place.id.is_some() {
            return self.service(&place);
        }
        let ends = place.ends?;
        let known = self.answers.quoted(&ends.key)?;
        Some(Service { label: self.answers.labels().label(known.label), known, direction: ends.direction })
    }

    /// Where source and destination are.
    #[inline]
    fn places<'a>(&self, place: &Place) -> [Option<&'a Location>; 2]
    where
        'k: 'a,
    {
        let (Some(id), Some(ends)) = (place.id, place.ends) else { return [None; 2] };
        let [low, high] = self.answers.places(id);
        if ends.direction == Direction::Up { [low, high] } else { [high, low] }
    }

    /// Who owns source and destination.
    #[inline]
    fn held<'a>(&self, place: &Place) -> HeldEnds<'a>
    where
        'k: 'a,
    {
        let (Some(id), Some(ends)) = (place.id, place.ends) else { return [None; 2] };
        let [low, high] = self.answers.held(id);
        if ends.direction == Direction::Up { [low, high] } else { [high, low] }
    }

    #[inline]
    fn service<'a>(&self, place: &Place) -> Option<Service<'a>>
    where
        'k: 'a,
    {
        let known = self.answers.get(place.id?)?;
        Some(Service {
            label: self.answers.labels().label(known.label),
            known,
            direction: place.ends?.direction,
        })
    }
}

/// Whether a frame may complete DNS messages that began in others: with a fragment, or a segment of DNS over TCP.
#[inline]
fn may_complete(headers: &Headers) -> bool {
    let is_stream = |(source, destination)| Via::of(headers.protocol, source, destination) == Some(Via::Tcp);
    headers.fragment.is_some()
        || headers.protocol == TransportProtocol::TCP && headers.ports.is_some_and(is_stream)
}
