//! The use case: builds a customer's roll from what the sources report. Knows nothing of HTTP.
//!
//! The whole pipeline is [`Rolls::roll`]: which sources know the customer and by which id, what each of them
//! reports ([`cache`], all at once), what that adds up to ([`outcome`]), and which records are one person
//! ([`join`], [`merge`]). [`page`] then selects what a caller sees of it.

mod bounded_cache;
mod cache;
mod cached_answer;
mod csv_row;
mod cursor;
mod encode;
mod export;
mod find;
mod first_page;
mod freshness;
mod join;
mod joined_roll;
mod merge;
mod outcome;
mod page;
mod pieces;
mod query;
mod roll_entry;
mod selection;
mod source_outcome;
mod user_json;

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use smallvec::SmallVec;
use tokio::time::Instant;

use crate::{
    customers::{Customers, Linked, LinksUnavailable},
    domain::{CustomerId, Placeholders, RemoteId, SourceName, Warning},
    flight::Flights,
    offload::offload_if,
    shared_cache::SharedCache,
    sources::{CallerCredentials, Scope, Source},
    telemetry::Metrics,
};

use bounded_cache::BoundedCache;
use cache::{Found, SourceCache};
use joined_roll::is_large;
use outcome::{Decision, decide};
use roll_entry::Part;

pub use cache::{AskContext, CacheStatus, ForwardReason, WalkShare};
pub use cached_answer::{Age, CachedAnswer, SourceAnswer};
pub use cursor::seal_place;
pub use export::{Export, ExportFormat};
pub use find::UserId;
pub use first_page::Rendered;
pub use freshness::FreshnessPolicy;
pub use joined_roll::Roll;
pub use outcome::{Partial, Refusal};
pub use page::{Page, PageOf};
pub use pieces::Pieces;
pub use query::{DEFAULT_PAGE_SIZE, LARGEST_PAGE_SIZE, Sort, SortField, View};
pub use roll_entry::RollEntry;
pub use source_outcome::SourceOutcome;

/// Everything needed to answer for any customer.
pub struct Rolls {
    sources: Vec<Arc<Source>>,
    customers: Arc<Customers>,
    cache: Arc<SourceCache>,
    joined: BoundedCache<RollKey, Roll>,
    joins: Flights<JoinKey, Arc<Roll>>,
    nobody: Arc<Placeholders>,
}

/// How long copies are used, and how much memory they may take.
#[derive(Clone, Copy, Debug)]
pub struct Keeping {
    /// How long a source's users are used.
    pub policy: FreshnessPolicy,
    /// How long a "not found" is believed.
    pub not_found: Duration,
    /// About how many bytes may be held.
    pub max_bytes: u64,
}

/// The result of a request for a roll.
#[derive(Debug)]
pub struct Answer {
    /// The result of asking each source, in the sources' order.
    pub outcomes: Vec<SourceOutcome>,
    /// The roll, or why there is none.
    pub roll: Result<RollAnswer, Refusal>,
}

/// A roll that can be returned.
#[derive(Clone, Debug)]
pub struct RollAnswer {
    /// The persons.
    pub roll: Arc<Roll>,
    /// Whether it is all that the sources know; if not, persons may be missing.
    pub complete: bool,
    /// Warnings for callers, in a fixed order.
    pub warnings: Vec<Warning>,
    /// What the answer would be if nothing were allowed to be missing; `None` where nothing is.
    pub lacking: Option<Refusal>,
}

/// What a roll is kept by: the customer, and the credentials with which each source was asked.
#[derive(Clone, PartialEq, Eq, Hash)]
struct RollKey(CustomerId, SmallVec<[Option<Scope>; 2]>);

/// What identifies a join: the customer and particular copies, by their addresses in memory.
#[derive(Clone, PartialEq, Eq, Hash)]
struct JoinKey(CustomerId, Vec<usize>);

