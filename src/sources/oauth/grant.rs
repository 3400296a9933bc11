//! What access tokens are given for: who we are (4.4), or a refresh token that a person's login left (6).

use super::{answer::Granted, endpoint::Endpoint, refresh::Refresh};
use crate::{domain::Failure, outbound::Client, telemetry::Trace};

/// What access tokens are given for.
#[derive(Debug)]
pub(in crate::sources) enum Grant {
    ClientCredentials(Endpoint),
    RefreshToken(Refresh),
}

impl Grant {
    /// Has a token; `replaces` says that the one before was refused.
    pub(super) async fn token(&self, client: &Client, replaces: bool, trace: Option<&Trace>) -> Result<Granted, Failure> {
        match self {
            Self::ClientCredentials(endpoint) => {
                let granted = endpoint.ask(client, &[("grant_type", "client_credentials")], None, trace).await;
                granted.map_err(|refused| refused.failure)
            }
            Self::RefreshToken(refresh) => refresh.renew(client, replaces, trace).await,
        }
    }

    /// What tells who we are there, and no secret.
    pub(super) fn who(&self) -> String {
        match self {
            Self::ClientCredentials(endpoint) => endpoint.who(),
            Self::RefreshToken(refresh) => refresh.endpoint().who(),
        }
    }
}
