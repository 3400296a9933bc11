//! The names of headers sent with calls to sources that `http` has no constant for.

use http::HeaderName;

/// The id of the request that a call is made for.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The position of a call in its trace (W3C Trace Context).
pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
