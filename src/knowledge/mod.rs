//! Learning: from the headers of each packet to all that is remembered of a capture.
//!
//! [`Knowledge`] is the only state of a run. Knowledge of two stretches of a capture merges, in order, into the
//! knowledge of both.

mod answers;

pub use answers::{Answers, Known};

use std::{collections::BTreeMap, net::IpAddr, sync::OnceLock, thread};

use hashbrown::HashMap;

use crate::{
    decode::{Headers, Kind, Network, Reason},
    dns::{
        Advertised, Fragmented, Via, Whole,
        inventory::{Inventory, Sighting},
    },
    flow::{
        Ends,
        fragment::{DatagramKey, Fragments},
        key::{Address, Direction, FlowKey, Seed, V4, V6},
        peers::Peers,
        table::{CAPACITY, DEFAULT_LIMIT, FiveTuple, FlowTable, Observation, Tally},
    },
    naming::{
        Case, Context, answer,
        label::{Label, Labels},
    },
    packet::{Frame, PacketId, Timestamp, TransportProtocol},
    ranges,
    registry::Registry,
};

/// What is to be learned, and how much of it may be held.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Keep each flow of a five-tuple apart instead of adding up those that ended.
    pub flows: bool,
    /// Join DNS-SD records into an inventory.
    pub inventory: bool,
    /// Know only the past: what a packet belongs to is decided when it is seen.
    pub causal: bool,
    /// Five-tuples held before the least recently used leave; their totals are kept.
    pub limit: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { flows: false, inventory: false, causal: false, limit: DEFAULT_LIMIT }
    }
}

/// Packets by the reason their decoding stopped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Damaged {
    /// Cut by the snap length inside a header.
    pub truncated: u64,
    /// A header contradicts its standard.
    pub malformed: u64,
    /// Nested deeper than is followed.
    pub too_deep: u64,
}

impl Damaged {
    /// Counts by the words of the output, those that are not zero.
    pub fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let all = [("truncated", self.truncated), ("malformed", self.malformed), ("too-deep", self.too_deep)];
        all.into_iter().filter(|&(_, count)| count > 0)
    }

    /// Adds the counts of another.
    pub fn add(&mut self, other: &Self) {
        self.truncated += other.truncated;
        self.malformed += other.malformed;
        self.too_deep += other.too_deep;
    }

    /// Counts one packet.
    pub fn count(&mut self, reason: Reason) {
        match reason {
            Reason::Truncated { .. } => self.truncated += 1,
            Reason::Malformed(_) => self.malformed += 1,
            Reason::TooDeep => self.too_deep += 1,
        }
    }
}

/// What a packet is counted under: its five-tuple, or what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A five-tuple over IPv4.
    V4(FlowKey<V4>),
    /// A five-tuple over IPv6.
    V6(FlowKey<V6>),
    /// No IP addresses were read.
    Other(Kind),
}

/// Totals of a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Packets.
    pub packets: u64,
    /// Octets on the wire.
    pub octets: u64,
    /// Octets captured.
    pub captured: u64,
    /// Earliest and latest time stamp, the wrong way round where there is none.
    times: [u64; 2],
}

impl Default for Span {
    fn default() -> Self {
        Self { packets: 0, octets: 0, captured: 0, times: [u64::MAX, 0] }
    }
}

impl Span {
    /// Earliest time stamp.
    pub fn first(&self) -> Option<Timestamp> {
        let [first, last] = self.times;
        (first <= last).then_some(Timestamp(first))
    }

    /// Latest time stamp.
    pub fn last(&self) -> Option<Timestamp> {
        let [first, last] = self.times;
        (first <= last).then_some(Timestamp(last))
    }

    fn count(&mut self, frame: &Frame<'_>) {
        self.packets += 1;
        self.octets += u64::from(frame.original_len);
        self.captured += frame.octets.len() as u64;
        if let Some(Timestamp(time)) = frame.time {
            self.times = [self.times[0].min(time), self.times[1].max(time)];
        }
    }

    fn add(&mut self, later: &Self) {
        self.packets += later.packets;
        self.octets += later.octets;
        self.captured += later.captured;
        self.times = [self.times[0].min(later.times[0]), self.times[1].max(later.times[1])];
    }
}

