//! What an operator sees: log lines, metrics, and where a request comes from.

mod log;
mod metrics;
mod origin;
mod shared_cache;

pub use log::{LogError, log_panics, start_logging};
pub use metrics::{CacheUse, Metrics};
pub use origin::{Origin, TraceContext};
pub use shared_cache::SharedCacheMetrics;
