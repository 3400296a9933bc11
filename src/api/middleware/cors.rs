//! Lets web pages of configured origins read the answers (the Fetch standard's CORS protocol).

use std::time::Duration;

use axum::{
    extract::Request,
    response::{IntoResponse, Response},
};
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use tower::{Layer, ServiceExt};
use tower_http::cors::CorsLayer;

use super::once::once;
use crate::{
    api::headers::{API_KEY, CACHE_STATUS, REQUEST_ID, ROLLCALL_STATUS, ROLLCALL_WARNINGS, SERVER_TIMING, TRACEPARENT},
    sources::Backend,
};

/// How long a browser may cache the result of a preflight.
const BELIEVED: Duration = Duration::from_hours(1);

/// The headers that a page may send beyond the CORS-safelisted ones and the credentials for the sources.
const REQUEST_HEADERS: [HeaderName; 7] =
    [header::ACCEPT, header::AUTHORIZATION, header::CACHE_CONTROL, header::IF_NONE_MATCH, TRACEPARENT, API_KEY, REQUEST_ID];

/// The headers of an answer that a page may read: all that carry information for callers.
const RESPONSE_HEADERS: [HeaderName; 15] = [
    header::AGE,
    header::ALLOW,
    header::CACHE_CONTROL,
    CACHE_STATUS,
    header::ETAG,
    header::LINK,
    header::RETRY_AFTER,
    ROLLCALL_STATUS,
    ROLLCALL_WARNINGS,
    SERVER_TIMING,
    TRACEPARENT,
    header::VARY,
    header::WWW_AUTHENTICATE,
    header::X_CONTENT_TYPE_OPTIONS,
    REQUEST_ID,
];

/// The origins whose pages may read answers.
#[derive(Clone, Debug)]
pub struct Cors {
    origins: Vec<HeaderValue>,
    layer: CorsLayer,
}

impl Cors {
    /// Prepares the headers; `None` if no origin is configured. `sources` are the configured ones: a page may send
    /// credentials for them. Cookies are never allowed: a page sends its own key or nothing.
    pub fn new(origins: &[String], sources: &[Backend]) -> Option<Self> {
        let origins: Vec<HeaderValue> = origins.iter().filter_map(|origin| origin.parse().ok()).collect();
        let credentials = sources.iter().map(Backend::authorization_header);
        let layer = CorsLayer::new()
            .allow_origin(origins.clone())
            .allow_methods([Method::GET, Method::HEAD, Method::OPTIONS])
            .allow_headers(credentials.chain(REQUEST_HEADERS).collect::<Vec<_>>())
            .expose_headers(RESPONSE_HEADERS)
            .max_age(BELIEVED);
        (!origins.is_empty()).then_some(Self { origins, layer })
    }

    /// Answers a preflight; adds the CORS headers to the answer of any other request. A page of another
    /// origin gets no CORS headers, so its browser withholds the answer from it.
    pub(super) async fn share<F: Future<Output = Response> + Send>(
        &self,
        request: Request,
        answer: impl FnOnce(Request) -> F + Send,
    ) -> Response {
        let is_preflight = is_preflight(&request);
        let origin = request.headers().get(header::ORIGIN);
        let is_ours = origin.is_some_and(|origin| self.origins.contains(origin));
        if is_preflight && !is_ours {
            return StatusCode::OK.into_response();
        }
        // The layer treats every OPTIONS request as a preflight.
        if !is_ours || (request.method() == Method::OPTIONS && !is_preflight) {
            return answer(request).await;
        }
        self.layer.layer(once(answer)).oneshot(request).await.into_response()
    }
}

fn is_preflight(request: &Request) -> bool {
    let asks = [header::ORIGIN, header::ACCESS_CONTROL_REQUEST_METHOD].iter().all(|name| request.headers().contains_key(name));
    request.method() == Method::OPTIONS && asks
}
