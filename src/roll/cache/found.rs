//! What became of asking one source, and how the cache was of use.

use std::sync::Arc;

use crate::{
    domain::{Failure, FailureKind},
    roll::cached_answer::CachedAnswer,
    telemetry::CacheUse,
};

/// What became of asking one source.
#[derive(Clone, Debug)]
pub(in crate::roll) struct Found {
    /// A copy to answer with, or why there is none.
    pub(in crate::roll) copy: Result<Arc<CachedAnswer>, Failure>,
    /// Why a refresh of the copy has failed, if one has.
    pub(in crate::roll) error: Option<FailureKind>,
    /// How the cache was of use.
    pub(in crate::roll) forward: Forward,
}

/// Whether a source was asked, and why (RFC 9211, `fwd`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forward {
    /// It was not: a copy was there.
    Hit,
    /// Nothing was there.
    Miss(Shared),
    /// What was there was stale.
    Stale(Shared),
    /// The caller wanted it.
    Request(Shared),
}

/// Whose walk a caller waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shared {
    /// He began it, and what it found was kept.
    Stored,
    /// He began it, and nothing was kept.
    NotStored,
    /// Somebody else had begun it.
    Collapsed,
}

impl From<Forward> for CacheUse {
    fn from(forward: Forward) -> Self {
        match forward {
            Forward::Hit => Self::hit,
            Forward::Miss(Shared::Collapsed) | Forward::Stale(Shared::Collapsed) | Forward::Request(Shared::Collapsed) => Self::collapsed,
            Forward::Miss(_) | Forward::Stale(_) | Forward::Request(_) => Self::miss,
        }
    }
}
