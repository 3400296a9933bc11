//! Which customers the references of a list match. Pure.

use std::collections::{BTreeSet, HashMap};

use super::unlinked_reason::UnlinkedReason;
use crate::domain::{LinkedBy, ListedCustomer};

/// For each text that a reference may hold, the customers that it names.
pub(super) type Names<'a> = HashMap<&'a str, Vec<(usize, LinkedBy)>>;

/// Which customers of a list the references of another match, as places in the two lists.
pub(super) struct Fits {
    /// For each referring customer, which customers its reference matches, and by what.
    of: Vec<Vec<(usize, LinkedBy)>>,
    /// For each customer referred to, which customers refer to it.
    to: HashMap<usize, Vec<usize>>,
}

impl Fits {
    /// A reference that matches only customers that are not shown counts as matching none.
    pub(super) fn new(customers: &[ListedCustomer], names: &Names<'_>, is_shown: &[bool]) -> Self {
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

    /// The customer that a reference matches, if it matches no other and no other reference matches that customer.
    pub(super) fn only(&self, place: usize) -> Option<(usize, LinkedBy)> {
        let [(to, by)] = self.of.get(place)?.as_slice() else { return None };
        (self.referring(*to) == 1).then_some((*to, *by))
    }

    /// How many customers refer to a customer.
    pub(super) fn referring(&self, to: usize) -> u64 {
        self.to.get(&to).map_or(0, |referring| referring.len() as u64)
    }

    /// How many customers refer to those that a customer's reference matches, itself included.
    pub(super) fn apart_of(&self, place: usize) -> u64 {
        let fitted = self.of.get(place).into_iter().flatten();
        let referring: BTreeSet<usize> = fitted.filter_map(|(to, _)| self.to.get(to)).flatten().copied().collect();
        referring.len() as u64
    }

    /// Why a customer is not linked to any other.
    pub(super) fn reason(&self, place: usize, customer: &ListedCustomer) -> UnlinkedReason {
        match self.of.get(place).map_or(0, Vec::len) {
            _ if customer.reference.is_none() => UnlinkedReason::NoReference,
            0 => UnlinkedReason::UnknownReference,
            1 => UnlinkedReason::SharedReference,
            _ => UnlinkedReason::FitsSeveral,
        }
    }
}

/// Everything that a reference to one of these customers may say.
pub(super) fn names(customers: &[ListedCustomer]) -> Names<'_> {
    let mut names = Names::with_capacity(3 * customers.len());
    for (place, customer) in customers.iter().enumerate() {
        let id = (LinkedBy::ReferenceIsId, &customer.id);
        for (by, name) in std::iter::once(id).chain(customer.other_names.iter().map(|(by, name)| (*by, name))) {
            let whose = names.entry(name.as_ref()).or_default();
            // A customer whose names are the same text counts once.
            if whose.last().is_none_or(|(last, _)| *last != place) {
                whose.push((place, by));
            }
        }
    }
    names
}
