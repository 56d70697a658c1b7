//! What the ends of a TCP connection did, in the order in which each did it first: what Zeek's `history` and `conn_state` are
//! worked out of.

use super::{entry::Facts, key::Direction};
use crate::decode::TcpFlags;

/// What a segment does, by its flags and whether it carries data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// SYN without ACK.
    Syn,
    /// The same with data (RFC 7413).
    SynData,
    /// SYN and ACK.
    SynAck,
    /// The same with data.
    SynAckData,
    /// ACK and nothing else.
    Ack,
    /// Data, and none of SYN, FIN and RST.
    Data,
    /// FIN.
    Fin,
    /// The same with data.
    FinData,
    /// RST.
    Reset,
    /// FIN and RST, which contradict each other.
    FinReset,
    /// SYN and FIN, which contradict each other.
    SynFin,
    /// SYN and RST, which contradict each other.
    SynReset,
}

impl Step {
    /// Every one, in the order of their numbers.
    const ALL: [Self; 12] = [
        Self::Syn,
        Self::SynData,
        Self::SynAck,
        Self::SynAckData,
        Self::Ack,
        Self::Data,
        Self::Fin,
        Self::FinData,
        Self::Reset,
        Self::FinReset,
        Self::SynFin,
        Self::SynReset,
    ];

    /// What a segment with these flags does; nothing where it has none of them and no data.
    pub fn of(flags: TcpFlags, has_data: bool) -> Option<Self> {
        let [syn, fin, reset, ack] =
            [TcpFlags::SYN, TcpFlags::FIN, TcpFlags::RST, TcpFlags::ACK].map(|flag| flags.has(flag));
        Some(match (syn, fin, reset) {
            (_, true, true) => Self::FinReset,
            (true, true, false) => Self::SynFin,
            (true, false, true) => Self::SynReset,
            (true, false, false) => match (ack, has_data) {
                (false, false) => Self::Syn,
                (false, true) => Self::SynData,
                (true, false) => Self::SynAck,
                (true, true) => Self::SynAckData,
            },
            (false, true, false) if has_data => Self::FinData,
            (false, true, false) => Self::Fin,
            (false, false, true) => Self::Reset,
            (false, false, false) if has_data => Self::Data,
            (false, false, false) if ack => Self::Ack,
            (false, false, false) => return None,
        })
    }

    /// The one of that number.
    pub(super) fn numbered(number: u32) -> Option<Self> {
        Self::ALL.get(number as usize).copied()
    }

    /// The fact that says of a direction that this is known: only of what most segments do.
    pub(super) const fn fact(self) -> u32 {
        match self {
            Self::Ack => Facts::ACKED,
            Self::Data => Facts::SPOKE,
            _ => 0,
        }
    }
}

/// What both ends of a TCP connection did, each once, in the order in which it came first.
///
/// Two that follow one another make that of both, in whatever grouping they are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct History(
    /// Numbers from 1, each in [`Self::BITS`] bits, the first in the lowest.
    u64,
);

impl History {
    /// Nothing yet.
    pub const EMPTY: Self = Self(0);
    /// It was not asked for, the flags of a segment were not captured, or there were more steps than the twelve that it holds:
    /// as many as all of SYN, SYN and ACK, ACK, data, FIN and RST are in both directions.
    pub const UNKNOWN: Self = Self(u64::MAX);
    const BITS: u32 = 5;
    const MOST: u32 = 12;

    /// Notes what an end does, if it is the first time.
    pub(super) fn note(&mut self, step: Step, way: Direction) {
        self.push((step as u64) << 1 | way as u64);
    }

    fn push(&mut self, number: u64) {
        if *self == Self::UNKNOWN || self.numbers().any(|known| known == number) {
            return;
        }
        let len = (u64::BITS - self.0.leading_zeros()).div_ceil(Self::BITS);
        *self =
            if len < Self::MOST { Self(self.0 | (number + 1) << (len * Self::BITS)) } else { Self::UNKNOWN };
    }

    /// Adds what came later.
    pub(super) fn then(&mut self, later: Self) {
        if later == Self::UNKNOWN {
            *self = Self::UNKNOWN;
        } else {
            later.numbers().for_each(|number| self.push(number));
        }
    }

    fn numbers(self) -> impl Iterator<Item = u64> {
        let next = |left: &u64| Some(left >> Self::BITS).filter(|&left| left > 0);
        std::iter::successors(Some(self.0).filter(|&all| all > 0), next)
            .map(|left| (left & ((1 << Self::BITS) - 1)).wrapping_sub(1))
    }

    /// Whether it is known.
    pub fn is_known(self) -> bool {
        self != Self::UNKNOWN
    }

