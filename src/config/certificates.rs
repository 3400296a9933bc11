//! Certificates and keys that the configuration names: read from PEM files, and validated before
//! anything relies on them.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    RootCertStore,
    crypto::ring::sign::any_supported_type,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject},
    },
    sign::{CertifiedKey, SigningKey},
};
use secrecy::zeroize::Zeroizing;

use super::{file_stamp::FileStamp, reader::Reader};

/// The certificate authorities that are trusted instead of the system's; at least one.
#[derive(Clone)]
pub struct Authorities(Vec<CertificateDer<'static>>);

/// The files of a certificate, followed by its chain, and of its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPair {
    /// The chain, with the server's own certificate first.
    cert_file: PathBuf,
    /// The key of the first certificate.
    key_file: PathBuf,
}

/// A file of a pair that cannot be used. Does not reveal the file's content.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {what}", file.display())]
pub struct UnusableKeyPair {
    /// Which of the two it is: `cert_file` or `key_file`.
    pub key: &'static str,
    /// The file.
    pub file: PathBuf,
    /// What is wrong with it.
    pub what: String,
}

// === impl Authorities ===

impl Authorities {
    /// Reads every certificate of a PEM file. The error names the file.
    pub fn read(path: &Path) -> Result<Self, String> {
        let named = |what: String| format!("{}: {what}", path.display());
        let certificates = certificates(path).map_err(named)?;
        let mut store = RootCertStore::empty();
        for (number, certificate) in (1..).zip(&certificates) {
            store.add(certificate.clone()).map_err(|_| named(format!("certificate {number} cannot be used as a trust anchor.")))?;
        }
        Ok(Self(certificates))
    }

    /// The certificates, DER-encoded.
    pub fn certificates(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().map(AsRef::as_ref)
    }
}

impl fmt::Debug for Authorities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} authorities", self.0.len())
    }
}

// === impl KeyPair ===

impl KeyPair {
    /// Reads the optional `cert_file` and `key_file` of a table, and what the files hold.
    pub(super) fn configured(reader: &mut Reader, table: &str) -> Option<Self> {
        let [cert_key, key_key] = ["cert_file", "key_file"].map(|key| format!("{table}.{key}"));
        for (key, other) in [(&cert_key, &key_key), (&key_key, &cert_key)] {
            if !reader.holds(key) && reader.holds(other) {
                reader.fault(key, format!("is required: {other} cannot be used alone."));
            }
        }
        let (cert_file, key_file) = (reader.path(&cert_key), reader.path(&key_key));
        if reader.holds(table) && !reader.holds(&cert_key) && !reader.holds(&key_key) {
            reader.fault(table, "needs cert_file and key_file; to run without TLS, remove the table.");
        }
        // Each by itself, so that faults of both are reported at once.
        let (chain, signing) = (cert_file.as_deref().map(chain), key_file.as_deref().map(signing));
        let pair = cert_file.zip(key_file).map(|(cert_file, key_file)| Self { cert_file, key_file });
        let faults = match (&pair, chain, signing) {
            (Some(pair), Some(Ok(chain)), Some(Ok(signing))) => [pair.of(chain, signing).err(), None],
            (_, chain, signing) => [chain.and_then(Result::err), signing.and_then(Result::err)],
        };
        for unusable in faults.into_iter().flatten() {
            reader.fault(&format!("{table}.{}", unusable.key), unusable.to_string());
        }
        pair
    }

    /// Reads the current pair.
    pub fn read(&self) -> Result<CertifiedKey, UnusableKeyPair> {
        self.of(chain(&self.cert_file)?, signing(&self.key_file)?)
    }

    /// Combines the contents of the two files.
    fn of(&self, chain: Vec<CertificateDer<'static>>, signing: Arc<dyn SigningKey>) -> Result<CertifiedKey, UnusableKeyPair> {
        let pair = CertifiedKey::new(chain, signing);
        match pair.keys_match() {
            Ok(()) => Ok(pair),
            Err(rustls::Error::InconsistentKeys(_)) => {
                Err(of_key(&self.key_file, format!("is not the key of the first certificate in {}.", self.cert_file.display())))
            }
            Err(_) => Err(of_cert(&self.cert_file, "its first certificate cannot be used by a server.".to_owned())),
        }
    }

    /// Stamps that distinguish the state of both files from any other.
    pub fn stamps(&self) -> [FileStamp; 2] {
        [FileStamp::of(&self.cert_file), FileStamp::of(&self.key_file)]
    }
}

fn of_cert(file: &Path, what: String) -> UnusableKeyPair {
    UnusableKeyPair { key: "cert_file", file: file.to_owned(), what }
}

fn of_key(file: &Path, what: String) -> UnusableKeyPair {
    UnusableKeyPair { key: "key_file", file: file.to_owned(), what }
}

fn chain(file: &Path) -> Result<Vec<CertificateDer<'static>>, UnusableKeyPair> {
    certificates(file).map_err(|what| of_cert(file, what))
}

/// Reads a key as a signer. The key's own text is wiped; the signer never prints it.
fn signing(file: &Path) -> Result<Arc<dyn SigningKey>, UnusableKeyPair> {
    let key = Zeroizing::new(private_key(file).map_err(|what| of_key(file, what))?);
    any_supported_type(&key).map_err(|_| of_key(file, "holds no usable RSA, ECDSA or Ed25519 key.".to_owned()))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let text = fs::read(path).map_err(|error| format!("cannot be read: {error}."))?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match certificates {
        Ok(certificates) if certificates.is_empty() => Err("holds no PEM certificate.".to_owned()),
        certificates => certificates.map_err(|error| broken(&error)),
    }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, String> {
    let text = Zeroizing::new(fs::read(path).map_err(|error| format!("cannot be read: {error}."))?);
    PrivateKeyDer::from_pem_slice(&text).map_err(|error| match error {
        pem::Error::NoItemsFound => "holds no unencrypted private key in PEM.".to_owned(),
        error => broken(&error),
    })
}

/// Our own wording, because the library's would quote the line.
fn broken(error: &pem::Error) -> String {
    match error {
        pem::Error::MissingSectionEnd { .. } => "ends in the middle of a PEM section.",
        _ => "is not PEM.",
    }
    .to_owned()
}
