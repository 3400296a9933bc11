//! A token endpoint that asks to be left alone (`Retry-After`) is not asked meanwhile, for whichever request.

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::domain::{Failure, FailureKind};

/// The longest wait that is obeyed.
const LONGEST: Duration = Duration::from_mins(1);

/// The endpoint's latest failure, if it came with a wait.
#[derive(Clone, Debug, Default)]
pub(super) struct LeftAlone(Arc<Mutex<Option<(Instant, Failure)>>>);

impl LeftAlone {
    /// The failure, with what is left of its wait, while that lasts.
    pub(super) fn now(&self) -> Option<Failure> {
        let (until, failure) = (*self.0.lock())?;
        let left = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())?;
        Some(Failure { retry_after: Some(left), ..failure })
    }

    /// Notes a failure, if the endpoint is busy or down and said how long to stay away. A refusal may end sooner: by
    /// another secret, or another login.
    pub(super) fn note(&self, failure: Failure) {
        let is_load = matches!(failure.kind, FailureKind::RateLimited | FailureKind::Unavailable);
        let wait = failure.retry_after.filter(|_| is_load).map(|asked| asked.min(LONGEST));
        *self.0.lock() = wait.map(|wait| (Instant::now() + wait, failure));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_endpoint_is_left_alone_for_as_long_as_it_asks_and_a_minute_at_most() {
        let (alone, busy) = (LeftAlone::default(), Failure::answered(FailureKind::RateLimited, 429));
        alone.note(Failure { retry_after: Some(LONGEST), ..Failure::answered(FailureKind::Unauthorized, 401) });
        assert_eq!(alone.now(), None, "a refusal");
        for (asked, obeyed) in [(None, 0), (Some(30), 30), (Some(3600), 60), (Some(0), 0)] {
            alone.note(Failure { retry_after: asked.map(Duration::from_secs), ..busy });
            for (passed, left) in [(0, obeyed), (10, u64::saturating_sub(obeyed, 10)), (obeyed, 0)] {
                let left = (left > 0).then_some(Duration::from_secs(left));
                assert_eq!(alone.now().and_then(|failure| failure.retry_after), left, "{asked:?} after {passed} s");
                tokio::time::advance(Duration::from_secs(10)).await;
                if passed == 10 {
                    tokio::time::advance(Duration::from_secs(obeyed)).await;
                }
            }
        }
    }
}
