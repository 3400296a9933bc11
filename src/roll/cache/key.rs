//! The copies in this process: what each is of, and for how long it is kept.

use crate::{
    domain::{RemoteId, SourceName},
    roll::{bounded_cache::BoundedCache, cached_answer::CachedAnswer},
    sources::{Identity, Scope, Source},
};

/// The copies in this process, the ones least used dropped when there are too many.
pub(super) type Held = BoundedCache<Key, CachedAnswer>;

/// What a copy or a walk is of. There is none without the scope of the credentials that it is
/// got with: nothing is ever given to whoever has others.
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
