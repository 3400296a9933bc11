//! Metrics of the shared cache; nothing is shown if there is none.

use std::time::Duration;

use prometheus_client::{
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::{Registry, Unit},
};

use super::labels::{Labels, of_source};
use crate::domain::SourceName;

/// Metrics of the shared cache.
#[derive(Clone, Debug)]
pub struct SharedCacheMetrics {
    up: Family<Labels<0>, Gauge>,
    subscribed: Family<Labels<0>, Gauge>,
    lookups: Family<Labels<1>, Counter>,
    calls: Family<Labels<2>, Counter>,
    call_seconds: Family<Labels<1>, Histogram>,
    withheld: Family<Labels<1>, Counter>,
}

impl Default for SharedCacheMetrics {
    fn default() -> Self {
        let seconds = || Histogram::new(exponential_buckets(0.000_1, 2.0, 14)); // 0.1 ms to 0.8 s
        Self {
            up: Family::default(),
            subscribed: Family::default(),
            lookups: Family::default(),
            calls: Family::default(),
            call_seconds: Family::new_with_constructor(seconds),
            withheld: Family::default(),
        }
    }
}

impl SharedCacheMetrics {
    pub(super) fn register(&self, all: &mut Registry) {
        all.register("shared_cache_up", "Whether the shared cache answered when it was last asked", self.up.clone());
        let help = "Whether this replica learns at once what others store in the shared cache";
        all.register("shared_cache_subscribed", help, self.subscribed.clone());
        let help = "Copies looked up in the shared cache, by result";
        all.register("shared_cache_lookups", help, self.lookups.clone());
        all.register("shared_cache_calls", "Calls to the shared cache, by result", self.calls.clone());
        let help = "How long calls to the shared cache took";
        all.register_with_unit("shared_cache_call_duration", help, Unit::Seconds, self.call_seconds.clone());
        let help = "Renewals of a shared refresh token that were not made because the shared cache was unreachable";
        all.register("shared_cache_renewals_withheld", help, self.withheld.clone());
    }

    /// Stops showing its state, because it is no longer used.
    pub fn forget(&self) {
        self.up.clear();
        self.subscribed.clear();
    }

    /// Shows whether it answers, if that is known yet, and whether other replicas' changes are received.
    pub fn show(&self, up: Option<bool>, subscribed: bool) {
        match up {
            Some(up) => drop(self.up.get_or_create(&Labels([])).set(i64::from(up))),
            None => self.up.clear(),
        }
        self.subscribed.get_or_create(&Labels([])).set(i64::from(subscribed));
    }

    /// Counts a lookup of a copy.
    pub fn lookup(&self, result: &'static str) {
        self.lookups.get_or_create(&Labels([("result", result)])).inc();
    }

    /// Counts a call and, if it was made, how long it took.
    pub fn call(&self, call: &'static str, result: &'static str, took: Option<Duration>) {
        self.calls.get_or_create(&Labels([("call", call), ("result", result)])).inc();
        if let Some(took) = took {
            self.call_seconds.get_or_create(&Labels([("call", call)])).observe(took.as_secs_f64());
        }
    }

    /// Counts a renewal that was not made.
    pub fn withheld(&self, source: SourceName) {
        self.withheld.get_or_create(&of_source(source)).inc();
    }
}
