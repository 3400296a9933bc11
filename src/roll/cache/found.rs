//! The result of asking one source, and how the cache was used.

use std::sync::Arc;

use crate::{
    domain::{Failure, FailureKind},
    roll::cached_answer::CachedAnswer,
    telemetry::CacheUse,
};

/// The result of asking one source.
#[derive(Clone, Debug)]
pub(in crate::roll) struct Found {
    /// A copy to answer with, or why there is none.
    pub(in crate::roll) copy: Result<Arc<CachedAnswer>, Failure>,
    /// Why a refresh of the copy failed, if one did.
    pub(in crate::roll) error: Option<FailureKind>,
    /// How the cache was used.
    pub(in crate::roll) cache: CacheStatus,
}

/// Whether a source was asked for an answer (RFC 9211).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheStatus {
    /// It was not: there was a copy.
    Hit,
    /// It was.
    Forwarded {
        /// Why.
        reason: ForwardReason,
        /// Whose walk it took, and whether its result was kept.
        walk: WalkShare,
    },
}

/// Why a source was asked (RFC 9211, 2.2). If several reasons apply, the first in this order is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ForwardReason {
    /// The caller asked for it.
    Request,
    /// There was no copy.
    UriMiss,
    /// The copy was stale.
    Stale,
}

/// Whose walk a caller waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WalkShare {
    /// Their own, and its result was kept.
    Stored,
    /// Their own, and nothing was kept.
    NotStored,
    /// One that had begun before.
    Collapsed,
}

impl ForwardReason {
    /// The parameter `fwd`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::UriMiss => "uri-miss",
            Self::Stale => "stale",
        }
    }
}

impl From<CacheStatus> for CacheUse {
    fn from(status: CacheStatus) -> Self {
        match status {
            CacheStatus::Hit => Self::Hit,
            CacheStatus::Forwarded { walk: WalkShare::Collapsed, .. } => Self::Collapsed,
            CacheStatus::Forwarded { walk: WalkShare::Stored | WalkShare::NotStored, .. } => Self::Miss,
        }
    }
}
