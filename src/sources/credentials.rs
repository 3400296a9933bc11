//! The credentials that are sent to a source, however they are obtained.

use std::sync::Arc;

use http::HeaderName;
use parking_lot::Mutex;
use url::Url;

use super::{
    authorization::Authorization,
    oauth::{Basic, Endpoint, Grant, OAuthSettings, Renewals, TokenSource},
    scope::{CallerCredentials, Identity, ScopeKey},
};
use crate::{
    config::{FileStamp, Secret, SecretSource},
    domain::{Failure, FailureKind, SourceName},
    outbound::{Client, Deadline},
    shared_cache::{self, SharedCache},
    telemetry::{Metrics, Trace},
};

/// How the gateway authenticates at a source, as configured.
#[derive(Debug)]
pub enum CredentialSettings {
    /// A ready token or key; a file is read again when it changes.
    Ready(ReadyKind, SecretSource),
    /// OAuth 2.0 client credentials (RFC 6749, 4.4), in Basic as they are: Acronis documents
    /// `Basic base64(client_id:client_secret)` ("Authentication" in its API guides), without the RFC's encoding.
    ClientCredentials {
        /// Where tokens are issued.
        token_url: Url,
        /// Who we are.
        client_id: String,
        /// The secret that proves it; a file is read again for each token.
        client_secret: SecretSource,
    },
    /// OAuth 2.0 with the refresh token from a person's login (RFC 6749, 4.1 and 6).
    RefreshToken(Box<OAuthSettings>),
    /// No credentials of ours: each caller sends their own, in this header.
    Forward(HeaderName),
}

/// What a ready secret is, and so how it is written in a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadyKind {
    /// A token: `Bearer <token>`.
    Token,
    /// A key: as it is, without a scheme.
    Key,
}

/// The credentials of a source, in use.
#[derive(Debug)]
pub(super) enum Credentials {
    Ready(ReadySecret),
    Tokens(TokenSource),
    /// Callers send their own. Without a key for their digests, because the operating system provided no
    /// random bytes, every caller is refused.
    Forward {
        key: Option<ScopeKey>,
        header: HeaderName,
    },
}

/// A ready token or key, and the file that it comes from.
#[derive(Debug)]
pub(super) struct ReadySecret {
    name: SourceName,
    kind: ReadyKind,
    source: SecretSource,
    held: Mutex<Option<Held>>,
    /// Why it could not be read the last time, so that each cause is logged once.
    complaint: Mutex<Option<String>>,
}

/// A token or key as it was read, with the stamp of its file; without a stamp, the file is read again.
#[derive(Debug)]
struct Held(Option<FileStamp>, Authorization);

impl CredentialSettings {
    /// Distinguishes our identity from others, as far as the settings show it. It is a digest because a token may
    /// be part of it. A secret that proves the same client id may be renewed, so it is not part of it.
    pub(super) fn digest(&self) -> String {
        let file = |path: &std::path::Path| path.to_string_lossy().into_owned();
        let who: [String; 3] = match self {
            Self::Ready(kind, SecretSource::Written(secret)) => [kind.name().into(), secret.reveal().to_owned(), String::new()],
            Self::Ready(kind, SecretSource::File(path)) => [format!("{}_file", kind.name()), file(path), String::new()],
            Self::ClientCredentials { token_url, client_id, .. } => ["client".into(), token_url.to_string(), client_id.clone()],
            Self::RefreshToken(settings) => ["login".into(), settings.client_id().to_owned(), file(settings.store_path())],
            Self::Forward(_) => ["forward".into(), String::new(), String::new()],
        };
        shared_cache::digest(&who.join("\u{1f}"))
    }

    /// What a person has to do before tokens are available; `None` if nothing.
    pub fn to_do(&self) -> Option<String> {
        match self {
            Self::Ready(..) | Self::ClientCredentials { .. } | Self::Forward(_) => None,
            Self::RefreshToken(settings) => settings.to_do(),
        }
    }

