//! The HTTP edge; the only folder that knows axum.
//!
//! Handlers translate and do not decide; every error leaves through [`error::ApiError`] and the
//! `envelope` layer.

mod accept;
mod body;
mod caching;
mod code;
mod credentials;
mod customers;
mod docs;
mod envelope;
mod error;
mod export;
mod extract;
mod headers;
mod health;
mod middleware;
mod next_page;
mod openapi;
mod parameters;
mod peer;
mod query;
mod quoted;
mod representation;
mod request_context;
mod source_status;
mod swappable_router;
mod user;
mod users;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{Router, middleware::from_fn_with_state, routing::get};
use http::{HeaderName, HeaderValue};
use tokio::{sync::Semaphore, time::Instant};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    access::{Access, Mode},
    config::{AccessLog, Networks},
    domain::{CustomerId, SourceName},
    outbound::Deadline,
    roll::Rolls,
    telemetry::{Metrics, Origin, Tracer},
};

pub use code::{Code, Owner};
pub use docs::Documents;
pub use openapi::{DocumentScope, document};
pub use peer::Peer;
pub use swappable_router::SwappableRouter;

pub use middleware::Cors;
pub(crate) use middleware::{LARGEST_HEAD, MOST_HEADERS, Refused};

/// How much less time than the request as a whole its waiting gets, so that an answer can still be made
/// from what has arrived by then.
const ANSWERING: Duration = Duration::from_millis(250);

/// Everything that is needed to answer requests.
pub struct Gateway {
    /// Who may call.
    pub access: Access,
    /// How callers are identified.
    pub mode: Mode,
    /// Whether the documents are for callers only.
    pub protect_docs: bool,
    /// The use case: assembling rolls.
    pub rolls: Rolls,
    /// For each source that wants callers' own credentials, the header in which callers send them.
    pub forwards: Vec<(SourceName, HeaderName)>,
    /// Where events are counted.
    pub metrics: Arc<Metrics>,
    /// Which of the successive gateways this is; 0 until it is in use.
    pub turn: AtomicU64,
    /// Which requests are reported to a trace collector.
    pub tracer: Tracer,
    /// The OpenAPI documents and pages.
    pub documents: Documents,
    /// The sources' names, in order of precedence.
    pub source_names: Vec<SourceName>,
    /// The longest time that a request waits.
    pub deadline: Duration,
    /// How long the process still takes requests after it is asked to stop.
    pub drain: Duration,
    /// The path prefix of every route.
    pub base_path: String,
    /// The proxies that are trusted to name the client that they forward for.
    pub trusted_proxies: Networks,
    /// Which requests get a log line.
    pub access_log: AccessLog,
    /// Whether `/metrics` and `/health/sources` are on a listener of their own.
    pub has_admin: bool,
    /// Which web pages of other origins may read the answers, if any.
    pub cors: Option<Cors>,
    /// The request headers that an answer depends on; made by [`vary`].
    pub vary: HeaderValue,
    /// One permit for each request for customers that may be in progress at the same time.
    pub places: Semaphore,
    /// Whether the process has been asked to stop.
    pub stopping: Arc<AtomicBool>,
}

impl Gateway {
    /// Returns the deadline of everything that a request waits for: the keys that verify its token, or
    /// the sources.
    fn deadline_of(&self, started: Instant) -> Deadline {
        Deadline::since(started, self.deadline.saturating_sub(ANSWERING))
    }

    /// Whether the log or a span needs to know how an answer came about.
    fn wants_facts(&self, origin: &Origin) -> bool {
        self.access_log != AccessLog::Off || origin.trace.reported().is_some()
    }

    fn is_ready(&self) -> bool {
        !self.stopping.load(Ordering::Relaxed)
    }
}

/// Lists the request headers that an answer depends on: those that it always does, and `more`.
pub fn vary(more: &[&str]) -> HeaderValue {
    let names = [&["Accept", "Accept-Encoding", "Authorization", "X-Api-Key"], more].concat().join(", ");
    // Header names always form a valid value.
    HeaderValue::try_from(names).unwrap_or(HeaderValue::from_static("*"))
}

/// Whether a text is a valid query of a roll; for tests with unusual input.
pub fn is_query(query: &str, customer: &CustomerId) -> bool {
    extract::UsersQuery::read(query, customer, &[], representation::Representation::Page).is_ok()
}

/// The routes as the OpenAPI document describes them.
pub(crate) fn described(shown: DocumentScope) -> OpenApiRouter<Arc<Gateway>> {
    let open = OpenApiRouter::with_openapi(openapi::skeleton()).merge(about_customers()).merge(probes());
    match shown {
        DocumentScope::All => open.merge(inside()),
        DocumentScope::Callers => open,
    }
}

/// The routes for callers.
fn about_customers() -> OpenApiRouter<Arc<Gateway>> {
    OpenApiRouter::new()
        .routes(routes!(users::list_users))
        .routes(routes!(user::find_user))
        .routes(routes!(customers::list_customers))
        .routes(routes!(customers::find_customer))
}

/// The probes of load balancers; they also answer without the base path.
fn probes() -> OpenApiRouter<Arc<Gateway>> {
    OpenApiRouter::new().routes(routes!(health::live)).routes(routes!(health::ready))
}

/// The routes for operators only.
fn inside() -> OpenApiRouter<Arc<Gateway>> {
    OpenApiRouter::new().routes(routes!(health::sources)).routes(routes!(health::metrics))
}

/// The router for callers.
pub fn router(gateway: &Arc<Gateway>) -> Router {
    let admitted = from_fn_with_state(Arc::clone(gateway), middleware::authenticate);
    let placed = from_fn_with_state(Arc::clone(gateway), middleware::authenticate_within_limit);
    let mut guarded = about_customers().route_layer(placed);
    if !gateway.has_admin {
        guarded = guarded.merge(inside().route_layer(admitted.clone()));
    }
    let (guarded, _) = guarded.split_for_parts();
    let (probes, _) = probes().split_for_parts();
    let documents = if gateway.protect_docs { documents().route_layer(admitted) } else { documents() };
    let routes = guarded.merge(documents).merge(probes);
    let mut start_page = Router::new().route(&format!("{}/", gateway.base_path), get(docs::start));
    if !gateway.base_path.is_empty() {
        start_page = start_page.route(&gateway.base_path, get(docs::to_start));
    }
    middleware::around(below_base_path(routes, gateway).merge(start_page).with_state(Arc::clone(gateway)), gateway, gateway.cors.as_ref())
}

/// The routes that describe the API to people and programs.
fn documents() -> Router<Arc<Gateway>> {
    Router::new()
        .route("/openapi.json", get(docs::json))
        .route("/openapi.yaml", get(docs::yaml))
        .route("/docs", get(docs::to_folder))
        .route("/docs/", get(docs::swagger))
        .route("/docs/{*file}", get(docs::swagger))
}

/// Puts the base path before the routes; probes also answer without it.
fn below_base_path(routes: Router<Arc<Gateway>>, gateway: &Gateway) -> Router<Arc<Gateway>> {
    if gateway.base_path.is_empty() {
        return routes;
    }
    let (probes, _) = probes().split_for_parts();
    probes.nest(&gateway.base_path, routes)
}

/// The router of the operators' own listener.
pub fn admin_router(gateway: &Arc<Gateway>) -> Router {
    let (routes, _) = probes().merge(inside()).split_for_parts();
    middleware::around(below_base_path(routes, gateway).with_state(Arc::clone(gateway)), gateway, None)
}
