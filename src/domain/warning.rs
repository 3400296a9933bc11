//! What a caller should know about a roll that was given nevertheless.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::SourceName;

/// One thing that a caller should know about the roll.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
pub struct Warning {
    /// What it is about.
    pub code: WarningCode,
    /// The source that it concerns; null where it concerns none.
    #[schema(value_type = Option<String>, example = "advanced_automation")]
    pub source: Option<SourceName>,
    /// How many records it concerns; null where that says nothing.
    #[schema(example = 2)]
    pub count: Option<u64>,
}

/// The warnings that exist today. Callers ignore a code that they do not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WarningCode {
    /// The source has an address more than once: nothing is joined on it.
    AmbiguousEmail,
    /// The source ignored the filter: rows of other customers were left out.
    ForeignRowsDropped,
    /// The source's rows all carry one customer id that is not the one asked for.
    CustomerIdDiffers,
    /// The source's counts never agreed: users may be missing.
    ChangedWhileReading,
    /// The source does not know this id, and nothing but the id links it to the others.
    UnverifiedLink,
    /// So many customers of the source carry a reference that fits more than one: they are linked
    /// to nobody.
    AmbiguousReference,
    /// There may be customers that are not listed: nobody knows the list, or so many of the
    /// source have an id that cannot be asked for.
    CustomersNotListed,
}
