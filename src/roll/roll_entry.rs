//! One person of a roll: where their JSON and their records are, and the values that filters check.

use std::{
    cmp::Ordering,
    num::NonZeroU64,
    ops::Range,
    sync::{Arc, LazyLock},
};

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

/// One person of a roll. Small because there are many: texts stay where they were read.
#[derive(Debug)]
pub struct RollEntry {
    pub(super) id: Uuid,
    /// A digest of the normalised address.
    pub(super) address: Option<NonZeroU64>,
    /// Where their JSON begins in the roll's JSON.
    pub(super) json_at: usize,
    pub(super) json_length: u32,
    /// Where the places of their records begin among the roll's.
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

// === impl RollEntry ===

impl RollEntry {
    /// Returns the gateway's id of the person.
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// Returns the range of their JSON in the roll's JSON.
    pub(super) fn span(&self) -> Range<usize> {
        self.json_at..self.json_at + self.json_length as usize
    }

    /// Returns whether this person comes right after another one.
    pub(super) fn follows(&self, other: &Self) -> bool {
        self.json_at == other.span().end + 1
    }

    /// Returns the range of their records' places among the roll's.
    pub(super) fn places(&self) -> Range<usize> {
        let at = self.places_at as usize;
        at..at + usize::from(self.records)
    }
}

/// Compares in the total order: by value, with missing values last in both directions, then by id. The id is
/// reversed only when sorting by id alone.
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

/// Returns the records at these places, in the sources' order.
pub(super) fn records_at<'a>(places: &[Place], parts: &'a [Part]) -> impl Iterator<Item = (SourceName, Record<'a>)> {
    places.iter().filter_map(|place| {
        let part = parts.get(usize::from(place.source))?;
        Some((part.source, part.records().get(place.record as usize)?))
    })
}

/// Returns an encoded person with the fields on which their sources differ added after the last field.
pub(super) fn with_conflicts(json: &str, conflicts: &[Conflict<'_>]) -> String {
    let fields = json.strip_suffix('}').unwrap_or(json);
    // Conflicts hold nothing that JSON cannot express: writing them does not fail.
    format!("{fields},\"conflicts\":{}}}", serde_json::to_string(conflicts).unwrap_or_default())
}
