//! OAuth 2.0 (RFC 6749): obtains access tokens, holds them, and renews them before they end.
//!
//! - `token`, `held`: one access token for all calls, renewed by one task, kept over a reload
//! - `grant`: the grant for a token: client credentials, or a refresh token
//! - `endpoint`, `answer`: the request to the token endpoint, and its answer
//! - `refresh`, `store`, `memory`, `renewals`: a refresh token that may be valid only once, stored so that none is lost
//! - `renew`: renews alone, or one replica at a time if several share the token
//! - `replicas`: what the other replicas have, and what they are offered
//! - `due`: when an access token is renewed
//! - `login`, `settings`: how a person obtains the first refresh token, once

mod answer;
mod due;
mod endpoint;
mod grant;
mod held;
mod left_alone;
mod login;
mod memory;
mod refresh;
mod renew;
mod renewals;
mod replicas;
mod settings;
mod store;
mod token;

pub use answer::OAuthError;
pub use login::{Callback, Login, LoginError};
pub use renewals::Renewals;
pub use settings::{OAuthDefaults, OAuthSettings};
pub use store::StoreError;

pub(super) use endpoint::{Basic, Endpoint};
pub(super) use grant::Grant;
pub(super) use renew::LONGEST_RENEWAL;
pub(super) use token::TokenSource;

use crate::domain::SourceName;

/// The command for a person's login.
fn login_command(name: SourceName) -> String {
    format!("rollcall login {} --config FILE", login_name(name))
}

/// A source's name on the command line: `my-reports`.
pub fn login_name(name: SourceName) -> String {
    name.as_str().replace('_', "-")
}
