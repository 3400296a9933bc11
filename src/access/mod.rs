//! Who is calling, and which customers they may see.
//!
//! [`Access::admit`] precedes everything that belongs to a customer: it identifies the caller by the presented
//! credentials ([`keys`], [`tokens`]) and enforces how often they may send requests ([`rate`], or for unknown
//! callers, by address: [`refusal_limit`]). Which customers they may see ([`customer_filter`]) is asked of the [`Caller`]
//! before anything is looked up.

mod caller;
mod customer_filter;
mod kept;
mod keys;
mod rate;
mod refusal_limit;
mod settings;
mod tokens;

pub use caller::{Caller, Denied, PresentedCredentials};
pub use kept::KeptAccess;
pub use keys::{NewKey, new_key};
pub use settings::{AccessSettings, Mode};

use std::{net::IpAddr, sync::Arc};

use crate::{outbound::Deadline, telemetry::Metrics};
use caller::CustomerFilter;
use keys::Keys;
use refusal_limit::RefusalLimit;
use tokens::Tokens;

/// Identifies callers.
#[derive(Debug)]
pub struct Access {
    authenticator: Authenticator,
    refusal_limit: RefusalLimit,
}

#[derive(Debug)]
enum Authenticator {
    /// Anyone who reaches the gateway may see everything.
    Anyone(Caller),
    Keys(Keys),
    Tokens(Box<Tokens>),
}

impl Access {
    /// Sets up access control; fails if no HTTP client can be made for the key set's URL.
    pub fn new(settings: AccessSettings, kept: &KeptAccess, metrics: &Arc<Metrics>) -> reqwest::Result<Self> {
        let authenticator = match (settings.mode, settings.tokens) {
            (Mode::None, _) => Authenticator::Anyone(Caller::new("anyone", None, CustomerFilter::all(), None)),
            (Mode::Jwt, Some(tokens)) => Authenticator::Tokens(Box::new(Tokens::new(tokens, &kept.tokens, Arc::clone(metrics))?)),
            (Mode::Keys, _) => Authenticator::Keys(Keys::new(settings.callers, &kept.limits)),
            // An invalid table is a fault, so this is never reached; if it were, it would admit no one.
            (Mode::Jwt, None) => Authenticator::Keys(Keys::new(Vec::new(), &kept.limits)),
        };
        Ok(Self { authenticator, refusal_limit: RefusalLimit::default() })
    }

    /// Whether callers are distinguished from each other at all.
    pub fn knows_callers(&self) -> bool {
        !matches!(self.authenticator, Authenticator::Anyone(_))
    }

    /// Identifies the caller, without counting the request; waits for a key set until the deadline.
    pub async fn recognise(&self, presented: &PresentedCredentials<'_>, deadline: Deadline) -> Result<Caller, Denied> {
        match &self.authenticator {
            Authenticator::Anyone(caller) => Ok(caller.clone()),
            Authenticator::Keys(keys) => keys.find(presented.one_of_any()?.ok_or(Denied::Missing)?),
            // Boxed: a key set may have to be fetched, and requests without a token should not carry the room for that.
            Authenticator::Tokens(tokens) => Box::pin(tokens.check(presented.bearer()?.ok_or(Denied::Missing)?, deadline)).await,
        }
    }

    /// Identifies the caller and enforces their rate; refusals of unknown callers are counted by address.
    pub async fn admit(&self, presented: &PresentedCredentials<'_>, from: Option<IpAddr>, deadline: Deadline) -> Result<Caller, Denied> {
        let caller = self.recognise(presented, deadline).await.map_err(|denied| self.count_refusal(denied, from))?;
        match caller.wait() {
            None => Ok(caller),
            Some(wait) => Err(Denied::TooOften { caller, wait }),
        }
    }

    fn count_refusal(&self, denied: Denied, from: Option<IpAddr>) -> Denied {
        match denied {
            Denied::Missing | Denied::Refused(_) => {
                let wait = from.and_then(|from| self.refusal_limit.wait(from));
                wait.map_or(denied, |wait| Denied::RefusedTooOften { wait })
            }
            denied => denied,
        }
    }
}
