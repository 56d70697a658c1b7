//! The capture itself as pcapng (draft-ietf-opsawg-pcapng), with each answer as a comment of its packet.
//!
//! Of a pcapng file every block and option stays as it is, octet for octet; packet blocks gain an `opt_comment`, and
//! each section a comment that says who wrote these, and a Name Resolution Block with the names that DNS taught. What an
//! earlier run of portolan added is replaced. Other formats become a section with one interface of the same link type,
//! snap length and resolution.
//!
//! Simple Packet Blocks have no options and stay without comment.

use std::net::IpAddr;

use super::Sink;
use crate::{
    capture::Format,
    format,
    frame::{Interface, LinkType},
    knowledge::Knowledge,
    naming::Server,
    record::{Record, Service},
};

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
const PACKET: u32 = 2;
const NAME_RESOLUTION: u32 = 4;
const ENHANCED_PACKET: u32 = 6;

const OPT_END: u16 = 0;
const OPT_COMMENT: u16 = 1;
const SHB_USERAPPL: u16 = 4;
const IF_TSRESOL: u16 = 9;

/// What our comments begin with, and how they are found again.
const MARK: &[u8] = b"portolan: ";

/// Where frames come from and how they are stored there.
#[derive(Clone, Debug)]
enum Origin {
    /// Nothing was read yet.
    Unknown,
    /// Blocks of a pcapng file, kept as they are.
    Blocks,
    /// Records of another format with times of this resolution: digits of the sub-second part.
    Records { digits: u8 },
}

/// Annotated pcapng.
#[derive(Clone, Debug)]
pub struct Pcapng {
    origin: Origin,
    /// Addresses and host names that DNS taught.
    names: Vec<(IpAddr, String)>,
    registry: String,
    comment: Vec<u8>,
}

/// The byte order of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Little,
    Big,
}

impl Order {
    fn u16(self, octets: [u8; 2]) -> u16 {
        match self {
            Self::Little => u16::from_le_bytes(octets),
            Self::Big => u16::from_be_bytes(octets),
        }
    }

    fn u32(self, octets: [u8; 4]) -> u32 {
        match self {
            Self::Little => u32::from_le_bytes(octets),
            Self::Big => u32::from_be_bytes(octets),
        }
    }

    fn put_u16(self, value: u16, out: &mut Vec<u8>) {
        out.extend_from_slice(&match self {
            Self::Little => value.to_le_bytes(),
            Self::Big => value.to_be_bytes(),
        });
    }

    fn put_u32(self, value: u32, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.octets(value));
    }

    fn octets(self, value: u32) -> [u8; 4] {
        match self {
            Self::Little => value.to_le_bytes(),
            Self::Big => value.to_be_bytes(),
        }
    }
}

/// One block: its octets, type and byte order.
#[derive(Clone, Copy)]
struct Block<'a> {
    octets: &'a [u8],
    kind: u32,
    order: Order,
}

impl<'a> Block<'a> {
    /// The first block of `octets`, whose byte order shows in its two equal lengths.
    fn first(octets: &'a [u8]) -> Option<Self> {
        let kind: [u8; 4] = *octets.first_chunk()?;
        let len: [u8; 4] = *octets.get(4..)?.first_chunk()?;
        [Order::Little, Order::Big].into_iter().find_map(|order| {
            // Early drafts did not pad the length; the trailer does begin at a multiple of four.
            let len = (order.u32(len) as usize).checked_next_multiple_of(4)?;
            let block = octets.get(..len).filter(|_| len >= 12)?;
            let trailer: [u8; 4] = *block.last_chunk()?;
            let stated: [u8; 4] = *block.get(4..)?.first_chunk()?;
            (trailer == stated).then(|| Self { octets: block, kind: order.u32(kind), order })
        })
    }

    /// The options from `start` on, up to the trailer.
    fn options(&self, start: usize) -> impl Iterator<Item = (u16, &'a [u8], &'a [u8])> + use<'a> {
        let order = self.order;
        let mut rest = self.octets.get(start..self.octets.len() - 4).unwrap_or_default();
        std::iter::from_fn(move || {
            let code = order.u16(*rest.first_chunk()?);
            let len = usize::from(order.u16(*rest.get(2..)?.first_chunk()?));
            let whole = rest.get(..4 + len.next_multiple_of(4))?;
            rest = &rest[whole.len()..];
            (code != OPT_END).then(|| (code, &whole[4..4 + len], whole))
        })
    }
}

impl Pcapng {
    /// Annotations from the registry of that date.
    pub fn new(registry_date: &str) -> Self {
        let registry = registry_date.to_owned();
        Self { origin: Origin::Unknown, names: Vec::new(), registry, comment: Vec::new() }
    }

    /// `portolan: written by …`, which marks a section and our Name Resolution Block.
    fn signature(&self) -> Vec<u8> {
        let version = env!("CARGO_PKG_VERSION");
        format!("portolan: annotated by portolan {version}, IANA registry of {}", self.registry).into_bytes()
    }

