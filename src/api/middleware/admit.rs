//! Nobody gets past here whom the gateway does not know, or who asks too often.

use std::sync::{Arc, OnceLock};

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::{
    access::{Caller, Denied},
    api::{Gateway, credentials::presented, error::ApiError, peer::Peer},
};

/// Where the caller of a request is noted for whoever writes its log line: it also stands there
/// when he hangs up.
pub(in crate::api) type CallerSlot = Arc<OnceLock<Caller>>;

pub(in crate::api) async fn admit(State(gateway): State<Arc<Gateway>>, mut request: Request, next: Next) -> Response {
    let from = request.extensions().get::<Peer>().map(|peer| peer.ip());
    let admitted = gateway.access.admit(&presented(request.headers()), from).await;
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
            next.run(request).await
        }
        Err(denied) => ApiError::from(denied).into_response(),
    }
}
