//! A walk's result, for all who waited for it.

use std::sync::Arc;

use super::{found::WalkShare, keeping::is_believed};
use crate::{
    domain::{Failure, FailureKind},
    roll::cached_answer::CachedAnswer,
    sources::Scope,
};

/// A flight's result, and how it was reached.
#[derive(Clone, Debug)]
pub(super) struct WalkResult {
    pub(super) copy: Result<Arc<CachedAnswer>, Failure>,
    pub(super) via: Via,
}

/// How a flight reached its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Via {
    /// The source was asked.
    Walked,
    /// Another replica was asking the source, and was waited for.
    Waited,
    /// Another replica had just asked it.
    Looked,
}

impl WalkResult {
    /// Returns whose walk it was for a caller who waited for it and may have `joined` it, and whether its
    /// result was stored.
    pub(super) fn share(&self, joined: bool, is_held: impl FnOnce() -> bool) -> WalkShare {
        match &self.copy {
            _ if joined || self.via == Via::Waited => WalkShare::Collapsed,
            Ok(copy) if copy.is_kept() && is_held() => WalkShare::Stored,
            _ => WalkShare::NotStored,
        }
    }

    /// Returns why a copy may stand in for the walk's result, if one may.
    pub(super) fn failed(&self, scope: Scope) -> Option<FailureKind> {
        match &self.copy {
            Ok(copy) if copy.is_kept() => None,
            Ok(_) => Some(FailureKind::InvalidResponse), // its counts never agreed
            Err(failure) => Some(failure.kind).filter(|kind| !is_believed(*kind, scope)),
        }
    }
}
