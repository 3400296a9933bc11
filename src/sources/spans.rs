//! The spans of calls to a source: one for a whole walk, one for each attempt. Their attributes
//! have few distinct values: never a customer, a path, a query or a credential.

use reqwest::Request;

use crate::{
    domain::{Failure, SourceName},
    outbound::TRACEPARENT,
    telemetry::{Origin, Span, SpanKind, Trace},
};

/// Begins the span of a walk, or of reading a list: everything done for it is inside the span.
pub(super) fn begin_walk(origin: &Origin, what: &'static str, source: SourceName) -> (Span, Origin) {
    let mut span = origin.trace.span(SpanKind::Internal);
    if span.is_open() {
        span.name(format!("{what} {source}"));
        span.set("rollcall.source", source.as_str());
    }
    let inside = origin.inside(&span);
    (span, inside)
}

/// Begins the span of one outgoing request, and propagates it to the other side. `resent` is how
/// often the same request was sent before.
pub(super) fn begin_attempt(trace: &Trace, source: SourceName, request: &mut Request, resent: u64) -> Span {
    let mut span = trace.span(SpanKind::Client);
    if span.is_open() {
        describe(&mut span, source, request, resent);
    }
    if let Ok(position) = span.trace().as_ref().unwrap_or(trace).header() {
        request.headers_mut().insert(TRACEPARENT, position);
    }
    span
}

/// OpenTelemetry's semantic conventions for HTTP clients, without attributes that show which customer is requested.
fn describe(span: &mut Span, source: SourceName, request: &Request, resent: u64) {
    let (method, url) = (request.method().to_string(), request.url());
    span.name(method.clone());
    span.set("http.request.method", method);
    span.set("url.scheme", url.scheme().to_owned());
    span.set("server.address", url.host_str().unwrap_or_default().to_owned());
    span.set("server.port", i64::from(url.port_or_known_default().unwrap_or_default()));
    span.set("rollcall.source", source.as_str());
    if resent > 0 {
        span.set("http.request.resend_count", i64::try_from(resent).unwrap_or(i64::MAX));
    }
}

/// Records the status of the answer.
pub(super) fn note_status(span: &mut Span, status: u16) {
    span.set("http.response.status_code", i64::from(status));
}

/// Records the result of a walk or an attempt.
pub(super) fn note_outcome(span: &mut Span, failure: Option<&Failure>) {
    match failure {
        None => span.set("rollcall.outcome", "ok"),
        Some(failure) => {
            span.set("rollcall.outcome", failure.kind.as_str());
            span.fail(failure.kind.as_str());
        }
    }
}
