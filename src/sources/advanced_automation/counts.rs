//! How many rows and pages there are, by the backend's account.
//!
//! Source of the facts: the PSA guide. "Fetch customer clients" shows the counts inside `Paging`, "Fetch
//! customers" at top level. Which of both an endpoint uses is therefore no fact of it: either place counts.

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
    /// Rows and pages; of two accounts the larger counts, for it is the one that a short roll contradicts. A
    /// count that is no number would let a short roll pass for a whole one.
    pub(super) fn read(&self, other: &Self) -> Result<(Option<u64>, Option<u64>), Unreadable> {
        let larger = |one: &Scalar<'_>, other: &Scalar<'_>| Ok(one.count()?.max(other.count()?));
        let rows = larger(&self.amount_records_found, &other.amount_records_found);
        let pages = larger(&self.amount_of_pages, &other.amount_of_pages);
        rows.and_then(|rows| Ok((rows, pages?))).map_err(|()| Unreadable::Shape)
    }
}
