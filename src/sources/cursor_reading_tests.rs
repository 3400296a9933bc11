//! The stop rules where each page names the next one: only the page that names none ends a roll.

use proptest::prelude::*;

use super::{
    super::failed_page::{settle, take},
    tests::page,
    *,
};

const CURSOR: Paging = Paging::Cursor { size: 3 };

/// The pages of a server: for each one its ids, and the page that it names as the next.
type Chain = Vec<(Vec<u64>, Option<usize>)>;

/// Divides ids into pages of these sizes, in order, with the rest on the last one.
fn divided(ids: &[u64], sizes: &[usize]) -> Chain {
    let mut rest = ids;
    let mut chain: Chain = Vec::new();
    for (number, size) in sizes.iter().enumerate() {
        let (now, later) = rest.split_at((*size).min(rest.len()));
        chain.push((now.to_vec(), Some(number + 1)));
        rest = later;
    }
    chain.push((rest.to_vec(), None));
    chain
}

/// The page that a cursor stands for, as the server returns it.
fn served(chain: &Chain, cursor: Option<&str>, count: Option<u64>) -> Page {
    let (ids, next) = &chain[cursor.map_or(0, |cursor| cursor.parse().unwrap())];
    Page { next: next.map(|next| next.to_string().into()), ..page(ids.iter().copied(), count, None) }
}

/// Reads until nothing more is wanted; returns the number of pages asked for, and the result.
fn read(mut reading: Reading, chain: &Chain, count: Option<u64>) -> (u64, Read) {
    let mut asked = 0;
    while let [number] = *reading.wanted() {
        asked += 1;
        assert!(number == asked && asked < 50, "one after another, to an end");
        let at = reading.position(number);
        assert_eq!((at.page, at.offset), (number, reading.rows()));
        assert!(reading.last_page() >= number && reading.end() == 0 && !reading.is_proof(number));
        reading.take(number, served(chain, at.cursor.as_deref(), count));
    }
    assert!(reading.wanted().is_empty(), "never several at once: {:?}", reading.wanted());
    (asked, reading.finish())
}

fn read_all(chain: &Chain, count: Option<u64>) -> (u64, Read) {
    let list = read(Reading::to_the_end(CURSOR), chain, count);
    let roll = read(Reading::new(CURSOR), chain, count);
    assert_eq!(roll, list, "a page that names no next one needs no other proof");
    roll
}

#[test]
fn only_a_page_that_names_no_next_one_is_the_last() {
    for (what, chain, count, asked, agrees, rows) in [
        ("nobody", vec![(vec![], None)], None, 1, true, 0),
        ("nobody, counted", vec![(vec![], None)], Some(0), 1, true, 0),
        ("a full page", vec![(vec![1, 2, 3], None)], None, 1, true, 3),
        ("a page that is not full is followed", vec![(vec![1], Some(1)), (vec![2, 3, 4], None)], None, 2, true, 4),
        ("more rows than asked for", vec![(vec![1, 2, 3, 4, 5], Some(1)), (vec![6], None)], None, 2, true, 6),
        ("an empty page is followed", vec![(vec![], Some(1)), (vec![], Some(2)), (vec![1], None)], None, 3, true, 1),
        ("an empty last page", vec![(vec![1], Some(1)), (vec![], None)], None, 2, true, 1),
        ("a count does not end it", vec![(vec![1], Some(1)), (vec![2], None)], Some(1), 2, false, 2),
        ("nor does it continue it", vec![(vec![1], None)], Some(9), 1, false, 1),
        ("a count of one page's rows", vec![(vec![1, 2, 3], None)], Some(3), 1, true, 3),
        ("a row that comes twice", vec![(vec![1, 2], Some(1)), (vec![2, 3], None)], None, 2, false, 3),
        ("and is counted once", vec![(vec![1, 2], Some(1)), (vec![2, 3], None)], Some(3), 2, true, 3),
        ("and is counted twice", vec![(vec![1, 2], Some(1)), (vec![2, 3], None)], Some(4), 2, false, 3),
        ("a page that repeats the one before it", vec![(vec![1], Some(1)), (vec![1], Some(2)), (vec![2], None)], Some(2), 3, true, 2),
    ] {
        let (pages, read) = read_all(&chain, count);
        assert_eq!((pages, read.agrees, read.records.len(), read.refused), (asked, agrees, rows, None), "{what}");
    }
}

#[test]
fn a_next_that_is_empty_is_none() {
    let mut reading = Reading::new(CURSOR);
    reading.take(1, Page { next: Some("".into()), ..page([1], None, None) });
    assert!(reading.wanted().is_empty() && reading.finish().agrees);
}

