//! How a source has been doing lately, for `/health/sources`.

use parking_lot::Mutex;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    breaker::BreakerState,
    domain::{FailureKind, Moment, SourceName},
};

/// The results of the last walks.
#[derive(Debug, Default)]
pub(super) struct Health(Mutex<Lately>);

#[derive(Clone, Copy, Debug, Default)]
struct Lately {
    success: Option<Moment>,
    failure: Option<Moment>,
    /// Why the last walk failed, if it did.
    error: Option<FailureKind>,
}

/// The recent health of a source.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct HealthReport {
    /// The source.
    #[schema(value_type = String, example = "advanced_automation")]
    pub source: SourceName,
    /// The current state of its circuit breaker.
    pub breaker: BreakerState,
    /// When it last gave a valid answer; null if it has not yet. That it does not know a customer is a valid answer, too.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_success: Option<Moment>,
    /// When it last failed to give a valid answer; null if it has not.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_failure: Option<Moment>,
    /// Why it last failed, if its most recent result was a failure; otherwise null.
    pub error: Option<FailureKind>,
}

impl Health {
    /// Records the result of a walk; 404 and 400 are valid answers.
    pub(super) fn note(&self, failed: Option<FailureKind>) {
        let mut lately = self.0.lock();
        let now = Moment::now();
        lately.error = failed.filter(|kind| !matches!(kind, FailureKind::NotFound | FailureKind::BadRequest));
        match lately.error {
            None => lately.success = Some(now),
            Some(_) => lately.failure = Some(now),
        }
    }

    pub(super) fn report(&self, source: SourceName, breaker: BreakerState) -> HealthReport {
        let Lately { success, failure, error } = *self.0.lock();
        HealthReport { source, breaker, last_success: success, last_failure: failure, error }
    }
}
