//! When a source is left alone, how that shows, and how it comes back.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{
    Call, Gateway, Reply, Setup, World,
    sources::{SOURCES, customer, name_at, other_than, roll},
    until, until_so, with_tokens,
};

/// A gateway whose breaker for one source opens when half of four calls have failed.
fn setup(world: &World, source: &str, open_for: &str) -> Setup {
    world.gateway().patient().tune(source, &[("breaker.min_calls", "4"), ("breaker.open_for", open_for), ("retries", "0")])
}

/// Fails for customers whose id begins with `bad`.
fn fails_for_bad(call: &Call) -> Reply {
    if customer(call).starts_with("bad") { Reply::status(503) } else { roll(call) }
}

async fn ask(gateway: &Gateway, customer: &str) -> crate::support::Answer {
    gateway.get(&format!("/customers/{customer}/users")).await
}

/// The entry of a source in `/health/sources`.
async fn health(gateway: &Gateway, source: &str) -> Value {
    gateway.get("/health/sources").await.source(source)
}

async fn state(gateway: &Gateway, source: &str) -> String {
    health(gateway, source).await["breaker"].as_str().unwrap().to_owned()
}

/// Waits until a source's breaker is in this state.
async fn reaches(gateway: &Gateway, source: &str, wanted: &str) {
    until_so(&format!("{source} to be {wanted}"), async || state(gateway, source).await == wanted).await;
}

#[tokio::test]
async fn it_opens_at_the_ratio_and_not_before() {
    for source in SOURCES {
        let world = World::of_two().await;
        world.answer_at(source, fails_for_bad);
        let gateway = setup(&world, source, "1h").start().await;
        for (number, kind) in ["good", "good", "good", "bad", "good", "bad", "good", "bad", "bad"].iter().enumerate() {
            assert_eq!(state(&gateway, source).await, "closed", "{source}: after {number} calls");
            ask(&gateway, &format!("{kind}{number}")).await;
        }
        ask(&gateway, "bad").await;
        assert_eq!(health(&gateway, source).await["breaker"], "open", "{source}: half of ten");
        assert_eq!((state(&gateway, other_than(source)).await.as_str(), world.asked_at(source)), ("closed", 10));
    }
}

#[tokio::test]
async fn a_source_that_is_left_alone_is_told_as_overloaded_and_not_asked() {
    for source in SOURCES {
        let world = World::of_two().await;
        world.answer_at(source, fails_for_bad);
        let keys = [("cache.fresh", "100ms"), ("cache.stale_while_revalidate", "0s")];
        let gateway = keys.iter().fold(setup(&world, source, "1h"), |setup, (key, value)| setup.set(key, value)).start().await;
        ask(&gateway, "good").await;
        for number in 0..4 {
            ask(&gateway, &format!("bad{number}")).await;
        }
        let asked = world.asked_at(source);
        let beside = ask(&gateway, "other").await;
        assert_eq!((beside.names(), &beside.json()["status"]), (vec![name_at(other_than(source)).to_owned()], &json!("partial")));
        assert_eq!(beside.source(source)["status"], "overloaded");
        let alone = gateway.get("/customers/another/users?partial=deny").await;
        assert_eq!(alone.code(), "overloaded", "{alone:?}");
        let wait: u64 = alone.header("retry-after").unwrap().parse().unwrap();
        assert!((3000..=4000).contains(&wait), "{source}: about the hour for which it stays open: {wait}");
        tokio::time::sleep(Duration::from_millis(150)).await;
        let held = ask(&gateway, "good").await;
        assert_eq!((held.names().len(), &held.json()["status"]), (2, &json!("success")), "a copy stands in: {held:?}");
        assert_eq!((&held.source(source)["stale"], &held.source(source)["error"]), (&json!(true), &json!("overloaded")));
        assert_eq!(world.asked_at(source), asked, "{source}: left alone");
        let health = health(&gateway, source).await;
        assert!(health["last_success"].is_string() && health["last_failure"].is_string(), "{health}");
    }
}

