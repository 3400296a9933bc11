//! Credentials that callers supply themselves: forwarded unchanged, and their refusal reported as the caller's.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use tokio::time::Instant;

use crate::support::{
    Answer, Call, Gateway, Reply, World,
    envelope::VARY,
    forwarding::{ROLL, echoing, forwarding_both, header},
    sources::{SOURCES, other_than, roll},
};

#[tokio::test]
async fn what_a_caller_brings_goes_upstream_as_it_is_and_ours_does_not() {
    for source in SOURCES {
        let world = World::of_two().await;
        let gateway = world.gateway().forwarding(source).start().await;
        let answer = gateway.get_with(ROLL, &[(header(source), "Bearer of-the-caller"), ("authorization", "Bearer for-the-gateway")]).await;
        assert_eq!((answer.names(), &answer.json()["status"]), (vec!["Ann".to_owned(), "Bo".to_owned()], &"success".into()));
        let sent: Vec<_> = world.fake(source).calls().iter().filter_map(|call| call.header("authorization").map(str::to_owned)).collect();
        assert_eq!(sent, ["Bearer of-the-caller"], "no token is requested");
        let elsewhere = world.fake(other_than(source)).calls();
        assert!(elsewhere.iter().all(|call| !call.header("authorization").unwrap_or_default().contains("caller")), "{elsewhere:?}");
        let passed_on = [world.advanced_automation.calls(), world.my_reports.calls()].concat();
        assert!(passed_on.iter().all(|call| call.header(&header(source).to_lowercase()).is_none()), "the header itself is not forwarded");
        let names = answer.header("vary").unwrap().strip_prefix(VARY).unwrap();
        assert_eq!(names, format!(", {}", header(source).to_lowercase()));
    }
}

#[tokio::test]
async fn missing_or_refused_credentials_are_the_callers_to_mend() {
    for source in SOURCES {
        let world = World::of_two().await;
        let gateway = world.gateway().forwarding(source).start().await;
        let answer = gateway.get(ROLL).await;
        assert_eq!((answer.status, &answer.source(source)["status"]), (200, &"unauthorized".into()), "{answer:?}");
        assert_eq!((&answer.json()["status"], world.asked_at(source)), (&"partial".into(), 0), "no call is made without credentials");
        let denied = gateway.get(&format!("{ROLL}?partial=deny")).await;
        assert_eq!(refusal(&denied), (401, "upstream_credentials_refused".to_owned(), format!("Bearer realm=\"{source}\"")));
        world.answer_at(source, |_| Reply::status(401));
        let refused = gateway.get_with(&format!("{ROLL}?partial=deny"), &[(header(source), "Bearer bad")]).await;
        assert_eq!(refusal(&refused), (401, "upstream_credentials_refused".to_owned(), format!("Bearer realm=\"{source}\"")));
        assert_eq!((&refused.json()["owner"], world.asked_at(source)), (&"caller".into(), 1), "it is not retried");
        world.answer_at(source, |_| Reply::status(403));
        let forbidden = gateway.get_with(&format!("{ROLL}?partial=deny"), &[(header(source), "Bearer poor")]).await;
        assert_eq!((forbidden.status, &forbidden.json()["code"]), (502, &"upstream_forbidden".into()), "only a 403 was received");
    }
    let world = World::of_two().await;
    let gateway = forwarding_both(&world, &[]).await;
    for answer in [gateway.get(ROLL).await, gateway.get_with_both(ROLL, " ").await] {
        assert_eq!((answer.status, answer.code().as_str()), (401, "upstream_credentials_refused"));
    }
    let own = world.gateway().start().await;
    world.answer_at("my_reports", |_| Reply::status(401));
    let ours = own.get_with(&format!("{ROLL}?partial=deny"), &[(header("my_reports"), "Bearer x")]).await;
    assert_eq!(ours.code(), "upstream_unauthorized", "credentials that are not used cannot be refused");
}

fn refusal(answer: &Answer) -> (u16, String, String) {
    (answer.status, answer.json()["code"].as_str().unwrap().to_owned(), answer.header("www-authenticate").unwrap_or_default().to_owned())
}

