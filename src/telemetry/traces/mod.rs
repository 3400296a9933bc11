//! Traces: a request's position in one (W3C Trace Context), and `OpenTelemetry` spans for those that are
//! sampled.
//!
//! [`Tracer`] decides once per request; a request that is not sampled has no spans, and costs nothing.
//! Finished spans wait in a bounded queue, from which one task ([`Reporter`]) sends them to the collector. No
//! request waits for it.

mod context;
mod otlp;
mod queue;
mod reporter;
mod span;
mod tracer;

pub use context::TraceContext;
pub use opentelemetry::trace::SpanKind;
pub use reporter::Reporter;
pub use span::{Span, Trace};
pub use tracer::Tracer;
