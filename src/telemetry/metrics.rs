//! The metrics, all in one place: name, labels, and what each counts.

use std::{
    borrow::Cow,
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError, atomic::AtomicU64},
    time::Duration,
};

use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};

use super::{
    running::{ConfigFacts, RunningMetrics, SpanFate},
    shared_cache::SharedCacheMetrics,
    timing::{Timing, TraceId},
};
use crate::domain::{FailureKind, SourceName};

/// Callers by tokens that have a label of their own.
const MOST_LABELS: usize = 200;

/// Everything that is counted. Labels have few values: never a path, an id or an address.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    running: RunningMetrics,
    requests: Family<RequestLabels, Counter>,
    request_seconds: Family<RouteLabels, Timing, fn() -> Timing>,
    callers: Family<CallerLabels, Counter>,
    /// The callers that have a label of their own.
    labels: Mutex<HashSet<Arc<str>>>,
    calls: Family<CallLabels, Counter>,
    call_seconds: Family<SourceLabels, Timing, fn() -> Timing>,
    retries: Family<SourceLabels, Counter>,
    tokens: Family<SourceLabels, Counter>,
    odd_fields: Family<SourceLabels, Counter>,
    lookups: Family<LookupLabels, Counter>,
    cache_entries: Gauge,
    cache_bytes: Gauge,
    panics: Counter,
    reloads: Family<ReloadLabels, Counter>,
    source_up: Family<SourceLabels, Gauge<f64, AtomicU64>>,
    breaker: Family<SourceLabels, Gauge>,
    customer_lists: Family<CallLabels, Counter>,
    links: Family<LinkLabels, Gauge>,
    unlinked: Family<UnlinkedLabels, Gauge>,
    link_files: Family<ReloadLabels, Counter>,
    link_faults: Family<FaultLabels, Gauge>,
    link_fault_lines: Family<FaultLabels, Gauge>,
    /// What is counted of the shared cache.
    pub shared_cache: SharedCacheMetrics,
}

