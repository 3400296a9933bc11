//! One backend at work: what it needs, its state, its credentials. `walk.rs` reads its users, `listing.rs` its customers.

use std::sync::Arc;

use http::HeaderName;
use tokio::sync::Semaphore;

use super::{
    Backend,
    adapter::Adapter,
    credentials::Credentials,
    health::{Health, HealthReport},
    oauth::{LONGEST_RENEWAL, Renewals},
    retry::{Budget, Policy},
    scope::{CallerCredentials, Identity},
    settings::{Limits, SourceSettings},
};
use crate::{
    breaker::{Breaker, BreakerState},
    domain::{Failure, SourceName},
    kept::Kept,
    outbound::{Client, Deadline},
    shared_cache::SharedCache,
    telemetry::Metrics,
};

/// The places for calls to each source, by how many there are. They are kept, so that a reload does not add any.
pub type KeptPlaces = Kept<(SourceName, usize), Semaphore>;

/// A backend at work.
pub struct Source {
    backend: Backend,
    pub(super) adapter: Arc<dyn Adapter>,
    pub(super) client: Arc<Client>,
    pub(super) credentials: Credentials,
    /// A digest of our identity there.
    pub(super) who: String,
    pub(super) retry: Policy,
    pub(super) limits: Limits,
    pub(super) budget: Budget,
    pub(super) breaker: Breaker,
    pub(super) places: Arc<Semaphore>,
    pub(super) health: Health,
    pub(super) metrics: Arc<Metrics>,
}

/// Whether a source can be called with the configured credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialCheck {
    /// There are credentials.
    Obtained,
    /// There are none.
    Refused {
        /// What they are called: a token, or a key.
        what: &'static str,
        /// The reason.
        failure: Failure,
    },
    /// Each caller brings their own.
    CallersBring,
}

impl Source {
    /// Starts a source.
    pub fn new(
        settings: SourceSettings,
        metrics: Arc<Metrics>,
        renewals: &Renewals,
        places: &KeptPlaces,
        shared: Option<&SharedCache>,
    ) -> reqwest::Result<Self> {
        let (backend, client) = (settings.backend, settings.client()?);
        let most = usize::try_from(settings.limits.max_in_flight).unwrap_or(Semaphore::MAX_PERMITS);
        Ok(Self {
            backend,
            client: Arc::new(client),
            who: settings.credentials.digest(),
            credentials: Credentials::new(backend.name, settings.credentials, Arc::clone(&metrics), renewals, shared),
            retry: settings.retry,
            budget: Budget::default(),
            breaker: Breaker::new(settings.limits.breaker),
            places: places.find((backend.name, most), |_| true, || Semaphore::new(most)),
            health: Health::default(),
            limits: settings.limits,
            adapter: settings.adapter.into(),
            metrics,
        })
    }

    /// Which backend it is.
    pub fn backend(&self) -> Backend {
        self.backend
    }

    /// The source's name.
    pub fn name(&self) -> SourceName {
        self.backend.name
    }

    /// How the source has been doing lately.
    pub fn health(&self) -> HealthReport {
        self.health.report(self.name(), self.breaker.state())
    }

    /// The current state of the circuit breaker.
    pub fn breaker(&self) -> BreakerState {
        self.breaker.state()
    }

    /// Obtains our credentials and does nothing else. Waits for as long as one renewal may take.
    pub async fn check_credentials(&self) -> CredentialCheck {
        if self.forwards().is_some() {
            return CredentialCheck::CallersBring;
        }
        let authorization = self.credentials.authorization(&self.client, Deadline::after(LONGEST_RENEWAL), None).await;
        match authorization {
            Ok(_) => CredentialCheck::Obtained,
            Err(failure) => CredentialCheck::Refused { what: self.credentials.name(), failure },
        }
    }

    /// The header in which callers send their own credentials, if the source uses them.
    pub fn forwards(&self) -> Option<HeaderName> {
        match &self.credentials {
            Credentials::Forward { header, .. } => Some(header.clone()),
            Credentials::Ready(_) | Credentials::Tokens(_) => None,
        }
    }

    /// The identity for a request, given what the caller supplied. Missing required credentials count as the
    /// source's refusal.
    pub fn identity(&self, brought: &CallerCredentials) -> Result<Identity, Failure> {
        self.credentials.identity(self.name(), brought)
    }
}
