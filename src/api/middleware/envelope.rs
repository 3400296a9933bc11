//! Gives every error from the layers below the one shape.

use axum::{
    extract::Request,
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

/// Whether the caller wants errors in the form of RFC 9457.
pub(super) fn wants_problem(request: &Request) -> bool {
    Accept::of(request.headers()).wants_problems()
}

/// Writes the body of an error; passes any other answer through.
pub(super) fn write_errors(response: Response, origin: &Origin, wants_problem: bool) -> Response {
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return response;
    }
    write(response, &origin.request_id, wants_problem)
}

/// Replaces the body of an error; keeps its status and headers.
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
    // An envelope holds nothing that JSON cannot represent, so serializing cannot fail.
    let body = body.unwrap_or_default();
    parts.extensions.insert(error.code); // for the log line
    Response::from_parts(parts, body.into())
}
