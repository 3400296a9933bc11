//! One person of a roll: where he is encoded and of which records he is made, with what filters
//! look at beside it.

use std::{
    cmp::Ordering,
    hash::BuildHasher,
    num::NonZeroU64,
    ops::Range,
    sync::{Arc, LazyLock},
};

use foldhash::quality::FixedState;
use uuid::Uuid;

use super::{
    cached_answer::{CachedAnswer, SourceAnswer},
    join::Place,
    query::{Sort, SortField},
};
use crate::domain::{Conflict, Record, Records, SourceName, Warning};

/// One source's copy, as part of a roll.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) source: SourceName,
    pub(super) copy: Arc<CachedAnswer>,
}

/// One person of a roll. Small, for there are many: texts are where they were read.
#[derive(Debug)]
pub struct Listed {
    pub(super) id: Uuid,
    /// A digest of the address after normalising.
    pub(super) address: Option<NonZeroU64>,
    /// Where he is in the roll's JSON.
    pub(super) json_at: usize,
    pub(super) json_length: u32,
    /// Where his records' places are in the roll's.
    pub(super) places_at: u32,
    pub(super) records: u16,
    pub(super) enabled: Option<bool>,
    pub(super) deleted: bool,
    pub(super) placeholder: bool,
}

// === impl Part ===

impl Part {
    pub(super) fn records(&self) -> &Records {
        static NOBODY: LazyLock<Records> = LazyLock::new(Records::default);
        match &self.copy.answer {
            SourceAnswer::Users(walk) => &walk.records,
            SourceAnswer::NotFound(_) => &NOBODY,
        }
    }

    pub(super) fn warnings(&self) -> &[Warning] {
        match &self.copy.answer {
            SourceAnswer::Users(walk) => &walk.warnings,
            SourceAnswer::NotFound(_) => &[],
        }
    }
}

// === impl Listed ===

impl Listed {
    /// The gateway's id of the person.
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// Where he is in the roll's JSON.
    pub(super) fn span(&self) -> Range<usize> {
        self.json_at..self.json_at + self.json_length as usize
    }

    /// Whether he stands right behind another one.
    pub(super) fn follows(&self, other: &Self) -> bool {
        self.json_at == other.span().end + 1
    }

    /// Where his records' places are among the roll's.
    pub(super) fn places(&self) -> Range<usize> {
        let at = self.places_at as usize;
        at..at + usize::from(self.records)
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

/// The records at these places, in the sources' order.
pub(super) fn records_at<'a>(places: &[Place], parts: &'a [Part]) -> impl Iterator<Item = (SourceName, Record<'a>)> {
    places.iter().filter_map(|place| {
        let part = parts.get(usize::from(place.source))?;
        Some((part.source, part.records().get(place.record as usize)?))
    })
}

/// An encoded person with the fields on which his sources differ, behind the last field.
pub(super) fn with_conflicts(json: &str, conflicts: &[Conflict<'_>]) -> String {
    let fields = json.strip_suffix('}').unwrap_or(json);
    // Conflicts have nothing that JSON cannot hold: writing them does not fail.
    format!("{fields},\"conflicts\":{}}}", serde_json::to_string(conflicts).unwrap_or_default())
}

/// An address as a number, which is compared first.
pub(super) fn digest(key: &str) -> NonZeroU64 {
    NonZeroU64::new(FixedState::default().hash_one(key)).unwrap_or(NonZeroU64::MIN)
}
