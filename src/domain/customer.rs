//! A customer as one source lists it, and the grounds on which customers of two sources count as the same.

use serde::Serialize;
use utoipa::ToSchema;

/// A customer in a source's own list.
///
/// An allow-list: only the names that a source gives a customer are read.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ListedCustomer {
    /// The source's id of the customer; never empty.
    pub id: Box<str>,
    /// What the customer is called.
    pub name: Option<Box<str>>,
    /// Other texts besides the id by which another source may refer to the customer, each with the name of a
    /// link made by it.
    pub other_names: Vec<(LinkedBy, Box<str>)>,
    /// What the source has recorded as the customer's name elsewhere: free text.
    pub reference: Option<Box<str>>,
    /// Whether this entry is the provider who runs the source, and not a customer.
    pub is_provider: bool,
}

/// What the link between a customer and its id at a source is based on.
///
/// - `same_id`: nothing but the id: no link is recorded, so the customer's own id is tried at the source.
/// - `file`: the file of links, which the gateway's operator maintains.
/// - `listed`: the source's own list of customers has this id.
/// - `reference_is_id`: the source's list refers to the other source's id of the customer.
/// - `reference_is_tenant_uuid`: the source's list refers to the UUID of the customer's tenant (`ExternalTenantUUID`).
/// - `reference_is_tenant_id`: the source's list refers to the number of the customer's tenant (`ExternalTenantId`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LinkedBy {
    /// No link is recorded: the customer's own id is tried there.
    SameId,
    /// The file of links.
    File,
    /// The source's own list of customers has this id.
    Listed,
    /// The source refers to the other source's id of the customer.
    ReferenceIsId,
    /// The source refers to the UUID of the tenant that the other source has for the customer.
    ReferenceIsTenantUuid,
    /// The source refers to the number of the tenant that the other source has for the customer.
    ReferenceIsTenantId,
}
