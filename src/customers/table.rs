//! Customers with their links, which can be found by their own id and by their id at a source.

use std::cmp::Ordering;

use super::linked::{Link, Linked};
use crate::{
    domain::{CustomerId, LinkedBy, RemoteId, SourceName, Warning, WarningCode, folded},
    search_text::SearchText,
};

/// Customers, each once, ordered by id.
#[derive(Debug, Default)]
pub(super) struct Table {
    entries: Vec<Entry>,
    /// For each source, the places of the customers that are linked to it, sorted by their id there,
    /// ignoring case.
    by_remote: Vec<Vec<u32>>,
    /// The searchable texts of each customer: the id and the name.
    texts: SearchText,
}

/// A customer and its links.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) id: CustomerId,
    pub(super) name: Option<Box<str>>,
    /// One place for each source.
    pub(super) to: Box<[Option<(RemoteId, LinkedBy)>]>,
    /// How many customers of each source might be this one, and were therefore left apart.
    pub(super) apart: Vec<(SourceName, u64)>,
    /// Whether this is one of those; then `apart` says how many they are.
    pub(super) is_apart: bool,
}

// === impl Table ===

impl Table {
    /// Makes a table of customers with distinct ids; each entry has one place for each of the `sources`.
    pub(super) fn new(mut entries: Vec<Entry>, sources: usize) -> Self {
        entries.sort_unstable_by(|a, b| a.id.as_str().cmp(b.id.as_str()));
        let by_remote = (0..sources).map(|source| places_by_remote(&entries, source)).collect();
        let mut texts = SearchText::default();
        for entry in &entries {
            let name = entry.name.as_deref().map(folded);
            texts.push([&*folded(entry.id.as_str())].into_iter().chain(name.as_deref()));
        }
        Self { entries, by_remote, texts }
    }

    /// For each entry, whether its id or name contains a case-folded text.
    pub(super) fn mentioning(&self, part: &str) -> Vec<bool> {
        self.texts.mentioning(part)
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub(super) fn find(&self, customer: &CustomerId) -> Option<&Entry> {
        let place = self.entries.binary_search_by(|entry| entry.id.as_str().cmp(customer.as_str())).ok()?;
        self.entries.get(place)
    }

    /// Finds the customer that is linked to an id at a source, given by its place.
    pub(super) fn find_remote(&self, source: usize, id: &str) -> Option<&Entry> {
        let places = self.by_remote.get(source)?;
        let entry = |place: &u32| self.entries.get(*place as usize);
        let compared =
            |place: &u32| entry(place).and_then(|entry| entry.remote(source)).map_or(Ordering::Less, |remote| compare(remote, id));
        places.binary_search_by(compared).ok().and_then(|found| entry(places.get(found)?))
    }
}

fn places_by_remote(entries: &[Entry], source: usize) -> Vec<u32> {
    let remote = |place: &u32| entries.get(*place as usize).and_then(|entry| entry.remote(source)).unwrap_or_default();
    let mut places: Vec<u32> = (0..).zip(entries).filter(|(_, entry)| entry.remote(source).is_some()).map(|(place, _)| place).collect();
    places.sort_unstable_by(|a, b| compare(remote(a), remote(b)));
    places
}

/// The order of ids at a source, ignoring case.
fn compare(one: &str, other: &str) -> Ordering {
    let lower = |text: &'_ str| text.bytes().map(|byte| byte.to_ascii_lowercase()).collect::<smallvec::SmallVec<[u8; 64]>>();
    if one.bytes().any(|byte| byte.is_ascii_uppercase()) || other.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return lower(one).cmp(&lower(other));
    }
    one.cmp(other)
}

// === impl Entry ===

impl Entry {
    /// The id at a source, given by its place.
    pub(super) fn remote(&self, source: usize) -> Option<&str> {
        self.to.get(source)?.as_ref().map(|(remote, _)| remote.as_str())
    }

    /// Whether the customer is linked to any source.
    pub(super) fn is_anywhere(&self) -> bool {
        self.to.iter().any(Option::is_some)
    }

    /// Where the customer is found.
    pub(super) fn linked(&self, sources: &[SourceName]) -> Linked {
        let links = sources.iter().zip(&self.to).map(|(source, to)| Link { source: *source, to: to.clone() });
        let warning = |(source, count): &(SourceName, u64)| Warning {
            code: WarningCode::AmbiguousReference,
            source: Some(*source),
            count: Some(*count),
        };
        Linked {
            customer: self.id.clone(),
            name: self.name.clone(),
            links: links.collect(),
            warnings: self.apart.iter().map(warning).collect(),
        }
    }
}