    /// Whether certificates will have to be verified where tokens are issued.
    pub(super) fn is_encrypted(&self) -> bool {
        match self {
            Self::Ready(..) | Self::Forward(_) => false,
            Self::ClientCredentials { token_url, .. } => token_url.scheme() == "https",
            Self::RefreshToken(settings) => settings.is_encrypted(),
        }
    }
}

impl Credentials {
    pub(super) fn new(
        name: SourceName,
        settings: CredentialSettings,
        metrics: Arc<Metrics>,
        renewals: &Renewals,
        shared: Option<&SharedCache>,
    ) -> Self {
        let grant = match settings {
            CredentialSettings::Ready(kind, source) => {
                return Self::Ready(ReadySecret { name, kind, source, held: Mutex::default(), complaint: Mutex::default() });
            }
            CredentialSettings::ClientCredentials { token_url, client_id, client_secret } => {
                Grant::ClientCredentials(Endpoint::new(name, token_url, client_id, client_secret, Basic::Plain))
            }
            CredentialSettings::Forward(header) => return Self::Forward { key: ScopeKey::new(), header },
            CredentialSettings::RefreshToken(settings) => Grant::RefreshToken(settings.into_refresh(renewals.clone(), shared)),
        };
        Self::Tokens(TokenSource::new(name, grant, metrics, renewals))
    }

    /// What they are called where they cannot be obtained.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Ready(secret) => secret.kind.name(),
            Self::Tokens(_) | Self::Forward { .. } => ReadyKind::Token.name(),
        }
    }

    /// Distinguishes our identity from others, the same for all replicas; `None` if the token or key cannot be read,
    /// or if the identity is the callers' own.
    pub(super) fn shared_digest(&self) -> Option<String> {
        match self {
            Self::Ready(secret) => secret.now().ok().map(|value| secret.kind.digest(&value)),
            Self::Tokens(tokens) => Some(tokens.who()),
            Self::Forward { .. } => None,
        }
    }

    /// The identity for a caller's request, given the credentials that the caller supplied.
    pub(super) fn identity(&self, source: SourceName, brought: &CallerCredentials) -> Result<Identity, Failure> {
        match self {
            Self::Ready(_) | Self::Tokens(_) => Ok(Identity::own()),
            Self::Forward { key, .. } => key.as_ref().ok_or(Failure::new(FailureKind::Unauthorized))?.identity(source, brought),
        }
    }

    /// Returns the credentials of our own to send now.
    pub(super) async fn authorization(
        &self,
        client: &Arc<Client>,
        deadline: Deadline,
        trace: Option<&Trace>,
    ) -> Result<Authorization, Failure> {
        match self {
            Self::Ready(secret) => secret.now(),
            Self::Tokens(tokens) => tokens.now(client, deadline, trace).await,
            Self::Forward { .. } => Err(Failure::new(FailureKind::Unauthorized)),
        }
    }

    /// Records that the credentials sent were accepted for a page.
    pub(super) fn accepted(&self, sent: &Authorization) {
        match self {
            Self::Ready(_) | Self::Forward { .. } => {}
            Self::Tokens(tokens) => tokens.accepted(sent),
        }
    }

    /// Records that the credentials sent were refused; returns whether different ones may be available.
    pub(super) fn refused(&self, sent: &Authorization) -> bool {
        match self {
            Self::Ready(secret) => secret.read_anew().is_ok_and(|now| now != *sent),
            Self::Tokens(tokens) => tokens.forget(sent),
            Self::Forward { .. } => false,
        }
    }
}

impl ReadyKind {
    /// What it is called in messages and keys.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Key => "key",
        }
    }

    /// Writes the value of a header; `None` if it contains characters that a header must not contain.
    fn write(self, secret: &Secret) -> Option<Authorization> {
        match self {
            Self::Token => Authorization::bearer(secret),
            Self::Key => Authorization::new(secret.clone()),
        }
    }

    /// A digest that distinguishes a value from others, also from the same value of the other kind.
    fn digest(self, value: &Authorization) -> String {
        match self {
            Self::Token => value.digest(),
            Self::Key => shared_cache::digest(&format!("{}\u{1f}{}", self.name(), value.digest())),
        }
    }
}

