//! An error on its way out. Handlers and layers create it; the `envelope` layer writes it.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

use super::{code::Code, source_status::SourceStatus};
use crate::{
    access::{Denied, Mode},
    customers::LinksUnavailable,
    domain::{CustomerId, FailureKind, InvalidCursor, InvalidCustomerId, SourceName},
    roll::{Refusal, SourceAnswer, SourceOutcome},
};

/// The `Retry-After` where nothing better is known.
const SOME_TIME: Duration = Duration::from_secs(5);

/// One error: everything that is reported about it except the request's own id and time.
#[derive(Clone, Debug)]
pub(super) struct ApiError {
    pub(super) code: Code,
    pub(super) message: String,
    pub(super) sources: Vec<SourceFailure>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// The result of one source, in an error.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct SourceFailure {
    /// The source.
    #[schema(value_type = String, example = "advanced_automation")]
    pub source: SourceName,
    /// The outcome.
    pub status: SourceStatus,
    /// The HTTP status of the source's answer, or the one that its body named; null if the source did not answer.
    #[schema(example = 404)]
    pub http_status: Option<u16>,
    /// Whether the copy that was used is older than the configured freshness (`cache.fresh`); absent if it is not.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub stale: bool,
    /// Why refreshing the copy failed; absent if it did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub error: Option<FailureKind>,
}

impl ApiError {
    /// Makes an error with a sentence for a person.
    pub(super) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), sources: Vec::new(), headers: Vec::new() }
    }

    /// Reports a wrong parameter; `what` completes the sentence that begins with its name.
    pub(super) fn parameter(name: &str, what: &str) -> Self {
        Self::new(Code::InvalidParameter, format!("Parameter '{name}' {what}"))
    }

    /// The caller may not see this customer, whether or not it exists.
    pub(super) fn forbidden(customer: &CustomerId) -> Self {
        Self::new(Code::Forbidden, format!("This caller may not read customer '{customer}'; the operator of the gateway grants access."))
    }

    /// The caller must identify themselves first.
    fn unauthorized(why: &str, mode: Mode, challenge: &str) -> Self {
        let what = match mode {
            Mode::Keys => "Send a key that this gateway knows, as 'Authorization: Bearer ...' or as 'X-Api-Key'.",
            Mode::Jwt => "Send a token from the issuer that this gateway trusts, as 'Authorization: Bearer ...'.",
            Mode::None => "Send a key or a token that this gateway accepts, as 'Authorization: Bearer ...', or a key as 'X-Api-Key'.",
        };
        Self::new(Code::Unauthorized, format!("{why} {what}")).header(header::WWW_AUTHENTICATE, challenge.to_owned())
    }

    /// The caller was not admitted; `mode` decides what the message tells them to send.
    pub(super) fn denied(denied: &Denied, mode: Mode) -> Self {
        match denied {
            Denied::Missing => Self::unauthorized("The request carries no credentials.", mode, "Bearer realm=\"rollcall\""),
            Denied::Refused(why) => Self::unauthorized(why, mode, "Bearer realm=\"rollcall\", error=\"invalid_token\""),
            Denied::TooOften { wait, .. } => Self::of_status(StatusCode::TOO_MANY_REQUESTS).retry_after(*wait),
            Denied::RefusedTooOften { wait } => {
                let what = "Too many requests from this address were refused; wait, then send valid credentials.";
                Self::new(Code::RateLimited, what).retry_after(*wait)
            }
            Denied::Uncheckable => {
                let what = "The issuer's signing keys cannot be fetched, so tokens cannot be verified; try again later.";
                Self::new(Code::KeysUnavailable, what).retry_after(SOME_TIME)
            }
        }
    }

    /// No roll could be made.
    pub(super) fn refused(customer: &CustomerId, refusal: &Refusal, outcomes: &[SourceOutcome]) -> Self {
        let kind = refusal.failure.kind;
        let is_of_the_caller = outcomes.iter().any(|outcome| Some(outcome.source) == refusal.source && outcome.is_of_the_caller());
        let code = match Code::from(kind) {
            Code::UpstreamUnauthorized if is_of_the_caller => Code::UpstreamCredentialsRefused,
            code => code,
        };
        let mut error = Self::new(code, sentence(customer.as_str(), kind, refusal.source, is_of_the_caller));
        error.sources = outcomes.iter().map(SourceFailure::from).collect();
        if error.code.status() == 503 {
            error = error.retry_after(refusal.failure.retry_after.unwrap_or(SOME_TIME));
        }
        if let (401, Some(source)) = (error.code.status(), refusal.source) {
            error = error.header(header::WWW_AUTHENTICATE, format!("Bearer realm=\"{source}\""));
        }
        error
    }

    /// The customer's roll is complete, according to these sources, and has no such user.
    pub(super) fn user_not_found(outcomes: &[SourceOutcome]) -> Self {
        let sources = outcomes.iter().map(SourceFailure::from).collect();
        Self { sources, ..Self::new(Code::UserNotFound, "The customer has no such user.") }
    }

    /// The process has been asked to stop.
    pub(super) fn shutting_down() -> Self {
        Self::new(Code::ShuttingDown, "The gateway is shutting down; ask another instance.")
    }

    /// No strategy links the customer to any source.
    pub(super) fn not_linked(customer: &str) -> Self {
        Self::new(Code::CustomerNotFound, format!("Customer '{customer}' is not linked to any source."))
    }

    /// The error that a bare status from a layer below stands for.
    pub(super) fn of_status(status: StatusCode) -> Self {
        let (code, message) = match status.as_u16() {
            404 => (Code::RouteNotFound, "No such route; the OpenAPI document lists the available ones."),
            405 => (Code::MethodNotAllowed, "This route does not support the method; see the Allow header."),
            406 => (Code::NotAcceptable, "This route offers nothing that the Accept header allows; it returns application/json."),
            408 => (Code::RequestTimeout, "The request did not arrive completely in time."),
            413 => (Code::PayloadTooLarge, "The request's body is too large; no route here expects one."),
            414 => (Code::UriTooLong, "The request's target is too long."),
            431 => (Code::HeaderTooLarge, "The request's headers are too many or too long."),
            403 => (Code::Forbidden, "This caller may not read this."),
            429 => (Code::RateLimited, "Too many requests from this caller; wait as long as Retry-After says."),
            503 => (Code::Overloaded, "The gateway is at capacity; try again later."),
            400 => (Code::InvalidParameter, "The request is malformed: it must be valid HTTP/1.1 with exactly one Host header."),
            401..=499 => (Code::InvalidParameter, "The request is invalid."),
            _ => (Code::Internal, "Something went wrong inside the gateway; look up the request id in the log."),
        };
        Self::new(code, message)
    }

    /// Asks the caller to wait: whole seconds, at least one.
    #[must_use]
    pub(super) fn retry_after(self, wait: Duration) -> Self {
        self.header(header::RETRY_AFTER, (wait.as_secs_f64().ceil().max(1.0)).to_string())
    }

    fn header(mut self, name: HeaderName, value: String) -> Self {
        self.headers.extend(HeaderValue::try_from(value).ok().map(|value| (name, value)));
        self
    }
}

