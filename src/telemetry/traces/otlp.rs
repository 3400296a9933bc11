//! What is sent to a collector (OTLP over HTTP, in protobuf), and what of it was accepted.

use http::{HeaderValue, Method, header};
use opentelemetry::KeyValue;
use opentelemetry_proto::{
    tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse},
    transform::{common::tonic::ResourceAttributesWithSchema, trace::tonic::group_spans_by_resource_and_scope},
};
use opentelemetry_sdk::{Resource, trace::SpanData};
use prost::Message;
use url::Url;
use uuid::Uuid;

use crate::{
    domain::{Failure, FailureKind},
    outbound::{Answer, Client},
};

/// What every batch says about this process.
#[derive(Debug)]
pub(super) struct Process(ResourceAttributesWithSchema);

/// The fate of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// It was accepted, except for some spans.
    Taken {
        /// How many spans the collector rejected.
        refused: u64,
    },
    /// It may be accepted later.
    NotNow,
    /// It will never be accepted.
    Never,
}

impl Process {
    pub(super) fn new() -> Self {
        let about = [
            KeyValue::new("service.name", "rollcall"),
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("service.instance.id", Uuid::now_v7().to_string()),
        ];
        Self((&Resource::builder_empty().with_attributes(about).build()).into())
    }

    /// Encodes a batch for the wire.
    pub(super) fn encode(&self, batch: Vec<SpanData>) -> Vec<u8> {
        ExportTraceServiceRequest { resource_spans: group_spans_by_resource_and_scope(batch, &self.0) }.encode_to_vec()
    }
}

/// Sends a batch once.
pub(super) async fn send(client: &Client, endpoint: &Url, body: Vec<u8>) -> Sent {
    let mut request = reqwest::Request::new(Method::POST, endpoint.clone());
    request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
    *request.body_mut() = Some(body.into());
    outcome(client.exchange_in_time(request).await)
}

/// Interprets an answer (OTLP specification, "OTLP/HTTP Response").
fn outcome(answered: Result<Answer, Failure>) -> Sent {
    match answered {
        Ok(Answer { status: 200..=299, body: Ok(body), .. }) => {
            let partial = ExportTraceServiceResponse::decode(body).ok().and_then(|response| response.partial_success);
            Sent::Taken { refused: partial.and_then(|partial| u64::try_from(partial.rejected_spans).ok()).unwrap_or_default() }
        }
        Ok(Answer { status: 429 | 502 | 503 | 504, .. }) => Sent::NotNow,
        Ok(Answer { status: 200..=299, body: Err(failure), .. }) | Err(failure) if failure.kind != FailureKind::InvalidResponse => {
            Sent::NotNow
        }
        Ok(_) | Err(_) => Sent::Never,
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTracePartialSuccess;

    use super::*;

    #[test]
    fn an_answer_says_what_became_of_a_batch() {
        let answer = |status, body: &[u8]| Ok(Answer { status, body: Ok(body.to_vec().into()), retry_after: None });
        let failed = |status, kind| Ok(Answer { status, body: Err(Failure::new(kind)), retry_after: None });
        let partial = ExportTracePartialSuccess { rejected_spans: 3, error_message: "too old".to_owned() };
        let partial = ExportTraceServiceResponse { partial_success: Some(partial) }.encode_to_vec();
        for (answered, expected) in [
            (answer(200, b""), Sent::Taken { refused: 0 }),
            (answer(202, b"no protobuf"), Sent::Taken { refused: 0 }),
            (answer(200, &partial), Sent::Taken { refused: 3 }),
            (answer(429, b""), Sent::NotNow),
            (answer(503, b""), Sent::NotNow),
            (answer(400, b""), Sent::Never),
            (answer(404, b""), Sent::Never),
            (answer(302, b""), Sent::Never),
            (answer(500, b""), Sent::Never),
            (failed(200, FailureKind::Timeout), Sent::NotNow),
            (failed(200, FailureKind::InvalidResponse), Sent::Never),
            (failed(503, FailureKind::InvalidResponse), Sent::NotNow),
            (failed(400, FailureKind::Timeout), Sent::Never),
            (Err(Failure::new(FailureKind::Unavailable)), Sent::NotNow),
            (Err(Failure::new(FailureKind::Timeout)), Sent::NotNow),
            (Err(Failure::new(FailureKind::InvalidResponse)), Sent::Never),
        ] {
            assert_eq!(outcome(answered), expected);
        }
    }
}
