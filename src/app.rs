//! The composition root: configuration in, a gateway that answers out. `serve`, `demo` and the
//! tests come in by this door.

use std::{
    collections::BTreeSet,
    io,
    net::SocketAddr,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use http::{HeaderName, HeaderValue};
use tokio::{net::TcpListener, sync::Semaphore, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{
    access::{Access, AccessSettings, KeptKeys, Mode},
    api::{self, Cors, Documents, Door, Gateway, Shown},
    config::{BaseUrl, Faults, General, KeyPair, Layers, LogFormat, Reader, Server},
    customers::{self, Customers, KeptLinks},
    domain::SourceName,
    roll::{Keeping, Rolls, Windows},
    server::{ListenError, Tls, TlsError, listen, serve},
    shared_cache::{self, SharedCache, Unusable},
    sources::{Backend, Source, SourceSettings, oauth::Renewals},
    telemetry::{ConfigFacts, Metrics, Reporter},
};

/// A whole configuration, checked.
pub struct Config {
    /// Who may call.
    pub access: AccessSettings,
    /// What belongs to no source and no caller.
    pub general: General,
    /// The sources, in the order in which they win.
    pub sources: Vec<SourceSettings>,
    /// Their entries, in the same order.
    pub backends: Vec<Backend>,
    /// How customers are found at the sources.
    pub customers: customers::Settings,
    /// What may be told of it.
    pub facts: ConfigFacts,
    /// What replicas share, if they do.
    pub shared_cache: Option<shared_cache::Settings>,
}

/// A gateway that is set up, but does not listen yet.
pub struct App {
    gateway: Arc<Gateway>,
    shared: Option<SharedCache>,
    fixed: Fixed,
    lasting: Lasting,
}

/// What stays when the configuration changes.
#[derive(Clone, Default)]
struct Lasting {
    metrics: Arc<Metrics>,
    stopping: Arc<AtomicBool>,
    renewals: Renewals,
    /// So that the links need not be found anew.
    links: Arc<KeptLinks>,
    keys: Arc<KeptKeys>,
    /// Sends spans to a collector, if there is one.
    reporter: Reporter,
}

/// A gateway that answers.
pub struct Running {
    /// Where callers reach it.
    pub address: SocketAddr,
    /// Where operators reach it, if that is somewhere else.
    pub admin_address: Option<SocketAddr>,
    lasting: Lasting,
    /// What cannot change while the listeners are open, as it is.
    fixed: Fixed,
    drain: ArcSwap<Duration>,
    /// Whether callers are told apart: what was closed is not opened while the listeners are.
    is_closed: AtomicBool,
    callers: Arc<Door>,
    operators: Option<Arc<Door>>,
    stop: CancellationToken,
    servers: Vec<JoinHandle<()>>,
}

/// What only a restart changes.
#[derive(Clone, PartialEq)]
struct Fixed {
    listen: SocketAddr,
    /// The files and not what is in them: that may change.
    tls: Option<KeyPair>,
    admin_listen: Option<SocketAddr>,
    max_connections: usize,
    format: LogFormat,
    otlp_endpoint: Option<BaseUrl>,
}

/// Why a gateway did not come up.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A client could not be made: no root certificates, for instance.
    #[error("the client for a source, or for the key set, could not be made: {0}")]
    Client(#[from] reqwest::Error),
    /// The shared cache cannot be set up.
    #[error(transparent)]
    SharedCache(#[from] Unusable),
    /// An address cannot be listened on.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// Connections cannot be encrypted as they shall be.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A reload would let everybody in whom the configuration before told apart.
    #[error(
        "auth.mode: cannot become \"none\" while the gateway runs, for it would be open to whoever reaches it; restart it if that is wanted."
    )]
    Opened,
    /// The routes cannot stand beside each other: a bug.
    #[error("the routes could not be set up: a bug, of which the log says more")]
    Routes,
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
        let config = Self::read_keys(&mut reader, backends);
        reader.finish()?;
        Ok(config)
    }

    /// The keys that were asked for, where the layers are read; for a test of the sample that shows them all.
    pub fn keys(layers: Layers, backends: &[Backend]) -> BTreeSet<String> {
        let mut reader = Reader::new(layers);
        Self::read_keys(&mut reader, backends);
        reader.known().clone()
    }

    /// Asks for every key; what is wrong is in the reader.
    fn read_keys(reader: &mut Reader, backends: &[Backend]) -> Self {
        let general = General::read(reader);
        let access = AccessSettings::read(reader, general.server.listen);
        // A source is left out with a fault, and then the reader has said so, or on purpose.
        let sources: Vec<SourceSettings> = backends.iter().filter_map(|backend| backend.read(reader)).collect();
        let customers = customers::Settings::read(reader, backends, &sources);
        let shared_cache = shared_cache::Settings::read(reader);
        let facts = ConfigFacts { digest: reader.digest(), auth: access.mode.as_str(), links: customers.links() };
        let is_there = |backend: &&Backend| sources.iter().any(|source| source.adapter.name() == backend.name);
        let backends = backends.iter().filter(is_there).copied().collect();
        Self { access, general, sources, backends, customers, facts, shared_cache }
    }
}

