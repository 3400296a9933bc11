//! The identity server of `MyReports`: OAuth 2 authorization code with PKCE, and single-use refresh tokens
//! (`MyReports` API reference, "Authentication"; RFC 6749, RFC 7636).
//!
//! It approves at once because there is no one to ask. That refresh tokens are rotated, and how long anything
//! is valid, is an assumption. A used token is refused, but its successors stay valid: only then can a test
//! tell a lost token from one that was sent twice.

use std::{collections::VecDeque, time::Duration};

use axum::http::HeaderMap;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use parking_lot::Mutex;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::time::Instant;
use url::form_urlencoded;

use super::answer::credentials;

/// How long a code is valid.
const CODE_LIFE: Duration = Duration::from_mins(1);
/// How many codes and tokens of each kind are remembered; beyond that the oldest is forgotten.
const REMEMBERED: usize = 1000;
/// The known scopes.
const SCOPES: [&str; 3] = ["openid", "offline_access", "onboarding"];

/// What was issued and is still valid.
pub(super) struct Identity {
    token_life: Duration,
    given: Mutex<Given>,
}

#[derive(Default)]
struct Given {
    codes: Good<Approval>,
    /// By the scope that they were issued for.
    refresh_tokens: Good<String>,
    /// By their expiry.
    access_tokens: Good<Instant>,
}

/// An approved login.
struct Approval {
    redirect_uri: String,
    scope: String,
    challenge: String,
    end: Instant,
}

/// Random names of values, the oldest first; each can be taken once.
struct Good<T>(VecDeque<(String, T)>);

/// The parameters of a query or a form; a repeated one counts as absent.
pub(super) struct Parameters(Vec<(String, String)>);

fn approve(asked: &Parameters) -> Result<Approval, &'static str> {
    if asked.one("response_type") != Some("code") {
        return Err("unsupported_response_type");
    }
    let scope = asked.one("scope").unwrap_or_default();
    if !scope.split(' ').all(|one| SCOPES.contains(&one)) || !scope.split(' ').any(|one| one == "openid") {
        return Err("invalid_scope");
    }
    let challenge = asked.one("code_challenge").filter(|challenge| challenge.len() == 43);
    match (challenge, asked.one("code_challenge_method"), asked.one("redirect_uri")) {
        (Some(challenge), Some("S256"), Some(uri)) => Ok(Approval {
            redirect_uri: uri.to_owned(),
            scope: scope.to_owned(),
            challenge: challenge.to_owned(),
            end: Instant::now() + CODE_LIFE,
        }),
        _ => Err("invalid_request"),
    }
}

// === impl Identity ===

impl Identity {
    pub(super) fn new(token_life: Duration) -> Self {
        Self { token_life, given: Mutex::default() }
    }

    /// Returns whether a request carries an access token that was issued here and is still valid.
    pub(super) fn accept(&self, headers: &HeaderMap) -> bool {
        let Some(presented) = credentials(headers, "Bearer") else { return false };
        self.given.lock().access_tokens.0.iter().any(|(token, end)| token == presented && Instant::now() < *end)
    }

    /// Approves a login at once, and returns the code to exchange.
    pub(super) fn approve(&self, asked: &Parameters) -> Result<String, &'static str> {
        approve(asked).map(|approval| self.given.lock().codes.give(approval))
    }

    /// Takes the single-use code or token that a form brings, and returns its scope.
    pub(super) fn scope_of(&self, form: &Parameters) -> Result<String, &'static str> {
        let mut given = self.given.lock();
        match form.one("grant_type") {
            Some("authorization_code") => {
                let approval = form.one("code").and_then(|code| given.codes.take(code)).filter(|approval| approval.fits(form));
                approval.map(|approval| approval.scope).ok_or("invalid_grant")
            }
            Some("refresh_token") => form.one("refresh_token").and_then(|token| given.refresh_tokens.take(token)).ok_or("invalid_grant"),
            _ => Err("unsupported_grant_type"),
        }
    }

    /// Issues what a scope allows, in the form of RFC 6749, 5.1.
    pub(super) fn give(&self, scope: String) -> Value {
        let mut given = self.given.lock();
        let mut granted = json!({"expires_in": self.token_life.as_secs(), "token_type": "Bearer", "scope": scope});
        let access_token = given.access_tokens.give(Instant::now() + self.token_life);
        if let Some(granted) = granted.as_object_mut() {
            granted.insert("access_token".to_owned(), access_token.into());
            if scope.split(' ').any(|one| one == "offline_access") {
                granted.insert("refresh_token".to_owned(), given.refresh_tokens.give(scope).into());
            }
        }
        granted
    }
}

// === impl Approval ===

impl Approval {
    /// Returns whether a form comes from the client that asked for the code, in time.
    fn fits(&self, form: &Parameters) -> bool {
        let challenge = |verifier: &str| URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
        let is_same = form.one("redirect_uri") == Some(&self.redirect_uri);
        is_same && Instant::now() < self.end && form.one("code_verifier").map(challenge).as_ref() == Some(&self.challenge)
    }
}

// === impl Good ===

impl<T> Good<T> {
    fn give(&mut self, what: T) -> String {
        if self.0.len() == REMEMBERED {
            self.0.pop_front();
        }
        let name = format!("{:032x}", fastrand::u128(..));
        self.0.push_back((name.clone(), what));
        name
    }

    fn take(&mut self, name: &str) -> Option<T> {
        let place = self.0.iter().position(|(other, _)| other == name)?;
        self.0.remove(place).map(|(_, what)| what)
    }
}

impl<T> Default for Good<T> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

// === impl Parameters ===

impl Parameters {
    pub(super) fn read(text: &[u8]) -> Self {
        Self(form_urlencoded::parse(text).into_owned().collect())
    }

    pub(super) fn one(&self, name: &str) -> Option<&str> {
        let mut values = self.0.iter().filter(|(other, _)| other == name);
        let value = values.next()?;
        values.next().is_none().then_some(&value.1)
    }
}

#[cfg(test)]
#[path = "identity_tests.rs"]
mod tests;
