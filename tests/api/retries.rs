//! When a source is retried, after how long, and how often at most.

use std::{
    collections::HashSet,
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, SystemTime},
};

use futures_util::{StreamExt, future::join_all, stream};
use serde_json::json;
use tokio::time::Instant;

use crate::support::{
    Reply, World,
    figure::figure,
    sources::{SOURCES, customer, name_at, roll},
};

const ROLL: &str = "/customers/acme/users?partial=deny";

/// Longer than any answer may take here, and far shorter than a pause that must not be made.
const LONG: Duration = Duration::from_secs(8);

/// The number of customers that a failing source is asked for.
const MANY: usize = 100;

/// The retries allowed regardless of the number of calls.
const FLOOR: usize = 10;

/// A world in which a source fails this many times for each customer, and then recovers.
async fn failing_at(source: &str, times: usize, reply: impl Fn() -> Reply + Send + Sync + 'static) -> World {
    let (world, failed) = (World::of_two().await, AtomicUsize::new(0));
    world.answer_at(source, move |call| if failed.fetch_add(1, Ordering::SeqCst) < times { reply() } else { roll(call) });
    world
}

#[tokio::test]
async fn only_what_may_pass_is_tried_again() {
    let said = |number: u16| Reply::json(200, &json!({"status": "error", "error": number}));
    let cases = [
        (Reply::status(429), [true, true], false),
        (Reply::html(500), [true, false], true), // persons are read with a POST, and reading twice does no harm
        (Reply::status(502), [true, true], true),
        (Reply::status(503), [true, true], true),
        (Reply::status(504), [true, true], true),
        (said(503), [true, true], true),
        (Reply::status(501), [false, false], false),
        (Reply::status(505), [false, false], false),
        (Reply::status(302), [false, false], false),
        (Reply::status(400), [false, false], false),
        (Reply::status(403), [false, false], false),
        (Reply::status(404), [false, false], false),
        (Reply::status(422), [false, false], false),
        (Reply::html(200), [false, false], false),
        (roll_cut_short(), [false, false], false),
        (said(404), [false, false], false),
    ];
    let each = cases.into_iter().flat_map(|(reply, again, paced)| {
        SOURCES.into_iter().zip(again).map(move |(source, again)| fails_once(source, reply.clone(), again, paced && source == SOURCES[0]))
    });
    assert_eq!(join_all(each).await.len(), 32);
}

fn roll_cut_short() -> Reply {
    Reply::new(200, "{\"Clients\":[{\"Id\":").cut_short()
}

/// `paced` means that the vendor asks for a pause of one to two seconds.
async fn fails_once(source: &str, reply: Reply, again: bool, paced: bool) {
    let what = format!("{source}: {reply:?}");
    let world = failing_at(source, 1, move || reply.clone()).await;
    let gateway = world.gateway().patient().tune(source, &[("retries", "1")]).start().await;
    let begun = Instant::now();
    let answer = gateway.get("/customers/acme/users").await;
    let took = begun.elapsed();
    assert_eq!((world.asked_at(source), answer.source(source)["status"] == "ok"), (1 + usize::from(again), again), "{what}");
    assert_eq!(answer.names().iter().any(|name| name == name_at(source)), again, "{what}: {answer:?}");
    assert!(!(again && paced) || took >= Duration::from_secs(1), "{what}: tried again after {took:?}");
}

#[tokio::test]
async fn a_source_is_tried_as_often_as_configured_and_then_believed() {
    for source in SOURCES {
        for retries in [0, 1, 3] {
            let world = failing_at(source, usize::MAX, || Reply::status(429)).await;
            let gateway = world.gateway().patient().tune(source, &[("retries", &retries.to_string())]).start().await;
            assert_eq!(gateway.get(ROLL).await.code(), "upstream_rate_limited");
            assert_eq!(world.asked_at(source), 1 + retries, "{source}");
        }
    }
}

#[tokio::test]
async fn it_waits_as_long_as_it_is_asked_to() {
    // A date has a resolution of whole seconds: two seconds from now is more than one second from now.
    let in_two_seconds = || httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(2));
    let waits: [(fn() -> String, u64); 5] = [
        (|| "1".to_owned(), 1),
        (in_two_seconds, 1),
        (|| "Sun, 06 Nov 1994 08:49:37 GMT".to_owned(), 0),
        (|| "0".to_owned(), 0),
        (|| "soon".to_owned(), 0),
    ];
    let each = waits.into_iter().flat_map(|(ask, least)| {
        SOURCES.into_iter().flat_map(move |source| [429, 503].map(|status| waits_for(source, status, ask, Duration::from_secs(least))))
    });
    join_all(each).await;
}

async fn waits_for(source: &str, status: u16, ask: fn() -> String, least: Duration) {
    let world = failing_at(source, 1, move || Reply::status(status).header("retry-after", &ask())).await;
    let gateway = world.gateway().patient().start().await;
    let begun = Instant::now();
    let answer = gateway.get(ROLL).await;
    let took = begun.elapsed();
    assert_eq!((answer.status, world.asked_at(source)), (200, 2), "{source} {status} {}: {answer:?}", ask());
    assert!(took >= least, "{source} {status} {}: tried again after {took:?}", ask());
}

