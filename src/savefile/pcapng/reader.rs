//! The pcapng file format (draft-ietf-opsawg-pcapng), drafts of 2004 included.
//!
//! Every block type is passed; those that hold a packet become frames. Interfaces are counted through the
//! whole file, so the first one of a second section does not have index 0.

use std::sync::Arc;

use super::block::{self, Options, code, kind, padded};
use super::clock::Clock;
use crate::packet::{Interface, LinkType, Located, Oddities, Sections};
use crate::savefile::{
    octets::Order,
    walk::{Piece, Stop, Walked},
};

/// The most interfaces of a section, so that a hostile file cannot fill the memory. Of all sections of a file, so many have
/// their names kept.
const INTERFACE_LIMIT: usize = 1 << 16;
/// Octets of a block above which it is passed over piece by piece where nobody needs it whole.
const LARGE: usize = 1 << 20;
/// The most octets kept of an interface's name.
const NAME_LIMIT: usize = 255;

/// What was met of a file so far: the section's byte order and interfaces, and what interfaces there were before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Walker {
    order: Order,
    /// Sections begun so far.
    sections: u64,
    /// Interfaces of the sections before.
    first_interface: u32,
    /// The file's first ones.
    interfaces: Vec<Interface>,
    /// One for each interface of the section.
    meters: Vec<Meter>,
    /// The name of each of the file's first ones, shared with the batches.
    names: Arc<Vec<Option<String>>>,
    odd: Oddities,
    /// Whether large blocks that tell nothing of packets are passed over piece by piece.
    passes: bool,
    /// The block that is being passed over.
    inside: Option<Inside>,
}

/// A block that is being passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Inside {
    /// What it says its length is.
    length: u32,
    /// Octets of it that were passed.
    passed: usize,
}

impl Walker {
    pub(crate) fn new() -> Self {
        Self {
            order: Order::Little,
            sections: 0,
            first_interface: 0,
            interfaces: Vec::new(),
            meters: Vec::new(),
            names: Arc::default(),
            odd: Oddities::default(),
            passes: false,
            inside: None,
        }
    }

    pub(crate) fn interfaces(&self) -> &[Interface] {
        &self.interfaces
    }

    pub(crate) fn sections(&self) -> Sections {
        Sections { big_endian: self.order == Order::Big, begun: self.sections }
    }

    pub(crate) fn names(&self) -> Arc<Vec<Option<String>>> {
        Arc::clone(&self.names)
    }

    /// Packets with odd times since this was asked last.
    pub(crate) fn take_oddities(&mut self) -> Oddities {
        std::mem::take(&mut self.odd)
    }

    /// See [`super::walk::Walker::pass_large_blocks`].
    pub(crate) fn pass_large_blocks(&mut self) {
        self.passes = true;
    }

    /// See [`super::walk::Walker::passed`].
    pub(crate) fn passed(&self) -> usize {
        self.inside.map_or(0, |inside| inside.passed)
    }

    /// Passes over what is there of a large block; where it ends, or why the walk does.
    #[cold]
    fn pass(&mut self, mut inside: Inside, octets: &[u8], eof: bool) -> Result<usize, Walked> {
        let padded = padded(inside.length);
        let body = padded - 4 - inside.passed;
        let Some(trailer) = octets.get(body..body + 4) else {
            let walked = Walked::short(0, padded, inside.passed + octets.len(), eof, "a block");
            if matches!(walked.stop, Stop::Damaged(_)) {
                return Err(walked);
            }
            let taken = body.min(octets.len());
            inside.passed += taken;
            self.inside = Some(inside);
            return Err(Walked { consumed: taken, ..walked });
        };
        let (length, trailing) = (inside.length, self.order.words::<1>(trailer)[0]);
        if trailing != length {
            return Err(Walked::damaged(0, two_lengths(length, trailing)));
        }
        self.inside = None;
        Ok(body + 4)
    }

