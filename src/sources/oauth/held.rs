//! The access token that is held for one grant. It stays in use over a reload.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use arc_swap::ArcSwapOption;
use tokio::time::Instant;

use super::{answer::Granted, due::renew_after};
use crate::{config::FileStamp, domain::Failure, flight::Flights, sources::authorization::Authorization};

/// A token that is refused like the previous one is replaced again after this long.
const REPLACEMENT_PAUSE: Duration = Duration::from_secs(1);

/// The same for one that was accepted for another page: as far as is known, the request itself is refused.
const ACCEPTED_PAUSE: Duration = Duration::from_secs(10);

/// After a failed renewal while the token is still valid, the next one waits at least this long.
const RENEWAL_PAUSE: Duration = Duration::from_secs(10);

/// The longest `Retry-After` of a token endpoint that is obeyed for all requests.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// What is held for one grant, shared by all configurations that have it.
#[derive(Debug, Default)]
pub(super) struct Held {
    pub(super) token: ArcSwapOption<Token>,
    pub(super) failed: ArcSwapOption<FailedRenewal>,
    /// Whether the next token replaces a refused one.
    pub(super) was_refused: AtomicBool,
    pub(super) renewals: Flights<(), Result<Authorization, Failure>>,
}

/// The latest renewal that failed.
#[derive(Debug)]
pub(super) struct FailedRenewal {
    at: Instant,
    failure: Failure,
}

/// An access token.
#[derive(Debug)]
pub(super) struct Token {
    pub(super) authorization: Authorization,
    received: Instant,
    pub(super) renew_at: Instant,
    pub(super) ends_at: Instant,
    /// Whether it was obtained because the previous one was refused.
    is_replacement: bool,
    /// Whether it has been accepted for a page.
    pub(super) is_accepted: AtomicBool,
    /// The store of the refresh token as this token left it, if there is one.
    store: FileStamp,
}

impl Held {
    /// Whether another configuration may use it, given the state of its store: if the store has changed, it holds the
    /// refresh token of a new login, or of another replica.
    pub(super) fn fits(&self, store: FileStamp) -> bool {
        self.token.load().as_ref().is_none_or(|token| token.store == store)
    }
}

impl FailedRenewal {
    pub(super) fn now(failure: Failure) -> Self {
        Self { at: Instant::now(), failure }
    }

    /// Whether a token that is still valid is not renewed for now.
    pub(super) fn is_recent(&self, now: Instant) -> bool {
        now < self.at + self.asked().max(RENEWAL_PAUSE)
    }

    /// The failure, with what is left of the wait, while the endpoint wants to be left alone.
    pub(super) fn left_alone(&self, now: Instant) -> Option<Failure> {
        let left = (self.at + self.asked()).checked_duration_since(now).filter(|left| !left.is_zero())?;
        Some(Failure { retry_after: Some(left), ..self.failure })
    }

    /// How long the endpoint asks to be left alone, as far as it is obeyed.
    fn asked(&self) -> Duration {
        self.failure.retry_after.unwrap_or_default().min(LONGEST_PAUSE)
    }
}

impl Token {
    pub(super) fn new(Granted { authorization, life, .. }: Granted, is_replacement: bool, store: FileStamp) -> Self {
        let received = Instant::now();
        let (renew_at, ends_at) = (received + renew_after(life), received + life);
        Self { authorization, received, renew_at, ends_at, is_replacement, is_accepted: AtomicBool::new(false), store }
    }

    /// Whether another token would, as far as is known, be refused as well.
    pub(super) fn is_as_good_as_any(&self) -> bool {
        let pause = if self.is_accepted.load(Ordering::Relaxed) { ACCEPTED_PAUSE } else { REPLACEMENT_PAUSE };
        self.is_replacement && self.received.elapsed() < pause
    }
}
