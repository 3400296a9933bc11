//! How often a caller may send requests.

use std::{num::NonZeroU32, time::Duration};

use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    state::{InMemoryState, NotKeyed},
};
use toml::Value;

use crate::config::{Reader, Setting};

/// The largest burst, in requests.
const LARGEST_BURST: u64 = 1_000_000;

/// A number of requests per time, such as `50/s`; up to `burst` at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Rate {
    pub(super) count: NonZeroU32,
    per: Per,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Per {
    Second,
    Minute,
    Hour,
}

/// Reads `rate` and `burst` of a table.
pub(super) fn read_rate(reader: &mut Reader, table: &str) -> (Option<Rate>, Option<NonZeroU32>) {
    let (rate, burst) = (format!("{table}.rate"), format!("{table}.burst"));
    let (is_there, wanted) = (reader.holds(&burst), reader.within(&burst, 1, 1..=LARGEST_BURST, "between 1 and 1000000"));
    let rate = reader.get(&rate);
    if is_there && rate.is_none() {
        reader.fault(&burst, "is used only together with rate.");
    }
    (rate, u32::try_from(wanted).ok().filter(|_| is_there).and_then(NonZeroU32::new))
}

/// Counts the requests of one caller.
#[derive(Debug)]
pub(super) struct RateLimit {
    rate: Rate,
    burst: Option<NonZeroU32>,
    limiter: RateLimiter<NotKeyed, InMemoryState, DefaultClock>,
}

impl Setting for Rate {
    const WANTED: &'static str = "a number of requests and a time, such as \"50/s\", \"600/m\" or \"1000/h\"";

    fn read(value: &Value) -> Result<Self, String> {
        value.as_str().and_then(parse).ok_or_else(Self::wanted)
    }
}

impl Rate {
    /// This many per minute.
    pub(super) const fn a_minute(count: NonZeroU32) -> Self {
        Self { count, per: Per::Minute }
    }
}

fn parse(text: &str) -> Option<Rate> {
    let (count, per) = text.trim().split_once('/')?;
    let per = match per.trim() {
        "s" => Per::Second,
        "m" => Per::Minute,
        "h" => Per::Hour,
        _ => return None,
    };
    Some(Rate { count: count.trim().parse().ok()?, per })
}

impl RateLimit {
    /// Counts against this rate; without a burst, as many requests are allowed at once as the rate names.
    pub(super) fn new(rate: Rate, burst: Option<NonZeroU32>) -> Self {
        let quota = match rate.per {
            Per::Second => Quota::per_second(rate.count),
            Per::Minute => Quota::per_minute(rate.count),
            Per::Hour => Quota::per_hour(rate.count),
        };
        Self { rate, burst, limiter: RateLimiter::direct(quota.allow_burst(burst.unwrap_or(rate.count))) }
    }

    /// Whether it counts against this rate.
    pub(super) fn counts(&self, rate: Rate, burst: Option<NonZeroU32>) -> bool {
        (self.rate, self.burst) == (rate, burst)
    }

    /// Counts one request. If it exceeds the limit, it is not counted, and the time to wait is returned.
    pub(super) fn wait(&self) -> Option<Duration> {
        let refused = self.limiter.check().err()?;
        Some(refused.wait_time_from(DefaultClock::default().now()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_number_and_a_time() {
        for (text, count) in [("50/s", 50), (" 600 / m ", 600), ("1/h", 1)] {
            assert_eq!(parse(text).map(|rate| rate.count.get()), Some(count), "{text}");
        }
        for bad in ["", "50", "0/s", "-1/s", "1.5/s", "50/d", "50/sec", "/s", "99999999999/s"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_burst_is_let_through_and_then_the_rate_holds() {
        let limit = RateLimit::new(parse("1/h").unwrap(), NonZeroU32::new(3));
        assert!((0..3).all(|_| limit.wait().is_none()));
        let wait = limit.wait().unwrap();
        assert!(wait > Duration::from_secs(3590) && wait <= Duration::from_hours(1), "{wait:?}");
        let limit = RateLimit::new(parse("2/m").unwrap(), None);
        let let_in = (0..5).filter(|_| limit.wait().is_none()).count();
        assert_eq!(let_in, 2);
    }
}
