//! One page of one backend: the breaker's permission, credentials, a place, the call, and retries.

use std::{sync::Arc, time::Duration};

use http::{HeaderValue, header};
use tokio::sync::SemaphorePermit;
use tokio_util::sync::CancellationToken;

use super::{
    adapter::{Page, Position},
    answer::judge,
    authorization::Authorization,
    reading::Rows,
    source::{Source, Task},
    spans,
};
use crate::{
    breaker::Verdict,
    domain::{Failure, FailureKind},
    offload::offload_if,
    outbound::{Deadline, REQUEST_ID},
    telemetry::Span,
};

/// How much less than its full time a call may get and still count as having had it: sending it takes a moment.
const SLACK: Duration = Duration::from_millis(20);

/// From this many bytes on, parsing a body moves off the threads that serve all requests.
const LARGE_BODY: usize = 256 << 10;

impl Source {
    /// Asks for one page until it succeeds or until retrying is pointless, which it also is once another
    /// page of the walk is `failing`. A refused token is replaced once, which does not count as a retry.
    pub(super) async fn page<R: Rows>(
        &self,
        task: Task<'_, R>,
        at: Position,
        failing: Option<&CancellationToken>,
    ) -> Result<Page<R>, Failure> {
        self.budget.deposit();
        let (mut tries, mut replaced) = (1, false);
        loop {
            let (failure, sent) = match self.attempt(task, at, tries - 1 + u64::from(replaced)).await {
                Ok(page) => return Ok(page),
                Err(failed) => failed,
            };
            if failure.kind == FailureKind::Unauthorized && !replaced && sent.as_ref().is_some_and(|sent| self.credentials.refused(sent)) {
                replaced = true;
                continue;
            }
            if task.identity.may_be_why(&failure) {
                return Err(failure); // one caller's credentials must not use up the retries that others may need
            }
            let pause = self.retry.pause(&failure, tries, task.time_to_pause(), fastrand::f64());
            let Some(pause) = pause.filter(|_| self.budget.withdraw()) else { return Err(failure) };
            if !slept(pause, failing).await {
                return Err(failure);
            }
            self.metrics.retry(self.name());
            tries += 1;
        }
    }

    /// Makes one attempt: the breaker's permission, a token, a place, the call. `resent` is how often the same
    /// request was sent before. A failure comes with the credentials that were sent, if any were.
    async fn attempt<R: Rows>(&self, task: Task<'_, R>, at: Position, resent: u64) -> Result<Page<R>, (Failure, Option<Authorization>)> {
        if task.deadline.left().is_zero() {
            return Err((Failure::new(FailureKind::Timeout), None)); // out of time, not out of places
        }
        let permit = self.breaker.pass().map_err(|wait| (overloaded(wait), None))?;
        let (mut started, mut given, mut sent, mut span) = (tokio::time::Instant::now(), Duration::ZERO, None, Span::none());
        let own_time = || task.deadline.or_after(self.limits.timeout);
        let call = async {
            let authorization = match task.identity.brought() {
                Some(brought) => brought.clone(),
                None => self.credentials.authorization(&self.client, own_time(), Some(&task.origin.trace)).await?,
            };
            let _place = self.place(task.deadline).await?; // only now, so that waiting for a token takes up no place
            permit.holds().map_err(overloaded)?; // the breaker may have opened meanwhile
            sent = Some(authorization.clone());
            started = tokio::time::Instant::now(); // so that waiting for a token or a place does not count against the source
            let deadline = own_time();
            given = deadline.left();
            deadline.bound(self.call(Task { deadline, ..task }, at, &authorization, resent, &mut span)).await.flatten()
        };
        let page = call.await;
        if let Err(failure @ Failure { kind: FailureKind::Overloaded, .. }) = page {
            return Err((failure, None)); // no call was made, so the permit is dropped without a verdict
        }
        spans::note_outcome(&mut span, page.as_ref().err());
        let failed = page.as_ref().err().map(|failure| failure.kind);
        // If a walk may take less time than a call, a call has at most the walk's time.
        let whole = self.limits.timeout.min(task.deadline.whole());
        let is_known = task.was_unusable && !permit.is_probe();
        let says_nothing = |failure: &Failure| {
            says_nothing(failure.kind, sent.is_some(), given, whole) || (is_known && is_unusable(failure)) || task.identity.are_odd(failure)
        };
        permit.finish(if page.as_ref().is_err_and(says_nothing) { Verdict::Nothing } else { failed.into() });
        self.metrics.call(self.name(), failed, started.elapsed(), task.origin.trace.reported());
        if let Some(sent) = sent.as_ref().filter(|_| failed.is_none()) {
            self.credentials.accepted(sent);
        }
        page.map_err(|failure| (failure, sent))
    }

