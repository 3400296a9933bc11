//! Renewals that spend a refresh token are finished before the process ends.
//!
//! Between the identity server's taking of the old token and our writing of the new one there is
//! nothing good on disk. A process that is told to stop waits for that moment to pass.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use parking_lot::Mutex;
use tokio_util::task::{TaskTracker, task_tracker::TaskTrackerToken};

use super::memory::Memory;

/// The renewals under way, of all sources and all configurations, and what is known of each store
/// beside what it holds: a reload forgets neither.
#[derive(Clone, Debug, Default)]
pub struct Renewals {
    under_way: TaskTracker,
    memories: Arc<Mutex<HashMap<PathBuf, Arc<Mutex<Memory>>>>>,
}

impl Renewals {
    /// Begins one; it is under way until what this gives is dropped. `None` where none shall begin any more.
    pub(super) fn begin(&self) -> Option<TaskTrackerToken> {
        let begun = self.under_way.token(); // before the question, so that whoever closes it waits for this one
        (!self.under_way.is_closed()).then_some(begun)
    }

    /// Whether none shall begin to spend a token any more.
    pub(super) fn are_over(&self) -> bool {
        self.under_way.is_closed()
    }

    /// What is known of the store at this path.
    pub(super) fn memory(&self, store: &Path) -> Arc<Mutex<Memory>> {
        let mut memories = self.memories.lock();
        Arc::clone(memories.entry(store.to_owned()).or_default())
    }

    /// Waits for those that are under way, and lets none begin any more.
    pub async fn finish(&self) {
        self.under_way.close();
        self.under_way.wait().await;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_is_known_of_a_store_outlives_a_configuration() {
        let (before, after) = (Renewals::default(), Renewals::default());
        let memory = |renewals: &Renewals, store: &str| renewals.memory(Path::new(store));
        assert!(Arc::ptr_eq(&memory(&before, "a"), &memory(&before.clone(), "a")));
        assert!(!Arc::ptr_eq(&memory(&before, "a"), &memory(&before, "b")));
        assert!(!Arc::ptr_eq(&memory(&before, "a"), &memory(&after, "a")));
    }

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
