//! Each backend's error answers.

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::json;

use super::{answer, timestamp};

/// An error in the form of the common reply template, with its keys in documented order.
#[derive(Serialize)]
pub(super) struct Refusal {
    error: u16,
    message: String,
    status: &'static str,
    timestamp: String,
}

/// Returns an error in one of the platform's forms: that of its Go services (go-appkit, `restapi/error.go`).
/// The guide shows none for this API, so the form and the codes are an assumption.
pub(super) fn of_advanced_automation(status: StatusCode) -> Response {
    let code = match status {
        StatusCode::NOT_FOUND => "notFound",
        StatusCode::TOO_MANY_REQUESTS => "tooManyRequests",
        StatusCode::UNAUTHORIZED => "unauthorized",
        StatusCode::FORBIDDEN => "forbidden",
        _ => "badRequest",
    };
    let message = status.canonical_reason().unwrap_or_default();
    let error = json!({"domain": "PSA", "code": code, "message": message});
    answer::json(status, &json!({"error": error}))
}

/// Returns the documented errors, and others in the same form, which is an assumption. A 401 has no body.
pub(super) fn of_my_reports(status: StatusCode, id: &str) -> Response {
    let message = match status {
        StatusCode::UNAUTHORIZED => return status.into_response(),
        StatusCode::BAD_REQUEST => format!("The value '{id}' is not valid."),
        _ => status.canonical_reason().unwrap_or_default().to_owned(),
    };
    answer::json(status, &Refusal::new(status, message))
}

// === impl Refusal ===

impl Refusal {
    /// Returns the answer for an unknown customer.
    pub(super) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "Not Found".to_owned())
    }

    fn new(status: StatusCode, message: String) -> Self {
        Self { error: status.as_u16(), message, status: "error", timestamp: timestamp::now() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn not_found_is_as_long_as_the_reference_says() {
        let printed = serde_json::to_string(&Refusal::not_found()).unwrap();
        assert_eq!(printed.len(), 95, "{printed}");
        assert!(printed.starts_with(r#"{"error":404,"message":"Not Found","status":"error","timestamp":"2"#));
    }

    #[test]
    fn bad_request_is_as_long_as_the_reference_says() {
        // Its Content-Length of 149 fits a GUID with one character too many.
        let message = format!("The value '{}' is not valid.", "x".repeat(37));
        let printed = serde_json::to_string(&Refusal::new(StatusCode::BAD_REQUEST, message));
        assert_eq!(printed.unwrap().len(), 149);
    }
}