    /// What was done, and which way it went, in order; nothing where it is not known.
    pub fn steps(self) -> impl Iterator<Item = (Step, Direction)> {
        let known = if self.is_known() { self } else { Self::EMPTY };
        known.numbers().filter_map(|number| {
            let way = if number & 1 == 0 { Direction::Up } else { Direction::Down };
            Some((Step::numbered((number >> 1) as u32)?, way))
        })
    }

    /// Whether what a file says can have been noted: it is what noting its steps makes.
    pub(super) fn is_sound(self) -> bool {
        let mut again = Self::EMPTY;
        self.steps().for_each(|(step, way)| again.note(step, way));
        self == Self::UNKNOWN || self == again
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn flags(flags: u8, has_data: bool) -> Option<Step> {
        Step::of(TcpFlags(flags), has_data)
    }

    #[test]
    fn flags_and_data_say_what_a_segment_does() {
        // FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32 (RFC 9293 section 3.1), ECE 64, CWR 128 (RFC 3168 section 6.1).
        assert_eq!((flags(0x02, false), flags(0xc2, false)), (Some(Step::Syn), Some(Step::Syn)));
        assert_eq!((flags(0x02, true), flags(0x12, true)), (Some(Step::SynData), Some(Step::SynAckData)));
        assert_eq!((flags(0x12, false), flags(0x52, false)), (Some(Step::SynAck), Some(Step::SynAck)));
        assert_eq!((flags(0x10, false), flags(0x18, true)), (Some(Step::Ack), Some(Step::Data)));
        assert_eq!((flags(0x11, false), flags(0x19, true)), (Some(Step::Fin), Some(Step::FinData)));
        assert_eq!((flags(0x29, false), flags(0x01, false)), (Some(Step::Fin), Some(Step::Fin)));
        assert_eq!((flags(0x04, false), flags(0x14, true)), (Some(Step::Reset), Some(Step::Reset)));
        assert_eq!((flags(0x05, false), flags(0x17, true)), (Some(Step::FinReset), Some(Step::FinReset)));
        assert_eq!((flags(0x03, false), flags(0x06, false)), (Some(Step::SynFin), Some(Step::SynReset)));
        assert_eq!((flags(0, false), flags(0x28, false), flags(0, true)), (None, None, Some(Step::Data)));
    }

    #[test]
    fn each_is_noted_once_in_order() {
        use Direction::{Down, Up};
        let mut history = History::EMPTY;
        let steps = [(Step::Syn, Down), (Step::SynAck, Up), (Step::Ack, Down), (Step::SynReset, Down)];
        for (step, way) in [steps[0], steps[1], steps[0], steps[2], steps[1], steps[3], steps[3]] {
            history.note(step, way);
        }
        assert_eq!(history.steps().collect::<Vec<_>>(), steps);
        assert!(history.is_sound() && history.is_known() && History::UNKNOWN.is_sound());
        // A number that nothing has, a step twice, and a gap.
        for wrong in [25, 1 | 1 << 5, 1 | 2 << 10, 1 << 60, u64::MAX - 1] {
            assert!(!History(wrong).is_sound(), "{wrong:x}");
        }
    }

    #[test]
    fn twelve_steps_are_held() {
        let all = |count: usize| {
            let mut history = History::EMPTY;
            for number in 0..count {
                let way = if number % 2 == 0 { Direction::Up } else { Direction::Down };
                history.note(Step::ALL[number / 2], way);
            }
            history
        };
        assert_eq!(all(12).steps().count(), 12);
        assert!(all(12).is_sound() && all(12).is_known());
        assert_eq!((all(13), all(24)), (History::UNKNOWN, History::UNKNOWN));
        assert_eq!(all(13).steps().count(), 0);
    }

    proptest! {
        /// Cut at any place and joined, it is what one pass notes.
        #[test]
        fn joined_it_is_that_of_the_whole(
            steps in proptest::collection::vec((0usize..12, any::<bool>()), 0..40),
            cuts in proptest::array::uniform2(0usize..40),
        ) {
            let noted = |steps: &[(usize, bool)]| {
                let mut history = History::EMPTY;
                for &(step, up) in steps {
                    history.note(Step::ALL[step], if up { Direction::Up } else { Direction::Down });
                }
                history
            };
            let mut cuts = cuts.map(|cut| cut.min(steps.len()));
            cuts.sort_unstable();
            let [mut first, mut second] = [noted(&steps[..cuts[0]]), noted(&steps[cuts[0]..cuts[1]])];
            let (mut other, third) = (first, noted(&steps[cuts[1]..]));
            first.then(second);
            first.then(third);
            second.then(third);
            other.then(second);
            prop_assert_eq!((first, other), (noted(&steps), noted(&steps)));
        }
    }
}
