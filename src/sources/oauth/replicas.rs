//! The refresh token of the other replicas, and what they are offered of ours.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use parking_lot::Mutex;

use super::{
    answer::Granted,
    endpoint::PATIENCE,
    memory::Memory,
    store::{LockedStore, Store, StoreError},
};
use crate::{
    config::Secret,
    domain::SourceName,
    outbound::Deadline,
    shared_cache::{Lock, SharedAccess, SharedToken, TokenPlace, millis},
};

/// How often each replica publishes its token, and checks whether another one has a newer one.
pub(super) const LOOK: Duration = Duration::from_secs(1);

/// How often a token is offered to a shared cache that has just come back, and the pause between two offers.
pub(super) const OFFERS: usize = 20;
const OFFER_PAUSE: Duration = Duration::from_millis(50);

/// The other replicas, while this one may spend the shared token.
pub(super) struct Others<'a> {
    pub(super) place: &'a TokenPlace,
    pub(super) lock: &'a Lock,
    pub(super) newest: Option<SharedToken>,
}

/// Puts the refresh token of other replicas into the store if it is newer than the stored one.
pub(super) fn adopt(
    source: SourceName,
    locked: LockedStore,
    newest: Option<&SharedToken>,
    refused: Option<&Secret>,
) -> Result<LockedStore, StoreError> {
    let Some(newest) = newest.filter(|newest| refused != Some(&newest.refresh)) else { return Ok(locked) };
    let stored = locked.read()?;
    let stored = stored.as_ref().map(|stored| (&stored.token, stored.rotated)).filter(|(token, _)| Some(*token) != refused);
    if !is_newer((&newest.refresh, newest.rotated), stored) {
        return Ok(locked);
    }
    let mut place = locked.place()?;
    place.write(&newest.refresh)?;
    place.date(newest.rotated);
    let locked = place.commit()?;
    tracing::info!(%source, "another replica renewed the refresh token; it is now also in this one's store");
    Ok(locked)
}

/// Whether a shared token takes precedence over the stored one. It also does if both have the same date: a
/// file's date is that of the token written to it.
fn is_newer((shared, rotated): (&Secret, i64), stored: Option<(&Secret, i64)>) -> bool {
    stored.is_none_or(|(stored, written)| stored != shared && rotated >= written)
}

/// Offers the result of a renewal to the other replicas, if there are any.
pub(super) async fn offer(place: Option<&TokenPlace>, granted: Option<&Granted>, refresh: &Secret, rotated: i64) {
    let Some(place) = place else { return };
    let access = granted.and_then(|Granted { authorization, life, .. }| {
        let (ends, life_ms) = (millis(SystemTime::now() + *life), u64::try_from(life.as_millis()).unwrap_or(u64::MAX));
        Some(SharedAccess { token: authorization.token()?, ends, life: life_ms })
    });
    if place.offer(&SharedToken { refresh: refresh.clone(), rotated, access }).await.is_err() {
        tracing::warn!("a renewed refresh token could not be shared; it will be once the shared cache is back");
    }
}

/// Publishes the stored token again and again, because Redis may have lost it and a person may have
/// logged in, and stores a newer token from another replica, so that no store stays behind.
pub(super) fn agree(
    source: SourceName,
    place: &TokenPlace,
    store: Store,
    memory: Arc<Mutex<Memory>>,
) -> impl Future<Output = ()> + Send + 'static {
    let (mut back, place) = (place.back(), place.weak());
    async move {
        loop {
            let tries = match tokio::time::timeout(LOOK, back.changed()).await {
                Ok(Ok(())) => OFFERS,
                Ok(Err(_)) => return,
                Err(_) => 1,
            };
            let Some(place) = place() else { return };
            let newest = place.newest().await.ok().flatten();
            if let Ok(locked) = store.lock(Deadline::after(PATIENCE)).await {
                let refused = memory.lock().refused.clone();
                // Faults of the store are reported when a token is needed.
                drop(adopt(source, locked, newest.as_ref(), refused.as_ref()));
            }
            offer_stored(&place, &store, tries).await;
        }
    }
}

/// Offers the stored token, with its date. A lost connection is noticed only by the first call that fails
/// on it, so there may be a few tries.
pub(super) async fn offer_stored(place: &TokenPlace, store: &Store, tries: usize) {
    let Ok(locked) = store.lock(Deadline::after(PATIENCE)).await else { return };
    let stored = locked.read();
    drop(locked);
    // Faults of the store are reported when a token is needed.
    let Ok(Some(stored)) = stored else { return };
    let token = SharedToken { refresh: stored.token, rotated: stored.rotated, access: None };
    for rest in (0..tries).rev() {
        if place.offer(&token).await.is_ok() || rest == 0 {
            return;
        }
        tokio::time::sleep(OFFER_PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_refresh_token_wins_both_ways() {
        let (one, other) = (Secret::new("one"), Secret::new("other"));
        for (rotated, stored, expected, why) in [
            (5, None, true, "the store is empty"),
            (5, Some((&one, 1)), false, "both are the same"),
            (5, Some((&other, 4)), true, "ours is older"),
            (5, Some((&other, 5)), true, "undecidable; all replicas take the one that all see"),
            (5, Some((&other, 6)), false, "a person has logged in here"),
        ] {
            assert_eq!(is_newer((&one, rotated), stored), expected, "{why}");
        }
    }
}
