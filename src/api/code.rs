//! The public error codes: the closed list, and what each stands for. Matches without `_`, so
//! that a new code does not compile until somebody decides.

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::FailureKind;

/// What went wrong, for a program. The list may grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ErrorCode)]
pub enum Code {
    /// The customer id in the path has a form that no id has.
    InvalidCustomerId,
    /// A query parameter is unknown, repeated or out of range, or the request cannot be read.
    InvalidParameter,
    /// The cursor is damaged, or belongs to another customer or to other parameters.
    InvalidCursor,
    /// A source says that the request it was sent is wrong: the id has a form it does not know.
    UpstreamBadRequest,
    /// The caller's own key or token is missing or refused.
    Unauthorized,
    /// A source refuses the gateway's credentials.
    UpstreamUnauthorized,
    /// A source refuses the credentials that the caller brought, or he brought none.
    UpstreamCredentialsRefused,
    /// This caller may not read this customer.
    Forbidden,
    /// Every source that the customer is linked to says that it does not know it.
    CustomerNotFound,
    /// The customer's roll, which is whole, does not have such a user.
    UserNotFound,
    /// There is no such route.
    RouteNotFound,
    /// The route does not know this method.
    MethodNotAllowed,
    /// The route has nothing that the `Accept` header allows.
    NotAcceptable,
    /// The request did not come whole in time.
    RequestTimeout,
    /// The request has a body that is too large.
    PayloadTooLarge,
    /// The request's target is too long.
    UriTooLong,
    /// The request's headers are too many or too long.
    HeaderTooLarge,
    /// This caller asks too often.
    RateLimited,
    /// A bug.
    Internal,
    /// A source knows the gateway and forbids it to read this.
    UpstreamForbidden,
    /// A source does not answer, or says that it is out of order.
    UpstreamUnavailable,
    /// A source's answer cannot be read, or its counts never agreed.
    UpstreamInvalidResponse,
    /// A source is asked too often.
    UpstreamRateLimited,
    /// The gateway holds back calls to a source that is in trouble.
    Overloaded,
    /// The keys that callers' tokens are checked with cannot be had.
    KeysUnavailable,
    /// The lists that say who a customer is at each source were not all read yet.
    LinksUnavailable,
    /// The gateway is about to stop.
    ShuttingDown,
    /// A source did not answer in time.
    UpstreamTimeout,
}

