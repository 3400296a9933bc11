//! The strategy `discover`: reads each source's list of its customers and links them by what one
//! says of another's.
//!
//! Everything is done in the background; a request only looks at what is there. What a source last
//! said stays in use while it cannot be read, and a list that has suddenly lost most of its
//! customers is believed only when it is read so twice.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwapOption;
use futures_util::future::join_all;
use tokio::time::Instant;
use uuid::Uuid;

use super::{
    kept::{KeptLinks, KeptList},
    matching::{List, Matched, Unlinked, match_lists},
    reason::Reason,
    table::Table,
};
use crate::{
    domain::{ListedCustomer, Moment, SourceName},
    offload::offload_if,
    sources::Source,
    telemetry::{Metrics, Origin, Tracer},
};

/// After the first failure it is tried again in so long; each further one doubles it.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// What it is doubled to at most.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// Customers of one reading that are linked to nobody for one reason and named in the log; all
/// are named where it is told to debug.
const MOST_NAMED: usize = 10;

/// Customers whose matching leaves the threads that serve everybody.
const MANY_CUSTOMERS: usize = 1000;

/// A list with fewer customers than this may lose any number of them, but not all.
const FEW: usize = 10;

/// The lists, and what they come to.
pub(super) struct Discovery {
    sources: Vec<SourceName>,
    /// The sources that list their customers, with their places among all.
    listing: Vec<(usize, Arc<Source>)>,
    refresh: Duration,
    kept: Arc<KeptLinks>,
    found: ArcSwapOption<Discovered>,
}

/// What one reading of some lists came to.
#[derive(Debug, Default)]
struct Read {
    /// The places of those that could not be read.
    failed: Vec<usize>,
    /// Whether any was kept anew.
    is_new: bool,
}

/// What the lists came to.
#[derive(Debug)]
pub(super) struct Discovered {
    pub(super) table: Table,
    /// How many customers of a source have an id that cannot be asked for.
    pub(super) hidden: Vec<(SourceName, u64)>,
    pub(super) at: Moment,
    /// The ids of those, and of the partner itself, in lower case, and who is linked to nobody.
    hidden_ids: HashSet<(SourceName, String)>,
    unlinked: Vec<Unlinked>,
}

impl Discovery {
    /// Sets it up; what was read before a change of the configuration is used on.
    pub(super) fn new(sources: &[Arc<Source>], refresh: Duration, kept: Arc<KeptLinks>) -> Self {
        let listing = sources.iter().cloned().enumerate().filter(|(_, source)| source.lists_customers()).collect();
        let names = sources.iter().map(|source| source.name()).collect();
        let discovery = Self { sources: names, listing, refresh, kept, found: ArcSwapOption::empty() };
        discovery.found.store(discovery.matched().map(Arc::new));
        discovery
    }

    /// What the lists came to; `None` until each was read once.
    pub(super) fn found(&self) -> Option<Arc<Discovered>> {
        self.found.load_full()
    }

    /// Reads the lists again and again. Of those that were to be read together, one that failed is
    /// tried again alone, until all of them are due again.
    pub(super) async fn run(self: Arc<Self>, metrics: Arc<Metrics>, tracer: Tracer) {
        let everyone: Vec<usize> = (0..self.listing.len()).collect();
        let (mut due, mut failures) = (everyone.clone(), 0);
        if let Some(kept) = self.found() {
            self.count(&kept, &metrics); // of the configuration before
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
                    tracing::warn!(source = %source.name(), outcome, http_status, "a source's customers could not be listed; the links before go on");
                    came.failed.push(place);
                }
            }
        }
        came
    }

    /// Keeps a list, if it is believed.
    fn keep(&self, source: &Source, customers: Vec<ListedCustomer>) -> bool {
        let mut kept = self.kept.lists.lock();
        let Some(key) = source.list_key() else { return false };
        let (at, doubted) = (Moment::now(), None);
        match kept.get_mut(&key) {
            Some(before) if !is_believed(before.customers.len(), customers.len(), before.doubted) => {
                before.doubted = Some(customers.len());
                let (before, now) = (before.customers.len(), customers.len());
                tracing::warn!(source = %source.name(), before, now, "a source lists far fewer customers than before; that is believed when it is said twice");
                false
            }
            _ => {
                kept.insert(key, KeptList { customers: Arc::new(customers), at, doubted });
                true
            }
        }
    }

    /// Forgets the lists that are none of this configuration's.
    pub(super) fn forget_others(&self) {
        let keys: Vec<String> = self.listing.iter().filter_map(|(_, source)| source.list_key()).collect();
        self.kept.lists.lock().retain(|key, _| keys.contains(key));
    }

    async fn match_and_use(self: &Arc<Self>, metrics: &Arc<Metrics>) {
        let customers: usize = self.kept.lists.lock().values().map(|list| list.customers.len()).sum();
        let (this, metrics) = (Arc::clone(self), Arc::clone(metrics));
        offload_if(customers > MANY_CUSTOMERS, move || this.put_to_use(&metrics)).await;
    }

    /// Links what is kept; `None` where a list is missing.
    fn matched(&self) -> Option<Discovered> {
        let kept = self.kept.lists.lock();
        let of = |(place, source): &(usize, Arc<Source>)| Some((*place, source.name(), kept.get(&source.list_key()?)?.clone()));
        let lists = self.listing.iter().map(of).collect::<Option<Vec<_>>>()?;
        drop(kept);
        let at = lists.iter().map(|(_, _, list)| list.at).max()?;
        let each: Vec<List<'_>> =
            lists.iter().map(|(place, source, list)| List { source: *source, place: *place, customers: &list.customers }).collect();
        let Matched { entries, unlinked } = match_lists(&each, self.sources.len());
        let hidden = |(_, source, _): &(usize, SourceName, KeptList)| {
            let hidden = unlinked.iter().filter(|unlinked| unlinked.source == *source && unlinked.reason.is_hidden()).count();
            (hidden > 0).then_some((*source, hidden as u64))
        };
        let hidden = lists.iter().filter_map(hidden).collect();
        let hidden_ids = unlinked.iter().filter(|unlinked| unlinked.reason.is_hidden()).map(|unlinked| (unlinked.source, &unlinked.id));
        let providers = each.iter().flat_map(|list| list.customers.iter().filter(|one| one.is_provider).map(|one| (list.source, &one.id)));
        let hidden_ids = hidden_ids.chain(providers).map(|(source, id)| (source, id.to_ascii_lowercase())).collect();
        Some(Discovered { table: Table::new(entries, self.sources.len()), hidden, at, hidden_ids, unlinked })
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
            for reason in Reason::ALL {
                metrics.links.unlinked(source.name(), reason.as_str(), found.count(source.name(), reason));
            }
        }
    }
}

