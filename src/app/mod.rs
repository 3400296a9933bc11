//! The composition root: takes a configuration, returns a running gateway. `serve`, `demo` and the tests all
//! start here.

mod config;
mod gateway;
mod reload;

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{
    access::KeptAccess,
    api::{self, Gateway, SwappableRouter},
    customers::KeptLinks,
    domain::SourceName,
    server::{ListenError, Tls, TlsError, listen, serve},
    shared_cache::{SharedCache, SharedCacheError},
    sources::{CredentialCheck, KeptPlaces, oauth::Renewals},
    telemetry::{Metrics, Reporter},
};
pub use config::Config;
use reload::Fixed;
pub use reload::ReloadError;

/// A gateway that is set up but does not listen yet.
pub struct App {
    gateway: Arc<Gateway>,
    shared: Option<SharedCache>,
    fixed: Fixed,
    lasting: Lasting,
}

/// The parts that survive a change of configuration.
#[derive(Clone, Default)]
struct Lasting {
    metrics: Arc<Metrics>,
    stopping: Arc<AtomicBool>,
    renewals: Renewals,
    places: Arc<KeptPlaces>,
    /// Kept so that the links need not be found again.
    links: Arc<KeptLinks>,
    access: Arc<KeptAccess>,
    /// Sends spans to a collector, if there is one.
    reporter: Reporter,
}

/// A running gateway.
pub struct Running {
    /// Where callers reach it.
    pub address: SocketAddr,
    /// Where operators reach it, if that is a different address.
    pub admin_address: Option<SocketAddr>,
    lasting: Lasting,
    /// The settings that cannot change while the listeners are open.
    fixed: Fixed,
    /// The gateway in use.
    gateway: ArcSwap<Gateway>,
    callers: Arc<SwappableRouter>,
    operators: Option<Arc<SwappableRouter>>,
    stop: CancellationToken,
    servers: Vec<JoinHandle<()>>,
}

/// Why a gateway did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A client could not be made: no root certificates, for instance.
    #[error("cannot create the client for a source or for the key set: {0}")]
    Client(#[from] reqwest::Error),
    /// The shared cache cannot be set up.
    #[error(transparent)]
    SharedCache(#[from] SharedCacheError),
    /// An address cannot be listened on.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// TLS cannot be set up as configured.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The OpenAPI document could not be written.
    #[error("the OpenAPI document could not be written: {0}")]
    Document(String),
    /// The operating system refused something.
    #[error("{0}")]
    Io(#[from] io::Error),
}

impl App {
    /// Sets a gateway up.
    pub fn new(config: Config) -> Result<Self, StartError> {
        let mut lasting = Lasting::default();
        lasting.reporter = Reporter::start(config.general.telemetry.otlp_endpoint.as_ref(), &lasting.metrics)?;
        Self::with(config, lasting)
    }

    /// Starts answering.
    pub fn start(self) -> Result<Running, StartError> {
        self.keep_up_to_date();
        let Self { gateway, fixed, lasting, shared: _ } = self;
        let (stop, most) = (CancellationToken::new(), fixed.max_connections);
        let tls = fixed.tls.clone().map(Tls::new).transpose()?;
        let callers = listen("server.listen", fixed.listen)?;
        let operators = fixed.admin_listen.map(|address| listen("server.admin_listen", address)).transpose()?;
        let mut running = Running {
            address: callers.local_addr()?,
            admin_address: operators.as_ref().map(TcpListener::local_addr).transpose()?,
            callers: Arc::new(SwappableRouter::new(api::router(&gateway))),
            operators: fixed.admin_listen.map(|_| Arc::new(SwappableRouter::new(api::admin_router(&gateway)))),
            gateway: ArcSwap::new(gateway),
            servers: Vec::new(),
            stop: stop.clone(),
            lasting,
            fixed,
        };
        running.servers.push(tokio::spawn(serve(callers, Arc::clone(&running.callers), tls, most, stop.clone())));
        if let (Some(listener), Some(router)) = (operators, &running.operators) {
            running.servers.push(tokio::spawn(serve(listener, Arc::clone(router), None, most, stop)));
        }
        Ok(running)
    }

    /// Starts refreshing what is known of customers and sources, listening for changes, and showing metrics.
    fn keep_up_to_date(&self) {
        let Gateway { rolls, tracer, metrics, turn, .. } = &*self.gateway;
        turn.store(metrics.begin_turn(), Ordering::Relaxed);
        rolls.customers().keep_up_to_date(tracer);
        rolls.keep_up_to_date();
    }

    /// Asks each source only for credentials, and returns the result by source.
    pub async fn check_credentials(&self) -> Vec<(SourceName, CredentialCheck)> {
        let mut tried = Vec::new();
        for source in self.gateway.rolls.sources() {
            tried.push((source.name(), source.check_credentials().await));
        }
        self.lasting.renewals.finish().await;
        tried
    }

    /// Returns the renewals of refresh tokens that are in progress: the process waits for them before it ends.
    pub fn renewals(&self) -> Renewals {
        self.lasting.renewals.clone()
    }

    /// Asks whether the shared cache answers; `None` if there is none.
    pub async fn try_shared_cache(&self) -> Option<Result<(), &'static str>> {
        match &self.shared {
            Some(shared) => Some(shared.try_it().await),
            None => None,
        }
    }
}

impl Running {
    /// Returns the renewals of refresh tokens that are in progress: the process waits for them before it ends.
    pub fn renewals(&self) -> Renewals {
        self.lasting.renewals.clone()
    }

    /// Returns the metrics.
    pub fn metrics(&self) -> &Metrics {
        &self.lasting.metrics
    }

    /// Stops: reports that it is not ready while it still accepts requests for `drain`, then closes the
    /// listener and finishes what is in flight.
    pub async fn stop(self, drain: Duration) {
        self.lasting.stopping.store(true, Ordering::Relaxed);
        tokio::time::sleep(drain).await;
        self.stop.cancel();
        for server in self.servers {
            drop(server.await); // a server does not panic, and if it did, it would be over as well
        }
        self.lasting.renewals.finish().await;
        self.lasting.reporter.finish().await;
    }

    /// Returns how long it accepts requests once it is told to stop, as configured.
    pub fn drain(&self) -> Duration {
        self.gateway.load().drain
    }
}
