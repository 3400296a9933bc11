//! The number of rows and pages, as stated by the backend.
//!
//! Source of the facts: the PSA guide. "Fetch customer clients" shows the counts inside `Paging`, "Fetch
//! customers" at top level. So it is not certain which of the two an endpoint uses: both places are read.

use serde::Deserialize;

use super::super::{adapter::Unreadable, scalar::Scalar};

/// The counts inside `Paging`.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Counts<'a> {
    #[serde(borrow, default)]
    pub(super) amount_records_found: Scalar<'a>,
    #[serde(borrow, default)]
    pub(super) amount_of_pages: Scalar<'a>,
}

impl Counts<'_> {
    /// Returns rows and pages. If both places state a count, the larger one is used, because it is the one that
    /// exposes a short roll. A count that is not a number is an error: ignoring it would let a short roll pass as
    /// complete.
    pub(super) fn read(&self, other: &Self) -> Result<(Option<u64>, Option<u64>), Unreadable> {
        let larger = |one: &Scalar<'_>, other: &Scalar<'_>| Ok(one.count()?.max(other.count()?));
        let rows = larger(&self.amount_records_found, &other.amount_records_found);
        let pages = larger(&self.amount_of_pages, &other.amount_of_pages);
        rows.and_then(|rows| Ok((rows, pages?))).map_err(|()| Unreadable::Shape)
    }
}
