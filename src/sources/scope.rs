//! Whose credentials something was fetched with. What was fetched with one caller's credentials is never given to
//! another: everything that is cached or shared is keyed by its scope.

use std::fmt;

use ring::{
    hmac::{HMAC_SHA256, Key, sign},
    rand::SystemRandom,
};

use super::authorization::Authorization;
use crate::{
    config::Secret,
    domain::{Failure, FailureKind, SourceName},
};

/// Whose credentials something was fetched with: the gateway's own, or those with this keyed digest.
/// Only an [`Identity`] has a scope, so nothing can be cached without saying whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Scope(Option<[u8; 32]>);

/// The credentials that a call is made with.
#[derive(Clone, Debug)]
pub struct Identity {
    scope: Scope,
    brought: Option<Authorization>,
}

/// The credentials that a caller sent for each source.
#[derive(Clone, Debug, Default)]
pub struct CallerCredentials(Vec<(SourceName, Secret)>);

/// The key for digests of credentials: random, specific to this process, and never revealed.
pub(super) struct ScopeKey(Key);

impl Scope {
    /// Whether it belongs to a caller.
    pub fn is_brought(self) -> bool {
        self.0.is_some()
    }
}

impl Identity {
    /// The gateway's own identity.
    pub fn own() -> Self {
        Self { scope: Scope(None), brought: None }
    }

    /// The scope of this identity.
    pub fn scope(&self) -> Scope {
        self.scope
    }

    /// Whether the caller's credentials may be the cause of a failure: they were refused or rate-limited, or something in
    /// front of the source could not handle them. Such a failure says nothing about the source for other callers.
    pub(super) fn may_be_why(&self, failure: &Failure) -> bool {
        self.are_odd(failure) || (self.scope.is_brought() && (failure.kind.is_refusal() || failure.kind == FailureKind::RateLimited))
    }

    /// Whether the caller's credentials may be too large or too odd for something in front of the source.
    pub(super) fn are_odd(&self, failure: &Failure) -> bool {
        let is_odd =
            failure.kind == FailureKind::InvalidResponse && failure.http_status.is_some_and(|status| (300..=499).contains(&status));
        self.scope.is_brought() && is_odd
    }

    /// The caller's credentials, if this is a caller's identity.
    pub(super) fn brought(&self) -> Option<&Authorization> {
        self.brought.as_ref()
    }
}

impl CallerCredentials {
    /// Adds what the caller sent for one source, as it is to be sent there.
    pub fn add(&mut self, source: SourceName, authorization: Secret) {
        self.0.push((source, authorization));
    }
}

impl ScopeKey {
    /// Makes a key; `None` if the operating system provides no random bytes.
    pub(super) fn new() -> Option<Self> {
        Key::generate(HMAC_SHA256, &SystemRandom::new()).ok().map(Self)
    }

    /// A caller's identity at a source, from the credentials that the caller sent for it.
    pub(super) fn identity(&self, source: SourceName, brought: &CallerCredentials) -> Result<Identity, Failure> {
        let missing = Failure::new(FailureKind::Unauthorized);
        let (_, secret) = brought.0.iter().find(|(name, _)| *name == source).ok_or(missing)?;
        let digest = sign(&self.0, secret.reveal().as_bytes());
        let digest = digest.as_ref().try_into().map_err(|_| missing)?;
        let brought = Authorization::new(secret.clone()).ok_or(missing)?;
        Ok(Identity { scope: Scope(Some(digest)), brought: Some(brought) })
    }
}

impl fmt::Debug for ScopeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HERE: SourceName = SourceName::new("here");

    fn brought(secret: &str) -> CallerCredentials {
        let mut brought = CallerCredentials::default();
        brought.add(HERE, Secret::new(secret));
        brought
    }

    #[test]
    fn nothing_brought_is_nobody() {
        let key = ScopeKey::new().unwrap();
        for brought in [CallerCredentials::default(), brought("a\nb")] {
            assert_eq!(key.identity(HERE, &brought).unwrap_err().kind, FailureKind::Unauthorized);
        }
        assert!(key.identity(SourceName::new("elsewhere"), &brought("Bearer a")).is_err());
        assert!(!Identity::own().scope().is_brought());
    }

    #[test]
    fn what_a_caller_brings_may_be_why_a_source_says_no() {
        use FailureKind::{BadRequest, Forbidden, InvalidResponse, NotFound, Overloaded, RateLimited, Timeout, Unauthorized, Unavailable};
        let theirs = ScopeKey::new().unwrap().identity(HERE, &brought("Bearer a")).unwrap();
        for (failure, expected) in [
            (Failure::answered(InvalidResponse, 302), true),
            (Failure::answered(InvalidResponse, 413), true),
            (Failure::answered(InvalidResponse, 431), true),
            (Failure::answered(InvalidResponse, 200), false),
            (Failure::answered(InvalidResponse, 600), false),
            (Failure::new(InvalidResponse), false),
            (Failure::answered(Unauthorized, 401), true),
            (Failure::answered(Forbidden, 403), true),
            (Failure::answered(RateLimited, 429), true),
            (Failure::answered(Unavailable, 503), false),
            (Failure::answered(BadRequest, 400), false),
            (Failure::answered(NotFound, 404), false),
            (Failure::new(Timeout), false),
            (Failure::new(Overloaded), false),
        ] {
            assert_eq!((theirs.may_be_why(&failure), Identity::own().may_be_why(&failure)), (expected, false), "{failure:?}");
        }
    }

    proptest! {
        #[test]
        fn scopes_are_one_exactly_where_credentials_are(one in "[ -~]{1,20}", other in "[ -~]{1,20}") {
            let (key, elsewhere) = (ScopeKey::new().unwrap(), ScopeKey::new().unwrap());
            let scope = |key: &ScopeKey, text: &str| key.identity(HERE, &brought(text)).unwrap().scope();
            prop_assert_eq!(scope(&key, &one) == scope(&key, &other), one == other);
            prop_assert_eq!(scope(&key, &one), scope(&key, &one));
            prop_assert_ne!(scope(&key, &one), scope(&elsewhere, &one), "a digest is meaningless under another key");
            prop_assert_ne!(scope(&key, &one), Identity::own().scope());
        }
    }
}
