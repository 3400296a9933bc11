//! Metrics of the running program: the build, the configuration in use, whether the last reload was accepted,
//! and the fate of reported spans.

use std::time::SystemTime;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, info::Info},
    registry::{Registry, Unit},
};

use super::labels::{Labels, at_most};

/// The configuration in use, without secrets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ConfigFacts {
    /// A digest of every key except the secrets: equal for replicas that are configured alike.
    pub digest: String,
    /// How callers are identified: `none`, `keys` or `jwt`.
    pub auth: &'static str,
    /// The strategies by which customers are found, in order.
    pub links: String,
}

/// The fate of spans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanFate {
    /// The collector accepted them.
    Exported,
    /// The collector did not accept them.
    Failed,
    /// The queue had no room for them.
    Dropped,
}

/// Metrics of the running program.
#[derive(Debug, Default)]
pub(super) struct RunningMetrics {
    config: Family<ConfigFacts, Gauge>,
    taken: Gauge,
    taken_at: Gauge,
    spans: Family<Labels<1>, Counter>,
}

impl SpanFate {
    const ALL: [Self; 3] = [Self::Exported, Self::Failed, Self::Dropped];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Exported => "exported",
            Self::Failed => "failed",
            Self::Dropped => "dropped",
        }
    }
}

impl RunningMetrics {
    pub(super) fn register(&self, all: &mut Registry) {
        let revision = option_env!("ROLLCALL_REVISION").unwrap_or("unknown");
        let build = Info::new([("version", env!("CARGO_PKG_VERSION")), ("revision", revision)]);
        all.register("build", "The running version, and its source revision if the build was given one", build);
        all.register("config_info", "The configuration in use; the digest covers all keys except the secrets", self.config.clone());
        let help = "Whether the configuration was accepted when it was last read: 1 or 0";
        all.register("config_last_reload_successful", help, self.taken.clone());
        let help = "When a configuration was last accepted, in seconds since 1970";
        all.register_with_unit("config_last_reload_success_timestamp", help, Unit::Seconds, self.taken_at.clone());
        all.register("trace_spans", "Spans of sampled requests, by their fate", self.spans.clone());
        for fate in SpanFate::ALL {
            self.spans(fate, 0);
        }
    }

    /// Notes the configuration that is in use from now on.
    pub(super) fn configured(&self, facts: &ConfigFacts) {
        self.config.clear();
        self.config.get_or_create(facts).set(1);
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        self.taken_at.set(at_most(now.as_secs()));
        self.taken.set(1);
    }

    /// Notes that a configuration was rejected.
    pub(super) fn refused(&self) {
        self.taken.set(0);
    }

    pub(super) fn spans(&self, fate: SpanFate, count: u64) {
        self.spans.get_or_create(&Labels([("result", fate.as_str())])).inc_by(count);
    }
}
