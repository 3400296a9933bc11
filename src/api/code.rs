//! The public error codes: the closed list, and the facts of each. One match without `_`, so that a
//! new code does not compile until its facts are decided.

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::FailureKind;

/// Whether the same request may succeed later without any change.
const LATER: bool = true;
const NEVER: bool = false;

/// What went wrong, for a program. The list may grow; judge a code that you do not know by the HTTP status.
///
/// - `invalid_customer_id`: the customer id in the path has an invalid format.
/// - `invalid_parameter`: a query parameter is unknown, repeated or out of range, or the request is malformed.
/// - `invalid_cursor`: the cursor is damaged, or belongs to another customer or to other parameters.
/// - `upstream_bad_request`: a source rejected the request: it does not accept ids in this format.
/// - `unauthorized`: the caller's own key or token is missing or was refused.
/// - `upstream_unauthorized`: a source refused the gateway's credentials.
/// - `upstream_credentials_refused`: a source refused the credentials that the caller sent for it, or the caller sent none.
/// - `forbidden`: this caller may not read this customer, whether or not it exists.
/// - `customer_not_found`: every source that the customer is linked to says that it does not know the customer, or the
///   customer is linked to none.
/// - `user_not_found`: the customer's roll is complete and has no such user.
/// - `route_not_found`: there is no such route.
/// - `method_not_allowed`: the route does not support this method; `Allow` lists those that it does.
/// - `not_acceptable`: the route offers no media type that the `Accept` header allows.
/// - `request_timeout`: the request did not arrive completely in time.
/// - `payload_too_large`: the request's body is too large.
/// - `uri_too_long`: the request's target is too long.
/// - `header_too_large`: the request's headers are too many or too long.
/// - `rate_limited`: the caller sends requests too often, or too many requests from its address were refused.
/// - `internal`: a bug in the gateway.
/// - `upstream_forbidden`: a source accepts the credentials, but does not let them read this.
/// - `upstream_unavailable`: a source is out of order or cannot be reached.
/// - `upstream_invalid_response`: a source's answer cannot be used, or its counts never agreed.
/// - `upstream_rate_limited`: a source answered that it is being asked too often.
/// - `overloaded`: the gateway is at capacity, or holds back calls to a source that is failing or busy.
/// - `keys_unavailable`: the keys that verify callers' tokens cannot be fetched.
/// - `links_unavailable`: the lists that say which id a customer has at each source have not all been read yet.
/// - `shutting_down`: the gateway is shutting down; only `/health/ready` answers this.
/// - `upstream_timeout`: a source did not answer in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ErrorCode)]
pub enum Code {
    /// The customer id in the path has an invalid format.
    InvalidCustomerId,
    /// A query parameter is unknown, repeated or out of range, or the request is malformed.
    InvalidParameter,
    /// The cursor is damaged, or belongs to another customer or to other parameters.
    InvalidCursor,
    /// A source rejected the request: it does not accept ids in this format.
    UpstreamBadRequest,
    /// The caller's own key or token is missing or was refused.
    Unauthorized,
    /// A source refused the gateway's credentials.
    UpstreamUnauthorized,
    /// A source refused the credentials that the caller sent for it, or the caller sent none.
    UpstreamCredentialsRefused,
    /// This caller may not read this customer.
    Forbidden,
    /// Every source that the customer is linked to says that it does not know the customer, or it is linked to none.
    CustomerNotFound,
    /// The customer's roll is complete and has no such user.
    UserNotFound,
    /// There is no such route.
    RouteNotFound,
    /// The route does not support this method.
    MethodNotAllowed,
    /// The route offers no media type that the `Accept` header allows.
    NotAcceptable,
    /// The request did not arrive completely in time.
    RequestTimeout,
    /// The request's body is too large.
    PayloadTooLarge,
    /// The request's target is too long.
    UriTooLong,
    /// The request's headers are too many or too long.
    HeaderTooLarge,
    /// The caller sends requests too often, or too many requests from its address were refused.
    RateLimited,
    /// A bug in the gateway.
    Internal,
    /// A source accepts the credentials, but does not let them read this.
    UpstreamForbidden,
    /// A source is out of order or cannot be reached.
    UpstreamUnavailable,
    /// A source's answer cannot be used, or its counts never agreed.
    UpstreamInvalidResponse,
    /// A source answered that it is being asked too often.
    UpstreamRateLimited,
    /// The gateway is at capacity, or holds back calls to a source that is failing or busy.
    Overloaded,
    /// The keys that verify callers' tokens cannot be fetched.
    KeysUnavailable,
    /// The lists that say which id a customer has at each source have not all been read yet.
    LinksUnavailable,
    /// The gateway is shutting down.
    ShuttingDown,
    /// A source did not answer in time.
    UpstreamTimeout,
}

/// Who can fix the error.
///
/// - `caller`: the sender of the request.
/// - `gateway`: the operator of the gateway.
/// - `upstream`: the operator of the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Owner {
    /// The sender of the request.
    Caller,
    /// The operator of the gateway.
    Gateway,
    /// The operator of the source.
    Upstream,
}

/// What is fixed for each code.
struct Facts {
    name: &'static str,
    status: u16,
    owner: Owner,
    is_retryable: bool,
    title: &'static str,
}

