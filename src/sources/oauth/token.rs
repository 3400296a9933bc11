//! One access token for all calls, renewed before it ends, by one call.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwapOption;
use tokio::time::Instant;

use super::{answer::Granted, due::renew_after, grant::Grant};
use crate::{
    domain::{Failure, FailureKind, SourceName},
    flight::{Flights, Seat},
    outbound::{Client, Deadline},
    sources::authorization::Authorization,
    telemetry::{Metrics, Trace},
};

/// After a failed renewal while the token is still valid, the next one waits this long.
const RENEWAL_PAUSE: Duration = Duration::from_secs(10);

/// A token that is refused like the previous one is replaced again after this long.
const REPLACEMENT_PAUSE: Duration = Duration::from_secs(1);

/// The same for one that was accepted for another page: as far as is known, the request itself is refused.
const ACCEPTED_PAUSE: Duration = Duration::from_secs(10);

/// Provides the token that is sent with every call.
#[derive(Debug)]
pub(in crate::sources) struct TokenSource(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    name: SourceName,
    grant: Grant,
    held: ArcSwapOption<Token>,
    quiet_until: ArcSwapOption<Instant>,
    /// Whether the next token replaces a refused one.
    was_refused: AtomicBool,
    renewals: Flights<(), Result<Authorization, Failure>>,
    metrics: Arc<Metrics>,
}

#[derive(Debug)]
struct Token {
    authorization: Authorization,
    received: Instant,
    renew_at: Instant,
    ends_at: Instant,
    /// Whether it was obtained because the previous one was refused.
    is_replacement: bool,
    /// Whether it has been accepted for a page.
    is_accepted: AtomicBool,
}

impl TokenSource {
    pub(in crate::sources) fn new(name: SourceName, grant: Grant, metrics: Arc<Metrics>) -> Self {
        Self(Arc::new(Inner {
            name,
            grant,
            held: ArcSwapOption::empty(),
            quiet_until: ArcSwapOption::empty(),
            was_refused: AtomicBool::new(false),
            renewals: Flights::default(),
            metrics,
        }))
    }

    /// Identifies us where tokens are issued, without any secret.
    pub(in crate::sources) fn who(&self) -> String {
        self.0.grant.who()
    }

    /// Returns the token to send now. A token that ends soon stays in use while one task renews it;
    /// if there is none, everyone who needs one waits for the same renewal.
    pub(in crate::sources) async fn now(
        &self,
        client: &Arc<Client>,
        deadline: Deadline,
        trace: Option<&Trace>,
    ) -> Result<Authorization, Failure> {
        let now = Instant::now();
        let held = self.0.held.load_full().filter(|token| now < token.ends_at);
        if let Some(token) = held {
            let quiet = self.0.quiet_until.load().as_deref().is_some_and(|until| now < *until);
            if now >= token.renew_at && !quiet {
                self.renew(client, trace).detach();
            }
            return Ok(token.authorization.clone());
        }
        let seat = self.renew(client, trace);
        deadline.bound(seat.flight).await?.unwrap_or(Err(Failure::new(FailureKind::Unavailable)))
    }

    /// Records that a token was accepted for a page.
    pub(in crate::sources) fn accepted(&self, sent: &Authorization) {
        if let Some(token) = self.0.held.load().as_ref().filter(|token| token.authorization == *sent) {
            token.is_accepted.store(true, Ordering::Relaxed);
        }
    }

    /// Discards a refused token, unless a different one is held already; returns whether a different one may be
    /// available. A token that was just obtained in place of a refused one is kept: another would fare no better, and
    /// each costs two calls.
    pub(in crate::sources) fn forget(&self, refused: &Authorization) -> bool {
        let held = self.0.held.load_full();
        let Some(token) = held.as_ref().filter(|token| token.authorization == *refused) else { return true };
        if token.is_as_good_as_any() {
            return false;
        }
        self.0.was_refused.store(true, Ordering::Relaxed);
        self.0.held.compare_and_swap(&held, None);
        true
    }

    fn renew(&self, client: &Arc<Client>, trace: Option<&Trace>) -> Seat<Result<Authorization, Failure>> {
        let (inner, client, trace) = (Arc::clone(&self.0), Arc::clone(client), trace.cloned());
        self.0.renewals.join((), || async move {
            let renewed = inner.fetch(&client, trace.as_ref()).await;
            match &renewed {
                Ok(token) => {
                    inner.held.store(Some(Arc::clone(token)));
                    inner.metrics.token_renewed(inner.name);
                }
                Err(failure) => {
                    inner.quiet_until.store(Some(Arc::new(Instant::now() + RENEWAL_PAUSE)));
                    tracing::warn!(source = %inner.name, outcome = failure.kind.as_str(), http_status = failure.http_status, "no token was issued");
                }
            }
            renewed.map(|token| token.authorization.clone())
        })
    }
}

impl Inner {
    async fn fetch(&self, client: &Client, trace: Option<&Trace>) -> Result<Arc<Token>, Failure> {
        let granted = self.grant.token(client, self.was_refused.load(Ordering::Relaxed), trace).await?;
        Ok(Arc::new(Token::new(granted, self.was_refused.swap(false, Ordering::Relaxed))))
    }
}

impl Token {
    fn new(Granted { authorization, life, .. }: Granted, is_replacement: bool) -> Self {
        let received = Instant::now();
        let (renew_at, ends_at) = (received + renew_after(life), received + life);
        Self { authorization, received, renew_at, ends_at, is_replacement, is_accepted: AtomicBool::new(false) }
    }

    /// Whether another token would, as far as is known, be refused as well.
    fn is_as_good_as_any(&self) -> bool {
        let pause = if self.is_accepted.load(Ordering::Relaxed) { ACCEPTED_PAUSE } else { REPLACEMENT_PAUSE };
        self.is_replacement && self.received.elapsed() < pause
    }
}
