//! Lets renewals that spend a refresh token finish before the process ends.
//!
//! Between the moment when the identity server accepts the old token and the moment when we have written the new
//! one, there is no valid token on disk. A process that is asked to stop waits until that has passed.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use parking_lot::Mutex;
use tokio_util::task::{TaskTracker, task_tracker::TaskTrackerToken};

use super::{held::Held, memory::Memory};
use crate::{config::FileStamp, kept::Kept};

/// The renewals in progress across all sources and configurations, the access tokens in use, and what is known about each
/// store beyond its content. A reload keeps all of it.
#[derive(Clone, Debug, Default)]
pub struct Renewals {
    under_way: TaskTracker,
    memories: Arc<Mutex<HashMap<PathBuf, Arc<Mutex<Memory>>>>>,
    /// By the digest of the grant.
    held: Arc<Kept<String, Held>>,
}

impl Renewals {
    /// Begins a renewal, in progress until the returned value is dropped. `None` if no more may begin.
    pub(super) fn begin(&self) -> Option<TaskTrackerToken> {
        let begun = self.under_way.token(); // taken before the check, so that a concurrent `finish` waits for this one
        (!self.under_way.is_closed()).then_some(begun)
    }

    /// Whether no more renewals may begin.
    pub(super) fn are_over(&self) -> bool {
        self.under_way.is_closed()
    }

    /// Returns what is known about the store at this path.
    pub(super) fn memory(&self, store: &Path) -> Arc<Mutex<Memory>> {
        let mut memories = self.memories.lock();
        Arc::clone(memories.entry(store.to_owned()).or_default())
    }

    /// Returns what is held for a grant, shared with the previous configuration if that has the same grant and the store is
    /// still as its token left it.
    pub(super) fn held(&self, grant: Option<String>, store: FileStamp) -> Arc<Held> {
        grant.map_or_else(Arc::default, |grant| self.held.find(grant, |held| held.fits(store), Held::default))
    }

    /// Waits for the renewals in progress, and lets no more begin.
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
