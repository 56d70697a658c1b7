//! How much of the room that tables have by default they may take.

/// A share of the room of all tables that grow with what is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share(u32);

impl Default for Share {
    fn default() -> Self {
        Self::ALL
    }
}

impl Share {
    /// All of it.
    pub const ALL: Self = Self(1 << Self::BITS);
    /// The least memory that can be asked for, in octets.
    pub const LEAST: u64 = 256 << 20;

    const BITS: u32 = 20;
    /// What all tables take together where they are full, in octets, about: flows of both families 2 GiB, those that ended
    /// 1.5 GiB, fragments, names, hosts and DNS-SD together less than 1 GiB.
    const TABLES: u64 = 4 << 30;
    /// What does not follow: the program, what is read, and first octets of flows (80 MiB of both families).
    const FIXED: u64 = 160 << 20;

    /// The share that keeps so many sets of tables within about so many octets; all where these are more than needed.
    pub fn of_memory(octets: u64, sets: usize) -> Self {
        let each = octets / sets.max(1) as u64;
        // Something is left for tables, whatever the rest takes.
        let tables = each.saturating_sub(Self::FIXED).max(each / 8).min(Self::TABLES);
        Self(((tables << Self::BITS) / Self::TABLES) as u32)
    }

    /// Its part of a room, at least 1.
    pub const fn of(self, room: usize) -> usize {
        let part = (room as u64 * self.0 as u64) >> Self::BITS;
        if part == 0 { 1 } else { part as usize }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rooms_follow_the_memory() {
        assert_eq!(Share::of_memory(16 << 30, 1), Share::ALL);
        assert_eq!(Share::ALL.of(4_000_000), 4_000_000);
        // 512 MiB less 160 are 352 MiB of 4 GiB: 11 of 128 parts.
        let share = Share::of_memory(512 << 20, 1);
        assert_eq!((share.of(128), share.of(4_000_000), share.of(5)), (11, 343_750, 1));
        // Of three sets each has 170 2/3 MiB, an eighth of which is more than what 160 leave: 5,461 of 2^20 parts.
        assert_eq!(Share::of_memory(512 << 20, 3).of(4_000_000), 20_832);
        assert_eq!(Share::of_memory(Share::LEAST, 16).of(1 << 20), 512);
    }
}
