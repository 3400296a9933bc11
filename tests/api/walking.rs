//! Walking Advanced Automation's pages: which are requested, how many at once, and what happens when one fails.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Answer, Reply, SIZE, World, page, person, slice};

/// Checks that the roll is complete, with this many users.
#[track_caller]
fn assert_whole(answer: &Answer, users: usize) {
    let (body, source) = (answer.json(), answer.source("advanced_automation"));
    assert_eq!((&body["status"], &source["status"], &source["users"]), (&json!("success"), &json!("ok"), &json!(users)), "{answer:?}");
    assert_eq!((&body["total"], &body["warnings"]), (&json!(users + 1), &json!([])), "{answer:?}");
}

#[tokio::test]
async fn the_pages_that_there_are_are_asked_for_once_each() {
    for (what, total, gives, count, pages, last) in [
        ("counts that agree", 25, SIZE, json!(25), json!(3), 3),
        ("counts that are texts", 25, SIZE, json!("25"), json!("3"), 3),
        ("0 pages beside rows", 25, SIZE, json!(25), json!(0), 3),
        ("an exact multiple", 20, SIZE, json!(20), json!(2), 2),
        ("an exact multiple, 0 pages beside rows", 20, SIZE, json!(20), json!(0), 2),
        ("one full page", 10, SIZE, json!(10), json!(1), 1),
        ("nobody", 0, SIZE, json!(0), json!(0), 1),
        ("no number of records", 25, SIZE, json!(null), json!(3), 3),
        ("no number of records, a full last page", 30, SIZE, json!(null), json!(3), 4),
        ("no number of records, and fewer pages than there are", 25, SIZE, json!(null), json!(1), 3),
        ("no number of pages", 25, SIZE, json!(25), json!(null), 3),
        ("no counts", 25, SIZE, json!(null), json!(null), 3),
        ("no counts, an exact multiple", 20, SIZE, json!(null), json!(null), 3),
        ("smaller pages than were asked for", 15, 4, json!(15), json!(2), 4),
        ("smaller pages, an exact multiple", 16, 4, json!(16), json!(0), 4),
        ("fewer pages than the records need", 25, SIZE, json!(25), json!(1), 3),
        ("more pages than the records need", 15, SIZE, json!(15), json!(4), 4),
        ("smaller pages than were asked for, and only pages counted", 20, 4, json!(null), json!(2), 6),
    ] {
        let world = World::new().await;
        world.answer_pages(move |number, _| page(slice(total, gives, number), count.clone(), pages.clone()));
        let answer = world.start_paging(&[]).await.get("/customers/acme/users?partial=deny").await;
        assert_whole(&answer, total);
        assert_eq!(world.pages_asked(), (1..=last).collect::<Vec<_>>(), "{what}");
    }
}

#[tokio::test]
async fn an_answer_without_paging_ends_with_the_first_page_that_is_not_full() {
    let world = World::new().await;
    world.answer_pages(|number, _| {
        let clients: Vec<Value> = slice(13, SIZE, number).map(|id| person(&id.to_string(), "P", "")).collect();
        Reply::json(200, &json!({"Clients": clients}))
    });
    assert_whole(&world.start_paging(&[]).await.get("/customers/acme/users").await, 13);
    assert_eq!(world.pages_asked(), [1, 2]);
}

#[tokio::test]
async fn counts_at_top_level_are_counts_too() {
    for gives in [4, SIZE] {
        let world = World::new().await;
        world.answer_pages(move |number, _| {
            let clients: Vec<Value> = slice(25, gives, number).map(|id| person(&id.to_string(), "P", "")).collect();
            Reply::json(200, &json!({"Clients": clients, "AmountRecordsFound": 25, "AmountOfPages": 0}))
        });
        assert_whole(&world.start_paging(&[]).await.get("/customers/acme/users").await, 25);
    }
}

