//! How reports show people moments: one place for all of them. Machine formats have [`machine_time`] alone.

use super::time::{TimeStyle, TimeWriter, machine_time, offset};
use crate::packet::Timestamp;

/// How moments are shown, and what they are counted from where they are.
///
/// Reports know of no packet before another, so that [`TimeStyle::Delta`] is [`TimeStyle::Relative`] in them.
///
/// ```
/// use portolan::{packet::Timestamp, text::{Moments, TimeStyle}};
/// let (first, last) = (Timestamp(1_767_323_045_000_000_000), Timestamp(1_767_323_045_123_456_789));
/// assert_eq!(Moments::default().text(last), "2026-01-02T03:04:05.123456789Z");
/// let mut since = Moments::new(TimeStyle::Relative);
/// since.begin(Some(first));
/// assert_eq!(since.text(last), "0.123456");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moments {
    style: TimeStyle,
    began: Option<Timestamp>,
}

#[cfg_attr(not(feature = "html"), allow(dead_code, reason = "pages show the most kinds of times"))]
impl Moments {
    /// Moments in this style.
    pub const fn new(style: TimeStyle) -> Self {
        Self { style, began: None }
    }

    /// Counts from the earliest of what it is told.
    pub fn begin(&mut self, first: Option<Timestamp>) {
        self.began = [self.began, first].into_iter().flatten().min();
    }

    /// The same counted from then.
    #[must_use]
    pub const fn since(self, began: Option<Timestamp>) -> Self {
        Self { began, ..self }
    }

    /// A moment as exactly as it is known: RFC 3339, where the user is with the offset from UTC; or seconds.
    pub fn text(self, time: Timestamp) -> String {
        match self.style {
            TimeStyle::Machine | TimeStyle::Utc => machine_time(time),
            TimeStyle::Local => {
                let text = machine_time(self.civil(time));
                format!("{}{}", text.trim_end_matches('Z'), self.zone(time))
            }
            TimeStyle::Epoch | TimeStyle::Relative | TimeStyle::Delta => {
                let mut text = Vec::new();
                let style = if self.is_epoch() { TimeStyle::Epoch } else { TimeStyle::Relative };
                TimeWriter::new(style).write(time, self.began, &mut text);
                String::from_utf8_lossy(&text).into_owned()
            }
        }
    }

    /// The same for those that may be none.
    pub fn maybe(self, time: Option<Timestamp>) -> Option<String> {
        time.map(|time| self.text(time))
    }

    /// A moment with its day to so many digits of a second: `2026-11-22 21:24:24`; or seconds.
    fn civil_text(self, time: Timestamp, digits: usize) -> String {
        match self.style {
            TimeStyle::Machine | TimeStyle::Utc | TimeStyle::Local => {
                let text = machine_time(self.civil(time)).replace('T', " ");
                let len = if digits == 0 { 19 } else { 20 + digits };
                text.chars().take(len).collect()
            }
            _ => self.text(time),
        }
    }

    /// To the second, with the zone: `2026-11-22 21:24:24 UTC`. Absent where it is the first that all are counted from.
    pub(crate) fn beginning(self, time: Timestamp) -> Option<String> {
        let zone = self.zone(time);
        let gap = if zone.is_empty() { "" } else { " " };
        (!self.is_relative()).then(|| format!("{}{gap}{zone}", self.civil_text(time, 0)))
    }

    /// To the millisecond, without the zone.
    pub(crate) fn millis(self, time: Timestamp) -> String {
        self.civil_text(time, 3)
    }