/// How the cache was of use for one source of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
#[expect(non_camel_case_types, reason = "these are the label's values as they are printed")]
pub enum CacheUse {
    /// A copy was there that could be given at once.
    hit,
    /// No copy was there, or none that could be used.
    miss,
    /// A walk for another caller was under way and was shared.
    collapsed,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: Shared,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: Shared,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallerLabels {
    caller: Shared,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SourceLabels {
    source: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    source: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LookupLabels {
    source: &'static str,
    result: CacheUse,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReloadLabels {
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LinkLabels {
    strategy: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct UnlinkedLabels {
    source: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FaultLabels {
    reason: &'static str,
}

/// A route's template or a caller's label, shared so that it costs no allocation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Shared(Arc<str>);

impl EncodeLabelValue for Shared {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), std::fmt::Error> {
        escaped(&self.0).as_ref().encode(encoder)
    }
}

/// A label as OpenMetrics wants it; the library writes it as it is, and whoever issues tokens names callers.
fn escaped(label: &str) -> Cow<'_, str> {
    if label.contains(['\\', '"', '\n']) {
        label.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n").into()
    } else {
        label.into()
    }
}

// === impl Metrics ===

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("rollcall"),
            running: RunningMetrics::default(),
            requests: Family::default(),
            request_seconds: Family::new_with_constructor(Timing::of_requests),
            callers: Family::default(),
            labels: Mutex::default(),
            calls: Family::default(),
            call_seconds: Family::new_with_constructor(Timing::of_calls),
            retries: Family::default(),
            tokens: Family::default(),
            odd_fields: Family::default(),
            lookups: Family::default(),
            cache_entries: Gauge::default(),
            cache_bytes: Gauge::default(),
            panics: Counter::default(),
            reloads: Family::default(),
            source_up: Family::default(),
            breaker: Family::default(),
            customer_lists: Family::default(),
            links: Family::default(),
            unlinked: Family::default(),
            link_files: Family::default(),
            link_faults: Family::default(),
            link_fault_lines: Family::default(),
            shared_cache: SharedCacheMetrics::default(),
        };
        metrics.register();
        metrics.register_links();
        metrics.shared_cache.register(&mut metrics.registry);
        metrics
    }
}

impl Metrics {
    fn register(&mut self) {
        let all = &mut self.registry;
        self.running.register(all);
        all.register("requests", "Requests answered, by route template and HTTP status", self.requests.clone());
        let help = "How long requests took to be answered, by route template";
        all.register_with_unit("request_duration", help, Unit::Seconds, self.request_seconds.clone());
        all.register("caller_requests", "Requests by caller, where callers are told apart, and HTTP status", self.callers.clone());
        all.register("upstream_calls", "Calls to a source, retries included, by what they came to", self.calls.clone());
        let help = "How long calls to a source took";
        all.register_with_unit("upstream_call_duration", help, Unit::Seconds, self.call_seconds.clone());
        all.register("upstream_retries", "Calls that were tried once more", self.retries.clone());
        all.register("tokens_renewed", "Access tokens received", self.tokens.clone());
        all.register("odd_fields", "Fields of the wrong type, taken as absent", self.odd_fields.clone());
        all.register("cache_lookups", "Questions to the cache, by whether it could answer", self.lookups.clone());
        all.register("cache_entries", "Answers of sources and joined rolls that are kept", self.cache_entries.clone());
        all.register_with_unit("cache", "About how much memory the cache holds", Unit::Bytes, self.cache_bytes.clone());
        all.register("panics", "Bugs that were caught and answered as internal", self.panics.clone());
        all.register("config_reloads", "Changed configurations, by whether they were taken", self.reloads.clone());
        all.register(
            "source_breaker",
            "What keeps calls from a source: 0 nothing, 1 one call is let through to see, 2 none is",
            self.breaker.clone(),
        );
        all.register("source_up", "Whether the last walk of a source got an answer", self.source_up.clone());
    }

    fn register_links(&mut self) {
        let all = &mut self.registry;
        let help = "Readings of a source's list of customers, by what they came to";
        all.register("customer_lists", help, self.customer_lists.clone());
        all.register("customer_links", "Customers that a strategy knows", self.links.clone());
        let help = "Customers of a source that were found and are linked to no other, by why";
        all.register("customers_unlinked", help, self.unlinked.clone());
        all.register("customer_file_loads", "Changed files of links, by whether they were taken", self.link_files.clone());
        let help = "Faults of the file of links as it is now, by what is wrong";
        all.register("customer_file_faults", help, self.link_faults.clone());
        let help = "The first line of the file of links with such a fault; 0 where there is none";
        all.register("customer_file_fault_line", help, self.link_fault_lines.clone());
    }

    /// Counts a reading of a source's list of customers; `failure` is `None` where the list came.
    pub fn customers_listed(&self, source: SourceName, failure: Option<FailureKind>, odd_fields: u64) {
        let (source, outcome) = (source.as_str(), failure.map_or("ok", FailureKind::as_str));
        self.customer_lists.get_or_create(&CallLabels { source, outcome }).inc();
        self.odd_fields.get_or_create(&SourceLabels { source }).inc_by(odd_fields);
    }

    /// Notes how many customers a strategy knows.
    pub fn linked(&self, strategy: &'static str, customers: usize) {
        self.links.get_or_create(&LinkLabels { strategy }).set(i64::try_from(customers).unwrap_or(i64::MAX));
    }

    /// Notes how many customers of a source are linked to no other for a reason.
    pub fn unlinked(&self, source: SourceName, reason: &'static str, customers: usize) {
        let labels = UnlinkedLabels { source: source.as_str(), reason };
        self.unlinked.get_or_create(&labels).set(i64::try_from(customers).unwrap_or(i64::MAX));
    }

    /// Counts a changed file of links, and whether it was taken.
    pub fn links_loaded(&self, taken: bool) {
        let result = if taken { "taken" } else { "refused" };
        self.link_files.get_or_create(&ReloadLabels { result }).inc();
    }

    /// Notes how many faults of a kind the file of links has, and in which line the first is.
    pub fn link_faults(&self, reason: &'static str, faults: usize, first_line: u64) {
        let labels = FaultLabels { reason };
        self.link_faults.get_or_create(&labels).set(i64::try_from(faults).unwrap_or(i64::MAX));
        self.link_fault_lines.get_or_create(&labels).set(i64::try_from(first_line).unwrap_or(i64::MAX));
    }

    /// Shows no more of the ways to link customers, and of the shared cache, that the configuration in use does not have:
    /// what was noted before it would stand there for ever.
    pub fn show_only(&self, strategies: &[&'static str], has_shared_cache: bool) {
        if !strategies.contains(&"file") {
            self.links.remove(&LinkLabels { strategy: "file" });
            self.link_faults.clear();
            self.link_fault_lines.clear();
        }
        if !strategies.contains(&"discover") {
            self.links.remove(&LinkLabels { strategy: "discover" });
            self.unlinked.clear();
        }
        if !has_shared_cache {
            self.shared_cache.forget();
        }
    }

    /// Counts an answered request; `trace` is its own where that is reported.
    pub fn request(&self, route: &Arc<str>, status: u16, took: Duration, trace: Option<TraceId>) {
        let route = Shared(route.clone());
        self.requests.get_or_create(&RequestLabels { route: route.clone(), status }).inc();
        self.request_seconds.get_or_create(&RouteLabels { route }).observe(took, trace);
    }

    /// The label of a caller whose name nobody here has chosen: his name, or one that all share who
    /// come after the first few, for a metric must not grow without end.
    pub fn label_of(&self, name: &Arc<str>) -> Arc<str> {
        let mut labels = self.labels.lock().unwrap_or_else(PoisonError::into_inner);
        if labels.len() < MOST_LABELS {
            labels.insert(Arc::clone(name));
        }
        if labels.contains(name) { Arc::clone(name) } else { "other".into() }
    }

    /// Counts a request of a caller. Whoever names callers sees to it that there are few names.
    pub fn caller(&self, caller: &Arc<str>, status: u16) {
        self.callers.get_or_create(&CallerLabels { caller: Shared(caller.clone()), status }).inc();
    }

    /// Counts one call to a source; no failure where it gave a page, `trace` where that is reported.
    pub fn call(&self, source: SourceName, failure: Option<FailureKind>, took: Duration, trace: Option<TraceId>) {
        let source = source.as_str();
        let outcome = failure.map_or("ok", FailureKind::as_str);
        self.calls.get_or_create(&CallLabels { source, outcome }).inc();
        self.call_seconds.get_or_create(&SourceLabels { source }).observe(took, trace);
    }

    /// Counts a call that is tried once more.
    pub fn retry(&self, source: SourceName) {
        self.retries.get_or_create(&source.into()).inc();
    }

    /// Counts an access token that was received.
    pub fn token_renewed(&self, source: SourceName) {
        self.tokens.get_or_create(&source.into()).inc();
    }

    /// Counts what a whole walk came to.
    pub fn walk(&self, source: SourceName, answered: bool, odd_fields: u64) {
        self.odd_fields.get_or_create(&source.into()).inc_by(odd_fields);
        self.source_up.get_or_create(&source.into()).set(f64::from(u8::from(answered)));
    }

    /// Counts a question to the cache.
    pub fn lookup(&self, source: SourceName, result: CacheUse) {
        self.lookups.get_or_create(&LookupLabels { source: source.as_str(), result }).inc();
    }

    /// Counts a caught bug.
    pub fn panicked(&self) {
        self.panics.inc();
    }

    /// Notes the configuration that is in use from now on.
    pub fn configured(&self, facts: &ConfigFacts) {
        self.running.configured(facts);
    }

    /// Counts spans of sampled requests, by what became of them.
    pub fn spans(&self, fate: SpanFate, count: u64) {
        self.running.spans(fate, count);
    }

    /// Counts a changed configuration, and whether it was taken.
    pub fn reloaded(&self, taken: bool) {
        let result = if taken { "taken" } else { "refused" };
        if !taken {
            self.running.refused();
        }
        self.reloads.get_or_create(&ReloadLabels { result }).inc();
    }

    /// Notes what a source's circuit breaker does: 0 closed, 1 half open, 2 open.
    pub fn breaker(&self, source: SourceName, state: i64) {
        self.breaker.get_or_create(&source.into()).set(state);
    }

    /// All metrics as Prometheus reads them (`OpenMetrics` text), with the cache's size as of now.
    pub fn render(&self, cache_entries: u64, cache_bytes: u64) -> String {
        self.cache_entries.set(i64::try_from(cache_entries).unwrap_or(i64::MAX));
        self.cache_bytes.set(i64::try_from(cache_bytes).unwrap_or(i64::MAX));
        let mut text = String::with_capacity(16 << 10);
        if encode(&mut text, &self.registry).is_err() {
            text.clear(); // writing to a String does not fail
        }
        text
    }
}

impl From<SourceName> for SourceLabels {
    fn from(name: SourceName) -> Self {
        Self { source: name.as_str() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_belongs_to_a_way_to_link_customers_is_shown_as_long_as_that_is_there() {
        let metrics = Metrics::default();
        let shows = |name: &str| metrics.render(0, 0).contains(name);
        metrics.linked("file", 1);
        metrics.link_faults("duplicate_id", 1, 2);
        metrics.linked("discover", 1);
        metrics.unlinked(SourceName::new("left"), "no_reference", 1);
        for (strategies, file, discover) in [(&["file", "discover"][..], true, true), (&["file"], true, false), (&[], false, false)] {
            metrics.show_only(strategies, true);
            assert_eq!((shows("strategy=\"file\""), shows("reason=\"duplicate_id\"")), (file, file), "{strategies:?}");
            assert_eq!((shows("strategy=\"discover\""), shows("reason=\"no_reference\"")), (discover, discover), "{strategies:?}");
        }
    }
}
