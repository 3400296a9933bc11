//! The signals that tell a process to stop, or to reload its configuration.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Listens for SIGTERM, SIGINT and SIGHUP.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

/// Which stop signal arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// SIGTERM: a load balancer needs to be told first.
    Drain,
    /// SIGINT: a person is waiting.
    Now,
}

impl Signals {
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for the next stop signal.
    pub(super) async fn stop(&mut self) -> Stop {
        tokio::select! {
            _ = self.terminate.recv() => Stop::Drain,
            _ = self.interrupt.recv() => Stop::Now,
        }
    }

    /// Waits for the next stop signal, or for the one to reload the configuration (`None`).
    pub(super) async fn next(&mut self) -> Option<Stop> {
        tokio::select! {
            _ = self.hang_up.recv() => None,
            _ = self.terminate.recv() => Some(Stop::Drain),
            _ = self.interrupt.recv() => Some(Stop::Now),
        }
    }
}