impl App {
    /// Sets a gateway up.
    pub fn new(config: Config) -> Result<Self, StartError> {
        let mut lasting = Lasting::default();
        lasting.reporter = Reporter::start(config.general.telemetry.otlp_endpoint.as_ref(), &lasting.metrics)?;
        Self::with(config, lasting)
    }

    fn with(config: Config, lasting: Lasting) -> Result<Self, StartError> {
        let Config { access, general, sources, backends, customers, facts, shared_cache } = config;
        let metrics = &lasting.metrics;
        let shared = shared_cache.map(|settings| SharedCache::new(&settings, metrics)).transpose()?;
        let source = |settings| Source::new(settings, Arc::clone(metrics), lasting.renewals.clone(), shared.as_ref());
        let made: Result<Vec<Source>, _> = sources.into_iter().map(source).collect();
        let sources: Vec<Arc<Source>> = made?.into_iter().map(Arc::new).collect();
        let source_names: Vec<_> = sources.iter().map(|source| source.name()).collect();
        let forwards: Vec<_> = sources.iter().filter_map(|source| Some((source.name(), source.forwards()?))).collect();
        let customers = Arc::new(Customers::new(customers, &sources, &lasting.links, Arc::clone(metrics)));
        let (keeping, tracer) = (keeping(&general), lasting.reporter.tracer(general.telemetry.sample));
        let server = general.server;
        let documents = documents(&server, access.mode, &backends)?;
        let fixed = Fixed {
            listen: server.listen,
            tls: server.tls,
            admin_listen: server.admin_listen,
            max_connections: server.max_connections,
            format: general.telemetry.format,
            otlp_endpoint: general.telemetry.otlp_endpoint,
        };
        let gateway = Gateway {
            vary: vary(&server.cors_origins, &forwards),
            forwards,
            protect_docs: access.protect_docs,
            mode: access.mode,
            documents,
            access: Access::new(access, &lasting.keys, metrics)?,
            rolls: Rolls::new(sources, customers, general.placeholders, &keeping, shared.clone(), Arc::clone(metrics)),
            metrics: Arc::clone(metrics),
            source_names,
            tracer,
            cors: Cors::new(&server.cors_origins, &backends),
            deadline: server.deadline,
            drain: server.drain,
            base_path: server.base_path,
            trusted_proxies: server.trusted_proxies,
            access_log: general.telemetry.access_log,
            has_admin: server.admin_listen.is_some(),
            places: Semaphore::new(server.max_in_flight),
            stopping: Arc::clone(&lasting.stopping),
        };
        metrics.configured(&facts);
        Ok(Self { gateway: Arc::new(gateway), shared, fixed, lasting })
    }

    /// Begins to answer.
    pub fn start(self) -> Result<Running, StartError> {
        let Self { gateway, fixed, lasting, shared: _ } = self;
        gateway.rolls.customers().keep_up_to_date(&gateway.tracer);
        gateway.rolls.keep_up_to_date();
        let (stop, most) = (CancellationToken::new(), fixed.max_connections);
        let tls = fixed.tls.clone().map(Tls::new).transpose()?;
        let callers = listen("server.listen", fixed.listen)?;
        let operators = fixed.admin_listen.map(|address| listen("server.admin_listen", address)).transpose()?;
        let mut running = Running {
            address: callers.local_addr()?,
            admin_address: operators.as_ref().map(TcpListener::local_addr).transpose()?,
            drain: ArcSwap::from_pointee(gateway.drain),
            is_closed: AtomicBool::new(gateway.access.knows_callers()),
            callers: Arc::new(Door::new(api::router(&gateway))),
            operators: fixed.admin_listen.map(|_| Arc::new(Door::new(api::admin_router(&gateway)))),
            servers: Vec::new(),
            stop: stop.clone(),
            lasting,
            fixed,
        };
        running.servers.push(tokio::spawn(serve(callers, Arc::clone(&running.callers), tls, most, stop.clone())));
        if let (Some(listener), Some(door)) = (operators, &running.operators) {
            running.servers.push(tokio::spawn(serve(listener, Arc::clone(door), None, most, stop)));
        }
        Ok(running)
    }

