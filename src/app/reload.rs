//! Another configuration, while the gateway runs: what changes at once, and what only a restart changes.

use std::{
    net::SocketAddr,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, atomic::Ordering},
};

use super::{App, Config, Running, StartError};
use crate::{
    access::Mode,
    api,
    config::{BaseUrl, General, KeyPair, LogFormat},
};

/// What only a restart changes.
#[derive(Clone)]
pub(super) struct Fixed {
    pub(super) listen: SocketAddr,
    /// The files and not what is in them: that may change.
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

    /// The keys that a configuration wants otherwise.
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
    /// Puts another configuration to work, whole: requests that are in flight end on the old one.
    /// Gives the keys whose change has to wait for a restart.
    pub fn reload(&self, mut config: Config) -> Result<Vec<&'static str>, StartError> {
        let is_closed = config.access.mode != Mode::None;
        // The listener stays where it is, whatever the file says of it; and a file that is read
        // while it is being written may lack its end.
        if self.is_closed.load(Ordering::Relaxed) && !is_closed {
            return Err(StartError::Opened);
        }
        let waiting = self.fixed.changed(&Fixed::of(&config.general));
        // Until a restart the operators' routes are where their listener is, or is not.
        config.general.server.admin_listen = self.fixed.admin_listen;
        let next = App::with(config, self.lasting.clone())?;
        // All of it before any of it is in use: a bug in it must not end what runs.
        let routers = || (api::router(&next.gateway), api::admin_router(&next.gateway));
        let (callers, operators) = catch_unwind(AssertUnwindSafe(routers)).map_err(|_| StartError::Routes)?;
        next.keep_up_to_date();
        self.is_closed.store(is_closed, Ordering::Relaxed);
        self.drain.store(Arc::new(next.gateway.drain));
        self.callers.swap(callers);
        if let Some(router) = &self.operators {
            router.swap(operators);
        }
        Ok(waiting)
    }
}
