//! A failing source costs no more than its own share: of time, places and calls.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use tokio::time::Instant;

use crate::support::{
    Answer, Call, Gateway, Reply, World, crowd,
    figure::{figure, spread},
    persons_page,
    sources::{SOURCES, customer, name_at, other_than, roll},
    until, until_so,
};

async fn ask(gateway: &Gateway, customer: &str) -> Answer {
    gateway.get(&format!("/customers/{customer}/users")).await
}

#[tokio::test]
async fn no_page_is_asked_for_once_the_walks_time_is_over() {
    let (world, rows) = (World::of_two().await, crowd(40));
    world.answer_persons(move |call| persons_page(&rows, call).after(Duration::from_millis(150)));
    let keys = [("page_size", "1"), ("walk_deadline", "500ms")];
    let gateway = world.gateway().tune(SOURCES[0], &keys).start().await;
    let answer = ask(&gateway, "acme").await;
    assert_eq!((answer.source(SOURCES[0])["status"].as_str(), answer.names()), (Some("timeout"), vec!["Bo".to_owned()]), "{answer:?}");
    let asked = world.asked_at(SOURCES[0]);
    assert!(asked < 40, "one page, then four at a time, each taking more than a quarter of the time: {asked}");
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(world.asked_at(SOURCES[0]), asked, "nothing continues in the background");
}

#[tokio::test]
async fn a_token_that_comes_too_late_is_not_used_for_a_call_that_is_too_late() {
    let world = World::of_two().await;
    let reply = |call: &Call| {
        if call.path.ends_with("/token") {
            return Reply::json(200, &json!({"access_token": "late", "expires_in": 7200})).after(Duration::from_millis(700));
        }
        roll(call)
    };
    world.advanced_automation.answer(reply);
    let keys = [("walk_deadline", "300ms"), ("timeout", "20s")];
    let gateway = world.gateway().tune(SOURCES[0], &keys).start().await;
    let answer = ask(&gateway, "acme").await;
    assert_eq!(answer.source(SOURCES[0])["status"], "timeout", "{answer:?}");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!((world.advanced_automation.count("/token"), world.asked_at(SOURCES[0])), (1, 0));
    let next = ask(&gateway, "next").await;
    assert_eq!((&next.json()["status"], world.advanced_automation.count("/token")), (&json!("success"), 1), "the next request has it");
}

#[tokio::test]
async fn a_hung_source_holds_nobody_who_does_not_need_it() {
    for hanging in SOURCES {
        let (world, other) = (World::of_two().await, other_than(hanging));
        // The other source does not know this customer, so it is asked each time; the hung source's copy is cached.
        let reply = |call: &Call| if customer(call) == "asked" { Reply::status(404) } else { roll(call) };
        world.answer_at(other, reply);
        let setup = world.gateway().patient().set("cache.not_found", "0s");
        let gateway = setup.tune(hanging, &[("max_in_flight", "2"), ("timeout", "1m")]).start().await;
        for known in ["held", "asked"] {
            assert!(ask(&gateway, known).await.names().contains(&name_at(hanging).to_owned()));
        }
        let asked = world.asked_at(hanging);
        world.answer_at(hanging, |_| Reply::hung());
        let paths: Vec<String> = (0..200).map(|number| format!("waiting{number}")).collect();
        let waiting = join_all(paths.iter().map(|customer| ask(&gateway, customer)));
        let others = async {
            until("the others to be waiting", || world.asked_at(other) >= 202).await;
            for customer in ["held", "asked"] {
                let (calls, mut took) = (world.asked_at(other), Vec::new());
                for _ in 0..50 {
                    let begun = Instant::now();
                    let answer = ask(&gateway, customer).await;
                    took.push(begun.elapsed());
                    assert_eq!((answer.status, &answer.json()["status"]), (200, &json!("success")), "{answer:?}");
                }
                let needed = world.asked_at(other) - calls;
                assert_eq!(needed, if customer == "held" { 0 } else { 50 });
                figure(&format!(
                    "{hanging} hung, 200 requests wait on it, a call to the other in {needed} of 50 answers: {}",
                    spread(took)
                ));
            }
        };
        tokio::select! {
            answers = waiting => panic!("no request is waiting any more: {answers:?}"),
            () = others => {}
        }
        assert_eq!(world.asked_at(hanging) - asked, 2, "{hanging}: no more at once than it has places");
    }
}

