//! Every error, from every route and every layer, has the one shape, and contains nothing from an upstream.

use std::time::Duration;

use rollcall::app::App;
use serde_json::json;

use crate::support::{Answer, Gateway, Reply, World, until, with_tokens};

const ROUTES: [&str; 10] = [
    "/customers/acme/users",
    "/openapi.json",
    "/openapi.yaml",
    "/docs",
    "/docs/",
    "/",
    "/health/live",
    "/health/ready",
    "/health/sources",
    "/metrics",
];

/// Text that an upstream writes and no caller may read.
const THEIRS: &str = "mallory";

#[tokio::test]
async fn a_route_that_there_is_not_is_told_so() {
    let world = World::new().await;
    let gateway = world.start().await;
    for path in [
        "/nowhere",
        "/customers/acme/",
        "/customers/acme/users/",
        "/docs/nothing.js",
        "/docs/../metrics",
        "/docs/%2e%2e%2fmetrics",
        "/health",
        "//",
    ] {
        assert_eq!(gateway.send_raw(&format!("GET {path} HTTP/1.1"), &[]).await.code(), "route_not_found", "{path}");
    }
}

#[tokio::test]
async fn a_target_may_be_absolute_and_another_form_is_no_route() {
    let world = World::new().await;
    let gateway = world.start().await;
    assert_eq!(gateway.send_raw("GET http://gateway.example/health/live HTTP/1.1", &[]).await.json()["status"], "live");
    for first_line in ["OPTIONS * HTTP/1.1", "CONNECT gateway.example:443 HTTP/1.1", "GET http://gateway.example HTTP/1.1"] {
        let answer = gateway.send_raw(first_line, &[]).await;
        assert!(answer.status == 200 || ["route_not_found", "method_not_allowed"].contains(&answer.code().as_str()), "{first_line}");
    }
}

#[tokio::test]
async fn a_wrong_method_is_told_the_right_ones() {
    let world = World::new().await;
    let gateway = world.start().await;
    for path in ROUTES {
        for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"] {
            let answer = gateway.send(method, path, &[]).await;
            assert_eq!(answer.code(), "method_not_allowed", "{method} {path}");
            let mut allowed: Vec<&str> = answer.header("allow").unwrap_or_default().split(',').map(str::trim).collect();
            allowed.sort_unstable();
            assert_eq!(allowed, ["GET", "HEAD"], "{method} {path}");
        }
    }
    assert_eq!(world.my_reports.calls().len(), 0);
}

#[tokio::test]
async fn what_is_no_customer_id_asks_no_source() {
    let world = World::new().await;
    let gateway = world.start().await;
    let long = "x".repeat(129);
    for id in ["a%2Fb", "a%20b", "..", ".", "%2e%2e", "%2E", "%FF", "a%00", "%C3%A4", "a%0Ab", "a+b", "a@b", "a%", "%zz", &long] {
        let answer = gateway.send_raw(&format!("GET /customers/{id}/users HTTP/1.1"), &[]).await;
        assert_eq!(answer.code(), "invalid_customer_id", "{id}: {answer:?}");
        assert_eq!(answer.json()["sources"], json!([]), "{id}");
    }
    assert!(world.my_reports.calls().is_empty() && world.advanced_automation.calls().is_empty());
    let longest = "x".repeat(128);
    for id in ["%61cme", "...", "-", "a.b_c~d-0", &longest] {
        assert_eq!(gateway.get(&format!("/customers/{id}/users")).await.status, 200, "{id}");
    }
}

#[tokio::test]
async fn a_wrong_parameter_is_named_and_asks_no_source() {
    let world = World::new().await;
    let gateway = world.start().await;
    let long = format!("q={}", "x".repeat(321));
    for (query, name) in [
        ("page_size=0", "page_size"),
        ("page_size=1001", "page_size"),
        ("page_size=-1", "page_size"),
        ("page_size=1e2", "page_size"),
        ("page_size=18446744073709551617", "page_size"),
        ("page_size=5&page_size=5", "page_size"),
        ("q=a&q=b", "q"),
        ("q=", "q"),
        (&long, "q"),
        ("email=%20", "email"),
        ("source=acronis", "source"),
        ("enabled=1", "enabled"),
        ("include=everything", "include"),
        ("exclude=deleted", "exclude"),
        ("sort=name", "sort"),
        ("partial=perhaps", "partial"),
        ("colour=red", "colour"),
        ("PAGE_SIZE=5", "PAGE_SIZE"),
        ("%66oo=1", "foo"),
        ("deny", "deny"),
    ] {
        let answer = gateway.get(&format!("/customers/acme/users?{query}")).await;
        assert_eq!(answer.code(), "invalid_parameter", "{query}");
        assert!(answer.json()["message"].as_str().unwrap().contains(&format!("'{name}'")), "{query}: {}", answer.text);
    }
    for cursor in ["", "nonsense", "%FF", "AAAA", &"A".repeat(4000)] {
        assert_eq!(gateway.get(&format!("/customers/acme/users?cursor={cursor}")).await.code(), "invalid_cursor", "{cursor}");
    }
    assert!(world.my_reports.calls().is_empty() && world.advanced_automation.calls().is_empty());
}

#[tokio::test]
async fn who_takes_no_json_is_told_so_and_asks_no_source() {
    let world = World::new().await;
    let gateway = world.start().await;
    for accept in ["text/html", "application/xml", "application/json;q=0", "*/*;q=0", "image/*, text/plain"] {
        assert_eq!(gateway.get_with("/customers/acme/users", &[("accept", accept)]).await.code(), "not_acceptable", "{accept}");
    }
    assert!(world.my_reports.calls().is_empty() && world.advanced_automation.calls().is_empty());
    for accept in ["application/json", "text/html, */*;q=0.1", "application/*", "APPLICATION/JSON; charset=utf-8"] {
        assert_eq!(gateway.get_with("/customers/acme/users", &[("accept", accept)]).await.status, 200, "{accept}");
    }
}

