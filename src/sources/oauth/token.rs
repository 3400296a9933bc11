//! One access token for all calls, renewed before it ends, by one call.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::time::Instant;

use super::{
    grant::Grant,
    held::{Held, Token},
    renewals::Renewals,
};
use crate::{
    domain::{Failure, FailureKind, SourceName},
    flight::Seat,
    outbound::{Client, Deadline},
    sources::authorization::Authorization,
    telemetry::{Metrics, Trace},
};

/// After a failed renewal while the token is still valid, the next one waits this long.
const RENEWAL_PAUSE: Duration = Duration::from_secs(10);

/// Provides the token that is sent with every call.
#[derive(Debug)]
pub(in crate::sources) struct TokenSource(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    name: SourceName,
    grant: Grant,
    held: Arc<Held>,
    metrics: Arc<Metrics>,
}

impl TokenSource {
    /// Continues with what another configuration holds for the same grant.
    pub(in crate::sources) fn new(name: SourceName, grant: Grant, metrics: Arc<Metrics>, renewals: &Renewals) -> Self {
        let held = renewals.held(grant.digest(), grant.store_stamp());
        Self(Arc::new(Inner { name, grant, held, metrics }))
    }

    /// Identifies us where tokens are issued, without any secret.
    pub(in crate::sources) fn who(&self) -> String {
        self.0.grant.endpoint().who()
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
        let held = self.0.held.token.load_full().filter(|token| now < token.ends_at);
        if let Some(token) = held {
            let quiet = self.0.held.quiet_until.load().as_deref().is_some_and(|until| now < *until);
            if now >= token.renew_at && !quiet {
                self.renew(client, trace).detach();
            }
            return Ok(token.authorization.clone());
        }
        let seat = self.renew(client, trace);
        deadline.bound(seat.flight.landed()).await?.unwrap_or(Err(Failure::new(FailureKind::Unavailable)))
    }

    /// Records that a token was accepted for a page.
    pub(in crate::sources) fn accepted(&self, sent: &Authorization) {
        if let Some(token) = self.0.held.token.load().as_ref().filter(|token| token.authorization == *sent) {
            token.is_accepted.store(true, Ordering::Relaxed);
        }
    }

    /// Discards a refused token, unless a different one is held already; returns whether a different one may be
    /// available. A token that was just obtained in place of a refused one is kept: another would fare no better, and
    /// each costs two calls.
    pub(in crate::sources) fn forget(&self, refused: &Authorization) -> bool {
        let held = self.0.held.token.load_full();
        let Some(token) = held.as_ref().filter(|token| token.authorization == *refused) else { return true };
        if token.is_as_good_as_any() {
            return false;
        }
        self.0.held.was_refused.store(true, Ordering::Relaxed);
        self.0.held.token.compare_and_swap(&held, None);
        true
    }

    fn renew(&self, client: &Arc<Client>, trace: Option<&Trace>) -> Seat<Result<Authorization, Failure>> {
        let (inner, client, trace) = (Arc::clone(&self.0), Arc::clone(client), trace.cloned());
        self.0.held.renewals.join((), || async move {
            let is_known = inner.grant.endpoint().may_be_asked().is_err();
            let renewed = inner.fetch(&client, trace.as_ref()).await;
            match &renewed {
                Ok(token) => {
                    inner.held.token.store(Some(Arc::clone(token)));
                    inner.metrics.token_renewed(inner.name);
                }
                Err(failure) => {
                    inner.held.quiet_until.store(Some(Arc::new(Instant::now() + RENEWAL_PAUSE)));
                    if is_known {
                        return Err(*failure); // nothing was asked, and the reason has been logged
                    }
                    tracing::warn!(source = %inner.name, outcome = failure.kind.as_str(), http_status = failure.http_status, "no token was issued");
                }
            }
            renewed.map(|token| token.authorization.clone())
        })
    }
}

impl Inner {
    async fn fetch(&self, client: &Client, trace: Option<&Trace>) -> Result<Arc<Token>, Failure> {
        let was_refused = &self.held.was_refused;
        let granted = self.grant.token(client, was_refused.load(Ordering::Relaxed), trace).await?;
        Ok(Arc::new(Token::new(granted, was_refused.swap(false, Ordering::Relaxed), self.grant.store_stamp())))
    }
}
