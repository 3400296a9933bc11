//! Nobody gets past here whom the gateway does not know, or who asks too often.

use std::sync::Arc;

use axum::{
    Extension,
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::{
    access::Denied,
    api::{Gateway, arrival::Arrival, credentials::presented, error::ApiError, peer::Peer},
};

use super::crowd::with_a_place;

/// Lets callers in to what costs no place.
pub(in crate::api) async fn admit(
    State(gateway): State<Arc<Gateway>>,
    Extension(arrival): Extension<Arc<Arrival>>,
    request: Request,
    next: Next,
) -> Response {
    admit_to(&gateway, &arrival, request, |request| next.run(request)).await
}

/// Lets callers in, and then those for whom there is a place, to what may ask sources.
pub(in crate::api) async fn admit_to_a_place(
    State(gateway): State<Arc<Gateway>>,
    Extension(arrival): Extension<Arc<Arrival>>,
    request: Request,
    next: Next,
) -> Response {
    admit_to(&gateway, &arrival, request, |request| with_a_place(&gateway, request, next)).await
}

async fn admit_to<F: Future<Output = Response>>(
    gateway: &Gateway,
    arrival: &Arrival,
    request: Request,
    answer: impl FnOnce(Request) -> F,
) -> Response {
    let from = request.extensions().get::<Peer>().map(|peer| peer.ip());
    let admitted = gateway.access.admit(&presented(request.headers()), from, arrival.deadline).await;
    if let Ok(caller) | Err(Denied::TooOften { caller, .. }) = &admitted {
        arrival.caller.get_or_init(|| caller.clone());
    }
    match admitted {
        Ok(_) => answer(request).await,
        Err(denied) => ApiError::denied(&denied, gateway.mode).into_response(),
    }
}
