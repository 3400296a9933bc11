//! The copies of what sources said, each source and customer for itself: fresh, stale, or one
//! walk for all who wait.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::FutureExt;
use tokio::time::Instant;

use super::{
    Told,
    copy::{Copy, Known},
    freshness::{Use, Windows, cool_down},
};
use crate::{
    customers::Customers,
    domain::{Failure, FailureKind, RemoteId, SourceName},
    flight::{Flights, Seat},
    outbound::Deadline,
    sources::{Identity, Scope, Source, Walk},
    telemetry::{CacheUse, Metrics, Origin},
};

/// How many failures in a row are remembered, by source and customer.
const MOST_FAILURES: u64 = 100_000;

/// How long a failure is remembered at least: longer than any cool-down.
const COOLEST: Duration = Duration::from_mins(1);

/// Who asks, and how long he waits.
#[derive(Clone, Debug)]
pub struct Patience {
    /// Where the request comes from.
    pub origin: Origin,
    /// Until when an answer is of use.
    pub deadline: Deadline,
    /// Whether the sources are to be asked now, whatever copies there are.
    pub now: bool,
}

/// What became of asking one source.
#[derive(Clone, Debug)]
pub(super) struct Found {
    /// A copy to answer with, or why there is none.
    pub(super) copy: Result<Arc<Copy>, Failure>,
    /// Why a refresh of the copy has failed, if one has.
    pub(super) error: Option<FailureKind>,
    /// How the cache was of use.
    pub(super) forward: Forward,
}

/// Whether a source was asked, and why (RFC 9211, `fwd`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forward {
    /// It was not: a copy was there.
    Hit,
    /// Nothing was there.
    Miss(Shared),
    /// What was there was stale.
    Stale(Shared),
    /// The caller wanted it.
    Request(Shared),
}

/// Whose walk a caller waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shared {
    /// He began it, and what it found was kept.
    Stored,
    /// He began it, and nothing was kept.
    NotStored,
    /// Somebody else had begun it.
    Collapsed,
}

/// The copies, and the walks that make them.
pub(super) struct Copies {
    held: moka::sync::Cache<Key, Arc<Copy>>,
    walks: Flights<Key, Result<Arc<Copy>, Failure>>,
    failures: moka::sync::Cache<Key, Cooling>,
    /// Until when nothing counts that was got with a caller's credentials: a source has said that
    /// they are not good, whichever customer that was about.
    ended: moka::sync::Cache<(Scope, SourceName), Instant>,
    windows: Windows,
    not_found: Duration,
    customers: Arc<Customers>,
    metrics: Arc<Metrics>,
}

/// What a copy or a walk is of. There is none without the scope of the credentials that it is
/// got with: nothing is ever given to whoever has others.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    scope: Scope,
    source: SourceName,
    customer: RemoteId,
}

/// A source that failed for a customer is left alone for a while, where a copy can stand in.
#[derive(Clone, Copy, Debug)]
struct Cooling {
    until: Instant,
    failures: u32,
    kind: FailureKind,
}

// === impl Copies ===

/// Each entry is kept for as long as it is of any use.
struct UntilUseless;

impl moka::Expiry<Key, Arc<Copy>> for UntilUseless {
    fn expire_after_create(&self, _: &Key, copy: &Arc<Copy>, _: std::time::Instant) -> Option<Duration> {
        Some(copy.useful_for())
    }

    // By default an entry that is overwritten keeps the end of the one before it.
    fn expire_after_update(&self, _: &Key, copy: &Arc<Copy>, _: std::time::Instant, _: Option<Duration>) -> Option<Duration> {
        Some(copy.useful_for())
    }
}

impl Copies {
    pub(super) fn new(windows: Windows, not_found: Duration, max_bytes: u64, customers: Arc<Customers>, metrics: Arc<Metrics>) -> Self {
        let held = moka::sync::Cache::builder()
            .max_capacity(max_bytes)
            .weigher(|_, copy: &Arc<Copy>| copy.weight())
            .expire_after(UntilUseless)
            .build();
        let failures = moka::sync::Cache::builder().max_capacity(MOST_FAILURES).time_to_live(windows.whole().max(COOLEST)).build();
        let ended = moka::sync::Cache::builder().max_capacity(MOST_FAILURES).time_to_live(windows.whole()).build();
        Self { held, walks: Flights::default(), failures, ended, windows, not_found, customers, metrics }
    }