    /// In which zone a moment is shown: `UTC`, `+01:00`, or nothing where there is none.
    pub(crate) fn zone(self, time: Timestamp) -> String {
        match self.style {
            TimeStyle::Machine | TimeStyle::Utc => "UTC".to_owned(),
            TimeStyle::Local => {
                let minutes = offset(time) / 60;
                let sign = if minutes < 0 { '-' } else { '+' };
                format!("{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
            }
            _ => String::new(),
        }
    }

    /// The day of a moment, `2026-11-22`; absent where only seconds are shown.
    pub(crate) fn day(self, time: Timestamp) -> Option<String> {
        (!self.is_relative() && !self.is_epoch())
            .then(|| machine_time(self.civil(time)).chars().take(10).collect())
    }

    /// Time of day, as exactly as steps of that length in ns need it: `21:24`, `21:24:24`, `21:24:24.596`; with month
    /// and day in front where steps are days. Seconds where only these are shown.
    pub(crate) fn clock(self, time: Timestamp, step: u64) -> String {
        const DAY: u64 = 86_400_000_000_000;
        if self.is_relative() || self.is_epoch() {
            let text = self.text(time);
            let (seconds, rest) = text.split_once('.').unwrap_or((&text, ""));
            let digits: usize = match step {
                0..10_000_000 => 3,
                10_000_000..100_000_000 => 2,
                100_000_000..1_000_000_000 => 1,
                _ => 0,
            };
            let point = if digits == 0 { "" } else { "." };
            return format!("{seconds}{point}{}\u{a0}s", &rest[..digits.min(rest.len())]);
        }
        let text = machine_time(self.civil(time));
        let (from, to) = match step {
            0..10_000_000 => (11, 23),
            10_000_000..100_000_000 => (11, 22),
            100_000_000..1_000_000_000 => (11, 21),
            1_000_000_000..60_000_000_000 => (11, 19),
            60_000_000_000..DAY => (11, 16),
            _ => (5, 10),
        };
        text.get(from..to).unwrap_or(&text).to_owned()
    }

    /// How much later than its place on the axis of UTC a moment is called, in ns: round times of the place are round there.
    pub(crate) fn shift(self, time: Timestamp) -> i64 {
        match self.style {
            TimeStyle::Local => offset(time) * 1_000_000_000,
            TimeStyle::Relative | TimeStyle::Delta => {
                -i64::try_from(self.began.unwrap_or(time).0).unwrap_or_default()
            }
            _ => 0,
        }
    }

    /// The moment whose time in UTC is that of the place.
    fn civil(self, time: Timestamp) -> Timestamp {
        if self.style == TimeStyle::Local {
            Timestamp(time.0.saturating_add_signed(self.shift(time)))
        } else {
            time
        }
    }

    const fn is_epoch(self) -> bool {
        matches!(self.style, TimeStyle::Epoch)
    }

    const fn is_relative(self) -> bool {
        matches!(self.style, TimeStyle::Relative | TimeStyle::Delta)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_style_has_its_forms() {
        // 2026-01-02T03:04:05Z is 1767323045 (`date -ud @1767323045`).
        let (first, time) = (Timestamp(1_767_323_040_000_000_000), Timestamp(1_767_323_045_123_456_789));
        let of = |style| Moments::new(style).since(Some(first));
        for (style, text, beginning, millis, day, clock) in [
            (
                TimeStyle::Utc,
                "2026-01-02T03:04:05.123456789Z",
                Some("2026-01-02 03:04:05 UTC"),
                "2026-01-02 03:04:05.123",
                Some("2026-01-02"),
                "03:04:05",
            ),
            (
                TimeStyle::Epoch,
                "1767323045.123456789",
                Some("1767323045.123456789"),
                "1767323045.123456789",
                None,
                "1767323045\u{a0}s",
            ),
            (TimeStyle::Relative, "5.123456", None, "5.123456", None, "5\u{a0}s"),
            (TimeStyle::Delta, "5.123456", None, "5.123456", None, "5\u{a0}s"),
        ] {
            let moments = of(style);
            let told = (moments.text(time), moments.beginning(time), moments.millis(time), moments.day(time));
            let owned = |text: Option<&str>| text.map(ToOwned::to_owned);
            assert_eq!(told, (text.to_owned(), owned(beginning), millis.to_owned(), owned(day)), "{style:?}");
            assert_eq!(moments.clock(time, 1_000_000_000), clock, "{style:?}");
        }
        assert_eq!(of(TimeStyle::Relative).clock(time, 200_000_000), "5.1\u{a0}s");
        assert_eq!(of(TimeStyle::Relative).shift(time), -1_767_323_040_000_000_000);
        assert_eq!((of(TimeStyle::Utc).shift(time), of(TimeStyle::Utc).zone(time)), (0, "UTC".to_owned()));
    }

    #[test]
    fn clocks_show_what_steps_need() {
        // `date -u -d @1795382664` says 2026-11-22 21:24:24.
        let time = Timestamp(1_795_382_664_596_000_000);
        for (step, text) in [
            (1_000_000, "21:24:24.596"),
            (20_000_000, "21:24:24.59"),
            (200_000_000, "21:24:24.5"),
            (2_000_000_000, "21:24:24"),
            (600_000_000_000, "21:24"),
            (86_400_000_000_000, "11-22"),
        ] {
            assert_eq!(Moments::default().clock(time, step), text);
        }
    }

    #[test]
    fn what_is_counted_from_is_the_earliest() {
        let mut moments = Moments::new(TimeStyle::Relative);
        for time in [None, Some(7_000_000_000), Some(5_000_000_000), Some(6_000_000_000), None] {
            moments.begin(time.map(Timestamp));
        }
        assert_eq!(moments.text(Timestamp(5_500_000_000)), "0.500000");
        assert_eq!(Moments::new(TimeStyle::Relative).text(Timestamp(5_500_000_000)), "0.000000");
    }
}
