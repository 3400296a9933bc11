//! Nobody gets past here whom the gateway does not know, or who asks too often.

use std::sync::{Arc, OnceLock};

use axum::{
    Extension,
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::{
    access::{Caller, Denied},
    api::{Gateway, credentials::presented, error::ApiError, peer::Peer},
    outbound::Deadline,
};

use super::crowd::with_a_place;

/// Where the caller of a request is noted for whoever writes its log line: it also stands there
/// when he hangs up.
pub(in crate::api) type CallerSlot = Arc<OnceLock<Caller>>;

/// Lets callers in to what costs no place.
pub(in crate::api) async fn admit(
    State(gateway): State<Arc<Gateway>>,
    Extension(deadline): Extension<Deadline>,
    request: Request,
    next: Next,
) -> Response {
    admit_to(&gateway, deadline, request, |request| next.run(request)).await
}

/// Lets callers in, and then those for whom there is a place, to what may ask sources.
pub(in crate::api) async fn admit_to_a_place(
    State(gateway): State<Arc<Gateway>>,
    Extension(deadline): Extension<Deadline>,
    request: Request,
    next: Next,
) -> Response {
    admit_to(&gateway, deadline, request, |request| with_a_place(&gateway, request, next)).await
}

async fn admit_to<F: Future<Output = Response>>(
    gateway: &Gateway,
    deadline: Deadline,
    mut request: Request,
    answer: impl FnOnce(Request) -> F,
) -> Response {
    let from = request.extensions().get::<Peer>().map(|peer| peer.ip());
    let admitted = gateway.access.admit(&presented(request.headers()), from, deadline).await;
    let caller = match &admitted {
        Ok(caller) | Err(Denied::TooOften { caller, .. }) => Some(caller),
        Err(_) => None,
    };
    if let (Some(slot), Some(caller)) = (request.extensions().get::<CallerSlot>(), caller) {
        drop(slot.set(caller.clone())); // a request has one caller
    }
    match admitted {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            answer(request).await
        }
        Err(denied) => ApiError::denied(&denied, gateway.security).into_response(),
    }
}
