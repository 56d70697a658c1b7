//! The first octets of a DEFLATE stream (RFC 1951), as far as headers need them: without a heap, and never more than
//! the room it is given. The octets written are the window that later ones are copied from.

/// Longest code of a literal, length or distance, in bits (RFC 1951 section 3.2.7).
const MAX_BITS: usize = 15;
/// Codes of literals and lengths, and of distances, that a block can define.
const LITERALS: usize = 288;
const DISTANCES: usize = 32;

/// Unpacks `packed` into `room`. Returns how many octets were written, and whether they are all of the stream.
///
/// `None` where the octets are no such stream. A stream that is cut, or longer than `room`, gives its beginning.
pub(super) fn inflate(packed: &[u8], room: &mut [u8]) -> Option<(usize, bool)> {
    let mut stream = Stream { bits: Bits { octets: packed, held: 0, count: 0 }, room, len: 0 };
    match stream.blocks() {
        Ok(()) => Some((stream.len, true)),
        Err(End::Short | End::Full) => Some((stream.len, false)),
        Err(End::Wrong) => None,
    }
}

/// Why unpacking ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The packed octets ended.
    Short,
    /// There is no room for more.
    Full,
    /// They are no DEFLATE stream.
    Wrong,
}

/// Bits of octets, the lowest first (RFC 1951 section 3.1.1).
struct Bits<'a> {
    octets: &'a [u8],
    held: u32,
    count: u32,
}

impl Bits<'_> {
    /// The next `count` bits, at most 16.
    fn take(&mut self, count: u32) -> Result<u16, End> {
        while self.count < count {
            let (&octet, rest) = self.octets.split_first().ok_or(End::Short)?;
            self.octets = rest;
            self.held |= u32::from(octet) << self.count;
            self.count += 8;
        }
        let value = self.held & ((1 << count) - 1);
        self.held >>= count;
        self.count -= count;
        Ok(value as u16)
    }

    /// Drops what is left of the octet that was begun; whole octets are never held then.
    fn align(&mut self) {
        (self.held, self.count) = (0, 0);
    }
}

/// A Huffman code: how many codes have each length, and the symbols in the order of their codes.
struct Code<const N: usize> {
    counts: [u16; MAX_BITS + 1],
    symbols: [u16; N],
}

impl<const N: usize> Code<N> {
    /// The code in which symbol `i` has `lengths[i]` bits (RFC 1951 section 3.2.2). Codes may be left unused, but none
    /// can stand for two symbols.
    fn new(lengths: &[u8]) -> Result<Self, End> {
        let mut counts = [0; MAX_BITS + 1];
        for &len in lengths {
            counts[usize::from(len)] += 1;
        }
        counts[0] = 0;
        let mut free = 1_i32;
        let mut next = [0; MAX_BITS + 2];
        for len in 1..=MAX_BITS {
            free = free * 2 - i32::from(counts[len]);
            if free < 0 {
                return Err(End::Wrong);
            }
            next[len + 1] = next[len] + counts[len];
        }
        let mut symbols = [0; N];
        for (symbol, &len) in lengths.iter().enumerate().filter(|&(_, &len)| len > 0) {
            let place = &mut next[usize::from(len)];
            *symbols.get_mut(usize::from(*place)).ok_or(End::Wrong)? = symbol as u16;
            *place += 1;
        }
        Ok(Self { counts, symbols })
    }

    /// The next symbol.
    fn read(&self, bits: &mut Bits<'_>) -> Result<u16, End> {
        let (mut code, mut first, mut index) = (0_u32, 0_u32, 0_u32);
        for &count in &self.counts[1..] {
            code |= u32::from(bits.take(1)?);
            let count = u32::from(count);
            if code < first + count {
                return self.symbols.get((index + code - first) as usize).copied().ok_or(End::Wrong);
            }
            index += count;
            first = (first + count) * 2;
            code *= 2;
        }
        Err(End::Wrong)
    }
}

/// A stream being unpacked.
struct Stream<'p, 'r> {
    bits: Bits<'p>,
    room: &'r mut [u8],
    len: usize,
}

