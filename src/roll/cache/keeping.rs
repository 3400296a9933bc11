//! What is kept of a walk, and which copies may still be used.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::time::Instant;

use super::{Key, SourceCache};
use crate::{
    domain::{Failure, FailureKind, Moment},
    roll::{
        cached_answer::{CachedAnswer, SourceAnswer},
        freshness::FreshnessPolicy,
    },
    sources::{Scope, Walk},
};

impl SourceCache {
    /// Checks whose rows a walk returned. If they all belong to one other customer, and that one is linked to
    /// someone else, the answer is invalid.
    pub(super) fn own(&self, key: &Key, walk: Walk) -> Result<Walk, Failure> {
        if !self.is_anothers(key, &walk) {
            return Ok(walk);
        }
        tracing::warn!(source = %key.source, "according to the links, a source returned another customer's rows, or the partner's own");
        Err(Failure::answered(FailureKind::InvalidResponse, 200))
    }

    fn is_anothers(&self, key: &Key, walk: &Walk) -> bool {
        walk.other_customer.as_deref().is_some_and(|other| self.customers.is_somebodys(key.source, other))
    }

    /// Returns whether a copy may still be used: the links may have changed since, and the credentials that
    /// fetched it may have been refused.
    pub(super) fn is_own(&self, key: &Key, copy: &CachedAnswer) -> bool {
        if self.refused.at(key.scope, key.source).is_some_and(|refused| copy.is_from_before(refused)) {
            return false;
        }
        match &copy.answer {
            SourceAnswer::Users(walk) => !self.is_anothers(key, walk),
            SourceAnswer::NotFound(_) => true,
        }
    }

    /// Keeps the result of a walk that began at this moment. If the credentials that it was made with were refused
    /// since, its result is only for those who wait.
    pub(super) fn keep(&self, key: &Key, walked: Result<Walk, Failure>, begun: Instant) -> Result<Arc<CachedAnswer>, Failure> {
        let copy = Arc::new(self.said(key, walked, Moment::now(), Duration::ZERO)?);
        if self.refused.at(key.scope, key.source).is_some_and(|refused| begun <= refused) {
            self.held.remove(key);
            return Ok(copy);
        }
        self.hold(key, &copy);
        Ok(copy)
    }

    /// Keeps the result of another replica's walk that ended at this moment; `age` is how long ago that was.
    pub(super) fn keep_as_of(
        &self,
        key: &Key,
        walked: Result<Walk, Failure>,
        at: Moment,
        age: Duration,
    ) -> Result<Arc<CachedAnswer>, Failure> {
        let copy = Arc::new(self.said(key, walked, at, age)?);
        self.hold(key, &copy);
        Ok(copy)
    }

    /// The answer in a walk's result. A failure never replaces a copy but an answer does: a 404 becomes the new copy,
    /// a 400 removes the copy.
    fn said(&self, key: &Key, walked: Result<Walk, Failure>, at: Moment, age: Duration) -> Result<CachedAnswer, Failure> {
        match walked {
            Ok(walk) => Ok(self.copy(SourceAnswer::Users(walk), at, age)),
            Err(failure) if failure.kind == FailureKind::NotFound => Ok(self.copy(SourceAnswer::NotFound(failure), at, age)),
            Err(failure) if is_believed(failure.kind, key.scope) => {
                self.held.remove(key);
                if failure.kind == FailureKind::Unauthorized {
                    self.refused.note(key.scope, key.source);
                }
                Err(failure)
            }
            Err(failure) => {
                self.failures.note(key, failure);
                Err(failure)
            }
        }
    }

    /// Holds a copy. A walk whose counts never agreed is returned to its waiters, but not kept as a copy.
    fn hold(&self, key: &Key, copy: &Arc<CachedAnswer>) {
        if copy.is_kept() {
            self.failures.forget(key);
            self.held.insert(key.clone(), Arc::clone(copy));
            self.tell_lack_of_room(key, copy);
        } else {
            self.failures.note(key, Failure::new(FailureKind::InvalidResponse));
            self.end_not_found(key);
        }
    }

    /// Ends a "not found": users were read, though perhaps not all of them.
    fn end_not_found(&self, key: &Key) {
        if self.held.get(key).is_some_and(|held| !held.is_roll()) {
            self.held.remove(key);
        }
    }

    /// Warns once that a roll is too large to be kept, so that every request for it asks the source.
    fn tell_lack_of_room(&self, key: &Key, copy: &CachedAnswer) {
        if copy.is_roll() && !self.held.holds(key) && !self.lack_of_room_is_told.swap(true, Ordering::Relaxed) {
            let (source, records) = (key.source, copy.len());
            tracing::warn!(%source, records, "a roll needs more than about half of cache.max_bytes: it is not kept, and each request for it asks the source");
        }
    }

    /// Creates a copy of an answer given at this moment; `age` is how long ago that was.
    pub(super) fn copy(&self, answer: SourceAnswer, at: Moment, age: Duration) -> CachedAnswer {
        let policy = self.policy_of(&answer);
        CachedAnswer::of_another(answer, policy, at, age)
    }

    /// Returns how long an answer is used.
    pub(super) fn policy_of(&self, answer: &SourceAnswer) -> FreshnessPolicy {
        match answer {
            SourceAnswer::Users(_) => self.policy,
            // A "not found" is never used once it is stale.
            SourceAnswer::NotFound(_) => FreshnessPolicy { fresh: self.not_found, ..FreshnessPolicy::default() },
        }
    }
}

/// Returns whether a failure is the source's own answer. Trouble of the replica that asked (its network,
/// token, links, breaker or timeout) says nothing about any other replica.
pub(super) const fn is_of_source(failure: &Failure) -> bool {
    use FailureKind::{BadRequest, Forbidden, InvalidResponse, NotFound, Overloaded, RateLimited, Timeout, Unauthorized, Unavailable};
    match failure.kind {
        _ if failure.is_of_token => false,
        BadRequest | Forbidden | NotFound | RateLimited | Unavailable => failure.http_status.is_some(),
        // The token may be this replica's own; and whose rows they are is judged by each replica's own links.
        Unauthorized | InvalidResponse | Timeout | Overloaded => false,
    }
}

/// Returns whether a failure counts as an answer: then no copy stands in for it, and the existing copy ends.
/// A refusal of a caller's own credentials counts: they may no longer see what they saw.
pub(super) fn is_believed(kind: FailureKind, scope: Scope) -> bool {
    matches!(kind, FailureKind::NotFound | FailureKind::BadRequest) || (scope.is_brought() && kind.is_refusal())
}
