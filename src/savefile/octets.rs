//! Numbers in the byte order a file says it has.

/// Byte order of the machine that wrote a file or a section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Little,
    Big,
}

impl Order {
    pub(crate) const fn u16(self, octets: [u8; 2]) -> u16 {
        match self {
            Self::Little => u16::from_le_bytes(octets),
            Self::Big => u16::from_be_bytes(octets),
        }
    }

    pub(crate) const fn u32(self, octets: [u8; 4]) -> u32 {
        match self {
            Self::Little => u32::from_le_bytes(octets),
            Self::Big => u32::from_be_bytes(octets),
        }
    }

    pub(crate) const fn u64(self, octets: [u8; 8]) -> u64 {
        match self {
            Self::Little => u64::from_le_bytes(octets),
            Self::Big => u64::from_be_bytes(octets),
        }
    }

    pub(crate) const fn u16_octets(self, value: u16) -> [u8; 2] {
        match self {
            Self::Little => value.to_le_bytes(),
            Self::Big => value.to_be_bytes(),
        }
    }

    pub(crate) const fn u32_octets(self, value: u32) -> [u8; 4] {
        match self {
            Self::Little => value.to_le_bytes(),
            Self::Big => value.to_be_bytes(),
        }
    }

    /// So many 32-bit numbers, one after the other; `octets` must be as long as they are.
    #[inline]
    pub(crate) fn words<const N: usize>(self, octets: &[u8]) -> [u32; N] {
        let (words, _) = octets.as_chunks::<4>();
        let word = |index: usize| words.get(index).copied().unwrap_or_default();
        // Told apart once, not for each number.
        match self {
            Self::Little => std::array::from_fn(|index| u32::from_le_bytes(word(index))),
            Self::Big => std::array::from_fn(|index| u32::from_be_bytes(word(index))),
        }
    }

    /// The 32-bit number at `at`, if it lies inside.
    pub(crate) fn u32_at(self, octets: &[u8], at: usize) -> Option<u32> {
        Some(self.u32(*octets.get(at..)?.first_chunk()?))
    }
}
