//! What may be done with a copy that is no longer fresh: return it at once, let it stand in, or nothing.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{Answer, Gateway, Reply, World, person, persons_page, until, until_so, user};

const USERS: &str = "/customers/acme/users";

/// Longer than copies stay fresh here.
const EXPIRY: Duration = Duration::from_millis(350);

/// A gateway that holds a copy of Ann from Advanced Automation and of Bo from MyReports, both
/// just expired.
async fn expired(world: &World, keys: &[(&str, &str)]) -> Gateway {
    world.persons(vec![person("1", "Ann", "ann@acme.example")]);
    world.users(vec![user("2", "Bo", "bo@acme.example")]);
    let own = [("cache.fresh", "300ms"), ("sources.advanced_automation.retries", "0"), ("sources.my_reports.retries", "0")];
    let setup = own.iter().chain(keys).fold(world.gateway(), |setup, (key, value)| setup.set(key, value));
    let gateway = setup.start().await;
    assert_eq!(gateway.get(USERS).await.names(), ["Ann", "Bo"]);
    tokio::time::sleep(EXPIRY).await;
    gateway
}

/// A source's entry: its status, whether it is stale, and its error.
#[track_caller]
fn told(answer: &Answer, source: &str) -> (String, bool, Value) {
    let entry = answer.source(source);
    let text = entry["status"].as_str().unwrap().to_owned();
    (text, entry["stale"].as_bool().unwrap(), entry.get("error").cloned().unwrap_or_default())
}

fn ok(stale: bool, error: Value) -> (String, bool, Value) {
    ("ok".to_owned(), stale, error)
}

#[tokio::test]
async fn a_stale_copy_is_given_at_once_and_refreshed_once_behind_the_answers() {
    let world = World::new().await;
    let gateway = expired(&world, &[]).await;
    let rows = vec![person("1", "Ann Lee", "ann@acme.example")];
    world.answer_persons(move |call| persons_page(&rows, call).after(Duration::from_millis(500)));
    let answers = join_all((0..10).map(|_| gateway.get(USERS))).await;
    for answer in &answers {
        assert_eq!((answer.names(), told(answer, "advanced_automation")), (vec!["Ann".into(), "Bo".into()], ok(true, Value::Null)));
        assert_eq!(answer.json()["status"], "success");
        assert_eq!(answer.header("cache-control"), Some("private, max-age=0"));
        assert!(answer.header("cache-status").unwrap().starts_with("rollcall; hit; ttl="), "{answer:?}");
    }
    until("the refresh", || world.asked() == (2, 2)).await;
    let mut names = Vec::new();
    until_so("the new copy", async || {
        names = gateway.get(USERS).await.names();
        names[0] != "Ann"
    })
    .await;
    assert_eq!(names, ["Ann Lee", "Bo"]);
    assert_eq!(world.asked().0, 2, "one refresh for all of them");
}

#[tokio::test]
async fn a_refresh_that_fails_behind_the_answer_is_told_with_the_next_one_and_is_not_repeated_at_once() {
    let world = World::new().await;
    let gateway = expired(&world, &[]).await;
    world.my_reports.always(Reply::status(503));
    gateway.get(USERS).await;
    until("the refresh", || world.asked().1 == 2).await;
    let mut answer = gateway.get(USERS).await;
    until_so("the failure to be told", async || {
        answer = gateway.get(USERS).await;
        told(&answer, "my_reports") != ok(true, Value::Null)
    })
    .await;
    assert_eq!(told(&answer, "my_reports"), ok(true, json!("unavailable")));
    assert_eq!((answer.names().len(), &answer.json()["status"]), (2, &json!("success")));
    join_all((0..10).map(|_| gateway.get(USERS))).await;
    assert_eq!(world.asked().1, 2, "the source cools down");
}

#[tokio::test]
async fn an_expired_copy_stands_in_for_a_source_that_is_refused_held_back_late_or_down() {
    let cases = [
        (Reply::status(401), "unauthorized"),
        (Reply::status(403), "forbidden"),
        (Reply::status(429).header("retry-after", "60"), "rate_limited"),
        (Reply::status(200).after(Duration::from_secs(9)), "timeout"),
        (Reply::status(500), "unavailable"),
        (Reply::html(200), "invalid_response"),
    ];
    join_all(cases.map(|(reply, error)| stands_in_for(reply, error))).await;
}

async fn stands_in_for(reply: Reply, error: &str) {
    let world = World::new().await;
    let keys = [("cache.stale_while_revalidate", "0s"), ("sources.my_reports.timeout", "250ms")];
    let gateway = expired(&world, &keys).await;
    world.my_reports.always(reply);
    let answer = gateway.get(&format!("{USERS}?partial=deny")).await;
    assert_eq!((answer.status, &answer.json()["status"]), (200, &json!("success")), "{error}: a stale copy is no failure");
    assert_eq!((answer.names().len(), told(&answer, "my_reports")), (2, ok(true, json!(error))));
    assert_eq!(told(&answer, "advanced_automation"), ok(false, Value::Null), "{error}: the other was asked and answered");
    assert_eq!(answer.header("cache-control"), Some("private, max-age=0"), "{error}");
    assert!(answer.header("cache-status").unwrap().starts_with("rollcall; fwd=stale"), "{error}: {answer:?}");
    let again = gateway.get(USERS).await;
    assert_eq!((told(&again, "my_reports"), world.asked().1), (ok(true, json!(error)), 2), "{error}: no second call at once");
}