impl Rolls {
    /// Sets up an empty cache in front of these sources.
    pub fn new(
        sources: Vec<Arc<Source>>,
        customers: Arc<Customers>,
        nobody: Placeholders,
        keeping: &Keeping,
        shared: Option<SharedCache>,
        metrics: Arc<Metrics>,
    ) -> Self {
        // Half for what the sources reported, half for what was joined from it.
        let half = keeping.max_bytes / 2;
        let cache = Arc::new(SourceCache::new(keeping, half, Arc::clone(&customers), shared, metrics));
        Self { sources, customers, cache, joined: BoundedCache::new(half), joins: Flights::default(), nobody: Arc::new(nobody) }
    }

    /// Returns a customer's roll. Asks no source if the customer is linked to none.
    pub async fn roll(
        &self,
        customer: &CustomerId,
        partial: Partial,
        brought: &CallerCredentials,
        context: &AskContext,
    ) -> Result<Answer, LinksUnavailable> {
        let linked = self.customers.find(customer)?;
        let mut outcomes = self.outcomes(linked.as_ref(), brought, context).await;
        let roll = self.decided(customer, linked, &outcomes, partial).await;
        outcomes.iter_mut().for_each(SourceOutcome::grow_old);
        Ok(Answer { outcomes, roll })
    }

    /// Returns how customers are found at the sources.
    pub fn customers(&self) -> &Arc<Customers> {
        &self.customers
    }

    /// Starts listening for what other replicas store, and sweeping out unusable entries, until this is
    /// dropped.
    pub fn keep_up_to_date(&self) {
        self.joined.keep_swept();
        self.cache.keep_up_to_date(&self.sources);
    }

    /// Returns the cache that copies are shared in with other replicas, if there is one.
    pub fn shared_cache(&self) -> Option<&SharedCache> {
        self.cache.shared_cache()
    }

    /// Returns about how many entries the cache has and how many bytes they hold.
    pub fn size(&self) -> (u64, u64) {
        let ((copies, bytes), (rolls, more)) = (self.cache.size(), self.joined.size());
        (copies + rolls, bytes + more)
    }

    /// Returns the sources in order of precedence.
    pub fn sources(&self) -> &[Arc<Source>] {
        &self.sources
    }

    /// Asks each source to which the customer is linked.
    async fn outcomes(&self, linked: Option<&Linked>, brought: &CallerCredentials, context: &AskContext) -> Vec<SourceOutcome> {
        let remote = |source| linked.and_then(|linked| linked.to(source));
        // Rare paths are boxed, so that not every request reserves room for them.
        let outcomes = match self.at_hand(&remote, brought, context) {
            Some(outcomes) => outcomes,
            None => Box::pin(join_all(self.sources.iter().map(|source| self.ask(source, remote(source.name()), brought, context)))).await,
        };
        outcomes.iter().filter(|outcome| outcome.scope.is_some()).for_each(|outcome| self.cache.count(outcome));
        outcomes
    }

    /// Joins what the sources reported, if that adds up to a roll.
    async fn decided(
        &self,
        customer: &CustomerId,
        linked: Option<Linked>,
        outcomes: &[SourceOutcome],
        partial: Partial,
    ) -> Result<RollAnswer, Refusal> {
        let states: Vec<_> = outcomes.iter().map(|outcome| (outcome.source, outcome.state())).collect();
        let is_verified = linked.as_ref().is_some_and(Linked::is_verified);
        let Decision { complete, lacking, mut warnings } = decide(&states, partial, is_verified)?;
        let scopes = outcomes.iter().map(|outcome| outcome.scope).collect();
        let roll = self.joined(RollKey(customer.clone(), scopes), parts(outcomes)).await;
        warnings.extend_from_slice(roll.warnings());
        warnings.extend(linked.into_iter().flat_map(|linked| linked.warnings));
        warnings.sort_unstable();
        warnings.dedup();
        Ok(RollAnswer { roll, complete, warnings, lacking })
    }

