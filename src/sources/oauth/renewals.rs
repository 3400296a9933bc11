//! Renewals that spend a refresh token are finished before the process ends.
//!
//! Between the identity server's taking of the old token and our writing of the new one there is
//! nothing good on disk. A process that is told to stop waits for that moment to pass.

use tokio_util::task::{TaskTracker, task_tracker::TaskTrackerToken};

/// The renewals under way, of all sources and all configurations.
#[derive(Clone, Debug, Default)]
pub struct Renewals(TaskTracker);

impl Renewals {
    /// Begins one; it is under way until what this gives is dropped. `None` where none shall begin any more.
    pub(super) fn begin(&self) -> Option<TaskTrackerToken> {
        let begun = self.0.token(); // before the question, so that whoever closes it waits for this one
        (!self.0.is_closed()).then_some(begun)
    }

    /// Waits for those that are under way, and lets none begin any more.
    pub async fn finish(&self) {
        self.0.close();
        self.0.wait().await;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn the_end_waits_for_what_is_under_way_and_lets_nothing_begin() {
        let renewals = Renewals::default();
        let (begun, other) = (renewals.begin(), renewals.clone());
        let ending = tokio::spawn(async move { other.finish().await });
        while renewals.begin().is_some() {
            tokio::task::yield_now().await;
        }
        assert!(tokio::time::timeout(Duration::from_millis(20), renewals.finish()).await.is_err());
        drop(begun);
        ending.await.unwrap();
    }
}
