//! Callers identified by keys: `rc_` and 43 characters, stored here only as their SHA-256.

use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use secrecy::zeroize::Zeroizing;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use super::{
    caller::{Caller, Denied},
    kept::KeptLimits,
    settings::KeyCaller,
};
use crate::config::{Secret, hex};

/// The prefix of every key, so that a key found somewhere is recognised for what it is.
const PREFIX: &str = "rc_";

/// The random bytes of a key, and the characters that they make in base64.
const BYTES: usize = 32;
const CHARACTERS: usize = 43;

/// The callers, each with the digest of their key.
#[derive(Debug)]
pub(super) struct Keys(Vec<([u8; 32], Caller)>);

/// A new key.
pub struct NewKey {
    /// The key itself, for the caller.
    pub key: Secret,
    /// Its SHA-256 in hex, for the configuration.
    pub sha256: String,
}

impl Keys {
    pub(super) fn new(callers: Vec<KeyCaller>, limits: &KeptLimits) -> Self {
        Self(callers.into_iter().map(|caller| (caller.key_sha256.0, caller.into_caller(limits))).collect())
    }

    /// Finds the caller with this key. Compares every digest, in constant time, so that the duration reveals
    /// nothing about whose key it is.
    pub(super) fn find(&self, key: &str) -> Result<Caller, Denied> {
        if !has_the_form(key) {
            return Err(Denied::Refused("Malformed key: expected rc_ followed by 43 letters, digits, - or _."));
        }
        let digest: [u8; 32] = Sha256::digest(key.as_bytes()).into();
        let mut found = 0_u64;
        for (number, (other, _)) in (1_u64..).zip(&self.0) {
            let same: Choice = digest.ct_eq(other);
            found.conditional_assign(&number, same);
        }
        let found = usize::try_from(found).ok().and_then(|number| self.0.get(number.checked_sub(1)?));
        found.map(|(_, caller)| caller.clone()).ok_or(Denied::Refused("The key is not known to this gateway."))
    }
}

/// Makes a key from 256 random bits; `None` if the operating system provides none.
pub fn new_key() -> Option<NewKey> {
    let random = Secret::random::<BYTES>(&BASE64_URL_SAFE_NO_PAD)?;
    let key = Zeroizing::new(format!("{PREFIX}{}", random.reveal()));
    Some(NewKey { key: Secret::new(key.as_str()), sha256: hex(&Sha256::digest(key.as_bytes())) })
}

/// Checks the format only, before anything is computed from the key.
fn has_the_form(key: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    key.strip_prefix(PREFIX).is_some_and(|rest| rest.len() == CHARACTERS && rest.bytes().all(letter))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::{caller::CustomerFilter, settings::KeyDigest};

    fn caller(name: &str, sha256: &str) -> KeyCaller {
        let key_sha256 = KeyDigest::parse(sha256).unwrap();
        KeyCaller { name: name.to_owned(), key_sha256, customers: CustomerFilter::all(), rate: None, burst: None }
    }

    #[test]
    fn a_new_key_admits_its_caller_and_nobody_else() {
        let made = [(); 3].map(|()| new_key().unwrap());
        let keys =
            Keys::new(made.iter().zip(["a", "b", "c"]).map(|(key, name)| caller(name, &key.sha256)).collect(), &KeptLimits::default());
        for (key, name) in made.iter().zip(["a", "b", "c"]) {
            assert_eq!(keys.find(key.key.reveal()).unwrap().name(), name);
        }
        let refusal = |key: &str| match keys.find(key) {
            Err(Denied::Refused(why)) => why,
            other => panic!("{other:?}"),
        };
        assert_eq!(refusal(new_key().unwrap().key.reveal()), "The key is not known to this gateway.");
        assert!(refusal("rc_short").starts_with("Malformed key"), "refused for its format, before its digest");
        assert!(Keys::new(vec![], &KeptLimits::default()).find(made[0].key.reveal()).is_err());
    }

    #[test]
    fn what_has_not_the_form_of_a_key_is_refused_by_its_form() {
        let key = new_key().unwrap().key.reveal().to_owned();
        assert!(has_the_form(&key) && key.len() == 46);
        for bad in ["", "rc_", &key[..45], &format!("{key}A"), &key.replace("rc_", "rk_"), &format!("{}!", &key[..45]), &format!(" {key}")]
        {
            assert!(!has_the_form(bad), "{bad}");
        }
    }
}
