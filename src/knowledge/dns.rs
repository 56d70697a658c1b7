//! What DNS messages taught, whole, in fragments or in several segments.

use super::{Options, Shift};
use crate::{
    decode::Headers,
    dns::{
        Advertised, Fragmented, Message, Notes, Origin, Segment, Via, Whole,
        inventory::{Inventory, Sighting},
    },
    hosts::Hosts,
    packed::{Broken, Reader, Writer},
    packet::{Frame, PacketId, Timestamp},
};

/// Endpoints, the inventory, and messages in pieces.
#[derive(Debug)]
pub(super) struct Dns {
    causal: bool,
    pub(super) advertised: Advertised,
    /// Where the order of all messages is known.
    pub(super) inventory: Option<Inventory>,
    /// What a part notes down for it instead.
    notes: Option<Notes>,
    fragmented: Fragmented,
    /// Parts whose messages could not all be noted down, and were not read again for them.
    lacking: u64,
    /// What messages in pieces taught. It counts after all else, as pieces do not know in which stretch their message
    /// will be complete.
    late: Advertised,
    /// Whether names of hosts are learned.
    names_hosts: bool,
    /// Names of hosts that messages in pieces told: they count when the others do not wait for them.
    pub(super) told: Option<Box<Hosts>>,
}

impl Dns {
    /// `part` is for what will be merged to an earlier stretch.
    pub(super) fn new(options: &Options, part: bool) -> Self {
        Self {
            causal: options.causal,
            advertised: if options.causal { Advertised::causal() } else { Advertised::new() }
                .within(options.share),
            inventory: (options.inventory && !part).then(|| Inventory::within(options.share)),
            notes: (options.inventory && part).then(Notes::default),
            fragmented: Fragmented::new(part, options.causal),
            lacking: 0,
            late: Advertised::new().within(options.share),
            names_hosts: options.hosts,
            told: None,
        }
    }

    /// Learns from a frame that may hold messages.
    #[inline]
    pub(super) fn learn(&mut self, frame: &Frame<'_>, headers: &Headers, file: u32) {
        if headers.fragment.is_some() {
            return self.learn_fragment(frame, headers, file);
        }
        let Some(ports) = headers.ports else { return };
        if let Some(via) = Via::of(headers.protocol, ports.0, ports.1) {
            self.learn_messages(via, frame, headers, ports, file);
        }
    }

    #[inline(never)]
    fn learn_messages(
        &mut self,
        via: Via,
        frame: &Frame<'_>,
        headers: &Headers,
        ports: (u16, u16),
        file: u32,
    ) {
        let Some(sighting) = sighting(frame, headers, ports, file) else { return };
        let payload = headers.payload(frame.octets);
        let mut whole = 0;
        for message in via.messages(payload) {
            whole += 2 + message.octets().len();
            if !via.ignores(ports.0, &message) {
                let origin = Origin { sender: sighting.source.0, via, interface: frame.interface };
                self.advertised.observe(origin, frame.time, &message);
            }
            self.take_stock(sighting, &message);
        }
        if via == Via::Tcp
            && let Some((segment, rest)) = Segment::of(headers, payload, whole)
        {
            self.take_piece(sighting, headers, Some(segment), rest);
        }
    }

    /// Joins a whole message to the inventory, or notes it down for that.
    #[inline]
    fn take_stock(&mut self, sighting: Sighting, message: &Message<'_>) {
        if let Some(inventory) = &mut self.inventory {
            inventory.observe(sighting, message);
        } else if let Some(notes) = &mut self.notes {
            notes.add(sighting, message);
        }
    }

    /// Learns only what a frame adds to the inventory, and to a message that is not whole in it.
    #[cold]
    pub(super) fn learn_order(&mut self, frame: &Frame<'_>, headers: &Headers, file: u32) {
        if headers.fragment.is_some() {
            return self.learn_fragment(frame, headers, file);
        }
        let Some(ports) = headers.ports else { return };
        let Some(via) = Via::of(headers.protocol, ports.0, ports.1) else { return };
        let Some(sighting) = sighting(frame, headers, ports, file) else { return };
        let payload = headers.payload(frame.octets);
        let mut whole = 0;
        for message in via.messages(payload) {
            whole += 2 + message.octets().len();
            self.take_stock(sighting, &message);
        }
        if via == Via::Tcp
            && let Some((segment, rest)) = Segment::of(headers, payload, whole)
        {
            self.take_piece(sighting, headers, Some(segment), rest);
        }
    }

