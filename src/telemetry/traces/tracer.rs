//! Decides of each request whether it is reported, and where its spans go.

use std::{fmt, sync::Arc};

use opentelemetry::trace::SpanKind;

use super::{context::TraceContext, reporter::Queue, span::Span};
use crate::telemetry::TraceId;

/// Decides which requests are reported; by default none.
#[derive(Clone, Debug, Default)]
pub struct Tracer {
    queue: Option<Arc<Queue>>,
    /// How large a share of the traces that begin here is sampled.
    share: f64,
}

/// The trace that a request is part of, and where in it; where spans go, if it is reported.
#[derive(Clone, Debug)]
pub struct Trace {
    pub(super) context: TraceContext,
    pub(super) queue: Option<Arc<Queue>>,
}

impl Tracer {
    pub(super) fn new(queue: Option<Arc<Queue>>, share: f64) -> Self {
        Self { queue, share }
    }

    /// The trace of a request that came with this `traceparent`, and the request's own span. A
    /// trace that began elsewhere is sampled or not as it says; of those that begin here, a share is.
    pub fn receive(&self, traceparent: Option<&str>) -> (Trace, Span) {
        self.enter(traceparent.and_then(TraceContext::read), SpanKind::Server)
    }

    /// A trace of what nobody has asked for, and its first span.
    pub fn begin(&self) -> (Trace, Span) {
        self.enter(None, SpanKind::Internal)
    }

    fn enter(&self, caller: Option<TraceContext>, kind: SpanKind) -> (Trace, Span) {
        let share = if self.queue.is_some() { self.share } else { 0.0 };
        let context = caller.map_or_else(|| TraceContext::begin(share), TraceContext::child);
        let trace = Trace { context, queue: self.queue.clone().filter(|_| context.is_sampled()) };
        let span = Span::begin(&trace, caller, kind);
        (trace, span)
    }
}

impl Trace {
    /// The trace's id, as a caller knows it.
    pub fn id(&self) -> TraceId {
        TraceId(self.context.trace_id)
    }

    /// The trace's id where its spans are reported.
    pub fn reported(&self) -> Option<TraceId> {
        self.queue.as_ref().map(|_| self.id())
    }

    /// Begins a span below where this is; nothing where the trace is not reported.
    pub fn span(&self, kind: SpanKind) -> Span {
        if self.queue.is_none() {
            return Span::none();
        }
        Span::begin(&Self { context: self.context.child(), queue: self.queue.clone() }, Some(self.context), kind)
    }
}

/// As `traceparent` has it.
impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.context.fmt(f)
    }
}
