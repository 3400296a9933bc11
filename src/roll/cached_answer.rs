//! What one source said of one customer, and how old that is.

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

/// About how many bytes an entry costs beside its records.
const ENTRY_OVERHEAD: usize = 512;

/// What one source said of one customer.
#[derive(Debug)]
pub struct CachedAnswer {
    /// What it said.
    pub answer: SourceAnswer,
    /// When it had been said whole, for people.
    pub fetched_at: Moment,
    /// When this process got it, for reckoning.
    at: Instant,
    /// How old it was then.
    before: Duration,
    policy: FreshnessPolicy,
    /// From which age on it is asked for anew behind an answer, while it is still fresh.
    refresh_at: Duration,
    /// The last epoch of the shared cache in which nobody had a newer one; 0 is none.
    newest_in: AtomicU64,
}

/// How old a copy is at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Age {
    /// Since when it is there, in whole seconds.
    pub seconds: u64,
    /// For how many seconds it is fresh, its age taken in whole ones; negative since it is not.
    pub fresh_for: i64,
    /// Whether it is older than `fresh`.
    pub is_stale: bool,
}

/// What a source may say that is believed.
#[derive(Debug)]
pub enum SourceAnswer {
    /// These are the customer's users.
    Users(Walk),
    /// It does not know the customer.
    NotFound(Failure),
}

// === impl CachedAnswer ===

impl CachedAnswer {
    pub(super) fn of(answer: SourceAnswer, policy: FreshnessPolicy) -> Self {
        Self::of_another(answer, policy, Moment::now(), Duration::ZERO)
    }

    /// What another process was told, so long ago.
    pub(super) fn of_another(answer: SourceAnswer, policy: FreshnessPolicy, fetched_at: Moment, before: Duration) -> Self {
        let (refresh_at, newest_in) = (policy.refresh_at(fastrand::f64()), AtomicU64::new(0));
        Self { answer, fetched_at, at: Instant::now(), before, policy, refresh_at, newest_in }
    }

    /// By the clock of this process, which stands still while the machine sleeps, or by the date, which
    /// somebody may set back: whichever is more.
    fn elapsed(&self) -> Duration {
        self.at.elapsed().saturating_add(self.before).max(self.fetched_at.elapsed())
    }

    /// Whether nobody has a newer one, as long as this epoch lasts.
    pub(super) fn is_newest_in(&self, epoch: u64) -> bool {
        epoch != 0 && self.newest_in.load(Ordering::Acquire) == epoch
    }

    /// Notes that in this epoch nobody had a newer one.
    pub(super) fn note_newest_in(&self, epoch: u64) {
        self.newest_in.store(epoch, Ordering::Release);
    }

    /// How many records it holds.
    pub(super) fn len(&self) -> usize {
        match &self.answer {
            SourceAnswer::Users(walk) => walk.records.len(),
            SourceAnswer::NotFound(_) => 0,
        }
    }

    /// How old it is now.
    pub fn age(&self) -> Age {
        let (age, fresh) = (self.elapsed(), self.policy.fresh);
        let seconds = |duration: Duration| i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
        let is_stale = self.policy.of_age(age) != Freshness::Fresh;
        let fresh_for = seconds(fresh) - seconds(age);
        Age { seconds: age.as_secs(), fresh_for: if is_stale { fresh_for.min(-1) } else { fresh_for }, is_stale }
    }

    /// Whether it has users.
    pub(super) fn is_roll(&self) -> bool {
        matches!(self.answer, SourceAnswer::Users(_))
    }

    /// Whether it may answer those who ask later.
    pub(super) fn is_kept(&self) -> bool {
        match &self.answer {
            SourceAnswer::Users(walk) => walk.complete,
            SourceAnswer::NotFound(_) => true,
        }
    }

    /// What may still be done with it.
    pub(super) fn usable_as(&self) -> Freshness {
        self.policy.of_age(self.elapsed())
    }

    /// The same, and whether it is too early to ask for it anew behind an answer: one look at the clock for both.
    pub(super) fn usable_as_and_is_young(&self) -> (Freshness, bool) {
        let age = self.elapsed();
        (self.policy.of_age(age), age < self.refresh_at)
    }

    /// Whether it stands in for a source that was asked and failed.
    pub(super) fn stands_in(&self) -> bool {
        self.policy.stands_in(self.elapsed())
    }

    /// For how much longer it is of any use.
    pub(super) fn useful_for(&self) -> Duration {
        self.policy.whole().saturating_sub(self.elapsed())
    }

    /// Whether it was there already at this moment.
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
        let ago = |seconds: i64| Moment::from_millis(Moment::now().as_millis() - seconds * 1000 - 100).unwrap(); // not just on the second
        for (by_date, by_clock, seconds, is_stale) in [(0, 0, 0, false), (0, 70, 70, true), (70, 0, 70, true), (-70, 10, 10, false)] {
            let answer = SourceAnswer::NotFound(Failure::new(crate::domain::FailureKind::NotFound));
            let age = CachedAnswer::of_another(answer, policy, ago(by_date), Duration::from_secs(by_clock)).age();
            assert_eq!((age.seconds, age.is_stale), (seconds, is_stale), "{by_date} {by_clock}");
        }
    }
}