/// Totals of five-tuples that had to leave, under the name they had then.
#[derive(Clone, Debug, Default)]
pub struct Departed {
    /// Their label.
    pub label: Label,
    /// Their protocol.
    pub protocol: TransportProtocol,
    /// Their counters.
    pub tally: Tally,
    /// How many flows they had.
    pub flows: u64,
    /// Their damaged packets.
    pub damaged: Damaged,
}

impl Departed {
    fn of(label: Label, protocol: TransportProtocol) -> Self {
        Self { label, protocol, ..Self::default() }
    }

    fn then(&mut self, later: &Self) {
        self.tally.then(&later.tally);
        self.flows += later.flows;
        self.damaged.add(&later.damaged);
    }
}

/// All that is remembered of a capture.
#[derive(Debug)]
pub struct Knowledge {
    options: Options,
    pub(crate) seed: Seed,
    pub(crate) v4: FlowTable<V4>,
    pub(crate) v6: FlowTable<V6>,
    pub(crate) fragments: Fragments,
    pub(crate) advertised: Advertised,
    inventory: Option<Inventory>,
    fragmented: Fragmented,
    /// What messages in fragments taught. It counts after all else, as fragments do not know in which stretch their
    /// message will be complete.
    late: Advertised,
    others: BTreeMap<Kind, Tally>,
    damaged: HashMap<Subject, Damaged>,
    span: Span,
    evicted: BTreeMap<String, Departed>,
    /// Peers of every endpoint: counted as five-tuples come where only the past is known, else when a rule asks.
    fan_in: OnceLock<Peers>,
    /// Grows when five-tuples leave and the others get new numbers.
    generation: u64,
}

impl Knowledge {
    /// Knows nothing yet. `later_stretch` is for what [`Knowledge::merge`] will append to another.
    pub fn new(options: Options, later_stretch: bool) -> Self {
        let seed = Seed::random();
        Self {
            options,
            seed,
            v4: FlowTable::new(seed, options.flows, later_stretch),
            v6: FlowTable::new(seed, options.flows, later_stretch),
            fragments: Fragments::default(),
            advertised: if options.causal { Advertised::causal() } else { Advertised::new() },
            inventory: options.inventory.then(Inventory::default),
            fragmented: Fragmented::new(later_stretch, options.causal),
            late: Advertised::new(),
            others: BTreeMap::new(),
            damaged: HashMap::new(),
            span: Span::default(),
            evicted: BTreeMap::new(),
            fan_in: if options.causal { Peers::default().into() } else { OnceLock::new() },
            generation: 0,
        }
    }

    /// Totals of all packets learned.
    pub fn span(&self) -> &Span {
        &self.span
    }

    /// The DNS-SD inventory, if it was asked for.
    pub fn inventory(&self) -> Option<&Inventory> {
        self.inventory.as_ref()
    }

    /// Frames in which no IP addresses were read, by what they are.
    pub fn others(&self) -> impl Iterator<Item = (Kind, &Tally)> {
        self.others.iter().map(|(&kind, tally)| (kind, tally))
    }

