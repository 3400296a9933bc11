//! What replicas share, in Redis or Valkey: copies, who is asking a source, and a login's tokens.
//!
//! No answer depends on any of this. If Redis is slow or gone, the result is [`Silent`] after at most
//! `shared_cache.timeout`, and everything continues as if there were no shared cache.
//!
//! - `settings`: the table `[shared_cache]`
//! - `connection`: one connection, a bound on every call, a breaker
//! - `name`: the names of the keys in Redis
//! - `places`: storing values, unless a newer one is there
//! - `seal`: compression and encryption, with each value valid only at its own place
//! - `lock`: one walk for all replicas
//! - `changes`: reports of what others have stored
//! - `newest`, `token`: the newest refresh token, and who may spend it

mod changes;
mod connection;
mod lock;
mod name;
mod newest;
mod places;
mod seal;
mod settings;
mod token;

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use redis::{Client, RedisResult};
use secrecy::zeroize::Zeroizing;
use tokio::{sync::broadcast, task::JoinSet, time::Instant};

pub use changes::{Change, Epoch, What};
pub use name::Subject;
pub use settings::{Settings, new_key};
pub use token::{SharedAccess, SharedToken, TokenPlace};

pub(crate) use connection::Silent;
pub(crate) use lock::{Lock, Locked, pause};
pub(crate) use name::digest;
pub(crate) use token::millis;

use crate::offload::offload_if;

use changes::Changes;
use connection::{Call, Connection};
use name::{Names, channel, token_names};
use seal::Seal;

/// Unreadable values are logged at most once in this period.
const COMPLAINT_PAUSE: Duration = Duration::from_secs(10);

/// Open and sealed values of more bytes than these are processed off the threads that serve requests.
const LARGE_OPEN: usize = 128 << 10;
const LARGE_SEALED: usize = 16 << 10;

/// Used instead of the library's message, which may quote the password.
const NO_CLIENT: &str = "the URL of the shared cache cannot be used";

/// What replicas share.
#[derive(Clone)]
pub struct SharedCache(Arc<Inner>);

struct Inner {
    client: Client,
    connection: Connection,
    seal: Arc<Seal>,
    namespace: String,
    changes: Changes,
    complained: Mutex<Option<Instant>>,
    tasks: Mutex<JoinSet<()>>,
}

/// Why the shared cache cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("shared_cache.url: {0}")]
pub struct SharedCacheError(&'static str);

/// What is stored at a place.
#[derive(Debug)]
pub(crate) enum There {
    /// This value, with its remaining lifetime; `None` if it does not expire.
    Value(Zeroizing<Vec<u8>>, Option<Duration>),
    /// Nothing usable.
    Nothing,
}

/// A subject's place for a copy, or for a walk's result that is not kept as a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A copy for later callers.
    Copy,
    /// A result for those who wait now.
    Note,
}

impl SharedCache {
    /// Sets it up; nothing is sent to Redis yet.
    pub fn new(settings: &Settings, metrics: &Arc<crate::telemetry::Metrics>) -> Result<Self, SharedCacheError> {
        let seal = Seal::new(&settings.key).ok_or(SharedCacheError(NO_CLIENT))?;
        let connect = || -> RedisResult<_> {
            let client = Client::open(settings.url.reveal())?;
            Ok((Connection::new(client.clone(), settings, Arc::clone(metrics))?, client))
        };
        let (connection, client) = connect().map_err(|_| SharedCacheError(NO_CLIENT))?;
        Ok(Self(Arc::new(Inner {
            client,
            connection,
            seal: Arc::new(seal),
            namespace: settings.namespace.clone(),
            changes: Changes::new(),
            complained: Mutex::default(),
            tasks: Mutex::default(),
        })))
    }

    /// Starts listening for what others store, until the last handle is dropped.
    pub fn listen(&self) {
        let (changes, client, connection) = (self.0.changes.clone(), self.0.client.clone(), self.0.connection.clone());
        self.spawn(changes.listen(client, connection, self.channel(), Arc::clone(&self.0.seal)));
    }

    /// Runs a task for as long as the shared cache exists.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.0.tasks.lock().spawn(work);
    }

    /// Asks whether it answers, and waits a little longer than a request would.
    pub async fn try_it(&self) -> Result<(), &'static str> {
        let call = Call::new("ping", self.0.connection.patience());
        let answer =
            self.0.connection.ask(call, async |mut manager| redis::cmd("PING").query_async::<redis::Value>(&mut manager).await).await;
        answer.map(drop).map_err(|silent| silent.0)
    }

    /// Returns how long a request may wait for it in all.
    pub(crate) fn timeout(&self) -> Duration {
        self.0.connection.timeout()
    }

    /// Returns whether Redis answered the last call; `None` before the first one.
    pub(crate) fn is_up(&self) -> Option<bool> {
        self.0.connection.is_up()
    }

    /// Returns the present epoch, or 0 if changes may be missed.
    pub(crate) fn epoch(&self) -> Epoch {
        self.0.changes.epoch()
    }

    /// Returns the changes from now on.
    pub(crate) fn changes(&self) -> broadcast::Receiver<Arc<Change>> {
        self.0.changes.subscribe()
    }

    /// Notes that changes were missed.
    pub(crate) fn miss(&self) {
        self.0.changes.miss();
    }

    /// Returns the place of a token that a source's replicas share.
    pub(crate) fn token(&self, source: crate::domain::SourceName, who: &str) -> TokenPlace {
        let (newest, lock) = token_names(&self.0.namespace, source.as_str(), who, self.0.seal.id());
        TokenPlace::new(self.clone(), newest, lock)
    }

    /// Takes the lock on asking for a subject.
    pub(crate) async fn lock(&self, subject: &Subject, within: Duration) -> Result<Locked, Silent> {
        self.0.connection.lock(&self.names(subject).lock, within).await
    }

    /// Releases a lock without publishing anything.
    pub(crate) async fn release(&self, lock: Lock) {
        self.0.connection.release(lock).await;
    }

    /// Notes that a value could be opened but not understood.
    pub(crate) fn complain(&self) {
        let mut complained = self.0.complained.lock();
        if complained.is_none_or(|at| at.elapsed() > COMPLAINT_PAUSE) {
            *complained = Some(Instant::now());
            tracing::warn!("a value in the shared cache cannot be read with this key_file, and is treated as absent");
        }
    }

    fn names(&self, subject: &Subject) -> Names {
        Names::of(&self.0.namespace, self.0.seal.id(), subject)
    }

    fn channel(&self) -> String {
        channel(&self.0.namespace, self.0.seal.id())
    }

    fn connection(&self) -> &Connection {
        &self.0.connection
    }

    /// Seals a value, off the threads that serve requests if it is large.
    async fn seal(&self, name: &str, value: Zeroizing<Vec<u8>>) -> Option<Vec<u8>> {
        let (seal, name) = (Arc::clone(&self.0.seal), name.to_owned());
        offload_if(value.len() > LARGE_OPEN, move || seal.seal(&name, &value)).await
    }

    /// Opens a sealed value, in the same way.
    async fn open(&self, name: &str, sealed: Vec<u8>) -> Option<Zeroizing<Vec<u8>>> {
        let (seal, name) = (Arc::clone(&self.0.seal), name.to_owned());
        offload_if(sealed.len() > LARGE_SEALED, move || seal.open(&name, &sealed)).await
    }
}

impl std::fmt::Debug for SharedCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SharedCache")
    }
}
