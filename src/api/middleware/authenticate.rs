//! Stops unknown callers, and callers that send requests too often.

use std::sync::Arc;

use axum::{
    Extension,
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::{
    access::Denied,
    api::{Gateway, credentials::presented, error::ApiError, peer::Peer, request_context::RequestContext},
};

use super::concurrency_limit::within_concurrency_limit;

/// Admits callers to routes that do not take up a place.
pub(in crate::api) async fn authenticate(
    State(gateway): State<Arc<Gateway>>,
    Extension(request_context): Extension<Arc<RequestContext>>,
    request: Request,
    next: Next,
) -> Response {
    authenticated(&gateway, &request_context, request, |request| next.run(request)).await
}

/// Admits callers to routes that may ask sources, as long as there is a free place.
pub(in crate::api) async fn authenticate_within_limit(
    State(gateway): State<Arc<Gateway>>,
    Extension(request_context): Extension<Arc<RequestContext>>,
    request: Request,
    next: Next,
) -> Response {
    authenticated(&gateway, &request_context, request, |request| within_concurrency_limit(&gateway, request, next)).await
}

async fn authenticated<F: Future<Output = Response>>(
    gateway: &Gateway,
    request_context: &RequestContext,
    request: Request,
    answer: impl FnOnce(Request) -> F,
) -> Response {
    let from = request.extensions().get::<Peer>().map(|peer| peer.ip());
    let admitted = gateway.access.admit(&presented(request.headers()), from, request_context.deadline).await;
    if let Ok(caller) | Err(Denied::TooOften { caller, .. }) = &admitted {
        request_context.caller.get_or_init(|| caller.clone());
    }
    match admitted {
        Ok(_) => answer(request).await,
        Err(denied) => ApiError::denied(&denied, gateway.mode).into_response(),
    }
}
