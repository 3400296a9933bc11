//! The names of headers that callers send and get, beside those that `http` knows.

use http::HeaderName;

pub(super) use crate::outbound::{REQUEST_ID, TRACEPARENT};

/// A caller's key.
pub(super) const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// Whom a proxy asks for.
pub(super) const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// How an answer came about (RFC 9211).
pub(super) const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

/// How long each source took.
pub(super) const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// Whether users may be missing, where no envelope says so.
pub(super) const ROLLCALL_STATUS: HeaderName = HeaderName::from_static("rollcall-status");

/// What else a caller should know about the roll, where no envelope says so.
pub(super) const ROLLCALL_WARNINGS: HeaderName = HeaderName::from_static("rollcall-warnings");
