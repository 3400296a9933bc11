//! Who is calling, and what he may see.
//!
//! [`Access::admit`] stands before everything that is somebody's: it tells the caller from what
//! was presented ([`keys`], [`tokens`]), and whether he asks too often ([`rate`]). What he may see
//! ([`visible`]) is asked of the [`Caller`] before anything is looked up.

mod caller;
mod keys;
mod rate;
mod settings;
mod tokens;
mod visible;

pub use caller::{Caller, Denied, Presented};
pub use keys::{NewKey, new_key};
pub use settings::{AccessSettings, Mode, is_name};
pub use tokens::KeptKeys;

use std::sync::Arc;

use crate::telemetry::Metrics;
use caller::Customers;
use keys::Keys;
use tokens::Tokens;

/// Tells who is calling.
#[derive(Debug)]
pub struct Access(Way);

#[derive(Debug)]
enum Way {
    /// Whoever reaches the gateway may see everything.
    Anyone(Caller),
    Keys(Keys),
    Tokens(Box<Tokens>),
}

impl Access {
    /// Sets it up; fails where no client can be made for the key set's URL.
    pub fn new(settings: AccessSettings, kept: &KeptKeys, metrics: &Arc<Metrics>) -> reqwest::Result<Self> {
        Ok(Self(match settings.mode {
            Mode::None => Way::Anyone(Caller::new("anyone", None, Customers::all(), None)),
            Mode::Keys(callers) => Way::Keys(Keys::new(callers)),
            Mode::Jwt(tokens) => Way::Tokens(Box::new(Tokens::new(tokens, kept, Arc::clone(metrics))?)),
        }))
    }

    /// Whether callers are told from each other at all.
    pub fn knows_callers(&self) -> bool {
        !matches!(self.0, Way::Anyone(_))
    }

    /// Who presents this, without counting the request.
    pub async fn recognise(&self, presented: &Presented<'_>) -> Result<Caller, Denied> {
        match &self.0 {
            Way::Anyone(caller) => Ok(caller.clone()),
            Way::Keys(keys) => keys.find(presented.one_of_any()?.ok_or(Denied::Missing)?),
            // In a box: a key set may have to be asked for, and the room for that is not carried along by
            // those who present no token.
            Way::Tokens(tokens) => Box::pin(tokens.check(presented.bearer()?.ok_or(Denied::Missing)?)).await,
        }
    }

    /// Who presents this, unless he asks too often.
    pub async fn admit(&self, presented: &Presented<'_>) -> Result<Caller, Denied> {
        let caller = self.recognise(presented).await?;
        match caller.wait() {
            None => Ok(caller),
            Some(wait) => Err(Denied::TooOften { caller, wait }),
        }
    }
}
