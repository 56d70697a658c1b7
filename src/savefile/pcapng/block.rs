//! Blocks and options of pcapng (draft-ietf-opsawg-pcapng, section 3), to be copied, changed and written.

use crate::savefile::BLOCK_LIMIT;
pub(crate) use crate::savefile::Order;

pub(crate) const SECTION_HEADER: u32 = 0x0a0d_0d0a;
pub(crate) const INTERFACE_DESCRIPTION: u32 = 1;
pub(crate) const PACKET: u32 = 2;
pub(crate) const NAME_RESOLUTION: u32 = 4;
pub(crate) const ENHANCED_PACKET: u32 = 6;

pub(crate) const OPT_END: u16 = 0;
pub(crate) const OPT_COMMENT: u16 = 1;

/// Type and length at the start of a block.
const HEAD_LEN: usize = 8;
/// The length again at its end.
const TRAILER_LEN: usize = 4;

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
        let order = match *octets.first_chunk()? {
            // The byte-order magic 0x1a2b3c4d.
            [0x0a, 0x0d, 0x0d, 0x0a, _, _, _, _, magic, _, _, _] => {
                if magic == 0x1a {
                    Order::Big
                } else {
                    Order::Little
                }
            }
            _ => order,
        };
        // Early drafts did not count the padding.
        let len = (order.u32_at(octets, 4)? as usize).checked_next_multiple_of(4)?;
        if len < HEAD_LEN + TRAILER_LEN {
            return None;
        }
        let (octets, rest) = octets.split_at_checked(len)?;
        Some((Self { octets, kind: order.u32_at(octets, 0)?, order }, rest))
    }

    /// The options from offset `start` on; none where the block is too short for any.
    pub(crate) fn options(&self, start: usize) -> Options<'a> {
        let rest = self.octets.get(start..self.octets.len() - TRAILER_LEN).unwrap_or_default();
        Options { order: self.order, rest }
    }

    /// Appends the block with `comment` after its other options, which begin at `start`, and without the comments that
    /// begin with `mark`. Everything else stays as it is, and so does the whole block where its options cannot be read.
    pub(crate) fn comment(&self, start: usize, mark: &[u8], comment: &[u8], out: &mut Vec<u8>) {
        let is_marked = |option: &Opt<'_>| option.code == OPT_COMMENT && option.value.starts_with(mark);
        let options = self.options(start);
        let mut scan = options;
        let marked = scan.by_ref().filter(is_marked).count();
        // The end of the options and what may follow it.
        let tail = scan.rest;
        let readable = start + TRAILER_LEN <= self.octets.len() && (tail.is_empty() || scan.is_at_end());
        let room = self.octets.len() + comment.len() + 16 <= BLOCK_LIMIT as usize;
        if !readable || !room || (marked == 0 && comment.is_empty()) {
            out.extend_from_slice(self.octets);
            return;
        }
        let begin = out.len();
        out.extend_from_slice(&self.octets[..start]);
        for option in options.filter(|option| !is_marked(option)) {
            out.extend_from_slice(option.octets);
        }
        let alone = out.len() == begin + start;
        if !comment.is_empty() {
            write_option(self.order, OPT_COMMENT, comment, out);
        }
        // The end that came with our comment goes with it; that of other options is their affair.
        match (alone, comment.is_empty()) {
            (true, false) if tail.is_empty() => write_option(self.order, OPT_END, &[], out),
            (true, true) if tail.len() == 4 => {}
            _ => out.extend_from_slice(tail),
        }
        close(self.order, begin, out);
    }
}

/// One option.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opt<'a> {
    pub(crate) code: u16,
    pub(crate) value: &'a [u8],
    /// All of it, with padding.
    octets: &'a [u8],
}

/// Options, or the records of a Name Resolution Block, which have the same shape. Ends before the one that says it is
/// the end, and before one that is not whole.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options<'a> {
    order: Order,
    rest: &'a [u8],
}

impl<'a> Options<'a> {
    /// Whether the next thing is the end-of-options marker.
    fn is_at_end(&self) -> bool {
        self.rest.len() >= 4 && self.rest.starts_with(&OPT_END.to_ne_bytes())
    }

    /// The options that follow the records of a Name Resolution Block.
    pub(crate) fn after_records(mut self) -> Self {
        self.by_ref().for_each(drop);
        let rest = if self.is_at_end() { &self.rest[4..] } else { &[] };
        Self { rest, ..self }
    }
}

impl<'a> Iterator for Options<'a> {
    type Item = Opt<'a>;

    fn next(&mut self) -> Option<Opt<'a>> {
        let &[c, o, l, n] = self.rest.first_chunk()?;
        let (code, len) = (self.order.u16([c, o]), usize::from(self.order.u16([l, n])));
        if code == OPT_END {
            return None;
        }
        let (octets, rest) = self.rest.split_at_checked(4 + len.next_multiple_of(4))?;
        self.rest = rest;
        Some(Opt { code, value: &octets[4..4 + len], octets })
    }
}

