//! The names of request and response headers that `http` does not define.

use http::HeaderName;

pub(super) use crate::outbound::{REQUEST_ID, TRACEPARENT};

/// A caller's key.
pub(super) const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// The clients that proxies forward requests for.
pub(super) const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// How an answer came about (RFC 9211).
pub(super) const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

/// How long each source took.
pub(super) const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// Whether users may be missing, for answers without an envelope.
pub(super) const ROLLCALL_STATUS: HeaderName = HeaderName::from_static("rollcall-status");

/// The roll's warnings, for answers without an envelope.
pub(super) const ROLLCALL_WARNINGS: HeaderName = HeaderName::from_static("rollcall-warnings");