    /// Begins to pass over a block that is not all there.
    #[cold]
    fn begin_to_pass(&mut self, at: usize, octets: &[u8], length: u32, eof: bool) -> Walked {
        match self.pass(Inside { length, passed: 0 }, octets, eof) {
            Ok(end) => Walked { consumed: at + end, stop: Stop::Incomplete },
            Err(walked) => Walked { consumed: at + walked.consumed, ..walked },
        }
    }

    /// See [`super::walk::Walker::walk`].
    pub(crate) fn walk(&mut self, piece: &Piece<'_>, frames: &mut Vec<Located>) -> Walked {
        let &Piece { octets, until, eof } = piece;
        let mut at = 0;
        if let Some(inside) = self.inside {
            match self.pass(inside, octets, eof) {
                Ok(end) => at = end,
                Err(walked) => return walked,
            }
        }
        while at < until {
            let rest = &octets[at..];
            let Some(head) = rest.first_chunk::<12>() else {
                return Walked::short(at, 12, rest.len(), eof, "a block header");
            };
            let (order, [kind, length]) = match self.framing(head) {
                Ok(framing) => framing,
                Err(reason) => return Walked::damaged(at, reason),
            };
            let padded = padded(length);
            let Some(block) = rest.get(..padded) else {
                if self.passes && padded > LARGE && !kind::TELLS_OF_PACKETS.contains(&kind) {
                    return self.begin_to_pass(at, rest, length, eof);
                }
                return Walked::short(at, padded, rest.len(), eof, "a block");
            };
            let trailing = order.words::<1>(&block[padded - 4..])[0];
            if trailing != length {
                return Walked::damaged(at, two_lengths(length, trailing));
            }
            let body = &block[8..padded - 4];
            // Most blocks hold a packet in one of these two forms.
            let taken = if matches!(kind, kind::ENHANCED_PACKET | kind::PACKET) {
                self.packet(order, kind, body, at).map(|located| {
                    self.note_oddities(&located);
                    frames.push(located);
                })
            } else {
                self.other_block(order, kind, body, at, frames)
            };
            if let Err(reason) = taken {
                return Walked::damaged(at, reason);
            }
            at += padded;
        }
        Walked { consumed: at, stop: Stop::Reached }
    }

    /// See [`block::framing`].
    #[inline(always)]
    fn framing(&self, head: &[u8; 12]) -> Result<(Order, [u32; 2]), String> {
        block::framing(head, (self.sections > 0).then_some(self.order))
    }

    /// Takes in a whole block that is neither an Enhanced Packet Block nor an obsolete Packet Block.
    #[inline(never)]
    fn other_block(
        &mut self,
        order: Order,
        kind: u32,
        body: &[u8],
        at: usize,
        frames: &mut Vec<Located>,
    ) -> Result<(), String> {
        match kind {
            kind::SIMPLE_PACKET => {
                let original = order.u32(*fixed_part(body, "simple packet block")?);
                let located = self.simple_packet(original, body, at)?;
                self.odd.unnamed += u64::from(located.interface as usize >= INTERFACE_LIMIT);
                frames.push(located);
            }
            kind::INTERFACE_DESCRIPTION => self.interface_description(body)?,
            kind::SECTION_HEADER => {
                let fixed: &[u8; 16] = fixed_part(body, "section header block")?;
                let (major, minor) = (order.u16([fixed[4], fixed[5]]), order.u16([fixed[6], fixed[7]]));
                // Draft section 4.1: minor version 2 was written by mistake and means 0.
                if major != 1 || !matches!(minor, 0 | 2) {
                    return Err(format!("pcapng version {major}.{minor} is not known; 1.0 is"));
                }
                self.order = order;
                self.sections += 1;
                self.first_interface = self.first_interface.saturating_add(self.meters.len() as u32);
                self.meters.clear();
            }
            _ => {}
        }
        Ok(())
    }

