//! Times as text, appended to a reused buffer, and lengths of time as users write them.

use std::time::Duration;

use jiff::{
    SignedDuration, Timestamp as Moment,
    civil::{Date, Time},
    tz::TimeZone,
};

use super::number::{decimal, padded};
use crate::packet::Timestamp;

/// How times are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimeStyle {
    /// RFC 3339 in UTC with nanoseconds: `2026-01-02T03:04:05.123456789Z`.
    #[default]
    Machine,
    /// Date and time of day in UTC, microseconds.
    Utc,
    /// Date and time of day where the user is, microseconds.
    Local,
    /// Seconds since the Unix epoch, nanoseconds.
    Epoch,
    /// Seconds since the first packet, microseconds.
    Relative,
    /// Seconds since the packet before, microseconds.
    Delta,
}

/// Writes times; keeps the text of the last second, which the next packet most likely shares.
///
/// ```
/// use portolan::{packet::Timestamp, text::{TimeStyle, time::TimeWriter}};
/// let (began, time) = (Timestamp(1_767_323_040_000_000_000), Timestamp(1_767_323_045_123_456_789));
/// let mut text = Vec::new();
/// TimeWriter::new(TimeStyle::Utc).write(time, None, &mut text);
/// assert_eq!(text, b"2026-01-02 03:04:05.123456");
/// text.clear();
/// TimeWriter::new(TimeStyle::Relative).write(time, Some(began), &mut text);
/// assert_eq!(text, b"5.123456");
/// ```
#[derive(Clone, Debug)]
pub struct TimeWriter {
    style: TimeStyle,
    zone: TimeZone,
    second: Option<u64>,
    text: Vec<u8>,
}

/// Why local times are those of UTC, where the time zone is not known.
pub fn unknown_zone() -> Option<String> {
    TimeZone::try_system().err()?;
    Some(match std::env::var_os("TZ") {
        Some(zone) => format!("TZ is `{}`, which is no time zone: times are UTC", zone.to_string_lossy()),
        None => "the system's time zone is not known: times are UTC".to_owned(),
    })
}

impl TimeWriter {
    /// A clock of that style. `Local` asks the system for its time zone.
    pub fn new(style: TimeStyle) -> Self {
        let zone = if style == TimeStyle::Local { TimeZone::system() } else { TimeZone::UTC };
        Self { style, zone, second: None, text: Vec::with_capacity(32) }
    }

    /// Appends `time`; `origin` is what relative styles count from.
    pub fn write(&mut self, time: Timestamp, origin: Option<Timestamp>, out: &mut Vec<u8>) {
        let nanos = time.subsecond_nanos();
        match self.style {
            TimeStyle::Machine | TimeStyle::Utc | TimeStyle::Local => {
                if self.second != Some(time.seconds()) {
                    self.turn(time.seconds());
                }
                out.extend_from_slice(&self.text);
                if self.style == TimeStyle::Machine {
                    padded(nanos, 9, out);
                    out.push(b'Z');
                } else {
                    padded(nanos / 1000, 6, out);
                }
            }
            TimeStyle::Epoch => {
                decimal(time.seconds(), out);
                out.push(b'.');
                padded(nanos, 9, out);
            }
            TimeStyle::Relative | TimeStyle::Delta => {
                let origin = origin.unwrap_or(time);
                let (sign, span) = if time < origin {
                    (&b"-"[..], origin.since(time))
                } else {
                    (&b""[..], time.since(origin))
                };
                out.extend_from_slice(sign);
                decimal(span / Timestamp::SECOND, out);
                out.push(b'.');
                padded((span % Timestamp::SECOND / 1000) as u32, 6, out);
            }
        }
    }

    #[cold]
    fn turn(&mut self, second: u64) {
        self.second = Some(second);
        self.text.clear();
        // Every u64 of nanoseconds lies within the years that jiff knows.
        let moment = i64::try_from(second)
            .ok()
            .and_then(|second| Moment::from_second(second).ok())
            .unwrap_or_default();
        let civil = self.zone.to_datetime(moment);
        let separator = if self.style == TimeStyle::Machine { b'T' } else { b' ' };
        let two = |value: i8| u32::from(value.unsigned_abs());
        padded(u32::from(civil.year().unsigned_abs()), 4, &mut self.text);
        for (mark, value) in [
            (b'-', two(civil.month())),
            (b'-', two(civil.day())),
            (separator, two(civil.hour())),
            (b':', two(civil.minute())),
            (b':', two(civil.second())),
        ] {
            self.text.push(mark);
            padded(value, 2, &mut self.text);
        }
        self.text.push(b'.');
    }
}

