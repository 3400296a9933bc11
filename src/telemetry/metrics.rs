//! All metrics in one place: their names, labels and meanings.

use std::{
    collections::HashSet,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use parking_lot::Mutex;
use prometheus_client::{
    encoding::text::encode,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};

use super::{
    labels::{CallerLabels, Labels, RequestLabels, RouteLabels, Shared, at_most, of_source, result},
    links::LinkMetrics,
    running::{ConfigFacts, RunningMetrics, SpanFate},
    shared_cache::SharedCacheMetrics,
    timing::{Timing, TraceId},
};
use crate::domain::{FailureKind, SourceName};

/// How many callers by token have a label of their own.
const MOST_LABELS: usize = 200;

/// Everything that is counted. Labels have few values, and never a path, an id or an address.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    running: RunningMetrics,
    requests: Family<RequestLabels, Counter>,
    request_seconds: Family<RouteLabels, Timing, fn() -> Timing>,
    callers: Family<CallerLabels, Counter>,
    /// The callers that have a label of their own.
    labels: Mutex<HashSet<Arc<str>>>,
    calls: Family<Labels<2>, Counter>,
    call_seconds: Family<Labels<1>, Timing, fn() -> Timing>,
    retries: Family<Labels<1>, Counter>,
    tokens: Family<Labels<1>, Counter>,
    odd_fields: Family<Labels<1>, Counter>,
    lookups: Family<Labels<2>, Counter>,
    cache_entries: Gauge,
    cache_bytes: Gauge,
    panics: Counter,
    reloads: Family<Labels<1>, Counter>,
    source_up: Family<Labels<1>, Gauge<f64, AtomicU64>>,
    breaker: Family<Labels<1>, Gauge>,
    /// The metrics of customer links.
    pub links: LinkMetrics,
    /// The turn of the gateway whose gauges are shown.
    turn: Mutex<u64>,
    /// The metrics of the shared cache.
    pub shared_cache: SharedCacheMetrics,
}

/// How the cache was used for one source of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheUse {
    /// There was a copy that could be returned at once.
    Hit,
    /// There was no copy, or none that could be used.
    Miss,
    /// A walk for another caller was under way and was shared.
    Collapsed,
}

impl CacheUse {
    /// The label's value.
    fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Miss => "miss",
            Self::Collapsed => "collapsed",
        }
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
            links: LinkMetrics::default(),
            turn: Mutex::default(),
            shared_cache: SharedCacheMetrics::default(),
        };
        metrics.register();
        metrics.links.register(&mut metrics.registry);
        metrics.shared_cache.register(&mut metrics.registry);
        metrics
    }
}

impl Metrics {
    fn register(&mut self) {
        let all = &mut self.registry;
        self.running.register(all);
        all.register("requests", "Requests answered, by route template and HTTP status", self.requests.clone());
        let help = "How long it took to answer requests, by route template";
        all.register_with_unit("request_duration", help, Unit::Seconds, self.request_seconds.clone());
        all.register("caller_requests", "Requests by caller, if callers are identified, and HTTP status", self.callers.clone());
        all.register("upstream_calls", "Calls to a source, retries included, by outcome", self.calls.clone());
        let help = "How long calls to a source took";
        all.register_with_unit("upstream_call_duration", help, Unit::Seconds, self.call_seconds.clone());
        all.register("upstream_retries", "Calls that were retried", self.retries.clone());
        all.register("tokens_renewed", "Access tokens received", self.tokens.clone());
        all.register("odd_fields", "Fields of the wrong type, treated as absent", self.odd_fields.clone());
        all.register("cache_lookups", "Cache lookups, by whether the cache could answer", self.lookups.clone());
        all.register("cache_entries", "Sources' answers and joined rolls in the cache", self.cache_entries.clone());
        all.register_with_unit("cache", "About how much memory the cache holds", Unit::Bytes, self.cache_bytes.clone());
        all.register("panics", "Caught bugs, answered as internal", self.panics.clone());
        all.register("config_reloads", "Changed configurations, by whether they were accepted", self.reloads.clone());
        all.register(
            "source_breaker",
            "State of a source's breaker: 0 every call passes, 1 one call passes as a probe, 2 no call passes",
            self.breaker.clone(),
        );
        all.register("source_up", "Whether the last walk of a source got an answer", self.source_up.clone());
    }

