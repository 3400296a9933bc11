//! What tells a source's answers from those of another place, or to somebody else, where replicas
//! share them.

use std::time::Duration;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};

use super::source::Source;
use crate::domain::RemoteId;

/// A customer who stands for all of them.
const ANYBODY: &str = "anybody";

impl Source {
    /// A digest of where the source is and who we are there, the same for all replicas that are
    /// set up alike; `None` where that cannot be told. A token in a file is told by what the file holds, not
    /// by where it lies.
    pub fn shared_who(&self) -> Option<String> {
        let place = self.adapter.request(&RemoteId::new(ANYBODY), 1).url;
        let who = self.credentials.shared_digest()?;
        let digest = ring::digest::digest(&ring::digest::SHA256, format!("{place}\u{1f}{who}").as_bytes());
        Some(BASE64_URL_SAFE_NO_PAD.encode(digest.as_ref()))
    }

    /// How long one walk over all pages may take.
    pub fn walk_deadline(&self) -> Duration {
        self.limits.walk_deadline
    }
}