impl Stream<'_, '_> {
    fn blocks(&mut self) -> Result<(), End> {
        loop {
            let last = self.bits.take(1)? == 1;
            match self.bits.take(2)? {
                0 => self.stored()?,
                1 => {
                    let mut lengths = [8; LITERALS];
                    lengths[144..256].fill(9);
                    lengths[256..280].fill(7);
                    self.coded(&Code::new(&lengths)?, &Code::new(&[5; 30])?)?;
                }
                2 => self.dynamic()?,
                _ => return Err(End::Wrong),
            }
            if last {
                return Ok(());
            }
        }
    }

    fn put(&mut self, octet: u8) -> Result<(), End> {
        *self.room.get_mut(self.len).ok_or(End::Full)? = octet;
        self.len += 1;
        Ok(())
    }

    /// Octets as they are (RFC 1951 section 3.2.4): length, its complement, octets.
    fn stored(&mut self) -> Result<(), End> {
        self.bits.align();
        let (len, complement) = (self.bits.take(16)?, self.bits.take(16)?);
        if len != !complement {
            return Err(End::Wrong);
        }
        for _ in 0..len {
            let octet = self.bits.take(8)?;
            self.put(octet as u8)?;
        }
        Ok(())
    }

    /// A block that defines its codes, whose lengths are coded themselves (RFC 1951 section 3.2.7).
    fn dynamic(&mut self) -> Result<(), End> {
        const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
        let literals = usize::from(self.bits.take(5)?) + 257;
        let distances = usize::from(self.bits.take(5)?) + 1;
        let given = usize::from(self.bits.take(4)?) + 4;
        if literals > 286 {
            return Err(End::Wrong);
        }
        let mut lengths = [0; 19];
        for &at in &ORDER[..given] {
            lengths[at] = self.bits.take(3)? as u8;
        }
        let code = Code::<19>::new(&lengths)?;
        let mut lengths = [0_u8; LITERALS + DISTANCES];
        let all = lengths.get_mut(..literals + distances).ok_or(End::Wrong)?;
        let mut at = 0;
        while at < all.len() {
            let (value, times) = match code.read(&mut self.bits)? {
                len @ 0..16 => (len as u8, 1),
                16 => {
                    let before = at.checked_sub(1).ok_or(End::Wrong)?;
                    (all[before], 3 + self.bits.take(2)?)
                }
                17 => (0, 3 + self.bits.take(3)?),
                _ => (0, 11 + self.bits.take(7)?),
            };
            let end = at + usize::from(times);
            all.get_mut(at..end).ok_or(End::Wrong)?.fill(value);
            at = end;
        }
        let (literals, distances) = all.split_at(literals);
        let (literals, distances) = (Code::new(literals)?, Code::new(distances)?);
        self.coded(&literals, &distances)
    }

    /// Literals, and copies of what came before (RFC 1951 section 3.2.5).
    fn coded(&mut self, literals: &Code<LITERALS>, distances: &Code<DISTANCES>) -> Result<(), End> {
        loop {
            let symbol = literals.read(&mut self.bits)?;
            let len = match symbol {
                0..256 => {
                    self.put(symbol as u8)?;
                    continue;
                }
                256 => return Ok(()),
                257..285 => {
                    let (base, extra) = stepped(symbol - 257, 4);
                    3 + base + self.bits.take(extra)?
                }
                285 => 258,
                _ => return Err(End::Wrong),
            };
            let symbol = distances.read(&mut self.bits)?;
            if symbol >= 30 {
                return Err(End::Wrong);
            }
            let (base, extra) = stepped(symbol, 2);
            let distance = usize::from(base) + usize::from(self.bits.take(extra)?) + 1;
            for _ in 0..len {
                let from = self.len.checked_sub(distance).ok_or(End::Wrong)?;
                let octet = self.room[from];
                self.put(octet)?;
            }
        }
    }
}

