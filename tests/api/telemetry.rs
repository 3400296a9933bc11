//! What operators see: metrics that match what was done, the sources' health, and where both are found.

use std::{collections::BTreeMap, time::Duration};

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{Gateway, Reply, World, crowd, person, persons_page, until_so};

const ROLL: &str = "/customers/{customer_id}/users";

/// The samples of a scrape, by name and labels.
struct Scrape {
    text: String,
    samples: BTreeMap<(String, String), f64>,
}

impl Scrape {
    async fn of(gateway: &Gateway) -> Self {
        let answer = gateway.get("/metrics").await;
        assert_eq!(answer.header("content-type"), Some("application/openmetrics-text; version=1.0.0; charset=utf-8"));
        assert!(answer.text.ends_with("# EOF\n"), "{}", answer.text);
        let samples = answer.text.lines().filter(|line| !line.starts_with('#')).map(|line| {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
            let mut labels: Vec<&str> = labels.trim_end_matches('}').split(',').collect();
            labels.sort_unstable();
            ((name.to_owned(), labels.join(",")), value.parse().unwrap())
        });
        Self { samples: samples.collect(), text: answer.text.clone() }
    }

    /// A sample's value, if there is one; labels in alphabetical order.
    fn sample(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let labels: Vec<String> = labels.iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect();
        self.samples.get(&(format!("rollcall_{name}"), labels.join(","))).copied()
    }

    /// The value of a sample that is there.
    #[track_caller]
    fn value(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.sample(name, labels).unwrap_or_else(|| panic!("no {name} {labels:?}: {}", self.text))
    }
}

/// A world in which a walk of Advanced Automation has two pages and one odd field, and MyReports fails once.
async fn world() -> World {
    let world = World::new().await;
    let mut rows = crowd(60);
    rows[7]["Enabled"] = json!("yes");
    world.answer_persons(move |call| persons_page(&rows, call).after(Duration::from_millis(100)));
    let failed = std::sync::atomic::AtomicBool::new(false);
    world.my_reports.answer(move |_| {
        let again = failed.swap(true, std::sync::atomic::Ordering::SeqCst);
        let users = Reply::json(200, &json!({"data": [], "status": "success"})).after(Duration::from_millis(100));
        if again { users } else { Reply::status(503) }
    });
    world
}

#[tokio::test]
async fn the_metrics_say_what_was_done() {
    let world = world().await;
    let gateway = world.start().await;
    gateway.get("/customers/acme/users").await;
    gateway.get("/customers/acme/users?q=p00").await;
    gateway.get("/customers/acme/users?page_size=0").await;
    gateway.get("/nowhere/acme").await;
    join_all((0..5).map(|_| gateway.get("/customers/other/users"))).await;
    let scrape = Scrape::of(&gateway).await;
    let (persons, users) = (("source", "advanced_automation"), ("source", "my_reports"));
    for (name, labels, expected) in [
        ("requests_total", &[("route", ROLL), ("status", "200")][..], 7.0),
        ("requests_total", &[("route", ROLL), ("status", "400")], 1.0),
        ("requests_total", &[("route", "none"), ("status", "404")], 1.0),
        ("request_duration_seconds_count", &[("route", ROLL)], 8.0),
        ("request_duration_seconds_bucket", &[("le", "+Inf"), ("route", ROLL)], 8.0),
        ("upstream_calls_total", &[("outcome", "ok"), persons], 4.0),
        ("upstream_calls_total", &[("outcome", "ok"), users], 2.0),
        ("upstream_calls_total", &[("outcome", "unavailable"), users], 1.0),
        ("upstream_call_duration_seconds_count", &[persons], 4.0),
        ("upstream_call_duration_seconds_count", &[users], 3.0),
        ("upstream_call_duration_seconds_bucket", &[("le", "+Inf"), users], 3.0),
        ("upstream_retries_total", &[users], 1.0),
        ("tokens_renewed_total", &[persons], 1.0),
        ("odd_fields_total", &[persons], 2.0),
        ("odd_fields_total", &[users], 0.0),
        ("cache_lookups_total", &[("result", "hit"), persons], 1.0),
        ("cache_lookups_total", &[("result", "miss"), persons], 2.0),
        ("cache_lookups_total", &[("result", "collapsed"), persons], 4.0),
        ("cache_lookups_total", &[("result", "collapsed"), users], 4.0),
        ("source_up", &[persons], 1.0),
        ("source_up", &[users], 1.0),
        ("panics_total", &[], 0.0),
        ("build_info", &[("revision", "unknown"), ("version", env!("CARGO_PKG_VERSION"))], 1.0),
        ("config_last_reload_successful", &[], 1.0),
        ("trace_spans_total", &[("result", "exported")], 0.0),
    ] {
        assert!((scrape.value(name, labels) - expected).abs() < 0.5, "{name} {labels:?} is not {expected}: {}", scrape.text);
    }
    assert_eq!(scrape.sample("upstream_retries_total", &[persons]), None, "none was needed");
    for (name, labels, least) in [
        ("upstream_call_duration_seconds_sum", &[persons], 0.4),
        ("upstream_call_duration_seconds_sum", &[users], 0.2),
        ("request_duration_seconds_sum", &[("route", ROLL)], 0.2),
    ] {
        assert!(scrape.value(name, labels) >= least, "{name} {labels:?}: {}", scrape.text);
    }
    assert!(["acme", "other", "nowhere", "P00"].iter().all(|id| !scrape.text.contains(id)), "no path and no id: {}", scrape.text);
}

