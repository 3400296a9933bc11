//! The circuit breaker: stops calling a source that fails too often.
//!
//! [`Circuit`] decides and is pure: the time is passed in. [`Breaker`] shares it between calls.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use parking_lot::Mutex;
use serde::Serialize;
use tokio::time::Instant;
use utoipa::ToSchema;

use crate::domain::FailureKind;

/// When a source is left alone, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct BreakerSettings {
    /// The share of failed calls, 0 to 1, that opens the breaker.
    pub failure_ratio: f64,
    /// Fewer calls than this in a window never open it.
    pub min_calls: u64,
    /// How long a call counts.
    pub window: Duration,
    /// How long no call is let through.
    pub open_for: Duration,
}

/// The state of a circuit breaker.
///
/// - `closed`: every call passes.
/// - `open`: no call passes.
/// - `half_open`: one call passes, as a probe; its result decides what comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BreakerState {
    /// Every call passes.
    Closed,
    /// No call passes.
    Open,
    /// One call passes, as a probe.
    HalfOpen,
}

/// The result of a call that was let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The source answered, whatever the answer was.
    Answered,
    /// The source is not working.
    Failed,
    /// The call says nothing about the source: it was abandoned, or never made.
    Nothing,
}

/// How the circuit lets a call through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pass {
    /// As one of many.
    Normal,
    /// As the one that decides whether others may follow.
    Probe,
}

/// How many parts a window is divided into; calls expire part by part.
const PARTS: u32 = 10;

/// The state machine.
#[derive(Debug)]
pub(crate) struct Circuit {
    settings: BreakerSettings,
    /// Until when no call passes; `None` while closed.
    open_until: Option<Instant>,
    probing: bool,
    /// For each part: its start, its calls, and how many of them failed.
    counts: VecDeque<(Instant, u64, u64)>,
}

/// A circuit that many calls share.
#[derive(Clone, Debug)]
pub(crate) struct Breaker(Arc<Mutex<Circuit>>);

/// Permission to make one call. Dropped without a verdict it records nothing, and frees the probe's place.
#[derive(Debug)]
pub(crate) struct Permit {
    circuit: Arc<Mutex<Circuit>>,
    pass: Pass,
    done: bool,
}

// === impl BreakerState ===

impl From<BreakerState> for i64 {
    /// Returns the metric's value: the higher, the less passes.
    fn from(state: BreakerState) -> Self {
        match state {
            BreakerState::Closed => 0,
            BreakerState::HalfOpen => 1,
            BreakerState::Open => 2,
        }
    }
}

// === impl Verdict ===

impl From<Option<FailureKind>> for Verdict {
    /// 404, 400 and 422 are answers; 401, 403 and 429 are handled elsewhere.
    fn from(failure: Option<FailureKind>) -> Self {
        use FailureKind::{BadRequest, Forbidden, InvalidResponse, NotFound, Overloaded, RateLimited, Timeout, Unauthorized, Unavailable};
        match failure {
            None | Some(NotFound | BadRequest | Unauthorized | Forbidden | RateLimited) => Self::Answered,
            Some(Timeout | Unavailable | InvalidResponse) => Self::Failed,
            Some(Overloaded) => Self::Nothing,
        }
    }
}

// === impl Circuit ===

impl Circuit {
    pub(crate) fn new(settings: BreakerSettings) -> Self {
        Self { settings, open_until: None, probing: false, counts: VecDeque::new() }
    }

    pub(crate) fn state(&self, now: Instant) -> BreakerState {
        match self.open_until {
            None => BreakerState::Closed,
            Some(until) if now < until => BreakerState::Open,
            Some(_) => BreakerState::HalfOpen,
        }
    }

    /// Lets a call through, or returns how long to stay away.
    pub(crate) fn pass(&mut self, now: Instant) -> Result<Pass, Duration> {
        self.holds(now)?;
        match self.open_until {
            None => Ok(Pass::Normal),
            Some(_) if self.probing => Err(self.settings.open_for),
            Some(_) => {
                self.probing = true;
                Ok(Pass::Probe)
            }
        }
    }

    /// Whether a call that was let through before may still be made, or how long to stay away.
    fn holds(&self, now: Instant) -> Result<(), Duration> {
        match self.open_until {
            Some(until) if now < until => Err(until - now),
            _ => Ok(()),
        }
    }

    /// Records a call's verdict. `spread` (0.9 to 1.1) keeps replicas from probing in step.
    pub(crate) fn record(&mut self, pass: Pass, verdict: Verdict, now: Instant, spread: f64) {
        if pass == Pass::Probe {
            self.probing = false;
            match verdict {
                Verdict::Answered => self.open_until = None,
                Verdict::Failed => self.open(now, spread),
                Verdict::Nothing => {}
            }
        } else if self.open_until.is_none() && verdict != Verdict::Nothing {
            self.count(verdict, now);
            if self.fails_too_often() {
                self.open(now, spread);
            }
        }
    }

    fn open(&mut self, now: Instant, spread: f64) {
        self.open_until = Some(now + self.settings.open_for.mul_f64(spread));
        self.counts.clear();
    }

    fn count(&mut self, verdict: Verdict, now: Instant) {
        let window = self.settings.window;
        self.counts.retain(|(since, ..)| now.duration_since(*since) < window);
        let part = window / PARTS;
        if self.counts.back().is_none_or(|(since, ..)| now.duration_since(*since) >= part) {
            self.counts.push_back((now, 0, 0));
        }
        if let Some((_, calls, failed)) = self.counts.back_mut() {
            *calls += 1;
            *failed += u64::from(verdict == Verdict::Failed);
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a count of calls in a window is far below 2^52")]
    fn fails_too_often(&self) -> bool {
        let (calls, failed) = self.counts.iter().fold((0, 0), |sum, (_, calls, failed)| (sum.0 + calls, sum.1 + failed));
        calls >= self.settings.min_calls && failed as f64 >= self.settings.failure_ratio * calls as f64
    }
}

// === impl Breaker ===

impl Breaker {
    pub(crate) fn new(settings: BreakerSettings) -> Self {
        Self(Arc::new(Mutex::new(Circuit::new(settings))))
    }

    pub(crate) fn state(&self) -> BreakerState {
        self.0.lock().state(Instant::now())
    }

    /// Returns permission to make one call, or how long to stay away.
    pub(crate) fn pass(&self) -> Result<Permit, Duration> {
        let pass = self.0.lock().pass(Instant::now())?;
        Ok(Permit { circuit: Arc::clone(&self.0), pass, done: false })
    }
}

// === impl Permit ===

impl Permit {
    /// Whether the call decides whether others may follow.
    pub(crate) fn is_probe(&self) -> bool {
        self.pass == Pass::Probe
    }

    /// Whether the call may still be made, or how long to stay away.
    pub(crate) fn holds(&self) -> Result<(), Duration> {
        match self.pass {
            Pass::Probe => Ok(()),
            Pass::Normal => self.circuit.lock().holds(Instant::now()),
        }
    }

    pub(crate) fn finish(mut self, verdict: Verdict) {
        self.record(verdict);
    }

    fn record(&mut self, verdict: Verdict) {
        self.done = true;
        let spread = 0.9 + 0.2 * fastrand::f64();
        self.circuit.lock().record(self.pass, verdict, Instant::now(), spread);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if !self.done {
            self.record(Verdict::Nothing);
        }
    }
}

#[cfg(test)]
mod tests;
