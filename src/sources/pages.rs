//! One reading of all pages, as `reading.rs` wants them. `page.rs` asks for each of them.

use std::time::Duration;

use futures_util::{StreamExt, stream::FuturesUnordered};
use tokio_util::sync::CancellationToken;

use super::{
    adapter::{Adapter, Page, Paging, Position, Unreadable, UpstreamRequest},
    failed_page::{another_reading_may_fix, settle, take},
    reading::{Read, Reading, Rows},
    scope::Identity,
    source::Source,
};
use crate::{
    domain::{Failure, FailureKind},
    outbound::Deadline,
    telemetry::Origin,
};

/// How many pages of one walk are asked for concurrently.
const PAGES_AT_ONCE: usize = 4;

/// Parses the body of a 200.
pub(super) type Reader<R> = fn(&dyn Adapter, &[u8]) -> Result<Page<R>, Unreadable>;

/// What a walk reads: how to ask for a page, and how to parse the body of a 200.
pub(super) struct Wanted<'a, R> {
    pub(super) paging: Paging,
    /// Whether pages are read until one has no rows, even if the list looks complete before.
    pub(super) proves_end: bool,
    pub(super) request: &'a (dyn Fn(&Position) -> UpstreamRequest + Send + Sync),
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

impl Source {
    /// The maximum number of rows of one walk, in case a backend sends larger pages than asked for.
    fn most_rows(&self, paging: Paging) -> u64 {
        // One answer is bounded in bytes.
        paging.asked().map_or(u64::MAX, |size| self.limits.max_pages.saturating_mul(size))
    }

    /// Makes one reading: asks for all pages that it wants, until it wants no more.
    pub(super) async fn read_once<R: Rows>(&self, task: Task<'_, R>) -> Result<Read<R>, Failure> {
        let Wanted { paging, proves_end, .. } = *task.wanted;
        let mut reading = if proves_end { Reading::to_the_end(paging) } else { Reading::new(paging) };
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
                        if !another_reading_may_fix(&failure) {
                            failing.cancel();
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