    /// Asks each source for credentials and nothing else; what came of it, by source, `None` where
    /// callers bring theirs.
    pub async fn try_credentials(&self) -> Vec<(String, Option<Result<(), crate::domain::Failure>>)> {
        let mut tried = Vec::new();
        for source in self.gateway.rolls.sources() {
            tried.push((source.name().to_string(), source.try_credentials().await));
        }
        self.lasting.renewals.finish().await;
        tried
    }

    /// Asks whether the shared cache answers; `None` where there is none.
    pub async fn try_shared_cache(&self) -> Option<Result<(), &'static str>> {
        match &self.shared {
            Some(shared) => Some(shared.try_it().await),
            None => None,
        }
    }
}

impl Running {
    /// Puts another configuration to work, whole: requests that are in flight end on the old one.
    /// Gives the keys whose change has to wait for a restart.
    pub fn reload(&self, mut config: Config) -> Result<Vec<&'static str>, StartError> {
        let is_closed = config.access.mode != Mode::None;
        // The listener stays where it is, whatever the file says of it; and a file that is read
        // while it is being written may lack its end.
        if self.is_closed.load(Ordering::Relaxed) && !is_closed {
            return Err(StartError::Opened);
        }
        let wanted = config.general.server.admin_listen;
        // Until a restart the operators' routes are where their listener is, or is not.
        config.general.server.admin_listen = self.fixed.admin_listen;
        let next = App::with(config, self.lasting.clone())?;
        let (new, old) = (&next.fixed, &self.fixed);
        let waiting = [
            ("server.listen", new.listen != old.listen),
            ("server.tls", new.tls != old.tls),
            ("server.admin_listen", wanted != old.admin_listen),
            ("server.max_connections", new.max_connections != old.max_connections),
            ("telemetry.format", new.format != old.format),
            ("telemetry.otlp_endpoint", new.otlp_endpoint != old.otlp_endpoint),
        ];
        // All of it before any of it is in use: a bug in it must not end what runs.
        let routers = || (api::router(&next.gateway), api::admin_router(&next.gateway));
        let (callers, operators) = catch_unwind(AssertUnwindSafe(routers)).map_err(|_| StartError::Routes)?;
        next.gateway.rolls.customers().keep_up_to_date(&next.gateway.tracer);
        next.gateway.rolls.keep_up_to_date();
        self.is_closed.store(is_closed, Ordering::Relaxed);
        self.drain.store(Arc::new(next.gateway.drain));
        self.callers.lead_to(callers);
        if let Some(door) = &self.operators {
            door.lead_to(operators);
        }
        Ok(waiting.into_iter().filter(|(_, changed)| *changed).map(|(key, _)| key).collect())
    }

    /// The renewals of refresh tokens that are under way: whatever ends the process waits for them.
    pub fn renewals(&self) -> Renewals {
        self.lasting.renewals.clone()
    }

    /// Where what happens is counted.
    pub fn metrics(&self) -> &Metrics {
        &self.lasting.metrics
    }

    /// Stops: says that it is not ready and still takes requests for so long, then closes the
    /// listener and finishes what is in flight.
    pub async fn stop(self, drain: Duration) {
        self.lasting.stopping.store(true, Ordering::Relaxed);
        tokio::time::sleep(drain).await;
        self.stop.cancel();
        for server in self.servers {
            drop(server.await); // a server does not panic, and if it did, it is over as well
        }
        self.lasting.renewals.finish().await;
        self.lasting.reporter.finish().await;
    }

    /// How long it takes requests once it is told to stop, as configured.
    pub fn drain(&self) -> Duration {
        **self.drain.load()
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

/// What an answer depends on, as this gateway is configured.
fn vary(origins: &[String], forwards: &[(SourceName, HeaderName)]) -> HeaderValue {
    let origin = Some("Origin").filter(|_| !origins.is_empty());
    let names: Vec<&str> = forwards.iter().map(|(_, header)| header.as_str()).chain(origin).collect();
    api::vary(&names)
}

fn documents(server: &Server, mode: Mode, sources: &[Backend]) -> Result<Documents, StartError> {
    let shown = if server.admin_listen.is_some() { Shown::Callers } else { Shown::All };
    let document = api::document(&server.base_path, mode, shown, sources);
    let json = document.to_pretty_json().map_err(|error| StartError::Document(error.to_string()))?;
    let yaml = document.to_yaml().map_err(|error| StartError::Document(error.to_string()))?;
    Ok(Documents::new(json, yaml, &server.base_path))
}
