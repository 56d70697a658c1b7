//! Pseudo-random numbers that are the same on every machine and in every release.

/// The output function of SplitMix64 (Steele, Lea, Flood 2014): a bijection of 64-bit numbers that scatters well.
pub(super) const fn scatter(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// A stream of numbers from a seed (SplitMix64).
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(scatter(seed))
    }

    pub(crate) const fn next(&mut self) -> u64 {
        let number = scatter(self.0);
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        number
    }

    /// Uniform in `0..bound`; its bias of less than `bound` / 2⁶⁴ is of no account here.
    pub(crate) const fn below(&mut self, bound: u64) -> u64 {
        scale(self.next(), bound)
    }

    /// True in `percent` of a hundred draws.
    pub(crate) const fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// Maps a uniform 64-bit number to `0..bound`.
pub(super) const fn scale(number: u64, bound: u64) -> u64 {
    ((number as u128 * bound as u128) >> 64) as u64
}

/// A random order of `0..domain` that needs no memory: a Feistel network, walked until it falls into the domain.
#[derive(Clone, Debug)]
pub(super) struct Permutation {
    domain: u64,
    half: u32,
    seed: u64,
}

impl Permutation {
    pub(super) const fn new(domain: u64, seed: u64) -> Self {
        let bits = 64 - domain.saturating_sub(1).leading_zeros();
        Self { domain, half: if bits < 2 { 1 } else { bits.div_ceil(2) }, seed }
    }

    /// Where `index` (less than the domain) stands in that order.
    pub(super) const fn at(&self, index: u64) -> u64 {
        let mask = (1 << self.half) - 1;
        let mut number = index;
        loop {
            let (mut left, mut right) = (number >> self.half, number & mask);
            let mut round = 0;
            while round < 4 {
                (left, right) = (right, left ^ (scatter(right ^ self.seed.wrapping_add(round << 32)) & mask));
                round += 1;
            }
            number = left << self.half | right;
            if number < self.domain {
                return number;
            }
        }
    }
}