/// One sentence that says what is wrong and which source it concerns.
pub(super) fn sentence(customer: &str, kind: FailureKind, source: Option<SourceName>, is_of_the_caller: bool) -> String {
    let source = source.map_or("A source".to_owned(), |source| format!("Source '{source}'"));
    match kind {
        FailureKind::NotFound => format!("No source knows customer '{customer}'."),
        FailureKind::BadRequest => {
            format!("{source} rejected the request for customer '{customer}': it does not accept ids in this format.")
        }
        FailureKind::Unauthorized if is_of_the_caller => {
            format!("{source} refused the credentials sent with the request, or none were sent; send valid ones in its header.")
        }
        FailureKind::Forbidden if is_of_the_caller => {
            format!("{source} does not allow the credentials sent with the request to read this customer's users.")
        }
        FailureKind::Unauthorized => format!("{source} refused the gateway's credentials; the operator of the gateway has to renew them."),
        FailureKind::Forbidden => format!("{source} does not allow the gateway's credentials to read this customer's users."),
        FailureKind::RateLimited => format!("{source} is being asked too often; try again later."),
        FailureKind::Overloaded => format!("{source} is failing or busy and is not being called for now; try again later."),
        FailureKind::Timeout => format!("{source} did not answer in time."),
        FailureKind::Unavailable => format!("{source} is out of order or cannot be reached."),
        FailureKind::InvalidResponse => format!("{source} returned an answer that cannot be used."),
    }
}

impl SourceFailure {
    /// The result that a source has just given.
    pub(super) fn fresh(source: SourceName, status: FailureKind, http_status: Option<u16>) -> Self {
        Self { source, status: status.into(), http_status, stale: false, error: None }
    }
}

impl From<&SourceOutcome> for SourceFailure {
    fn from(outcome: &SourceOutcome) -> Self {
        let http_status = match &outcome.copy {
            None => None,
            Some(Err(failure)) => failure.http_status,
            Some(Ok(copy)) => match &copy.answer {
                SourceAnswer::Users(_) => Some(200),
                SourceAnswer::NotFound(failure) => failure.http_status,
            },
        };
        Self { source: outcome.source, status: outcome.into(), http_status, stale: outcome.is_stale(), error: outcome.error }
    }
}

impl From<InvalidCustomerId> for ApiError {
    fn from(error: InvalidCustomerId) -> Self {
        Self::new(Code::InvalidCustomerId, format!("Parameter 'customer_id' is wrong. {error}"))
    }
}

impl From<LinksUnavailable> for ApiError {
    fn from(LinksUnavailable(wait): LinksUnavailable) -> Self {
        let message = "The sources' customer lists are still loading, so customers cannot be resolved yet; try again later.";
        Self::new(Code::LinksUnavailable, message).retry_after(wait)
    }
}

impl From<InvalidCursor> for ApiError {
    fn from(error: InvalidCursor) -> Self {
        Self::new(Code::InvalidCursor, format!("Parameter 'cursor' is wrong. {error} Start again without it."))
    }
}

impl IntoResponse for ApiError {
    /// Sets status and headers; the `envelope` layer writes the body.
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = status.into_response();
        response.headers_mut().extend(self.headers.iter().cloned());
        response.extensions_mut().insert(self);
        response
    }
}