    /// How many entries there are and how many bytes they hold, about.
    pub(super) fn size(&self) -> (u64, u64) {
        (self.held.entry_count(), self.held.weighted_size())
    }

    /// What a source says of a customer: a copy that may be given, or what asking it came to.
    pub(super) async fn find(
        self: &Arc<Self>,
        source: &Arc<Source>,
        identity: &Identity,
        customer: &RemoteId,
        patience: &Patience,
    ) -> Found {
        let key = Key { scope: identity.scope(), source: source.name(), customer: customer.clone() };
        let held = self.held.get(&key).filter(|copy| self.is_own(&key, copy));
        match held.as_ref().and_then(|copy| self.without_waiting(&key, copy, source, identity, patience)) {
            Some(found) => found,
            None => self.ask(key, held, source, identity, patience).await,
        }
    }

    /// The same where a copy is at hand that may be given at once.
    pub(super) fn at_hand(
        self: &Arc<Self>,
        source: &Arc<Source>,
        identity: &Identity,
        customer: &RemoteId,
        patience: &Patience,
    ) -> Option<Found> {
        let key = Key { scope: identity.scope(), source: source.name(), customer: customer.clone() };
        let held = self.held.get(&key).filter(|copy| self.is_own(&key, copy))?;
        self.without_waiting(&key, &held, source, identity, patience)
    }

    /// Counts that a source was asked for.
    pub(super) fn count(&self, told: &Told) {
        self.metrics.lookup(told.source, told.forward.into());
    }

    /// Answers with a copy, if it may be given at once. One that is stale by now is asked for
    /// anew behind the answer, unless the source has just failed. With a caller's own credentials
    /// nothing is asked for behind his back.
    fn without_waiting(
        self: &Arc<Self>,
        key: &Key,
        copy: &Arc<Copy>,
        source: &Arc<Source>,
        identity: &Identity,
        patience: &Patience,
    ) -> Option<Found> {
        if patience.now {
            return None;
        }
        let usable = copy.usable_as();
        let may_ask_behind = !key.scope.is_brought();
        let is_young = usable == Use::Fresh && (copy.is_young() || !may_ask_behind);
        let failed = if is_young { None } else { self.failures.get(key) };
        let cooling = failed.is_some_and(|cooling| Instant::now() < cooling.until);
        match usable {
            Use::Fresh if is_young => {}
            Use::Fresh | Use::WhileRevalidating | Use::IfError if cooling => {}
            Use::Fresh | Use::WhileRevalidating if may_ask_behind => drop(self.walk(key.clone(), source, identity, patience)),
            Use::Fresh | Use::WhileRevalidating | Use::IfError | Use::Gone => return None,
        }
        Some(Found { copy: Ok(Arc::clone(copy)), error: failed.map(|cooling| cooling.kind), forward: Forward::Hit })
    }

    /// Asks the source, or waits for whoever does. Where that fails, a copy that is not too old
    /// stands in.
    async fn ask(
        self: &Arc<Self>,
        key: Key,
        held: Option<Arc<Copy>>,
        source: &Arc<Source>,
        identity: &Identity,
        patience: &Patience,
    ) -> Found {
        let why: fn(Shared) -> Forward = match &held {
            _ if patience.now => Forward::Request,
            Some(_) => Forward::Stale,
            None => Forward::Miss,
        };
        let seat = self.walk(key.clone(), source, identity, patience);
        let walked = patience.deadline.bound(seat.flight).await;
        let walked = walked.and_then(|walked| walked.unwrap_or(Err(Failure::new(FailureKind::InvalidResponse))));
        let shared = match &walked {
            _ if seat.joined => Shared::Collapsed,
            Ok(copy) if copy.is_kept() => Shared::Stored,
            _ => Shared::NotStored,
        };
        let failed = match &walked {
            Ok(copy) if copy.is_kept() => None,
            Ok(_) => Some(FailureKind::InvalidResponse), // its counts never agreed
            Err(failure) => Some(failure.kind).filter(|kind| !is_believed(*kind, key.scope)),
        };
        let may_stand_in = |copy: &Arc<Copy>| copy.usable_as() != Use::Gone && copy.is_roll() && self.is_own(&key, copy);
        let stand_in = held.filter(|copy| failed.is_some() && may_stand_in(copy));
        match stand_in {
            Some(copy) => Found { copy: Ok(copy), error: failed, forward: why(shared) },
            None => Found { copy: walked, error: None, forward: why(shared) },
        }
    }

