//! The outcome of one source, as one of a closed list of names that callers see.

use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    domain::FailureKind,
    roll::{SourceAnswer, SourceOutcome},
};

/// The outcome of one source. The list may grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum SourceStatus {
    /// The source's users are included.
    Ok,
    /// The source's users are included, but its counts never agreed: some may be missing.
    Incomplete,
    /// The source does not know the customer.
    NotFound,
    /// The customer is not linked to the source, which was not asked.
    NotLinked,
    /// The source rejected the request (400, 422).
    BadRequest,
    /// The source refused the credentials (401).
    Unauthorized,
    /// The source does not allow the credentials to read this (403).
    Forbidden,
    /// The source is being asked too often (429).
    RateLimited,
    /// The source did not answer in time.
    Timeout,
    /// The source is out of order (5xx) or cannot be reached.
    Unavailable,
    /// The source's answer cannot be used: a redirect, not JSON, cut short, too large, or of the wrong shape.
    InvalidResponse,
    /// The source was not asked, because it is failing or busy.
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
