//! Credentials that callers bring themselves: sent as they are, and nobody's but theirs.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::Duration,
};

use futures_util::future::join_all;
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use serde_json::json;

use crate::support::{
    Answer, Call, Gateway, Reply, Setup, World,
    envelope::{VARY, VARY_OF_CREDENTIALS},
    person, persons_page,
    sources::{SOURCES, other_than, roll},
    until, user,
};

const ROLL: &str = "/customers/acme/users";

/// The header in which a caller brings his credentials for a source.
fn header(source: &str) -> &'static str {
    if source == SOURCES[0] { "X-Advanced-Automation-Authorization" } else { "X-MyReports-Authorization" }
}

trait Forwarding: Sized {
    fn forwarding(self, source: &str) -> Self;
}

impl Forwarding for Setup {
    fn forwarding(self, source: &str) -> Self {
        self.tune(source, &[("credentials", "forward"), ("retries", "0")])
    }
}

impl Gateway {
    async fn get_with_both(&self, path: &str, credentials: &str) -> Answer {
        self.get_with(path, &[(header(SOURCES[0]), credentials), (header(SOURCES[1]), credentials)]).await
    }
}

/// Both sources want callers' credentials.
async fn forwarding_both(world: &World, keys: &[(&str, &str)]) -> Gateway {
    let setup = SOURCES.iter().fold(world.gateway(), |setup, source| setup.forwarding(source));
    keys.iter().fold(setup, |setup, (key, value)| setup.set(key, value)).start().await
}

/// A world in which each source has one user whose name is what was sent as `Authorization`.
async fn echoing() -> World {
    let world = World::new().await;
    for source in SOURCES {
        world.fake(source).answer(echo);
    }
    world
}

fn echo(call: &Call) -> Reply {
    let sent = call.header("authorization").unwrap_or("nothing").to_owned();
    if call.path.ends_with("/Person") {
        return persons_page(&[person("1", &sent, &format!("{}@a.example", sent.replace(' ', "-")))], call);
    }
    let users = [user("2", &sent, &format!("{}@b.example", sent.replace(' ', "-")))];
    Reply::json(200, &json!({"status": "success", "page_size": 1, "data": users}))
}