#[tokio::test]
async fn a_page_behind_those_that_there_are_may_be_refused() {
    for refusal in [Reply::status(404), Reply::json(404, &json!({"error": 404})), Reply::status(400)] {
        let world = World::new().await;
        world.answer_pages(move |number, _| if number > 2 { refusal.clone() } else { page(slice(20, SIZE, number), (), 2) });
        assert_whole(&world.start_paging(&[]).await.get("/customers/acme/users").await, 20);
        assert_eq!(world.pages_asked(), [1, 2, 3]);
    }
}

#[tokio::test]
async fn where_nothing_says_how_many_there_are_a_refused_page_is_no_end() {
    for refusal in [Reply::status(404), Reply::status(400), Reply::status(422)] {
        let world = World::new().await;
        world.answer_pages(move |number, _| if number > 1 { refusal.clone() } else { page(slice(12, SIZE, number), (), ()) });
        let answer = world.start_paging(&[]).await.get("/customers/acme/users").await;
        assert_eq!((&answer.json()["status"], answer.names()), (&json!("partial"), vec!["Zoe".to_owned()]), "{answer:?}");
    }
}

#[tokio::test]
async fn a_page_in_the_middle_that_fails_fails_the_source() {
    for (reply, status) in [
        (Reply::status(500), "unavailable"),
        (Reply::status(403), "forbidden"),
        (Reply::status(429), "rate_limited"),
        (Reply::status(400), "invalid_response"),
        (Reply::html(200), "invalid_response"),
        (Reply::status(404), "invalid_response"),
        (Reply::json(200, &json!({"status": "error", "error": 404})), "invalid_response"),
        (page(20..30, 50, 5).cut_short(), "invalid_response"),
        (page(20..30, 50, 5).after(Duration::from_mins(1)), "timeout"),
    ] {
        let world = World::new().await;
        world.answer_pages(move |number, _| if number == 3 { reply.clone() } else { page(slice(50, SIZE, number), 50, 5) });
        let patience = if status == "timeout" { "500ms" } else { "5s" };
        let answer = world.start_paging(&[("timeout", patience)]).await.get("/customers/acme/users").await;
        assert_eq!((&answer.json()["status"], answer.names()), (&json!("partial"), vec!["Zoe".to_owned()]), "{answer:?}");
        let source = answer.source("advanced_automation");
        assert_eq!((&source["status"], &source["users"]), (&json!(status), &Value::Null), "{answer:?}");
    }
}

#[tokio::test]
async fn a_page_that_comes_at_the_second_try_is_as_good() {
    let world = World::new().await;
    let failed = std::sync::atomic::AtomicBool::new(false);
    world.answer_pages(move |number, _| {
        let fails = number == 2 && !failed.swap(true, std::sync::atomic::Ordering::SeqCst);
        if fails { Reply::status(429) } else { page(slice(25, SIZE, number), 25, 3) }
    });
    assert_whole(&world.start_paging(&[("retries", "1")]).await.get("/customers/acme/users").await, 25);
    assert_eq!(world.pages_asked(), [1, 2, 2, 3]);
}

#[tokio::test]
async fn the_strongest_failure_of_several_pages_decides_whichever_came_first() {
    for (statuses, code) in [
        ([500, 404, 429, 403], "upstream_forbidden"),
        ([403, 404, 500, 302], "upstream_forbidden"),
        ([400, 302, 500, 429], "upstream_rate_limited"),
        ([302, 400, 404, 503], "upstream_unavailable"),
        ([400, 400, 400, 302], "upstream_invalid_response"),
        ([400, 422, 404, 422], "upstream_invalid_response"),
    ] {
        let world = World::new().await;
        world.answer_pages(move |number, _| match number {
            1 => page(slice(90, SIZE, 1), 90, 9),
            2..=5 => Reply::status(statuses[number - 2]).after(Duration::from_millis(40 * number as u64)),
            _ => page(slice(90, SIZE, number), 90, 9),
        });
        let answer = world.start_paging(&[]).await.get("/customers/acme/users?partial=deny").await;
        assert_eq!(answer.code(), code, "{statuses:?}");
        let is_refused = statuses.iter().all(|status| [400, 404, 422].contains(status));
        let again = if is_refused { 2 } else { 1 }; // another reading may fix it
        let expected: Vec<usize> = (1..=5).flat_map(|page| std::iter::repeat_n(page, again)).collect();
        assert_eq!(world.pages_asked(), expected, "none is requested after a failure");
    }
}