/// The least value of a symbol, counted from 0, and the bits that add to it: after the first two times `each` symbols,
/// every `each` of them have a bit more (the tables of RFC 1951 section 3.2.5).
fn stepped(symbol: u16, each: u16) -> (u16, u32) {
    let Some(extra) = (symbol / each).checked_sub(1) else { return (symbol, 0) };
    ((each + symbol % each) << extra, extra.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inflated(packed: &[u8], room: usize) -> Option<(Vec<u8>, bool)> {
        let mut octets = vec![0; room];
        let (len, whole) = inflate(packed, &mut octets)?;
        octets.truncate(len);
        Some((octets, whole))
    }

    /// RFC 1951 section 3.2.5, the tables: first and last symbols of lengths and distances.
    #[test]
    fn symbols_stand_for_the_values_of_the_tables() {
        for (symbol, len, extra) in [(257, 3, 0), (264, 10, 0), (265, 11, 1), (269, 19, 2), (284, 227, 5)] {
            assert_eq!(stepped(symbol - 257, 4), (len - 3, extra), "{symbol}");
        }
        for (symbol, distance, extra) in [(0, 1, 0), (3, 4, 0), (4, 5, 1), (9, 25, 3), (29, 24_577, 13)] {
            assert_eq!(stepped(symbol, 2), (distance - 1, extra), "{symbol}");
        }
    }

    #[test]
    fn each_kind_of_block_is_unpacked() {
        // Stored: last, type 0; 5 octets.
        let stored = [0x01, 5, 0, 0xfa, 0xff, b'h', b'e', b'l', b'l', b'o'];
        assert_eq!(inflated(&stored, 9), Some((b"hello".to_vec(), true)));
        // Fixed codes, by hand: last, type 1; literal "a" (0x61 + 0x30 = 10010001); length 4 is symbol 258 (0000010),
        // distance 1 is symbol 0 (00000); the end is symbol 256 (0000000).
        // Bits in order: 1 10 10010001 0000010 00000 0000000.
        let fixed = [0b0100_1011, 0b0000_0100, 0b0000_0001, 0b0000_0000];
        assert_eq!(inflated(&fixed, 9), Some((b"aaaaa".to_vec(), true)));
        assert_eq!(inflated(&fixed, 3), Some((b"aaa".to_vec(), false)), "no room");
        assert_eq!(inflated(&fixed[..2], 9), Some((b"a".to_vec(), false)), "cut");
    }

    #[test]
    fn what_is_no_stream_is_refused() {
        for (octets, what) in [
            (&[0x07][..], "type 3"),
            (&[0x01, 5, 0, 0xfa, 0xfe, 0], "a length without its complement"),
            // Length 4 (symbol 258) at once, with nothing before it to copy.
            (&[0b0000_0011, 0b0000_0010, 0], "a copy from before the beginning"),
            (&[0xfd, 0xff, 0xff], "too many literals"),
        ] {
            assert_eq!(inflated(octets, 9), None, "{what}");
        }
        assert_eq!(inflated(&[], 9), Some((Vec::new(), false)));
    }

    #[cfg(feature = "compression")]
    mod beside_another {
        use std::io::Write;

        use flate2::{Compression, write::DeflateEncoder};
        use proptest::{collection::vec, prelude::*};

        use super::*;

        proptest! {
            #[test]
            fn packed_by_another_the_beginning_is_the_same(
                words in vec("[a-f]{1,12}", 0..400),
                level in 0_u32..10,
                room in 0_usize..600,
            ) {
                let text = words.concat().into_bytes();
                let mut encoder = DeflateEncoder::new(Vec::new(), Compression::new(level));
                encoder.write_all(&text).expect("memory");
                let packed = encoder.finish().expect("memory");
                let (octets, whole) = inflated(&packed, room).expect("a stream");
                prop_assert_eq!(&octets[..], &text[..room.min(text.len())]);
                prop_assert!(!whole || octets.len() == text.len());
                prop_assert!(whole || room <= text.len());
            }

            #[test]
            fn any_octets_end(octets in vec(any::<u8>(), 0..300), room in 0_usize..600) {
                if let Some((octets, _)) = inflated(&octets, room) {
                    prop_assert!(octets.len() <= room);
                }
            }
        }
    }
}
