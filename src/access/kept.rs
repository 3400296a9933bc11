//! What is known of callers and outlives a change of the configuration.

use std::{num::NonZeroU32, sync::Arc};

use super::{
    rate::{Rate, RateLimit},
    tokens::{KeptKeys, KeptSubjects},
};
use crate::kept::Kept;

/// The issuer's keys, and how often callers have asked: a reload gives nobody their burst again.
#[derive(Debug, Default)]
pub struct KeptAccess {
    pub(super) keys: KeptKeys,
    pub(super) subjects: KeptSubjects,
    pub(super) limits: KeptLimits,
}

/// The limits of those that have keys, by their names.
#[derive(Debug, Default)]
pub(super) struct KeptLimits(Kept<String, RateLimit>);

impl KeptLimits {
    /// The limit of a caller: the one that is in use, if the rate is the same.
    pub(super) fn of(&self, caller: &str, rate: Rate, burst: Option<NonZeroU32>) -> Arc<RateLimit> {
        self.0.find(caller.to_owned(), |limit| limit.counts(rate, burst), || RateLimit::new(rate, burst))
    }
}
