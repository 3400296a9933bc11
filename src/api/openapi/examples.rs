//! An example of every error, as the envelope writes it.

use std::time::Duration;

use http::StatusCode;

use crate::{
    access::{Denied, Mode},
    api::{
        code::Code,
        envelope::ErrorEnvelope,
        error::{ApiError, SourceFailure, sentence},
    },
    customers::LinksUnavailable,
    domain::{FailureKind, InvalidCursor, InvalidCustomerId, Moment},
    sources::Backend,
};

/// Returns the example for a code, with a fixed id and time. `asked` are the sources that the route asks, if it asks any;
/// `problem` chooses the form of RFC 9457.
pub(super) fn example(code: Code, asked: &[Backend], problem: bool) -> serde_json::Value {
    let error = error(code, asked);
    let envelope = ErrorEnvelope::new(&error, "019a8f3e-7c1d-7000-8000-000000000000", Moment::EXAMPLE);
    let value = if problem { serde_json::to_value(envelope.into_problem()) } else { serde_json::to_value(envelope) };
    value.unwrap_or_default()
}

fn error(code: Code, asked: &[Backend]) -> ApiError {
    match code {
        Code::UpstreamCredentialsRefused => of_sources(code, FailureKind::Unauthorized, asked, true),
        Code::InvalidCustomerId => InvalidCustomerId.into(),
        Code::InvalidCursor => InvalidCursor.into(),
        Code::Unauthorized => ApiError::denied(&Denied::Missing, Mode::None),
        Code::KeysUnavailable => ApiError::denied(&Denied::Uncheckable, Mode::None),
        Code::InvalidParameter => ApiError::parameter("page_size", "must be a whole number from 1 to 1000."),
        Code::UserNotFound => ApiError::user_not_found(&[]),
        Code::LinksUnavailable => LinksUnavailable(Duration::ZERO).into(),
        Code::ShuttingDown => ApiError::shutting_down(),
        code => match FailureKind::ALL.into_iter().find(|kind| !asked.is_empty() && Code::from(*kind) == code) {
            Some(kind) => of_sources(code, kind, asked, false),
            None if code == Code::CustomerNotFound => ApiError::not_linked("acme"),
            None => ApiError::of_status(StatusCode::from_u16(code.status()).unwrap_or_default()),
        },
    }
}

/// All sources fail in the same way, because of the credentials that the caller sent or not.
fn of_sources(code: Code, kind: FailureKind, asked: &[Backend], is_of_the_caller: bool) -> ApiError {
    let mut error = ApiError::new(code, sentence("acme", kind, asked.first().map(|backend| backend.name), is_of_the_caller));
    error.sources = asked.iter().map(|backend| SourceFailure::fresh(backend.name, kind, usual_status(kind))).collect();
    error
}

/// The HTTP status that usually goes with a failure.
fn usual_status(kind: FailureKind) -> Option<u16> {
    match kind {
        FailureKind::Unauthorized => Some(401),
        FailureKind::Forbidden => Some(403),
        FailureKind::RateLimited => Some(429),
        FailureKind::Overloaded | FailureKind::Timeout => None,
        FailureKind::Unavailable => Some(503),
        FailureKind::InvalidResponse => Some(200),
        FailureKind::BadRequest => Some(400),
        FailureKind::NotFound => Some(404),
    }
}
