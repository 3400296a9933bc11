//! Backends simulated over loopback sockets, for `rollcall demo` and for tests.
//!
//! Nothing here is part of the gateway: this is the other side of the wire. Documented behaviour follows the
//! vendors' documentation; anything they leave open is marked as an assumption where it is decided. The last
//! three digits of a customer's id say what it shows ([`examples`]); a [`Fault`] makes a backend fail
//! whatever the customer.
//!
//! - `fault`: the faults that a backend can be given, and their names on a command line
//! - `customers`: which customer shows what
//! - `advanced_automation`, `my_reports`, `login`: the servers
//! - `tokens`, `identity`: who may call them
//! - `call`, `refusal`, `socket`: faults, in an answer or below it
//! - `lists`: the backends' customers, with every case of linking them
//! - `people`, `rows`, `roster`, `documented`, `joins`, `odd_fields`, `shows`: the data
//! - `simulation`, `answer`, `timestamp`: what the servers share

mod advanced_automation;
mod answer;
mod call;
mod customers;
mod documented;
mod fault;
mod identity;
mod joins;
mod lists;
mod login;
mod my_reports;
mod odd_fields;
mod people;
mod refusal;
mod roster;
mod rows;
mod shows;
mod simulation;
mod socket;
mod timestamp;
mod tokens;

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::Router;
use tokio::{net::TcpListener, sync::watch};

pub use self::{
    customers::{Example, examples},
    fault::{Fault, FaultError, FaultKind, SimulatedBackend},
    odd_fields::SECRETS,
};
use self::{
    simulation::Simulation,
    socket::{Fuse, FusedListener},
};

/// The client id that Advanced Automation's token endpoint accepts.
pub const CLIENT_ID: &str = "7d1f5c0a-5a4d-4b0e-9f3e-000000000001";
/// The secret that belongs to [`CLIENT_ID`].
pub const CLIENT_SECRET: &str = "sandbox-client-secret";
/// The bearer token that `MyReports` accepts without a login.
pub const MY_REPORTS_TOKEN: &str = "sandbox-my-reports-token";
/// The client id that the identity server of `MyReports` accepts.
pub const MY_REPORTS_CLIENT_ID: &str = "rollcall-in-the-sandbox";
/// The secret that belongs to [`MY_REPORTS_CLIENT_ID`].
pub const MY_REPORTS_CLIENT_SECRET: &str = "sandbox-my-reports-secret";

/// How the sandbox behaves.
#[derive(Debug, Clone)]
pub struct Options {
    /// Determines names, addresses and ids; 1 by default.
    pub seed: u64,
    /// How long every data answer takes, except tokens; zero by default.
    pub latency: Duration,
    /// What goes wrong on every data call; nothing by default. Of several faults at one backend the first one
    /// applies.
    pub faults: Vec<Fault>,
    /// How long an access token of the identity server of `MyReports` is valid; one hour by default.
    pub token_life: Duration,
}

/// How often each endpoint has been called since the start, whatever its answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Calls {
    /// Requests to Advanced Automation's token endpoint.
    pub tokens: u64,
    /// Requests for a page of persons, `POST /Person`.
    pub persons: u64,
    /// Requests for a customer's users at `MyReports`.
    pub users: u64,
    /// Requests to the identity server of `MyReports` to approve a login.
    pub approvals: u64,
    /// Requests to its token endpoint.
    pub grants: u64,
    /// Requests for a page of a backend's list of customers.
    pub lists: u64,
}

/// The simulated backends, running until this is dropped.
pub struct Sandbox {
    simulation: Arc<Simulation>,
    advanced_automation: SocketAddr,
    my_reports: SocketAddr,
    /// Dropped with the sandbox: all servers then stop listening, close idle connections and end waiting
    /// calls.
    _open: watch::Sender<()>,
}

// === impl Options ===

impl Default for Options {
    fn default() -> Self {
        Self { seed: 1, latency: Duration::ZERO, faults: Vec::new(), token_life: Duration::from_hours(1) }
    }
}

// === impl Sandbox ===

impl Sandbox {
    /// Starts the backends on free ports of 127.0.0.1; fails if a port cannot be bound.
    pub async fn start(options: Options) -> io::Result<Self> {
        let (open, closing) = watch::channel(());
        let simulation = Arc::new(Simulation::new(options, closing));
        let persons = advanced_automation::router(Arc::clone(&simulation));
        let users = my_reports::router(Arc::clone(&simulation));
        Ok(Self {
            advanced_automation: serve(persons, simulation.closing.clone()).await?,
            my_reports: serve(users, simulation.closing.clone()).await?,
            simulation,
            _open: open,
        })
    }

    /// Returns where a backend listens: `http://127.0.0.1:PORT`.
    pub fn base_url(&self, backend: SimulatedBackend) -> String {
        let address = match backend {
            SimulatedBackend::AdvancedAutomation => self.advanced_automation,
            SimulatedBackend::MyReports => self.my_reports,
        };
        format!("http://{address}")
    }

    /// Returns the calls so far.
    pub fn calls(&self) -> Calls {
        self.simulation.counters.snapshot()
    }
}

async fn serve(router: Router, closing: watch::Receiver<()>) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    let service = router.into_make_service_with_connect_info::<Fuse>();
    let server = axum::serve(FusedListener(listener), service);
    let server = server.with_graceful_shutdown(answer::closed(closing));
    tokio::spawn(async move { server.await });
    Ok(address)
}

#[cfg(test)]
mod tests;
