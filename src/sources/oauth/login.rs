//! One person's login by authorization code (RFC 6749, 4.1) with PKCE (RFC 7636): what to open,
//! what a redirect says, and what its code is exchanged for.

use std::{net::SocketAddr, path::Path};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use url::{Url, form_urlencoded};

use super::{
    answer::OAuthError,
    endpoint::{PATIENCE, Refused},
    settings::OAuthSettings,
    store::{LockedStore, StoreError, newer_than},
};
use crate::{
    config::Secret,
    domain::FailureKind,
    outbound::{Client, Deadline},
    sources::{CredentialSettings, SourceSettings},
};

/// Random bytes of a state and of a verifier: 43 characters (RFC 7636, 4.1).
const RANDOM_BYTES: usize = 32;

/// One login, from the URL that is opened to the token that is kept.
#[derive(Debug)]
pub struct Login {
    client: Client,
    settings: OAuthSettings,
    /// What the redirect has to bring back, so that nobody else's is taken.
    state: Secret,
    /// What proves that whoever exchanges the code is who asked for it.
    verifier: Secret,
}

/// What a request to the redirect URI is.
#[derive(Debug, PartialEq, Eq)]
pub enum Came {
    /// Something else that a browser asks for.
    Elsewhere,
    /// Not the end of this login: no state, another one, or nothing beside it.
    Stranger,
    /// The identity server gives no code.
    Refused(OAuthError),
    /// The code.
    Code(Secret),
}

