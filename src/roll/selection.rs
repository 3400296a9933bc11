//! Selects the persons that match a view, for a whole roll at once.
//!
//! The search texts lie in one buffer ([`search_text`](crate::search_text)), and the other criteria in the list itself.
//! No pointer is followed for each of 50,000 persons.

use std::num::NonZeroU64;

use super::{join::digest, joined_roll::Roll, query::View, roll_entry::RollEntry};

/// The place of a source that contributes nothing to the roll.
const NO_SOURCE: u16 = u16::MAX;

/// The persons that match a view.
pub(super) struct Selection<'a> {
    view: &'a View,
    /// For each person, whether their texts contain the search text.
    mentioned: Option<Vec<bool>>,
    address: Option<NonZeroU64>,
    /// The place, among the roll's sources, of the one that a record must be from.
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

    /// Returns whether a person matches the view; `place` is their place in the default order.
    pub(super) fn has(&self, place: usize, listed: &RollEntry) -> bool {
        let View { q: _, email, source: _, enabled, with_deleted, without_placeholders, with_conflicts: _, sort: _ } = self.view;
        (*with_deleted || !listed.deleted)
            && !(*without_placeholders && listed.placeholder)
            && enabled.is_none_or(|enabled| listed.enabled == Some(enabled))
            && self.source.is_none_or(|source| self.roll.has_record_of(listed, source))
            && self.address.is_none_or(|address| listed.address == Some(address))
            && self.mentioned.as_ref().is_none_or(|mentioned| mentioned.get(place).copied().unwrap_or(false))
            // Checked last because it costs more: two addresses may have the same digest.
            && email.as_ref().is_none_or(|key| self.roll.has_address(listed, key))
    }
}
