//! Which of the first octets of a stream were seen, where there are holes.

use super::reader::Reader;
use super::stream::Stream;

/// One bit for each octet that was seen, up to the last of them and no further: of most streams few octets are kept.
#[derive(Clone)]
pub(super) struct Seen(Vec<u64>);

impl Seen {
    const WORDS: usize = (Stream::LIMIT as usize).div_ceil(64);

    /// The first `whole` octets, and no other.
    pub(super) fn first(whole: u16) -> Self {
        let (words, rest) = (usize::from(whole / 64), whole % 64);
        let mut seen = vec![u64::MAX; words];
        seen.extend((rest > 0).then_some((1 << rest) - 1));
        Self(seen)
    }

    /// Whether this octet was seen.
    pub(super) fn has(&self, at: usize) -> bool {
        self.0.get(at / 64).is_some_and(|word| word >> (at % 64) & 1 == 1)
    }

    /// Notes an octet; whether it is new.
    pub(super) fn insert(&mut self, at: usize) -> bool {
        if at / 64 >= Self::WORDS {
            return false;
        }
        if at / 64 >= self.0.len() {
            self.0.reserve_exact(at / 64 + 1 - self.0.len());
            self.0.resize(at / 64 + 1, 0);
        }
        let Some(word) = self.0.get_mut(at / 64) else { return false };
        let before = *word;
        *word |= 1 << (at % 64);
        *word != before
    }

    /// Forgets all octets from this one on.
    pub(super) fn truncate(&mut self, end: u16) {
        self.0.truncate(usize::from(end).div_ceil(64));
        // Where the end lies within a word, that is the last one.
        if let Some(last) = self.0.get_mut(usize::from(end / 64)) {
            *last &= (1 << (end % 64)) - 1;
        }
    }

    /// Octets that it takes in memory, itself included.
    pub(super) fn size(&self) -> usize {
        size_of::<Self>() + self.0.capacity() * size_of::<u64>()
    }

    /// Writes the bits of the first `end` octets so that [`Self::read`] gives them back.
    pub(super) fn write(&self, end: u16, out: &mut Vec<u8>) {
        for at in 0..usize::from(end).div_ceil(64) {
            let word = self.0.get(at).copied().unwrap_or_default();
            out.extend_from_slice(&word.to_be_bytes());
        }
    }

    /// Reads what [`Self::write`] wrote.
    pub(super) fn read(end: u16, reader: &mut Reader<'_>) -> Option<Self> {
        let mut words = Vec::new();
        for _ in 0..usize::from(end).div_ceil(64) {
            words.push(reader.u64()?);
        }
        Some(Self(words))
    }

    /// Octets seen from the first without a hole.
    pub(super) fn whole(&self) -> u16 {
        let full = self.0.iter().take_while(|&&word| word == u64::MAX).count();
        let rest = self.0.get(full).map_or(0, |word| word.trailing_ones());
        (full * 64) as u16 + rest as u16
    }
}

impl PartialEq for Seen {
    fn eq(&self, other: &Self) -> bool {
        let bits = |seen: &Self| seen.0.iter().rposition(|&word| word != 0).map_or(0, |last| last + 1);
        self.0.get(..bits(self)) == other.0.get(..bits(other))
    }
}

impl Eq for Seen {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// As a list of flags does.
        #[test]
        fn octets_are_noted_and_forgotten(
            whole in 0..Stream::LIMIT, noted in proptest::collection::vec(0_usize..5_000, 0..40), end in 0..Stream::LIMIT
        ) {
            let mut flags = vec![false; Seen::WORDS * 64];
            flags[..usize::from(whole)].fill(true);
            let mut seen = Seen::first(whole);
            for at in noted {
                let is_new = flags.get(at) == Some(&false);
                prop_assert_eq!(seen.insert(at), is_new);
                flags.get_mut(at).into_iter().for_each(|flag| *flag = true);
            }
            let run = |flags: &[bool]| flags.iter().take_while(|&&flag| flag).count();
            prop_assert_eq!(usize::from(seen.whole()), run(&flags));
            seen.truncate(end);
            flags[usize::from(end)..].fill(false);
            prop_assert!(flags.iter().enumerate().all(|(at, &flag)| seen.has(at) == flag));
            prop_assert_eq!(usize::from(seen.whole()), run(&flags));
            let mut octets = Vec::new();
            seen.write(end, &mut octets);
            prop_assert_eq!(octets.len(), usize::from(end).div_ceil(64) * 8);
            prop_assert!(Seen::read(end, &mut Reader::new(&octets)) == Some(seen));
        }
    }
}
