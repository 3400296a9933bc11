//! Which persons a view leaves, decided for a whole roll at once.
//!
//! What is searched lies in one piece of memory ([`texts`](crate::texts)), what else decides lies in
//! the list itself. Nothing follows a pointer for each of 50,000 persons.

use std::num::NonZeroU64;

use super::{
    listed::{Listed, digest},
    listing::Roll,
    query::View,
};

/// The place of a source that the roll has nothing of.
const NO_SOURCE: u16 = u16::MAX;

/// Which persons a view leaves.
pub(super) struct Selection<'a> {
    view: &'a View,
    /// Whether each person's texts have the part that is searched for.
    mentioned: Option<Vec<bool>>,
    address: Option<NonZeroU64>,
    /// The place of the source that a record must be of among those that the roll is of.
    source: Option<u16>,
    roll: &'a Roll,
}

impl<'a> Selection<'a> {
    pub(super) fn new(roll: &'a Roll, view: &'a View) -> Self {
        Self {
            mentioned: view.q.as_deref().map(|part| roll.texts().mentioning(part)),
            address: view.email.as_ref().map(|key| digest(key.as_str())),
            source: view.source.map(|source| roll.place_of(source).unwrap_or(NO_SOURCE)),
            view,
            roll,
        }
    }

    /// Whether the view leaves a person, given with his place in the order of the default sort.
    pub(super) fn has(&self, place: usize, listed: &Listed) -> bool {
        let View { q: _, email, source: _, enabled, with_deleted, without_placeholders, with_conflicts: _, sort: _ } = self.view;
        (*with_deleted || !listed.deleted)
            && !(*without_placeholders && listed.placeholder)
            && enabled.is_none_or(|enabled| listed.enabled == Some(enabled))
            && self.source.is_none_or(|source| self.roll.has_record_of(listed, source))
            && self.address.is_none_or(|address| listed.address == Some(address))
            && self.mentioned.as_ref().is_none_or(|mentioned| mentioned.get(place).copied().unwrap_or(false))
            // Last, for it looks further: two addresses may have one digest.
            && email.as_ref().is_none_or(|key| self.roll.has_address(listed, key))
    }
}