    /// An Enhanced Packet Block or an obsolete Packet Block; they differ in their first four octets only.
    #[inline(always)]
    fn packet(&self, order: Order, kind: u32, body: &[u8], at: usize) -> Result<Located, String> {
        let what = if kind == kind::PACKET { "packet block" } else { "enhanced packet block" };
        let fixed: &[u8; 20] = fixed_part(body, what)?;
        let [interface, high, low, captured, original] = order.words(fixed);
        // A Packet Block counts drops in the second half of the first word.
        let interface =
            if kind == kind::PACKET { u32::from(order.u16([fixed[0], fixed[1]])) } else { interface };
        let index = self.interface_index(interface)?;
        let meter = &self.meters[index as usize];
        let room = body.len() - fixed.len();
        if captured as usize > room {
            return Err(no_room(captured, room));
        }
        if captured > meter.limit {
            return Err(beyond_limit(captured, meter.limit));
        }
        Ok(Located {
            time: meter.clock.time(u64::from(high) << 32 | u64::from(low)),
            record: at as u32,
            offset: (at + 8 + fixed.len()) as u32,
            captured_len: captured,
            original_len: original,
            interface: self.first_interface.saturating_add(index),
            link: meter.link,
        })
    }

    /// Counts what is odd about a packet.
    #[inline(always)]
    fn note_oddities(&mut self, located: &Located) {
        self.odd.beyond += u64::from(located.time.is_none());
        self.odd.unnamed += u64::from(located.interface as usize >= INTERFACE_LIMIT);
    }

    /// A Simple Packet Block: of the section's first interface, without time; its captured length is the least
    /// of original length, snap length and what the block has room for.
    fn simple_packet(&self, original: u32, body: &[u8], at: usize) -> Result<Located, String> {
        let index = self.interface_index(0)?;
        let Meter { link, snap_len, limit, .. } = self.meters[index as usize];
        let snapped = if snap_len == 0 { original } else { original.min(snap_len) };
        let room = body.len() - 4;
        if snapped as usize > room {
            return Err(no_room(snapped, room));
        }
        if snapped > limit {
            return Err(beyond_limit(snapped, limit));
        }
        Ok(Located {
            time: None,
            record: at as u32,
            offset: (at + 12) as u32,
            captured_len: snapped,
            original_len: original,
            interface: self.first_interface.saturating_add(index),
            link,
        })
    }

    /// The same number, where the section has described that interface.
    #[inline(always)]
    fn interface_index(&self, interface: u32) -> Result<u32, String> {
        let described = self.meters.len();
        if interface as usize >= described {
            return Err(not_described(interface, described));
        }
        Ok(interface)
    }

    fn interface_description(&mut self, body: &[u8]) -> Result<(), String> {
        let order = self.order;
        let &[l, t, _, _, s, n, a, p] = fixed_part(body, "interface description block")?;
        if self.meters.len() == INTERFACE_LIMIT {
            return Err(format!("more than {INTERFACE_LIMIT} interfaces in one section"));
        }
        let mut interface = Interface {
            link: LinkType(order.u16([l, t])),
            snap_len: order.u32([s, n, a, p]),
            name: None,
            fcs_len: None,
        };
        let mut clock = Clock::MICROSECONDS;
        let mut options = Options::new(order, &body[8..]);
        for option in options.by_ref() {
            clock.take(order, &option);
            match (option.code, option.value) {
                (code::IF_NAME, name) => {
                    let name = &name[..name.len().min(NAME_LIMIT)];
                    let end = name.iter().position(|&octet| octet == 0).unwrap_or(name.len());
                    interface.name = Some(String::from_utf8_lossy(&name[..end]).into_owned());
                }
                // The draft counts bits, writers put octets, too: no frame check sequence is shorter than 8 bits
                // or longer than 7 octets.
                (code::IF_FCSLEN, &[length]) => {
                    interface.fcs_len = Some(if length < 8 { length } else { length.div_ceil(8) });
                }
                _ => {}
            }
        }
        if let Some(reason) = options.damage() {
            return Err(reason);
        }
        let Interface { link, snap_len, .. } = interface;
        self.meters.push(Meter { clock, link, snap_len, limit: link.longest_packet() });
        if self.interfaces.len() < INTERFACE_LIMIT {
            Arc::make_mut(&mut self.names).push(interface.name.clone());
            self.interfaces.push(interface);
        }
        Ok(())
    }

