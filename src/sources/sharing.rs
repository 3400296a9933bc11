//! What tells a source's answers from those of another place, or to somebody else, where replicas
//! share them.

use std::time::Duration;

use super::{adapter::Position, source::Source};
use crate::{domain::RemoteId, shared_cache::digest};

/// A customer who stands for all of them.
const ANYBODY: &str = "anybody";

impl Source {
    /// A digest of where the source is and who we are there, the same for all replicas that are
    /// set up alike; `None` where that cannot be told. A token in a file is told by what the file holds, not
    /// by where it lies.
    pub fn shared_who(&self) -> Option<String> {
        let place = self.adapter.request(&RemoteId::new(ANYBODY), Position::FIRST).url;
        let who = self.credentials.shared_digest()?;
        Some(digest(&format!("{place}\u{1f}{who}")))
    }

    /// How long one walk over all pages may take.
    pub fn walk_deadline(&self) -> Duration {
        self.limits.walk_deadline
    }
}
