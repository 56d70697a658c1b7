//! Learning: from the headers of each packet to all that is remembered of a capture.
//!
//! [`Knowledge`] is the only state of a run. Knowledge of two stretches of a capture merges, in order, into the
//! knowledge of both.

mod answers;
mod departed;
mod dns;
mod domains;
pub mod file;
mod over_time;
mod ownership;
mod quoted;
#[cfg(test)]
mod tests;
mod totals;
mod view;

pub use answers::{Answers, Known};
pub use departed::Departed;
pub use domains::{Named, ToldFrom};
pub use file::{FileError, InputId};
pub use over_time::{Carrier, Cell, MOST_CELLS, MOST_NAMED, Untold};
pub use totals::{Damaged, Span, Subject};
pub use view::View;

use std::{sync::Arc, time::Duration};

use crate::{
    announce::{Announced, Control, Message, begins_like, may_announce},
    decode::{self, Fragment, Headers, Kind, Phase},
    dns::{Whole, inventory::Inventory},
    flow::{
        Carried, DEFAULT_LIMIT, Ends, FlowId, FlowOptions, Flows, GROUP, Observed, Pending, Tally,
        fragment::DatagramKey,
    },
    hosts::{Hosts, HostsFile, may_name},
    naming::Context,
    packet::{Batch, Frame, LinkType, PacketId, Share, Timestamp, TransportProtocol},
    payload::Protocol,
    places::Places,
    registry::Registry,
};
use departed::Graves;
use dns::Dns;
use over_time::OverTime;
use ownership::Sockets;
use quoted::Quoted;
use totals::Totals;

/// What is to be learned, and how much of it may be held.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Keep each flow of a five-tuple apart instead of adding up those that ended.
    pub flows: bool,
    /// Keep what the ends of each TCP connection did, in order; only where flows are kept apart.
    pub history: bool,
    /// Join DNS-SD records into an inventory.
    pub inventory: bool,
    /// Know only the past: what a packet belongs to is decided when it is seen.
    pub causal: bool,
    /// Learn the names of hosts, and which of their addresses belong together.
    pub hosts: bool,
    /// Learn what the ends of flows are called: what clients ask their servers for, and names of hosts.
    pub domains: bool,
    /// Keep what was carried in each interval of this length, where all is learned with hindsight.
    pub interval: Option<Duration>,
    /// Look at no payload: names come from ports, users and DNS alone.
    pub ports_only: bool,
    /// Five-tuples of an address family held before the least recently used leave; their totals are kept.
    pub limit: usize,
    /// How much of the room that the other tables have by default they may take.
    pub share: Share,
}

impl Options {
    /// The same with this share of the room of all tables.
    pub fn within(self, share: Share) -> Self {
        Self { limit: share.of(self.limit), share, ..self }
    }
}

impl Options {
    /// All that any report asks for: what is learned for a file of knowledge.
    pub fn everything() -> Self {
        Self { flows: true, history: true, inventory: true, hosts: true, domains: true, ..Self::default() }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            flows: false,
            history: false,
            inventory: false,
            causal: false,
            hosts: false,
            domains: false,
            interval: None,
            ports_only: false,
            limit: DEFAULT_LIMIT,
            share: Share::ALL,
        }
    }
}

/// Where a packet belongs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Place {
    /// Its five-tuple; absent where no IP addresses were read.
    pub ends: Option<Ends>,
    /// The number of its five-tuple, where it is known and held.
    pub id: Option<FlowId>,
}

/// Later frames of a stretch, relative to those that it is merged to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shift {
    /// How much too low its frames were numbered.
    pub number: u64,
    /// How much too low its inputs were numbered.
    pub file: u32,
}

impl Shift {
    /// A packet as it is numbered together with those before.
    pub(crate) fn of(self, packet: PacketId) -> PacketId {
        PacketId { file: packet.file.saturating_add(self.file), number: packet.number + self.number }
    }
}

/// All that is remembered of a capture.
#[derive(Debug)]
pub struct Knowledge {
    options: Options,
    is_part: bool,
    /// What was learned from, where that is kept.
    inputs: Vec<InputId>,
    flows: Flows,
    dns: Dns,
    announced: Announced,
    /// Names of hosts, where they were asked for.
    hosts: Option<Box<Hosts>>,
    /// Where addresses are, for whoever asks answers.
    places: Option<Arc<Places>>,
    /// The sockets of this host, for whoever asks answers.
    sockets: Option<Sockets>,
    totals: Totals,
    departed: Graves,
    quoted: Quoted,
    /// Traffic over time, where it was asked for.
    over_time: Option<Box<OverTime>>,
}

