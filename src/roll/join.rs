//! Decides which records of the sources are the same person. Pure and total: every record ends up in exactly
//! one person, whatever the order in which sources, pages or rows arrive.

use std::{
    collections::HashMap,
    hash::{BuildHasher, Hash, Hasher},
    num::NonZeroU64,
    sync::LazyLock,
};

use foldhash::quality::RandomState;
use sha1::{Digest, Sha1};
use smallvec::{SmallVec, smallvec};
use uuid::Uuid;

use crate::domain::{CustomerId, Placeholders, Records, SourceName, Warning, WarningCode, is_address};

/// The namespace of persons' ids: the UUID version 5 of `rollcall` in the namespace of DNS.
const NAMESPACE: Uuid = Uuid::from_u128(0x641b_4165_d23b_5c91_be7e_afbf_576d_cd4a);

/// Separates the parts of the name that an id is hashed from.
const SEPARATOR: u8 = 0x1f;

/// A record's place: its source's place in the list of sources, and its own place within that source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) source: u16,
    pub(super) record: u32,
}

/// One person: their records, in the sources' order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Person {
    pub(super) id: Uuid,
    /// The [`digest`] of the normalised address, which all of their records have.
    pub(super) address: Option<NonZeroU64>,
    pub(super) records: SmallVec<[Place; 2]>,
    pub(super) placeholder: bool,
}

/// The persons, in no particular order, and warnings for callers.
#[derive(Debug, Default)]
pub(super) struct Joined {
    pub(super) persons: Vec<Person>,
    pub(super) warnings: Vec<Warning>,
}

/// One source's records.
#[derive(Clone, Copy, Debug)]
pub(super) struct Side<'a> {
    pub(super) source: SourceName,
    pub(super) records: &'a Records,
}

/// How often one key occurs in one source, and where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Standing {
    #[default]
    Nowhere,
    Once(u32),
    MoreThanOnce,
}

/// What decides about a record: the digest of its key, if it has one; the key's place among all keys, if it can
/// be joined on it; and whether it is a placeholder.
#[derive(Clone, Copy, Debug, Default)]
struct Keyed {
    address: Option<NonZeroU64>,
    key: Option<u32>,
    placeholder: bool,
}

/// A key that is hashed by its digest, which is faster than by its text.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Key<'a> {
    digest: NonZeroU64,
    text: &'a str,
}

/// All keys, and how each of them occurs in each source.
struct Keys<'a> {
    sources: usize,
    numbers: HashMap<Key<'a>, u32, RandomState>,
    texts: Vec<&'a str>,
    /// For each key, one standing for each source.
    standings: Vec<Standing>,
}

/// Joins the records that share a key, if it occurs once in each of their sources. A source that has a key
/// twice takes no part in joining on it.
pub(super) fn join(customer: &CustomerId, sides: &[Side<'_>], nobody: &Placeholders) -> Joined {
    let mut keys = Keys::new(sides);
    let keyed: Vec<Vec<Keyed>> = (0..).zip(sides).map(|(source, side)| keys.take(source, side, nobody)).collect();
    let mut ids = Ids::new(customer);
    let mut joined = Joined { persons: Vec::with_capacity(records(sides)), warnings: Vec::new() };
    for ((source, side), keyed) in (0..).zip(sides).zip(keyed) {
        let mut ambiguous = 0;
        for (record, Keyed { address, key, placeholder }) in (0..).zip(keyed) {
            let place = Place { source, record };
            match key.and_then(|key| Some((key, keys.of(key)?))) {
                Some((key, standings)) if standings.get(usize::from(source)) == Some(&Standing::Once(record)) => {
                    if places(standings).next() == Some(place) {
                        let id = ids.of_key(keys.text(key));
                        joined.persons.push(Person { id, address, records: places(standings).collect(), placeholder });
                    }
                }
                ambiguously => {
                    ambiguous += u64::from(ambiguously.is_some());
                    let id = ids.of_record(side.source, side.records.id(record as usize).unwrap_or_default());
                    joined.persons.push(Person { id, address, records: smallvec![place], placeholder });
                }
            }
        }
        if ambiguous > 0 {
            joined.warnings.push(Warning { code: WarningCode::AmbiguousEmail, source: Some(side.source), count: Some(ambiguous) });
        }
    }
    joined
}

/// Returns how many records there are in all.
fn records(sides: &[Side<'_>]) -> usize {
    sides.iter().map(|side| side.records.len()).sum()
}

/// Returns the records of those sources in which a key occurs once, in the sources' order.
fn places(standings: &[Standing]) -> impl Iterator<Item = Place> {
    (0..).zip(standings).filter_map(|(source, standing)| match standing {
        Standing::Once(record) => Some(Place { source, record: *record }),
        Standing::Nowhere | Standing::MoreThanOnce => None,
    })
}

/// Returns an address as a number, which is compared first.
pub(super) fn digest(key: &str) -> NonZeroU64 {
    // Random, so that nobody can choose addresses with the same digest.
    static STATE: LazyLock<RandomState> = LazyLock::new(RandomState::default);
    NonZeroU64::new(STATE.hash_one(key)).unwrap_or(NonZeroU64::MIN)
}

impl Hash for Key<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.digest.hash(state);
    }
}

