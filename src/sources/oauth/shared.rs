//! A refresh token that several replicas have: one at a time renews it, and all take what came.
//!
//! Each replica's own store stays what a renewal begins with and ends in; the shared cache only says
//! whether another one has something newer. Without the shared cache nobody renews: a token that
//! two replicas spend is lost to both.

use std::time::{Duration, SystemTime};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};

use super::{
    answer::Granted,
    endpoint::Refused,
    refresh::{Complaint, PATIENCE, Refresh, UNAUTHORIZED},
    store::{LockedStore, Store},
    token::renew_after,
};
use crate::{
    config::{Secret, Stamp},
    domain::Failure,
    outbound::{Client, Deadline},
    shared_cache::{SharedAccess, SharedToken, Silent, TokenPlace, millis},
    sources::authorization::Authorization,
    telemetry::Trace,
};

/// Where the shared cache knows no token, or only one that somebody had in his store, it may have
/// lost a newer one: for so long whoever has that may say so. Longer than anybody waits before he
/// connects again.
const SETTLING: Duration = Duration::from_secs(2);

/// How often it is looked whether somebody has logged in.
const LOOK: Duration = Duration::from_secs(2);

/// How often a token is offered to a shared cache that has just come back, and how long after each other.
const OFFERS: usize = 20;
const OFFER_PAUSE: Duration = Duration::from_millis(50);

impl Refresh {
    /// Takes the token that another replica has had, or has one for all.
    pub(super) async fn renew_for_all(
        &self,
        place: &TokenPlace,
        client: &Client,
        replaces: bool,
        trace: Option<&Trace>,
    ) -> Result<Granted, Failure> {
        let newest = place.newest().await.map_err(|silent| self.withheld(place, silent))?;
        if let Some(granted) = self.take(newest.as_ref(), replaces).await? {
            return Ok(granted);
        }
        let lock = place.lock(PATIENCE).await.map_err(|silent| self.withheld(place, silent))?;
        let renewed = self.renew_alone(place, client, replaces, trace).await;
        place.release(lock).await;
        renewed
    }

    /// The same while nobody else does so.
    async fn renew_alone(&self, place: &TokenPlace, client: &Client, replaces: bool, trace: Option<&Trace>) -> Result<Granted, Failure> {
        let newest = self.settled(place).await?;
        match self.take(newest.as_ref(), replaces).await? {
            Some(granted) => Ok(granted),
            None => self.spend(client, Some((place, newest)), trace).await,
        }
    }

    /// The newest token of all replicas, once each of them could say what it has.
    async fn settled(&self, place: &TokenPlace) -> Result<Option<SharedToken>, Failure> {
        let withheld = |silent| self.withheld(place, silent);
        let newest = place.newest().await.map_err(withheld)?;
        if newest.as_ref().is_some_and(|newest| newest.access.is_some()) {
            return Ok(newest);
        }
        offer_stored(place, &self.store).await;
        tokio::time::sleep(SETTLING).await;
        place.newest().await.map_err(withheld)
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
        let Some(newest) = newest.filter(|newest| self.memory().refused.as_ref() != Some(&newest.refresh)) else { return Ok(locked) };
        let stored = locked.read().map_err(|error| self.unusable(&error))?;
        let refused = self.memory().refused.clone();
        let stored = stored.as_ref().map(|stored| (&stored.token, stored.rotated)).filter(|(token, _)| Some(*token) != refused.as_ref());
        if !is_newer((&newest.refresh, newest.rotated), stored) {
            return Ok(locked);
        }
        let write = || {
            let mut place = locked.place()?;
            place.write(&newest.refresh)?;
            place.date(newest.rotated);
            place.commit()
        };
        let written = write().map_err(|error| self.unusable(&error))?;
        tracing::info!(source = %self.endpoint.name, "another replica has renewed the refresh token: it is in this one's store, too");
        Ok(written)
    }

    fn withheld(&self, place: &TokenPlace, _silent: Silent) -> Failure {
        place.withheld(self.endpoint.name);
        self.complain(Complaint::SharedCacheSilent);
        UNAUTHORIZED
    }
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

/// Offers what is in the store each time that Redis is there again, for it may have lost what it
/// had, and when the store has changed, for somebody may have logged in.
pub(super) fn offer_whenever_back(place: &TokenPlace, store: Store) -> impl Future<Output = ()> + Send + 'static {
    let (mut back, place) = (place.back(), place.weak());
    async move {
        let mut seen = Stamp::of(store.path());
        loop {
            let is_back = match tokio::time::timeout(LOOK, back.changed()).await {
                Ok(Ok(())) => true,
                Ok(Err(_)) => return,
                Err(_) => false,
            };
            let stamp = Stamp::of(store.path());
            let Some(place) = place() else { return };
            if is_back || stamp != seen {
                offer_stored(&place, &store).await;
            }
            seen = stamp;
        }
    }
}

/// Offers what is in the store, as it was dated then. A connection that was lost is noticed by the
/// first call that it fails, so there are a few tries.
async fn offer_stored(place: &TokenPlace, store: &Store) {
    let Ok(locked) = store.lock(Deadline::after(PATIENCE)).await else { return };
    let stored = locked.read();
    drop(locked);
    // What is wrong with the store is said when a token is needed.
    let Ok(Some(stored)) = stored else { return };
    let token = SharedToken { refresh: stored.token, rotated: stored.rotated, access: None };
    for _ in 0..OFFERS {
        if place.offer(&token).await.is_ok() {
            return;
        }
        tokio::time::sleep(OFFER_PAUSE).await;
    }
}

/// Tells one login from another.
pub(super) fn digest(who: &str) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, who.as_bytes());
    BASE64_URL_SAFE_NO_PAD.encode(digest.as_ref())
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
