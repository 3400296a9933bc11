//! A person's one-time login by authorization code (RFC 6749, 4.1) with PKCE (RFC 7636): the URL to open, the
//! redirect that comes back, and the exchange of its code.

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

/// The random bytes of a state and of a verifier: 43 characters (RFC 7636, 4.1).
const RANDOM_BYTES: usize = 32;

/// One login, from the URL that is opened to the token that is stored.
#[derive(Debug)]
pub struct Login {
    client: Client,
    settings: OAuthSettings,
    /// The value that the redirect must return, so that a redirect of another login is not accepted.
    state: Secret,
    /// Proves that the code is exchanged by the party that asked for it.
    verifier: Secret,
}

/// The meaning of a request to the redirect URI.
#[derive(Debug, PartialEq, Eq)]
pub enum Callback {
    /// A request for anything else.
    Elsewhere,
    /// Not the end of this login: the state is missing or wrong, or nothing comes with it.
    Stranger,
    /// The identity server issued no code.
    Refused(OAuthError),
    /// The code.
    Code(Secret),
}

/// Why the login failed. Each message begins with the key or the file concerned, or with the party that reported it.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// The source has no table for a login.
    #[error("{0}.oauth: is missing: a login needs this table, with client_id and client_secret.")]
    NotConfigured(String),
    /// Without randomness there are no secrets.
    #[error("the operating system provided no random numbers.")]
    NoRandomness,
    /// The HTTP client could not be created.
    #[error("the client for the identity server could not be created: {0}.")]
    Client(#[from] reqwest::Error),
    /// The person declined, or is not allowed to approve.
    #[error("access was denied in the browser: run the command again, and approve as a user who may grant access to the API.")]
    Denied,
    /// The identity server issued no code.
    #[error("the identity server issued no code; its error was {0}.")]
    NoCode(&'static str),
    /// The identity server does not know us.
    #[error("{0}.oauth: the identity server does not accept client_id and client_secret.")]
    UnknownClient(String),
    /// The identity server did not accept the code.
    #[error("the identity server did not accept the code: run the command again; a code is valid only once and only for a short time.")]
    CodeRefused,
    /// The exchange failed otherwise.
    #[error("the identity server issued no tokens: {0}.")]
    NoTokens(String),
    /// Without a refresh token there would be no second access token.
    #[error(
        "{0}.oauth.scope: no refresh token was issued: the scope must contain offline_access, and the client must be allowed to request it."
    )]
    NoRefreshToken(String),
    /// The store cannot be used.
    #[error("{0}.")]
    Store(#[from] StoreError),
}

impl Login {
    /// Begins a login to a source. First checks that the store can be written, so that the person does
    /// not approve in vain.
    pub async fn begin(source: SourceSettings) -> Result<Self, LoginError> {
        let client = source.client()?;
        let CredentialSettings::RefreshToken(settings) = source.credentials else {
            return Err(LoginError::NotConfigured(format!("sources.{}", source.backend.name)));
        };
        let login = Self { client, settings: *settings, state: random()?, verifier: random()? };
        login.locked_store().await?.place()?.leave();
        Ok(login)
    }

    /// The URL for the person to open in a browser.
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

    /// The address to listen on for the browser, and the redirect URI.
    pub fn redirect(&self) -> (SocketAddr, &str) {
        (self.settings.redirect_uri.address(), self.settings.redirect_uri.as_str())
    }

    /// Interprets a request, by its path and query.
    pub fn judge(&self, path: &str, query: &str) -> Callback {
        if path != self.settings.redirect_uri.path() {
            return Callback::Elsewhere;
        }
        if only(query, "state").as_ref() != Some(&self.state) {
            return Callback::Stranger;
        }
        match (only(query, "code"), only(query, "error")) {
            (Some(code), None) => Callback::Code(code),
            (None, Some(error)) => Callback::Refused(OAuthError::named(error.reveal())),
            _ => Callback::Stranger,
        }
    }

    /// Exchanges the code and stores the refresh token; returns the file that holds it.
    pub async fn finish(&self, code: &Secret) -> Result<&Path, LoginError> {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code.reveal()),
            ("redirect_uri", self.settings.redirect_uri.as_str()),
            ("code_verifier", self.verifier.reveal()),
        ];
        // The store is locked first, so that the token can be stored at once.
        let store = self.locked_store().await?;
        let before = store.read().ok().flatten().map_or(0, |stored| stored.rotated);
        let mut place = store.place()?;
        let granted = self.settings.endpoint.ask(&self.client, &form, Some(PATIENCE), None).await;
        let token = match granted {
            Ok(granted) => granted.refresh_token.ok_or_else(|| LoginError::NoRefreshToken(self.table())),
            // The login is about the refresh token; no access token is needed.
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

/// A random text that cannot be guessed.
fn random() -> Result<Secret, LoginError> {
    Secret::random::<RANDOM_BYTES>(&BASE64_URL_SAFE_NO_PAD).ok_or(LoginError::NoRandomness)
}

/// The challenge sent ahead of a verifier: its SHA-256 (RFC 7636, 4.2, `S256`).
fn challenge(verifier: &Secret) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.reveal().as_bytes()))
}

/// A parameter that occurs in a query exactly once (RFC 6749, 3.1).
fn only(query: &str, name: &str) -> Option<Secret> {
    let mut values = form_urlencoded::parse(query.as_bytes()).filter(|(other, _)| other == name);
    let value = Secret::new(values.next()?.1);
    values.next().is_none().then_some(value)
}

#[cfg(test)]
#[path = "login_tests.rs"]
mod tests;
