//! Counts that do not agree: read once more, then reported; a roll that may be short is never called complete.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Gateway, Reply, SIZE, World, page, slice, user};

/// Checks that this many users of a source are returned as possibly incomplete, with and without `deny`.
/// The other source has one user.
async fn assert_incomplete(gateway: &Gateway, name: &str, users: usize, what: &str) {
    let answer = gateway.get("/customers/acme/users?page_size=1000").await;
    let (body, source) = (answer.json(), answer.source(name));
    assert_eq!(
        (&body["status"], &source["status"], &source["users"]),
        (&json!("partial"), &json!("incomplete"), &json!(users)),
        "{what}: {answer:?}"
    );
    assert_eq!((&body["total"], answer.names().len()), (&Value::Null, users + 1), "{what}: {answer:?}");
    assert_eq!(body["warnings"], json!([{"code": "changed_while_reading", "source": name, "count": null}]), "{what}: {answer:?}");
    let denied = gateway.get("/customers/acme/users?partial=deny").await;
    assert_eq!((denied.code().as_str(), denied.status), ("upstream_invalid_response", 502));
    assert_eq!(denied.source(name), json!({"source": name, "status": "incomplete", "http_status": 200}));
}

#[tokio::test]
async fn a_count_that_changes_between_pages_is_read_once_more_and_then_believed() {
    for (first, then) in [(25, 26), (25, 24), (30, 20), (20, 30)] {
        let world = World::new().await;
        world.answer_pages(move |number, reading| {
            let count = if (reading, number) == (1, 1) { first } else { then };
            page(slice(then, SIZE, number), count, count.div_ceil(SIZE))
        });
        let answer = world.start_paging(&[]).await.get("/customers/acme/users?partial=deny").await;
        assert_eq!(
            (&answer.json()["status"], &answer.json()["total"]),
            (&json!("success"), &json!(then + 1)),
            "{first} {then}: {answer:?}"
        );
        assert_eq!(answer.json()["warnings"], json!([]));
        assert_eq!(world.pages_asked().iter().filter(|number| **number == 1).count(), 2, "{first} {then}");
    }
}

#[tokio::test]
async fn counts_that_never_agree_are_told_and_the_union_of_what_was_seen_is_given() {
    let world = World::new().await;
    // Each reading states one more record than there are, and sees a different row.
    world.answer_pages(|number, reading| {
        let ids = slice(25, SIZE, number).map(move |id| id + reading % 2);
        page(ids, 25 + reading, 3)
    });
    let gateway = world.start_paging(&[]).await;
    assert_incomplete(&gateway, "advanced_automation", 26, "a different row each time").await;
    assert_eq!(world.pages_asked().len(), 12, "two readings of three pages, for each of two requests: it is not cached");
}

#[tokio::test]
async fn a_second_reading_that_fails_fails_the_source() {
    let world = World::new().await;
    world.answer_pages(|number, reading| if reading == 1 { page(slice(24, SIZE, number), 25, 3) } else { Reply::status(503) });
    let answer = world.start_paging(&[]).await.get("/customers/acme/users").await;
    assert_eq!((answer.names(), &answer.source("advanced_automation")["status"]), (vec!["Zoe".to_owned()], &json!("unavailable")));
}

#[tokio::test]
async fn a_customer_who_was_just_read_cannot_be_unknown_at_the_second_reading() {
    for refusal in [Reply::status(404), Reply::status(400), Reply::json(200, &json!({"status": "error", "error": 404}))] {
        let world = World::new().await;
        world.answer_pages(move |number, reading| if reading == 1 { page(slice(24, SIZE, number), 25, 3) } else { refusal.clone() });
        let answer = world.start_paging(&[]).await.get("/customers/acme/users").await;
        let told = (&answer.json()["status"], &answer.source("advanced_automation")["status"]);
        assert_eq!(told, (&json!("partial"), &json!("invalid_response")), "{answer:?}");
    }
}

#[tokio::test]
async fn a_page_that_is_refused_at_the_second_reading_only_hides_nobody_whom_the_first_one_saw() {
    let world = World::new().await;
    world.answer_pages(|number, reading| match (reading % 2, number) {
        (1, 2) => page(10..19, 20, 2),
        (0, 2) => Reply::status(404),
        _ => page(slice(20, SIZE, number), 20, 2),
    });
    let gateway = world.start_paging(&[]).await;
    assert_incomplete(&gateway, "advanced_automation", 19, "refused once").await;
}

