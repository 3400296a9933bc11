//! Whether to retry, and after how long. Pure, except for the single number of the budget.

use std::time::Duration;

use parking_lot::Mutex;

use crate::domain::{Failure, FailureKind};

/// What each call adds to the budget: a fifth of a retry.
const SAVED: u32 = 1;

/// The cost of a retry, in fifths.
const PRICE: u32 = 5;

/// The maximum and the initial value of the budget: ten retries, so that a gateway with little traffic
/// can retry at all.
const FLOOR: u32 = 10 * PRICE;

/// What a backend's vendor says about retries.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// Whether a 500 is retried: only if the call is read-only and the vendor says that retrying helps.
    pub retry_500: bool,
    /// The shortest and the longest wait before retrying a 5xx, if the vendor states them.
    pub server_error_pause: Option<(Duration, Duration)>,
}

/// The upper limit of the first exponential wait; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// The upper limit of any exponential wait.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

impl Policy {
    /// Returns how long to wait before the next attempt, or `None` to give up.
    ///
    /// `tries` were made and `retries` are allowed, `left` is the time until no one waits any more, and `chance`
    /// (0 to 1) spreads the waits of many callers (full jitter). A `Retry-After` is obeyed if it fits into the time
    /// left, and is never waited for beyond that.
    pub fn pause(&self, failure: &Failure, tries: u64, retries: u64, left: Duration, chance: f64) -> Option<Duration> {
        if tries > retries || !self.is_transient(failure) {
            return None;
        }
        let own = match self.server_error_pause {
            Some((least, most)) if failure.http_status.is_some_and(|status| status >= 500) => {
                least + most.saturating_sub(least).mul_f64(chance)
            }
            _ => exponential(tries).mul_f64(chance),
        };
        let pause = failure.retry_after.map_or(own, |asked| asked.max(own));
        (pause < left).then_some(pause)
    }

    fn is_transient(&self, failure: &Failure) -> bool {
        match (failure.kind, failure.http_status) {
            (FailureKind::RateLimited, _) => true,
            (FailureKind::Unavailable, Some(500)) => self.retry_500,
            (FailureKind::Unavailable, status) => matches!(status, None | Some(502..=504)),
            _ => false,
        }
    }
}

fn exponential(tries: u64) -> Duration {
    let doubled = u32::try_from(tries.saturating_sub(1)).unwrap_or(u32::MAX).min(16);
    FIRST_PAUSE.saturating_mul(1 << doubled).min(LONGEST_PAUSE)
}

/// The number of retries that a source has left: an initial amount, plus a fifth of its calls. A source that fails
/// every call sees at most 1.2 times the calls plus that amount.
#[derive(Debug)]
pub(super) struct Budget(Mutex<u32>);

impl Default for Budget {
    fn default() -> Self {
        Self(Mutex::new(FLOOR))
    }
}

impl Budget {
    /// Counts one call that is not a retry.
    pub(super) fn deposit(&self) {
        let mut left = self.0.lock();
        *left = (*left + SAVED).min(FLOOR);
    }

    /// Takes one retry, if any is left.
    pub(super) fn withdraw(&self) -> bool {
        let mut left = self.0.lock();
        match left.checked_sub(PRICE) {
            Some(rest) => *left = rest,
            None => return false,
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RETRIES: u64 = 2;
    const PERSON: Policy = Policy { retry_500: true, server_error_pause: Some((Duration::from_secs(1), Duration::from_secs(2))) };
    const PLAIN: Policy = Policy { retry_500: false, server_error_pause: None };
    const MINUTE: Duration = Duration::from_mins(1);

    #[test]
    fn only_transient_failures_are_tried_again() {
        use FailureKind::*;
        for (failure, person, plain) in [
            (Failure::new(Unavailable), true, true),
            (Failure::answered(Unavailable, 500), true, false),
            (Failure::answered(Unavailable, 501), false, false),
            (Failure::answered(Unavailable, 502), true, true),
            (Failure::answered(Unavailable, 503), true, true),
            (Failure::answered(Unavailable, 504), true, true),
            (Failure::answered(RateLimited, 429), true, true),
            (Failure::new(Timeout), false, false),
            (Failure::new(Overloaded), false, false),
            (Failure::answered(InvalidResponse, 200), false, false),
            (Failure::answered(Unauthorized, 401), false, false),
            (Failure::answered(Forbidden, 403), false, false),
            (Failure::answered(BadRequest, 400), false, false),
            (Failure::answered(NotFound, 404), false, false),
        ] {
            assert_eq!(PERSON.pause(&failure, 1, RETRIES, MINUTE, 0.5).is_some(), person, "{failure:?}");
            assert_eq!(PLAIN.pause(&failure, 1, RETRIES, MINUTE, 0.5).is_some(), plain, "{failure:?}");
        }
    }

    #[test]
    fn the_vendor_asks_for_two_more_tries_one_to_two_seconds_apart() {
        let failure = Failure::answered(FailureKind::Unavailable, 503);
        assert_eq!(PERSON.pause(&failure, 1, RETRIES, MINUTE, 0.0), Some(Duration::from_secs(1)));
        assert_eq!(PERSON.pause(&failure, 2, RETRIES, MINUTE, 1.0), Some(Duration::from_secs(2)));
        assert_eq!(PERSON.pause(&failure, 3, RETRIES, MINUTE, 0.5), None);
    }

    #[test]
    fn retry_after_is_obeyed_only_where_it_fits() {
        let mut failure = Failure::answered(FailureKind::RateLimited, 429);
        failure.retry_after = Some(Duration::from_secs(5));
        assert_eq!(PLAIN.pause(&failure, 1, RETRIES, MINUTE, 0.5), Some(Duration::from_secs(5)));
        assert_eq!(PLAIN.pause(&failure, 1, RETRIES, Duration::from_secs(5), 0.5), None);
    }

    #[test]
    fn a_source_that_fails_everything_sees_a_fifth_more_and_the_floor() {
        let (budget, mut calls) = (Budget::default(), 0);
        for _ in 0..1000 {
            budget.deposit();
            calls += 1 + u32::from(budget.withdraw()) + u32::from(budget.withdraw());
        }
        assert!((1200..=1210).contains(&calls), "{calls}");
    }

    proptest! {
        /// In whatever order calls come, retries never exceed a fifth of them plus the initial amount.
        #[test]
        fn the_budget_is_never_overdrawn(calls in prop::collection::vec(prop::bool::weighted(0.6), 0..400)) {
            let (budget, mut made, mut retried) = (Budget::default(), 0_u32, 0_u32);
            for is_retry in calls {
                if is_retry {
                    retried += u32::from(budget.withdraw());
                } else {
                    budget.deposit();
                    made += 1;
                }
                prop_assert!(5 * retried <= made + 50);
            }
        }

        #[test]
        fn a_pause_is_always_inside_the_time_left(tries in 1_u64..9, left in 0_u64..9000, chance in 0.0..1.0, asked in prop::option::of(0_u64..9)) {
            let mut failure = Failure::answered(FailureKind::RateLimited, 429);
            failure.retry_after = asked.map(Duration::from_secs);
            if let Some(pause) = PLAIN.pause(&failure, tries, RETRIES, Duration::from_millis(left), chance) {
                prop_assert!(pause < Duration::from_millis(left) && tries <= RETRIES);
                prop_assert!(failure.retry_after.is_none_or(|asked| pause >= asked));
            }
        }
    }
}