    /// Copies blocks, except that sections are signed and our own earlier Name Resolution Blocks left out.
    fn blocks(&self, mut octets: &[u8], out: &mut Vec<u8>) {
        while let Some(block) = Block::first(octets) {
            octets = &octets[block.octets.len()..];
            match block.kind {
                SECTION_HEADER => {
                    let start = out.len();
                    self.with_comment(&block, 24, &self.signature(), out);
                    // The length of the section is no longer what it was: "not specified" (section 4.1).
                    if let Some(len) = out.get_mut(start + 16..start + 24) {
                        len.fill(0xff);
                    }
                    self.name_resolution(block.order, out);
                }
                NAME_RESOLUTION if is_ours(&block) => {}
                _ => out.extend_from_slice(block.octets),
            }
        }
        out.extend_from_slice(octets);
    }

    /// Appends a block with our comment added to its options, which begin at `start`; an earlier one of ours is dropped.
    fn with_comment(&self, block: &Block<'_>, start: usize, comment: &[u8], out: &mut Vec<u8>) {
        let order = block.order;
        let begin = out.len();
        out.extend_from_slice(&block.octets[..start.min(block.octets.len() - 4)]);
        for (code, value, whole) in block.options(start) {
            if code != OPT_COMMENT || !value.starts_with(MARK) {
                out.extend_from_slice(whole);
            }
        }
        if !comment.is_empty() {
            option(order, OPT_COMMENT, comment, out);
        }
        close_options(order, begin + start, out);
        close_block(order, begin, out);
    }

    fn name_resolution(&self, order: Order, out: &mut Vec<u8>) {
        const NRB_END: u16 = 0;
        const NRB_IPV4: u16 = 1;
        const NRB_IPV6: u16 = 2;
        if self.names.is_empty() {
            return;
        }
        let begin = open_block(order, NAME_RESOLUTION, out);
        for (address, name) in &self.names {
            let mut value = match address {
                IpAddr::V4(v4) => v4.octets().to_vec(),
                IpAddr::V6(v6) => v6.octets().to_vec(),
            };
            value.extend_from_slice(name.as_bytes());
            value.push(0);
            let kind = if address.is_ipv4() { NRB_IPV4 } else { NRB_IPV6 };
            option(order, kind, &value, out);
        }
        order.put_u16(NRB_END, out);
        order.put_u16(0, out);
        option(order, OPT_COMMENT, &self.signature(), out);
        option(order, OPT_END, &[], out);
        close_block(order, begin, out);
    }

    /// A section and its one interface, for frames that did not come from pcapng.
    fn section(&self, interface: Option<&Interface>, digits: u8, out: &mut Vec<u8>) {
        let order = Order::Little;
        let begin = open_block(order, SECTION_HEADER, out);
        order.put_u32(0x1a2b_3c4d, out);
        order.put_u16(1, out);
        order.put_u16(0, out);
        out.extend_from_slice(&[0xff; 8]);
        option(order, SHB_USERAPPL, format!("portolan {}", env!("CARGO_PKG_VERSION")).as_bytes(), out);
        option(order, OPT_COMMENT, &self.signature(), out);
        option(order, OPT_END, &[], out);
        close_block(order, begin, out);
        self.name_resolution(order, out);
        let begin = open_block(order, INTERFACE_DESCRIPTION, out);
        order.put_u16(interface.map_or(LinkType::ETHERNET, |interface| interface.link).0, out);
        order.put_u16(0, out);
        order.put_u32(interface.map_or(0, |interface| interface.snap_len), out);
        if let Some(name) = interface.and_then(|interface| interface.name.as_deref()) {
            option(order, 2, name.as_bytes(), out);
        }
        option(order, IF_TSRESOL, &[digits], out);
        option(order, OPT_END, &[], out);
        close_block(order, begin, out);
    }

    /// The comment of a packet; empty where there is nothing to say.
    fn describe(&mut self, record: &Record<'_>) {
        self.comment.clear();
        let Some(service) = &record.service else { return };
        let Some(rule) = service.known.rule else { return };
        let (label, out) = (service.label, &mut self.comment);
        out.extend_from_slice(MARK);
        out.extend_from_slice(&label.text);
        server(record, service, out);
        if let Some(evidence) = label.evidence {
            out.extend_from_slice(b"; evidence=");
            out.extend_from_slice(evidence.word().as_bytes());
        }
        out.extend_from_slice(b"; rule=");
        out.extend_from_slice(rule.word().as_bytes());
        if let Some(instance) = &label.instance {
            out.extend_from_slice(b"; instance=");
            out.extend_from_slice(instance.as_bytes());
        }
        if service.known.revised {
            out.extend_from_slice(b"; revised");
        }
    }
}

