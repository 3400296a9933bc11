//! What was fetched with a caller's own credentials is given only to callers with the same credentials.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use futures_util::future::join_all;
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};

use crate::support::{
    Call, Reply, World,
    envelope::{VARY, VARY_OF_CREDENTIALS},
    forwarding::{ROLL, echo, echoing, forwarding_both, header},
    sources::{SOURCES, customer, roll},
    until,
};

#[tokio::test]
async fn what_one_got_is_not_given_to_another_and_what_he_got_is_his_again() {
    let world = echoing().await;
    let gateway = forwarding_both(&world, &[]).await;
    for credentials in ["Bearer a", "Bearer b", "Bearer a ", "bearer a", "Bearer A"] {
        let answer = gateway.get_with_both(ROLL, credentials).await;
        assert_eq!(answer.names(), [credentials.trim(); 2], "{credentials}");
    }
    assert_eq!(world.asked(), (4, 4), "the same credentials cause one call");
    let mixed = gateway.get_with(ROLL, &[(header(SOURCES[0]), "Bearer a"), (header(SOURCES[1]), "Bearer b")]).await;
    assert_eq!((mixed.names(), world.asked()), (vec!["Bearer a".to_owned(), "Bearer b".to_owned()], (4, 4)), "each source separately");
    assert_eq!(mixed.header("cache-status").map(|status| status.starts_with("rollcall; hit")), Some(true));
}

#[tokio::test]
async fn callers_with_the_same_credentials_share_a_walk_and_others_do_not() {
    let world = World::new().await;
    for source in SOURCES {
        world.fake(source).answer(|call| echo(call).after(Duration::from_millis(150)));
    }
    let gateway = forwarding_both(&world, &[]).await;
    let answers = join_all((0..60).map(|number| {
        let (gateway, credentials) = (&gateway, format!("Bearer {}", number % 3));
        async move { (gateway.get_with_both(ROLL, &credentials).await, credentials) }
    }))
    .await;
    assert!(answers.iter().all(|(answer, credentials)| answer.names() == [credentials.as_str(); 2]));
    assert_eq!(world.asked(), (3, 3));
}

