//! The capture itself as pcapng (draft-ietf-opsawg-pcapng), with each answer as a comment of its packet.
//!
//! Of a pcapng file every block and option stays as it is, octet for octet, with these exceptions: packet blocks gain an
//! `opt_comment`; each section gains one that says who wrote these, and a Name Resolution Block with the names that DNS
//! taught; its length becomes "unspecified". What an earlier run of portolan added is replaced. Other formats become a
//! section with one interface of the same link type, snap length and resolution.
//!
//! Simple Packet Blocks have no options, so they stay without a comment; so do blocks whose options cannot be read.

use std::{net::IpAddr, sync::Arc};

use super::{Encoder, Input};
use crate::{
    knowledge::Knowledge,
    naming::Side,
    packet::{Batch, Frame, Interface, LinkType, Timestamp},
    record::{Record, Service},
    savefile::{
        FileFormat, Order,
        pcapng::block::{
            self, Block, ENHANCED_PACKET, INTERFACE_DESCRIPTION, NAME_RESOLUTION, OPT_COMMENT, OPT_END,
        },
    },
    text::number,
};

const SHB_USERAPPL: u16 = 4;
const IF_NAME: u16 = 2;
const IF_TSRESOL: u16 = 9;
const IF_FCSLEN: u16 = 13;

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
        }
    }

    /// Copies blocks, except that sections are signed, and our own earlier Name Resolution Blocks left out.
    fn blocks(&mut self, mut octets: &[u8], out: &mut Vec<u8>) {
        while let Some((block, rest)) = Block::split(octets, self.order) {
            octets = rest;
            match block.kind {
                block::SECTION_HEADER => self.section_header(&block, out),
                NAME_RESOLUTION if is_ours(&block) => {}
                _ => out.extend_from_slice(block.octets),
            }
        }
    }

    fn section_header(&mut self, block: &Block<'_>, out: &mut Vec<u8>) {
        let begin = out.len();
        block.comment(24, MARK, &self.signature, out);
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
        let names = [Order::Little, Order::Big].map(|order| {
            let mut out = Vec::new();
            self.write_names(knowledge.host_names(), order, &mut out);
            out
        });
        self.names = Arc::new(names);
    }

    fn write_names(&self, names: impl Iterator<Item = (IpAddr, String)>, order: Order, out: &mut Vec<u8>) {
        const NRB_RECORD_IPV4: u16 = 1;
        const NRB_RECORD_IPV6: u16 = 2;
        let begin = block::open(order, NAME_RESOLUTION, out);
        let start = out.len();
        let mut value = Vec::new();
        for (address, name) in names {
            value.clear();
            let kind = match address {
                IpAddr::V4(v4) => {
                    value.extend_from_slice(&v4.octets());
                    NRB_RECORD_IPV4
                }
                IpAddr::V6(v6) => {
                    value.extend_from_slice(&v6.octets());
                    NRB_RECORD_IPV6
                }
            };
            value.extend_from_slice(name.as_bytes());
            value.push(0);
            if (out.len() + value.len()) as u64 + 1024 > MAX_NAMES {
                break;
            }
            block::write_option(order, kind, &value, out);
        }
        if out.len() == start {
            out.truncate(begin);
            return;
        }
        // The end of the records looks like that of the options.
        block::write_option(order, OPT_END, &[], out);
        block::write_option(order, OPT_COMMENT, &self.signature, out);
        block::write_option(order, OPT_END, &[], out);
        block::close(order, begin, out);
    }

    /// Begins a section with one interface, for frames that do not come from pcapng.
    fn section(&mut self, interface: Option<&Interface>, digits: u8, out: &mut Vec<u8>) {
        let order = Order::Little;
        (self.order, self.sections) = (order, 1);
        let begin = block::open(order, block::SECTION_HEADER, out);
        out.extend_from_slice(&order.u32_octets(0x1a2b_3c4d));
        for version in [1, 0] {
            out.extend_from_slice(&order.u16_octets(version));
        }
        out.extend_from_slice(&[0xff; 8]);
        let program = concat!("portolan ", env!("CARGO_PKG_VERSION"));
        block::write_option(order, SHB_USERAPPL, program.as_bytes(), out);
        block::write_option(order, OPT_COMMENT, &self.signature, out);
        block::write_option(order, OPT_END, &[], out);
        block::close(order, begin, out);
        self.name_resolution(out);
        let begin = block::open(order, INTERFACE_DESCRIPTION, out);
        let link = interface.map_or(LinkType::ETHERNET, |interface| interface.link);
        out.extend_from_slice(&order.u16_octets(link.0));
        out.extend_from_slice(&[0; 2]);
        out.extend_from_slice(&order.u32_octets(interface.map_or(0, |interface| interface.snap_len)));
        if let Some(name) = interface.and_then(|interface| interface.name.as_deref()) {
            block::write_option(order, IF_NAME, name.as_bytes(), out);
        }
        block::write_option(order, IF_TSRESOL, &[digits], out);
        if let Some(octets) = interface.and_then(|interface| interface.fcs_len) {
            block::write_option(order, IF_FCSLEN, &[octets], out);
        }
        block::write_option(order, OPT_END, &[], out);
        block::close(order, begin, out);
    }

    /// Appends a frame as an Enhanced Packet Block, with the comment at hand.
    fn enhanced_packet(&self, frame: &Frame<'_>, digits: u8, out: &mut Vec<u8>) {
        let order = self.order;
        let begin = block::open(order, ENHANCED_PACKET, out);
        let ticks = frame.time.map_or(0, |Timestamp(time)| time / 10_u64.pow(u32::from(9 - digits)));
        let captured = frame.octets.len();
        for word in [0, (ticks >> 32) as u32, ticks as u32, captured as u32, frame.original_len] {
            out.extend_from_slice(&order.u32_octets(word));
        }
        out.extend_from_slice(frame.octets);
        block::pad(captured, out);
        if !self.comment.is_empty() {
            block::write_option(order, OPT_COMMENT, &self.comment, out);
            block::write_option(order, OPT_END, &[], out);
        }
        block::close(order, begin, out);
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
        if let Some(evidence) = label.evidence {
            out.extend_from_slice(b"; evidence=");
            out.extend_from_slice(evidence.as_str().as_bytes());
        }
        out.extend_from_slice(b"; rule=");
        out.extend_from_slice(rule.as_str().as_bytes());
        if let Some(instance) = &label.instance {
            out.extend_from_slice(b"; instance=");
            out.extend_from_slice(instance.as_bytes());
        }
        if service.known.revised {
            out.extend_from_slice(b"; revised");
        }
        shorten(out);
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
    match (service.known.side, service.side()) {
        (Side::Both, _) => out.extend_from_slice(b"; server=both"),
        (_, "source") => {
            out.extend_from_slice(b"; server=");
            number::address(source, out);
        }
        (_, "destination") => {
            out.extend_from_slice(b"; server=");
            number::address(destination, out);
        }
        _ => {}
    }
}

