//! Times as `MyReports` prints them: UTC, seven fractional digits and `Z` (.NET ticks).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;

/// Returns the present time.
pub(super) fn now() -> String {
    format(Timestamp::now())
}

/// Returns the time since 1970; zero if the clock is before that.
pub(super) fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn format(time: Timestamp) -> String {
    format!("{time:.7}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_seven_fractional_digits() {
        let documented = Timestamp::new(1_580_993_218, 766_953_599).unwrap();
        assert_eq!(format(documented), "2020-02-06T12:46:58.7669535Z");
        assert_eq!(format(Timestamp::UNIX_EPOCH), "1970-01-01T00:00:00.0000000Z");
    }
}
