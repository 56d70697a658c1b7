//! Blocks and options of pcapng (draft-ietf-opsawg-pcapng, section 3) as they lie in a file.

use crate::savefile::octets::Order;

/// The largest block believed, in octets: one packet of the largest size and some options (as Wireshark).
pub(crate) const BLOCK_LIMIT: u32 = (128 << 20) + (128 << 10);

/// First octets of a Section Header Block; the same in either byte order.
pub(crate) const SECTION_HEADER: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];

/// What a section header says in its own byte order.
pub(super) const BYTE_ORDER_MAGIC: u32 = 0x1a2b_3c4d;

/// Octets around the body of a block: type and length before it, the length again after it.
pub(super) const HEAD_LEN: usize = 8;
pub(super) const TRAILER_LEN: usize = 4;
const EMPTY_LEN: u32 = (HEAD_LEN + TRAILER_LEN) as u32;

/// Block types.
pub(crate) mod kind {
    pub(crate) const SECTION_HEADER: u32 = 0x0a0d_0d0a;
    pub(crate) const INTERFACE_DESCRIPTION: u32 = 1;
    /// Obsolete since 2009, still met.
    pub(crate) const PACKET: u32 = 2;
    pub(crate) const SIMPLE_PACKET: u32 = 3;
    pub(crate) const NAME_RESOLUTION: u32 = 4;
    pub(crate) const INTERFACE_STATISTICS: u32 = 5;
    pub(crate) const ENHANCED_PACKET: u32 = 6;
    /// The highest of the numbers given one after the other, with room for some to come.
    pub(crate) const LAST_ASSIGNED: u32 = 0x1f;
    pub(crate) const CUSTOM: u32 = 0x0bad;
    pub(crate) const CUSTOM_NOT_COPIED: u32 = 0x4000_0bad;
    /// Those that must be read for what they say of packets.
    pub(crate) const TELLS_OF_PACKETS: [u32; 5] =
        [SECTION_HEADER, INTERFACE_DESCRIPTION, PACKET, SIMPLE_PACKET, ENHANCED_PACKET];
}

/// Option codes, and those of the records of a Name Resolution Block.
pub(crate) mod code {
    pub(crate) const END: u16 = 0;
    pub(crate) const COMMENT: u16 = 1;
    pub(crate) const SHB_USERAPPL: u16 = 4;
    pub(crate) const IF_NAME: u16 = 2;
    pub(crate) const IF_TSRESOL: u16 = 9;
    pub(crate) const IF_FCSLEN: u16 = 13;
    pub(crate) const IF_TSOFFSET: u16 = 14;
    pub(crate) const ISB_IFRECV: u16 = 4;
    pub(crate) const ISB_IFDROP: u16 = 5;
    pub(crate) const ISB_OSDROP: u16 = 7;
    pub(crate) const NRB_RECORD_IPV4: u16 = 1;
    pub(crate) const NRB_RECORD_IPV6: u16 = 2;
}

/// Byte order, type and length as written of the block that begins with `head`. `section` is the byte order of the section
/// it stands in; a section header brings its own.
#[inline(always)]
pub(super) fn framing(head: &[u8; 12], section: Option<Order>) -> Result<(Order, [u32; 2]), String> {
    let [t, y, p, e, _, _, _, _, m, a, i, c] = *head;
    let order = if [t, y, p, e] == SECTION_HEADER {
        section_order([m, a, i, c])?
    } else {
        section.ok_or_else(no_section)?
    };
    let framing @ [_, length] = order.words(head);
    if !(EMPTY_LEN..=BLOCK_LIMIT).contains(&length) {
        return Err(impossible_length(length));
    }
    Ok((order, framing))
}

/// The length a block has in the file: drafts before 2009 let the written one leave the padding out.
pub(super) const fn padded(length: u32) -> usize {
    length.next_multiple_of(4) as usize
}

// The texts of errors are made out of line: what they need would burden every block.

/// The byte order that a section header's magic tells.
#[cold]
fn section_order(magic: [u8; 4]) -> Result<Order, String> {
    match magic {
        [0x4d, 0x3c, 0x2b, 0x1a] => Ok(Order::Little),
        [0x1a, 0x2b, 0x3c, 0x4d] => Ok(Order::Big),
        [m, a, i, c] => Err(format!(
            "section header has the byte-order magic {m:02x}{a:02x}{i:02x}{c:02x}, not 1a2b3c4d or 4d3c2b1a"
        )),
    }
}

#[cold]
fn no_section() -> String {
    "no section header at the start".to_owned()
}

