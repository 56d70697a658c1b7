//! Octets of a stream or message that come in pieces, in any order and more than once.

/// The first octets of something that comes in pieces. Where pieces overlap, what came first stays.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Gathered {
    octets: Vec<u8>,
    /// One bit for each octet that was seen, where there is a hole.
    seen: Vec<u64>,
    /// Octets without a hole, from the first.
    whole: usize,
}

impl Gathered {
    /// Whether the parts fit each other.
    pub(super) fn is_sound(&self) -> bool {
        let len = self.octets.len();
        let seen = if self.seen.is_empty() { len == self.whole } else { self.seen.len() == len.div_ceil(64) };
        len <= Self::LIMIT && self.whole <= len && seen
    }

    /// Most octets that are kept: a hello of 16 KiB, and headers of the records it is in.
    pub(super) const LIMIT: usize = (16 << 10) + 1_024;

    /// Puts octets at their place; what is beyond the bound is left out.
    pub(super) fn put(&mut self, at: usize, octets: &[u8]) {
        let octets = octets.get(..Self::LIMIT.saturating_sub(at)).unwrap_or(octets);
        if octets.is_empty() {
            return;
        }
        let end = at + octets.len();
        if self.seen.is_empty() && at <= self.whole {
            // Nearly every piece goes on where the one before it ended.
            if let Some(new) = octets.get(self.whole - at..) {
                self.octets.extend_from_slice(new);
                self.whole = self.octets.len();
            }
            return;
        }
        if self.octets.len() < end {
            self.octets.resize(end, 0);
        }
        let known = if self.seen.is_empty() { self.whole } else { 0 };
        self.seen.resize(self.octets.len().div_ceil(64), 0);
        (0..known).for_each(|at| self.seen[at / 64] |= 1 << (at % 64));
        for (at, &octet) in (at..).zip(octets) {
            let (word, bit) = (&mut self.seen[at / 64], 1 << (at % 64));
            if *word & bit == 0 {
                *word |= bit;
                self.octets[at] = octet;
            }
        }
        while self.seen.get(self.whole / 64).is_some_and(|word| word >> (self.whole % 64) & 1 == 1) {
            self.whole += 1;
        }
        if self.whole == self.octets.len() {
            self.seen.clear();
        }
    }

    /// The octets without a hole.
    pub(super) fn whole(&self) -> &[u8] {
        self.octets.get(..self.whole).unwrap_or_default()
    }

    /// Whether no more octets fit behind those.
    pub(super) fn is_full(&self) -> bool {
        self.whole >= Self::LIMIT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_repetitions_do_not_matter() {
        let octets: Vec<u8> = (0..=255).collect();
        for step in [1, 7, 64, 100] {
            let pieces: Vec<_> = octets.chunks(step).zip((0..).step_by(step)).collect();
            let mut back = Gathered::default();
            for &(piece, at) in pieces.iter().rev() {
                back.put(at, piece);
                back.put(at, piece);
            }
            assert_eq!(back.whole(), octets);
            let mut odd_first = Gathered::default();
            let odd = pieces.iter().skip(1).step_by(2);
            odd.chain(pieces.iter().step_by(2)).for_each(|&(piece, at)| odd_first.put(at, piece));
            assert_eq!(odd_first.whole(), octets);
        }
    }

    #[test]
    fn a_hole_ends_it_and_what_came_first_stays() {
        let mut gathered = Gathered::default();
        gathered.put(0, b"abc");
        gathered.put(5, b"fg");
        assert_eq!(gathered.whole(), b"abc");
        gathered.put(2, b"XdeX");
        assert_eq!(gathered.whole(), b"abcdefg");
        gathered.put(1, b"YYYYYYh");
        assert_eq!(gathered.whole(), b"abcdefgh");
    }

    #[test]
    fn no_more_than_the_bound_is_kept() {
        let mut gathered = Gathered::default();
        gathered.put(Gathered::LIMIT - 1, b"ab");
        gathered.put(usize::MAX, b"ab");
        assert_eq!(gathered.octets.len(), Gathered::LIMIT);
        gathered.put(0, &vec![7; Gathered::LIMIT + 5]);
        assert!(gathered.is_full());
        assert_eq!(gathered.whole().len(), Gathered::LIMIT);
    }
}
