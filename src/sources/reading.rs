//! Walks pages: which page to ask for next, when to stop, and whether what was received agrees with
//! the counts. Pure; `pages.rs` makes the requests.
//!
//! The vendor documents neither the maximum page size nor the order nor what follows the end, and
//! prints `AmountOfPages: 0` beside records (Acronis PSA guide, "Fetch customers"), so no count
//! is trusted alone.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use super::adapter::{Page, Paging, Position};
use crate::domain::{Failure, FailureKind, ListedCustomer, Records};

/// The rows of a page, and of all pages.
pub(super) trait Rows: Default + Send + 'static {
    /// The number of rows.
    fn count(&self) -> usize;

    /// The ids that distinguish the rows.
    fn ids(&self) -> impl Iterator<Item = &str>;

    /// Merges all rows into one per id, ordered by id. If two have the same id the greater one is kept, so
    /// that neither the order of the pages nor that of their arrival matters.
    fn distinct(all: Vec<Self>) -> Self;

    /// Keeps only the rows with wanted ids.
    fn with_ids(self, is_wanted: impl Fn(&str) -> bool) -> Self;
}

/// A reading of all pages, while it is in progress.
#[derive(Debug)]
pub(super) struct Reading<R = Records> {
    paging: Paging,
    /// Whether pages are read until one has no rows, even if the list looks complete before.
    proves_end: bool,
    pages: BTreeMap<u64, Page<R>>,
    /// Every cursor that a page has named, if the backend pages by cursor.
    cursors: HashSet<Arc<str>>,
    /// Why it ended before its last page.
    refused: Option<Failure>,
}

/// The result of one reading.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Read<R = Records> {
    /// The distinct records, ordered by id.
    pub(super) records: R,
    /// Whether the counts stayed the same and match what was received.
    pub(super) agrees: bool,
    /// Why it ended before its last page, if it did: then it agrees with nothing.
    pub(super) refused: Option<Failure>,
    /// How many fields had the wrong type.
    pub(super) odd_fields: u64,
    /// How many rows were received.
    pub(super) rows: u64,
}

impl Rows for Records {
    fn count(&self) -> usize {
        self.len()
    }

    fn ids(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).filter_map(|place| self.id(place))
    }

    fn distinct(all: Vec<Self>) -> Self {
        Self::distinct(all)
    }

    fn with_ids(self, is_wanted: impl Fn(&str) -> bool) -> Self {
        self.filtered(|record| is_wanted(record.id))
    }
}

impl Rows for Vec<ListedCustomer> {
    fn count(&self) -> usize {
        self.len()
    }

    fn ids(&self) -> impl Iterator<Item = &str> {
        self.iter().map(|customer| &*customer.id)
    }

    fn distinct(all: Vec<Self>) -> Self {
        let mut customers: Self = all.into_iter().flatten().collect();
        customers.sort_unstable_by(|a, b| b.cmp(a));
        customers.dedup_by(|a, b| a.id == b.id);
        customers.reverse();
        customers
    }

    fn with_ids(mut self, is_wanted: impl Fn(&str) -> bool) -> Self {
        self.retain(|customer| is_wanted(&customer.id));
        self
    }
}

impl<R: Rows> Reading<R> {
    pub(super) fn new(paging: Paging) -> Self {
        Self { paging, proves_end: false, pages: BTreeMap::new(), cursors: HashSet::new(), refused: None }
    }

    /// A reading that proves its end, for a list that no request waits for.
    pub(super) fn to_the_end(paging: Paging) -> Self {
        Self { proves_end: true, ..Self::new(paging) }
    }

    /// The pages to ask for now; they may be asked for concurrently and arrive in any order.
    /// Empty when the reading is complete.
    pub(super) fn wanted(&self) -> Vec<u64> {
        let Some(last) = self.pages.keys().next_back().copied() else { return vec![1] };
        if self.refused.is_some() {
            return Vec::new();
        }
        let missing: Vec<u64> = match self.paging {
            Paging::Pages { .. } => (2..=self.stated_pages()).filter(|page| !self.pages.contains_key(page)).collect(),
            Paging::Whole { .. } | Paging::Cursor { .. } => Vec::new(),
        };
        if missing.is_empty() && self.is_followed(last) { vec![last + 1] } else { missing }
    }

    /// The position of a page, based on the server's page size as far as it is known, or on the page before it.
    pub(super) fn position(&self, page: u64) -> Position {
        let before = page.saturating_sub(1);
        let offset = match self.paging {
            Paging::Pages { .. } | Paging::Whole { .. } => before.saturating_mul(self.size()),
            Paging::Cursor { .. } => self.rows(),
        };
        Position { page, offset, cursor: self.pages.get(&before).and_then(Page::followed_by).cloned() }
    }

