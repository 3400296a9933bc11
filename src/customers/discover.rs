//! The strategy `discover`: reads each source's list of its customers and links them by the references
//! that one list makes to another.
//!
//! Everything happens in the background; a request only looks at the current result. If a source cannot be
//! read, its last list stays in use. A list that has suddenly lost most of its customers is accepted only if
//! the next read confirms it.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwapOption;
use futures_util::future::join_all;
use tokio::time::Instant;
use uuid::Uuid;

use super::{
    discovered::Discovered,
    kept::{KeptLinks, KeptList},
    unlinked_reason::UnlinkedReason,
};
use crate::{
    domain::{ListedCustomer, Moment, SourceName},
    offload::offload_if,
    sources::Source,
    telemetry::{Metrics, Origin, Tracer},
};

/// The wait after the first failure; each further failure doubles it.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The upper limit of the doubled wait.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// From this many customers on, matching moves off the threads that serve all requests.
const MANY_CUSTOMERS: usize = 1000;

/// A list with fewer customers than this may lose any number of them, but not all.
const FEW: usize = 10;

/// The lists, and the links made from them.
pub(super) struct Discovery {
    sources: Vec<SourceName>,
    /// The sources that list their customers, each with its place among all sources.
    listing: Vec<(usize, Arc<Source>)>,
    refresh: Duration,
    kept: Arc<KeptLinks>,
    found: ArcSwapOption<Discovered>,
}

/// The result of one reading of some lists.
#[derive(Debug, Default)]
struct Read {
    /// The places of the lists that could not be read.
    failed: Vec<usize>,
    /// Whether any new list was kept.
    is_new: bool,
}

impl Discovery {
    /// Sets up discovery; lists read before a configuration change stay in use.
    pub(super) fn new(sources: &[Arc<Source>], refresh: Duration, kept: Arc<KeptLinks>) -> Self {
        let listing = sources.iter().cloned().enumerate().filter(|(_, source)| source.lists_customers()).collect();
        let names = sources.iter().map(|source| source.name()).collect();
        let discovery = Self { sources: names, listing, refresh, kept, found: ArcSwapOption::empty() };
        discovery.found.store(discovery.matched().map(Arc::new));
        discovery
    }

    /// Returns the links; `None` until each list has been read once.
    pub(super) fn found(&self) -> Option<Arc<Discovered>> {
        self.found.load_full()
    }

    /// Reads the lists repeatedly. If one of them fails, it alone is tried again until all of them are
    /// due again.
    pub(super) async fn run(self: Arc<Self>, metrics: Arc<Metrics>, tracer: Tracer) {
        let everyone: Vec<usize> = (0..self.listing.len()).collect();
        let (mut due, mut failures) = (everyone.clone(), 0);
        self.listing.iter().for_each(|(_, source)| metrics.links.lists(source.name()));
        if let Some(kept) = self.found() {
            self.count(&kept, &metrics); // found under the previous configuration
        }
        let mut all_due = None;
        loop {
            let Read { failed, is_new } = self.read(&due, &tracer).await;
            if is_new {
                self.match_and_use(&metrics).await;
            }
            failures = if failed.is_empty() { 0 } else { failures + 1 };
            let rest = all_due.get_or_insert_with(|| Instant::now() + self.refresh).saturating_duration_since(Instant::now());
            let wait = pause(failures, rest);
            tokio::time::sleep(wait).await;
            due = if wait < rest {
                failed
            } else {
                all_due = None;
                everyone.clone()
            };
        }
    }

    /// Reads these lists, given by their places.
    async fn read(&self, due: &[usize], tracer: &Tracer) -> Read {
        let (trace, mut span) = tracer.begin();
        span.name("discover");
        let origin = Origin { request_id: format!("discover-{}", Uuid::now_v7()).into(), trace };
        let sources = due.iter().filter_map(|place| Some((*place, &self.listing.get(*place)?.1)));
        let read = join_all(sources.map(async |(place, source)| (place, source, source.list_customers(&origin).await))).await;
        let mut came = Read::default();
        for (place, source, read) in read {
            match read {
                Ok(customers) => came.is_new |= self.keep(source, customers),
                Err(failure) => {
                    let (outcome, http_status) = (failure.kind.as_str(), failure.http_status);
                    tracing::warn!(source = %source.name(), outcome, http_status, "a source's customers could not be listed; the previous links stay in use");
                    came.failed.push(place);
                }
            }
        }
        came
    }

