//! What DNS messages taught, whole or in fragments.

use std::net::IpAddr;

use super::Options;
use crate::{
    decode::Headers,
    dns::{
        Advertised, Fragmented, Origin, Via, Whole,
        inventory::{Inventory, Sighting},
    },
    packet::{Frame, PacketId, Timestamp},
};

/// Endpoints, the inventory, and messages in fragments.
#[derive(Debug)]
pub(super) struct Dns {
    causal: bool,
    pub(super) advertised: Advertised,
    pub(super) inventory: Option<Inventory>,
    fragmented: Fragmented,
    /// What messages in fragments taught. It counts after all else, as fragments do not know in which stretch their
    /// message will be complete.
    late: Advertised,
}

impl Dns {
    /// `part` is for what will be merged to an earlier stretch.
    pub(super) fn new(options: &Options, part: bool) -> Self {
        Self {
            causal: options.causal,
            advertised: if options.causal { Advertised::causal() } else { Advertised::new() },
            inventory: options.inventory.then(Inventory::default),
            fragmented: Fragmented::new(part, options.causal),
            late: Advertised::new(),
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
        for message in via.messages(headers.payload(frame.octets)) {
            if !via.ignores(ports.0, &message) {
                self.advertised.observe(Origin { via, interface: frame.interface }, frame.time, &message);
            }
            if let Some(inventory) = &mut self.inventory {
                inventory.observe(sighting, &message);
            }
        }
    }

    /// Learns only what a fragment adds to a message.
    #[cold]
    pub(super) fn learn_fragment(&mut self, frame: &Frame<'_>, headers: &Headers, file: u32) {
        let Some(sighting) = sighting(frame, headers, headers.ports.unwrap_or_default(), file) else {
            return;
        };
        self.take_fragment(sighting, headers, headers.payload(frame.octets));
    }

    fn take_fragment(&mut self, sighting: Sighting, headers: &Headers, payload: &[u8]) {
        let Some((ports, whole)) =
            self.fragmented.push((sighting.packet, sighting.interface), sighting.time, headers, payload)
        else {
            return;
        };
        let Some(via) = Via::of(headers.protocol, ports.0, ports.1) else { return };
        let (source, destination) = ((sighting.source.0, ports.0), (sighting.destination.0, ports.1));
        let advertised = if self.causal { &mut self.advertised } else { &mut self.late };
        for message in via.messages(whole) {
            if !via.ignores(ports.0, &message) {
                advertised.observe(Origin { via, interface: sighting.interface }, sighting.time, &message);
            }
            if let Some(inventory) = &mut self.inventory {
                inventory.observe(Sighting { source, destination, ..sighting }, &message);
            }
        }
    }

    /// The message that this frame completes.
    pub(super) fn whole(&self, packet: PacketId) -> Option<Whole<'_>> {
        self.fragmented.message(packet)
    }

    /// Whether this frame holds a fragment that overlaps another of its datagram.
    pub(super) fn overlaps(&self, packet: PacketId) -> bool {
        self.fragmented.overlaps(packet)
    }

    /// Messages in fragments that charting will not show because there is no room for them.
    pub(super) fn dropped_messages(&self) -> u64 {
        self.fragmented.dropped()
    }

    /// Whether there were more fragments than a later stretch can note down.
    pub(super) fn lacks_fragments(&self) -> bool {
        self.fragmented.is_full()
    }

    /// What the bounds kept out: how often, and what in words.
    pub(super) fn losses(&self) -> [(u64, &'static str); 9] {
        let limits = self.inventory.as_ref().map(Inventory::limits).unwrap_or_default();
        [
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
        ]
    }

    /// Appends what the stretch that follows taught, whose frames were numbered too low by `shift`.
    ///
    /// An inventory cannot be merged: it is the order of its messages that counts. Who asks for one learns in one piece.
    pub(super) fn merge(&mut self, later: Self, shift: u64) {
        debug_assert!(later.inventory.is_none(), "the inventory of a later stretch would be lost");
        later.fragmented.replay(|(packet, interface), time, headers, payload| {
            let packet = PacketId { number: packet.number + shift, ..packet };
            let Some((from, to)) = headers.network.addresses() else { return };
            let (source, destination) = headers.ports.unwrap_or_default();
            let sighting = Sighting {
                packet,
                time,
                interface,
                source: (from, source),
                destination: (to, destination),
                protocol: headers.protocol,
            };
            self.take_fragment(sighting, headers, payload);
        });
        self.advertised.merge(later.advertised);
        self.late.merge(later.late);
    }

    /// The end of what is learned with hindsight. Packets without DNS make time pass, too.
    pub(super) fn settle(&mut self, last: Option<Timestamp>) {
        if let (Some(inventory), Some(last)) = (&mut self.inventory, last) {
            inventory.advance(last);
        }
        self.advertised.merge(std::mem::take(&mut self.late));
    }

    /// Addresses and the host names taught for them, escaped as on a terminal.
    pub(super) fn host_names(&self) -> impl Iterator<Item = (IpAddr, String)> {
        self.advertised.host_names()
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
