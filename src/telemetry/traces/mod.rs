//! Traces: where in one a request is (W3C Trace Context), and spans by `OpenTelemetry` for those that
//! are sampled.
//!
//! [`Tracer`] decides once for each request; whatever is not sampled has no spans, and costs
//! nothing. Spans that have ended wait in a bounded queue, from which one task ([`Reporter`]) sends
//! them to the collector. Nobody who is being answered waits for it.

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
