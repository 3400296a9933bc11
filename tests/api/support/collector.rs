//! A trace collector: accepts OTLP over HTTP and records what it receives.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value},
    trace::v1::{self, ResourceSpans},
};
use prost::Message;

use super::{Fake, Reply, Setup};

/// A collector on its own port, until it is dropped.
pub(crate) struct Collector(pub(crate) Fake);

/// A span as received.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    pub(crate) name: String,
    pub(crate) trace_id: String,
    pub(crate) id: String,
    /// Empty if it is the first of its trace.
    pub(crate) parent: String,
    pub(crate) kind: v1::span::SpanKind,
    pub(crate) is_error: bool,
    pub(crate) attributes: BTreeMap<String, String>,
}

impl Collector {
    pub(crate) async fn start() -> Self {
        let fake = Fake::start().await;
        fake.always(Reply::status(200));
        Self(fake)
    }

    /// The endpoint for the configuration.
    pub(crate) fn endpoint(&self) -> String {
        format!("{}/v1/traces", self.0.url())
    }

    /// What was received, by process.
    pub(crate) fn batches(&self) -> Vec<ResourceSpans> {
        let calls = self.0.calls();
        assert!(calls.iter().all(|call| call.path == "/v1/traces" && call.header("content-type") == Some("application/x-protobuf")));
        calls.iter().flat_map(|call| ExportTraceServiceRequest::decode(call.body.clone()).unwrap().resource_spans).collect()
    }

    /// Every span received.
    pub(crate) fn spans(&self) -> Vec<Span> {
        self.batches().into_iter().flat_map(|batch| batch.scope_spans).flat_map(|scope| scope.spans).map(Span::from).collect()
    }

    /// Every byte received, as text.
    pub(crate) fn text(&self) -> String {
        self.0.calls().iter().map(|call| String::from_utf8_lossy(&call.body).into_owned() + "\n").collect()
    }
}

impl Span {
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str)
    }

    /// The position of the span, in the form of `traceparent`.
    pub(crate) fn position(&self) -> String {
        format!("00-{}-{}-01", self.trace_id, self.id)
    }
}

impl From<v1::Span> for Span {
    fn from(span: v1::Span) -> Self {
        assert!(span.end_time_unix_nano >= span.start_time_unix_nano && span.start_time_unix_nano > 0, "{span:?}");
        Self {
            kind: span.kind(),
            name: span.name,
            trace_id: hex(&span.trace_id),
            id: hex(&span.span_id),
            parent: hex(&span.parent_span_id),
            is_error: span.status.is_some_and(|status| status.code() == v1::status::StatusCode::Error),
            attributes: texts(span.attributes),
        }
    }
}

impl Setup {
    /// Reports this share of its requests to a collector.
    pub(crate) fn reports_to(self, collector: &Collector, share: &str) -> Self {
        self.set("telemetry.otlp_endpoint", &collector.endpoint()).set("telemetry.sample", share)
    }
}

/// Attributes by their names.
pub(crate) fn texts(attributes: Vec<KeyValue>) -> BTreeMap<String, String> {
    let text = |value: any_value::Value| match value {
        any_value::Value::StringValue(text) => text,
        any_value::Value::IntValue(number) => number.to_string(),
        other => panic!("none of our spans contains {other:?}"),
    };
    attributes.into_iter().map(|pair| (pair.key, text(pair.value.unwrap().value.unwrap()))).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}
