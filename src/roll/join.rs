//! Which records of the sources are one person. Pure and total: every record is in exactly one
//! person, whatever the order in which sources, pages or rows came.

use std::collections::HashMap;

use smallvec::SmallVec;
use uuid::Uuid;

use crate::domain::{CustomerId, EmailKey, Placeholders, Record, SourceName, Warning, WarningCode};

/// Stands between the parts of the name that an id is made of.
const SEPARATOR: char = '\u{1f}';

/// A record, by its source's place in the list of sources and its own in that source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) source: u16,
    pub(super) record: u32,
}

/// One person: the records that he is made of, in the sources' order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Person {
    pub(super) id: Uuid,
    pub(super) records: SmallVec<[Place; 2]>,
    pub(super) placeholder: bool,
}

/// The persons, in no particular order, and what a caller should know about them.
#[derive(Debug, Default)]
pub(super) struct Joined {
    pub(super) persons: Vec<Person>,
    pub(super) warnings: Vec<Warning>,
}

/// One source's records.
#[derive(Clone, Copy, Debug)]
pub(super) struct Records<'a> {
    pub(super) source: SourceName,
    pub(super) records: &'a [Record],
}

/// Where one key stands: in which records, at most one of each source, and which sources have it
/// more than once.
#[derive(Default)]
struct Standing {
    once: SmallVec<[Place; 2]>,
    twice: SmallVec<[u16; 2]>,
}

/// Joins the records that carry one key, which stands once in each of their sources. A source
/// that has a key twice takes no part in joining on it.
pub(super) fn join(customer: &CustomerId, sources: &[Records<'_>], nobody: &Placeholders) -> Joined {
    let keys = standings(sources, nobody);
    let ids = Ids::new(customer);
    let mut joined = Joined::default();
    for (source, Records { source: name, records }) in (0..).zip(sources) {
        let mut ambiguous = 0;
        for (record, row) in (0..).zip(*records) {
            let place = Place { source, record };
            let key = joining_key(row, nobody);
            match key.and_then(|key| Some((key, keys.get(key)?))) {
                Some((key, standing)) if !standing.twice.contains(&source) => {
                    if standing.once.first() == Some(&place) {
                        joined.persons.push(Person { id: ids.of_key(key), records: standing.once.clone(), placeholder: false });
                    }
                }
                keyed => {
                    ambiguous += u64::from(keyed.is_some());
                    let placeholder = row.key.as_ref().is_some_and(|key| nobody.hold(key));
                    joined.persons.push(Person { id: ids.of_record(*name, row), records: [place].into_iter().collect(), placeholder });
                }
            }
        }
        if ambiguous > 0 {
            joined.warnings.push(Warning { code: WarningCode::AmbiguousEmail, source: Some(*name), count: Some(ambiguous) });
        }
    }
    joined
}

/// What a record can be joined by: nothing, where it has no address, stands for nobody, or is
/// marked deleted.
fn joining_key<'a>(record: &'a Record, nobody: &Placeholders) -> Option<&'a EmailKey> {
    record.key.as_ref().filter(|key| !record.deleted && !nobody.hold(key))
}

fn standings<'a>(sources: &[Records<'a>], nobody: &Placeholders) -> HashMap<&'a EmailKey, Standing> {
    let rows = sources.iter().map(|source| source.records.len()).max().unwrap_or_default();
    let mut keys: HashMap<&EmailKey, Standing> = HashMap::with_capacity(rows);
    for (source, Records { records, .. }) in (0..).zip(sources) {
        for (record, row) in (0..).zip(*records) {
            if let Some(key) = joining_key(row, nobody) {
                keys.entry(key).or_default().add(Place { source, record });
            }
        }
    }
    keys
}

impl Standing {
    fn add(&mut self, place: Place) {
        if self.twice.contains(&place.source) {
            return;
        }
        match self.once.iter().position(|other| other.source == place.source) {
            None => self.once.push(place),
            Some(first) => {
                self.once.remove(first);
                self.twice.push(place.source);
            }
        }
    }
}

/// Makes ids that stay the same when another source fails: of the customer and the key where a
/// record's own source has the key once, else of the customer, the source and the record.
struct Ids {
    namespace: Uuid,
    customer: String,
}

impl Ids {
    fn new(customer: &CustomerId) -> Self {
        Self { namespace: Uuid::new_v5(&Uuid::NAMESPACE_DNS, b"rollcall"), customer: format!("{customer}{SEPARATOR}") }
    }

    fn of_key(&self, key: &EmailKey) -> Uuid {
        self.named(&["k", key.as_str()])
    }

    fn of_record(&self, source: SourceName, record: &Record) -> Uuid {
        self.named(&["r", source.as_str(), &record.id])
    }

    fn named(&self, parts: &[&str]) -> Uuid {
        let mut name = self.customer.clone();
        for (index, part) in parts.iter().enumerate() {
            if index > 0 {
                name.push(SEPARATOR);
            }
            name.push_str(part);
        }
        Uuid::new_v5(&self.namespace, name.as_bytes())
    }
}

#[cfg(test)]
#[path = "join_tests.rs"]
mod tests;
