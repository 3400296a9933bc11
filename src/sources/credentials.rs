//! What is sent as `Authorization`, whatever it takes to have it.

use std::{
    fs,
    path::Path,
    sync::{Mutex, PoisonError},
    time::SystemTime,
};

use http::HeaderValue;
use url::Url;

use super::{client::Client, deadline::Deadline, token::TokenSource};
use crate::{
    config::{Secret, SecretSource},
    domain::{Failure, FailureKind, SourceName},
};

/// How a source wants to be told who we are, as configured.
#[derive(Debug)]
pub enum CredentialSettings {
    /// A ready bearer token; a file is read again when it changes.
    Bearer(SecretSource),
    /// OAuth 2.0 client credentials (RFC 6749, 4.4).
    ClientCredentials {
        /// Where tokens are given.
        token_url: Url,
        /// Who we are.
        client_id: String,
        /// What proves it; a file is read again for each token.
        client_secret: SecretSource,
    },
}

/// A source's credentials at work.
#[derive(Debug)]
pub(super) enum Credentials {
    Bearer(BearerToken),
    ClientCredentials(TokenSource),
}

/// A ready token, and the file that it comes from.
#[derive(Debug)]
pub(super) struct BearerToken {
    name: SourceName,
    source: SecretSource,
    held: Mutex<Option<(Stamp, HeaderValue)>>,
}

/// When a file was changed and how long it is; `None` for what is no file.
type Stamp = Option<(SystemTime, u64)>;

impl Credentials {
    pub(super) fn new(name: SourceName, settings: CredentialSettings) -> Self {
        match settings {
            CredentialSettings::Bearer(source) => Self::Bearer(BearerToken { name, source, held: Mutex::default() }),
            CredentialSettings::ClientCredentials { token_url, client_id, client_secret } => {
                Self::ClientCredentials(TokenSource::new(name, token_url, client_id, client_secret))
            }
        }
    }

    /// The header to send now.
    pub(super) async fn header(&self, client: &std::sync::Arc<Client>, deadline: Deadline) -> Result<HeaderValue, Failure> {
        match self {
            Self::Bearer(token) => token.header(),
            Self::ClientCredentials(tokens) => tokens.header(client, deadline).await,
        }
    }

    /// Takes note that a header was good for a page.
    pub(super) fn accepted(&self, header: &HeaderValue) {
        match self {
            Self::Bearer(_) => {}
            Self::ClientCredentials(tokens) => tokens.accepted(header),
        }
    }

    /// Takes note that a header was refused; true where another one may be had.
    pub(super) fn refused(&self, header: &HeaderValue) -> bool {
        match self {
            Self::Bearer(token) => token.header_read_anew().is_ok_and(|now| now != *header),
            Self::ClientCredentials(tokens) => tokens.forget(header),
        }
    }
}

impl BearerToken {
    /// The token as it is now. A file that can no longer be read leaves the last token in use.
    fn header(&self) -> Result<HeaderValue, Failure> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = self.stamp();
        if let Some((seen, header)) = held.as_ref()
            && *seen == stamp
        {
            return Ok(header.clone());
        }
        match self.source.reveal().map(|token| bearer(&token)) {
            Ok(Some(header)) => {
                *held = Some((stamp, header.clone()));
                Ok(header)
            }
            unusable => {
                let cause = unusable.err().map_or("it holds what no header may hold".to_owned(), |error| error.to_string());
                tracing::error!(source = %self.name, cause, "the token cannot be used");
                held.as_ref().map(|(_, header)| header.clone()).ok_or(Failure::new(FailureKind::Unauthorized))
            }
        }
    }

    /// The token as the file has it now, whatever its stamp says.
    fn header_read_anew(&self) -> Result<HeaderValue, Failure> {
        if let Some((stamp, _)) = self.held.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            *stamp = Some((SystemTime::UNIX_EPOCH, 0));
        }
        self.header()
    }

    fn stamp(&self) -> Stamp {
        let of = |path: &Path| {
            let metadata = fs::metadata(path).ok()?;
            Some((metadata.modified().ok()?, metadata.len()))
        };
        match &self.source {
            SecretSource::Written(_) => None,
            SecretSource::File(path) => of(path),
        }
    }
}

/// The header that carries a token; `None` where the token holds what no header may hold.
pub(super) fn bearer(token: &Secret) -> Option<HeaderValue> {
    let mut header = HeaderValue::try_from(format!("Bearer {}", token.reveal())).ok()?;
    header.set_sensitive(true);
    Some(header)
}
