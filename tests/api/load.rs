//! A source that fails half of its calls, under load: every answer is one that the contract defines, memory
//! stays flat, and nothing continues once no one is waiting.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, sleep_until};

use crate::support::{
    Answer, Call, Folder, Gateway, Program, Reply, World,
    figure::{figure, spread},
    memory::MIB,
    sources::{SOURCES, roll},
};

/// Requests that begin per second.
const RATE: u64 = 200;

/// Seconds that the load lasts, unless `ROLLCALL_LOAD_SECONDS` is set.
const SECONDS: u64 = 5;

/// Customers that are asked for in turn, so that each is sometimes fresh, stale or gone.
const CUSTOMERS: u64 = 97;

const CONFIGURATION: &str = r#"
sources.advanced_automation.client_secret = "secret"
sources.my_reports.token = "token"
sources.advanced_automation.timeout = "20s"
sources.advanced_automation.connect_timeout = "20s"
sources.my_reports.timeout = "300ms"
sources.my_reports.breaker.failure_ratio = 0.95
cache.fresh = "200ms"
cache.stale_while_revalidate = "200ms"
cache.stale_if_error = "400ms"
telemetry.access_log = "off"
"#;

/// The statuses that a failed source may have here.
const FAILED: [&str; 5] = ["unavailable", "invalid_response", "rate_limited", "timeout", "overloaded"];

#[expect(clippy::disallowed_methods, reason = "the gate says here how long it wants the load to take")]
fn seconds() -> u64 {
    std::env::var("ROLLCALL_LOAD_SECONDS").map_or(SECONDS, |seconds| seconds.parse().expect("ROLLCALL_LOAD_SECONDS is a number"))
}

/// Fails every second call, in a different way each time.
fn fails_half() -> impl Fn(&Call) -> Reply + Send + Sync + 'static {
    let calls = AtomicUsize::new(0);
    move |call| match calls.fetch_add(1, Ordering::SeqCst) % 12 {
        1 => Reply::status(503),
        3 => Reply::html(500),
        5 => Reply::new(200, "{\"data\":[").cut_short(),
        7 => Reply::html(200),
        9 => Reply::status(429).header("retry-after", "1"),
        11 => roll(call).after(Duration::from_mins(1)),
        _ => roll(call),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_fails_half_of_its_calls_costs_no_more_than_its_own_users() {
    let (world, folder) = (World::of_two().await, Folder::new());
    world.answer_at(SOURCES[1], fails_half());
    let (program, gateway) = Program::serve(&folder.write("rollcall.toml", &world.toml(CONFIGURATION)), &[]).await;
    gateway.get("/customers/first/users").await;
    let (begun, total) = (Instant::now(), RATE * seconds());
    let each = (0..total).map(|number| ask(&gateway, begun + Duration::from_millis(number * 1000 / RATE), number));
    let early = async {
        sleep(Duration::from_secs(seconds()) * 2 / 5).await;
        program.memory()
    };
    let (answers, early) = tokio::join!(join_all(each), early);
    let kinds: Vec<&str> = answers.iter().map(|(answer, _)| kind(answer)).collect();
    let count = |kind: &str| kinds.iter().filter(|other| **other == kind).count();
    let (success, partial, error) = (count("success"), count("partial"), count("error"));
    assert_eq!(success + partial + error, answers.len());
    assert!(success > 0 && partial > 0 && error > 0, "not all that there is to see: {success}, {partial}, {error}");
    let took = answers.into_iter().map(|(_, took)| took).collect();
    figure(&format!(
        "{total} requests, half of one source's calls fail: {success} success, {partial} partial, {error} error; {}",
        spread(took)
    ));

    let late = program.memory();
    figure(&format!("memory under that load: {} MiB early, {} MiB at its end", early / MIB, late / MIB));
    assert!(late < early + 64 * MIB, "memory grows: {} MiB, then {} MiB", early / MIB, late / MIB);

    sleep(Duration::from_secs(4)).await; // three attempts and the pauses between them
    let asked = world.asked();
    sleep(Duration::from_secs(1)).await;
    assert_eq!(world.asked(), asked, "a call was made although no one waits");
    program.signal("TERM");
    let ended = program.ended().await;
    assert!(ended.code == Some(0) && !ended.err.contains("panic"), "{ended:?}");
}

/// Asks for a customer at a given moment; every third caller rejects a partial roll.
async fn ask(gateway: &Gateway, at: Instant, number: u64) -> (Answer, Duration) {
    sleep_until(at).await;
    let denies = if number.is_multiple_of(3) { "?partial=deny" } else { "" };
    let begun = Instant::now();
    let answer = gateway.get(&format!("/customers/c{}/users{denies}", number % CUSTOMERS)).await;
    assert!(answer.status == 200 || !denies.is_empty(), "the other source was well: {answer:?}");
    (answer, begun.elapsed())
}

/// Returns an answer's kind, after checking that the contract defines it.
fn kind(answer: &Answer) -> &'static str {
    let body = answer.json();
    let (well, ill) = (answer.source(SOURCES[0]), answer.source(SOURCES[1]));
    let ill = ill["status"].as_str().unwrap_or_default().to_owned();
    assert_eq!(well["status"], "ok", "{answer:?}");
    if answer.status != 200 {
        let expected = if ill == "overloaded" { ill.clone() } else { format!("upstream_{ill}") };
        assert!(answer.code() == expected && FAILED.contains(&ill.as_str()), "{answer:?}");
        return "error";
    }
    let names = answer.names();
    if body["status"] == "success" {
        assert!(ill == "ok" && names == ["Ann", "Bo"] && body["total"] == 2, "{answer:?}");
        return "success";
    }
    assert_eq!((&body["status"], &body["total"], names), (&json!("partial"), &Value::Null, vec!["Ann".to_owned()]), "{answer:?}");
    assert!(FAILED.contains(&ill.as_str()), "{answer:?}");
    "partial"
}
