//! Where a call comes from: the caller's request id and trace, passed on to the sources.

use std::sync::Arc;

use super::traces::{Span, Trace};

/// What ties a request, its log line and its upstream calls together.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The caller's own id of the request, or a generated one.
    pub request_id: Arc<str>,
    /// The trace that the request is part of.
    pub trace: Trace,
}

impl Origin {
    /// Returns the same origin, for whatever happens inside a span.
    #[must_use]
    pub fn inside(&self, span: &Span) -> Self {
        Self { request_id: Arc::clone(&self.request_id), trace: span.trace().unwrap_or_else(|| self.trace.clone()) }
    }
}