    /// Whether there may be another page after the last one received.
    fn is_followed(&self, last: u64) -> bool {
        match self.paging {
            Paging::Pages { .. } => {
                let has_more = self.is_full(last) && self.is_past_the_end(last);
                (has_more || self.is_doubted(last)) && !self.is_repeated(last)
            }
            Paging::Whole { .. } => false,
            Paging::Cursor { .. } => self.pages.get(&last).is_some_and(|page| page.followed_by().is_some()),
        }
    }

    /// Whether the list has to prove that a page is its last: if no pages are counted, the server may return fewer
    /// rows than are asked for, and a count beside the first page may be of its rows only. Where pages name
    /// the next one, one that names none is proof enough.
    fn is_doubted(&self, last: u64) -> bool {
        let has_rows = self.pages.get(&last).is_some_and(|page| page.records.count() > 0);
        let count_proves_nothing = self.stated_count().is_none_or(|count| last == 1 && self.rows() == count);
        self.proves_end && self.paging.counts_tell_pages() && has_rows && self.counted_pages().is_none() && count_proves_nothing
    }

    /// Whether a page that was not received yet is requested only as a proof: without it the list looks complete.
    pub(super) fn is_proof(&self, number: u64) -> bool {
        let last = number.wrapping_sub(1);
        self.is_doubted(last) && (self.stated_count().is_some() || !self.is_full(last))
    }

    /// The last page that is wanted or was received, as far as is known so far.
    pub(super) fn last_page(&self) -> u64 {
        let next = self.pages.keys().next_back().map_or(1, |last| if self.is_followed(*last) { last + 1 } else { *last });
        self.stated_pages().max(next)
    }

    /// The number of pages that the backend states, or that its count of records implies; 0 if it states
    /// neither, or if each page names the next one.
    fn stated_pages(&self) -> u64 {
        if !self.paging.counts_tell_pages() {
            return 0;
        }
        let by_count = self.stated_count().map_or(0, |count| count.div_ceil(self.size()));
        self.counted_pages().unwrap_or(0).max(by_count)
    }

    /// The last page that the backend must have; 0 if nothing tells. If it states a number of pages, its count of
    /// records is ignored: the page that it implies is a guess from the size of the first one.
    pub(super) fn end(&self) -> u64 {
        if !self.paging.counts_tell_pages() {
            return 0;
        }
        self.counted_pages().unwrap_or_else(|| self.stated_pages())
    }

    /// The number of pages that the backend states, from the first page that states one.
    fn counted_pages(&self) -> Option<u64> {
        self.told_pages().next()
    }

    /// The number of pages from each page that states one; 0 is also stated beside records, so it is ignored.
    fn told_pages(&self) -> impl Iterator<Item = u64> {
        self.pages.values().filter_map(|page| page.pages).filter(|pages| *pages > 0)
    }

    /// Adds a received page. One that proves the end adds nothing: it has no rows, and counts none, or it repeats the
    /// page before it, because the server ignores the page number.
    pub(super) fn take(&mut self, number: u64, page: Page<R>) {
        let (is_proof, is_empty) = (self.is_proof(number), page.records.count() == 0 && page.count.is_none_or(|count| count == 0));
        self.note_cursor(&page);
        self.pages.insert(number, page);
        if is_proof && (is_empty || self.is_repeated(number)) {
            self.pages.insert(number, Page::default());
        }
    }

    /// Notes the cursor of the next page. One that was named before leads around in a circle, so that no end can be found.
    fn note_cursor(&mut self, page: &Page<R>) {
        let next = match self.paging {
            Paging::Pages { .. } | Paging::Whole { .. } => None,
            Paging::Cursor { .. } => page.followed_by(),
        };
        if next.is_some_and(|next| !self.cursors.insert(Arc::clone(next))) {
            self.refuse(Failure::answered(FailureKind::InvalidResponse, 200));
        }
    }

    /// Records that a page that should exist cannot be obtained.
    pub(super) fn refuse(&mut self, failure: Failure) {
        self.refused = Some(failure);
    }

    /// Ends the reading.
    pub(super) fn finish(self) -> Read<R> {
        let rows = self.rows();
        let unchanged = self.refused.is_none() && !self.has_changed() && !self.lacks_rows();
        let (count, paging, refused) = (self.stated_count(), self.paging, self.refused);
        let odd_fields = self.pages.values().map(|page| page.odd_fields).sum();
        let records = R::distinct(self.pages.into_values().map(|page| page.records).collect());
        let came = if paging.counts_rows() { rows } else { records.count() as u64 };
        // Without a stated count, a row that comes twice shows that another may have been missed.
        let fits = count.map_or(paging.counts_rows() || rows == came, |count| count == came);
        Read { records, agrees: unchanged && fits, refused, odd_fields, rows }
    }

