//! The customers that can be requested, one page at a time.

use super::{Customers, Known, LinksUnavailable, Strategy, linked::Linked, table::Entry};
use crate::domain::{CustomerId, InvalidCursor, Moment, SourceName, Warning, WarningCode, folded, open_cursor, seal_cursor};

/// Which customers a caller wants, and where the page begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomersQuery {
    /// Part of the id or of the name, case-folded.
    q: Option<String>,
    /// The customer after which the page begins.
    after: Option<CustomerId>,
    /// The maximum number of customers.
    size: usize,
}

/// One page of the customers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomersPage {
    /// The customers on it, in the order of their ids.
    pub customers: Vec<Linked>,
    /// How many customers match the query.
    pub total: usize,
    /// The cursor of the next page; `None` on the last.
    pub next_cursor: Option<String>,
    /// What a caller should know about the list.
    pub warnings: Vec<Warning>,
    /// Since when these links have been in use.
    pub as_of: Moment,
}

impl CustomersQuery {
    /// Reads the position that a cursor names; without one, the page is the first.
    pub fn new(q: Option<&str>, cursor: Option<&str>, size: usize) -> Result<Self, InvalidCursor> {
        let q = q.map(|q| folded(q).into_owned());
        let after = cursor.map(|cursor| {
            let place = open_cursor(&list(q.as_deref()), cursor)?;
            String::from_utf8(place).ok().and_then(|id| id.parse().ok()).ok_or(InvalidCursor)
        });
        Ok(Self { after: after.transpose()?, q, size })
    }
}

impl Customers {
    /// Returns a page of the customers that a caller may see.
    pub fn list(&self, query: &CustomersQuery, may_see: impl Fn(&CustomerId) -> bool) -> Result<CustomersPage, LinksUnavailable> {
        let known = self.known_by_heart()?;
        let (seen, unseen): (Vec<_>, Vec<_>) = everybody(&known, query.q.as_deref())
            .into_iter()
            .filter(|(entry, _)| entry.is_anywhere())
            .partition(|(entry, _)| may_see(&entry.id));
        let left: Vec<&Entry> = seen.iter().filter(|(_, is_left)| *is_left).map(|(entry, _)| *entry).collect();
        let start = query.after.as_ref().map_or(0, |after| left.partition_point(|entry| entry.id.as_str() <= after.as_str()));
        let end = start.saturating_add(query.size).min(left.len());
        let shown = left.get(start..end).unwrap_or_default();
        let last = shown.last().filter(|_| end < left.len());
        Ok(CustomersPage {
            customers: shown.iter().map(|entry| entry.linked(&self.sources)).collect(),
            total: left.len(),
            next_cursor: last.map(|last| seal_cursor(&list(query.q.as_deref()), last.id.as_str().as_bytes())),
            warnings: self.list_warnings(&known, &seen, unseen.is_empty()),
            as_of: known.iter().map(Known::at).max().unwrap_or(self.since),
        })
    }

    /// Returns since when the current links have been in use.
    pub fn as_of(&self) -> Moment {
        self.strategies.iter().filter_map(|strategy| strategy.known().ok()).map(|known| known.at()).max().unwrap_or(self.since)
    }

    /// How many customers there are at most to search.
    pub fn count(&self) -> usize {
        self.known_by_heart().map_or(0, |known| known.iter().map(|known| known.table().entries().len()).sum())
    }

    fn known_by_heart(&self) -> Result<Vec<Known>, LinksUnavailable> {
        self.strategies.iter().map(Strategy::known).collect()
    }

    /// Customers that cannot be requested are reported only if no customer is hidden from the caller:
    /// they have no customer id by which to decide whether the caller may know about them.
    fn list_warnings(&self, known: &[Known], seen: &[(&Entry, bool)], sees_all: bool) -> Vec<Warning> {
        let mut warnings = Vec::new();
        for (place, source) in self.sources.iter().enumerate() {
            let told = |entry: &Entry| entry.apart.iter().filter(|(name, _)| name == source).map(|(_, count)| *count).max();
            let is_of = |(entry, _): &&(&Entry, bool)| entry.is_apart && told(entry).is_some();
            let shown = seen.iter().filter(is_of).count() as u64;
            // Customers missing from the list, hidden or invisible to this caller, are counted by those shown (`apart`).
            let most = seen.iter().filter_map(|(entry, _)| told(entry)).max().unwrap_or(0);
            warnings.extend(counted(WarningCode::AmbiguousReference, *source, shown.max(most)));
            let hidden = if sees_all { not_listed(known, place, *source) } else { 0 };
            warnings.extend(counted(WarningCode::CustomersNotListed, *source, hidden));
        }
        if self.by_same_id {
            warnings.push(Warning { code: WarningCode::CustomersNotListed, source: None, count: None });
        }
        warnings.sort_unstable();
        warnings
    }
}

/// Counts the customers of a source, given by its place and name, that have an id that cannot be requested, and
/// that the file does not link either.
fn not_listed(known: &[Known], place: usize, source: SourceName) -> u64 {
    let is_in_file = |id: &&str| known.iter().any(|known| matches!(known, Known::File(file) if file.0.find_remote(place, id).is_some()));
    let hidden = known.iter().filter_map(|known| match known {
        Known::File(_) => None,
        Known::Discovered(found) => Some(found.hidden(source)),
    });
    hidden.flatten().filter(|id| !is_in_file(id)).count() as u64
}

/// Every customer once, ordered by id, and whether its texts contain `part`; if two have the same id, the
/// earlier strategy's.
fn everybody<'a>(known: &'a [Known], part: Option<&str>) -> Vec<(&'a Entry, bool)> {
    let mut all: Vec<(&Entry, bool)> = Vec::new();
    for table in known.iter().map(Known::table) {
        let mentioned = part.map(|part| table.mentioning(part));
        let is_left = |place: usize| mentioned.as_ref().is_none_or(|all| all.get(place).is_some_and(|one| *one));
        all.extend(table.entries().iter().enumerate().map(|(place, entry)| (entry, is_left(place))));
    }
    if known.len() > 1 {
        all.sort_by(|(a, _), (b, _)| a.id.as_str().cmp(b.id.as_str())); // stable, and fast on runs that are already sorted
        all.dedup_by(|(later, _), (earlier, _)| later.id == earlier.id);
    }
    all
}

fn counted(code: WarningCode, source: SourceName, count: u64) -> Option<Warning> {
    (count > 0).then_some(Warning { code, source: Some(source), count: Some(count) })
}

/// Identifies the list that a cursor is a position in.
fn list(q: Option<&str>) -> [&[u8]; 3] {
    [b"rollcall customers 1", if q.is_some() { b"q" } else { b"-" }, q.unwrap_or_default().as_bytes()]
}

#[cfg(test)]
#[path = "list_tests.rs"]
mod tests;
