//! The first HEADERS of HTTP/2, packed by HPACK (RFC 7541), as far as they tell the host.
//!
//! Nothing was inserted into the dynamic table before them, so all but a name or value that refers to another
//! field of the same headers can be read.

use super::reader::{Reader, check};

/// Most octets of a string that is unpacked.
const LONGEST: usize = 256;

/// Number of `:authority` in the static table (RFC 7541 appendix A).
const AUTHORITY: usize = 1;
/// Number of `host` there.
const HOST: usize = 38;
/// Number of the last field there.
const LAST: usize = 61;

/// The value of `:authority`, else that of `host` (RFC 9113 section 8.3.1), in headers that are whole.
///
/// `None` where neither is told in so many words, and where the headers cannot be read.
pub(super) fn authority(headers: &[u8]) -> Option<Vec<u8>> {
    let mut reader = Reader::new(headers);
    let mut host = None;
    while let Some(first) = reader.peek() {
        let (bits, is_literal) = match first {
            0x80.. => (7, false),
            0x40.. => (6, true),
            // A change of the dynamic table's size.
            0x20.. => (5, false),
            _ => (4, true),
        };
        let index = integer(&mut reader, bits)?;
        if !is_literal {
            continue;
        }
        let name = match index {
            0 => of_name(&string(&mut reader)?),
            1..=LAST => Some(index).filter(|&index| index == AUTHORITY || index == HOST),
            _ => None,
        };
        let value = string(&mut reader)?;
        match name {
            Some(AUTHORITY) => return value.unpacked(),
            Some(HOST) if host.is_none() => host = Some(value.unpacked()?),
            _ => {}
        }
    }
    host
}

/// The number of a name that is written out, where it is one of the two.
fn of_name(name: &Packed<'_>) -> Option<usize> {
    match &name.unpacked()?[..] {
        b":authority" => Some(AUTHORITY),
        b"host" => Some(HOST),
        _ => None,
    }
}

/// An integer whose first octet has so many bits for it (RFC 7541 section 5.1).
fn integer(reader: &mut Reader<'_>, bits: u32) -> Option<usize> {
    let most = (1 << bits) - 1;
    let mut value = usize::from(reader.u8()?) & most;
    if value < most {
        return Some(value);
    }
    // Three more octets tell more than any header that is looked at here is long.
    for shift in [0, 7, 14] {
        let octet = reader.u8()?;
        value += usize::from(octet & 0x7f) << shift;
        if octet < 0x80 {
            return Some(value);
        }
    }
    None
}

/// A string (RFC 7541 section 5.2).
struct Packed<'a> {
    octets: &'a [u8],
    is_huffman: bool,
}

/// Reads a string.
fn string<'a>(reader: &mut Reader<'a>) -> Option<Packed<'a>> {
    let is_huffman = reader.peek()? & 0x80 != 0;
    let len = integer(reader, 7)?;
    Some(Packed { octets: reader.take(len)?, is_huffman })
}

impl Packed<'_> {
    /// What it says; `None` where it is too long or wrongly packed.
    fn unpacked(&self) -> Option<Vec<u8>> {
        check(self.octets.len() <= LONGEST)?;
        if self.is_huffman { huffman(self.octets) } else { Some(self.octets.to_vec()) }
    }
}

/// Lengths in bits of the codes of all octets and, last, of the end (RFC 7541 appendix B). The code is
/// canonical: shorter codes come before longer ones, and those of one length are in the order of octets.
#[rustfmt::skip]
const LENGTHS: [u8; 257] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
    28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
    6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
    5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
    13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5,
    6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
    21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
    19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
    30,
];

/// Longest code, in bits.
const LONGEST_CODE: usize = 30;

/// How many codes there are of each length, and all octets in the order of their codes.
const CODES: ([u32; LONGEST_CODE + 1], [u16; 257]) = {
    let (mut counts, mut sorted) = ([0; LONGEST_CODE + 1], [0; 257]);
    let (mut len, mut next) = (1, 0);
    while len <= LONGEST_CODE {
        let mut octet = 0;
        while octet < 257 {
            if LENGTHS[octet] as usize == len {
                counts[len] += 1;
                sorted[next] = octet as u16;
                next += 1;
            }
            octet += 1;
        }
        len += 1;
    }
    (counts, sorted)
};