impl ReadySecret {
    /// Returns the current token or key. If its file can no longer be read, the last one stays in use.
    fn now(&self) -> Result<Authorization, Failure> {
        let mut held = self.held.lock();
        let stamp = self.stamp();
        if let Some(Held(Some(seen), token)) = held.as_ref()
            && *seen == stamp
        {
            return Ok(token.clone());
        }
        match self.source.reveal().map(|secret| self.kind.write(&secret)) {
            Ok(Some(token)) => {
                *held = Some(Held(Some(stamp), token.clone()));
                *self.complaint.lock() = None;
                Ok(token)
            }
            unusable => {
                let cause =
                    unusable.err().map_or("it contains characters that are not allowed in a header".to_owned(), |error| error.to_string());
                if self.complaint.lock().replace(cause.clone()).as_ref() != Some(&cause) {
                    tracing::error!(source = %self.name, cause, "the {} cannot be used", self.kind.name());
                }
                held.as_ref().map(|Held(_, token)| token.clone()).ok_or(Failure::new(FailureKind::Unauthorized))
            }
        }
    }

    /// Reads it from its file, whatever the stamp says.
    fn read_anew(&self) -> Result<Authorization, Failure> {
        if let Some(Held(stamp, _)) = self.held.lock().as_mut() {
            *stamp = None;
        }
        self.now()
    }

    fn stamp(&self) -> FileStamp {
        match &self.source {
            SecretSource::Written(_) => FileStamp::default(),
            SecretSource::File(path) => FileStamp::of(path),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_tells_who_we_are_and_no_secret() {
        let ready = |kind, secret: &str| CredentialSettings::Ready(kind, SecretSource::Written(Secret::new(secret))).digest();
        let token = |token: &str| ready(ReadyKind::Token, token);
        let client = |client_id: &str, secret: &str| {
            let (token_url, client_secret) = ("https://id.example.com/".parse().unwrap(), SecretSource::Written(Secret::new(secret)));
            CredentialSettings::ClientCredentials { token_url, client_id: client_id.to_owned(), client_secret }.digest()
        };
        assert_eq!(
            (token("hunter2"), client("a", "one")),
            (token("hunter2"), client("a", "two")),
            "a renewed secret is still the same identity"
        );
        assert_ne!(token("hunter2"), token("hunter3"));
        assert_ne!(client("a", "one"), client("b", "one"));
        assert!(!token("hunter2").contains("hunter2"));
        let key = ready(ReadyKind::Key, "hunter2");
        assert!(key != token("hunter2") && key != ready(ReadyKind::Key, "hunter3") && !key.contains("hunter2"));
    }

    #[test]
    fn replicas_tell_a_token_from_a_key_whatever_they_are() {
        let shared = |kind, secret: &str| {
            let (source, name) = (SecretSource::Written(Secret::new(secret)), SourceName::new("here"));
            let secret = ReadySecret { name, kind, source, held: Mutex::default(), complaint: Mutex::default() };
            Credentials::Ready(secret).shared_digest().unwrap()
        };
        let [token, key, whole, other] = [
            (ReadyKind::Token, "hunter2"),
            (ReadyKind::Key, "hunter2"),
            (ReadyKind::Key, "Bearer hunter2"), // the same header value
            (ReadyKind::Key, "hunter3"),
        ]
        .map(|(kind, secret)| shared(kind, secret));
        assert!(token != key && token != whole && key != whole && key != other);
        assert_eq!(key, shared(ReadyKind::Key, "hunter2"));
        assert!(!format!("{token}{key}{whole}").contains("hunter2"));
    }
}