impl Discovered {
    /// Whether an id at a source is that of a customer who cannot be asked for, or of the partner itself.
    pub(super) fn hides(&self, source: SourceName, id: &str) -> bool {
        !self.hidden_ids.is_empty() && self.hidden_ids.contains(&(source, id.to_ascii_lowercase()))
    }

    fn count(&self, source: SourceName, reason: Reason) -> usize {
        self.unlinked.iter().filter(|unlinked| (unlinked.source, unlinked.reason) == (source, reason)).count()
    }

    /// Says in the log what was linked, and names whom nobody could be linked to, where that is news.
    fn tell(&self, before: Option<&Self>) {
        let (customers, unlinked) = (self.table.entries().len(), self.unlinked.len());
        tracing::info!(customers, unlinked, "the sources' customers were listed and linked");
        if before.is_some_and(|before| before.unlinked == self.unlinked) {
            return;
        }
        let told = told(&self.unlinked);
        for (Unlinked { source, id, reason }, is_named) in &told {
            let reason = reason.as_str();
            if *is_named {
                tracing::info!(%source, customer = ?id, reason, "a customer is linked to no other source");
            } else {
                tracing::debug!(%source, customer = ?id, reason, "a customer is linked to no other source");
            }
        }
        let more = told.iter().filter(|(_, is_named)| !is_named).count();
        if more > 0 {
            tracing::info!(more, "further customers are linked to no other source; the metrics count them by reason");
        }
    }
}

/// Who is linked to nobody, those first whom a person can do something about, and who of them is
/// named whatever the log's level: a few for each reason.
fn told(unlinked: &[Unlinked]) -> Vec<(&Unlinked, bool)> {
    let mut all: Vec<&Unlinked> = unlinked.iter().collect();
    all.sort_by_key(|unlinked| unlinked.reason.rank());
    let mut counts: HashMap<Reason, usize> = HashMap::new();
    let mut named = |unlinked: &Unlinked| {
        let count = counts.entry(unlinked.reason).or_default();
        *count += 1;
        *count <= MOST_NAMED
    };
    all.into_iter().map(|unlinked| (unlinked, named(unlinked))).collect()
}

/// Whether a list is believed that has so many customers where there were so many before: most of
/// them, or all of a few, are lost only where that is said twice. Two lists say the same where they differ by a quarter
/// at most: one that goes on to lose customers is doubted anew.
fn is_believed(before: usize, now: usize, doubted: Option<usize>) -> bool {
    before == 0 || (now > 0 && (before < FEW || now * 2 >= before)) || doubted.is_some_and(|doubted| now.abs_diff(doubted) <= doubted / 4)
}

/// How long until the lists are read again, after so many failures in a row.
fn pause(failures: u32, refresh: Duration) -> Duration {
    match failures {
        0 => refresh,
        _ => FIRST_PAUSE.saturating_mul(1 << (failures - 1).min(6)).min(LONGEST_PAUSE).min(refresh),
    }
}

#[cfg(test)]
#[path = "discover_tests.rs"]
mod tests;
