//! Web pages of other origins: which may read the answers, and which parts of them.

use crate::support::{Answer, Folder, Gateway, Program, World, until};

const USERS: &str = "/customers/acme/users";
const OURS: &str = "https://app.example.com";
const THEIRS: &str = "https://evil.example";

/// The headers of a preflight, except its origin.
const ASKING: [(&str, &str); 2] =
    [("access-control-request-method", "GET"), ("access-control-request-headers", "authorization, if-none-match")];

/// A gateway whose answers may be read by pages of two origins.
async fn shared(world: &World) -> Gateway {
    let origins = format!("{OURS}, http://localhost:3000");
    world.gateway().set("server.cors_origins", &origins).set("server.admin_listen", "127.0.0.1:0").start().await
}

async fn preflight(gateway: &Gateway, path: &str, origin: &str) -> Answer {
    gateway.send("OPTIONS", path, &[[("origin", origin)].as_slice(), &ASKING].concat()).await
}

/// The names of the headers that are for browsers.
fn browsers(answer: &Answer) -> Vec<&str> {
    answer.headers.keys().map(http::HeaderName::as_str).filter(|name| name.starts_with("access-control")).collect()
}

#[track_caller]
fn lists(answer: &Answer, header: &str, names: &[&str]) {
    let listed = answer.header(header).unwrap_or_default().to_lowercase();
    let listed: Vec<&str> = listed.split(',').map(str::trim).collect();
    assert!(names.iter().all(|name| listed.contains(name)), "{header} of {answer:?}");
}

#[tokio::test]
async fn a_preflight_of_a_named_origin_is_answered_before_anything_else() {
    let world = World::of_two().await;
    let gateway = shared(&world).await;
    for (path, origin) in [(USERS, OURS), (USERS, "http://localhost:3000"), ("/health/sources", OURS), ("/nowhere", OURS)] {
        let answer = preflight(&gateway, path, origin).await;
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, Some(origin)), "{answer:?}");
        lists(&answer, "access-control-allow-methods", &["get", "head"]);
        let sent = ["authorization", "x-api-key", "if-none-match", "cache-control", "x-request-id", "traceparent", "accept"];
        lists(&answer, "access-control-allow-headers", &sent);
        lists(&answer, "access-control-allow-headers", &["x-advanced-automation-authorization", "x-myreports-authorization"]);
        assert_eq!(answer.header("access-control-max-age"), Some("3600"));
        assert_eq!((answer.header("access-control-allow-credentials"), answer.text.as_str()), (None, ""));
        assert_eq!(answer.header("vary"), Some("Accept, Accept-Encoding, Authorization, X-Api-Key, Origin"));
        assert!(answer.header("x-request-id").is_some() && answer.header("traceparent").is_some(), "{answer:?}");
    }
    assert_eq!(world.asked(), (0, 0));
}

#[tokio::test]
async fn a_page_of_a_named_origin_reads_answers_and_errors_with_their_headers() {
    let world = World::of_two().await;
    let gateway = shared(&world).await;
    let read = ["x-request-id", "traceparent", "etag", "cache-control", "age", "cache-status", "server-timing", "link", "vary"];
    for (method, path, status) in [
        ("GET", USERS, 200),
        ("HEAD", USERS, 200),
        ("GET", "/nowhere", 404),
        ("GET", "/customers/acme/users?page_size=0", 400),
        ("POST", USERS, 405),
        ("GET", "/openapi.json", 200),
    ] {
        let answer = gateway.send(method, path, &[("origin", OURS)]).await;
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (status, Some(OURS)), "{answer:?}");
        lists(&answer, "access-control-expose-headers", &read);
        lists(&answer, "access-control-expose-headers", &["retry-after", "www-authenticate", "rollcall-status", "allow"]);
        assert_eq!(answer.header("access-control-allow-credentials"), None, "{answer:?}");
        assert_eq!(answer.headers.get_all("vary").iter().count(), 1, "{answer:?}");
        assert!(answer.header("vary").is_some_and(|vary| vary.ends_with(", Origin")), "{answer:?}");
        if status >= 400 {
            assert_eq!(answer.json()["error"], status, "the envelope: {answer:?}");
        }
    }
}

#[tokio::test]
async fn a_page_of_another_origin_gets_no_headers_and_no_error() {
    let world = World::of_two().await;
    let gateway = shared(&world).await;
    for origin in [THEIRS, "null", "https://app.example.com.evil.example", "http://app.example.com", "https://app.example.com:8443"] {
        for answer in [gateway.get_with(USERS, &[("origin", origin)]).await, preflight(&gateway, USERS, origin).await] {
            assert_eq!((answer.status, browsers(&answer)), (200, vec![]), "{origin}: {answer:?}");
            assert!(answer.header("vary").is_some_and(|vary| vary.ends_with(", Origin")), "{answer:?}");
        }
    }
    let without = gateway.get(USERS).await;
    assert_eq!((without.status, browsers(&without)), (200, vec![]));
    for headers in [&[][..], &[("origin", OURS)], &ASKING] {
        let no_preflight = gateway.send("OPTIONS", USERS, headers).await;
        assert_eq!((no_preflight.status, no_preflight.header("allow")), (405, Some("GET,HEAD")), "{no_preflight:?}");
    }
    let admin = Gateway::at(gateway.admin_url.clone().unwrap());
    let metrics = admin.get_with("/metrics", &[("origin", OURS)]).await;
    assert_eq!((metrics.status, browsers(&metrics)), (200, vec![]), "no page may read the operators' listener");
}

#[tokio::test]
async fn where_no_origin_is_named_nothing_is_shared() {
    let world = World::of_two().await;
    let gateway = world.start().await;
    let answer = gateway.get_with(USERS, &[("origin", OURS)]).await;
    answer.has_the_usual_headers();
    assert_eq!((answer.status, browsers(&answer)), (200, vec![]));
    let asked = preflight(&gateway, USERS, OURS).await;
    assert_eq!((asked.code().as_str(), browsers(&asked)), ("method_not_allowed", vec![]));
}

#[tokio::test]
async fn an_entry_that_is_no_origin_is_a_fault_that_names_it() {
    let world = World::new().await;
    let fault = |origins: &str| world.gateway().set("server.cors_origins", origins).config().err().unwrap().to_string();
    for (origins, named) in [
        ("*", "entry 1"),
        ("https://a.example, https://b.example/", "entry 2 must be scheme, host and port as a browser sends them: \"https://b.example\""),
        ("https://a.example, app.example.com", "entry 2"),
    ] {
        let fault = fault(origins);
        assert!(fault.starts_with("server.cors_origins") && fault.contains(named) && fault.lines().count() == 1, "{fault}");
    }
    assert!(fault("*").contains("personal data"), "it says why");
}

#[tokio::test]
async fn other_origins_are_put_to_work_without_a_restart() {
    let (world, folder) = (World::of_two().await, Folder::new());
    let with = |origin: &str| world.toml_with_secrets(&folder, &format!("server.cors_origins = [\"{origin}\"]"));
    let (program, gateway) = Program::serve(&with(OURS), &[]).await;
    with(THEIRS);
    program.signal("HUP");
    until("the configuration to be reloaded", || program.said().contains("was reloaded")).await;
    let answer = gateway.get_with(USERS, &[("origin", THEIRS)]).await;
    assert_eq!(answer.header("access-control-allow-origin"), Some(THEIRS), "{answer:?}");
    assert_eq!(browsers(&gateway.get_with(USERS, &[("origin", OURS)]).await), [""; 0]);
}
