//! Refuses requests beyond the gateway's capacity at once, so that those already accepted are
//! answered in time.

use std::time::Duration;

use axum::{
    extract::Request,
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::StatusCode;

use crate::api::{Gateway, error::ApiError};

/// An overload is usually over soon.
const SOON: Duration = Duration::from_secs(1);

pub(super) async fn within_concurrency_limit(gateway: &Gateway, request: Request, next: Next) -> Response {
    match gateway.places.try_acquire() {
        Ok(_place) => next.run(request).await,
        Err(_) => ApiError::of_status(StatusCode::SERVICE_UNAVAILABLE).retry_after(SOON).into_response(),
    }
}
