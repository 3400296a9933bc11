//! What the simulated backends share: the options, the counters and the customers' rows.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use axum::response::Response;
use parking_lot::Mutex;
use tokio::{sync::watch, time};

use super::{
    Calls, FaultKind, Options, SimulatedBackend, call::Call, customers::Customer, identity::Identity, roster::Roster, shows, tokens::Tokens,
};

/// The state shared by the servers.
pub(super) struct Simulation {
    options: Options,
    /// Ends when the sandbox is dropped.
    pub(super) closing: watch::Receiver<()>,
    /// The valid tokens.
    pub(super) tokens: Tokens,
    /// The logins to `MyReports`, and what was issued for them.
    pub(super) identity: Identity,
    pub(super) counters: Counters,
    /// By the customer's number; there are fewer than a hundred.
    rosters: Mutex<HashMap<u16, Arc<Roster>>>,
}

/// How often each endpoint was called.
#[derive(Default)]
pub(super) struct Counters {
    pub(super) tokens: AtomicU64,
    pub(super) persons: AtomicU64,
    pub(super) users: AtomicU64,
    pub(super) approvals: AtomicU64,
    pub(super) grants: AtomicU64,
    pub(super) lists: AtomicU64,
}

// === impl Simulation ===

impl Simulation {
    pub(super) fn new(options: Options, closing: watch::Receiver<()>) -> Self {
        let identity = Identity::new(options.token_life);
        Self { options, closing, tokens: Tokens::default(), identity, counters: Counters::default(), rosters: Mutex::default() }
    }

    /// Waits for the latency, then returns a fault's answer if every call to the backend fails.
    pub(super) async fn disturb(&self, call: &Call) -> Option<Response> {
        time::sleep(self.options.latency).await;
        for kind in self.faults(call.backend) {
            let answer = call.fail(kind).await;
            if answer.is_some() {
                return answer;
            }
        }
        None
    }

    /// Returns whether a backend has this fault.
    pub(super) fn has(&self, backend: SimulatedBackend, kind: FaultKind) -> bool {
        self.faults(backend).any(|fault| fault == kind)
    }

    /// Returns by how much a count is wrong on this call: never right, and never the same twice in a row.
    pub(super) fn drift(&self, backend: SimulatedBackend, call: u64) -> usize {
        if !self.has(backend, FaultKind::Changing) {
            return 0;
        }
        usize::try_from(1 + call % 10).unwrap_or(1)
    }

    /// Returns the rows of a customer, which the first call generates.
    pub(super) fn roster(&self, customer: &Customer) -> Arc<Roster> {
        let mut rosters = self.rosters.lock();
        let made = || Arc::new(shows::roster(self.options.seed, customer));
        Arc::clone(rosters.entry(customer.number).or_insert_with(made))
    }

    fn faults(&self, backend: SimulatedBackend) -> impl Iterator<Item = FaultKind> {
        let faults = self.options.faults.iter();
        let faults = faults.filter(move |fault| fault.source == backend);
        faults.map(|fault| fault.kind)
    }
}

// === impl Counters ===

impl Counters {
    /// Adds one and returns the new count.
    pub(super) fn count(counter: &AtomicU64) -> u64 {
        counter.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(super) fn snapshot(&self) -> Calls {
        Calls {
            tokens: self.tokens.load(Ordering::Relaxed),
            persons: self.persons.load(Ordering::Relaxed),
            users: self.users.load(Ordering::Relaxed),
            approvals: self.approvals.load(Ordering::Relaxed),
            grants: self.grants.load(Ordering::Relaxed),
            lists: self.lists.load(Ordering::Relaxed),
        }
    }
}
