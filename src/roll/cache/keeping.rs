//! What is kept of a walk, and what may still be given.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::time::Instant;

use super::{Cooling, Key, SourceCache};
use crate::{
    domain::{Failure, FailureKind, Moment},
    roll::{
        cached_answer::{CachedAnswer, SourceAnswer},
        freshness::{FreshnessPolicy, cool_down},
    },
    sources::{Scope, Walk},
};

impl SourceCache {
    /// Rows that all belong to one other customer are a wrong answer where that one is linked to
    /// somebody else.
    pub(super) fn own(&self, key: &Key, walk: Walk) -> Result<Walk, Failure> {
        if !self.is_anothers(key, &walk) {
            return Ok(walk);
        }
        tracing::warn!(source = %key.source, "a source gave the rows of another customer than was asked for, or of the partner itself, as is known from the links");
        Err(Failure::answered(FailureKind::InvalidResponse, 200))
    }

    fn is_anothers(&self, key: &Key, walk: &Walk) -> bool {
        walk.other_customer.as_deref().is_some_and(|other| self.customers.is_somebodys(key.source, other))
    }

    /// Whether a copy may still be given: the links may have changed since, and what it was got
    /// with may have been refused.
    pub(super) fn is_own(&self, key: &Key, copy: &CachedAnswer) -> bool {
        if key.scope.is_brought() && self.ended.get(&(key.scope, key.source)).is_some_and(|ended| copy.is_from_before(ended)) {
            return false;
        }
        match &copy.answer {
            SourceAnswer::Users(walk) => !self.is_anothers(key, walk),
            SourceAnswer::NotFound(_) => true,
        }
    }

    /// Keeps what a walk found. A failure never replaces a copy, an answer does: a 404 by itself,
    /// a 400 by ending the copy. Counts that never agreed are given to those who wait, but are
    /// nobody's copy.
    pub(super) fn keep(&self, key: &Key, walked: Result<Walk, Failure>) -> Result<Arc<CachedAnswer>, Failure> {
        self.keep_as_of(key, walked, Moment::now(), Duration::ZERO)
    }

    /// The same for what was over at this moment, so long ago.
    pub(super) fn keep_as_of(
        &self,
        key: &Key,
        walked: Result<Walk, Failure>,
        at: Moment,
        age: Duration,
    ) -> Result<Arc<CachedAnswer>, Failure> {
        let copy = match walked {
            Ok(walk) => self.copy(SourceAnswer::Users(walk), at, age),
            Err(failure) if failure.kind == FailureKind::NotFound => self.copy(SourceAnswer::NotFound(failure), at, age),
            Err(failure) if is_believed(failure.kind, key.scope) => {
                self.held.remove(key);
                if failure.kind == FailureKind::Unauthorized {
                    self.ended.insert((key.scope, key.source), Instant::now());
                }
                return Err(failure);
            }
            Err(failure) => {
                self.cool(key, failure);
                return Err(failure);
            }
        };
        let copy = Arc::new(copy);
        if copy.is_kept() {
            self.failures.invalidate(key);
            self.held.insert(key.clone(), Arc::clone(&copy));
            self.tell_lack_of_room(key, &copy);
        } else {
            self.cool(key, Failure::new(FailureKind::InvalidResponse));
            self.end_not_found(key);
        }
        Ok(copy)
    }

    /// Users were read, though perhaps not all: nobody is told any more that there are none.
    fn end_not_found(&self, key: &Key) {
        if self.held.get(key).is_some_and(|held| !held.is_roll()) {
            self.held.remove(key);
        }
    }

    /// A roll that is too large to be kept is asked for at each request: whoever runs the gateway is told once.
    fn tell_lack_of_room(&self, key: &Key, copy: &CachedAnswer) {
        if copy.is_roll() && !self.held.holds(key) && !self.lack_of_room_is_told.swap(true, Ordering::Relaxed) {
            let (source, records) = (key.source, copy.len());
            tracing::warn!(%source, records, "a roll takes more than about half of cache.max_bytes: it is not kept, and each request for it asks the source");
        }
    }

    /// A copy of what was said at this moment, so long ago.
    pub(super) fn copy(&self, answer: SourceAnswer, at: Moment, age: Duration) -> CachedAnswer {
        let policy = self.policy_of(&answer);
        CachedAnswer::of_another(answer, policy, at, age)
    }

    /// For how long what a source said is used.
    pub(super) fn policy_of(&self, answer: &SourceAnswer) -> FreshnessPolicy {
        match answer {
            SourceAnswer::Users(_) => self.policy,
            // An answer that is never given stale.
            SourceAnswer::NotFound(_) => FreshnessPolicy { fresh: self.not_found, ..FreshnessPolicy::default() },
        }
    }

    fn cool(&self, key: &Key, failure: Failure) {
        let failures = self.failures.get(key).map_or(0, |cooling| cooling.failures) + 1;
        let until = Instant::now() + cool_down(failures, failure.retry_after, fastrand::f64());
        self.failures.insert(key.clone(), Cooling { until, failures, kind: failure.kind });
    }
}

/// Whether a failure is the source's own answer, and no trouble of the replica that had asked: what
/// that one's network, token, links, breaker or patience did says nothing to another one.
pub(super) const fn is_of_source(failure: &Failure) -> bool {
    use FailureKind::{BadRequest, Forbidden, InvalidResponse, NotFound, Overloaded, RateLimited, Timeout, Unauthorized, Unavailable};
    match failure.kind {
        BadRequest | Forbidden | NotFound | RateLimited | Unavailable => failure.http_status.is_some(),
        // The status may be the token endpoint's; whose rows they are is judged by the replica's own links.
        Unauthorized | InvalidResponse | Timeout | Overloaded => false,
    }
}

/// Whether a failure is an answer: then no copy stands in for it, and the one that there is ends.
/// That a caller's own credentials are refused is one: he may no longer see what he saw.
pub(super) fn is_believed(kind: FailureKind, scope: Scope) -> bool {
    matches!(kind, FailureKind::NotFound | FailureKind::BadRequest) || (scope.is_brought() && kind.is_refusal())
}
