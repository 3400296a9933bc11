//! The stop rules against wrong counts, moving rows and servers that return less than asked for.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::domain::Record;

pub(super) fn records(ids: impl IntoIterator<Item = u64>) -> Records {
    let mut records = Records::default();
    ids.into_iter().for_each(|id| records.push(&Record { id: &format!("{id:04}"), ..Record::default() }));
    records
}

pub(super) fn page(ids: impl IntoIterator<Item = u64>, count: Option<u64>, pages: Option<u64>) -> Page {
    Page { records: records(ids), count, pages, ..Page::default() }
}

/// Walks a server that is a function of the page number; returns the pages asked for, and the result.
fn walk(size: u64, server: impl Fn(u64) -> Page) -> (Vec<u64>, Read) {
    read(Reading::new(Paging::Pages { size }), server)
}

fn read(mut reading: Reading, server: impl Fn(u64) -> Page) -> (Vec<u64>, Read) {
    let mut asked = Vec::new();
    loop {
        let wanted = reading.wanted();
        if wanted.is_empty() || asked.len() > 50 {
            break;
        }
        for number in wanted {
            asked.push(number);
            reading.take(number, server(number));
        }
    }
    (asked, reading.finish())
}

/// The ids on one page of a server that holds `0..total`.
fn slice(total: u64, size: u64, number: u64) -> std::ops::Range<u64> {
    ((number - 1) * size).min(total)..(number * size).min(total)
}

#[test]
fn counts_that_agree_end_the_walk() {
    for (total, last) in [(0, 1), (1, 1), (9, 1), (10, 1), (11, 2), (20, 2), (95, 10)] {
        let (asked, read) = walk(10, |n| page(slice(total, 10, n), Some(total), Some(total.div_ceil(10))));
        assert_eq!(asked, (1..=last).collect::<Vec<_>>(), "of {total}");
        assert_eq!((read.agrees, read.records.len() as u64), (true, total));
    }
}

#[test]
fn no_pages_beside_rows_is_counted_by_records() {
    let (asked, read) = walk(10, |n| page(slice(25, 10, n), Some(25), Some(0)));
    assert_eq!((asked, read.agrees, read.records.len()), (vec![1, 2, 3], true, 25));
}

#[test]
fn no_count_beside_pages_is_counted_by_pages() {
    let (asked, read) = walk(10, |n| page(slice(25, 10, n), None, Some(3)));
    assert_eq!((asked, read.agrees, read.records.len()), (vec![1, 2, 3], true, 25));
}

#[test]
fn pages_alone_are_not_believed_where_the_last_one_is_full() {
    let (asked, read) = walk(10, |n| page(slice(30, 10, n), None, Some(3)));
    assert_eq!((asked, read.agrees, read.records.len()), (vec![1, 2, 3, 4], true, 30));
    let (asked, read) = walk(10, |n| page(slice(25, 10, n), None, Some(1)));
    assert_eq!((asked, read.agrees, read.records.len()), (vec![1, 2, 3], true, 25));
}

#[test]
fn pages_alone_agree_only_where_each_but_the_last_is_as_full_as_the_fullest() {
    for (rows, agrees) in [
        (&[10, 10, 3][..], true),
        (&[6, 6, 3], true), // the server's pages are smaller than asked for
        (&[0, 10, 10], false),
        (&[6, 10, 3], false),
        (&[10, 6, 10], false),
        (&[10, 10, 0], false),
        (&[0, 0, 0], false),
        (&[7], true),
        (&[0], true), // a customer without users
    ] {
        let stated = rows.len() as u64;
        let of = |n: u64| usize::try_from(n - 1).ok().and_then(|index| rows.get(index)).copied().unwrap_or(0);
        let (_, read) = walk(10, |n| page((0..of(n)).map(|row| n * 100 + row), None, Some(stated)));
        assert_eq!((read.agrees, read.records.len() as u64), (agrees, rows.iter().sum()), "{rows:?}");
    }
}

#[test]
fn pages_that_only_a_later_page_counts_are_asked_for() {
    let told = |n: u64| if n == 1 { None } else { Some(4) };
    let (asked, read) = walk(10, |n| page(slice(35, 10, n), None, told(n)));
    assert_eq!((asked, read.agrees, read.records.len()), (vec![1, 2, 3, 4], true, 35));
    let (asked, read) = walk(10, |n| page(if n == 2 { 10..16 } else { slice(35, 10, n) }, None, told(n)));
    assert_eq!((asked, read.agrees, read.records.len()), (vec![1, 2, 3, 4], false, 31));
}

#[test]
fn without_counts_the_first_page_that_is_not_full_is_the_last() {
    for (total, last) in [(5, 1), (10, 2), (25, 3)] {
        let (asked, read) = walk(10, |n| page(slice(total, 10, n), None, None));
        assert_eq!((asked.last(), read.agrees, read.records.len() as u64), (Some(&last), true, total));
    }
}

