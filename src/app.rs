//! The composition root: configuration in, a gateway that answers out. `serve`, `demo` and the
//! tests come in by this door.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{
    api::{self, Documents, Gateway},
    config::{Faults, General, Layers, Reader},
    customers::Links,
    roll::{Keeping, Rolls, Windows},
    server::{ListenError, listen, serve},
    sources::{Backend, Source, SourceSettings},
    telemetry::Metrics,
};

/// A whole configuration, checked.
pub struct Config {
    /// What belongs to no source.
    pub general: General,
    /// The sources, in the order in which they win.
    pub sources: Vec<SourceSettings>,
}

/// A gateway that is set up, but does not listen yet.
pub struct App {
    gateway: Arc<Gateway>,
    listen: SocketAddr,
    admin_listen: Option<SocketAddr>,
}

/// A gateway that answers.
pub struct Running {
    /// Where callers reach it.
    pub address: SocketAddr,
    /// Where operators reach it, if that is somewhere else.
    pub admin_address: Option<SocketAddr>,
    gateway: Arc<Gateway>,
    stop: CancellationToken,
    servers: Vec<JoinHandle<()>>,
}

/// Why a gateway did not come up.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A client for a source could not be made: no root certificates, for instance.
    #[error("the client for a source could not be made: {0}")]
    Client(#[from] reqwest::Error),
    /// An address cannot be listened on.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// A document could not be written.
    #[error("the OpenAPI document could not be written: {0}")]
    Document(String),
    /// The operating system said no.
    #[error("{0}")]
    Io(#[from] io::Error),
}

impl Config {
    /// Checks merged layers against what the program and these backends know; every fault at once.
    pub fn read(layers: Layers, backends: &[Backend]) -> Result<Self, Faults> {
        let mut reader = Reader::new(layers);
        let general = General::read(&mut reader);
        let sources: Vec<Option<SourceSettings>> = backends.iter().map(|backend| backend.read(&mut reader)).collect();
        reader.finish()?;
        // A source is left out only with a fault, and then the reader has said so.
        Ok(Self { general, sources: sources.into_iter().flatten().collect() })
    }
}

impl App {
    /// Sets a gateway up.
    pub fn new(config: Config) -> Result<Self, StartError> {
        let Config { general, sources } = config;
        let metrics = Arc::new(Metrics::default());
        let made: Result<Vec<Source>, _> = sources.into_iter().map(|settings| Source::new(settings, Arc::clone(&metrics))).collect();
        let sources: Vec<Arc<Source>> = made?.into_iter().map(Arc::new).collect();
        let source_names: Vec<_> = sources.iter().map(|source| source.name()).collect();
        let links = Links::SameId { sources: source_names.clone() };
        let keeping = keeping(&general);
        let server = general.server;
        let gateway = Gateway {
            rolls: Rolls::new(sources, links, general.placeholders, &keeping, Arc::clone(&metrics)),
            metrics,
            documents: documents(&server.base_path)?,
            source_names,
            deadline: server.deadline,
            drain: server.drain,
            base_path: server.base_path,
            access_log: general.telemetry.access_log,
            has_admin: server.admin_listen.is_some(),
            stopping: AtomicBool::new(false),
        };
        Ok(Self { gateway: Arc::new(gateway), listen: server.listen, admin_listen: server.admin_listen })
    }

    /// Begins to answer.
    pub async fn start(self) -> Result<Running, StartError> {
        let stop = CancellationToken::new();
        let callers = listen("server.listen", self.listen).await?;
        let operators = match self.admin_listen {
            Some(address) => Some(listen("server.admin_listen", address).await?),
            None => None,
        };
        let (address, admin_address) = (callers.local_addr()?, operators.as_ref().map(TcpListener::local_addr).transpose()?);
        let mut servers = vec![tokio::spawn(serve(callers, api::router(&self.gateway), stop.clone()))];
        servers.extend(operators.map(|listener| tokio::spawn(serve(listener, api::admin_router(&self.gateway), stop.clone()))));
        Ok(Running { address, admin_address, gateway: self.gateway, stop, servers })
    }

    /// Asks each source for credentials and nothing else; what went wrong, by source.
    pub async fn try_credentials(&self) -> Vec<(String, Result<(), crate::domain::Failure>)> {
        let mut tried = Vec::new();
        for source in self.gateway.rolls.sources() {
            tried.push((source.name().to_string(), source.try_credentials().await));
        }
        tried
    }
}

impl Running {
    /// Stops: says that it is not ready and still takes requests for so long, then closes the
    /// listener and finishes what is in flight.
    pub async fn stop(self, drain: Duration) {
        self.gateway.stopping.store(true, Ordering::Relaxed);
        tokio::time::sleep(drain).await;
        self.stop.cancel();
        for server in self.servers {
            drop(server.await); // a server does not panic, and if it did, it is over as well
        }
    }

    /// How long it takes requests once it is told to stop, as configured.
    pub fn drain(&self) -> Duration {
        self.gateway.drain
    }
}

fn keeping(general: &General) -> Keeping {
    let cache = general.cache;
    Keeping {
        windows: Windows { fresh: cache.fresh, stale_while_revalidate: cache.stale_while_revalidate, stale_if_error: cache.stale_if_error },
        not_found: cache.not_found,
        max_bytes: cache.max_bytes.as_u64(),
    }
}

fn documents(base_path: &str) -> Result<Documents, StartError> {
    let document = api::document(base_path);
    let json = document.to_pretty_json().map_err(|error| StartError::Document(error.to_string()))?;
    let yaml = document.to_yaml().map_err(|error| StartError::Document(error.to_string()))?;
    Ok(Documents::new(json, yaml, base_path))
}
