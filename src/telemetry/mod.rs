//! What an operator sees: log lines, metrics, and where a request comes from.

mod labels;
mod links;
mod log;
mod metrics;
mod origin;
mod running;
mod shared_cache;
mod timing;
mod traces;

pub use links::LinkMetrics;
pub use log::{LogError, log_panics, start_logging};
pub use metrics::{CacheUse, Metrics};
pub use origin::Origin;
pub use running::{ConfigFacts, SpanFate};
pub use shared_cache::SharedCacheMetrics;
pub use timing::TraceId;
pub use traces::{Reporter, Span, SpanKind, Trace, TraceContext, Tracer};