#[test]
fn a_stated_number_of_pages_adds_none_but_is_missed() {
    for (count, pages, agrees) in [(None, 1, true), (None, 2, false), (Some(1), 2, true), (None, 0, true)] {
        let mut reading = Reading::new(CURSOR);
        reading.take(1, page([1], count, Some(pages)));
        assert_eq!((reading.wanted(), reading.last_page(), reading.end()), (vec![], 1, 0));
        assert_eq!(reading.finish().agrees, agrees, "{count:?} {pages}");
    }
}

#[test]
fn a_next_means_nothing_where_pages_are_numbered_or_all_is_one() {
    for (paging, last) in [(Paging::Pages { size: 1 }, 3), (Paging::Whole { suspicious: 9 }, 1)] {
        let mut reading = Reading::new(paging);
        for number in 1..=last {
            assert_eq!(reading.wanted(), [number], "{paging:?}");
            let ids = if number == 3 { vec![] } else { vec![number] };
            reading.take(number, Page { next: Some("the same".into()), ..page(ids, None, None) });
        }
        assert!(reading.wanted().is_empty() && reading.finish().agrees, "{paging:?}");
    }
}

/// A chain of pages with distinct ids, in any order.
fn chains() -> impl Strategy<Value = Chain> {
    let ids = Just((0..30).collect::<Vec<u64>>()).prop_shuffle();
    (ids, 0_usize..30, prop::collection::vec(0_usize..6, 0..8)).prop_map(|(ids, total, sizes)| divided(&ids[..total], &sizes))
}

fn total(chain: &Chain) -> u64 {
    chain.iter().map(|(ids, _)| ids.len() as u64).sum()
}

proptest! {
    #[test]
    fn however_rows_are_divided_every_page_is_read_once_and_agrees(chain in chains(), is_counted in any::<bool>()) {
        let count = is_counted.then_some(total(&chain));
        let (asked, read) = read_all(&chain, count);
        prop_assert_eq!((asked, read.agrees, read.refused), (chain.len() as u64, true, None));
        let expected = Records::distinct(chain.iter().map(|(ids, _)| super::tests::records(ids.iter().copied())).collect());
        prop_assert_eq!((read.records, read.rows), (expected, total(&chain)));
    }

    #[test]
    fn without_its_last_page_nothing_agrees(mut chain in chains(), is_counted in any::<bool>()) {
        chain.pop();
        prop_assume!(!chain.is_empty());
        let mut reading = Reading::new(CURSOR);
        for number in 1..=chain.len() as u64 {
            let at = reading.position(number);
            reading.take(number, served(&chain, at.cursor.as_deref(), is_counted.then_some(total(&chain))));
        }
        prop_assert!(!reading.finish().agrees);
    }

    #[test]
    fn a_circle_is_no_roll_and_ends_when_it_closes(mut chain in chains(), back in any::<prop::sample::Index>(), is_counted in any::<bool>()) {
        let (count, pages) = (is_counted.then_some(total(&chain)), chain.len());
        let back = back.index(pages);
        if let Some((_, next)) = chain.last_mut() {
            *next = Some(back);
        }
        let (asked, read) = read_all(&chain, count);
        let closes = pages as u64 + u64::from(back == 0); // the first page has no cursor until one leads back to it
        prop_assert_eq!((asked, read.agrees, read.refused), (closes, false, Some(Failure::answered(FailureKind::InvalidResponse, 200))));
    }

    #[test]
    fn a_refused_page_is_never_the_end(chain in chains(), at in any::<prop::sample::Index>(), status in prop::sample::select(vec![400, 404, 410])) {
        prop_assume!(chain.len() > 1);
        let refused = at.index(chain.len() - 1) as u64 + 2;
        let kind = match status { 400 => FailureKind::BadRequest, 404 => FailureKind::NotFound, _ => FailureKind::InvalidResponse };
        let failure = Failure::answered(kind, status);
        let received: u64 = chain.iter().take(usize::try_from(refused - 1).unwrap()).map(|(ids, _)| ids.len() as u64).sum();
        for count in [None, Some(received), Some(total(&chain))] {
            for mut reading in [Reading::new(CURSOR), Reading::to_the_end(CURSOR)] {
                for number in 1..refused {
                    let cursor = reading.position(number).cursor;
                    reading.take(number, served(&chain, cursor.as_deref(), count));
                }
                prop_assert_eq!(take(refused, reading.end(), Err(failure), &mut reading), Err(failure));
                prop_assert_eq!(settle(failure, &mut reading), Ok(()));
                prop_assert!(reading.wanted().is_empty());
                let read = reading.finish();
                prop_assert_eq!((read.agrees, read.refused), (false, Some(failure)));
            }
        }
    }
}
