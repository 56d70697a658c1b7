//! The capture itself as pcapng (draft-ietf-opsawg-pcapng), with each answer as a comment of its packet.
//!
//! Of a pcapng file every block and option stays as it is, octet for octet, with these exceptions: packet blocks gain an
//! `opt_comment`; each section gains one that says who wrote these, and a Name Resolution Block with the names that DNS
//! taught; its length becomes "unspecified". What an earlier run of portolan added is replaced. Other formats become a
//! section of the same byte order with one interface of the same link type, snap length and resolution.
//!
//! Simple Packet Blocks have no options, so they stay without a comment; so do blocks whose options cannot be read.

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use super::{Encoder, Input};
use crate::{
    capture::Losses,
    flow::Direction,
    hosts::Hosts,
    knowledge::Knowledge,
    naming::{Evidence, Side},
    packet::{Batch, Interface, LinkType},
    record::{Record, Service},
    savefile::{
        FileFormat, Order,
        pcapng::{self, Block, code, kind},
    },
    text::number,
};

/// What our comments begin with, and how they are found again.
const MARK: &[u8] = b"portolan: ";
/// Most octets of a comment: what the length of an option can say.
const MAX_COMMENT: usize = u16::MAX as usize;
/// Most octets of the Name Resolution Blocks of a file. Further names, and those of further sections, are left out, so
/// that many sections and many names do not multiply.
const MAX_NAMES: u64 = 16 << 20;

/// How the input stores its frames.
#[derive(Clone, Copy, Debug)]
enum Origin {
    /// In blocks of a pcapng file.
    Blocks,
    /// In another form, with times of so many decimal digits below the second.
    Records { digits: u8 },
}

/// Annotated pcapng.
#[derive(Clone, Debug)]
pub struct Pcapng {
    origin: Origin,
    /// Byte order of the section at hand.
    order: Order,
    /// Sections begun in the file at hand.
    sections: u64,
    /// The Name Resolution Block, little-endian and big-endian; empty where there are no names.
    names: Arc<[Vec<u8>; 2]>,
    /// The comment that marks sections and our Name Resolution Blocks.
    signature: Vec<u8>,
    comment: Vec<u8>,
    /// What a live input captures on, of several what meets further interfaces, and how many of all were described.
    live: Option<(Interface, usize)>,
}

impl Pcapng {
    /// Annotations from the registry of that date.
    pub fn new(registry_date: &str) -> Self {
        let version = env!("CARGO_PKG_VERSION");
        let signature =
            format!("portolan: annotated by portolan {version}, IANA registry of {registry_date}");
        Self {
            origin: Origin::Blocks,
            order: Order::Little,
            sections: 0,
            names: Arc::default(),
            signature: signature.into_bytes(),
            comment: Vec::new(),
            live: None,
        }
    }

    /// Copies blocks, except that sections are signed, and our own earlier Name Resolution Blocks left out.
    fn blocks(&mut self, mut octets: &[u8], out: &mut Vec<u8>) {
        while let Some((block, rest)) = Block::split(octets, self.order) {
            octets = rest;
            match block.kind {
                kind::SECTION_HEADER => self.section_header(&block, out),
                kind::NAME_RESOLUTION if is_ours(&block) => {}
                _ => out.extend_from_slice(block.octets),
            }
        }
    }

    fn section_header(&mut self, block: &Block<'_>, out: &mut Vec<u8>) {
        let begin = out.len();
        pcapng::commented(block, 24, (MARK, &self.signature), out);
        // The section's length is no longer what it was: -1 means that it is not specified (section 4.1).
        if let Some(len) = out.get_mut(begin + 16..begin + 24) {
            len.fill(0xff);
        }
        self.order = block.order;
        self.sections += 1;
        self.name_resolution(out);
    }

    /// Appends the Name Resolution Block of the section that has just begun.
    fn name_resolution(&self, out: &mut Vec<u8>) {
        let [little, big] = &*self.names;
        let names = if self.order == Order::Little { little } else { big };
        if self.sections == 1 || names.len() as u64 * self.sections <= MAX_NAMES {
            out.extend_from_slice(names);
        }
    }

    fn learn_names(&mut self, knowledge: &Knowledge) {
        self.names = Arc::new([Order::Little, Order::Big].map(|order| self.names(knowledge, order)));
    }