    /// Whether the stated number of records or, if none is stated, of pages changed during the reading.
    fn has_changed(&self) -> bool {
        if let Some(count) = self.stated_count() {
            return self.pages.values().filter_map(|page| page.count).any(|other| other != count);
        }
        let mut told = self.told_pages();
        told.next().is_some_and(|first| told.any(|other| other != first))
    }

    /// Whether rows are missing, whatever the count of records says or although there is none.
    fn lacks_rows(&self) -> bool {
        match self.paging {
            Paging::Pages { .. } | Paging::Whole { .. } => self.stated_count().is_none() && self.lacks_rows_uncounted(),
            Paging::Cursor { .. } => self.pages.keys().next_back().is_some_and(|last| self.lacks_pages(*last)),
        }
    }

    /// Whether the pages end before the last one that the backend states, or one that is not the last has fewer rows
    /// than another. If records are counted, the count exposes missing ones.
    fn lacks_rows_uncounted(&self) -> bool {
        let rows = |page: &Page<R>| page.records.count();
        let last = self.pages.iter().rev().find(|(_, page)| rows(page) > 0).map_or(1, |(number, _)| *number);
        let fullest = self.pages.values().map(rows).max().unwrap_or(0);
        let is_short = |(_, page): (&u64, &Page<R>)| rows(page) < fullest;
        last < self.stated_pages() || self.pages.range(..last).any(is_short)
    }

    /// Whether the last page received names another one or, if no records are counted, is before the last one that the
    /// backend states.
    fn lacks_pages(&self, last: u64) -> bool {
        self.is_followed(last) || (self.stated_count().is_none() && self.counted_pages() > Some(last))
    }

    fn first(&self) -> Option<&Page<R>> {
        self.pages.get(&1)
    }

    /// The count from the first page that states one.
    fn stated_count(&self) -> Option<u64> {
        self.pages.values().find_map(|page| page.count)
    }

    /// How many rows were received.
    pub(super) fn rows(&self) -> u64 {
        self.pages.values().map(|page| page.records.count() as u64).sum()
    }

    /// The rows on a full page: the number asked for, or the server's own page size if the first page shows it. It does
    /// if it has more rows than asked for, or fewer than asked for and fewer than there are. If only pages are counted,
    /// a first page that is not the only one has fewer rows than there are.
    fn size(&self) -> u64 {
        let Some(asked) = self.paging.asked() else { return u64::MAX };
        let first = self.first();
        let came = first.map_or(0, |page| page.records.count() as u64);
        let fewer_than_there_are = first.is_some_and(|page| page.count.map_or(page.pages > Some(1), |count| came < count));
        if came > 0 && came < asked && fewer_than_there_are { came } else { asked.max(came).max(1) }
    }

    fn is_full(&self, number: u64) -> bool {
        self.pages.get(&number).is_some_and(|page| page.records.count() as u64 >= self.size())
    }

    /// Whether a page exceeds what the backend states there is; always, if it states nothing.
    fn is_past_the_end(&self, number: u64) -> bool {
        match self.stated_count() {
            Some(count) => self.rows() > count || (number == 1 && self.may_count_one_page(count)),
            // A number of pages without a count of records is not trusted alone: a full last page may be
            // followed by more.
            None => number >= self.stated_pages(),
        }
    }

    /// Whether the count that comes with the first page may count only that page's rows: it equals the number of rows
    /// requested and received, and no number of pages is stated. Another list of this API states an `AmountRecordsFound`
    /// that is not the number of all records, beside `AmountOfPages: 0` (Acronis PSA guide, the example of sales items).
    fn may_count_one_page(&self, count: u64) -> bool {
        self.paging.asked() == Some(count) && self.rows() == count && self.counted_pages().is_none()
    }

    /// Whether a page repeats the previous one: the server ignores the page number.
    fn is_repeated(&self, number: u64) -> bool {
        let (Some(page), Some(before)) = (self.pages.get(&number), self.pages.get(&(number.wrapping_sub(1)))) else {
            return false;
        };
        page.records.count() > 0 && page.records.ids().eq(before.records.ids())
    }
}

impl<R: Rows> Read<R> {
    /// Returns everything that either of two readings found. What both found is taken from this one, the later.
    pub(super) fn union(self, earlier: Self) -> R {
        let seen: HashSet<&str> = self.records.ids().collect();
        let gone = earlier.records.with_ids(|id| !seen.contains(id));
        R::distinct(vec![self.records, gone])
    }
}

#[cfg(test)]
#[path = "reading_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "cursor_reading_tests.rs"]
mod cursor_tests;
