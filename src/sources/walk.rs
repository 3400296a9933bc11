//! A walk: reads all of a customer's users, to a consistent end. `pages.rs` makes each reading.

use super::{
    adapter::Position,
    failed_page::of_a_known_customer,
    ownership::{Own, keep_own},
    pages::{Task, Wanted},
    reading::Read,
    scope::Identity,
    source::Source,
    spans,
};
use crate::{
    breaker::Verdict,
    domain::{Failure, Records, RemoteId, Warning, WarningCode},
    outbound::Deadline,
    telemetry::Origin,
};

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

impl Source {
    /// Reads all of a customer's users, to a consistent end if there is one, within `walk_deadline`.
    pub async fn walk(&self, request: WalkRequest<'_>) -> Result<Walk, Failure> {
        let WalkRequest { customer, identity, origin, patience, was_unusable } = request;
        let deadline = Deadline::after(self.limits.walk_deadline);
        let (span, origin) = &mut spans::begin_walk(origin, "walk", self.name());
        let request = |at: &Position| self.adapter.request(customer, at);
        let wanted =
            Wanted { paging: self.adapter.paging(), proves_end: false, request: &request, read: |adapter, body| adapter.read(body) };
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
            read = if complete {
                again
            } else {
                Read { rows: again.rows, records: again.union(read), agrees: false, refused: None, odd_fields }
            };
        }
        if !complete {
            warnings.push(Warning { code: WarningCode::ChangedWhileReading, source: Some(self.name()), count: None });
        }
        if let Some(count) = task.wanted.paging.suspicious().filter(|count| *count == read.rows) {
            warnings.push(Warning { code: WarningCode::PossiblyTruncated, source: Some(self.name()), count: Some(count) });
        }
        let Own { records, warning, other_customer } = keep_own(self.name(), self.adapter.says_inherited(), customer, read.records)?;
        warnings.extend(warning);
        Ok((Walk { records, complete, warnings, other_customer }, odd_fields))
    }
}