/// How much later than UTC it is at that time where the user is, in seconds.
pub(super) fn offset(time: Timestamp) -> i64 {
    let seconds = i64::try_from(time.seconds()).unwrap_or_default();
    let moment = Moment::from_second(seconds).unwrap_or_default();
    TimeZone::system().to_offset(moment).seconds().into()
}

/// Names of files with times in them, as strftime(3) writes these, in UTC.
///
/// ```
/// use portolan::{packet::Timestamp, text::time::NamePattern};
/// let pattern = NamePattern::new("cap-%Y%m%dT%H%M%S.pcapng").unwrap();
/// assert_eq!(pattern.name(Timestamp(1_767_323_045_000_000_000)), "cap-20260102T030405.pcapng");
/// assert!(pattern.is_name("cap-20261231T235959.pcapng") && !pattern.is_name("cap-1.pcapng"));
/// assert!(NamePattern::new("cap-%!").is_err());
/// ```
#[derive(Clone, Debug)]
pub struct NamePattern(String);

impl NamePattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// What is wrong with it, in a sentence.
    pub fn new(pattern: &str) -> Result<Self, String> {
        let moment = TimeZone::UTC.to_datetime(Moment::UNIX_EPOCH);
        let name = jiff::fmt::strtime::format(pattern, moment).map_err(|error| error.to_string())?;
        if name.contains('/') {
            return Err(format!("`{name}` is no name of a file: it has a slash"));
        }
        Ok(Self(pattern.to_owned()))
    }

    /// The name of a time.
    pub fn name(&self, time: Timestamp) -> String {
        let seconds = i64::try_from(time.seconds()).unwrap_or_default();
        let moment = TimeZone::UTC.to_datetime(Moment::from_second(seconds).unwrap_or_default());
        // What the pattern takes of one time it takes of all.
        jiff::fmt::strtime::format(&self.0, moment).unwrap_or_default()
    }

    /// Whether it is the name of some time.
    pub fn is_name(&self, name: &str) -> bool {
        jiff::fmt::strtime::parse(&self.0, name).is_ok()
    }
}

