//! What is known about a refresh token beyond the content of its store.

use crate::{config::Secret, sources::authorization::Authorization};

/// What is known beyond the content of the store.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// The token that the identity server no longer accepts.
    pub(super) refused: Option<Secret>,
    /// The last access token that was granted.
    pub(super) given: Option<Authorization>,
    pub(super) unwritten: Option<Unwritten>,
    /// The last complaint, so that it is logged only once.
    pub(super) complaint: Option<Complaint>,
}

/// A token that was received but could not be written.
#[derive(Clone, Debug)]
pub(super) struct Unwritten {
    pub(super) token: Secret,
    /// What the store held when it was received: if it holds something else by now, a person has logged in,
    /// and that token is newer.
    pub(super) follows: Secret,
}

/// Why there is no token until an operator acts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Complaint {
    NobodyLoggedIn,
    SharedCacheSilent,
    Refused,
    Store(String),
    Unwritten(String),
}
