//! One walk for all who wait, and no call if there is a copy.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use crate::support::{Answer, Reply, World, crowd, page, person, persons_page, until, until_so, user};

const USERS: &str = "/customers/acme/users";
const NOW: [(&str, &str); 1] = [("cache-control", "no-cache")];

fn milliseconds(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// A MyReports answer without users.
fn no_users() -> Reply {
    Reply::json(200, &json!({"page_size": 0, "data": [], "status": "success"}))
}

/// Each backend takes `delay` for every answer; Advanced Automation has `persons` persons.
fn slow(world: &World, persons: usize, delay: Duration) {
    let rows = crowd(persons);
    world.answer_persons(move |call| persons_page(&rows, call).after(delay));
    world.my_reports.always(no_users().after(delay));
}

#[track_caller]
fn cache_status(answer: &Answer) -> &str {
    answer.header("cache-status").unwrap_or_else(|| panic!("no Cache-Status: {answer:?}"))
}

#[tokio::test]
async fn two_hundred_callers_of_a_cold_customer_cause_one_walk() {
    let world = World::new().await;
    slow(&world, 120, milliseconds(50));
    let gateway = world.start().await;
    let answers = join_all((0..200).map(|_| gateway.get("/customers/acme/users?page_size=1000"))).await;
    assert!(answers.iter().all(|answer| answer.status == 200 && answer.names().len() == 120));
    let calls = world.advanced_automation.calls();
    let mut pages: Vec<usize> = calls.iter().filter(|call| call.path.ends_with("/Person")).map(|call| call.number("Page")).collect();
    pages.sort_unstable();
    assert_eq!((world.advanced_automation.count("/token"), pages, world.my_reports.calls().len()), (1, vec![1, 2, 3], 1));
    let stored = answers.iter().filter(|answer| cache_status(answer) == "rollcall; fwd=uri-miss; stored").count();
    assert_eq!(stored, 1, "one caller began the walk");
}

#[tokio::test]
async fn a_walk_goes_on_when_the_caller_who_began_it_hangs_up() {
    let world = World::new().await;
    slow(&world, 3, milliseconds(1500));
    let gateway = world.start().await;
    tokio::select! {
        answer = gateway.get(USERS) => panic!("it was answered before the hang-up: {answer:?}"),
        () = until("both to be asked", || world.asked() == (1, 1)) => {}
    }
    tokio::time::sleep(milliseconds(100)).await; // by now the gateway has noticed
    let answer = gateway.get(USERS).await;
    assert_eq!((answer.names().len(), world.asked()), (3, (1, 1)));
    assert_eq!(cache_status(&answer), "rollcall; fwd=uri-miss; collapsed");
}

#[tokio::test]
async fn a_walk_goes_on_behind_a_request_whose_time_is_over() {
    let world = World::new().await;
    slow(&world, 3, milliseconds(600));
    let gateway = world.gateway().set("server.deadline", "500ms").start().await;
    let late = gateway.get(USERS).await;
    assert_eq!((late.status, late.json()["code"].as_str()), (504, Some("upstream_timeout")));
    let mut answer = gateway.get(USERS).await;
    until_so("the walk to end", async || {
        answer = gateway.get(USERS).await;
        answer.status != 504
    })
    .await;
    assert_eq!((answer.names().len(), world.asked()), (3, (1, 1)));
}

#[tokio::test]
async fn the_walk_deadline_ends_a_walk_wherever_it_is() {
    let world = World::new().await;
    slow(&world, 20_000, milliseconds(5));
    let gateway = world.gateway().set("sources.advanced_automation.walk_deadline", "300ms").start().await;
    let answers = join_all((0..12).map(async |customer| gateway.get(&format!("/customers/c{customer}/users")).await)).await;
    for answer in answers {
        let status = |name| answer.source(name)["status"].clone();
        assert_eq!((status("advanced_automation"), status("my_reports")), (json!("timeout"), json!("ok")));
    }
    tokio::time::sleep(milliseconds(100)).await; // what was under way has arrived
    let asked = world.asked();
    tokio::time::sleep(milliseconds(200)).await;
    assert_eq!(world.asked(), asked, "no one asks any more");
    gateway.get("/customers/c0/users").await;
    assert!(world.asked().0 > asked.0, "the next caller begins a walk of its own");
}

#[tokio::test]
async fn a_fresh_copy_answers_every_view_without_a_call() {
    let world = World::new().await;
    world.persons(crowd(3));
    let gateway = world.start().await;
    gateway.get(USERS).await;
    for query in ["", "?q=p001", "?sort=-email", "?page_size=1", "?include=deleted,conflicts", "?partial=deny"] {
        let answer = gateway.get(&format!("{USERS}{query}")).await;
        assert!(answer.status == 200 && cache_status(&answer).starts_with("rollcall; hit; ttl="), "{query}: {answer:?}");
    }
    assert_eq!(world.asked(), (1, 1));
    gateway.get("/customers/other/users").await;
    assert_eq!(world.asked(), (2, 2), "another customer's copy is another");
}

#[tokio::test]
async fn a_caller_may_have_the_sources_asked_now_and_all_who_do_share_one_walk() {
    let world = World::new().await;
    world.persons(crowd(1));
    let gateway = world.start().await;
    gateway.get(USERS).await;
    slow(&world, 2, milliseconds(500));
    let answers = join_all((0..20).map(|_| gateway.get_with(USERS, &NOW))).await;
    assert!(answers.iter().all(|answer| answer.names().len() == 2), "each has what the sources report now");
    assert_eq!(world.asked(), (2, 2));
    let mut told: Vec<&str> = answers.iter().map(cache_status).collect();
    told.sort_unstable();
    told.dedup();
    assert_eq!(told, ["rollcall; fwd=request; collapsed", "rollcall; fwd=request; stored"]);
    assert_eq!(gateway.get(USERS).await.names().len(), 2, "and so has a later caller");
    assert_eq!(world.asked(), (2, 2));
}

#[tokio::test]
async fn the_copy_stands_in_where_a_source_that_was_to_be_asked_now_fails() {
    let world = World::new().await;
    world.users(vec![user("9", "Cy Fox", "cy@acme.example")]);
    let gateway = world.gateway().set("sources.my_reports.retries", "0").start().await;
    gateway.get(USERS).await;
    world.my_reports.always(Reply::status(503));
    let answer = gateway.get_with(USERS, &NOW).await;
    assert_eq!((answer.status, &answer.json()["status"], answer.names()), (200, &json!("success"), vec!["Cy Fox".to_owned()]));
    let (asked, stood_in) = (answer.source("advanced_automation"), answer.source("my_reports"));
    assert_eq!((&stood_in["status"], &stood_in["stale"], &stood_in["error"]), (&json!("ok"), &json!(false), &json!("unavailable")));
    assert_eq!(asked.get("error"), None);
    assert_eq!(world.asked(), (2, 2));
}

#[tokio::test]
async fn that_a_customer_is_unknown_is_believed_for_a_while() {
    let world = World::new().await;
    world.answer_persons(|_| Reply::status(404));
    world.my_reports.always(Reply::status(404));
    let gateway = world.gateway().set("cache.not_found", "1s").start().await;
    let first = gateway.get(USERS).await;
    let second = gateway.get(USERS).await;
    assert_eq!((first.status, second.status, world.asked()), (404, 404, (1, 1)));
    assert_eq!(second.json()["code"], "customer_not_found");
    assert!(cache_status(&second).starts_with("rollcall; hit; ttl="), "{second:?}");
    world.persons(crowd(1));
    tokio::time::sleep(milliseconds(1050)).await;
    let third = gateway.get(USERS).await;
    assert_eq!((third.status, world.asked()), (200, (2, 2)));
}

#[tokio::test]
async fn each_source_is_cached_for_itself() {
    let world = World::new().await;
    world.persons(crowd(1));
    world.my_reports.always(Reply::status(404));
    let gateway = world.gateway().set("cache.not_found", "300ms").start().await;
    let first = gateway.get(USERS).await.source("advanced_automation")["fetched_at"].clone();
    world.users(vec![user("9", "Cy Fox", "cy@acme.example")]);
    tokio::time::sleep(milliseconds(1100)).await;
    let answer = gateway.get(USERS).await;
    assert_eq!((answer.names().len(), world.asked()), (2, (1, 2)), "only the source whose copy has expired is asked");
    let fetched_at = |name| answer.source(name)["fetched_at"].clone();
    assert_eq!(fetched_at("advanced_automation"), first);
    assert!(fetched_at("my_reports").as_str() > first.as_str());
    assert_eq!(answer.json()["timestamp"], fetched_at("my_reports"), "the newest");
    assert_eq!(cache_status(&answer), "rollcall; fwd=uri-miss; stored");
    let age: u64 = answer.header("age").unwrap().parse().unwrap();
    assert!((1..60).contains(&age), "of the oldest: {age}");
    assert_eq!(answer.header("cache-control"), Some("private, max-age=60"));
}

#[tokio::test]
async fn a_roll_that_there_is_no_room_for_is_not_called_stored() {
    for (max_bytes, told, calls) in [("64KiB", "rollcall; fwd=uri-miss", 2), ("1MiB", "rollcall; hit; ttl=", 1)] {
        let world = World::new().await;
        slow(&world, 1000, Duration::ZERO);
        let gateway = world.gateway().set("cache.max_bytes", max_bytes).set("sources.advanced_automation.page_size", "1000").start().await;
        gateway.get(USERS).await;
        let again = gateway.get(USERS).await;
        assert_eq!((again.status, world.asked().0), (200, calls), "{max_bytes}");
        assert!(cache_status(&again).starts_with(told) && !cache_status(&again).contains("stored"), "{max_bytes}: {again:?}");
    }
}

#[tokio::test]
async fn a_reading_whose_counts_never_agree_is_nobodys_copy() {
    let world = World::new().await;
    world.answer_persons(|call| {
        let clients: Vec<_> = (call.number("Page") == 1).then(|| person("1", "Ann Lee", "ann@acme.example")).into_iter().collect();
        Reply::json(200, &json!({"Clients": clients, "Paging": {"AmountRecordsFound": 2, "AmountOfPages": 1}}))
    });
    let gateway = world.start().await;
    for walks in 1..=2 {
        let answer = gateway.get(USERS).await;
        assert_eq!((answer.status, &answer.json()["status"]), (200, &json!("partial")));
        assert_eq!(answer.source("advanced_automation")["status"], "incomplete");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let calls = world.advanced_automation.calls();
        let readings = calls.iter().filter(|call| call.parameter("Page") == Some("1")).count();
        assert_eq!((readings, world.my_reports.calls().len()), (2 * walks, 1), "read twice, each time");
    }
}

#[tokio::test]
async fn users_who_were_read_though_perhaps_not_all_end_a_not_found() {
    let world = World::new().await;
    world.answer_persons(|_| Reply::status(404));
    world.my_reports.always(Reply::status(404));
    let gateway = world.start().await;
    assert_eq!(gateway.get(USERS).await.code(), "customer_not_found");
    let users = [user("1", "Ann Lee", "ann@acme.example"), user("2", "Bo Ray", "bo@acme.example")];
    world.my_reports.always(Reply::json(200, &json!({"page_size": 3, "data": users})));
    let read = gateway.get_with("/customers/acme/users?page_size=1", &NOW).await;
    assert_eq!((read.status, &read.source("my_reports")["status"]), (200, &json!("incomplete")), "{read:?}");
    let cursor = read.json()["next_cursor"].as_str().unwrap().to_owned();
    let next = gateway.get(&format!("/customers/acme/users?page_size=1&cursor={cursor}")).await;
    assert_eq!(next.names(), ["Bo Ray"], "{next:?}");
    assert_eq!(next.source("advanced_automation")["status"], "not_found");
}

#[tokio::test]
async fn who_joins_a_walk_is_told_that_its_source_wants_to_be_left_alone() {
    let world = World::new().await;
    world.users(vec![]);
    world.answer_persons(|call| match call.number("Page") {
        1 => page(0..10, 20, 2).after(milliseconds(600)),
        _ => Reply::status(429).header("retry-after", "8").after(milliseconds(500)),
    });
    let paged = world.gateway().set("sources.advanced_automation.page_size", "10");
    let gateway = paged.set("server.deadline", "1s").start().await;
    assert_eq!(gateway.get("/customers/acme/users?partial=deny").await.code(), "upstream_timeout");
    let joined = gateway.get("/customers/acme/users?partial=deny").await;
    let told = (joined.code(), joined.header("retry-after").map(str::to_owned));
    assert_eq!(told, ("upstream_rate_limited".to_owned(), Some("8".to_owned())), "{joined:?}");
}
