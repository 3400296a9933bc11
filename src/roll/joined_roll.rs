//! A joined roll: every person, in the orders that callers may ask for. A page or a filter then only selects
//! from it.

use std::{
    borrow::Cow,
    cmp::Ordering,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use smallvec::SmallVec;
use uuid::Uuid;

use super::{
    bounded_cache::Cacheable,
    cached_answer::{CachedAnswer, SourceAnswer},
    encode::{Encoded, order, value},
    first_page::{FirstPage, Rendered},
    freshness::FreshnessPolicy,
    join::{Place, Side, join},
    merge::{conflicts, merge},
    query::{Sort, SortField},
    roll_entry::{Part, RollEntry, compare, records_at},
};
use crate::{
    domain::{Conflict, CustomerId, EmailKey, Placeholders, Record, Records, SourceName, User, Warning, folded},
    search_text::SearchText,
    sources::Walk,
};

/// Rolls with more records than this are processed off the threads that serve requests.
const MANY_RECORDS: usize = 500;

/// A part smaller than one such fraction of a roll is copied rather than shared.
const SMALL_PART: usize = 8;

/// About how many bytes a roll costs besides its persons.
const ENTRY_OVERHEAD: usize = 1024;

/// All persons of a customer, joined from particular copies.
#[derive(Debug)]
pub struct Roll {
    /// Whose roll it is.
    pub customer: CustomerId,
    parts: Vec<Part>,
    /// The persons, in the order of the default sort.
    persons: Vec<RollEntry>,
    /// The places of their records, person after person.
    places: Vec<Place>,
    /// Each person encoded, in the same order, separated by commas.
    json: Bytes,
    /// For each part and each of its records, the place of the person that it belongs to; computed by the
    /// first caller who needs it.
    holders: OnceLock<Vec<Vec<u32>>>,
    /// What searches look at, in the same order; built by the first search.
    texts: OnceLock<SearchText>,
    /// For each other sort, the persons' places in its order; computed by the first caller who needs it.
    orders: [OnceLock<Vec<u32>>; 5],
    /// The warnings of the join and of the walks.
    warnings: Vec<Warning>,
    first_page: FirstPage,
}

// === impl Roll ===

impl Roll {
    /// Joins records as if they had just been read; for benchmarks and tests.
    pub fn of_records(customer: CustomerId, sources: Vec<(SourceName, Records)>, nobody: &Placeholders) -> Self {
        let part = |(source, records): (_, Records)| {
            // Records are prepared as they are after a walk.
            let walk = Walk { records: Records::distinct(vec![records]), complete: true, ..Walk::default() };
            Part { source, copy: Arc::new(CachedAnswer::of(SourceAnswer::Users(walk), FreshnessPolicy::default())) }
        };
        Self::new(customer, sources.into_iter().map(part).collect(), nobody)
    }

    /// Joins copies. Those that say "not found" contribute no one.
    pub(super) fn new(customer: CustomerId, parts: Vec<Part>, nobody: &Placeholders) -> Self {
        let sides: Vec<Side<'_>> = parts.iter().map(|part| Side { source: part.source, records: part.records() }).collect();
        let joined = join(&customer, &sides, nobody);
        let Encoded { persons, places, json } = Encoded::new(&joined.persons, &parts);
        let mut warnings = joined.warnings;
        warnings.extend(parts.iter().flat_map(Part::warnings));
        Self {
            customer,
            parts,
            persons,
            places,
            json: json.into(),
            holders: OnceLock::new(),
            texts: OnceLock::new(),
            orders: Default::default(),
            warnings,
            first_page: FirstPage::default(),
        }
    }

    /// Returns the page that most callers ask for, with these warnings; the first caller renders it.
    pub fn first_page(&self, warnings: &[Warning], render: impl Fn() -> Rendered) -> Arc<Rendered> {
        self.first_page.page(warnings, render)
    }

    /// Returns whether the roll was joined from exactly these copies.
    pub(super) fn is_of(&self, parts: &[Part]) -> bool {
        let same = |(one, other): (&Part, &Part)| Arc::ptr_eq(&one.copy, &other.copy);
        self.parts.len() == parts.len() && self.parts.iter().zip(parts).all(same)
    }

    /// Returns the warnings of the join and of the walks.
    pub(super) fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// Returns how many persons there are, including those that are usually left out.
    pub fn len(&self) -> usize {
        self.persons.len()
    }

    /// Returns whether there are no persons.
    pub fn is_empty(&self) -> bool {
        self.persons.is_empty()
    }

    /// Returns whether it has so many records that going through all of them must happen off the threads that
    /// serve requests.
    pub fn is_large(&self) -> bool {
        is_large(&self.parts)
    }

    /// Returns whether an order exists already; the first caller who asks for it creates it.
    pub(super) fn is_in_order(&self, sort: Sort) -> bool {
        sort.place().and_then(|place| self.orders.get(place)).is_none_or(|order| order.get().is_some())
    }

    /// Returns the persons in an order, beginning with the first one after `after`.
    pub(super) fn sorted(&self, sort: Sort, after: Option<&(Option<String>, Uuid)>) -> impl Iterator<Item = (usize, &RollEntry)> {
        let at = self.places(sort);
        let length = self.persons.len();
        let is_before = |listed: &RollEntry, (value, id): &(Option<String>, Uuid)| {
            compare((self.value(listed, sort.field).as_deref(), listed.id), (value.as_deref(), *id), sort) != Ordering::Greater
        };
        let start = after.map_or(0, |after| partition(length, |index| at(index).is_some_and(|(_, listed)| is_before(listed, after))));
        (start..length).filter_map(at)
    }

    /// Returns the persons by their places in an order, each with their place in the default order.
    pub(super) fn places<'a>(&'a self, sort: Sort) -> impl Fn(usize) -> Option<(usize, &'a RollEntry)> {
        let order = self.order(sort);
        move |index: usize| {
            let place = order.map_or(Some(index), |places| places.get(index).map(|place| *place as usize))?;
            self.persons.get(place).map(|listed| (place, listed))
        }
    }

    /// Returns the texts that are searched.
    pub(super) fn texts(&self) -> &SearchText {
        self.texts.get_or_init(|| {
            let mut texts = SearchText::default();
            for listed in &self.persons {
                let user = self.user(listed);
                let searched = [user.display_name, user.email, user.username].map(|text| text.map(folded));
                texts.push(searched.iter().flatten().map(AsRef::as_ref));
            }
            texts.shrink();
            texts
        })
    }

    /// Returns the value by which a person is ordered.
    pub(super) fn value(&self, listed: &RollEntry, field: SortField) -> Option<Cow<'_, str>> {
        value(self.places_of(listed), &self.parts, field)
    }

    /// Returns a person as JSON, a [`User`] without `conflicts`.
    pub fn json(&self, listed: &RollEntry) -> &str {
        self.json.get(listed.span()).and_then(|json| std::str::from_utf8(json).ok()).unwrap_or("null")
    }

    /// Returns a person as JSON, with the fields on which their sources differ if wanted.
    pub fn shown(&self, listed: &RollEntry, with_conflicts: bool) -> Cow<'_, str> {
        let json = self.json(listed);
        if with_conflicts { super::roll_entry::with_conflicts(json, &self.conflicts_of(listed)).into() } else { json.into() }
    }

    /// Returns the JSON of the persons from one to another, separated by commas.
    pub(super) fn json_from(&self, first: &RollEntry, last: &RollEntry) -> &[u8] {
        self.json.get(first.span().start..last.span().end).unwrap_or_default()
    }

    /// Returns the JSON of the persons from one to another where it is stored, with all persons between.
    pub(super) fn run(&self, first: &RollEntry, last: &RollEntry) -> Bytes {
        let run = self.json_from(first, last);
        // A small part is copied: a slow reader must not keep a whole large roll in memory.
        if run.len() < self.json.len() / SMALL_PART { Bytes::copy_from_slice(run) } else { self.json.slice_ref(run) }
    }

    /// Returns the place of a source among the roll's sources.
    pub(super) fn place_of(&self, source: SourceName) -> Option<u16> {
        u16::try_from(self.parts.iter().position(|part| part.source == source)?).ok()
    }

    /// Returns whether it is already known which person each record belongs to; the first caller who needs it
    /// works that out.
    pub(super) fn knows_holders(&self) -> bool {
        self.holders.get().is_some()
    }

    /// Returns the person that has a record of a source.
    pub(super) fn holder(&self, source: SourceName, id: &str) -> Option<&RollEntry> {
        let place = usize::from(self.place_of(source)?);
        let record = self.parts.get(place)?.records().find(id)?;
        let holders = self.holders.get_or_init(|| holders(self));
        self.persons.get(*holders.get(place)?.get(record)? as usize)
    }

    /// Returns a person, field by field.
    pub(super) fn user(&self, listed: &RollEntry) -> User<'_> {
        merge(listed.id, listed.placeholder, self.records_of(listed))
    }

    /// Returns all persons, in the order of the default sort.
    pub(super) fn everybody(&self) -> &[RollEntry] {
        &self.persons
    }

    /// Returns the fields on which a person's records differ.
    pub fn conflicts_of(&self, listed: &RollEntry) -> Vec<Conflict<'_>> {
        conflicts(&self.records_of(listed).collect::<SmallVec<[_; 2]>>())
    }

    /// Returns whether a person has exactly this address.
    pub(super) fn has_address(&self, listed: &RollEntry, key: &EmailKey) -> bool {
        let is_key = |place: &Place| {
            let part = self.parts.get(usize::from(place.source));
            part.and_then(|part| part.records().key(place.record as usize)) == Some(key.as_str())
        };
        self.places_of(listed).iter().any(is_key)
    }

    /// Returns whether one of a person's records is of a source, given by its place.
    pub(super) fn has_record_of(&self, listed: &RollEntry, source: u16) -> bool {
        self.places_of(listed).iter().any(|place| place.source == source)
    }

    fn places_of(&self, listed: &RollEntry) -> &[Place] {
        self.places.get(listed.places()).unwrap_or_default()
    }

    fn records_of(&self, listed: &RollEntry) -> impl Iterator<Item = (SourceName, Record<'_>)> {
        records_at(self.places_of(listed), &self.parts)
    }

    /// Returns the places of the persons in an order; `None` for the default one, in which they are stored.
    pub(super) fn order(&self, by: Sort) -> Option<&[u32]> {
        let order = self.orders.get(by.place()?)?.get_or_init(|| {
            let persons = self.persons.iter().map(|listed| (listed.id, self.places_of(listed)));
            order(persons, &self.parts, by)
        });
        Some(order)
    }
}

