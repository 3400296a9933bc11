//! Which sources have failed for which customers: each is left alone for a while if a copy can stand in.

use std::time::Duration;

use foldhash::quality::RandomState;
use quick_cache::{
    UnitWeighter,
    sync::{Cache, DefaultLifecycle},
};
use tokio::time::Instant;

use super::Key;
use crate::{
    domain::{Failure, FailureKind},
    roll::freshness::{FreshnessPolicy, LONGEST_COOL_DOWN, cool_down},
};

/// How many failing keys are remembered; a forgotten one counts as not failing.
const MOST: usize = 100_000;

/// The last failure of each key.
pub(super) struct Failures {
    last: Cache<Key, Cooling, UnitWeighter, RandomState>,
    /// How long a failure counts; after that, no copy from before it can stand in any more.
    counts_for: Duration,
}

/// A source that failed for a customer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cooling {
    /// When it failed.
    at: Instant,
    /// Until when it is left alone.
    pub(super) until: Instant,
    /// How often it has failed in a row.
    failures: u32,
    pub(super) kind: FailureKind,
}

impl Failures {
    pub(super) fn new(policy: &FreshnessPolicy) -> Self {
        let last = Cache::with(MOST, MOST as u64, UnitWeighter, RandomState::default(), DefaultLifecycle::default());
        Self { last, counts_for: policy.whole().max(LONGEST_COOL_DOWN) }
    }

    /// Returns the last failure of a key, if it still counts.
    pub(super) fn get(&self, key: &Key) -> Option<Cooling> {
        self.last.get(key).filter(|cooling| cooling.at.elapsed() < self.counts_for)
    }

    /// Notes a failure.
    pub(super) fn note(&self, key: &Key, failure: Failure) {
        let failures = self.get(key).map_or(0, |cooling| cooling.failures) + 1;
        let at = Instant::now();
        let until = at + cool_down(failures, failure.retry_after, fastrand::f64());
        self.last.insert(key.clone(), Cooling { at, until, failures, kind: failure.kind });
    }

    /// Forgets the failures of a key that are older than this answer of the source to another replica.
    pub(super) fn forget_before(&self, key: &Key, age: Duration) {
        if self.last.get(key).is_some_and(|cooling| age < cooling.at.elapsed()) {
            self.forget(key);
        }
    }

    /// Forgets the failures of a key: the source has answered.
    pub(super) fn forget(&self, key: &Key) {
        drop(self.last.remove(key));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{RemoteId, SourceName},
        sources::Identity,
    };

    #[tokio::test(start_paused = true)]
    async fn failures_add_up_until_they_are_forgotten_or_too_old() {
        let minutes = Duration::from_mins;
        let policy = FreshnessPolicy { fresh: minutes(1), stale_while_revalidate: minutes(5), stale_if_error: minutes(9) };
        let failures = Failures::new(&policy);
        let key = Key { scope: Identity::own().scope(), source: SourceName::new("left"), customer: RemoteId::new("acme") };
        let fail = || {
            failures.note(&key, Failure::new(FailureKind::Timeout));
            failures.get(&key).map(|cooling| cooling.failures)
        };
        assert_eq!((failures.get(&key).is_none(), fail(), fail()), (true, Some(1), Some(2)));
        tokio::time::advance(minutes(10).saturating_sub(Duration::from_secs(1))).await;
        assert_eq!(fail(), Some(3), "the last one counts");
        tokio::time::advance(minutes(10)).await;
        assert!(failures.get(&key).is_none());
        assert_eq!(fail(), Some(1));
        failures.forget(&key);
        assert_eq!((failures.get(&key).is_none(), fail()), (true, Some(1)));
        tokio::time::advance(minutes(1)).await;
        for (age, is_forgotten) in [(minutes(2), false), (minutes(1), false), (Duration::from_secs(59), true)] {
            failures.forget_before(&key, age);
            assert_eq!(failures.get(&key).is_none(), is_forgotten, "another replica's answer of {age:?} ago");
        }
    }
}
