//! The copies in this process: what each is of, and for how long it is kept.

use std::{sync::Arc, time::Duration};

use foldhash::quality::RandomState;

use crate::{
    domain::{RemoteId, SourceName},
    roll::copy::Copy,
    sources::{Identity, Scope, Source},
};

/// The copies in this process, the ones least used dropped when there are too many.
pub(super) type Held = moka::sync::Cache<Key, Arc<Copy>, RandomState>;

/// What a copy or a walk is of. There is none without the scope of the credentials that it is
/// got with: nothing is ever given to whoever has others.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) scope: Scope,
    pub(super) source: SourceName,
    pub(super) customer: RemoteId,
}

/// Each entry is kept for as long as it is of any use.
struct UntilUseless;

impl moka::Expiry<Key, Arc<Copy>> for UntilUseless {
    fn expire_after_create(&self, _: &Key, copy: &Arc<Copy>, _: std::time::Instant) -> Option<Duration> {
        Some(copy.useful_for())
    }

    // By default an entry that is overwritten keeps the end of the one before it.
    fn expire_after_update(&self, _: &Key, copy: &Arc<Copy>, _: std::time::Instant, _: Option<Duration>) -> Option<Duration> {
        Some(copy.useful_for())
    }
}

impl Key {
    pub(super) fn of(source: &Source, identity: &Identity, customer: &RemoteId) -> Self {
        Self { scope: identity.scope(), source: source.name(), customer: customer.clone() }
    }
}

/// Nothing yet; later no more than about so many bytes.
pub(super) fn empty(max_bytes: u64) -> Held {
    moka::sync::Cache::builder()
        .max_capacity(max_bytes)
        .weigher(|_, copy: &Arc<Copy>| copy.weight())
        .expire_after(UntilUseless)
        .build_with_hasher(RandomState::default())
}
