//! The tokens that Advanced Automation's token endpoint issues (Acronis developer guide, "Authentication").

use std::{collections::VecDeque, time::Duration};

use axum::http::HeaderMap;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use parking_lot::Mutex;
use serde_json::json;
use tokio::time::Instant;

use super::{CLIENT_ID, answer::credentials};

/// How long a token is valid ("Authentication": two hours).
pub(super) const LIFETIME: Duration = Duration::from_hours(2);
/// How many tokens are remembered; beyond that the oldest is forgotten.
const REMEMBERED: usize = 1000;

/// The issued tokens and when each expires, oldest first.
#[derive(Default)]
pub(super) struct Tokens(Mutex<VecDeque<(String, Instant)>>);

// === impl Tokens ===

impl Tokens {
    /// Returns whether a request carries a token that was issued here and has not expired.
    pub(super) fn accept(&self, headers: &HeaderMap) -> bool {
        let Some(presented) = credentials(headers, "Bearer") else {
            return false;
        };
        let issued = self.0.lock();
        let mut live = issued.iter().filter(|(_, end)| Instant::now() < *end);
        live.any(|(token, _)| token == presented)
    }

    /// Issues a new token.
    pub(super) fn issue(&self) -> String {
        let token = token();
        let mut issued = self.0.lock();
        if issued.len() == REMEMBERED {
            issued.pop_front();
        }
        issued.push_back((token.clone(), Instant::now() + LIFETIME));
        token
    }
}

/// Creates a token in the form of a JWT, without a real signature.
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
