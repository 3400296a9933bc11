//! Identifiers: a customer's id in our path, its id at a source, and the source's name.

use std::{fmt, str::FromStr, sync::Arc};

use serde::Serialize;

/// Longest customer id in a path, in characters.
const LONGEST_ID: usize = 128;

/// A customer's id as it appears in our path: 1 to 128 of `A-Z a-z 0-9 . _ ~ -`, not `.` or `..`.
///
/// A value of this type needs no further check: it is safe in a path, a log and a file name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CustomerId(Arc<str>);

/// The id that one source knows a customer by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RemoteId(Arc<str>);

/// A source's name, the same in configuration, JSON, metrics and logs: `advanced_automation`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct SourceName(&'static str);

/// A text is not a customer id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("A customer id has 1 to 128 characters of A-Z a-z 0-9 . _ ~ - and is neither '.' nor '..'.")]
pub struct InvalidCustomerId;

/// Returns whether a text can be one segment of a URL's path, once it is encoded: `.` and `..` would be resolved
/// before the request is sent.
pub fn is_path_segment(text: &str) -> bool {
    !matches!(text, "." | "..")
}

// === impl CustomerId ===

impl CustomerId {
    /// Returns the id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for CustomerId {
    type Err = InvalidCustomerId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._~-".contains(&byte);
        let sized = (1..=LONGEST_ID).contains(&text.len());
        if !sized || !text.bytes().all(allowed) || !is_path_segment(text) {
            return Err(InvalidCustomerId);
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for CustomerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

// === impl RemoteId ===

impl RemoteId {
    /// Takes a source's own id for a customer, in any form.
    pub fn new(id: impl Into<Arc<str>>) -> Self {
        Self(id.into())
    }

    /// Returns the id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether another text names the same customer. Ids are compared without case because the
    /// backends print the same GUID in upper or lower case.
    pub fn names(&self, other: &str) -> bool {
        self.0.eq_ignore_ascii_case(other)
    }
}

impl From<&CustomerId> for RemoteId {
    fn from(id: &CustomerId) -> Self {
        Self(id.0.clone())
    }
}

// === impl SourceName ===

impl SourceName {
    /// Names a source; the name is written in `snake_case` everywhere.
    pub const fn new(name: &'static str) -> Self {
        Self(name)
    }

    /// Returns the name as text.
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for SourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_customer_id_is_short_and_plain() {
        for good in ["a", "ACME-1", "a.b_c~d", "...", &"x".repeat(128)] {
            assert_eq!(good.parse::<CustomerId>().map(|id| id.to_string()), Ok(good.to_owned()));
        }
        for bad in ["", ".", "..", "a/b", "a b", "ä", "a%2F", "a\n", &"x".repeat(129)] {
            assert_eq!(bad.parse::<CustomerId>(), Err(InvalidCustomerId), "{bad:?}");
        }
    }

    #[test]
    fn a_remote_id_is_compared_without_case() {
        let id = RemoteId::new("CE570F06-f444");
        assert!(id.names("ce570f06-F444"));
        assert!(!id.names("ce570f06"));
    }
}