    /// Five-tuples over IPv4 in the order of their first packets.
    pub fn tuples_v4(&self) -> impl Iterator<Item = FiveTuple<'_, V4>> {
        self.v4.tuples()
    }

    /// Five-tuples over IPv6 in the order of their first packets.
    pub fn tuples_v6(&self) -> impl Iterator<Item = FiveTuple<'_, V6>> {
        self.v6.tuples()
    }

    /// Damaged packets of a subject.
    pub fn damaged(&self, subject: &Subject) -> Damaged {
        if self.damaged.is_empty() {
            return Damaged::default();
        }
        self.damaged.get(subject).copied().unwrap_or_default()
    }

    /// Addresses and the host names that DNS taught for them, escaped as on a terminal.
    pub fn host_names(&self) -> impl Iterator<Item = (IpAddr, String)> {
        self.advertised.host_names()
    }

    /// Five-tuples that had to leave, by label.
    pub fn evicted(&self) -> impl Iterator<Item = &Departed> {
        self.evicted.values()
    }

    /// Whether the tables hold as many five-tuples as they may.
    pub fn is_full(&self) -> bool {
        self.v4.is_full(self.options.limit) || self.v6.is_full(self.options.limit)
    }

    /// Learns one packet. What came in takes effect at the next [`Knowledge::flush`] at the latest.
    ///
    /// `file` numbers the inputs of a run from 0.
    #[inline]
    pub fn learn(&mut self, frame: &Frame<'_>, headers: &Headers, file: u32, registry: &Registry) {
        self.span.count(frame);
        self.learn_dns(frame, headers, file);
        match headers.network {
            Network::V4(source, destination) => {
                let endpoints = (V4::from(source), V4::from(destination));
                if let Some(observation) = self.observation(frame, headers, endpoints) {
                    if headers.stopped.is_some() {
                        self.count_damage(Subject::V4(observation.key), headers);
                    }
                    if self.v4.push(observation) {
                        self.advance_v4(registry);
                    }
                }
            }
            Network::V6(source, destination) => {
                let endpoints = (V6::from(source), V6::from(destination));
                if let Some(observation) = self.observation(frame, headers, endpoints) {
                    if headers.stopped.is_some() {
                        self.count_damage(Subject::V6(observation.key), headers);
                    }
                    if self.v6.push(observation) {
                        self.advance_v6(registry);
                    }
                }
            }
            Network::None => self.learn_other(frame, headers),
        }
    }

    #[inline(never)]
    fn advance_v4(&mut self, registry: &Registry) {
        self.make_room(registry);
        self.v4.advance(new_peers(self.fan_in.get_mut(), self.seed));
    }

    #[inline(never)]
    fn advance_v6(&mut self, registry: &Registry) {
        self.make_room(registry);
        self.v6.advance(new_peers(self.fan_in.get_mut(), self.seed));
    }

    #[inline(never)]
    fn learn_other(&mut self, frame: &Frame<'_>, headers: &Headers) {
        let tally = self.others.entry(headers.kind).or_default();
        tally.count(Direction::Up, frame.original_len.into(), frame.time.map(|time| time.0));
        self.count_damage(Subject::Other(headers.kind), headers);
    }

    #[cold]
    fn count_damage(&mut self, subject: Subject, headers: &Headers) {
        if let Some(stopped) = headers.stopped {
            self.damaged.entry(subject).or_default().count(stopped.reason);
        }
    }

    /// Makes all that was learned take effect.
    pub fn flush(&mut self, registry: &Registry) {
        self.make_room(registry);
        self.count_waiting();
    }

    fn count_waiting(&mut self) {
        self.v4.flush(new_peers(self.fan_in.get_mut(), self.seed));
        self.v6.flush(new_peers(self.fan_in.get_mut(), self.seed));
    }

    /// What the flow table gets of a packet; `None` for a fragment that is settled later.
    #[inline]
    fn observation<A: Address>(
        &mut self,
        frame: &Frame<'_>,
        headers: &Headers,
        (source, destination): (A, A),
    ) -> Option<Observation<A>> {
        let time = frame.time.map(|time| time.0);
        let mut ports = headers.ports;
        if let Some(fragment) = headers.fragment
            && headers.protocol.has_ports()
        {
            let key = DatagramKey {
                source: source.ip(),
                destination: destination.ip(),
                protocol: headers.protocol,
                id: fragment.id,
            };
            if let Some(now) = time.filter(|_| self.options.causal) {
                // With hindsight, charting still asks for the ports of old datagrams.
                self.fragments.make_room(now);
            }
            if let Some(ports) = ports {
                self.fragments.first(key, time, ports);
            } else if fragment.offset > 0 {
                if self.options.causal {
                    ports = self.fragments.ports(&key, time);
                } else if self.fragments.later(key, time, frame.original_len) {
                    return None;
                }
            }
        }
        let (source_port, destination_port) = ports.unwrap_or_default();
        let (key, direction) = FlowKey::new(
            (source, source_port),
            (destination, destination_port),
            headers.protocol,
            ports.is_some(),
        );
        Some(Observation {
            key,
            direction,
            time,
            octets: frame.original_len,
            phase: headers.phase,
            to_group: headers.to_group,
        })
    }

    #[inline]
    fn make_room(&mut self, registry: &Registry) {
        if self.is_full() {
            self.evict(self.options.limit / 4 * 3, registry);
        }
    }

    #[inline]
    fn learn_dns(&mut self, frame: &Frame<'_>, headers: &Headers, file: u32) {
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
        for message in via.messages(headers.payload(frame.octets)) {
            self.advertised.observe(via, frame.time, &message);
            if let Some(inventory) = &mut self.inventory {
                inventory.observe(sighting, &message);
            }
        }
    }

    /// Learns only what a fragment adds to a DNS message: for stretches that [lack](Self::lacks_fragments) them.
    #[cold]
    pub(crate) fn learn_fragment(&mut self, frame: &Frame<'_>, headers: &Headers, file: u32) {
        let Some(sighting) = sighting(frame, headers, headers.ports.unwrap_or_default(), file) else {
            return;
        };
        self.take_fragment(sighting, headers, headers.payload(frame.octets));
    }

    fn take_fragment(&mut self, sighting: Sighting, headers: &Headers, payload: &[u8]) {
        let Some((ports, whole)) = self.fragmented.push(sighting.packet, sighting.time, headers, payload)
        else {
            return;
        };
        let Some(via) = Via::of(headers.protocol, ports.0, ports.1) else { return };
        let (source, destination) = ((sighting.source.0, ports.0), (sighting.destination.0, ports.1));
        let advertised = if self.options.causal { &mut self.advertised } else { &mut self.late };
        for message in via.messages(whole) {
            advertised.observe(via, sighting.time, &message);
            if let Some(inventory) = &mut self.inventory {
                inventory.observe(Sighting { source, destination, ..sighting }, &message);
            }
        }
    }

    /// The DNS message that this frame completes.
    pub(crate) fn whole(&self, packet: PacketId) -> Option<Whole<'_>> {
        self.fragmented.message(packet)
    }

    /// Whether this frame holds a fragment that overlaps another of its datagram.
    pub(crate) fn overlaps(&self, packet: PacketId) -> bool {
        self.fragmented.overlaps(packet)
    }

    /// DNS messages in fragments that charting will not show because there is no room for them.
    pub fn dropped_messages(&self) -> u64 {
        self.fragmented.dropped()
    }

    /// What the bounds of learning kept out, where they did: how often, and what in words.
    pub fn losses(&self) -> impl Iterator<Item = (u64, &'static str)> {
        let limits = self.inventory.as_ref().map(Inventory::limits).unwrap_or_default();
        let all = [
            (self.evicted.values().map(|gone| gone.flows).sum(), "flows that left the full flow table early"),
            (self.fragments.unplaced(), "fragments that found no room to wait for the others"),
            (
                self.fragmented.given_up(),
                "datagrams that may hold DNS, too many at a time to be put together",
            ),
            (self.advertised.dropped(), "SRV and address records too many to be learned"),
            (limits.names, "no room in the inventory for names"),
            (limits.types, "no room in the inventory for service types"),
            (limits.texts, "no room in the inventory for TXT data"),
            (limits.records, "no room in the inventory for records"),
            (limits.questions, "no room in the inventory for questions"),
            (limits.events, "no room in the inventory for events"),
            (limits.findings, "no room in the inventory for findings"),
        ];
        all.into_iter().filter(|&(count, _)| count > 0)
    }

    /// Whether this is of a later stretch with more fragments than could be noted down: whoever merges it must have the
    /// stretch's fragments learned before.
    pub(crate) fn lacks_fragments(&self) -> bool {
        self.fragmented.is_full()
    }

    /// Gives later fragments to the flows of their first ones: the end of a run with hindsight.
    pub fn settle(&mut self, registry: &Registry) {
        self.flush(registry);
        if let (Some(inventory), Some(last)) = (&mut self.inventory, self.span.last()) {
            // Packets without DNS make time pass, too.
            inventory.advance(last);
        }
        self.advertised.merge(std::mem::take(&mut self.late));
        let Self { fragments, v4, v6, .. } = self;
        fragments.settle(|datagram, ports, tally| {
            let (source, destination) = ports.unwrap_or_default();
            match (datagram.source, datagram.destination) {
                (IpAddr::V4(from), IpAddr::V4(to)) => {
                    let from = (V4::from(from.octets()), source);
                    let to = (V4::from(to.octets()), destination);
                    let (key, direction) = FlowKey::new(from, to, datagram.protocol, ports.is_some());
                    v4.credit(&key, direction, tally);
                }
                (IpAddr::V6(from), IpAddr::V6(to)) => {
                    let from = (V6::from(from.octets()), source);
                    let to = (V6::from(to.octets()), destination);
                    let (key, direction) = FlowKey::new(from, to, datagram.protocol, ports.is_some());
                    v6.credit(&key, direction, tally);
                }
                _ => {}
            }
        });
    }

    /// Appends the knowledge of the stretch that follows; both must be flushed.
    ///
    /// Frames of the later stretch have the numbers they had when they were learned. Where five-tuples have to leave for
    /// want of room, those that are held may be other ones than one pass would hold; all sums are the same.
    pub fn merge(&mut self, later: Self, registry: &Registry) {
        self.merge_shifted(later, 0, registry);
    }

    /// The same for a stretch whose frames were numbered too low by `shift`.
    pub(crate) fn merge_shifted(&mut self, later: Self, shift: u64, registry: &Registry) {
        self.make_room_for(&later, registry);
        later.fragmented.replay(|packet, time, headers, payload| {
            let packet = PacketId { number: packet.number + shift, ..packet };
            let Some((from, to)) = addresses(headers) else { return };
            let (source, destination) = headers.ports.unwrap_or_default();
            let sighting = Sighting {
                packet,
                time,
                interface: 0,
                source: (from, source),
                destination: (to, destination),
                protocol: headers.protocol,
            };
            self.take_fragment(sighting, headers, payload);
        });
        let (v4, v6) = (&mut self.v4, &mut self.v6);
        if later.v4.len().min(later.v6.len()) < ranges::WORTH_A_THREAD {
            v4.merge(&later.v4);
            v6.merge(&later.v6);
        } else {
            thread::scope(|scope| {
                scope.spawn(|| v6.merge(&later.v6));
                v4.merge(&later.v4);
            });
        }
        self.fragments.merge(later.fragments);
        self.advertised.merge(later.advertised);
        for (kind, tally) in later.others {
            self.others.entry(kind).or_default().then(&tally);
        }
        for (subject, damaged) in later.damaged {
            self.damaged.entry(subject).or_default().add(&damaged);
        }
        self.span.add(&later.span);
        for (key, gone) in later.evicted {
            self.evicted
                .entry(key)
                .or_insert_with(|| Departed::of(gone.label.clone(), gone.protocol))
                .then(&gone);
        }
        if !self.options.causal {
            // Whoever asked before knows less now.
            self.fan_in = OnceLock::new();
        }
    }

    /// Makes room for the five-tuples of a stretch that is to be merged.
    fn make_room_for(&mut self, later: &Self, registry: &Registry) {
        self.make_room(registry);
        let more = later.v4.len().max(later.v6.len());
        if self.v4.len().max(self.v6.len()) + more > CAPACITY {
            self.evict(CAPACITY.saturating_sub(more), registry);
        }
    }

    /// Lets the least recently seen five-tuples leave, under the names they have now, until so many are left per family.
    #[cold]
    fn evict(&mut self, keep: usize, registry: &Registry) {
        self.count_waiting();
        let mut labels = Labels::default();
        self.generation += 1;
        let advertised = std::mem::take(&mut self.advertised);
        let mut v4 = std::mem::replace(&mut self.v4, FlowTable::new(self.seed, false, false));
        let mut v6 = std::mem::replace(&mut self.v6, FlowTable::new(self.seed, false, false));
        let fan_in = OnceLock::from(Peers::of(&v4, &v6, self.seed, 1));
        let context = Context {
            registry,
            advertised: &advertised,
            began: self.span.first().map(|first| first.0),
            at: self.options.causal.then_some(self.span.last()).flatten(),
            fan_in: &fan_in,
            count_peers: &Peers::default,
            seed: self.seed,
        };
        v4.evict(keep, |tuple| {
            self.bury(&tuple, Subject::V4(tuple.key), &mut labels, &context);
        });
        v6.evict(keep, |tuple| {
            self.bury(&tuple, Subject::V6(tuple.key), &mut labels, &context);
        });
        (self.v4, self.v6, self.advertised) = (v4, v6, advertised);
        if self.options.causal {
            self.fan_in = self.count_peers(1).into();
        }
    }

    fn bury<A: Address>(
        &mut self,
        tuple: &FiveTuple<'_, A>,
        subject: Subject,
        labels: &mut Labels,
        context: &Context<'_>,
    ) {
        let id = label_of(&Case::from(tuple), labels, context);
        let label = labels.label(id);
        let buried = self
            .evicted
            .entry(label.key.clone())
            .or_insert_with(|| Departed::of(label.clone(), tuple.key.protocol));
        buried.tally.then(&tuple.total());
        buried.flows += tuple.flows;
        if let Some(damaged) = self.damaged.remove(&subject) {
            buried.damaged.add(&damaged);
        }
    }

    /// What the rules may know beside the flow itself: everything, or what is known at a moment.
    pub(crate) fn context<'k>(
        &'k self,
        registry: &'k Registry,
        count_peers: &'k (dyn Fn() -> Peers + Sync),
    ) -> Context<'k> {
        Context {
            registry,
            advertised: &self.advertised,
            began: self.span.first().map(|first| first.0),
            at: self.options.causal.then_some(self.span.last()).flatten(),
            fan_in: &self.fan_in,
            count_peers,
            seed: self.seed,
        }
    }

    /// Counts the peers of every endpoint.
    pub(crate) fn count_peers(&self, threads: usize) -> Peers {
        Peers::of(&self.v4, &self.v6, self.seed, threads)
    }

    /// Changes whenever five-tuples get new numbers.
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// Whether only the past is known.
    pub fn is_causal(&self) -> bool {
        self.options.causal
    }
}