    /// One walk for all. It goes on when whoever began it hangs up, and keeps what it finds.
    fn walk(
        self: &Arc<Self>,
        key: Key,
        source: &Arc<Source>,
        identity: &Identity,
        patience: &Patience,
    ) -> Seat<Result<Arc<Copy>, Failure>> {
        let (copies, source, identity, patience) = (Arc::clone(self), Arc::clone(source), identity.clone(), patience.clone());
        self.walks.join(key.clone(), || async move {
            let walk = AssertUnwindSafe(source.walk(&key.customer, &identity, &patience.origin, patience.deadline));
            let walked = walk.catch_unwind().await.unwrap_or_else(|_| {
                copies.metrics.panicked(); // a bug of ours; of the source nothing is known
                Err(Failure::new(FailureKind::InvalidResponse))
            });
            copies.keep(&key, walked.and_then(|walk| copies.own(&key, walk)))
        })
    }

    /// Rows that all belong to one other customer are a wrong answer where that one is linked to
    /// somebody else.
    fn own(&self, key: &Key, walk: Walk) -> Result<Walk, Failure> {
        if !self.is_anothers(key, &walk) {
            return Ok(walk);
        }
        tracing::warn!(source = %key.source, "a source gave the rows of another customer than was asked for, who is linked to somebody else");
        Err(Failure::answered(FailureKind::InvalidResponse, 200))
    }

    fn is_anothers(&self, key: &Key, walk: &Walk) -> bool {
        walk.other_customer.as_deref().is_some_and(|other| self.customers.is_somebodys(key.source, other))
    }

    /// Whether a copy may still be given: the links may have changed since, and what it was got
    /// with may have been refused.
    fn is_own(&self, key: &Key, copy: &Copy) -> bool {
        if key.scope.is_brought() && self.ended.get(&(key.scope, key.source)).is_some_and(|ended| copy.is_from_before(ended)) {
            return false;
        }
        match &copy.known {
            Known::Users(walk) => !self.is_anothers(key, walk),
            Known::NotFound(_) => true,
        }
    }

    /// Keeps what a walk found. A failure never replaces a copy, an answer does: a 404 by itself,
    /// a 400 by ending the copy. Counts that never agreed are given to those who wait, but are
    /// nobody's copy.
    fn keep(&self, key: &Key, walked: Result<Walk, Failure>) -> Result<Arc<Copy>, Failure> {
        let copy = match walked {
            Ok(walk) => Copy::of(Known::Users(walk), self.windows),
            Err(failure) if failure.kind == FailureKind::NotFound => Copy::of(Known::NotFound(failure), only_fresh(self.not_found)),
            Err(failure) if is_believed(failure.kind, key.scope) => {
                self.held.invalidate(key);
                if failure.kind == FailureKind::Unauthorized {
                    self.ended.insert((key.scope, key.source), Instant::now());
                }
                return Err(failure);
            }
            Err(failure) => {
                self.cool(key, failure.kind);
                return Err(failure);
            }
        };
        let copy = Arc::new(copy);
        if copy.is_kept() {
            self.failures.invalidate(key);
            self.held.insert(key.clone(), Arc::clone(&copy));
        } else {
            self.cool(key, FailureKind::InvalidResponse);
        }
        Ok(copy)
    }

    fn cool(&self, key: &Key, kind: FailureKind) {
        let failures = self.failures.get(key).map_or(0, |cooling| cooling.failures) + 1;
        let until = Instant::now() + cool_down(failures, fastrand::f64());
        self.failures.insert(key.clone(), Cooling { until, failures, kind });
    }
}

/// An answer that is never given stale.
fn only_fresh(fresh: Duration) -> Windows {
    Windows { fresh, stale_while_revalidate: Duration::ZERO, stale_if_error: Duration::ZERO }
}

/// Whether a failure is an answer: then no copy stands in for it, and the one that there is ends.
/// That a caller's own credentials are refused is one: he may no longer see what he saw.
fn is_believed(kind: FailureKind, scope: Scope) -> bool {
    matches!(kind, FailureKind::NotFound | FailureKind::BadRequest) || (scope.is_brought() && kind.is_refusal())
}

// === impl Forward ===

impl From<Forward> for CacheUse {
    fn from(forward: Forward) -> Self {
        match forward {
            Forward::Hit => Self::hit,
            Forward::Miss(Shared::Collapsed) | Forward::Stale(Shared::Collapsed) | Forward::Request(Shared::Collapsed) => Self::collapsed,
            Forward::Miss(_) | Forward::Stale(_) | Forward::Request(_) => Self::miss,
        }
    }
}
