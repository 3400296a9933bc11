//! The envelope of every list of Advanced Automation.
//!
//! Source of the facts: the PSA guide. "Fetch customer clients" shows the counts inside `Paging`, "Fetch
//! customers" at top level. So it is not certain which of the two an endpoint uses: both places are read.

use serde::{Deserialize, de::IgnoredAny};

use super::super::{
    adapter::Unreadable,
    scalar::Scalar,
    wire::{List, listed, said_error, unreadable},
};
use crate::json;

/// An answer with a list of persons, of customers, or of whatever else is named here: the lists that are not wanted are ignored.
#[derive(Deserialize)]
struct Envelope<'a, P, C> {
    #[serde(rename = "Clients", bound(deserialize = "P: Deserialize<'de>"))]
    persons: Option<P>,
    #[serde(rename = "Customers", bound(deserialize = "C: Deserialize<'de>"))]
    customers: Option<C>,
    #[serde(rename = "Paging", borrow)]
    paging: Option<Counts<'a>>,
    #[serde(rename = "AmountRecordsFound", borrow, default)]
    amount_records_found: Scalar<'a>,
    #[serde(rename = "AmountOfPages", borrow, default)]
    amount_of_pages: Scalar<'a>,
    #[serde(borrow, default)]
    status: Scalar<'a>,
    #[serde(borrow, default)]
    error: Scalar<'a>,
    // Assumption: the fields that report an error may be spelled like the other fields.
    #[serde(rename = "Status", borrow, default)]
    status_too: Scalar<'a>,
    #[serde(rename = "Error", borrow, default)]
    error_too: Scalar<'a>,
}

/// The counts inside `Paging`.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Counts<'a> {
    #[serde(borrow, default)]
    amount_records_found: Scalar<'a>,
    #[serde(borrow, default)]
    amount_of_pages: Scalar<'a>,
}

/// The rows of an answer.
pub(super) struct Answer<L> {
    pub(super) rows: L,
    /// How many rows there are in all, as stated there.
    pub(super) count: Option<u64>,
    /// How many pages there are, as stated there.
    pub(super) pages: Option<u64>,
}

/// Reads an answer with a list of persons.
pub(super) fn persons<'a, L: Deserialize<'a> + List>(body: &'a [u8]) -> Result<Answer<L>, Unreadable> {
    let mut envelope: Envelope<'_, L, IgnoredAny> = json::from_slice(body).map_err(|_| unreadable(body))?;
    let rows = envelope.persons.take();
    envelope.answer(rows)
}

/// Reads an answer with a list of customers.
pub(super) fn customers<'a, L: Deserialize<'a> + List>(body: &'a [u8]) -> Result<Answer<L>, Unreadable> {
    let mut envelope: Envelope<'_, IgnoredAny, L> = json::from_slice(body).map_err(|_| unreadable(body))?;
    let rows = envelope.customers.take();
    envelope.answer(rows)
}

impl<P, C> Envelope<'_, P, C> {
    fn answer<L: List>(self, rows: Option<L>) -> Result<Answer<L>, Unreadable> {
        let (status, error) = (self.status.or(self.status_too), self.error.or(self.error_too));
        said_error(&status, &error)?;
        let at_top = Counts { amount_records_found: self.amount_records_found, amount_of_pages: self.amount_of_pages };
        let (count, pages) = self.paging.unwrap_or_default().read(&at_top)?;
        Ok(Answer { rows: listed(rows, &error, count)?, count, pages })
    }
}

impl Counts<'_> {
    /// Returns rows and pages. If both places state a count, the larger one is used, because it is the one that
    /// exposes a short roll. A count that is not a number is an error: ignoring it would let a short roll pass as
    /// complete.
    fn read(&self, other: &Self) -> Result<(Option<u64>, Option<u64>), Unreadable> {
        let larger = |one: &Scalar<'_>, other: &Scalar<'_>| Ok(one.count()?.max(other.count()?));
        let rows = larger(&self.amount_records_found, &other.amount_records_found);
        let pages = larger(&self.amount_of_pages, &other.amount_of_pages);
        rows.and_then(|rows| Ok((rows, pages?))).map_err(|()| Unreadable::Shape)
    }
}
