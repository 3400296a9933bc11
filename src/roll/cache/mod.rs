//! The copies of what sources reported, for each source and customer separately: fresh, stale, or one walk
//! for all waiting callers.
//!
//! With a shared cache ([`shared`]), anything fetched with our own credentials is also looked up there, and
//! one walk serves all replicas.

mod cooling;
mod entry;
mod found;
mod invalidation;
mod keeping;
mod key;
mod refused_credentials;
mod shared;
mod subscription;
mod telling;
mod turn;
mod walk_result;

use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use futures_util::FutureExt;
use tokio::time::Instant;

use super::{Keeping, SourceOutcome};
use crate::{
    customers::Customers,
    domain::{Failure, FailureKind, RemoteId},
    flight::{Flights, Seat},
    outbound::Deadline,
    roll::{
        bounded_cache::Cacheable,
        cached_answer::CachedAnswer,
        freshness::{Freshness, FreshnessPolicy},
    },
    shared_cache::SharedCache,
    sources::{Identity, Source, WalkRequest},
    telemetry::{Metrics, Origin},
};
use cooling::Failures;
pub(in crate::roll) use found::Found;
pub use found::{CacheStatus, ForwardReason, WalkShare};
use key::{Held, Key};
use refused_credentials::RefusedCredentials;
use walk_result::{Via, WalkResult};

/// Who asks, and how long they wait.
#[derive(Clone, Debug)]
pub struct AskContext {
    /// Where the request comes from.
    pub origin: Origin,
    /// Until when an answer is useful.
    pub deadline: Deadline,
    /// Whether the sources must be asked now, whatever copies there are.
    pub refresh: bool,
}

/// What one request asks of one source.
#[derive(Clone, Copy)]
struct Question<'a> {
    key: &'a Key,
    source: &'a Arc<Source>,
    identity: &'a Identity,
    context: &'a AskContext,
}

/// The copies, and the walks that make them.
pub(in crate::roll) struct SourceCache {
    held: Held,
    /// Whether it has been logged that a roll does not fit.
    lack_of_room_is_told: AtomicBool,
    walks: Flights<Key, WalkResult>,
    /// The lookups in the shared cache that are under way.
    looks: Flights<Key, ()>,
    shared: Option<SharedCache>,
    failures: Failures,
    refused: RefusedCredentials,
    policy: FreshnessPolicy,
    not_found: Duration,
    customers: Arc<Customers>,
    metrics: Arc<Metrics>,
}

impl SourceCache {
    pub(in crate::roll) fn new(
        keeping: &Keeping,
        max_bytes: u64,
        customers: Arc<Customers>,
        shared: Option<SharedCache>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let Keeping { policy, not_found, .. } = *keeping;
        let (failures, refused) = (Failures::new(&policy), RefusedCredentials::default());
        let (walks, looks) = (Flights::default(), Flights::default());
        let (held, lack_of_room_is_told) = (Held::new(max_bytes), AtomicBool::default());
        Self { held, lack_of_room_is_told, walks, looks, shared, failures, refused, policy, not_found, customers, metrics }
    }

    /// Starts listening for what other replicas store, and sweeping out unusable entries, until this is
    /// dropped.
    pub(in crate::roll) fn keep_up_to_date(self: &Arc<Self>, sources: &[Arc<Source>]) {
        self.held.keep_swept();
        self.listen(sources);
    }

    /// Returns the shared cache, if there is one.
    pub(in crate::roll) fn shared_cache(&self) -> Option<&SharedCache> {
        self.shared.as_ref()
    }

    /// Returns about how many entries there are and how many bytes they hold.
    pub(in crate::roll) fn size(&self) -> (u64, u64) {
        self.held.size()
    }

    /// Returns what a source reports about a customer: a usable copy, or the result of asking.
    pub(in crate::roll) async fn find(
        self: &Arc<Self>,
        source: &Arc<Source>,
        identity: &Identity,
        customer: &RemoteId,
        context: &AskContext,
    ) -> Found {
        let key = &Key::of(source, identity, customer);
        let question = Question { key, source, identity, context };
        let begun = Instant::now();
        let held = if context.refresh { self.held(key) } else { self.newest(key, source).await };
        match held.as_ref().and_then(|copy| self.without_waiting(question, copy)) {
            Some(found) => found,
            None => self.ask(question, held, begun).await,
        }
    }

    /// Does the same if there is a copy at hand that may be returned at once.
    pub(super) fn at_hand(
        self: &Arc<Self>,
        source: &Arc<Source>,
        identity: &Identity,
        customer: &RemoteId,
        context: &AskContext,
    ) -> Option<Found> {
        let key = &Key::of(source, identity, customer);
        let copy = self.held_of_any_age(key).filter(|copy| self.is_newest(key, copy))?;
        self.without_waiting(Question { key, source, identity, context }, &copy)
    }

    /// Counts a lookup of a source.
    pub(super) fn count(&self, outcome: &SourceOutcome) {
        self.metrics.lookup(outcome.source, outcome.cache.into());
    }

    /// Returns this process's copy, if it may still be used.
    fn held(&self, key: &Key) -> Option<Arc<CachedAnswer>> {
        self.held_of_any_age(key).filter(|copy| copy.is_of_use())
    }

    /// Returns this process's copy, even if it is too old: for [`Self::without_waiting`], which judges its age.
    fn held_of_any_age(&self, key: &Key) -> Option<Arc<CachedAnswer>> {
        self.held.get(key).filter(|copy| self.is_own(key, copy))
    }

