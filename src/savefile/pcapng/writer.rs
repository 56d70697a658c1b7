//! Blocks and options of pcapng (draft-ietf-opsawg-pcapng, sections 3 and 4), written and changed.

use std::net::IpAddr;

use super::block::{self, BLOCK_LIMIT, Block, HEAD_LEN, Opt, TRAILER_LEN, code, kind};
use crate::{
    packet::{Frame, Interface, Timestamp},
    savefile::octets::Order,
};

/// Appends the header of a section: who writes it, and a comment.
pub(crate) fn section_header(order: Order, program: &str, comment: &[u8], out: &mut Vec<u8>) {
    let begin = open(order, kind::SECTION_HEADER, out);
    out.extend_from_slice(&order.u32_octets(block::BYTE_ORDER_MAGIC));
    for version in [1, 0] {
        out.extend_from_slice(&order.u16_octets(version));
    }
    // The section's length: not specified.
    out.extend_from_slice(&[0xff; 8]);
    option(order, code::SHB_USERAPPL, program.as_bytes(), out);
    option(order, code::COMMENT, comment, out);
    option(order, code::END, &[], out);
    close(order, begin, out);
}

/// Appends an Interface Description Block; its times have so many decimal `digits` below the second.
pub(crate) fn interface_description(order: Order, interface: &Interface, digits: u8, out: &mut Vec<u8>) {
    let begin = open(order, kind::INTERFACE_DESCRIPTION, out);
    out.extend_from_slice(&order.u16_octets(interface.link.0));
    out.extend_from_slice(&[0; 2]);
    out.extend_from_slice(&order.u32_octets(interface.snap_len));
    if let Some(name) = &interface.name {
        option(order, code::IF_NAME, name.as_bytes(), out);
    }
    option(order, code::IF_TSRESOL, &[digits], out);
    if let Some(octets) = interface.fcs_len {
        option(order, code::IF_FCSLEN, &[octets], out);
    }
    option(order, code::END, &[], out);
    close(order, begin, out);
}

/// Appends a frame as an Enhanced Packet Block of its interface, whose times have so many decimal
/// `digits`, at most 9; with a comment unless that is empty.
pub(crate) fn enhanced_packet(
    order: Order,
    frame: &Frame<'_>,
    digits: u8,
    comment: &[u8],
    out: &mut Vec<u8>,
) {
    let begin = open(order, kind::ENHANCED_PACKET, out);
    let ticks = frame.time.map_or(0, |Timestamp(time)| time / 10_u64.pow(u32::from(9 - digits)));
    let captured = frame.octets.len();
    for word in [frame.interface, (ticks >> 32) as u32, ticks as u32, captured as u32, frame.original_len] {
        out.extend_from_slice(&order.u32_octets(word));
    }
    out.extend_from_slice(frame.octets);
    pad(captured, out);
    if !comment.is_empty() {
        option(order, code::COMMENT, comment, out);
        option(order, code::END, &[], out);
    }
    close(order, begin, out);
}

/// Appends what became of the packets of an interface of the section, by its number, up to a `time` in its units: how many it received,
/// and how many of them the interface and the system lost.
pub(crate) fn interface_statistics(
    order: Order,
    (number, time): (u32, u64),
    [received, interface, system]: [u64; 3],
    out: &mut Vec<u8>,
) {
    let begin = open(order, kind::INTERFACE_STATISTICS, out);
    for word in [number, (time >> 32) as u32, time as u32] {
        out.extend_from_slice(&order.u32_octets(word));
    }
    for (code, count) in
        [(code::ISB_IFRECV, received), (code::ISB_IFDROP, interface), (code::ISB_OSDROP, system)]
    {
        let (high, low) = (order.u32_octets((count >> 32) as u32), order.u32_octets(count as u32));
        let value = if order == Order::Big { [high, low] } else { [low, high] };
        option(order, code, value.as_flattened(), out);
    }
    option(order, code::END, &[], out);
    close(order, begin, out);
}

