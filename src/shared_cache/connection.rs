//! One connection to Redis that never makes anybody wait for long: made when it is first needed,
//! a bound on every call, and a breaker before it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use redis::{
    Client, RedisError, RedisResult,
    aio::{ConnectionManager, ConnectionManagerConfig},
};
use tokio::time::Instant;

use super::settings::Settings;
use crate::{
    breaker::{Breaker, BreakerSettings, Verdict},
    telemetry::{Metrics, SharedCacheMetrics},
};

/// When Redis is left alone. Three calls are enough: each of them has cost somebody its time. The window
/// is short, for what went well before says nothing of a Redis that has just stopped to answer.
const BREAKER: BreakerSettings =
    BreakerSettings { failure_ratio: 0.5, min_calls: 3, window: Duration::from_secs(1), open_for: Duration::from_secs(2) };

/// How long a connection may take to be made, behind whoever has given up waiting for it.
const CONNECT: Duration = Duration::from_millis(500);

/// How many times as long a call may take that nobody waits for.
const PATIENCE: u32 = 10;

/// A connection to Redis.
#[derive(Clone)]
pub(super) struct Connection {
    manager: ConnectionManager,
    breaker: Breaker,
    timeout: Duration,
    metrics: Arc<Metrics>,
    /// What was last said of it, so that it is said once.
    silent: Arc<AtomicBool>,
}

/// What a call is for, and how long it may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call {
    /// What it is called in the metrics.
    pub(super) name: &'static str,
    pub(super) within: Duration,
    /// Whether it is made although Redis is left alone: somebody knows that it is there again.
    pub(super) insists: bool,
}

/// Redis did not answer, or not in time, or was not asked because it did not before. Also an
/// answer that is an error: then nothing can be done with it either.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Silent(pub(super) &'static str);

/// What Redis said, where that was not what belongs under the key.
pub(super) type Answered<T> = Result<T, WrongKind>;

/// Something else stands under our key: not ours, and no fault of Redis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct WrongKind;

impl Call {
    /// A call that is not made where Redis is left alone.
    pub(super) fn new(name: &'static str, within: Duration) -> Self {
        Self { name, within, insists: false }
    }
}

impl Connection {
    /// Sets it up; nothing is connected yet, and a Redis that is down is no failure.
    pub(super) fn new(client: Client, settings: &Settings, metrics: Arc<Metrics>) -> RedisResult<Self> {
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(CONNECT))
            .set_response_timeout(Some(settings.timeout * PATIENCE)) // each call has a bound of its own
            .set_number_of_retries(1)
            .set_min_delay(Duration::from_millis(50))
            .set_max_delay(Duration::from_millis(500));
        let manager = ConnectionManager::new_lazy_with_config(client, config)?;
        Ok(Self { manager, breaker: Breaker::new(BREAKER), timeout: settings.timeout, metrics, silent: Arc::default() })
    }

    /// How long a call may take that somebody waits for.
    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// How long a call may take that nobody waits for.
    pub(super) fn patience(&self) -> Duration {
        self.timeout * PATIENCE
    }

    pub(super) fn metrics(&self) -> &SharedCacheMetrics {
        &self.metrics.shared_cache
    }

    /// Asks Redis, if it is worth it.
    pub(super) async fn ask<T>(
        &self,
        call: Call,
        ask: impl AsyncFnOnce(ConnectionManager) -> RedisResult<T>,
    ) -> Result<Answered<T>, Silent> {
        let permit = self.breaker.pass().ok();
        if call.within.is_zero() || (permit.is_none() && !call.insists) {
            self.metrics().call(call.name, "skipped", None);
            return Err(Silent("skipped"));
        }
        let begun = Instant::now();
        let answer = tokio::time::timeout(call.within, ask(self.manager.clone())).await;
        let (answer, verdict) = match answer {
            Ok(Ok(answer)) => (Ok(Ok(answer)), Verdict::Answered),
            Ok(Err(error)) if code(&error).as_deref() == Some("WRONGTYPE") => (Ok(Err(WrongKind)), Verdict::Answered),
            Ok(Err(error)) => (Err(self.failed(&error)), Verdict::Failed),
            // A call that had only a rest of the time says nothing of Redis.
            Err(_) if call.within < self.timeout => (Err(Silent("timeout")), Verdict::Nothing),
            Err(_) => (Err(self.late()), Verdict::Failed),
        };
        if let Some(permit) = permit {
            permit.finish(verdict);
        }
        self.note(verdict);
        let result = answer.as_ref().map_or_else(|silent| silent.0, |_| "ok");
        self.metrics().call(call.name, result, Some(begun.elapsed()));
        answer
    }

    fn note(&self, verdict: Verdict) {
        match verdict {
            Verdict::Answered => {
                self.metrics().up(true);
                if self.silent.swap(false, Ordering::Relaxed) {
                    tracing::info!("the shared cache answers again");
                }
            }
            Verdict::Failed => self.metrics().up(false),
            Verdict::Nothing => {}
        }
    }

    fn failed(&self, error: &RedisError) -> Silent {
        self.complain(&cause(error));
        Silent("error")
    }

    fn late(&self) -> Silent {
        self.complain("it did not answer in time");
        Silent("timeout")
    }

    fn complain(&self, cause: &str) {
        if !self.silent.swap(true, Ordering::Relaxed) {
            tracing::warn!(cause, "the shared cache does not answer: until it does, this replica goes on alone");
        }
    }
}

/// The code that Redis gave, also to one of several commands: the library tells it of a single one only.
fn code(error: &RedisError) -> Option<String> {
    let of_several = || error.clone().into_server_errors()?.first().map(|(_, error)| error.code().to_owned());
    error.code().map(str::to_owned).or_else(of_several)
}

/// Why a call failed, in words that hold nothing of the URL: a code that Redis gave, or a kind.
pub(super) fn cause(error: &RedisError) -> String {
    let io = std::error::Error::source(error).and_then(|source| source.downcast_ref::<std::io::Error>());
    match (code(error), io) {
        (Some(code), _) => format!("it says {code}"),
        (None, Some(io)) => io.kind().to_string(),
        (None, None) => error.category().to_owned(),
    }
}