#[tokio::test]
async fn a_roll_that_becomes_shorter_while_it_is_read_is_read_once_more() {
    for refusal in [Reply::status(404), Reply::status(400), page(0..0, 15, 2)] {
        for (then, late) in [(15_usize, 2), (15, 4), (5, 2)] {
            let (world, refusal) = (World::new().await, refusal.clone());
            world.answer_pages(move |number, reading| {
                let last = then.div_ceil(SIZE);
                let reply = match (reading, number) {
                    (1, 1) => page(slice(35, SIZE, 1), 35, 4),
                    (_, number) if number <= last => page(slice(then, SIZE, number), then, last),
                    _ => refusal.clone(),
                };
                if number == late { reply.after(Duration::from_millis(50)) } else { reply }
            });
            let answer = world.start_paging(&[]).await.get("/customers/acme/users?partial=deny").await;
            let total = &answer.json()["total"];
            assert_eq!((&answer.json()["status"], total), (&json!("success"), &json!(then + 1)), "{then} {late}: {answer:?}");
            let expected = if then == 15 { vec![1, 1, 2, 2, 3, 4] } else { vec![1, 1, 2, 3, 4] };
            assert_eq!(world.pages_asked(), expected, "each page once per reading");
        }
    }
}

#[tokio::test]
async fn what_a_shorter_roll_lacks_hides_no_page_that_may_come_at_the_next_try() {
    let world = World::new().await;
    let failed = std::sync::atomic::AtomicBool::new(false);
    world.answer_pages(move |number, reading| match (reading, number) {
        (1, 1) => page(slice(25, SIZE, 1), 25, 3),
        (_, 2) if !failed.swap(true, std::sync::atomic::Ordering::SeqCst) => Reply::status(429).header("retry-after", "1"),
        (_, 1 | 2) => page(slice(15, SIZE, number), 15, 2),
        _ => Reply::status(404),
    });
    let answer = world.start_paging(&[("retries", "1")]).await.get("/customers/acme/users?partial=deny").await;
    assert_eq!((&answer.json()["status"], &answer.json()["total"]), (&json!("success"), &json!(16)), "{answer:?}");
}

#[tokio::test]
async fn what_is_short_or_long_against_the_count_is_not_whole() {
    type Script = fn(usize) -> Reply;
    for (what, script, users) in [
        ("a row is missing", (|number| page(slice(24, SIZE, number), 25, 3)) as Script, 24),
        ("an empty page beside a count", |_| page(0..0, 3, 1), 0),
        ("a last page that is empty", |number| page(slice(20, SIZE, number), 25, 3), 20),
        ("a full page past the end", |number| page(slice(37, SIZE, number), 15, 2), 37),
        ("counts of zero beside rows", |number| page(slice(25, SIZE, number), 0, 0), 25),
        ("each page with a count of its own", |number| page(slice(25, SIZE, number), 24 + number, 3), 25),
        ("one page again and again, counted", |_| page(0..10, 20, 2), 10),
        ("one page again and again, not counted", |_| page(0..10, (), ()), 10),
        (
            "a row that comes twice where another one was missed, rows not counted",
            |number| page(if number == 1 { 0..10 } else { 9..15 }, (), 2),
            15,
        ),
        ("an empty page before the last one, rows not counted", |number| page(slice(10, SIZE, number), (), 3), 10),
        ("an empty first page, rows not counted", |number| page(if number == 1 { 0..0 } else { slice(15, SIZE, number) }, (), 2), 5),
        (
            "a short page among full ones, rows not counted",
            |number| page(if number == 2 { 10..16 } else { slice(25, SIZE, number) }, (), 3),
            21,
        ),
        (
            "pages that only a short second one counts",
            |number| page(if number == 2 { 10..16 } else { slice(25, SIZE, number) }, (), if number == 1 { 0 } else { 3 }),
            21,
        ),
        ("a number of pages that grows, rows not counted", |number| page(slice(40, SIZE, number), (), if number == 1 { 2 } else { 5 }), 40),
        ("a row that hides another by moving", |number| page(slice(20, SIZE, number).map(|id| id - id / 10), 20, 2), 19),
    ] {
        let world = World::new().await;
        world.answer_pages(move |number, _| script(number));
        let gateway = world.start_paging(&[]).await;
        assert_incomplete(&gateway, "advanced_automation", users, what).await;
    }
}