/// Appends a Name Resolution Block with as many of the names as `limit` octets have room for, and a comment; nothing where
/// there are no names.
pub(crate) fn name_resolution<'n>(
    order: Order,
    names: impl Iterator<Item = (IpAddr, &'n str)>,
    comment: &[u8],
    limit: u64,
    out: &mut Vec<u8>,
) {
    let begin = open(order, kind::NAME_RESOLUTION, out);
    let start = out.len();
    let mut value = Vec::new();
    for (address, name) in names {
        value.clear();
        let record = match address {
            IpAddr::V4(v4) => {
                value.extend_from_slice(&v4.octets());
                code::NRB_RECORD_IPV4
            }
            IpAddr::V6(v6) => {
                value.extend_from_slice(&v6.octets());
                code::NRB_RECORD_IPV6
            }
        };
        value.extend_from_slice(name.as_bytes());
        value.push(0);
        if (out.len() - begin + value.len()) as u64 + 1024 > limit {
            break;
        }
        option(order, record, &value, out);
    }
    if out.len() == start {
        out.truncate(begin);
        return;
    }
    // The end of the records looks like that of the options.
    option(order, code::END, &[], out);
    option(order, code::COMMENT, comment, out);
    option(order, code::END, &[], out);
    close(order, begin, out);
}

/// Appends `block` with `comment` after its other options, which begin at `start`, and without the comments that
/// begin with `mark`. Everything else stays as it is, and so does the whole block where its options cannot be read.
pub(crate) fn commented(block: &Block<'_>, start: usize, (mark, comment): (&[u8], &[u8]), out: &mut Vec<u8>) {
    let is_marked = |option: &Opt<'_>| option.code == code::COMMENT && option.value.starts_with(mark);
    let options = block.options(start);
    let mut scan = options;
    let marked = scan.by_ref().filter(is_marked).count();
    // The end of the options and what may follow it.
    let tail = scan.rest();
    let readable = start + TRAILER_LEN <= block.octets.len() && (tail.is_empty() || scan.is_at_end());
    let room = block.octets.len() + comment.len() + 16 <= BLOCK_LIMIT as usize;
    if !readable || !room || (marked == 0 && comment.is_empty()) {
        out.extend_from_slice(block.octets);
        return;
    }
    let begin = out.len();
    out.extend_from_slice(&block.octets[..start]);
    for kept in options.filter(|option| !is_marked(option)) {
        out.extend_from_slice(kept.octets);
    }
    let alone = out.len() == begin + start;
    if !comment.is_empty() {
        option(block.order, code::COMMENT, comment, out);
    }
    // The end that came with our comment goes with it; that of other options is their affair.
    match (alone, comment.is_empty()) {
        (true, false) if tail.is_empty() => option(block.order, code::END, &[], out),
        (true, true) if tail.len() == 4 => {}
        _ => out.extend_from_slice(tail),
    }
    close(block.order, begin, out);
}

/// Begins a block; returns its place, which [`close`] needs.
fn open(order: Order, kind: u32, out: &mut Vec<u8>) -> usize {
    let begin = out.len();
    out.extend_from_slice(&order.u32_octets(kind));
    out.extend_from_slice(&[0; 4]);
    begin
}

/// Writes both lengths of the block that began at `begin`.
fn close(order: Order, begin: usize, out: &mut Vec<u8>) {
    let len = order.u32_octets((out.len() - begin + TRAILER_LEN) as u32);
    out.extend_from_slice(&len);
    out[begin + 4..begin + HEAD_LEN].copy_from_slice(&len);
}

/// Appends an option; a value is at most 65,535 octets.
fn option(order: Order, code: u16, value: &[u8], out: &mut Vec<u8>) {
    let value = &value[..value.len().min(u16::MAX.into())];
    out.extend_from_slice(&order.u16_octets(code));
    out.extend_from_slice(&order.u16_octets(value.len() as u16));
    out.extend_from_slice(value);
    pad(value.len(), out);
}