#[tokio::test]
async fn from_the_moment_it_is_to_stop_it_is_not_ready_and_still_answers() {
    let world = World::new().await;
    let running = App::new(world.gateway().config().unwrap()).unwrap().start().unwrap();
    let gateway = Gateway::at(format!("http://{}", running.address));
    assert_eq!(gateway.get("/health/ready").await.json()["status"], "ready");
    let stopping = tokio::spawn(running.stop(Duration::from_mins(1)));
    tokio::task::yield_now().await;
    let answer = gateway.get("/health/ready").await;
    assert_eq!((answer.code().as_str(), answer.header("retry-after").is_some()), ("shutting_down", true));
    for path in ["/health/live", "/customers/acme/users"] {
        assert_eq!(gateway.get(path).await.status, 200, "{path}");
    }
    assert!(!stopping.is_finished(), "it takes requests for as long as configured");
}

#[tokio::test]
async fn more_requests_than_there_is_room_for_are_refused_and_probes_are_not() {
    let world = World::new().await;
    world.my_reports.always(Reply::status(500).after(Duration::from_mins(1)));
    let gateway = world.gateway().set("server.max_in_flight", "1").start().await;
    let meanwhile = async {
        until("the first request to be under way", || !world.my_reports.calls().is_empty()).await;
        assert_eq!(gateway.get("/health/ready").await.status, 200);
        gateway.get("/customers/other/users").await
    };
    tokio::select! {
        first = gateway.get("/customers/acme/users") => panic!("it did not wait: {first:?}"),
        refused = meanwhile => assert_eq!((refused.code().as_str(), refused.header("retry-after").is_some()), ("overloaded", true)),
    }
}

#[tokio::test]
async fn who_wants_rfc_9457_gets_the_same_facts_in_that_form() {
    let world = World::new().await;
    let gateway = world.gateway().set("sources.my_reports.retries", "0").start().await;
    world.my_reports.answer(|call| {
        let status = call.path.split('/').nth(4).and_then(|customer| customer.parse().ok()).unwrap_or(200);
        Reply::status(status)
    });
    for (method, target, code) in [
        ("GET", "/customers/a%20b/users", "invalid_customer_id"),
        ("GET", "/customers/acme/users?x=1", "invalid_parameter"),
        ("GET", "/customers/acme/users?cursor=x", "invalid_cursor"),
        ("GET", "/nowhere", "route_not_found"),
        ("PUT", "/metrics", "method_not_allowed"),
        ("GET", "/customers/400/users?partial=deny", "upstream_bad_request"),
        ("GET", "/customers/401/users?partial=deny", "upstream_unauthorized"),
        ("GET", "/customers/403/users?partial=deny", "upstream_forbidden"),
        ("GET", "/customers/429/users?partial=deny", "upstream_rate_limited"),
        ("GET", "/customers/503/users?partial=deny", "upstream_unavailable"),
        ("GET", "/customers/204/users?partial=deny", "upstream_invalid_response"),
    ] {
        let id = ("x-request-id", "one-1");
        let plain = gateway.send(method, target, &[id]).await;
        let problem = gateway.send(method, target, &[id, ("accept", "application/problem+json")]).await;
        assert_eq!((plain.code(), problem.problem_code(), plain.status), (code.into(), code.into(), problem.status), "{target}");
        let (plain_body, body) = (plain.json(), problem.json());
        for fact in ["code", "owner", "retryable", "request_id", "sources"] {
            assert_eq!(plain_body[fact], body[fact], "{target} {fact}");
        }
        assert_eq!((&body["detail"], &body["status"]), (&plain_body["message"], &plain_body["error"]), "{target}");
        for name in ["allow", "retry-after", "www-authenticate"] {
            assert_eq!(plain.header(name), problem.header(name), "{target} {name}");
        }
    }
}

/// An answer with something of every kind that an upstream could leak.
fn loud(status: u16, body: &str) -> Reply {
    let names = ["server", "set-cookie", "www-authenticate", "x-powered-by", "x-request-id", "location", "retry-after", "warning", "link"];
    names.into_iter().fold(Reply::new(status, body), |reply, name| reply.header(name, THEIRS))
}

#[tokio::test]
async fn nothing_that_an_upstream_wrote_in_an_error_reaches_a_caller() {
    let json = json!({"status": "error", "error": THEIRS, "message": THEIRS, "error_description": THEIRS}).to_string();
    for status in [200, 204, 302, 400, 401, 403, 404, 409, 422, 429, 500, 503] {
        for body in [json.as_str(), THEIRS] {
            let body = if status == 204 { "" } else { body };
            let (data, tokens) = (World::new().await, World::new().await);
            let reply = loud(status, body);
            data.my_reports.always(reply.clone());
            tokens.advanced_automation.always(reply.clone());
            data.advanced_automation.answer(with_tokens(move |_| reply.clone()));
            for world in [data, tokens] {
                let setup = world.gateway().set("sources.my_reports.retries", "0").set("sources.advanced_automation.retries", "0");
                let gateway = setup.start().await;
                for target in ["/customers/acme/users", "/customers/acme/users?partial=deny", "/health/sources", "/", "/metrics"] {
                    let answer: Answer = gateway.get(target).await;
                    assert!(!format!("{answer:?}").contains(THEIRS), "{target} {status}: {answer:?}");
                }
            }
        }
    }
}
