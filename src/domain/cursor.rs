//! Cursors as callers hold them: a place in a list, bound by a digest to what the list is of.
//!
//! A cursor is no secret and gives no access: whoever makes one up only chooses where in a list
//! that he may see anyway a page begins. The digest tells damage, and a cursor of another list.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

/// Bytes of the digest.
const DIGEST: usize = 12;

/// The text that a cursor is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("The cursor is damaged, or belongs to another customer or to other parameters.")]
pub struct InvalidCursor;

/// Writes a place as a cursor; `list` says what it is a place in.
pub fn seal_cursor(list: &[&[u8]], place: &[u8]) -> String {
    let mut bytes = digest(list, place).to_vec();
    bytes.extend_from_slice(place);
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// Reads the place of a cursor.
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