    /// Keeps a list if it is accepted.
    fn keep(&self, source: &Source, customers: Vec<ListedCustomer>) -> bool {
        let mut kept = self.kept.lists.lock();
        let Some(key) = source.list_key() else { return false };
        let (at, doubted) = (Moment::now(), None);
        match kept.get_mut(&key) {
            // The links are as old as the lists that they are made from.
            Some(before) if *before.customers == customers => {
                before.doubted = None;
                false
            }
            Some(before) if !is_believed(before.customers.len(), customers.len(), before.doubted) => {
                before.doubted = Some(customers.len());
                let (before, now) = (before.customers.len(), customers.len());
                tracing::warn!(source = %source.name(), before, now, "a source lists far fewer customers than before; accepted only if the next read confirms it");
                false
            }
            _ => {
                kept.insert(key, KeptList { customers: Arc::new(customers), at, doubted });
                true
            }
        }
    }

    /// Forgets the lists that do not belong to this configuration.
    pub(super) fn forget_others(&self) {
        let keys: Vec<String> = self.listing.iter().filter_map(|(_, source)| source.list_key()).collect();
        self.kept.lists.lock().retain(|key, _| keys.contains(key));
    }

    async fn match_and_use(self: &Arc<Self>, metrics: &Arc<Metrics>) {
        let customers: usize = self.kept.lists.lock().values().map(|list| list.customers.len()).sum();
        let (this, metrics) = (Arc::clone(self), Arc::clone(metrics));
        offload_if(customers > MANY_CUSTOMERS, move || this.put_to_use(&metrics)).await;
    }

    /// Links the kept lists; `None` if one is missing.
    fn matched(&self) -> Option<Discovered> {
        let kept = self.kept.lists.lock();
        let of = |(place, source): &(usize, Arc<Source>)| Some((*place, source.name(), kept.get(&source.list_key()?)?.clone()));
        let lists = self.listing.iter().map(of).collect::<Option<Vec<_>>>()?;
        drop(kept);
        Discovered::of(&lists, self.sources.len())
    }

    fn put_to_use(&self, metrics: &Metrics) {
        let Some(found) = self.matched().map(Arc::new) else { return };
        let before = self.found.swap(Some(Arc::clone(&found)));
        self.count(&found, metrics);
        found.tell(before.as_deref());
    }

    fn count(&self, found: &Discovered, metrics: &Metrics) {
        metrics.links.linked("discover", found.table.entries().len());
        for (_, source) in &self.listing {
            for reason in UnlinkedReason::ALL {
                metrics.links.unlinked(source.name(), reason.as_str(), found.count(source.name(), reason));
            }
        }
    }
}

/// Decides whether a list with `now` customers is accepted after one with `before`: the loss of most customers, or
/// of all of a few, is accepted only if the next read confirms it. The next read confirms it if it differs from the
/// doubted one by a quarter at most: a list that keeps losing customers is doubted again.
fn is_believed(before: usize, now: usize, doubted: Option<usize>) -> bool {
    before == 0 || (now > 0 && (before < FEW || now * 2 >= before)) || doubted.is_some_and(|doubted| now.abs_diff(doubted) <= doubted / 4)
}

/// How long until the lists are read again, after this many failures in a row.
fn pause(failures: u32, refresh: Duration) -> Duration {
    match failures {
        0 => refresh,
        _ => FIRST_PAUSE.saturating_mul(1 << (failures - 1).min(6)).min(LONGEST_PAUSE).min(refresh),
    }
}

#[cfg(test)]
#[path = "discover_tests.rs"]
mod tests;
