//! A deadline is a value that is handed down; nobody below invents time of his own.

use std::{future::Future, time::Duration};

use tokio::time::Instant;

use crate::domain::{Failure, FailureKind};

/// The moment after which nobody waits any more.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    at: Instant,
    whole: Duration,
}

impl Deadline {
    /// So long from now.
    pub fn after(patience: Duration) -> Self {
        Self::since(Instant::now(), patience)
    }

    /// So long from a moment that may be past.
    pub fn since(start: Instant, patience: Duration) -> Self {
        Self { at: start + patience, whole: patience }
    }

    /// The earlier of this one and so long from now.
    #[must_use]
    pub fn or_after(self, patience: Duration) -> Self {
        let other = Self::after(patience);
        if other.at < self.at { other } else { self }
    }

    /// How long is left.
    pub fn left(self) -> Duration {
        self.at.saturating_duration_since(Instant::now())
    }

    /// How long it was when it was set.
    pub fn whole(&self) -> Duration {
        self.whole
    }

    /// Waits no longer than this; once it has passed, nothing is started.
    pub async fn bound<T>(self, work: impl Future<Output = T>) -> Result<T, Failure> {
        let late = Failure::new(FailureKind::Timeout);
        if self.left().is_zero() {
            return Err(late);
        }
        tokio::time::timeout_at(self.at, work).await.map_err(|_| late)
    }
}
