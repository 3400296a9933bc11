//! What is known of a refresh token beside what its store holds.

use crate::{config::Secret, sources::authorization::Authorization};

/// What is known beside what the store holds.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// The token that the identity server does not take any more.
    pub(super) refused: Option<Secret>,
    /// The access token that was had last.
    pub(super) given: Option<Authorization>,
    pub(super) unwritten: Option<Unwritten>,
    /// What was last complained of, so that it is said once.
    pub(super) complaint: Option<Complaint>,
}

/// A token that was received and could not be written.
#[derive(Clone, Debug)]
pub(super) struct Unwritten {
    pub(super) token: Secret,
    /// What the store held when it was received: where it holds something else by now, somebody
    /// has logged in, and that is newer.
    pub(super) follows: Secret,
}

/// Why there is no token until somebody does something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Complaint {
    NobodyLoggedIn,
    SharedCacheSilent,
    Refused,
    Store(String),
    Unwritten(String),
}
