//! Which customers are linked, as tables and as properties that hold for any lists.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

const LEFT: SourceName = SourceName::new("left");
const RIGHT: SourceName = SourceName::new("right");

fn left(id: &str, uuid: &str, number: &str) -> ListedCustomer {
    let names = [(LinkedBy::ReferenceIsTenantUuid, uuid), (LinkedBy::ReferenceIsTenantId, number)];
    let other_names = names.into_iter().filter(|(_, name)| !name.is_empty()).map(|(by, name)| (by, name.into())).collect();
    ListedCustomer { id: id.into(), name: Some(format!("Left {id}").into()), other_names, ..ListedCustomer::default() }
}

fn right(id: &str, reference: &str) -> ListedCustomer {
    let reference = (!reference.is_empty()).then(|| reference.into());
    ListedCustomer { id: id.into(), name: Some(format!("Right {id}").into()), reference, ..ListedCustomer::default() }
}

fn matched(lefts: &[ListedCustomer], rights: &[ListedCustomer]) -> Matched {
    let lists = [List { source: LEFT, place: 0, customers: lefts }, List { source: RIGHT, place: 1, customers: rights }];
    match_lists(&lists, 2)
}

/// A customer's id at each of two sources, and what the link to the second is based on.
type Links = (Option<String>, Option<String>, Option<LinkedBy>);

fn links(matched: &Matched) -> BTreeMap<String, Links> {
    let of = |entry: &Entry| {
        let remote = |place| entry.remote(place).map(str::to_owned);
        (entry.id.to_string(), (remote(0), remote(1), entry.to[1].as_ref().map(|(_, by)| *by)))
    };
    matched.entries.iter().map(of).collect()
}

fn reasons(matched: &Matched) -> Vec<(&str, &'static str)> {
    matched.unlinked.iter().map(|unlinked| (unlinked.id.as_ref(), unlinked.reason.as_str())).collect()
}

#[test]
fn a_reference_links_by_each_of_the_other_names() {
    let lefts = [left("a", "u-a", "1"), left("b", "u-b", "2"), left("c", "u-c", "3")];
    let matched = matched(&lefts, &[right("x", "a"), right("y", "u-b"), right("z", "3")]);
    let some = |text: &str| Some(text.to_owned());
    let expected = [
        ("a".to_owned(), (some("a"), some("x"), Some(LinkedBy::ReferenceIsId))),
        ("b".to_owned(), (some("b"), some("y"), Some(LinkedBy::ReferenceIsTenantUuid))),
        ("c".to_owned(), (some("c"), some("z"), Some(LinkedBy::ReferenceIsTenantId))),
    ];
    assert_eq!(links(&matched), expected.into());
    assert!(matched.unlinked.is_empty());
    assert_eq!(matched.entries[0].name.as_deref(), Some("Left a"));
}

#[test]
fn whoever_cannot_be_linked_is_told_with_the_reason() {
    for (lefts, rights, expected) in [
        (vec![left("a", "", "")], vec![], vec![("a", "not_referred_to")]),
        (vec![], vec![right("x", "")], vec![("x", "no_reference")]),
        (vec![left("a", "", "1")], vec![right("x", "10")], vec![("a", "not_referred_to"), ("x", "unknown_reference")]),
        (vec![left("a", "", "10")], vec![right("x", "1")], vec![("a", "not_referred_to"), ("x", "unknown_reference")]),
        (vec![left("a", "u-a", "")], vec![right("x", "U-A")], vec![("a", "not_referred_to"), ("x", "unknown_reference")]),
        (vec![left("a", "", "")], vec![right("x", "Left a")], vec![("a", "not_referred_to"), ("x", "unknown_reference")]),
        (
            vec![left("a", "", "")],
            vec![right("x", "a"), right("y", "a")],
            vec![("a", "shared_reference"), ("x", "shared_reference"), ("y", "shared_reference")],
        ),
        (
            vec![left("a", "", "1")],
            vec![right("x", "a"), right("y", "1")],
            vec![("a", "shared_reference"), ("x", "shared_reference"), ("y", "shared_reference")],
        ),
        (
            vec![left("a", "", "1"), left("b", "", "1")],
            vec![right("x", "1")],
            vec![("a", "shared_reference"), ("b", "shared_reference"), ("x", "fits_several")],
        ),
        (vec![left("a b", "", "1")], vec![right("x", "1")], vec![("a b", "invalid_id"), ("x", "unknown_reference")]),
        (vec![left("a", "", "")], vec![right("x/y", "")], vec![("a", "not_referred_to"), ("x/y", "invalid_id")]),
        (vec![left("a", "", "")], vec![right("a", "")], vec![("a", "not_referred_to"), ("a", "id_taken")]),
        (vec![], vec![right("x", "same"), right("y", "same")], vec![("x", "unknown_reference"), ("y", "unknown_reference")]),
    ] {
        let matched = matched(&lefts, &rights);
        assert_eq!(reasons(&matched), expected, "{lefts:?} {rights:?}");
        assert!(matched.entries.iter().all(|entry| entry.to.iter().flatten().count() == 1), "{matched:?}");
    }
}

