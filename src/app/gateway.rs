//! Builds a gateway from a configuration.

use std::sync::{Arc, atomic::AtomicU64};

use http::{HeaderName, HeaderValue};
use tokio::sync::Semaphore;

use super::{App, Config, Lasting, StartError, reload::Fixed};
use crate::{
    access::{Access, AccessSettings, Mode},
    api::{self, Cors, DocumentScope, Documents, Gateway},
    config::{Cache, Server, Telemetry},
    customers::Customers,
    domain::SourceName,
    roll::{FreshnessPolicy, Keeping, Rolls},
    shared_cache::SharedCache,
    sources::{Backend, Source, SourceSettings},
};

impl App {
    /// Sets up a gateway that uses the lasting parts.
    pub(super) fn with(config: Config, lasting: Lasting) -> Result<Self, StartError> {
        let Config { access, general, sources, customers, facts, shared_cache } = config;
        let (metrics, fixed) = (&lasting.metrics, Fixed::of(&general));
        let shared = shared_cache.map(|settings| SharedCache::new(&settings, metrics)).transpose()?;
        let sources = at_work(sources, &lasting, shared.as_ref())?;
        let customers = Arc::new(Customers::new(customers, &sources, &lasting.links, Arc::clone(metrics)));
        let keeping = keeping(general.cache);
        let rolls = Rolls::new(sources, customers, general.placeholders, &keeping, shared.clone(), Arc::clone(metrics));
        let gateway = gateway(general.server, &general.telemetry, access, rolls, &lasting)?;
        metrics.configured(&facts);
        Ok(Self { gateway: Arc::new(gateway), shared, fixed, lasting })
    }
}

/// Sets up the sources, in order of precedence.
fn at_work(settings: Vec<SourceSettings>, lasting: &Lasting, shared: Option<&SharedCache>) -> Result<Vec<Arc<Source>>, StartError> {
    let source = |settings| Source::new(settings, Arc::clone(&lasting.metrics), &lasting.renewals, &lasting.places, shared).map(Arc::new);
    Ok(settings.into_iter().map(source).collect::<Result<_, _>>()?)
}

fn gateway(server: Server, telemetry: &Telemetry, access: AccessSettings, rolls: Rolls, lasting: &Lasting) -> Result<Gateway, StartError> {
    let metrics = &lasting.metrics;
    let backends: Vec<Backend> = rolls.sources().iter().map(|source| source.backend()).collect();
    let forwards: Vec<_> = rolls.sources().iter().filter_map(|source| Some((source.name(), source.forwards()?))).collect();
    Ok(Gateway {
        vary: vary(&server.cors_origins, &forwards),
        forwards,
        protect_docs: access.protect_docs,
        mode: access.mode,
        documents: documents(&server, access.mode, &backends)?,
        access: Access::new(access, &lasting.access, metrics)?,
        source_names: rolls.sources().iter().map(|source| source.name()).collect(),
        rolls,
        metrics: Arc::clone(metrics),
        turn: AtomicU64::default(),
        tracer: lasting.reporter.tracer(telemetry.sample),
        cors: Cors::new(&server.cors_origins, &backends),
        deadline: server.deadline,
        drain: server.drain,
        base_path: server.base_path,
        trusted_proxies: server.trusted_proxies,
        access_log: telemetry.access_log,
        has_admin: server.admin_listen.is_some(),
        places: Semaphore::new(server.max_in_flight),
        stopping: Arc::clone(&lasting.stopping),
    })
}

fn keeping(cache: Cache) -> Keeping {
    Keeping {
        policy: FreshnessPolicy {
            fresh: cache.fresh,
            stale_while_revalidate: cache.stale_while_revalidate,
            stale_if_error: cache.stale_if_error,
        },
        not_found: cache.not_found,
        max_bytes: cache.max_bytes.as_u64(),
    }
}

/// Returns the `Vary` header for this gateway's configuration.
fn vary(origins: &[String], forwards: &[(SourceName, HeaderName)]) -> HeaderValue {
    let origin = Some("Origin").filter(|_| !origins.is_empty());
    let names: Vec<&str> = forwards.iter().map(|(_, header)| header.as_str()).chain(origin).collect();
    api::vary(&names)
}

fn documents(server: &Server, mode: Mode, sources: &[Backend]) -> Result<Documents, StartError> {
    let shown = if server.admin_listen.is_some() { DocumentScope::Callers } else { DocumentScope::All };
    let document = api::document(&server.base_path, mode, shown, sources);
    let json = document.to_pretty_json().map_err(|error| StartError::Document(error.to_string()))?;
    let yaml = document.to_yaml().map_err(|error| StartError::Document(error.to_string()))?;
    Ok(Documents::new(json, yaml, &server.base_path))
}
