//! The copies of what sources said, each source and customer for itself: fresh, stale, or one
//! walk for all who wait.
//!
//! With a shared cache ([`shared`]) what is got with our own credentials is also looked for there,
//! and one walk is for all replicas.

mod entry;
mod found;
mod invalidation;
mod keeping;
mod key;
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

use foldhash::quality::RandomState;
use futures_util::FutureExt;
use tokio::time::Instant;

use super::{Keeping, SourceOutcome};
use crate::{
    customers::Customers,
    domain::{Failure, FailureKind, RemoteId, SourceName},
    flight::{Flights, Seat},
    outbound::Deadline,
    roll::{
        bounded_cache::Cacheable,
        cached_answer::CachedAnswer,
        freshness::{Freshness, FreshnessPolicy, LONGEST_COOL_DOWN},
    },
    shared_cache::SharedCache,
    sources::{Identity, Scope, Source},
    telemetry::{Metrics, Origin},
};
pub(in crate::roll) use found::Found;
pub use found::{CacheStatus, ForwardReason, WalkShare};
use key::{Held, Key};
use walk_result::{Via, WalkResult};

/// How many failures in a row are remembered, by source and customer.
const MOST_FAILURES: u64 = 100_000;

/// Who asks, and how long he waits.
#[derive(Clone, Debug)]
pub struct AskContext {
    /// Where the request comes from.
    pub origin: Origin,
    /// Until when an answer is of use.
    pub deadline: Deadline,
    /// Whether the sources are to be asked now, whatever copies there are.
    pub refresh: bool,
}

/// What one source is asked for one request.
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
    /// Whether it was said that there is no room for a roll.
    lack_of_room_is_told: AtomicBool,
    walks: Flights<Key, WalkResult>,
    /// What is just being looked for in the shared cache.
    looks: Flights<Key, ()>,
    shared: Option<SharedCache>,
    failures: moka::sync::Cache<Key, Cooling, RandomState>,
    /// Until when nothing counts that was got with a caller's credentials: a source has said that
    /// they are not good, whichever customer that was about.
    ended: moka::sync::Cache<(Scope, SourceName), Instant>,
    policy: FreshnessPolicy,
    not_found: Duration,
    customers: Arc<Customers>,
    metrics: Arc<Metrics>,
}

