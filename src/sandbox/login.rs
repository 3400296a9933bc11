//! The identity server's pages: how a login is approved, and what it is exchanged for.

use std::sync::Arc;

use axum::{
    Router,
    body::Bytes,
    extract::{RawQuery, State},
    http::{HeaderMap, StatusCode, header::LOCATION},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;
use url::{Host, Url};

use super::{
    MY_REPORTS_CLIENT_ID, MY_REPORTS_CLIENT_SECRET,
    answer::{self, credentials},
    identity::Parameters,
    simulation::{Counters, Simulation},
};

/// Returns the routes, on the port of `MyReports`.
pub(super) fn router() -> Router<Arc<Simulation>> {
    Router::new().route("/connect/authorize", get(authorize)).route("/connect/token", post(token))
}

/// `GET /connect/authorize`. The client and the redirect URI are checked first, and errors in them are never
/// reported to that URI (RFC 6749, 4.1.2.1).
async fn authorize(State(simulation): State<Arc<Simulation>>, RawQuery(query): RawQuery) -> Response {
    Counters::count(&simulation.counters.approvals);
    let asked = Parameters::read(query.unwrap_or_default().as_bytes());
    let uri = asked.one("redirect_uri").filter(|uri| is_loopback(uri)).and_then(|uri| Url::parse(uri).ok());
    let Some(mut back) = uri.filter(|_| asked.one("client_id") == Some(MY_REPORTS_CLIENT_ID)) else {
        return answer::html(StatusCode::BAD_REQUEST);
    };
    match simulation.identity.approve(&asked) {
        Ok(code) => back.query_pairs_mut().append_pair("code", &code),
        Err(error) => back.query_pairs_mut().append_pair("error", error),
    };
    if let Some(state) = asked.one("state") {
        back.query_pairs_mut().append_pair("state", state);
    }
    (StatusCode::FOUND, [(LOCATION, back.to_string())]).into_response()
}

/// `POST /connect/token`.
async fn token(State(simulation): State<Arc<Simulation>>, headers: HeaderMap, body: Bytes) -> Response {
    Counters::count(&simulation.counters.grants);
    let client = STANDARD.encode(format!("{MY_REPORTS_CLIENT_ID}:{MY_REPORTS_CLIENT_SECRET}"));
    if credentials(&headers, "Basic") != Some(&client) {
        return answer::json(StatusCode::UNAUTHORIZED, &json!({"error": "invalid_client"}));
    }
    match simulation.identity.scope_of(&Parameters::read(&body)) {
        Ok(scope) => answer::json(StatusCode::OK, &simulation.identity.give(scope)),
        Err(error) => answer::json(StatusCode::BAD_REQUEST, &json!({"error": error})),
    }
}

/// Native clients may use any port on this machine (RFC 8252, 7.3).
fn is_loopback(uri: &str) -> bool {
    let Ok(url) = Url::parse(uri) else { return false };
    let is_here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    is_here && url.scheme() == "http" && url.fragment().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_sent_to_this_machine_only() {
        for (uri, expected) in
            [("http://localhost:1/x", true), ("http://[::1]:1", true), ("https://127.0.0.1", false), ("http://a.example", false)]
        {
            assert_eq!(is_loopback(uri), expected, "{uri}");
        }
    }
}
