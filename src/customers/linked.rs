//! Where one customer is found: its id at each source, and what each link is based on.

use std::time::Duration;

use crate::domain::{CustomerId, LinkedBy, RemoteId, SourceName, Warning};

/// Where one customer is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Linked {
    /// The customer's id in this API.
    pub customer: CustomerId,
    /// The customer's name, if any list gives one.
    pub name: Option<Box<str>>,
    /// One link for each source, in the sources' order.
    pub links: Vec<Link>,
    /// What a caller should know about the links.
    pub warnings: Vec<Warning>,
}

/// A customer at one source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The source.
    pub source: SourceName,
    /// The id there, and what the link is based on; `None` if the customer is not linked to the source.
    pub to: Option<(RemoteId, LinkedBy)>,
}

/// The lists that the links are made from have not all been read yet; they may have been after this time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinksUnavailable(pub Duration);

impl Linked {
    /// The customer's id at a source, if it is linked to it.
    pub fn to(&self, source: SourceName) -> Option<&RemoteId> {
        self.links.iter().find(|link| link.source == source)?.to.as_ref().map(|(remote, _)| remote)
    }

    /// Whether the links are based on something other than the bare id.
    pub fn is_verified(&self) -> bool {
        self.links.iter().flat_map(|link| &link.to).any(|(_, by)| *by != LinkedBy::SameId)
    }
}