#[tokio::test]
async fn those_who_wait_for_a_place_are_not_sent_to_a_hung_source_with_no_time_left() {
    join_all(SOURCES.map(waits_for_a_place)).await;
}

async fn waits_for_a_place(hanging: &str) {
    let world = World::of_two().await;
    world.answer_at(hanging, |_| Reply::hung());
    let keys = [("max_in_flight", "2"), ("timeout", "1s"), ("breaker.min_calls", "1000000")];
    let gateway = world.gateway().patient().tune(hanging, &keys).start().await;
    let each = (0..60).map(|number| {
        let (gateway, path) = (&gateway, format!("/customers/c{number}/users?partial=deny"));
        async move {
            tokio::time::sleep(Duration::from_millis(10 * number)).await;
            gateway.get(&path).await.code()
        }
    });
    let begun = Instant::now();
    let codes = join_all(each).await;
    let seconds = usize::try_from(begun.elapsed().as_secs()).unwrap();
    let overloaded = codes.iter().filter(|code| *code == "overloaded").count();
    assert!(codes.iter().all(|code| code == "overloaded" || code == "upstream_timeout"), "{hanging}: {codes:?}");
    let asked = world.asked_at(hanging);
    figure(&format!("{hanging} hung, 60 requests wait for its 2 places: {asked} calls"));
    // Each place makes one call a second, however slowly this machine sends the requests.
    assert!(asked <= 2 * (seconds + 2), "{hanging}: {asked} calls in {seconds} s");
    assert!(overloaded >= 60 - asked, "{hanging}: {asked} calls, {overloaded} overloaded: {codes:?}");
}

#[tokio::test]
async fn a_source_that_is_down_is_not_asked_at_each_stale_hit() {
    let windows = [("cache.stale_while_revalidate", "1h"), ("cache.stale_while_revalidate", "0s")];
    let each = SOURCES.into_iter().flat_map(|source| windows.map(|window| cools_down(source, window)));
    join_all(each).await;
}

async fn cools_down(source: &str, (key, value): (&str, &str)) {
    let what = format!("{source}, {key} = {value}");
    let world = World::of_two().await;
    let setup = world.gateway().patient().set("cache.fresh", "100ms").set(key, value);
    let gateway = setup.tune(source, &[("retries", "0"), ("breaker.min_calls", "1000000")]).start().await;
    ask(&gateway, "acme").await;
    world.answer_at(source, |_| Reply::status(503));
    tokio::time::sleep(Duration::from_millis(150)).await;
    let (begun, mut hits) = (Instant::now(), 0);
    while begun.elapsed() < Duration::from_secs(4) {
        let answer = ask(&gateway, "acme").await;
        assert_eq!((answer.names().len(), &answer.source(source)["stale"]), (2, &json!(true)), "{what}: {answer:?}");
        hits += 1;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let asked = world.asked_at(source) - 1;
    figure(&format!("{what}: a source that is down was asked {asked} times at {hits} stale hits in 4 s"));
    assert!((2..=4).contains(&asked) && hits > 20, "{what}: after 0, 1 and 2 s more each, about: {asked} for {hits} hits");

    world.answer_at(source, roll);
    let asked_again = format!("{what}: the source, which works again, to be asked");
    until_so(asked_again, async || ask(&gateway, "acme").await.source(source)["stale"] == false).await;
}

#[tokio::test]
async fn a_reload_gives_a_source_no_more_calls_at_once() {
    let world = World::of_two().await;
    world.my_reports.answer(|call| roll(call).after(Duration::from_millis(600)));
    let setup = || world.gateway().set("sources.my_reports.max_in_flight", "1");
    let gateway = setup().start().await;
    let after = async {
        until("the first call", || world.asked().1 == 1).await;
        gateway.reload(setup().config().unwrap());
        gateway.get("/customers/after/users?partial=deny").await.status
    };
    let (before, after) = tokio::join!(gateway.get("/customers/before/users?partial=deny"), after);
    assert_eq!((before.status, after, world.my_reports.most_at_once()), (200, 200, 1));
}