#[tokio::test]
async fn what_does_not_fit_into_the_time_left_is_not_waited_for() {
    let (far, most) = ("Fri, 31 Dec 9999 23:59:59 GMT", u64::MAX.to_string());
    let cases = [
        (429, "60", "server.deadline", "10s", 60),
        (429, "3", "server.deadline", "1s", 3),
        (429, "3", "walk_deadline", "2s", 3),
        (429, far, "server.deadline", "10s", 3600),
        (429, &most, "server.deadline", "10s", 3600),
        (503, "60", "server.deadline", "10s", 0),
        (503, "3", "walk_deadline", "2s", 0),
    ];
    let each = cases.into_iter().flat_map(|case| SOURCES.map(|source| async move { gives_up_at_once(source, case).await }));
    join_all(each).await;
}

/// `told` is the minimum number of seconds that the caller is told to wait, if any.
async fn gives_up_at_once(source: &str, (status, ask, key, value, told): (u16, &str, &str, &str, u64)) {
    let reply = Reply::status(status).header("retry-after", ask);
    let world = failing_at(source, usize::MAX, move || reply.clone()).await;
    let key = if key.contains('.') { key.to_owned() } else { format!("sources.{source}.{key}") };
    let gateway = world.gateway().patient().set(&key, value).start().await;
    let begun = Instant::now();
    let answer = gateway.get(ROLL).await;
    let what = format!("{source} {status} {ask}, {key} = {value}: {answer:?}");
    assert_eq!(answer.code(), if status == 429 { "upstream_rate_limited" } else { "upstream_unavailable" }, "{what}");
    assert!(begun.elapsed() < LONG, "waited {:?}: {what}", begun.elapsed());
    assert_eq!(world.asked_at(source), 1, "{what}");
    let wait = answer.header("retry-after").map(str::parse::<u64>);
    let is_told = matches!(wait, Some(Ok(wait)) if wait >= told);
    assert!(if status == 429 { is_told } else { wait.is_none() }, "{what}");
}

#[tokio::test]
async fn a_pause_that_would_outlast_the_walk_is_not_made() {
    let world = failing_at(SOURCES[0], usize::MAX, || Reply::status(503)).await;
    let gateway = world.gateway().tune(SOURCES[0], &[("walk_deadline", "900ms")]).start().await;
    assert_eq!(gateway.get(ROLL).await.code(), "upstream_unavailable");
    assert_eq!(world.asked_at(SOURCES[0]), 1, "its vendor wants at least a second between two attempts");
}

#[tokio::test]
async fn a_source_that_fails_everything_sees_a_fifth_more_calls_and_the_floor() {
    let cases = [(SOURCES[0], 429), (SOURCES[0], 500), (SOURCES[0], 503), (SOURCES[1], 429), (SOURCES[1], 503)];
    for (source, status, world) in join_all(cases.map(|(source, status)| fails_everything(source, status, MANY / 4))).await {
        let calls = world.asked_at(source);
        assert!((MANY + 1..=MANY * 6 / 5 + FLOOR).contains(&calls), "{source} {status}: {calls} calls");
    }
}

#[tokio::test]
async fn a_source_that_refuses_every_token_sees_no_more_than_one_that_fails_everything() {
    let (source, _, world) = fails_everything(SOURCES[0], 401, 1).await;
    let (calls, tokens) = (world.asked_at(source), world.advanced_automation.count("/token"));
    figure(&format!("{source} 401: {tokens} tokens for {MANY} requests"));
    assert!(calls <= MANY * 6 / 5 + FLOOR, "{calls} calls");
    assert!(tokens <= MANY / 5 + FLOOR, "{tokens} tokens, none of which was any good");
}

/// Asks a source that always fails for many customers; each answer still has the other source's users.
async fn fails_everything(source: &'static str, status: u16, at_once: usize) -> (&'static str, u16, World) {
    let world = failing_at(source, usize::MAX, move || Reply::status(status)).await;
    let gateway = world.gateway().patient().tune(source, &[("breaker.min_calls", "1000000"), ("max_in_flight", "1000")]).start().await;
    let paths: Vec<String> = (0..MANY).map(|number| format!("/customers/c{number}/users")).collect();
    let answers = stream::iter(&paths).map(|path| gateway.get(path)).buffer_unordered(at_once);
    let partial = answers.filter(|answer| std::future::ready(answer.json()["status"] == "partial")).count().await;
    assert_eq!(partial, MANY, "{source} {status}");
    let calls = world.fake(source).calls();
    let asked: HashSet<&str> = calls.iter().filter(|call| !call.path.ends_with("/token")).map(customer).collect();
    assert_eq!(asked.len(), MANY, "{source} {status}: it is asked for every customer");
    let calls = world.asked_at(source);
    figure(&format!("{source} {status}: {calls} calls for {MANY} requests"));
    (source, status, world)
}
