//! Why a source gave no roll: the closed list that callers see, with nothing in it that an upstream wrote.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One failure of one source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What went wrong.
    pub kind: FailureKind,
    /// The HTTP status that the source answered with, if it answered.
    pub http_status: Option<u16>,
    /// How long the source, or our own guard in front of it, asks to be left alone.
    pub retry_after: Option<Duration>,
    /// Whether it was met where the source's tokens are issued, so that the source itself was not asked.
    pub is_of_token: bool,
}

/// Why a source gave no users. If several sources fail, the reason that comes first in this list decides the error.
///
/// - `unauthorized`: it, or the server that issues its tokens, refused the credentials, or there were none.
/// - `forbidden`: it accepted the credentials, but does not let them read this (403).
/// - `rate_limited`: it answered that it is being asked too often (429).
/// - `overloaded`: it was not asked, because it has been failing or is busy with other calls of the gateway.
/// - `timeout`: it did not answer in time.
/// - `unavailable`: it is out of order (5xx) or cannot be reached.
/// - `invalid_response`: its answer cannot be used: for example a redirect, not JSON, cut short, too large, of the wrong
///   shape, or about another customer.
/// - `bad_request`: it rejected the request (400, 422).
/// - `not_found`: it does not know the customer.
// The classes of README's table, strongest first: AUTH, RL, TMO, DOWN, BAD, NF. The order of the variants decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// AUTH: 401 after one renewal of the token, or a refusal of the token endpoint, or no credentials at all.
    Unauthorized,
    /// AUTH: 403.
    Forbidden,
    /// RL: the source's 429.
    RateLimited,
    /// RL: our own breaker or bulkhead rejected the call.
    Overloaded,
    /// TMO: it took too long.
    Timeout,
    /// DOWN: 5xx, or no connection.
    Unavailable,
    /// DOWN: anything else that cannot be used: a redirect, not JSON, cut short, too large, wrong shape.
    InvalidResponse,
    /// BAD: 400 or 422.
    BadRequest,
    /// NF: the source says that it does not know the customer.
    NotFound,
}

// === impl Failure ===

impl Failure {
    /// Creates a failure without an HTTP answer.
    pub const fn new(kind: FailureKind) -> Self {
        Self { kind, http_status: None, retry_after: None, is_of_token: false }
    }

    /// Creates a failure that an HTTP answer reported.
    pub const fn answered(kind: FailureKind, status: u16) -> Self {
        Self { kind, http_status: Some(status), retry_after: None, is_of_token: false }
    }

    /// Returns the one of two failures that decides the caller's answer. If both are of the same kind, or
    /// both ask to be left alone, it carries the longer of the two waits.
    #[must_use]
    pub fn or_stronger(self, other: Self) -> Self {
        let decides = if other.kind < self.kind { other } else { self };
        if self.kind == other.kind || (self.kind.is_limit() && other.kind.is_limit()) {
            return Self { retry_after: self.retry_after.max(other.retry_after), ..decides };
        }
        decides
    }
}

// === impl FailureKind ===

impl FailureKind {
    /// Returns whether it is of class AUTH: credentials were refused, or do not allow this.
    pub const fn is_refusal(self) -> bool {
        matches!(self, Self::Unauthorized | Self::Forbidden)
    }

    /// Returns whether it is of class RL: the source, or our own guard, asks to be left alone.
    pub const fn is_limit(self) -> bool {
        matches!(self, Self::RateLimited | Self::Overloaded)
    }

    /// Every kind, the strongest first.
    pub const ALL: [Self; 9] = [
        Self::Unauthorized,
        Self::Forbidden,
        Self::RateLimited,
        Self::Overloaded,
        Self::Timeout,
        Self::Unavailable,
        Self::InvalidResponse,
        Self::BadRequest,
        Self::NotFound,
    ];

    /// Returns the name in JSON, metrics and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::RateLimited => "rate_limited",
            Self::Overloaded => "overloaded",
            Self::Timeout => "timeout",
            Self::Unavailable => "unavailable",
            Self::InvalidResponse => "invalid_response",
            Self::BadRequest => "bad_request",
            Self::NotFound => "not_found",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_in_the_order_that_decides() {
        assert!(FailureKind::ALL.is_sorted());
    }

    #[test]
    fn whichever_comes_first_the_stronger_one_decides_with_the_wait_that_both_want() {
        use FailureKind::{Overloaded, RateLimited, Timeout, Unavailable};
        let failure =
            |kind, seconds: u64| Failure { retry_after: (seconds > 0).then(|| Duration::from_secs(seconds)), ..Failure::new(kind) };
        for ((one, wait), (other, other_wait), expected) in [
            ((RateLimited, 60), (RateLimited, 120), (RateLimited, 120)),
            ((RateLimited, 0), (Overloaded, 60), (RateLimited, 60)),
            ((Timeout, 0), (Unavailable, 9), (Timeout, 0)),
            ((RateLimited, 5), (Unavailable, 9), (RateLimited, 5)),
        ] {
            let (one, other, expected) = (failure(one, wait), failure(other, other_wait), failure(expected.0, expected.1));
            assert_eq!((one.or_stronger(other), other.or_stronger(one)), (expected, expected));
        }
    }

    #[test]
    fn the_names_are_those_of_the_json() {
        for kind in FailureKind::ALL {
            assert_eq!(serde_json::to_value(kind).ok(), Some(kind.as_str().into()));
        }
    }
}
