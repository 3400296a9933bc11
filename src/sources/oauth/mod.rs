//! OAuth 2.0 (RFC 6749): access tokens that are had, held, and renewed before they end.
//!
//! - `token`: one access token for all calls, renewed by one task
//! - `grant`: what a token is given for: client credentials, or a refresh token
//! - `endpoint`, `answer`: the token endpoint asked, and what it said
//! - `refresh`, `store`, `memory`, `renewals`: a refresh token that may be good once, kept so that none is lost
//! - `shared`, `others`: renewed alone, or by one at a time where several replicas have the token
//! - `due`: when an access token is renewed
//! - `login`, `settings`: how the first refresh token is had, once, by a person

mod answer;
mod due;
mod endpoint;
mod grant;
mod login;
mod memory;
mod refresh;
mod renewals;
mod replicas;
mod settings;
mod shared;
mod store;
mod token;

pub use answer::OAuthError;
pub use login::{Came, Login, LoginError};
pub use renewals::Renewals;
pub use settings::{OAuthDefaults, OAuthSettings};
pub use store::StoreError;

pub(super) use endpoint::Endpoint;
pub(super) use grant::Grant;
pub(super) use token::TokenSource;

use crate::domain::SourceName;

/// The command that a person logs in with.
fn login_command(name: SourceName) -> String {
    format!("rollcall login {} --config FILE", login_name(name))
}

/// What a source is called on the command line: `my-reports`.
pub fn login_name(name: SourceName) -> String {
    name.as_str().replace('_', "-")
}
