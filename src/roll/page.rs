//! Selects a page of a roll. Pure.

use uuid::Uuid;

use super::{
    cursor,
    joined_roll::Roll,
    pieces::Pieces,
    query::View,
    roll_entry::{RollEntry, with_conflicts},
    selection::Selection,
};
use crate::domain::{Conflict, CustomerId, InvalidCursor};

/// Where a page begins, and its size.
#[derive(Clone, Debug)]
pub struct PageOf {
    /// The position that it begins after; `None` means at the beginning.
    after: Option<(Option<String>, Uuid)>,
    /// The most persons on it.
    size: usize,
}

/// One page of a roll.
#[derive(Debug)]
pub struct Page<'a> {
    /// Its persons, each with the fields on which their sources differ, if that was asked for.
    pub users: Vec<(&'a RollEntry, Option<Vec<Conflict<'a>>>)>,
    /// How many persons match the filters.
    pub total: usize,
    /// The cursor of the next page; `None` on the last.
    pub next_cursor: Option<String>,
}

impl PageOf {
    /// Reads the position from a cursor; without one the page is the first.
    pub fn new(customer: &CustomerId, view: &View, cursor: Option<&str>, size: usize) -> Result<Self, InvalidCursor> {
        let after = cursor.map(|cursor| cursor::read(customer, view, cursor)).transpose()?;
        Ok(Self { after, size })
    }
}

impl Roll {
    /// Returns whether a page takes long: it does if a large roll has to be searched or sorted first.
    pub fn is_long_to_page(&self, view: &View) -> bool {
        self.is_large() && (view.q.is_some() || !self.is_in_order(view.sort))
    }

    /// Returns one page of the persons in a view.
    pub fn page(&self, view: &View, of: &PageOf) -> Page<'_> {
        let selection = Selection::new(self, view);
        let is_in = |(place, listed): &(usize, &RollEntry)| selection.has(*place, listed);
        let conflicts = |listed| view.with_conflicts.then(|| self.conflicts_of(listed));
        let mut rest = self.sorted(view.sort, of.after.as_ref()).filter(is_in);
        let mut users = Vec::with_capacity(of.size.min(self.len()));
        users.extend(rest.by_ref().take(of.size).map(|(_, listed)| (listed, conflicts(listed))));
        let is_last = rest.next().is_none();
        let last = users.last().filter(|_| !is_last);
        let next_cursor =
            last.map(|(last, _)| cursor::write(&self.customer, view, (self.value(last, view.sort.field).as_deref(), last.id)));
        // The only page has everybody.
        let is_only = is_last && of.after.is_none();
        let total = if is_only { users.len() } else { self.everybody().iter().enumerate().filter(is_in).count() };
        Page { users, total, next_cursor }
    }

    /// Writes a page's users as JSON, separated by commas. Users that are neighbours in the roll are taken
    /// together, as they are stored.
    pub fn write(&self, page: &Page<'_>, to: &mut Pieces) {
        let together =
            |(one, a): &(&RollEntry, Option<_>), (next, b): &(&RollEntry, Option<_>)| a.is_none() && b.is_none() && next.follows(one);
        for (place, run) in page.users.chunk_by(together).enumerate() {
            if place > 0 {
                to.push(b",");
            }
            match run {
                [(listed, Some(conflicts)), ..] => to.push(with_conflicts(self.json(listed), conflicts).as_bytes()),
                [(first, None), .., (last, _)] => to.share(&self.run(first, last)),
                [(one, None)] => to.share(&self.run(one, one)),
                [] => {}
            }
        }
    }
}

#[cfg(test)]
#[path = "page_tests.rs"]
mod tests;
