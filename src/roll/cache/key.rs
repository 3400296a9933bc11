//! The copies in this process, and what identifies each.

use crate::{
    domain::{RemoteId, SourceName},
    roll::{bounded_cache::BoundedCache, cached_answer::CachedAnswer},
    sources::{Identity, Scope, Source},
};

/// The copies in this process; the least used ones are dropped when there are too many.
pub(super) type Held = BoundedCache<Key, CachedAnswer>;

/// What identifies a copy or a walk. The scope of the credentials is always part of it: nothing that one
/// caller's credentials fetched is ever returned to a caller with others.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) scope: Scope,
    pub(super) source: SourceName,
    pub(super) customer: RemoteId,
}

impl Key {
    pub(super) fn of(source: &Source, identity: &Identity, customer: &RemoteId) -> Self {
        Self { scope: identity.scope(), source: source.name(), customer: customer.clone() }
    }
}
