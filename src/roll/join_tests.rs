//! The guarantees of the join: rule by rule, and as properties.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::domain::{EmailKey, Record};

const LEFT: SourceName = SourceName::new("left");
const RIGHT: SourceName = SourceName::new("right");
const THIRD: SourceName = SourceName::new("third");

fn nobody() -> Placeholders {
    Placeholders::new(&["unknown_*@unknown.com", "*@dummy.com"])
}

/// What decides how a record is joined.
#[derive(Clone, Debug)]
struct Row {
    id: String,
    email: String,
    deleted: bool,
}

impl Row {
    fn key(&self) -> Option<EmailKey> {
        EmailKey::new(&self.email)
    }
}

fn record(id: &str, email: &str) -> Row {
    Row { id: id.into(), email: email.into(), deleted: false }
}

fn deleted(id: &str, email: &str) -> Row {
    Row { deleted: true, ..record(id, email) }
}

fn packed(rows: &[Row]) -> Records {
    let email = |row: &Row| (!row.email.is_empty()).then(|| row.email.clone());
    let mut records = Records::default();
    for row in rows {
        records.push(&Record { id: &row.id, email: email(row).as_deref(), deleted: row.deleted, ..Record::default() });
    }
    records
}

/// Each person as the sorted ids of their records; and the warnings.
fn joined(sources: &[(SourceName, &[Row])]) -> (BTreeSet<Vec<String>>, Vec<(SourceName, u64)>) {
    let (persons, warnings) = run(sources);
    let names = persons.iter().map(|person| names(sources, person)).collect();
    (names, warnings.iter().map(|warning| (warning.source.unwrap(), warning.count.unwrap())).collect())
}

fn run(sources: &[(SourceName, &[Row])]) -> (Vec<Person>, Vec<Warning>) {
    let packed: Vec<_> = sources.iter().map(|(source, rows)| (*source, packed(rows))).collect();
    let sides: Vec<_> = packed.iter().map(|(source, records)| Side { source: *source, records }).collect();
    let joined = join(&"acme".parse().unwrap(), &sides, &nobody());
    (joined.persons, joined.warnings)
}

fn names(sources: &[(SourceName, &[Row])], person: &Person) -> Vec<String> {
    person.records.iter().map(|place| format!("{}:{}", sources[usize::from(place.source)].0, row(sources, *place).id)).collect()
}

fn row<'a>(sources: &[(SourceName, &'a [Row])], place: Place) -> &'a Row {
    &sources[usize::from(place.source)].1[place.record as usize]
}

fn set(persons: &[&[&str]]) -> BTreeSet<Vec<String>> {
    persons.iter().map(|names| names.iter().map(|name| (*name).to_owned()).collect()).collect()
}

#[test]
fn records_with_one_address_are_one_person() {
    let (left, right) = ([record("1", "Ann@Acme.example"), record("2", "")], [record("9", "ann@acme.EXAMPLE"), record("8", "")]);
    let (persons, warnings) = joined(&[(LEFT, &left), (RIGHT, &right)]);
    assert_eq!(persons, set(&[&["left:1", "right:9"], &["left:2"], &["right:8"]]));
    assert!(warnings.is_empty());
}

#[test]
fn an_address_that_stands_twice_in_a_source_joins_nothing() {
    let (left, right) = ([record("1", "a@x.example"), record("2", "A@x.example")], [record("9", "a@x.example")]);
    let (persons, warnings) = joined(&[(LEFT, &left), (RIGHT, &right)]);
    assert_eq!(persons, set(&[&["left:1"], &["left:2"], &["right:9"]]));
    assert_eq!(warnings, [(LEFT, 2)]);
}

#[test]
fn placeholders_and_deleted_people_stand_alone_and_make_nothing_ambiguous() {
    let left = [record("1", "Unknown_1@unknown.com"), deleted("2", "a@x.example"), record("3", "a@x.example"), record("4", "m@DUMMY.com")];
    let right = [record("9", "unknown_1@unknown.com"), record("8", "a@x.example")];
    let (persons, warnings) = joined(&[(LEFT, &left), (RIGHT, &right)]);
    assert_eq!(persons, set(&[&["left:1"], &["left:2"], &["left:3", "right:8"], &["left:4"], &["right:9"]]));
    assert!(warnings.is_empty());
    let (persons, _) = run(&[(LEFT, &left), (RIGHT, &right)]);
    assert_eq!(persons.iter().filter(|person| person.placeholder).count(), 3);
}

#[test]
fn a_third_source_joins_as_well() {
    let (one, two) = ([record("1", "a@x.example")], [record("2", "a@x.example"), record("3", "a@x.example")]);
    let (persons, _) = joined(&[(LEFT, &one), (RIGHT, &one), (THIRD, &one)]);
    assert_eq!(persons, set(&[&["left:1", "right:1", "third:1"]]));
    let (persons, _) = joined(&[(LEFT, &one), (RIGHT, &two), (THIRD, &one)]);
    assert_eq!(persons, set(&[&["left:1", "third:1"], &["right:2"], &["right:3"]]));
}

