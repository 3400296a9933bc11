//! Sorts persons and encodes each of them once, all into one buffer.

use std::{borrow::Cow, ops::Range};

use uuid::Uuid;

use super::{
    join::{Person, Place},
    merge::merge,
    query::{Sort, SortField},
    roll_entry::{Part, RollEntry, compare, records_at},
    user_json,
};
use crate::domain::{Records, fold_onto, folded};

/// About how many bytes a person takes in JSON besides the texts of their records.
const SKELETON: usize = 380;

/// About how many bytes a name or an address takes.
const USUAL_VALUE: usize = 24;

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

/// What persons are sorted by.
struct Values {
    /// All texts, folded.
    folded: String,
    /// For each person their id, and where their text is.
    persons: Vec<(Uuid, Option<Range<usize>>)>,
}

/// A person to sort.
struct SortKey {
    /// The beginning of what they are sorted by as a number, which nearly always decides.
    first: u64,
    place: u32,
}

/// Returns the first eight bytes, padded with zeros.
fn beginning(bytes: &[u8]) -> [u8; 8] {
    bytes.first_chunk().copied().unwrap_or_else(|| {
        let mut first = [0; 8];
        first.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        first
    })
}

/// Returns the places of persons in an order; each of them is given by id and the places of their records.
pub(super) fn order<'a>(persons: impl ExactSizeIterator<Item = (Uuid, &'a [Place])>, parts: &[Part], by: Sort) -> Vec<u32> {
    let values = Values::of(persons, parts, by.field);
    let key = |place| SortKey { first: values.first(place, by), place };
    let mut keys: Vec<SortKey> = (0..).take(values.persons.len()).map(key).collect();
    keys.sort_unstable_by(|a, b| a.first.cmp(&b.first).then_with(|| compare(values.get(a.place), values.get(b.place), by)));
    keys.into_iter().map(|key| key.place).collect()
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

impl Values {
    fn of<'a>(persons: impl ExactSizeIterator<Item = (Uuid, &'a [Place])>, parts: &[Part], field: SortField) -> Self {
        let mut folded = String::with_capacity(persons.len() * USUAL_VALUE);
        let span = |(id, places): (Uuid, &[Place])| {
            let begin = folded.len();
            let written = written(places, parts, field);
            match written {
                Some(text) if text.is_ascii() => folded.push_str(text),
                Some(text) => fold_onto(text, &mut folded),
                None => {}
            }
            (id, written.map(|_| begin..folded.len()))
        };
        let persons = persons.map(span).collect();
        // Folds the texts that are in ASCII, all at once; the others have no capitals of ASCII any more.
        folded.make_ascii_lowercase();
        Self { folded, persons }
    }

    fn get(&self, place: u32) -> (Option<&str>, Uuid) {
        let person = self.persons.get(place as usize);
        person.map_or((None, Uuid::nil()), |(id, span)| (span.clone().and_then(|span| self.folded.get(span)), *id))
    }

    /// Returns the beginning of what a person is sorted by; two that are equal decide nothing.
    fn first(&self, place: u32, by: Sort) -> u64 {
        let (value, id) = self.get(place);
        let first = match by.field {
            SortField::Id => Some(beginning(id.as_bytes())),
            SortField::DisplayName | SortField::Email => value.map(|value| beginning(value.as_bytes())),
        };
        // Missing values come last in both directions; no text begins with eight of the greatest byte.
        first.map(u64::from_be_bytes).map_or(u64::MAX, |first| if by.descending { !first } else { first })
    }
}

impl Encoded {
    pub(super) fn new(joined: &[Person], parts: &[Part]) -> Self {
        let order = order(joined.iter().map(|person| (person.id, person.records.as_slice())), parts, Sort::default());
        let records: usize = parts.iter().map(|part| part.records().len()).sum();
        let texts: usize = parts.iter().map(|part| part.records().weight()).sum();
        let mut encoded = Self {
            persons: Vec::with_capacity(joined.len()),
            places: Vec::with_capacity(records),
            json: Vec::with_capacity(texts + joined.len() * SKELETON),
        };
        order.iter().filter_map(|place| joined.get(*place as usize)).for_each(|person| encoded.push(person, parts));
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
        self.persons.push(RollEntry {
            id: person.id,
            address: person.address,
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
