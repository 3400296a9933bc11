//! How a source has been lately, for `/health/sources`.

use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use utoipa::ToSchema;

use super::breaker::BreakerState;
use crate::domain::{FailureKind, Moment, SourceName};

/// What the last walks came to.
#[derive(Debug, Default)]
pub(super) struct Health(Mutex<Lately>);

#[derive(Clone, Copy, Debug, Default)]
struct Lately {
    success: Option<Moment>,
    failure: Option<(Moment, FailureKind)>,
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
        let mut lately = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Moment::now();
        match failed {
            None | Some(FailureKind::NotFound | FailureKind::BadRequest) => lately.success = Some(now),
            Some(kind) => lately.failure = Some((now, kind)),
        }
    }

    pub(super) fn report(&self, source: SourceName, breaker: BreakerState) -> HealthReport {
        let lately = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let last_failure = lately.failure.map(|(at, _)| at);
        let error = lately.failure.filter(|(at, _)| lately.success.is_none_or(|success| success < *at)).map(|(_, kind)| kind);
        HealthReport { source, breaker, last_success: lately.success, last_failure, error }
    }
}