    /// Counts an answered request; `trace` is its own, if that is reported.
    pub fn request(&self, route: &Arc<str>, status: u16, took: Duration, trace: Option<TraceId>) {
        let route = Shared(route.clone());
        self.requests.get_or_create(&RequestLabels { route: route.clone(), status }).inc();
        self.request_seconds.get_or_create(&RouteLabels { route }).observe(took, trace);
    }

    /// Returns the label of a caller whose name someone else has chosen: that name for the first few, and one
    /// shared label for all later ones, because a metric must not grow without bound.
    pub fn label_of(&self, name: &Arc<str>) -> Arc<str> {
        let mut labels = self.labels.lock();
        if labels.len() < MOST_LABELS {
            labels.insert(Arc::clone(name));
        }
        if labels.contains(name) { Arc::clone(name) } else { "other".into() }
    }

    /// Counts a caller's request. The code that assigns the labels keeps them few.
    pub fn caller(&self, caller: &Arc<str>, status: u16) {
        self.callers.get_or_create(&CallerLabels { caller: Shared(caller.clone()), status }).inc();
    }

    /// Counts one call to a source; `failure` is `None` if it returned a page, `trace` is set if it is
    /// reported.
    pub fn call(&self, source: SourceName, failure: Option<FailureKind>, took: Duration, trace: Option<TraceId>) {
        let outcome = failure.map_or("ok", FailureKind::as_str);
        self.calls.get_or_create(&Labels([("source", source.as_str()), ("outcome", outcome)])).inc();
        self.call_seconds.get_or_create(&of_source(source)).observe(took, trace);
    }

    /// Counts a call that is retried.
    pub fn retry(&self, source: SourceName) {
        self.retries.get_or_create(&of_source(source)).inc();
    }

    /// Counts a received access token.
    pub fn token_renewed(&self, source: SourceName) {
        self.tokens.get_or_create(&of_source(source)).inc();
    }

    /// Counts the result of a whole walk.
    pub fn source_up(&self, source: SourceName, answered: bool) {
        self.source_up.get_or_create(&of_source(source)).set(f64::from(u8::from(answered)));
    }

    /// Counts fields of a source's answer that had the wrong type.
    pub fn odd_fields(&self, source: SourceName, count: u64) {
        self.odd_fields.get_or_create(&of_source(source)).inc_by(count);
    }

    /// Counts a cache lookup.
    pub fn lookup(&self, source: SourceName, result: CacheUse) {
        self.lookups.get_or_create(&Labels([("source", source.as_str()), ("result", result.as_str())])).inc();
    }

    /// Counts a caught bug.
    pub fn panicked(&self) {
        self.panics.inc();
    }

    /// Notes the configuration that is in use from now on.
    pub fn configured(&self, facts: &ConfigFacts) {
        self.running.configured(facts);
    }

    /// Counts spans of sampled requests, by their fate.
    pub fn spans(&self, fate: SpanFate, count: u64) {
        self.running.spans(fate, count);
    }

    /// Counts a changed configuration, and whether it was accepted.
    pub fn reloaded(&self, taken: bool) {
        if !taken {
            self.running.refused();
        }
        self.reloads.get_or_create(&result(taken)).inc();
    }

    /// Begins another gateway's turn, and returns its number: from now on the gauges that it sets are shown.
    pub fn begin_turn(&self) -> u64 {
        let mut turn = self.turn.lock();
        *turn += 1;
        *turn
    }

    /// Sets or removes gauges, unless another gateway's turn has begun since: by now they may belong to that one.
    pub fn show_in_turn(&self, own: u64, show: impl FnOnce()) {
        let turn = self.turn.lock();
        if *turn == own {
            show();
        }
    }

    /// Notes the state of a source's circuit breaker: 0 closed, 1 half open, 2 open.
    pub fn breaker(&self, source: SourceName, state: i64) {
        self.breaker.get_or_create(&of_source(source)).set(state);
    }

    /// Returns all metrics for Prometheus (`OpenMetrics` text), with the cache's present size.
    pub fn render(&self, cache_entries: u64, cache_bytes: u64) -> String {
        self.cache_entries.set(at_most(cache_entries));
        self.cache_bytes.set(at_most(cache_bytes));
        let mut text = String::with_capacity(16 << 10);
        if encode(&mut text, &self.registry).is_err() {
            text.clear(); // unreachable: writing to a String does not fail
        }
        text
    }
}