#[tokio::test]
async fn what_a_caller_brings_goes_upstream_as_it_is_and_ours_does_not() {
    for source in SOURCES {
        let world = World::of_two().await;
        let gateway = world.gateway().forwarding(source).start().await;
        let answer = gateway.get_with(ROLL, &[(header(source), "Bearer of-the-caller"), ("authorization", "Bearer for-the-gateway")]).await;
        assert_eq!((answer.names(), &answer.json()["status"]), (vec!["Ann".to_owned(), "Bo".to_owned()], &"success".into()));
        let sent: Vec<_> = world.fake(source).calls().iter().filter_map(|call| call.header("authorization").map(str::to_owned)).collect();
        assert_eq!(sent, ["Bearer of-the-caller"], "no token is asked for");
        let elsewhere = world.fake(other_than(source)).calls();
        assert!(elsewhere.iter().all(|call| !call.header("authorization").unwrap_or_default().contains("caller")), "{elsewhere:?}");
        let passed_on = [world.advanced_automation.calls(), world.my_reports.calls()].concat();
        assert!(passed_on.iter().all(|call| call.header(&header(source).to_lowercase()).is_none()), "the header itself stays here");
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
        assert_eq!((&answer.json()["status"], world.asked_at(source)), (&"partial".into(), 0), "nobody asks with nothing in his hands");
        let denied = gateway.get(&format!("{ROLL}?partial=deny")).await;
        assert_eq!(refusal(&denied), (401, "upstream_credentials_refused".to_owned(), format!("Bearer realm=\"{source}\"")));
        world.answer_at(source, |_| Reply::status(401));
        let refused = gateway.get_with(&format!("{ROLL}?partial=deny"), &[(header(source), "Bearer bad")]).await;
        assert_eq!(refusal(&refused), (401, "upstream_credentials_refused".to_owned(), format!("Bearer realm=\"{source}\"")));
        assert_eq!((&refused.json()["owner"], world.asked_at(source)), (&"caller".into(), 1), "it is not tried again");
        world.answer_at(source, |_| Reply::status(403));
        let forbidden = gateway.get_with(&format!("{ROLL}?partial=deny"), &[(header(source), "Bearer poor")]).await;
        assert_eq!((forbidden.status, &forbidden.json()["code"]), (502, &"upstream_forbidden".into()), "403 is all that was said");
    }
    let world = World::of_two().await;
    let gateway = forwarding_both(&world, &[]).await;
    for answer in [gateway.get(ROLL).await, gateway.get_with_both(ROLL, " ").await] {
        assert_eq!((answer.status, answer.code().as_str()), (401, "upstream_credentials_refused"));
    }
    let own = world.gateway().start().await;
    world.answer_at("my_reports", |_| Reply::status(401));
    let ours = own.get_with(&format!("{ROLL}?partial=deny"), &[(header("my_reports"), "Bearer x")]).await;
    assert_eq!(ours.code(), "upstream_unauthorized", "what nobody wants is nobody's fault");
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
    assert_eq!(gateway.get(path).await.code(), "upstream_credentials_refused", "he may be there, for all that is known");
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
async fn what_one_got_is_not_given_to_another_and_what_he_got_is_his_again() {
    let world = echoing().await;
    let gateway = forwarding_both(&world, &[]).await;
    for credentials in ["Bearer a", "Bearer b", "Bearer a ", "bearer a", "Bearer A"] {
        let answer = gateway.get_with_both(ROLL, credentials).await;
        assert_eq!(answer.names(), [credentials.trim(); 2], "{credentials}");
    }
    assert_eq!(world.asked(), (4, 4), "the same credentials are asked with once");
    let mixed = gateway.get_with(ROLL, &[(header(SOURCES[0]), "Bearer a"), (header(SOURCES[1]), "Bearer b")]).await;
    assert_eq!((mixed.names(), world.asked()), (vec!["Bearer a".to_owned(), "Bearer b".to_owned()], (4, 4)), "each source for itself");
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
        assert_eq!(down.code(), "upstream_unavailable", "the copy is gone, and does not come back");
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
    assert_eq!((status("one", "Bearer b").await, world.asked()), (200, asked), "another's copies are as they were");
    for source in SOURCES {
        world.answer_at(source, |_| Reply::status(503));
    }
    assert_eq!(status("two", "Bearer a").await, 502, "nor does a copy of another customer stand in");
    for source in SOURCES {
        world.answer_at(source, roll);
    }
    assert_eq!((status("two", "Bearer a").await, world.asked().1), (200, asked.1 + 2), "they are good again, and it is asked anew");
    assert_eq!((status("two", "Bearer a").await, world.asked().1), (200, asked.1 + 2), "what is got from now on is kept");
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

#[tokio::test]
async fn nothing_is_asked_for_behind_a_callers_back() {
    let world = World::of_two().await;
    let gateway = forwarding_both(&world, &[("cache.fresh", "300ms"), ("cache.stale_while_revalidate", "5m")]).await;
    gateway.get_with_both(ROLL, "Bearer a").await;
    tokio::time::sleep(Duration::from_millis(295)).await; // inside the last twentieth of fresh, or behind it
    gateway.get_with_both(ROLL, "Bearer a").await;
    tokio::time::sleep(Duration::from_millis(310)).await;
    let asked = world.asked();
    let answer = gateway.get_with_both(ROLL, "Bearer a").await;
    assert_eq!(world.asked(), (asked.0 + 1, asked.1 + 1), "a stale copy is asked for anew in front of the answer");
    assert!(answer.header("cache-status").unwrap().contains("fwd=stale"), "{answer:?}");
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(world.asked(), (asked.0 + 1, asked.1 + 1), "and not once more behind it");
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

/// A source whose every word is marked with the credentials that it was asked with, and that fails
/// now and then.
async fn marking() -> World {
    let world = World::new().await;
    for source in SOURCES {
        let (calls, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
        world.fake(source).answer(move |call| {
            let fails = calls.fetch_add(1, Ordering::SeqCst) % 5 == 4;
            failed.store(fails, Ordering::SeqCst);
            if fails { Reply::status(503) } else { echo(call).after(Duration::from_millis(5)) }
        });
    }
    world
}

/// The marks of credentials that a text holds.
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
    until("both to be asked for", || world.asked() == (2, 2)).await;
}