    #[cold]
    fn learn_fragment(&mut self, frame: &Frame<'_>, headers: &Headers, file: u32) {
        let Some(sighting) = sighting(frame, headers, headers.ports.unwrap_or_default(), file) else {
            return;
        };
        self.take_piece(sighting, headers, None, headers.payload(frame.octets));
    }

    /// Takes a fragment, or what a segment holds beside whole messages.
    fn take_piece(
        &mut self,
        sighting: Sighting,
        headers: &Headers,
        segment: Option<Segment>,
        payload: &[u8],
    ) {
        let (from, time) = ((sighting.packet, sighting.interface), sighting.time);
        let complete = match segment {
            None => self.fragmented.push(from, time, headers, payload),
            Some(segment) => self.fragmented.push_segment(from, time, headers, (segment, payload)),
        };
        let Some((ports, whole)) = complete else { return };
        let Some(via) = Via::of(headers.protocol, ports.0, ports.1) else { return };
        let (source, destination) = ((sighting.source.0, ports.0), (sighting.destination.0, ports.1));
        let advertised = if self.causal { &mut self.advertised } else { &mut self.late };
        for message in via.messages(whole) {
            if !via.ignores(ports.0, &message) {
                let origin = Origin { sender: source.0, via, interface: sighting.interface };
                advertised.observe(origin, sighting.time, &message);
            }
            // Whoever asks from another port teaches no names.
            if self.names_hosts && Via::of(headers.protocol, ports.0, ports.0) == Some(via) {
                let told = self.told.get_or_insert_default();
                told.observe_answer(via, (sighting.time, destination.0), &message);
            }
            if let Some(inventory) = &mut self.inventory {
                inventory.observe(Sighting { source, destination, ..sighting }, &message);
            }
        }
    }

