//! Linking the customers of several lists by what one source says of another's. Pure.
//!
//! The first list is the one that references speak of. A reference that fits one of its customers,
//! and no other reference of the same list fits that one, makes the two one customer. Names are
//! never compared. Where anything is left to guess, both stay customers of their own. Whom nobody
//! can ask for (the partner itself, or an id of a form that no path has) is never linked, and makes
//! a reference that fits it as well no surer.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::table::Entry;
use crate::domain::{CustomerId, LinkedBy, ListedCustomer, RemoteId, SourceName};

/// One source's customers; `place` is the source's among all sources.
#[derive(Clone, Copy, Debug)]
pub(super) struct List<'a> {
    pub(super) source: SourceName,
    pub(super) place: usize,
    pub(super) customers: &'a [ListedCustomer],
}

/// What lists come to.
#[derive(Debug, Default)]
pub(super) struct Matched {
    /// The customers, each once.
    pub(super) entries: Vec<Entry>,
    /// Who is linked to nobody else, and why, in the order of the lists.
    pub(super) unlinked: Vec<Unlinked>,
}

/// A customer of one source that was linked to none of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unlinked {
    pub(super) source: SourceName,
    pub(super) id: Box<str>,
    pub(super) reason: Reason,
}

/// Why a customer was linked to none of another source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Reason {
    /// No reference speaks of it.
    NotReferredTo,
    /// It has no reference.
    NoReference,
    /// Its reference fits nobody.
    UnknownReference,
    /// What its reference fits is what another's fits, too.
    SharedReference,
    /// Its reference fits several.
    FitsSeveral,
    /// Its id has a form that cannot be asked for: it is not listed.
    InvalidId,
    /// Its id is that of another customer: it is not listed.
    IdTaken,
}

/// Which customers of a list the references of another fit, as places in the two lists.
struct Fits {
    /// For each referring customer, whom its reference fits, and by what.
    of: Vec<Vec<(usize, LinkedBy)>>,
    /// For each customer spoken of, who refers to it.
    to: HashMap<usize, Vec<usize>>,
}