#[tokio::test]
async fn a_refusal_ends_what_was_kept_and_never_becomes_a_stale_copy() {
    for status in [401, 403] {
        let world = World::of_two().await;
        let gateway = forwarding_both(&world, &[("cache.fresh", "1ms")]).await;
        assert_eq!(gateway.get_with_both(ROLL, "Bearer a").await.status, 200);
        for source in SOURCES {
            world.answer_at(source, move |_| Reply::status(status));
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
        let refused = gateway.get_with_both(ROLL, "Bearer a").await;
        assert_eq!(refused.status, if status == 401 { 401 } else { 502 }, "{refused:?}");
        for source in SOURCES {
            world.answer_at(source, |_| Reply::status(503));
        }
        let down = gateway.get_with_both(ROLL, "Bearer a").await;
        assert_eq!(down.code(), "upstream_unavailable", "the copy is gone and does not come back");
    }
}

#[tokio::test]
async fn a_refusal_ends_all_that_was_got_with_these_credentials_and_nothing_else() {
    let world = World::of_two().await;
    let gateway = forwarding_both(&world, &[]).await;
    let status = async |customer: &str, credentials: &str| {
        gateway.get_with_both(&format!("/customers/{customer}/users?partial=deny"), credentials).await.status
    };
    for customer in ["one", "two"] {
        assert_eq!((status(customer, "Bearer a").await, status(customer, "Bearer b").await), (200, 200));
    }
    for source in SOURCES {
        world.answer_at(source, |call| if call.header("authorization") == Some("Bearer a") { Reply::status(401) } else { roll(call) });
    }
    assert_eq!(status("three", "Bearer a").await, 401);
    let asked = world.asked();
    assert_eq!((status("one", "Bearer b").await, world.asked()), (200, asked), "another caller's copies are unchanged");
    for source in SOURCES {
        world.answer_at(source, |_| Reply::status(503));
    }
    assert_eq!(status("two", "Bearer a").await, 502, "nor does a copy of another customer stand in");
    for source in SOURCES {
        world.answer_at(source, roll);
    }
    assert_eq!(
        (status("two", "Bearer a").await, world.asked().1),
        (200, asked.1 + 2),
        "they are valid again, and the source is asked again"
    );
    assert_eq!((status("two", "Bearer a").await, world.asked().1), (200, asked.1 + 2), "what is fetched from now on is cached");
}

#[tokio::test]
async fn what_was_asked_for_before_a_refusal_is_for_those_who_wait_and_is_not_kept() {
    let world = World::of_two().await;
    for source in SOURCES {
        let slow = |call: &Call| roll(call).after(Duration::from_millis(600));
        world.answer_at(source, move |call| if customer(call) == "slow" { slow(call) } else { Reply::status(401) });
    }
    let gateway = forwarding_both(&world, &[]).await;
    let get = async |customer: &str| gateway.get_with_both(&format!("/customers/{customer}/users?partial=deny"), "Bearer a").await;
    let refused = async {
        until("the slow one to be requested", || world.asked() == (1, 1)).await;
        get("refused").await.status
    };
    let (slow, refused) = tokio::join!(get("slow"), refused);
    assert_eq!((slow.status, refused, world.asked()), (200, 401, (2, 2)), "{slow:?}");
    assert!(slow.header("cache-status").is_some_and(|status| !status.contains("stored")), "{slow:?}");
    let again = get("slow").await;
    assert_eq!((again.status, world.asked()), (200, (3, 3)), "it is requested again: {again:?}");
    assert_eq!((get("slow").await.status, world.asked()), (200, (3, 3)), "and that is kept");
}

#[tokio::test]
async fn that_a_customer_is_unknown_ends_with_the_credentials_too_however_long_it_is_believed() {
    let world = World::of_two().await;
    let short = [("cache.fresh", "200ms"), ("cache.stale_while_revalidate", "0s"), ("cache.stale_if_error", "0s")];
    let gateway = forwarding_both(&world, &short).await;
    let status = async |customer: &str| gateway.get_with_both(&format!("/customers/{customer}/users"), "Bearer a").await.status;
    for (reply, customer, expected) in [(404, "unknown", 404), (401, "refused", 401)] {
        for source in SOURCES {
            world.answer_at(source, move |_| Reply::status(reply));
        }
        assert_eq!(status(customer).await, expected);
    }
    tokio::time::sleep(Duration::from_millis(400)).await; // longer than a roll is usable
    assert_eq!(status("unknown").await, 401, "a not-found is cached for half a minute, but not for credentials that were refused since");
}

#[tokio::test]
async fn with_our_own_credentials_the_same_refusal_leaves_the_copy() {
    let world = World::of_two().await;
    let gateway = world.gateway().set("cache.fresh", "1ms").set("cache.stale_while_revalidate", "0s").start().await;
    assert_eq!(gateway.get(ROLL).await.status, 200);
    world.answer_at("my_reports", |_| Reply::status(401));
    tokio::time::sleep(Duration::from_millis(10)).await;
    let stale = gateway.get(ROLL).await;
    assert_eq!((&stale.source("my_reports")["stale"], &stale.source("my_reports")["error"]), (&true.into(), &"unauthorized".into()));
}

#[tokio::test]
async fn a_source_that_is_down_is_stood_in_for_by_the_callers_own_copy_only() {
    let world = World::of_two().await;
    let gateway = forwarding_both(&world, &[("cache.fresh", "1ms")]).await;
    assert_eq!(gateway.get_with_both(ROLL, "Bearer a").await.status, 200);
    for source in SOURCES {
        world.answer_at(source, |_| Reply::status(503));
    }
    tokio::time::sleep(Duration::from_millis(10)).await;
    let his = gateway.get_with_both(ROLL, "Bearer a").await;
    assert_eq!((his.status, &his.source("my_reports")["stale"]), (200, &true.into()), "{his:?}");
    assert_eq!(gateway.get_with_both(ROLL, "Bearer b").await.code(), "upstream_unavailable");
}

/// One request: whose credentials, for which customer, and whether the sources are asked now.
#[derive(Clone, Debug)]
struct Step {
    scope: usize,
    customer: usize,
    now: bool,
    wait: bool,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (0..3_usize, 0..2_usize, any::<bool>(), any::<bool>());
    proptest::collection::vec(step.prop_map(|(scope, customer, now, wait)| Step { scope, customer, now, wait }), 1..12)
}

/// A source that marks every text with the credentials that it was asked with, and that fails now
/// and then.
async fn marking() -> World {
    let world = World::new().await;
    for source in SOURCES {
        let calls = AtomicUsize::new(0);
        world.fake(source).answer(move |call| {
            let fails = calls.fetch_add(1, Ordering::SeqCst) % 5 == 4;
            if fails { Reply::status(503) } else { echo(call).after(Duration::from_millis(5)) }
        });
    }
    world
}

/// The marks of credentials in a text.
fn marks(text: &str) -> BTreeSet<String> {
    text.split("mark-").skip(1).map(|rest| rest.chars().take_while(char::is_ascii_digit).collect()).collect()
}

#[test]
fn two_scopes_never_share_a_byte() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut runner = TestRunner::new(Config { cases: 24, failure_persistence: None, ..Config::default() });
    let done = runner.run(&steps(), |steps| {
        let wrong = runtime.block_on(async {
            let world = marking().await;
            let gateway = forwarding_both(&world, &[("cache.fresh", "20ms")]).await;
            let asked = steps.iter().enumerate().map(|(number, step)| {
                let gateway = &gateway;
                async move {
                    tokio::time::sleep(Duration::from_millis(if step.wait { 7 * number as u64 } else { 0 })).await;
                    let (credentials, path) = (format!("Bearer mark-{}", step.scope), format!("/customers/c{}/users", step.customer));
                    let control = if step.now { "no-cache" } else { "max-age=0" };
                    let headers =
                        [(header(SOURCES[0]), credentials.as_str()), (header(SOURCES[1]), &credentials), ("cache-control", control)];
                    let answer = gateway.get_with(&path, &headers).await;
                    let others = marks(&answer.text).into_iter().any(|mark| mark != step.scope.to_string());
                    (others || (answer.status == 200 && marks(&answer.text).is_empty())).then(|| format!("{step:?}: {}", answer.text))
                }
            });
            join_all(asked).await.into_iter().flatten().next()
        });
        prop_assert!(wrong.is_none(), "{wrong:?}");
        Ok(())
    });
    done.unwrap();
}

#[tokio::test]
async fn tags_and_conditions_do_not_lead_from_one_scope_to_another() {
    let world = echoing().await;
    let gateway = forwarding_both(&world, &[]).await;
    let his = gateway.get_with_both(ROLL, "Bearer a").await;
    let tag = his.header("etag").unwrap();
    let again = gateway.get_with(ROLL, &[(header(SOURCES[0]), "Bearer b"), (header(SOURCES[1]), "Bearer b"), ("if-none-match", tag)]).await;
    assert_eq!((again.status, again.names()), (200, vec!["Bearer b".to_owned(); 2]));
    assert_eq!(his.header("vary"), Some(format!("{VARY}{VARY_OF_CREDENTIALS}").as_str()));
    until("both to be requested", || world.asked() == (2, 2)).await;
}