#[cold]
fn impossible_length(length: u32) -> String {
    if length < EMPTY_LEN {
        format!("block says {length} octets, less than the {EMPTY_LEN} of an empty one")
    } else {
        format!("block says {length} octets, more than the limit of {BLOCK_LIMIT}")
    }
}

/// A whole block of a file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block<'a> {
    pub(crate) octets: &'a [u8],
    pub(crate) kind: u32,
    pub(crate) order: Order,
}

impl<'a> Block<'a> {
    /// The first block of `octets` and what follows it. `order` is that of the section; a section header brings its own.
    ///
    /// Reading has checked the framing: this is `None` only where no block is left.
    pub(crate) fn split(octets: &'a [u8], order: Order) -> Option<(Self, &'a [u8])> {
        let (order, [kind, length]) = framing(octets.first_chunk()?, Some(order)).ok()?;
        let (octets, rest) = octets.split_at_checked(padded(length))?;
        Some((Self { octets, kind, order }, rest))
    }

    /// The options from offset `start` on; none where the block is too short for any.
    pub(crate) fn options(&self, start: usize) -> Options<'a> {
        let rest = self.octets.get(start..self.octets.len() - TRAILER_LEN).unwrap_or_default();
        Options::new(self.order, rest)
    }
}

/// One option.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opt<'a> {
    pub(crate) code: u16,
    pub(crate) value: &'a [u8],
    /// All of it, with padding.
    pub(super) octets: &'a [u8],
}

/// Options, or the records of a Name Resolution Block, which have the same shape. Ends before the one that says it is
/// the end, and before one that is not whole.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options<'a> {
    order: Order,
    rest: &'a [u8],
}

impl<'a> Options<'a> {
    /// The options in `octets`, which end where the options of their block do.
    pub(super) fn new(order: Order, octets: &'a [u8]) -> Self {
        Self { order, rest: octets }
    }

    /// What was not walked: at the end of a walk the end-of-options marker and what follows it, or what is not whole.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Whether the next thing is the end-of-options marker.
    pub(super) fn is_at_end(&self) -> bool {
        self.rest.len() >= 4 && self.rest.starts_with(&code::END.to_ne_bytes())
    }

    /// What is wrong with the next option, if it is not whole.
    pub(super) fn damage(&self) -> Option<String> {
        let (code, len) = self.head()?;
        let left = self.rest.len() - 4;
        (code != code::END && len > left).then(|| format!("option {code} says {len} octets, {left} are left"))
    }

    /// The options that follow the records of a Name Resolution Block.
    pub(crate) fn after_records(mut self) -> Self {
        self.by_ref().for_each(drop);
        let rest = if self.is_at_end() { &self.rest[4..] } else { &[] };
        Self { rest, ..self }
    }

    /// Code of the next option and octets of its value.
    fn head(&self) -> Option<(u16, usize)> {
        let &[c, o, l, n] = self.rest.first_chunk()?;
        Some((self.order.u16([c, o]), usize::from(self.order.u16([l, n]))))
    }
}

impl<'a> Iterator for Options<'a> {
    type Item = Opt<'a>;

    fn next(&mut self) -> Option<Opt<'a>> {
        let (code, len) = self.head()?;
        if code == code::END {
            return None;
        }
        let (octets, rest) = self.rest.split_at_checked(4 + len.next_multiple_of(4))?;
        self.rest = rest;
        Some(Opt { code, value: &octets[4..4 + len], octets })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::savefile::testing::{ORDERS, u32};

    #[test]
    fn early_drafts_did_not_count_the_padding() {
        for order in ORDERS {
            let len = u32(order, 18);
            let odd = [&u32(order, 0x8000_0001)[..], &len, b"body12\0\0", &len].concat();
            let (first, rest) = Block::split(&odd, order).unwrap();
            assert_eq!((first.octets, rest), (&odd[..], &[][..]));
        }
    }

    #[test]
    fn a_length_that_reads_in_both_orders_is_read_in_the_right_one() {
        // 65,536 octets; in the other order 256, where the same number stands at octet 252.
        let mut octets = vec![0; 65_536];
        octets[..8].copy_from_slice(&[0, 0, 0, 5, 0, 1, 0, 0]);
        octets[252..256].copy_from_slice(&[0, 1, 0, 0]);
        octets[65_532..].copy_from_slice(&[0, 1, 0, 0]);
        let (block, rest) = Block::split(&octets, Order::Big).unwrap();
        assert_eq!((block.octets.len(), block.kind, rest.len()), (65_536, 5, 0));
    }
}