#[tokio::test]
async fn one_probe_decides_whether_it_closes_again() {
    join_all(SOURCES.map(opens_and_closes)).await;
}

async fn opens_and_closes(source: &str) {
    let world = World::of_two().await;
    world.answer_at(source, |_| Reply::status(503));
    let gateway = setup(&world, source, "1s").start().await;
    for number in 0..4 {
        ask(&gateway, &format!("c{number}")).await;
    }
    reaches(&gateway, source, "half_open").await;
    ask(&gateway, "early").await;
    assert_eq!((state(&gateway, source).await.as_str(), world.asked_at(source)), ("open", 5), "{source}: its probe failed");

    world.answer_at(source, |call| roll(call).after(Duration::from_millis(1500)));
    reaches(&gateway, source, "half_open").await;
    let probe = ask(&gateway, "probe");
    let crowd = async {
        until("the probe", || world.asked_at(source) == 6).await;
        let paths: Vec<String> = (0..20).map(|number| format!("crowd{number}")).collect();
        join_all(paths.iter().map(|customer| ask(&gateway, customer))).await
    };
    let (probe, crowd) = tokio::join!(probe, crowd);
    assert_eq!(probe.json()["status"], "success", "{source}: {probe:?}");
    let refused = crowd.iter().filter(|answer| answer.source(source)["status"] == "overloaded").count();
    assert_eq!((refused, world.asked_at(source)), (20, 6), "{source}: one probe at a time");
    assert_eq!(state(&gateway, source).await, "closed", "{source}");
    assert_eq!(ask(&gateway, "late").await.json()["status"], "success");
}

#[tokio::test]
async fn what_says_that_a_source_is_ill_opens_it_and_what_is_an_answer_does_not() {
    let cases = [
        (Reply::status(404), "30s", false, 1),
        (Reply::status(400), "30s", false, 1),
        (Reply::status(422), "30s", false, 1),
        (Reply::status(403), "30s", false, 1),
        (Reply::status(429), "30s", false, 1),
        (Reply::status(401), "30s", false, 2), // a refused token is replaced once
        (Reply::status(500), "30s", true, 1),
        (Reply::status(503), "30s", true, 1),
        (Reply::status(302), "30s", true, 1),
        (Reply::html(404), "30s", true, 1),
        (Reply::html(200), "30s", true, 1),
        (Reply::new(200, "{").cut_short(), "30s", true, 1),
        (Reply::status(200).after(Duration::from_mins(1)), "400ms", true, 1),
    ];
    let each = cases.into_iter().flat_map(|case| SOURCES.map(|source| opens(source, case.clone())));
    join_all(each).await;
}

/// `calls` is the most that one request costs; MyReports has a single token, and nothing to replace it with.
async fn opens(source: &str, (reply, timeout, opens, calls): (Reply, &str, bool, usize)) {
    let (world, what) = (World::of_two().await, format!("{source}: {reply:?}"));
    world.answer_at(source, move |_| reply.clone());
    let gateway = setup(&world, source, "1h").tune(source, &[("timeout", timeout)]).start().await;
    for number in 0..8 {
        ask(&gateway, &format!("c{number}")).await;
    }
    let asked = world.asked_at(source);
    if opens {
        assert!(state(&gateway, source).await == "open" && asked <= 4, "{what}: {asked} calls");
    } else {
        let most = 8 * if source == SOURCES[0] { calls } else { 1 };
        assert_eq!(state(&gateway, source).await, "closed", "{what}");
        assert!((8..=most).contains(&asked), "{what}: {asked} calls");
    }
}

#[tokio::test]
async fn one_customer_whose_rows_cannot_be_read_does_not_open_it_for_the_others() {
    for source in SOURCES {
        let world = World::of_two().await;
        world.answer_at(
            source,
            |call| if customer(call) == "odd" { Reply::json(200, &json!({"Clients": 3, "data": 3})) } else { roll(call) },
        );
        let gateway = setup(&world, source, "1h").start().await;
        for number in 0..12 {
            assert_eq!(ask(&gateway, "odd").await.source(source)["status"], "invalid_response", "{source}");
            assert_eq!(state(&gateway, source).await, "closed", "{source}: after {number} others");
        }
        assert_eq!(ask(&gateway, "good").await.json()["status"], "success", "{source}");
    }
}

