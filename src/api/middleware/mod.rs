//! The inbound layers. From the outside in, each with its reason:
//!
//! 1. [`observe`]: creates the request's id and trace, which everything below and the log line need. Adds
//!    what every answer carries last, so that no answer goes without it.
//! 2. [`cors`], only for callers' routes and only if origins are configured. Outside the envelope and
//!    authentication, because a browser must let a page read errors, too, and sends no key with a preflight.
//! 3. [`compression`]: sees the final body, including that of an error.
//! 4. [`envelope`]: gives every error the one shape, whether a handler, a layer or the router itself made it.
//! 5. panic: turns a bug below into an answer, which the envelope then writes.
//! 6. [`limits`]: refuses what is too large before anything looks at it.
//!
//! [`authenticate()`] precedes the routes that are for callers only. Routes that ask sources also have
//! [`concurrency_limit`] after it: a request that is not admitted takes up no place, and probes answer however
//! busy the gateway is.
//!
//! The six are plain functions, nested inside each other in a single layer of the router: each separate
//! layer would cost an allocation and a copy of everything below it for each request.

mod authenticate;
mod compression;
mod concurrency_limit;
mod cors;
mod envelope;
mod limits;
mod observe;
mod once;

use std::{panic::AssertUnwindSafe, sync::Arc};

use axum::{
    Router,
    extract::{Request, State},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
};
use futures_util::FutureExt;
use http::{HeaderValue, StatusCode, header};

use super::{Gateway, error::ApiError};
use crate::telemetry::{Metrics, Origin};

pub(super) use authenticate::{authenticate, authenticate_within_limit};
pub use cors::Cors;
use limits::Refusal;
pub(crate) use limits::{LARGEST_HEAD, MOST_HEADERS, Refused};

/// What the layers need.
#[derive(Clone)]
struct Layers {
    gateway: Arc<Gateway>,
    cors: Option<Arc<Cors>>,
}

/// Puts the layers around a router; they also see requests for unknown routes.
pub(super) fn around(router: Router, gateway: &Arc<Gateway>, cors: Option<&Cors>) -> Router {
    let layers = Layers { gateway: Arc::clone(gateway), cors: cors.cloned().map(Arc::new) };
    router.layer(from_fn_with_state(layers, observed))
}

async fn observed(State(layers): State<Layers>, mut request: Request, next: Next) -> Response {
    let observed = observe::begin(&layers.gateway, &mut request);
    let response = match &layers.cors {
        Some(cors) => cors.share(request, |request| compressed(&layers.gateway, observed.origin(), request, next)).await,
        None => compressed(&layers.gateway, observed.origin(), request, next).await,
    };
    observed.answer(response)
}

async fn compressed(gateway: &Gateway, origin: &Origin, request: Request, next: Next) -> Response {
    compression::compress(request, |request| enveloped(gateway, origin, request, next)).await
}

async fn enveloped(gateway: &Gateway, origin: &Origin, request: Request, next: Next) -> Response {
    let wants_problem = envelope::wants_problem(&request);
    let response = match limits::within_limits(request).await {
        Ok(request) => caught(&gateway.metrics, next.run(request)).await,
        Err(refusal) => refused(refusal),
    };
    envelope::write_errors(response, origin, wants_problem)
}

fn refused(Refusal { status, closes }: Refusal) -> Response {
    let mut response = ApiError::of_status(status).into_response();
    if closes {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

async fn caught(metrics: &Metrics, answer: impl Future<Output = Response>) -> Response {
    AssertUnwindSafe(answer).catch_unwind().await.unwrap_or_else(|_| {
        metrics.panicked();
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    })
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::telemetry::Tracer;

    #[tokio::test]
    async fn a_panic_is_answered_as_internal_and_says_nothing_else() {
        for (wants_problem, content_type) in [(false, "application/json"), (true, "application/problem+json")] {
            let (metrics, origin) = (Metrics::default(), Origin { request_id: "an-id".into(), trace: Tracer::default().begin().0 });
            let response = caught(&metrics, async { panic!("canary of a panic") }).await;
            let (parts, body) = envelope::write_errors(response, &origin, wants_problem).into_parts();
            assert_eq!((parts.status.as_u16(), &parts.headers["content-type"]), (500, &HeaderValue::from_static(content_type)));
            let body = axum::body::to_bytes(body, 4096).await.unwrap();
            let told: Value = serde_json::from_slice(&body).unwrap();
            let (status, text) = if wants_problem { ("status", "detail") } else { ("error", "message") };
            let facts = ["code", "owner", "request_id", text].map(|name| told[name].as_str().unwrap());
            assert_eq!((&told[status], facts[..3].to_vec()), (&500.into(), vec!["internal", "gateway", "an-id"]), "{told}");
            assert!(facts[3].ends_with('.') && !told.to_string().contains("canary"), "{told}");
            assert!(metrics.render(0, 0).contains("\nrollcall_panics_total 1\n"));
        }
    }
}
