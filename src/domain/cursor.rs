//! Cursors as callers hold them: a position in a list, bound to that list by a digest.
//!
//! A cursor is no secret and grants no access: a forged one only chooses where a page begins in a list that
//! its caller may see anyway. The digest detects damage, and cursors of another list.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

/// Bytes of the digest.
const DIGEST: usize = 12;

/// A text is not a valid cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("The cursor is damaged, or belongs to another customer or to other parameters.")]
pub struct InvalidCursor;

/// Encodes a position as a cursor; `list` identifies the list that it is a position in.
pub fn seal_cursor(list: &[&[u8]], place: &[u8]) -> String {
    let mut bytes = digest(list, place).to_vec();
    bytes.extend_from_slice(place);
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// Decodes the position in a cursor.
pub fn open_cursor(list: &[&[u8]], cursor: &str) -> Result<Vec<u8>, InvalidCursor> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(cursor).map_err(|_| InvalidCursor)?;
    let (told, place) = bytes.split_first_chunk::<DIGEST>().ok_or(InvalidCursor)?;
    if *told == digest(list, place) { Ok(place.to_vec()) } else { Err(InvalidCursor) }
}

fn digest(list: &[&[u8]], place: &[u8]) -> [u8; DIGEST] {
    let mut hash = Sha256::new();
    for part in list.iter().copied().chain([place]) {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let mut digest = [0; DIGEST];
    for (to, from) in digest.iter_mut().zip(hash.finalize()) {
        *to = from;
    }
    digest
}
