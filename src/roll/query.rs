//! What a caller may ask of a roll: which persons, in which order, how many per page.

use std::fmt::Write;

use crate::domain::{EmailKey, SourceName};

/// The number of users per page unless a caller asks for another.
pub const DEFAULT_PAGE_SIZE: usize = 100;

/// The largest number of users per page.
pub const LARGEST_PAGE_SIZE: usize = 1000;

/// Everything that decides which persons the pages show, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// A part of the display name, e-mail or user name, folded.
    pub q: Option<String>,
    /// Exactly this address.
    pub email: Option<EmailKey>,
    /// Only persons with a record in this source.
    pub source: Option<SourceName>,
    /// Only persons who are enabled, or only persons who are not.
    pub enabled: Option<bool>,
    /// Includes people marked deleted.
    pub with_deleted: bool,
    /// Leaves placeholder records out.
    pub without_placeholders: bool,
    /// Includes the fields on which sources differ.
    pub with_conflicts: bool,
    /// The order.
    pub sort: Sort,
}

/// A sort order of persons.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sort {
    /// The field to sort by.
    pub field: SortField,
    /// Whether the greatest comes first.
    pub descending: bool,
}

/// The fields that persons can be sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SortField {
    /// The display name.
    #[default]
    DisplayName,
    /// The e-mail address.
    Email,
    /// The gateway's id.
    Id,
}

impl View {
    /// Returns the view as one text, the same for equal views: what a cursor is bound to.
    pub(super) fn canonical(&self) -> String {
        let Self { q, email, source, enabled, with_deleted, without_placeholders, with_conflicts, sort } = self;
        let mut text = String::new();
        // Writing to a String does not fail. `Debug` quotes the values, so that no value can look like two.
        let written = write!(
            text,
            "{q:?} {email:?} {source:?} {enabled:?} {with_deleted} {without_placeholders} {with_conflicts} {:?} {}",
            sort.field, sort.descending
        );
        debug_assert!(written.is_ok());
        text
    }
}

impl Sort {
    /// Returns where the order is kept; `None` for the default one, in which the persons themselves are
    /// stored.
    pub(super) fn place(self) -> Option<usize> {
        match (self.field, self.descending) {
            (SortField::DisplayName, false) => None,
            (SortField::DisplayName, true) => Some(0),
            (SortField::Email, false) => Some(1),
            (SortField::Email, true) => Some(2),
            (SortField::Id, false) => Some(3),
            (SortField::Id, true) => Some(4),
        }
    }
}

impl std::str::FromStr for Sort {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (name, descending) = text.strip_prefix('-').map_or((text, false), |name| (name, true));
        let field = match name {
            "display_name" => SortField::DisplayName,
            "email" => SortField::Email,
            "id" => SortField::Id,
            _ => return Err(()),
        };
        Ok(Self { field, descending })
    }
}
