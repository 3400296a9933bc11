//! Whatever answers below, an error leaves in the one shape.

use axum::{
    extract::Request,
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, header};

use crate::{
    api::{
        accept::{Accept, JSON, PROBLEM_JSON},
        caching::put,
        envelope::ErrorEnvelope,
        error::ApiError,
    },
    domain::Moment,
    telemetry::Origin,
};

pub(super) async fn write_errors(request: Request, next: Next) -> Response {
    let wants_problem = Accept::of(request.headers()).wants_problems();
    let origin = request.extensions().get::<Origin>().cloned();
    let response = next.run(request).await;
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return response;
    }
    let request_id = origin.map_or_else(Default::default, |origin| origin.request_id);
    write(response, &request_id, wants_problem)
}

/// Replaces the body of an error, and keeps its status and its headers.
fn write(response: Response, request_id: &str, wants_problem: bool) -> Response {
    let (mut parts, _) = response.into_parts();
    let error = parts.extensions.remove::<ApiError>().unwrap_or_else(|| {
        let error = ApiError::of_status(parts.status);
        parts.status = error.clone().into_response().status();
        error
    });
    let envelope = ErrorEnvelope::new(&error, request_id, Moment::now());
    let (content_type, body) =
        if wants_problem { (PROBLEM_JSON, serde_json::to_vec(&envelope.into_problem())) } else { (JSON, serde_json::to_vec(&envelope)) };
    parts.headers.remove(header::CONTENT_LENGTH);
    put(&mut parts.headers, header::CONTENT_TYPE, content_type.to_owned());
    parts.headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // An envelope has nothing that JSON cannot hold: writing it does not fail.
    let body = body.unwrap_or_default();
    parts.extensions.insert(error.code); // for the log line
    Response::from_parts(parts, body.into())
}
