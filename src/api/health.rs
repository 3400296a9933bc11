//! Whether the process is alive, whether it accepts requests, and how the sources are doing.

use std::sync::{Arc, atomic::Ordering};

use axum::{Json, extract::State, response::IntoResponse};
use http::{HeaderValue, header};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Gateway, error::ApiError};
use crate::sources::HealthReport;

/// The content type that Prometheus expects for the output of [`crate::telemetry::Metrics`].
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The process is alive, or accepts requests.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Health {
    /// `live` or `ready`.
    #[schema(value_type = String, example = "ready")]
    status: &'static str,
}

/// The recent health of each source.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SourcesHealth {
    /// The sources, in order of precedence.
    sources: Vec<HealthReport>,
}

/// Check that the process is alive
///
/// Never looks at a source. For supervisors that restart a process that hangs.
#[utoipa::path(get, path = "/health/live", operation_id = "live", tag = "Health",
    responses((status = 200, description = "The process is alive.", body = Health)))]
pub(super) async fn live() -> Json<Health> {
    Json(Health { status: "live" })
}

/// Check that the process accepts requests
///
/// Answers 503 `shutting_down` from the moment the process is asked to stop. For load balancers.
#[utoipa::path(get, path = "/health/ready", operation_id = "ready", tag = "Health",
    responses((status = 200, description = "Requests may be sent here.", body = Health)))]
pub(super) async fn ready(State(gateway): State<Arc<Gateway>>) -> Result<Json<Health>, ApiError> {
    if gateway.is_ready() {
        return Ok(Json(Health { status: "ready" }));
    }
    Err(ApiError::shutting_down().retry_after(gateway.drain))
}

/// Get the recent health of each source
///
/// As observed by this process; no source is asked.
#[utoipa::path(get, path = "/health/sources", operation_id = "sources", tag = "Health",
    responses((status = 200, description = "The recent health of each source.", body = SourcesHealth)))]
pub(super) async fn sources(State(gateway): State<Arc<Gateway>>) -> Json<SourcesHealth> {
    Json(SourcesHealth { sources: gateway.rolls.sources().iter().map(|source| source.health()).collect() })
}

/// Get the metrics for Prometheus
///
/// Covers requests, upstream calls, the cache, tokens and fields of an unexpected type.
#[utoipa::path(get, path = "/metrics", operation_id = "metrics", tag = "Health",
    responses((status = 200, description = "OpenMetrics text.", body = String, content_type = "application/openmetrics-text")))]
pub(super) async fn metrics(State(gateway): State<Arc<Gateway>>) -> impl IntoResponse {
    for source in gateway.rolls.sources() {
        gateway.metrics.breaker(source.name(), source.breaker().into());
    }
    gateway.metrics.show_in_turn(gateway.turn.load(Ordering::Relaxed), || {
        gateway.rolls.customers().forget_other_notes();
        match gateway.rolls.shared_cache() {
            Some(shared) => gateway.metrics.shared_cache.show(shared.is_up(), shared.epoch() != 0),
            None => gateway.metrics.shared_cache.forget(),
        }
    });
    let (entries, bytes) = gateway.rolls.size();
    let text = gateway.metrics.render(entries, bytes);
    ([(header::CONTENT_TYPE, HeaderValue::from_static(OPENMETRICS))], text)
}
