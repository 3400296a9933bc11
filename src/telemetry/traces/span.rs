//! A request's position in a trace, and the spans that are open there. A span ends when it is dropped, and
//! costs nothing if its trace is not reported.

use std::{borrow::Cow, sync::Arc, time::SystemTime};

use http::{HeaderValue, header::InvalidHeaderValue};
use opentelemetry::{
    Key, KeyValue, SpanId, TraceFlags, Value,
    trace::{SpanContext, SpanKind, Status, TraceState},
};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};

use super::{context::TraceContext, queue::Queue};
use crate::telemetry::TraceId;

/// The trace that a request belongs to, its position in it, and where spans go if the trace is reported.
#[derive(Clone, Debug)]
pub struct Trace {
    pub(super) context: TraceContext,
    pub(super) queue: Option<Arc<Queue>>,
}

/// An open span; empty if its trace is not reported.
#[derive(Debug, Default)]
pub struct Span(Option<Box<Open>>);

#[derive(Debug)]
struct Open {
    context: TraceContext,
    queue: Arc<Queue>,
    /// `None` once the span has ended.
    data: Option<SpanData>,
}

impl Trace {
    /// Returns the trace's id, as a caller knows it.
    pub fn id(&self) -> TraceId {
        TraceId(self.context.trace_id)
    }

    /// Returns the trace's id if its spans are reported.
    pub fn reported(&self) -> Option<TraceId> {
        self.queue.as_ref().map(|_| self.id())
    }

    /// Returns the position as the value of a `traceparent` header.
    pub fn header(&self) -> Result<HeaderValue, InvalidHeaderValue> {
        HeaderValue::from_bytes(&self.context.written())
    }

    /// Begins a span below this position; does nothing if the trace is not reported.
    pub fn span(&self, kind: SpanKind) -> Span {
        if self.queue.is_none() {
            return Span::none();
        }
        Span::begin(&Self { context: self.context.child(), queue: self.queue.clone() }, Some(self.context), kind)
    }
}

impl Span {
    /// Creates an empty span, of a trace that is not reported.
    pub const fn none() -> Self {
        Self(None)
    }

    pub(super) fn begin(trace: &Trace, parent: Option<TraceContext>, kind: SpanKind) -> Self {
        let Some(queue) = &trace.queue else { return Self::none() };
        let data = data(trace.context, parent, kind, queue);
        Self(Some(Box::new(Open { context: trace.context, queue: Arc::clone(queue), data: Some(data) })))
    }

    /// Returns whether the span will be reported. If not, expensive attributes need not be computed.
    pub fn is_open(&self) -> bool {
        self.0.is_some()
    }

    /// Sets its name; names have few values.
    pub fn name(&mut self, name: impl Into<Cow<'static, str>>) {
        if let Some(data) = self.data() {
            data.name = name.into();
        }
    }

    /// Sets an attribute; never one that identifies a person or a customer.
    pub fn set(&mut self, key: &'static str, value: impl Into<Value>) {
        if let Some(data) = self.data() {
            data.attributes.push(KeyValue::new(Key::from_static_str(key), value));
        }
    }

    /// Marks it as failed, with the kind of failure.
    pub fn fail(&mut self, kind: impl Into<Value>) {
        if let Some(data) = self.data() {
            data.status = Status::error("");
        }
        self.set("error.type", kind);
    }

    /// Returns the position for whatever happens inside it.
    pub fn trace(&self) -> Option<Trace> {
        let Open { context, queue, .. } = self.0.as_deref()?;
        Some(Trace { context: *context, queue: Some(Arc::clone(queue)) })
    }

    fn data(&mut self) -> Option<&mut SpanData> {
        self.0.as_mut()?.data.as_mut()
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if let Some(mut data) = self.data.take() {
            data.end_time = SystemTime::now().max(data.start_time); // a clock may be set back
            self.queue.put(data);
        }
    }
}

fn data(context: TraceContext, parent: Option<TraceContext>, kind: SpanKind, queue: &Queue) -> SpanData {
    let now = SystemTime::now();
    SpanData {
        span_context: SpanContext::new(
            opentelemetry::TraceId::from(context.trace_id),
            SpanId::from(context.span_id),
            TraceFlags::new(context.flags),
            false,
            TraceState::NONE,
        ),
        parent_span_id: parent.map_or(SpanId::INVALID, |parent| SpanId::from(parent.span_id)),
        parent_span_is_remote: parent.is_some() && kind == SpanKind::Server,
        span_kind: kind,
        name: "".into(),
        start_time: now,
        end_time: now,
        attributes: Vec::with_capacity(8),
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: Status::Unset,
        instrumentation_scope: queue.scope.clone(),
    }
}
