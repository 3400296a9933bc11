//! The refresh-token grant: what was received is kept before it is used, and what was refused is
//! not sent again.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use super::{
    answer::{Granted, OAuthError},
    endpoint::{Endpoint, Refused},
    login_command,
    renewals::Renewals,
    store::{LockedStore, Place, Store, StoreError},
};
use crate::{
    config::Secret,
    domain::{Failure, FailureKind},
    offload::offload,
    outbound::{Client, Deadline},
    telemetry::Trace,
};

/// How long the identity server may take, and another process that renews at the same time. Longer
/// than anybody waits for a roll: an answer that is not read takes the only good token with it.
const PATIENCE: Duration = Duration::from_secs(30);

/// What no roll can be had without.
const UNAUTHORIZED: Failure = Failure::new(FailureKind::Unauthorized);

/// The refresh-token grant at work.
#[derive(Debug)]
pub(in crate::sources) struct Refresh {
    endpoint: Endpoint,
    store: Store,
    renewals: Renewals,
    memory: Arc<Mutex<Memory>>,
}

/// What is known beside what the store holds.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// The token that the identity server does not take any more.
    refused: Option<Secret>,
    unwritten: Option<Unwritten>,
    /// What was last complained of, so that it is said once.
    complaint: Option<Complaint>,
}

/// A token that was received and could not be written.
#[derive(Clone, Debug)]
struct Unwritten {
    token: Secret,
    /// What the store held when it was received: where it holds something else by now, somebody
    /// has logged in, and that is newer.
    follows: Secret,
}

/// Why there is no token until somebody does something.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Complaint {
    NobodyLoggedIn,
    Refused,
    Store(String),
    Unwritten(String),
}

impl Refresh {
    pub(super) fn new(endpoint: Endpoint, store: Store, renewals: Renewals) -> Self {
        let memory = renewals.memory(store.path());
        Self { endpoint, store, renewals, memory }
    }

    /// Has a token for the refresh token that there is. Whatever comes instead of that one is in
    /// the store before this ends.
    pub(super) async fn renew(&self, client: &Client, trace: Option<&Trace>) -> Result<Granted, Failure> {
        let _under_way = self.renewals.begin().ok_or(Failure::new(FailureKind::Unavailable))?;
        let locked = self.store.lock(Deadline::after(PATIENCE)).await.map_err(|error| self.unusable(&error))?;
        let (token, mut place) = self.prepare(locked)?;
        let form = [("grant_type", "refresh_token"), ("refresh_token", token.reveal())];
        let granted = self.endpoint.ask(client, &form, Some(PATIENCE), trace).await;
        // No pause between the answer and the writing: it is the moment in which a crash would hurt.
        match granted.as_ref().ok().and_then(|granted| granted.refresh_token.as_ref()).filter(|next| **next != token) {
            Some(next) => {
                let written = place.write(next);
                let kept = offload(true, move || written.and_then(|()| place.commit())).await;
                kept.map_err(|error| self.keep(Unwritten { token: next.clone(), follows: token.clone() }, &error))?;
            }
            None => place.leave(),
        }
        let granted = granted.map_err(|refused| self.refused(&token, refused))?;
        self.memory().complaint = None;
        Ok(granted)
    }

    /// The token to send, and the place of the one that may come instead.
    fn prepare(&self, locked: LockedStore) -> Result<(Secret, Place), Failure> {
        let stored = locked.read().map_err(|error| self.unusable(&error))?;
        if stored.as_ref().is_some_and(|stored| stored.is_open_to_others) {
            let file = self.store.path().display();
            tracing::warn!(source = %self.endpoint.name, %file, "others can read the file of the refresh token: chmod 600 mends that");
        }
        let stored = stored.map(|stored| stored.token);
        let unwritten = self.memory().unwritten.clone();
        if let Some(unwritten) = unwritten.filter(|unwritten| stored.as_ref().is_none_or(|stored| *stored == unwritten.follows)) {
            return self.write_late(locked, unwritten);
        }
        self.memory().unwritten = None;
        let token = self.sendable(stored)?;
        Ok((token, locked.place().map_err(|error| self.unusable(&error))?))
    }

    /// A token that has not been refused.
    fn sendable(&self, stored: Option<Secret>) -> Result<Secret, Failure> {
        let Some(token) = stored else {
            self.complain(Complaint::NobodyLoggedIn);
            return Err(UNAUTHORIZED);
        };
        if self.memory().refused.as_ref() == Some(&token) {
            self.complain(Complaint::Refused);
            return Err(UNAUTHORIZED);
        }
        Ok(token)
    }

    /// Writes what could not be written before.
    fn write_late(&self, locked: LockedStore, unwritten: Unwritten) -> Result<(Secret, Place), Failure> {
        let locked = locked.write(&unwritten.token).map_err(|error| self.keep(unwritten.clone(), &error))?;
        self.memory().unwritten = None;
        Ok((unwritten.token, locked.place().map_err(|error| self.unusable(&error))?))
    }

    fn keep(&self, unwritten: Unwritten, error: &StoreError) -> Failure {
        self.memory().unwritten = Some(unwritten);
        self.complain(Complaint::Unwritten(error.to_string()));
        UNAUTHORIZED
    }

    fn unusable(&self, error: &StoreError) -> Failure {
        self.complain(Complaint::Store(error.to_string()));
        UNAUTHORIZED
    }

    fn refused(&self, token: &Secret, Refused { failure, error }: Refused) -> Failure {
        if error == Some(OAuthError::InvalidGrant) && failure.http_status == Some(400) {
            self.memory().refused = Some(token.clone());
            self.complain(Complaint::Refused);
        } else if let Some(error) = error {
            tracing::warn!(source = %self.endpoint.name, error = error.as_str(), "the identity server refused a renewal");
        }
        failure
    }

    /// Says what a person has to do, once until something else is to be said.
    fn complain(&self, complaint: Complaint) {
        let (source, command) = (self.endpoint.name, login_command(self.endpoint.name));
        let file = self.store.path().display();
        if self.memory().complaint.replace(complaint.clone()).as_ref() == Some(&complaint) {
            return;
        }
        match complaint {
            Complaint::NobodyLoggedIn => tracing::error!(%source, %file, command, "there is no refresh token yet: log in with the command"),
            Complaint::Refused => {
                tracing::error!(%source, %file, command, "the refresh token is not accepted any more (invalid_grant): log in with the command");
            }
            Complaint::Store(cause) => tracing::error!(%source, cause, command, "the store of the refresh token cannot be used"),
            Complaint::Unwritten(cause) => {
                tracing::error!(%source, cause, "a new refresh token cannot be written and is kept in memory: a restart before it is written loses it");
            }
        }
    }

    fn memory(&self) -> std::sync::MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