/// Begins a block; returns its place, which [`close`] needs.
pub(crate) fn open(order: Order, kind: u32, out: &mut Vec<u8>) -> usize {
    let begin = out.len();
    out.extend_from_slice(&order.u32_octets(kind));
    out.extend_from_slice(&[0; 4]);
    begin
}

/// Writes both lengths of the block that began at `begin`.
pub(crate) fn close(order: Order, begin: usize, out: &mut Vec<u8>) {
    let len = order.u32_octets((out.len() - begin + TRAILER_LEN) as u32);
    out.extend_from_slice(&len);
    out[begin + 4..begin + HEAD_LEN].copy_from_slice(&len);
}

/// Appends an option; a value is at most 65,535 octets.
pub(crate) fn write_option(order: Order, code: u16, value: &[u8], out: &mut Vec<u8>) {
    let value = &value[..value.len().min(u16::MAX.into())];
    out.extend_from_slice(&order.u16_octets(code));
    out.extend_from_slice(&order.u16_octets(value.len() as u16));
    out.extend_from_slice(value);
    pad(value.len(), out);
}

/// Appends what is missing to a multiple of four octets.
pub(crate) fn pad(len: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(&[0; 3][..len.next_multiple_of(4) - len]);
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDERS: [Order; 2] = [Order::Little, Order::Big];
    const MARK: &[u8] = b"ours: ";

    /// A block whose options are `options` after 4 octets of body.
    fn block(order: Order, options: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let begin = open(order, 0x8000_0001, &mut out);
        out.extend_from_slice(b"body");
        out.extend_from_slice(options);
        close(order, begin, &mut out);
        out
    }

    fn options(order: Order, list: &[(u16, &[u8])]) -> Vec<u8> {
        let mut out = Vec::new();
        list.iter().for_each(|(code, value)| write_option(order, *code, value, &mut out));
        out
    }

    fn commented(octets: &[u8], order: Order, comment: &[u8]) -> Vec<u8> {
        let (block, rest) = Block::split(octets, order).unwrap();
        assert!(rest.is_empty());
        let mut out = Vec::new();
        block.comment(12, MARK, comment, &mut out);
        out
    }

    #[test]
    fn octets_of_a_block() {
        let octets = block(Order::Big, &options(Order::Big, &[(1, b"abcde"), (0, b"")]));
        assert_eq!(octets, b"\x80\0\0\x01\0\0\0\x20body\0\x01\0\x05abcde\0\0\0\0\0\0\0\0\0\0\x20");
    }

    #[test]
    fn a_comment_is_added_replaced_and_taken_away() {
        for order in ORDERS {
            let plain = |list: &[(u16, &[u8])]| block(order, &options(order, list));
            for (before, after) in [
                (plain(&[]), plain(&[(1, b"ours: 1"), (0, b"")])),
                (plain(&[(0, b"")]), plain(&[(1, b"ours: 1"), (0, b"")])),
                (
                    plain(&[(1, b"theirs"), (2989, b"x"), (0, b"")]),
                    plain(&[(1, b"theirs"), (2989, b"x"), (1, b"ours: 1"), (0, b"")]),
                ),
                // Without an end, which is allowed.
                (plain(&[(2, b"\0\0\0\x01")]), plain(&[(2, b"\0\0\0\x01"), (1, b"ours: 1")])),
                // Something behind the end.
                (plain(&[(0, b""), (7, b"seven")]), plain(&[(1, b"ours: 1"), (0, b""), (7, b"seven")])),
                // Earlier ones, wherever they are.
                (
                    plain(&[(1, b"ours: 0"), (1, b"theirs"), (1, b"ours: 2"), (0, b"")]),
                    plain(&[(1, b"theirs"), (1, b"ours: 1"), (0, b"")]),
                ),
            ] {
                let once = commented(&before, order, b"ours: 1");
                assert_eq!(once, after);
                assert_eq!(commented(&once, order, b"ours: 1"), once);
            }
            let bare = plain(&[]);
            assert_eq!(commented(&commented(&bare, order, b"ours: 1"), order, b""), bare);
            let kept = plain(&[(1, b"theirs")]);
            assert_eq!(commented(&kept, order, b""), kept);
        }
    }

    #[test]
    fn unreadable_options_stay_as_they_are() {
        for order in ORDERS {
            let long = block(order, &[order.u16_octets(1), order.u16_octets(9), *b"ab", *b"cd"].concat());
            assert_eq!(commented(&long, order, b"ours: 1"), long);
            // Too short for the place where options would begin.
            let short = [order.u32_octets(5), order.u32_octets(12), order.u32_octets(12)].concat();
            assert_eq!(commented(&short, order, b"ours: 1"), short);
        }
    }

    #[test]
    fn early_drafts_did_not_count_the_padding() {
        for order in ORDERS {
            let mut odd = block(order, b"");
            odd.truncate(8);
            odd.extend_from_slice(b"body12\0\0");
            let len = order.u32_octets(18);
            odd[4..8].copy_from_slice(&len);
            odd.extend_from_slice(&len);
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