impl Knowledge {
    /// Knows nothing yet of a capture that is learned from its beginning.
    pub fn whole(options: Options) -> Self {
        Self::new(options, false)
    }

    /// Knows nothing yet of a stretch that [`Knowledge::merge`] will append to what came before it.
    pub fn part(options: Options) -> Self {
        Self::new(options, true)
    }

    fn new(options: Options, part: bool) -> Self {
        let length = options.interval.map(|length| u64::try_from(length.as_nanos()).unwrap_or(u64::MAX));
        Self {
            options,
            is_part: part,
            inputs: Vec::new(),
            flows: Flows::new(flow_options(&options, part)),
            dns: Dns::new(&options, part),
            announced: if part { Announced::part() } else { Announced::new() },
            hosts: (options.hosts || options.domains).then(|| Box::new(Hosts::within(options.share))),
            places: None,
            sockets: None,
            totals: Totals::default(),
            departed: Graves::default(),
            quoted: Quoted::default(),
            over_time: length.map(|length| Box::new(OverTime::new(length))),
        }
    }

    /// What was to be learned.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Totals of all packets learned.
    pub fn span(&self) -> &Span {
        &self.totals.span
    }

    /// All five-tuples that are held.
    pub fn flows(&self) -> &Flows {
        &self.flows
    }

    /// The DNS-SD inventory, if it was asked for.
    pub fn inventory(&self) -> Option<&Inventory> {
        self.dns.inventory.as_ref()
    }

    /// Takes the inventory out: what is learned later is not joined to it.
    pub fn take_inventory(&mut self) -> Option<Inventory> {
        self.dns.inventory.take()
    }

    /// Frames in which no IP addresses were read, by what they are.
    pub fn others(&self) -> impl Iterator<Item = (Kind, &Tally)> {
        self.totals.others.iter().map(|(&kind, tally)| (kind, tally))
    }

    /// Damaged packets of a subject.
    pub fn damaged(&self, subject: &Subject) -> Damaged {
        self.totals.damaged(subject)
    }

    /// Names of hosts, if they were asked for.
    pub fn hosts(&self) -> Option<&Hosts> {
        self.hosts.as_deref()
    }

    /// Takes in the user's names of hosts, if names were asked for.
    pub fn set_hosts(&mut self, file: &HostsFile) {
        if let Some(hosts) = &mut self.hosts {
            hosts.set_user(file);
        }
    }

    /// Takes over the names of hosts that were learned of more, which keeps them.
    pub(crate) fn copy_hosts(&mut self, whole: &Self) {
        if self.hosts.is_some() {
            self.hosts.clone_from(&whole.hosts);
        }
    }

    /// Has answers say where addresses are.
    pub fn set_places(&mut self, places: Option<&Arc<Places>>) {
        self.places = places.cloned();
    }

    /// Takes over the names of hosts that were learned of more, where names are kept here.
    pub fn set_learned_hosts(&mut self, whole: Self) {
        if self.hosts.is_some() {
            self.hosts = whole.hosts;
        }
    }

    /// Five-tuples that had to leave, by label.
    pub fn departed(&self) -> impl Iterator<Item = &Departed> {
        self.departed.all()
    }

