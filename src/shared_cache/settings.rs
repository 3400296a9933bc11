//! The table `[shared_cache]`.

use std::{path::Path, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use redis::IntoConnectionInfo;
use secrecy::zeroize::Zeroizing;

use crate::config::{NO_NAME, Reader, Secret, is_name};

/// Bytes of the key that entries are encrypted with (AES-256).
pub(super) const KEY_BYTES: usize = 32;

/// `[shared_cache]`, as configured.
#[derive(Debug)]
pub struct Settings {
    pub(super) url: Secret,
    pub(super) key: Key,
    pub(super) namespace: String,
    pub(super) timeout: Duration,
}

/// The key that entries are encrypted with. It is never printed, and is wiped when it is dropped.
pub(super) struct Key(pub(super) Zeroizing<[u8; KEY_BYTES]>);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[secret]")
    }
}

impl Settings {
    /// Reads the table; `None` if it is absent, or if a required key is missing or wrong.
    pub fn read(reader: &mut Reader) -> Option<Self> {
        if !reader.holds("shared_cache") {
            reader.unused(Self::read_all); // so that its keys are not reported as unknown
            return None;
        }
        Self::read_all(reader)
    }

    fn read_all(reader: &mut Reader) -> Option<Self> {
        let (url, key) = (read_url(reader), read_key(reader));
        let namespace = reader.or("shared_cache.namespace", "rollcall".to_owned());
        if !is_name(&namespace) {
            reader.fault("shared_cache.namespace", NO_NAME);
        }
        let (least, most) = (Duration::from_millis(1), Duration::from_secs(5));
        let timeout = reader.within("shared_cache.timeout", Duration::from_millis(50), least..=most, "between 1ms and 5s");
        Some(Self { url: url?, key: key?, namespace, timeout })
    }
}

fn read_url(reader: &mut Reader) -> Option<Secret> {
    let url = reader.secret("shared_cache.url")?.reveal().ok()?;
    let scheme = url.reveal().split_once("://").map(|(scheme, _)| scheme);
    // The library's error is not reported because the text may hold a password.
    if !matches!(scheme, Some("redis" | "rediss")) || url.reveal().into_connection_info().is_err() {
        let key = if reader.holds("shared_cache.url") { "shared_cache.url" } else { "shared_cache.url_file" };
        reader.fault(key, "must be a URL such as \"redis://127.0.0.1:6379/0\", or one that begins with rediss:// for TLS.");
        return None;
    }
    Some(url)
}

fn read_key(reader: &mut Reader) -> Option<Key> {
    const NAME: &str = "shared_cache.key_file";
    let Some(path) = reader.path(NAME) else {
        if !reader.holds(NAME) {
            reader.fault(NAME, "is required: a file with 32 bytes in base64; `rollcall key --cache` prints one.");
        }
        return None;
    };
    key_of(&path).map_err(|what| reader.fault(NAME, what)).ok()
}

fn key_of(path: &Path) -> Result<Key, String> {
    let file = path.display();
    let text = Zeroizing::new(std::fs::read_to_string(path).map_err(|error| format!("{file}: cannot be read: {error}."))?);
    let wrong = || format!("{file}: must hold 32 bytes in base64; `rollcall key --cache` prints such a key.");
    let bytes = Zeroizing::new(BASE64_STANDARD.decode(text.trim()).map_err(|_| wrong())?);
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    if bytes.len() != KEY_BYTES {
        return Err(wrong());
    }
    key.copy_from_slice(&bytes);
    Ok(Key(key))
}

/// Creates a key for `key_file`; `None` if the operating system returns no random bytes.
pub fn new_key() -> Option<Secret> {
    Secret::random::<KEY_BYTES>(&BASE64_STANDARD)
}

#[cfg(test)]
#[path = "settings_tests.rs"]
mod tests;
