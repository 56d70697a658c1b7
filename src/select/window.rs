//! A stretch of capture time.

use crate::{
    packet::Timestamp,
    text::time::{length, moment, time_of_day},
};

/// Nanoseconds of a day.
const DAY: u64 = 86_400 * Timestamp::SECOND;

/// Where a stretch begins or ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// At this time.
    At(Timestamp),
    /// So many ns after midnight (UTC) of the day on which the capture began.
    OfDay(u64),
    /// So many ns after the capture began.
    After(u64),
}

impl Bound {
    /// Reads `2026-01-02T03:04:05Z` (RFC 3339), `03:04`, `03:04:05`, or `+10s`.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    ///
    /// ```
    /// use portolan::select::Bound;
    /// assert_eq!(Bound::parse("+1m30s"), Ok(Bound::After(90_000_000_000)));
    /// assert_eq!(Bound::parse("00:01"), Ok(Bound::OfDay(60_000_000_000)));
    /// assert!(Bound::parse("yesterday").is_err());
    /// ```
    pub fn parse(text: &str) -> Result<Self, String> {
        let nanos = |length: std::time::Duration| u64::try_from(length.as_nanos()).unwrap_or(u64::MAX);
        if let Some(after) = text.strip_prefix('+') {
            return Ok(Self::After(nanos(length(after)?)));
        }
        match time_of_day(text) {
            Some(time) => Ok(Self::OfDay(nanos(time))),
            None => moment(text).map(Self::At).map_err(|reason| {
                format!("{reason}; a time is written as 2026-01-02T03:04:05Z, 03:04, 03:04:05 or +10s")
            }),
        }
    }

    /// The time that it means where a capture begins then, in ns since the epoch.
    fn of(self, began: Timestamp) -> u64 {
        match self {
            Self::At(time) => time.0,
            Self::OfDay(nanos) => (began.0 - began.0 % DAY).saturating_add(nanos),
            Self::After(nanos) => began.0.saturating_add(nanos),
        }
    }
}

/// A stretch of capture time as it was asked for; all of it by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// From this time on.
    pub from: Option<Bound>,
    /// Before this time.
    pub to: Option<Bound>,
}

impl Window {
    /// Whether it is all of the time.
    pub fn is_all(&self) -> bool {
        self.from.is_none() && self.to.is_none()
    }

    /// What it is of a capture that begins then.
    pub fn of(&self, began: Timestamp) -> Stretch {
        let at = |bound: Option<Bound>| bound.map(|bound| bound.of(began));
        Stretch { from: at(self.from).unwrap_or(0), to: at(self.to) }
    }
}

/// From one time to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    from: u64,
    to: Option<u64>,
}

impl Stretch {
    /// Whether a time lies in it: not before its begin, and before its end.
    #[inline]
    pub fn holds(self, time: Timestamp) -> bool {
        self.from <= time.0 && self.to.is_none_or(|to| time.0 < to)
    }
}
