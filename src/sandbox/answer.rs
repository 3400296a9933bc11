//! The building blocks of answers.

use axum::{
    http::{
        HeaderMap, StatusCode,
        header::{AUTHORIZATION, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
};
use serde::Serialize;
use tokio::sync::watch;

const PAGE: &str = "<!doctype html><html><head><title>Sandbox</title></head>\
    <body><h1>This is not the answer you are looking for</h1></body></html>";

/// Ends when the sandbox closes.
pub(super) async fn closed(mut closing: watch::Receiver<()>) {
    while closing.changed().await.is_ok() {}
}

/// Returns what follows `scheme` in the `Authorization` header.
pub(super) fn credentials<'a>(headers: &'a HeaderMap, scheme: &str) -> Option<&'a str> {
    let header = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (found, credentials) = header.split_once(' ')?;
    found.eq_ignore_ascii_case(scheme).then_some(credentials)
}

/// Returns whether an id is a GUID in the form that both vendors document: 36 characters with hyphens.
pub(super) fn is_guid(id: &str) -> bool {
    id.len() == 36 && uuid::Uuid::parse_str(id).is_ok()
}

/// Returns compact JSON, with the content type that the `MyReports` reference prints.
pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Response {
    let Ok(body) = serde_json::to_vec(body) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let header = [(CONTENT_TYPE, "application/json; charset=utf-8")];
    (status, header, body).into_response()
}

/// Returns the error page of some proxy in front of the backend.
pub(super) fn html(status: StatusCode) -> Response {
    let header = [(CONTENT_TYPE, "text/html; charset=utf-8")];
    (status, header, PAGE).into_response()
}
