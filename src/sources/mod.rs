//! The backends, and everything between them and us.
//!
//! README, "Add a third backend", lists the steps to add one: a folder beside `my_reports/` with an
//! [`Adapter`] and its wire types (built from `wire.rs` and `scalar.rs`), a `configure`, and an entry in
//! [`REGISTRY`]. Everything else follows: the fan-out, the cache, the join, the metrics, the documents.

mod adapter;
pub mod advanced_automation;
mod answer;
mod attempt;
mod authorization;
mod body;
mod credentials;
mod failed_page;
mod health;
mod listing;
pub mod my_reports;
pub mod oauth;
mod ownership;
mod page;
mod pages;
mod reading;
mod retry;
mod scalar;
mod scope;
mod settings;
mod sharing;
mod source;
mod spans;
mod walk;
mod wire;

pub use crate::breaker::{BreakerSettings, BreakerState};
pub use adapter::{Adapter, CustomerList, Page, Paging, Position, Unreadable, UpstreamRequest};
pub use credentials::CredentialSettings;
pub use health::HealthReport;
pub use retry::Policy;
pub use scope::{CallerCredentials, Identity, Scope};
pub use settings::{Limits, SourceReader};
pub use source::{CredentialCheck, KeptPlaces, Source, SourceSettings};
pub use walk::{Walk, WalkRequest};

use http::HeaderName;

use crate::{config::Reader, domain::SourceName};

/// One backend that this program knows.
#[derive(Clone, Copy, Debug)]
pub struct Backend {
    /// Its name, the same everywhere.
    pub name: SourceName,
    /// The header in which callers send credentials of their own, if the source is configured to use them.
    pub authorization_header: &'static str,
    /// Reads `[sources.<name>]`; `None` if a required key is missing or wrong, or if the backend is
    /// optional and not configured.
    pub configure: fn(&mut SourceReader<'_>) -> Option<SourceSettings>,
}

/// The backends, in order of precedence where they differ.
pub const REGISTRY: &[Backend] = &[advanced_automation::BACKEND, my_reports::BACKEND];

impl Backend {
    /// Reads the backend's own table of the configuration.
    pub fn read(&self, reader: &mut Reader) -> Option<SourceSettings> {
        (self.configure)(&mut SourceReader::new(reader, self))
    }

    /// The header in which callers send credentials of their own.
    pub fn authorization_header(&self) -> HeaderName {
        HeaderName::try_from(self.authorization_header).unwrap_or(http::header::AUTHORIZATION) // a test checks that each is valid
    }
}
