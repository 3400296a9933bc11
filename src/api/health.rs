//! Whether the process lives, whether it takes requests, and how the sources are.

use std::sync::{Arc, atomic::Ordering};

use axum::{Json, extract::State, response::IntoResponse};
use http::{HeaderValue, header};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Gateway, code::Code, error::ApiError};
use crate::sources::HealthReport;

/// What Prometheus expects of what [`crate::telemetry::Metrics`] writes.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The process lives, or takes requests.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Health {
    /// `live` or `ready`.
    #[schema(value_type = String, example = "ready")]
    status: &'static str,
}

/// How each source has been lately.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SourcesHealth {
    /// In the order in which they win.
    sources: Vec<HealthReport>,
}

/// Whether the process answers
///
/// Never looks at a source. For whoever restarts a process that hangs.
#[utoipa::path(get, path = "/health/live", operation_id = "live", tag = "Health",
    responses((status = 200, description = "It answers.", body = Health)))]
pub(super) async fn live() -> Json<Health> {
    Json(Health { status: "live" })
}

/// Whether requests may be sent here
///
/// 503 `shutting_down` from the moment on in which the process is told to stop. For a load balancer.
#[utoipa::path(get, path = "/health/ready", operation_id = "ready", tag = "Health",
    responses((status = 200, description = "They may.", body = Health)))]
pub(super) async fn ready(State(gateway): State<Arc<Gateway>>) -> Result<Json<Health>, ApiError> {
    if gateway.is_ready() {
        return Ok(Json(Health { status: "ready" }));
    }
    let error = ApiError::new(Code::ShuttingDown, "The gateway is about to stop; ask another one.");
    Err(error.retry_after(gateway.drain))
}

/// How each source has been lately
///
/// As this process saw it; nothing is asked.
#[utoipa::path(get, path = "/health/sources", operation_id = "sources", tag = "Health",
    responses((status = 200, description = "Each source.", body = SourcesHealth)))]
pub(super) async fn sources(State(gateway): State<Arc<Gateway>>) -> Json<SourcesHealth> {
    Json(SourcesHealth { sources: gateway.rolls.sources().iter().map(|source| source.health()).collect() })
}

/// Metrics for Prometheus
///
/// Requests, upstream calls, the cache, tokens, odd fields.
#[utoipa::path(get, path = "/metrics", operation_id = "metrics", tag = "Health",
    responses((status = 200, description = "OpenMetrics text.", body = String, content_type = "application/openmetrics-text")))]
pub(super) async fn metrics(State(gateway): State<Arc<Gateway>>) -> impl IntoResponse {
    for source in gateway.rolls.sources() {
        gateway.metrics.breaker(source.name(), source.breaker().into());
    }
    gateway.metrics.forget_in_turn(gateway.turn.load(Ordering::Relaxed), || {
        gateway.rolls.customers().forget_other_notes();
        if !gateway.rolls.is_shared() {
            gateway.metrics.shared_cache.forget();
        }
    });
    let (entries, bytes) = gateway.rolls.size();
    let text = gateway.metrics.render(entries, bytes);
    ([(header::CONTENT_TYPE, HeaderValue::from_static(OPENMETRICS))], text)
}