#[test]
fn those_left_apart_are_counted_at_everyone_concerned() {
    let lefts = [left("a", "", ""), left("b", "", "9"), left("c", "", "9"), left("d", "", "")];
    let rights = [right("w", "a"), right("x", "a"), right("y", "9"), right("z", "d")];
    let matched = matched(&lefts, &rights);
    let apart: BTreeMap<&str, (u64, bool)> = matched
        .entries
        .iter()
        .map(|entry| (entry.id.as_str(), (entry.apart.iter().map(|(_, count)| count).sum(), entry.is_apart)))
        .collect();
    let expected =
        [("a", (2, false)), ("b", (1, false)), ("c", (1, false)), ("d", (0, false)), ("w", (2, true)), ("x", (2, true)), ("y", (1, true))];
    assert_eq!(apart, expected.into());
}

#[test]
fn whoever_has_the_id_of_another_is_left_apart_from_him_where_nobody_is_linked() {
    for (lefts, rights, expected) in [
        (vec![left("a", "", "")], vec![right("a", "")], 1),
        (vec![left("a", "", "")], vec![right("a", "nobody")], 1),
        (vec![left("a", "", "")], vec![right("A", "")], 0),
        (vec![left("a", "", "")], vec![right("a", ""), right("x", "a")], 0), // its link is certain
        (vec![left("a", "", "")], vec![right("a", "a"), right("x", "a")], 2),
        (vec![left("a", "", ""), left("b", "", "")], vec![right("a", "b")], 0),
    ] {
        let matched = matched(&lefts, &rights);
        let apart: u64 = matched.entries.iter().flat_map(|entry| &entry.apart).map(|(_, count)| *count).max().unwrap_or_default();
        assert_eq!(apart, expected, "{lefts:?} {rights:?}");
    }
}

#[test]
fn the_provider_is_no_customer_and_a_customer_with_one_name_twice_is_fitted_once() {
    let provider = ListedCustomer { is_provider: true, ..left("p", "u-p", "110") };
    let matched = matched(&[provider, left("a", "a", "a")], &[right("x", "110"), right("y", "a")]);
    let ids: Vec<&str> = matched.entries.iter().map(|entry| entry.id.as_str()).collect();
    assert_eq!(ids, ["a", "x"]);
    assert_eq!(links(&matched)["a"].2, Some(LinkedBy::ReferenceIsId));
    assert_eq!(reasons(&matched), [("x", "unknown_reference")]);
}

