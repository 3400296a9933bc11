//! Protects values that others might read: compressed, encrypted, and bound to their place.
//!
//! AES-256-GCM with a random 96-bit nonce in front. The place's whole name is authenticated as well, so that
//! a value moved to another name is not accepted.

use std::io::{Read, Write};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use flate2::{Compression, read::DeflateDecoder, write::DeflateEncoder};
use ring::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hmac::{self, HMAC_SHA256, sign},
    rand::{SecureRandom, SystemRandom},
};
use secrecy::zeroize::Zeroizing;

use super::settings::Key;

/// The most bytes of a sealed value that are read; larger ones are not written either.
pub(super) const MOST_SEALED: usize = 16 << 20;

/// The most bytes of a value before compression.
const MOST_OPEN: usize = 128 << 20;

/// Seals and opens values with one key.
pub(super) struct Seal {
    key: LessSafeKey,
    random: SystemRandom,
    id: String,
}

impl Seal {
    /// Uses this key; `None` if it is not valid.
    pub(super) fn new(key: &Key) -> Option<Self> {
        let id = sign(&hmac::Key::new(HMAC_SHA256, key.0.as_ref()), b"rollcall: which key it is");
        let id = BASE64_URL_SAFE_NO_PAD.encode(id.as_ref().first_chunk::<6>()?);
        let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key.0.as_ref()).ok()?);
        Some(Self { key, random: SystemRandom::new(), id })
    }

    /// Identifies the key without revealing anything of it.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Seals a value for the place of this name; `None` if it is too large, or if there are no random bytes.
    pub(super) fn seal(&self, name: &str, value: &[u8]) -> Option<Vec<u8>> {
        if value.len() > MOST_OPEN {
            return None;
        }
        let mut nonce = [0; NONCE_LEN];
        self.random.fill(&mut nonce).ok()?;
        let mut text = compress(value)?;
        let tag = self.key.seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(name), &mut text).ok()?;
        let sealed = [nonce.as_slice(), &text, tag.as_ref()].concat();
        (sealed.len() <= MOST_SEALED).then_some(sealed)
    }

    /// Opens a value that was sealed for the place of this name; `None` if it was not, or not with this key.
    pub(super) fn open(&self, name: &str, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, text) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let mut text = text.to_vec();
        let open = self.key.open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(name), &mut text).ok()?;
        decompress(open)
    }
}

fn compress(value: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = DeflateEncoder::new(Vec::with_capacity(value.len() / 4 + 64), Compression::fast());
    encoder.write_all(value).ok()?;
    encoder.finish().ok()
}

fn decompress(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut value = Zeroizing::new(Vec::with_capacity(text.len().saturating_mul(4).min(MOST_OPEN)));
    let most = u64::try_from(MOST_OPEN).unwrap_or(u64::MAX);
    DeflateDecoder::new(text).take(most + 1).read_to_end(&mut value).ok()?;
    (value.len() <= MOST_OPEN).then_some(value)
}

/// Returns a seal whose key consists of this byte.
#[cfg(test)]
pub(super) fn seal_with(byte: u8) -> Seal {
    Seal::new(&Key(Zeroizing::new([byte; 32]))).unwrap_or_else(|| unreachable!("it is long enough"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_sealed_opens_at_its_own_place_with_its_own_key(
            name in "[a-z:]{1,12}", other in "[a-z:]{1,12}", value in prop::collection::vec(any::<u8>(), 0..300),
        ) {
            let seal = seal_with(7);
            let sealed = seal.seal(&name, &value).unwrap();
            prop_assert_eq!(seal.open(&name, &sealed).map(|open| open.to_vec()), Some(value));
            prop_assert_eq!(seal.open(&other, &sealed).is_some(), name == other);
            prop_assert!(seal_with(8).open(&name, &sealed).is_none());
        }

        #[test]
        fn one_changed_byte_or_a_lost_end_is_refused(
            value in prop::collection::vec(any::<u8>(), 0..60), at in any::<prop::sample::Index>(), flip in 1..=u8::MAX,
        ) {
            let seal = seal_with(7);
            let mut sealed = seal.seal("a", &value).unwrap();
            let at = at.index(sealed.len());
            prop_assert!(seal.open("a", &sealed[..at]).is_none());
            sealed[at] ^= flip;
            prop_assert!(seal.open("a", &sealed).is_none());
        }

        #[test]
        fn anything_at_all_is_refused_without_a_panic(value in prop::collection::vec(any::<u8>(), 0..80)) {
            prop_assert!(seal_with(7).open("a", &value).is_none());
        }
    }

    #[test]
    fn a_value_hides_what_it_holds_and_never_looks_the_same_twice() {
        let (seal, value) = (seal_with(7), b"ann@acme.example ".repeat(40));
        let (one, other) = (seal.seal("a", &value).unwrap(), seal.seal("a", &value).unwrap());
        assert!(one.len() < value.len() / 4 && one != other);
        assert!(!one.windows(4).any(|part| part == b"acme"));
    }

    #[test]
    fn a_value_that_would_burst_is_not_unpacked() {
        assert!(decompress(&compress(&vec![0; MOST_OPEN]).unwrap()).is_some());
        assert!(decompress(&compress(&vec![0; MOST_OPEN + 1]).unwrap()).is_none());
        assert!(seal_with(7).seal("a", &vec![0; MOST_OPEN + 1]).is_none());
    }
}
