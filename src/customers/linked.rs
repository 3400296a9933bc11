//! Where one customer is found: its id at each source, and what says so.

use std::time::Duration;

use crate::domain::{CustomerId, LinkedBy, RemoteId, SourceName, Warning};

/// Where one customer is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Linked {
    /// The customer, as callers name it.
    pub customer: CustomerId,
    /// What it is called, where somebody said.
    pub name: Option<Box<str>>,
    /// Each source, in the sources' order.
    pub links: Vec<Link>,
    /// What a caller should know about the links.
    pub warnings: Vec<Warning>,
}

/// A customer at one source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The source.
    pub source: SourceName,
    /// The id there, and what says so; `None` where the customer is not linked to the source.
    pub to: Option<(RemoteId, LinkedBy)>,
}

/// Why it cannot be said where a customer is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotLinked {
    /// No strategy knows the customer, or the one that does links it to no source.
    Unknown,
    /// The sources' lists were not all read yet; they may have been in so long.
    NotReadYet(Duration),
}

impl Linked {
    /// The customer at a source, where it is linked to it.
    pub fn to(&self, source: SourceName) -> Option<&RemoteId> {
        self.links.iter().find(|link| link.source == source)?.to.as_ref().map(|(remote, _)| remote)
    }

    /// Whether something other than the bare id says so.
    pub fn is_verified(&self) -> bool {
        self.links.iter().flat_map(|link| &link.to).any(|(_, by)| *by != LinkedBy::SameId)
    }
}
