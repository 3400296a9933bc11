//! Spans: one for each sampled request and for each attempt that it causes; and a collector that is down
//! costs no one anything.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use futures_util::future::join_all;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use rollcall::access::new_key;
use serde_json::json;
use tokio::time::Instant;

use crate::support::{
    Folder, Program, Reply, World,
    collector::{Collector, Span, texts},
    crowd, person, persons_page, until, until_so, user,
};

const ROLL: &str = "/customers/acme-7/users";
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

/// A world in which a walk of Advanced Automation has two pages, and MyReports fails once.
async fn world() -> World {
    let world = World::new().await;
    let rows = crowd(60);
    world.answer_persons(move |call| persons_page(&rows, call));
    let failed = AtomicBool::new(false);
    world.my_reports.answer(move |_| {
        let again = failed.swap(true, Ordering::SeqCst);
        if again { Reply::json(200, &json!({"data": [], "status": "success"})) } else { Reply::status(503) }
    });
    world
}

fn parent(flags: &str) -> String {
    format!("00-{TRACE}-{CALLER}-{flags}")
}

fn named<'a>(spans: &'a [Span], name: &str) -> Vec<&'a Span> {
    spans.iter().filter(|span| span.name == name).collect()
}

/// The values of one attribute in spans, in order.
fn said<'a>(spans: &[&'a Span], attribute: &str) -> Vec<Option<&'a str>> {
    spans.iter().map(|span| span.attribute(attribute)).collect()
}