/// Counts the peers that new five-tuples bring, where these are counted as they come.
fn new_peers<A: Address>(mut peers: Option<&mut Peers>, seed: Seed) -> impl FnMut(&FlowKey<A>) {
    move |key| {
        if let Some(peers) = &mut peers {
            peers.add(key, seed);
        }
    }
}

/// Where and when a DNS message, or a fragment of one, was seen.
fn sighting(frame: &Frame<'_>, headers: &Headers, ports: (u16, u16), file: u32) -> Option<Sighting> {
    let (from, to) = addresses(headers)?;
    Some(Sighting {
        packet: PacketId { file, number: frame.number },
        time: frame.time,
        interface: frame.interface,
        source: (from, ports.0),
        destination: (to, ports.1),
        protocol: headers.protocol,
    })
}

fn addresses(headers: &Headers) -> Option<(IpAddr, IpAddr)> {
    match headers.network {
        Network::V4(from, to) => Some((from.into(), to.into())),
        Network::V6(from, to) => Some((from.into(), to.into())),
        Network::None => None,
    }
}

/// The label of a five-tuple as the context knows it.
pub(crate) fn label_of<A: Address>(case: &Case<A>, labels: &mut Labels, context: &Context<'_>) -> u32 {
    if case.key.ported {
        labels.of_flow(case, answer(case, context), context)
    } else {
        labels.of_kind(Kind::Ip(case.key.protocol))
    }
}

/// The five-tuple of a packet; later fragments have that of the first one, where it is known.
pub(crate) fn flow_of(knowledge: &Knowledge, headers: &Headers, time: Option<Timestamp>) -> Option<Ends> {
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
    Ends::between(headers.network, headers.protocol, ports)
}

/// The five-tuple that an ICMP error complains about.
pub(crate) fn quoted_flow(headers: &Headers) -> Option<Ends> {
    let quoted = headers.quoted?;
    Ends::between(quoted.network, quoted.protocol, quoted.ports)
}