/// Appends what is missing to a multiple of four octets.
fn pad(len: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(&[0; 3][..len.next_multiple_of(4) - len]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::LinkType;

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
        list.iter().for_each(|(code, value)| option(order, *code, value, &mut out));
        out
    }

    fn with_comment(octets: &[u8], order: Order, comment: &[u8]) -> Vec<u8> {
        let (block, rest) = Block::split(octets, order).unwrap();
        assert!(rest.is_empty());
        let mut out = Vec::new();
        commented(&block, 12, (MARK, comment), &mut out);
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
                let once = with_comment(&before, order, b"ours: 1");
                assert_eq!(once, after);
                assert_eq!(with_comment(&once, order, b"ours: 1"), once);
            }
            let bare = plain(&[]);
            assert_eq!(with_comment(&with_comment(&bare, order, b"ours: 1"), order, b""), bare);
            let kept = plain(&[(1, b"theirs")]);
            assert_eq!(with_comment(&kept, order, b""), kept);
        }
    }

    #[test]
    fn unreadable_options_stay_as_they_are() {
        for order in ORDERS {
            let long = block(order, &[order.u16_octets(1), order.u16_octets(9), *b"ab", *b"cd"].concat());
            assert_eq!(with_comment(&long, order, b"ours: 1"), long);
            // Too short for the place where options would begin.
            let short = [order.u32_octets(5), order.u32_octets(12), order.u32_octets(12)].concat();
            assert_eq!(with_comment(&short, order, b"ours: 1"), short);
        }
    }

    #[test]
    fn octets_of_a_file() {
        let interface =
            Interface { link: LinkType(101), snap_len: 96, name: Some("lo".to_owned()), fcs_len: Some(4) };
        let frame = Frame {
            number: 1,
            time: Some(Timestamp(0x0102_0304_0506_0708)),
            interface: 0,
            link: LinkType(101),
            octets: b"abcde",
            original_len: 1500,
        };
        let names =
            [(IpAddr::from([192, 0, 2, 7]), "a"), (IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, 7]), "b.c")];
        let mut out = Vec::new();
        section_header(Order::Big, "us", b"ours: s", &mut out);
        interface_description(Order::Big, &interface, 9, &mut out);
        enhanced_packet(Order::Big, &frame, 9, b"ours: p", &mut out);
        enhanced_packet(Order::Big, &Frame { octets: b"", time: None, ..frame }, 6, b"", &mut out);
        name_resolution(Order::Big, names.into_iter(), b"ours: n", 2000, &mut out);
        // Written by hand from draft-ietf-opsawg-pcapng, sections 4.1, 4.2, 4.3 and 4.5.
        let expected = [
            &b"\x0a\x0d\x0d\x0a\0\0\0\x34\x1a\x2b\x3c\x4d\0\x01\0\0\xff\xff\xff\xff\xff\xff\xff\xff"[..],
            b"\0\x04\0\x02us\0\0\0\x01\0\x07ours: s\0\0\0\0\0\0\0\0\x34",
            b"\0\0\0\x01\0\0\0\x30\0\x65\0\0\0\0\0\x60",
            b"\0\x02\0\x02lo\0\0\0\x09\0\x01\x09\0\0\0\0\x0d\0\x01\x04\0\0\0\0\0\0\0\0\0\0\x30",
            b"\0\0\0\x06\0\0\0\x38\0\0\0\0\x01\x02\x03\x04\x05\x06\x07\x08\0\0\0\x05\0\0\x05\xdc",
            b"abcde\0\0\0\0\x01\0\x07ours: p\0\0\0\0\0\0\0\0\x38",
            b"\0\0\0\x06\0\0\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x05\xdc\0\0\0\x20",
            b"\0\0\0\x04\0\0\0\x44\0\x01\0\x06\xc0\0\x02\x07a\0\0\0",
            b"\0\x02\0\x14\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07b.c\0",
            b"\0\0\0\0\0\x01\0\x07ours: n\0\0\0\0\0\0\0\0\x44",
        ]
        .concat();
        assert_eq!(out, expected);
    }

    /// Written by hand from draft-ietf-opsawg-pcapng, section 4.6.
    #[test]
    fn octets_of_statistics() {
        let mut out = Vec::new();
        interface_statistics(Order::Big, (9, 0x0102_0304_0506_0708), [3, 1, 2], &mut out);
        let expected = [
            &b"\0\0\0\x05\0\0\0\x40\0\0\0\x09\x01\x02\x03\x04\x05\x06\x07\x08"[..],
            b"\0\x04\0\x08\0\0\0\0\0\0\0\x03\0\x05\0\x08\0\0\0\0\0\0\0\x01",
            b"\0\x07\0\x08\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\x40",
        ];
        assert_eq!(out, expected.concat());
        out.clear();
        interface_statistics(Order::Little, (0, 0), [0x1_0000_0002, 0, 0], &mut out);
        // The low half of a number comes first.
        assert_eq!(out[24..32], [2, 0, 0, 0, 1, 0, 0, 0]);
    }

    #[test]
    fn names_end_where_their_room_does_and_none_make_no_block() {
        let names = |count: u8| (0..count).map(|last| (IpAddr::from([192, 0, 2, last]), "host"));
        let mut out = Vec::new();
        name_resolution(Order::Little, names(0), b"ours", 2000, &mut out);
        assert!(out.is_empty());
        // Each takes 4 + 12 octets behind the 8 of the head: the tenth begins at 152 and has 9 octets itself.
        name_resolution(Order::Little, names(100), b"ours", 1024 + 160, &mut out);
        let (block, _) = Block::split(&out, Order::Little).unwrap();
        assert_eq!(block.options(8).count(), 9);
    }
}
