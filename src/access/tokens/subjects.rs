//! The subjects of tokens that are remembered, each with how often they have asked.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use parking_lot::Mutex;

use super::TokenSettings;
use crate::access::rate::{Rate, RateLimit};

/// Subjects that are remembered, and for how long after the last request at least.
const MOST_SUBJECTS: u64 = 100_000;
const REMEMBERED: Duration = Duration::from_mins(10);

/// By the digest of what the token calls them: two are never one for the letters of a log.
pub(super) type Subjects = moka::sync::Cache<[u8; 32], Subject>;

/// What is remembered of a subject.
#[derive(Clone, Debug)]
pub(super) struct Subject {
    pub(super) name: Arc<str>,
    pub(super) label: Arc<str>,
    pub(super) limit: Option<Arc<RateLimit>>,
}

/// The subjects that are remembered, by whose they are and how they are counted.
#[derive(Debug, Default)]
pub(in crate::access) struct KeptSubjects(Mutex<Option<(Counted, Subjects)>>);

#[derive(Debug, PartialEq, Eq)]
struct Counted {
    issuer: String,
    rate: Option<Rate>,
    burst: Option<NonZeroU32>,
}

impl KeptSubjects {
    /// The subjects of this issuer: those that are remembered, where they are counted by the same rate.
    pub(super) fn of(&self, settings: &TokenSettings) -> Subjects {
        let counted = Counted { issuer: settings.issuer.clone(), rate: settings.rate, burst: settings.burst };
        let mut kept = self.0.lock();
        match kept.as_ref().filter(|(before, _)| *before == counted) {
            Some((_, subjects)) => subjects.clone(),
            None => kept.insert((counted, remembering(settings))).1.clone(),
        }
    }
}

/// Whoever is forgotten may ask as if they were new: not before their limit would let them.
fn remembering(settings: &TokenSettings) -> Subjects {
    let remembered = settings.rate.map_or(REMEMBERED, |rate| rate.refill(settings.burst).max(REMEMBERED));
    moka::sync::Cache::builder().max_capacity(MOST_SUBJECTS).time_to_idle(remembered).build()
}
