//! What the simulated backends hold of a customer, and how they count it.

use super::rows::{Person, Row, User};

/// The rows of a customer.
pub(super) struct Roster {
    /// Advanced Automation's rows, over all pages.
    pub(super) persons: Vec<Row<Person>>,
    /// The count that Advanced Automation reports.
    pub(super) found: usize,
    /// Whether Advanced Automation counts its pages, or reports 0.
    pub(super) counts_pages: bool,
    /// `MyReports`' rows.
    pub(super) users: Vec<Row<User>>,
    /// Whether `MyReports` prints `page_size` as a string.
    pub(super) size_as_text: bool,
}

impl Roster {
    /// Creates rows with correct counts.
    pub(super) fn of(persons: Vec<Row<Person>>, users: Vec<Row<User>>) -> Self {
        Self { found: persons.len(), persons, counts_pages: true, users, size_as_text: false }
    }
}