    /// Answers with a copy if it may be returned at once. A stale one, or one that soon will be, is refreshed
    /// in the background unless the source has just failed. With a caller's own credentials nothing is
    /// fetched in the background.
    fn without_waiting(self: &Arc<Self>, question: Question<'_>, copy: &Arc<CachedAnswer>) -> Option<Found> {
        let Question { key, context, .. } = question;
        if context.refresh {
            return None;
        }
        let (usable, is_young) = copy.usable_as_and_is_young();
        let may_ask_behind = !key.scope.is_brought();
        let is_young = usable == Freshness::Fresh && (is_young || !may_ask_behind);
        let failed = if is_young { None } else { self.failures.get(key) };
        let cooling = failed.is_some_and(|cooling| Instant::now() < cooling.until);
        match usable {
            Freshness::Fresh if is_young => {}
            // With a caller's own credentials there is no background refresh, and no window for one.
            Freshness::Fresh | Freshness::WhileRevalidating | Freshness::IfError if cooling && (may_ask_behind || copy.stands_in()) => {}
            Freshness::Fresh | Freshness::WhileRevalidating if may_ask_behind => {
                self.walk(question, Instant::now()).detach();
            }
            Freshness::Fresh | Freshness::WhileRevalidating | Freshness::IfError | Freshness::Gone => return None,
        }
        Some(Found { copy: Ok(Arc::clone(copy)), error: failed.map(|cooling| cooling.kind), cache: CacheStatus::Hit })
    }

    /// Asks the source, or waits for a walk that is under way. If that fails, a copy that is not too old
    /// stands in.
    async fn ask(self: &Arc<Self>, question: Question<'_>, held: Option<Arc<CachedAnswer>>, begun: Instant) -> Found {
        let reason = match &held {
            _ if question.context.refresh => ForwardReason::Request,
            Some(_) => ForwardReason::Stale,
            None => ForwardReason::UriMiss,
        };
        let (result, joined) = self.await_walk(question, begun).await;
        if let (Via::Looked, Ok(copy)) = (result.via, &result.copy) {
            return Found { copy: Ok(Arc::clone(copy)), error: None, cache: CacheStatus::Hit };
        }
        let walk = result.share(joined, || self.held.holds(question.key));
        let cache = CacheStatus::Forwarded { reason, walk };
        if let Some(error) = result.failed(question.key.scope)
            && let Some(copy) = self.stand_in(question, held, &result.copy).await
        {
            return Found { copy: Ok(copy), error: Some(error), cache };
        }
        Found { copy: result.copy, error: None, cache }
    }

    /// Returns the copy that stands in for a failed walk, if there is one.
    async fn stand_in(
        self: &Arc<Self>,
        question: Question<'_>,
        held: Option<Arc<CachedAnswer>>,
        walked: &Result<Arc<CachedAnswer>, Failure>,
    ) -> Option<Arc<CachedAnswer>> {
        let held = match held {
            None => self.newest(question.key, question.source).await, // it was not looked up, or has arrived meanwhile
            held => held,
        };
        // A stored "not found" does not hide users who have just been read, even if they may not be all.
        let may_hide = |copy: &CachedAnswer| copy.is_roll() || walked.is_err();
        held.filter(|copy| copy.stands_in() && may_hide(copy) && self.is_own(question.key, copy))
    }

    /// Waits for the walk; also returns whether it was already under way. A caller who wants the source asked
    /// now does not accept what another replica had fetched before.
    async fn await_walk(self: &Arc<Self>, question: Question<'_>, begun: Instant) -> (WalkResult, bool) {
        let context = question.context;
        loop {
            let seat = self.walk(question, begun);
            let lost = || WalkResult { copy: Err(Failure::new(FailureKind::InvalidResponse)), via: Via::Walked };
            let result = context.deadline.bound(seat.flight.landed()).await.map(|result| result.unwrap_or_else(lost));
            let result = result.unwrap_or_else(|late| WalkResult { copy: Err(late), via: Via::Walked });
            if !(context.refresh && result.via == Via::Looked) {
                return (result, seat.joined);
            }
        }
    }

    /// Joins or begins the one walk for all callers. It continues if its first caller hangs up, and keeps its
    /// result. `begun` is when that caller arrived: the time for the shared cache counts from then.
    fn walk(self: &Arc<Self>, question: Question<'_>, begun: Instant) -> Seat<WalkResult> {
        let Question { key, source, identity, context } = question;
        self.walks.join(key.clone(), || {
            let (cache, key, source) = (Arc::clone(self), key.clone(), Arc::clone(source));
            let (identity, context) = (identity.clone(), context.clone());
            async move {
                let question = Question { key: &key, source: &source, identity: &identity, context: &context };
                match cache.shared(&key, &source) {
                    Some(shared) => Box::pin(cache.walk_for_all(&shared, question, begun)).await,
                    None => WalkResult { copy: cache.walk_now(question).await, via: Via::Walked },
                }
            }
        })
    }

    /// Asks the source, and keeps its answer.
    async fn walk_now(&self, Question { key, source, identity, context }: Question<'_>) -> Result<Arc<CachedAnswer>, Failure> {
        let begun = Instant::now();
        let was_unusable = self.failures.get(key).is_some_and(|failed| failed.kind == FailureKind::InvalidResponse);
        let (customer, origin, patience) = (&key.customer, &context.origin, context.deadline);
        let request = WalkRequest { customer, identity, origin, patience, was_unusable };
        let walked = AssertUnwindSafe(source.walk(request)).catch_unwind().await.unwrap_or_else(|_| {
            self.metrics.panicked(); // a bug of ours, which says nothing about the source
            Err(Failure::new(FailureKind::InvalidResponse))
        });
        self.keep(key, walked.and_then(|walk| self.own(key, walk)), begun)
    }
}
