//! Sorts persons and encodes each of them once, all into one buffer.

use std::{borrow::Cow, ops::Range};

use uuid::Uuid;

use super::{
    join::{Person, Place},
    merge::merge,
    query::{Sort, SortField},
    roll_entry::{Part, RollEntry, compare, digest, records_at},
    user_json,
};
use crate::domain::{Records, fold_onto, folded};

/// About how many bytes a person takes in JSON besides the texts of their records.
const SKELETON: usize = 380;

/// About how many bytes a name takes.
const USUAL_NAME: usize = 24;

/// Buffers of at least this many bytes are not shrunk: their unwritten part takes no memory, and copying the
/// rest would briefly take it twice.
const LARGE: usize = 4 << 20;

/// Separates two persons.
const SEPARATOR: u8 = b',';

/// The persons in the order of the default sort.
#[derive(Debug, Default)]
pub(super) struct Encoded {
    pub(super) persons: Vec<RollEntry>,
    /// The places of their records, person after person.
    pub(super) places: Vec<Place>,
    /// Each person as JSON, a [`User`](crate::domain::User) without `conflicts`, separated by commas.
    pub(super) json: Vec<u8>,
}

/// The names that persons are sorted by, folded, in one buffer.
struct Names {
    folded: String,
    spans: Vec<Option<Range<usize>>>,
}

/// What a person is sorted by.
pub(super) struct SortKey<'a> {
    /// The first bytes of the value as a number, which nearly always decides.
    first: u64,
    value: Option<Cow<'a, str>>,
    id: Uuid,
    /// Which person it is.
    pub(super) place: u32,
}

impl<'a> SortKey<'a> {
    pub(super) fn new(value: Option<Cow<'a, str>>, id: Uuid, place: u32) -> Self {
        let first = beginning(value.as_deref().unwrap_or_default().as_bytes());
        Self { first: u64::from_be_bytes(first), value, id, place }
    }
}

/// Returns the first eight bytes, padded with zeros.
fn beginning(bytes: &[u8]) -> [u8; 8] {
    bytes.first_chunk().copied().unwrap_or_else(|| {
        let mut first = [0; 8];
        first.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        first
    })
}

/// Sorts keys.
pub(super) fn sort(keys: &mut [SortKey<'_>], by: Sort) {
    keys.sort_unstable_by(|a, b| {
        let decided = a.value.is_some() && b.value.is_some() && by.field != SortField::Id && a.first != b.first;
        match decided {
            true if by.descending => b.first.cmp(&a.first),
            true => a.first.cmp(&b.first),
            false => compare((a.value.as_deref(), a.id), (b.value.as_deref(), b.id), by),
        }
    });
}

/// Returns the value by which a person with the records at these places is sorted.
pub(super) fn value<'a>(places: &[Place], parts: &'a [Part], field: SortField) -> Option<Cow<'a, str>> {
    written(places, parts, field).map(folded)
}

/// Returns the same value as written.
fn written<'a>(places: &[Place], parts: &'a [Part], field: SortField) -> Option<&'a str> {
    let text: fn(&Records, usize) -> Option<&str> = match field {
        SortField::DisplayName => Records::display_name,
        SortField::Email => Records::email,
        SortField::Id => return None,
    };
    let of = |place: &Place| text(parts.get(usize::from(place.source))?.records(), place.record as usize);
    places.iter().find_map(of)
}

impl Names {
    fn of(persons: &[Person], parts: &[Part]) -> Self {
        let mut names = Self { folded: String::with_capacity(persons.len() * USUAL_NAME), spans: Vec::with_capacity(persons.len()) };
        for person in persons {
            let begin = names.folded.len();
            let name = written(&person.records, parts, SortField::DisplayName);
            names.spans.push(name.map(|name| {
                fold_onto(name, &mut names.folded);
                begin..names.folded.len()
            }));
        }
        names
    }

    fn get(&self, span: Option<&Range<usize>>) -> Option<&str> {
        self.folded.get(span?.clone())
    }
}

impl Encoded {
    pub(super) fn new(joined: &[Person], parts: &[Part]) -> Self {
        let names = Names::of(joined, parts);
        let key = |((place, person), span): ((u32, &Person), &Option<_>)| {
            SortKey::new(names.get(span.as_ref()).map(Cow::Borrowed), person.id, place)
        };
        let mut keys: Vec<SortKey<'_>> = (0..).zip(joined).zip(&names.spans).map(key).collect();
        sort(&mut keys, Sort::default());
        let records: usize = parts.iter().map(|part| part.records().len()).sum();
        let texts: usize = parts.iter().map(|part| part.records().weight()).sum();
        let mut encoded = Self {
            persons: Vec::with_capacity(joined.len()),
            places: Vec::with_capacity(records),
            json: Vec::with_capacity(texts + joined.len() * SKELETON),
        };
        keys.iter().filter_map(|key| joined.get(key.place as usize)).for_each(|person| encoded.push(person, parts));
        if encoded.json.len() < LARGE {
            encoded.json.shrink_to_fit();
        }
        encoded
    }

    fn push(&mut self, person: &Person, parts: &[Part]) {
        if !self.json.is_empty() {
            self.json.push(SEPARATOR);
        }
        let user = merge(person.id, person.placeholder, records_at(&person.records, parts));
        let (json_at, places_at) = (self.json.len(), self.places.len());
        user_json::write(&user, &mut self.json);
        self.places.extend_from_slice(&person.records);
        let key = |place: &Place| parts.get(usize::from(place.source))?.records().key(place.record as usize);
        self.persons.push(RollEntry {
            id: person.id,
            // All records of one person have the same address.
            address: person.records.iter().find_map(key).map(digest),
            json_at,
            json_length: u32::try_from(self.json.len() - json_at).unwrap_or(u32::MAX),
            places_at: u32::try_from(places_at).unwrap_or(u32::MAX),
            records: u16::try_from(person.records.len()).unwrap_or(u16::MAX),
            enabled: user.enabled,
            deleted: user.deleted,
            placeholder: person.placeholder,
        });
    }
}