    /// Begins to learn the packets of a batch, or of whatever else outlives the [`Learning`].
    ///
    /// `file` numbers the inputs of a run from 0. [`Knowledge::make_room`] is to be called once per batch.
    pub fn learning<'b>(&mut self, file: u32) -> Learning<'_, 'b> {
        Learning { knowledge: self, file, pending: Pending::default() }
    }

    /// Counts the packets of a batch whose times are odd, which only its source can tell.
    pub(crate) fn count_oddities(&mut self, batch: &Batch) {
        self.totals.oddities.add(batch.oddities);
    }

    /// Learns one packet where only the past is known: it takes effect at once. Returns where it belongs, with the number
    /// of its five-tuple.
    pub fn follow(&mut self, frame: &Frame<'_>, headers: &Headers, file: u32) -> Place {
        self.totals.span.count(frame);
        self.dns.advertised.look_from(frame.interface);
        self.dns.learn(frame, headers, file);
        if let Some(hosts) = &mut self.hosts {
            learn_host(hosts, self.options.hosts, frame, headers);
        }
        self.learn_told();
        let Some(ports) = self.ports(frame, headers) else { return Place::default() };
        if headers.stopped.is_some() {
            self.totals.count_damage(headers, ports);
        }
        let Some(ends) = Ends::between(headers.network, headers.protocol, ports) else {
            self.totals.count_other(frame, headers);
            return Place::default();
        };
        let seen = seen(frame, headers);
        let octets = seen.carried.octets;
        let id = self.flows.take(&ends, seen);
        self.learn_announcement(frame, headers, octets);
        if let Some(refused) = refused(headers) {
            self.flows.refuse(&refused);
        }
        Place { ends: Some(ends), id: Some(id) }
    }

    /// Takes in the names of hosts that DNS messages in pieces told.
    #[inline]
    fn learn_told(&mut self) {
        if let (Some(hosts), Some(told)) = (&mut self.hosts, self.dns.told.take()) {
            hosts.merge(*told);
        }
    }

    /// The ports that a packet counts under, `None` for a fragment that counts with its datagram.
    #[inline]
    fn ports(&mut self, frame: &Frame<'_>, headers: &Headers) -> Option<Option<(u16, u16)>> {
        match headers.fragment {
            None => Some(headers.ports),
            Some(fragment) => self.ports_of_fragment(fragment, frame, headers),
        }
    }

    #[cold]
    fn ports_of_fragment(
        &mut self,
        fragment: Fragment,
        frame: &Frame<'_>,
        headers: &Headers,
    ) -> Option<Option<(u16, u16)>> {
        let Some(key) = datagram(headers) else { return Some(headers.ports) };
        let time = frame.time.map(|time| time.0);
        let fragments = &mut self.flows.fragments;
        if let Some(now) = time.filter(|_| self.options.causal) {
            // With hindsight, charting still asks for the ports of old datagrams.
            fragments.make_room(now);
        }
        if let Some(ports) = headers.ports {
            fragments.first(key, time, ports);
        } else if fragment.offset > 0 {
            if self.options.causal {
                return Some(fragments.ports(&key, time));
            }
            if fragments.later(key, time, frame.counted_len()) {
                if let Some(over_time) = &mut self.over_time {
                    let carried = (frame.time, frame.counted_len());
                    match fragments.ports(&key, time) {
                        None => over_time.wait(key, carried, headers),
                        ports => over_time.count(carried, headers, ports),
                    }
                }
                return None;
            }
        }
        Some(headers.ports)
    }

    /// Learns which endpoints a packet's message tells of; `octets` are what it carries.
    #[inline(always)]
    fn learn_announcement(&mut self, frame: &Frame<'_>, headers: &Headers, octets: &[u8]) {
        let Some(ports) = headers.ports.filter(|_| !self.options.ports_only) else { return };
        let spoken = begins_like(headers.protocol, octets);
        if may_announce(headers.protocol, ports, spoken) {
            self.announcement(frame, headers, ports, spoken);
        }
    }

    #[cold]
    fn announcement(
        &mut self,
        frame: &Frame<'_>,
        headers: &Headers,
        ports: (u16, u16),
        spoken: Option<Protocol>,
    ) {
        let Some(addresses) = headers.network.addresses().filter(|_| headers.fragment.is_none()) else {
            return;
        };
        let (source, destination) = ((addresses.0, ports.0), (addresses.1, ports.1));
        let (time, protocol) = (frame.time, headers.protocol);
        let octets = headers.payload(frame.octets);
        self.announced.observe(&Message { time, protocol, source, destination, spoken, octets });
        if matches!(headers.phase, Phase::Close | Phase::Abort) {
            self.announced.ends(Control::new(protocol, source, destination), time);
        }
    }

    /// Where a packet belongs whose capture was learned; later fragments belong where the first one does, if it is known.
    /// [`Knowledge::locate`] tells the number.
    #[inline]
    pub fn place(&self, headers: &Headers, time: Option<Timestamp>) -> Place {
        let mut ports = headers.ports;
        if let Some(fragment) = headers.fragment
            && ports.is_none()
            && fragment.offset > 0
            && let Some(key) = datagram(headers)
        {
            ports = self.flows.fragments.ports(&key, time.map(|time| time.0));
        }
        Place { ends: Ends::between(headers.network, headers.protocol, ports), id: None }
    }

    /// The five-tuple that an ICMP error quotes.
    #[inline]
    pub(crate) fn quoted(&self, headers: &Headers) -> Place {
        let Some(quoted) = headers.quoted else { return Place::default() };
        let ends = Ends::between(quoted.network, quoted.protocol, quoted.ports);
        Place { ends, id: ends.and_then(|ends| self.flows.find(&ends.key)) }
    }

    /// Finds the numbers of the five-tuples of packets: cache misses of those in a group of 32 overlap.
    pub fn locate(&self, places: &mut [Place]) {
        let mut hashes = [0; GROUP];
        for group in places.chunks_mut(GROUP) {
            for (place, hash) in group.iter().zip(&mut hashes) {
                if let Some(ends) = &place.ends {
                    *hash = self.flows.ask_for_slot(&ends.key);
                }
            }
            for (place, &hash) in group.iter().zip(&hashes) {
                if let Some(ends) = &place.ends {
                    self.flows.ask_for_entry(&ends.key, hash);
                }
            }
            for (place, &hash) in group.iter_mut().zip(&hashes) {
                place.id = place.ends.as_ref().and_then(|ends| self.flows.find_hashed(&ends.key, hash));
            }
        }
    }

    /// Learns only what depends on the order of all DNS messages: the inventory, and messages that are not whole in a frame.
    /// For stretches that [lack](Self::lacks_notes) that.
    pub(crate) fn learn_order(&mut self, frame: &Frame<'_>, headers: &Headers, file: u32) {
        self.dns.learn_order(frame, headers, file);
    }

    /// The DNS messages that this frame completes.
    pub(crate) fn whole_message(&self, packet: PacketId) -> Option<Whole<'_>> {
        self.dns.whole(packet)
    }

    /// Whether this frame holds a fragment that overlaps another of its datagram.
    pub(crate) fn overlaps(&self, packet: PacketId) -> bool {
        self.dns.overlaps(packet)
    }

    /// DNS messages in fragments or several segments that charting will not show because there is no room for them.
    pub fn dropped_messages(&self) -> u64 {
        self.dns.dropped_messages()
    }

    /// What the bounds of learning kept out, where they did: how often, and what in words.
    pub fn losses(&self) -> impl Iterator<Item = (u64, &'static str)> {
        let flows = [
            (self.departed.flows(), "flows that left the full flow table early"),
            (
                self.flows.joined(),
                "flows that ended and are added to another of the same ends, as there was no room to keep them apart",
            ),
            (self.flows.fragments.unplaced(), "fragments that found no room to wait for the others"),
            (
                self.flows.lost_names(),
                "names of servers that found no room, or whose hellos had to go before they were whole",
            ),
            (self.flows.undecided(), "flows whose first octets had to go before they told what is spoken"),
        ];
        let odd = self.totals.oddities;
        let frames = [
            (
                odd.fractions,
                "packets whose fraction of a second is out of range, as where nanoseconds are called microseconds",
            ),
            (odd.beyond, "packets whose time is before 1970 or after 2554, and not shown"),
            (odd.unnamed, "packets whose interface is one of too many for its name to be kept"),
        ];
        let traffic = self.over_time.iter().flat_map(|over_time| over_time.losses()).zip([
            "packets that are kept by interval under the names that their flows had before the end",
            "packets that found no room by interval",
        ]);
        let all = flows.into_iter().chain(frames).chain(self.dns.losses()).chain(self.announced.losses());
        let all = all.chain(traffic);
        let all = all.chain(self.hosts.iter().flat_map(|hosts| hosts.losses()));
        all.filter(|&(count, _)| count > 0)
    }

    /// Whether this is a part with more DNS messages, or pieces of them, than could be noted down: whoever merges it must have
    /// [them learned](Self::learn_order) before, or the merge is not exact.
    pub(crate) fn lacks_notes(&self) -> bool {
        self.dns.lacks_notes()
    }

    /// Forgets the DNS messages that were noted down: they were learned otherwise.
    pub(crate) fn forget_notes(&mut self) {
        self.dns.forget_notes();
    }

    /// Gives later fragments to the flows of their first ones: the end of a run with hindsight.
    pub fn settle(&mut self) {
        self.dns.settle(self.totals.span.last());
        self.learn_told();
        self.flows.settle();
    }

    /// Ends DNS-SD records whose time is over by the last packet, as others without DNS let time pass, too.
    pub(crate) fn pass_time(&mut self) {
        if let (Some(inventory), Some(now)) = (&mut self.dns.inventory, self.totals.span.last()) {
            inventory.advance(now);
        }
    }

    /// The same for a look at what is known in the middle of a run, which it does not change.
    pub(crate) fn settle_so_far(&mut self) {
        self.flows.settle_so_far();
    }

    /// Appends the knowledge of the stretch that follows.
    ///
    /// Where five-tuples have to leave for want of room, those that are held may be other ones than one pass would hold;
    /// all sums are the same.
    pub fn merge(&mut self, later: Self, shift: Shift, registry: &Registry) {
        self.make_room_for(&later, registry);
        self.dns.merge(later.dns, shift);
        self.announced.merge(later.announced);
        if let (Some(hosts), Some(later)) = (&mut self.hosts, later.hosts) {
            hosts.merge(*later);
        }
        self.flows.merge(later.flows);
        let is_empty = later.totals.span.packets == 0 && later.inputs.is_empty();
        self.merge_traffic(later.over_time, is_empty);
        self.totals.merge(later.totals);
        self.departed.merge(later.departed);
        self.quoted.merge(later.quoted);
        self.inputs.extend(later.inputs);
        self.shorten_traffic(registry);
    }

    /// Appends the knowledge of other inputs, which follow those of this one.
    pub fn append(&mut self, later: Self, registry: &Registry) {
        let file = u32::try_from(self.inputs.len()).unwrap_or(u32::MAX);
        self.merge(later, Shift { number: 0, file }, registry);
    }

    /// What was learned from, in the order of their numbers; empty unless it was learned as a
    /// [part](crate::Job::learn_part).
    pub fn inputs(&self) -> &[InputId] {
        &self.inputs
    }

    /// Notes what was learned from.
    pub(crate) fn note_input(&mut self, input: InputId) {
        self.inputs.push(input);
    }

    /// What the rules may know beside the flow itself: everything, or what is known at this moment.
    pub(crate) fn context<'k>(&'k self, registry: &'k Registry, threads: usize) -> Context<'k> {
        let learned = (&self.dns, &self.announced);
        let context = context(&self.options, &self.flows, learned, &self.totals.span, registry, threads);
        Context { listeners: self.sockets.as_ref().map(|sockets| &*sockets.listeners), ..context }
    }
}

