//! A deadline is a value that is handed down; nobody below invents time of his own.

use std::{future::Future, time::Duration};

use tokio::time::Instant;

use crate::domain::{Failure, FailureKind};

/// The moment after which nobody waits any more.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Instant);

impl Deadline {
    /// So long from now.
    pub fn after(patience: Duration) -> Self {
        Self(Instant::now() + patience)
    }

    /// The earlier of this one and so long from now.
    #[must_use]
    pub fn or_after(self, patience: Duration) -> Self {
        Self(self.0.min(Instant::now() + patience))
    }

    /// How long is left.
    pub fn left(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// Waits no longer than this; what cannot finish in time is not started.
    pub async fn bound<T>(self, work: impl Future<Output = T>) -> Result<T, Failure> {
        let late = Failure::new(FailureKind::Timeout);
        if self.left().is_zero() {
            return Err(late);
        }
        tokio::time::timeout_at(self.0, work).await.map_err(|_| late)
    }
}
