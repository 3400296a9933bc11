//! A deadline is a value that is passed down; no layer below sets a budget of its own.

use std::{future::Future, time::Duration};

use tokio::time::Instant;

use crate::domain::{Failure, FailureKind};

/// The moment after which no one waits any more.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    at: Instant,
    whole: Duration,
}

impl Deadline {
    /// Creates a deadline this long from now.
    pub fn after(patience: Duration) -> Self {
        Self::since(Instant::now(), patience)
    }

    /// Creates a deadline this long after a moment that may be in the past.
    pub fn since(start: Instant, patience: Duration) -> Self {
        Self { at: start + patience, whole: patience }
    }

    /// Returns the earlier of this deadline and one this long from now.
    #[must_use]
    pub fn or_after(self, patience: Duration) -> Self {
        let other = Self::after(patience);
        if other.at < self.at { other } else { self }
    }

    /// Returns how much time is left.
    pub fn left(self) -> Duration {
        self.at.saturating_duration_since(Instant::now())
    }

    /// Returns how much time there was when it was set.
    pub fn whole(&self) -> Duration {
        self.whole
    }

    /// Waits no longer than this; if it has already passed, nothing is started.
    pub async fn bound<T>(self, work: impl Future<Output = T>) -> Result<T, Failure> {
        let late = Failure::new(FailureKind::Timeout);
        if self.left().is_zero() {
            return Err(late);
        }
        tokio::time::timeout_at(self.at, work).await.map_err(|_| late)
    }
}
