//! Each request's id and trace, its log line, its metrics, and what every answer carries.

use std::sync::{Arc, LazyLock};

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::Response,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use tokio::time::Instant;
use uuid::Uuid;

use crate::{
    api::{Gateway, caching::put, code::Code, users::LogFacts},
    config::AccessLog,
    telemetry::{Origin, TraceContext},
};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Longest id that a caller may give a request.
const LONGEST_ID: usize = 128;

/// What an answer depends on beside its URL.
const VARY: HeaderValue = HeaderValue::from_static("Accept, Accept-Encoding, Authorization, X-Api-Key");

/// The label of whatever has no route.
static NO_ROUTE: LazyLock<Arc<str>> = LazyLock::new(|| "none".into());

pub(super) async fn observe(State(gateway): State<Arc<Gateway>>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let origin = origin_of(request.headers());
    let route: Arc<str> = request.extensions().get::<MatchedPath>().map_or_else(|| NO_ROUTE.clone(), |path| path.as_str().into());
    let method = request.method().clone();
    request.extensions_mut().insert(origin.clone());
    let mut response = next.run(request).await;
    let took = started.elapsed();
    gateway.metrics.request(&route, response.status().as_u16(), took);
    log(gateway.access_log, &method, &route, &origin, &mut response, took);
    finish(response.headers_mut(), &origin);
    if !gateway.is_ready() {
        // Whoever keeps the connection would send his next request to a socket that closes.
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

fn origin_of(headers: &HeaderMap) -> Origin {
    let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let fits = |id: &&str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        (1..=LONGEST_ID).contains(&id.len()) && id.bytes().all(plain)
    };
    let given = text(&REQUEST_ID).filter(fits);
    let request_id = given.map_or_else(|| Uuid::now_v7().to_string().into(), Arc::from);
    Origin { request_id, trace: text(&TRACEPARENT).and_then(TraceContext::follow).unwrap_or_else(TraceContext::begin) }
}

/// What every answer carries.
fn finish(headers: &mut HeaderMap, origin: &Origin) {
    put(headers, REQUEST_ID, origin.request_id.to_string());
    put(headers, TRACEPARENT, origin.trace.to_string());
    headers.insert(header::VARY, VARY);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}

/// One line for a request: the route's template, never its path.
fn log(which: AccessLog, method: &Method, route: &str, origin: &Origin, response: &mut Response, took: std::time::Duration) {
    let status = response.status().as_u16();
    let facts = response.extensions_mut().remove::<LogFacts>();
    let failed = status >= 400 || facts.as_ref().is_some_and(|facts| facts.partial);
    if which == AccessLog::Off || (which == AccessLog::Errors && !failed) {
        return;
    }
    let code = response.extensions().get::<Code>().map(|code| code.as_str());
    tracing::info!(
        request_id = %origin.request_id,
        trace_id = origin.trace.trace_id(),
        method = %method,
        route,
        status,
        code,
        duration_ms = took.as_secs_f64() * 1000.0,
        cache = facts.as_ref().and_then(|facts| facts.cache.to_str().ok()),
        sources = facts.as_ref().map(|facts| facts.sources.as_ref()),
        partial = facts.as_ref().map(|facts| facts.partial),
        "request"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callers_id_is_kept_where_it_is_one() {
        for (given, kept) in
            [("abc-1.2_Z", true), ("", false), ("a b", false), ("a/b", false), (&"x".repeat(128), true), (&"x".repeat(129), false)]
        {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID, HeaderValue::from_str(given).unwrap());
            assert_eq!(origin_of(&headers).request_id.as_ref() == given, kept, "{given}");
        }
    }
}
