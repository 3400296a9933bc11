//! One backend at work: walks its pages. `attempt.rs` asks for each of them.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt, stream::FuturesUnordered};
use http::HeaderName;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::{
    adapter::{Adapter, Page, Paging, Position, Unreadable, UpstreamRequest},
    credentials::{CredentialSettings, Credentials},
    failed_page::{is_refused, of_a_known_customer, settle, take},
    health::{Health, HealthReport},
    oauth::{LONGEST_RENEWAL, Renewals},
    ownership::{Own, keep_own},
    reading::{Read, Reading, Rows},
    retry::{Budget, Policy},
    scope::{CallerCredentials, Identity},
    settings::Limits,
    spans,
};
use crate::{
    breaker::{Breaker, BreakerState, Verdict},
    domain::{Failure, FailureKind, Records, RemoteId, SourceName, Warning, WarningCode},
    kept::Kept,
    outbound::{Bounds, Client, Deadline, Transport},
    shared_cache::SharedCache,
    telemetry::{Metrics, Origin},
};

/// How many pages of one walk are asked for concurrently.
const PAGES_AT_ONCE: usize = 4;

/// Everything that makes up a source, as configured.
pub struct SourceSettings {
    /// Describes requests and answers.
    pub adapter: Box<dyn Adapter>,
    /// How it is reached.
    pub transport: Transport,
    /// Our credentials there.
    pub credentials: CredentialSettings,
    /// When calls are retried.
    pub retry: Policy,
    /// The limits of the calls.
    pub limits: Limits,
}

/// The places for calls to each source, by how many there are. They are kept, so that a reload does not add any.
pub type KeptPlaces = Kept<(SourceName, usize), Semaphore>;

/// A backend at work.
pub struct Source {
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
    health: Health,
    pub(super) metrics: Arc<Metrics>,
}

/// All of a customer's users at one source, as found by one reading.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Walk {
    /// The records, each id once, ordered by id.
    pub records: Records,
    /// Whether the counts agreed; if not, records may be missing.
    pub complete: bool,
    /// What a caller should know about them.
    pub warnings: Vec<Warning>,
    /// The one other customer that the rows claim to belong to, if there is one.
    pub other_customer: Option<Box<str>>,
}

/// Whether a source can be called with the configured credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialCheck {
    /// There are credentials.
    Obtained,
    /// There are none, for this reason.
    Refused(Failure),
    /// Each caller brings their own.
    CallersBring,
}

/// Which customer's users to read, and for whom.
#[derive(Clone, Copy, Debug)]
pub struct WalkRequest<'a> {
    /// The customer's id at the source.
    pub customer: &'a RemoteId,
    /// Whose credentials are sent.
    pub identity: &'a Identity,
    /// Where the request that started it comes from.
    pub origin: &'a Origin,
    /// How long the caller that started it waits. No pause is made that would last longer, so that the caller gets the
    /// source's 429 and not a timeout.
    pub patience: Deadline,
    /// Whether the previous answer for this customer could not be used. If this one cannot be used either, the breaker
    /// does not count it.
    pub was_unusable: bool,
}

/// Parses the body of a 200.
pub(super) type Reader<R> = fn(&dyn Adapter, &[u8]) -> Result<Page<R>, Unreadable>;

/// What a walk reads: how to ask for a page, and how to parse the body of a 200.
pub(super) struct Wanted<'a, R> {
    pub(super) paging: Paging,
    pub(super) request: &'a (dyn Fn(Position) -> UpstreamRequest + Send + Sync),
    pub(super) read: Reader<R>,
}

/// One walk: what it reads, what it was started for, and its deadline.
pub(super) struct Task<'a, R> {
    pub(super) wanted: &'a Wanted<'a, R>,
    pub(super) identity: &'a Identity,
    pub(super) origin: &'a Origin,
    pub(super) deadline: Deadline,
    /// Until when the caller that started it waits.
    pub(super) patience: Deadline,
    /// Whether the previous answer for this customer could not be used.
    pub(super) was_unusable: bool,
}

impl<R> Clone for Task<'_, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for Task<'_, R> {}

