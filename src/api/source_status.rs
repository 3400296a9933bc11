//! The outcome of one source, as one of a closed list of names that callers see.

use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    domain::FailureKind,
    roll::{SourceAnswer, SourceOutcome},
};

/// The outcome of asking one source. The list is closed.
///
/// - `ok`: the source's users are included.
/// - `incomplete`: the source's users are included, but its counts never agreed, so some may be missing.
/// - `not_found`: the source does not know the customer.
/// - `not_linked`: the customer is not linked to the source, which was therefore not asked.
/// - `bad_request`: the source rejected the request (400, 422), for example because it does not accept ids in this format.
/// - `unauthorized`: the source, or the server that issues its tokens, refused the credentials, or there were none.
/// - `forbidden`: the source accepted the credentials, but does not let them read this (403).
/// - `rate_limited`: the source answered that it is being asked too often (429).
/// - `timeout`: the source did not answer in time.
/// - `unavailable`: the source is out of order (5xx) or cannot be reached.
/// - `invalid_response`: the source's answer cannot be used: for example a redirect, not JSON, cut short, too large, of the
///   wrong shape, or about another customer.
/// - `overloaded`: the source was not asked, because it has been failing or is busy with other calls of the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum SourceStatus {
    Ok,
    Incomplete,
    NotFound,
    NotLinked,
    BadRequest,
    Unauthorized,
    Forbidden,
    RateLimited,
    Timeout,
    Unavailable,
    InvalidResponse,
    Overloaded,
}

impl SourceStatus {
    /// The name in JSON and logs.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Incomplete => "incomplete",
            Self::NotFound => "not_found",
            Self::NotLinked => "not_linked",
            Self::BadRequest => "bad_request",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::RateLimited => "rate_limited",
            Self::Timeout => "timeout",
            Self::Unavailable => "unavailable",
            Self::InvalidResponse => "invalid_response",
            Self::Overloaded => "overloaded",
        }
    }
}

impl From<FailureKind> for SourceStatus {
    fn from(kind: FailureKind) -> Self {
        match kind {
            FailureKind::Unauthorized => Self::Unauthorized,
            FailureKind::Forbidden => Self::Forbidden,
            FailureKind::RateLimited => Self::RateLimited,
            FailureKind::Overloaded => Self::Overloaded,
            FailureKind::Timeout => Self::Timeout,
            FailureKind::Unavailable => Self::Unavailable,
            FailureKind::InvalidResponse => Self::InvalidResponse,
            FailureKind::BadRequest => Self::BadRequest,
            FailureKind::NotFound => Self::NotFound,
        }
    }
}

impl From<&SourceOutcome> for SourceStatus {
    fn from(outcome: &SourceOutcome) -> Self {
        match &outcome.copy {
            None => Self::NotLinked,
            Some(Err(failure)) => failure.kind.into(),
            Some(Ok(copy)) => match &copy.answer {
                SourceAnswer::Users(walk) if walk.complete => Self::Ok,
                SourceAnswer::Users(_) => Self::Incomplete,
                SourceAnswer::NotFound(_) => Self::NotFound,
            },
        }
    }
}
