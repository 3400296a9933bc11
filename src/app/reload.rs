//! Replaces the configuration of a running gateway: what changes at once, and what needs a restart.

use std::{
    net::SocketAddr,
    panic::{AssertUnwindSafe, catch_unwind},
};

use super::{App, Config, Running, StartError};
use crate::{
    access::Mode,
    api,
    config::{BaseUrl, General, KeyPair, LogFormat},
};

/// Why a configuration was not taken while the gateway runs.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// A gateway could not start with it either.
    #[error(transparent)]
    Start(#[from] StartError),
    /// It would open the gateway to everyone although the present configuration identifies callers.
    #[error(
        "auth.mode: cannot change to \"none\" while the gateway runs, because it would be open to anyone who can reach it; restart it to do that."
    )]
    WouldOpen,
    /// The routes conflict with each other: a bug.
    #[error("the routes could not be set up: a bug; the log has details")]
    Routes,
}

/// The settings that only a restart changes.
#[derive(Clone)]
pub(super) struct Fixed {
    pub(super) listen: SocketAddr,
    /// The files' paths, not their contents, which may change.
    pub(super) tls: Option<KeyPair>,
    pub(super) admin_listen: Option<SocketAddr>,
    pub(super) max_connections: usize,
    format: LogFormat,
    otlp_endpoint: Option<BaseUrl>,
}

impl Fixed {
    pub(super) fn of(General { server, telemetry, .. }: &General) -> Self {
        Self {
            listen: server.listen,
            tls: server.tls.clone(),
            admin_listen: server.admin_listen,
            max_connections: server.max_connections,
            format: telemetry.format,
            otlp_endpoint: telemetry.otlp_endpoint.clone(),
        }
    }

    /// Returns the keys that a configuration would change.
    fn changed(&self, wanted: &Self) -> Vec<&'static str> {
        let keys = [
            ("server.listen", wanted.listen != self.listen),
            ("server.tls", wanted.tls != self.tls),
            ("server.admin_listen", wanted.admin_listen != self.admin_listen),
            ("server.max_connections", wanted.max_connections != self.max_connections),
            ("telemetry.format", wanted.format != self.format),
            ("telemetry.otlp_endpoint", wanted.otlp_endpoint != self.otlp_endpoint),
        ];
        keys.into_iter().filter_map(|(key, changed)| changed.then_some(key)).collect()
    }
}

impl Running {
    /// Puts another configuration into use as a whole; requests in flight finish with the old one. Returns
    /// the keys whose change needs a restart.
    pub fn reload(&self, mut config: Config) -> Result<Vec<&'static str>, ReloadError> {
        // The listener keeps its address whatever the file says. And a file that is read while it is being
        // written may lack its end.
        if self.gateway.load().access.knows_callers() && config.access.mode == Mode::None {
            return Err(ReloadError::WouldOpen);
        }
        let waiting = self.fixed.changed(&Fixed::of(&config.general));
        // Until a restart the operators' routes stay where their listener is, or stay absent with it.
        config.general.server.admin_listen = self.fixed.admin_listen;
        let next = App::with(config, self.lasting.clone())?;
        // Everything is built before any of it is used: a bug here must not end the running gateway.
        let routers = || (api::router(&next.gateway), api::admin_router(&next.gateway));
        let (callers, operators) = catch_unwind(AssertUnwindSafe(routers)).map_err(|_| ReloadError::Routes)?;
        next.keep_up_to_date();
        self.gateway.store(next.gateway);
        self.callers.swap(callers);
        if let Some(router) = &self.operators {
            router.swap(operators);
        }
        Ok(waiting)
    }
}
