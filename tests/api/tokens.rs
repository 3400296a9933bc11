//! The gateway's identity at the sources: tokens, their renewal, and that they are sent nowhere else.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use serde_json::json;

use crate::support::{Answer, Fake, Gateway, Reply, Setup, World, person, persons_page, with_tokens};

const TOKENS: &str = "/idp/token";
const PERSONS: &str = "/Person";
const ROLL: &str = "/customers/acme/users?partial=deny";

/// A gateway that makes no retries.
fn setup(world: &World) -> Setup {
    world.gateway().set("sources.advanced_automation.retries", "0").set("sources.my_reports.retries", "0")
}

async fn start(world: &World) -> Gateway {
    setup(world).start().await
}

#[track_caller]
fn assert_refused(answer: &Answer, code: &str, source: &str) {
    assert_eq!(answer.code(), code, "{answer:?}");
    assert_eq!(answer.header("www-authenticate"), Some(format!("Bearer realm=\"{source}\"").as_str()));
}

#[tokio::test]
async fn a_refused_token_is_renewed_once_and_the_answer_is_whole() {
    let world = World::new().await;
    world.answer_persons(|call| match call.header("authorization") {
        Some("Bearer token-2") => persons_page(&[person("1", "Ann", "ann@acme.example")], call),
        _ => Reply::status(401),
    });
    let gateway = start(&world).await;
    let answer = gateway.get(ROLL).await;
    assert_eq!((answer.status, answer.names()), (200, vec!["Ann".to_owned()]));
    assert_eq!((world.advanced_automation.count(TOKENS), world.advanced_automation.count(PERSONS)), (2, 2));
    gateway.get("/customers/other/users").await;
    assert_eq!((world.advanced_automation.count(TOKENS), world.advanced_automation.count(PERSONS)), (2, 3), "the new token stays in use");
}

#[tokio::test]
async fn a_401_is_believed_after_one_renewal() {
    let world = World::new().await;
    world.answer_persons(|_| Reply::status(401).header("www-authenticate", "Basic realm=\"theirs\""));
    let gateway = start(&world).await;
    assert_refused(&gateway.get(ROLL).await, "upstream_unauthorized", "advanced_automation");
    assert_eq!((world.advanced_automation.count(TOKENS), world.advanced_automation.count(PERSONS)), (2, 2));
}

#[tokio::test]
async fn a_401_is_believed_where_the_renewal_is_forbidden() {
    let world = World::new().await;
    let is_issued = AtomicBool::new(false);
    world.advanced_automation.answer(move |call| match call.path.ends_with(TOKENS) {
        true if !is_issued.swap(true, Ordering::SeqCst) => Reply::json(200, &json!({"access_token": "token-1", "expires_in": 7200})),
        true => Reply::status(403),
        false => Reply::status(401),
    });
    let gateway = start(&world).await;
    assert_refused(&gateway.get(ROLL).await, "upstream_unauthorized", "advanced_automation");
    assert_eq!(
        gateway.get("/customers/other/users?partial=deny").await.code(),
        "upstream_forbidden",
        "from then on it is all that is said"
    );
}

#[tokio::test]
async fn a_token_endpoint_that_asks_to_be_left_alone_is() {
    for (status, code) in [(429, "upstream_rate_limited"), (503, "upstream_unavailable")] {
        let world = World::new().await;
        world.advanced_automation.always(Reply::status(status).header("retry-after", "30"));
        let gateway = start(&world).await;
        for number in 0..3 {
            let answer = gateway.get(&format!("/customers/c-{number}/users?partial=deny")).await;
            assert_eq!(answer.code(), code, "{answer:?}");
        }
        assert_eq!(world.advanced_automation.count(TOKENS), 1, "{status}");
    }
}

#[tokio::test]
async fn a_token_endpoint_is_asked_again_once_it_no_longer_asks_to_be_left_alone() {
    let world = World::new().await;
    world.advanced_automation.always(Reply::status(429).header("retry-after", "1"));
    let gateway = start(&world).await;
    assert_eq!(gateway.get(ROLL).await.code(), "upstream_rate_limited");
    world.answer_persons(|call| persons_page(&[person("1", "Ann", "")], call));
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_eq!(gateway.get(ROLL).await.names(), ["Ann"]);
}

