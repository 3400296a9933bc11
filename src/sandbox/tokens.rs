//! Advanced Automation's token endpoint (Acronis developer guide, "Authentication").

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::Response,
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::json;
use tokio::time::Instant;

use super::{
    Backend, CLIENT_ID, CLIENT_SECRET, FaultKind,
    answer::{credentials, html, json as answer},
    simulation::{Counters, Simulation},
    timestamp,
};

/// How long a token is good ("Authentication": two hours).
const LIFETIME: Duration = Duration::from_hours(2);
/// How many tokens are remembered; with one more the oldest is forgotten.
const REMEMBERED: usize = 1000;

/// The tokens that were handed out and when each ends, oldest first.
#[derive(Default)]
pub(super) struct Tokens(Mutex<VecDeque<(String, Instant)>>);

// === impl Tokens ===

impl Tokens {
    /// Whether a request carries a token that was handed out here and has not expired.
    pub(super) fn accept(&self, headers: &HeaderMap) -> bool {
        let Some(presented) = credentials(headers, "Bearer") else {
            return false;
        };
        let issued = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut live = issued.iter().filter(|(_, end)| Instant::now() < *end);
        live.any(|(token, _)| token == presented)
    }

    fn issue(&self) -> String {
        let token = token();
        let mut issued = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if issued.len() == REMEMBERED {
            issued.pop_front();
        }
        issued.push_back((token.clone(), Instant::now() + LIFETIME));
        token
    }
}

/// `POST /api/2/idp/token`.
pub(super) async fn endpoint(State(simulation): State<Arc<Simulation>>, headers: HeaderMap, body: Bytes) -> Response {
    Counters::count(&simulation.counters.tokens);
    let faulty = |kind| simulation.has(Backend::AdvancedAutomation, kind);
    if faulty(FaultKind::TokenDown) {
        return html(StatusCode::SERVICE_UNAVAILABLE);
    }
    if faulty(FaultKind::TokenRefused) || !knows_client(&headers) {
        return refusal(StatusCode::UNAUTHORIZED, "invalid_client");
    }
    if !asks_for_client_credentials(&body) {
        return refusal(StatusCode::BAD_REQUEST, "unsupported_grant_type");
    }
    let (token, expires_on) = (simulation.tokens.issue(), timestamp::since_epoch() + LIFETIME);
    let granted = json!({
        "access_token": token,
        "expires_on": expires_on.as_secs(),
        "id_token": token,
        "token_type": "bearer",
    });
    answer(StatusCode::OK, &granted)
}

fn knows_client(headers: &HeaderMap) -> bool {
    let expected = STANDARD.encode(format!("{CLIENT_ID}:{CLIENT_SECRET}"));
    credentials(headers, "Basic") == Some(&expected)
}

fn asks_for_client_credentials(form: &[u8]) -> bool {
    let mut fields = url::form_urlencoded::parse(form);
    fields.any(|(name, value)| name == "grant_type" && value == "client_credentials")
}

/// An OAuth error (RFC 6749, section 5.2). The guide shows none; that the endpoint keeps to the RFC is an assumption.
fn refusal(status: StatusCode, error: &str) -> Response {
    let description = "The sandbox refuses this.";
    answer(status, &json!({"error": error, "error_description": description}))
}

/// A new token in the form of a JWT, which nobody signed.
fn token() -> String {
    let claims = json!({"sub": CLIENT_ID, "jti": format!("{:032x}", fastrand::u128(..))});
    let parts = [r#"{"typ":"JWT","alg":"RS256"}"#.to_owned(), claims.to_string(), "signed by nobody".to_owned()];
    parts.map(|part| URL_SAFE_NO_PAD.encode(part)).join(".")
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderValue, header::AUTHORIZATION};

    use super::*;

    fn bearer(token: &str) -> HeaderMap {
        let value = HeaderValue::try_from(format!("Bearer {token}")).unwrap();
        HeaderMap::from_iter([(AUTHORIZATION, value)])
    }

    #[test]
    fn only_tokens_that_were_handed_out_are_accepted() {
        let tokens = Tokens::default();
        let (first, second) = (tokens.issue(), tokens.issue());
        assert_ne!(first, second);
        assert!(tokens.accept(&bearer(&first)) && tokens.accept(&bearer(&second)));
        assert!(!tokens.accept(&bearer(&token())));
        assert!(!tokens.accept(&HeaderMap::new()));
    }

    #[test]
    fn the_number_of_remembered_tokens_is_bounded() {
        let tokens = Tokens::default();
        let first = tokens.issue();
        for _ in 0..REMEMBERED {
            tokens.issue();
        }
        assert!(!tokens.accept(&bearer(&first)));
    }
}
