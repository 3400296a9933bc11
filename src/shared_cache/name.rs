//! Names of keys in Redis: the namespace, the version of the format, and the purpose.

use std::borrow::Cow;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::domain::CustomerId;

/// The versions of the formats. Values of another version are not read: raise the version of copies whenever
/// their format or its meaning changes. Tokens have a version of their own because two replicas that look in
/// different places would spend one token twice.
const COPIES: u32 = 5;
const TOKENS: u32 = 2;

/// Whose copy it is: what a source reports about a customer to anyone with the same identity there.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Subject {
    /// The source's name.
    pub source: String,
    /// A digest of the source's address and our identity there.
    pub who: String,
    /// The customer's id there.
    pub customer: String,
}

/// The names of a subject's places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Names {
    /// What the source reported.
    pub(super) copy: String,
    /// Who is asking the source.
    pub(super) lock: String,
    /// The result of asking, if it is not kept as a copy.
    pub(super) note: String,
}

impl Names {
    /// Returns the names for the holders of the key with this id; holders of another key do not see them.
    pub(super) fn of(namespace: &str, key: &str, subject: &Subject) -> Self {
        let Subject { source, who, customer } = subject;
        let customer = shown(customer);
        let name = |kind: &str| format!("{namespace}:{COPIES}:{kind}:{source}:{who}:{key}:{customer}");
        Self { copy: name("copy"), lock: name("lock"), note: name("note") }
    }
}

/// Returns a customer's id as it appears in names: verbatim, or as a digest if it might be anything, such as
/// an address.
fn shown(customer: &str) -> Cow<'_, str> {
    if customer.parse::<CustomerId>().is_ok() {
        return customer.into();
    }
    format!("={}", digest(customer)).into()
}

/// Distinguishes texts in names, and hides them.
pub(crate) fn digest(text: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(text.as_bytes()))
}

/// Returns the channel on which the holders of one key report changes.
pub(super) fn channel(namespace: &str, key: &str) -> String {
    format!("{namespace}:{COPIES}:changes:{key}")
}

/// Returns the places of a shared token: the newest one, for the holders of one key, and the lock for
/// renewing it, for holders of any key.
pub(super) fn token_names(namespace: &str, source: &str, who: &str, key: &str) -> (String, String) {
    (format!("{namespace}:{TOKENS}:token:{source}:{who}:{key}"), format!("{namespace}:{TOKENS}:renewal:{source}:{who}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn subject(source: &str, who: &str, customer: &str) -> Subject {
        Subject { source: source.to_owned(), who: who.to_owned(), customer: customer.to_owned() }
    }

    proptest! {
        #[test]
        fn no_two_subjects_share_a_place(
            one in ("[a-z_]{1,4}", "[0-9a-f]{1,3}", ".{0,6}"), other in ("[a-z_]{1,4}", "[0-9a-f]{1,3}", ".{0,6}"),
        ) {
            let names = |(source, who, customer): &(String, String, String)| Names::of("n", "k", &subject(source, who, customer));
            let (a, b) = (names(&one), names(&other));
            prop_assert_eq!(a == b, one == other);
            prop_assert!(a.copy != b.lock && a.copy != b.note && a.lock != b.note);
        }
    }

    #[test]
    fn a_name_says_the_version_and_what_it_is_for() {
        assert_eq!(Names::of("rollcall", "cd", &subject("src", "ab", "acme")).copy, "rollcall:5:copy:src:ab:cd:acme");
        assert!(!Names::of("rollcall", "cd", &subject("src", "ab", "ann@acme.example")).copy.contains("acme"));
        assert_eq!(token_names("rollcall", "src", "ab", "cd").0, "rollcall:2:token:src:ab:cd");
    }
}