fn flow_options(options: &Options, part: bool) -> FlowOptions {
    let &Options { flows: each, history, causal: at_once, ports_only, domains: names, share, .. } = options;
    FlowOptions { each, part, at_once, ports_only, names, history: each && history, share }
}

fn context<'k>(
    options: &Options,
    flows: &'k Flows,
    (dns, announced): (&'k Dns, &'k Announced),
    span: &Span,
    registry: &'k Registry,
    threads: usize,
) -> Context<'k> {
    Context {
        registry,
        advertised: &dns.advertised,
        announced,
        at: options.causal.then_some(span.last()).flatten(),
        listeners: None,
        flows,
        threads,
    }
}

/// Packets of a batch on their way into [`Knowledge`]: they are taken in by groups, the last one when this is dropped.
#[derive(Debug)]
pub struct Learning<'k, 'b> {
    knowledge: &'k mut Knowledge,
    file: u32,
    pending: Pending<'b>,
}

impl<'b> Learning<'_, 'b> {
    /// Learns one packet.
    #[inline]
    pub fn learn(&mut self, frame: &Frame<'b>, headers: &Headers) {
        let knowledge = &mut *self.knowledge;
        if knowledge.options.causal {
            knowledge.follow(frame, headers, self.file);
            return;
        }
        knowledge.totals.span.count(frame);
        knowledge.dns.learn(frame, headers, self.file);
        if let Some(hosts) = &mut knowledge.hosts {
            learn_host(hosts, knowledge.options.hosts, frame, headers);
        }
        let Some(ports) = knowledge.ports(frame, headers) else { return };
        if headers.stopped.is_some() {
            knowledge.totals.count_damage(headers, ports);
        }
        if let Some(over_time) = &mut knowledge.over_time {
            over_time.count((frame.time, frame.counted_len()), headers, ports);
        }
        let five_tuple = (headers.network, headers.protocol, ports);
        let seen = seen(frame, headers);
        let octets = seen.carried.octets;
        if !knowledge.flows.observe(&mut self.pending, five_tuple, seen) {
            knowledge.totals.count_other(frame, headers);
        }
        knowledge.learn_announcement(frame, headers, octets);
        if headers.quoted.is_some() {
            knowledge.quoted.note(headers);
            if let Some(refused) = refused(headers) {
                knowledge.flows.refuse(&refused);
            }
        }
    }
}

