//! How a source has been lately, for `/health/sources`.

use parking_lot::Mutex;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    breaker::BreakerState,
    domain::{FailureKind, Moment, SourceName},
};

/// What the last walks came to.
#[derive(Debug, Default)]
pub(super) struct Health(Mutex<Lately>);

#[derive(Clone, Copy, Debug, Default)]
struct Lately {
    success: Option<Moment>,
    failure: Option<Moment>,
    /// What the last walk of all failed with, if it did.
    error: Option<FailureKind>,
}

/// How a source has been lately.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct HealthReport {
    /// The source.
    #[schema(value_type = String, example = "advanced_automation")]
    pub source: SourceName,
    /// What its circuit breaker does now.
    pub breaker: BreakerState,
    /// When it last gave an answer that is one, "I do not know this customer" included.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_success: Option<Moment>,
    /// When it last gave none.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_failure: Option<Moment>,
    /// Why it gave none, if that was the last that was heard of it; else null.
    pub error: Option<FailureKind>,
}

impl Health {
    /// Takes note of a walk; 404 and 400 are answers.
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
