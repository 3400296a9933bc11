//! Bodies that are cut short after a status that says enough: the status decides.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support::{
    Answer, Reply, World, person, persons_page,
    sources::{SOURCES, other_than},
};

const ROLL: &str = "/customers/acme/users";

/// Longer than any answer may take here, and far shorter than a source is waited for.
const LONG: Duration = Duration::from_secs(20);

/// A page from something in front of a source.
fn page(status: u16) -> Reply {
    Reply::html(status)
}

/// Asks a source that always answers like this, while the other one does not know the customer. Checks that
/// this does not take long, although the source may take as long as it wants.
async fn ask(source: &str, reply: Reply) -> (World, Answer) {
    let world = World::new().await;
    world.answer_at(source, move |_| reply.clone());
    world.answer_at(other_than(source), |_| Reply::status(404));
    let keys = [("retries", "1"), ("max_response_bytes", "256KiB")];
    let gateway = world.gateway().patient().tune(source, &keys).start().await;
    let begun = Instant::now();
    let answer = gateway.get(ROLL).await;
    assert!(begun.elapsed() < LONG, "waited {:?}: {answer:?}", begun.elapsed());
    (world, answer)
}

#[tokio::test]
async fn a_status_is_believed_whether_or_not_its_body_comes_whole() {
    let large = || Reply::new(500, vec![b' '; 1 << 20]);
    let throttled = || page(429).header("retry-after", "600");
    let cases = [
        ("cut short", page(503).cut_short(), "unavailable", json!(503), [2, 2]),
        ("without an end", page(503).without_end(), "unavailable", json!(503), [2, 2]),
        ("too large", large(), "unavailable", json!(500), [2, 1]),
        ("too large and without an end", large().without_end(), "unavailable", json!(500), [2, 1]),
        ("cut short", throttled().cut_short(), "rate_limited", json!(429), [1, 1]),
        ("without an end", throttled().without_end(), "rate_limited", json!(429), [1, 1]),
        ("cut short", page(403).cut_short(), "forbidden", json!(403), [1, 1]),
        ("cut short", page(400).cut_short(), "bad_request", json!(400), [1, 1]),
        ("cut short", Reply::new(404, "{").cut_short(), "invalid_response", json!(null), [1, 1]),
        ("cut short", Reply::new(200, "{").cut_short(), "invalid_response", json!(null), [1, 1]),
    ];
    let each = cases.into_iter().flat_map(|(what, reply, status, http_status, calls)| {
        let expected = move |source| json!({"source": source, "status": status, "http_status": http_status});
        SOURCES.into_iter().zip(calls).map(move |(source, calls)| is_told(what, source, reply.clone(), expected(source), calls))
    });
    join_all(each).await;
}

/// Checks what is reported about a source that always answers like this, after this many calls.
async fn is_told(what: &str, source: &str, reply: Reply, expected: Value, calls: usize) {
    let (world, answer) = ask(source, reply).await;
    assert_eq!((answer.source(source), world.asked_at(source)), (expected, calls), "{what}: {answer:?}");
    let wait: Option<u64> = answer.header("retry-after").map(|wait| wait.parse().unwrap());
    assert_eq!(wait.is_some_and(|wait| wait >= 600), answer.code() == "upstream_rate_limited", "{what}: {answer:?}");
}

#[tokio::test]
async fn a_status_is_believed_though_the_body_would_outlast_the_time_that_is_left() {
    let world = World::of_two().await;
    world.answer_at(SOURCES[1], |_| page(503).without_end());
    let keys = [("retries", "0"), ("timeout", "400ms")];
    let answer = world.gateway().tune(SOURCES[1], &keys).start().await.get(ROLL).await;
    assert_eq!(answer.source(SOURCES[1])["status"], "unavailable", "{answer:?}");
}

#[tokio::test]
async fn a_token_that_is_refused_in_half_an_answer_is_renewed() {
    let world = World::new().await;
    world.answer_persons(|call| match call.header("authorization") {
        Some("Bearer token-2") => persons_page(&[person("1", "Ann", "ann@acme.example")], call),
        _ => page(401).cut_short(),
    });
    let answer = world.start().await.get("/customers/acme/users?partial=deny").await;
    assert_eq!((answer.status, answer.names()), (200, vec!["Ann".to_owned()]), "{answer:?}");
    assert_eq!((world.advanced_automation.count("/token"), world.asked().0), (2, 2));
}

#[tokio::test]
async fn a_token_endpoint_that_refuses_in_half_an_answer_has_refused() {
    for (status, code) in [
        (400, "upstream_unauthorized"),
        (401, "upstream_unauthorized"),
        (403, "upstream_forbidden"),
        (404, "upstream_invalid_response"),
        (429, "upstream_rate_limited"),
        (503, "upstream_unavailable"),
        (200, "upstream_invalid_response"),
    ] {
        let world = World::new().await;
        world.advanced_automation.always(Reply::json(status, &json!({"error": "invalid_client"})).cut_short());
        let gateway = world.gateway().patient().tune(SOURCES[0], &[("retries", "0")]).start().await;
        let answer = gateway.get("/customers/acme/users?partial=deny").await;
        assert_eq!(answer.code(), code, "{status}: {answer:?}");
        let told = if status == 200 { json!(null) } else { json!(status) };
        assert_eq!(answer.source(SOURCES[0])["http_status"], told, "{answer:?}");
    }
}
