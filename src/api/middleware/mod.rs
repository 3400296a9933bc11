//! The inbound layers. From outside to inside, each with its reason:
//!
//! 1. [`observe`]: the request's id and trace come first, for all below and for the log line; what
//!    every answer carries is put on last, so that no answer goes without.
//! 2. [`cors`], for callers and where origins are named: a browser shows a page the errors, too,
//!    and sends no key with a preflight, which is therefore answered before anybody is asked for one.
//! 3. [`compression`]: sees the final body, an error's too.
//! 4. [`envelope`]: whatever answers below, a handler, a layer or the router itself, an error
//!    leaves in the one shape.
//! 5. panic: a bug below becomes an answer, which the envelope then writes.
//! 6. [`limits`]: what is too large is refused before anything looks at it.
//!
//! [`authenticate()`] stands before the routes that are for callers only, and with
//! [`concurrency_limit`] behind it before those that ask sources: who is not let in takes no place,
//! and probes answer however full it is.
//!
//! The six are functions, one around the other, in one layer of the router: each layer of its own
//! costs an allocation and a copy of all below it for each request.

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
use http::StatusCode;

use super::{Gateway, error::ApiError};
use crate::telemetry::Origin;

pub(super) use authenticate::{authenticate, authenticate_within_limit};
pub use cors::Cors;
pub(crate) use limits::{LARGEST_HEAD, MOST_HEADERS, Refused};

/// What the layers know.
#[derive(Clone)]
struct Layers {
    gateway: Arc<Gateway>,
    cors: Option<Arc<Cors>>,
}

/// Puts the layers around a router; they also see what it has no route for.
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
        Ok(request) => caught(gateway, next.run(request)).await,
        Err(refused) => ApiError::of_status(refused).into_response(),
    };
    envelope::write_errors(response, origin, wants_problem)
}

async fn caught(gateway: &Gateway, answer: impl Future<Output = Response>) -> Response {
    AssertUnwindSafe(answer).catch_unwind().await.unwrap_or_else(|_| {
        gateway.metrics.panicked();
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    })
}