/// Links lists; so many sources there are in all.
pub(super) fn match_lists(lists: &[List<'_>], sources: usize) -> Matched {
    let mut matched = Matched::default();
    let Some((first, others)) = lists.split_first() else { return matched };
    let mut entries: Vec<Option<Entry>> = first.customers.iter().map(|customer| own_entry(customer, first.place, sources)).collect();
    let mut taken: HashSet<CustomerId> = entries.iter().flatten().map(|entry| entry.id.clone()).collect();
    let names = names(first.customers);
    let is_shown: Vec<bool> = entries.iter().map(Option::is_some).collect();
    let mut alone: Vec<Entry> = Vec::new();
    let mut referring = Vec::new();
    for list in others {
        let fits = Fits::new(list.customers, &names, &is_shown);
        for (place, customer) in list.customers.iter().enumerate().filter(|(_, customer)| !customer.is_provider) {
            match fits.only(place) {
                Some((to, by)) if is_askable(&customer.id) => link(entries.get_mut(to), customer, list.place, by),
                _ => {
                    let (entry, reason) = stand_alone(customer, list, fits.reason(place, customer), sources, &mut taken);
                    let apart = fits.apart_of(place);
                    alone.extend(entry.map(|entry| Entry { is_apart: apart > 0, apart: told(list.source, apart), ..entry }));
                    referring.push(Unlinked { source: list.source, id: customer.id.clone(), reason });
                }
            }
        }
        for (to, entry) in entries.iter_mut().enumerate() {
            if let Some(entry) = entry.as_mut().filter(|entry| entry.remote(list.place).is_none()) {
                entry.apart.extend(told(list.source, fits.referring(to)));
            }
        }
    }
    matched
        .unlinked
        .extend(first.customers.iter().zip(&entries).filter_map(|(customer, entry)| unreferred(first.source, customer, entry.as_ref())));
    leave_namesakes_apart(&mut entries, others, &referring);
    matched.unlinked.append(&mut referring);
    matched.entries.extend(entries.into_iter().flatten());
    matched.entries.append(&mut alone);
    matched
}

/// A customer as its own source lists it; `None` where it is the partner itself, or its id has a
/// form that cannot be asked for.
fn own_entry(customer: &ListedCustomer, place: usize, sources: usize) -> Option<Entry> {
    let id: CustomerId = customer.id.parse().ok().filter(|_| !customer.is_provider)?;
    let mut to = vec![None; sources].into_boxed_slice();
    *to.get_mut(place)? = Some((RemoteId::from(&id), LinkedBy::Listed));
    Some(Entry { id, name: customer.name.clone(), to, apart: Vec::new(), is_apart: false })
}

/// Everything that a reference may say, and whose name it is.
fn names(customers: &[ListedCustomer]) -> HashMap<&str, Vec<(usize, LinkedBy)>> {
    let mut names: HashMap<&str, Vec<(usize, LinkedBy)>> = HashMap::with_capacity(3 * customers.len());
    for (place, customer) in customers.iter().enumerate() {
        let id = (LinkedBy::ReferenceIsId, &customer.id);
        for (by, name) in std::iter::once(id).chain(customer.other_names.iter().map(|(by, name)| (*by, name))) {
            let whose = names.entry(name.as_ref()).or_default();
            // A customer whose names are the same text is fitted once.
            if whose.last().is_none_or(|(last, _)| *last != place) {
                whose.push((place, by));
            }
        }
    }
    names
}

/// Whether an id can stand in the path of a URL.
fn is_askable(id: &str) -> bool {
    !matches!(id, "." | "..")
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

/// A customer that only its own source has, unless it cannot be asked for.
fn stand_alone(
    customer: &ListedCustomer,
    list: &List<'_>,
    reason: Reason,
    sources: usize,
    taken: &mut HashSet<CustomerId>,
) -> (Option<Entry>, Reason) {
    match own_entry(customer, list.place, sources) {
        None => (None, Reason::InvalidId),
        Some(entry) if !taken.insert(entry.id.clone()) => (None, Reason::IdTaken),
        Some(entry) => (Some(entry), reason),
    }
}

/// A source may have another customer of one's id, whom nobody can ask for by it. Where none of that source is
/// linked and none is left apart already, he may well be this one.
fn leave_namesakes_apart(entries: &mut [Option<Entry>], lists: &[List<'_>], unlinked: &[Unlinked]) {
    let hidden = unlinked.iter().filter(|one| one.reason == Reason::IdTaken);
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
        None => Reason::InvalidId,
        Some(entry) if entry.to.iter().flatten().count() > 1 => return None,
        Some(entry) if entry.apart.is_empty() => Reason::NotReferredTo,
        Some(_) => Reason::SharedReference,
    };
    Some(Unlinked { source, id: customer.id.clone(), reason })
}

fn told(source: SourceName, apart: u64) -> Vec<(SourceName, u64)> {
    if apart > 0 { vec![(source, apart)] } else { Vec::new() }
}

// === impl Fits ===

impl Fits {
    /// A reference that fits only those who are not shown fits nobody.
    fn new(customers: &[ListedCustomer], names: &HashMap<&str, Vec<(usize, LinkedBy)>>, is_shown: &[bool]) -> Self {
        let any_shown = |fitted: &&Vec<(usize, LinkedBy)>| fitted.iter().any(|(to, _)| is_shown.get(*to) == Some(&true));
        let fitted = |customer: &ListedCustomer| names.get(customer.reference.as_deref()?).filter(any_shown).cloned();
        let of: Vec<Vec<_>> = customers.iter().map(|customer| fitted(customer).unwrap_or_default()).collect();
        let mut to: HashMap<usize, Vec<usize>> = HashMap::new();
        for (place, fitted) in of.iter().enumerate() {
            for (whom, _) in fitted {
                to.entry(*whom).or_default().push(place);
            }
        }
        Self { of, to }
    }

    /// Whom a customer's reference fits, where it fits nobody else and no other reference does.
    fn only(&self, place: usize) -> Option<(usize, LinkedBy)> {
        let [(to, by)] = self.of.get(place)?.as_slice() else { return None };
        (self.referring(*to) == 1).then_some((*to, *by))
    }

    /// How many refer to a customer.
    fn referring(&self, to: usize) -> u64 {
        self.to.get(&to).map_or(0, |referring| referring.len() as u64)
    }

    /// How many refer to those that a customer's reference fits, itself included.
    fn apart_of(&self, place: usize) -> u64 {
        let fitted = self.of.get(place).into_iter().flatten();
        let referring: BTreeSet<usize> = fitted.filter_map(|(to, _)| self.to.get(to)).flatten().copied().collect();
        referring.len() as u64
    }

    /// Why a customer is linked to nobody.
    fn reason(&self, place: usize, customer: &ListedCustomer) -> Reason {
        match self.of.get(place).map_or(0, Vec::len) {
            _ if customer.reference.is_none() => Reason::NoReference,
            0 => Reason::UnknownReference,
            1 => Reason::SharedReference,
            _ => Reason::FitsSeveral,
        }
    }
}

// === impl Reason ===

impl Reason {
    /// Every reason.
    pub(super) const ALL: [Self; 7] = [
        Self::NotReferredTo,
        Self::NoReference,
        Self::UnknownReference,
        Self::SharedReference,
        Self::FitsSeveral,
        Self::InvalidId,
        Self::IdTaken,
    ];

    /// The name in logs and metrics.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::NotReferredTo => "not_referred_to",
            Self::NoReference => "no_reference",
            Self::UnknownReference => "unknown_reference",
            Self::SharedReference => "shared_reference",
            Self::FitsSeveral => "fits_several",
            Self::InvalidId => "invalid_id",
            Self::IdTaken => "id_taken",
        }
    }

    /// Its place in the log: what a person can mend stands before what may well be so.
    pub(super) const fn rank(self) -> u8 {
        match self {
            Self::FitsSeveral => 0,
            Self::SharedReference => 1,
            Self::IdTaken => 2,
            Self::InvalidId => 3,
            Self::UnknownReference => 4,
            Self::NoReference => 5,
            Self::NotReferredTo => 6,
        }
    }

    /// Whether the customer is in no list of ours.
    pub(super) const fn is_hidden(self) -> bool {
        matches!(self, Self::InvalidId | Self::IdTaken)
    }
}

#[cfg(test)]
#[path = "matching_tests.rs"]
mod tests;
