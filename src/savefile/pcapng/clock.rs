//! How the interfaces of a pcapng count time.

use super::block::{Block, Opt, code, kind};
use crate::packet::Timestamp;
use crate::savefile::octets::Order;

/// How an interface counts time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Clock {
    unit: Unit,
    /// Seconds to add (`if_tsoffset`).
    offset: i64,
}

impl Clock {
    /// The clock of an interface that says nothing of it.
    pub(super) const MICROSECONDS: Self = Self { unit: Unit::Nanoseconds(1_000), offset: 0 };

    /// That of an Interface Description Block.
    pub(crate) fn of(block: &Block<'_>) -> Self {
        let mut clock = Self::MICROSECONDS;
        block.options(16).for_each(|option| clock.take(block.order, &option));
        clock
    }

    /// Takes what an option says of it.
    pub(super) fn take(&mut self, order: Order, option: &Opt<'_>) {
        match (option.code, option.value) {
            (code::IF_TSRESOL, &[resolution]) => self.unit = Unit::new(resolution),
            (code::IF_TSOFFSET, value) => {
                if let Some(offset) = value.first_chunk() {
                    self.offset = order.u64(*offset).cast_signed();
                }
            }
            _ => {}
        }
    }

    /// The moment `ticks` mean, rounded down to a nanosecond; absent before 1970 and after 2554.
    #[inline]
    pub(super) fn time(self, ticks: u64) -> Option<Timestamp> {
        let nanoseconds = match self.unit {
            Unit::Nanoseconds(count) => ticks.checked_mul(count)?,
            Unit::PerNanosecond(count) => ticks / count,
            Unit::Binary(exponent) => {
                u64::try_from((u128::from(ticks) * u128::from(Timestamp::SECOND)) >> exponent).ok()?
            }
        };
        if self.offset == 0 {
            return Some(Timestamp(nanoseconds));
        }
        let offset = i128::from(self.offset) * i128::from(Timestamp::SECOND);
        u64::try_from(i128::from(nanoseconds) + offset).ok().map(Timestamp)
    }
}

/// When the packet of a block came, by the clocks of the interfaces of its section; `None` where it does not say.
pub(crate) fn packet_time(block: &Block<'_>, clocks: &[Clock]) -> Option<Timestamp> {
    let word = |at| block.order.u32_at(block.octets, at);
    let interface = match block.kind {
        kind::ENHANCED_PACKET => word(8)?,
        // Its number has 16 bits, and a count of drops follows.
        kind::PACKET => block.order.u16(*block.octets.get(8..10)?.first_chunk()?).into(),
        _ => return None,
    };
    let ticks = u64::from(word(12)?) << 32 | u64::from(word(16)?);
    clocks.get(interface as usize)?.time(ticks)
}

/// One tick (`if_tsresol`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    /// So many nanoseconds.
    Nanoseconds(u64),
    /// So many make a nanosecond.
    PerNanosecond(u64),
    /// 2 to the power of minus this, in seconds; at most 127.
    Binary(u8),
}

impl Unit {
    fn new(resolution: u8) -> Self {
        let exponent = resolution & 0x7f;
        if resolution & 0x80 != 0 {
            return Self::Binary(exponent);
        }
        match 10_u64.checked_pow(u32::from(exponent.abs_diff(9))) {
            Some(count) if exponent <= 9 => Self::Nanoseconds(count),
            Some(count) => Self::PerNanosecond(count),
            // No 64-bit number of such ticks reaches a nanosecond.
            None => Self::Binary(127),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = Timestamp::SECOND;

    #[test]
    fn converts_time_of_every_resolution() {
        let time = |resolution, offset: i64, ticks| {
            let clock = Clock { unit: Unit::new(resolution), offset };
            clock.time(ticks).map(|Timestamp(time)| time)
        };
        assert_eq!(time(0, 0, 3), Some(3 * SECOND));
        assert_eq!(time(3, 0, 1_500), Some(1_500_000_000));
        assert_eq!(time(6, 0, 1), Some(1_000));
        assert_eq!(time(9, 0, u64::MAX), Some(u64::MAX));
        // Finer than a nanosecond: rounded down.
        assert_eq!(time(10, 0, 19), Some(1));
        assert_eq!(time(12, 0, 1_999), Some(1));
        assert_eq!(time(27, 0, u64::MAX), Some(18));
        assert_eq!(time(28, 0, u64::MAX), Some(1));
        assert_eq!(time(29, 0, u64::MAX), Some(0));
        assert_eq!(time(127, 0, u64::MAX), Some(0));
        // Powers of two: 2^-1, 2^-10, 2^-32 and the finest.
        assert_eq!(time(0x80, 0, 3), Some(3 * SECOND));
        assert_eq!(time(0x81, 0, 3), Some(1_500_000_000));
        assert_eq!(time(0x8a, 0, 1), Some(976_562));
        assert_eq!(time(0xa0, 0, 0x1234_5678_8000_0000), Some(0x1234_5678 * SECOND + SECOND / 2));
        assert_eq!(time(0xff, 0, u64::MAX), Some(0));
        // Offsets of either sign; what no time stamp can hold is absent.
        assert_eq!(time(6, 10, 1), Some(10 * SECOND + 1_000));
        assert_eq!(time(6, -1, 2_000_000), Some(SECOND));
        assert_eq!(time(6, -3, 2_000_000), None);
        assert_eq!(time(6, i64::MAX, 0), None);
        assert_eq!(time(0, 0, u64::MAX), None);
        assert_eq!(time(0x80, 0, u64::MAX), None);
    }
}
