//! TLS on the callers' listener: the handshake, bounded in time, and a certificate that is read
//! again when its files change.

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

use crate::config::{FileStamp, KeyPair, Unusable};

/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// How often the files are looked at, at most.
const LOOK: Duration = Duration::from_secs(1);

/// What connections are encrypted with.
pub struct Tls(TlsAcceptor);

/// Why connections cannot be encrypted.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The certificate or its key cannot be used.
    #[error("server.tls.{key}: {0}", key = .0.key)]
    Unusable(#[from] Unusable),
    /// The library refuses the settings.
    #[error("server.tls: {0}")]
    Settings(#[from] rustls::Error),
}

/// A certificate with its key, as good as the files last were.
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
    /// Why the files could not be used, if they could not.
    fault: Option<Unusable>,
}

impl Tls {
    /// Reads a certificate and its key.
    pub fn new(pair: KeyPair) -> Result<Self, TlsError> {
        // The stamps first: what changes while it is read is seen to have changed.
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

    /// Shakes hands; `None` where that fails or takes too long. Whoever connects can cause it, so
    /// it is nothing to wake anybody for.
    pub(super) async fn shake_hands(&self, stream: TcpStream) -> Option<TlsStream<TcpStream>> {
        match tokio::time::timeout(HANDSHAKE, self.0.accept(stream)).await {
            Ok(Ok(stream)) => Some(stream),
            Ok(Err(error)) => {
                tracing::debug!(%error, "a connection did not shake hands");
                None
            }
            Err(_) => {
                tracing::debug!("a connection did not shake hands in time");
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
    /// Reads the files again where they have changed. Until both are whole and fit together the
    /// pair before stays in use, and they are tried again at each look.
    fn look_again(&self) {
        // Who finds another one looking takes what there is.
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
                tracing::error!(%file, reason, "the certificate or its key cannot be used; the pair before goes on");
            }
            looked.fault = fault;
        }
        (looked.at, looked.stamps) = (Instant::now(), stamps);
    }

    fn read_again(&self) -> Result<(), Unusable> {
        self.key.store(Arc::new(self.pair.read()?));
        tracing::info!("the certificate was read again");
        Ok(())
    }
}
