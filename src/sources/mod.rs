//! The backends, and everything between them and us.
//!
//! README, "Add a third backend", lists the steps to add one: a folder beside `my_reports/` with an
//! [`Adapter`] and its wire types (built from `wire.rs` and `scalar.rs`), a `configure`, and an entry in
//! [`REGISTRY`]. Everything else follows: the fan-out, the cache, the join, the metrics, the documents.
//!
//! How users are read, each step by means of the next:
//!
//! - `walk.rs`: all of a customer's users: one reading, or two if the counts of the first do not agree; `ownership.rs` decides
//!   whose the rows are
//! - `pages.rs`: one reading, page by page: `reading.rs` decides which pages are wanted, `failed_page.rs` what a failed one means
//! - `page.rs`: one page: attempts, until one succeeds or `retry.rs` says that no more are to be made
//! - `attempt.rs`: one attempt: the breaker's permission, a token, a place, the call; `answer.rs` judges what was answered
//! - `outbound/`: one call: a bounded body, or a classified failure
//!
//! `listing.rs` reads a backend's list of customers by the same readings.

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
pub use credentials::{CredentialSettings, ReadyKind};
pub use health::HealthReport;
pub use retry::Policy;
pub use scope::{CallerCredentials, Identity, Scope};
pub use settings::{Limits, SourceReader, SourceSettings};
pub use source::{CredentialCheck, KeptPlaces, Source};
pub use walk::{Walk, WalkRequest};

use http::HeaderName;

use crate::{config::Reader, domain::SourceName};

/// One backend that this program knows.
#[derive(Clone, Copy, Debug)]
pub struct Backend {
    /// Its name, the same everywhere.
    pub name: SourceName,
    /// The header in which callers send this gateway credentials of their own, if the source is configured to use them. It
    /// belongs to one backend only. Its value goes to the backend as it is, in [`Adapter::credentials_header`].
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

    /// The header in which callers send this gateway credentials of their own.
    pub fn authorization_header(&self) -> HeaderName {
        HeaderName::try_from(self.authorization_header).unwrap_or(http::header::AUTHORIZATION) // a test checks that each is valid
    }
}