impl<'a> Keys<'a> {
    fn new(sides: &[Side<'a>]) -> Self {
        let rows = records(sides);
        Self {
            sources: sides.len(),
            numbers: HashMap::with_capacity_and_hasher(rows, RandomState::default()),
            texts: Vec::with_capacity(rows),
            standings: Vec::with_capacity(rows * sides.len()),
        }
    }

    /// Notes which keys a source has. A record that has no address, is a placeholder, or is marked deleted
    /// cannot be joined.
    fn take(&mut self, source: usize, side: &Side<'a>, nobody: &Placeholders) -> Vec<Keyed> {
        let all = (0_u32..).take(side.records.len());
        all.map(|record| {
            let Some(text) = side.records.key(record as usize) else { return Keyed::default() };
            let digest = digest(text);
            let placeholder = nobody.hold(text);
            let is_joined = !placeholder && is_address(text) && !side.records.is_deleted(record as usize);
            let key = is_joined.then(|| self.stand(Key { digest, text }, source, record));
            Keyed { address: Some(digest), key, placeholder }
        })
        .collect()
    }

    fn stand(&mut self, key: Key<'a>, source: usize, record: u32) -> u32 {
        let next = u32::try_from(self.texts.len()).unwrap_or(u32::MAX);
        let number = *self.numbers.entry(key).or_insert(next);
        if number == next {
            self.texts.push(key.text);
            self.standings.resize(self.texts.len() * self.sources, Standing::Nowhere);
        }
        if let Some(standing) = self.standings.get_mut(number as usize * self.sources + source) {
            *standing = if *standing == Standing::Nowhere { Standing::Once(record) } else { Standing::MoreThanOnce };
        }
        number
    }

    fn of(&self, key: u32) -> Option<&[Standing]> {
        let at = key as usize * self.sources;
        self.standings.get(at..at + self.sources)
    }

    fn text(&self, key: u32) -> &'a str {
        self.texts.get(key as usize).copied().unwrap_or_default()
    }
}

/// Makes ids (UUID version 5) that stay the same when another source fails: from the customer and the key
/// where a record's own source has that key once, otherwise from the customer, the source and the record.
struct Ids {
    /// The text to hash. It begins with the namespace and the customer.
    name: Vec<u8>,
    /// The length of that beginning.
    begun: usize,
}

impl Ids {
    fn new(customer: &CustomerId) -> Self {
        let name = [NAMESPACE.as_bytes(), customer.as_str().as_bytes()].concat();
        Self { begun: name.len(), name }
    }

    fn of_key(&mut self, key: &str) -> Uuid {
        self.named(["k", key])
    }

    fn of_record(&mut self, source: SourceName, id: &str) -> Uuid {
        self.named(["r", source.as_str(), id])
    }

    /// Hashes the whole text at once, which is faster than piece by piece.
    fn named<const PARTS: usize>(&mut self, parts: [&str; PARTS]) -> Uuid {
        self.name.truncate(self.begun);
        for part in parts {
            self.name.push(SEPARATOR);
            self.name.extend_from_slice(part.as_bytes());
        }
        let [first @ .., _, _, _, _] = <[u8; 20]>::from(Sha1::digest(&self.name));
        uuid::Builder::from_sha1_bytes(first).into_uuid()
    }
}

#[cfg(test)]
#[path = "join_tests.rs"]
mod tests;
