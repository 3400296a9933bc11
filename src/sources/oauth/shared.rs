//! A refresh token that several replicas have: one at a time renews it, and all take what came.
//!
//! Each replica's own store stays what a renewal begins with and ends in; the shared cache only says
//! whether another one has something newer. Without the shared cache nobody renews: a token that
//! two replicas spend is lost to both.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use super::{
    answer::Granted,
    endpoint::Refused,
    refresh::{Complaint, Memory, PATIENCE, Refresh, UNAUTHORIZED},
    store::{LockedStore, Store, StoreError},
    token::renew_after,
};
use crate::{
    config::Secret,
    domain::{Failure, SourceName},
    outbound::{Client, Deadline},
    shared_cache::{Lock, SharedAccess, SharedToken, TokenPlace, millis},
    sources::authorization::Authorization,
    telemetry::Trace,
};

/// Redis may have lost a newer token than it knows: for so long whoever has that may say so, before
/// one is spent. Clearly longer than [`LOOK`].
const SETTLING: Duration = Duration::from_millis(2500);

/// How often each replica says what it has, and looks whether another one has something newer.
const LOOK: Duration = Duration::from_secs(1);

/// How often a token is offered to a shared cache that has just come back, and how long after each other.
const OFFERS: usize = 20;
const OFFER_PAUSE: Duration = Duration::from_millis(50);

/// The other replicas, while this one may spend their token.
pub(super) struct Others<'a> {
    pub(super) place: &'a TokenPlace,
    lock: &'a Lock,
    pub(super) newest: Option<SharedToken>,
}

impl Refresh {
    /// Takes the token that another replica has had, or has one for all.
    pub(super) async fn renew_for_all(
        &self,
        place: &TokenPlace,
        client: &Client,
        replaces: bool,
        trace: Option<&Trace>,
    ) -> Result<Granted, Failure> {
        let newest = place.newest().await.map_err(|_| self.withheld(place))?;
        if let Some(granted) = self.take(newest.as_ref(), replaces).await? {
            return Ok(granted);
        }
        let lock = place.lock(PATIENCE).await.map_err(|_| self.withheld(place))?;
        let renewed = self.renew_alone(place, &lock, client, replaces, trace).await;
        place.release(lock).await;
        renewed
    }

    /// The same while nobody else does so. Before a token is spent each replica could say what it has.
    async fn renew_alone(
        &self,
        place: &TokenPlace,
        lock: &Lock,
        client: &Client,
        replaces: bool,
        trace: Option<&Trace>,
    ) -> Result<Granted, Failure> {
        let withheld = |_| self.withheld(place);
        let newest = place.newest().await.map_err(withheld)?;
        if let Some(granted) = self.take(newest.as_ref(), replaces).await? {
            return Ok(granted);
        }
        offer_stored(place, &self.store, OFFERS).await;
        tokio::time::sleep(SETTLING).await;
        let newest = place.newest().await.map_err(withheld)?;
        match self.take(newest.as_ref(), replaces).await? {
            Some(granted) => Ok(granted),
            None => self.spend(client, Some(Others { place, lock, newest }), trace).await,
        }
    }

    /// Whether a token may be spent now: nobody else does so.
    pub(super) async fn may_spend(&self, others: &Others<'_>) -> Result<(), Failure> {
        match others.place.holds(others.lock).await {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => Err(self.withheld(others.place)),
        }
    }

    /// The access token that another replica has had, if it is good for some time; its refresh
    /// token is in our store before it is used.
    async fn take(&self, newest: Option<&SharedToken>, replaces: bool) -> Result<Option<Granted>, Failure> {
        let Some(access) = newest.and_then(|newest| newest.access.as_ref()) else { return Ok(None) };
        let life = access.left(SystemTime::now());
        let authorization = Authorization::bearer(&access.token);
        let is_refused = replaces && self.memory().given == authorization;
        let Some(authorization) = authorization.filter(|_| !is_refused && !is_due(access, life)) else { return Ok(None) };
        drop(self.adopt(self.lock().await?, newest)?);
        Ok(Some(Granted { authorization, life, refresh_token: None }))
    }