#[test]
fn a_reference_that_fits_somebody_who_is_not_shown_as_well_is_not_certain() {
    let provider = || ListedCustomer { is_provider: true, ..left("p", "u-p", "7") };
    for (lefts, rights, apart) in [
        (vec![provider(), left("a", "", "7")], vec![right("x", "7")], (1, 1)),
        (vec![left("a b", "", "7"), left("a", "", "7")], vec![right("x", "7")], (1, 1)),
        (vec![left("a", "", "7")], vec![right("x", "7"), right(".", "a")], (2, 2)),
        (vec![left("a", "", "7")], vec![right("x", "7"), ListedCustomer { is_provider: true, ..right("q", "a") }], (2, 2)),
        (vec![provider(), left("a", "", "8")], vec![right("x", "7"), right("y", "p")], (0, 0)),
    ] {
        let matched = matched(&lefts, &rights);
        let told =
            |id: &str| matched.entries.iter().find(|entry| entry.id.as_str() == id).unwrap().apart.iter().map(|(_, count)| count).sum();
        assert_eq!((told("a"), told("x")), apart, "{lefts:?} {rights:?}");
        assert!(matched.entries.iter().all(|entry| entry.to.iter().flatten().count() == 1), "{matched:?}");
        assert!(matched.entries.iter().all(|entry| !["p", "q"].contains(&entry.id.as_str())));
    }
}

fn any_left() -> impl Strategy<Value = ListedCustomer> {
    ("[ab ]{1,2}", "[a-d]{0,1}", "[a-d]{0,1}").prop_map(|(id, uuid, number)| left(&id, &uuid, &number))
}

fn any_right() -> impl Strategy<Value = ListedCustomer> {
    ("[b-d/]{1,2}", "[a-d]{0,2}").prop_map(|(id, reference)| right(&id, &reference))
}

fn distinct(mut customers: Vec<ListedCustomer>) -> Vec<ListedCustomer> {
    customers.sort();
    customers.dedup_by(|a, b| a.id == b.id);
    customers
}

proptest! {
    #[test]
    fn everybody_is_in_one_customer_or_told_of(lefts in prop::collection::vec(any_left(), 0..6), rights in prop::collection::vec(any_right(), 0..6)) {
        let (lefts, rights) = (distinct(lefts), distinct(rights));
        let matched = matched(&lefts, &rights);
        let ids: BTreeSet<&str> = matched.entries.iter().map(|entry| entry.id.as_str()).collect();
        prop_assert_eq!(ids.len(), matched.entries.len(), "an id belongs to one customer");
        for (place, source, customers) in [(0, LEFT, &lefts), (1, RIGHT, &rights)] {
            for customer in customers {
                let shown = matched.entries.iter().filter(|entry| entry.remote(place) == Some(customer.id.as_ref())).count();
                let hidden = matched.unlinked.iter().filter(|other| other.source == source && other.id == customer.id && other.reason.is_hidden()).count();
                prop_assert_eq!(shown + hidden, 1, "{:?}", customer);
            }
        }
    }

    #[test]
    fn a_link_is_the_only_one_that_there_could_be(lefts in prop::collection::vec(any_left(), 0..6), rights in prop::collection::vec(any_right(), 0..6)) {
        let (lefts, rights) = (distinct(lefts), distinct(rights));
        let is_fitted = |customer: &ListedCustomer, reference: &str| {
            customer.id.as_ref() == reference || customer.other_names.iter().any(|(_, name)| name.as_ref() == reference)
        };
        let pairs: Vec<(&str, &str)> = lefts
            .iter()
            .flat_map(|one| rights.iter().filter(|other| other.reference.as_deref().is_some_and(|said| is_fitted(one, said))).map(|other| (one.id.as_ref(), other.id.as_ref())))
            .collect();
        let alone = |pair: &&(&str, &str)| pairs.iter().filter(|other| other.0 == pair.0 || other.1 == pair.1).count() == 1;
        let shown = |pair: &&(&str, &str)| pair.0.parse::<CustomerId>().is_ok();
        let expected: BTreeSet<(&str, &str)> = pairs.iter().filter(alone).filter(shown).copied().collect();
        let matched = matched(&lefts, &rights);
        let found: BTreeSet<(&str, &str)> = matched.entries.iter().filter_map(|entry| Some((entry.remote(0)?, entry.remote(1)?))).collect();
        prop_assert_eq!(found, expected);
    }
}
