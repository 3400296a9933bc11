//! The refresh-token grant: a received token is stored before it is used, and a refused one is not
//! sent again.

use std::sync::Arc;

use parking_lot::Mutex;

use super::{
    answer::{Granted, OAuthError},
    endpoint::{Endpoint, PATIENCE, Refused},
    login_command,
    memory::{Complaint, Memory, Unwritten},
    renewals::Renewals,
    replicas::{Others, adopt, agree, offer},
    store::{LockedStore, Place, Store, StoreError, newer_than},
};
use crate::{
    config::Secret,
    domain::{Failure, FailureKind},
    offload::offload,
    outbound::{Client, Deadline},
    shared_cache::{SharedCache, SharedToken, TokenPlace, digest},
    telemetry::Trace,
};

/// The failure that leaves the source without a token.
const UNAUTHORIZED: Failure = Failure::new(FailureKind::Unauthorized);

/// The refresh-token grant in use.
#[derive(Debug)]
pub(in crate::sources) struct Refresh {
    pub(super) endpoint: Endpoint,
    pub(super) store: Store,
    pub(super) renewals: Renewals,
    pub(super) memory: Arc<Mutex<Memory>>,
    /// The place of the tokens that all replicas share.
    pub(super) shared: Option<TokenPlace>,
}

impl Refresh {
    pub(super) fn new(endpoint: Endpoint, store: Store, renewals: Renewals, shared: Option<&SharedCache>) -> Self {
        let memory = renewals.memory(store.path());
        let shared = shared.map(|cache| cache.token(endpoint.name, &digest(&endpoint.who())));
        if let Some(place) = &shared {
            place.spawn(agree(endpoint.name, place, store.clone(), Arc::clone(&memory)));
        }
        Self { endpoint, store, renewals, memory, shared }
    }

    /// The endpoint that issues the tokens.
    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Obtains a token with the refresh token in the store, or with a newer one from other replicas. A new
    /// refresh token is in the store before this returns, and is offered to the other replicas.
    pub(super) async fn spend(&self, client: &Client, others: Option<Others<'_>>, trace: Option<&Trace>) -> Result<Granted, Failure> {
        let locked = self.lock().await?;
        let newest = others.as_ref().and_then(|others| others.newest.as_ref());
        let locked = self.adopt(locked, newest)?;
        let (token, mut place, stored) = self.prepare(locked)?;
        let before = newest.map_or(0, |newest| newest.rotated).max(stored);
        let form = [("grant_type", "refresh_token"), ("refresh_token", token.reveal())];
        if let Some(others) = &others
            && let Err(failure) = self.may_spend(others).await
        {
            place.leave();
            return Err(failure);
        }
        if self.renewals.are_over() {
            place.leave(); // the process might end before the answer arrives, and lose the only valid token
            return Err(Failure::new(FailureKind::Unavailable));
        }
        let shared = others.as_ref().map(|others| others.place);
        // Dated before the request: a login that is made before the answer arrives is newer than what the answer contains.
        let rotated = newer_than(before);
        let granted = self.endpoint.ask(client, &form, Some(PATIENCE), trace).await;
        // No await between the answer and the writing: a crash in between would lose the token.
        let next = granted.as_ref().map_or_else(|refused| refused.refresh_token.as_ref(), |granted| granted.refresh_token.as_ref());
        if let Some(next) = next.filter(|next| **next != token) {
            let written = place.write(next);
            place.date(rotated);
            let kept = offload(move || written.and_then(|()| place.commit())).await;
            offer(shared, granted.as_ref().ok(), next, rotated).await;
            kept.map_err(|error| self.keep(Unwritten { token: next.clone(), follows: token.clone() }, &error))?;
        } else {
            place.leave();
            if let Ok(granted) = &granted {
                offer(shared, Some(granted), &token, before).await;
            }
        }
        granted.map_err(|refused| self.refused(&token, refused))
    }

    /// Locks the store once it is free.
    pub(super) async fn lock(&self) -> Result<LockedStore, Failure> {
        self.store.lock(Deadline::after(PATIENCE)).await.map_err(|error| self.unusable(&error))
    }

