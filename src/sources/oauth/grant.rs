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
    /// Has a token.
    pub(super) async fn token(&self, client: &Client, trace: Option<&Trace>) -> Result<Granted, Failure> {
        match self {
            Self::ClientCredentials(endpoint) => {
                let granted = endpoint.ask(client, &[("grant_type", "client_credentials")], None, trace).await;
                granted.map_err(|refused| refused.failure)
            }
            Self::RefreshToken(refresh) => refresh.renew(client, trace).await,
        }
    }
}
