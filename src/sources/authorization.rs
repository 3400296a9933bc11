//! The value of the header that holds credentials, `Authorization` for most backends: a secret as long as it is held,
//! a header only while it is being sent.

use std::sync::Arc;

use http::HeaderValue;

use crate::{config::Secret, shared_cache::digest};

/// The value sent as `Authorization`, or in the header that a backend expects instead. It is never printed, and is wiped when the last copy is dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Authorization(Arc<Secret>);

impl Authorization {
    /// Makes a bearer token; `None` if it contains characters that a header must not contain.
    pub(super) fn bearer(token: &Secret) -> Option<Self> {
        Self::new(Secret::new(format!("Bearer {}", token.reveal())))
    }

    /// Takes a whole value; `None` if it contains characters that a header must not contain.
    pub(super) fn new(value: Secret) -> Option<Self> {
        HeaderValue::from_str(value.reveal()).is_ok().then(|| Self(Arc::new(value)))
    }

    /// A digest that distinguishes it from others.
    pub(super) fn digest(&self) -> String {
        digest(self.0.reveal())
    }

    /// The token itself, if this is a bearer token.
    pub(super) fn token(&self) -> Option<Secret> {
        self.0.reveal().strip_prefix("Bearer ").map(Secret::new)
    }

    /// Makes the header, marked so that libraries do not print it either.
    pub(super) fn header(&self) -> HeaderValue {
        // Validated when this value was made.
        let mut header = HeaderValue::from_str(self.0.reveal()).unwrap_or(HeaderValue::from_static(""));
        header.set_sensitive(true);
        header
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_header_and_does_not_print() {
        let token = Authorization::bearer(&Secret::new("hunter2")).unwrap();
        assert_eq!(token.header(), "Bearer hunter2");
        assert!(!format!("{token:?} {:?}", token.header()).contains("hunter2"));
        assert_eq!(Authorization::bearer(&Secret::new("a\nb")), None);
    }
}