/// A time as machine formats write it.
///
/// ```
/// use portolan::{packet::Timestamp, text::time::machine_time};
/// assert_eq!(machine_time(Timestamp(1_767_323_045_123_456_789)), "2026-01-02T03:04:05.123456789Z");
/// ```
pub fn machine_time(time: Timestamp) -> String {
    let mut text = Vec::new();
    TimeWriter::new(TimeStyle::Machine).write(time, None, &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// Reads a length of time of more than nothing: `500ms`, `30s`, `1m30s`, or a number of seconds.
///
/// # Errors
/// What is wrong with it, for people.
///
/// ```
/// use std::time::Duration;
/// use portolan::text::time::duration;
/// assert_eq!(duration("1m30s"), Ok(Duration::from_secs(90)));
/// assert_eq!(duration("0.25"), Ok(Duration::from_millis(250)));
/// assert_eq!(duration("0s"), Err("must be more than 0 seconds".to_owned()));
/// ```
pub fn duration(text: &str) -> Result<Duration, String> {
    let nothing = || "must be more than 0 seconds".to_owned();
    read_length(text)?.filter(|length| !length.is_zero()).ok_or_else(nothing)
}

/// Reads a length of time, which may be nothing, as [`duration`] does.
///
/// # Errors
/// What is wrong with it, for people.
pub fn length(text: &str) -> Result<Duration, String> {
    read_length(text)?.ok_or_else(|| "must not be less than 0 seconds".to_owned())
}

/// A length of time; absent where it is negative, or too long.
fn read_length(text: &str) -> Result<Option<Duration>, String> {
    Ok(match text.parse() {
        Ok(seconds) => Duration::try_from_secs_f64(seconds).ok(),
        Err(_) => text.parse::<SignedDuration>().map_err(|error| error.to_string())?.try_into().ok(),
    })
}

/// Reads a moment: RFC 3339 with `Z` or an offset.
///
/// # Errors
/// What is wrong with it, for people; times before 1970 and after 2554 are none that a capture can have.
///
/// ```
/// use portolan::{packet::Timestamp, text::time::moment};
/// assert_eq!(moment("1970-01-01T01:00:00.5+01:00"), Ok(Timestamp(500_000_000)));
/// assert!(moment("1970-01-01T00:00:00").is_err());
/// ```
pub fn moment(text: &str) -> Result<Timestamp, String> {
    let moment: Moment = text.parse().map_err(|_| format!("`{text}` is no time"))?;
    let nanos = u64::try_from(moment.as_nanosecond());
    nanos.map(Timestamp).map_err(|_| format!("`{text}` is before 1970 or after 2554"))
}

/// Reads a time of day: `03:04`, `03:04:05`, `03:04:05.678`. Returns how long after midnight it is.
pub fn time_of_day(text: &str) -> Option<Duration> {
    let is_of_time = |octet: u8| octet.is_ascii_digit() || octet == b':' || octet == b'.';
    if !text.contains(':') || !text.bytes().all(is_of_time) {
        return None;
    }
    let time: Time = text.parse().ok()?;
    time.duration_since(Time::midnight()).try_into().ok()
}

/// Days from a date, `YYYY-MM-DD`, until today in UTC; 0 of one that is yet to come, nothing of a text that is no date.
pub fn days_since(date: &str) -> Option<u64> {
    days_between(date, TimeZone::UTC.to_datetime(Moment::now()).date())
}

fn days_between(from: &str, to: Date) -> Option<u64> {
    let from: Date = from.parse().ok()?;
    let days = to.duration_since(from).as_hours() / 24;
    Some(u64::try_from(days).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn times_in_every_style() {
        // 2026-01-02T03:04:05Z is 1767323045 (`date -ud @1767323045`).
        let time = Timestamp(1_767_323_045_123_456_789);
        let origin = Timestamp(1_767_323_040_000_000_000);
        let show = |style| text(|out| TimeWriter::new(style).write(time, Some(origin), out));
        assert_eq!(show(TimeStyle::Machine), "2026-01-02T03:04:05.123456789Z");
        assert_eq!(show(TimeStyle::Utc), "2026-01-02 03:04:05.123456");
        assert_eq!(show(TimeStyle::Epoch), "1767323045.123456789");
        assert_eq!(show(TimeStyle::Relative), "5.123456");
        assert_eq!(text(|out| TimeWriter::new(TimeStyle::Delta).write(origin, Some(time), out)), "-5.123456");
        assert_eq!(machine_time(Timestamp(0)), "1970-01-01T00:00:00.000000000Z");
        assert_eq!(machine_time(Timestamp(u64::MAX)), "2554-07-21T23:34:33.709551615Z");
    }

    #[test]
    fn durations_in_words_and_seconds() {
        for (text, nanos) in [
            ("5s", 5_000_000_000),
            ("1m30s", 90_000_000_000),
            ("1h", 3_600_000_000_000),
            ("0.25", 250_000_000),
            ("500ms", 500_000_000),
            ("20 us", 20_000),
            ("PT1M", 60_000_000_000),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_nanos(nanos)), "{text}");
        }
        for nothing in ["0", "0s", "-1s", "-1", "nan", "inf"] {
            assert_eq!(duration(nothing), Err("must be more than 0 seconds".to_owned()), "{nothing}");
        }
        // How long a month is depends on which.
        for wrong in ["soon", "", "5 parsecs", "1mo"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn ages_are_whole_days() {
        let today = |text: &str| text.parse().unwrap();
        // 2028 has a 29th of February.
        for (from, to, days) in [
            ("2026-09-30", "2026-09-30", Some(0)),
            ("2026-09-30", "2026-11-27", Some(58)),
            ("2028-02-28", "2028-03-01", Some(2)),
            ("2026-12-01", "2026-11-27", Some(0)),
            ("unknown", "2026-11-27", None),
        ] {
            assert_eq!(days_between(from, today(to)), days, "{from} {to}");
        }
    }
}