fn server(record: &Record<'_>, service: &Service<'_>, out: &mut Vec<u8>) {
    let Some((source, destination)) = record.addresses() else { return };
    match (service.known.server, service.side()) {
        (Server::Both, _) => out.extend_from_slice(b"; server=both"),
        (_, "source") => {
            out.extend_from_slice(b"; server=");
            format::address(source, out);
        }
        (_, "destination") => {
            out.extend_from_slice(b"; server=");
            format::address(destination, out);
        }
        _ => {}
    }
}

/// Whether a Name Resolution Block is one that portolan wrote.
fn is_ours(block: &Block<'_>) -> bool {
    // Its records have the shape of options and end the same way; what follows the end is options.
    let records: usize = block.options(8).map(|(_, _, whole)| whole.len()).sum();
    block.options(8 + records + 4).any(|(code, value, _)| code == OPT_COMMENT && value.starts_with(MARK))
}

fn option(order: Order, code: u16, value: &[u8], out: &mut Vec<u8>) {
    // A comment is at most 65,535 octets; ours are a few hundred.
    let value = &value[..value.len().min(u16::MAX.into())];
    order.put_u16(code, out);
    order.put_u16(value.len() as u16, out);
    out.extend_from_slice(value);
    out.extend_from_slice(&[0; 3][..value.len().next_multiple_of(4) - value.len()]);
}

fn open_block(order: Order, kind: u32, out: &mut Vec<u8>) -> usize {
    let begin = out.len();
    order.put_u32(kind, out);
    order.put_u32(0, out);
    begin
}

/// Ends the options that began at `start`, if there are any.
fn close_options(order: Order, start: usize, out: &mut Vec<u8>) {
    if out.len() > start {
        option(order, OPT_END, &[], out);
    }
}

/// Writes both lengths of the block that began at `begin`.
fn close_block(order: Order, begin: usize, out: &mut Vec<u8>) {
    let len = (out.len() - begin + 4) as u32;
    order.put_u32(len, out);
    out[begin + 4..begin + 8].copy_from_slice(&order.octets(len));
}

impl Sink for Pcapng {
    fn learned(&mut self, knowledge: &Knowledge) {
        self.names = knowledge.host_names().collect();
    }

    fn file(&mut self, form: Option<Format>, interfaces: &[Interface], out: &mut Vec<u8>) {
        self.origin = match form {
            Some(Format::Pcapng) => Origin::Blocks,
            Some(Format::PcapNanoseconds) | None => Origin::Records { digits: 9 },
            Some(_) => Origin::Records { digits: 6 },
        };
        if let Origin::Records { digits } = self.origin {
            self.section(interfaces.first(), digits, out);
        }
    }

    fn between(&mut self, octets: &[u8], out: &mut Vec<u8>) {
        if matches!(self.origin, Origin::Blocks) {
            self.blocks(octets, out);
        }
    }

    fn skip(&mut self, octets: &[u8], out: &mut Vec<u8>) {
        if matches!(self.origin, Origin::Blocks)
            && let Some(block) = Block::first(octets)
        {
            self.blocks(&octets[block.octets.len()..], out);
        }
    }

    fn packet(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        self.describe(record);
        let comment = std::mem::take(&mut self.comment);
        match self.origin {
            Origin::Records { digits } => {
                let order = Order::Little;
                let begin = open_block(order, ENHANCED_PACKET, out);
                order.put_u32(0, out);
                let unit = if digits == 9 { 1 } else { 1000 };
                let time = record.frame.time.map_or(0, |time| time.0) / unit;
                order.put_u32((time >> 32) as u32, out);
                order.put_u32(time as u32, out);
                order.put_u32(record.frame.octets.len() as u32, out);
                order.put_u32(record.frame.original_len, out);
                out.extend_from_slice(record.frame.octets);
                let padding = record.frame.octets.len().next_multiple_of(4) - record.frame.octets.len();
                out.extend_from_slice(&[0; 3][..padding]);
                if !comment.is_empty() {
                    option(order, OPT_COMMENT, &comment, out);
                    option(order, OPT_END, &[], out);
                }
                close_block(order, begin, out);
            }
            Origin::Blocks | Origin::Unknown => {
                if let Some(block) = Block::first(record.raw) {
                    let captured = block.octets.get(20..).and_then(|rest| rest.first_chunk());
                    let captured = captured.map_or(0, |len| block.order.u32(*len) as usize);
                    let options = 28 + captured.next_multiple_of(4);
                    if matches!(block.kind, ENHANCED_PACKET | PACKET) && options + 4 <= block.octets.len() {
                        self.with_comment(&block, options, &comment, out);
                    } else {
                        out.extend_from_slice(block.octets);
                    }
                    self.blocks(&record.raw[block.octets.len()..], out);
                } else {
                    out.extend_from_slice(record.raw);
                }
            }
        }
        self.comment = comment;
    }
}