impl Drop for Learning<'_, '_> {
    fn drop(&mut self) {
        self.knowledge.flows.flush(&mut self.pending);
    }
}

/// Learns what a packet says of the names of hosts; and of the MAC of its source, where that is wanted.
#[inline]
fn learn_host(hosts: &mut Hosts, macs: bool, frame: &Frame<'_>, headers: &Headers) {
    if macs {
        learn_mac(hosts, frame, headers);
    }
    let Some(ports) = headers.ports.filter(|_| headers.fragment.is_none()) else { return };
    if may_name(headers.protocol, ports) {
        learn_name(hosts, frame, headers, ports);
    }
}

#[inline(never)]
fn learn_mac(hosts: &mut Hosts, frame: &Frame<'_>, headers: &Headers) {
    let Some(addresses) = headers.network.addresses() else {
        if headers.kind == Kind::EtherType(0x0806) && frame.link == LinkType::ETHERNET {
            hosts.observe_arp(frame.octets);
        }
        return;
    };
    // Of what came through a tunnel, the MACs may be those of its ends.
    if let Some((source, _)) = headers.macs.filter(|_| headers.tunnels.as_slice().is_empty()) {
        hosts.observe_link(addresses, headers.icmp, source);
    }
}

#[inline(never)]
fn learn_name(hosts: &mut Hosts, frame: &Frame<'_>, headers: &Headers, ports: (u16, u16)) {
    if let Some((from, to)) = headers.network.addresses() {
        let (time, protocol, octets) = (frame.time, headers.protocol, headers.payload(frame.octets));
        let (source, destination) = ((from, ports.0), (to, ports.1));
        hosts.observe(&Message { time, protocol, source, destination, spoken: None, octets });
    }
}

