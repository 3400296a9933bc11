//! Pages as properties: every person once, whatever the page size, the sort, and a refresh in between.

use std::{borrow::Cow, cmp::Ordering};

use proptest::prelude::*;

use super::*;
use crate::{
    domain::{EmailKey, Placeholders, Record, Records, SourceName},
    roll::{Sort, SortField, roll_entry::compare},
};

const SOURCE: SourceName = SourceName::new("left");

fn roll<'a>(records: impl IntoIterator<Item = Record<'a>>) -> Roll {
    Roll::of_records(acme(), vec![(SOURCE, records.into_iter().collect())], &Placeholders::new(&["*@dummy.com"]))
}

fn acme() -> CustomerId {
    "acme".parse().unwrap()
}

fn record<'a>(id: &'a str, name: Option<&'a str>) -> Record<'a> {
    Record { id, display_name: name, ..Record::default() }
}

/// Walks all pages; `refresh` returns the roll that answers the n-th page.
fn walk<'a>(view: &View, size: usize, refresh: impl Fn(usize) -> &'a Roll) -> Vec<Uuid> {
    let (mut seen, mut cursor) = (Vec::new(), None::<String>);
    for number in 0.. {
        let of = PageOf::new(&acme(), view, cursor.as_deref(), size).unwrap();
        let roll = refresh(number);
        let page = roll.page(view, &of);
        assert_eq!(page.total, roll.len());
        seen.extend(page.users.iter().map(|(listed, _)| listed.id()));
        assert!(page.users.len() <= size);
        match page.next_cursor {
            Some(next) => cursor = Some(next),
            None => return seen,
        }
    }
    unreachable!("the last page has no cursor")
}

fn sorts() -> impl Strategy<Value = Sort> {
    let fields = prop_oneof![Just(SortField::DisplayName), Just(SortField::Email), Just(SortField::Id)];
    (fields, any::<bool>()).prop_map(|(field, descending)| Sort { field, descending })
}

fn records() -> impl Strategy<Value = Records> {
    prop::collection::vec(prop::option::of("[abAB]{1,2}"), 0..25).prop_map(|names| {
        let mut records = Records::default();
        names.iter().enumerate().for_each(|(id, name)| records.push(&record(&id.to_string(), name.as_deref())));
        records
    })
}