#[tokio::test]
async fn one_user_is_asked_for_with_what_the_caller_brings() {
    let world = echoing().await;
    let gateway = forwarding_both(&world, &[]).await;
    let path = "/customers/acme/users/my_reports:2";
    for credentials in ["Bearer a", "Bearer b"] {
        assert_eq!(gateway.get_with_both(path, credentials).await.json()["data"]["display_name"], credentials);
    }
    assert_eq!(gateway.get(path).await.code(), "upstream_credentials_refused", "the user may exist, as far as is known");
}

#[tokio::test]
async fn credentials_that_come_twice_are_refused_and_not_quoted() {
    let world = World::of_two().await;
    let gateway = forwarding_both(&world, &[]).await;
    let name = header("my_reports");
    let answer = gateway
        .send_raw(&format!("GET {ROLL} HTTP/1.1"), &[&format!("{name}: Bearer secret-1"), &format!("{name}: Bearer secret-2")])
        .await;
    assert_eq!((answer.status, answer.json()["code"].as_str()), (400, Some("invalid_parameter")));
    assert!(answer.text.to_lowercase().contains(&name.to_lowercase()) && !answer.text.contains("secret-"), "{answer:?}");
}

#[tokio::test]
async fn nothing_is_asked_for_behind_a_callers_back() {
    let world = World::of_two().await;
    let gateway = forwarding_both(&world, &[("cache.fresh", "300ms"), ("cache.stale_while_revalidate", "5m")]).await;
    gateway.get_with_both(ROLL, "Bearer a").await;
    tokio::time::sleep(Duration::from_millis(295)).await; // within the last twentieth of fresh, or after it
    gateway.get_with_both(ROLL, "Bearer a").await;
    tokio::time::sleep(Duration::from_millis(310)).await;
    let asked = world.asked();
    let answer = gateway.get_with_both(ROLL, "Bearer a").await;
    assert_eq!(world.asked(), (asked.0 + 1, asked.1 + 1), "a stale copy is refreshed before the answer");
    assert!(answer.header("cache-status").unwrap().contains("fwd=stale"), "{answer:?}");
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(world.asked(), (asked.0 + 1, asked.1 + 1), "and not again after it");
}

#[tokio::test]
async fn nothing_is_asked_for_behind_a_callers_back_while_a_copy_is_still_fresh() {
    let world = World::of_two().await;
    let gateway = forwarding_both(&world, &[("cache.fresh", "2s"), ("cache.stale_while_revalidate", "5m")]).await;
    let mut in_time = 0;
    for round in 0..10 {
        let callers: Vec<String> = (0..8).map(|number| format!("Bearer {round}-{number}")).collect();
        let asked = join_all(callers.iter().map(|credentials| asks_just_before_the_end_of_fresh(&world, &gateway, credentials))).await;
        in_time += asked.into_iter().filter(|in_time| *in_time).count();
        if in_time >= 8 {
            return;
        }
    }
    panic!("this machine was too slow: only {in_time} requests came in time");
}

/// Asks twice, the second time within the last twentieth of `fresh`, and checks that only the first time asks the sources.
/// Returns whether the copies were still fresh for certain; otherwise nothing is checked.
async fn asks_just_before_the_end_of_fresh(world: &World, gateway: &Gateway, credentials: &str) -> bool {
    let begun = Instant::now();
    gateway.get_with_both(ROLL, credentials).await;
    tokio::time::sleep_until(begun + Duration::from_millis(1960)).await;
    let answer = gateway.get_with_both(ROLL, credentials).await;
    if begun.elapsed() > Duration::from_millis(1995) {
        return false;
    }
    assert!(answer.header("cache-status").is_some_and(|status| status.starts_with("rollcall; hit; ttl=")), "{answer:?}");
    tokio::time::sleep(Duration::from_millis(100)).await;
    let asked = |source| world.fake(source).calls().iter().filter(|call| call.header("authorization") == Some(credentials)).count();
    assert_eq!(SOURCES.map(asked), [1, 1], "{credentials}");
    true
}

