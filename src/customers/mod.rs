//! Which id a customer has at each source.
//!
//! Strategies decide, in a configured order; the first that knows a customer decides for all sources:
//!
//! - [`mod@file`]: links that a person wrote down.
//! - [`discover`]: links from the references between the sources' own lists ([`matching`]).
//! - `same_id`, always the last: every customer has the same id everywhere. It leaves a source out if
//!   another strategy knows that the id belongs to another customer there.

mod discover;
mod discovered;
mod file;
mod kept;
mod linked;
mod list;
mod matching;
mod references;
mod settings;
mod table;
mod unlinked_reason;

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::task::JoinSet;

use crate::{
    domain::{CustomerId, LinkedBy, Moment, RemoteId, SourceName, Warning, WarningCode},
    sources::Source,
    telemetry::{Metrics, Tracer},
};

use discover::Discovery;
use discovered::Discovered;
use file::LinkFile;
use settings::Kind;
use table::{Entry, Table};

pub use file::faults_of_links;
pub use kept::KeptLinks;
pub use linked::{Link, Linked, LinksUnavailable};
pub use list::{CustomersPage, CustomersQuery};
pub use settings::Settings;

/// How long a caller is asked to wait while the lists are being read for the first time.
const SOON: Duration = Duration::from_secs(5);

/// Finds customers at the sources.
pub struct Customers {
    sources: Vec<SourceName>,
    /// The strategies that know a list of customers, in order.
    strategies: Vec<Strategy>,
    /// Whether a customer that none of them knows has the same id at every source.
    by_same_id: bool,
    /// When the strategies came into use.
    since: Moment,
    metrics: Arc<Metrics>,
    /// What outlives a configuration.
    kept: Arc<KeptLinks>,
    /// The tasks that keep the links up to date; they end with this value.
    tasks: Mutex<JoinSet<()>>,
}

/// One way to find out which id a customer has at each source, from a list of customers.
enum Strategy {
    File(Arc<LinkFile>),
    Discover(Arc<Discovery>),
}

/// The customers that a strategy can list, as they are now.
enum Known {
    File(Arc<(Table, Moment)>),
    Discovered(Arc<Discovered>),
}

impl Customers {
    /// Sets up the strategies; does not start to read anything in the background.
    pub fn new(settings: Settings, sources: &[Arc<Source>], kept: &Arc<KeptLinks>, metrics: Arc<Metrics>) -> Self {
        let Settings { kinds, file, refresh } = settings;
        let file = file.map(Arc::new);
        if let (Some(file), Some(before)) = (&file, &*kept.file.lock()) {
            file.go_on_from(before);
        }
        let strategy = |kind| match kind {
            Kind::SameId => None,
            Kind::File => file.clone().map(Strategy::File),
            Kind::Discover => Some(Strategy::Discover(Arc::new(Discovery::new(sources, refresh, Arc::clone(kept))))),
        };
        Self {
            sources: sources.iter().map(|source| source.name()).collect(),
            by_same_id: kinds.contains(&Kind::SameId),
            strategies: kinds.into_iter().filter_map(strategy).collect(),
            since: Moment::now(),
            metrics,
            kept: Arc::clone(kept),
            tasks: Mutex::default(),
        }
    }

    /// Starts to keep the links up to date, until this value is dropped.
    pub fn keep_up_to_date(&self, tracer: &Tracer) {
        self.forget_other_lists();
        *self.kept.file.lock() = self.file().cloned();
        let mut tasks = self.tasks.lock();
        for strategy in &self.strategies {
            let metrics = Arc::clone(&self.metrics);
            match strategy {
                Strategy::File(file) => drop(tasks.spawn(Arc::clone(file).watch(metrics))),
                Strategy::Discover(discovery) => drop(tasks.spawn(Arc::clone(discovery).run(metrics, tracer.clone()))),
            }
        }
    }

    /// Removes from the metrics what strategies that are no longer in use recorded; it would stay there forever.
    pub fn forget_other_notes(&self) {
        if self.file().is_none() {
            self.metrics.links.forget_linked(Kind::File.as_str());
            self.metrics.links.forget_file_faults();
        }
        if self.discovery().is_none() {
            self.metrics.links.forget_linked(Kind::Discover.as_str());
            self.metrics.links.forget_unlinked();
        }
    }