/// What the flow table wants to know of a packet.
#[inline]
pub(crate) fn seen<'b>(frame: &Frame<'b>, headers: &Headers) -> Observed<'b> {
    let (octets, wire) = if headers.protocol == TransportProtocol::SCTP {
        decode::sctp_message(headers.payload(frame.octets)).unwrap_or_default()
    } else {
        (headers.payload(frame.octets), headers.payload_wire_len)
    };
    Observed {
        time: frame.time,
        octets: frame.counted_len(),
        phase: headers.phase,
        flags: headers.flags,
        to_group: headers.to_group,
        carried: Carried { octets, wire, sequence: headers.sequence },
    }
}

/// The flow of a packet that an ICMP error says could not be delivered because nobody serves there, or nobody may be
/// served: RFC 792 codes 0 to 3, RFC 1812 section 5.2.7.1 codes 9, 10 and 13; RFC 4443 section 3.1 codes 0, 1, 3 and 4.
#[cold]
fn refused(headers: &Headers) -> Option<Ends> {
    let quoted = headers.quoted?;
    let refuses = match (headers.protocol, headers.icmp?) {
        (TransportProtocol(1), (3, code)) => matches!(code, 0..=3 | 9 | 10 | 13),
        (TransportProtocol(58), (1, code)) => matches!(code, 0 | 1 | 3 | 4),
        _ => false,
    };
    let ends = Ends::between(quoted.network, quoted.protocol, quoted.ports)?;
    refuses.then_some(ends).filter(|_| quoted.ports.is_some())
}

/// What fragments of a datagram have in common, where its protocol has ports.
fn datagram(headers: &Headers) -> Option<DatagramKey> {
    let fragment = headers.fragment.filter(|_| headers.protocol.has_ports())?;
    let (source, destination) = headers.network.addresses()?;
    Some(DatagramKey { source, destination, protocol: headers.protocol, id: fragment.id })
}
