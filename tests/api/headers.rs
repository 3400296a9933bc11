//! What every answer carries, whatever it is; and HEAD, which is GET without the body.

use std::collections::BTreeMap;

use crate::support::{Answer, Gateway, World, crowd, person};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const TARGETS: [&str; 14] = [
    "/customers/acme/users",
    "/customers/acme/users?page_size=1",
    "/openapi.json",
    "/openapi.yaml",
    "/docs",
    "/docs/",
    "/",
    "/health/live",
    "/health/ready",
    "/health/sources",
    "/metrics",
    "/nowhere",
    "/customers/a%20b/users",
    "/customers/acme/users?x=1",
];

async fn world() -> World {
    let world = World::new().await;
    world.persons(vec![person("1", "Ann", "ann@acme.example"), person("2", "Bo", "bo@acme.example")]);
    world
}

/// Everything that must be the same for GET and HEAD: all except the time and what identifies the request.
fn comparable(answer: &Answer, target: &str) -> BTreeMap<String, String> {
    let untimed = |value: &str| value.split("; ttl=").next().unwrap_or_default().to_owned();
    let headers = answer.headers.iter().map(|(name, value)| (name.to_string(), untimed(value.to_str().unwrap())));
    let counts = if target == "/metrics" { "content-length" } else { "" }; // metrics count their own requests
    headers.filter(|(name, _)| !["date", "age", "x-request-id", "traceparent", counts].contains(&name.as_str())).collect()
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let world = world().await;
    let gateway = world.start().await;
    for target in TARGETS {
        gateway.get(target).await; // so that both find the same in the cache
        let get = gateway.send_raw(&format!("GET {target} HTTP/1.1"), &[]).await;
        let head = gateway.send_raw(&format!("HEAD {target} HTTP/1.1"), &[]).await;
        assert_eq!((head.status, head.text.as_str()), (get.status, ""), "{target}");
        assert_eq!(comparable(&head, target), comparable(&get, target), "{target}");
        if target != "/docs" {
            assert_eq!(get.header("content-length"), Some(get.text.len().to_string().as_str()), "{target}");
        }
    }
}

#[tokio::test]
async fn head_of_what_is_held_says_no_more_than_get() {
    let world = world().await;
    let gateway = world.start().await;
    for target in ["/customers/acme/users", "/customers", "/customers/acme"] {
        let tag = gateway.get(target).await.header("etag").unwrap().to_owned();
        let [get, head] = ["GET", "HEAD"].map(|method| format!("{method} {target} HTTP/1.1"));
        let lines = [&*format!("If-None-Match: {tag}")];
        let (get, head) = (gateway.send_raw(&get, &lines).await, gateway.send_raw(&head, &lines).await);
        assert_eq!((get.status, head.status), (304, 304), "{target}");
        assert_eq!(comparable(&head, target), comparable(&get, target), "{target}");
        assert_eq!(head.header("content-length"), None, "{target}");
    }
}

#[tokio::test]
async fn every_route_stands_behind_the_base_path_and_the_probes_without_it_too() {
    let world = world().await;
    let (plain, behind) = (world.start().await, world.gateway().set("server.base_path", "/gate/way").start().await);
    for target in TARGETS {
        let (here, there) = (plain.send_raw(&format!("GET {target} HTTP/1.1"), &[]).await, format!("GET /gate/way{target} HTTP/1.1"));
        let there = behind.send_raw(&there, &[]).await;
        assert_eq!((there.status, there.header("content-type")), (here.status, here.header("content-type")), "{target}");
        let without = behind.send_raw(&format!("GET {target} HTTP/1.1"), &[]).await;
        match target {
            "/health/live" | "/health/ready" => assert_eq!(without.status, 200),
            _ => assert_eq!(without.code(), "route_not_found", "{target}"),
        }
    }
    assert_eq!(behind.send_raw("GET /gate/way/docs HTTP/1.1", &[]).await.header("location"), Some("/gate/way/docs/"));
    assert_eq!(behind.send_raw("GET /gate/way HTTP/1.1", &[]).await.header("location"), Some("/gate/way/"));
    for target in ["/gate", "/gate/wayward/health/live", "/gate/way/nowhere"] {
        assert_eq!(behind.get(target).await.code(), "route_not_found", "{target}");
    }
}

#[tokio::test]
async fn every_answer_carries_the_usual_headers() {
    let world = world().await;
    let gateway = world.start().await;
    for target in TARGETS {
        for method in ["GET", "HEAD", "POST", "OPTIONS"] {
            let answer = gateway.send(method, target, &[("accept-encoding", "gzip")]).await;
            answer.has_the_usual_headers();
        }
    }
    let etag = gateway.get("/customers/acme/users").await.header("etag").unwrap().to_owned();
    let unchanged = gateway.get_with("/customers/acme/users", &[("if-none-match", &etag)]).await;
    assert_eq!(unchanged.status, 304);
    unchanged.has_the_usual_headers();
}