#[test]
fn counts_of_zero_beside_full_pages_are_walked_to_the_end_and_disagree() {
    let (asked, read) = walk(10, |n| page(slice(25, 10, n), Some(0), Some(0)));
    assert_eq!((asked, read.agrees, read.records.len()), (vec![1, 2, 3], false, 25));
}

#[test]
fn a_full_page_past_the_end_is_followed_by_one_more() {
    let (asked, read) = walk(10, |n| page(slice(37, 10, n), Some(15), Some(2)));
    assert_eq!((asked, read.agrees, read.records.len()), (vec![1, 2, 3, 4], false, 37));
    let (asked, _) = walk(10, |n| page(slice(40, 10, n), Some(20), Some(3)));
    assert_eq!(asked, vec![1, 2, 3, 4, 5]);
}

#[test]
fn a_server_that_gives_smaller_pages_is_followed() {
    let (asked, read) = walk(50, |n| page(slice(70, 20, n), Some(70), Some(2)));
    assert_eq!((asked, read.agrees, read.records.len()), (vec![1, 2, 3, 4], true, 70));
}

#[test]
fn a_server_that_gives_everything_at_once_agrees() {
    let (asked, read) = walk(10, |_| page(0..35, Some(35), None));
    assert_eq!((asked, read.agrees, read.records.len()), (vec![1], true, 35), "whatever page and size are requested");
}

#[test]
fn a_count_of_one_page_alone_hides_nobody_behind_it() {
    let (asked, read) = walk(10, |n| page(slice(25, 10, n), Some(slice(25, 10, n).count() as u64), Some(0)));
    assert_eq!((asked, read.agrees, read.records.len()), (vec![1, 2, 3], false, 25));
    for (pages, asked) in [(None, vec![1, 2]), (Some(0), vec![1, 2]), (Some(1), vec![1])] {
        let (came, read) = walk(10, |n| page(slice(10, 10, n), Some(10), pages));
        assert_eq!((came, read.agrees, read.records.len()), (asked, true, 10), "{pages:?}");
    }
}

#[test]
fn of_two_readings_the_later_one_says_who_somebody_is() {
    let read = |rows: &[(&str, &str)]| {
        let mut records = Records::default();
        for (id, name) in rows {
            records.push(&Record { id, display_name: Some(name), ..Record::default() });
        }
        Read { records, agrees: false, refused: None, odd_fields: 0, rows: 0 }
    };
    let union = read(&[("1", "Ann"), ("3", "Cy")]).union(read(&[("1", "Zoe"), ("2", "Bo")]));
    let said = union.iter().map(|record| (record.id, record.display_name)).collect::<Vec<_>>();
    assert_eq!(said, [("1", Some("Ann")), ("2", Some("Bo")), ("3", Some("Cy"))]);
}

#[test]
fn a_count_that_grows_or_shrinks_disagrees() {
    for (first, later) in [(25, 26), (25, 24)] {
        let (_, read) = walk(10, |n| page(slice(25, 10, n), Some(if n == 1 { first } else { later }), None));
        assert!(!read.agrees, "{first} then {later}");
    }
}

#[test]
fn a_row_on_two_pages_is_one_record() {
    let rows = |n: u64| if n == 1 { (0..10).collect::<Vec<_>>() } else { vec![9, 10, 11] };
    let (_, read) = walk(10, |n| page(rows(n), Some(12), None));
    assert!(read.agrees && read.records.len() == 12, "the count is of distinct records");
    let (_, read) = walk(10, |n| page(rows(n), Some(13), None));
    assert!(!read.agrees, "one record was missed when the row moved");
}

#[test]
fn the_end_is_what_the_backend_counts_in_pages_and_else_what_its_records_need() {
    for (rows, count, pages, end) in [
        (3, Some(5), Some(1), 1), // the count of records would need a second page
        (49, Some(100), Some(2), 2),
        (10, Some(15), Some(4), 4),
        (10, None, Some(2), 2),
        (3, Some(5), Some(0), 2),
        (3, Some(5), None, 2),
        (10, Some(25), None, 3),
        (10, None, Some(0), 0),
        (10, None, None, 0),
    ] {
        let mut reading = Reading::new(Paging::Pages { size: if rows == 49 { 50 } else { 10 } });
        assert_eq!(reading.end(), 0, "nothing was received");
        reading.take(1, page(0..rows, count, pages));
        assert_eq!(reading.end(), end, "{rows} of {count:?} on {pages:?}");
    }
}

#[test]
fn a_repeated_page_is_no_roll() {
    let (asked, read) = walk(10, |_| page(0..10, Some(20), Some(2)));
    assert_eq!((asked, read.agrees), (vec![1, 2], false));
    let (asked, read) = walk(10, |_| page(0..10, None, None));
    assert_eq!((asked, read.agrees), (vec![1, 2], false), "no count, and the page number is ignored");
}