#[tokio::test]
async fn a_source_that_says_nothing_of_use_to_anybody_is_left_alone_for_as_long_as_it_does() {
    for source in SOURCES {
        let world = World::of_two().await;
        world.answer_at(source, |_| Reply::html(200));
        let gateway = setup(&world, source, "500ms").start().await;
        let customers = ["a", "b", "c", "d"];
        for customer in customers {
            ask(&gateway, customer).await;
        }
        assert_eq!((state(&gateway, source).await.as_str(), world.asked_at(source)), ("open", 4), "{source}");
        reaches(&gateway, source, "half_open").await;
        for customer in customers.iter().cycle().take(20) {
            ask(&gateway, customer).await;
        }
        let asked = world.asked_at(source) - 4;
        assert!((1..=3).contains(&asked), "{source}: {asked} calls, though one is enough to see");
    }
}

#[tokio::test]
async fn a_call_that_waits_for_a_place_while_it_opens_is_not_made() {
    for source in SOURCES {
        let world = World::of_two().await;
        world.answer_at(source, |_| Reply::status(200).after(Duration::from_mins(1)));
        let gateway = setup(&world, source, "1h")
            .tune(source, &[("breaker.min_calls", "1"), ("max_in_flight", "1"), ("timeout", "800ms")])
            .start()
            .await;
        let later = async {
            until("the first call", || world.asked_at(source) == 1).await;
            tokio::time::sleep(Duration::from_millis(500)).await; // a place is waited for at most 400 ms
            ask(&gateway, "second").await
        };
        let (first, second) = tokio::join!(ask(&gateway, "first"), later);
        let status = |answer: &crate::support::Answer| answer.source(source)["status"].as_str().unwrap().to_owned();
        assert_eq!((status(&first).as_str(), status(&second).as_str(), world.asked_at(source)), ("timeout", "overloaded", 1), "{source}");
    }
}

#[tokio::test]
async fn a_call_that_spent_its_time_waiting_for_a_place_does_not_open_it() {
    join_all(SOURCES.map(answers_in_time)).await;
}

async fn answers_in_time(source: &str) {
    let world = World::of_two().await;
    world.answer_at(source, |call| roll(call).after(Duration::from_millis(1400)));
    let keys = [("breaker.min_calls", "2"), ("max_in_flight", "1"), ("timeout", "2s")];
    let gateway = setup(&world, source, "1h").tune(source, &keys).start().await;
    let second = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        ask(&gateway, "second").await
    };
    let (first, second) = tokio::join!(ask(&gateway, "first"), second);
    assert_eq!(first.source(source)["status"], "ok", "{source}: {first:?}");
    let told = second.source(source)["status"].clone();
    assert_eq!(state(&gateway, source).await, "closed", "{source} answers each call in time; the second one had less time: {told}");
}

#[tokio::test]
async fn a_hung_source_opens_it_although_calls_have_to_wait_for_a_place() {
    join_all(SOURCES.map(opens_although_crowded)).await;
}

async fn opens_although_crowded(source: &str) {
    let world = World::of_two().await;
    world.answer_at(source, |_| Reply::status(200).after(Duration::from_mins(2)));
    let gateway = setup(&world, source, "1h").tune(source, &[("max_in_flight", "2"), ("timeout", "1s")]).start().await;
    let each = (0..100).map(|number| {
        let gateway = &gateway;
        async move {
            tokio::time::sleep(Duration::from_millis(40 * number)).await;
            ask(gateway, &format!("c{number}")).await
        }
    });
    let answers = join_all(each).await;
    let last = answers.last().unwrap().source(source)["status"].clone();
    assert_eq!((state(&gateway, source).await.as_str(), last.as_str()), ("open", Some("overloaded")), "{source}: two hang, always");
}