    /// The messages that this frame completes.
    pub(super) fn whole(&self, packet: PacketId) -> Option<Whole<'_>> {
        self.fragmented.message(packet)
    }

    /// Whether this frame holds a fragment that overlaps another of its datagram.
    pub(super) fn overlaps(&self, packet: PacketId) -> bool {
        self.fragmented.overlaps(packet)
    }

    /// Messages in pieces that charting will not show because there is no room for them.
    pub(super) fn dropped_messages(&self) -> u64 {
        self.fragmented.dropped()
    }

    /// Whether there were more messages, or pieces of them, than a part can note down.
    pub(super) fn lacks_notes(&self) -> bool {
        self.fragmented.is_full() || self.notes.as_ref().is_some_and(Notes::is_full)
    }

    /// Forgets the messages, and pieces of them, that were noted down: they were learned otherwise.
    pub(super) fn forget_notes(&mut self) {
        self.fragmented.forget_log();
        self.notes = self.notes.take().map(|_| Notes::default());
    }

    /// What the bounds kept out: how often, and what in words.
    pub(super) fn losses(&self) -> [(u64, &'static str); 12] {
        let limits = self.inventory.as_ref().map(Inventory::limits).unwrap_or_default();
        [
            (
                self.fragmented.given_up(),
                "datagrams that may hold DNS, too many at a time to be put together",
            ),
            (
                self.fragmented.streams_given_up(),
                "streams of DNS over TCP, too many or with too many holes to be put together",
            ),
            (
                self.lacking + u64::from(self.lacks_notes()),
                "parts of the capture with more DNS messages than are kept for a merge: it is not exact for them",
            ),
            (self.advertised.dropped(), "SRV and address records too many to be learned"),
            (limits.left, "instances of services that were over and left the full inventory"),
            (limits.names, "no room in the inventory for names"),
            (limits.types, "no room in the inventory for service types"),
            (limits.texts, "no room in the inventory for TXT data"),
            (limits.records, "no room in the inventory for records"),
            (limits.questions, "no room in the inventory for questions"),
            (limits.events, "no room in the inventory for events"),
            (limits.findings, "no room in the inventory for findings"),
        ]
    }

    /// Appends what the stretch that follows taught, whose frames were numbered too low by `shift`.
    pub(super) fn merge(&mut self, later: Self, shift: Shift) {
        self.lacking += later.lacking + u64::from(later.lacks_notes());
        let mut notes = later.notes.iter().flat_map(Notes::messages).peekable();
        later.fragmented.replay(|(packet, interface), time, headers, segment, payload| {
            // What is whole in a frame comes before what it adds to other messages.
            while let Some((sighting, message)) = notes.next_if(|(noted, _)| noted.packet <= packet) {
                self.take_stock(Sighting { packet: shift.of(sighting.packet), ..sighting }, &message);
            }
            let Some((from, to)) = headers.network.addresses() else { return };
            let (source, destination) = headers.ports.unwrap_or_default();
            let sighting = Sighting {
                packet: shift.of(packet),
                time,
                interface,
                source: (from, source),
                destination: (to, destination),
                protocol: headers.protocol,
            };
            self.take_piece(sighting, headers, segment, payload);
        });
        for (sighting, message) in notes {
            self.take_stock(Sighting { packet: shift.of(sighting.packet), ..sighting }, &message);
        }
        self.advertised.merge(later.advertised);
        self.late.merge(later.late);
        if let Some(told) = later.told {
            self.told.get_or_insert_default().merge(*told);
        }
    }

    /// What the messages that were noted down teach of endpoints.
    fn taught(&self) -> Advertised {
        let mut taught = Advertised::new();
        for (sighting, message) in self.notes.iter().flat_map(Notes::messages) {
            let (source, destination) = (sighting.source, sighting.destination);
            if let Some(via) = Via::of(sighting.protocol, source.1, destination.1)
                && !via.ignores(source.1, &message)
            {
                let origin = Origin { sender: source.0, via, interface: sighting.interface };
                taught.observe(origin, sighting.time, &message);
            }
        }
        taught
    }

    /// What they tell of names of hosts.
    pub(super) fn heard(&self) -> Hosts {
        let mut heard = Hosts::new();
        for (sighting, message) in self.notes.iter().flat_map(Notes::messages) {
            let port = sighting.source.1;
            if let Some(via) = Via::of(sighting.protocol, port, port) {
                heard.observe_answer(via, (sighting.time, sighting.destination.0), &message);
            }
        }
        heard
    }

    /// Writes what a part learned: nothing else than its facts and its notes is in it. Of facts that the notes teach again,
    /// only that.
    pub(super) fn write(&self, out: &mut Writer) {
        out.put(&self.lacking);
        let octets = |advertised: &Advertised| {
            let mut out = Writer::default();
            advertised.write(&mut out);
            out.finish().ok()
        };
        let is_taught = octets(&self.advertised) == octets(&self.taught());
        out.put(&is_taught);
        if !is_taught {
            self.advertised.write(out);
        }
        self.fragmented.write(out);
        if let Some(notes) = &self.notes {
            notes.write(out);
        }
    }

    /// Reads what [`Self::write`] wrote of a part that was learned with these options.
    pub(super) fn read(options: &Options, reader: &mut Reader<'_>) -> Result<Self, Broken> {
        let mut dns = Self::new(options, true);
        dns.lacking = reader.get_if(|&lacking| lacking < 1 << 52)?;
        let is_taught: bool = reader.get()?;
        if !is_taught {
            dns.advertised = Advertised::read(reader)?;
        }
        dns.fragmented = Fragmented::read(reader)?;
        if dns.notes.is_some() {
            dns.notes = Some(Notes::read(reader)?);
        }
        if is_taught {
            dns.advertised = dns.taught();
        }
        Ok(dns)
    }

    /// The end of what is learned with hindsight. Packets without DNS make time pass, too.
    pub(super) fn settle(&mut self, last: Option<Timestamp>) {
        if let (Some(inventory), Some(last)) = (&mut self.inventory, last) {
            inventory.advance(last);
        }
        self.advertised.merge(std::mem::take(&mut self.late));
    }
}