    /// See [`super::walk::Walker::resync`].
    ///
    /// A boundary is believed where four blocks follow each other, or fewer that go beyond the octets at
    /// hand: known types, and the same length at the start and the end of each.
    pub(crate) fn resync(&self, octets: &[u8]) -> Option<usize> {
        (0..octets.len()).find(|&at| self.is_boundary(octets, at))
    }

    fn is_boundary(&self, octets: &[u8], start: usize) -> bool {
        const CHAIN: usize = 4;
        let mut at = start;
        for found in 0..CHAIN {
            let Some(head) = octets.get(at..).and_then(|rest| rest.first_chunk()) else {
                return found >= 1;
            };
            let Ok((order, [kind, length])) = self.framing(head) else { return false };
            // Assigned types are small or those of custom blocks; the highest bit marks local ones.
            let known = kind <= kind::LAST_ASSIGNED
                || matches!(kind, kind::SECTION_HEADER | kind::CUSTOM | kind::CUSTOM_NOT_COPIED)
                || kind & 0x8000_0000 != 0;
            if !known {
                return false;
            }
            let end = at + padded(length);
            match octets.get(end - 4..end).map(|trailer| order.u32_at(trailer, 0)) {
                Some(trailing) if trailing == Some(length) => at = end,
                Some(_) => return false,
                None => return found >= 1,
            }
        }
        true
    }
}

fn two_lengths(length: u32, trailing: u32) -> String {
    format!("block says {length} octets at its start and {trailing} at its end")
}

/// What reading a packet asks of its interface.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Meter {
    clock: Clock,
    link: LinkType,
    /// Octets of a packet that are kept; 0 for all.
    snap_len: u32,
    /// The largest captured length believed, in octets.
    limit: u32,
}

/// The fixed-size part at the start of a block's body.
#[inline]
fn fixed_part<'a, const N: usize>(body: &'a [u8], what: &str) -> Result<&'a [u8; N], String> {
    body.first_chunk().ok_or_else(|| too_short(what, body.len(), N))
}

// The texts of errors are made out of line: what they need would burden every block.

#[cold]
fn no_room(captured: u32, room: usize) -> String {
    format!("block says {captured} captured octets, it has room for {room}")
}

#[cold]
fn beyond_limit(captured: u32, limit: u32) -> String {
    format!("block says {captured} captured octets, more than the limit of {limit}")
}

#[cold]
fn not_described(interface: u32, described: usize) -> String {
    format!("packet of interface {interface}, but the section has described {described}")
}