#[tokio::test]
async fn a_token_that_ends_within_a_walk_is_renewed_once_for_all_its_pages() {
    let world = World::new().await;
    let rows: Vec<_> = (0..60).map(|id| person(&id.to_string(), "Ann", "")).collect();
    world.answer_persons(move |call| {
        let late = call.number("Page") > 1 && call.header("authorization") == Some("Bearer token-1");
        if late { Reply::status(401) } else { persons_page(&rows, call) }
    });
    let gateway = world.gateway().set("sources.advanced_automation.page_size", "10").start().await;
    let answer = gateway.get(ROLL).await;
    assert_eq!((answer.status, answer.json()["total"].as_u64()), (200, Some(60)));
    assert_eq!(world.advanced_automation.count(TOKENS), 2);
}

#[tokio::test]
async fn a_ready_token_that_is_refused_is_not_sent_again() {
    let world = World::new().await;
    world.my_reports.always(Reply::status(401));
    let gateway = start(&world).await;
    assert_refused(&gateway.get(ROLL).await, "upstream_unauthorized", "my_reports");
    assert_eq!(world.my_reports.calls().len(), 1);
}

#[tokio::test]
async fn what_the_token_endpoint_says_is_what_its_source_came_to() {
    let html = || Reply::html(200);
    let unusable = || Reply::json(200, &json!({"token_type": "bearer", "expires_in": 7200}));
    let refused = |status| Reply::json(status, &json!({"error": "invalid_client", "error_description": "No."}));
    for (reply, code, status, http_status) in [
        (refused(400), "upstream_unauthorized", "unauthorized", json!(400)),
        (refused(401), "upstream_unauthorized", "unauthorized", json!(401)),
        (refused(403), "upstream_forbidden", "forbidden", json!(403)),
        (Reply::status(404), "upstream_invalid_response", "invalid_response", json!(404)),
        (Reply::status(429).header("retry-after", "9"), "upstream_rate_limited", "rate_limited", json!(429)),
        (Reply::html(500), "upstream_unavailable", "unavailable", json!(500)),
        (Reply::status(503), "upstream_unavailable", "unavailable", json!(503)),
        (html(), "upstream_invalid_response", "invalid_response", json!(200)),
        (unusable(), "upstream_invalid_response", "invalid_response", json!(200)),
        (html().after(Duration::from_mins(1)), "upstream_timeout", "timeout", json!(null)),
    ] {
        let world = World::new().await;
        world.advanced_automation.always(reply);
        let patience = if code == "upstream_timeout" { "300ms" } else { "5s" };
        let answer = setup(&world).set("sources.advanced_automation.timeout", patience).start().await.get(ROLL).await;
        assert_eq!(answer.code(), code, "{answer:?}");
        let expected = json!({"source": "advanced_automation", "status": status, "http_status": http_status});
        assert_eq!(answer.source("advanced_automation"), expected);
        assert_eq!(answer.header("retry-after").is_some(), answer.status == 503, "{answer:?}");
        assert_eq!((world.advanced_automation.count(TOKENS), world.advanced_automation.count(PERSONS)), (1, 0), "{code}");
    }
}

#[tokio::test]
async fn a_redirect_is_never_followed_for_it_could_carry_a_token_elsewhere() {
    let elsewhere = Fake::start().await;
    for status in [301, 302, 303, 307, 308] {
        let redirect = Reply::status(status).header("location", &elsewhere.url());
        let (persons, tokens, users) = (World::new().await, World::new().await, World::new().await);
        let moved = redirect.clone();
        persons.advanced_automation.answer(with_tokens(move |_| moved.clone()));
        tokens.advanced_automation.always(redirect.clone());
        users.my_reports.always(redirect);
        for (world, source) in [(persons, "advanced_automation"), (tokens, "advanced_automation"), (users, "my_reports")] {
            let answer = start(&world).await.get(ROLL).await;
            assert_eq!(answer.code(), "upstream_invalid_response");
            assert_eq!(answer.source(source), json!({"source": source, "status": "invalid_response", "http_status": status}));
        }
    }
    assert_eq!(elsewhere.calls().len(), 0);
}

#[tokio::test]
async fn one_customer_for_whom_every_token_is_refused_costs_no_renewal_each_time() {
    let world = World::new().await;
    world.answer_persons(|call| match call.parameter("Customer") {
        Some("refused") => Reply::status(401),
        _ => persons_page(&[person("1", "Ann", "ann@acme.example")], call),
    });
    let gateway = start(&world).await;
    for number in 0..5 {
        let refused = gateway.get("/customers/refused/users?partial=deny").await;
        assert_eq!(refused.source("advanced_automation")["status"], "unauthorized", "{refused:?}");
        let other = gateway.get(&format!("/customers/other-{number}/users")).await;
        assert_eq!(other.source("advanced_automation")["status"], "ok", "the token is valid for other customers: {other:?}");
    }
    assert_eq!(world.advanced_automation.count(TOKENS), 2, "the first one, and a replacement that was no better");
}
