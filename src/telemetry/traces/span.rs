//! Where in a trace a request is, and the spans that are open there. A span ends when it is dropped, and
//! costs nothing where its trace is not reported.

use std::{borrow::Cow, fmt, sync::Arc, time::SystemTime};

use opentelemetry::{
    Key, KeyValue, SpanId, TraceFlags, Value,
    trace::{SpanContext, SpanKind, Status, TraceState},
};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};

use super::{context::TraceContext, queue::Queue};
use crate::telemetry::TraceId;

/// The trace that a request is part of, and where in it; where spans go, if it is reported.
#[derive(Clone, Debug)]
pub struct Trace {
    pub(super) context: TraceContext,
    pub(super) queue: Option<Arc<Queue>>,
}

/// A span while it is open; empty where its trace is not reported.
#[derive(Debug, Default)]
pub struct Span(Option<Box<Open>>);

#[derive(Debug)]
struct Open {
    context: TraceContext,
    queue: Arc<Queue>,
    /// `None` once it has ended.
    data: Option<SpanData>,
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

impl Span {
    /// A span of a trace that is not reported.
    pub const fn none() -> Self {
        Self(None)
    }

    pub(super) fn begin(trace: &Trace, parent: Option<TraceContext>, kind: SpanKind) -> Self {
        let Some(queue) = &trace.queue else { return Self::none() };
        let data = data(trace.context, parent, kind, queue);
        Self(Some(Box::new(Open { context: trace.context, queue: Arc::clone(queue), data: Some(data) })))
    }

    /// Whether anybody will see it: what is costly to say need not be said otherwise.
    pub fn is_open(&self) -> bool {
        self.0.is_some()
    }

    /// Names it; a name has few values.
    pub fn name(&mut self, name: impl Into<Cow<'static, str>>) {
        if let Some(data) = self.data() {
            data.name = name.into();
        }
    }

    /// Says something of it; never whom it is about.
    pub fn set(&mut self, key: &'static str, value: impl Into<Value>) {
        if let Some(data) = self.data() {
            data.attributes.push(KeyValue::new(Key::from_static_str(key), value));
        }
    }

    /// Says that it failed, and by which kind of failure.
    pub fn fail(&mut self, kind: impl Into<Value>) {
        if let Some(data) = self.data() {
            data.status = Status::error("");
        }
        self.set("error.type", kind);
    }

    /// The position of whatever happens inside it.
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
