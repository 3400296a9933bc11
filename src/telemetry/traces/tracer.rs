//! Decides for each request whether it is reported, and where its spans go.

use std::sync::Arc;

use opentelemetry::trace::SpanKind;

use super::{
    context::TraceContext,
    queue::Queue,
    span::{Span, Trace},
};

/// Decides which requests are reported; by default none.
#[derive(Clone, Debug, Default)]
pub struct Tracer {
    queue: Option<Arc<Queue>>,
    /// The share of traces beginning here that is sampled.
    share: f64,
}

impl Tracer {
    pub(super) fn new(queue: Option<Arc<Queue>>, share: f64) -> Self {
        Self { queue, share }
    }

    /// Returns the trace of a request that came with this `traceparent`, and the request's own span. A trace
    /// that began elsewhere is sampled or not, as it says; of those that begin here, a share is.
    pub fn receive(&self, traceparent: Option<&str>) -> (Trace, Span) {
        self.enter(traceparent.and_then(TraceContext::read), SpanKind::Server)
    }

    /// Begins a trace of something that no request caused, with its first span.
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

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;
    use crate::telemetry::Metrics;

    #[tokio::test]
    async fn what_finds_no_room_is_dropped_and_counted_and_nobody_waits() {
        let (sender, mut waiting) = mpsc::channel(2);
        let metrics = Arc::new(Metrics::default());
        let tracer = Tracer::new(Some(Arc::new(Queue::new(sender, Arc::clone(&metrics)))), 1.0);
        for _ in 0..5 {
            drop(tracer.begin());
        }
        let text = metrics.render(0, 0);
        assert!(text.contains("rollcall_trace_spans_total{result=\"dropped\"} 3\n"), "{text}");
        waiting.close();
        assert_eq!(waiting.recv_many(&mut Vec::new(), 9).await, 2);
    }
}