#[test]
fn rows_missing_against_the_count_disagree() {
    let (_, read) = walk(10, |n| page(slice(12, 10, n), Some(15), Some(2)));
    assert!(!read.agrees);
    let (_, read) = walk(10, |_| page(0..0, Some(3), Some(1)));
    assert!(!read.agrees, "an empty page beside a count");
}

#[test]
fn one_answer_that_holds_everything_is_counted_by_rows() {
    let mut reading = Reading::new(Paging::Whole { suspicious: 1000 });
    assert_eq!(reading.wanted(), vec![1]);
    reading.take(1, page([1, 2, 2], Some(3), None));
    assert!(reading.wanted().is_empty());
    let read = reading.finish();
    assert!(read.agrees && read.records.len() == 2);
}

#[test]
fn a_list_that_proves_its_end_does_not_end_with_a_page_that_is_only_short() {
    let whole: &dyn Fn(u64) -> Page = &|n| page(slice(5, 10, n), None, None);
    let cut: &dyn Fn(u64) -> Page = &|n| page(slice(25, 4, n), None, None);
    let counts_pages_rows: &dyn Fn(u64) -> Page = &|n| page(slice(6, 6, n), Some(if n == 1 { 6 } else { 0 }), Some(0));
    let counts: &dyn Fn(u64) -> Page = &|n| page(slice(25, 10, n), Some(25), Some(0));
    let pages: &dyn Fn(u64) -> Page = &|n| page(slice(5, 10, n), None, Some(1));
    let ignores_the_number: &dyn Fn(u64) -> Page = &|_| page(0..5, None, None);
    let ignores_it_and_counts: &dyn Fn(u64) -> Page = &|_| page(0..5, Some(5), Some(0));
    let empty: &dyn Fn(u64) -> Page = &|_| page(0..0, None, None);
    let list = |server: &dyn Fn(u64) -> Page| read(Reading::to_the_end(Paging::Pages { size: 10 }), server);
    for (what, server, asked, agrees, rows) in [
        ("whole, and one page more", whole, 2, true, 5),
        ("smaller pages than asked for", cut, 8, true, 25),
        ("a count of one page's rows", counts_pages_rows, 2, true, 6),
        ("a count of all", counts, 3, true, 25),
        ("a stated number of pages", pages, 1, true, 5),
        ("the page number is ignored", ignores_the_number, 2, true, 5),
        ("the page number is ignored beside a count", ignores_it_and_counts, 2, true, 5),
        ("nobody", empty, 1, true, 0),
    ] {
        let (pages, read) = list(server);
        assert_eq!((pages.len(), read.agrees, read.records.len()), (asked, agrees, rows), "{what}");
    }
}

#[test]
fn only_a_page_behind_a_list_that_looks_complete_is_a_proof() {
    for (rows, count, pages, is_proof) in [
        (5, None, None, true),
        (5, Some(5), Some(0), true),
        (10, Some(10), Some(0), true), // as many as asked for, but counted
        (10, None, None, false),       // a full page: more may follow
        (5, Some(20), Some(0), false),
        (5, Some(5), Some(1), false),
        (0, None, None, false),
    ] {
        let mut reading = Reading::to_the_end(Paging::Pages { size: 10 });
        reading.take(1, page(0..rows, count, pages));
        assert_eq!(reading.is_proof(2), is_proof, "{rows} {count:?} {pages:?}");
        let mut roll = Reading::new(Paging::Pages { size: 10 });
        roll.take(1, page(0..rows, count, pages));
        assert!(!roll.is_proof(2), "{rows} {count:?} {pages:?}");
    }
}

proptest! {
    /// Whatever a server does, the walk ends, loses no received row, and holds each id once.
    #[test]
    fn every_row_that_came_is_in_the_result_once(
        pages in prop::collection::vec((prop::collection::vec(0_u64..40, 0..8), prop::option::of(0_u64..40), prop::option::of(0_u64..6)), 1..8),
    ) {
        let server = |n: u64| {
            let (ids, count, stated) = pages[usize::try_from(n - 1).unwrap() % pages.len()].clone();
            if n > 20 { page([], count, stated) } else { page(ids, count, stated) }
        };
        let (asked, read) = walk(5, server);
        let came: Vec<Records> = asked.iter().map(|n| server(*n).records).collect();
        let expected: BTreeSet<&str> = came.iter().flat_map(Rows::ids).collect();
        prop_assert!(asked.len() <= 50);
        prop_assert_eq!(read.records.ids().collect::<Vec<_>>(), expected.into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn the_order_of_arrival_changes_nothing(total in 0_u64..60, seed in any::<u64>()) {
        let server = |n: u64| page(slice(total, 7, n), Some(total), None);
        let (mut asked, expected) = walk(7, server);
        fastrand::Rng::with_seed(seed).shuffle(&mut asked);
        let mut reading = Reading::new(Paging::Pages { size: 7 });
        for n in asked {
            reading.take(n, server(n));
        }
        prop_assert_eq!(reading.finish(), expected);
    }
}
