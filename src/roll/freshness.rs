//! Decides what may still be done with a copy of a given age. Pure.

use std::time::Duration;

/// The longest time that a source is left alone after a failure: one that asks for an hour may have recovered
/// within a minute.
pub(super) const LONGEST_COOL_DOWN: Duration = Duration::from_mins(1);

/// How long a source's answer is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FreshnessPolicy {
    /// How long it is fresh.
    pub fresh: Duration,
    /// How long after that it is returned at once while it is refreshed in the background.
    pub stale_while_revalidate: Duration,
    /// How long after `fresh` it stands in for a source that fails.
    pub stale_if_error: Duration,
}

/// What may be done with a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Freshness {
    /// It is returned.
    Fresh,
    /// It is returned, and the source is asked in the background.
    WhileRevalidating,
    /// The source is asked; if that fails the copy stands in.
    IfError,
    /// It may not be used.
    Gone,
}

impl FreshnessPolicy {
    /// Returns what may be done with a copy of this age.
    pub(super) fn of_age(&self, age: Duration) -> Freshness {
        match age.checked_sub(self.fresh) {
            None => Freshness::Fresh,
            Some(stale) if stale < self.stale_while_revalidate => Freshness::WhileRevalidating,
            Some(stale) if stale < self.stale_if_error => Freshness::IfError,
            Some(_) => Freshness::Gone,
        }
    }

    /// Returns whether a copy of this age stands in for a source that was asked and failed.
    pub(super) fn stands_in(&self, age: Duration) -> bool {
        age < self.fresh + self.stale_if_error
    }

    /// Returns the age from which a copy is refreshed in the background although it is still fresh: somewhere
    /// in the last twentieth of `fresh`, so that copies that were fetched together do not expire together.
    /// Never where background refreshes are off. `chance` is 0 to 1.
    pub(super) fn refresh_at(&self, chance: f64) -> Duration {
        if self.stale_while_revalidate.is_zero() {
            return Duration::MAX;
        }
        self.fresh.mul_f64(0.95 + chance / 20.0)
    }

    /// Returns how long a copy is usable in all.
    pub(super) fn whole(&self) -> Duration {
        self.fresh + self.stale_while_revalidate.max(self.stale_if_error)
    }
}

/// Returns how long a source is left alone after this many failures in a row, where a stale copy can be
/// returned meanwhile: at least as long as it asks for (`Retry-After`), but no longer than
/// [`LONGEST_COOL_DOWN`]. `chance` (0 to 1) keeps entries from being retried in step.
pub(super) fn cool_down(failures: u32, asked: Option<Duration>, chance: f64) -> Duration {
    let doubled = 1_u32 << failures.saturating_sub(1).min(5);
    let own = Duration::from_secs(1).saturating_mul(doubled).mul_f64(0.75 + chance / 4.0);
    own.max(asked.unwrap_or_default().min(LONGEST_COOL_DOWN))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn policy(fresh: u64, revalidate: u64, error: u64) -> FreshnessPolicy {
        let seconds = Duration::from_secs;
        FreshnessPolicy { fresh: seconds(fresh), stale_while_revalidate: seconds(revalidate), stale_if_error: seconds(error) }
    }

    #[test]
    fn both_windows_count_from_the_end_of_fresh() {
        for (age, expected) in [
            (0, Freshness::Fresh),
            (59, Freshness::Fresh),
            (60, Freshness::WhileRevalidating),
            (359, Freshness::WhileRevalidating),
            (360, Freshness::IfError),
            (3659, Freshness::IfError),
            (3660, Freshness::Gone),
        ] {
            assert_eq!(policy(60, 300, 3600).of_age(Duration::from_secs(age)), expected, "{age} s");
        }
    }

    #[test]
    fn a_cool_down_doubles_up_to_half_a_minute() {
        let seconds = [1, 2, 3, 6, 99].map(|failures| cool_down(failures, None, 1.0).as_secs());
        assert_eq!(seconds, [1, 2, 4, 32, 32]);
        assert_eq!(cool_down(1, None, 0.0), Duration::from_millis(750));
    }

    #[test]
    fn a_source_is_left_alone_as_long_as_it_asks_for_up_to_a_minute() {
        for (failures, asked, expected) in [(1, 0, 1), (1, 8, 8), (6, 8, 32), (1, 60, 60), (1, 3600, 60)] {
            assert_eq!(cool_down(failures, Some(Duration::from_secs(asked)), 1.0).as_secs(), expected, "{failures} {asked}");
        }
    }

    #[test]
    fn how_long_a_copy_stands_in_does_not_depend_on_how_long_it_is_given_at_once() {
        for (age, expected) in [(0, true), (69, true), (70, false), (200, false)] {
            assert_eq!(policy(60, 300, 10).stands_in(Duration::from_secs(age)), expected, "{age} s");
        }
    }

    #[test]
    fn copies_that_were_fetched_together_are_refreshed_apart() {
        assert_eq!(policy(60, 300, 0).refresh_at(0.0), Duration::from_secs(57));
        assert_eq!(policy(60, 300, 0).refresh_at(1.0), Duration::from_mins(1));
        assert_eq!(policy(60, 0, 3600).refresh_at(0.0), Duration::MAX);
    }

    proptest! {
        /// Compared with the documentation's sentence, word by word.
        #[test]
        fn the_windows_mean_what_is_said_of_them(fresh in 0_u64..9, revalidate in 0_u64..9, error in 0_u64..9, age in 0_u64..30) {
            let expected = if age < fresh {
                Freshness::Fresh
            } else if age < fresh + revalidate {
                Freshness::WhileRevalidating
            } else if age < fresh + error {
                Freshness::IfError
            } else {
                Freshness::Gone
            };
            prop_assert_eq!(policy(fresh, revalidate, error).of_age(Duration::from_secs(age)), expected);
        }

        #[test]
        fn a_copy_only_gets_worse(fresh in 0_u64..9, revalidate in 0_u64..9, error in 0_u64..9, age in 0_u64..30) {
            let policy = policy(fresh, revalidate, error);
            let rank = |age| match policy.of_age(Duration::from_secs(age)) {
                Freshness::Fresh => 0, Freshness::WhileRevalidating => 1, Freshness::IfError => 2, Freshness::Gone => 3,
            };
            prop_assert!(rank(age) <= rank(age + 1));
            prop_assert_eq!(rank(age) == 3, Duration::from_secs(age) >= policy.whole());
        }
    }
}