    /// A block of the names that are known; empty where there are none.
    pub(super) fn names(&self, knowledge: &Knowledge, order: Order) -> Vec<u8> {
        let mut out = Vec::new();
        let names = knowledge.hosts().into_iter().flat_map(Hosts::found_by);
        pcapng::name_resolution(order, names, &self.signature, MAX_NAMES, &mut out);
        out
    }

    /// Begins a section with one interface, for frames that do not come from pcapng.
    fn section(&mut self, input: &Input<'_>, digits: u8, out: &mut Vec<u8>) {
        const UNKNOWN: &Interface =
            &Interface { link: LinkType::ETHERNET, snap_len: 0, name: None, fcs_len: None };
        // Numbers in the byte order of the capturing host (USB, Bluetooth, loopback) are read in that of the section.
        self.order = if input.big_endian { Order::Big } else { Order::Little };
        self.sections = 1;
        let program = concat!("portolan ", env!("CARGO_PKG_VERSION"));
        pcapng::section_header(self.order, program, &self.signature, out);
        self.name_resolution(out);
        let first = input.interfaces.first().unwrap_or(UNKNOWN);
        if input.format.is_some() || input.interfaces.is_empty() {
            pcapng::interface_description(self.order, first, digits, out);
            self.live = input.format.is_none().then(|| (first.clone(), 1));
            return;
        }
        for interface in input.interfaces {
            pcapng::interface_description(self.order, interface, digits, out);
        }
        // Only `any` meets further ones.
        let any = input.interfaces.iter().find(|interface| interface.link == LinkType::LINUX_SLL2);
        self.live = Some((any.unwrap_or(first).clone(), input.interfaces.len()));
    }

    /// Describes interfaces that a live input has met since: those behind `any`.
    fn describe_interfaces(&mut self, digits: u8, names: &[Option<String>], out: &mut Vec<u8>) {
        let Some((device, described)) = &mut self.live else { return };
        for name in names.iter().skip(*described) {
            let interface = Interface { name: name.clone(), ..device.clone() };
            pcapng::interface_description(self.order, &interface, digits, out);
        }
        *described = names.len().max(*described);
    }

    /// Makes the comment of a packet; it is empty where there is nothing to say.
    fn describe(&mut self, record: &Record<'_>) {
        let out = &mut self.comment;
        out.clear();
        let Some(service) = &record.service else { return };
        let Some(rule) = service.known.rule else { return };
        let label = service.label;
        out.extend_from_slice(MARK);
        out.extend_from_slice(&label.text);
        server(record, service, out);
        out.extend_from_slice(label.evidence.map_or("; rule=", evidence_and_rule).as_bytes());
        out.extend_from_slice(rule.as_str().as_bytes());
        if let Some(instance) = &label.instance {
            out.extend_from_slice(b"; instance=");
            out.extend_from_slice(instance.as_bytes());
        }
        if let Some(state) = label.state.filter(|state| !state.is_served()) {
            out.extend_from_slice(b"; state=");
            out.extend_from_slice(state.as_str().as_bytes());
        }
        if let Some(speech) = &label.speech {
            out.extend_from_slice(b"; protocol=");
            out.extend_from_slice(speech.protocol.word().as_bytes());
        }
        if let Some(mismatch) = label.mismatch {
            out.extend_from_slice(b"; mismatch=");
            out.extend_from_slice(mismatch.as_str().as_bytes());
        }
        if let Some((domain, _)) = record.server_domain() {
            out.extend_from_slice(b"; domain=");
            out.extend_from_slice(domain.as_bytes());
        }
        if let Some(owner) = record.local_end().and_then(|local| local.owner()) {
            out.extend_from_slice(b"; process=");
            out.extend_from_slice(owner.name.as_bytes());
        }
        if service.known.revised {
            out.extend_from_slice(b"; revised");
        }
        shorten(out);
    }
}

/// What stands before the rule, in one piece as nearly every packet gets it.
const fn evidence_and_rule(evidence: Evidence) -> &'static str {
    match evidence {
        Evidence::User => "; evidence=user; rule=",
        Evidence::Advertised => "; evidence=advertised; rule=",
        Evidence::Payload => "; evidence=payload; rule=",
        Evidence::Registered => "; evidence=registered; rule=",
        Evidence::None => "; evidence=none; rule=",
    }
}

