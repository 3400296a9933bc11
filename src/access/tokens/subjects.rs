//! The token subjects that are remembered, each with its limit: how many requests it may still make.

use std::{num::NonZeroU32, sync::Arc};

use parking_lot::Mutex;
use quick_cache::sync::Cache;

use super::TokenSettings;
use crate::access::rate::{Rate, RateLimit};

/// How many subjects are remembered; a forgotten one counts as new.
const MOST_SUBJECTS: usize = 100_000;

/// The subjects by the digest of their full name: two names may look the same once they are made fit for the log.
pub(super) type Subjects = Arc<Cache<[u8; 32], Subject>>;

/// What is remembered about a subject.
#[derive(Clone, Debug)]
pub(super) struct Subject {
    pub(super) name: Arc<str>,
    pub(super) label: Arc<str>,
    pub(super) limit: Option<Arc<RateLimit>>,
}

/// The remembered subjects, with their issuer and the rate that they are limited to.
#[derive(Debug, Default)]
pub(in crate::access) struct KeptSubjects(Mutex<Option<(Counted, Subjects)>>);

#[derive(Debug, PartialEq, Eq)]
struct Counted {
    issuer: String,
    rate: Option<Rate>,
    burst: Option<NonZeroU32>,
}

impl KeptSubjects {
    /// Returns the subjects of this issuer: the remembered ones, if the rate and the burst are unchanged, otherwise none.
    pub(super) fn of(&self, settings: &TokenSettings) -> Subjects {
        let counted = Counted { issuer: settings.issuer.clone(), rate: settings.rate, burst: settings.burst };
        let mut kept = self.0.lock();
        match kept.as_ref().filter(|(before, _)| *before == counted) {
            Some((_, subjects)) => subjects.clone(),
            None => kept.insert((counted, Arc::new(Cache::new(MOST_SUBJECTS)))).1.clone(),
        }
    }
}
