//! Renews with a refresh token: alone or, if several replicas share it, one replica at a time, and all adopt the result.
//!
//! A renewal begins and ends with each replica's own store; the shared cache only says whether another
//! replica has something newer. Without the shared cache nothing is renewed: if two replicas spend the
//! same token, both lose it.

use std::time::{Duration, SystemTime};

use super::{
    answer::Granted,
    due::is_due,
    endpoint::PATIENCE,
    refresh::Refresh,
    replicas::{OFFERS, Others, offer_stored},
};
use crate::{
    domain::{Failure, FailureKind},
    outbound::Client,
    shared_cache::{Lock, SharedToken, TokenPlace},
    sources::authorization::Authorization,
    telemetry::Trace,
};

/// Redis may have lost a newer token than it has now: this is how long a replica that has it may publish it before
/// one is spent. Clearly longer than [`LOOK`](super::replicas::LOOK).
const SETTLING: Duration = Duration::from_millis(2500);

/// The longest time that a renewal takes if it does not have to wait for another replica or process.
pub(in crate::sources) const LONGEST_RENEWAL: Duration = SETTLING.saturating_add(PATIENCE);

impl Refresh {
    /// Obtains a token with the current refresh token, or adopts the one that another replica has obtained.
    pub(super) async fn renew(&self, client: &Client, replaces: bool, trace: Option<&Trace>) -> Result<Granted, Failure> {
        let _under_way = self.renewals.begin().ok_or(Failure::new(FailureKind::Unavailable))?;
        let granted = if let Some(place) = &self.shared {
            self.renew_for_all(place, client, replaces, trace).await?
        } else {
            self.endpoint.may_be_asked()?; // before anything is locked for it
            self.spend(client, None, trace).await?
        };
        let mut memory = self.memory.lock();
        memory.complaint = None;
        memory.given = Some(granted.authorization.clone());
        drop(memory);
        Ok(granted)
    }

    /// Adopts the token that another replica has obtained, or obtains one for all.
    async fn renew_for_all(&self, place: &TokenPlace, client: &Client, replaces: bool, trace: Option<&Trace>) -> Result<Granted, Failure> {
        let newest = place.newest().await.map_err(|_| self.withheld(place))?;
        if let Some(granted) = self.take(newest.as_ref(), replaces).await? {
            return Ok(granted);
        }
        self.endpoint.may_be_asked()?; // before anything is locked for it
        let lock = place.lock(PATIENCE).await.map_err(|_| self.withheld(place))?;
        let renewed = self.renew_alone(place, &lock, client, replaces, trace).await;
        place.release(lock).await;
        renewed
    }

    /// The same, while no other replica does it. Before a token is spent, each replica has had time to publish its own.
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

    /// Returns the access token that another replica has obtained, if it is valid for some time; its refresh
    /// token is in our store before it is used.
    async fn take(&self, newest: Option<&SharedToken>, replaces: bool) -> Result<Option<Granted>, Failure> {
        let Some(access) = newest.and_then(|newest| newest.access.as_ref()) else { return Ok(None) };
        let life = access.left(SystemTime::now());
        let authorization = Authorization::bearer(&access.token);
        let is_refused = replaces && self.memory.lock().given == authorization;
        let Some(authorization) = authorization.filter(|_| !is_refused && !is_due(access, life)) else { return Ok(None) };
        drop(self.adopt(self.lock().await?, newest)?);
        Ok(Some(Granted { authorization, life, refresh_token: None }))
    }
}