/// A source that failed for a customer is left alone for a while, where a copy can stand in.
#[derive(Clone, Copy, Debug)]
struct Cooling {
    until: Instant,
    failures: u32,
    kind: FailureKind,
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
        let failures = moka::sync::Cache::builder()
            .max_capacity(MOST_FAILURES)
            .time_to_live(policy.whole().max(LONGEST_COOL_DOWN))
            .build_with_hasher(RandomState::default());
        let ended = moka::sync::Cache::builder().max_capacity(MOST_FAILURES).time_to_live(policy.whole().max(not_found)).build();
        let (walks, looks) = (Flights::default(), Flights::default());
        let (held, lack_of_room_is_told) = (Held::new(max_bytes), AtomicBool::default());
        Self { held, lack_of_room_is_told, walks, looks, shared, failures, ended, policy, not_found, customers, metrics }
    }

    /// Begins to hear what other replicas store, and to sweep out what is of no use, until this is dropped.
    pub(in crate::roll) fn keep_up_to_date(self: &Arc<Self>, sources: &[Arc<Source>]) {
        self.held.keep_swept();
        self.listen(sources);
    }

    /// Whether there is a shared cache.
    pub(in crate::roll) fn is_shared(&self) -> bool {
        self.shared.is_some()
    }

    /// How many entries there are and how many bytes they hold, about.
    pub(in crate::roll) fn size(&self) -> (u64, u64) {
        self.held.size()
    }

    /// What a source says of a customer: a copy that may be given, or what asking it came to.
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

    /// The same where a copy is at hand that may be given at once.
    pub(super) fn at_hand(
        self: &Arc<Self>,
        source: &Arc<Source>,
        identity: &Identity,
        customer: &RemoteId,
        context: &AskContext,
    ) -> Option<Found> {
        let key = &Key::of(source, identity, customer);
        let held = self.held(key).filter(|held| self.is_newest(key, held))?;
        self.without_waiting(Question { key, source, identity, context }, &held)
    }

    /// Counts that a source was asked for.
    pub(super) fn count(&self, outcome: &SourceOutcome) {
        self.metrics.lookup(outcome.source, outcome.cache.into());
    }

    /// The copy in this process, if it may still be given.
    fn held(&self, key: &Key) -> Option<Arc<CachedAnswer>> {
        self.held.get(key).filter(|copy| copy.is_of_use() && self.is_own(key, copy))
    }

    /// Answers with a copy, if it may be given at once. One that is stale by now is asked for
    /// anew behind the answer, unless the source has just failed. With a caller's own credentials
    /// nothing is asked for behind his back.
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
            // A caller's own credentials know no refresh behind an answer, and no window for it.
            Freshness::Fresh | Freshness::WhileRevalidating | Freshness::IfError if cooling && (may_ask_behind || copy.stands_in()) => {}
            Freshness::Fresh | Freshness::WhileRevalidating if may_ask_behind => {
                self.walk(question, Instant::now()).detach();
            }
            Freshness::Fresh | Freshness::WhileRevalidating | Freshness::IfError | Freshness::Gone => return None,
        }
        Some(Found { copy: Ok(Arc::clone(copy)), error: failed.map(|cooling| cooling.kind), cache: CacheStatus::Hit })
    }

    /// Asks the source, or waits for whoever does. Where that fails, a copy that is not too old
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

    /// The copy that stands in for a walk that failed, if there is one.
    async fn stand_in(
        self: &Arc<Self>,
        question: Question<'_>,
        held: Option<Arc<CachedAnswer>>,
        walked: &Result<Arc<CachedAnswer>, Failure>,
    ) -> Option<Arc<CachedAnswer>> {
        let held = match held {
            None => self.newest(question.key, question.source).await, // it was not looked for, or came meanwhile
            held => held,
        };
        // That nobody was there does not hide who has just been read, though it may not be all.
        let may_hide = |copy: &CachedAnswer| copy.is_roll() || walked.is_err();
        held.filter(|copy| copy.stands_in() && may_hide(copy) && self.is_own(question.key, copy))
    }

    /// Waits for the walk, also whether somebody else had begun it. Who wants the source asked now
    /// is not content with what another replica had been told before.
    async fn await_walk(self: &Arc<Self>, question: Question<'_>, begun: Instant) -> (WalkResult, bool) {
        let context = question.context;
        loop {
            let seat = self.walk(question, begun);
            let lost = || WalkResult { copy: Err(Failure::new(FailureKind::InvalidResponse)), via: Via::Walked };
            let result = context.deadline.bound(seat.flight).await.map(|result| result.unwrap_or_else(lost));
            let result = result.unwrap_or_else(|late| WalkResult { copy: Err(late), via: Via::Walked });
            if !(context.refresh && result.via == Via::Looked) {
                return (result, seat.joined);
            }
        }
    }

    /// One walk for all. It goes on when whoever began it hangs up, and keeps what it finds. `begun`
    /// is when whoever began it came: the shared cache has but so long since then.
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

    /// Asks the source, and keeps what it says.
    async fn walk_now(&self, Question { key, source, identity, context }: Question<'_>) -> Result<Arc<CachedAnswer>, Failure> {
        let walk = AssertUnwindSafe(source.walk(&key.customer, identity, &context.origin, context.deadline));
        let walked = walk.catch_unwind().await.unwrap_or_else(|_| {
            self.metrics.panicked(); // a bug of ours; of the source nothing is known
            Err(Failure::new(FailureKind::InvalidResponse))
        });
        self.keep(key, walked.and_then(|walk| self.own(key, walk)))
    }
}