#[tokio::test]
async fn bad_credentials_of_callers_say_nothing_of_the_source() {
    let world = World::of_two().await;
    world.answer_at("my_reports", |call| if call.header("authorization") == Some("Bearer good") { roll(call) } else { Reply::status(401) });
    let gateway = world.gateway().forwarding("my_reports").start().await;
    let get = async |number: usize, credentials: &str| {
        let credentials = format!("Bearer {credentials}");
        gateway.get_with(&format!("/customers/c{number}/users?partial=deny"), &[(header("my_reports"), &credentials)]).await.status
    };
    for number in 0..30 {
        assert_eq!(get(number, "bad").await, 401);
    }
    assert_eq!(get(99, "good").await, 200, "the breaker is closed");
    assert_eq!(get(100, "bad").await, 401);
    let health = gateway.get("/health/sources").await.json();
    assert_eq!((&health["sources"][1]["error"], &health["sources"][1]["breaker"]), (&json!(null), &"closed".into()), "{health}");
}

#[tokio::test]
async fn odd_credentials_of_one_caller_take_the_source_from_nobody() {
    for status in [302, 413, 431] {
        let world = World::of_two().await;
        let answer = move |call: &Call| if call.header("authorization") == Some("Bearer odd") { Reply::status(status) } else { roll(call) };
        world.answer_at("my_reports", answer);
        let gateway = world.gateway().forwarding("my_reports").tune("my_reports", &[("breaker.min_calls", "2")]).start().await;
        let get = async |number: usize, credentials: &str| {
            let path = format!("/customers/c{number}/users?partial=deny");
            gateway.get_with(&path, &[(header("my_reports"), credentials)]).await
        };
        for number in 0..4 {
            assert_eq!(get(number, "Bearer odd").await.json()["code"], "upstream_invalid_response", "{status}");
        }
        let good = get(4, "Bearer good").await;
        assert_eq!(good.status, 200, "{status}: the breaker is closed: {good:?}");
        let health = gateway.get("/health/sources").await.json();
        assert_eq!((&health["sources"][1]["error"], &health["sources"][1]["breaker"]), (&json!(null), &"closed".into()), "{health}");
        let metrics = gateway.get("/metrics").await.text;
        assert!(metrics.contains("rollcall_source_up{source=\"my_reports\"} 1"), "{status}: {metrics}");
    }
}

#[tokio::test]
async fn a_limit_on_what_one_caller_brings_is_told_to_them_and_costs_nobody_a_retry() {
    let world = World::of_two().await;
    world.answer_at("my_reports", |_| Reply::status(429).header("retry-after", "1"));
    let gateway = world.gateway().forwarding("my_reports").tune("my_reports", &[("retries", "2")]).start().await;
    let limited = gateway.get_with(&format!("{ROLL}?partial=deny"), &[(header("my_reports"), "Bearer a")]).await;
    assert_eq!((&limited.json()["code"], limited.header("retry-after")), (&"upstream_rate_limited".into(), Some("1")), "{limited:?}");
    assert_eq!(world.asked_at("my_reports"), 1);
}

#[tokio::test]
async fn a_check_asks_nobody_for_credentials_that_callers_bring() {
    let (world, folder) = (World::of_two().await, crate::support::Folder::new());
    let more = "sources.advanced_automation.credentials = \"forward\"\nsources.my_reports.credentials = \"forward\"";
    let file = folder.write("rollcall.toml", &world.toml(more));
    let checked = crate::support::Program::run(&["check", "--online", "--config", file.to_str().unwrap()], &[]).await;
    assert_eq!(checked.code, Some(0), "{checked:?}");
    assert!(SOURCES.iter().all(|source| checked.out.contains(&format!("{source}: each caller brings"))), "{checked:?}");
    assert_eq!((world.advanced_automation.calls().len(), world.my_reports.calls().len()), (0, 0));
    let discovering = world.gateway().set("sources.my_reports.credentials", "forward").set("customers.links", "discover,same_id");
    let faults = discovering.config().err().unwrap().to_string();
    assert!(faults.starts_with("customers.links") && faults.contains("sources.my_reports.credentials"), "{faults}");
    let faults = world.gateway().set("sources.my_reports.credentials", "theirs").config().err().unwrap().to_string();
    assert!(faults.starts_with("sources.my_reports.credentials") && faults.contains("\"own\" or \"forward\""), "{faults}");
}