    /// Returns the token to send, and reserves the place of the one that may replace it.
    fn prepare(&self, locked: LockedStore) -> Result<(Secret, Place, i64), Failure> {
        let stored = locked.read().map_err(|error| self.unusable(&error))?;
        if stored.as_ref().is_some_and(|stored| stored.is_open_to_others) {
            let file = self.store.path().display();
            tracing::warn!(source = %self.endpoint.name, %file, "other users can read the file of the refresh token; run chmod 600 on it");
        }
        let rotated = stored.as_ref().map_or(0, |stored| stored.rotated);
        let stored = stored.map(|stored| stored.token);
        let unwritten = self.memory.lock().unwritten.clone();
        if let Some(unwritten) = unwritten.filter(|unwritten| stored.as_ref().is_none_or(|stored| *stored == unwritten.follows)) {
            let (token, place) = self.write_late(locked, unwritten)?;
            return Ok((token, place, rotated));
        }
        self.memory.lock().unwritten = None;
        let token = self.sendable(stored)?;
        Ok((token, locked.place().map_err(|error| self.unusable(&error))?, rotated))
    }

    /// The stored token, unless it has been refused.
    fn sendable(&self, stored: Option<Secret>) -> Result<Secret, Failure> {
        let Some(token) = stored else {
            self.complain(Complaint::NobodyLoggedIn);
            return Err(UNAUTHORIZED);
        };
        if self.memory.lock().refused.as_ref() == Some(&token) {
            self.complain(Complaint::Refused);
            return Err(UNAUTHORIZED);
        }
        Ok(token)
    }

    /// Writes a token that could not be written before.
    fn write_late(&self, locked: LockedStore, unwritten: Unwritten) -> Result<(Secret, Place), Failure> {
        let locked = locked.write(&unwritten.token).map_err(|error| self.keep(unwritten.clone(), &error))?;
        self.memory.lock().unwritten = None;
        Ok((unwritten.token, locked.place().map_err(|error| self.unusable(&error))?))
    }

    fn keep(&self, unwritten: Unwritten, error: &StoreError) -> Failure {
        self.memory.lock().unwritten = Some(unwritten);
        self.complain(Complaint::Unwritten(error.to_string()));
        UNAUTHORIZED
    }

    pub(super) fn unusable(&self, error: &StoreError) -> Failure {
        self.complain(Complaint::Store(error.to_string()));
        UNAUTHORIZED
    }

    fn refused(&self, token: &Secret, Refused { failure, error, .. }: Refused) -> Failure {
        if error == Some(OAuthError::InvalidGrant) && failure.http_status == Some(400) {
            self.memory.lock().refused = Some(token.clone());
            self.complain(Complaint::Refused);
        } else if let Some(error) = error {
            tracing::warn!(source = %self.endpoint.name, error = error.as_str(), "the identity server refused a renewal");
        }
        failure
    }

    /// Logs what an operator has to do, once until the complaint changes.
    pub(super) fn complain(&self, complaint: Complaint) {
        let (source, command) = (self.endpoint.name, login_command(self.endpoint.name));
        let file = self.store.path().display();
        if self.memory.lock().complaint.replace(complaint.clone()).as_ref() == Some(&complaint) {
            return;
        }
        match complaint {
            Complaint::NobodyLoggedIn => tracing::error!(%source, %file, command, "there is no refresh token yet: log in with the command"),
            Complaint::SharedCacheSilent => {
                tracing::error!(%source, "the refresh token is shared, but the shared cache is unreachable: no token is renewed until it is back");
            }
            Complaint::Refused => {
                tracing::error!(%source, %file, command, "the refresh token is no longer accepted (invalid_grant): log in with the command");
            }
            Complaint::Store(cause) => tracing::error!(%source, cause, command, "the store of the refresh token cannot be used"),
            Complaint::Unwritten(cause) => {
                tracing::error!(%source, cause, "a new refresh token cannot be written and is kept in memory: restarting before it is written loses it");
            }
        }
    }

    /// Checks that a token may be spent now: no other replica is doing so.
    pub(super) async fn may_spend(&self, others: &Others<'_>) -> Result<(), Failure> {
        match others.place.holds(others.lock).await {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => Err(self.withheld(others.place)),
        }
    }

    /// Adopts the refresh token of other replicas if it is newer.
    pub(super) fn adopt(&self, locked: LockedStore, newest: Option<&SharedToken>) -> Result<LockedStore, Failure> {
        let refused = self.memory.lock().refused.clone();
        adopt(self.endpoint.name, locked, newest, refused.as_ref()).map_err(|error| self.unusable(&error))
    }

    /// Reports that nothing is renewed while the shared cache does not answer.
    pub(super) fn withheld(&self, place: &TokenPlace) -> Failure {
        place.withheld(self.endpoint.name);
        self.complain(Complaint::SharedCacheSilent);
        UNAUTHORIZED
    }
}
