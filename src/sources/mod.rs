//! The backends, and all that stands between them and us.
//!
//! # How to add one
//!
//! 1. A folder beside `my_reports/` with its own `Adapter`: `request` says how a page is asked
//!    for, `read` turns the body of a 200 into records. No I/O: status, size, time, retries,
//!    tokens and the breaker are written once, in `attempt.rs` and `outbound/`.
//! 2. Its `configure`, which reads `[sources.<name>]` and says how it wants to be called. A backend
//!    that not everybody has gives `None` where its table [is not there](SourceReader::is_there).
//! 3. If it has a list of its customers: a `CustomerList`, so that `discover` can link them.
//! 4. Its `mod` line and its entry in [`REGISTRY`].
//!
//! Everything else follows: the fan-out, the cache, the join, the metrics, the documents. Records
//! of all sources join by their address; where they differ, the earlier entry wins. The demo goes
//! on with the backends that its sandbox plays.

mod adapter;
pub mod advanced_automation;
mod answer;
mod attempt;
mod authorization;
mod credentials;
mod health;
mod listing;
pub mod my_reports;
pub mod oauth;
mod ownership;
mod reading;
mod retry;
mod scalar;
mod scope;
mod settings;
mod settle;
mod sharing;
mod source;
mod spans;
mod wire;

pub use crate::breaker::{BreakerSettings, BreakerState};
pub use adapter::{Adapter, CustomerList, Page, Paging, Unreadable, UpstreamRequest};
pub use credentials::CredentialSettings;
pub use health::HealthReport;
pub use retry::Policy;
pub use scope::{Brought, Identity, Scope};
pub use settings::{Limits, SourceReader};
pub use source::{Source, SourceSettings, Walk};

use crate::{config::Reader, domain::SourceName};

/// One backend that this program knows.
#[derive(Clone, Copy, Debug)]
pub struct Backend {
    /// Its name, the same everywhere.
    pub name: SourceName,
    /// Reads `[sources.<name>]`; `None` where a key that it cannot do without is missing or wrong,
    /// or where the backend may be left out and is.
    pub configure: fn(&mut SourceReader<'_>) -> Option<SourceSettings>,
}

/// The backends, in the order in which they win where they differ.
pub const REGISTRY: &[Backend] = &[advanced_automation::BACKEND, my_reports::BACKEND];

impl Backend {
    /// Reads the backend's own table of the configuration.
    pub fn read(&self, reader: &mut Reader) -> Option<SourceSettings> {
        (self.configure)(&mut SourceReader::new(reader, self.name))
    }
}
