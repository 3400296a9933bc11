//! The grants for access tokens: our client credentials (4.4), or the refresh token from a person's login (6).

use super::{answer::Granted, endpoint::Endpoint, refresh::Refresh};
use crate::{domain::Failure, outbound::Client, telemetry::Trace};

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
                let granted = endpoint.ask(client, &[("grant_type", "client_credentials")], None, trace).await;
                granted.map_err(|refused| refused.failure)
            }
            Self::RefreshToken(refresh) => refresh.renew(client, replaces, trace).await,
        }
    }

    /// Identifies us there, without any secret.
    pub(super) fn who(&self) -> String {
        match self {
            Self::ClientCredentials(endpoint) => endpoint.who(),
            Self::RefreshToken(refresh) => refresh.endpoint().who(),
        }
    }
}