/// Whether a Name Resolution Block is one that portolan wrote.
fn is_ours(block: &Block<'_>) -> bool {
    let mut options = block.options(8).after_records();
    options.any(|option| option.code == OPT_COMMENT && option.value.starts_with(MARK))
}

impl Encoder for Pcapng {
    type Part = Vec<u8>;

    fn begin(&mut self, known: Option<&Knowledge>, _out: &mut Vec<u8>) {
        if let Some(knowledge) = known {
            self.learn_names(knowledge);
        }
    }

    fn input(&mut self, input: &Input<'_>, out: &mut Vec<u8>) {
        self.origin = match input.format {
            Some(FileFormat::Pcapng) => Origin::Blocks,
            Some(FileFormat::PcapNanoseconds) | None => Origin::Records { digits: 9 },
            Some(FileFormat::Pcap | FileFormat::PcapModified | FileFormat::Snoop) => {
                Origin::Records { digits: 6 }
            }
        };
        if let Origin::Records { digits } = self.origin {
            self.section(input.interfaces.first(), digits, out);
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
            Origin::Records { digits } => self.enhanced_packet(&record.frame, digits, out),
            Origin::Blocks => {
                let Some((block, rest)) = Block::split(record.raw, self.order) else { return };
                match block.kind {
                    // The obsolete Packet Block has the same lengths in the same places.
                    ENHANCED_PACKET | block::PACKET => {
                        let options = 28 + record.frame.octets.len().next_multiple_of(4);
                        block.comment(options, MARK, &self.comment, out);
                    }
                    _ => out.extend_from_slice(block.octets),
                }
                self.blocks(rest, out);
            }
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
