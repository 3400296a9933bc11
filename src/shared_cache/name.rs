//! Names of places in Redis: the namespace, the version of the format, and what the place is for.

use std::borrow::Cow;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::domain::CustomerId;

/// The versions of what is written. What another version wrote is not read: raise the one of copies whenever anything
/// that is written of them, or how it is meant, changes. That of tokens is another, for two replicas that know of
/// different places would spend one token twice.
const COPIES: u32 = 4;
const TOKENS: u32 = 2;

/// Whose copy it is: what a source says of a customer, to whoever asks as this one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Subject {
    /// The source's name.
    pub source: String,
    /// A digest of where the source is and who we are there.
    pub who: String,
    /// The customer's id there.
    pub customer: String,
}

/// The names of one subject's places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Names {
    /// What the source said.
    pub(super) copy: String,
    /// Who is asking the source.
    pub(super) lock: String,
    /// What came of asking, where that is nobody's copy.
    pub(super) note: String,
}

impl Names {
    /// For those who have the key of this id; whoever has another one does not see them.
    pub(super) fn of(namespace: &str, key: &str, subject: &Subject) -> Self {
        let Subject { source, who, customer } = subject;
        let customer = shown(customer);
        let name = |kind: &str| format!("{namespace}:{COPIES}:{kind}:{source}:{who}:{key}:{customer}");
        Self { copy: name("copy"), lock: name("lock"), note: name("note") }
    }
}

/// A customer's id as names show it: as it is, or as a digest where it may be anything, an address
/// for instance.
fn shown(customer: &str) -> Cow<'_, str> {
    if customer.parse::<CustomerId>().is_ok() {
        return customer.into();
    }
    format!("={}", digest(customer)).into()
}

/// Tells one text from another in a name, and hides it.
pub(crate) fn digest(text: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(text.as_bytes()))
}

/// The channel on which changes are told, among those who have the same key.
pub(super) fn channel(namespace: &str, key: &str) -> String {
    format!("{namespace}:{COPIES}:changes:{key}")
}

/// The places of a token that all share: the newest one, by those who have the same key, and who
/// is renewing it, whatever key he has.
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
        assert_eq!(Names::of("rollcall", "cd", &subject("src", "ab", "acme")).copy, "rollcall:4:copy:src:ab:cd:acme");
        assert!(!Names::of("rollcall", "cd", &subject("src", "ab", "ann@acme.example")).copy.contains("acme"));
        assert_eq!(token_names("rollcall", "src", "ab", "cd").0, "rollcall:2:token:src:ab:cd");
    }
}
