//! One connection to Redis that never makes a request wait long: made when first needed, with a bound on
//! every call, and with a breaker in front.

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

/// When Redis is left alone. Three calls are enough because each of them has cost some request its time. The
/// window is short because earlier successes say nothing about a Redis that has just stopped answering.
const BREAKER: BreakerSettings =
    BreakerSettings { failure_ratio: 0.5, min_calls: 3, window: Duration::from_secs(1), open_for: Duration::from_secs(2) };

/// How long it may take to connect, in the background once a caller has given up waiting for it.
const CONNECT: Duration = Duration::from_millis(500);

/// How much longer than `timeout` a call may take if no one waits for it, as a factor.
const PATIENCE: u32 = 10;

/// A connection to Redis.
#[derive(Clone)]
pub(super) struct Connection {
    manager: ConnectionManager,
    breaker: Breaker,
    timeout: Duration,
    metrics: Arc<Metrics>,
    /// Whether the last logged state was silence, so that each change is logged once.
    silent: Arc<AtomicBool>,
    /// Whether it has ever answered.
    answered: Arc<AtomicBool>,
}

/// What a call is for, and how long it may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call {
    /// The call's name in the metrics.
    pub(super) name: &'static str,
    pub(super) within: Duration,
    /// Whether it is made even while Redis is left alone, because something shows that Redis is back.
    pub(super) insists: bool,
}

/// Redis did not answer, or not in time, or was not asked because it had not answered before. Also stands for
/// an answer that is an error, which is just as useless.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Silent(pub(super) &'static str);

/// What Redis answered, provided that the key holds the right kind of value.
pub(super) type Answered<T> = Result<T, WrongKind>;

/// Our key holds something else: not ours, and not a failure of Redis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct WrongKind;

impl Call {
    /// Creates a call that is not made while Redis is left alone.
    pub(super) fn new(name: &'static str, within: Duration) -> Self {
        Self { name, within, insists: false }
    }
}

impl Connection {
    /// Sets it up. Nothing is connected yet, so a Redis that is down is no failure.
    pub(super) fn new(client: Client, settings: &Settings, metrics: Arc<Metrics>) -> RedisResult<Self> {
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(CONNECT))
            .set_response_timeout(Some(settings.timeout * PATIENCE)) // each call also has its own bound
            .set_number_of_retries(1)
            .set_min_delay(Duration::from_millis(50))
            .set_max_delay(Duration::from_millis(500));
        let manager = ConnectionManager::new_lazy_with_config(client, config)?;
        Ok(Self {
            manager,
            breaker: Breaker::new(BREAKER),
            timeout: settings.timeout,
            metrics,
            silent: Arc::default(),
            answered: Arc::default(),
        })
    }

    /// Returns how long a call may take if a request waits for it.
    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Returns how long a call may take if no one waits for it.
    pub(super) fn patience(&self) -> Duration {
        self.timeout * PATIENCE
    }

    pub(super) fn metrics(&self) -> &SharedCacheMetrics {
        &self.metrics.shared_cache
    }

    /// Asks Redis, unless the breaker is open.
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
            // A call that had less than the full time says nothing about Redis.
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

    /// Whether Redis answered the last call; `None` before the first one.
    pub(super) fn is_up(&self) -> Option<bool> {
        let (silent, answered) = (self.silent.load(Ordering::Relaxed), self.answered.load(Ordering::Relaxed));
        (silent || answered).then_some(!silent)
    }

    /// Reads this key, to learn whether Redis answers: a request would notice, but there may be none. It has to be a call
    /// like those that requests make, because Redis may answer a ping and refuse everything else.
    pub(super) async fn probe(&self, key: &str) {
        let read = self.ask(Call::new("ping", self.timeout), async |mut manager| {
            redis::cmd("GET").arg(key).query_async::<redis::Value>(&mut manager).await
        });
        drop(read.await);
    }

    fn note(&self, verdict: Verdict) {
        if verdict == Verdict::Answered {
            self.answered.store(true, Ordering::Relaxed);
            if self.silent.swap(false, Ordering::Relaxed) {
                tracing::info!("the shared cache answers again");
            }
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
            tracing::warn!(cause, "the shared cache does not answer: until it does, this replica works on its own");
        }
    }
}

/// Returns Redis' error code, even of one command among several: the library gives it only for a single one.
fn code(error: &RedisError) -> Option<String> {
    let of_several = || error.clone().into_server_errors()?.first().map(|(_, error)| error.code().to_owned());
    error.code().map(str::to_owned).or_else(of_several)
}

/// Returns why a call failed, without any part of the URL: Redis' error code, or a kind of failure.
pub(super) fn cause(error: &RedisError) -> String {
    let io = std::error::Error::source(error).and_then(|source| source.downcast_ref::<std::io::Error>());
    match (code(error), io) {
        (Some(code), _) => format!("it says {code}"),
        (None, Some(io)) => io.kind().to_string(),
        (None, None) => error.category().to_owned(),
    }
}
