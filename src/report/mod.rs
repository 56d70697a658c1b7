//! Views of what was learned, for people and for programs.

pub mod discover;

use crate::frame::Timestamp;

/// A time as machine formats have it: RFC 3339 in UTC with nanoseconds.
pub(crate) fn utc(time: Timestamp) -> String {
    // Every `Timestamp` lies within the years 1970 to 2554.
    jiff::Timestamp::from_nanosecond(i128::from(time.0)).map(|time| format!("{time:.9}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_nine_digits() {
        assert_eq!(utc(Timestamp(0)), "1970-01-01T00:00:00.000000000Z");
        assert_eq!(utc(Timestamp(1_767_323_045_123_456_789)), "2026-01-02T03:04:05.123456789Z");
        assert_eq!(utc(Timestamp(u64::MAX)), "2554-07-21T23:34:33.709551615Z");
    }
}
