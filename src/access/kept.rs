//! What is known about callers and outlives a change of the configuration.

use std::{num::NonZeroU32, sync::Arc};

use super::{
    rate::{Rate, RateLimit},
    tokens::KeptTokens,
};
use crate::kept::Kept;

/// The issuer's keys, and how many requests callers have made: a reload does not give anyone a new burst.
#[derive(Debug, Default)]
pub struct KeptAccess {
    pub(super) tokens: KeptTokens,
    pub(super) limits: KeptLimits,
}

/// The limits of the callers that have keys, by name.
#[derive(Debug, Default)]
pub(super) struct KeptLimits(Kept<String, RateLimit>);

impl KeptLimits {
    /// Returns the limit of a caller: the one in use, if it has the same rate and burst, otherwise a new one.
    pub(super) fn of(&self, caller: &str, rate: Rate, burst: Option<NonZeroU32>) -> Arc<RateLimit> {
        self.0.find(caller.to_owned(), |limit| limit.counts(rate, burst), || RateLimit::new(rate, burst))
    }
}