#[tokio::test]
async fn a_request_id_is_kept_if_it_is_one_and_replaced_if_not() {
    let world = world().await;
    let gateway = world.start().await;
    let (longest, too_long) = ("x".repeat(128), "x".repeat(129));
    for (given, kept) in [
        ("a", true),
        ("Abc-1.2_3", true),
        (longest.as_str(), true),
        (&too_long, false),
        ("a b", false),
        ("a/b", false),
        ("", false),
        ("é", false),
    ] {
        for target in ["/customers/acme/users", "/nowhere", "/health/live", "/customers/acme/users?x=1"] {
            let answer = gateway.get_with(target, &[("x-request-id", given)]).await;
            answer.has_the_usual_headers();
            assert_eq!(answer.header("x-request-id") == Some(given), kept, "{given} {target}");
            if answer.status >= 400 {
                answer.code();
            }
        }
    }
    let ids = [gateway.get("/health/live").await, gateway.get("/health/live").await]
        .map(|answer| answer.header("x-request-id").map(str::to_owned));
    assert_ne!(ids[0], ids[1], "each request has an id of its own");
}

#[tokio::test]
async fn a_trace_is_continued_if_it_is_valid_and_begun_anew_if_not() {
    let world = world().await;
    let gateway = world.start().await;
    let follow = |flags| format!("00-{TRACE}-00f067aa0ba902b7-{flags}");
    for (given, continued) in [
        (follow("01"), true),
        (follow("00"), true),
        (format!("cc-{TRACE}-00f067aa0ba902b7-01-of-a-later-version"), true),
        (follow("01-more"), false),
        (follow("1"), false),
        (format!("ff-{TRACE}-00f067aa0ba902b7-01"), false),
        (format!("00-{TRACE}-0000000000000000-01"), false),
        (format!("00-{}-00f067aa0ba902b7-01", TRACE.to_uppercase()), false),
        ("00-00000000000000000000000000000000-00f067aa0ba902b7-01".to_owned(), false),
        ("nonsense".to_owned(), false),
    ] {
        for target in ["/customers/acme/users", "/nowhere", "/health/live"] {
            let answer = gateway.get_with(target, &[("traceparent", &given)]).await;
            answer.has_the_usual_headers();
            let trace = answer.header("traceparent").unwrap();
            assert_eq!(trace.get(3..35) == Some(TRACE), continued, "{given} became {trace}");
            assert_ne!(trace.get(36..52), Some("00f067aa0ba902b7"), "the span is the gateway's own");
            assert!(trace.starts_with("00-"), "{trace}");
        }
    }
    let handed_on = world.my_reports.calls();
    assert!(handed_on[0].header("traceparent").unwrap().contains(TRACE), "the sources are part of the trace");
}

#[tokio::test]
async fn a_request_names_one_host() {
    let gateway = world().await.start().await;
    for (version, hosts, status) in [
        ("HTTP/1.1", &["Host: gateway"][..], 200),
        ("HTTP/1.1", &[], 400),
        ("HTTP/1.1", &["Host: gateway", "Host: another"], 400),
        ("HTTP/1.0", &[], 200),
    ] {
        let answer = gateway.send_lines(&format!("GET /health/live {version}"), hosts, "").await;
        assert_eq!(answer.status, status, "{version} {hosts:?}");
        assert!(status == 200 || answer.code() == "invalid_parameter", "{answer:?}");
    }
}

#[tokio::test]
async fn a_compressed_answer_says_what_the_plain_one_says() {
    let world = World::new().await;
    world.persons(crowd(300));
    let gateway = world.start().await;
    let roll = "/customers/acme/users";
    for (query, accept) in [
        ("", "*/*"), // a miss
        ("", "*/*"), // a hit
        ("?page_size=1000", "*/*"),
        ("?q=p1", "*/*"),
        ("?sort=-email&include=conflicts", "*/*"),
        ("", "text/csv"),
        ("?q=p1", "text/csv"),
        ("", "application/x-ndjson"),
    ] {
        same_when_compressed(&gateway, &format!("{roll}{query}"), accept).await;
    }
    same_when_compressed(&gateway, "/openapi.json", "*/*").await;
    let small = gateway.get_gzipped(&format!("{roll}?page_size=1"), &[]).await;
    assert_eq!((small.status, small.header("content-encoding"), small.names().len()), (200, None, 1), "it is not worth it");
    assert_eq!(world.asked().0, 6, "one walk of six pages");
}

/// Checks that an answer comes compressed to who accepts that, with the plain one's content and tag.
async fn same_when_compressed(gateway: &Gateway, path: &str, accept: &str) {
    let compressed = gateway.get_gzipped(path, &[("accept", accept)]).await;
    let plain = gateway.get_with(path, &[("accept", accept)]).await;
    assert_eq!((compressed.status, plain.status), (200, 200), "{path} {accept}");
    assert_eq!((compressed.header("content-encoding"), plain.header("content-encoding")), (Some("gzip"), None), "{path} {accept}");
    assert!(!plain.text.is_empty() && compressed.text == plain.text, "{path} {accept}: {compressed:?}");
    for name in ["etag", "content-type", "link", "vary", "rollcall-status"] {
        assert_eq!(compressed.header(name), plain.header(name), "{path} {accept}: {name}");
    }
    assert_eq!(plain.header("etag").is_some(), path != "/openapi.json", "{path} {accept}");
}
