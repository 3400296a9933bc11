//! A caller, what he presents, and why he is sent away.

use std::{sync::Arc, time::Duration};

use super::rate::RateLimit;
use crate::domain::CustomerId;

pub(super) use super::visible::Customers;

/// Whoever calls: his name, what he may see, how often he may ask.
#[derive(Clone, Debug)]
pub struct Caller(Arc<Who>);

#[derive(Debug)]
struct Who {
    name: Arc<str>,
    label: Option<Arc<str>>,
    customers: Customers,
    limit: Option<Arc<RateLimit>>,
}

/// What a request presents of who sends it.
#[derive(Debug, Default)]
pub struct PresentedCredentials<'a> {
    /// What stands behind `Bearer` in each `Authorization`.
    pub bearers: Vec<&'a str>,
    /// Each `X-Api-Key`.
    pub keys: Vec<&'a str>,
}

/// Why a request is not let in.
#[derive(Clone, Debug)]
pub enum Denied {
    /// It presents nothing.
    Missing,
    /// What it presents is not good; why, as a sentence for its sender. Never holds what was presented.
    Refused(&'static str),
    /// Its sender is known and asks too often.
    TooOften {
        /// Who he is.
        caller: Caller,
        /// How long until he may ask again.
        wait: Duration,
    },
    /// Its sender is not known, and from his address too many were refused.
    RefusedTooOften {
        /// How long until one more is.
        wait: Duration,
    },
    /// The keys that tokens are checked with cannot be had; of the sender nothing is known.
    Uncheckable,
}

// === impl Caller ===

impl Caller {
    /// `label` names him in metrics, of which there are few; `None` where callers are not told apart.
    pub(super) fn new(name: impl Into<Arc<str>>, label: Option<Arc<str>>, customers: Customers, limit: Option<Arc<RateLimit>>) -> Self {
        Self(Arc::new(Who { name: name.into(), label, customers, limit }))
    }

    /// What he is called in the log.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// What he is called in metrics; `None` where callers are not told apart.
    pub fn label(&self) -> Option<&Arc<str>> {
        self.0.label.as_ref()
    }

    /// Whether he may see this customer, be there one or not.
    pub fn may_see(&self, customer: &CustomerId) -> bool {
        self.0.customers.hold(customer.as_str())
    }

    /// Counts one request of his; how long he has to wait where it is one too many.
    pub(super) fn wait(&self) -> Option<Duration> {
        self.0.limit.as_ref()?.wait()
    }
}

// === impl PresentedCredentials ===

impl<'a> PresentedCredentials<'a> {
    /// The one key or token that is presented, in whichever header.
    pub(super) fn one_of_any(&self) -> Result<Option<&'a str>, Denied> {
        only(self.bearers.iter().chain(&self.keys))
    }

    /// The one bearer token that is presented.
    pub(super) fn bearer(&self) -> Result<Option<&'a str>, Denied> {
        only(self.bearers.iter())
    }
}

/// Two that differ are nobody's: which one counts must not depend on the order of headers.
fn only<'a: 'b, 'b>(mut presented: impl Iterator<Item = &'b &'a str>) -> Result<Option<&'a str>, Denied> {
    let Some(first) = presented.next() else { return Ok(None) };
    if presented.all(|other| other == first) { Ok(Some(first)) } else { Err(Denied::Refused("Two different credentials are presented.")) }
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
