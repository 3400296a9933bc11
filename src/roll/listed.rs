//! One person of a roll: encoded once, with what orders and filters look at beside it.

use std::{
    cmp::Ordering,
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use serde_json::value::RawValue;
use smallvec::SmallVec;
use uuid::Uuid;

use super::{
    copy::{Copy, Known},
    join::{Person, Place},
    merge::merge,
    query::{Sort, SortField},
};
use crate::domain::{Conflict, EmailKey, Record, SourceName, User, Warning, folded};

/// One source's copy, as part of a roll.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) source: SourceName,
    pub(super) copy: Arc<Copy>,
}

/// One person of a roll.
#[derive(Debug)]
pub struct Listed {
    pub(super) person: Person,
    json: Box<RawValue>,
    /// Folded, for order and search.
    name: Option<Box<str>>,
    email: Option<Box<str>>,
    /// A digest of the address after normalising.
    address: Option<u64>,
    enabled: Option<bool>,
    deleted: bool,
}

// === impl Part ===

impl Part {
    pub(super) fn records(&self) -> &[Record] {
        match &self.copy.known {
            Known::Users(walk) => &walk.records,
            Known::NotFound(_) => &[],
        }
    }

    pub(super) fn warnings(&self) -> &[Warning] {
        match &self.copy.known {
            Known::Users(walk) => &walk.warnings,
            Known::NotFound(_) => &[],
        }
    }
}

// === impl Listed ===

impl Listed {
    pub(super) fn new(person: Person, parts: &[Part]) -> Self {
        let records = records_of(&person, parts);
        let user = merge(person.id, person.placeholder, &records);
        // Records that are one person have one address.
        let address = records.iter().find_map(|(_, record)| record.key.as_ref()).map(digest);
        let fold = |text: Option<&str>| text.map(|text| folded(text).into());
        Self {
            name: fold(user.display_name),
            email: fold(user.email),
            address,
            enabled: user.enabled,
            deleted: user.deleted,
            json: encoded(&user),
            person,
        }
    }

    /// The gateway's id of the person.
    pub(super) fn id(&self) -> Uuid {
        self.person.id
    }

    /// The person as JSON, a [`User`] without `conflicts`.
    pub fn json(&self) -> &RawValue {
        &self.json
    }

    pub(super) fn is_deleted(&self) -> bool {
        self.deleted
    }

    pub(super) fn is_placeholder(&self) -> bool {
        self.person.placeholder
    }

    pub(super) fn enabled(&self) -> Option<bool> {
        self.enabled
    }

    pub(super) fn address(&self) -> Option<u64> {
        self.address
    }

    /// Whether one of his records is of a source, given by its place.
    pub(super) fn is_of(&self, source: u16) -> bool {
        self.person.records.iter().any(|place| place.source == source)
    }

    /// What a person is ordered by.
    pub(super) fn value(&self, field: SortField) -> Option<&str> {
        match field {
            SortField::DisplayName => self.name.as_deref(),
            SortField::Email => self.email.as_deref(),
            SortField::Id => None,
        }
    }

    pub(super) fn compare(&self, other: &Self, sort: Sort) -> Ordering {
        compare((self.value(sort.field), self.id()), (other.value(sort.field), other.id()), sort)
    }
}

/// The total order: by value, nobody's value last whichever way it goes, then by id. Sorted by
/// id alone, the id goes that way too.
pub(super) fn compare(one: (Option<&str>, Uuid), other: (Option<&str>, Uuid), sort: Sort) -> Ordering {
    let turned = |order: Ordering| if sort.descending { order.reverse() } else { order };
    let by_id = one.1.cmp(&other.1);
    match (one.0, other.0) {
        _ if sort.field == SortField::Id => turned(by_id),
        (Some(a), Some(b)) => turned(a.cmp(b)).then(by_id),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => by_id,
    }
}

/// A person's records, in the sources' order.
pub(super) fn records_of<'a>(person: &Person, parts: &'a [Part]) -> SmallVec<[(SourceName, &'a Record); 2]> {
    let record = |place: &Place| {
        let part = parts.get(usize::from(place.source))?;
        Some((part.source, part.records().get(place.record as usize)?))
    };
    person.records.iter().filter_map(record).collect()
}

/// An encoded person with the fields on which his sources differ, behind the last field.
pub fn with_conflicts(json: &RawValue, conflicts: &[Conflict<'_>]) -> serde_json::Result<Box<RawValue>> {
    let fields = json.get().strip_suffix('}').unwrap_or(json.get());
    RawValue::from_string(format!("{fields},\"conflicts\":{}}}", serde_json::to_string(conflicts)?))
}

/// An address as a number, which is compared first.
pub(super) fn digest(key: &EmailKey) -> u64 {
    let mut hash = DefaultHasher::new();
    key.as_str().hash(&mut hash);
    hash.finish()
}

fn encoded(user: &User<'_>) -> Box<RawValue> {
    // A user has no map keys that are not texts and nothing that fails: encoding it cannot.
    serde_json::value::to_raw_value(user).unwrap_or_default()
}