#[tokio::test]
async fn a_first_page_that_is_short_and_refused_pages_behind_the_last_one_lose_nobody() {
    let refusals = [Reply::status(404), Reply::status(400), Reply::json(200, &json!({"status": "error", "error": 404})), page(0..0, 5, 1)];
    for refusal in refusals {
        let (world, one) = (World::new().await, refusal.clone());
        world.answer_pages(move |number, _| if number == 1 { page(0..3, 5, 1) } else { one.clone() });
        assert_incomplete(&world.start_paging(&[]).await, "advanced_automation", 3, "3 of 5 on one page").await;
        let world = World::new().await;
        world.answer_pages(move |number, _| match number {
            1 => page(0..9, 20, 2),
            2 => page(10..20, 20, 2),
            _ => refusal.clone(),
        });
        assert_incomplete(&world.start_paging(&[]).await, "advanced_automation", 19, "9 and 10 of 20 on two pages").await;
        assert_eq!(world.pages_asked(), [[1; 4], [2; 4], [3; 4]].concat(), "two readings, for each of two requests");
    }
}

#[tokio::test]
async fn a_first_page_that_is_short_once_is_read_again_and_whole() {
    let world = World::new().await;
    world.answer_pages(|number, reading| match (reading, number) {
        (1, 1) => page(0..3, 5, 1),
        (_, 1) => page(0..5, 5, 1),
        _ => Reply::status(404),
    });
    let answer = world.start_paging(&[]).await.get("/customers/acme/users?partial=deny").await;
    assert_eq!((&answer.json()["status"], &answer.json()["total"]), (&json!("success"), &json!(6)), "{answer:?}");
}

#[tokio::test]
async fn a_refused_page_that_there_should_be_is_no_end() {
    for pages in [json!(0), json!(null), json!(2)] {
        let world = World::new().await;
        world.answer_pages(move |number, _| if number == 1 { page(0..3, 5, pages.clone()) } else { Reply::status(404) });
        let answer = world.start_paging(&[]).await.get("/customers/acme/users").await;
        assert_eq!(answer.source("advanced_automation")["status"], "invalid_response", "{answer:?}");
    }
}

#[tokio::test]
async fn a_full_page_past_the_end_is_followed_by_one_more() {
    let world = World::new().await;
    world.answer_pages(|number, reading| page(slice(37, SIZE, number), if reading == 1 { 15 } else { 37 }, 0));
    let answer = world.start_paging(&[]).await.get("/customers/acme/users").await;
    assert_eq!((&answer.json()["status"], &answer.json()["total"]), (&json!("success"), &json!(38)), "{answer:?}");
    assert_eq!(world.pages_asked(), [1, 1, 2, 2, 3, 3, 4, 4], "the first reading finds the same end as the second");
}

#[tokio::test]
async fn a_row_on_two_pages_is_one_record_and_the_count_is_of_records() {
    let world = World::new().await;
    world.answer_pages(|number, _| page(if number == 1 { 0..10 } else { 9..16 }, 16, 2));
    let answer = world.start_paging(&[]).await.get("/customers/acme/users?partial=deny").await;
    assert_eq!((answer.source("advanced_automation")["users"].as_u64(), answer.names().len()), (Some(16), 17), "{answer:?}");
    assert_eq!(world.pages_asked(), [1, 2]);
}

#[tokio::test]
async fn my_reports_counts_rows_in_a_number_or_a_text() {
    let users: Vec<Value> = (0..3).map(|id| user(&id.to_string(), "U", "")).collect();
    for (size, whole) in [(json!(3), true), (json!("3"), true), (json!(null), true), (json!(2), false), (json!("4"), false)] {
        let world = World::new().await;
        world.answer_pages(|_, _| page([7], 1, 1));
        let gateway = world.start_paging(&[]).await;
        let reply = Reply::json(200, &json!({"page_size": size, "data": users, "status": "success"}));
        world.my_reports.always(reply);
        if whole {
            let answer = gateway.get("/customers/acme/users?partial=deny").await;
            assert_eq!((&answer.json()["total"], world.my_reports.calls().len()), (&json!(4), 1), "{size}");
        } else {
            assert_incomplete(&gateway, "my_reports", 3, "rows").await;
            assert_eq!(world.my_reports.calls().len(), 4, "{size}: read once more, for each of two requests");
        }
    }
}

#[tokio::test]
async fn a_page_size_that_agrees_at_the_second_reading_is_a_success() {
    let world = World::new().await;
    world.answer_pages(|_, _| page([7], 1, 1));
    let gateway = world.start_paging(&[]).await;
    let calls = std::sync::atomic::AtomicUsize::new(0);
    world.my_reports.answer(move |_| {
        let size = if calls.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0 { 3 } else { 2 };
        Reply::json(200, &json!({"page_size": size, "data": [user("1", "A", ""), user("2", "B", "")]}))
    });
    let answer = gateway.get("/customers/acme/users?partial=deny").await;
    assert_eq!((&answer.json()["status"], &answer.json()["total"], world.my_reports.calls().len()), (&json!("success"), &json!(3), 2));
}
