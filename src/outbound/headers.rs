//! The names of headers that go out with calls to sources, beside those that `http` knows.

use http::HeaderName;

/// The id of the request that a call is made for.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The place of a call in its trace (W3C Trace Context).
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
