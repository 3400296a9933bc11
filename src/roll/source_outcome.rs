//! The result of asking one source, as the answer to a request carries it.

use std::{sync::Arc, time::Duration};

use super::{
    cache::CacheStatus,
    cached_answer::{Age, CachedAnswer, SourceAnswer},
    outcome::State,
};
use crate::{
    domain::{Failure, FailureKind, SourceName},
    sources::Scope,
};

/// The result of asking one source.
#[derive(Clone, Debug)]
pub struct SourceOutcome {
    /// The source.
    pub source: SourceName,
    /// What it reported, or why it reported nothing; `None` where the customer is not linked to it.
    pub copy: Option<Result<Arc<CachedAnswer>, Failure>>,
    /// Why a refresh of the copy failed, if one did.
    pub error: Option<FailureKind>,
    /// How the cache was used.
    pub cache: CacheStatus,
    /// Whose credentials it was asked with; `None` if it was not asked because a link or credentials were
    /// missing.
    pub scope: Option<Scope>,
    /// How long it took.
    pub took: Duration,
    /// How old the copy is, at one moment that is the same for the whole answer.
    pub age: Option<Age>,
}

impl SourceOutcome {
    /// Returns the outcome of a source that the customer is not linked to.
    pub(super) fn nothing(source: SourceName) -> Self {
        Self { source, copy: None, error: None, cache: CacheStatus::Hit, scope: None, took: Duration::ZERO, age: None }
    }

    /// Returns whether the caller's own credentials were refused or missing.
    pub fn is_of_the_caller(&self) -> bool {
        self.copy.is_some() && self.scope.is_none_or(Scope::is_brought)
    }

    /// Returns whether its copy is older than `fresh`.
    pub fn is_stale(&self) -> bool {
        self.age.is_some_and(|age| age.is_stale)
    }

    /// Notes how old the copy is now. One that was read for this very request does not count as stale,
    /// however short `fresh` is.
    pub(super) fn grow_old(&mut self) {
        let copy = self.copy.as_ref().and_then(|copy| copy.as_ref().ok());
        let was_read_now = self.cache != CacheStatus::Hit && self.error.is_none();
        self.age = copy.map(|copy| copy.age()).map(|age| Age { is_stale: age.is_stale && !was_read_now, ..age });
    }

    /// Returns what this contributes to the decision.
    pub(super) fn state(&self) -> State {
        match &self.copy {
            None => State::NotLinked,
            Some(Err(failure)) => State::Failed(*failure),
            Some(Ok(copy)) => match &copy.answer {
                SourceAnswer::Users(walk) if walk.complete => State::Ok,
                SourceAnswer::Users(_) => State::Incomplete,
                SourceAnswer::NotFound(failure) => State::Failed(*failure),
            },
        }
    }
}