impl<R> Task<'_, R> {
    /// The longest pause allowed: no longer than anyone waits. Until the caller that started the walk gives
    /// up, that is until then; after that, others may have joined, who wait as long as the first caller did.
    pub(super) fn time_to_pause(&self) -> Duration {
        let waited = self.patience.left();
        self.deadline.left().min(if waited.is_zero() { self.patience.whole() } else { waited })
    }
}

impl SourceSettings {
    /// Makes the client for everything that is requested on this source's behalf.
    pub(super) fn client(&self) -> reqwest::Result<Client> {
        let transport = Transport { encrypted: self.is_encrypted(), ..self.transport.clone() };
        Client::new(self.adapter.name().as_str(), &transport, Bounds::from(&self.limits))
    }

    /// Whether certificates will have to be verified, of the source or of where its tokens are issued.
    pub(super) fn is_encrypted(&self) -> bool {
        self.transport.encrypted || self.credentials.is_encrypted()
    }
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
        let (name, client) = (settings.adapter.name(), settings.client()?);
        let most = usize::try_from(settings.limits.max_in_flight).unwrap_or(Semaphore::MAX_PERMITS);
        Ok(Self {
            client: Arc::new(client),
            who: settings.credentials.digest(),
            credentials: Credentials::new(name, settings.credentials, Arc::clone(&metrics), renewals, shared),
            retry: settings.retry,
            budget: Budget::default(),
            breaker: Breaker::new(settings.limits.breaker),
            places: places.find((name, most), |_| true, || Semaphore::new(most)),
            health: Health::default(),
            limits: settings.limits,
            adapter: settings.adapter.into(),
            metrics,
        })
    }

    /// The source's name.
    pub fn name(&self) -> SourceName {
        self.adapter.name()
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
        authorization.map_or_else(CredentialCheck::Refused, |_| CredentialCheck::Obtained)
    }

    /// The header in which callers send their own credentials, if the source uses them.
    pub fn forwards(&self) -> Option<HeaderName> {
        match &self.credentials {
            Credentials::Forward { header, .. } => Some(header.clone()),
            Credentials::Bearer(_) | Credentials::Tokens(_) => None,
        }
    }

    /// The identity for a request, given what the caller supplied. Missing required credentials count as the
    /// source's refusal.
    pub fn identity(&self, brought: &CallerCredentials) -> Result<Identity, Failure> {
        self.credentials.identity(self.name(), brought)
    }

    /// Reads all of a customer's users, to a consistent end if there is one, within `walk_deadline`.
    pub async fn walk(&self, request: WalkRequest<'_>) -> Result<Walk, Failure> {
        let WalkRequest { customer, identity, origin, patience, was_unusable } = request;
        let deadline = Deadline::after(self.limits.walk_deadline);
        let (span, origin) = &mut spans::begin_walk(origin, "walk", self.name());
        let request = |at| self.adapter.request(customer, at);
        let wanted = Wanted { paging: self.adapter.paging(), request: &request, read: |adapter, body| adapter.read(body) };
        let task = Task { wanted: &wanted, identity, origin, deadline, patience, was_unusable };
        let walked = self.read_consistently(customer, task).await;
        let (walk, odd_fields) = match walked {
            Ok((walk, odd_fields)) => (Ok(walk), odd_fields),
            Err(failure) => (Err(failure), 0),
        };
        let failed = walk.as_ref().err().copied();
        spans::note_outcome(span, failed.as_ref());
        let answered = Verdict::from(failed.map(|failure| failure.kind)) == Verdict::Answered;
        self.metrics.odd_fields(self.name(), odd_fields);
        // A caller's faulty credentials say nothing about the source.
        if !failed.is_some_and(|failure| identity.may_be_why(&failure)) {
            self.metrics.source_up(self.name(), answered);
            self.health.note(failed.map(|failure| failure.kind));
        }
        if let Some(failure) = failed {
            let (outcome, http_status) = (failure.kind.as_str(), failure.http_status);
            tracing::info!(source = %self.name(), outcome, http_status, request_id = %origin.request_id, "a source returned no roll");
        }
        walk
    }

    /// Makes one reading; a second one if the counts of the first did not agree; returns the union of both if
    /// those of the second do not agree either.
    async fn read_consistently(&self, customer: &RemoteId, task: Task<'_, Records>) -> Result<(Walk, u64), Failure> {
        let mut read = self.read_once(task).await?;
        let mut odd_fields = read.odd_fields;
        let (mut complete, mut warnings) = (read.agrees, Vec::new());
        if !complete {
            let again = Box::pin(self.read_once(task)).await.map_err(of_a_known_customer)?; // rare
            if let Some(refused) = again.refused.filter(|_| read.refused.is_some()) {
                return Err(of_a_known_customer(refused));
            }
            odd_fields += again.odd_fields;
            complete = again.agrees;
            read = if complete { again } else { Read { records: again.union(read), agrees: false, refused: None, odd_fields } };
        }
        if !complete {
            warnings.push(Warning { code: WarningCode::ChangedWhileReading, source: Some(self.name()), count: None });
        }
        let Own { records, warning, other_customer } = keep_own(self.name(), self.adapter.says_inherited(), customer, read.records)?;
        warnings.extend(warning);
        Ok((Walk { records, complete, warnings, other_customer }, odd_fields))
    }

    /// The maximum number of rows of one walk, in case a backend sends larger pages than asked for.
    fn most_rows(&self, paging: Paging) -> u64 {
        match paging {
            Paging::Pages { size } => self.limits.max_pages.saturating_mul(size),
            Paging::Whole => u64::MAX, // one answer, bounded in bytes
        }
    }

    pub(super) async fn read_once<R: Rows>(&self, task: Task<'_, R>) -> Result<Read<R>, Failure> {
        let mut reading = Reading::new(task.wanted.paging);
        loop {
            // Checked before the pages are listed: a wrong count may be arbitrarily large.
            if reading.last_page() > self.limits.max_pages {
                return Err(Failure::answered(FailureKind::InvalidResponse, 200));
            }
            match *reading.wanted() {
                [] => return Ok(reading.finish()),
                [number] => self.ask_for_one(task, number, &mut reading).await?,
                ref several => self.ask_for(task, several, &mut reading).await?,
            }
        }
    }

    /// Asks for one page, the usual case, without the setup for several. Boxed, because otherwise the whole walk would
    /// have to be moved around with it.
    async fn ask_for_one<R: Rows>(&self, task: Task<'_, R>, number: u64, reading: &mut Reading<R>) -> Result<(), Failure> {
        let page = Box::pin(self.page(task, reading.position(number), None)).await;
        match take(number, reading.end(), page, reading) {
            Err(failure) if number > 1 => settle(failure, reading)?,
            taken => taken?,
        }
        self.bounded(task, reading)
    }

    /// Asks for pages, a few at a time. After the first failure no further page is begun, and none waits for a
    /// retry, unless another reading may fix the failure; of several failures the strongest counts.
    async fn ask_for<R: Rows>(&self, task: Task<'_, R>, wanted: &[u64], reading: &mut Reading<R>) -> Result<(), Failure> {
        let end = reading.end();
        let mut waiting = wanted.iter().copied();
        let (mut asked, failing) = (FuturesUnordered::new(), &CancellationToken::new());
        let mut failed: Option<Failure> = None;
        loop {
            while failed.is_none() && asked.len() < self.pages_at_once() {
                let Some(number) = waiting.next() else { break };
                let at = reading.position(number);
                asked.push(async move { (number, self.page(task, at, Some(failing)).await) });
            }
            match asked.next().await {
                None => return failed.map_or(Ok(()), |failure| settle(failure, reading)),
                Some((number, page)) => match take(number, end, page, reading) {
                    Ok(()) => self.bounded(task, reading)?,
                    Err(failure) => {
                        if !is_refused(&failure) {
                            failing.cancel(); // another reading may fix a refusal
                        }
                        failed = Some(failed.map_or(failure, |other| other.or_stronger(failure)));
                    }
                },
            }
        }
    }

    /// How many pages of a walk are asked for at once: a walk must not wait for places that it holds itself.
    fn pages_at_once(&self) -> usize {
        PAGES_AT_ONCE.min(usize::try_from(self.limits.max_in_flight).unwrap_or(PAGES_AT_ONCE))
    }

    /// Checks that no more rows were received than one walk may have.
    fn bounded<R: Rows>(&self, task: Task<'_, R>, reading: &Reading<R>) -> Result<(), Failure> {
        let is_within = reading.rows() <= self.most_rows(task.wanted.paging);
        if is_within { Ok(()) } else { Err(Failure::answered(FailureKind::InvalidResponse, 200)) }
    }
}