#[test]
fn an_id_is_the_documented_one() {
    let namespace = Uuid::new_v5(&Uuid::NAMESPACE_DNS, b"rollcall");
    let left = [record("1", "A@x.example"), record("2", "")];
    let (persons, _) = run(&[(LEFT, &left)]);
    let expected = [Uuid::new_v5(&namespace, b"acme\x1fk\x1fa@x.example"), Uuid::new_v5(&namespace, b"acme\x1fr\x1fleft\x1f2")];
    assert_eq!(persons.iter().map(|person| person.id).collect::<Vec<_>>(), expected);
}

fn records() -> impl Strategy<Value = Vec<Row>> {
    let email = prop_oneof![
        5 => "[abAB]@[xX]\\.example",
        1 => Just(String::new()),
        1 => "Unknown_[ab]@unknown\\.com",
        1 => "a@(bücher|xn--bcher-kva)\\.example",
    ];
    prop::collection::vec((email, prop::bool::weighted(0.15)), 0..10).prop_map(|rows| {
        rows.into_iter().enumerate().map(|(id, (email, gone))| Row { deleted: gone, ..record(&id.to_string(), &email) }).collect()
    })
}

/// Everything about the persons that does not depend on the order of records.
fn essence(sources: &[(SourceName, &[Row])]) -> BTreeSet<(Uuid, Vec<String>, bool)> {
    let (persons, _) = run(sources);
    persons.iter().map(|person| (person.id, names(sources, person), person.placeholder)).collect()
}

proptest! {
    #[test]
    fn every_record_is_in_exactly_one_person(left in records(), right in records()) {
        let sources = [(LEFT, left.as_slice()), (RIGHT, right.as_slice())];
        let (persons, _) = run(&sources);
        let mut places: Vec<Place> = persons.iter().flat_map(|person| person.records.iter().copied()).collect();
        places.sort();
        let all = |source, rows: &[Row]| (0..rows.len()).map(move |record| Place { source, record: u32::try_from(record).unwrap() });
        prop_assert_eq!(places, all(0, &left).chain(all(1, &right)).collect::<Vec<_>>());
        let ids: BTreeSet<Uuid> = persons.iter().map(|person| person.id).collect();
        prop_assert_eq!(ids.len(), persons.len(), "ids are distinct");
    }

    #[test]
    fn the_order_of_rows_changes_nothing(left in records(), right in records(), seed in any::<u64>()) {
        let expected = essence(&[(LEFT, &left), (RIGHT, &right)]);
        let (mut left, mut right) = (left, right);
        let mut random = fastrand::Rng::with_seed(seed);
        random.shuffle(&mut left);
        random.shuffle(&mut right);
        prop_assert_eq!(essence(&[(LEFT, &left), (RIGHT, &right)]), expected);
    }

    #[test]
    fn only_one_address_joins_and_it_stands_once_on_each_side(left in records(), right in records()) {
        let sources = [(LEFT, left.as_slice()), (RIGHT, right.as_slice())];
        let nobody = nobody();
        let live = |rows: &[Row], key: &EmailKey| rows.iter().filter(|row| !row.deleted && row.key().as_ref() == Some(key)).count();
        for person in run(&sources).0.iter().filter(|person| person.records.len() > 1) {
            let key = row(&sources, person.records[0]).key().unwrap();
            prop_assert!(!nobody.hold(key.as_str()));
            prop_assert_eq!((live(&left, &key), live(&right, &key)), (1, 1));
            prop_assert!(person.records.iter().all(|place| row(&sources, *place).key().as_ref() == Some(&key)));
        }
    }

    #[test]
    fn whoever_could_join_did(left in records(), right in records()) {
        let sources = [(LEFT, left.as_slice()), (RIGHT, right.as_slice())];
        let lone: Vec<EmailKey> = run(&sources).0.iter()
            .filter(|person| person.records.len() == 1)
            .map(|person| row(&sources, person.records[0]))
            .filter(|row| !row.deleted)
            .filter_map(|row| row.key().filter(|key| !nobody().hold(key.as_str())))
            .collect();
        let live = |rows: &[Row], key: &EmailKey| rows.iter().filter(|row| !row.deleted && row.key().as_ref() == Some(key)).count();
        for key in lone {
            prop_assert_ne!((live(&left, &key), live(&right, &key)), (1, 1));
        }
    }

    #[test]
    fn ids_survive_the_failure_of_the_other_source(left in records(), right in records()) {
        let ids = |sources: &[(SourceName, &[Row])], of: SourceName| -> BTreeSet<(String, Uuid)> {
            let prefix = format!("{of}:");
            let (persons, _) = run(sources);
            persons.iter().flat_map(|person| names(sources, person).into_iter().map(move |name| (name, person.id)))
                .filter(|(name, _)| name.starts_with(&prefix)).collect()
        };
        prop_assert_eq!(ids(&[(LEFT, &left), (RIGHT, &right)], LEFT), ids(&[(LEFT, &left)], LEFT));
        prop_assert_eq!(ids(&[(LEFT, &left), (RIGHT, &right)], RIGHT), ids(&[(RIGHT, &right)], RIGHT));
    }
}