#[tokio::test]
async fn a_copy_beyond_every_window_is_worth_nothing() {
    let world = World::new().await;
    let keys = [("cache.stale_while_revalidate", "0s"), ("cache.stale_if_error", "0s")];
    let gateway = expired(&world, &keys).await;
    world.my_reports.always(Reply::status(503));
    let answer = gateway.get(USERS).await;
    assert_eq!((answer.names(), told(&answer, "my_reports")), (vec!["Ann".to_owned()], ("unavailable".into(), false, Value::Null)));
    assert_eq!(answer.json()["status"], "partial");
}

#[tokio::test]
async fn that_the_customer_is_gone_replaces_a_stale_copy() {
    let world = World::new().await;
    let gateway = expired(&world, &[("cache.stale_while_revalidate", "0s")]).await;
    world.my_reports.always(Reply::status(404));
    for _ in 0..2 {
        let answer = gateway.get(USERS).await;
        assert_eq!((answer.names(), told(&answer, "my_reports")), (vec!["Ann".to_owned()], ("not_found".into(), false, Value::Null)));
    }
    world.my_reports.always(Reply::status(503));
    let forced = gateway.get_with(USERS, &[("cache-control", "no-cache")]).await;
    assert_eq!(forced.names(), ["Ann"], "nothing brings the old users back");
}

#[tokio::test]
async fn what_is_not_there_stands_in_for_a_refresh_that_fails_while_it_is_believed() {
    let world = World::new().await;
    world.persons(vec![person("1", "Ann", "ann@acme.example")]);
    world.my_reports.always(Reply::status(404));
    let gateway = world.gateway().set("sources.my_reports.retries", "0").start().await;
    assert_eq!(told(&gateway.get(USERS).await, "my_reports"), ("not_found".into(), false, Value::Null));
    world.my_reports.always(Reply::status(503));
    let forced = gateway.get_with(USERS, &[("cache-control", "no-cache")]).await;
    assert_eq!(told(&forced, "my_reports"), ("not_found".into(), false, json!("unavailable")), "{forced:?}");
    assert_eq!((forced.json()["status"].as_str(), gateway.get(USERS).await.json()["status"].as_str()), (Some("success"), Some("success")));
}

#[tokio::test]
async fn who_has_just_been_read_is_not_hidden_by_nobody_having_been_there() {
    let world = World::new().await;
    world.my_reports.always(Reply::status(404));
    let gateway = world.gateway().set("sources.my_reports.retries", "0").start().await;
    assert_eq!(told(&gateway.get(USERS).await, "my_reports"), ("not_found".into(), false, Value::Null));
    world.my_reports.always(Reply::json(200, &json!({"status": "success", "page_size": 2, "data": [user("1", "Bo", "bo@acme.example")]})));
    let forced = gateway.get_with(USERS, &[("cache-control", "no-cache")]).await;
    assert_eq!((told(&forced, "my_reports"), forced.names()), (("incomplete".into(), false, Value::Null), vec!["Bo".to_owned()]));
    assert_eq!(forced.json()["status"], "partial");
}

#[tokio::test]
async fn that_the_request_is_wrong_is_believed_whatever_copy_there_is() {
    let world = World::new().await;
    let gateway = expired(&world, &[("cache.stale_while_revalidate", "0s")]).await;
    world.my_reports.always(Reply::status(400));
    for time in ["first", "second"] {
        let answer = gateway.get(USERS).await;
        let expected = ("bad_request".into(), false, Value::Null);
        assert_eq!((answer.names(), told(&answer, "my_reports")), (vec!["Ann".to_owned()], expected), "the {time} time");
        assert_eq!(answer.json()["status"], "partial");
    }
}

#[tokio::test]
async fn a_source_that_asks_to_be_left_alone_is_left_alone() {
    for (ask, calls) in [(None, 3), (Some("30"), 2)] {
        let world = World::new().await;
        let gateway = expired(&world, &[("cache.stale_while_revalidate", "0s")]).await;
        let reply = Reply::status(429);
        world.my_reports.always(match ask {
            Some(seconds) => reply.header("retry-after", seconds),
            None => reply,
        });
        assert_eq!(told(&gateway.get(USERS).await, "my_reports"), ok(true, json!("rate_limited")));
        tokio::time::sleep(Duration::from_millis(1200)).await; // longer than a first cool-down of our own
        assert_eq!(told(&gateway.get(USERS).await, "my_reports"), ok(true, json!("rate_limited")));
        assert_eq!(world.my_reports.calls().len(), calls, "{ask:?}");
    }
}

#[tokio::test]
async fn how_long_a_copy_stands_in_does_not_depend_on_how_long_it_is_given_at_once() {
    let world = World::new().await;
    let gateway = expired(&world, &[("cache.stale_while_revalidate", "1m"), ("cache.stale_if_error", "0s")]).await;
    world.my_reports.always(Reply::status(503));
    let answer = gateway.get_with(USERS, &[("cache-control", "no-cache")]).await;
    assert_eq!(told(&answer, "my_reports"), ("unavailable".to_owned(), false, Value::Null), "{answer:?}");
}