/// Where and when a message, or a fragment of one, was seen.
fn sighting(frame: &Frame<'_>, headers: &Headers, ports: (u16, u16), file: u32) -> Option<Sighting> {
    let (from, to) = headers.network.addresses()?;
    Some(Sighting {
        packet: PacketId { file, number: frame.number },
        time: frame.time,
        interface: frame.interface,
        source: (from, ports.0),
        destination: (to, ports.1),
        protocol: headers.protocol,
    })
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use proptest::{prelude::*, sample::Index};

    use super::*;
    use crate::{
        decode::{Network, Phase},
        dns::{
            RecordType,
            testing::{Builder, srv},
        },
        packet::{LinkType, TransportProtocol},
    };

    /// A response that tells of a host with this number, behind its length.
    fn framed(number: u8) -> Vec<u8> {
        let host: &[&[u8]] = &[b"host", &[b'a' + number]];
        let service: &[&[u8]] = &[b"_ldap", b"_tcp", b"example"];
        let message = Builder::response()
            .answer(service, RecordType::SRV, 60, &srv(389, host))
            .answer(host, RecordType::A, 60, &[192, 0, 2, number])
            .octets();
        [&(message.len() as u16).to_be_bytes(), &message[..]].concat()
    }

    /// A segment of what a server sends to a client.
    #[derive(Clone, Debug)]
    struct Piece {
        client: u16,
        sequence: u32,
        phase: Phase,
        octets: Vec<u8>,
    }

    /// Two streams cut into segments, some of them twice, in an order that is not that of the sequence numbers, with SYNs
    /// in between.
    fn pieces() -> impl Strategy<Value = Vec<Piece>> {
        let cuts = proptest::collection::vec(any::<Index>(), 1..12);
        let syns = proptest::collection::vec(1..3u16, 0..2);
        let all = (proptest::array::uniform2(cuts), syns, any::<bool>()).prop_map(|(cuts, syns, twice)| {
            let mut pieces = Vec::new();
            for (cuts, client) in cuts.iter().zip(1u8..) {
                let stream: Vec<u8> = (0..3).flat_map(|number| framed(client * 3 + number)).collect();
                let mut ends = vec![0, stream.len()];
                ends.extend(cuts.iter().map(|cut| cut.index(stream.len())));
                ends.sort_unstable();
                pieces.extend(ends.windows(2).map(|pair| Piece {
                    client: client.into(),
                    sequence: 1000 + pair[0] as u32,
                    phase: Phase::None,
                    octets: stream[pair[0]..pair[1]].to_vec(),
                }));
            }
            if twice {
                pieces.extend_from_within(..pieces.len() / 2);
            }
            let syn = |client| Piece { client, sequence: 999, phase: Phase::Accept, octets: Vec::new() };
            pieces.extend(syns.into_iter().map(syn));
            pieces
        });
        prop_oneof![all.clone(), all.prop_shuffle()]
    }

    fn learn(dns: &mut Dns, pieces: &[Piece], first: usize) {
        for (piece, number) in pieces.iter().zip(first..) {
            let len = piece.octets.len() as u32;
            let frame = Frame {
                number: number as u64,
                time: Some(Timestamp(number as u64 * 1_000)),
                interface: 0,
                link: LinkType::ETHERNET,
                octets: &piece.octets,
                original_len: len,
            };
            let headers = Headers {
                network: Network::V4([192, 0, 2, 53], [192, 0, 2, 1]),
                protocol: TransportProtocol::TCP,
                ports: Some((53, piece.client)),
                phase: piece.phase,
                sequence: piece.sequence,
                payload_len: len,
                payload_wire_len: len,
                ..Headers::default()
            };
            dns.learn(&frame, &headers, 0);
        }
    }

    /// What each frame completes, and the names of hosts.
    type Outcome = (Vec<Option<Vec<u8>>>, Vec<(IpAddr, String)>);

    fn outcome(mut dns: Dns, frames: usize) -> Outcome {
        dns.settle(None);
        let whole = |number| dns.whole(PacketId { file: 0, number }).map(|(_, whole)| whole.to_vec());
        let mut names: Vec<_> = dns.advertised.host_names().collect();
        names.sort();
        let told = dns.told.iter().flat_map(|told| told.found_by());
        names.extend(told.map(|(address, name)| (address, name.to_owned())));
        ((0..frames as u64).map(whole).collect(), names)
    }

    proptest! {
        #[test]
        fn stretches_merge_into_the_whole_wherever_messages_are_cut(pieces in pieces(), cut: Index) {
            let (count, options) = (pieces.len(), Options { hosts: true, ..Options::default() });
            let mut one = Dns::new(&options, false);
            learn(&mut one, &pieces, 0);
            let cut = cut.index(count + 1);
            let (mut first, mut later) = (Dns::new(&options, false), Dns::new(&options, true));
            learn(&mut first, &pieces[..cut], 0);
            learn(&mut later, &pieces[cut..], cut);
            first.merge(later, Shift::default());
            prop_assert_eq!(outcome(first, count), outcome(one, count));
        }
    }

    /// One thing that hosts say over multicast DNS or DNS: after how many seconds, on which interface, from whom, of which
    /// instance, what, and whether in two fragments.
    type Said = (u64, u32, u8, u8, u8, bool);

    fn said() -> impl Strategy<Value = Vec<Said>> {
        proptest::collection::vec((0..90u64, 0..2u32, 1..4u8, 0..3u8, 0..8u8, any::<bool>()), 0..60)
    }

    fn octets_of(&(_, _, sender, instance, what, _): &Said) -> Vec<u8> {
        let service: &[&[u8]] = &[b"_ipp", b"_tcp", b"local"];
        let label = [b'p', b'0' + instance];
        let name: &[&[u8]] = &[&label, b"_ipp", b"_tcp", b"local"];
        let host: &[&[u8]] = &[b"host", &[b'a' + sender], b"local"];
        let pointer = crate::dns::testing::wire(name);
        let records = |builder: Builder, ttl| {
            builder
                .answer(service, RecordType::PTR, ttl, &pointer)
                .flush(name, RecordType::SRV, ttl, &srv(631, host))
                .flush(host, RecordType::A, ttl, &[192, 0, 2, sender])
        };
        match what {
            0 | 1 => records(Builder::response(), 120),
            2 => records(Builder::response(), 0),
            3 => Builder::query().question(service, RecordType::PTR, 1),
            4 => Builder::query().question(service, RecordType::PTR, 1).answer(
                service,
                RecordType::PTR,
                60,
                &pointer,
            ),
            5 => Builder::query().question(name, RecordType::ANY, 1).record(
                crate::dns::Section::Authority,
                name,
                RecordType::SRV,
                1,
                120,
                &srv(631, host),
            ),
            6 => Builder::response().flush(name, RecordType::TXT, 60, &[2, b'a', b'0' + sender]),
            _ => Builder::response().answer(host, RecordType::A, 60, &[192, 0, 2, 100 + sender]),
        }
        .octets()
    }

    /// What is said as frames, two where it is in fragments.
    fn frames_of(all: &[Said]) -> Vec<(Headers, Vec<u8>, Timestamp, u32)> {
        let (mut frames, mut now) = (Vec::new(), 0);
        for (said, id) in all.iter().zip(1..) {
            let &(gap, interface, sender, _, what, in_two) = said;
            now += gap;
            let time = Timestamp((1_000 + now) * Timestamp::SECOND);
            let port = if what == 7 { 53 } else { 5353 };
            let octets = octets_of(said);
            let headers = |part: &[u8], ports, fragment: Option<crate::decode::Fragment>| Headers {
                network: Network::V4([192, 0, 2, sender], [224, 0, 0, 251]),
                protocol: TransportProtocol::UDP,
                ports,
                fragment,
                fragment_len: part.len() as u32,
                payload_len: part.len() as u32,
                payload_wire_len: part.len() as u32,
                ..Headers::default()
            };
            let ports = Some((port, port));
            if !in_two {
                frames.push((headers(&octets, ports, None), octets, time, interface));
                continue;
            }
            let (one, other) = octets.split_at(octets.len() / 16 * 8);
            let fragment = |offset, more| Some(crate::decode::Fragment { id, offset, more });
            frames.push((headers(one, ports, fragment(0, true)), one.to_vec(), time, interface));
            let offset = 8 + one.len() as u32;
            frames.push((headers(other, None, fragment(offset, false)), other.to_vec(), time, interface));
        }
        frames
    }

    fn take_all(mut dns: Dns, frames: &[(Headers, Vec<u8>, Timestamp, u32)], first: usize) -> Dns {
        for ((headers, octets, time, interface), number) in frames.iter().zip(first..) {
            let frame = Frame {
                number: number as u64,
                time: Some(*time),
                interface: *interface,
                link: LinkType::ETHERNET,
                octets,
                original_len: octets.len() as u32,
            };
            dns.learn(&frame, headers, 0);
        }
        dns
    }

    fn stock(mut dns: Dns) -> String {
        dns.settle(Some(Timestamp(10_000 * Timestamp::SECOND)));
        let inventory = dns.inventory.expect("a whole has one");
        let instances: Vec<_> = inventory.instances().collect();
        let types: Vec<_> = inventory.types().collect();
        let (queries, events): (Vec<_>, Vec<_>) =
            (inventory.queries().collect(), inventory.events().collect());
        let findings: Vec<_> = inventory.findings().collect();
        let counts = (inventory.counts(), inventory.limits());
        format!("{instances:?} {types:?} {queries:?} {events:?} {findings:?} {counts:?}")
    }

    proptest! {
        /// However a capture is cut, and in whatever groups its parts are merged, through files or not.
        #[test]
        fn an_inventory_of_parts_is_that_of_one_pass(
            all in said(), cuts in proptest::array::uniform2(any::<Index>())
        ) {
            let options = Options { inventory: true, ..Options::default() };
            let (whole, part) = (|| Dns::new(&options, false), || Dns::new(&options, true));
            let frames = frames_of(&all);
            let mut cuts = cuts.map(|cut| cut.index(frames.len() + 1));
            cuts.sort_unstable();
            let parts = || {
                let [one, two] = cuts;
                [(0, one), (one, two), (two, frames.len())].map(|(from, to)| {
                    let learned = take_all(part(), &frames[from..to], from + 1);
                    let mut file = Writer::default();
                    learned.write(&mut file);
                    Dns::read(&options, &mut Reader::new(&file.finish().unwrap())).unwrap()
                })
            };
            let merge = |mut one: Dns, other: Dns| {
                one.merge(other, Shift::default());
                one
            };
            let expected = stock(take_all(whole(), &frames, 1));
            let [one, two, three] = parts();
            prop_assert_eq!(stock(merge(whole(), merge(merge(one, two), three))), &*expected);
            let [one, two, three] = parts();
            prop_assert_eq!(stock(merge(merge(whole(), one), merge(two, three))), expected);
        }
    }

    #[test]
    fn all_hosts_are_learned_in_every_way_to_know() {
        let stream: Vec<u8> = (0..3).flat_map(framed).collect();
        let cut = |at: usize, to: usize| Piece {
            client: 1,
            sequence: at as u32,
            phase: Phase::None,
            octets: stream[at..to].to_vec(),
        };
        // The first message and a part of the second; then the rest.
        let message = framed(0).len();
        let pieces = [cut(0, message + 1), cut(message + 1, stream.len())];
        for causal in [false, true] {
            let mut dns = Dns::new(&Options { causal, ..Options::default() }, false);
            learn(&mut dns, &pieces, 0);
            let (whole, names) = outcome(dns, 2);
            assert_eq!(whole, [None, Some(stream[message..].to_vec())]);
            assert_eq!(names.len(), 3, "{names:?}");
        }
    }
}
