//! One page of a walk, with retries. `attempt.rs` makes each attempt.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{
    adapter::{Page, Position},
    pages::Task,
    reading::Rows,
    source::Source,
};
use crate::domain::{Failure, FailureKind};

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
        let (mut tries, mut refused) = (1, None);
        loop {
            let (failure, sent) = match self.attempt(task, &at, tries - 1 + u64::from(refused.is_some())).await {
                Ok(page) => return Ok(page),
                Err(failed) => failed,
            };
            if let Some(refusal) = refused.filter(|_| sent.is_none() && failure.kind.is_refusal()) {
                return Err(refusal); // the renewal was refused as well, so the source's 401 is the last thing it said
            }
            if failure.kind == FailureKind::Unauthorized && refused.is_none() && sent.is_some_and(|sent| self.credentials.refused(&sent)) {
                refused = Some(failure);
                continue;
            }
            if task.identity.may_be_why(&failure) {
                return Err(failure); // one caller's credentials must not use up the retries that others may need
            }
            let pause = self.retry.pause(&failure, tries, self.limits.retries, task.time_to_pause(), fastrand::f64());
            let Some(pause) = pause.filter(|_| self.budget.withdraw()) else { return Err(failure) };
            if !slept(pause, failing).await {
                return Err(failure);
            }
            self.metrics.retry(self.name());
            tries += 1;
        }
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
