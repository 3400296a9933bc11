//! One attempt at a page: the breaker's permission, a token, a place, the call.

use std::{pin::pin, sync::Arc, time::Duration};

use http::{HeaderName, HeaderValue, header};
use tokio::{sync::SemaphorePermit, time::Instant};

use super::{
    adapter::{Page, Position, UpstreamRequest},
    answer::judge,
    authorization::Authorization,
    failed_page::another_reading_may_fix,
    pages::Task,
    reading::Rows,
    source::Source,
    spans,
};
use crate::{
    breaker::{Permit, Verdict},
    domain::{Failure, FailureKind},
    offload::offload_if,
    outbound::{Deadline, REQUEST_ID},
    telemetry::Span,
};

/// How much less than its full time a call may get and still count as having had it: sending it takes a moment.
const SLACK: Duration = Duration::from_millis(20);

/// From this many bytes on, parsing a body moves off the threads that serve all requests.
const LARGE_BODY: usize = 256 << 10;

/// What is known of one call while it is made.
struct Call {
    /// How often the same request was sent before.
    resent: u64,
    /// The credentials that were sent; `None` if it was not made.
    sent: Option<Authorization>,
    /// When it was sent: waiting for a token or a place does not count against the source.
    started: Instant,
    /// How much time it was given.
    given: Duration,
    span: Span,
}

impl Call {
    fn new(resent: u64) -> Self {
        Self { resent, sent: None, started: Instant::now(), given: Duration::ZERO, span: Span::none() }
    }

    /// Notes that it is sent now.
    fn begin(&mut self, authorization: Authorization, deadline: Deadline) {
        (self.sent, self.started, self.given) = (Some(authorization), Instant::now(), deadline.left());
    }

    /// Whether its failure says nothing about the source: it had less than the `whole` time of a call, or it was never made
    /// because no token was available in time or at all.
    fn says_nothing(&self, failed: FailureKind, whole: Duration) -> bool {
        match failed {
            FailureKind::Timeout => self.sent.is_none() || self.given + SLACK < whole,
            FailureKind::Unauthorized | FailureKind::Forbidden | FailureKind::RateLimited => self.sent.is_none(),
            _ => false,
        }
    }
}

impl Source {
    /// Makes one attempt, with the breaker's permission. `resent` is how often the same request was sent before.
    /// A failure comes with the credentials that were sent, if any were.
    pub(super) async fn attempt<R: Rows>(
        &self,
        task: Task<'_, R>,
        at: &Position,
        resent: u64,
    ) -> Result<Page<R>, (Failure, Option<Authorization>)> {
        if task.deadline.left().is_zero() {
            return Err((Failure::new(FailureKind::Timeout), None)); // out of time, not out of places
        }
        let permit = self.breaker.pass().map_err(|wait| (overloaded(wait), None))?;
        let mut call = Call::new(resent);
        let page = self.make(&mut call, task, at, &permit).await;
        match page.as_ref().err() {
            Some(failure) if failure.kind == FailureKind::Overloaded => return Err((*failure, None)), // no call was made: no verdict
            failed => self.conclude(&mut call, task, at, permit, failed),
        }
        page.map_err(|failure| (failure, call.sent))
    }

    /// Obtains a token and then a place, and makes the call.
    async fn make<R: Rows>(&self, call: &mut Call, task: Task<'_, R>, at: &Position, permit: &Permit) -> Result<Page<R>, Failure> {
        let own_time = || task.deadline.or_after(self.limits.timeout);
        let authorization = if let Some(brought) = task.identity.brought() {
            brought.clone()
        } else {
            let obtained = self.credentials.authorization(&self.client, own_time(), Some(&task.origin.trace)).await;
            obtained.map_err(|failure| Failure { is_of_token: true, ..failure })?
        };
        let _place = self.place(task.deadline).await?; // only now, so that waiting for a token takes up no place
        permit.holds().map_err(overloaded)?; // the breaker may have opened meanwhile
        let deadline = own_time();
        call.begin(authorization.clone(), deadline);
        let exchange = pin!(self.exchange(Task { deadline, ..task }, at, &authorization, call)); // in place: it is large
        deadline.bound(exchange).await.flatten()
    }

    /// Tells the trace, the breaker, the metrics and the credentials how a call ended.
    fn conclude<R>(&self, call: &mut Call, task: Task<'_, R>, at: &Position, permit: Permit, failed: Option<&Failure>) {
        spans::note_outcome(&mut call.span, failed);
        // If a walk may take less time than a call, a call has at most the walk's time.
        let whole = self.limits.timeout.min(task.deadline.whole());
        let is_known = task.was_unusable && !permit.is_probe();
        let is_of_the_walk = |failure: &Failure| at.page > 1 && another_reading_may_fix(failure);
        let says_nothing = |failure: &Failure| {
            call.says_nothing(failure.kind, whole)
                || (is_known && is_unusable(failure))
                || is_of_the_walk(failure)
                || task.identity.are_odd(failure)
        };
        let kind = failed.map(|failure| failure.kind);
        permit.finish(if failed.is_some_and(says_nothing) { Verdict::Nothing } else { kind.into() });
        self.metrics.call(self.name(), kind, call.started.elapsed(), task.origin.trace.reported());
        if let (Some(sent), None) = (&call.sent, failed) {
            self.credentials.accepted(sent);
        }
    }

