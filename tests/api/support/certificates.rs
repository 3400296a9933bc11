//! Certificate authorities and certificates for tests, and a TLS front for a backend.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

use super::{Fake, Folder, Setup};

/// A certificate authority that signs certificates.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate with its key, as PEM.
#[derive(Clone, Debug)]
pub(crate) struct Pair {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

/// The TLS front of a backend, until it is dropped.
pub(crate) struct Encrypted {
    pub(crate) url: String,
    server: tokio::task::JoinHandle<()>,
}

// === impl Authority ===

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut wanted = CertificateParams::default();
        wanted.distinguished_name.push(DnType::CommonName, name);
        wanted.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(wanted, KeyPair::generate().unwrap()).unwrap())
    }

    /// Its own certificate, as PEM.
    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// Signs a certificate for this machine.
    pub(crate) fn sign(&self) -> Pair {
        self.sign_for("127.0.0.1", 2100)
    }

    /// Signs a certificate for a name or an address, valid until the beginning of a year.
    pub(crate) fn sign_for(&self, name: &str, until: i32) -> Pair {
        let (mut wanted, key) = (CertificateParams::new([name.to_owned()]).unwrap(), KeyPair::generate().unwrap());
        wanted.not_after = date_time_ymd(until, 1, 1);
        Pair { certificate: wanted.signed_by(&key, &self.0).unwrap().pem(), key: key.serialize_pem() }
    }

    /// A caller that trusts only this authority, on a new connection for each request.
    pub(crate) fn caller(&self) -> reqwest::ClientBuilder {
        drop(rustls::crypto::ring::default_provider().install_default()); // or a provider is already installed
        let own = reqwest::Certificate::from_pem(self.pem().as_bytes()).unwrap();
        reqwest::Client::builder().no_proxy().no_gzip().pool_max_idle_per_host(0).tls_certs_only([own])
    }
}

// === impl Pair ===

impl Pair {
    /// Writes both files, `cert.pem` and `key.pem`.
    pub(crate) fn write(&self, folder: &Folder) {
        folder.write("cert.pem", &self.certificate);
        folder.write("key.pem", &self.key);
    }

    /// What a server needs for the handshake.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        let chain = CertificateDer::pem_slice_iter(self.certificate.as_bytes()).collect::<Result<_, _>>().unwrap();
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
        let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        TlsAcceptor::from(Arc::new(config.with_single_cert(chain, key).unwrap()))
    }
}

// === impl Encrypted ===

impl Encrypted {
    /// Puts a TLS front before a backend.
    pub(crate) async fn before(backend: &Fake, pair: &Pair) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let (acceptor, behind) = (pair.acceptor(), backend.url().trim_start_matches("http://").to_owned());
        let server = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (acceptor, behind) = (acceptor.clone(), behind.clone());
                tokio::spawn(async move {
                    let Ok(mut encrypted) = acceptor.accept(stream).await else { return };
                    let mut plain = TcpStream::connect(behind).await.unwrap();
                    drop(copy_bidirectional(&mut encrypted, &mut plain).await); // a reset ends it as well
                });
            }
        });
        Self { url, server }
    }
}

impl Drop for Encrypted {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Setup {
    /// Encrypts the callers' listener with the files that a pair was written to.
    pub(crate) fn encrypted(self, folder: &Folder) -> Self {
        let set = |setup: Self, (key, file): (&str, &str)| setup.set(key, folder.path(file).to_str().unwrap());
        [("server.tls.cert_file", "cert.pem"), ("server.tls.key_file", "key.pem")].into_iter().fold(self, set)
    }
}