    /// Puts the refresh token of other replicas into the store, if it is newer than what is there.
    pub(super) fn adopt(&self, locked: LockedStore, newest: Option<&SharedToken>) -> Result<LockedStore, Failure> {
        let refused = self.memory().refused.clone();
        adopt(self.endpoint.name, locked, newest, refused.as_ref()).map_err(|error| self.unusable(&error))
    }

    fn withheld(&self, place: &TokenPlace) -> Failure {
        place.withheld(self.endpoint.name);
        self.complain(Complaint::SharedCacheSilent);
        UNAUTHORIZED
    }
}

fn adopt(
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
    tracing::info!(%source, "another replica has renewed the refresh token: it is in this one's store, too");
    Ok(locked)
}

/// Whether a shared token goes before the stored one. One that has the same date does: the date of
/// a file is what it was written with.
fn is_newer((shared, rotated): (&Secret, i64), stored: Option<(&Secret, i64)>) -> bool {
    stored.is_none_or(|(stored, written)| stored != shared && rotated >= written)
}

/// Whether it is time to renew an access token of which so much is left.
fn is_due(access: &SharedAccess, left: Duration) -> bool {
    let life = Duration::from_millis(access.life);
    life.saturating_sub(left) >= renew_after(life) || left.is_zero()
}

/// Offers what came of a renewal to the others, where there are any.
pub(super) async fn offer(place: Option<&TokenPlace>, granted: &Result<Granted, Refused>, refresh: &Secret, rotated: i64) {
    let (Some(place), Ok(granted)) = (place, granted) else { return };
    let life = granted.life;
    let access = granted.authorization.token().map(|token| SharedAccess {
        token,
        ends: millis(SystemTime::now() + life),
        life: u64::try_from(life.as_millis()).unwrap_or(u64::MAX),
    });
    if place.offer(&SharedToken { refresh: refresh.clone(), rotated, access }).await.is_err() {
        tracing::warn!("a renewed refresh token could not be shared yet: it is when the shared cache is back");
    }
}

/// Says again and again what is in the store, for Redis may have lost what it had and somebody may
/// have logged in, and puts there what another replica has had, so that no store stays behind.
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
                let refused = memory.lock().unwrap_or_else(PoisonError::into_inner).refused.clone();
                // What is wrong with the store is said when a token is needed.
                drop(adopt(source, locked, newest.as_ref(), refused.as_ref()));
            }
            offer_stored(&place, &store, tries).await;
        }
    }
}

/// Offers what is in the store, as it was dated then. A connection that was lost is noticed by the
/// first call that it fails, so there may be a few tries.
async fn offer_stored(place: &TokenPlace, store: &Store, tries: usize) {
    let Ok(locked) = store.lock(Deadline::after(PATIENCE)).await else { return };
    let stored = locked.read();
    drop(locked);
    // What is wrong with the store is said when a token is needed.
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
            (5, None, true, "there is none here"),
            (5, Some((&one, 1)), false, "it is the same"),
            (5, Some((&other, 4)), true, "ours is older"),
            (5, Some((&other, 5)), true, "nobody knows; all take the one that all see"),
            (5, Some((&other, 6)), false, "somebody has logged in here"),
        ] {
            assert_eq!(is_newer((&one, rotated), stored), expected, "{why}");
        }
    }

    #[test]
    fn an_access_token_that_is_due_is_renewed_and_not_taken() {
        let access = SharedAccess { token: Secret::new("a"), ends: 0, life: 300_000 };
        for (left, due) in [(300, false), (61, false), (60, true), (1, true), (0, true)] {
            assert_eq!(is_due(&access, Duration::from_secs(left)), due, "{left}");
        }
    }
}