    /// Waits for a place among the calls in progress.
    async fn place(&self, deadline: Deadline) -> Result<SemaphorePermit<'_>, Failure> {
        if deadline.left().is_zero() {
            return Err(Failure::new(FailureKind::Timeout)); // the token came too late; places were not the problem
        }
        if let Ok(place) = self.places.try_acquire() {
            return Ok(place); // the usual case, without a timer; if someone already waits, no place is free
        }
        // Waiting for a place for as long as for an answer would leave no time for the call.
        let place = deadline.or_after(self.limits.timeout / 2).bound(self.places.acquire()).await;
        place.ok().and_then(Result::ok).ok_or(overloaded(self.limits.timeout))
    }

    /// Sends the request and parses the answer, until the task's deadline.
    async fn exchange<R: Rows>(
        &self,
        task: Task<'_, R>,
        at: &Position,
        authorization: &Authorization,
        call: &mut Call,
    ) -> Result<Page<R>, Failure> {
        let asked = (task.wanted.request)(at);
        if at.cursor.is_some() && asked.url.origin() != (task.wanted.request)(&Position::FIRST).url.origin() {
            return Err(Failure::new(FailureKind::InvalidResponse)); // a cursor must not lead our credentials elsewhere
        }
        let mut request = request_of(asked, self.adapter.credentials_header(), authorization, &task.origin.request_id);
        call.span = spans::begin_attempt(&task.origin.trace, self.name(), &mut request, call.resent);
        let answer = self.client.exchange(request, task.deadline).await?;
        spans::note_status(&mut call.span, answer.status);
        let heavy = answer.body.as_ref().is_ok_and(|body| body.len() > LARGE_BODY);
        let (adapter, read) = (Arc::clone(&self.adapter), task.wanted.read);
        let judged = offload_if(heavy, move || {
            let body = answer.body.as_deref().map_err(|failure| *failure);
            judge(|body| read(adapter.as_ref(), body), answer.status, body)
        })
        .await;
        judged.map_err(|failure| Failure { retry_after: answer.retry_after, ..failure })
    }
}

/// Composes the request for a page, with credentials in the header for them and under the caller's request id.
fn request_of(asked: UpstreamRequest, credentials_header: HeaderName, authorization: &Authorization, request_id: &str) -> reqwest::Request {
    let mut request = reqwest::Request::new(asked.method, asked.url);
    let headers = request.headers_mut();
    headers.insert(credentials_header, authorization.header());
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    if let Ok(request_id) = HeaderValue::from_str(request_id) {
        headers.insert(REQUEST_ID, request_id);
    }
    if *request.method() == http::Method::POST {
        // Assumption: a POST without a body needs `Content-Length: 0`; otherwise, an IIS answers 411.
        request.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    request
}

/// Whether a complete answer arrived but cannot be used. If the previous answer for the same customer could not be used
/// either, the cause may be this customer's rows. If the breaker counted that each time, these rows would block all customers.
fn is_unusable(failure: &Failure) -> bool {
    failure.kind == FailureKind::InvalidResponse && matches!(failure.http_status, Some(200 | 404))
}

/// Our own guard did not let a call through; it may after this time.
fn overloaded(retry_after: Duration) -> Failure {
    Failure { retry_after: Some(retry_after), ..Failure::new(FailureKind::Overloaded) }
}

#[cfg(test)]
mod tests {
    use FailureKind::{Forbidden, RateLimited, Timeout, Unauthorized, Unavailable};

    use super::*;
    use crate::config::Secret;

    #[test]
    fn a_call_that_was_never_made_or_was_cut_short_says_nothing_of_the_source() {
        let (timeout, little, all) = (Duration::from_secs(3), Duration::from_secs(1), Duration::from_millis(2999));
        for (failed, is_sent, given, expected) in [
            (Timeout, true, all, false),
            (Timeout, true, little, true),
            (Timeout, false, all, true),
            (Unauthorized, false, little, true),
            (Unauthorized, true, little, false),
            (Unavailable, false, little, false), // the token endpoint is down, which the breaker counts, too
            (Forbidden, true, little, false),
            (Forbidden, false, little, true),
            (RateLimited, true, little, false),
            (RateLimited, false, little, true),
        ] {
            let sent = is_sent.then(|| Authorization::bearer(&Secret::new("a-token"))).flatten();
            let call = Call { sent, given, ..Call::new(0) };
            assert_eq!(call.says_nothing(failed, timeout), expected, "{failed:?} {is_sent} {given:?}");
        }
    }
}