/// Who can mend it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Owner {
    /// Whoever sent the request.
    Caller,
    /// Whoever runs the gateway.
    Gateway,
    /// Whoever runs the source.
    Upstream,
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
        match self {
            Self::InvalidCustomerId => "invalid_customer_id",
            Self::InvalidParameter => "invalid_parameter",
            Self::InvalidCursor => "invalid_cursor",
            Self::UpstreamBadRequest => "upstream_bad_request",
            Self::Unauthorized => "unauthorized",
            Self::UpstreamUnauthorized => "upstream_unauthorized",
            Self::UpstreamCredentialsRefused => "upstream_credentials_refused",
            Self::Forbidden => "forbidden",
            Self::CustomerNotFound => "customer_not_found",
            Self::UserNotFound => "user_not_found",
            Self::RouteNotFound => "route_not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::NotAcceptable => "not_acceptable",
            Self::RequestTimeout => "request_timeout",
            Self::PayloadTooLarge => "payload_too_large",
            Self::UriTooLong => "uri_too_long",
            Self::HeaderTooLarge => "header_too_large",
            Self::RateLimited => "rate_limited",
            Self::Internal => "internal",
            Self::UpstreamForbidden => "upstream_forbidden",
            Self::UpstreamUnavailable => "upstream_unavailable",
            Self::UpstreamInvalidResponse => "upstream_invalid_response",
            Self::UpstreamRateLimited => "upstream_rate_limited",
            Self::Overloaded => "overloaded",
            Self::KeysUnavailable => "keys_unavailable",
            Self::LinksUnavailable => "links_unavailable",
            Self::ShuttingDown => "shutting_down",
            Self::UpstreamTimeout => "upstream_timeout",
        }
    }

    /// The HTTP status.
    pub const fn status(self) -> u16 {
        match self {
            Self::InvalidCustomerId | Self::InvalidParameter | Self::InvalidCursor | Self::UpstreamBadRequest => 400,
            Self::Unauthorized | Self::UpstreamUnauthorized | Self::UpstreamCredentialsRefused => 401,
            Self::Forbidden => 403,
            Self::CustomerNotFound | Self::UserNotFound | Self::RouteNotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::NotAcceptable => 406,
            Self::RequestTimeout => 408,
            Self::PayloadTooLarge => 413,
            Self::UriTooLong => 414,
            Self::RateLimited => 429,
            Self::HeaderTooLarge => 431,
            Self::Internal => 500,
            Self::UpstreamForbidden | Self::UpstreamUnavailable | Self::UpstreamInvalidResponse => 502,
            Self::UpstreamRateLimited | Self::Overloaded | Self::KeysUnavailable | Self::LinksUnavailable | Self::ShuttingDown => 503,
            Self::UpstreamTimeout => 504,
        }
    }

    /// Who can mend it.
    pub const fn owner(self) -> Owner {
        match self {
            Self::InvalidCustomerId
            | Self::InvalidParameter
            | Self::InvalidCursor
            | Self::UpstreamBadRequest
            | Self::Unauthorized
            | Self::UpstreamCredentialsRefused
            | Self::Forbidden
            | Self::CustomerNotFound
            | Self::UserNotFound
            | Self::RouteNotFound
            | Self::MethodNotAllowed
            | Self::NotAcceptable
            | Self::RequestTimeout
            | Self::PayloadTooLarge
            | Self::UriTooLong
            | Self::HeaderTooLarge
            | Self::RateLimited => Owner::Caller,
            Self::UpstreamUnauthorized
            | Self::UpstreamForbidden
            | Self::Overloaded
            | Self::KeysUnavailable
            | Self::LinksUnavailable
            | Self::ShuttingDown
            | Self::Internal => Owner::Gateway,
            Self::UpstreamRateLimited | Self::UpstreamTimeout | Self::UpstreamUnavailable | Self::UpstreamInvalidResponse => {
                Owner::Upstream
            }
        }
    }

    /// Whether the same request may succeed later, with nobody having changed anything.
    pub const fn is_retryable(self) -> bool {
        match self {
            Self::RequestTimeout
            | Self::RateLimited
            | Self::UpstreamRateLimited
            | Self::UpstreamTimeout
            | Self::UpstreamUnavailable
            | Self::UpstreamInvalidResponse
            | Self::Overloaded
            | Self::KeysUnavailable
            | Self::LinksUnavailable
            | Self::ShuttingDown => true,
            Self::InvalidCustomerId
            | Self::InvalidParameter
            | Self::InvalidCursor
            | Self::UpstreamBadRequest
            | Self::CustomerNotFound
            | Self::UserNotFound
            | Self::RouteNotFound
            | Self::MethodNotAllowed
            | Self::NotAcceptable
            | Self::PayloadTooLarge
            | Self::UriTooLong
            | Self::HeaderTooLarge
            | Self::Unauthorized
            | Self::UpstreamUnauthorized
            | Self::UpstreamCredentialsRefused
            | Self::Forbidden
            | Self::UpstreamForbidden
            | Self::Internal => false,
        }
    }

    /// What the error is called, for a person.
    pub const fn title(self) -> &'static str {
        match self {
            Self::InvalidCustomerId => "Invalid customer id",
            Self::InvalidParameter => "Invalid parameter",
            Self::InvalidCursor => "Invalid cursor",
            Self::UpstreamBadRequest => "A source calls the request wrong",
            Self::Unauthorized => "Unauthorized",
            Self::UpstreamUnauthorized => "A source refuses the gateway's credentials",
            Self::UpstreamCredentialsRefused => "A source refuses the caller's credentials",
            Self::Forbidden => "Forbidden",
            Self::CustomerNotFound => "Customer not found",
            Self::UserNotFound => "User not found",
            Self::RouteNotFound => "Route not found",
            Self::MethodNotAllowed => "Method not allowed",
            Self::NotAcceptable => "Not acceptable",
            Self::RequestTimeout => "Request timeout",
            Self::PayloadTooLarge => "Payload too large",
            Self::UriTooLong => "URI too long",
            Self::HeaderTooLarge => "Header too large",
            Self::RateLimited => "Asked too often",
            Self::Internal => "Internal error",
            Self::UpstreamForbidden => "A source forbids it",
            Self::UpstreamUnavailable => "A source is unavailable",
            Self::UpstreamInvalidResponse => "A source's answer cannot be used",
            Self::UpstreamRateLimited => "A source is asked too often",
            Self::Overloaded => "A source is held back",
            Self::KeysUnavailable => "Tokens cannot be checked",
            Self::LinksUnavailable => "The links are not there yet",
            Self::ShuttingDown => "Shutting down",
            Self::UpstreamTimeout => "A source is too slow",
        }
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