/// Why nobody is logged in. Each begins with the key or the file that it is about, or with who said so.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// The source has no table of a login.
    #[error("{0}.oauth: is not there: a login needs the table, with client_id and client_secret.")]
    NotConfigured(String),
    /// No randomness, no secret.
    #[error("the operating system gave no random numbers.")]
    NoRandomness,
    /// The client could not be made.
    #[error("the client for the identity server could not be made: {0}.")]
    Client(#[from] reqwest::Error),
    /// The person said no, or may not say yes.
    #[error("access was denied in the browser: run the command again, and approve as a user who may give access to the API.")]
    Denied,
    /// The identity server gave no code.
    #[error("the identity server gave no code: it said {0}.")]
    NoCode(&'static str),
    /// The identity server does not know us.
    #[error("{0}.oauth: the identity server does not accept client_id and client_secret.")]
    UnknownClient(String),
    /// The identity server did not take the code.
    #[error("the identity server did not take the code: run the command again; a code is good once and not for long.")]
    CodeRefused,
    /// The exchange failed otherwise.
    #[error("the identity server gave no tokens: {0}.")]
    NoTokens(String),
    /// There would be no second access token.
    #[error("{0}.oauth.scope: no refresh token was given: it has to hold offline_access, and the client has to be allowed it.")]
    NoRefreshToken(String),
    /// The store cannot be used.
    #[error("{0}.")]
    Store(#[from] StoreError),
}

impl Login {
    /// Begins a login to a source. That the store can be written is tried first: a person shall not
    /// approve in vain.
    pub async fn begin(source: SourceSettings) -> Result<Self, LoginError> {
        let client = source.client()?;
        let CredentialSettings::RefreshToken(settings) = source.credentials else {
            return Err(LoginError::NotConfigured(format!("sources.{}", source.adapter.name())));
        };
        let login = Self { client, settings: *settings, state: random()?, verifier: random()? };
        login.locked_store().await?.place()?.leave();
        Ok(login)
    }

    /// What a person opens in a browser.
    pub fn url(&self) -> Url {
        let OAuthSettings { endpoint, authorize_url, redirect_uri, scope, .. } = &self.settings;
        let mut url = authorize_url.clone();
        url.query_pairs_mut()
            .append_pair("client_id", &endpoint.client_id)
            .append_pair("response_type", "code")
            .append_pair("redirect_uri", redirect_uri.as_str())
            .append_pair("scope", scope)
            .append_pair("state", self.state.reveal())
            .append_pair("code_challenge", &challenge(&self.verifier))
            .append_pair("code_challenge_method", "S256");
        url
    }

    /// Where to listen for the browser, and the URI that says so.
    pub fn redirect(&self) -> (SocketAddr, &str) {
        (self.settings.redirect_uri.address(), self.settings.redirect_uri.as_str())
    }

    /// What a request there is, by its path and query.
    pub fn judge(&self, path: &str, query: &str) -> Came {
        if path != self.settings.redirect_uri.path() {
            return Came::Elsewhere;
        }
        if only(query, "state").as_ref() != Some(&self.state) {
            return Came::Stranger;
        }
        match (only(query, "code"), only(query, "error")) {
            (Some(code), None) => Came::Code(code),
            (None, Some(error)) => Came::Refused(OAuthError::named(error.reveal())),
            _ => Came::Stranger,
        }
    }

    /// Exchanges the code and keeps the refresh token; gives the file that holds it.
    pub async fn finish(&self, code: &Secret) -> Result<&Path, LoginError> {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code.reveal()),
            ("redirect_uri", self.settings.redirect_uri.as_str()),
            ("code_verifier", self.verifier.reveal()),
        ];
        // Its place is taken before, so that what comes can be kept at once.
        let store = self.locked_store().await?;
        let before = store.read().ok().flatten().map_or(0, |stored| stored.rotated);
        let mut place = store.place()?;
        let granted = self.settings.endpoint.ask(&self.client, &form, Some(PATIENCE), None).await;
        let token = match granted {
            Ok(granted) => granted.refresh_token.ok_or_else(|| LoginError::NoRefreshToken(self.table())),
            // An access token is not what a person logs in for.
            Err(Refused { refresh_token: Some(token), .. }) => Ok(token),
            Err(refused) => Err(self.explain(refused)),
        };
        match token {
            Ok(token) => {
                place.write(&token)?;
                place.date(newer_than(before));
                place.commit()?;
            }
            Err(error) => {
                place.leave();
                return Err(error);
            }
        }
        Ok(self.settings.store_path())
    }

    async fn locked_store(&self) -> Result<LockedStore, StoreError> {
        self.settings.store.lock(Deadline::after(PATIENCE)).await
    }

    fn explain(&self, Refused { failure, error, .. }: Refused) -> LoginError {
        match (failure.kind, error) {
            (_, Some(OAuthError::InvalidGrant)) => LoginError::CodeRefused,
            (FailureKind::Unauthorized, None | Some(OAuthError::InvalidClient)) => LoginError::UnknownClient(self.table()),
            (kind, error) => {
                let said = error.map_or_else(|| kind.as_str(), OAuthError::as_str);
                let status = failure.http_status.map_or_else(String::new, |status| format!(" (HTTP {status})"));
                LoginError::NoTokens(format!("{said}{status}"))
            }
        }
    }

    fn table(&self) -> String {
        format!("sources.{}", self.settings.name())
    }
}

impl From<OAuthError> for LoginError {
    fn from(error: OAuthError) -> Self {
        match error {
            OAuthError::AccessDenied => Self::Denied,
            other => Self::NoCode(other.as_str()),
        }
    }
}

/// A text that nobody can guess.
fn random() -> Result<Secret, LoginError> {
    Secret::random::<RANDOM_BYTES>(&BASE64_URL_SAFE_NO_PAD).ok_or(LoginError::NoRandomness)
}

/// What is shown of a verifier before it is: its SHA-256 (RFC 7636, 4.2, `S256`).
fn challenge(verifier: &Secret) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.reveal().as_bytes()))
}

/// A parameter that stands in a query once (RFC 6749, 3.1).
fn only(query: &str, name: &str) -> Option<Secret> {
    let mut values = form_urlencoded::parse(query.as_bytes()).filter(|(other, _)| other == name);
    let value = Secret::new(values.next()?.1);
    values.next().is_none().then_some(value)
}

#[cfg(test)]
#[path = "login_tests.rs"]
mod tests;
