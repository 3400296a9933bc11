//! What may still be done with a copy of a certain age. Pure.

use std::time::Duration;

/// How long a source is left alone at most after a failure: one that asks for an hour may be well again
/// in a minute.
pub(super) const LONGEST_COOL_DOWN: Duration = Duration::from_mins(1);

/// How long a source's answer is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FreshnessPolicy {
    /// How long it is fresh.
    pub fresh: Duration,
    /// How long after that it is given at once while it is asked for anew.
    pub stale_while_revalidate: Duration,
    /// How long after `fresh` it stands in for a source that fails.
    pub stale_if_error: Duration,
}

/// What may be done with a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Freshness {
    /// It is given.
    Fresh,
    /// It is given, and the source is asked behind the answer.
    WhileRevalidating,
    /// The source is asked; where that fails the copy stands in.
    IfError,
    /// Nothing.
    Gone,
}

impl FreshnessPolicy {
    /// What may be done with a copy of this age.
    pub(super) fn of_age(&self, age: Duration) -> Freshness {
        match age.checked_sub(self.fresh) {
            None => Freshness::Fresh,
            Some(stale) if stale < self.stale_while_revalidate => Freshness::WhileRevalidating,
            Some(stale) if stale < self.stale_if_error => Freshness::IfError,
            Some(_) => Freshness::Gone,
        }
    }

    /// Whether a copy of this age stands in for a source that was asked and failed.
    pub(super) fn stands_in(&self, age: Duration) -> bool {
        age < self.fresh + self.stale_if_error
    }

    /// From which age on a copy is asked for anew behind an answer, although it is still fresh:
    /// somewhere in the last twentieth, so that copies that were fetched together do not end
    /// together. Where nothing is asked for behind an answer, never. `chance` is 0 to 1.
    pub(super) fn refresh_at(&self, chance: f64) -> Duration {
        if self.stale_while_revalidate.is_zero() {
            return Duration::MAX;
        }
        self.fresh.mul_f64(0.95 + chance / 20.0)
    }

    /// How long a copy is of any use.
    pub(super) fn whole(&self) -> Duration {
        self.fresh + self.stale_while_revalidate.max(self.stale_if_error)
    }
}

/// How long a source is left alone that has failed so many times running, where a stale copy can
/// be given meanwhile: as long as it asks for (`Retry-After`) at least, but no longer than
/// [`LONGEST_COOL_DOWN`]. `chance` (0 to 1) keeps entries from coming back in step.
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
        /// Against the sentence of the documentation, word by word.
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
