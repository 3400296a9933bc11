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

/// What is held for one grant, shared by all configurations that have it.
#[derive(Debug, Default)]
pub(super) struct Held {
    pub(super) token: ArcSwapOption<Token>,
    pub(super) quiet_until: ArcSwapOption<Instant>,
    /// Whether the next token replaces a refused one.
    pub(super) was_refused: AtomicBool,
    pub(super) renewals: Flights<(), Result<Authorization, Failure>>,
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
