//! The one cursor over first octets; nothing else in this module touches offsets.

/// A bounds-checked cursor: every read is an `Option`, and a failed read takes nothing.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads `octets` from their beginning.
    pub(crate) fn new(octets: &'a [u8]) -> Self {
        Self { rest: octets }
    }

    /// All octets not read yet.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Octets not read yet.
    pub(super) fn len(&self) -> usize {
        self.rest.len()
    }

    /// Whether everything was read.
    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next `N` octets.
    #[inline]
    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, tail) = self.rest.split_first_chunk()?;
        self.rest = tail;
        Some(*head)
    }

    /// The next `len` octets.
    #[inline]
    pub(crate) fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.rest.split_at_checked(len)?;
        self.rest = tail;
        Some(head)
    }

    /// Passes over `len` octets.
    pub(crate) fn skip(&mut self, len: usize) -> Option<()> {
        self.take(len).map(|_| ())
    }

    /// Passes over `len` octets or, where there are fewer, over all; tells whether all were there.
    pub(super) fn skip_or_end(&mut self, len: usize) -> bool {
        let whole = len <= self.rest.len();
        self.rest = self.rest.get(len..).unwrap_or_default();
        whole
    }

    /// The next octet.
    pub(super) fn u8(&mut self) -> Option<u8> {
        self.array().map(|[octet]| octet)
    }

    /// The next two octets in network order.
    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    /// The next three octets in network order.
    pub(super) fn u24(&mut self) -> Option<u32> {
        self.array().map(|[a, b, c]| u32::from_be_bytes([0, a, b, c]))
    }

    /// The next four octets in network order.
    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    /// The next eight octets in network order.
    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    /// The next two octets, least significant first.
    pub(super) fn le16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    /// The next three octets, least significant first.
    pub(super) fn le24(&mut self) -> Option<u32> {
        self.array().map(|[a, b, c]| u32::from_le_bytes([a, b, c, 0]))
    }

    /// The next four octets, least significant first.
    pub(super) fn le32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    /// The next octet, left unread.
    pub(super) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// Passes over exactly these octets.
    #[inline]
    pub(crate) fn expect(&mut self, octets: &[u8]) -> Option<()> {
        self.rest = self.rest.strip_prefix(octets)?;
        Some(())
    }

    /// Passes over these letters, whatever their ASCII case.
    pub(crate) fn expect_word(&mut self, word: &[u8]) -> Option<()> {
        let (head, tail) = self.rest.split_at_checked(word.len())?;
        self.rest = head.eq_ignore_ascii_case(word).then_some(tail)?;
        Some(())
    }

    /// The octets before the next `end`, which is passed over too.
    pub(crate) fn until(&mut self, end: u8) -> Option<&'a [u8]> {
        let len = position(self.rest, end)?;
        let found = self.take(len)?;
        self.skip(1)?;
        Some(found)
    }

    /// The octets from here on that `is` holds for.
    pub(crate) fn run(&mut self, is: impl Fn(u8) -> bool) -> &'a [u8] {
        let len = self.rest.iter().position(|&octet| !is(octet)).unwrap_or(self.rest.len());
        self.take(len).unwrap_or_default()
    }

    /// One line, without its LF or CR LF; `None` where the octets end before the line does.
    pub(crate) fn line(&mut self) -> Option<&'a [u8]> {
        let line = self.until(b'\n')?;
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }

    /// A number in ASCII digits, at least one and at most nine.
    pub(crate) fn number(&mut self) -> Option<u32> {
        let digits = self.run(|octet| octet.is_ascii_digit());
        check((1..=9).contains(&digits.len()))?;
        Some(digits.iter().fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0')))
    }
}

/// Where the first `octet` stands; looks at many at a time, as a line may be long.
#[inline]
pub(super) fn position(octets: &[u8], octet: u8) -> Option<usize> {
    memchr::memchr(octet, octets)
}

/// Goes on only where `holds`.
#[inline]
pub(crate) fn check(holds: bool) -> Option<()> {
    holds.then_some(())
}

/// Whether these are characters for people: printable ASCII, TAB, or part of a longer UTF-8 character.
pub(super) fn is_printable(octets: &[u8]) -> bool {
    octets.iter().copied().all(is_printable_octet)
}

/// Whether this is a character for people, or part of one.
pub(super) fn is_printable_octet(octet: u8) -> bool {
    matches!(octet, b'\t' | 0x20..=0x7e | 0x80..)
}

/// Whether these are visible ASCII characters, and at least one.
pub(super) fn is_word(octets: &[u8]) -> bool {
    !octets.is_empty() && octets.iter().all(u8::is_ascii_graphic)
}

/// Whether `needle` stands somewhere in `octets`, whatever the ASCII case.
pub(super) fn holds(octets: &[u8], needle: &[u8]) -> bool {
    octets.windows(needle.len()).any(|window| window.eq_ignore_ascii_case(needle))
}

/// What follows the first `needle` in `octets`.
pub(super) fn after<'a>(octets: &'a [u8], needle: &[u8]) -> Option<&'a [u8]> {
    let (&first, _) = needle.split_first()?;
    let mut rest = octets;
    loop {
        rest = rest.get(position(rest, first)?..)?;
        if let Some(behind) = rest.strip_prefix(needle) {
            return Some(behind);
        }
        rest = rest.get(1..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_in_both_orders_and_takes_nothing_where_it_fails() {
        let mut reader = Reader::new(&[1, 2, 3, 4, 5, 6, 7, 8, 9]);
        assert_eq!(reader.u24(), Some(0x01_02_03));
        assert_eq!(reader.le24(), Some(0x06_05_04));
        assert_eq!(reader.u32(), None);
        assert_eq!(reader.len(), 3);
        assert_eq!(reader.le16(), Some(0x0807));
        assert!(!reader.skip_or_end(2));
        assert!(reader.is_empty());
    }

    #[test]
    fn lines_end_with_or_without_cr() {
        let mut reader = Reader::new(b"one\r\ntwo\nthree");
        assert_eq!(reader.line(), Some(&b"one"[..]));
        assert_eq!(reader.line(), Some(&b"two"[..]));
        assert_eq!(reader.line(), None);
        assert_eq!(reader.rest(), b"three");
    }

    #[test]
    fn an_end_is_found_wherever_it_stands() {
        for len in 0..70 {
            let octets = [&vec![b'a'; len][..], b"\nb\n"].concat();
            let mut reader = Reader::new(&octets);
            assert_eq!(reader.until(b'\n').map(<[u8]>::len), Some(len));
            assert_eq!((reader.until(b'\n'), reader.until(b'\n')), (Some(&b"b"[..]), None));
        }
    }

    #[test]
    fn numbers_have_one_to_nine_digits() {
        assert_eq!(Reader::new(b"042x").number(), Some(42));
        assert_eq!(Reader::new(b"x").number(), None);
        assert_eq!(Reader::new(b"1234567890").number(), None);
    }
}