#[tokio::test]
async fn the_metrics_tell_its_state() {
    for source in SOURCES {
        let world = World::of_two().await;
        world.answer_at(source, |_| Reply::status(503));
        let gateway = setup(&world, source, "1s").start().await;
        assert_eq!(told(&gateway, source).await, ("closed".to_owned(), "0".to_owned()), "{source}");
        for number in 0..4 {
            ask(&gateway, &format!("c{number}")).await;
        }
        assert_eq!(told(&gateway, source).await, ("open".to_owned(), "2".to_owned()), "{source}");
        reaches(&gateway, source, "half_open").await;
        assert_eq!(told(&gateway, source).await, ("half_open".to_owned(), "1".to_owned()), "{source}");
        assert_eq!(told(&gateway, other_than(source)).await, ("closed".to_owned(), "0".to_owned()), "{source}");
    }
}

/// The state of a source's breaker, as `/health/sources` and as the metrics have it.
async fn told(gateway: &Gateway, source: &str) -> (String, String) {
    let metrics = gateway.get("/metrics").await.text;
    let name = format!("rollcall_source_breaker{{source=\"{source}\"}} ");
    let value = metrics.lines().find_map(|line| line.strip_prefix(&name)).unwrap_or_else(|| panic!("no {name}: {metrics}"));
    (state(gateway, source).await, value.to_owned())
}

#[tokio::test]
async fn who_waits_for_a_token_in_vain_does_not_speak_against_the_source() {
    let (world, source) = (World::of_two().await, SOURCES[0]);
    let (with_token, is_slow) = (with_tokens(roll), Arc::new(AtomicBool::new(true)));
    let slow = Arc::clone(&is_slow);
    world.advanced_automation.answer(move |call| {
        let late = if slow.load(Ordering::SeqCst) { Duration::from_secs(5) } else { Duration::ZERO };
        with_token(call).after(late)
    });
    let gateway = setup(&world, source, "1h").tune(source, &[("timeout", "500ms")]).start().await;
    let customers = ["1", "2", "3", "4", "5", "6"];
    for answer in join_all(customers.map(|customer| ask(&gateway, customer))).await {
        assert_eq!(answer.source(source)["status"], "timeout", "{answer:?}");
    }
    assert_eq!((state(&gateway, source).await.as_str(), world.advanced_automation.count("/Person")), ("closed", 0));
    is_slow.store(false, Ordering::SeqCst);
    assert_eq!(ask(&gateway, "now").await.source(source)["status"], "ok");
}

#[tokio::test]
async fn who_waits_for_a_token_takes_no_place_from_anybody() {
    let (world, source) = (World::of_two().await, SOURCES[0]);
    let with_token = with_tokens(roll);
    world.advanced_automation.answer(move |call| {
        let late = if call.path.ends_with("/token") { Duration::from_millis(1200) } else { Duration::ZERO };
        with_token(call).after(late)
    });
    let gateway = setup(&world, source, "1h").tune(source, &[("timeout", "2s"), ("max_in_flight", "2")]).start().await;
    let customers = ["1", "2", "3", "4", "5", "6"];
    for answer in join_all(customers.map(|customer| ask(&gateway, customer))).await {
        assert_eq!(answer.source(source)["status"], "ok", "a token takes longer than a place may: {answer:?}");
    }
    assert!(world.advanced_automation.most_at_once() <= 2);
}

#[tokio::test]
async fn a_source_that_hangs_opens_it_where_a_walk_may_take_less_than_an_attempt() {
    for source in SOURCES {
        let world = World::of_two().await;
        world.answer_at(source, |_| Reply::status(200).after(Duration::from_mins(2)));
        let gateway = setup(&world, source, "1h").tune(source, &[("timeout", "30s"), ("walk_deadline", "200ms")]).start().await;
        let told = async |number: usize| ask(&gateway, &format!("c{number}")).await.source(source)["status"].clone();
        let mut number = 0;
        while state(&gateway, source).await != "open" {
            assert_eq!(told(number).await, "timeout", "{source}");
            number += 1;
            assert!(number < 20, "{source} is asked again and again");
        }
        assert_eq!(told(number).await, "overloaded", "{source}");
    }
}
