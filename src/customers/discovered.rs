//! The links made from the sources' lists, and what the log says about them.

use std::collections::{HashMap, HashSet};

use super::{
    kept::KeptList,
    matching::{List, Matched, Unlinked, match_lists},
    table::Table,
    unlinked_reason::UnlinkedReason,
};
use crate::domain::{Moment, SourceName};

/// The number of unlinked customers, per reason and reading, that are named in the log at the info level; all
/// are named at the debug level.
const MOST_NAMED: usize = 10;

/// The links made from the lists.
#[derive(Debug)]
pub(super) struct Discovered {
    pub(super) table: Table,
    pub(super) at: Moment,
    /// The customers whose id cannot be requested: their source, and the id there.
    hidden: Vec<(SourceName, Box<str>)>,
    /// The ids of those customers and of the partner itself, in lower case.
    hidden_ids: HashSet<(SourceName, String)>,
    unlinked: Vec<Unlinked>,
}

impl Discovered {
    /// Links lists, each given with its source and that source's place; `sources` is the number of all sources. `None`
    /// if there is no list.
    pub(super) fn of(lists: &[(usize, SourceName, KeptList)], sources: usize) -> Option<Self> {
        let at = lists.iter().map(|(_, _, list)| list.at).max()?;
        let each: Vec<List<'_>> =
            lists.iter().map(|(place, source, list)| List { source: *source, place: *place, customers: &list.customers }).collect();
        let Matched { entries, unlinked } = match_lists(&each, sources);
        let hidden = unlinked.iter().filter(|unlinked| unlinked.reason.is_hidden());
        let hidden: Vec<_> = hidden.map(|unlinked| (unlinked.source, unlinked.id.clone())).collect();
        let providers = each.iter().flat_map(|list| list.customers.iter().filter(|one| one.is_provider).map(|one| (list.source, &one.id)));
        let ids = hidden.iter().map(|(source, id)| (*source, id)).chain(providers);
        let hidden_ids = ids.map(|(source, id)| (source, id.to_ascii_lowercase())).collect();
        Some(Self { table: Table::new(entries, sources), at, hidden, hidden_ids, unlinked })
    }

    /// Whether an id at a source belongs to a customer that cannot be requested, or to the partner itself.
    pub(super) fn hides(&self, source: SourceName, id: &str) -> bool {
        !self.hidden_ids.is_empty() && self.hidden_ids.contains(&(source, id.to_ascii_lowercase()))
    }

    /// The ids of a source's customers that cannot be requested.
    pub(super) fn hidden(&self, source: SourceName) -> impl Iterator<Item = &str> {
        self.hidden.iter().filter(move |(name, _)| *name == source).map(|(_, id)| &**id)
    }

    /// How many of a source's customers are linked to no other source for this reason.
    pub(super) fn count(&self, source: SourceName, reason: UnlinkedReason) -> usize {
        self.unlinked.iter().filter(|unlinked| (unlinked.source, unlinked.reason) == (source, reason)).count()
    }

    /// Logs what was linked and, if that has changed, names the customers that could not be linked.
    pub(super) fn tell(&self, before: Option<&Self>) {
        let (customers, unlinked) = (self.table.entries().len(), self.unlinked.len());
        tracing::info!(customers, unlinked, "the sources' customers were listed and linked");
        if before.is_some_and(|before| before.unlinked == self.unlinked) {
            return;
        }
        let told = told(&self.unlinked);
        for (Unlinked { source, id, reason }, is_named) in &told {
            let reason = reason.as_str();
            if *is_named {
                tracing::info!(%source, customer = ?id, reason, "a customer is linked to no other source");
            } else {
                tracing::debug!(%source, customer = ?id, reason, "a customer is linked to no other source");
            }
        }
        let more = told.iter().filter(|(_, is_named)| !is_named).count();
        if more > 0 {
            tracing::info!(more, "further customers are linked to no other source; the metrics count them by reason");
        }
    }
}

/// Sorts the unlinked customers, those first that a person can do something about. The flag says whether a
/// customer is named at the info level: a few for each reason are.
fn told(unlinked: &[Unlinked]) -> Vec<(&Unlinked, bool)> {
    let mut all: Vec<&Unlinked> = unlinked.iter().collect();
    all.sort_by_key(|unlinked| unlinked.reason.rank());
    let mut counts: HashMap<UnlinkedReason, usize> = HashMap::new();
    let mut named = |unlinked: &Unlinked| {
        let count = counts.entry(unlinked.reason).or_default();
        *count += 1;
        *count <= MOST_NAMED
    };
    all.into_iter().map(|unlinked| (unlinked, named(unlinked))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_names_a_few_for_each_reason_and_those_first_who_can_be_mended() {
        let many = |reason, count: usize| {
            (0..count).map(move |number| Unlinked { source: SourceName::new("left"), id: number.to_string().into(), reason })
        };
        let unlinked: Vec<Unlinked> = many(UnlinkedReason::NotReferredTo, 500)
            .chain(many(UnlinkedReason::NoReference, 2))
            .chain(many(UnlinkedReason::UnknownReference, 20))
            .chain(many(UnlinkedReason::InvalidId, 1))
            .chain(many(UnlinkedReason::SharedReference, 11))
            .chain(many(UnlinkedReason::IdTaken, 1))
            .chain(many(UnlinkedReason::FitsSeveral, 3))
            .collect();
        let told = told(&unlinked);
        assert_eq!(told.len(), unlinked.len(), "all are logged at some level");
        let mut named: Vec<(&str, usize)> = Vec::new();
        for (unlinked, _) in told.iter().filter(|(_, is_named)| *is_named) {
            match named.last_mut() {
                Some((reason, count)) if *reason == unlinked.reason.as_str() => *count += 1,
                _ => named.push((unlinked.reason.as_str(), 1)),
            }
        }
        let expected = [
            ("fits_several", 3),
            ("shared_reference", 10),
            ("id_taken", 1),
            ("invalid_id", 1),
            ("unknown_reference", 10),
            ("no_reference", 2),
            ("not_referred_to", 10),
        ];
        assert_eq!(named, expected);
    }
}
