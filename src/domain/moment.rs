//! A point in time as callers see it: UTC, to the millisecond.

use std::{fmt, time::Duration};

use jiff::Timestamp;
use serde::{Serialize, Serializer};

/// A point in time: `2026-11-21T10:00:00.123Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(Timestamp);

impl Moment {
    /// The moment that documentation uses as an example.
    pub const EXAMPLE: Self = Self(Timestamp::constant(1_795_255_200, 123_000_000));

    /// Returns the current moment; what is below a millisecond is cut off.
    pub fn now() -> Self {
        let now = Timestamp::now();
        Self::from_millis(now.as_millisecond()).unwrap_or(Self(now))
    }

    /// Converts milliseconds since 1970; `None` for a moment outside the calendar's range.
    pub fn from_millis(millis: i64) -> Option<Self> {
        Timestamp::from_millisecond(millis).ok().map(Self)
    }

    /// Returns how long ago it is by the system's date; zero if it lies in the future.
    pub fn elapsed(self) -> Duration {
        Duration::try_from(Timestamp::now().duration_since(self.0)).unwrap_or_default()
    }

    /// Milliseconds since 1970.
    pub fn as_millis(self) -> i64 {
        self.0.as_millisecond()
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.0)
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_count_of_milliseconds() {
        let now = Moment::now();
        assert_eq!(Moment::from_millis(now.as_millis()), Some(now));
        assert_eq!(Moment::from_millis(i64::MAX), None);
    }

    #[test]
    fn what_is_still_to_come_is_no_time_ago() {
        let in_an_hour = Moment::from_millis(Moment::now().as_millis() + 3_600_000);
        assert_eq!(in_an_hour.map(Moment::elapsed), Some(Duration::ZERO));
        assert!(Moment::EXAMPLE.elapsed() > Duration::from_hours(1));
    }

    #[test]
    fn a_moment_always_has_three_digits_after_the_second() {
        assert_eq!(Moment(Timestamp::UNIX_EPOCH).to_string(), "1970-01-01T00:00:00.000Z");
        assert_eq!(Moment::EXAMPLE.to_string(), "2026-11-21T10:00:00.123Z");
        assert_eq!(Moment::now().to_string().len(), "2026-11-21T10:00:00.123Z".len());
    }
}