/// Cuts a comment that is too long between two characters.
fn shorten(comment: &mut Vec<u8>) {
    if comment.len() > MAX_COMMENT {
        let is_continuation = |&octet: &u8| octet & 0xc0 == 0x80;
        let cut = comment[..=MAX_COMMENT].iter().rposition(|octet| !is_continuation(octet));
        comment.truncate(cut.unwrap_or_default());
    }
}

fn server(record: &Record<'_>, service: &Service<'_>, out: &mut Vec<u8>) {
    let Some((source, destination)) = record.addresses() else { return };
    let (low, high) = match service.direction {
        Direction::Up => (source, destination),
        Direction::Down => (destination, source),
    };
    let address = match service.known.side {
        Side::Low => low,
        Side::High => high,
        Side::Both => return out.extend_from_slice(b"; server=both"),
        Side::Neither => return,
    };
    out.extend_from_slice(b"; server=");
    number::address(address, out);
}

/// Whether a Name Resolution Block is one that portolan wrote.
fn is_ours(block: &Block<'_>) -> bool {
    let mut options = block.options(8).after_records();
    options.any(|option| option.code == code::COMMENT && option.value.starts_with(MARK))
}

impl Encoder for Pcapng {
    type Part = Vec<u8>;

    fn know(&mut self, knowledge: &Knowledge) {
        self.learn_names(knowledge);
    }

    fn input(&mut self, input: &Input<'_>, out: &mut Vec<u8>) {
        self.origin = match input.format {
            Some(FileFormat::Pcapng) => Origin::Blocks,
            // Read as pcapng.
            Some(format) if format.is_translated() => Origin::Blocks,
            Some(FileFormat::PcapNanoseconds) | None => Origin::Records { digits: 9 },
            Some(_) => Origin::Records { digits: 6 },
        };
        if let Origin::Records { digits } = self.origin {
            self.section(input, digits, out);
        }
    }

    fn keeps_blocks(&self) -> bool {
        matches!(self.origin, Origin::Blocks)
    }

    fn batch(&mut self, batch: &Batch, out: &mut Vec<u8>) {
        if self.keeps_blocks() {
            let sections = batch.sections();
            self.order = if sections.big_endian { Order::Big } else { Order::Little };
            self.sections = sections.begun;
            self.blocks(batch.head(), out);
        }
        if let Origin::Records { digits } = self.origin {
            self.describe_interfaces(digits, batch.names(), out);
        }
    }

    fn skip(&mut self, octets: &[u8], out: &mut Vec<u8>) {
        if self.keeps_blocks()
            && let Some((_, rest)) = Block::split(octets, self.order)
        {
            self.blocks(rest, out);
        }
    }

    fn packet(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        self.describe(record);
        match self.origin {
            Origin::Records { digits } => {
                pcapng::enhanced_packet(self.order, &record.frame, digits, &self.comment, out);
            }
            Origin::Blocks => {
                let Some((block, rest)) = Block::split(record.raw, self.order) else { return };
                match block.kind {
                    // The obsolete Packet Block has the same lengths in the same places.
                    kind::ENHANCED_PACKET | kind::PACKET => {
                        let options = 28 + record.frame.octets.len().next_multiple_of(4);
                        pcapng::commented(&block, options, (MARK, &self.comment), out);
                    }
                    _ => out.extend_from_slice(block.octets),
                }
                self.blocks(rest, out);
            }
        }
    }

    fn losses(&mut self, each: &[Losses], out: &mut Vec<u8>) {
        let Origin::Records { digits } = self.origin else { return };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let time = now.as_nanos() / 10_u128.pow(u32::from(9 - digits));
        let time = u64::try_from(time).unwrap_or(u64::MAX);
        for (interface, losses) in (0..).zip(each) {
            let counts = [losses.received, losses.interface_dropped, losses.kernel_dropped];
            pcapng::interface_statistics(self.order, (interface, time), counts, out);
        }
    }

    fn end(&mut self, knowledge: &Knowledge, out: &mut Vec<u8>) {
        // Where only the past was known, the names come last.
        if self.names.iter().all(Vec::is_empty) && self.sections > 0 {
            self.learn_names(knowledge);
            self.sections = 1;
            self.name_resolution(out);
        }
    }
}
