//! What is known of a request from its beginning on, for all who answer it.

use std::sync::OnceLock;

use http::StatusCode;

use super::error::ApiError;
use crate::{access::Caller, outbound::Deadline, roll::AskContext, telemetry::Origin};

/// A request that has come; the outermost layer notes it for all below.
pub(super) struct RequestContext {
    /// Its id and its trace.
    pub(super) origin: Origin,
    /// Until when an answer is of use.
    pub(super) deadline: Deadline,
    /// Who asks, once that is known: for whatever is for callers only, and for the log line, which is
    /// written also when he hangs up.
    pub(super) caller: OnceLock<Caller>,
}

impl RequestContext {
    /// Who asks, on a route that is for callers.
    pub(super) fn caller(&self) -> Result<&Caller, ApiError> {
        // A route without a guard is a bug.
        self.caller.get().ok_or_else(|| ApiError::of_status(StatusCode::INTERNAL_SERVER_ERROR))
    }

    /// How long whoever asks waits, and whether the sources are to be asked now.
    pub(super) fn ask_context(&self, refresh: bool) -> AskContext {
        AskContext { origin: self.origin.clone(), deadline: self.deadline, refresh }
    }
}