impl Code {
    /// Every code.
    pub const ALL: [Self; 28] = [
        Self::InvalidCustomerId,
        Self::InvalidParameter,
        Self::InvalidCursor,
        Self::UpstreamBadRequest,
        Self::Unauthorized,
        Self::UpstreamUnauthorized,
        Self::UpstreamCredentialsRefused,
        Self::Forbidden,
        Self::CustomerNotFound,
        Self::UserNotFound,
        Self::RouteNotFound,
        Self::MethodNotAllowed,
        Self::NotAcceptable,
        Self::RequestTimeout,
        Self::PayloadTooLarge,
        Self::UriTooLong,
        Self::HeaderTooLarge,
        Self::RateLimited,
        Self::Internal,
        Self::UpstreamForbidden,
        Self::UpstreamUnavailable,
        Self::UpstreamInvalidResponse,
        Self::UpstreamRateLimited,
        Self::Overloaded,
        Self::KeysUnavailable,
        Self::LinksUnavailable,
        Self::ShuttingDown,
        Self::UpstreamTimeout,
    ];

    /// The name in JSON.
    pub const fn as_str(self) -> &'static str {
        self.facts().name
    }

    /// The HTTP status.
    pub const fn status(self) -> u16 {
        self.facts().status
    }

    /// Who can fix the error.
    pub const fn owner(self) -> Owner {
        self.facts().owner
    }

    /// Whether the same request may succeed later without any change.
    pub const fn is_retryable(self) -> bool {
        self.facts().is_retryable
    }

    /// The error's title, for a person.
    pub const fn title(self) -> &'static str {
        self.facts().title
    }

    const fn facts(self) -> Facts {
        use Owner::{Caller, Gateway, Upstream};
        let (name, status, owner, is_retryable, title) = match self {
            Self::InvalidCustomerId => ("invalid_customer_id", 400, Caller, NEVER, "Invalid customer id"),
            Self::InvalidParameter => ("invalid_parameter", 400, Caller, NEVER, "Invalid parameter"),
            Self::InvalidCursor => ("invalid_cursor", 400, Caller, NEVER, "Invalid cursor"),
            Self::UpstreamBadRequest => ("upstream_bad_request", 400, Caller, NEVER, "A source rejected the request"),
            Self::Unauthorized => ("unauthorized", 401, Caller, NEVER, "Unauthorized"),
            Self::UpstreamUnauthorized => ("upstream_unauthorized", 401, Gateway, NEVER, "A source refused the gateway's credentials"),
            Self::UpstreamCredentialsRefused => {
                ("upstream_credentials_refused", 401, Caller, NEVER, "A source refused the caller's credentials")
            }
            Self::Forbidden => ("forbidden", 403, Caller, NEVER, "Forbidden"),
            Self::CustomerNotFound => ("customer_not_found", 404, Caller, NEVER, "Customer not found"),
            Self::UserNotFound => ("user_not_found", 404, Caller, NEVER, "User not found"),
            Self::RouteNotFound => ("route_not_found", 404, Caller, NEVER, "Route not found"),
            Self::MethodNotAllowed => ("method_not_allowed", 405, Caller, NEVER, "Method not allowed"),
            Self::NotAcceptable => ("not_acceptable", 406, Caller, NEVER, "Not acceptable"),
            Self::RequestTimeout => ("request_timeout", 408, Caller, LATER, "Request timeout"),
            Self::PayloadTooLarge => ("payload_too_large", 413, Caller, NEVER, "Payload too large"),
            Self::UriTooLong => ("uri_too_long", 414, Caller, NEVER, "URI too long"),
            Self::HeaderTooLarge => ("header_too_large", 431, Caller, NEVER, "Header too large"),
            Self::RateLimited => ("rate_limited", 429, Caller, LATER, "Too many requests"),
            Self::Internal => ("internal", 500, Gateway, NEVER, "Internal error"),
            Self::UpstreamForbidden => ("upstream_forbidden", 502, Gateway, NEVER, "A source denied access"),
            Self::UpstreamUnavailable => ("upstream_unavailable", 502, Upstream, LATER, "A source is unavailable"),
            Self::UpstreamInvalidResponse => ("upstream_invalid_response", 502, Upstream, LATER, "A source's answer cannot be used"),
            Self::UpstreamRateLimited => ("upstream_rate_limited", 503, Upstream, LATER, "A source is rate limiting the gateway"),
            Self::Overloaded => ("overloaded", 503, Gateway, LATER, "Temporarily overloaded"),
            Self::KeysUnavailable => ("keys_unavailable", 503, Gateway, LATER, "Tokens cannot be verified"),
            Self::LinksUnavailable => ("links_unavailable", 503, Gateway, LATER, "The links are not available yet"),
            Self::ShuttingDown => ("shutting_down", 503, Gateway, LATER, "Shutting down"),
            Self::UpstreamTimeout => ("upstream_timeout", 504, Upstream, LATER, "A source did not answer in time"),
        };
        Facts { name, status, owner, is_retryable, title }
    }
}

impl From<FailureKind> for Code {
    fn from(kind: FailureKind) -> Self {
        match kind {
            FailureKind::Unauthorized => Self::UpstreamUnauthorized,
            FailureKind::Forbidden => Self::UpstreamForbidden,
            FailureKind::RateLimited => Self::UpstreamRateLimited,
            FailureKind::Overloaded => Self::Overloaded,
            FailureKind::Timeout => Self::UpstreamTimeout,
            FailureKind::Unavailable => Self::UpstreamUnavailable,
            FailureKind::InvalidResponse => Self::UpstreamInvalidResponse,
            FailureKind::BadRequest => Self::UpstreamBadRequest,
            FailureKind::NotFound => Self::CustomerNotFound,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_named_once() {
        for code in Code::ALL {
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
        }
    }

    #[test]
    fn each_failure_has_the_status_that_callers_were_promised() {
        let promised = [401, 502, 503, 503, 504, 502, 502, 400, 404];
        assert_eq!(FailureKind::ALL.map(|kind| Code::from(kind).status()), promised);
    }
}
