//! Choosing a page out of a roll. Pure.

use uuid::Uuid;

use super::{
    cursor,
    listing::{Listed, Roll, searchable},
    query::View,
};
use crate::domain::{Conflict, CustomerId, InvalidCursor};

/// Where a page begins and how much is on it.
#[derive(Clone, Debug)]
pub struct PageOf {
    /// Behind whom it begins; `None`: at the beginning.
    after: Option<(Option<String>, Uuid)>,
    /// How many persons at most.
    size: usize,
}

/// One page of a roll.
#[derive(Debug)]
pub struct Page<'a> {
    /// The persons on it, each with the fields on which his sources differ, if that was asked for.
    pub users: Vec<(&'a Listed, Option<Vec<Conflict<'a>>>)>,
    /// How many persons the filters leave.
    pub total: usize,
    /// The cursor of the next page; `None` on the last.
    pub next_cursor: Option<String>,
}

impl PageOf {
    /// Reads the place that a cursor names; without one the page is the first.
    pub fn new(customer: &CustomerId, view: &View, cursor: Option<&str>, size: usize) -> Result<Self, InvalidCursor> {
        let after = cursor.map(|cursor| cursor::read(customer, view, cursor)).transpose()?;
        Ok(Self { after, size })
    }
}

impl Roll {
    /// One page of the persons that a view leaves.
    pub fn page(&self, view: &View, of: &PageOf) -> Page<'_> {
        let mut rest = self.sorted(view.sort, of.after.as_ref()).filter(|listed| self.shows(view, listed));
        let shown: Vec<&Listed> = rest.by_ref().take(of.size).collect();
        let more = rest.next().is_some();
        let last = shown.last().filter(|_| more);
        let next_cursor = last.map(|last| cursor::write(&self.customer, view, (last.value(view.sort.field), last.id())));
        let conflicts = |listed| view.with_conflicts.then(|| self.conflicts_of(listed));
        Page {
            users: shown.into_iter().map(|listed| (listed, conflicts(listed))).collect(),
            total: self.everybody().iter().filter(|listed| self.shows(view, listed)).count(),
            next_cursor,
        }
    }

    /// Whether a view leaves a person.
    pub(super) fn shows(&self, view: &View, listed: &Listed) -> bool {
        let View { q, email, source, enabled, with_deleted, without_placeholders, with_conflicts: _, sort: _ } = view;
        (*with_deleted || !listed.is_deleted())
            && !(*without_placeholders && listed.is_placeholder())
            && enabled.is_none_or(|enabled| listed.enabled() == Some(enabled))
            && source.is_none_or(|source| self.is_in(listed, source))
            && email.as_ref().is_none_or(|key| self.has_address(listed, key))
            && q.as_deref().is_none_or(|part| listed.mentions(&searchable(part)))
    }
}

#[cfg(test)]
#[path = "page_tests.rs"]
mod tests;
