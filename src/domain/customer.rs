//! A customer as one source lists it, and by what the customers of two sources are taken for one.

use serde::Serialize;
use utoipa::ToSchema;

/// A customer in a source's own list.
///
/// An allow-list: of what a source says of a customer only its names are read.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ListedCustomer {
    /// The source's id of the customer; never empty.
    pub id: Box<str>,
    /// What the customer is called.
    pub name: Option<Box<str>>,
    /// What else than the id another source's reference may say, and what a link by it is called.
    pub other_names: Vec<(LinkedBy, Box<str>)>,
    /// What the source has written down as the customer's name elsewhere: free text.
    pub reference: Option<Box<str>>,
    /// Whether this is whoever runs the source, and no customer.
    pub is_provider: bool,
}

/// By what a customer is linked to its id at a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LinkedBy {
    /// Nothing says so: the id is tried there as it is.
    SameId,
    /// The file of links says so.
    File,
    /// It is that source's own id: the source lists the customer.
    Listed,
    /// The source's reference is the other source's id of the customer.
    ReferenceIsId,
    /// The source's reference is the UUID of the tenant that the other source has for the customer.
    ReferenceIsTenantUuid,
    /// The source's reference is the number of the tenant that the other source has for the customer.
    ReferenceIsTenantId,
}
