//! Which id a customer has in each source.

use crate::domain::{CustomerId, RemoteId, SourceName};

/// How customers are found at the sources.
#[derive(Clone, Debug)]
pub enum Links {
    /// The id is the same everywhere.
    SameId {
        /// The sources.
        sources: Vec<SourceName>,
    },
}

/// Where one customer is found.
#[derive(Clone, Debug)]
pub struct Linked {
    links: Vec<Link>,
    /// Whether something other than the bare id says so.
    pub verified: bool,
}

/// A customer at one source.
#[derive(Clone, Debug)]
pub struct Link {
    /// The source.
    pub source: SourceName,
    /// The id there; `None` where the customer is not linked to the source.
    pub remote: Option<RemoteId>,
}

impl Links {
    /// Where a customer is found.
    pub fn of(&self, customer: &CustomerId) -> Linked {
        match self {
            Self::SameId { sources } => {
                let link = |source: &SourceName| Link { source: *source, remote: Some(customer.into()) };
                Linked { links: sources.iter().map(link).collect(), verified: false }
            }
        }
    }
}

impl Linked {
    /// The customer at a source, where anything is known of it.
    pub fn to(&self, source: SourceName) -> Option<&Link> {
        self.links.iter().find(|link| link.source == source)
    }
}