#[cold]
fn too_short(what: &str, length: usize, least: usize) -> String {
    format!("{what} has {length} octets, less than the {least} it needs")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::Timestamp;
    use crate::savefile::testing::*;

    const SECOND: u64 = Timestamp::SECOND;

    /// Every packet block, options and blocks that are passed over, two interfaces.
    fn sample(order: Order) -> Vec<u8> {
        [
            section(order),
            block(order, 4, &[0; 4]),
            interface(order, 1, 96, &[(2, b"eth0\0"), (1, b"a comment"), (9, &[9]), (0, b"")]),
            interface(order, 113, 0, &[(13, &[4])]),
            enhanced(order, 0, 5, b"one", 60),
            block(order, 10, b"TLSK\x03\0\0\0abc"),
            enhanced(order, 1, (1 << 32) + 7, b"three", 5),
            packet(order, 1, 9, b"packet", 6),
            simple(order, b"simple..", 8),
            block(order, kind::CUSTOM, b"\0\0\x7f\x01custom"),
            block(order, 0x8000_0001, b""),
            block(order, 5, &[0; 12]),
        ]
        .concat()
    }

    #[test]
    fn reads_every_packet_block_in_both_byte_orders() {
        for order in ORDERS {
            let file = sample(order);
            for step in [1, 10, usize::MAX] {
                let whole = read(&file, step);
                let expected = [
                    seen(Some(5), 0, 1, b"one", 60),
                    seen(Some(((1 << 32) + 7) * 1_000), 1, 113, b"three", 5),
                    seen(Some(9_000), 1, 113, b"packet", 6),
                    seen(None, 0, 1, b"simple..", 8),
                ];
                assert_eq!(whole.frames, expected);
                assert_eq!(whole.reason(), "");
                // Blocks without packets are there, too.
                assert_eq!(whole.octets, file);
                assert_eq!(whole.interfaces[0].name.as_deref(), Some("eth0"));
                assert_eq!(whole.interfaces[0].snap_len, 96);
                assert_eq!(whole.interfaces[1].fcs_len, Some(4));
            }
            survives_cuts_and_flips(&file, 28);
        }
    }

    #[test]
    fn reads_bytes_as_they_lie_in_a_file() {
        let file = b"\x0a\x0d\x0d\x0a\0\0\0\x1c\x1a\x2b\x3c\x4d\0\x01\0\0\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\x1c\
            \0\0\0\x01\0\0\0\x14\0\x01\0\0\0\0\0\0\0\0\0\x14\
            \0\0\0\x06\0\0\0\x24\0\0\0\0\0\x05\x40\xa7\x2d\x79\x51\x1f\0\0\0\x02\0\0\x05\xdc\xca\xfe\0\0\0\0\0\x24";
        // 0x000540a72d79511f microseconds.
        let whole = read(file, usize::MAX);
        assert_eq!(whole.frames, [seen(Some(1_478_461_650_194_719_000), 0, 1, b"\xca\xfe", 1500)]);
        assert_eq!(whole.records, [48]);
    }

    #[test]
    fn counts_interfaces_through_sections_of_either_byte_order() {
        let mut file = Vec::new();
        for (order, link) in [(Order::Little, 1), (Order::Big, 101), (Order::Little, 113)] {
            file.extend(section(order));
            file.extend(interface(order, link, 0, &[]));
            file.extend(enhanced(order, 0, 1, &link.to_be_bytes(), 2));
        }
        let whole = read(&file, usize::MAX);
        let expected = [(0, 1), (1, 101), (2, 113)]
            .map(|(index, link): (u32, u16)| seen(Some(1_000), index, link, &link.to_be_bytes(), 2));
        assert_eq!(whole.frames, expected);
        // The second section has no interface 1.
        let mut file = [section(Order::Big), interface(Order::Big, 1, 0, &[])].concat();
        file.extend([section(Order::Big), interface(Order::Big, 1, 0, &[])].concat());
        file.extend(enhanced(Order::Big, 1, 0, b"", 0));
        assert_eq!(
            read(&file, usize::MAX).reason(),
            "test: packet 1, offset 96: packet of interface 1, but the section has described 1"
        );
    }

    #[test]
    fn takes_clock_options_of_each_interface() {
        for order in ORDERS {
            let offset: u64 = 1_000_000_000;
            let offset = if order == Order::Little { offset.to_le_bytes() } else { offset.to_be_bytes() };
            let file = [
                section(order),
                interface(order, 1, 0, &[(9, &[3]), (14, &offset)]),
                // Options of a wrong length are passed over.
                interface(order, 1, 0, &[(9, &[3, 3]), (14, &[1])]),
                enhanced(order, 0, 7, b"", 0),
                enhanced(order, 1, 7, b"", 0),
            ]
            .concat();
            let whole = read(&file, usize::MAX);
            let expected = [
                seen(Some(1_000_000_000 * SECOND + 7_000_000), 0, 1, b"", 0),
                seen(Some(7_000), 1, 1, b"", 0),
            ];
            assert_eq!(whole.frames, expected);
        }
    }

    #[test]
    fn a_simple_packet_is_cut_by_the_snap_length() {
        let order = Order::Big;
        let file = [section(order), interface(order, 1, 5, &[]), simple(order, b"12345...", 70)].concat();
        assert_eq!(read(&file, usize::MAX).frames, [seen(None, 0, 1, b"12345", 70)]);
        let file = [section(order), interface(order, 1, 0, &[]), simple(order, b"12345...", 70)].concat();
        assert!(
            read(&file, usize::MAX).reason().ends_with("block says 70 captured octets, it has room for 8")
        );
    }

    #[test]
    fn reads_blocks_of_the_old_drafts_whose_length_leaves_the_padding_out() {
        let order = Order::Little;
        let mut old = packet(order, 0, 1, b"12345", 5);
        let length = u32(order, 8 + 20 + 5 + 4);
        let end = old.len() - 4;
        old[4..8].copy_from_slice(&length);
        old[end..].copy_from_slice(&length);
        let file = [section(order), interface(order, 1, 0, &[]), old.clone(), old].concat();
        let whole = read(&file, usize::MAX);
        assert_eq!(whole.frames, vec![seen(Some(1_000), 0, 1, b"12345", 5); 2]);
        assert_eq!(whole.reason(), "");
        survives_cuts_and_flips(&file, 28);
    }

    #[test]
    fn reports_damage_with_both_numbers() {
        let order = Order::Little;
        let start = [section(order), interface(order, 1, 0, &[])].concat();
        let damaged = |block: &[u8]| {
            let whole = read(&[&start[..], block].concat(), usize::MAX);
            assert_eq!(whole.octets, start);
            whole.reason().strip_prefix("test: packet 1, offset 48: ").unwrap().to_owned()
        };
        let mut unequal = enhanced(order, 0, 0, b"abcd", 4);
        unequal[32] = 0;
        assert_eq!(damaged(&unequal), "block says 36 octets at its start and 0 at its end");
        let mut long = enhanced(order, 0, 0, b"abcd", 4);
        long[20] = 200;
        assert_eq!(damaged(&long), "block says 200 captured octets, it has room for 4");
        assert_eq!(
            damaged(&[words(6), words(u32::MAX), words(0)].concat()),
            "block says 4294967295 octets, more than the limit of 134348800"
        );
        assert_eq!(
            damaged(&[words(6), words(8), words(0)].concat()),
            "block says 8 octets, less than the 12 of an empty one"
        );
        assert_eq!(
            damaged(&block(order, 6, &[0; 8])),
            "enhanced packet block has 8 octets, less than the 20 it needs"
        );
        let mut option = interface(order, 1, 0, &[(2, b"lan0")]);
        option[18] = 9;
        assert_eq!(damaged(&option), "option 2 says 9 octets, 4 are left");
        let large = vec![0; 262_145];
        assert_eq!(
            damaged(&enhanced(order, 0, 0, &large, 262_145)),
            "block says 262145 captured octets, more than the limit of 262144"
        );
        let mut version = section(order);
        version[12] = 3;
        assert_eq!(damaged(&version), "pcapng version 3.0 is not known; 1.0 is");
        // At the very start the file is no capture at all.
        assert_eq!(
            read(&version, usize::MAX).reason(),
            "test: packet 1, offset 0: pcapng version 3.0 is not known; 1.0 is"
        );
    }

    fn words(value: u32) -> Vec<u8> {
        u32(Order::Little, value).to_vec()
    }

    #[test]
    fn finds_a_boundary_from_every_offset() {
        for order in ORDERS {
            let header = [section(order), interface(order, 1, 0, &[])].concat();
            let (mut file, mut starts) = (header.clone(), Vec::new());
            for number in 0..30_u64 {
                starts.push(file.len());
                file.extend(enhanced(order, 0, number, &vec![6; number as usize], 60));
            }
            let mut walker = Walker::new();
            let piece = Piece { octets: &header, until: usize::MAX, eof: true };
            walker.walk(&piece, &mut Vec::new());
            for from in header.len()..starts[27] {
                let expected = starts.iter().copied().find(|&start| start >= from);
                assert_eq!(walker.resync(&file[from..]).map(|offset| from + offset), expected);
            }
        }
    }
}
