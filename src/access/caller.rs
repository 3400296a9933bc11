//! A caller, the credentials that a request presents, and why one is not admitted.

use std::{sync::Arc, time::Duration};

use super::rate::RateLimit;
use crate::domain::CustomerId;

pub(super) use super::customer_filter::CustomerFilter;

/// A caller: name, visible customers, and rate limit.
#[derive(Clone, Debug)]
pub struct Caller(Arc<Who>);

#[derive(Debug)]
struct Who {
    name: Arc<str>,
    label: Option<Arc<str>>,
    customers: CustomerFilter,
    limit: Option<Arc<RateLimit>>,
}

/// The credentials that a request presents.
#[derive(Debug, Default)]
pub struct PresentedCredentials<'a> {
    /// What follows `Bearer` in each `Authorization` header.
    pub bearers: Vec<&'a str>,
    /// Each `X-Api-Key` header.
    pub keys: Vec<&'a str>,
}

/// Why a request is not admitted.
#[derive(Clone, Debug)]
pub enum Denied {
    /// It presents no credentials.
    Missing,
    /// Its credentials are not valid; the reason is a sentence for the caller. Never holds the credentials.
    Refused(&'static str),
    /// The caller is known but sends requests too often.
    TooOften {
        /// The caller.
        caller: Caller,
        /// How long until the caller may send another request.
        wait: Duration,
    },
    /// The caller is unknown, and too many requests from the address were refused.
    RefusedTooOften {
        /// How long until the address may be refused once more.
        wait: Duration,
    },
    /// The keys that verify tokens cannot be fetched, so nothing is known about the caller.
    Uncheckable,
}

// === impl Caller ===

impl Caller {
    /// `label` names the caller in metrics, which have few distinct labels; `None` if callers are not distinguished.
    pub(super) fn new(
        name: impl Into<Arc<str>>,
        label: Option<Arc<str>>,
        customers: CustomerFilter,
        limit: Option<Arc<RateLimit>>,
    ) -> Self {
        Self(Arc::new(Who { name: name.into(), label, customers, limit }))
    }

    /// The caller's name in the log.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The caller's label in metrics; `None` if callers are not distinguished.
    pub fn label(&self) -> Option<&Arc<str>> {
        self.0.label.as_ref()
    }

    /// Whether the caller may see this customer, whether or not it exists.
    pub fn may_see(&self, customer: &CustomerId) -> bool {
        self.0.customers.hold(customer.as_str())
    }

    /// Counts one request of the caller; returns how long to wait if it exceeds the limit.
    pub(super) fn wait(&self) -> Option<Duration> {
        self.0.limit.as_ref()?.wait()
    }
}

// === impl PresentedCredentials ===

impl<'a> PresentedCredentials<'a> {
    /// Returns the one key or token that is presented, in whichever header.
    pub(super) fn one_of_any(&self) -> Result<Option<&'a str>, Denied> {
        only(self.bearers.iter().chain(&self.keys))
    }

    /// Returns the one bearer token that is presented.
    pub(super) fn bearer(&self) -> Result<Option<&'a str>, Denied> {
        only(self.bearers.iter())
    }
}

/// Refuses credentials that differ: which one counts must not depend on the order of headers.
fn only<'a: 'b, 'b>(mut presented: impl Iterator<Item = &'b &'a str>) -> Result<Option<&'a str>, Denied> {
    let Some(first) = presented.next() else { return Ok(None) };
    if presented.all(|other| other == first) {
        Ok(Some(first))
    } else {
        Err(Denied::Refused("The request carries two different credentials."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_presented_or_none() {
        let presented =
            |bearers: &[&'static str], keys: &[&'static str]| PresentedCredentials { bearers: bearers.to_vec(), keys: keys.to_vec() };
        assert!(matches!(presented(&[], &[]).one_of_any(), Ok(None)));
        for (bearers, keys) in [(&["a"][..], &[][..]), (&[], &["a"]), (&["a"], &["a", "a"])] {
            assert!(matches!(presented(bearers, keys).one_of_any(), Ok(Some("a"))));
        }
        for (bearers, keys) in [(&["a"][..], &["b"][..]), (&["a", "b"], &[]), (&[], &["a", "b"])] {
            assert!(matches!(presented(bearers, keys).one_of_any(), Err(Denied::Refused(_))));
        }
        assert!(matches!(presented(&[], &["a"]).bearer(), Ok(None)));
    }
}