/// Unpacks a string; `None` where it is not padded as it must be, or holds the end.
fn huffman(octets: &[u8]) -> Option<Vec<u8>> {
    let (counts, sorted) = &CODES;
    let mut out = Vec::with_capacity(octets.len() * 8 / 5);
    // The bits of a code so far, the first code of that length, and where its octet stands among all.
    let (mut code, mut first, mut index, mut len) = (0_u32, 0_u32, 0_u32, 0_usize);
    for octet in octets {
        for bit in (0..8).rev() {
            code = code << 1 | u32::from(octet >> bit & 1);
            first <<= 1;
            len += 1;
            let count = *counts.get(len)?;
            if code - first < count {
                out.push(u8::try_from(*sorted.get((index + code - first) as usize)?).ok()?);
                (code, first, index, len) = (0, 0, 0, 0);
            } else {
                index += count;
                first += count;
            }
        }
    }
    // The padding is the beginning of the end's code: ones, and less than an octet of them.
    check(len < 8 && code == (1 << len) - 1)?;
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payload::testing::hex;

    /// RFC 7541 appendix C.3.1 and C.4.1.
    #[test]
    fn requests_of_the_rfc() {
        let plain = hex("8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d");
        assert_eq!(authority(&plain).as_deref(), Some(&b"www.example.com"[..]));
        let packed = hex("8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff");
        assert_eq!(authority(&packed).as_deref(), Some(&b"www.example.com"[..]));
        for cut in 0..plain.len() {
            assert_eq!(authority(&plain[..cut]), None);
        }
        for cut in 0..packed.len() {
            assert_eq!(authority(&packed[..cut]), None);
        }
    }

    /// RFC 7541 appendices C.4.2, C.4.3 and C.6.1.
    #[test]
    fn strings_of_the_rfc() {
        let strings = [
            ("a8eb 1064 9cbf", "no-cache"),
            ("25a8 49e9 5ba9 7d7f", "custom-key"),
            ("25a8 49e9 5bb8 e8b4 bf", "custom-value"),
            ("d07a be94 1054 d444 a820 0595 040b 8166 e082 a62d 1bff", "Mon, 21 Oct 2013 20:13:21 GMT"),
            ("9d29 ad17 1863 c78f 0b97 c8e9 ae82 ae43 d3", "https://www.example.com"),
        ];
        for (packed, text) in strings {
            assert_eq!(huffman(&hex(packed)).as_deref(), Some(text.as_bytes()));
        }
        // Padding of zeros, of a whole octet, and the end written out.
        assert_eq!(huffman(&hex("a8eb 1064 9cb0")), None);
        assert_eq!(huffman(&hex("a8eb 1064 9cbf ff")), None);
        assert_eq!(huffman(&hex("ffff fffc")), None);
    }

    #[test]
    fn names_written_out_and_the_host_field() {
        assert_eq!(authority(b"\x00\x0a:authority\x03a.b").as_deref(), Some(&b"a.b"[..]));
        assert_eq!(authority(b"\x82\x0f\x17\x03a.b").as_deref(), Some(&b"a.b"[..]));
        assert_eq!(authority(b"\x66\x03h.x\x41\x03a.b").as_deref(), Some(&b"a.b"[..]));
        // Never indexed, and behind a change of the table's size.
        assert_eq!(authority(b"\x3f\xe1\x1f\x11\x03a.b").as_deref(), Some(&b"a.b"[..]));
    }

    #[test]
    fn what_is_not_told_is_none() {
        assert_eq!(authority(b""), None);
        // `:authority` of the static table is empty; another field of the headers is not looked up.
        assert_eq!(authority(b"\x82\x81\xbe"), None);
        assert_eq!(authority(b"\x41\xff\xff\xff\xff\xff\x0f"), None);
        assert_eq!(authority(&[&b"\x41\x7f\xad\x01"[..], &[b'a'; 300]].concat()), None);
    }
}
