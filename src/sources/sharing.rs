//! Distinguishes a source's answers, shared between replicas, from those of another place or to another
//! identity.

use std::time::Duration;

use super::{adapter::Position, source::Source};
use crate::{domain::RemoteId, shared_cache::digest};

/// A customer id that stands for all customers.
const ANYBODY: &str = "anybody";

impl Source {
    /// A digest of where the source is and of our identity there, the same for all replicas with the same
    /// configuration; `None` if it cannot be determined. A token in a file counts by its content, not by the
    /// file's path.
    pub fn shared_who(&self) -> Option<String> {
        let place = self.adapter.request(&RemoteId::new(ANYBODY), &Position::FIRST).url;
        let who = self.credentials.shared_digest()?;
        Some(digest(&format!("{place}\u{1f}{who}")))
    }

    /// How long one walk over all pages may take.
    pub fn walk_deadline(&self) -> Duration {
        self.limits.walk_deadline
    }
}
