//! The token subjects that are remembered, each with its limit: how many requests it may still make.

use std::{num::NonZeroU32, sync::Arc};

use quick_cache::sync::Cache;

use super::TokenSettings;
use crate::{
    access::rate::{Rate, RateLimit},
    kept::Kept,
};

/// How many subjects are remembered; a forgotten one counts as new.
const MOST_SUBJECTS: usize = 100_000;

/// The subjects by the digest of their full name: two names may look the same once they are made fit for the log.
pub(super) type Subjects = Cache<[u8; 32], Subject>;

/// What is remembered about a subject.
#[derive(Clone, Debug)]
pub(super) struct Subject {
    pub(super) name: Arc<str>,
    pub(super) label: Arc<str>,
    pub(super) limit: Option<Arc<RateLimit>>,
}

/// The remembered subjects, by their issuer and the rate that they are limited to.
#[derive(Debug, Default)]
pub(super) struct KeptSubjects(Kept<Counted, Subjects>);

#[derive(Debug, PartialEq, Eq, Hash)]
struct Counted {
    issuer: String,
    rate: Option<Rate>,
    burst: Option<NonZeroU32>,
}

impl KeptSubjects {
    /// Returns the subjects of this issuer: the remembered ones, if the rate and the burst are unchanged, otherwise none.
    pub(super) fn of(&self, settings: &TokenSettings) -> Arc<Subjects> {
        let counted = Counted { issuer: settings.issuer.clone(), rate: settings.rate, burst: settings.burst };
        self.0.find(counted, |_| true, || Cache::new(MOST_SUBJECTS))
    }
}
