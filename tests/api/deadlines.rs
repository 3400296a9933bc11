//! How long a caller waits: never longer than a source's timeout or the request's own deadline.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;

use crate::support::{Answer, Reply, World, person, user};

/// Longer than any answer may take here, and far shorter than a source hangs.
const LONG: Duration = Duration::from_secs(5);

/// An answer that begins correctly but never ends.
fn unfinished() -> Reply {
    Reply::new(200, "{\"Clients\":[],\"data\":[").without_end()
}

/// A world in which each source has one user.
async fn world() -> World {
    let world = World::new().await;
    world.persons(vec![person("1", "Ann", "ann@acme.example")]);
    world.users(vec![user("2", "Bo", "bo@acme.example")]);
    world
}

#[tokio::test]
async fn one_slow_source_does_not_take_the_other_down() {
    for (slow, other, reply) in [
        ("advanced_automation", "Bo", Reply::hung as fn() -> Reply),
        ("advanced_automation", "Bo", unfinished),
        ("my_reports", "Ann", Reply::hung),
        ("my_reports", "Ann", unfinished),
    ] {
        let world = world().await;
        match slow {
            "my_reports" => world.my_reports.always(reply()),
            _ => world.answer_persons(move |_| reply()),
        }
        let gateway = world.gateway().set(&format!("sources.{slow}.timeout"), "200ms").start().await;
        let begun = Instant::now();
        let answer = gateway.get("/customers/acme/users").await;
        assert!(begun.elapsed() < LONG, "waited {:?}", begun.elapsed());
        assert_eq!((answer.status, answer.names()), (200, vec![other.to_owned()]), "{answer:?}");
        assert_eq!(answer.source(slow)["status"], "timeout");
    }
}

#[tokio::test]
async fn a_timeout_is_not_tried_again() {
    let world = world().await;
    world.my_reports.always(Reply::hung());
    let gateway = world.gateway().set("sources.my_reports.timeout", "100ms").set("sources.my_reports.retries", "5").start().await;
    assert_eq!(gateway.get("/customers/acme/users?partial=deny").await.code(), "upstream_timeout");
    assert_eq!(world.my_reports.calls().len(), 1);
}

#[tokio::test]
async fn a_wait_that_would_outlast_the_request_is_not_begun() {
    for (status, wait, code) in [
        (429, "60", "upstream_rate_limited"),
        (503, "60", "upstream_unavailable"),
        (429, "18446744073709551615", "upstream_rate_limited"),
        (429, "Fri, 31 Dec 9999 23:59:59 GMT", "upstream_rate_limited"),
    ] {
        let world = world().await;
        world.my_reports.always(Reply::status(status).header("retry-after", wait));
        let gateway = world.start().await;
        let begun = Instant::now();
        let answer = gateway.get("/customers/acme/users?partial=deny").await;
        assert!(begun.elapsed() < LONG, "waited {:?}", begun.elapsed());
        assert_eq!((answer.code().as_str(), world.my_reports.calls().len()), (code, 1), "{wait}");
    }
}

#[tokio::test]
async fn the_request_ends_at_its_deadline_although_a_source_may_take_longer() {
    let late = |both_hang: bool, parameter: &'static str| async move {
        let world = world().await;
        world.my_reports.always(Reply::hung());
        if both_hang {
            world.advanced_automation.always(Reply::hung());
        }
        let patient = ["my_reports", "advanced_automation"].map(|source| format!("sources.{source}.timeout"));
        let setup = patient.iter().fold(world.gateway(), |setup, key| setup.set(key, "1m"));
        let gateway = setup.set("server.deadline", "2s").start().await;
        let begun = Instant::now();
        let answer = gateway.get(&format!("/customers/acme/users{parameter}")).await;
        assert!(begun.elapsed() < LONG, "waited {:?}", begun.elapsed());
        assert_eq!(answer.source("my_reports")["status"], "timeout");
        answer
    };
    let (allowed, denied, none) = tokio::join!(late(false, ""), late(false, "?partial=deny"), late(true, ""));
    assert_eq!((allowed.status, allowed.names()), (200, vec!["Ann".to_owned()]));
    assert_eq!([denied.code(), none.code()], ["upstream_timeout", "upstream_timeout"]);
}

#[tokio::test]
async fn calls_that_find_no_place_are_overloaded_and_are_not_made() {
    let world = world().await;
    world.my_reports.always(Reply::hung());
    let setup = world.gateway().set("sources.my_reports.timeout", "300ms").set("sources.my_reports.max_in_flight", "1");
    let gateway = setup.start().await;
    let customers = ["a", "b", "c", "d", "e", "f"].map(|customer| format!("/customers/{customer}/users?partial=deny"));
    let codes: Vec<String> = join_all(customers.iter().map(|path| gateway.get(path))).await.iter().map(Answer::code).collect();
    let made = codes.iter().filter(|code| *code == "upstream_timeout").count();
    assert!(codes.iter().any(|code| code == "overloaded"), "{codes:?}");
    assert_eq!(world.my_reports.calls().len(), made, "only requests with a place made calls: {codes:?}");
}

#[tokio::test]
async fn the_sources_get_a_quarter_of_a_second_less_than_the_request() {
    let world = world().await;
    let users = serde_json::json!({"page_size": 1, "data": [user("2", "Bo", "bo@acme.example")], "status": "success"});
    world.my_reports.always(Reply::json(200, &users).after(Duration::from_millis(1900))); // within the deadline, but too late
    let gateway = world.gateway().patient().set("server.deadline", "2s").start().await;
    let answer = gateway.get("/customers/acme/users").await;
    assert_eq!((answer.status, answer.names()), (200, vec!["Ann".to_owned()]), "{answer:?}");
    assert_eq!(answer.source("my_reports")["status"], "timeout", "{answer:?}");
}
