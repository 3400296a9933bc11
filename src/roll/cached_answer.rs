//! What one source reported about one customer, and how old that is.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use tokio::time::Instant;

use super::{
    bounded_cache::Cacheable,
    freshness::{Freshness, FreshnessPolicy},
};
use crate::{
    domain::{Failure, Moment},
    sources::Walk,
};

/// About how many bytes an entry costs besides its records.
const ENTRY_OVERHEAD: usize = 512;

/// What one source reported about one customer.
#[derive(Debug)]
pub struct CachedAnswer {
    /// The answer itself.
    pub answer: SourceAnswer,
    /// When the answer was complete, as a date for people.
    pub fetched_at: Moment,
    /// When this process got it, for computing its age.
    at: Instant,
    /// How old it already was at that time.
    before: Duration,
    policy: FreshnessPolicy,
    /// The age from which it is refreshed in the background although it is still fresh.
    refresh_at: Duration,
    /// The last epoch of the shared cache in which no replica had a newer one; 0 means none.
    newest_in: AtomicU64,
}

/// The age of a copy at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Age {
    /// Its age in whole seconds.
    pub seconds: u64,
    /// For how many more seconds it is fresh, computed from the age in whole seconds; negative once it is
    /// not.
    pub fresh_for: i64,
    /// Whether it is older than `fresh`.
    pub is_stale: bool,
}

/// The kinds of answer that count as knowledge.
#[derive(Debug)]
pub enum SourceAnswer {
    /// The customer's users.
    Users(Walk),
    /// The source does not know the customer.
    NotFound(Failure),
}

// === impl CachedAnswer ===

impl CachedAnswer {
    pub(super) fn of(answer: SourceAnswer, policy: FreshnessPolicy) -> Self {
        Self::of_another(answer, policy, Moment::now(), Duration::ZERO)
    }

    /// Creates a copy of what another process got; `before` is how old that is.
    pub(super) fn of_another(answer: SourceAnswer, policy: FreshnessPolicy, fetched_at: Moment, before: Duration) -> Self {
        let (refresh_at, newest_in) = (policy.refresh_at(fastrand::f64()), AtomicU64::new(0));
        Self { answer, fetched_at, at: Instant::now(), before, policy, refresh_at, newest_in }
    }

    /// Returns the larger of two ages: by this process's clock, which stops while the machine sleeps, and by
    /// the date, which someone may set back.
    fn elapsed(&self) -> Duration {
        self.at.elapsed().saturating_add(self.before).max(self.fetched_at.elapsed())
    }

    /// Returns whether no replica has a newer one, for as long as this epoch lasts.
    pub(super) fn is_newest_in(&self, epoch: u64) -> bool {
        epoch != 0 && self.newest_in.load(Ordering::Acquire) == epoch
    }

    /// Notes that in this epoch no replica had a newer one.
    pub(super) fn note_newest_in(&self, epoch: u64) {
        self.newest_in.store(epoch, Ordering::Release);
    }

    /// Returns how many records it holds.
    pub(super) fn len(&self) -> usize {
        match &self.answer {
            SourceAnswer::Users(walk) => walk.records.len(),
            SourceAnswer::NotFound(_) => 0,
        }
    }

    /// Returns its present age.
    pub fn age(&self) -> Age {
        let (age, fresh) = (self.elapsed(), self.policy.fresh);
        let seconds = |duration: Duration| i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
        let is_stale = self.policy.of_age(age) != Freshness::Fresh;
        let fresh_for = seconds(fresh) - seconds(age);
        Age { seconds: age.as_secs(), fresh_for: if is_stale { fresh_for.min(-1) } else { fresh_for }, is_stale }
    }

    /// Returns whether it has users.
    pub(super) fn is_roll(&self) -> bool {
        matches!(self.answer, SourceAnswer::Users(_))
    }

    /// Returns whether it may answer later callers.
    pub(super) fn is_kept(&self) -> bool {
        match &self.answer {
            SourceAnswer::Users(walk) => walk.complete,
            SourceAnswer::NotFound(_) => true,
        }
    }

    /// Returns what may still be done with it.
    pub(super) fn usable_as(&self) -> Freshness {
        self.policy.of_age(self.elapsed())
    }

    /// Returns the same, and whether it is too early to refresh it in the background. Reads the clock once
    /// for both.
    pub(super) fn usable_as_and_is_young(&self) -> (Freshness, bool) {
        let age = self.elapsed();
        (self.policy.of_age(age), age < self.refresh_at)
    }

    /// Returns whether it may stand in for a source that was asked and failed.
    pub(super) fn stands_in(&self) -> bool {
        self.policy.stands_in(self.elapsed())
    }

    /// Returns for how much longer it is usable at all.
    pub(super) fn useful_for(&self) -> Duration {
        self.policy.whole().saturating_sub(self.elapsed())
    }

    /// Returns whether it already existed at this moment.
    pub(super) fn is_from_before(&self, moment: Instant) -> bool {
        self.at <= moment
    }
}

// === impl Cacheable ===

impl Cacheable for CachedAnswer {
    fn weight(&self) -> u32 {
        let records = match &self.answer {
            SourceAnswer::Users(walk) => walk.records.weight(),
            SourceAnswer::NotFound(_) => 0,
        };
        u32::try_from(records + ENTRY_OVERHEAD).unwrap_or(u32::MAX)
    }

    fn is_of_use(&self) -> bool {
        self.usable_as() != Freshness::Gone
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_as_old_as_the_clock_or_the_date_says_whichever_is_more() {
        let policy = FreshnessPolicy { fresh: Duration::from_mins(1), ..FreshnessPolicy::default() };
        let ago = |seconds: i64| Moment::from_millis(Moment::now().as_millis() - seconds * 1000 - 100).unwrap(); // not exactly on a second
        for (by_date, by_clock, seconds, is_stale) in [(0, 0, 0, false), (0, 70, 70, true), (70, 0, 70, true), (-70, 10, 10, false)] {
            let answer = SourceAnswer::NotFound(Failure::new(crate::domain::FailureKind::NotFound));
            let age = CachedAnswer::of_another(answer, policy, ago(by_date), Duration::from_secs(by_clock)).age();
            assert_eq!((age.seconds, age.is_stale), (seconds, is_stale), "{by_date} {by_clock}");
        }
    }
}
