//! A joined roll: every person, in the orders that callers may ask for. A page or a
//! filter is then a choice among what is there.

use std::{
    cmp::Ordering,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use uuid::Uuid;

use super::{
    copy::{Copy, Known},
    freshness::Windows,
    join::{Records, join},
    listed::{Listed, Part, compare, records_of},
    merge::{conflicts, merge},
    query::{Sort, SortField},
};
use crate::{
    domain::{Conflict, CustomerId, EmailKey, Placeholders, Record, SourceName, User, Warning, folded},
    sources::Walk,
    texts::Texts,
};

/// Records above which work on all of them leaves the threads that serve everybody.
const MANY_RECORDS: usize = 500;

/// All persons of a customer, joined from certain copies.
#[derive(Debug)]
pub struct Roll {
    /// Whose roll it is.
    pub customer: CustomerId,
    parts: Vec<Part>,
    /// In the order of the default sort.
    persons: Vec<Listed>,
    /// For each part and each of its records, the place of the person that it belongs to.
    holders: Vec<Vec<u32>>,
    /// What is searched of them, in the same order.
    texts: Texts,
    /// For each other sort, the persons' places in its order.
    orders: [OnceLock<Vec<u32>>; 5],
    /// What the join and the walks have to say.
    warnings: Vec<Warning>,
    /// The page that most callers want, once somebody has rendered it.
    front: OnceLock<(Vec<Warning>, Arc<Rendered>)>,
}

/// A page, ready to send.
#[derive(Debug)]
pub struct Rendered {
    /// The body.
    pub bytes: Bytes,
    /// What tells it from others.
    pub etag: String,
    /// The cursor of the next page.
    pub next_cursor: Option<String>,
}

// === impl Roll ===

impl Roll {
    /// Joins records as if they had just been read; for measuring and for tests.
    pub fn of_records(customer: CustomerId, sources: Vec<(SourceName, Vec<Record>)>, nobody: &Placeholders) -> Self {
        let part = |(source, mut records): (_, Vec<Record>)| {
            // As whoever reads a source leaves them.
            records.sort_by(|a, b| a.id.cmp(&b.id));
            let walk = Walk { records, complete: true, ..Walk::default() };
            Part { source, copy: Arc::new(Copy::of(Known::Users(walk), Windows::default())) }
        };
        Self::new(customer, sources.into_iter().map(part).collect(), nobody)
    }

    /// Joins copies. Those that say "not found" hold nobody.
    pub(super) fn new(customer: CustomerId, parts: Vec<Part>, nobody: &Placeholders) -> Self {
        let records: Vec<Records<'_>> = parts.iter().map(|part| Records { source: part.source, records: part.records() }).collect();
        let joined = join(&customer, &records, nobody);
        let mut persons: Vec<Listed> = joined.persons.into_iter().map(|person| Listed::new(person, &parts)).collect();
        persons.sort_unstable_by(|a, b| a.compare(b, Sort::default()));
        let mut texts = Texts::default();
        for listed in &persons {
            let names = records_of(&listed.person, &parts);
            let username = names.iter().find_map(|(_, record)| record.username.as_deref()).map(folded);
            texts.push([listed.value(SortField::DisplayName), listed.value(SortField::Email), username.as_deref()].into_iter().flatten());
        }
        let mut warnings = joined.warnings;
        warnings.extend(parts.iter().flat_map(Part::warnings));
        let holders = holders(&persons, &parts);
        Self { customer, parts, persons, holders, texts, orders: Default::default(), warnings, front: OnceLock::new() }
    }

    /// The page that most callers want, with these warnings; rendered by the first of them. The
    /// links may have more to say of the same copies later, which is then rendered each time.
    pub fn front(&self, warnings: &[Warning], render: impl Fn() -> Rendered) -> Arc<Rendered> {
        let (said, front) = self.front.get_or_init(|| (warnings.to_vec(), Arc::new(render())));
        if said == warnings { Arc::clone(front) } else { Arc::new(render()) }
    }

    /// Whether the roll was joined from just these copies.
    pub(super) fn is_of(&self, parts: &[Part]) -> bool {
        let same = |(one, other): (&Part, &Part)| Arc::ptr_eq(&one.copy, &other.copy);
        self.parts.len() == parts.len() && self.parts.iter().zip(parts).all(same)
    }

    /// What the join and the walks have to say.
    pub(super) fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// How many persons there are, with those that are usually left out.
    pub fn len(&self) -> usize {
        self.persons.len()
    }

    /// Whether there is nobody.
    pub fn is_empty(&self) -> bool {
        self.persons.is_empty()
    }

    /// Whether it is of so many records that whoever goes through all of them leaves the threads that
    /// serve everybody.
    pub fn is_large(&self) -> bool {
        is_large(&self.parts)
    }

    /// Whether an order is there already; the first who asks for it makes it.
    pub(super) fn is_in_order(&self, sort: Sort) -> bool {
        sort.place().and_then(|place| self.orders.get(place)).is_none_or(|order| order.get().is_some())
    }

    /// The persons in an order, from the first one on that lies behind `after`.
    pub(super) fn sorted(&self, sort: Sort, after: Option<&(Option<String>, Uuid)>) -> impl Iterator<Item = (usize, &Listed)> {
        let at = self.places(sort);
        let length = self.persons.len();
        let is_before = |listed: &Listed, (value, id): &(Option<String>, Uuid)| {
            compare((listed.value(sort.field), listed.id()), (value.as_deref(), *id), sort) != Ordering::Greater
        };
        let start = after.map_or(0, |after| partition(length, |index| at(index).is_some_and(|(_, listed)| is_before(listed, after))));
        (start..length).filter_map(at)
    }

    /// The persons by their places in an order, each with his place in that of the default sort.
    pub(super) fn places<'a>(&'a self, sort: Sort) -> impl Fn(usize) -> Option<(usize, &'a Listed)> {
        let order = self.order(sort);
        move |index: usize| {
            let place = order.map_or(Some(index), |places| places.get(index).map(|place| *place as usize))?;
            self.persons.get(place).map(|listed| (place, listed))
        }
    }

    /// What is searched.
    pub(super) fn texts(&self) -> &Texts {
        &self.texts
    }

    /// The place of a source among those that the roll is of.
    pub(super) fn place_of(&self, source: SourceName) -> Option<u16> {
        u16::try_from(self.parts.iter().position(|part| part.source == source)?).ok()
    }

    /// The person that has a record of a source.
    pub(super) fn holder(&self, source: SourceName, id: &str) -> Option<&Listed> {
        let place = usize::from(self.place_of(source)?);
        let record = self.parts.get(place)?.records().binary_search_by(|record| (*record.id).cmp(id)).ok()?;
        self.persons.get(*self.holders.get(place)?.get(record)? as usize)
    }

    /// A person, field by field.
    pub(super) fn user(&self, listed: &Listed) -> User<'_> {
        merge(listed.person.id, listed.person.placeholder, &records_of(&listed.person, &self.parts))
    }

    /// Everybody, in the order of the default sort.
    pub(super) fn everybody(&self) -> &[Listed] {
        &self.persons
    }

    /// The fields on which a person's records differ.
    pub fn conflicts_of(&self, listed: &Listed) -> Vec<Conflict<'_>> {
        conflicts(&records_of(&listed.person, &self.parts))
    }

    /// Whether a person has just this address.
    pub(super) fn has_address(&self, listed: &Listed, key: &EmailKey) -> bool {
        records_of(&listed.person, &self.parts).iter().any(|(_, record)| record.key.as_ref() == Some(key))
    }

    /// About how many bytes it holds, the copies that it is made of included.
    pub(super) fn weight(&self) -> u32 {
        let listed: usize = self.persons.iter().map(|listed| size_of::<Listed>() + 2 * listed.json().get().len()).sum();
        let copies: u32 = self.parts.iter().map(|part| part.copy.weight()).fold(0, u32::saturating_add);
        let holders: usize = self.holders.iter().map(|records| records.len() * size_of::<u32>()).sum();
        u32::try_from(listed + holders + self.texts.weight()).unwrap_or(u32::MAX).saturating_add(copies)
    }

    /// The places of the persons in an order; `None` for the default one, which they are in.
    pub(super) fn order(&self, sort: Sort) -> Option<&[u32]> {
        let order = self.orders.get(sort.place()?)?.get_or_init(|| {
            let mut places: Vec<u32> = (0..).take(self.persons.len()).collect();
            let listed = |place: &u32| self.persons.get(*place as usize);
            places.sort_unstable_by(|a, b| match (listed(a), listed(b)) {
                (Some(a), Some(b)) => a.compare(b, sort),
                _ => Ordering::Equal, // every place is one of a person
            });
            places
        });
        Some(order)
    }
}

/// Whether copies have so many records that joining them leaves the threads that serve everybody.
pub(super) fn is_large(parts: &[Part]) -> bool {
    parts.iter().map(|part| part.copy.len()).sum::<usize>() > MANY_RECORDS
}

/// How many of the first `length` places are before a point: they all come first.
fn partition(length: usize, is_before: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (0, length);
    while low < high {
        let middle = low + (high - low) / 2;
        if is_before(middle) { low = middle + 1 } else { high = middle }
    }
    low
}

/// For each part and each of its records, whose it is. Every record is somebody's.
fn holders(persons: &[Listed], parts: &[Part]) -> Vec<Vec<u32>> {
    let mut holders: Vec<Vec<u32>> = parts.iter().map(|part| vec![u32::MAX; part.records().len()]).collect();
    for (person, listed) in (0..).zip(persons) {
        for place in &listed.person.records {
            let holder = holders.get_mut(usize::from(place.source)).and_then(|part| part.get_mut(place.record as usize));
            if let Some(holder) = holder {
                *holder = person;
            }
        }
    }
    holders
}