#[tokio::test]
async fn the_metrics_say_what_the_cache_holds() {
    let world = World::new().await;
    world.persons(crowd(200));
    let gateway = world.start().await;
    let mut scrape = Scrape::of(&gateway).await;
    until_so("all three to be held", async || {
        gateway.get("/customers/acme/users").await;
        scrape = Scrape::of(&gateway).await;
        scrape.value("cache_entries", &[]) > 2.5
    })
    .await;
    let (entries, bytes) = (scrape.value("cache_entries", &[]), scrape.value("cache_bytes", &[]));
    assert!((2.5..3.5).contains(&entries), "a copy of each source and the roll: {entries}");
    assert!((20_000.0..2_000_000.0).contains(&bytes), "{bytes}");
}

#[tokio::test]
async fn each_sources_health_is_as_it_was_lately() {
    let world = World::new().await;
    let breaker = [("failure_ratio", "0.5"), ("min_calls", "3"), ("open_for", "2s")];
    let setup = world.gateway().set("sources.my_reports.retries", "0").set("cache.not_found", "0s");
    let setup = breaker.iter().fold(setup, |setup, (key, value)| setup.set(&format!("sources.my_reports.breaker.{key}"), value));
    let gateway = setup.start().await;
    let health = async |source: &str| {
        let answer = gateway.get("/health/sources").await;
        assert_eq!(answer.json().as_object().unwrap().keys().collect::<Vec<_>>(), ["sources"]);
        answer.source(source)
    };
    for source in ["advanced_automation", "my_reports"] {
        let expected = json!({"source": source, "breaker": "closed", "last_success": null, "last_failure": null, "error": null});
        assert_eq!(health(source).await, expected, "nothing was asked yet");
    }
    world.my_reports.always(Reply::status(404));
    gateway.get("/customers/a/users").await;
    let known = health("my_reports").await;
    assert!(known["last_success"].is_string() && known["error"].is_null(), "that a customer is unknown is an answer: {known}");
    tokio::time::sleep(Duration::from_millis(5)).await;
    world.my_reports.always(Reply::status(503));
    gateway.get("/customers/b/users").await;
    let failed = health("my_reports").await;
    assert_eq!(
        (&failed["breaker"], &failed["error"], &failed["last_success"]),
        (&json!("closed"), &json!("unavailable"), &known["last_success"])
    );
    assert!(failed["last_failure"].as_str() > known["last_success"].as_str());
    let other = health("advanced_automation").await;
    assert_eq!((&other["error"], &other["last_failure"]), (&Value::Null, &Value::Null), "the other works");
    let mut asked = 2;
    until_so("enough failures", async || {
        gateway.get(&format!("/customers/c{asked}/users")).await;
        asked += 1;
        health("my_reports").await["breaker"] != "closed"
    })
    .await;
    assert_eq!(health("my_reports").await["breaker"], "open");
    let held_back = gateway.get("/customers/d/users").await;
    assert_eq!((held_back.source("my_reports")["status"].as_str(), world.my_reports.calls().len()), (Some("overloaded"), asked));
    world.users(vec![]);
    until_so("the pause to end", async || health("my_reports").await["breaker"] != "open").await;
    assert_eq!(health("my_reports").await["breaker"], "half_open");
    gateway.get("/customers/e/users").await;
    let well = health("my_reports").await;
    assert_eq!((&well["breaker"], &well["error"]), (&json!("closed"), &Value::Null));
    assert!(well["last_success"].as_str() > well["last_failure"].as_str() && well["last_failure"].is_string());
}

#[tokio::test]
async fn a_source_that_does_not_answer_is_down_in_the_metrics() {
    let world = World::new().await;
    world.persons(vec![person("1", "Ann", "")]);
    world.my_reports.always(Reply::html(200));
    let gateway = world.start().await;
    gateway.get("/customers/acme/users").await;
    let scrape = Scrape::of(&gateway).await;
    let up = |source| scrape.value("source_up", &[("source", source)]);
    assert!(up("advanced_automation") > 0.5 && up("my_reports") < 0.5, "{}", scrape.text);
    assert!(scrape.text.contains("rollcall_source_up{source=\"my_reports\"} 0"), "{}", scrape.text);
}

#[tokio::test]
async fn operators_may_have_a_listener_of_their_own() {
    for base in ["", "/gate"] {
        let world = World::new().await;
        let gateway = world.gateway().set("server.admin_listen", "127.0.0.1:0").set("server.base_path", base).start().await;
        let operators = Gateway::at(format!("{}{base}", gateway.admin_url.as_ref().unwrap()));
        gateway.get(&format!("{base}/customers/acme/users")).await;
        for path in ["/metrics", "/health/sources"] {
            assert_eq!(operators.get(path).await.status, 200, "{path}");
            for path in [path.to_owned(), format!("{base}{path}")] {
                assert_eq!(gateway.get(&path).await.code(), "route_not_found", "{path}");
            }
        }
        let scrape = Scrape::of(&operators).await;
        assert!(scrape.text.contains("/customers/{customer_id}/users\",status=\"200\"} 1"), "{}", scrape.text);
        for path in ["/health/live", "/health/ready"] {
            assert_eq!(operators.get(path).await.status, 200, "{path}");
        }
        for path in ["/customers/acme/users", "/docs/", "/"] {
            assert_eq!(operators.get(path).await.code(), "route_not_found", "{path}");
        }
    }
}
