//! What is known about a request from its start, shared by all that answer it.

use std::sync::OnceLock;

use http::StatusCode;

use super::error::ApiError;
use crate::{access::Caller, outbound::Deadline, roll::AskContext, telemetry::Origin};

/// A received request; the outermost layer attaches it for everything below.
pub(super) struct RequestContext {
    /// Its id and its trace.
    pub(super) origin: Origin,
    /// When an answer must be ready; later it is useless.
    pub(super) deadline: Deadline,
    /// The caller, once known: for all that is for callers only, and for the log line, which is also
    /// written if the caller hangs up.
    pub(super) caller: OnceLock<Caller>,
}

impl RequestContext {
    /// Returns the caller, on a route that is for callers.
    pub(super) fn caller(&self) -> Result<&Caller, ApiError> {
        // A route without authentication is a bug.
        self.caller.get().ok_or_else(|| ApiError::of_status(StatusCode::INTERNAL_SERVER_ERROR))
    }

    /// How long the caller waits, and whether the sources are to be asked now.
    pub(super) fn ask_context(&self, refresh: bool) -> AskContext {
        AskContext { origin: self.origin.clone(), deadline: self.deadline, refresh }
    }
}