    /// Waits for a place among the calls in progress.
    async fn place(&self, deadline: Deadline) -> Result<SemaphorePermit<'_>, Failure> {
        if deadline.left().is_zero() {
            return Err(Failure::new(FailureKind::Timeout)); // the token came too late; places were not the problem
        }
        // Waiting for a place for as long as for an answer would leave no time for the call.
        let place = deadline.or_after(self.limits.timeout / 2).bound(self.places.acquire()).await;
        place.ok().and_then(Result::ok).ok_or(overloaded(self.limits.timeout))
    }

    /// Makes the call itself, which has until the task's deadline.
    async fn call<R: Rows>(
        &self,
        task: Task<'_, R>,
        at: Position,
        authorization: &Authorization,
        resent: u64,
        span: &mut Span,
    ) -> Result<Page<R>, Failure> {
        let asked = (task.wanted.request)(at);
        let mut request = reqwest::Request::new(asked.method, asked.url);
        let headers = request.headers_mut();
        headers.insert(header::AUTHORIZATION, authorization.header());
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        if let Ok(request_id) = HeaderValue::from_str(&task.origin.request_id) {
            headers.insert(REQUEST_ID, request_id);
        }
        if *request.method() == http::Method::POST {
            // Assumption: a POST without a body needs `Content-Length: 0`; otherwise, an IIS answers 411.
            request.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        *span = spans::begin_attempt(&task.origin.trace, self.name(), &mut request, resent);
        let answer = self.client.exchange(request, task.deadline).await?;
        spans::note_status(span, answer.status);
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

/// Whether a complete answer arrived but cannot be used. If the previous answer for the same customer could not be used
/// either, the cause may be this customer's rows. If the breaker counted that each time, these rows would block all customers.
fn is_unusable(failure: &Failure) -> bool {
    failure.kind == FailureKind::InvalidResponse && matches!(failure.http_status, Some(200 | 404))
}

/// Whether a failed call says nothing about the source: it had less than the `whole` time of a call, or it was never made
/// because no token was available in time or at all.
fn says_nothing(failed: FailureKind, is_sent: bool, given: Duration, whole: Duration) -> bool {
    match failed {
        FailureKind::Timeout => !is_sent || given + SLACK < whole,
        FailureKind::Unauthorized => !is_sent,
        _ => false,
    }
}

/// Waits, unless there is no longer anything to wait for; returns whether the wait was completed.
async fn slept(pause: Duration, failing: Option<&CancellationToken>) -> bool {
    let asleep = tokio::time::sleep(pause);
    if let Some(failing) = failing {
        return failing.run_until_cancelled(asleep).await.is_some();
    }
    asleep.await;
    true
}

/// Our own guard did not let a call through; it may after this time.
fn overloaded(retry_after: Duration) -> Failure {
    Failure { retry_after: Some(retry_after), ..Failure::new(FailureKind::Overloaded) }
}

#[cfg(test)]
mod tests {
    use FailureKind::{Forbidden, Timeout, Unauthorized, Unavailable};

    use super::*;

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
        ] {
            assert_eq!(says_nothing(failed, is_sent, given, timeout), expected, "{failed:?} {is_sent} {given:?}");
        }
    }
}