#[tokio::test]
async fn a_request_has_a_span_each_walk_has_one_and_each_attempt_has_one() {
    let (world, collector) = (world().await, Collector::start().await);
    let gateway = world.gateway().patient().reports_to(&collector, "0").start().await;
    let answer = gateway.get_with(&format!("{ROLL}?q=zoe"), &[("traceparent", &parent("01"))]).await;
    assert_eq!(answer.status, 200);
    gateway.stop().await; // sends the remaining spans
    let spans = collector.spans();
    assert!(spans.iter().all(|span| span.trace_id == TRACE), "{spans:#?}");
    let [request] = named(&spans, "GET /customers/{customer_id}/users")[..] else { panic!("{spans:#?}") };
    assert_eq!((request.kind, request.parent.as_str(), request.is_error), (SpanKind::Server, CALLER, false));
    assert_eq!(answer.header("traceparent"), Some(request.position().as_str()));
    let facts = [
        ("http.request.method", "GET"),
        ("http.response.status_code", "200"),
        ("http.route", "/customers/{customer_id}/users"),
        ("rollcall.cache", "rollcall; fwd=uri-miss; stored"),
        ("rollcall.outcome", "success"),
        ("rollcall.sources", "advanced_automation=ok my_reports=ok"),
        ("url.scheme", "http"),
    ];
    assert_eq!(request.attributes, facts.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
    for (source, fake, attempts) in [("advanced_automation", &world.advanced_automation, 3), ("my_reports", &world.my_reports, 2)] {
        let [walk] = named(&spans, &format!("walk {source}"))[..] else { panic!("{spans:#?}") };
        assert_eq!((walk.kind, walk.parent.as_str(), walk.attribute("rollcall.outcome")), (SpanKind::Internal, &*request.id, Some("ok")));
        let below: Vec<&Span> = spans.iter().filter(|span| span.parent == walk.id).collect();
        assert_eq!(below.len(), attempts, "{source}: {spans:#?}");
        assert!(below.iter().all(|span| span.kind == SpanKind::Client && span.attribute("rollcall.source") == Some(source)));
        let of_spans: BTreeSet<String> = below.iter().map(|span| span.position()).collect();
        let at_backend: BTreeSet<String> = fake.calls().iter().map(|call| call.header("traceparent").unwrap().to_owned()).collect();
        assert_eq!(of_spans, at_backend, "each call is told its own span");
        assert_eq!(of_spans.len(), attempts);
        let (host, port) = fake.url().strip_prefix("http://").unwrap().split_once(':').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        assert!(below.iter().all(|span| span.attribute("server.address") == Some(&host) && span.attribute("server.port") == Some(&port)));
    }
    let (failed, tried_again) = (
        spans.iter().find(|span| span.attribute("http.response.status_code") == Some("503")).unwrap(),
        spans.iter().find(|span| span.attribute("http.request.resend_count").is_some()).unwrap(),
    );
    assert_eq!((failed.attribute("rollcall.outcome"), failed.attribute("error.type")), (Some("unavailable"), Some("unavailable")));
    assert!(failed.is_error && !tried_again.is_error && failed.parent == tried_again.parent);
    let again = said(&[failed, tried_again], "http.request.resend_count");
    assert_eq!(again, [None, Some("1")]);
    assert_eq!(tried_again.attribute("http.response.status_code"), Some("200"));
}

#[tokio::test]
async fn a_callers_flag_decides_and_else_the_share() {
    for (share, without, sampled, unsampled) in [("0", false, true, false), ("1", true, true, false)] {
        let (world, collector) = (World::of_two().await, Collector::start().await);
        let gateway = world.gateway().reports_to(&collector, share).start().await;
        let alone = gateway.get("/health/live").await;
        let with = async |flags: &str| gateway.get_with("/health/live", &[("traceparent", &parent(flags))]).await;
        let (yes, no) = (with("01").await, with("00").await);
        gateway.stop().await;
        let came = |traceparent: Option<&str>| collector.spans().iter().any(|span| traceparent.unwrap().contains(&span.id));
        for (answer, expected) in [(&alone, without), (&yes, sampled), (&no, unsampled)] {
            let traceparent = answer.header("traceparent");
            assert_eq!(came(traceparent), expected, "{share}: {traceparent:?}");
            assert_eq!(traceparent.unwrap().ends_with("-01"), expected, "{share}: {traceparent:?}");
        }
        assert!([&yes, &no].iter().all(|answer| answer.header("traceparent").unwrap().contains(TRACE)));
    }
}

#[tokio::test]
async fn without_a_collector_nothing_is_sampled() {
    let world = World::of_two().await;
    let gateway = world.gateway().set("telemetry.sample", "1").start().await;
    let answer = gateway.get(ROLL).await;
    assert!(answer.header("traceparent").unwrap().ends_with("-00"), "{answer:?}");
    let own = answer.header("traceparent").unwrap();
    assert!(world.my_reports.calls().iter().all(|call| call.header("traceparent") == Some(own)));
}

#[tokio::test]
async fn what_fails_says_how() {
    let (world, collector) = (World::new().await, Collector::start().await);
    world.my_reports.always(Reply::status(503));
    world.advanced_automation.always(Reply::status(401)); // the token endpoint, too
    let gateway = world.gateway().set("sources.my_reports.retries", "0").reports_to(&collector, "1").start().await;
    assert_eq!(gateway.get(ROLL).await.status, 401);
    assert_eq!(gateway.get("/nowhere/acme-7").await.status, 404);
    world.advanced_automation.always(Reply::status(503));
    assert_eq!(gateway.get_with("/customers/acme-8/users", &[("cache-control", "no-cache")]).await.status, 502);
    gateway.stop().await;
    let spans = collector.spans();
    let requests: Vec<&Span> = spans.iter().filter(|span| span.kind == SpanKind::Server).collect();
    assert_eq!(said(&requests, "rollcall.code"), [Some("upstream_unauthorized"), Some("route_not_found"), Some("upstream_unavailable")]);
    assert_eq!(said(&requests, "error.type"), [None, None, Some("upstream_unavailable")], "a fault of the caller is none of ours");
    assert_eq!((requests[1].name.as_str(), requests[1].attribute("http.route")), ("GET", None));
    let walks = named(&spans, "walk advanced_automation");
    assert_eq!(said(&walks, "rollcall.outcome"), [Some("unauthorized"), Some("unavailable")]);
    let token = spans.iter().find(|span| span.parent == walks[0].id).unwrap();
    let facts = ["http.request.method", "http.response.status_code", "rollcall.outcome"].map(|name| token.attribute(name));
    assert_eq!(facts, [Some("POST"), Some("401"), Some("unauthorized")], "a token request is an attempt as well");
}

#[tokio::test]
async fn the_process_says_who_it_is() {
    let (world, collector) = (World::of_two().await, Collector::start().await);
    for _ in 0..2 {
        let gateway = world.gateway().reports_to(&collector, "1").start().await;
        gateway.get("/health/live").await;
        gateway.stop().await;
    }
    let processes: Vec<_> = collector.batches().into_iter().map(|batch| texts(batch.resource.unwrap().attributes)).collect();
    let ids: BTreeSet<&String> = processes.iter().map(|process| &process["service.instance.id"]).collect();
    assert_eq!((processes.len(), ids.len()), (2, 2), "{processes:?}");
    assert!(processes.iter().all(|process| process["service.name"] == "rollcall"));
    assert!(processes.iter().all(|process| process["service.version"] == env!("CARGO_PKG_VERSION")));
}

#[tokio::test]
async fn a_bucket_names_the_trace_of_a_sampled_request_and_no_other() {
    let (world, collector) = (World::of_two().await, Collector::start().await);
    let gateway = world.gateway().reports_to(&collector, "0").start().await;
    gateway.get(ROLL).await;
    assert!(!gateway.get("/metrics").await.text.contains("trace_id"));
    gateway.get_with(ROLL, &[("traceparent", &parent("01")), ("cache-control", "no-cache")]).await;
    let text = gateway.get("/metrics").await.text;
    for name in ["rollcall_request_duration_seconds_bucket", "rollcall_upstream_call_duration_seconds_bucket"] {
        let named = text.lines().filter(|line| line.starts_with(name) && line.contains(&format!(" # {{trace_id=\"{TRACE}\"}} ")));
        assert!(named.count() > 0, "{name}: {text}");
    }
}

#[tokio::test]
async fn spans_that_were_taken_are_counted() {
    let (world, collector) = (World::of_two().await, Collector::start().await);
    let gateway = world.gateway().reports_to(&collector, "1").start().await;
    gateway.get("/health/live").await;
    until("a span to come by itself", || !collector.spans().is_empty()).await;
    let line = "rollcall_trace_spans_total{result=\"exported\"} ";
    let counted = async || gateway.get("/metrics").await.text.lines().find_map(|text| text.strip_prefix(line)?.parse::<u64>().ok());
    until_so("it to be counted", async || counted().await >= Some(1)).await;
}

#[tokio::test]
async fn a_collector_that_is_down_or_slow_costs_nobody_anything() {
    let slow = Collector::start().await;
    slow.0.always(Reply::status(200).after(Duration::from_mins(1)));
    let nobody = format!("http://{}/v1/traces", std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap());
    for endpoint in [nobody, slow.endpoint()] {
        let (world, folder) = (World::of_two().await, Folder::new());
        let keys = format!("telemetry.otlp_endpoint = \"{endpoint}\"\ntelemetry.sample = 1.0\ntelemetry.access_log = \"off\"\n");
        let (program, gateway) = Program::serve(&world.toml_with_secrets(&folder, &keys), &[]).await;
        let begun = Instant::now();
        for _ in 0..10 {
            let answers = join_all((0..50).map(|_| gateway.get(ROLL))).await;
            assert!(answers.iter().all(|answer| answer.status == 200), "{endpoint}");
        }
        assert!(begun.elapsed() < Duration::from_secs(10), "{endpoint}: {:?}", begun.elapsed());
        if endpoint == slow.endpoint() {
            until("the slow collector to be asked", || !slow.0.calls().is_empty()).await;
        }
        let told = Instant::now();
        program.signal("TERM");
        assert_eq!(program.ended().await.code, Some(0));
        assert!(told.elapsed() < Duration::from_secs(10), "{endpoint}: {:?}", told.elapsed());
    }
}

#[tokio::test]
async fn nothing_that_is_somebodys_is_in_what_is_sent() {
    let (world, collector) = (World::new().await, Collector::start().await);
    let key = new_key().unwrap();
    world.answer_at("advanced_automation", |call| persons_page(&[person("canary-person", "Canary Ann", "canary@acme.example")], call));
    world.my_reports.answer(|call| {
        let status = if call.path.contains("broken") { 503 } else { 200 };
        let sent = call.header("authorization").unwrap();
        Reply::json(status, &json!({"data": [user("canary-user", sent, "canary@acme.example")], "status": "success", "message": sent}))
    });
    let gateway = world
        .gateway()
        .set("sources.advanced_automation.client_secret", "canary-secret")
        .set("sources.my_reports.token", "canary-token")
        .set("auth.mode", "keys")
        .set("auth.callers.0.name", "canary-caller")
        .set("auth.callers.0.key_sha256", &key.sha256)
        .set("auth.callers.0.customers", "*")
        .reports_to(&collector, "1")
        .start()
        .await;
    let headers = [("x-api-key", key.key.reveal()), ("x-request-id", "canary-request"), ("tracestate", "canary=1")];
    for path in [
        "/customers/canary-acme/users?q=canary&email=canary@acme.example",
        "/customers/canary-broken/users",
        "/customers/canary-broken/users?partial=deny",
        "/customers/canary-acme/users/canary-nobody",
        "/customers/canary-acme/users?canary=1",
        "/customers/canary-acme",
        "/canary",
    ] {
        gateway.get_with(path, &headers).await;
    }
    gateway.get_with("/customers/canary-acme/users", &[("x-api-key", "canary-key")]).await;
    gateway.stop().await;
    let (text, spans) = (collector.text(), collector.spans());
    assert!(spans.len() > 14, "{spans:#?}");
    for canary in ["canary", "Canary", "token-1", "acme", key.key.reveal()] {
        assert!(!text.contains(canary), "{canary}: {spans:#?}");
    }
}