// === impl Cacheable ===

impl Cacheable for Roll {
    /// Includes the copies that it is made of.
    fn weight(&self) -> u32 {
        let listed = self.persons.len() * size_of::<RollEntry>() + self.places.len() * size_of::<Place>();
        let copies: u32 = self.parts.iter().map(|part| part.copy.weight()).fold(0, u32::saturating_add);
        // Reserves for what may be added later: compressed pages, orders and places are about a third, and
        // the search texts are part of all texts.
        let json = self.json.len() + self.json.len() / 3;
        let texts: usize = self.parts.iter().map(|part| part.records().weight()).sum();
        u32::try_from(listed + json + texts + ENTRY_OVERHEAD).unwrap_or(u32::MAX).saturating_add(copies)
    }

    /// A roll is usable for as long as all of its copies are.
    fn is_of_use(&self) -> bool {
        self.parts.iter().all(|part| part.copy.is_of_use())
    }
}

/// Returns whether copies have so many records that joining them must happen off the threads that serve
/// requests.
pub(super) fn is_large(parts: &[Part]) -> bool {
    parts.iter().map(|part| part.copy.len()).sum::<usize>() > MANY_RECORDS
}

/// Returns how many of the first `length` places precede a point; those all come first.
fn partition(length: usize, is_before: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (0, length);
    while low < high {
        let middle = low + (high - low) / 2;
        if is_before(middle) { low = middle + 1 } else { high = middle }
    }
    low
}

/// Returns for each part and each of its records which person it belongs to. Every record belongs to one.
fn holders(roll: &Roll) -> Vec<Vec<u32>> {
    let mut holders: Vec<Vec<u32>> = roll.parts.iter().map(|part| vec![u32::MAX; part.records().len()]).collect();
    for (person, listed) in (0..).zip(&roll.persons) {
        for place in roll.places_of(listed) {
            let holder = holders.get_mut(usize::from(place.source)).and_then(|part| part.get_mut(place.record as usize));
            if let Some(holder) = holder {
                *holder = person;
            }
        }
    }
    holders
}
