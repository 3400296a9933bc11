//! Secrets: a type that is never printed, and where a secret comes from.

use std::{fmt, io, path::PathBuf};

use base64::Engine;
use ring::rand::{SecureRandom, SystemRandom};
use secrecy::{ExposeSecret, SecretString, zeroize::Zeroizing};
use subtle::ConstantTimeEq;

/// Some editors write this in front of a text.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// A secret text. `Debug` hides it, it cannot be serialized, comparison takes constant time, and the
/// memory is wiped on drop.
#[derive(Clone)]
pub struct Secret(SecretString);

/// Where a secret comes from.
#[derive(Clone, Debug)]
pub enum SecretSource {
    /// It is given in the configuration or the environment.
    Written(Secret),
    /// It is the content of a file, without surrounding whitespace and a leading byte order mark.
    File(PathBuf),
}

impl Secret {
    /// Takes a text that must not be printed.
    pub fn new(text: impl Into<String>) -> Self {
        Self(SecretString::from(text.into()))
    }

    /// Generates `BYTES` random bytes, in base64; `None` if the operating system provides none.
    pub fn random<const BYTES: usize>(base64: &impl Engine) -> Option<Self> {
        let mut bytes = Zeroizing::new([0; BYTES]);
        SystemRandom::new().fill(bytes.as_mut_slice()).ok()?;
        Some(Self::new(base64.encode(bytes.as_slice())))
    }

    /// Reveals the text, for the one place that sends it.
    pub fn reveal(&self) -> &str {
        self.0.expose_secret()
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.reveal().as_bytes().ct_eq(other.reveal().as_bytes()).into()
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl SecretSource {
    /// Returns the current secret; a file is read again. The error names the file.
    pub fn reveal(&self) -> io::Result<Secret> {
        match self {
            Self::Written(secret) => Ok(secret.clone()),
            Self::File(path) => {
                let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: cannot be read: {error}", path.display()));
                let text = Zeroizing::new(std::fs::read_to_string(path).map_err(named)?);
                let secret = text.trim_start_matches(BYTE_ORDER_MARK).trim();
                if secret.is_empty() {
                    return Err(io::Error::other(format!("{}: is empty", path.display())));
                }
                Ok(Secret::new(secret))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_of_a_file_has_neither_blanks_nor_a_byte_order_mark_around_it() {
        let file = std::env::temp_dir().join(format!("rollcall-secret-{}", std::process::id()));
        for text in ["hunter2", " hunter2\r\n", "\u{feff}hunter2\n"] {
            std::fs::write(&file, text).unwrap();
            assert_eq!(SecretSource::File(file.clone()).reveal().unwrap().reveal(), "hunter2", "{text:?}");
        }
        std::fs::write(&file, "\u{feff}\n").unwrap();
        assert!(SecretSource::File(file.clone()).reveal().is_err());
        std::fs::remove_file(file).unwrap();
    }

    #[test]
    fn a_secret_does_not_print() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret:?}"), "[secret]");
        assert_eq!(format!("{:?}", SecretSource::Written(secret)), "Written([secret])");
    }
}