    /// Returns the outcomes if every source's copy is at hand: then nothing is waited for, nor set up for
    /// waiting.
    fn at_hand<'a>(
        &self,
        remote: &impl Fn(SourceName) -> Option<&'a RemoteId>,
        brought: &CallerCredentials,
        context: &AskContext,
    ) -> Option<Vec<SourceOutcome>> {
        let one = |source: &Arc<Source>| {
            let outcome = SourceOutcome::nothing(source.name());
            let Some(remote) = remote(source.name()) else { return Some(outcome) };
            let identity = source.identity(brought).ok()?;
            let Found { copy, error, cache } = self.cache.at_hand(source, &identity, remote, context)?;
            Some(SourceOutcome { copy: Some(copy), error, cache, scope: Some(identity.scope()), ..outcome })
        };
        self.sources.iter().map(one).collect()
    }

    async fn ask(
        &self,
        source: &Arc<Source>,
        remote: Option<&RemoteId>,
        brought: &CallerCredentials,
        context: &AskContext,
    ) -> SourceOutcome {
        let started = Instant::now();
        let mut outcome = SourceOutcome::nothing(source.name());
        let Some(remote) = remote else { return outcome };
        match source.identity(brought) {
            Ok(identity) => {
                let Found { copy, error, cache } = self.cache.find(source, &identity, remote, context).await;
                outcome = SourceOutcome { copy: Some(copy), error, cache, scope: Some(identity.scope()), ..outcome };
            }
            // Without credentials the source is not asked: its answer is known.
            Err(refused) => {
                let cache = CacheStatus::Forwarded { reason: ForwardReason::UriMiss, walk: WalkShare::NotStored };
                outcome = SourceOutcome { copy: Some(Err(refused)), cache, ..outcome };
            }
        }
        SourceOutcome { took: started.elapsed(), ..outcome }
    }

    /// Returns the roll joined from these copies: the kept one, or one joined now. A small one is joined
    /// inline, which takes no longer than spawning a task, and the next caller finds it kept.
    async fn joined(&self, wanted: RollKey, parts: Vec<Part>) -> Arc<Roll> {
        match self.joined.get(&wanted).filter(|roll| roll.is_of(&parts)) {
            Some(roll) => roll,
            None if is_large(&parts) || !are_kept(&parts) => Box::pin(self.join(wanted, parts)).await,
            None => {
                let roll = Arc::new(Roll::new(wanted.0.clone(), parts, &self.nobody));
                self.joined.insert(wanted, Arc::clone(&roll));
                roll
            }
        }
    }

    /// Joins copies once for all waiting callers: large ones, off the threads that serve requests, and ones
    /// that will not be kept, which the next caller would not find.
    async fn join(&self, wanted: RollKey, parts: Vec<Part>) -> Arc<Roll> {
        let customer = wanted.0.clone();
        let key = JoinKey(customer.clone(), parts.iter().map(|part| Arc::as_ptr(&part.copy).addr()).collect());
        let (joined, nobody) = (self.joined.clone(), Arc::clone(&self.nobody));
        let seat = self.joins.join(key, || async move {
            let (heavy, is_kept) = (is_large(&parts), are_kept(&parts));
            let roll = Arc::new(offload_if(heavy, move || Roll::new(customer, parts, &nobody)).await);
            if is_kept {
                joined.insert(wanted, Arc::clone(&roll));
            }
            roll
        });
        // The layer that reports a panic sees only those of the request's own task.
        seat.flight.landed().await.unwrap_or_else(|| panic!("a join of copies panicked in its task"))
    }
}

/// Returns whether a join of these copies may answer later callers.
fn are_kept(parts: &[Part]) -> bool {
    parts.iter().all(|part| part.copy.is_kept())
}

fn parts(outcomes: &[SourceOutcome]) -> Vec<Part> {
    let part = |outcome: &SourceOutcome| Some(Part { source: outcome.source, copy: Arc::clone(outcome.copy.as_ref()?.as_ref().ok()?) });
    outcomes.iter().filter_map(part).collect()
}