#[tokio::test]
async fn a_page_that_says_401_decides_over_one_that_says_403_whichever_came_first() {
    for (early, late) in [(403, 401), (401, 403)] {
        let world = World::new().await;
        world.answer_pages(move |number, _| match number {
            2 => Reply::status(early),
            3 => Reply::status(late).after(Duration::from_millis(300)),
            _ => page(slice(30, SIZE, number), 30, 3),
        });
        let answer = world.start_paging(&[]).await.get("/customers/acme/users?partial=deny").await;
        assert_eq!(answer.code(), "upstream_unauthorized", "{early} at once, {late} late");
    }
}

#[tokio::test]
async fn nothing_is_tried_again_for_a_walk_that_has_failed() {
    let world = World::new().await;
    world.answer_pages(|number, _| match number {
        2 => Reply::status(403).after(Duration::from_millis(200)),
        3 => Reply::status(429).header("retry-after", "4"),
        _ => page(slice(40, SIZE, number), 40, 4),
    });
    let gateway = world.start_paging(&[("retries", "2")]).await;
    let begun = tokio::time::Instant::now();
    assert_eq!(gateway.get("/customers/acme/users?partial=deny").await.code(), "upstream_forbidden");
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    assert_eq!(world.pages_asked(), [1, 2, 3, 4]);
}

#[tokio::test]
async fn a_few_pages_are_asked_for_at_a_time_and_no_more_than_four() {
    let world = World::new().await;
    world.answer_pages(|number, _| page(slice(150, SIZE, number), 150, 15).after(Duration::from_millis(30)));
    assert_whole(&world.start_paging(&[]).await.get("/customers/acme/users?page_size=1000").await, 150);
    let most = world.advanced_automation.most_at_once();
    assert!((2..=4).contains(&most), "{most} at once");
}

#[tokio::test]
async fn a_walk_does_not_wait_for_places_that_it_holds_itself() {
    for places in ["1", "3"] {
        let world = World::new().await;
        world.answer_pages(|number, _| page(slice(60, SIZE, number), 60, 6).after(Duration::from_millis(800)));
        // An answer takes more than half of this (as long as a call waits for a place) and far less than all of it.
        let gateway = world.start_paging(&[("max_in_flight", places), ("timeout", "1500ms")]).await;
        assert_whole(&gateway.get("/customers/acme/users?page_size=1000").await, 60);
        assert!(world.advanced_automation.most_at_once() <= places.parse().unwrap());
    }
}

#[tokio::test]
async fn more_pages_than_are_allowed_are_an_invalid_response() {
    for (allowed, count, pages, whole) in [
        ("3", json!(25), json!(3), true),
        ("2", json!(25), json!(3), false),
        ("2", json!(null), json!(null), false),
        ("2", json!(5), json!(3), false),
    ] {
        let world = World::new().await;
        world.answer_pages(move |number, _| page(slice(25, SIZE, number), count.clone(), pages.clone()));
        let answer = world.start_paging(&[("max_pages", allowed)]).await.get("/customers/acme/users?partial=deny").await;
        if whole {
            assert_whole(&answer, 25);
        } else {
            assert_eq!(answer.code(), "upstream_invalid_response");
            assert!(world.pages_asked().len() <= 2, "{:?}", world.pages_asked());
        }
    }
}

#[tokio::test]
async fn a_count_that_lies_costs_neither_calls_nor_memory() {
    for (count, pages) in [(json!(25), json!(1_000_000_000)), (json!(1_000_000_000_000_u64), json!(0)), (json!(u64::MAX), json!(u64::MAX))]
    {
        let world = World::new().await;
        world.answer_pages(move |number, _| page(slice(25, SIZE, number), count.clone(), pages.clone()));
        let answer = world.start_paging(&[]).await.get("/customers/acme/users?partial=deny").await;
        assert_eq!((answer.code().as_str(), world.pages_asked().len()), ("upstream_invalid_response", 1));
    }
}
