//! TLS on the callers' listener: the handshake, bounded in time, and a certificate that is read again when
//! its files change.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use rustls::{
    ServerConfig,
    crypto::ring::default_provider,
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
    version::{TLS12, TLS13},
};
use tokio::{net::TcpStream, time::Instant};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::config::{FileStamp, KeyPair, UnusableKeyPair};

/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// The shortest time between two checks of the files.
const LOOK: Duration = Duration::from_secs(1);

/// What connections are encrypted with.
pub(crate) struct Tls(TlsAcceptor);

/// Why connections cannot be encrypted.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The certificate or its key cannot be used.
    #[error("server.tls.{key}: {0}", key = .0.key)]
    Unusable(#[from] UnusableKeyPair),
    /// The library refuses the settings.
    #[error("server.tls: {0}")]
    Settings(#[from] rustls::Error),
}

/// A certificate with its key, from the last usable version of the files.
#[derive(Debug)]
struct Current {
    pair: KeyPair,
    key: ArcSwap<CertifiedKey>,
    looked: Mutex<Looked>,
}

/// What was seen of the files, and when.
#[derive(Debug)]
struct Looked {
    at: Instant,
    stamps: [FileStamp; 2],
    /// Why the files could not be used, if so.
    fault: Option<UnusableKeyPair>,
}

impl Tls {
    /// Reads a certificate and its key.
    pub(crate) fn new(pair: KeyPair) -> Result<Self, TlsError> {
        // The stamps are taken first, so that a change during reading is noticed.
        let looked = Looked { at: Instant::now(), stamps: pair.stamps(), fault: None };
        let key = ArcSwap::from_pointee(pair.read()?);
        let current = Current { pair, key, looked: Mutex::new(looked) };
        let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(&[&TLS13, &TLS12])?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(current));
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self(TlsAcceptor::from(Arc::new(config))))
    }

    /// Performs the handshake; `None` if it fails or takes too long. Any peer can cause that, so it is only
    /// logged at `debug`.
    pub(super) async fn shake_hands(&self, stream: TcpStream) -> Option<TlsStream<TcpStream>> {
        match tokio::time::timeout(HANDSHAKE, self.0.accept(stream)).await {
            Ok(Ok(stream)) => Some(stream),
            Ok(Err(error)) => {
                tracing::debug!(%error, "a TLS handshake failed");
                None
            }
            Err(_) => {
                tracing::debug!("a TLS handshake took too long");
                None
            }
        }
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.look_again();
        Some(self.key.load_full())
    }
}

impl Current {
    /// Reads the files again if they have changed. Until both are complete and match, the previous pair stays
    /// in use and every check tries again.
    fn look_again(&self) {
        // If another task is checking, the current pair is used.
        let Some(mut looked) = self.looked.try_lock() else { return };
        if looked.at.elapsed() < LOOK {
            return;
        }
        let stamps = self.pair.stamps();
        let changed = stamps != looked.stamps;
        if changed || looked.fault.is_some() {
            let fault = self.read_again().err();
            if let Some(fault) = fault.as_ref().filter(|fault| changed || Some(*fault) != looked.fault.as_ref()) {
                let (file, reason) = (fault.file.display(), &fault.what);
                tracing::error!(%file, reason, "cannot load the certificate or its key; the previous pair stays in use");
            }
            looked.fault = fault;
        }
        (looked.at, looked.stamps) = (Instant::now(), stamps);
    }

    fn read_again(&self) -> Result<(), UnusableKeyPair> {
        self.key.store(Arc::new(self.pair.read()?));
        tracing::info!("the certificate was reloaded");
        Ok(())
    }
}