    fn file(&self) -> Option<&Arc<LinkFile>> {
        self.strategies.iter().find_map(|strategy| match strategy {
            Strategy::File(file) => Some(file),
            Strategy::Discover(_) => None,
        })
    }

    fn discovery(&self) -> Option<&Arc<Discovery>> {
        self.strategies.iter().find_map(|strategy| match strategy {
            Strategy::Discover(discovery) => Some(discovery),
            Strategy::File(_) => None,
        })
    }

    /// Forgets the lists of sources that are no longer asked, or are asked with another identity.
    fn forget_other_lists(&self) {
        match self.discovery() {
            Some(discovery) => discovery.forget_others(),
            None => self.kept.lists.lock().clear(),
        }
    }

    /// Finds a customer: the first strategy that knows it decides. `None` if no strategy knows it, or if the one
    /// that does links it to no source.
    pub fn find(&self, customer: &CustomerId) -> Result<Option<Linked>, LinksUnavailable> {
        for strategy in &self.strategies {
            if let Some(entry) = strategy.known()?.table().find(customer) {
                return Ok(entry.is_anywhere().then(|| entry.linked(&self.sources)));
            }
        }
        Ok(if self.by_same_id { self.same_id(customer) } else { None })
    }

    /// Whether an id at a source belongs to a customer on any basis other than the bare id, whether or not that
    /// customer can be requested.
    pub fn is_somebodys(&self, source: SourceName, id: &str) -> bool {
        let Some(place) = self.sources.iter().position(|name| *name == source) else { return false };
        let names_it = |entry: &Entry| entry.remote(place).is_some_and(|remote| remote.eq_ignore_ascii_case(id));
        let known: Vec<Known> = self.strategies.iter().filter_map(|strategy| strategy.known().ok()).collect();
        if known.iter().any(|one| one.hides(source, id)) {
            return true;
        }
        // What a strategy says about a customer counts only if no earlier one knows that customer.
        known.iter().enumerate().any(|(index, one)| {
            let entry = one.table().find_remote(place, id).filter(|entry| names_it(entry));
            entry.is_some_and(|entry| known.iter().take(index).all(|earlier| earlier.table().find(&entry.id).is_none()))
        })
    }

    /// Uses the id itself at every source, except where it is known to belong to another customer: then the id proves
    /// nothing at the other sources, either, which their warnings say.
    fn same_id(&self, customer: &CustomerId) -> Option<Linked> {
        let is_free = |source: SourceName| !self.is_somebodys(source, customer.as_str());
        let to = |source| is_free(source).then(|| (RemoteId::from(customer), LinkedBy::SameId));
        let links: Vec<Link> = self.sources.iter().map(|source| Link { source: *source, to: to(*source) }).collect();
        let linked: Vec<SourceName> = links.iter().filter(|link| link.to.is_some()).map(|link| link.source).collect();
        let is_doubted = linked.len() < links.len();
        let warn = |source: &SourceName| Warning { code: WarningCode::UnverifiedLink, source: Some(*source), count: None };
        let warnings = linked.iter().filter(|_| is_doubted).map(warn).collect();
        (!linked.is_empty()).then(|| Linked { customer: customer.clone(), name: None, links, warnings })
    }
}

impl Strategy {
    /// The customers that the strategy knows.
    fn known(&self) -> Result<Known, LinksUnavailable> {
        match self {
            Self::File(file) => Ok(Known::File(file.table())),
            Self::Discover(discovery) => discovery.found().map(Known::Discovered).ok_or(LinksUnavailable(SOON)),
        }
    }
}

impl Known {
    fn table(&self) -> &Table {
        match self {
            Self::File(file) => &file.0,
            Self::Discovered(found) => &found.table,
        }
    }

    /// Whether an id at a source belongs to a customer that none of our lists shows.
    fn hides(&self, source: SourceName, id: &str) -> bool {
        match self {
            Self::File(_) => false,
            Self::Discovered(found) => found.hides(source, id),
        }
    }

    /// When this became known.
    fn at(&self) -> Moment {
        match self {
            Self::File(file) => file.1,
            Self::Discovered(found) => found.at,
        }
    }
}