proptest! {
    /// Whichever users are filtered out, with conflicts or without, whether or not the rest are neighbours.
    #[test]
    fn a_page_is_written_as_its_users_are(rows in prop::collection::vec((prop::option::of("[abAB]{1,2}"), any::<bool>()), 0..25), size in 1_usize..30, with_conflicts in any::<bool>()) {
        let mut records = Records::default();
        for (id, (name, deleted)) in rows.iter().enumerate() {
            records.push(&Record { deleted: *deleted, ..record(&id.to_string(), name.as_deref()) });
        }
        let (roll, view) = (roll(records.iter()), View { with_conflicts, ..View::default() });
        let page = roll.page(&view, &PageOf::new(&acme(), &view, None, size).unwrap());
        let mut pieces = Pieces::default();
        roll.write(&page, &mut pieces);
        let users: Vec<_> = page.users.iter().map(|(listed, _)| roll.shown(listed, with_conflicts)).collect();
        prop_assert_eq!(String::from_utf8(pieces.finish().concat()).unwrap(), users.join(","));
    }

    #[test]
    fn a_walk_shows_everybody_once_in_order(records in records(), size in 1_usize..9, sort in sorts()) {
        let (roll, view) = (roll(records.iter()), View { sort, ..View::default() });
        let seen = walk(&view, size, |_| &roll);
        prop_assert_eq!(seen.len(), roll.len());
        let whole = walk(&view, 1000, |_| &roll);
        prop_assert_eq!(seen, whole);
    }

    /// However much of the beginning their texts share, and whatever is folded in them.
    #[test]
    fn everybody_comes_in_the_order_of_what_cursors_compare(texts in prop::collection::vec(prop::option::of("(christOph){0,2}[a-cA-C\u{c5}\u{130}\u{212a}]{0,2}"), 0..25), sort in sorts()) {
        let ids: Vec<String> = (0..texts.len()).map(|id| id.to_string()).collect();
        let roll = roll(ids.iter().zip(&texts).map(|(id, text)| Record { email: text.as_deref(), ..record(id, text.as_deref()) }));
        let all: Vec<_> = roll.sorted(sort, None).map(|(_, listed)| (roll.value(listed, sort.field), listed.id())).collect();
        let compared = |(one, a): &(Option<Cow<'_, str>>, Uuid), (other, b): &(_, _)| compare((one.as_deref(), *a), (Option::as_deref(other), *b), sort);
        prop_assert_eq!(all.len(), texts.len());
        prop_assert!(all.is_sorted_by(|one, other| compared(one, other) == Ordering::Less), "{all:?}");
    }

    #[test]
    fn a_refresh_repeats_nobody_and_skips_nobody_who_stayed(
        stay in prop::collection::vec("[a-e]{1,2}", 1..12),
        come in prop::collection::vec("[a-e]{1,2}", 0..6),
        size in 1_usize..4,
        sort in sorts(),
    ) {
        let named = |prefix: &str, names: &[String]| {
            let mut records = Records::default();
            names.iter().enumerate().for_each(|(id, name)| records.push(&record(&format!("{prefix}{id}"), Some(name))));
            records
        };
        let (stayed, gone, came) = (named("s", &stay), named("b", &come), named("a", &come));
        let (before, after) = (roll(stayed.iter().chain(gone.iter())), roll(stayed.iter().chain(came.iter())));
        let view = View { sort, ..View::default() };
        let seen = walk(&view, size, |page| if page % 2 == 0 { &before } else { &after });
        for listed in roll(stayed.iter()).everybody() {
            prop_assert_eq!(seen.iter().filter(|id| **id == listed.id()).count(), 1);
        }
    }
}

#[test]
fn nobodys_name_comes_last_whichever_way_it_goes() {
    let roll = roll(vec![record("1", None), record("2", Some("B")), record("3", Some("a"))]);
    for (sort, expected) in [("display_name", ["3", "2", "1"]), ("-display_name", ["2", "3", "1"])] {
        let view = View { sort: sort.parse().unwrap(), ..View::default() };
        let page = roll.page(&view, &PageOf::new(&acme(), &view, None, 10).unwrap());
        let ids: Vec<String> = page.users.iter().map(|(listed, _)| record_id(&roll, listed)).collect();
        assert_eq!(ids, expected, "{sort}");
    }
}

#[test]
fn filters_leave_who_was_asked_for() {
    let address = |id: &'static str, email: &'static str| Record { email: Some(email), ..record(id, None) };
    let roll = roll(vec![
        Record { enabled: Some(true), first_name: None, ..record("1", Some("Åsa ΑΣΤΡΟ Berg")) },
        Record { enabled: Some(false), ..address("2", "Bo@x.example") },
        Record { deleted: true, ..record("3", Some("Gone")) },
        address("4", "nobody@dummy.com"),
    ]);
    let plain = View::default;
    for (view, expected) in [
        (plain(), &["1", "2", "4"][..]),
        (View { with_deleted: true, ..plain() }, &["1", "2", "3", "4"]),
        (View { without_placeholders: true, ..plain() }, &["1", "2"]),
        (View { enabled: Some(true), ..plain() }, &["1"]),
        (View { enabled: Some(false), ..plain() }, &["2"]),
        (View { q: Some("\u{e5}sa".into()), ..plain() }, &["1"]),
        (View { q: Some(crate::domain::folded("ΑΣ").into_owned()), ..plain() }, &["1"]),
        (View { q: Some("bo@".into()), ..plain() }, &["2"]),
        (View { email: EmailKey::new("BO@X.example"), ..plain() }, &["2"]),
        (View { source: Some(SOURCE), ..plain() }, &["1", "2", "4"]),
        (View { source: Some(SourceName::new("other")), ..plain() }, &[]),
    ] {
        let page = roll.page(&view, &PageOf::new(&acme(), &view, None, 10).unwrap());
        let mut ids: Vec<String> = page.users.iter().map(|(listed, _)| record_id(&roll, listed)).collect();
        ids.sort();
        assert_eq!((ids.as_slice(), page.total), (expected.iter().map(ToString::to_string).collect::<Vec<_>>().as_slice(), expected.len()));
    }
}

#[test]
fn a_search_and_the_first_sort_of_a_large_roll_take_long_and_nothing_else_does() {
    let ids: Vec<String> = (0..600).map(|id| id.to_string()).collect();
    let crowd = |count: usize| roll(ids.iter().take(count).map(|id| record(id, None)));
    let (small, large) = (crowd(20), crowd(600));
    let sorted = View { sort: "-email".parse().unwrap(), ..View::default() };
    let searched = View { q: Some("a".into()), ..View::default() };
    let filtered = View { enabled: Some(true), with_conflicts: true, ..View::default() };
    for view in [&View::default(), &sorted, &searched, &filtered] {
        assert!(!small.is_long_to_page(view), "{view:?}");
    }
    assert!(large.is_long_to_page(&sorted) && large.is_long_to_page(&searched));
    assert!(!large.is_long_to_page(&View::default()) && !large.is_long_to_page(&filtered));
    large.page(&sorted, &PageOf::new(&acme(), &sorted, None, 10).unwrap());
    assert!(!large.is_long_to_page(&sorted), "the order is kept");
}

fn record_id(roll: &Roll, listed: &RollEntry) -> String {
    let user: serde_json::Value = serde_json::from_str(roll.json(listed)).unwrap();
    user["sources"][0]["id"].as_str().unwrap().to_owned()
}
