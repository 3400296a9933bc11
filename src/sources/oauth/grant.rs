//! The grants for access tokens: our client credentials (4.4), or the refresh token from a person's login (6).

use secrecy::zeroize::Zeroizing;

use super::{answer::Granted, endpoint::Endpoint, refresh::Refresh};
use crate::{config::FileStamp, domain::Failure, outbound::Client, shared_cache::digest, telemetry::Trace};

/// The grant that access tokens are requested with.
#[derive(Debug)]
pub(in crate::sources) enum Grant {
    ClientCredentials(Endpoint),
    RefreshToken(Refresh),
}

impl Grant {
    /// Obtains a token; `replaces` says that the previous one was refused.
    pub(super) async fn token(&self, client: &Client, replaces: bool, trace: Option<&Trace>) -> Result<Granted, Failure> {
        match self {
            Self::ClientCredentials(endpoint) => {
                endpoint.may_be_asked()?;
                let granted = endpoint.ask(client, &[("grant_type", "client_credentials")], None, trace).await;
                granted.map_err(|refused| refused.failure)
            }
            Self::RefreshToken(refresh) => refresh.renew(client, replaces, trace).await,
        }
    }

    /// Where tokens are issued, and who we are there.
    pub(super) fn endpoint(&self) -> &Endpoint {
        match self {
            Self::ClientCredentials(endpoint) => endpoint,
            Self::RefreshToken(refresh) => refresh.endpoint(),
        }
    }

    /// Identifies this grant among all others, its secret included, without revealing it; `None` if the secret cannot be read.
    pub(super) fn digest(&self) -> Option<String> {
        let (kind, endpoint, store) = match self {
            Self::ClientCredentials(endpoint) => ("client", endpoint, String::new()),
            Self::RefreshToken(refresh) => ("login", refresh.endpoint(), refresh.store.path().to_string_lossy().into_owned()),
        };
        let secret = endpoint.client_secret.reveal().ok()?;
        let whole = Zeroizing::new([endpoint.name.as_str(), kind, &endpoint.who(), &store, secret.reveal()].join("\u{1f}"));
        Some(digest(&whole))
    }

    /// Returns the state of the refresh token's store; the default if the grant has none.
    pub(super) fn store_stamp(&self) -> FileStamp {
        match self {
            Self::ClientCredentials(_) => FileStamp::default(),
            Self::RefreshToken(refresh) => FileStamp::of(refresh.store.path()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::{Secret, SecretSource},
        domain::SourceName,
        sources::oauth::Basic,
    };

    #[test]
    fn a_grant_is_another_one_with_another_secret_and_tells_none() {
        let grant = |url: &str, id: &str, secret: SecretSource| {
            let (name, url) = (SourceName::new("test"), url.parse().unwrap());
            Grant::ClientCredentials(Endpoint::new(name, url, id.to_owned(), secret, Basic::Plain)).digest()
        };
        let written = |text: &str| SecretSource::Written(Secret::new(text));
        let first = grant("http://a/", "us", written("hunter2")).unwrap();
        assert_eq!(grant("http://a/", "us", written("hunter2")).as_ref(), Some(&first));
        for (url, id, secret) in [("http://b/", "us", "hunter2"), ("http://a/", "them", "hunter2"), ("http://a/", "us", "hunter3")] {
            assert_ne!(grant(url, id, written(secret)).as_ref(), Some(&first), "{url} {id} {secret}");
        }
        assert!(!first.contains("hunter2"));
        assert_eq!(grant("http://a/", "us", SecretSource::File("/nowhere/at/all".into())), None);
    }
}
