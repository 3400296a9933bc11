//! Links the customers of several lists by the references that one source makes to another. Pure.
//!
//! The first list is the one that references refer to. If a reference matches one of its customers, and no
//! other reference of the same list matches that one, the two become one customer. Names are never
//! compared. Where anything would have to be guessed, both stay customers of their own. A customer that
//! cannot be requested (the partner itself, or an id that no path can hold) is never linked, and a
//! reference that also matches such a customer is still ambiguous.

use std::collections::HashSet;

use super::{
    references::{Fits, Names, names},
    table::Entry,
    unlinked_reason::UnlinkedReason,
};
use crate::domain::{CustomerId, LinkedBy, ListedCustomer, RemoteId, SourceName, is_path_segment};

/// One source's customers; `place` is the source's place among all sources.
#[derive(Clone, Copy, Debug)]
pub(super) struct List<'a> {
    pub(super) source: SourceName,
    pub(super) place: usize,
    pub(super) customers: &'a [ListedCustomer],
}

/// The links made from the lists.
#[derive(Debug, Default)]
pub(super) struct Matched {
    /// The customers, each once.
    pub(super) entries: Vec<Entry>,
    /// The customers that are linked to no other source, and why, in the order of the lists.
    pub(super) unlinked: Vec<Unlinked>,
}

/// A customer of one source that was not linked to any other source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unlinked {
    pub(super) source: SourceName,
    pub(super) id: Box<str>,
    pub(super) reason: UnlinkedReason,
}

/// Lists while they are being linked.
struct Matching<'a> {
    first: List<'a>,
    sources: usize,
    names: Names<'a>,
    /// For each customer of the first list, whether it can be requested.
    is_shown: Vec<bool>,
    /// The customers of the first list that are shown.
    entries: Vec<Option<Entry>>,
    taken: HashSet<CustomerId>,
    /// The customers that only another list has.
    alone: Vec<Entry>,
    /// The customers of the other lists that are linked to no other source.
    referring: Vec<Unlinked>,
}

/// Links lists; `sources` is the number of all sources.
pub(super) fn match_lists(lists: &[List<'_>], sources: usize) -> Matched {
    let Some((first, others)) = lists.split_first() else { return Matched::default() };
    let mut matching = Matching::new(*first, sources);
    for list in others {
        matching.add(list);
    }
    matching.finish(others)
}

/// A customer as its own source lists it; `None` if it is the partner itself, or if its id cannot be
/// requested.
fn own_entry(customer: &ListedCustomer, place: usize, sources: usize) -> Option<Entry> {
    let id: CustomerId = customer.id.parse().ok().filter(|_| !customer.is_provider)?;
    let mut to = vec![None; sources].into_boxed_slice();
    *to.get_mut(place)? = Some((RemoteId::from(&id), LinkedBy::Listed));
    Some(Entry { id, name: customer.name.clone(), to, apart: Vec::new(), is_apart: false })
}

fn link(entry: Option<&mut Option<Entry>>, customer: &ListedCustomer, place: usize, by: LinkedBy) {
    let Some(entry) = entry.and_then(Option::as_mut) else { return };
    if let Some(to) = entry.to.get_mut(place) {
        *to = Some((RemoteId::new(customer.id.as_ref()), by));
    }
    if entry.name.is_none() {
        entry.name.clone_from(&customer.name);
    }
}

/// A source may have a different customer with the same id, which therefore cannot be requested by it. If no
/// customer of that source is linked to the entry or left apart from it already, it may well be the same customer.
fn leave_namesakes_apart(entries: &mut [Option<Entry>], lists: &[List<'_>], unlinked: &[Unlinked]) {
    let hidden = unlinked.iter().filter(|one| one.reason == UnlinkedReason::IdTaken);
    let namesakes: HashSet<(SourceName, &str)> = hidden.map(|one| (one.source, &*one.id)).collect();
    for entry in entries.iter_mut().flatten() {
        for list in lists.iter().filter(|list| namesakes.contains(&(list.source, entry.id.as_str()))) {
            if entry.remote(list.place).is_none() && entry.apart.iter().all(|(source, _)| *source != list.source) {
                entry.apart.push((list.source, 1));
            }
        }
    }
}

fn unreferred(source: SourceName, customer: &ListedCustomer, entry: Option<&Entry>) -> Option<Unlinked> {
    let reason = match entry {
        None if customer.is_provider => return None,
        None => UnlinkedReason::InvalidId,
        Some(entry) if entry.to.iter().flatten().count() > 1 => return None,
        Some(entry) if entry.apart.is_empty() => UnlinkedReason::NotReferredTo,
        Some(_) => UnlinkedReason::SharedReference,
    };
    Some(Unlinked { source, id: customer.id.clone(), reason })
}

fn told(source: SourceName, apart: u64) -> Vec<(SourceName, u64)> {
    if apart > 0 { vec![(source, apart)] } else { Vec::new() }
}

// === impl Matching ===

impl<'a> Matching<'a> {
    fn new(first: List<'a>, sources: usize) -> Self {
        let entries: Vec<Option<Entry>> = first.customers.iter().map(|customer| own_entry(customer, first.place, sources)).collect();
        Self {
            first,
            sources,
            names: names(first.customers),
            is_shown: entries.iter().map(Option::is_some).collect(),
            taken: entries.iter().flatten().map(|entry| entry.id.clone()).collect(),
            entries,
            alone: Vec::new(),
            referring: Vec::new(),
        }
    }

    /// Links the customers of another list, or leaves them alone.
    fn add(&mut self, list: &List<'_>) {
        let fits = Fits::new(list.customers, &self.names, &self.is_shown);
        for (place, customer) in list.customers.iter().enumerate().filter(|(_, customer)| !customer.is_provider) {
            match fits.only(place) {
                Some((to, by)) if is_path_segment(&customer.id) => link(self.entries.get_mut(to), customer, list.place, by),
                _ => self.leave_alone(list, customer, fits.reason(place, customer), fits.apart_of(place)),
            }
        }
        for (to, entry) in self.entries.iter_mut().enumerate() {
            if let Some(entry) = entry.as_mut().filter(|entry| entry.remote(list.place).is_none()) {
                entry.apart.extend(told(list.source, fits.referring(to)));
            }
        }
    }

    /// Adds a customer that only its own source has, unless it cannot be requested.
    fn leave_alone(&mut self, list: &List<'_>, customer: &ListedCustomer, reason: UnlinkedReason, apart: u64) {
        let (entry, reason) = match own_entry(customer, list.place, self.sources) {
            None => (None, UnlinkedReason::InvalidId),
            Some(entry) if !self.taken.insert(entry.id.clone()) => (None, UnlinkedReason::IdTaken),
            Some(entry) => (Some(entry), reason),
        };
        self.alone.extend(entry.map(|entry| Entry { is_apart: apart > 0, apart: told(list.source, apart), ..entry }));
        self.referring.push(Unlinked { source: list.source, id: customer.id.clone(), reason });
    }

    fn finish(mut self, others: &[List<'_>]) -> Matched {
        let of_first = self.first.customers.iter().zip(&self.entries);
        let mut unlinked: Vec<_> =
            of_first.filter_map(|(customer, entry)| unreferred(self.first.source, customer, entry.as_ref())).collect();
        leave_namesakes_apart(&mut self.entries, others, &self.referring);
        unlinked.append(&mut self.referring);
        let entries = self.entries.into_iter().flatten().chain(self.alone).collect();
        Matched { entries, unlinked }
    }
}

// ===

#[cfg(test)]
#[path = "matching_tests.rs"]
mod tests;
